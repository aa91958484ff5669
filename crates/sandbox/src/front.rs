//! The front of both vendors: it reads each request, records it, and injects faults.

use std::collections::VecDeque;
use std::fmt;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::answer::{SandboxResponse, dropped_connection};
use super::clock::SandboxClock;
use super::faults::{RequestInfo, SandboxFault, SandboxFaultHook};

/// How many requests are kept.
const REMEMBERED: usize = 10_000;

/// Maximum size of a body, in bytes. Neither vendor accepts more in the requests that are implemented here.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// A request that a vendor received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    pub method: String,
    pub path: String,
    /// `None` if the connection was closed without a response.
    pub status: Option<u16>,
    pub at: Timestamp,
}

/// A request as a vendor processes it.
#[derive(Debug)]
pub(super) struct ReceivedRequest {
    pub(super) method: String,
    pub(super) path: String,
    /// Decoded, in the order sent.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) at: Timestamp,
}

impl ReceivedRequest {
    /// The first query parameter with this name.
    pub(super) fn query_parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header's value, if it is text.
    pub(super) fn header_text(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The credential after `scheme` in the `Authorization` header.
    pub(super) fn authorization_credential(&self, scheme: &str) -> Option<&str> {
        let (given, credential) = self.header_text("authorization")?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then(|| credential.trim())
    }

    /// The fields of a form; `None` for any other body.
    pub(super) fn form_fields(&self) -> Option<Vec<(String, String)>> {
        let form = self.header_text("content-type")?.starts_with("application/x-www-form-urlencoded");
        form.then(|| form_urlencoded::parse(&self.body).into_owned().collect())
    }
}

/// A vendor behind the front.
pub(super) trait SandboxVendor: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    fn vendor_front(&self) -> &VendorFront;

    /// Processes a request and returns the response.
    fn answer_request(&self, request: &ReceivedRequest) -> SandboxResponse;
}

pub(super) fn vendor_router<V: SandboxVendor>(vendor: V) -> Router {
    Router::new().fallback(handle_request::<V>).with_state(vendor)
}

/// Answers a request without a server. A connection that would be dropped is a response with an incomplete body.
pub(super) async fn answer_here<V: SandboxVendor>(
    vendor: &V,
    request: http::Request<Vec<u8>>,
) -> http::Response<Vec<u8>> {
    let (parts, body) = handle_request(State(vendor.clone()), request.map(Body::from)).await.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    http::Response::from_parts(parts, body.to_vec())
}

/// The recorded requests and the fault hook of one vendor.
pub(super) struct VendorFront {
    clock: SandboxClock,
    log: Mutex<RequestLog>,
    hook: Mutex<Option<SandboxFaultHook>>,
}

#[derive(Default)]
struct RequestLog {
    count: u64,
    newest: VecDeque<RecordedRequest>,
}

impl VendorFront {
    pub(super) fn new(clock: SandboxClock) -> Self {
        Self { clock, log: Mutex::default(), hook: Mutex::default() }
    }

    pub(super) fn set_fault_hook(&self, hook: Option<SandboxFaultHook>) {
        *self.hook.lock() = hook;
    }

    pub(super) fn recorded_requests(&self) -> Vec<RecordedRequest> {
        self.log.lock().newest.iter().cloned().collect()
    }

    pub(super) fn forget_requests(&self) {
        *self.log.lock() = RequestLog::default();
    }

    fn choose_fault(&self, vendor: &'static str, request: &ReceivedRequest, query: &str) -> Option<SandboxFault> {
        let number = {
            let mut log = self.log.lock();
            log.count += 1;
            log.count
        };
        let hook = self.hook.lock().clone()?;
        let body = request.form_fields().map_or_else(
            || serde_json::from_slice(&request.body).unwrap_or(Value::Null),
            |fields| {
                let fields = fields.into_iter().map(|(name, value)| (name, Value::from(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            },
        );
        let (method, path) = (request.method.clone(), request.path.clone());
        hook(&RequestInfo { vendor, method, path, query: query.to_owned(), body, number })
    }

    fn record_request(&self, request: &ReceivedRequest, status: Option<u16>) {
        let mut log = self.log.lock();
        if log.newest.len() == REMEMBERED {
            log.newest.pop_front();
        }
        let (method, path) = (request.method.clone(), request.path.clone());
        log.newest.push_back(RecordedRequest { method, path, status, at: request.at });
    }
}

impl fmt::Debug for VendorFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

async fn handle_request<V: SandboxVendor>(State(vendor): State<V>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return SandboxResponse::without_body(413).into_response();
    };
    let front = vendor.vendor_front();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let request = ReceivedRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
        at: front.clock.now(),
    };
    let (status, response) = match front.choose_fault(V::NAME, &request, &query) {
        None => with_status(vendor.answer_request(&request)),
        Some(SandboxFault::Status { status, body, headers }) => {
            let mut answer = SandboxResponse::from_json(status, &body);
            answer.headers.extend(headers);
            with_status(answer)
        }
        Some(SandboxFault::DropBefore) => (None, dropped_connection()),
        Some(SandboxFault::DropAfter) => {
            vendor.answer_request(&request);
            (None, dropped_connection())
        }
        Some(SandboxFault::Delayed { by }) => {
            front.clock.wait_for(by).await;
            with_status(vendor.answer_request(&request))
        }
        Some(SandboxFault::StatusAfter { status }) => {
            vendor.answer_request(&request);
            with_status(SandboxResponse::from_text(status, "text/html", format!("<html><body>{status}</body></html>")))
        }
        Some(SandboxFault::Garbage { status, body }) => {
            vendor.answer_request(&request);
            with_status(SandboxResponse::from_text(status, "text/html", body))
        }
    };
    front.record_request(&request, status);
    response
}

fn with_status(answer: SandboxResponse) -> (Option<u16>, Response) {
    (Some(answer.status), answer.into_response())
}
