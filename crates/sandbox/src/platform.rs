//! A sandbox for `http` destinations: a platform that accepts any JSON record, once per `Idempotency-Key`, and can look
//! it up again. Its responses have the shape that the venue's JSON pointers expect.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Map, Value, json};
use sync_config::config::{HttpAuth, HttpDestination};
use tokio::sync::watch;

use super::SandboxClock;

/// Where the response to a created record has the id, if the venue doesn't say.
const ID_POINTER: &str = "/id";

/// A stored record.
#[derive(Debug, Clone, PartialEq)]
pub struct PlatformRecord {
    pub id: u64,
    /// The `Idempotency-Key` it was sent with.
    pub key: Option<String>,
    pub body: Value,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// The platform. Clones are cheap and share the same records.
#[derive(Debug, Clone)]
pub struct SandboxPlatform {
    inner: Arc<PlatformInner>,
}

#[derive(Debug)]
struct PlatformInner {
    clock: SandboxClock,
    accounts: Mutex<BTreeMap<String, PlatformAccount>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct PlatformAccount {
    settings: HttpDestination,
    credential: String,
    records: Vec<PlatformRecord>,
    /// Refuses every record with this status and body.
    refusal: Option<(u16, Value)>,
}

impl SandboxPlatform {
    /// Creates a platform without accounts.
    pub fn new(clock: SandboxClock) -> Self {
        let inner = PlatformInner { clock, accounts: Mutex::default(), changes: watch::Sender::new(0) };
        Self { inner: Arc::new(inner) }
    }

    /// Adds an account for a venue and returns the destination that points to it. `uri` is where the platform is
    /// served. An existing account gets these settings and keeps its records.
    pub fn add_account(&self, venue: &str, settings: &HttpDestination, credential: &str, uri: &str) -> HttpDestination {
        let mut accounts = self.lock_accounts();
        let former = accounts.remove(venue).map(|account| (account.records, account.refusal));
        let (records, refusal) = former.unwrap_or_default();
        let account =
            PlatformAccount { settings: settings.clone(), credential: credential.to_owned(), records, refusal };
        accounts.insert(venue.to_owned(), account);
        let records = format!("{uri}/{venue}/records");
        HttpDestination {
            lookup_url: settings.lookup_url.as_ref().map(|_| format!("{records}?key={{key}}")),
            url: records,
            ..settings.clone()
        }
    }

    /// A venue's records, oldest first.
    pub fn venue_records(&self, venue: &str) -> Vec<PlatformRecord> {
        self.lock_accounts().get(venue).map(|account| account.records.clone()).unwrap_or_default()
    }

    /// Refuses every record of a venue with this status and body; `None` accepts them again.
    pub fn refuse_records(&self, venue: &str, refusal: Option<(u16, Value)>) {
        if let Some(account) = self.lock_accounts().get_mut(venue) {
            account.refusal = refusal;
        }
    }

    /// A counter that grows with every record.
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// `POST` and `GET /{venue}/records`.
    pub fn api_router(&self) -> Router {
        Router::new().route("/{venue}/records", post(create_record).get(find_record)).with_state(self.clone())
    }

    fn lock_accounts(&self) -> MutexGuard<'_, BTreeMap<String, PlatformAccount>> {
        self.inner.accounts.lock()
    }
}

impl PlatformAccount {
    fn admits_request(&self, headers: &HeaderMap, query: &BTreeMap<String, String>) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let credential = self.credential.as_str();
        match &self.settings.auth {
            None => true,
            Some(HttpAuth::Bearer) => header("authorization") == Some(&format!("Bearer {credential}")),
            Some(HttpAuth::Basic) => header("authorization") == Some(&format!("Basic {}", STANDARD.encode(credential))),
            Some(HttpAuth::Header { name }) => header(name) == Some(credential),
            Some(HttpAuth::Query { name }) => query.get(name).map(String::as_str) == Some(credential),
        }
    }
}

async fn create_record(
    State(platform): State<SandboxPlatform>,
    Path(venue): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut accounts = platform.lock_accounts();
    let Some(account) = accounts.get_mut(&venue) else { return StatusCode::NOT_FOUND.into_response() };
    if !account.admits_request(&headers, &query) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "unknown credential" }))).into_response();
    }
    if let Some((status, body)) = &account.refusal {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
        return (status, Json(body.clone())).into_response();
    }
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let known = account.records.iter().find(|record| key.is_some() && record.key == key).map(|record| record.id);
    let id = known.unwrap_or_else(|| {
        let id = account.records.len() as u64 + 1;
        let created_ms = platform.inner.clock.now().as_millisecond();
        account.records.push(PlatformRecord { id, key, body, created_ms });
        platform.inner.changes.send_modify(|number| *number += 1);
        id
    });
    let mut answer = Value::Object(Map::new());
    if let Some(pointer) = &account.settings.success_pointer {
        set_pointer(&mut answer, pointer, Value::Bool(true));
    }
    set_pointer(&mut answer, account.settings.id_pointer.as_deref().unwrap_or(ID_POINTER), json!(id));
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn find_record(
    State(platform): State<SandboxPlatform>,
    Path(venue): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let accounts = platform.lock_accounts();
    let Some(account) = accounts.get(&venue) else { return StatusCode::NOT_FOUND.into_response() };
    if !account.admits_request(&headers, &query) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "unknown credential" }))).into_response();
    }
    let wanted = query.get("key");
    let found = account.records.iter().find(|record| wanted.is_some() && record.key.as_ref() == wanted);
    let pointer = account.settings.lookup_id_pointer.as_deref().unwrap_or(ID_POINTER);
    let mut answer = Value::Object(Map::new());
    set_pointer(&mut answer, pointer, found.map_or(Value::Null, |record| json!(record.id)));
    Json(answer).into_response()
}

/// Sets `value` at a JSON pointer (RFC 6901). Creates missing objects, and arrays where a segment is `0`.
fn set_pointer(at: &mut Value, pointer: &str, value: Value) {
    let Some(pointer) = pointer.strip_prefix('/') else {
        *at = value;
        return;
    };
    let (part, rest) = match pointer.split_once('/') {
        Some((part, rest)) => (part, format!("/{rest}")),
        None => (pointer, String::new()),
    };
    if part == "0" && !matches!(at, Value::Object(members) if !members.is_empty()) {
        if !at.is_array() {
            *at = json!([null]);
        }
        set_pointer(&mut at[0], &rest, value);
        return;
    }
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    set_pointer(&mut at[part.replace("~1", "/").replace("~0", "~")], &rest, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_have_the_requested_shape() {
        for pointer in ["/id", "/data/0/id", "/a~1b/c", "/data/id"] {
            let mut answer = Value::Object(Map::new());
            set_pointer(&mut answer, "/ok", Value::Bool(true));
            set_pointer(&mut answer, pointer, json!(7));
            assert_eq!(answer.pointer(pointer), Some(&json!(7)), "{answer}");
            assert_eq!(answer["ok"], true);
        }
    }
}
