//! The content of the report.

use serde_json::{Value, json};

use super::account::{DuplicatesSandbox, lead_reference};
use crate::assertions::assert_contains;
use crate::formats::body_lines;

/// An account with one of each: a duplicate, one outside the window, a shared number, another event date, a lead of
/// another venue, a booked one, and a shared mailbox.
pub fn messy_account() -> DuplicatesSandbox {
    let sandbox = DuplicatesSandbox::new();
    let ana = json!({ "email_address": "ana@silva.family", "phone_number": "+1 646 231 4087" });
    let with = |more: Value| {
        let mut lead = ana.clone();
        lead.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        lead
    };
    let first = sandbox.create_contact(&[("tripleseat_lead_id__a", "5002"), ("tripleseat_sync_status__a", "synced")]);
    let (text, _) = lead_reference(first, "19a0b1c2d3e-00000001");
    sandbox.create_lead(with(json!({ "additional_information": text, "event_date": "2026-06-01" })));
    sandbox.advance_days(1);
    let (text, _) = lead_reference(first, "19a0b1c2d3f-00000002");
    sandbox.create_lead(with(json!({ "email_address": " ANA@silva.family ", "additional_information": text })));
    sandbox.create_lead(with(json!({ "event_date": "2026-07-01" })));
    sandbox.create_lead(
        json!({ "first_name": "=1+1", "email_address": "ben@silva.family", "phone_number": "(646) 231-4087" }),
    );
    sandbox.create_lead(json!({ "email_address": "at-the-other@silva.family", "location_id": 12 }));
    // b's ledger names a lead in a's account, and has a contact that a's ledger doesn't.
    let other = sandbox.create_contact(&[("tripleseat_lead_id__b", "5006"), ("tripleseat_sync_status__b", "synced")]);
    let (text, _) = lead_reference(other, "19a0b1c2d40-00000003");
    assert_eq!(
        sandbox.create_lead(json!({ "email_address": "cleo@silva.family", "additional_information": text })),
        5006
    );
    let known = sandbox.create_contact(&[("tripleseat_sync_status__b", "failed")]);
    let (text, _) = lead_reference(known, "19a0b1c2d41-00000004");
    sandbox.create_lead(with(json!({ "additional_information": text })));
    let (text, _) = lead_reference(999, "19a0b1c2d42-00000005");
    sandbox.create_lead(json!({ "email_address": "dan@silva.family", "additional_information": text }));
    let dora = json!({ "email_address": "dora@silva.family", "first_name": "Dora" });
    sandbox.create_lead(dora.clone());
    let booked = sandbox.create_lead(dora);
    sandbox.tripleseat.set_lead_outcome(booked, "booking_id", json!(7));
    sandbox.tripleseat.set_lead_outcome(booked, "converted_at", json!("2026-03-20T12:00:00.000Z"));
    for _ in 0..2 {
        sandbox.create_lead(json!({ "email_address": "events@mill.co", "first_name": "<script>alert(1)</script>" }));
    }
    sandbox.advance_days(30);
    sandbox.create_lead(ana.clone());
    sandbox
}

#[test]
fn finds_and_prices_duplicates_and_other_venues_leads() {
    let sandbox = messy_account();
    let (code, printed) = sandbox.run_duplicates(&["--fee", "500"]);
    assert_eq!(code, 0, "{printed}");
    let directory = sandbox.site.path().canonicalize().expect("a path");
    insta::assert_snapshot!("printed", printed.replace(directory.to_str().expect("text"), "DIR"));
    insta::assert_snapshot!("csv", sandbox.read_report("csv"));
    let body = body_lines(&sandbox.read_report("html"));
    let read = body.find(", read ").expect("when it was read");
    let window = body.find(", window ").expect("the window");
    insta::assert_snapshot!("html", format!("{}, read TIME{}", &body[..read], &body[window..]));
    let json: Value = serde_json::from_str(&sandbox.read_report("json")).expect("JSON");
    assert_eq!(json["rows"].as_array().expect("rows").len(), sandbox.read_report("csv").lines().count() - 1);
    let mend = json!({ "leads": 4, "by_vendor": "500.00", "minutes_by_hand": 8, "by_hand": "4.00" });
    assert_eq!(json["mend"], mend);
    assert_eq!((&json["about"]["other_locations"], &json["rows"][0]["lead_id"]), (&json!(1), &json!(5006)));
}

#[test]
fn page_has_and_allows_no_scripts() {
    let sandbox = messy_account();
    assert_eq!(sandbox.run_duplicates(&[]).0, 0);
    let page = sandbox.read_report("html");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script"), "{page}");
    assert!(page.contains("The &lt;b&gt;Mill&lt;/b&gt; &amp; Co") && page.contains("default-src 'none'"), "{page}");
    for outside in ["http://", "https://", "src=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn personal_data_is_only_in_the_report_and_only_for_its_owner() {
    let sandbox = messy_account();
    for more in [&[][..], &["--json"], &["--window", "1d"]] {
        let (code, printed) = sandbox.run_duplicates(more);
        assert_eq!(code, 0, "{printed}");
        for data in ["ana@", "ben@", "Silva", "4087", "HS-", super::account::CLIENT_SECRET, "token-of"] {
            assert!(!printed.contains(data), "{data}: {printed}");
        }
    }
    let files = |path: &str| -> Vec<String> {
        let entries = std::fs::read_dir(sandbox.site.path().join(path)).expect("a directory");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("one").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    };
    assert_eq!(files("out"), [".gitignore", "duplicates.csv", "duplicates.html", "duplicates.json"]);
    assert_eq!(files(".deployer/duplicates"), Vec::<String>::new());
    #[cfg(unix)]
    for name in files("out") {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(sandbox.site.path().join("out").join(&name)).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn without_the_ledger_origins_are_unknown() {
    let sandbox = messy_account();
    let (code, printed) = sandbox.run_duplicates(&["--no-ledger", "--json", "--window", "31d"]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(sandbox.hubspot.recorded_requests().len(), 0);
    let line: Value = serde_json::from_str(&printed).expect("JSON");
    let summary = &line["summary"];
    assert_eq!((&summary["another_venue"], &summary["origin_unknown"]), (&json!(0), &json!(5)));
    assert_eq!((&summary["groups"], &summary["repeats"]), (&json!(2), &json!(5)));
    assert_contains(sandbox.read_report("html"), "HubSpot wasn't asked");
}

#[test]
fn account_without_duplicates_has_a_report() {
    let sandbox = DuplicatesSandbox::new();
    let (code, printed) = sandbox.run_duplicates(&[]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("There is nothing to remove."), "{printed}");
    assert_eq!(sandbox.read_report("csv").lines().count(), 1);
    let json: Value = serde_json::from_str(&sandbox.read_report("json")).expect("JSON");
    assert_eq!(json["rows"], json!([]));
}
