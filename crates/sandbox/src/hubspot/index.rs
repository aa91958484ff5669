//! The search index: which contacts searches can find by a value, without looking at every contact. A portal of a hundred
//! thousand contacts is searched hundreds of times in a test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::state::PropertyValues;

/// The longest value that contacts are found by, in bytes.
const LONGEST: usize = 64;
/// Properties that every write changes, and that nobody searches for one value of.
const NOT_INDEXED: [&str; 3] = ["createdate", "lastmodifieddate", "hs_object_id"];

#[derive(Debug, Default)]
pub(super) struct SearchIndex {
    /// The contacts that have a value in any version that a search may still show, by property and value in lowercase.
    by_value: BTreeMap<(String, String), BTreeSet<u64>>,
    /// What searches don't show yet: the times of writes and whose they were, the oldest first.
    waiting: VecDeque<(Timestamp, u64)>,
    /// The last search that read a page, as long as another page of it would show the same.
    kept: Option<(SearchQuery, Arc<Vec<u64>>)>,
}

/// What decides which contacts a search finds, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SearchQuery {
    pub(super) groups: Vec<Value>,
    pub(super) sorts: Vec<Value>,
}

impl SearchIndex {
    /// The contacts that may have this value; `None` if that isn't known.
    pub(super) fn contacts_with(&self, property: &str, value: &str) -> Option<BTreeSet<u64>> {
        let key = index_key(property, value)?;
        Some(self.by_value.get(&key).cloned().unwrap_or_default())
    }

    /// Adds what a version of a contact has. Searches show it once `written` has been reached.
    pub(super) fn add_version(&mut self, id: u64, properties: &PropertyValues, written: Timestamp) {
        for key in properties.iter().filter_map(|(name, value)| index_key(name, value)) {
            self.by_value.entry(key).or_default().insert(id);
        }
        self.add_change(id, written);
    }

    /// Adds a change that searches show once `at` has been reached.
    pub(super) fn add_change(&mut self, id: u64, at: Timestamp) {
        if at == Timestamp::MIN {
            self.kept = None;
        } else {
            self.waiting.push_back((at, id));
        }
    }

    /// Removes a value that no version has anymore.
    pub(super) fn remove_value(&mut self, id: u64, property: &str, value: &str) {
        let Some(key) = index_key(property, value) else { return };
        if let Some(ids) = self.by_value.get_mut(&key) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_value.remove(&key);
            }
        }
    }

    /// The next contact of which searches show another version by `as_of`.
    pub(super) fn next_changed(&mut self, as_of: Timestamp) -> Option<u64> {
        let (_, id) = self.waiting.pop_front_if(|(at, _)| *at <= as_of)?;
        self.kept = None;
        Some(id)
    }

    /// Forgets what searches have found, because the same search may find something else now.
    pub(super) fn forget_search(&mut self) {
        self.kept = None;
    }

    pub(super) fn kept_search(&self, query: &SearchQuery) -> Option<Arc<Vec<u64>>> {
        self.kept.as_ref().filter(|(kept, _)| kept == query).map(|(_, ids)| Arc::clone(ids))
    }

    pub(super) fn keep_search(&mut self, query: SearchQuery, ids: &Arc<Vec<u64>>) {
        self.kept = Some((query, Arc::clone(ids)));
    }
}

fn index_key(property: &str, value: &str) -> Option<(String, String)> {
    let indexed = !value.is_empty() && value.len() <= LONGEST && !NOT_INDEXED.contains(&property);
    indexed.then(|| (property.to_owned(), value.to_lowercase()))
}
