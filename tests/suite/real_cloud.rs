//! A real cloud's ways, which a first try never shows: what is too new, under way, throttled, failing, not answered, not
//! yet listed, full.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_eventbridge::types::RuleState;
use deployer::apply::{Event, Outcome};
use deployer::aws::{Aws, FailureKind};
use deployer::local::cloud::{ApiError, Call, CallKind, Cloud, CloudConfig, Fault, Injected};
use deployer::render::result_text;
use deployer::resource::Kind;

use crate::sdk::GeneratedClients as _;
use crate::world::{World, actions, manifest};

const LISTS: [&str; 5] =
    ["GetAccountAuthorizationDetails", "ListSecrets", "DescribeLogGroups", "ListFunctions", "ListRules"];

async fn world_with(config: CloudConfig) -> (Cloud, World) {
    let cloud = Cloud::in_memory(config);
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    cloud.forget_calls();
    (cloud, world)
}

async fn world() -> (Cloud, World) {
    world_with(CloudConfig::default()).await
}

fn error(status: u16, code: &str, message: &str) -> Fault {
    Fault::Error(ApiError::new(status, code, message))
}

/// The first `times` calls of each operation on each resource, if `wanted`, meet what `injected` gives.
fn first(
    cloud: &Cloud,
    times: usize,
    wanted: impl Fn(&Call) -> bool + Send + Sync + 'static,
    injected: impl Fn(&Call) -> Injected + Send + Sync + 'static,
) {
    let counts = Mutex::new(BTreeMap::<String, usize>::new());
    cloud.set_faults(Some(Arc::new(move |call: &Call| {
        if !wanted(call) {
            return None;
        }
        let mut counts = counts.lock().expect("no panic");
        let count = counts.entry(format!("{call} {}", call.resource)).or_default();
        *count += 1;
        (*count <= times).then(|| injected(call))
    })));
}

/// Everything made, changed, and taken away again, each in one apply.
async fn whole_story(world: &World) {
    let both = manifest("sync");
    world.converge(&world.desired(&both)).await;
    let name = "display_name = \"Venue a\"";
    let changed = both.replace(name, &format!("{name}\nmemory_mb = 512\nlog_retention_days = 90"));
    world.converge(&world.desired(&changed)).await;
    let only_a = &changed[..changed.find("[venues.b]").expect("b is there")];
    world.converge(&world.desired(only_a)).await;
    world.converge(&world.desired(&both)).await;
    world.converge(&world.nothing("sync")).await;
}

async fn apply(world: &World) -> (Outcome, Vec<Event>) {
    let plan = world.plan(&world.desired(&manifest("sync"))).await;
    world.execute(&plan).await
}

#[tokio::test]
async fn a_role_that_can_not_be_assumed_yet_is_waited_for() {
    let (cloud, world) = world().await;
    let fault =
        error(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.");
    first(&cloud, 8, |call| call.operation == "CreateFunction", move |_| Injected::Before(fault.clone()));
    let (outcome, events) = apply(&world).await;
    assert_eq!(outcome.failed, []);
    let retries = events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count();
    assert_eq!(retries, 8, "each is told");
    world.converge(&world.desired(&manifest("sync"))).await;
}

#[tokio::test]
async fn a_role_that_can_never_be_assumed_ends_in_an_error_that_says_so() {
    let (cloud, world) = world().await;
    let fault =
        error(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.");
    first(&cloud, usize::MAX, |call| call.operation == "CreateFunction", move |_| Injected::Before(fault.clone()));
    let (outcome, _) = apply(&world).await;
    let kinds: Vec<_> = outcome.failed.iter().map(|(address, error)| (address.kind, error.kind)).collect();
    assert_eq!(kinds, [(Kind::Function, FailureKind::RoleNotReady); 2]);
    assert!(outcome.failed[0].1.hint().expect("a hint").contains("run the same command again"));
    cloud.set_faults(None);
    world.converge(&world.desired(&manifest("sync"))).await;
}

#[tokio::test]
async fn an_update_that_is_under_way_is_waited_for() {
    let (cloud, world) = world().await;
    first(
        &cloud,
        6,
        |call| call.service == "lambda" && call.kind == CallKind::Write && call.operation != "AddPermission",
        |call| {
            let message = format!("An update is in progress for resource: {}", call.resource);
            Injected::Before(error(409, "ResourceConflictException", &message))
        },
    );
    whole_story(&world).await;
}

#[tokio::test]
async fn throttling_is_waited_for() {
    // A read is tried by the SDK alone, three times; a write many times more.
    for (kind, times) in [(CallKind::Read, 2), (CallKind::Write, 12)] {
        let (cloud, world) = world().await;
        first(
            &cloud,
            times,
            move |call| call.kind == kind,
            |call| {
                let (status, code) = match call.service {
                    "lambda" => (429, "TooManyRequestsException"),
                    "iam" => (400, "Throttling"),
                    _ => (400, "ThrottlingException"),
                };
                Injected::Before(error(status, code, "Rate exceeded"))
            },
        );
        whole_story(&world).await;
    }
}

#[tokio::test]
async fn a_service_that_fails_for_a_while_is_asked_again() {
    for (kind, times) in [(CallKind::Read, 2), (CallKind::Write, 4)] {
        for status in [500, 502, 503, 504] {
            let (cloud, world) = world().await;
            let injected = move |_: &Call| Injected::Before(error(status, "InternalFailure", "try again"));
            first(&cloud, times, move |call| call.kind == kind, injected);
            whole_story(&world).await;
        }
    }
}

#[tokio::test]
async fn every_call_may_take_effect_and_lose_its_first_answer() {
    for fault in [Fault::Disconnect, error(503, "ServiceUnavailable", "it took effect all the same")] {
        let (cloud, world) = world().await;
        first(&cloud, 1, |call| call.kind == CallKind::Write, move |_| Injected::After(fault.clone()));
        whole_story(&world).await;
    }
}

#[tokio::test]
async fn what_no_list_shows_yet_is_not_created_again() {
    for lists in LISTS.iter().map(std::slice::from_ref) {
        let (cloud, world) = world().await;
        let desired = world.desired(&manifest("sync"));
        cloud.hold_back(lists).expect("held back");
        assert_eq!(world.apply(&desired).await.failed, []);
        cloud.forget_calls();
        let plan = world.plan(&desired).await;
        assert_eq!(actions(&plan), Vec::<String>::new(), "{lists:?}");
        // Only the list has a log group's retention, so nothing is concluded of it.
        let unread: Vec<Kind> =
            plan.unreadable.iter().filter_map(|unread| Some(unread.address.as_ref()?.kind)).collect();
        let expected: &[Kind] =
            if lists.contains(&"DescribeLogGroups") { &[Kind::LogGroup, Kind::LogGroup] } else { &[] };
        assert_eq!(unread, expected, "{lists:?}");
        cloud.hold_back(&[]).expect("it ends");
        world.converge(&desired).await;
    }
}

#[tokio::test]
async fn what_no_list_shows_any_part_of_is_taken_over() {
    let (cloud, world) = world().await;
    let desired = world.desired(&manifest("sync"));
    cloud.hold_back(&LISTS).expect("held back");
    for _ in 0..2 {
        let plan = world.plan(&desired).await;
        assert_eq!((plan.changes.len(), plan.unreadable.len()), (16, 0));
        assert_eq!(world.execute(&plan).await.0.failed, []);
    }
    cloud.hold_back(&[]).expect("it ends");
    assert_eq!(actions(&world.plan(&desired).await), Vec::<String>::new(), "it is as one apply makes it");
}

#[tokio::test]
async fn what_a_list_still_shows_is_no_longer_taken_to_be_there() {
    let (cloud, world) = world().await;
    let desired = world.desired(&manifest("sync"));
    world.converge(&desired).await;
    cloud.hold_back(&["DescribeLogGroups", "ListFunctions", "ListRules"]).expect("held back");
    let (lambda, logs, events) = (&world.aws.lambda, &world.aws.sdk().logs, &world.aws.events);
    lambda.delete_function().function_name("sync-a").send().await.expect("deleted");
    logs.delete_log_group().log_group_name("/aws/lambda/sync-a").send().await.expect("deleted");
    events.remove_targets().rule("sync-a-schedule").ids("sync").send().await.expect("removed");
    events.delete_rule().name("sync-a-schedule").send().await.expect("deleted");
    let created = ["log-group", "function", "alias", "rule", "permission", "target"];
    let created = created.map(|kind| format!("a/{kind} Create"));
    assert_eq!(actions(&world.plan(&desired).await), created);
    world.converge(&desired).await;
}

#[tokio::test]
async fn an_apply_on_lists_that_lag_behind_a_destroy_is_mended_by_the_next() {
    let (cloud, world) = world().await;
    let desired = world.desired(&manifest("sync"));
    world.converge(&desired).await;
    cloud.hold_back(&LISTS).expect("held back");
    assert_eq!(world.apply(&world.nothing("sync")).await.failed, []);
    assert_eq!(world.apply(&world.nothing("sync")).await.failed, [], "what is gone counts as deleted");
    cloud.hold_back(&[]).expect("it ends");
    world.converge(&desired).await;
}

#[tokio::test]
async fn absence_is_confirmed_without_a_call_for_what_a_list_shows() {
    let (cloud, world) = world().await;
    let desired = world.desired(&manifest("sync"));
    world.converge(&desired).await;
    cloud.forget_calls();
    world.plan(&desired).await;
    let by_name = ["GetRole", "DescribeSecret", "DescribeRule"];
    let confirmed: Vec<_> =
        cloud.calls().into_iter().filter(|call| by_name.contains(&call.operation.as_str())).collect();
    assert_eq!(confirmed, []);
}

#[tokio::test]
async fn lists_of_many_pages_are_read_whatever_else_is_in_them() {
    let (cloud, world) = world_with(CloudConfig { page_size: Some(1), ..CloudConfig::default() }).await;
    for deployment in ["other", "sync-two", "zeta"] {
        world.converge(&world.desired(&manifest(deployment))).await;
    }
    whole_story(&world).await;
    world.converge(&world.desired(&manifest("sync"))).await;
    cloud.forget_calls();
    world.plan(&world.desired(&manifest("sync"))).await;
    for list in LISTS {
        let pages = cloud.calls().iter().filter(|call| call.operation == list).count();
        assert!(pages > 1, "{list} has {pages} pages");
    }
    for deployment in ["other", "sync-two", "zeta"] {
        assert_eq!(world.plan(&world.desired(&manifest(deployment))).await.changes, [], "{deployment} is whole");
    }
}

#[tokio::test]
async fn a_bus_that_is_full_is_said_with_its_limit_the_venue_and_what_to_do() {
    let (_cloud, world) = world().await;
    for number in 0..299 {
        let request = world.aws.events.put_rule().name(format!("theirs-{number}")).state(RuleState::Disabled);
        request.schedule_expression("rate(1 day)").send().await.expect("there is room");
    }
    let (outcome, _) = apply(&world).await;
    assert_eq!(outcome.failed.len(), 1, "one rule more had room");
    let (address, failure) = &outcome.failed[0];
    assert_eq!((address.kind, failure.kind), (Kind::Rule, FailureKind::LimitExceeded));
    let text = anstream::adapter::strip_str(&result_text(&outcome, "deployer apply")).to_string();
    for said in
        [address.to_string().as_str(), "events:PutRule", "LimitExceededException", "300 rules", "Service Quotas"]
    {
        assert!(text.contains(said), "{said} is missing: {text}");
    }
    world.aws.events.delete_rule().name("theirs-0").send().await.expect("deleted");
    world.converge(&world.desired(&manifest("sync"))).await;
}
