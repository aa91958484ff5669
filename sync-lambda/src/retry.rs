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

/// A hash that is the same in every process and version (FNV-1a, 64 bits).
pub fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Where in a window something comes whose place is `place`: from 0 to below 1, and elsewhere in each round, so that
/// two that met once don't meet again.
pub fn spread_fraction(place: u64, round: u32) -> f64 {
    let mut mixed = place ^ u64::from(round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The finalizer of MurmurHash3: every bit of the input changes about half of the output's.
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(factor);
    }
    mixed ^= mixed >> 33;
    // The 53 bits that a float holds exactly.
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
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
    fn spreads_venues_over_a_window() {
        let places: Vec<u64> = (1..=30).map(|number| stable_hash(&format!("venue-{number}"))).collect();
        for round in 0..6 {
            let mut tenths = [0; 10];
            for place in &places {
                let fraction = spread_fraction(*place, round);
                assert!((0.0..1.0).contains(&fraction), "{fraction}");
                tenths[(fraction * 10.0) as usize] += 1;
            }
            assert!(tenths.iter().all(|count| *count <= 9), "round {round}: {tenths:?}");
        }
        assert_eq!(stable_hash("venue-a"), 0x6baf_1c10_bcda_7b86, "a place never changes");
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
