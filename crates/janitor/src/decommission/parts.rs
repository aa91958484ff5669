//! What is archived of a resource, and how two readings of it differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Everything that AWS says of a resource, by file name.
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

    /// Adds a file that isn't JSON, or that is kept to the byte.
    pub fn put_bytes(&mut self, name: &str, bytes: Bytes) {
        self.bytes.insert(name.to_owned(), bytes);
    }

    /// A document; null where there is none.
    pub fn get(&self, name: &str) -> &Value {
        self.json.get(name).unwrap_or(&Value::Null)
    }

    /// A file that isn't JSON.
    pub fn file_bytes(&self, name: &str) -> Option<&Bytes> {
        self.bytes.get(name)
    }

    /// All files, as they are written.
    pub fn to_files(&self) -> BTreeMap<String, Bytes> {
        let json = self.json.iter().map(|(name, value)| (name.clone(), Bytes::from(format!("{value:#}\n"))));
        json.chain(self.bytes.clone()).collect()
    }

    /// From files as they were written.
    ///
    /// # Errors
    /// A document is no JSON.
    pub fn from_files(files: BTreeMap<String, Bytes>) -> Result<Self, serde_json::Error> {
        let mut parts = Self::default();
        for (name, bytes) in files {
            // An export is kept to the byte, as AWS gave it.
            match name.ends_with(".json") && !name.contains('/') {
                true => drop(parts.json.insert(name, serde_json::from_slice(&bytes)?)),
                false => drop(parts.bytes.insert(name, bytes)),
            }
        }
        Ok(parts)
    }

    /// Every text in the documents in which one of `renamed` stands as a word of its own gets the new one there.
    pub fn rename_ids(&mut self, renamed: &[(String, String)]) {
        for value in self.json.values_mut() {
            rename_in_value(value, renamed);
        }
    }

    /// Whether an ARN stands anywhere in the documents, as a whole.
    pub fn mentions_arn(&self, arn: &str) -> bool {
        let follows = |rest: &str| rest.starts_with(|next: char| next.is_alphanumeric() || "-_./:".contains(next));
        self.json.values().any(|value| {
            let text = value.to_string();
            text.match_indices(arn).any(|(at, _)| !follows(&text[at + arn.len()..]))
        })
    }

    /// Every attribute with its path, but for those in `ignored`: [`same_path`].
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

    /// One hash of all [`ResourceParts::attributes`].
    pub fn compute_fingerprint(&self, ignored: &[&str]) -> String {
        let mut hash = Sha256::new();
        for (path, value) in self.flat_attributes(ignored) {
            hash.update(format!("{path}\0{value}\0"));
        }
        hex_string(&hash.finalize())
    }
}

/// An attribute of which two readings say different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeDifference {
    /// Where: `configuration.json/Configuration/MemorySize`.
    pub path: String,
    /// What the archive has.
    pub archived: Option<String>,
    /// What is there.
    pub found: Option<String>,
}

impl AttributeDifference {
    /// Whether its values are to be kept from terminals: an environment's are.
    pub fn is_secret(&self) -> bool {
        self.path.contains("/Environment/")
            || self.path.contains("/stageVariables/")
            || self.path.contains("/variables/")
    }
}

/// How what is there differs from what was archived.
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

/// Whether a path is what a pattern says: each segment is the same, or `*`; a pattern names what is below it too.
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
        // What is unset, AWS leaves out or gives as empty, as it pleases.
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members {
                // `/` separates the segments.
                flatten_value(&format!("{path}/{}", name.replace('/', "~1")), value, into);
            }
        }
        Value::Array(values) => {
            // Lists of AWS have no order: what is in one is found by what it says.
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

/// A value as a text that doesn't depend on the order of members, and with what names it first.
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

/// Ids are letters and digits: one that stands in a longer word isn't that id.
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
        parts.put("a.json", value);
        parts
    }

    #[test]
    fn the_order_of_lists_and_members_makes_no_difference() {
        let one = parts(json!({ "list": [{ "Name": "b", "n": 1 }, { "n": 2, "Name": "a" }], "x": null }));
        let other = parts(json!({ "list": [{ "Name": "a", "n": 2 }, { "Name": "b", "n": 1 }] }));
        assert_eq!(differences(&one, &other, &[]), []);
        assert_eq!(one.fingerprint(&[]), other.fingerprint(&[]));
    }

    #[test]
    fn each_attribute_that_differs_is_found() {
        let one = parts(json!({ "same": 1, "changed": "a", "gone": true, "list": [{ "id": "1", "v": "x" }] }));
        let other = parts(json!({ "same": 1, "changed": "b", "new": "n", "list": [{ "id": "2", "v": "y" }] }));
        let found = differences(&one, &other, &["a.json/list/*/id"]);
        let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(paths, ["a.json/changed", "a.json/gone", "a.json/list/0/v", "a.json/new"]);
        assert_ne!(one.fingerprint(&[]), other.fingerprint(&[]));
    }

    #[test]
    fn files_give_the_same_parts_again() {
        let mut before = parts(json!({ "a": [1, "b", { "c": null }] }));
        before.put_bytes("code/latest.zip", Bytes::from_static(b"PK"));
        before.put_bytes("openapi/prod.json", Bytes::from_static(b"{ }"));
        assert_eq!(ResourceParts::from_files(before.files()).expect("parts"), before);
    }

    #[test]
    fn an_id_is_renamed_where_it_is_a_word() {
        let renamed = [("abc1".to_owned(), "xyz9".to_owned())];
        let mut parts =
            parts(json!({ "arn": "arn:aws:execute-api:us-east-1:1:abc1/*/POST/abc12", "n": ["abc1", "xabc1"] }));
        parts.rename(&renamed);
        let wanted = json!({ "arn": "arn:aws:execute-api:us-east-1:1:xyz9/*/POST/abc12", "n": ["xyz9", "xabc1"] });
        assert_eq!(parts.get("a.json"), &wanted);
    }
}
