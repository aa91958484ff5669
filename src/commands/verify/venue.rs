//! `deployer verify VENUE`

use serde_json::json;
use sync_config::config::DestinationConfig;
use tokio_util::sync::CancellationToken;

use super::VerifyArgs;
use crate::cli::GlobalArgs;
use crate::commands::shared::reconcile::cancel_on_signal;
use crate::commands::shared::session::{Session, find_declared_venue, state_directory};
use crate::commands::shared::vendors::VendorAccess;
use crate::render::JsonLines;
use deployer_aws::Aws;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, Venue};
use deployer_health::verify::journal::{JournalError, VerifyJournal};
use deployer_health::verify::lead::{lookup_destination, share_account};
use deployer_health::verify::{LeadEvidence, OtherVenue, RealTime, Verify, VerifyEvent, VerifyOptions, VerifyOutcome};
use deployer_hubspot::HubSpotClient;

pub(super) async fn run_verify_venue(global: &GlobalArgs, args: &VerifyArgs, name: &str) -> Result<ExitCode> {
    let place = VerifyContext::open(global).await?;
    let manifest = &place.vendors.manifest;
    let venue = find_declared_venue(manifest, name)?;
    refuse_inactive_venue(venue)?;
    let client = deployer_hubspot::build_vendor_client()
        .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
    let hubspot = HubSpotClient::new(
        client.clone(),
        &manifest.hubspot.base_uri,
        place.vendors.resolve_hubspot_token(venue, "create the test contact").await?,
    );
    let known = place.vendors.lookup_credentials(venue).await;
    let mut others = Vec::new();
    for other in manifest.venues.iter().filter(|other| other.name != venue.name) {
        let theirs = place.vendors.lookup_credentials(other).await;
        // If both venues share an account, a lookup for the other would find the lead where it belongs.
        let apart = !share_account((venue, &known), (other, &theirs));
        let destination = match apart {
            true => lookup_destination(&client, Some(&place.aws), manifest, other, &theirs).await,
            false => None,
        };
        others.push(OtherVenue { venue: other, destination });
    }
    let state = state_directory(&manifest.path).join("verify");
    let lines = global.json.then(JsonLines::default);
    let on_event = |event: &VerifyEvent| match &lines {
        Some(lines) => lines.print_line("stage", event),
        None => outln!("{:>7.1} s  {}", event.seconds, event.text),
    };
    let cancel = CancellationToken::new();
    let verify = Verify {
        aws: &place.aws,
        manifest,
        venue,
        others,
        hubspot: &hubspot,
        destination: lookup_destination(&client, Some(&place.aws), manifest, venue, &known).await,
        options: VerifyOptions {
            now: args.now,
            keep: args.keep,
            domain: args.domain.clone().unwrap_or_else(|| manifest.hubspot.test_domain.clone()),
            timeout: args.timeout,
        },
        journal: VerifyJournal::open_file(&state, &venue.name).map_err(journal_error)?,
        waiter: RealTime::start_clock(),
        on_event: &on_event,
        cancel: cancel.clone(),
    };
    let watcher = tokio::spawn(cancel_on_signal(cancel));
    let outcome = verify.run_verify().await;
    watcher.abort();
    let outcome = outcome?;
    let code = outcome_exit_code(&outcome);
    match &lines {
        Some(lines) => lines.print_line("result", result_json(venue, &outcome, code)),
        None => print_outcome(venue, &outcome),
    }
    Ok(code)
}

/// The manifest to verify, and the clients to do it with.
struct VerifyContext {
    vendors: VendorAccess,
    aws: Aws,
}

impl VerifyContext {
    async fn open(global: &GlobalArgs) -> Result<Self> {
        let vendors = VendorAccess::open(global, "verifies a venue")?;
        let aws = match vendors.local_cloud() {
            Some(aws) => aws,
            None => Session::open(global).await?.aws,
        };
        Ok(Self { vendors, aws })
    }
}

/// Refuses a venue that doesn't run: it can't be live.
fn refuse_inactive_venue(venue: &Venue) -> Result<()> {
    let name = &venue.name;
    match venue.status {
        Status::Active => Ok(()),
        Status::Paused => {
            Err(Error::refused(ErrorCode::VenueStatus, format!("{name} is paused, so its rule doesn't fire"))
                .hint(format!("run `deployer venue resume {name}`, then `deployer apply`")))
        }
        Status::Blocked => {
            let why = venue.blocker.as_ref().map_or("", |blocker| blocker.reason.as_str());
            Err(Error::refused(ErrorCode::VenueStatus, format!("{name} is blocked and not deployed: {why}"))
                .hint(format!("run `deployer venue unblock {name}`, then `deployer apply`")))
        }
    }
}

fn journal_error(error: JournalError) -> Error {
    match error {
        JournalError::Busy => Error::refused(ErrorCode::InUse, error.to_string()).hint("wait until it finishes"),
        JournalError::File { .. } => {
            Error::failed(ErrorCode::FileUnwritable, "could not write the journal of what verify creates")
                .caused_by(&error)
        }
    }
}

fn outcome_exit_code(outcome: &VerifyOutcome) -> ExitCode {
    if outcome.failure.is_some() {
        ExitCode::Failed
    } else if outcome.cancelled {
        ExitCode::Cancelled
    } else {
        ExitCode::Done
    }
}

fn result_json(venue: &Venue, outcome: &VerifyOutcome, code: ExitCode) -> serde_json::Value {
    let live = code == ExitCode::Done;
    json!({
        "venue": venue.name,
        "live": live,
        "lead": outcome.lead,
        "failure": outcome.failure,
        "cancelled": outcome.cancelled,
        "remains": outcome.remains,
        "seconds": outcome.seconds,
        "exit_code": code as u8,
    })
}

fn print_outcome(venue: &Venue, outcome: &VerifyOutcome) {
    for remains in &outcome.remains {
        outln!("Left behind: {remains}.");
    }
    if let Some(failure) = &outcome.failure {
        outln!("\n{} isn't live: the stage `{}` failed.", venue.display_name, failure.stage.stage_name());
        outln!("  seen: {}", failure.seen);
        for hint in &failure.hints {
            outln!("  hint: {hint}");
        }
        return;
    }
    if outcome.cancelled {
        outln!("\nCanceled after {:.1} s; whether {} is live is unknown.", outcome.seconds, venue.display_name);
        return;
    }
    let Some(lead) = &outcome.lead else { return };
    let place = match venue.destination {
        DestinationConfig::Tripleseat { .. } => "Tripleseat",
        DestinationConfig::Http(_) => "its platform",
    };
    let by = match lead.evidence {
        LeadEvidence::Destination => "",
        LeadEvidence::Ledger => ", according to the ledger",
    };
    outln!(
        "\n{} is live: the lead was in {place} {:.1} s after the flag was set{by}.",
        venue.display_name,
        lead.seconds_after_flag
    );
}
