//! The mapping expressions of `[venues.NAME.fields]`, and the fields that they fill. What an expression is, and its
//! parser, is in `sync_config::mapping`, which the function uses too.

use sync_config::mapping::{FILTERS, FieldExpression, MappingFlaw};
use sync_config::tripleseat::{DESTINATION_FIELDS, LEAD_FIELDS, find_lead_field};

use super::Flaw;
use super::shape::find_nearest;

/// Checks an expression by itself.
pub(super) fn check_mapping(text: &str) -> Result<(), Flaw> {
    FieldExpression::parse_expression(text).map(drop).map_err(to_flaw)
}

fn to_flaw(flaw: MappingFlaw) -> Flaw {
    let names = FILTERS.map(|filter| filter.name);
    let near = flaw.unknown_filter.as_deref().and_then(|name| find_nearest(name, &names));
    let help = match (near, &flaw.unknown_filter) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        // `Source: web` is a text and no property with a filter.
        (None, Some(_)) => format!("{}; for a fixed value, begin with =", flaw.help),
        (None, None) => flaw.help,
    };
    let whole = flaw.at.is_empty();
    let reported = Flaw::new(flaw.message, help);
    if whole { reported } else { reported.at_span(flaw.at) }
}

/// Whether Tripleseat's leads have a field, as far as is known.
pub(super) enum FieldStanding {
    Known,
    /// The same for all leads of a venue, so it belongs in its destination.
    OfDestination,
    /// Perhaps a field that the lead form has of its own; with the known field that it resembles.
    Unknown(Option<&'static str>),
}

/// What is known of a field of Tripleseat's leads.
pub(super) fn judge_field(name: &str) -> FieldStanding {
    if DESTINATION_FIELDS.contains(&name) {
        return FieldStanding::OfDestination;
    }
    match find_lead_field(name) {
        Some(_) => FieldStanding::Known,
        None => FieldStanding::Unknown(find_nearest(name, &LEAD_FIELDS.map(|field| field.name))),
    }
}
