//! Decides which requests are served. The server listens on this machine only, but any page in the user's browser can
//! send requests to it: from another site, from another port of localhost, or under a domain name that its owner points
//! at 127.0.0.1 (DNS rebinding).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

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

/// The names under which the page may be requested.
#[derive(Debug)]
pub(super) struct HostGuard {
    hosts: Vec<String>,
    port: u16,
}

impl HostGuard {
    pub(super) fn new(port: u16) -> Self {
        let names = ["127.0.0.1", "localhost", "[::1]"];
        let mut hosts: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
        // Browsers omit the port if it is the scheme's default.
        if port == 80 {
            hosts.extend(names.map(ToOwned::to_owned));
        }
        Self { hosts, port }
    }

    fn knows_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// The request's host; `Err` is the text of the refusal.
    fn check_host<'request>(&self, request: &'request Request) -> Result<&'request str, String> {
        let port = self.port;
        let allowed = format!("http://127.0.0.1:{port}, http://localhost:{port} or http://[::1]:{port}");
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(format!("Refused: the request must have exactly one Host header. Open {allowed}.\n"));
        };
        let host = host.to_str().unwrap_or_default();
        // A full URL in the request line takes precedence over the header: RFC 9112, 3.2.2.
        let asked = request.uri().authority().map_or(host, |authority| authority.as_str());
        if self.knows_host(host) && self.knows_host(asked) {
            return Ok(host);
        }
        let shown: String = asked.chars().take(100).collect();
        Err(format!(
            "Refused: the address was \"{shown}\", but this server only accepts {allowed}.\n\
             Any other name could belong to a website that points it at this machine to read the contacts shown here \
             (DNS rebinding).\nTo use a tunnel, forward the same port: ssh -L {port}:127.0.0.1:{port} …\n"
        ))
    }
}

/// Passes a request on, or refuses it with 403 or 415.
pub(super) async fn guard_request(State(guard): State<Arc<HostGuard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.check_host(&request) {
        Err(text) => (StatusCode::FORBIDDEN, text).into_response(),
        Ok(host) => match check_same_page(&request, host) {
            Err(refusal) => refusal.into_response(),
            Ok(()) => next.run(request).await,
        },
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Checks that a request comes from the page itself or from no page at all (curl). Any page may link to this one, but
/// only this one may use the API. Another port of localhost is the same *site* but a different origin, so `same-site`
/// is refused: <https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>.
fn check_same_page(request: &Request, host: &str) -> Result<(), PageRefusal> {
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && !request.uri().path().starts_with("/api/") {
        return Ok(());
    }
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(refuse_other_page("Sec-Fetch-Site", site));
    }
    if let Some(origin) = headers.get(ORIGIN)
        && !origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&format!("http://{host}")))
    {
        return Err(refuse_other_page("Origin", origin));
    }
    // HTML forms can't send this type, so another page needs a CORS preflight, which is never granted.
    if !reads && !is_json(headers) {
        let text = "the body must be JSON: send Content-Type: application/json";
        return Err(PageRefusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    Ok(())
}

fn refuse_other_page(header: &str, value: &HeaderValue) -> PageRefusal {
    let shown: String = value.to_str().unwrap_or_default().chars().take(100).collect();
    let text =
        format!("the request comes from another page ({header}: {shown}); only this server's own page may use the API");
    PageRefusal::new(StatusCode::FORBIDDEN, text)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
