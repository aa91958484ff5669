//! How many calls a second AWS takes, as it documents it, and how long a plan's calls take at least.
//!
//! One table for everything that depends on it: the spacing of calls, what an apply says of how long it takes, and the bound
//! that measurements are held against.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::{Change, HubSpotOperation, Operation, Plan};
use crate::property::PROPERTIES_A_REQUEST;

/// Calls that share one rate, for each account and region.
#[derive(Debug, PartialEq, Eq)]
pub struct CallRate {
    /// One call as IAM writes it (`lambda:GetFunction`), or all calls of a service without a row of their own (`lambda`).
    pub calls: &'static str,
    /// Calls a second. Where [`CallRate::source`] is empty, nothing is documented, and this is a careful guess.
    pub per_second: u32,
    /// How many of them an apply takes: all, unless it shares the rate with runs.
    pub taken: u32,
    /// Where it is documented.
    pub source: &'static str,
}

const LAMBDA: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";
const LOGS: &str = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html";
const EVENTS: &str = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html";
const SCHEDULER: &str = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html";
const SECRETS: &str = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html";
const CLOUDWATCH: &str = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html";
const SNS: &str = "https://docs.aws.amazon.com/general/latest/gr/sns.html";
const HUBSPOT: &str = "https://developers.hubspot.com/docs/api/usage-details";
const GUESSED: &str = "";

/// The part of a rate that is used, in percent: a network delivers unevenly, and what is spaced evenly arrives in bunches.
const USED_PERCENT: u32 = 96;

const fn rate(calls: &'static str, per_second: u32, source: &'static str) -> CallRate {
    CallRate { calls, per_second, taken: per_second, source }
}

/// All rates. A call's own row comes before its service's.
pub const CALL_RATES: &[CallRate] = &[
    rate("lambda:GetFunction", 100, LAMBDA),
    rate("lambda:GetPolicy", 15, LAMBDA),
    // All other calls of the control plane together.
    rate("lambda", 15, LAMBDA),
    rate("logs:CreateLogGroup", 10, LOGS),
    rate("logs:PutRetentionPolicy", 10, LOGS),
    rate("logs", 10, GUESSED),
    // In large regions; fewer in others, where throttled calls are retried.
    rate("events", 50, EVENTS),
    // In the smallest regions; 1,000 in large ones.
    rate("scheduler:CreateSchedule", 250, SCHEDULER),
    rate("scheduler:UpdateSchedule", 250, SCHEDULER),
    rate("scheduler:DeleteSchedule", 250, SCHEDULER),
    rate("scheduler:GetSchedule", 250, SCHEDULER),
    rate("scheduler:ListSchedules", 50, SCHEDULER),
    // Groups and their tags.
    rate("scheduler", 10, SCHEDULER),
    rate("secretsmanager", 50, SECRETS),
    rate("iam", 15, GUESSED),
    rate("cloudwatch:PutMetricAlarm", 3, CLOUDWATCH),
    rate("cloudwatch:PutCompositeAlarm", 3, CLOUDWATCH),
    rate("cloudwatch:DeleteAlarms", 3, CLOUDWATCH),
    rate("cloudwatch", 9, GUESSED),
    rate("sns:CreateTopic", 30, SNS),
    rate("sns:Subscribe", 100, SNS),
    rate("sns", 20, GUESSED),
    // 100 in 10 seconds. The venues' runs may use the same key, so an apply takes half. HubSpot's client spaces them.
    CallRate { calls: "hubspot", per_second: 10, taken: 5, source: HUBSPOT },
];

/// The rate of a call as IAM writes it; `None` for a call of a service that isn't paced.
pub fn find_rate(call: &str) -> Option<&'static CallRate> {
    let service = call.split(':').next().unwrap_or_default();
    let find = |wanted: &str| CALL_RATES.iter().find(|rate| rate.calls == wanted);
    find(call).or_else(|| find(service))
}

impl CallRate {
    /// The time from one call to the next.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(1) * 100 / (self.taken * USED_PERCENT)
    }

    /// How long so many calls take at the documented rate: no program can be faster.
    pub fn bound(&self, calls: u32) -> Duration {
        Duration::from_secs(1) * calls / self.per_second
    }

    /// The calls in words: "Lambda".
    pub fn display_name(&self) -> &'static str {
        match self.calls.split(':').next().unwrap_or_default() {
            "lambda" => "Lambda",
            "logs" => "CloudWatch Logs",
            "events" => "EventBridge",
            "scheduler" => "EventBridge Scheduler",
            "secretsmanager" => "Secrets Manager",
            "iam" => "IAM",
            "cloudwatch" => "CloudWatch",
            "sns" => "SNS",
            "hubspot" => "HubSpot",
            _ => "AWS",
        }
    }
}

/// The calls that take longest of a set of calls, since those of different rates are made at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowestCalls {
    pub rate: &'static CallRate,
    pub calls: u32,
}

impl SlowestCalls {
    /// How long they take as they are spaced.
    pub fn paced(&self) -> Duration {
        self.rate.interval() * self.calls
    }

    /// How long they take at the documented rate.
    pub fn bound(&self) -> Duration {
        self.rate.bound(self.calls)
    }
}

/// The slowest of these calls, each with its number. `None` if none of them has a rate.
pub fn find_slowest<'c>(calls: impl IntoIterator<Item = (&'c str, u32)>) -> Option<SlowestCalls> {
    let mut counted: BTreeMap<&str, SlowestCalls> = BTreeMap::new();
    for (call, number) in calls {
        let Some(rate) = find_rate(call) else { continue };
        counted.entry(rate.calls).or_insert(SlowestCalls { rate, calls: 0 }).calls += number;
    }
    counted.into_values().max_by_key(SlowestCalls::paced)
}

/// The calls that decide how long a plan takes to be carried out.
pub fn find_slowest_of_plan(plan: &Plan) -> Option<SlowestCalls> {
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    let properties = count_property_requests(operations.clone());
    find_slowest(operations.flat_map(calls_of_operation).chain([("hubspot:CreateProperty", properties)]))
}

/// How long after a venue with these changes the next one may begin, so that both get through at the rates of AWS's quotas.
/// The requests for contact properties, which many venues share, aren't counted.
pub fn find_spacing(changes: &[&Change]) -> Duration {
    let operations = changes.iter().flat_map(|change| &change.operations);
    find_slowest(operations.flat_map(calls_of_operation)).map_or(Duration::ZERO, |slowest| slowest.paced())
}

/// How many requests create the contact properties of these operations, and the group that is made before them.
fn count_property_requests<'o>(operations: impl Iterator<Item = &'o Operation>) -> u32 {
    let (mut groups, mut properties) = (0, 0);
    for operation in operations {
        match operation {
            Operation::HubSpot(HubSpotOperation::CreatePropertyGroup { .. }) => groups = 1,
            Operation::HubSpot(HubSpotOperation::CreateProperty { .. }) => properties += 1,
            _ => {}
        }
    }
    groups + u32::try_from(usize::div_ceil(properties, PROPERTIES_A_REQUEST)).unwrap_or(u32::MAX)
}

/// The calls that an operation makes, those included with which it looks before it writes. What shares its requests with
/// others makes none of its own.
fn calls_of_operation(operation: &Operation) -> impl Iterator<Item = (&'static str, u32)> {
    let call = operation.call_name();
    let looks = (call == "events:PutRule").then_some(("events:DescribeRule", 1));
    let shares = matches!(
        operation,
        Operation::HubSpot(HubSpotOperation::CreatePropertyGroup { .. } | HubSpotOperation::CreateProperty { .. })
    );
    looks.into_iter().chain((!shares).then_some((call, 1)))
}

/// What a plan reads of each function that exists, besides lists.
pub const READS_OF_A_FUNCTION: [(&str, u32); 5] = [
    ("lambda:GetFunction", 2),
    ("lambda:GetPolicy", 3),
    ("lambda:GetAlias", 1),
    ("lambda:GetFunctionEventInvokeConfig", 1),
    ("lambda:ListFunctionUrlConfigs", 1),
];

#[cfg(test)]
mod tests {
    use sync_config::config::{LedgerProperties, default_flag_property};

    use super::*;
    use crate::property::venue_properties;

    #[test]
    fn a_call_has_its_own_rate_or_its_services() {
        let name = |call: &str| find_rate(call).map(|rate| rate.calls);
        assert_eq!(name("lambda:GetPolicy"), Some("lambda:GetPolicy"));
        assert_eq!(name("lambda:CreateFunction"), Some("lambda"));
        assert_eq!(name("sts:GetCallerIdentity"), None);
        for rate in CALL_RATES {
            assert!(rate.taken > 0 && rate.taken <= rate.per_second, "{rate:?}");
            assert!(rate.source.is_empty() || rate.source.starts_with("https://"), "{rate:?}");
            assert_ne!(rate.display_name(), "AWS", "{rate:?}");
        }
    }

    /// Within 1.15 of what the quotas allow.
    #[test]
    fn calls_are_spaced_a_little_below_their_rate() {
        for rate in CALL_RATES.iter().filter(|rate| rate.calls != "hubspot") {
            let of_hundred = SlowestCalls { rate, calls: 100 };
            let ratio = of_hundred.paced().as_secs_f64() / of_hundred.bound().as_secs_f64();
            assert!(ratio > 1.0 && ratio < 1.05, "{rate:?}: {ratio}");
        }
    }

    #[test]
    fn the_slowest_calls_are_those_that_take_longest_and_not_the_most() {
        let found = find_slowest([("lambda:CreateFunction", 20), ("lambda:CreateAlias", 10), ("events:PutRule", 90)]);
        let found = found.expect("they have rates");
        assert_eq!((found.rate.calls, found.calls, found.bound()), ("lambda", 30, Duration::from_secs(2)));
        assert_eq!(find_slowest([("sts:GetCallerIdentity", 9)]), None);
    }

    #[test]
    fn properties_are_created_a_hundred_at_a_time() {
        let create = |name: usize| {
            let ledger = LedgerProperties::new("a", &default_flag_property("a"));
            let (_, property) = venue_properties(&ledger, &name.to_string(), ("", "")).remove(0);
            let group = HubSpotOperation::CreatePropertyGroup { group: String::new(), label: String::new() };
            [Operation::from(group), HubSpotOperation::CreateProperty { property }.into()]
        };
        let operations: Vec<Operation> = (0..501).flat_map(create).collect();
        assert_eq!(count_property_requests(operations.iter()), 7);
        assert_eq!(operations.iter().flat_map(calls_of_operation).count(), 0);
        assert_eq!(count_property_requests([].iter()), 0);
    }
}
