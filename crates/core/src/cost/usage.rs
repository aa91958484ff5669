//! What a venue uses per month, on either side of a plan.

use serde::Deserialize;
use serde_json::Value;
use sync_config::chat::ENV_FORWARD_CONFIG;
use sync_config::config::ENV_SYNC_CONFIG;
use sync_config::metrics::MetricsLevel;

use super::prices::{CostItem, RegionPrices};
use super::{CostAssumptions, HOURS_A_MONTH, Money};
use crate::manifest::ScheduleExpression;
use crate::plan::{is_owner, is_pinned};
use crate::resource::alarm::{AlarmGroupSpec, AlarmSpec, LiveAlarm};
use crate::resource::{DesiredStack, FunctionConfiguration, LiveStack, Observed};

/// MB in a GB of memory, as Lambda charges for it.
const MB_A_GB: u128 = 1024;
/// Bytes in a GB of logs, as counted in the examples on CloudWatch's pricing page.
const BYTES_A_GB: u128 = 1 << 30;
/// Logs without a retention period are kept forever; the estimate counts one year of them.
const DAYS_KEPT_FOR_EVER: u32 = 365;

/// What a venue uses per month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct VenueUsage {
    /// Runs, in thousandths: a weekly rule has 4.345 runs per month.
    pub(super) thousandths_of_runs: u64,
    /// Hours with at least one run, in thousandths.
    thousandths_of_hours: u64,
    /// Whether a schedule of EventBridge Scheduler starts the runs, and not a rule.
    by_schedule: bool,
    /// Whether the function is on Arm.
    arm: bool,
    memory_mb: u32,
    /// Custom metrics that every run writes.
    metrics: u64,
    /// Metrics that its alarms watch.
    alarm_metrics: u64,
    composite_alarms: u64,
    secrets: u32,
    log_retention_days: u32,
    /// What a key of a company encrypts of it: the secret, the function's environment, the log group.
    encrypted: u32,
    traced: bool,
    dead_letters: Option<DeadLetterService>,
}

/// Where the events of failed runs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeadLetterService {
    Sqs,
    Sns,
}

impl DeadLetterService {
    fn of_arn(arn: &str) -> Option<Self> {
        match arn.split(':').nth(2)? {
            "sqs" => Some(Self::Sqs),
            "sns" => Some(Self::Sns),
            _ => None,
        }
    }
}

impl VenueUsage {
    /// What a stack uses once the plan is applied, given what currently exists of it.
    pub(super) fn from_desired(stack: &DesiredStack, live: &LiveStack) -> Self {
        // The other kinds cost nothing.
        let DesiredStack { secret, log_group, function, trigger, role: _, alias: _, permission: _, properties: _ } =
            stack;
        let fires = Some(trigger).filter(|trigger| trigger.is_enabled());
        let runs = fires.and_then(|trigger| MonthlyRuns::from_schedule(trigger.expression()));
        let wanted = &function.configuration;
        // A rollback stays in effect until the function changes.
        let size =
            |configuration: &FunctionConfiguration| (configuration.memory_mb, configuration.architecture.clone());
        let unchanged =
            live.function.as_present().is_some_and(|function| size(&function.configuration) == size(wanted));
        let pinned = live.alias.as_present().filter(|alias| unchanged && is_pinned(&live.function, alias));
        let configuration = pinned.map_or(wanted, |alias| &alias.configuration);
        let usage = Self::from_function(configuration, runs.unwrap_or_default());
        let secret_key = secret.as_ref().map(|secret| &secret.kms_key);
        let keys = secret_key.into_iter().chain([&log_group.kms_key]).flatten();
        Self {
            secrets: u32::from(secret.is_some()),
            log_retention_days: log_group.retention_days,
            encrypted: usage.encrypted + count_up(keys),
            by_schedule: trigger.as_schedule().is_some(),
            ..usage
        }
    }

    /// What an existing stack uses. Resources of other owners are not part of this bill.
    pub(super) fn from_live(live: &LiveStack, deployment: &str) -> Self {
        let secret = live.secret.as_present().filter(|secret| is_owner(&secret.tags, deployment));
        let group = live.log_group.as_present().filter(|group| is_owner(&group.tags, deployment));
        let function = live.function.as_present().filter(|function| is_owner(&function.tags, deployment));
        let rule = live.rule.as_present().filter(|rule| is_owner(&rule.tags, deployment));
        let fires = rule.filter(|rule| rule.enabled && !rule.targets.is_empty()).map(|rule| &rule.schedule);
        // In the middle of a changeover there are both, and one of them fires.
        let schedule = live.schedule.as_present().filter(|schedule| schedule.is_owned(deployment) && schedule.enabled);
        let fires = schedule.map(|schedule| &schedule.expression).or(fires);
        let runs = fires.and_then(|expression| MonthlyRuns::from_schedule(expression)).unwrap_or_default();
        // The rule invokes the alias, so the alias's version is what runs.
        let alias = live.alias.as_present().map(|alias| &alias.configuration);
        let usage = function.map(|function| Self::from_function(alias.unwrap_or(&function.configuration), runs));
        let usage = usage.unwrap_or_default();
        let secret_key = secret.and_then(|secret| secret.unmodeled.find_member("KmsKeyId"));
        let group_key = group.and_then(|group| group.unmodeled.find_member("kmsKeyId"));
        Self {
            secrets: u32::from(secret.is_some()),
            log_retention_days: group.map_or(0, |group| group.retention_days.unwrap_or(DAYS_KEPT_FOR_EVER)),
            encrypted: usage.encrypted + count_up([secret_key, group_key].into_iter().flatten()),
            by_schedule: schedule.is_some(),
            ..usage
        }
    }

    /// The same usage with at most so many runs a month, in thousandths.
    pub(super) fn with_at_most(self, thousandths_of_runs: u64) -> Self {
        Self { thousandths_of_runs: self.thousandths_of_runs.min(thousandths_of_runs), ..self }
    }

    /// The same usage with these alarms besides.
    pub(super) fn with_alarms(self, alarm_metrics: u64, composite_alarms: u64) -> Self {
        Self { alarm_metrics, composite_alarms, ..self }
    }

    /// Whether it has alarms.
    pub(super) fn has_alarms(&self) -> bool {
        self.alarm_metrics > 0
    }

    /// The same usage with alarms that watch at most so many metrics.
    pub(super) fn with_at_most_alarms(self, alarm_metrics: u64) -> Self {
        Self { alarm_metrics: self.alarm_metrics.min(alarm_metrics), ..self }
    }

    /// The alarms that a group has.
    pub(super) fn with_group(self, group: Option<&AlarmGroupSpec>) -> Self {
        let Some(AlarmGroupSpec { alarms, composite, .. }) = group else { return self };
        self.with_alarms(alarms.iter().map(AlarmSpec::metric_count).sum(), u64::from(composite.is_some()))
    }

    /// The alarms that exist of a group.
    pub(super) fn with_live_group(self, live: &[&LiveAlarm], deployment: &str) -> Self {
        let is_ours = |alarm: &&LiveAlarm| alarm.tags.as_ref().is_none_or(|tags| is_owner(tags, deployment));
        let ours: Vec<&LiveAlarm> = live.iter().copied().filter(is_ours).collect();
        let metrics = ours.iter().filter(|alarm| !alarm.composite).map(|alarm| alarm.metric_count()).sum();
        self.with_alarms(metrics, ours.iter().filter(|alarm| alarm.composite).count() as u64)
    }

    /// The same usage with at most so many metrics.
    pub(super) fn with_at_most_metrics(self, metrics: u64) -> Self {
        Self { metrics: self.metrics.min(metrics), ..self }
    }

    fn from_function(configuration: &FunctionConfiguration, runs: MonthlyRuns) -> Self {
        // A specification has what is declared, and an answer has it among its other members.
        let declared = configuration.declared.list_members();
        let declared = declared.iter().map(|member| (member.path, &member.value));
        let observed = configuration.unmodeled.iter().map(|member| (member.path.as_str(), &member.value));
        let members: Vec<_> = declared.chain(observed).collect();
        let find = |path: &str| members.iter().find(|(name, _)| *name == path).map(|(_, value)| *value);
        let dead_letters = find("DeadLetterConfig").and_then(|value| value["TargetArn"].as_str());
        Self {
            encrypted: u32::from(find("KMSKeyArn").is_some()),
            traced: find("TracingConfig.Mode").is_some_and(|mode| mode == "Active"),
            dead_letters: dead_letters.and_then(DeadLetterService::of_arn),
            thousandths_of_runs: runs.thousandths,
            thousandths_of_hours: runs.thousandths_of_hours,
            arm: configuration.architecture == "arm64",
            memory_mb: configuration.memory_mb,
            metrics: metrics_level(configuration).steady_metrics(),
            ..Self::default()
        }
    }

    /// What one item of this usage costs per month.
    pub(super) fn price_item(
        &self,
        item: CostItem,
        run_ms: u64,
        assumptions: &CostAssumptions,
        prices: &RegionPrices,
    ) -> Money {
        let runs = u128::from(self.thousandths_of_runs);
        let duration = runs * u128::from(self.memory_mb) * u128::from(run_ms);
        let logs = runs * u128::from(assumptions.log_bytes_a_run);
        match item {
            CostItem::LambdaRequests | CostItem::ScheduledRules => prices.cost_of(item, runs, 1000),
            CostItem::SchedulerInvocations if self.by_schedule => prices.cost_of(item, runs, 1000),
            CostItem::SchedulerInvocations => Money::ZERO,
            CostItem::LambdaDurationX86 if !self.arm => prices.cost_of(item, duration, 1000 * 1000 * MB_A_GB),
            CostItem::LambdaDurationArm if self.arm => prices.cost_of(item, duration, 1000 * 1000 * MB_A_GB),
            CostItem::LambdaDurationX86 | CostItem::LambdaDurationArm => Money::ZERO,
            CostItem::Secrets => prices.cost_of(item, u128::from(self.secrets), 1),
            CostItem::SecretReads if self.secrets > 0 => {
                prices.cost_of(item, runs * u128::from(assumptions.secret_reads_a_run), 1000)
            }
            CostItem::SecretReads => Money::ZERO,
            CostItem::LogIngestion => prices.cost_of(item, logs, 1000 * BYTES_A_GB),
            CostItem::LogStorage => {
                let hours = u128::from(self.log_retention_days) * 24;
                prices.cost_of(item, logs * hours, 1000 * BYTES_A_GB * u128::from(HOURS_A_MONTH))
            }
            CostItem::Alarms => prices.cost_of(item, u128::from(self.alarm_metrics), 1),
            CostItem::CompositeAlarms => prices.cost_of(item, u128::from(self.composite_alarms), 1),
            CostItem::Metrics => {
                let hours = u128::from(self.thousandths_of_hours) * u128::from(self.metrics);
                prices.cost_of(item, hours, 1000 * u128::from(HOURS_A_MONTH))
            }
            CostItem::KmsRequests => {
                let uses = u128::from(self.encrypted) * u128::from(assumptions.key_uses_a_run);
                prices.cost_of(item, runs * uses, 1000)
            }
            CostItem::XrayTraces if self.traced => prices.cost_of(item, runs, 1000),
            CostItem::SqsMessages if self.dead_letters == Some(DeadLetterService::Sqs) => {
                prices.cost_of(item, runs * u128::from(assumptions.failed_of_1000_runs), 1000 * 1000)
            }
            CostItem::SnsMessages if self.dead_letters == Some(DeadLetterService::Sns) => {
                prices.cost_of(item, runs * u128::from(assumptions.failed_of_1000_runs), 1000 * 1000)
            }
            CostItem::XrayTraces | CostItem::SqsMessages | CostItem::SnsMessages => Money::ZERO,
        }
    }
}

fn count_up<T>(things: impl Iterator<Item = T>) -> u32 {
    things.fold(0, |count, _| count + 1)
}

/// Which metrics a function with this configuration writes. One that says nothing, or nothing that can be read, writes all. The
/// function of all venues writes none.
fn metrics_level(configuration: &FunctionConfiguration) -> MetricsLevel {
    if configuration.environment.contains_key(ENV_FORWARD_CONFIG) {
        return MetricsLevel::Off;
    }
    let config = configuration.environment.get(ENV_SYNC_CONFIG);
    let config = config.and_then(|json| serde_json::from_str::<Value>(json).ok()).unwrap_or_default();
    MetricsLevel::deserialize(&config["metrics"]).unwrap_or_default()
}

/// How often a rule fires per month.
#[derive(Clone, Copy, Default)]
struct MonthlyRuns {
    thousandths: u64,
    thousandths_of_hours: u64,
}

impl MonthlyRuns {
    /// `None` if the expression is not a valid schedule.
    fn from_schedule(schedule: &str) -> Option<Self> {
        let schedule = ScheduleExpression::parse_expression(schedule).ok()?;
        Some(Self {
            thousandths: schedule.firings_in(HOURS_A_MONTH),
            thousandths_of_hours: schedule.busy_hours_in(HOURS_A_MONTH),
        })
    }
}

/// The unreadable parts of a live stack that cost something.
pub(super) fn unreadable_parts(live: &LiveStack) -> Vec<&'static str> {
    fn is_unreadable<T>(observed: &Observed<T>) -> bool {
        matches!(observed, Observed::Unreadable(_))
    }
    let parts = [
        ("secret", is_unreadable(&live.secret)),
        ("log group", is_unreadable(&live.log_group)),
        ("function", is_unreadable(&live.function) || is_unreadable(&live.alias)),
        ("rule", is_unreadable(&live.rule)),
        ("schedule", is_unreadable(&live.schedule)),
    ];
    parts.into_iter().filter(|(_, unread)| *unread).map(|(part, _)| part).collect()
}

/// Whether the rule fires on something other than a schedule, so that its runs can't be counted.
pub(super) fn fires_by_events(live: &LiveStack) -> bool {
    live.rule.as_present().is_some_and(|rule| rule.enabled && MonthlyRuns::from_schedule(&rule.schedule).is_none())
}
