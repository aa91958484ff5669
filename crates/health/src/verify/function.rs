//! The venue's function: checks that it is ready, invokes it, and reads its last log lines.

use aws_sdk_lambda::primitives::Blob;
use jiff::Timestamp;
use serde_json::{Value, json};

use deployer_aws::observe::read_firing;
use deployer_aws::signed::list_of;
use deployer_aws::{Aws, Call, CallError, FailureKind, Found};
use deployer_core::naming::{ALIAS, VenueNames};
use deployer_core::run_origin::RunOrigin;
use deployer_core::scheduled_event::scheduled_event;

/// Most pages that are read to find the end of a log.
const LOG_PAGES: usize = 20;
/// Most log lines that are shown.
const LINES: usize = 5;

/// Why a venue can't be verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// Something that an apply creates is missing.
    Missing(String),
    /// Its rule, or its schedule, doesn't fire.
    Disabled,
}

/// Checks that the venue is deployed and that its rule, or its schedule, fires.
///
/// # Errors
/// A call failed, so it is unknown whether it is deployed.
pub async fn check_ready(
    aws: &Aws,
    deployment: &str,
    names: &VenueNames,
    by_schedule: bool,
) -> Result<Result<(), NotReady>, CallError> {
    let function = aws.lambda.get_alias().function_name(&names.function).name(ALIAS);
    let (function, firing) = tokio::join!(function.send(), read_firing(aws, deployment, names, by_schedule));
    if function.call("lambda:GetAlias").found()?.is_none() {
        return Ok(Err(NotReady::Missing(format!("there is no function {} with the alias {ALIAS}", names.function))));
    }
    let what = if by_schedule { "schedule" } else { "rule" };
    Ok(match firing? {
        None => Err(NotReady::Missing(format!("there is no {what} {}", names.rule))),
        Some(firing) if !firing.enabled => Err(NotReady::Disabled),
        Some(_) => Ok(()),
    })
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum InvokedRun {
    /// It ended, with these counts.
    Ended(Value),
    /// It failed, with this error.
    Failed(String),
    /// Another run is in progress; there is only one at a time.
    Busy,
}

/// Invokes the function the way its rule does, and waits until the run ends.
///
/// # Errors
/// The call failed.
pub async fn invoke_function(aws: &Aws, names: &VenueNames, now: Timestamp) -> Result<InvokedRun, CallError> {
    let request = aws.lambda.invoke().function_name(&names.function).qualifier(ALIAS);
    let request = request.client_context(RunOrigin::Verify.client_context());
    let answer = request.payload(Blob::new(scheduled_event(now).to_string())).send().await;
    let answer = match answer.call("lambda:InvokeFunction") {
        Err(error) if error.kind == FailureKind::Throttled => return Ok(InvokedRun::Busy),
        answer => answer?,
    };
    let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
    let payload: Value = serde_json::from_slice(payload).map_err(|error| {
        CallError::unexpected("lambda:InvokeFunction", format!("the function's answer is not JSON: {error}"))
    })?;
    if payload.get("skipped").is_some() {
        return Ok(InvokedRun::Busy);
    }
    if answer.function_error().is_none() {
        return Ok(InvokedRun::Ended(payload));
    }
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    Ok(InvokedRun::Failed(format!("{}: {}", text("errorType"), text("errorMessage"))))
}

/// The last lines that its runs logged since a time, or the last errors if there are any. They contain no personal
/// data.
///
/// # Errors
/// The log can't be read.
pub async fn last_log_lines(aws: &Aws, names: &VenueNames, since: Timestamp) -> Result<Vec<String>, CallError> {
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

/// Whether a line is one of the function's own at level `error`, or one of Lambda's about a run that ended badly.
fn is_error(line: &str) -> bool {
    match serde_json::from_str::<Value>(line) {
        Ok(line) => line["level"] == "error",
        Err(_) => line.contains("Status: error") || line.contains("Task timed out") || line.contains("Error:"),
    }
}
