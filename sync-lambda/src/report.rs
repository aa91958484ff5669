//! The output of a run: one JSON log line per contact, one for the run with its metrics, and the response to the
//! caller. None of them contains a name, email address or phone number: a contact is identified by its id.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sync_config::metrics::{
    BACKLOG, DEPLOYMENT_DIMENSION, DURATION, EVENT_METRICS, FAILED, HUBSPOT_FAILED, METRIC_DIMENSION, METRIC_NAMESPACE,
    MetricsLevel, NEEDS_REVIEW, OLDEST_FLAG_AGE, PROBLEMS, RUN_METRICS, RunMetric, SYNCED,
};

use crate::error::RunError;
use crate::ledger::ContactOutcome;

/// Receives the JSON log lines.
pub type LogSink = dyn Fn(&Value) + Send + Sync;

/// The counts of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunReport {
    /// The venue.
    pub venue: String,
    /// Contacts that the search found.
    pub searched: u64,
    /// Contacts that are leads now.
    pub synced: u64,
    /// Contacts that were rejected because of their data.
    pub failed: u64,
    /// Contacts that a person must look at.
    pub needs_review: u64,
    /// Contacts that the next run retries.
    pub retried: u64,
    /// Contacts that the search found but that are left for the next run.
    pub left: u64,
    /// The age of the oldest flag that is still set after the run. `None` if HubSpot couldn't be asked.
    pub oldest_flag_age: Option<Duration>,
    /// What went wrong without ending the run, at most one of each kind.
    pub problems: Vec<RunProblem>,
    /// What a dry run would do, by contact; `None` for a real run.
    pub would: Option<Vec<DryRunAction>>,
}

/// Something that went wrong in a run and didn't end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProblem {
    /// Its kind.
    pub kind: ProblemKind,
    /// What happened and what to do, without a credential or personal data.
    pub message: String,
}

/// The kinds of problems that don't end a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The destination rejects the credentials for lookups: a lead whose response is lost is left for review.
    LookupRefused,
    /// Whether the credentials belong to the manifest's account is unknown.
    AccountUnchecked,
    /// Whether leads were taken is unknown, so no more were sent.
    UnclearAnswers,
}

impl ProblemKind {
    /// The kind's name in logs and responses.
    pub fn kind_name(self) -> &'static str {
        match self {
            Self::LookupRefused => "look_up_refused",
            Self::AccountUnchecked => "account_unchecked",
            Self::UnclearAnswers => "unclear_answers",
        }
    }
}

/// What a dry run would do with one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRunAction {
    /// The contact's id.
    pub contact_id: String,
    /// `send`, `look_up`, `review` or `ignore`.
    pub action: &'static str,
    /// The names of the lead's fields that would be filled.
    pub fields: Vec<String>,
    /// What would be sent, if that was asked for. It is never logged.
    pub body: Option<Value>,
}

impl RunReport {
    /// Counts the outcome of a contact.
    pub fn count_outcome(&mut self, outcome: &ContactOutcome) {
        match outcome {
            ContactOutcome::Synced(_) | ContactOutcome::Linked(_) => self.synced += 1,
            ContactOutcome::Failed(_) => self.failed += 1,
            ContactOutcome::NeedsReview(_) | ContactOutcome::Reticked { review: true, .. } => self.needs_review += 1,
            ContactOutcome::Retry(_) | ContactOutcome::Unsettled(_) => self.retried += 1,
            ContactOutcome::Withdrawn | ContactOutcome::Reticked { review: false, .. } => {}
        }
    }

    /// Records a problem. The first one of its kind is kept: the others have the same cause.
    pub fn add_problem(&mut self, kind: ProblemKind, message: String) {
        if !self.has_problem(kind) {
            self.problems.push(RunProblem { kind, message });
        }
    }

    /// Whether a problem of this kind was recorded.
    pub fn has_problem(&self, kind: ProblemKind) -> bool {
        self.problems.iter().any(|problem| problem.kind == kind)
    }

    /// `[{"kind", "message"}]`; `None` without problems.
    fn problems_json(&self) -> Option<Value> {
        let problem = |problem: &RunProblem| json!({ "kind": problem.kind.kind_name(), "message": problem.message });
        (!self.problems.is_empty()).then(|| self.problems.iter().map(problem).collect())
    }

    /// `{"venue", "searched", "synced", "failed", "needs_review", "retried"}`, plus `problems` if there are any, and
    /// `dry_run` and `would` for a dry run.
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "venue": self.venue,
            "searched": self.searched,
            "synced": self.synced,
            "failed": self.failed,
            "needs_review": self.needs_review,
            "retried": self.retried,
        });
        if let Some(problems) = self.problems_json() {
            value["problems"] = problems;
        }
        if let (Some(would), Value::Object(object)) = (&self.would, &mut value) {
            object.insert("dry_run".to_owned(), Value::Bool(true));
            let would = would.iter().map(|would| {
                let mut line =
                    json!({ "contact_id": would.contact_id, "action": would.action, "fields": would.fields });
                if let Some(body) = &would.body {
                    line["body"] = body.clone();
                }
                line
            });
            object.insert("would".to_owned(), would.collect());
        }
        value
    }

    /// The run's log line. Its counts are members of it; `metrics` says which of them CloudWatch makes metrics of, by the
    /// embedded metric format. There is none for failed runs: Lambda's own `Errors` counts those.
    ///
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
    pub fn log_line(&self, run: &LoggedRun<'_>, error: Option<&RunError>) -> Value {
        let mut line = Map::new();
        line.insert("level".to_owned(), json!(if error.is_some() { "error" } else { "info" }));
        line.insert("event".to_owned(), json!("run"));
        line.insert(METRIC_DIMENSION.to_owned(), json!(self.venue));
        line.insert("request_id".to_owned(), json!(run.request_id));
        line.insert("searched".to_owned(), json!(self.searched));
        line.insert("retried".to_owned(), json!(self.retried));
        if let Some(error) = error {
            line.insert("error".to_owned(), json!({ "kind": error.kind_name(), "message": error.to_string() }));
        }
        line.extend(self.problems_json().map(|problems| ("problems".to_owned(), problems)));
        if self.would.is_some() {
            line.insert("dry_run".to_owned(), json!(true));
            return Value::Object(line);
        }
        let values = self.metric_values(run.took, error);
        let directives = metric_directives(run, &values, error.is_some());
        let shown = values.into_iter().filter(|(metric, value)| RUN_METRICS.contains(metric) || *value > 0);
        line.extend(shown.map(|(metric, value)| (metric.name.to_owned(), json!(value))));
        if !directives.is_empty() {
            line.extend(run.deployment.map(|name| (DEPLOYMENT_DIMENSION.to_owned(), json!(name))));
            let metadata = json!({ "Timestamp": run.ended.as_millisecond(), "CloudWatchMetrics": directives });
            line.insert("_aws".to_owned(), metadata);
        }
        Value::Object(line)
    }

    fn metric_values(&self, took: Duration, error: Option<&RunError>) -> Vec<(RunMetric, u64)> {
        let mut values = vec![
            (SYNCED, self.synced),
            (FAILED, self.failed),
            (NEEDS_REVIEW, self.needs_review),
            (BACKLOG, self.left + self.retried),
            (DURATION, u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            (PROBLEMS, self.problems.len() as u64),
            (HUBSPOT_FAILED, u64::from(error.is_some_and(RunError::is_from_hubspot))),
        ];
        values.extend(self.oldest_flag_age.map(|age| (OLDEST_FLAG_AGE, age.as_secs())));
        values
    }
}

/// What a log line says about a run besides its counts.
#[derive(Debug, Clone, Copy)]
pub struct LoggedRun<'a> {
    /// Lambda's id of the invocation.
    pub request_id: &'a str,
    /// How long it took.
    pub took: Duration,
    /// When it ended.
    pub ended: Timestamp,
    /// The deployment that the function belongs to, if that is known.
    pub deployment: Option<&'a str>,
    /// Which metrics it writes.
    pub metrics: MetricsLevel,
}

/// The metrics of a line: those of the venue, and the one of the deployment.
///
/// What a run that failed says about the oldest flag is in its log line, but in no metric: see [`OLDEST_FLAG_AGE`].
fn metric_directives(run: &LoggedRun<'_>, values: &[(RunMetric, u64)], failed: bool) -> Vec<Value> {
    let is_written = |metric: &RunMetric, value: u64| match run.metrics {
        _ if failed && *metric == OLDEST_FLAG_AGE => false,
        MetricsLevel::Full if RUN_METRICS.contains(metric) => true,
        MetricsLevel::Essential if *metric == OLDEST_FLAG_AGE => true,
        MetricsLevel::Full | MetricsLevel::Essential => EVENT_METRICS.contains(metric) && value > 0,
        MetricsLevel::Off => false,
    };
    let directive = |dimensions: &[&str], metrics: Vec<Value>| json!({ "Namespace": METRIC_NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics });
    let definition = |metric: &RunMetric| json!({ "Name": metric.name, "Unit": metric.unit });
    let written = values.iter().filter(|(metric, value)| is_written(metric, *value));
    let metrics: Vec<Value> = written.map(|(metric, _)| definition(metric)).collect();
    let mut directives = Vec::new();
    if !metrics.is_empty() {
        match run.deployment {
            Some(_) => directives.push(directive(&[DEPLOYMENT_DIMENSION, METRIC_DIMENSION], metrics)),
            None => directives.push(directive(&[METRIC_DIMENSION], metrics)),
        }
    }
    let by_hubspot = values.iter().any(|(metric, value)| *metric == HUBSPOT_FAILED && *value > 0);
    if by_hubspot && run.deployment.is_some() && run.metrics != MetricsLevel::Off {
        directives.push(directive(&[DEPLOYMENT_DIMENSION], vec![definition(&HUBSPOT_FAILED)]));
    }
    directives
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::error::Side;

    fn logged_run(metrics: MetricsLevel) -> LoggedRun<'static> {
        LoggedRun {
            request_id: "id",
            took: Duration::from_millis(7),
            ended: Timestamp::UNIX_EPOCH,
            deployment: Some("venue-sync"),
            metrics,
        }
    }

    /// The metrics in a line, with their dimensions.
    fn written_metrics(line: &Value) -> Vec<String> {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten();
        let names = directives.flat_map(|directive| {
            let dimensions = directive["Dimensions"][0].to_string();
            let metrics = directive["Metrics"].as_array().expect("a list").iter();
            metrics.map(move |metric| format!("{} {dimensions}", metric["Name"].as_str().expect("a name")))
        });
        names.collect()
    }

    #[test]
    fn each_level_writes_its_metrics_and_every_line_has_the_counts() {
        const OF_VENUE: &str = r#"["deployment","venue"]"#;
        let idle = RunReport { oldest_flag_age: Some(Duration::ZERO), ..RunReport::default() };
        let busy = RunReport { synced: 2, needs_review: 1, ..idle.clone() };
        let written = |report: &RunReport, metrics, error: Option<&RunError>| {
            let line = report.log_line(&logged_run(metrics), error);
            assert_eq!(line["Synced"], report.synced, "the counts are in the line at every level");
            written_metrics(&line)
        };
        let full = written(&idle, MetricsLevel::Full, None);
        assert_eq!(full.len() as u64, MetricsLevel::Full.steady_metrics());
        assert_eq!(written(&idle, MetricsLevel::Essential, None), [format!("OldestFlagAgeSeconds {OF_VENUE}")]);
        let all = ["Synced", "NeedsReview", "OldestFlagAgeSeconds"].map(|name| format!("{name} {OF_VENUE}"));
        assert_eq!(written(&busy, MetricsLevel::Essential, None), all);
        assert_eq!(written(&busy, MetricsLevel::Off, None), [""; 0]);
        let down = RunError::Unavailable { side: Side::HubSpot, message: "503".to_owned() };
        let failed = [r#"HubSpotFailed ["deployment"]"#.to_owned()];
        assert_eq!(
            written(&idle, MetricsLevel::Essential, Some(&down)),
            failed,
            "a run that fails says nothing about flags"
        );
        let refused = RunError::Unavailable { side: Side::Destination, message: "503".to_owned() };
        assert_eq!(written(&idle, MetricsLevel::Essential, Some(&refused)), [""; 0]);
        assert_eq!(written(&idle, MetricsLevel::Off, Some(&down)), [""; 0]);
    }

    #[test]
    fn response_has_exactly_six_members() {
        let report =
            RunReport { venue: "venue-a".to_owned(), searched: 3, synced: 2, retried: 1, ..RunReport::default() };
        assert_eq!(
            report.to_json().to_string(),
            r#"{"venue":"venue-a","searched":3,"synced":2,"failed":0,"needs_review":0,"retried":1}"#
        );
    }

    #[test]
    fn problems_are_in_the_response_and_in_the_log_line_once() {
        let mut report = RunReport { venue: "venue-a".to_owned(), ..RunReport::default() };
        for message in ["the token is rejected", "the token is rejected again"] {
            report.add_problem(ProblemKind::LookupRefused, message.to_owned());
        }
        let expected = json!([{ "kind": "look_up_refused", "message": "the token is rejected" }]);
        assert_eq!(report.to_json()["problems"], expected);
        let line = report.log_line(&logged_run(MetricsLevel::Full), None);
        assert_eq!((&line["problems"], &line["level"]), (&expected, &json!("info")));
    }

    #[test]
    fn declared_metrics_and_dimensions_have_values() {
        let report = RunReport { venue: "venue-a".to_owned(), ..RunReport::default() };
        let line = report.log_line(&logged_run(MetricsLevel::Full), None);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().expect("a list") {
            assert!(line[metric["Name"].as_str().expect("a name")].is_u64(), "{metric}");
        }
        let dimensions = directive["Dimensions"][0].as_array().expect("a list").iter();
        let values: Vec<&Value> = dimensions.map(|name| &line[name.as_str().expect("a name")]).collect();
        assert_eq!(values, ["venue-sync", "venue-a"]);
        assert_eq!(line["Duration"], 7);
    }
}
