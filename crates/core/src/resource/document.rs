//! JSON documents that are held once.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A document whose clones share it, until one of them is changed: what a list returned is in what was observed too.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedDocument(Arc<Value>);

impl SharedDocument {
    /// A copy that is its own.
    pub fn to_value(&self) -> Value {
        Value::clone(&self.0)
    }
}

impl From<Value> for SharedDocument {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Deref for SharedDocument {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl DerefMut for SharedDocument {
    fn deref_mut(&mut self) -> &mut Value {
        Arc::make_mut(&mut self.0)
    }
}

/// As the document itself.
impl fmt::Debug for SharedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for SharedDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedDocument {
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
        let first = SharedDocument::from(json!({ "Statement": [] }));
        let mut second = first.clone();
        assert!(Arc::ptr_eq(&first.0, &second.0));
        second["Statement"] = json!([1]);
        assert_eq!((&*first, &*second), (&json!({ "Statement": [] }), &json!({ "Statement": [1] })));
        let text = serde_json::to_string(&second).expect("JSON");
        assert_eq!(
            (text.as_str(), serde_json::from_str::<SharedDocument>(&text).ok()),
            (r#"{"Statement":[1]}"#, Some(second))
        );
    }
}
