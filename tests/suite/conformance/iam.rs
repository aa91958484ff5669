//! Roles with their inline policies.

use aws_sdk_iam::types::{EntityType, Tag};
use deployer_aws::{Call, FailureKind};
use serde_json::Value;

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same, fail_probe};

pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}]}"#;

/// Creates a role with this name, as `deployer` does.
pub async fn create_role(place: &ProbePlace, name: &str) -> Result<(), deployer_aws::CallError> {
    let tags =
        TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().expect("all required members are set"));
    let request = place.aws.iam.create_role().role_name(name).path("/deployer/probe/");
    let request = request.assume_role_policy_document(TRUST).set_tags(Some(tags.to_vec()));
    request.send().await.call("iam:CreateRole").map(drop)
}

pub async fn delete_role(place: &ProbePlace, name: &str) {
    // This only cleans up after the probe, so errors don't matter.
    let _ = place.aws.iam.delete_role_policy().role_name(name).policy_name("sync").send().await;
    let _ = place.aws.iam.delete_role().role_name(name).send().await;
}

async fn put_policy(place: &ProbePlace, name: &str) -> ProbeResult {
    let request = place.aws.iam.put_role_policy().role_name(name).policy_name("sync").policy_document(POLICY);
    request.send().await.call("iam:PutRolePolicy").map(drop).map_err(error_text)
}

/// Parses a policy document. AWS URL-encodes it; some servers don't.
fn parse_document(document: Option<&str>) -> Value {
    let decoded = percent_encoding::percent_decode_str(document.unwrap_or_default()).decode_utf8_lossy();
    serde_json::from_str(&decoded).unwrap_or_default()
}

pub async fn keeps_role_path_tags_and_policy(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("role");
    create_role(&place, &name).await.map_err(error_text)?;
    put_policy(&place, &name).await?;
    let answer = place.aws.iam.get_role().role_name(&name).send().await.call("iam:GetRole").map_err(error_text)?;
    let role = answer.role().ok_or("no role")?;
    expect_same(role.arn(), &place.role_arn(&name), "ARN")?;
    expect_same(parse_document(role.assume_role_policy_document()), parse_document(Some(TRUST)), "trust policy")?;
    let mut tags: Vec<_> = role.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
    tags.sort_unstable();
    expect_same(tags, TAGS.to_vec(), "tags")?;
    let policy = place.aws.iam.get_role_policy().role_name(&name).policy_name("sync").send().await;
    let policy = policy.call("iam:GetRolePolicy").map_err(error_text)?;
    expect_same(parse_document(Some(policy.policy_document())), parse_document(Some(POLICY)), "policy")?;
    delete_role(&place, &name).await;
    Ok(())
}

pub async fn rejects_duplicate_role_name(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("role");
    create_role(&place, &name).await.map_err(error_text)?;
    let second = create_role(&place, &name).await;
    delete_role(&place, &name).await;
    expect_refused(second, FailureKind::AlreadyExists)
}

pub async fn refuses_to_delete_role_with_policy(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("role");
    create_role(&place, &name).await.map_err(error_text)?;
    put_policy(&place, &name).await?;
    let answer = place.aws.iam.delete_role().role_name(&name).send().await.call("iam:DeleteRole");
    delete_role(&place, &name).await;
    match answer {
        Ok(_) => fail_probe("the role was deleted with its policy"),
        Err(error) => expect_same(error.code.as_str(), "DeleteConflict", "error code"),
    }
}

pub async fn lists_roles_with_policies_and_tags_in_one_call(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("role");
    create_role(&place, &name).await.map_err(error_text)?;
    put_policy(&place, &name).await?;
    let request = place.aws.iam.get_account_authorization_details().filter(EntityType::Role);
    let mut pages = request.into_paginator().send();
    let mut found = None;
    while let Some(page) = pages.next().await {
        let page = page.call("iam:GetAccountAuthorizationDetails").map_err(error_text)?;
        let role = page.role_detail_list().iter().find(|role| role.role_name() == Some(&name));
        found = found.or(role.cloned());
    }
    delete_role(&place, &name).await;
    let role = found.ok_or("the role is not listed")?;
    expect_same(role.path(), Some("/deployer/probe/"), "path")?;
    expect_same(role.tags().len(), TAGS.len(), "tags")?;
    let policies = role.role_policy_list();
    expect_same(policies.len(), 1, "inline policies")?;
    expect_same(parse_document(policies[0].policy_document()), parse_document(Some(POLICY)), "policy")
}

/// The inline policy allows `logs:PutLogEvents`, the attached one `s3:GetObject`.
pub async fn simulates_role_with_attached_policies(place: ProbePlace) -> ProbeResult {
    let (name, iam) = (place.resource_name("role"), &place.aws.iam);
    create_role(&place, &name).await.map_err(error_text)?;
    put_policy(&place, &name).await?;
    let more = POLICY.replace("logs:PutLogEvents", "s3:GetObject");
    let made = iam.create_policy().policy_name(place.resource_name("policy")).policy_document(&more).send().await;
    let made = made.call("iam:CreatePolicy").map_err(error_text)?;
    let arn = made.policy().and_then(|policy| policy.arn()).ok_or("no ARN")?.to_owned();
    let attached = iam.attach_role_policy().role_name(&name).policy_arn(&arn).send().await;
    attached.call("iam:AttachRolePolicy").map_err(error_text)?;
    let version = iam.get_policy_version().policy_arn(&arn).version_id("v1").send().await;
    let version = version.call("iam:GetPolicyVersion").map_err(error_text)?;
    let resource = "arn:aws:s3:::bucket/key";
    let mut request = iam.simulate_principal_policy().policy_source_arn(place.role_arn(&name)).resource_arns(resource);
    for action in ["logs:PutLogEvents", "s3:GetObject", "s3:PutObject"] {
        request = request.action_names(action);
    }
    let answer = request.send().await.call("iam:SimulatePrincipalPolicy");
    let _ = iam.detach_role_policy().role_name(&name).policy_arn(&arn).send().await;
    let _ = iam.delete_policy().policy_arn(&arn).send().await;
    delete_role(&place, &name).await;
    expect_same(
        parse_document(version.policy_version().and_then(|version| version.document())),
        parse_document(Some(&more)),
        "document",
    )?;
    let decided = answer.map_err(error_text)?;
    let decided: Vec<_> = decided
        .evaluation_results()
        .iter()
        .map(|result| (result.eval_action_name(), result.eval_resource_name(), result.eval_decision().as_str()))
        .collect();
    let expected = [("logs:PutLogEvents", "allowed"), ("s3:GetObject", "allowed"), ("s3:PutObject", "implicitDeny")];
    expect_same(decided, expected.map(|(action, decision)| (action, Some(resource), decision)).to_vec(), "decisions")
}

/// Simulates a venue's policy together with a denial.
pub async fn simulates_custom_policies(place: ProbePlace) -> ProbeResult {
    let allow = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:us-east-1:1:secret:d/a-??????"},
        {"Effect":"Allow","Action":["logs:CreateLogStream","logs:Put*"],"Resource":"arn:aws:logs:us-east-1:1:log-group:/aws/lambda/d-a:*"}]}"#;
    let deny =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"logs:PutMetricFilter","Resource":"*"}}"#;
    let decide = async |action: &str, resource: &str| {
        let request = place.aws.iam.simulate_custom_policy().policy_input_list(allow).policy_input_list(deny);
        let answer = request.action_names(action).resource_arns(resource).send().await;
        let answer = answer.call("iam:SimulateCustomPolicy").map_err(error_text)?;
        let result = answer.evaluation_results().first().ok_or("no result")?;
        Ok::<_, String>(result.eval_decision().as_str().to_owned())
    };
    for (action, resource, expected) in [
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:1:secret:d/a-Xy7Zq2", "allowed"),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:1:secret:d/ab-Xy7Zq2", "implicitDeny"),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:1:secret:d/b-Xy7Zq2", "implicitDeny"),
        ("logs:PutLogEvents", "arn:aws:logs:us-east-1:1:log-group:/aws/lambda/d-a:log-stream:x", "allowed"),
        ("logs:PutLogEvents", "arn:aws:logs:us-east-1:1:log-group:/aws/lambda/d-ab:log-stream:x", "implicitDeny"),
        ("logs:PutMetricFilter", "arn:aws:logs:us-east-1:1:log-group:/aws/lambda/d-a:x", "explicitDeny"),
        ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:1:function:d-b", "implicitDeny"),
    ] {
        expect_same(decide(action, resource).await?.as_str(), expected, &format!("{action} on {resource}"))?;
    }
    Ok(())
}

pub async fn reports_missing_roles_as_not_found(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("role");
    let iam = &place.aws.iam;
    expect_refused(iam.get_role().role_name(&name).send().await.call("iam:GetRole"), FailureKind::NotFound)?;
    expect_refused(iam.delete_role().role_name(&name).send().await.call("iam:DeleteRole"), FailureKind::NotFound)?;
    let request = iam.delete_role_policy().role_name(&name).policy_name("sync");
    expect_refused(request.send().await.call("iam:DeleteRolePolicy"), FailureKind::NotFound)
}
