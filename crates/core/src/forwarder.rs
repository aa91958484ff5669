//! The function that works for all venues: it forwards the messages of the alarms to chats, and sends the digest when its rule
//! fires. It is a stack of the same resources as a venue's, so that everything that plans, applies, compares and removes a venue
//! does so with it: a role that may read its own secret and write its own log, a secret if there are webhooks, a log group, the
//! function, which runs the same code in another mode, its alias, which the topic may invoke for a chat, and a rule, which fires
//! for a digest and is disabled without one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sync_config::chat::{ChatKind, ENV_FORWARD_CONFIG, ForwardConfig};
use sync_config::config::{DestinationConfig, ENV_SECRET_ARN};
use sync_config::digest::{DigestBlocker, DigestConfig};

use crate::alarms::{alarm_topic_arn, derive_alarms};
use crate::desired::{DesiredVenue, RunStarts, desired_stack, shared_tags};
use crate::manifest::{DigestSchedule, Manifest, ReservedConcurrency, ScheduleExpression, Status, Venue};
use crate::naming::{ALIAS, PERMISSION_SID, SHARED_VENUE, TAG_DEPLOYMENT, TAG_REGION, VenueNames};
use crate::resource::{PermissionSpec, SECRET_ARN_PLACEHOLDER};
use crate::scope::Scope;

/// Memory of the function, in MB: Lambda's least.
const MEMORY_MB: u32 = 128;
/// How long it may take, in seconds: two chats that make it wait.
const TIMEOUT_S: u32 = 60;
/// The same if it sends a digest, for which it reads the log of every venue, ten a second: Lambda's most.
const DIGEST_TIMEOUT_S: u32 = 900;
/// How often Lambda runs it again for a message that wasn't delivered: its most.
const RETRIES: u32 = 2;
/// How old a message may be that is still delivered, in seconds: Lambda's most.
const OLDEST_S: u32 = 6 * 3600;
/// The schedule of a rule that doesn't fire.
const NEVER: &str = "rate(1 day)";
/// The longest list of names in the environment, in bytes. Lambda allows 4 KB for all variables; without a name, a chat says
/// what a venue is called in the manifest.
const MAX_NAMES: usize = 2048;
/// The longest configuration with a digest, in bytes: what Lambda allows, without the names of the variables and the secret's
/// ARN.
const MAX_CONFIG: usize = 3584;

/// The function of all venues, if the manifest names a chat or a digest, and a venue is deployed. It is like the function of the
/// first such venue, so that it needs no code and no company's rules of its own.
pub(crate) fn shared_venue(
    manifest: &Manifest,
    scope: &Scope,
    code_sha256: impl Fn(&Venue) -> String,
) -> Option<DesiredVenue> {
    let settings = manifest.alarms.as_ref()?;
    let like = shared_settings(manifest)?;
    let first = manifest.venues.iter().find(|venue| venue.status != Status::Blocked)?;
    let mut stack = desired_stack(manifest, &like, scope, code_sha256(first), RunStarts::default());
    stack.properties.clear();
    stack.function.reserved_concurrency = None;
    let config = shared_config(manifest, scope, settings.chats().collect(), settings.digest.as_ref());
    let secret = stack.secret.iter().map(|_| (ENV_SECRET_ARN.to_owned(), SECRET_ARN_PLACEHOLDER.to_owned()));
    stack.function.configuration.environment =
        secret.chain([(ENV_FORWARD_CONFIG.to_owned(), config_text(&config))]).collect();
    stack.alias.maximum_retry_attempts = RETRIES;
    stack.alias.maximum_event_age_s = OLDEST_S;
    // Without a chat, whatever starts the rule's target stays.
    if !settings.webhooks.is_empty() {
        stack.permission = Some(PermissionSpec {
            function: stack.function.name.clone(),
            qualifier: ALIAS.to_owned(),
            statement_id: PERMISSION_SID.to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            principal: "sns.amazonaws.com".to_owned(),
            source_arn: alarm_topic_arn(manifest, scope),
            source_account: scope.account.clone(),
        });
    }
    if let Some(digest) = &settings.digest {
        // At that time, and not spread as the runs of venues are.
        if let Some(trigger) = stack.trigger.as_rule_mut() {
            trigger.rule.schedule.clone_from(&digest.schedule.expression);
        }
        let statements = digest_statements(scope, &manifest.deployment.name, &alarm_topic_arn(manifest, scope));
        stack.role.policy.add_statements(statements);
    }
    // What belongs to all venues is never protected.
    let shared = |members: &[_]| shared_tags(&manifest.deployment, members);
    stack.role.tags = shared(&stack.role.declared_members());
    stack.role.tags.insert(TAG_REGION.to_owned(), scope.region.clone());
    if let Some(secret) = &mut stack.secret {
        secret.tags = shared(&secret.declared_members());
    }
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

/// What the function of all venues would be as a venue: the first one that is deployed, without everything that is only its own.
/// `None` if there is no such function.
pub fn shared_settings(manifest: &Manifest) -> Option<Venue> {
    let settings = manifest.alarms.as_ref().filter(|alarms| alarms.need_function())?;
    let first = manifest.venues.iter().find(|venue| venue.status != Status::Blocked)?;
    let mut like = Venue {
        name: SHARED_VENUE.to_owned(),
        display_name: "All venues".to_owned(),
        status: if settings.digest.is_some() { Status::Active } else { Status::Paused },
        flag_property: String::new(),
        schedule: match &settings.digest {
            Some(digest) => digest.schedule.clone(),
            None => ScheduleExpression::parse_expression(NEVER).unwrap_or_else(|_| first.schedule.clone()),
        },
        memory_mb: MEMORY_MB,
        timeout_s: if settings.digest.is_some() { DIGEST_TIMEOUT_S } else { TIMEOUT_S },
        // Nothing keeps two messages apart.
        reserved_concurrency: ReservedConcurrency::One,
        secrets: settings.webhooks.clone(),
        tripleseat_base_uri: None,
        destination: DestinationConfig::default(),
        protect: false,
        canary: false,
        tags: manifest.deployment.tags.clone(),
        ..first.clone()
    };
    // Messages are tried again, and what nobody gets isn't kept: the mail has it.
    like.company.dead_letter = None;
    Some(like)
}

/// What a function needs to compose and publish a digest: the runs in the logs of this deployment's venues, which alarms are
/// raised, and the topic. It reads no secret, and nothing in HubSpot.
///
/// The names of other deployments' log groups may begin in the same way, so the tag decides. Composite alarms are only told to
/// whom may read all alarms:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
fn digest_statements(scope: &Scope, deployment: &str, topic: &str) -> [Value; 3] {
    let groups = VenueNames::new(deployment, "*").log_group;
    [
        json!({
            "Sid": "ReadRuns",
            "Effect": "Allow",
            "Action": "logs:FilterLogEvents",
            "Resource": scope.regional_arn("logs", &format!("log-group:{groups}")),
            "Condition": { "StringEquals": { format!("aws:ResourceTag/{TAG_DEPLOYMENT}"): deployment } },
        }),
        json!({ "Sid": "ReadAlarms", "Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "*" }),
        json!({ "Sid": "SendDigest", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic }),
    ]
}

fn config_text(config: &ForwardConfig) -> String {
    serde_json::to_string(config).unwrap_or_default()
}

/// The configuration of the function. What doesn't fit into its environment is counted.
fn shared_config(
    manifest: &Manifest,
    scope: &Scope,
    chats: Vec<ChatKind>,
    digest: Option<&DigestSchedule>,
) -> ForwardConfig {
    let deployment = manifest.deployment.name.clone();
    let mut config = ForwardConfig { deployment, chats, venues: BTreeMap::new(), digest: None };
    let mut left = MAX_NAMES;
    // A digest tells blocked venues apart.
    let named = |venue: &&Venue| digest.is_none() || venue.status != Status::Blocked;
    for venue in manifest.venues.iter().filter(named) {
        let Some(rest) = left.checked_sub(venue.name.len() + venue.display_name.len() + 6) else { break };
        left = rest;
        config.venues.insert(venue.name.clone(), venue.display_name.clone());
    }
    if let Some(digest) = digest {
        config.digest = Some(digest_config(manifest, scope, digest, &config));
        for blocker in blockers(manifest) {
            let Some(digest) = &mut config.digest else { break };
            digest.blocked.push(blocker);
            if config_text(&config).len() > MAX_CONFIG
                && let Some(digest) = &mut config.digest
            {
                digest.blocked.pop();
                digest.more_blocked += 1;
            }
        }
    }
    config
}

fn digest_config(manifest: &Manifest, scope: &Scope, digest: &DigestSchedule, names: &ForwardConfig) -> DigestConfig {
    let deployed = || manifest.venues.iter().filter(|venue| venue.status != Status::Blocked);
    let mut zones = manifest.venues.iter().map(|venue| venue.timezone.clone());
    let first = zones.next().flatten();
    let alarms = derive_alarms(manifest, scope);
    let groups = alarms.iter().flat_map(|alarms| &alarms.groups).filter(|group| group.composite.is_some());
    let watched: BTreeSet<&str> = groups.map(|group| group.venue.as_str()).collect();
    let unwatched = deployed().filter(|venue| venue.status == Status::Active && !watched.contains(venue.name.as_str()));
    DigestConfig {
        topic: alarm_topic_arn(manifest, scope),
        hours: digest.hours,
        timezone: first.filter(|first| zones.all(|zone| zone.as_ref() == Some(first))),
        unwatched: unwatched.map(|venue| venue.name.clone()).collect(),
        unnamed: deployed().filter(|venue| !names.venues.contains_key(&venue.name)).count() as u64,
        blocked: Vec::new(),
        more_blocked: 0,
    }
}

/// What blocked venues wait for, with the owners. Nobody's data but what the manifest says.
fn blockers(manifest: &Manifest) -> impl Iterator<Item = DigestBlocker> {
    let blocked = manifest.venues.iter().filter(|venue| venue.status == Status::Blocked);
    blocked.map(DigestBlocker::from)
}

impl From<&Venue> for DigestBlocker {
    fn from(venue: &Venue) -> Self {
        let blocker = venue.blocker.as_ref();
        Self {
            display_name: venue.display_name.clone(),
            reason: blocker.map_or_else(String::new, |blocker| blocker.reason.clone()),
            owner: blocker.and_then(|blocker| blocker.owner.clone()),
            next_step: blocker.and_then(|blocker| blocker.next_step.clone()),
            since: blocker.and_then(|blocker| blocker.since.clone()),
        }
    }
}
