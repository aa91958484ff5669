//! What a deployment costs per month, before and after a plan.
//!
//! Pure: [`estimate`] takes both sides of a plan and a dated price table, and uses neither AWS nor the clock. It
//! estimates list prices, by these rules:
//!
//! - A month has 730 hours, as in AWS's own calculator. The number of runs comes from the schedule; a paused venue has
//!   none.
//! - How long a run takes and how much it logs are [`CostAssumptions`]. A measured duration replaces the assumed one.
//! - The secret is read once per start of an execution environment. The estimate assumes one read per run, which is the
//!   maximum: a warm environment doesn't read it again.
//! - Log storage is the amount stored once the retention period has passed for the first time. CloudWatch compresses
//!   logs; the estimate doesn't account for that.
//! - The function's metrics are charged for the hours in which it runs, even if it finds nothing. Metrics that it writes only
//!   where there is something to count are left out: an hour of one costs $0.0004.
//! - With `kms_key`, each run uses the key once for each thing that it encrypts: the secret, the environment, the log group.
//!   As with reads of the secret, that is the maximum. The key's own monthly price isn't the deployment's.
//! - With `tracing = "active"`, each run is a trace: X-Ray's default rule records the first of every second.
//! - With `dead_letter`, one run of a hundred is assumed to fail.
//! - The free tier is not subtracted, since everything else in the account shares it. Data transfer, taxes and
//!   discounts are left out, and so is the cost of the change itself.
//! - A secret in its recovery window costs nothing, and scheduled rules on the default bus are free. So are the e-mails of a
//!   topic, up to a thousand a month.
//! - Anything unreadable is in neither sum and is listed as not counted.

mod money;
mod prices;
mod savings;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use money::Money;
pub use prices::{CostItem, FALLBACK_REGION, PriceTable, RegionPrices};
pub use savings::CostSaving;

use crate::desired::{Desired, DesiredVenue};
use crate::naming::SHARED_VENUE;
use crate::plan::PlanIndex;
use crate::resource::LiveStack;
use crate::snapshot::Snapshot;
use usage::VenueUsage;

/// Hours in a month: a twelfth of 365 days.
pub const HOURS_A_MONTH: u64 = 730;

/// Milliseconds of a run that isn't measured. A run that finds nothing waits for one HubSpot response; a run that finds
/// a few contacts waits for a few more.
pub const RUN_MS: u64 = 1000;

/// Bytes that a run logs: about 350 by Lambda itself at the start and end, about 700 for the run's line with its
/// metrics, 26 that CloudWatch adds to each event, and room for the lines of a few contacts.
pub const LOG_BYTES_A_RUN: u64 = 2000;

/// What an estimate needs that isn't in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostAssumptions {
    /// Milliseconds of a run.
    pub run_ms: u64,
    /// Milliseconds of a run by venue, if measured: the average billed duration.
    pub measured_run_ms: BTreeMap<String, u64>,
    /// Bytes that a run logs.
    pub log_bytes_a_run: u64,
    /// Reads of the secret per run.
    pub secret_reads_a_run: u32,
    /// Uses of a declared key per run, for each thing that it encrypts.
    pub key_uses_a_run: u32,
    /// Failed runs of a thousand, whose events go to a declared queue or topic.
    pub failed_of_1000_runs: u32,
}

impl Default for CostAssumptions {
    fn default() -> Self {
        Self {
            run_ms: RUN_MS,
            measured_run_ms: BTreeMap::new(),
            log_bytes_a_run: LOG_BYTES_A_RUN,
            secret_reads_a_run: 1,
            key_uses_a_run: 1,
            failed_of_1000_runs: 10,
        }
    }
}

impl CostAssumptions {
    /// Milliseconds of a run of `venue`.
    fn run_ms_of(&self, venue: &str) -> u64 {
        self.measured_run_ms.get(venue).copied().unwrap_or(self.run_ms)
    }
}

/// The monthly cost on both sides of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CostChange {
    /// The current cost.
    pub before: Money,
    /// The cost after the plan.
    pub after: Money,
}

impl CostChange {
    /// What the plan adds.
    pub fn difference(&self) -> Money {
        self.after - self.before
    }

    fn sum_changes<'a>(sides: impl Iterator<Item = &'a Self>) -> Self {
        sides
            .fold(Self::default(), |sum, side| Self { before: sum.before + side.before, after: sum.after + side.after })
    }
}

/// What one item costs per month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ItemCost {
    /// What AWS charges for.
    pub item: CostItem,
    /// The cost.
    #[serde(flatten)]
    pub cost: CostChange,
}

/// What one venue costs per month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VenueCost {
    /// The venue.
    pub venue: String,
    /// All of its items.
    #[serde(flatten)]
    pub total: CostChange,
    /// Runs per month before the plan, rounded.
    pub runs_before: u64,
    /// Runs per month after the plan, rounded.
    pub runs_after: u64,
    /// Every item, in the order of [`CostItem::ALL`].
    pub items: Vec<ItemCost>,
}

/// The monthly cost before and after a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostEstimate {
    /// The whole deployment, including venues that the plan doesn't change.
    #[serde(flatten)]
    pub total: CostChange,
    /// `USD`.
    pub currency: &'static str,
    /// The deployment's region.
    pub region: String,
    /// The region whose prices were used: a different one if those of `region` are unknown.
    pub prices_of: String,
    /// The date of the prices.
    pub prices_as_of: String,
    /// Where the prices are published.
    pub sources: BTreeMap<CostItem, String>,
    /// `false`: the free tier is not subtracted.
    pub free_tier_subtracted: bool,
    /// The assumptions behind the estimate.
    pub assumptions: CostAssumptions,
    /// All venues combined, item by item.
    pub items: Vec<ItemCost>,
    /// Venue by venue, in the manifest's order; undeclared venues come last.
    pub venues: Vec<VenueCost>,
    /// What is in neither sum, and why.
    pub not_counted: Vec<String>,
    /// What to change first in order to pay less after the plan. Empty if it isn't worth a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub savings: Vec<CostSaving>,
}

/// The monthly cost of what `snapshot` shows, and of what remains after the plan for `desired` is applied. `targets`
/// are the venues that the plan is limited to, or all if empty; the others stay as they are.
pub fn estimate(
    desired: &Desired,
    snapshot: &Snapshot,
    targets: &[String],
    assumptions: &CostAssumptions,
) -> CostEstimate {
    estimate_with_prices(PriceTable::bundled_table(), desired, snapshot, targets, assumptions)
}

/// [`estimate`] with a different price table.
pub fn estimate_with_prices(
    table: &PriceTable,
    desired: &Desired,
    snapshot: &Snapshot,
    targets: &[String],
    assumptions: &CostAssumptions,
) -> CostEstimate {
    let prices = table.region_prices(&desired.scope.region);
    let mut not_counted: Vec<String> =
        snapshot.unreadable.iter().map(|reason| format!("resources in an unreadable list: {reason}")).collect();
    let index = PlanIndex::new(desired, snapshot);
    let targets: BTreeSet<&str> = targets.iter().map(String::as_str).collect();
    let declared = desired.venues.iter().map(|venue| (venue.venue.as_str(), Some(venue)));
    let others = snapshot.venues.keys().filter(|name| index.find_venue(name).is_none());
    // What belongs to all venues has a line of its own.
    let has_shared = index.find_venue(SHARED_VENUE).is_some();
    let others = others.map(String::as_str).filter(|name| *name != SHARED_VENUE);
    let others = others.chain((!has_shared).then_some(SHARED_VENUE));
    if let Some(reason) = snapshot.alarms.alarms.unreadable_reason() {
        not_counted.push(format!("alarms: {reason}"));
    }
    let nothing = LiveStack::default();
    let mut venues = Vec::new();
    let mut afterwards = Vec::new();
    for (name, venue) in declared.chain(others.map(|name| (name, None))) {
        let live = snapshot.venues.get(name).unwrap_or(&nothing);
        let unread = usage::unreadable_parts(live);
        if !unread.is_empty() {
            not_counted.push(format!("{name}: unreadable {}", unread.join(", ")));
            continue;
        }
        if usage::fires_by_events(live) {
            not_counted.push(format!("the current runs of {name}: its rule has no schedule"));
        }
        let alarms =
            |usage: VenueUsage, venue: &str| usage.with_live_group(index.list_live_group(venue), &desired.deployment);
        let before = alarms(VenueUsage::from_live(live, &desired.deployment), name);
        let planned = targets.is_empty() || targets.contains(name);
        let after = match planned {
            true => usage_after(venue, live).with_group(index.find_group(name)),
            false => before,
        };
        if before == after && before == VenueUsage::default() {
            continue;
        }
        let run_ms = assumptions.run_ms_of(name);
        venues.push(venue_cost(name, (before, after), run_ms, assumptions, &prices));
        afterwards.push((after, run_ms));
    }
    let items = CostItem::ALL.map(|item| {
        let of_venues = venues.iter().flat_map(|venue| &venue.items).filter(|cost| cost.item == item);
        ItemCost { item, cost: CostChange::sum_changes(of_venues.map(|cost| &cost.cost)) }
    });
    CostEstimate {
        total: CostChange::sum_changes(venues.iter().map(|venue| &venue.total)),
        currency: "USD",
        region: desired.scope.region.clone(),
        prices_of: prices.region.to_owned(),
        prices_as_of: table.date.clone(),
        sources: table.sources.clone(),
        free_tier_subtracted: false,
        assumptions: assumptions.clone(),
        items: items.to_vec(),
        savings: savings::find_savings(&afterwards, assumptions, &prices),
        venues,
        not_counted,
    }
}

/// Usage after the plan. A venue that is blocked or not declared uses nothing, since it is removed.
fn usage_after(venue: Option<&DesiredVenue>, live: &LiveStack) -> VenueUsage {
    let stack = venue.and_then(|venue| venue.stack.as_ref());
    stack.map(|stack| VenueUsage::from_desired(stack, live)).unwrap_or_default()
}

fn venue_cost(
    venue: &str,
    (before, after): (VenueUsage, VenueUsage),
    run_ms: u64,
    assumptions: &CostAssumptions,
    prices: &RegionPrices,
) -> VenueCost {
    let items = CostItem::ALL.map(|item| {
        let price = |usage: VenueUsage| usage.price_item(item, run_ms, assumptions, prices);
        ItemCost { item, cost: CostChange { before: price(before), after: price(after) } }
    });
    let rounded = |usage: VenueUsage| (usage.thousandths_of_runs + 500) / 1000;
    VenueCost {
        venue: venue.to_owned(),
        total: CostChange::sum_changes(items.iter().map(|cost| &cost.cost)),
        runs_before: rounded(before),
        runs_after: rounded(after),
        items: items.to_vec(),
    }
}
