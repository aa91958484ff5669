//! Values of a lead's fields.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::parse_boolean;
use crate::tripleseat::FieldKind;

/// The value of a lead's field, as it is in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LeadValue {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Decimal(f64),
    /// Text.
    Text(String),
}

impl LeadValue {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(_) | Self::Whole(_) | Self::Decimal(_) => None,
        }
    }

    /// The value as a person reads it.
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// A number as HubSpot stores it (`50`, `50.0`), if `text` is one. A leading zero or plus belongs to a code or a
    /// phone number.
    pub(super) fn parse_number(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        if fraction.bytes().all(|digit| digit == b'0') {
            let sign = if text.starts_with('-') { "-" } else { "" };
            return format!("{sign}{whole}").parse().ok().map(Self::Whole);
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Decimal)
    }

    /// The value as a field of this kind has it. A text that isn't a whole number stays a text, so that the vendor's
    /// refusal names it.
    pub(super) fn for_field(self, kind: FieldKind) -> Self {
        match (kind, self) {
            (FieldKind::Text, value) => Self::Text(value.to_text()),
            (FieldKind::Whole, Self::Text(text)) => match Self::parse_number(&text) {
                Some(number @ Self::Whole(_)) => number,
                _ => Self::Text(text),
            },
            (FieldKind::Whole, value) => value,
            (FieldKind::Consent, Self::Flag(flag)) => Self::Flag(flag),
            (FieldKind::Consent, value) => Self::Flag(parse_boolean(&value.to_text()).unwrap_or(false)),
        }
    }
}

impl fmt::Display for LeadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Decimal(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for LeadValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
