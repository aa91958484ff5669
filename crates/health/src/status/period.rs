//! The time of a status: when it was read, what it looks back on, and in which time zone it is shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sync_config::mapping::find_timezone;

use deployer_core::manifest::Venue;

/// In which time zone times are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusZone {
    /// In the `timezone` of each venue, and in UTC for a venue without one.
    OfVenue,
    /// All in UTC.
    Utc,
}

impl StatusZone {
    /// The time zone of a venue.
    pub fn find_zone(self, venue: &Venue) -> TimeZone {
        match (self, &venue.timezone) {
            // The manifest refuses names that aren't known.
            (Self::OfVenue, Some(name)) => find_timezone(name).unwrap_or(TimeZone::UTC),
            (Self::OfVenue, None) | (Self::Utc, _) => TimeZone::UTC,
        }
    }
}

/// The time of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusPeriod {
    /// The start of the period in which runs are counted.
    pub since: Timestamp,
    /// When the state was read.
    pub now: Timestamp,
    /// How times are told.
    pub zone: StatusZone,
}
