//! Roles and their tags.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::quotas::Quota;
use super::document::{self, PolicyPurpose};
use super::{
    ApiError, CloudAnswer, IamCall, StoredRole, XmlWriter, encode_document, limit_exceeded, policies, validation_error,
    write_truncation,
};

/// The maximum length of a role's name (IAM's `roleNameType`).
const MAX_NAME: usize = 64;
/// IAM's quota "Tags that can be attached to an IAM role".
const MAX_TAGS: usize = 50;
/// IAM's default for `MaxSessionDuration`, in seconds.
const SESSION_S: i64 = 3600;
/// The characters of a unique identifier (base 32).
const ID_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn create_role(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let form = call.form;
    let name = form.required_text("RoleName")?.to_owned();
    let trust = form.required_text("AssumeRolePolicyDocument")?.to_owned();
    let path = form.member_text("Path").unwrap_or("/").to_owned();
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
    if !named || name.len() > MAX_NAME {
        return Err(validation_error(format!(
            "1 validation error detected: Value '{name}' at 'roleName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w+=,.@-]+ and have length less than or equal to {MAX_NAME}"
        )));
    }
    if !path.starts_with('/') || !path.ends_with('/') || path.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(validation_error(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters.",
        ));
    }
    let description = role_description(call)?;
    let tags = form.member_tags("Tags");
    check_tags(&tags)?;
    // IAM compares names without case.
    let lower_case = name.to_ascii_lowercase();
    if call.cx.state.iam.names.contains_key(&lower_case) || call.cx.state.iam.roles.contains_key(&name) {
        return Err(ApiError::new(409, "EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    document::check_document(&trust, PolicyPurpose::Trust)?;
    let quota = call.cx.quota_value(Quota::Roles);
    if call.cx.state.iam.roles.len() >= quota {
        return Err(limit_exceeded(format!("Cannot exceed quota for RolesPerAccount: {quota}")));
    }
    let role = StoredRole {
        id: format!("AROA{}", call.cx.random_text(ID_LETTERS, 17)),
        arn: call.cx.build_iam_arn(&format!("role{path}{name}")),
        created: call.cx.now,
        max_session_s: form.member_integer("MaxSessionDuration").unwrap_or(SESSION_S),
        inline: BTreeMap::new(),
        attached: Vec::new(),
        name: name.clone(),
        path,
        description,
        trust,
        tags,
        last_used: None,
        boundary: form.member_text("PermissionsBoundary").map(ToOwned::to_owned),
        instance_profiles: BTreeSet::new(),
    };
    let answer = call.xml_answer(|xml| xml.write_element("Role", |xml| write_whole_role(xml, &role)));
    call.cx.state.iam.names.insert(lower_case, name.clone());
    call.cx.state.iam.roles.insert(name, role);
    Ok(answer)
}

pub(super) fn get_role(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let role = call.find_role()?;
    Ok(call.xml_answer(|xml| {
        xml.write_element("Role", |xml| {
            write_whole_role(xml, role);
            xml.write_element("RoleLastUsed", |xml| {
                if let Some((at, region)) = &role.last_used {
                    xml.write_text("LastUsedDate", &format_time(*at));
                    xml.write_text("Region", region);
                }
            });
        });
    }))
}

/// `ListRoles` returns no tags.
pub(super) fn list_roles(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let prefix = call.form.member_text("PathPrefix").unwrap_or("/");
    let roles = &call.cx.state.iam.roles;
    let below = |role: &&StoredRole| role.path.starts_with(prefix);
    let page = call.list_page_after(
        |after| roles.iter_after(after).map(|(_, role)| role).filter(below),
        |role| role.name.clone(),
    )?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("Roles", &page.items, |xml, role| write_brief_role(xml, role));
        write_truncation(xml, &page);
    }))
}

pub(super) fn delete_role(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let role = call.find_role()?;
    let conflict = |message: &str| Err(ApiError::new(409, "DeleteConflict", message));
    if !role.inline.is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    if !role.attached.is_empty() {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    if !role.instance_profiles.is_empty() {
        return conflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    let name = role.name.clone();
    call.cx.state.iam.names.remove(&name.to_ascii_lowercase());
    call.cx.state.iam.roles.remove(&name);
    Ok(call.empty_answer())
}

pub(super) fn update_role(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    call.find_role()?;
    let description = role_description(call)?;
    let session = call.form.member_integer("MaxSessionDuration");
    let role = call.find_role_mut()?;
    if description.is_some() {
        role.description = description;
    }
    role.max_session_s = session.unwrap_or(role.max_session_s);
    Ok(call.empty_answer())
}

pub(super) fn put_permissions_boundary(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let boundary = call.form.required_text("PermissionsBoundary")?.to_owned();
    call.find_role_mut()?.boundary = Some(boundary);
    Ok(call.empty_answer())
}

pub(super) fn delete_permissions_boundary(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    call.find_role_mut()?.boundary = None;
    Ok(call.empty_answer())
}

pub(super) fn update_assume_role_policy(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let trust = call.form.required_text("PolicyDocument")?.to_owned();
    call.find_role()?;
    document::check_document(&trust, PolicyPurpose::Trust)?;
    call.find_role_mut()?.trust = trust;
    Ok(call.empty_answer())
}

/// Returns only roles, since the embedded cloud lists no users, groups or managed policies.
pub(super) fn get_account_authorization_details(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let kinds = call.form.member_list("Filter");
    let wanted = kinds.is_empty() || kinds.iter().any(|kind| kind == "Role");
    let roles = &call.cx.state.iam.roles;
    let page = call.list_page_after(
        |after| roles.iter_after(after).map(|(_, role)| role).filter(|_| wanted),
        |role| role.name.clone(),
    )?;
    Ok(call.xml_answer(|xml| {
        xml.write_element("UserDetailList", |_| ());
        xml.write_element("GroupDetailList", |_| ());
        xml.write_members("RoleDetailList", &page.items, |xml, role| write_role_detail(xml, role));
        xml.write_element("Policies", |_| ());
        write_truncation(xml, &page);
    }))
}

/// Returns only the numbers of roles, out of IAM's many.
pub(super) fn get_account_summary(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let numbers = [("Roles", call.cx.state.iam.roles.len()), ("RolesQuota", call.cx.quota_value(Quota::Roles))];
    Ok(call.xml_answer(|xml| {
        xml.write_element("SummaryMap", |xml| {
            for (key, value) in numbers {
                xml.write_element("entry", |xml| {
                    xml.write_text("key", key);
                    xml.write_text("value", &value.to_string());
                });
            }
        });
    }))
}

pub(super) fn tag_role(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let sent = call.form.member_tags("Tags");
    // Those that AWS's own services have set are no obstacle.
    check_tags(&sent)?;
    let mut all = call.find_role()?.tags.clone();
    all.extend(sent);
    check_tag_count(&all)?;
    call.find_role_mut()?.tags = all;
    Ok(call.empty_answer())
}

pub(super) fn untag_role(call: &mut IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let keys = call.form.member_list("TagKeys");
    call.find_role_mut()?.tags.retain(|key, _| !keys.contains(key));
    Ok(call.empty_answer())
}

pub(super) fn list_role_tags(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let page = call.list_page(&call.find_role()?.tags, |(key, _)| (*key).clone())?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("Tags", &page.items, |xml, (key, value)| {
            xml.write_text("Key", key);
            xml.write_text("Value", value);
        });
        write_truncation(xml, &page);
    }))
}

fn role_description(call: &IamCall<'_, '_>) -> Result<Option<String>, ApiError> {
    let description = call.form.member_text("Description");
    if description.is_some_and(|text| text.chars().count() > 1000) {
        return Err(validation_error("Value at 'description' must have length less than or equal to 1000"));
    }
    Ok(description.map(ToOwned::to_owned))
}

fn check_tag_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(limit_exceeded(format!("The number of tags has reached the maximum limit of {MAX_TAGS}.")));
    }
    Ok(())
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    check_tag_count(tags)?;
    let unfit = tags.iter().find(|(key, value)| {
        key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:")
    });
    match unfit {
        Some((key, _)) => Err(ApiError::bad_request("InvalidInput", format!("The tag with key '{key}' is invalid."))),
        None => Ok(()),
    }
}

fn write_whole_role(xml: &mut XmlWriter, role: &StoredRole) {
    write_brief_role(xml, role);
    write_boundary(xml, role);
    if !role.tags.is_empty() {
        xml.write_tags("Tags", &role.tags);
    }
}

fn write_brief_role(xml: &mut XmlWriter, role: &StoredRole) {
    write_role_identity(xml, role);
    if let Some(description) = &role.description {
        xml.write_text("Description", description);
    }
    xml.write_text("MaxSessionDuration", &role.max_session_s.to_string());
}

fn write_role_detail(xml: &mut XmlWriter, role: &StoredRole) {
    write_role_identity(xml, role);
    write_boundary(xml, role);
    xml.write_members("InstanceProfileList", &role.instance_profiles, |xml, profile| {
        xml.write_text("Path", "/");
        xml.write_text("InstanceProfileName", profile);
        xml.write_text("InstanceProfileId", "AIPAEXAMPLE");
        xml.write_text("Arn", &role.arn.replace(":role/", ":instance-profile/"));
        xml.write_text("CreateDate", &format_time(role.created));
        xml.write_element("Roles", |_| ());
    });
    xml.write_members("RolePolicyList", &role.inline, |xml, (name, policy)| {
        xml.write_text("PolicyName", name);
        xml.write_text("PolicyDocument", &encode_document(policy));
    });
    xml.write_members("AttachedManagedPolicies", &role.attached, |xml, arn| policies::write_attached_policy(xml, arn));
    xml.write_tags("Tags", &role.tags);
}

fn write_boundary(xml: &mut XmlWriter, role: &StoredRole) {
    if let Some(boundary) = &role.boundary {
        xml.write_element("PermissionsBoundary", |xml| {
            xml.write_text("PermissionsBoundaryType", "Policy");
            xml.write_text("PermissionsBoundaryArn", boundary);
        });
    }
}

fn write_role_identity(xml: &mut XmlWriter, role: &StoredRole) {
    xml.write_text("Path", &role.path);
    xml.write_text("RoleName", &role.name);
    xml.write_text("RoleId", &role.id);
    xml.write_text("Arn", &role.arn);
    xml.write_text("CreateDate", &format_time(role.created));
    xml.write_text("AssumeRolePolicyDocument", &encode_document(&role.trust));
}

fn format_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
