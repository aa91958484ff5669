//! What starts a venue's runs right now, whatever kind it is: for those who only ask whether and when it fires.

use jiff::Timestamp;
use serde::Serialize;

use super::schedule::read_schedule;
use crate::{Aws, Call, CallError, Found};
use deployer_core::manifest::ScheduleExpression;
use deployer_core::naming::{VenueNames, schedule_group_name};

/// What starts a venue's runs, as it exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveFiring {
    /// Whether it fires.
    pub enabled: bool,
    /// Its schedule expression.
    pub schedule: String,
    /// The IANA time zone that it counts in, if that isn't UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether it is a schedule of EventBridge Scheduler, and not a rule.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_schedule: bool,
    /// The event that a schedule of EventBridge Scheduler sends. A rule sends its own.
    #[serde(skip)]
    pub input: Option<String>,
}

impl LiveFiring {
    /// What it is, in words.
    pub fn noun(&self) -> &'static str {
        if self.by_schedule { "schedule" } else { "rule" }
    }

    /// When it fires next after `now`, if it was enabled at `enabled`. `None` if the expression can't be read, or has ended.
    pub fn next_after(&self, now: Timestamp, enabled: Timestamp) -> Option<Timestamp> {
        self.expression()?.next_after(now, enabled)
    }

    /// Its expression, in its time zone; `None` if it can't be read.
    pub fn expression(&self) -> Option<ScheduleExpression> {
        let expression = ScheduleExpression::parse_expression(&self.schedule).ok()?;
        Some(match &self.timezone {
            Some(zone) => expression.in_zone(zone),
            None => expression,
        })
    }
}

/// Reads what starts the runs of a venue. `by_schedule` tells whether the manifest gives it a schedule; until it has one, its
/// rule still fires.
///
/// # Errors
/// It can't be read.
pub async fn read_firing(
    aws: &Aws,
    deployment: &str,
    names: &VenueNames,
    by_schedule: bool,
) -> Result<Option<LiveFiring>, CallError> {
    if by_schedule
        && let Some(schedule) = read_schedule(&aws.signed, &schedule_group_name(deployment), &names.rule).await?
    {
        return Ok(Some(LiveFiring {
            enabled: schedule.enabled,
            schedule: schedule.expression,
            timezone: Some(schedule.timezone).filter(|zone| zone != "UTC"),
            by_schedule: true,
            input: schedule.target.input,
        }));
    }
    let rule = aws.events.describe_rule().name(&names.rule).send().await.call("events:DescribeRule").found()?;
    Ok(rule.map(|rule| LiveFiring {
        enabled: rule.state().is_none_or(|state| state.as_str() != "DISABLED"),
        schedule: rule.schedule_expression().unwrap_or_default().to_owned(),
        timezone: None,
        by_schedule: false,
        input: None,
    }))
}
