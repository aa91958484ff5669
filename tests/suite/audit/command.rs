//! The command itself, run on the embedded cloud.

use std::sync::Arc;

use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};
use deployer_janitor::audit::{AUDIT_VERSION, Audit, AuditVerdict, NodeKind};
use serde_json::Value;

use crate::processes::Site;
use crate::world::two_venue_manifest;

#[test]
fn shows_managed_resources_and_names_unreadable_calls() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    site.take_write_calls();
    site.cloud.set_faults(Some(Arc::new(|call: &CloudCall| {
        let denied = ApiError::new(403, "AccessDeniedException", "no");
        (call.operation == "DescribeLogGroups").then_some(InjectedFault::Before(CloudFault::Error(denied)))
    })));
    let (code, text) = site.run_deployer(&["audit", "--out", "audit.json"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("managed") && text.contains("2 functions") && text.contains("2 rules"), "{text}");
    assert!(text.contains("log groups: access denied (AccessDeniedException)"), "{text}");
    assert!(text.contains("needs logs:DescribeLogGroups"), "{text}");
    assert!(text.contains("Audit: 0 suspect, 0 orphaned, 0 stale"), "{text}");
    assert!(text.contains("The audit is incomplete"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new(), "an audit changes nothing");

    let file = std::fs::read_to_string(site.path().join("audit.json")).expect("the file exists");
    let audit: Audit = serde_json::from_str(&file).expect("it is an audit");
    assert_eq!((audit.version, audit.findings.len()), (AUDIT_VERSION, audit.inventory.nodes.len()));
    let functions =
        audit.inventory.nodes.iter().zip(&audit.findings).filter(|(node, _)| node.kind == NodeKind::Function);
    let functions: Vec<_> = functions.map(|(node, found)| (node.venue.as_deref(), found.verdict)).collect();
    assert_eq!(functions, [(Some("a"), AuditVerdict::Managed), (Some("b"), AuditVerdict::Managed)]);
    assert!(!file.contains("token-of-a"), "no secret's value is read");
}

#[test]
fn prints_one_json_object_per_line() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    let output = site.deployer_command(&["audit", "--json", "--kind", "function"]).output().expect("it runs");
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
fn audits_an_account_without_a_manifest() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["audit", "--manifest", "none.toml"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("there is no none.toml") && text.contains("--region"), "{text}");
    let (_, text) = site.run_deployer(&["audit", "--manifest", "none.toml", "--region", "us-east-1"]);
    assert!(text.contains("account 123456789012, region us-east-1, usage over 90 days"), "{text}");
    let (code, text) = site.run_deployer(&["audit", "--kind", "lambda"]);
    assert_eq!(code, 2);
    assert!(text.contains("must be one of function, rule"), "{text}");
}

#[test]
fn names_an_unavailable_token_and_continues() {
    let site = Site::new();
    site.write_file("venues.toml", &format!("{}\n[hubspot]\ntoken = \"env:NOWHERE\"\n", two_venue_manifest("sync")));
    let (code, text) = site.run_deployer(&["audit"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("HubSpot workflows: could not get `token` of [hubspot]"), "{text}");
    let (code, text) = site.run_deployer(&["audit", "--hubspot-app", "12=not-a-reference"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("--hubspot-app 12: write ID=env:NAME") && !text.contains("not-a-reference"), "{text}");
}
