//! Managed policies: the account's own, each with one version, and a few of AWS's.

use super::document::{self, Purpose};
use super::{Answer, ApiError, Call, encoded, invalid, no_entity};

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

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = call.form.required("PolicyName")?.to_owned();
    let text = call.form.required("PolicyDocument")?.to_owned();
    let path = call.form.text("Path").unwrap_or("/");
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", call.cx.account());
    document::check(&text, Purpose::Identity)?;
    if call.cx.state.iam.policies.contains_key(&arn) {
        return Err(ApiError::new(409, "EntityAlreadyExists", format!("A policy called {name} already exists.")));
    }
    call.cx.state.iam.policies.insert(arn.clone(), text);
    Ok(described(call, &arn))
}

pub(super) fn get(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.form.required("PolicyArn")?;
    document_of(call, arn)?;
    Ok(described(call, arn))
}

pub(super) fn get_version(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.form.required("PolicyArn")?;
    let version = call.form.required("VersionId")?;
    let text = document_of(call, arn)?;
    if version != VERSION {
        return Err(no_entity(format!("Policy {arn} version {version} does not exist or is not attachable.")));
    }
    Ok(call.answer(|xml| {
        xml.element("PolicyVersion", |xml| {
            xml.text("Document", &encoded(text));
            xml.text("VersionId", VERSION);
            xml.text("IsDefaultVersion", "true");
        });
    }))
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.form.required("PolicyArn")?.to_owned();
    document_of(call, &arn)?;
    if call.cx.state.iam.roles.values().any(|role| role.attached.contains(&arn)) {
        return Err(ApiError::new(409, "DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    if call.cx.state.iam.policies.remove(&arn).is_none() {
        return Err(invalid(format!("Policy {arn} is AWS's own.")));
    }
    Ok(call.done())
}

/// Whether a role can have the policy. The embedded cloud knows only a few AWS managed policies, but all can be
/// attached.
pub(super) fn is_attachable(call: &Call<'_, '_>, arn: &str) -> bool {
    arn.starts_with("arn:aws:iam::aws:policy/") || call.cx.state.iam.policies.contains_key(arn)
}

/// # Errors
/// `NoSuchEntity`.
pub(super) fn document_of<'c>(call: &'c Call<'_, '_>, arn: &str) -> Result<&'c str, ApiError> {
    let own = call.cx.state.iam.policies.get(arn).map(String::as_str);
    let of_aws = OF_AWS.iter().find(|(known, _)| *known == arn).map(|(_, text)| *text);
    own.or(of_aws).ok_or_else(|| no_entity(format!("Policy {arn} was not found.")))
}

fn described(call: &Call<'_, '_>, arn: &str) -> Answer {
    call.answer(|xml| {
        xml.element("Policy", |xml| {
            xml.text("PolicyName", arn.rsplit('/').next().unwrap_or_default());
            xml.text("Arn", arn);
            xml.text("DefaultVersionId", VERSION);
            xml.text("IsAttachable", "true");
        });
    })
}
