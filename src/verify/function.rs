//! The venue's function: whether it is there, a run of it, and what its last run logged.

use aws_sdk_eventbridge::types::RuleState;
use aws_sdk_lambda::primitives::Blob;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::signed::list_of;
use crate::aws::{Aws, Call, CallError, FailureKind, Found};
use crate::local::dev::scheduled_event;
use crate::naming::{ALIAS, Names};

/// Pages of a log that are read for its end.
const LOG_PAGES: usize = 20;
/// Lines of it that are told.
const LINES: usize = 5;

/// Why a venue can't be verified as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// Something that an apply makes isn't there.
    Missing(String),
    /// The rule doesn't fire.
    Disabled,
}

/// Makes sure that the venue is deployed and its rule fires.
///
/// # Errors
/// It couldn't be told.
pub async fn ready(aws: &Aws, names: &Names) -> Result<Result<(), NotReady>, CallError> {
    let function = aws.lambda.get_alias().function_name(&names.function).name(ALIAS);
    let rule = aws.events.describe_rule().name(&names.rule);
    let (function, rule) = tokio::join!(function.send(), rule.send());
    if function.call("lambda:GetAlias").found()?.is_none() {
        return Ok(Err(NotReady::Missing(format!("there is no function {} with the alias {ALIAS}", names.function))));
    }
    Ok(match rule.call("events:DescribeRule").found()? {
        None => Err(NotReady::Missing(format!("there is no rule {}", names.rule))),
        Some(rule) if rule.state() == Some(&RuleState::Disabled) => Err(NotReady::Disabled),
        Some(_) => Ok(()),
    })
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Ran {
    /// Its counts.
    Ended(Value),
    /// What it failed with.
    Failed(String),
    /// Another run is under way: there is one at a time.
    Busy,
}

/// Invokes the function as its rule does, and waits for the end of the run.
///
/// # Errors
/// The call failed.
pub async fn invoke(aws: &Aws, names: &Names, now: Timestamp) -> Result<Ran, CallError> {
    let request = aws.lambda.invoke().function_name(&names.function).qualifier(ALIAS);
    let answer = request.payload(Blob::new(scheduled_event(now).to_string())).send().await;
    let answer = match answer.call("lambda:InvokeFunction") {
        Err(error) if error.kind == FailureKind::Throttled => return Ok(Ran::Busy),
        answer => answer?,
    };
    let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
    let payload: Value = serde_json::from_slice(payload).map_err(|error| {
        CallError::unexpected("lambda:InvokeFunction", format!("the function's answer is not JSON: {error}"))
    })?;
    if answer.function_error().is_none() {
        return Ok(Ran::Ended(payload));
    }
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    Ok(Ran::Failed(format!("{}: {}", text("errorType"), text("errorMessage"))))
}

/// The last lines that its runs have logged since a time: errors, where there are any. They have no personal data.
///
/// # Errors
/// The log can't be read.
pub async fn last_lines(aws: &Aws, names: &Names, since: Timestamp) -> Result<Vec<String>, CallError> {
    let parameters = json!({ "logGroupName": names.log_group, "startTime": since.as_millisecond() });
    let mut pages = aws.signed.list_pages("logs:FilterLogEvents", parameters);
    let mut lines = Vec::new();
    for _ in 0..LOG_PAGES {
        let Some(page) = pages.next_page().await else { break };
        let page = page?;
        let messages = list_of(&page, "events").iter().filter_map(|event| event["message"].as_str());
        lines.extend(messages.map(|line| line.trim_end().to_owned()));
    }
    let errors: Vec<String> = lines.iter().filter(|line| is_error(line)).cloned().collect();
    let mut last = if errors.is_empty() { lines } else { errors };
    last.drain(..last.len().saturating_sub(LINES));
    Ok(last)
}

/// A line of the function's own at level `error`, or one of Lambda's about a run that ended badly.
fn is_error(line: &str) -> bool {
    match serde_json::from_str::<Value>(line) {
        Ok(line) => line["level"] == "error",
        Err(_) => line.contains("Status: error") || line.contains("Task timed out") || line.contains("Error:"),
    }
}
