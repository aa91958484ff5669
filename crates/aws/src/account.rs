//! What an account may have of something, and how much of it is used, where one call answers both.

use aws_sdk_iam::types::SummaryKeyType;
use deployer_core::concurrency::ExecutionLimits;

use crate::{Aws, Call, CallError};

/// What Lambda says about the account in a region.
#[derive(Debug, Clone, Copy)]
pub struct LambdaAccount {
    /// Executions at a time.
    pub executions: ExecutionLimits,
    /// The size of all stored code, in bytes.
    pub code_bytes: u64,
    /// How much code may be stored, in bytes.
    pub code_limit: u64,
}

/// Reads what Lambda says about the account.
///
/// # Errors
/// The call fails, or its answer has no limits.
pub async fn read_lambda_account(aws: &Aws) -> Result<LambdaAccount, CallError> {
    const CALL: &str = "lambda:GetAccountSettings";
    let answer = aws.lambda.get_account_settings().send().await.call(CALL)?;
    let number = |number: i32| u64::try_from(number).unwrap_or_default();
    let bytes = |bytes: i64| u64::try_from(bytes).unwrap_or_default();
    let found = answer.account_limit().ok_or_else(|| CallError::unexpected(CALL, "the response has no limits"))?;
    let limit = number(found.concurrent_executions());
    let unreserved = found.unreserved_concurrent_executions().map_or(limit, number);
    Ok(LambdaAccount {
        executions: ExecutionLimits { limit, unreserved },
        code_bytes: answer.account_usage().map_or(0, |usage| bytes(usage.total_code_size())),
        code_limit: bytes(found.total_code_size()),
    })
}

/// How many roles an account has, and may have.
#[derive(Debug, Clone, Copy)]
pub struct RoleUsage {
    pub used: u64,
    pub limit: u64,
}

/// Reads how many roles the account has, and may have.
///
/// # Errors
/// The call fails, or its answer lacks one of the numbers.
pub async fn read_role_usage(aws: &Aws) -> Result<RoleUsage, CallError> {
    const CALL: &str = "iam:GetAccountSummary";
    let summary = aws.iam.get_account_summary().send().await.call(CALL)?;
    let number = |key: SummaryKeyType| {
        let number = summary.summary_map().and_then(|map| map.get(&key)).copied();
        number
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| CallError::unexpected(CALL, "the summary lacks the numbers of roles"))
    };
    Ok(RoleUsage { used: number(SummaryKeyType::from("Roles"))?, limit: number(SummaryKeyType::RolesQuota)? })
}
