//! A world for scenarios: a manifest, a cloud, and the reconciler's steps on them, as the commands take them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use deployer_artifact::{Artifact, ArtifactPlatform};
use deployer_aws::Aws;
use deployer_aws::observe::{observe, observe_lists};
use deployer_core::desired::{Desired, Scope, derive_desired};
use deployer_core::manifest::{self, SecretValue};
use deployer_core::plan::{Operation, Plan, invariants, plan};
use deployer_core::snapshot::Snapshot;
use deployer_hubspot::HubSpotClient;
use deployer_hubspot::observe_portal;
use deployer_reconcile::apply::{self, ApplyEvent, ApplyInputs, ApplyOptions, ApplyOutcome};
use tokio_util::sync::CancellationToken;

pub use crate::fixtures::venue_tables;

/// A manifest with two venues, `a` active and `b` paused, in this deployment.
pub fn two_venue_manifest(deployment: &str) -> String {
    format!(
        "[deployment]\nname = \"{deployment}\"\nregion = \"us-east-1\"\n\n{}{}",
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
    hubspot: Option<Arc<HubSpotClient>>,
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
        let scope = Scope { account, region: "us-east-1".to_owned() };
        Self { aws, scope, artifact, secret: secret.to_owned(), delays: true, hubspot: None }
    }

    /// Retries without delay, for the embedded cloud, where nothing takes time.
    pub fn without_delays(self) -> Self {
        Self { delays: false, ..self }
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
            venues: Vec::new(),
            canary: None,
            recovery_window_days: Some(30),
            archive_properties: false,
        }
    }

    pub async fn observe(&self, desired: &Desired) -> Snapshot {
        let snapshot = observe(&self.aws, &self.scope, &desired.deployment, &desired.deployed_venues()).await;
        match &self.hubspot {
            Some(hubspot) => Snapshot { portal: observe_portal(hubspot).await, ..snapshot },
            None => snapshot,
        }
    }

    /// Observes and plans, and checks the plan's invariants.
    pub async fn plan(&self, desired: &Desired) -> Plan {
        let snapshot = self.observe(desired).await;
        let plan = plan(desired, &snapshot, &[]);
        assert_eq!(invariants::find_violations(&plan, desired, &snapshot), Vec::<String>::new());
        plan
    }

    /// Plans from lists only, and checks the plan's invariants.
    pub async fn plan_from_lists(&self, desired: &Desired) -> Plan {
        let snapshot = observe_lists(&self.aws, &self.scope, &desired.deployment, &desired.deployed_venues()).await;
        let plan = plan(desired, &snapshot, &[]);
        assert_eq!(invariants::find_violations(&plan, desired, &snapshot), Vec::<String>::new());
        plan
    }

    /// Plans and executes the plan.
    pub async fn apply(&self, desired: &Desired) -> ApplyOutcome {
        let plan = self.plan(desired).await;
        self.execute_plan(&plan).await.0
    }

    pub async fn execute_plan(&self, plan: &Plan) -> (ApplyOutcome, Vec<ApplyEvent>) {
        let secrets: BTreeMap<String, SecretValue> = plan
            .changes
            .iter()
            .flat_map(|change| &change.operations)
            .filter_map(|operation| match operation {
                Operation::CreateSecret { secret } => Some(secret.name.clone()),
                _ => None,
            })
            .map(|name| (name, SecretValue::new(self.secret.as_str()).expect("a value")))
            .collect();
        let zip: Bytes = self.artifact.bootstrap_zip.clone();
        let inputs = ApplyInputs {
            artifacts: [(self.artifact.code_sha256.clone(), zip)].into(),
            secrets,
            hubspot: self.hubspot.clone(),
        };
        let options =
            ApplyOptions { rate_limited: false, delays: self.delays, canary: false, ..ApplyOptions::default() };
        let events = Mutex::new(Vec::new());
        let on_event = |event| events.lock().expect("no panic").push(event);
        let outcome = apply::apply(&self.aws, plan, &inputs, &options, &CancellationToken::new(), &on_event).await;
        (outcome, events.into_inner().expect("no panic"))
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

/// `venue/kind action` for each change.
pub fn describe_actions(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| format!("{} {:?}", change.address, change.action)).collect()
}
