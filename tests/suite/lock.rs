//! The lock has one holder at a time, even if holders die.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use deployer_aws::lock::{DeploymentLocks, HeldLock, LockOptions};
use deployer_aws::{Aws, Call as _};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::exit_code::ExitCode;
use deployer_core::scope::Scope;

use crate::sdk::GeneratedClients as _;
use crate::world::{World, two_venue_manifest};

struct LockFixture {
    aws: Aws,
    locks: DeploymentLocks,
    directory: tempfile::TempDir,
}

fn lock_fixture() -> LockFixture {
    let aws = Aws::for_local("us-east-1", EmbeddedCloud::in_memory(CloudConfig::default()).http_client(), None);
    let scope = Scope::new("123456789012", "us-east-1");
    let locks = DeploymentLocks::new(&aws, &scope, "sync");
    LockFixture { aws, locks, directory: tempfile::tempdir().expect("a temporary directory") }
}

/// Options that don't wait, on the machine with this directory.
fn immediate_options(directory: &Path) -> LockOptions {
    LockOptions { poll: Duration::from_millis(5), ..LockOptions::new(Duration::ZERO, directory, "deployer apply") }
}

async fn acquire_lock(place: &LockFixture, options: &LockOptions) -> Result<HeldLock, deployer_core::error::Error> {
    place.locks.acquire(options, |_| {}).await
}

#[tokio::test]
async fn refuses_a_held_lock_and_names_its_holder() {
    let place = lock_fixture();
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let lock = acquire_lock(&place, &immediate_options(place.directory.path())).await.expect("the lock is free");
    let error = acquire_lock(&place, &immediate_options(elsewhere.path())).await.expect_err("the lock is held");
    assert_eq!(error.exit_code, ExitCode::Refused);
    let text = error.to_string();
    let process = format!("process {}", std::process::id());
    assert!(
        text.contains("deployer apply by ") && text.contains(&process) && text.contains("deployer unlock"),
        "{text}"
    );
    lock.release().await.expect("the lock is released");
    assert_eq!(place.locks.find_locks().await.expect("the locks are readable"), []);
    acquire_lock(&place, &immediate_options(elsewhere.path())).await.expect("the lock is free again");
}

#[tokio::test]
async fn acquires_the_lock_once_it_is_released() {
    let place = lock_fixture();
    let lock = acquire_lock(&place, &immediate_options(place.directory.path())).await.expect("the lock is free");
    let options = LockOptions { timeout: Duration::from_secs(60), ..immediate_options(place.directory.path()) };
    let (told, mut waits) = tokio::sync::mpsc::unbounded_channel();
    let locks = place.locks.clone();
    let second = tokio::spawn(async move {
        let on_wait = |held: &deployer_aws::lock::FoundLock| drop(told.send(held.describe_holder()));
        locks.acquire(&options, on_wait).await.map(drop)
    });
    let held_by = waits.recv().await.expect("the holder is reported");
    assert!(held_by.starts_with("deployer apply by "), "{held_by}");
    lock.release().await.expect("the lock is released");
    second.await.expect("no panic").expect("the waiting one gets the lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_has_two_holders_at_once() {
    use std::sync::atomic::AtomicU32;
    let place = lock_fixture();
    let inside = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (locks, inside) = (place.locks.clone(), inside.clone());
            tokio::spawn(async move {
                // Each task simulates a machine of its own.
                let directory = tempfile::tempdir().expect("a temporary directory");
                let options = LockOptions { timeout: Duration::from_secs(60), ..immediate_options(directory.path()) };
                let lock = locks.acquire(&options, |_| {}).await.expect("everyone gets a turn");
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                inside.fetch_sub(1, Ordering::SeqCst);
                lock.release().await.expect("the lock is released");
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

/// Acquires a lock whose holder then dies: the lock is neither released nor renewed.
async fn die_holding(place: &LockFixture, directory: &Path, lease: Duration) {
    die_with_options(&place.locks, LockOptions { lease, ..immediate_options(directory) });
}

fn die_with_options(locks: &DeploymentLocks, options: LockOptions) {
    let locks = locks.clone();
    // The renewal ends with its runtime, as it does when a process dies.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        drop(runtime.block_on(async move { locks.acquire(&options, |_| {}).await.expect("the lock is free") }));
    })
    .join()
    .expect("no panic");
}

#[tokio::test]
async fn takes_over_the_lock_of_a_dead_local_process_at_once() {
    let place = lock_fixture();
    die_holding(&place, place.directory.path(), Duration::from_secs(60)).await;
    assert_eq!(place.locks.find_locks().await.expect("the locks are readable").len(), 1, "the lock still exists");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    acquire_lock(&place, &immediate_options(elsewhere.path()))
        .await
        .expect_err("another machine can't know that the holder died");
    acquire_lock(&place, &immediate_options(place.directory.path()))
        .await
        .expect("this machine knows that the holder died");
    assert_eq!(place.locks.find_locks().await.expect("the locks are readable").len(), 1, "the old lock is gone");
}

#[tokio::test]
async fn takes_over_a_lock_that_is_not_renewed() {
    let place = lock_fixture();
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    die_holding(&place, place.directory.path(), Duration::from_millis(20)).await;
    let options = LockOptions {
        timeout: Duration::from_secs(60),
        lease: Duration::from_millis(20),
        ..immediate_options(elsewhere.path())
    };
    acquire_lock(&place, &options).await.expect("the lease ran out while waiting");
}

#[tokio::test]
async fn takes_over_a_long_expired_lock_at_once() {
    let place = lock_fixture();
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    die_holding(&place, place.directory.path(), Duration::from_secs(60)).await;
    let name = place.locks.find_locks().await.expect("the locks are readable")[0].name.clone();
    let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}");
    let request = place.aws.sdk().logs.tag_resource().resource_arn(arn);
    request
        .tags("deployer:lock-expires", "2026-01-01T00:00:00Z")
        .send()
        .await
        .call("logs:TagResource")
        .expect("tagged");
    acquire_lock(&place, &immediate_options(elsewhere.path())).await.expect("the lock expired long ago");
}

#[tokio::test]
async fn tells_the_holder_that_its_lock_was_removed() {
    let place = lock_fixture();
    let options = LockOptions { lease: Duration::from_millis(40), ..immediate_options(place.directory.path()) };
    let lock = acquire_lock(&place, &options).await.expect("the lock is free");
    let name = place.locks.find_locks().await.expect("the locks are readable")[0].name.clone();
    place.locks.delete_lock(&name).await.expect("the lock is removed");
    lock.lost_token().cancelled().await;
}

#[tokio::test]
async fn never_takes_over_a_log_group_that_is_not_a_lock() {
    let place = lock_fixture();
    let request = place.aws.sdk().logs.create_log_group().log_group_name("/deployer/sync/lock/7");
    request.send().await.call("logs:CreateLogGroup").expect("created");
    let error =
        acquire_lock(&place, &immediate_options(place.directory.path())).await.expect_err("the log group isn't a lock");
    assert!(error.to_string().contains("/deployer/sync/lock/7"), "{error}");
}

/// What is read for a holder must not have been changed by somebody else since.
#[tokio::test]
async fn reading_for_a_holder_begins_with_its_lock_and_anew_with_the_next() {
    let place = lock_fixture();
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let generations = async || {
        let found = place.locks.find_locks().await.expect("the locks are readable");
        found.iter().map(|lock| lock.name.rsplit('/').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    die_holding(&place, place.directory.path(), Duration::from_secs(60)).await;
    let second = acquire_lock(&place, &immediate_options(place.directory.path())).await.expect("the holder died");
    assert_eq!(generations().await, ["2"]);

    // Another machine finds the second generation only once it has created the first.
    let options = LockOptions { timeout: Duration::from_secs(60), ..immediate_options(elsewhere.path()) };
    let (told, mut waits) = tokio::sync::mpsc::unbounded_channel();
    let readings = std::sync::Mutex::new(Vec::new());
    let read = async || {
        let found = generations().await;
        readings.lock().expect("no panic").push(found.clone());
        found
    };
    let acquired = place.locks.acquire_while(&options, |_| told.send(()).expect("it is waited for"), read);
    let released = async {
        waits.recv().await.expect("it waits for the second generation");
        second.release().await
    };
    let (acquired, released) = tokio::join!(acquired, released);
    released.expect("the lock is released");
    let (held, found) = acquired.expect("the lock is free");
    assert_eq!(found, ["1"], "only what was read under the lock counts");
    let readings = readings.into_inner().expect("no panic");
    assert!(readings.iter().all(|found| found.contains(&"1".to_owned())), "never without a lock: {readings:?}");
    held.release().await.expect("the lock is released");
    assert_eq!(generations().await, [""; 0]);
}

#[tokio::test]
async fn locks_deployments_independently() {
    let place = lock_fixture();
    let scope = Scope::new("123456789012", "us-east-1");
    let other = DeploymentLocks::new(&place.aws, &scope, "sync2");
    let _lock = acquire_lock(&place, &immediate_options(place.directory.path())).await.expect("the lock is free");
    other
        .acquire(&immediate_options(place.directory.path()), |_| {})
        .await
        .expect("the other deployment's lock is free");
}

/// A network that, once it is cut, takes requests and returns no answers.
#[derive(Debug, Clone)]
struct Network {
    cloud: SharedHttpClient,
    cut: Arc<AtomicBool>,
}

#[derive(Debug)]
struct NetworkConnector {
    cloud: SharedHttpConnector,
    cut: Arc<AtomicBool>,
}

impl HttpClient for Network {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let cloud = self.cloud.http_connector(settings, components);
        SharedHttpConnector::new(NetworkConnector { cloud, cut: self.cut.clone() })
    }
}

impl HttpConnector for NetworkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.cut.load(Ordering::SeqCst) {
            true => HttpConnectorFuture::new(std::future::pending()),
            false => self.cloud.call(request),
        }
    }
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_in_time_is_lost_although_no_answer_came() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let network = Network { cloud: cloud.http_client(), cut: Arc::default() };
    let scope = Scope::new("123456789012", "us-east-1");
    let first = DeploymentLocks::new(
        &Aws::for_local("us-east-1", SharedHttpClient::new(network.clone()), None),
        &scope,
        "sync",
    );
    let second = DeploymentLocks::new(&Aws::for_local("us-east-1", cloud.http_client(), None), &scope, "sync");
    let (here, there) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let lease = Duration::from_secs(1);
    let options = LockOptions { lease, ..immediate_options(here.path()) };
    let lock = first.acquire(&options, |_| {}).await.expect("the lock is free");
    assert_eq!(lock.fence().check("lambda:CreateFunction"), Ok(()));

    network.cut.store(true, Ordering::SeqCst);
    let options = LockOptions { lease, timeout: Duration::from_secs(60), ..immediate_options(there.path()) };
    let other = second.acquire(&options, |_| {}).await.expect("the lease ran out");
    let refused = lock.fence().check("lambda:CreateFunction").expect_err("whoever waited long enough is alone");
    assert!(refused.to_string().contains("the lock was lost"), "{refused}");
    lock.lost_token().cancelled().await;

    // The network is back: the first one releases nothing that isn't its own.
    network.cut.store(false, Ordering::SeqCst);
    lock.release().await.expect("there is nothing to release");
    assert_eq!(second.find_locks().await.expect("the locks are readable").len(), 1, "the second one's lock stays");
    other.release().await.expect("the lock is released");
}

#[tokio::test]
async fn a_name_that_is_used_again_is_not_renewed_and_not_released() {
    let place = lock_fixture();
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let options = LockOptions { lease: Duration::from_millis(80), ..immediate_options(place.directory.path()) };
    let lock = acquire_lock(&place, &options).await.expect("the lock is free");
    let name = place.locks.find_locks().await.expect("the locks are readable")[0].name.clone();
    place.locks.delete_lock(&name).await.expect("`deployer unlock` removes it");
    let other = acquire_lock(&place, &immediate_options(elsewhere.path())).await.expect("the lock is free");
    let of_other = place.locks.find_locks().await.expect("the locks are readable");
    assert_eq!(of_other[0].name, name);
    lock.lost_token().cancelled().await;
    lock.release().await.expect("there is nothing to release");
    assert_eq!(place.locks.find_locks().await.expect("the locks are readable"), of_other);
    other.release().await.expect("the lock is released");
}

#[tokio::test]
async fn a_copied_directory_waits_for_the_lock() {
    let place = lock_fixture();
    die_holding(&place, place.directory.path(), Duration::from_secs(60)).await;
    let copy = tempfile::tempdir().expect("a temporary directory");
    std::fs::copy(place.directory.path().join("sync.lock"), copy.path().join("sync.lock")).expect("it is copied");
    let refused = acquire_lock(&place, &immediate_options(copy.path())).await.expect_err("the copy proves nothing");
    assert_eq!(refused.exit_code, ExitCode::Refused);
    acquire_lock(&place, &immediate_options(place.directory.path())).await.expect("the original does");
}

#[tokio::test]
async fn nothing_is_sent_once_the_lock_is_lost() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    let locks = DeploymentLocks::new(&world.aws, &world.scope, "sync");
    let lock = locks.acquire(&world.lock_options(), |_| {}).await.expect("the lock is free");
    let name = locks.find_locks().await.expect("the locks are readable")[0].name.clone();
    locks.delete_lock(&name).await.expect("`deployer unlock` removes it");
    lock.lost_token().cancel();
    cloud.forget_calls();
    let outcome = world.execute_behind_fence(&plan, lock.fence()).await;
    assert_eq!((outcome.done.len(), outcome.failed.len()), (0, 0));
    assert_eq!(outcome.not_started.len(), plan.changes.len());
    assert_eq!(cloud.recorded_writes().len(), 0);
}

#[tokio::test]
async fn what_a_dead_process_left_is_removed_by_the_next_apply_and_by_destroy() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    let locks = DeploymentLocks::new(&world.aws, &world.scope, "sync");
    let left = async || locks.find_locks().await.expect("the locks are readable").len();
    die_with_options(&locks, world.lock_options());
    assert_eq!(left().await, 1);
    world.apply(&desired).await;
    assert_eq!(left().await, 0, "an apply with nothing to do");

    let nothing = world.desired_nothing("sync");
    world.apply(&nothing).await;
    die_with_options(&locks, world.lock_options());
    world.apply(&nothing).await;
    assert_eq!(left().await, 0, "a destroy with nothing to do");
}

#[tokio::test]
async fn a_rule_that_somebody_else_created_meanwhile_is_not_overwritten() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    let theirs = world.aws.events.put_rule().name("sync-a-schedule").schedule_expression("rate(1 day)").send().await;
    theirs.call("events:PutRule").expect("somebody else creates a rule");
    let (outcome, _) = world.execute_plan(&plan).await;
    let [(address, error)] = outcome.failed.as_slice() else { panic!("{:?}", outcome.failed) };
    assert!(address.to_string().starts_with("a/") && error.message.contains("by somebody else"), "{address}: {error}");
    let rule = world.aws.events.describe_rule().name("sync-a-schedule").send().await.call("events:DescribeRule");
    assert_eq!(rule.expect("it is still there").schedule_expression(), Some("rate(1 day)"));
}
