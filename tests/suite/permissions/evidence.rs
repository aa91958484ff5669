//! Runs that make every call of every command.

use std::sync::Arc;

use deployer_aws::Aws;
use deployer_cloud::{ApiError, AuthorizedCall, CloudCall, CloudFault, InjectedFault, RequestedAction};
use deployer_core::permissions::PolicyCommand::{self, Apply, Audit, Decommission, Restore};
use deployer_janitor::audit::NodeKind;
use deployer_janitor::decommission::restore::{RestorePlan, carry_out_restore};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;

use crate::adopt::{ADOPT, handmade_site};
use crate::audit::labeled::read_with_authorizations;
use crate::connect::ConsentSite;
use crate::decommission::{LegacyCloud, stale_node};
use crate::drift_members::cases::drift_cases;
use crate::drift_members::converged_world;
use crate::processes::Site;
use crate::sdk::GeneratedClients as _;
use crate::versions::{deployed_site, set_memory};
use crate::world::two_venue_manifest;

/// Needs of commands whose policies are looked at together.
type Evidence = Vec<(Vec<PolicyCommand>, RequestedAction)>;

/// Everything.
pub fn collect_all() -> Evidence {
    let runtime = Runtime::new().expect("the runtime starts");
    let mut all = Evidence::new();
    let of = |commands: &[PolicyCommand], calls: Vec<AuthorizedCall>| {
        let needs = calls.into_iter().flat_map(|call| call.needs);
        needs.map(|need| (commands.to_vec(), need)).collect::<Evidence>()
    };
    all.extend(of(&[Apply], runtime.block_on(undo_drifts())));
    all.extend(of(&[Audit], runtime.block_on(read_with_authorizations())));
    all.extend(of(&[Decommission, Restore], runtime.block_on(delete_and_restore())));
    for site in [live_and_die(), replace_handmade(), roll_back(), read_without_lists(), look_around(), connect()] {
        let needs = site.take_permissions().into_iter();
        // These two are looked at together, with other evidence.
        let needs = needs.filter(|(command, _)| ![Decommission, Restore].contains(command));
        all.extend(needs.map(|(command, need)| (vec![command], need)));
    }
    all
}

/// An apply after each thing that somebody can change behind our back.
async fn undo_drifts() -> Vec<AuthorizedCall> {
    let mut calls = Vec::new();
    for case in drift_cases() {
        let (cloud, world) = converged_world().await;
        let desired = world.desired_from(&two_venue_manifest("sync"));
        (case.change)(&world.aws, &cloud).await;
        cloud.keep_authorizations();
        let plan = world.plan(&desired).await;
        world.execute_plan(&plan).await;
        calls.extend(cloud.take_authorizations());
    }
    calls
}

fn run_all(site: &Site, commands: &[&[&str]]) {
    for args in commands {
        let (code, text) = site.run_deployer(args);
        assert!(code == 0 || code == 3, "{args:?}: {code} {text}");
    }
}

const APPLY: &[&str] = &["apply", "--yes", "--artifact", "bootstrap", "--max-delete", "9"];
const PLAN: &[&str] = &["plan", "--artifact", "bootstrap"];

/// Creates everything, finds it unchanged, changes it, prunes a part, restores it, and deletes everything.
fn live_and_die() -> Site {
    let site = Site::new();
    let whole = two_venue_manifest("sync");
    let changed = whole.replace("status = \"paused\"", "memory_mb = 256\nlog_retention_days = 7");
    let leased = whole.replace("status = \"paused\"", "reserved_concurrency = \"off\"");
    let without_b = &whole[..whole.find("[venues.b]").expect("the manifest declares b")];
    for manifest in [&whole, &whole, &changed, &leased, without_b, &whole] {
        site.write_file("venues.toml", manifest);
        run_all(&site, &[APPLY]);
    }
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    site.run_apply();
    // A role is ours by its path, even without its tags.
    change_cloud(&site, untag_roles);
    site.write_file("venues.toml", without_b);
    run_all(&site, &[APPLY]);
    change_cloud(&site, untag_roles);
    run_all(&site, &[PLAN, &["destroy", "--yes"]]);
    site
}

async fn untag_roles(aws: Aws) {
    for role in ["sync-a-role", "sync-b-role"] {
        let attach = aws.iam.attach_role_policy().role_name(role);
        // One of them may be gone.
        let _ = attach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await;
        let _ = aws.iam.untag_role().role_name(role).tag_keys("deployer:deployment").send().await;
    }
}

/// A venue that was made by hand is adopted, applied and destroyed.
fn replace_handmade() -> Site {
    let site = handmade_site();
    let attach = async |aws: Aws| {
        let role = aws.iam.attach_role_policy().role_name("sync-a-role");
        role.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.expect("attached");
        let inline = aws.iam.put_role_policy().role_name("sync-a-role").policy_name("own");
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
        inline.policy_document(document).send().await.expect("put");
    };
    change_cloud(&site, attach);
    run_all(&site, &[&ADOPT, APPLY, &["destroy", "--yes"]]);
    let second = handmade_site();
    change_cloud(&second, attach);
    run_all(&second, &[&ADOPT, &["destroy", "--yes"]]);
    // Its needs are checked at its end, and count here.
    site.keep_permissions(second.take_permissions());
    site
}

fn roll_back() -> Site {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    set_memory(&site, 512);
    run_all(&site, &[&["rollback", "a", "--yes"], &["rollback", "a", "--unpin", "--yes"]]);
    site
}

/// What is read one by one where lists are denied or lag.
fn read_without_lists() -> Site {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    let readers: &[&[&str]] = &[
        PLAN,
        APPLY,
        &["verify", "--isolation"],
        &["rollback", "a", "--yes"],
        &["rollback", "a", "--unpin", "--yes"],
        &ADOPT,
    ];
    deny(&site, &["GetAccountAuthorizationDetails", "GetResources"]);
    run_all(&site, readers);
    site.cloud.set_faults(None);
    let late = Site::new();
    late.cloud.hold_back(&["ListSecrets", "ListFunctions", "ListRules", "DescribeLogGroups"]).expect("the state");
    run_all(&late, &[APPLY]);
    run_all(&late, &[PLAN, APPLY, &["verify", "--isolation"], &ADOPT]);
    late.run_deployer(&["rollback", "a", "--yes"]);
    late.run_deployer(&["destroy", "--yes"]);
    site.keep_permissions(late.take_permissions());
    deny(&site, &["GetAccountAuthorizationDetails", "GetResources"]);
    run_all(&site, &[&["destroy", "--yes"]]);
    site
}

/// The commands that change little or nothing.
fn look_around() -> Site {
    let (site, _) = deployed_site();
    change_cloud(&site, async |aws| {
        let attach = aws.iam.attach_role_policy().role_name("sync-a-role");
        attach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.expect("attached");
    });
    for args in [
        &["status"][..],
        &["report"],
        &["logs", "a"],
        &["invoke", "a"],
        &["secret", "push", "--yes"],
        &["secret", "status", "--compare"],
        &["doctor"],
        &["verify", "--isolation"],
    ] {
        site.run_deployer(args);
    }
    // A lock that somebody left behind.
    change_cloud(&site, async |aws| {
        let group = aws.sdk().logs.create_log_group().log_group_name("/deployer/sync/lock/1");
        group.send().await.expect("created");
    });
    run_all(&site, &[&["unlock", "--yes"]]);
    site
}

fn connect() -> Site {
    let sandbox = ConsentSite::new();
    let (code, text) = sandbox.connect();
    assert_eq!(code, 0, "{text}");
    let site = Site::new();
    site.keep_permissions(sandbox.site.take_permissions());
    site
}

/// Quarantines everything and ends that, deletes everything, and restores it.
async fn delete_and_restore() -> Vec<AuthorizedCall> {
    let mut legacy = LegacyCloud::new().await;
    add_more(&mut legacy).await;
    legacy.cloud.keep_authorizations();
    let mut archive = legacy.open_archive();
    let until = Timestamp::now() + SignedDuration::from_hours(24 * 14);
    let plan = legacy.plan_everything(&legacy.stale_audit(), Some(until)).await;
    assert_eq!(plan.refusals, []);
    assert_eq!(legacy.carry_out_plan(&plan, &mut archive).await.failed, None);
    let cx = legacy.decommission_context();
    let release = RestorePlan::new(&cx, &archive, &[]).await.expect("a plan");
    assert_eq!(carry_out_restore(&cx, &release, &mut archive, &|_| {}).await.0.failed, None);
    let directory = tempfile::tempdir().expect("a directory");
    let mut archive = deployer_janitor::decommission::archive::Archive::open_or_create(
        &directory.path().join("second"),
        &legacy.scope,
        Timestamp::now(),
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    assert_eq!(plan.refusals, []);
    assert_eq!(legacy.carry_out_plan(&plan, &mut archive).await.failed, None);
    let restore = RestorePlan::new(&cx, &archive, &[]).await.expect("a plan");
    assert_eq!(carry_out_restore(&cx, &restore, &mut archive, &|_| {}).await.0.failed, None);
    legacy.cloud.take_authorizations()
}

/// What the other tests' account lacks: a schedule, a topic, and an attached policy.
async fn add_more(legacy: &mut LegacyCloud) {
    use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
    let sdk = legacy.aws.sdk();
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("a window");
    let role = "arn:aws:iam::123456789012:role/legacy/legacy-push";
    let function = "arn:aws:lambda:us-east-1:123456789012:function:legacy-push";
    let target = Target::builder().arn(function).role_arn(role).input("{}").build().expect("a target");
    let schedule = sdk.scheduler.create_schedule().name("legacy-hourly").schedule_expression("rate(1 hour)");
    schedule.flexible_time_window(window).target(target).send().await.expect("a schedule");
    let topic = sdk.sns.create_topic().name("legacy-topic").send().await.expect("a topic");
    let topic = topic.topic_arn().expect("an ARN").to_owned();
    let queue = "arn:aws:sqs:us-east-1:123456789012:contacts.fifo";
    sdk.sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(queue).send().await.expect("a subscription");
    let attach = legacy.aws.iam.attach_role_policy().role_name("legacy-push");
    attach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.expect("attached");
    let arn = |rest: &str| format!("arn:aws:scheduler:us-east-1:123456789012:{rest}");
    legacy.nodes.push(stale_node(NodeKind::Schedule, &arn("schedule/default/legacy-hourly"), "legacy-hourly"));
    legacy.nodes.push(stale_node(NodeKind::Topic, &topic, "legacy-topic"));
}

fn deny(site: &Site, operations: &'static [&'static str]) {
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let denied = || CloudFault::Error(ApiError::new(403, "AccessDenied", "it may not be read"));
        operations.contains(&call.operation.as_str()).then(|| InjectedFault::Before(denied()))
    })));
}

/// Changes something with other credentials.
fn change_cloud(site: &Site, work: impl AsyncFnOnce(Aws)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    runtime.block_on(work(Aws::for_local("us-east-1", site.cloud.http_client(), None)));
}
