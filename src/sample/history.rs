//! The sample's past: when its resources were created, and how much they have been used since. No call could write
//! that.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::functions::ROLE;
use super::needed::{NEEDED_QUEUES, add_stack};
use super::{LIVE, LegacyAccount, OLD_PUSH, ON_CALL, QUEUES, RULES, STALE, WORKER};
use deployer_cloud::{CloudContext, EmbeddedCloud};
use deployer_core::error::Result;

/// How many days ago everything was created.
const MADE: i64 = 900;
/// A count that is the same every day: namespace, metric, dimension, the days (counted back from today), and the count.
type DailyCount = (&'static str, &'static str, (&'static str, &'static str), std::ops::Range<i64>, f64);

/// The integration of HubSpot ended longer ago than CloudWatch keeps its counts.
fn daily_counts() -> [DailyCount; 3] {
    let function = |name| ("FunctionName", name);
    [
        ("AWS/Lambda", "Invocations", function(OLD_PUSH), 133..390, 288.0),
        ("AWS/Lambda", "Invocations", function(LIVE), 1..400, 1.0),
        ("AWS/Events", "Invocations", ("RuleName", RULES[1].0), 1..400, 1.0),
    ]
}

/// Gives the embedded cloud the past of what [`super::legacy_account`] created in it, once.
///
/// # Errors
/// The cloud's state can't be read or written.
pub fn age_account(cloud: &EmbeddedCloud, legacy: &LegacyAccount) -> Result<()> {
    cloud.with_context(|cx| {
        cx.switch_region(&legacy.region);
        let aged = cx.region_state().cloudwatch.metrics.values().any(|metric| metric.namespace == "AWS/Events");
        if !aged {
            backdate_resources(cx, legacy);
            backdate_usage(cx);
        }
        // Rules and topics have no date of their own: what made them is in the event history, each time that the sample is
        // put here.
        let undated = |name: &str| name == ON_CALL || RULES.iter().any(|(rule, ..)| *rule == name);
        if cx.region_state().elsewhere.trail.values().any(|event| undated(&event.resource)) {
            cx.region_state_mut().elsewhere.trail.retain(|_, event| !undated(&event.resource));
        }
    })
}

fn days_ago(cx: &CloudContext<'_>, days: i64) -> Timestamp {
    cx.now.saturating_sub(SignedDuration::from_hours(days * 24)).unwrap_or(Timestamp::MIN)
}

fn backdate_resources(cx: &mut CloudContext<'_>, legacy: &LegacyAccount) {
    let made = days_ago(cx, MADE);
    if let Some(role) = cx.state.iam.roles.get_mut(ROLE) {
        role.created = made;
    }
    let regional = cx.region_state_mut();
    for name in STALE.iter().chain([&LIVE]) {
        if let Some(function) = regional.lambda.functions.get_mut(*name) {
            function.last_modified = made.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
        }
        if let Some(group) = regional.logs.groups.get_mut(&format!("/aws/lambda/{name}")) {
            group.created_ms = made.as_millisecond();
        }
    }
    add_stack(regional, legacy);
    for name in QUEUES.iter().chain(&NEEDED_QUEUES).copied() {
        if let Some(queue) = regional.sqs.queues.get_mut(name) {
            (queue.created_s, queue.modified_s) = (made.as_second(), made.as_second());
        }
    }
    for mapping in regional.lambda.mappings.values_mut().filter(|mapping| mapping.function_arn.ends_with(WORKER)) {
        mapping.modified_s = made.as_duration().as_secs_f64();
    }
    if let Some(api) = regional.apigateway.rest.get_mut(&legacy.rest_api_id) {
        api.shown["createdDate"] = json!(made.as_second());
        for shown in api.stages.values_mut().chain(api.deployments.values_mut()) {
            for member in ["createdDate", "lastUpdatedDate"] {
                if shown.get(member).is_some() {
                    shown[member] = json!(made.as_second());
                }
            }
        }
    }
}

fn backdate_usage(cx: &mut CloudContext<'_>) {
    // Metrics of the queues from today would make the sample look used.
    let sent = |name: &str| QUEUES.contains(&name) || NEEDED_QUEUES.contains(&name);
    cx.region_state_mut()
        .cloudwatch
        .metrics
        .retain(|_, metric| !metric.dimensions.get("QueueName").is_some_and(|name| sent(name)));
    for (namespace, metric, dimension, days, each) in daily_counts() {
        for day in days {
            cx.count_metric_at(days_ago(cx, day), namespace, metric, &[dimension], each);
        }
    }
}
