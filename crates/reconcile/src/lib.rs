//! From what exists to what the manifest declares.

pub mod apply;
