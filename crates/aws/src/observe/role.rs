//! IAM roles: one paged call returns them all with their policies and tags. If it is denied, they are read one by one.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{AttachedPermissionsBoundary, EntityType, InstanceProfile, Role, RoleDetail, Tag};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{ResourceList, owned_venue, to_observed, to_unreadable};
use crate::{Call, CallError, FailureKind, Found, sdk_pages};
use deployer_core::naming::{RolePlace, VenueNames, is_role_name, venue_of_role};
use deployer_core::resource::members::{AnswerKind, UnmodeledPart};
use deployer_core::resource::{LiveRole, Observed, StringMap};
use deployer_core::role_owner::{OtherRoles, RoleOwner, role_deployment, settle_roles};
use deployer_core::role_policy::SCHEDULER;

/// The account's roles.
pub(super) enum ListedRoles {
    /// All of them, with policies and tags.
    Whole(ResourceList<LiveRole>),
    /// Only the names of the roles under the deployment's path.
    Names(BTreeSet<String>),
}

/// Reads `GetAccountAuthorizationDetails`, which returns roles, inline policies, attached policies and tags in pages.
/// It includes roles of every path, which matters because names are unique in an account regardless of the path.
pub(super) async fn list_roles(iam: &Client, place: &RolePlace) -> ListedRoles {
    match list_role_details(iam).await {
        Err(error) if matches!(error.kind, FailureKind::Denied | FailureKind::NotImplemented) => {
            match list_role_names(iam, place).await {
                Ok(names) => ListedRoles::Names(names),
                Err(_) => ListedRoles::Whole(Err(error)),
            }
        }
        roles => ListedRoles::Whole(roles),
    }
}

/// Description and length of sessions of each role, by name.
pub(super) type RoleSettings = Result<BTreeMap<String, (String, Option<u32>)>, CallError>;

/// Reads `ListRoles` for the roles under the deployment's path: the bulk list with the policies lacks these settings.
pub(super) async fn list_role_settings(iam: &Client, place: &RolePlace) -> RoleSettings {
    let settings = |role: Role| {
        let session = session_of(&role);
        (role.role_name, (role.description.unwrap_or_default(), session))
    };
    Ok(list_roles_below(iam, &place.deployment_path()).await?.into_iter().map(settings).collect())
}

/// Lists the roles under a path, without their policies and tags.
///
/// # Errors
/// The list can't be read.
pub async fn list_roles_below(iam: &Client, path: &str) -> Result<Vec<Role>, CallError> {
    let mut roles = Vec::new();
    let stream = iam.list_roles().path_prefix(path).into_paginator().send();
    let mut pages = sdk_pages("iam:ListRoles", stream, |page| page.marker());
    while let Some(page) = pages.next_page().await {
        roles.extend(page?.roles);
    }
    Ok(roles)
}

fn session_of(role: &Role) -> Option<u32> {
    role.max_session_duration().and_then(|seconds| u32::try_from(seconds).ok())
}

async fn list_role_details(iam: &Client) -> ResourceList<LiveRole> {
    let mut roles = BTreeMap::new();
    let stream =
        iam.get_account_authorization_details().filter(EntityType::Role).max_items(1000).into_paginator().send();
    let mut pages = sdk_pages("iam:GetAccountAuthorizationDetails", stream, |page| page.marker());
    while let Some(page) = pages.next_page().await {
        for role in page?.role_detail_list() {
            let role = convert_role(role);
            roles.insert(role.name.clone(), role);
        }
    }
    Ok(roles)
}

async fn list_role_names(iam: &Client, place: &RolePlace) -> Result<BTreeSet<String>, CallError> {
    let roles = list_roles_below(iam, &place.deployment_path()).await?;
    Ok(roles.into_iter().map(|role| role.role_name).collect())
}

impl ListedRoles {
    /// Adds what only the list of names has.
    pub(super) fn add_settings(&mut self, settings: RoleSettings, place: &RolePlace) {
        let Self::Whole(Ok(roles)) = self else { return };
        match settings {
            Ok(settings) => {
                for (name, (description, session)) in settings {
                    if let Some(role) = roles.get_mut(&name) {
                        (role.description, role.max_session_s) = (Some(description), session);
                    }
                }
            }
            Err(error) => {
                let ours = roles.values_mut().filter(|role| RoleOwner::of_role(place, role) == RoleOwner::Current);
                ours.for_each(|role| role.unmodeled.unread.push(error.to_string()));
            }
        }
    }

    /// The regions that the paths and the policies of deployments' roles name.
    pub(super) fn deployed_regions(&self) -> BTreeSet<String> {
        let Self::Whole(Ok(roles)) = self else { return BTreeSet::new() };
        roles.values().filter_map(role_deployment).map(|(_, region)| region.into_owned()).collect()
    }

    /// Whether a role with this name exists, or may exist.
    pub(super) fn may_contain(&self, name: &str) -> bool {
        match self {
            Self::Whole(roles) => roles.as_ref().map_or(true, |roles| roles.contains_key(name)),
            Self::Names(names) => names.contains(name),
        }
    }

    pub(super) fn read_error(&self) -> Option<&CallError> {
        match self {
            Self::Whole(Err(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether a role of ours lets EventBridge Scheduler start runs. If only names were listed, it isn't known.
    pub(super) fn trust_scheduler(&self, place: &RolePlace) -> bool {
        let Self::Whole(Ok(roles)) = self else { return false };
        let ours = roles.values().filter(|role| RoleOwner::of_role(place, role).is_ours());
        ours.into_iter().any(|role| role.trust.as_str().contains(SCHEDULER))
    }

    /// The venues whose roles are ours in this region.
    pub(super) fn owned_venues(&self, place: &RolePlace) -> BTreeSet<String> {
        let deployment = place.deployment.as_str();
        match self {
            Self::Whole(roles) => roles
                .iter()
                .flat_map(BTreeMap::values)
                .filter(|role| RoleOwner::of_role(place, role).is_ours())
                .filter_map(|role| {
                    owned_venue(&role.tags, deployment)
                        .or_else(|| venue_of_role(deployment, &role.name).map(ToOwned::to_owned))
                })
                .collect(),
            Self::Names(names) => {
                names.iter().filter_map(|name| venue_of_role(deployment, name)).map(ToOwned::to_owned).collect()
            }
        }
    }

    /// Takes a venue's roles out of the list.
    pub(super) fn take_roles(&mut self, place: &RolePlace, (venue, names): (&str, &VenueNames)) -> VenueRoles {
        let second = place.second_role_name(venue);
        let others = self.roles_of_other_paths(names, &second);
        let others: Vec<String> = others.into_iter().map(|role| role.name.clone()).collect();
        match self {
            Self::Whole(Err(error)) => VenueRoles::Unreadable(error.clone()),
            Self::Whole(Ok(roles)) => VenueRoles::Listed {
                usual: roles.remove(&names.role).map(Box::new),
                second: roles.remove(&second).map(Box::new),
                others: others.iter().filter_map(|name| roles.remove(name)).collect(),
            },
            Self::Names(listed) => VenueRoles::Unread { has_second: listed.contains(&second) },
        }
    }

    /// The venue's role, and others of the venue, from the list alone; `None` if the list contains only names.
    pub(super) fn find_roles(
        &self,
        place: &RolePlace,
        (venue, names): (&str, &VenueNames),
    ) -> Option<(Observed<LiveRole>, OtherRoles)> {
        let Self::Whole(roles) = self else { return None };
        let find = |name: &str| match roles {
            Ok(roles) => roles.get(name).cloned().map_or(Observed::Absent, Observed::Present),
            Err(error) => to_unreadable(error),
        };
        let second = place.second_role_name(venue);
        let others = self.roles_of_other_paths(names, &second).into_iter().cloned().collect();
        Some(settle_roles(place, find(&names.role), find(&second), others))
    }

    /// The roles with one of the venue's names besides the usual one and `second`.
    fn roles_of_other_paths(&self, names: &VenueNames, second: &str) -> Vec<&LiveRole> {
        let Self::Whole(Ok(roles)) = self else { return Vec::new() };
        // All of them start with the function's name.
        let begin = format!("{}-", names.function);
        let others =
            roles.range(begin.clone()..).take_while(|(name, _)| name.starts_with(&begin)).map(|(_, role)| role);
        let others = others.filter(|role| role.name != names.role && role.name != second);
        others.filter(|role| is_role_name(names, &role.name)).collect()
    }
}

/// What the list has of a venue's roles.
pub(super) enum VenueRoles {
    /// The roles with its two names, and others of the venue.
    Listed { usual: Option<Box<LiveRole>>, second: Option<Box<LiveRole>>, others: Vec<LiveRole> },
    /// Nothing, as the list contains only names. Whether the second one is in it.
    Unread { has_second: bool },
    /// Nothing.
    Unreadable(CallError),
}

impl VenueRoles {
    /// The venue's role, and others of the venue.
    pub(super) async fn observe(
        self,
        iam: &Client,
        place: &RolePlace,
        (venue, names): (&str, &VenueNames),
        confirm: bool,
    ) -> (Observed<LiveRole>, OtherRoles) {
        let name = place.second_role_name(venue);
        // Only a role whose usual name is taken has a second name, but it keeps that when the other one is gone.
        let needs_second = |usual: &Observed<LiveRole>| {
            usual.as_present().is_some_and(|role| RoleOwner::of_role(place, role) != RoleOwner::Current)
        };
        match self {
            Self::Unreadable(error) => settle_roles(place, to_unreadable(&error), to_unreadable(&error), Vec::new()),
            Self::Listed { usual, second, others } => {
                let usual = observe_role(iam, (&names.role, usual), confirm).await;
                let confirm = confirm && needs_second(&usual);
                let second = observe_role(iam, (&name, second), confirm).await;
                settle_roles(place, usual, second, others)
            }
            Self::Unread { has_second } => {
                let usual = to_observed(read_role(iam, &names.role).await);
                let second = match has_second || needs_second(&usual) {
                    true => to_observed(read_role(iam, &name).await),
                    false => Observed::Absent,
                };
                settle_roles(place, usual, second, Vec::new())
            }
        }
    }
}

async fn observe_role(
    iam: &Client,
    (name, listed): (&str, Option<Box<LiveRole>>),
    confirm: bool,
) -> Observed<LiveRole> {
    match listed {
        Some(role) => Observed::Present(*role),
        None if !confirm => Observed::Absent,
        None => to_observed(read_role(iam, name).await),
    }
}

async fn read_role(iam: &Client, name: &str) -> Result<Option<LiveRole>, CallError> {
    let Some(found) = iam.get_role().role_name(name).send().await.call("iam:GetRole").found()? else {
        return Ok(None);
    };
    let Some(role) = found.role() else { return Ok(None) };
    let mut policies = BTreeMap::new();
    let stream = iam.list_role_policies().role_name(name).into_paginator().send();
    let mut pages = sdk_pages("iam:ListRolePolicies", stream, |page| page.marker());
    while let Some(page) = pages.next_page().await {
        for policy in page?.policy_names() {
            let answer =
                iam.get_role_policy().role_name(name).policy_name(policy).send().await.call("iam:GetRolePolicy")?;
            policies.insert(policy.clone(), parse_policy_document(answer.policy_document()).into());
        }
    }
    let mut attached = Vec::new();
    let stream = iam.list_attached_role_policies().role_name(name).into_paginator().send();
    let mut pages = sdk_pages("iam:ListAttachedRolePolicies", stream, |page| page.marker());
    while let Some(page) = pages.next_page().await {
        let page = page?;
        attached.extend(page.attached_policies().iter().filter_map(|policy| policy.policy_arn.clone()));
    }
    Ok(Some(LiveRole {
        name: role.role_name().to_owned(),
        path: role.path().to_owned(),
        trust: role.assume_role_policy_document().map_or(Value::Null, parse_policy_document).into(),
        policies,
        attached,
        tags: convert_tags(role.tags()),
        description: Some(role.description().unwrap_or_default().to_owned()),
        max_session_s: session_of(role),
        created: Timestamp::from_second(role.create_date().secs()).ok(),
        unmodeled: unmodeled_part(role.role_name(), role.permissions_boundary(), &[]),
    }))
}

fn convert_role(role: &RoleDetail) -> LiveRole {
    let policies = role.role_policy_list().iter().map(|policy| {
        let document = policy.policy_document().map_or(Value::Null, parse_policy_document).into();
        (policy.policy_name().unwrap_or_default().to_owned(), document)
    });
    LiveRole {
        name: role.role_name().unwrap_or_default().to_owned(),
        path: role.path().unwrap_or_default().to_owned(),
        trust: role.assume_role_policy_document().map_or(Value::Null, parse_policy_document).into(),
        policies: policies.collect(),
        attached: role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn.clone()).collect(),
        tags: convert_tags(role.tags()),
        description: None,
        max_session_s: None,
        created: role.create_date().and_then(|at| Timestamp::from_second(at.secs()).ok()),
        unmodeled: unmodeled_part(
            role.role_name().unwrap_or_default(),
            role.permissions_boundary(),
            role.instance_profile_list(),
        ),
    }
}

/// IAM answers in XML, so the members are those that the SDK knows.
fn unmodeled_part(
    name: &str,
    boundary: Option<&AttachedPermissionsBoundary>,
    profiles: &[InstanceProfile],
) -> UnmodeledPart {
    let profiles: Vec<&str> = profiles.iter().map(InstanceProfile::instance_profile_name).collect();
    let answer = json!({
        "PermissionsBoundary": boundary.and_then(|boundary| boundary.permissions_boundary_arn()),
        "InstanceProfileList": profiles,
    });
    UnmodeledPart { members: AnswerKind::Role.find_unmodeled(name, &answer), unread: Vec::new() }
}

fn convert_tags(tags: &[Tag]) -> StringMap {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// Parses a policy document. IAM returns them URL-encoded (RFC 3986), some emulators as they are. A document that isn't
/// JSON stays a string, which differs from every desired document.
pub fn parse_policy_document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        serde_json::from_str(&decoded).unwrap_or_else(|_| Value::String(decoded.into_owned()))
    })
}
