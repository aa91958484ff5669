//! Runs that make every call of every command, against the embedded cloud.

mod account;
mod deployment;
mod lookups;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use deployer_aws::Aws;
use deployer_cloud::AuthorizedCall;
use deployer_core::permissions::PolicyCommand;

use super::record::{NeededPermission, usual_place};
use crate::processes::Site;

type Story = fn() -> Vec<NeededPermission>;

/// The longest first.
const STORIES: &[Story] = &[
    account::read_account,
    deployment::undo_drifts,
    account::delete_and_restore,
    deployment::live_and_die,
    deployment::read_without_lists,
    lookups::look_up_leads,
    account::decommission_by_command,
    crate::moved::record_moves,
    deployment::demand_and_withdraw,
    deployment::watch_with_alarms,
    deployment::start_by_schedules,
    deployment::look_around,
    deployment::replace_handmade,
    deployment::roll_back,
    deployment::adopt_untagged,
    deployment::find_rivals,
    deployment::ask_for_quotas,
    lookups::connect,
];

/// What the calls of all stories need.
pub fn collect_all() -> Vec<NeededPermission> {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(story) = STORIES.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let needs = story();
                    all.lock().expect("no panic").extend(needs);
                }
            });
        }
    });
    all.into_inner().expect("no panic")
}

/// What calls need that this command makes.
fn needs_of(command: PolicyCommand, calls: &[AuthorizedCall]) -> Vec<NeededPermission> {
    let needs = calls.iter().flat_map(|call| &call.needs);
    needs.map(|need| NeededPermission { place: usual_place(), command, need: need.clone() }).collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the runtime starts").block_on(work)
}

/// Runs commands that succeed; a plan or a destroy may have found something unreadable.
fn run_all(site: &Site, commands: &[&[&str]]) {
    for args in commands {
        let (code, text) = site.run_deployer(args);
        assert!(code == 0 || code == 3, "{args:?}: {code} {text}");
    }
}

/// Changes something with other credentials.
fn change_cloud(site: &Site, work: impl AsyncFnOnce(Aws)) {
    block_on(work(Aws::for_local("us-east-1", site.cloud.http_client(), None)));
}
