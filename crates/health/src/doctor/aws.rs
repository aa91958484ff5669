//! Which AWS account the credentials are for, and whether it is the manifest's.

use tokio::time::timeout;

use super::{CheckArea, DoctorCheck, DoctorFinding, Examination, TIMEOUT};
use deployer_aws::identity::CallerIdentity;
use deployer_aws::{CallError, FailureKind, read_caller};
use deployer_core::scope::Scope;

/// The identity behind the credentials.
#[derive(Debug, Clone)]
pub(super) struct ExaminedCaller {
    pub(super) arn: String,
    pub(super) scope: Scope,
}

impl Examination<'_> {
    /// The caller's identity if it is in the manifest's account; otherwise the finding that says why AWS isn't asked
    /// more.
    pub(super) async fn caller_identity(&self) -> Result<&ExaminedCaller, &DoctorFinding> {
        self.identity.get_or_init(|| read_identity(self)).await.as_ref()
    }
}

async fn read_identity(examination: &Examination<'_>) -> Result<ExaminedCaller, DoctorFinding> {
    const CALL: &str = "sts:GetCallerIdentity";
    let deployment = &examination.patient.manifest.deployment;
    let Ok(answer) = timeout(TIMEOUT, read_caller(examination.patient.aws)).await else {
        return Err(DoctorFinding::unknown(format!("{CALL}: no answer within {} s", TIMEOUT.as_secs()))
            .with_advice("check the network and AWS_ENDPOINT_URL; `--local` works without a network"));
    };
    let CallerIdentity { arn, account } = answer.map_err(|error| finding_for_call(&error))?;
    if let Some(guard) = deployment.account.as_ref().filter(|guard| **guard != account) {
        let what = format!("{arn} is in account {account}, but the manifest is for account {guard}");
        return Err(DoctorFinding::failed(what).with_advice(
            "use other credentials (--profile or AWS_PROFILE), or correct `account`; no other call was made",
        ));
    }
    let scope = Scope::of_caller(&arn, account, deployment.region.as_str());
    Ok(ExaminedCaller { arn, scope })
}

/// The finding for a failed call: rejected credentials fail the check, everything else is unknown.
pub(super) fn finding_for_call(error: &CallError) -> DoctorFinding {
    let finding = match error.kind {
        FailureKind::Unauthenticated => DoctorFinding::failed(error.to_string()),
        _ => DoctorFinding::unknown(error.to_string()),
    };
    DoctorFinding { advice: error.hint(), ..finding }
}

/// The finding of checks that need an identity when there is none.
pub(super) fn not_checked() -> DoctorFinding {
    DoctorFinding::skipped("not checked: see the identity above")
}

pub(super) async fn check_identity(examination: &Examination<'_>) -> Vec<DoctorCheck> {
    let deployment = &examination.patient.manifest.deployment;
    let check = |finding: DoctorFinding, name: &str| finding.into_check(CheckArea::Aws, None, name);
    let identity = match examination.caller_identity().await {
        Err(finding) => return vec![check(finding.clone(), "identity")],
        Ok(identity) => identity,
    };
    let account = match &deployment.account {
        Some(guard) => DoctorFinding::ok(format!("{guard}, matches the manifest")),
        None => DoctorFinding::ok(format!(
            "{}; set `account` in the manifest's [deployment] to refuse any other",
            identity.scope.account
        )),
    };
    let region = &deployment.region;
    vec![
        check(DoctorFinding::ok(identity.arn.clone()), "identity"),
        check(account, "account"),
        check(DoctorFinding::ok(format!("{region}, from the manifest; STS answers there")), "region"),
    ]
}
