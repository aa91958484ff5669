//! The tables that the state is made of. A table knows which of its entries have changed, so that a request stores those
//! and nothing else, and no handler has to say what it changed.
//!
//! All state is declared with [`stored_parts`], whose fields can be nothing but tables and parts of tables. Anything else
//! doesn't compile, so nothing can be in the state and be forgotten by the store.

use std::collections::BTreeSet;
use std::collections::btree_map::{self, BTreeMap};
use std::fmt;
use std::ops::{Bound, Index};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Entries by key, in the order of their keys.
///
/// A mutable borrow of an entry counts as a change, so handlers that only read must borrow immutably, and a refused
/// request should look an entry up before it borrows it mutably.
pub struct StoredTable<V> {
    entries: BTreeMap<String, V>,
    changed: BTreeSet<String>,
    /// Whether the store knows this table, apart from what has changed since. A table that was made by anything else, and
    /// then assigned, is stored completely.
    known: bool,
    /// How many entries were looked at one after the other, rather than found by their key.
    visits: AtomicU64,
}

impl<V> StoredTable<V> {
    pub fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn first_key_value(&self) -> Option<(&String, &V)> {
        self.entries.first_key_value()
    }

    pub fn last_key_value(&self) -> Option<(&String, &V)> {
        self.entries.last_key_value()
    }

    pub fn iter(&self) -> TableIter<'_, V> {
        self.range_of(Bound::Unbounded)
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &String> + Clone {
        self.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The entries whose keys are greater than `key`; all without one.
    pub fn iter_after(&self, key: Option<&str>) -> TableIter<'_, V> {
        self.range_of(key.map_or(Bound::Unbounded, Bound::Excluded))
    }

    /// The entries from `key` on.
    pub fn iter_from(&self, key: &str) -> TableIter<'_, V> {
        self.range_of(Bound::Included(key))
    }

    /// The entries whose keys start with `prefix`.
    pub fn iter_with_prefix<'p>(
        &self,
        prefix: &'p str,
    ) -> impl Iterator<Item = (&String, &V)> + Clone + use<'_, 'p, V> {
        self.iter_from(prefix).take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// The entries whose keys start with `prefix` and are greater than `key`; without one, all that start so.
    pub fn iter_with_prefix_after<'p>(
        &self,
        prefix: &'p str,
        key: Option<&str>,
    ) -> impl Iterator<Item = (&String, &V)> + Clone + use<'_, 'p, V> {
        let from = key.filter(|key| *key >= prefix).map_or(Bound::Included(prefix), Bound::Excluded);
        self.range_of(from).take_while(move |(key, _)| key.starts_with(prefix))
    }

    fn range_of(&self, from: Bound<&str>) -> TableIter<'_, V> {
        TableIter { range: self.entries.range::<str, _>((from, Bound::Unbounded)), visits: &self.visits }
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let entry = self.entries.get_mut(key)?;
        mark_changed(&mut self.changed, key);
        Some(entry)
    }

    pub fn insert(&mut self, key: String, value: V) -> Option<V> {
        mark_changed(&mut self.changed, &key);
        self.entries.insert(key, value)
    }

    /// The entry with that key, which is made if there is none.
    pub fn entry_or_insert_with(&mut self, key: String, make: impl FnOnce() -> V) -> &mut V {
        mark_changed(&mut self.changed, &key);
        self.entries.entry(key).or_insert_with(make)
    }

    pub fn remove(&mut self, key: &str) -> Option<V> {
        let removed = self.entries.remove(key)?;
        mark_changed(&mut self.changed, key);
        Some(removed)
    }

    pub fn retain(&mut self, mut keeps: impl FnMut(&String, &V) -> bool) {
        let (changed, visits) = (&mut self.changed, &self.visits);
        self.entries.retain(|key, value| {
            visits.fetch_add(1, Ordering::Relaxed);
            let kept = keeps(key, value);
            if !kept {
                mark_changed(changed, key);
            }
            kept
        });
    }

    pub fn clear(&mut self) {
        self.retain(|_, _| false);
    }

    /// All entries, each of which counts as changed.
    pub fn iter_mut(&mut self) -> btree_map::IterMut<'_, String, V> {
        self.visits.fetch_add(self.entries.len() as u64, Ordering::Relaxed);
        self.changed.extend(self.entries.keys().cloned());
        self.entries.iter_mut()
    }

    /// All entries, each of which counts as changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }
}

/// Most requests change one entry, and often several times.
fn mark_changed(changed: &mut BTreeSet<String>, key: &str) {
    if !changed.contains(key) {
        changed.insert(key.to_owned());
    }
}

/// Entries of a table, which counts each one that is looked at.
pub struct TableIter<'t, V> {
    range: btree_map::Range<'t, String, V>,
    visits: &'t AtomicU64,
}

impl<V> Clone for TableIter<'_, V> {
    fn clone(&self) -> Self {
        Self { range: self.range.clone(), visits: self.visits }
    }
}

impl<'t, V> Iterator for TableIter<'t, V> {
    type Item = (&'t String, &'t V);

    fn next(&mut self) -> Option<Self::Item> {
        self.visits.fetch_add(1, Ordering::Relaxed);
        self.range.next()
    }
}

impl<V> DoubleEndedIterator for TableIter<'_, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.visits.fetch_add(1, Ordering::Relaxed);
        self.range.next_back()
    }
}

impl<'t, V> IntoIterator for &'t StoredTable<V> {
    type Item = (&'t String, &'t V);
    type IntoIter = TableIter<'t, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'t, V> IntoIterator for &'t mut StoredTable<V> {
    type Item = (&'t String, &'t mut V);
    type IntoIter = btree_map::IterMut<'t, String, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<V> Default for StoredTable<V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), changed: BTreeSet::new(), known: false, visits: AtomicU64::new(0) }
    }
}

impl<V: Clone> Clone for StoredTable<V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), ..Self::default() }
    }
}

impl<V: PartialEq> PartialEq for StoredTable<V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<V: fmt::Debug> fmt::Debug for StoredTable<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}

impl<V> FromIterator<(String, V)> for StoredTable<V> {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }
}

impl<V> Extend<(String, V)> for StoredTable<V> {
    fn extend<I: IntoIterator<Item = (String, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<V, K: AsRef<str> + ?Sized> Index<&K> for StoredTable<V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        &self.entries[key.as_ref()]
    }
}

/// What the store does with a table, whatever its entries are.
pub(super) trait AnyTable {
    /// Hands over each entry that has changed since [`AnyTable::forget_changes`], without a value if it was removed. A
    /// table that the store doesn't know is handed over completely.
    fn write_changes(&self, write: &mut dyn FnMut(TableChange<'_>) -> serde_json::Result<()>)
    -> serde_json::Result<()>;
    /// Hands over every entry.
    fn write_entries(&self, write: &mut dyn FnMut(TableChange<'_>) -> serde_json::Result<()>)
    -> serde_json::Result<()>;
    /// From now on, the table is as it was stored.
    fn forget_changes(&mut self);
    /// Takes over a stored entry; without a value, removes it.
    fn load_entry(&mut self, key: String, value: Option<Value>) -> serde_json::Result<()>;
    /// Removes all entries, as the store says.
    fn load_nothing(&mut self);
    fn has_entries(&self) -> bool;
    /// How many entries were looked at one after the other since the table was made.
    fn visited_entries(&self) -> u64;
}

/// A change of a table, as it is stored.
pub(super) enum TableChange<'t> {
    /// All entries were removed.
    Cleared,
    Set(&'t str, &'t dyn erased::Entry),
    Removed(&'t str),
}

/// Entries of any type that can be written as JSON.
pub(super) mod erased {
    use serde::Serialize;

    pub(in super::super) trait Entry {
        fn write_json(&self, into: &mut Vec<u8>) -> serde_json::Result<()>;
    }

    impl<V: Serialize> Entry for V {
        fn write_json(&self, into: &mut Vec<u8>) -> serde_json::Result<()> {
            serde_json::to_writer(into, self)
        }
    }
}

impl<V: Serialize + DeserializeOwned> AnyTable for StoredTable<V> {
    fn write_changes(
        &self,
        write: &mut dyn FnMut(TableChange<'_>) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        if !self.known {
            write(TableChange::Cleared)?;
            return self.write_entries(write);
        }
        for key in &self.changed {
            match self.entries.get(key) {
                Some(value) => write(TableChange::Set(key, value))?,
                None => write(TableChange::Removed(key))?,
            }
        }
        Ok(())
    }

    fn write_entries(
        &self,
        write: &mut dyn FnMut(TableChange<'_>) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        self.entries.iter().try_for_each(|(key, value)| write(TableChange::Set(key, value)))
    }

    fn forget_changes(&mut self) {
        self.known = true;
        self.changed.clear();
    }

    fn load_entry(&mut self, key: String, value: Option<Value>) -> serde_json::Result<()> {
        match value {
            Some(value) => drop(self.entries.insert(key, serde_json::from_value(value)?)),
            None => drop(self.entries.remove(&key)),
        }
        Ok(())
    }

    fn load_nothing(&mut self) {
        self.entries.clear();
    }

    fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    fn visited_entries(&self) -> u64 {
        self.visits.load(Ordering::Relaxed)
    }
}

/// Receives a table with the names of its part and of itself, such as `lambda` and `functions`.
pub(super) type TableVisitor<'v> = dyn FnMut(&'static str, &'static str, &mut dyn AnyTable) + 'v;

/// A table, or what has only tables.
pub(super) trait StoredPart {
    /// Shows every table. `part` and `name` are the names of this one and of what it is in.
    fn visit_tables(&mut self, part: &'static str, name: &'static str, visit: &mut TableVisitor<'_>);
}

impl<V: Serialize + DeserializeOwned> StoredPart for StoredTable<V> {
    fn visit_tables(&mut self, part: &'static str, name: &'static str, visit: &mut TableVisitor<'_>) {
        visit(part, name, self);
    }
}

/// Declares a part of the state. Each field is a table or another part, and is stored under its name.
macro_rules! stored_parts {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl $crate::table::StoredPart for $name {
            fn visit_tables(
                &mut self,
                _: &'static str,
                name: &'static str,
                visit: &mut $crate::table::TableVisitor<'_>,
            ) {
                $($crate::table::StoredPart::visit_tables(&mut self.$field, name, stringify!($field), visit);)*
            }
        }
    };
}

pub(super) use stored_parts;
