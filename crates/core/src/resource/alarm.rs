//! CloudWatch alarms and their topic: as they should be, and as they were found.
//!
//! The settings of an alarm are kept in AWS's names, as `PutMetricAlarm` and `PutCompositeAlarm` take them: a `Put` replaces
//! everything, so all that can be set is compared, also what no alarm of ours sets.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::members::{AnswerKind, UnmodeledMember};
use super::{Observed, StringMap};

/// The members that can be set on an alarm of either kind. Anything else in an answer only informs, or is new.
pub const SETTINGS: [&str; 26] = [
    "ActionsEnabled",
    "ActionsSuppressor",
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "AlarmActions",
    "AlarmDescription",
    "AlarmRule",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationCriteria",
    "EvaluationInterval",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
];
/// The settings that are numbers, which XML has as texts.
const NUMBERS: [&str; 6] = [
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "DatapointsToAlarm",
    "EvaluationPeriods",
    "Period",
    "Threshold",
];

/// An alarm that should exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmSpec {
    /// Name.
    pub name: String,
    /// What is set, in AWS's names.
    pub settings: Value,
}

impl AlarmSpec {
    /// An alarm with these settings.
    pub fn new(name: String, settings: &Value) -> Self {
        Self { name, settings: read_settings(settings) }
    }

    /// How many metrics it watches, each of which is charged.
    pub fn metric_count(&self) -> u64 {
        count_metrics(&self.settings)
    }
}

fn count_metrics(settings: &Value) -> u64 {
    let metrics = settings["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let watched = metrics.iter().filter(|metric| metric["MetricStat"].is_object()).count();
    if metrics.is_empty() { 1 } else { watched as u64 }
}

/// The alarms that belong together: those of a venue, or those of the whole deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmGroupSpec {
    /// The venue, or [`SHARED_VENUE`](crate::naming::SHARED_VENUE).
    pub venue: String,
    /// The name of the composite alarm, and what the names of the others start with.
    pub name: String,
    /// The alarms that watch metrics.
    pub alarms: Vec<AlarmSpec>,
    /// The alarm that sends the messages for all of them.
    pub composite: Option<AlarmSpec>,
    /// The metric whose absence raises an alarm. It gets a value when that alarm is created, from which on it may be absent
    /// for as long as the alarm allows.
    pub watched: Option<WatchedMetric>,
    /// The function that forwards the messages of the topic to chats. It is part of the group of all venues, which comes after
    /// the function and after the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<ChatSubscriber>,
    /// The tags of each.
    pub tags: StringMap,
    /// What isn't watched, and why.
    pub notes: Vec<String>,
}

impl AlarmGroupSpec {
    /// Whether this alarm sends messages of the group: the composite one, or each if there is none.
    pub fn sends_by(&self, alarm: &str) -> bool {
        match &self.composite {
            Some(composite) => composite.name == alarm,
            None => self.alarms.iter().any(|sender| sender.name == alarm),
        }
    }
}

/// A function that gets the messages of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatSubscriber {
    /// ARN of the topic.
    pub topic: String,
    /// ARN of the function's alias.
    pub endpoint: String,
}

/// A metric of a venue that the deployer writes one value of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedMetric {
    /// The group of the alarm that watches it.
    pub group: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Dimensions.
    pub dimensions: StringMap,
}

/// The topic that messages go to, if it is the deployment's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicSpec {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Who may publish: the deployment's alarms, and nobody else by this policy.
    pub policy: Value,
    /// Who gets the messages by e-mail.
    pub emails: Vec<String>,
    /// Tags.
    pub tags: StringMap,
}

/// Everything about alarms that should exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredAlarms {
    /// The deployment's own topic; `None` if the manifest names another.
    pub topic: Option<TopicSpec>,
    /// The group of the whole deployment, and one for each active venue.
    pub groups: Vec<AlarmGroupSpec>,
}

/// An observed alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveAlarm {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Whether it is a composite one.
    pub composite: bool,
    /// What is set, in AWS's names.
    pub settings: Value,
    /// Tags; `None` if only the list was read.
    pub tags: Option<StringMap>,
    /// Members that this version doesn't know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmodeled: Vec<UnmodeledMember>,
}

impl LiveAlarm {
    /// How many metrics it watches, each of which is charged.
    pub fn metric_count(&self) -> u64 {
        count_metrics(&self.settings)
    }

    /// An entry of `DescribeAlarms`. `None` if it has no name.
    pub fn from_answer(answer: &Value, composite: bool) -> Option<Self> {
        let text = |member: &str| answer[member].as_str().map(ToOwned::to_owned);
        let name = text("AlarmName")?;
        Some(Self {
            arn: text("AlarmArn")?,
            composite,
            settings: read_settings(answer),
            tags: None,
            unmodeled: AnswerKind::Alarm.find_unmodeled(&name, answer),
            name,
        })
    }
}

/// An observed topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveTopic {
    /// ARN.
    pub arn: String,
    /// Its policy.
    pub policy: Value,
    /// Who gets its messages.
    pub subscriptions: Vec<LiveSubscription>,
    /// Tags; `None` if they weren't read.
    pub tags: Option<StringMap>,
    /// Other attributes that differ from those of a topic of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmodeled: Vec<UnmodeledMember>,
}

/// A subscription of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSubscription {
    /// ARN; `None` until the recipient has confirmed it.
    pub arn: Option<String>,
    /// `email`, `https`, ….
    pub protocol: String,
    /// Where the messages go.
    pub endpoint: String,
}

/// What was observed of a deployment's alarms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveAlarms {
    /// All alarms whose names start as the deployment's do.
    pub alarms: Observed<Vec<LiveAlarm>>,
    /// The topic with the name of the deployment's own.
    pub topic: Observed<LiveTopic>,
}

impl Default for LiveAlarms {
    fn default() -> Self {
        Self { alarms: Observed::Present(Vec::new()), topic: Observed::Absent }
    }
}

impl LiveAlarms {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The alarms that were read.
    pub fn list_alarms(&self) -> &[LiveAlarm] {
        self.alarms.as_present().map(Vec::as_slice).unwrap_or_default()
    }
}

/// The settings in an answer or in a specification, in one form: numbers and truth values as such, nothing that is empty, and
/// lists without an order in one order.
fn read_settings(alarm: &Value) -> Value {
    let members = alarm.as_object().into_iter().flatten();
    let settings = members.filter(|(name, _)| SETTINGS.contains(&name.as_str()));
    let settings = settings.filter_map(|(name, value)| Some((name.clone(), read_setting(name, value)?)));
    let mut settings: Map<String, Value> = settings.collect();
    // What AWS fills in.
    settings.entry("ActionsEnabled").or_insert(Value::Bool(true));
    if settings.get("DatapointsToAlarm") == settings.get("EvaluationPeriods") {
        settings.remove("DatapointsToAlarm");
    }
    Value::Object(settings)
}

fn read_setting(name: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(match text.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            // A name and an ARN mean the same alarm.
            text if name == "ActionsSuppressor" => text.rsplit_once(":alarm:").map_or(text, |(_, name)| name).into(),
            text if NUMBERS.contains(&name) => text.parse().map_or_else(|_| Value::from(text), whole_number),
            text => Value::from(text),
        }),
        Value::Number(number) => Some(number.as_f64().map_or_else(|| value.clone(), whole_number)),
        Value::Bool(_) => Some(value.clone()),
        Value::Array(values) => {
            let mut values: Vec<Value> = values.iter().filter_map(|value| read_setting(name, value)).collect();
            values.sort_by_key(|value| match value {
                Value::Object(members) => members.get("Id").or(members.get("Name")).map(Value::to_string),
                value => Some(value.to_string()),
            });
            (!values.is_empty()).then_some(Value::Array(values))
        }
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, value)| Some((name.clone(), read_setting(name, value)?)));
            let members: Map<String, Value> = members.collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
    }
}

/// A number without a fraction where it has none: `3.0` and `3` are one threshold.
fn whole_number(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "only numbers that are whole and small")]
    if number.fract() == 0.0 && number.abs() < 1e15 { Value::from(number as i64) } else { Value::from(number) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_reads_as_what_was_sent() {
        let sent = json!({
            "Period": 300, "EvaluationPeriods": 3, "DatapointsToAlarm": 3, "Threshold": 1,
            "Dimensions": [{ "Name": "b", "Value": "1" }, { "Name": "a", "Value": "2" }],
            "Metrics": [{ "Id": "m", "MetricStat": { "Period": 60 }, "ReturnData": false }],
        });
        let answer = json!({
            "AlarmName": "n", "AlarmArn": "arn:n", "StateValue": "OK", "ActionsEnabled": "true", "Period": "300",
            "EvaluationPeriods": "3", "Threshold": "1.0", "OKActions": "", "InsufficientDataActions": [],
            "Dimensions": [{ "Name": "a", "Value": "2" }, { "Name": "b", "Value": "1" }],
            "Metrics": [{ "Id": "m", "MetricStat": { "Period": "60" }, "ReturnData": "false" }],
        });
        let live = LiveAlarm::from_answer(&answer, false).expect("an alarm");
        assert_eq!(live.settings, AlarmSpec::new("n".to_owned(), &sent).settings);
        assert_eq!(live.unmodeled, [], "what only informs is known");
        let new = json!({ "AlarmName": "n", "AlarmArn": "arn:n", "Mood": "good", "Unit": "Count" });
        let live = LiveAlarm::from_answer(&new, false).expect("an alarm");
        assert_eq!(live.unmodeled.len(), 1, "{live:?}");
        assert_eq!(live.settings["Unit"], "Count", "a setting that ours don't have is compared");
    }

    #[test]
    fn counts_the_metrics_that_are_charged() {
        let count = |settings: Value| AlarmSpec::new("n".to_owned(), &settings).metric_count();
        assert_eq!(count(json!({ "MetricName": "Errors" })), 1);
        let stat = json!({ "Period": 60 });
        let metrics = json!([{ "Id": "a", "MetricStat": stat }, { "Id": "b", "MetricStat": stat }, { "Id": "e", "Expression": "a / b" }]);
        assert_eq!(count(json!({ "Metrics": metrics })), 2);
    }
}
