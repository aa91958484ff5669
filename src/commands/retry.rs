//! `deployer retry`

use clap::Args;
use jiff::Timestamp;
use sync_config::config::LedgerProperties;
use sync_lambda::ledger::Ledger;

use super::shared::ask;
use super::shared::session::{Session, find_declared_venue};
use super::shared::vendors::VendorAccess;
use crate::cli::{GlobalArgs, TimeWindow, parse_time_window};
use crate::render::RetryOutput;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, Venue};
use deployer_health::verify::lead::lookup_destination;
use deployer_hubspot::{HubSpotClient, RetryAction, RetrySelection, RetryTally, VendorError, VenueRetry};
use deployer_reconcile::portal::check_portal;

/// Tick contacts again that failed or need review
#[derive(Debug, Args)]
#[command(after_help = "\
Without --failed or --needs-review, both are retried, except for contacts that may be leads already and can't be looked
up: name --needs-review to retry those, too. Where the venue's leads can be looked up (OAuth), a contact that did become
a lead is marked as synced instead.")]
pub struct RetryArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Contacts that the destination refused; correct what it refused first
    #[arg(long)]
    pub failed: bool,
    /// Contacts that may or may not have become leads
    #[arg(long)]
    pub needs_review: bool,
    /// Only contacts that have been so for no longer than this: 7d, 12h, 90m
    #[arg(long, value_name = "DURATION", value_parser = parse_time_window)]
    pub since: Option<TimeWindow>,
    /// Show the contacts' names and email addresses
    #[arg(long)]
    pub show_contacts: bool,
    /// Show the contacts and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub(super) async fn run_retry(global: &GlobalArgs, args: &RetryArgs) -> Result<ExitCode> {
    let access = VendorAccess::open(global, "retries contacts")?;
    let manifest = &access.manifest;
    let venue = find_declared_venue(manifest, &args.venue)?;
    refuse_blocked_venue(venue)?;
    let client = deployer_hubspot::build_vendor_client()
        .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
    let token = access.resolve_hubspot_token(venue, "read and tick contacts").await?;
    let hubspot = HubSpotClient::new(client.clone(), &manifest.hubspot.base_uri, token);
    let portal = hubspot.portal_id().await.map_err(hubspot_error)?;
    check_portal(manifest, portal)?;
    let known = access.lookup_credentials(venue).await;
    // AWS is only needed for tokens that the venue's function renews.
    let aws = match (venue.destination.rotates_tokens(), access.local_cloud()) {
        (false, _) => None,
        (true, Some(local)) => Some(local),
        (true, None) => Some(Session::open(global).await?.aws),
    };
    let retry = VenueRetry {
        hubspot: &hubspot,
        ledger: Ledger::new(LedgerProperties::new(&venue.name, &venue.flag_property)),
        destination: lookup_destination(&client, aws.as_ref(), manifest, venue, &known).await,
        resend_unseen: args.needs_review,
    };
    let both = !args.failed && !args.needs_review;
    let selection = RetrySelection {
        failed: args.failed || both,
        needs_review: args.needs_review || both,
        since: args.since.as_ref().map(|since| Timestamp::now().checked_sub(since.duration).unwrap_or_default()),
        with_names: args.show_contacts,
    };
    let candidates = retry.find_candidates(&selection).await.map_err(hubspot_error)?;
    let (decided, refused) = retry.decide_actions(candidates).await;
    let output = RetryOutput { venue, portal, json: global.json, dry_run: args.dry_run };
    output.print_decisions(&decided, refused.as_ref());
    let changes = decided.iter().filter(|(_, action)| !matches!(action, RetryAction::Leave { .. })).count();
    if args.dry_run || changes == 0 {
        output.print_tally(&decided, &RetryTally::default(), false);
        return Ok(ExitCode::Done);
    }
    if !args.yes {
        let mut asker = ask::terminal_prompter(global).ok_or_else(|| ask::missing_flags_error(&["--yes"]))?;
        let question = format!("Do you want to change these contacts of {}? Type `yes` to confirm", venue.name);
        if asker.ask_for_text(&question, Some("no"))? != "yes" {
            return Err(Error::new(ExitCode::Cancelled, ErrorCode::Canceled, "not confirmed; nothing was changed"));
        }
    }
    let mut tally = RetryTally::default();
    let unwritten = retry.carry_out(&decided, &mut tally).await;
    output.print_tally(&decided, &tally, unwritten.is_err());
    let unwritten = unwritten.map_err(|error| {
        hubspot_error(error).hint("contacts that were ticked stay ticked: run the same command again to continue")
    })?;
    output.print_unwritten(&unwritten);
    Ok(match tally {
        RetryTally { failed: 0, .. } => ExitCode::Done,
        RetryTally { ticked: 0, settled: 0, .. } => ExitCode::Failed,
        _ => ExitCode::Partial,
    })
}

/// Refuses a venue that isn't deployed: no run would pick the contacts up.
fn refuse_blocked_venue(venue: &Venue) -> Result<()> {
    if venue.status != Status::Blocked {
        return Ok(());
    }
    Err(Error::usage(
        ErrorCode::VenueStatus,
        format!("{} is blocked, so no run would pick up the contacts", venue.name),
    )
    .hint(format!("run `deployer venue unblock {}`, then `deployer apply`", venue.name)))
}

fn hubspot_error(error: VendorError) -> Error {
    let failed = Error::failed(ErrorCode::HubspotCall, "HubSpot didn't answer the request").caused_by(&error);
    match error.into_call_error("hubspot:Search").hint() {
        Some(advice) => failed.hint(advice),
        None => failed,
    }
}
