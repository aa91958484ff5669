//! What a run reports: its metrics, and no personal data.

use std::collections::BTreeSet;
use std::path::Path;

use deployer_sandbox::contacts_csv;
use jiff::SignedDuration;
use serde_json::json;

use super::portal::{KEY, SyncTestPortal, TOKEN};
use super::{CREATE, status_fault};
use deployer_sandbox::SandboxFault;

fn oldest_flag(portal: &SyncTestPortal) -> Option<u64> {
    portal.run_line()["OldestFlagAgeSeconds"].as_u64()
}

#[tokio::test]
async fn runs_report_six_metrics_per_venue() {
    let portal = SyncTestPortal::new(false).await;
    portal.add_contacts(1..3);
    portal.add_contact(3, &[("phone", "")]);
    portal.run_once().await.expect("the run succeeds");
    let line = portal.run_line();
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    let names: Vec<&str> =
        directive["Metrics"].as_array().expect("metrics").iter().filter_map(|metric| metric["Name"].as_str()).collect();
    assert_eq!(names, ["Synced", "Failed", "NeedsReview", "Backlog", "Duration", "OldestFlagAgeSeconds"]);
    assert_eq!((&directive["Dimensions"], &line["venue"]), (&json!([["venue"]]), &json!("venue-a")));
    assert_eq!((&line["Synced"], &line["Failed"], &line["Backlog"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(oldest_flag(&portal), Some(0), "no flag is left");
}

#[tokio::test]
async fn failed_attempts_do_not_reset_the_oldest_flag_age() {
    let portal = SyncTestPortal::new(false).await;
    let ago = |hours: i64| (portal.clock.now() - SignedDuration::from_hours(hours)).to_string();
    portal.add_contact(1, &[("createdate", &ago(30)), ("lastmodifieddate", &ago(3))]);
    portal.add_contact(2, &[("createdate", &ago(30)), ("lastmodifieddate", &ago(1))]);
    portal.break_tripleseat(CREATE, 0, status_fault(429, Some("0")));
    for _ in 0..2 {
        // Each run writes to the contacts, and so changes their modification dates.
        portal.run_once().await.expect("the run succeeds");
        let age = oldest_flag(&portal).expect("an age");
        assert!((3 * 3600..4 * 3600).contains(&age), "{age}");
        assert_eq!(portal.run_line()["Backlog"], 2);
        portal.advance_past_lag();
    }
    portal.clear_faults();
    portal.expect_counts(2, 2, 0, 0, 0).await;
    assert_eq!(oldest_flag(&portal), Some(0));
}

#[tokio::test]
async fn reports_the_flag_age_unless_hubspot_fails() {
    let mut portal = SyncTestPortal::new(false).await;
    let ago = (portal.clock.now() - SignedDuration::from_hours(2)).to_string();
    portal.add_contact(1, &[("createdate", &ago), ("lastmodifieddate", &ago)]);
    portal.variables.insert("TRIPLESEAT_PUBLIC_KEY", "mistyped-public-key".to_owned());
    portal.run_once().await.expect_err("the key is wrong");
    assert!(oldest_flag(&portal).is_some_and(|age| age >= 7200));
    portal.variables.insert("HUBSPOT_TOKEN", "mistyped-token".to_owned());
    portal.run_once().await.expect_err("the token is wrong");
    assert_eq!(oldest_flag(&portal), None);
    let declared = portal.run_line()["_aws"]["CloudWatchMetrics"][0]["Metrics"].to_string();
    assert!(!declared.contains("OldestFlagAgeSeconds"), "a metric without a value isn't declared: {declared}");
}

/// The personal values of contacts, as they could appear in a line.
fn personal_values(contacts: &[std::collections::BTreeMap<String, String>]) -> BTreeSet<String> {
    let names = ["firstname", "lastname", "email", "phone", "company", "message"];
    let values = contacts.iter().flat_map(|contact| names.iter().filter_map(|name| contact.get(*name)));
    // Shorter values could appear in any text by chance.
    values.map(|value| value.trim().to_owned()).filter(|value| value.chars().count() > 2).collect()
}

#[tokio::test]
async fn output_for_the_sample_contacts_has_no_personal_data() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let labels = [("Tripleseat Sync - Venue A".to_owned(), "tripleseat_sync__venue_a".to_owned())];
    let file = contacts_csv::read_contacts(&root.join("samples/contacts.csv"), &labels).expect("the contacts load");
    let personal = personal_values(&file.contacts);
    assert!(personal.len() > 100, "{}", personal.len());
    let garbage = SandboxFault::Garbage { status: 200, body: "<html>".to_owned() };
    let mut lines = 0;
    // Contacts that are synced, that are rejected with Tripleseat's message, and that are ambiguous.
    for (oauth, nth, fault) in [
        (true, usize::MAX, SandboxFault::DropAfter),
        (false, 3, SandboxFault::DropAfter),
        (false, 5, garbage),
        (true, 2, SandboxFault::DropBefore),
    ] {
        let portal = SyncTestPortal::new(oauth).await;
        portal.hubspot.import_file(&file).expect("the contacts are imported");
        portal.break_tripleseat(CREATE, nth, fault);
        let dry = portal.run_with(&json!({ "dry_run": true }), std::time::Duration::from_secs(60)).await;
        let ran = [dry, portal.run_once().await, portal.run_once().await];
        let mut said: Vec<String> = ran
            .into_iter()
            .map(|ran| ran.map_or_else(|error| error.to_string(), |answer| answer.to_string()))
            .collect();
        let logged = portal.logged.lock().expect("no panic").clone();
        let contact_lines = logged.iter().filter(|line| line["event"] == "contact").count();
        assert!(contact_lines >= 22, "{contact_lines}");
        said.extend(logged.iter().map(ToString::to_string));
        lines += said.len();
        for line in &said {
            // Look for the value as it is, and as it is escaped in JSON.
            let telling = personal.iter().find(|value| {
                let quoted = json!(value).to_string();
                line.contains(value.as_str()) || line.contains(quoted.trim_matches('"'))
            });
            assert_eq!(telling, None, "{line}");
            assert!([TOKEN, KEY, "secret-of-7001"].iter().all(|secret| !line.contains(secret)), "{line}");
        }
    }
    println!("{lines} lines and responses, {} personal values, none found", personal.len());
}
