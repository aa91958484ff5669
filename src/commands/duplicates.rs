//! `deployer duplicates`

use std::path::{Path, PathBuf};
use std::time::Duration;

use bounds::PageTokens;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use sync_config::config::{
    DestinationConfig, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, LedgerProperties,
};
use sync_lambda::credentials::{CredentialValue, OAuthClient, SyncCredentials};
use sync_lambda::destination::OAuthTokenSource;
use sync_lambda::error::RunError;
use sync_lambda::hubspot::SyncHubSpotClient;
use sync_lambda::tokens::ConsentTokens;
use tokio::time::Instant;

use super::shared::session::{Session, find_declared_venue, load_vendor_manifest, manifest_directory, state_directory};
use crate::cli::{GlobalArgs, TimeWindow, parse_time_window};
use crate::render::{JsonLines, duplicates_html};
use deployer_core::counted::count_with_noun;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Manifest, SecretRef, Venue};
use deployer_core::naming::VenueNames;
use deployer_health::consent::read_consent;
use deployer_hubspot::{self, UnresolvedSecret};
use deployer_janitor::duplicates::cost::{DecimalAmount, RemovalCost, RemovalTerms};
use deployer_janitor::duplicates::files::{ReportFiles, ReportSubject};
use deployer_janitor::duplicates::origin::VenueLedger;
use deployer_janitor::duplicates::pass::{ComparisonOptions, find_duplicates};
use deployer_janitor::duplicates::phone::PhoneCountry;
use deployer_janitor::duplicates::read::{LeadReader, PAGE};
use deployer_janitor::duplicates::work::{ReadWork, WorkOpenError};
use deployer_janitor::duplicates::{DuplicateSummary, ledger};

/// Reading an account takes less than this.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// Progress is printed every so many pages.
const TOLD_EVERY: u64 = 100;

/// Find duplicate leads, and leads of other venues, in a venue's Tripleseat account
#[derive(Debug, Args)]
pub struct DuplicatesArgs {
    /// The venue; the manifest must have its OAuth credentials for Tripleseat
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Directory for duplicates.csv, .json and .html; they contain personal data
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How long after the first lead another one still counts as its duplicate: 30d, 12h, 90m
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_time_window)]
    pub window: TimeWindow,
    /// Country of phone numbers without a country code, such as US (default: that of the venue's `timezone`)
    #[arg(long, value_name = "CODE", value_parser = PhoneCountry::parse_code)]
    pub country: Option<PhoneCountry>,
    /// What the vendor charges to delete all of them at once, in dollars
    #[arg(long, value_name = "DOLLARS", value_parser = DecimalAmount::parse_decimal)]
    pub fee: Option<DecimalAmount>,
    /// Minutes a person takes to find and remove one lead
    #[arg(long, value_name = "MINUTES", default_value = "2", value_parser = DecimalAmount::parse_decimal)]
    pub minutes_per_lead: DecimalAmount,
    /// What an hour of that person's time costs, in dollars
    #[arg(long, value_name = "DOLLARS", default_value = "30", value_parser = DecimalAmount::parse_decimal)]
    pub hourly_rate: DecimalAmount,
    /// Requests per second, of the ten that Tripleseat allows; the venue's own sync needs some too
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub rate: u32,
    /// Don't ask HubSpot which venue each lead belongs to
    #[arg(long)]
    pub no_ledger: bool,
    /// Start over instead of resuming an interrupted run
    #[arg(long)]
    pub fresh: bool,
}

pub(super) async fn run_duplicates(global: &GlobalArgs, args: &DuplicatesArgs) -> Result<ExitCode> {
    let (loaded, _) = load_vendor_manifest(global, "reads a venue's leads")?;
    let manifest = &loaded.manifest;
    let venue = find_declared_venue(manifest, &args.venue)?;
    let (DestinationConfig::Tripleseat(place), Some(base_uri)) = (&venue.destination, &venue.tripleseat_base_uri)
    else {
        return Err(Error::usage(
            ErrorCode::NoTripleseat,
            format!("{} has no Tripleseat account; its leads go elsewhere", venue.name),
        ));
    };
    let client = deployer_hubspot::build_vendor_client()
        .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
    let oauth = match venue.destination.rotates_tokens() {
        true => {
            let session = Session::open(global).await?;
            let tokens = stored_tokens(&session, venue).await?;
            OAuthTokenSource::from_consent(client.clone(), base_uri, tokens)
        }
        false => OAuthTokenSource::new(client.clone(), base_uri, resolve_oauth_client(manifest, venue).await?),
    };
    let reader = LeadReader::new(client.clone(), base_uri, oauth, args.rate);
    let hubspot = match args.no_ledger {
        true => None,
        false => Some(connect_to_hubspot(manifest, venue, client).await?),
    };
    if let Some(site_id) = &place.site_id {
        let opened = reader.read_site_ids().await.map_err(|error| run_error(&error))?;
        if !opened.contains(site_id) {
            let opened: Vec<String> = opened.iter().map(u64::to_string).collect();
            let what =
                format!("the OAuth client is for site {}, but {} is site {site_id}", opened.join(", "), venue.name);
            return Err(
                Error::refused(ErrorCode::WrongSite, what).hint("set the client ID and secret of this venue's account")
            );
        }
    }
    let directory = create_output_directory(&args.out)?;
    let subject = json!([base_uri, place.location_id, place.site_id, venue.name, hubspot.is_some()]).to_string();
    let state = state_directory(&manifest.path).join("duplicates").join(format!("{}.json", venue.name));
    let leads = directory.join(format!(".leads-{}.partial", venue.name));
    let mut work = ReadWork::open_or_resume(&state, &leads, &subject, args.fresh, Timestamp::now()).map_err(
        |error| match error {
            WorkOpenError::Busy => Error::refused(ErrorCode::InUse, error.to_string())
                .hint("wait until it finishes, or choose another --out"),
            WorkOpenError::File { .. } => {
                Error::failed(ErrorCode::FileUnwritable, "could not store the progress").caused_by(&error)
            }
        },
    )?;
    let ledgers = venue_ledgers(manifest, venue);
    let reading = AccountReading { global, reader: &reader, hubspot: hubspot.as_ref(), ledgers: &ledgers };
    reading.read_all_pages(&mut work, place.location_id).await.map_err(|error| {
        error.hint("the progress is saved: run the same command to resume, or add `--fresh` to start over")
    })?;
    write_report(global, args, venue, work, &directory)
}

/// What reading the pages needs.
struct AccountReading<'a> {
    global: &'a GlobalArgs,
    reader: &'a LeadReader,
    hubspot: Option<&'a SyncHubSpotClient>,
    ledgers: &'a [VenueLedger],
}

impl AccountReading<'_> {
    async fn read_all_pages(&self, work: &mut ReadWork, location_id: Option<u64>) -> Result<()> {
        if work.progress.next_page > 1 && !self.global.json {
            let since = work.progress.begun.strftime("%Y-%m-%d %H:%M UTC");
            errln!("Resuming at page {} of the run started {since}.", work.progress.next_page);
        }
        // Pages have numbers, so what would come forever shows only in what is on them.
        let mut pages = PageTokens::default();
        while !work.progress.complete {
            let number = work.progress.next_page;
            let page = self.reader.read_page(number).await.map_err(|error| run_error(&error))?;
            let ids: Vec<String> = page.leads.iter().map(|(lead, _)| lead.id.to_string()).collect();
            pages.advance_to(Some(ids.join(" "))).map_err(|_| {
                let what = format!("page {number} of the leads is the same as an earlier one, so they would never end");
                Error::failed(ErrorCode::TripleseatCall, what).hint("report it to Tripleseat; nothing was changed")
            })?;
            let progress = &mut work.progress;
            let full = page.leads.len() >= PAGE;
            progress.complete = page.total.map_or(!full, |total| number >= total) || page.leads.is_empty();
            let total = page.total.unwrap_or_default();
            progress.shrunk |= page.total.is_some_and(|total| total < progress.most_pages);
            progress.most_pages = progress.most_pages.max(total);
            let elsewhere = |location: &Option<u64>| match (location_id, location) {
                (Some(wanted), Some(location)) => wanted != *location,
                _ => false,
            };
            let (others, ours): (Vec<_>, Vec<_>) = page.leads.into_iter().partition(|(_, at)| elsewhere(at));
            progress.other_locations += others.len() as u64;
            let mut leads: Vec<_> = ours.into_iter().map(|(lead, _)| lead).collect();
            if let Some(hubspot) = self.hubspot {
                ledger::set_origins(hubspot, self.ledgers, &mut leads).await.map_err(|error| run_error(&error))?;
            }
            work.store_page(&leads).map_err(|error| {
                Error::failed(ErrorCode::FileUnwritable, "could not store what was read").caused_by(&error)
            })?;
            if number.is_multiple_of(TOLD_EVERY) && !self.global.json {
                errln!("Read page {number} of {total}.");
            }
        }
        Ok(())
    }
}

fn write_report(
    global: &GlobalArgs,
    args: &DuplicatesArgs,
    venue: &Venue,
    work: ReadWork,
    directory: &Path,
) -> Result<ExitCode> {
    let unwritten = |error: std::io::Error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not write the report to {}", directory.display()))
            .caused_by(&error)
    };
    let country = args.country.or_else(|| PhoneCountry::of_timezone(venue.timezone.as_deref()?));
    let shown = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    let about = ReportSubject {
        venue: venue.name.clone(),
        display_name: venue.display_name.clone(),
        location_id: match &venue.destination {
            DestinationConfig::Tripleseat(place) => place.location_id,
            DestinationConfig::Http(_) => None,
        },
        begun: shown(work.progress.begun),
        ended: shown(Timestamp::now()),
        window: args.window.text.clone(),
        ledger: !args.no_ledger,
        other_locations: work.progress.other_locations,
        shrunk: work.progress.shrunk,
        country: country.map(|country| country.code().to_owned()),
        minutes_per_lead: args.minutes_per_lead.to_string(),
    };
    let mut files = ReportFiles::create_in(directory, &about).map_err(unwritten)?;
    let leads = work.stored_leads().map_err(unwritten)?;
    let options = ComparisonOptions { window: args.window.duration, country };
    let summary = find_duplicates(leads, &options, directory, &mut |row| files.write_row(row)).map_err(unwritten)?;
    let terms = RemovalTerms {
        fee: args.fee.map(|fee| fee.as_dollars()),
        minutes_per_lead: args.minutes_per_lead,
        hourly_rate: args.hourly_rate.as_dollars(),
    };
    let mend = RemovalCost::new(summary.remove, &terms);
    let paths = files
        .finish_report(&summary, &terms, &mend, |excerpt| duplicates_html(&about, &summary, &terms, &mend, excerpt))
        .map_err(unwritten)?;
    work.remove_files().map_err(unwritten)?;
    print_summary(global, &about, &summary, &mend, &paths);
    Ok(ExitCode::Done)
}

fn print_summary(
    global: &GlobalArgs,
    about: &ReportSubject,
    summary: &DuplicateSummary,
    mend: &RemovalCost,
    paths: &[PathBuf],
) {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if global.json {
        let line =
            json!({ "venue": about.venue, "summary": summary, "mend": mend, "shrunk": about.shrunk, "files": paths });
        return JsonLines::default().print_line("duplicates", line);
    }
    outln!(
        "{}, {} of them created by deployer, {} already handled by staff.\n{} of one person in {} ({} may be another inquiry).",
        count_with_noun(summary.leads, "lead"),
        summary.made_here,
        summary.handled,
        count_with_noun(summary.repeats, "repeat"),
        count_with_noun(summary.groups, "group"),
        summary.other_event_date
    );
    outln!(
        "{} of another venue; {} of unknown origin.\n{} in {} that share only an address or a phone number.",
        count_with_noun(summary.another_venue, "lead"),
        summary.origin_unknown,
        count_with_noun(summary.possible_repeats, "possible repeat"),
        count_with_noun(summary.possible_groups, "group")
    );
    let fee = mend.by_vendor.map_or_else(|| "an unknown fee (--fee)".to_owned(), |fee| fee.to_string());
    outln!(
        "Cost to remove {}: {fee} by the vendor; {} and {} by hand. {}",
        count_with_noun(mend.leads, "lead"),
        mend.time_by_hand(),
        mend.by_hand,
        mend.describe_cheaper_way()
    );
    if about.country.is_none() {
        outln!(
            "Phone numbers without a country code were not compared as one person's: pass --country, or set `timezone`."
        );
    }
    if about.shrunk {
        outln!("Leads were deleted while they were being read, so others may have been missed: run it again.");
    }
    outln!("These files contain personal data: {}.", paths.join(", "));
}

/// The output directory. If it has to be created, only its owner can read it, and git ignores it.
fn create_output_directory(out: &Path) -> Result<PathBuf> {
    let create = || {
        if !out.exists() {
            private_files::create_state_directory(out)?;
        }
        std::fs::canonicalize(out)
    };
    create().map_err(|error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not use --out {}", out.display())).caused_by(&error)
    })
}

/// The venue's own ledger first, then those of the others.
fn venue_ledgers(manifest: &Manifest, venue: &Venue) -> Vec<VenueLedger> {
    let (own, others): (Vec<_>, Vec<_>) = manifest.venues.iter().partition(|other| other.name == venue.name);
    let ledger = |venue: &Venue| VenueLedger {
        venue: venue.name.clone(),
        properties: LedgerProperties::new(&venue.name, &venue.flag_property),
        tripleseat: matches!(venue.destination, DestinationConfig::Tripleseat { .. }),
    };
    own.into_iter().chain(others).map(ledger).collect()
}

/// The tokens of the venue's consent. Its function renews them.
async fn stored_tokens(session: &Session, venue: &Venue) -> Result<ConsentTokens> {
    let names = VenueNames::new(&session.manifest().deployment.name, &venue.name);
    match read_consent(&session.aws, &names).await {
        Ok(Some(consent)) => Ok(consent.with_function(&session.aws, &names).tokens),
        Ok(None) => Err(Error::usage(
            ErrorCode::OauthNeeded,
            format!("{} is not connected to Tripleseat yet, but reading leads needs that", venue.name),
        )
        .hint(format!("`deployer connect {}` connects it", venue.name))),
        Err(error) => {
            let failed = Error::failed(ErrorCode::AwsCall, format!("could not read the tokens of {}", venue.name))
                .caused_by(&error);
            Err(match error.hint() {
                Some(hint) => failed.hint(hint),
                None => failed,
            })
        }
    }
}

async fn resolve_oauth_client(manifest: &Manifest, venue: &Venue) -> Result<OAuthClient> {
    let mut values = Vec::new();
    for key in [KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET] {
        let Some((_, reference)) = venue.secrets.iter().find(|(name, _)| name == key) else {
            let key = key.to_lowercase();
            return Err(Error::usage(
                ErrorCode::OauthNeeded,
                format!("{} has no `{key}`, but reading leads needs OAuth", venue.name),
            )
            .hint(format!(
                "create an OAuth application in Tripleseat, and add {key} to [venues.{}.secrets]",
                venue.name
            )));
        };
        values.push(resolve_secret(manifest, &format!("`{}` of {}", key.to_lowercase(), venue.name), reference).await?);
    }
    let secret = values.pop().unwrap_or_else(|| CredentialValue::new(""));
    Ok(OAuthClient { id: values.pop().unwrap_or_else(|| CredentialValue::new("")), secret })
}

/// Connects to HubSpot with the deployer's token, or else the venue's, and checks that it is for the right portal.
async fn connect_to_hubspot(manifest: &Manifest, venue: &Venue, client: reqwest::Client) -> Result<SyncHubSpotClient> {
    let own = venue.secrets.iter().find(|(name, _)| name == KEY_HUBSPOT_TOKEN).map(|(_, reference)| reference);
    let without = "`--no-ledger` works without HubSpot, but then the origin of leads is unknown";
    let token = match (&manifest.hubspot.token, own) {
        (Some(reference), _) => resolve_secret(manifest, "`token` of [hubspot]", reference).await,
        (None, Some(reference)) => {
            resolve_secret(manifest, &format!("`hubspot_token` of {}", venue.name), reference).await
        }
        (None, None) => {
            Err(Error::usage(ErrorCode::HubspotToken, format!("there is no HubSpot token for {}", venue.name)))
        }
    };
    let credentials = SyncCredentials {
        hubspot_token: token.map_err(|error| error.hint(without))?,
        tripleseat_public_key: None,
        tripleseat_oauth: None,
        tripleseat_tokens: None,
        destination_credential: None,
    };
    let hubspot = SyncHubSpotClient::new(client, &manifest.hubspot.base_uri, credentials, Instant::now() + LONGEST);
    if let Some(portal_id) = manifest.hubspot.portal_id {
        let opened = hubspot.portal_id().await.map_err(|error| run_error(&error).hint(without))?;
        if opened != portal_id {
            let what = format!("the HubSpot token is for portal {opened}, but the manifest is for portal {portal_id}");
            return Err(Error::refused(ErrorCode::WrongPortal, what));
        }
    }
    Ok(hubspot)
}

async fn resolve_secret(manifest: &Manifest, what: &str, reference: &SecretRef) -> Result<CredentialValue> {
    deployer_hubspot::resolve_secret(reference, &manifest_directory(&manifest.path)).await.map_err(|error| {
        let failed = Error::usage(ErrorCode::SecretValue, format!("could not get {what}")).caused_by(&error);
        match error {
            UnresolvedSecret::Managed => {
                failed.hint("use a reference that resolves on this machine: env:NAME, file:PATH or cmd:PROGRAM ARGS")
            }
            _ => failed,
        }
    })
}

/// Vendor errors already name the credential and what to do, without its value.
fn run_error(error: &RunError) -> Error {
    Error::failed(ErrorCode::TripleseatCall, error.to_string())
}
