//! The report for people who don't operate the system: what is running, for whom, and what blocked venues wait for. It
//! is a page or Markdown. It contains no secrets and no contacts.

mod html;
mod markdown;

use jiff::Timestamp;

pub use html::{report_html, report_page};
pub use markdown::report_markdown;

use super::flow::{FlowDiagram, FlowLane};
use super::venue_words as words;
use deployer_core::counted::count_with_noun;
use deployer_core::manifest::{Blocker, Status};
use deployer_core::resource::Observed;
use deployer_health::status::{ContactCounts, Overview, RunHistory, VenueOverview, VenueStanding};

/// The diagram of all venues.
fn report_flow(overview: &Overview) -> FlowDiagram {
    let source = overview.portal_id.map_or_else(|| "HubSpot".to_owned(), |id| format!("HubSpot, portal {id}"));
    FlowDiagram { source, lanes: overview.venues.iter().map(|status| venue_lane(status, overview)).collect() }
}

fn venue_lane(status: &VenueOverview, overview: &Overview) -> FlowLane {
    let blocked = status.venue.status == Status::Blocked;
    FlowLane {
        standing: status.standing,
        flag: ("Tripleseat Sync -".to_owned(), status.venue.display_name.clone()),
        rule: if blocked {
            ("–".to_owned(), "nothing is set up".to_owned())
        } else {
            schedule_lines(status, overview)
        },
        function: (
            words::standing_word(status.standing).to_owned(),
            match (&status.venue.blocker, &status.runs) {
                (Some(blocker), _) if blocked => blocker.reason.clone(),
                (_, Observed::Present(RunHistory { last_good: None, .. })) => {
                    format!("no sync in {}", words::period_text(overview))
                }
                (_, Observed::Absent | Observed::PendingDeletion(_)) => "no sync yet".to_owned(),
                _ => format!("last sync {}", words::last_sync_text(status, overview)),
            },
        ),
        destination: status.destination_words(),
    }
}

/// The schedule in two lines, with the hours of the day on the second. The page says that times are UTC, so the lines
/// don't.
fn schedule_lines(status: &VenueOverview, overview: &Overview) -> (String, String) {
    let rhythm = words::venue_schedule(status).replace(" UTC", "");
    let fires = status.rule.as_present().is_some_and(|rule| rule.enabled);
    match rhythm.split_once(" from ") {
        Some((often, hours)) if fires => (often.to_owned(), format!("from {hours}")),
        _ => (rhythm, words::next_run_text(status, overview)),
    }
}

/// The sum of a number that may be known for some venues only.
fn known_total(overview: &Overview, of: impl Fn(&VenueOverview) -> Option<u64>) -> String {
    let asked = overview.venues.iter().filter(|status| status.venue.status != Status::Blocked);
    let counts: Vec<Option<u64>> = asked.map(of).collect();
    let sum: u64 = counts.iter().flatten().sum();
    match (counts.contains(&None), sum) {
        (false, _) => sum.to_string(),
        // Zero in the venues that could be read doesn't mean zero overall.
        (true, 0) => "unknown".to_owned(),
        (true, _) => format!("at least {sum}"),
    }
}

/// The key figures at the top of the report.
fn key_figures(overview: &Overview) -> [(String, String); 4] {
    let running = overview.venues.iter().filter(|status| status.standing == VenueStanding::Running).count();
    let unknown = overview.venues.iter().any(|status| status.function.unreadable_reason().is_some());
    let running =
        if running == 0 && unknown { "unknown".to_owned() } else { format!("{running} of {}", overview.venues.len()) };
    let runs = |count: fn(&RunHistory) -> u64| {
        known_total(overview, |status| match &status.runs {
            Observed::Present(runs) => Some(count(runs)),
            Observed::Absent | Observed::PendingDeletion(_) => Some(0),
            Observed::Unreadable(_) => None,
        })
    };
    let review = known_total(overview, |status| match status.contacts {
        ContactCounts::Counted { needs_review, .. } => Some(needs_review),
        ContactCounts::NotAsked(_) | ContactCounts::Unreadable(_) => None,
    });
    [
        ("Running venues".to_owned(), running),
        (format!("Contacts synced in {}", words::period_text(overview)), runs(|runs| runs.synced)),
        (format!("Failed runs in {}", words::period_text(overview)), runs(|runs| runs.failed_runs)),
        ("Contacts to review".to_owned(), review),
    ]
}

/// `1 Mar 2026 12:00`
fn date_text(at: Timestamp) -> String {
    at.strftime("%-d %b %Y %H:%M").to_string()
}

/// A blocked venue, and what it waits for.
struct BlockedVenue<'o> {
    status: &'o VenueOverview,
    blocker: &'o Blocker,
    age_days: Option<i64>,
}

impl BlockedVenue<'_> {
    fn owner_text(&self) -> &str {
        self.blocker.owner.as_deref().unwrap_or("nobody yet")
    }

    fn next_step(&self) -> &str {
        self.blocker.next_step.as_deref().unwrap_or("none yet")
    }

    /// `2025-09-15 (40 days ago)`
    fn since_text(&self) -> String {
        match (&self.blocker.since, self.age_days) {
            (Some(since), Some(age)) => format!("{since} ({} ago)", count_with_noun(age.unsigned_abs(), "day")),
            (Some(since), None) => since.clone(),
            (None, _) => "unknown".to_owned(),
        }
    }

    /// Why the venue is called out, if it is.
    fn callout_reason(&self) -> Option<&'static str> {
        match (&self.blocker.owner, self.age_days.is_some_and(|age| age > Blocker::OLD_DAYS)) {
            (None, true) => Some("no owner, and blocked for more than 30 days"),
            (None, false) => Some("no owner"),
            (Some(_), true) => Some("blocked for more than 30 days"),
            (Some(_), false) => None,
        }
    }
}

/// The blocked venues, the longest blocked first.
fn blocked_venues(overview: &Overview) -> Vec<BlockedVenue<'_>> {
    let today = deployer_health::status::utc_date(overview.made_at);
    let blocked = overview.venues.iter().filter(|status| status.venue.status == Status::Blocked);
    let mut waiting: Vec<BlockedVenue<'_>> = blocked
        .filter_map(|status| {
            let blocker = status.venue.blocker.as_ref()?;
            Some(BlockedVenue { status, blocker, age_days: blocker.age_days(today) })
        })
        .collect();
    waiting.sort_by_key(|waiting| std::cmp::Reverse(waiting.age_days));
    waiting
}

/// A venue's details, for operators.
fn venue_details(status: &VenueOverview, overview: &Overview) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("Name in the manifest", status.venue.name.clone()),
        ("Function", format!("{}: {}", status.names.function, super::status::function_text(status, overview))),
        (
            if status.rule.as_present().is_some_and(|rule| rule.by_schedule) { "Schedule" } else { "Rule" },
            format!("{}: {}", status.names.rule, super::status::rule_text(status, overview)),
        ),
        ("Schedule", status.venue.schedule.expression.clone()),
        ("Log group", status.names.log_group.clone()),
        ("Last run", super::status::last_run_text(status, overview)),
    ];
    match &status.contacts {
        ContactCounts::NotAsked(reason) => details.push(("Contacts", format!("not checked: {reason}"))),
        ContactCounts::Unreadable(reason) => details.push(("Contacts", format!("unreadable: {reason}"))),
        ContactCounts::Counted { .. } => {}
    }
    details
}
