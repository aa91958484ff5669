//! The error that every command ends with: what happened, where, and what to do about it.

mod code;

use std::fmt;

use serde::Serialize;

pub use code::{ErrorCode, HANDBOOK, handbook_sections};

use crate::exit_code::ExitCode;
use crate::manifest::ManifestErrors;

/// Why a command failed. Its text is for people: `message` says what happened and where, each of `hints` one thing to
/// do.
#[derive(Debug, Serialize)]
pub struct Error {
    /// What kind of error it is: its section in the handbook.
    pub code: ErrorCode,
    /// The exit code of the process.
    #[serde(serialize_with = "crate::exit_code::serialize_number")]
    pub exit_code: ExitCode,
    /// What happened, and where (file, venue, resource): one sentence without a final period.
    pub message: String,
    /// What led to it, outermost first.
    pub causes: Vec<String>,
    /// What to do, each a sentence.
    pub hints: Vec<String>,
    /// The mistakes in a manifest, which people are shown instead of the message.
    #[serde(skip)]
    pub report: Option<Box<ManifestErrors>>,
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that ends the command with `exit_code`.
    pub fn new(exit_code: ExitCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, exit_code, message: message.into(), causes: Vec::new(), hints: Vec::new(), report: None }
    }

    /// An error that ends the command with [`ExitCode::Failed`].
    pub fn failed(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(ExitCode::Failed, code, message)
    }

    /// A mistake in the command line or the manifest.
    pub fn usage(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, code, message)
    }

    /// A refusal by a guard.
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(ExitCode::Refused, code, message)
    }

    /// Adds a cause, followed by the chain of its own sources.
    #[must_use]
    pub fn caused_by(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Adds something to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        for hint in &self.hints {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
