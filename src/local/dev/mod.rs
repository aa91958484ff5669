//! The whole system on this machine, with no account anywhere.

pub mod page;
