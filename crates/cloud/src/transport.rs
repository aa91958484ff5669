//! How requests arrive: from SDK clients in this process, or over a socket.

use std::future::Future;
use std::io;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, http_client_fn};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use loopback::LocalCredentials;
use tokio::net::TcpListener;

use super::answer::{RequestProtocol, build_response};
use super::dispatch::Disconnected;
use super::{ApiError, EmbeddedCloud};

/// The maximum size of a body. `CreateFunction` accepts zips of up to 50 MB (70 MB as base64).
const MAX_BODY: usize = 80 * 1024 * 1024;

impl EmbeddedCloud {
    /// An HTTP client for the SDK whose requests go to this cloud, in process.
    pub fn http_client(&self) -> SharedHttpClient {
        let cloud = self.clone();
        http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| {
            SharedHttpConnector::new(CloudConnector { cloud: cloud.clone() })
        })
    }

    /// Serves requests on `listener` until the future is dropped or `shutdown` completes. Only programs with `access`
    /// are served, and nothing that a page in a browser sends.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve_requests(
        &self,
        listener: TcpListener,
        access: CloudAccess,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (cloud, access) = (self.clone(), Arc::new(access));
        let router = Router::new()
            .fallback(move |request: Request| {
                let (cloud, access) = (cloud.clone(), Arc::clone(&access));
                async move { cloud.respond_over_http(request, &access).await }
            })
            .layer(DefaultBodyLimit::disable());
        axum::serve(listener, loopback::guard_programs(router)).with_graceful_shutdown(shutdown).await
    }

    /// Downloads from an unsigned link of this cloud, in process. The only such link is to a function's code, in
    /// `Code.Location` of `GetFunction`.
    ///
    /// # Errors
    /// The link is invalid or has expired.
    pub async fn download_code(&self, link: &str) -> io::Result<Bytes> {
        let uri: http::Uri = link.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        match self.respond_to_request(http::Method::GET, &uri, http::HeaderMap::new(), Bytes::new()).await {
            Ok(response) if response.status().is_success() => Ok(response.into_body()),
            Ok(response) => Err(io::Error::other(format!("HTTP status {}", response.status()))),
            Err(Disconnected) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    async fn respond_over_http(&self, request: Request, access: &CloudAccess) -> Response {
        let (parts, body) = request.into_parts();
        if !access.admits(&parts.headers, &parts.uri) {
            return build_response(RequestProtocol::Rest, Err(unknown_credentials()), "").map(Body::from);
        }
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return empty_response(http::StatusCode::PAYLOAD_TOO_LARGE);
        };
        match self.respond_to_request(parts.method, &parts.uri, parts.headers, body.to_bytes()).await {
            Ok(response) => response.map(Body::from),
            // A body that fails makes the server close the connection in the middle of the response.
            Err(Disconnected) => Response::new(Body::from_stream(futures_util::stream::once(async {
                Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))
            }))),
        }
    }

    async fn respond_in_process(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
        match self.respond_to_request(parts.method, &parts.uri, parts.headers, body).await {
            Ok(response) => HttpResponse::try_from(response.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None)),
            Err(Disconnected) => Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into())),
        }
    }
}

/// Who may use a cloud over a socket.
#[derive(Debug, Clone)]
pub enum CloudAccess {
    /// Every program of this machine, with any credentials. For tests, whose clouds hold nothing.
    AnyCredentials,
    /// The programs that know these credentials. Code is run with the rights of whoever serves the cloud, so nobody else
    /// may upload any.
    Only(LocalCredentials),
}

impl CloudAccess {
    /// A link to a function's code isn't signed: its path names the content by its hash.
    fn admits(&self, headers: &http::HeaderMap, uri: &http::Uri) -> bool {
        match self {
            Self::AnyCredentials => true,
            Self::Only(credentials) => credentials.signed_request(headers) || super::lambda::is_code_path(uri.path()),
        }
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html>
fn unknown_credentials() -> ApiError {
    ApiError::new(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

fn empty_response(status: http::StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[derive(Debug)]
struct CloudConnector {
    cloud: EmbeddedCloud,
}

impl HttpConnector for CloudConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloud = self.cloud.clone();
        HttpConnectorFuture::new(async move { cloud.respond_in_process(request).await })
    }
}
