//! The configuration of a venue's function: its environment variables, including `SYNC_CONFIG`, which is JSON.
//!
//! The deployer writes these types into a function's environment and the function reads them back, so both sides
//! agree by construction. A venue is configuration only: nothing else distinguishes one venue from another.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metrics::MetricsLevel;

/// Environment variable with the venue's name as written in the manifest.
pub const ENV_VENUE: &str = "VENUE";
/// Environment variable with the internal name of the venue's flag property in HubSpot.
pub const ENV_FLAG_PROPERTY: &str = "HUBSPOT_FLAG_PROPERTY";
/// Environment variable with the base URL of HubSpot's API.
pub const ENV_HUBSPOT_BASE_URI: &str = "HUBSPOT_BASE_URI";
/// Environment variable with the base URL of Tripleseat's API.
pub const ENV_TRIPLESEAT_BASE_URI: &str = "TRIPLESEAT_BASE_URI";
/// Environment variable with the ARN of the venue's secret. Absent outside AWS.
pub const ENV_SECRET_ARN: &str = "SECRET_ARN";
/// Environment variable with [`SyncConfig`] as JSON. If it is unset, the defaults apply.
pub const ENV_SYNC_CONFIG: &str = "SYNC_CONFIG";
/// The `source` of the events of a venue's schedule in EventBridge Scheduler. Those of a rule have AWS's own.
pub const SCHEDULE_SOURCE: &str = "deployer.scheduler";
/// Environment variable that overrides the timeout of each vendor request, in milliseconds. It is for tests of what
/// happens to contacts when no response comes; the deployer never sets it.
pub const ENV_ANSWER_TIMEOUT_MS: &str = "SYNC_ANSWER_TIMEOUT_MS";
/// Environment variable that divides the pauses between attempts, for tests of what takes seconds; the deployer never
/// sets it.
pub const ENV_WAIT_DIVISOR: &str = "SYNC_WAIT_DIVISOR";
/// Environment variable with the function's name, which AWS Lambda sets.
pub const ENV_FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Environment variable with the name of the function's log group, which AWS Lambda sets.
pub const ENV_LOG_GROUP: &str = "AWS_LAMBDA_LOG_GROUP_NAME";

/// Names of the credentials: the keys of the secret's JSON object and, outside AWS, environment variables.
pub const KEY_HUBSPOT_TOKEN: &str = "HUBSPOT_TOKEN";
/// See [`KEY_HUBSPOT_TOKEN`].
pub const KEY_TRIPLESEAT_PUBLIC_KEY: &str = "TRIPLESEAT_PUBLIC_KEY";
/// See [`KEY_HUBSPOT_TOKEN`].
pub const KEY_TRIPLESEAT_CLIENT_ID: &str = "TRIPLESEAT_CLIENT_ID";
/// See [`KEY_HUBSPOT_TOKEN`].
pub const KEY_TRIPLESEAT_CLIENT_SECRET: &str = "TRIPLESEAT_CLIENT_SECRET";
/// The current access token of an OAuth consent. `deployer connect` writes it and the next three, and from then on only the
/// function does; they are never in the manifest.
pub const KEY_TRIPLESEAT_ACCESS_TOKEN: &str = "TRIPLESEAT_ACCESS_TOKEN";
/// The refresh token that belongs to [`KEY_TRIPLESEAT_ACCESS_TOKEN`]. It works once.
pub const KEY_TRIPLESEAT_REFRESH_TOKEN: &str = "TRIPLESEAT_REFRESH_TOKEN";
/// When [`KEY_TRIPLESEAT_ACCESS_TOKEN`] expires, as RFC 3339.
pub const KEY_TRIPLESEAT_TOKEN_EXPIRES_AT: &str = "TRIPLESEAT_TOKEN_EXPIRES_AT";
/// When somebody last consented with `deployer connect`, as RFC 3339.
pub const KEY_TRIPLESEAT_CONNECTED_AT: &str = "TRIPLESEAT_CONNECTED_AT";
/// The credential of an `http` destination (bearer token, header value, `user:password` or query key).
pub const KEY_DESTINATION_CREDENTIAL: &str = "DESTINATION_CREDENTIAL";

/// All credential names that a manifest can refer to.
pub const SECRET_KEYS: [&str; 5] = [
    KEY_HUBSPOT_TOKEN,
    KEY_TRIPLESEAT_PUBLIC_KEY,
    KEY_TRIPLESEAT_CLIENT_ID,
    KEY_TRIPLESEAT_CLIENT_SECRET,
    KEY_DESTINATION_CREDENTIAL,
];

/// Where HubSpot shows access tokens, for advice. New ones belong to service keys; private apps can no longer be created,
/// but the tokens of existing ones keep working.
/// <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/account-service-keys>
pub const HUBSPOT_TOKEN_PLACE: &str =
    "HubSpot (Development, Keys, Service keys; for a legacy private app: Settings, Integrations, Private Apps)";

/// HubSpot's public base URL.
pub const HUBSPOT_BASE_URI: &str = "https://api.hubapi.com";
/// Tripleseat's public base URL.
pub const TRIPLESEAT_BASE_URI: &str = "https://api.tripleseat.com";

/// Everything about a venue's sync that doesn't have its own environment variable. Unset members are omitted from the
/// JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncConfig {
    /// The portal that the HubSpot token must belong to; with any other, the run stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal_id: Option<u64>,
    /// Where the leads go.
    #[serde(skip_serializing_if = "DestinationConfig::is_default")]
    pub destination: DestinationConfig,
    /// Destination field to mapping expression, on top of the destination's defaults: see [`crate::mapping`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// What to do with a contact that may or may not have become a lead.
    #[serde(skip_serializing_if = "OnAmbiguous::is_default")]
    pub on_ambiguous: OnAmbiguous,
    /// What a tick means for a contact that became a lead longer ago than [`SyncConfig::retick_window`].
    #[serde(skip_serializing_if = "OnRetick::is_default")]
    pub on_retick: OnRetick,
    /// For how many seconds after a lead another tick is taken for the same request, and ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retick_window_s: Option<u32>,
    /// What to do with a contact for whose e-mail address the destination has a lead already.
    #[serde(skip_serializing_if = "OnExisting::is_default")]
    pub on_existing: OnExisting,
    /// The IANA time zone that times in leads are in; UTC if it isn't set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether a run needs a lease: nothing else keeps two runs of the venue from overlapping. A function that doesn't know
    /// this member refuses its configuration, so it never runs without one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lease: bool,
    /// How many venues of the portal start in the same minute, in a power of two; unset up to [`FEW_STARTS`]. Runs whose
    /// searches meet wait for as long as that many searches take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_together: Option<u32>,
    /// Which metrics a run writes.
    #[serde(skip_serializing_if = "MetricsLevel::is_default")]
    pub metrics: MetricsLevel,
}

/// So many venues of a portal may start in the same minute without being told of each other. Otherwise, another venue in the
/// manifest would change the functions of all.
pub const FEW_STARTS: u32 = 32;

/// What the names of the log streams start with that are leases of runs, in the log group of a function. No log line is ever
/// written to them.
pub const LEASE_STREAMS: &str = "lease/";

/// How long a tick after a lead is taken for the same request, unless the manifest says otherwise: a workflow may set a
/// flag several times, and no guest plans two events in a day.
pub const RETICK_WINDOW_S: u32 = 24 * 3600;

impl SyncConfig {
    /// How long after a lead another tick is taken for the same request.
    pub fn retick_window(&self) -> Duration {
        Duration::from_secs(self.retick_window_s.unwrap_or(RETICK_WINDOW_S).into())
    }
}

/// What to do with an ambiguous contact if its lead can't be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAmbiguous {
    /// The contact becomes `needs_review` and is never sent twice.
    #[default]
    NeedsReview,
    /// The contact is sent again; a duplicate is possible.
    Resend,
}

impl OnAmbiguous {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What another tick means for a contact that has become a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRetick {
    /// It becomes another lead.
    #[default]
    NewLead,
    /// Nothing; the flag is reset.
    Ignore,
    /// It becomes `needs_review`; ticked once more, it is sent.
    Review,
}

impl OnRetick {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What to do with a contact for whose e-mail address the destination has a lead already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExisting {
    /// Create a lead, without looking.
    #[default]
    Create,
    /// Look for such a lead first, and record it as the contact's. Needs OAuth.
    Link,
}

impl OnExisting {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a venue's leads go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DestinationConfig {
    /// A Tripleseat account. Its base URL is [`ENV_TRIPLESEAT_BASE_URI`].
    Tripleseat(TripleseatDestination),
    /// Any JSON API, for a venue on another platform.
    Http(HttpDestination),
}

impl DestinationConfig {
    /// Whether the function keeps a pair of tokens in its secret, so that it must be allowed to write it.
    pub fn rotates_tokens(&self) -> bool {
        matches!(self, Self::Tripleseat(place) if place.oauth == OAuthGrant::AuthorizationCode)
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for DestinationConfig {
    fn default() -> Self {
        Self::Tripleseat(TripleseatDestination::default())
    }
}

/// How Tripleseat's OAuth application gets access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OAuthGrant {
    /// With the application's id and secret alone, which not every account allows.
    #[default]
    ClientCredentials,
    /// With the consent of an admin of the account (`deployer connect`). The function keeps the pair of tokens in its
    /// secret and is the only one that renews it.
    AuthorizationCode,
}

impl OAuthGrant {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A place in a Tripleseat account, and what every lead of it says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TripleseatDestination {
    /// Required if the account has more than one location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<u64>,
    /// The lead form whose rules apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_form_id: Option<u64>,
    /// The site that the credentials must belong to; with any other, the run stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_id: Option<u64>,
    /// The lead source of leads whose mapping doesn't set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_source_id: Option<u64>,
    /// The referral source of leads whose mapping doesn't set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referral_source_id: Option<u64>,
    /// How leads are looked up, if there is an OAuth application.
    #[serde(skip_serializing_if = "OAuthGrant::is_default")]
    pub oauth: OAuthGrant,
}

/// A JSON API that accepts a lead as one `POST`. The keys of [`SyncConfig::fields`] are the members of the body, as
/// JSON pointers (`/lead/name`); a bare word is a top-level member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpDestination {
    /// Where the lead is posted.
    pub url: String,
    /// How the credential is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    /// A JSON pointer that must lead to a value other than `false` and `null` for the response to count as a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_pointer: Option<String>,
    /// A JSON pointer to the new record's id in the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_pointer: Option<String>,
    /// The URL of a `GET` that finds a record by the attempt's key: `{key}` and `{contact_id}` are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup_url: Option<String>,
    /// A JSON pointer to the found record's id in the lookup response; `null` or a missing value means that the lead
    /// was not received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup_id_pointer: Option<String>,
    /// Requests per second that the platform allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
}

/// How an `http` destination expects its credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HttpAuth {
    /// `Authorization: Bearer CREDENTIAL`
    Bearer,
    /// `Authorization: Basic …`; the credential is `user:password`.
    Basic,
    /// A header of this name with the credential as its value.
    Header {
        /// The header's name.
        name: String,
    },
    /// A query parameter of this name with the credential as its value.
    Query {
        /// The parameter's name.
        name: String,
    },
}

/// The names of one venue's five HubSpot properties, the only ones its function may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerProperties {
    /// The checkbox that staff tick (`tripleseat_sync__venue_a`).
    pub flag: String,
    /// Enumeration: `sending`, `synced`, `failed`, `needs_review`.
    pub status: String,
    /// The lead's id at the destination.
    pub lead_id: String,
    /// The vendor's message, if the contact failed or needs review.
    pub error: String,
    /// When the lead was created.
    pub synced_at: String,
}

impl LedgerProperties {
    /// The properties of `venue` with the flag property `flag`.
    pub fn new(venue: &str, flag: &str) -> Self {
        let slug = property_slug(venue);
        Self {
            flag: flag.to_owned(),
            status: format!("tripleseat_sync_status__{slug}"),
            lead_id: format!("tripleseat_lead_id__{slug}"),
            error: format!("tripleseat_sync_error__{slug}"),
            synced_at: format!("tripleseat_synced_at__{slug}"),
        }
    }
}

/// A venue's name as used in HubSpot property names, which allow lowercase letters, digits and `_`.
pub fn property_slug(venue: &str) -> String {
    venue.to_lowercase().replace('-', "_")
}

/// The flag property that a venue has by default.
pub fn default_flag_property(venue: &str) -> String {
    format!("tripleseat_sync__{}", property_slug(venue))
}
