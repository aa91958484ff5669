//! The names of a venue's resources, the marks that make them ours, and the maximum lengths of names.
//!
//! The resources themselves record their owner: in the two tags below, and in a role's path. Nothing without these
//! marks is ever changed or deleted, whatever its name.

use sync_config::hubspot_api::MARK;
// The mark in the description of a function, a rule or a property, for lists that don't return tags. The function reads
// it too.
pub use sync_config::hubspot_api::{mark_description, parse_mark};

/// Tag with the deployment's name.
pub const TAG_DEPLOYMENT: &str = "deployer:deployment";
/// Tag with the venue's name.
pub const TAG_VENUE: &str = "deployer:venue";

/// Tag that keeps a venue from being removed: `true` or `false`, the value of `protect` at the last apply. So removing
/// a venue and its `protect` in one edit is still refused.
pub const TAG_PROTECT: &str = "deployer:protect";

/// Tag of a role that `deployer adopt` adopted and that isn't under our path.
pub const TAG_ADOPTED: &str = "deployer:adopted";

/// Tag of a function whose alias `deployer rollback` moved back: the version that the alias is pinned to.
pub const TAG_PINNED: &str = "deployer:pinned";

/// Tag with the record of what the manifest declares on a resource, so that it can be removed when it is no longer
/// declared. See [`crate::resource::declared`].
pub const TAG_DECLARED: &str = "deployer:declared";

/// The alias that a venue's rule invokes.
pub const ALIAS: &str = "live";
/// The name of the role's only inline policy.
pub const ROLE_POLICY: &str = "sync";
/// The id of the rule's only target.
pub const TARGET_ID: &str = "sync";
/// The id of the statement that lets the rule invoke the function.
pub const PERMISSION_SID: &str = "deployer-schedule";

/// Maximum length of a Lambda function's name (Lambda's `FunctionName`).
pub const MAX_FUNCTION_NAME: usize = 64;
/// Maximum length of an IAM role's name (IAM's `roleNameType`).
pub const MAX_ROLE_NAME: usize = 64;
/// Maximum length of an EventBridge rule's name (EventBridge's `RuleName`).
pub const MAX_RULE_NAME: usize = 64;
/// Maximum length of a HubSpot property's internal name.
pub const MAX_PROPERTY_NAME: usize = 100;

/// The names of one venue's resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueNames {
    /// The Lambda function.
    pub function: String,
    /// The IAM role.
    pub role: String,
    /// The path of the IAM role: an ownership mark that `ListRoles` can filter by.
    pub role_path: String,
    /// The EventBridge rule, on the default bus.
    pub rule: String,
    /// The Secrets Manager secret.
    pub secret: String,
    /// The CloudWatch log group that Lambda writes to by default.
    pub log_group: String,
}

impl VenueNames {
    /// The names for `venue` in `deployment`. `_` becomes `-` except in the secret's name, so that every
    /// service accepts the name.
    pub fn new(deployment: &str, venue: &str) -> Self {
        let base = format!("{deployment}-{}", venue.replace('_', "-"));
        Self {
            role: format!("{base}-role"),
            role_path: role_path(deployment),
            rule: format!("{base}-schedule"),
            secret: format!("{deployment}/{venue}"),
            log_group: format!("/aws/lambda/{base}"),
            function: base,
        }
    }
}

/// The IAM path of all roles of `deployment`.
pub fn role_path(deployment: &str) -> String {
    format!("/deployer/{deployment}/")
}

/// The venue of a role of `deployment`, from the role's name.
pub fn venue_of_role<'a>(deployment: &str, role: &'a str) -> Option<&'a str> {
    role.strip_prefix(deployment)?.strip_prefix('-')?.strip_suffix("-role")
}

/// The name prefix of all log groups of `deployment`.
pub fn log_group_prefix(deployment: &str) -> String {
    format!("/aws/lambda/{deployment}-")
}

/// The deployment and venue that a mark names, as text; of any deployment.
pub fn marked_owner(description: &str) -> Option<String> {
    description.strip_prefix(MARK).map(|owner| format!("deployment {owner}"))
}

/// Whether a description has a mark, of any deployment.
pub fn is_marked(description: &str) -> bool {
    description.starts_with(MARK)
}

/// The venue that a description names, if it has the mark of `deployment`.
pub fn marked_venue<'a>(description: &'a str, deployment: &str) -> Option<&'a str> {
    description.strip_prefix(MARK)?.strip_prefix(deployment)?.strip_prefix(", venue ")
}
