use std::collections::BTreeMap;

use sync_config::config::{DestinationConfig, HttpDestination, SyncConfig};

use super::*;

fn lead_of(pairs: &[(&str, &str)]) -> LeadFields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

fn mapping_of(destination: DestinationConfig, fields: &[(&str, &str)]) -> LeadMapping {
    let fields: BTreeMap<String, String> =
        fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    LeadMapping::from_config(&SyncConfig { destination, fields, ..SyncConfig::default() }).expect("valid mappings")
}

/// A contact that has everything.
const FULL: [(&str, &str); 5] = [
    ("first_name", "Ana"),
    ("last_name", "Silva"),
    ("email_address", "ana@example.com"),
    ("phone_number", "555-010-0199"),
    ("guest_count", "30"),
];
const MAPPED: [(&str, &str); 5] = [
    ("guest_count", "guests"),
    ("event_style", "=Reception"),
    ("field_293", "flexibility"),
    ("event_date", "event_date"),
    ("event_description", "message"),
];

fn judge_texts(fields: &[(&str, &str)], lead: &[(&str, &str)], texts: &[&str]) -> RefusalFault {
    let mapping = mapping_of(DestinationConfig::default(), fields);
    let messages = texts.iter().map(|text| RefusalMessage { field: None, text: (*text).to_owned() }).collect();
    judge_refusal(&LeadRefusal::from_tripleseat(messages), &lead_of(lead), &mapping)
}

/// The contact with one value changed; an empty one is missing.
fn with_value(name: &str, value: &str) -> Vec<(&'static str, String)> {
    let mut lead: Vec<(&'static str, String)> =
        FULL.iter().filter(|(field, _)| *field != name).map(|(field, value)| (*field, (*value).to_owned())).collect();
    let known = find_lead_field(name).map(|field| field.name);
    lead.extend(known.filter(|_| !value.is_empty()).map(|field| (field, value.to_owned())));
    lead
}

#[test]
fn what_the_contact_lacks_is_the_contacts_fault() {
    for (field, value, text) in [
        ("phone_number", "", "Phone number can't be blank"),
        ("phone_number", "n/a", "Phone number can't be blank"),
        ("phone_number", "12", "Phone number is invalid"),
        ("email_address", "", "Email address can't be blank"),
        ("email_address", "ana at example", "Email address is invalid"),
        ("last_name", "", "Last name can’t be blank"),
        ("guest_count", "a dozen", "Guest count is not a number"),
        ("event_date", "next week", "Event date is not a valid date"),
        ("event_description", "long", "Event description is too long (maximum is 255 characters)"),
    ] {
        let lead = with_value(field, value);
        let lead: Vec<(&str, &str)> = lead.iter().map(|(field, value)| (*field, value.as_str())).collect();
        assert_eq!(judge_texts(&MAPPED, &lead, &[text]), RefusalFault::Contact, "{field} {value:?}: {text}");
    }
    let quoted = judge_texts(&MAPPED, &FULL, &["'ana@example.com' bounced before"]);
    assert_eq!(quoted, RefusalFault::Contact, "a message that repeats the contact's value");
}

#[test]
fn what_no_contact_can_change_is_a_settings_fault() {
    use SettingFault::{Captcha, Consent, ConstantField, LeadForm, Location, Permission, Site, Source, UnmappedField};
    for (text, expected) in [
        ("Location is invalid", Location),
        ("Location can't be blank", Location),
        ("Site is invalid", Site),
        ("Lead form is invalid", LeadForm),
        ("Lead form not found", LeadForm),
        ("Lead source is invalid", Source("lead_source_id")),
        ("Captcha verification failed, please try again", Captcha),
        ("reCAPTCHA can't be blank", Captcha),
        ("Gdpr consent granted must be accepted", Consent),
        ("You must consent to the privacy policy", Consent),
        ("You don't have permission to perform this action", Permission),
        ("Start time can't be blank", UnmappedField("start_time".to_owned())),
        ("Event style is not included in the list", ConstantField("event_style".to_owned())),
    ] {
        let lead: Vec<(&str, &str)> = FULL.iter().copied().chain([("event_style", "Reception")]).collect();
        assert_eq!(judge_texts(&MAPPED, &lead, &[text]), RefusalFault::Setting(expected), "{text}");
    }
    let custom = judge_texts(&[], &FULL, &["Date flexibility can't be blank"]);
    assert_eq!(custom, RefusalFault::Setting(UnmappedField("date flexibility".to_owned())));
    let both = judge_texts(&MAPPED, &FULL[..3], &["Phone number can't be blank", "Location is invalid"]);
    assert_eq!(both, RefusalFault::Setting(Location), "a phone number alone wouldn't help");
}

#[test]
fn what_names_neither_is_left_open() {
    for text in [
        "Something went wrong",
        // The contact's values look right, so the format may be the mapping's fault.
        "Email address is invalid",
        "Phone number can't be blank",
        "Guest count is not a number",
        // Of a custom field, the label is unknown, and the contact lacks one.
        "Date flexibility can't be blank",
        "Company is not included in the list",
    ] {
        let lead: Vec<(&str, &str)> = FULL.iter().copied().chain([("company", "Riva")]).collect();
        assert_eq!(judge_texts(&MAPPED, &lead, &[text]), RefusalFault::Unnamed, "{text}");
    }
}

#[test]
fn consent_is_the_contacts_if_a_property_records_it() {
    let text = ["Gdpr consent granted must be accepted"];
    let mapped = [(CONSENT, "agreed")];
    assert_eq!(judge_texts(&mapped, &FULL, &text), RefusalFault::Contact);
    for (value, expected) in [("false", RefusalFault::Contact), ("true", RefusalFault::Unnamed)] {
        let lead: Vec<(&str, &str)> = FULL.iter().copied().chain([(CONSENT, value)]).collect();
        assert_eq!(judge_texts(&mapped, &lead, &text), expected, "{value}");
    }
    let refused: Vec<(&str, &str)> = FULL.iter().copied().chain([(CONSENT, "false")]).collect();
    let constant = [(CONSENT, "=false")];
    assert_eq!(judge_texts(&constant, &refused, &text), RefusalFault::Setting(SettingFault::Consent));
}

#[test]
fn a_lead_without_values_shows_settings_only() {
    let texts = ["First name can't be blank", "Event style can't be blank", "Gdpr consent granted must be accepted"];
    let fields = [("event_style", "=Reception"), (CONSENT, "=true")];
    assert_eq!(judge_texts(&fields, &[], &texts), RefusalFault::Contact, "a check sends no constants");
    let unmapped = judge_texts(&[], &[], &texts);
    assert!(matches!(unmapped, RefusalFault::Setting(_)), "{unmapped:?}");
}

#[test]
fn a_field_that_the_response_names_needs_no_words() {
    let mapping = mapping_of(DestinationConfig::default(), &[]);
    for (field, lead, expected) in [
        ("phone_number", &FULL[..3], RefusalFault::Contact),
        ("location", &FULL[..], RefusalFault::Setting(SettingFault::Location)),
        ("lead_form_id", &FULL[..], RefusalFault::Setting(SettingFault::LeadForm)),
    ] {
        let message = RefusalMessage { field: Some(field.to_owned()), text: format!("{field} is not acceptable") };
        let refusal = LeadRefusal::from_tripleseat(vec![message]);
        assert_eq!(judge_refusal(&refusal, &lead_of(lead), &mapping), expected, "{field}");
    }
}

#[test]
fn platforms_are_judged_by_the_contacts_values_alone() {
    let http = HttpDestination {
        url: "https://platform.example.com".to_owned(),
        auth: None,
        success_pointer: None,
        id_pointer: None,
        lookup_url: None,
        lookup_id_pointer: None,
        requests_per_second: None,
    };
    let fields = [("/lead/phone", "phone"), ("email", "email"), ("source", "=HubSpot")];
    let mapping = mapping_of(DestinationConfig::Http(http), &fields);
    let lead = lead_of(&[("email", "ana@example.com"), ("source", "HubSpot")]);
    for (text, expected) in [
        (r#"422: {"errors":{"phone":["is required"]}}"#, RefusalFault::Contact),
        (r#"422: {"error":"ana@example.com is on the block list"}"#, RefusalFault::Contact),
        (r#"422: {"error":"unknown location","source":"api"}"#, RefusalFault::Unnamed),
        ("400", RefusalFault::Unnamed),
    ] {
        assert_eq!(judge_refusal(&LeadRefusal::from_text(text.to_owned()), &lead, &mapping), expected, "{text}");
    }
}

#[test]
fn request_ids_do_not_make_refusals_differ() {
    let text = |id: &str| LeadRefusal::from_text(format!(r#"400: {{"error":"no such form","id":"{id}"}}"#));
    assert_eq!(text("a81f-22").comparable_text(), text("0c7e-91").comparable_text());
    assert_ne!(text("1").comparable_text(), LeadRefusal::from_text("400: closed".to_owned()).comparable_text());
}

#[test]
fn a_settings_error_repeats_no_value_of_the_contact() {
    let mapping = mapping_of(DestinationConfig::default(), &[]);
    let message = |text: &str| RefusalMessage { field: None, text: text.to_owned() };
    let both = vec![message("Email address ana.example is invalid"), message("Location is invalid")];
    let lead = lead_of(&[("email_address", "ana.example")]);
    let refusal = LeadRefusal::from_tripleseat(both);
    assert_eq!(judge_refusal(&refusal, &lead, &mapping), RefusalFault::Setting(SettingFault::Location));
    assert_eq!(refusal.setting_text(&lead, &mapping), "Location is invalid");
    let shared = LeadRefusal::from_text("422: no such form for +1 555-010-0199, id 1234567".to_owned());
    assert_eq!(shared.setting_text(&lead, &mapping), "422: no such form for +1 (number) id (number)");
}
