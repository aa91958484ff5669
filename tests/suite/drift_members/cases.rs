//! The drifts: how each happens, and what a plan finds.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::types::Distribution;
use aws_sdk_eventbridge::types::{DeadLetterConfig as TargetDeadLetters, InputTransformer, RuleState, Target};
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, DeadLetterConfig, DestinationConfig, EphemeralStorage, FileSystemConfig,
    FunctionUrlAuthType, LogFormat, LoggingConfig, OnFailure, SnapStart, SnapStartApplyOn, TracingConfig, TracingMode,
    VpcConfig,
};
use aws_sdk_secretsmanager::types::ReplicaRegionType;
use deployer_aws::Aws;
use deployer_cloud::EmbeddedCloud;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::sdk::GeneratedClients as _;

pub const FUNCTION: &str = "sync-a";
const ALIAS: &str = "live";
const ROLE: &str = "sync-a-role";
const RULE: &str = "sync-a-schedule";
pub const SECRET: &str = "sync/a";
pub const GROUP: &str = "/aws/lambda/sync-a";
const STRANGER: &str = "999999999999";

/// One drift: how it happens, the attributes that a plan changes, and a part of each finding.
pub struct DriftCase {
    pub name: &'static str,
    pub change: for<'a> fn(&'a Aws, &'a EmbeddedCloud) -> BoxFuture<'a, ()>,
    pub changed: &'static [&'static str],
    pub found: &'static [&'static str],
}

macro_rules! drift_cases {
    ($($name:ident |$aws:ident, $cloud:ident| $change:block => [$($changed:literal),*], [$($found:literal),*])*) => {
        vec![$(DriftCase {
            name: stringify!($name),
            change: |$aws, $cloud| Box::pin(async move {
                let _ = ($aws, $cloud);
                $change
            }),
            changed: &[$($changed),*],
            found: &[$($found),*],
        }),*]
    };
}

/// Sets a member of the function's answer.
pub fn set_member(cloud: &EmbeddedCloud, member: &str, value: Value) {
    let set = |cx: &mut deployer_cloud::CloudContext<'_>| {
        let function = cx.region_state_mut().lambda.functions.get_mut(FUNCTION).expect("it exists");
        function.configuration.others.insert(member.to_owned(), value);
    };
    cloud.with_context(set).expect("the state is readable");
}

async fn change_target(aws: &Aws, change: impl FnOnce(&mut Target)) {
    let found = aws.events.list_targets_by_rule().rule(RULE).send().await.expect("it is listed");
    let mut target = found.targets()[0].clone();
    change(&mut target);
    aws.events.put_targets().rule(RULE).targets(target).send().await.expect("put");
}

/// Puts the rule as it is, with more.
fn put_rule(aws: &Aws) -> aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder {
    let request = aws.events.put_rule().name(RULE).description("deployer:sync/a");
    request.schedule_expression("rate(5 minutes)")
}

async fn put_rule_as_it_is(
    aws: &Aws,
    change: impl FnOnce(
        aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder,
    ) -> aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder,
) {
    let found = aws.events.describe_rule().name(RULE).send().await.expect("it exists");
    let request = put_rule(aws).set_description(found.description).set_schedule_expression(found.schedule_expression);
    change(request).send().await.expect("put");
}

fn update_function(
    aws: &Aws,
) -> aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder {
    aws.lambda.update_function_configuration().function_name(FUNCTION)
}

async fn add_permission(aws: &Aws, qualifier: Option<&str>, sid: &str, principal: &str) {
    let request = aws.lambda.add_permission().function_name(FUNCTION).set_qualifier(qualifier.map(ToOwned::to_owned));
    let request = request.statement_id(sid).action("lambda:InvokeFunction").principal(principal);
    request.send().await.expect("added");
}

async fn create_url(aws: &Aws, qualifier: Option<&str>, auth: FunctionUrlAuthType) {
    let request = aws.lambda.create_function_url_config().function_name(FUNCTION);
    request.set_qualifier(qualifier.map(ToOwned::to_owned)).auth_type(auth).send().await.expect("created");
}

async fn put_secret_policy(aws: &Aws, statements: Value) {
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    aws.secrets.put_resource_policy().secret_id(SECRET).resource_policy(policy).send().await.expect("put");
}

/// The drifts, by kind of resource.
pub fn drift_cases() -> Vec<DriftCase> {
    drift_cases! {
        target_input |aws, cloud| {
            change_target(aws, |target| target.input = Some("{\"dry_run\":true}".to_owned())).await;
        } => ["a/target Update Input"], []

        target_input_path |aws, cloud| {
            change_target(aws, |target| target.input_path = Some("$.detail".to_owned())).await;
        } => ["a/target Update InputPath"], []

        target_input_transformer |aws, cloud| {
            let transformer = InputTransformer::builder().input_template("{\"dry_run\":true}").build();
            change_target(aws, |target| target.input_transformer = transformer.ok()).await;
        } => ["a/target Update InputTransformer"], []

        target_dead_letters |aws, cloud| {
            let queue = TargetDeadLetters::builder().arn("arn:aws:sqs:us-east-1:123456789012:lost").build();
            change_target(aws, |target| target.dead_letter_config = Some(queue)).await;
        } => ["a/target Update DeadLetterConfig"], []

        pattern_beside_the_schedule |aws, cloud| {
            put_rule_as_it_is(aws, |request| request.event_pattern("{\"source\":[\"aws.s3\"]}")).await;
        } => ["a/rule Update EventPattern"], []

        role_of_the_rule |aws, cloud| {
            put_rule_as_it_is(aws, |request| request.role_arn("arn:aws:iam::123456789012:role/other")).await;
        } => ["a/rule Update RoleArn"], []

        rule_of_all_management_events |aws, cloud| {
            let state = RuleState::EnabledWithAllCloudtrailManagementEvents;
            put_rule_as_it_is(aws, |request| request.state(state)).await;
        } => ["a/rule Update State"], []

        alias_weights |aws, cloud| {
            let weights = HashMap::from([("1".to_owned(), 0.5)]);
            let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build();
            let request = aws.lambda.update_alias().function_name(FUNCTION).name(ALIAS).routing_config(routing);
            request.send().await.expect("changed");
        } => ["a/alias Update RoutingConfig"], []

        alias_description |aws, cloud| {
            let request = aws.lambda.update_alias().function_name(FUNCTION).name(ALIAS).description("mine");
            request.send().await.expect("changed");
        } => ["a/alias Update Description"], []

        vpc |aws, cloud| {
            let vpc = VpcConfig::builder().subnet_ids("subnet-1").security_group_ids("sg-1").build();
            update_function(aws).vpc_config(vpc).send().await.expect("changed");
        } => ["a/function Update VpcConfig", "a/alias Update version"], []

        dead_letters_of_the_function |aws, cloud| {
            let queue = DeadLetterConfig::builder().target_arn("arn:aws:sqs:us-east-1:123456789012:lost").build();
            update_function(aws).dead_letter_config(queue).send().await.expect("changed");
        } => ["a/function Update DeadLetterConfig", "a/alias Update version"], []

        tracing |aws, cloud| {
            let tracing = TracingConfig::builder().mode(TracingMode::Active).build();
            update_function(aws).tracing_config(tracing).send().await.expect("changed");
        } => ["a/function Update TracingConfig.Mode", "a/alias Update version"], []

        layers |aws, cloud| {
            let layer = "arn:aws:lambda:us-east-1:999999999999:layer:spy:1";
            update_function(aws).layers(layer).send().await.expect("changed");
        } => ["a/function Update Layers", "a/alias Update version"], []

        file_systems |aws, cloud| {
            let point = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-1";
            let system = FileSystemConfig::builder().arn(point).local_mount_path("/mnt/x").build();
            update_function(aws).file_system_configs(system.expect("complete")).send().await.expect("changed");
        } => ["a/function Update FileSystemConfigs", "a/alias Update version"], []

        ephemeral_storage |aws, cloud| {
            let storage = EphemeralStorage::builder().size(10240).build().expect("complete");
            update_function(aws).ephemeral_storage(storage).send().await.expect("changed");
        } => ["a/function Update EphemeralStorage.Size", "a/alias Update version"], []

        snap_start |aws, cloud| {
            let snapshot = SnapStart::builder().apply_on(SnapStartApplyOn::PublishedVersions).build();
            update_function(aws).snap_start(snapshot).send().await.expect("changed");
        } => ["a/function Update SnapStart.ApplyOn", "a/alias Update version"], []

        logging |aws, cloud| {
            let logging = LoggingConfig::builder().log_format(LogFormat::Json).log_group("/elsewhere").build();
            update_function(aws).logging_config(logging).send().await.expect("changed");
        } => [
            "a/function Update LoggingConfig.LogFormat",
            "a/function Update LoggingConfig.LogGroup",
            "a/alias Update version"
        ], []

        key_of_the_function |aws, cloud| {
            let key = "arn:aws:kms:us-east-1:123456789012:key/1";
            update_function(aws).kms_key_arn(key).send().await.expect("changed");
        } => [], ["KMSKeyArn"]

        image |aws, cloud| {
            set_member(cloud, "PackageType", json!("Image"));
        } => [], ["PackageType"]

        destination_on_failure |aws, cloud| {
            let failure = OnFailure::builder().destination("arn:aws:sqs:us-east-1:123456789012:lost").build();
            let destinations = DestinationConfig::builder().on_failure(failure).build();
            let request = aws.lambda.put_function_event_invoke_config().function_name(FUNCTION).qualifier(ALIAS);
            request.destination_config(destinations).send().await.expect("changed");
        } => ["a/alias Update EventInvokeConfig.DestinationConfig"], []

        public_url_of_the_function |aws, cloud| {
            create_url(aws, None, FunctionUrlAuthType::None).await;
        } => ["a/function Update FunctionUrls.$LATEST"], ["everybody on the internet can invoke sync-a by the URL"]

        public_url_of_the_alias |aws, cloud| {
            create_url(aws, Some(ALIAS), FunctionUrlAuthType::None).await;
        } => ["a/function Update FunctionUrls.live"], ["everybody on the internet can invoke sync-a:live"]

        url_with_signatures |aws, cloud| {
            create_url(aws, None, FunctionUrlAuthType::AwsIam).await;
        } => ["a/function Update FunctionUrls.$LATEST"], ["whoever IAM lets can invoke sync-a"]

        function_open_to_everybody |aws, cloud| {
            add_permission(aws, None, "public", "*").await;
        } => ["a/function Update Policy.public"], ["everybody can call lambda:InvokeFunction on sync-a (statement public)"]

        alias_open_to_another_account |aws, cloud| {
            add_permission(aws, Some(ALIAS), "partner", STRANGER).await;
        } => ["a/alias Update Policy.partner"], ["account 999999999999 can call lambda:InvokeFunction on sync-a:live"]

        alias_open_to_this_account |aws, cloud| {
            add_permission(aws, Some(ALIAS), "colleague", "123456789012").await;
        } => ["a/alias Update Policy.colleague"], []

        alias_open_to_every_bucket |aws, cloud| {
            add_permission(aws, Some(ALIAS), "buckets", "s3.amazonaws.com").await;
        } => ["a/alias Update Policy.buckets"], ["every account, through s3.amazonaws.com"]

        version_open_to_another_account |aws, cloud| {
            add_permission(aws, Some("1"), "partner", STRANGER).await;
        } => ["a/alias Update VersionPolicy.partner"], ["account 999999999999 can call lambda:InvokeFunction on sync-a:1"]

        role_trusts_another_account |aws, cloud| {
            let trust = json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com", "AWS": STRANGER },
                "Action": "sts:AssumeRole",
            }] });
            let request = aws.iam.update_assume_role_policy().role_name(ROLE).policy_document(trust.to_string());
            request.send().await.expect("changed");
        } => ["a/role Update trust.Statement[0].Principal.AWS", "a/role Update trust.Statement[0].Condition", "a/role Update trust.Statement[1]"], ["account 999999999999 can assume the role sync-a-role"]

        permissions_boundary |aws, cloud| {
            let boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
            let request = aws.iam.put_role_permissions_boundary().role_name(ROLE).permissions_boundary(boundary);
            request.send().await.expect("put");
        } => [
            "a/permission Create action",
            "a/permission Create principal",
            "a/permission Create source_arn",
            "a/permission Create source_account",
            "a/target Update role_arn"
        ], ["PermissionsBoundary"]

        session_of_the_role |aws, cloud| {
            aws.iam.update_role().role_name(ROLE).max_session_duration(43200).send().await.expect("changed");
        } => ["a/role Update max_session_s"], []

        description_of_the_role |aws, cloud| {
            aws.iam.update_role().role_name(ROLE).description("mine").send().await.expect("changed");
        } => ["a/role Update description"], []

        role_in_an_instance_profile |aws, cloud| {
            let add = |cx: &mut deployer_cloud::CloudContext<'_>| {
                let role = cx.state.iam.roles.get_mut(ROLE).expect("it exists");
                role.instance_profiles.insert("machines".to_owned());
            };
            cloud.with_context(add).expect("the state is readable");
        } => [], ["InstanceProfileList"]

        role_created_again |aws, cloud| {
            cloud.advance_time(SignedDuration::from_mins(1));
            let recreate = |cx: &mut deployer_cloud::CloudContext<'_>| {
                let now = cx.now;
                let role = cx.state.iam.roles.get_mut(ROLE).expect("it exists");
                (role.id, role.created) = ("AROAANOTHER".to_owned(), now);
            };
            cloud.with_context(recreate).expect("the state is readable");
            cloud.advance_time(SignedDuration::from_mins(1));
        } => ["a/function Update role", "a/alias Update version"], []

        key_of_the_secret |aws, cloud| {
            let key = "arn:aws:kms:us-east-1:123456789012:key/1";
            aws.secrets.update_secret().secret_id(SECRET).kms_key_id(key).send().await.expect("changed");
        } => [], ["KmsKeyId"]

        secret_open_to_another_account |aws, cloud| {
            put_secret_policy(aws, json!([{
                "Sid": "theirs", "Effect": "Allow", "Principal": { "AWS": STRANGER },
                "Action": "secretsmanager:GetSecretValue", "Resource": "*",
            }])).await;
        } => ["a/secret Update ResourcePolicy.theirs"], ["account 999999999999 can call secretsmanager:GetSecretValue"]

        secret_that_a_policy_guards |aws, cloud| {
            put_secret_policy(aws, json!([{
                "Sid": "guard", "Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*",
            }])).await;
        } => [], ["GuardedResourcePolicy.guard"]

        rotation |aws, cloud| {
            let function = "arn:aws:lambda:us-east-1:123456789012:function:rotate";
            aws.secrets.rotate_secret().secret_id(SECRET).rotation_lambda_arn(function).send().await.expect("rotated");
        } => [], ["RotationEnabled"]

        replicas |aws, cloud| {
            let replica = ReplicaRegionType::builder().region("eu-west-1").build();
            let request = aws.secrets.replicate_secret_to_regions().secret_id(SECRET);
            request.add_replica_regions(replica).send().await.expect("replicated");
        } => [], ["ReplicationStatus"]

        key_of_the_log_group |aws, cloud| {
            let key = "arn:aws:kms:us-east-1:123456789012:key/1";
            aws.sdk().logs.associate_kms_key().log_group_name(GROUP).kms_key_id(key).send().await.expect("associated");
        } => [], ["kmsKeyId"]

        class_of_the_log_group |aws, cloud| {
            let set = |cx: &mut deployer_cloud::CloudContext<'_>| {
                let group = cx.region_state_mut().logs.groups.get_mut(GROUP).expect("it exists");
                group.others.insert("logGroupClass".to_owned(), json!("INFREQUENT_ACCESS"));
            };
            cloud.with_context(set).expect("the state is readable");
        } => [], ["logGroupClass"]

        data_protection |aws, cloud| {
            let request = aws.sdk().logs.put_data_protection_policy().log_group_identifier(GROUP);
            request.policy_document("{}").send().await.expect("put");
        } => [], ["dataProtectionStatus"]

        deletion_protection |aws, cloud| {
            let request = aws.sdk().logs.put_log_group_deletion_protection().log_group_identifier(GROUP);
            request.deletion_protection_enabled(true).send().await.expect("put");
        } => [], ["deletionProtectionEnabled"]

        subscription_filter |aws, cloud| {
            let request = aws.sdk().logs.put_subscription_filter().log_group_name(GROUP).filter_name("spy");
            let request = request.filter_pattern("").distribution(Distribution::ByLogStream);
            let destination = "arn:aws:logs:us-east-1:999999999999:destination:spy";
            request.destination_arn(destination).send().await.expect("put");
        } => [], ["the log is sent to arn:aws:logs:us-east-1:999999999999:destination:spy of account", "SubscriptionFilters.spy"]

        last_update_failed |aws, cloud| {
            set_member(cloud, "LastUpdateStatus", json!("Failed"));
            set_member(cloud, "LastUpdateStatusReason", json!("the subnet is gone"));
        } => ["a/function Update last_update", "a/alias Update version"], ["the subnet is gone"]
    }
}
