use proptest::prelude::*;

use super::*;
use crate::tripleseat::LEAD_FIELDS;

fn labels() -> PropertyLabels {
    let mut labels = PropertyLabels::default();
    let options = [("wedding", "Wedding"), ("corp", "Corporate event")];
    for property in ["event_type", "value"] {
        labels.add_property(property, options.map(|(value, label)| (value.to_owned(), label.to_owned())));
    }
    labels
}

fn contact(values: &[(&str, &str)]) -> ContactProperties {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn evaluate_value(text: &str, values: &[(&str, &str)]) -> Option<LeadValue> {
    let zone = find_timezone("America/New_York").expect("a zone");
    let expression = FieldExpression::parse_expression(text).unwrap_or_else(|flaw| panic!("{text}: {flaw}"));
    expression.field_value(&contact(values), MappingContext { labels: &labels(), zone: &zone })
}

fn evaluate(text: &str, values: &[(&str, &str)]) -> Option<String> {
    evaluate_value(text, values).map(|value| value.to_text())
}

fn mapping(fields: &[(&str, &str)]) -> LeadMapping {
    let fields = fields.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect();
    LeadMapping::from_config(&SyncConfig { fields, ..SyncConfig::default() }).expect("valid expressions")
}

#[test]
fn evaluates_expressions() {
    let jo = [("firstname", " Jo "), ("lastname", ""), ("message", "مرحبا\n{not a template} 🎉"), ("fax", "\u{200b} ")];
    for (text, expected) in [
        ("firstname", Some("Jo")),
        ("lastname", None),
        ("phone", None),
        ("fax", None),
        ("=Website", Some("Website")),
        ("= Website", Some("Website")),
        ("=", None),
        ("={firstname}:label", Some("{firstname}:label")),
        ("{firstname} {lastname}", Some("Jo")),
        ("{lastname}, {phone}", None),
        ("{lastname|unknown}", Some("unknown")),
        ("{fax|none}", Some("none")),
        ("Dear {firstname}: {company|a guest}!", Some("Dear Jo: a guest!")),
        ("{company|a: b('c') | d}", Some("a: b('c') | d")),
        ("message", Some("مرحبا\n{not a template} 🎉")),
        ("{message}\n\nFrom {city|an unknown place}", Some("مرحبا\n{not a template} 🎉\n\nFrom an unknown place")),
        ("{ firstname }", Some("Jo")),
        ("{lastname|}", None),
    ] {
        assert_eq!(evaluate(text, &jo).as_deref(), expected, "{text}");
    }
}

#[test]
fn filters_chain_and_defaults_come_last() {
    let values = [
        ("event_type", "wedding;corp;other"),
        ("full_name", " Jo  van Berg "),
        ("notes", "Fish &amp; Chips for all of us"),
        ("starts", "2026-06-01T16:00:00Z"),
        ("guests", "40.0"),
    ];
    for (text, expected) in [
        ("event_type:label", Some("Wedding, Corporate event, other")),
        ("{event_type:label:join(' + ')}", Some("Wedding + Corporate event + other")),
        ("{event_type:label:first}", Some("Wedding")),
        ("{event_type : label : first | none}", Some("Wedding")),
        ("{missing:label|a default: kept}", Some("a default: kept")),
        ("missing:label|a default", Some("a default")),
        ("{full_name:split(' '):first} / {full_name:split(\" \"):rest}", Some("Jo / van Berg")),
        ("notes:decode_html:shorten(15)", Some("Fish & Chips f…")),
        ("{starts:date('%d.%m.%Y')} at {starts:time}", Some("01.06.2026 at 12pm")),
        ("{event_type:join('|')}", Some("wedding|corp|other")),
        ("{event_type:join('}')}", Some("wedding}corp}other")),
        ("{full_name:split('(')}", Some("Jo  van Berg")),
        ("{guests:json} guests", Some("40 guests")),
        // What a filter can't read stays as it is.
        ("{full_name:date}", Some("Jo  van Berg")),
        ("{full_name:json}", Some("Jo  van Berg")),
        ("{full_name:label}", Some("Jo  van Berg")),
    ] {
        assert_eq!(evaluate(text, &values).as_deref(), expected, "{text}");
    }
    assert_eq!(evaluate_value("guests:json", &values), Some(LeadValue::Whole(40)));
}

#[test]
fn every_filters_example_is_true() {
    for spec in FILTERS {
        let (value, expected) = spec.example;
        let text = format!("value:{}", spec.usage);
        assert!(spec.usage.contains(spec.name), "{text}");
        assert_eq!(evaluate(&text, &[("value", value)]).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn the_users_page_has_every_filter_and_field() {
    let page = include_str!("../../../../docs/mapping.md");
    for spec in FILTERS {
        let (value, expected) = spec.example;
        let row = format!("| `{}` | {} | `{value}` | `{expected}` |", spec.usage, spec.doc);
        assert!(page.contains(&row), "docs/mapping.md lacks the row {row}");
    }
    for field in LEAD_FIELDS {
        assert!(page.contains(&format!("`{}`", field.name)), "docs/mapping.md lacks {}", field.name);
    }
}

#[test]
fn flaws_say_where_they_are() {
    for (text, wrong, words) in [
        ("Private event", "Private event", "for a fixed value write \"=Private event\""),
        ("{firstname", "{", "not matched"),
        ("firstname}", "}", "not matched"),
        ("{a{b}", "{", "not matched"),
        ("{}", "}", "the property name is missing"),
        ("{First Name}", "First Name", "not the internal name"),
        ("{type:labels}", "labels", "unknown filter `labels`"),
        ("type:label:", "", "a filter's name is missing"),
        ("{type:label x}", "x", "doesn't belong to the filter `label`"),
        ("{type:label('x')}", "label('x')", "takes no arguments"),
        ("{type:split}", "split", "takes one argument"),
        ("{type:split('')}", "split('')", "isn't empty"),
        ("{type:shorten(x)}", "shorten(x)", "the number of characters"),
        ("{type:shorten(1)}", "shorten(1)", "the number of characters"),
        ("{type:join(', '}", "(", "this parenthesis is not closed"),
        ("{type:join(', )}", "'", "this quote is not closed"),
        ("{on:date('%&')}", "date('%&')", "takes a format"),
        ("{on:time('%H', '%M')}", "time('%H', '%M')", "takes a format"),
    ] {
        let flaw = FieldExpression::parse_expression(text).expect_err(text);
        assert_eq!(&text[flaw.at.clone()], wrong, "{text}: {flaw}");
        assert!(flaw.to_string().contains(words), "{text}: {flaw}");
    }
    let unknown = FieldExpression::parse_expression("{type:labels}").expect_err("no such filter");
    assert_eq!(unknown.unknown_filter.as_deref(), Some("labels"));
}

#[test]
fn tells_constants_from_properties() {
    let mapping = mapping(&[("source", "=HubSpot"), ("name", "{firstname|unknown}"), ("text", "Dear {firstname}")]);
    for (field, expected) in [
        ("source", Some(FieldSource::Constant)),
        ("name", Some(FieldSource::Properties)),
        ("text", Some(FieldSource::Properties)),
        ("email_address", Some(FieldSource::Properties)),
        ("email_opt_in", Some(FieldSource::Constant)),
        ("event_date", None),
    ] {
        assert_eq!(mapping.field_source(field), expected, "{field}");
    }
}

#[test]
fn manifest_fields_override_defaults() {
    let mapping = mapping(&[("phone_number", "mobilephone")]);
    let read: Vec<&str> = mapping.hubspot_properties().into_iter().collect();
    assert_eq!(read, ["company", "email", "firstname", "hs_email_optout", "lastname", "mobilephone"]);
    assert!(!mapping.mapped_properties().contains("hs_email_optout"), "it is HubSpot's own, so it always exists");
    assert_eq!(
        mapping.lead_fields(&contact(&[("email", "jo+a@example.com")]), &PropertyLabels::default()),
        LeadFields::from([
            ("email_address".to_owned(), "jo+a@example.com".into()),
            ("email_opt_in".to_owned(), LeadValue::Flag(false)),
        ])
    );
}

#[test]
fn nobody_is_opted_in_unless_the_manifest_and_the_contact_agree() {
    let opted = |text: Option<&str>, values: &[(&str, &str)]| {
        let fields: Vec<(&str, &str)> = text.into_iter().map(|text| ("email_opt_in", text)).collect();
        let lead = mapping(&fields).lead_fields(&contact(values), &PropertyLabels::default());
        lead.get("email_opt_in").cloned().expect("it is always sent")
    };
    let out = ("hs_email_optout", "true");
    for (text, values, expected) in [
        (None, &[][..], false),
        (Some("=true"), &[], true),
        (Some("=true"), &[out], false),
        (Some("=true"), &[("hs_email_optout", "false")], true),
        (Some("=true"), &[("hs_email_optout", "")], true),
        (Some("newsletter"), &[("newsletter", "Yes")], true),
        (Some("newsletter"), &[("newsletter", "1")], true),
        (Some("newsletter"), &[("newsletter", "no")], false),
        (Some("newsletter"), &[("newsletter", "maybe later")], false),
        (Some("newsletter"), &[], false),
        (Some("newsletter"), &[("newsletter", "true"), out], false),
        (Some("{newsletter|true}"), &[], true),
        (Some("="), &[], false),
    ] {
        assert_eq!(opted(text, values), LeadValue::Flag(expected), "{text:?} {values:?}");
    }
}

#[test]
fn numbers_and_consent_have_the_types_that_tripleseat_expects() {
    let fields = mapping(&[
        ("guest_count", "guests"),
        ("lead_source_id", "=12"),
        ("gdpr_consent_granted", "agreed"),
        ("additional_information", "guests"),
        ("own_field", "guests"),
    ]);
    let lead = |guests: &str, agreed: &str| {
        fields.lead_fields(&contact(&[("guests", guests), ("agreed", agreed)]), &PropertyLabels::default())
    };
    let typed = lead("40.0", "yes");
    assert_eq!(typed["guest_count"], LeadValue::Whole(40));
    assert_eq!(typed["lead_source_id"], LeadValue::Whole(12));
    assert_eq!(typed["gdpr_consent_granted"], LeadValue::Flag(true));
    assert_eq!(typed["additional_information"], "40.0".into());
    assert_eq!(typed["own_field"], "40.0".into());
    let untyped = lead("40-60", "I don't know");
    assert_eq!(untyped["guest_count"], "40-60".into(), "a refusal should name what was entered");
    assert_eq!(untyped["gdpr_consent_granted"], LeadValue::Flag(false));
    assert!(!lead("1", "").contains_key("gdpr_consent_granted"), "the form decides what no answer means");
}

#[test]
fn http_destinations_get_what_is_mapped_and_no_more() {
    let config = r#"{"destination":{"kind":"http","url":"https://p.example.com"},
        "fields":{"guests":"guests:json","code":"guests","email_opt_in":"optin"}}"#;
    let config: SyncConfig = serde_json::from_str(config).expect("valid");
    let mapping = LeadMapping::from_config(&config).expect("valid");
    let lead = mapping
        .lead_fields(&contact(&[("guests", "12"), ("optin", "yes"), ("email", "x")]), &PropertyLabels::default());
    assert_eq!(serde_json::to_string(&lead).expect("JSON"), r#"{"code":"12","email_opt_in":"yes","guests":12}"#);
    assert!(!mapping.hubspot_properties().contains("hs_email_optout"));
}

#[test]
fn invalid_settings_are_errors() {
    let with = |text: &str, zone: Option<&str>| {
        let fields = [("company".to_owned(), text.to_owned())].into();
        let timezone = zone.map(str::to_owned);
        LeadMapping::from_config(&SyncConfig { fields, timezone, ..SyncConfig::default() })
    };
    assert!(with("company", Some("Europe/Berlin")).is_ok());
    assert!(with("{company", None).expect_err("a brace").contains("`company`"));
    assert!(with("company", Some("Mars/Olympus")).expect_err("a zone").contains("Mars/Olympus"));
}

/// The characters that a person would miss.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !crate::text::is_invisible(*c)).collect()
}

/// Filters that keep everything that a person entered.
const KEEPING: [&str; 8] =
    ["label", "date", "time", "datetime", "split(' ')", "split(' '):join('')", "json", "label:shorten(9999)"];

proptest! {
    #[test]
    fn parsing_and_evaluating_never_panics(text in "\\PC{0,40}|[a-z{}:|()'\",=% ]{0,40}", value in "\\PC{0,60}") {
        let Ok(expression) = FieldExpression::parse_expression(&text) else { return Ok(()) };
        let values: ContactProperties = expression.property_names().map(|name| (name.to_owned(), value.clone())).collect();
        let zone = find_timezone("Asia/Kolkata").expect("a zone");
        expression.field_value(&values, MappingContext { labels: &labels(), zone: &zone });
    }

    #[test]
    fn flaws_are_on_character_boundaries(text in "\\PC{0,40}|[a-zé{}:|()'\",=% ]{0,40}") {
        if let Err(flaw) = FieldExpression::parse_expression(&text) {
            prop_assert!(text.get(flaw.at.clone()).is_some(), "{flaw:?}");
        }
    }

    #[test]
    fn filters_lose_nothing_that_they_cannot_read(
        value in "[\\PC\u{200b}]{0,40}",
        filter in proptest::sample::select(&KEEPING[..]),
    ) {
        // Texts that a filter does read are in the tables above.
        let read = value.chars().any(|c| c.is_ascii_digit() || c == ';') || parse_boolean(&value).is_some();
        prop_assume!(!read);
        let evaluated = evaluate(&format!("value:{filter}"), &[("value", &value)]).unwrap_or_default();
        let known = ["wedding", "corp"].contains(&value.trim());
        prop_assert!(known || visible(&evaluated) == visible(&value), "{value:?} became {evaluated:?}");
    }

    #[test]
    fn splitting_into_first_and_rest_keeps_every_word(value in "\\PC{0,60}") {
        let evaluated = evaluate("{value:split(' '):first} {value:split(' '):rest}", &[("value", &value)]);
        prop_assert_eq!(visible(&evaluated.unwrap_or_default()), visible(&value));
    }

    #[test]
    fn shortened_texts_fit_and_say_so(value in "\\PC{1,60}", length in 2_usize..40) {
        let whole = evaluate("value", &[("value", &value)]).unwrap_or_default();
        let short = evaluate(&format!("value:shorten({length})"), &[("value", &value)]).unwrap_or_default();
        prop_assert!(short.chars().count() <= length);
        prop_assert!(short == whole || short.ends_with('…'), "{:?}", short);
    }

    #[test]
    fn expressions_without_filters_mean_what_they_always_did(
        before in "[^{}=\\p{Cc}][^{}\\p{Cc}]{0,8}", after in "[^{}\\p{Cc}]{0,8}", default in "[^{}\\p{Cc}]{1,8}", value in "\\PC{0,20}",
    ) {
        let text = format!("{before}{{value|{default}}}{after}");
        let given = Some(value.trim()).filter(|value| !crate::text::is_blank(value)).unwrap_or(&default);
        let expected = format!("{before}{given}{after}");
        let expected = Some(expected.trim()).filter(|text| !crate::text::is_blank(text));
        let evaluated = evaluate(&text, &[("value", &value)]);
        prop_assert_eq!(evaluated.as_deref(), expected);
    }
}
