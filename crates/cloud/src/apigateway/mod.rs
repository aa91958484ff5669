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
use serde_json::{Value, json};

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, ListPage};

pub use domains::{ApiMapping, StoredDomain};
pub use http_api::StoredHttpApi;
pub use rest::{RestResource, StoredRestApi};

/// The characters of an id.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
/// The default and the maximum page size.
const PAGE: (i64, usize) = (25, 500);

stored_parts! {
    /// The APIs of a region.
    pub struct ApiGatewayState {
        /// REST APIs by id.
        pub rest: StoredTable<StoredRestApi>,
        /// HTTP and WebSocket APIs by id.
        pub http: StoredTable<StoredHttpApi>,
        /// Domain names of both kinds of APIs, by name.
        pub domains: StoredTable<StoredDomain>,
    }
}

/// One request, with the segments of its path without `v2`.
struct ApiGatewayCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    request: &'a CloudRequest,
    parts: Vec<String>,
    second: bool,
}

impl ApiGatewayCall<'_, '_> {
    /// A segment of the path; empty if there is none.
    fn path_part(&self, at: usize) -> &str {
        self.parts.get(at).map_or("", String::as_str)
    }

    fn gateway_state(&self) -> &ApiGatewayState {
        &self.cx.region_state().apigateway
    }

    fn gateway_state_mut(&mut self) -> &mut ApiGatewayState {
        &mut self.cx.region_state_mut().apigateway
    }

    fn json_body(&self) -> Result<super::JsonBody, ApiError> {
        super::JsonBody::parse_body(&self.request.body)
    }

    /// The members of the request's body.
    fn request_members(&self) -> Result<Value, ApiError> {
        self.json_body().map(super::JsonBody::into_value)
    }

    fn random_id(&mut self, length: usize) -> String {
        self.cx.random_text(LETTERS, length)
    }

    /// One page of a list sorted by its keys, in the form of the request's interface.
    fn list_answer(&self, entries: impl IntoIterator<Item = (String, Value)>) -> Result<CloudAnswer, ApiError> {
        let names = if self.second { ("maxResults", "nextToken", "items") } else { ("limit", "position", "item") };
        let asked = self.request.query_value(names.0).and_then(|size| size.parse().ok()).unwrap_or(PAGE.0);
        let size = self.cx.page_size(Some(asked), PAGE.1);
        let page = ListPage::from_items(
            entries,
            |(key, _)| key.clone(),
            self.request.query_value(names.1),
            size,
            || bad_request("Invalid position parameter"),
        )?;
        let items: Vec<Value> = page.items.into_iter().map(|(_, item)| item).collect();
        let mut answer = json!({ names.2: items });
        if let Some(next) = page.next {
            answer[names.1] = json!(next);
        }
        Ok(CloudAnswer::from_rest_json(200, &answer))
    }
}

/// Whether a path belongs to the second interface, and its segments.
fn split_path(request: &CloudRequest) -> (bool, Vec<String>) {
    let mut parts = request.path_segments();
    let second = parts.first().is_some_and(|first| first == "v2");
    if second {
        parts.remove(0);
    }
    (second, parts)
}

/// The operation of a request, by its method and path.
pub(super) fn operation_name(request: &CloudRequest) -> Option<String> {
    let (second, parts) = split_path(request);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let of = match parts.as_slice() {
        ["tags", _] if request.method == Method::GET => Some("GetTags".to_owned()),
        ["tags", _] if request.method == Method::DELETE => Some("UntagResource".to_owned()),
        ["tags", _] => Some("TagResource".to_owned()),
        _ => None,
    };
    of.or_else(|| domains::domain_operation_name(&request.method, &parts)).or_else(|| {
        if second {
            http_api::http_api_operation_name(&request.method, &parts)
        } else {
            rest::rest_operation_name(request, &parts)
        }
    })
}

/// The resource named in a request's path.
pub(super) fn resource_name(request: &CloudRequest) -> String {
    split_path(request).1.join("/")
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let (second, parts) = split_path(request);
    let mut call = ApiGatewayCall { cx, request, parts, second };
    let answer = match call.path_part(0) {
        "tags" => tags::handle_tag_request(&mut call, operation),
        "domainnames" => domains::handle_domain_request(&mut call, operation),
        _ if second => http_api::handle_http_api_request(&mut call, operation),
        _ => rest::handle_rest_request(&mut call, operation),
    };
    answer.map(HandlerOutcome::from)
}

/// The operation of a method in a table.
fn operation_by_method(method: &Method, table: &[(Method, &'static str)]) -> Option<&'static str> {
    table.iter().find(|(verb, _)| verb == method).map(|(_, name)| *name)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "NotFoundException", message)
}

fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("BadRequestException", message)
}

fn conflict_error(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "ConflictException", message)
}

/// Copies the members of `from` that aren't null.
fn merge_members(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        if !value.is_null() {
            into[name] = value.clone();
        }
    }
}

/// The tags in a resource's member `tags`.
fn tags_of(value: &Value) -> BTreeMap<String, String> {
    super::JsonBody::from_value(value).member_map("tags")
}
