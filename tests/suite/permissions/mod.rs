//! The table of permissions against what the deployer really does: the policy of each command allows each of its calls.

mod command;
mod evidence;
mod minimal;
pub mod record;
mod source;
