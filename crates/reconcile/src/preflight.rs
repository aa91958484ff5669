//! Whether the quotas of the account and of the portal leave room for what a plan creates, before anybody is asked and anything is
//! created.
//!
//! Only the quotas that a plan adds to are read, each with one or two calls. What can't be read doesn't stop an apply: then
//! AWS refuses what doesn't fit.

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::OnceCell;

use deployer_aws::account::{LambdaAccount, read_lambda_account, read_role_usage};
use deployer_aws::signed::list_of;
use deployer_aws::{Aws, Call, CallError, FailureKind, ListPages};
use deployer_core::plan::Plan;
use deployer_core::quota::{
    ExceededQuota, LimitSource, QuotaKind, QuotaNeed, QuotaReading, QuotaUsage, find_quota_needs, judge_quota,
};
use deployer_core::snapshot::Snapshot;

use crate::portal::PortalAccess;

/// Reads how much of the quotas is used.
pub(crate) struct QuotaReader<'a> {
    aws: &'a Aws,
    portal: &'a PortalAccess,
    /// Two quotas are in one answer, which the plan itself may have needed too.
    lambda: OnceCell<Option<LambdaAccount>>,
}

impl<'a> QuotaReader<'a> {
    /// A reader that has read nothing yet.
    pub(crate) fn new(aws: &'a Aws, portal: &'a PortalAccess) -> Self {
        Self { aws, portal, lambda: OnceCell::new() }
    }

    /// The quotas that `plan` breaks.
    pub(crate) async fn find_exceeded(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
        code_bytes: Option<u64>,
    ) -> Vec<ExceededQuota> {
        let needs = find_quota_needs(plan, snapshot, code_bytes);
        let judged = needs.iter().map(async |need| judge_quota(need, self.read_quota(need).await?, &plan.scope));
        join_all(judged).await.into_iter().flatten().collect()
    }

    /// What Lambda says about the account, read once; `None` if it can't be read.
    pub(crate) async fn lambda_account(&self) -> Option<LambdaAccount> {
        *self.lambda.get_or_init(async || read_lambda_account(self.aws).await.ok()).await
    }

    /// `None` if it fits in any case, or if nothing is known.
    async fn read_quota(&self, need: &QuotaNeed) -> Option<QuotaReading> {
        let row = need.kind.row();
        match row.usage {
            QuotaUsage::EachResource | QuotaUsage::OwnResources => self.read_limit(need, need.known).await,
            QuotaUsage::RuleList => {
                let used = count_rules(self.aws).await.ok()?;
                self.read_limit(need, used).await
            }
            QuotaUsage::AlarmList => {
                let used = count_alarms(self.aws, row.default.saturating_sub(need.needed)).await.ok()?;
                self.read_limit(need, used).await
            }
            QuotaUsage::AccountSummary => {
                let roles = read_role_usage(self.aws).await.ok()?;
                Some(QuotaReading { used: roles.used, limit: roles.limit, source: LimitSource::Account })
            }
            QuotaUsage::LambdaSettings => {
                let account = self.lambda_account().await?;
                let (used, limit) = match need.kind {
                    QuotaKind::CodeStorage => (account.code_bytes, account.code_limit),
                    _ => (account.executions.reserved(), account.executions.reservable()),
                };
                Some(QuotaReading { used, limit, source: LimitSource::Account })
            }
            QuotaUsage::PortalLimits => {
                let client = self.portal.hubspot_client()?;
                Some(match client.read_property_limits().await {
                    Ok(limits) => QuotaReading { used: limits.used, limit: limits.limit, source: LimitSource::Account },
                    Err(_) => QuotaReading { used: need.known, limit: row.default, source: LimitSource::Assumed },
                })
            }
        }
    }

    /// The limit of a quota, which is only asked for if not every account has as much.
    async fn read_limit(&self, need: &QuotaNeed, used: u64) -> Option<QuotaReading> {
        if need.always_fits(used) {
            return None;
        }
        if let Some(fixed) = need.fixed_reading() {
            return Some(fixed);
        }
        let row = need.kind.row();
        let default = |source| Some(QuotaReading { used, limit: row.default, source });
        let Some((service, code)) = row.code else { return default(LimitSource::Assumed) };
        let parameters = json!({ "ServiceCode": service, "QuotaCode": code });
        match self.aws.signed.call("servicequotas:GetServiceQuota", parameters).await {
            Ok(answer) => {
                let limit = answer["Quota"]["Value"].as_f64()? as u64;
                Some(QuotaReading { used, limit, source: LimitSource::Account })
            }
            // A cloud without the service has the defaults.
            Err(error) if error.kind == FailureKind::NotImplemented => default(LimitSource::Account),
            Err(_) => default(LimitSource::Assumed),
        }
        // More than the default in use means another limit, which isn't known then.
        .filter(|reading| reading.source != LimitSource::Assumed || used <= row.default)
    }
}

/// How many rules the default bus has.
async fn count_rules(aws: &Aws) -> Result<u64, CallError> {
    let mut used = 0;
    let mut pages = ListPages::of_call("events:ListRules");
    loop {
        let request = aws.events.list_rules().limit(100).set_next_token(pages.token());
        let page = request.send().await.call("events:ListRules")?;
        used += page.rules().len() as u64;
        if !pages.advance_to(page.next_token)? {
            return Ok(used);
        }
    }
}

/// How many alarms the region has, counted until they are more than `enough`.
async fn count_alarms(aws: &Aws, enough: u64) -> Result<u64, CallError> {
    let parameters = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 100 });
    let mut used = 0;
    let mut pages = aws.signed.list_pages("cloudwatch:DescribeAlarms", parameters);
    while let Some(page) = pages.next_page().await {
        let page = page?;
        used += ["MetricAlarms", "CompositeAlarms"].iter().map(|list| list_of(&page, list).len() as u64).sum::<u64>();
        if used > enough {
            break;
        }
    }
    Ok(used)
}
