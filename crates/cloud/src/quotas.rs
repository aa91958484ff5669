//! Service Quotas: what AWS allows an account by default, and increases, which are granted at once.
//!
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/>

use serde_json::{Value, json};

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, dispatch};

stored_parts! {
    /// The quotas of a region.
    pub struct QuotasState {
        /// Values that are not AWS's defaults, by [`Quota::key`].
        pub values: StoredTable<u64>,
    }
}

/// A quota that the embedded cloud keeps. All others of its services are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
    RulesPerBus,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    ConcurrentExecutions,
    /// In gigabytes of 1024 megabytes each. <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    CodeStorage,
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    Roles,
}

/// The region that has the quotas of IAM.
const GLOBAL_REGION: &str = "us-east-1";

impl Quota {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::RulesPerBus, Self::ConcurrentExecutions, Self::CodeStorage, Self::Roles];

    /// The service, the quota's code, its name and AWS's default.
    fn describe(self) -> (&'static str, &'static str, &'static str, u64) {
        match self {
            Self::RulesPerBus => ("events", "L-244521F2", "Rules", 300),
            Self::ConcurrentExecutions => ("lambda", "L-B99A9384", "Concurrent executions", 1000),
            Self::CodeStorage => ("lambda", "L-2ACBD22F", "Function and layer storage", 75),
            Self::Roles => ("iam", "L-FE177D64", "Roles per account", 1000),
        }
    }

    /// Its key in [`QuotasState::values`].
    fn key(self) -> String {
        let (service, code, ..) = self.describe();
        format!("{service}/{code}")
    }

    fn from_body(body: &JsonBody) -> Result<Self, ApiError> {
        let (service, code) = (body.required_text("ServiceCode")?, body.required_text("QuotaCode")?);
        let is_it = |quota: &Self| (quota.describe().0, quota.describe().1) == (service, code);
        Self::ALL.into_iter().find(is_it).ok_or_else(|| {
            ApiError::bad_request(
                "NoSuchResourceException",
                "The request failed because the specified quota does not exist.",
            )
        })
    }
}

impl CloudContext<'_> {
    /// The account's value of a quota in the request's region.
    pub fn quota_value(&self, quota: Quota) -> usize {
        let region = if quota == Quota::Roles { GLOBAL_REGION } else { self.request_region() };
        let value = self.state.region_state(region).quotas.values.get(&quota.key()).copied();
        usize::try_from(value.unwrap_or(quota.describe().3)).unwrap_or(usize::MAX)
    }

    /// Sets the account's value of a quota in the request's region, `None` for AWS's default.
    pub fn set_quota(&mut self, quota: Quota, value: Option<u64>) {
        let region = if quota == Quota::Roles { GLOBAL_REGION } else { self.request_region() }.to_owned();
        let values = &mut self.state.region_state_mut(&region).quotas.values;
        match value {
            Some(value) => drop(values.insert(quota.key(), value)),
            None => drop(values.remove(&quota.key())),
        }
    }
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = &JsonBody::parse_body(&request.body)?;
    let answer = match operation {
        "GetServiceQuota" => Quota::from_body(body).map(|quota| quota_json(cx, quota, cx.quota_value(quota) as u64)),
        "GetAWSDefaultServiceQuota" => Quota::from_body(body).map(|quota| quota_json(cx, quota, quota.describe().3)),
        "RequestServiceQuotaIncrease" => request_increase(cx, body),
        _ => Err(dispatch::not_implemented("servicequotas", operation)),
    };
    answer.map(|body| CloudAnswer::from_json(&body).into())
}

/// AWS looks at most requests first; here they are granted.
fn request_increase(cx: &mut CloudContext<'_>, body: &JsonBody) -> Result<Value, ApiError> {
    let quota = Quota::from_body(body)?;
    let desired = body.member_value("DesiredValue").and_then(Value::as_f64).unwrap_or_default();
    if desired <= cx.quota_value(quota) as f64 {
        return Err(ApiError::bad_request(
            "IllegalArgumentException",
            "You must provide a quota value greater than the current quota value.",
        ));
    }
    cx.set_quota(quota, Some(desired as u64));
    let (service, code, name, _) = quota.describe();
    Ok(json!({ "RequestedQuota": {
        "Id": cx.random_uuid(),
        "ServiceCode": service,
        "QuotaCode": code,
        "QuotaName": name,
        "DesiredValue": desired,
        "Status": "APPROVED",
        "Created": cx.epoch_s(),
    } }))
}

fn quota_json(cx: &CloudContext<'_>, quota: Quota, value: u64) -> Value {
    let (service, code, name, _) = quota.describe();
    json!({ "Quota": {
        "ServiceCode": service,
        "QuotaCode": code,
        "QuotaName": name,
        "QuotaArn": cx.build_arn("servicequotas", &format!("{service}/{code}")),
        "Value": value as f64,
        "Adjustable": true,
        "GlobalQuota": quota == Quota::Roles,
    } })
}
