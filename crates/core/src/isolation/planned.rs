//! What would exist after an apply: the plan's policy documents, without an account or a network.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{ComparedCredential, SharedDuties, VenueHoldings, VenueSubject, parse_policies};
use super::schedules::scheduled_start;
use crate::desired::Desired;
use crate::forwarder::shared_settings;
use crate::manifest::{Manifest, Venue};
use crate::naming::SHARED_VENUE;
use crate::resource::{DesiredStack, PermissionSpec, PermissionStatement};
use crate::scope::Scope;

/// Six random-looking characters, like those that Secrets Manager appends to a secret's ARN.
const SUFFIX: &str = "Xy7Zq2";

/// The credentials to compare, by venue and by key in the secret.
pub type CredentialsByVenue = BTreeMap<String, BTreeMap<String, ComparedCredential>>;

/// The venues that should have resources, and the function of all venues, if there is one.
pub fn planned_subjects(manifest: &Manifest, desired: &Desired, credentials: &CredentialsByVenue) -> Vec<VenueSubject> {
    let shared = shared_settings(manifest);
    let declared = || manifest.venues.iter().chain(&shared);
    let stacks = desired.venues.iter().filter_map(|venue| Some((venue, venue.stack.as_ref()?)));
    stacks
        .filter_map(|(planned, stack)| {
            let venue = declared().find(|venue| venue.name == planned.venue)?;
            let known = credentials.get(&venue.name).cloned().unwrap_or_default();
            let subject = planned_subject(venue, stack, &desired.scope, known);
            Some(VenueSubject { shared: shared_duties(manifest, &venue.name), ..subject })
        })
        .collect()
}

/// What the function of all venues is there for; `None` for a venue's.
pub fn shared_duties(manifest: &Manifest, name: &str) -> Option<SharedDuties> {
    let alarms = manifest.alarms.as_ref().filter(|_| name == SHARED_VENUE)?;
    Some(SharedDuties { digest: alarms.digest.is_some(), chats: !alarms.webhooks.is_empty() })
}

fn planned_subject(
    venue: &Venue,
    stack: &DesiredStack,
    scope: &Scope,
    credentials: BTreeMap<String, ComparedCredential>,
) -> VenueSubject {
    let name = &venue.name;
    // An alias lets nobody do anything, and nor do contact properties.
    let DesiredStack { role, secret, log_group, function, trigger, permission, alias: _, properties: _ } = stack;
    VenueSubject {
        role_arn: scope.role_arn(&role.path, &role.name),
        role: parse_policies(&format!("the policy of {name}'s role"), &role.policy.to_value()),
        trust: parse_policies(&format!("the trust policy of {name}'s role"), &role.trust.to_value()),
        secret_arn: Ok(secret
            .as_ref()
            .map(|secret| scope.regional_arn("secretsmanager", &format!("secret:{}-{SUFFIX}", secret.name)))),
        // What a boundary allows isn't known here. It could only deny more.
        boundary: Ok(None),
        secret_policy: Ok(Vec::new()),
        secret_key: Ok(None),
        // An apply removes URLs and puts back destinations. A log group that it creates has no subscribers.
        function_urls: Ok(Vec::new()),
        deliveries: Ok(Vec::new()),
        log_group_arn: log_group_arn(scope, &log_group.name),
        function_policy: parse_policies(
            &format!("the policy of {name}'s function"),
            &planned_function_policy(&function.arn, permission.as_ref()),
        ),
        function_arn: function.arn.clone(),
        rule_arn: trigger.as_rule().map(|trigger| trigger.rule.arn.clone()),
        schedule: Ok(trigger.as_schedule().map(|schedule| {
            let group_arn = scope.regional_arn("scheduler", &format!("schedule-group/{}", schedule.group));
            scheduled_start(group_arn, &schedule.target)
        })),
        account: scope.account.clone(),
        holdings: Ok(manifest_holdings(venue, credentials)),
        shared: None,
        venue: name.clone(),
    }
}

pub fn log_group_arn(scope: &Scope, name: &str) -> String {
    scope.regional_arn("logs", &format!("log-group:{name}"))
}

/// What a venue's function works with, according to the manifest.
pub fn manifest_holdings(venue: &Venue, credentials: BTreeMap<String, ComparedCredential>) -> VenueHoldings {
    VenueHoldings {
        flag_property: venue.flag_property.clone(),
        destination: venue.destination.clone(),
        tripleseat_base_uri: venue.tripleseat_base_uri.clone(),
        credentials,
        secret_arn: None,
    }
}

/// The policy that `AddPermission` creates from a statement. Without one, a function has none.
fn planned_function_policy(function_arn: &str, permission: Option<&PermissionSpec>) -> Value {
    let statement = permission.map(|permission| {
        let mut statement = PermissionStatement::of_spec(permission).to_json();
        statement["Resource"] = json!(format!("{function_arn}:{}", permission.qualifier));
        statement
    });
    json!({ "Version": "2012-10-17", "Statement": statement.into_iter().collect::<Vec<_>>() })
}
