//! The doctor's checks for people: venue by venue, with what to do below each check that isn't ok.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use deployer_health::doctor::{Check, Verdict};

const BOLD: Style = Style::new().bold();

/// A table of all checks, and a line that counts them. The text has ANSI styles, which are stripped on a stream that
/// isn't a terminal; the marks say the same without colors.
pub fn checks_text(checks: &[Check]) -> String {
    let mut out = String::new();
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    for of_one in checks.chunk_by(|one, next| one.venue == next.venue) {
        let subject = of_one.first().and_then(|check| check.venue.as_deref()).unwrap_or("All venues");
        let _ = writeln!(out, "{BOLD}{subject}{BOLD:#}");
        for check in of_one {
            let (mark, style) = mark(check.verdict);
            let _ = writeln!(out, "  {style}{mark}{style:#} {:width$}  {}", check.name, check.evidence);
            let shown = !matches!(check.verdict, Verdict::Ok | Verdict::Skipped);
            if let Some(advice) = check.advice.as_ref().filter(|_| shown) {
                let _ = writeln!(out, "      {BOLD}what to do:{BOLD:#} {advice}");
            }
        }
        out.push('\n');
    }
    let counts = verdict_counts(checks).into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(verdict, count)| format!("{count} {}", word(verdict))).collect();
    let _ = writeln!(out, "{} checks: {}.", checks.len(), counts.join(", "));
    out
}

/// How many checks have each verdict.
pub fn verdict_counts(checks: &[Check]) -> [(Verdict, usize); 5] {
    [Verdict::Ok, Verdict::Warning, Verdict::Failed, Verdict::Unknown, Verdict::Skipped]
        .map(|verdict| (verdict, checks.iter().filter(|check| check.verdict == verdict).count()))
}

fn verdict_mark(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Ok => ("✓", AnsiColor::Green.on_default()),
        Verdict::Warning => ("!", AnsiColor::Yellow.on_default()),
        Verdict::Failed => ("✗", AnsiColor::Red.on_default()),
        Verdict::Unknown => ("?", AnsiColor::Yellow.on_default()),
        Verdict::Skipped => ("-", Style::new().dimmed()),
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "with a warning",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
        Verdict::Skipped => "skipped",
    }
}
