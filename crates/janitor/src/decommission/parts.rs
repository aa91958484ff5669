//! The archived files of a resource, and how two readings of it differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Everything that AWS returns about a resource, by file name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceParts {
    json: BTreeMap<String, Value>,
    bytes: BTreeMap<String, Bytes>,
}

impl ResourceParts {
    /// Adds a document.
    pub fn put_document(&mut self, name: &str, value: Value) {
        self.json.insert(name.to_owned(), value);
    }

    /// Adds a file that isn't JSON, or whose bytes must not change.
    pub fn put_bytes(&mut self, name: &str, bytes: Bytes) {
        self.bytes.insert(name.to_owned(), bytes);
    }

    /// A document, or null if there is none.
    pub fn get(&self, name: &str) -> &Value {
        self.json.get(name).unwrap_or(&Value::Null)
    }

    /// A file that isn't JSON.
    pub fn file_bytes(&self, name: &str) -> Option<&Bytes> {
        self.bytes.get(name)
    }

    /// All files as they are written to the archive.
    pub fn to_files(&self) -> BTreeMap<String, Bytes> {
        let json = self.json.iter().map(|(name, value)| (name.clone(), Bytes::from(format!("{value:#}\n"))));
        json.chain(self.bytes.clone()).collect()
    }

    /// Parses files as [`ResourceParts::to_files`] returned them.
    ///
    /// # Errors
    /// A document isn't valid JSON.
    pub fn from_files(files: BTreeMap<String, Bytes>) -> Result<Self, serde_json::Error> {
        let mut parts = Self::default();
        for (name, bytes) in files {
            // Exports are in subdirectories and are kept byte for byte, as AWS returned them.
            match name.ends_with(".json") && !name.contains('/') {
                true => drop(parts.json.insert(name, serde_json::from_slice(&bytes)?)),
                false => drop(parts.bytes.insert(name, bytes)),
            }
        }
        Ok(parts)
    }

    /// Replaces each old id in `renamed` by the new one, wherever it is a whole word of a string in the documents.
    pub fn rename_ids(&mut self, renamed: &[(String, String)]) {
        for value in self.json.values_mut() {
            rename_in_value(value, renamed);
        }
    }

    /// Whether the documents contain an ARN, and not only as the beginning of a longer one.
    pub fn mentions_arn(&self, arn: &str) -> bool {
        let follows = |rest: &str| rest.starts_with(|next: char| next.is_alphanumeric() || "-_./:".contains(next));
        self.json.values().any(|value| {
            let text = value.to_string();
            text.match_indices(arn).any(|(at, _)| !follows(&text[at + arn.len()..]))
        })
    }

    /// Every attribute by its path, except those that match a pattern in `ignored` ([`matches_path`]).
    pub fn flat_attributes(&self, ignored: &[&str]) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        for (name, value) in &self.json {
            flatten_value(name, value, &mut attributes);
        }
        for (name, bytes) in &self.bytes {
            attributes.insert(name.clone(), hex_string(&Sha256::digest(bytes)));
        }
        attributes.retain(|path, _| !ignored.iter().any(|pattern| matches_path(pattern, path)));
        attributes
    }

    /// One hash over all [`ResourceParts::flat_attributes`].
    pub fn compute_fingerprint(&self, ignored: &[&str]) -> String {
        let mut hash = Sha256::new();
        for (path, value) in self.flat_attributes(ignored) {
            hash.update(format!("{path}\0{value}\0"));
        }
        hex_string(&hash.finalize())
    }
}

/// An attribute that differs between two readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeDifference {
    /// Its path: `configuration.json/Configuration/MemorySize`.
    pub path: String,
    /// The archived value.
    pub archived: Option<String>,
    /// The current value.
    pub found: Option<String>,
}

impl AttributeDifference {
    /// Whether its values must not be printed: environment and stage variables may be secrets.
    pub fn is_secret(&self) -> bool {
        self.path.contains("/Environment/")
            || self.path.contains("/stageVariables/")
            || self.path.contains("/variables/")
    }
}

/// How the current state differs from the archived one.
pub fn find_differences(archived: &ResourceParts, found: &ResourceParts, ignored: &[&str]) -> Vec<AttributeDifference> {
    let (archived, mut found) = (archived.flat_attributes(ignored), found.flat_attributes(ignored));
    let mut differences = Vec::new();
    for (path, value) in archived {
        let other = found.remove(&path);
        if other.as_ref() != Some(&value) {
            differences.push(AttributeDifference { path, archived: Some(value), found: other });
        }
    }
    let new = found.into_iter().map(|(path, value)| AttributeDifference { path, archived: None, found: Some(value) });
    differences.extend(new);
    differences
}

/// Whether a path matches a pattern. `*` matches any segment, and a pattern also matches everything below it.
pub fn matches_path(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/');
    pattern.split('/').all(|segment| path.next().is_some_and(|found| segment == "*" || segment == found))
}

/// Lowercase hexadecimal.
pub fn hex_string(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn flatten_value(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        // AWS sometimes omits an unset value and sometimes returns null.
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members {
                // `/` separates the segments, so it is escaped as in a JSON pointer.
                flatten_value(&format!("{path}/{}", name.replace('/', "~1")), value, into);
            }
        }
        Value::Array(values) => {
            // AWS lists have no order, so elements are matched by their content.
            let mut values: Vec<(String, &Value)> = values.iter().map(|value| (sort_key(value), value)).collect();
            values.sort_by(|one, other| one.0.cmp(&other.0));
            for (at, (_, value)) in values.into_iter().enumerate() {
                flatten_value(&format!("{path}/{at}"), value, into);
            }
        }
        Value::String(text) => drop(into.insert(path.to_owned(), text.clone())),
        other => drop(into.insert(path.to_owned(), other.to_string())),
    }
}

/// A value as a string that doesn't depend on the order of members and starts with the members that name it.
fn sort_key(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, String)> =
                members.iter().map(|(name, value)| (name, sort_key(value))).collect();
            let naming =
                |name: &str| !(name.ends_with("Name") || name.ends_with("name") || name == "Sid" || name == "Key");
            members.sort_by(|one, other| (naming(one.0), one).cmp(&(naming(other.0), other)));
            members.iter().map(|(name, value)| format!("{name}={value};")).collect()
        }
        Value::Array(values) => {
            let mut values: Vec<String> = values.iter().map(sort_key).collect();
            values.sort();
            values.join(",")
        }
        other => other.to_string(),
    }
}

fn rename_in_value(value: &mut Value, renamed: &[(String, String)]) {
    match value {
        Value::String(text) => {
            for (old, new) in renamed {
                *text = replace_word(text, old, new);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename_in_value(value, renamed)),
        Value::Object(members) => members.values_mut().for_each(|value| rename_in_value(value, renamed)),
        _ => {}
    }
}

/// Replaces an id only where it is a whole word: inside of a longer word, it is another id.
pub fn replace_word(text: &str, old: &str, new: &str) -> String {
    let part_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(old).filter(|_| !old.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        let before_ends = before.chars().next_back().or_else(|| out.chars().next_back());
        let inside = before_ends.is_some_and(part_of_word) || after.chars().next().is_some_and(part_of_word);
        out.push_str(before);
        out.push_str(if inside { old } else { new });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts_with(value: Value) -> ResourceParts {
        let mut parts = ResourceParts::default();
        parts.put_document("a.json", value);
        parts
    }

    #[test]
    fn ignores_the_order_of_lists_and_members() {
        let one = parts_with(json!({ "list": [{ "Name": "b", "n": 1 }, { "n": 2, "Name": "a" }], "x": null }));
        let other = parts_with(json!({ "list": [{ "Name": "a", "n": 2 }, { "Name": "b", "n": 1 }] }));
        assert_eq!(find_differences(&one, &other, &[]), []);
        assert_eq!(one.compute_fingerprint(&[]), other.compute_fingerprint(&[]));
    }

    #[test]
    fn finds_each_differing_attribute() {
        let one = parts_with(json!({ "same": 1, "changed": "a", "gone": true, "list": [{ "id": "1", "v": "x" }] }));
        let other = parts_with(json!({ "same": 1, "changed": "b", "new": "n", "list": [{ "id": "2", "v": "y" }] }));
        let found = find_differences(&one, &other, &["a.json/list/*/id"]);
        let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(paths, ["a.json/changed", "a.json/gone", "a.json/list/0/v", "a.json/new"]);
        assert_ne!(one.compute_fingerprint(&[]), other.compute_fingerprint(&[]));
    }

    #[test]
    fn reads_the_same_parts_back_from_files() {
        let mut before = parts_with(json!({ "a": [1, "b", { "c": null }] }));
        before.put_bytes("code/latest.zip", Bytes::from_static(b"PK"));
        before.put_bytes("openapi/prod.json", Bytes::from_static(b"{ }"));
        assert_eq!(ResourceParts::from_files(before.to_files()).expect("parts"), before);
    }

    #[test]
    fn renames_ids_only_as_whole_words() {
        let renamed = [("abc1".to_owned(), "xyz9".to_owned())];
        let mut parts =
            parts_with(json!({ "arn": "arn:aws:execute-api:us-east-1:1:abc1/*/POST/abc12", "n": ["abc1", "xabc1"] }));
        parts.rename_ids(&renamed);
        let wanted = json!({ "arn": "arn:aws:execute-api:us-east-1:1:xyz9/*/POST/abc12", "n": ["xyz9", "xabc1"] });
        assert_eq!(parts.get("a.json"), &wanted);
    }
}
