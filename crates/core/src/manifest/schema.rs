//! The JSON Schema of a manifest, derived from the same description as the checks. `deployer schema` prints it for
//! editors.

use serde_json::{Map, Value as Json, json};

use super::format::Format;
use super::keys::{Key, Literal, ROOT, Table, Value};
use super::mapping::TRIPLESEAT_LEAD_FIELDS;

/// The schema, in JSON Schema draft 2020-12.
pub fn schema() -> Json {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("venues.toml of deployer"));
    schema.extend(table(&ROOT, None));
    Json::Object(schema)
}

/// `kind` is the value that the table's `kind` key must have, if this is one of several alternative tables.
fn table(description: &Table, kind: Option<&str>) -> Map<String, Json> {
    let mut properties = Map::new();
    for key in description.keys {
        let value = match kind {
            Some(kind) if key.name == "kind" => json!({ "description": key.doc, "const": kind }),
            _ => property(key),
        };
        properties.insert(key.name.into(), value);
    }
    let required: Vec<&str> = description.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
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

fn property(key: &Key) -> Json {
    let mut schema = match &key.value {
        Value::Text(format) => {
            let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
            if let Some(pattern) = format.pattern() {
                schema.insert("pattern".into(), json!(pattern));
            }
            schema
        }
        Value::OneOf(words) => object(json!({ "enum": words })),
        Value::Integer { min, max } if *max == i64::MAX => object(json!({ "type": "integer", "minimum": min })),
        Value::Integer { min, max } => object(json!({ "type": "integer", "minimum": min, "maximum": max })),
        Value::IntegerOneOf(numbers) => object(json!({ "enum": numbers })),
        Value::Bool => object(json!({ "type": "boolean" })),
        Value::Date => object(json!({ "type": "string", "format": "date" })),
        Value::Table(description) => table(description, None),
        Value::Named(description) => object(json!({
            "type": "object",
            "propertyNames": { "pattern": Format::Name.pattern() },
            "additionalProperties": table(description, None),
        })),
        Value::Kinds(kinds) => {
            let kinds: Vec<Map<String, Json>> = kinds.iter().map(|(kind, fields)| table(fields, Some(kind))).collect();
            object(json!({ "type": "object", "required": ["kind"], "oneOf": kinds }))
        }
        Value::Mapping => object(json!({
            "type": "object",
            "additionalProperties": { "type": "string", "minLength": 1 },
            "examples": [{ TRIPLESEAT_LEAD_FIELDS[10]: "message", TRIPLESEAT_LEAD_FIELDS[4]: "{company|unknown}" }],
        })),
    };
    schema.insert("description".into(), json!(key.doc));
    if let Some(default) = key.default {
        schema.insert("default".into(), literal(default));
    }
    if let Some(example) = key.example {
        schema.insert("examples".into(), json!([literal(example)]));
    }
    Json::Object(schema)
}

fn literal(literal: Literal) -> Json {
    match literal {
        Literal::Text(text) => json!(text),
        Literal::Integer(number) => json!(number),
        Literal::Bool(value) => json!(value),
    }
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(object) => object,
        _ => Map::new(),
    }
}
