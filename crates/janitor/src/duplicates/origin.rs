//! Determines which venue a lead belongs to, as far as possible.
//!
//! The `additional_information` of a lead created by this system ends with `[HubSpot contact 501, reference HS-501-…]`:
//! the contact, and when the attempt started. **The reference doesn't name a venue.** The ledger does: each venue has
//! its own properties on the contact, which hold the lead's ID once it is known, and the reference before that. They
//! only know the newest lead of each venue, since ticking a contact again overwrites them.
//!
//! A lead without a reference came from elsewhere (a form, staff, an older integration); its venue can't be determined.

use serde::{Deserialize, Serialize};
use sync_config::config::LedgerProperties;
use sync_config::mapping::ContactProperties;
use sync_lambda::ledger::Attempt;

/// Which venue a lead belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadOrigin {
    /// It has no reference.
    Elsewhere,
    /// This venue's ledger names it.
    ThisVenue,
    /// This venue's ledger has the contact but names another lead: the contact was sent more than once.
    ThisVenueAgain,
    /// Another venue's ledger names it.
    NamedByAnother(String),
    /// Another venue's ledger has the contact, and this venue's doesn't.
    ContactOfAnother(String),
    /// No ledger has the contact.
    NoLedger,
    /// HubSpot doesn't have the contact: it was deleted or merged into another one.
    NoContact,
    /// HubSpot wasn't asked.
    NotAsked,
}

impl LeadOrigin {
    /// The other venue that the lead belongs to.
    pub fn other_venue(&self) -> Option<&str> {
        match self {
            Self::NamedByAnother(venue) | Self::ContactOfAnother(venue) => Some(venue),
            _ => None,
        }
    }

    /// Whether this system created it for an unknown venue.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::NoLedger | Self::NoContact | Self::NotAsked)
    }

    /// A description for people.
    pub fn describe_origin(&self) -> String {
        match self {
            Self::Elsewhere => "not created by deployer".to_owned(),
            Self::ThisVenue => "named in this venue's ledger".to_owned(),
            Self::ThisVenueAgain => "this venue's ledger names another lead for the contact".to_owned(),
            Self::NamedByAnother(venue) => format!("named in the ledger of {venue}"),
            Self::ContactOfAnother(venue) => format!("the contact is in the ledger of {venue} but not in this venue's"),
            Self::NoLedger => "created by deployer; no ledger has the contact".to_owned(),
            Self::NoContact => "created by deployer; HubSpot no longer has the contact".to_owned(),
            Self::NotAsked => "created by deployer; HubSpot wasn't asked".to_owned(),
        }
    }
}

/// A venue's ledger.
#[derive(Debug, Clone)]
pub struct VenueLedger {
    /// The venue.
    pub venue: String,
    /// Its properties.
    pub properties: LedgerProperties,
    /// Whether its leads have Tripleseat IDs, which are unique across all accounts.
    pub tripleseat: bool,
}

/// The attempt at the end of a lead's `additional_information`.
pub fn parse_attempt(additional_information: &str) -> Option<Attempt> {
    let (_, end) = additional_information.trim_end().strip_suffix(']')?.rsplit_once("[HubSpot contact ")?;
    let (contact, reference) = end.split_once(", reference ")?;
    Attempt::parse_reference(reference).filter(|attempt| attempt.contact_id() == contact)
}

/// Determines the origin of a lead with this `attempt`. `contact` has the properties of its HubSpot contact; the first
/// of `ledgers` is the venue's own.
pub fn determine_origin(
    lead_id: u64,
    attempt: &Attempt,
    contact: Option<&ContactProperties>,
    ledgers: &[VenueLedger],
) -> LeadOrigin {
    let Some(contact) = contact else { return LeadOrigin::NoContact };
    let value = |name: &str| contact.get(name).map_or("", |value| value.trim());
    let names = |ledger: &VenueLedger| {
        let named = value(&ledger.properties.lead_id);
        named == attempt.reference_text() || (ledger.tripleseat && named == lead_id.to_string())
    };
    let knows = |ledger: &VenueLedger| {
        let properties = &ledger.properties;
        [&properties.lead_id, &properties.status, &properties.synced_at].iter().any(|name| !value(name).is_empty())
    };
    let [own, others @ ..] = ledgers else { return LeadOrigin::NotAsked };
    let first = |is: &dyn Fn(&VenueLedger) -> bool| others.iter().find(|ledger| is(ledger));
    if names(own) {
        LeadOrigin::ThisVenue
    } else if let Some(other) = first(&names) {
        LeadOrigin::NamedByAnother(other.venue.clone())
    } else if knows(own) {
        LeadOrigin::ThisVenueAgain
    } else if let Some(other) = first(&knows) {
        LeadOrigin::ContactOfAnother(other.venue.clone())
    } else {
        LeadOrigin::NoLedger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "HS-501-19a0b1c2d3e-0badcafe";

    fn origin_from(properties: &[(&str, &str)]) -> LeadOrigin {
        let ledger = |venue: &str, tripleseat| VenueLedger {
            venue: venue.to_owned(),
            properties: LedgerProperties::new(venue, &format!("tripleseat_sync__{venue}")),
            tripleseat,
        };
        let contact = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let ledgers = [ledger("a", true), ledger("b", true), ledger("marina", false)];
        determine_origin(9, &Attempt::parse_reference(REFERENCE).expect("an attempt"), Some(&contact), &ledgers)
    }

    #[test]
    fn reads_the_reference_at_the_end_of_the_text() {
        let text = format!("Hello [HubSpot contact 7, reference x]\n\n[HubSpot contact 501, reference {REFERENCE}]\n");
        assert_eq!(parse_attempt(&text).expect("an attempt").reference_text(), REFERENCE);
        for text in [
            "",
            "Hello",
            "[HubSpot contact 501, reference HS-501-zz]",
            "[HubSpot contact 502, reference HS-501-19a0b1c2d3e-0badcafe]",
            "[HubSpot contact 501, reference HS-501-19a0b1c2d3e-0badcafe] and more",
        ] {
            assert_eq!(parse_attempt(text), None, "{text}");
        }
    }

    #[test]
    fn ledger_determines_the_origin() {
        let named_by = |venue: &str| LeadOrigin::NamedByAnother(venue.to_owned());
        assert_eq!(
            origin_from(&[("tripleseat_lead_id__a", "9"), ("tripleseat_lead_id__b", "8")]),
            LeadOrigin::ThisVenue
        );
        assert_eq!(origin_from(&[("tripleseat_lead_id__a", REFERENCE)]), LeadOrigin::ThisVenue);
        assert_eq!(origin_from(&[("tripleseat_lead_id__a", "8"), ("tripleseat_lead_id__b", "9")]), named_by("b"));
        assert_eq!(origin_from(&[("tripleseat_lead_id__b", REFERENCE)]), named_by("b"));
        assert_eq!(
            origin_from(&[("tripleseat_lead_id__a", "8"), ("tripleseat_lead_id__b", "7")]),
            LeadOrigin::ThisVenueAgain
        );
        assert_eq!(
            origin_from(&[("tripleseat_sync_status__b", "failed")]),
            LeadOrigin::ContactOfAnother("b".to_owned())
        );
        // IDs of another platform are not Tripleseat IDs.
        assert_eq!(
            origin_from(&[("tripleseat_lead_id__marina", "9")]),
            LeadOrigin::ContactOfAnother("marina".to_owned())
        );
        assert_eq!(origin_from(&[("tripleseat_lead_id__a", " "), ("email", "x")]), LeadOrigin::NoLedger);
        let attempt = Attempt::parse_reference(REFERENCE).expect("an attempt");
        assert_eq!(determine_origin(9, &attempt, None, &[]), LeadOrigin::NoContact);
    }
}
