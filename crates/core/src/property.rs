//! Contact properties in HubSpot: the five that a venue should have, and those that a portal has.
//!
//! Plain data, like [`crate::resource`]. The mark of ownership is in a property's description, since HubSpot has no
//! tags and several deployments may share a portal.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sync_config::config::{LedgerProperties, default_flag_property};

use crate::naming;
use crate::resource::ResourceKind;

/// The property group of all venues' properties.
pub const PROPERTY_GROUP: &str = "tripleseat_sync";
/// The group's label.
pub const PROPERTY_GROUP_LABEL: &str = "Tripleseat Sync";
/// How many properties one request to HubSpot creates at most. HubSpot's batches take 100 inputs; for properties no other number
/// is documented.
pub const PROPERTIES_A_REQUEST: usize = 100;
/// Prefix of the label of a venue's flag; a shared flag has nothing after it.
pub const FLAG_LABEL: &str = "Tripleseat Sync";

/// The `fieldType` of a checkbox.
const TICK_BOX: &str = "booleancheckbox";
/// Values of the status property, which `sync-lambda` writes, with their labels.
const STATES: [(&str, &str); 4] =
    [("sending", "Sending"), ("synced", "Synced"), ("failed", "Failed"), ("needs_review", "Needs review")];

/// Which of a venue's contact properties it is, in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PropertyField {
    /// The checkbox that staff tick.
    Flag,
    /// The contact's sync status.
    Status,
    /// The lead's id.
    LeadId,
    /// The vendor's error message.
    Error,
    /// When the lead was created.
    SyncedAt,
}

impl PropertyField {
    /// All of a venue's properties, in the order of creation.
    pub fn all_fields() -> impl Iterator<Item = Self> {
        ResourceKind::ALL.iter().filter_map(|kind| kind.as_property())
    }

    /// The property's name in `ledger`.
    pub fn ledger_name(self, ledger: &LedgerProperties) -> &str {
        match self {
            Self::Flag => &ledger.flag,
            Self::Status => &ledger.status,
            Self::LeadId => &ledger.lead_id,
            Self::Error => &ledger.error,
            Self::SyncedAt => &ledger.synced_at,
        }
    }
}

/// The same words as in an address.
impl Serialize for PropertyField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ResourceKind::Property(*self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PropertyField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = ResourceKind::deserialize(deserializer)?;
        kind.as_property().ok_or_else(|| D::Error::custom(format!("{kind} is not a contact property")))
    }
}

/// A contact property, in HubSpot's own format
/// (<https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactProperty {
    /// Internal name, which never changes.
    pub name: String,
    /// Label, shown to staff.
    pub label: String,
    /// Description, with the owner's mark.
    #[serde(default)]
    pub description: String,
    /// `string`, `number`, `bool`, `enumeration`, `date` or `datetime`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Field type: `text`, `booleancheckbox`, …
    pub field_type: String,
    /// Property group.
    pub group_name: String,
    /// The allowed values, for types that have options.
    #[serde(default)]
    pub options: Vec<ContactPropertyOption>,
}

/// An allowed value of a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactPropertyOption {
    /// Label, shown to staff.
    pub label: String,
    /// The stored value.
    pub value: String,
    /// Position in the list; some of HubSpot's options have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
    /// Whether it is hidden from staff.
    #[serde(default)]
    pub hidden: bool,
}

impl ContactProperty {
    /// Whether this is a checkbox. Checkboxes have one of two types in HubSpot: `bool` and the older `enumeration`.
    pub fn is_tick_box(&self) -> bool {
        self.field_type == TICK_BOX
    }

    /// Whether values of one are valid values of the other, so that everything else can be updated.
    pub fn has_type_of(&self, other: &Self) -> bool {
        let calculated = |property: &Self| property.field_type.starts_with("calculation");
        (self.is_tick_box() && other.is_tick_box()) || (self.kind == other.kind && !calculated(self))
    }

    /// Whether both have the same owner, by the mark in their descriptions.
    pub fn has_mark_of(&self, other: &Self) -> bool {
        self.description == other.description
    }

    /// The venue that owns this property, according to the mark of `deployment`.
    pub fn owner_venue<'p>(&'p self, deployment: &str) -> Option<&'p str> {
        naming::marked_venue(&self.description, deployment)
    }
}

/// The five properties of a venue, with the names in `ledger`. The status has the mark that says where the venue is deployed;
/// the function reads the flag's.
pub fn venue_properties(
    ledger: &LedgerProperties,
    display_name: &str,
    (description, place): (&str, &str),
) -> Vec<(PropertyField, ContactProperty)> {
    let label = |what: &str| format!("Tripleseat {what} - {display_name}");
    let property = |field: PropertyField| {
        let (label, kind, field_type, options): (_, _, _, &[(&str, &str)]) = match field {
            PropertyField::Flag => (flag_label(display_name), "bool", TICK_BOX, &[("true", "Yes"), ("false", "No")]),
            PropertyField::Status => (label("Sync Status"), "enumeration", "select", &STATES),
            PropertyField::LeadId => (label("Lead ID"), "string", "text", &[]),
            PropertyField::Error => (label("Sync Error"), "string", "textarea", &[]),
            // Text, because it holds the attempt key as well as the time.
            PropertyField::SyncedAt => (label("Synced At"), "string", "text", &[]),
        };
        ContactProperty {
            name: field.ledger_name(ledger).to_owned(),
            label,
            description: if field == PropertyField::Status { place } else { description }.to_owned(),
            kind: kind.to_owned(),
            field_type: field_type.to_owned(),
            group_name: PROPERTY_GROUP.to_owned(),
            options: (0..).zip(options).map(|(place, (value, label))| property_option(place, value, label)).collect(),
        }
    };
    PropertyField::all_fields().map(|field| (field, property(field))).collect()
}

/// The label of a venue's flag.
pub fn flag_label(display_name: &str) -> String {
    format!("{FLAG_LABEL} - {display_name}")
}

fn property_option(display_order: i64, value: &str, label: &str) -> ContactPropertyOption {
    let display_order = Some(display_order);
    ContactPropertyOption { label: label.to_owned(), value: value.to_owned(), display_order, hidden: false }
}

/// Parses one of our property names into its field and the venue, as spelled in property names.
pub fn parse_property_name(name: &str) -> Option<(PropertyField, &str)> {
    // An empty venue name leaves just the prefixes.
    let prefixes = LedgerProperties::new("", &default_flag_property(""));
    PropertyField::all_fields().find_map(|field| Some((field, name.strip_prefix(field.ledger_name(&prefixes))?)))
}

/// What was observed in HubSpot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedPortal {
    /// HubSpot wasn't read, for lack of a token or of a reason. Properties are left as they are.
    #[default]
    NotAsked,
    /// The read failed, for this reason. Nothing is inferred from that.
    Unreadable(String),
    /// Everything was read.
    Read(LivePortal),
}

impl ObservedPortal {
    /// The portal, if it was read.
    pub fn as_read(&self) -> Option<&LivePortal> {
        match self {
            Self::Read(live) => Some(live),
            Self::NotAsked | Self::Unreadable(_) => None,
        }
    }
}

/// A portal's contact properties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePortal {
    /// Portal id.
    pub portal_id: u64,
    /// Whether [`PROPERTY_GROUP`] exists.
    pub has_group: bool,
    /// All contact properties by name, except archived ones.
    pub properties: BTreeMap<String, ContactProperty>,
    /// Shared flags of an earlier integration.
    pub legacy: Vec<LegacyFlag>,
}

impl LivePortal {
    /// The properties that `deployment` owns, by venue.
    pub fn owned_properties(&self, deployment: &str) -> BTreeMap<&str, Vec<&ContactProperty>> {
        let mut owned: BTreeMap<&str, Vec<&ContactProperty>> = BTreeMap::new();
        for property in self.properties.values() {
            if let Some(venue) = property.owner_venue(deployment) {
                owned.entry(venue).or_default().push(property);
            }
        }
        owned
    }
}

/// A checkbox that all venues shared before each had its own flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyFlag {
    /// Internal name.
    pub name: String,
    /// Label, shown to staff.
    pub label: String,
    /// How many contacts still have it ticked according to HubSpot's search index, or why they couldn't be counted.
    pub contacts: Result<u64, String>,
}

/// Whether a property is a shared flag of an earlier integration: a checkbox with the flags' label or name but no
/// venue.
pub fn is_legacy_flag(property: &ContactProperty) -> bool {
    let named = property.label.trim().eq_ignore_ascii_case(FLAG_LABEL) || property.name == PROPERTY_GROUP;
    property.is_tick_box() && named && parse_property_name(&property.name).is_none()
}
