//! An account of which is known what is needed: triggers of every kind, and leftovers among them. Nothing that is needed
//! may be called stale or orphaned, on any cloud.
//!
//! `cargo test --test suite -- --nocapture audit::labeled` prints the numbers of each cloud.

mod account;
mod answers;
mod contents;
pub mod listed;

use std::collections::BTreeMap;

use deployer_cloud::AuthorizedCall;
use deployer_janitor::audit::{AuditFinding, AuditInventory, AuditVerdict, Node};

use super::node_id;
use super::properties::is_dead;
use crate::clouds::TestCloud;
use account::{Label, LabeledAccount};
use listed::LISTED;

/// The account with everything.
async fn labeled_account(place: TestCloud) -> LabeledAccount {
    let mut account = LabeledAccount::open_in(place).await;
    listed::add_listed_triggers(&mut account).await;
    contents::add_allowed_callers(&mut account).await;
    contents::add_signs(&mut account).await;
    contents::add_leftovers(&mut account).await;
    account
}

/// What an audit says about a labeled account.
struct Comparison {
    judged: usize,
    /// Needed, and called stale or orphaned.
    wrong: Vec<String>,
    /// Dead, and found.
    found: usize,
    /// Dead, and not found.
    missed: Vec<String>,
}

/// Compares the findings with the labels, and prints the numbers.
fn compare_with_labels(
    title: &str,
    account: &LabeledAccount,
    inventory: &AuditInventory,
    findings: &[AuditFinding],
) -> Comparison {
    let mut compared = Comparison { judged: 0, wrong: Vec::new(), found: 0, missed: Vec::new() };
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    let nodes: BTreeMap<&str, &Node> = inventory.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    for finding in findings {
        let Some(label) = account.labels.get(&finding.id) else { continue };
        compared.judged += 1;
        let name = &nodes[finding.id.as_str()].name;
        let described = || format!("{name}: {:?} {:?}", finding.verdict, finding.evidence);
        match (label, is_dead(finding.verdict)) {
            (Label::Needed, true) => compared.wrong.push(described()),
            (Label::Dead, true) => compared.found += 1,
            (Label::Dead, false) => compared.missed.push(described()),
            (Label::Needed, false) => {}
        }
        if finding.verdict == AuditVerdict::Unknown {
            let reason = finding.evidence[0].replace(name.as_str(), "…");
            *unknown.entry(reason).or_default() += 1;
        }
    }
    let dead = account.labels.values().filter(|label| **label == Label::Dead).count();
    println!(
        "{title}: {} resources labeled, {} judged, {} nodes in all: needed called stale {}; dead found {} of {dead}; unknown {}",
        account.labels.len(),
        compared.judged,
        inventory.nodes.len(),
        compared.wrong.len(),
        compared.found,
        unknown.values().sum::<usize>(),
    );
    for (reason, count) in &unknown {
        println!("  {count} × {reason}");
    }
    for unread in &inventory.unread {
        println!("  not read: {} ({}: {})", unread.what, unread.call, unread.why.chars().take(100).collect::<String>());
    }
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_needed_is_called_stale() {
    let account = labeled_account(TestCloud::InProcess).await;
    let (inventory, findings) = account.read().await;
    let compared = compare_with_labels("embedded", &account, &inventory, &findings);
    assert_eq!(inventory.unread, [], "everything is read");
    assert!(account.labels.len() >= 150, "{}", account.labels.len());
    assert_eq!(compared.judged, account.labels.len(), "every resource is a node");
    assert_eq!(compared.wrong, Vec::<String>::new(), "needed and called stale or orphaned");
    assert_eq!(compared.missed, Vec::<String>::new(), "dead and not found");
}

async fn compare_on_server(place: TestCloud) {
    let account = labeled_account(place).await;
    let (inventory, findings) = account.read().await;
    let compared = compare_with_labels(&format!("{place:?}"), &account, &inventory, &findings);
    assert!(account.labels.len() >= 150, "{}", account.labels.len());
    assert_eq!(compared.wrong, Vec::<String>::new(), "needed and called stale or orphaned");
    assert_eq!(compared.missed, Vec::<String>::new(), "dead and not found");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn nothing_needed_is_called_stale_on_moto() {
    compare_on_server(TestCloud::Moto).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn nothing_needed_is_called_stale_on_ministack() {
    compare_on_server(TestCloud::Ministack).await;
}

/// What an audit of an account with everything in it needs to be allowed.
pub async fn read_with_authorizations() -> Vec<AuthorizedCall> {
    let account = labeled_account(TestCloud::InProcess).await;
    account.cloud.keep_authorizations();
    account.read().await;
    account.cloud.take_authorizations()
}

/// Every trigger alone, read and denied: what it triggers is never dead.
#[tokio::test(flavor = "multi_thread")]
async fn each_listed_trigger_is_read() {
    let mut account = LabeledAccount::open_in(TestCloud::InProcess).await;
    listed::add_listed_triggers(&mut account).await;
    let (inventory, findings) = account.read().await;
    assert_eq!(inventory.unread, [], "everything is read");
    for (name, kind, _) in LISTED {
        let id = node_id(kind, &format!("by-{name}"));
        let finding = findings.iter().find(|finding| finding.id == id).expect("it is judged");
        assert_eq!(finding.verdict, AuditVerdict::Active, "{name}: {:?}", finding.evidence);
        assert!(finding.evidence[0].contains("names it in its configuration"), "{name}: {:?}", finding.evidence);
    }
}
