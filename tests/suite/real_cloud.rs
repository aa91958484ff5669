//! How a real cloud behaves and a simple fake doesn't: resources that are too new, updates in progress, throttling,
//! failures, lost answers, lists that lag, full quotas.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_eventbridge::types::RuleState;
use deployer::render::result_text;
use deployer_aws::{Aws, FailureKind};
use deployer_cloud::{ApiError, CallKind, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::resource::ResourceKind;
use deployer_reconcile::apply::{ApplyEvent, ApplyOutcome};

use crate::assertions::assert_contains;
use crate::declared::declaring_manifest;
use crate::sdk::GeneratedClients as _;
use crate::world::{World, describe_actions, two_venue_manifest};

const LISTS: [&str; 5] =
    ["GetAccountAuthorizationDetails", "ListSecrets", "DescribeLogGroups", "ListFunctions", "ListRules"];

async fn world_with(config: CloudConfig) -> (EmbeddedCloud, World) {
    let cloud = EmbeddedCloud::in_memory(config);
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    cloud.forget_calls();
    (cloud, world)
}

async fn new_world() -> (EmbeddedCloud, World) {
    world_with(CloudConfig::default()).await
}

fn api_fault(status: u16, code: &str, message: &str) -> CloudFault {
    CloudFault::Error(ApiError::new(status, code, message))
}

/// Injects a fault into the first `times` calls of each operation on each resource, if the call is `wanted`.
fn fail_first_calls(
    cloud: &EmbeddedCloud,
    times: usize,
    wanted: impl Fn(&CloudCall) -> bool + Send + Sync + 'static,
    injected: impl Fn(&CloudCall) -> InjectedFault + Send + Sync + 'static,
) {
    let counts = Mutex::new(BTreeMap::<String, usize>::new());
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if !wanted(call) {
            return None;
        }
        let mut counts = counts.lock().expect("no panic");
        let count = counts.entry(format!("{call} {}", call.resource)).or_default();
        *count += 1;
        (*count <= times).then(|| injected(call))
    })));
}

/// Creates, changes and removes everything, each in one apply.
async fn run_whole_story(world: &World) {
    let both = two_venue_manifest("sync");
    world.converge(&world.desired_from(&both)).await;
    let name = "display_name = \"Venue a\"";
    let changed = both.replace(name, &format!("{name}\nmemory_mb = 512\nlog_retention_days = 90"));
    world.converge(&world.desired_from(&changed)).await;
    let only_a = &changed[..changed.find("[venues.b]").expect("the manifest has b")];
    world.converge(&world.desired_from(only_a)).await;
    world.converge(&world.desired_from(&both)).await;
    world.converge(&world.desired_nothing("sync")).await;
}

async fn apply_manifest(world: &World) -> (ApplyOutcome, Vec<ApplyEvent>) {
    let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    world.execute_plan(&plan).await
}

#[tokio::test]
async fn waits_for_a_role_that_cannot_be_assumed_yet() {
    let (cloud, world) = new_world().await;
    let fault = api_fault(
        400,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    );
    fail_first_calls(
        &cloud,
        8,
        |call| call.operation == "CreateFunction",
        move |_| InjectedFault::Before(fault.clone()),
    );
    let (outcome, events) = apply_manifest(&world).await;
    assert_eq!(outcome.failed, []);
    let retries = events.iter().filter(|event| matches!(event, ApplyEvent::Retrying { .. })).count();
    assert_eq!(retries, 8, "each retry is reported");
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
}

#[tokio::test]
async fn fails_with_a_hint_if_a_role_can_never_be_assumed() {
    let (cloud, world) = new_world().await;
    let fault = api_fault(
        400,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    );
    fail_first_calls(
        &cloud,
        usize::MAX,
        |call| call.operation == "CreateFunction",
        move |_| InjectedFault::Before(fault.clone()),
    );
    let (outcome, _) = apply_manifest(&world).await;
    let kinds: Vec<_> = outcome.failed.iter().map(|(address, error)| (address.kind, error.kind)).collect();
    assert_eq!(kinds, [(ResourceKind::Function, FailureKind::RoleNotReady); 2]);
    assert_contains(outcome.failed[0].1.hint().expect("a hint"), "run the same command again");
    cloud.set_faults(None);
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
}

#[tokio::test]
async fn waits_for_an_update_in_progress() {
    let (cloud, world) = new_world().await;
    fail_first_calls(
        &cloud,
        6,
        |call| call.service == "lambda" && call.kind == CallKind::Write && call.operation != "AddPermission",
        |call| {
            let message = format!("An update is in progress for resource: {}", call.resource);
            InjectedFault::Before(api_fault(409, "ResourceConflictException", &message))
        },
    );
    run_whole_story(&world).await;
}

#[tokio::test]
async fn retries_throttled_calls() {
    // Only the SDK retries a read, with three attempts in total. A write gets many more.
    for (kind, times) in [(CallKind::Read, 2), (CallKind::Write, 12)] {
        let (cloud, world) = new_world().await;
        fail_first_calls(
            &cloud,
            times,
            move |call| call.kind == kind,
            |call| {
                let (status, code) = match call.service {
                    "lambda" => (429, "TooManyRequestsException"),
                    "iam" => (400, "Throttling"),
                    _ => (400, "ThrottlingException"),
                };
                InjectedFault::Before(api_fault(status, code, "Rate exceeded"))
            },
        );
        run_whole_story(&world).await;
    }
}

#[tokio::test]
async fn retries_a_service_that_fails_for_a_while() {
    for (kind, times) in [(CallKind::Read, 2), (CallKind::Write, 4)] {
        for status in [500, 502, 503, 504] {
            let (cloud, world) = new_world().await;
            let injected =
                move |_: &CloudCall| InjectedFault::Before(api_fault(status, "InternalFailure", "try again"));
            fail_first_calls(&cloud, times, move |call| call.kind == kind, injected);
            run_whole_story(&world).await;
        }
    }
}

#[tokio::test]
async fn survives_a_lost_first_answer_of_every_call() {
    for fault in [CloudFault::Disconnect, api_fault(503, "ServiceUnavailable", "it took effect anyway")] {
        let (cloud, world) = new_world().await;
        fail_first_calls(&cloud, 1, |call| call.kind == CallKind::Write, move |_| InjectedFault::After(fault.clone()));
        run_whole_story(&world).await;
    }
}

#[tokio::test]
async fn does_not_recreate_what_lists_do_not_show_yet() {
    for lists in LISTS.iter().map(std::slice::from_ref) {
        let (cloud, world) = new_world().await;
        let desired = world.desired_from(&two_venue_manifest("sync"));
        cloud.hold_back(lists).expect("held back");
        assert_eq!(world.apply(&desired).await.failed, []);
        cloud.forget_calls();
        let plan = world.plan(&desired).await;
        assert_eq!(describe_actions(&plan), Vec::<String>::new(), "{lists:?}");
        // Only the list has a log group's retention, so the log group is unreadable.
        let unread: Vec<ResourceKind> =
            plan.unreadable.iter().filter_map(|unread| Some(unread.address.as_ref()?.kind)).collect();
        let expected: &[ResourceKind] =
            if lists.contains(&"DescribeLogGroups") { &[ResourceKind::LogGroup, ResourceKind::LogGroup] } else { &[] };
        assert_eq!(unread, expected, "{lists:?}");
        cloud.hold_back(&[]).expect("the lists catch up");
        world.converge(&desired).await;
    }
}

#[tokio::test]
async fn takes_over_a_venue_that_no_list_shows() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    cloud.hold_back(&LISTS).expect("held back");
    for _ in 0..2 {
        let plan = world.plan(&desired).await;
        assert_eq!((plan.changes.len(), plan.unreadable.len()), (14, 0));
        assert_eq!(world.execute_plan(&plan).await.0.failed, []);
    }
    cloud.hold_back(&[]).expect("the lists catch up");
    assert_eq!(
        describe_actions(&world.plan(&desired).await),
        Vec::<String>::new(),
        "two applies have the same result as one"
    );
}

#[tokio::test]
async fn recreates_deleted_resources_that_lists_still_show() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    cloud.hold_back(&["DescribeLogGroups", "ListFunctions", "ListRules"]).expect("held back");
    let (lambda, logs, events) = (&world.aws.lambda, &world.aws.sdk().logs, &world.aws.events);
    lambda.delete_function().function_name("sync-a").send().await.expect("it is deleted");
    logs.delete_log_group().log_group_name("/aws/lambda/sync-a").send().await.expect("it is deleted");
    events.remove_targets().rule("sync-a-schedule").ids("sync").send().await.expect("it is removed");
    events.delete_rule().name("sync-a-schedule").send().await.expect("it is deleted");
    let created = ["log-group", "function", "alias", "rule", "target"];
    let created = created.map(|kind| format!("a/{kind} Create"));
    assert_eq!(describe_actions(&world.plan(&desired).await), created);
    world.converge(&desired).await;
}

#[tokio::test]
async fn recovers_when_lists_lag_behind_a_destroy() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    cloud.hold_back(&LISTS).expect("held back");
    assert_eq!(world.apply(&world.desired_nothing("sync")).await.failed, []);
    assert_eq!(world.apply(&world.desired_nothing("sync")).await.failed, [], "missing resources count as deleted");
    cloud.hold_back(&[]).expect("the lists catch up");
    world.converge(&desired).await;
}

#[tokio::test]
async fn makes_no_confirming_reads_for_listed_resources() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    cloud.forget_calls();
    world.plan(&desired).await;
    let by_name = ["GetRole", "DescribeSecret", "DescribeRule"];
    let confirmed: Vec<_> =
        cloud.recorded_calls().into_iter().filter(|call| by_name.contains(&call.operation.as_str())).collect();
    assert_eq!(confirmed, []);
}

#[tokio::test]
async fn reads_every_page_of_lists_with_other_deployments() {
    let (cloud, world) = world_with(CloudConfig { page_size: Some(1), ..CloudConfig::default() }).await;
    for deployment in ["other", "sync-two", "zeta"] {
        world.converge(&world.desired_from(&two_venue_manifest(deployment))).await;
    }
    run_whole_story(&world).await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    cloud.forget_calls();
    world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    for list in LISTS {
        let pages = cloud.recorded_calls().iter().filter(|call| call.operation == list).count();
        assert!(pages > 1, "{list} has {pages} pages");
    }
    for deployment in ["other", "sync-two", "zeta"] {
        assert_eq!(
            world.plan(&world.desired_from(&two_venue_manifest(deployment))).await.changes,
            [],
            "{deployment} is untouched"
        );
    }
}

#[tokio::test]
async fn reports_a_full_bus_with_its_limit_and_a_remedy() {
    let (cloud, world) = new_world().await;
    for number in 0..299 {
        let request = world.aws.events.put_rule().name(format!("theirs-{number}")).state(RuleState::Disabled);
        request.schedule_expression("rate(1 day)").send().await.expect("there is room");
    }
    let desired = world.desired_from(&two_venue_manifest("sync"));
    cloud.forget_calls();
    let refusal = world.try_apply(&desired).await.expect_err("it doesn't fit");
    let text = refusal.to_string();
    assert!(text.contains("default event bus: 299 of 300 are used, and 2 more are needed"), "{text}");
    assert_eq!(cloud.recorded_writes(), []);
    // The same without the guard, as when somebody else takes the last one meanwhile.
    let (outcome, _) = world.execute_plan(&world.plan(&desired).await).await;
    let asked = cloud.recorded_calls().iter().filter(|call| call.operation == "PutRule").count();
    assert_eq!(asked, 2, "a full bus isn't asked again");
    assert_eq!(outcome.failed.len(), 1, "only one more rule fit");
    let (address, failure) = &outcome.failed[0];
    assert_eq!((address.kind, failure.kind), (ResourceKind::Rule, FailureKind::LimitExceeded));
    let text = anstream::adapter::strip_str(&result_text(&outcome, "deployer apply")).to_string();
    for said in
        [address.to_string().as_str(), "events:PutRule", "LimitExceededException", "300 rules", "Service Quotas"]
    {
        assert!(text.contains(said), "missing {said}: {text}");
    }
    world.aws.events.delete_rule().name("theirs-0").send().await.expect("it is deleted");
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
}

#[tokio::test]
async fn refuses_what_exceeds_the_quotas_of_the_account() {
    let (cloud, world) = new_world().await;
    world.converge(&world.desired_from(&two_venue_manifest("other"))).await;
    let desired = world.desired_from(&declaring_manifest("", "reserved_concurrency = 1"));
    let reserve = |reserved| {
        let set = |cx: &mut deployer_cloud::CloudContext<'_>| {
            let functions = &mut cx.region_state_mut().lambda.functions;
            functions.get_mut("other-a").expect("it exists").reserved_concurrency = Some(reserved);
        };
        cloud.with_context(set).expect("the state is readable");
    };
    reserve(898);
    let refused = async || {
        cloud.forget_calls();
        let text = world.try_apply(&desired).await.expect_err("it doesn't fit").to_string();
        assert_eq!(cloud.recorded_writes(), [], "{text}");
        text
    };
    let text = refused().await;
    assert!(text.contains("can be reserved: 899 of 900 are used, and 2 more are needed"), "{text}");
    assert!(text.contains("reserved_concurrency = \"off\""), "{text}");
    reserve(1);
    let fill = |cx: &mut deployer_cloud::CloudContext<'_>| {
        let roles = &mut cx.state.iam.roles;
        let role = roles.values().next().expect("there is one").clone();
        let missing = 999 - roles.len();
        roles.extend((0..missing).map(|number| (format!("theirs-{number}"), role.clone())));
    };
    cloud.with_context(fill).expect("the state is readable");
    let text = refused().await;
    assert!(text.contains("roles in the account: 999 of 1000 are used, and 2 more are needed"), "{text}");
}

#[tokio::test]
async fn goes_on_where_the_quotas_are_unreadable() {
    let (cloud, world) = new_world().await;
    cloud.set_faults(Some(Arc::new(|call: &CloudCall| {
        let denied = ["GetAccountSettings", "GetAccountSummary"].contains(&call.operation.as_str());
        denied.then(|| InjectedFault::Before(CloudFault::Error(ApiError::new(403, "AccessDenied", "no"))))
    })));
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
}
