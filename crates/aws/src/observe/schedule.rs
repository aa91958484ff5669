//! Schedules of EventBridge Scheduler, in the deployment's group: one paged list has their states and targets, and each is
//! read for the rest. They have no tags. They are ours if the group's tags say so.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::Value;

use super::answer::check_success;
use super::{ResourceList, to_unreadable};
use crate::signed::{RestRequest, list_of, tags_of, text_of};
use crate::{CallError, FailureKind, Found, SignedClient};
use deployer_core::naming::{TAG_DEPLOYMENT, VenueNames, marked_venue, schedule_group_name, venue_of_schedule};
use deployer_core::resource::members::{AnswerKind, UnmodeledPart};
use deployer_core::resource::{LiveSchedule, LiveScheduleGroup, Observed, ScheduleTarget, StringMap};
use deployer_core::role_policy::schedule_group_arn;
use deployer_core::scope::Scope;

/// The zone of a schedule that has none.
const DEFAULT_ZONE: &str = "UTC";

/// The group, and what it contains.
pub(super) struct ListedSchedules {
    pub(super) group: Observed<LiveScheduleGroup>,
    /// As far as the list shows them. Empty if the group isn't ours.
    pub(super) schedules: ResourceList<LiveSchedule>,
}

impl ListedSchedules {
    /// Of a deployment that has no group, and never had one.
    pub(super) fn none() -> Self {
        Self { group: Observed::Absent, schedules: Ok(BTreeMap::new()) }
    }

    /// Reads the group, and what is in it if it is ours.
    pub(super) async fn read_group(aws: &SignedClient, scope: &Scope, deployment: &str) -> Self {
        let (group, arn) = (schedule_group_name(deployment), schedule_group_arn(scope, deployment));
        let found = match read_group(aws, &group, &arn).await {
            Ok(found) => found,
            Err(error) => return Self { group: to_unreadable(&error), schedules: Err(error) },
        };
        let Some(found) = found else { return Self::none() };
        let owner = found.tags.get(TAG_DEPLOYMENT).cloned();
        if owner.as_deref() != Some(deployment) {
            return Self { group: Observed::Present(found), schedules: Ok(BTreeMap::new()) };
        }
        match list_schedules(aws, &group, owner.as_deref()).await {
            Ok(schedules) => {
                let (ours, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
                    schedules.into_iter().partition(|(name, _)| venue_of_schedule(deployment, name).is_some());
                let others = others.into_iter().map(|(name, schedule)| (name, schedule.target.arn)).collect();
                Self { group: Observed::Present(LiveScheduleGroup { others, ..found }), schedules: Ok(ours) }
            }
            Err(error) => Self { group: Observed::Present(found), schedules: Err(error) },
        }
    }

    /// The venues of schedules that belong to none of `known`. The mark in the description names the venue; without one, the
    /// name does.
    pub(super) async fn other_venues(
        &self,
        aws: &SignedClient,
        deployment: &str,
        known: impl Iterator<Item = &str>,
    ) -> Vec<String> {
        let Ok(schedules) = &self.schedules else { return Vec::new() };
        let known: BTreeSet<String> = known.map(|venue| VenueNames::new(deployment, venue).rule).collect();
        let mut venues = Vec::new();
        for name in schedules.keys().filter(|name| !known.contains(name.as_str())) {
            let read = read_schedule(aws, &schedule_group_name(deployment), name).await.ok().flatten();
            let description = read.map(|schedule| schedule.description).unwrap_or_default();
            let venue = marked_venue(&description, deployment).or_else(|| venue_of_schedule(deployment, name));
            venues.extend(venue.map(ToOwned::to_owned));
        }
        venues
    }

    /// A venue's schedule, read in full. With `confirm`, one that the list doesn't show is read by name before it counts as
    /// absent.
    pub(super) async fn observe_schedule(
        &self,
        aws: &SignedClient,
        deployment: &str,
        name: &str,
        confirm: bool,
    ) -> Observed<LiveSchedule> {
        let listed = match &self.schedules {
            Err(error) => return to_unreadable(error),
            Ok(schedules) => schedules.get(name),
        };
        let owner = match &self.group {
            Observed::Present(group) => group.tags.get(TAG_DEPLOYMENT).cloned(),
            _ => return Observed::Absent,
        };
        if owner.as_deref() != Some(deployment) || (listed.is_none() && !confirm) {
            return Observed::Absent;
        }
        match read_schedule(aws, &schedule_group_name(deployment), name).await {
            Ok(Some(schedule)) => Observed::Present(LiveSchedule { owner, ..schedule }),
            Ok(None) => Observed::Absent,
            Err(error) => to_unreadable(&error),
        }
    }

    /// A venue's schedule as the list shows it.
    pub(super) fn find_listed(&self, name: &str) -> Observed<LiveSchedule> {
        match &self.schedules {
            Err(error) => to_unreadable(error),
            Ok(schedules) => schedules.get(name).cloned().map_or(Observed::Absent, Observed::Present),
        }
    }
}

async fn read_group(aws: &SignedClient, name: &str, arn: &str) -> Result<Option<LiveScheduleGroup>, CallError> {
    let get = RestRequest::new("scheduler:GetScheduleGroup", Method::GET, &["schedule-groups", name]);
    let Some(answer) = aws.send(get).await.found()? else { return Ok(None) };
    // What was in it is being deleted, and then the group is.
    if text_of(&answer, "State") == Some("DELETING") {
        return Ok(None);
    }
    let Some(tags) = read_group_tags(aws, arn).await.found()? else { return Ok(None) };
    Ok(Some(LiveScheduleGroup { name: name.to_owned(), arn: arn.to_owned(), tags, others: StringMap::new() }))
}

/// The tags of a group.
///
/// # Errors
/// They can't be read.
pub async fn read_group_tags(aws: &SignedClient, arn: &str) -> Result<StringMap, CallError> {
    let request = RestRequest::new("scheduler:ListTagsForResource", Method::GET, &["tags", arn]);
    let answer = aws.send(request).await?;
    Ok(tags_of(&answer, "Tags", "Key", "Value").map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

async fn list_schedules(aws: &SignedClient, group: &str, owner: Option<&str>) -> ResourceList<LiveSchedule> {
    let request = RestRequest::new("scheduler:ListSchedules", Method::GET, &["schedules"]);
    let request = request.with_query("ScheduleGroup", group).with_query("MaxResults", 100);
    let mut found = BTreeMap::new();
    let mut pages = aws.send_pages(request);
    while let Some(page) = pages.next_page().await {
        let page = match page {
            // Deleted in between.
            Err(error) if error.kind == FailureKind::NotFound => return Ok(BTreeMap::new()),
            page => page?,
        };
        for entry in list_of(&page, "Schedules") {
            let schedule = build_live_schedule(entry, owner);
            found.insert(schedule.name.clone(), schedule);
        }
    }
    Ok(found)
}

/// Reads a schedule; `None` if it doesn't exist. Whose it is depends on its group.
///
/// # Errors
/// It can't be read.
pub async fn read_schedule(aws: &SignedClient, group: &str, name: &str) -> Result<Option<LiveSchedule>, CallError> {
    const CALL: &str = "scheduler:GetSchedule";
    let request = RestRequest::new(CALL, Method::GET, &["schedules", name]).with_query("groupName", group);
    let Some(answer) = aws.send(request).await.found()? else { return Ok(None) };
    check_success(CALL, &answer)?;
    let mut schedule = build_live_schedule(&answer, None);
    schedule.unmodeled =
        UnmodeledPart { members: AnswerKind::Schedule.find_unmodeled(&schedule.name, &answer), unread: Vec::new() };
    Ok(Some(schedule))
}

fn build_live_schedule(answer: &Value, owner: Option<&str>) -> LiveSchedule {
    let text = |member| text_of(answer, member).unwrap_or_default().to_owned();
    let (target, window) = (&answer["Target"], &answer["FlexibleTimeWindow"]);
    let optional = |value: &Value, member| text_of(value, member).map(ToOwned::to_owned);
    LiveSchedule {
        name: text("Name"),
        description: text("Description"),
        expression: text("ScheduleExpression"),
        timezone: text_of(answer, "ScheduleExpressionTimezone").unwrap_or(DEFAULT_ZONE).to_owned(),
        window_minutes: (text_of(window, "Mode") == Some("FLEXIBLE"))
            .then(|| window["MaximumWindowInMinutes"].as_i64().unwrap_or_default()),
        enabled: text("State") != "DISABLED",
        target: ScheduleTarget {
            arn: text_of(target, "Arn").unwrap_or_default().to_owned(),
            role_arn: optional(target, "RoleArn"),
            input: optional(target, "Input"),
            maximum_retry_attempts: target["RetryPolicy"]["MaximumRetryAttempts"].as_i64(),
            maximum_event_age_s: target["RetryPolicy"]["MaximumEventAgeInSeconds"].as_i64(),
            dead_letter: optional(&target["DeadLetterConfig"], "Arn"),
        },
        owner: owner.map(ToOwned::to_owned),
        unmodeled: UnmodeledPart::default(),
    }
}
