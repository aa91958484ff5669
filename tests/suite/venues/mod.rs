//! `deployer venue`: edits of the manifest, in process and as commands.

mod commands;
mod edits;
mod whole;
