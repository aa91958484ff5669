//! A role's inline policies, and the managed policies attached to it.

use super::document::{self, PolicyPurpose};
use super::{
    ApiError, CloudAnswer, IamCall, encode_document, limit_exceeded, managed, no_entity, validation_error,
    write_truncation,
};

/// IAM's quota on the characters of all inline policies of a role, without white space.
const MAX_INLINE_SIZE: usize = 10_240;
/// IAM's quota "Managed policies attached to an IAM role".
const MAX_ATTACHED: usize = 10;
/// The maximum length of a policy's name (IAM's `policyNameType`).
const MAX_NAME: usize = 128;

pub(super) fn put_role_policy(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = call.form.required_text("PolicyName")?.to_owned();
    let policy = call.form.required_text("PolicyDocument")?.to_owned();
    if name.len() > MAX_NAME {
        return Err(validation_error(format!(
            "Value '{name}' at 'policyName' must have length less than or equal to {MAX_NAME}"
        )));
    }
    let role = call.find_role()?;
    document::check_document(&policy, PolicyPurpose::Identity)?;
    let others = role.inline.iter().filter(|(other, _)| **other != name).map(|(_, text)| text.as_str());
    let size = others.chain([policy.as_str()]).flat_map(str::chars).filter(|letter| !letter.is_whitespace()).count();
    if size > MAX_INLINE_SIZE {
        return Err(limit_exceeded(format!(
            "Maximum policy size of {MAX_INLINE_SIZE} bytes exceeded for role {}",
            role.name
        )));
    }
    call.find_role_mut()?.inline.insert(name, policy);
    Ok(call.empty_answer())
}

pub(super) fn get_role_policy(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = call.form.required_text("PolicyName")?;
    let role = call.find_role()?;
    let policy = role.inline.get(name).ok_or_else(|| no_policy(name))?;
    Ok(call.xml_answer(|xml| {
        xml.write_text("RoleName", &role.name);
        xml.write_text("PolicyName", name);
        xml.write_text("PolicyDocument", &encode_document(policy));
    }))
}

pub(super) fn list_role_policies(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let page = call.list_page(call.find_role()?.inline.keys(), |name| (*name).clone())?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("PolicyNames", &page.items, |xml, name| xml.write_raw_text(name));
        write_truncation(xml, &page);
    }))
}

pub(super) fn delete_role_policy(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = call.form.required_text("PolicyName")?;
    if !call.find_role()?.inline.contains_key(name) {
        return Err(no_policy(name));
    }
    call.find_role_mut()?.inline.remove(name);
    Ok(call.empty_answer())
}

pub(super) fn attach_role_policy(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.form.required_text("PolicyArn")?.to_owned();
    let role = call.find_role()?;
    if !managed::is_attachable(call, &arn) {
        return Err(no_entity(format!("Policy {arn} does not exist or is not attachable.")));
    }
    if role.attached.contains(&arn) {
        return Ok(call.empty_answer());
    }
    if role.attached.len() == MAX_ATTACHED {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerRole: {MAX_ATTACHED}")));
    }
    let attached = &mut call.find_role_mut()?.attached;
    attached.push(arn);
    attached.sort_unstable();
    Ok(call.empty_answer())
}

pub(super) fn detach_role_policy(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.form.required_text("PolicyArn")?.to_owned();
    if !call.find_role()?.attached.contains(&arn) {
        return Err(no_entity(format!("Policy {arn} was not found.")));
    }
    call.find_role_mut()?.attached.retain(|attached| *attached != arn);
    Ok(call.empty_answer())
}

pub(super) fn list_attached_role_policies(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let page = call.list_page(&call.find_role()?.attached, |arn| (*arn).clone())?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("AttachedPolicies", &page.items, |xml, arn| write_attached_policy(xml, arn));
        write_truncation(xml, &page);
    }))
}

pub(super) fn write_attached_policy(xml: &mut super::XmlWriter, arn: &str) {
    xml.write_text("PolicyName", arn.rsplit('/').next().unwrap_or_default());
    xml.write_text("PolicyArn", arn);
}

fn no_policy(name: &str) -> ApiError {
    no_entity(format!("The role policy with name {name} cannot be found."))
}
