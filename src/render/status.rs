//! `deployer status` for people, and as JSON lines for programs.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::escape::one_line;
use super::json::{FORMAT_VERSION, JsonLines, typed_object};
use super::venue_words as words;
use super::when::moment_text;
use deployer_core::resource::Observed;
use deployer_health::status::{ContactCounts, Overview, Urgency, VenueOverview, VenueStanding};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// All venues. The text has ANSI styles, which are stripped on a stream that isn't a terminal.
pub fn status_text(overview: &Overview) -> String {
    let mut out = String::new();
    let account = overview.account.as_deref().unwrap_or("(unknown)");
    let _ = writeln!(
        out,
        "{BOLD}{}{BOLD:#} in account {account}, region {}; runs since {} UTC",
        overview.deployment,
        overview.region,
        overview.since.strftime("%Y-%m-%d %H:%M")
    );
    for status in &overview.venues {
        write_venue(&mut out, overview, status);
    }
    if !overview.attention.is_empty() {
        let _ = writeln!(out, "\n{BOLD}Needs attention{BOLD:#}");
    }
    for attention in &overview.attention {
        let style = match attention.urgency {
            Urgency::Now => RED,
            Urgency::Soon => YELLOW,
            Urgency::Ask => DIM,
        };
        let venue = attention.venue.as_deref().unwrap_or("all venues");
        let _ = writeln!(out, "  {style}{venue}{style:#}: {}\n    {}", one_line(&attention.what), attention.next);
    }
    let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}", words::overview_summary(overview));
    out
}

fn write_venue(out: &mut String, overview: &Overview, status: &VenueOverview) {
    let style = match status.standing {
        VenueStanding::Running => GREEN,
        VenueStanding::Failing => RED,
        VenueStanding::Pending | VenueStanding::Unknown | VenueStanding::NotDeployed => YELLOW,
        VenueStanding::Paused | VenueStanding::Blocked => DIM,
    };
    let word = words::standing_word(status.standing).to_lowercase();
    let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}  {style}{word}{style:#}", status.venue.name);
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:9} {}", one_line(&text));
    };
    if let (Some(blocker), VenueStanding::Blocked) = (&status.venue.blocker, status.standing) {
        line("reason", blocker.reason.clone());
        return;
    }
    line("function", function_text(status, overview));
    line("rule", rule_text(status, overview));
    line("last run", last_run_text(status, overview));
    if let Some(runs) = status.runs.as_present().filter(|runs| runs.count > 0) {
        let counts = format!(
            "{}, {} failed; contacts: {} synced, {} failed, {} need review",
            deployer_core::counted::count_with_noun(runs.count, "run"),
            runs.failed_runs,
            runs.synced,
            runs.failed,
            runs.needs_review
        );
        line("all runs", counts);
    }
    line(
        "contacts",
        match &status.contacts {
            ContactCounts::NotAsked(reason) => format!("not checked: {reason}"),
            ContactCounts::Unreadable(reason) => format!("unreadable: {reason}"),
            counted => format!("need attention: {}", words::contacts_text(counted)),
        },
    );
}

pub(super) fn function_text(status: &VenueOverview, overview: &Overview) -> String {
    match &status.function {
        Observed::Unreadable(reason) => format!("unreadable: {reason}"),
        Observed::Present(function) => {
            let version = function
                .version
                .as_deref()
                .map_or("no version is live".to_owned(), |version| format!("version {version} is live"));
            let code: String = function.code_sha256.chars().take(8).collect();
            let changed = function
                .changed_at
                .map_or_else(String::new, |at| format!(", changed {}", moment_text(at, overview.made_at)));
            let failure = function.failure.as_ref().map_or_else(String::new, |failure| format!(" ({failure})"));
            format!("{}{failure}, {version}, code {code}{changed}", function.state)
        }
        Observed::Absent | Observed::PendingDeletion(_) => "not created yet".to_owned(),
    }
}

pub(super) fn rule_text(status: &VenueOverview, overview: &Overview) -> String {
    match &status.rule {
        Observed::Unreadable(reason) => format!("unreadable: {reason}"),
        Observed::Present(_) => {
            format!("{}, {}", words::venue_schedule(status), words::next_run_text(status, overview))
        }
        Observed::Absent | Observed::PendingDeletion(_) => "not created yet".to_owned(),
    }
}

pub(super) fn last_run_text(status: &VenueOverview, overview: &Overview) -> String {
    match &status.runs {
        Observed::Unreadable(reason) => format!("unreadable: {reason}"),
        Observed::Present(runs) => runs.last.as_ref().map_or_else(
            || "none in this period".to_owned(),
            |run| format!("{}: {}", moment_text(run.ended_at, overview.made_at), words::run_text(run)),
        ),
        Observed::Absent | Observed::PendingDeletion(_) => "none: it has no log group".to_owned(),
    }
}

impl JsonLines {
    /// Prints the status: a head, a line for each venue, what needs attention, and what is unreadable.
    pub fn print_status(&self, overview: &Overview) {
        for (kind, value) in json_records(overview) {
            self.print_line(kind, value);
        }
    }

    /// The lines that [`JsonLines::print_status`] prints, as text.
    pub fn status_lines(overview: &Overview) -> String {
        json_records(overview).into_iter().map(|(kind, value)| format!("{}\n", typed_object(kind, value))).collect()
    }
}

fn json_records(overview: &Overview) -> Vec<(&'static str, Value)> {
    let head = json!({
        "format_version": FORMAT_VERSION,
        "deployment": overview.deployment,
        "account": overview.account,
        "region": overview.region,
        "made_at": overview.made_at,
        "since": overview.since,
    });
    let venues = overview.venues.iter().map(|status| ("venue_status", json!(status.json_line(overview.made_at))));
    let attention = overview.attention.iter().map(|attention| ("attention", json!(attention)));
    let unreadable = overview.unreadable_reasons().into_iter();
    let unreadable = unreadable.map(|reason| ("unreadable", json!({ "address": null, "reason": reason })));
    std::iter::once(("status", head)).chain(venues).chain(attention).chain(unreadable).collect()
}
