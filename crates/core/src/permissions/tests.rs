use std::collections::BTreeSet;

use super::*;
use crate::naming::{DEFAULT_ROLE_PATH, RolePlace};
use crate::scope::Scope;

fn place() -> PolicyPlace {
    let roles = RolePlace::new("sync", "eu-west-1", DEFAULT_ROLE_PATH);
    PolicyPlace { scope: Scope::new("123456789012", "eu-west-1"), roles }
}

fn statements(commands: &[PolicyCommand]) -> Vec<Value> {
    let documents = build_policies(&place(), commands).into_iter();
    documents.flat_map(|document| document.json["Statement"].as_array().cloned().unwrap_or_default()).collect()
}

#[test]
fn no_row_is_there_twice_for_a_command() {
    let rows: Vec<_> = all_actions().collect();
    for (at, row) in rows.iter().enumerate() {
        let same = |other: &&&ActionRow| {
            (other.action, other.target, other.condition) == (row.action, row.target, row.condition)
                && other.commands.iter().any(|command| row.is_taken_by(*command))
        };
        assert_eq!(rows[at + 1..].iter().filter(same).count(), 0, "{row:?}");
        assert!(!row.commands.is_empty(), "nobody takes {row:?}");
    }
}

#[test]
fn every_command_has_a_policy_within_the_limit() {
    for command in PolicyCommand::ALL {
        let documents = build_policies(&place(), &[command]);
        assert!(!documents.is_empty(), "{command}");
        for document in &documents {
            assert!(document.characters <= MAX_POLICY_CHARACTERS, "{command}: {}", document.characters);
        }
    }
    let all = build_policies(&place(), &PolicyCommand::ALL);
    assert!(all.len() > 1 && all.iter().all(|document| document.characters <= MAX_POLICY_CHARACTERS));
}

#[test]
fn statements_have_their_own_words() {
    let all = statements(&PolicyCommand::ALL);
    let names: Vec<&str> = all.iter().filter_map(|statement| statement["Sid"].as_str()).collect();
    assert_eq!(names.len(), all.len());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())), "{names:?}");
}

#[test]
fn resources_and_conditions_are_those_of_the_deployment() {
    let of_apply = statements(&[PolicyCommand::Apply]);
    let find = |sid: &str| of_apply.iter().find(|statement| statement["Sid"] == sid).expect(sid);
    assert_eq!(
        find("PassToVenueRoles"),
        &json!({
            "Sid": "PassToVenueRoles",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "arn:aws:iam::123456789012:role/deployer/sync/*",
            "Condition": { "StringEquals": {
                "iam:PassedToService": ["lambda.amazonaws.com", "scheduler.amazonaws.com", "events.amazonaws.com"],
            } },
        })
    );
    let functions = find("ChangeOwnedFunctions");
    assert_eq!(functions["Resource"], "arn:aws:lambda:eu-west-1:123456789012:function:sync-*");
    assert_eq!(functions["Condition"], json!({ "StringEquals": { "aws:ResourceTag/deployer:deployment": "sync" } }));
    let lock = find("CreateAndTagLocks");
    assert_eq!(lock["Resource"], "arn:aws:logs:eu-west-1:123456789012:log-group:/deployer/sync/lock/*");
    // Whatever changes something is limited to the deployment's resources, by their names. IAM has no names for
    // subscriptions, and for metrics it has a condition.
    let wide = of_apply.iter().filter(|statement| statement["Resource"] == "*");
    assert_eq!(
        wide.map(|statement| &statement["Sid"]).collect::<Vec<_>>(),
        ["ChangeLists", "ReadLists", "WriteMetricsLists"]
    );
    assert_eq!(find("ChangeLists")["Action"], "sns:Unsubscribe");
    assert!(find("WriteMetricsLists")["Condition"].is_object());
    // A plan only reads.
    for statement in statements(&[PolicyCommand::Plan]) {
        assert!(statement["Sid"].as_str().is_some_and(|sid| sid.starts_with("Read")), "{statement}");
    }
}

#[test]
fn calls_are_named_as_iam_names_their_actions() {
    for (call, action) in [
        ("lambda:CreateFunction", "lambda:CreateFunction"),
        ("lambda:Invoke", "lambda:InvokeFunction"),
        ("apigateway:GetRestApis", "apigateway:GET"),
        ("apigateway:ExportApi", "apigateway:GET"),
        ("apigateway:UntagResource", "apigateway:DELETE"),
        ("budgets:DescribeBudgets", "budgets:ViewBudget"),
        ("hubspot:Search", "hubspot:Search"),
    ] {
        assert_eq!(action_of_call(call), action);
    }
}
