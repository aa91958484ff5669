//! `deployer verify VENUE`

use std::path::PathBuf;

use serde_json::json;
use sync_config::config::{
    DestinationConfig, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID,
    KEY_TRIPLESEAT_CLIENT_SECRET,
};
use sync_lambda::credentials::CredentialValue;
use tokio_util::sync::CancellationToken;

use super::VerifyArgs;
use crate::cli::GlobalArgs;
use crate::commands::shared::reconcile::cancel_on_signal;
use crate::commands::shared::session::{
    Session, find_declared_venue, load_manifest, manifest_directory, state_directory,
};
use crate::dev::RunningDev;
use crate::render::JsonLines;
use deployer_aws::Aws;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Manifest, SecretRef, Status, Venue};
use deployer_health::verify::journal::{JournalError, VerifyJournal};
use deployer_health::verify::lead::{KnownCredentials, lookup_destination, share_account};
use deployer_health::verify::{LeadEvidence, OtherVenue, RealTime, Verify, VerifyEvent, VerifyOptions, VerifyOutcome};
use deployer_hubspot::{self, HubSpotClient};

pub(super) async fn run_verify_venue(global: &GlobalArgs, args: &VerifyArgs, name: &str) -> Result<ExitCode> {
    let place = VerifyContext::open(global).await?;
    let manifest = &place.manifest;
    let venue = find_declared_venue(manifest, name)?;
    refuse_inactive_venue(venue)?;
    let client = deployer_hubspot::build_vendor_client().map_err(|error| Error::failed(error.to_string()))?;
    let hubspot =
        HubSpotClient::new(client.clone(), &manifest.hubspot.base_uri, place.resolve_hubspot_token(venue).await?);
    let known = place.lookup_credentials(venue).await;
    let mut others = Vec::new();
    for other in manifest.venues.iter().filter(|other| other.name != venue.name) {
        let theirs = place.lookup_credentials(other).await;
        // If both venues share an account, a lookup for the other would find the lead where it belongs.
        let apart = !share_account((venue, &known), (other, &theirs));
        let destination = if apart { lookup_destination(&client, manifest, other, &theirs) } else { None };
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
        destination: lookup_destination(&client, manifest, venue, &known),
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
    manifest: Manifest,
    aws: Aws,
    /// The `deployer dev` whose sandboxes are used instead of the vendors.
    dev: Option<RunningDev>,
}

impl VerifyContext {
    async fn open(global: &GlobalArgs) -> Result<Self> {
        if !global.local {
            let session = Session::open(global).await?;
            return Ok(Self { manifest: session.loaded.manifest, aws: session.aws, dev: None });
        }
        let mut manifest = load_manifest(global)?.manifest;
        let directory = state_directory(&manifest.path);
        let dev = RunningDev::read_file(&directory);
        let dev = dev.map_err(|error| {
            Error::failed("could not read the addresses of the running `deployer dev`").caused_by(&error)
        });
        let none = || {
            Error::usage("--local verifies a venue in a running `deployer dev`, but none is running with this manifest")
                .hint("start `deployer dev` in another terminal, then run this again")
        };
        let dev = dev?.ok_or_else(none)?;
        dev.point_manifest(&mut manifest);
        let aws = Aws::for_local_server(
            &manifest.deployment.region,
            &dev.aws,
            &dev.aws_access_key_id,
            &dev.aws_secret_access_key,
        );
        Ok(Self { manifest, aws, dev: Some(dev) })
    }

    /// The deployer's own HubSpot token, or else the venue's.
    async fn resolve_hubspot_token(&self, venue: &Venue) -> Result<CredentialValue> {
        if let Some(dev) = &self.dev {
            let token = dev.venue_credentials(&venue.name).find(|(key, _)| *key == KEY_HUBSPOT_TOKEN);
            return token
                .map(|(_, token)| CredentialValue::new(token))
                .ok_or_else(|| Error::failed(format!("the running `deployer dev` has no venue {}", venue.name)));
        }
        let own = secret_reference(venue, KEY_HUBSPOT_TOKEN);
        let (what, reference) = match (&self.manifest.hubspot.token, own) {
            (Some(reference), _) => ("`token` of [hubspot]".to_owned(), reference),
            (None, Some(reference)) => (format!("`hubspot_token` of {}", venue.name), reference),
            (None, None) => return Err(Error::usage(format!("there is no HubSpot token for {}", venue.name))),
        };
        deployer_hubspot::resolve_secret(reference, &self.manifest_directory()).await.map_err(|error| {
            Error::usage(format!("could not get {what}, which is needed to create the test contact"))
                .caused_by(&error)
                .hint("set it, or point `token` in [hubspot] at one available here: env:NAME, file:PATH, cmd:PROGRAM")
        })
    }

    /// The credentials available here that look up a venue's leads. No other reference is resolved, since each may
    /// prompt for a password.
    async fn lookup_credentials(&self, venue: &Venue) -> KnownCredentials {
        if let Some(dev) = &self.dev {
            return dev
                .venue_credentials(&venue.name)
                .map(|(key, value)| (key.clone(), CredentialValue::new(value)))
                .collect();
        }
        let keys: &[&str] = match &venue.destination {
            DestinationConfig::Tripleseat { .. } => &[KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET],
            DestinationConfig::Http(http) if http.lookup_url.is_some() => &[KEY_DESTINATION_CREDENTIAL],
            DestinationConfig::Http(_) => &[],
        };
        let mut known = KnownCredentials::new();
        for key in keys {
            let Some(reference) = secret_reference(venue, key) else { continue };
            if let Ok(value) = deployer_hubspot::resolve_secret(reference, &self.manifest_directory()).await {
                known.insert((*key).to_owned(), value);
            }
        }
        known
    }

    fn manifest_directory(&self) -> PathBuf {
        manifest_directory(&self.manifest.path)
    }
}

fn secret_reference<'v>(venue: &'v Venue, key: &str) -> Option<&'v SecretRef> {
    venue.secrets.iter().find(|(name, _)| name == key).map(|(_, reference)| reference)
}

/// Refuses a venue that doesn't run: it can't be live.
fn refuse_inactive_venue(venue: &Venue) -> Result<()> {
    let name = &venue.name;
    match venue.status {
        Status::Active => Ok(()),
        Status::Paused => Err(Error::refused(format!("{name} is paused, so its rule doesn't fire"))
            .hint(format!("run `deployer venue resume {name}`, then `deployer apply`"))),
        Status::Blocked => {
            let why = venue.blocker.as_ref().map_or("", |blocker| blocker.reason.as_str());
            Err(Error::refused(format!("{name} is blocked and not deployed: {why}"))
                .hint(format!("run `deployer venue unblock {name}`, then `deployer apply`")))
        }
    }
}

fn journal_error(error: JournalError) -> Error {
    match error {
        JournalError::Busy => Error::refused(error.to_string()).hint("wait until it finishes"),
        JournalError::File { .. } => {
            Error::failed("could not write the journal of what verify creates").caused_by(&error)
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
