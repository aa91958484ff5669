//! `deployer venue pause`, `resume`, `block` and `unblock`

use serde_json::json;

use super::write::EditableManifest;
use crate::cli::{DeployedStatus, GlobalArgs, VenueBlockArgs};
use crate::commands::ask;
use crate::commands::blockers::today_in_utc;
use crate::render::JsonLines;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{BlockerEntry, Status, remove_blocker, set_blocker, set_status, status_word};

/// `deployer venue pause` and `resume`
pub(super) fn set_venue_status(global: &GlobalArgs, name: &str, status: Status) -> Result<ExitCode> {
    let manifest = EditableManifest::open(global)?;
    if manifest.find_venue(name)?.status == Status::Blocked {
        let word = status_word(status);
        return Err(Error::usage(format!("{name} is blocked, so it has no rule"))
            .hint(format!("`deployer venue unblock {name} --status {word}` removes its blocker")));
    }
    let changed = manifest.edit_venue(name, |text| set_status(text, name, status), |venue| venue.status == status)?;
    print_edit(global, name, status, changed);
    Ok(ExitCode::Done)
}

/// `deployer venue block`
pub(super) fn block_venue(global: &GlobalArgs, args: &VenueBlockArgs) -> Result<ExitCode> {
    let manifest = EditableManifest::open(global)?;
    let name = args.venue.as_str();
    let venue = manifest.find_venue(name)?;
    let (was_blocked, known) = (venue.status == Status::Blocked, venue.blocker.clone());
    let mut entries = Vec::new();
    let mut given = (args.reason.clone(), args.owner.clone(), args.next_step.clone());
    if given.0.is_none() && known.is_none() {
        let mut person = ask::terminal_prompter(global).ok_or_else(|| ask::missing_flags_error(&["--reason"]))?;
        given.0 = Some(person.ask_for_text("What blocks it", None)?);
        let optional = |text: String| Some(text).filter(|text| !text.is_empty());
        if given.1.is_none() {
            given.1 = optional(person.ask_for_text("Who takes the next step (optional)", Some(""))?);
        }
        if given.2.is_none() {
            given.2 = optional(person.ask_for_text("Next step (optional)", Some(""))?);
        }
    }
    entries.extend(given.0.map(BlockerEntry::Reason));
    entries.extend(given.1.map(BlockerEntry::Owner));
    entries.extend(given.2.map(BlockerEntry::NextStep));
    // Changing a blocker doesn't reset its age.
    let old = was_blocked || known.as_ref().is_some_and(|blocker| blocker.since.is_some());
    entries.extend(args.since.or_else(|| (!old).then(today_in_utc)).map(BlockerEntry::Since));
    let changed = manifest.edit_venue(
        name,
        |text| set_blocker(&set_status(text, name, Status::Blocked)?, name, &entries),
        |venue| venue.status == Status::Blocked && venue.blocker.is_some(),
    )?;
    if was_blocked && changed && !global.json {
        anstream::println!("{name} is still blocked; its blocker in {} was updated.", global.manifest.display());
        return Ok(ExitCode::Done);
    }
    print_edit(global, name, Status::Blocked, changed);
    Ok(ExitCode::Done)
}

/// `deployer venue unblock`
pub(super) fn unblock_venue(global: &GlobalArgs, name: &str, status: Option<DeployedStatus>) -> Result<ExitCode> {
    let manifest = EditableManifest::open(global)?;
    let venue = manifest.find_venue(name)?;
    if venue.status != Status::Blocked && venue.blocker.is_none() {
        return Err(Error::usage(format!("{name} isn't blocked: it is {}", status_word(venue.status))));
    }
    let status = match status {
        Some(status) => manifest_status(status),
        None if venue.status != Status::Blocked => venue.status,
        None => {
            let mut person = ask::terminal_prompter(global).ok_or_else(|| ask::missing_flags_error(&["--status"]))?;
            person.ask_until_valid("New status (active or paused)", Some("active"), |answer| match answer {
                "active" => Ok(Status::Active),
                "paused" => Ok(Status::Paused),
                _ => Err("enter active or paused".to_owned()),
            })?
        }
    };
    let changed = manifest.edit_venue(
        name,
        |text| remove_blocker(&set_status(text, name, status)?, name),
        |venue| venue.status == status && venue.blocker.is_none(),
    )?;
    print_edit(global, name, status, changed);
    Ok(ExitCode::Done)
}

pub(super) fn manifest_status(deployed: DeployedStatus) -> Status {
    match deployed {
        DeployedStatus::Active => Status::Active,
        DeployedStatus::Paused => Status::Paused,
    }
}

fn print_edit(global: &GlobalArgs, name: &str, status: Status, changed: bool) {
    let word = status_word(status);
    let next = format!("deployer apply --target {name}");
    if global.json {
        let next: &[&str] = if changed { &[&next] } else { &[] };
        let line = json!({ "venue": name, "status": word, "changed": changed, "next": next });
        return JsonLines::default().print_line("venue_edited", line);
    }
    let manifest = global.manifest.display();
    match (changed, status) {
        (false, _) => {
            anstream::println!("{name} is already {word}; {manifest} was not changed.")
        }
        (true, Status::Blocked) => anstream::println!(
            "{name} is blocked in {manifest}. The next apply removes its resources from AWS:\n  {next}"
        ),
        (true, _) => {
            anstream::println!("{name} is {word} in {manifest}. It takes effect with the next apply:\n  {next}");
        }
    }
}
