//! The HTTP client that all requests of a run go through.

use std::time::Duration;

use pacing::CallUnderWay;

use crate::error::RunError;

/// Timeout for establishing a connection, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// What happened, without the URL, which may contain a key.
    pub message: String,
}

/// Sends a request and reads the response, both within `timeout`.
///
/// # Errors
/// No complete response came.
pub async fn send_request(request: reqwest::RequestBuilder, timeout: Duration) -> Result<VendorResponse, NoResponse> {
    let (client, request) = request.build_split();
    let exchange = async {
        let request = request?;
        // The host alone: a path or a query may contain a key.
        let host = request.url().host_str().unwrap_or_default();
        let _under_way = CallUnderWay::begin(format!("{} {host}", request.method()));
        let answer = client.execute(request).await?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| parse_retry_after(value.to_str().ok()?));
        let body = answer.bytes().await?;
        // A response with invalid UTF-8 in it is still a response.
        Ok(VendorResponse { status, retry_after, body: String::from_utf8_lossy(&body).into_owned() })
    };
    match tokio::time::timeout(timeout, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(no_response(error)),
        Err(_) => Err(NoResponse {
            not_sent: false,
            message: format!("no response within {} s", timeout.as_secs_f32().round()),
        }),
    }
}

fn no_response(error: reqwest::Error) -> NoResponse {
    let not_sent = error.is_connect() || error.is_builder();
    let error = error.without_url();
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        message = inner.to_string();
        source = inner.source();
    }
    NoResponse { not_sent, message }
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
