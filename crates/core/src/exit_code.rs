//! The exit codes and their numbers. The README repeats this table.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// A mistake in the command line or in the manifest.
    Usage = 2,
    /// Something could not be read, so the plan is incomplete.
    Incomplete = 3,
    /// The apply finished only in part.
    Partial = 4,
    /// The saved plan is stale.
    Stale = 5,
    /// Refused by a guard: account, portal, `--max-delete`, protection, lock.
    Refused = 6,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 10,
    /// Canceled by the user.
    Cancelled = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// The number of an exit code, for programs.
///
/// # Errors
/// The serializer's.
pub(crate) fn serialize_number<S: serde::Serializer>(code: &ExitCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*code as u8)
}
