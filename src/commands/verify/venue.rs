//! `deployer verify VENUE`

use crate::cli::{Global, VerifyArgs};
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;

pub(super) async fn run(_: &Global, _: &VerifyArgs, name: &str) -> Result<ExitCode> {
    Err(Error::failed(name))
}
