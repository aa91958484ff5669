//! The policies are minimal: without an action of a statement, a call that a command really makes is denied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deployer_core::isolation::policy::Policy;
use deployer_core::permissions::{PolicyCommand, PolicyPlace, build_policies};
use serde_json::{Value, json};

use super::evidence;
use super::record::{NeededPermission, command_policies, is_allowed, usual_place};

/// One action of one statement, by its `Sid`.
type Grant = (String, String);

/// A statement alone.
struct SingleStatement {
    sid: String,
    actions: Vec<String>,
    policy: Policy,
}

/// Each of the policy's statements alone.
fn single_statements(place: &PolicyPlace, command: PolicyCommand) -> Vec<SingleStatement> {
    let documents = build_policies(place, &[command]).into_iter();
    let all = documents.flat_map(|document| document.json["Statement"].as_array().cloned().unwrap_or_default());
    all.map(|statement| {
        let actions = match &statement["Action"] {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
            one => one.as_str().map(ToOwned::to_owned).into_iter().collect(),
        };
        let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
        let policy = Policy::parse_document(&sid, &json!({ "Statement": [statement] })).expect("a policy");
        SingleStatement { sid, actions, policy }
    })
    .collect()
}

fn all_grants(command: PolicyCommand) -> BTreeSet<Grant> {
    let statements = single_statements(&usual_place(), command).into_iter();
    statements
        .flat_map(|SingleStatement { sid, actions, .. }| actions.into_iter().map(move |action| (sid.clone(), action)))
        .collect()
}

/// For each command, the grants that a recorded call needs.
fn needed_grants(needs: Vec<NeededPermission>) -> BTreeMap<PolicyCommand, BTreeSet<Grant>> {
    // Most calls are made many times.
    let mut by_policy: Vec<(PolicyPlace, PolicyCommand, BTreeSet<_>)> = Vec::new();
    for NeededPermission { place, command, need } in needs {
        match by_policy.iter_mut().find(|(of, name, _)| (&*of, *name) == (&place, command)) {
            Some((.., known)) => drop(known.insert(need)),
            None => by_policy.push((place, command, BTreeSet::from([need]))),
        }
    }
    let mut needed: BTreeMap<PolicyCommand, BTreeSet<Grant>> = BTreeMap::new();
    let mut denied = Vec::new();
    for (place, command, needs) in by_policy {
        let (statements, whole) = (single_statements(&place, command), command_policies(&place, &[command]));
        let grants = needed.entry(command).or_default();
        for need in needs {
            if !is_allowed(&whole, &need) {
                denied.push(format!("{command}: {need:?}"));
            }
            let mut allowing = statements.iter().filter(|one| is_allowed(std::slice::from_ref(&one.policy), &need));
            if let (Some(one), None) = (allowing.next(), allowing.next()) {
                grants.insert((one.sid.clone(), need.action));
            }
        }
    }
    assert_eq!(denied, [""; 0], "not allowed");
    needed
}

/// What a command's policy has that no command does which it includes.
fn own_grants(command: PolicyCommand) -> BTreeSet<Grant> {
    let included: BTreeSet<Grant> = command.included_commands().iter().flat_map(|part| all_grants(*part)).collect();
    all_grants(command).difference(&included).cloned().collect()
}

/// The commands whose rows are looked at. Both sides of a move are looked at one by one.
fn examined_commands() -> impl Iterator<Item = PolicyCommand> {
    PolicyCommand::ALL.into_iter().filter(|command| *command != PolicyCommand::Move).chain(PolicyCommand::MOVES)
}

/// The table of the grants that are needed and that no test can provoke, beside the rows of the policies.
fn read_unprovoked() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/core/src/permissions/unprovoked.md");
    std::fs::read_to_string(path).expect("a table")
}

fn listed_exceptions(table: &str) -> BTreeSet<(PolicyCommand, Grant)> {
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, action, sid, commands, why, _] = cells[..] else { panic!("not a row: {row}") };
        assert!(why.split(' ').count() > 5, "say why: {row}");
        let grant = (sid.to_owned(), action.trim_matches('`').to_owned());
        let found = |name: &str| examined_commands().find(|command| command.name() == name).expect("a command");
        commands.split(", ").map(|name| (found(name), grant.clone())).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn without_any_action_of_a_statement_a_recorded_call_is_denied() {
    let needed = needed_grants(evidence::collect_all());
    let is_needed =
        |command: PolicyCommand, grant: &Grant| needed.get(&command).is_some_and(|grants| grants.contains(grant));
    let all: BTreeSet<(PolicyCommand, Grant)> = examined_commands()
        .flat_map(|command| own_grants(command).into_iter().map(move |grant| (command, grant)))
        .collect();
    let unneeded: BTreeSet<(PolicyCommand, Grant)> =
        all.iter().filter(|(command, grant)| !is_needed(*command, grant)).cloned().collect();
    let listed = listed_exceptions(&read_unprovoked());
    let words = |grants: &BTreeSet<(PolicyCommand, Grant)>, others: &BTreeSet<(PolicyCommand, Grant)>| {
        let missing = grants.difference(others);
        missing.map(|(command, (sid, action))| format!("{command}: {action} of {sid}")).collect::<Vec<_>>()
    };
    assert_eq!(words(&unneeded, &listed), [""; 0], "nothing needs them: remove them, provoke them, or list why not");
    assert_eq!(words(&listed, &unneeded), [""; 0], "they are listed as unprovoked, and are provoked or not there");
    check_page(&all, &unneeded);
}

/// The page that shows the result is up to date. `INSTA_UPDATE=always` writes it.
fn check_page(all: &BTreeSet<(PolicyCommand, Grant)>, unneeded: &BTreeSet<(PolicyCommand, Grant)>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/iam-policy.md");
    let page = render_page(all, unneeded);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &page).expect("it is written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/iam-policy.md is out of date: run this test with INSTA_UPDATE=always");
}

const PAGE: &str = "# What each permission is for\n\n\
    `deployer iam-policy --for COMMAND` prints the statements of a command's policy. These are all of them. For each action, the\n\
    commands are listed that make a call which AWS would deny without it: a test runs them, records what AWS would ask IAM about\n\
    each call, and evaluates the policy without the action. It also writes this page.\n\n\
    `move` has one policy in each place: what `destroy` needs in the former one, what `apply` needs in the new one, and what is\n\
    listed for `move` here.\n";

fn render_page(all: &BTreeSet<(PolicyCommand, Grant)>, unneeded: &BTreeSet<(PolicyCommand, Grant)>) -> String {
    let mut statements: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for (command, (sid, action)) in all.difference(unneeded) {
        let names = statements.entry(sid).or_default().entry(action).or_default();
        if names.last() != Some(&command.name()) {
            names.push(command.name());
        }
    }
    let mut page = PAGE.to_owned();
    for (sid, actions) in statements {
        page.push_str(&format!("\n## {sid}\n\n| action | needed by |\n| --- | --- |\n"));
        for (action, commands) in actions {
            page.push_str(&format!("| `{action}` | {} |\n", commands.join(", ")));
        }
    }
    page.push_str(&format!("\n## What the test can't provoke\n\n{}", read_unprovoked()));
    page
}
