//! Runs that are refused, with their messages.

use super::account::{CLIENT_SECRET, Sandbox};

fn with_manifest(change: impl Fn(&str) -> String) -> Sandbox {
    let sandbox = Sandbox::new();
    let path = sandbox.site.path().join("venues.toml");
    let text = std::fs::read_to_string(&path).expect("the manifest");
    std::fs::write(&path, change(&text)).expect("written");
    sandbox
}

fn refused_output(sandbox: &Sandbox, code: i32, args: &[&str]) -> String {
    let (found, printed) = sandbox.site.run(args);
    assert_eq!(found, code, "{printed}");
    assert!(!printed.contains(CLIENT_SECRET) && !printed.contains("token-of"), "{printed}");
    printed
}

const DUPLICATES: [&str; 4] = ["duplicates", "a", "--out", "out"];

#[test]
fn refusal_says_why_a_venue_is_unreadable() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!("unknown_venue", refusal(&sandbox, 2, &["duplicates", "x", "--out", "out"]));
    insta::assert_snapshot!("no_tripleseat", refusal(&sandbox, 2, &["duplicates", "c", "--out", "out"]));
    insta::assert_snapshot!("no_oauth", refusal(&sandbox, 2, &["duplicates", "b", "--out", "out"]));
    sandbox.site.write("secret", "another-secret");
    insta::assert_snapshot!("wrong_secret", refusal(&sandbox, 1, &DUPLICATES));
    let managed = with_manifest(|text| text.replace("\"file:secret\"", "\"managed\""));
    insta::assert_snapshot!("managed", refusal(&managed, 2, &DUPLICATES));
    let other_site = with_manifest(|text| text.replace("site_id = 1", "site_id = 2"));
    insta::assert_snapshot!("other_site", refusal(&other_site, 6, &DUPLICATES));
    let other_portal = with_manifest(|text| text.replace("portal_id = 77", "portal_id = 78"));
    insta::assert_snapshot!("other_portal", refusal(&other_portal, 6, &DUPLICATES));
    let no_token = with_manifest(|text| text.replace("\"file:token\"", "\"env:NOT_SET\""));
    insta::assert_snapshot!("no_token", refusal(&no_token, 2, &DUPLICATES));
}

#[test]
fn rejects_invalid_options() {
    let sandbox = Sandbox::new();
    for (flag, value, words) in [
        ("--window", "2w", "write whole days, such as 30d"),
        ("--fee", "$5", "write a number such as 2 or 1.5"),
        ("--rate", "11", "1..=10"),
    ] {
        let printed = refusal(&sandbox, 2, &[&DUPLICATES[..], &[flag, value]].concat());
        assert!(printed.contains(words), "{printed}");
    }
    assert_eq!(sandbox.tripleseat.requests().len(), 0);
}
