//! The few actions that are needed and that no test can provoke.

use super::PolicyCommand;

/// An action of a statement that commands take where no test gets.
#[derive(Debug, Clone, Copy)]
pub struct UnprovokedGrant {
    pub action: &'static str,
    /// The statement's `Sid`.
    pub statement: &'static str,
    pub commands: &'static [PolicyCommand],
    /// Why it is needed, and not provoked.
    pub why: &'static str,
}

const fn grant(
    action: &'static str,
    statement: &'static str,
    commands: &'static [PolicyCommand],
    why: &'static str,
) -> UnprovokedGrant {
    UnprovokedGrant { action, statement, commands, why }
}

/// Every action of every statement is needed by a call that a test records, except for these. A test holds both.
pub const UNPROVOKED: &[UnprovokedGrant] = &[
];
