//! The names of a venue's resources, the marks that make them ours, and the maximum lengths of names.
//!
//! The resources themselves record their owner: in the two tags below, and in a role's path. Nothing without these
//! marks is ever changed or deleted, whatever its name.

use sha2::{Digest, Sha256};
use sync_config::hubspot_api::MARK;
// The mark in the description of a function, a rule or a property, for lists that don't return tags. The function reads
// it too.
pub use sync_config::hubspot_api::{mark_description, mark_place, parse_mark};

/// Tag with the deployment's name.
pub const TAG_DEPLOYMENT: &str = "deployer:deployment";
/// Tag with the venue's name.
pub const TAG_VENUE: &str = "deployer:venue";

/// Tag that keeps a venue from being removed: `true` or `false`, the value of `protect` at the last apply. So removing
/// a venue and its `protect` in one edit is still refused.
pub const TAG_PROTECT: &str = "deployer:protect";

/// Tag of a role with the region of its function: roles are global, and everything else is in a region.
pub const TAG_REGION: &str = "deployer:region";

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
/// The ids of that statement. Lambda can't change a statement in place, so it is replaced by one with the other id: the
/// rule may invoke the alias all the time.
pub const PERMISSION_SIDS: [&str; 2] = [PERMISSION_SID, "deployer-schedule-2"];

/// Maximum length of a Lambda function's name (Lambda's `FunctionName`).
pub const MAX_FUNCTION_NAME: usize = 64;
/// Maximum length of an IAM role's name (IAM's `roleNameType`).
pub const MAX_ROLE_NAME: usize = 64;
/// Maximum length of an EventBridge rule's name (EventBridge's `RuleName`).
pub const MAX_RULE_NAME: usize = 64;
/// Maximum length of an IAM path (IAM's `pathType`).
pub const MAX_ROLE_PATH: usize = 512;
/// Maximum length of a HubSpot property's internal name.
pub const MAX_PROPERTY_NAME: usize = 100;

/// The names of one venue's resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueNames {
    /// The Lambda function.
    pub function: String,
    /// The IAM role, unless that name is taken by another role of the deployment: see [`RolePlace::second_role_name`].
    pub role: String,
    /// The EventBridge rule, on the default bus, or the schedule that a venue has instead, in the deployment's group.
    pub rule: String,
    /// The Secrets Manager secret.
    pub secret: String,
    /// The CloudWatch log group that Lambda writes to by default.
    pub log_group: String,
    /// The composite alarm, and what the names of the other alarms start with, before a slash.
    pub alarms: String,
}

impl VenueNames {
    /// The rule that fires a function.
    pub fn rule_of_function(function: &str) -> String {
        format!("{function}-schedule")
    }

    /// What the names of all alarms of `deployment` start with. No other deployment's do, since a name has no slash.
    pub fn alarm_prefix(deployment: &str) -> String {
        format!("{deployment}/")
    }

    /// The names for `venue` in `deployment`. `_` becomes `-` except in the secret's name, so that every
    /// service accepts the name.
    pub fn new(deployment: &str, venue: &str) -> Self {
        let base = format!("{deployment}-{}", venue.replace('_', "-"));
        Self {
            role: format!("{base}-role"),
            rule: Self::rule_of_function(&base),
            secret: format!("{deployment}/{venue}"),
            alarms: format!("{}{venue}", Self::alarm_prefix(deployment)),
            log_group: format!("/aws/lambda/{base}"),
            function: base,
        }
    }
}

/// The default of `role_path`: what the path of every role starts with.
pub const DEFAULT_ROLE_PATH: &str = "/deployer/";

/// How many characters of a hash a role's second name ends in. The rule's name leaves room for exactly that.
const HASH_LENGTH: usize = 8;

/// Where the roles of a deployment in a region are.
///
/// Roles are global and their names are unique in an account, whatever their path. A path can only be set when a role is
/// created, so it names the owner and the region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePlace {
    /// The deployment.
    pub deployment: String,
    /// The region of the functions.
    pub region: String,
    /// What the paths start with: `/deployer/`, or the manifest's `role_path`.
    pub prefix: String,
}

impl RolePlace {
    /// The place of the roles of `deployment` in `region`, below `prefix`.
    pub fn new(deployment: &str, region: &str, prefix: &str) -> Self {
        Self { deployment: deployment.to_owned(), region: region.to_owned(), prefix: prefix.to_owned() }
    }

    /// The path of the roles.
    pub fn role_path(&self) -> String {
        format!("{}{}/", self.deployment_path(), self.region)
    }

    /// What the paths of the deployment's roles start with in every region.
    pub fn deployment_path(&self) -> String {
        format!("{}{}/", self.prefix, self.deployment)
    }

    /// The path of roles that a version before [`TAG_REGION`] created. It doesn't name the region.
    pub fn earlier_path(&self) -> String {
        format!("{DEFAULT_ROLE_PATH}{}/", self.deployment)
    }

    /// Whether the manifest doesn't set `role_path`, so that roles at [`RolePlace::earlier_path`] stay where they are.
    pub fn keeps_earlier_path(&self) -> bool {
        self.prefix == DEFAULT_ROLE_PATH
    }

    /// The patterns of the paths of all roles that a deployer changes, deletes or passes: those that it creates, and those
    /// that an earlier version created.
    pub fn path_patterns(&self) -> Vec<String> {
        let mut patterns = vec![format!("{}*", self.deployment_path())];
        if !self.keeps_earlier_path() {
            patterns.push(format!("{}*", self.earlier_path()));
        }
        patterns
    }

    /// The name of a venue's role if [`VenueNames::role`] is taken by another role of the deployment: of another region, or
    /// at an earlier path. It is no longer than the longest of a venue's other names.
    pub fn second_role_name(&self, venue: &str) -> String {
        let Self { deployment, region, prefix } = self;
        let hash = Sha256::digest(format!("{deployment}\n{venue}\n{region}\n{prefix}"));
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}", VenueNames::new(deployment, venue).function, &hash[..HASH_LENGTH])
    }
}

/// What a role's name has after the names of the deployment and the venue; `None` if it isn't one of ours.
fn strip_role_suffix(role: &str) -> Option<&str> {
    let (start, end) = role.rsplit_once('-')?;
    let is_hash = end.len() == HASH_LENGTH && end.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (end == "role" || is_hash).then_some(start)
}

/// Whether `role` is a name that a role of the venue can have, in any region and below any path.
pub fn is_role_name(names: &VenueNames, role: &str) -> bool {
    strip_role_suffix(role) == Some(&names.function)
}

/// The venue of a role of `deployment`, from the role's name.
pub fn venue_of_role<'a>(deployment: &str, role: &'a str) -> Option<&'a str> {
    strip_role_suffix(role)?.strip_prefix(deployment)?.strip_prefix('-')
}

/// Stands for a venue in the address and the tags of what belongs to all venues. No venue has this name: theirs start with
/// a letter.
pub const SHARED_VENUE: &str = "_all";

/// The name of the topic that alarms of `deployment` publish to.
pub fn alarm_topic_name(deployment: &str) -> String {
    format!("{deployment}-alarms")
}

/// The name of the group that the schedules of `deployment` are in. It is never longer than the names of its venues' rules.
pub fn schedule_group_name(deployment: &str) -> String {
    format!("{deployment}-schedules")
}

/// What the names of a venue's function and of its role start with, from the name of a schedule or a rule of `deployment`;
/// `None` for a name that no venue's can have.
pub fn venue_of_schedule<'n>(deployment: &str, schedule: &'n str) -> Option<&'n str> {
    let venue = schedule.strip_prefix(deployment)?.strip_prefix('-')?.strip_suffix("-schedule")?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!venue.is_empty() && venue.bytes().all(is_name)).then_some(venue)
}

/// The name prefix of all log groups of `deployment`.
pub fn log_group_prefix(deployment: &str) -> String {
    format!("/aws/lambda/{deployment}-")
}

/// The start of the names of all locks of `deployment`, which are log groups. A number follows.
pub fn lock_prefix(deployment: &str) -> String {
    format!("/deployer/{deployment}/lock/")
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
    parse_mark(description).filter(|(owner, _)| *owner == deployment).map(|(_, venue)| venue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_role_name_needs_no_more_room_than_the_rule() {
        for (deployment, venue) in [("sync", "a"), ("venue-sync", &"x".repeat(44))] {
            let names = VenueNames::new(deployment, venue);
            for (region, prefix) in [("us-east-1", DEFAULT_ROLE_PATH), ("ap-southeast-1", "/app/deployer/")] {
                let second = RolePlace::new(deployment, region, prefix).second_role_name(venue);
                assert_eq!(second.len(), names.rule.len());
                assert!(second.len() <= MAX_ROLE_NAME && is_role_name(&names, &second), "{second}");
                assert_eq!(venue_of_role(deployment, &second), Some(venue));
            }
        }
        assert_eq!(MAX_ROLE_NAME, MAX_RULE_NAME);
    }

    #[test]
    fn a_second_role_name_differs_by_region_path_and_venue() {
        let name = |region, prefix, venue| RolePlace::new("sync", region, prefix).second_role_name(venue);
        let usual = name("us-east-1", "/deployer/", "a");
        for other in [name("eu-west-1", "/deployer/", "a"), name("us-east-1", "/app/", "a")] {
            assert_ne!(usual, other);
        }
        assert!(!is_role_name(&VenueNames::new("sync", "a-b"), &usual));
        // A venue whose name ends like a second name has another role.
        assert!(!is_role_name(&VenueNames::new("sync", "a"), &VenueNames::new("sync", "a-0123abcd").role));
    }

    #[test]
    fn patterns_match_every_role_that_a_deployer_changes() {
        let patterns = |prefix| RolePlace::new("sync", "us-east-1", prefix).path_patterns();
        assert_eq!(patterns("/deployer/"), ["/deployer/sync/*"]);
        assert_eq!(patterns("/app/"), ["/app/sync/*", "/deployer/sync/*"]);
    }
}
