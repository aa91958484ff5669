//! The commands, run as processes.

use deployer_aws::{Aws, https_client};
use deployer_janitor::audit::{Audit, AuditVerdict, NodeKind};
use jiff::SignedDuration;

use super::LegacyCloud;
use crate::processes::Site;

/// A site whose cloud has the leftovers of an earlier integration, and an audit of it in `audit.json`.
fn legacy_site() -> (Site, LegacyCloud, Audit) {
    let site = Site::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    let aws = Aws::for_local("us-east-1", https_client(), Some(site.cloud_address()));
    let legacy = runtime.block_on(LegacyCloud::in_cloud(site.cloud.clone(), aws));
    let audit = runtime.block_on(legacy.read_audit());
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    (site, legacy, audit)
}

const ALL: [&str; 6] = ["decommission", "audit.json", "--stale", "--with-logs", "--archive", "old"];

fn with_args<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

#[test]
fn dry_run_changes_nothing_and_yes_deletes_and_restores() {
    let (site, legacy, _) = legacy_site();
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--dry-run"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Plan: 12 to delete.") && text.contains("why   "), "{text}");
    assert!(text.contains("lost  its URL: a restored function gets a new one"), "{text}");
    assert!(text.contains("- function legacy-push  # archive, verify, delete"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    assert!(!site.path().join("old").exists(), "no archive is created");
    let (code, text) = site.run_deployer(&ALL);
    assert_eq!(code, 2, "without a terminal it needs --yes: {text}");
    let review = "deployer decommission audit.json --stale --with-logs --archive old --dry-run";
    assert!(text.contains(review), "the hint is the command itself: {text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Done: 12 deleted."), "{text}");
    assert!(!text.contains("s3cret-value"), "{text}");
    let (code, text) = site.run_deployer(&["restore", "old", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("attributes match the archive, 0 differ") && text.contains("update everything that uses"),
        "{text}"
    );
    assert!(!text.contains("s3cret-value"), "{text}");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["restore", "old"]);
    assert!(code == 0, "there is nothing to confirm: {text}");
    let (code, text) = site.run_deployer(&["restore", "old", "--yes"]);
    assert_eq!((code, site.take_write_calls()), (0, Vec::new()), "{text}");
    assert!(text.contains(&format!("Plan: 0 to restore, {} already exist", legacy.nodes.len())), "{text}");
}

#[test]
fn stops_when_a_named_resource_is_refused() {
    let (site, legacy, mut audit) = legacy_site();
    let (code, text) =
        site.run_deployer(&["decommission", "audit.json", "legacy-webhook", "dead.fifo", "--archive", "old", "--yes"]);
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("queue contacts.fifo sends dead letters to it and would be left behind"), "{text}");
    let json = ["decommission", "audit.json", "nothing", "--archive", "old", "--yes", "--json"];
    let (code, text) = site.run_deployer(&json);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains(r#"{"type":"refused","id":"nothing""#), "{text}");

    audit.inventory.taken_at -= SignedDuration::from_hours(25);
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (5, Vec::new()), "{text}");
    assert!(text.contains("25 hours ago; nothing was changed"), "{text}");
    audit.inventory.taken_at += SignedDuration::from_hours(25);
    audit.inventory.account = "999999999999".to_owned();
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("the audit is of account 999999999999"), "{text}");
    drop(legacy);
}

#[test]
fn quarantine_waits_and_restore_ends_it() {
    let (site, legacy, _) = legacy_site();
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--quarantine", "14", "--yes", "--json"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(r#""done":{"disabled":["#), "{text}");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["decommission", "--resume", "--archive", "old", "--yes"]);
    assert_eq!((code, site.take_write_calls()), (0, Vec::new()), "{text}");
    assert!(text.contains("Plan: 12 waiting."), "{text}");
    let (code, text) = site.run_deployer(&["restore", "old", "legacy-nightly", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("released  rule legacy-nightly"), "{text}");
    assert!(site.take_write_calls().iter().all(|call| call.starts_with("events:")), "only the rule is touched");
    assert!(legacy.nodes.iter().any(|node| node.kind == NodeKind::Rule));
}

#[test]
fn refuses_an_archive_that_another_process_uses() {
    let (site, legacy, _) = legacy_site();
    let archive = deployer_janitor::decommission::archive::Archive::open_or_create(
        &site.path().join("old"),
        &legacy.scope,
        jiff::Timestamp::now(),
    );
    let archive = archive.expect("an archive");
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("another process is using"), "{text}");
    drop(archive);
}

/// The file is evidence: what it concludes, and what it claims about use, are checked again.
#[test]
fn an_edited_audit_deletes_nothing() {
    let (site, legacy, honest) = legacy_site();
    let used = honest.inventory.nodes.iter().find(|node| node.name == "orders-in-use").expect("a node").id.clone();
    let mut audit = honest.clone();
    let finding = audit.findings.iter_mut().find(|finding| finding.id == used).expect("a finding");
    assert_eq!(finding.verdict, AuditVerdict::Active);
    finding.verdict = AuditVerdict::Stale;
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    let decommission = ["decommission", "audit.json", "orders-in-use", "--archive", "old", "--yes"];
    let (code, text) = site.run_deployer(&decommission);
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("queue orders-in-use: the file says stale, its own inventory says active"), "{text}");
    assert!(text.contains("it is in use"), "{text}");

    // The evidence hides a use: AWS is asked for the whole window, and not only since the audit.
    site.write_file("audit.json", &serde_json::to_string(&honest).expect("it is valid JSON"));
    let counted = site.cloud.with_context(|cx| {
        cx.switch_region("us-east-1");
        let at = jiff::Timestamp::now() - SignedDuration::from_hours(24 * 40);
        cx.count_metric_at(at, "AWS/Lambda", "Invocations", &[("FunctionName", "legacy-push")], 2.0);
    });
    counted.expect("the state");
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("the account is not as it was audited"), "{text}");
    assert!(text.contains("function legacy-push: 2 invocations in 90 days, and the audit found none"), "{text}");
    drop(legacy);
}

#[test]
fn a_second_decommission_says_already_deleted() {
    let (site, legacy, _) = legacy_site();
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!(code, 0, "{text}");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (0, Vec::new()), "{text}");
    assert!(text.contains("Plan: 12 already deleted.") && !text.contains("refused"), "{text}");
    // By name, with an audit that no longer has it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    let audit = runtime.block_on(legacy.read_audit());
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    let (code, text) =
        site.run_deployer(&["decommission", "audit.json", "legacy-push-errors", "--archive", "old", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("alarm legacy-push-errors  # already deleted"), "{text}");
}

#[test]
fn restores_without_a_journal_or_with_one_elsewhere() {
    let (site, legacy, _) = legacy_site();
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!(code, 0, "{text}");
    let archive = site.path().join("old");
    let before = files_of(&archive);
    let (code, text) = site.run_deployer(&["restore", "old", "legacy-nightly", "--journal", "kept.jsonl", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("The journal of this restore is kept.jsonl"), "{text}");
    assert_eq!(files_of(&archive), before, "nothing in the archive is written");
    std::fs::remove_file(archive.join("journal.jsonl")).expect("removed");
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("journal.jsonl is missing from old"), "{text}");
    let (code, text) = site.run_deployer(&["restore", "old", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("everything in the archive that the account doesn't have is restored"), "{text}");
    let (code, text) = site.run_deployer(&["restore", "old", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&format!("Plan: 0 to restore, {} already exist", legacy.nodes.len())), "{text}");
}

fn files_of(directory: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).expect("a list").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries
        .filter(|path| path.is_file() && !path.ends_with("lock"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("it is readable")))
        .collect();
    files.sort();
    files
}
