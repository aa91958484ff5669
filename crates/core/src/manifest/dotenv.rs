//! The file `.env` beside a manifest: values for its `env:` references on this machine. It is read where a variable isn't
//! set, and never becomes a part of the environment: no other program, and no AWS setting, comes from it.

use std::io;
use std::path::{Path, PathBuf};

use bounds::{MAX_TEXT_FILE, read_regular_text};

use crate::counted::count_with_noun;

/// The name of the file.
pub const DOTENV_FILE: &str = ".env";

/// A file `.env`, read and checked. Holds values of secrets, so it has no `Debug`.
pub struct DotEnv {
    variables: Vec<(String, String)>,
    /// What is wrong with lines of it, without their values.
    mistakes: Vec<String>,
}

impl DotEnv {
    /// Where the file of a manifest in `manifest_dir` is.
    pub fn path_beside(manifest_dir: &Path) -> PathBuf {
        manifest_dir.join(DOTENV_FILE)
    }

    /// Reads the file beside a manifest; `None` if there is none.
    ///
    /// # Errors
    /// It exists and can't be read.
    pub fn read_beside(manifest_dir: &Path) -> io::Result<Option<Self>> {
        match read_regular_text(&Self::path_beside(manifest_dir), MAX_TEXT_FILE) {
            Ok(text) => Ok(Some(Self::parse_text(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads `NAME=value` lines: with or without `export`, `#` comments, and quotes around the value. Nothing in a value is
    /// replaced, so that a secret with `$` stays what it is; in double quotes, `\n`, `\"` and `\\` are escapes.
    pub fn parse_text(text: &str) -> Self {
        let (mut variables, mut mistakes) = (Vec::new(), Vec::new());
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            match parse_line(line.trim()) {
                Ok(Some(variable)) => variables.push(variable),
                Ok(None) => {}
                Err(why) => mistakes.push(format!("line {}: {why}", number + 1)),
            }
        }
        Self { variables, mistakes }
    }

    /// The value of a variable. The last line that sets it counts, as in a shell.
    pub fn find_value(&self, name: &str) -> Option<&str> {
        self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What its reader should know: lines that are ignored, and variables that have no effect here.
    pub fn list_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(first) = self.mistakes.first() {
            let more = self.mistakes.len() - 1;
            let rest =
                if more == 0 { String::new() } else { format!(" (and {} more)", count_with_noun(more as u64, "line")) };
            warnings.push(format!("{DOTENV_FILE}, {first}; the line is ignored{rest}"));
        }
        let ours = |name: &str| name.starts_with("AWS_") || name.starts_with("DEPLOYER_");
        let names: Vec<&str> = self.variables.iter().map(|(name, _)| name.as_str()).filter(|name| ours(name)).collect();
        if !names.is_empty() {
            warnings.push(format!(
                "{} in {DOTENV_FILE}: only `env:` references of the manifest are read from there. Set it in the environment, or \
                 choose a profile with --profile",
                names.join(", ")
            ));
        }
        warnings
    }
}

/// The variable that a line sets, if it sets one. An error never repeats a value.
fn parse_line(line: &str) -> Result<Option<(String, String)>, &'static str> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let assignment = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(line);
    let (name, value) = assignment.split_once('=').ok_or("it has no =")?;
    let name = name.trim();
    let first = name.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_');
    if !first || !name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_') {
        return Err("what is before the = is not the name of a variable");
    }
    Ok(Some((name.to_owned(), parse_value(value.trim())?)))
}

fn parse_value(text: &str) -> Result<String, &'static str> {
    let Some(quote) = text.chars().next().filter(|sign| ['"', '\''].contains(sign)) else {
        // A comment begins after a space: a secret may contain #.
        let end =
            text.match_indices('#').find(|(at, _)| text[..*at].ends_with([' ', '\t'])).map_or(text.len(), |(at, _)| at);
        return Ok(text[..end].trim_end().to_owned());
    };
    let mut value = String::new();
    let mut signs = text[1..].chars();
    while let Some(sign) = signs.next() {
        if sign == quote {
            let rest = signs.as_str().trim_start();
            return if rest.is_empty() || rest.starts_with('#') {
                Ok(value)
            } else {
                Err("something follows the closing quote")
            };
        }
        match (quote, sign) {
            ('"', '\\') => match signs.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => break,
            },
            _ => value.push(sign),
        }
    }
    Err("its quote is not closed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        let text = "\u{feff}# comment\r\nA=1\r\nexport B = two words  # why\nC=\"with # and \\\"quotes\\\"\"\nD='single $x \\n'\n\
                    E=a#b\nF=\n  G=\"x\" # y\nA=last\nexporter=1\nH=a=b==\n";
        let file = DotEnv::parse_text(text);
        for (name, value) in [
            ("A", "last"),
            ("B", "two words"),
            ("C", "with # and \"quotes\""),
            ("D", "single $x \\n"),
            ("E", "a#b"),
            ("F", ""),
            ("G", "x"),
            ("exporter", "1"),
            ("H", "a=b=="),
        ] {
            assert_eq!(file.find_value(name), Some(value), "{name}");
        }
        assert_eq!(file.find_value("Z"), None);
        assert_eq!(file.list_warnings(), Vec::<String>::new());
    }

    #[test]
    fn says_what_is_wrong_without_the_value() {
        let file = DotEnv::parse_text(
            "secret-value\nA=\"secret-value\nB='x' secret-value\n1B=secret-value\nAWS_PROFILE=secret-value",
        );
        let warnings = file.list_warnings();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert_eq!(warnings[0], ".env, line 1: it has no =; the line is ignored (and 3 lines more)");
        assert!(warnings[1].starts_with("AWS_PROFILE in .env: only"), "{warnings:?}");
        assert!(!warnings.concat().contains("secret-value"));
    }

    proptest! {
        /// Whatever a value is, quoted in either way it is read as it was.
        #[test]
        fn quoted_values_are_read_as_written(value in "[ -~]{0,40}") {
            let double = value.replace('\\', "\\\\").replace('"', "\\\"");
            let file = DotEnv::parse_text(&format!("A=\"{double}\"\n"));
            prop_assert_eq!(file.find_value("A"), Some(value.as_str()));
            if !value.contains('\'') {
                let file = DotEnv::parse_text(&format!("export A='{value}' # why\n"));
                prop_assert_eq!(file.find_value("A"), Some(value.as_str()));
            }
        }

        #[test]
        fn any_text_is_read(text in "\\PC{0,200}") {
            let _ = DotEnv::parse_text(&text).list_warnings();
        }
    }
}
