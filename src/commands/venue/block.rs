//! `deployer venue block`

use clap::Args;

use super::status::print_edit;
use super::write::EditableManifest;
use crate::cli::GlobalArgs;
use crate::commands::shared::ask;
use crate::commands::shared::blockers::today_in_utc;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{BlockerEntry, Status, set_blocker, set_status};

/// Mark a venue as blocked; the next apply removes its resources. Run it again to change the blocker
#[derive(Debug, Args)]
pub struct VenueBlockArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// What blocks it; asked for on a terminal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who takes the next step
    #[arg(long, value_name = "WHO")]
    pub owner: Option<String>,
    /// The next step
    #[arg(long, value_name = "TEXT")]
    pub next_step: Option<String>,
    /// Since when (default: today)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub since: Option<jiff::civil::Date>,
}

pub(super) fn run_venue_block(global: &GlobalArgs, args: &VenueBlockArgs) -> Result<ExitCode> {
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
        outln!("{name} is still blocked; its blocker in {} was updated.", global.manifest.display());
        return Ok(ExitCode::Done);
    }
    print_edit(global, name, Status::Blocked, changed);
    Ok(ExitCode::Done)
}
