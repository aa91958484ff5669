//! The same command resumes a decommissioning or a restore that was interrupted at any call.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deployer_cloud::{ApiError, CallKind, CloudCall, CloudFault, InjectedFault};
use deployer_janitor::decommission::archive::Archive;
use deployer_janitor::decommission::reread::AccountRecheck;
use deployer_janitor::decommission::restore;
use jiff::Timestamp;

use super::LegacyCloud;

use crate::sdk::GeneratedClients as _;

/// Everything from the `number`-th write on fails. `took_effect` decides whether that write itself took effect.
fn break_off(legacy: &LegacyCloud, number: u64, took_effect: bool) {
    let writes = AtomicU64::new(0);
    legacy.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if call.kind == CallKind::Read && writes.load(Ordering::Relaxed) < number {
            return None;
        }
        let at = writes.fetch_add(1, Ordering::Relaxed) + 1;
        let refuse = || CloudFault::Error(ApiError::new(400, "BrokenOff", "the process died here"));
        match at {
            at if at < number => None,
            at if at == number && took_effect => Some(InjectedFault::After(refuse())),
            _ => Some(InjectedFault::Before(refuse())),
        }
    })));
}

/// Whether the write at which the process dies took effect. If it did, the archive knows less than the cloud, so that is tried
/// at each write. If it didn't, both know the same, and every third write is enough.
fn effects_of_write(number: u64) -> impl Iterator<Item = bool> {
    std::iter::once(true).chain((number % 3 == 1).then_some(false))
}

/// Runs the command as a new process would, from the state on the disk.
async fn run_decommission(legacy: &LegacyCloud, audit: &deployer_janitor::audit::Audit) -> Option<String> {
    let path = legacy.directory.path().join("archive");
    let mut archive =
        Archive::open_or_create(&path, &legacy.scope, Timestamp::now()).unwrap_or_else(|error| panic!("{error}"));
    let plan = legacy.plan_again(audit, None, &archive).await;
    let dead = super::dead_inventory(&legacy.scope, &legacy.nodes, &legacy.edges);
    let recheck = AccountRecheck { stand_in: Some(&dead), ..super::recheck(Some(audit)) };
    match deployer_janitor::decommission::carry_out::carry_out(
        &legacy.decommission_context(),
        &plan,
        &mut archive,
        &recheck,
        &|_| {},
    )
    .await
    {
        Ok(outcome) => outcome.failed.map(|(id, why)| format!("{id}: {why}")),
        Err(error) => Some(error.to_string()),
    }
}

#[tokio::test]
async fn resumes_a_decommissioning_interrupted_at_any_write() {
    let mut number = 1;
    loop {
        let mut broke = false;
        for took_effect in effects_of_write(number) {
            let legacy = LegacyCloud::new().await;
            let audit = legacy.stale_audit();
            break_off(&legacy, number, took_effect);
            let failed = run_decommission(&legacy, &audit).await;
            legacy.cloud.set_faults(None);
            broke |= failed.is_some();
            // Everything that is deleted is completely in the archive.
            let there: BTreeSet<String> = legacy.read_all().await.into_keys().collect();
            let path = legacy.directory.path().join("archive");
            let archive = Archive::open_verified(&path, &legacy.scope).unwrap_or_else(|error| panic!("{error}"));
            for node in legacy.nodes.iter().filter(|node| !there.contains(&node.id)) {
                let entry =
                    archive.find_entry(&node.id).unwrap_or_else(|| panic!("{} is deleted and not archived", node.id));
                assert!(!archive.read_parts(entry).expect("its files").to_files().is_empty());
            }
            drop(archive);
            assert_eq!(run_decommission(&legacy, &audit).await, None, "write {number}, took effect: {took_effect}");
            assert!(legacy.read_all().await.is_empty(), "write {number}, took effect: {took_effect}");
            // All of it can be restored.
            let mut archive = Archive::open_verified(&path, &legacy.scope).expect("an archive");
            let plan = restore::RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
            let (outcome, comparisons) =
                restore::carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
            assert_eq!((outcome.failed, comparisons.len()), (None, legacy.nodes.len()), "write {number}");
            for comparison in comparisons {
                assert_eq!(comparison.differences, [], "write {number}: {}", comparison.id);
            }
        }
        if !broke {
            break;
        }
        number += 1;
    }
    assert!(number > 10, "only {number} writes were interrupted");
}

#[tokio::test]
async fn resumes_a_restore_interrupted_at_any_write() {
    let mut number = 1;
    loop {
        let mut broke = false;
        for took_effect in effects_of_write(number) {
            let legacy = LegacyCloud::new().await;
            assert_eq!(run_decommission(&legacy, &legacy.stale_audit()).await, None);
            let path = legacy.directory.path().join("archive");
            let run = async || {
                let mut archive = Archive::open_verified(&path, &legacy.scope).expect("an archive");
                let plan =
                    restore::RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
                assert_eq!(plan.refusals, [], "write {number}, took effect: {took_effect}");
                restore::carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await
            };
            break_off(&legacy, number, took_effect);
            let (outcome, _) = run().await;
            broke |= outcome.failed.is_some();
            legacy.cloud.set_faults(None);
            let (outcome, comparisons) = run().await;
            assert_eq!(outcome.failed, None, "write {number}, took effect: {took_effect}");
            assert_eq!(comparisons.len(), legacy.nodes.len());
            for comparison in comparisons {
                assert_eq!(comparison.differences, [], "write {number}, took effect: {took_effect}: {}", comparison.id);
            }
            // Nothing was created twice.
            let apis = legacy.aws.sdk().apigateway.get_rest_apis().send().await.expect("it is a list");
            let https = legacy.aws.sdk().apigatewayv2.get_apis().send().await.expect("it is a list");
            let mappings = legacy.aws.lambda.list_event_source_mappings().send().await.expect("it is a list");
            let counts = (apis.items().len(), https.items().len(), mappings.event_source_mappings().len());
            assert_eq!(counts, (1, 1, 1), "write {number}, took effect: {took_effect}");
        }
        if !broke {
            break;
        }
        number += 1;
    }
    assert!(number > 20, "only {number} writes were interrupted");
}

#[tokio::test]
async fn resumes_and_releases_a_quarantine_interrupted_at_any_write() {
    let mut number = 1;
    loop {
        let mut broke = false;
        for took_effect in effects_of_write(number) {
            let legacy = LegacyCloud::new().await;
            let before = legacy.read_all().await;
            let audit = legacy.stale_audit();
            let path = legacy.directory.path().join("archive");
            let run = async || {
                let mut archive = Archive::open_or_create(&path, &legacy.scope, Timestamp::now()).expect("an archive");
                let plan = legacy.plan_again(&audit, Some(Timestamp::MAX), &archive).await;
                legacy.carry_out_plan(&plan, &mut archive).await.failed
            };
            break_off(&legacy, number, took_effect);
            broke |= run().await.is_some();
            legacy.cloud.set_faults(None);
            assert_eq!(run().await, None, "write {number}, took effect: {took_effect}");
            let mut archive = Archive::open_verified(&path, &legacy.scope).expect("an archive");
            let plan = restore::RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
            assert_eq!((plan.items.len(), plan.refusals.len()), (legacy.nodes.len(), 0), "write {number}");
            let (outcome, comparisons) =
                restore::carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
            assert_eq!((outcome.failed, comparisons.len()), (None, legacy.nodes.len()), "write {number}");
            for comparison in comparisons {
                assert_eq!(comparison.differences, [], "write {number}: {}", comparison.id);
            }
            assert_eq!(legacy.read_all().await.len(), before.len());
        }
        if !broke {
            break;
        }
        number += 1;
    }
    assert!(number > 10, "only {number} writes were interrupted");
}

#[tokio::test]
async fn a_second_run_deletes_nothing() {
    let legacy = LegacyCloud::new().await;
    let audit = legacy.stale_audit();
    assert_eq!(run_decommission(&legacy, &audit).await, None);
    legacy.cloud.forget_calls();
    assert_eq!(run_decommission(&legacy, &audit).await, None);
    assert_eq!(legacy.cloud.recorded_writes(), []);
}
