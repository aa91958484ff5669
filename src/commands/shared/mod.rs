//! What several commands use.

pub(super) mod ask;
pub(super) mod stdout;
