//! What commands need to be allowed, held against the policies that `deployer iam-policy` prints for them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use deployer_cloud::{AuthorizedCall, RequestedAction};
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, surely_allows};
use deployer_core::manifest;
use deployer_core::permissions::{PolicyCommand, PolicyPlace, build_policies};
use deployer_core::scope::Scope;

/// What a command needed once.
pub type NeededPermission = (PolicyCommand, RequestedAction);

/// The deployments that commands worked on. The access key of a command says which one, and which command it is.
#[derive(Default)]
pub struct PermissionRecord {
    places: Mutex<Vec<PolicyPlace>>,
    kept: Mutex<Vec<NeededPermission>>,
}

const KEY_START: &str = "id.";

impl PermissionRecord {
    /// The access key for a command with these arguments, in a directory.
    pub fn access_key(&self, directory: &Path, args: &[&str]) -> String {
        let Some(command) = PolicyCommand::ALL.into_iter().find(|command| args.contains(&command.name())) else {
            return "id".to_owned();
        };
        let after = |flag: &str| args.iter().position(|arg| *arg == flag).and_then(|at| args.get(at + 1)).copied();
        let path = directory.join(after("--manifest").or(after("-f")).unwrap_or("venues.toml"));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let place = match manifest::parse_manifest(&text, &path) {
            Ok(loaded) => {
                let deployment = loaded.manifest.deployment;
                PolicyPlace { scope: Scope::of_region("*", &deployment.region), deployment: deployment.name }
            }
            // An audit needs no manifest.
            Err(_) => PolicyPlace { scope: Scope::of_region("*", "us-east-1"), deployment: "sync".to_owned() },
        };
        let mut places = self.places.lock().expect("no panic");
        places.push(place);
        format!("{KEY_START}{command}.{}", places.len() - 1)
    }

    /// Keeps what commands of another site needed.
    pub fn keep_needs(&self, needs: Vec<NeededPermission>) {
        self.kept.lock().expect("no panic").extend(needs);
    }

    /// Asserts that each call is allowed by the policy of the command that made it, and returns what it needed.
    pub fn check_calls(&self, calls: Vec<AuthorizedCall>) -> Vec<NeededPermission> {
        let places = self.places.lock().expect("no panic");
        let mut policies: BTreeMap<String, Vec<Policy>> = BTreeMap::new();
        let mut needed = std::mem::take(&mut *self.kept.lock().expect("no panic"));
        for call in calls {
            let Some((name, place)) = call.access_key.strip_prefix(KEY_START).and_then(|key| key.split_once('.'))
            else {
                continue;
            };
            let command = PolicyCommand::ALL.into_iter().find(|command| command.name() == name).expect("a command");
            let place = &places[place.parse::<usize>().expect("a number")];
            let policies =
                policies.entry(call.access_key.clone()).or_insert_with(|| command_policies(place, &[command]));
            for need in call.needs {
                assert!(
                    is_allowed(policies, &need),
                    "`deployer iam-policy --for {command}` doesn't allow {} on {} ({:?})",
                    need.action,
                    need.resource,
                    need.context
                );
                needed.push((command, need));
            }
        }
        needed
    }
}

/// The policy of commands, as IAM reads it.
pub fn command_policies(place: &PolicyPlace, commands: &[PolicyCommand]) -> Vec<Policy> {
    let documents = build_policies(place, commands).into_iter();
    documents.map(|document| Policy::parse_document("the policy", &document.json).expect("a policy")).collect()
}

/// Whether these policies allow it.
pub fn is_allowed(policies: &[Policy], need: &RequestedAction) -> bool {
    surely_allows(
        policies,
        &PolicyRequest {
            principal: RequestPrincipal::Role("arn:aws:iam::123456789012:role/deploy"),
            action: &need.action,
            resource: &need.resource,
            context: &need.context,
        },
    )
}
