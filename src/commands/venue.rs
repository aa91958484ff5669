//! `deployer venue`

use serde_json::json;
use sync_lambda::config::Destination;

use super::session::load;
use crate::cli::Global;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::manifest::{Status, Venue};
use crate::render::JsonLines;

/// `deployer venue list`
pub(super) fn list(global: &Global) -> Result<ExitCode> {
    let loaded = load(global)?;
    let venues = &loaded.manifest.venues;
    if global.json {
        let lines = JsonLines::default();
        for venue in venues {
            let blocker = venue.blocker.as_ref().map(|blocker| {
                json!({
                    "reason": blocker.reason,
                    "owner": blocker.owner,
                    "next_step": blocker.next_step,
                    "since": blocker.since,
                })
            });
            lines.line(
                "venue",
                json!({
                    "name": venue.name,
                    "display_name": venue.display_name,
                    "status": status(venue),
                    "schedule": venue.schedule.expression,
                    "flag_property": venue.flag_property,
                    "destination": destination(venue),
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
        anstream::println!("{name:names$}  {:7}  {schedule:schedules$}  {}", status(venue), destination(venue));
        if let Some(blocker) = &venue.blocker {
            anstream::println!("  blocked: {}", blocker.reason);
            anstream::println!(
                "  owner: {}; next step: {}",
                blocker.owner.as_deref().unwrap_or("nobody"),
                blocker.next_step.as_deref().unwrap_or("none is named")
            );
        }
    }
    Ok(ExitCode::Done)
}

fn status(venue: &Venue) -> &'static str {
    match venue.status {
        Status::Active => "active",
        Status::Paused => "paused",
        Status::Blocked => "blocked",
    }
}

fn destination(venue: &Venue) -> String {
    match &venue.destination {
        Destination::Tripleseat { location_id: Some(location), .. } => format!("tripleseat, location {location}"),
        Destination::Tripleseat { .. } => "tripleseat".to_owned(),
        Destination::Http(http) => http.url.clone(),
    }
}
