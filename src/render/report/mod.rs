//! The report for those who don't run the system: what runs, for whom, since when it waits and for what. As one page, or
//! as Markdown. Nothing in it is secret, and no contact is in it.

mod html;
mod markdown;

use jiff::Timestamp;

pub use html::report_html;
pub use markdown::report_markdown;

use super::flow::{Flow, Lane};
use super::venue_words as words;
use deployer_core::counted::counted;
use deployer_core::manifest::{Blocker, Status};
use deployer_core::resource::Observed;
use deployer_health::status::{Contacts, Overview, Runs, Standing, VenueStatus};

/// The picture of all venues.
fn flow(overview: &Overview) -> Flow {
    let source = overview.portal_id.map_or_else(|| "HubSpot".to_owned(), |id| format!("HubSpot, portal {id}"));
    Flow { source, lanes: overview.venues.iter().map(|status| lane(status, overview)).collect() }
}

fn lane(status: &VenueStatus, overview: &Overview) -> Lane {
    let blocked = status.venue.status == Status::Blocked;
    Lane {
        standing: status.standing,
        flag: ("Tripleseat Sync -".to_owned(), status.venue.display_name.clone()),
        rule: if blocked { ("–".to_owned(), "nothing is set up".to_owned()) } else { rule(status, overview) },
        function: (
            words::standing(status.standing).to_owned(),
            match (&status.venue.blocker, &status.runs) {
                (Some(blocker), _) if blocked => blocker.reason.clone(),
                (_, Observed::Present(Runs { last_good: None, .. })) => format!("no sync in {}", words::span(overview)),
                (_, Observed::Absent | Observed::PendingDeletion(_)) => "no sync yet".to_owned(),
                _ => format!("last sync {}", words::last_sync(status, overview)),
            },
        ),
        destination: status.destination(),
    }
}

/// The hours of the day have a line of their own; that times are UTC stands on the page.
fn rule(status: &VenueStatus, overview: &Overview) -> (String, String) {
    let rhythm = words::rhythm(status).replace(" UTC", "");
    let fires = status.rule.present().is_some_and(|rule| rule.enabled);
    match rhythm.split_once(" from ") {
        Some((often, hours)) if fires => (often.to_owned(), format!("from {hours}")),
        _ => (rhythm, words::next(status, overview)),
    }
}

/// A number that may be known of some venues only.
fn total(overview: &Overview, of: impl Fn(&VenueStatus) -> Option<u64>) -> String {
    let asked = overview.venues.iter().filter(|status| status.venue.status != Status::Blocked);
    let counts: Vec<Option<u64>> = asked.map(of).collect();
    let sum: u64 = counts.iter().flatten().sum();
    match (counts.contains(&None), sum) {
        (false, _) => sum.to_string(),
        // Nothing among those that are known isn't nothing.
        (true, 0) => "not known".to_owned(),
        (true, _) => format!("at least {sum}"),
    }
}

/// What is told first, in numbers.
fn figures(overview: &Overview) -> [(String, String); 4] {
    let running = overview.venues.iter().filter(|status| status.standing == Standing::Running).count();
    let unknown = overview.venues.iter().any(|status| status.function.unreadable().is_some());
    let running = if running == 0 && unknown {
        "not known".to_owned()
    } else {
        format!("{running} of {}", overview.venues.len())
    };
    let runs = |count: fn(&Runs) -> u64| {
        total(overview, |status| match &status.runs {
            Observed::Present(runs) => Some(count(runs)),
            Observed::Absent | Observed::PendingDeletion(_) => Some(0),
            Observed::Unreadable(_) => None,
        })
    };
    let review = total(overview, |status| match status.contacts {
        Contacts::Counted { needs_review, .. } => Some(needs_review),
        Contacts::NotAsked(_) | Contacts::Unreadable(_) => None,
    });
    [
        ("Venues that run".to_owned(), running),
        (format!("Contacts synced in {}", words::span(overview)), runs(|runs| runs.synced)),
        (format!("Failed runs in {}", words::span(overview)), runs(|runs| runs.failed_runs)),
        ("Contacts to review".to_owned(), review),
    ]
}

/// `1 Mar 2026 12:00`
fn date(at: Timestamp) -> String {
    at.strftime("%-d %b %Y %H:%M").to_string()
}

/// What a blocked venue waits for.
struct Waiting<'o> {
    status: &'o VenueStatus,
    blocker: &'o Blocker,
    age_days: Option<i64>,
}

impl Waiting<'_> {
    fn owner(&self) -> &str {
        self.blocker.owner.as_deref().unwrap_or("nobody yet")
    }

    fn next_step(&self) -> &str {
        self.blocker.next_step.as_deref().unwrap_or("none is named")
    }

    /// `15 Sep 2025, for 40 days`
    fn since(&self) -> String {
        match (&self.blocker.since, self.age_days) {
            (Some(since), Some(age)) => format!("{since}, for {}", counted(age.unsigned_abs(), "day")),
            (Some(since), None) => since.clone(),
            (None, _) => "nobody wrote since when".to_owned(),
        }
    }

    /// Why it is called out, if it is.
    fn called_out(&self) -> Option<&'static str> {
        match (&self.blocker.owner, self.age_days.is_some_and(|age| age > Blocker::OLD_DAYS)) {
            (None, true) => Some("no owner, and older than 30 days"),
            (None, false) => Some("no owner"),
            (Some(_), true) => Some("older than 30 days"),
            (Some(_), false) => None,
        }
    }
}

/// The venues that wait, the longest first.
fn waiting(overview: &Overview) -> Vec<Waiting<'_>> {
    let today = deployer_health::status::day(overview.made_at);
    let blocked = overview.venues.iter().filter(|status| status.venue.status == Status::Blocked);
    let mut waiting: Vec<Waiting<'_>> = blocked
        .filter_map(|status| {
            let blocker = status.venue.blocker.as_ref()?;
            Some(Waiting { status, blocker, age_days: blocker.age_days(today) })
        })
        .collect();
    waiting.sort_by_key(|waiting| std::cmp::Reverse(waiting.age_days));
    waiting
}

/// A venue's details for those who run the system.
fn details(status: &VenueStatus, overview: &Overview) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("Name in the manifest", status.venue.name.clone()),
        ("Function", format!("{}: {}", status.names.function, super::status::function(status, overview))),
        ("Rule", format!("{}: {}", status.names.rule, super::status::rule(status, overview))),
        ("Schedule", status.venue.schedule.expression.clone()),
        ("Log group", status.names.log_group.clone()),
        ("Last run", super::status::last_run(status, overview)),
    ];
    match &status.contacts {
        Contacts::NotAsked(reason) => details.push(("Contacts", format!("not known here: {reason}"))),
        Contacts::Unreadable(reason) => details.push(("Contacts", format!("not read: {reason}"))),
        Contacts::Counted { .. } => {}
    }
    details
}
