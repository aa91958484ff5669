//! Invocations, run by the cloud's [`crate::Invoker`].

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::{AddressedFunction, StoredStatement, invalid_parameter};
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, Invocation, InvocationResult, Invoker};

/// How many bytes from the end of the log Lambda returns.
const LOG_TAIL_BYTES: usize = 4096;

pub(super) fn invoke_function(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<HandlerOutcome, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let function = addressed.find_function(cx)?;
    let Some((version, _)) = function.find_version(addressed.qualifier_or_latest()) else {
        return Err(addressed.not_found(cx));
    };
    let kind = request.header_value("x-amz-invocation-type").unwrap_or("RequestResponse");
    if kind == "DryRun" {
        return Ok(CloudAnswer::without_body(204).into());
    }
    if function.reserved_concurrency == Some(0) {
        count_invocation(cx, &addressed, &["Throttles"]);
        // Lambda accepts an event even so, and then retries it in vain for hours.
        return if kind == "Event" { Ok(CloudAnswer::without_body(202).into()) } else { Err(throttled_error()) };
    }
    let payload = if request.body.is_empty() { "{}".into() } else { request.body.clone() };
    if serde_json::from_slice::<serde_json::Value>(&payload).is_err() {
        return Err(ApiError::bad_request("InvalidRequestContentException", "Could not parse request body into json"));
    }
    let version = version.clone();
    let context = request.header_value("x-amz-client-context").map(ToOwned::to_owned);
    let (invoker, invocation) = prepare_invocation(cx, &addressed, &request.id, payload, context)?;
    let running = invoker.run_invocation(invocation);
    match kind {
        "Event" => {
            // The response is immediate. The outcome of the run is only in its log.
            tokio::spawn(running);
            Ok(CloudAnswer::without_body(202).into())
        }
        "RequestResponse" => {
            let tail = request.header_value("x-amz-log-type") == Some("Tail");
            Ok(HandlerOutcome::Later(Box::pin(async move {
                let invoked = running.await?;
                let mut headers = vec![("x-amz-executed-version", version)];
                if let Some(error) = invoked.function_error {
                    headers.push(("x-amz-function-error", error));
                }
                if tail {
                    let log = invoked.log.as_bytes();
                    let log = &log[log.len().saturating_sub(LOG_TAIL_BYTES)..];
                    headers.push(("x-amz-log-result", STANDARD.encode(log)));
                }
                Ok(CloudAnswer { status: 200, content_type: "application/json", headers, body: invoked.payload })
            })))
        }
        other => Err(invalid_parameter(format!("Unknown invocation type {other}"))),
    }
}

/// What is run, and what runs it.
fn prepare_invocation(
    cx: &CloudContext<'_>,
    addressed: &AddressedFunction,
    request_id: &str,
    payload: Bytes,
    client_context: Option<String>,
) -> Result<(Arc<dyn Invoker>, Invocation), ApiError> {
    let function = addressed.find_function(cx)?;
    let Some((version, configuration)) = function.find_version(addressed.qualifier_or_latest()) else {
        return Err(addressed.not_found(cx));
    };
    let code = cx.blobs.read_blob(&configuration.code);
    let code = code.map_err(|error| {
        ApiError::new(500, "ServiceException", format!("could not read the function's code: {error}"))
    })?;
    let invocation = Invocation {
        request_id: request_id.to_owned(),
        region: cx.request_region().to_owned(),
        account: cx.account_id().to_owned(),
        function_name: addressed.name.clone(),
        version: version.clone(),
        invoked_function_arn: addressed.function_arn(cx),
        handler: configuration.handler.clone(),
        memory_mb: configuration.memory_mb,
        timeout_s: configuration.timeout_s,
        environment: configuration.environment.clone(),
        log_group: format!("/aws/lambda/{}", addressed.name),
        log_stream: format!("{}/[{version}]local", cx.now.strftime("%Y/%m/%d")),
        code_sha256: configuration.code_sha256.clone(),
        code,
        reserved_concurrency: function.reserved_concurrency,
        payload,
        client_context,
    };
    let invoker = cx.invoker.clone().ok_or_else(|| {
        ApiError::new(501, "NotImplemented", "this local cloud does not run functions; `deployer dev` does")
    })?;
    Ok((invoker, invocation))
}

/// Invokes a function with an event of another service, if the policy of what is addressed lets this source. As in AWS, nobody
/// waits for the outcome; unlike there, a run that fails isn't repeated.
pub(in super::super) fn invoke_for_service(
    cx: &CloudContext<'_>,
    (principal, source): (&str, &str),
    function_arn: &str,
    request_id: &str,
    event: &Value,
) {
    let addressed = AddressedFunction::parse_name(function_arn);
    let Ok(function) = addressed.find_function(cx) else { return };
    let statements = function.policies.get(addressed.qualifier_or_latest()).into_iter().flatten();
    let allows = |statement: &StoredStatement| {
        let from_source = statement.source_arn.as_deref().is_none_or(|arn| arn == source);
        let of_account = statement.source_account.as_deref().is_none_or(|account| account == cx.account_id());
        statement.principal == principal && statement.action == "lambda:InvokeFunction" && from_source && of_account
    };
    if !statements.into_iter().any(allows) {
        return;
    }
    if let Ok((invoker, invocation)) = prepare_invocation(cx, &addressed, request_id, event.to_string().into(), None) {
        tokio::spawn(invoker.run_invocation(invocation));
    }
}

/// Counts an invocation as Lambda does, once for the function and once for the addressed qualifier, and records the use
/// of its role.
pub(in super::super) fn record_run(
    cx: &mut CloudContext<'_>,
    function_arn: &str,
    outcome: &Result<InvocationResult, ApiError>,
) {
    let addressed = AddressedFunction::parse_name(function_arn);
    let metrics: &[&str] = match outcome {
        Ok(InvocationResult { function_error: None, .. }) => &["Invocations"],
        Ok(_) => &["Invocations", "Errors"],
        Err(error) if error.status == 429 => return count_invocation(cx, &addressed, &["Throttles"]),
        Err(_) => return,
    };
    count_invocation(cx, &addressed, metrics);
    let role = addressed.find_function(cx).map(|function| function.configuration.role.clone());
    let (now, region) = (cx.now, cx.request_region().to_owned());
    let role = role.ok().and_then(|arn| cx.state.iam.find_role_by_arn(&arn).map(|role| role.name.clone()));
    let role = role.and_then(|name| cx.state.iam.roles.get_mut(&name));
    if let Some(role) = role {
        role.last_used = Some((now, region));
    }
}

fn count_invocation(cx: &mut CloudContext<'_>, addressed: &AddressedFunction, metrics: &[&str]) {
    for metric in metrics {
        cx.count_metric("AWS/Lambda", metric, &[("FunctionName", &addressed.name)], 1.0);
        if let Some(qualifier) = &addressed.qualifier {
            let resource = format!("{}:{qualifier}", addressed.name);
            cx.count_metric("AWS/Lambda", metric, &[("FunctionName", &addressed.name), ("Resource", &resource)], 1.0);
        }
    }
}

fn throttled_error() -> ApiError {
    ApiError::new(429, "TooManyRequestsException", "Rate Exceeded.")
}
