//! The function that forwards the messages of the alarms to chats. It belongs to all venues, and is a stack of the same
//! resources as a venue's, so that everything that plans, applies, compares and removes a venue does so with it: a role that
//! may read its own secret and write its own log, a secret with the webhooks, a log group, the function, which runs the same
//! code in another mode, its alias, which the topic may invoke, and a rule, which is disabled.

use sync_config::chat::{ChatKind, ENV_FORWARD_CONFIG, ForwardConfig};
use sync_config::config::{DestinationConfig, ENV_SECRET_ARN};

use crate::alarms::alarm_topic_arn;
use crate::desired::{DesiredVenue, RunStarts, desired_stack, shared_tags};
use crate::manifest::{Manifest, ReservedConcurrency, ScheduleExpression, Status, Venue};
use crate::naming::{ALIAS, PERMISSION_SID, SHARED_VENUE, TAG_REGION};
use crate::resource::{PermissionSpec, SECRET_ARN_PLACEHOLDER, StringMap};
use crate::scope::Scope;

/// Memory of the function, in MB: Lambda's least.
const MEMORY_MB: u32 = 128;
/// How long it may take, in seconds: two chats that make it wait.
const TIMEOUT_S: u32 = 60;
/// How often Lambda runs it again for a message that wasn't delivered: its most.
const RETRIES: u32 = 2;
/// How old a message may be that is still delivered, in seconds: Lambda's most.
const OLDEST_S: u32 = 6 * 3600;
/// The schedule of a rule that doesn't fire.
const NEVER: &str = "rate(1 day)";
/// The longest list of names in the environment, in bytes. Lambda allows 4 KB for all variables; without a name, a chat says
/// what a venue is called in the manifest.
const MAX_NAMES: usize = 2048;

/// The forwarding function, if the manifest names a chat and a venue is deployed. It is like the function of the first such
/// venue, so that it needs no code and no company's rules of its own.
pub(crate) fn forwarding_venue(
    manifest: &Manifest,
    scope: &Scope,
    code_sha256: impl Fn(&Venue) -> String,
) -> Option<DesiredVenue> {
    let settings = manifest.alarms.as_ref().filter(|alarms| !alarms.webhooks.is_empty())?;
    let first = manifest.venues.iter().find(|venue| venue.status != Status::Blocked)?;
    let mut like = Venue {
        name: SHARED_VENUE.to_owned(),
        status: Status::Paused,
        schedule: ScheduleExpression::parse_expression(NEVER).unwrap_or_else(|_| first.schedule.clone()),
        memory_mb: MEMORY_MB,
        timeout_s: TIMEOUT_S,
        // Nothing keeps two messages apart.
        reserved_concurrency: ReservedConcurrency::One,
        secrets: settings.webhooks.clone(),
        destination: DestinationConfig::default(),
        protect: false,
        canary: false,
        tags: manifest.deployment.tags.clone(),
        ..first.clone()
    };
    // Messages are tried again, and what nobody gets isn't kept: the mail has it.
    like.company.dead_letter = None;
    let mut stack = desired_stack(manifest, &like, scope, code_sha256(first), RunStarts::default());
    stack.properties.clear();
    stack.function.reserved_concurrency = None;
    stack.function.configuration.environment = forwarder_environment(manifest, settings.chats().collect());
    stack.alias.maximum_retry_attempts = RETRIES;
    stack.alias.maximum_event_age_s = OLDEST_S;
    stack.permission = Some(PermissionSpec {
        function: stack.function.name.clone(),
        qualifier: ALIAS.to_owned(),
        statement_id: PERMISSION_SID.to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        principal: "sns.amazonaws.com".to_owned(),
        source_arn: alarm_topic_arn(manifest, scope),
        source_account: scope.account.clone(),
    });
    // What belongs to all venues is never protected.
    let shared = |members: &[_]| shared_tags(&manifest.deployment, members);
    stack.role.tags = shared(&stack.role.declared_members());
    stack.role.tags.insert(TAG_REGION.to_owned(), scope.region.clone());
    stack.secret.tags = shared(&stack.secret.declared_members());
    stack.log_group.tags = shared(&stack.log_group.declared_members());
    stack.function.tags = shared(&stack.function.configuration.declared.list_members());
    if let Some(trigger) = stack.trigger.as_rule_mut() {
        trigger.rule.tags = shared(&[]);
    }
    Some(DesiredVenue {
        venue: SHARED_VENUE.to_owned(),
        stack: Some(stack),
        // Neither a reservation nor a lease.
        reserved_concurrency: ReservedConcurrency::Off,
        blocked: None,
    })
}

fn forwarder_environment(manifest: &Manifest, chats: Vec<ChatKind>) -> StringMap {
    let mut config = ForwardConfig { deployment: manifest.deployment.name.clone(), chats, venues: StringMap::new() };
    let mut left = MAX_NAMES;
    for venue in &manifest.venues {
        let Some(rest) = left.checked_sub(venue.name.len() + venue.display_name.len() + 6) else { break };
        left = rest;
        config.venues.insert(venue.name.clone(), venue.display_name.clone());
    }
    let json = serde_json::to_string(&config).unwrap_or_default();
    [(ENV_FORWARD_CONFIG.to_owned(), json), (ENV_SECRET_ARN.to_owned(), SECRET_ARN_PLACEHOLDER.to_owned())].into()
}
