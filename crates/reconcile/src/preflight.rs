//! Whether the account's quotas have room for what a plan creates, before anybody is asked and anything is created.
//!
//! A quota that can't be read doesn't stop an apply: then AWS refuses what doesn't fit.

use aws_sdk_iam::types::SummaryKeyType;
use serde_json::json;

use deployer_aws::{Aws, Call, CallError, FailureKind, ListPages};
use deployer_core::concurrency::ExecutionLimits;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::plan::{EventBridgeOperation, IamOperation, LambdaOperation, Operation};

use crate::goal::PlannedChanges;

/// Rules per event bus, unless the account's quota was raised
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
const RULES: u64 = 300;

const EXECUTIONS: &str = "executions that can be reserved";

/// How much of each quota a plan needs.
#[derive(Debug, Default, PartialEq, Eq)]
struct NeededQuotas {
    roles: u64,
    rules: u64,
    executions: u64,
}

/// Refuses a plan that creates more than fits.
///
/// # Errors
/// A quota is known and too small.
pub(crate) async fn check_quotas(aws: &Aws, planned: &PlannedChanges) -> Result<()> {
    let needed = NeededQuotas::of_plan(planned);
    let (roles, rules, executions) = tokio::join!(
        async { if needed.roles > 0 { read_roles(aws).await.ok() } else { None } },
        async { if needed.rules > 0 { read_rules(aws).await.ok().flatten() } else { None } },
        async { if needed.executions > 0 { read_execution_limits(aws).await.ok() } else { None } },
    );
    let executions = executions.map(|limits| (limits.reserved(), limits.reservable()));
    let mut causes = Vec::new();
    let mut hint =
        "ask for a higher quota (Service Quotas in the AWS console), delete what is unused, or apply some venues \
                    only, with `--target`"
            .to_owned();
    for (what, needed, usage) in [
        ("roles in the account", needed.roles, roles),
        ("rules on the default event bus", needed.rules, rules),
        (EXECUTIONS, needed.executions, executions),
    ] {
        if let Some((used, limit)) = usage
            && used + needed > limit
        {
            causes.push(format!("{what}: {used} of {limit} are used, and {needed} more are needed"));
            if what == EXECUTIONS {
                hint.push_str("; or set `reserved_concurrency = \"off\"`, so that each run takes a lease instead");
            }
        }
    }
    if causes.is_empty() {
        return Ok(());
    }
    let mut error =
        Error::refused(ErrorCode::Quota, "the account has no room for what the plan creates; nothing was changed");
    error.causes = causes;
    Err(error.hint(hint))
}

impl NeededQuotas {
    fn of_plan(planned: &PlannedChanges) -> Self {
        let mut needed = Self::default();
        for change in &planned.plan.changes {
            let live = planned.snapshot.venues.get(&change.address.venue);
            let function = live.and_then(|live| live.function.as_present());
            let has_rule = live.is_some_and(|live| live.rule.as_present().is_some());
            for operation in &change.operations {
                match operation {
                    Operation::Iam(IamOperation::CreateRole { .. }) => needed.roles += 1,
                    Operation::EventBridge(EventBridgeOperation::PutRule { .. }) if !has_rule => needed.rules += 1,
                    Operation::Lambda(LambdaOperation::PutFunctionConcurrency { reserved, .. }) => {
                        let before = function.and_then(|function| function.reserved_concurrency).unwrap_or_default();
                        needed.executions += u64::from(reserved.saturating_sub(before));
                    }
                    Operation::Iam(_)
                    | Operation::SecretsManager(_)
                    | Operation::Logs(_)
                    | Operation::Lambda(_)
                    | Operation::EventBridge(_)
                    | Operation::CloudWatch(_)
                    | Operation::Sns(_)
                    | Operation::HubSpot(_) => {}
                }
            }
        }
        // A role that is replaced is deleted first.
        let replaced = planned.plan.changes.iter().flat_map(|change| &change.operations);
        let deleted = replaced.filter(|call| matches!(call, Operation::Iam(IamOperation::DeleteRole { .. }))).count();
        needed.roles = needed.roles.saturating_sub(deleted as u64);
        needed
    }
}

/// How many roles the account has, and may have.
async fn read_roles(aws: &Aws) -> Result<(u64, u64), CallError> {
    const CALL: &str = "iam:GetAccountSummary";
    let summary = aws.iam.get_account_summary().send().await.call(CALL)?;
    let number = |key: SummaryKeyType| {
        let number = summary.summary_map().and_then(|map| map.get(&key)).copied();
        number
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| CallError::unexpected(CALL, "the summary lacks the numbers of roles"))
    };
    Ok((number(SummaryKeyType::from("Roles"))?, number(SummaryKeyType::RolesQuota)?))
}

/// How many rules the default bus has, and may have; `None` if the quota isn't known.
async fn read_rules(aws: &Aws) -> Result<Option<(u64, u64)>, CallError> {
    let mut used = 0;
    let mut pages = ListPages::of_call("events:ListRules");
    loop {
        let request = aws.events.list_rules().limit(100).set_next_token(pages.token());
        let page = request.send().await.call("events:ListRules")?;
        used += page.rules().len() as u64;
        if !pages.advance_to(page.next_token)? {
            break;
        }
    }
    let parameters = json!({ "ServiceCode": "events", "QuotaCode": "L-244521F2" });
    let quota = match aws.signed.call("servicequotas:GetServiceQuota", parameters).await {
        Ok(answer) => answer["Quota"]["Value"].as_f64().map(|value| value as u64),
        Err(error) if error.kind == FailureKind::NotImplemented => None,
        // Without an answer, only the default is known, and a bus below it may have a higher one.
        Err(_) if used < RULES => return Ok(None),
        Err(_) => None,
    };
    Ok(match quota {
        Some(quota) => Some((used, quota)),
        // The quota must be another.
        None if used > RULES => None,
        None => Some((used, RULES)),
    })
}

/// How many executions the account has, and how many of them nobody has reserved.
pub(crate) async fn read_execution_limits(aws: &Aws) -> Result<ExecutionLimits, CallError> {
    const CALL: &str = "lambda:GetAccountSettings";
    let answer = aws.lambda.get_account_settings().send().await.call(CALL)?;
    let number = |number: i32| u64::try_from(number).unwrap_or_default();
    let found = answer.account_limit().ok_or_else(|| CallError::unexpected(CALL, "the response has no limits"))?;
    let limit = number(found.concurrent_executions());
    Ok(ExecutionLimits { limit, unreserved: found.unreserved_concurrent_executions().map_or(limit, number) })
}
