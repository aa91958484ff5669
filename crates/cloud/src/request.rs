//! A request as it was received. Its signature names the service and the region.

use bytes::Bytes;
use http::HeaderMap;
use percent_encoding::percent_decode_str;

/// One request, with the service and region of its credential scope.
#[derive(Debug, Clone)]
pub struct CloudRequest {
    pub method: http::Method,
    /// Still percent-encoded.
    pub path: String,
    /// Decoded, in the request's order.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The service's signing name.
    pub service: String,
    pub region: String,
    /// Whose keys signed it.
    pub access_key: String,
    /// `http://host` if the request came over a socket.
    pub origin: Option<String>,
    /// The id that the response carries.
    pub id: String,
}

impl CloudRequest {
    /// Reads service and region from `Authorization: AWS4-HMAC-SHA256 Credential=key/date/region/service/…`. The
    /// signature is not verified: any credentials work.
    pub(super) fn new(method: http::Method, uri: &http::Uri, headers: HeaderMap, body: Bytes, id: String) -> Self {
        let authorization = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let scope = authorization.and_then(|text| text.split_once("Credential=")).map(|(_, scope)| scope);
        let mut parts = scope.unwrap_or_default().split([',', ' ']).next().unwrap_or_default().rsplit('/');
        let service = parts.nth(1).unwrap_or_default().to_owned();
        let region = parts.next().unwrap_or_default().to_owned();
        // The date is between them.
        let access_key = parts.nth(1).unwrap_or_default().to_owned();
        let query = uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        // Only requests in process have the host in the request line, and they have no origin.
        let host = headers.get(http::header::HOST).filter(|_| uri.authority().is_none());
        let origin = host.and_then(|host| host.to_str().ok()).map(|host| format!("http://{host}"));
        Self { method, path: uri.path().to_owned(), query, headers, body, service, region, access_key, origin, id }
    }

    /// The segments of the path, decoded.
    pub fn path_segments(&self) -> Vec<String> {
        let parts = self.path.trim_matches('/').split('/');
        parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
    }

    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub fn query_values(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A header's value, unless it is not text.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
