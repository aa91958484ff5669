//! Amazon API Gateway: REST APIs (`rest`), HTTP and WebSocket APIs (`http_api`), and the domain names of both.
//!
//! The embedded cloud stores and describes APIs, but doesn't serve them. They are stored in the form in which they are
//! returned.
//! <https://docs.aws.amazon.com/apigateway/latest/api/>,
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/>

mod domains;
mod http_api;
mod openapi;
mod rest;
mod tags;

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, ApiError, Context, Handled, Page, Request};

pub use domains::{ApiMapping, Domain};
pub use http_api::HttpApi;
pub use rest::{Resource, RestApi};

/// The characters of an id.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
/// The default and the maximum page size.
const PAGE: (i64, usize) = (25, 500);

/// The APIs of a region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// REST APIs by id.
    pub rest: BTreeMap<String, RestApi>,
    /// HTTP and WebSocket APIs by id.
    pub http: BTreeMap<String, HttpApi>,
    /// Domain names of both kinds of APIs, by name.
    pub domains: BTreeMap<String, Domain>,
}

/// One request, with the segments of its path without `v2`.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    request: &'a Request,
    parts: Vec<String>,
    second: bool,
}

impl Call<'_, '_> {
    /// A segment of the path; empty if there is none.
    fn part(&self, at: usize) -> &str {
        self.parts.get(at).map_or("", String::as_str)
    }

    fn state(&self) -> &State {
        &self.cx.regional().apigateway
    }

    fn state_mut(&mut self) -> &mut State {
        &mut self.cx.regional_mut().apigateway
    }

    fn body(&self) -> Result<super::Json, ApiError> {
        super::Json::parse(&self.request.body)
    }

    fn id(&mut self, length: usize) -> String {
        self.cx.random(LETTERS, length)
    }

    /// One page of a list sorted by its keys, in the form of the request's interface.
    fn listed(&self, entries: impl IntoIterator<Item = (String, Value)>) -> Result<Answer, ApiError> {
        let names = if self.second { ("maxResults", "nextToken", "items") } else { ("limit", "position", "item") };
        let asked = self.request.query(names.0).and_then(|size| size.parse().ok()).unwrap_or(PAGE.0);
        let size = self.cx.page_size(Some(asked), PAGE.1);
        let page = Page::of(
            entries,
            |(key, _)| key.clone(),
            self.request.query(names.1),
            size,
            || bad("Invalid position parameter"),
        )?;
        let items: Vec<Value> = page.items.into_iter().map(|(_, item)| item).collect();
        let mut answer = json!({ names.2: items });
        if let Some(next) = page.next {
            answer[names.1] = json!(next);
        }
        Ok(Answer::rest(200, &answer))
    }
}

/// Whether a path belongs to the second interface, and its segments.
fn parts(request: &Request) -> (bool, Vec<String>) {
    let mut parts = request.segments();
    let second = parts.first().is_some_and(|first| first == "v2");
    if second {
        parts.remove(0);
    }
    (second, parts)
}

/// The operation of a request, by its method and path.
pub(super) fn operation(request: &Request) -> Option<String> {
    let (second, parts) = parts(request);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let of = match parts.as_slice() {
        ["tags", _] if request.method == Method::GET => Some("GetTags".to_owned()),
        ["tags", _] if request.method == Method::DELETE => Some("UntagResource".to_owned()),
        ["tags", _] => Some("TagResource".to_owned()),
        _ => None,
    };
    of.or_else(|| domains::operation(&request.method, &parts)).or_else(|| {
        if second { http_api::operation(&request.method, &parts) } else { rest::operation(request, &parts) }
    })
}

/// The resource named in a request's path.
pub(super) fn resource(request: &Request) -> String {
    parts(request).1.join("/")
}

pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let (second, parts) = parts(request);
    let mut call = Call { cx, request, parts, second };
    let answer = match call.part(0) {
        "tags" => tags::handle(&mut call, operation),
        "domainnames" => domains::handle(&mut call, operation),
        _ if second => http_api::handle(&mut call, operation),
        _ => rest::handle(&mut call, operation),
    };
    answer.map(Handled::from)
}

/// The operation of a method in a table.
fn by(method: &Method, table: &[(Method, &'static str)]) -> Option<&'static str> {
    table.iter().find(|(verb, _)| verb == method).map(|(_, name)| *name)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "NotFoundException", message)
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad("BadRequestException", message)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "ConflictException", message)
}

/// Copies the members of `from` that aren't null.
fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        if !value.is_null() {
            into[name] = value.clone();
        }
    }
}

/// The tags in a resource's member `tags`.
fn tags_of(value: &Value) -> BTreeMap<String, String> {
    super::Json::of(value).map("tags")
}
