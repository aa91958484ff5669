//! What the venue's staff did with a lead, according to Tripleseat.
//!
//! A lead has no status of its own: times and ids of what became of it tell (seen in public client code: `converted_at`,
//! `event_id` and `booking_id` of one that became an event or a booking, `turned_down_at` of one that was turned down,
//! `deleted_at`). They are `null` in an open lead. An answer without any of them tells nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The members that tell, and what they mean if they aren't empty.
const SIGNS: [(&str, HandledHow); 8] = [
    ("deleted_at", HandledHow::Deleted),
    ("turned_down_at", HandledHow::TurnedDown),
    ("lost_at", HandledHow::TurnedDown),
    ("lost_date", HandledHow::TurnedDown),
    ("booking_id", HandledHow::Booked),
    ("booking_lead", HandledHow::Booked),
    ("converted_at", HandledHow::Converted),
    ("event_id", HandledHow::Converted),
];
/// The words for an open lead, where an answer has a `status`.
const OPEN_WORDS: [&str; 6] = ["new", "open", "pending", "unread", "active", "lead"];

/// What became of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadStatus {
    /// Nothing yet.
    Open,
    /// Staff did something with it.
    Handled {
        /// What.
        how: HandledHow,
        /// When, if the answer says so.
        at: Option<Timestamp>,
    },
    /// The answer doesn't tell.
    Unknown,
}

/// What staff did with a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandledHow {
    /// It became an event.
    Converted,
    /// It became a booking.
    Booked,
    /// It was turned down, or lost.
    TurnedDown,
    /// It was deleted.
    Deleted,
    /// It has another status than that of an open lead.
    OtherStatus,
}

impl LeadStatus {
    /// Reads it from a lead as Tripleseat returns it. `parse_time` reads a time in any of Tripleseat's formats.
    pub fn from_answer(lead: &Value, parse_time: impl Fn(&str) -> Option<Timestamp>) -> Self {
        let is_set = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Number(number) => number.as_u64() != Some(0),
            Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
        };
        let told = SIGNS.iter().filter_map(|(member, how)| Some((lead.get(*member)?, *how)));
        if let Some((_, how)) = told.clone().find(|(value, _)| is_set(value)) {
            let times = told.filter(|(_, other)| *other == how).map(|(value, _)| value);
            let at = times.filter_map(Value::as_str).find_map(&parse_time);
            let converted = || lead.get("converted_at").and_then(Value::as_str).and_then(&parse_time);
            let at = at.or_else(|| converted().filter(|_| how == HandledHow::Booked));
            return Self::Handled { how, at };
        }
        match lead.get("status").and_then(Value::as_str).map(|status| status.trim().to_lowercase()) {
            Some(status) if OPEN_WORDS.contains(&status.as_str()) => Self::Open,
            Some(status) if !status.is_empty() => Self::Handled { how: HandledHow::OtherStatus, at: None },
            _ if told.clone().next().is_some() => Self::Open,
            _ => Self::Unknown,
        }
    }

    /// Whether it is an event or a booking now.
    pub fn is_won(self) -> bool {
        matches!(self, Self::Handled { how: HandledHow::Converted | HandledHow::Booked, .. })
    }

    /// For people: `open`, `converted on 2026-03-02`.
    pub fn describe_status(self) -> String {
        let (what, at) = match self {
            Self::Open => return "open".to_owned(),
            Self::Unknown => return "unknown".to_owned(),
            Self::Handled { how, at } => (how, at),
        };
        let what = match what {
            HandledHow::Converted => "converted",
            HandledHow::Booked => "booked",
            HandledHow::TurnedDown => "turned down",
            HandledHow::Deleted => "deleted",
            HandledHow::OtherStatus => "not open anymore",
        };
        at.map_or_else(|| what.to_owned(), |at| format!("{what} on {}", at.strftime("%Y-%m-%d")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status_of(lead: Value) -> String {
        LeadStatus::from_answer(&lead, |text| text.parse().ok()).describe_status()
    }

    #[test]
    fn times_and_ids_tell_what_became_of_a_lead() {
        assert_eq!(status_of(json!({ "converted_at": null, "turned_down_at": null, "event_id": null })), "open");
        assert_eq!(
            status_of(json!({ "converted_at": "2026-03-02T10:00:00Z", "event_id": 7 })),
            "converted on 2026-03-02"
        );
        assert_eq!(
            status_of(json!({ "converted_at": "2026-03-02T10:00:00Z", "booking_id": 7 })),
            "booked on 2026-03-02"
        );
        assert_eq!(status_of(json!({ "converted_at": null, "event_id": "7" })), "converted");
        assert_eq!(status_of(json!({ "booking_lead": true, "event_id": null })), "booked");
        assert_eq!(
            status_of(json!({ "turned_down_at": "2026-03-02T10:00:00Z", "event_id": 7 })),
            "turned down on 2026-03-02"
        );
        assert_eq!(status_of(json!({ "deleted_at": "03/02/2026" })), "deleted");
        assert_eq!(status_of(json!({ "status": "LOST", "event_id": null })), "not open anymore");
        assert_eq!(status_of(json!({ "status": "Pending" })), "open");
        assert_eq!(status_of(json!({ "id": 7, "first_name": "Ana" })), "unknown");
    }
}
