//! The one list of AWS actions that the deployer must be allowed to do. A test compares it with the calls made.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/>

use deployer_core::desired::Scope;
use deployer_core::naming::{Names, role_path};

/// What an action applies to. Its ARN follows from the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
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
pub struct Action {
    /// `lambda:CreateFunction`
    pub name: &'static str,
    /// What it applies to.
    pub on: On,
    /// What happens without it, if it is optional.
    pub otherwise: Option<&'static str>,
}

const fn needed(name: &'static str, on: On) -> Action {
    Action { name, on, otherwise: None }
}

const fn better(name: &'static str, on: On, otherwise: &'static str) -> Action {
    Action { name, on, otherwise: Some(otherwise) }
}

/// Every action that plan, apply and destroy need, including those that a call implies (tagging what it creates,
/// passing the role to Lambda). `sts:GetCallerIdentity` needs no permission.
pub const ACTIONS: &[Action] = &[
    better("iam:GetAccountAuthorizationDetails", On::Any, "roles are read one by one"),
    needed("iam:ListRoles", On::Roles),
    needed("iam:GetRole", On::Role),
    needed("iam:ListRolePolicies", On::Role),
    needed("iam:GetRolePolicy", On::Role),
    needed("iam:ListAttachedRolePolicies", On::Role),
    needed("iam:CreateRole", On::Role),
    needed("iam:TagRole", On::Role),
    needed("iam:UpdateAssumeRolePolicy", On::Role),
    needed("iam:PutRolePolicy", On::Role),
    needed("iam:DeleteRolePolicy", On::Role),
    needed("iam:DetachRolePolicy", On::Role),
    needed("iam:DeleteRole", On::Role),
    needed("iam:PassRole", On::Role),
    needed("secretsmanager:ListSecrets", On::Any),
    needed("secretsmanager:DescribeSecret", On::Secret),
    needed("secretsmanager:CreateSecret", On::Secret),
    needed("secretsmanager:TagResource", On::Secret),
    needed("secretsmanager:UpdateSecret", On::Secret),
    needed("secretsmanager:RestoreSecret", On::Secret),
    needed("secretsmanager:DeleteSecret", On::Secret),
    better("secretsmanager:GetSecretValue", On::Secret, "`secret set`, `push` and `status --compare` don't work"),
    better("secretsmanager:PutSecretValue", On::Secret, "`secret set` and `push` don't work"),
    needed("logs:DescribeLogGroups", On::LogGroups),
    needed("logs:DescribeLogStreams", On::LogGroup),
    needed("logs:CreateLogGroup", On::LogGroup),
    needed("logs:PutRetentionPolicy", On::LogGroup),
    needed("logs:DeleteLogGroup", On::LogGroup),
    needed("logs:ListTagsForResource", On::LogGroupTags),
    needed("logs:TagResource", On::LogGroupTags),
    needed("logs:CreateLogGroup", On::Lock),
    needed("logs:DeleteLogGroup", On::Lock),
    needed("logs:ListTagsForResource", On::LockTags),
    needed("logs:TagResource", On::LockTags),
    needed("lambda:ListFunctions", On::Any),
    needed("lambda:GetFunction", On::Function),
    needed("lambda:GetFunctionConfiguration", On::Function),
    needed("lambda:GetFunctionEventInvokeConfig", On::Function),
    needed("lambda:GetAlias", On::Function),
    needed("lambda:GetPolicy", On::Function),
    needed("lambda:ListTags", On::Function),
    needed("lambda:ListVersionsByFunction", On::Function),
    needed("lambda:CreateFunction", On::Function),
    needed("lambda:UpdateFunctionConfiguration", On::Function),
    needed("lambda:UpdateFunctionCode", On::Function),
    needed("lambda:PutFunctionConcurrency", On::Function),
    needed("lambda:PublishVersion", On::Function),
    needed("lambda:CreateAlias", On::Function),
    needed("lambda:UpdateAlias", On::Function),
    needed("lambda:PutFunctionEventInvokeConfig", On::Function),
    needed("lambda:AddPermission", On::Function),
    needed("lambda:RemovePermission", On::Function),
    needed("lambda:TagResource", On::Function),
    needed("lambda:UntagResource", On::Function),
    needed("lambda:DeleteFunction", On::Function),
    better("lambda:InvokeFunction", On::Version, "new code can't be tried first: use `apply --no-canary`"),
    needed("events:ListRules", On::Rules),
    needed("events:DescribeRule", On::Rule),
    needed("events:ListTargetsByRule", On::Rule),
    needed("events:ListTagsForResource", On::Rule),
    needed("events:PutRule", On::Rule),
    needed("events:TagResource", On::Rule),
    needed("events:PutTargets", On::Rule),
    needed("events:RemoveTargets", On::Rule),
    needed("events:DeleteRule", On::Rule),
    better("tag:GetResources", On::Any, "a plan reads the tags of log groups and rules one by one"),
];

/// The ARNs to simulate an action on, for these venues: the ones that AWS names when it denies such a call.
pub(super) fn resources(on: On, scope: &Scope, deployment: &str, venues: &[String]) -> Vec<String> {
    // The simulator compares ARNs as text, so any suffix of the right form will do for the one that AWS chooses.
    const SECRET_SUFFIX: &str = "-aB3dE5";
    let lock = scope.arn("logs", &format!("log-group:/deployer/{deployment}/lock/1"));
    let each = |arn: &dyn Fn(&Names) -> String| -> Vec<String> {
        venues.iter().map(|venue| arn(&Names::new(deployment, venue))).collect()
    };
    let log_group = |names: &Names| scope.arn("logs", &format!("log-group:{}", names.log_group));
    match on {
        On::Any => vec!["*".to_owned()],
        On::Roles => vec![scope.role_arn(&role_path(deployment), "")],
        On::LogGroups => vec![scope.arn("logs", "log-group::log-stream:")],
        On::Rules => vec![scope.arn("events", "rule/*")],
        On::Lock => vec![format!("{lock}:log-stream:")],
        On::LockTags => vec![lock],
        On::Role => each(&|names| scope.role_arn(&names.role_path, &names.role)),
        On::Secret => each(&|names| scope.arn("secretsmanager", &format!("secret:{}{SECRET_SUFFIX}", names.secret))),
        On::LogGroup => each(&|names| format!("{}:log-stream:", log_group(names))),
        On::LogGroupTags => each(&log_group),
        On::Function => each(&|names| scope.arn("lambda", &format!("function:{}", names.function))),
        On::Version => each(&|names| scope.arn("lambda", &format!("function:{}:1", names.function))),
        On::Rule => each(&|names| scope.arn("events", &format!("rule/{}", names.rule))),
    }
}
