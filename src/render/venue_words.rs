//! A venue's state in words that the status, the page and the Markdown share.

use super::when::{schedule_text, zoned_moment_text};
use deployer_core::counted::count_with_noun;
use deployer_core::manifest::Status;
use deployer_core::resource::Observed;
use deployer_core::spread::keeps_schedule;
use deployer_health::status::{Attention, ContactCounts, Overview, RunHistory, VenueOverview, VenueRun, VenueStanding};
use sync_config::digest::period_words;

/// A venue's standing in a word or two.
pub(super) fn standing_word(standing: VenueStanding) -> &'static str {
    match standing {
        VenueStanding::Running => "Running",
        VenueStanding::Failing => "Failing",
        VenueStanding::Paused => "Paused",
        VenueStanding::Blocked => "Blocked",
        VenueStanding::NotDeployed => "Not set up yet",
        VenueStanding::Pending => "Waiting for apply",
        VenueStanding::Unknown => "Unknown",
    }
}

/// `3 venues: 2 running, 1 blocked until the next step is done.`
pub(super) fn overview_summary(overview: &Overview) -> String {
    if overview.unreachable.is_some() {
        let count = |wanted| overview.venues.iter().filter(|status| status.venue.status == wanted).count();
        return format!(
            "{} in the manifest, {} active, {} paused, {} blocked. AWS can't be reached, so what is running is unknown.",
            count_with_noun(overview.venues.len() as u64, "venue"),
            count(Status::Active),
            count(Status::Paused),
            count(Status::Blocked)
        );
    }
    let parts = [
        (VenueStanding::Running, "running"),
        (VenueStanding::Failing, "failing"),
        (VenueStanding::Paused, "paused"),
        (VenueStanding::Blocked, "blocked until the next step is done"),
        (VenueStanding::NotDeployed, "not set up yet"),
        (VenueStanding::Pending, "waiting for apply"),
        (VenueStanding::Unknown, "unreadable"),
    ];
    let parts = parts.into_iter().filter_map(|(standing, words)| {
        let count = overview.venues.iter().filter(|venue| venue.standing == standing).count();
        (count > 0).then(|| format!("{count} {words}"))
    });
    let parts: Vec<String> = parts.collect();
    match overview.venues.len() {
        0 => "The manifest has no venues.".to_owned(),
        venues => format!("{}: {}.", count_with_noun(venues as u64, "venue"), parts.join(", ")),
    }
}

/// The schedule of the rule, or that of the manifest where there is no rule: `every 5 minutes`. A rule that keeps the
/// manifest's schedule, in a minute of its own, is worded as the manifest's.
pub(super) fn venue_schedule(status: &VenueOverview) -> String {
    let declared = &status.venue.schedule;
    let differs = status.rule.as_present().filter(|rule| !keeps_schedule(&rule.schedule, declared));
    schedule_text(differs.map_or(&declared.expression, |rule| &rule.schedule))
}

/// When the rule fires next: `next about today 14:10`. EventBridge may fire up to a minute late.
pub(super) fn next_run_text(status: &VenueOverview, overview: &Overview) -> String {
    match (&status.rule, status.next_run) {
        (Observed::Unreadable(_), _) => "next run unknown".to_owned(),
        (_, Some(at)) => format!("next about {}", zoned_moment_text(at, overview.made_at, &overview.zone_of(status))),
        (Observed::Present(rule), None) if rule.enabled => "next within that interval".to_owned(),
        (Observed::Present(_), None) => "disabled".to_owned(),
        _ => "no rule yet".to_owned(),
    }
}

/// When the last successful run ended: `today 14:05`.
pub(super) fn last_sync_text(status: &VenueOverview, overview: &Overview) -> String {
    match &status.runs {
        Observed::Unreadable(_) => "unknown".to_owned(),
        Observed::Present(RunHistory { last_good: Some(run), .. }) => {
            zoned_moment_text(run.ended_at, overview.made_at, &overview.zone_of(status))
        }
        Observed::Present(_) => format!("none in {}", period_text(overview)),
        Observed::Absent | Observed::PendingDeletion(_) => "none".to_owned(),
    }
}

/// When the last successful run ended, and how many contacts all runs synced: `today 14:05; 19 contacts in 24 hours`.
pub(super) fn sync_summary(status: &VenueOverview, overview: &Overview) -> String {
    let last = last_sync_text(status, overview);
    match status.runs.as_present() {
        Some(runs) if runs.count > 0 => {
            format!("{last}; {} in {}", count_with_noun(runs.synced, "contact"), period_text(overview))
        }
        _ => last,
    }
}

/// The period over which runs are counted: `24 hours`, `7 days`.
pub(super) fn period_text(overview: &Overview) -> String {
    period_words(overview.made_at.duration_since(overview.since).as_mins().unsigned_abs())
}

/// `found 3: 3 synced, 0 failed, 0 need review, 0 deferred (812 ms)`, or why it failed.
pub(super) fn run_text(run: &VenueRun) -> String {
    let took = run.duration_ms.map_or_else(String::new, |ms| format!(" ({ms} ms)"));
    let counts = format!(
        "found {}: {} synced, {} failed, {} need review, {} deferred{took}",
        run.searched, run.synced, run.failed, run.needs_review, run.backlog
    );
    match &run.error {
        None => counts,
        Some(error) if run.searched == 0 => format!("failed: {}: {}", error.kind, error.message),
        Some(error) => format!("failed: {}: {}; {counts}", error.kind, error.message),
    }
}

/// Contacts that need attention: `2 to review, 1 refused`.
pub(super) fn contacts_text(contacts: &ContactCounts) -> String {
    match contacts {
        ContactCounts::Counted { needs_review: 0, failed: 0 } => "none".to_owned(),
        ContactCounts::Counted { needs_review, failed: 0 } => format!("{needs_review} to review"),
        ContactCounts::Counted { needs_review: 0, failed } => format!("{failed} refused"),
        ContactCounts::Counted { needs_review, failed } => format!("{needs_review} to review, {failed} refused"),
        ContactCounts::NotAsked(_) | ContactCounts::Unreadable(_) => "unknown".to_owned(),
    }
}

/// The display name of the venue that needs attention, or `All venues`.
pub(super) fn venue_label<'o>(attention: &Attention, overview: &'o Overview) -> &'o str {
    let named = |status: &&VenueOverview| Some(&status.venue.name) == attention.venue.as_ref();
    overview.venues.iter().find(named).map_or("All venues", |status| &status.venue.display_name)
}

/// The pieces of a text, each with whether it is in backticks, which mark commands and property names.
pub(super) fn code_pieces(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let last = text.matches('`').count();
    // The last backtick of an odd number closes nothing.
    text.split('`').enumerate().map(move |(index, piece)| (piece, index % 2 == 1 && index < last))
}
