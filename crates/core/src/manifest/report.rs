//! Reports of what is wrong with a manifest, and where. All mistakes are collected at once, for people and for
//! programs.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::path::PathBuf;

use serde::Serialize;

use super::draw::draw_problem;
use super::excerpt::cut_middle;
use crate::counted::count_with_noun;
use crate::error::{Error, ErrorCode};
use crate::exit_code::ExitCode;
use crate::wrap::USUAL_WIDTH;

/// The longest message, help or label, in characters. They may repeat what the file says.
const LONGEST_TEXT: usize = 400;
/// The most mistakes that a report shows to people; as many fill a few screens.
const MOST_SHOWN: usize = 20;
/// The most mistakes that are listed for programs.
const MOST_LISTED: usize = 200;

/// A byte range of the source.
pub(super) type Span = Range<usize>;

/// What is wrong with one value, and how to fix it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: String,
    /// The bytes that are wrong, if it isn't the whole value.
    pub at: Option<Range<usize>>,
}

impl Flaw {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), at: None }
    }

    pub(super) fn at_span(mut self, at: Range<usize>) -> Self {
        self.at = Some(at);
        self
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.help)
    }
}

impl std::error::Error for Flaw {}

/// One mistake or one piece of advice, with its places in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManifestProblem {
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) span: Option<Span>,
    pub(super) label: String,
    /// Related places.
    pub(super) others: Vec<(Span, String)>,
    pub(super) help: Option<String>,
}

impl ManifestProblem {
    pub(super) fn new(code: ErrorCode, span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        let [message, label] = [message.into(), label.into()].map(|text| cut_middle(text, LONGEST_TEXT));
        Self { code, message, span: Some(span), label, others: Vec::new(), help: None }
    }

    pub(super) fn without_place(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = cut_middle(message.into(), LONGEST_TEXT);
        Self { code, message, span: None, label: String::new(), others: Vec::new(), help: None }
    }

    pub(super) fn with_other_place(mut self, span: Span, label: impl Into<String>) -> Self {
        self.others.push((span, cut_middle(label.into(), LONGEST_TEXT)));
        self
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(cut_middle(help.into(), LONGEST_TEXT));
        self
    }
}

/// A mistake or a piece of advice, for programs (`--json`). Lines and columns count from 1; columns and length are in
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestFinding {
    /// The file, as given on the command line.
    pub file: String,
    /// Line; absent if the finding is about the whole file.
    pub line: Option<usize>,
    /// Column.
    pub column: Option<usize>,
    /// Length in characters.
    pub length: Option<usize>,
    /// The kind of mistake; stable across versions.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

/// Something that is allowed but could be better.
pub type Advice = ManifestFinding;

impl fmt::Display for ManifestFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The text that spans point into. Anything that may be a secret is replaced by asterisks, byte for byte.
#[derive(Debug, Clone)]
pub(super) struct ManifestSource {
    pub(super) path: PathBuf,
    pub(super) redacted: String,
}

impl ManifestSource {
    pub(super) fn to_finding(&self, problem: &ManifestProblem) -> ManifestFinding {
        let place = problem.span.as_ref().map(|span| self.line_and_column(span));
        ManifestFinding {
            file: self.path.display().to_string(),
            line: place.map(|(line, _, _)| line),
            column: place.map(|(_, column, _)| column),
            length: place.map(|(_, _, length)| length),
            code: problem.code.as_str(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }

    /// Line and column of a mistake, from 1.
    pub(super) fn place_of(&self, problem: &ManifestProblem) -> Option<(usize, usize)> {
        problem.span.as_ref().map(|span| self.line_and_column(span)).map(|(line, column, _)| (line, column))
    }

    /// Line, column and length in characters.
    fn line_and_column(&self, span: &Span) -> (usize, usize, usize) {
        let text = &self.redacted;
        let start = text.floor_char_boundary(span.start);
        let end = text.floor_char_boundary(span.end.max(start));
        let line = text[..start].matches('\n').count() + 1;
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let column = text[line_start..start].trim_start_matches('\u{feff}').chars().count() + 1;
        (line, column, text[start..end].chars().count())
    }
}

/// How reports are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportStyle {
    /// Whether to use ANSI colors.
    pub color: bool,
    /// Width in columns at which lines wrap.
    pub width: usize,
}

impl ReportStyle {
    /// No color, the usual width: for files, pipes and tests.
    pub const PLAIN: Self = Self { color: false, width: USUAL_WIDTH };
}

/// Everything that is wrong with a manifest.
#[derive(Debug, Clone)]
pub struct ManifestErrors {
    pub(super) source: ManifestSource,
    pub(super) problems: Vec<ManifestProblem>,
}

impl ManifestErrors {
    /// For programs: one finding per mistake, in the order of the file. Of more than two hundred, the last one says how
    /// many there are.
    pub fn list_findings(&self) -> Vec<ManifestFinding> {
        let mut findings: Vec<_> =
            self.problems.iter().take(MOST_LISTED).map(|problem| self.source.to_finding(problem)).collect();
        findings.extend(self.summarize_rest(MOST_LISTED).map(|rest| {
            let rest = ManifestProblem::without_place(ErrorCode::More, rest);
            self.source.to_finding(&rest.with_help("correct these first"))
        }));
        findings
    }

    /// How many mistakes there are besides the first `shown`, if there are more.
    fn summarize_rest(&self, shown: usize) -> Option<String> {
        let rest = self.problems.len().checked_sub(shown).filter(|rest| *rest > 0)?;
        Some(format!("there are {} more", count_with_noun(rest as u64, "mistake")))
    }

    /// For people: each mistake with its line and the offending text underlined. Only the first twenty are shown.
    pub fn render_report(&self, style: ReportStyle) -> String {
        let mut text = String::new();
        for problem in self.problems.iter().take(MOST_SHOWN) {
            text.push_str(&draw_problem(&self.source, problem, style));
            text.push('\n');
        }
        // Of one that isn't at a place of the file, such as a file that doesn't exist, all was said.
        if self.is_about_whole_file() {
            text.pop();
            return text;
        }
        text.push_str(&self.summarize_count());
        if self.problems.len() > MOST_SHOWN {
            let _ = write!(text, "; the first {MOST_SHOWN} are shown");
        }
        text.push('\n');
        text
    }

    /// Whether nothing in the file is wrong, but the file itself.
    fn is_about_whole_file(&self) -> bool {
        matches!(&self.problems[..], [only] if only.span.is_none())
    }

    fn summarize_count(&self) -> String {
        format!("{} in {}", count_with_noun(self.problems.len() as u64, "mistake"), self.source.path.display())
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summarize_count())?;
        for finding in self.list_findings() {
            write!(f, "\n  {finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}

impl From<ManifestErrors> for Error {
    /// What is wrong with the file itself is an error like all others. Mistakes in it are shown as a report.
    fn from(errors: ManifestErrors) -> Self {
        match &errors.problems[..] {
            [only] if only.span.is_none() => {
                let error = Self::new(ExitCode::Usage, only.code, &only.message);
                only.help.iter().fold(error, |error, help| error.hint(help))
            }
            problems => {
                let code = match problems {
                    [only] => only.code,
                    _ => ErrorCode::Manifest,
                };
                let error = Self::new(ExitCode::Usage, code, errors.summarize_count());
                Self { report: Some(Box::new(errors)), ..error }
            }
        }
    }
}
