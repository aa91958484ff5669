//! `deployer verify VENUE`

use std::path::PathBuf;

use serde_json::json;
use sync_config::config::{
    Destination, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET,
};
use sync_lambda::credentials::Secret;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, VerifyArgs};
use crate::commands::reconcile::watch_for_signals;
use crate::commands::session::{Session, declared, load, manifest_directory, state_directory};
use crate::dev::Running;
use crate::render::JsonLines;
use deployer_aws::{Aws, https_client};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Manifest, SecretRef, Status, Venue};
use deployer_health::verify::journal::{Journal, JournalError};
use deployer_health::verify::lead::{Known, destination, one_account};
use deployer_health::verify::{Event, Evidence, Options, Other, Outcome, RealTime, Verify};
use deployer_hubspot::{self, HubSpot};

pub(super) async fn run_verify_venue(global: &Global, args: &VerifyArgs, name: &str) -> Result<ExitCode> {
    let place = VerifyContext::open(global).await?;
    let manifest = &place.manifest;
    let venue = declared(manifest, name)?;
    refuse_status(venue)?;
    let client = sync_lambda::http::client().map_err(|error| Error::failed(error.to_string()))?;
    let hubspot = HubSpot::new(client.clone(), &manifest.hubspot.base_uri, place.token(venue).await?);
    let known = place.known(venue).await;
    let mut others = Vec::new();
    for other in manifest.venues.iter().filter(|other| other.name != venue.name) {
        let theirs = place.known(other).await;
        // If both venues share an account, a lookup for the other would find the lead where it belongs.
        let apart = !one_account((venue, &known), (other, &theirs));
        let destination = if apart { destination(&client, manifest, other, &theirs) } else { None };
        others.push(Other { venue: other, destination });
    }
    let state = state_directory(&manifest.path).join("verify");
    let lines = global.json.then(JsonLines::default);
    let on_event = |event: &Event| match &lines {
        Some(lines) => lines.line("stage", event),
        None => anstream::println!("{:>7.1} s  {}", event.seconds, event.text),
    };
    let cancel = CancellationToken::new();
    let verify = Verify {
        aws: &place.aws,
        manifest,
        venue,
        others,
        hubspot: &hubspot,
        destination: destination(&client, manifest, venue, &known),
        options: Options {
            now: args.now,
            keep: args.keep,
            domain: args.domain.clone().unwrap_or_else(|| manifest.hubspot.test_domain.clone()),
            timeout: args.timeout,
        },
        journal: Journal::open(&state, &venue.name).map_err(no_journal)?,
        waiter: RealTime::start(),
        on_event: &on_event,
        cancel: cancel.clone(),
    };
    let watcher = tokio::spawn(watch_for_signals(cancel));
    let outcome = verify.run().await;
    watcher.abort();
    let outcome = outcome?;
    let code = code(&outcome);
    match &lines {
        Some(lines) => lines.line("result", result(venue, &outcome, code)),
        None => tell(venue, &outcome),
    }
    Ok(code)
}

/// The manifest to verify, and the clients to do it with.
struct VerifyContext {
    manifest: Manifest,
    aws: Aws,
    /// The `deployer dev` whose sandboxes are used instead of the vendors.
    dev: Option<Running>,
}

impl VerifyContext {
    async fn open(global: &Global) -> Result<Self> {
        if !global.local {
            let session = Session::open(global).await?;
            return Ok(Self { manifest: session.loaded.manifest, aws: session.aws, dev: None });
        }
        let mut manifest = load(global)?.manifest;
        let directory = state_directory(&manifest.path);
        let dev = Running::read(&directory);
        let dev = dev.map_err(|error| {
            Error::failed("could not read the addresses of the running `deployer dev`").caused_by(&error)
        });
        let none = || {
            Error::usage("--local verifies a venue in a running `deployer dev`, but none is running with this manifest")
                .hint("start `deployer dev` in another terminal, then run this again")
        };
        let dev = dev?.ok_or_else(none)?;
        dev.point(&mut manifest);
        let aws = Aws::for_local(&manifest.deployment.region, https_client(), Some(&dev.aws));
        Ok(Self { manifest, aws, dev: Some(dev) })
    }

    /// The deployer's own HubSpot token, or else the venue's.
    async fn resolve_hubspot_token(&self, venue: &Venue) -> Result<Secret> {
        if let Some(dev) = &self.dev {
            let token = dev.credentials(&venue.name).find(|(key, _)| *key == KEY_HUBSPOT_TOKEN);
            return token
                .map(|(_, token)| Secret::new(token))
                .ok_or_else(|| Error::failed(format!("the running `deployer dev` has no venue {}", venue.name)));
        }
        let own = reference(venue, KEY_HUBSPOT_TOKEN);
        let (what, reference) = match (&self.manifest.hubspot.token, own) {
            (Some(reference), _) => ("`token` of [hubspot]".to_owned(), reference),
            (None, Some(reference)) => (format!("`hubspot_token` of {}", venue.name), reference),
            (None, None) => return Err(Error::usage(format!("there is no HubSpot token for {}", venue.name))),
        };
        deployer_hubspot::resolve(reference, &self.directory()).await.map_err(|error| {
            Error::usage(format!("could not get {what}, which is needed to create the test contact"))
                .caused_by(&error)
                .hint("set it, or point `token` in [hubspot] at one available here: env:NAME, file:PATH, cmd:PROGRAM")
        })
    }

    /// The credentials available here that look up a venue's leads. No other reference is resolved, since each may
    /// prompt for a password.
    async fn lookup_credentials(&self, venue: &Venue) -> Known {
        if let Some(dev) = &self.dev {
            return dev.credentials(&venue.name).map(|(key, value)| (key.clone(), Secret::new(value))).collect();
        }
        let keys: &[&str] = match &venue.destination {
            Destination::Tripleseat { .. } => &[KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET],
            Destination::Http(http) if http.lookup_url.is_some() => &[KEY_DESTINATION_CREDENTIAL],
            Destination::Http(_) => &[],
        };
        let mut known = Known::new();
        for key in keys {
            let Some(reference) = reference(venue, key) else { continue };
            if let Ok(value) = deployer_hubspot::resolve(reference, &self.directory()).await {
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

fn outcome_exit_code(outcome: &Outcome) -> ExitCode {
    if outcome.failure.is_some() {
        ExitCode::Failed
    } else if outcome.cancelled {
        ExitCode::Cancelled
    } else {
        ExitCode::Done
    }
}

fn result_json(venue: &Venue, outcome: &Outcome, code: ExitCode) -> serde_json::Value {
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

fn print_outcome(venue: &Venue, outcome: &Outcome) {
    for remains in &outcome.remains {
        anstream::println!("Left behind: {remains}.");
    }
    if let Some(failure) = &outcome.failure {
        anstream::println!("\n{} isn't live: the stage `{}` failed.", venue.display_name, failure.stage.name());
        anstream::println!("  seen: {}", failure.seen);
        for hint in &failure.hints {
            anstream::println!("  hint: {hint}");
        }
        return;
    }
    if outcome.cancelled {
        anstream::println!(
            "\nCanceled after {:.1} s; whether {} is live is unknown.",
            outcome.seconds,
            venue.display_name
        );
        return;
    }
    let Some(lead) = &outcome.lead else { return };
    let place = match venue.destination {
        Destination::Tripleseat { .. } => "Tripleseat",
        Destination::Http(_) => "its platform",
    };
    let by = match lead.evidence {
        Evidence::Destination => "",
        Evidence::Ledger => ", according to the ledger",
    };
    anstream::println!(
        "\n{} is live: the lead was in {place} {:.1} s after the flag was set{by}.",
        venue.display_name,
        lead.seconds_after_flag
    );
}
