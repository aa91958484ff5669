//! The contact properties that a venue's runs read and write: whether HubSpot has them, with the right types.

use std::collections::BTreeMap;

use sync_config::config::LedgerProperties;
use sync_config::mapping::Mapping;

use super::Finding;
use super::hubspot::failure;
use deployer_core::manifest::Venue;
use deployer_core::property::{Property, PropertyOption, of_venue};
use deployer_hubspot::{HubSpot, VendorError, VendorFailure};

/// The portal's properties, by internal name.
pub(super) type Definitions = BTreeMap<String, Property>;

/// Reads all properties of the portal.
pub(super) async fn definitions(hubspot: &HubSpot) -> Result<Definitions, VendorError> {
    let properties = hubspot.properties().await?;
    Ok(properties.into_iter().map(|property| (property.name.clone(), property)).collect())
}

/// The findings on a venue's properties. Without definitions, there was no token to read them with.
pub(super) fn findings(
    venue: &Venue,
    definitions: Option<Result<&Definitions, &VendorError>>,
) -> [(&'static str, Finding); 2] {
    let (ledger, mapped) = match definitions {
        None => {
            let skipped = Finding::skipped("no token to read them with: see above");
            (skipped.clone(), skipped)
        }
        Some(Err(error)) if error.failure == VendorFailure::Denied => {
            let unknown = Finding::unknown(error.to_string()).advice(
                "set `token` in [hubspot] to one with crm.schemas.contacts.read; the venue's own doesn't need it",
            );
            (unknown.clone(), unknown)
        }
        Some(Err(error)) => (failure(error), failure(error)),
        Some(Ok(definitions)) => (ledger(venue, definitions), mapped(venue, definitions)),
    };
    [("HubSpot properties of the sync", ledger), ("HubSpot properties of the leads", mapped)]
}

/// Whether runs can write the same values to `found` as to the property that an apply would create.
fn serves(wanted: &Property, found: &Property) -> bool {
    let has = |option: &PropertyOption| found.options.iter().any(|other| other.value == option.value);
    found.has_type_of(wanted) && wanted.is_tick_box() == found.is_tick_box() && wanted.options.iter().all(has)
}

/// A property's type, in the words of HubSpot's settings pages.
fn words(wanted: &Property) -> String {
    let values: Vec<&str> = wanted.options.iter().map(|option| option.value.as_str()).collect();
    match wanted.kind.as_str() {
        "bool" => "a single checkbox".to_owned(),
        "enumeration" => format!("a dropdown select with {}", values.join(", ")),
        _ => "text".to_owned(),
    }
}

/// The finding on the five properties that the venue's runs write.
fn ledger(venue: &Venue, definitions: &Definitions) -> Finding {
    let names = LedgerProperties::new(&venue.name, &venue.flag_property);
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for (_, wanted) in of_venue(&names, &venue.display_name, "") {
        let name = &wanted.name;
        match definitions.get(name) {
            None => missing.push(format!("{name} doesn't exist")),
            Some(found) if !serves(&wanted, found) => {
                let (kind, field) = (&found.kind, &found.field_type);
                wrong.push(format!("{name} is of type {kind} ({field}), not {}", words(&wanted)));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() && wrong.is_empty() {
        return Finding::ok("all five exist with the right types");
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
    Finding::failed(missing.join("; ")).advice(advice)
}

/// The finding on the properties that the venue's leads are made from.
fn mapped(venue: &Venue, definitions: &Definitions) -> Finding {
    let fields = venue.fields.iter().cloned().collect();
    let mapping = Mapping::new(&venue.destination, &fields);
    let names = mapping.properties();
    let missing: Vec<&str> = names.iter().copied().filter(|name| !definitions.contains_key(*name)).collect();
    if missing.is_empty() {
        return Finding::ok(format!("all exist: {}", names.into_iter().collect::<Vec<_>>().join(", ")));
    }
    Finding::failed(format!("HubSpot doesn't have {}", missing.join(", ")))
        .advice(format!("correct [venues.{}.fields], or create the property in HubSpot", venue.name))
}
