//! What actions apply to: patterns for a policy, and ARNs for IAM's simulator. Both follow from [`crate::naming`].

use crate::naming::{RolePlace, VenueNames, alarm_topic_name, lock_prefix, schedule_group_name};
use crate::role_policy::schedule_group_arn;
use crate::scope::Scope;

/// What an action applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionTarget {
    /// Actions without resource-level permissions, such as most lists.
    Any,
    /// The list of roles under the deployment's path.
    Roles,
    /// The list of log groups.
    LogGroups,
    /// The list of rules.
    Rules,
    /// Event source mappings that don't exist yet, without resource-level permissions.
    NewMappings,
    /// A venue's role, under a path of the deployment.
    Role,
    /// A role with a venue's name, under any path: names are unique in an account regardless of the path.
    RoleOfAnyPath,
    /// A venue's secret.
    Secret,
    /// A venue's log group, as named by most calls.
    LogGroup,
    /// A venue's log group itself, as named by calls that read and write tags.
    LogGroupTags,
    /// The lock of an apply, which is a log group too.
    Lock,
    /// The lock's tags.
    LockTags,
    /// A venue's function.
    Function,
    /// A version of a venue's function.
    Version,
    /// A venue's rule.
    Rule,
    /// A venue's schedule, in the deployment's group. It has no tags.
    Schedule,
    /// Whatever is in the deployment's group, also if it is no venue's.
    GroupedSchedule,
    /// The group of the deployment's schedules.
    ScheduleGroup,
    /// The deployment's alarms.
    Alarm,
    /// The topic of the deployment's alarms.
    AlarmTopic,
    /// Whoever runs the command: the doctor asks IAM what that principal may do.
    Caller,
    /// A managed policy that is attached to a venue's role.
    ManagedPolicy,
    /// Everything of a service in the account and region: an audit reads it, a decommissioning deletes what nobody uses.
    /// By the service's name in ARNs.
    Everything(&'static str),
}

/// Which deployment a policy is for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPlace {
    /// The account may be `*`: a policy never reaches further than the account that it is in.
    pub scope: Scope,
    /// The deployment, and where its roles are.
    pub roles: RolePlace,
}

/// Any characters, in a pattern.
const ANY: &str = "*";

impl ActionTarget {
    /// The `Resource` of a statement: it matches every venue's, so that a new venue needs no new policy.
    pub(super) fn resource_patterns(self, place: &PolicyPlace) -> Vec<String> {
        let PolicyPlace { scope, roles } = place;
        let deployment = roles.deployment.as_str();
        let names = VenueNames::new(deployment, ANY);
        let iam = |account: &str, resource: &str| format!("arn:{}:iam::{account}:{resource}", scope.aws_partition());
        match self {
            Self::Any | Self::Roles | Self::LogGroups | Self::Rules | Self::NewMappings => vec![ANY.to_owned()],
            Self::Role => roles.path_patterns().iter().map(|path| scope.role_arn(path, "")).collect(),
            // A role's second name starts as a function's name.
            Self::RoleOfAnyPath => vec![scope.role_arn("/*", &names.function)],
            Self::Secret => vec![scope.regional_arn("secretsmanager", &format!("secret:{}", names.secret))],
            Self::LogGroup | Self::LogGroupTags => vec![log_group_arn(scope, &names.log_group)],
            Self::Lock | Self::LockTags => vec![log_group_arn(scope, &format!("{}{ANY}", lock_prefix(deployment)))],
            Self::Function | Self::Version => {
                vec![scope.regional_arn("lambda", &format!("function:{}", names.function))]
            }
            Self::Rule => vec![scope.regional_arn("events", &format!("rule/{}", names.rule))],
            Self::Schedule => vec![schedule_arn(scope, deployment, &names.rule)],
            Self::GroupedSchedule => vec![schedule_arn(scope, deployment, ANY)],
            Self::ScheduleGroup => vec![schedule_group_arn(scope, deployment)],
            Self::Alarm => {
                vec![scope.regional_arn("cloudwatch", &format!("alarm:{}{ANY}", VenueNames::alarm_prefix(deployment)))]
            }
            Self::AlarmTopic => vec![scope.regional_arn("sns", &alarm_topic_name(deployment))],
            Self::Caller => vec![iam(&scope.account, "role/*"), iam(&scope.account, "user/*")],
            Self::ManagedPolicy => vec![iam(&scope.account, "policy/*"), iam("aws", "policy/*")],
            Self::Everything("iam") => vec![iam(&scope.account, ANY), iam("aws", "policy/*")],
            Self::Everything("budgets") => vec![format!("arn:{}:budgets::{}:*", scope.aws_partition(), scope.account)],
            // API Gateway's ARNs have no account, those of S3 neither account nor region.
            Self::Everything("apigateway") => {
                vec![format!("arn:{}:apigateway:{}::*", scope.aws_partition(), scope.region)]
            }
            Self::Everything("s3") => vec![format!("arn:{}:s3:::*", scope.aws_partition())],
            Self::Everything(service) => vec![scope.regional_arn(service, ANY)],
        }
    }

    /// The ARNs to simulate an action on, for these venues: the ones that AWS names when it denies such a call.
    pub fn simulated_arns(self, place: &PolicyPlace, venues: &[String]) -> Vec<String> {
        // The simulator compares ARNs as text, so any suffix of the right form will do for the one that AWS chooses.
        const SECRET_SUFFIX: &str = "-aB3dE5";
        let PolicyPlace { scope, roles } = place;
        let deployment = roles.deployment.as_str();
        let lock = log_group_arn(scope, &format!("{}1", lock_prefix(deployment)));
        let each = |arn: &dyn Fn(&VenueNames) -> String| -> Vec<String> {
            venues.iter().map(|venue| arn(&VenueNames::new(deployment, venue))).collect()
        };
        match self {
            Self::Any => vec![ANY.to_owned()],
            Self::Roles => vec![scope.role_arn(&roles.deployment_path(), "")],
            Self::LogGroups => vec![scope.regional_arn("logs", "log-group::log-stream:")],
            Self::Rules => vec![scope.regional_arn("events", "rule/*")],
            Self::Lock => vec![format!("{lock}:log-stream:")],
            Self::LockTags => vec![lock],
            Self::Role | Self::RoleOfAnyPath => each(&|names| scope.role_arn(&roles.role_path(), &names.role)),
            Self::Secret => {
                each(&|names| scope.regional_arn("secretsmanager", &format!("secret:{}{SECRET_SUFFIX}", names.secret)))
            }
            Self::LogGroup => each(&|names| format!("{}:log-stream:", log_group_arn(scope, &names.log_group))),
            Self::LogGroupTags => each(&|names| log_group_arn(scope, &names.log_group)),
            Self::Function => each(&|names| scope.regional_arn("lambda", &format!("function:{}", names.function))),
            Self::Version => each(&|names| scope.regional_arn("lambda", &format!("function:{}:1", names.function))),
            Self::Rule => each(&|names| scope.regional_arn("events", &format!("rule/{}", names.rule))),
            Self::Schedule | Self::GroupedSchedule => each(&|names| schedule_arn(scope, deployment, &names.rule)),
            Self::ScheduleGroup => vec![schedule_group_arn(scope, deployment)],
            Self::Alarm => each(&|names| scope.regional_arn("cloudwatch", &format!("alarm:{}", names.alarms))),
            Self::AlarmTopic => vec![scope.regional_arn("sns", &alarm_topic_name(deployment))],
            // These belong to no venue, or to somebody else.
            Self::Caller | Self::ManagedPolicy | Self::NewMappings | Self::Everything(_) => Vec::new(),
        }
    }

    /// What its statements' `Sid` says of it.
    pub(super) fn sid_noun(self) -> &'static str {
        match self {
            Self::Any | Self::Roles | Self::LogGroups | Self::Rules => "Lists",
            Self::NewMappings => "EventSourceMappings",
            Self::Role => "Roles",
            Self::RoleOfAnyPath => "RolesOfAnyPath",
            Self::Secret => "Secrets",
            Self::LogGroup | Self::LogGroupTags => "LogGroups",
            Self::Lock | Self::LockTags => "Locks",
            Self::Function | Self::Version => "Functions",
            Self::Rule => "Rules",
            Self::Schedule => "Schedules",
            Self::GroupedSchedule => "GroupedSchedules",
            Self::ScheduleGroup => "ScheduleGroup",
            Self::Alarm => "Alarms",
            Self::AlarmTopic => "AlarmTopic",
            Self::Caller => "Caller",
            Self::ManagedPolicy => "ManagedPolicies",
            Self::Everything(_) => "Account",
        }
    }
}

fn schedule_arn(scope: &Scope, deployment: &str, name: &str) -> String {
    scope.regional_arn("scheduler", &format!("schedule/{}/{name}", schedule_group_name(deployment)))
}

fn log_group_arn(scope: &Scope, name: &str) -> String {
    scope.regional_arn("logs", &format!("log-group:{name}"))
}
