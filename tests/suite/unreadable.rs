//! A read that is denied or fails is no reason to create, change or delete anything. Tests every read, both ways.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_eventbridge::types::{Tag, Target};
use aws_sdk_lambda::types::{DestinationConfig, OnFailure};
use deployer_aws::Aws;
use deployer_cloud::{ApiError, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::plan::{Action, Plan};
use deployer_core::resource::ResourceKind;

use crate::processes::Site;
use crate::sdk::GeneratedClients as _;
use crate::world::{World, two_venue_manifest};

const GROUP: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/sync-a";
const RULE: &str = "arn:aws:events:us-east-1:123456789012:rule/sync-a-schedule";

/// A read: service, operation and resource.
#[derive(Debug, Clone, Copy)]
struct Read(&'static str, &'static str, &'static str);

impl Read {
    fn matches_call(self, call: &CloudCall) -> bool {
        (call.service, call.operation.as_str(), call.resource.as_str()) == (self.0, self.1, self.2)
    }
}

/// The two ways in which a read fails: access denied, and an error of the service.
fn read_failures() -> [CloudFault; 2] {
    [(403, "AccessDenied"), (500, "InternalFailure")]
        .map(|(status, code)| CloudFault::Error(ApiError::new(status, code, "unreadable")))
}

async fn empty_world() -> (EmbeddedCloud, World) {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    (cloud, world)
}

/// A cloud where everything exists, but every resource of both venues was changed by hand.
async fn drifted_world() -> (EmbeddedCloud, World) {
    let (cloud, world) = empty_world().await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    for venue in ["a", "b"] {
        drift_venue(&world.aws, venue).await;
    }
    (cloud, world)
}

async fn drift_venue(aws: &Aws, venue: &str) {
    let (function, rule) = (format!("sync-{venue}"), format!("sync-{venue}-schedule"));
    let request = aws.iam.attach_role_policy().role_name(format!("{function}-role"));
    request.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").send().await.expect("attached");
    let request = aws.secrets.update_secret().secret_id(format!("sync/{venue}"));
    request.description("by hand").send().await.expect("changed");
    let request = aws.sdk().logs.delete_retention_policy().log_group_name(format!("/aws/lambda/{function}"));
    request.send().await.expect("removed");
    aws.lambda.delete_function_concurrency().function_name(&function).send().await.expect("removed");
    let lost = OnFailure::builder().destination("arn:aws:sqs:us-east-1:123456789012:lost").build();
    let request = aws.lambda.put_function_event_invoke_config().function_name(&function).qualifier("live");
    let request = request.destination_config(DestinationConfig::builder().on_failure(lost).build());
    request.send().await.expect("put");
    // As an earlier version added it.
    let request =
        aws.lambda.add_permission().function_name(&function).qualifier("live").statement_id("deployer-schedule");
    let request = request.action("lambda:InvokeFunction").principal("events.amazonaws.com");
    request.send().await.expect("added");
    let request = aws.events.put_rule().name(&rule).schedule_expression("rate(1 day)");
    request.send().await.expect("changed");
    let target = Target::builder().id("second").arn("arn:aws:sqs:us-east-1:123456789012:mine").build();
    aws.events.put_targets().rule(&rule).targets(target.expect("complete")).send().await.expect("put");
}

type Addresses = BTreeSet<(String, ResourceKind)>;

/// All kinds but contact properties, which are in HubSpot, and alarms and schedules, which `alarms` and `schedules` test.
fn aws_kinds() -> Vec<ResourceKind> {
    // No role of these worlds has been superseded.
    let left_out = [ResourceKind::FormerRole, ResourceKind::ScheduleGroup, ResourceKind::Schedule];
    let drifted = |kind: &ResourceKind| !kind.is_property() && !kind.is_alarm() && !left_out.contains(kind);
    ResourceKind::ALL.iter().copied().filter(drifted).collect()
}

/// What a new venue has: roles invoke, so no statement in a function's policy lets a rule do so.
fn created_kinds() -> Vec<ResourceKind> {
    aws_kinds().into_iter().filter(|kind| *kind != ResourceKind::Permission).collect()
}

fn addresses_of(venues: &[&str], kinds: &[ResourceKind]) -> Addresses {
    venues.iter().flat_map(|venue| kinds.iter().map(|kind| ((*venue).to_owned(), *kind))).collect()
}

fn changed_addresses(plan: &Plan) -> Addresses {
    plan.changes.iter().map(|change| (change.address.venue.clone(), change.address.kind)).collect()
}

fn unreadable_addresses(plan: &Plan) -> Addresses {
    let addresses = plan.unreadable.iter().filter_map(|unreadable| unreadable.address.clone());
    addresses.map(|address| (address.venue, address.kind)).collect()
}

fn fail_reads(cloud: &EmbeddedCloud, reads: &[Read], denied: &[&'static str], fault: &CloudFault) {
    let (reads, denied, fault) = (reads.to_vec(), denied.to_vec(), fault.clone());
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if denied.contains(&call.operation.as_str()) {
            return Some(InjectedFault::Before(read_failures()[0].clone()));
        }
        reads.iter().any(|read| read.matches_call(call)).then(|| InjectedFault::Before(fault.clone()))
    })));
}

/// With `read` failing, exactly `kinds` of venue `a` are left alone and reported, and everything else is fixed.
async fn assert_left_alone(read: Read, denied: &[&'static str], kinds: &[ResourceKind]) {
    for fault in read_failures() {
        let (cloud, world) = drifted_world().await;
        let desired = world.desired_from(&two_venue_manifest("sync"));
        assert_eq!(
            changed_addresses(&world.plan(&desired).await),
            addresses_of(&["a", "b"], &aws_kinds()),
            "everything has drifted"
        );
        let left = addresses_of(&["a"], kinds);
        fail_reads(&cloud, &[read], denied, &fault);
        let plan = world.plan(&desired).await;
        assert_eq!(unreadable_addresses(&plan), left, "{read:?} {fault:?}");
        assert_eq!(&changed_addresses(&plan) | &left, addresses_of(&["a", "b"], &aws_kinds()), "{read:?} {fault:?}");
        assert!(changed_addresses(&plan).is_disjoint(&left), "{read:?} {fault:?}");
        assert!(plan.unreadable.iter().all(|unread| unread.reason.contains(read.1)), "{:?}", plan.unreadable);
        let (outcome, _) = world.execute_plan(&plan).await;
        assert_eq!(outcome.failed, []);
        cloud.set_faults(None);
        assert_eq!(changed_addresses(&world.plan(&desired).await), left, "{read:?} {fault:?}: the rest is unchanged");
    }
}

/// Creates a resource of venue `a` that a list shows, so that the lists may only lack the rest. Not one of `kind`.
async fn create_one_resource(aws: &Aws, kind: ResourceKind) {
    let owner = [("deployer:deployment", "sync"), ("deployer:venue", "a")];
    if kind != ResourceKind::LogGroup {
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
async fn assert_not_created(read: Read, kinds: &[ResourceKind]) {
    for fault in read_failures() {
        let (cloud, world) = empty_world().await;
        create_one_resource(&world.aws, kinds[0]).await;
        let desired = world.desired_from(&two_venue_manifest("sync"));
        fail_reads(&cloud, &[read], &[], &fault);
        let plan = world.plan(&desired).await;
        let left = addresses_of(&["a"], kinds);
        assert_eq!(unreadable_addresses(&plan), left, "{read:?} {fault:?}");
        assert!(changed_addresses(&plan).is_disjoint(&left), "{read:?} {fault:?}");
        let created = addresses_of(&["a", "b"], &created_kinds());
        assert_eq!(&changed_addresses(&plan) | &left, &created | &left, "{read:?} {fault:?}");
        let (outcome, _) = world.execute_plan(&plan).await;
        assert_eq!(outcome.failed, []);
        cloud.set_faults(None);
        world.converge(&desired).await;
    }
}

/// With `read` failing, destroying everything leaves `kind` of venue `a` alone and reports it.
async fn assert_not_deleted(read: Read, denied: &[&'static str], kind: ResourceKind) {
    for fault in read_failures() {
        let (cloud, world) = empty_world().await;
        world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
        fail_reads(&cloud, &[read], denied, &fault);
        let plan = world.plan(&world.desired_nothing("sync")).await;
        assert!(unreadable_addresses(&plan).is_superset(&addresses_of(&["a"], &[kind])), "{read:?} {fault:?}");
        assert!(!changed_addresses(&plan).contains(&("a".to_owned(), kind)), "{read:?} {fault:?}");
        assert!(changed_addresses(&plan).is_superset(&addresses_of(&["b"], &created_kinds())), "{read:?} {fault:?}");
    }
}

/// A test for each read of a resource. Roles are read one by one only if the list of all roles with their policies is
/// denied.
macro_rules! left_alone {
    ($($name:ident $service:literal $operation:literal $resource:expr, $denied:expr => $kinds:expr;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                assert_left_alone(Read($service, $operation, $resource), &$denied, &$kinds).await;
            }
        )*
    };
}

/// The bulk lists of policies and tags.
const NO_BULK: [&str; 2] = ["GetAccountAuthorizationDetails", "GetResources"];

/// The rule invokes its target with the role, and keeps what else lets it until then.
const ROLE_AND_WHAT_NEEDS_IT: [ResourceKind; 3] = [ResourceKind::Role, ResourceKind::Permission, ResourceKind::Target];

left_alone! {
    role "iam" "GetRole" "sync-a-role", NO_BULK => ROLE_AND_WHAT_NEEDS_IT;
    policies_of_a_role "iam" "ListRolePolicies" "sync-a-role", NO_BULK => ROLE_AND_WHAT_NEEDS_IT;
    policy_of_a_role "iam" "GetRolePolicy" "sync-a-role", NO_BULK => ROLE_AND_WHAT_NEEDS_IT;
    attached_policies_of_a_role "iam" "ListAttachedRolePolicies" "sync-a-role", NO_BULK => ROLE_AND_WHAT_NEEDS_IT;
    tags_of_a_log_group "logs" "ListTagsForResource" GROUP, NO_BULK => [ResourceKind::LogGroup];
    function "lambda" "GetFunction" "sync-a", [] => [ResourceKind::Function, ResourceKind::Alias, ResourceKind::Permission];
    version_of_an_alias "lambda" "GetFunction" "sync-a:live", [] => [ResourceKind::Alias];
    asynchronous_settings_of_an_alias "lambda" "GetFunctionEventInvokeConfig" "sync-a:live", [] => [ResourceKind::Alias];
    policy_of_an_alias "lambda" "GetPolicy" "sync-a:live", [] => [ResourceKind::Permission];
    tags_of_a_rule "events" "ListTagsForResource" RULE, NO_BULK => [ResourceKind::Rule, ResourceKind::Permission, ResourceKind::Target];
    targets_of_a_rule "events" "ListTargetsByRule" "sync-a-schedule", [] =>
        [ResourceKind::Rule, ResourceKind::Permission, ResourceKind::Target];
}

/// Answers of `GetPolicy` that are a success, but not a policy.
const UNPARSABLE_POLICIES: [&str; 3] = ["{}", r#"{"Policy":"{not json"}"#, r#"{"Policy":"{}"}"#];

fn answer_calls(cloud: &EmbeddedCloud, operation: &'static str, body: &'static str) {
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        (call.operation == operation).then(|| InjectedFault::Before(CloudFault::Answer(body.to_owned())))
    })));
}

#[tokio::test]
async fn leaves_permissions_alone_whose_policy_cannot_be_parsed() {
    for body in UNPARSABLE_POLICIES {
        let (cloud, world) = drifted_world().await;
        answer_calls(&cloud, "GetPolicy", body);
        let left = addresses_of(&["a", "b"], &[ResourceKind::Permission]);
        let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
        // The policies of function and version are parts of theirs, which are compared without them.
        let parts = addresses_of(&["a", "b"], &[ResourceKind::Function, ResourceKind::Alias]);
        assert_eq!(unreadable_addresses(&plan), &left | &parts, "{body}");
        assert!(changed_addresses(&plan).is_disjoint(&left), "{body}");
        assert!(plan.unreadable.iter().all(|unread| unread.reason.contains("lambda:GetPolicy")), "{body}");
    }
}

/// A part that is denied leaves the rest of its resource as readable as it was, and is reported.
#[tokio::test]
async fn a_part_that_is_denied_is_reported_and_the_rest_is_fixed() {
    for (read, kind) in [
        (Read("iam", "ListRoles", ""), ResourceKind::Role),
        (Read("secretsmanager", "GetResourcePolicy", "sync/a"), ResourceKind::Secret),
        (Read("logs", "DescribeSubscriptionFilters", "/aws/lambda/sync-a"), ResourceKind::LogGroup),
        (Read("lambda", "GetPolicy", "sync-a"), ResourceKind::Function),
        (Read("lambda", "ListFunctionUrlConfigs", "sync-a"), ResourceKind::Function),
        (Read("lambda", "GetAlias", "sync-a"), ResourceKind::Alias),
        (Read("lambda", "GetPolicy", "sync-a:1"), ResourceKind::Alias),
    ] {
        for fault in read_failures() {
            let (cloud, world) = drifted_world().await;
            let all = move |call: &CloudCall| read.2.is_empty() && call.operation == read.1;
            let failing = fault.clone();
            cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
                (read.matches_call(call) || all(call)).then(|| InjectedFault::Before(failing.clone()))
            })));
            let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
            assert!(unreadable_addresses(&plan).contains(&("a".to_owned(), kind)), "{read:?} {fault:?}: {plan:?}");
            assert!(plan.unreadable.iter().all(|unread| unread.reason.contains(read.1)), "{:?}", plan.unreadable);
            assert_eq!(changed_addresses(&plan), addresses_of(&["a", "b"], &aws_kinds()), "{read:?} {fault:?}");
        }
    }
}

#[test]
fn plan_exits_with_3_and_changes_nothing_if_a_policy_cannot_be_parsed() {
    for body in UNPARSABLE_POLICIES {
        let site = Site::new();
        let (code, text) = site.run_apply();
        assert_eq!(code, 0, "{text}");
        site.take_write_calls();
        answer_calls(&site.cloud, "GetPolicy", body);
        let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains("the policy of sync-a:live"), "{text}");
        assert_eq!(site.take_write_calls(), Vec::<String>::new());
    }
}

macro_rules! not_created {
    ($($name:ident $service:literal $operation:literal $resource:expr => $kinds:expr;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                assert_not_created(Read($service, $operation, $resource), &$kinds).await;
            }
        )*
    };
}

not_created! {
    unlisted_role "iam" "GetRole" "sync-a-role" =>
        [ResourceKind::Role, ResourceKind::Function, ResourceKind::Alias, ResourceKind::Target];
    unlisted_secret "secretsmanager" "DescribeSecret" "sync/a" =>
        [ResourceKind::Secret, ResourceKind::Function, ResourceKind::Alias, ResourceKind::Target];
    unlisted_log_group "logs" "DescribeLogStreams" "/aws/lambda/sync-a" => [ResourceKind::LogGroup];
    unlisted_function "lambda" "GetFunction" "sync-a" =>
        [ResourceKind::Function, ResourceKind::Alias, ResourceKind::Permission, ResourceKind::Target];
    unlisted_rule "events" "DescribeRule" "sync-a-schedule" =>
        [ResourceKind::Rule, ResourceKind::Target];
}

#[tokio::test]
async fn does_not_delete_unreadable_resources() {
    assert_not_deleted(Read("iam", "GetRole", "sync-a-role"), &NO_BULK, ResourceKind::Role).await;
    assert_not_deleted(Read("logs", "ListTagsForResource", GROUP), &[], ResourceKind::LogGroup).await;
    assert_not_deleted(Read("lambda", "GetFunction", "sync-a"), &[], ResourceKind::Function).await;
    assert_not_deleted(Read("events", "ListTagsForResource", RULE), &[], ResourceKind::Rule).await;
    assert_not_deleted(Read("events", "ListTargetsByRule", "sync-a-schedule"), &[], ResourceKind::Rule).await;
}

/// Without a whole list, nothing that it would show is created, changed or deleted, in any venue. Of `kinds`, `needing` need
/// the list only to be created or changed.
async fn assert_list_left_alone(
    lists: &[&'static str],
    (kinds, needing): (&[ResourceKind], &[ResourceKind]),
    faults: &[CloudFault],
) {
    let kinds: Vec<ResourceKind> = kinds.iter().chain(needing).copied().collect();
    let undeleted: Vec<ResourceKind> = kinds.iter().filter(|kind| !needing.contains(kind)).copied().collect();
    for fault in faults {
        let (cloud, world) = drifted_world().await;
        let fail_lists = |cloud: &EmbeddedCloud| {
            let (lists, fault) = (lists.to_vec(), fault.clone());
            cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
                lists.contains(&call.operation.as_str()).then(|| InjectedFault::Before(fault.clone()))
            })));
        };
        fail_lists(&cloud);
        let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
        let left = addresses_of(&["a", "b"], &kinds);
        assert_eq!(unreadable_addresses(&plan), left, "{lists:?} {fault:?}");
        assert_eq!(&changed_addresses(&plan) | &left, addresses_of(&["a", "b"], &aws_kinds()), "{lists:?} {fault:?}");
        assert!(changed_addresses(&plan).is_disjoint(&left), "{lists:?} {fault:?}");
        assert!(plan.unreadable.iter().any(|unread| unread.address.is_none()), "the plan names the list itself");
        let pruned = world.plan(&world.desired_nothing("sync")).await;
        let undeleted = addresses_of(&["a", "b"], &undeleted);
        assert!(changed_addresses(&pruned).is_disjoint(&undeleted), "{lists:?} {fault:?}");
        assert!(!pruned.changes.is_empty() && !pruned.unreadable.is_empty(), "{lists:?} {fault:?}");

        let (cloud, world) = empty_world().await;
        fail_lists(&cloud);
        let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
        assert!(changed_addresses(&plan).is_disjoint(&left), "{lists:?} {fault:?}: nothing is created either");
    }
}

#[tokio::test]
async fn leaves_functions_alone_without_their_list() {
    assert_list_left_alone(
        &["ListFunctions"],
        (&[ResourceKind::Function, ResourceKind::Alias, ResourceKind::Permission], &[]),
        &read_failures(),
    )
    .await;
}

#[tokio::test]
async fn leaves_rules_alone_without_their_list() {
    assert_list_left_alone(
        &["ListRules"],
        (&[ResourceKind::Rule, ResourceKind::Target], &[ResourceKind::Permission]),
        &read_failures(),
    )
    .await;
}

#[tokio::test]
async fn leaves_secrets_alone_without_their_list() {
    assert_list_left_alone(&["ListSecrets"], (&[ResourceKind::Secret], &[]), &read_failures()).await;
}

#[tokio::test]
async fn leaves_log_groups_alone_without_their_list() {
    assert_list_left_alone(&["DescribeLogGroups"], (&[ResourceKind::LogGroup], &[]), &read_failures()).await;
}

#[tokio::test]
async fn leaves_roles_alone_without_their_lists() {
    let [denied, failing] = read_failures();
    let kinds: (&[_], &[_]) = (&[ResourceKind::Role], &[ResourceKind::Permission, ResourceKind::Target]);
    assert_list_left_alone(&["GetAccountAuthorizationDetails"], kinds, &[failing]).await;
    assert_list_left_alone(&["GetAccountAuthorizationDetails", "ListRoles"], kinds, &[denied]).await;
}

#[tokio::test]
async fn reads_roles_one_by_one_when_their_bulk_list_is_denied() {
    let (cloud, world) = drifted_world().await;
    fail_reads(&cloud, &[], &NO_BULK, &read_failures()[0]);
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let plan = world.plan(&desired).await;
    assert_eq!(
        (changed_addresses(&plan), unreadable_addresses(&plan)),
        (addresses_of(&["a", "b"], &aws_kinds()), Addresses::new())
    );
    world.converge(&desired).await;
    assert_eq!(
        changed_addresses(&world.plan(&world.desired_nothing("sync")).await),
        addresses_of(&["a", "b"], &created_kinds())
    );
}

/// The venue is no longer declared, and only tags show that the resource is ours.
async fn assert_unknown_owner_kept(read: Read, unmark: impl AsyncFn(&Aws)) {
    for fault in read_failures() {
        let (cloud, world) = empty_world().await;
        world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
        world.converge(&world.desired_nothing("sync")).await;
        unmark(&world.aws).await;
        let found = world.plan(&world.desired_nothing("sync")).await;
        assert_eq!(found.changes.len(), 1, "{read:?} is needed: {:?}", found.changes);
        assert_eq!(found.changes[0].action, Action::Delete);
        fail_reads(&cloud, &[read], &[], &fault);
        let plan = world.plan(&world.desired_nothing("sync")).await;
        assert_eq!(plan.changes, []);
        assert!(plan.unreadable.iter().any(|unread| unread.reason.contains(read.1)), "{:?}", plan.unreadable);
    }
}

#[tokio::test]
async fn does_not_delete_a_log_group_of_unknown_owner() {
    assert_unknown_owner_kept(Read("logs", "ListTagsForResource", GROUP), async |aws| {
        let request = aws.sdk().logs.create_log_group().log_group_name("/aws/lambda/sync-a");
        let request = request.tags("deployer:deployment", "sync").tags("deployer:venue", "a");
        request.send().await.expect("created");
    })
    .await;
}

#[tokio::test]
async fn does_not_delete_an_unmarked_rule_of_unknown_owner() {
    assert_unknown_owner_kept(Read("events", "ListTagsForResource", RULE), async |aws| {
        let tag = |key: &str, value: &str| {
            aws_sdk_eventbridge::types::Tag::builder().key(key).value(value).build().expect("complete")
        };
        let request = aws.events.put_rule().name("sync-a-schedule").schedule_expression("rate(1 day)");
        let request = request.tags(tag("deployer:deployment", "sync")).tags(tag("deployer:venue", "a"));
        request.send().await.expect("created");
    })
    .await;
}
