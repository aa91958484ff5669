//! The price table, read from `prices.toml`, which has its date, sources and units.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Money;

/// The region whose prices are used for regions that are not in the table.
pub const FALLBACK_REGION: &str = "us-east-1";

/// What AWS charges for, in display order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostItem {
    /// Invocations of a function.
    LambdaRequests,
    /// GB-seconds of a function on x86-64.
    #[serde(rename = "lambda_duration_x86_64")]
    LambdaDurationX86,
    /// GB-seconds of a function on Arm.
    #[serde(rename = "lambda_duration_arm64")]
    LambdaDurationArm,
    /// Stored secrets.
    Secrets,
    /// API calls that read a secret.
    SecretReads,
    /// Data written to log groups.
    LogIngestion,
    /// Data stored in log groups.
    LogStorage,
    /// Custom metrics, which the function embeds in its log lines.
    Metrics,
    /// Alarms on metrics, by the metrics that they watch.
    Alarms,
    /// Alarms on other alarms.
    CompositeAlarms,
    /// Uses of a declared `kms_key`. The key itself is its owner's.
    KmsRequests,
    /// Traces that X-Ray records, with `tracing = "active"`.
    XrayTraces,
    /// Events of failed runs that go to a declared queue.
    SqsMessages,
    /// Events of failed runs that go to a declared topic.
    SnsMessages,
    /// Firings of scheduled rules on the default bus, which are free.
    ScheduledRules,
    /// Firings of schedules of EventBridge Scheduler.
    SchedulerInvocations,
}

impl CostItem {
    /// All items.
    pub const ALL: [Self; 16] = [
        Self::LambdaRequests,
        Self::LambdaDurationX86,
        Self::LambdaDurationArm,
        Self::Secrets,
        Self::SecretReads,
        Self::LogIngestion,
        Self::LogStorage,
        Self::Metrics,
        Self::Alarms,
        Self::CompositeAlarms,
        Self::KmsRequests,
        Self::XrayTraces,
        Self::SqsMessages,
        Self::SnsMessages,
        Self::ScheduledRules,
        Self::SchedulerInvocations,
    ];

    /// Display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::LambdaRequests => "Lambda requests",
            Self::LambdaDurationX86 => "Lambda GB-seconds, x86_64",
            Self::LambdaDurationArm => "Lambda GB-seconds, arm64",
            Self::Secrets => "Secrets",
            Self::SecretReads => "Secret reads",
            Self::LogIngestion => "Log ingestion",
            Self::LogStorage => "Log storage",
            Self::Metrics => "Custom metrics",
            Self::Alarms => "Alarms",
            Self::CompositeAlarms => "Composite alarms",
            Self::KmsRequests => "KMS requests",
            Self::XrayTraces => "X-Ray traces",
            Self::SqsMessages => "SQS dead letters",
            Self::SnsMessages => "SNS dead letters",
            Self::ScheduledRules => "EventBridge scheduled rules",
            Self::SchedulerInvocations => "EventBridge Scheduler invocations",
        }
    }
}

/// The price of a number of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPrice {
    /// Trillionths of a dollar, since the price of a GB-second has ten decimals.
    picos: u64,
    /// How many units that price is for.
    per: u64,
}

impl UnitPrice {
    /// What `numerator / denominator` units cost, rounded to the nearest billionth of a dollar.
    pub(super) fn cost_of(self, numerator: u128, denominator: u128) -> Money {
        let divisor = denominator.saturating_mul(u128::from(self.per)).saturating_mul(1000).max(1);
        let nanos = numerator.saturating_mul(u128::from(self.picos)).saturating_add(divisor / 2) / divisor;
        Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// A price table for one or more regions.
#[derive(Debug, Clone)]
pub struct PriceTable {
    /// When it was last compared with AWS, as `YYYY-MM-DD`.
    pub date: String,
    /// Where each price is published.
    pub sources: BTreeMap<CostItem, String>,
    regions: BTreeMap<String, BTreeMap<CostItem, UnitPrice>>,
}

/// The prices of one region.
#[derive(Debug, Clone, Copy)]
pub struct RegionPrices<'a> {
    /// The region that the prices are for.
    pub region: &'a str,
    prices: &'a BTreeMap<CostItem, UnitPrice>,
}

impl RegionPrices<'_> {
    /// What `numerator / denominator` units of an item cost.
    pub(super) fn cost_of(&self, item: CostItem, numerator: u128, denominator: u128) -> Money {
        self.prices.get(&item).map_or(Money::ZERO, |price| price.cost_of(numerator, denominator))
    }
}

/// The raw content of `prices.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    date: String,
    currency: String,
    price: Vec<PriceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceEntry {
    item: CostItem,
    /// For readers of the file.
    #[serde(rename = "unit")]
    _unit: String,
    per: u64,
    source: String,
    usd: BTreeMap<String, String>,
}

impl PriceTable {
    /// The table built into this program.
    ///
    /// # Panics
    /// If the table in the repository is invalid. The tests check that it isn't.
    pub fn bundled_table() -> &'static Self {
        static BUNDLED: LazyLock<PriceTable> = LazyLock::new(|| {
            PriceTable::parse_toml(include_str!("prices.toml")).unwrap_or_else(|flaw| panic!("prices.toml: {flaw}"))
        });
        &BUNDLED
    }

    /// Parses a table.
    ///
    /// # Errors
    /// The text is not TOML of this shape, a region lacks the price of an item, or there are no prices for us-east-1.
    pub fn parse_toml(text: &str) -> Result<Self, String> {
        let written: PriceFile = toml::from_str(text).map_err(|error| error.to_string())?;
        if written.currency != "USD" {
            return Err(format!("prices in {}: only USD is supported", written.currency));
        }
        let mut table = Self { date: written.date, sources: BTreeMap::new(), regions: BTreeMap::new() };
        for price in written.price {
            for (region, usd) in price.usd {
                let picos = parse_picos(&usd).filter(|_| price.per > 0);
                let picos = picos.ok_or_else(|| format!("{region}: {usd} per {} is not a valid price", price.per))?;
                table.regions.entry(region).or_default().insert(price.item, UnitPrice { picos, per: price.per });
            }
            table.sources.insert(price.item, price.source);
        }
        for (region, prices) in &table.regions {
            if let Some(item) = CostItem::ALL.iter().find(|item| !prices.contains_key(item)) {
                return Err(format!("{region} has no price for {}", item.display_name()));
            }
        }
        if !table.regions.contains_key(FALLBACK_REGION) {
            return Err(format!("there are no prices for {FALLBACK_REGION}"));
        }
        Ok(table)
    }

    /// The regions in the table.
    pub fn region_names(&self) -> impl Iterator<Item = &str> {
        self.regions.keys().map(String::as_str)
    }

    /// The prices of a region, or else those of us-east-1.
    pub fn region_prices(&self, region: &str) -> RegionPrices<'_> {
        static NONE: BTreeMap<CostItem, UnitPrice> = BTreeMap::new();
        let known = self.regions.get_key_value(region).or_else(|| self.regions.get_key_value(FALLBACK_REGION));
        known.map_or(RegionPrices { region: FALLBACK_REGION, prices: &NONE }, |(region, prices)| RegionPrices {
            region,
            prices,
        })
    }
}

/// Converts a decimal number of dollars to trillionths. `None` if it has more decimals or is not a number.
fn parse_picos(usd: &str) -> Option<u64> {
    let (whole, parts) = usd.split_once('.').unwrap_or((usd, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || parts.len() > 12 || !digits(whole) || !digits(parts) {
        return None;
    }
    let parts: u64 = format!("{parts:0<12}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000_000)?.checked_add(parts)
}
