//! The Lambda runtime API of one process. The process asks for its next event, then posts the outcome.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

/// An event that is waiting for the process.
#[derive(Debug)]
pub(super) struct PendingEvent {
    pub(super) request_id: String,
    pub(super) invoked_function_arn: String,
    /// Milliseconds since 1970.
    pub(super) deadline_ms: i64,
    pub(super) payload: Bytes,
    pub(super) reply: oneshot::Sender<ProcessReply>,
}

/// The outcome that the process posted.
#[derive(Debug)]
pub(super) enum ProcessReply {
    Response(Bytes),
    /// `{"errorMessage", "errorType"}`
    Error(Bytes),
}

/// The instance's handle on the API.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: String,
    pub(super) events: mpsc::Sender<PendingEvent>,
    /// An error that the process posted before asking for its first event.
    pub(super) init_error: Arc<Mutex<Option<Bytes>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The invocation that the process is working on, and the channel that waits for its outcome.
type CurrentInvocation = Option<(String, oneshot::Sender<ProcessReply>)>;

#[derive(Clone)]
struct RuntimeApiState {
    events: Arc<Mutex<mpsc::Receiver<PendingEvent>>>,
    current: Arc<Mutex<CurrentInvocation>>,
    init_error: Arc<Mutex<Option<Bytes>>>,
}

impl RuntimeApi {
    /// Serves on a free port of 127.0.0.1.
    pub(super) async fn start_server() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = mpsc::channel(1);
        let shared = RuntimeApiState {
            events: Arc::new(Mutex::new(waiting)),
            current: Arc::default(),
            init_error: Arc::default(),
        };
        let init_error = Arc::clone(&shared.init_error);
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(send_next_event))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(accept_response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(accept_error))
            .route("/2018-06-01/runtime/init/error", post(accept_init_error))
            .layer(axum::extract::DefaultBodyLimit::max(6 * 1024 * 1024))
            .with_state(shared);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, loopback::guard_programs(router)).await;
        });
        Ok(Self { address, events, init_error, server })
    }
}

async fn send_next_event(State(shared): State<RuntimeApiState>) -> Response {
    let Some(pending) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", pending.request_id.clone()),
        ("lambda-runtime-deadline-ms", pending.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", pending.invoked_function_arn),
        (
            "lambda-runtime-trace-id",
            format!("Root=1-{:08x}-000000000000000000000000;Sampled=0", pending.deadline_ms / 1000),
        ),
        ("content-type", "application/json".to_owned()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    *shared.current.lock().await = Some((pending.request_id, pending.reply));
    (headers, pending.payload).into_response()
}

async fn accept_response(State(shared): State<RuntimeApiState>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    deliver_reply(&shared, &id, ProcessReply::Response(body)).await
}

async fn accept_error(State(shared): State<RuntimeApiState>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    deliver_reply(&shared, &id, ProcessReply::Error(body)).await
}

async fn deliver_reply(shared: &RuntimeApiState, id: &str, reply: ProcessReply) -> StatusCode {
    let mut current = shared.current.lock().await;
    match current.take() {
        Some((request, waiting)) if request == id => {
            let _ = waiting.send(reply);
            StatusCode::ACCEPTED
        }
        other => {
            *current = other;
            StatusCode::BAD_REQUEST
        }
    }
}

async fn accept_init_error(State(shared): State<RuntimeApiState>, body: Bytes) -> StatusCode {
    *shared.init_error.lock().await = Some(body);
    StatusCode::ACCEPTED
}
