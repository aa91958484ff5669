//! A decommissioning and a restore that break off at any call are mended by the same command.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deployer::decommission::archive::Archive;
use deployer::decommission::restore;
use deployer::local::cloud::{ApiError, Call, CallKind, Fault, Injected};
use jiff::Timestamp;

use super::Legacy;

use crate::sdk::GeneratedClients as _;

/// Everything after the `number`-th write fails; that one has or hasn't taken effect.
fn break_off(legacy: &Legacy, number: u64, took_effect: bool) {
    let writes = AtomicU64::new(0);
    legacy.cloud.set_faults(Some(Arc::new(move |call: &Call| {
        if call.kind == CallKind::Read && writes.load(Ordering::Relaxed) < number {
            return None;
        }
        let at = writes.fetch_add(1, Ordering::Relaxed) + 1;
        let refuse = || Fault::Error(ApiError::new(400, "BrokenOff", "the process died here"));
        match at {
            at if at < number => None,
            at if at == number && took_effect => Some(Injected::After(refuse())),
            _ => Some(Injected::Before(refuse())),
        }
    })));
}

/// Runs the command as the process would, from what is on the disk.
async fn decommission(legacy: &Legacy, audit: &deployer::audit::Audit) -> Option<String> {
    let path = legacy.directory.path().join("archive");
    let mut plan = legacy.plan(audit, None).await;
    let mut archive = Archive::create(&path, &legacy.scope, Timestamp::now()).unwrap_or_else(|error| panic!("{error}"));
    plan.add_pending(&legacy.cx(), &archive, Timestamp::now()).await;
    match deployer::decommission::carry_out::carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await {
        Ok(outcome) => outcome.failed.map(|(id, why)| format!("{id}: {why}")),
        Err(error) => Some(error.to_string()),
    }
}

#[tokio::test]
async fn a_decommissioning_that_broke_off_at_any_write_goes_on() {
    let mut number = 1;
    loop {
        let mut broke = false;
        for took_effect in [false, true] {
            let legacy = Legacy::new().await;
            let audit = legacy.audit();
            break_off(&legacy, number, took_effect);
            let failed = decommission(&legacy, &audit).await;
            legacy.cloud.set_faults(None);
            broke |= failed.is_some();
            // Whatever is gone is in the archive, whole.
            let there: BTreeSet<String> = legacy.read_all().await.into_keys().collect();
            let path = legacy.directory.path().join("archive");
            let archive = Archive::open(&path, &legacy.scope).unwrap_or_else(|error| panic!("{error}"));
            for node in legacy.nodes.iter().filter(|node| !there.contains(&node.id)) {
                let entry = archive.entry(&node.id).unwrap_or_else(|| panic!("{} is gone and not archived", node.id));
                assert!(!archive.parts(entry).expect("its files").files().is_empty());
            }
            drop(archive);
            assert_eq!(decommission(&legacy, &audit).await, None, "write {number}, took effect: {took_effect}");
            assert!(legacy.read_all().await.is_empty(), "write {number}, took effect: {took_effect}");
            // And all of it comes back.
            let mut archive = Archive::open(&path, &legacy.scope).expect("an archive");
            let plan = restore::Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
            let (outcome, comparisons) = restore::carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await;
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
    assert!(number > 10, "it was broken off at {number} writes");
}

#[tokio::test]
async fn a_restore_that_broke_off_at_any_write_goes_on() {
    let mut number = 1;
    loop {
        let mut broke = false;
        for took_effect in [false, true] {
            let legacy = Legacy::new().await;
            assert_eq!(decommission(&legacy, &legacy.audit()).await, None);
            let path = legacy.directory.path().join("archive");
            let run = async || {
                let mut archive = Archive::open(&path, &legacy.scope).expect("an archive");
                let plan = restore::Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
                assert_eq!(plan.refusals, [], "write {number}, took effect: {took_effect}");
                restore::carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await
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
            // Nothing was made twice.
            let apis = legacy.aws.sdk().apigateway.get_rest_apis().send().await.expect("a list");
            let https = legacy.aws.sdk().apigatewayv2.get_apis().send().await.expect("a list");
            let mappings = legacy.aws.lambda.list_event_source_mappings().send().await.expect("a list");
            let counts = (apis.items().len(), https.items().len(), mappings.event_source_mappings().len());
            assert_eq!(counts, (1, 1, 1), "write {number}, took effect: {took_effect}");
        }
        if !broke {
            break;
        }
        number += 1;
    }
    assert!(number > 20, "it was broken off at {number} writes");
}

#[tokio::test]
async fn a_quarantine_that_broke_off_at_any_write_goes_on_and_is_taken_back() {
    let mut number = 1;
    loop {
        let mut broke = false;
        for took_effect in [false, true] {
            let legacy = Legacy::new().await;
            let before = legacy.read_all().await;
            let audit = legacy.audit();
            let path = legacy.directory.path().join("archive");
            let run = async || {
                let mut plan = legacy.plan(&audit, Some(Timestamp::MAX)).await;
                let mut archive = Archive::create(&path, &legacy.scope, Timestamp::now()).expect("an archive");
                plan.add_pending(&legacy.cx(), &archive, Timestamp::now()).await;
                legacy.carry_out(&plan, &mut archive).await.failed
            };
            break_off(&legacy, number, took_effect);
            broke |= run().await.is_some();
            legacy.cloud.set_faults(None);
            assert_eq!(run().await, None, "write {number}, took effect: {took_effect}");
            let mut archive = Archive::open(&path, &legacy.scope).expect("an archive");
            let plan = restore::Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
            assert_eq!((plan.items.len(), plan.refusals.len()), (legacy.nodes.len(), 0), "write {number}");
            let (outcome, comparisons) = restore::carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await;
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
    assert!(number > 10, "it was broken off at {number} writes");
}

#[tokio::test]
async fn a_plan_of_what_is_gone_deletes_nothing_twice() {
    let legacy = Legacy::new().await;
    let audit = legacy.audit();
    assert_eq!(decommission(&legacy, &audit).await, None);
    legacy.cloud.forget_calls();
    assert_eq!(decommission(&legacy, &audit).await, None);
    assert_eq!(legacy.cloud.writes(), []);
}
