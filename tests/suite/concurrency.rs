//! Reserved concurrency and leases, on the embedded cloud: accounts without room, and the way from one to the other and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deployer_cloud::quotas::Quota;
use deployer_cloud::{ApiError, CloudContext, EmbeddedCloud, Invocation, InvocationResult, Invoker};
use deployer_core::concurrency::has_lease;
use futures_util::future::BoxFuture;

use crate::declared::declaring_manifest;
use crate::scenarios::{check_crashes, new_world};
use crate::world::{World, two_venue_manifest};

fn manifest_with(value: &str) -> String {
    declaring_manifest("", &format!("reserved_concurrency = {value}"))
}

/// For each function: what is reserved, and whether the version that runs takes leases.
fn protections(cloud: &EmbeddedCloud) -> Vec<(Option<u32>, bool)> {
    let read = |cx: &mut CloudContext<'_>| {
        let functions = cx.region_state().lambda.functions.values();
        let live = functions.map(|function| {
            let version = function.aliases["live"].version.parse::<u64>().expect("a number");
            (function.reserved_concurrency, has_lease(&function.versions[&version].configuration.environment))
        });
        live.collect()
    };
    cloud.with_context(read).expect("the state is readable")
}

fn limit_executions(cloud: &EmbeddedCloud, limit: Option<u32>) {
    let set = |cx: &mut CloudContext<'_>| cx.set_quota(Quota::ConcurrentExecutions, limit.map(u64::from));
    cloud.with_context(set).expect("the state is writable");
}

/// A new account may have ten executions, of which none can be reserved.
#[tokio::test]
async fn an_account_with_ten_executions_is_applied_whole() {
    let (cloud, world) = new_world().await;
    limit_executions(&cloud, Some(10));
    let auto = world.desired_from(&two_venue_manifest("sync"));
    let plan = world.plan(&auto).await;
    let said = "no concurrency can be reserved for a, b: none of the account's 10 concurrent executions is free";
    assert!(plan.notes.iter().any(|note| note.starts_with(said)), "{:?}", plan.notes);
    world.converge(&auto).await;
    assert_eq!(protections(&cloud), [(None, true), (None, true)]);
    assert_eq!(world.plan_from_lists(&auto).await.changes, []);
    // More room changes nothing, until the manifest asks for it.
    limit_executions(&cloud, None);
    assert_eq!(world.plan(&auto).await.changes, []);
    world.converge(&world.desired_from(&manifest_with("1"))).await;
    assert_eq!(protections(&cloud), [(Some(1), false), (Some(1), false)]);
    assert_eq!(world.plan(&auto).await.changes, []);
    world.converge(&world.desired_nothing("sync")).await;
    limit_executions(&cloud, Some(10));
    let refused = world.try_apply(&world.desired_from(&manifest_with("1"))).await.expect_err("there is no room");
    assert!(refused.to_string().contains("reserved_concurrency = \"off\""), "{refused}");
}

/// At each moment, something keeps the runs of each function that can be invoked apart.
#[tokio::test]
async fn changing_to_leases_and_back_survives_a_crash_at_any_call() {
    let only_a = |text: String| text[..text.find("[venues.b]").expect("the manifest has b")].to_owned();
    let (one, off) = (only_a(manifest_with("1")), only_a(manifest_with("\"off\"")));
    let stories = [[one.clone(), off.clone(), one.clone(), off.clone()], [off.clone(), one.clone(), off, one]];
    for (story, expected) in stories.into_iter().zip([(None, true), (Some(1), false)]) {
        check_crashes(&story, async |cloud: &EmbeddedCloud, _: &World| {
            assert_eq!(protections(cloud), [expected]);
        })
        .await;
    }
}

/// A function of which a run is in progress for a while.
#[derive(Debug)]
struct BusyFunction {
    cloud: EmbeddedCloud,
    refusals: AtomicU32,
    /// What it answers to a ping.
    answer: &'static str,
    reserved: parking_lot::Mutex<Vec<Option<u32>>>,
}

impl Invoker for BusyFunction {
    fn run_invocation(&self, invocation: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>> {
        assert_eq!(invocation.payload.as_ref(), br#"{"ping":true}"#);
        self.reserved.lock().push(invocation.reserved_concurrency);
        let left = self.refusals.load(Ordering::SeqCst);
        let answer = if left > 0 {
            self.refusals.store(left - 1, Ordering::SeqCst);
            Err(ApiError::new(429, "TooManyRequestsException", "Rate Exceeded."))
        } else {
            let payload = self.answer.as_bytes().to_vec().into();
            Ok(InvocationResult { payload, function_error: None, log: String::new() })
        };
        Box::pin(std::future::ready(answer))
    }
}

async fn change_to_leases(refusals: u32, answer: &'static str) -> (World, Arc<BusyFunction>, Vec<String>) {
    let (cloud, world) = new_world().await;
    world.converge(&world.desired_from(&manifest_with("1"))).await;
    let function = Arc::new(BusyFunction {
        cloud: cloud.clone(),
        refusals: AtomicU32::new(refusals),
        answer,
        reserved: parking_lot::Mutex::default(),
    });
    cloud.set_invoker(function.clone());
    let outcome = world.apply(&world.desired_from(&manifest_with("\"off\""))).await;
    let failed = outcome.failed.into_iter().map(|(address, error)| format!("{address}: {error}")).collect();
    (world, function, failed)
}

#[tokio::test]
async fn a_reservation_stays_until_no_run_without_a_lease_is_in_progress() {
    let (world, function, failed) = change_to_leases(5, r#"{"venue":"a","lease":true}"#).await;
    assert_eq!(failed, [""; 0]);
    let asked = function.reserved.lock().clone();
    assert_eq!(asked, vec![Some(1); 7], "five refusals, and an answer for each venue, all under the reservation");
    assert_eq!(protections(&function.cloud), [(None, true), (None, true)]);
    world.converge(&world.desired_from(&manifest_with("\"off\""))).await;
}

#[tokio::test]
async fn a_reservation_stays_if_the_run_goes_on_or_the_version_takes_no_leases() {
    for (refusals, answer, why) in [
        (10_000, r#"{"venue":"a","lease":true}"#, "a run was still in progress"),
        (0, r#"{"venue":"a","lease":false}"#, "takes no leases"),
        (0, r#"{"errorMessage":"unknown field `lease`"}"#, "unknown field `lease`"),
    ] {
        let (_world, function, failed) = change_to_leases(refusals, answer).await;
        assert!(failed.len() == 2 && failed.iter().all(|text| text.contains(why)), "{failed:?}");
        assert_eq!(protections(&function.cloud), [(Some(1), true), (Some(1), true)]);
    }
}
