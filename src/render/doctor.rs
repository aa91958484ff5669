//! The doctor's checks for people: venue by venue, with what to do below each check that isn't ok.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use deployer_health::doctor::{DoctorCheck, DoctorVerdict};

const BOLD: Style = Style::new().bold();

/// A table of all checks, and a line that counts them. The text has ANSI styles, which are stripped on a stream that
/// isn't a terminal; the marks say the same without colors.
pub fn checks_text(checks: &[DoctorCheck]) -> String {
    let mut out = String::new();
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    for of_one in checks.chunk_by(|one, next| one.venue == next.venue) {
        let subject = of_one.first().and_then(|check| check.venue.as_deref()).unwrap_or("All venues");
        let _ = writeln!(out, "{BOLD}{subject}{BOLD:#}");
        for check in of_one {
            let (mark, style) = verdict_mark(check.verdict);
            let _ = writeln!(out, "  {style}{mark}{style:#} {:width$}  {}", check.name, check.evidence);
            let shown = !matches!(check.verdict, DoctorVerdict::Ok | DoctorVerdict::Skipped);
            if let Some(advice) = check.advice.as_ref().filter(|_| shown) {
                let _ = writeln!(out, "      {BOLD}what to do:{BOLD:#} {advice}");
            }
        }
        out.push('\n');
    }
    let counts = verdict_counts(checks).into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(verdict, count)| format!("{count} {}", verdict_word(verdict))).collect();
    let _ = writeln!(out, "{} checks: {}.", checks.len(), counts.join(", "));
    out
}

/// How many checks have each verdict.
pub fn verdict_counts(checks: &[DoctorCheck]) -> [(DoctorVerdict, usize); 5] {
    [DoctorVerdict::Ok, DoctorVerdict::Warning, DoctorVerdict::Failed, DoctorVerdict::Unknown, DoctorVerdict::Skipped]
        .map(|verdict| (verdict, checks.iter().filter(|check| check.verdict == verdict).count()))
}

fn verdict_mark(verdict: DoctorVerdict) -> (&'static str, Style) {
    match verdict {
        DoctorVerdict::Ok => ("✓", AnsiColor::Green.on_default()),
        DoctorVerdict::Warning => ("!", AnsiColor::Yellow.on_default()),
        DoctorVerdict::Failed => ("✗", AnsiColor::Red.on_default()),
        DoctorVerdict::Unknown => ("?", AnsiColor::Yellow.on_default()),
        DoctorVerdict::Skipped => ("-", Style::new().dimmed()),
    }
}

fn verdict_word(verdict: DoctorVerdict) -> &'static str {
    match verdict {
        DoctorVerdict::Ok => "ok",
        DoctorVerdict::Warning => "with a warning",
        DoctorVerdict::Failed => "failed",
        DoctorVerdict::Unknown => "unknown",
        DoctorVerdict::Skipped => "skipped",
    }
}
