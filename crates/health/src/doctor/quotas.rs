//! Whether the account's quotas leave room for what the manifest still needs.

use std::collections::BTreeSet;

use super::aws::{finding_for_call, not_checked};
use super::{CheckArea, DoctorCheck, DoctorFinding, Examination};
use deployer_aws::account::{read_lambda_account, read_role_usage};
use deployer_aws::observe::list_roles_below;
use deployer_aws::{Aws, Call, CallError, ListPages, sdk_pages};
use deployer_core::concurrency::ExecutionLimits;
use deployer_core::manifest::{ReservedConcurrency, Status};
use deployer_core::naming::{RolePlace, VenueNames};
use deployer_core::quota::QuotaKind;

/// From this percentage on, a quota counts as nearly used up.
const NEARLY: u64 = 80;

const MEGABYTE: u64 = 1_000_000;

const HIGHER: &str = "request a higher quota (Service Quotas in the AWS console), or delete what is unused";

/// A quota: its limit, how much is used, and how much the manifest still needs.
struct AccountQuota {
    unit: &'static str,
    used: u64,
    limit: u64,
    needed: u64,
}

impl AccountQuota {
    fn judge_usage(&self) -> DoctorFinding {
        let Self { unit, used, limit, needed } = self;
        let evidence = format!("{used} of {limit} {unit} in use, {needed} more needed");
        if used + needed > *limit {
            DoctorFinding::failed(evidence).with_advice(HIGHER)
        } else if (used + needed) * 100 >= limit * NEARLY {
            DoctorFinding::warning(evidence).with_advice(HIGHER)
        } else {
            DoctorFinding::ok(evidence)
        }
    }
}

pub(super) async fn check_quotas(examination: &Examination<'_>) -> Vec<DoctorCheck> {
    let check = |finding: DoctorFinding, name: &str| finding.into_check(CheckArea::Aws, None, name);
    if examination.caller_identity().await.is_err() {
        return vec![check(not_checked(), "quotas")];
    }
    let aws = examination.patient.aws;
    let deployment = &examination.patient.manifest.deployment.name;
    let venues = || examination.examined_venues().into_iter().filter(|venue| venue.status != Status::Blocked);
    let names: Vec<VenueNames> = venues().map(|venue| VenueNames::new(deployment, &venue.name)).collect();
    let reserving = venues().filter(|venue| venue.reserved_concurrency == ReservedConcurrency::One);
    let reserving: Vec<VenueNames> = reserving.map(|venue| VenueNames::new(deployment, &venue.name)).collect();
    // Those have a schedule instead of a rule.
    let scheduled = examination.patient.manifest.scheduled_venues();
    let scheduled = venues().filter(|venue| scheduled.contains(venue.name.as_str())).count() as u64;
    let missing = |there: &BTreeSet<String>, name: fn(&VenueNames) -> &String| {
        names.iter().filter(|names| !there.contains(name(names))).count() as u64
    };
    let (settings, functions, rules, usage, roles) = tokio::join!(
        read_lambda_account(aws),
        read_function_names(aws),
        read_rule_names(aws),
        read_role_usage(aws),
        read_role_names(aws, examination.patient.manifest.deployment.role_place())
    );
    let judged = |quota: Result<AccountQuota, CallError>| {
        quota.map_or_else(|error| finding_for_call(&error), |quota| quota.judge_usage())
    };
    // Where the manifest doesn't insist on a reservation, what finds no room takes leases.
    let settings = settings.and_then(|settings| {
        let functions = functions?;
        let needed = reserving.iter().filter(|names| !functions.contains(&names.function)).count() as u64;
        Ok((settings, needed))
    });
    let (concurrency, code) = match settings {
        Err(error) => (finding_for_call(&error), finding_for_call(&error)),
        Ok((settings, needed)) => (
            judge_executions(settings.executions, needed),
            AccountQuota {
                unit: "MB of function code",
                used: settings.code_bytes.div_ceil(MEGABYTE),
                limit: settings.code_limit.div_ceil(MEGABYTE),
                needed: 0,
            }
            .judge_usage(),
        ),
    };
    // Enough for a forecast; a plan asks for the account's own quota.
    let default = QuotaKind::Rules.row().default;
    let rules = match rules {
        Ok(rules) if rules.len() as u64 > default => DoctorFinding::unknown(format!(
            "{} rules in use, so the account's quota is not AWS's default of {default}",
            rules.len()
        ))
        .with_advice("compare that with the quota for EventBridge rules (Service Quotas in the AWS console)"),
        rules => judged(rules.map(|rules| AccountQuota {
            unit: "rules of the default bus",
            used: rules.len() as u64,
            limit: default,
            needed: missing(&rules, |names| &names.rule).saturating_sub(scheduled),
        })),
    };
    let roles = judged(usage.and_then(|usage| {
        let needed = missing(&roles?, |names| &names.role);
        Ok(AccountQuota { unit: "roles", used: usage.used, limit: usage.limit, needed })
    }));
    [(concurrency, "concurrency"), (code, "code storage"), (rules, "rules"), (roles, "roles")]
        .map(|(finding, name)| check(finding, &format!("quota {name}")))
        .to_vec()
}

/// Whether what must be reserved can be. Without anything to reserve, it doesn't matter how little is left.
fn judge_executions(limits: ExecutionLimits, needed: u64) -> DoctorFinding {
    let (used, limit) = (limits.reserved(), limits.reservable());
    let quota = AccountQuota { unit: "reservable executions", used, limit, needed };
    match needed {
        0 => DoctorFinding::ok(format!("{used} of {limit} {} in use, {needed} more needed", quota.unit)),
        _ => quota.judge_usage(),
    }
}

async fn read_function_names(aws: &Aws) -> Result<BTreeSet<String>, CallError> {
    let mut names = BTreeSet::new();
    let stream = aws.lambda.list_functions().into_paginator().send();
    let mut pages = sdk_pages("lambda:ListFunctions", stream, |page| page.next_marker());
    while let Some(page) = pages.next_page().await {
        let page = page?;
        names.extend(page.functions().iter().filter_map(|function| function.function_name.clone()));
    }
    Ok(names)
}

async fn read_rule_names(aws: &Aws) -> Result<BTreeSet<String>, CallError> {
    let mut names = BTreeSet::new();
    let mut pages = ListPages::of_call("events:ListRules");
    loop {
        let page = aws.events.list_rules().set_next_token(pages.token()).send().await.call("events:ListRules")?;
        names.extend(page.rules().iter().filter_map(|rule| rule.name.clone()));
        if !pages.advance_to(page.next_token)? {
            return Ok(names);
        }
    }
}

/// The names of the deployment's own roles.
async fn read_role_names(aws: &Aws, place: RolePlace) -> Result<BTreeSet<String>, CallError> {
    let ours = list_roles_below(&aws.iam, &place.deployment_path()).await?;
    Ok(ours.into_iter().map(|role| role.role_name).collect())
}

#[cfg(test)]
mod tests {
    use super::super::DoctorVerdict;
    use super::*;

    #[test]
    fn fails_when_the_needed_resources_do_not_fit() {
        for (used, needed, wanted) in [
            (0, 0, DoctorVerdict::Ok),
            (79, 0, DoctorVerdict::Ok),
            (79, 1, DoctorVerdict::Warning),
            (98, 2, DoctorVerdict::Warning),
            (98, 3, DoctorVerdict::Failed),
        ] {
            let finding = AccountQuota { unit: "rules", used, limit: 100, needed }.judge_usage();
            assert_eq!(finding.verdict, wanted, "{used} + {needed}");
        }
        let small = AccountQuota { unit: "reservable executions", used: 0, limit: 0, needed: 1 };
        assert_eq!(small.judge_usage().verdict, DoctorVerdict::Failed, "a new account with ten executions");
    }
}
