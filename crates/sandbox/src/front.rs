//! The front of both vendors: it reads each request, records it, and injects faults.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::answer::{Answer, no_answer};
use super::clock::Clock;
use super::faults::{Fault, FaultHook, RequestInfo};

/// How many requests are kept.
const REMEMBERED: usize = 10_000;

/// Maximum size of a body, in bytes. Neither vendor accepts more in the requests that are implemented here.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// A request that a vendor received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// `None` if the connection was closed without a response.
    pub status: Option<u16>,
    pub at: Timestamp,
}

/// A request as a vendor processes it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    /// Decoded, in the order sent.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) at: Timestamp,
}

impl Received {
    /// The first query parameter with this name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header's value, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The credential after `scheme` in the `Authorization` header.
    pub(super) fn authorization(&self, scheme: &str) -> Option<&str> {
        let (given, credential) = self.header("authorization")?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then(|| credential.trim())
    }

    /// The fields of a form; `None` for any other body.
    pub(super) fn form(&self) -> Option<Vec<(String, String)>> {
        let form = self.header("content-type")?.starts_with("application/x-www-form-urlencoded");
        form.then(|| form_urlencoded::parse(&self.body).into_owned().collect())
    }
}

/// A vendor behind the front.
pub(super) trait Vendor: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    fn front(&self) -> &Front;

    /// Processes a request and returns the response.
    fn answer(&self, request: &Received) -> Answer;
}

pub(super) fn router<V: Vendor>(vendor: V) -> Router {
    Router::new().fallback(handle::<V>).with_state(vendor)
}

/// The recorded requests and the fault hook of one vendor.
pub(super) struct Front {
    clock: Clock,
    log: Mutex<Log>,
    hook: Mutex<Option<FaultHook>>,
}

#[derive(Default)]
struct Log {
    count: u64,
    newest: VecDeque<Request>,
}

impl Front {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, log: Mutex::default(), hook: Mutex::default() }
    }

    pub(super) fn set_faults(&self, hook: Option<FaultHook>) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = hook;
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).newest.iter().cloned().collect()
    }

    pub(super) fn forget_requests(&self) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Log::default();
    }

    fn fault(&self, vendor: &'static str, request: &Received, query: &str) -> Option<Fault> {
        let number = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.count += 1;
            log.count
        };
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let body = request.form().map_or_else(
            || serde_json::from_slice(&request.body).unwrap_or(Value::Null),
            |fields| {
                let fields = fields.into_iter().map(|(name, value)| (name, Value::from(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            },
        );
        let (method, path) = (request.method.clone(), request.path.clone());
        hook(&RequestInfo { vendor, method, path, query: query.to_owned(), body, number })
    }

    fn remember(&self, request: &Received, status: Option<u16>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.newest.len() == REMEMBERED {
            log.newest.pop_front();
        }
        let (method, path) = (request.method.clone(), request.path.clone());
        log.newest.push_back(Request { method, path, status, at: request.at });
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

async fn handle<V: Vendor>(State(vendor): State<V>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return Answer::empty(413).into_response();
    };
    let front = vendor.front();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let request = Received {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
        at: front.clock.now(),
    };
    let (status, response) = match front.fault(V::NAME, &request, &query) {
        None => answered(vendor.answer(&request)),
        Some(Fault::Status { status, body, headers }) => {
            let mut answer = Answer::json(status, &body);
            answer.headers.extend(headers);
            answered(answer)
        }
        Some(Fault::DropBefore) => (None, no_answer()),
        Some(Fault::DropAfter) => {
            vendor.answer(&request);
            (None, no_answer())
        }
        Some(Fault::StatusAfter { status }) => {
            vendor.answer(&request);
            answered(Answer::text(status, "text/html", format!("<html><body>{status}</body></html>")))
        }
        Some(Fault::Garbage { status, body }) => {
            vendor.answer(&request);
            answered(Answer::text(status, "text/html", body))
        }
    };
    front.remember(&request, status);
    response
}

fn answered(answer: Answer) -> (Option<u16>, Response) {
    (Some(answer.status), answer.into_response())
}
