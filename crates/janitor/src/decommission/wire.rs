//! Requests and responses as JSON, through the generated clients of the services that this program has one for. An
//! archive keeps everything that AWS returned, including what the client's types don't know. All other services are
//! called with JSON anyway ([`deployer_aws::signed`]).

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use super::{DecommissionContext, unexpected_error};
pub(super) use deployer_aws::signed::{list_of, text_of};
use deployer_aws::{CallError, ListPages};

/// Lambda allows 250 MB of unzipped code for a function, and a zip isn't larger.
const MAX_DOWNLOAD: usize = 300 * 1024 * 1024;
/// The longest wait for a connection, and for the next byte.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a failed download is retried.
const MORE_TRIES: usize = 2;
/// The pause before the first retry, without the jitter. The next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Keeps the body of one response. It can also replace the body of the request.
#[derive(Debug, Clone, Default)]
pub(super) struct RawExchange {
    body: Option<Bytes>,
    kept: Arc<Mutex<Option<(Bytes, RuntimeComponents)>>>,
}

impl RawExchange {
    /// Sends `body` instead of what the client would send.
    pub(super) fn with_body(body: &Value) -> Self {
        Self { body: Some(Bytes::from(body.to_string())), kept: Arc::default() }
    }

    /// The response. An empty one becomes an empty object.
    pub(super) fn response_json(&self, operation: &'static str) -> Result<Value, CallError> {
        let kept = self.kept.lock().clone();
        let body = kept.map(|(body, _)| body).unwrap_or_default();
        if body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&body)
            .map_err(|error| unexpected_error(operation, format!("the response isn't valid JSON: {error}")))
    }

    /// Downloads what a response pointed to, with the HTTP client that received the response. A failed download is
    /// retried after a pause.
    pub(super) async fn download_file(
        &self,
        cx: &DecommissionContext<'_>,
        operation: &'static str,
        uri: &str,
    ) -> Result<Bytes, CallError> {
        let kept = self.kept.lock().clone();
        let client = kept.and_then(|(_, components)| Some((components.http_client()?, components)));
        let Some((client, components)) = client else {
            return Err(unexpected_error(operation, "there is no HTTP client"));
        };
        let settings =
            HttpConnectorSettings::builder().connect_timeout(READ_TIMEOUT).read_timeout(READ_TIMEOUT).build();
        let connector = client.http_connector(&settings, &components);
        let request = HttpRequest::get(uri);
        let request =
            request.map_err(|error| unexpected_error(operation, format!("the code's URL is invalid: {error}")))?;
        let fetch = || async {
            let request = request.try_clone().expect("a request without a body can be cloned");
            fetch_body(&connector, request).await
        };
        let delays = cx.delays;
        let pause = move |pause| async move {
            if delays {
                tokio::time::sleep(pause).await;
            }
        };
        let pauses = ExponentialBuilder::new().with_jitter().with_min_delay(FIRST_PAUSE).with_max_times(MORE_TRIES);
        let fetched = fetch.retry(pauses).sleep(pause).await;
        fetched.map_err(|why| unexpected_error(operation, format!("could not download the code: {why}")))
    }
}

/// The errors don't contain the URL: it is signed, so whoever has it can read the code.
async fn fetch_body(connector: &impl HttpConnector, request: HttpRequest) -> Result<Bytes, String> {
    let response = connector.call(request).await.map_err(|_| "no response".to_owned())?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_DOWNLOAD).collect().await;
    let bytes = body.map_err(|_| "the response was cut off or is too long".to_owned())?.to_bytes();
    if status == 200 { Ok(bytes) } else { Err(format!("HTTP status {status}")) }
}

impl Intercept for RawExchange {
    fn name(&self) -> &'static str {
        "RawExchange"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = &self.body {
            let request = context.request_mut();
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.clone());
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        *self.kept.lock() = Some((body, components.clone()));
        Ok(())
    }
}

/// Sends a request and returns the response as JSON: `answer!("lambda:GetPolicy",
/// lambda.get_policy().function_name(name))`. A third argument replaces the body that the builder would send; the path
/// still comes from the builder.
macro_rules! answer {
    ($operation:expr, $request:expr) => {
        $crate::decommission::wire::answer!(@ $operation, $request, $crate::decommission::wire::RawExchange::default())
    };
    ($operation:expr, $request:expr, $body:expr) => {
        $crate::decommission::wire::answer!(@ $operation, $request, $crate::decommission::wire::RawExchange::with_body($body))
    };
    (@ $operation:expr, $request:expr, $raw:expr) => {{
        let raw = $raw;
        let sent = $request.customize().interceptor(raw.clone()).send().await;
        deployer_aws::Call::call(sent, $operation).and_then(|_| raw.response_json($operation))
    }};
}
pub(super) use answer;

/// Reads all pages of a list through a generated client, and returns the elements of `member`. `page` calls `operation`
/// with the token of the next page, which each page but the last has as `token_member`.
///
/// # Errors
/// The first page that can't be read: a part of a list isn't the list. A token that comes a second time, because such a
/// list would never end.
pub(super) async fn collect_pages(
    operation: &'static str,
    member: &str,
    token_member: &str,
    mut page: impl AsyncFnMut(Option<String>) -> Result<Value, CallError>,
) -> Result<Vec<Value>, CallError> {
    let mut all = Vec::new();
    let mut pages = ListPages::of_call(operation);
    loop {
        let answer = page(pages.token()).await?;
        all.extend(list_of(&answer, member).iter().cloned());
        if !pages.advance_to(text_of(&answer, token_member).map(ToOwned::to_owned))? {
            return Ok(all);
        }
    }
}

/// The members of `value` that are in `names` and aren't null: the part of a response that a request accepts.
pub(super) fn pick_members(value: &Value, names: &[&str]) -> Value {
    let members = value.as_object().into_iter().flatten();
    let taken = members.filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null());
    Value::Object(taken.map(|(name, value)| (name.clone(), value.clone())).collect())
}
