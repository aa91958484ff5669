//! The output of a run: one JSON log line per contact, one for the run with its metrics, and the response to the
//! caller. None of them contains a name, email address or phone number: a contact is identified by its id.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sync_config::metrics::{
    BACKLOG, DURATION, FAILED, METRIC_DIMENSION, METRIC_NAMESPACE, NEEDS_REVIEW, OLDEST_FLAG_AGE, SYNCED,
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

    /// The run's log line, in CloudWatch's embedded metric format. Each metric costs $0.30 a month, so there is none
    /// for failed runs: Lambda's own `Errors` counts those.
    ///
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
    pub fn log_line(&self, request_id: &str, took: Duration, now: Timestamp, error: Option<&RunError>) -> Value {
        let mut metrics = vec![
            (SYNCED, self.synced),
            (FAILED, self.failed),
            (NEEDS_REVIEW, self.needs_review),
            (BACKLOG, self.left + self.retried),
            (DURATION, u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        ];
        metrics.extend(self.oldest_flag_age.map(|age| (OLDEST_FLAG_AGE, age.as_secs())));
        let mut line = Map::new();
        line.insert("level".to_owned(), json!(if error.is_some() { "error" } else { "info" }));
        line.insert("event".to_owned(), json!("run"));
        line.insert(METRIC_DIMENSION.to_owned(), json!(self.venue));
        line.insert("request_id".to_owned(), json!(request_id));
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
        line.extend(metrics.iter().map(|(metric, value)| (metric.name.to_owned(), json!(value))));
        let names: Vec<Value> =
            metrics.iter().map(|(metric, _)| json!({ "Name": metric.name, "Unit": metric.unit })).collect();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{ "Namespace": METRIC_NAMESPACE, "Dimensions": [[METRIC_DIMENSION]], "Metrics": names }],
            }),
        );
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let line = report.log_line("id", Duration::ZERO, Timestamp::UNIX_EPOCH, None);
        assert_eq!((&line["problems"], &line["level"]), (&expected, &json!("info")));
    }

    #[test]
    fn declared_metrics_and_dimensions_have_values() {
        let report = RunReport { venue: "venue-a".to_owned(), ..RunReport::default() };
        let line = report.log_line("id", Duration::from_millis(7), Timestamp::UNIX_EPOCH, None);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().expect("a list") {
            assert!(line[metric["Name"].as_str().expect("a name")].is_u64(), "{metric}");
        }
        assert_eq!(line[directive["Dimensions"][0][0].as_str().expect("a name")], "venue-a");
        assert_eq!(line["Duration"], 7);
    }
}
