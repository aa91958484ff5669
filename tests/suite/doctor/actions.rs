//! The list of actions that the deployer needs matches the actions that it takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use deployer_health::doctor::actions::ACTIONS;

use crate::processes::Site;

fn known_actions() -> BTreeSet<&'static str> {
    ACTIONS.iter().map(|action| action.name).collect()
}

/// The IAM action that a call needs. `GetCallerIdentity` needs none.
fn iam_action(service: &str, operation: &str) -> Option<String> {
    Some(match (service, operation) {
        ("sts", "GetCallerIdentity") => return None,
        ("tagging", operation) => format!("tag:{operation}"),
        ("lambda", "Invoke") => "lambda:InvokeFunction".to_owned(),
        _ => format!("{service}:{operation}"),
    })
}

#[test]
fn lists_every_action_that_apply_and_destroy_call() {
    let site = Site::new();
    let whole = std::fs::read_to_string(site.path().join("venues.toml")).expect("the manifest");
    let changed = whole.replace("status = \"paused\"", "memory_mb = 256\nlog_retention_days = 7");
    let without_b = &whole[..whole.find("[venues.b]").expect("the manifest declares b")];
    // Creates everything, finds it unchanged, changes it, prunes a part, restores it, and deletes everything.
    for manifest in [&whole, &whole, &changed, without_b, &whole] {
        site.write_file("venues.toml", manifest);
        let (code, text) = site.run_apply();
        assert_eq!(code, 0, "{text}");
    }
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    site.run_apply();
    let (code, text) = site.run_deployer(&["destroy", "--yes"]);
    assert_eq!(code, 0, "{text}");
    let called = site.cloud.recorded_calls();
    let called: BTreeSet<String> =
        called.into_iter().filter_map(|call| iam_action(call.service, &call.operation)).collect();
    assert!(called.len() > 40, "{called:?}");
    let unknown: Vec<&String> = called.iter().filter(|action| !known_actions().contains(action.as_str())).collect();
    assert_eq!(unknown, [""; 0], "add them to doctor::actions::ACTIONS");
}

/// The source names calls as IAM does, for errors. This covers calls that no test of an apply reaches.
#[test]
fn lists_every_action_that_the_source_of_an_apply_names() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut files: Vec<PathBuf> = Vec::new();
    for directory in
        ["reconcile/src/apply", "aws/src/lock", "aws/src/observe", "core/src/plan", "core/src/plan/operation"]
    {
        let entries = std::fs::read_dir(crates.join(directory)).expect("a directory");
        files.extend(entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()));
    }
    let mut named = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("source");
        named.extend(text.split('"').filter(|word| is_action(word)).map(ToOwned::to_owned));
    }
    assert!(named.contains("iam:DetachRolePolicy") && named.contains("logs:DeleteLogGroup"), "{named:?}");
    let unknown: Vec<&String> = named.iter().filter(|action| !known_actions().contains(action.as_str())).collect();
    assert_eq!(unknown, [""; 0], "add them to doctor::actions::ACTIONS");
}

fn is_action(word: &str) -> bool {
    let Some((service, operation)) = word.split_once(':') else { return false };
    ["iam", "lambda", "logs", "events", "secretsmanager", "tag"].contains(&service)
        && operation.starts_with(|first: char| first.is_ascii_uppercase())
        && operation.bytes().all(|byte| byte.is_ascii_alphabetic())
}
