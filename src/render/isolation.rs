//! Who can reach whom, as a table and as lines of JSON.

use std::collections::BTreeSet;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::JsonLines;
use crate::exit_code::ExitCode;
use crate::isolation::{Check, Pair, PairState, Reach, Report, Verdict};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// Venues up to which the whole table fits a terminal.
const MOST_IN_TABLE: usize = 12;

/// The table, what isn't isolated, why the rest is denied, and the closing line. `judged` says what was judged: `as
/// planned`.
pub fn isolation_text(report: &Report, judged: &str) -> String {
    let mut out = String::new();
    let pairs = report.of_two().count();
    let _ = writeln!(out, "{BOLD}Isolation {judged}:{BOLD:#} {} venues, {pairs} pairs", report.venues.len());
    let small = report.venues.len() <= MOST_IN_TABLE;
    if small {
        table(&mut out, report);
    }
    let mut told = BTreeSet::new();
    for pair in &report.pairs {
        findings(&mut out, pair, &mut told);
    }
    untold(&mut out, report);
    for disagreement in &report.disagreements {
        let _ = writeln!(out, "\n{RED}disagreement:{RED:#} {disagreement}");
    }
    if small && pairs > 0 {
        reasons(&mut out, report);
    }
    for note in &report.notes {
        let _ = writeln!(out, "\n{DIM}note:{DIM:#} {note}");
    }
    let _ = writeln!(out, "\n{}", closing(report, pairs));
    out
}

fn table(out: &mut String, report: &Report) {
    let width = report.venues.iter().map(String::len).max().unwrap_or_default();
    let _ = write!(out, "\n     {:width$}", "");
    for number in 1..=report.venues.len() {
        let _ = write!(out, " {number:>4}");
    }
    for (number, (venue, row)) in (1..).zip(report.venues.iter().zip(report.pairs.chunks(report.venues.len().max(1)))) {
        let _ = write!(out, "\n  {number:>2} {venue:width$}");
        for pair in row {
            let (style, sign) = sign(pair.state);
            let _ = write!(out, " {style}{sign:>4}{style:#}");
        }
    }
    let _ = writeln!(
        out,
        "\n\n  Row: whose role and rule. Column: whose secret, log group, function and role.\n  \
         \u{2713} denied, nothing shared; \u{2717} not isolated; ? couldn't be told; own: allowed what it has to do"
    );
}

fn sign(state: PairState) -> (Style, &'static str) {
    match state {
        PairState::Isolated => (GREEN, "\u{2713}"),
        PairState::Open | PairState::OwnDenied => (RED, "\u{2717}"),
        PairState::Untold => (YELLOW, "?"),
        PairState::Own => (DIM, "own"),
    }
}

/// What of a pair somebody has to look at.
fn findings<'r>(out: &mut String, pair: &'r Pair, told: &mut BTreeSet<(&'r str, &'r str, &'r str)>) {
    let Pair { from, to, .. } = pair;
    for Check { action, resource, reason, reach, verdict, .. } in &pair.checks {
        let _ = match (verdict, from == to) {
            (Verdict::Allowed, false) => writeln!(
                out,
                "\n{RED}not isolated:{RED:#} {from} reaches {to}'s {}: {action} on {resource} is {reason}",
                reach.word()
            ),
            (Verdict::Denied, true) => writeln!(
                out,
                "\n{RED}can't work:{RED:#} {from} may not do what it has to: {action} on {resource}: {reason}"
            ),
            _ => Ok(()),
        };
    }
    // What two share is said once.
    for shared in &pair.shared {
        if !told.insert((from.min(to), from.max(to), &shared.text)) {
            continue;
        }
        let _ = match shared.tolerated {
            true => writeln!(out, "\n{YELLOW}shared, allowed:{YELLOW:#} {from} and {to}: {}", shared.text),
            false => writeln!(out, "\n{RED}shared:{RED:#} {from} and {to}: {}", shared.text),
        };
    }
}

/// What couldn't be read, once.
fn untold(out: &mut String, report: &Report) {
    for reason in report.pairs.iter().flat_map(|pair| &pair.untold).collect::<BTreeSet<_>>() {
        let _ = writeln!(out, "\n{YELLOW}not told:{YELLOW:#} {reason}");
    }
}

/// Each reason once, with all that is denied for it, by the venue whose policy says so.
fn reasons(out: &mut String, report: &Report) {
    let mut why: Vec<(usize, &str, Vec<&str>)> = Vec::new();
    for pair in report.of_two() {
        for check in pair.checks.iter().filter(|check| check.verdict == Verdict::Denied) {
            let action = if check.reach == Reach::Rule { "invocation by another rule" } else { &check.action };
            let whose = if matches!(check.reach, Reach::Role | Reach::Rule) { &pair.to } else { &pair.from };
            let place = why.iter().position(|(_, reason, _)| *reason == check.reason).unwrap_or_else(|| {
                let venue = report.venues.iter().position(|venue| venue == whose).unwrap_or_default();
                why.push((venue, &check.reason, Vec::new()));
                why.len() - 1
            });
            let actions = &mut why[place].2;
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
    }
    why.sort_by_key(|(venue, ..)| *venue);
    let _ = writeln!(out, "\n{BOLD}Why it is denied{BOLD:#}");
    for (_, reason, actions) in why {
        let _ = writeln!(out, "  {}: {reason}", actions.join(", "));
    }
}

fn closing(report: &Report, pairs: usize) -> String {
    let open = report.of_two().filter(|pair| pair.state == PairState::Open).count();
    let untold = report.of_two().filter(|pair| pair.state == PairState::Untold).count();
    if report.is_open() {
        let told = if untold > 0 { format!(", {untold} couldn't be told") } else { String::new() };
        return format!("{RED}Not isolated:{RED:#} {open} of {pairs} pairs are open{told}; see above.");
    }
    if report.is_untold() {
        return format!("{YELLOW}Not all could be told:{YELLOW:#} {untold} of {pairs} pairs; see above.");
    }
    format!("{GREEN}Isolated:{GREEN:#} in none of {pairs} pairs does one venue reach another.")
}

/// A line for each pair, disagreement and note, and the result.
pub fn isolation_json(lines: &JsonLines, report: &Report, judged: &str, code: ExitCode) {
    for pair in &report.pairs {
        lines.line("pair", pair);
    }
    for text in &report.disagreements {
        lines.line("disagreement", json!({ "text": text }));
    }
    for text in &report.notes {
        lines.line("note", json!({ "text": text }));
    }
    let count = |state| report.of_two().filter(|pair| pair.state == state).count();
    lines.line(
        "result",
        json!({
            "judged": judged,
            "venues": report.venues.len(),
            "pairs": report.of_two().count(),
            "isolated": count(PairState::Isolated),
            "open": count(PairState::Open),
            "untold": count(PairState::Untold),
            "exit_code": code as u8,
        }),
    );
}
