//! Scenarios of the reconciler that run on every cloud.

use crate::clouds::{OpenedCloud, TestCloud};
use crate::declared::declaring_manifest;
use crate::sdk::GeneratedClients as _;
use crate::wire::RecordedWrites;
use crate::world::{World, describe_actions, two_venue_manifest};

/// A test for each story on each cloud.
macro_rules! on_every_cloud {
    ($($story:ident)*) => {
        on_every_cloud! { @ in_process InProcess [doc = "embedded"] $($story)* }
        on_every_cloud! { @ over_http OverHttp [doc = "embedded"] $($story)* }
        on_every_cloud! { @ moto Moto [cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")] $($story)* }
        on_every_cloud! { @ ministack Ministack [cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")] $($story)* }
    };
    (@ $module:ident $target:ident $attribute:tt $($story:ident)*) => {
        mod $module {
            $(on_every_cloud! { @@ $target $attribute $story })*
        }
    };
    (@@ $target:ident $attribute:tt $story:ident) => {
        #[tokio::test]
        #$attribute
        async fn $story() {
            let opened = super::TestCloud::$target.open_account().await;
            super::$story(super::StoryWorld::new(opened).await).await;
        }
    };
}

on_every_cloud! {
    a_second_apply_makes_no_write_call
    applies_and_reverts_an_edit
    pauses_and_resumes_a_venue
    publishes_new_code_as_a_version_under_the_alias
    prunes_a_venue_and_restores_its_secret_when_it_returns
    destroy_deletes_only_what_is_ours
    leaves_foreign_resources_with_our_names_alone
    fixes_changes_made_by_hand
    sets_and_removes_declared_tags
}

struct StoryWorld {
    world: World,
    writes: RecordedWrites,
}

impl StoryWorld {
    async fn new(opened: OpenedCloud) -> Self {
        Self { world: World::new(opened.aws).await, writes: opened.writes }
    }
}

/// The manifest with one more line for venue `a`.
fn manifest_with(line: &str) -> String {
    let name = "display_name = \"Venue a\"";
    two_venue_manifest("sync").replace(name, &format!("{name}\n{line}"))
}

fn manifest_of_a() -> String {
    let both = two_venue_manifest("sync");
    both[..both.find("[venues.b]").expect("the manifest has b")].to_owned()
}

async fn a_second_apply_makes_no_write_call(StoryWorld { world, writes }: StoryWorld) {
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    assert!(!writes.take_writes().is_empty(), "the first apply writes");
    let outcome = world.apply(&desired).await;
    assert_eq!(outcome.done, []);
    assert_eq!(writes.take_writes(), Vec::<String>::new(), "the second apply makes no write call");
}

async fn applies_and_reverts_an_edit(StoryWorld { world, .. }: StoryWorld) {
    let before = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&before).await;
    for (line, changes) in [
        ("memory_mb = 512", &["a/function Update", "a/alias Update"] as &[&str]),
        ("log_retention_days = 90", &["a/log-group Update"]),
        ("schedule = \"rate(1 hour)\"", &["a/rule Update"]),
        ("on_ambiguous = \"resend\"", &["a/function Update", "a/alias Update"]),
    ] {
        let after = world.desired_from(&manifest_with(line));
        assert_eq!(describe_actions(&world.plan(&after).await), changes, "{line}");
        world.converge(&after).await;
        assert_eq!(describe_actions(&world.plan(&before).await), changes, "{line}, back");
        world.converge(&before).await;
    }
}

async fn pauses_and_resumes_a_venue(StoryWorld { world, writes }: StoryWorld) {
    let active = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&active).await;
    writes.take_writes();
    let paused = world.desired_from(&manifest_with("status = \"paused\""));
    world.converge(&paused).await;
    assert_eq!(writes.take_writes(), ["CreateLogGroup", "PutRule", "DeleteLogGroup"], "only the rule, under the lock");
    let rules = world.aws.events.list_rules().name_prefix("sync-a").send().await.expect("the call succeeds");
    assert_eq!(rules.rules()[0].state().map(|state| state.as_str()), Some("DISABLED"));
    world.converge(&active).await;
    assert_eq!(writes.take_writes(), ["CreateLogGroup", "PutRule", "DeleteLogGroup"]);
}

async fn publishes_new_code_as_a_version_under_the_alias(StoryWorld { world, .. }: StoryWorld) {
    let version = async |aws: &deployer_aws::Aws| {
        let alias = aws.lambda.get_alias().function_name("sync-a").name("live").send().await.expect("it exists");
        alias.function_version().map(ToOwned::to_owned)
    };
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    assert_eq!(version(&world.aws).await.as_deref(), Some("1"));
    let newer = World::with_code(world.aws.clone(), "#!/bin/sh\nexit 2\n").await;
    let desired = newer.desired_from(&two_venue_manifest("sync"));
    let changes = ["a/function Update", "a/alias Update", "b/function Update", "b/alias Update"];
    assert_eq!(describe_actions(&newer.plan(&desired).await), changes);
    newer.converge(&desired).await;
    assert_eq!(version(&newer.aws).await.as_deref(), Some("2"));
}

async fn prunes_a_venue_and_restores_its_secret_when_it_returns(StoryWorld { world, .. }: StoryWorld) {
    let both = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&both).await;
    let secret = || async {
        let answer = world.aws.secrets.describe_secret().secret_id("sync/b").send().await.expect("it exists");
        (answer.arn().map(ToOwned::to_owned), answer.deleted_date().is_some())
    };
    let (before, _) = secret().await;
    world.converge(&world.desired_from(&manifest_of_a())).await;
    assert!(secret().await.1, "the secret can be restored for a while");
    let plan = world.plan(&both).await;
    assert!(describe_actions(&plan).contains(&"b/secret Restore".to_owned()), "{:?}", describe_actions(&plan));
    world.converge(&both).await;
    assert_eq!(secret().await, (before, false), "it is the same secret");
    let value = world.aws.secrets.get_secret_value().secret_id("sync/b").send().await.expect("it has a value");
    assert!(value.secret_string().is_some_and(|value| value.contains("token-value")), "the value is kept");
}

async fn destroy_deletes_only_what_is_ours(StoryWorld { world, .. }: StoryWorld) {
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
    let functions = world.aws.lambda.list_functions().send().await.expect("the call succeeds");
    let names: Vec<_> = functions.functions().iter().filter_map(|function| function.function_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("sync-two-")), "{names:?}");
}

async fn leaves_foreign_resources_with_our_names_alone(StoryWorld { world, writes }: StoryWorld) {
    let aws = &world.aws;
    aws.sdk()
        .logs
        .create_log_group()
        .log_group_name("/aws/lambda/sync-a")
        .send()
        .await
        .expect("the log group is created");
    aws.events
        .put_rule()
        .name("sync-a-schedule")
        .schedule_expression("rate(1 day)")
        .send()
        .await
        .expect("the rule is created");
    aws.secrets.create_secret().name("sync/a").secret_string("theirs").send().await.expect("the secret is created");
    writes.take_writes();
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let plan = world.plan(&desired).await;
    assert_eq!(plan.conflicts.len(), 3, "{:?}", plan.conflicts);
    let touched: Vec<String> = describe_actions(&plan).into_iter().filter(|action| action.starts_with("a/")).collect();
    for kind in ["log-group", "rule", "secret"] {
        assert!(!touched.iter().any(|action| action.starts_with(&format!("a/{kind} "))), "{touched:?}");
    }
    let (outcome, _) = world.execute_plan(&plan).await;
    assert_eq!(outcome.failed, []);
    assert_eq!(world.apply(&world.desired_nothing("sync")).await.failed, []);
    let rules = aws.events.list_rules().name_prefix("sync-a").send().await.expect("the call succeeds");
    assert_eq!(rules.rules()[0].schedule_expression(), Some("rate(1 day)"));
    let value = aws.secrets.get_secret_value().secret_id("sync/a").send().await.expect("it exists");
    assert_eq!(value.secret_string(), Some("theirs"));
    let groups = aws.sdk().logs.describe_log_groups().log_group_name_prefix("/aws/lambda/sync-a").send().await;
    assert_eq!(groups.expect("the call succeeds").log_groups()[0].retention_in_days(), None);
}

async fn fixes_changes_made_by_hand(StoryWorld { world, .. }: StoryWorld) {
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.converge(&desired).await;
    let aws = &world.aws;
    aws.events.disable_rule().name("sync-a-schedule").send().await.expect("the rule is disabled");
    aws.events.remove_targets().rule("sync-b-schedule").ids("sync").send().await.expect("the target is removed");
    aws.sdk()
        .logs
        .delete_log_group()
        .log_group_name("/aws/lambda/sync-b")
        .send()
        .await
        .expect("the log group is deleted");
    let request = aws.lambda.update_function_configuration().function_name("sync-a").timeout(7);
    request.send().await.expect("the function is changed");
    let changes = ["a/function Update", "a/alias Update", "a/rule Update", "b/log-group Create", "b/target Create"];
    assert_eq!(describe_actions(&world.plan(&desired).await), changes);
    world.converge(&desired).await;
}

async fn sets_and_removes_declared_tags(StoryWorld { world, writes }: StoryWorld) {
    let plain = world.desired_from(&two_venue_manifest("sync"));
    let tagged = world.desired_from(&declaring_manifest("tags = { CostCenter = \"4711\", Team = \"ops\" }", ""));
    world.converge(&tagged).await;
    let arn = world.scope.regional_arn("lambda", "function:sync-a");
    let tags = async || {
        let answer = world.aws.lambda.list_tags().resource(&arn).send().await.expect("the function has tags");
        answer.tags().cloned().unwrap_or_default()
    };
    assert_eq!(tags().await.get("CostCenter").map(String::as_str), Some("4711"));
    world.aws.lambda.tag_resource().resource(&arn).tags("Theirs", "1").send().await.expect("it is tagged");
    world.aws.lambda.tag_resource().resource(&arn).tags("Team", "other").send().await.expect("it is tagged");
    assert_eq!(describe_actions(&world.plan(&tagged).await), ["a/function Update"]);
    world.converge(&tagged).await;
    assert_eq!(tags().await.get("Team").map(String::as_str), Some("ops"), "a declared tag is put back");
    writes.take_writes();
    world.converge(&plain).await;
    let left = tags().await;
    assert!(!left.contains_key("CostCenter") && !left.contains_key("Team"), "{left:?}");
    assert!(left.contains_key("Theirs"), "tags of others stay");
}
