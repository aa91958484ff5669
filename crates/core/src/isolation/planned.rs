//! What would exist after an apply: the plan's policy documents, without an account or a network.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{Credential, Holdings, Subject, policies};
use crate::desired::{Desired, Scope};
use crate::manifest::{Manifest, Venue};
use crate::resource::{PermissionSpec, Stack};

/// Six random-looking characters, like those that Secrets Manager appends to a secret's ARN.
const SUFFIX: &str = "Xy7Zq2";

/// The credentials to compare, by venue and by key in the secret.
pub type Credentials = BTreeMap<String, BTreeMap<String, Credential>>;

/// The venues that should have resources.
pub fn subjects(manifest: &Manifest, desired: &Desired, credentials: &Credentials) -> Vec<Subject> {
    let stacks = desired.venues.iter().filter_map(|venue| Some((venue, venue.stack.as_ref()?)));
    stacks
        .filter_map(|(planned, stack)| {
            let venue = manifest.venues.iter().find(|venue| venue.name == planned.venue)?;
            Some(subject(venue, stack, &desired.scope, credentials.get(&venue.name).cloned().unwrap_or_default()))
        })
        .collect()
}

fn subject(venue: &Venue, stack: &Stack, scope: &Scope, credentials: BTreeMap<String, Credential>) -> Subject {
    let name = &venue.name;
    Subject {
        role_arn: scope.role_arn(&stack.role.path, &stack.role.name),
        role: policies(&format!("the policy of {name}'s role"), &stack.role.policy),
        trust: policies(&format!("the trust policy of {name}'s role"), &stack.role.trust),
        secret_arn: Ok(scope.arn("secretsmanager", &format!("secret:{}-{SUFFIX}", stack.secret.name))),
        secret_policy: Ok(Vec::new()),
        log_group_arn: log_group_arn(scope, &stack.log_group.name),
        function_policy: policies(
            &format!("the policy of {name}'s function"),
            &function_policy(&stack.function.arn, &stack.permission),
        ),
        function_arn: stack.function.arn.clone(),
        rule_arn: stack.rule.arn.clone(),
        account: scope.account.clone(),
        holdings: Ok(holdings(venue, credentials)),
        venue: name.clone(),
    }
}

pub fn log_group_arn(scope: &Scope, name: &str) -> String {
    scope.arn("logs", &format!("log-group:{name}"))
}

/// What a venue's function works with, according to the manifest.
pub fn holdings(venue: &Venue, credentials: BTreeMap<String, Credential>) -> Holdings {
    Holdings {
        flag_property: venue.flag_property.clone(),
        destination: venue.destination.clone(),
        tripleseat_base_uri: venue.tripleseat_base_uri.clone(),
        credentials,
        secret_arn: None,
    }
}

/// The policy that `AddPermission` creates from a statement.
fn function_policy(function_arn: &str, permission: &PermissionSpec) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": permission.statement_id,
            "Effect": "Allow",
            "Principal": { "Service": permission.principal },
            "Action": permission.action,
            "Resource": format!("{function_arn}:{}", permission.qualifier),
            "Condition": { "ArnLike": { "AWS:SourceArn": permission.source_arn } },
        }],
    })
}
