//! The table has a row for every call that the source names. Errors name calls as IAM does, so this covers calls that no test
//! reaches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use deployer_core::permissions::{action_of_call, all_actions};

/// Where the deployer's own calls are.
const CALLERS: [&str; 9] = [
    "crates/aws/src/lock",
    "crates/aws/src/observe",
    "crates/aws/src/ready.rs",
    "crates/core/src/plan/operation",
    "crates/reconcile/src",
    "crates/health/src",
    "crates/janitor/src/audit/read",
    "crates/janitor/src/decommission",
    "src/commands",
];

/// What these files read policies for, and never do.
const OF_OTHERS: [&str; 11] = [
    "kms:Decrypt",
    "kms:Encrypt",
    "lambda:InvokeAsync",
    "lambda:InvokeFunctionUrl",
    "secretsmanager:BatchGetSecretValue",
    "sns:Publish",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "states:StartExecution",
    "states:StartSyncExecution",
];

/// What looks like an action, and is a condition key, needs no permission, or is only asked of servers that aren't AWS.
const NO_ACTIONS: [&str; 4] =
    ["lambda:GetFunctionUrlConfig", "iam:PassedToService", "lambda:FunctionUrlAuthType", "sts:GetCallerIdentity"];

#[test]
fn has_a_row_for_every_call_that_the_source_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut left: Vec<PathBuf> = CALLERS.iter().map(|path| root.join(path)).collect();
    let mut named = BTreeSet::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("source");
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        named.extend(text.split('"').filter(|word| is_action(word)).map(ToOwned::to_owned));
    }
    assert!(named.contains("iam:DetachRolePolicy") && named.contains("ses:ListReceiptRuleSets"), "{named:?}");
    let known: BTreeSet<&str> = all_actions().map(|row| row.action).collect();
    let others: Vec<&str> = OF_OTHERS.into_iter().chain(NO_ACTIONS).collect();
    let unknown: Vec<&str> = named.iter().map(|call| action_of_call(call)).collect::<Vec<_>>();
    let unknown: Vec<&str> =
        unknown.into_iter().filter(|call| !known.contains(call) && !others.contains(call)).collect();
    assert_eq!(unknown, [""; 0], "add them to crates/core/src/permissions");
}

fn is_action(word: &str) -> bool {
    let Some((service, operation)) = word.split_once(':') else { return false };
    !["aws", "env", "hubspot", "file", "cmd"].contains(&service)
        && !service.is_empty()
        && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && operation.starts_with(|first: char| first.is_ascii_uppercase())
        && operation.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
