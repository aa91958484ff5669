//! A role's inline policies, and the managed policies attached to it.

use super::document::{self, Purpose};
use super::{Answer, ApiError, Call, encoded, invalid, limit, managed, no_entity, truncation};

/// IAM's quota on the characters of all inline policies of a role, without white space.
const MAX_INLINE_SIZE: usize = 10_240;
/// IAM's quota "Managed policies attached to an IAM role".
const MAX_ATTACHED: usize = 10;
/// The maximum length of a policy's name (IAM's `policyNameType`).
const MAX_NAME: usize = 128;

pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = call.form.required("PolicyName")?.to_owned();
    let policy = call.form.required("PolicyDocument")?.to_owned();
    if name.len() > MAX_NAME {
        return Err(invalid(format!(
            "Value '{name}' at 'policyName' must have length less than or equal to {MAX_NAME}"
        )));
    }
    let role = call.role()?;
    document::check(&policy, Purpose::Identity)?;
    let others = role.inline.iter().filter(|(other, _)| **other != name).map(|(_, text)| text.as_str());
    let size = others.chain([policy.as_str()]).flat_map(str::chars).filter(|letter| !letter.is_whitespace()).count();
    if size > MAX_INLINE_SIZE {
        return Err(limit(format!("Maximum policy size of {MAX_INLINE_SIZE} bytes exceeded for role {}", role.name)));
    }
    call.role_mut()?.inline.insert(name, policy);
    Ok(call.done())
}

pub(super) fn get(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = call.form.required("PolicyName")?;
    let role = call.role()?;
    let policy = role.inline.get(name).ok_or_else(|| no_policy(name))?;
    Ok(call.answer(|xml| {
        xml.text("RoleName", &role.name);
        xml.text("PolicyName", name);
        xml.text("PolicyDocument", &encoded(policy));
    }))
}

pub(super) fn list(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let page = call.page(call.role()?.inline.keys(), |name| (*name).clone())?;
    Ok(call.answer(|xml| {
        xml.members("PolicyNames", &page.items, |xml, name| xml.raw(name));
        truncation(xml, &page);
    }))
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = call.form.required("PolicyName")?;
    if !call.role()?.inline.contains_key(name) {
        return Err(no_policy(name));
    }
    call.role_mut()?.inline.remove(name);
    Ok(call.done())
}

pub(super) fn attach(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.form.required("PolicyArn")?.to_owned();
    let role = call.role()?;
    if !managed::is_attachable(call, &arn) {
        return Err(no_entity(format!("Policy {arn} does not exist or is not attachable.")));
    }
    if role.attached.contains(&arn) {
        return Ok(call.done());
    }
    if role.attached.len() == MAX_ATTACHED {
        return Err(limit(format!("Cannot exceed quota for PoliciesPerRole: {MAX_ATTACHED}")));
    }
    let attached = &mut call.role_mut()?.attached;
    attached.push(arn);
    attached.sort_unstable();
    Ok(call.done())
}

pub(super) fn detach(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.form.required("PolicyArn")?.to_owned();
    if !call.role()?.attached.contains(&arn) {
        return Err(no_entity(format!("Policy {arn} was not found.")));
    }
    call.role_mut()?.attached.retain(|attached| *attached != arn);
    Ok(call.done())
}

pub(super) fn list_attached(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let page = call.page(&call.role()?.attached, |arn| (*arn).clone())?;
    Ok(call.answer(|xml| {
        xml.members("AttachedPolicies", &page.items, |xml, arn| attached(xml, arn));
        truncation(xml, &page);
    }))
}

pub(super) fn attached(xml: &mut super::Xml, arn: &str) {
    xml.text("PolicyName", arn.rsplit('/').next().unwrap_or_default());
    xml.text("PolicyArn", arn);
}

fn no_policy(name: &str) -> ApiError {
    no_entity(format!("The role policy with name {name} cannot be found."))
}
