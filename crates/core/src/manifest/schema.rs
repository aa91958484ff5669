//! The JSON Schema of a manifest, derived from the same description as the checks. `deployer schema` prints it for
//! editors.

use serde_json::{Map, Value as Json, json};

use super::format::TextFormat;
use super::key::{KIND, KeySpec, TableKeys, TableSpec, ValueSpec};
use super::keys::RootKeys;
use super::tags::MAX_TAGS;
use super::value::ScalarValue;

/// The schema, in JSON Schema draft 2020-12.
pub fn manifest_schema() -> Json {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("venues.toml of deployer"));
    schema.extend(table_schema(RootKeys::SPEC, None));
    Json::Object(schema)
}

/// `kind` is the value that the table's `kind` key must have, if this is one of several alternative tables.
fn table_schema(description: &TableSpec, kind: Option<&str>) -> Map<String, Json> {
    let mut properties = Map::new();
    for key in description.list_keys() {
        let value = match kind {
            Some(kind) if key.name == KIND.name => json!({ "description": key.doc, "const": kind }),
            _ => key_schema(key),
        };
        properties.insert(key.name.into(), value);
    }
    let required: Vec<&str> = description.list_keys().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("description".into(), json!(description.doc));
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Json::Object(properties));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema.insert("additionalProperties".into(), json!(false));
    schema
}

fn key_schema(key: &KeySpec) -> Json {
    let mut schema = match &key.value {
        ValueSpec::Text(format) => {
            let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
            if let Some(pattern) = format.json_pattern() {
                schema.insert("pattern".into(), json!(pattern));
            }
            schema
        }
        ValueSpec::OneOf(words) => into_object(json!({ "enum": words })),
        ValueSpec::NumberOrWord(words) => {
            let scalar = |word: &&str| word.parse::<i64>().map_or_else(|_| json!(word), |number| json!(number));
            into_object(json!({ "enum": words.iter().map(scalar).collect::<Vec<Json>>() }))
        }
        ValueSpec::Integer { min, max } if *max == i64::MAX => {
            into_object(json!({ "type": "integer", "minimum": min }))
        }
        ValueSpec::Integer { min, max } => into_object(json!({ "type": "integer", "minimum": min, "maximum": max })),
        ValueSpec::IntegerOneOf(numbers) => into_object(json!({ "enum": numbers })),
        ValueSpec::Bool => into_object(json!({ "type": "boolean" })),
        ValueSpec::Date => into_object(json!({ "type": "string", "format": "date" })),
        ValueSpec::Table(description) => table_schema(description, None),
        ValueSpec::Named(description) => into_object(json!({
            "type": "object",
            "propertyNames": { "pattern": TextFormat::Name.json_pattern() },
            "additionalProperties": table_schema(description, None),
        })),
        ValueSpec::Kinds(kinds) => {
            let kinds: Vec<Map<String, Json>> =
                kinds.iter().map(|(kind, fields)| table_schema(fields, Some(kind))).collect();
            into_object(json!({ "type": "object", "required": [KIND.name], "oneOf": kinds }))
        }
        ValueSpec::Mapping => into_object(json!({
            "type": "object",
            "additionalProperties": { "type": "string", "minLength": 1 },
            "examples": [{ "additional_information": "message", "event_description": "event_type:label" }],
        })),
        ValueSpec::Texts { format, most } => into_object(json!({
            "type": "array",
            "minItems": 1,
            "maxItems": most,
            "items": { "type": "string", "pattern": format.json_pattern() },
            "examples": [[format.example_id()]],
        })),
        ValueSpec::Tags => into_object(json!({
            "type": "object",
            "maxProperties": MAX_TAGS,
            "propertyNames": { "minLength": 1, "maxLength": 128 },
            "additionalProperties": { "type": "string", "maxLength": 256 },
            "examples": [{ "CostCenter": "4711", "Team": "operations" }],
        })),
    };
    schema.insert("description".into(), json!(key.doc));
    if let Some(default) = key.default {
        schema.insert("default".into(), scalar_json(default));
    }
    if let Some(example) = key.example {
        schema.insert("examples".into(), json!([scalar_json(example)]));
    }
    Json::Object(schema)
}

fn scalar_json(value: ScalarValue<'_>) -> Json {
    match value {
        ScalarValue::Text(text) => json!(text),
        ScalarValue::Integer(number) => json!(number),
        ScalarValue::Bool(value) => json!(value),
        ScalarValue::Date(date) => json!(date.to_string()),
    }
}

fn into_object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(object) => object,
        _ => Map::new(),
    }
}
