//! Definitions of contact properties: type, field type and options.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::HubSpotRefusal;
use crate::clock::format_iso;
use crate::vendors::HUBSPOT_PROPERTY_NAME;
use deployer_core::property::ContactProperty;

/// The default group of properties, which every portal has from the start.
pub(super) const CONTACT_INFORMATION: &str = "contactinformation";

/// The definition of a contact property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDefinition {
    /// The internal name.
    pub name: String,
    pub label: String,
    pub description: String,
    /// HubSpot's `type`: `string`, `number`, `bool`, `enumeration`, `date`, `datetime`.
    pub kind: String,
    /// HubSpot's `fieldType`: `text`, `booleancheckbox`, …
    pub field_kind: String,
    pub group: String,
    pub options: Vec<SandboxPropertyOption>,
    /// Whether two contacts can't have the same value.
    pub unique: bool,
    /// Whether only HubSpot can set the value.
    pub read_only: bool,
    /// Whether the property is built into HubSpot.
    pub hubspot_defined: bool,
    /// Whether it is for sensitive data. Lists and reads leave such properties out unless they are asked for.
    pub sensitive: bool,
}

/// Converts the deployer's description of a property.
impl From<ContactProperty> for PropertyDefinition {
    fn from(property: ContactProperty) -> Self {
        let options = property.options.iter().map(|option| (option.label.as_str(), option.value.as_str()));
        let options: Vec<_> = options.collect();
        Self {
            description: property.description,
            group: property.group_name,
            ..Self::new(&property.name, &property.label, &property.kind, &property.field_type).with_options(&options)
        }
    }
}

/// One of the values that a property can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPropertyOption {
    pub label: String,
    pub value: String,
    pub description: String,
    pub display_order: i64,
    pub hidden: bool,
}

impl PropertyDefinition {
    /// A custom property without options.
    pub fn new(name: &str, label: &str, kind: &str, field_kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            description: String::new(),
            kind: kind.to_owned(),
            field_kind: field_kind.to_owned(),
            group: CONTACT_INFORMATION.to_owned(),
            options: Vec::new(),
            unique: false,
            read_only: false,
            hubspot_defined: false,
            sensitive: false,
        }
    }

    /// Makes it a property for sensitive data.
    #[must_use]
    pub fn as_sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// A single checkbox.
    pub fn single_checkbox(name: &str, label: &str) -> Self {
        Self::new(name, label, "bool", "booleancheckbox").with_options(&[("Yes", "true"), ("No", "false")])
    }

    /// Sets the options, given as labels and values.
    #[must_use]
    pub fn with_options(mut self, options: &[(&str, &str)]) -> Self {
        self.options = (0_i64..)
            .zip(options)
            .map(|(display_order, (label, value))| SandboxPropertyOption {
                label: (*label).to_owned(),
                value: (*value).to_owned(),
                description: String::new(),
                display_order,
                hidden: false,
            })
            .collect();
        self
    }

    /// Sets the group that it is in.
    #[must_use]
    pub fn in_group(self, group: &str) -> Self {
        Self { group: group.to_owned(), ..self }
    }

    /// Whether it is a single checkbox, whose values are `true` and `false`.
    pub(super) fn is_single_checkbox(&self) -> bool {
        self.field_kind == "booleancheckbox"
    }

    /// Checks what the properties API checks. `groups` has the names of the existing groups.
    pub(super) fn check_definition(&self, groups: &BTreeMap<String, String>) -> Result<(), HubSpotRefusal> {
        check_name(&self.name)?;
        if self.label.trim().is_empty() {
            return Err(HubSpotRefusal::invalid_request("Property label can't be blank"));
        }
        let fields = allowed_field_types(&self.kind).ok_or_else(|| {
            HubSpotRefusal::invalid_request(format!(
                "Invalid property type \"{}\" of property \"{}\"",
                self.kind, self.name
            ))
        })?;
        if !fields.contains(&self.field_kind.as_str()) {
            let (kind, field) = (&self.kind, &self.field_kind);
            return Err(HubSpotRefusal::invalid_request(format!(
                "fieldType \"{field}\" isn't valid with type \"{kind}\": {fields:?}"
            )));
        }
        if !groups.contains_key(&self.group) {
            return Err(HubSpotRefusal::invalid_request(format!("Property group \"{}\" does not exist", self.group)));
        }
        self.check_options()
    }

    fn check_options(&self) -> Result<(), HubSpotRefusal> {
        let mut values: Vec<&str> = self.options.iter().map(|option| option.value.as_str()).collect();
        values.sort_unstable();
        if values.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(HubSpotRefusal::invalid_request(format!(
                "Option values of property \"{}\" must be unique",
                self.name
            )));
        }
        if self.is_single_checkbox() && values != ["false", "true"] {
            let message = "booleancheckbox properties must have exactly two options, with the values true and false";
            return Err(HubSpotRefusal::invalid_request(message));
        }
        if self.kind == "enumeration" && values.is_empty() {
            return Err(HubSpotRefusal::invalid_request(format!(
                "Enumeration property \"{}\" must have options",
                self.name
            )));
        }
        if !values.is_empty() && !matches!(self.kind.as_str(), "enumeration" | "bool") {
            return Err(HubSpotRefusal::invalid_request(format!(
                "Properties of type \"{}\" can't have options",
                self.kind
            )));
        }
        Ok(())
    }

    /// The property as the API returns it.
    pub(super) fn to_json(&self, created: Timestamp, updated: Timestamp, archived: bool) -> Value {
        let options = self.options.iter().map(|option| {
            json!({
                "label": option.label,
                "value": option.value,
                "description": option.description,
                "displayOrder": option.display_order,
                "hidden": option.hidden,
            })
        });
        json!({
            "updatedAt": format_iso(updated),
            "createdAt": format_iso(created),
            "name": self.name,
            "label": self.label,
            "type": self.kind,
            "fieldType": self.field_kind,
            "description": self.description,
            "groupName": self.group,
            "options": options.collect::<Vec<_>>(),
            "displayOrder": -1,
            "calculated": false,
            "externalOptions": false,
            "archived": archived,
            "hasUniqueValue": self.unique,
            "hidden": false,
            "hubspotDefined": self.hubspot_defined,
            "modificationMetadata": {
                "archivable": !self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyValue": self.read_only,
            },
            "formField": !self.read_only,
        })
    }
}

/// The field types that a type can have; `None` for a type that doesn't exist.
fn allowed_field_types(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "bool" => &["booleancheckbox", "calculation_equation"],
        "enumeration" => &["booleancheckbox", "checkbox", "radio", "select", "calculation_equation"],
        "date" | "datetime" => &["date"],
        "string" => &["text", "textarea", "html", "phonenumber", "file", "calculation_equation"],
        "number" => &["number", "calculation_equation"],
        _ => return None,
    })
}

fn check_name(name: &str) -> Result<(), HubSpotRefusal> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(allowed) {
        return Err(HubSpotRefusal::invalid_request(format!(
            "Property name \"{name}\" is invalid. It must start with a letter, and may only have lowercase letters, \
             digits and underscores"
        )));
    }
    if name.len() > HUBSPOT_PROPERTY_NAME {
        return Err(HubSpotRefusal::invalid_request(format!(
            "Property name is {} characters long; at most {HUBSPOT_PROPERTY_NAME} are allowed",
            name.len()
        )));
    }
    Ok(())
}

/// The properties that a portal has from the start, limited to those that venues use.
pub(super) fn built_in_properties() -> Vec<PropertyDefinition> {
    let own = |name, label, kind, field| PropertyDefinition {
        hubspot_defined: true,
        ..PropertyDefinition::new(name, label, kind, field)
    };
    let text = |name, label| own(name, label, "string", "text");
    let set_by_hubspot =
        |name, label, kind, field| PropertyDefinition { read_only: true, ..own(name, label, kind, field) };
    vec![
        text("firstname", "First Name"),
        text("lastname", "Last Name"),
        PropertyDefinition { unique: true, ..text("email", "Email") },
        own("phone", "Phone Number", "string", "phonenumber"),
        own("mobilephone", "Mobile Phone Number", "string", "phonenumber"),
        text("company", "Company Name"),
        text("jobtitle", "Job Title"),
        own("message", "Message", "string", "textarea"),
        text("address", "Street Address"),
        text("city", "City"),
        text("state", "State/Region"),
        text("zip", "Postal Code"),
        text("country", "Country/Region"),
        text("website", "Website URL"),
        own("lifecyclestage", "Lifecycle Stage", "enumeration", "radio").with_options(&[
            ("Subscriber", "subscriber"),
            ("Lead", "lead"),
            ("Marketing Qualified Lead", "marketingqualifiedlead"),
            ("Sales Qualified Lead", "salesqualifiedlead"),
            ("Opportunity", "opportunity"),
            ("Customer", "customer"),
            ("Evangelist", "evangelist"),
            ("Other", "other"),
        ]),
        own("hs_lead_status", "Lead Status", "enumeration", "radio").with_options(&[
            ("New", "NEW"),
            ("Open", "OPEN"),
            ("In Progress", "IN_PROGRESS"),
            ("Open Deal", "OPEN_DEAL"),
            ("Unqualified", "UNQUALIFIED"),
            ("Attempted to Contact", "ATTEMPTED_TO_CONTACT"),
            ("Connected", "CONNECTED"),
            ("Bad Timing", "BAD_TIMING"),
        ]),
        set_by_hubspot("createdate", "Create Date", "datetime", "date"),
        set_by_hubspot("lastmodifieddate", "Last Modified Date", "datetime", "date"),
        set_by_hubspot("hs_object_id", "Record ID", "number", "number"),
        set_by_hubspot("hs_email_optout", "Unsubscribed from all email", "bool", "booleancheckbox")
            .with_options(&[("Yes", "true"), ("No", "false")]),
        // Not built into HubSpot, but common at venues that take bookings.
        PropertyDefinition::new("event_date", "Event Date", "date", "date"),
        PropertyDefinition::new("guest_count", "Guest Count", "number", "number"),
        PropertyDefinition::new("event_type", "Event Type", "enumeration", "checkbox").with_options(&[
            ("Wedding", "wedding"),
            ("Corporate event", "corp"),
            ("Birthday", "bday"),
        ]),
    ]
}
