//! What exists: read from AWS, in bulk wherever AWS has a bulk call, the rest at once.
//!
//! First five lists say what there is, of every name. From them and the manifest follow the venues that may have
//! something; of each of those the details are read that no list has. What a declared venue should have and no list
//! shows is read by its name before it counts as absent. What couldn't be read is [`Observed::Unreadable`], never absent.

mod function;
mod listed;
mod log_group;
mod portal;
mod role;
mod rule;
mod secret;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

pub use portal::portal;
pub(crate) use role::document;
use tags::Tags;

use crate::aws::{Aws, CallError};
use crate::desired::Scope;
use crate::naming::{self, Names, TAG_DEPLOYMENT, TAG_VENUE};
use crate::property::Portal;
use crate::resource::{FunctionConfiguration, LiveStack, Map, Observed};

/// Venues whose details are read at one time. Each has about seven reads, which run at once too.
const VENUES_AT_ONCE: usize = 32;

/// Everything that was seen, of the declared venues and of those that are owned and declared no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What was seen, by venue.
    pub venues: BTreeMap<String, LiveStack>,
    /// Lists that couldn't be read: what only they would have shown was not looked for.
    pub unreadable: Vec<String>,
    /// Those of `venues` of which only lists were read. What no list has is empty, and a plan takes it to be as declared:
    /// targets, permission, alias, reserved concurrency, and the tags of log group, function and rule.
    #[serde(default)]
    pub listed: BTreeSet<String>,
    /// What was seen in HubSpot.
    #[serde(default)]
    pub portal: Portal,
}

impl Snapshot {
    /// Whether anything of `venue` was seen, in AWS or in HubSpot.
    pub fn knows(&self, venue: &str, deployment: &str) -> bool {
        let owned = || self.portal.read().is_some_and(|live| live.owned(deployment).contains_key(venue));
        self.venues.contains_key(venue) || owned()
    }
}

/// The published versions of a function that there are, each with what it keeps.
///
/// # Errors
/// The list can't be read; a function that isn't there is such an error too.
pub async fn versions(aws: &Aws, function: &str) -> Result<BTreeMap<u64, FunctionConfiguration>, CallError> {
    function::versions(&aws.lambda, function).await
}

/// A list of one kind of resource by name, or why it couldn't be read.
type List<T> = Result<BTreeMap<String, T>, CallError>;

/// The five lists.
struct Inventory {
    roles: role::Roles,
    secrets: List<secret::Listed>,
    log_groups: List<crate::resource::LiveLogGroup>,
    functions: List<function::Listed>,
    rules: List<crate::resource::LiveRule>,
}

/// Reads what exists of `deployment`, of the `declared` venues and of all others that it owns.
pub async fn observe(aws: &Aws, scope: &Scope, deployment: &str, declared: &[String]) -> Snapshot {
    let (inventory, known) = tokio::join!(Inventory::read(aws, deployment), Tags::read(&aws.signed, deployment));
    // What may be deleted is asked by itself whose it is.
    let nothing_known = Tags::default();
    let mut unreadable = inventory.unreadable();
    let mut venues: BTreeSet<String> = declared.iter().cloned().collect();
    venues.extend(inventory.marked(deployment));
    venues.extend(unmarked(aws, scope, deployment, &inventory, &venues, &mut unreadable).await);

    let venues = stream::iter(venues)
        .map(async |venue| {
            let names = Names::new(deployment, &venue);
            // Of a venue of which no list shows anything, nothing is asked: creating what is there is refused, and it is
            // taken over if it is ours. So a first apply isn't slowed by five reads for each venue.
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

/// Reads no more than the lists of the `deployed` venues, so that the calls don't grow with the venues. Venues that are
/// owned and not in `deployed`, and those of which a list leaves it in doubt whose they are, are read as [`observe`]
/// reads them. What is owned and has no mark isn't looked for.
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

/// `confirm` has what no list shows read by its name before it counts as absent: AWS's lists are eventually consistent,
/// and may lack what was created seconds ago.
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

    /// Whether a list has one of these names, or couldn't be read.
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

    /// The venues that the lists themselves name, by tags or by the mark in a description.
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

/// The venues of resources that have one of our names but that no mark in a list names: only their tags tell. Log
/// groups never have a mark, functions and rules lack it when their description was changed.
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

/// Something whose tags say who owns it, by its ARN.
enum Owner {
    LogGroup(String),
    Function(String),
    Rule(String),
}

/// The venue that `tags` name, if they name `deployment` as the owner.
fn owned_venue(tags: &Map, deployment: &str) -> Option<String> {
    (tags.get(TAG_DEPLOYMENT).map(String::as_str) == Some(deployment)).then(|| tags.get(TAG_VENUE).cloned()).flatten()
}

/// What a read of one resource is to the plan.
fn observed<T>(read: Result<Option<T>, CallError>) -> Observed<T> {
    match read {
        Ok(Some(live)) => Observed::Present(live),
        Ok(None) => Observed::Absent,
        Err(error) => unreadable(&error),
    }
}

/// What a failed read is to the plan.
fn unreadable<T>(error: &CallError) -> Observed<T> {
    Observed::Unreadable(error.to_string())
}
