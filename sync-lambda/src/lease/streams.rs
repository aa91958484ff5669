//! Leases as streams of the function's own log group.
//!
//! - <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html>
//! - <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html>
//! - <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html>

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use serde_json::{Value, json};
use sync_config::config::ENV_LOG_GROUP;

use super::LeaseStore;
use crate::error::{RunError, Side};
use crate::retry::retry_pauses;
use crate::secret::EnvironmentReader;
use crate::signed::{AwsCaller, FailedAwsCall, LOGS};

const TRIES: usize = 3;
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// Pages of streams that are read. What is left is found the next time.
const PAGES: usize = 4;

/// The lease streams in a log group.
pub struct LeaseStreams {
    caller: AwsCaller,
    group: String,
    region: String,
}

impl fmt::Debug for LeaseStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseStreams").field("group", &self.group).finish_non_exhaustive()
    }
}

impl LeaseStreams {
    /// The streams in the log group that Lambda names in the environment.
    ///
    /// # Errors
    /// The environment names none.
    pub fn from_environment(client: reqwest::Client, variables: &Arc<EnvironmentReader>) -> Result<Self, RunError> {
        let caller = AwsCaller::new(client, Arc::clone(variables));
        let (group, region) = (caller.required_variable(ENV_LOG_GROUP)?, caller.required_variable("AWS_REGION")?);
        Ok(Self { caller, group, region })
    }

    async fn call(&self, operation: &'static str, stream: &str) -> Result<Value, FailedAwsCall> {
        self.attempt(operation, &json!({ "logGroupName": self.group, "logStreamName": stream })).await
    }

    async fn attempt(&self, operation: &'static str, body: &Value) -> Result<Value, FailedAwsCall> {
        let partition = if self.region.starts_with("cn-") { "aws-cn" } else { "aws" };
        self.caller.attempt_call(&LOGS, (partition, &self.region), operation, &body.to_string()).await
    }

    fn failure(&self, operation: &str, failed: FailedAwsCall) -> RunError {
        let code = match failed {
            FailedAwsCall::Unanswered(message) => return RunError::Unavailable { side: Side::Logs, message },
            FailedAwsCall::Throttled(code) => return RunError::Unavailable { side: Side::Logs, message: code },
            FailedAwsCall::NotSigned(error) => return error,
            FailedAwsCall::Refused(code) => code,
        };
        let advice = match code.as_str() {
            "AccessDeniedException" => {
                "The function's role may not keep a lease; `deployer plan` shows what differs from the manifest"
            }
            "ResourceNotFoundException" => "The log group doesn't exist; `deployer apply` creates it",
            _ => "`deployer plan` shows what differs from the manifest",
        };
        RunError::Credential {
            side: Side::Logs,
            credential: "the function's role",
            message: format!("{code} for {operation} in {}", self.group),
            advice: advice.to_owned(),
        }
    }
}

impl LeaseStore for LeaseStreams {
    async fn create_stream(&self, name: &str) -> Result<bool, RunError> {
        const CALL: &str = "CreateLogStream";
        // If the first request was carried out after all, the second finds its stream, and the run is skipped.
        let created =
            (|| self.call(CALL, name)).retry(retry_pauses(FIRST_PAUSE, TRIES)).when(FailedAwsCall::is_temporary);
        match created.await {
            Ok(_) => Ok(true),
            Err(FailedAwsCall::Refused(code)) if code == "ResourceAlreadyExistsException" => Ok(false),
            Err(failed) => Err(self.failure(CALL, failed)),
        }
    }

    async fn delete_stream(&self, name: &str) -> Result<(), RunError> {
        const CALL: &str = "DeleteLogStream";
        // Only what was certainly not carried out is repeated.
        let deleted = (|| self.call(CALL, name))
            .retry(retry_pauses(FIRST_PAUSE, TRIES))
            .when(|failed| matches!(failed, FailedAwsCall::Throttled(_)));
        match deleted.await {
            Ok(_) => Ok(()),
            Err(FailedAwsCall::Refused(code)) if code == "ResourceNotFoundException" => Ok(()),
            Err(failed) => Err(self.failure(CALL, failed)),
        }
    }

    async fn list_streams(&self, prefix: &str) -> Result<Vec<String>, RunError> {
        const CALL: &str = "DescribeLogStreams";
        let mut names = Vec::new();
        let mut body = json!({ "logGroupName": self.group, "logStreamNamePrefix": prefix });
        for _ in 0..PAGES {
            let page = self.attempt(CALL, &body).await.map_err(|failed| self.failure(CALL, failed))?;
            let streams = page.get("logStreams").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let name = |stream: &Value| stream.get("logStreamName").and_then(Value::as_str).map(ToOwned::to_owned);
            names.extend(streams.iter().filter_map(name));
            match page.get("nextToken") {
                Some(token) if token.is_string() => body["nextToken"] = token.clone(),
                _ => break,
            }
        }
        Ok(names)
    }
}
