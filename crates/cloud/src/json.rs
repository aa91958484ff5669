//! Reads a JSON request body member by member, with AWS's errors for missing members and wrong types.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ApiError;

/// A JSON object from a request.
#[derive(Debug, Clone)]
pub struct JsonBody {
    members: Map<String, Value>,
}

impl JsonBody {
    /// Parses a body. An empty body is an empty object.
    ///
    /// # Errors
    /// `SerializationException` if the body is not a JSON object.
    pub fn parse_body(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self { members: Map::new() });
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { members }),
            _ => Err(ApiError::bad_request("SerializationException", "The body of the request is not a JSON object.")),
        }
    }

    /// All members.
    pub fn into_value(self) -> Value {
        Value::Object(self.members)
    }

    /// The object inside `value`; empty if `value` is not an object.
    pub fn from_value(value: &Value) -> Self {
        Self { members: value.as_object().cloned().unwrap_or_default() }
    }

    /// A member, unless it is null.
    pub fn member_value(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A member's string.
    pub fn member_text(&self, name: &str) -> Option<&str> {
        self.member_value(name).and_then(Value::as_str)
    }

    /// A member's string, which must be present and not empty.
    ///
    /// # Errors
    /// `ValidationException` with AWS's message.
    pub fn required_text(&self, name: &str) -> Result<&str, ApiError> {
        self.member_text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            let mut member = name.to_owned();
            if let Some(first) = member.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            ApiError::validation_error(format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// A member's integer.
    pub fn member_integer(&self, name: &str) -> Option<i64> {
        self.member_value(name).and_then(Value::as_i64)
    }

    /// A member's boolean; false if it is missing.
    pub fn member_flag(&self, name: &str) -> bool {
        self.member_value(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The elements of a list.
    pub fn member_list(&self, name: &str) -> &[Value] {
        self.member_value(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// The strings of a list.
    pub fn member_texts(&self, name: &str) -> Vec<String> {
        self.member_list(name).iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }

    /// An object with string values (`{"key": "value"}`).
    pub fn member_map(&self, name: &str) -> BTreeMap<String, String> {
        let members = self.member_value(name).and_then(Value::as_object);
        let texts = members.into_iter().flatten();
        texts.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// Tags as a list of `{"Key", "Value"}`.
    pub fn member_tags(&self, name: &str) -> BTreeMap<String, String> {
        let pairs = self.member_list(name).iter().filter_map(|tag| {
            Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value").and_then(Value::as_str)?.to_owned()))
        });
        pairs.collect()
    }
}

/// Tags as a list of `{"Key", "Value"}`.
pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({ "Key": key, "Value": value })).collect()
}
