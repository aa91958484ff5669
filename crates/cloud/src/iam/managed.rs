//! Managed policies: the account's own, each with one version, and a few of AWS's.

use super::document::{self, PolicyPurpose};
use super::{ApiError, CloudAnswer, IamCall, IamState, encode_document, no_entity, validation_error};

/// The only version of every policy in the embedded cloud.
const VERSION: &str = "v1";
/// AWS managed policies that functions often use.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
const OF_AWS: [(&str, &str); 2] = [
    (
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#,
    ),
    (
        "arn:aws:iam::aws:policy/AdministratorAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    ),
];

pub(super) fn create_policy(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = call.form.required_text("PolicyName")?.to_owned();
    let text = call.form.required_text("PolicyDocument")?.to_owned();
    let path = call.form.member_text("Path").unwrap_or("/");
    let arn = call.cx.build_iam_arn(&format!("policy{path}{name}"));
    document::check_document(&text, PolicyPurpose::Identity)?;
    if call.cx.state.iam.policies.contains_key(&arn) {
        return Err(ApiError::new(409, "EntityAlreadyExists", format!("A policy called {name} already exists.")));
    }
    call.cx.state.iam.policies.insert(arn.clone(), text);
    Ok(policy_answer(call, &arn))
}

pub(super) fn get_policy(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.form.required_text("PolicyArn")?;
    find_document(call, arn)?;
    Ok(policy_answer(call, arn))
}

pub(super) fn get_policy_version(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.form.required_text("PolicyArn")?;
    let version = call.form.required_text("VersionId")?;
    let text = find_document(call, arn)?;
    if version != VERSION {
        return Err(no_entity(format!("Policy {arn} version {version} does not exist or is not attachable.")));
    }
    Ok(call.xml_answer(|xml| {
        xml.write_element("PolicyVersion", |xml| {
            xml.write_text("Document", &encode_document(text));
            xml.write_text("VersionId", VERSION);
            xml.write_text("IsDefaultVersion", "true");
        });
    }))
}

pub(super) fn delete_policy(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.form.required_text("PolicyArn")?.to_owned();
    find_document(call, &arn)?;
    if call.cx.state.iam.roles.values().any(|role| role.attached.contains(&arn)) {
        return Err(ApiError::new(409, "DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    if call.cx.state.iam.policies.remove(&arn).is_none() {
        return Err(validation_error(format!("Policy {arn} is AWS's own.")));
    }
    Ok(call.empty_answer())
}

/// Whether a role can have the policy. The embedded cloud knows only a few AWS managed policies, but all can be
/// attached.
pub(super) fn is_attachable(call: &IamCall<'_, '_>, arn: &str) -> bool {
    arn.starts_with("arn:aws:iam::aws:policy/") || call.cx.state.iam.policies.contains_key(arn)
}

/// # Errors
/// `NoSuchEntity`.
pub(super) fn find_document<'c>(call: &'c IamCall<'_, '_>, arn: &str) -> Result<&'c str, ApiError> {
    document_of(&call.cx.state.iam, arn).ok_or_else(|| no_entity(format!("Policy {arn} was not found.")))
}

/// The document of a policy, if the embedded cloud has it.
pub(super) fn document_of<'s>(iam: &'s IamState, arn: &str) -> Option<&'s str> {
    let own = iam.policies.get(arn).map(String::as_str);
    own.or_else(|| OF_AWS.iter().find(|(known, _)| *known == arn).map(|(_, text)| *text))
}

fn policy_answer(call: &IamCall<'_, '_>, arn: &str) -> CloudAnswer {
    call.xml_answer(|xml| {
        xml.write_element("Policy", |xml| {
            xml.write_text("PolicyName", arn.rsplit('/').next().unwrap_or_default());
            xml.write_text("Arn", arn);
            xml.write_text("DefaultVersionId", VERSION);
            xml.write_text("IsAttachable", "true");
        });
    })
}
