//! `deployer verify`: one file for each of its two checks.

mod isolation;
mod venue;

use crate::cli::{GlobalArgs, VerifyArgs};
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

pub(super) async fn run_verify(global: &GlobalArgs, args: &VerifyArgs) -> Result<ExitCode> {
    match &args.venue {
        Some(name) => venue::run_verify_venue(global, args, name).await,
        None => isolation::run_isolation(global, args).await,
    }
}
