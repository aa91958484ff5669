//! Signed requests without generated clients: JSON in, JSON out.
//!
//! A generated client is tens of thousands of lines that turn JSON into types. Where only some members are read, or an
//! answer is archived as it came, [`SignedClient`] does the same with one value for all services. It is built on the
//! runtime of the generated clients, so that signing, credentials, retries, timeouts, endpoints and the HTTP client are
//! theirs. [`service`] has a row for each service; a new one needs nothing else.

mod answer;
mod callers;
mod pages;
mod request;
mod service;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme};
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{SharedRuntimePlugin, StaticRuntimePlugin};
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::answer_limit::AnswerLimit;
use super::watch::{CallTimeouts, CallWatch};
use super::{Call, CallError};
use answer::{ServiceFailure, read_answer};
use pages::PageSource;
use request::PreparedRequest;
use service::{ServiceEntry, WireProtocol};

pub use pages::AnswerPages;
pub use request::RestRequest;
pub use value::{flag_of, integer_of, list_of, number_of, parse_time, tags_of, text_of, texts_of, time_of};

/// Calls any service of [`service`]. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct SignedClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: SdkConfig,
    region: String,
    /// What all calls have in common.
    shared: SharedRuntimePlugin,
    /// The region that calls are signed for, if it isn't the configuration's.
    regional: Option<SharedRuntimePlugin>,
}

impl SignedClient {
    /// A client for a configuration that has a region, credentials and an HTTP client. Retries cost tokens of `retries`.
    pub fn new(config: &SdkConfig, retries: &RetryPartition, timeouts: CallTimeouts) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let shared = SharedRuntimePlugin::new(shared_plugin(config, &region, retries, timeouts));
        Self { inner: Arc::new(Inner { config: config.clone(), region, shared, regional: None }) }
    }

    /// The same client for another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let region = aws_config::Region::new(region.to_owned());
        let config = self.inner.config.clone().into_builder().region(region.clone()).build();
        let shared = self.inner.shared.clone();
        let mut layer = Layer::new("region");
        layer.store_put(SigningRegion::from(region.clone()));
        let regional = SharedRuntimePlugin::new(StaticRuntimePlugin::new().with_config(layer.freeze()));
        Self { inner: Arc::new(Inner { config, region: region.to_string(), shared, regional: Some(regional) }) }
    }

    /// The configuration that the client was made with.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.inner.config
    }

    /// Calls an operation of a service that speaks AWS JSON or AWS Query. `operation` is its name as IAM writes it, such as
    /// `sqs:ListQueues`; parameters that are null are not sent. An answer in XML has all numbers and truth values as texts.
    ///
    /// # Errors
    /// The call failed, or its answer isn't in the protocol's format.
    pub async fn call(&self, operation: &'static str, parameters: Value) -> Result<Value, CallError> {
        let Some((service, name)) = ServiceEntry::of_operation(operation) else {
            return Err(unknown_operation(operation));
        };
        let request = PreparedRequest::of_parameters(service, name, &parameters);
        let body = self.invoke(service, operation, request).await?;
        read_answer(service.protocol, name, &body).map_err(|why| CallError::unexpected(operation, why))
    }

    /// Sends a request of a service that speaks REST JSON.
    ///
    /// # Errors
    /// The call failed, or its answer isn't JSON.
    pub async fn send(&self, request: RestRequest) -> Result<Value, CallError> {
        let operation = request.operation;
        let Some(service) = request.find_service() else { return Err(unknown_operation(operation)) };
        let body = self.invoke(service, operation, request.prepare_http()).await?;
        read_answer(service.protocol, operation, &body).map_err(|why| CallError::unexpected(operation, why))
    }

    /// Sends a request of a service that speaks REST JSON, and returns the body as it came.
    ///
    /// # Errors
    /// The call failed.
    pub async fn send_for_bytes(&self, request: RestRequest) -> Result<Bytes, CallError> {
        let operation = request.operation;
        let Some(service) = request.find_service() else { return Err(unknown_operation(operation)) };
        self.invoke(service, operation, request.prepare_http()).await
    }

    /// The pages of an operation that [`Self::call`] calls.
    pub fn list_pages(&self, operation: &'static str, parameters: Value) -> AnswerPages<'_> {
        AnswerPages::new(self, PageSource::Parameters(operation, parameters))
    }

    /// The pages of a request that [`Self::send`] sends.
    pub fn send_pages(&self, request: RestRequest) -> AnswerPages<'_> {
        AnswerPages::new(self, PageSource::Rest(request))
    }

    /// Boxed, so that a caller's future doesn't contain the SDK's, which is deep and large: the compiler lays it out once.
    fn invoke<'c>(
        &'c self,
        service: &'static ServiceEntry,
        operation: &'static str,
        request: PreparedRequest,
    ) -> BoxFuture<'c, Result<Bytes, CallError>> {
        Box::pin(self.invoke_operation(service, operation, request))
    }

    async fn invoke_operation(
        &self,
        service: &'static ServiceEntry,
        operation: &'static str,
        request: PreparedRequest,
    ) -> Result<Bytes, CallError> {
        let mut signing = Layer::new("signing name");
        signing.store_put(SigningName::from_static(service.signing_name));
        if let Some((_, region)) = service.global {
            signing.store_put(SigningRegion::from(aws_config::Region::new(region)));
        }
        if service.protocol == WireProtocol::RestXml {
            // S3 requires the body's hash in a header, and encodes paths once
            // (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).
            let mut options = SigV4OperationSigningConfig::default();
            options.signing_options.double_uri_encode = false;
            options.signing_options.content_sha256_header = true;
            options.signing_options.normalize_uri_path = false;
            signing.store_put(options);
        }
        let operation_name = operation.split_once(':').map_or(operation, |(_, name)| name);
        let mut operation_builder = Operation::builder()
            .service_name(service.id)
            .operation_name(operation_name)
            .endpoint_url(&service.endpoint_url(&self.inner.config, &self.inner.region))
            .runtime_plugin(self.inner.shared.clone());
        if let Some(regional) = &self.inner.regional {
            operation_builder = operation_builder.runtime_plugin(regional.clone());
        }
        let sent = operation_builder
            .runtime_plugin(StaticRuntimePlugin::new().with_config(signing.freeze()))
            .with_connection_poisoning()
            .serializer(PreparedRequest::into_http)
            .deserializer(move |response| {
                if response.status().is_success() {
                    Ok(Bytes::copy_from_slice(response.body().bytes().unwrap_or_default()))
                } else {
                    Err(OrchestratorError::operation(ServiceFailure::read_response(service.protocol, response)))
                }
            })
            .build()
            .invoke(request)
            .await;
        sent.call(operation)
    }
}

/// Signing, credentials, retries and timeouts, as a generated client sets them up.
fn shared_plugin(
    config: &SdkConfig,
    region: &str,
    retries: &RetryPartition,
    timeouts: CallTimeouts,
) -> StaticRuntimePlugin {
    let mut layer = Layer::new("signed client");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig::default());
    layer.store_put(SigningRegion::from(aws_config::Region::new(region.to_owned())));
    layer.store_put(config.retry_config().cloned().unwrap_or_else(RetryConfig::standard));
    layer.store_put(retries.clone());
    layer.store_put(TimeoutConfig::builder().connect_timeout(timeouts.connect).build());
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    // One cache for all calls: without it each call would ask for credentials anew.
    let cache: SharedIdentityCache = config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build());
    let mut components = RuntimeComponentsBuilder::new("signed client")
        .with_http_client(config.http_client())
        .with_identity_cache(Some(cache))
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_retry_classifier(TransientErrorClassifier::<ServiceFailure>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<ServiceFailure>::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(crate::retry::QuotaClassifier)
        .with_retry_classifier(ServiceClockSkewClassifier::<ServiceFailure>::new())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(CallWatch::new(timeouts))
        .with_interceptor(AnswerLimit);
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    if let Some(sleep) = config.sleep_impl() {
        components.set_sleep_impl(Some(sleep));
    }
    if let Some(time) = config.time_source() {
        components.set_time_source(Some(time));
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// The prefix in IAM of the operations of the service with this id.
pub(crate) fn iam_prefix_of(id: &str) -> Option<&'static str> {
    ServiceEntry::of_id(id).map(|service| service.prefix)
}

fn unknown_operation(operation: &'static str) -> CallError {
    CallError::unexpected(operation, "no service of this program has this operation")
}
