//! Deploys the manifest to the embedded cloud, by the same steps as `deployer apply`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};

use deployer_artifact::Artifact;
use deployer_aws::lock::LockOptions;
use deployer_aws::{Aws, Call, Found, read_caller};
use deployer_core::desired::derive_desired;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{Manifest, SecretValue};
use deployer_core::plan::Plan;
use deployer_core::resource::alarm::DesiredAlarms;
use deployer_core::scope::Scope;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::portal::PortalAccess;
use deployer_reconcile::{
    PlanNotes, PlannedChanges, ReadDepth, ReconcileEvent, ReconcileFrontend, ReconcileGoal, Reconciler,
};

/// What was deployed.
#[derive(Debug)]
pub struct DeployedManifest {
    /// How many changes that took.
    pub changes: usize,
    /// Its alarms; `None` if the manifest declares none.
    pub alarms: Option<DesiredAlarms>,
}

/// Applies `manifest`. `secrets` are by name; `directory` is where the lock's
/// mark is kept.
///
/// # Errors
/// A call failed. On the embedded cloud that is a bug in deployer.
pub async fn deploy_manifest(
    aws: &Aws,
    manifest: &Manifest,
    artifact: &Artifact,
    secrets: &BTreeMap<String, SecretValue>,
    directory: &Path,
) -> Result<DeployedManifest> {
    let caller = read_caller(aws).await;
    let caller = caller
        .map_err(|error| Error::failed(ErrorCode::Dev, "the embedded cloud did not respond").caused_by(&error))?;
    let scope = Scope::of_caller(&caller.arn, caller.account, manifest.deployment.region.as_str());
    let desired = derive_desired(manifest, &scope, |_| artifact.code_sha256.clone());
    let goal = ReconcileGoal::Converge {
        desired: &desired,
        targets: &[],
        depth: ReadDepth::Full,
        // Removing a venue from the manifest is meant, and undone by putting it back.
        max_delete: Some(usize::MAX),
        notes: PlanNotes::none(),
    };
    let portal = PortalAccess::not_needed();
    let options = ApplyOptions { rate_limited: false, ..ApplyOptions::default() };
    let reconciler = Reconciler { aws, scope: &scope, portal: &portal, manifest: None, options };
    // The cloud is new and in this process: nobody else holds its lock.
    let lock = LockOptions::new(Duration::ZERO, directory, "deployer dev");
    let reconciled = reconciler.reconcile(&goal, &lock, &DevDeployment { artifact, secrets }).await?;
    drop(goal);
    let outcome = reconciled.outcome.unwrap_or_default();
    match outcome.failed.first() {
        None => Ok(DeployedManifest { changes: outcome.done.len(), alarms: desired.alarms }),
        Some((address, error)) => Err(Error::failed(
            ErrorCode::Dev,
            format!("{}: could not deploy its {} to the embedded cloud", address.venue, address.kind),
        )
        .caused_by(error)),
    }
}

/// Adds to secrets that exist the keys that they lack, as after an edit of the manifest that needs more of them. What the
/// function wrote into a secret stays.
///
/// # Errors
/// A call failed. On the embedded cloud that is a bug in deployer.
pub async fn complete_secrets(aws: &Aws, secrets: &BTreeMap<String, SecretValue>) -> Result<()> {
    let failed = |error: deployer_core::call_error::CallError| {
        Error::failed(ErrorCode::Dev, "could not add a key to a secret of the embedded cloud").caused_by(&error)
    };
    for (name, value) in secrets {
        let stored = aws.secrets.get_secret_value().secret_id(name).send().await;
        // A blocked venue has no secret.
        let Some(stored) = stored.call("secretsmanager:GetSecretValue").found().map_err(failed)? else { continue };
        let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
        let mut stored = object(stored.secret_string().unwrap_or_default());
        let known = stored.len();
        for (key, value) in object(value.expose_value()) {
            stored.entry(key).or_insert(value);
        }
        if stored.len() > known {
            let text = Value::Object(stored).to_string();
            let put = aws.secrets.put_secret_value().secret_id(name).secret_string(text).send().await;
            put.call("secretsmanager:PutSecretValue").map_err(failed)?;
        }
    }
    Ok(())
}

/// Nobody watches, and nobody is asked.
struct DevDeployment<'a> {
    artifact: &'a Artifact,
    secrets: &'a BTreeMap<String, SecretValue>,
}

impl ReconcileFrontend for DevDeployment<'_> {
    fn show_event(&self, _: ReconcileEvent<'_>) {}

    async fn confirm_changes(&self, _: &PlannedChanges) -> Result<()> {
        Ok(())
    }

    async fn resolve_inputs(&self, _: &Plan) -> Result<ApplyInputs> {
        Ok(ApplyInputs {
            artifacts: [(self.artifact.code_sha256.clone(), self.artifact.bootstrap_zip.clone())].into(),
            secrets: self.secrets.clone(),
            hubspot: None,
        })
    }
}
