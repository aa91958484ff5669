//! Output for other programs.

use std::io::Write;

use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;

/// Writes to stdout. A closed pipe (`deployer man | head`) is no failure.
pub(in crate::commands) fn write_to_stdout(bytes: &[u8]) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::failed("could not write to stdout").caused_by(&error))
        }
        _ => Ok(ExitCode::Done),
    }
}
