//! Reads what exists in AWS: in bulk wherever AWS has a bulk call, and the rest concurrently.
//!
//! Five lists come first, and a sixth where the deployment has schedules. They and the manifest tell which venues may have
//! resources; for each of those, the details that the lists don't contain are read. A declared resource that no list shows is
//! read by name before it counts as absent. A failed read is [`Observed::Unreadable`], never absent.

mod alarms;
mod answer;
mod firing;
mod function;
mod listed;
mod log_group;
#[cfg(test)]
mod model_tests;
mod others;
mod role;
mod rule;
mod schedule;
mod secret;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

pub use alarms::{list_alarm_answers, list_alarms};
pub use firing::{LiveFiring, read_firing};
pub use function::read_state;
pub use others::examine_rival;
pub use role::{list_roles_below, parse_policy_document};
use schedule::ListedSchedules;
pub use schedule::{read_group_tags, read_schedule};
use tags::KnownTags;

use crate::{Aws, CallError};
use deployer_core::call_rates::READS_OF_A_FUNCTION;
use deployer_core::desired::Desired;
use deployer_core::naming::{self, RolePlace, TAG_DEPLOYMENT, TAG_VENUE, VenueNames};
use deployer_core::resource::{FunctionConfiguration, LiveStack, Observed, StringMap};
use deployer_core::role_policy::schedule_group_arn;
use deployer_core::scope::Scope;
use deployer_core::snapshot::Snapshot;

/// How many venues' details are read concurrently. Each takes eleven reads, which are concurrent too, and of which AWS lets five
/// venues have theirs in a second.
const VENUES_AT_ONCE: usize = 16;

/// Reads the published versions of a function, with their configurations.
///
/// # Errors
/// The list can't be read, for example because the function doesn't exist.
pub async fn read_versions(aws: &Aws, function: &str) -> Result<BTreeMap<u64, FunctionConfiguration>, CallError> {
    function::list_versions(&aws.lambda, function).await
}

/// The resources of one kind, by name, or why the list is unreadable.
type ResourceList<T> = Result<BTreeMap<String, T>, CallError>;

/// What a list has of one resource: nothing if it doesn't show it.
type Listed<T> = Result<Option<T>, CallError>;

/// What the manifest declares of what belongs to all venues.
#[derive(Debug, Clone, Default)]
pub struct DeclaredShared {
    /// Whether alarms have a topic of the deployment's own, which is read by name then.
    pub topic: bool,
    /// The venues that a schedule starts, and not a rule.
    pub scheduled: BTreeSet<String>,
}

impl DeclaredShared {
    /// What `desired` has.
    pub fn of_desired(desired: &Desired) -> Self {
        Self {
            topic: desired.alarms.as_ref().is_some_and(|alarms| alarms.topic.is_some()),
            scheduled: desired.scheduled_venues(),
        }
    }
}

/// The lists.
struct LiveInventory {
    roles: role::ListedRoles,
    secrets: ResourceList<secret::ListedSecret>,
    log_groups: ResourceList<deployer_core::resource::LiveLogGroup>,
    functions: ResourceList<function::ListedFunction>,
    rules: ResourceList<deployer_core::resource::LiveRule>,
    schedules: ListedSchedules,
}

/// A venue whose details are to be read.
struct VenueReads {
    venue: String,
    names: VenueNames,
    /// Whether a resource that no list shows is read by name before it counts as absent: AWS's lists are eventually consistent and
    /// may lack what was created seconds ago.
    confirm: bool,
    roles: role::VenueRoles,
    secret: Listed<secret::ListedSecret>,
    log_group: Listed<deployer_core::resource::LiveLogGroup>,
    rule: Listed<deployer_core::resource::LiveRule>,
}

/// Reads what exists of the `declared` venues and of all other venues that the deployment owns.
pub async fn observe(
    aws: &Aws,
    scope: &Scope,
    place: &RolePlace,
    declared: &[String],
    shared: &DeclaredShared,
) -> Snapshot {
    let deployment = place.deployment.as_str();
    let declared: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
    let (mut inventory, known, settings, listed_alarms) = tokio::join!(
        LiveInventory::read_lists(aws, place),
        KnownTags::read_tags(&aws.signed, deployment),
        role::list_role_settings(&aws.iam, place),
        list_alarms(&aws.signed, deployment),
    );
    inventory.roles.add_settings(settings, place);
    let group = schedule_group_arn(scope, deployment);
    inventory.read_schedules(aws, scope, place, shared, known.tags_of(&group).is_some()).await;
    let (others, alarms) = tokio::join!(
        others::list_other_functions(aws, scope, place, &inventory),
        alarms::observe_alarms(&aws.signed, scope, deployment, (listed_alarms, shared.topic), Some(&known)),
    );
    inventory.forget_configurations();
    // Before something may be deleted, its own tags are read: the bulk list of tags may be stale.
    let nothing_known = KnownTags::default();
    let mut unreadable = inventory.read_errors();
    let mut venues: BTreeSet<String> = declared.iter().map(|venue| (*venue).to_owned()).collect();
    venues.extend(inventory.marked_venues(place));
    venues.extend(find_unmarked_venues(aws, scope, deployment, &inventory, &venues, &mut unreadable).await);
    let scheduled = inventory.schedules.other_venues(&aws.signed, deployment, venues.iter().map(String::as_str)).await;
    venues.extend(scheduled);

    let mut observed: Vec<(String, LiveStack)> = Vec::with_capacity(venues.len());
    // If no list shows any resource of a venue, none is read by name, so that a first apply isn't slowed by five reads for
    // each venue. Creating something that exists after all fails, and it is taken over if it is ours.
    let take = |venue: String| {
        let is_declared = declared.contains(venue.as_str());
        (inventory.take_venue(place, venue, is_declared), if is_declared { &known } else { &nothing_known })
    };
    let reads: Vec<(VenueReads, &KnownTags)> = venues.into_iter().map(take).collect();
    let mut reads = stream::iter(reads)
        .map(|(reads, known)| observe_venue(aws, (scope, place), &inventory, known, reads))
        .buffer_unordered(VENUES_AT_ONCE);
    while let Some(venue) = reads.next().await {
        observed.push(venue);
    }
    drop(reads);
    // The lists go before the map is built, and the map from all venues at once, so that its nodes are full.
    let schedule_group = inventory.schedules.group.clone();
    drop((inventory, known));
    Snapshot {
        venues: observed.into_iter().collect(),
        unreadable,
        others,
        alarms,
        schedule_group,
        ..Snapshot::default()
    }
}

/// Reads only lists for the `deployed` venues, so that the number of calls doesn't grow with them. Owned venues that
/// aren't in `deployed`, and venues whose owner the lists leave in doubt, are read as [`observe`] reads them. Resources
/// that are owned but have no mark aren't looked for.
pub async fn observe_lists(
    aws: &Aws,
    scope: &Scope,
    place: &RolePlace,
    deployed: &[String],
    shared: &DeclaredShared,
) -> Snapshot {
    let deployment = place.deployment.as_str();
    let alarms = async {
        let listed = list_alarms(&aws.signed, deployment).await;
        alarms::observe_alarms(&aws.signed, scope, deployment, (listed, shared.topic), None).await
    };
    let (mut inventory, alarms) = tokio::join!(LiveInventory::read_lists(aws, place), alarms);
    inventory.read_schedules(aws, scope, place, shared, false).await;
    let unreadable = inventory.read_errors();
    let others = others::list_other_functions(aws, scope, place, &inventory).await;
    let schedule_group = inventory.schedules.group.clone();
    let mut snapshot = Snapshot { unreadable, others, alarms, schedule_group, ..Snapshot::default() };
    let mut rest = inventory.marked_venues(place);
    let known = rest.iter().chain(deployed).map(String::as_str);
    let scheduled = inventory.schedules.other_venues(&aws.signed, deployment, known).await;
    rest.extend(scheduled);
    for venue in deployed {
        rest.remove(venue);
        let by_schedule = shared.scheduled.contains(venue);
        match listed::observe_listed_stack(&inventory, &VenueNames::new(deployment, venue), place, (venue, by_schedule))
        {
            Some(live) => {
                snapshot.listed.insert(venue.clone());
                snapshot.venues.insert(venue.clone(), live);
            }
            None => drop(rest.insert(venue.clone())),
        }
    }
    let nothing_known = KnownTags::default();
    let rest: Vec<VenueReads> = rest.into_iter().map(|venue| inventory.take_venue(place, venue, false)).collect();
    let read: Vec<(String, LiveStack)> = stream::iter(rest)
        .map(|reads| observe_venue(aws, (scope, place), &inventory, &nothing_known, reads))
        .buffer_unordered(VENUES_AT_ONCE)
        .collect()
        .await;
    snapshot.venues.extend(read);
    snapshot
}

/// Reads the details of one venue.
async fn observe_venue(
    aws: &Aws,
    (scope, place): (&Scope, &RolePlace),
    inventory: &LiveInventory,
    known: &KnownTags,
    reads: VenueReads,
) -> (String, LiveStack) {
    let VenueReads { venue, names, confirm, roles, secret, log_group, rule } = reads;
    // Functions have the most reads, and the fewest a second. What no list shows has none.
    if inventory.functions.as_ref().is_ok_and(|functions| functions.contains_key(&names.function)) {
        aws.reads.wait_for_calls(&READS_OF_A_FUNCTION).await;
    }
    let ((role, other_roles), mut secret, log_group, mut function, rule, schedule) = tokio::join!(
        roles.observe(&aws.iam, place, (&venue, &names), confirm),
        secret::observe_secret(&aws.secrets, secret, &names.secret, confirm),
        log_group::observe_log_group(&aws.signed, log_group, &names.log_group, known, confirm),
        function::observe_function(&aws.lambda, &inventory.functions, &names.function, confirm),
        rule::observe_rule(&aws.events, scope, rule, &names.rule, known, confirm),
        inventory.schedules.observe_schedule(&aws.signed, &place.deployment, &names.rule, confirm),
    );
    function.compare_role(&role);
    // The resources of a venue nearly always have the same tags.
    if let Observed::Present(log_group) = &log_group {
        if let Observed::Present(secret) = &mut secret {
            secret.tags.share_with(&log_group.tags);
        }
        if let Observed::Present(function) = &mut function.function {
            function.tags.share_with(&log_group.tags);
        }
    }
    let live = LiveStack {
        role,
        other_roles,
        secret,
        log_group,
        function: function.function,
        alias: function.alias,
        permission: function.permission,
        rule,
        schedule,
    };
    (venue, live)
}

impl LiveInventory {
    async fn read_lists(aws: &Aws, place: &RolePlace) -> Self {
        let deployment = place.deployment.as_str();
        let (roles, secrets, log_groups, functions, rules) = tokio::join!(
            role::list_roles(&aws.iam, place),
            secret::list_secrets(&aws.secrets, deployment),
            log_group::list_log_groups(&aws.signed, deployment),
            function::list_functions(&aws.lambda),
            rule::list_rules(&aws.events, deployment),
        );
        Self { roles, secrets, log_groups, functions, rules, schedules: ListedSchedules::none() }
    }

    /// Reads the group of the schedules where there may be one: if the manifest declares it, or a role of the deployment or
    /// tags show that an earlier one did. A schedule needs a role that trusts Scheduler.
    async fn read_schedules(
        &mut self,
        aws: &Aws,
        scope: &Scope,
        place: &RolePlace,
        shared: &DeclaredShared,
        tagged: bool,
    ) {
        if tagged || !shared.scheduled.is_empty() || self.roles.trust_scheduler(place) {
            self.schedules = ListedSchedules::read_group(&aws.signed, scope, &place.deployment).await;
        }
    }

    /// Takes what the lists have of a venue out of them, so that nothing is held twice.
    fn take_venue(&mut self, place: &RolePlace, venue: String, is_declared: bool) -> VenueReads {
        fn take<T>(list: &mut ResourceList<T>, name: &str) -> Listed<T> {
            list.as_mut().map(|list| list.remove(name)).map_err(|error| error.clone())
        }
        let names = VenueNames::new(&place.deployment, &venue);
        let confirm = is_declared && self.shows_any(&names);
        let Self { roles, secrets, log_groups, functions: _, rules, schedules: _ } = self;
        VenueReads {
            confirm,
            roles: roles.take_roles(place, (&venue, &names)),
            secret: take(secrets, &names.secret),
            log_group: take(log_groups, &names.log_group),
            rule: take(rules, &names.rule),
            venue,
            names,
        }
    }

    /// Forgets what only other deployments and a plan from lists are compared by. A full plan reads each function.
    fn forget_configurations(&mut self) {
        for function in self.functions.iter_mut().flat_map(BTreeMap::values_mut) {
            function.configuration = None;
        }
    }

    fn read_errors(&self) -> Vec<String> {
        let Self { roles, secrets, log_groups, functions, rules, schedules } = self;
        [
            schedules.schedules.as_ref().err(),
            roles.read_error(),
            secrets.as_ref().err(),
            log_groups.as_ref().err(),
            functions.as_ref().err(),
            rules.as_ref().err(),
        ]
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect()
    }

    /// Whether a list has one of these names, or is unreadable.
    fn shows_any(&self, names: &VenueNames) -> bool {
        fn shows<T>(list: &ResourceList<T>, name: &str) -> bool {
            list.as_ref().map_or(true, |list| list.contains_key(name))
        }
        let Self { roles, secrets, log_groups, functions, rules, schedules } = self;
        roles.may_contain(&names.role)
            || shows(secrets, &names.secret)
            || shows(log_groups, &names.log_group)
            || shows(functions, &names.function)
            || shows(rules, &names.rule)
            || shows(&schedules.schedules, &names.rule)
    }

    /// The venues that the lists name, in tags or in the mark in a description.
    fn marked_venues(&self, place: &RolePlace) -> BTreeSet<String> {
        let deployment = place.deployment.as_str();
        // Log groups have no mark; `find_unmarked_venues` reads their tags. Nor do schedules in a list; `other_venues` reads
        // those that belong to no venue.
        let Self { roles, secrets, log_groups: _, functions, rules, schedules: _ } = self;
        let mut venues = roles.owned_venues(place);
        for secret in secrets.iter().flat_map(BTreeMap::values) {
            venues.extend(owned_venue(&secret.live.tags, deployment));
        }
        for function in functions.iter().flat_map(BTreeMap::values) {
            venues.extend(naming::marked_venue(&function.description, deployment).map(ToOwned::to_owned));
        }
        for rule in rules.iter().flat_map(BTreeMap::values) {
            venues.extend(naming::marked_venue(&rule.description, deployment).map(ToOwned::to_owned));
        }
        venues
    }
}

/// The venues of resources that have one of our names but no mark in a list, so that only their tags name the venue.
/// Log groups never have a mark; functions and rules lack it if somebody changed their description.
async fn find_unmarked_venues(
    aws: &Aws,
    scope: &Scope,
    deployment: &str,
    inventory: &LiveInventory,
    known: &BTreeSet<String>,
    unreadable: &mut Vec<String>,
) -> BTreeSet<String> {
    let known = known.iter().map(|venue| VenueNames::new(deployment, venue));
    let (mut log_groups, mut functions, mut rules) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for names in known {
        log_groups.insert(names.log_group);
        functions.insert(names.function);
        rules.insert(names.rule);
    }
    let known = (log_groups, functions, rules);
    let prefix = format!("{deployment}-");
    let log_groups = inventory
        .log_groups
        .iter()
        .flatten()
        .filter(|(name, _)| !known.0.contains(*name))
        .map(|(_, group)| TaggedResource::LogGroup(group.arn.clone()));
    let functions = inventory
        .functions
        .iter()
        .flatten()
        .filter(|(name, function)| name.starts_with(&prefix) && !naming::is_marked(&function.description))
        .filter(|(name, _)| !known.1.contains(*name))
        .map(|(name, _)| TaggedResource::Function(scope.regional_arn("lambda", &format!("function:{name}"))));
    let rules = inventory
        .rules
        .iter()
        .flatten()
        .filter(|(_, rule)| !naming::is_marked(&rule.description))
        .filter(|(name, _)| !known.2.contains(*name))
        .map(|(name, _)| TaggedResource::Rule(scope.regional_arn("events", &format!("rule/{name}"))));
    let found: Vec<Result<StringMap, CallError>> =
        stream::iter(log_groups.chain(functions).chain(rules).collect::<Vec<_>>())
            .map(async |owner| match owner {
                TaggedResource::LogGroup(arn) => log_group::read_log_group_tags(&aws.signed, &arn).await,
                TaggedResource::Function(arn) => function::read_function_tags(&aws.lambda, &arn).await,
                TaggedResource::Rule(arn) => rule::read_rule_tags(&aws.events, &arn).await,
            })
            .buffer_unordered(VENUES_AT_ONCE)
            .collect()
            .await;
    let mut venues = BTreeSet::new();
    for tags in found {
        match tags {
            Ok(tags) => venues.extend(owned_venue(&tags, deployment)),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    venues
}

/// The ARN of a resource whose tags name its owner.
enum TaggedResource {
    LogGroup(String),
    Function(String),
    Rule(String),
}

/// The venue that `tags` name, if they name `deployment` as the owner.
fn owned_venue(tags: &StringMap, deployment: &str) -> Option<String> {
    (tags.get(TAG_DEPLOYMENT).map(String::as_str) == Some(deployment)).then(|| tags.get(TAG_VENUE).cloned()).flatten()
}

/// Turns the result of reading one resource into an observation.
fn to_observed<T>(read: Result<Option<T>, CallError>) -> Observed<T> {
    match read {
        Ok(Some(live)) => Observed::Present(live),
        Ok(None) => Observed::Absent,
        Err(error) => to_unreadable(&error),
    }
}

/// Turns a failed read into an observation.
fn to_unreadable<T>(error: &CallError) -> Observed<T> {
    Observed::Unreadable(error.to_string())
}
