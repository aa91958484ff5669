//! The page of `deployer dev`, and the small server behind it.
//!
//! The page gets a whole [`View`] whenever something changed, and works out itself what to redraw: there is one source
//! of what it shows, and a page that was away for an hour is right again with the next event. `guard` says who is
//! answered. Scripts, styles and the page are files beside this one, compiled in: nothing is loaded from elsewhere.
//!
//! | route | does |
//! | --- | --- |
//! | `GET /`, `/page.css`, `/*.js`, `/icon.svg` | the page |
//! | `GET /api/view` | the [`View`] as JSON |
//! | `GET /api/events` | server-sent events named `view`, each a whole [`View`] |
//! | `POST /api/contacts` | adds a [`NewContact`]; 201 with its `id` |
//! | `POST /api/contacts/{id}/flag` | `{"venue", "value"}`: ticks or clears a flag |
//! | `POST /api/venues/{venue}/run` | starts a run; 202 |
//!
//! What is refused is `{"error"}` with 4xx; a refusal for the Host header is plain text, since a browser shows it.

mod guard;
mod view;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use view::{
    Addresses, BlockerView, Cell, ContactView, Counts, LeadView, NewContact, RunOutcome, RunView, SyncStatus,
    VenueStatus, VenueView, View,
};

/// Between two events of one page: more a second than this is no smoother.
const EVENT_GAP: Duration = Duration::from_millis(100);

/// A connection that says nothing for long is cut by some proxies and shields.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long open requests may take to end at shutdown. A page that is suspended holds its connection for ever.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// Longest body of a request, in bytes. The largest is a new contact.
const MAX_BODY: usize = 64 * 1024;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, content type and text of each file of the page.
const ASSETS: [(&str, &str, &str); 7] = [
    ("/", HTML, include_str!("page.html")),
    ("/page.css", CSS, include_str!("page.css")),
    ("/page.js", JS, include_str!("page.js")),
    ("/dom.js", JS, include_str!("dom.js")),
    ("/contacts.js", JS, include_str!("contacts.js")),
    ("/activity.js", JS, include_str!("activity.js")),
    ("/icon.svg", SVG, include_str!("icon.svg")),
];

/// What the page shows and can do. It is called on the server's threads, so nothing here may wait for long.
///
/// An `Err` is a sentence for the user: the page shows it as it is.
pub trait Backend: Send + Sync + 'static {
    /// Everything at this moment. Asked for a few times a second.
    fn view(&self) -> View;

    /// A number that changes whenever the view may have changed.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Ticks or clears the venue's flag of a contact, as staff do in HubSpot.
    ///
    /// # Errors
    /// There is no such contact or venue, or the venue has no flag.
    fn set_flag(&self, contact: &str, venue: &str, value: bool) -> Result<(), String>;

    /// Starts a run of the venue's function, and doesn't wait for it.
    ///
    /// # Errors
    /// There is no such venue, or nothing is deployed for it.
    fn run_now(&self, venue: &str) -> Result<(), String>;

    /// Adds a contact, and gives its id.
    ///
    /// # Errors
    /// The portal refuses it.
    fn add_contact(&self, contact: NewContact) -> Result<String, String>;
}

/// Listens on 127.0.0.1: on `port`, or the next free one of the ten that follow, or any.
///
/// # Errors
/// No port of 127.0.0.1 can be had.
pub async fn bind(port: u16) -> io::Result<TcpListener> {
    for port in port..=port.saturating_add(10) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// Serves the page until `shutdown` is cancelled. Open event streams end then, and other requests have a second.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, backend: Arc<dyn Backend>, shutdown: CancellationToken) -> io::Result<()> {
    let guard = Arc::new(guard::Guard::new(listener.local_addr()?.port()));
    let mut router = Router::new()
        .route("/api/view", get(view))
        .route("/api/events", get(events))
        .route("/api/contacts", post(add_contact))
        .route("/api/contacts/{id}/flag", post(set_flag))
        .route("/api/venues/{venue}/run", post(run_now));
    for (path, content_type, text) in ASSETS {
        router = router.route(path, get(move || async move { ([(CONTENT_TYPE, content_type)], text) }));
    }
    let router = router
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this address doesn't take that method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .with_state(Shared { backend, shutdown: shutdown.clone() });
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        ended = async { server.await } => ended,
        () = overdue => Ok(()),
    }
}

#[derive(Clone)]
struct Shared {
    backend: Arc<dyn Backend>,
    shutdown: CancellationToken,
}

/// A request that isn't done, and why.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.error }))).into_response()
    }
}

/// The backend understood, and says no.
impl From<String> for Refusal {
    fn from(error: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }
}

async fn view(State(shared): State<Shared>) -> Json<View> {
    Json(shared.backend.view())
}

async fn events(State(shared): State<Shared>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ended = shared.shutdown.clone().cancelled_owned();
    let mut changes = shared.backend.changes();
    // A page that has just connected has nothing yet.
    changes.mark_changed();
    let views = stream::unfold((shared, changes, Instant::now()), |(shared, mut changes, not_before)| async move {
        tokio::time::sleep_until(not_before).await;
        changes.changed().await.ok()?;
        // Taken as seen before the view is made: what changes in between is sent again rather than lost.
        changes.borrow_and_update();
        let event = Event::default().event("view").json_data(shared.backend.view()).ok()?;
        Some((Ok(event), (shared, changes, Instant::now() + EVENT_GAP)))
    });
    Sse::new(views.take_until(ended)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// The body of a flag's request.
#[derive(Debug, Deserialize)]
struct Flag {
    venue: String,
    value: bool,
}

async fn set_flag(
    State(shared): State<Shared>,
    Path(contact): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<serde_json::Value>, Refusal> {
    let flag: Flag = read(body)?;
    shared.backend.set_flag(&contact, &flag.venue, flag.value)?;
    Ok(Json(serde_json::json!({})))
}

async fn run_now(
    State(shared): State<Shared>,
    Path(venue): Path<String>,
) -> Result<(StatusCode, Json<serde_json::Value>), Refusal> {
    shared.backend.run_now(&venue)?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({}))))
}

async fn add_contact(
    State(shared): State<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<serde_json::Value>), Refusal> {
    let id = shared.backend.add_contact(read(body)?)?;
    Ok((StatusCode::CREATED, Json(serde_json::json!({ "id": id }))))
}

/// The answer goes to who wrote the body, so serde's words, which can hold a part of it, are right.
fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let body = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the body can't be read: {error}")))
}
