//! The clients of the AWS services that are called, all on one HTTP connection pool.

pub mod account;
mod answer_limit;
mod error;
mod https;
pub mod identity;
pub mod limiter;
pub mod lock;
pub mod observe;
mod pages;
mod ready;
pub mod retry;
pub mod signed;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use answer_limit::AnswerLimit;
pub use deployer_core::call_error::{CallError, FailureKind};
use deployer_network::NetworkSettings;
pub use error::{Call, Found, call_error};
use https::build_https_client;
use identity::load_identity;
pub use identity::{IdentityOptions, read_caller};
pub use pages::{ListPages, SdkPages, sdk_pages};
pub use ready::wait_until_function_ready;
pub use signed::SignedClient;
pub use watch::CallTimeouts;
use watch::CallWatch;

/// Tries of one call. A plan of many venues reads faster than Lambda lets it (`GetPolicy` and most of its control plane
/// have 15 calls a second), and a read that is given up leaves the plan incomplete.
const ATTEMPTS: u32 = 8;

/// What the SDK's retries of one process may cost, at 5 a retry. Its own 500 end in the middle of a plan of many venues
/// when an account is throttled, and what is left couldn't be read then.
const RETRY_TOKENS: usize = 10_000;

/// The generated clients, and one for all other services. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Aws {
    /// Every service that has no client of its own here.
    pub signed: SignedClient,
    pub sts: aws_sdk_sts::Client,
    pub iam: aws_sdk_iam::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub events: aws_sdk_eventbridge::Client,
    /// Spaces what is read of each venue. A server on this machine has no quotas.
    pub(crate) reads: Arc<limiter::AwsLimiter>,
    /// What to do when AWS rejects the credentials.
    pub(crate) identity_remedy: Option<Arc<str>>,
}

impl Aws {
    /// Clients for a configuration that has a region, credentials and an HTTP client.
    pub fn new(config: &SdkConfig) -> Self {
        Self::with_timeouts(config, CallTimeouts::default())
    }

    /// Like [`Aws::new`], with other limits on how long calls may take.
    pub fn with_timeouts(config: &SdkConfig, timeouts: CallTimeouts) -> Self {
        let watch = CallWatch::new(timeouts);
        let connect = TimeoutConfig::builder().connect_timeout(timeouts.connect).build();
        let retries = RetryPartition::custom("deployer").token_bucket(TokenBucket::new(RETRY_TOKENS)).build();
        macro_rules! client {
            ($service:ident) => {
                $service::Client::from_conf(
                    $service::config::Builder::from(config)
                        .retry_partition(retries.clone())
                        .retry_classifier(retry::QuotaClassifier)
                        .timeout_config(connect.clone())
                        .interceptor(watch.clone())
                        .interceptor(AnswerLimit)
                        .build(),
                )
            };
        }
        Self {
            reads: Arc::new(limiter::AwsLimiter::unlimited()),
            signed: SignedClient::new(config, &retries, timeouts),
            sts: client!(aws_sdk_sts),
            iam: client!(aws_sdk_iam),
            secrets: client!(aws_sdk_secretsmanager),
            lambda: client!(aws_sdk_lambda),
            events: client!(aws_sdk_eventbridge),
            identity_remedy: None,
        }
    }

    /// Clients as every AWS tool has them: `AWS_PROFILE`, `AWS_ENDPOINT_URL` and the rest are honoured. The region is
    /// the manifest's. Loads the credentials; if there are none, every call fails and says why.
    pub async fn from_environment(region: &str, identity: &IdentityOptions) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .no_credentials()
            .http_client(https_client());
        if let Some(profile) = &identity.profile {
            loader = loader.profile_name(profile);
        }
        if std::env::var_os("AWS_MAX_ATTEMPTS").is_none() {
            loader = loader.retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        }
        let config = loader.load().await;
        let loaded = load_identity(identity, &config).await;
        let mut config = config.into_builder();
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(loaded.provider)));
        let clients = Self::with_timeouts(&config.build(), CallTimeouts::from_environment());
        // An endpoint of the user's is no server of AWS's.
        let paced = std::env::var_os("AWS_ENDPOINT_URL").is_none();
        let reads = if paced { limiter::AwsLimiter::for_aws() } else { limiter::AwsLimiter::unlimited() };
        Self { identity_remedy: Some(loaded.remedy.into()), reads: Arc::new(reads), ..clients }
    }

    /// Spaces reads as for AWS, for a server that throttles as AWS does.
    #[must_use]
    pub fn with_paced_reads(self) -> Self {
        Self { reads: Arc::new(limiter::AwsLimiter::for_aws()), ..self }
    }

    /// Clients with made-up credentials, for a server on this machine: in this process (`http` given by it) or at
    /// `endpoint`.
    pub fn for_local(region: &str, http: SharedHttpClient, endpoint: Option<&str>) -> Self {
        Self::for_local_credentials(region, http, endpoint, Credentials::from_keys("local", "local", None))
    }

    /// Clients for a server on this machine that accepts only credentials of its own.
    pub fn for_local_server(region: &str, endpoint: &str, key_id: &str, secret_key: &str) -> Self {
        let credentials = Credentials::from_keys(key_id, secret_key, None);
        Self::for_local_credentials(region, https_client(), Some(endpoint), credentials)
    }

    fn for_local_credentials(
        region: &str,
        http: SharedHttpClient,
        endpoint: Option<&str>,
        credentials: Credentials,
    ) -> Self {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // A server on this machine isn't helped by being waited for.
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .http_client(http);
        if let Some(endpoint) = endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self::new(&config.build())
    }
}

/// The HTTP client for everything that is reached over the network, with the proxies and root certificates of the
/// environment.
pub fn https_client() -> SharedHttpClient {
    // What can't be read is said by [`Aws::from_environment`].
    build_https_client(&NetworkSettings::from_environment().unwrap_or_default())
}
