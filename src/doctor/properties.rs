//! The contact properties that a venue's runs read and write: whether HubSpot has them, and as what.

use std::collections::BTreeMap;

use serde_json::Value;
use sync_lambda::config::LedgerProperties;
use sync_lambda::hubspot::VERSION;
use sync_lambda::mapping::Mapping;

use super::Finding;
use super::hubspot::failure;
use crate::crm::{HubSpot, VendorError, VendorFailure};
use crate::manifest::Venue;

/// What the status property says of a contact.
const STATES: [&str; 4] = ["sending", "synced", "failed", "needs_review"];

/// The portal's properties, by internal name.
pub(super) type Definitions = BTreeMap<String, Definition>;

/// A contact property.
pub(super) struct Definition {
    kind: String,
    field_kind: String,
    options: Vec<String>,
}

/// Reads all of them.
pub(super) async fn definitions(hubspot: &HubSpot) -> Result<Definitions, VendorError> {
    let path = format!("/crm/properties/{VERSION}/contacts");
    let body = hubspot.get(&path).await?;
    let definitions = body.get("results").and_then(Value::as_array);
    let definitions = definitions.ok_or_else(|| VendorError {
        request: format!("GET {path}"),
        failure: VendorFailure::Unavailable(200),
        message: "the answer is no list".to_owned(),
        correlation_id: String::new(),
    })?;
    Ok(definitions.iter().filter_map(definition).collect())
}

fn definition(value: &Value) -> Option<(String, Definition)> {
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let options = value.get("options").and_then(Value::as_array).into_iter().flatten();
    Some((
        text(value, "name")?,
        Definition {
            kind: text(value, "type")?,
            field_kind: text(value, "fieldType")?,
            options: options.filter_map(|option| text(option, "value")).collect(),
        },
    ))
}

/// What is found of a venue's properties. Without definitions there was no token to read them with.
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
                "give `token` in [hubspot] one with crm.schemas.contacts.read; the venue's own doesn't need it",
            );
            (unknown.clone(), unknown)
        }
        Some(Err(error)) => (failure(error), failure(error)),
        Some(Ok(definitions)) => (ledger(venue, definitions), mapped(venue, definitions)),
    };
    [("HubSpot properties of the sync", ledger), ("HubSpot properties of the leads", mapped)]
}

/// What a property of the sync has to be.
#[derive(Clone, Copy)]
enum Shape {
    TickBox,
    States,
    Text,
}

impl Shape {
    fn is(self, found: &Definition) -> bool {
        let has = |state: &&str| found.options.iter().any(|option| option == state);
        match self {
            Self::TickBox => found.field_kind == "booleancheckbox",
            Self::States => found.kind == "enumeration" && STATES.iter().all(has),
            Self::Text => found.kind == "string",
        }
    }

    fn words(self) -> String {
        match self {
            Self::TickBox => "a single checkbox".to_owned(),
            Self::States => format!("a dropdown select with {}", STATES.join(", ")),
            Self::Text => "text".to_owned(),
        }
    }
}

/// The five that its runs write.
fn ledger(venue: &Venue, definitions: &Definitions) -> Finding {
    let LedgerProperties { flag, status, lead_id, error, synced_at } =
        LedgerProperties::new(&venue.name, &venue.flag_property);
    let wanted = [
        (flag, Shape::TickBox),
        (status, Shape::States),
        (lead_id, Shape::Text),
        (error, Shape::Text),
        (synced_at, Shape::Text),
    ];
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for (name, shape) in wanted {
        match definitions.get(&name) {
            None => missing.push(format!("{name} isn't there")),
            Some(found) if !shape.is(found) => {
                let (kind, field) = (&found.kind, &found.field_kind);
                wrong.push(format!("{name} is of type {kind} ({field}), and not {}", shape.words()));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() && wrong.is_empty() {
        return Finding::ok("all five are there, each of its type");
    }
    let advice = match wrong.is_empty() {
        true => {
            "with `token` in [hubspot] `deployer apply` makes what is missing; without one make it as the README lists"
        }
        false => {
            "a property's type isn't changed: archive what is wrong in HubSpot; `deployer apply` makes it anew with `token` \
             in [hubspot], and without one it is made as the README lists"
        }
    };
    missing.extend(wrong);
    Finding::failed(missing.join("; ")).advice(advice)
}

/// Those that its leads are made from.
fn mapped(venue: &Venue, definitions: &Definitions) -> Finding {
    let fields = venue.fields.iter().cloned().collect();
    let mapping = Mapping::new(&venue.destination, &fields);
    let names = mapping.properties();
    let missing: Vec<&str> = names.iter().copied().filter(|name| !definitions.contains_key(*name)).collect();
    if missing.is_empty() {
        return Finding::ok(format!("all there: {}", names.into_iter().collect::<Vec<_>>().join(", ")));
    }
    Finding::failed(format!("HubSpot doesn't have {}", missing.join(", ")))
        .advice(format!("correct [venues.{}.fields], or make the property in HubSpot", venue.name))
}
