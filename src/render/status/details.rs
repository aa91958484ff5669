//! One venue in all its parts: what `status VENUE` shows below the table.

use super::super::escape::one_line;
use super::super::venue_words as words;
use super::super::when::zoned_moment_text;
use super::lines::{StatusLine, Tone};
use super::table::standing_tone;
use deployer_core::resource::Observed;
use deployer_health::status::{ContactCounts, Overview, VenueDrift, VenueOverview, VenueStanding};

/// The lines of a venue, with its name first.
pub(super) fn venue_lines(overview: &Overview, status: &VenueOverview) -> Vec<StatusLine> {
    let word = words::standing_word(status.standing).to_lowercase();
    let head = StatusLine::default()
        .with(Tone::Bold, &status.venue.name)
        .with(Tone::Plain, "  ")
        .with(standing_tone(status), &word);
    let mut lines = vec![head];
    let mut line = |name: &str, text: String| {
        lines.push(StatusLine::default().with(Tone::Plain, &format!("  {name:9} {}", one_line(&text))));
    };
    if let (Some(blocker), VenueStanding::Blocked) = (&status.venue.blocker, status.standing) {
        line("reason", blocker.reason.clone());
        return lines;
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
    line(
        "manifest",
        match &status.drift {
            VenueDrift::Matches => "all of it matches".to_owned(),
            VenueDrift::Differs(count) => {
                format!("{} would change", deployer_core::counted::count_with_noun(*count, "resource"))
            }
            VenueDrift::Unknown(reason) => format!("not compared: {reason}"),
        },
    );
    match &status.alarms {
        Observed::Present(raised) if raised.is_empty() => line("alarms", "none raised".to_owned()),
        Observed::Present(raised) | Observed::PendingDeletion(raised) => line("alarms", raised.join(", ")),
        Observed::Unreadable(reason) => line("alarms", format!("unreadable: {reason}")),
        Observed::Absent => {}
    }
    lines
}

pub(in crate::render) fn function_text(status: &VenueOverview, overview: &Overview) -> String {
    match &status.function {
        Observed::Unreadable(reason) => format!("unreadable: {reason}"),
        Observed::Present(function) => {
            let version = function
                .version
                .as_deref()
                .map_or("no version is live".to_owned(), |version| format!("version {version} is live"));
            let code: String = function.code_sha256.chars().take(8).collect();
            let changed = function.changed_at.map_or_else(String::new, |at| {
                format!(", changed {}", zoned_moment_text(at, overview.made_at, &overview.zone_of(status)))
            });
            let failure = function.failure.as_ref().map_or_else(String::new, |failure| format!(" ({failure})"));
            format!("{}{failure}, {version}, code {code}{changed}", function.state)
        }
        Observed::Absent | Observed::PendingDeletion(_) => "not created yet".to_owned(),
    }
}

pub(in crate::render) fn rule_text(status: &VenueOverview, overview: &Overview) -> String {
    match &status.rule {
        Observed::Unreadable(reason) => format!("unreadable: {reason}"),
        Observed::Present(_) => {
            format!("{}, {}", words::venue_schedule(status), words::next_run_text(status, overview))
        }
        Observed::Absent | Observed::PendingDeletion(_) => "not created yet".to_owned(),
    }
}

pub(in crate::render) fn last_run_text(status: &VenueOverview, overview: &Overview) -> String {
    match &status.runs {
        Observed::Unreadable(reason) => format!("unreadable: {reason}"),
        Observed::Present(runs) => runs.last.as_ref().map_or_else(
            || "none in this period".to_owned(),
            |run| {
                format!(
                    "{}: {}",
                    zoned_moment_text(run.ended_at, overview.made_at, &overview.zone_of(status)),
                    words::run_text(run)
                )
            },
        ),
        Observed::Absent | Observed::PendingDeletion(_) => "none: it has no log group".to_owned(),
    }
}
