//! The alarms of the manifest, evaluated as CloudWatch does. What they say is shown on the page and printed, and their states
//! are written into the embedded cloud, where `deployer status --local` finds them.
//!
//! With `--every`, time passes faster for alarms than for people: as much as the shortest schedule is longer than that
//! interval. Three missed runs are three missed runs at any pace.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use sync_config::metrics::{METRIC_NAMESPACE, OLDEST_FLAG_AGE};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::System;
use super::page::{AlarmCauseView, AlarmMessageView, AlarmsView, RunOutcome, RunView, VenueAlarmState, VenueAlarmView};
use deployer_cloud::cloudwatch::StoredAlarmState;
use deployer_cloud::cloudwatch::embedded_format::read_embedded_metrics;
use deployer_cloud::cloudwatch::evaluation::{AlarmState, AlarmWatch, MetricKey, MetricSource};
use deployer_core::manifest::{Manifest, Status};
use deployer_core::naming::{ALIAS, SHARED_VENUE, VenueNames};
use deployer_core::resource::alarm::{AlarmGroupSpec, DesiredAlarms};

/// How many messages are kept.
const KEPT: usize = 100;
/// For how long values are kept, in seconds: as long as an alarm can look back, and a day.
const LONGEST_S: i64 = 8 * 24 * 3600;
/// How many seconds are between two evaluations: CloudWatch evaluates an alarm every minute.
const EVALUATED_S: u64 = 60;
/// The longest and the shortest time between two evaluations, for people.
const LONGEST_STEP: Duration = Duration::from_secs(5);
const SHORTEST_STEP: Duration = Duration::from_millis(200);

/// What is called with each message.
type AlarmListener = Box<dyn Fn(&AlarmMessageView) + Send + Sync>;

/// The alarms of a running system.
pub struct AlarmBoard {
    state: Mutex<BoardState>,
    listener: Mutex<Option<AlarmListener>>,
    changes: watch::Sender<u64>,
    /// Wakes the evaluation when there are new values.
    recorded: Notify,
}

struct BoardState {
    deployment: String,
    /// `None` if the manifest declares none.
    groups: Option<Vec<AlarmGroupSpec>>,
    /// By name in the manifest.
    display_names: BTreeMap<String, String>,
    clock: AlarmClock,
    watch: AlarmWatch,
    metrics: RunMetrics,
    /// Since when each alarm is in its state.
    since: BTreeMap<String, (AlarmState, Timestamp)>,
    /// Newest first.
    messages: VecDeque<AlarmMessageView>,
}

/// Turns the machine's time into the alarms', in seconds.
#[derive(Debug, Clone, Copy)]
struct AlarmClock {
    begun: Timestamp,
    /// How many seconds passed before then.
    passed: i64,
    /// How many seconds pass in one.
    factor: u64,
}

impl AlarmClock {
    fn seconds_at(&self, at: Timestamp) -> i64 {
        let passed = at.duration_since(self.begun).as_millis();
        let passed = passed.saturating_mul(i128::from(self.factor)) / 1000;
        self.passed.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

/// How much faster time passes if every rule fires this often.
fn time_factor(manifest: &Manifest, every: Option<Duration>) -> u64 {
    let active = manifest.venues.iter().filter(|venue| venue.status == Status::Active);
    let shortest = active.filter_map(|venue| venue.schedule.interval_s).min();
    let longest = EVALUATED_S * 1000 / SHORTEST_STEP.as_millis() as u64;
    let factor = every.zip(shortest).map(|(every, interval)| u128::from(interval) * 1000 / every.as_millis().max(1));
    factor.map_or(1, |factor| u64::try_from(factor).unwrap_or(longest)).clamp(1, longest)
}

/// Values of metrics, with their times.
#[derive(Debug, Default)]
struct RunMetrics(BTreeMap<MetricKey, VecDeque<(i64, f64)>>);

impl RunMetrics {
    fn add_value(&mut self, key: MetricKey, at: i64, value: f64) {
        let values = self.0.entry(key).or_default();
        values.push_back((at, value));
        while values.front().is_some_and(|(first, _)| *first < at - LONGEST_S) {
            values.pop_front();
        }
    }
}

impl MetricSource for RunMetrics {
    fn find_statistic(&self, metric: &MetricKey, statistic: &str, from: i64, until: i64) -> Option<f64> {
        let values = || {
            let values = self.0.get(metric).into_iter().flatten();
            values.filter(|(at, _)| (from..until).contains(at)).map(|(_, value)| *value)
        };
        values().next()?;
        match statistic {
            "Sum" => Some(values().sum()),
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 values")]
            "SampleCount" => Some(values().count() as f64),
            "Maximum" => values().reduce(f64::max),
            // No alarm of ours uses another.
            _ => None,
        }
    }
}

/// An alarm that changed.
struct ChangedAlarm {
    name: String,
    state: AlarmState,
    reason: String,
    at: Timestamp,
}

impl AlarmBoard {
    /// Watches the alarms of a manifest from `now` on.
    pub fn new(manifest: &Manifest, alarms: Option<DesiredAlarms>, every: Option<Duration>, now: Timestamp) -> Self {
        let state = BoardState {
            deployment: manifest.deployment.name.clone(),
            groups: None,
            display_names: BTreeMap::new(),
            clock: AlarmClock { begun: now, passed: 0, factor: 1 },
            watch: AlarmWatch::default(),
            metrics: RunMetrics::default(),
            since: BTreeMap::new(),
            messages: VecDeque::new(),
        };
        let board = Self {
            state: Mutex::new(state),
            listener: Mutex::default(),
            changes: watch::Sender::new(0),
            recorded: Notify::new(),
        };
        board.adopt_alarms(manifest, alarms, every, now);
        board
    }

    /// Watches the alarms of an edited manifest. Those that it had before keep their states.
    pub fn adopt_alarms(
        &self,
        manifest: &Manifest,
        alarms: Option<DesiredAlarms>,
        every: Option<Duration>,
        now: Timestamp,
    ) {
        let state = &mut *self.state.lock();
        let passed = state.clock.seconds_at(now);
        state.clock = AlarmClock { begun: now, passed, factor: time_factor(manifest, every) };
        let names = manifest.venues.iter().map(|venue| (venue.name.clone(), venue.display_name.clone()));
        state.display_names = names.collect();
        let groups = alarms.map(|alarms| alarms.groups);
        let specs = || groups.iter().flatten().flat_map(|group| group.alarms.iter().chain(&group.composite));
        for watched in groups.iter().flatten().filter_map(|group| group.watched.as_ref()) {
            // As an apply does for an alarm that it creates.
            let (namespace, name) = (watched.namespace.clone(), watched.name.clone());
            let key = MetricKey { namespace, name, dimensions: watched.dimensions.clone().into_iter().collect() };
            if !state.metrics.0.contains_key(&key) {
                state.metrics.add_value(key, passed, 0.0);
            }
        }
        state.watch.replace_alarms(specs().map(|spec| (spec.name.clone(), spec.settings.clone())), passed);
        state.since.retain(|name, _| specs().any(|spec| spec.name == *name));
        state.groups = groups;
        self.notify_change();
    }

    /// Adds what a run says to the metrics.
    pub fn record_run(&self, run: &RunView, now: Timestamp) {
        let state = &mut *self.state.lock();
        if state.groups.is_none() {
            return;
        }
        let at = state.clock.seconds_at(now);
        let function = VenueNames::new(&state.deployment, &run.venue).function;
        let resource = format!("{function}:{ALIAS}");
        let dimensions = [("FunctionName".to_owned(), function), ("Resource".to_owned(), resource)].into();
        let errors = MetricKey { namespace: "AWS/Lambda".to_owned(), name: "Errors".to_owned(), dimensions };
        state.metrics.add_value(errors, at, f64::from(u8::from(run.outcome == RunOutcome::Failed)));
        let factor = u32::try_from(state.clock.factor).map_or(1.0, f64::from);
        for line in run.log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            for (key, value) in read_embedded_metrics(&line) {
                // A flag grows old as fast as everything else.
                let is_age = key.namespace == METRIC_NAMESPACE && key.name == OLDEST_FLAG_AGE.name;
                state.metrics.add_value(key, at, if is_age { value * factor } else { value });
            }
        }
        self.recorded.notify_one();
    }

    /// Evaluates all alarms. Returns those that changed; messages go to the listener and the page.
    fn evaluate_at(&self, now: Timestamp) -> Vec<ChangedAlarm> {
        let mut sent = Vec::new();
        let mut changed = Vec::new();
        {
            let state = &mut *self.state.lock();
            let seconds = state.clock.seconds_at(now);
            let messages = state.watch.evaluate(&state.metrics, seconds);
            let groups = state.groups.as_deref().unwrap_or_default();
            for spec in groups.iter().flat_map(|group| group.alarms.iter().chain(&group.composite)) {
                let Some(found) = state.watch.state_of(&spec.name) else { continue };
                if state.since.get(&spec.name).is_some_and(|(known, _)| *known == found) {
                    continue;
                }
                state.since.insert(spec.name.clone(), (found, now));
                let reason = match found {
                    AlarmState::Alarm => spec.settings["AlarmDescription"].as_str().unwrap_or_default().to_owned(),
                    AlarmState::Ok | AlarmState::InsufficientData => "evaluated by deployer dev".to_owned(),
                };
                changed.push(ChangedAlarm { name: spec.name.clone(), state: found, reason, at: now });
            }
            for message in messages {
                let group = groups.iter().find(|group| group.sends_by(&message.alarm));
                let Some(group) = group else { continue };
                let raised = message.state == AlarmState::Alarm;
                let before = state.messages.iter().find(|told| told.venue == group.venue && told.raised);
                let causes = match raised {
                    true => raised_causes(group, &state.watch),
                    false => before.map(|told| told.causes.clone()).unwrap_or_default(),
                };
                let lasted_ms = before.filter(|_| !raised).map(|told| now.as_millisecond() - told.at_ms);
                let display_name = state.display_names.get(&group.venue);
                sent.push(AlarmMessageView {
                    at_ms: now.as_millisecond(),
                    venue: group.venue.clone(),
                    display_name: display_name.map_or_else(|| "HubSpot, for all venues".to_owned(), Clone::clone),
                    raised,
                    causes,
                    lasted_ms,
                });
            }
            for message in &sent {
                state.messages.push_front(message.clone());
            }
            state.messages.truncate(KEPT);
        }
        if let Some(listener) = &*self.listener.lock() {
            sent.iter().for_each(listener);
        }
        if !changed.is_empty() || !sent.is_empty() {
            self.notify_change();
        }
        changed
    }

    /// How long to wait until the next evaluation.
    fn step(&self) -> Duration {
        let factor = u32::try_from(self.state.lock().clock.factor).unwrap_or(u32::MAX);
        (Duration::from_secs(EVALUATED_S) / factor.max(1)).clamp(SHORTEST_STEP, LONGEST_STEP)
    }

    /// Calls `listener` with each message from now on.
    pub fn listen_to_messages(&self, listener: impl Fn(&AlarmMessageView) + Send + Sync + 'static) {
        *self.listener.lock() = Some(Box::new(listener));
    }

    /// A counter that grows with every change.
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn notify_change(&self) {
        self.changes.send_modify(|number| *number += 1);
    }

    /// What the page shows of all alarms; `None` if the manifest declares none.
    pub fn view_alarms(&self) -> Option<AlarmsView> {
        let state = self.state.lock();
        state.groups.as_ref()?;
        Some(AlarmsView {
            time_factor: state.clock.factor,
            shared: state.view_group(SHARED_VENUE),
            messages: state.messages.iter().cloned().collect(),
        })
    }

    /// What the page shows beside a venue; `None` if it has no alarms.
    pub fn view_venue(&self, venue: &str) -> Option<VenueAlarmView> {
        self.state.lock().view_group(venue)
    }
}

/// The causes that are in alarm, in the order of their urgency.
fn raised_causes(group: &AlarmGroupSpec, watch: &AlarmWatch) -> Vec<AlarmCauseView> {
    let raised = group.alarms.iter().filter(|alarm| watch.state_of(&alarm.name) == Some(AlarmState::Alarm));
    let causes = raised.map(|alarm| AlarmCauseView {
        cause: alarm.name.rsplit('/').next().unwrap_or_default().to_owned(),
        text: alarm.settings["AlarmDescription"].as_str().unwrap_or_default().to_owned(),
    });
    causes.collect()
}

impl BoardState {
    fn view_group(&self, venue: &str) -> Option<VenueAlarmView> {
        let group = self.groups.as_ref()?.iter().find(|group| group.venue == venue)?;
        let senders = group.alarms.iter().chain(&group.composite).filter(|alarm| group.sends_by(&alarm.name));
        let states: Vec<(AlarmState, Timestamp)> =
            senders.filter_map(|alarm| self.since.get(&alarm.name).copied()).collect();
        let raised = states.iter().find(|(state, _)| *state == AlarmState::Alarm).or(states.first());
        let (state, since) = match raised {
            Some((state, since)) => (*state, Some(since.as_millisecond())),
            None => (AlarmState::InsufficientData, None),
        };
        Some(VenueAlarmView {
            state: match state {
                AlarmState::Ok => VenueAlarmState::Ok,
                AlarmState::Alarm => VenueAlarmState::Raised,
                AlarmState::InsufficientData => VenueAlarmState::Unknown,
            },
            since_ms: since,
            causes: raised_causes(group, &self.watch),
        })
    }
}

impl System {
    /// Evaluates the alarms until `shutdown`.
    pub async fn evaluate_alarms(&self, shutdown: &CancellationToken) {
        loop {
            self.store_states(&self.alarms.evaluate_at(Timestamp::now()));
            tokio::select! {
                () = tokio::time::sleep(self.alarms.step()) => {}
                () = self.alarms.recorded.notified() => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Lets minutes pass for the alarms, which are evaluated after each.
    pub fn pass_alarm_minutes(&self, minutes: u64) {
        for _ in 0..minutes {
            self.alarms.state.lock().clock.passed += 60;
            self.store_states(&self.alarms.evaluate_at(Timestamp::now()));
        }
    }

    /// Writes states into the embedded cloud. One that can't be written is written when it changes again.
    fn store_states(&self, changed: &[ChangedAlarm]) {
        if changed.is_empty() {
            return;
        }
        let region = self.current_manifest().deployment.region.clone();
        let stored = self.cloud.with_context(|cx| {
            cx.switch_region(&region);
            for change in changed {
                if let Some(alarm) = cx.region_state_mut().cloudwatch.alarms.get_mut(&change.name) {
                    let value = change.state.as_word().to_owned();
                    let (reason, since) = (change.reason.clone(), change.at);
                    alarm.state = Some(StoredAlarmState { value, reason, since });
                }
            }
        });
        if let Err(error) = stored {
            errln!("The state of alarms isn't in the embedded cloud: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use deployer_core::desired::derive_desired;
    use deployer_core::manifest::parse_manifest;
    use deployer_core::scope::Scope;
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let venue = |name: &str, display: &str, location: u8| {
            format!(
                "[venues.{name}]\ndisplay_name = \"{display}\"\n[venues.{name}.secrets]\nhubspot_token = \"env:T\"\n\
                 tripleseat_public_key = \"env:K\"\n[venues.{name}.destination]\nkind = \"tripleseat\"\n\
                 location_id = {location}\n"
            )
        };
        let text = format!(
            "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n[alarms]\nemail = [\"ops@example.com\"]\n{}{}",
            venue("a", "Venue A", 1),
            venue("b", "Venue B", 2)
        );
        parse_manifest(&text, "venues.toml").expect("valid").manifest
    }

    fn alarms_of(manifest: &Manifest) -> Option<DesiredAlarms> {
        let scope = Scope::of_caller("arn:aws:iam::123456789012:user/dev", "123456789012".to_owned(), "us-east-1");
        derive_desired(manifest, &scope, |_| String::new()).alarms
    }

    /// A run as the recorder has it. One that fails because the destination is down logs no age.
    fn run_of(venue: &str, fails: bool) -> RunView {
        let mut run = RunView::new("id", venue);
        if !fails {
            run.outcome = RunOutcome::Ok;
            let line = json!({
                "_aws": { "CloudWatchMetrics": [{
                    "Namespace": METRIC_NAMESPACE, "Dimensions": [["deployment", "venue"]],
                    "Metrics": [{ "Name": OLDEST_FLAG_AGE.name }],
                }] },
                "deployment": "sync", "venue": venue, OLDEST_FLAG_AGE.name: 0,
            });
            run.log = vec!["START".to_owned(), line.to_string()];
        }
        run
    }

    /// Rules of five minutes fire every ten seconds, so time passes thirty times as fast. For two of ten minutes, runs of one
    /// venue fail.
    #[test]
    fn an_outage_of_a_venue_is_one_message_and_its_end_another() {
        let manifest = manifest();
        let begun: Timestamp = "2026-11-30T10:00:00Z".parse().expect("a time");
        let every = Some(Duration::from_secs(10));
        let board = AlarmBoard::new(&manifest, alarms_of(&manifest), every, begun);
        assert_eq!(board.step(), Duration::from_secs(2));
        let mut changed = Vec::new();
        for second in (0..600).step_by(2) {
            let now = begun + SignedDuration::from_secs(second);
            if second % 10 == 0 {
                board.record_run(&run_of("a", (120..240).contains(&second)), now);
                board.record_run(&run_of("b", false), now);
            }
            changed.extend(board.evaluate_at(now + SignedDuration::from_secs(1)));
        }
        let view = board.view_alarms().expect("the manifest declares alarms");
        assert_eq!(view.time_factor, 30);
        let shown: Vec<(&str, bool)> =
            view.messages.iter().map(|told| (told.display_name.as_str(), told.raised)).collect();
        assert_eq!(shown, [("Venue A", false), ("Venue A", true)], "newest first");
        let raised = &view.messages[1];
        assert_eq!(raised.causes[0].cause, "failing");
        assert_eq!(raised.causes[0].text, "The last 3 runs of Venue A failed. Flags stay set.");
        assert_eq!(view.messages[0].causes, raised.causes);
        let after = raised.at_ms - begun.as_millisecond();
        assert!((140_000..200_000).contains(&after), "{after}");
        assert_eq!(view.messages[0].lasted_ms, Some(view.messages[0].at_ms - raised.at_ms));
        let a = board.view_venue("a").expect("it has alarms");
        assert_eq!((a.state, a.causes.len()), (VenueAlarmState::Ok, 0));
        assert!(changed.iter().any(|it| it.name == "sync/a/silent" && it.state == AlarmState::Alarm), "for the cloud");
    }

    #[test]
    fn an_edit_keeps_what_is_raised_and_drops_what_is_gone() {
        let mut manifest = manifest();
        let begun: Timestamp = "2026-11-30T10:00:00Z".parse().expect("a time");
        let board = AlarmBoard::new(&manifest, alarms_of(&manifest), Some(Duration::from_secs(10)), begun);
        for second in (0..120).step_by(10) {
            let now = begun + SignedDuration::from_secs(second);
            board.record_run(&run_of("a", true), now);
            board.record_run(&run_of("b", false), now);
            drop(board.evaluate_at(now));
        }
        let now = begun + SignedDuration::from_secs(120);
        manifest.venues.retain(|venue| venue.name == "a");
        board.adopt_alarms(&manifest, alarms_of(&manifest), None, now);
        assert_eq!(board.view_venue("a").expect("it has alarms").state, VenueAlarmState::Raised);
        assert_eq!(board.view_venue("b"), None);
        board.adopt_alarms(&manifest, None, None, now);
        assert_eq!((board.view_alarms(), board.view_venue("a")), (None, None), "the manifest declares none");
    }
}
