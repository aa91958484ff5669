//! Which leads are valid, and how they are stored.
//!
//! <https://support.tripleseat.com/hc/en-us/articles/205161948-Lead-Form-API-endpoint>

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::accounts::{LeadFormRules, TripleseatSite};
use crate::clock::format_iso;
use crate::email::looks_like_email;

/// A stored lead.
#[derive(Debug, Clone, PartialEq)]
pub struct TripleseatLead {
    pub id: u64,
    pub site_id: u64,
    /// The named location, or else the account's only one.
    pub location_id: Option<u64>,
    /// `first_name` and the other fields, as sent.
    pub fields: Map<String, Value>,
    /// What staff did with it: members of [`OUTCOMES`] that aren't null.
    pub outcome: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The members that tell what became of a lead, null in an open one (seen in public client code).
const OUTCOMES: [&str; 5] = ["converted_at", "event_id", "booking_id", "turned_down_at", "deleted_at"];

/// The fields that are accepted, besides those that a lead form requires. Others are ignored.
const FIELDS: [&str; 25] = [
    "first_name",
    "last_name",
    "email_address",
    "phone_number",
    "phone_number_extension",
    "company",
    "event_description",
    "event_date",
    "start_time",
    "end_time",
    "guest_count",
    "additional_information",
    "contact_preference",
    "email_opt_in",
    "lead_source_id",
    "referral_source_id",
    "referral_source_other",
    "gdpr_consent_granted",
    "event_style",
    "campaign_source",
    "campaign_medium",
    "campaign_name",
    "campaign_term",
    "campaign_content",
    "gclid",
];

/// The fields that are whole numbers, sent as numbers or as text.
const NUMBERS: [&str; 3] = ["guest_count", "lead_source_id", "referral_source_id"];
/// The fields that are yes or no.
const FLAGS: [&str; 2] = ["email_opt_in", "gdpr_consent_granted"];
/// The text fields that may also be sent as a number, as phone numbers sometimes are.
const TEXTS_OR_NUMBERS: [&str; 2] = ["phone_number", "phone_number_extension"];

/// Errors worded as in Rails: the field, and what follows its name in a sentence.
pub(super) type LeadErrors = Vec<(String, &'static str)>;

/// A valid lead: its fields, including the lead form, and its location.
#[derive(Debug)]
pub(super) struct AcceptedLead {
    pub(super) fields: Map<String, Value>,
    pub(super) location_id: Option<u64>,
}

/// Validates a lead. `location_id` and `lead_form_id` may be inside the lead or next to it.
pub(super) fn check_lead(
    site: &TripleseatSite,
    lead: &Map<String, Value>,
    location_id: Option<&Value>,
    lead_form_id: Option<&Value>,
) -> Result<AcceptedLead, LeadErrors> {
    let account = &site.account;
    let lead_form_id = lead_form_id.filter(|id| !is_blank(id));
    let rules = site.switches.forms.get(&lead_form_id.and_then(value_number)).cloned().unwrap_or_default();
    let mut errors = wrong_types(lead);
    errors.extend(missing_fields(site, &rules, lead));
    if rules.has_captcha {
        errors.push(("captcha".to_owned(), "verification failed, please try again"));
    }
    if nonblank_text(lead, "email_address").is_some_and(|email| !looks_like_email(&email)) {
        errors.push(("email_address".to_owned(), "is invalid"));
    }
    if nonblank_text(lead, "event_date").is_some_and(|date| parse_date(&date).is_none()) {
        errors.push(("event_date".to_owned(), "is not a valid date"));
    }
    for number in NUMBERS {
        if nonblank_text(lead, number).is_some_and(|text| text.parse::<u32>().is_err()) {
            errors.push((number.to_owned(), "is not a number"));
        }
    }
    if nonblank_text(lead, "contact_preference")
        .is_some_and(|wanted| !["Email", "Phone", "Text"].contains(&wanted.as_str()))
    {
        errors.push(("contact_preference".to_owned(), "is not included in the list"));
    }
    let location_id = match location_id.filter(|id| !is_blank(id)) {
        None => match account.locations.as_slice() {
            [] => None,
            [only] => Some(only.id),
            _ => {
                errors.push(("location".to_owned(), "can't be blank"));
                None
            }
        },
        Some(id) => {
            let id = value_number(id).filter(|id| account.locations.iter().any(|location| location.id == *id));
            if id.is_none() {
                errors.push(("location".to_owned(), "is invalid"));
            }
            id
        }
    };
    let site_id = lead.get("site_id").filter(|id| !id.is_null());
    if site_id.is_some_and(|id| value_number(id) != Some(account.site_id)) {
        errors.push(("site".to_owned(), "is invalid"));
    }
    let is_form = |id: &Value| value_number(id).is_some_and(|id| account.lead_form_ids.contains(&id));
    if rules.is_deleted || lead_form_id.is_some_and(|id| !is_form(id)) {
        errors.push(("lead_form".to_owned(), "is invalid"));
    }
    for (field, name, sources) in [
        ("lead_source_id", "lead_source", &site.switches.lead_sources),
        ("referral_source_id", "referral_source", &site.switches.referral_sources),
    ] {
        let named = lead.get(field).filter(|id| !is_blank(id));
        if !sources.is_empty() && named.is_some_and(|id| !value_number(id).is_some_and(|id| sources.contains_key(&id)))
        {
            errors.push((name.to_owned(), "is invalid"));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut fields = lead.clone();
    fields.retain(|name, value| {
        (FIELDS.contains(&name.as_str()) || rules.required_fields.contains(name)) && !value.is_null()
    });
    // A lead that doesn't say so gets the venue's marketing mail.
    fields.entry("email_opt_in").or_insert(Value::Bool(true));
    if let Some(id) = lead_form_id.and_then(value_number) {
        fields.insert("lead_form_id".to_owned(), json!(id));
    }
    Ok(AcceptedLead { fields, location_id })
}

/// What a lead form requires and a lead lacks.
fn missing_fields(site: &TripleseatSite, rules: &LeadFormRules, lead: &Map<String, Value>) -> LeadErrors {
    let usual = ["first_name", "last_name", "email_address"];
    let usual = usual.into_iter().chain(site.account.phone_required.then_some("phone_number"));
    let usual = usual.filter(|_| !site.switches.nothing_required);
    let required = usual.chain(rules.required_fields.iter().map(String::as_str));
    let is_missing = |field: &&str| value_text(lead.get(*field)).is_none_or(|text| text.trim().is_empty());
    let mut errors: LeadErrors =
        required.filter(is_missing).map(|field| (field.to_owned(), "can't be blank")).collect();
    let consents = |value: &Value| matches!(value, Value::Bool(true)) || value_text(Some(value)).is_some_and(is_yes);
    if rules.requires_consent && !lead.get("gdpr_consent_granted").is_some_and(consents) {
        errors.push(("gdpr_consent_granted".to_owned(), "must be accepted"));
    }
    errors
}

fn is_yes(text: String) -> bool {
    matches!(text.as_str(), "true" | "1")
}

/// The fields whose values have the wrong JSON type. If they are required, they may count as blank too.
fn wrong_types(lead: &Map<String, Value>) -> LeadErrors {
    let is_flag = |text: &str| matches!(text, "true" | "false" | "1" | "0");
    let fits = |field: &str, value: &Value| match value {
        Value::Null => true,
        Value::String(text) => !FLAGS.contains(&field) || is_flag(text),
        Value::Number(number) if FLAGS.contains(&field) => is_flag(&number.to_string()),
        Value::Number(_) => NUMBERS.contains(&field) || TEXTS_OR_NUMBERS.contains(&field),
        Value::Bool(_) => FLAGS.contains(&field),
        Value::Array(_) | Value::Object(_) => false,
    };
    let wrong = |field: &str| lead.get(field).is_some_and(|value| !fits(field, value));
    FIELDS.into_iter().filter(|field| wrong(field)).map(|field| (field.to_owned(), "is invalid")).collect()
}

/// Each message as a sentence with its field: `Phone number can't be blank`.
pub(super) fn error_sentences(errors: &LeadErrors) -> Vec<String> {
    let sentence = |(field, message): &(String, &str)| {
        let words = field.replace('_', " ");
        let (first, rest) = words.split_at(1);
        format!("{}{rest} {message}", first.to_uppercase())
    };
    errors.iter().map(sentence).collect()
}

/// Messages by field, without the field's name.
pub(super) fn errors_by_field(errors: &LeadErrors) -> Value {
    let mut fields = Map::new();
    for (field, message) in errors {
        let messages = fields.entry(field.clone()).or_insert_with(|| json!([]));
        if let Value::Array(messages) = messages {
            messages.push(json!(message));
        }
    }
    Value::Object(fields)
}

impl TripleseatLead {
    /// The lead as the API returns it.
    pub(super) fn to_json(&self) -> Value {
        let mut json = Map::from_iter([("id".to_owned(), json!(self.id))]);
        json.extend(self.fields.clone());
        json.extend(OUTCOMES.map(|member| (member.to_owned(), Value::Null)));
        json.extend(self.outcome.clone());
        json.insert("site_id".to_owned(), json!(self.site_id));
        json.insert("location_id".to_owned(), json!(self.location_id));
        json.insert("created_at".to_owned(), json!(format_iso(self.created_at)));
        json.insert("updated_at".to_owned(), json!(format_iso(self.updated_at)));
        Value::Object(json)
    }

    /// Whether its name, email or additional information contains a text, ignoring case.
    pub(super) fn mentions_text(&self, query: &str) -> bool {
        let field = |name| value_text(self.fields.get(name)).unwrap_or_default();
        let name = format!("{} {}", field("first_name"), field("last_name"));
        let query = query.to_lowercase();
        [name, field("email_address"), field("additional_information")]
            .iter()
            .any(|text| text.to_lowercase().contains(&query))
    }
}

/// Parses `2026-06-01`, with or without a time, or `6/1/2026`.
pub(super) fn parse_date(text: &str) -> Option<Date> {
    let text = text.trim();
    text.parse::<Date>().ok().or_else(|| Date::strptime("%m/%d/%Y", text).ok())
}

/// A field that isn't blank, as text.
fn nonblank_text(lead: &Map<String, Value>, field: &str) -> Option<String> {
    value_text(lead.get(field)).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A text or a number, as text.
fn value_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn value_number(value: &Value) -> Option<u64> {
    value_text(Some(value))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_dates_in_common_formats() {
        let date = Date::constant(2026, 6, 1);
        for text in ["2026-06-01", "6/1/2026", "06/01/2026", "2026-06-01T18:00:00", " 2026-06-01 "] {
            assert_eq!(parse_date(text), Some(date), "{text}");
        }
        for text in ["next week", "2026-13-01", "31/12/2026", ""] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn formats_errors_as_sentences_and_by_field() {
        let errors = vec![("phone_number".to_owned(), "can't be blank"), ("email_address".to_owned(), "is invalid")];
        assert_eq!(error_sentences(&errors), ["Phone number can't be blank", "Email address is invalid"]);
        let fields = json!({ "phone_number": ["can't be blank"], "email_address": ["is invalid"] });
        assert_eq!(errors_by_field(&errors), fields);
    }
}
