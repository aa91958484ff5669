//! Evaluates alarms as CloudWatch documents it: metrics to states, with what is missing, and states to messages.
//!
//! Pure: who calls it has the metrics and the time. An alarm is its settings in AWS's names. Windows end at the time of the
//! evaluation, and an alarm looks at two periods more than it evaluates, as in the documentation's examples.
//!
//! - <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>
//! - <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html>

use std::collections::BTreeMap;

use serde_json::Value;

use super::expression::evaluate_expression;

/// How many periods more than it evaluates an alarm looks at.
const MORE_PERIODS: i64 = 2;

/// A metric: namespace, name and dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricKey {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

impl MetricKey {
    /// The metric that an alarm, or a `Metric` in one of its queries, names.
    pub fn from_json(metric: &Value) -> Self {
        let text = |member: &str| metric[member].as_str().unwrap_or_default().to_owned();
        let pair =
            |dimension: &Value| Some((dimension["Name"].as_str()?.to_owned(), dimension["Value"].as_str()?.to_owned()));
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten().filter_map(pair).collect();
        Self { namespace: text("Namespace"), name: text("MetricName"), dimensions }
    }
}

/// Where the values of metrics come from.
pub trait MetricSource {
    /// A statistic of a metric's values in `[from, until)`, in seconds since 1970; `None` if there are no values.
    fn find_statistic(&self, metric: &MetricKey, statistic: &str, from: i64, until: i64) -> Option<f64>;
}

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

impl AlarmState {
    /// AWS's word for it.
    pub fn as_word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// The state of a metric alarm at `now`, in seconds since 1970, if it is `current` so far.
pub fn evaluate_alarm(settings: &Value, source: &impl MetricSource, now: i64, current: AlarmState) -> AlarmState {
    let number = |member: &str| settings[member].as_i64();
    let periods = number("EvaluationPeriods").unwrap_or(1);
    let needed = number("DatapointsToAlarm").unwrap_or(periods);
    let threshold = settings["Threshold"].as_f64().unwrap_or_default();
    let breaches = |value: f64| match settings["ComparisonOperator"].as_str() {
        Some("GreaterThanOrEqualToThreshold") => value >= threshold,
        Some("GreaterThanThreshold") => value > threshold,
        Some("LessThanThreshold") => value < threshold,
        Some("LessThanOrEqualToThreshold") => value <= threshold,
        _ => false,
    };
    let (period, value_at) =
        (alarm_period(settings), |from: i64, until: i64| alarm_value(settings, source, from, until));
    let values = (0..periods + MORE_PERIODS).filter_map(|at| value_at(now - (at + 1) * period, now - at * period));
    let read: Vec<bool> = values.take(usize::try_from(periods).unwrap_or(1)).map(breaches).collect();
    let count = |breaching: bool| i64::try_from(read.iter().filter(|read| **read == breaching).count()).unwrap_or(0);
    let (breaching, fine, missing) = (count(true), count(false), periods - count(true) - count(false));
    let decide = |breaching: i64| if breaching >= needed { AlarmState::Alarm } else { AlarmState::Ok };
    match settings["TreatMissingData"].as_str() {
        Some("breaching") => decide(breaching + missing),
        Some("notBreaching") => decide(breaching),
        _ if missing == 0 => decide(breaching),
        // Whatever is missing couldn't raise the alarm.
        _ if fine > periods - needed => AlarmState::Ok,
        Some("ignore") => current,
        _ if read.is_empty() => AlarmState::InsufficientData,
        _ => decide(breaching + missing),
    }
}

fn alarm_period(settings: &Value) -> i64 {
    let mut of_queries = settings["Metrics"].as_array().into_iter().flatten();
    let of_queries = of_queries.find_map(|query| query["MetricStat"]["Period"].as_i64());
    settings["Period"].as_i64().or(of_queries).unwrap_or(60)
}

/// The value that an alarm compares, in one period.
fn alarm_value(settings: &Value, source: &impl MetricSource, from: i64, until: i64) -> Option<f64> {
    let Some(queries) = settings["Metrics"].as_array() else {
        let statistic = settings["Statistic"].as_str().unwrap_or("Average");
        return source.find_statistic(&MetricKey::from_json(settings), statistic, from, until);
    };
    let statistics = queries.iter().filter(|query| query["MetricStat"].is_object()).map(|query| {
        let stat = &query["MetricStat"];
        let metric = MetricKey::from_json(&stat["Metric"]);
        let value = source.find_statistic(&metric, stat["Stat"].as_str().unwrap_or_default(), from, until);
        (query["Id"].as_str().unwrap_or_default(), value)
    });
    let values: BTreeMap<&str, Option<f64>> = statistics.collect();
    let expression = queries.iter().find_map(|query| query["Expression"].as_str());
    match expression {
        Some(expression) => evaluate_expression(expression, &values),
        None => values.into_values().next().flatten(),
    }
}

/// The names in the rule of a composite alarm, if it is `ALARM("…") OR ALARM("…")`.
pub fn alarms_in_rule(rule: &str) -> Option<Vec<&str>> {
    rule.split(" OR ").map(|part| part.trim().strip_prefix("ALARM(\"")?.strip_suffix("\")")).collect()
}

/// A message that an alarm sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmMessage {
    /// When, in seconds since 1970.
    pub at: i64,
    /// The alarm's name.
    pub alarm: String,
    /// What it is from now on: raised, or no longer.
    pub state: AlarmState,
}

/// A set of alarms through time.
#[derive(Debug, Default)]
pub struct AlarmWatch {
    /// Settings by name.
    alarms: BTreeMap<String, Value>,
    states: BTreeMap<String, WatchedState>,
}

#[derive(Debug, Clone, Copy)]
struct WatchedState {
    state: AlarmState,
    since: i64,
    /// Whether a message said that it is raised.
    told: bool,
    /// When its suppressor last was in alarm.
    suppressed: Option<i64>,
}

impl AlarmWatch {
    /// Watches these alarms from `now` on.
    pub fn new(alarms: impl IntoIterator<Item = (String, Value)>, now: i64) -> Self {
        let alarms: BTreeMap<String, Value> = alarms.into_iter().collect();
        let begins = WatchedState { state: AlarmState::InsufficientData, since: now, told: false, suppressed: None };
        let states = alarms.keys().map(|name| (name.clone(), begins)).collect();
        Self { alarms, states }
    }

    /// Watches other alarms from `now` on. One that was watched before keeps its state.
    pub fn replace_alarms(&mut self, alarms: impl IntoIterator<Item = (String, Value)>, now: i64) {
        let mut replaced = Self::new(alarms, now);
        for (name, state) in &mut replaced.states {
            if let Some(known) = self.states.get(name) {
                *state = *known;
            }
        }
        *self = replaced;
    }

    /// The state of an alarm.
    pub fn state_of(&self, name: &str) -> Option<AlarmState> {
        self.states.get(name).map(|state| state.state)
    }

    /// Evaluates everything at `now`, and returns the messages that are sent.
    pub fn evaluate(&mut self, source: &impl MetricSource, now: i64) -> Vec<AlarmMessage> {
        let (composite, plain): (Vec<_>, Vec<_>) =
            self.alarms.iter().partition(|(_, settings)| settings["AlarmRule"].is_string());
        for (name, settings) in plain {
            if let Some(watched) = self.states.get_mut(name) {
                watched.change(evaluate_alarm(settings, source, now, watched.state), now);
            }
        }
        for (name, settings) in composite {
            let children = alarms_in_rule(settings["AlarmRule"].as_str().unwrap_or_default()).unwrap_or_default();
            let raised = |name: &&str| self.states.get(*name).is_some_and(|child| child.state == AlarmState::Alarm);
            let state = if children.iter().any(raised) { AlarmState::Alarm } else { AlarmState::Ok };
            if let Some(watched) = self.states.get_mut(name) {
                watched.change(state, now);
            }
        }
        let mut messages = Vec::new();
        for (name, settings) in &self.alarms {
            let sends = |member: &str| settings[member].as_array().is_some_and(|arns| !arns.is_empty());
            let suppressor = settings["ActionsSuppressor"].as_str();
            let suppressing = suppressor.is_some_and(|name| self.state_of(name) == Some(AlarmState::Alarm));
            let seconds = |member: &str| settings[member].as_i64().unwrap_or_default();
            let Some(watched) = self.states.get_mut(name) else { continue };
            if suppressing {
                watched.suppressed = Some(now);
            }
            // The message waits for a suppressor that may be raised a little later, and for what it held back to pass.
            let waits = suppressor.is_some() && now < watched.since + seconds("ActionsSuppressorWaitPeriod");
            let extension = seconds("ActionsSuppressorExtensionPeriod");
            let held = suppressing || waits || watched.suppressed.is_some_and(|last| now < last + extension);
            let told = match watched.state {
                AlarmState::Alarm => watched.told || !held,
                AlarmState::Ok | AlarmState::InsufficientData => false,
            };
            if told != watched.told {
                watched.told = told;
                let member = if told { "AlarmActions" } else { "OKActions" };
                let state = watched.state;
                if sends(member) && settings["ActionsEnabled"] != false {
                    messages.push(AlarmMessage { at: now, alarm: name.clone(), state });
                }
            }
        }
        messages
    }
}

impl WatchedState {
    fn change(&mut self, state: AlarmState, now: i64) {
        if state != self.state {
            *self = Self { state, since: now, ..*self };
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// One value in each of five periods of a minute, the newest last.
    struct FiveMinutes(&'static str);

    impl MetricSource for FiveMinutes {
        fn find_statistic(&self, _: &MetricKey, _: &str, from: i64, _: i64) -> Option<f64> {
            match self.0.chars().filter(|sign| !sign.is_whitespace()).nth(usize::try_from(from / 60).ok()?)? {
                '0' => Some(0.0),
                'X' => Some(1.0),
                _ => None,
            }
        }
    }

    /// The table of the documentation: an alarm on three of three periods that sees five.
    #[test]
    fn treats_missing_data_as_documented() {
        let current = AlarmState::InsufficientData;
        let rows = [
            ("0 - X - X", ["OK", "OK", "OK", "OK"]),
            ("- - - - 0", ["OK", "OK", "OK", "OK"]),
            ("- - - - -", ["INSUFFICIENT_DATA", "retain", "ALARM", "OK"]),
            ("0 X X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("- - X - -", ["ALARM", "retain", "ALARM", "OK"]),
        ];
        for (values, expected) in rows {
            for (treatment, expected) in ["missing", "ignore", "breaching", "notBreaching"].into_iter().zip(expected) {
                let settings = json!({
                    "Period": 60, "EvaluationPeriods": 3, "Threshold": 1, "TreatMissingData": treatment,
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                });
                let state = evaluate_alarm(&settings, &FiveMinutes(values), 300, current);
                let expected = if expected == "retain" { current.as_word() } else { expected };
                assert_eq!(state.as_word(), expected, "{values}, {treatment}");
            }
        }
    }

    #[test]
    fn reads_the_names_in_a_rule() {
        assert_eq!(alarms_in_rule("ALARM(\"a/b\") OR ALARM(\"c\")"), Some(vec!["a/b", "c"]));
        assert_eq!(alarms_in_rule("NOT ALARM(\"a\")"), None);
    }
}
