//! Every key that a manifest may have: the single description behind both the checks and the JSON Schema.

use super::format::TextFormat;

/// A table and its keys.
pub(super) struct TableSpec {
    pub(super) doc: &'static str,
    pub(super) keys: &'static [KeySpec],
}

/// A key, its allowed values, and its purpose.
pub(super) struct KeySpec {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) value: ValueSpec,
    pub(super) required: bool,
    pub(super) default: Option<LiteralValue>,
    pub(super) example: Option<LiteralValue>,
}

/// A default or example value.
#[derive(Clone, Copy)]
pub(super) enum LiteralValue {
    Text(&'static str),
    Integer(i64),
    Bool(bool),
}

/// What a value may be.
pub(super) enum ValueSpec {
    Text(TextFormat),
    OneOf(&'static [&'static str]),
    Integer {
        min: i64,
        max: i64,
    },
    IntegerOneOf(&'static [i64]),
    Bool,
    Date,
    Table(&'static TableSpec),
    /// A table whose keys are names chosen by the user, each holding a table of this shape.
    Named(&'static TableSpec),
    /// A table whose keys depend on its `kind`.
    Kinds(&'static [(&'static str, &'static TableSpec)]),
    /// A table from destination fields to mapping expressions.
    Mapping,
}

impl TableSpec {
    pub(super) fn find_key(&self, name: &str) -> Option<&'static KeySpec> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn optional_key(name: &'static str, value: ValueSpec, doc: &'static str) -> KeySpec {
    KeySpec { name, doc, value, required: false, default: None, example: None }
}

impl KeySpec {
    const fn as_required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn with_default(mut self, value: LiteralValue) -> Self {
        self.default = Some(value);
        self
    }

    const fn with_example(mut self, value: LiteralValue) -> Self {
        self.example = Some(value);
        self
    }
}

use LiteralValue::{Bool as B, Integer as I, Text as T};

/// The retention periods that CloudWatch accepts: `RetentionInDays` of `PutRetentionPolicy`.
pub(super) const LOG_RETENTION_DAYS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) const DEFAULT_SCHEDULE: &str = "rate(5 minutes)";
pub(super) const DEFAULT_TIMEOUT: &str = "4m";
pub(super) const DEFAULT_MEMORY_MB: u32 = 128;
pub(super) const DEFAULT_LOG_RETENTION_DAYS: u32 = 30;

/// Nobody can receive mail at this domain (RFC 2606, section 3), and HubSpot accepts it.
pub(super) const DEFAULT_TEST_DOMAIN: &str = "example.com";

const MAX_ID: i64 = i64::MAX;

pub(super) static ROOT: TableSpec = TableSpec {
    doc: "What is deployed for each venue: one Lambda function, secret, role, log group and EventBridge rule.",
    keys: &[
        optional_key(
            "deployment",
            ValueSpec::Table(&DEPLOYMENT),
            "The owner of every managed resource, and its location.",
        )
        .as_required(),
        optional_key("hubspot", ValueSpec::Table(&HUBSPOT), "The HubSpot portal that all venues share."),
        optional_key("defaults", ValueSpec::Table(&DEFAULTS), "Settings for every venue that doesn't override them."),
        optional_key("venues", ValueSpec::Named(&VENUE), "The venues, by name. A name has letters, digits, - and _."),
    ],
};

pub(super) static DEPLOYMENT: TableSpec = TableSpec {
    doc: "The owner of every managed resource, and its location.",
    keys: &[
        optional_key(
            "name",
            ValueSpec::Text(TextFormat::Name),
            "Prefix of every name, and owner tag of every managed resource.",
        )
        .as_required()
        .with_example(T("venue-sync")),
        optional_key("region", ValueSpec::Text(TextFormat::Region), "AWS region.")
            .as_required()
            .with_example(T("us-east-1")),
        optional_key(
            "account",
            ValueSpec::Text(TextFormat::Account),
            "Guard: a run against any other AWS account is refused before the first write.",
        )
        .with_example(T("123456789012")),
        optional_key(
            "recovery_window_days",
            ValueSpec::Integer { min: 7, max: 30 },
            "How many days the secret of a removed venue can still be restored.",
        )
        .with_default(I(DEFAULT_RECOVERY_WINDOW_DAYS as i64)),
    ],
};

/// The longest recovery window that Secrets Manager offers.
pub(super) const DEFAULT_RECOVERY_WINDOW_DAYS: u32 = 30;

pub(super) static HUBSPOT: TableSpec = TableSpec {
    doc: "The HubSpot portal that all venues share.",
    keys: &[
        optional_key(
            "portal_id",
            ValueSpec::Integer { min: 1, max: MAX_ID },
            "Guard: a token of any other portal is refused, at plan and at each run.",
        )
        .with_example(I(1_234_567)),
        optional_key(
            "token",
            ValueSpec::Text(TextFormat::SecretRef),
            "Used only by the deployer, for properties and checks. Without it, create the properties by hand.",
        )
        .with_example(T("env:HUBSPOT_ADMIN_TOKEN")),
        optional_key(
            "base_uri",
            ValueSpec::Text(TextFormat::BaseUri),
            "Base URL of HubSpot's API. Plain http is allowed only for this machine.",
        )
        .with_default(T(sync_config::config::HUBSPOT_BASE_URI)),
        optional_key(
            "test_domain",
            ValueSpec::Text(TextFormat::Domain),
            "Domain of the e-mail address of `deployer verify`'s test contact. Mail to it must not reach anybody.",
        )
        .with_default(T(DEFAULT_TEST_DOMAIN)),
    ],
};

macro_rules! shared_venue_keys {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            optional_key("schedule", ValueSpec::Text(TextFormat::Schedule), "When it runs: an EventBridge rate(...) or cron(...), in UTC.")
                .with_default(T(DEFAULT_SCHEDULE)),
            optional_key("architecture", ValueSpec::OneOf(&["x86_64", "arm64"]), "Processor architecture of the function.")
                .with_default(T("x86_64")),
            optional_key("memory_mb", ValueSpec::Integer { min: 128, max: 10_240 }, "Memory of the function, in MB.")
                .with_default(I(DEFAULT_MEMORY_MB as i64)),
            optional_key("timeout", ValueSpec::Text(TextFormat::Timeout), "Timeout of one run, 1s to 15m, no longer than the schedule's interval.")
                .with_default(T(DEFAULT_TIMEOUT)),
            optional_key("log_retention_days", ValueSpec::IntegerOneOf(LOG_RETENTION_DAYS), "How many days CloudWatch keeps the logs.")
                .with_default(I(DEFAULT_LOG_RETENTION_DAYS as i64)),
            optional_key("on_ambiguous", ValueSpec::OneOf(&["needs_review", "resend"]), "What happens to a contact that may or may not have become a lead.")
                .with_default(T("needs_review")),
            optional_key("protect", ValueSpec::Bool, "Whether removing the venue is refused.").with_default(B(false)),
        ]
    };
}

pub(super) static DEFAULTS: TableSpec =
    TableSpec { doc: "Settings for every venue that doesn't override them.", keys: shared_venue_keys![] };

pub(super) static VENUE: TableSpec = TableSpec {
    doc: "One venue.",
    keys: shared_venue_keys![
        optional_key(
            "display_name",
            ValueSpec::Text(TextFormat::DisplayName),
            "Display name. The checkbox in HubSpot is labeled \"Tripleseat Sync - \" followed by this name."
        )
        .as_required()
        .with_example(T("Venue A")),
        optional_key(
            "status",
            ValueSpec::OneOf(&["active", "paused", "blocked"]),
            "active; paused (the rule is disabled); or blocked (nothing is deployed)."
        )
        .with_default(T("active")),
        optional_key("blocker", ValueSpec::Table(&BLOCKER), "What a blocked venue is waiting for."),
        optional_key(
            "flag_property",
            ValueSpec::Text(TextFormat::FlagProperty),
            "Internal name of the flag property in HubSpot. By default, tripleseat_sync__ followed by the venue's name."
        )
        .with_example(T("tripleseat_sync__venue_a")),
        optional_key(
            "canary",
            ValueSpec::Bool,
            "Whether a new artifact goes here first; if it fails here, the other venues keep theirs. At most one venue."
        )
        .with_default(B(false)),
        optional_key(
            "secrets",
            ValueSpec::Table(&SECRETS),
            "References to the venue's credentials. A blocked venue needs none."
        ),
        optional_key("destination", ValueSpec::Kinds(&DESTINATIONS), "Where the leads go.").as_required(),
        optional_key(
            "fields",
            ValueSpec::Mapping,
            "Destination field = HubSpot property, \"{template}\" or \"=constant\", in addition to the destination's defaults."
        ),
    ],
};

pub(super) static BLOCKER: TableSpec = TableSpec {
    doc: "What a blocked venue is waiting for.",
    keys: &[
        optional_key("reason", ValueSpec::Text(TextFormat::Plain), "What is blocking the venue.")
            .as_required()
            .with_example(T("The platform issues no API token to smaller operators")),
        optional_key("owner", ValueSpec::Text(TextFormat::Plain), "Who takes the next step.")
            .with_example(T("ops@example.com")),
        optional_key("next_step", ValueSpec::Text(TextFormat::Plain), "The next step.")
            .with_example(T("Vendor developer confirms the field mapping")),
        optional_key("since", ValueSpec::Date, "The date since which it is blocked.").with_example(T("2025-09-15")),
    ],
};

pub(super) static SECRETS: TableSpec = TableSpec {
    doc: "References to the venue's credentials: env:NAME, file:PATH, cmd:PROGRAM ARGS or managed.",
    keys: &[
        optional_key(
            "hubspot_token",
            ValueSpec::Text(TextFormat::SecretRef),
            "Token of a HubSpot private app. One app per venue isolates best.",
        )
        .with_example(T("env:VENUE_A_HUBSPOT_TOKEN")),
        optional_key(
            "tripleseat_public_key",
            ValueSpec::Text(TextFormat::SecretRef),
            "Tripleseat's public key, used to create leads.",
        )
        .with_example(T("env:VENUE_A_TRIPLESEAT_PUBLIC_KEY")),
        optional_key(
            "tripleseat_client_id",
            ValueSpec::Text(TextFormat::SecretRef),
            "OAuth client in Tripleseat, used to look up leads whose response was lost.",
        )
        .with_example(T("env:VENUE_A_TRIPLESEAT_CLIENT_ID")),
        optional_key("tripleseat_client_secret", ValueSpec::Text(TextFormat::SecretRef), "Secret of the OAuth client.")
            .with_example(T("env:VENUE_A_TRIPLESEAT_CLIENT_SECRET")),
        optional_key(
            "destination_credential",
            ValueSpec::Text(TextFormat::SecretRef),
            "Credential of an http destination that has auth.",
        )
        .with_example(T("env:MARINA_CREDENTIAL")),
    ],
};

pub(super) static DESTINATIONS: [(&str, &TableSpec); 2] = [("tripleseat", &TRIPLESEAT), ("http", &HTTP)];

const KIND: KeySpec = optional_key("kind", ValueSpec::Text(TextFormat::Plain), "Which kind it is.").as_required();

pub(super) static TRIPLESEAT: TableSpec = TableSpec {
    doc: "A Tripleseat account.",
    keys: &[
        KIND,
        optional_key(
            "base_uri",
            ValueSpec::Text(TextFormat::BaseUri),
            "Base URL of Tripleseat's API. Plain http is allowed only for this machine.",
        )
        .with_default(T(sync_config::config::TRIPLESEAT_BASE_URI)),
        optional_key(
            "location_id",
            ValueSpec::Integer { min: 1, max: MAX_ID },
            "Required if the account has more than one location.",
        )
        .with_example(I(12_345)),
        optional_key("lead_form_id", ValueSpec::Integer { min: 1, max: MAX_ID }, "The lead form whose rules apply.")
            .with_example(I(678)),
        optional_key(
            "site_id",
            ValueSpec::Integer { min: 1, max: MAX_ID },
            "Guard: the site that the OAuth credentials must give access to.",
        )
        .with_example(I(90)),
    ],
};

pub(super) static HTTP: TableSpec = TableSpec {
    doc: "Any JSON API that accepts a lead as a single POST.",
    keys: &[
        KIND,
        optional_key("url", ValueSpec::Text(TextFormat::Url), "Where the lead is posted. Plain http is allowed only for this machine.")
            .as_required()
            .with_example(T("https://platform.example.com/internal/leads")),
        optional_key("auth", ValueSpec::Kinds(&AUTHS), "How destination_credential is sent."),
        optional_key(
            "success_pointer",
            ValueSpec::Text(TextFormat::JsonPointer),
            "JSON pointer into the response. The lead counts as accepted only if it points to a value other than false or null.",
        )
        .with_example(T("/ok")),
        optional_key("id_pointer", ValueSpec::Text(TextFormat::JsonPointer), "JSON pointer to the new record's ID in the response.")
            .with_example(T("/data/id")),
        optional_key(
            "lookup_url",
            ValueSpec::Text(TextFormat::LookupUrl),
            "URL of a GET that finds a record by the attempt's key: {key} and {contact_id} are filled in.",
        )
        .with_example(T("https://platform.example.com/internal/leads?reference={key}")),
        optional_key(
            "lookup_id_pointer",
            ValueSpec::Text(TextFormat::JsonPointer),
            "JSON pointer to the found record's ID in the lookup response.",
        )
        .with_example(T("/results/0/id")),
        optional_key("requests_per_second", ValueSpec::Integer { min: 1, max: 1000 }, "How many requests per second the platform allows.")
            .with_example(I(5)),
    ],
};

pub(super) static AUTHS: [(&str, &TableSpec); 4] =
    [("bearer", &AUTH_BEARER), ("basic", &AUTH_BASIC), ("header", &AUTH_HEADER), ("query", &AUTH_QUERY)];

static AUTH_BEARER: TableSpec = TableSpec { doc: "Authorization: Bearer, followed by the credential.", keys: &[KIND] };
static AUTH_BASIC: TableSpec =
    TableSpec { doc: "Authorization: Basic; the credential is user:password.", keys: &[KIND] };
static AUTH_HEADER: TableSpec = TableSpec {
    doc: "A header with the credential as its value.",
    keys: &[
        KIND,
        optional_key("name", ValueSpec::Text(TextFormat::HeaderName), "The header's name.")
            .as_required()
            .with_example(T("X-Api-Key")),
    ],
};
static AUTH_QUERY: TableSpec = TableSpec {
    doc: "A query parameter with the credential as its value.",
    keys: &[
        KIND,
        optional_key("name", ValueSpec::Text(TextFormat::HeaderName), "The parameter's name.")
            .as_required()
            .with_example(T("api_key")),
    ],
};
