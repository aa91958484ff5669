//! Draws conclusions from the readings: each venue's standing, and what needs attention. Pure: the current time is the
//! moment of the reading.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{ContactCounts, LiveCode, LiveFiring, Overview, RunHistory, VenueDrift, VenueOverview};
use deployer_core::counted::count_with_noun;
use deployer_core::manifest::{Blocker, Status};
use deployer_core::resource::Observed;
use deployer_core::spread::keeps_schedule;
use sync_lambda::error::WRONG_SETTING;
use sync_lambda::report::ProblemKind;

/// A run that is later than this plus its time limit is overdue. EventBridge fires within a minute.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// A flag that is still set after so many firings of the rule isn't being synced.
const FIRINGS_TO_SYNC: u32 = 3;

/// If more venues than this aren't set up yet, they are reported together.
const MOST_ALONE: usize = 3;

/// The overall state of a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueStanding {
    /// Its rule fires, and its last known run succeeded.
    Running,
    /// Its last run failed, or its function can't be started.
    Failing,
    /// Its rule is disabled, as the manifest says.
    Paused,
    /// It waits for something, and nothing of it is deployed, as the manifest says.
    Blocked,
    /// It is in the manifest, but not deployed.
    NotDeployed,
    /// What is deployed differs from the manifest; an apply changes that.
    Pending,
    /// It is unreadable.
    Unknown,
}

pub(super) fn judge_standing(
    status: Status,
    function: &Observed<LiveCode>,
    rule: &Observed<LiveFiring>,
    runs: &Observed<RunHistory>,
) -> VenueStanding {
    if function.unreadable_reason().or(rule.unreadable_reason()).is_some() {
        return VenueStanding::Unknown;
    }
    let function = function.as_present().filter(|function| function.owned);
    let active = status == Status::Active;
    match (status, function, rule.as_present()) {
        (Status::Blocked, None, None) => VenueStanding::Blocked,
        (Status::Blocked, ..) => VenueStanding::Pending,
        (_, None, _) => VenueStanding::NotDeployed,
        (_, Some(_), None) => VenueStanding::Pending,
        (_, Some(function), Some(rule)) if function.version.is_none() || rule.enabled != active => {
            VenueStanding::Pending
        }
        (Status::Paused, ..) => VenueStanding::Paused,
        (Status::Active, Some(function), _) => {
            let last = runs.as_present().and_then(|runs| runs.last.as_ref());
            let failed = last.is_some_and(|run| run.error.is_some()) || function.state == "Failed";
            if failed { VenueStanding::Failing } else { VenueStanding::Running }
        }
    }
}

/// How soon something needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Leads don't arrive, or may not arrive.
    Now,
    /// Single contacts or a change need action.
    Soon,
    /// Somebody needs to be asked.
    Ask,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// How soon.
    pub urgency: Urgency,
    /// The venue; `None` if it concerns all venues.
    pub venue: Option<String>,
    /// What happened, as a sentence.
    pub what: String,
    /// What to do, as a sentence.
    pub next: String,
    /// Whether it makes the venue unhealthy: the manifest says active, and because of this its leads don't arrive or may
    /// not arrive.
    pub unhealthy: bool,
}

pub(super) fn collect_attention(overview: &Overview) -> Vec<Attention> {
    let mut all = Vec::new();
    if let Some(reason) = &overview.unreachable {
        all.push(Attention {
            urgency: Urgency::Now,
            venue: None,
            what: format!("AWS can't be reached, so what is running is unknown: {reason}."),
            next: "This is based on the manifest alone. Run it again where AWS can be reached.".to_owned(),
            unhealthy: false,
        });
    }
    let missing: Vec<&str> = overview
        .venues
        .iter()
        .filter(|status| status.standing == VenueStanding::NotDeployed && !is_foreign(status))
        .map(|status| status.venue.name.as_str())
        .collect();
    let together = missing.len() > MOST_ALONE;
    if together {
        let (shown, more) = missing.split_at(MOST_ALONE);
        all.push(Attention {
            urgency: Urgency::Soon,
            venue: None,
            what: format!("In the manifest, but not in AWS: {} and {} more.", shown.join(", "), more.len()),
            next: "Run `deployer apply` to set them up.".to_owned(),
            unhealthy: false,
        });
    }
    for status in &overview.venues {
        VenueJudge { overview, status, all: &mut all }.judge_venue(together);
    }
    // The sort is stable: items of the same urgency stay in the manifest's order.
    all.sort_by_key(|attention| attention.urgency);
    all
}

/// The date in UTC.
pub fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Whether a function of the venue's name exists that this deployment doesn't own.
fn is_foreign(status: &VenueOverview) -> bool {
    status.function.as_present().is_some_and(|function| !function.owned)
}

struct VenueJudge<'a> {
    overview: &'a Overview,
    status: &'a VenueOverview,
    all: &'a mut Vec<Attention>,
}

impl VenueJudge<'_> {
    /// Adds something that was read. Of an active venue, what needs attention now makes it unhealthy.
    fn add_attention(&mut self, urgency: Urgency, what: impl Into<String>, next: impl Into<String>) {
        let unhealthy = urgency == Urgency::Now && self.status.venue.status == Status::Active;
        self.push_attention(urgency, what, next, unhealthy);
    }

    /// Adds something that couldn't be read: whether the venue is healthy is unknown then.
    fn add_unreadable(&mut self, what: impl Into<String>, next: impl Into<String>) {
        self.push_attention(Urgency::Now, what, next, false);
    }

    fn push_attention(&mut self, urgency: Urgency, what: impl Into<String>, next: impl Into<String>, unhealthy: bool) {
        let mut what = what.into();
        if !what.ends_with(['.', '!', '?']) {
            what.push('.');
        }
        let venue = Some(self.status.venue.name.clone());
        self.all.push(Attention { urgency, venue, what, next: next.into(), unhealthy });
    }

    /// Adds everything about the venue. `missing_is_told` means that venues that aren't set up yet were already
    /// reported together.
    fn judge_venue(&mut self, missing_is_told: bool) {
        self.judge_unreadable();
        self.judge_failure();
        self.judge_changes(missing_is_told);
        self.judge_drift();
        self.judge_last_run();
        self.judge_problems();
        self.judge_overdue();
        self.judge_oldest_flag();
        self.judge_alarms();
        self.judge_contacts();
        self.judge_blocker();
    }

    /// Adds what Lambda says about a function that doesn't work, or whose last update failed.
    fn judge_failure(&mut self) {
        let failure = self.status.function.as_present().and_then(|function| function.failure.clone());
        if let Some(failure) = failure {
            let name = &self.status.venue.name;
            let next = format!("Resolve that, then run `deployer apply --target {name}`, which updates it again.");
            self.add_attention(Urgency::Now, format!("Lambda says about its function: {failure}"), next);
        }
    }

    fn judge_unreadable(&mut self) {
        if self.overview.unreachable.is_none() {
            let status = self.status;
            let parts = [
                ("Its function", status.function.unreadable_reason()),
                ("Its rule", status.rule.unreadable_reason()),
                ("Its log", status.runs.unreadable_reason()),
            ];
            for (what, reason) in parts.into_iter().filter_map(|(what, reason)| Some((what, reason?))) {
                self.add_unreadable(
                    format!("{what} is unreadable: {reason}"),
                    "Its state is unknown until it can be read.",
                );
            }
        }
        if let ContactCounts::Unreadable(reason) = &self.status.contacts {
            let what = format!("Its contacts that need attention couldn't be counted in HubSpot: {reason}");
            self.add_unreadable(what, "It is unknown whether there are any.");
        }
        if let Some(reason) = self.status.alarms.unreadable_reason() {
            let what = format!("Its alarms couldn't be read: {reason}");
            self.add_unreadable(what, "It is unknown whether one is raised.");
        }
    }

    /// Adds what an apply would change.
    fn judge_changes(&mut self, missing_is_told: bool) {
        let status = self.status;
        let name = &status.venue.name;
        let apply = format!("Run `deployer apply --target {name}`.");
        match status.standing {
            VenueStanding::NotDeployed if is_foreign(status) => self.add_attention(
                Urgency::Now,
                format!("A function {} exists, but this deployment doesn't own it.", status.names.function),
                format!("`deployer adopt {name}` shows what would change, then takes it over."),
            ),
            VenueStanding::NotDeployed if missing_is_told => {}
            VenueStanding::NotDeployed => {
                self.add_attention(Urgency::Soon, "It is in the manifest, but not in AWS.", apply)
            }
            VenueStanding::Pending => {
                let what = match (status.venue.status, status.rule.as_present()) {
                    (Status::Blocked, _) => "The manifest says blocked, but it is still in AWS.".to_owned(),
                    (Status::Paused, Some(rule)) if rule.enabled => {
                        format!("The manifest says paused, but its {} still fires.", rule.noun())
                    }
                    (Status::Active, Some(rule)) if !rule.enabled => {
                        format!("The manifest says active, but its {} is disabled in AWS.", rule.noun())
                    }
                    _ => "Part of it is missing in AWS.".to_owned(),
                };
                let urgency = if status.venue.status == Status::Active { Urgency::Now } else { Urgency::Soon };
                self.add_attention(urgency, what, apply);
            }
            _ => {
                let rule = status.rule.as_present().filter(|_| status.venue.status != Status::Blocked);
                if let Some(rule) = rule.filter(|rule| !keeps_schedule(&rule.schedule, &status.venue.schedule)) {
                    let wanted = &status.venue.schedule.expression;
                    let (noun, found) = (rule.noun(), &rule.schedule);
                    let what = format!("Its {noun} has the schedule {found}, but the manifest says {wanted}.");
                    self.add_attention(Urgency::Soon, what, apply);
                }
            }
        }
        if let Some(version) = status.function.as_present().and_then(|function| function.pinned.as_ref()) {
            let what = format!("It was rolled back to version {version} and is pinned there.");
            let next = format!("Run `deployer rollback {name} --unpin` to let the next apply move it forward again.");
            self.add_attention(Urgency::Ask, what, next);
        }
    }

    fn judge_last_run(&mut self) {
        if self.status.standing != VenueStanding::Failing {
            return;
        }
        let name = &self.status.venue.name;
        let next = format!(
            "Look for the cause with `deployer logs {name}`, and test it with `deployer invoke {name} --dry-run`."
        );
        match self.status.last_run().and_then(|run| run.error.as_ref()) {
            Some(error) if error.kind == WRONG_SETTING => self.add_attention(
                Urgency::Now,
                format!("Its last run failed: {}", error.message),
                format!(
                    "Correct that, and run `deployer apply --target {name}` if the manifest changed. `deployer invoke \
                     {name} --dry-run` tests it."
                ),
            ),
            Some(error) => self.add_attention(
                Urgency::Now,
                format!("Its last run failed: {}: {}", error.kind, error.message),
                next,
            ),
            None => self.add_attention(
                Urgency::Now,
                "Lambda reports that its function has failed and can't be started.",
                next,
            ),
        }
    }

    /// Adds what went wrong without ending a run. A refused lookup is reported even if later runs needed none.
    fn judge_problems(&mut self) {
        let Some(runs) = self.status.runs.as_present() else { return };
        let name = &self.status.venue.name;
        let refused = ProblemKind::LookupRefused.kind_name();
        let next = format!("Leads are still sent. `deployer doctor {name}` tests the credentials.");
        if let Some((at, problem)) = &runs.refused_look_up {
            let at = self.time_text(*at);
            let what = format!("In its run of {at}, {}", problem.message);
            let next = format!(
                "Leads are still sent, but one whose response is lost is left for review. `deployer doctor {name}` \
                 tests the credentials."
            );
            self.add_attention(Urgency::Soon, what, next);
        }
        for problem in runs.last.iter().flat_map(|run| &run.problems).filter(|problem| problem.kind != refused) {
            self.add_attention(Urgency::Soon, format!("In its last run, {}", problem.message), next.clone());
        }
    }

    /// Adds a run that should have happened by now, but didn't.
    fn judge_overdue(&mut self) {
        let status = self.status;
        let (Some(runs), Some(rule)) = (status.runs.as_present(), status.rule.as_present()) else { return };
        let Some(schedule) = rule.expression() else { return };
        if !matches!(status.standing, VenueStanding::Running | VenueStanding::Failing) {
            return;
        }
        let changed = status.function.as_present().and_then(|function| function.changed_at);
        let last = runs.last.as_ref().map(|run| run.began_at());
        let from = last.unwrap_or_else(|| changed.unwrap_or(self.overview.since).max(self.overview.since));
        let patience = LATE + SignedDuration::from_secs(i64::from(status.venue.timeout_s));
        let expected = schedule.next_after(from, from).and_then(|at| at.checked_add(patience).ok());
        if expected.is_some_and(|expected| expected < self.overview.made_at) {
            let from = self.time_text(from);
            let what = match last {
                Some(_) => format!("Its last run was {from}, but its {} should have fired since.", rule.noun()),
                None => format!("It hasn't run since at least {from}, although its {} should have fired.", rule.noun()),
            };
            let next = "If it was resumed just now, wait for its next run. Otherwise check the rule's target with \
                        `deployer plan`.";
            self.add_attention(Urgency::Now, what, next);
        }
    }

    /// Adds a flag that is still set although the rule has fired three times since: the contact isn't synced.
    fn judge_oldest_flag(&mut self) {
        let status = self.status;
        let (Some(run), Some(rule)) = (status.last_run(), status.rule.as_present()) else { return };
        let (Some(set_at), Some(schedule)) = (run.oldest_flag_set_at(), rule.expression()) else { return };
        if !matches!(status.standing, VenueStanding::Running | VenueStanding::Failing) {
            return;
        }
        let firing = |after: Timestamp| schedule.next_after(after, after);
        let patience = LATE + SignedDuration::from_secs(i64::from(status.venue.timeout_s));
        let missed =
            (0..FIRINGS_TO_SYNC).try_fold(set_at, |at, _| firing(at)).and_then(|at| at.checked_add(patience).ok());
        if missed.is_some_and(|missed| missed < run.ended_at) {
            let name = &status.venue.name;
            let what = format!(
                "A contact's flag is still set since {}, although its {} has fired at least {FIRINGS_TO_SYNC} times",
                self.time_text(set_at),
                rule.noun()
            );
            let next = format!(
                "`deployer logs {name} --outcome retried` shows which contacts wait, and why. `deployer doctor {name}` \
                 tests the credentials."
            );
            self.add_attention(Urgency::Now, what, next);
        }
    }

    /// Adds the alarms that are raised.
    fn judge_alarms(&mut self) {
        let raised = self.status.alarms.as_present().map(Vec::as_slice).unwrap_or_default();
        if !raised.is_empty() {
            let what = format!("{} raised: {}", count_with_noun(raised.len() as u64, "alarm"), raised.join(", "));
            let next = format!("Look for the cause with `deployer logs {}`.", self.status.venue.name);
            self.add_attention(Urgency::Now, what, next);
        }
    }

    /// Adds what an apply would change, unless the standing says so already.
    fn judge_drift(&mut self) {
        let told = matches!(self.status.standing, VenueStanding::NotDeployed | VenueStanding::Pending);
        if let (VenueDrift::Differs(count), false) = (&self.status.drift, told) {
            let what = format!("{} of it differ from the manifest", count_with_noun(*count, "resource"));
            let what = if *count == 1 { what.replace("differ ", "differs ") } else { what };
            let name = &self.status.venue.name;
            let next =
                format!("`deployer plan --target {name}` shows what, and `deployer apply --target {name}` mends it.");
            self.add_attention(Urgency::Soon, what, next);
        }
    }

    /// A time for people, in the venue's time zone.
    fn time_text(&self, at: Timestamp) -> String {
        at.to_zoned(self.overview.zone_of(self.status)).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    fn judge_contacts(&mut self) {
        let ContactCounts::Counted { needs_review, failed } = self.status.contacts else { return };
        let property =
            sync_config::config::LedgerProperties::new(&self.status.venue.name, &self.status.venue.flag_property);
        if needs_review > 0 {
            let what = format!(
                "{} to review: they may or may not have become leads.",
                count_with_noun(needs_review, "contact")
            );
            let next = format!(
                "With OAuth, `deployer retry {} --needs-review` looks each one up, and ticks those again that are no leads. \
                 Otherwise look for them at the destination first: in HubSpot, filter contacts by `{}` = needs_review.",
                self.status.venue.name, property.status
            );
            self.add_attention(Urgency::Soon, what, next);
        }
        if failed > 0 {
            let what = format!("{} refused because of invalid data.", count_with_noun(failed, "contact"));
            let next = format!(
                "`{}` says what is wrong. Correct it, then `deployer retry {} --failed` ticks the contacts again.",
                property.error, self.status.venue.name
            );
            self.add_attention(Urgency::Soon, what, next);
        }
    }

    fn judge_blocker(&mut self) {
        let Some(blocker) = self.status.venue.blocker.as_ref().filter(|_| self.status.venue.status == Status::Blocked)
        else {
            return;
        };
        let age = blocker.age_days(utc_date(self.overview.made_at));
        let old = age.filter(|age| *age > Blocker::OLD_DAYS);
        match (&blocker.owner, old) {
            (None, _) => {
                let long =
                    age.map_or_else(String::new, |age| format!(" for {}", count_with_noun(age.unsigned_abs(), "day")));
                let what = format!("It has been blocked{long}, and nobody owns the next step: {}", blocker.reason);
                let name = &self.status.venue.name;
                self.add_attention(
                    Urgency::Ask,
                    what,
                    format!("Set an owner with `deployer venue block {name} --owner WHO`."),
                );
            }
            (Some(owner), Some(age)) => {
                // A backtick would be rendered as the start of a command.
                let owner = owner.replace('`', "'");
                let what = format!(
                    "It has been blocked for {}: {}",
                    count_with_noun(age.unsigned_abs(), "day"),
                    blocker.reason
                );
                self.add_attention(Urgency::Ask, what, format!("Ask {owner} about the next step."));
            }
            (Some(_), None) => {}
        }
    }
}
