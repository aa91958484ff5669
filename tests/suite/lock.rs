//! The lock: one holder at a time, whoever dies.

use std::path::Path;
use std::time::Duration;

use deployer::aws::{Aws, Call as _};
use deployer::desired::Scope;
use deployer::exit_code::ExitCode;
use deployer::local::cloud::{Cloud, CloudConfig};
use deployer::lock::{Lock, Locks, Options};

use crate::sdk::GeneratedClients as _;

struct Place {
    aws: Aws,
    locks: Locks,
    directory: tempfile::TempDir,
}

fn place() -> Place {
    let aws = Aws::for_local("us-east-1", Cloud::in_memory(CloudConfig::default()).http_client(), None);
    let scope = Scope { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
    let locks = Locks::new(&aws, &scope, "sync");
    Place { aws, locks, directory: tempfile::tempdir().expect("a directory") }
}

/// At once or not at all, on the machine whose directory this is.
fn at_once(directory: &Path) -> Options {
    Options { poll: Duration::from_millis(5), ..Options::new(Duration::ZERO, directory, "deployer apply") }
}

async fn take(place: &Place, options: &Options) -> Result<Lock, deployer::error::Error> {
    place.locks.acquire(options, |_| {}).await
}

#[tokio::test]
async fn one_holds_it_and_the_next_is_told_who() {
    let place = place();
    let elsewhere = tempfile::tempdir().expect("a directory");
    let lock = take(&place, &at_once(place.directory.path())).await.expect("nobody has it");
    let error = take(&place, &at_once(elsewhere.path())).await.expect_err("it is held");
    assert_eq!(error.code, ExitCode::Refused);
    let text = error.to_string();
    let process = format!("process {}", std::process::id());
    assert!(
        text.contains("deployer apply by ") && text.contains(&process) && text.contains("deployer unlock"),
        "{text}"
    );
    lock.release().await.expect("it is given back");
    assert_eq!(place.locks.find().await.expect("it is read"), []);
    take(&place, &at_once(elsewhere.path())).await.expect("it is free again");
}

#[tokio::test]
async fn a_waiting_one_gets_it_when_it_is_given_back() {
    let place = place();
    let lock = take(&place, &at_once(place.directory.path())).await.expect("nobody has it");
    let options = Options { timeout: Duration::from_secs(60), ..at_once(place.directory.path()) };
    let (told, mut waits) = tokio::sync::mpsc::unbounded_channel();
    let locks = place.locks.clone();
    let second = tokio::spawn(async move {
        let on_wait = |held: &deployer::lock::Found| drop(told.send(held.describe()));
        locks.acquire(&options, on_wait).await.map(drop)
    });
    let held_by = waits.recv().await.expect("it says for whom it waits");
    assert!(held_by.starts_with("deployer apply by "), "{held_by}");
    lock.release().await.expect("it is given back");
    second.await.expect("no panic").expect("it gets it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_never_two_hold_it() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let place = place();
    let inside = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (locks, inside) = (place.locks.clone(), inside.clone());
            tokio::spawn(async move {
                // A machine of its own for each.
                let directory = tempfile::tempdir().expect("a directory");
                let options = Options { timeout: Duration::from_secs(60), ..at_once(directory.path()) };
                let lock = locks.acquire(&options, |_| {}).await.expect("its turn comes");
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold it");
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                inside.fetch_sub(1, Ordering::SeqCst);
                lock.release().await.expect("it is given back");
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

/// A lock whose holder dies: it is dropped without being given back, and isn't renewed any more.
async fn die_holding(place: &Place, directory: &Path, lease: Duration) {
    let options = Options { lease, ..at_once(directory) };
    let locks = place.locks.clone();
    // Its renewal ends with its runtime, as with a process.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        drop(runtime.block_on(async move { locks.acquire(&options, |_| {}).await.expect("nobody has it") }));
    })
    .join()
    .expect("no panic");
}

#[tokio::test]
async fn a_lock_of_a_process_that_died_on_this_machine_is_taken_over_at_once() {
    let place = place();
    die_holding(&place, place.directory.path(), Duration::from_secs(60)).await;
    assert_eq!(place.locks.find().await.expect("it is read").len(), 1, "it is still there");
    let elsewhere = tempfile::tempdir().expect("a directory");
    take(&place, &at_once(elsewhere.path())).await.expect_err("another machine can't know that");
    take(&place, &at_once(place.directory.path())).await.expect("this one does");
    assert_eq!(place.locks.find().await.expect("it is read").len(), 1, "the old one is gone");
}

#[tokio::test]
async fn a_lock_that_is_not_renewed_ends() {
    let place = place();
    let elsewhere = tempfile::tempdir().expect("a directory");
    die_holding(&place, place.directory.path(), Duration::from_millis(20)).await;
    let options =
        Options { timeout: Duration::from_secs(60), lease: Duration::from_millis(20), ..at_once(elsewhere.path()) };
    take(&place, &options).await.expect("it has run out before our eyes");
}

#[tokio::test]
async fn a_lock_that_expired_long_ago_is_taken_over_at_once() {
    let place = place();
    let elsewhere = tempfile::tempdir().expect("a directory");
    die_holding(&place, place.directory.path(), Duration::from_secs(60)).await;
    let name = place.locks.find().await.expect("it is read")[0].name.clone();
    let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}");
    let request = place.aws.sdk().logs.tag_resource().resource_arn(arn);
    request
        .tags("deployer:lock-expires", "2026-01-01T00:00:00Z")
        .send()
        .await
        .call("logs:TagResource")
        .expect("tagged");
    take(&place, &at_once(elsewhere.path())).await.expect("it is left behind");
}

#[tokio::test]
async fn a_holder_whose_lock_is_taken_away_is_told() {
    let place = place();
    let options = Options { lease: Duration::from_millis(40), ..at_once(place.directory.path()) };
    let lock = take(&place, &options).await.expect("nobody has it");
    let name = place.locks.find().await.expect("it is read")[0].name.clone();
    place.locks.delete(&name).await.expect("somebody unlocks");
    lock.lost().cancelled().await;
}

#[tokio::test]
async fn a_log_group_that_is_no_lock_is_never_taken_over() {
    let place = place();
    let request = place.aws.sdk().logs.create_log_group().log_group_name("/deployer/sync/lock/7");
    request.send().await.call("logs:CreateLogGroup").expect("somebody made it");
    let error = take(&place, &at_once(place.directory.path())).await.expect_err("it isn't ours");
    assert!(error.to_string().contains("/deployer/sync/lock/7"), "{error}");
}

#[tokio::test]
async fn deployments_do_not_wait_for_each_other() {
    let place = place();
    let scope = Scope { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
    let other = Locks::new(&place.aws, &scope, "sync2");
    let _lock = take(&place, &at_once(place.directory.path())).await.expect("nobody has it");
    other.acquire(&at_once(place.directory.path()), |_| {}).await.expect("it is another one's");
}
