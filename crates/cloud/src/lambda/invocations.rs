//! Invocations, run by the cloud's [`crate::Invoker`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Addressed, invalid};
use crate::{Answer, ApiError, Context, Handled, Invocation, Invoked, Request};

/// How many bytes from the end of the log Lambda returns.
const LOG_TAIL_BYTES: usize = 4096;

pub(super) fn invoke(cx: &mut Context<'_>, request: &Request) -> Result<Handled, ApiError> {
    let addressed = Addressed::of(request);
    let function = addressed.function(cx)?;
    let Some((version, configuration)) = function.version(addressed.qualifier()) else {
        return Err(addressed.not_found(cx));
    };
    let kind = request.header("x-amz-invocation-type").unwrap_or("RequestResponse");
    if kind == "DryRun" {
        return Ok(Answer::empty(204).into());
    }
    if function.reserved_concurrency == Some(0) {
        count(cx, &addressed, &["Throttles"]);
        // Lambda accepts an event even so, and then retries it in vain for hours.
        return if kind == "Event" { Ok(Answer::empty(202).into()) } else { Err(throttled()) };
    }
    let code = cx.blobs.get(&configuration.code);
    let code = code.map_err(|error| {
        ApiError::new(500, "ServiceException", format!("could not read the function's code: {error}"))
    })?;
    let payload = if request.body.is_empty() { "{}".into() } else { request.body.clone() };
    if serde_json::from_slice::<serde_json::Value>(&payload).is_err() {
        return Err(ApiError::bad("InvalidRequestContentException", "Could not parse request body into json"));
    }
    let invocation = Invocation {
        request_id: request.id.clone(),
        region: cx.region().to_owned(),
        account: cx.account().to_owned(),
        function_name: addressed.name.clone(),
        version: version.clone(),
        invoked_function_arn: addressed.arn(cx),
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
    };
    let invoker = cx.invoker.clone().ok_or_else(|| {
        ApiError::new(501, "NotImplemented", "this local cloud does not run functions; `deployer dev` does")
    })?;
    let running = invoker.invoke(invocation);
    match kind {
        "Event" => {
            // The response is immediate. The outcome of the run is only in its log.
            tokio::spawn(running);
            Ok(Answer::empty(202).into())
        }
        "RequestResponse" => {
            let tail = request.header("x-amz-log-type") == Some("Tail");
            Ok(Handled::Later(Box::pin(async move {
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
                Ok(Answer { status: 200, content_type: "application/json", headers, body: invoked.payload })
            })))
        }
        other => Err(invalid(format!("Unknown invocation type {other}"))),
    }
}

/// Counts an invocation as Lambda does, once for the function and once for the addressed qualifier, and records the use
/// of its role.
pub(in super::super) fn ran(cx: &mut Context<'_>, function_arn: &str, outcome: &Result<Invoked, ApiError>) {
    let addressed = Addressed::parse(function_arn);
    let metrics: &[&str] = match outcome {
        Ok(Invoked { function_error: None, .. }) => &["Invocations"],
        Ok(_) => &["Invocations", "Errors"],
        Err(error) if error.status == 429 => return count(cx, &addressed, &["Throttles"]),
        Err(_) => return,
    };
    count(cx, &addressed, metrics);
    let role = addressed.function(cx).map(|function| function.configuration.role.clone());
    let (now, region) = (cx.now, cx.region().to_owned());
    let role = role.ok().and_then(|arn| cx.state.iam.roles.values_mut().find(|role| role.arn == arn));
    if let Some(role) = role {
        role.last_used = Some((now, region));
    }
}

fn count(cx: &mut Context<'_>, addressed: &Addressed, metrics: &[&str]) {
    for metric in metrics {
        cx.count("AWS/Lambda", metric, &[("FunctionName", &addressed.name)], 1.0);
        if let Some(qualifier) = &addressed.qualifier {
            let resource = format!("{}:{qualifier}", addressed.name);
            cx.count("AWS/Lambda", metric, &[("FunctionName", &addressed.name), ("Resource", &resource)], 1.0);
        }
    }
}

fn throttled() -> ApiError {
    ApiError::new(429, "TooManyRequestsException", "Rate Exceeded.")
}
