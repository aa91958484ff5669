//! The CloudWatch metrics that a run writes: the function names them in its log lines, the deployer counts their cost.

/// Namespace of all metrics.
pub const METRIC_NAMESPACE: &str = "Deployer/Sync";
/// The one dimension of every metric.
pub const METRIC_DIMENSION: &str = "venue";

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
/// How long the oldest flag that is still set has been set.
pub const OLDEST_FLAG_AGE: RunMetric = RunMetric { name: "OldestFlagAgeSeconds", unit: "Seconds" };

/// All metrics of a venue. Each costs $0.30 a month.
pub const RUN_METRICS: [RunMetric; 6] = [SYNCED, FAILED, NEEDS_REVIEW, BACKLOG, DURATION, OLDEST_FLAG_AGE];
