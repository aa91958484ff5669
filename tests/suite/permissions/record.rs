//! What commands need to be allowed, held against the policies that `deployer iam-policy` prints for them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use deployer_cloud::{AuthorizedCall, RequestedAction};
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, surely_allows};
use deployer_core::manifest;
use deployer_core::naming::{DEFAULT_ROLE_PATH, RolePlace};
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
        let place = match manifest::load_manifest(&path) {
            Ok(loaded) => {
                let deployment = loaded.manifest.deployment;
                PolicyPlace { scope: Scope::of_region("*", &deployment.region), roles: deployment.role_place() }
            }
            // An audit needs no manifest.
            Err(_) => usual_place(),
        };
        let mut places = self.places.lock().expect("no panic");
        places.push(place);
        format!("{KEY_START}{command}.{}", places.len() - 1)
    }

    /// Keeps what commands of another site needed.
    pub fn keep_needs(&self, needs: Vec<NeededPermission>) {
        self.kept.lock().expect("no panic").extend(needs);
    }

    /// What each call needed, by the command that made it and its deployment.
    fn sort_calls(&self, calls: Vec<AuthorizedCall>) -> Vec<(PolicyPlace, NeededPermission)> {
        let places = self.places.lock().expect("no panic");
        let of_key = |key: &str| {
            let (name, place) = key.strip_prefix(KEY_START)?.split_once('.')?;
            let command = PolicyCommand::ALL.into_iter().find(|command| command.name() == name)?;
            Some((places[place.parse::<usize>().ok()?].clone(), command))
        };
        let sorted = calls.into_iter().filter_map(|call| Some((of_key(&call.access_key)?, call.needs)));
        sorted
            .flat_map(|((place, command), needs)| needs.into_iter().map(move |need| (place.clone(), (command, need))))
            .collect()
    }

    /// What these calls needed, and what was kept.
    pub fn take_needs(&self, calls: Vec<AuthorizedCall>) -> Vec<NeededPermission> {
        let mut needs = std::mem::take(&mut *self.kept.lock().expect("no panic"));
        needs.extend(self.sort_calls(calls).into_iter().map(|(_, need)| need));
        needs
    }

    /// Asserts that each call is allowed by the policy of the command that made it.
    pub fn check_calls(&self, calls: Vec<AuthorizedCall>) {
        let mut policies: Vec<(PolicyPlace, PolicyCommand, Vec<Policy>)> = Vec::new();
        let mut denied = BTreeSet::new();
        for (place, (command, need)) in self.sort_calls(calls) {
            let known = policies.iter().position(|(of, name, _)| (of, *name) == (&place, command));
            let at = known.unwrap_or_else(|| {
                let all = command_policies(&place, &[command]);
                policies.push((place.clone(), command, all));
                policies.len() - 1
            });
            if !is_allowed(&policies[at].2, &need) {
                denied.insert((command, need));
            }
        }
        assert!(denied.is_empty(), "their `deployer iam-policy --for COMMAND` doesn't allow: {denied:#?}");
    }
}

/// The deployment of most tests.
pub fn usual_place() -> PolicyPlace {
    let roles = RolePlace::new("sync", "us-east-1", DEFAULT_ROLE_PATH);
    PolicyPlace { scope: Scope::of_region("*", "us-east-1"), roles }
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
