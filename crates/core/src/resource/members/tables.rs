//! The tables. Defaults are those of AWS's API references, which Terraform's provider and `go-to-k/cdk-real-drift` know
//! too.

use super::{Allowed, FunctionSetting, MemberRemedy, MemberRow};

const fn any(path: &'static str) -> MemberRow {
    MemberRow { path, allowed: Allowed::Any, remedy: MemberRemedy::PutBack, meaning: "" }
}

const fn put_back(path: &'static str, allowed: Allowed, meaning: &'static str) -> MemberRow {
    MemberRow { path, allowed, remedy: MemberRemedy::PutBack, meaning }
}

const fn reset(path: &'static str, allowed: Allowed, setting: FunctionSetting) -> MemberRow {
    MemberRow { path, allowed, remedy: MemberRemedy::Reset(setting), meaning: "" }
}

const fn report(path: &'static str, allowed: Allowed, meaning: &'static str, hint: &'static str) -> MemberRow {
    MemberRow { path, allowed, remedy: MemberRemedy::Report(hint), meaning }
}

const RECREATE_FUNCTION: &str = "delete the function yourself, and apply again: a manifest can't declare this";
const CHANGE_FUNCTION: &str = "change it back with `aws lambda update-function-configuration`, if nobody needs it";

pub(super) const FUNCTION: &[MemberRow] = &[
    any("Configuration"),
    any("Code.RepositoryType"),
    any("Code.Location"),
    any("Code.ResolvedS3Object"),
    any("Code.Error"),
    report("Code.ImageUri", Allowed::Blank, "its code is a container image", RECREATE_FUNCTION),
    report("Code.ResolvedImageUri", Allowed::Blank, "its code is a container image", RECREATE_FUNCTION),
    report("Code.SourceKMSKeyArn", Allowed::Blank, "its code is encrypted with a key of its own", RECREATE_FUNCTION),
    any("Tags"),
    any("TagsError"),
    any("Concurrency"),
    put_back("Policy", Allowed::NoEntries, "a statement that lets others use the function"),
    put_back("FunctionUrls", Allowed::NoEntries, "a URL that invokes the function"),
];

pub(super) const CONFIGURATION: &[MemberRow] = &[
    any("FunctionName"),
    any("FunctionArn"),
    any("Runtime"),
    any("Role"),
    any("Handler"),
    any("CodeSize"),
    any("Description"),
    any("Timeout"),
    any("MemorySize"),
    any("LastModified"),
    any("CodeSha256"),
    any("ConfigSha256"),
    any("Version"),
    any("MasterArn"),
    any("RevisionId"),
    any("Architectures"),
    any("Environment"),
    any("State"),
    any("StateReason"),
    any("StateReasonCode"),
    any("LastUpdateStatus"),
    any("LastUpdateStatusReason"),
    any("LastUpdateStatusReasonCode"),
    any("SigningProfileVersionArn"),
    any("SigningJobArn"),
    any("RuntimeVersionConfig"),
    reset("VpcConfig", Allowed::Blank, FunctionSetting::Vpc),
    reset("DeadLetterConfig", Allowed::Blank, FunctionSetting::DeadLetters),
    reset("TracingConfig.Mode", Allowed::OneOf(&["PassThrough"]), FunctionSetting::Tracing),
    reset("Layers", Allowed::Blank, FunctionSetting::Layers),
    reset("FileSystemConfigs", Allowed::Blank, FunctionSetting::FileSystems),
    reset("EphemeralStorage.Size", Allowed::OneOf(&["512"]), FunctionSetting::EphemeralStorage),
    reset("SnapStart.ApplyOn", Allowed::OneOf(&["None"]), FunctionSetting::SnapStart),
    any("SnapStart.OptimizationStatus"),
    reset("LoggingConfig.LogFormat", Allowed::OneOf(&["Text"]), FunctionSetting::Logging),
    reset("LoggingConfig.ApplicationLogLevel", Allowed::Blank, FunctionSetting::Logging),
    reset("LoggingConfig.SystemLogLevel", Allowed::Blank, FunctionSetting::Logging),
    reset("LoggingConfig.LogGroup", Allowed::OneOf(&["/aws/lambda/{name}"]), FunctionSetting::Logging),
    report("KMSKeyArn", Allowed::Blank, "its environment is encrypted with a key of its own", CHANGE_FUNCTION),
    report("PackageType", Allowed::OneOf(&["Zip"]), "its code is a container image", RECREATE_FUNCTION),
    report("ImageConfigResponse", Allowed::Blank, "its code is a container image", RECREATE_FUNCTION),
    report("TenancyConfig", Allowed::Blank, "", RECREATE_FUNCTION),
    report("CapacityProviderConfig", Allowed::Blank, "", RECREATE_FUNCTION),
    report("DurableConfig", Allowed::Blank, "", RECREATE_FUNCTION),
];

pub(super) const ALIAS: &[MemberRow] = &[
    any("AliasArn"),
    any("Name"),
    any("FunctionVersion"),
    any("RevisionId"),
    put_back("Description", Allowed::Blank, ""),
    put_back("RoutingConfig", Allowed::Blank, "some of the invocations go to another version"),
    any("EventInvokeConfig.FunctionArn"),
    any("EventInvokeConfig.LastModified"),
    any("EventInvokeConfig.MaximumRetryAttempts"),
    any("EventInvokeConfig.MaximumEventAgeInSeconds"),
    put_back("EventInvokeConfig.DestinationConfig", Allowed::Blank, "results of runs are sent there"),
    put_back("Policy", Allowed::NoEntries, "a statement that lets others use the alias"),
    put_back("VersionPolicy", Allowed::NoEntries, "a statement that lets others use the alias's version"),
];

pub(super) const ROLE: &[MemberRow] = &[
    any("Path"),
    any("RoleName"),
    any("RoleId"),
    any("Arn"),
    any("CreateDate"),
    any("AssumeRolePolicyDocument"),
    any("Description"),
    any("MaxSessionDuration"),
    any("RolePolicyList"),
    any("AttachedManagedPolicies"),
    any("Tags"),
    any("RoleLastUsed"),
    any("SourceRoleTemplate"),
    report(
        "PermissionsBoundary",
        Allowed::Blank,
        "it limits what the function may do",
        "`aws iam delete-role-permissions-boundary --role-name NAME`, if nobody demands it: a boundary is often a \
         company's rule",
    ),
    report(
        "InstanceProfileList",
        Allowed::Blank,
        "machines can use the role, and IAM refuses to delete it",
        "`aws iam remove-role-from-instance-profile --role-name NAME --instance-profile-name PROFILE`",
    ),
];

pub(super) const SECRET: &[MemberRow] = &[
    any("ARN"),
    any("Name"),
    any("Description"),
    any("Tags"),
    any("RotationLambdaARN"),
    any("RotationRules"),
    any("ExternalSecretRotationMetadata"),
    any("ExternalSecretRotationRoleArn"),
    any("LastRotatedDate"),
    any("LastChangedDate"),
    any("LastAccessedDate"),
    any("DeletedDate"),
    any("NextRotationDate"),
    any("SecretVersionsToStages"),
    any("VersionIdsToStages"),
    any("CreatedDate"),
    // A secret with replicas has it; those are in `ReplicationStatus`.
    any("PrimaryRegion"),
    any("Type"),
    report(
        "KmsKeyId",
        Allowed::OneOf(&["alias/aws/secretsmanager"]),
        "it is encrypted with another key, which the function's role must be allowed to use",
        "`aws secretsmanager update-secret --secret-id NAME --kms-key-id alias/aws/secretsmanager`, if nobody demands \
         that key",
    ),
    report(
        "RotationEnabled",
        Allowed::Blank,
        "a function of somebody's replaces the credentials on a schedule",
        "`aws secretsmanager cancel-rotate-secret --secret-id NAME`, unless the rotation knows this secret's keys",
    ),
    report(
        "ReplicationStatus",
        Allowed::Blank,
        "copies of the credentials are in other regions, and Secrets Manager refuses to delete the secret",
        "`aws secretsmanager remove-regions-from-replication --secret-id NAME --remove-replica-regions REGION`",
    ),
    report("OwningService", Allowed::Blank, "another service of AWS manages it", "remove it in that service"),
    put_back("ResourcePolicy", Allowed::NoEntries, "a statement that lets others use the secret"),
    // The same, of a policy that has a statement that denies something.
    report(
        "GuardedResourcePolicy",
        Allowed::NoEntries,
        "a statement of a policy that also denies access, maybe that of the function",
        "`aws secretsmanager delete-resource-policy --secret-id NAME`, if nobody demands it",
    ),
];

pub(super) const LOG_GROUP: &[MemberRow] = &[
    any("logGroupName"),
    any("creationTime"),
    any("retentionInDays"),
    any("metricFilterCount"),
    any("arn"),
    any("logGroupArn"),
    any("storedBytes"),
    // The account's own policies.
    any("inheritedProperties"),
    report(
        "kmsKeyId",
        Allowed::Blank,
        "it is encrypted with a key of its own",
        "`aws logs disassociate-kms-key --log-group-name NAME`, if nobody demands that key",
    ),
    report(
        "logGroupClass",
        Allowed::OneOf(&["STANDARD"]),
        "a class can't be changed, and `status` can't read every class",
        "delete the log group, with its log, and apply again",
    ),
    report(
        "dataProtectionStatus",
        Allowed::OneOf(&["DISABLED", "DELETED", "ARCHIVED"]),
        "log lines are masked",
        "`aws logs delete-data-protection-policy --log-group-identifier NAME`, if nobody demands it",
    ),
    report(
        "deletionProtectionEnabled",
        Allowed::Blank,
        "CloudWatch Logs refuses to delete it",
        "`aws logs put-log-group-deletion-protection --log-group-identifier NAME --no-deletion-protection-enabled`",
    ),
    report(
        "bearerTokenAuthenticationEnabled",
        Allowed::Blank,
        "whoever has a token can write to it",
        "`aws logs put-bearer-token-authentication --log-group-identifier NAME --no-bearer-token-authentication-enabled`",
    ),
    report(
        "SubscriptionFilters",
        Allowed::NoEntries,
        "log lines are sent there",
        "`aws logs delete-subscription-filter --log-group-name NAME --filter-name FILTER`, if nobody needs it",
    ),
];

pub(super) const RULE: &[MemberRow] = &[
    any("Name"),
    any("Arn"),
    any("Description"),
    any("ScheduleExpression"),
    any("EventBusName"),
    any("CreatedBy"),
    put_back("State", Allowed::OneOf(&["ENABLED", "DISABLED"]), ""),
    put_back("EventPattern", Allowed::Blank, "events fire the rule too"),
    put_back("RoleArn", Allowed::Blank, ""),
    report(
        "ManagedBy",
        Allowed::Blank,
        "another service of AWS manages it, and EventBridge refuses changes",
        "remove it in that service",
    ),
];

pub(super) const TARGET: &[MemberRow] = &[
    any("Id"),
    any("Arn"),
    any("RetryPolicy.MaximumRetryAttempts"),
    any("RetryPolicy.MaximumEventAgeInSeconds"),
    any("RoleArn"),
    put_back("Input", Allowed::Blank, "each run gets this instead of the schedule's event"),
    put_back("InputPath", Allowed::Blank, "each run gets only a part of the schedule's event"),
    put_back("InputTransformer", Allowed::Blank, "each run gets this instead of the schedule's event"),
    put_back("DeadLetterConfig", Allowed::Blank, "events that could not be delivered are sent there"),
    put_back("KinesisParameters", Allowed::Blank, ""),
    put_back("RunCommandParameters", Allowed::Blank, ""),
    put_back("EcsParameters", Allowed::Blank, ""),
    put_back("BatchParameters", Allowed::Blank, ""),
    put_back("SqsParameters", Allowed::Blank, ""),
    put_back("HttpParameters", Allowed::Blank, ""),
    put_back("RedshiftDataParameters", Allowed::Blank, ""),
    put_back("SageMakerPipelineParameters", Allowed::Blank, ""),
    put_back("AppSyncParameters", Allowed::Blank, ""),
];

/// An update replaces a schedule as a whole, so it puts back what isn't here.
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html>
pub(super) const SCHEDULE: &[MemberRow] = &[
    any("Name"),
    any("Arn"),
    any("GroupName"),
    any("Description"),
    any("CreationDate"),
    any("LastModificationDate"),
    any("ScheduleExpression"),
    any("ScheduleExpressionTimezone"),
    any("State"),
    any("FlexibleTimeWindow.Mode"),
    any("FlexibleTimeWindow.MaximumWindowInMinutes"),
    any("Target.Arn"),
    any("Target.RoleArn"),
    any("Target.Input"),
    any("Target.RetryPolicy.MaximumRetryAttempts"),
    any("Target.RetryPolicy.MaximumEventAgeInSeconds"),
    any("Target.DeadLetterConfig.Arn"),
    put_back("Target.EcsParameters", Allowed::Blank, ""),
    put_back("Target.EventBridgeParameters", Allowed::Blank, ""),
    put_back("Target.KinesisParameters", Allowed::Blank, ""),
    put_back("Target.SageMakerPipelineParameters", Allowed::Blank, ""),
    put_back("Target.SqsParameters", Allowed::Blank, ""),
    put_back("StartDate", Allowed::Blank, "it doesn't fire before that"),
    put_back("EndDate", Allowed::Blank, "it doesn't fire after that"),
    put_back("ActionAfterCompletion", Allowed::OneOf(&["NONE"]), "it would delete itself"),
    report(
        "KmsKeyArn",
        Allowed::Blank,
        "a key of somebody's encrypts it; a change keeps that",
        "if it should have none, delete the schedule with `aws scheduler delete-schedule`; the next apply creates it",
    ),
];

/// What can be set is compared as a whole, and the rest only informs.
pub(super) const ALARM: &[MemberRow] = &[
    any("ActionsEnabled"),
    any("ActionsSuppressor"),
    any("ActionsSuppressorExtensionPeriod"),
    any("ActionsSuppressorWaitPeriod"),
    any("AlarmActions"),
    any("AlarmDescription"),
    any("AlarmRule"),
    any("ComparisonOperator"),
    any("DatapointsToAlarm"),
    any("Dimensions"),
    any("EvaluateLowSampleCountPercentile"),
    any("EvaluationCriteria"),
    any("EvaluationInterval"),
    any("EvaluationPeriods"),
    any("ExtendedStatistic"),
    any("InsufficientDataActions"),
    any("MetricName"),
    any("Metrics"),
    any("Namespace"),
    any("OKActions"),
    any("Period"),
    any("Statistic"),
    any("Threshold"),
    any("ThresholdMetricId"),
    any("TreatMissingData"),
    any("Unit"),
    any("AlarmName"),
    any("AlarmArn"),
    any("AlarmConfigurationUpdatedTimestamp"),
    any("StateValue"),
    any("StateReason"),
    any("StateReasonData"),
    any("StateUpdatedTimestamp"),
    any("StateTransitionedTimestamp"),
    any("EvaluationState"),
    any("ActionsSuppressedBy"),
    any("ActionsSuppressedReason"),
];
