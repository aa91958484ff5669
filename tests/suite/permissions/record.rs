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

/// What a command needed once, and for which deployment.
#[derive(Debug, Clone)]
pub struct NeededPermission {
    pub place: PolicyPlace,
    pub command: PolicyCommand,
    pub need: RequestedAction,
}

/// What the credentials of a run may do: a move within an account has the policies of both places.
type RunPolicies = Vec<(PolicyPlace, PolicyCommand)>;

/// The commands that ran. The access key of a command says which one it is.
#[derive(Default)]
pub struct PermissionRecord {
    runs: Mutex<Vec<RunPolicies>>,
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
        self.add_run(match (command, after("--to-region")) {
            (PolicyCommand::Move, None) => vec![(place, PolicyCommand::MoveFrom)],
            (PolicyCommand::Move, Some(to)) => {
                let from = after("--from-region").unwrap_or(match place.scope.region == to {
                    false => &place.scope.region,
                    // The manifest is edited: the tests move between these two.
                    true if to == "eu-west-1" => "us-east-1",
                    true => "eu-west-1",
                });
                let at = |region: &str| PolicyPlace {
                    scope: Scope::of_region("*", region),
                    roles: RolePlace { region: region.to_owned(), ..place.roles.clone() },
                };
                vec![(at(from), PolicyCommand::MoveWithin), (at(to), PolicyCommand::MoveTo)]
            }
            _ => vec![(place, command)],
        })
    }

    /// The access key for a run with these policies.
    pub fn add_run(&self, policies: RunPolicies) -> String {
        let mut runs = self.runs.lock().expect("no panic");
        runs.push(policies);
        format!("{KEY_START}{}", runs.len() - 1)
    }

    /// What each call needed, by the command that made it and its deployment.
    pub fn sort_calls(&self, calls: Vec<AuthorizedCall>) -> Vec<NeededPermission> {
        let runs = self.runs.lock().expect("no panic");
        let mut known = KnownPolicies::default();
        let mut sorted = Vec::new();
        for call in calls {
            let number = call.access_key.strip_prefix(KEY_START).and_then(|number| number.parse::<usize>().ok());
            let Some(run) = number.map(|number| &runs[number]) else { continue };
            for need in call.needs {
                let mut allowing = run.iter().filter(|_| run.len() > 1);
                let found = allowing.find(|(place, command)| known.allow(place, *command, &need));
                let (place, command) = found.unwrap_or(&run[0]);
                sorted.push(NeededPermission { place: place.clone(), command: *command, need });
            }
        }
        sorted
    }

    /// Asserts that each call is allowed by the policy of the command that made it.
    pub fn check_calls(&self, calls: Vec<AuthorizedCall>) {
        let mut known = KnownPolicies::default();
        let mut denied = BTreeSet::new();
        for NeededPermission { place, command, need } in self.sort_calls(calls) {
            if !known.allow(&place, command, &need) {
                denied.insert((command, need));
            }
        }
        assert!(denied.is_empty(), "their `deployer iam-policy --for COMMAND` doesn't allow: {denied:#?}");
    }
}

/// Policies that were parsed before.
#[derive(Default)]
struct KnownPolicies {
    list: Vec<(PolicyPlace, PolicyCommand, Vec<Policy>)>,
}

impl KnownPolicies {
    fn allow(&mut self, place: &PolicyPlace, command: PolicyCommand, need: &RequestedAction) -> bool {
        let known = self.list.iter().position(|(of, name, _)| (of, *name) == (place, command));
        let at = known.unwrap_or_else(|| {
            self.list.push((place.clone(), command, command_policies(place, &[command])));
            self.list.len() - 1
        });
        is_allowed(&self.list[at].2, need)
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
