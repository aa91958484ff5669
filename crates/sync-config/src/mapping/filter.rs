//! The filters of mapping expressions: their names and arguments, and what each does with a value.

use jiff::tz::TimeZone;

use super::html::decode_html;
use super::moment::{self, Shown};
use super::{LeadValue, PropertyLabels};
use crate::text::parse_boolean;

/// What separates the values of a HubSpot property that can have several.
const HUBSPOT_SEPARATOR: &str = ";";
/// What separates labels unless `join` says otherwise.
const LABEL_SEPARATOR: &str = ", ";
/// Ends a text that was shortened, so that its reader knows.
const ELLIPSIS: char = '…';

/// A filter, as documentation and error messages name it.
#[derive(Debug, Clone, Copy)]
pub struct FilterSpec {
    /// Its name.
    pub name: &'static str,
    /// How it is written, with its arguments.
    pub usage: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// A value, and what becomes of it with `usage`: in a venue in New York, and with the labels `Wedding` for
    /// `wedding` and `Corporate event` for `corp`.
    pub example: (&'static str, &'static str),
    /// Builds the filter from its arguments; the error says which arguments it takes.
    pub(super) build: fn(&[String]) -> Result<Filter, &'static str>,
}

/// All filters, in the order of the documentation.
pub const FILTERS: [FilterSpec; 11] = [
    FilterSpec {
        name: "label",
        usage: "label",
        doc: "the label of a dropdown's or checkbox's internal name; several are separated by a comma",
        example: ("wedding;corp", "Wedding, Corporate event"),
        build: |arguments| without_arguments(arguments, Filter::Label),
    },
    FilterSpec {
        name: "date",
        usage: "date('%m/%d/%Y')",
        doc: "the date, in the venue's `timezone` if the value has a time; without a format, as `2026-06-01`",
        example: ("2026-06-02T03:00:00Z", "06/01/2026"),
        build: |arguments| with_format(arguments, Shown::Date),
    },
    FilterSpec {
        name: "time",
        usage: "time",
        doc: "the time of day in the venue's `timezone`; a format such as `time('%H:%M')` is optional",
        example: ("2026-06-01T22:30:00Z", "6:30pm"),
        build: |arguments| with_format(arguments, Shown::Time),
    },
    FilterSpec {
        name: "datetime",
        usage: "datetime",
        doc: "date and time in the venue's `timezone`; a format is optional",
        example: ("2026-06-01T16:00:00Z", "2026-06-01 12pm"),
        build: |arguments| with_format(arguments, Shown::Both),
    },
    FilterSpec {
        name: "split",
        usage: "split(' '):first",
        doc: "a list, split at a separator; for `first`, `rest` and `join`",
        example: ("Jo van Berg", "Jo"),
        build: |arguments| {
            let [separator] = arguments else { return Err("one argument, the separator, such as split(' ')") };
            match separator.is_empty() {
                true => Err("a separator that isn't empty, such as split(' ')"),
                false => Ok(Filter::Split(separator.clone())),
            }
        },
    },
    FilterSpec {
        name: "first",
        usage: "first",
        doc: "the first item of a list",
        example: ("red;green;blue", "red"),
        build: |arguments| without_arguments(arguments, Filter::First),
    },
    FilterSpec {
        name: "rest",
        usage: "split(' '):rest",
        doc: "all items of a list but the first",
        example: ("Jo van Berg", "van Berg"),
        build: |arguments| without_arguments(arguments, Filter::Rest),
    },
    FilterSpec {
        name: "join",
        usage: "join(' / ')",
        doc: "the items of a list, with this between them; several values of a HubSpot property are a list",
        example: ("red;green;blue", "red / green / blue"),
        build: |arguments| {
            let [separator] = arguments else { return Err("one argument, what comes between, such as join(', ')") };
            Ok(Filter::Join(separator.clone()))
        },
    },
    FilterSpec {
        name: "shorten",
        usage: "shorten(12)",
        doc: "at most this many characters; a text that is cut ends in …",
        example: ("Dinner for ten", "Dinner for…"),
        build: |arguments| {
            let usage = "one argument, the number of characters from 2 on, such as shorten(255)";
            let [length] = arguments else { return Err(usage) };
            length.parse().ok().filter(|length| *length >= 2).map(Filter::Shorten).ok_or(usage)
        },
    },
    FilterSpec {
        name: "decode_html",
        usage: "decode_html",
        doc: "characters instead of HTML's references to them",
        example: ("Fish &amp; Chips", "Fish & Chips"),
        build: |arguments| without_arguments(arguments, Filter::DecodeHtml),
    },
    FilterSpec {
        name: "json",
        usage: "json",
        doc: "for `http` destinations: a number or a yes or no as JSON's number, true or false, not as text",
        example: ("42.50", "42.5"),
        build: |arguments| without_arguments(arguments, Filter::Json),
    },
];

fn without_arguments(arguments: &[String], filter: Filter) -> Result<Filter, &'static str> {
    if arguments.is_empty() { Ok(filter) } else { Err("no arguments") }
}

fn with_format(arguments: &[String], shown: Shown) -> Result<Filter, &'static str> {
    match arguments {
        [] => Ok(Filter::Moment { shown, format: None }),
        [format] if moment::is_valid_format(format) => Ok(Filter::Moment { shown, format: Some(format.clone()) }),
        _ => Err("a format of strftime, such as '%m/%d/%Y' for 06/01/2026 or '%H:%M' for 18:30"),
    }
}

/// A filter with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Label,
    Moment { shown: Shown, format: Option<String> },
    Split(String),
    First,
    Rest,
    Join(String),
    Shorten(usize),
    DecodeHtml,
    Json,
}

/// A value between two filters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FilteredValue {
    Text(String),
    /// Items that no `join` has put together yet, and what was between them.
    List {
        items: Vec<String>,
        separator: String,
    },
    Json(LeadValue),
}

impl FilteredValue {
    /// The value of the lead's field.
    pub(super) fn into_lead_value(self) -> LeadValue {
        match self {
            Self::Json(value) => value,
            Self::Text(_) | Self::List { .. } => LeadValue::Text(self.into_text()),
        }
    }

    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::List { items, separator } => items.join(&separator),
            Self::Json(value) => value.to_text(),
        }
    }

    /// The items of a list. A text is HubSpot's list of values.
    fn into_items(self) -> (Vec<String>, String) {
        match self {
            Self::List { items, separator } => (items, separator),
            Self::Text(text) => (split_items(&text, HUBSPOT_SEPARATOR), HUBSPOT_SEPARATOR.to_owned()),
            Self::Json(value) => (vec![value.to_text()], HUBSPOT_SEPARATOR.to_owned()),
        }
    }
}

/// What filters know besides the value.
pub(super) struct FilterContext<'a> {
    pub(super) property: &'a str,
    pub(super) labels: &'a PropertyLabels,
    pub(super) zone: &'a TimeZone,
}

impl Filter {
    /// Whether the filter needs the definition of its property.
    pub(super) fn needs_labels(&self) -> bool {
        *self == Self::Label
    }

    /// Whether the filter would be wrong without the venue's zone, whatever the property is.
    pub(super) fn needs_timezone(&self) -> bool {
        matches!(self, Self::Moment { shown: Shown::Time | Shown::Both, .. })
    }

    /// Applies the filter. One that can't read its value leaves it as it is, so that nothing that a contact entered
    /// gets lost.
    pub(super) fn apply_filter(&self, value: FilteredValue, context: &FilterContext<'_>) -> FilteredValue {
        use FilteredValue::{Json, List, Text};
        match self {
            Self::Label => {
                let (items, _) = value.into_items();
                let items = items.into_iter().map(|item| context.labels.find_label(context.property, item)).collect();
                List { items, separator: LABEL_SEPARATOR.to_owned() }
            }
            Self::Moment { shown, format } => {
                let text = value.into_text();
                let moment = moment::format_moment(&text, *shown, format.as_deref(), context.zone);
                Text(moment.unwrap_or(text))
            }
            Self::Split(separator) => {
                List { items: split_items(&value.into_text(), separator), separator: separator.clone() }
            }
            Self::First => Text(value.into_items().0.into_iter().next().unwrap_or_default()),
            Self::Rest => {
                let (items, separator) = value.into_items();
                List { items: items.into_iter().skip(1).collect(), separator }
            }
            Self::Join(separator) => Text(value.into_items().0.join(separator)),
            Self::Shorten(length) => Text(shorten_text(value.into_text(), *length)),
            Self::DecodeHtml => match value {
                List { items, separator } => {
                    List { items: items.iter().map(|item| decode_html(item)).collect(), separator }
                }
                Text(_) | Json(_) => Text(decode_html(&value.into_text())),
            },
            Self::Json => {
                let text = value.into_text();
                match LeadValue::parse_number(&text) {
                    Some(number) => Json(number),
                    None => match parse_boolean(&text) {
                        Some(flag) => Json(LeadValue::Flag(flag)),
                        None => Text(text),
                    },
                }
            }
        }
    }
}

/// The parts of a text, without empty ones. Any run of white space is one separator if the separator is white space.
fn split_items(text: &str, separator: &str) -> Vec<String> {
    let parts: Vec<&str> = match separator.trim().is_empty() {
        true => text.split_whitespace().collect(),
        false => text.split(separator).collect(),
    };
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The first characters of a text that is too long, and an ellipsis.
fn shorten_text(text: String, length: usize) -> String {
    if text.chars().nth(length).is_none() {
        return text;
    }
    let kept: String = text.chars().take(length - 1).collect();
    // The joiners of a cut emoji would take the ellipsis for its next part.
    let kept = kept.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '\u{200d}' | '\u{fe0f}'));
    format!("{kept}{ELLIPSIS}")
}
