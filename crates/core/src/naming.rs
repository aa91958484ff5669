//! What the resources of a venue are called, how they are marked as ours, and how long a name may be.
//!
//! Ownership is in the resources themselves: the two tags below on each, and the path of a role. Nothing without them
//! is ever changed or deleted, whatever its name.

/// Tag with the deployment's name.
pub const TAG_DEPLOYMENT: &str = "deployer:deployment";
/// Tag with the venue's name.
pub const TAG_VENUE: &str = "deployer:venue";

/// Tag that keeps a venue from being removed: `true` or `false`, as `protect` was at the last apply. So taking out a
/// venue together with its `protect` in one edit is still refused.
pub const TAG_PROTECT: &str = "deployer:protect";

/// Tag of a role that `deployer adopt` took under management, and that isn't under our path.
pub const TAG_ADOPTED: &str = "deployer:adopted";

/// Tag of a function whose alias `deployer rollback` has moved back: the version that it stays on.
pub const TAG_PINNED: &str = "deployer:pinned";

/// The alias that a venue's rule invokes.
pub const ALIAS: &str = "live";
/// The name of the role's one inline policy.
pub const ROLE_POLICY: &str = "sync";
/// The id of the rule's one target.
pub const TARGET_ID: &str = "sync";
/// The id of the statement that lets the rule invoke the function.
pub const PERMISSION_SID: &str = "deployer-schedule";

/// Longest name of a Lambda function (Lambda's `FunctionName`).
pub const MAX_FUNCTION_NAME: usize = 64;
/// Longest name of an IAM role (IAM's `roleNameType`).
pub const MAX_ROLE_NAME: usize = 64;
/// Longest name of an EventBridge rule (EventBridge's `RuleName`).
pub const MAX_RULE_NAME: usize = 64;
/// Longest internal name of a HubSpot property.
pub const MAX_PROPERTY_NAME: usize = 100;

/// The names of one venue's resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The Lambda function.
    pub function: String,
    /// The IAM role.
    pub role: String,
    /// The path of the IAM role: a mark of ownership that `ListRoles` can filter by.
    pub role_path: String,
    /// The EventBridge rule, on the default bus.
    pub rule: String,
    /// The Secrets Manager secret.
    pub secret: String,
    /// The CloudWatch log group, where Lambda writes by default.
    pub log_group: String,
}

impl Names {
    /// The names for `venue` in `deployment`. `_` becomes `-`, so that each name is one that every service takes.
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

/// The venue that a role of `deployment` with this name belongs to.
pub fn venue_of_role<'a>(deployment: &str, role: &'a str) -> Option<&'a str> {
    role.strip_prefix(deployment)?.strip_prefix('-')?.strip_suffix("-role")
}

/// What the names of all log groups of `deployment` begin with.
pub fn log_group_prefix(deployment: &str) -> String {
    format!("/aws/lambda/{deployment}-")
}

/// What every mark begins with.
const MARK: &str = "Managed by deployer: deployment ";

/// The mark that stands in the description of a function and of a rule, for bulk lists that return no tags.
pub fn description(deployment: &str, venue: &str) -> String {
    format!("{MARK}{deployment}, venue {venue}")
}

/// Deployment and venue in words, as a mark names them, of whatever deployment.
pub fn marked_owner(description: &str) -> Option<String> {
    description.strip_prefix(MARK).map(|owner| format!("deployment {owner}"))
}

/// Whether a description has a mark, of whatever deployment.
pub fn is_marked(description: &str) -> bool {
    description.starts_with(MARK)
}

/// The venue that a description names, if it has the mark of `deployment`.
pub fn marked_venue<'a>(description: &'a str, deployment: &str) -> Option<&'a str> {
    description.strip_prefix(MARK)?.strip_prefix(deployment)?.strip_prefix(", venue ")
}

/// The deployment and the venue that a description names, if it has the mark of any deployment.
pub fn mark_of(description: &str) -> Option<(&str, &str)> {
    description.strip_prefix(MARK)?.split_once(", venue ")
}
