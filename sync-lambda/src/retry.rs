//! The pauses between the attempts of a request to a vendor.

use std::time::Duration;

use backon::ExponentialBuilder;

/// Pauses that double, with jitter, so that clients that failed together don't return together. The first pause is
/// between half of `first` and `first`. `tries` counts the first attempt too.
pub fn retry_pauses(first: Duration, tries: usize) -> ExponentialBuilder {
    // backon's jitter adds up to the whole pause, so half of it is where the pauses start.
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(first / 2)
        .without_max_delay()
        .with_max_times(tries.saturating_sub(1))
}

/// Pauses for as long as the caller has time: they double from `first` up to `longest`, with jitter as in
/// [`retry_pauses`].
pub fn patient_pauses(first: Duration, longest: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new().with_jitter().with_min_delay(first / 2).with_max_delay(longest / 2).without_max_times()
}

/// Keeps to a vendor's `Retry-After`: no pause is shorter than it, and the following ones double from there.
#[derive(Debug, Default)]
pub struct RetryAfterFloor {
    least: Duration,
}

impl RetryAfterFloor {
    /// The pause to make where `pause` is next, after a response with this `Retry-After`.
    pub fn raise_pause(&mut self, pause: Duration, retry_after: Option<Duration>) -> Duration {
        let pause = pause.max(self.least).max(retry_after.unwrap_or_default());
        if retry_after.is_some() || !self.least.is_zero() {
            self.least = pause.saturating_mul(2);
        }
        pause
    }
}

#[cfg(test)]
mod tests {
    use backon::BackoffBuilder;

    use super::*;

    #[test]
    fn doubles_pauses_with_jitter_up_to_the_number_of_tries() {
        let first = Duration::from_millis(250);
        for _ in 0..100 {
            let pauses: Vec<Duration> = retry_pauses(first, 5).build().collect();
            assert_eq!(pauses.len(), 4, "the first attempt has no pause");
            for (pause, nominal) in pauses.iter().zip([1, 2, 4, 8].map(|times| first * times)) {
                assert!((nominal / 2..=nominal).contains(pause), "{pause:?} of {nominal:?}");
            }
        }
    }

    #[test]
    fn patient_pauses_outlast_a_window_of_ten_seconds() {
        let pauses = patient_pauses(Duration::from_millis(250), Duration::from_secs(4)).build();
        let pauses: Vec<Duration> = pauses.take(20).collect();
        assert_eq!(pauses.len(), 20);
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(4)), "{pauses:?}");
        assert!(pauses[..9].iter().sum::<Duration>() > Duration::from_secs(10), "{pauses:?}");
    }

    #[test]
    fn waits_at_least_as_long_as_the_vendor_asked() {
        let ms = Duration::from_millis;
        let mut floor = RetryAfterFloor::default();
        assert_eq!(floor.raise_pause(ms(100), None), ms(100));
        assert_eq!(floor.raise_pause(ms(200), Some(ms(3000))), ms(3000));
        assert_eq!(floor.raise_pause(ms(400), None), ms(6000), "it doubles from what the vendor asked for");
        assert_eq!(floor.raise_pause(ms(800), Some(ms(1))), ms(12_000));
    }
}
