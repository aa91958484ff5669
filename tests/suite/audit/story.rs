//! The walk-through of the README, word for word, in the cloud on this machine: finds the leftovers of earlier
//! integrations in an account, deletes them, and restores some of them.

use serde_json::Value;

use crate::processes::Site;

/// The lines that `--json` printed.
fn json_lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The verdict, kind and name of each finding in an audit's lines.
fn finding_verdicts(text: &str) -> Vec<(String, String, String)> {
    let findings = json_lines(text).into_iter().filter(|line| line["type"] == "finding");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings.map(|line| (text(&line["verdict"]), text(&line["node"]["kind"]), text(&line["node"]["name"]))).collect()
}

fn names_with_verdict<'a>(verdicts: &'a [(String, String, String)], verdict: &str, kind: &str) -> Vec<&'a str> {
    let those = verdicts.iter().filter(|(given, of, _)| given == verdict && of == kind);
    those.map(|(_, _, name)| name.as_str()).collect()
}

const FOUR: [&str; 4] =
    ["contact-queue-worker", "hubspot-webhook-handler", "tripleseat-lead-backfill", "venue-sync-old-push"];
const QUEUES: [&str; 2] = ["contacts-dead-letters.fifo", "contacts.fifo"];

#[test]
fn finds_deletes_and_restores_leftovers() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["audit", "--local", "--sample", "--out", "audit.json", "--json"]);
    assert_eq!(code, 0, "{text}");
    let found = finding_verdicts(&text);
    let mut unused =
        [names_with_verdict(&found, "stale", "function"), names_with_verdict(&found, "orphaned", "function")].concat();
    unused.sort_unstable();
    assert_eq!(unused, FOUR);
    assert_eq!(names_with_verdict(&found, "stale", "queue"), QUEUES);
    assert_eq!(names_with_verdict(&found, "stale", "rest_api"), ["hubspot-webhooks"]);
    assert_eq!(
        names_with_verdict(&found, "active", "function"),
        ["newsletter-export"],
        "what is in use isn't among them"
    );
    assert_eq!(
        names_with_verdict(&found, "suspect", "hubspot_workflow"),
        ["Lakeside Pavilion: enquiries to Tripleseat"]
    );
    // What looks as unused, and isn't, or may not be.
    assert_eq!(names_with_verdict(&found, "unknown", "queue"), ["partner-orders"]);
    assert_eq!(names_with_verdict(&found, "active", "queue"), ["image-jobs"]);
    assert_eq!(names_with_verdict(&found, "active", "topic"), ["on-call"]);
    for sentence in [
        "its policy lets arn:aws:iam::222233334444:root use it, and who does was not read",
        "CloudFormation stack image-service names it in its configuration (part of the stack)",
        "alarm newsletter-export-errors names it in its configuration (action)",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
    for line in json_lines(&text).iter().filter(|line| line["type"] == "finding") {
        assert!(line["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty()), "{line}");
    }
    let (_, text) = site.run_deployer(&["audit", "--local", "--sample"]);
    let suspect = text.find("suspect  ").expect("there is a suspect");
    assert!(text.find("orphaned  ").is_some_and(|at| suspect < at), "suspects come first: {text}");
    assert!(text.contains("us-east-1 has no such API") && !text.contains("venue=harbour-house"), "{text}");
    let (code, page) = site.run_deployer(&["audit", "--local", "--sample", "--format", "html"]);
    assert!(code == 0 && page.contains("<svg") && page.contains("hubspot-webhooks"), "{code}");
    let (code, ticket) = site.run_deployer(&["audit", "--local", "--sample", "--format", "markdown"]);
    assert!(code == 0 && ticket.contains("| HubSpot workflow |"), "{ticket}");

    let decommission = ["decommission", "audit.json", "--stale", "--archive", "old", "--local", "--yes"];
    let (code, text) = site.run_deployer(&decommission);
    assert_eq!(code, 0, "{text}");
    for name in FOUR.iter().chain(&QUEUES).chain(&["hubspot-webhooks", "venue-sync-old-schedule"]) {
        assert!(text.contains("deleted") && text.contains(name), "{name}: {text}");
    }
    let (code, text) = site.run_deployer(&["audit", "--local", "--json"]);
    assert_eq!(code, 0, "{text}");
    let left = finding_verdicts(&text);
    let functions = left.iter().filter(|(_, kind, _)| kind == "function").map(|(_, _, name)| name.as_str());
    assert_eq!(functions.collect::<Vec<_>>(), ["newsletter-export"]);
    let queues = left.iter().filter(|(_, kind, _)| kind == "queue").map(|(_, _, name)| name.as_str());
    assert_eq!(queues.collect::<Vec<_>>(), ["image-jobs", "partner-orders"]);
    assert!(!left.iter().any(|(_, kind, _)| kind == "rest_api"), "{left:?}");
    let (code, text) = site.run_deployer(&decommission);
    assert!(code == 0 && text.contains("8 already deleted"), "a second time does nothing: {code} {text}");

    // SQS doesn't create the queue without the one for its dead letters.
    let (code, text) = site.run_deployer(&["restore", "old", "contacts.fifo", "--local", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("queue contacts-dead-letters.fifo  # recreate as archived, because contacts.fifo needs it"),
        "{text}"
    );
    assert!(text.contains("attributes match the archive, 0 differ"), "{text}");
    let (code, text) = site.run_deployer(&["restore", "old", "hubspot-webhook-handler", "--local", "--yes"]);
    assert_eq!(code, 0, "{text}");
    let (_, text) = site.run_deployer(&["audit", "--local", "--json"]);
    let back = finding_verdicts(&text);
    let names: Vec<&str> = back.iter().map(|(_, _, name)| name.as_str()).collect();
    assert!(QUEUES.iter().chain(&["hubspot-webhook-handler"]).all(|name| names.contains(name)), "{names:?}");
    assert!(!names.contains(&"venue-sync-old-push"), "{names:?}");
}

#[test]
fn accepts_the_sample_only_with_the_local_cloud() {
    let (code, text) = Site::new().run_deployer(&["audit", "--sample"]);
    assert!(code == 2 && text.contains("pass --local"), "{code} {text}");
}
