//! The page of `deployer dev`, and the small server behind it.
//!
//! The page gets a complete [`PageView`] whenever something changes, and works out what to redraw. That gives it a single
//! source of truth, and a page that was suspended for an hour is up to date with the next event. `guard` decides which
//! requests are served. The page, its scripts and its styles are files next to this one, compiled in: nothing is loaded
//! from elsewhere.
//!
//! | route | does |
//! | --- | --- |
//! | `GET /`, `/page.css`, `/*.js`, `/icon.svg` | the page |
//! | `GET /api/view` | the [`PageView`] as JSON |
//! | `GET /api/events` | server-sent events named `view`, each a complete [`PageView`] |
//! | `GET /api/contacts/{id}` | the [`ContactDetails`] of one contact |
//! | `POST /api/contacts` | adds a [`NewContact`]; 201 with its `id`, or 422 with a [`ContactRefusal`] |
//! | `POST /api/contacts/{id}/flag` | `{"venue", "value"}`: sets or clears a flag |
//! | `POST /api/venues/{venue}/run` | starts a run; 202 |
//! | `POST /api/faults/{key}` | `{"on"}`: switches a fault on or off |
//!
//! Refusals are `{"error"}` with 4xx. A refusal because of the Host header is plain text, since the browser shows it to
//! the user.

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
    Addresses, AlarmCauseView, AlarmMessageView, AlarmsView, BlockerView, ContactCell, ContactDetails, ContactRefusal,
    ContactVenue, ContactView, FaultView, FormField, LeadView, ManifestEdit, ManifestEditOutcome, NewContact, PageView,
    PropertyChange, PropertyValue, RunOutcome, RunView, SyncStatus, VenueAlarmState, VenueAlarmView, VenueCounts,
    VenueView, VenueViewStatus,
};

/// The shortest time between two events to one page. Sending more would not look smoother.
const EVENT_GAP: Duration = Duration::from_millis(100);

/// Some proxies and security software cut connections that stay silent for long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long open requests may take to finish at shutdown. A suspended page holds its connection forever.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// Maximum size of a request body, in bytes. The largest is a new contact, whose values HubSpot limits, not we.
const MAX_BODY: usize = 1024 * 1024;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, content type and text of each file of the page.
const ASSETS: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("page.html")),
    ("/page.css", CSS, include_str!("page.css")),
    ("/page.js", JS, include_str!("page.js")),
    ("/dom.js", JS, include_str!("dom.js")),
    ("/contacts.js", JS, include_str!("contacts.js")),
    ("/activity.js", JS, include_str!("activity.js")),
    ("/details.js", JS, include_str!("details.js")),
    ("/alarms.js", JS, include_str!("alarms.js")),
    ("/faults.js", JS, include_str!("faults.js")),
    ("/icon.svg", SVG, include_str!("icon.svg")),
];

/// What the page shows and can do. It is called on the server's threads, so nothing here may block for long.
///
/// An `Err` is a message for the user. The page shows it as it is.
pub trait PageBackend: Send + Sync + 'static {
    /// Everything the page shows at this moment. Called up to ten times a second for each page.
    fn current_view(&self) -> PageView;

    /// A counter that changes whenever the view may have changed.
    fn watch_changes(&self) -> watch::Receiver<u64>;

    /// Sets or clears a contact's flag for a venue, as staff do in HubSpot.
    ///
    /// # Errors
    /// There is no such contact or venue, or the venue has no flag.
    fn set_flag(&self, contact: &str, venue: &str, value: bool) -> Result<(), String>;

    /// Starts a run of the venue's function without waiting for it.
    ///
    /// # Errors
    /// There is no such venue, nothing is deployed for it, or it is running already.
    fn run_now(&self, venue: &str) -> Result<(), String>;

    /// Adds a contact and returns its id.
    ///
    /// # Errors
    /// The portal refuses it.
    fn add_contact(&self, contact: NewContact) -> Result<String, ContactRefusal>;

    /// What is known about a contact; `None` if there is no such contact.
    fn find_details(&self, contact: &str) -> Option<ContactDetails>;

    /// Switches a fault on or off.
    ///
    /// # Errors
    /// There is no such fault.
    fn switch_fault(&self, key: &str, on: bool) -> Result<(), String>;
}

/// Listens on 127.0.0.1: on `port`, on the first free one of the ten after it, or on any free port.
///
/// # Errors
/// No port of 127.0.0.1 is available.
pub async fn bind_port(port: u16) -> io::Result<TcpListener> {
    for port in port..=port.saturating_add(10) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// Serves the page until `shutdown` is canceled. Open event streams end then, and other requests get one second to
/// finish.
///
/// # Errors
/// The listener failed.
pub async fn serve_page(
    listener: TcpListener,
    backend: Arc<dyn PageBackend>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let guard = Arc::new(loopback::LoopbackGuard::for_page(listener.local_addr()?.port()));
    let mut router = Router::new()
        .route("/api/view", get(get_view))
        .route("/api/events", get(stream_events))
        .route("/api/contacts", post(add_contact))
        .route("/api/contacts/{id}", get(get_details))
        .route("/api/contacts/{id}/flag", post(set_flag))
        .route("/api/faults/{key}", post(switch_fault))
        .route("/api/venues/{venue}/run", post(run_now));
    for (path, content_type, text) in ASSETS {
        router = router.route(path, get(move || async move { ([(CONTENT_TYPE, content_type)], text) }));
    }
    let router = router
        .fallback(async || PageRefusal::new(StatusCode::NOT_FOUND, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            PageRefusal::new(StatusCode::METHOD_NOT_ALLOWED, "this address doesn't support that method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(guard, guard::guard_request))
        .with_state(PageState { backend, shutdown: shutdown.clone() });
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
struct PageState {
    backend: Arc<dyn PageBackend>,
    shutdown: CancellationToken,
}

/// The refusal of a request, and the reason.
#[derive(Debug)]
struct PageRefusal {
    status: StatusCode,
    error: String,
}

impl PageRefusal {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }
}

impl IntoResponse for PageRefusal {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.error }))).into_response()
    }
}

/// The backend understood the request and refused it.
impl From<String> for PageRefusal {
    fn from(error: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }
}

async fn get_view(State(shared): State<PageState>) -> Json<PageView> {
    Json(shared.backend.current_view())
}

async fn stream_events(State(shared): State<PageState>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ended = shared.shutdown.clone().cancelled_owned();
    let mut changes = shared.backend.watch_changes();
    // A page that has just connected has no view yet.
    changes.mark_changed();
    let views = stream::unfold((shared, changes, Instant::now()), |(shared, mut changes, not_before)| async move {
        tokio::time::sleep_until(not_before).await;
        changes.changed().await.ok()?;
        // Marked as seen before the view is built, so that a change in between is sent again rather than lost.
        changes.borrow_and_update();
        let event = Event::default().event("view").json_data(shared.backend.current_view()).ok()?;
        Some((Ok(event), (shared, changes, Instant::now() + EVENT_GAP)))
    });
    Sse::new(views.take_until(ended)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// The body of a request to set or clear a flag.
#[derive(Debug, Deserialize)]
struct FlagRequest {
    venue: String,
    value: bool,
}

async fn set_flag(
    State(shared): State<PageState>,
    Path(contact): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<serde_json::Value>, PageRefusal> {
    let flag: FlagRequest = parse_body(body)?;
    shared.backend.set_flag(&contact, &flag.venue, flag.value)?;
    Ok(Json(serde_json::json!({})))
}

async fn run_now(
    State(shared): State<PageState>,
    Path(venue): Path<String>,
) -> Result<(StatusCode, Json<serde_json::Value>), PageRefusal> {
    shared.backend.run_now(&venue)?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({}))))
}

async fn add_contact(
    State(shared): State<PageState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageRefusal> {
    Ok(match shared.backend.add_contact(parse_body(body)?) {
        Ok(id) => (StatusCode::CREATED, Json(serde_json::json!({ "id": id }))).into_response(),
        Err(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, Json(refusal)).into_response(),
    })
}

async fn get_details(
    State(shared): State<PageState>,
    Path(contact): Path<String>,
) -> Result<Json<ContactDetails>, PageRefusal> {
    let details = shared.backend.find_details(&contact);
    details.map(Json).ok_or_else(|| PageRefusal::new(StatusCode::NOT_FOUND, format!("there is no contact {contact}")))
}

/// The body of a request to switch a fault.
#[derive(Debug, Deserialize)]
struct FaultRequest {
    on: bool,
}

async fn switch_fault(
    State(shared): State<PageState>,
    Path(key): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<serde_json::Value>, PageRefusal> {
    let fault: FaultRequest = parse_body(body)?;
    shared.backend.switch_fault(&key, fault.on)?;
    Ok(Json(serde_json::json!({})))
}

/// The response goes to the author of the body, so it may include serde's message, which can quote the body.
fn parse_body<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, PageRefusal> {
    let body = body.map_err(|error| PageRefusal::new(error.status(), error.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|error| PageRefusal::new(StatusCode::BAD_REQUEST, format!("could not parse the body: {error}")))
}
