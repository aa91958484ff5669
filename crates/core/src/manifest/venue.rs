//! Reads one `[venues.NAME]` table: applies the defaults and checks that its keys fit together.

use sync_config::config::{
    DestinationConfig, ENV_FLAG_PROPERTY, ENV_HUBSPOT_BASE_URI, ENV_SECRET_ARN, ENV_SYNC_CONFIG,
    ENV_TRIPLESEAT_BASE_URI, ENV_VENUE, HttpAuth, HttpDestination, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN,
    KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_PUBLIC_KEY, OnAmbiguous, SyncConfig,
    TRIPLESEAT_BASE_URI, default_flag_property,
};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::keys::{DEFAULT_LOG_RETENTION_DAYS, DEFAULT_MEMORY_MB, DEFAULT_SCHEDULE, DEFAULT_TIMEOUT};
use super::mapping::{TRIPLESEAT_DESTINATION_FIELDS, TRIPLESEAT_LEAD_FIELDS};
use super::read::{get_string, get_table, get_unsigned};
use super::report::{ManifestProblem, Span};
use super::shape::{ManifestReading, find_nearest, in_file_order};
use super::{
    Architecture, Blocker, HubSpotSettings, ScheduleExpression, SecretRef, Status, Venue, format, format_duration,
    parse_duration,
};

/// Lambda's limit for all environment variables of a function together, in bytes.
const MAX_ENVIRONMENT: usize = 4096;
/// Upper bound for the parts of a secret's ARN other than its name. The ARN itself isn't known yet.
const SECRET_ARN_OVERHEAD: usize = 80;

/// The keys of `secrets` and those of the secret's JSON object, in the secret's order.
pub(super) const SECRET_KEYS: [(&str, &str); 5] = [
    ("hubspot_token", KEY_HUBSPOT_TOKEN),
    ("tripleseat_public_key", KEY_TRIPLESEAT_PUBLIC_KEY),
    ("tripleseat_client_id", KEY_TRIPLESEAT_CLIENT_ID),
    ("tripleseat_client_secret", KEY_TRIPLESEAT_CLIENT_SECRET),
    ("destination_credential", KEY_DESTINATION_CREDENTIAL),
];

/// A venue, and where its parts are in the file.
#[derive(Debug, Clone)]
pub(super) struct ParsedVenue {
    pub(super) venue: Venue,
    pub(super) places: VenuePlaces,
}

/// Where the parts of a venue are in the file.
#[derive(Debug, Clone)]
pub(super) struct VenuePlaces {
    pub(super) name: Span,
    /// The `flag_property` value, or else the venue's name, which the default is derived from.
    pub(super) flag: Span,
    pub(super) destination: Span,
    pub(super) location: Option<Span>,
    pub(super) secrets: Vec<(&'static str, Span)>,
    pub(super) canary: Option<Span>,
}

impl VenuePlaces {
    pub(super) fn secret_place(&self, key: &str) -> Option<Span> {
        self.secrets.iter().find(|(name, _)| *name == key).map(|(_, span)| span.clone())
    }
}

/// The `[defaults]` table.
pub(super) struct VenueDefaults<'t, 's> {
    table: Option<&'t DeTable<'s>>,
}

impl<'t, 's> VenueDefaults<'t, 's> {
    pub(super) fn from_table(table: Option<&'t DeTable<'s>>) -> Self {
        Self { table }
    }

    /// A key's value: the venue's own, or else the default.
    fn get_value(&self, venue: &'t DeTable<'s>, key: &str) -> Option<&'t Spanned<DeValue<'s>>> {
        venue.get(key).or_else(|| self.table?.get(key))
    }
}

/// Reads a venue. A value that is wrong by itself has been reported already and is treated as absent.
pub(super) fn read_venue(
    reading: &mut ManifestReading<'_>,
    advice: &mut Vec<ManifestProblem>,
    name: &Spanned<DeString<'_>>,
    own: &DeTable<'_>,
    defaults: &VenueDefaults<'_, '_>,
    hubspot: &HubSpotSettings,
) -> ParsedVenue {
    let text = |key: &str| defaults.get_value(own, key).and_then(|value| value.get_ref().as_str());
    let number = |key: &str| {
        defaults.get_value(own, key).and_then(super::shape::parse_integer).and_then(|n| u32::try_from(n).ok())
    };
    let flag = |key: &str| defaults.get_value(own, key).and_then(|value| value.get_ref().as_bool()).unwrap_or_default();
    let destination = get_table(own, "destination");
    let secrets_table = get_table(own, "secrets");

    let mut secrets = Vec::new();
    let mut secret_places = Vec::new();
    for (key, secret_key) in SECRET_KEYS {
        let Some(value) = secrets_table.and_then(|table| table.get(key)) else { continue };
        if let Some(reference) = value.get_ref().as_str().and_then(|text| SecretRef::parse_reference(text).ok()) {
            secrets.push((secret_key.to_owned(), reference));
            secret_places.push((key, value.span()));
        }
    }

    let status = match text("status") {
        Some("paused") => Status::Paused,
        Some("blocked") => Status::Blocked,
        _ => Status::Active,
    };
    let venue = Venue {
        name: name.get_ref().clone().into_owned(),
        display_name: text("display_name").unwrap_or_default().to_owned(),
        status,
        blocker: get_table(own, "blocker").map(read_blocker),
        flag_property: text("flag_property").map_or_else(|| default_flag_property(name.get_ref()), str::to_owned),
        schedule: parse_schedule(text("schedule")),
        architecture: if text("architecture") == Some("arm64") { Architecture::Arm64 } else { Architecture::X86_64 },
        memory_mb: number("memory_mb").unwrap_or(DEFAULT_MEMORY_MB),
        timeout_s: text("timeout").and_then(|text| parse_duration(text).ok()).unwrap_or_else(default_timeout_s),
        log_retention_days: number("log_retention_days").unwrap_or(DEFAULT_LOG_RETENTION_DAYS),
        secrets,
        tripleseat_base_uri: match destination.and_then(|table| get_string(table, "kind")).as_deref() {
            Some("http") => None,
            _ => Some(normalize_base_uri(
                destination.and_then(|table| get_string(table, "base_uri")),
                TRIPLESEAT_BASE_URI,
            )),
        },
        destination: destination.map(read_destination).unwrap_or_default(),
        fields: read_fields(own),
        on_ambiguous: match text("on_ambiguous") {
            Some("resend") => OnAmbiguous::Resend,
            _ => OnAmbiguous::NeedsReview,
        },
        protect: flag("protect"),
        canary: own.get("canary").and_then(|value| value.get_ref().as_bool()).unwrap_or_default(),
    };
    let name_span = name.span();
    let places = VenuePlaces {
        flag: own.get("flag_property").map_or_else(|| name_span.clone(), Spanned::span),
        destination: key_span(own, "destination").unwrap_or_else(|| name_span.clone()),
        location: destination.and_then(|table| table.get("location_id")).map(Spanned::span),
        secrets: secret_places,
        canary: own.get("canary").map(Spanned::span),
        name: name_span,
    };
    let read = ParsedVenue { venue, places };
    check_blocker(reading, advice, &read, own);
    check_secrets(reading, &read, own);
    check_timeout(reading, &read, own, defaults);
    check_fields(reading, &read, own);
    check_environment(reading, &read, hubspot);
    read
}

/// The base URL without a trailing slash.
pub(super) fn normalize_base_uri(text: Option<String>, default: &str) -> String {
    text.as_deref().unwrap_or(default).trim_end_matches('/').to_owned()
}

fn default_timeout_s() -> u32 {
    parse_duration(DEFAULT_TIMEOUT).unwrap_or(format::MAX_TIMEOUT_S)
}

fn parse_schedule(text: Option<&str>) -> ScheduleExpression {
    let expression = text.unwrap_or(DEFAULT_SCHEDULE);
    ScheduleExpression::parse_expression(expression)
        .unwrap_or_else(|_| ScheduleExpression { expression: expression.to_owned(), interval_s: None })
}

fn read_blocker(table: &DeTable<'_>) -> Blocker {
    let since = table.get("since").map(|value| match value.get_ref() {
        DeValue::Datetime(date) => date.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    });
    Blocker {
        reason: get_string(table, "reason").unwrap_or_default(),
        owner: get_string(table, "owner"),
        next_step: get_string(table, "next_step"),
        since,
    }
}

fn read_destination(table: &DeTable<'_>) -> DestinationConfig {
    if get_string(table, "kind").as_deref() != Some("http") {
        return DestinationConfig::Tripleseat {
            location_id: get_unsigned(table, "location_id"),
            lead_form_id: get_unsigned(table, "lead_form_id"),
            site_id: get_unsigned(table, "site_id"),
        };
    }
    let auth = super::read::get_table(table, "auth").and_then(|auth| {
        let name = get_string(auth, "name").unwrap_or_default();
        match get_string(auth, "kind")?.as_str() {
            "bearer" => Some(HttpAuth::Bearer),
            "basic" => Some(HttpAuth::Basic),
            "header" => Some(HttpAuth::Header { name }),
            "query" => Some(HttpAuth::Query { name }),
            _ => None,
        }
    });
    DestinationConfig::Http(HttpDestination {
        url: get_string(table, "url").unwrap_or_default(),
        auth,
        success_pointer: get_string(table, "success_pointer"),
        id_pointer: get_string(table, "id_pointer"),
        lookup_url: get_string(table, "lookup_url"),
        lookup_id_pointer: get_string(table, "lookup_id_pointer"),
        requests_per_second: get_unsigned(table, "requests_per_second").and_then(|number| u32::try_from(number).ok()),
    })
}

fn read_fields(own: &DeTable<'_>) -> Vec<(String, String)> {
    let entries = get_table(own, "fields").map(in_file_order).unwrap_or_default();
    let pair = |(name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        Some((name.get_ref().clone().into_owned(), value.get_ref().as_str()?.to_owned()))
    };
    entries.into_iter().filter_map(pair).collect()
}

fn key_span(table: &DeTable<'_>, key: &str) -> Option<Span> {
    table.get_key_value(key).map(|(name, _)| name.span())
}

fn check_blocker(
    reading: &mut ManifestReading<'_>,
    advice: &mut Vec<ManifestProblem>,
    read: &ParsedVenue,
    own: &DeTable<'_>,
) {
    let venue = &read.venue;
    let name = &venue.name;
    let status = own.get("status").map_or_else(|| read.places.name.clone(), Spanned::span);
    match (&venue.blocker, venue.status) {
        (None, Status::Blocked) => {
            let message = format!("the venue `{name}` is blocked but has no blocker");
            let help = format!("add [venues.{name}.blocker] with reason, owner and next_step");
            reading.push_problem(ManifestProblem::new("blocker", status, message, "blocked").with_help(help));
        }
        (Some(blocker), Status::Blocked) => {
            let span = key_span(own, "blocker").unwrap_or(status);
            let missing: Vec<&str> = [("owner", &blocker.owner), ("next_step", &blocker.next_step)]
                .into_iter()
                .filter(|(_, value)| value.is_none())
                .map(|(key, _)| key)
                .collect();
            if !missing.is_empty() {
                let message = format!("the blocker of `{name}` has no {}", missing.join(" and no "));
                let problem = ManifestProblem::new("blocker_without_owner", span, message, "");
                advice.push(problem.with_help("add who does what next: a blocker without an owner tends to stay"));
            }
        }
        (Some(_), Status::Active | Status::Paused) => {
            let span = key_span(own, "blocker").unwrap_or(status);
            let message = format!("`{name}` has a blocker but is not blocked");
            let problem = ManifestProblem::new("blocker_unused", span, message, "");
            advice.push(problem.with_help("remove the blocker, or set status = \"blocked\""));
        }
        (None, _) => {}
    }
    if venue.canary && venue.status == Status::Blocked {
        let span = read.places.canary.clone().unwrap_or(read.places.name.clone());
        let message = format!("`{name}` can't be the canary because it is blocked");
        reading.push_problem(
            ManifestProblem::new("canary", span, message, "canary").with_help("make another venue the canary"),
        );
    }
}

fn check_secrets(reading: &mut ManifestReading<'_>, read: &ParsedVenue, own: &DeTable<'_>) {
    let venue = &read.venue;
    let Some(destination) = get_table(own, "destination") else { return };
    let kind = get_string(destination, "kind");
    let secrets = get_table(own, "secrets");
    let given = |key: &str| secrets.is_some_and(|table| table.contains_key(key));
    let place = key_span(own, "secrets").unwrap_or_else(|| read.places.name.clone());
    let auth = destination.contains_key("auth");

    let mut required = vec!["hubspot_token"];
    match kind.as_deref() {
        Some("tripleseat") => required.push("tripleseat_public_key"),
        Some("http") if auth => required.push("destination_credential"),
        _ => {}
    }
    for key in required.into_iter().filter(|key| venue.status != Status::Blocked && !given(key)) {
        let message = format!("the venue `{}` is missing the secret `{key}`", venue.name);
        let variable = format!("{}_{key}", venue.name.replace('-', "_")).to_uppercase();
        let table = format!("[venues.{}.secrets]", venue.name);
        let help = format!("add {key} = \"env:{variable}\" under {table}, or \"managed\" to set it later");
        let label = format!("missing `{key}`");
        reading.push_problem(ManifestProblem::new("missing_secret", place.clone(), message, label).with_help(help));
    }
    let pair = ["tripleseat_client_id", "tripleseat_client_secret"];
    if let [true, false] | [false, true] = pair.map(given) {
        let (present, absent) = if given(pair[0]) { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
        let span = secrets.and_then(|table| key_span(table, present)).unwrap_or_else(|| place.clone());
        let message = format!("`{present}` has no effect without `{absent}`");
        reading.push_problem(
            ManifestProblem::new("missing_secret", span, message, "here")
                .with_help(format!("add {absent}, or remove {present}")),
        );
    }
    let useless: &[&str] = match kind.as_deref() {
        Some("tripleseat") => &["destination_credential"],
        Some("http") if auth => &["tripleseat_public_key", "tripleseat_client_id", "tripleseat_client_secret"],
        Some("http") => {
            &["tripleseat_public_key", "tripleseat_client_id", "tripleseat_client_secret", "destination_credential"]
        }
        _ => &[],
    };
    for key in useless {
        let Some(span) = secrets.and_then(|table| key_span(table, key)) else { continue };
        let message = format!("the destination of `{}` does not use `{key}`", venue.name);
        let help = match *key {
            "destination_credential" if kind.as_deref() == Some("http") => {
                "add auth = { kind = \"bearer\" } to the destination, or remove the credential"
            }
            "destination_credential" => "remove it: only destinations of kind \"http\" use it",
            _ => "remove it: only destinations of kind \"tripleseat\" use it",
        };
        reading.push_problem(ManifestProblem::new("useless_secret", span, message, "not used").with_help(help));
    }
}

fn check_timeout(
    reading: &mut ManifestReading<'_>,
    read: &ParsedVenue,
    own: &DeTable<'_>,
    defaults: &VenueDefaults<'_, '_>,
) {
    let venue = &read.venue;
    let Some(interval_s) = venue.schedule.interval_s.filter(|interval| u64::from(venue.timeout_s) > *interval) else {
        return;
    };
    let timeout = defaults.get_value(own, "timeout");
    let schedule = defaults.get_value(own, "schedule");
    let every = format_duration(interval_s);
    let limit = format_duration(u64::from(venue.timeout_s));
    let message = format!("a run may take {limit}, but the next one starts after {every}");
    let help = format!("set timeout = \"{every}\" or less, or run less often: runs of one venue must not overlap");
    let mut problem = match (timeout, schedule) {
        (Some(timeout), _) => ManifestProblem::new("timeout", timeout.span(), message, "longer than the interval"),
        (None, Some(schedule)) => {
            let label = format!("shorter than the default timeout, {limit}");
            ManifestProblem::new("timeout", schedule.span(), message, label)
        }
        (None, None) => return,
    };
    if let (Some(_), Some(schedule)) = (timeout, schedule) {
        problem = problem.with_other_place(schedule.span(), format!("every {every}"));
    }
    reading.push_problem(problem.with_help(help));
}

fn check_fields(reading: &mut ManifestReading<'_>, read: &ParsedVenue, own: &DeTable<'_>) {
    let entries = get_table(own, "fields").map(in_file_order).unwrap_or_default();
    let kind = get_table(own, "destination").and_then(|table| get_string(table, "kind"));
    for (name, _) in &entries {
        let field = name.get_ref();
        match kind.as_deref() {
            Some("tripleseat") if !TRIPLESEAT_LEAD_FIELDS.contains(&field.as_ref()) => {
                let help = if TRIPLESEAT_DESTINATION_FIELDS.contains(&field.as_ref()) {
                    format!("set {field} under [venues.{}.destination]", read.venue.name)
                } else if let Some(near) = find_nearest(field, &TRIPLESEAT_LEAD_FIELDS) {
                    format!("did you mean `{near}`?")
                } else {
                    format!("the fields are {}", TRIPLESEAT_LEAD_FIELDS.join(", "))
                };
                let message = format!("Tripleseat leads have no mappable field `{field}`");
                reading.push_problem(
                    ManifestProblem::new("unknown_field", name.span(), message, "unknown field").with_help(help),
                );
            }
            Some("http") if field.is_empty() => {
                let problem =
                    ManifestProblem::new("mapping", name.span(), "a field of the request body needs a name", "empty");
                reading.push_problem(problem.with_help("write a name, or a JSON pointer such as \"/lead/name\""));
            }
            Some("http") if field.starts_with('/') => {
                if let Err(flaw) = format::check_json_pointer(field) {
                    reading.push_flaw(&flaw, "mapping", name.span(), field);
                }
            }
            _ => {}
        }
    }
    if kind.as_deref() == Some("http") && entries.is_empty() {
        let message = format!("`{}` has no field mappings, so its leads would be empty", read.venue.name);
        let help = format!("add [venues.{}.fields], such as email = \"email\"", read.venue.name);
        reading.push_problem(
            ManifestProblem::new("mapping", read.places.destination.clone(), message, "no fields for this destination")
                .with_help(help),
        );
    }
}

/// Lambda rejects more than 4 KB of environment variables, which a long mapping could exceed.
fn check_environment(reading: &mut ManifestReading<'_>, read: &ParsedVenue, hubspot: &HubSpotSettings) {
    let venue = &read.venue;
    let config = SyncConfig {
        portal_id: hubspot.portal_id,
        destination: venue.destination.clone(),
        fields: venue.fields.iter().cloned().collect(),
        on_ambiguous: venue.on_ambiguous,
    };
    let config = serde_json::to_string(&config).unwrap_or_default().len();
    let names =
        [ENV_VENUE, ENV_FLAG_PROPERTY, ENV_HUBSPOT_BASE_URI, ENV_TRIPLESEAT_BASE_URI, ENV_SECRET_ARN, ENV_SYNC_CONFIG];
    let names: usize = names.iter().map(|name| name.len()).sum();
    let values = [&venue.name, &venue.flag_property, &hubspot.base_uri, &venue.name];
    let values: usize = values.iter().map(|value| value.len()).sum();
    let tripleseat = venue.tripleseat_base_uri.as_ref().map_or(0, String::len);
    let total = config + names + values + tripleseat + SECRET_ARN_OVERHEAD;
    if total > MAX_ENVIRONMENT {
        let message = format!(
            "the environment variables of `{}` would take about {total} bytes; Lambda's limit is {MAX_ENVIRONMENT}",
            venue.name
        );
        let problem = ManifestProblem::new("environment_too_long", read.places.name.clone(), message, "this venue");
        reading.push_problem(problem.with_help("shorten its field mappings and URLs"));
    }
}
