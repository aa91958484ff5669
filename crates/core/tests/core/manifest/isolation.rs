//! What two venues must not share.

use deployer_core::manifest::{SecretRef, SecretValue};

use super::{HEAD, error_codes, parse_accepted, parse_errors, venue_table};
use crate::assertions::assert_contains;

fn two_venues(first: &str, second: &str) -> String {
    format!("{HEAD}{first}{second}")
}

/// A venue with this public key and location.
fn venue_with_key(name: &str, key: &str, location: Option<u32>) -> String {
    let text = venue_table(name, "").replace(&format!("env:{}_KEY", name.to_uppercase()), key);
    match location {
        Some(location) => format!("{text}location_id = {location}\n"),
        None => text,
    }
}

fn http_venue(name: &str, url: &str, credential: Option<&str>) -> String {
    let (secret, auth) = match credential {
        Some(credential) => (format!("destination_credential = \"{credential}\"\n"), "auth = { kind = \"bearer\" }\n"),
        None => (String::new(), ""),
    };
    format!(
        "[venues.{name}]\ndisplay_name = \"{name}\"\n[venues.{name}.secrets]\nhubspot_token = \"env:{name}_T\"\n{secret}\
         [venues.{name}.destination]\nkind = \"http\"\nurl = \"{url}\"\n{auth}[venues.{name}.fields]\nemail = \"email\"\n"
    )
}

#[test]
fn rejects_names_that_differ_only_by_case_or_hyphens() {
    for (a, b) in [("roof-top", "roof_top"), ("Roof", "roof"), ("a-b_c", "A_B-C")] {
        let second = venue_table(b, "").replace("env:", "env:OTHER_");
        assert_eq!(error_codes(&two_venues(&venue_table(a, ""), &second)), ["shared_name"], "{a} {b}");
    }
    parse_accepted(&two_venues(&venue_table("roof", ""), &venue_table("roof2", "")));
}

#[test]
fn rejects_a_shared_flag_property() {
    let flag = "flag_property = \"tripleseat_sync\"";
    assert_eq!(error_codes(&two_venues(&venue_table("a", flag), &venue_table("b", flag))), ["shared_flag"]);
    let default_of_a = "flag_property = \"tripleseat_sync__a\"";
    assert_eq!(error_codes(&two_venues(&venue_table("a", ""), &venue_table("b", default_of_a))), ["shared_flag"]);
    let ledger_of_a = "flag_property = \"tripleseat_lead_id__a\"";
    assert_eq!(error_codes(&two_venues(&venue_table("a", ""), &venue_table("b", ledger_of_a))), ["shared_flag"]);
}

#[test]
fn rejects_a_shared_public_key_without_distinct_locations() {
    let destination =
        |a: Option<u32>, b: Option<u32>| two_venues(&venue_with_key("a", "env:K", a), &venue_with_key("b", "env:K", b));
    for (a, b) in [(None, None), (Some(1), None), (None, Some(1)), (Some(1), Some(1))] {
        assert_eq!(error_codes(&destination(a, b)), ["shared_destination"], "{a:?} {b:?}");
    }
    let loaded = parse_accepted(&destination(Some(1), Some(2)));
    let advice: Vec<&str> = loaded.advice.iter().map(|advice| advice.code).collect();
    assert_eq!(advice, ["shared_tripleseat_account"]);
    parse_accepted(&two_venues(&venue_with_key("a", "managed", None), &venue_with_key("b", "managed", None)));
}

#[test]
fn error_names_both_venues_and_both_places() {
    let text = two_venues(&venue_with_key("a", "env:K", Some(1)), &venue_with_key("b", "env:K", Some(1)));
    insta::assert_snapshot!(parse_errors(&text).render_report(deployer_core::manifest::ReportStyle::PLAIN));
}

#[test]
fn http_destinations_differ_by_url_or_credential() {
    let url = "https://p.example.com/leads";
    assert_eq!(
        error_codes(&two_venues(&http_venue("a", url, None), &http_venue("b", url, None))),
        ["shared_destination"]
    );
    assert_eq!(
        error_codes(&two_venues(&http_venue("a", url, Some("env:C")), &http_venue("b", url, Some("env:C")))),
        ["shared_destination"]
    );
    parse_accepted(&two_venues(&http_venue("a", url, Some("env:C")), &http_venue("b", url, Some("env:D"))));
    parse_accepted(&two_venues(&http_venue("a", url, None), &http_venue("b", "https://q.example.com/leads", None)));
}

#[test]
fn allows_a_shared_hubspot_token_with_advice() {
    let text = two_venues(&venue_table("a", ""), &venue_table("b", "").replace("env:B_TOKEN", "env:A_TOKEN"));
    let loaded = parse_accepted(&text);
    assert_eq!(loaded.advice[0].code, "shared_hubspot_token");
    assert!(loaded.advice[0].message.contains("`a` and `b`"), "{}", loaded.advice[0].message);
    assert_contains(loaded.advice[0].help.as_ref().unwrap(), "a service key for each venue");
}

#[test]
fn compares_credentials_by_value() {
    let loaded = parse_accepted(&two_venues(&venue_with_key("a", "env:K", None), &venue_with_key("b", "file:k", None)));
    let same = |_: &SecretRef| SecretValue::new("one-key").ok();
    let found = loaded.compare_credential_values(same).unwrap_err();
    let codes: Vec<&str> = found.list_findings().iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["shared_destination"]);
    assert!(!found.to_string().contains("one-key"));
    let different = |reference: &SecretRef| SecretValue::new(reference.to_string()).ok();
    assert!(loaded.compare_credential_values(different).unwrap().is_empty());
    assert!(loaded.compare_credential_values(|_| None).unwrap().is_empty());
}

#[test]
fn load_compares_file_contents() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(directory.path().join(name), content).unwrap();
    write("a", "same\n");
    write("b", "same");
    let path = directory.path().join("venues.toml");
    write("venues.toml", &two_venues(&venue_with_key("x", "file:a", None), &venue_with_key("y", "file:b", None)));
    let errors = deployer_core::manifest::load_manifest(&path).unwrap_err();
    assert_eq!(errors.list_findings()[0].code, "shared_destination");
    write("b", "other");
    deployer_core::manifest::load_manifest(&path).unwrap();
}

#[test]
fn rejects_two_canaries_and_a_blocked_canary() {
    assert_eq!(
        error_codes(&two_venues(&venue_table("a", "canary = true"), &venue_table("b", "canary = true"))),
        ["canary"]
    );
    let blocked = "canary = true\nstatus = \"blocked\"\nblocker = { reason = \"x\", owner = \"y\", next_step = \"z\" }";
    assert_eq!(error_codes(&two_venues(&venue_table("a", ""), &venue_table("b", blocked))), ["canary"]);
}
