//! The quotas that a plan can use up: one row each, with where its value is documented.
//!
//! A quota's code is only here if AWS's documents or several independent tools agree on it. Two limits have no row, because no
//! plan can reach them: the policy of a function's alias (20 KB), in which a venue has one statement, and the policy of the
//! alarms' topic, which has the same two statements whatever the manifest declares. Rules pass no input to their targets.

use serde::{Deserialize, Serialize};

/// A quota that a plan can use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaKind {
    Roles,
    Rules,
    Schedules,
    ScheduleGroups,
    ReservedExecutions,
    CodeStorage,
    LogGroups,
    Secrets,
    Alarms,
    Topics,
    TopicSubscriptions,
    ContactProperties,
    RolePolicySize,
    TrustPolicySize,
    EnvironmentSize,
}

/// How it is known how much of a quota is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaUsage {
    /// `iam:GetAccountSummary`, which also has the account's limit.
    AccountSummary,
    /// `lambda:GetAccountSettings`, which also has the account's limit.
    LambdaSettings,
    /// `events:ListRules`, all of the default bus.
    RuleList,
    /// `cloudwatch:DescribeAlarms`, until it is known whether there is room.
    AlarmList,
    /// HubSpot's limits API, which also has the portal's limit.
    PortalLimits,
    /// What the plan's own lists show. The quota is so large that counting everything else would take thousands of calls.
    OwnResources,
    /// It limits each resource alone, so nothing else counts.
    EachResource,
}

/// One quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaRow {
    pub kind: QuotaKind,
    /// What it limits, in words: "299 of 300 are used" follows.
    pub what: &'static str,
    /// Its service and code in Service Quotas, where they are certain.
    pub code: Option<(&'static str, &'static str)>,
    /// AWS's, or HubSpot's, default.
    pub default: u64,
    /// What every account has at least, in any region: below it, nobody needs to ask for the account's own limit.
    pub lowest: u64,
    pub usage: QuotaUsage,
    /// Whether the vendor raises it.
    pub adjustable: bool,
    /// What to do instead of asking for a higher one.
    pub remedy: Option<&'static str>,
    /// Where the default is documented.
    pub source: &'static str,
}

const LAMBDA: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";
const IAM: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
const SCHEDULER: &str = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html";
const SNS: &str = "https://docs.aws.amazon.com/general/latest/gr/sns.html";

impl QuotaKind {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 15] = [
        Self::Roles,
        Self::Rules,
        Self::Schedules,
        Self::ScheduleGroups,
        Self::ReservedExecutions,
        Self::CodeStorage,
        Self::LogGroups,
        Self::Secrets,
        Self::Alarms,
        Self::Topics,
        Self::TopicSubscriptions,
        Self::ContactProperties,
        Self::RolePolicySize,
        Self::TrustPolicySize,
        Self::EnvironmentSize,
    ];

    /// Its row.
    pub fn row(self) -> QuotaRow {
        let row = |what, code, default, usage, source| QuotaRow {
            kind: self,
            what,
            code,
            default,
            lowest: default,
            usage,
            adjustable: true,
            remedy: None,
            source,
        };
        match self {
            Self::Roles => {
                row("roles in the account", Some(("iam", "L-FE177D64")), 1000, QuotaUsage::AccountSummary, IAM)
            }
            // Cape Town and Milan have 100.
            Self::Rules => QuotaRow {
                lowest: 100,
                remedy: Some(
                    "set `scheduler = \"auto\"` in [deployment], so that EventBridge Scheduler starts the runs",
                ),
                ..row(
                    "rules on the default event bus",
                    Some(("events", "L-244521F2")),
                    300,
                    QuotaUsage::RuleList,
                    "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
                )
            },
            Self::Schedules => {
                row("schedules of EventBridge Scheduler", None, 1_000_000, QuotaUsage::OwnResources, SCHEDULER)
            }
            Self::ScheduleGroups => {
                row("groups of EventBridge Scheduler", None, 500, QuotaUsage::OwnResources, SCHEDULER)
            }
            // A new account may have ten executions, of which none can be reserved.
            Self::ReservedExecutions => QuotaRow {
                lowest: 0,
                remedy: Some("set `reserved_concurrency = \"off\"`, so that each run takes a lease instead"),
                ..row(
                    "executions that can be reserved",
                    Some(("lambda", "L-B99A9384")),
                    900,
                    QuotaUsage::LambdaSettings,
                    LAMBDA,
                )
            },
            // In bytes; Service Quotas counts gigabytes of 1024 megabytes each.
            Self::CodeStorage => QuotaRow {
                remedy: Some("delete versions that nothing uses (`aws lambda delete-function --qualifier N`)"),
                ..row(
                    "bytes of Lambda code",
                    Some(("lambda", "L-2ACBD22F")),
                    75 * GIGABYTE,
                    QuotaUsage::LambdaSettings,
                    LAMBDA,
                )
            },
            Self::LogGroups => row(
                "log groups",
                Some(("logs", "L-C7B9AAAB")),
                1_000_000,
                QuotaUsage::OwnResources,
                "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html",
            ),
            Self::Secrets => row(
                "secrets",
                Some(("secretsmanager", "L-2F66C23C")),
                500_000,
                QuotaUsage::OwnResources,
                "https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html",
            ),
            Self::Alarms => QuotaRow {
                remedy: Some("declare fewer alarms in [alarms]"),
                ..row(
                    "alarms",
                    None,
                    5000,
                    QuotaUsage::AlarmList,
                    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html",
                )
            },
            Self::Topics => row("SNS topics", Some(("sns", "L-61103206")), 100_000, QuotaUsage::OwnResources, SNS),
            Self::TopicSubscriptions => {
                row("subscriptions to the alarms' topic", None, 12_500_000, QuotaUsage::OwnResources, SNS)
            }
            Self::ContactProperties => QuotaRow {
                remedy: Some(
                    "archive custom properties of contacts that nobody uses, or move venues to a portal of their own",
                ),
                ..row(
                    "custom properties of contacts in HubSpot",
                    None,
                    1000,
                    QuotaUsage::PortalLimits,
                    "https://legal.hubspot.com/hubspot-product-and-services-catalog",
                )
            },
            Self::RolePolicySize => QuotaRow {
                adjustable: false,
                remedy: Some("declare fewer subnets and security groups for it"),
                ..row("characters of a role's inline policies", None, 10_240, QuotaUsage::EachResource, IAM)
            },
            Self::TrustPolicySize => row(
                "characters of a role's trust policy",
                Some(("iam", "L-C07B4B0D")),
                2048,
                QuotaUsage::EachResource,
                IAM,
            ),
            Self::EnvironmentSize => QuotaRow {
                adjustable: false,
                remedy: Some("shorten its mapping: long constants belong into HubSpot or into the lead form"),
                ..row("bytes of a function's environment", None, 4096, QuotaUsage::EachResource, LAMBDA)
            },
        }
    }
}

/// Bytes of one of Lambda's gigabytes.
pub const GIGABYTE: u64 = 1 << 30;
