//! What can be wrong in AWS: identity, account, permissions, quotas, and secrets that exist only there.

use std::sync::Arc;

use deployer_cloud::{ApiError, CloudCall, CloudContext, CloudFault, InjectedFault, events, iam};
use deployer_health::doctor::{CheckArea, DoctorCheck, DoctorVerdict};

use super::{DoctorWard, expect_check, find_check, list_troubles};
use crate::world::{World, two_venue_manifest};

async fn examine_aws(ward: &DoctorWard) -> Vec<DoctorCheck> {
    ward.examine_areas(&[CheckArea::Aws]).await
}

fn refuse_calls(ward: &DoctorWard, operation: &'static str, status: u16, code: &'static str) {
    ward.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let fault = CloudFault::Error(ApiError::new(status, code, "you may not"));
        (call.operation == operation).then_some(InjectedFault::Before(fault))
    })));
}

#[tokio::test]
async fn checks_the_account_before_anything_else() {
    let mut ward = DoctorWard::new().await;
    ward.change_manifest("123456789012", "210987654321");
    let checks = examine_aws(&ward).await;
    assert_eq!(list_troubles(&checks), ["all/identity Failed"]);
    let evidence = "is in account 123456789012, but the manifest is for account 210987654321";
    expect_check(&checks, "", "identity", DoctorVerdict::Failed, evidence, "AWS_PROFILE");
    let asked: Vec<String> = ward.cloud.recorded_calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(asked, ["GetCallerIdentity"], "no other call is made");
    for name in ["permissions", "quotas"] {
        expect_check(&checks, "", name, DoctorVerdict::Skipped, "see the identity above", "");
    }
    ward.change_manifest("account = \"210987654321\"\n", "");
    let checks = examine_aws(&ward).await;
    expect_check(&checks, "", "account", DoctorVerdict::Ok, "set `account` in the manifest", "");
    refuse_calls(&ward, "GetCallerIdentity", 403, "ExpiredToken");
    expect_check(&examine_aws(&ward).await, "", "identity", DoctorVerdict::Failed, "ExpiredToken", "aws sso login");
}

fn deny_actions(ward: &DoctorWard, actions: &[&str]) {
    let denied = actions.iter().map(|action| ((*action).to_owned(), ())).collect();
    ward.cloud.with_context(|cx| cx.state.iam.denied = denied).expect("the cloud's state is readable");
}

#[tokio::test]
async fn names_missing_permissions_with_the_resource() {
    let ward = DoctorWard::new().await;
    deny_actions(&ward, &["lambda:CreateFunction", "lambda:InvokeFunction", "iam:PassRole", "tag:GetResources"]);
    let checks = examine_aws(&ward).await;
    let troubled = ["all/permissions iam Failed", "all/permissions lambda Failed", "all/permissions tag Warning"];
    assert_eq!(list_troubles(&checks), troubled);
    let evidence =
        "lambda:CreateFunction on arn:aws:lambda:us-east-1:123456789012:function:sync-a and 1 more (implicitDeny)";
    let advice = "arn:aws:iam::123456789012:user/local: lambda:CreateFunction, lambda:InvokeFunction";
    expect_check(&checks, "", "permissions lambda", DoctorVerdict::Failed, evidence, advice);
    let evidence = "iam:PassRole on arn:aws:iam::123456789012:role/deployer/sync/us-east-1/sync-a-role";
    expect_check(&checks, "", "permissions iam", DoctorVerdict::Failed, evidence, "iam:PassRole");
    expect_check(&checks, "", "permissions tag", DoctorVerdict::Warning, "tag:GetResources on *", "one by one");
    expect_check(&checks, "", "permissions logs", DoctorVerdict::Ok, "all 11 actions are allowed", "");
}

#[tokio::test]
async fn reports_unknown_if_the_simulation_is_denied() {
    let ward = DoctorWard::new().await;
    refuse_calls(&ward, "SimulatePrincipalPolicy", 403, "AccessDenied");
    let checks = examine_aws(&ward).await;
    assert_eq!(list_troubles(&checks), ["all/permissions Unknown"]);
    expect_check(&checks, "", "permissions", DoctorVerdict::Unknown, "AccessDenied", "iam:SimulatePrincipalPolicy");
    refuse_calls(&ward, "SimulatePrincipalPolicy", 501, "NotImplemented");
    expect_check(&examine_aws(&ward).await, "", "permissions", DoctorVerdict::Unknown, "NotImplemented", "");
}

fn unrelated_rule(name: &str) -> events::StoredRule {
    events::StoredRule {
        name: name.to_owned(),
        arn: format!("arn:aws:events:us-east-1:123456789012:rule/{name}"),
        description: None,
        schedule: Some("rate(1 day)".to_owned()),
        pattern: None,
        role_arn: None,
        enabled: true,
        tags: Default::default(),
        targets: Default::default(),
        others: Default::default(),
    }
}

fn set_rule_count(ward: &DoctorWard, count: usize) {
    let rules = (0..count).map(|number| (format!("r-{number}"), unrelated_rule(&format!("r-{number}")))).collect();
    ward.cloud.with_context(|cx| cx.region_state_mut().events.rules = rules).expect("the cloud's state is readable");
}

#[tokio::test]
async fn fails_if_rules_exceed_the_quota_and_warns_close_to_it() {
    let ward = DoctorWard::new().await;
    for (count, verdict, evidence) in [
        (237, DoctorVerdict::Ok, "237 of 300 rules of the default bus in use, 2 more needed"),
        (238, DoctorVerdict::Warning, "238 of 300"),
        (298, DoctorVerdict::Warning, "298 of 300"),
        (299, DoctorVerdict::Failed, "299 of 300"),
        (301, DoctorVerdict::Unknown, "not AWS's default of 300"),
    ] {
        set_rule_count(&ward, count);
        let advice = if verdict == DoctorVerdict::Ok { "" } else { "Service Quotas" };
        expect_check(&examine_aws(&ward).await, "", "quota rules", verdict, evidence, advice);
    }
    // Rules that already exist need no more room.
    set_rule_count(&ward, 298);
    let ours = ["sync-a-schedule", "sync-b-schedule"];
    let add = |cx: &mut CloudContext<'_>| {
        ours.iter()
            .for_each(|name| drop(cx.region_state_mut().events.rules.insert((*name).to_owned(), unrelated_rule(name))));
    };
    ward.cloud.with_context(add).expect("the cloud's state is readable");
    expect_check(
        &examine_aws(&ward).await,
        "",
        "quota rules",
        DoctorVerdict::Warning,
        "300 of 300 rules",
        "Service Quotas",
    );
}

#[tokio::test]
async fn checks_quotas_of_roles_concurrency_and_code() {
    let mut ward = DoctorWard::new().await;
    for venue in ["A", "B"] {
        let name = format!("display_name = \"{venue}\"");
        ward.change_manifest(&name, &format!("{name}\nreserved_concurrency = 1"));
    }
    let world = World::new(ward.aws_clients()).await.without_delays();
    world.apply(&world.desired_from(&two_venue_manifest("other"))).await;
    let change = |reserved: u32, code_size: u64, roles: usize| {
        let work = |cx: &mut CloudContext<'_>| {
            for (name, function) in &mut cx.region_state_mut().lambda.functions {
                let first = name == "other-a";
                function.reserved_concurrency = first.then_some(reserved);
                function.configuration.code_size = if first { code_size } else { 0 };
            }
            let role = cx.state.iam.roles.values().next().expect("a role").clone();
            let roles = (0..roles).map(|number| format!("other-{number}"));
            let roles = roles.map(|name| (name.clone(), iam::StoredRole { name, ..role.clone() })).collect();
            cx.state.iam.roles = roles;
        };
        ward.cloud.with_context(work).expect("the cloud's state is readable");
    };
    change(1, 1_000_000, 1);
    let checks = examine_aws(&ward).await;
    assert_eq!(list_troubles(&checks), [""; 0]);
    expect_check(
        &checks,
        "",
        "quota concurrency",
        DoctorVerdict::Ok,
        "1 of 900 reservable executions in use, 2 more needed",
        "",
    );
    expect_check(&checks, "", "quota code storage", DoctorVerdict::Ok, "1 of 80531 MB of function code", "");
    expect_check(&checks, "", "quota roles", DoctorVerdict::Ok, "1 of 1000 roles in use, 2 more needed", "");
    change(720, 70_000_000_000, 800);
    let checks = examine_aws(&ward).await;
    for name in ["quota concurrency", "quota code storage", "quota roles"] {
        expect_check(&checks, "", name, DoctorVerdict::Warning, "in use", "request a higher quota");
    }
    change(899, 90_000_000_000, 999);
    let checks = examine_aws(&ward).await;
    for name in ["quota concurrency", "quota code storage", "quota roles"] {
        expect_check(&checks, "", name, DoctorVerdict::Failed, "in use", "request a higher quota");
    }
    refuse_calls(&ward, "GetAccountSettings", 403, "AccessDeniedException");
    let checks = examine_aws(&ward).await;
    expect_check(&checks, "", "quota concurrency", DoctorVerdict::Unknown, "AccessDenied", "lambda:GetAccountSettings");
    expect_check(&checks, "", "quota roles", DoctorVerdict::Failed, "in use", "");
}

#[tokio::test]
async fn reads_managed_credentials_from_the_secret_without_showing_them() {
    let mut ward = DoctorWard::new().await;
    ward.change_manifest("\"file:token-a\"", "\"managed\"");
    ward.change_manifest("\"file:key-a\"", "\"managed\"");
    let checks = ward.examine_all().await;
    let absent = "there is no secret sync/a in AWS yet";
    expect_check(&checks, "a", "HubSpot token", DoctorVerdict::Failed, absent, "`deployer apply` creates it");
    expect_check(&checks, "a", "Tripleseat public key", DoctorVerdict::Failed, absent, "deployer secret set a");
    expect_check(&checks, "b", "HubSpot token", DoctorVerdict::Ok, "accepted", "");

    let request =
        ward.aws_clients().secrets.create_secret().name("sync/a").secret_string(r#"{"HUBSPOT_TOKEN":"token-of-a"}"#);
    request.send().await.expect("it is created");
    let checks = ward.examine_all().await;
    let read = "managed, read from the secret sync/a in AWS, accepted";
    expect_check(&checks, "a", "HubSpot token", DoctorVerdict::Ok, read, "");
    let set = "`deployer secret set a tripleseat_public_key` sets it";
    expect_check(&checks, "a", "Tripleseat public key", DoctorVerdict::Failed, "has no TRIPLESEAT_PUBLIC_KEY", set);

    refuse_calls(&ward, "GetSecretValue", 403, "AccessDeniedException");
    let checks = ward.examine_all().await;
    let denied = "secretsmanager:GetSecretValue";
    expect_check(&checks, "a", "HubSpot token", DoctorVerdict::Unknown, "AccessDeniedException", denied);
    assert_eq!(
        find_check(&checks, "a", "Tripleseat OAuth client").verdict,
        DoctorVerdict::Ok,
        "the other checks still run"
    );
}
