//! `deployer connect`

mod listen;

use std::io::{BufRead, IsTerminal};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use pacing::CallUnderWay;
use serde_json::{Map, Value, json};
use sync_config::config::{KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_CONNECTED_AT};
use sync_lambda::credentials::{CredentialValue, OAuthClient};
use sync_lambda::error::RunError;
use sync_lambda::tokens::TokenPair;

use super::secret::stored::{change_secret, read_secret, require_own_secret};
use super::shared::session::{Session, find_declared_venue};
use crate::cli::{GlobalArgs, parse_positive_duration};
use crate::terminal::QuietTerminal;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{OAuthConsent, Venue};
use deployer_health::consent::{ConsentRequest, RedirectProblem, check_tokens};

/// Let an admin of a venue's Tripleseat account consent to lead look-ups (OAuth)
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// The venue; its destination must have `oauth = "authorization_code"`
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Wait for no redirect: paste the address that the browser shows after the consent
    #[arg(long)]
    pub paste: bool,
    /// Don't open a browser, only print the address of the consent page
    #[arg(long)]
    pub no_browser: bool,
    /// The application's redirect URL, instead of the manifest's `redirect_uri`
    #[arg(long, value_name = "URL")]
    pub redirect_uri: Option<String>,
    /// The scopes to ask for, separated by spaces, instead of the manifest's `scopes`
    #[arg(long, value_name = "SCOPES")]
    pub scopes: Option<String>,
    /// How long to wait for the consent
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_positive_duration)]
    pub timeout: Duration,
}

pub(super) async fn run_connect(global: &GlobalArgs, args: &ConnectArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let venue = find_declared_venue(session.manifest(), &args.venue)?;
    let (base_uri, consent) = consent_settings(venue, args)?;
    let secret = require_own_secret(&session, venue).await?;
    let stored = read_secret(&session, &secret).await?;
    let identity = stored_application(venue, &stored)?;
    let before = stored.get(KEY_TRIPLESEAT_CONNECTED_AT).cloned();
    // It is in the address that the person opens.
    secrets::allow_showing(identity.id.expose());
    let request = ConsentRequest::new(base_uri, identity.id.expose(), &consent)
        .map_err(|message| Error::usage(ErrorCode::Consent, message))?;

    let code = ask_for_consent(&session, venue, args, &request).await?;
    let client = deployer_hubspot::build_vendor_client()
        .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
    // Whoever finished first stays connected: the code isn't used, so that nothing of theirs is revoked.
    let now = read_secret(&session, &secret).await?;
    if now.get(KEY_TRIPLESEAT_CONNECTED_AT) != before.as_ref() {
        return Err(connected_meanwhile(venue));
    }
    let pair = request.exchange_code(&client, base_uri, &identity, &code).await;
    let pair = pair.map_err(|error| refused_by_vendor(&error))?;
    let sites = check_tokens(&client, venue, &identity, &pair).await.map_err(|error| refused_by_vendor(&error))?;
    store_pair(&session, venue, &secret, &pair, before.as_ref()).await?;
    print_connection(&session, venue, &pair, &sites);
    Ok(ExitCode::Done)
}

/// Tripleseat's base URL, and what to ask for.
fn consent_settings<'v>(venue: &'v Venue, args: &ConnectArgs) -> Result<(&'v str, OAuthConsent)> {
    let name = &venue.name;
    let Some(base_uri) = venue.tripleseat_base_uri.as_deref() else {
        return Err(Error::usage(
            ErrorCode::NoTripleseat,
            format!("{name} has no Tripleseat account; its leads go elsewhere"),
        ));
    };
    let Some(consent) = &venue.oauth_consent else {
        return Err(Error::usage(
            ErrorCode::NoTripleseat,
            format!("{name} doesn't look up leads with a consent, so there is nothing to connect"),
        )
        .hint(format!(
            "write oauth = \"authorization_code\" into [venues.{name}.destination], then run `deployer apply`"
        )));
    };
    let consent = OAuthConsent {
        redirect_uri: args.redirect_uri.clone().unwrap_or_else(|| consent.redirect_uri.clone()),
        scopes: args.scopes.clone().unwrap_or_else(|| consent.scopes.clone()),
    };
    Ok((base_uri, consent))
}

/// The application in the venue's secret, because the function renews the tokens with that one.
fn stored_application(venue: &Venue, stored: &Map<String, Value>) -> Result<OAuthClient> {
    let value = |key: &str| {
        let text = stored.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        text.map(CredentialValue::new).ok_or_else(|| {
            let (name, lower) = (&venue.name, key.to_lowercase());
            Error::failed(ErrorCode::SecretState, format!("the secret of {name} has no {lower}, and a consent is given to an application")).hint(
                format!("`deployer secret push {name}` writes what the manifest refers to; `deployer secret set {name} {lower}` sets it"),
            )
        })
    };
    Ok(OAuthClient { id: value(KEY_TRIPLESEAT_CLIENT_ID)?, secret: value(KEY_TRIPLESEAT_CLIENT_SECRET)? })
}

/// Shows the consent page, and returns the code that comes back.
async fn ask_for_consent(
    session: &Session,
    venue: &Venue,
    args: &ConnectArgs,
    request: &ConsentRequest,
) -> Result<CredentialValue> {
    let name = &venue.name;
    let address = request.loopback_address().filter(|_| !args.paste);
    let redirect = match address {
        Some(address) => {
            let listener = listen::open_listener(name, address).await?;
            print_consent_page(session, venue, args, request);
            let _under_way = CallUnderWay::begin("the consent in the browser");
            listen::wait_for_redirect(listener, request, name, args.timeout).await?
        }
        None => {
            print_consent_page(session, venue, args, request);
            if session.json.is_none() {
                errln!(
                    "After the consent, the browser shows an address that begins with {}. Paste it here:",
                    request.redirect_uri()
                );
            }
            request.read_redirect(&read_pasted_address(name, args.timeout).await?)
        }
    };
    redirect.map_err(|problem| {
        let error = Error::failed(ErrorCode::Consent, format!("{problem}; nothing was changed"));
        let again = format!("`deployer connect {name}`");
        match problem {
            RedirectProblem::Refused(_) => error.hint(format!(
                "an admin of the Tripleseat account must consent; then run {again} again. Is a scope refused, compare `scopes` \
                 with the application in Tripleseat"
            )),
            RedirectProblem::WrongState => {
                error.hint(format!("run {again} again, and open only the page that it shows"))
            }
            RedirectProblem::NoCode | RedirectProblem::OtherAddress => error.hint(format!(
                "run {again} again, and paste the whole address, which begins with {} and has a `code`",
                request.redirect_uri()
            )),
        }
    })
}

fn print_consent_page(session: &Session, venue: &Venue, args: &ConnectArgs, request: &ConsentRequest) {
    match &session.json {
        Some(lines) => {
            lines.print_line("consent", json!({ "venue": venue.name, "url": request.url.as_str() }));
        }
        None => {
            outln!("An admin of the Tripleseat account of {} consents here:\n\n  {}\n", venue.name, request.url);
        }
    }
    if session.json.is_none() && !args.no_browser && std::io::stdout().is_terminal() {
        open_browser(request.url.as_str());
    }
}

/// Opens an address with the system's opener. It is printed too, so it doesn't matter whether that works.
fn open_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let _ = Process::new(opener).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

/// The first line of standard input.
async fn read_pasted_address(venue: &str, time: Duration) -> Result<String> {
    let _quiet = QuietTerminal::hold();
    let read = || {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    };
    let (sender, received) = tokio::sync::oneshot::channel();
    // Not on the runtime's own threads: a read of a terminal can't be canceled, and would keep the program from ending.
    std::thread::spawn(move || sender.send(read()));
    let again = format!("run `deployer connect {venue} --paste` again");
    match tokio::time::timeout(time, received).await {
        Err(_) => {
            Err(Error::failed(ErrorCode::Consent, "no address was pasted in time; nothing was changed").hint(again))
        }
        Ok(Ok(Ok(line))) if !line.trim().is_empty() => Ok(line),
        Ok(Ok(Err(error))) => {
            Err(Error::failed(ErrorCode::Consent, "could not read the address; nothing was changed").caused_by(&error))
        }
        Ok(_) => Err(Error::usage(ErrorCode::CommandLine, "no address was pasted; nothing was changed").hint(again)),
    }
}

/// Stores the pair, unless somebody else connected the venue in the meantime. Everything else in the secret stays as it
/// is, whoever changes it at the same time.
async fn store_pair(
    session: &Session,
    venue: &Venue,
    secret: &str,
    pair: &TokenPair,
    before: Option<&Value>,
) -> Result<()> {
    let connected_at = Value::from(format!("{:.0}", Timestamp::now()));
    let stored = change_secret(session, secret, |object| {
        if object.get(KEY_TRIPLESEAT_CONNECTED_AT) != before {
            return None;
        }
        pair.write_to(object);
        object.insert(KEY_TRIPLESEAT_CONNECTED_AT.to_owned(), connected_at.clone());
        Some(())
    });
    match stored.await? {
        Some(()) => Ok(()),
        None => Err(connected_meanwhile(venue)),
    }
}

fn connected_meanwhile(venue: &Venue) -> Error {
    let name = &venue.name;
    Error::failed(
        ErrorCode::ChangedMeanwhile,
        format!("another `deployer connect` connected {name} in the meantime; nothing was changed"),
    )
    .hint(format!("`deployer doctor {name}` shows whether that works; if not, run `deployer connect {name}` again"))
}

/// A vendor's error already says what to do, without any credential.
fn refused_by_vendor(error: &RunError) -> Error {
    Error::failed(ErrorCode::TripleseatCall, format!("{error}; nothing was changed"))
}

fn print_connection(session: &Session, venue: &Venue, pair: &TokenPair, sites: &[u64]) {
    let name = &venue.name;
    let expires_at = pair.expires_at.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    match &session.json {
        Some(lines) => {
            let expires_at = pair.expires_at.map(|at| format!("{at:.0}"));
            lines.print_line("connected", json!({ "venue": name, "site_ids": sites, "token_expires_at": expires_at }));
        }
        None => {
            let sites: Vec<String> = sites.iter().map(u64::to_string).collect();
            let site = if sites.is_empty() { String::new() } else { format!(" to site {}", sites.join(", ")) };
            let until = expires_at.map_or_else(String::new, |at| format!(" The access token is valid until {at};"));
            outln!(
                "{name} is connected{site}.{until} the function renews it from now on. `deployer doctor {name}` checks it."
            );
        }
    }
}
