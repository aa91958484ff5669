//! Decides which requests the page's server answers, and what every response carries. Who may use a server of this
//! machine at all is decided in `loopback`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use loopback::{LoopbackGuard, check_same_page};

use super::PageRefusal;

/// Sent with every response, including refusals. Nothing is loaded from elsewhere, and nothing may frame the page.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Passes a request on, or refuses it with 403 or 415.
pub(super) async fn guard_request(State(guard): State<Arc<LoopbackGuard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.check_host(&request) {
        Err(text) => (StatusCode::FORBIDDEN, text).into_response(),
        Ok(host) => match check_origin(&request, host) {
            Err(refusal) => refusal.into_response(),
            Ok(()) => next.run(request).await,
        },
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Any page may link to this one, but only this one may use the API.
fn check_origin(request: &Request, host: &str) -> Result<(), PageRefusal> {
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && !request.uri().path().starts_with("/api/") {
        return Ok(());
    }
    check_same_page(headers, host).map_err(|text| PageRefusal::new(StatusCode::FORBIDDEN, text))?;
    // HTML forms can't send this type, so another page needs a CORS preflight, which is never granted.
    if !reads && !is_json(headers) {
        let text = "the body must be JSON: send Content-Type: application/json";
        return Err(PageRefusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
