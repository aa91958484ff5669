//! Draws one mistake with its lines of the file, as compilers do: in ASCII, so that logs, dumb terminals and screen
//! readers have the same text as everybody.

use std::fmt::Write;

use textwrap::core::display_width;

use super::excerpt::SourceExcerpt;
use super::report::{ManifestProblem, ManifestSource, ReportStyle, Span};
use crate::wrap::wrap_hanging;

/// Stands for a tab, so that marks are below what they mark.
const TAB: &str = "    ";

const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
const RESET: &str = "\u{1b}[0m";

/// A mark below a part of a line, with its label. Columns are those of the line as it is shown.
struct LineMark {
    /// Counts from 0.
    line: usize,
    column: usize,
    width: usize,
    sign: char,
    label: String,
}

/// One mistake: what it is, where, the lines around it, and how to fix it.
pub(super) fn draw_problem(source: &ManifestSource, problem: &ManifestProblem, style: ReportStyle) -> String {
    let paint = |color: &str, text: &str| if style.color { format!("{color}{text}{RESET}") } else { text.to_owned() };
    let head = format!("error[{}]", problem.code);
    let mut out = paint(RED, &head);
    let message = wrap_hanging(&problem.message, style.width, head.len() + 2, "  ");
    let _ = writeln!(out, ": {message}");
    let excerpt = SourceExcerpt::of_problem(&source.redacted, problem);
    let lines: Vec<&str> = excerpt.text.trim_start_matches('\u{feff}').lines().collect();
    let marks = list_marks(&excerpt);
    let shown = shown_lines(&marks, lines.len());
    let margin = shown.last().map_or(1, |last| (last + 1).to_string().len());
    let bar = |text: &str| format!("{:margin$} {}", "", paint(BLUE, text));
    if let Some((line, column)) = source.place_of(problem) {
        let place = format!("{}:{line}:{column}", source.path.display());
        let _ = writeln!(out, "{:margin$}{} {place}", "", paint(BLUE, "-->"));
    }
    if !shown.is_empty() {
        let _ = writeln!(out, "{}", bar("|"));
    }
    let mut before: Option<usize> = None;
    for line in &shown {
        if before.is_some_and(|before| before + 1 < *line) {
            let _ = writeln!(out, "{}", paint(BLUE, "..."));
        }
        before = Some(*line);
        let text = lines.get(*line).copied().unwrap_or_default().replace('\t', TAB);
        let number = paint(BLUE, &format!("{:>margin$} |", line + 1));
        let _ = writeln!(out, "{}", format!("{number} {text}").trim_end());
        for mark in marks.iter().filter(|mark| mark.line == *line) {
            let signs: String = std::iter::repeat_n(mark.sign, mark.width).collect();
            let color = if mark.sign == '^' { RED } else { BLUE };
            let marked = paint(color, format!("{signs} {}", mark.label).trim_end());
            let _ = writeln!(out, "{} {:column$}{marked}", bar("|"), "", column = mark.column);
        }
    }
    if let Some(help) = &problem.help {
        if !shown.is_empty() {
            let _ = writeln!(out, "{}", bar("|"));
        }
        // Without lines of the file, it is an error like all others, with a hint.
        let (first, label) = if shown.is_empty() { (2, "hint: ") } else { (margin + 3, "help: ") };
        let start = if shown.is_empty() { "  ".to_owned() } else { format!("{} ", bar("=")) };
        let indent = " ".repeat(first + label.len());
        let help = wrap_hanging(help, style.width, first + label.len(), &indent);
        let _ = writeln!(out, "{start}{label}{help}");
    }
    out
}

/// The marks, in the order of the file; of those on one line, from left to right.
fn list_marks(excerpt: &SourceExcerpt) -> Vec<LineMark> {
    let Some(span) = &excerpt.span else { return Vec::new() };
    let others = excerpt.others.iter().map(|(span, label)| (span, label.as_str(), '-'));
    let first = (span, excerpt.label.as_str(), '^');
    let mut marks: Vec<LineMark> = [first]
        .into_iter()
        .chain(others)
        .map(|(span, label, sign)| to_mark(&excerpt.text, span, label, sign))
        .collect();
    marks.sort_by_key(|mark| (mark.line, mark.column));
    marks
}

/// A mark of a part that covers several lines is below its first one.
fn to_mark(text: &str, span: &Span, label: &str, sign: char) -> LineMark {
    let start = text.floor_char_boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = text.floor_char_boundary(span.end.clamp(start, line_end));
    let shown_width = |part: &str| display_width(&part.trim_start_matches('\u{feff}').replace('\t', TAB));
    LineMark {
        line: text[..start].matches('\n').count(),
        column: shown_width(&text[line_start..start]),
        width: shown_width(text[start..end].trim_end()).max(1),
        sign,
        label: label.to_owned(),
    }
}

/// The numbers of the lines that are shown: those with marks, and one before and after each.
fn shown_lines(marks: &[LineMark], lines: usize) -> Vec<usize> {
    let around = marks.iter().flat_map(|mark| mark.line.saturating_sub(1)..=mark.line + 1);
    let marked = marks.iter().map(|mark| mark.line);
    let mut shown: Vec<usize> = around.filter(|line| *line < lines).chain(marked).collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}
