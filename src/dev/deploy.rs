//! Deploys the manifest to the embedded cloud, by the same steps as `deployer apply`.

use std::path::Path;
use std::time::Duration;

use super::vendors::DevSandboxes;
use deployer_artifact::Artifact;
use deployer_aws::lock::LockOptions;
use deployer_aws::{Aws, read_caller};
use deployer_core::desired::derive_desired;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::Manifest;
use deployer_core::plan::Plan;
use deployer_core::scope::Scope;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::portal::PortalAccess;
use deployer_reconcile::{PlannedChanges, ReadDepth, ReconcileEvent, ReconcileFrontend, ReconcileGoal, Reconciler};

/// Applies `manifest`, and returns how many resources there are now. `directory` is where the lock's mark is kept.
///
/// # Errors
/// A call failed. On the embedded cloud that is a bug in deployer.
pub async fn deploy_manifest(
    aws: &Aws,
    manifest: &Manifest,
    artifact: &Artifact,
    vendors: &DevSandboxes,
    directory: &Path,
) -> Result<usize> {
    let caller = read_caller(aws).await;
    let caller = caller
        .map_err(|error| Error::failed(ErrorCode::Dev, "the embedded cloud did not respond").caused_by(&error))?;
    let scope = Scope::of_caller(&caller.arn, caller.account, manifest.deployment.region.as_str());
    let desired = derive_desired(manifest, &scope, |_| artifact.code_sha256.clone());
    let goal = ReconcileGoal::Converge {
        desired: &desired,
        targets: &[],
        depth: ReadDepth::Full,
        max_delete: None,
        notes: Vec::new(),
    };
    let portal = PortalAccess::not_needed();
    let options = ApplyOptions { rate_limited: false, ..ApplyOptions::default() };
    let reconciler = Reconciler { aws, scope: &scope, portal: &portal, manifest: None, options };
    // The cloud is new and in this process: nobody else holds its lock.
    let lock = LockOptions::new(Duration::ZERO, directory, "deployer dev");
    let reconciled = reconciler.reconcile(&goal, &lock, &DevDeployment { artifact, vendors }).await?;
    let outcome = reconciled.outcome.unwrap_or_default();
    match outcome.failed.first() {
        None => Ok(outcome.done.len()),
        Some((address, error)) => Err(Error::failed(
            ErrorCode::Dev,
            format!("{}: could not deploy its {} to the embedded cloud", address.venue, address.kind),
        )
        .caused_by(error)),
    }
}

/// Nobody watches, and nobody is asked.
struct DevDeployment<'a> {
    artifact: &'a Artifact,
    vendors: &'a DevSandboxes,
}

impl ReconcileFrontend for DevDeployment<'_> {
    fn show_event(&self, _: ReconcileEvent<'_>) {}

    fn confirm_changes(&self, _: &PlannedChanges) -> Result<()> {
        Ok(())
    }

    async fn resolve_inputs(&self, _: &Plan) -> Result<ApplyInputs> {
        Ok(ApplyInputs {
            artifacts: [(self.artifact.code_sha256.clone(), self.artifact.bootstrap_zip.clone())].into(),
            secrets: self.vendors.secrets.clone(),
            hubspot: None,
        })
    }
}
