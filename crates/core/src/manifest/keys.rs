//! Every key that a manifest may have: the single description behind both the checks and the JSON Schema.

use super::format::Format;

/// A table and its keys.
pub(super) struct Table {
    pub(super) doc: &'static str,
    pub(super) keys: &'static [Key],
}

/// A key, its allowed values, and its purpose.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) value: Value,
    pub(super) required: bool,
    pub(super) default: Option<Literal>,
    pub(super) example: Option<Literal>,
}

/// A default or example value.
#[derive(Clone, Copy)]
pub(super) enum Literal {
    Text(&'static str),
    Integer(i64),
    Bool(bool),
}

/// What a value may be.
pub(super) enum Value {
    Text(Format),
    OneOf(&'static [&'static str]),
    Integer {
        min: i64,
        max: i64,
    },
    IntegerOneOf(&'static [i64]),
    Bool,
    Date,
    Table(&'static Table),
    /// A table whose keys are names chosen by the user, each holding a table of this shape.
    Named(&'static Table),
    /// A table whose keys depend on its `kind`.
    Kinds(&'static [(&'static str, &'static Table)]),
    /// A table from destination fields to mapping expressions.
    Mapping,
}

impl Table {
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn key(name: &'static str, value: Value, doc: &'static str) -> Key {
    Key { name, doc, value, required: false, default: None, example: None }
}

impl Key {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn default(mut self, value: Literal) -> Self {
        self.default = Some(value);
        self
    }

    const fn example(mut self, value: Literal) -> Self {
        self.example = Some(value);
        self
    }
}

use Literal::{Bool as B, Integer as I, Text as T};

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

pub(super) static ROOT: Table = Table {
    doc: "What is deployed for each venue: one Lambda function, secret, role, log group and EventBridge rule.",
    keys: &[
        key("deployment", Value::Table(&DEPLOYMENT), "The owner of every managed resource, and its location.")
            .required(),
        key("hubspot", Value::Table(&HUBSPOT), "The HubSpot portal that all venues share."),
        key("defaults", Value::Table(&DEFAULTS), "Settings for every venue that doesn't override them."),
        key("venues", Value::Named(&VENUE), "The venues, by name. A name has letters, digits, - and _."),
    ],
};

pub(super) static DEPLOYMENT: Table = Table {
    doc: "The owner of every managed resource, and its location.",
    keys: &[
        key("name", Value::Text(Format::Name), "Prefix of every name, and owner tag of every managed resource.")
            .required()
            .example(T("venue-sync")),
        key("region", Value::Text(Format::Region), "AWS region.").required().example(T("us-east-1")),
        key(
            "account",
            Value::Text(Format::Account),
            "Guard: a run against any other AWS account is refused before the first write.",
        )
        .example(T("123456789012")),
        key(
            "recovery_window_days",
            Value::Integer { min: 7, max: 30 },
            "How many days the secret of a removed venue can still be restored.",
        )
        .default(I(DEFAULT_RECOVERY_WINDOW_DAYS as i64)),
    ],
};

/// The longest recovery window that Secrets Manager offers.
pub(super) const DEFAULT_RECOVERY_WINDOW_DAYS: u32 = 30;

pub(super) static HUBSPOT: Table = Table {
    doc: "The HubSpot portal that all venues share.",
    keys: &[
        key(
            "portal_id",
            Value::Integer { min: 1, max: MAX_ID },
            "Guard: a token of any other portal is refused, at plan and at each run.",
        )
        .example(I(1_234_567)),
        key(
            "token",
            Value::Text(Format::SecretRef),
            "Used only by the deployer, for properties and checks. Without it, create the properties by hand.",
        )
        .example(T("env:HUBSPOT_ADMIN_TOKEN")),
        key(
            "base_uri",
            Value::Text(Format::BaseUri),
            "Base URL of HubSpot's API. Plain http is allowed only for this machine.",
        )
        .default(T(sync_config::config::HUBSPOT_BASE_URI)),
        key(
            "test_domain",
            Value::Text(Format::Domain),
            "Domain of the e-mail address of `deployer verify`'s test contact. Mail to it must not reach anybody.",
        )
        .default(T(DEFAULT_TEST_DOMAIN)),
    ],
};

macro_rules! shared_venue_keys {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            key("schedule", Value::Text(Format::Schedule), "When it runs: an EventBridge rate(...) or cron(...), in UTC.")
                .default(T(DEFAULT_SCHEDULE)),
            key("architecture", Value::OneOf(&["x86_64", "arm64"]), "Processor architecture of the function.")
                .default(T("x86_64")),
            key("memory_mb", Value::Integer { min: 128, max: 10_240 }, "Memory of the function, in MB.")
                .default(I(DEFAULT_MEMORY_MB as i64)),
            key("timeout", Value::Text(Format::Timeout), "Timeout of one run, 1s to 15m, no longer than the schedule's interval.")
                .default(T(DEFAULT_TIMEOUT)),
            key("log_retention_days", Value::IntegerOneOf(LOG_RETENTION_DAYS), "How many days CloudWatch keeps the logs.")
                .default(I(DEFAULT_LOG_RETENTION_DAYS as i64)),
            key("on_ambiguous", Value::OneOf(&["needs_review", "resend"]), "What happens to a contact that may or may not have become a lead.")
                .default(T("needs_review")),
            key("protect", Value::Bool, "Whether removing the venue is refused.").default(B(false)),
        ]
    };
}

pub(super) static DEFAULTS: Table =
    Table { doc: "Settings for every venue that doesn't override them.", keys: shared_venue_keys![] };

pub(super) static VENUE: Table = Table {
    doc: "One venue.",
    keys: shared_venue_keys![
        key(
            "display_name",
            Value::Text(Format::DisplayName),
            "Display name. The checkbox in HubSpot is labeled \"Tripleseat Sync - \" followed by this name."
        )
        .required()
        .example(T("Venue A")),
        key(
            "status",
            Value::OneOf(&["active", "paused", "blocked"]),
            "active; paused (the rule is disabled); or blocked (nothing is deployed)."
        )
        .default(T("active")),
        key("blocker", Value::Table(&BLOCKER), "What a blocked venue is waiting for."),
        key(
            "flag_property",
            Value::Text(Format::FlagProperty),
            "Internal name of the flag property in HubSpot. By default, tripleseat_sync__ followed by the venue's name."
        )
        .example(T("tripleseat_sync__venue_a")),
        key(
            "canary",
            Value::Bool,
            "Whether a new artifact goes here first; if it fails here, the other venues keep theirs. At most one venue."
        )
        .default(B(false)),
        key("secrets", Value::Table(&SECRETS), "References to the venue's credentials. A blocked venue needs none."),
        key("destination", Value::Kinds(&DESTINATIONS), "Where the leads go.").required(),
        key(
            "fields",
            Value::Mapping,
            "Destination field = HubSpot property, \"{template}\" or \"=constant\", in addition to the destination's defaults."
        ),
    ],
};

pub(super) static BLOCKER: Table = Table {
    doc: "What a blocked venue is waiting for.",
    keys: &[
        key("reason", Value::Text(Format::Plain), "What is blocking the venue.")
            .required()
            .example(T("The platform issues no API token to smaller operators")),
        key("owner", Value::Text(Format::Plain), "Who takes the next step.").example(T("ops@example.com")),
        key("next_step", Value::Text(Format::Plain), "The next step.")
            .example(T("Vendor developer confirms the field mapping")),
        key("since", Value::Date, "The date since which it is blocked.").example(T("2025-09-15")),
    ],
};

pub(super) static SECRETS: Table = Table {
    doc: "References to the venue's credentials: env:NAME, file:PATH, cmd:PROGRAM ARGS or managed.",
    keys: &[
        key(
            "hubspot_token",
            Value::Text(Format::SecretRef),
            "Token of a HubSpot private app. One app per venue isolates best.",
        )
        .example(T("env:VENUE_A_HUBSPOT_TOKEN")),
        key("tripleseat_public_key", Value::Text(Format::SecretRef), "Tripleseat's public key, used to create leads.")
            .example(T("env:VENUE_A_TRIPLESEAT_PUBLIC_KEY")),
        key(
            "tripleseat_client_id",
            Value::Text(Format::SecretRef),
            "OAuth client in Tripleseat, used to look up leads whose response was lost.",
        )
        .example(T("env:VENUE_A_TRIPLESEAT_CLIENT_ID")),
        key("tripleseat_client_secret", Value::Text(Format::SecretRef), "Secret of the OAuth client.")
            .example(T("env:VENUE_A_TRIPLESEAT_CLIENT_SECRET")),
        key(
            "destination_credential",
            Value::Text(Format::SecretRef),
            "Credential of an http destination that has auth.",
        )
        .example(T("env:MARINA_CREDENTIAL")),
    ],
};

pub(super) static DESTINATIONS: [(&str, &Table); 2] = [("tripleseat", &TRIPLESEAT), ("http", &HTTP)];

const KIND: Key = key("kind", Value::Text(Format::Plain), "Which kind it is.").required();

pub(super) static TRIPLESEAT: Table = Table {
    doc: "A Tripleseat account.",
    keys: &[
        KIND,
        key(
            "base_uri",
            Value::Text(Format::BaseUri),
            "Base URL of Tripleseat's API. Plain http is allowed only for this machine.",
        )
        .default(T(sync_config::config::TRIPLESEAT_BASE_URI)),
        key(
            "location_id",
            Value::Integer { min: 1, max: MAX_ID },
            "Required if the account has more than one location.",
        )
        .example(I(12_345)),
        key("lead_form_id", Value::Integer { min: 1, max: MAX_ID }, "The lead form whose rules apply.").example(I(678)),
        key(
            "site_id",
            Value::Integer { min: 1, max: MAX_ID },
            "Guard: the site that the OAuth credentials must give access to.",
        )
        .example(I(90)),
    ],
};

pub(super) static HTTP: Table = Table {
    doc: "Any JSON API that accepts a lead as a single POST.",
    keys: &[
        KIND,
        key("url", Value::Text(Format::Url), "Where the lead is posted. Plain http is allowed only for this machine.")
            .required()
            .example(T("https://platform.example.com/internal/leads")),
        key("auth", Value::Kinds(&AUTHS), "How destination_credential is sent."),
        key(
            "success_pointer",
            Value::Text(Format::JsonPointer),
            "JSON pointer into the response. The lead counts as accepted only if it points to a value other than false or null.",
        )
        .example(T("/ok")),
        key("id_pointer", Value::Text(Format::JsonPointer), "JSON pointer to the new record's ID in the response.")
            .example(T("/data/id")),
        key(
            "lookup_url",
            Value::Text(Format::LookupUrl),
            "URL of a GET that finds a record by the attempt's key: {key} and {contact_id} are filled in.",
        )
        .example(T("https://platform.example.com/internal/leads?reference={key}")),
        key(
            "lookup_id_pointer",
            Value::Text(Format::JsonPointer),
            "JSON pointer to the found record's ID in the lookup response.",
        )
        .example(T("/results/0/id")),
        key("requests_per_second", Value::Integer { min: 1, max: 1000 }, "How many requests per second the platform allows.")
            .example(I(5)),
    ],
};

pub(super) static AUTHS: [(&str, &Table); 4] =
    [("bearer", &AUTH_BEARER), ("basic", &AUTH_BASIC), ("header", &AUTH_HEADER), ("query", &AUTH_QUERY)];

static AUTH_BEARER: Table = Table { doc: "Authorization: Bearer, followed by the credential.", keys: &[KIND] };
static AUTH_BASIC: Table = Table { doc: "Authorization: Basic; the credential is user:password.", keys: &[KIND] };
static AUTH_HEADER: Table = Table {
    doc: "A header with the credential as its value.",
    keys: &[
        KIND,
        key("name", Value::Text(Format::HeaderName), "The header's name.").required().example(T("X-Api-Key")),
    ],
};
static AUTH_QUERY: Table = Table {
    doc: "A query parameter with the credential as its value.",
    keys: &[
        KIND,
        key("name", Value::Text(Format::HeaderName), "The parameter's name.").required().example(T("api_key")),
    ],
};
