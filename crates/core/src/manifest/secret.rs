//! References to secret values, and how they are resolved. Nothing here ever shows a value.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bounds::read_regular_file;
use secrecy::{ExposeSecret, SecretString};

use super::dotenv::DotEnv;
use super::{Flaw, SecretRef, unusable};

/// The longest file with a secret, in bytes: the most that Secrets Manager stores
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>).
const MAX_SECRET_FILE: u64 = 65_536;

const HELP: &str =
    "write a reference, never the value itself: \"env:NAME\", \"file:PATH\", \"cmd:PROGRAM ARGS\" or \"managed\"";

/// A secret value. It can be written to a secret or a header but is never shown, and it is wiped when it is dropped.
#[derive(Clone)]
pub struct SecretValue(SecretString);

impl SecretValue {
    /// A value from any source: a file, a variable, a program, a prompt or stdin. The line break at its end, which
    /// editors and programs add, isn't part of it.
    ///
    /// # Errors
    /// It is empty, or has a character that came with copying or saving it. The error says which and where, and nothing
    /// else of the value.
    pub fn new(value: impl Into<String>) -> Result<Self, String> {
        let mut value = value.into();
        if value.ends_with('\n') {
            value.pop();
            if value.ends_with('\r') {
                value.pop();
            }
        }
        match unusable::explain_unusable_value(&value) {
            Some(why) => Err(why),
            None => {
                secrets::remember_secret(&value);
                Ok(Self(SecretString::from(value)))
            }
        }
    }

    /// The value itself. Call this only where it is sent.
    pub fn expose_value(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for SecretValue {
    fn eq(&self, other: &Self) -> bool {
        self.expose_value() == other.expose_value()
    }
}

impl Eq for SecretValue {}

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

/// Why a reference did not resolve. Holds the reference, never the value.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The environment variable isn't set.
    #[error("the environment variable {0} isn't set")]
    NotSet(String),
    /// The file couldn't be read.
    #[error("could not read {path}: {why}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The program couldn't be started.
    #[error("could not start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program failed. Its output is not kept, since it may contain the value.
    #[error("`{program}` failed: {status}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// Nobody watches, and the pipeline didn't allow it.
    #[error("`{0}` isn't run without a terminal, since whoever edits the manifest chooses it; --allow-cmd allows it")]
    NotAllowed(String),
    /// The resolved value can't be a credential.
    #[error("{reference}: {reason}")]
    Unusable {
        /// The reference.
        reference: String,
        /// What is wrong with the value.
        reason: String,
    },
}

impl SecretRef {
    /// Parses a reference. The error never repeats `text`, which may be a misplaced secret.
    pub fn parse_reference(text: &str) -> Result<Self, Flaw> {
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
                    "env: must be followed by the name of an environment variable",
                    "use only letters, digits and _, such as env:VENUE_A_HUBSPOT_TOKEN",
                ))
            };
        }
        if let Some(path) = text.strip_prefix("file:") {
            return if path.is_empty() || path.contains('\0') {
                Err(Flaw::new(
                    "file: must be followed by a path",
                    "write it like file:secrets/venue-a.token, relative to the manifest",
                ))
            } else {
                Ok(Self::File(PathBuf::from(path)))
            };
        }
        if let Some(command) = text.strip_prefix("cmd:") {
            return split_words(command).map(Self::Cmd);
        }
        Err(Flaw::new("this is a literal value, not a reference to a secret", HELP))
    }

    /// Resolves the reference to its value; `None` for [`SecretRef::Managed`]. Paths are relative to `manifest_dir`,
    /// which is also the working directory of programs, and where `.env` has what isn't set in the environment. A program runs without a shell and inherits stderr.
    pub fn resolve_value(&self, manifest_dir: &Path) -> Result<Option<SecretValue>, ResolveError> {
        let unusable = |reason: String| ResolveError::Unusable { reference: self.to_string(), reason };
        let bytes = match self {
            Self::Managed => return Ok(None),
            Self::Env(name) => match std::env::var_os(name) {
                Some(value) => value.into_encoded_bytes(),
                None => read_from_dotenv(name, manifest_dir)?,
            },
            Self::File(path) => {
                let path = manifest_dir.join(path);
                read_regular_file(&path, MAX_SECRET_FILE).map_err(|why| ResolveError::File { path, why })?
            }
            Self::Cmd(words) if !super::trust::may_run_commands() => {
                return Err(ResolveError::NotAllowed(words.first().cloned().unwrap_or_default()));
            }
            Self::Cmd(words) => run_program(words, manifest_dir)?,
        };
        let text =
            String::from_utf8(bytes).map_err(|error| unusable(unusable::explain_wrong_encoding(error.as_bytes())))?;
        SecretValue::new(text).map(Some).map_err(unusable)
    }
}

/// The value of a variable that isn't set, from the file beside the manifest.
fn read_from_dotenv(name: &str, manifest_dir: &Path) -> Result<Vec<u8>, ResolveError> {
    let file = DotEnv::read_beside(manifest_dir)
        .map_err(|why| ResolveError::File { path: DotEnv::path_beside(manifest_dir), why })?;
    let value = file.as_ref().and_then(|file| file.find_value(name));
    value.map(|value| value.as_bytes().to_vec()).ok_or_else(|| ResolveError::NotSet(name.to_owned()))
}

fn run_program(words: &[String], dir: &Path) -> Result<Vec<u8>, ResolveError> {
    let (program, arguments) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        // A password manager may prompt for its own password.
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

/// Splits a command into words like a shell, with quotes and backslashes but no other shell syntax.
fn split_words(command: &str) -> Result<Vec<String>, Flaw> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = command.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some(open), _) if char == open => quote = None,
            (None | Some('"'), '\\') => {
                let next = chars
                    .next()
                    .ok_or_else(|| Flaw::new("the command ends in a backslash", "write \\\\ for a backslash"))?;
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
        return Err(Flaw::new("the command has an unclosed quote", "close it, or put \\ before it"));
    }
    words.extend(word);
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words),
        _ => {
            Err(Flaw::new("cmd: must be followed by a program", "write it like cmd:op read op://venues/venue-a/token"))
        }
    }
}

/// Quotes a word so that [`words`] reads it back unchanged.
pub(super) fn quote_word(word: &str) -> String {
    let plain = |char: char| !char.is_whitespace() && !matches!(char, '\'' | '"' | '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
