//! Suggests mappings for what makes a lead worth having: the date, size and kind of the event.

use crate::property::ContactProperty;

/// A mapping that a venue doesn't have, from a property that the portal has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSuggestion {
    /// The lead's field.
    pub field: &'static str,
    /// The expression for it.
    pub expression: String,
    /// The property's label, as staff know it.
    pub label: String,
}

impl FieldSuggestion {
    /// The line for `[venues.NAME.fields]`. A property's name needs no escapes.
    pub fn manifest_line(&self) -> String {
        format!("{} = \"{}\"", self.field, self.expression)
    }
}

/// What a property must be about to fill a field: all words of one of the groups, in its name or its label.
struct FieldSubject {
    field: &'static str,
    words: &'static [&'static [&'static str]],
    expression: fn(&ContactProperty) -> Option<String>,
}

const SUBJECTS: [FieldSubject; 4] = [
    FieldSubject { field: "event_date", words: EVENT_DATE, expression: date_expression },
    FieldSubject { field: "start_time", words: EVENT_DATE, expression: time_expression },
    FieldSubject {
        field: "guest_count",
        words: &[
            &["guest", "count"],
            &["guest", "number"],
            &["party", "size"],
            &["group", "size"],
            &["number", "people"],
            &["number", "attendees"],
            &["headcount"],
        ],
        expression: |property| (property.kind == "number").then(|| property.name.clone()),
    },
    FieldSubject {
        field: "event_description",
        words: &[&["event", "type"], &["type", "event"], &["occasion"]],
        expression: |property| match property.kind.as_str() {
            "enumeration" => Some(format!("{}:label", property.name)),
            "string" => Some(property.name.clone()),
            _ => None,
        },
    },
];
const EVENT_DATE: &[&[&str]] = &[&["event", "date"], &["event", "start"], &["date", "event"]];

fn date_expression(property: &ContactProperty) -> Option<String> {
    match property.kind.as_str() {
        "date" => Some(property.name.clone()),
        "datetime" => Some(format!("{}:date", property.name)),
        _ => None,
    }
}

fn time_expression(property: &ContactProperty) -> Option<String> {
    (property.kind == "datetime").then(|| format!("{}:time", property.name))
}

/// Mappings for fields of Tripleseat's leads that are not in `mapped`, each from the property that fits best.
pub fn suggest_fields<'p>(
    properties: impl IntoIterator<Item = &'p ContactProperty>,
    mapped: &[(String, String)],
) -> Vec<FieldSuggestion> {
    // HubSpot's own properties are about the contact, and ours about the sync.
    let custom =
        |property: &&ContactProperty| !property.name.starts_with("hs_") && !property.name.contains("tripleseat_");
    let properties: Vec<&ContactProperty> = properties.into_iter().filter(custom).collect();
    let unmapped = SUBJECTS.iter().filter(|subject| !mapped.iter().any(|(field, _)| field == subject.field));
    let best = |subject: &FieldSubject| {
        let rank = |property: &ContactProperty| {
            let text = format!("{} {}", property.name, property.label).to_lowercase();
            let place = subject.words.iter().position(|words| words.iter().all(|word| text.contains(word)))?;
            // The shortest name says nothing else.
            Some((property.name != subject.field, place, property.name.len(), property.name.clone()))
        };
        let fitting = properties.iter().filter_map(|property| {
            Some((
                rank(property)?,
                FieldSuggestion {
                    field: subject.field,
                    expression: (subject.expression)(property)?,
                    label: property.label.clone(),
                },
            ))
        });
        fitting.min_by(|one, other| one.0.cmp(&other.0)).map(|(_, suggestion)| suggestion)
    };
    unmapped.filter_map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(name: &str, label: &str, kind: &str) -> ContactProperty {
        ContactProperty {
            name: name.to_owned(),
            label: label.to_owned(),
            description: String::new(),
            kind: kind.to_owned(),
            field_type: String::new(),
            group_name: String::new(),
            options: Vec::new(),
        }
    }

    #[test]
    fn suggests_the_property_that_fits_best() {
        let portal = [
            property("createdate", "Create Date", "datetime"),
            property("hs_event_date", "Event date of HubSpot", "date"),
            property("tripleseat_synced_at__event_date", "Event Date", "date"),
            property("last_event_date", "Last Event Date", "date"),
            property("event_date", "When", "date"),
            property("wedding_guests", "Guest count (estimated)", "number"),
            property("guest_count_text", "Guest count", "string"),
            property("what", "Type of event", "enumeration"),
        ];
        let suggested: Vec<String> = suggest_fields(&portal, &[]).iter().map(FieldSuggestion::manifest_line).collect();
        assert_eq!(
            suggested,
            ["event_date = \"event_date\"", "guest_count = \"wedding_guests\"", "event_description = \"what:label\"",]
        );
        let mapped = [("event_date".to_owned(), "=".to_owned()), ("guest_count".to_owned(), "x".to_owned())];
        let left: Vec<&str> = suggest_fields(&portal, &mapped).iter().map(|suggestion| suggestion.field).collect();
        assert_eq!(left, ["event_description"]);
        assert_eq!(suggest_fields(&[], &[]), []);
    }

    #[test]
    fn a_time_fills_date_and_start() {
        let suggested = suggest_fields(&[property("event_start", "Event start", "datetime")], &[]);
        let lines: Vec<String> = suggested.iter().map(FieldSuggestion::manifest_line).collect();
        assert_eq!(lines, ["event_date = \"event_start:date\"", "start_time = \"event_start:time\""]);
    }
}
