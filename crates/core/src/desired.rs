//! Turns the manifest and the artifact into the resources that each venue should have.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sync_config::config::{
    DestinationConfig, ENV_FLAG_PROPERTY, ENV_HUBSPOT_BASE_URI, ENV_SECRET_ARN, ENV_SYNC_CONFIG,
    ENV_TRIPLESEAT_BASE_URI, ENV_VENUE, LedgerProperties, SyncConfig,
};

use crate::alarms::derive_alarms;
use crate::concurrency::enable_lease;
use crate::forwarder::shared_venue;
use crate::manifest::{Deployment, Manifest, ReservedConcurrency, Status, Venue};
use crate::naming::{
    ALIAS, RolePlace, SHARED_VENUE, TAG_DEPLOYMENT, TAG_PROTECT, TAG_REGION, TAG_VENUE, TARGET_ID, VenueNames,
    mark_description, mark_place, schedule_group_name,
};
use crate::property;
use crate::resource::alarm::DesiredAlarms;
use crate::resource::declared::{DeclaredItem, DeclaredMember, DeclaredSettings, record_declared};
use crate::resource::{
    AliasSpec, DesiredStack, FunctionConfiguration, FunctionSpec, LogGroupSpec, RoleSpec, RuleSpec, RuleTarget,
    RuleTrigger, SECRET_ARN_PLACEHOLDER, ScheduleGroupSpec, ScheduleSpec, ScheduleTarget, SecretSpec, StringMap,
    TargetSpec, Trigger,
};
use crate::role_policy::{RunStarter, role_policy, rules_have_roles, schedule_group_arn, trust_policy, use_permission};
use crate::scheduled_event::schedule_input;
use crate::scope::Scope;
use crate::spread::{count_starting_together, rule_schedule, schedule_timezone, schedule_window};

/// The runtime that starts a `bootstrap`; its C library is glibc 2.34.
pub const RUNTIME: &str = "provided.al2023";
/// IAM's default for a role's sessions, in seconds.
pub const MAX_SESSION_S: u32 = 3600;
/// Runs of one venue never overlap.
pub(crate) const RESERVED_CONCURRENCY: u32 = 1;
/// A failed run is not retried; the rule's next firing picks up what is left.
const MAXIMUM_RETRY_ATTEMPTS: u32 = 0;
/// The minimum that Lambda and EventBridge accept. A run that can't start within a minute is left to the next firing.
const MAXIMUM_EVENT_AGE_S: u32 = 60;

/// What should exist in an account and a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The deployment, which owns all of it.
    pub deployment: String,
    /// Account and region.
    pub scope: Scope,
    /// What the paths of its roles start with.
    pub role_path: String,
    /// Other deployments that are no reason to refuse: `NAME` or `NAME@REGION`.
    pub may_share_with: Vec<String>,
    /// The venues, in the manifest's order.
    pub venues: Vec<DesiredVenue>,
    /// The venue that gets a new artifact before all others.
    pub canary: Option<String>,
    /// Days in which a deleted secret can be restored; `None` deletes it for good.
    pub recovery_window_days: Option<u32>,
    /// The alarms; `None` if there should be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<DesiredAlarms>,
    /// The group of the schedules; `None` if no venue has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_group: Option<ScheduleGroupSpec>,
    /// Whether to archive the contact properties of venues that are no longer declared. Nothing else removes them.
    pub archive_properties: bool,
    /// Bytes of the largest artifact, if it is known: how much of the quota of code a version takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_bytes: Option<u64>,
}

impl Desired {
    /// Where the deployment's roles are.
    pub fn role_place(&self) -> RolePlace {
        RolePlace::new(&self.deployment, &self.scope.region, &self.role_path)
    }

    /// The venues that should have resources: all except blocked ones.
    pub fn deployed_venues(&self) -> Vec<String> {
        self.venues.iter().filter(|venue| venue.stack.is_some()).map(|venue| venue.venue.clone()).collect()
    }

    /// The venues whose runs a schedule starts, and not a rule.
    pub fn scheduled_venues(&self) -> BTreeSet<String> {
        let has_schedule =
            |venue: &&DesiredVenue| venue.stack.as_ref().is_some_and(|stack| stack.trigger.as_schedule().is_some());
        self.venues.iter().filter(has_schedule).map(|venue| venue.venue.clone()).collect()
    }
}

/// What should exist for one venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredVenue {
    /// The venue's name.
    pub venue: String,
    /// `None` for a blocked venue, which should have nothing.
    pub stack: Option<DesiredStack>,
    /// What keeps its runs from overlapping. For `Auto`, the stack has a reservation, until a plan decides what it gets.
    #[serde(default)]
    pub reserved_concurrency: ReservedConcurrency,
    /// Why a blocked venue is blocked.
    pub blocked: Option<String>,
}

/// Works out what should exist from the manifest. `code_sha256` returns the artifact's hash for a venue's architecture.
pub fn derive_desired(manifest: &Manifest, scope: &Scope, code_sha256: impl Fn(&Venue) -> String) -> Desired {
    let deployment = &manifest.deployment.name;
    let active = manifest.venues.iter().filter(|venue| venue.status == Status::Active);
    let starting_together = count_starting_together(active.map(|venue| &venue.schedule));
    let scheduled = manifest.scheduled_venues();
    let venues = manifest.venues.iter().map(|venue| match venue.status {
        Status::Blocked => DesiredVenue {
            venue: venue.name.clone(),
            stack: None,
            reserved_concurrency: venue.reserved_concurrency,
            blocked: Some(venue.blocker.as_ref().map_or_else(String::new, |blocker| blocker.reason.clone())),
        },
        Status::Active | Status::Paused => DesiredVenue {
            venue: venue.name.clone(),
            stack: Some(desired_stack(
                manifest,
                venue,
                scope,
                code_sha256(venue),
                RunStarts { together: starting_together, by_schedule: scheduled.contains(venue.name.as_str()) },
            )),
            reserved_concurrency: venue.reserved_concurrency,
            blocked: None,
        },
    });
    let shared = shared_venue(manifest, scope, &code_sha256);
    let mut active = manifest.venues.iter().filter(|venue| venue.status == Status::Active);
    let canary = manifest.venues.iter().find(|venue| venue.canary).or_else(|| active.next());
    let canary = canary.map(|venue| venue.name.clone());
    Desired {
        deployment: deployment.clone(),
        scope: scope.clone(),
        role_path: manifest.deployment.role_path.clone(),
        may_share_with: manifest.deployment.may_share_with.clone(),
        venues: shared.into_iter().chain(venues).collect(),
        canary,
        recovery_window_days: Some(manifest.deployment.recovery_window_days),
        alarms: derive_alarms(manifest, scope),
        schedule_group: (!scheduled.is_empty()).then(|| ScheduleGroupSpec {
            name: schedule_group_name(deployment),
            arn: schedule_group_arn(scope, deployment),
            tags: shared_tags(&manifest.deployment, &[]),
        }),
        archive_properties: false,
        code_bytes: None,
    }
}

/// The tags of one of a venue's resources: what makes it ours, and what the manifest declares on it, with its record.
pub(crate) fn resource_tags(deployment: &str, venue: &Venue, members: &[DeclaredMember]) -> StringMap {
    let mut tags = declared_tags(deployment, &venue.name, &venue.tags, members);
    tags.insert(TAG_PROTECT.to_owned(), venue.protect.to_string());
    tags
}

/// The tags of a resource that belongs to all venues.
pub(crate) fn shared_tags(deployment: &Deployment, members: &[DeclaredMember]) -> StringMap {
    declared_tags(&deployment.name, SHARED_VENUE, &deployment.tags, members)
}

fn declared_tags(deployment: &str, venue: &str, declared: &StringMap, members: &[DeclaredMember]) -> StringMap {
    let mut tags = declared.clone();
    let keys = declared.keys().map(|key| DeclaredItem::Tag(key));
    record_declared(&mut tags, keys.chain(members.iter().filter_map(DeclaredMember::record_item)));
    tags.extend([(TAG_DEPLOYMENT.to_owned(), deployment.to_owned()), (TAG_VENUE.to_owned(), venue.to_owned())]);
    tags
}

/// How the runs of a venue start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RunStarts {
    /// How many venues start in the same minute, if they are many.
    pub(crate) together: Option<u32>,
    /// Whether a schedule starts them, and not a rule.
    pub(crate) by_schedule: bool,
}

pub(crate) fn desired_stack(
    manifest: &Manifest,
    venue: &Venue,
    scope: &Scope,
    code_sha256: String,
    starts: RunStarts,
) -> DesiredStack {
    let deployment = &manifest.deployment.name;
    let names = VenueNames::new(deployment, &venue.name);
    let company = &venue.company;
    let tags = resource_tags(deployment, venue, &[]);
    let description = mark_description(deployment, &venue.name);
    let marked_place = mark_place(deployment, &venue.name, &scope.account, &scope.region);
    let place = RolePlace::new(deployment, &scope.region, &manifest.deployment.role_path);
    let role_arn = scope.role_arn(&place.role_path(), &names.role);
    let function_arn = scope.regional_arn("lambda", &format!("function:{}", names.function));
    let rule_arn = scope.regional_arn("events", &format!("rule/{}", names.rule));
    let ledger = LedgerProperties::new(&venue.name, &venue.flag_property);
    let with_role = starts.by_schedule || rules_have_roles(scope);
    let starter = match starts.by_schedule {
        true => Some(RunStarter::of_schedules(scope, deployment)),
        false => with_role.then(|| RunStarter::of_rule(scope, &names.rule)),
    };
    let expression = rule_schedule(&venue.schedule, deployment, &venue.name);
    let enabled = venue.status == Status::Active;
    let alias_arn = format!("{function_arn}:{ALIAS}");
    let window = starts.together.filter(|_| starts.by_schedule).and_then(|_| schedule_window(&venue.schedule));
    let trigger = match starts.by_schedule {
        true => Trigger::Schedule(Box::new(ScheduleSpec {
            group: schedule_group_name(deployment),
            name: names.rule.clone(),
            description: description.clone(),
            expression,
            timezone: schedule_timezone(&venue.schedule, venue.timezone.as_deref()).to_owned(),
            window_minutes: window,
            enabled,
            target: ScheduleTarget {
                arn: alias_arn,
                role_arn: Some(role_arn.clone()),
                input: Some(schedule_input()),
                maximum_retry_attempts: Some(0),
                maximum_event_age_s: Some(i64::from(MAXIMUM_EVENT_AGE_S)),
                // Scheduler's dead letters go to queues alone.
                dead_letter: company.dead_letter.clone().filter(|arn| arn.contains(":sqs:")),
            },
            kms_key: None,
        })),
        false => Trigger::Rule(Box::new(RuleTrigger {
            rule: RuleSpec {
                name: names.rule.clone(),
                arn: rule_arn,
                description: description.clone(),
                schedule: expression,
                enabled,
                tags: tags.clone(),
            },
            target: TargetSpec {
                rule: names.rule.clone(),
                target: RuleTarget {
                    id: TARGET_ID.to_owned(),
                    arn: alias_arn,
                    role_arn: Some(role_arn.clone()),
                    maximum_retry_attempts: Some(0),
                    maximum_event_age_s: Some(MAXIMUM_EVENT_AGE_S.cast_signed()),
                    unmodeled: Vec::new(),
                },
            },
        })),
    };
    let mut stack = DesiredStack {
        // Without a token, people create the properties by hand.
        properties: match manifest.hubspot.token {
            Some(_) => property::venue_properties(&ledger, &venue.display_name, (&description, &marked_place)),
            None => Vec::new(),
        },
        role: RoleSpec {
            trust: trust_policy(scope, starter.as_slice()).into(),
            policy: role_policy(scope, &names, venue, with_role).into(),
            name: names.role,
            path: place.role_path(),
            description: description.clone(),
            permissions_boundary: company.permissions_boundary.clone(),
            tags: tags.clone(),
        },
        secret: (!venue.secrets.is_empty()).then(|| SecretSpec {
            name: names.secret,
            description: description.clone(),
            references: venue.secrets.iter().map(|(key, reference)| (key.clone(), reference.to_string())).collect(),
            kms_key: company.kms_key.clone(),
            tags: tags.clone(),
        }),
        log_group: LogGroupSpec {
            name: names.log_group,
            retention_days: venue.log_retention_days,
            kms_key: company.kms_key.clone(),
            tags: tags.clone(),
        },
        function: FunctionSpec {
            name: names.function.clone(),
            arn: function_arn.clone(),
            configuration: FunctionConfiguration {
                description: description.clone(),
                runtime: RUNTIME.to_owned(),
                handler: "bootstrap".to_owned(),
                architecture: venue.architecture.as_str().to_owned(),
                memory_mb: venue.memory_mb,
                timeout_s: venue.timeout_s,
                role_arn: role_arn.clone(),
                // In a window, those that meet are few.
                environment: function_environment(manifest, venue, starts.together.filter(|_| window.is_none())),
                code_sha256,
                declared: DeclaredSettings {
                    kms_key: company.kms_key.clone(),
                    vpc: company.vpc.clone(),
                    active_tracing: company.active_tracing,
                    dead_letter: company.dead_letter.clone(),
                },
                unmodeled: Vec::new(),
            },
            reserved_concurrency: Some(RESERVED_CONCURRENCY),
            tags: tags.clone(),
        },
        alias: AliasSpec {
            function: names.function,
            name: ALIAS.to_owned(),
            maximum_retry_attempts: MAXIMUM_RETRY_ATTEMPTS,
            maximum_event_age_s: MAXIMUM_EVENT_AGE_S,
            settings_matter: company.dead_letter.is_some(),
        },
        trigger,
        permission: None,
    };
    if !with_role || company.permissions_boundary.is_some() {
        use_permission(&mut stack, scope);
    }
    match venue.reserved_concurrency {
        ReservedConcurrency::Off => enable_lease(&mut stack, scope),
        ReservedConcurrency::One | ReservedConcurrency::Auto => {}
    }
    // The records differ, because not everything is declared on each of them. Where nothing is, the tags stay shared.
    let with_record = |members: &[DeclaredMember]| match members.is_empty() {
        true => tags.clone(),
        false => resource_tags(deployment, venue, members),
    };
    stack.role.tags = with_record(&stack.role.declared_members());
    stack.role.tags.insert(TAG_REGION.to_owned(), scope.region.clone());
    if let Some(secret) = &mut stack.secret {
        secret.tags = with_record(&secret.declared_members());
    }
    stack.log_group.tags = with_record(&stack.log_group.declared_members());
    stack.function.tags = with_record(&stack.function.configuration.declared.list_members());
    stack
}

fn function_environment(manifest: &Manifest, venue: &Venue, starting_together: Option<u32>) -> StringMap {
    let mut environment = StringMap::from([
        (ENV_VENUE.to_owned(), venue.name.clone()),
        (ENV_FLAG_PROPERTY.to_owned(), venue.flag_property.clone()),
        (ENV_HUBSPOT_BASE_URI.to_owned(), manifest.hubspot.base_uri.clone()),
        (ENV_SECRET_ARN.to_owned(), SECRET_ARN_PLACEHOLDER.to_owned()),
    ]);
    if let (DestinationConfig::Tripleseat { .. }, Some(base_uri)) = (&venue.destination, &venue.tripleseat_base_uri) {
        environment.insert(ENV_TRIPLESEAT_BASE_URI.to_owned(), base_uri.clone());
    }
    let config = SyncConfig { starting_together, ..venue.sync_config(&manifest.hubspot) };
    let json = serde_json::to_string(&config).expect("all keys of its maps are strings, so it always has a JSON form");
    environment.insert(ENV_SYNC_CONFIG.to_owned(), json);
    environment
}
