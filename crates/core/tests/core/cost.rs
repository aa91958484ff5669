//! The monthly cost estimate, compared with figures calculated by hand.

use deployer_core::cost::{CostAssumptions, CostChange, CostEstimate, CostItem, Money, PriceTable, estimate};
use deployer_core::desired::Desired;
use deployer_core::manifest::ScheduleExpression;
use deployer_core::resource::Observed;
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{MANIFEST, converged_snapshot, desired_from, expect_present, harbour_stack};

fn empty_snapshot() -> Snapshot {
    Snapshot::default()
}

fn default_estimate(desired: &Desired, snapshot: &Snapshot) -> CostEstimate {
    estimate(desired, snapshot, &[], &CostAssumptions::default())
}

fn nanos_of(sides: CostChange) -> (i64, i64) {
    (sides.before.as_nanos(), sides.after.as_nanos())
}

fn venue_nanos(estimate: &CostEstimate, name: &str) -> (i64, i64) {
    let venue = estimate.venues.iter().find(|venue| venue.venue == name);
    nanos_of(venue.unwrap_or_else(|| panic!("{name} is counted: {:?}", estimate.venues)).total)
}

fn item_nanos(estimate: &CostEstimate, item: CostItem) -> (i64, i64) {
    nanos_of(estimate.items.iter().find(|cost| cost.item == item).expect("every item is listed").cost)
}

/// The manifest with more lines for `harbour`.
fn harbour_with(lines: &str) -> Desired {
    desired_from(&MANIFEST.replacen("display_name = \"Harbour\"", &format!("display_name = \"Harbour\"\n{lines}"), 1))
}

/// `harbour` in eu-west-1: every 5 minutes, 128 MB on x86-64, logs for 30 days. In billionths of a dollar:
///
/// - 730 h x 12 = 8,760 runs; 8,760 x $0.20 / 1,000,000 = 1,752,000
/// - 8,760 x 1 s x 128/1,024 GB = 1,095 GB-s; x $0.0000166667 = 18,250,036.5
/// - one secret: 400,000,000; 8,760 reads x $0.05 / 10,000 = 43,800,000
/// - 8,760 x 2,000 bytes / 2^30 = 0.016316771 GB; x $0.57 = 9,300,559.8
/// - 0.016316771 GB x 720 h / 730 h x $0.03 = 482,797.6
/// - no metrics: `metrics` is off by default
const HARBOUR: i64 = 1_752_000 + 18_250_037 + 400_000_000 + 43_800_000 + 9_300_560 + 482_798;
/// `mill` is paused: it only pays for its secret.
const MILL: i64 = 400_000_000;

#[test]
fn every_item_matches_the_manual_calculation() {
    let estimate = default_estimate(&desired_from(MANIFEST), &empty_snapshot());
    assert_eq!(item_nanos(&estimate, CostItem::LambdaRequests), (0, 1_752_000));
    assert_eq!(item_nanos(&estimate, CostItem::LambdaDurationX86), (0, 18_250_037));
    assert_eq!(item_nanos(&estimate, CostItem::LambdaDurationArm), (0, 0));
    assert_eq!(item_nanos(&estimate, CostItem::Secrets), (0, 800_000_000));
    assert_eq!(item_nanos(&estimate, CostItem::SecretReads), (0, 43_800_000));
    assert_eq!(item_nanos(&estimate, CostItem::LogIngestion), (0, 9_300_560));
    assert_eq!(item_nanos(&estimate, CostItem::LogStorage), (0, 482_798));
    assert_eq!(item_nanos(&estimate, CostItem::Metrics), (0, 0));
    assert_eq!(item_nanos(&estimate, CostItem::ScheduledRules), (0, 0), "scheduled rules on the default bus are free");
    assert_eq!(venue_nanos(&estimate, "harbour"), (0, HARBOUR));
    assert_eq!(venue_nanos(&estimate, "mill"), (0, MILL));
    assert_eq!(nanos_of(estimate.total), (0, HARBOUR + MILL));
    let by_item: Money = estimate.items.iter().map(|item| item.cost.after).sum();
    assert_eq!(by_item, estimate.total.after, "items and venues add up to the same total");
}

/// What a company's keys cost `harbour`, with 8,760 runs:
///
/// - 3 x 8,760 uses of the key x $0.03 / 10,000 = 78,840,000
/// - 8,760 traces x $5 / 1,000,000 = 43,800,000
/// - 87.6 dead letters x $0.40 or $0.50 / 1,000,000 = 35,040 or 43,800
#[test]
fn keys_traces_and_dead_letters_are_counted_where_they_are_declared() {
    const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let declared = |service: &str| {
        harbour_with(&format!(
            "kms_key = \"{KEY}\"\ntracing = \"active\"\ndead_letter = \"arn:aws:{service}:eu-west-1:123456789012:failed\""
        ))
    };
    let plain = desired_from(MANIFEST);
    let estimate = default_estimate(&declared("sqs"), &converged_snapshot(&plain));
    assert_eq!(item_nanos(&estimate, CostItem::KmsRequests), (0, 78_840_000));
    assert_eq!(item_nanos(&estimate, CostItem::XrayTraces), (0, 43_800_000));
    assert_eq!(item_nanos(&estimate, CostItem::SqsMessages), (0, 35_040));
    assert_eq!(item_nanos(&estimate, CostItem::SnsMessages), (0, 0));
    assert_eq!(venue_nanos(&estimate, "harbour"), (HARBOUR, HARBOUR + 78_840_000 + 43_800_000 + 35_040));
    // What exists is counted from AWS's answers.
    let removed = default_estimate(&plain, &converged_snapshot(&declared("sns")));
    assert_eq!(item_nanos(&removed, CostItem::SnsMessages), (43_800, 0));
    assert_eq!(venue_nanos(&removed, "harbour"), (HARBOUR + 78_840_000 + 43_800_000 + 43_800, HARBOUR));
    // A venue that doesn't run uses nothing of it.
    let paused = harbour_with(&format!("kms_key = \"{KEY}\"\ntracing = \"active\"\nstatus = \"paused\""));
    assert_eq!(venue_nanos(&default_estimate(&paused, &empty_snapshot()), "harbour"), (0, 400_000_000));
}

#[test]
fn architecture_memory_retention_and_region_change_the_price() {
    let mut desired = harbour_with("architecture = \"arm64\"\nmemory_mb = 512\nlog_retention_days = 365");
    desired.scope.region = "eu-central-1".to_owned();
    let estimate = default_estimate(&desired, &empty_snapshot());
    // 8,760 x 1 s x 0.5 GB = 4,380 GB-s; x $0.0000133334
    assert_eq!(item_nanos(&estimate, CostItem::LambdaDurationArm), (0, 58_400_292));
    assert_eq!(item_nanos(&estimate, CostItem::LambdaDurationX86), (0, 0));
    // 0.016316771 GB x $0.63; and x 8,760 h / 730 h x $0.0324
    assert_eq!(item_nanos(&estimate, CostItem::LogIngestion), (0, 10_279_566));
    assert_eq!(item_nanos(&estimate, CostItem::LogStorage), (0, 6_343_961));
}

#[test]
fn measured_duration_replaces_the_assumed_one() {
    let measured =
        CostAssumptions { measured_run_ms: [("harbour".to_owned(), 250)].into(), ..CostAssumptions::default() };
    let estimate = estimate(&desired_from(MANIFEST), &empty_snapshot(), &[], &measured);
    // 1,095 GB-s / 4 x $0.0000166667
    assert_eq!(item_nanos(&estimate, CostItem::LambdaDurationX86), (0, 4_562_509));
}

#[test]
fn counts_the_runs_of_every_kind_of_schedule() {
    // Thousandths of a run in 730 hours. The calendar repeats every 28 years: 10,227 days, of which 7,305 are weekdays.
    let schedules = [
        ("rate(1 minute)", 43_800_000),
        ("rate(5 minutes)", 8_760_000),
        ("rate(7 minutes)", 6_257_143),
        ("rate(1 hour)", 730_000),
        ("rate(1 day)", 30_417),
        ("rate(7 days)", 4_345),
        ("cron(0/5 * * * ? *)", 8_760_000),
        ("cron(0 8 * * ? *)", 30_417),
        // 44 times on 7,305 of 10,227 days: 44 x 7,305 x 730 / (24 x 10,227)
        ("cron(0/15 8-18 ? * MON-FRI *)", 955_952),
        // 336 months in 28 years.
        ("cron(0 8 1 * ? *)", 999),
        ("cron(0 8 L * ? *)", 999),
        ("cron(0 8 15W * ? *)", 999),
        ("cron(0 8 ? * 6L *)", 999),
        ("cron(0 8 ? * 3#2 *)", 999),
        // 7 leap days in 28 years.
        ("cron(0 8 29 2 ? *)", 21),
        // Once a year: 730 / (24 x 365)
        ("cron(0 8 1 1 ? 2027)", 83),
    ];
    for (expression, thousandths) in schedules {
        let schedule = ScheduleExpression::parse_expression(expression)
            .unwrap_or_else(|flaw| panic!("{expression}: {}", flaw.message));
        assert_eq!(schedule.firings_in(730), thousandths, "{expression}");
    }
}

#[test]
fn metrics_are_charged_only_for_hours_with_a_run() {
    let schedules = [
        ("rate(5 minutes)", 730_000),
        ("rate(1 hour)", 730_000),
        ("rate(2 hours)", 365_000),
        ("cron(0/10 8-23 ? * * *)", 486_667),
        ("cron(0 8 * * ? *)", 30_417),
    ];
    for (expression, thousandths) in schedules {
        let schedule = ScheduleExpression::parse_expression(expression)
            .unwrap_or_else(|flaw| panic!("{expression}: {}", flaw.message));
        assert_eq!(schedule.busy_hours_in(730), thousandths, "{expression}");
    }
    let metrics =
        |lines: &str| item_nanos(&default_estimate(&harbour_with(lines), &empty_snapshot()), CostItem::Metrics).1;
    // 6 metrics x $0.30, since there is a run in every hour
    assert_eq!(metrics("metrics = \"full\""), 1_800_000_000);
    assert_eq!(metrics("metrics = \"essential\""), 300_000_000);
    // 6 metrics x $0.30 x 16 of 24 hours
    assert_eq!(metrics("metrics = \"full\"\nschedule = \"cron(0/10 8-23 ? * * *)\""), 1_200_000_822);
    // A function that an earlier version configured writes all metrics.
    let mut snapshot = converged_snapshot(&desired_from(MANIFEST));
    let alias = expect_present(&mut harbour_stack(&mut snapshot).alias);
    alias.configuration.environment.insert("SYNC_CONFIG".to_owned(), "{\"portal_id\":7}".to_owned());
    let estimate = default_estimate(&desired_from(MANIFEST), &snapshot);
    assert_eq!(item_nanos(&estimate, CostItem::Metrics), (1_800_000_000, 0));
}

#[test]
fn plan_without_changes_costs_the_same() {
    let desired = desired_from(MANIFEST);
    let estimate = default_estimate(&desired, &converged_snapshot(&desired));
    assert_eq!(nanos_of(estimate.total), (HARBOUR + MILL, HARBOUR + MILL));
    assert_eq!(estimate.total.difference(), Money::ZERO);
    assert_eq!(estimate.not_counted, Vec::<String>::new());
}

#[test]
fn adding_pausing_resuming_or_removing_a_venue_changes_the_cost() {
    let both = desired_from(MANIFEST);
    let only_harbour = desired_from(&MANIFEST[..MANIFEST.find("[venues.mill]").expect("mill is there")]);
    let added = default_estimate(&both, &converged_snapshot(&only_harbour));
    assert_eq!((venue_nanos(&added, "harbour"), venue_nanos(&added, "mill")), ((HARBOUR, HARBOUR), (0, MILL)));
    let paused = default_estimate(&harbour_with("status = \"paused\""), &converged_snapshot(&both));
    assert_eq!(venue_nanos(&paused, "harbour"), (HARBOUR, 400_000_000));
    let resumed = default_estimate(&both, &converged_snapshot(&harbour_with("status = \"paused\"")));
    assert_eq!(venue_nanos(&resumed, "harbour"), (400_000_000, HARBOUR));
    let removed = default_estimate(&only_harbour, &converged_snapshot(&both));
    assert_eq!(venue_nanos(&removed, "mill"), (MILL, 0), "a secret in its recovery window costs nothing");
    let destroyed = default_estimate(&Desired { venues: Vec::new(), ..both.clone() }, &converged_snapshot(&both));
    assert_eq!(nanos_of(destroyed.total), (HARBOUR + MILL, 0));
    let blocked = "status = \"blocked\"\nblocker = { reason = \"no licence\", owner = \"ops\", next_step = \"renew\", \
                   since = 2026-01-01 }";
    assert_eq!(
        venue_nanos(&default_estimate(&harbour_with(blocked), &converged_snapshot(&both)), "harbour"),
        (HARBOUR, 0)
    );
}

#[test]
fn untargeted_venues_keep_their_cost() {
    let slower = harbour_with("schedule = \"rate(1 hour)\"");
    let snapshot = converged_snapshot(&desired_from(MANIFEST));
    let of = |target: &str| estimate(&slower, &snapshot, &[target.to_owned()], &CostAssumptions::default());
    assert_eq!(venue_nanos(&of("mill"), "harbour"), (HARBOUR, HARBOUR));
    assert!(venue_nanos(&of("harbour"), "harbour").1 < HARBOUR);
}

#[test]
fn existing_resources_are_counted_as_they_are() {
    let desired = desired_from(MANIFEST);
    let live = |change: fn(&mut deployer_core::resource::LiveStack)| {
        let mut snapshot = converged_snapshot(&desired);
        change(harbour_stack(&mut snapshot));
        venue_nanos(&default_estimate(&desired, &snapshot), "harbour")
    };
    let pending = live(|live| live.secret = Observed::PendingDeletion(expect_present(&mut live.secret).clone()));
    assert_eq!(pending, (HARBOUR - 400_000_000 - 43_800_000, HARBOUR), "it costs nothing until it is restored");
    let alias = live(|live| expect_present(&mut live.alias).configuration.memory_mb = 256);
    assert_eq!(alias, (HARBOUR - 18_250_037 + 36_500_073, HARBOUR), "the alias is what runs");
    let no_target = live(|live| expect_present(&mut live.rule).targets.clear());
    assert_eq!(no_target, (400_000_000, HARBOUR), "a rule without a target runs nothing");
    let for_ever = live(|live| expect_present(&mut live.log_group).retention_days = None);
    assert_eq!(
        for_ever,
        (HARBOUR - 482_798 + 5_874_038, HARBOUR),
        "logs without a retention period count for one year"
    );
    let foreign = live(|live| expect_present(&mut live.secret).tags.clear());
    assert_eq!(foreign.0, HARBOUR - 400_000_000 - 43_800_000, "resources of other owners are not on our bill");
}

#[test]
fn unreadable_resources_are_in_neither_sum_and_listed() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    harbour_stack(&mut snapshot).rule = Observed::Unreadable("events:ListRules: AccessDenied: no".to_owned());
    snapshot.unreadable.push("events:ListRules: AccessDenied: no".to_owned());
    let estimate = default_estimate(&desired, &snapshot);
    assert_eq!(nanos_of(estimate.total), (MILL, MILL));
    let reasons = ["resources in an unreadable list: events:ListRules: AccessDenied: no", "harbour: unreadable rule"];
    assert_eq!(estimate.not_counted, reasons);
}

#[test]
fn runs_of_a_rule_without_a_schedule_are_not_counted() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    expect_present(&mut harbour_stack(&mut snapshot).rule).schedule.clear();
    let estimate = default_estimate(&desired, &snapshot);
    assert_eq!(venue_nanos(&estimate, "harbour"), (400_000_000, HARBOUR));
    assert_eq!(estimate.not_counted, ["the current runs of harbour: its rule has no schedule"]);
}

#[test]
fn region_without_prices_uses_and_names_us_east_1() {
    let mut desired = desired_from(MANIFEST);
    desired.scope.region = "ap-south-1".to_owned();
    let estimate = default_estimate(&desired, &empty_snapshot());
    assert_eq!((estimate.region.as_str(), estimate.prices_of.as_str()), ("ap-south-1", "us-east-1"));
    // 0.016316771 GB x $0.50
    assert_eq!(item_nanos(&estimate, CostItem::LogIngestion), (0, 8_158_386));
}

#[test]
fn json_of_an_estimate() {
    let desired = desired_from(MANIFEST);
    let estimate = default_estimate(&desired, &converged_snapshot(&harbour_with("status = \"paused\"")));
    insta::assert_json_snapshot!(estimate);
}

#[test]
fn price_table_is_complete() {
    let table = PriceTable::bundled_table();
    let regions: Vec<&str> = table.region_names().collect();
    assert_eq!(regions, ["eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2"]);
    assert!(table.date.parse::<jiff::civil::Date>().is_ok(), "{}", table.date);
    assert!(CostItem::ALL.iter().all(|item| table.sources[item].starts_with("https://aws.amazon.com/")));
}

#[test]
fn rejects_invalid_price_tables() {
    let good = include_str!("../../src/cost/prices.toml");
    let mistakes = [
        (good.replace("eu-west-1 = \"0.57\", ", ""), "eu-west-1 has no price for Log ingestion"),
        (good.replace("us-east-1", "us-gov-east-1"), "there are no prices for us-east-1"),
        (good.replace("\"0.57\"", "\"0,57\""), "eu-west-1: 0,57 per 1 is not a valid price"),
        (good.replace("\"0.57\"", "\"0.0000000000001\""), "eu-west-1: 0.0000000000001 per 1 is not a valid price"),
        (good.replace("per = 10000\n", "per = 0\n"), "eu-central-1: 0.05 per 0 is not a valid price"),
        (good.replace("\"USD\"", "\"EUR\""), "prices in EUR: only USD is supported"),
    ];
    for (text, message) in mistakes {
        assert_eq!(PriceTable::parse_toml(&text).map(|_| ()), Err(message.to_owned()));
    }
}

#[test]
fn amounts_are_displayed_in_cents_and_stored_exactly() {
    let shown = |nanos: i64| {
        let money = Money::from_nanos(nanos);
        (money.to_string(), money.format_signed(), money.format_exact())
    };
    let texts = |shown: &str, signed: &str, exact: &str| (shown.to_owned(), signed.to_owned(), exact.to_owned());
    assert_eq!(shown(0), texts("$0.00", "no change", "0.00"));
    assert_eq!(shown(1), texts("<$0.01", "+<$0.01", "0.000000001"));
    assert_eq!(shown(-9_999_999), texts("-<$0.01", "-<$0.01", "-0.009999999"));
    assert_eq!(shown(10_000_000), texts("$0.01", "+$0.01", "0.01"));
    assert_eq!(shown(1_324_999_999), texts("$1.32", "+$1.32", "1.324999999"));
    assert_eq!(shown(1_325_000_000), texts("$1.33", "+$1.33", "1.325"));
    assert_eq!(shown(-420_000_000), texts("-$0.42", "-$0.42", "-0.42"));
    assert_eq!(shown(i64::MAX).0, "$9223372036.85");
}
