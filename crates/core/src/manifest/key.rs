//! How a manifest key is declared. `keys` has the declarations, `table` reads values through them.

use std::marker::PhantomData;
use std::ops::RangeInclusive;

use super::format::TextFormat;
use super::value::{DateText, IntegerValue, ScalarValue, TextValue, WordValue};

/// A table and its keys.
pub(super) struct TableSpec {
    pub(super) doc: &'static str,
    pub(super) own: &'static [KeySpec],
    /// Keys that it shares with another table, which holds their values where this one has none.
    pub(super) inherited: &'static [KeySpec],
}

/// A key, its allowed values, and its purpose: what the checks and the JSON Schema need to know.
#[derive(Clone, Copy)]
pub(super) struct KeySpec {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) value: ValueSpec,
    pub(super) required: bool,
    pub(super) default: Option<ScalarValue<'static>>,
    pub(super) example: Option<ScalarValue<'static>>,
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum ValueSpec {
    Text(TextFormat),
    OneOf(&'static [&'static str]),
    /// One of these words. Those that are numbers are written as such.
    NumberOrWord(&'static [&'static str]),
    Integer {
        min: i64,
        max: i64,
    },
    IntegerOneOf(&'static [i64]),
    Bool,
    Date,
    Table(&'static TableSpec),
    /// A table whose keys are names chosen by the user, each holding a table of this shape.
    Named(&'static TableSpec),
    /// A table whose keys depend on its `kind`.
    Kinds(&'static [(&'static str, &'static TableSpec)]),
    /// A table from destination fields to mapping expressions.
    Mapping,
    /// A table from the keys of tags to their values.
    Tags,
    /// A list of strings, with a number of them.
    Texts {
        format: TextFormat,
        most: usize,
    },
}

impl TableSpec {
    /// All its keys, in the order of the documentation.
    pub(super) fn list_keys(&self) -> impl Iterator<Item = &'static KeySpec> + use<> {
        self.own.iter().chain(self.inherited)
    }

    pub(super) fn find_key(&self, name: &str) -> Option<&'static KeySpec> {
        self.list_keys().find(|key| key.name == name)
    }
}

/// A declared key of the table `K`. Only a table that has the key can read it, as the type that `P` says.
pub(super) struct Key<K, P> {
    spec: KeySpec,
    marker: PhantomData<fn() -> (K, P)>,
}

/// Whether a key may be absent, and the type of its value.
pub(super) trait KeyPresence {
    type Value;
    const REQUIRED: bool = false;
    const DEFAULTED: bool = false;
}

/// A key that must be in the file.
pub(super) struct Required<T>(PhantomData<fn() -> T>);

/// A key that may be absent.
pub(super) struct Optional<T>(PhantomData<fn() -> T>);

/// A key that has its default where it is absent.
pub(super) struct Defaulted<T>(PhantomData<fn() -> T>);

impl<T> KeyPresence for Required<T> {
    type Value = T;
    const REQUIRED: bool = true;
}

impl<T> KeyPresence for Optional<T> {
    type Value = T;
}

impl<T> KeyPresence for Defaulted<T> {
    type Value = T;
    const DEFAULTED: bool = true;
}

/// The keys of one table.
pub(super) trait TableKeys {
    const SPEC: &'static TableSpec;
}

/// The keys of a table that is one of the kinds `D`.
pub(super) trait KeysOfKind<D>: TableKeys {}

/// The alternatives of a table whose keys depend on its `kind`.
pub(super) trait TableKinds: WordValue {
    const KINDS: &'static [(&'static str, &'static TableSpec)];
}

/// A table with the keys `B`.
pub(super) struct SubTable<B>(PhantomData<fn() -> B>);

/// Tables with the keys `B`, under names chosen by the user.
pub(super) struct NamedTables<B>(PhantomData<fn() -> B>);

/// A table of one of the kinds `D`.
pub(super) struct KindTable<D>(PhantomData<fn() -> D>);

/// A table from destination fields to mapping expressions.
pub(super) struct FieldMapping;

/// A table from the keys of tags to their values.
pub(super) struct TagTable;

/// A list of strings.
pub(super) struct TextList;

impl<K, P: KeyPresence> Key<K, P> {
    const fn declare(value: ValueSpec, doc: &'static str) -> Self {
        let spec = KeySpec { name: "", doc, value, required: P::REQUIRED, default: None, example: None };
        Self { spec, marker: PhantomData }
    }

    pub(super) const fn text(format: TextFormat, doc: &'static str) -> Self
    where
        P::Value: TextValue,
    {
        Self::declare(ValueSpec::Text(format), doc)
    }

    pub(super) const fn integer(range: RangeInclusive<i64>, doc: &'static str) -> Self
    where
        P::Value: IntegerValue,
    {
        Self::declare(ValueSpec::Integer { min: *range.start(), max: *range.end() }, doc)
    }

    pub(super) const fn integer_one_of(numbers: &'static [i64], doc: &'static str) -> Self
    where
        P::Value: IntegerValue,
    {
        Self::declare(ValueSpec::IntegerOneOf(numbers), doc)
    }

    pub(super) const fn one_of(doc: &'static str) -> Self
    where
        P::Value: WordValue,
    {
        Self::declare(ValueSpec::OneOf(<P::Value as WordValue>::WORDS), doc)
    }

    pub(super) const fn number_or_word(doc: &'static str) -> Self
    where
        P::Value: WordValue,
    {
        Self::declare(ValueSpec::NumberOrWord(<P::Value as WordValue>::WORDS), doc)
    }

    pub(super) const fn bool(doc: &'static str) -> Self
    where
        P: KeyPresence<Value = bool>,
    {
        Self::declare(ValueSpec::Bool, doc)
    }

    pub(super) const fn date(doc: &'static str) -> Self
    where
        P: KeyPresence<Value = DateText>,
    {
        Self::declare(ValueSpec::Date, doc)
    }

    pub(super) const fn table<B: TableKeys>(doc: &'static str) -> Self
    where
        P: KeyPresence<Value = SubTable<B>>,
    {
        Self::declare(ValueSpec::Table(B::SPEC), doc)
    }

    pub(super) const fn named<B: TableKeys>(doc: &'static str) -> Self
    where
        P: KeyPresence<Value = NamedTables<B>>,
    {
        Self::declare(ValueSpec::Named(B::SPEC), doc)
    }

    pub(super) const fn kinds<D: TableKinds>(doc: &'static str) -> Self
    where
        P: KeyPresence<Value = KindTable<D>>,
    {
        Self::declare(ValueSpec::Kinds(D::KINDS), doc)
    }

    pub(super) const fn mapping(doc: &'static str) -> Self
    where
        P: KeyPresence<Value = FieldMapping>,
    {
        Self::declare(ValueSpec::Mapping, doc)
    }

    pub(super) const fn texts(format: TextFormat, most: usize, doc: &'static str) -> Self
    where
        P: KeyPresence<Value = TextList>,
    {
        Self::declare(ValueSpec::Texts { format, most }, doc)
    }

    pub(super) const fn tags(doc: &'static str) -> Self
    where
        P: KeyPresence<Value = TagTable>,
    {
        Self::declare(ValueSpec::Tags, doc)
    }

    pub(super) const fn with_example(mut self, example: ScalarValue<'static>) -> Self {
        self.spec.example = Some(example);
        self
    }

    /// Completes a declaration.
    ///
    /// # Panics
    /// At compile time, if a key has a default that it can't have, or lacks the one that it must have.
    pub(super) const fn with_name(mut self, name: &'static str) -> Self {
        assert!(P::DEFAULTED == self.spec.default.is_some(), "exactly the `Defaulted` keys have a default");
        if let Some(default) = self.spec.default {
            let fits = match (self.spec.value, default) {
                (ValueSpec::Text(_) | ValueSpec::OneOf(_) | ValueSpec::NumberOrWord(_), ScalarValue::Text(_)) => true,
                (ValueSpec::Integer { min, max }, ScalarValue::Integer(number)) => min <= number && number <= max,
                (ValueSpec::IntegerOneOf(_), ScalarValue::Integer(_)) => true,
                (ValueSpec::Bool, ScalarValue::Bool(_)) => true,
                _ => false,
            };
            assert!(fits, "the default is not a value that the key may have");
        }
        self.spec.name = name;
        self
    }

    pub(super) const fn name(&self) -> &'static str {
        self.spec.name
    }

    pub(super) const fn spec(&self) -> KeySpec {
        self.spec
    }
}

impl<K, T> Key<K, Defaulted<T>> {
    pub(super) const fn with_default(mut self, default: ScalarValue<'static>) -> Self {
        self.spec.default = Some(default);
        self
    }
}

/// The key that decides which other keys its table has.
pub(super) const KIND: KeySpec = KeySpec {
    name: "kind",
    doc: "Which kind it is.",
    value: ValueSpec::Text(TextFormat::Plain),
    required: true,
    default: None,
    example: None,
};

/// Declares the keys of a table, each once: as a field to read it by, and as an entry of the table's [`TableSpec`].
/// A declared key that nothing reads is a field that is never read, which the compiler reports.
macro_rules! declare_table {
    (
        $(#[$meta:meta])*
        $table:ident: $keys:ident = $doc:literal
        $(, inherits $inherited:ty)?
        $(, kind of $kinds:ty)?;
        $($field:ident: $presence:ty = $declaration:expr,)+
    ) => {
        $(#[$meta])*
        pub(super) struct $keys {
            $(pub(super) $field: Key<$keys, $presence>,)+
        }

        $(#[$meta])*
        pub(super) static $table: $keys = $keys {
            $($field: $declaration.with_name(stringify!($field)),)+
        };

        impl TableKeys for $keys {
            const SPEC: &'static TableSpec = &TableSpec {
                doc: $doc,
                own: &[
                    $(kind_of!($kinds),)?
                    $({
                        const KEY: Key<$keys, $presence> = $declaration.with_name(stringify!($field));
                        KEY.spec()
                    },)+
                ],
                inherited: inherited_from!($($inherited)?),
            };
        }

        $(impl KeysOfKind<$kinds> for $keys {})?
    };
}

macro_rules! kind_of {
    ($kinds:ty) => {
        $crate::manifest::key::KIND
    };
}

macro_rules! inherited_from {
    () => {
        &[]
    };
    ($keys:ty) => {
        <$keys as TableKeys>::SPEC.own
    };
}

/// Declares the alternatives of a table: an enum with the word and the keys of each.
macro_rules! declare_kinds {
    ($(#[$meta:meta])* $kinds:ident { $($kind:ident = $word:literal => $spec:expr,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $kinds {
            $($kind,)+
        }

        declare_words! { $kinds { $($kind = $word,)+ } }

        impl TableKinds for $kinds {
            const KINDS: &'static [(&'static str, &'static TableSpec)] = &[$(($word, $spec)),+];
        }
    };
}

pub(super) use {declare_kinds, declare_table, inherited_from, kind_of};
