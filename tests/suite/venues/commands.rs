//! The commands as processes: what they print, what they refuse, and that a refusal leaves the file unchanged.

use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer};

use crate::assertions::assert_contains;
use crate::processes::{Site, exit_and_output};

const MANIFEST: &str = "venues.toml";

fn manifest_text(site: &Site) -> String {
    std::fs::read_to_string(site.path().join(MANIFEST)).expect("the manifest")
}

/// Runs a command that must fail with this code and leave the manifest unchanged; returns its output.
fn refused_output(site: &Site, code: i32, args: &[&str]) -> String {
    let before = manifest_text(site);
    let (found, printed) = site.run_deployer(args);
    assert_eq!(found, code, "{args:?}: {printed}");
    assert_eq!(manifest_text(site), before, "{args:?}: the file is unchanged");
    let files = std::fs::read_dir(site.path()).expect("a directory").count();
    assert_eq!(files, 2, "{args:?}: no other files are left behind");
    printed
}

const LOFT: [&str; 7] = ["venue", "add", "loft", "--display-name", "Loft", "--destination", "tripleseat"];

#[test]
fn add_writes_a_venue_and_prints_the_next_commands() {
    let site = Site::new();
    let before = manifest_text(&site);
    let (code, printed) = site.run_deployer(&LOFT);
    assert_eq!(code, 0, "{printed}");
    insta::assert_snapshot!(printed);
    let after = manifest_text(&site);
    let added = after.strip_prefix(&before).expect("the original text is still there");
    insta::assert_snapshot!(added);
    let (code, printed) = site.run_deployer(&["venue", "list", "--json"]);
    assert_eq!((code, printed.lines().count()), (0, 3), "{printed}");
}

#[test]
fn add_and_init_suggest_mappings_from_the_portals_properties() {
    let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
    let config = SandboxHubSpotConfig {
        portal_id: 77,
        clock: SandboxClock::system(),
        search_lag: jiff::SignedDuration::ZERO,
        limits: false,
    };
    let hubspot = SandboxHubSpot::new(config);
    hubspot.add_token("token-of-c", &HUBSPOT_SCOPES);
    let server = runtime.block_on(SandboxServer::start(hubspot.api_router())).expect("a port is free");
    let site = Site::new();
    let text = manifest_text(&site);
    let table = |token: &str| format!("[hubspot]\ntoken = \"{token}\"\nbase_uri = \"{}\"\n\n[venues.a]", server.uri);
    site.write_file(MANIFEST, &text.replace("[venues.a]", &table("env:TOKEN_c")));
    let (code, printed) = site.run_deployer(&LOFT);
    assert_eq!(code, 0, "{printed}");
    for line in [
        "  [venues.loft.fields]\n",
        "  event_date = \"event_date\" ",
        "  guest_count = \"guest_count\" ",
        "  event_description = \"event_type:label\"              # Event Type\n",
        "Labels need the scope crm.schemas.contacts.read",
    ] {
        assert_contains(&printed, line);
    }
    let add = ["venue", "add", "hall", "--display-name", "Hall", "--destination", "tripleseat", "--json"];
    let fields = ["--field", "event_date=event_date", "--field", "guest_count=guest_count"];
    let (code, printed) = site.run_deployer(&[&add[..], &fields[..]].concat());
    let line: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let suggested = serde_json::json!(["event_description = \"event_type:label\""]);
    assert_eq!((code, &line["suggested_fields"]), (0, &suggested));
    // Without a token that is accepted, there is nothing to suggest, and nothing to complain about.
    hubspot.revoke_token("token-of-c");
    let other = ["venue", "add", "attic", "--display-name", "Attic", "--destination", "tripleseat"];
    let (code, printed) = site.run_deployer(&other);
    assert!(code == 0 && !printed.contains("HubSpot has properties"), "{printed}");

    hubspot.add_token("token-of-c", &HUBSPOT_SCOPES);
    let init = ["init", "--manifest", "new.toml", "--hubspot-base-uri", &server.uri];
    let without = exit_and_output(&site.deployer_command(&init).output().expect("it starts"));
    assert!(without.0 == 0 && !without.1.contains("HubSpot has properties"), "{}", without.1);
    let mut again = site.deployer_command(&[&init[..], &["--force"]].concat());
    let with = exit_and_output(&again.env("HUBSPOT_ADMIN_TOKEN", "token-of-c").output().expect("it starts"));
    assert!(with.0 == 0 && with.1.contains("[venues.venue-a.fields]"), "{}", with.1);
}

#[test]
fn json_output_of_an_edit_is_one_line() {
    let site = Site::new();
    let (code, printed) = site.run_deployer(&[&LOFT[..], &["--json", "--hubspot-token", "env:TOKEN_c"]].concat());
    assert_eq!(code, 0, "{printed}");
    let line: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((&line["type"], &line["venue"]), (&"venue_edited".into(), &"loft".into()));
    assert_eq!(line["unset_variables"], serde_json::json!(["LOFT_TRIPLESEAT_PUBLIC_KEY"]));
    assert_eq!(line["next"][2], "deployer verify loft");
    for args in [["venue", "pause", "a", "--json"], ["venue", "pause", "a", "--json"]] {
        let (code, printed) = site.run_deployer(&args);
        assert_eq!((code, printed.lines().count()), (0, 1), "{printed}");
    }
    let block = ["venue", "block", "a", "--json", "--reason", "No API", "--since", "2026-01-01"];
    let (code, printed) = site.run_deployer(&block);
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = site.run_deployer(&["venue", "list", "--json"]);
    assert_eq!(code, 0);
    let venue: serde_json::Value = serde_json::from_str(printed.lines().next().expect("a line")).expect("JSON");
    assert_eq!(venue["blocker"]["reason"], "No API");
    assert!(venue["blocker"]["age_days"].as_i64().expect("a number") > 0, "{venue}");
}

#[test]
fn missing_options_are_refused_without_a_terminal() {
    let site = Site::new();
    for args in [
        &["venue", "add", "loft"][..],
        &["venue", "add", "loft", "--display-name", "Loft", "--destination", "http"],
        &["venue", "block", "a"],
        &["venue", "block", "a", "--owner", "ops"],
    ] {
        insta::assert_snapshot!(refused_output(&site, 2, args));
    }
}

#[test]
fn conflicts_are_refused_before_anything_is_written() {
    let site = Site::new();
    let add = |name: &'static str, more: &[&'static str]| -> Vec<&'static str> {
        let mut args = vec!["venue", "add", name, "--display-name", "X", "--destination", "tripleseat"];
        args.extend(more);
        args
    };
    insta::assert_snapshot!("clash_name", refused_output(&site, 2, &add("a", &[])));
    // The same name for HubSpot and IAM, which are case-insensitive.
    insta::assert_snapshot!("clash_flag", refused_output(&site, 2, &add("A", &[])));
    insta::assert_snapshot!(
        "clash_account",
        refused_output(&site, 2, &add("loft", &["--tripleseat-public-key", "env:KEY_a"]))
    );
    insta::assert_snapshot!("bad_name", refused_output(&site, 2, &add("the loft", &[])));
    insta::assert_snapshot!("bad_schedule", refused_output(&site, 2, &add("loft", &["--schedule", "rate(1 minute)"])));
    let printed = refused_output(&site, 2, &add("loft", &["--hubspot-token", "pat-na1-hunter2"]));
    assert!(!printed.contains("hunter2"), "{printed}");
    insta::assert_snapshot!("literal_secret", printed);
    insta::assert_snapshot!("wrong_kind", refused_output(&site, 2, &add("loft", &["--url", "https://p.example.com"])));
    insta::assert_snapshot!("bad_field", refused_output(&site, 2, &add("loft", &["--field", "email"])));
    let (_, json) = site.run_deployer(&[&add("A", &[])[..], &["--json"]].concat());
    assert!(json.contains(r#""type":"manifest_error""#), "{json}");
    assert!(json.contains(r#""message":"1 mistake in venues.toml""#), "one mistake is not called mistakes: {json}");
}

#[test]
fn pauses_resumes_blocks_and_unblocks_a_venue() {
    let site = Site::new();
    let before = manifest_text(&site);
    let mut printed = String::new();
    for args in [
        &["venue", "pause", "a"][..],
        &["venue", "pause", "a"],
        &["venue", "resume", "a"],
        &["venue", "block", "a", "--reason", "No API yet", "--since", "2026-01-01"],
        &["venue", "block", "a", "--owner", "ops@example.com", "--next-step", "Ask"],
    ] {
        let (code, text) = site.run_deployer(args);
        assert_eq!(code, 0, "{args:?}: {text}");
        printed.push_str(&format!("$ deployer {}\n{text}", args.join(" ")));
    }
    let blocked = manifest_text(&site);
    let (code, listed) = site.run_deployer(&["venue", "list"]);
    assert_eq!(code, 0);
    let day = listed_blocker_age(&listed);
    printed.push_str(&format!("$ deployer venue list\n{}", listed.replace(&day, "N days")));
    insta::assert_snapshot!("all_verbs", printed);
    insta::assert_snapshot!("all_verbs_manifest", blocked);
    let hint = refused_output(&site, 2, &["venue", "resume", "a"]);
    assert!(
        hint.contains("a is blocked, so it has no rule") && hint.contains("venue unblock a --status active"),
        "{hint}"
    );
    assert_contains(
        refused_output(&site, 2, &["venue", "unblock", "a"]),
        "--status is missing, and there is no terminal to ask on",
    );
    let (code, text_out) = site.run_deployer(&["venue", "unblock", "a", "--status", "active"]);
    assert_eq!(code, 0, "{text_out}");
    let expected = before.replacen("\"Venue a\"\n", "\"Venue a\"\nstatus = \"active\"\n", 1);
    assert_eq!(manifest_text(&site), expected);
    assert_contains(
        refused_output(&site, 2, &["venue", "unblock", "a", "--status", "active"]),
        "a isn't blocked: it is active",
    );
}

/// The `12 days` in `(for 12 days)`.
fn listed_blocker_age(listed: &str) -> String {
    let start = listed.find("(for ").expect("an age") + "(for ".len();
    listed[start..].split(')').next().expect("an end").to_owned()
}

#[test]
fn unblock_refuses_a_venue_without_credentials() {
    let site = Site::new();
    let manifest = manifest_text(&site).replace("hubspot_token = \"env:TOKEN_b\"\n", "");
    site.write_file(MANIFEST, &manifest.replace("status = \"paused\"", "status = \"blocked\"\nblocker.reason = \"x\""));
    insta::assert_snapshot!(refused_output(&site, 2, &["venue", "unblock", "b", "--status", "active"]));
}

#[test]
fn refuses_to_edit_an_invalid_manifest_or_an_unknown_venue() {
    let site = Site::new();
    let printed = refused_output(&site, 2, &["venue", "pause", "nowhere"]);
    assert!(printed.contains("declares no venue nowhere") && printed.contains("it declares a, b"), "{printed}");
    site.write_file(MANIFEST, &manifest_text(&site).replace("display_name", "display_nam"));
    let printed = refused_output(&site, 2, &["venue", "pause", "a"]);
    assert!(printed.contains("display_nam"), "{printed}");
}

#[test]
fn plan_calls_out_old_and_unowned_blockers() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["venue", "block", "a", "--reason", "No API", "--since", "2020-01-01"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap", "--json"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Assign an owner: `deployer venue block a --owner WHO`. It has been blocked for"), "{text}");
}

#[cfg(unix)]
#[test]
fn edits_keep_permissions_and_symbolic_links() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let real = site.path().join(MANIFEST);
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o664)).expect("set");
    std::os::unix::fs::symlink(MANIFEST, site.path().join("link.toml")).expect("linked");
    let (code, printed) = site.run_deployer(&["venue", "pause", "a", "--manifest", "link.toml"]);
    assert_eq!(code, 0, "{printed}");
    assert!(manifest_text(&site).contains("status = \"paused\"\n[venues.a.secrets]"), "{}", manifest_text(&site));
    assert!(std::fs::symlink_metadata(site.path().join("link.toml")).expect("there").is_symlink());
    assert_eq!(std::fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o664);
}
