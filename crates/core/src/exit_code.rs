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

impl ExitCode {
    /// From the worst to the best, for a command that was run for several manifests: what was left half done, then what
    /// failed or was refused, then what is unknown. That something differs is no failure.
    const WORST_FIRST: [Self; 9] = [
        Self::Cancelled,
        Self::Partial,
        Self::Failed,
        Self::Refused,
        Self::Stale,
        Self::Usage,
        Self::Incomplete,
        Self::Changes,
        Self::Done,
    ];

    /// The code of a run that ended in all these ways: the worst of them, or [`ExitCode::Done`] if there are none.
    pub fn worst_of(codes: impl IntoIterator<Item = Self>) -> Self {
        let rank = |code: &Self| Self::WORST_FIRST.iter().position(|other| other == code);
        codes.into_iter().min_by_key(rank).unwrap_or(Self::Done)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_wins_and_changes_are_no_failure() {
        use ExitCode::{Cancelled, Changes, Done, Failed, Incomplete, Partial, Refused, Stale, Usage};
        assert_eq!(ExitCode::worst_of([]), Done);
        for (codes, worst) in [
            (vec![Done, Done], Done),
            (vec![Done, Changes], Changes),
            (vec![Changes, Incomplete, Done], Incomplete),
            (vec![Incomplete, Usage], Usage),
            (vec![Usage, Stale, Changes], Stale),
            (vec![Stale, Refused], Refused),
            (vec![Refused, Failed, Usage], Failed),
            (vec![Failed, Partial, Changes], Partial),
            (vec![Partial, Cancelled], Cancelled),
        ] {
            assert_eq!(ExitCode::worst_of(codes.clone()), worst, "{codes:?}");
            assert_eq!(ExitCode::worst_of(codes.iter().rev().copied()), worst, "{codes:?}");
        }
        // A code without a rank would be the best of all.
        for code in [Done, Failed, Usage, Incomplete, Partial, Stale, Refused, Changes, Cancelled] {
            assert!(ExitCode::WORST_FIRST.contains(&code), "{code:?}");
        }
    }
}
