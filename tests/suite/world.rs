//! A world for scenarios: a manifest, a cloud, and the reconciler's steps on them, as the commands take them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use deployer_artifact::{Artifact, ArtifactPlatform};
use deployer_aws::Aws;
use deployer_aws::lock::{LockOptions, WriteFence};
use deployer_core::desired::{Desired, derive_desired};
use deployer_core::error::Result;
use deployer_core::manifest::{self, SecretValue};
use deployer_core::plan::{Operation, Plan, SecretsManagerOperation};
use deployer_core::scope::Scope;
use deployer_core::snapshot::Snapshot;
use deployer_hubspot::HubSpotClient;
use deployer_reconcile::apply::{ApplyEvent, ApplyInputs, ApplyOptions, ApplyOutcome, apply};
use deployer_reconcile::portal::PortalAccess;
use deployer_reconcile::{
    PlanNotes, PlannedChanges, ReadDepth, ReconcileEvent, ReconcileFrontend, ReconcileGoal, Reconciled, Reconciler,
};
use tokio_util::sync::CancellationToken;

pub use crate::fixtures::venue_tables;

/// A manifest with two venues, `a` active and `b` paused, in this deployment.
pub fn two_venue_manifest(deployment: &str) -> String {
    // Two deployments in one portal must not take the same flags.
    let portal = match deployment {
        "other" | "sync-two" | "zeta" => format!("[hubspot]\nbase_uri = \"https://{deployment}.example.com\"\n\n"),
        _ => String::new(),
    };
    format!(
        "[deployment]\nname = \"{deployment}\"\nregion = \"us-east-1\"\n\n{portal}{}{}",
        venue_tables("a", ""),
        venue_tables("b", "status = \"paused\"\n")
    )
}

/// A cloud, and what it takes to apply manifests to it.
pub struct World {
    pub aws: Aws,
    pub scope: Scope,
    artifact: Artifact,
    secret: String,
    delays: bool,
    rate_limited: bool,
    hubspot: Option<Arc<HubSpotClient>>,
    /// Where the lock's mark tells the next apply that the holder of a lock is gone.
    state_directory: tempfile::TempDir,
}

impl World {
    /// Reads the account id from the cloud.
    pub async fn new(aws: Aws) -> Self {
        Self::with_code(aws, "#!/bin/sh\nexit 1\n").await
    }

    /// Uses a script as the function's code.
    pub async fn with_code(aws: Aws, script: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("bootstrap");
        std::fs::write(&path, script).expect("the script is written");
        let artifact = Artifact::from_path(&path, ArtifactPlatform::Local).expect("a script is an artifact");
        let secret = r#"{"HUBSPOT_TOKEN":"token-value","TRIPLESEAT_PUBLIC_KEY":"key-value"}"#;
        Self::with_artifact(aws, artifact, secret).await
    }

    /// Uses an artifact as the function's code, and `secret` as the value of every secret.
    pub async fn with_artifact(aws: Aws, artifact: Artifact, secret: &str) -> Self {
        let identity = aws.sts.get_caller_identity().send().await.expect("the cloud returns its account");
        let account = identity.account().expect("an account").to_owned();
        let scope = Scope::new(account, "us-east-1");
        let state_directory = tempfile::tempdir().expect("a temporary directory");
        Self {
            aws,
            scope,
            artifact,
            secret: secret.to_owned(),
            delays: true,
            rate_limited: false,
            hubspot: None,
            state_directory,
        }
    }

    /// Retries without delay, for the embedded cloud, where nothing takes time.
    pub fn without_delays(self) -> Self {
        Self { delays: false, ..self }
    }

    /// Spaces calls as for AWS, for a server that throttles as AWS does.
    pub fn within_quotas(self) -> Self {
        Self { aws: self.aws.clone().with_paced_reads(), rate_limited: true, ..self }
    }

    /// Adds a portal.
    pub fn with_hubspot(self, hubspot: HubSpotClient) -> Self {
        Self { hubspot: Some(Arc::new(hubspot)), ..self }
    }

    /// Uses another region than `us-east-1`.
    pub fn in_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.scope.region);
        self
    }

    /// What a manifest declares.
    pub fn desired_from(&self, text: &str) -> Desired {
        let loaded =
            manifest::parse_manifest(text, Path::new("venues.toml")).unwrap_or_else(|errors| panic!("{errors}"));
        derive_desired(&loaded.manifest, &self.scope, |_| self.artifact.code_sha256.clone())
    }

    /// Nothing at all, as for `destroy`.
    pub fn desired_nothing(&self, deployment: &str) -> Desired {
        Desired {
            deployment: deployment.to_owned(),
            scope: self.scope.clone(),
            may_share_with: Vec::new(),
            role_path: deployer_core::naming::DEFAULT_ROLE_PATH.to_owned(),
            venues: Vec::new(),
            canary: None,
            recovery_window_days: Some(30),
            alarms: None,
            schedule_group: None,
            archive_properties: false,
            code_bytes: None,
        }
    }

    /// Observes everything that `desired` is about.
    pub async fn observe(&self, desired: &Desired) -> Snapshot {
        let (portal, options) = (self.portal(), self.options());
        let observed = self.reconciler(&portal, options).observe_desired(desired, ReadDepth::Full).await;
        observed.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Observes and plans.
    pub async fn plan(&self, desired: &Desired) -> Plan {
        self.plan_at_depth(desired, ReadDepth::Full).await
    }

    /// Plans from lists only.
    pub async fn plan_from_lists(&self, desired: &Desired) -> Plan {
        let mut plan = self.plan_at_depth(desired, ReadDepth::Lists).await;
        // The reconciler's note on what lists don't show.
        plan.notes.retain(|note| !note.starts_with("only lists were read"));
        plan
    }

    async fn plan_at_depth(&self, desired: &Desired, depth: ReadDepth) -> Plan {
        let (portal, options) = (self.portal(), self.options());
        let planned = self.reconciler(&portal, options).plan(&goal(desired, depth)).await;
        planned.unwrap_or_else(|error| panic!("{error}")).plan
    }

    /// Reconciles as `deployer apply --yes` does, with guards and the lock. A plan that is refused changes nothing.
    pub async fn apply(&self, desired: &Desired) -> ApplyOutcome {
        let reconciled = self.try_apply(desired).await.unwrap_or_else(|error| panic!("{error}"));
        reconciled.outcome.unwrap_or_default()
    }

    /// Like [`World::apply`], with what is refused or can't be locked as an error.
    pub async fn try_apply(&self, desired: &Desired) -> Result<Reconciled> {
        let (portal, options) = (self.portal(), self.options());
        let lock = self.lock_options();
        let frontend = TestFrontend { world: self };
        self.reconciler(&portal, options).reconcile(&goal(desired, ReadDepth::Full), &lock, &frontend).await
    }

    /// Executes a plan as it is, without guards and lock.
    pub async fn execute_plan(&self, plan: &Plan) -> (ApplyOutcome, Vec<ApplyEvent>) {
        let (portal, options) = (self.portal(), self.options());
        let events = Mutex::new(Vec::new());
        let on_event = |event| events.lock().expect("no panic").push(event);
        let (inputs, cancel) = (self.inputs(plan), CancellationToken::new());
        let outcome = self.reconciler(&portal, options).execute(plan, &inputs, &cancel, &on_event).await;
        (outcome, events.into_inner().expect("no panic"))
    }

    /// Executes a plan behind a fence, as under a lock.
    pub async fn execute_behind_fence(&self, plan: &Plan, fence: &WriteFence) -> ApplyOutcome {
        let (inputs, cancel) = (self.inputs(plan), CancellationToken::new());
        apply(&self.aws, plan, &inputs, &self.options(), (&cancel, fence), &|_| ()).await
    }

    /// How an apply takes the lock: without waiting, with its mark in this world's directory.
    pub fn lock_options(&self) -> LockOptions {
        LockOptions::new(Duration::ZERO, self.state_directory.path(), "deployer apply")
    }

    fn portal(&self) -> PortalAccess {
        self.hubspot.clone().map_or_else(PortalAccess::not_needed, PortalAccess::with_client)
    }

    /// The script of most worlds can't run, so new code isn't tried at a canary.
    fn options(&self) -> ApplyOptions {
        ApplyOptions { rate_limited: self.rate_limited, delays: self.delays, canary: false, ..ApplyOptions::default() }
    }

    fn reconciler<'w>(&'w self, portal: &'w PortalAccess, options: ApplyOptions) -> Reconciler<'w> {
        Reconciler { aws: &self.aws, scope: &self.scope, portal, manifest: None, options }
    }

    fn inputs(&self, plan: &Plan) -> ApplyInputs {
        let secrets: BTreeMap<String, SecretValue> = plan
            .changes
            .iter()
            .flat_map(|change| &change.operations)
            .filter_map(|operation| match operation {
                Operation::SecretsManager(SecretsManagerOperation::CreateSecret { secret }) => {
                    Some(secret.name.clone())
                }
                _ => None,
            })
            .map(|name| (name, SecretValue::new(self.secret.as_str()).expect("a value")))
            .collect();
        let zip: Bytes = self.artifact.bootstrap_zip.clone();
        ApplyInputs {
            artifacts: [(self.artifact.code_sha256.clone(), zip)].into(),
            secrets,
            hubspot: self.hubspot.clone(),
        }
    }

    /// Applies, and checks that a second apply would have nothing to do.
    pub async fn converge(&self, desired: &Desired) {
        let outcome = self.apply(desired).await;
        assert_eq!(outcome.failed, [], "the apply succeeds");
        let again = self.plan(desired).await;
        assert_eq!(
            (describe_actions(&again), again.unreadable),
            (Vec::new(), Vec::new()),
            "a second apply has nothing to do"
        );
        assert_eq!(again.conflicts, []);
    }
}

/// What `deployer apply` or, without venues, `deployer destroy` asks for; tests may delete as many venues as they like.
fn goal(desired: &Desired, depth: ReadDepth) -> ReconcileGoal<'_> {
    match desired.venues.is_empty() {
        true => ReconcileGoal::Destroy { nothing: desired, targets: &[], moved_to: None, notes: PlanNotes::none() },
        false => ReconcileGoal::Converge {
            desired,
            targets: &[],
            depth,
            max_delete: Some(usize::MAX),
            notes: PlanNotes::none(),
        },
    }
}

/// Answers yes, and has what a world has.
struct TestFrontend<'w> {
    world: &'w World,
}

impl ReconcileFrontend for TestFrontend<'_> {
    fn show_event(&self, _: ReconcileEvent<'_>) {}

    async fn confirm_changes(&self, _: &PlannedChanges) -> Result<()> {
        Ok(())
    }

    async fn resolve_inputs(&self, plan: &Plan) -> Result<ApplyInputs> {
        Ok(self.world.inputs(plan))
    }
}

/// `venue/kind action` for each change.
pub fn describe_actions(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| format!("{} {:?}", change.address, change.action)).collect()
}
