//! Waits until a Lambda function can be changed.

use std::time::Duration;

use aws_sdk_lambda::types::{LastUpdateStatus, State};

use crate::limiter::AwsLimiter;
use crate::{Aws, Call, CallError};

const CALL: &str = "lambda:GetFunctionConfiguration";
/// A function is usually ready within a second or two. In a region under load, one took a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// Waits until the function is active and no update is in progress. Until then Lambda refuses the next change
/// (<https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>). Without `delays`, it asks just as often, but
/// without waiting.
///
/// # Errors
/// A call failed, the function failed to become ready, or it took too long.
pub async fn wait_until_function_ready(
    aws: &Aws,
    function: &str,
    limiter: &AwsLimiter,
    delays: bool,
) -> Result<(), CallError> {
    let mut delay = FIRST_DELAY;
    let mut waited = Duration::ZERO;
    loop {
        limiter.wait_for_slot(CALL).await;
        let answer = aws.lambda.get_function_configuration().function_name(function).send().await.call(CALL)?;
        let (state, update) = (answer.state(), answer.last_update_status());
        if state == Some(&State::Failed) || update == Some(&LastUpdateStatus::Failed) {
            let reason = answer.last_update_status_reason().or(answer.state_reason()).unwrap_or("no reason given");
            return Err(CallError::unexpected(CALL, format!("{function} failed to become ready: {reason}")));
        }
        if state != Some(&State::Pending) && update != Some(&LastUpdateStatus::InProgress) {
            return Ok(());
        }
        if waited >= LONGEST_WAIT {
            let message = format!("{function} is still not ready after {} s", waited.as_secs());
            return Err(CallError::unexpected(CALL, message));
        }
        if delays {
            tokio::time::sleep(delay).await;
        }
        waited += delay;
        delay = (delay * 2).min(LONGEST_DELAY);
    }
}
