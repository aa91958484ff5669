//! Who may use a server on 127.0.0.1. Binding to the loopback interface keeps other machines out, but not the pages in
//! the user's browser, which can send requests to any port: from another site, from another port of localhost, or under
//! a domain name that its owner points at 127.0.0.1 (DNS rebinding). Nor does it keep out other users of this machine.
//!
//! [`LoopbackGuard`] refuses what comes from a page. [`LocalCredentials`] are made up for one run, so that nobody else
//! knows them.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, StatusCode};

/// The names of this machine's loopback interface.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The names under which a server may be requested.
#[derive(Debug)]
pub struct LoopbackGuard {
    /// `None` if any port is accepted.
    port: Option<u16>,
}

impl LoopbackGuard {
    /// For a server that pages are loaded from: the Host header must have its port too.
    pub fn for_page(port: u16) -> Self {
        Self { port: Some(port) }
    }

    /// For a server that only programs call. They may call it through a forwarded port.
    pub fn for_programs() -> Self {
        Self { port: None }
    }

    fn knows_host(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            // The colons of an IPv6 address without a port are inside its brackets.
            Some((name, port)) if !port.ends_with(']') => (name, port),
            // Browsers omit the port if it is the scheme's default.
            _ => (host, "80"),
        };
        NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
            && self.port.is_none_or(|own| port.parse() == Ok(own))
    }

    /// Returns the request's host.
    ///
    /// # Errors
    /// The text of a refusal, for the person who opened the address.
    pub fn check_host<'request>(&self, request: &'request Request) -> Result<&'request str, String> {
        let allowed = match self.port {
            Some(port) => format!("http://127.0.0.1:{port}, http://localhost:{port} or http://[::1]:{port}"),
            None => "127.0.0.1, localhost or [::1]".to_owned(),
        };
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
        let tunnel = match self.port {
            Some(port) => format!("To use a tunnel, forward the same port: ssh -L {port}:127.0.0.1:{port} …\n"),
            None => String::new(),
        };
        Err(format!(
            "Refused: the address was \"{shown}\", but this server only accepts {allowed}.\n\
             Any other name could belong to a website that points it at this machine to read the contacts shown here \
             (DNS rebinding).\n{tunnel}"
        ))
    }
}

/// Checks that a request comes from a page of `host` itself or from no page at all (curl, an SDK). Another port of
/// localhost is the same *site* but a different origin, so `same-site` is refused:
/// <https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>.
///
/// # Errors
/// The text of a refusal.
pub fn check_same_page(headers: &HeaderMap, host: &str) -> Result<(), String> {
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(other_page_text("Sec-Fetch-Site", site));
    }
    if let Some(origin) = headers.get(ORIGIN)
        && !origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&format!("http://{host}")))
    {
        return Err(other_page_text("Origin", origin));
    }
    Ok(())
}

fn other_page_text(header: &str, value: &HeaderValue) -> String {
    let shown: String = value.to_str().unwrap_or_default().chars().take(100).collect();
    format!("the request comes from another page ({header}: {shown}); only this server's own page may use the API")
}

/// Puts a guard before a server that only programs call.
pub fn guard_programs(router: Router) -> Router {
    let guard = Arc::new(LoopbackGuard::for_programs());
    router.layer(middleware::from_fn_with_state(guard, pass_or_refuse))
}

async fn pass_or_refuse(State(guard): State<Arc<LoopbackGuard>>, request: Request, next: Next) -> Response {
    let checked = guard.check_host(&request).and_then(|host| check_same_page(request.headers(), host));
    match checked {
        Ok(()) => next.run(request).await,
        Err(text) => (StatusCode::FORBIDDEN, text).into_response(),
    }
}

/// AWS credentials of one run. They open nothing but the server that they were made for.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalCredentials {
    /// 128 random bits; whoever knows it was given it.
    pub access_key_id: String,
    /// The clients sign with it; the server recognizes the key's id.
    pub secret_access_key: String,
}

impl LocalCredentials {
    /// Makes up credentials that nobody else knows.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self { access_key_id: format!("LOCAL{}", random_word()?.to_uppercase()), secret_access_key: random_word()? })
    }

    /// Whether a request is signed with these credentials, going by the key's id in
    /// `Authorization: AWS4-HMAC-SHA256 Credential=ID/…`.
    pub fn signed_request(&self, headers: &HeaderMap) -> bool {
        let authorization = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let scope = authorization.and_then(|text| text.split_once("Credential=")).map(|(_, scope)| scope);
        scope.and_then(|scope| scope.split('/').next()).is_some_and(|id| id == self.access_key_id)
    }
}

impl fmt::Debug for LocalCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCredentials").finish_non_exhaustive()
    }
}

/// 128 random bits in hexadecimal, for a credential that nobody can guess.
///
/// # Errors
/// The system has no random numbers.
pub fn random_word() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request_with(headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).expect("a valid request")
    }

    #[test]
    fn accepts_only_names_of_this_machine() {
        let (page, programs) = (LoopbackGuard::for_page(8787), LoopbackGuard::for_programs());
        for (host, by_page, by_programs) in [
            ("127.0.0.1:8787", true, true),
            ("LOCALHOST:8787", true, true),
            ("[::1]:8787", true, true),
            ("127.0.0.1:8788", false, true),
            ("localhost", false, true),
            ("[::1]", false, true),
            ("attacker.example:8787", false, false),
            ("127.0.0.1.attacker.example:8787", false, false),
            ("", false, false),
        ] {
            let request = request_with(&[("host", host)]);
            assert_eq!(page.check_host(&request).is_ok(), by_page, "{host}");
            assert_eq!(programs.check_host(&request).is_ok(), by_programs, "{host}");
        }
        assert!(LoopbackGuard::for_page(80).check_host(&request_with(&[("host", "localhost")])).is_ok());
        assert!(programs.check_host(&request_with(&[])).is_err());
        assert!(programs.check_host(&request_with(&[("host", "localhost"), ("host", "localhost")])).is_err());
    }

    #[test]
    fn refuses_other_pages() {
        for (header, value, accepted) in [
            ("origin", "http://localhost:1", true),
            ("origin", "http://localhost:2", false),
            ("origin", "https://attacker.example", false),
            ("origin", "null", false),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "none", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
        ] {
            let request = request_with(&[(header, value)]);
            assert_eq!(check_same_page(request.headers(), "localhost:1").is_ok(), accepted, "{header}: {value}");
        }
    }

    #[test]
    fn recognizes_its_own_credentials() {
        let (own, other) = (LocalCredentials::generate(), LocalCredentials::generate());
        let (own, other) = (own.expect("random numbers"), other.expect("random numbers"));
        let signed = |id: &str| {
            let text = format!("AWS4-HMAC-SHA256 Credential={id}/20261129/us-east-1/lambda/aws4_request, Signature=1");
            request_with(&[("authorization", &text)])
        };
        assert!(own.signed_request(signed(&own.access_key_id).headers()));
        assert!(!own.signed_request(signed(&other.access_key_id).headers()));
        assert!(!own.signed_request(signed("").headers()));
        assert!(!own.signed_request(request_with(&[]).headers()));
    }
}
