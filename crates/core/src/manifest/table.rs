//! Reads values through the declarations of their keys.
//!
//! By then `shape` has checked and reported every value. A value of the wrong type counts as absent here, and a required
//! one that is absent is read as empty: the manifest is refused, but the checks that follow can still find more.

use std::marker::PhantomData;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::alarms::AlarmSettings;
use super::key::{
    Defaulted, FieldMapping, KIND, Key, KeyPresence, KeysOfKind, KindTable, NamedTables, Optional, Required, SubTable,
    TagTable, TextList,
};
use super::keys::{DeploymentKeys, InheritedKeys, RootKeys, VenueKeys};
use super::report::Span;
use super::shape::in_file_order;
use super::value::{ManifestValue, ScalarValue, WordValue};

/// A table of the file that has the keys `K`. One that is absent from the file has none of them.
pub(super) struct ManifestTable<'t, 's, K> {
    table: Option<&'t DeTable<'s>>,
    keys: PhantomData<fn() -> K>,
}

impl<K> Clone for ManifestTable<'_, '_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for ManifestTable<'_, '_, K> {}

impl<'t, 's> ManifestTable<'t, 's, RootKeys> {
    pub(super) fn from_root(root: &'t DeTable<'s>) -> Self {
        Self::from_table(Some(root))
    }
}

impl<'t, 's, K> ManifestTable<'t, 's, K> {
    fn from_table(table: Option<&'t DeTable<'s>>) -> Self {
        Self { table, keys: PhantomData }
    }

    fn find_value<P: KeyPresence>(self, key: &Key<K, P>) -> Option<&'t Spanned<DeValue<'s>>> {
        self.table?.get(key.name())
    }

    fn find_table<P: KeyPresence>(self, key: &Key<K, P>) -> Option<&'t DeTable<'s>> {
        self.find_value(key)?.get_ref().as_table()
    }

    /// Whether the key is in the file, with whatever value.
    pub(super) fn has_key<P: KeyPresence>(self, key: &Key<K, P>) -> bool {
        self.find_value(key).is_some()
    }

    /// Where the key's value is.
    pub(super) fn value_span<P: KeyPresence>(self, key: &Key<K, P>) -> Option<Span> {
        self.find_value(key).map(Spanned::span)
    }

    /// Where the key itself is.
    pub(super) fn key_span<P: KeyPresence>(self, key: &Key<K, P>) -> Option<Span> {
        self.table?.get_key_value(key.name()).map(|(name, _)| name.span())
    }

    /// The key's value, or what its declaration says for an absent key.
    pub(super) fn read<P: ReadablePresence>(self, key: &Key<K, P>) -> P::Output {
        read_value(key, self.find_value(key))
    }

    /// The table that the key holds, if it does.
    pub(super) fn open_table<B, P>(self, key: &Key<K, P>) -> Option<ManifestTable<'t, 's, B>>
    where
        P: KeyPresence<Value = SubTable<B>>,
    {
        self.find_table(key).map(|table| ManifestTable::from_table(Some(table)))
    }

    /// The table that the key holds, or one without keys.
    pub(super) fn open_or_empty<B, P>(self, key: &Key<K, P>) -> ManifestTable<'t, 's, B>
    where
        P: KeyPresence<Value = SubTable<B>>,
    {
        ManifestTable::from_table(self.find_table(key))
    }

    /// The tables that the key holds, with their names, in the order of the file.
    pub(super) fn list_tables<B, P>(
        self,
        key: &Key<K, P>,
    ) -> impl Iterator<Item = (&'t Spanned<DeString<'s>>, ManifestTable<'t, 's, B>)>
    where
        P: KeyPresence<Value = NamedTables<B>>,
    {
        let entries = self.find_table(key).into_iter().flat_map(in_file_order);
        entries.filter_map(|(name, value)| Some((name, ManifestTable::from_table(Some(value.get_ref().as_table()?)))))
    }

    /// The table of several kinds that the key holds, if it does.
    pub(super) fn open_kind<D, P>(self, key: &Key<K, P>) -> Option<OpenedKind<'t, 's, D>>
    where
        P: KeyPresence<Value = KindTable<D>>,
    {
        self.find_table(key).map(|table| OpenedKind { table: Some(table), kinds: PhantomData })
    }

    /// The destination fields and their expressions, in the order of the file.
    pub(super) fn list_mappings<P>(self, key: &Key<K, P>) -> Vec<(&'t Spanned<DeString<'s>>, &'t Spanned<DeValue<'s>>)>
    where
        P: KeyPresence<Value = FieldMapping>,
    {
        self.find_table(key).into_iter().flat_map(in_file_order).collect()
    }

    /// The strings that the key holds, in the order of the file.
    pub(super) fn list_texts<P>(self, key: &Key<K, P>) -> Vec<String>
    where
        P: KeyPresence<Value = TextList>,
    {
        let values = self.find_value(key).and_then(|value| value.get_ref().as_array());
        values.into_iter().flatten().filter_map(|value| value.get_ref().as_str().map(ToOwned::to_owned)).collect()
    }

    /// The tags, in the order of the file.
    pub(super) fn list_tags<P>(self, key: &Key<K, P>) -> Vec<(&'t Spanned<DeString<'s>>, &'t Spanned<DeValue<'s>>)>
    where
        P: KeyPresence<Value = TagTable>,
    {
        self.find_table(key).into_iter().flat_map(in_file_order).collect()
    }
}

/// A table whose keys depend on its kind.
pub(super) struct OpenedKind<'t, 's, D> {
    table: Option<&'t DeTable<'s>>,
    kinds: PhantomData<fn() -> D>,
}

impl<D> Clone for OpenedKind<'_, '_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for OpenedKind<'_, '_, D> {}

impl<'t, 's, D: WordValue> OpenedKind<'t, 's, D> {
    pub(super) fn empty() -> Self {
        Self { table: None, kinds: PhantomData }
    }

    /// Its kind; `None` if it is missing or unknown.
    pub(super) fn read_kind(self) -> Option<D> {
        D::from_word(self.table?.get(KIND.name)?.get_ref().as_str()?)
    }

    /// The table with the keys of one of its kinds.
    pub(super) fn with_keys<B: KeysOfKind<D>>(self) -> ManifestTable<'t, 's, B> {
        ManifestTable::from_table(self.table)
    }
}

/// A venue's table, together with `[defaults]` and `[deployment]`.
#[derive(Clone, Copy)]
pub(super) struct VenueTable<'t, 's> {
    /// The venue's own keys, which it doesn't inherit.
    pub(super) own: ManifestTable<'t, 's, VenueKeys>,
    pub(super) defaults: ManifestTable<'t, 's, InheritedKeys>,
    pub(super) deployment: ManifestTable<'t, 's, DeploymentKeys>,
    /// What `[alarms]` says, if the manifest has it.
    pub(super) alarms: Option<&'t AlarmSettings>,
}

impl<'t, 's> VenueTable<'t, 's> {
    /// The venue's own value, or else that of `[defaults]`.
    fn find_inherited<P: KeyPresence>(self, key: &Key<InheritedKeys, P>) -> Option<&'t Spanned<DeValue<'s>>> {
        let own = ManifestTable::<InheritedKeys>::from_table(self.own.table);
        own.find_value(key).or_else(|| self.defaults.find_value(key))
    }

    /// The venue's value, or else that of `[defaults]`, or else what the declaration says.
    pub(super) fn read_inherited<P: ReadablePresence>(self, key: &Key<InheritedKeys, P>) -> P::Output {
        read_value(key, self.find_inherited(key))
    }

    /// The venue's table of this name, or else that of `[defaults]`.
    pub(super) fn open_inherited<B, P>(self, key: &Key<InheritedKeys, P>) -> Option<ManifestTable<'t, 's, B>>
    where
        P: KeyPresence<Value = SubTable<B>>,
    {
        let table = self.find_inherited(key)?.get_ref().as_table();
        table.map(|table| ManifestTable::from_table(Some(table)))
    }

    /// The text that is written for the key, if it is a string.
    pub(super) fn inherited_text<P: KeyPresence>(self, key: &Key<InheritedKeys, P>) -> Option<&'t str> {
        self.find_inherited(key)?.get_ref().as_str()
    }

    /// Where the value comes from, if it is in the file.
    pub(super) fn inherited_span<P: KeyPresence>(self, key: &Key<InheritedKeys, P>) -> Option<Span> {
        self.find_inherited(key).map(Spanned::span)
    }
}

fn read_value<K, P: ReadablePresence>(key: &Key<K, P>, found: Option<&Spanned<DeValue<'_>>>) -> P::Output {
    let found = found.and_then(|value| P::Value::from_scalar(ScalarValue::from_value(value)?));
    P::value_or_absent(found, key.spec().default)
}

/// What reading a key returns, by whether it may be absent.
pub(super) trait ReadablePresence: KeyPresence<Value: ManifestValue> {
    type Output;

    fn value_or_absent(found: Option<Self::Value>, default: Option<ScalarValue<'static>>) -> Self::Output;
}

/// An absent one has been reported.
impl ReadablePresence for Required<String> {
    type Output = String;

    fn value_or_absent(found: Option<String>, _: Option<ScalarValue<'static>>) -> String {
        found.unwrap_or_default()
    }
}

impl<T: ManifestValue> ReadablePresence for Optional<T> {
    type Output = Option<T>;

    fn value_or_absent(found: Option<T>, _: Option<ScalarValue<'static>>) -> Option<T> {
        found
    }
}

impl<T: ManifestValue> ReadablePresence for Defaulted<T> {
    type Output = T;

    fn value_or_absent(found: Option<T>, default: Option<ScalarValue<'static>>) -> T {
        found.or_else(|| T::from_scalar(default?)).expect(
            "`Key::with_name` refuses a `Defaulted` key without a default, and the test `every_default_is_valid` reads \
             each default",
        )
    }
}
