//! References to secret values, and the values they lead to. Nothing here shows a value.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Flaw, SecretRef};

const HELP: &str =
    "write where the value is to be had: \"env:NAME\", \"file:PATH\", \"cmd:PROGRAM ARGS\" or \"managed\"";

/// A secret value. It can be written to a secret or a header, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// A value from elsewhere, such as a prompt; checked as one from a reference is.
    pub fn new(value: impl Into<String>) -> Result<Self, &'static str> {
        let mut value = value.into();
        if value.ends_with('\n') {
            value.pop();
            if value.ends_with('\r') {
                value.pop();
            }
        }
        if value.is_empty() {
            return Err("the value is empty");
        }
        if value.chars().any(char::is_control) {
            return Err("the value has a line break or another control character in it, and no credential has");
        }
        Ok(Self(value))
    }

    /// The value itself. Call it only where it is sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

impl fmt::Display for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Why a reference leads to no value. Holds the reference and never the value.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The environment variable isn't set.
    #[error("the environment variable {0} isn't set")]
    NotSet(String),
    /// The file couldn't be read.
    #[error("{path} can't be read", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program couldn't be started.
    #[error("`{program}` can't be started")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program failed. What it printed is not kept: it may hold the value.
    #[error("`{program}` failed: {status}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// What was found can't be a credential.
    #[error("{reference}: {reason}")]
    Unusable {
        /// The reference.
        reference: String,
        /// What is wrong with the value.
        reason: &'static str,
    },
}

impl SecretRef {
    /// Reads a reference. The error never repeats `text`, which may be a secret that stands where it doesn't belong.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        if text == "managed" {
            return Ok(Self::Managed);
        }
        if let Some(name) = text.strip_prefix("env:") {
            let mut bytes = name.bytes();
            let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            return if first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                Ok(Self::Env(name.to_owned()))
            } else {
                Err(Flaw::new(
                    "after env: stands the name of an environment variable",
                    "a name has letters, digits and _, such as env:VENUE_A_HUBSPOT_TOKEN",
                ))
            };
        }
        if let Some(path) = text.strip_prefix("file:") {
            return if path.is_empty() || path.contains('\0') {
                Err(Flaw::new(
                    "after file: stands a path",
                    "such as file:secrets/venue-a.token, relative to the manifest",
                ))
            } else {
                Ok(Self::File(PathBuf::from(path)))
            };
        }
        if let Some(command) = text.strip_prefix("cmd:") {
            return words(command).map(Self::Cmd);
        }
        Err(Flaw::new("a literal value stands where a reference to a secret belongs", HELP))
    }

    /// The value that the reference leads to; nothing for [`SecretRef::Managed`]. Paths are relative to `manifest_dir`,
    /// where programs are run too. A program runs without a shell; its standard error is this process's.
    pub fn resolve(&self, manifest_dir: &Path) -> Result<Option<SecretValue>, ResolveError> {
        let unusable = |reason| ResolveError::Unusable { reference: self.to_string(), reason };
        let bytes = match self {
            Self::Managed => return Ok(None),
            Self::Env(name) => {
                let value = std::env::var_os(name).ok_or_else(|| ResolveError::NotSet(name.clone()))?;
                value.into_encoded_bytes()
            }
            Self::File(path) => {
                let path = manifest_dir.join(path);
                std::fs::read(&path).map_err(|source| ResolveError::File { path, source })?
            }
            Self::Cmd(words) => run(words, manifest_dir)?,
        };
        let text = String::from_utf8(bytes).map_err(|_| unusable("the value is not UTF-8"))?;
        SecretValue::new(text).map(Some).map_err(unusable)
    }
}

fn run(words: &[String], dir: &Path) -> Result<Vec<u8>, ResolveError> {
    let (program, arguments) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        // A password manager may have to ask for its own password.
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| ResolveError::Start { program: program.to_owned(), source })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(ResolveError::Failed { program: program.to_owned(), status: output.status })
    }
}

/// Splits a command as a shell would, with quotes and backslashes, and without anything else that a shell does.
fn words(command: &str) -> Result<Vec<String>, Flaw> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = command.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some(open), _) if char == open => quote = None,
            (None | Some('"'), '\\') => {
                let next =
                    chars.next().ok_or_else(|| Flaw::new("the command ends in a backslash", "write \\\\ for one"))?;
                word.get_or_insert_default().push(next);
            }
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, _) if char.is_whitespace() => words.extend(word.take()),
            (None | Some(_), _) => word.get_or_insert_default().push(char),
        }
    }
    if quote.is_some() {
        return Err(Flaw::new("the command has a quote that isn't closed", "close it, or write \\ before it"));
    }
    words.extend(word);
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words),
        _ => Err(Flaw::new("after cmd: stands a program", "such as cmd:op read op://venues/venue-a/token")),
    }
}

/// A word so that [`words`] reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |char: char| !char.is_whitespace() && !matches!(char, '\'' | '"' | '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
