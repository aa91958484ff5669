//! Contact properties in HubSpot: the five of a venue as they should be, and what a portal was found to have.
//!
//! Plain data, as [`crate::resource`]. The mark of ownership stands in a property's description, since HubSpot has no
//! tags: several deployments may share a portal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sync_config::config::{LedgerProperties, default_flag_property};

use crate::naming;
use crate::resource::Kind;

/// The group that the properties of all venues are in.
pub const GROUP: &str = "tripleseat_sync";
/// What staff read above them.
pub const GROUP_LABEL: &str = "Tripleseat Sync";
/// What the label of a venue's flag begins with; a flag without a venue has nothing after it.
pub const FLAG_LABEL: &str = "Tripleseat Sync";

/// How HubSpot shows a tick box.
const TICK_BOX: &str = "booleancheckbox";
/// Values of the status, with what staff read. `sync-lambda` writes them.
const STATES: [(&str, &str); 4] =
    [("sending", "Sending"), ("synced", "Synced"), ("failed", "Failed"), ("needs_review", "Needs review")];

/// A contact property, in the shape in which HubSpot takes and gives it
/// (<https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// The internal name, which never changes.
    pub name: String,
    /// What staff read.
    pub label: String,
    /// Help for staff, with the owner's mark.
    #[serde(default)]
    pub description: String,
    /// `string`, `number`, `bool`, `enumeration`, `date` or `datetime`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it is shown: `text`, `booleancheckbox`, …
    pub field_type: String,
    /// The group that it is in.
    pub group_name: String,
    /// The values that it can have, for those types that have options.
    #[serde(default)]
    pub options: Vec<PropertyOption>,
}

/// A value that a property can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyOption {
    /// What staff read.
    pub label: String,
    /// What is written.
    pub value: String,
    /// Its place in the list; HubSpot gives some options none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
    /// Whether staff don't see it.
    #[serde(default)]
    pub hidden: bool,
}

impl Property {
    /// Whether it is a tick box. HubSpot has them with two types: `bool` and, from before, `enumeration`.
    pub fn is_tick_box(&self) -> bool {
        self.field_type == TICK_BOX
    }

    /// Whether values of the one are values of the other, so that what else differs can be changed.
    pub fn has_type_of(&self, other: &Self) -> bool {
        let calculated = |property: &Self| property.field_type.starts_with("calculation");
        (self.is_tick_box() && other.is_tick_box()) || (self.kind == other.kind && !calculated(self))
    }

    /// The venue whose property it is, by the mark of `deployment`.
    pub fn venue<'p>(&'p self, deployment: &str) -> Option<&'p str> {
        naming::marked_venue(&self.description, deployment)
    }
}

/// The five properties of a venue, of these names.
pub fn of_venue(ledger: &LedgerProperties, display_name: &str, description: &str) -> [(Kind, Property); 5] {
    let property = |name: &str, label: String, kind: &str, field_type: &str, options: &[(&str, &str)]| Property {
        name: name.to_owned(),
        label,
        description: description.to_owned(),
        kind: kind.to_owned(),
        field_type: field_type.to_owned(),
        group_name: GROUP.to_owned(),
        options: (0..).zip(options).map(|(place, (value, label))| option(place, value, label)).collect(),
    };
    let label = |what: &str| format!("Tripleseat {what} - {display_name}");
    [
        (
            Kind::FlagProperty,
            property(&ledger.flag, flag_label(display_name), "bool", TICK_BOX, &[("true", "Yes"), ("false", "No")]),
        ),
        (Kind::StatusProperty, property(&ledger.status, label("Sync Status"), "enumeration", "select", &STATES)),
        (Kind::LeadIdProperty, property(&ledger.lead_id, label("Lead ID"), "string", "text", &[])),
        (Kind::ErrorProperty, property(&ledger.error, label("Sync Error"), "string", "textarea", &[])),
        // Text, since the attempt's key stands beside the time.
        (Kind::SyncedAtProperty, property(&ledger.synced_at, label("Synced At"), "string", "text", &[])),
    ]
}

/// What staff tick.
pub fn flag_label(display_name: &str) -> String {
    format!("{FLAG_LABEL} - {display_name}")
}

fn option(display_order: i64, value: &str, label: &str) -> PropertyOption {
    let display_order = Some(display_order);
    PropertyOption { label: label.to_owned(), value: value.to_owned(), display_order, hidden: false }
}

/// What a name of ours says: which of the five it is, and the venue as it stands in property names.
pub fn parse_name(name: &str) -> Option<(Kind, &str)> {
    // A venue without a name leaves what all names begin with.
    let begin = LedgerProperties::new("", &default_flag_property(""));
    let begin = [begin.flag, begin.status, begin.lead_id, begin.error, begin.synced_at];
    let mut kinds = Kind::PROPERTIES.into_iter().zip(begin);
    kinds.find_map(|(kind, begin)| Some((kind, name.strip_prefix(&begin)?)))
}

/// What HubSpot was seen to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Portal {
    /// Nobody asked: there is no token here, or no need. Properties are left as they are.
    #[default]
    NotAsked,
    /// It was asked, and failed for this reason. Nothing is concluded from that.
    Unreadable(String),
    /// All of it.
    Read(LivePortal),
}

impl Portal {
    /// What there is, if it was read.
    pub fn read(&self) -> Option<&LivePortal> {
        match self {
            Self::Read(live) => Some(live),
            Self::NotAsked | Self::Unreadable(_) => None,
        }
    }
}

/// A portal, as far as its contact properties go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePortal {
    /// Its id.
    pub portal_id: u64,
    /// Whether it has [`GROUP`].
    pub has_group: bool,
    /// All contact properties by name, but archived ones.
    pub properties: BTreeMap<String, Property>,
    /// Flags of an earlier integration, which say no venue.
    pub legacy: Vec<Legacy>,
}

impl LivePortal {
    /// What `deployment` owns, by venue.
    pub fn owned(&self, deployment: &str) -> BTreeMap<&str, Vec<&Property>> {
        let mut owned: BTreeMap<&str, Vec<&Property>> = BTreeMap::new();
        for property in self.properties.values() {
            if let Some(venue) = property.venue(deployment) {
                owned.entry(venue).or_default().push(property);
            }
        }
        owned
    }
}

/// A tick box that venues shared before each had its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legacy {
    /// The internal name.
    pub name: String,
    /// What staff read.
    pub label: String,
    /// Contacts on which it is still ticked, as far as HubSpot's index knows, or why they couldn't be counted.
    pub contacts: Result<u64, String>,
}

/// Whether a property is a flag of an earlier integration: a tick box of the flags' label or name, and without a venue.
pub fn is_legacy(property: &Property) -> bool {
    let named = property.label.trim().eq_ignore_ascii_case(FLAG_LABEL) || property.name == GROUP;
    property.is_tick_box() && named && parse_name(&property.name).is_none()
}
