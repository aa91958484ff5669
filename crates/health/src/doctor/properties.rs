//! The contact properties that a venue's runs read and write: whether HubSpot has them, with the right types.

use std::collections::BTreeMap;

use sync_config::config::{DestinationConfig, LedgerProperties};
use sync_config::mapping::FieldExpression;

use super::DoctorFinding;
use super::hubspot::finding_for_failure;
use deployer_core::manifest::{FieldSuggestion, Venue, suggest_fields};
use deployer_core::property::{ContactProperty, ContactPropertyOption, venue_properties};
use deployer_hubspot::{HubSpotClient, VendorError};

/// The portal's properties, by internal name.
pub(super) type PropertyDefinitions = BTreeMap<String, ContactProperty>;

/// Reads all properties of the portal.
pub(super) async fn read_definitions(hubspot: &HubSpotClient) -> Result<PropertyDefinitions, VendorError> {
    let properties = hubspot.list_properties().await?;
    Ok(properties.into_iter().map(|property| (property.name.clone(), property)).collect())
}

/// The findings on a venue's properties. Without definitions, there was no token to read them with.
pub(super) fn property_findings(
    venue: &Venue,
    definitions: Option<Result<&PropertyDefinitions, &VendorError>>,
) -> [(&'static str, DoctorFinding); 2] {
    let (ledger, mapped) = match definitions {
        None => {
            let skipped = DoctorFinding::skipped("no token to read them with: see above");
            (skipped.clone(), skipped)
        }
        Some(Err(error)) if error.is_denied() => {
            let unknown = DoctorFinding::unknown(error.to_string()).with_advice(
                "set `token` in [hubspot] to one with crm.schemas.contacts.read; the venue's own doesn't need it",
            );
            (unknown.clone(), unknown)
        }
        Some(Err(error)) => (finding_for_failure(error), finding_for_failure(error)),
        Some(Ok(definitions)) => {
            (check_ledger_properties(venue, definitions), check_mapped_properties(venue, definitions))
        }
    };
    [("HubSpot properties of the sync", ledger), ("HubSpot properties of the leads", mapped)]
}

/// Whether HubSpot has none of the venue's five properties, as before its first apply.
pub(super) fn has_no_ledger_property(venue: &Venue, definitions: &PropertyDefinitions) -> bool {
    let names = LedgerProperties::new(&venue.name, &venue.flag_property);
    let mut wanted = venue_properties(&names, &venue.display_name, ("", "")).into_iter();
    wanted.all(|(_, property)| !definitions.contains_key(&property.name))
}

/// Whether runs can write the same values to `found` as to the property that an apply would create.
fn can_serve_as(wanted: &ContactProperty, found: &ContactProperty) -> bool {
    let has = |option: &ContactPropertyOption| found.options.iter().any(|other| other.value == option.value);
    found.has_type_of(wanted) && wanted.is_tick_box() == found.is_tick_box() && wanted.options.iter().all(has)
}

/// A property's type, in the words of HubSpot's settings pages.
fn type_words(wanted: &ContactProperty) -> String {
    let values: Vec<&str> = wanted.options.iter().map(|option| option.value.as_str()).collect();
    match wanted.kind.as_str() {
        "bool" => "a single checkbox".to_owned(),
        "enumeration" => format!("a dropdown select with {}", values.join(", ")),
        _ => "text".to_owned(),
    }
}

/// The finding on the five properties that the venue's runs write.
fn check_ledger_properties(venue: &Venue, definitions: &PropertyDefinitions) -> DoctorFinding {
    let names = LedgerProperties::new(&venue.name, &venue.flag_property);
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for (_, wanted) in venue_properties(&names, &venue.display_name, ("", "")) {
        let name = &wanted.name;
        match definitions.get(name) {
            None => missing.push(format!("{name} doesn't exist")),
            Some(found) if !can_serve_as(&wanted, found) => {
                let (kind, field) = (&found.kind, &found.field_type);
                wrong.push(format!("{name} is of type {kind} ({field}), not {}", type_words(&wanted)));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() && wrong.is_empty() {
        return DoctorFinding::ok("all five exist with the right types");
    }
    let advice = match wrong.is_empty() {
        true => {
            "with `token` in [hubspot], `deployer apply` creates what is missing; without one, create it by hand \
             (docs/hubspot.md)"
        }
        false => {
            "a property's type is never changed: archive the wrong ones in HubSpot; with `token` in [hubspot], \
             `deployer apply` creates them again; without one, create them by hand (docs/hubspot.md)"
        }
    };
    missing.extend(wrong);
    DoctorFinding::failed(missing.join("; ")).with_advice(advice)
}

/// The finding on the properties that the venue's leads are made from.
fn check_mapped_properties(venue: &Venue, definitions: &PropertyDefinitions) -> DoctorFinding {
    let names = venue.mapped_properties();
    let missing: Vec<String> = names.iter().filter(|name| !definitions.contains_key(*name)).cloned().collect();
    if !missing.is_empty() {
        return DoctorFinding::failed(format!("HubSpot doesn't have {}", missing.join(", ")))
            .with_advice(format!("correct [venues.{}.fields], or create the property in HubSpot", venue.name));
    }
    let misread = misread_properties(venue, definitions);
    if !misread.is_empty() {
        return DoctorFinding::warning(misread.join("; ")).with_advice(format!(
            "correct [venues.{}.fields]; `deployer invoke {} --dry-run --show-contacts` shows what would be sent",
            venue.name, venue.name
        ));
    }
    let all = format!("all exist: {}", names.join(", "));
    let suggested = match venue.destination {
        DestinationConfig::Tripleseat { .. } => suggest_fields(definitions.values(), &venue.fields),
        DestinationConfig::Http(_) => Vec::new(),
    };
    let lines: Vec<String> = suggested.iter().map(FieldSuggestion::manifest_line).collect();
    // Nothing is wrong with a lead that says less, so this is no warning.
    DoctorFinding::ok(match lines.as_slice() {
        [] => all,
        lines => format!("{all}; leads could also have {} in [venues.{}.fields]", lines.join(", "), venue.name),
    })
}

/// Properties whose type doesn't fit the filters that they go through.
fn misread_properties(venue: &Venue, definitions: &PropertyDefinitions) -> Vec<String> {
    let mut misread = Vec::new();
    for (field, text) in &venue.fields {
        let Ok(expression) = FieldExpression::parse_expression(text) else { continue };
        let kind = |name: &str| definitions.get(name).map(|property| property.kind.as_str());
        for name in expression.labeled_properties() {
            if definitions.get(name).is_some_and(|property| property.options.is_empty()) {
                misread.push(format!("{field} wants labels of {name}, which has no options"));
            }
        }
        for name in expression.dated_properties() {
            match kind(name) {
                Some("date") if expression.needs_timezone() => {
                    misread.push(format!("{field} wants a time, but {name} is a date without one"));
                }
                Some("datetime") if venue.timezone.is_none() => {
                    misread.push(format!("{field} has {name} in UTC, because `{}` has no timezone", venue.name));
                }
                Some("number" | "enumeration" | "bool") => {
                    misread.push(format!(
                        "{field} wants a date, but {name} is of type {}",
                        kind(name).unwrap_or_default()
                    ));
                }
                _ => {}
            }
        }
    }
    misread
}
