//! `deployer duplicates`

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use deployer_janitor::duplicates::cost::DecimalAmount;

/// `deployer duplicates`
#[derive(Debug, Args)]
pub struct DuplicatesArgs {
    /// The venue; the manifest must have its OAuth credentials for Tripleseat
    pub venue: String,
    /// Directory for duplicates.csv, .json and .html; they contain personal data
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How long after the first lead another one still counts as its duplicate: 30d, 12h, 90m
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_time_window)]
    pub window: TimeWindow,
    /// What the vendor charges to delete all of them at once, in dollars
    #[arg(long, value_name = "DOLLARS", value_parser = DecimalAmount::parse_decimal)]
    pub fee: Option<DecimalAmount>,
    /// Minutes a person takes to find and remove one lead
    #[arg(long, value_name = "MINUTES", default_value = "2", value_parser = DecimalAmount::parse_decimal)]
    pub minutes_per_lead: DecimalAmount,
    /// What an hour of that person's time costs, in dollars
    #[arg(long, value_name = "DOLLARS", default_value = "30", value_parser = DecimalAmount::parse_decimal)]
    pub hourly_rate: DecimalAmount,
    /// Requests per second, of the ten that Tripleseat allows; the venue's own sync needs some too
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub rate: u32,
    /// Don't ask HubSpot which venue each lead belongs to
    #[arg(long)]
    pub no_ledger: bool,
    /// Start over instead of resuming an interrupted run
    #[arg(long)]
    pub fresh: bool,
}

/// A time window, and its text as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    /// The length of the window.
    pub duration: SignedDuration,
    /// The text as given.
    pub text: String,
}

/// Longest window, in days: no account is older.
const MAX_DAYS: i64 = 36_500;

pub(super) fn parse_time_window(text: &str) -> Result<TimeWindow, String> {
    let duration = match text.strip_suffix('d') {
        Some(days) => match days.parse::<i64>() {
            Ok(days) if (0..=MAX_DAYS).contains(&days) => SignedDuration::from_hours(24 * days),
            _ => return Err(format!("write whole days, such as 30d, at most {MAX_DAYS}d")),
        },
        None => match deployer_core::manifest::parse_duration(text) {
            Ok(seconds) => SignedDuration::from_secs(i64::from(seconds)),
            Err(flaw) => return Err(format!("{}: write whole days, such as 30d, or hours, such as 12h", flaw.message)),
        },
    };
    Ok(TimeWindow { duration, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_windows_in_days_or_smaller_units() {
        assert_eq!(parse_time_window("30d").map(|window| window.duration), Ok(SignedDuration::from_hours(720)));
        assert_eq!(parse_time_window("1h30m").map(|window| window.duration), Ok(SignedDuration::from_mins(90)));
        for text in ["", "d", "-1d", "1.5d", "30", "99999d", "1w"] {
            assert!(parse_time_window(text).is_err(), "{text}");
        }
    }
}
