//! What a lead is made of, from contacts as people enter them.

use super::portal::Portal;

/// A portal with a mapping.
async fn mapped(fields: &[(&str, &str)]) -> Portal {
    let mut portal = Portal::new(false).await;
    portal.config.fields = fields.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect();
    portal
}

/// The only lead's field.
fn field(portal: &Portal, name: &str) -> String {
    let leads = portal.leads();
    assert_eq!(leads.len(), 1);
    leads[0].fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn texts_arrive_as_they_were_written() {
    let long = "ten thousand letters ".repeat(500);
    for (first, last, message) in [
        ("Zoë 🎉", "O'Brien-Müller", "\"the big room\", please\n\ttwo\\lines"),
        ("دانا", "الخطيب", "عشاء \u{202b}لثلاثين\u{202c} شخصا"),
        ("👩‍👩‍👧", "\u{10ffff}", "{firstname} =x |y"),
        ("Ana", "Silva", long.trim_end()),
    ] {
        let portal = mapped(&[("additional_information", "message")]).await;
        portal.contact(1, &[("firstname", first), ("lastname", last), ("message", message)]);
        portal.expect(1, 1, 0, 0, 0).await;
        assert_eq!((field(&portal, "first_name").as_str(), field(&portal, "last_name").as_str()), (first, last));
        let text = field(&portal, "additional_information");
        assert!(text.starts_with(&format!("{message}\n\n[HubSpot contact ")), "{text}");
    }
}

#[tokio::test]
async fn an_address_with_a_plus_and_a_number_with_zeros_lose_nothing() {
    for (entered, sent) in [("00155501", "00155501"), ("\u{202a}+1 (555)\u{a0}555‑0100\u{202c}", "+1 (555) 555-0100")]
    {
        let portal = mapped(&[]).await;
        portal.contact(1, &[("email", "jo+venue.a@example.com"), ("phone", entered)]);
        portal.expect(1, 1, 0, 0, 0).await;
        assert_eq!(field(&portal, "email_address"), "jo+venue.a@example.com");
        assert_eq!(field(&portal, "phone_number"), sent);
    }
}

#[tokio::test]
async fn several_properties_constants_and_defaults_make_one_field() {
    let text = "{message|No message}\n\nCity: {city|unknown}. Guests: {guest_count}.";
    let portal = mapped(&[("additional_information", text), ("referral_source_other", "= HubSpot")]).await;
    portal.contact(1, &[("message", "Dinner for ten"), ("guest_count", "10")]);
    portal.expect(1, 1, 0, 0, 0).await;
    let text = field(&portal, "additional_information");
    assert!(text.starts_with("Dinner for ten\n\nCity: unknown. Guests: 10.\n\n[HubSpot contact "), "{text}");
    assert_eq!(field(&portal, "referral_source_other"), "HubSpot");
}

#[tokio::test]
async fn a_missing_last_name_is_refused_unless_the_venue_has_a_default() {
    let portal = mapped(&[]).await;
    let id = portal.contact(1, &[("lastname", "")]);
    portal.expect(1, 0, 1, 0, 0).await;
    assert!(portal.ledger(id).3.contains("Last name can't be blank"), "{}", portal.ledger(id).3);

    let portal = mapped(&[("last_name", "{lastname|(none given)}")]).await;
    portal.contact(1, &[("lastname", " ")]);
    portal.expect(1, 1, 0, 0, 0).await;
    assert_eq!(field(&portal, "last_name"), "(none given)");
}

#[tokio::test]
async fn a_contact_without_anything_is_refused_for_all_that_it_lacks() {
    let portal = mapped(&[]).await;
    let id = portal.contact(1, &[("firstname", ""), ("lastname", ""), ("email", ""), ("phone", "")]);
    portal.expect(1, 0, 1, 0, 0).await;
    let error = portal.ledger(id).3;
    for lacks in ["First name", "Last name", "Email address", "Phone number"] {
        assert!(error.contains(&format!("{lacks} can't be blank")), "{error}");
    }
}
