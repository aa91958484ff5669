//! What of a plan is shown in full, and what is folded: new venues become rows of a table, and venues with the same
//! changes are shown once.

use std::fmt::Write;

use deployer_core::plan::{Action, Change, Plan};
use deployer_core::resource::ResourceKind;
use serde_json::Value;

use super::words;

/// How much of a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanDetail {
    /// What a person needs to decide: new venues as counts, policies as sentences, equal changes once.
    Folded,
    /// Every attribute of every change, as it is (`--verbose`).
    Full,
}

/// From how many venues on the table has a row for all others together.
const MOST_ROWS: usize = 12;
/// How many venues are named that have the same changes as one that is shown.
const MOST_NAMED: usize = 8;

/// The changes of one venue, or of several with the same ones.
pub(super) struct ShownVenue<'p> {
    pub(super) venue: &'p str,
    pub(super) changes: &'p [Change],
    /// Other venues that have the same changes.
    pub(super) same: Vec<&'p str>,
}

/// What a plan's text consists of.
pub(super) struct FoldedPlan<'p> {
    /// The table of what changes where, if there is more than one venue.
    pub(super) table: Option<String>,
    /// Those shown one by one.
    pub(super) venues: Vec<ShownVenue<'p>>,
    /// How many venues are rows of the table and nothing else.
    pub(super) folded: usize,
}

/// Decides what is shown of a plan.
pub(super) fn fold_plan(plan: &Plan, detail: PlanDetail) -> FoldedPlan<'_> {
    let all: Vec<(&str, &[Change])> = words::by_venue(plan).collect();
    let table = (all.len() > 1).then(|| table_text(&all));
    let new = all.iter().filter(|(_, changes)| is_new_venue(changes)).count();
    // One new venue is what its reader asked about; many are all alike.
    let folds_new = detail == PlanDetail::Folded && new > 1;
    let mut venues: Vec<ShownVenue<'_>> = Vec::new();
    for (venue, changes) in &all {
        if folds_new && is_new_venue(changes) {
            continue;
        }
        let twin =
            venues.iter_mut().find(|shown| detail == PlanDetail::Folded && have_same_changes(shown.changes, changes));
        match twin {
            Some(twin) => twin.same.push(venue),
            None => venues.push(ShownVenue { venue, changes, same: Vec::new() }),
        }
    }
    FoldedPlan { table, venues, folded: if folds_new { new } else { 0 } }
}

/// `The same in b, c and 95 more venues.`
pub(super) fn same_venues_text(same: &[&str]) -> String {
    let named = same[..same.len().min(MOST_NAMED)].join(", ");
    match same.len().saturating_sub(MOST_NAMED) {
        0 => format!("The same in {named}."),
        1 => format!("The same in {named} and 1 more venue."),
        more => format!("The same in {named} and {more} more venues."),
    }
}

/// Whether all of a venue is created.
fn is_new_venue(changes: &[Change]) -> bool {
    let creates = |change: &Change| matches!(change.action, Action::Create | Action::Restore);
    changes.iter().all(creates) && changes.iter().any(|change| change.address.kind == ResourceKind::Function)
}

/// Whether two venues change in the same way: the same actions for the same reasons, and the same values. The number of a
/// version that is replaced is each function's own.
fn have_same_changes(one: &[Change], other: &[Change]) -> bool {
    let is_alike = |(one, other): (&Change, &Change)| {
        let attributes = one.attributes.iter().zip(&other.attributes).all(|(one, other)| {
            one.path == other.path && one.after == other.after && (one.before == other.before || one.path == "version")
        });
        (one.address.kind, one.action, &one.reason) == (other.address.kind, other.action, &other.reason)
            && one.attributes.len() == other.attributes.len()
            && attributes
    };
    // Where nothing is compared, nothing is known to be the same.
    let compares = one.iter().all(|change| change.action == Action::Update);
    compares && one.len() == other.len() && one.iter().zip(other).all(is_alike)
}

/// How many resources of a venue are created, changed, replaced and deleted.
fn count_actions(changes: &[Change]) -> [usize; 4] {
    let count = |actions: &[Action]| changes.iter().filter(|change| actions.contains(&change.action)).count();
    [
        count(&[Action::Create, Action::Restore]),
        count(&[Action::Update]),
        count(&[Action::Replace]),
        count(&[Action::Delete]),
    ]
}

/// The venues with the numbers of their changes. Of many with the same numbers, the first ones are rows.
fn table_text(all: &[(&str, &[Change])]) -> String {
    let counted: Vec<(&str, [usize; 4])> =
        all.iter().map(|(venue, changes)| (*venue, count_actions(changes))).collect();
    let mut rows: Vec<(String, [usize; 4], bool)> = Vec::new();
    let mut more: Vec<([usize; 4], usize)> = Vec::new();
    for (venue, counts) in &counted {
        match more.iter_mut().find(|(known, _)| known == counts) {
            _ if counted.len() <= MOST_ROWS || rows.len() < MOST_ROWS - 2 => {
                rows.push(((*venue).to_owned(), *counts, false))
            }
            Some((_, number)) => *number += 1,
            None => more.push((*counts, 1)),
        }
    }
    for (counts, number) in more {
        let venues = if number == 1 { "1 more venue".to_owned() } else { format!("{number} more venues, each") };
        rows.push((venues, counts, true));
    }
    let titles = ["create", "change", "replace", "delete"];
    let used: Vec<usize> = (0..4).filter(|column| counted.iter().any(|(_, counts)| counts[*column] > 0)).collect();
    let width = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default().max("venue".len());
    let mut out = format!("  {:width$}", "venue");
    used.iter().for_each(|column| {
        let _ = write!(out, "  {:>7}", titles[*column]);
    });
    out.push('\n');
    for (name, counts, _) in rows {
        let _ = write!(out, "  {name:width$}");
        for column in &used {
            let number = if counts[*column] == 0 { "-".to_owned() } else { counts[*column].to_string() };
            let _ = write!(out, "  {number:>7}");
        }
        out.push('\n');
    }
    out
}

/// A policy as sentences, one for each statement: what may be done with what. `None` if it isn't one.
pub(super) fn policy_sentences(policy: &Value) -> Option<Vec<String>> {
    let statements = match policy.get("Statement")? {
        Value::Array(statements) => statements.iter().collect(),
        single => vec![single],
    };
    statements.into_iter().map(statement_sentence).collect()
}

/// What calls are together, in words. What isn't here is shown by its name.
const DEEDS: &[(&[&str], &str)] = &[
    (&["secretsmanager:GetSecretValue"], "read"),
    (&["secretsmanager:PutSecretValue"], "store new values in"),
    (&["logs:CreateLogStream", "logs:PutLogEvents"], "write to"),
    (&["kms:Decrypt"], "decrypt with"),
    (&["kms:Decrypt", "kms:GenerateDataKey"], "encrypt and decrypt with"),
    (&["sqs:SendMessage"], "send messages to"),
    (&["sns:Publish"], "publish to"),
    (&["sts:AssumeRole"], "assume this role"),
    (&["lambda:InvokeFunction"], "invoke"),
];

fn statement_sentence(statement: &Value) -> Option<String> {
    // What isn't understood isn't put in words.
    let known = ["Sid", "Effect", "Action", "Resource", "Condition", "Principal"];
    if statement.as_object()?.keys().any(|key| !known.contains(&key.as_str())) {
        return None;
    }
    let verb = match statement.get("Effect")?.as_str()? {
        "Allow" => "may",
        "Deny" => "may not",
        _ => return None,
    };
    let who = match statement.get("Principal") {
        None => String::new(),
        Some(Value::Object(principal)) => {
            let of = principal.values().map(list_texts).collect::<Option<Vec<_>>>()?.concat();
            format!("{} ", of.join(", "))
        }
        Some(Value::String(all)) => format!("{all} "),
        Some(_) => return None,
    };
    let actions = list_texts(statement.get("Action")?)?;
    let deed = DEEDS.iter().find(|(calls, _)| *calls == actions).map(|(_, deed)| (*deed).to_owned());
    let deed = deed.unwrap_or_else(|| format!("call {} on", actions.join(", ")));
    let what = match statement.get("Resource") {
        None => String::new(),
        Some(resource) => {
            let named: Vec<String> = list_texts(resource)?.iter().map(|arn| name_resource(arn)).collect();
            format!(" {}", named.join(", "))
        }
    };
    Some(format!("{who}{verb} {deed}{what}{}", condition_text(statement.get("Condition"))?))
}

fn condition_text(condition: Option<&Value>) -> Option<String> {
    let Some(condition) = condition else { return Some(String::new()) };
    let mut parts = Vec::new();
    for (operator, keys) in condition.as_object()? {
        let is = match operator.as_str() {
            "StringEquals" | "ArnEquals" => "is",
            "StringLike" | "ArnLike" => "is like",
            "Null" => "",
            _ => return None,
        };
        for (key, values) in keys.as_object()? {
            if is.is_empty() {
                let absent = list_texts(values)? == ["true"];
                parts.push(format!("{key} is {}", if absent { "absent" } else { "there" }));
                continue;
            }
            parts.push(format!("{key} {is} {}", list_texts(values)?.join(" or ")));
        }
    }
    Some(format!(", if {}", parts.join(" and ")))
}

/// One text, or a list of them.
fn list_texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(texts) => texts.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// What an ARN names, as people call it; what isn't known here keeps its ARN.
fn name_resource(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, last) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    let named = match service {
        // The end stands for the six characters that Secrets Manager adds.
        "secretsmanager" => {
            last.strip_prefix("secret:").and_then(|name| name.strip_suffix("-??????")).map(|name| ("secret", name))
        }
        "logs" => {
            last.strip_prefix("log-group:").and_then(|name| name.strip_suffix(":*")).map(|name| ("log group", name))
        }
        "lambda" => last.strip_prefix("function:").map(|name| ("function", name)),
        _ => None,
    };
    match named.filter(|(_, name)| !name.contains(['*', '?'])) {
        Some((kind, name)) => format!("{kind} {name}"),
        None if arn == "*" => "everything".to_owned(),
        None => arn.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_become_sentences() {
        let statement =
            |action: Value, resource: &str| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        for (policy, expected) in [
            (
                statement(
                    json!("secretsmanager:GetSecretValue"),
                    "arn:aws:secretsmanager:eu-west-1:1:secret:sync/a-??????",
                ),
                "may read secret sync/a",
            ),
            (
                statement(json!("secretsmanager:GetSecretValue"), "arn:aws:secretsmanager:eu-west-1:1:secret:*-??????"),
                "may read arn:aws:secretsmanager:eu-west-1:1:secret:*-??????",
            ),
            (
                statement(
                    json!(["logs:CreateLogStream", "logs:PutLogEvents"]),
                    "arn:aws:logs:eu-west-1:1:log-group:/aws/x:*",
                ),
                "may write to log group /aws/x",
            ),
            (
                statement(json!(["s3:GetObject", "s3:PutObject"]), "*"),
                "may call s3:GetObject, s3:PutObject on everything",
            ),
            (
                json!({ "Effect": "Deny", "Action": "ec2:*", "Resource": "*",
                        "Condition": { "ArnEquals": { "lambda:SourceFunctionArn": "arn:f" } } }),
                "may not call ec2:* on everything, if lambda:SourceFunctionArn is arn:f",
            ),
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "lambda.amazonaws.com" } }),
                "lambda.amazonaws.com may assume this role",
            ),
        ] {
            assert_eq!(policy_sentences(&json!({ "Statement": [policy] })), Some(vec![expected.to_owned()]));
        }
        // What isn't understood stays JSON.
        for policy in [
            json!("text"),
            json!({ "Statement": [{ "Effect": "Allow", "NotAction": "*", "Resource": "*" }] }),
            json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "Bool": { "a": "b" } } }] }),
        ] {
            assert_eq!(policy_sentences(&policy), None);
        }
    }
}
