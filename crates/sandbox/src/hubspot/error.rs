//! HubSpot's refusals, in the shape in which its API returns them.
//!
//! <https://developers.hubspot.com/docs/api-reference/error-handling>

use std::fmt;

use serde_json::{Map, Value, json};

/// Why HubSpot refuses a request.
#[derive(Debug, Clone, PartialEq)]
pub struct HubSpotRefusal {
    /// The HTTP status of the response.
    pub status: u16,
    /// `VALIDATION_ERROR`, `OBJECT_NOT_FOUND`, `CONFLICT`, …
    pub category: &'static str,
    pub message: String,
    /// Names with their values, for programs to read.
    pub context: Vec<(&'static str, Vec<String>)>,
    /// The individual errors, where there can be several.
    pub errors: Vec<Value>,
    /// The rate limit that was reached.
    pub policy: Option<&'static str>,
}

impl HubSpotRefusal {
    pub(super) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self { status, category, message: message.into(), context: Vec::new(), errors: Vec::new(), policy: None }
    }

    /// The request is invalid.
    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    /// Nothing has this name or id.
    pub(super) fn not_found() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub(super) fn with_context(mut self, name: &'static str, values: Vec<String>) -> Self {
        self.context.push((name, values));
        self
    }

    /// The members that an error response and an error within a batch have in common.
    pub(super) fn body_members(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("status".to_owned(), json!("error"));
        body.insert("category".to_owned(), json!(self.category));
        body.insert("message".to_owned(), json!(self.message));
        if self.status == 488 {
            // This refusal comes from a server in front of the API and has no context: what it names is a member.
            let named = self.context.iter().filter_map(|(name, values)| Some((name, values.first()?)));
            body.extend(named.map(|(name, value)| ((*name).to_owned(), json!(value))));
        } else if !self.context.is_empty() {
            let context = self.context.iter().map(|(name, values)| ((*name).to_owned(), json!(values)));
            body.insert("context".to_owned(), Value::Object(context.collect()));
        }
        if !self.errors.is_empty() {
            body.insert("errors".to_owned(), json!(self.errors));
        }
        if let Some(policy) = self.policy {
            body.insert("errorType".to_owned(), json!("RATE_LIMIT"));
            body.insert("policyName".to_owned(), json!(policy));
        }
        body
    }
}

impl fmt::Display for HubSpotRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.category, self.message)
    }
}

impl std::error::Error for HubSpotRefusal {}
