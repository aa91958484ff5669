//! The time that runs and their waits go by: the machine's, or a virtual one, in which a day of waiting takes seconds.
//!
//! Whatever waits or asks for the time in a run does it here, so that [`run_in_virtual_time`] can play a day of a thousand
//! venues with the code that is deployed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

thread_local! {
    static VIRTUAL: RefCell<Option<VirtualTime>> = const { RefCell::new(None) };
}

/// The virtual time of a thread.
struct VirtualTime {
    now: Instant,
    time_of_day: SystemTime,
    /// Who is to be woken at which time. The number tells waits for the same time apart.
    waits: BTreeMap<(Instant, u64), Waker>,
    numbers: u64,
}

/// Now, by the clock that never jumps.
pub fn now() -> Instant {
    with_virtual(|time| time.now).unwrap_or_else(Instant::now)
}

/// The time of day.
pub fn time_of_day() -> SystemTime {
    with_virtual(|time| time.time_of_day).unwrap_or_else(SystemTime::now)
}

/// Waits until `at`.
pub async fn sleep_until(at: Instant) {
    match with_virtual(|_| ()) {
        Some(()) => VirtualWait { at, number: None }.await,
        None => tokio::time::sleep_until(at).await,
    }
}

/// Waits for this long.
pub async fn sleep(time: Duration) {
    sleep_until(now() + time).await;
}

/// Waits for `future`, but not longer than `time`; `None` if it hasn't ended by then.
pub async fn limit_time<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let (mut future, mut end) = (pin!(future), pin!(sleep(time)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Runs `future` in a time that begins at `time_of_day` and passes only while everything waits, and then at once. Nothing
/// may wait for anything outside of this thread. `None` if everything waits for something that time doesn't bring.
pub fn run_in_virtual_time<F: Future>(time_of_day: SystemTime, future: F) -> Option<F::Output> {
    let time = VirtualTime { now: Instant::now(), time_of_day, waits: BTreeMap::new(), numbers: 0 };
    VIRTUAL.with_borrow_mut(|kept| *kept = Some(time));
    let _ended = VirtualEnd;
    let woken = Arc::new(WokenMark::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        while !woken.0.swap(false, Ordering::Relaxed) {
            let due = with_virtual(VirtualTime::advance_to_next_wait).unwrap_or_default();
            if due.is_empty() {
                return None;
            }
            due.into_iter().for_each(Waker::wake);
        }
    }
}

fn with_virtual<T>(read: impl FnOnce(&mut VirtualTime) -> T) -> Option<T> {
    VIRTUAL.with_borrow_mut(|time| time.as_mut().map(read))
}

impl VirtualTime {
    /// Moves on to the time of the next wait, and returns whoever waits for it.
    fn advance_to_next_wait(&mut self) -> Vec<Waker> {
        let Some(at) = self.waits.first_key_value().map(|((at, _), _)| *at) else { return Vec::new() };
        let passed = at.saturating_duration_since(self.now);
        (self.now, self.time_of_day) = (self.now + passed, self.time_of_day + passed);
        let later = self.waits.split_off(&(at, u64::MAX));
        std::mem::replace(&mut self.waits, later).into_values().collect()
    }
}

/// Ends the virtual time, however the future ends.
struct VirtualEnd;

impl Drop for VirtualEnd {
    fn drop(&mut self) {
        VIRTUAL.with_borrow_mut(|time| *time = None);
    }
}

#[derive(Default)]
struct WokenMark(AtomicBool);

impl Wake for WokenMark {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct VirtualWait {
    at: Instant,
    number: Option<u64>,
}

impl Future for VirtualWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (at, number) = (self.at, self.number);
        let number = with_virtual(|time| {
            if time.now >= at {
                return None;
            }
            let number = number.unwrap_or_else(|| {
                time.numbers += 1;
                time.numbers
            });
            time.waits.insert((at, number), context.waker().clone());
            Some(number)
        });
        self.number = number.flatten();
        if self.number.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for VirtualWait {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            with_virtual(|time| time.waits.remove(&(self.at, number)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_waiting_pass_at_once_and_in_order() {
        let begun = std::time::Instant::now();
        let told = RefCell::new(Vec::new());
        let wait = async |name: &'static str, hours: u64| {
            for _ in 0..2 {
                sleep(Duration::from_secs(hours * 3600)).await;
                told.borrow_mut().push((
                    name,
                    time_of_day().duration_since(SystemTime::UNIX_EPOCH).expect("later").as_secs() / 3600,
                ));
            }
        };
        let ended = run_in_virtual_time(SystemTime::UNIX_EPOCH, async {
            let (mut slow, mut fast) = (pin!(wait("slow", 20)), pin!(wait("fast", 7)));
            let (mut slow_ended, mut fast_ended) = (false, false);
            poll_fn(|context| {
                slow_ended = slow_ended || slow.as_mut().poll(context).is_ready();
                fast_ended = fast_ended || fast.as_mut().poll(context).is_ready();
                if slow_ended && fast_ended { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            now()
        });
        assert_eq!(ended.expect("it ends").saturating_duration_since(begun.into()).as_secs() / 3600, 40);
        assert_eq!(*told.borrow(), [("fast", 7), ("fast", 14), ("slow", 20), ("slow", 40)]);
        assert!(now().saturating_duration_since(begun.into()) < Duration::from_secs(3600), "the real time is back");
    }

    #[test]
    fn limits_of_time_end_what_takes_longer() {
        let hour = Duration::from_secs(3600);
        let ended = run_in_virtual_time(SystemTime::now(), async {
            (limit_time(hour, sleep(hour * 2)).await, limit_time(hour * 2, sleep(hour)).await)
        });
        assert_eq!(ended, Some((None, Some(()))));
        assert_eq!(run_in_virtual_time(SystemTime::now(), std::future::pending::<()>()), None, "nothing will happen");
    }
}
