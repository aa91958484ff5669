//! The values of keys: as they are in the file, and as what they are read.

use std::fmt;

use toml::Spanned;
use toml::de::DeValue;
use toml::value::Datetime;

use super::digest_schedule::DigestSchedule;
use super::shape::parse_integer;
use super::{ScheduleExpression, SecretRef, parse_duration};

/// A value that is not a table: from the file, a default or an example.
#[derive(Clone, Copy)]
pub(super) enum ScalarValue<'v> {
    Text(&'v str),
    Integer(i64),
    Bool(bool),
    Date(&'v Datetime),
}

impl fmt::Display for ScalarValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Date(date) => write!(f, "{date}"),
        }
    }
}

impl<'v> ScalarValue<'v> {
    pub(super) fn from_value(value: &'v Spanned<DeValue<'_>>) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(text) => Some(Self::Text(text)),
            DeValue::Integer(_) => parse_integer(value).map(Self::Integer),
            DeValue::Boolean(value) => Some(Self::Bool(*value)),
            DeValue::Datetime(date) => Some(Self::Date(date)),
            DeValue::Float(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        }
    }
}

/// A type with one word for each of its values. Implemented by [`declare_words`].
pub(super) trait WordValue: Copy + 'static {
    const WORDS: &'static [&'static str];

    fn from_word(word: &str) -> Option<Self>;

    fn as_word(self) -> &'static str;
}

/// A type that is read from a string.
pub(super) trait TextValue {}

/// A type that is read from an integer.
pub(super) trait IntegerValue {}

/// A date, as `YYYY-MM-DD`, with or without quotes in the file.
pub(super) struct DateText(pub(super) String);

/// Gives each value of an enum its word in the manifest. A value without a word doesn't compile.
macro_rules! declare_words {
    ($type:ty { $($value:ident = $word:literal,)+ }) => {
        impl $crate::manifest::value::WordValue for $type {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)+
                    _ => None,
                }
            }

            fn as_word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }
    };
}

pub(super) use declare_words;

/// A type that a key's value is read as.
pub(super) trait ManifestValue: Sized {
    /// `None` if the value is of another type, or not valid.
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self>;
}

/// A duration in seconds, written with units.
pub(super) struct Seconds(pub(super) u32);

/// A base URL without a trailing slash.
pub(super) struct BaseUri(pub(super) String);

impl TextValue for String {}
impl TextValue for SecretRef {}
impl TextValue for ScheduleExpression {}
impl TextValue for DigestSchedule {}
impl TextValue for Seconds {}
impl TextValue for BaseUri {}
impl IntegerValue for u32 {}
impl IntegerValue for u64 {}

impl<'v> ScalarValue<'v> {
    fn as_text(self) -> Option<&'v str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Bool(_) | Self::Date(_) => None,
        }
    }

    fn as_integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Text(_) | Self::Bool(_) | Self::Date(_) => None,
        }
    }
}

impl ManifestValue for String {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        value.as_text().map(str::to_owned)
    }
}

impl ManifestValue for u32 {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        Self::try_from(value.as_integer()?).ok()
    }
}

impl ManifestValue for u64 {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        Self::try_from(value.as_integer()?).ok()
    }
}

impl ManifestValue for bool {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        match value {
            ScalarValue::Bool(value) => Some(value),
            ScalarValue::Text(_) | ScalarValue::Integer(_) | ScalarValue::Date(_) => None,
        }
    }
}

impl<W: WordValue> ManifestValue for W {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        match value.as_integer() {
            Some(number) => Self::from_word(&number.to_string()),
            None => Self::from_word(value.as_text()?),
        }
    }
}

impl ManifestValue for SecretRef {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        Self::parse_reference(value.as_text()?).ok()
    }
}

impl ManifestValue for ScheduleExpression {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        Self::parse_expression(value.as_text()?).ok()
    }
}

impl ManifestValue for DigestSchedule {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        Self::parse_digest(value.as_text()?).ok()
    }
}

impl ManifestValue for Seconds {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        parse_duration(value.as_text()?).ok().map(Self)
    }
}

impl ManifestValue for BaseUri {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        value.as_text().map(|text| Self(text.trim_end_matches('/').to_owned()))
    }
}

impl ManifestValue for DateText {
    fn from_scalar(value: ScalarValue<'_>) -> Option<Self> {
        match value {
            ScalarValue::Text(text) => Some(Self(text.to_owned())),
            ScalarValue::Date(date) => Some(Self(date.to_string())),
            ScalarValue::Integer(_) | ScalarValue::Bool(_) => None,
        }
    }
}
