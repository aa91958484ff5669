//! Watches every call, of generated and of signed clients alike: no call waits for an answer forever, and somebody at a
//! terminal can be told what is waited for.
//!
//! The SDK has no limits of its own but for the connection. Each attempt gets one here, by operation; an attempt without
//! an answer is repeated once; and after [`CallTimeouts::begin_within`] no attempt begins. So an operation whose server
//! accepts and never answers ends after two attempts.

use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use pacing::CallUnderWay;

use crate::signed::iam_prefix_of;

/// How many attempts may end without an answer. One is repeated, since a connection that was idle may have died.
const UNANSWERED_ATTEMPTS: u32 = 2;

/// How long a function may run: Lambda's maximum.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);
/// How long the upload of a function's code may take. 50 MB is the most that a request takes.
const LONGEST_UPLOAD: Duration = Duration::from_secs(5 * 60);

/// How long calls may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimeouts {
    /// The connection, with TLS and any proxy.
    pub connect: Duration,
    /// One attempt, from its credentials to the end of its answer.
    pub attempt: Duration,
    /// No attempt begins later than this.
    pub begin_within: Duration,
}

impl CallTimeouts {
    /// With `attempt` for one attempt.
    pub fn new(attempt: Duration) -> Self {
        Self { connect: attempt / 2, attempt, begin_within: attempt * 3 }
    }

    /// As `DEPLOYER_CALL_TIMEOUT` says, in seconds. Without it, an attempt may take 20 s.
    pub fn from_environment() -> Self {
        let seconds = std::env::var("DEPLOYER_CALL_TIMEOUT").ok().and_then(|text| text.trim().parse::<f64>().ok());
        let attempt = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= 3600.0).map(Duration::from_secs_f64);
        attempt.map_or_else(Self::default, Self::new)
    }

    /// How long an attempt of this operation may take.
    fn attempt_of(self, call: &str) -> Duration {
        match call {
            "lambda:Invoke" => LONGEST_RUN + self.attempt,
            "lambda:CreateFunction" | "lambda:UpdateFunctionCode" => LONGEST_UPLOAD.max(self.attempt),
            _ => self.attempt,
        }
    }
}

impl Default for CallTimeouts {
    fn default() -> Self {
        Self::new(Duration::from_secs(20))
    }
}

/// Puts limits on each call, and tells that it is under way.
#[derive(Debug, Clone)]
pub(crate) struct CallWatch {
    timeouts: CallTimeouts,
}

/// A call that is watched. It is dropped with the call's configuration, however the call ends.
#[derive(Debug)]
struct WatchedCall {
    since: Instant,
    _under_way: CallUnderWay,
}

impl Storable for WatchedCall {
    type Storer = StoreReplace<Self>;
}

/// How many attempts of a call ended without an answer.
#[derive(Debug, Clone, Copy, Default)]
struct Unanswered(u32);

impl Storable for Unanswered {
    type Storer = StoreReplace<Self>;
}

impl CallWatch {
    pub(crate) fn new(timeouts: CallTimeouts) -> Self {
        Self { timeouts }
    }
}

impl Intercept for CallWatch {
    fn name(&self) -> &'static str {
        "CallWatch"
    }

    fn modify_before_serialization(
        &self,
        _: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = cfg.load::<Metadata>().map_or_else(|| "AWS".to_owned(), iam_name_of);
        let given = cfg.load::<TimeoutConfig>().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let timeouts = given.operation_attempt_timeout(self.timeouts.attempt_of(&call)).build();
        let state = cfg.interceptor_state();
        state.store_put(timeouts);
        state.store_put(WatchedCall { since: Instant::now(), _under_way: CallUnderWay::begin(call) });
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let has_no_answer =
            error.is_timeout_error() || error.as_connector_error().is_some_and(|error| error.is_timeout());
        let unanswered = cfg.load::<Unanswered>().copied().unwrap_or_default().0 + u32::from(has_no_answer);
        let is_late = cfg.load::<WatchedCall>().is_some_and(|call| call.since.elapsed() >= self.timeouts.begin_within);
        let attempts = cfg.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        let retries = cfg.load::<RetryConfig>().cloned();
        let state = cfg.interceptor_state();
        state.store_put(Unanswered(unanswered));
        if let Some(retries) = retries.filter(|_| is_late || unanswered >= UNANSWERED_ATTEMPTS) {
            let most = retries.max_attempts().min(attempts).max(1);
            state.store_put(retries.with_max_attempts(most));
        }
        Ok(())
    }
}

/// The call as IAM writes it: `lambda:GetPolicy`.
fn iam_name_of(metadata: &Metadata) -> String {
    let service = match metadata.service() {
        "STS" => "sts",
        "IAM" => "iam",
        "Lambda" => "lambda",
        "Secrets Manager" => "secretsmanager",
        "EventBridge" => "events",
        other => iam_prefix_of(other).unwrap_or(other),
    };
    format!("{service}:{}", metadata.name())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use serde_json::json;

    use super::*;
    use crate::{Aws, Call, FailureKind};

    /// Takes every request and never answers.
    #[derive(Debug, Clone, Default)]
    struct NoAnswers {
        requests: Arc<AtomicUsize>,
    }

    impl HttpConnector for NoAnswers {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.requests.fetch_add(1, Ordering::SeqCst);
            HttpConnectorFuture::new(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_call_without_an_answer_is_repeated_once_and_named() {
        let server = NoAnswers::default();
        let connector = server.clone();
        let http = http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| {
            SharedHttpConnector::new(connector.clone())
        });
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("key", "secret", None)))
            .retry_config(RetryConfig::standard().with_max_attempts(8).with_initial_backoff(Duration::from_millis(1)))
            .http_client(http)
            .build();
        let aws = Aws::with_timeouts(&config, CallTimeouts::new(Duration::from_millis(20)));
        let by_client = aws.sts.get_caller_identity().send().await.call("sts:GetCallerIdentity");
        let signed = aws.signed.call("logs:DescribeLogGroups", json!({})).await;
        for (failed, call) in [
            (by_client.expect_err("no answer comes"), "sts:GetCallerIdentity"),
            (signed.expect_err("no answer comes"), "logs:DescribeLogGroups"),
        ] {
            assert_eq!(failed.kind, FailureKind::NoAnswer);
            assert_eq!(failed.to_string(), format!("{call}: no answer came in time"));
        }
        assert_eq!(server.requests.load(Ordering::SeqCst), 4, "each is sent twice");
    }

    #[test]
    fn a_plan_against_a_server_that_never_answers_ends_within_90_seconds() {
        // What a plan reads one after the other: the account, or lists and then details.
        let CallTimeouts { attempt, connect, begin_within } = CallTimeouts::default();
        let between_attempts = Duration::from_secs(1);
        let call = attempt * UNANSWERED_ATTEMPTS + between_attempts;
        assert!(call * 2 < Duration::from_secs(90), "{call:?}");
        assert!(connect < attempt && begin_within + attempt < Duration::from_secs(90));
    }

    #[test]
    fn runs_and_uploads_may_take_longer() {
        let timeouts = CallTimeouts::default();
        assert_eq!(timeouts.attempt_of("lambda:GetPolicy"), Duration::from_secs(20));
        assert!(timeouts.attempt_of("lambda:Invoke") > LONGEST_RUN);
        assert_eq!(timeouts.attempt_of("lambda:UpdateFunctionCode"), LONGEST_UPLOAD);
    }

    #[test]
    fn names_calls_as_iam_does() {
        let name = |operation: &'static str, service: &'static str| iam_name_of(&Metadata::new(operation, service));
        assert_eq!(name("CreateSecret", "Secrets Manager"), "secretsmanager:CreateSecret");
        assert_eq!(name("DescribeLogGroups", "CloudWatch Logs"), "logs:DescribeLogGroups");
        assert_eq!(name("GetRestApis", "API Gateway"), "apigateway:GetRestApis");
    }
}
