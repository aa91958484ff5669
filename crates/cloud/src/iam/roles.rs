//! Roles and their tags.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::document::{self, Purpose};
use super::{Answer, ApiError, Call, Role, Xml, encoded, invalid, limit, policies, truncation};

/// The default of IAM's quota "Roles in an AWS account".
const MAX_ROLES: usize = 1000;
/// The maximum length of a role's name (IAM's `roleNameType`).
const MAX_NAME: usize = 64;
/// IAM's quota "Tags that can be attached to an IAM role".
const MAX_TAGS: usize = 50;
/// IAM's default for `MaxSessionDuration`, in seconds.
const SESSION_S: i64 = 3600;
/// The characters of a unique identifier (base 32).
const ID_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let form = call.form;
    let name = form.required("RoleName")?.to_owned();
    let trust = form.required("AssumeRolePolicyDocument")?.to_owned();
    let path = form.text("Path").unwrap_or("/").to_owned();
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
    if !named || name.len() > MAX_NAME {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'roleName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w+=,.@-]+ and have length less than or equal to {MAX_NAME}"
        )));
    }
    if !path.starts_with('/') || !path.ends_with('/') || path.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(invalid(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters.",
        ));
    }
    let description = description(call)?;
    let tags = form.tags("Tags");
    check_tags(&tags)?;
    // IAM compares names without case.
    if call.cx.state.iam.roles.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
        return Err(ApiError::new(409, "EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    document::check(&trust, Purpose::Trust)?;
    if call.cx.state.iam.roles.len() >= MAX_ROLES {
        return Err(limit(format!("Cannot exceed quota for RolesPerAccount: {MAX_ROLES}")));
    }
    let role = Role {
        id: format!("AROA{}", call.cx.random(ID_LETTERS, 17)),
        arn: format!("arn:aws:iam::{}:role{path}{name}", call.cx.account()),
        created: call.cx.now,
        max_session_s: form.integer("MaxSessionDuration").unwrap_or(SESSION_S),
        inline: BTreeMap::new(),
        attached: Vec::new(),
        name: name.clone(),
        path,
        description,
        trust,
        tags,
        last_used: None,
    };
    let answer = call.answer(|xml| xml.element("Role", |xml| whole(xml, &role)));
    call.cx.state.iam.roles.insert(name, role);
    Ok(answer)
}

pub(super) fn get(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let role = call.role()?;
    Ok(call.answer(|xml| {
        xml.element("Role", |xml| {
            whole(xml, role);
            xml.element("RoleLastUsed", |xml| {
                if let Some((at, region)) = &role.last_used {
                    xml.text("LastUsedDate", &time(*at));
                    xml.text("Region", region);
                }
            });
        });
    }))
}

/// `ListRoles` returns no tags.
pub(super) fn list(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let prefix = call.form.text("PathPrefix").unwrap_or("/");
    let roles = call.cx.state.iam.roles.values().filter(|role| role.path.starts_with(prefix));
    let page = call.page(roles, |role| role.name.clone())?;
    Ok(call.answer(|xml| {
        xml.members("Roles", &page.items, |xml, role| brief(xml, role));
        truncation(xml, &page);
    }))
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let role = call.role()?;
    let conflict = |message: &str| Err(ApiError::new(409, "DeleteConflict", message));
    if !role.inline.is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    if !role.attached.is_empty() {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    let name = role.name.clone();
    call.cx.state.iam.roles.remove(&name);
    Ok(call.done())
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    call.role()?;
    let description = description(call)?;
    let session = call.form.integer("MaxSessionDuration");
    let role = call.role_mut()?;
    if description.is_some() {
        role.description = description;
    }
    role.max_session_s = session.unwrap_or(role.max_session_s);
    Ok(call.done())
}

pub(super) fn update_trust(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let trust = call.form.required("PolicyDocument")?.to_owned();
    call.role()?;
    document::check(&trust, Purpose::Trust)?;
    call.role_mut()?.trust = trust;
    Ok(call.done())
}

/// Returns only roles, since the embedded cloud lists no users, groups or managed policies.
pub(super) fn authorization_details(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let kinds = call.form.list("Filter");
    let wanted = kinds.is_empty() || kinds.iter().any(|kind| kind == "Role");
    let page = call.page(call.cx.state.iam.roles.values().filter(|_| wanted), |role| role.name.clone())?;
    Ok(call.answer(|xml| {
        xml.element("UserDetailList", |_| ());
        xml.element("GroupDetailList", |_| ());
        xml.members("RoleDetailList", &page.items, |xml, role| detail(xml, role));
        xml.element("Policies", |_| ());
        truncation(xml, &page);
    }))
}

/// Returns only the numbers of roles, out of IAM's many.
pub(super) fn account_summary(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let numbers = [("Roles", call.cx.state.iam.roles.len()), ("RolesQuota", MAX_ROLES)];
    Ok(call.answer(|xml| {
        xml.element("SummaryMap", |xml| {
            for (key, value) in numbers {
                xml.element("entry", |xml| {
                    xml.text("key", key);
                    xml.text("value", &value.to_string());
                });
            }
        });
    }))
}

pub(super) fn tag(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let mut all = call.role()?.tags.clone();
    all.extend(call.form.tags("Tags"));
    check_tags(&all)?;
    call.role_mut()?.tags = all;
    Ok(call.done())
}

pub(super) fn untag(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let keys = call.form.list("TagKeys");
    call.role_mut()?.tags.retain(|key, _| !keys.contains(key));
    Ok(call.done())
}

pub(super) fn list_tags(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let page = call.page(&call.role()?.tags, |(key, _)| (*key).clone())?;
    Ok(call.answer(|xml| {
        xml.members("Tags", &page.items, |xml, (key, value)| {
            xml.text("Key", key);
            xml.text("Value", value);
        });
        truncation(xml, &page);
    }))
}

fn description(call: &Call<'_, '_>) -> Result<Option<String>, ApiError> {
    let description = call.form.text("Description");
    if description.is_some_and(|text| text.chars().count() > 1000) {
        return Err(invalid("Value at 'description' must have length less than or equal to 1000"));
    }
    Ok(description.map(ToOwned::to_owned))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(limit(format!("The number of tags has reached the maximum limit of {MAX_TAGS}.")));
    }
    let unfit = tags.iter().find(|(key, value)| {
        key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:")
    });
    match unfit {
        Some((key, _)) => Err(ApiError::bad("InvalidInput", format!("The tag with key '{key}' is invalid."))),
        None => Ok(()),
    }
}

fn whole(xml: &mut Xml, role: &Role) {
    brief(xml, role);
    if !role.tags.is_empty() {
        xml.tags("Tags", &role.tags);
    }
}

fn brief(xml: &mut Xml, role: &Role) {
    identity(xml, role);
    if let Some(description) = &role.description {
        xml.text("Description", description);
    }
    xml.text("MaxSessionDuration", &role.max_session_s.to_string());
}

fn detail(xml: &mut Xml, role: &Role) {
    identity(xml, role);
    xml.element("InstanceProfileList", |_| ());
    xml.members("RolePolicyList", &role.inline, |xml, (name, policy)| {
        xml.text("PolicyName", name);
        xml.text("PolicyDocument", &encoded(policy));
    });
    xml.members("AttachedManagedPolicies", &role.attached, |xml, arn| policies::attached(xml, arn));
    xml.tags("Tags", &role.tags);
}

fn identity(xml: &mut Xml, role: &Role) {
    xml.text("Path", &role.path);
    xml.text("RoleName", &role.name);
    xml.text("RoleId", &role.id);
    xml.text("Arn", &role.arn);
    xml.text("CreateDate", &time(role.created));
    xml.text("AssumeRolePolicyDocument", &encoded(&role.trust));
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
