//! Drift of everything that is managed: a plan finds exactly what was changed by hand, and an apply reverts it and
//! touches nothing else.

use aws_sdk_eventbridge::types::Target;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment};
use deployer::render::{PlanDetail, plan_text};
use deployer_artifact::zip;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::plan::{Action, Plan};
use deployer_core::resource::Observed;
use deployer_core::snapshot::Snapshot;
use serde_json::Value;

use crate::sdk::GeneratedClients as _;
use crate::world::{World, two_venue_manifest};

const FUNCTION: &str = "sync-a";
const ALIAS: &str = "live";
const ROLE: &str = "sync-a-role";
const RULE: &str = "sync-a-schedule";
const SECRET: &str = "sync/a";
const GROUP: &str = "/aws/lambda/sync-a";
const VENUE: &str = "deployer:venue";

/// A test for each kind of drift: how it happens, and what a plan finds. Updates list each attribute, creations don't.
macro_rules! drifts {
    ($($name:ident |$aws:ident| $change:block => [$($found:literal),+ $(,)?])*) => {
        $(
            #[tokio::test]
            async fn $name() {
                assert_found_and_fixed(async |$aws: &Aws| $change, &[$($found),+]).await;
            }
        )*
    };
}

async fn converged_world() -> (EmbeddedCloud, World) {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    (cloud, world)
}

async fn assert_found_and_fixed(drift: impl AsyncFnOnce(&Aws), found: &[&str]) {
    let (cloud, world) = converged_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let before = world.observe(&desired).await;
    drift(&world.aws).await;
    let plan = world.plan(&desired).await;
    assert_eq!(changed_attributes(&plan), found);
    assert_eq!((plan.unreadable.len(), plan.conflicts.len()), (0, 0));
    cloud.forget_calls();
    let (outcome, _) = world.execute_plan(&plan).await;
    assert_eq!(outcome.failed, []);
    let venue = found[0].split('/').next().expect("the listener has an address");
    for call in cloud.recorded_writes() {
        let (name, path) = (format!("sync-{venue}"), format!("sync/{venue}"));
        let ours = call.resource.contains(&name) || call.resource.contains(&path);
        assert!(ours || call.operation == "CreateFunction", "{call} of {}", call.resource);
    }
    assert_eq!(
        changed_attributes(&world.plan(&desired).await),
        Vec::<String>::new(),
        "a second apply has nothing to do"
    );
    assert_eq!(
        comparable_json(world.observe(&desired).await),
        comparable_json(before),
        "everything is as it was before"
    );
}

/// `venue/kind action attribute` for each attribute that changes.
fn changed_attributes(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &plan.changes {
        let head = format!("{} {:?}", change.address, change.action);
        match change.action {
            Action::Update | Action::Replace => {
                lines.extend(change.attributes.iter().map(|attribute| format!("{head} {}", attribute.path)));
            }
            Action::Create | Action::Restore | Action::Delete => lines.push(head),
        }
    }
    lines
}

/// Removes what differs each time it is created: a version's number, the end of a secret's ARN, and which of its two ids a
/// permission has.
fn comparable_json(mut snapshot: Snapshot) -> Value {
    let mut arns = Vec::new();
    for live in snapshot.venues.values_mut() {
        if let Observed::Present(alias) = &mut live.alias {
            alias.version.clear();
        }
        if let Observed::Present(role) = &mut live.role {
            role.created = None;
        }
        if let Observed::Present(permission) = &mut live.permission {
            permission.statements.iter_mut().for_each(|statement| statement.statement_id.clear());
        }
        arns.extend(live.secret.as_present().map(|secret| secret.arn.clone()));
    }
    let text = serde_json::to_string(&snapshot).expect("valid JSON");
    let text = arns.iter().fold(text, |text, arn| text.replace(arn.as_str(), &arn[..arn.len() - 6]));
    serde_json::from_str(&text).expect("valid JSON")
}

/// Changes the environment of `$LATEST`.
async fn change_environment(aws: &Aws, change: impl FnOnce(&mut std::collections::HashMap<String, String>)) {
    let found = aws.lambda.get_function_configuration().function_name(FUNCTION).send().await.expect("it exists");
    let mut variables = found.environment().and_then(|found| found.variables()).cloned().expect("it has variables");
    change(&mut variables);
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let request = aws.lambda.update_function_configuration().function_name(FUNCTION).environment(environment);
    request.send().await.expect("it is changed");
}

/// Publishes a version with different memory and moves the alias there. `$LATEST` stays the same.
async fn move_alias(aws: &Aws) {
    let memory = async |megabytes| {
        let request = aws.lambda.update_function_configuration().function_name(FUNCTION).memory_size(megabytes);
        request.send().await.expect("it is changed");
    };
    let found = aws.lambda.get_function_configuration().function_name(FUNCTION).send().await.expect("it exists");
    memory(2048).await;
    let published = aws.lambda.publish_version().function_name(FUNCTION).send().await.expect("published");
    memory(found.memory_size().expect("it has memory")).await;
    let request = aws.lambda.update_alias().function_name(FUNCTION).name(ALIAS);
    request.set_function_version(published.version).send().await.expect("moved");
}

async fn remove_targets(aws: &Aws) {
    aws.events.remove_targets().rule(RULE).ids("sync").send().await.expect("it is removed");
}

async fn change_target(aws: &Aws, change: impl FnOnce(&mut Target)) {
    let found = aws.events.list_targets_by_rule().rule(RULE).send().await.expect("it is listed");
    let mut target = found.targets()[0].clone();
    change(&mut target);
    aws.events.put_targets().rule(RULE).targets(target).send().await.expect("put");
}

async fn add_permission(aws: &Aws, principal: &str, source: &str) {
    let request = aws.lambda.add_permission().function_name(FUNCTION).qualifier(ALIAS);
    let request = request.statement_id("deployer-schedule").action("lambda:InvokeFunction").principal(principal);
    request.source_arn(source).source_account("123456789012").send().await.expect("added");
}

async fn put_policy(aws: &Aws, name: &str, document: &str) {
    let request = aws.iam.put_role_policy().role_name(ROLE).policy_name(name);
    request.policy_document(document).send().await.expect("put");
}

async fn set_trust(aws: &Aws, principal: &str) {
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
    );
    let request = aws.iam.update_assume_role_policy().role_name(ROLE).policy_document(document);
    request.send().await.expect("it is changed");
}

fn local_arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:us-east-1:123456789012:{resource}")
}

fn secret_policy(resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"{resource}"}}]}}"#
    )
}

drifts! {
    variable_changed |aws| {
        change_environment(aws, |variables| drop(variables.insert("VENUE".to_owned(), "b".to_owned()))).await;
    } => ["a/function Update environment.VENUE", "a/alias Update version"]

    variable_added |aws| {
        change_environment(aws, |variables| drop(variables.insert("DEBUG".to_owned(), "1".to_owned()))).await;
    } => ["a/function Update environment.DEBUG", "a/alias Update version"]

    variable_removed |aws| {
        change_environment(aws, |variables| drop(variables.remove("VENUE"))).await;
    } => ["a/function Update environment.VENUE", "a/alias Update version"]

    memory_changed |aws| {
        let request = aws.lambda.update_function_configuration().function_name(FUNCTION).memory_size(2048);
        request.send().await.expect("it is changed");
    } => ["a/function Update memory_mb", "a/alias Update version"]

    timeout_changed |aws| {
        let request = aws.lambda.update_function_configuration().function_name(FUNCTION).timeout(7);
        request.send().await.expect("it is changed");
    } => ["a/function Update timeout_s", "a/alias Update version"]

    handler_changed |aws| {
        let request = aws.lambda.update_function_configuration().function_name(FUNCTION).handler("other");
        request.send().await.expect("it is changed");
    } => ["a/function Update handler", "a/alias Update version"]

    function_description_changed |aws| {
        let request = aws.lambda.update_function_configuration().function_name(FUNCTION).description("mine");
        request.send().await.expect("it is changed");
    } => ["a/function Update description", "a/alias Update version"]

    code_changed |aws| {
        let other = zip::build_deterministic_zip(&[("bootstrap", b"#!/bin/sh\nexit 9\n")]).expect("it is zipped");
        let request = aws.lambda.update_function_code().function_name(FUNCTION).zip_file(Blob::new(other.to_vec()));
        request.send().await.expect("it is changed");
    } => ["a/function Update code_sha256", "a/alias Update version"]

    code_and_architecture_changed |aws| {
        let other = zip::build_deterministic_zip(&[("bootstrap", b"#!/bin/sh\nexit 9\n")]).expect("it is zipped");
        let request = aws.lambda.update_function_code().function_name(FUNCTION).zip_file(Blob::new(other.to_vec()));
        request.architectures(Architecture::Arm64).send().await.expect("it is changed");
    } => ["a/function Update architecture", "a/function Update code_sha256", "a/alias Update version"]

    role_of_the_function_changed |aws| {
        let trust = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let made = aws.iam.create_role().role_name("by-hand").assume_role_policy_document(trust).send().await;
        let role = made.expect("it is created").role.expect("the answer has the role");
        let request = aws.lambda.update_function_configuration().function_name(FUNCTION).role(role.arn());
        request.send().await.expect("it is changed");
    } => ["a/function Update role", "a/alias Update version"]

    reserved_concurrency_changed |aws| {
        let request = aws.lambda.put_function_concurrency().function_name(FUNCTION);
        request.reserved_concurrent_executions(5).send().await.expect("it is changed");
    } => ["a/function Update reserved_concurrency"]

    reserved_concurrency_removed |aws| {
        aws.lambda.delete_function_concurrency().function_name(FUNCTION).send().await.expect("it is removed");
    } => ["a/function Update reserved_concurrency"]

    alias_moved_to_another_version |aws| { move_alias(aws).await } => ["a/alias Update version"]

    alias_moved_to_latest |aws| {
        let request = aws.lambda.update_function_configuration().function_name(FUNCTION).memory_size(2048);
        request.send().await.expect("it is changed");
        let request = aws.lambda.update_alias().function_name(FUNCTION).name(ALIAS).function_version("$LATEST");
        request.send().await.expect("moved");
    } => ["a/function Update memory_mb", "a/alias Update version"]

    alias_moved_and_concurrency_changed |aws| {
        move_alias(aws).await;
        aws.lambda.delete_function_concurrency().function_name(FUNCTION).send().await.expect("it is removed");
    } => ["a/function Update reserved_concurrency", "a/alias Update version"]

    alias_moved_and_function_untagged |aws| {
        move_alias(aws).await;
        let resource = local_arn("lambda", "function:sync-a");
        aws.lambda.untag_resource().resource(resource).tag_keys(VENUE).send().await.expect("it is untagged");
    } => ["a/function Update tags.deployer:venue", "a/alias Update version"]

    rule_disabled |aws| {
        aws.events.disable_rule().name(RULE).send().await.expect("disabled");
    } => ["a/rule Update state"]

    rule_of_a_paused_venue_enabled |aws| {
        aws.events.enable_rule().name("sync-b-schedule").send().await.expect("enabled");
    } => ["b/rule Update state"]

    rule_rescheduled |aws| {
        let found = aws.events.describe_rule().name(RULE).send().await.expect("it exists");
        let request = aws.events.put_rule().name(RULE).schedule_expression("rate(1 day)");
        request.set_description(found.description).send().await.expect("it is changed");
    } => ["a/rule Update schedule"]

    rule_put_without_its_description |aws| {
        let found = aws.events.describe_rule().name(RULE).send().await.expect("it exists");
        let request = aws.events.put_rule().name(RULE).set_schedule_expression(found.schedule_expression);
        request.send().await.expect("it is changed");
    } => ["a/rule Update description"]

    target_removed |aws| { remove_targets(aws).await } => ["a/target Create"]

    second_target_added |aws| {
        let found = aws.events.list_targets_by_rule().rule(RULE).send().await.expect("it is listed");
        let mut second = found.targets()[0].clone();
        second.id = "second".to_owned();
        aws.events.put_targets().rule(RULE).targets(second).send().await.expect("put");
    } => ["a/target Update targets.second"]

    target_replaced_by_another |aws| {
        let found = aws.events.list_targets_by_rule().rule(RULE).send().await.expect("it is listed");
        let mut second = found.targets()[0].clone();
        second.id = "second".to_owned();
        aws.events.put_targets().rule(RULE).targets(second).send().await.expect("put");
        remove_targets(aws).await;
    } => [
        "a/target Update arn",
        "a/target Update role_arn",
        "a/target Update maximum_retry_attempts",
        "a/target Update maximum_event_age_s",
        "a/target Update targets.second",
    ]

    target_changed_to_the_function_without_its_alias |aws| {
        let found = aws.events.list_targets_by_rule().rule(RULE).send().await.expect("it is listed");
        let mut target = found.targets()[0].clone();
        target.arn = local_arn("lambda", "function:sync-a");
        aws.events.put_targets().rule(RULE).targets(target).send().await.expect("put");
    } => ["a/target Update arn"]

    retry_policy_of_the_target_removed |aws| {
        let found = aws.events.list_targets_by_rule().rule(RULE).send().await.expect("it is listed");
        let mut target = found.targets()[0].clone();
        target.retry_policy = None;
        aws.events.put_targets().rule(RULE).targets(target).send().await.expect("put");
    } => ["a/target Update maximum_retry_attempts", "a/target Update maximum_event_age_s"]

    target_without_its_role |aws| {
        change_target(aws, |target| target.role_arn = None).await;
    } => ["a/target Update role_arn"]

    target_with_another_role |aws| {
        let role = "arn:aws:iam::123456789012:role/other";
        change_target(aws, |target| target.role_arn = Some(role.to_owned())).await;
    } => ["a/target Update role_arn"]

    permission_of_an_earlier_version |aws| {
        add_permission(aws, "events.amazonaws.com", &local_arn("events", "rule/sync-a-schedule")).await;
    } => ["a/permission Delete"]

    permission_for_another_rule |aws| {
        add_permission(aws, "events.amazonaws.com", &local_arn("events", "rule/sync-b-schedule")).await;
    } => ["a/permission Delete"]

    trust_in_lambda_for_any_account |aws| {
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Service":"lambda.amazonaws.com"}},{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Service":"events.amazonaws.com"},"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012",
            "aws:SourceArn":"arn:aws:events:us-east-1:123456789012:rule/sync-a-schedule"}}}]}"#;
        let request = aws.iam.update_assume_role_policy().role_name(ROLE).policy_document(document);
        request.send().await.expect("changed");
    } => ["a/role Update trust.Statement[0].Condition"]

    trust_in_rules_of_any_name |aws| {
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Service":"lambda.amazonaws.com"},"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}},
            {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"events.amazonaws.com"},
            "Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}]}"#;
        let request = aws.iam.update_assume_role_policy().role_name(ROLE).policy_document(document);
        request.send().await.expect("changed");
    } => ["a/role Update trust.Statement[1].Condition.StringEquals.aws:SourceArn"]

    inline_policy_widened |aws| {
        let found = aws.iam.get_role_policy().role_name(ROLE).policy_name("sync").send().await.expect("it exists");
        let text = percent_encoding::percent_decode_str(found.policy_document()).decode_utf8_lossy();
        let mut document: Value = serde_json::from_str(&text).expect("valid JSON");
        document["Statement"][0]["Resource"] = "*".into();
        put_policy(aws, "sync", &document.to_string()).await;
    } => ["a/role Update policy.Statement[0].Resource"]

    inline_policy_deleted |aws| {
        aws.iam.delete_role_policy().role_name(ROLE).policy_name("sync").send().await.expect("it is deleted");
    } => ["a/role Update policy"]

    second_inline_policy_added |aws| {
        put_policy(aws, "extra", &secret_policy("*")).await;
    } => ["a/role Update policies.extra"]

    managed_policy_attached |aws| {
        let request = aws.iam.attach_role_policy().role_name(ROLE);
        request.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").send().await.expect("it is attached");
    } => ["a/role Update attached_policies"]

    trust_policy_widened |aws| {
        set_trust(aws, r#"{"Service":"lambda.amazonaws.com","AWS":"arn:aws:iam::999999999999:root"}"#).await;
    } => [
        "a/role Update trust.Statement[0].Principal.AWS",
        "a/role Update trust.Statement[0].Condition",
        "a/role Update trust.Statement[1]",
    ]

    trust_policy_changed |aws| {
        set_trust(aws, r#"{"Service":"ec2.amazonaws.com"}"#).await;
    } => [
        "a/role Update trust.Statement[0].Principal.Service",
        "a/role Update trust.Statement[0].Condition",
        "a/role Update trust.Statement[1]",
    ]

    log_retention_removed |aws| {
        aws.sdk().logs.delete_retention_policy().log_group_name(GROUP).send().await.expect("it is removed");
    } => ["a/log-group Update retention_days"]

    log_retention_changed |aws| {
        aws.sdk().logs.put_retention_policy().log_group_name(GROUP).retention_in_days(3).send().await.expect("it is changed");
    } => ["a/log-group Update retention_days"]

    secret_description_changed |aws| {
        aws.secrets.update_secret().secret_id(SECRET).description("mine").send().await.expect("it is changed");
    } => ["a/secret Update description"]

    tag_of_the_role_removed |aws| {
        aws.iam.untag_role().role_name(ROLE).tag_keys(VENUE).send().await.expect("it is untagged");
    } => ["a/role Update tags.deployer:venue"]

    tag_of_the_secret_removed |aws| {
        aws.secrets.untag_resource().secret_id(SECRET).tag_keys(VENUE).send().await.expect("it is untagged");
    } => ["a/secret Update tags.deployer:venue"]

    tag_of_the_log_group_removed |aws| {
        let resource = local_arn("logs", "log-group:/aws/lambda/sync-a");
        aws.sdk().logs.untag_resource().resource_arn(resource).tag_keys(VENUE).send().await.expect("it is untagged");
    } => ["a/log-group Update tags.deployer:venue"]

    tag_of_the_function_removed |aws| {
        let resource = local_arn("lambda", "function:sync-a");
        aws.lambda.untag_resource().resource(resource).tag_keys(VENUE).send().await.expect("it is untagged");
    } => ["a/function Update tags.deployer:venue"]

    tag_of_the_rule_removed |aws| {
        let resource = local_arn("events", "rule/sync-a-schedule");
        aws.events.untag_resource().resource_arn(resource).tag_keys(VENUE).send().await.expect("it is untagged");
    } => ["a/rule Update tags.deployer:venue"]

    owner_tag_of_the_role_removed |aws| {
        aws.iam.untag_role().role_name(ROLE).tag_keys("deployer:deployment").send().await.expect("it is untagged");
    } => ["a/role Update tags.deployer:deployment"]

    role_deleted |aws| {
        aws.iam.delete_role_policy().role_name(ROLE).policy_name("sync").send().await.expect("it is deleted");
        aws.iam.delete_role().role_name(ROLE).send().await.expect("it is deleted");
    } => ["a/role Create", "a/function Update role", "a/alias Update version"]

    secret_deleted_permanently |aws| {
        let request = aws.secrets.delete_secret().secret_id(SECRET).force_delete_without_recovery(true);
        request.send().await.expect("it is deleted");
    } => ["a/secret Create", "a/function Update environment.SECRET_ARN", "a/alias Update version"]

    secret_scheduled_for_deletion |aws| {
        aws.secrets.delete_secret().secret_id(SECRET).send().await.expect("scheduled");
    } => ["a/secret Restore"]

    log_group_deleted |aws| {
        aws.sdk().logs.delete_log_group().log_group_name(GROUP).send().await.expect("it is deleted");
    } => ["a/log-group Create"]

    function_deleted |aws| {
        aws.lambda.delete_function().function_name(FUNCTION).send().await.expect("it is deleted");
    } => ["a/function Create", "a/alias Create"]

    alias_deleted |aws| {
        aws.lambda.delete_alias().function_name(FUNCTION).name(ALIAS).send().await.expect("it is deleted");
    } => ["a/alias Create"]

    rule_deleted |aws| {
        remove_targets(aws).await;
        aws.events.delete_rule().name(RULE).send().await.expect("it is deleted");
    } => ["a/rule Create", "a/target Create"]
}

#[tokio::test]
async fn shows_the_removal_of_an_added_variable_without_its_value() {
    let (_cloud, world) = converged_world().await;
    let add = |variables: &mut std::collections::HashMap<_, _>| {
        variables.insert("API_KEY".to_owned(), "top-secret-value".to_owned());
    };
    change_environment(&world.aws, add).await;
    let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    let removal = &plan.changes[0].attributes[0];
    assert_eq!((removal.path.as_str(), &removal.after), ("environment.API_KEY", &None));
    assert_eq!(removal.before, Some("(not shown)".into()));
    let shown = anstream::adapter::strip_str(&plan_text(&plan, PlanDetail::Folded)).to_string();
    assert!(shown.contains("- environment.API_KEY"), "{shown}");
    let whole = format!("{shown}{}", serde_json::to_string(&plan).expect("valid JSON"));
    assert!(!whole.contains("top-secret-value"), "{whole}");
}
