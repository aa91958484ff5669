//! A proxy between the function and a vendor, that breaks one request off, keeps every request back for a while, or has
//! lost connections without telling.

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

/// Bytes of a request's body.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// What happens at a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed before the request is taken.
    DropBefore,
    /// The request is taken, and the connection closed without an answer.
    DropAfter,
    /// The request isn't taken; this is answered.
    Status { status: u16, retry_after: Option<&'static str> },
    /// The request is taken; a gateway answers this in place of the vendor.
    StatusAfter { status: u16 },
    /// The request is taken; the connection is closed in the middle of the answer's body.
    CutBody,
    /// The request is taken; half of the answer comes, as if it were the whole.
    HalfBody,
    /// The request is taken; a page of HTML is answered, with status 200.
    Html,
    /// The request isn't taken, and no answer comes.
    HangBefore,
    /// The request is taken, and no answer comes.
    HangAfter,
    /// The process is killed before the request is taken.
    KillBefore,
    /// The process is killed after the request was taken.
    KillAfter,
}

impl Break {
    /// Whether the vendor has the request.
    pub fn is_taken(self) -> bool {
        use Break::{DropBefore, HangBefore, KillBefore, Status};
        !matches!(self, DropBefore | Status { .. } | HangBefore | KillBefore)
    }

    pub fn kills(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }

    pub fn hangs(self) -> bool {
        matches!(self, Self::HangBefore | Self::HangAfter)
    }

    /// Whether somebody who sent the request can't tell what became of it.
    pub fn is_silent(self) -> bool {
        !matches!(self, Self::Status { .. } | Self::StatusAfter { .. })
    }
}

/// What all proxies of one function have in common: their requests are counted together.
#[derive(Debug)]
pub struct Line {
    state: Mutex<Progress>,
    /// Held for reading by each request that a vendor works on.
    at_work: RwLock<()>,
    killed: Notify,
    client: reqwest::Client,
}

#[derive(Debug, Default)]
struct Progress {
    requests: usize,
    at: Option<(usize, Break)>,
    broken: Option<Broken>,
    /// The process is dead: what it had still sent is lost.
    dead: bool,
    connections: BTreeSet<SocketAddr>,
    lost: BTreeSet<SocketAddr>,
}

/// The request that was broken off.
#[derive(Debug, Clone)]
pub struct Broken {
    pub path: String,
    /// JSON, `null` where it isn't.
    pub body: Value,
}

impl Line {
    /// `client` is what requests are handed on with.
    pub fn new(client: reqwest::Client) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), at_work: RwLock::default(), killed: Notify::new(), client })
    }

    /// Breaks the `nth` request from now on, counted from one.
    pub fn break_at(&self, nth: usize, what: Break) {
        let mut progress = self.progress();
        progress.requests = 0;
        progress.at = Some((nth, what));
    }

    /// Resolves when a process is to be killed.
    pub async fn killed(&self) {
        self.killed.notified().await;
    }

    /// Breaks nothing any more, once the vendors are done with what they have taken. Gives what was broken.
    pub async fn mend(&self) -> Option<Broken> {
        let _done = self.at_work.write().await;
        let mut progress = self.progress();
        (progress.at, progress.dead) = (None, false);
        progress.broken.take()
    }

    /// All connections that there are lead nowhere from now on, and nobody is told.
    pub fn lose_connections(&self) {
        let mut progress = self.progress();
        progress.lost = progress.connections.clone();
    }

    /// Requests since the start or [`Line::break_at`].
    pub fn requests(&self) -> usize {
        self.progress().requests
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().expect("no panic")
    }

    /// What is to happen to a request.
    fn fate(&self, from: SocketAddr, path: &str, body: &Bytes) -> Fate {
        let mut progress = self.progress();
        progress.connections.insert(from);
        if progress.dead || progress.lost.contains(&from) {
            return Fate::Lost;
        }
        progress.requests += 1;
        match progress.at {
            Some((nth, what)) if nth == progress.requests => {
                let body = serde_json::from_slice(body).unwrap_or_default();
                progress.broken = Some(Broken { path: path.to_owned(), body });
                progress.dead = what.kills();
                Fate::Broken(what)
            }
            _ => Fate::Passes,
        }
    }
}

enum Fate {
    Passes,
    Lost,
    Broken(Break),
}

/// One vendor's proxy. It ends with the test's runtime.
#[derive(Clone)]
pub struct Proxy {
    /// `http://127.0.0.1:PORT`
    pub uri: String,
    to: String,
    line: Arc<Line>,
    latency: Duration,
}

impl Proxy {
    /// Serves on a free port, before the vendor at `to`. Each answer comes at least `latency` after its request.
    pub async fn start(line: &Arc<Line>, to: &str, latency: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let uri = format!("http://{}", listener.local_addr().expect("an address"));
        let proxy = Self { uri, to: to.to_owned(), line: Arc::clone(line), latency };
        let router = Router::new().fallback(handle).with_state(proxy.clone());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        proxy
    }

    async fn pass(&self, parts: axum::http::request::Parts, body: Bytes) -> Answer {
        let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let mut headers = parts.headers;
        headers.remove("host");
        let request = self.line.client.request(parts.method, format!("{}{path}", self.to)).headers(headers).body(body);
        let answer = request.send().await.expect("the sandbox answers");
        let kept = |name: &HeaderName| !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection");
        Answer {
            status: answer.status(),
            headers: answer
                .headers()
                .clone()
                .into_iter()
                .filter_map(|(name, v)| Some((name?, v)))
                .filter(|(n, _)| kept(n))
                .collect(),
            body: answer.bytes().await.expect("a whole answer"),
        }
    }
}

struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, axum::http::HeaderValue)>,
    body: Bytes,
}

impl Answer {
    fn bare(status: u16, content_type: &'static str, body: &'static str) -> Self {
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

    fn whole(self) -> Response {
        let body = Body::from(self.body.clone());
        self.with_body(body)
    }

    fn half(mut self) -> Self {
        self.body.truncate(self.body.len() / 2);
        self
    }
}

async fn handle(State(proxy): State<Proxy>, ConnectInfo(from): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // A process that was killed doesn't end what it had begun.
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else { return closed().await };
    let line = &proxy.line;
    let passed = async |parts, body| {
        let _at_work = line.at_work.read().await;
        proxy.pass(parts, body).await
    };
    let path = parts.uri.path().to_owned();
    let what = match line.fate(from, &path, &body) {
        Fate::Lost => return std::future::pending().await,
        Fate::Passes => {
            let late = tokio::time::Instant::now() + proxy.latency;
            let answer = passed(parts, body).await;
            tokio::time::sleep_until(late).await;
            return answer.whole();
        }
        Fate::Broken(what) => what,
    };
    let answer = if what.is_taken() { Some(passed(parts, body).await) } else { None };
    if what.kills() {
        line.killed.notify_one();
    }
    match (what, answer) {
        (Break::Status { status, retry_after }, _) => {
            let mut answer = Answer::bare(status, "application/json", "{}");
            let header = |value: &str| (HeaderName::from_static("retry-after"), value.parse().expect("a value"));
            answer.headers.extend(retry_after.map(header));
            answer.whole()
        }
        (Break::StatusAfter { status }, _) => Answer::bare(status, "text/html", "<html>Bad gateway</html>").whole(),
        (Break::Html, _) => Answer::bare(200, "text/html", "<html>Please log in</html>").whole(),
        (Break::HalfBody, Some(answer)) => answer.half().whole(),
        (Break::CutBody, Some(answer)) => {
            let length = answer.body.len().into();
            let half = answer.half();
            let body = cut(half.body.clone());
            let mut response = half.with_body(body);
            response.headers_mut().insert("content-length", length);
            response
        }
        (Break::DropBefore | Break::DropAfter, _) => closed().await,
        _ => std::future::pending().await,
    }
}

/// The server closes a connection whose answer fails, and nothing of this one was sent by then.
async fn closed() -> Response {
    let failed = async { Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset)) };
    Response::new(Body::from_stream(stream::once(failed)))
}

/// These bytes, which are sent, and then the end of the connection.
fn cut(bytes: Bytes) -> Body {
    let failed = async {
        // The server sends what it has while it waits for more.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    let first = async { Ok::<_, std::io::Error>(bytes) };
    use futures_util::StreamExt;
    Body::from_stream(stream::once(first).chain(stream::once(failed)))
}
