//! Which AWS account the credentials are for, and whether it is the manifest's.

use tokio::time::timeout;

use super::{Area, Check, Examination, Finding, TIMEOUT};
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::desired::Scope;

/// The identity behind the credentials.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) arn: String,
    pub(super) scope: Scope,
}

impl Examination<'_> {
    /// The caller's identity if it is in the manifest's account; otherwise the finding that says why AWS isn't asked
    /// more.
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
        return Err(Finding::unknown(format!("{CALL} returned no account")));
    };
    if let Some(guard) = deployment.account.as_ref().filter(|guard| *guard != account) {
        let what = format!("{arn} is in account {account}, but the manifest is for account {guard}");
        return Err(Finding::failed(what)
            .advice("use other credentials (AWS_PROFILE), or correct `account`; no other call was made"));
    }
    let scope = Scope { account: account.to_owned(), region: deployment.region.clone() };
    Ok(Identity { arn: arn.to_owned(), scope })
}

/// The finding for a failed call: rejected credentials fail the check, everything else is unknown.
pub(super) fn finding(error: &CallError) -> Finding {
    let finding = match error.kind {
        FailureKind::Unauthenticated => Finding::failed(error.to_string()),
        _ => Finding::unknown(error.to_string()),
    };
    Finding { advice: error.hint(), ..finding }
}

/// The finding of checks that need an identity when there is none.
pub(super) fn not_asked() -> Finding {
    Finding::skipped("not checked: see the identity above")
}

pub(super) async fn checks(examination: &Examination<'_>) -> Vec<Check> {
    let deployment = &examination.patient.manifest.deployment;
    let check = |finding: Finding, name: &str| finding.check(Area::Aws, None, name);
    let identity = match examination.identity().await {
        Err(finding) => return vec![check(finding.clone(), "identity")],
        Ok(identity) => identity,
    };
    let account = match &deployment.account {
        Some(guard) => Finding::ok(format!("{guard}, matches the manifest")),
        None => Finding::ok(format!(
            "{}; set `account` in the manifest's [deployment] to refuse any other",
            identity.scope.account
        )),
    };
    let region = &deployment.region;
    vec![
        check(Finding::ok(identity.arn.clone()), "identity"),
        check(account, "account"),
        check(Finding::ok(format!("{region}, from the manifest; STS answers there")), "region"),
    ]
}
