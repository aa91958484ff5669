//! What a blocked venue is waiting for, and for how long.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use deployer_core::manifest::{Blocker, Status, Venue};

/// Today's date in UTC.
pub(in crate::commands) fn today_in_utc() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// `1 day`, `40 days`
pub(in crate::commands) fn days_text(count: i64) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

/// The note that a plan shows for a blocked venue. It points out blockers without an owner or older than 30 days.
pub(in crate::commands) fn blocker_note(venue: &Venue, today: Date) -> Option<String> {
    let blocker = venue.blocker.as_ref().filter(|_| venue.status == Status::Blocked)?;
    let name = &venue.name;
    let next = blocker.next_step.as_deref().unwrap_or("none");
    let owner = blocker.owner.as_deref();
    let mut note = format!(
        "{name} is blocked and not deployed: {} (next step: {next}; owner: {})",
        blocker.reason,
        owner.unwrap_or("nobody")
    );
    if owner.is_none() {
        note.push_str(&format!(". Assign an owner: `deployer venue block {name} --owner WHO`"));
    }
    if let Some(age) = blocker.age_days(today).filter(|age| *age > Blocker::OLD_DAYS) {
        let ask = owner.map_or_else(String::new, |owner| format!(": ask {owner} about the next step"));
        note.push_str(&format!(". It has been blocked for {}{ask}", days_text(age)));
    }
    Some(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed_blocker_note(blocker: &str, today: &str) -> Option<String> {
        let text = format!(
            "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n[venues.marina]\ndisplay_name = \"Marina\"\n\
             status = \"blocked\"\n[venues.marina.blocker]\nreason = \"No API\"\n{blocker}\
             [venues.marina.destination]\nkind = \"tripleseat\"\n"
        );
        let loaded = deployer_core::manifest::parse_manifest(&text, "venues.toml").expect("valid");
        blocker_note(&loaded.manifest.venues[0], today.parse().expect("a date"))
    }

    #[test]
    fn points_out_old_blockers_and_blockers_without_an_owner() {
        let quiet = "marina is blocked and not deployed: No API (next step: none; owner: ops)";
        let owned = "owner = \"ops\"\nsince = 2026-01-01\n";
        for day in ["2025-12-01", "2026-01-01", "2026-01-31"] {
            assert_eq!(parsed_blocker_note(owned, day).as_deref(), Some(quiet), "{day}");
        }
        let old = parsed_blocker_note(owned, "2026-02-01").expect("a note");
        assert_eq!(old, format!("{quiet}. It has been blocked for 31 days: ask ops about the next step"));
        assert_eq!(
            parsed_blocker_note("next_step = \"Ask\"\n", "2026-02-01").expect("a note"),
            "marina is blocked and not deployed: No API (next step: Ask; owner: nobody). Assign an owner: \
             `deployer venue block marina --owner WHO`"
        );
        let both = parsed_blocker_note("since = 2025-01-01\n", "2026-02-01").expect("a note");
        assert!(both.ends_with("--owner WHO`. It has been blocked for 396 days"), "{both}");
    }
}
