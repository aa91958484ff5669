//! Reads what exists in AWS: in bulk wherever AWS has a bulk call, and the rest concurrently.
//!
//! Five lists come first. They and the manifest tell which venues may have resources; for each of those, the details
//! that the lists don't contain are read. A declared resource that no list shows is read by name before it counts as
//! absent. A failed read is [`Observed::Unreadable`], never absent.

mod function;
mod listed;
mod log_group;
mod role;
mod rule;
mod secret;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

pub use role::document;
use tags::Tags;

use crate::{Aws, CallError};
use deployer_core::desired::Scope;
use deployer_core::naming::{self, Names, TAG_DEPLOYMENT, TAG_VENUE};
use deployer_core::resource::{FunctionConfiguration, LiveStack, Map, Observed};
use deployer_core::snapshot::Snapshot;

/// How many venues' details are read concurrently. Each takes about seven reads, which are concurrent too.
const VENUES_AT_ONCE: usize = 32;

/// Reads the published versions of a function, with their configurations.
///
/// # Errors
/// The list can't be read, for example because the function doesn't exist.
pub async fn versions(aws: &Aws, function: &str) -> Result<BTreeMap<u64, FunctionConfiguration>, CallError> {
    function::versions(&aws.lambda, function).await
}

/// The resources of one kind, by name, or why the list is unreadable.
type List<T> = Result<BTreeMap<String, T>, CallError>;

/// The five lists.
struct Inventory {
    roles: role::Roles,
    secrets: List<secret::Listed>,
    log_groups: List<deployer_core::resource::LiveLogGroup>,
    functions: List<function::Listed>,
    rules: List<deployer_core::resource::LiveRule>,
}

/// Reads what exists of the `declared` venues and of all other venues that `deployment` owns.
pub async fn observe(aws: &Aws, scope: &Scope, deployment: &str, declared: &[String]) -> Snapshot {
    let (inventory, known) = tokio::join!(Inventory::read(aws, deployment), Tags::read(&aws.signed, deployment));
    // Before something may be deleted, its own tags are read: the bulk list of tags may be stale.
    let nothing_known = Tags::default();
    let mut unreadable = inventory.unreadable();
    let mut venues: BTreeSet<String> = declared.iter().cloned().collect();
    venues.extend(inventory.marked(deployment));
    venues.extend(unmarked(aws, scope, deployment, &inventory, &venues, &mut unreadable).await);

    let venues = stream::iter(venues)
        .map(async |venue| {
            let names = Names::new(deployment, &venue);
            // If no list shows any resource of a venue, none is read by name, so that a first apply isn't slowed by
            // five reads for each venue. Creating something that exists after all fails, and it is taken over if it is
            // ours.
            let confirm = declared.contains(&venue) && inventory.shows_any(&names);
            let known = if declared.contains(&venue) { &known } else { &nothing_known };
            let live = details(aws, scope, &inventory, known, &names, confirm).await;
            (venue, live)
        })
        .buffer_unordered(VENUES_AT_ONCE)
        .collect()
        .await;
    Snapshot { venues, unreadable, ..Snapshot::default() }
}

/// Reads only lists for the `deployed` venues, so that the number of calls doesn't grow with them. Owned venues that
/// aren't in `deployed`, and venues whose owner the lists leave in doubt, are read as [`observe`] reads them. Resources
/// that are owned but have no mark aren't looked for.
pub async fn observe_lists(aws: &Aws, scope: &Scope, deployment: &str, deployed: &[String]) -> Snapshot {
    let inventory = Inventory::read(aws, deployment).await;
    let unreadable = inventory.unreadable();
    let mut snapshot = Snapshot { unreadable, ..Snapshot::default() };
    let mut rest = inventory.marked(deployment);
    for venue in deployed {
        rest.remove(venue);
        match listed::stack(&inventory, &Names::new(deployment, venue), deployment, venue) {
            Some(live) => {
                snapshot.listed.insert(venue.clone());
                snapshot.venues.insert(venue.clone(), live);
            }
            None => drop(rest.insert(venue.clone())),
        }
    }
    let read: Vec<(String, LiveStack)> = stream::iter(rest)
        .map(async |venue| {
            let names = Names::new(deployment, &venue);
            let live = details(aws, scope, &inventory, &Tags::default(), &names, false).await;
            (venue, live)
        })
        .buffer_unordered(VENUES_AT_ONCE)
        .collect()
        .await;
    snapshot.venues.extend(read);
    snapshot
}

/// Reads the details of one venue. With `confirm`, a resource that no list shows is read by name before it counts as
/// absent: AWS's lists are eventually consistent and may lack what was created seconds ago.
async fn details(
    aws: &Aws,
    scope: &Scope,
    inventory: &Inventory,
    known: &Tags,
    names: &Names,
    confirm: bool,
) -> LiveStack {
    let (role, secret, log_group, function, rule) = tokio::join!(
        inventory.roles.details(&aws.iam, &names.role, confirm),
        secret::details(&aws.secrets, &inventory.secrets, &names.secret, confirm),
        log_group::details(&aws.signed, &inventory.log_groups, &names.log_group, known, confirm),
        function::details(&aws.lambda, &inventory.functions, &names.function, confirm),
        rule::details(&aws.events, scope, &inventory.rules, &names.rule, known, confirm),
    );
    LiveStack {
        role,
        secret,
        log_group,
        function: function.function,
        alias: function.alias,
        permission: function.permission,
        rule,
    }
}

impl Inventory {
    async fn read(aws: &Aws, deployment: &str) -> Self {
        let (roles, secrets, log_groups, functions, rules) = tokio::join!(
            role::list(&aws.iam, deployment),
            secret::list(&aws.secrets, deployment),
            log_group::list(&aws.signed, deployment),
            function::list(&aws.lambda),
            rule::list(&aws.events, deployment),
        );
        Self { roles, secrets, log_groups, functions, rules }
    }

    fn unreadable(&self) -> Vec<String> {
        [
            self.roles.error(),
            self.secrets.as_ref().err(),
            self.log_groups.as_ref().err(),
            self.functions.as_ref().err(),
            self.rules.as_ref().err(),
        ]
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect()
    }

    /// Whether a list has one of these names, or is unreadable.
    fn shows_any(&self, names: &Names) -> bool {
        fn shows<T>(list: &List<T>, name: &str) -> bool {
            list.as_ref().map_or(true, |list| list.contains_key(name))
        }
        self.roles.shows(&names.role)
            || shows(&self.secrets, &names.secret)
            || shows(&self.log_groups, &names.log_group)
            || shows(&self.functions, &names.function)
            || shows(&self.rules, &names.rule)
    }

    /// The venues that the lists name, in tags or in the mark in a description.
    fn marked(&self, deployment: &str) -> BTreeSet<String> {
        let mut venues = self.roles.venues(deployment);
        for secret in self.secrets.iter().flat_map(BTreeMap::values) {
            venues.extend(owned_venue(&secret.live.tags, deployment));
        }
        for function in self.functions.iter().flat_map(BTreeMap::values) {
            venues.extend(naming::marked_venue(&function.description, deployment).map(ToOwned::to_owned));
        }
        for rule in self.rules.iter().flat_map(BTreeMap::values) {
            venues.extend(naming::marked_venue(&rule.description, deployment).map(ToOwned::to_owned));
        }
        venues
    }
}

/// The venues of resources that have one of our names but no mark in a list, so that only their tags name the venue.
/// Log groups never have a mark; functions and rules lack it if somebody changed their description.
async fn unmarked(
    aws: &Aws,
    scope: &Scope,
    deployment: &str,
    inventory: &Inventory,
    known: &BTreeSet<String>,
    unreadable: &mut Vec<String>,
) -> BTreeSet<String> {
    let known: Vec<Names> = known.iter().map(|venue| Names::new(deployment, venue)).collect();
    let prefix = format!("{deployment}-");
    let log_groups = inventory
        .log_groups
        .iter()
        .flatten()
        .filter(|(name, _)| !known.iter().any(|names| names.log_group == **name))
        .map(|(_, group)| Owner::LogGroup(group.arn.clone()));
    let functions = inventory
        .functions
        .iter()
        .flatten()
        .filter(|(name, function)| name.starts_with(&prefix) && !naming::is_marked(&function.description))
        .filter(|(name, _)| !known.iter().any(|names| names.function == **name))
        .map(|(name, _)| Owner::Function(scope.arn("lambda", &format!("function:{name}"))));
    let rules = inventory
        .rules
        .iter()
        .flatten()
        .filter(|(_, rule)| !naming::is_marked(&rule.description))
        .filter(|(name, _)| !known.iter().any(|names| names.rule == **name))
        .map(|(name, _)| Owner::Rule(scope.arn("events", &format!("rule/{name}"))));
    let found: Vec<Result<Map, CallError>> = stream::iter(log_groups.chain(functions).chain(rules).collect::<Vec<_>>())
        .map(async |owner| match owner {
            Owner::LogGroup(arn) => log_group::tags(&aws.signed, &arn).await,
            Owner::Function(arn) => function::tags(&aws.lambda, &arn).await,
            Owner::Rule(arn) => rule::tags(&aws.events, &arn).await,
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
enum Owner {
    LogGroup(String),
    Function(String),
    Rule(String),
}

/// The venue that `tags` name, if they name `deployment` as the owner.
fn owned_venue(tags: &Map, deployment: &str) -> Option<String> {
    (tags.get(TAG_DEPLOYMENT).map(String::as_str) == Some(deployment)).then(|| tags.get(TAG_VENUE).cloned()).flatten()
}

/// Turns the result of reading one resource into an observation.
fn observed<T>(read: Result<Option<T>, CallError>) -> Observed<T> {
    match read {
        Ok(Some(live)) => Observed::Present(live),
        Ok(None) => Observed::Absent,
        Err(error) => unreadable(&error),
    }
}

/// Turns a failed read into an observation.
fn unreadable<T>(error: &CallError) -> Observed<T> {
    Observed::Unreadable(error.to_string())
}
