//! What to change first in order to pay less: settings of the manifest, each with what it would save.

use serde::Serialize;
use sync_config::metrics::MetricsLevel;

use super::prices::{CostItem, RegionPrices};
use super::usage::VenueUsage;
use super::{CostAssumptions, Money};

/// Savings of less than this a month aren't worth a line, in billionths of a dollar.
const SMALLEST: i64 = 5_000_000_000;
/// Runs a month at `rate(15 minutes)`, in thousandths.
const QUARTER_HOURLY: u64 = 2_920_000;

/// A setting that would cost less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostSaving {
    /// What to write.
    pub setting: &'static str,
    /// Where to write it, and what it means for the venues.
    pub meaning: &'static str,
    /// How much less a month costs, if it is the only change.
    pub saves: Money,
}

/// Metrics that the alarms for the three causes watch that matter to those who wait for leads. A run that fails, isn't started
/// or can't look anything up is seen in them too, later and without the reason.
const FEW_CAUSES: u64 = 3;

/// What a venue uses, and how long its runs take in milliseconds.
pub(super) type MeasuredUsage = (VenueUsage, u64);

/// The settings that would save something worth a line, the largest saving first.
pub(super) fn find_savings(
    venues: &[MeasuredUsage],
    assumptions: &CostAssumptions,
    prices: &RegionPrices,
) -> Vec<CostSaving> {
    let price = |usage: &VenueUsage, run_ms: u64| -> Money {
        CostItem::ALL.iter().map(|item| usage.price_item(*item, run_ms, assumptions, prices)).sum()
    };
    let saved_by = |change: &dyn Fn(VenueUsage) -> VenueUsage| -> Money {
        venues.iter().map(|(usage, run_ms)| price(usage, *run_ms) - price(&change(*usage), *run_ms)).sum()
    };
    // Alarms need the metric that essential writes.
    let metrics_at = |level: MetricsLevel| {
        move |usage: VenueUsage| match usage.has_alarms() && level == MetricsLevel::Off {
            true => usage,
            false => usage.with_at_most_metrics(level.steady_metrics()),
        }
    };
    let mut savings = vec![
        CostSaving {
            setting: "causes = [\"silent\", \"oldest_flag\", \"needs_review\"]",
            meaning: "in [alarms]: a venue's message still comes, but names fewer reasons",
            saves: saved_by(&|usage| usage.with_at_most_alarms(FEW_CAUSES)),
        },
        CostSaving {
            setting: "metrics = \"essential\"",
            meaning: "in [defaults]: one metric a venue instead of six; the log keeps all counts",
            saves: saved_by(&metrics_at(MetricsLevel::Essential)),
        },
        CostSaving {
            setting: "metrics = \"off\"",
            meaning: "in [defaults]: no metrics; the log keeps all counts",
            saves: saved_by(&metrics_at(MetricsLevel::Off)),
        },
        CostSaving {
            setting: "schedule = \"rate(15 minutes)\"",
            meaning: "in [defaults]: a flag waits for up to 15 minutes",
            saves: saved_by(&|usage| usage.with_at_most(QUARTER_HOURLY)),
        },
    ];
    savings.retain(|saving| saving.saves.as_nanos() >= SMALLEST);
    savings.sort_by_key(|saving| std::cmp::Reverse(saving.saves));
    savings
}
