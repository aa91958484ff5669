//! Whether the venues work, and what to do where they don't.

pub mod alarms;
pub mod consent;
pub mod doctor;
pub mod isolation;
pub mod status;
pub mod verify;
