//! Request bodies, parsed as strictly as their published schemas say, and contacts as JSON.

use serde_json::{Map, Value, json};

use super::error::HubSpotRefusal;
use super::state::{PortalState, PropertyValues, SandboxContact};
use crate::clock::format_iso;
use crate::front::ReceivedRequest;

/// A JSON object in a request body.
#[derive(Debug)]
pub(super) struct HubSpotBody(Map<String, Value>);

impl HubSpotBody {
    pub(super) fn from_request(request: &ReceivedRequest) -> Result<Self, HubSpotRefusal> {
        let media_type = request.header_text("content-type").unwrap_or_default();
        if !media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            let message = format!("Unsupported media type \"{media_type}\": the body has to be application/json");
            return Err(HubSpotRefusal::new(415, "UNSUPPORTED_MEDIA_TYPE", message));
        }
        let body = serde_json::from_slice(&request.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            HubSpotRefusal::invalid_request(format!("Invalid input JSON on line {line}, column {column}: {error}"))
        })?;
        Self::from_value(body)
    }

    pub(super) fn from_value(value: Value) -> Result<Self, HubSpotRefusal> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            other => Err(wrong_type("object", &other)),
        }
    }

    /// Refuses a body that lacks one of these members.
    pub(super) fn require_members(&self, names: &[&str]) -> Result<(), HubSpotRefusal> {
        let missing: Vec<&str> = names.iter().copied().filter(|name| self.get(name).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        Err(HubSpotRefusal::invalid_request(format!(
            "Invalid input JSON on line 1, column 1. Some required fields were not set: [{missing}]"
        )))
    }

    /// A member that is present and isn't `null`.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&str, HubSpotRefusal> {
        self.require_members(&[name])?;
        Ok(self.optional_text(name)?.unwrap_or_default())
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, HubSpotRefusal> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| wrong_type("string", value))).transpose()
    }

    pub(super) fn optional_flag(&self, name: &str) -> Result<Option<bool>, HubSpotRefusal> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| wrong_type("boolean", value))).transpose()
    }

    pub(super) fn optional_number(&self, name: &str) -> Result<Option<i64>, HubSpotRefusal> {
        self.get(name).map(|value| value.as_i64().ok_or_else(|| wrong_type("integer", value))).transpose()
    }

    /// A required list.
    pub(super) fn required_list(&self, name: &str) -> Result<&[Value], HubSpotRefusal> {
        self.require_members(&[name])?;
        self.optional_list(name)
    }

    /// An optional list; empty if it is missing.
    pub(super) fn optional_list(&self, name: &str) -> Result<&[Value], HubSpotRefusal> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(other) => Err(wrong_type("array", other)),
        }
    }

    pub(super) fn optional_texts(&self, name: &str) -> Result<Vec<String>, HubSpotRefusal> {
        let texts = self.optional_list(name)?.iter().map(|value| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong_type("string", other)),
        });
        texts.collect()
    }

    /// The member `properties`: an object whose values are strings.
    pub(super) fn required_properties(&self) -> Result<PropertyValues, HubSpotRefusal> {
        self.require_members(&["properties"])?;
        let members = match self.get("properties") {
            Some(Value::Object(members)) => members,
            other => return Err(wrong_type("object", other.unwrap_or(&Value::Null))),
        };
        let properties = members.iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            other => Err(wrong_type("string", other)),
        });
        properties.collect()
    }
}

pub(super) fn wrong_type(wanted: &str, found: &Value) -> HubSpotRefusal {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    HubSpotRefusal::invalid_request(format!(
        "Invalid input JSON on line 1, column 1: Cannot deserialize value of type `{wanted}` from {found}"
    ))
}

/// A contact with the requested properties: those without a value are `null`, unknown ones are left out. Three are
/// always included; `otherwise` is included if none are requested.
pub(super) fn contact_json(
    state: &PortalState,
    contact: &SandboxContact,
    asked: &[String],
    otherwise: &[&str],
) -> Value {
    let always = ["createdate", "hs_object_id", "lastmodifieddate"];
    let asked: Vec<&str> = match asked {
        [] => otherwise.to_vec(),
        asked => asked.iter().map(String::as_str).collect(),
    };
    let mut names: Vec<&str> = always.into_iter().chain(asked).collect();
    names.sort_unstable();
    names.dedup();
    let known = names.into_iter().filter(|name| state.property_definition(name).is_some());
    let properties = known.map(|name| (name.to_owned(), json!(contact.properties.get(name))));
    json!({
        "id": contact.id.to_string(),
        "properties": properties.collect::<Map<_, _>>(),
        "createdAt": format_iso(contact.created_at),
        "updatedAt": format_iso(contact.updated_at),
        "archived": false,
    })
}

/// The properties that a list, a search and a single read return if none are requested.
pub(super) const DEFAULT_PROPERTIES: [&str; 6] =
    ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"];
