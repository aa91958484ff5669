//! Policy documents, which are held as text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A policy document. It is held as the text of its JSON, which takes a sixth of the memory of a tree, and clones share it: a
/// plan of 1,000 venues holds 4,000 documents.
#[derive(Clone)]
pub struct PolicyDocument(Arc<str>);

impl PolicyDocument {
    /// The document as JSON: compact, and in the order in which it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document as a tree.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was made from a value")
    }

    /// Adds statements at the end of a document that has a list of them.
    pub(crate) fn add_statements(&mut self, statements: impl IntoIterator<Item = Value>) {
        let mut document = self.to_value();
        if let Some(list) = document["Statement"].as_array_mut() {
            list.extend(statements);
        }
        *self = document.into();
    }
}

impl From<Value> for PolicyDocument {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

/// The order of keys makes no difference. IAM returns the text that it was given, so the text itself is nearly always the same.
impl PartialEq for PolicyDocument {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.to_value() == other.to_value()
    }
}

impl Eq for PolicyDocument {}

impl fmt::Debug for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

/// The JSON.
impl fmt::Display for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As the document itself.
impl Serialize for PolicyDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PolicyDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_of_one_clone_is_no_change_of_another() {
        let first = PolicyDocument::from(json!({ "Statement": [] }));
        let mut second = first.clone();
        assert!(Arc::ptr_eq(&first.0, &second.0));
        second.add_statements([json!(1)]);
        assert_eq!((first.as_str(), second.as_str()), (r#"{"Statement":[]}"#, r#"{"Statement":[1]}"#));
        let text = serde_json::to_string(&second).expect("JSON");
        assert_eq!(
            (text.as_str(), serde_json::from_str::<PolicyDocument>(&text).ok()),
            (r#"{"Statement":[1]}"#, Some(second))
        );
    }

    #[test]
    fn the_order_of_keys_makes_no_difference_and_the_order_of_a_list_does() {
        let read = |text: &str| PolicyDocument::from(serde_json::from_str::<Value>(text).expect("JSON"));
        assert_eq!(read(r#"{"a":1,"b":{"c":2,"d":3}}"#), read(r#"{ "b": {"d": 3, "c": 2}, "a": 1 }"#));
        assert_ne!(read(r#"{"a":[1,2]}"#), read(r#"{"a":[2,1]}"#));
    }
}
