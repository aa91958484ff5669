//! The JSON Schema, and its agreement with the checks.

use std::collections::BTreeSet;

use deployer_core::manifest::{self, TEMPLATE};
use serde_json::Value;

/// Every key in the schema, as a path; `*` stands for a user-chosen name.
fn schema_keys(schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        keys.insert(join(name));
        schema_keys(inner, &join(name), keys);
    }
    if schema["additionalProperties"].is_object() {
        keys.insert(join("*"));
        schema_keys(&schema["additionalProperties"], &join("*"), keys);
    }
    for kind in schema["oneOf"].as_array().into_iter().flatten() {
        schema_keys(kind, path, keys);
    }
}

/// Validates a value against the schema, for the part of JSON Schema that the schema uses.
fn validate_value(value: &Value, schema: &Value, path: &str) {
    if let Some(kinds) = schema["oneOf"].as_array() {
        let kind = kinds.iter().find(|kind| kind["properties"]["kind"]["const"] == value["kind"]);
        return validate_value(value, kind.unwrap_or_else(|| panic!("{path}: unknown kind")), path);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{path}: {value} is not in {words:?}");
    }
    let fits = match schema["type"].as_str() {
        None => true,
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some(other) => panic!("{other}"),
    };
    assert!(fits, "{path}: {value} is not {}", schema["type"]);
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{path} has no {required}");
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let property = &schema["properties"][name];
        let property = if property.is_null() { &schema["additionalProperties"] } else { property };
        assert!(property.is_object(), "{path} has no key {name}");
        validate_value(inner, property, &format!("{path}.{name}"));
    }
}

fn as_json(text: &str) -> Value {
    let text: String = text.lines().map(|line| line.replace("2025-09-15", "\"2025-09-15\"") + "\n").collect();
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

/// The text with every commented-out key and table uncommented.
fn uncomment_keys(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest)
            if rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.trim().contains(' ')) =>
        {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn examples_pass_the_schema_and_the_checks() {
    let schema = manifest::manifest_schema();
    for text in [
        include_str!("../../../../../venues.toml").to_owned(),
        TEMPLATE.to_owned(),
        uncomment_keys(TEMPLATE),
        uncomment_keys(include_str!("../../../../../venues.toml")),
    ] {
        validate_value(&as_json(&text), &schema, "");
        super::parse_accepted(&text);
    }
    assert_ne!(uncomment_keys(TEMPLATE), TEMPLATE);
}

/// Keys that the template doesn't show, and why. A path ends a path in the schema, or is all below a table.
const NOT_IN_TEMPLATE: &[(&str, &str)] = &[
    ("alarms.topic", "instead of email: docs/alarms.md"),
    ("alarms.digest", "not beside a chat and a permissions_boundary, which the template shows: docs/alarms.md"),
    ("alarms.teams_webhook", "like slack_webhook, whose line names it"),
    ("hubspot.base_uri", "only tests have another HubSpot"),
    ("destination.base_uri", "only tests have another Tripleseat"),
    ("destination.redirect_uri", "docs/tripleseat.md, where the consent is described"),
    ("destination.scopes", "docs/tripleseat.md, where the consent is described"),
    ("venues.*.blocker", "`deployer venue block` writes it"),
    ("secrets.destination_credential", "of an http destination"),
    ("destination.url", "`deployer venue add --destination http` writes it, and venues.toml shows all of them"),
    ("destination.auth", "as url"),
    ("destination.success_pointer", "as url"),
    ("destination.id_pointer", "as url"),
    ("destination.lookup_url", "as url"),
    ("destination.lookup_id_pointer", "as url"),
    ("destination.requests_per_second", "as url"),
    ("venues.*.tags", "[deployment] shows it, and says that a venue can have it"),
    ("venues.*.permissions_boundary", "as tags"),
    ("venues.*.kms_key", "as tags"),
];

#[test]
fn template_shows_every_key() {
    let table: toml::Table = uncomment_keys(TEMPLATE).parse().expect("TOML");
    let shown = |path: &str| {
        let steps = path.split('.').map(|step| if step == "*" { "venue-a" } else { step });
        let found = |from: &toml::Value| steps.clone().try_fold(from.clone(), |table, step| table.get(step).cloned());
        found(&toml::Value::Table(table.clone())).is_some()
    };
    let mut keys = BTreeSet::new();
    schema_keys(&manifest::manifest_schema(), "", &mut keys);
    let mut reasons: BTreeSet<&str> = NOT_IN_TEMPLATE.iter().map(|(path, _)| *path).collect();
    let mut missing = Vec::new();
    for key in &keys {
        // Names of fields and tags are anybody's, and what a venue inherits is shown in [defaults].
        let inherited = key.strip_prefix("venues.*.").is_some_and(|rest| shown(&format!("defaults.{rest}")));
        if inherited || shown(key) || ["fields.*", "tags.*"].iter().any(|end| key.ends_with(end)) {
            continue;
        }
        let covered = |path: &&&str| key.ends_with(*path) || key.contains(&format!("{path}."));
        match NOT_IN_TEMPLATE.iter().map(|(path, _)| path).find(covered) {
            Some(path) => {
                reasons.remove(path);
            }
            None => missing.push(key),
        }
    }
    assert_eq!(missing, [""; 0], "add them to template.toml, each with one line");
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), [""; 0], "they are in template.toml after all");
}

/// The parser knows every key in the schema.
#[test]
fn checks_know_every_schema_key() {
    let mut keys = BTreeSet::new();
    schema_keys(&manifest::manifest_schema(), "", &mut keys);
    assert!(keys.len() > 45, "{keys:?}");
    for key in &keys {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        let table = table.replace('*', "x");
        let text =
            if table.is_empty() { format!("{name} = 1") } else { format!("[{table}]\nkind = \"http\"\n{name} = 1") };
        let text = if name == "kind" { text.replace("kind = \"http\"\n", "") } else { text };
        let Err(errors) = manifest::parse_manifest(&text, "venues.toml") else { continue };
        let unknown: Vec<_> = errors
            .list_findings()
            .into_iter()
            .filter(|finding| finding.code == "unknown_key" && finding.message.ends_with(&format!("`{name}`")))
            .collect();
        // A key of one kind of destination is unknown in the other kinds.
        let of_kinds = table.ends_with("destination") || table.ends_with("auth");
        assert!(unknown.is_empty() || of_kinds, "{key}: {unknown:?}");
    }
}

#[test]
fn every_key_is_described_and_every_scalar_has_a_default_or_example() {
    fn check_keys(schema: &Value, path: &str) {
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            assert!(inner["description"].is_string(), "{path}");
            let scalar = inner["type"] != "object" && inner["const"].is_null();
            assert!(!scalar || !inner["default"].is_null() || !inner["examples"].is_null(), "{path}");
            check_keys(inner, &path);
        }
        check_named_keys(&schema["additionalProperties"], path);
        for kind in schema["oneOf"].as_array().into_iter().flatten() {
            check_keys(kind, path);
        }
    }
    fn check_named_keys(schema: &Value, path: &str) {
        if schema.is_object() {
            check_keys(schema, path);
        }
    }
    let schema = manifest::manifest_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    check_keys(&schema, "");
}

#[test]
fn destination_schema_is_stable() {
    insta::assert_json_snapshot!(
        manifest::manifest_schema()["properties"]["venues"]["additionalProperties"]["properties"]["destination"]
    );
}
