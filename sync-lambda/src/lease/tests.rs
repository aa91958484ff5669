//! Runs with clocks that differ, that are frozen and die at any point, in every order, against a log service whose answers
//! get lost, whose deletions come late, and whose lists lag.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::noop_waker_ref;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::error::Side;

/// What all runs of a test share.
#[derive(Default)]
struct FakeWorld {
    /// Seconds, by the clock that is right.
    now: Mutex<u64>,
    streams: Mutex<BTreeSet<String>>,
    /// Deletions that were sent and not carried out yet.
    late: Mutex<Vec<String>>,
    /// The runs that have a lease and may write.
    writing: Mutex<Vec<(usize, RunFence)>>,
    violations: Mutex<Vec<String>>,
}

/// The log service as one run sees it.
struct FakeStreams {
    world: Arc<FakeWorld>,
    /// Every call is answered clearly unless it is its turn.
    unclear_every: usize,
    calls: Mutex<usize>,
}

/// Lets everybody else have a turn.
async fn yield_turn() {
    let yielded = AtomicBool::default();
    std::future::poll_fn(|_| match yielded.swap(true, Ordering::Relaxed) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

impl FakeStreams {
    fn is_unclear(&self) -> bool {
        let mut calls = self.calls.lock();
        *calls += 1;
        self.unclear_every > 0 && (*calls).is_multiple_of(self.unclear_every)
    }

    fn unclear_error() -> RunError {
        RunError::Unavailable { side: Side::Logs, message: "no answer".to_owned() }
    }
}

impl LeaseStore for FakeStreams {
    async fn create_stream(&self, name: &str) -> Result<bool, RunError> {
        yield_turn().await;
        let created = self.world.streams.lock().insert(name.to_owned());
        yield_turn().await;
        if self.is_unclear() { Err(Self::unclear_error()) } else { Ok(created) }
    }

    async fn delete_stream(&self, name: &str) -> Result<(), RunError> {
        yield_turn().await;
        if self.is_unclear() {
            self.world.late.lock().push(name.to_owned());
            return Err(Self::unclear_error());
        }
        self.world.streams.lock().remove(name);
        yield_turn().await;
        Ok(())
    }

    async fn list_streams(&self, _: &str) -> Result<Vec<String>, RunError> {
        yield_turn().await;
        // Every other one is missing, and not always the same.
        let first = {
            let mut calls = self.calls.lock();
            *calls += 1;
            *calls % 2
        };
        Ok(self.world.streams.lock().iter().skip(first).step_by(2).cloned().collect())
    }
}

/// One invocation.
#[derive(Debug, Clone)]
struct FakeInvocation {
    /// By how many seconds its clock is fast. Two clocks differ by [`MARGIN`] at most.
    skew: i64,
    timeout: u64,
    writes: usize,
    dies: bool,
    unclear_every: usize,
}

fn any_invocation() -> impl Strategy<Value = FakeInvocation> {
    let half = i64::try_from(MARGIN.as_secs() / 2).expect("short");
    // The ends of the slots and of what clocks may differ by are where mistakes show.
    let skew = prop_oneof![2 => Just(-half), 2 => Just(half), 1 => -half..=half];
    let timeout = prop_oneof![3 => 1..60_u64, 1 => 1..900_u64];
    (skew, timeout, 1..12_usize, prop::bool::weighted(0.2), prop_oneof![2 => Just(0), 1 => 1..6_usize]).prop_map(
        |(skew, timeout, writes, dies, unclear_every)| FakeInvocation { skew, timeout, writes, dies, unclear_every },
    )
}

/// What an invocation does.
async fn run_invocation(world: Arc<FakeWorld>, id: usize, run: FakeInvocation) {
    let store = FakeStreams { world: Arc::clone(&world), unclear_every: run.unclear_every, calls: Mutex::default() };
    let clock: Arc<RunClock> = {
        let world = Arc::clone(&world);
        Arc::new(move || UNIX_EPOCH + Duration::from_secs(world.now.lock().saturating_add_signed(run.skew)))
    };
    let deadline = clock() + Duration::from_secs(run.timeout);
    let Ok(LeaseAnswer::Taken(lease)) = RunLease::take_lease(&store, &clock, deadline).await else { return };
    let fence = lease.fence().clone();
    world.writing.lock().push((id, fence.clone()));
    for _ in 0..run.writes {
        yield_turn().await;
        // As `send_request` does.
        if !fence.has_closed() {
            let writing = world.writing.lock();
            let others = writing.iter().filter(|(other, fence)| *other != id && !fence.has_closed());
            let others: Vec<usize> = others.map(|(other, _)| *other).collect();
            if !others.is_empty() {
                world.violations.lock().push(format!("{id} writes while {others:?} may"));
            }
        }
    }
    world.writing.lock().retain(|(other, _)| *other != id);
    if run.dies {
        return;
    }
    let _ = lease.give_back(&store).await;
    let _ = remove_past_leases(&store, clock()).await;
}

/// One step of a schedule: time passes, a late deletion is carried out, and one invocation goes on.
type FakeStep = (u64, bool, usize);

/// Plays a schedule from this second of a slot on, and returns how two runs wrote at the same time.
fn play_schedule(begin: u64, invocations: &[FakeInvocation], steps: &[FakeStep]) -> Vec<String> {
    let world = Arc::new(FakeWorld { now: Mutex::new(SLOT_S * 1000 + begin), ..FakeWorld::default() });
    let mut runs: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>> = invocations
        .iter()
        .enumerate()
        .map(|(id, run)| Some(Box::pin(run_invocation(Arc::clone(&world), id, run.clone())) as Pin<Box<_>>))
        .collect();
    for (passes, is_late, who) in steps {
        *world.now.lock() += passes;
        if *is_late && let Some(name) = world.late.lock().pop() {
            world.streams.lock().remove(&name);
        }
        let who = who % runs.len();
        if let Some(run) = &mut runs[who]
            && run.as_mut().poll(&mut Context::from_waker(noop_waker_ref())).is_ready()
        {
            runs[who] = None;
        }
    }
    drop(runs);
    let violations = world.violations.lock().clone();
    violations
}

fn any_step() -> impl Strategy<Value = FakeStep> {
    let passes = prop_oneof![40 => 0..3_u64, 4 => 3..20_u64, 1 => 200..1300_u64];
    (passes, any::<bool>(), 0..8_usize)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn two_runs_never_write_at_the_same_time(
        begin in prop_oneof![1 => 0..SLOT_S, 3 => SLOT_S - 60..SLOT_S],
        invocations in proptest::collection::vec(any_invocation(), 2..4),
        steps in proptest::collection::vec(any_step(), 20..120),
    ) {
        prop_assert_eq!(play_schedule(begin, &invocations, &steps), Vec::<String>::new());
    }

    #[test]
    fn the_name_of_a_slot_says_which_one_it_is(seconds in 0..4_000_000_000_u64) {
        let slot = TimeSlot::at(UNIX_EPOCH + Duration::from_secs(seconds));
        prop_assert_eq!(TimeSlot::of_stream(&slot.stream_name()), Some(slot));
        prop_assert!(!slot.stream_name().contains([':', '*']));
    }
}

/// A store that answers at once, at the hour.
fn new_store() -> (Arc<FakeWorld>, FakeStreams, Arc<RunClock>) {
    let world = Arc::new(FakeWorld { now: Mutex::new(3600), ..FakeWorld::default() });
    let store = FakeStreams { world: Arc::clone(&world), unclear_every: 0, calls: Mutex::default() };
    let time = Arc::clone(&world);
    (world, store, Arc::new(move || UNIX_EPOCH + Duration::from_secs(*time.now.lock())))
}

/// Runs a future that only ever lets others have a turn.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(noop_waker_ref())) {
            return done;
        }
    }
}

fn slots_of(world: &FakeWorld) -> Vec<String> {
    world.streams.lock().iter().cloned().collect()
}

#[test]
fn a_lease_spans_the_time_to_the_deadline_and_is_given_back() {
    let (world, store, clock) = new_store();
    let taken = finish(RunLease::take_lease(&store, &clock, clock() + Duration::from_secs(240))).expect("it answers");
    let LeaseAnswer::Taken(lease) = taken else { panic!("it is free") };
    assert_eq!(slots_of(&world), ["lease/19700101T010000Z"], "4 minutes and the margin are in one slot");
    finish(lease.give_back(&store)).expect("it is deleted");
    assert_eq!(slots_of(&world), [""; 0]);
    *world.now.lock() += 100;
    let taken = finish(RunLease::take_lease(&store, &clock, clock() + Duration::from_secs(240))).expect("it answers");
    assert!(matches!(taken, LeaseAnswer::Taken(_)));
    assert_eq!(slots_of(&world), ["lease/19700101T010000Z", "lease/19700101T010500Z"]);
}

#[test]
fn who_doesnt_get_every_slot_gives_back_those_that_it_got() {
    let (world, store, clock) = new_store();
    world.streams.lock().insert("lease/19700101T011000Z".to_owned());
    let taken = finish(RunLease::take_lease(&store, &clock, clock() + Duration::from_secs(900))).expect("it answers");
    let LeaseAnswer::Busy { until } = taken else { panic!("one is taken") };
    assert_eq!(until.to_string(), "1970-01-01T01:15:00Z");
    assert_eq!(slots_of(&world), ["lease/19700101T011000Z"], "that of the other run stays");
}

#[test]
fn leases_of_runs_that_died_are_removed_once_their_time_is_over() {
    let (world, store, clock) = new_store();
    for name in
        ["lease/19700101T005000Z", "lease/19700101T005500Z", "lease/19700101T010000Z", "lease/other", "2026/log"]
    {
        world.streams.lock().insert(name.to_owned());
    }
    for _ in 0..4 {
        finish(remove_past_leases(&store, clock())).expect("they are removed");
    }
    // The slot that just ended may be that of a clock that is slow.
    assert_eq!(slots_of(&world), ["2026/log", "lease/19700101T005500Z", "lease/19700101T010000Z", "lease/other"]);
}

#[test]
fn the_fence_closes_at_the_deadline() {
    let (world, store, clock) = new_store();
    let taken = finish(RunLease::take_lease(&store, &clock, clock() + Duration::from_secs(60))).expect("it answers");
    let LeaseAnswer::Taken(lease) = taken else { panic!("it is free") };
    *world.now.lock() += 59;
    assert!(!lease.fence().has_closed());
    *world.now.lock() += 1;
    assert!(lease.fence().has_closed());
    assert!(!RunFence::default().has_closed());
}
