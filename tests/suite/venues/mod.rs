//! `deployer venue`: edits of the manifest, as texts and as processes.

mod commands;
mod edits;
