//! Every key that a manifest may have: the one description that the checks and the JSON Schema both come from.

use super::format::Format;

/// A table and its keys.
pub(super) struct Table {
    pub(super) doc: &'static str,
    pub(super) keys: &'static [Key],
}

/// A key, what its value may be, and what it is for.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) value: Value,
    pub(super) required: bool,
    pub(super) default: Option<Literal>,
    pub(super) example: Option<Literal>,
}

/// A value in the description itself.
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
    /// A table whose keys are names of the user's, each with such a table.
    Named(&'static Table),
    /// A table whose keys depend on its `kind`.
    Kinds(&'static [(&'static str, &'static Table)]),
    /// A table of destination fields to mapping expressions.
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

/// Retention that CloudWatch takes: `RetentionInDays` of `PutRetentionPolicy`.
pub(super) const LOG_RETENTION_DAYS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) const DEFAULT_SCHEDULE: &str = "rate(5 minutes)";
pub(super) const DEFAULT_TIMEOUT: &str = "4m";
pub(super) const DEFAULT_MEMORY_MB: u32 = 128;
pub(super) const DEFAULT_LOG_RETENTION_DAYS: u32 = 30;

/// Nobody can receive mail there (RFC 2606, section 3), and HubSpot takes it.
pub(super) const DEFAULT_TEST_DOMAIN: &str = "example.com";

const MAX_ID: i64 = i64::MAX;

pub(super) static ROOT: Table = Table {
    doc: "What is deployed for each venue: one Lambda function, secret, role, log group and EventBridge rule.",
    keys: &[
        key("deployment", Value::Table(&DEPLOYMENT), "What owns everything that is managed, and where it is.")
            .required(),
        key("hubspot", Value::Table(&HUBSPOT), "The HubSpot portal that all venues share."),
        key("defaults", Value::Table(&DEFAULTS), "What holds for every venue that doesn't say otherwise."),
        key("venues", Value::Named(&VENUE), "The venues, by name. A name has letters, digits, - and _."),
    ],
};

pub(super) static DEPLOYMENT: Table = Table {
    doc: "What owns everything that is managed, and where it is.",
    keys: &[
        key("name", Value::Text(Format::Name), "Prefix of every name, and owner tag of everything that is managed.")
            .required()
            .example(T("venue-sync")),
        key("region", Value::Text(Format::Region), "AWS region.").required().example(T("us-east-1")),
        key("account", Value::Text(Format::Account), "Guard: any other AWS account is refused before the first write.")
            .example(T("123456789012")),
        key(
            "recovery_window_days",
            Value::Integer { min: 7, max: 30 },
            "Days in which the secret of a venue that was taken out can be restored.",
        )
        .default(I(DEFAULT_RECOVERY_WINDOW_DAYS as i64)),
    ],
};

/// The longest that Secrets Manager offers.
pub(super) const DEFAULT_RECOVERY_WINDOW_DAYS: u32 = 30;

pub(super) static HUBSPOT: Table = Table {
    doc: "The HubSpot portal that all venues share.",
    keys: &[
        key(
            "portal_id",
            Value::Integer { min: 1, max: MAX_ID },
            "Guard: a token of another portal is refused, at plan and at each run.",
        )
        .example(I(1_234_567)),
        key(
            "token",
            Value::Text(Format::SecretRef),
            "Used by the deployer only, for properties and checks. Without it the properties are made by hand.",
        )
        .example(T("env:HUBSPOT_ADMIN_TOKEN")),
        key(
            "base_uri",
            Value::Text(Format::BaseUri),
            "Base address of HubSpot's interface. Plain http only on this machine.",
        )
        .default(T(sync_config::config::HUBSPOT_BASE_URI)),
        key(
            "test_domain",
            Value::Text(Format::Domain),
            "Domain of the address that the test contact of `deployer verify` gets. Mail to it must reach nobody.",
        )
        .default(T(DEFAULT_TEST_DOMAIN)),
    ],
};

macro_rules! shared_venue_keys {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            key("schedule", Value::Text(Format::Schedule), "When it runs: EventBridge's rate(...) or cron(...), in UTC.")
                .default(T(DEFAULT_SCHEDULE)),
            key("architecture", Value::OneOf(&["x86_64", "arm64"]), "Processor architecture of the function.")
                .default(T("x86_64")),
            key("memory_mb", Value::Integer { min: 128, max: 10_240 }, "Memory of the function in MB.")
                .default(I(DEFAULT_MEMORY_MB as i64)),
            key("timeout", Value::Text(Format::Timeout), "Time limit of one run, 1s to 15m, not longer than the schedule's interval.")
                .default(T(DEFAULT_TIMEOUT)),
            key("log_retention_days", Value::IntegerOneOf(LOG_RETENTION_DAYS), "Days for which CloudWatch keeps the logs.")
                .default(I(DEFAULT_LOG_RETENTION_DAYS as i64)),
            key("on_ambiguous", Value::OneOf(&["needs_review", "resend"]), "What is done with a contact of which it isn't known whether its lead was taken.")
                .default(T("needs_review")),
            key("protect", Value::Bool, "Whether the venue's removal is refused.").default(B(false)),
        ]
    };
}

pub(super) static DEFAULTS: Table =
    Table { doc: "What holds for every venue that doesn't say otherwise.", keys: shared_venue_keys![] };

pub(super) static VENUE: Table = Table {
    doc: "One venue.",
    keys: shared_venue_keys![
        key(
            "display_name",
            Value::Text(Format::DisplayName),
            "What people call it. The tick box in HubSpot is labelled \"Tripleseat Sync - \" and this."
        )
        .required()
        .example(T("Venue A")),
        key(
            "status",
            Value::OneOf(&["active", "paused", "blocked"]),
            "active; paused: the rule is disabled; blocked: nothing is deployed."
        )
        .default(T("active")),
        key("blocker", Value::Table(&BLOCKER), "What a blocked venue waits for."),
        key(
            "flag_property",
            Value::Text(Format::FlagProperty),
            "Internal name of the flag property in HubSpot. Without it tripleseat_sync__ and the venue's name."
        )
        .example(T("tripleseat_sync__venue_a")),
        key(
            "canary",
            Value::Bool,
            "Whether a new artifact goes here first; if that fails, the other venues keep theirs. At most one venue."
        )
        .default(B(false)),
        key("secrets", Value::Table(&SECRETS), "References to the venue's credentials. A blocked venue needs none."),
        key("destination", Value::Kinds(&DESTINATIONS), "Where the leads go.").required(),
        key(
            "fields",
            Value::Mapping,
            "Destination field = HubSpot property, \"{template}\" or \"=constant\", on top of the destination's defaults."
        ),
    ],
};

pub(super) static BLOCKER: Table = Table {
    doc: "What a blocked venue waits for.",
    keys: &[
        key("reason", Value::Text(Format::Plain), "What stands in the way.")
            .required()
            .example(T("The platform issues no API token to smaller operators")),
        key("owner", Value::Text(Format::Plain), "Who takes the next step.").example(T("ops@example.com")),
        key("next_step", Value::Text(Format::Plain), "The next step.")
            .example(T("Vendor developer confirms the field mapping")),
        key("since", Value::Date, "Since when.").example(T("2025-09-15")),
    ],
};

pub(super) static SECRETS: Table = Table {
    doc: "References to the venue's credentials: env:NAME, file:PATH, cmd:PROGRAM ARGS or managed.",
    keys: &[
        key(
            "hubspot_token",
            Value::Text(Format::SecretRef),
            "Token of a private app in HubSpot; one app for each venue isolates best.",
        )
        .example(T("env:VENUE_A_HUBSPOT_TOKEN")),
        key(
            "tripleseat_public_key",
            Value::Text(Format::SecretRef),
            "Tripleseat's public key, with which leads are made.",
        )
        .example(T("env:VENUE_A_TRIPLESEAT_PUBLIC_KEY")),
        key(
            "tripleseat_client_id",
            Value::Text(Format::SecretRef),
            "OAuth client in Tripleseat, with which ambiguous leads are looked up.",
        )
        .example(T("env:VENUE_A_TRIPLESEAT_CLIENT_ID")),
        key("tripleseat_client_secret", Value::Text(Format::SecretRef), "Secret of the OAuth client.")
            .example(T("env:VENUE_A_TRIPLESEAT_CLIENT_SECRET")),
        key("destination_credential", Value::Text(Format::SecretRef), "Credential of an http destination with auth.")
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
            "Base address of Tripleseat's interface. Plain http only on this machine.",
        )
        .default(T(sync_config::config::TRIPLESEAT_BASE_URI)),
        key(
            "location_id",
            Value::Integer { min: 1, max: MAX_ID },
            "Required where the account has more than one location.",
        )
        .example(I(12_345)),
        key("lead_form_id", Value::Integer { min: 1, max: MAX_ID }, "The lead form whose rules apply.").example(I(678)),
        key("site_id", Value::Integer { min: 1, max: MAX_ID }, "Guard: the site that the OAuth credentials must open.")
            .example(I(90)),
    ],
};

pub(super) static HTTP: Table = Table {
    doc: "Any JSON interface that takes a lead as one POST.",
    keys: &[
        KIND,
        key("url", Value::Text(Format::Url), "Where the lead is posted. Plain http only on this machine.")
            .required()
            .example(T("https://platform.example.com/internal/leads")),
        key("auth", Value::Kinds(&AUTHS), "How destination_credential is sent."),
        key(
            "success_pointer",
            Value::Text(Format::JsonPointer),
            "JSON pointer that must lead to a value other than false and null for a success.",
        )
        .example(T("/ok")),
        key("id_pointer", Value::Text(Format::JsonPointer), "JSON pointer to the new record's id in the answer.")
            .example(T("/data/id")),
        key(
            "lookup_url",
            Value::Text(Format::LookupUrl),
            "A GET that finds a record by the attempt's key: {key} and {contact_id} are filled in.",
        )
        .example(T("https://platform.example.com/internal/leads?reference={key}")),
        key(
            "lookup_id_pointer",
            Value::Text(Format::JsonPointer),
            "JSON pointer to the found record's id in the look-up's answer.",
        )
        .example(T("/results/0/id")),
        key("requests_per_second", Value::Integer { min: 1, max: 1000 }, "Requests a second that the platform allows.")
            .example(I(5)),
    ],
};

pub(super) static AUTHS: [(&str, &Table); 4] =
    [("bearer", &AUTH_BEARER), ("basic", &AUTH_BASIC), ("header", &AUTH_HEADER), ("query", &AUTH_QUERY)];

static AUTH_BEARER: Table = Table { doc: "Authorization: Bearer and the credential.", keys: &[KIND] };
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
