//! The fields of leads, from contacts as people enter them.

use deployer_sandbox::hubspot::PropertyDefinition;
use serde_json::{Value, json};

use super::portal::SyncTestPortal;

/// A portal with these field mappings.
async fn portal_with_mapping(fields: &[(&str, &str)]) -> SyncTestPortal {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.fields = fields.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect();
    portal
}

/// A field of the only lead.
fn lead_field(portal: &SyncTestPortal, name: &str) -> String {
    let leads = portal.venue_leads();
    assert_eq!(leads.len(), 1);
    leads[0].fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn preserves_text_exactly() {
    let long = "ten thousand letters ".repeat(500);
    for (first, last, message) in [
        ("Zoë 🎉", "O'Brien-Müller", "\"the big room\", please\n\ttwo\\lines"),
        ("دانا", "الخطيب", "عشاء \u{202b}لثلاثين\u{202c} شخصا"),
        ("👩‍👩‍👧", "\u{10ffff}", "{firstname} =x |y"),
        ("Ana", "Silva", long.trim_end()),
    ] {
        let portal = portal_with_mapping(&[("additional_information", "message")]).await;
        portal.add_contact(1, &[("firstname", first), ("lastname", last), ("message", message)]);
        portal.expect_counts(1, 1, 0, 0, 0).await;
        assert_eq!(
            (lead_field(&portal, "first_name").as_str(), lead_field(&portal, "last_name").as_str()),
            (first, last)
        );
        let text = lead_field(&portal, "additional_information");
        assert!(text.starts_with(&format!("{message}\n\n[HubSpot contact ")), "{text}");
    }
}

#[tokio::test]
async fn preserves_plus_addresses_and_leading_zeros() {
    for (entered, sent) in [("00155501", "00155501"), ("\u{202a}+1 (555)\u{a0}555‑0100\u{202c}", "+1 (555) 555-0100")]
    {
        let portal = portal_with_mapping(&[]).await;
        portal.add_contact(1, &[("email", "jo+venue.a@example.com"), ("phone", entered)]);
        portal.expect_counts(1, 1, 0, 0, 0).await;
        assert_eq!(lead_field(&portal, "email_address"), "jo+venue.a@example.com");
        assert_eq!(lead_field(&portal, "phone_number"), sent);
    }
}

#[tokio::test]
async fn combines_properties_constants_and_defaults_in_one_field() {
    let text = "{message|No message}\n\nCity: {city|unknown}. Guests: {guest_count}.";
    let portal = portal_with_mapping(&[("additional_information", text), ("referral_source_other", "= HubSpot")]).await;
    portal.add_contact(1, &[("message", "Dinner for ten"), ("guest_count", "10")]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let text = lead_field(&portal, "additional_information");
    assert!(text.starts_with("Dinner for ten\n\nCity: unknown. Guests: 10.\n\n[HubSpot contact "), "{text}");
    assert_eq!(lead_field(&portal, "referral_source_other"), "HubSpot");
}

#[tokio::test]
async fn rejects_missing_last_names_unless_the_venue_has_a_default() {
    let portal = portal_with_mapping(&[]).await;
    let id = portal.add_contact(1, &[("lastname", "")]);
    portal.expect_counts(1, 0, 1, 0, 0).await;
    assert!(portal.ledger_values(id).3.contains("Last name can't be blank"), "{}", portal.ledger_values(id).3);

    let portal = portal_with_mapping(&[("last_name", "{lastname|(none given)}")]).await;
    portal.add_contact(1, &[("lastname", " ")]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(lead_field(&portal, "last_name"), "(none given)");
}

#[tokio::test]
async fn errors_list_every_missing_field() {
    let portal = portal_with_mapping(&[]).await;
    let id = portal.add_contact(1, &[("firstname", ""), ("lastname", ""), ("email", ""), ("phone", "")]);
    portal.expect_counts(1, 0, 1, 0, 0).await;
    let error = portal.ledger_values(id).3;
    for lacks in ["First name", "Last name", "Email address", "Phone number"] {
        assert!(error.contains(&format!("{lacks} can't be blank")), "{error}");
    }
}

#[tokio::test]
async fn nobody_is_opted_in_to_marketing_mail_by_default() {
    let opted_in = |portal: &SyncTestPortal| -> Vec<Value> {
        portal.venue_leads().iter().map(|lead| lead.fields["email_opt_in"].clone()).collect()
    };
    let portal = portal_with_mapping(&[]).await;
    portal.add_contact(1, &[]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(opted_in(&portal), [json!(false)], "Tripleseat's own default is true");

    let portal = portal_with_mapping(&[("email_opt_in", "=true"), ("gdpr_consent_granted", "=yes")]).await;
    portal.add_contact(1, &[]);
    let unsubscribed = portal.add_contact(2, &[]);
    portal.hubspot.opt_out_of_email(unsubscribed).expect("the contact exists");
    portal.expect_counts(2, 2, 0, 0, 0).await;
    let mut opted = opted_in(&portal);
    opted.sort_by_key(Value::to_string);
    assert_eq!(opted, [json!(false), json!(true)], "what a contact opted out of in HubSpot always wins");
    assert!(portal.venue_leads().iter().all(|lead| lead.fields["gdpr_consent_granted"] == true));

    let portal = portal_with_mapping(&[("email_opt_in", "hs_lead_status")]).await;
    portal.add_contact(1, &[("hs_lead_status", "OPEN")]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(opted_in(&portal), [json!(false)], "a text that is no yes is no consent");
}

#[tokio::test]
async fn dates_times_and_numbers_have_tripleseats_form() {
    let mut portal = portal_with_mapping(&[
        ("event_date", "starts:date('%m/%d/%Y')"),
        ("start_time", "{starts:time}"),
        ("guest_count", "guest_count"),
        ("company", "{company:decode_html:shorten(10)|Private event}"),
        ("last_name", "{lastname:split(' '):rest}"),
    ])
    .await;
    portal.config.timezone = Some("America/New_York".to_owned());
    let starts = PropertyDefinition::new("starts", "Starts", "datetime", "date");
    portal.hubspot.define_property(starts).expect("a valid property");
    let values = [
        ("starts", "2026-06-02T02:00:00Z"),
        ("guest_count", "40"),
        ("company", "Fish &amp; Chips Ltd."),
        ("lastname", "Jo van Berg"),
    ];
    portal.add_contact(1, &values);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    for (field, expected) in [
        ("event_date", json!("06/01/2026")),
        ("start_time", json!("10pm")),
        ("guest_count", json!(40)),
        ("company", json!("Fish & Ch…")),
        ("last_name", json!("van Berg")),
    ] {
        assert_eq!(portal.venue_leads()[0].fields[field], expected, "{field}");
    }
}
