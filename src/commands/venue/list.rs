//! `deployer venue list`

use clap::Args;
use serde_json::json;
use sync_config::config::DestinationConfig;

use crate::cli::GlobalArgs;
use crate::commands::shared::blockers::{days_text, today_in_utc};
use crate::commands::shared::session::load_manifest;
use crate::render::JsonLines;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, Venue, status_word};

/// List the venues with status, schedule and destination, and their blockers with owner, next step and age
#[derive(Debug, Args)]
pub struct VenueListArgs {}

pub(super) fn run_venue_list(global: &GlobalArgs, _args: &VenueListArgs) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    let venues = &loaded.manifest.venues;
    let today = today_in_utc();
    if global.json {
        let lines = JsonLines::default();
        for venue in venues {
            let blocker = venue.blocker.as_ref().map(|blocker| {
                json!({
                    "reason": blocker.reason,
                    "owner": blocker.owner,
                    "next_step": blocker.next_step,
                    "since": blocker.since,
                    "age_days": blocker.age_days(today),
                })
            });
            lines.print_line(
                "venue",
                json!({
                    "name": venue.name,
                    "display_name": venue.display_name,
                    "status": status_word(venue.status),
                    "schedule": venue.schedule.expression,
                    "flag_property": venue.flag_property,
                    "destination": destination_text(venue),
                    "blocker": blocker,
                }),
            );
        }
        return Ok(ExitCode::Done);
    }
    let width = |cell: fn(&Venue) -> &str| venues.iter().map(|venue| cell(venue).len()).max().unwrap_or_default();
    let (names, schedules) = (width(|venue| &venue.name), width(|venue| &venue.schedule.expression));
    for venue in venues {
        let (name, schedule) = (&venue.name, &venue.schedule.expression);
        outln!("{name:names$}  {:7}  {schedule:schedules$}  {}", status_word(venue.status), destination_text(venue));
        if let Some(blocker) = &venue.blocker {
            let age = blocker.age_days(today);
            let since = age.map_or_else(|| "since an unknown date".to_owned(), |age| format!("for {}", days_text(age)));
            let blocked = if venue.status == Status::Blocked { "blocked" } else { "has a blocker" };
            outln!("  {blocked} ({since}): {}", blocker.reason);
            outln!(
                "  owner: {}; next step: {}",
                blocker.owner.as_deref().unwrap_or("nobody"),
                blocker.next_step.as_deref().unwrap_or("none")
            );
        }
    }
    Ok(ExitCode::Done)
}

/// Where a venue's leads go, in a few words.
pub(super) fn destination_text(venue: &Venue) -> String {
    match &venue.destination {
        DestinationConfig::Tripleseat(place) => match place.location_id {
            Some(location) => format!("tripleseat, location {location}"),
            None => "tripleseat".to_owned(),
        },
        DestinationConfig::Http(http) => http.url.clone(),
    }
}
