//! What a deployment's own commands do, to its own resources.

use super::ActionTarget as On;
use super::PolicyCommand::{
    self, Adopt, Apply, Connect, Destroy, Doctor, Duplicates, Invoke, Logs, MoveFrom, MoveTo, MoveWithin, Plan, Report,
    Retry, Rollback, Secret, Status, Unlock, Verify,
};
use super::{ActionCondition, ActionRow, action};

/// They read everything that exists of the deployment.
const READERS: &[PolicyCommand] = &[Plan, Apply, Destroy, Adopt, Rollback, Doctor, Verify];
/// They ask once more for what is declared and no list shows.
const CONFIRMERS: &[PolicyCommand] = &[Plan, Apply, Adopt, Rollback, Doctor, Verify, MoveFrom];
/// They list what exists: the readers, and a status, which compares the lists with the manifest.
const LISTERS: &[PolicyCommand] = &[Plan, Apply, Destroy, Adopt, Rollback, Doctor, Verify, Status];
/// They say which alarms are raised, or compare them.
const ALARM_READERS: &[PolicyCommand] = &[Plan, Apply, Destroy, Adopt, Rollback, Doctor, Verify, Status, Report];
/// They hold the lock.
const LOCKERS: &[PolicyCommand] = &[Apply, Destroy, Adopt, Rollback];
const LOCK_REMOVERS: &[PolicyCommand] = &[Apply, Destroy, Adopt, Rollback, Unlock];
/// They make what the manifest declares.
const MAKERS: &[PolicyCommand] = &[Apply];
const DELETERS: &[PolicyCommand] = &[Apply, Destroy];
const TAGGERS: &[PolicyCommand] = &[Apply, Adopt];

const UNPROVEN: &str = "`verify --isolation` says unknown for what leads through a key, a queue or a topic";

pub(super) const NO_ALARMS: &str = "a manifest with [alarms] can't be applied, and alarms that are left from one stay";

pub(super) const NO_SCHEDULES: &str =
    "a manifest whose `scheduler` isn't \"rules\" can't be applied, and schedules that are left from one stay";

const OWNED: ActionCondition = ActionCondition::Owned;
const TAGGING: ActionCondition = ActionCondition::Tagging;

/// Every action, including those that a call implies: tagging what it creates, passing the role to Lambda.
pub(super) const ACTIONS: &[ActionRow] = &[
    action("iam:GetAccountAuthorizationDetails", On::Any, LISTERS).optional("roles are read one by one"),
    action("iam:GetAccountSummary", On::Any, &[Plan, Apply, Doctor])
        .optional("a plan doesn't check the quota of roles"),
    action("iam:ListRoles", On::Roles, LISTERS),
    // The doctor may read any role: see below.
    action("iam:GetRole", On::RoleOfAnyPath, &[Plan, Apply, Destroy, Adopt, Rollback, Verify]),
    action("iam:ListRolePolicies", On::RoleOfAnyPath, READERS),
    action("iam:GetRolePolicy", On::RoleOfAnyPath, READERS),
    action("iam:ListAttachedRolePolicies", On::RoleOfAnyPath, READERS),
    action("iam:CreateRole", On::Role, MAKERS).on_condition(TAGGING),
    action("iam:TagRole", On::Role, MAKERS).on_condition(TAGGING),
    action("iam:TagRole", On::RoleOfAnyPath, &[Adopt]).on_condition(ActionCondition::TaggingAdopted),
    action("iam:UntagRole", On::Role, MAKERS).optional("an apply that removes a declared tag fails"),
    action("iam:PutRolePermissionsBoundary", On::Role, MAKERS)
        .optional("a declared permissions_boundary can't be set, or removed again"),
    action("iam:DeleteRolePermissionsBoundary", On::Role, MAKERS)
        .optional("a declared permissions_boundary can't be set, or removed again"),
    action("iam:UpdateAssumeRolePolicy", On::Role, MAKERS),
    action("iam:UpdateRole", On::Role, MAKERS),
    action("iam:PutRolePolicy", On::Role, MAKERS),
    action("iam:DeleteRolePolicy", On::Role, DELETERS),
    action("iam:DetachRolePolicy", On::Role, DELETERS),
    action("iam:DeleteRole", On::Role, DELETERS),
    action("iam:DeleteRolePolicy", On::RoleOfAnyPath, DELETERS).on_condition(OWNED),
    action("iam:DetachRolePolicy", On::RoleOfAnyPath, DELETERS).on_condition(OWNED),
    action("iam:DeleteRole", On::RoleOfAnyPath, DELETERS).on_condition(OWNED),
    action("iam:PassRole", On::Role, MAKERS).on_condition(ActionCondition::PassedToVenue),
    // An update replaces a schedule as a whole, also to pause it.
    action("iam:PassRole", On::Role, &[MoveFrom]).on_condition(ActionCondition::PassedToVenue).optional(NO_SCHEDULES),
    action("iam:GetPolicy", On::ManagedPolicy, &[Verify]),
    action("iam:GetPolicyVersion", On::ManagedPolicy, &[Verify]),
    action("iam:SimulatePrincipalPolicy", On::Role, &[Verify]),
    action("iam:GetRole", On::Caller, &[Doctor]),
    action("iam:SimulatePrincipalPolicy", On::Caller, &[Doctor]),
    action("secretsmanager:ListSecrets", On::Any, LISTERS),
    action(
        "secretsmanager:DescribeSecret",
        On::Secret,
        &[Plan, Apply, Adopt, Rollback, Doctor, Verify, Secret, Connect, MoveWithin],
    ),
    action("secretsmanager:GetResourcePolicy", On::Secret, READERS),
    action("secretsmanager:DeleteResourcePolicy", On::Secret, MAKERS).on_condition(OWNED),
    action("secretsmanager:CreateSecret", On::Secret, MAKERS).on_condition(TAGGING),
    action("secretsmanager:TagResource", On::Secret, TAGGERS).on_condition(TAGGING),
    action("secretsmanager:UntagResource", On::Secret, MAKERS)
        .on_condition(OWNED)
        .optional("an apply that removes a declared tag fails"),
    action("secretsmanager:UpdateSecret", On::Secret, MAKERS).on_condition(OWNED),
    action("secretsmanager:RestoreSecret", On::Secret, MAKERS).on_condition(OWNED),
    action("secretsmanager:DeleteSecret", On::Secret, DELETERS).on_condition(OWNED),
    // An apply asks which credentials a restored secret lacks; a move within the account copies them.
    action(
        "secretsmanager:GetSecretValue",
        On::Secret,
        &[Apply, Secret, Connect, Doctor, Duplicates, Retry, Verify, MoveWithin],
    )
    .on_condition(OWNED)
    .optional("`secret set`, `push`, `status --compare`, `connect` and `move` don't work"),
    // Of a secret that isn't tagged yet: which credentials it lacks.
    action("secretsmanager:GetSecretValue", On::Secret, &[Adopt]),
    action("secretsmanager:PutSecretValue", On::Secret, &[Secret, Connect, MoveTo])
        .on_condition(OWNED)
        .optional("`secret set`, `push`, `connect` and `move` don't work"),
    action(
        "logs:DescribeLogGroups",
        On::LogGroups,
        &[Plan, Apply, Destroy, Adopt, Rollback, Unlock, Doctor, Verify, Status],
    ),
    action("logs:DescribeLogStreams", On::LogGroup, CONFIRMERS),
    action("logs:DescribeSubscriptionFilters", On::LogGroup, READERS),
    action("logs:FilterLogEvents", On::LogGroup, &[Status, Report, Logs, Verify]),
    action("logs:CreateLogGroup", On::LogGroup, MAKERS).on_condition(TAGGING),
    action("logs:PutRetentionPolicy", On::LogGroup, MAKERS).on_condition(OWNED),
    action("logs:DeleteLogGroup", On::LogGroup, DELETERS).on_condition(OWNED),
    action("logs:ListTagsForResource", On::LogGroupTags, READERS),
    action("logs:TagResource", On::LogGroupTags, TAGGERS).on_condition(TAGGING),
    action("logs:UntagResource", On::LogGroupTags, MAKERS)
        .on_condition(OWNED)
        .optional("an apply that removes a declared tag fails"),
    action("logs:AssociateKmsKey", On::LogGroup, MAKERS)
        .on_condition(OWNED)
        .optional("the declared kms_key of a log group can't be set, or removed again"),
    action("logs:DisassociateKmsKey", On::LogGroup, MAKERS)
        .on_condition(OWNED)
        .optional("the declared kms_key of a log group can't be set, or removed again"),
    action("logs:CreateLogGroup", On::Lock, LOCKERS).on_condition(TAGGING),
    action("logs:DeleteLogGroup", On::Lock, LOCK_REMOVERS),
    action("logs:ListTagsForResource", On::LockTags, LOCK_REMOVERS),
    action("logs:TagResource", On::LockTags, LOCKERS).on_condition(TAGGING),
    action("lambda:GetAccountSettings", On::Any, &[Plan, Apply, Doctor, MoveFrom]).optional(
        "a plan doesn't check the quotas of executions and code, and reserves one execution for each new venue",
    ),
    action("lambda:ListFunctions", On::Any, LISTERS),
    action(
        "lambda:GetFunction",
        On::Function,
        &[Plan, Apply, Destroy, Adopt, Rollback, Doctor, Verify, Status, Report],
    ),
    action("lambda:GetFunctionConfiguration", On::Function, MAKERS),
    action("lambda:GetFunctionEventInvokeConfig", On::Function, READERS),
    action("lambda:GetAlias", On::Function, READERS),
    action("lambda:GetPolicy", On::Function, READERS),
    action("lambda:ListFunctionUrlConfigs", On::Function, READERS),
    action("lambda:DeleteFunctionUrlConfig", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:ListTags", On::Function, &[Plan, Apply, Destroy, Adopt, Rollback, Doctor, Verify, Status, Report]),
    action("lambda:ListVersionsByFunction", On::Function, &[Apply, Rollback, Verify]),
    action("lambda:CreateFunction", On::Function, MAKERS).on_condition(TAGGING),
    action("lambda:UpdateFunctionConfiguration", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:UpdateFunctionCode", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:PutFunctionConcurrency", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:DeleteFunctionConcurrency", On::Function, MAKERS)
        .on_condition(OWNED)
        .optional("`reserved_concurrency = \"off\"` doesn't take effect for a venue that has a reservation"),
    action("lambda:PublishVersion", On::Function, MAKERS).on_condition(OWNED),
    // Of a function that isn't tagged yet, so that its code is kept.
    action("lambda:PublishVersion", On::Function, &[Adopt]),
    action("lambda:CreateAlias", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:UpdateAlias", On::Function, &[Apply, Rollback]).on_condition(OWNED),
    action("lambda:PutFunctionEventInvokeConfig", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:AddPermission", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:RemovePermission", On::Function, MAKERS).on_condition(OWNED),
    action("lambda:TagResource", On::Function, TAGGERS).on_condition(TAGGING),
    action("lambda:TagResource", On::Function, &[Rollback]).on_condition(OWNED),
    action("lambda:UntagResource", On::Function, &[Apply, Rollback]).on_condition(OWNED),
    action("lambda:DeleteFunction", On::Function, DELETERS).on_condition(OWNED),
    action("lambda:InvokeFunction", On::Version, &[Apply, Invoke, Verify, Doctor, Duplicates, Retry])
        .optional("new code can't be tried first: use `apply --no-canary`"),
    // Where the proof of isolation looks besides: keys, and the queues and topics that functions write to.
    action("kms:DescribeKey", On::Everything("kms"), &[Verify]).optional(UNPROVEN),
    action("kms:GetKeyPolicy", On::Everything("kms"), &[Verify]).optional(UNPROVEN),
    action("kms:ListGrants", On::Everything("kms"), &[Verify]).optional(UNPROVEN),
    action("sns:GetTopicAttributes", On::Everything("sns"), &[Verify]).optional(UNPROVEN),
    action("sqs:GetQueueAttributes", On::Everything("sqs"), &[Verify]).optional(UNPROVEN),
    action("sqs:GetQueueUrl", On::Everything("sqs"), &[Verify]).optional(UNPROVEN),
    action("events:ListRules", On::Rules, LISTERS),
    // Of another deployment that has the same flag or destination, in any region: does it still fire?
    action("events:DescribeRule", On::Any, &[Plan, Apply, Status])
        .optional("another deployment that was paused counts as one that runs"),
    action("events:DescribeRule", On::Rule, &[Adopt, Rollback, Doctor, Verify, Report, MoveFrom]),
    action("events:ListTargetsByRule", On::Rule, READERS),
    action("events:ListTagsForResource", On::Rule, READERS),
    // A move pauses there before anything is here.
    action("events:PutRule", On::Rule, &[Apply, MoveFrom]).on_condition(TAGGING),
    action("events:TagResource", On::Rule, &[Apply, Adopt, MoveFrom]).on_condition(TAGGING),
    action("events:UntagResource", On::Rule, MAKERS)
        .on_condition(OWNED)
        .optional("an apply that removes a declared tag fails"),
    action("events:PutTargets", On::Rule, MAKERS).on_condition(OWNED),
    action("events:RemoveTargets", On::Rule, DELETERS).on_condition(OWNED),
    action("events:DeleteRule", On::Rule, DELETERS).on_condition(OWNED),
    // The status reads a schedule instead of a rule.
    action("scheduler:GetScheduleGroup", On::ScheduleGroup, LISTERS).optional(NO_SCHEDULES),
    action("scheduler:ListTagsForResource", On::ScheduleGroup, LISTERS).optional(NO_SCHEDULES),
    action("scheduler:ListSchedules", On::Any, LISTERS).optional(NO_SCHEDULES),
    action("scheduler:GetSchedule", On::Schedule, &[Plan, Apply, Destroy, Adopt, Rollback, Doctor, Status, Report])
        .optional(NO_SCHEDULES),
    // Whose role a schedule has that is no venue's.
    action("scheduler:GetSchedule", On::GroupedSchedule, &[Verify]).optional(NO_SCHEDULES),
    action("scheduler:CreateScheduleGroup", On::ScheduleGroup, MAKERS).on_condition(TAGGING).optional(NO_SCHEDULES),
    action("scheduler:TagResource", On::ScheduleGroup, MAKERS).on_condition(TAGGING).optional(NO_SCHEDULES),
    action("scheduler:UntagResource", On::ScheduleGroup, MAKERS).on_condition(OWNED).optional(NO_SCHEDULES),
    action("scheduler:DeleteScheduleGroup", On::ScheduleGroup, DELETERS).on_condition(OWNED).optional(NO_SCHEDULES),
    // A schedule has no tags: its group's name is in its ARN.
    action("scheduler:CreateSchedule", On::Schedule, MAKERS).optional(NO_SCHEDULES),
    action("scheduler:UpdateSchedule", On::Schedule, &[Apply, MoveFrom]).optional(NO_SCHEDULES),
    action("scheduler:DeleteSchedule", On::Schedule, DELETERS).optional(NO_SCHEDULES),
    action("cloudwatch:DescribeAlarms", On::Any, ALARM_READERS).optional(NO_ALARMS),
    action("cloudwatch:ListTagsForResource", On::Alarm, READERS).optional(NO_ALARMS),
    action("cloudwatch:PutMetricAlarm", On::Alarm, MAKERS).on_condition(TAGGING).optional(NO_ALARMS),
    action("cloudwatch:PutCompositeAlarm", On::Alarm, MAKERS).on_condition(TAGGING).optional(NO_ALARMS),
    action("cloudwatch:TagResource", On::Alarm, TAGGERS).on_condition(TAGGING).optional(NO_ALARMS),
    action("cloudwatch:UntagResource", On::Alarm, MAKERS).on_condition(OWNED).optional(NO_ALARMS),
    action("cloudwatch:DeleteAlarms", On::Alarm, DELETERS).on_condition(OWNED).optional(NO_ALARMS),
    // One value of a new venue's metric.
    action("cloudwatch:PutMetricData", On::Any, MAKERS).on_condition(ActionCondition::OwnMetrics).optional(NO_ALARMS),
    // A verify may read every topic.
    action("sns:GetTopicAttributes", On::AlarmTopic, &[Plan, Apply, Destroy, Adopt, Rollback, Doctor, Status])
        .optional(NO_ALARMS),
    action("sns:ListTagsForResource", On::AlarmTopic, READERS).optional(NO_ALARMS),
    action("sns:ListSubscriptionsByTopic", On::AlarmTopic, LISTERS).optional(NO_ALARMS),
    action("sns:CreateTopic", On::AlarmTopic, MAKERS).on_condition(TAGGING).optional(NO_ALARMS),
    action("sns:TagResource", On::AlarmTopic, TAGGERS).on_condition(TAGGING).optional(NO_ALARMS),
    action("sns:UntagResource", On::AlarmTopic, MAKERS).on_condition(OWNED).optional(NO_ALARMS),
    action("sns:SetTopicAttributes", On::AlarmTopic, MAKERS).on_condition(OWNED).optional(NO_ALARMS),
    action("sns:Subscribe", On::AlarmTopic, MAKERS).on_condition(OWNED).optional(NO_ALARMS),
    // Subscriptions have no resource-level permissions.
    action("sns:Unsubscribe", On::Any, MAKERS).optional(NO_ALARMS),
    action("sns:Publish", On::AlarmTopic, &[Report]).optional("`report --send` can't send the digest"),
    action("sns:DeleteTopic", On::AlarmTopic, DELETERS).on_condition(OWNED).optional(NO_ALARMS),
    action("servicequotas:GetServiceQuota", On::Any, &[Plan, Apply])
        .optional("a plan doesn't know whether a quota was raised, and an apply tries what may not fit"),
    action("tag:GetResources", On::Any, READERS)
        .optional("a plan reads the tags of log groups, rules and alarms one by one"),
];
