//! Policies from the table: one statement for each kind of resource, access and condition.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ActionCondition, ActionRow, ActionTarget, PolicyCommand, PolicyPlace, all_actions};

/// The most characters of a managed policy, without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const MAX_POLICY_CHARACTERS: usize = 6144;

/// The version of the policy language.
const VERSION: &str = "2012-10-17";

/// A policy that can be pasted.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument {
    /// The document itself.
    pub json: Value,
    /// Its length as IAM counts it.
    pub characters: usize,
}

impl PolicyDocument {
    fn of_statements(statements: &[PlannedStatement]) -> Self {
        let list: Vec<Value> = statements.iter().map(PlannedStatement::to_json).collect();
        let json = json!({ "Version": VERSION, "Statement": list });
        // IAM doesn't count white space, and there is none outside of it in this form.
        let characters = json.to_string().chars().count();
        Self { json, characters }
    }
}

/// A statement of the policy. What it is about comes first, so that statements about the same follow each other.
#[derive(Debug, Clone)]
struct PlannedStatement {
    sid: String,
    actions: BTreeSet<&'static str>,
    resources: BTreeSet<String>,
    condition: Option<Value>,
}

impl PlannedStatement {
    fn to_json(&self) -> Value {
        let mut statement = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": one_or_all(self.actions.iter().map(|action| (*action).to_owned())),
            "Resource": one_or_all(self.resources.iter().cloned()),
        });
        if let Some(condition) = &self.condition {
            statement["Condition"] = condition.clone();
        }
        statement
    }
}

fn one_or_all(texts: impl Iterator<Item = String>) -> Value {
    let mut texts: Vec<Value> = texts.map(Value::from).collect();
    if texts.len() == 1 { texts.remove(0) } else { Value::from(texts) }
}

/// The least policy that lets these commands work on a deployment, in as many documents as IAM's limit needs.
pub fn build_policies(place: &PolicyPlace, commands: &[PolicyCommand]) -> Vec<PolicyDocument> {
    build_policies_for(place, commands, OptionalParts { alarms: true, schedules: true })
}

/// What only some manifests declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionalParts {
    /// Whether there is an `[alarms]`.
    pub alarms: bool,
    /// Whether schedules of EventBridge Scheduler may start runs.
    pub schedules: bool,
}

/// The same for a manifest that may declare no alarms: then whether any are left is read, and nothing else of them. Or no
/// schedules.
pub fn build_policies_for(
    place: &PolicyPlace,
    commands: &[PolicyCommand],
    parts: OptionalParts,
) -> Vec<PolicyDocument> {
    let needed = all_actions().filter(|row| commands.iter().any(|command| row.is_taken_by(*command)));
    let needed = needed.filter(|row| parts.alarms || !row.is_for_alarms());
    let needed = needed.filter(|row| parts.schedules || !row.is_for_schedules());
    let mut documents: Vec<Vec<PlannedStatement>> = Vec::new();
    for statement in plan_statements(place, needed) {
        match documents.last_mut() {
            Some(last) => {
                last.push(statement);
                if PolicyDocument::of_statements(last).characters > MAX_POLICY_CHARACTERS {
                    let begun = last.pop();
                    documents.push(begun.into_iter().collect());
                }
            }
            None => documents.push(vec![statement]),
        }
    }
    documents.iter().map(|statements| PolicyDocument::of_statements(statements)).collect()
}

/// The least policies for a move: for the former place, and for the new one.
pub fn build_move_policies(from: &PolicyPlace, to: &PolicyPlace) -> [Vec<PolicyDocument>; 2] {
    let leaving = match from.scope.account == to.scope.account {
        true => PolicyCommand::MoveWithin,
        false => PolicyCommand::MoveFrom,
    };
    [build_policies(from, &[leaving]), build_policies(to, &[PolicyCommand::MoveTo])]
}

fn plan_statements<'r>(place: &PolicyPlace, rows: impl Iterator<Item = &'r ActionRow>) -> Vec<PlannedStatement> {
    // By what sorts them, and then by their conditions.
    let mut statements: BTreeMap<(usize, &'static str, &'static str), PlannedStatement> = BTreeMap::new();
    for row in rows {
        let noun = row.target.sid_noun();
        let verb = sid_verb(row);
        let statement = statements.entry((sid_order(row.target), noun, verb)).or_insert_with(|| PlannedStatement {
            sid: format!("{verb}{noun}"),
            actions: BTreeSet::new(),
            resources: BTreeSet::new(),
            condition: row.condition.to_json(place),
        });
        statement.actions.insert(row.action);
        statement.resources.extend(row.target.resource_patterns(place));
    }
    statements.into_values().collect()
}

/// Resources of the deployment come first, what concerns the whole account last.
fn sid_order(target: ActionTarget) -> usize {
    match target {
        ActionTarget::Everything(_) => 2,
        ActionTarget::Any | ActionTarget::Roles | ActionTarget::LogGroups | ActionTarget::Rules => 0,
        _ => 1,
    }
}

/// The first word of a `Sid`. One for each condition, so that no statement needs two.
fn sid_verb(row: &ActionRow) -> &'static str {
    match row.condition {
        ActionCondition::None if is_read(row.action) => "Read",
        ActionCondition::None => "Change",
        ActionCondition::Owned => "ChangeOwned",
        ActionCondition::Tagging => "CreateAndTag",
        ActionCondition::TaggingAdopted => "Adopt",
        ActionCondition::PassedToVenue => "PassToVenue",
        ActionCondition::PassedToTriggers => "PassToTriggers",
        ActionCondition::Unowned => "ChangeUnowned",
        ActionCondition::OwnMetrics => "WriteMetrics",
    }
}

/// Whether an action changes nothing.
fn is_read(action: &str) -> bool {
    const READS: [&str; 9] = ["Get", "List", "Describe", "Filter", "Lookup", "Simulate", "View", "GET", "Batch"];
    let operation = action.split_once(':').map_or(action, |(_, operation)| operation);
    READS.iter().any(|verb| operation.starts_with(verb))
}
