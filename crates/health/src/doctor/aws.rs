//! Whose AWS account the credentials open, and whether it is the manifest's.

use tokio::time::timeout;

use super::{Area, Check, Examination, Finding, TIMEOUT};
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::desired::Scope;

/// Who is calling.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) arn: String,
    pub(super) scope: Scope,
}

impl Examination<'_> {
    /// Who is calling, if it is the manifest's account; otherwise the finding that says why nothing else is asked there.
    pub(super) async fn identity(&self) -> Result<&Identity, &Finding> {
        self.identity.get_or_init(|| identity(self)).await.as_ref()
    }
}

async fn identity(examination: &Examination<'_>) -> Result<Identity, Finding> {
    const CALL: &str = "sts:GetCallerIdentity";
    let deployment = &examination.patient.manifest.deployment;
    let Ok(answer) = timeout(TIMEOUT, examination.patient.aws.sts.get_caller_identity().send()).await else {
        return Err(Finding::unknown(format!("{CALL}: no answer within {} s", TIMEOUT.as_secs()))
            .advice("check the network and AWS_ENDPOINT_URL; `--local` works without a network"));
    };
    let answer = answer.call(CALL).map_err(|error| finding(&error))?;
    let (Some(arn), Some(account)) = (answer.arn(), answer.account()) else {
        return Err(Finding::unknown(format!("{CALL} gave no account")));
    };
    if let Some(guard) = deployment.account.as_ref().filter(|guard| *guard != account) {
        let what = format!("{arn} is in account {account}, and the manifest is for account {guard}");
        return Err(Finding::failed(what)
            .advice("choose other credentials (AWS_PROFILE), or correct `account`; nothing else was asked there"));
    }
    let scope = Scope { account: account.to_owned(), region: deployment.region.clone() };
    Ok(Identity { arn: arn.to_owned(), scope })
}

/// What a failed call is to a check: what the credentials may not do fails, what isn't answered can't be told.
pub(super) fn finding(error: &CallError) -> Finding {
    let finding = match error.kind {
        FailureKind::Unauthenticated => Finding::failed(error.to_string()),
        _ => Finding::unknown(error.to_string()),
    };
    Finding { advice: error.hint(), ..finding }
}

/// What is found where AWS doesn't say who is calling.
pub(super) fn not_asked() -> Finding {
    Finding::skipped("not asked: see the identity above")
}

pub(super) async fn checks(examination: &Examination<'_>) -> Vec<Check> {
    let deployment = &examination.patient.manifest.deployment;
    let check = |finding: Finding, name: &str| finding.check(Area::Aws, None, name);
    let identity = match examination.identity().await {
        Err(finding) => return vec![check(finding.clone(), "identity")],
        Ok(identity) => identity,
    };
    let account = match &deployment.account {
        Some(guard) => Finding::ok(format!("{guard}, as the manifest says")),
        None => Finding::ok(format!(
            "{}; with `account` in the manifest's [deployment] any other would be refused",
            identity.scope.account
        )),
    };
    let region = &deployment.region;
    vec![
        check(Finding::ok(identity.arn.clone()), "identity"),
        check(account, "account"),
        check(Finding::ok(format!("{region}, the manifest's; STS answers there")), "region"),
    ]
}
