//! Which alarms a deployment has, from its manifest.
//!
//! Each cause of trouble is an alarm without actions. One composite alarm for each venue sends the messages, so that a cause
//! that raises several of them is one message. While HubSpot fails at many venues at once, the deployment's own alarm says so
//! and holds back those of the venues.
//!
//! Limits as CloudWatch documents them: a period is whole minutes; an alarm looks back for at most a day, or seven days with
//! periods of an hour or more.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use serde_json::{Value, json};
use sync_config::metrics::{
    DEPLOYMENT_DIMENSION, FAILED, HUBSPOT_FAILED, METRIC_DIMENSION, METRIC_NAMESPACE, NEEDS_REVIEW, OLDEST_FLAG_AGE,
    PROBLEMS, RunMetric, SYNCED,
};

use crate::desired::{resource_tags, shared_tags};
use crate::manifest::{AlarmCause, AlarmSettings, Manifest, ScheduleExpression, Status, Venue, format_duration};
use crate::naming::{ALIAS, SHARED_VENUE, VenueNames, alarm_topic_name};
use crate::resource::StringMap;
use crate::resource::alarm::{AlarmGroupSpec, AlarmSpec, ChatSubscriber, DesiredAlarms, TopicSpec, WatchedMetric};
use crate::scope::Scope;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
const WEEK_S: u64 = 7 * DAY_S;
/// How many runs in a row have to fail, or be missing.
const RUNS: u64 = 3;
/// For how long runs have to fail, if that is fewer than [`RUNS`] of them.
const FAILING_S: u64 = HOUR_S;
/// How many contacts have to fail in a day before their share counts.
const FEWEST_FAILED: u64 = 3;
/// How long a venue's message waits for the deployment's own alarm, in seconds: longer than CloudWatch takes to evaluate an
/// alarm and to show a new value.
const SUPPRESSOR_WAIT_S: u64 = 180;

/// The alarms of a deployment; `None` if the manifest declares none. A paused or blocked venue has none.
pub fn derive_alarms(manifest: &Manifest, scope: &Scope) -> Option<DesiredAlarms> {
    let settings = manifest.alarms.as_ref()?;
    let deployment = &manifest.deployment.name;
    let own = alarm_topic_name(deployment);
    let own_arn = scope.regional_arn("sns", &own);
    let topic_arn = alarm_topic_arn(manifest, scope);
    let topic = settings.topic.is_none().then(|| TopicSpec {
        policy: topic_policy(scope, deployment, &own_arn),
        name: own,
        arn: own_arn,
        emails: settings.emails.clone(),
        tags: shared_tags(&manifest.deployment, &[]),
    });
    let active: Vec<&Venue> = manifest.venues.iter().filter(|venue| venue.status == Status::Active).collect();
    let tags = shared_tags(&manifest.deployment, &[]);
    let context = AlarmContext { settings, deployment, scope, tags: &tags, topic_arn: &topic_arn };
    let shared = context.shared_group(&active);
    let venues = active.iter().map(|venue| context.venue_group(venue, &shared));
    let groups = std::iter::once(shared.clone()).chain(venues).collect();
    Some(DesiredAlarms { topic, groups })
}

/// The topic that the messages of a deployment go to: the manifest's, or else its own.
pub fn alarm_topic_arn(manifest: &Manifest, scope: &Scope) -> String {
    let named = manifest.alarms.as_ref().and_then(|alarms| alarms.topic.clone());
    named.unwrap_or_else(|| scope.regional_arn("sns", &alarm_topic_name(&manifest.deployment.name)))
}

/// Lets the deployment's alarms publish, and nobody else; whom an IAM policy of the account allows it needs no statement.
fn topic_policy(scope: &Scope, deployment: &str, topic: &str) -> Value {
    let alarms = scope.regional_arn("cloudwatch", &format!("alarm:{}*", VenueNames::alarm_prefix(deployment)));
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "deployer-alarms",
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {
                "StringEquals": { "aws:SourceAccount": scope.account },
                "ArnLike": { "aws:SourceArn": alarms },
            },
        }],
    })
}

struct AlarmContext<'a> {
    settings: &'a AlarmSettings,
    deployment: &'a str,
    scope: &'a Scope,
    /// Of what belongs to all venues.
    tags: &'a StringMap,
    topic_arn: &'a str,
}

/// When a metric breaches, and for how long it has to.
struct Breach {
    operator: &'static str,
    threshold: u64,
    /// Of so many periods, …
    periods: u64,
    /// … so many have to breach.
    breaching: u64,
    /// What a period without a value counts as.
    missing: &'static str,
}

impl Breach {
    fn to_json(&self) -> Value {
        json!({
            "ComparisonOperator": self.operator, "Threshold": self.threshold, "EvaluationPeriods": self.periods,
            "DatapointsToAlarm": self.breaching, "TreatMissingData": self.missing,
        })
    }
}

fn merge(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

/// The shortest of CloudWatch's periods that is at least this long, and a day at most.
fn whole_period(seconds: u64) -> u64 {
    (seconds.div_ceil(MINUTE_S) * MINUTE_S).clamp(MINUTE_S, DAY_S)
}

/// Period and number of periods after which no run has succeeded for three intervals, and none was due in the longest pause of
/// the schedule. `None` if CloudWatch can't look back that far, or if the schedule fires only once.
fn silence_window(schedule: &ScheduleExpression) -> Option<(u64, u64)> {
    let interval = schedule.interval_s?;
    let gap = schedule.longest_gap_s()?;
    let (span, period) = match gap <= interval {
        true => (RUNS * interval, whole_period(interval)),
        false => ((RUNS * interval).max(gap + (RUNS - 1) * interval), HOUR_S),
    };
    let periods = span.div_ceil(period);
    let longest = if period >= HOUR_S { WEEK_S } else { DAY_S };
    (period * periods <= longest).then_some((period, periods))
}

impl AlarmContext<'_> {
    /// The alarm for HubSpot failing at many venues at once. It watches a metric that exists only while runs fail.
    fn shared_group(&self, active: &[&Venue]) -> AlarmGroupSpec {
        let name = VenueNames::new(self.deployment, SHARED_VENUE).alarms;
        let intervals = || active.iter().filter_map(|venue| venue.schedule.interval_s);
        let period = whole_period(intervals().min().unwrap_or(DAY_S));
        // Runs in a period, in thousandths.
        let runs: u64 = intervals().map(|interval| 1000 * period / interval.max(1)).sum();
        let half = runs.div_ceil(2000).max(2);
        let breach = Breach {
            operator: "GreaterThanOrEqualToThreshold",
            threshold: half,
            periods: RUNS,
            breaching: 2,
            missing: "notBreaching",
        };
        let settings = json!({
            "AlarmDescription": format!(
                "HubSpot ends the runs of at least half of the venues of {}. Flags stay set, and are synced once HubSpot answers \
                 again. Messages of single venues wait until then. https://status.hubspot.com",
                self.deployment
            ),
            "Namespace": METRIC_NAMESPACE, "MetricName": HUBSPOT_FAILED.name, "Statistic": "Sum", "Period": period,
            "Dimensions": [{ "Name": DEPLOYMENT_DIMENSION, "Value": self.deployment }],
            "AlarmActions": [self.topic_arn], "OKActions": [self.topic_arn],
        });
        AlarmGroupSpec {
            venue: SHARED_VENUE.to_owned(),
            alarms: [AlarmSpec::new(format!("{name}/hubspot"), &merge(settings, breach.to_json()))]
                .into_iter()
                .chain(self.function_alarm(&name))
                .collect(),
            subscriber: self.settings.chats().next().map(|_| ChatSubscriber {
                topic: self.topic_arn.to_owned(),
                endpoint: self.scope.regional_arn(
                    "lambda",
                    &format!("function:{}:{ALIAS}", VenueNames::new(self.deployment, SHARED_VENUE).function),
                ),
            }),
            composite: None,
            watched: None,
            tags: self.tags.clone(),
            notes: Vec::new(),
            name,
        }
    }

    /// The alarm for what the function of all venues doesn't get done: a chat doesn't take a message, or a digest isn't sent. It
    /// reaches those who get mail. Both are errors of the one function, so there is one alarm.
    fn function_alarm(&self, group: &str) -> Option<AlarmSpec> {
        let (has_chat, has_digest) = (self.settings.chats().next().is_some(), self.settings.digest.is_some());
        let deployment = self.deployment;
        let said = format!("`deployer logs {SHARED_VENUE}` says why");
        let webhook =
            format!("`deployer secret set {SHARED_VENUE} slack_webhook` (or teams_webhook) sets another webhook");
        let (word, description) = match (has_chat, has_digest) {
            (false, false) => return None,
            (true, false) => {
                ("chat", format!("Messages of {deployment} couldn't be delivered to a chat. {said}; {webhook}."))
            }
            (true, true) => (
                "chat",
                format!(
                    "Messages of {deployment} couldn't be delivered to a chat, or its digest couldn't be sent. {said}; \
                     {webhook}, and `deployer report --send` sends the digest."
                ),
            ),
            (false, true) => (
                "digest",
                format!("The digest of {deployment} couldn't be sent. {said}; `deployer report --send` sends it."),
            ),
        };
        let function = VenueNames::new(self.deployment, SHARED_VENUE).function;
        let breach = Breach {
            operator: "GreaterThanOrEqualToThreshold",
            threshold: 1,
            periods: 1,
            breaching: 1,
            missing: "notBreaching",
        };
        let settings = json!({
            "AlarmDescription": description,
            "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Period": HOUR_S,
            "Dimensions": [{ "Name": "FunctionName", "Value": function }],
            "AlarmActions": [self.topic_arn],
        });
        Some(AlarmSpec::new(format!("{group}/{word}"), &merge(settings, breach.to_json())))
    }

    fn venue_group(&self, venue: &Venue, shared: &AlarmGroupSpec) -> AlarmGroupSpec {
        let name = VenueNames::new(self.deployment, &venue.name).alarms;
        let mut notes = Vec::new();
        let mut alarms = Vec::new();
        let mut watched = None;
        for cause in AlarmCause::ALL.into_iter().filter(|cause| self.settings.causes.contains(cause)) {
            match self.cause_settings(venue, cause) {
                Some(settings) => {
                    alarms.push(AlarmSpec::new(format!("{name}/{}", cause.as_word()), &settings));
                    if cause == AlarmCause::Silent {
                        watched = Some(self.watched_metric(&name, &venue.name));
                    }
                }
                None => notes.push(format!(
                    "{} has no alarm for runs that don't happen: between two runs of `{}` is more time than CloudWatch looks back \
                     (seven days)",
                    venue.name, venue.schedule.expression
                )),
            }
        }
        let rule: Vec<String> = alarms.iter().map(|alarm| format!("ALARM(\"{}\")", alarm.name)).collect();
        let extension = whole_period(venue.schedule.interval_s.unwrap_or(HOUR_S)).max(2 * MINUTE_S);
        let suppressor = shared.alarms.first().map(|alarm| alarm.name.as_str());
        let composite = json!({
            "AlarmRule": rule.join(" OR "),
            "AlarmDescription": format!(
                "{} needs attention. `deployer status {}` shows why, `deployer logs {}` what the runs said.",
                venue.display_name, venue.name, venue.name
            ),
            "AlarmActions": [self.topic_arn], "OKActions": [self.topic_arn],
            "ActionsSuppressor": suppressor,
            "ActionsSuppressorWaitPeriod": SUPPRESSOR_WAIT_S, "ActionsSuppressorExtensionPeriod": extension,
        });
        AlarmGroupSpec {
            venue: venue.name.clone(),
            composite: (!alarms.is_empty()).then(|| AlarmSpec::new(name.clone(), &composite)),
            alarms,
            watched,
            subscriber: None,
            tags: resource_tags(self.deployment, venue, &[]),
            notes,
            name,
        }
    }

    fn dimensions(&self, venue: &str) -> Value {
        json!([
            { "Name": DEPLOYMENT_DIMENSION, "Value": self.deployment },
            { "Name": METRIC_DIMENSION, "Value": venue },
        ])
    }

    fn watched_metric(&self, group: &str, venue: &str) -> WatchedMetric {
        let dimensions = [(DEPLOYMENT_DIMENSION, self.deployment), (METRIC_DIMENSION, venue)];
        WatchedMetric {
            group: group.to_owned(),
            namespace: METRIC_NAMESPACE.to_owned(),
            name: OLDEST_FLAG_AGE.name.to_owned(),
            unit: OLDEST_FLAG_AGE.unit.to_owned(),
            dimensions: dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    /// A statistic of one of the venue's own metrics.
    fn run_metric(&self, venue: &Venue, metric: RunMetric, statistic: &str, period_s: u64) -> Value {
        json!({
            "Namespace": METRIC_NAMESPACE, "MetricName": metric.name, "Statistic": statistic, "Period": period_s,
            "Dimensions": self.dimensions(&venue.name),
        })
    }

    /// A sum of one of Lambda's metrics, which are free, for the alias that the rule invokes.
    fn lambda_metric(&self, venue: &Venue, metric: &str, period_s: u64) -> Value {
        let function = VenueNames::new(self.deployment, &venue.name).function;
        json!({
            "Namespace": "AWS/Lambda", "MetricName": metric, "Statistic": "Sum", "Period": period_s,
            "Dimensions": [
                { "Name": "FunctionName", "Value": function },
                { "Name": "Resource", "Value": format!("{function}:{ALIAS}") },
            ],
        })
    }

    /// The settings of the alarm for one cause. `None` if CloudWatch can't watch for it.
    fn cause_settings(&self, venue: &Venue, cause: AlarmCause) -> Option<Value> {
        let AlarmSettings { oldest_flag_s, needs_review, failed_percent, .. } = self.settings;
        let interval = venue.schedule.interval_s.unwrap_or(HOUR_S);
        let period_s = whole_period(interval);
        let at_least = |threshold: u64, periods: u64, missing: &'static str| Breach {
            operator: "GreaterThanOrEqualToThreshold",
            threshold,
            periods,
            breaching: periods,
            missing,
        };
        let in_a_row = FAILING_S.div_ceil(interval.max(1)).clamp(1, RUNS);
        let display = &venue.display_name;
        let (breach, metric, description) = match cause {
            AlarmCause::Failing => (
                at_least(1, in_a_row, "notBreaching"),
                self.lambda_metric(venue, "Errors", period_s),
                format!("The last {} of {display} failed. Flags stay set.", counted_runs(in_a_row)),
            ),
            AlarmCause::Silent => {
                let (period_s, periods) = silence_window(&venue.schedule)?;
                let breach = Breach { operator: "LessThanThreshold", ..at_least(1, periods, "breaching") };
                let description =
                    format!("No run of {display} has succeeded for {}.", format_duration(period_s * periods));
                (breach, self.run_metric(venue, OLDEST_FLAG_AGE, "SampleCount", period_s), description)
            }
            AlarmCause::OldestFlag => (
                at_least(u64::from(*oldest_flag_s), 1, "ignore"),
                self.run_metric(venue, OLDEST_FLAG_AGE, "Maximum", period_s),
                format!("A flag of {display} has been set for {} or more.", format_duration(u64::from(*oldest_flag_s))),
            ),
            AlarmCause::NeedsReview => (
                at_least(u64::from(*needs_review), 1, "notBreaching"),
                self.run_metric(venue, NEEDS_REVIEW, "Sum", HOUR_S),
                format!("{needs_review} or more contacts of {display} came to need review within an hour."),
            ),
            AlarmCause::Failed => (
                at_least(u64::from(*failed_percent), 1, "notBreaching"),
                self.failed_share(venue),
                format!(
                    "{failed_percent}% or more of the contacts of {display} were refused for their data within a day."
                ),
            ),
            AlarmCause::Throttled => (
                at_least(1, in_a_row, "notBreaching"),
                self.lambda_metric(venue, "Throttles", period_s),
                format!(
                    "Lambda didn't start the last {} of {display}: its concurrency is used up.",
                    counted_runs(in_a_row)
                ),
            ),
            AlarmCause::Lookups => (
                at_least(1, in_a_row, "notBreaching"),
                self.run_metric(venue, PROBLEMS, "Sum", period_s),
                format!(
                    "Runs of {display} can't look up leads: its OAuth application is refused, or its consent can't be renewed."
                ),
            ),
        };
        Some(merge(merge(metric, breach.to_json()), json!({ "AlarmDescription": description })))
    }

    fn failed_share(&self, venue: &Venue) -> Value {
        let sum = |id: &str, metric: RunMetric| {
            json!({
                "Id": id, "ReturnData": false,
                "MetricStat": {
                    "Metric": {
                        "Namespace": METRIC_NAMESPACE, "MetricName": metric.name, "Dimensions": self.dimensions(&venue.name),
                    },
                    "Period": DAY_S, "Stat": "Sum",
                },
            })
        };
        let share = format!("IF(failed >= {FEWEST_FAILED}, 100 * failed / (failed + FILL(synced, 0)), 0)");
        let share = json!({ "Id": "share", "Expression": share, "Label": "Percent of contacts that failed", "ReturnData": true });
        json!({ "Metrics": [sum("failed", FAILED), sum("synced", SYNCED), share] })
    }
}

fn counted_runs(runs: u64) -> String {
    if runs == 1 { "run".to_owned() } else { format!("{runs} runs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_longer_than_every_pause_of_the_schedule() {
        let window = |text: &str| {
            silence_window(&ScheduleExpression::parse_expression(text).unwrap_or_else(|_| panic!("{text}: a schedule")))
        };
        assert_eq!(window("rate(5 minutes)"), Some((300, 3)));
        assert_eq!(window("rate(1 minute)"), Some((60, 3)));
        assert_eq!(window("rate(1 day)"), Some((DAY_S, 3)));
        assert_eq!(window("rate(2 days)"), Some((DAY_S, 6)));
        assert_eq!(window("rate(3 days)"), None, "nine days");
        // Over night, from 23:50 to 8:00.
        assert_eq!(window("cron(0/10 8-23 ? * * *)"), Some((HOUR_S, 9)));
        // Over the weekend, from Friday 18:45 to Monday 8:00: 61 hours and a quarter, and two more runs.
        assert_eq!(window("cron(0/15 8-18 ? * MON-FRI *)"), Some((HOUR_S, 62)));
        assert_eq!(window("cron(0 8 1 * ? *)"), None, "a month");
        assert_eq!(window("cron(0 8 1 1 ? 2027)"), None, "only once");
    }
}
