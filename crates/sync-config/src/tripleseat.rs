//! The fields of Tripleseat's leads, in one place.
//!
//! "Documented" is Tripleseat's own page, <https://support.tripleseat.com/hc/en-us/articles/205161948-Lead-Form-API-endpoint>.
//! "Seen" is what public client code sends. A form may have fields of its own as well, so a field that isn't here is
//! only called out.

/// How a field's value goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    Text,
    /// A whole number, as a JSON number.
    Whole,
    /// What a person agreed to, as a JSON boolean. A text that is neither a yes nor a no is a no: Tripleseat's server
    /// (Rails) would take any unknown text for a yes.
    Consent,
}

/// Where we know of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldEvidence {
    /// Tripleseat's page.
    Documented,
    /// Public client code.
    Seen,
}

/// A field of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadField {
    /// Its name in `lead`.
    pub name: &'static str,
    /// How its value goes out.
    pub kind: FieldKind,
    /// Where we know it from.
    pub evidence: FieldEvidence,
}

/// The field that subscribes the lead to the venue's marketing mail. Documented: a lead that doesn't say otherwise is
/// subscribed, so each lead says something.
pub const EMAIL_OPT_IN: &str = "email_opt_in";

/// HubSpot's own contact property for "unsubscribed from all email"; it overrides every mapping of [`EMAIL_OPT_IN`].
pub const HUBSPOT_EMAIL_OPTOUT: &str = "hs_email_optout";

/// The lead's e-mail address.
pub const EMAIL_ADDRESS: &str = "email_address";

const fn documented(name: &'static str, kind: FieldKind) -> LeadField {
    LeadField { name, kind, evidence: FieldEvidence::Documented }
}

const fn seen(name: &'static str, kind: FieldKind) -> LeadField {
    LeadField { name, kind, evidence: FieldEvidence::Seen }
}

/// The fields that a mapping may fill.
pub const LEAD_FIELDS: [LeadField; 25] = [
    documented("first_name", FieldKind::Text),
    documented("last_name", FieldKind::Text),
    documented(EMAIL_ADDRESS, FieldKind::Text),
    documented("phone_number", FieldKind::Text),
    documented("company", FieldKind::Text),
    documented("event_description", FieldKind::Text),
    documented("event_date", FieldKind::Text),
    documented("start_time", FieldKind::Text),
    documented("end_time", FieldKind::Text),
    documented("guest_count", FieldKind::Whole),
    documented("additional_information", FieldKind::Text),
    documented("contact_preference", FieldKind::Text),
    documented(EMAIL_OPT_IN, FieldKind::Consent),
    seen("gdpr_consent_granted", FieldKind::Consent),
    documented("lead_source_id", FieldKind::Whole),
    documented("referral_source_id", FieldKind::Whole),
    documented("referral_source_other", FieldKind::Text),
    seen("event_style", FieldKind::Text),
    seen("phone_number_extension", FieldKind::Text),
    seen("campaign_source", FieldKind::Text),
    seen("campaign_medium", FieldKind::Text),
    seen("campaign_name", FieldKind::Text),
    seen("campaign_term", FieldKind::Text),
    seen("campaign_content", FieldKind::Text),
    seen("gclid", FieldKind::Text),
];

/// Fields that are the same for all leads of a venue, so they belong in its destination and can't be mapped.
pub const DESTINATION_FIELDS: [&str; 2] = ["location_id", "lead_form_id"];

/// The field with this name, if it is known.
pub fn find_lead_field(name: &str) -> Option<&'static LeadField> {
    LEAD_FIELDS.iter().find(|field| field.name == name)
}
