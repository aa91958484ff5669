//! Maps of texts whose clones share them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut, Index};
use std::sync::Arc;

use litemap::LiteMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map of texts, such as tags. Clones share it until one of them is changed: most resources of a venue have the same tags, and
/// what a list returned is in what was observed too. It is a sorted list, since a node of a B-tree has room for eleven entries, and a venue
/// has three tags.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StringMap(Arc<LiteMap<String, String>>);

impl StringMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds the entries of `other` instead of its own, if they are the same.
    pub fn share_with(&mut self, other: &Self) {
        if self == other {
            self.0 = Arc::clone(&other.0);
        }
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Deref for StringMap {
    type Target = LiteMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for StringMap {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

/// As the map itself.
impl fmt::Debug for StringMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for StringMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

impl From<BTreeMap<String, String>> for StringMap {
    fn from(map: BTreeMap<String, String>) -> Self {
        map.into_iter().collect()
    }
}

/// As of the standard library's maps: for keys that are there.
impl Index<&str> for StringMap {
    type Output = String;

    fn index(&self, key: &str) -> &String {
        self.0.get(key).expect("the map has the key")
    }
}

impl<const N: usize> From<[(String, String); N]> for StringMap {
    fn from(entries: [(String, String); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl FromIterator<(String, String)> for StringMap {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Self {
        Self(Arc::new(entries.into_iter().collect()))
    }
}

impl IntoIterator for StringMap {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'m> IntoIterator for &'m StringMap {
    type Item = (&'m String, &'m String);
    type IntoIter = <&'m LiteMap<String, String> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'m> IntoIterator for &'m mut StringMap {
    type Item = (&'m String, &'m mut String);
    type IntoIter = <&'m mut LiteMap<String, String> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        Arc::make_mut(&mut self.0).iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_one_clone_is_no_change_of_another() {
        let first = StringMap::from([("a".to_owned(), "1".to_owned())]);
        let mut second = first.clone();
        assert!(Arc::ptr_eq(&first.0, &second.0));
        second.insert("b".to_owned(), "2".to_owned());
        second.share_with(&first);
        assert_eq!((first.len(), second.len()), (1, 2));
        let mut same = first.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<StringMap>();
        assert!(!Arc::ptr_eq(&first.0, &same.0));
        same.share_with(&first);
        assert!(Arc::ptr_eq(&first.0, &same.0));
        let text = serde_json::to_string(&second).expect("JSON");
        assert_eq!((text.as_str(), serde_json::from_str(&text).ok()), (r#"{"a":"1","b":"2"}"#, Some(second)));
    }
}
