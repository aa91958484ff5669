//! Deploys the manifest to the embedded cloud, in the same steps as `deployer apply`.

use tokio_util::sync::CancellationToken;

use super::vendors::DevSandboxes;
use deployer_artifact::Artifact;
use deployer_aws::observe::observe;
use deployer_aws::{Aws, Call};
use deployer_core::desired::derive_desired;
use deployer_core::error::{Error, Result};
use deployer_core::manifest::Manifest;
use deployer_core::plan::{invariants, plan};
use deployer_core::scope::Scope;
use deployer_reconcile::apply::{self, ApplyInputs, ApplyOptions};

/// Applies `manifest`, and returns how many resources there are now.
///
/// # Errors
/// A call failed. On the embedded cloud that is a bug in deployer.
pub async fn deploy_manifest(
    aws: &Aws,
    manifest: &Manifest,
    artifact: &Artifact,
    vendors: &DevSandboxes,
) -> Result<usize> {
    let identity = aws.sts.get_caller_identity().send().await.call("sts:GetCallerIdentity");
    let identity = identity.map_err(|error| Error::failed("the embedded cloud did not respond").caused_by(&error))?;
    let account = identity.account().unwrap_or_default().to_owned();
    let scope = Scope { account, region: manifest.deployment.region.clone() };
    let desired = derive_desired(manifest, &scope, |_| artifact.code_sha256.clone());
    let declared: Vec<String> = desired.venues.iter().map(|venue| venue.venue.clone()).collect();
    let snapshot = observe(aws, &scope, &desired.deployment, &declared).await;
    let plan = plan(&desired, &snapshot, &[]);
    if let Some(violation) = invariants::find_violations(&plan, &desired, &snapshot).into_iter().next() {
        return Err(Error::failed(format!("the plan violates an invariant, which is a bug in deployer: {violation}")));
    }
    let inputs = ApplyInputs {
        artifacts: [(artifact.code_sha256.clone(), artifact.bootstrap_zip.clone())].into(),
        secrets: vendors.secrets.clone(),
        hubspot: None,
    };
    let options = ApplyOptions { rate_limited: false, ..ApplyOptions::default() };
    let outcome = apply::apply(aws, &plan, &inputs, &options, &CancellationToken::new(), &|_| ()).await;
    match outcome.failed.first() {
        None => Ok(plan.changes.len()),
        Some((address, error)) => Err(Error::failed(format!(
            "{}: could not deploy its {} to the embedded cloud",
            address.venue, address.kind
        ))
        .caused_by(error)),
    }
}
