//! The HTTP client that all requests of a run go through, and all of the deployer's to vendors.
//!
//! Whoever answers decides what comes, so it is bounded here: how long a response is, how many values it has, and where
//! a name leads to. Nothing else in the workspace reads a response of a vendor, which a lint holds (`clippy.toml`).

mod client;
mod resolver;

use std::time::Duration;

use pacing::CallUnderWay;
use sync_config::address::refuse_host;
use tokio::sync::Semaphore;

use crate::clock::limit_time;
use crate::error::RunError;
use resolver::CheckedResolver;

pub use client::{LocalExchange, VendorClient, VendorRequest};

/// Timeout for establishing a connection, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest response, in bytes. The longest real ones are a hundred contacts with long texts, which a property holds
/// up to 65,536 characters of.
pub const MAX_RESPONSE: usize = 8 * 1024 * 1024;
/// The most values of JSON in a response. Each takes up to a hundred times its text when it is read, and a function has
/// 128 MB. The longest real response describes all properties of a portal, of which HubSpot allows 1,000 besides its own.
pub const MAX_VALUES: usize = 150_000;
/// From this many bytes on, a response is large.
const LARGE: usize = 256 * 1024;
/// How many large responses are read at the same time.
static ROOM_FOR_LARGE: Semaphore = Semaphore::const_new(2);

/// A client with Mozilla's root certificates built in: Lambda's own would have to be read from disk at every cold
/// start. Redirects aren't followed, because the credential would be sent along to wherever they lead.
///
/// # Errors
/// TLS could not be set up.
pub fn build_client() -> Result<reqwest::Client, RunError> {
    build_client_with(rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, None)
}

/// The same client with other root certificates, and with these proxies instead of those that the environment names.
///
/// # Errors
/// TLS could not be set up.
pub fn build_client_with(
    roots: rustls::RootCertStore,
    proxies: Option<Vec<reqwest::Proxy>>,
) -> Result<reqwest::Client, RunError> {
    build_resolving_client(roots, proxies, CheckedResolver::default())
}

fn build_resolving_client(
    roots: rustls::RootCertStore,
    proxies: Option<Vec<reqwest::Proxy>>,
    resolver: CheckedResolver,
) -> Result<reqwest::Client, RunError> {
    let failed = |error: &dyn std::fmt::Display| RunError::Settings(format!("could not set up TLS: {error}"));
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(resolver)
        .user_agent(concat!("deployer-sync-lambda/", env!("CARGO_PKG_VERSION")));
    if let Some(proxies) = proxies {
        client = proxies.into_iter().fold(client.no_proxy(), reqwest::ClientBuilder::proxy);
    }
    client.build().map_err(|error| failed(&error))
}

/// A complete response.
#[derive(Debug)]
pub struct VendorResponse {
    /// HTTP status.
    pub status: u16,
    /// How long the vendor asked us to wait.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: String,
}

/// Why there is no response.
#[derive(Debug)]
pub struct NoResponse {
    /// The request definitely didn't reach the other side.
    pub not_sent: bool,
    /// It wasn't sent because the run's lease has ended.
    pub lease_ended: bool,
    /// What happened, without the URL, which may contain a key.
    pub message: String,
}

impl NoResponse {
    fn after_sending(message: impl Into<String>) -> Self {
        Self { not_sent: false, lease_ended: false, message: message.into() }
    }

    fn unsent(message: impl Into<String>) -> Self {
        Self { not_sent: true, lease_ended: false, message: message.into() }
    }
}

impl From<reqwest::Error> for NoResponse {
    fn from(error: reqwest::Error) -> Self {
        let not_sent = error.is_connect() || error.is_builder();
        let error = error.without_url();
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            message = inner.to_string();
            source = inner.source();
        }
        Self { not_sent, lease_ended: false, message }
    }
}

/// Sends a request and reads the response, both within `timeout`.
///
/// # Errors
/// No complete response came, it is too long, nothing is sent to this host, or the lease of the run that it belongs to has
/// ended.
pub async fn send_request(request: impl Into<VendorRequest>, timeout: Duration) -> Result<VendorResponse, NoResponse> {
    let (request, fence, exchange) = request.into().into_parts();
    let (client, request) = request.build_split();
    let answered = async {
        let request = request?;
        // The host alone: a path or a query may contain a key.
        let host = request.url().host_str().unwrap_or_default();
        // A name is resolved later, by [`CheckedResolver`]; an address never is.
        if let Some(why) = refuse_host(host) {
            return Err(NoResponse::unsent(why));
        }
        // At the last moment: what was awaited before may have taken long.
        if fence.has_closed() {
            return Err(NoResponse { lease_ended: true, ..NoResponse::unsent("the run's lease has ended") });
        }
        let _under_way = CallUnderWay::begin(format!("{} {host}", request.method()));
        let response = match exchange {
            None => client.execute(request).await?,
            Some(exchange) => exchange(request).await.into(),
        };
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| parse_retry_after(value.to_str().ok()?));
        Ok(VendorResponse { status, retry_after, body: read_limited(response).await? })
    };
    // On the heap: it would be in the future of every caller of every request otherwise.
    match limit_time(timeout, Box::pin(answered)).await {
        Some(outcome) => outcome,
        None => Err(NoResponse::after_sending(format!("no response within {} s", timeout.as_secs_f32().round()))),
    }
}

/// Reads a body of at most [`MAX_RESPONSE`] bytes and [`MAX_VALUES`] values. It isn't decompressed: nothing here asks for
/// compression.
async fn read_limited(mut response: reqwest::Response) -> Result<String, NoResponse> {
    let too_long = || NoResponse::after_sending(format!("the response is longer than {} MB", MAX_RESPONSE >> 20));
    if response.content_length().is_some_and(|length| length > MAX_RESPONSE as u64) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    let mut room = None;
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            return Err(too_long());
        }
        if room.is_none() && body.len() + chunk.len() > LARGE {
            room = ROOM_FOR_LARGE.acquire().await.ok();
        }
        body.extend_from_slice(&chunk);
    }
    if count_values(&body) > MAX_VALUES {
        return Err(NoResponse::after_sending(format!("the response has more than {MAX_VALUES} values")));
    }
    // A response with invalid UTF-8 in it is still a response.
    Ok(String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// At least as many as there are values if a text is JSON: each begins the text, or stands after one of these.
fn count_values(body: &[u8]) -> usize {
    body.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count()
}

/// `Retry-After` in seconds; neither vendor uses the date format.
fn parse_retry_after(value: &str) -> Option<Duration> {
    value
        .trim()
        .parse()
        .ok()
        .filter(|seconds: &f64| *seconds >= 0.0 && *seconds < 86_400.0)
        .map(Duration::from_secs_f64)
}

#[cfg(test)]
mod tests;
