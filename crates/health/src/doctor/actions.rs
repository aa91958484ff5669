//! The one list of AWS actions that the deployer must be allowed to do. A test compares it with the calls made.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/>

use deployer_core::naming::{RolePlace, VenueNames};
use deployer_core::scope::Scope;

/// What an action applies to. Its ARN follows from the manifest.
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
    /// A venue's role.
    Role,
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
}

/// An action, as IAM writes it, and what it applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IamAction {
    /// `lambda:CreateFunction`
    pub name: &'static str,
    /// What it applies to.
    pub on: ActionTarget,
    /// What happens without it, if it is optional.
    pub otherwise: Option<&'static str>,
}

const fn needed_action(name: &'static str, on: ActionTarget) -> IamAction {
    IamAction { name, on, otherwise: None }
}

const fn optional_action(name: &'static str, on: ActionTarget, otherwise: &'static str) -> IamAction {
    IamAction { name, on, otherwise: Some(otherwise) }
}

/// Every action that plan, apply and destroy need, including those that a call implies (tagging what it creates,
/// passing the role to Lambda). `sts:GetCallerIdentity` needs no permission.
pub const ACTIONS: &[IamAction] = &[
    optional_action("iam:GetAccountAuthorizationDetails", ActionTarget::Any, "roles are read one by one"),
    optional_action("iam:GetAccountSummary", ActionTarget::Any, "an apply doesn't check the quota of roles first"),
    needed_action("iam:ListRoles", ActionTarget::Roles),
    needed_action("iam:GetRole", ActionTarget::Role),
    needed_action("iam:ListRolePolicies", ActionTarget::Role),
    needed_action("iam:GetRolePolicy", ActionTarget::Role),
    needed_action("iam:ListAttachedRolePolicies", ActionTarget::Role),
    needed_action("iam:CreateRole", ActionTarget::Role),
    needed_action("iam:TagRole", ActionTarget::Role),
    needed_action("iam:UpdateAssumeRolePolicy", ActionTarget::Role),
    needed_action("iam:UpdateRole", ActionTarget::Role),
    needed_action("iam:PutRolePolicy", ActionTarget::Role),
    needed_action("iam:DeleteRolePolicy", ActionTarget::Role),
    needed_action("iam:DetachRolePolicy", ActionTarget::Role),
    needed_action("iam:DeleteRole", ActionTarget::Role),
    needed_action("iam:PassRole", ActionTarget::Role),
    needed_action("secretsmanager:ListSecrets", ActionTarget::Any),
    needed_action("secretsmanager:DescribeSecret", ActionTarget::Secret),
    needed_action("secretsmanager:GetResourcePolicy", ActionTarget::Secret),
    needed_action("secretsmanager:DeleteResourcePolicy", ActionTarget::Secret),
    needed_action("secretsmanager:CreateSecret", ActionTarget::Secret),
    needed_action("secretsmanager:TagResource", ActionTarget::Secret),
    needed_action("secretsmanager:UpdateSecret", ActionTarget::Secret),
    needed_action("secretsmanager:RestoreSecret", ActionTarget::Secret),
    needed_action("secretsmanager:DeleteSecret", ActionTarget::Secret),
    optional_action(
        "secretsmanager:GetSecretValue",
        ActionTarget::Secret,
        "`secret set`, `push`, `status --compare` and `connect` don't work",
    ),
    optional_action(
        "secretsmanager:PutSecretValue",
        ActionTarget::Secret,
        "`secret set`, `push` and `connect` don't work",
    ),
    needed_action("logs:DescribeLogGroups", ActionTarget::LogGroups),
    needed_action("logs:DescribeLogStreams", ActionTarget::LogGroup),
    needed_action("logs:DescribeSubscriptionFilters", ActionTarget::LogGroup),
    needed_action("logs:CreateLogGroup", ActionTarget::LogGroup),
    needed_action("logs:PutRetentionPolicy", ActionTarget::LogGroup),
    needed_action("logs:DeleteLogGroup", ActionTarget::LogGroup),
    needed_action("logs:ListTagsForResource", ActionTarget::LogGroupTags),
    needed_action("logs:TagResource", ActionTarget::LogGroupTags),
    needed_action("logs:CreateLogGroup", ActionTarget::Lock),
    needed_action("logs:DeleteLogGroup", ActionTarget::Lock),
    needed_action("logs:ListTagsForResource", ActionTarget::LockTags),
    needed_action("logs:TagResource", ActionTarget::LockTags),
    optional_action(
        "lambda:GetAccountSettings",
        ActionTarget::Any,
        "an apply doesn't check the quota of executions first",
    ),
    needed_action("lambda:ListFunctions", ActionTarget::Any),
    needed_action("lambda:GetFunction", ActionTarget::Function),
    needed_action("lambda:GetFunctionConfiguration", ActionTarget::Function),
    needed_action("lambda:GetFunctionEventInvokeConfig", ActionTarget::Function),
    needed_action("lambda:GetAlias", ActionTarget::Function),
    needed_action("lambda:GetPolicy", ActionTarget::Function),
    needed_action("lambda:ListFunctionUrlConfigs", ActionTarget::Function),
    needed_action("lambda:DeleteFunctionUrlConfig", ActionTarget::Function),
    needed_action("lambda:ListTags", ActionTarget::Function),
    needed_action("lambda:ListVersionsByFunction", ActionTarget::Function),
    needed_action("lambda:CreateFunction", ActionTarget::Function),
    needed_action("lambda:UpdateFunctionConfiguration", ActionTarget::Function),
    needed_action("lambda:UpdateFunctionCode", ActionTarget::Function),
    needed_action("lambda:PutFunctionConcurrency", ActionTarget::Function),
    needed_action("lambda:PublishVersion", ActionTarget::Function),
    needed_action("lambda:CreateAlias", ActionTarget::Function),
    needed_action("lambda:UpdateAlias", ActionTarget::Function),
    needed_action("lambda:PutFunctionEventInvokeConfig", ActionTarget::Function),
    needed_action("lambda:AddPermission", ActionTarget::Function),
    needed_action("lambda:RemovePermission", ActionTarget::Function),
    needed_action("lambda:TagResource", ActionTarget::Function),
    needed_action("lambda:UntagResource", ActionTarget::Function),
    needed_action("lambda:DeleteFunction", ActionTarget::Function),
    optional_action(
        "lambda:InvokeFunction",
        ActionTarget::Version,
        "new code can't be tried first: use `apply --no-canary`",
    ),
    needed_action("events:ListRules", ActionTarget::Rules),
    needed_action("events:DescribeRule", ActionTarget::Rule),
    needed_action("events:ListTargetsByRule", ActionTarget::Rule),
    needed_action("events:ListTagsForResource", ActionTarget::Rule),
    needed_action("events:PutRule", ActionTarget::Rule),
    needed_action("events:TagResource", ActionTarget::Rule),
    needed_action("events:PutTargets", ActionTarget::Rule),
    needed_action("events:RemoveTargets", ActionTarget::Rule),
    needed_action("events:DeleteRule", ActionTarget::Rule),
    optional_action(
        "servicequotas:GetServiceQuota",
        ActionTarget::Any,
        "an apply doesn't know whether the quota of rules was raised",
    ),
    optional_action("tag:GetResources", ActionTarget::Any, "a plan reads the tags of log groups and rules one by one"),
];

/// The ARNs to simulate an action on, for these venues: the ones that AWS names when it denies such a call.
pub(super) fn simulated_arns(on: ActionTarget, scope: &Scope, place: &RolePlace, venues: &[String]) -> Vec<String> {
    let deployment = place.deployment.as_str();
    // The simulator compares ARNs as text, so any suffix of the right form will do for the one that AWS chooses.
    const SECRET_SUFFIX: &str = "-aB3dE5";
    let lock = scope.regional_arn("logs", &format!("log-group:/deployer/{deployment}/lock/1"));
    let each = |arn: &dyn Fn(&VenueNames) -> String| -> Vec<String> {
        venues.iter().map(|venue| arn(&VenueNames::new(deployment, venue))).collect()
    };
    let log_group = |names: &VenueNames| scope.regional_arn("logs", &format!("log-group:{}", names.log_group));
    match on {
        ActionTarget::Any => vec!["*".to_owned()],
        ActionTarget::Roles => vec![scope.role_arn(&place.deployment_path(), "")],
        ActionTarget::LogGroups => vec![scope.regional_arn("logs", "log-group::log-stream:")],
        ActionTarget::Rules => vec![scope.regional_arn("events", "rule/*")],
        ActionTarget::Lock => vec![format!("{lock}:log-stream:")],
        ActionTarget::LockTags => vec![lock],
        ActionTarget::Role => each(&|names| scope.role_arn(&place.role_path(), &names.role)),
        ActionTarget::Secret => {
            each(&|names| scope.regional_arn("secretsmanager", &format!("secret:{}{SECRET_SUFFIX}", names.secret)))
        }
        ActionTarget::LogGroup => each(&|names| format!("{}:log-stream:", log_group(names))),
        ActionTarget::LogGroupTags => each(&log_group),
        ActionTarget::Function => each(&|names| scope.regional_arn("lambda", &format!("function:{}", names.function))),
        ActionTarget::Version => each(&|names| scope.regional_arn("lambda", &format!("function:{}:1", names.function))),
        ActionTarget::Rule => each(&|names| scope.regional_arn("events", &format!("rule/{}", names.rule))),
    }
}
