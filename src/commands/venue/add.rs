//! `deployer venue add`

use std::io::{BufRead, Write};
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::json;
use sync_config::config::{DestinationConfig, HttpAuth, HttpDestination, TripleseatDestination};

use super::status::{DeployedStatus, manifest_status};
use super::write::EditableManifest;
use crate::cli::GlobalArgs;
use crate::commands::shared::ask::{self, Prompter};
use crate::commands::shared::session::manifest_directory;
use crate::commands::shared::suggest::{print_suggestions, suggest_from_portal};
use crate::render::JsonLines;
use crate::terminal::complete_command;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{
    DotEnv, FieldSuggestion, HubSpotSettings, NewVenue, ScheduleExpression, SecretRef, add_venue, check_name,
    secret_keys, status_word,
};

/// The fields of a lead for an `http` destination, unless others are given.
const HTTP_FIELDS: [(&str, &str); 3] = [("name", "{firstname} {lastname}"), ("email", "email"), ("phone", "phone")];

/// Add a venue to the manifest; on a terminal, asks for what isn't given
#[derive(Debug, Args)]
pub struct VenueAddArgs {
    /// Its permanent name in the manifest: letters, digits, - and _
    pub name: String,
    /// Display name; in HubSpot, staff tick "Tripleseat Sync - " plus this name
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    /// Where its leads go
    #[arg(long, value_enum, value_name = "KIND")]
    pub destination: Option<DestinationKind>,
    /// Tripleseat: the location, if the account has more than one
    #[arg(long, value_name = "ID")]
    pub location_id: Option<u64>,
    /// Tripleseat: the lead form whose rules apply
    #[arg(long, value_name = "ID")]
    pub lead_form_id: Option<u64>,
    /// Tripleseat: the site that the OAuth credentials must belong to
    #[arg(long, value_name = "ID")]
    pub site_id: Option<u64>,
    /// Tripleseat: a base address other than the public one
    #[arg(long, value_name = "URI")]
    pub base_uri: Option<String>,
    /// http: the URL to post leads to
    #[arg(long)]
    pub url: Option<String>,
    /// http: how the credential is sent: bearer, basic, header:NAME or query:NAME
    #[arg(long)]
    pub auth: Option<String>,
    /// Destination field = HubSpot property, "{template}" or "=constant" (can be given more than once)
    #[arg(long, value_name = "FIELD=FROM")]
    pub field: Vec<String>,
    /// Schedule, if not the default: rate(...) or cron(...), in UTC
    #[arg(long, value_name = "EXPRESSION")]
    pub schedule: Option<String>,
    /// Time limit of one run, if not the default
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Whether its rule fires
    #[arg(long, value_enum, default_value_t = DeployedStatus::Active)]
    pub status: DeployedStatus,
    /// Where the credentials come from.
    #[command(flatten)]
    pub references: ReferenceArgs,
}

/// Where leads go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DestinationKind {
    /// A Tripleseat account
    Tripleseat,
    /// Any JSON API that takes a lead as one POST
    Http,
}

/// Where a new venue's credentials come from: env:NAME, file:PATH, cmd:PROGRAM ARGS or managed, never the value itself.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// Reference to HubSpot's access token, of a service key (default: env:VENUE_HUBSPOT_TOKEN, with the venue's name)
    #[arg(long, value_name = "REFERENCE")]
    pub hubspot_token: Option<String>,
    /// Reference to Tripleseat's public key (default: env:VENUE_TRIPLESEAT_PUBLIC_KEY, with the venue's name)
    #[arg(long, value_name = "REFERENCE")]
    pub tripleseat_public_key: Option<String>,
    /// Reference to the ID of the Tripleseat OAuth client
    #[arg(long, value_name = "REFERENCE", requires = "tripleseat_client_secret")]
    pub tripleseat_client_id: Option<String>,
    /// Reference to the secret of the Tripleseat OAuth client
    #[arg(long, value_name = "REFERENCE", requires = "tripleseat_client_id")]
    pub tripleseat_client_secret: Option<String>,
    /// http with --auth: reference to the credential (default: env:VENUE_DESTINATION_CREDENTIAL, with the venue's name)
    #[arg(long, value_name = "REFERENCE")]
    pub destination_credential: Option<String>,
}

pub(super) async fn run_venue_add(global: &GlobalArgs, args: &VenueAddArgs) -> Result<ExitCode> {
    let manifest = EditableManifest::open(global)?;
    let name = args.name.as_str();
    if manifest.loaded.manifest.venues.iter().any(|venue| venue.name == name) {
        let place = manifest.loaded.venue_place(name).unwrap_or_else(|| global.manifest.display().to_string());
        return Err(Error::usage(
            ErrorCode::VenueExists,
            format!("venue {name} already exists, at {place}; nothing was changed"),
        ));
    }
    check_name(name).map_err(|flaw| {
        Error::usage(ErrorCode::Name, format!("`{name}` is not a valid venue name: {}", flaw.message)).hint(flaw.help)
    })?;
    let asked = match ask::terminal_prompter(global) {
        Some(mut person) => collect_answers(args, Some(&mut person))?,
        None => collect_answers::<&[u8], Vec<u8>>(args, None)?,
    };
    let new = build_new_venue(args, asked)?;
    let hubspot = manifest.loaded.manifest.hubspot.clone();
    manifest.edit_venue(name, |text| add_venue(text, &new), |venue| venue.display_name == new.display_name)?;
    let suggestions = suggest_mappings(global, &hubspot, &new).await;
    print_next_steps(global, &new, &suggestions);
    Ok(ExitCode::Done)
}

/// What the flags or a person answered.
#[derive(Debug, PartialEq)]
struct VenueAddAnswers {
    display_name: String,
    kind: DestinationKind,
    location_id: Option<u64>,
    url: Option<String>,
    schedule: Option<String>,
    secrets: Vec<(&'static str, SecretRef)>,
}

/// Asks for what no flag gives. If nobody can be asked, missing values without a default are an error.
fn collect_answers<R: BufRead, W: Write>(
    args: &VenueAddArgs,
    mut person: Option<&mut Prompter<R, W>>,
) -> Result<VenueAddAnswers> {
    if person.is_none() {
        let http = args.destination == Some(DestinationKind::Http);
        let missing = [
            ("--display-name", args.display_name.is_none()),
            ("--destination", args.destination.is_none()),
            ("--url", http && args.url.is_none()),
        ];
        let missing: Vec<&str> = missing.into_iter().filter(|(_, missing)| *missing).map(|(flag, _)| flag).collect();
        if !missing.is_empty() {
            return Err(ask::missing_flags_error(&missing));
        }
    }
    let display_name = match (&args.display_name, person.as_deref_mut()) {
        (None, Some(person)) => person.ask_for_text("Display name", Some(&title_from_name(&args.name)))?,
        (given, _) => given.clone().unwrap_or_default(),
    };
    let kind = match (args.destination, person.as_deref_mut()) {
        (Some(kind), _) => kind,
        (None, Some(person)) => {
            person.ask_until_valid("Destination (tripleseat or http)", Some("tripleseat"), |answer| match answer {
                "tripleseat" => Ok(DestinationKind::Tripleseat),
                "http" => Ok(DestinationKind::Http),
                _ => Err("enter tripleseat or http".to_owned()),
            })?
        }
        (None, None) => DestinationKind::Tripleseat,
    };
    let http = kind == DestinationKind::Http;
    let location_id = match (args.location_id, person.as_deref_mut()) {
        (None, Some(person)) if !http => person.ask_until_valid(
            "Location ID in Tripleseat (empty: the account has only one)",
            Some(""),
            |answer| {
                if answer.is_empty() {
                    return Ok(None);
                }
                answer.parse().map(Some).map_err(|_| "enter the number that Tripleseat shows".to_owned())
            },
        )?,
        (given, _) => given,
    };
    let url = match (&args.url, person.as_deref_mut()) {
        (None, Some(person)) if http => Some(person.ask_for_text("URL to post leads to", None)?),
        (given, _) => given.clone(),
    };
    let schedule = match (&args.schedule, person.as_deref_mut()) {
        (None, Some(person)) => person.ask_until_valid("Schedule (empty: the default)", Some(""), |answer| {
            if answer.is_empty() {
                return Ok(None);
            }
            ScheduleExpression::parse_expression(answer)
                .map(|schedule| Some(schedule.expression))
                .map_err(|flaw| flaw.to_string())
        })?,
        (given, _) => given.clone(),
    };
    let secrets = collect_secrets(args, kind, person)?;
    Ok(VenueAddAnswers { display_name, kind, location_id, url, schedule, secrets })
}

fn collect_secrets<R: BufRead, W: Write>(
    args: &VenueAddArgs,
    kind: DestinationKind,
    mut person: Option<&mut Prompter<R, W>>,
) -> Result<Vec<(&'static str, SecretRef)>> {
    let given = &args.references;
    let http = kind == DestinationKind::Http;
    // The key, what was given, and whether it is needed.
    let all = [
        (secret_keys::HUBSPOT_TOKEN, &given.hubspot_token, true),
        (secret_keys::TRIPLESEAT_PUBLIC_KEY, &given.tripleseat_public_key, !http),
        (secret_keys::TRIPLESEAT_CLIENT_ID, &given.tripleseat_client_id, false),
        (secret_keys::TRIPLESEAT_CLIENT_SECRET, &given.tripleseat_client_secret, false),
        (secret_keys::DESTINATION_CREDENTIAL, &given.destination_credential, http && args.auth.is_some()),
    ];
    let mut secrets = Vec::new();
    for (key, given, needed) in all {
        let default = format!("env:{}_{key}", args.name.replace('-', "_")).to_uppercase().replacen("ENV:", "env:", 1);
        let reference = match (given, person.as_deref_mut()) {
            (Some(text), _) => {
                // The text is not shown: it may be the credential itself.
                SecretRef::parse_reference(text).map_err(|flaw| {
                    let flag = key.replace('_', "-");
                    Error::usage(ErrorCode::SecretReference, format!("--{flag} is not a reference: {}", flaw.message))
                        .hint(flaw.help)
                })?
            }
            (None, Some(person)) if !http && key == secret_keys::TRIPLESEAT_CLIENT_ID => {
                let question = "OAuth client ID, to look up leads (env:NAME, file:PATH, …; empty: none)";
                let answer = person.ask_until_valid(question, Some(""), |answer| match answer {
                    "" => Ok(None),
                    reference => SecretRef::parse_reference(reference).map(Some).map_err(|flaw| flaw.to_string()),
                })?;
                let Some(reference) = answer else { continue };
                reference
            }
            // The client secret is needed exactly if there is a client ID.
            (None, _)
                if !(needed
                    || key == secret_keys::TRIPLESEAT_CLIENT_SECRET
                        && has_secret(&secrets, secret_keys::TRIPLESEAT_CLIENT_ID)) =>
            {
                continue;
            }
            (None, Some(person)) => {
                let question = format!("{key} (env:NAME, file:PATH, cmd:PROGRAM ARGS, managed)");
                person.ask_until_valid(&question, Some(&default), |answer| {
                    SecretRef::parse_reference(answer).map_err(|flaw| flaw.to_string())
                })?
            }
            (None, None) => SecretRef::parse_reference(&default)
                .map_err(|flaw| Error::usage(ErrorCode::SecretReference, flaw.to_string()))?,
        };
        secrets.push((key, reference));
    }
    Ok(secrets)
}

fn has_secret(secrets: &[(&str, SecretRef)], key: &str) -> bool {
    secrets.iter().any(|(name, _)| *name == key)
}

fn build_new_venue(args: &VenueAddArgs, answers: VenueAddAnswers) -> Result<NewVenue> {
    let http = answers.kind == DestinationKind::Http;
    let others = [
        ("--url", !http && answers.url.is_some()),
        ("--auth", !http && args.auth.is_some()),
        ("--location-id", http && answers.location_id.is_some()),
        ("--lead-form-id", http && args.lead_form_id.is_some()),
        ("--site-id", http && args.site_id.is_some()),
        ("--base-uri", http && args.base_uri.is_some()),
    ];
    if let Some((flag, _)) = others.into_iter().find(|(_, given)| *given) {
        let (this, other) = if http { ("http", "tripleseat") } else { ("tripleseat", "http") };
        return Err(Error::usage(
            ErrorCode::CommandLine,
            format!("{flag} is for destinations of kind {other}, but this is {this}"),
        ));
    }
    let mut fields = Vec::new();
    for field in &args.field {
        let Some((name, from)) = field.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            return Err(Error::usage(ErrorCode::CommandLine, format!("--field {field} is not FIELD=FROM")).hint(
                "write --field FIELD=FROM, such as --field email=email or --field 'name={firstname} {lastname}'",
            ));
        };
        fields.push((name.trim().to_owned(), from.to_owned()));
    }
    if http && fields.is_empty() {
        fields = HTTP_FIELDS.map(|(name, from)| (name.to_owned(), from.to_owned())).to_vec();
    }
    let destination = match answers.kind {
        DestinationKind::Tripleseat => DestinationConfig::Tripleseat(TripleseatDestination {
            location_id: answers.location_id,
            lead_form_id: args.lead_form_id,
            site_id: args.site_id,
            ..TripleseatDestination::default()
        }),
        DestinationKind::Http => DestinationConfig::Http(HttpDestination {
            url: answers.url.unwrap_or_default(),
            auth: args.auth.as_deref().map(parse_http_auth).transpose()?,
            success_pointer: None,
            id_pointer: None,
            lookup_url: None,
            lookup_id_pointer: None,
            requests_per_second: None,
        }),
    };
    Ok(NewVenue {
        name: args.name.clone(),
        display_name: answers.display_name,
        status: manifest_status(args.status),
        schedule: answers.schedule,
        timeout: args.timeout.clone(),
        secrets: answers.secrets,
        tripleseat_base_uri: args.base_uri.clone(),
        destination,
        fields,
    })
}

fn parse_http_auth(text: &str) -> Result<HttpAuth> {
    let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    let auth = match text.split_once(':') {
        None if text == "bearer" => Some(HttpAuth::Bearer),
        None if text == "basic" => Some(HttpAuth::Basic),
        Some(("header", name)) => named(name).map(|name| HttpAuth::Header { name }),
        Some(("query", name)) => named(name).map(|name| HttpAuth::Query { name }),
        _ => None,
    };
    // The text is not shown: it may be the credential itself.
    auth.ok_or_else(|| {
        Error::usage(ErrorCode::CommandLine, "--auth is not a known way to send the credential")
            .hint("write bearer, basic, header:NAME (such as header:X-Api-Key) or query:NAME")
    })
}

/// A display name from a venue's name: `the-loft` becomes `The Loft`.
fn title_from_name(name: &str) -> String {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    let titled = words.map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        format!("{}{rest}", first.to_uppercase())
    });
    titled.collect::<Vec<_>>().join(" ")
}

/// Mappings that the portal's properties suggest, if the manifest has a token to look at them with.
async fn suggest_mappings(global: &GlobalArgs, hubspot: &HubSpotSettings, new: &NewVenue) -> Vec<FieldSuggestion> {
    let Some(token) = &hubspot.token else { return Vec::new() };
    let remote = hubspot.base_uri.starts_with("https:");
    if (global.local && remote) || !matches!(new.destination, DestinationConfig::Tripleseat { .. }) {
        return Vec::new();
    }
    let directory = global.manifest.parent().unwrap_or(Path::new(""));
    suggest_from_portal(token, directory, &hubspot.base_uri, &new.fields).await
}

/// Shows what was added, which environment variables still have to be set, and the next commands.
fn print_next_steps(global: &GlobalArgs, new: &NewVenue, suggestions: &[FieldSuggestion]) {
    let name = &new.name;
    let next = [
        format!("deployer doctor {name}"),
        format!("deployer apply --target {name}"),
        format!("deployer verify {name}"),
    ]
    .map(|command| complete_command(&command));
    let dotenv = DotEnv::read_beside(&manifest_directory(&global.manifest)).ok().flatten();
    let is_set = |name: &str| {
        std::env::var_os(name).is_some() || dotenv.as_ref().is_some_and(|file| file.find_value(name).is_some())
    };
    let unset = new.secrets.iter().filter_map(|(_, reference)| match reference {
        SecretRef::Env(variable) if !is_set(variable) => Some(variable.as_str()),
        _ => None,
    });
    let unset: Vec<&str> = unset.collect();
    if global.json {
        let line = json!({
            "venue": name, "status": status_word(new.status), "changed": true, "unset_variables": unset, "next": next,
            "suggested_fields": suggestions.iter().map(FieldSuggestion::manifest_line).collect::<Vec<_>>(),
        });
        return JsonLines::default().print_line("venue_edited", line);
    }
    outln!("{name} was added to {}.", global.manifest.display());
    if !unset.is_empty() {
        outln!("Before you apply, set {} in the environment, or in .env beside the manifest.", unset.join(", "));
    }
    print_suggestions(name, suggestions);
    outln!("Next:");
    next.iter().for_each(|command| outln!("  {command}"));
    let managed = new.secrets.iter().filter(|(_, reference)| *reference == SecretRef::Managed);
    for (key, _) in managed {
        outln!("After the apply: `deployer secret set {name} {key}`");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;
    use crate::commands::venue::VenueCommand;

    fn parse_venue_add(line: &str) -> VenueAddArgs {
        let words = ["deployer", "venue", "add"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(words).expect("a command line").command {
            Command::Venue(VenueCommand::Add(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn asks_for_what_no_flag_gives() {
        let mut person =
            Prompter::with_answers("\ntripleseat\nabc\n12\nrate(1 minutes)\n\nsecret-token\nmanaged\n\nenv:ID\n\n");
        let answers = collect_answers(&parse_venue_add("the-loft"), Some(&mut person)).expect("answers");
        assert_eq!((answers.display_name.as_str(), answers.location_id), ("The Loft", Some(12)));
        assert_eq!(answers.schedule, None);
        let env = |name: &str| SecretRef::Env(name.to_owned());
        assert_eq!(
            answers.secrets,
            [
                ("hubspot_token", SecretRef::Managed),
                ("tripleseat_public_key", env("THE_LOFT_TRIPLESEAT_PUBLIC_KEY")),
                ("tripleseat_client_id", env("ID")),
                ("tripleseat_client_secret", env("THE_LOFT_TRIPLESEAT_CLIENT_SECRET")),
            ]
        );
        let asked = person.asked_questions();
        for words in [
            "Display name [The Loft]: Destination (tripleseat or http) [tripleseat]: ",
            "enter the number that Tripleseat shows.",
            "this is a literal value, not a reference to a secret",
            "managed) [env:THE_LOFT_TRIPLESEAT_PUBLIC_KEY]: ",
        ] {
            assert!(asked.contains(words), "{words}: {asked}");
        }
        assert!(!asked.contains("secret-token"), "an answer that may be a credential is not shown: {asked}");
    }

    #[test]
    fn does_not_ask_for_what_flags_give() {
        let line = "loft --display-name Loft --destination http --url https://p.example.com/l --auth header:X-Key \
                    --schedule rate(1\u{a0}hour) --hubspot-token env:T --destination-credential managed";
        let mut person = Prompter::with_answers("");
        let answers = collect_answers(&parse_venue_add(line), Some(&mut person)).expect("answers");
        assert_eq!(person.asked_questions(), "");
        let new = build_new_venue(&parse_venue_add(line), answers).expect("a venue");
        assert_eq!(new.fields.len(), 3, "the default fields");
    }
}
