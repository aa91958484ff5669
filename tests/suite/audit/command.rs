//! The command itself, on the embedded cloud.

use std::sync::Arc;

use deployer::audit::{AUDIT_VERSION, Audit, Kind, Verdict};
use deployer::local::cloud::{ApiError, Call, Fault, Injected};
use serde_json::Value;

use crate::processes::Site;
use crate::world::manifest;

#[test]
fn an_audit_shows_what_is_managed_and_names_what_may_not_be_read() {
    let site = Site::new();
    assert_eq!(site.apply().0, 0);
    site.writes();
    site.cloud.set_faults(Some(Arc::new(|call: &Call| {
        let denied = ApiError::new(403, "AccessDeniedException", "no");
        (call.operation == "DescribeLogGroups").then_some(Injected::Before(Fault::Error(denied)))
    })));
    let (code, text) = site.run(&["audit", "--out", "audit.json"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("managed") && text.contains("2 functions") && text.contains("2 rules"), "{text}");
    assert!(text.contains("log groups: access denied (AccessDeniedException)"), "{text}");
    assert!(text.contains("needs logs:DescribeLogGroups"), "{text}");
    assert!(text.contains("Audit: 0 suspect, 0 orphaned, 0 stale"), "{text}");
    assert!(text.contains("The audit is incomplete"), "{text}");
    assert_eq!(site.writes(), Vec::<String>::new(), "an audit changes nothing");

    let file = std::fs::read_to_string(site.path().join("audit.json")).expect("the file is there");
    let audit: Audit = serde_json::from_str(&file).expect("it is an audit");
    assert_eq!((audit.version, audit.findings.len()), (AUDIT_VERSION, audit.inventory.nodes.len()));
    let functions = audit.inventory.nodes.iter().zip(&audit.findings).filter(|(node, _)| node.kind == Kind::Function);
    let functions: Vec<_> = functions.map(|(node, found)| (node.venue.as_deref(), found.verdict)).collect();
    assert_eq!(functions, [(Some("a"), Verdict::Managed), (Some("b"), Verdict::Managed)]);
    assert!(!file.contains("token-of-a"), "no secret's value is read");
}

#[test]
fn json_is_one_object_a_line() {
    let site = Site::new();
    assert_eq!(site.apply().0, 0);
    let output = site.command(&["audit", "--json", "--kind", "function"]).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[0]["type"], "audit");
    let findings: Vec<&Value> = lines.iter().filter(|line| line["type"] == "finding").collect();
    assert_eq!(findings.len(), 2, "{text}");
    assert_eq!((&findings[0]["verdict"], &findings[0]["node"]["name"]), (&"managed".into(), &"sync-a".into()));
    let summary = lines.last().expect("a line");
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["calls"]["lambda:ListFunctions"], 1);
}

#[test]
fn an_account_can_be_audited_without_a_manifest() {
    let site = Site::new();
    let (code, text) = site.run(&["audit", "--manifest", "none.toml"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("there is no none.toml") && text.contains("--region"), "{text}");
    let (_, text) = site.run(&["audit", "--manifest", "none.toml", "--region", "us-east-1"]);
    assert!(text.contains("account 123456789012, region us-east-1, use of 90 days"), "{text}");
    let (code, text) = site.run(&["audit", "--kind", "lambda"]);
    assert_eq!(code, 2);
    assert!(text.contains("it is one of function, rule"), "{text}");
}

#[test]
fn a_token_that_is_not_to_be_had_is_named_and_ends_nothing() {
    let site = Site::new();
    site.write("venues.toml", &format!("{}\n[hubspot]\ntoken = \"env:NOWHERE\"\n", manifest("sync")));
    let (code, text) = site.run(&["audit"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("HubSpot workflows: `token` of [hubspot] can't be had"), "{text}");
    let (code, text) = site.run(&["audit", "--hubspot-app", "12=not-a-reference"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("--hubspot-app 12: write ID=env:NAME") && !text.contains("not-a-reference"), "{text}");
}
