//! Whose a role is, and which of several is a venue's.
//!
//! Roles are global, so the roles of a deployment in all its regions share one list of names. The path of a role says
//! whose it is and in which region, because it can only be set when the role is created. Roles of versions that didn't
//! name the region in the path are recognized by their region tag or, until they have one, by the region in the ARNs of
//! their policy.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arn::Arn;
use crate::naming::{DEFAULT_ROLE_PATH, ROLE_POLICY, RolePlace, TAG_ADOPTED, TAG_DEPLOYMENT, TAG_REGION};
use crate::resource::{LiveRole, Observed};

/// Whose a role with one of our names is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleOwner {
    /// Ours, and where it should be.
    Current,
    /// Ours, but below another path than the manifest's `role_path`.
    Former,
    /// Adopted with tags, and not yet replaced by one below our path.
    Adopted,
    /// The same deployment's in another region.
    OtherRegion(String),
    /// Somebody else's.
    Foreign,
}

impl RoleOwner {
    /// The owner of `role`, seen from a deployment in a region.
    pub fn of_role(place: &RolePlace, role: &LiveRole) -> Self {
        let tagged = |key: &str, value: &str| role.tags.get(key).map(String::as_str) == Some(value);
        let region_tag = role.tags.get(TAG_REGION).map(String::as_str);
        let of_region = |region: Option<&str>, ours: Self| match region {
            Some(region) if region != place.region => Self::OtherRegion(region.to_owned()),
            _ => ours,
        };
        if role.path == place.role_path() {
            return Self::Current;
        }
        if role.path == place.earlier_path() {
            let ours = if place.keeps_earlier_path() { Self::Current } else { Self::Former };
            // Without a tag and a policy, an apply died right after it had created the role.
            let region = region_tag.map(ToOwned::to_owned).or_else(|| policy_region(role));
            return of_region(region.as_deref(), ours);
        }
        if let Some(region) = role.path.strip_prefix(&place.deployment_path()).and_then(|rest| rest.strip_suffix('/'))
            && !region.contains('/')
        {
            return Self::OtherRegion(region.to_owned());
        }
        if !tagged(TAG_DEPLOYMENT, &place.deployment) {
            return Self::Foreign;
        }
        // Below another `role_path`, the end of the path and all tags must agree.
        if let Some(region) = region_tag
            && role.path.ends_with(&format!("/{}/{region}/", place.deployment))
        {
            return of_region(Some(region), Self::Former);
        }
        if role.tags.contains_key(TAG_ADOPTED) {
            return of_region(region_tag, Self::Adopted);
        }
        Self::Foreign
    }

    /// Whether the role may be changed and deleted by this deployment in this region.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Current | Self::Former | Self::Adopted => true,
            Self::OtherRegion(_) | Self::Foreign => false,
        }
    }
}

/// The region in the ARNs of a role's policy, which a venue's role always has.
fn policy_region(role: &LiveRole) -> Option<String> {
    let policy = role.policies.get(ROLE_POLICY)?.to_value();
    let statements = policy.get("Statement")?.as_array()?;
    let mut arns = statements.iter().filter_map(|statement| statement.get("Resource").and_then(Value::as_str));
    arns.find_map(|arn| {
        Arn::parse_arn(arn).ok().map(|arn| arn.region).filter(|region| !region.is_empty()).map(ToOwned::to_owned)
    })
}

/// A deployment that has roles in the account, and the region that their paths name. Roles of earlier versions have the
/// region in a tag or in their policy.
pub fn role_deployment(role: &LiveRole) -> Option<(&str, Cow<'_, str>)> {
    let rest = role.path.strip_suffix('/')?;
    let (start, last) = rest.rsplit_once('/')?;
    let deployment = role.tags.get(TAG_DEPLOYMENT)?;
    let region = role.tags.get(TAG_REGION).map(String::as_str);
    if region == Some(last) && start.ends_with(&format!("/{deployment}")) {
        return Some((deployment, last.into()));
    }
    let is_earlier = role.path == format!("{DEFAULT_ROLE_PATH}{deployment}/");
    let region = || region.map(Cow::Borrowed).or_else(|| policy_region(role).map(Cow::Owned));
    is_earlier.then(region).flatten().map(|region| (deployment.as_str(), region))
}

/// The roles of a venue besides the one that its function should have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherRoles {
    /// Ours, superseded by another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<LiveRole>,
    /// Whether a role of the deployment that isn't the venue's in this region has the usual name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub usual_name_taken: bool,
}

impl OtherRoles {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.former.is_empty() && !self.usual_name_taken
    }
}

/// Finds out which role is the venue's. `usual` and `second` were observed under its two names, and `others` are roles under
/// a second name that another `role_path` gave.
pub fn settle_roles(
    place: &RolePlace,
    usual: Observed<LiveRole>,
    second: Observed<LiveRole>,
    others: Vec<LiveRole>,
) -> (Observed<LiveRole>, OtherRoles) {
    let owner = |role: &Observed<LiveRole>| role.as_present().map(|role| RoleOwner::of_role(place, role));
    let (usual_owner, second_owner) = (owner(&usual), owner(&second));
    let mut found = OtherRoles {
        former: others.into_iter().filter(|role| RoleOwner::of_role(place, role) == RoleOwner::Former).collect(),
        usual_name_taken: matches!(usual_owner, Some(RoleOwner::Former | RoleOwner::OtherRegion(_))),
    };
    let usable = |owner: &Option<RoleOwner>| matches!(owner, Some(RoleOwner::Current | RoleOwner::Adopted));
    if usable(&usual_owner) {
        // Left by an apply that died while the usual name was taken.
        found.former.extend(second.as_present().filter(|_| second_owner == Some(RoleOwner::Current)).cloned());
        return (usual, found);
    }
    found.former.extend(usual.as_present().filter(|_| usual_owner == Some(RoleOwner::Former)).cloned());
    // Somebody else's role under the usual name is a conflict, unless the venue has its role already.
    let role = if found.usual_name_taken || usable(&second_owner) { second } else { usual };
    (role, found)
}
