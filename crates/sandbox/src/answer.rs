//! The response to a request.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct SandboxResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl SandboxResponse {
    pub(super) fn from_json(status: u16, body: &Value) -> Self {
        Self::from_text(status, "application/json;charset=utf-8", body.to_string())
    }

    pub(super) fn from_text(status: u16, content_type: &str, body: String) -> Self {
        Self { status, headers: Vec::new(), body }.with_header("content-type", content_type)
    }

    pub(super) fn without_body(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// Closes the connection without sending a response: the server drops a connection whose body stream fails, and by then
/// it hasn't sent the head.
pub(super) fn dropped_connection() -> Response {
    let failed = stream::once(async { Err::<String, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset)) });
    Response::new(Body::from_stream(failed))
}
