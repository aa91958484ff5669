//! Reads one `[venues.NAME]` table: applies the defaults and checks that its keys fit together.

use serde_json::json;
use sync_config::config::{
    DestinationConfig, ENV_FLAG_PROPERTY, ENV_HUBSPOT_BASE_URI, ENV_SECRET_ARN, ENV_SYNC_CONFIG,
    ENV_TRIPLESEAT_BASE_URI, ENV_VENUE, HttpAuth, HttpDestination, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN,
    KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_PUBLIC_KEY, OnExisting,
    TripleseatDestination, default_flag_property,
};
use sync_config::mapping::FieldExpression;
use sync_config::metrics::MetricsLevel;
use toml::Spanned;
use toml::de::DeString;

use super::company::read_company_rules;
use super::key::{Key, Optional};
use super::keys::{
    AUTH_HEADER, AUTH_QUERY, AuthTable, BLOCKER, BlockerKeys, DEPLOYMENT, DestinationTable, HTTP, HttpKeys, INHERITED,
    SECRETS, SecretsKeys, TRIPLESEAT, TripleseatKeys, VENUE, VenueKeys,
};
use super::mapping::{FieldStanding, judge_field};
use super::report::{ManifestProblem, Span};
use super::shape::ManifestReading;
use super::table::{ManifestTable, OpenedKind, VenueTable};
use super::tags::merge_tags;
use super::{
    AlarmCause, Blocker, HubSpotSettings, OAuthConsent, ScheduleExpression, SecretRef, Status, Venue, format,
    format_duration,
};
use crate::error::ErrorCode;

/// Lambda's limit for all environment variables of a function together, in bytes.
const MAX_ENVIRONMENT: usize = 4096;
/// What surrounds the name and the value of a variable in JSON.
const JSON_OVERHEAD: usize = r#""":"","#.len();
/// Upper bound for the parts of a secret's ARN other than its name. The ARN itself isn't known yet.
const SECRET_ARN_OVERHEAD: usize = 80;

type SecretKey = Key<SecretsKeys, Optional<SecretRef>>;

/// The keys of `secrets` and those of the secret's JSON object, in the secret's order.
static SECRET_KEYS: [(&SecretKey, &str); 5] = [
    (&SECRETS.hubspot_token, KEY_HUBSPOT_TOKEN),
    (&SECRETS.tripleseat_public_key, KEY_TRIPLESEAT_PUBLIC_KEY),
    (&SECRETS.tripleseat_client_id, KEY_TRIPLESEAT_CLIENT_ID),
    (&SECRETS.tripleseat_client_secret, KEY_TRIPLESEAT_CLIENT_SECRET),
    (&SECRETS.destination_credential, KEY_DESTINATION_CREDENTIAL),
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
    pub(super) display_name: Span,
    /// The `flag_property` value, or else the venue's name, which the default is derived from.
    pub(super) flag: Span,
    pub(super) destination: Span,
    pub(super) location: Option<Span>,
    /// By key in the secret, like [`Venue::secrets`].
    pub(super) secrets: Vec<(&'static str, Span)>,
    pub(super) canary: Option<Span>,
    pub(super) schedule: Option<Span>,
}

impl VenuePlaces {
    pub(super) fn secret_place(&self, key: &str) -> Option<Span> {
        self.secrets.iter().find(|(name, _)| *name == key).map(|(_, span)| span.clone())
    }
}

/// Reads a venue. A value that is wrong by itself has been reported already and is treated as absent.
pub(super) fn read_venue(
    reading: &mut ManifestReading<'_>,
    advice: &mut Vec<ManifestProblem>,
    name: &Spanned<DeString<'_>>,
    table: VenueTable<'_, '_>,
    hubspot: &HubSpotSettings,
) -> ParsedVenue {
    let own = table.own;
    let secrets_table = own.open_or_empty(&VENUE.secrets);
    let mut secrets = Vec::new();
    let mut secret_places = Vec::new();
    for (key, secret_key) in SECRET_KEYS {
        if let (Some(reference), Some(place)) = (secrets_table.read(key), secrets_table.value_span(key)) {
            secrets.push((secret_key.to_owned(), reference));
            secret_places.push((secret_key, place));
        }
    }

    let destination = own.open_kind(&VENUE.destination).unwrap_or(OpenedKind::empty());
    let (destination_config, tripleseat_base_uri, oauth_consent) = read_destination(destination);
    let venue = Venue {
        name: name.get_ref().clone().into_owned(),
        display_name: own.read(&VENUE.display_name),
        status: own.read(&VENUE.status),
        blocker: own.open_table(&VENUE.blocker).map(read_blocker),
        flag_property: own.read(&VENUE.flag_property).unwrap_or_else(|| default_flag_property(name.get_ref())),
        schedule: table.read_inherited(&INHERITED.schedule),
        architecture: table.read_inherited(&INHERITED.architecture),
        memory_mb: table.read_inherited(&INHERITED.memory_mb),
        timeout_s: table.read_inherited(&INHERITED.timeout).0,
        reserved_concurrency: table.read_inherited(&INHERITED.reserved_concurrency),
        log_retention_days: table.read_inherited(&INHERITED.log_retention_days),
        secrets,
        tripleseat_base_uri,
        destination: destination_config,
        oauth_consent,
        fields: read_fields(own),
        on_ambiguous: table.read_inherited(&INHERITED.on_ambiguous),
        on_retick: table.read_inherited(&INHERITED.on_retick),
        retick_window_s: table.read_inherited(&INHERITED.retick_window).0,
        on_existing: table.read_inherited(&INHERITED.on_existing),
        timezone: table.read_inherited(&INHERITED.timezone),
        metrics: read_metrics(reading, table, own.read(&VENUE.status)),
        protect: table.read_inherited(&INHERITED.protect),
        canary: own.read(&VENUE.canary),
        company: read_company_rules(reading, table),
        tags: merge_tags(reading, &table.deployment.list_tags(&DEPLOYMENT.tags), &own.list_tags(&VENUE.tags)),
    };
    let name_span = name.span();
    let places = VenuePlaces {
        display_name: own.value_span(&VENUE.display_name).unwrap_or_else(|| name_span.clone()),
        flag: own.value_span(&VENUE.flag_property).unwrap_or_else(|| name_span.clone()),
        destination: own.key_span(&VENUE.destination).unwrap_or_else(|| name_span.clone()),
        location: destination.with_keys::<TripleseatKeys>().value_span(&TRIPLESEAT.location_id),
        secrets: secret_places,
        canary: own.value_span(&VENUE.canary),
        schedule: table.inherited_span(&INHERITED.schedule),
        name: name_span,
    };
    let read = ParsedVenue { venue, places };
    check_blocker(reading, advice, &read, own);
    check_secrets(reading, &read, own);
    check_timeout(reading, &read, table);
    check_fields(reading, advice, &read, own);
    check_existing(reading, &read, table);
    check_environment(reading, &read, hubspot);
    read
}

/// What the runs write: what the manifest says, or else the least that its alarms need.
fn read_metrics(reading: &mut ManifestReading<'_>, table: VenueTable<'_, '_>, status: Status) -> MetricsLevel {
    let needing = |alarms: &super::AlarmSettings| alarms.causes.iter().any(|cause| AlarmCause::needs_metrics(*cause));
    let needed = table.alarms.is_some_and(needing);
    let said = table.read_inherited(&INHERITED.metrics);
    if let (Some(MetricsLevel::Off), true, Status::Active, Some(span)) =
        (said, needed, status, table.inherited_span(&INHERITED.metrics))
    {
        let message = "`metrics` is off, but the alarms of this manifest watch metrics";
        let help = "remove this line, write \"essential\", or limit the alarms to Lambda's own metrics, which are always there: \
                    `causes = [\"failing\", \"throttled\"]` in [alarms]";
        reading.push_problem(ManifestProblem::new(ErrorCode::AlarmsNeedMetrics, span, message, "off").with_help(help));
    }
    said.unwrap_or(if needed { MetricsLevel::Essential } else { MetricsLevel::Off })
}

fn read_blocker(table: ManifestTable<'_, '_, BlockerKeys>) -> Blocker {
    Blocker {
        reason: table.read(&BLOCKER.reason),
        owner: table.read(&BLOCKER.owner),
        next_step: table.read(&BLOCKER.next_step),
        since: table.read(&BLOCKER.since).map(|date| date.0),
    }
}

/// The destination, and if it is Tripleseat, its base URL and what `deployer connect` asks for. A destination of an
/// unknown kind, which has been reported, is read as Tripleseat.
fn read_destination(
    table: OpenedKind<'_, '_, DestinationTable>,
) -> (DestinationConfig, Option<String>, Option<OAuthConsent>) {
    match table.read_kind() {
        Some(DestinationTable::Http) => (DestinationConfig::Http(read_http(table.with_keys())), None, None),
        Some(DestinationTable::Tripleseat) | None => {
            let table = table.with_keys();
            let config = DestinationConfig::Tripleseat(TripleseatDestination {
                location_id: table.read(&TRIPLESEAT.location_id),
                lead_form_id: table.read(&TRIPLESEAT.lead_form_id),
                site_id: table.read(&TRIPLESEAT.site_id),
                lead_source_id: table.read(&TRIPLESEAT.lead_source_id),
                referral_source_id: table.read(&TRIPLESEAT.referral_source_id),
                oauth: table.read(&TRIPLESEAT.oauth),
            });
            let consent = config.rotates_tokens().then(|| OAuthConsent {
                redirect_uri: table.read(&TRIPLESEAT.redirect_uri),
                scopes: table.read(&TRIPLESEAT.scopes),
            });
            (config, Some(table.read(&TRIPLESEAT.base_uri).0), consent)
        }
    }
}

fn read_http(table: ManifestTable<'_, '_, HttpKeys>) -> HttpDestination {
    HttpDestination {
        url: table.read(&HTTP.url),
        auth: table.open_kind(&HTTP.auth).and_then(read_auth),
        success_pointer: table.read(&HTTP.success_pointer),
        id_pointer: table.read(&HTTP.id_pointer),
        lookup_url: table.read(&HTTP.lookup_url),
        lookup_id_pointer: table.read(&HTTP.lookup_id_pointer),
        requests_per_second: table.read(&HTTP.requests_per_second),
    }
}

fn read_auth(table: OpenedKind<'_, '_, AuthTable>) -> Option<HttpAuth> {
    Some(match table.read_kind()? {
        AuthTable::Bearer => HttpAuth::Bearer,
        AuthTable::Basic => HttpAuth::Basic,
        AuthTable::Header => HttpAuth::Header { name: table.with_keys().read(&AUTH_HEADER.name) },
        AuthTable::Query => HttpAuth::Query { name: table.with_keys().read(&AUTH_QUERY.name) },
    })
}

fn read_fields(own: ManifestTable<'_, '_, VenueKeys>) -> Vec<(String, String)> {
    let entries = own.list_mappings(&VENUE.fields).into_iter();
    entries
        .filter_map(|(name, value)| Some((name.get_ref().clone().into_owned(), value.get_ref().as_str()?.to_owned())))
        .collect()
}

fn check_blocker(
    reading: &mut ManifestReading<'_>,
    advice: &mut Vec<ManifestProblem>,
    read: &ParsedVenue,
    own: ManifestTable<'_, '_, VenueKeys>,
) {
    let venue = &read.venue;
    let name = &venue.name;
    let status = own.value_span(&VENUE.status).unwrap_or_else(|| read.places.name.clone());
    match (&venue.blocker, venue.status) {
        (None, Status::Blocked) => {
            let message = format!("the venue `{name}` is blocked but has no blocker");
            let help = format!("add [venues.{name}.blocker] with reason, owner and next_step");
            reading.push_problem(ManifestProblem::new(ErrorCode::Blocker, status, message, "blocked").with_help(help));
        }
        (Some(blocker), Status::Blocked) => {
            let span = own.key_span(&VENUE.blocker).unwrap_or(status);
            let missing: Vec<&str> = [(&BLOCKER.owner, &blocker.owner), (&BLOCKER.next_step, &blocker.next_step)]
                .into_iter()
                .filter(|(_, value)| value.is_none())
                .map(|(key, _)| key.name())
                .collect();
            if !missing.is_empty() {
                let message = format!("the blocker of `{name}` has no {}", missing.join(" and no "));
                let problem = ManifestProblem::new(ErrorCode::BlockerWithoutOwner, span, message, "");
                advice.push(problem.with_help("add who does what next: a blocker without an owner tends to stay"));
            }
        }
        (Some(_), Status::Active | Status::Paused) => {
            let span = own.key_span(&VENUE.blocker).unwrap_or(status);
            let message = format!("`{name}` has a blocker but is not blocked");
            let problem = ManifestProblem::new(ErrorCode::BlockerUnused, span, message, "");
            advice.push(problem.with_help("remove the blocker, or set status = \"blocked\""));
        }
        (None, _) => {}
    }
    if venue.canary && venue.status == Status::Blocked {
        let span = read.places.canary.clone().unwrap_or(read.places.name.clone());
        let message = format!("`{name}` can't be the canary because it is blocked");
        reading.push_problem(
            ManifestProblem::new(ErrorCode::Canary, span, message, "canary").with_help("make another venue the canary"),
        );
    }
}

fn check_secrets(reading: &mut ManifestReading<'_>, read: &ParsedVenue, own: ManifestTable<'_, '_, VenueKeys>) {
    let venue = &read.venue;
    let Some(destination) = own.open_kind(&VENUE.destination) else { return };
    let kind = destination.read_kind();
    let secrets = own.open_or_empty(&VENUE.secrets);
    let given = |key: &SecretKey| secrets.has_key(key);
    let place = own.key_span(&VENUE.secrets).unwrap_or_else(|| read.places.name.clone());
    let auth = destination.with_keys::<HttpKeys>().has_key(&HTTP.auth);

    let mut required = vec![&SECRETS.hubspot_token];
    match kind {
        Some(DestinationTable::Tripleseat) => required.push(&SECRETS.tripleseat_public_key),
        Some(DestinationTable::Http) if auth => required.push(&SECRETS.destination_credential),
        Some(DestinationTable::Http) | None => {}
    }
    for key in required.into_iter().filter(|key| venue.status != Status::Blocked && !given(key)) {
        let key = key.name();
        let message = format!("the venue `{}` is missing the secret `{key}`", venue.name);
        let variable = format!("{}_{key}", venue.name.replace('-', "_")).to_uppercase();
        let table = format!("[venues.{}.secrets]", venue.name);
        let help = format!("add {key} = \"env:{variable}\" under {table}, or \"managed\" to set it later");
        let label = format!("missing `{key}`");
        reading.push_problem(
            ManifestProblem::new(ErrorCode::MissingSecret, place.clone(), message, label).with_help(help),
        );
    }
    let pair = [&SECRETS.tripleseat_client_id, &SECRETS.tripleseat_client_secret];
    if venue.destination.rotates_tokens() && !pair.into_iter().any(given) && venue.status != Status::Blocked {
        let [id, secret] = pair.map(Key::name);
        let span = destination.with_keys::<TripleseatKeys>().value_span(&TRIPLESEAT.oauth);
        let message = format!("`{}` connects to Tripleseat with an OAuth application, but names none", venue.name);
        let help = format!("add {id} and {secret} under [venues.{}.secrets]", venue.name);
        let span = span.unwrap_or_else(|| place.clone());
        reading.push_problem(
            ManifestProblem::new(ErrorCode::MissingSecret, span, message, "needs an application").with_help(help),
        );
    }
    if let [true, false] | [false, true] = pair.map(given) {
        let (present, absent) = if given(pair[0]) { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
        let span = secrets.key_span(present).unwrap_or_else(|| place.clone());
        let (present, absent) = (present.name(), absent.name());
        let message = format!("`{present}` has no effect without `{absent}`");
        reading.push_problem(
            ManifestProblem::new(ErrorCode::MissingSecret, span, message, "here")
                .with_help(format!("add {absent}, or remove {present}")),
        );
    }
    const NOT_HTTP: &str = "remove it: only destinations of kind \"tripleseat\" use it";
    let of_tripleseat =
        [&SECRETS.tripleseat_public_key, &SECRETS.tripleseat_client_id, &SECRETS.tripleseat_client_secret];
    let mut useless: Vec<(&SecretKey, &str)> = match kind {
        Some(DestinationTable::Http) => of_tripleseat.map(|key| (key, NOT_HTTP)).to_vec(),
        Some(DestinationTable::Tripleseat) | None => Vec::new(),
    };
    match kind {
        Some(DestinationTable::Tripleseat) => {
            let help = "remove it: only destinations of kind \"http\" use it";
            useless.push((&SECRETS.destination_credential, help));
        }
        Some(DestinationTable::Http) if !auth => {
            let help = "add auth = { kind = \"bearer\" } to the destination, or remove the credential";
            useless.push((&SECRETS.destination_credential, help));
        }
        Some(DestinationTable::Http) | None => {}
    }
    for (key, help) in useless {
        let Some(span) = secrets.key_span(key) else { continue };
        let message = format!("the destination of `{}` does not use `{}`", venue.name, key.name());
        reading.push_problem(ManifestProblem::new(ErrorCode::UselessSecret, span, message, "not used").with_help(help));
    }
}

fn check_timeout(reading: &mut ManifestReading<'_>, read: &ParsedVenue, table: VenueTable<'_, '_>) {
    let venue = &read.venue;
    // Nothing is known about the interval of an invalid schedule, which has been reported.
    let text = table.inherited_text(&INHERITED.schedule);
    if text.is_some_and(|text| ScheduleExpression::parse_expression(text).is_err()) {
        return;
    }
    let Some(interval_s) = venue.schedule.interval_s.filter(|interval| u64::from(venue.timeout_s) > *interval) else {
        return;
    };
    let timeout = table.inherited_span(&INHERITED.timeout);
    let schedule = table.inherited_span(&INHERITED.schedule);
    let every = format_duration(interval_s);
    let limit = format_duration(u64::from(venue.timeout_s));
    let message = format!("a run may take {limit}, but the next one starts after {every}");
    let help = format!("set timeout = \"{every}\" or less, or run less often: runs of one venue must not overlap");
    let problem = match (timeout, schedule) {
        (Some(timeout), schedule) => {
            let problem = ManifestProblem::new(ErrorCode::Timeout, timeout, message, "longer than the interval");
            match schedule {
                Some(schedule) => problem.with_other_place(schedule, format!("every {every}")),
                None => problem,
            }
        }
        (None, Some(schedule)) => {
            let label = format!("shorter than the default timeout, {limit}");
            ManifestProblem::new(ErrorCode::Timeout, schedule, message, label)
        }
        (None, None) => return,
    };
    reading.push_problem(problem.with_help(help));
}

fn check_fields(
    reading: &mut ManifestReading<'_>,
    advice: &mut Vec<ManifestProblem>,
    read: &ParsedVenue,
    own: ManifestTable<'_, '_, VenueKeys>,
) {
    let entries = own.list_mappings(&VENUE.fields);
    let kind = own.open_kind(&VENUE.destination).and_then(OpenedKind::read_kind);
    for (name, value) in &entries {
        let field = name.get_ref();
        match kind {
            Some(DestinationTable::Tripleseat) => match judge_field(field) {
                FieldStanding::Known => {}
                FieldStanding::OfDestination => {
                    let message = format!("Tripleseat leads have no mappable field `{field}`");
                    let help = format!("set {field} under [venues.{}.destination]", read.venue.name);
                    reading.push_problem(
                        ManifestProblem::new(ErrorCode::UnknownField, name.span(), message, "unknown field")
                            .with_help(help),
                    );
                }
                FieldStanding::Unknown(near) => {
                    let message = format!("`{field}` is not a known field of Tripleseat's leads");
                    let help = match near {
                        Some(near) => format!("did you mean `{near}`? It is sent as it is"),
                        None => "it is sent as it is, for a lead form that has such a field".to_owned(),
                    };
                    advice
                        .push(ManifestProblem::new(ErrorCode::UnknownField, name.span(), message, "").with_help(help));
                }
            },
            Some(DestinationTable::Http) if field.is_empty() => {
                let problem = ManifestProblem::new(
                    ErrorCode::Mapping,
                    name.span(),
                    "a field of the request body needs a name",
                    "empty",
                );
                reading.push_problem(problem.with_help("write a name, or a JSON pointer such as \"/lead/name\""));
            }
            Some(DestinationTable::Http) if field.starts_with('/') => {
                if let Err(flaw) = format::check_json_pointer(field) {
                    reading.push_flaw(&flaw, ErrorCode::Mapping, name.span(), field);
                }
            }
            Some(DestinationTable::Http) | None => {}
        }
        let expression = value.get_ref().as_str().and_then(|text| FieldExpression::parse_expression(text).ok());
        if read.venue.timezone.is_none() && expression.is_some_and(|expression| expression.needs_timezone()) {
            let message =
                format!("`{field}` has a time, but it isn't known in which time zone `{}` is", read.venue.name);
            let help =
                format!("add timezone = \"America/New_York\" (or another IANA name) to [venues.{}]", read.venue.name);
            reading.push_problem(
                ManifestProblem::new(ErrorCode::Timezone, value.span(), message, "needs a time zone").with_help(help),
            );
        }
    }
    if kind == Some(DestinationTable::Http) && entries.is_empty() {
        let message = format!("`{}` has no field mappings, so its leads would be empty", read.venue.name);
        let help = format!("add [venues.{}.fields], such as email = \"email\"", read.venue.name);
        reading.push_problem(
            ManifestProblem::new(
                ErrorCode::Mapping,
                read.places.destination.clone(),
                message,
                "no fields for this destination",
            )
            .with_help(help),
        );
    }
}

/// Linking leads needs lookups, which need OAuth.
fn check_existing(reading: &mut ManifestReading<'_>, read: &ParsedVenue, table: VenueTable<'_, '_>) {
    let venue = &read.venue;
    let Some(span) = table.inherited_span(&INHERITED.on_existing) else { return };
    let has_oauth = venue.secrets.iter().any(|(key, _)| key == KEY_TRIPLESEAT_CLIENT_ID);
    if venue.on_existing == OnExisting::Create || has_oauth {
        return;
    }
    let (message, help) = match venue.destination {
        DestinationConfig::Tripleseat { .. } => (
            format!("`{}` can't look for existing leads without OAuth", venue.name),
            format!("add tripleseat_client_id and tripleseat_client_secret under [venues.{}.secrets]", venue.name),
        ),
        DestinationConfig::Http(_) => (
            format!("the destination of `{}` can't be asked for existing leads", venue.name),
            "only destinations of kind \"tripleseat\" can".to_owned(),
        ),
    };
    let help = format!("{help}, or set on_existing = \"create\" in [venues.{}]", venue.name);
    reading.push_problem(ManifestProblem::new(ErrorCode::OnExisting, span, message, "needs OAuth").with_help(help));
}

/// Lambda rejects more than 4 KB of environment variables, which a long mapping could exceed.
fn check_environment(reading: &mut ManifestReading<'_>, read: &ParsedVenue, hubspot: &HubSpotSettings) {
    let venue = &read.venue;
    let config = venue.sync_config(hubspot);
    let config = serde_json::to_string(&config).expect("texts and numbers can be written as JSON");
    // Lambda measures the JSON of all variables, in which that JSON is a text.
    let config = json!(config).to_string().len();
    let names =
        [ENV_VENUE, ENV_FLAG_PROPERTY, ENV_HUBSPOT_BASE_URI, ENV_TRIPLESEAT_BASE_URI, ENV_SECRET_ARN, ENV_SYNC_CONFIG];
    let names: usize = names.iter().map(|name| name.len() + JSON_OVERHEAD).sum();
    let values = [&venue.name, &venue.flag_property, &hubspot.base_uri, &venue.name];
    let values: usize = values.iter().map(|value| value.len()).sum();
    let tripleseat = venue.tripleseat_base_uri.as_ref().map_or(0, String::len);
    let total = config + names + values + tripleseat + SECRET_ARN_OVERHEAD;
    if total > MAX_ENVIRONMENT {
        let message = format!(
            "the environment variables of `{}` would take about {total} bytes; Lambda's limit is {MAX_ENVIRONMENT}",
            venue.name
        );
        let problem =
            ManifestProblem::new(ErrorCode::EnvironmentTooLong, read.places.name.clone(), message, "this venue");
        reading.push_problem(problem.with_help("shorten its field mappings and URLs"));
    }
}
