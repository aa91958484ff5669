//! A process that dies at any request loses nothing: the next run goes on, and everything comes back as it was.
//!
//! A kill is a run whose future is dropped at its n-th request, before that is sent or after it took effect: what was in
//! memory is gone, and what is on the disk and in the account stays. On the embedded cloud, with all kinds; on moto, with
//! those that it has completely.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target as ScheduleTarget};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::scope::Scope;
use deployer_janitor::audit::{Audit, AuditInventory, Edge, EdgeKind, Node, NodeKind};
use deployer_janitor::decommission::archive::Archive;
use deployer_janitor::decommission::carry_out::carry_out;
use deployer_janitor::decommission::check::{DecommissionTerms, check_candidates};
use deployer_janitor::decommission::parts::{ResourceParts, find_differences};
use deployer_janitor::decommission::plan::{DecommissionPlan, PendingResources};
use deployer_janitor::decommission::proof::prove_restore;
use deployer_janitor::decommission::reread::AccountRecheck;
use deployer_janitor::decommission::restore::{RestorePlan, carry_out_restore};
use deployer_janitor::decommission::select::DecommissionRequest;
use deployer_janitor::decommission::{DecommissionContext, DecommissionTarget};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{LegacyCloud, TRUST, audit_of, dead_inventory, recheck, stale_node};
use crate::sdk::GeneratedClients as _;
use crate::servers;

/// When a run dies.
#[derive(Debug, Clone, Default)]
struct Killer {
    /// The requests until then; the run goes on for ever after a negative count.
    left: Arc<AtomicI64>,
    after_effect: Arc<AtomicBool>,
    died: Arc<Notify>,
}

impl Killer {
    fn wrap(&self, inner: SharedHttpClient) -> SharedHttpClient {
        let killer = self.clone();
        http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
            let inner = inner.http_connector(settings, components);
            SharedHttpConnector::new(KillingConnector { inner, killer: killer.clone() })
        })
    }

    /// Runs until the end, or until the run dies at its `number`-th request. Returns nothing then.
    async fn run_until<T>(&self, number: i64, after_effect: bool, run: impl Future<Output = T>) -> Option<T> {
        self.after_effect.store(after_effect, Ordering::SeqCst);
        self.left.store(number, Ordering::SeqCst);
        let ended = tokio::select! {
            biased;
            () = self.died.notified() => None,
            value = run => Some(value),
        };
        self.left.store(0, Ordering::SeqCst);
        ended
    }

    /// Runs to the end, and counts the requests.
    async fn count_requests<T>(&self, run: impl Future<Output = T>) -> (T, i64) {
        const MANY: i64 = 1 << 40;
        self.left.store(MANY, Ordering::SeqCst);
        let value = run.await;
        (value, MANY - self.left.swap(0, Ordering::SeqCst))
    }
}

#[derive(Debug)]
struct KillingConnector {
    inner: SharedHttpConnector,
    killer: Killer,
}

impl HttpConnector for KillingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.killer.left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return self.inner.call(request);
        }
        let died = self.killer.died.clone();
        let sent = self.killer.after_effect.load(Ordering::SeqCst).then(|| self.inner.call(request));
        HttpConnectorFuture::new(async move {
            if let Some(sent) = sent {
                let _ = sent.await;
            }
            died.notify_one();
            std::future::pending().await
        })
    }
}

/// An account with leftovers, whose requests can kill a run.
struct KillSite {
    aws: Aws,
    scope: Scope,
    directory: tempfile::TempDir,
    nodes: Vec<Node>,
    audit: Audit,
    stand_in: Option<AuditInventory>,
    killer: Killer,
    _legacy: Option<LegacyCloud>,
}

/// What the rounds did.
#[derive(Debug, Default)]
struct Tally {
    rounds: u32,
    kills: u32,
    lost: Vec<String>,
}

impl KillSite {
    async fn embedded() -> Self {
        let killer = Killer::default();
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let aws = Aws::for_local("us-east-1", killer.wrap(cloud.http_client()), None);
        let legacy = Box::pin(LegacyCloud::in_cloud(cloud, aws.clone())).await;
        Self {
            aws,
            scope: legacy.scope.clone(),
            directory: tempfile::tempdir().expect("a directory"),
            nodes: legacy.nodes.clone(),
            audit: Box::pin(legacy.read_audit()).await,
            stand_in: None,
            killer,
            _legacy: Some(legacy),
        }
    }

    fn context(&self) -> DecommissionContext<'_> {
        DecommissionContext { aws: &self.aws, scope: &self.scope, delays: false }
    }

    fn archive(&self) -> std::path::PathBuf {
        self.directory.path().join("archive")
    }

    async fn read_parts(&self, node: &Node, now: Option<&str>) -> Option<ResourceParts> {
        let target = DecommissionTarget::from_node(node).expect("it can be archived");
        let target = DecommissionTarget { id: now.unwrap_or(&node.id).to_owned(), ..target };
        let read = target.kind.read_parts(&self.context(), &target).await;
        read.unwrap_or_else(|error| panic!("{}: {error}", node.id))
    }

    /// One run of the command, as a new process would make it.
    async fn decommission(&self) -> Option<String> {
        let cx = self.context();
        let mut archive = Archive::open_or_create(&self.archive(), &self.scope, Timestamp::now())
            .unwrap_or_else(|error| panic!("{error}"));
        let pending = PendingResources::judge_archive(&cx, &archive, Timestamp::now()).await;
        let request =
            DecommissionRequest { ids: self.nodes.iter().map(|node| node.id.clone()).collect(), stale: false };
        let terms = DecommissionTerms { with_logs: true, accept_loss: false };
        let (checked, refusals) = check_candidates(&cx, &self.audit, &request, terms, &pending).await;
        assert_eq!(refusals, [], "nothing is refused");
        let mut plan = DecommissionPlan::from_checked(checked, refusals, None);
        plan.add_pending(&cx, pending).await;
        let recheck = AccountRecheck { stand_in: self.stand_in.as_ref(), ..recheck(Some(&self.audit)) };
        match carry_out(&cx, &plan, &mut archive, &recheck, &|_| {}).await {
            Ok(outcome) => outcome.failed.map(|(id, why)| format!("{id}: {why}")),
            Err(error) => Some(format!("{error:?}")),
        }
    }

    /// One run of `restore`: what failed, and the current id of each resource.
    async fn restore(&self) -> (Option<String>, BTreeMap<String, String>) {
        let cx = self.context();
        let mut archive =
            Archive::open_verified(&self.archive(), &self.scope).unwrap_or_else(|error| panic!("{error}"));
        let plan = RestorePlan::new(&cx, &archive, &[]).await.unwrap_or_else(|error| panic!("{error}"));
        let (outcome, comparisons) = carry_out_restore(&cx, &plan, &mut archive, &|_| {}).await;
        let differing = comparisons.iter().find(|comparison| !comparison.differences.is_empty());
        let differing = differing.map(|comparison| format!("{comparison:?}"));
        let now = comparisons.into_iter().map(|comparison| (comparison.id, comparison.now)).collect();
        (outcome.failed.map(|(id, why)| format!("{id}: {why}")).or(differing), now)
    }

    /// Everything that is gone is in the archive, whole.
    async fn check_archived(&self) -> Vec<String> {
        let mut lost = Vec::new();
        for node in &self.nodes {
            if self.read_parts(node, None).await.is_some() {
                continue;
            }
            let archive = Archive::open_verified(&self.archive(), &self.scope);
            let archive = archive.unwrap_or_else(|error| panic!("{error}"));
            let entry = archive.find_entry(&node.id);
            let target = DecommissionTarget::from_node(node).expect("it can be archived");
            let whole = entry.is_some_and(|entry| {
                let parts = archive.read_parts(entry).expect("its files");
                prove_restore(&target, &parts, Timestamp::now()).gaps.is_empty()
            });
            if !whole {
                lost.push(format!("{} is deleted and not archived", node.id));
            }
        }
        lost
    }

    /// A decommission that dies at a request, the rest of it, a restore that dies at a request, and the rest of that.
    async fn run_round(&self, decommission: (i64, bool), restore: (i64, bool), tally: &mut Tally) {
        let mut before = BTreeMap::new();
        for node in &self.nodes {
            before.insert(node.id.clone(), self.read_parts(node, None).await.expect("it exists"));
        }
        let round = format!("decommission dies at {decommission:?}, restore at {restore:?}");
        let ended = self.killer.run_until(decommission.0, decommission.1, Box::pin(self.decommission())).await;
        tally.kills += u32::from(ended.is_none());
        tally.lost.extend(self.check_archived().await);
        assert_eq!(Box::pin(self.decommission()).await, None, "{round}");
        for node in &self.nodes {
            assert!(self.read_parts(node, None).await.is_none(), "{round}: {} still exists", node.id);
        }
        let ended = self.killer.run_until(restore.0, restore.1, Box::pin(self.restore())).await;
        tally.kills += u32::from(ended.is_none());
        let (failed, now) = Box::pin(self.restore()).await;
        assert_eq!(failed, None, "{round}");
        for node in &self.nodes {
            let Some(found) = self.read_parts(node, now.get(&node.id).map(String::as_str)).await else {
                tally.lost.push(format!("{round}: {}", node.id));
                continue;
            };
            let kind = DecommissionTarget::from_node(node).expect("it can be archived").kind;
            // The restore reports which ids are new; its own comparison has renamed them.
            let renamed = ["policies.json", "resources.json"];
            let differing = find_differences(&before[&node.id], &found, &kind.uncompared_attributes());
            let differing = differing.into_iter().filter(|one| !renamed.iter().any(|part| one.path.starts_with(part)));
            tally.lost.extend(differing.map(|one| format!("{round}: {} {one:?}", node.id)));
        }
        tally.rounds += 1;
    }
}

/// How many requests a whole decommission and a whole restore make.
async fn count_requests(site: &KillSite) -> (i64, i64) {
    let (failed, deleting) = site.killer.count_requests(Box::pin(site.decommission())).await;
    assert_eq!(failed, None);
    let ((failed, _), restoring) = site.killer.count_requests(Box::pin(site.restore())).await;
    assert_eq!(failed, None);
    (deleting, restoring)
}

/// Numbers that are the same in each run of the tests, and spread over the requests.
fn spread_numbers(count: u32, last: i64) -> Vec<i64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + i64::try_from((state >> 33) % u64::try_from(last).expect("it is positive")).expect("it is small")
    };
    (0..count).map(next).collect()
}

async fn run_rounds(name: &str, numbers: impl Fn(i64) -> Vec<i64>, open: impl AsyncFn() -> KillSite) {
    let (deleting, restoring) = Box::pin(count_requests(&Box::pin(open()).await)).await;
    let mut tally = Tally::default();
    let (deletions, restores) = (numbers(deleting), numbers(restoring));
    for at in 0..deletions.len().max(restores.len()) {
        let (deletion, restore) = (deletions[at % deletions.len()], restores[at % restores.len()]);
        let after = at % 2 == 0;
        let site = Box::pin(open()).await;
        Box::pin(site.run_round((deletion, after), (restore, !after), &mut tally)).await;
    }
    let Tally { rounds, kills, lost } = &tally;
    println!("{name}: {rounds} rounds, {kills} kills, lost {}", lost.len());
    assert_eq!(*lost, Vec::<String>::new());
    assert!(*kills > *rounds, "{tally:?}");
}

#[tokio::test]
async fn a_killed_run_loses_nothing_on_the_embedded_cloud() {
    run_rounds("embedded", |last| spread_numbers(5, last), KillSite::embedded).await;
}

/// Each request of both commands, before and after its effect.
#[tokio::test]
#[ignore = "takes minutes: cargo test --test suite -- --ignored --nocapture kill_loop"]
async fn a_run_killed_at_each_request_loses_nothing_on_the_embedded_cloud() {
    let each = |last: i64| (1..=last).flat_map(|number| [number, number]).collect();
    run_rounds("embedded, each request", each, KillSite::embedded).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn a_killed_run_loses_nothing_on_moto() {
    run_rounds("moto", |last| spread_numbers(4, last), open_moto).await;
}

#[tokio::test]
#[ignore = "takes minutes: cargo test --test suite -- --ignored --nocapture kill_loop"]
async fn a_run_killed_at_each_request_loses_nothing_on_moto() {
    let each = |last: i64| (1..=last).flat_map(|number| [number, number]).collect();
    run_rounds("moto, each request", each, open_moto).await;
}

/// An account on moto with one resource of each kind that moto has completely. It lacks most services that an audit
/// reads, so the account is taken to be one in which everything was read.
async fn open_moto() -> KillSite {
    let killer = Killer::default();
    let wrapped = killer.clone();
    let aws = servers::start_moto().await.open_through(&servers::new_account(), |client| wrapped.wrap(client)).aws;
    let identity = aws.sts.get_caller_identity().send().await.expect("an account");
    let account = identity.account().expect("an account").to_owned();
    let scope = Scope::new(account.clone(), "us-east-1");
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:{account}:{rest}");
    let role = format!("arn:aws:iam::{account}:role/old/r");
    let sdk = aws.sdk();

    aws.iam.create_role().role_name("r").path("/old/").assume_role_policy_document(TRUST).send().await.expect("a role");
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    aws.iam.put_role_policy().role_name("r").policy_name("p").policy_document(policy).send().await.expect("a policy");
    sdk.sqs.create_queue().queue_name("q").tags("a", "b").send().await.expect("a queue");
    sdk.sns.create_topic().name("t").attributes("DisplayName", "Old").send().await.expect("a topic");
    let subscription = sdk.sns.subscribe().topic_arn(arn("sns", "t")).protocol("sqs").endpoint(arn("sqs", "q"));
    subscription.attributes("RawMessageDelivery", "true").send().await.expect("a subscription");
    aws.events
        .put_rule()
        .name("n")
        .schedule_expression("rate(1 day)")
        .state("DISABLED".into())
        .send()
        .await
        .expect("a rule");
    let target = aws_sdk_eventbridge::types::Target::builder().id("1").arn(arn("sqs", "q")).build();
    aws.events.put_targets().rule("n").targets(target.expect("a target")).send().await.expect("a target");
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("a window");
    let target = ScheduleTarget::builder().arn(arn("sqs", "q")).role_arn(&role).input("{}").build();
    let schedule = sdk.scheduler.create_schedule().name("s").schedule_expression("rate(5 minutes)");
    let schedule = schedule.flexible_time_window(window).target(target.expect("a target"));
    schedule.send().await.expect("a schedule");
    sdk.logs.create_log_group().log_group_name("/old/g").tags("a", "b").send().await.expect("a log group");
    sdk.logs.put_retention_policy().log_group_name("/old/g").retention_in_days(14).send().await.expect("a retention");
    let alarm = sdk.cloudwatch.put_metric_alarm().alarm_name("a").namespace("AWS/SQS").metric_name("Sent");
    let alarm = alarm.statistic("Sum".into()).period(60).evaluation_periods(3).threshold(0.5);
    alarm.comparison_operator("LessThanThreshold".into()).send().await.expect("an alarm");

    let nodes: Vec<Node> = [
        (NodeKind::Role, role.clone(), "r"),
        (NodeKind::Queue, arn("sqs", "q"), "q"),
        (NodeKind::Topic, arn("sns", "t"), "t"),
        (NodeKind::Rule, arn("events", "rule/n"), "n"),
        (NodeKind::Schedule, arn("scheduler", "schedule/default/s"), "s"),
        (NodeKind::LogGroup, arn("logs", "log-group:/old/g"), "/old/g"),
        (NodeKind::Alarm, arn("cloudwatch", "alarm:a"), "a"),
    ]
    .into_iter()
    .map(|(kind, id, name)| stale_node(kind, &id, name))
    .collect();
    let watches = Edge {
        from: arn("cloudwatch", "alarm:a"),
        to: arn("sqs", "q"),
        kind: EdgeKind::Watch,
        enabled: true,
        note: None,
    };
    let audit = audit_of(&scope, &nodes, std::slice::from_ref(&watches));
    let stand_in = dead_inventory(&scope, &nodes, std::slice::from_ref(&watches));
    let directory = tempfile::tempdir().expect("a directory");
    KillSite { aws, scope, directory, nodes, audit, stand_in: Some(stand_in), killer, _legacy: None }
}

#[test]
fn spreads_its_numbers_over_all_requests() {
    let numbers = spread_numbers(100, 40);
    assert!(numbers.iter().all(|number| (1..=40).contains(number)), "{numbers:?}");
    assert!((1..=40).filter(|number| numbers.contains(number)).count() > 20, "{numbers:?}");
}
