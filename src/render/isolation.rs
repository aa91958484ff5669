//! Which venue can reach which, as a table and as JSON lines.

use std::collections::BTreeSet;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::JsonLines;
use deployer_core::counted::count_with_noun;
use deployer_core::exit_code::ExitCode;
use deployer_core::isolation::{IsolationCheck, IsolationReport, PairState, Reach, RequestVerdict, SharedItem};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// The most venues for which the table fits a terminal.
const MOST_IN_TABLE: usize = 12;
/// The most venues named on one line.
const MOST_NAMES: usize = 10;

/// The table, what isn't isolated, why access is denied otherwise, and the closing line. `judged` says which state was
/// judged, such as `as planned`.
pub fn isolation_text(report: &IsolationReport, judged: &str) -> String {
    let mut out = String::new();
    let pairs = report.distinct_pairs().count();
    let _ = writeln!(
        out,
        "{BOLD}Isolation {judged}:{BOLD:#} {}, {}",
        count_with_noun(report.venues.len() as u64, "venue"),
        count_with_noun(pairs as u64, "pair")
    );
    for stranger in &report.strangers {
        let _ = writeln!(out, "\n{RED}access for strangers:{RED:#} {stranger}");
    }
    let small = report.venues.len() <= MOST_IN_TABLE;
    if small {
        write_table(&mut out, report);
    }
    write_reached(&mut out, report);
    write_shared(&mut out, report);
    write_unknown(&mut out, report);
    for disagreement in &report.disagreements {
        let _ = writeln!(out, "\n{RED}disagreement:{RED:#} {disagreement}");
    }
    if small && pairs > 0 {
        write_reasons(&mut out, report);
    }
    for note in &report.notes {
        let _ = writeln!(out, "\n{DIM}note:{DIM:#} {note}");
    }
    let _ = writeln!(out, "\n{}", closing_line(report, pairs));
    out
}

fn write_table(out: &mut String, report: &IsolationReport) {
    let width = report.venues.iter().map(String::len).max().unwrap_or_default();
    let _ = write!(out, "\n     {:width$}", "");
    for number in 1..=report.venues.len() {
        let _ = write!(out, " {number:>4}");
    }
    for (number, (venue, row)) in (1..).zip(report.venues.iter().zip(report.pairs.chunks(report.venues.len().max(1)))) {
        let _ = write!(out, "\n  {number:>2} {venue:width$}");
        for pair in row {
            let (style, sign) = state_sign(pair.state);
            let _ = write!(out, " {style}{sign:>4}{style:#}");
        }
    }
    let _ = writeln!(
        out,
        "\n\n  Row: one venue's role and rule. Column: another venue's secret, log group, function and role.\n  \
         \u{2713} denied, nothing shared; \u{2717} not isolated; ? unknown; own: has the access that it needs"
    );
}

fn state_sign(state: PairState) -> (Style, &'static str) {
    match state {
        PairState::Isolated => (GREEN, "\u{2713}"),
        PairState::Open | PairState::OwnDenied => (RED, "\u{2717}"),
        PairState::Untold => (YELLOW, "?"),
        PairState::Own => (DIM, "own"),
    }
}

/// Which venue reaches which, once for each statement that allows it, and which venue can't do its own work.
fn write_reached(out: &mut String, report: &IsolationReport) {
    let mut open: Vec<(&str, &IsolationCheck, Vec<&str>)> = Vec::new();
    for pair in &report.pairs {
        for check in &pair.checks {
            let IsolationCheck { action, resource, reason, .. } = check;
            match (check.verdict, pair.from == pair.to) {
                (RequestVerdict::Allowed, false) => {
                    let same = |(from, other, _): &&mut (&str, &IsolationCheck, Vec<&str>)| {
                        let one = |check: &IsolationCheck| (check.reach, check.action.clone(), check.reason.clone());
                        *from == pair.from && one(other) == one(check)
                    };
                    match open.iter_mut().rev().find(same) {
                        Some((.., to)) if to.contains(&pair.to.as_str()) => {}
                        Some((.., to)) => to.push(&pair.to),
                        None => open.push((&pair.from, check, vec![&pair.to])),
                    }
                }
                (RequestVerdict::Denied, true) => {
                    let what =
                        format!("{} is denied access that it needs: {action} on {resource}: {reason}", pair.from);
                    let _ = writeln!(out, "\n{RED}can't work:{RED:#} {what}");
                }
                _ => {}
            }
        }
    }
    // Several actions that one statement allows on the same venues are one line.
    let mut lines: Vec<(&str, &IsolationCheck, Vec<&str>, Vec<&str>)> = Vec::new();
    for (from, check, to) in open {
        let same = |(other_from, other, other_to, _): &&mut (&str, &IsolationCheck, Vec<&str>, Vec<&str>)| {
            (*other_from, other.reach, &other.reason, other_to) == (from, check.reach, &check.reason, &to)
        };
        match lines.iter_mut().find(same) {
            Some((.., actions)) => actions.push(&check.action),
            None => lines.push((from, check, to, vec![&check.action])),
        }
    }
    for (from, IsolationCheck { reach, reason, .. }, to, actions) in lines {
        let (actions, is) = (join_names(&actions), if actions.len() == 1 { "is" } else { "are" });
        let what =
            format!("{from} can reach the {} of {}: {actions} {is} {reason}", reach.display_word(), join_names(&to));
        let _ = writeln!(out, "\n{RED}not isolated:{RED:#} {what}");
    }
}

/// What venues share, once for each group of venues that share it.
fn write_shared(out: &mut String, report: &IsolationReport) {
    let mut all: Vec<(&SharedItem, BTreeSet<usize>)> = Vec::new();
    let place = |name: &str| report.venues.iter().position(|venue| venue == name).unwrap_or_default();
    for pair in &report.pairs {
        for shared in &pair.shared {
            let mut venues = BTreeSet::from([place(&pair.from), place(&pair.to)]);
            // Two venues that share something with a third also share it with each other.
            all.retain(|(other, members)| {
                let joins = *other == shared && !members.is_disjoint(&venues);
                if joins {
                    venues.extend(members);
                }
                !joins
            });
            all.push((shared, venues));
        }
    }
    for (shared, members) in all {
        let venues: Vec<&str> = members.into_iter().map(|place| report.venues[place].as_str()).collect();
        let (style, word) = if shared.tolerated { (YELLOW, "shared, allowed") } else { (RED, "shared") };
        let _ = writeln!(out, "\n{style}{word}:{style:#} {}: {}", join_names(&venues), shared.text);
    }
}

/// `a, b and c`, or the first of many and how many more.
fn join_names(venues: &[&str]) -> String {
    match venues {
        [first @ .., last] if !first.is_empty() && venues.len() <= MOST_NAMES => {
            format!("{} and {last}", first.join(", "))
        }
        all if all.len() > MOST_NAMES => {
            format!("{} and {} more", all[..MOST_NAMES].join(", "), all.len() - MOST_NAMES)
        }
        all => all.join(", "),
    }
}

/// Each reason why something is unknown, once.
fn write_unknown(out: &mut String, report: &IsolationReport) {
    for reason in &report.unread {
        let _ = writeln!(out, "\n{YELLOW}unknown:{YELLOW:#} {reason}");
    }
    for reason in report.pairs.iter().flat_map(|pair| &pair.untold).collect::<BTreeSet<_>>() {
        let _ = writeln!(out, "\n{YELLOW}unknown:{YELLOW:#} {reason}");
    }
}

/// Each reason once, with everything that is denied for it, ordered by the venue whose policy it is.
fn write_reasons(out: &mut String, report: &IsolationReport) {
    let mut why: Vec<(usize, &str, Vec<&str>)> = Vec::new();
    for pair in report.distinct_pairs() {
        for check in pair.checks.iter().filter(|check| check.verdict == RequestVerdict::Denied) {
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
    let _ = writeln!(out, "\n{BOLD}Why access is denied{BOLD:#}");
    for (_, reason, actions) in why {
        let _ = writeln!(out, "  {}: {reason}", actions.join(", "));
    }
}

fn closing_line(report: &IsolationReport, pairs: usize) -> String {
    let open = report.distinct_pairs().filter(|pair| pair.state == PairState::Open).count();
    let untold = report.distinct_pairs().filter(|pair| pair.state == PairState::Untold).count();
    if report.is_open() {
        let told = if untold > 0 { format!(", {untold} are unknown") } else { String::new() };
        let strangers = if report.strangers.is_empty() { "" } else { ", and strangers have access" };
        return format!("{RED}Not isolated:{RED:#} {open} of {pairs} pairs are open{told}{strangers}; see above.");
    }
    if report.has_unknowns() {
        let parts = if report.unread.is_empty() { "" } else { ", and so are some policies" };
        return format!("{YELLOW}Inconclusive:{YELLOW:#} {untold} of {pairs} pairs are unknown{parts}; see above.");
    }
    format!("{GREEN}Isolated:{GREEN:#} in none of {pairs} pairs can one venue reach the other.")
}

/// Prints a line for each pair, disagreement and note, and the result.
pub fn print_isolation(lines: &JsonLines, report: &IsolationReport, judged: &str, code: ExitCode) {
    for pair in &report.pairs {
        lines.print_line("pair", pair);
    }
    for text in &report.disagreements {
        lines.print_line("disagreement", json!({ "text": text }));
    }
    for text in &report.strangers {
        lines.print_line("stranger", json!({ "text": text }));
    }
    for text in &report.unread {
        lines.print_line("unknown", json!({ "text": text }));
    }
    for text in &report.notes {
        lines.print_line("note", json!({ "text": text }));
    }
    let count = |state| report.distinct_pairs().filter(|pair| pair.state == state).count();
    lines.print_line(
        "result",
        json!({
            "judged": judged,
            "venues": report.venues.len(),
            "pairs": report.distinct_pairs().count(),
            "isolated": count(PairState::Isolated),
            "open": count(PairState::Open),
            "untold": count(PairState::Untold),
            "exit_code": code as u8,
        }),
    );
}
