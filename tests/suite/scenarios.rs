//! Scenarios of the reconciler on the embedded cloud, in process. Every request comes from the real AWS client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deployer_aws::Aws;
use deployer_cloud::{ApiError, CallKind, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use futures_util::future::join_all;

use crate::sdk::GeneratedClients as _;
use crate::world::{World, describe_actions, two_venue_manifest, venue_tables};

pub async fn new_world() -> (EmbeddedCloud, World) {
    world_with(CloudConfig::default()).await
}

async fn world_with(config: CloudConfig) -> (EmbeddedCloud, World) {
    let cloud = EmbeddedCloud::in_memory(config);
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    let world = World::new(aws).await.without_delays();
    cloud.forget_calls();
    (cloud, world)
}

#[tokio::test]
async fn a_second_apply_makes_no_write_call() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    cloud.forget_calls();
    let outcome = world.apply(&desired).await;
    assert_eq!(outcome.done, []);
    assert_eq!(cloud.recorded_writes(), [], "no write call at all");
}

/// Eleven calls for each venue; eight lists, the limit of executions and two reads of quotas before the question, and the
/// same lists and the limit under the lock, whose own calls are four.
#[tokio::test]
async fn a_first_apply_makes_eleven_calls_per_venue() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&format!("{}{}", two_venue_manifest("sync"), venue_tables("c", "")));
    assert_eq!(world.apply(&desired).await.failed, []);
    let mut calls = BTreeMap::new();
    for call in cloud.recorded_calls() {
        *calls.entry(call.to_string()).or_insert(0) += 1;
    }
    assert_eq!(calls.values().sum::<u32>(), 9 + 2 + 9 + 4 + 3 * 11, "{calls:?}");
}

/// Lambda takes 15 calls a second, so these are what the time of a first apply depends on: creating the function with its
/// first version, its alias, and its reserved concurrency, in the place of which a lease needs none.
#[tokio::test]
async fn a_new_venue_takes_three_calls_to_lambda_and_two_with_a_lease() {
    for (setting, expected) in [
        ("", vec!["CreateAlias", "CreateFunction", "PutFunctionConcurrency"]),
        ("reserved_concurrency = \"off\"\n", vec!["CreateAlias", "CreateFunction"]),
    ] {
        let (cloud, world) = new_world().await;
        let manifest =
            format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{}", venue_tables("a", setting));
        assert_eq!(world.apply(&world.desired_from(&manifest)).await.failed, []);
        let writes = cloud.recorded_writes();
        let mut lambda: Vec<&str> =
            writes.iter().filter(|call| call.service == "lambda").map(|call| call.operation.as_str()).collect();
        lambda.sort_unstable();
        assert_eq!(lambda, expected, "{setting}");
    }
}

/// The calls of a plan that reads everything, as docs/decisions/aws-calls.md has them: the lists with their calls for 3 and
/// for 100 venues, as pages of them have 50 or 100 entries.
const LISTS: [(&str, usize, usize); 8] = [
    ("events:ListRules", 1, 1),
    ("iam:GetAccountAuthorizationDetails", 1, 1),
    ("iam:ListRoles", 1, 1),
    ("lambda:ListFunctions", 1, 2),
    ("logs:DescribeLogGroups", 1, 2),
    ("monitoring:DescribeAlarms", 1, 1),
    ("secretsmanager:ListSecrets", 1, 1),
    ("tagging:GetResources", 1, 2),
];
/// What is read for each venue.
const READS_OF_A_VENUE: [(&str, usize); 8] = [
    ("events:ListTargetsByRule", 1),
    ("lambda:GetAlias", 1),
    ("lambda:GetFunction", 2),
    ("lambda:GetFunctionEventInvokeConfig", 1),
    ("lambda:GetPolicy", 3),
    ("lambda:ListFunctionUrlConfigs", 1),
    ("logs:DescribeSubscriptionFilters", 1),
    ("secretsmanager:GetResourcePolicy", 1),
];

/// `sts:GetCallerIdentity` comes before.
#[tokio::test]
async fn a_full_plan_makes_eleven_calls_per_venue_and_a_fast_one_only_lists() {
    for venues in [3, 100] {
        let (cloud, world) = new_world().await;
        let tables: String = (0..venues).map(|venue| venue_tables(&format!("v{venue}"), "")).collect();
        let desired = world.desired_from(&format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}"));
        world.converge(&desired).await;
        cloud.forget_calls();
        assert_eq!(world.plan(&desired).await.changes, []);
        let count_calls = || {
            let mut calls = BTreeMap::new();
            for call in cloud.recorded_calls() {
                *calls.entry(format!("{}:{}", call.service, call.operation)).or_insert(0) += 1;
            }
            calls
        };
        let of_lists =
            |(call, few, many): (&str, usize, usize)| (call.to_owned(), if venues == 3 { few } else { many });
        let of_venues = READS_OF_A_VENUE.map(|(call, reads)| (call.to_owned(), reads * venues));
        let expected: BTreeMap<String, usize> = LISTS.map(of_lists).into_iter().chain(of_venues).collect();
        assert_eq!(count_calls(), expected, "{venues} venues");

        cloud.forget_calls();
        deployer_aws::observe::observe_lists(
            &world.aws,
            &world.scope,
            &desired.role_place(),
            &desired.deployed_venues(),
            &deployer_aws::observe::DeclaredShared::of_desired(&desired),
        )
        .await;
        let few = count_calls();
        assert!(few.values().sum::<usize>() <= 6 + venues / 50, "{few:?}");
    }
}

#[tokio::test]
async fn reads_every_page_of_a_list() {
    let (_cloud, world) = world_with(CloudConfig { page_size: Some(1), ..CloudConfig::default() }).await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
}

#[tokio::test]
async fn waits_for_functions_to_settle() {
    let (_cloud, world) = world_with(CloudConfig { lambda_settles_after_reads: 2, ..CloudConfig::default() }).await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    let larger =
        two_venue_manifest("sync").replace("display_name = \"Venue a\"", "display_name = \"Venue a\"\nmemory_mb = 512");
    world.converge(&world.desired_from(&larger)).await;
}

#[tokio::test]
async fn an_edit_and_its_reversal_change_only_what_they_should() {
    let (_cloud, world) = new_world().await;
    let before = two_venue_manifest("sync");
    world.converge(&world.desired_from(&before)).await;
    for (edit, changes) in [
        ("memory_mb = 512", &["a/function Update", "a/alias Update"] as &[&str]),
        ("timeout = \"1m\"", &["a/function Update", "a/alias Update"]),
        ("log_retention_days = 90", &["a/log-group Update"]),
        ("schedule = \"rate(1 hour)\"", &["a/rule Update"]),
        ("status = \"paused\"", &["a/rule Update"]),
        ("architecture = \"arm64\"", &["a/function Update", "a/alias Update"]),
        ("on_ambiguous = \"resend\"", &["a/function Update", "a/alias Update"]),
    ] {
        let name = "display_name = \"Venue a\"";
        let after = world.desired_from(&before.replace(name, &format!("{name}\n{edit}")));
        assert_eq!(describe_actions(&world.plan(&after).await), changes, "{edit}");
        world.converge(&after).await;
        assert_eq!(describe_actions(&world.plan(&world.desired_from(&before)).await), changes, "{edit}, back");
        world.converge(&world.desired_from(&before)).await;
    }
}

#[tokio::test]
async fn prunes_a_removed_venue_and_restores_its_secret_when_it_returns() {
    let (_cloud, world) = new_world().await;
    let both = two_venue_manifest("sync");
    let only_a = &both[..both.find("[venues.b]").expect("the manifest has b")];
    world.converge(&world.desired_from(&both)).await;
    let arn = || async {
        let answer = world.aws.secrets.describe_secret().secret_id("sync/b").send().await.expect("it exists");
        (answer.arn().map(ToOwned::to_owned), answer.deleted_date().is_some())
    };
    let (before, _) = arn().await;
    world.converge(&world.desired_from(only_a)).await;
    assert!(arn().await.1, "the secret can be restored for a while");
    let plan = world.plan(&world.desired_from(&both)).await;
    assert!(describe_actions(&plan).contains(&"b/secret Restore".to_owned()), "{:?}", describe_actions(&plan));
    world.converge(&world.desired_from(&both)).await;
    assert_eq!(arn().await, (before, false), "it is the same secret");
}

#[tokio::test]
async fn destroy_deletes_only_what_is_ours() {
    let (cloud, world) = new_world().await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    world.converge(&world.desired_from(&two_venue_manifest("sync-two"))).await;
    let logs = &world.aws.sdk().logs;
    logs.create_log_group().log_group_name("/aws/lambda/sync-by-hand").send().await.expect("it is created");
    world.converge(&world.desired_nothing("sync")).await;
    assert_eq!(
        world.plan(&world.desired_from(&two_venue_manifest("sync-two"))).await.changes,
        [],
        "the other deployment is untouched"
    );
    let groups = logs.describe_log_groups().log_group_name_prefix("/aws/lambda/sync-by-hand").send().await;
    assert_eq!(
        groups.expect("the call succeeds").log_groups().len(),
        1,
        "a log group that was created by hand still exists"
    );
    assert!(cloud.recorded_writes().iter().all(|call| call.operation != "UntagResource"));
}

#[tokio::test]
async fn never_touches_a_foreign_function() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    let arn = world.scope.regional_arn("lambda", "function:sync-a");
    world
        .aws
        .lambda
        .untag_resource()
        .resource(&arn)
        .tag_keys("deployer:deployment")
        .send()
        .await
        .expect("it is untagged");
    cloud.forget_calls();
    let plan = world.plan(&desired).await;
    assert_eq!(plan.conflicts.len(), 1);
    let pruned = world.plan(&world.desired_nothing("sync")).await;
    assert!(
        !describe_actions(&pruned).iter().any(|action| action.starts_with("a/function")),
        "{:?}",
        describe_actions(&pruned)
    );
    assert_eq!(cloud.recorded_writes(), []);
}

#[tokio::test]
async fn never_touches_parts_of_a_foreign_function_or_rule() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    let (function, rule) = (
        world.scope.regional_arn("lambda", "function:sync-a"),
        world.scope.regional_arn("events", "rule/sync-a-schedule"),
    );
    let (lambda, events) = (&world.aws.lambda, &world.aws.events);
    lambda.untag_resource().resource(&function).tag_keys("deployer:deployment").send().await.expect("it is untagged");
    events.untag_resource().resource_arn(&rule).tag_keys("deployer:deployment").send().await.expect("it is untagged");
    events.remove_targets().rule("sync-a-schedule").ids("sync").send().await.expect("it is removed");
    cloud.forget_calls();
    let plan = world.plan(&desired).await;
    assert_eq!((plan.conflicts.len(), describe_actions(&plan)), (2, Vec::new()));
    world.execute_plan(&plan).await;
    assert_eq!(cloud.recorded_writes(), []);
}

fn denied_fault() -> CloudFault {
    CloudFault::Error(ApiError::new(403, "AccessDeniedException", "the process has ended"))
}

/// Applies manifests, one after the other.
async fn run_story(world: &World, manifests: &[String]) {
    for text in manifests {
        // Where the process has died, the lock can't be had either.
        drop(world.try_apply(&world.desired_from(text)).await);
    }
}

/// Creates, changes and removes resources, each in an apply.
#[tokio::test]
async fn the_next_apply_recovers_from_a_crash_at_any_call() {
    let both = two_venue_manifest("sync");
    let changed = both.replace("display_name = \"Venue a\"", "display_name = \"Venue a\"\nmemory_mb = 512");
    let only_a = &changed[..changed.find("[venues.b]").expect("the manifest has b")];
    check_crashes(&[both.clone(), only_a.to_owned()], async |_, _| ()).await;
}

/// The process dies after this many calls that write: the answer to the last one is lost, and nothing reaches the cloud from
/// then on. With 0, the first one is what doesn't reach it.
pub fn die_after_write(cloud: &EmbeddedCloud, last: u64) {
    let count = AtomicU64::new(0);
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if call.kind == CallKind::Read {
            let is_dead = count.load(Ordering::SeqCst) >= last.max(1);
            return is_dead.then(|| InjectedFault::Before(denied_fault()));
        }
        match count.fetch_add(1, Ordering::SeqCst) + 1 {
            number if number < last => None,
            number if number == last => Some(InjectedFault::After(denied_fault())),
            _ => Some(InjectedFault::Before(denied_fault())),
        }
    })));
}

/// Breaks the applies of these manifests off at every call that writes. Each time, the next applies of all of them complete
/// what was begun. `check` sees what is there after the last one.
///
/// A call that took effect before the process died and the next one that didn't leave the same cloud, and an apply keeps
/// nothing else. So each call is the last one that took effect, and only the first one is also one that didn't.
pub async fn check_crashes(manifests: &[String], check: impl AsyncFn(&EmbeddedCloud, &World)) {
    let (cloud, world) = new_world().await;
    run_story(&world, manifests).await;
    let writes = cloud.recorded_writes().len() as u64;
    assert!(writes > 30, "there are only {writes} write calls");
    let cases = (0..=writes).map(async |last| {
        let (cloud, world) = world_with(CloudConfig::default()).await;
        die_after_write(&cloud, last);
        run_story(&world, manifests).await;
        cloud.set_faults(None);
        for text in manifests {
            world.converge(&world.desired_from(text)).await;
        }
        check(&cloud, &world).await;
        world.converge(&world.desired_nothing("sync")).await;
    });
    join_all(cases).await;
}

#[tokio::test]
async fn an_apply_recovers_from_a_lost_answer_at_any_call() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.apply(&desired).await;
    let calls: Vec<u64> = cloud
        .recorded_calls()
        .into_iter()
        .filter(|call| call.kind == CallKind::Write)
        .map(|call| call.number)
        .collect();
    let cases = calls.into_iter().map(async |at| {
        let (cloud, world) = world_with(CloudConfig::default()).await;
        cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
            (call.number == at).then_some(InjectedFault::After(CloudFault::Disconnect))
        })));
        let desired = world.desired_from(&two_venue_manifest("sync"));
        let outcome = world.apply(&desired).await;
        assert_eq!(outcome.failed, [], "call {at}");
        assert_eq!(world.plan(&desired).await.changes, [], "call {at}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn a_failure_in_one_venue_does_not_affect_others() {
    let (cloud, world) = new_world().await;
    let failing = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&failing);
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let mut seen = seen.lock().expect("no panic");
        let hit = call.operation == "CreateFunction" && seen.is_empty();
        hit.then(|| {
            seen.push(call.number);
            InjectedFault::Before(denied_fault())
        })
    })));
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let outcome = world.apply(&desired).await;
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(outcome.not_started.len(), 3, "{:?}", outcome.not_started);
    assert_eq!(outcome.done.len(), 10);
    cloud.set_faults(None);
    world.converge(&desired).await;
}

#[tokio::test]
async fn leaves_unreadable_resources_alone_and_reports_them() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    for read in ["GetFunction", "ListFunctions", "ListSecrets", "DescribeLogGroups", "ListRules", "ListTargetsByRule"] {
        cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
            (call.operation == read).then(|| InjectedFault::Before(denied_fault()))
        })));
        let plan = world.plan(&desired).await;
        assert_eq!(describe_actions(&plan), Vec::<String>::new(), "{read}");
        assert!(!plan.unreadable.is_empty(), "{read}");
        let pruned = world.plan(&world.desired_nothing("sync")).await;
        assert!(!pruned.unreadable.is_empty(), "{read}");
    }
}
