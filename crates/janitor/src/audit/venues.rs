//! Recognizes a venue where no tag names it: in a function's environment, in a HubSpot workflow.

use sync_config::config::DestinationConfig;

use super::Node;
use deployer_core::manifest::Manifest;

/// The marks by which one venue is recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueMarks {
    /// Its name in the manifest.
    pub name: String,
    /// Its display name.
    pub display_name: String,
    /// The internal name of its flag property in HubSpot.
    pub flag_property: String,
    /// Its location in Tripleseat, if the manifest has it.
    pub location_id: Option<u64>,
    /// The URL of its `http` destination, without a query.
    pub url: Option<String>,
}

impl VenueMarks {
    /// The marks of all venues of a manifest, including blocked ones.
    pub fn from_manifest(manifest: &Manifest) -> Vec<Self> {
        let marks = manifest.venues.iter().map(|venue| {
            let (location_id, url) = match &venue.destination {
                DestinationConfig::Tripleseat(place) => (place.location_id, None),
                DestinationConfig::Http(http) => (None, http.url.split('?').next().map(ToOwned::to_owned)),
            };
            Self {
                name: venue.name.clone(),
                display_name: venue.display_name.clone(),
                flag_property: venue.flag_property.clone(),
                location_id,
                url,
            }
        });
        marks.collect()
    }

    /// Whether the value of an environment variable names this venue: it contains the flag property or the
    /// destination's URL, or `key` shows that it is a venue or a location and the value is this venue's.
    pub(super) fn match_variable(&self, key: &str, value: &str) -> bool {
        let key = key.to_ascii_lowercase();
        let location = self.location_id.map(|id| id.to_string());
        let is_location = |location: &String| {
            (key.contains("location") && value.trim() == location)
                || value.split_once("location_id").is_some_and(|(_, rest)| {
                    let digits = rest.trim_start_matches(|c: char| "\"': =".contains(c));
                    digits.split(|c: char| !c.is_ascii_digit()).next() == Some(location.as_str())
                })
        };
        split_words(value).any(|word| word == self.flag_property)
            || self.url.as_ref().is_some_and(|url| value.contains(url.as_str()))
            || (key.contains("venue") && value.trim() == self.name)
            || location.as_ref().is_some_and(is_location)
    }

    /// Whether a title, such as a workflow's name, names this venue.
    fn match_title(&self, title: &str) -> bool {
        let (title, name) = (normalize_title(title), normalize_title(&self.name));
        [name, normalize_title(&self.display_name)].iter().any(|name| name.len() > 2 && title.contains(name.as_str()))
    }
}

/// The venue that a workflow or webhook is about: the one whose flag property it uses, or else the one whose name is in
/// its title. `None` unless there is exactly one.
pub(super) fn venue_of(node: &Node, marks: &[VenueMarks]) -> Option<String> {
    let properties = node.attributes.get("properties").map(String::as_str).unwrap_or_default();
    let by_flag: Vec<_> =
        marks.iter().filter(|venue| properties.split(", ").any(|name| name == venue.flag_property)).collect();
    let found = match by_flag.is_empty() {
        false => by_flag,
        true => marks.iter().filter(|venue| venue.match_title(&node.name)).collect(),
    };
    match found.as_slice() {
        [one] => Some(one.name.clone()),
        _ => None,
    }
}

fn split_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
}

/// Lowercase words with one space around each, so that `Venue A` isn't found in `Venue Annex`.
fn normalize_title(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::NodeKind;
    use super::*;

    fn venue_marks() -> Vec<VenueMarks> {
        let venue = |name: &str, display: &str, location| VenueMarks {
            name: name.to_owned(),
            display_name: display.to_owned(),
            flag_property: format!("tripleseat_sync__{}", name.replace('-', "_")),
            location_id: Some(location),
            url: None,
        };
        vec![venue("venue-a", "Venue A", 12), venue("venue-b", "Venue B", 123)]
    }

    #[test]
    fn recognizes_a_venue_in_variables_by_flag_location_or_name() {
        let found = |key: &str, value: &str| {
            let found = venue_marks().into_iter().filter(|venue| venue.match_variable(key, value));
            found.map(|venue| venue.name).collect::<Vec<_>>()
        };
        assert_eq!(found("FLAG", "tripleseat_sync__venue_a"), ["venue-a"]);
        assert_eq!(found("CONFIG", r#"{"location_id": 123}"#), ["venue-b"]);
        assert_eq!(found("LOCATION_ID", "12"), ["venue-a"]);
        assert_eq!(found("VENUE", "venue-b"), ["venue-b"]);
        assert_eq!(found("TIMEOUT", "12"), Vec::<String>::new(), "an unrelated number");
    }

    #[test]
    fn recognizes_the_venue_of_a_workflow_by_flag_or_title() {
        let venue = |name: &str, properties: &str| {
            let node = Node::new(NodeKind::HubspotWorkflow, "hubspot:workflow:1", name)
                .with_attribute("properties", Some(properties));
            venue_of(&node, &venue_marks())
        };
        assert_eq!(venue("Push", "email, tripleseat_sync__venue_b").as_deref(), Some("venue-b"));
        assert_eq!(venue("Leads: Venue A to Tripleseat", "email").as_deref(), Some("venue-a"));
        assert_eq!(venue("Venue Annex", ""), None);
        assert_eq!(venue("Venue A and Venue B", ""), None, "it is ambiguous");
        assert_eq!(
            venue("Venue A", "tripleseat_sync__venue_b").as_deref(),
            Some("venue-b"),
            "the flag takes precedence"
        );
    }
}
