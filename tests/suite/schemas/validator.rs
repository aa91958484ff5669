//! Checks a value against a JSON Schema of `docs/schemas`, more strictly than a reader of ours may: a member that the
//! schema doesn't have is a mistake, so that no schema lags behind the output. A keyword that isn't known here is one too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// All schemas, by file name.
pub struct SchemaFiles(BTreeMap<String, Value>);

/// Keywords that say nothing about a value.
const SILENT: [&str; 5] = ["$schema", "$defs", "title", "description", "additionalProperties"];

impl SchemaFiles {
    pub fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
    }

    /// # Panics
    /// A file can't be read, or isn't JSON.
    pub fn read_files() -> Self {
        let entries = std::fs::read_dir(Self::directory()).expect("docs/schemas is readable");
        let read = |path: PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("readable");
            let schema = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, schema)
        };
        Self(entries.map(|entry| read(entry.expect("readable").path())).collect())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn schema(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Checks a value against the schema of a file.
    ///
    /// # Errors
    /// Where it differs, and how.
    pub fn check_value(&self, name: &str, value: &Value) -> Result<(), String> {
        let schema = self.schema(name).ok_or_else(|| format!("there is no docs/schemas/{name}"))?;
        self.check(name, schema, value, "$")
    }

    /// Checks a value against a definition of a file.
    ///
    /// # Errors
    /// Where it differs, and how.
    pub fn check_definition(&self, file: &str, name: &str, value: &Value) -> Result<(), String> {
        let schema = self.schema(file).and_then(|schema| schema["$defs"].get(name));
        self.check(file, schema.ok_or_else(|| format!("docs/schemas/{file} has no {name}"))?, value, "$")
    }

    fn check(&self, file: &str, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Some(schema) = schema.as_object() else { return Err(format!("{at}: {schema} is no schema")) };
        for (keyword, rule) in schema {
            let ok = |holds: bool| if holds { Ok(()) } else { Err(format!("{at}: {value} against {keyword}: {rule}")) };
            match keyword.as_str() {
                "$ref" => {
                    let (name, target) = self.find_reference(file, rule)?;
                    self.check(name, target, value, at)?;
                }
                "type" => ok(has_type(rule, value))?,
                "const" => ok(rule == value)?,
                "enum" => ok(rule.as_array().is_some_and(|all| all.contains(value)))?,
                "format" => ok(rule == "date-time" && value.as_str().is_none_or(is_timestamp))?,
                "minimum" => ok(value.as_i64().zip(rule.as_i64()).is_none_or(|(value, least)| value >= least))?,
                "minItems" => ok(length(value).is_none_or(|length| Some(length) >= rule.as_u64()))?,
                "maxItems" => ok(length(value).is_none_or(|length| Some(length) <= rule.as_u64()))?,
                "required" => self.check_required(rule, value, at)?,
                "properties" => self.check_members(file, schema, value, at)?,
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(file, rule, item, &format!("{at}[{index}]"))?;
                    }
                }
                "prefixItems" => {
                    let rules = rule.as_array().into_iter().flatten();
                    for (index, (rule, item)) in rules.zip(value.as_array().into_iter().flatten()).enumerate() {
                        self.check(file, rule, item, &format!("{at}[{index}]"))?;
                    }
                }
                "oneOf" | "anyOf" => self.check_alternatives(file, keyword, rule, value, at)?,
                known if SILENT.contains(&known) => {}
                other => return Err(format!("{at}: the keyword {other} isn't known to the test")),
            }
        }
        if !schema.contains_key("properties")
            && let (Some(rule), Some(members)) = (schema.get("additionalProperties"), value.as_object())
        {
            self.check_additional(file, rule, members.iter(), at)?;
        }
        Ok(())
    }

    fn find_reference<'s>(&'s self, file: &'s str, reference: &'s Value) -> Result<(&'s str, &'s Value), String> {
        let wrong = || format!("{reference} leads nowhere");
        let (name, pointer) = reference.as_str().and_then(|text| text.split_once('#')).ok_or_else(wrong)?;
        let name = if name.is_empty() { file } else { name };
        let target = self.schema(name).and_then(|schema| schema.pointer(pointer)).ok_or_else(wrong)?;
        Ok((name, target))
    }

    fn check_required(&self, rule: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Some(members) = value.as_object() else { return Ok(()) };
        let missing =
            rule.as_array().into_iter().flatten().find(|name| !members.contains_key(name.as_str().unwrap_or_default()));
        missing.map_or(Ok(()), |name| Err(format!("{at} has no {name}: {value}")))
    }

    fn check_members(&self, file: &str, schema: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
        let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
            return Ok(());
        };
        for (name, member) in members {
            if let Some(rule) = properties.get(name) {
                self.check(file, rule, member, &format!("{at}.{name}"))?;
            }
        }
        let others = members.iter().filter(|(name, _)| !properties.contains_key(*name));
        // A reader has to bear new members; the schema of the program that writes them has to have them.
        self.check_additional(file, schema.get("additionalProperties").unwrap_or(&Value::Bool(false)), others, at)
    }

    fn check_additional<'v>(
        &self,
        file: &str,
        rule: &Value,
        mut others: impl Iterator<Item = (&'v String, &'v Value)>,
        at: &str,
    ) -> Result<(), String> {
        match rule {
            Value::Bool(true) => Ok(()),
            Value::Bool(false) => {
                others.next().map_or(Ok(()), |(name, value)| Err(format!("{at}.{name} isn't in the schema: {value}")))
            }
            schema => others.try_for_each(|(name, value)| self.check(file, schema, value, &format!("{at}.{name}"))),
        }
    }

    fn check_alternatives(
        &self,
        file: &str,
        keyword: &str,
        rule: &Value,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let results: Vec<_> =
            rule.as_array().into_iter().flatten().map(|schema| self.check(file, schema, value, at)).collect();
        let fitting = results.iter().filter(|result| result.is_ok()).count();
        if fitting == 1 || (fitting > 1 && keyword == "anyOf") {
            return Ok(());
        }
        // Alternatives of another type say nothing about what is wrong with this one.
        let reasons: Vec<_> =
            results.into_iter().filter_map(Result::err).filter(|why| !why.contains(" against const: ")).collect();
        Err(format!("{at}: {fitting} alternatives fit {value}: {}", reasons.join(" | ")))
    }
}

fn has_type(rule: &Value, value: &Value) -> bool {
    match rule.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => false,
    }
}

fn is_timestamp(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

fn length(value: &Value) -> Option<u64> {
    value.as_array().map(|items| items.len() as u64)
}
