//! A read that is denied or fails is no reason to create, change or delete anything. Tests every read, both ways.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_eventbridge::types::{Tag, Target};
use deployer_aws::Aws;
use deployer_cloud::{ApiError, Call, Cloud, CloudConfig, Fault, Injected};
use deployer_core::plan::{Action, Plan};
use deployer_core::resource::Kind;

use crate::sdk::GeneratedClients as _;
use crate::world::{World, manifest};

const GROUP: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/sync-a";
const RULE: &str = "arn:aws:events:us-east-1:123456789012:rule/sync-a-schedule";

/// A read: service, operation and resource.
#[derive(Debug, Clone, Copy)]
struct Read(&'static str, &'static str, &'static str);

impl Read {
    fn is(self, call: &Call) -> bool {
        (call.service, call.operation.as_str(), call.resource.as_str()) == (self.0, self.1, self.2)
    }
}

/// The two ways in which a read fails: access denied, and an error of the service.
fn failures() -> [Fault; 2] {
    [(403, "AccessDenied"), (500, "InternalFailure")]
        .map(|(status, code)| Fault::Error(ApiError::new(status, code, "unreadable")))
}

async fn empty() -> (Cloud, World) {
    let cloud = Cloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    (cloud, world)
}

/// A cloud where everything exists, but every resource of both venues was changed by hand.
async fn drifted() -> (Cloud, World) {
    let (cloud, world) = empty().await;
    world.converge(&world.desired(&manifest("sync"))).await;
    for venue in ["a", "b"] {
        drift(&world.aws, venue).await;
    }
    (cloud, world)
}

async fn drift(aws: &Aws, venue: &str) {
    let (function, rule) = (format!("sync-{venue}"), format!("sync-{venue}-schedule"));
    let request = aws.iam.attach_role_policy().role_name(format!("{function}-role"));
    request.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").send().await.expect("attached");
    let request = aws.secrets.update_secret().secret_id(format!("sync/{venue}"));
    request.description("by hand").send().await.expect("changed");
    let request = aws.sdk().logs.delete_retention_policy().log_group_name(format!("/aws/lambda/{function}"));
    request.send().await.expect("removed");
    aws.lambda.delete_function_concurrency().function_name(&function).send().await.expect("removed");
    let request = aws.lambda.delete_function_event_invoke_config().function_name(&function).qualifier("live");
    request.send().await.expect("removed");
    let request = aws.lambda.remove_permission().function_name(&function).qualifier("live");
    request.statement_id("deployer-schedule").send().await.expect("removed");
    let request = aws.events.put_rule().name(&rule).schedule_expression("rate(1 day)");
    request.send().await.expect("changed");
    let target = Target::builder().id("second").arn("arn:aws:sqs:us-east-1:123456789012:mine").build();
    aws.events.put_targets().rule(&rule).targets(target.expect("complete")).send().await.expect("put");
}

type Addresses = BTreeSet<(String, Kind)>;

fn of(venues: &[&str], kinds: &[Kind]) -> Addresses {
    venues.iter().flat_map(|venue| kinds.iter().map(|kind| ((*venue).to_owned(), *kind))).collect()
}

fn changed(plan: &Plan) -> Addresses {
    plan.changes.iter().map(|change| (change.address.venue.clone(), change.address.kind)).collect()
}

fn unread(plan: &Plan) -> Addresses {
    let addresses = plan.unreadable.iter().filter_map(|unreadable| unreadable.address.clone());
    addresses.map(|address| (address.venue, address.kind)).collect()
}

fn fail(cloud: &Cloud, reads: &[Read], denied: &[&'static str], fault: &Fault) {
    let (reads, denied, fault) = (reads.to_vec(), denied.to_vec(), fault.clone());
    cloud.set_faults(Some(Arc::new(move |call: &Call| {
        if denied.contains(&call.operation.as_str()) {
            return Some(Injected::Before(failures()[0].clone()));
        }
        reads.iter().any(|read| read.is(call)).then(|| Injected::Before(fault.clone()))
    })));
}

/// With `read` failing, exactly `kinds` of venue `a` are left alone and reported, and everything else is fixed.
async fn is_left_alone(read: Read, denied: &[&'static str], kinds: &[Kind]) {
    for fault in failures() {
        let (cloud, world) = drifted().await;
        let desired = world.desired(&manifest("sync"));
        assert_eq!(changed(&world.plan(&desired).await), of(&["a", "b"], &Kind::AWS), "everything has drifted");
        let left = of(&["a"], kinds);
        fail(&cloud, &[read], denied, &fault);
        let plan = world.plan(&desired).await;
        assert_eq!(unread(&plan), left, "{read:?} {fault:?}");
        assert_eq!(&changed(&plan) | &left, of(&["a", "b"], &Kind::AWS), "{read:?} {fault:?}");
        assert!(changed(&plan).is_disjoint(&left), "{read:?} {fault:?}");
        assert!(plan.unreadable.iter().all(|unread| unread.reason.contains(read.1)), "{:?}", plan.unreadable);
        let (outcome, _) = world.execute(&plan).await;
        assert_eq!(outcome.failed, []);
        cloud.set_faults(None);
        assert_eq!(changed(&world.plan(&desired).await), left, "{read:?} {fault:?}: the rest is unchanged");
    }
}

/// Creates a resource of venue `a` that a list shows, so that the lists may only lack the rest. Not one of `kind`.
async fn begin(aws: &Aws, kind: Kind) {
    let owner = [("deployer:deployment", "sync"), ("deployer:venue", "a")];
    if kind != Kind::LogGroup {
        let tags = owner.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let request = aws.sdk().logs.create_log_group().log_group_name("/aws/lambda/sync-a").set_tags(Some(tags));
        request.send().await.expect("created");
    } else {
        let tags = owner.map(|(key, value)| Tag::builder().key(key).value(value).build().expect("complete"));
        let request = aws.events.put_rule().name("sync-a-schedule").schedule_expression("rate(1 day)");
        request.set_tags(Some(tags.to_vec())).send().await.expect("created");
    }
}

/// With `read` failing on an almost empty cloud, `kinds` of venue `a` aren't created, but those of `b` are.
async fn is_not_created(read: Read, kinds: &[Kind]) {
    for fault in failures() {
        let (cloud, world) = empty().await;
        begin(&world.aws, kinds[0]).await;
        let desired = world.desired(&manifest("sync"));
        fail(&cloud, &[read], &[], &fault);
        let plan = world.plan(&desired).await;
        let left = of(&["a"], kinds);
        assert_eq!(unread(&plan), left, "{read:?} {fault:?}");
        assert!(changed(&plan).is_disjoint(&left), "{read:?} {fault:?}");
        assert_eq!(&changed(&plan) | &left, of(&["a", "b"], &Kind::AWS), "{read:?} {fault:?}");
        let (outcome, _) = world.execute(&plan).await;
        assert_eq!(outcome.failed, []);
        cloud.set_faults(None);
        world.converge(&desired).await;
    }
}

/// With `read` failing, destroying everything leaves `kind` of venue `a` alone and reports it.
async fn is_not_deleted(read: Read, denied: &[&'static str], kind: Kind) {
    for fault in failures() {
        let (cloud, world) = empty().await;
        world.converge(&world.desired(&manifest("sync"))).await;
        fail(&cloud, &[read], denied, &fault);
        let plan = world.plan(&world.nothing("sync")).await;
        assert!(unread(&plan).is_superset(&of(&["a"], &[kind])), "{read:?} {fault:?}");
        assert!(!changed(&plan).contains(&("a".to_owned(), kind)), "{read:?} {fault:?}");
        assert!(changed(&plan).is_superset(&of(&["b"], &Kind::AWS)), "{read:?} {fault:?}");
    }
}

/// A test for each read of a resource. Roles are read one by one only if the list of all roles with their policies is
/// denied.
macro_rules! left_alone {
    ($($name:ident $service:literal $operation:literal $resource:expr, $denied:expr => $kinds:expr;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                is_left_alone(Read($service, $operation, $resource), &$denied, &$kinds).await;
            }
        )*
    };
}

/// The bulk lists of policies and tags.
const NO_BULK: [&str; 2] = ["GetAccountAuthorizationDetails", "GetResources"];

left_alone! {
    role "iam" "GetRole" "sync-a-role", NO_BULK => [Kind::Role];
    policies_of_a_role "iam" "ListRolePolicies" "sync-a-role", NO_BULK => [Kind::Role];
    policy_of_a_role "iam" "GetRolePolicy" "sync-a-role", NO_BULK => [Kind::Role];
    attached_policies_of_a_role "iam" "ListAttachedRolePolicies" "sync-a-role", NO_BULK => [Kind::Role];
    tags_of_a_log_group "logs" "ListTagsForResource" GROUP, NO_BULK => [Kind::LogGroup];
    function "lambda" "GetFunction" "sync-a", [] => [Kind::Function, Kind::Alias, Kind::Permission];
    version_of_an_alias "lambda" "GetFunction" "sync-a:live", [] => [Kind::Alias, Kind::Permission];
    asynchronous_settings_of_an_alias "lambda" "GetFunctionEventInvokeConfig" "sync-a:live", [] =>
        [Kind::Alias, Kind::Permission];
    policy_of_an_alias "lambda" "GetPolicy" "sync-a:live", [] => [Kind::Permission];
    tags_of_a_rule "events" "ListTagsForResource" RULE, NO_BULK => [Kind::Rule, Kind::Permission, Kind::Target];
    targets_of_a_rule "events" "ListTargetsByRule" "sync-a-schedule", [] =>
        [Kind::Rule, Kind::Permission, Kind::Target];
}

macro_rules! not_created {
    ($($name:ident $service:literal $operation:literal $resource:expr => $kinds:expr;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                is_not_created(Read($service, $operation, $resource), &$kinds).await;
            }
        )*
    };
}

not_created! {
    unlisted_role "iam" "GetRole" "sync-a-role" =>
        [Kind::Role, Kind::Function, Kind::Alias, Kind::Permission, Kind::Target];
    unlisted_secret "secretsmanager" "DescribeSecret" "sync/a" =>
        [Kind::Secret, Kind::Function, Kind::Alias, Kind::Permission, Kind::Target];
    unlisted_log_group "logs" "DescribeLogStreams" "/aws/lambda/sync-a" => [Kind::LogGroup];
    unlisted_function "lambda" "GetFunction" "sync-a" =>
        [Kind::Function, Kind::Alias, Kind::Permission, Kind::Target];
    unlisted_rule "events" "DescribeRule" "sync-a-schedule" =>
        [Kind::Rule, Kind::Permission, Kind::Target];
}

#[tokio::test]
async fn does_not_delete_unreadable_resources() {
    is_not_deleted(Read("iam", "GetRole", "sync-a-role"), &NO_BULK, Kind::Role).await;
    is_not_deleted(Read("logs", "ListTagsForResource", GROUP), &[], Kind::LogGroup).await;
    is_not_deleted(Read("lambda", "GetFunction", "sync-a"), &[], Kind::Function).await;
    is_not_deleted(Read("events", "ListTagsForResource", RULE), &[], Kind::Rule).await;
    is_not_deleted(Read("events", "ListTargetsByRule", "sync-a-schedule"), &[], Kind::Rule).await;
}

/// Without a whole list, nothing that it would show is created, changed or deleted, in any venue.
async fn list_is_left_alone(lists: &[&'static str], kinds: &[Kind], faults: &[Fault]) {
    for fault in faults {
        let (cloud, world) = drifted().await;
        let fail_lists = |cloud: &Cloud| {
            let (lists, fault) = (lists.to_vec(), fault.clone());
            cloud.set_faults(Some(Arc::new(move |call: &Call| {
                lists.contains(&call.operation.as_str()).then(|| Injected::Before(fault.clone()))
            })));
        };
        fail_lists(&cloud);
        let plan = world.plan(&world.desired(&manifest("sync"))).await;
        let left = of(&["a", "b"], kinds);
        assert_eq!(unread(&plan), left, "{lists:?} {fault:?}");
        assert_eq!(&changed(&plan) | &left, of(&["a", "b"], &Kind::AWS), "{lists:?} {fault:?}");
        assert!(changed(&plan).is_disjoint(&left), "{lists:?} {fault:?}");
        assert!(plan.unreadable.iter().any(|unread| unread.address.is_none()), "the plan names the list itself");
        let pruned = world.plan(&world.nothing("sync")).await;
        assert!(changed(&pruned).is_disjoint(&left), "{lists:?} {fault:?}");
        assert!(!pruned.changes.is_empty() && !pruned.unreadable.is_empty(), "{lists:?} {fault:?}");

        let (cloud, world) = empty().await;
        fail_lists(&cloud);
        let plan = world.plan(&world.desired(&manifest("sync"))).await;
        assert!(changed(&plan).is_disjoint(&left), "{lists:?} {fault:?}: nothing is created either");
    }
}

#[tokio::test]
async fn leaves_functions_alone_without_their_list() {
    list_is_left_alone(&["ListFunctions"], &[Kind::Function, Kind::Alias, Kind::Permission], &failures()).await;
}

#[tokio::test]
async fn leaves_rules_alone_without_their_list() {
    list_is_left_alone(&["ListRules"], &[Kind::Rule, Kind::Permission, Kind::Target], &failures()).await;
}

#[tokio::test]
async fn leaves_secrets_alone_without_their_list() {
    list_is_left_alone(&["ListSecrets"], &[Kind::Secret], &failures()).await;
}

#[tokio::test]
async fn leaves_log_groups_alone_without_their_list() {
    list_is_left_alone(&["DescribeLogGroups"], &[Kind::LogGroup], &failures()).await;
}

#[tokio::test]
async fn leaves_roles_alone_without_their_lists() {
    let [denied, failing] = failures();
    list_is_left_alone(&["GetAccountAuthorizationDetails"], &[Kind::Role], &[failing]).await;
    list_is_left_alone(&["GetAccountAuthorizationDetails", "ListRoles"], &[Kind::Role], &[denied]).await;
}

#[tokio::test]
async fn reads_roles_one_by_one_when_their_bulk_list_is_denied() {
    let (cloud, world) = drifted().await;
    fail(&cloud, &[], &NO_BULK, &failures()[0]);
    let desired = world.desired(&manifest("sync"));
    let plan = world.plan(&desired).await;
    assert_eq!((changed(&plan), unread(&plan)), (of(&["a", "b"], &Kind::AWS), Addresses::new()));
    world.converge(&desired).await;
    assert_eq!(changed(&world.plan(&world.nothing("sync")).await), of(&["a", "b"], &Kind::AWS));
}

/// The venue is no longer declared, and only tags show that the resource is ours.
async fn owner_can_not_be_read(read: Read, unmark: impl AsyncFn(&Aws)) {
    for fault in failures() {
        let (cloud, world) = empty().await;
        world.converge(&world.desired(&manifest("sync"))).await;
        world.converge(&world.nothing("sync")).await;
        unmark(&world.aws).await;
        let found = world.plan(&world.nothing("sync")).await;
        assert_eq!(found.changes.len(), 1, "{read:?} is needed: {:?}", found.changes);
        assert_eq!(found.changes[0].action, Action::Delete);
        fail(&cloud, &[read], &[], &fault);
        let plan = world.plan(&world.nothing("sync")).await;
        assert_eq!(plan.changes, []);
        assert!(plan.unreadable.iter().any(|unread| unread.reason.contains(read.1)), "{:?}", plan.unreadable);
    }
}

#[tokio::test]
async fn does_not_delete_a_log_group_of_unknown_owner() {
    owner_can_not_be_read(Read("logs", "ListTagsForResource", GROUP), async |aws| {
        let request = aws.sdk().logs.create_log_group().log_group_name("/aws/lambda/sync-a");
        let request = request.tags("deployer:deployment", "sync").tags("deployer:venue", "a");
        request.send().await.expect("created");
    })
    .await;
}

#[tokio::test]
async fn does_not_delete_an_unmarked_rule_of_unknown_owner() {
    owner_can_not_be_read(Read("events", "ListTagsForResource", RULE), async |aws| {
        let tag = |key: &str, value: &str| {
            aws_sdk_eventbridge::types::Tag::builder().key(key).value(value).build().expect("complete")
        };
        let request = aws.events.put_rule().name("sync-a-schedule").schedule_expression("rate(1 day)");
        let request = request.tags(tag("deployer:deployment", "sync")).tags(tag("deployer:venue", "a"));
        request.send().await.expect("created");
    })
    .await;
}
