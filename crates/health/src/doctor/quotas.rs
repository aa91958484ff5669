//! Whether the account's quotas leave room for what the manifest still needs.

use std::collections::BTreeSet;

use aws_sdk_iam::types::SummaryKeyType;

use super::aws::{finding, not_asked};
use super::{Area, Check, Examination, Finding};
use deployer_aws::{Aws, Call, CallError};
use deployer_core::manifest::Status;
use deployer_core::naming::{Names, role_path};

/// Executions that Lambda never lets anyone reserve.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
const UNRESERVED: u64 = 100;
/// Rules per event bus, unless the account's quota was raised; no call returns the quota.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
const RULES: u64 = 300;
/// From this percentage on, a quota counts as nearly used up.
const NEARLY: u64 = 80;

const HIGHER: &str = "request a higher quota (Service Quotas in the AWS console), or delete what is unused";

/// A quota: its limit, how much is used, and how much the manifest still needs.
struct Quota {
    unit: &'static str,
    used: u64,
    limit: u64,
    needed: u64,
}

impl Quota {
    fn judge(&self) -> Finding {
        let Self { unit, used, limit, needed } = self;
        let evidence = format!("{used} of {limit} {unit} in use, {needed} more needed");
        if used + needed > *limit {
            Finding::failed(evidence).advice(HIGHER)
        } else if (used + needed) * 100 >= limit * NEARLY {
            Finding::warning(evidence).advice(HIGHER)
        } else {
            Finding::ok(evidence)
        }
    }
}

pub(super) async fn checks(examination: &Examination<'_>) -> Vec<Check> {
    let check = |finding: Finding, name: &str| finding.check(Area::Aws, None, name);
    if examination.identity().await.is_err() {
        return vec![check(not_asked(), "quotas")];
    }
    let aws = examination.patient.aws;
    let deployment = &examination.patient.manifest.deployment.name;
    let venues = examination.venues().into_iter().filter(|venue| venue.status != Status::Blocked);
    let names: Vec<Names> = venues.map(|venue| Names::new(deployment, &venue.name)).collect();
    let missing = |there: &BTreeSet<String>, name: fn(&Names) -> &String| {
        names.iter().filter(|names| !there.contains(name(names))).count() as u64
    };
    let (settings, functions, rules, roles) =
        tokio::join!(account_settings(aws), functions(aws), rules(aws), roles(aws, deployment));
    let judged = |quota: Result<Quota, CallError>| quota.map_or_else(|error| finding(&error), |quota| quota.judge());
    let settings = settings.and_then(|settings| {
        let needed = missing(&functions?, |names| &names.function);
        Ok((settings, needed))
    });
    let (concurrency, code) = match settings {
        Err(error) => (finding(&error), finding(&error)),
        Ok((settings, needed)) => (
            Quota {
                unit: "reservable executions",
                used: settings.executions.saturating_sub(settings.unreserved),
                limit: settings.executions.saturating_sub(UNRESERVED),
                needed,
            }
            .judge(),
            Quota { unit: "MB of function code", used: settings.code_mb, limit: settings.code_limit_mb, needed: 0 }
                .judge(),
        ),
    };
    let rules = match rules {
        Ok(rules) if rules.len() as u64 > RULES => Finding::unknown(format!(
            "{} rules in use, so the account's quota is not AWS's default of {RULES}",
            rules.len()
        ))
        .advice("compare that with the quota for EventBridge rules (Service Quotas in the AWS console)"),
        rules => judged(rules.map(|rules| Quota {
            unit: "rules of the default bus",
            used: rules.len() as u64,
            limit: RULES,
            needed: missing(&rules, |names| &names.rule),
        })),
    };
    let roles = judged(roles.map(|(used, limit, ours)| Quota {
        unit: "roles",
        used,
        limit,
        needed: missing(&ours, |names| &names.role),
    }));
    [(concurrency, "concurrency"), (code, "code storage"), (rules, "rules"), (roles, "roles")]
        .map(|(finding, name)| check(finding, &format!("quota {name}")))
        .to_vec()
}

struct Settings {
    executions: u64,
    unreserved: u64,
    code_mb: u64,
    code_limit_mb: u64,
}

async fn account_settings(aws: &Aws) -> Result<Settings, CallError> {
    let answer = aws.lambda.get_account_settings().send().await.call("lambda:GetAccountSettings")?;
    let number = |number: i64| u64::try_from(number).unwrap_or_default();
    let megabytes = |bytes: i64| number(bytes).div_ceil(1_000_000);
    let (limit, usage) = (answer.account_limit(), answer.account_usage());
    Ok(Settings {
        executions: limit.map_or(0, |limit| number(limit.concurrent_executions().into())),
        unreserved: limit
            .and_then(|limit| limit.unreserved_concurrent_executions())
            .map_or(0, |executions| number(executions.into())),
        code_mb: usage.map_or(0, |usage| megabytes(usage.total_code_size())),
        code_limit_mb: limit.map_or(0, |limit| megabytes(limit.total_code_size())),
    })
}

async fn functions(aws: &Aws) -> Result<BTreeSet<String>, CallError> {
    let mut names = BTreeSet::new();
    let mut pages = aws.lambda.list_functions().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.call("lambda:ListFunctions")?;
        names.extend(page.functions().iter().filter_map(|function| function.function_name.clone()));
    }
    Ok(names)
}

async fn rules(aws: &Aws) -> Result<BTreeSet<String>, CallError> {
    let mut names = BTreeSet::new();
    let mut token = None;
    loop {
        let page = aws.events.list_rules().set_next_token(token).send().await.call("events:ListRules")?;
        names.extend(page.rules().iter().filter_map(|rule| rule.name.clone()));
        token = page.next_token;
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// The number of roles in the account, their limit, and the names of the deployment's own roles.
async fn roles(aws: &Aws, deployment: &str) -> Result<(u64, u64, BTreeSet<String>), CallError> {
    let summary = aws.iam.get_account_summary().send().await.call("iam:GetAccountSummary")?;
    let number = |key: SummaryKeyType| {
        let number = summary.summary_map().and_then(|map| map.get(&key)).copied();
        u64::try_from(number.unwrap_or_default()).unwrap_or_default()
    };
    let mut ours = BTreeSet::new();
    let mut pages = aws.iam.list_roles().path_prefix(role_path(deployment)).into_paginator().send();
    while let Some(page) = pages.next().await {
        ours.extend(page.call("iam:ListRoles")?.roles().iter().map(|role| role.role_name().to_owned()));
    }
    Ok((number(SummaryKeyType::from("Roles")), number(SummaryKeyType::RolesQuota), ours))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn fails_when_the_needed_resources_do_not_fit() {
        for (used, needed, wanted) in [
            (0, 0, Verdict::Ok),
            (79, 0, Verdict::Ok),
            (79, 1, Verdict::Warning),
            (98, 2, Verdict::Warning),
            (98, 3, Verdict::Failed),
        ] {
            let finding = Quota { unit: "rules", used, limit: 100, needed }.judge();
            assert_eq!(finding.verdict, wanted, "{used} + {needed}");
        }
        let small = Quota { unit: "reservable executions", used: 0, limit: 0, needed: 1 };
        assert_eq!(small.judge().verdict, Verdict::Failed, "a new account with ten executions");
    }
}
