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
    /// Both sides of a move, where only one place is known.
    Move,
    /// Where a move to another account begins.
    MoveFrom,
    /// Where a move within the account begins: the secrets' values are copied from there.
    MoveWithin,
    /// Where a move ends.
    MoveTo,
}

impl PolicyCommand {
    /// All that can be typed, in the order of the help.
    pub const ALL: [Self; 20] = [
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
        Self::Move,
    ];
    /// The sides of a move.
    pub const MOVES: [Self; 3] = [Self::MoveFrom, Self::MoveWithin, Self::MoveTo];

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
            Self::Move | Self::MoveFrom | Self::MoveWithin | Self::MoveTo => "move",
        }
    }

    /// The commands whose actions it takes besides its own: a move destroys in one place and applies in the other.
    pub const fn included_commands(self) -> &'static [Self] {
        match self {
            Self::Move => &[Self::Destroy, Self::Apply, Self::MoveFrom, Self::MoveWithin, Self::MoveTo],
            Self::MoveWithin => &[Self::Destroy, Self::MoveFrom],
            Self::MoveFrom => &[Self::Destroy],
            Self::MoveTo => &[Self::Apply],
            Self::Plan
            | Self::Apply
            | Self::Destroy
            | Self::Adopt
            | Self::Rollback
            | Self::Secret
            | Self::Connect
            | Self::Status
            | Self::Report
            | Self::Logs
            | Self::Invoke
            | Self::Retry
            | Self::Unlock
            | Self::Doctor
            | Self::Duplicates
            | Self::Audit
            | Self::Decommission
            | Self::Restore
            | Self::Verify => &[],
        }
    }
}

impl fmt::Display for PolicyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
