//! How much of each policy is needed: without an action of a statement that is, a call that a command really makes is denied.

use std::collections::{BTreeMap, BTreeSet};

use deployer_cloud::RequestedAction;
use deployer_core::isolation::policy::Policy;
use deployer_core::permissions::{PolicyCommand, PolicyPlace, build_policies};
use serde_json::{Value, json};

use super::evidence;
use super::record::{command_policies, is_allowed, usual_place};

/// One action of one statement: its `Sid`.
type Grant = (String, String);

/// A statement alone, for each of the policy's statements.
fn single_statements(place: &PolicyPlace, commands: &[PolicyCommand]) -> Vec<(String, Vec<String>, Policy)> {
    let documents = build_policies(place, commands).into_iter();
    let all = documents.flat_map(|document| document.json["Statement"].as_array().cloned().unwrap_or_default());
    all.map(|statement| {
        let actions = match &statement["Action"] {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
            one => one.as_str().map(ToOwned::to_owned).into_iter().collect(),
        };
        let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
        let policy = Policy::parse_document(&sid, &json!({ "Statement": [statement] })).expect("a policy");
        (sid, actions, policy)
    })
    .collect()
}

/// The grants that no recorded call needs, and the calls that aren't allowed.
fn unneeded_grants(commands: &[PolicyCommand], needs: &BTreeSet<RequestedAction>) -> (Vec<Grant>, Vec<String>) {
    let place = usual_place();
    let (statements, whole) = (single_statements(&place, commands), command_policies(&place, commands));
    let mut denied = Vec::new();
    let mut essential: BTreeSet<Grant> = BTreeSet::new();
    for need in needs {
        if !is_allowed(&whole, need) {
            denied.push(format!("{commands:?}: {need:?} isn't allowed"));
        }
        let mut allowing = statements.iter().filter(|(.., policy)| is_allowed(std::slice::from_ref(policy), need));
        if let (Some((sid, ..)), None) = (allowing.next(), allowing.next()) {
            essential.insert((sid.clone(), need.action.clone()));
        }
    }
    let grants =
        statements.iter().flat_map(|(sid, actions, _)| actions.iter().map(|action| (sid.clone(), action.clone())));
    (grants.filter(|grant| !essential.contains(grant)).collect(), denied)
}

/// Prints the grants that no call of these runs needs. Without any other grant, a recorded call is denied.
#[test]
#[ignore = "a measurement, which takes minutes"]
fn measures_what_can_be_left_out_of_policies() {
    let mut by_command: BTreeMap<Vec<PolicyCommand>, BTreeSet<RequestedAction>> = BTreeMap::new();
    for (commands, need) in evidence::collect_all() {
        by_command.entry(commands).or_default().insert(need);
    }
    let mut all_denied = Vec::new();
    for (commands, needs) in &by_command {
        let (unneeded, denied) = unneeded_grants(commands, needs);
        let statements = single_statements(&usual_place(), commands);
        let grants: usize = statements.iter().map(|(_, actions, _)| actions.len()).sum();
        let names: Vec<&str> = commands.iter().map(|command| command.name()).collect();
        println!(
            "{}: {} of {grants} grants are needed by {} calls",
            names.join(", "),
            grants - unneeded.len(),
            needs.len()
        );
        for (sid, action) in unneeded {
            println!("  not needed: {action} of {sid}");
        }
        all_denied.extend(denied);
    }
    assert!(all_denied.is_empty(), "{}", all_denied.join("\n"));
}
