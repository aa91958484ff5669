//! A week with three outages, in which alarms are evaluated every minute.

use std::collections::BTreeMap;

use deployer_cloud::cloudwatch::evaluation::{AlarmMessage, AlarmState, AlarmWatch, MetricKey, MetricSource};
use deployer_core::resource::alarm::AlarmGroupSpec;
use serde_json::Value;
use sync_config::metrics::{
    DEPLOYMENT_DIMENSION, HUBSPOT_FAILED, METRIC_DIMENSION, METRIC_NAMESPACE, OLDEST_FLAG_AGE, RunMetric,
};

use super::ALARMS;
use crate::scenarios::new_world;
use crate::world::venue_tables;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// How long an alarm may take, from the beginning of an outage to its message, and from its end.
const LATEST: i64 = 45 * MINUTE;

/// The metrics of simulated runs.
#[derive(Default)]
struct SimulatedMetrics(BTreeMap<MetricKey, BTreeMap<i64, f64>>);

impl SimulatedMetrics {
    fn add(&mut self, key: MetricKey, at: i64, value: f64) {
        *self.0.entry(key).or_default().entry(at).or_default() += value;
    }
}

impl MetricSource for SimulatedMetrics {
    fn find_statistic(&self, metric: &MetricKey, statistic: &str, from: i64, until: i64) -> Option<f64> {
        let values = self.0.get(metric)?.range(from..until).map(|(_, value)| *value);
        let (count, sum, most) =
            values.fold((0.0, 0.0, f64::MIN), |(count, sum, most), it| (count + 1.0, sum + it, f64::max(most, it)));
        match statistic {
            _ if count == 0.0 => None,
            "Sum" => Some(sum),
            "SampleCount" => Some(count),
            "Maximum" => Some(most),
            other => panic!("no alarm of ours uses {other}"),
        }
    }
}

fn run_metric(metric: RunMetric, venue: Option<&str>) -> MetricKey {
    let dimensions = [(DEPLOYMENT_DIMENSION, Some("sync")), (METRIC_DIMENSION, venue)];
    let dimensions = dimensions.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    MetricKey { namespace: METRIC_NAMESPACE.to_owned(), name: metric.name.to_owned(), dimensions: dimensions.collect() }
}

fn lambda_errors(venue: &str) -> MetricKey {
    let pairs = [("FunctionName", format!("sync-{venue}")), ("Resource", format!("sync-{venue}:live"))];
    MetricKey {
        namespace: "AWS/Lambda".to_owned(),
        name: "Errors".to_owned(),
        dimensions: pairs.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

/// What goes wrong, where and when.
struct Outage {
    /// The group whose alarm should say it.
    told_by: &'static str,
    from: i64,
    until: i64,
    /// Of which runs it takes.
    venues: &'static [&'static str],
    kind: OutageKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OutageKind {
    /// HubSpot ends the runs.
    HubSpot,
    /// No run begins.
    NoRuns,
    /// Runs succeed, but no lead is taken.
    NothingSynced,
}

const OUTAGES: [Outage; 3] = [
    Outage {
        told_by: "sync/_all/hubspot",
        from: DAY + 10 * HOUR,
        until: DAY + 11 * HOUR,
        venues: &["a", "c", "d"],
        kind: OutageKind::HubSpot,
    },
    Outage {
        told_by: "sync/c",
        from: 3 * DAY + 2 * HOUR,
        until: 3 * DAY + 4 * HOUR,
        venues: &["c"],
        kind: OutageKind::NoRuns,
    },
    Outage {
        told_by: "sync/d",
        from: 5 * DAY + 12 * HOUR,
        until: 5 * DAY + 13 * HOUR + 30 * MINUTE,
        venues: &["d"],
        kind: OutageKind::NothingSynced,
    },
];

/// A run of a venue: what it writes.
fn simulate_run(metrics: &mut SimulatedMetrics, venue: &str, at: i64, number: i64) {
    let outage = OUTAGES.iter().find(|it| it.venues.contains(&venue) && (it.from..it.until).contains(&at));
    // One run in fifty fails by itself, as vendors do.
    let stumbles = outage.is_none() && number % 50 == 17;
    let kind = outage.map(|outage| outage.kind);
    if kind == Some(OutageKind::NoRuns) {
        return;
    }
    let failed = stumbles || kind == Some(OutageKind::HubSpot);
    metrics.add(lambda_errors(venue), at, f64::from(u8::from(failed)));
    if failed {
        metrics.add(run_metric(HUBSPOT_FAILED, None), at, 1.0);
        return;
    }
    let waiting = outage.map_or(0, |outage| at - outage.from);
    #[expect(clippy::cast_precision_loss, reason = "an age of hours")]
    metrics.add(run_metric(OLDEST_FLAG_AGE, Some(venue)), at, waiting as f64);
}

fn settings_of(groups: &[AlarmGroupSpec]) -> Vec<(String, Value)> {
    let specs = groups.iter().flat_map(|group| group.alarms.iter().chain(&group.composite));
    specs.map(|spec| (spec.name.clone(), spec.settings.clone())).collect()
}

/// Three venues for a week, evaluated every minute: each outage is one message when it begins and one when it ends, and nothing
/// else is.
#[tokio::test]
async fn a_week_with_three_outages_is_three_messages_and_their_ends() {
    let (_, world) = new_world().await;
    let tables = ["a", "c", "d"].map(|venue| venue_tables(venue, "")).concat();
    let text = format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{ALARMS}{tables}");
    let alarms = world.desired_from(&text).alarms.expect("the manifest declares alarms");
    let mut metrics = SimulatedMetrics::default();
    for group in &alarms.groups {
        if let Some(watched) = &group.watched {
            metrics.add(run_metric(OLDEST_FLAG_AGE, Some(&group.venue)), 0, 0.0);
            assert_eq!(watched.dimensions["venue"], group.venue);
        }
    }
    let mut watch = AlarmWatch::new(settings_of(&alarms.groups), 0);
    let mut messages: Vec<AlarmMessage> = Vec::new();
    for now in (0..7 * DAY).step_by(60) {
        for (offset, venue) in [(1, "a"), (2, "c"), (4, "d")] {
            let since = now - offset * MINUTE;
            if since >= 0 && since % (5 * MINUTE) == 0 {
                simulate_run(&mut metrics, venue, now, since / (5 * MINUTE) + offset);
            }
        }
        messages.extend(watch.evaluate(&metrics, now + MINUTE));
    }
    let shown: Vec<String> =
        messages.iter().map(|it| format!("{} {} at {} min", it.alarm, it.state.as_word(), it.at / MINUTE)).collect();
    // A message is false if no outage explains it: it is of none of them, or too late for it.
    let explains = |outage: &Outage, message: &AlarmMessage| {
        let since = if message.state == AlarmState::Alarm { outage.from } else { outage.until };
        outage.told_by == message.alarm && (since..since + LATEST).contains(&message.at)
    };
    let count = |state: AlarmState| messages.iter().filter(|message| message.state == state).count();
    let false_ones = messages.iter().filter(|it| !OUTAGES.iter().any(|outage| explains(outage, it))).count();
    println!("{}", shown.join("\n"));
    println!(
        "a week with {} outages: {} messages sent, {} raised, {} cleared, {false_ones} false",
        OUTAGES.len(),
        messages.len(),
        count(AlarmState::Alarm),
        count(AlarmState::Ok)
    );
    assert_eq!(messages.len(), 2 * OUTAGES.len(), "{shown:?}");
    assert_eq!((count(AlarmState::Alarm), count(AlarmState::Ok), false_ones), (3, 3, 0), "{shown:?}");
    for (outage, pair) in OUTAGES.iter().zip(messages.chunks(2)) {
        let [raised, cleared] = pair else { panic!("a message for the beginning and one for the end: {shown:?}") };
        assert_eq!((raised.alarm.as_str(), raised.state), (outage.told_by, AlarmState::Alarm), "{shown:?}");
        assert_eq!((cleared.alarm.as_str(), cleared.state), (outage.told_by, AlarmState::Ok), "{shown:?}");
        assert!((outage.from..outage.from + LATEST).contains(&raised.at), "{shown:?}");
        assert!((outage.until..outage.until + LATEST).contains(&cleared.at), "{shown:?}");
    }
}
