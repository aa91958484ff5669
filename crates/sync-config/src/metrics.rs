//! The CloudWatch metrics that a run writes: the function names them in its log lines, and the deployer counts their cost and
//! sets alarms on them.

use serde::{Deserialize, Serialize};

/// Namespace of all metrics.
pub const METRIC_NAMESPACE: &str = "Deployer/Sync";
/// The dimension of a venue's metrics.
pub const METRIC_DIMENSION: &str = "venue";
/// The other dimension of a venue's metrics, so that deployments and stages with a venue of the same name don't share one. It
/// is the only dimension of [`HUBSPOT_FAILED`]. A function outside of AWS doesn't know its deployment and leaves it out.
pub const DEPLOYMENT_DIMENSION: &str = "deployment";

/// Which metrics a run writes. CloudWatch charges a metric for each hour in which it gets a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsLevel {
    /// All of [`RUN_METRICS`] in every run. Deployers that knew nothing else left the member out.
    #[default]
    Full,
    /// [`OLDEST_FLAG_AGE`] in every run that succeeds, and the counts of [`EVENT_METRICS`] in runs that have something to count.
    Essential,
    /// None. The values are in the log line all the same.
    Off,
}

impl MetricsLevel {
    /// How many metrics a run writes that finds nothing: what a venue pays for all the time.
    pub fn steady_metrics(self) -> u64 {
        match self {
            Self::Full => RUN_METRICS.len() as u64,
            Self::Essential => 1,
            Self::Off => 0,
        }
    }

    /// Whether it is what a function does without being told.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A metric of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunMetric {
    /// Name in CloudWatch.
    pub name: &'static str,
    /// Unit, as CloudWatch spells it.
    pub unit: &'static str,
}

/// Contacts that became leads.
pub const SYNCED: RunMetric = RunMetric { name: "Synced", unit: "Count" };
/// Contacts that were refused for their data.
pub const FAILED: RunMetric = RunMetric { name: "Failed", unit: "Count" };
/// Contacts that somebody must look at.
pub const NEEDS_REVIEW: RunMetric = RunMetric { name: "NeedsReview", unit: "Count" };
/// Contacts that are left for a later run.
pub const BACKLOG: RunMetric = RunMetric { name: "Backlog", unit: "Count" };
/// How long the run took.
pub const DURATION: RunMetric = RunMetric { name: "Duration", unit: "Milliseconds" };
/// How long the oldest flag that is still set has been set. Only runs that succeed write it, so that its absence says that
/// none did.
pub const OLDEST_FLAG_AGE: RunMetric = RunMetric { name: "OldestFlagAgeSeconds", unit: "Seconds" };

/// Problems that didn't end a run: look-ups that the destination refuses, or a consent that can't be renewed.
pub const PROBLEMS: RunMetric = RunMetric { name: "Problems", unit: "Count" };
/// Runs of any venue of a deployment that HubSpot ended.
pub const HUBSPOT_FAILED: RunMetric = RunMetric { name: "HubSpotFailed", unit: "Count" };

/// The metrics of every run at [`MetricsLevel::Full`]. Each costs $0.30 a month.
pub const RUN_METRICS: [RunMetric; 6] = [SYNCED, FAILED, NEEDS_REVIEW, BACKLOG, DURATION, OLDEST_FLAG_AGE];
/// The metrics that are written at [`MetricsLevel::Essential`] only where there is something to count, which costs next to
/// nothing. At [`MetricsLevel::Full`], the last one is written that way too.
pub const EVENT_METRICS: [RunMetric; 4] = [SYNCED, FAILED, NEEDS_REVIEW, PROBLEMS];
