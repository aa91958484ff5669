//! `--refresh fast` plans from lists alone: which calls it makes, what it finds, and what it leaves alone.

use deployer_aws::Aws;
use deployer_cloud::ApiError;
use deployer_cloud::{CallKind, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};

use crate::sdk::GeneratedClients as _;
use crate::world::{World, describe_actions, two_venue_manifest};

async fn new_world() -> (EmbeddedCloud, World) {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    (cloud, world)
}

async fn converged_world() -> (EmbeddedCloud, World) {
    let (cloud, world) = new_world().await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    (cloud, world)
}

/// The manifest with `count` venues, all like `a`.
fn manifest_with_venues(count: usize) -> String {
    let both = two_venue_manifest("sync");
    let (head, rest) = both.split_once("[venues.a]").expect("the manifest has a");
    let (a, _) = rest.split_once("[venues.b]").expect("the manifest has b");
    let venue = |number: usize| {
        let a = a.replace("venues.a.", &format!("venues.v{number}.")).replace("Venue a", &format!("Venue {number}"));
        format!("[venues.v{number}]{}", a.replace("_a\"", &format!("_{number}\"")))
    };
    format!("{head}{}", (0..count).map(venue).collect::<String>())
}

#[tokio::test]
async fn its_call_count_does_not_depend_on_the_venues() {
    let mut counts = Vec::new();
    for venues in [1, 12] {
        let (cloud, world) = new_world().await;
        let desired = world.desired_from(&manifest_with_venues(venues));
        world.converge(&desired).await;
        cloud.forget_calls();
        assert_eq!(world.plan_from_lists(&desired).await.changes, []);
        assert!(cloud.recorded_calls().iter().all(|call| call.kind == CallKind::Read));
        counts.push(cloud.recorded_calls().len());
    }
    assert_eq!(counts, [6, 6], "five lists, and the alarms that may be left");
}

#[tokio::test]
async fn it_plans_creations_like_a_full_plan() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let full = world.plan(&desired).await;
    cloud.forget_calls();
    assert_eq!(world.plan_from_lists(&desired).await, full, "both plans are the same on an empty cloud");
    assert_eq!(cloud.recorded_calls().len(), 9, "six lists, and what the account has of executions, roles and rules");
}

#[tokio::test]
async fn it_finds_drift_that_lists_show() {
    let (_cloud, world) = converged_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let aws = &world.aws;
    aws.lambda.update_function_configuration().function_name("sync-a").timeout(7).send().await.expect("it is changed");
    aws.events.enable_rule().name("sync-b-schedule").send().await.expect("enabled");
    let request = aws.sdk().logs.put_retention_policy().log_group_name("/aws/lambda/sync-a").retention_in_days(3);
    request.send().await.expect("it is changed");
    let request = aws.iam.attach_role_policy().role_name("sync-a-role");
    request.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").send().await.expect("it is attached");
    aws.secrets.update_secret().secret_id("sync/b").description("mine").send().await.expect("it is changed");
    aws.lambda.delete_function().function_name("sync-b").send().await.expect("it is deleted");
    let found = world.plan_from_lists(&desired).await;
    let expected = [
        "a/role Update",
        "a/log-group Update",
        "a/function Update",
        "a/alias Update",
        "b/secret Update",
        "b/function Create",
        "b/alias Create",
        "b/rule Update",
    ];
    assert_eq!(describe_actions(&found), expected);
    assert_eq!(describe_actions(&world.plan(&desired).await), expected, "a full plan finds the same");
}

#[tokio::test]
async fn it_changes_nothing_that_it_does_not_read() {
    let (_cloud, world) = converged_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let (lambda, events) = (&world.aws.lambda, &world.aws.events);
    lambda.delete_function_concurrency().function_name("sync-a").send().await.expect("it is removed");
    events.remove_targets().rule("sync-a-schedule").ids("sync").send().await.expect("it is removed");
    let group = world.scope.regional_arn("logs", "log-group:/aws/lambda/sync-a");
    let request = world.aws.sdk().logs.untag_resource().resource_arn(group).tag_keys("deployer:venue");
    request.send().await.expect("it is untagged");
    let plan = world.plan_from_lists(&desired).await;
    assert_eq!((describe_actions(&plan), plan.unreadable.len()), (Vec::new(), 0));
    let changes = ["a/log-group Update", "a/function Update", "a/target Create"];
    assert_eq!(describe_actions(&world.plan(&desired).await), changes, "a full plan finds it");
}

#[tokio::test]
async fn it_reads_the_details_of_an_unmarked_function() {
    let (_cloud, world) = converged_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let function = world.scope.regional_arn("lambda", "function:sync-a");
    let (lambda, key) = (&world.aws.lambda, "deployer:deployment");
    lambda.untag_resource().resource(function).tag_keys(key).send().await.expect("it is untagged");
    let request = lambda.update_function_configuration().function_name("sync-a").description("theirs");
    request.send().await.expect("it is changed");
    let plan = world.plan_from_lists(&desired).await;
    assert_eq!((describe_actions(&plan), plan.conflicts.len()), (Vec::new(), 1));
}

#[tokio::test]
async fn it_removes_undeclared_and_blocked_venues_like_a_full_plan() {
    let (_cloud, world) = converged_world().await;
    let both = two_venue_manifest("sync");
    let only_a = both[..both.find("[venues.b]").expect("the manifest has b")].to_owned();
    let blocked = both.replace(
        "status = \"paused\"",
        "status = \"blocked\"\nblocker = { reason = \"No license\", owner = \"ops\", next_step = \"renew\", since = 2026-01-01 }",
    );
    for text in [only_a, blocked] {
        let desired = world.desired_from(&text);
        let full = world.plan(&desired).await;
        assert_eq!(full.summarize_changes().delete, 7);
        assert_eq!(world.plan_from_lists(&desired).await, full);
    }
}

#[tokio::test]
async fn it_reports_a_denied_list_and_changes_nothing() {
    for list in ["ListFunctions", "ListRules", "ListSecrets", "DescribeLogGroups", "ListRoles"] {
        let (cloud, world) = converged_world().await;
        let desired = world.desired_from(&two_venue_manifest("sync"));
        cloud.set_faults(Some(std::sync::Arc::new(move |call: &CloudCall| {
            let roles = list == "ListRoles" && call.operation == "GetAccountAuthorizationDetails";
            let denied = CloudFault::Error(ApiError::new(403, "AccessDenied", "no"));
            (roles || call.operation == list).then_some(InjectedFault::Before(denied))
        })));
        let plan = world.plan_from_lists(&desired).await;
        assert_eq!(describe_actions(&plan), Vec::<String>::new(), "{list}");
        assert!(plan.unreadable.iter().filter(|unread| unread.address.is_some()).count() >= 2, "{list}");
    }
}
