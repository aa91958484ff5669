//! What concerns the whole account: audits, decommissionings and their end.

use deployer_artifact::zip;
use deployer_aws::{Aws, https_client};
use deployer_core::permissions::PolicyCommand::{Audit, Decommission, Restore};
use deployer_janitor::audit::NodeKind;
use deployer_janitor::decommission::archive::Archive;
use deployer_janitor::decommission::journal::JournalStep;
use deployer_janitor::decommission::restore::{RestorePlan, carry_out_restore};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{block_on, needs_of, run_all};
use crate::audit::labeled::read_with_authorizations;
use crate::decommission::{LegacyCloud, stale_node};
use crate::permissions::record::NeededPermission;
use crate::processes::Site;
use crate::sdk::GeneratedClients as _;

/// An account with everything in it that an audit looks for. A decommissioning reads it with the same function.
pub fn read_account() -> Vec<NeededPermission> {
    let calls = block_on(read_with_authorizations());
    let legacy = block_on(async {
        let mut legacy = LegacyCloud::new().await;
        add_more(&mut legacy).await;
        let vault = json!({ "VaultList": [{ "VaultARN": "arn:aws:glacier:us-east-1:123456789012:vaults/v", "VaultName": "v" }] });
        let answered = legacy.cloud.with_context(|cx| {
            cx.region_state_mut().elsewhere.answers.insert("glacier:GET /-/vaults".to_owned(), vault);
        });
        answered.expect("the cloud's state is writable");
        legacy.cloud.keep_authorizations();
        legacy.read_audit().await;
        legacy.cloud.take_authorizations()
    });
    let all = [calls, legacy].concat();
    [needs_of(Audit, &all), needs_of(Decommission, &all)].concat()
}

/// The same as commands, which read the account again before they delete.
pub fn decommission_by_command() -> Vec<NeededPermission> {
    let site = Site::new();
    let aws = Aws::for_local("us-east-1", https_client(), Some(site.cloud_address()));
    block_on(LegacyCloud::in_cloud(site.cloud.clone(), aws));
    site.run_deployer(&["audit", "--out", "audit.json"]);
    let all = ["decommission", "audit.json", "--stale", "--with-logs", "--archive", "old", "--yes"];
    run_all(&site, &[&all, &["restore", "old", "--yes"]]);
    site.take_permissions()
}

/// Quarantines everything and ends that, once as a decommissioning that goes on and once as a restore; deletes everything,
/// and restores it.
pub fn delete_and_restore() -> Vec<NeededPermission> {
    block_on(async {
        let mut legacy = LegacyCloud::new().await;
        add_more(&mut legacy).await;
        legacy.cloud.keep_authorizations();
        let mut needs = Vec::new();
        let until = Timestamp::now() + SignedDuration::from_hours(24 * 14);
        let directory = tempfile::tempdir().expect("a directory");
        for (name, until) in [("released", Some(until)), ("quarantine", Some(until)), ("deletion", None)] {
            let archive = Archive::open_or_create(&directory.path().join(name), &legacy.scope, Timestamp::now());
            let mut archive = archive.unwrap_or_else(|error| panic!("{error}"));
            let plan = legacy.plan_everything(&legacy.stale_audit(), until).await;
            assert_eq!(plan.refusals, []);
            assert_eq!(legacy.carry_out_plan(&plan, &mut archive).await.failed, None);
            if name == "released" {
                for node in &legacy.nodes {
                    archive.write_step(&node.id, JournalStep::Releasing).expect("it is written");
                }
                let plan = legacy.plan_again(&legacy.stale_audit(), until, &archive).await;
                assert_eq!(legacy.carry_out_plan(&plan, &mut archive).await.failed, None);
                needs.extend(needs_of(Decommission, &legacy.cloud.take_authorizations()));
                continue;
            }
            needs.extend(needs_of(Decommission, &legacy.cloud.take_authorizations()));
            let cx = legacy.decommission_context();
            let restore = RestorePlan::new(&cx, &archive, &[]).await.expect("a plan");
            assert_eq!(carry_out_restore(&cx, &restore, &mut archive, &|_| {}).await.0.failed, None);
            needs.extend(needs_of(Restore, &legacy.cloud.take_authorizations()));
        }
        needs
    })
}

/// What the other tests' account lacks: a rule that fires, a function without a reservation, a state machine, an attached
/// policy, and tags.
async fn add_more(legacy: &mut LegacyCloud) {
    let sdk = legacy.aws.sdk();
    let attach = legacy.aws.iam.attach_role_policy().role_name("legacy-push");
    let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    attach.policy_arn(policy).send().await.expect("attached");
    let tag = aws_sdk_eventbridge::types::Tag::builder().key("team").value("old").build().expect("a tag");
    let rule = legacy.aws.events.put_rule().name("legacy-weekly").schedule_expression("rate(7 days)").tags(tag);
    let rule = rule.send().await.expect("a rule").rule_arn.expect("an ARN");
    legacy.nodes.push(stale_node(NodeKind::Rule, &rule, "legacy-weekly"));
    let role = "arn:aws:iam::123456789012:role/legacy/legacy-push";
    let zip = zip::build_deterministic_zip(&[("bootstrap", b"#!/bin/sh\nexit 1\n")]).expect("zipped");
    let idle = legacy.aws.lambda.create_function().function_name("legacy-idle").runtime("provided.al2023".into());
    let code =
        aws_sdk_lambda::types::FunctionCode::builder().zip_file(aws_sdk_lambda::primitives::Blob::new(zip.to_vec()));
    let idle = idle.handler("bootstrap").role(role).code(code.build()).send().await.expect("a function");
    legacy.nodes.push(stale_node(NodeKind::Function, idle.function_arn().expect("an ARN"), "legacy-idle"));
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/legacy-push";
    sdk.logs.tag_resource().resource_arn(group).tags("team", "old").send().await.expect("tagged");
    let tag = aws_sdk_secretsmanager::types::Tag::builder().key("team").value("old").build();
    legacy.aws.secrets.tag_resource().secret_id("legacy/push").tags(tag).send().await.expect("tagged");
    let tag = aws_sdk_sns::types::Tag::builder().key("team").value("old").build().expect("a tag");
    let topic = "arn:aws:sns:us-east-1:123456789012:legacy-events";
    sdk.sns.tag_resource().resource_arn(topic).tags(tag).send().await.expect("tagged");
    let steps = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
    sdk.sfn.create_state_machine().name("steps").definition(steps).role_arn(role).send().await.expect("a machine");
}
