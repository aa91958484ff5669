//! Runs that would overlap, of a venue whose function has no reserved concurrency.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use deployer_aws::Aws;
use deployer_cloud::EmbeddedCloud;
use deployer_sandbox::RequestInfo;
use serde_json::{Value, json};
use sync_lambda::error::RunError;
use sync_lambda::handler::Handler;
use tokio::sync::Notify;

use super::deployed::{invoke_function, portal_manifest, secret_value, start_cloud};
use super::portal::{HandlerResult, SyncTestPortal, TOKEN};
use super::process::build_bootstrap;
use super::{CREATE, UPDATE};
use crate::world::World;

const GROUP: &str = "/aws/lambda/d-venue-a";
/// What a run may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A venue with leases, the cloud that they are in, and a clock of its functions.
struct LeasedVenue {
    portal: SyncTestPortal,
    cloud: EmbeddedCloud,
    /// By how many seconds the functions' clock is ahead.
    ahead: Arc<AtomicU64>,
    _directory: tempfile::TempDir,
}

impl LeasedVenue {
    async fn new(oauth: bool) -> Self {
        let (cloud, directory, uri) = start_cloud().await;
        let mut portal = SyncTestPortal::new(oauth).await;
        portal.config.lease = true;
        portal.variables.extend([
            ("AWS_ENDPOINT_URL", uri),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", GROUP.to_owned()),
        ]);
        let venue = Self { portal, cloud, ahead: Arc::default(), _directory: directory };
        venue.call_logs("CreateLogGroup", json!({ "logGroupName": GROUP })).await;
        venue.cloud.forget_calls();
        venue
    }

    async fn call_logs(&self, operation: &'static str, body: Value) -> Value {
        let aws = Aws::for_local("us-east-1", self.cloud.http_client(), None);
        let call = match operation {
            "CreateLogGroup" => "logs:CreateLogGroup",
            _ => "logs:DescribeLogStreams",
        };
        aws.signed.call(call, body).await.expect("the cloud answers")
    }

    /// A process of the function.
    fn new_process(&self) -> Handler {
        let ahead = Arc::clone(&self.ahead);
        self.portal
            .new_handler()
            .with_clock(Arc::new(move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::SeqCst))))
    }

    fn deadline(&self) -> SystemTime {
        SystemTime::now() + Duration::from_secs(self.ahead.load(Ordering::SeqCst)) + TIMEOUT
    }

    async fn run_in(&self, process: &Handler, event: &Value) -> HandlerResult {
        process.handle_event(event, "request-1", self.deadline()).await
    }

    async fn run_once(&self) -> HandlerResult {
        self.run_in(&self.new_process(), &json!({})).await
    }

    /// The leases that there are.
    async fn lease_streams(&self) -> Vec<String> {
        let found = self.call_logs("DescribeLogStreams", json!({ "logGroupName": GROUP })).await;
        let names = found["logStreams"].as_array().expect("a list").iter();
        names.filter_map(|stream| stream["logStreamName"].as_str().map(ToOwned::to_owned)).collect()
    }

    /// How many requests both vendors got that write.
    fn count_writes(&self) -> usize {
        let is_write = |path: &str| path.contains(UPDATE) || path.contains(CREATE);
        let (hubspot, tripleseat) =
            (self.portal.hubspot.recorded_requests(), self.portal.tripleseat.recorded_requests());
        hubspot.iter().chain(&tripleseat).filter(|request| is_write(&request.path)).count()
    }

    /// The calls to CloudWatch Logs since the last time.
    fn take_log_calls(&self) -> Vec<String> {
        let calls = self.cloud.recorded_calls().into_iter().filter(|call| call.service == "logs");
        let calls = calls.map(|call| call.operation).collect();
        self.cloud.forget_calls();
        calls
    }

    /// Goes on with a run until the `nth` request to both vendors together has arrived, and leaves it there. Returns its
    /// answer if it makes fewer.
    async fn freeze_at(&self, nth: usize, run: impl Future<Output = HandlerResult>) -> Option<HandlerResult> {
        let arrived = Arc::new(Notify::new());
        let (told, seen) = (Arc::clone(&arrived), Mutex::new(0));
        let hook = Arc::new(move |_: &RequestInfo| {
            let mut seen = seen.lock().expect("no panic");
            *seen += 1;
            if *seen == nth {
                told.notify_one();
            }
            None
        });
        self.portal.hubspot.set_fault_hook(Some(hook.clone()));
        self.portal.tripleseat.set_fault_hook(Some(hook));
        let ended = tokio::select! {
            biased;
            () = arrived.notified() => None,
            ended = run => Some(ended),
        };
        self.portal.clear_faults();
        ended
    }
}

/// EventBridge delivers an event twice, and both invocations run at the same time.
#[tokio::test]
async fn the_second_of_two_runs_is_skipped() {
    let venue = LeasedVenue::new(false).await;
    let ids = venue.portal.add_contacts(1..6);
    let (first, second) = (venue.new_process(), venue.new_process());
    let event = json!({});
    let mut running = pin!(venue.run_in(&first, &event));
    assert!(venue.freeze_at(3, &mut running).await.is_none(), "it is in progress");
    let skipped = venue.run_in(&second, &event).await.expect("it is no failure");
    let why = skipped["skipped"].as_str().expect("it says so");
    assert!(why.starts_with("another run is in progress") && why.contains("ends at 20"), "{why}");
    let line = venue.portal.logged.lock().expect("no panic").last().cloned().expect("a line");
    assert_eq!((&line["event"], &line["level"]), (&json!("skipped"), &json!("info")));
    let dry = venue.run_in(&second, &json!({ "dry_run": true })).await.expect("a dry run needs no lease");
    assert_eq!(dry["searched"], 5);
    let ended = running.await.expect("it goes on");
    assert_eq!(ended["synced"], 5);
    assert_eq!(venue.portal.contacts_of_leads(), ids);
    assert_eq!(venue.lease_streams().await, [""; 0], "it is given back");
    venue.portal.advance_past_lag();
    assert_eq!(venue.run_in(&second, &event).await.expect("it is free")["searched"], 0);
}

/// At the same moment, in every combination that the scheduler makes of them.
#[tokio::test]
async fn several_runs_at_once_send_each_contact_once() {
    for _ in 0..5 {
        let venue = LeasedVenue::new(false).await;
        let ids = venue.portal.add_contacts(1..4);
        let processes: Vec<Handler> = (0..4).map(|_| venue.new_process()).collect();
        let event = json!({});
        let runs = futures_util::future::join_all(processes.iter().map(|process| venue.run_in(process, &event))).await;
        let ran: Vec<Value> = runs.into_iter().map(|run| run.expect("no failure")).collect();
        assert!(ran.iter().filter(|run| run.get("skipped").is_none()).count() <= 1, "{ran:?}");
        venue.portal.advance_past_lag();
        venue.run_once().await.expect("it is free");
        assert_eq!(venue.portal.contacts_of_leads(), ids);
    }
}

/// A run that stands still at any request for longer than its lease, while another one takes over, writes nothing anymore.
async fn take_over_at_every_request(oauth: bool) {
    for nth in 1.. {
        let venue = LeasedVenue::new(oauth).await;
        let ids = venue.portal.add_contacts(1..4);
        let frozen = venue.new_process();
        let event = json!({});
        let mut running = pin!(venue.run_in(&frozen, &event));
        if let Some(ended) = venue.freeze_at(nth, &mut running).await {
            ended.expect("it succeeds");
            assert!(nth > 6, "a run makes more requests");
            return;
        }
        let until = venue.run_once().await.expect("it is skipped");
        assert!(until.get("skipped").is_some(), "{until}");
        // Past the deadline, the margin and the end of the slot.
        venue.ahead.store(600, Ordering::SeqCst);
        venue.portal.advance_past_lag();
        let taken_over = venue.run_once().await.expect("the lease has ended");
        assert_eq!(taken_over.get("skipped"), None, "frozen at request {nth}");
        let writes = venue.count_writes();
        let ended = running.await;
        assert_eq!(venue.count_writes(), writes, "frozen at request {nth}: nothing is written afterwards");
        if let Err(error) = &ended {
            assert_eq!(error, &RunError::LeaseEnded, "frozen at request {nth}");
        }
        for _ in 0..2 {
            venue.portal.advance_past_lag();
            venue.run_in(&frozen, &event).await.expect("the process goes on with its next run");
        }
        let leads = venue.portal.contacts_of_leads();
        let mut once = leads.clone();
        once.dedup();
        assert_eq!(leads, once, "frozen at request {nth}: each contact is a lead at most once");
        for id in ids {
            let (flag, status, ..) = venue.portal.ledger_values(id);
            assert!(!flag, "frozen at request {nth}");
            match status.as_str() {
                "synced" => assert!(leads.contains(&id), "frozen at request {nth}"),
                "needs_review" => assert!(!oauth, "frozen at request {nth}"),
                other => panic!("contact {id} has status {other:?}, frozen at request {nth}"),
            }
        }
    }
}

#[tokio::test]
async fn a_run_that_outlives_its_lease_writes_nothing_with_lookups() {
    take_over_at_every_request(true).await;
}

#[tokio::test]
async fn a_run_that_outlives_its_lease_writes_nothing_without_lookups() {
    take_over_at_every_request(false).await;
}

#[tokio::test]
async fn a_lease_costs_two_calls_for_each_slot() {
    let venue = LeasedVenue::new(false).await;
    let process = venue.new_process();
    let run = async || {
        venue.run_in(&process, &json!({})).await.expect("it runs");
        venue.take_log_calls()
    };
    let count = |calls: &[String], operation: &str| calls.iter().filter(|call| *call == operation).count();
    let first = run().await;
    assert_eq!(count(&first, "DescribeLogStreams"), 1, "the first run of a process looks for what others left");
    let next = run().await;
    let created = count(&next, "CreateLogStream");
    assert!((1..=2).contains(&created), "{next:?}");
    assert_eq!((count(&next, "DeleteLogStream"), next.len()), (created, 2 * created));
}

#[tokio::test]
async fn what_a_broken_off_run_left_ends_by_itself_and_is_removed() {
    let venue = LeasedVenue::new(true).await;
    let ids = venue.portal.add_contacts(1..3);
    {
        let process = venue.new_process();
        let event = json!({});
        let mut running = Box::pin(venue.run_in(&process, &event));
        assert!(venue.freeze_at(5, &mut running).await.is_none());
    }
    let left = venue.lease_streams().await;
    assert!(!left.is_empty());
    assert!(venue.run_once().await.expect("it is skipped").get("skipped").is_some());
    venue.ahead.store(900, Ordering::SeqCst);
    venue.portal.advance_past_lag();
    venue.run_once().await.expect("it runs");
    assert_eq!(venue.lease_streams().await, [""; 0], "{left:?}");
    assert_eq!(venue.portal.contacts_of_leads(), ids);
}

#[tokio::test]
async fn a_lease_that_cant_be_had_is_an_error_with_advice() {
    let mut venue = LeasedVenue::new(false).await;
    venue.portal.add_contacts(1..3);
    venue.portal.variables.insert("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/other".to_owned());
    let error = venue.run_once().await.expect_err("there is no such group").to_string();
    assert!(error.contains("CloudWatch Logs") && error.contains("`deployer apply` creates it"), "{error}");
    assert_eq!(venue.count_writes(), 0);
}

/// The real bootstrap, invoked twice at the same moment through Lambda, which reserves nothing for it.
#[tokio::test]
async fn two_invocations_of_a_deployed_function_send_each_contact_once() {
    let (cloud, _directory, _) = start_cloud().await;
    let portal = SyncTestPortal::new(true).await;
    let ids = portal.add_contacts(1..6);
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    let world = World::with_artifact(aws, build_bootstrap().await, &secret_value(TOKEN)).await;
    let manifest = portal_manifest(&portal).replace("memory_mb = 256", "reserved_concurrency = \"off\"");
    world.converge(&world.desired_from(&manifest)).await;
    let (first, second) = tokio::join!(invoke_function(&world.aws), invoke_function(&world.aws));
    let ran = [&first, &second].into_iter().filter(|run| run.get("skipped").is_none()).count();
    assert!(ran >= 1, "{first} {second}");
    assert_eq!(portal.contacts_of_leads(), ids);
    portal.advance_past_lag();
    assert_eq!(invoke_function(&world.aws).await["searched"], 0);
}
