//! Runs that are refused, with their messages.

use super::account::{CLIENT_SECRET, DuplicatesSandbox};

fn with_manifest(change: impl Fn(&str) -> String) -> DuplicatesSandbox {
    let sandbox = DuplicatesSandbox::new();
    let path = sandbox.site.path().join("venues.toml");
    let text = std::fs::read_to_string(&path).expect("the manifest");
    std::fs::write(&path, change(&text)).expect("it is written");
    sandbox
}

fn refused_output(sandbox: &DuplicatesSandbox, code: i32, args: &[&str]) -> String {
    let (found, printed) = sandbox.site.run_deployer(args);
    assert_eq!(found, code, "{printed}");
    assert!(!printed.contains(CLIENT_SECRET) && !printed.contains("token-of"), "{printed}");
    printed
}

const DUPLICATES: [&str; 4] = ["duplicates", "a", "--out", "out"];

#[test]
fn refusal_says_why_a_venue_is_unreadable() {
    let sandbox = DuplicatesSandbox::new();
    insta::assert_snapshot!("unknown_venue", refused_output(&sandbox, 2, &["duplicates", "x", "--out", "out"]));
    insta::assert_snapshot!("no_tripleseat", refused_output(&sandbox, 2, &["duplicates", "c", "--out", "out"]));
    insta::assert_snapshot!("no_oauth", refused_output(&sandbox, 2, &["duplicates", "b", "--out", "out"]));
    sandbox.site.write_file("secret", "another-secret");
    insta::assert_snapshot!("wrong_secret", refused_output(&sandbox, 1, &DUPLICATES));
    let managed = with_manifest(|text| text.replace("\"file:secret\"", "\"managed\""));
    insta::assert_snapshot!("managed", refused_output(&managed, 2, &DUPLICATES));
    let other_site = with_manifest(|text| text.replace("site_id = 1", "site_id = 2"));
    insta::assert_snapshot!("other_site", refused_output(&other_site, 6, &DUPLICATES));
    let other_portal = with_manifest(|text| text.replace("portal_id = 77", "portal_id = 78"));
    insta::assert_snapshot!("other_portal", refused_output(&other_portal, 6, &DUPLICATES));
    let no_token = with_manifest(|text| text.replace("\"file:token\"", "\"env:NOT_SET\""));
    insta::assert_snapshot!("no_token", refused_output(&no_token, 2, &DUPLICATES));
}

#[test]
fn rejects_invalid_options() {
    let sandbox = DuplicatesSandbox::new();
    for (flag, value, words) in [
        ("--window", "2w", "write whole days, such as 30d"),
        ("--fee", "$5", "write a number such as 2 or 1.5"),
        ("--rate", "11", "1..=10"),
    ] {
        let printed = refused_output(&sandbox, 2, &[&DUPLICATES[..], &[flag, value]].concat());
        assert!(printed.contains(words), "{printed}");
    }
    assert_eq!(sandbox.tripleseat.recorded_requests().len(), 0);
}
