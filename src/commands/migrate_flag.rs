//! `deployer migrate-flag`

use clap::Args;
use serde_json::json;
use sync_config::config::{LedgerProperties, property_slug};

use super::shared::ask;
use super::shared::session::{find_declared_venue, load_vendor_manifest, manifest_directory};
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Manifest, Status, Venue};
use deployer_core::naming;
use deployer_core::property::{ContactProperty, LivePortal, parse_property_name};
use deployer_hubspot::{FlagMigration, HubSpotClient, MigrationFate, MigrationTally, VendorError};
use deployer_reconcile::portal::{check_portal, connect_to_hubspot, nearest_name};

/// How many contact IDs are shown; `--json` shows all of them.
const SHOWN: usize = 20;

/// Move contacts from a shared flag to a venue's own flag in HubSpot
#[derive(Debug, Args)]
pub struct MigrateFlagArgs {
    /// Internal name of the checkbox property that the contacts have now
    #[arg(long, value_name = "PROPERTY")]
    pub from: String,
    /// The venue whose flag to set
    #[arg(long, value_name = "VENUE")]
    pub to: String,
    /// Show how many contacts there are and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Also move contacts that are or may be leads of the venue already: they become new leads
    #[arg(long)]
    pub also_synced: bool,
}

pub(super) async fn run_migrate_flag(global: &GlobalArgs, args: &MigrateFlagArgs) -> Result<ExitCode> {
    let manifest = load_vendor_manifest(global, "moves flags")?.0.manifest;
    let venue = find_declared_venue(&manifest, &args.to)?;
    let hubspot = connect_to_hubspot(&manifest, &manifest_directory(&manifest.path)).await?.map_err(|why| {
        Error::usage(ErrorCode::HubspotToken, format!("HubSpot can't be reached: {why}"))
            .hint("add `[hubspot] token` to the manifest, and set what it refers to")
    })?;
    let portal = hubspot.portal_id().await.map_err(hubspot_error)?;
    check_portal(&manifest, portal)?;
    let properties = hubspot.list_properties().await.map_err(hubspot_error)?;
    let properties = properties.into_iter().map(|property| (property.name.clone(), property)).collect();
    check_migration(
        &manifest,
        venue,
        &args.from,
        &LivePortal { portal_id: portal, properties, ..LivePortal::default() },
    )?;
    let task = MigrationTask {
        hubspot,
        venue,
        portal,
        migration: FlagMigration {
            from: args.from.clone(),
            to: LedgerProperties::new(&venue.name, &venue.flag_property),
            also_synced: args.also_synced,
            dry_run: false,
        },
        json: global.json.then(JsonLines::default),
    };
    if !args.yes {
        let found = task.run_pass(true).await?;
        if args.dry_run || found.tally.moved + found.tally.had_both == 0 {
            return Ok(ExitCode::Done);
        }
        let mut asker = ask::terminal_prompter(global).ok_or_else(|| ask::missing_flags_error(&["--yes"]))?;
        let question = format!("Do you want to move them to {}? Type `yes` to confirm", venue.name);
        if asker.ask_for_text(&question, Some("no"))? != "yes" {
            return Err(Error::new(ExitCode::Cancelled, ErrorCode::Canceled, "not confirmed; nothing was changed"));
        }
    }
    let done = task.run_pass(false).await?;
    Ok(match done.tally {
        MigrationTally { failed: 0, .. } => ExitCode::Done,
        MigrationTally { moved: 0, had_both: 0, .. } => ExitCode::Failed,
        _ => ExitCode::Partial,
    })
}

/// Refuses a property that can't be moved, and one that must not be: another venue's flag.
fn check_migration(manifest: &Manifest, venue: &Venue, from: &str, portal: &LivePortal) -> Result<()> {
    let Some(property) = portal.properties.get(from) else {
        let mut error = Error::usage(ErrorCode::Flag, format!("HubSpot has no contact property {from}"));
        if let Some(nearest) = nearest_name(from, portal.properties.keys()) {
            error = error.hint(format!("did you mean {nearest}?"));
        }
        return Err(error.hint("use the property's internal name (HubSpot, Settings, Properties, `</>`)"));
    };
    if !property.is_tick_box() {
        let (kind, field) = (&property.kind, &property.field_type);
        return Err(Error::usage(ErrorCode::Flag, format!("{from} is not a checkbox but {kind}/{field}")));
    }
    let declared = manifest.venues.iter().find(|venue| venue.flag_property == from).map(|venue| &*venue.name);
    let former = former_venue(manifest, property).filter(|_| declared.is_none());
    let owner =
        declared.or_else(|| parse_property_name(from).map(|(_, slug)| slug)).map(|venue| format!("venue {venue}"));
    let owner = owner.or_else(|| naming::marked_owner(&property.description)).filter(|_| former.is_none());
    if let Some(owner) = owner {
        return Err(Error::refused(
            ErrorCode::Flag,
            format!(
                "{from} is the flag of {owner}: its contacts would become leads of another venue; nothing was changed"
            ),
        )
        .hint("only a shared flag can be moved, and the flag of a venue that was renamed"));
    }
    if venue.status == Status::Blocked {
        return Err(Error::usage(
            ErrorCode::VenueStatus,
            format!("{} is blocked, so no run would pick up the contacts", venue.name),
        )
        .hint(format!("run `deployer venue unblock {}`, then `deployer apply`", venue.name)));
    }
    let ledger = LedgerProperties::new(&venue.name, &venue.flag_property);
    let there = |name: &str| portal.properties.contains_key(name);
    let is_tick_box = portal.properties.get(&ledger.flag).is_some_and(ContactProperty::is_tick_box);
    match [&ledger.flag, &ledger.status].into_iter().find(|name| !there(name)) {
        Some(name) => {
            Err(Error::usage(ErrorCode::Flag, format!("HubSpot doesn't have {name} yet, a property of {}", venue.name))
                .hint("`deployer apply` creates it"))
        }
        None if !is_tick_box => Err(Error::usage(
            ErrorCode::Flag,
            format!("{}, the flag of {}, is not a checkbox", ledger.flag, venue.name),
        )
        .hint("`deployer plan` shows how to fix it")),
        None => Ok(()),
    }
}

/// The venue of this deployment that had a flag and is no longer declared: it was renamed or removed.
fn former_venue<'p>(manifest: &Manifest, property: &'p ContactProperty) -> Option<&'p str> {
    let venue = property.owner_venue(&manifest.deployment.name)?;
    let is_declared = manifest.venues.iter().any(|declared| property_slug(&declared.name) == property_slug(venue));
    (!is_declared).then_some(venue)
}

fn hubspot_error(error: VendorError) -> Error {
    let failed = Error::failed(ErrorCode::HubspotCall, "HubSpot didn't answer the request").caused_by(&error);
    match error.into_call_error("hubspot:Search").hint() {
        Some(advice) => failed.hint(advice),
        None => failed,
    }
}

struct MigrationTask<'a> {
    hubspot: HubSpotClient,
    venue: &'a Venue,
    portal: u64,
    migration: FlagMigration,
    json: Option<JsonLines>,
}

/// The result of a pass.
#[derive(Default)]
struct MigrationPass {
    tally: MigrationTally,
    /// The first contacts that were left alone or couldn't be written, with the reason.
    shown: Vec<String>,
}

impl MigrationTask<'_> {
    /// One pass over all contacts, reported as it goes and at the end.
    async fn run_pass(&self, dry_run: bool) -> Result<MigrationPass> {
        let migration = FlagMigration { dry_run, ..self.migration.clone() };
        let mut passed = MigrationPass::default();
        let shown = &mut passed.shown;
        let on_contact = |id: &str, fate: &MigrationFate| {
            let (what, why) = match fate {
                MigrationFate::Left(status) => ("left", status),
                MigrationFate::Failed(why) => ("failed", why),
                MigrationFate::Moved | MigrationFate::HadBoth | MigrationFate::Settled => return,
            };
            if let Some(lines) = &self.json {
                lines.print_line("contact", json!({ "id": id, "what": what, "why": why, "dry_run": dry_run }));
            }
            if shown.len() < SHOWN {
                shown.push(format!("  contact {id}  {what}: {why}"));
            }
        };
        let on_batch = |tally: &MigrationTally| {
            let done = tally.moved + tally.had_both;
            let word = if dry_run { "to move" } else { "moved" };
            errln!("  {done} {word}, {} left", tally.left);
        };
        let result = migration.run_pass(&self.hubspot, &mut passed.tally, on_contact, on_batch).await;
        self.print_pass(&passed, dry_run, result.is_err());
        result.map(|()| passed).map_err(|error| {
            let error = hubspot_error(error);
            error.hint("each contact has one flag or the other: run the same command again to continue")
        })
    }

    fn print_pass(&self, passed: &MigrationPass, dry_run: bool, broken_off: bool) {
        let MigrationTally { moved, had_both, left, failed } = passed.tally;
        let (from, to) = (&self.migration.from, &self.migration.to.flag);
        if let Some(lines) = &self.json {
            let line = json!({
                "from": from, "to": to, "venue": self.venue.name, "portal_id": self.portal, "dry_run": dry_run,
                "broken_off": broken_off, "moved": moved, "had_both": had_both, "left": left, "failed": failed,
            });
            lines.print_line("migration", line);
            return;
        }
        for line in &passed.shown {
            outln!("{line}");
        }
        let more = (left + failed).saturating_sub(passed.shown.len() as u64);
        if more > 0 {
            outln!("  and {more} more (--json shows all)");
        }
        let verb = if dry_run { "would move" } else { "moved" };
        let contacts = if moved == 1 { "1 contact".to_owned() } else { format!("{moved} contacts") };
        outln!("{from} -> {to} (portal {}): {verb} {contacts}", self.portal);
        if had_both > 0 {
            outln!("{had_both} had {to} already and only lose {from}");
        }
        if left > 0 {
            outln!(
                "{left} left alone: the ledger of {} says that they are or may be leads already, and they would become \
                 new leads (--also-synced moves them, except those being sent)",
                self.venue.name
            );
        }
        if failed > 0 {
            outln!("{failed} could not be written: run the same command again");
        }
        if !dry_run && !broken_off {
            outln!("HubSpot's search index lags by seconds: run it again to check that none is left.");
        }
    }
}
