//! How many contacts a run works on at the same time, by how many leads the destination takes.

use crate::hubspot::BATCH;

/// The sizes of a run's steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchSizes {
    /// Contacts that are read and marked together. This limits how many a run that dies leaves `sending`.
    pub(super) take: usize,
    /// Contacts that are being sent or waiting for the rate limit.
    pub(super) in_flight: usize,
    /// Contacts that are settled together: at most one second's worth.
    pub(super) settle: usize,
}

impl BatchSizes {
    /// The sizes for a destination that takes so many leads a second. HubSpot allows ten calls a second, of up to a hundred
    /// contacts each: at a fast destination, small batches would be what a run waits for.
    pub(super) fn for_rate(leads_per_second: f64) -> Self {
        let share =
            |seconds: f64, least: usize, most: usize| ((leads_per_second * seconds) as usize).clamp(least, most);
        Self { take: share(2.0, 20, BATCH), in_flight: share(0.25, 16, 64), settle: share(1.0, 10, BATCH) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_with_what_the_destination_takes() {
        let sizes = |rate| {
            let BatchSizes { take, in_flight, settle } = BatchSizes::for_rate(rate);
            (take, in_flight, settle)
        };
        assert_eq!(sizes(9.6), (20, 16, 10), "Tripleseat");
        assert_eq!(sizes(1.0), (20, 16, 10));
        assert_eq!(sizes(40.0), (80, 16, 40));
        assert_eq!(sizes(2000.0), (100, 64, 100));
    }
}
