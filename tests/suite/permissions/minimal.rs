//! Nothing in a policy can be left out: without any of its statements, and without any action of a statement, a call that a
//! command really makes is denied.

use std::collections::{BTreeMap, BTreeSet};

use deployer_cloud::RequestedAction;
use deployer_core::isolation::policy::Policy;
use deployer_core::permissions::{PolicyCommand, PolicyPlace, build_policies};
use serde_json::{Value, json};

use super::evidence;
use super::record::{command_policies, is_allowed, usual_place};

/// Actions of which no call can be provoked here: commands, action, why.
const NOT_PROVOKED: &[(&[PolicyCommand], &str, &str)] = &[];

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

#[test]
fn nothing_can_be_left_out_of_a_policy() {
    let mut by_command: BTreeMap<Vec<PolicyCommand>, BTreeSet<RequestedAction>> = BTreeMap::new();
    for (commands, need) in evidence::collect_all() {
        by_command.entry(commands).or_default().insert(need);
    }
    let mut wrong = Vec::new();
    for command in PolicyCommand::ALL {
        assert!(by_command.keys().any(|commands| commands.contains(&command)), "there is no call of {command}");
    }
    let mut grants = 0;
    for (commands, needs) in &by_command {
        let (unneeded, denied) = unneeded_grants(commands, needs);
        wrong.extend(denied);
        grants +=
            single_statements(&usual_place(), commands).iter().map(|(_, actions, _)| actions.len()).sum::<usize>();
        let known = |action: &str| NOT_PROVOKED.iter().any(|(of, name, _)| *of == commands && *name == action);
        wrong.extend(
            unneeded
                .iter()
                .filter(|(_, action)| !known(action))
                .map(|grant| format!("{commands:?} {grant:?} isn't needed")),
        );
        let closed = NOT_PROVOKED
            .iter()
            .filter(|(of, name, _)| of == commands && !unneeded.iter().any(|(_, action)| action == name));
        wrong.extend(closed.map(|(_, name, _)| format!("{commands:?} {name} is provoked: remove it from the list")));
    }
    println!(
        "{grants} grants in {} policies, {} distinct needs; {} not provoked",
        by_command.len(),
        by_command.values().map(BTreeSet::len).sum::<usize>(),
        NOT_PROVOKED.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
