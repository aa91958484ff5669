//! A proxy between the function and a vendor that breaks one request, delays every request, or silently drops
//! connections.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, RwLock};

/// Maximum bytes of a request's body.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// The fault at a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyFault {
    /// The connection is closed before the request is processed.
    DropBefore,
    /// The request is processed, and the connection is closed without a response.
    DropAfter,
    /// The request isn't processed; this status is returned.
    Status { status: u16, retry_after: Option<&'static str> },
    /// The request is processed; a gateway returns this status instead of the vendor's response.
    StatusAfter { status: u16 },
    /// The request is processed; the connection is closed in the middle of the response body.
    CutBody,
    /// The request is processed; half of the response is returned as if it were complete.
    HalfBody,
    /// The request is processed; an HTML page is returned with status 200.
    Html,
    /// The request isn't processed, and no response comes.
    HangBefore,
    /// The request is processed, and no response comes.
    HangAfter,
    /// The process is killed before the request is processed.
    KillBefore,
    /// The process is killed after the request was processed.
    KillAfter,
}

impl ProxyFault {
    /// Whether the vendor processes the request.
    pub fn is_taken(self) -> bool {
        use ProxyFault::{DropBefore, HangBefore, KillBefore, Status};
        !matches!(self, DropBefore | Status { .. } | HangBefore | KillBefore)
    }

    pub fn kills_process(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }

    pub fn request_hangs(self) -> bool {
        matches!(self, Self::HangBefore | Self::HangAfter)
    }

    /// Whether the sender can't tell whether the request was processed. Only 429 says that it wasn't.
    pub fn is_unclear(self) -> bool {
        !matches!(self, Self::Status { status: 429, .. })
    }
}

/// The shared state of all proxies of one function: their requests are counted together.
#[derive(Debug)]
pub struct ProxyLine {
    state: Mutex<ProxyProgress>,
    /// Each request that a vendor is processing holds a read lock.
    at_work: RwLock<()>,
    killed: Notify,
    client: reqwest::Client,
}

#[derive(Debug, Default)]
struct ProxyProgress {
    requests: usize,
    at: Option<(usize, ProxyFault)>,
    broken: Option<BrokenRequest>,
    /// The process is dead: requests that it had already sent are lost.
    dead: bool,
    connections: BTreeSet<SocketAddr>,
    lost: BTreeSet<SocketAddr>,
}

/// The request that was broken.
#[derive(Debug, Clone)]
pub struct BrokenRequest {
    pub path: String,
    /// The body as JSON; `null` if it isn't JSON.
    pub body: Value,
}

impl ProxyLine {
    /// `client` forwards the requests.
    pub fn new(client: reqwest::Client) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), at_work: RwLock::default(), killed: Notify::new(), client })
    }

    /// Breaks the `nth` request from now, counted from one.
    pub fn break_at(&self, nth: usize, what: ProxyFault) {
        let mut progress = self.lock_progress();
        progress.requests = 0;
        progress.at = Some((nth, what));
    }

    /// Resolves when the process should be killed.
    pub async fn wait_until_killed(&self) {
        self.killed.notified().await;
    }

    /// Waits for the vendors to finish their requests, then stops breaking anything. Returns the broken request.
    pub async fn stop_breaking(&self) -> Option<BrokenRequest> {
        let _done = self.at_work.write().await;
        let mut progress = self.lock_progress();
        (progress.at, progress.dead) = (None, false);
        progress.broken.take()
    }

    /// Silently kills all existing connections.
    pub fn lose_connections(&self) {
        let mut progress = self.lock_progress();
        progress.lost = progress.connections.clone();
    }

    /// The number of requests since the start or [`ProxyLine::break_at`].
    pub fn request_count(&self) -> usize {
        self.lock_progress().requests
    }

    fn lock_progress(&self) -> MutexGuard<'_, ProxyProgress> {
        self.state.lock().expect("no panic")
    }

    /// Decides what happens to a request.
    fn request_fate(&self, from: SocketAddr, path: &str, body: &Bytes) -> RequestFate {
        let mut progress = self.lock_progress();
        progress.connections.insert(from);
        if progress.dead || progress.lost.contains(&from) {
            return RequestFate::Lost;
        }
        progress.requests += 1;
        match progress.at {
            Some((nth, what)) if nth == progress.requests => {
                let body = serde_json::from_slice(body).unwrap_or_default();
                progress.broken = Some(BrokenRequest { path: path.to_owned(), body });
                progress.dead = what.kills_process();
                RequestFate::Broken(what)
            }
            _ => RequestFate::Passes,
        }
    }
}

enum RequestFate {
    Passes,
    Lost,
    Broken(ProxyFault),
}

/// One vendor's proxy. It stops with the test's runtime.
#[derive(Clone)]
pub struct VendorProxy {
    /// `http://127.0.0.1:PORT`
    pub uri: String,
    to: String,
    line: Arc<ProxyLine>,
    latency: Duration,
}

impl VendorProxy {
    /// Serves on a free port in front of the vendor at `to`. Each response comes at least `latency` after its request.
    pub async fn start_proxy(line: &Arc<ProxyLine>, to: &str, latency: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        let proxy = Self { uri, to: to.to_owned(), line: Arc::clone(line), latency };
        let router = Router::new().fallback(handle_request).with_state(proxy.clone());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        proxy
    }

    async fn forward_request(&self, parts: axum::http::request::Parts, body: Bytes) -> ProxiedResponse {
        let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let mut headers = parts.headers;
        headers.remove("host");
        let request = self.line.client.request(parts.method, format!("{}{path}", self.to)).headers(headers).body(body);
        let answer = request.send().await.expect("the sandbox responds");
        let kept = |name: &HeaderName| !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection");
        ProxiedResponse {
            status: answer.status(),
            headers: answer
                .headers()
                .clone()
                .into_iter()
                .filter_map(|(name, v)| Some((name?, v)))
                .filter(|(n, _)| kept(n))
                .collect(),
            body: answer.bytes().await.expect("a complete response"),
        }
    }
}

struct ProxiedResponse {
    status: StatusCode,
    headers: Vec<(HeaderName, axum::http::HeaderValue)>,
    body: Bytes,
}

impl ProxiedResponse {
    fn from_status(status: u16, content_type: &'static str, body: &'static str) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: vec![(HeaderName::from_static("content-type"), content_type.parse().expect("a value"))],
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn with_body(self, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }

    fn into_response(self) -> Response {
        let body = Body::from(self.body.clone());
        self.with_body(body)
    }

    fn cut_in_half(mut self) -> Self {
        self.body.truncate(self.body.len() / 2);
        self
    }
}

async fn handle_request(
    State(proxy): State<VendorProxy>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    // A killed process doesn't finish the requests that it started.
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else { return closed_connection().await };
    let line = &proxy.line;
    let passed = async |parts, body| {
        let _at_work = line.at_work.read().await;
        proxy.forward_request(parts, body).await
    };
    let path = parts.uri.path().to_owned();
    let what = match line.request_fate(from, &path, &body) {
        RequestFate::Lost => return std::future::pending().await,
        RequestFate::Passes => {
            let late = tokio::time::Instant::now() + proxy.latency;
            let answer = passed(parts, body).await;
            tokio::time::sleep_until(late).await;
            return answer.into_response();
        }
        RequestFate::Broken(what) => what,
    };
    let answer = if what.is_taken() { Some(passed(parts, body).await) } else { None };
    if what.kills_process() {
        line.killed.notify_one();
    }
    match (what, answer) {
        (ProxyFault::Status { status, retry_after }, _) => {
            let mut answer = ProxiedResponse::from_status(status, "application/json", "{}");
            let header = |value: &str| (HeaderName::from_static("retry-after"), value.parse().expect("a value"));
            answer.headers.extend(retry_after.map(header));
            answer.into_response()
        }
        (ProxyFault::StatusAfter { status }, _) => {
            ProxiedResponse::from_status(status, "text/html", "<html>Bad gateway</html>").into_response()
        }
        (ProxyFault::Html, _) => {
            ProxiedResponse::from_status(200, "text/html", "<html>Please log in</html>").into_response()
        }
        (ProxyFault::HalfBody, Some(answer)) => answer.cut_in_half().into_response(),
        (ProxyFault::CutBody, Some(answer)) => {
            let length = answer.body.len().into();
            let half = answer.cut_in_half();
            let body = cut_body(half.body.clone());
            let mut response = half.with_body(body);
            response.headers_mut().insert("content-length", length);
            response
        }
        (ProxyFault::DropBefore | ProxyFault::DropAfter, _) => closed_connection().await,
        _ => std::future::pending().await,
    }
}

/// A response that closes the connection: the server does so if a body fails, and nothing of this one has been sent
/// yet.
async fn closed_connection() -> Response {
    let failed = async { Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset)) };
    Response::new(Body::from_stream(stream::once(failed)))
}

/// A body that sends these bytes and then closes the connection.
fn cut_body(bytes: Bytes) -> Body {
    let failed = async {
        // The server flushes what it has while it waits for more.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    let first = async { Ok::<_, std::io::Error>(bytes) };
    use futures_util::StreamExt;
    Body::from_stream(stream::once(first).chain(stream::once(failed)))
}
