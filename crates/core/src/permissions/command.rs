//! The commands that call AWS.

use std::fmt;

/// A command that calls AWS, or several that take the same actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyCommand {
    Plan,
    Apply,
    Destroy,
    Adopt,
    Rollback,
    Secret,
    Connect,
    Status,
    Report,
    Logs,
    Invoke,
    Retry,
    Unlock,
    Doctor,
    Duplicates,
    Audit,
    Decommission,
    Restore,
    Verify,
}

impl PolicyCommand {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 19] = [
        Self::Plan,
        Self::Apply,
        Self::Destroy,
        Self::Adopt,
        Self::Rollback,
        Self::Secret,
        Self::Connect,
        Self::Status,
        Self::Report,
        Self::Logs,
        Self::Invoke,
        Self::Retry,
        Self::Unlock,
        Self::Doctor,
        Self::Duplicates,
        Self::Audit,
        Self::Decommission,
        Self::Restore,
        Self::Verify,
    ];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Destroy => "destroy",
            Self::Adopt => "adopt",
            Self::Rollback => "rollback",
            Self::Secret => "secret",
            Self::Connect => "connect",
            Self::Status => "status",
            Self::Report => "report",
            Self::Logs => "logs",
            Self::Invoke => "invoke",
            Self::Retry => "retry",
            Self::Unlock => "unlock",
            Self::Doctor => "doctor",
            Self::Duplicates => "duplicates",
            Self::Audit => "audit",
            Self::Decommission => "decommission",
            Self::Restore => "restore",
            Self::Verify => "verify",
        }
    }
}

impl fmt::Display for PolicyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
