//! Makes a report fit a screen: of a line that is longer than one, only what surrounds the mistake is shown.

use std::ops::Range;

use super::report::{ManifestProblem, Span};

/// The longest line that is shown whole, in characters.
const LONGEST_LINE: usize = 240;
/// How much of a longer line is shown before and after the beginning of what is wrong with it.
const BEFORE: usize = 40;
const AFTER: usize = 120;
/// The most lines that one mark covers.
const MOST_LINES: usize = 8;
/// The most places that one report shows besides the mistake itself.
const MOST_OTHERS: usize = 4;
/// Stands for what isn't shown of a line.
const CUT: char = '…';

/// The part of a manifest that a report shows, with the places in it.
#[derive(Debug)]
pub(super) struct SourceExcerpt {
    pub(super) text: String,
    pub(super) span: Option<Span>,
    pub(super) label: String,
    pub(super) others: Vec<(Span, String)>,
}

/// A line of the source: where it was, where what is shown of it is, and how much of that is a mark for a cut.
struct ShownLine {
    kept: Range<usize>,
    shown_from: usize,
}

impl SourceExcerpt {
    /// The excerpt of `source` that shows `problem`.
    pub(super) fn of_problem(source: &str, problem: &ManifestProblem) -> Self {
        let label = problem.label.clone();
        let first = problem.span.clone().map(|span| shorten_span(source, span));
        let mut others: Vec<_> = problem.others.iter().take(MOST_OTHERS).cloned().collect();
        others.iter_mut().for_each(|(span, _)| *span = shorten_span(source, span.clone()));
        if source.lines().all(|line| line.len() <= LONGEST_LINE) {
            return Self { text: source.to_owned(), span: first, label, others };
        }
        let marked: Vec<usize> =
            first.iter().chain(others.iter().map(|(span, _)| span)).map(|span| span.start).collect();
        let (text, lines) = cut_lines(source, &marked);
        let moved = |span: &Span| move_offset(&lines, span.start)..move_offset(&lines, span.end);
        let span = first.as_ref().map(moved);
        let others = others.iter().map(|(span, label)| (moved(span), label.clone())).collect();
        Self { text, span, label, others }
    }
}

/// A span within the text that covers a few lines at most.
fn shorten_span(source: &str, span: Span) -> Span {
    let start = source.floor_char_boundary(span.start);
    let end = source.floor_char_boundary(span.end.max(start));
    let last = source[start..end].match_indices('\n').nth(MOST_LINES - 1).map_or(end, |(at, _)| start + at);
    start..last
}

/// The text with every long line cut, and the lines. A line with a mark is cut around the first one.
fn cut_lines(source: &str, marked: &[usize]) -> (String, Vec<ShownLine>) {
    let (mut text, mut lines) = (String::new(), Vec::new());
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let kept = match content.len() <= LONGEST_LINE {
            true => start..start + content.len(),
            false => {
                let whole = start..start + content.len();
                let mark = marked.iter().copied().filter(|at| whole.contains(at) || *at == whole.end).min();
                kept_part(source, whole, mark)
            }
        };
        text.extend((kept.start > start).then_some(CUT));
        lines.push(ShownLine { kept: kept.clone(), shown_from: text.len() });
        text.push_str(&source[kept.clone()]);
        text.extend((kept.end < start + content.len()).then_some(CUT));
        text.push_str(&line[content.len()..]);
        start += line.len();
    }
    (text, lines)
}

fn kept_part(source: &str, line: Range<usize>, mark: Option<usize>) -> Range<usize> {
    let middle = mark.unwrap_or(line.start);
    let back =
        source[line.start..middle].char_indices().rev().nth(BEFORE - 1).map_or(line.start, |(at, _)| line.start + at);
    let ahead = source[middle..line.end].char_indices().nth(AFTER).map_or(line.end, |(at, _)| middle + at);
    back..ahead
}

/// Where an offset of the source is in what is shown. One in a part that is cut off becomes the end next to it.
fn move_offset(lines: &[ShownLine], offset: usize) -> usize {
    let at = lines.partition_point(|line| line.kept.end < offset);
    let Some(line) = lines.get(at).or(lines.last()) else { return 0 };
    // One in the cut-off end of the line before belongs there.
    let line = match at.checked_sub(1).and_then(|before| lines.get(before)) {
        Some(before) if offset < line.kept.start && offset - before.kept.end < line.kept.start - offset => before,
        _ => line,
    };
    line.shown_from + offset.clamp(line.kept.start, line.kept.end) - line.kept.start
}

/// A text of a report with its middle left out, if it is longer than `most` characters.
pub(super) fn cut_middle(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let count = text.chars().count();
    if count <= most {
        return text;
    }
    let (head, tail) = (most * 2 / 3, most / 3);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}{CUT}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn cuts_long_lines_around_the_mistake() {
        let long = format!("a = 1\nkey = \"{}BAD{}\"\nb = 2\n", "x".repeat(70_000), "y".repeat(70_000));
        let at = long.find("BAD").expect("there");
        let problem =
            ManifestProblem::new(ErrorCode::Value, at..at + 3, "message", "label").with_other_place(0..1, "other");
        let excerpt = SourceExcerpt::of_problem(&long, &problem);
        assert_eq!(&excerpt.text[excerpt.span.clone().expect("a span")], "BAD");
        assert_eq!(&excerpt.text[excerpt.others[0].0.clone()], "a");
        assert_eq!(excerpt.text.lines().count(), 3);
        assert!(excerpt.text.lines().all(|line| line.chars().count() <= BEFORE + AFTER + 2), "{}", excerpt.text);
    }

    #[test]
    fn every_place_of_a_cut_text_is_in_what_is_shown() {
        let long = format!("{}é\r\n{}\nshort", "ü".repeat(500), "ß".repeat(300));
        for at in (0..=long.len()).filter(|at| long.is_char_boundary(*at)) {
            for end in [at, long.len()] {
                let problem = ManifestProblem::new(ErrorCode::Value, at..end, "message", "label");
                let excerpt = SourceExcerpt::of_problem(&long, &problem);
                let span = excerpt.span.clone().expect("a span");
                assert!(excerpt.text.get(span.clone()).is_some(), "{at}..{end}: {span:?} of {}", excerpt.text.len());
            }
        }
    }

    #[test]
    fn leaves_short_lines_as_they_are() {
        let problem = ManifestProblem::new(ErrorCode::Value, 4..5, "message", "label");
        let excerpt = SourceExcerpt::of_problem("a = 1\n", &problem);
        assert_eq!((excerpt.text.as_str(), excerpt.span), ("a = 1\n", Some(4..5)));
    }

    #[test]
    fn a_long_text_keeps_its_ends() {
        let text = format!("from{}to", "é".repeat(40_000));
        let cut = cut_middle(text, 300);
        assert_eq!(cut.chars().count(), 301);
        assert!(cut.starts_with("from") && cut.ends_with("to"));
        assert_eq!(cut_middle("short".to_owned(), 300), "short");
    }
}
