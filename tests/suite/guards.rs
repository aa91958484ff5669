//! What an apply refuses, tested as a process: it writes nothing, exits with 6, and says what to do.

use deployer_sandbox::{SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer};

use crate::processes::{APPLY, Site};
use crate::world::{two_venue_manifest, venue_tables};

/// Asserts that the command is refused with these words and writes nothing.
fn assert_refused(site: &Site, args: &[&str], words: &[&str]) {
    site.take_write_calls();
    let (code, text) = site.run_deployer(args);
    assert_eq!(code, 6, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(site.take_write_calls(), Vec::<String>::new(), "{text}");
}

fn applied_site(text: &str) -> Site {
    let site = Site::new();
    site.write_file("venues.toml", text);
    let (code, printed) = site.run_apply();
    assert_eq!(code, 0, "{printed}");
    site
}

fn three_venues() -> String {
    format!("{}{}", two_venue_manifest("sync"), venue_tables("c", ""))
}

/// A manifest with only the last of the three venues.
fn only_c() -> String {
    format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{}", venue_tables("c", ""))
}

#[test]
fn refuses_an_account_other_than_the_manifests() {
    let site = Site::new();
    site.write_file(
        "venues.toml",
        &two_venue_manifest("sync").replace("region =", "account = \"999999999999\"\nregion ="),
    );
    for args in [&["plan", "--artifact", "bootstrap"][..], &APPLY, &["destroy", "--yes"], &["unlock", "--yes"]] {
        assert_refused(&site, args, &["123456789012", "999999999999", "AWS_PROFILE"]);
    }
}

#[test]
fn checks_the_manifest_against_hubspot() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let clock = SandboxClock::stopped_at(jiff::Timestamp::now());
    let hubspot = SandboxHubSpot::new(SandboxHubSpotConfig {
        portal_id: 111,
        clock,
        search_lag: Default::default(),
        limits: false,
    });
    hubspot.add_token("admin-token", &["crm.objects.contacts.read", "crm.schemas.contacts.read"]);
    let server = runtime.block_on(SandboxServer::start(hubspot.api_router())).expect("a free port");
    let site = Site::new();
    let with_portal = |id: u32, reference: &str| {
        let hubspot =
            format!("[hubspot]\nportal_id = {id}\ntoken = \"{reference}\"\nbase_uri = \"{}\"\n\n", server.uri);
        site.write_file(
            "venues.toml",
            &two_venue_manifest("sync").replace("[venues.a]", &format!("{hubspot}[venues.a]")),
        );
    };
    site.write_file("token", "admin-token\n");
    with_portal(222, "file:token");
    for args in [&["plan", "--artifact", "bootstrap"][..], &APPLY] {
        assert_refused(&site, args, &["file:token is for HubSpot portal 111", "is for portal 222"]);
    }
    with_portal(111, "file:token");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap", "--verbose"]);
    assert!(code == 0 && !text.contains("wasn't compared"), "{text}");
    assert!(!text.contains("admin-token"), "{text}");
    assert!(text.contains("+ error-property tripleseat_sync_error__b"), "{text}");
    // A property that doesn't exist is a mistake in the manifest, and is reported before anything is done.
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("the manifest exists");
    let fields = "[venues.a.fields]\ncompany = \"compny\"\nadditional_information = \"{zzzzzz}\"\n\n[venues.b]";
    site.write_file("venues.toml", &manifest.replace("[venues.b]", fields));
    site.take_write_calls();
    for args in [&["plan", "--artifact", "bootstrap"][..], &APPLY] {
        let (code, text) = site.run_deployer(args);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("venues.toml:10:") && text.contains("a: compny (did you mean company?)"), "{text}");
        assert!(text.contains("a: zzzzzz\n"), "{text}");
    }
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    // A plan in CI needs no secrets, but says what it could not check.
    with_portal(222, "env:NOT_SET");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert!(code == 0 && text.contains("wasn't compared with HubSpot") && text.contains("NOT_SET"), "{text}");
}

#[test]
fn refuses_to_delete_most_venues_without_max_delete() {
    let site = applied_site(&three_venues());
    site.write_file("venues.toml", &only_c());
    assert_refused(&site, &APPLY, &["deletes 2 of 3 deployed venues: a, b", "--max-delete 2"]);
    assert_refused(&site, &["apply", "--yes", "--artifact", "bootstrap", "--max-delete", "1"], &["--max-delete 2"]);
    let (code, text) = site.run_deployer(&["apply", "--yes", "--artifact", "bootstrap", "--max-delete", "2"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn deletes_one_venue_of_several_without_max_delete() {
    let site = applied_site(&three_venues());
    site.write_file("venues.toml", &two_venue_manifest("sync"));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("c is not in the manifest"), "{text}");
}

#[test]
fn refuses_to_delete_a_venue_that_was_protected_at_the_last_apply() {
    let site = applied_site(&three_venues().replace("\"Venue c\"\n", "\"Venue c\"\nprotect = true\n"));
    site.write_file("venues.toml", &two_venue_manifest("sync"));
    assert_refused(
        &site,
        &APPLY,
        &["c is protected, but this plan would remove it", "protect = false", "nothing was changed"],
    );
    assert_refused(&site, &["destroy", "--yes"], &["c"]);
    assert_refused(&site, &["destroy", "--yes", "--target", "c"], &["c"]);
    let (code, text) = site.run_deployer(&["destroy", "--yes", "--target", "a"]);
    assert_eq!(code, 0, "unprotected venues can be destroyed: {text}");
    site.write_file("venues.toml", &three_venues());
    assert_eq!(site.run_apply().0, 0, "this removes the protection");
    site.write_file("venues.toml", &two_venue_manifest("sync"));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn target_limits_plan_and_apply() {
    let site = Site::new();
    site.write_file("venues.toml", &three_venues());
    let (code, text) = site.run_deployer(&[&APPLY[..], &["--target", "a", "--target", "c"]].concat());
    assert_eq!(code, 0, "{text}");
    let functions =
        site.cloud.with_context(|cx| cx.region_state().lambda.functions.keys().cloned().collect::<Vec<_>>());
    assert_eq!(functions.expect("the cloud's state is readable"), ["sync-a", "sync-c"]);
    let (code, text) = site.run_deployer(&[&APPLY[..], &["--target", "nobody"]].concat());
    assert!(code == 2 && text.contains("no venue of this name"), "{text}");
}
