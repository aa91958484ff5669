//! What can be wrong in AWS: identity, account, permissions, quotas, and secrets that exist only there.

use std::sync::Arc;

use deployer_cloud::{ApiError, Call, Context, Fault, Injected, events, iam};
use deployer_health::doctor::{Area, Check, Verdict};

use super::{Ward, check, expect, troubles};
use crate::world::{World, manifest};

async fn examine_aws(ward: &Ward) -> Vec<Check> {
    ward.examine_areas(&[Area::Aws]).await
}

fn refuse_calls(ward: &Ward, operation: &'static str, status: u16, code: &'static str) {
    ward.cloud.set_faults(Some(Arc::new(move |call: &Call| {
        let fault = Fault::Error(ApiError::new(status, code, "you may not"));
        (call.operation == operation).then_some(Injected::Before(fault))
    })));
}

#[tokio::test]
async fn checks_the_account_before_anything_else() {
    let mut ward = Ward::new().await;
    ward.change("123456789012", "210987654321");
    let checks = examined(&ward).await;
    assert_eq!(troubles(&checks), ["all/identity Failed"]);
    let evidence = "is in account 123456789012, but the manifest is for account 210987654321";
    expect(&checks, "", "identity", Verdict::Failed, evidence, "AWS_PROFILE");
    let asked: Vec<String> = ward.cloud.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(asked, ["GetCallerIdentity"], "no other call is made");
    for name in ["permissions", "quotas"] {
        expect(&checks, "", name, Verdict::Skipped, "see the identity above", "");
    }
    ward.change("account = \"210987654321\"\n", "");
    let checks = examined(&ward).await;
    expect(&checks, "", "account", Verdict::Ok, "set `account` in the manifest", "");
    refuse(&ward, "GetCallerIdentity", 403, "ExpiredToken");
    expect(&examined(&ward).await, "", "identity", Verdict::Failed, "ExpiredToken", "aws sso login");
}

fn deny_actions(ward: &Ward, actions: &[&str]) {
    let denied = actions.iter().map(|action| (*action).to_owned()).collect();
    ward.cloud.with(|cx| cx.state.iam.denied = denied).expect("the cloud's state is readable");
}

#[tokio::test]
async fn names_missing_permissions_with_the_resource() {
    let ward = Ward::new().await;
    deny(&ward, &["lambda:CreateFunction", "lambda:InvokeFunction", "iam:PassRole", "tag:GetResources"]);
    let checks = examined(&ward).await;
    let troubled = ["all/permissions iam Failed", "all/permissions lambda Failed", "all/permissions tag Warning"];
    assert_eq!(troubles(&checks), troubled);
    let evidence =
        "lambda:CreateFunction on arn:aws:lambda:us-east-1:123456789012:function:sync-a and 1 more (implicitDeny)";
    let advice = "arn:aws:iam::123456789012:user/local: lambda:CreateFunction, lambda:InvokeFunction";
    expect(&checks, "", "permissions lambda", Verdict::Failed, evidence, advice);
    let evidence = "iam:PassRole on arn:aws:iam::123456789012:role/deployer/sync/sync-a-role";
    expect(&checks, "", "permissions iam", Verdict::Failed, evidence, "iam:PassRole");
    expect(&checks, "", "permissions tag", Verdict::Warning, "tag:GetResources on *", "one by one");
    expect(&checks, "", "permissions logs", Verdict::Ok, "all 7 actions are allowed", "");
}

#[tokio::test]
async fn reports_unknown_if_the_simulation_is_denied() {
    let ward = Ward::new().await;
    refuse(&ward, "SimulatePrincipalPolicy", 403, "AccessDenied");
    let checks = examined(&ward).await;
    assert_eq!(troubles(&checks), ["all/permissions Unknown"]);
    expect(&checks, "", "permissions", Verdict::Unknown, "AccessDenied", "iam:SimulatePrincipalPolicy");
    refuse(&ward, "SimulatePrincipalPolicy", 501, "NotImplemented");
    expect(&examined(&ward).await, "", "permissions", Verdict::Unknown, "NotImplemented", "");
}

fn unrelated_rule(name: &str) -> events::Rule {
    events::Rule {
        name: name.to_owned(),
        arn: format!("arn:aws:events:us-east-1:123456789012:rule/{name}"),
        description: None,
        schedule: Some("rate(1 day)".to_owned()),
        pattern: None,
        role_arn: None,
        enabled: true,
        tags: Default::default(),
        targets: Default::default(),
    }
}

fn set_rule_count(ward: &Ward, count: usize) {
    let rules = (0..count).map(|number| (format!("r-{number}"), rule(&format!("r-{number}")))).collect();
    ward.cloud.with(|cx| cx.regional_mut().events.rules = rules).expect("the cloud's state is readable");
}

#[tokio::test]
async fn fails_if_rules_exceed_the_quota_and_warns_close_to_it() {
    let ward = Ward::new().await;
    for (count, verdict, evidence) in [
        (237, Verdict::Ok, "237 of 300 rules of the default bus in use, 2 more needed"),
        (238, Verdict::Warning, "238 of 300"),
        (298, Verdict::Warning, "298 of 300"),
        (299, Verdict::Failed, "299 of 300"),
        (301, Verdict::Unknown, "not AWS's default of 300"),
    ] {
        with_rules(&ward, count);
        let advice = if verdict == Verdict::Ok { "" } else { "Service Quotas" };
        expect(&examined(&ward).await, "", "quota rules", verdict, evidence, advice);
    }
    // Rules that already exist need no more room.
    with_rules(&ward, 298);
    let ours = ["sync-a-schedule", "sync-b-schedule"];
    let add = |cx: &mut Context<'_>| {
        ours.iter().for_each(|name| drop(cx.regional_mut().events.rules.insert((*name).to_owned(), rule(name))));
    };
    ward.cloud.with(add).expect("the cloud's state is readable");
    expect(&examined(&ward).await, "", "quota rules", Verdict::Warning, "300 of 300 rules", "Service Quotas");
}

#[tokio::test]
async fn checks_quotas_of_roles_concurrency_and_code() {
    let ward = Ward::new().await;
    let world = World::new(ward.aws()).await.without_delays();
    world.apply(&world.desired(&manifest("other"))).await;
    let change = |reserved: u32, code_size: u64, roles: usize| {
        let work = |cx: &mut Context<'_>| {
            for (name, function) in &mut cx.regional_mut().lambda.functions {
                let first = name == "other-a";
                function.reserved_concurrency = first.then_some(reserved);
                function.configuration.code_size = if first { code_size } else { 0 };
            }
            let role = cx.state.iam.roles.values().next().expect("a role").clone();
            let roles = (0..roles).map(|number| format!("other-{number}"));
            let roles = roles.map(|name| (name.clone(), iam::Role { name, ..role.clone() })).collect();
            cx.state.iam.roles = roles;
        };
        ward.cloud.with(work).expect("the cloud's state is readable");
    };
    change(1, 1_000_000, 1);
    let checks = examined(&ward).await;
    assert_eq!(troubles(&checks), [""; 0]);
    expect(&checks, "", "quota concurrency", Verdict::Ok, "1 of 900 reservable executions in use, 2 more needed", "");
    expect(&checks, "", "quota code storage", Verdict::Ok, "1 of 80531 MB of function code", "");
    expect(&checks, "", "quota roles", Verdict::Ok, "1 of 1000 roles in use, 2 more needed", "");
    change(720, 70_000_000_000, 800);
    let checks = examined(&ward).await;
    for name in ["quota concurrency", "quota code storage", "quota roles"] {
        expect(&checks, "", name, Verdict::Warning, "in use", "request a higher quota");
    }
    change(899, 90_000_000_000, 999);
    let checks = examined(&ward).await;
    for name in ["quota concurrency", "quota code storage", "quota roles"] {
        expect(&checks, "", name, Verdict::Failed, "in use", "request a higher quota");
    }
    refuse(&ward, "GetAccountSettings", 403, "AccessDeniedException");
    let checks = examined(&ward).await;
    expect(&checks, "", "quota concurrency", Verdict::Unknown, "AccessDenied", "lambda:GetAccountSettings");
    expect(&checks, "", "quota roles", Verdict::Failed, "in use", "");
}

#[tokio::test]
async fn reads_managed_credentials_from_the_secret_without_showing_them() {
    let mut ward = Ward::new().await;
    ward.change("\"file:token-a\"", "\"managed\"");
    ward.change("\"file:key-a\"", "\"managed\"");
    let checks = ward.examine().await;
    let absent = "there is no secret sync/a in AWS yet";
    expect(&checks, "a", "HubSpot token", Verdict::Failed, absent, "`deployer apply` creates it");
    expect(&checks, "a", "Tripleseat public key", Verdict::Failed, absent, "deployer secret set a");
    expect(&checks, "b", "HubSpot token", Verdict::Ok, "accepted", "");

    let request = ward.aws().secrets.create_secret().name("sync/a").secret_string(r#"{"HUBSPOT_TOKEN":"token-of-a"}"#);
    request.send().await.expect("made");
    let checks = ward.examine().await;
    let read = "managed, read from the secret sync/a in AWS, accepted";
    expect(&checks, "a", "HubSpot token", Verdict::Ok, read, "");
    let set = "`deployer secret set a tripleseat_public_key` sets it";
    expect(&checks, "a", "Tripleseat public key", Verdict::Failed, "has no TRIPLESEAT_PUBLIC_KEY", set);

    refuse(&ward, "GetSecretValue", 403, "AccessDeniedException");
    let checks = ward.examine().await;
    let denied = "secretsmanager:GetSecretValue";
    expect(&checks, "a", "HubSpot token", Verdict::Unknown, "AccessDeniedException", denied);
    assert_eq!(check(&checks, "a", "Tripleseat OAuth client").verdict, Verdict::Ok, "the other checks still run");
}
