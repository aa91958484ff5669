//! Which quotas of the account and of the portal a plan would break, before anything is made.
//!
//! [`find_quota_needs`] counts what a plan adds, without a client. Only what it adds to is read, by `deployer-reconcile`, and
//! [`judge_quota`] compares both. A quota whose limit could not be read is only mentioned: a plan must not be refused for
//! a default that was raised long ago.

mod needs;
mod table;

use serde::{Deserialize, Serialize};

pub use needs::{QuotaNeed, find_quota_needs};
pub use table::{GIGABYTE, QuotaKind, QuotaRow, QuotaUsage};

use crate::scope::Scope;

/// The region in which IAM's quotas are.
const GLOBAL_REGION: &str = "us-east-1";
/// A request for a higher quota asks for a multiple of this.
const STEP: u64 = 100;

/// Where a limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitSource {
    /// The account or the portal says it.
    Account,
    /// It is documented and never another.
    Documented,
    /// It is the vendor's default: what the account has couldn't be read.
    Assumed,
}

/// How much of a quota is used, and how much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaReading {
    pub used: u64,
    pub limit: u64,
    pub source: LimitSource,
}

/// A quota that a plan would break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceededQuota {
    pub quota: QuotaKind,
    /// How much is used.
    pub used: u64,
    /// How much more the plan needs.
    pub needed: u64,
    /// How much there is.
    pub limit: u64,
    /// Where the limit comes from.
    pub limit_source: LimitSource,
    /// What is exceeded, in words.
    pub text: String,
    /// What to do about it.
    pub hint: String,
}

impl ExceededQuota {
    /// Whether an apply is refused because of it.
    pub fn refuses_apply(&self) -> bool {
        match self.limit_source {
            LimitSource::Account | LimitSource::Documented => true,
            LimitSource::Assumed => false,
        }
    }
}

impl QuotaNeed {
    /// What is known of the quota without asking anybody, where that decides: what limits each resource alone, and never
    /// otherwise than documented.
    pub fn fixed_reading(&self) -> Option<QuotaReading> {
        let row = self.kind.row();
        let fixed = row.usage == QuotaUsage::EachResource && !row.adjustable;
        fixed.then_some(QuotaReading { used: 0, limit: row.default, source: LimitSource::Documented })
    }

    /// Whether it fits into every account, with this much in use.
    pub fn always_fits(&self, used: u64) -> bool {
        used.saturating_add(self.needed) <= self.kind.row().lowest
    }
}

/// The quota, if the plan breaks it.
pub fn judge_quota(need: &QuotaNeed, reading: QuotaReading, scope: &Scope) -> Option<ExceededQuota> {
    let QuotaReading { used, limit, source } = reading;
    let wanted = used.saturating_add(need.needed);
    if wanted <= limit {
        return None;
    }
    let row = need.kind.row();
    let (what, needed) = (row.what, need.needed);
    let mut text = match &need.resource {
        Some(resource) => format!("{what}: {resource} needs {needed}, and {limit} are allowed"),
        None => format!("{what}: {used} of {limit} are used, and {needed} more are needed"),
    };
    if source == LimitSource::Assumed {
        text.push_str(" (the limit is the default: the account's own could not be read, so an apply tries anyway)");
    }
    Some(ExceededQuota {
        quota: need.kind,
        used,
        needed,
        limit,
        limit_source: source,
        text,
        hint: exceeded_hint(&row, wanted, scope),
    })
}

/// What to do: ask for more where that is possible, or need less.
fn exceeded_hint(row: &QuotaRow, wanted: u64, scope: &Scope) -> String {
    let mut ways = Vec::new();
    if row.adjustable {
        ways.push(match row.code {
            Some((service, code)) => {
                let region = if service == "iam" { GLOBAL_REGION } else { &scope.region };
                format!(
                    "ask for a higher quota: `aws service-quotas request-service-quota-increase --service-code {service} \
                     --quota-code {code} --desired-value {} --region {region}`",
                    desired_value(row.kind, wanted)
                )
            }
            None if row.usage == QuotaUsage::PortalLimits => "ask HubSpot for a higher limit".to_owned(),
            None => "ask for a higher quota (Service Quotas in the AWS console)".to_owned(),
        });
    }
    ways.extend(row.remedy.map(ToOwned::to_owned));
    match row.usage {
        QuotaUsage::EachResource | QuotaUsage::PortalLimits => {}
        QuotaUsage::AccountSummary
        | QuotaUsage::LambdaSettings
        | QuotaUsage::RuleList
        | QuotaUsage::AlarmList
        | QuotaUsage::OwnResources => ways.push("delete what is unused (`deployer audit` finds it)".to_owned()),
    }
    if row.usage != QuotaUsage::EachResource {
        ways.push("apply some venues only, with `--target`".to_owned());
    }
    ways.join("; or ")
}

/// The value to ask for, in the units of Service Quotas.
fn desired_value(kind: QuotaKind, wanted: u64) -> u64 {
    match kind {
        QuotaKind::CodeStorage => wanted.div_ceil(GIGABYTE),
        // Lambda keeps some of all executions unreserved.
        QuotaKind::ReservedExecutions => (wanted + crate::concurrency::UNRESERVED_EXECUTIONS).next_multiple_of(STEP),
        QuotaKind::Roles
        | QuotaKind::Rules
        | QuotaKind::Schedules
        | QuotaKind::ScheduleGroups
        | QuotaKind::LogGroups
        | QuotaKind::Secrets
        | QuotaKind::Alarms
        | QuotaKind::Topics
        | QuotaKind::TopicSubscriptions
        | QuotaKind::ContactProperties
        | QuotaKind::RolePolicySize
        | QuotaKind::TrustPolicySize
        | QuotaKind::EnvironmentSize => wanted.next_multiple_of(STEP),
    }
}
