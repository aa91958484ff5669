//! The manifest after it has been read and found valid.

use std::fmt;
use std::path::PathBuf;

use jiff::Unit;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sync_config::config::{
    DestinationConfig as SyncDestination, OnAmbiguous, OnExisting, OnRetick, RETICK_WINDOW_S, SyncConfig,
};
use sync_config::mapping::LeadMapping;
use sync_config::metrics::MetricsLevel;

use super::alarms::AlarmSettings;
use super::company::CompanyRules;
use super::schedule::SchedulePattern;
use super::value::WordValue;
use crate::naming::{RolePlace, SHARED_VENUE};
use crate::resource::StringMap;

/// A valid manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Where it was read from.
    pub path: PathBuf,
    /// The `[deployment]` table.
    pub deployment: Deployment,
    /// The `[hubspot]` table.
    pub hubspot: HubSpotSettings,
    /// The `[alarms]` table, if there is one.
    pub alarms: Option<AlarmSettings>,
    /// The venues, in the order of the file. `[defaults]` are applied.
    pub venues: Vec<Venue>,
}

impl Manifest {
    /// The references of a venue's secret, or of the one that belongs to all venues, by key. `None` if nothing of that name is
    /// declared.
    pub fn secret_references(&self, owner: &str) -> Option<&[(String, SecretRef)]> {
        if owner == SHARED_VENUE {
            let alarms = self.alarms.as_ref().filter(|alarms| alarms.need_function());
            return alarms.map(|alarms| alarms.webhooks.as_slice());
        }
        self.venues.iter().find(|venue| venue.name == owner).map(|venue| venue.secrets.as_slice())
    }
}

/// The owner of every managed resource, and its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Prefix and owner tag of every managed resource.
    pub name: String,
    /// AWS region.
    pub region: String,
    /// Guard: a run against any other account is refused before the first write.
    pub account: Option<String>,
    /// What the IAM path of every role starts with.
    pub role_path: String,
    /// Other deployments with the same flags or destinations that are no reason to refuse: `NAME` or `NAME@REGION`.
    pub may_share_with: Vec<String>,
    /// How many days a deleted secret can still be restored.
    pub recovery_window_days: u32,
    /// Tags of every resource. Those of venues have them, too.
    pub tags: StringMap,
}

impl Deployment {
    /// Where its roles are.
    pub fn role_place(&self) -> RolePlace {
        RolePlace::new(&self.name, &self.region, &self.role_path)
    }
}

/// The HubSpot portal that all venues share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSpotSettings {
    /// Guard: a token of another portal is refused.
    pub portal_id: Option<u64>,
    /// Used only by the deployer, for properties and checks.
    pub token: Option<SecretRef>,
    /// Base URL, without a trailing slash.
    pub base_uri: String,
    /// Domain of the test contact's e-mail address in `deployer verify`.
    pub test_domain: String,
}

/// One venue, with the defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venue {
    /// Key of its table.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Whether and how it is deployed.
    pub status: Status,
    /// Why it isn't deployed. Always set when `status` is [`Status::Blocked`].
    pub blocker: Option<Blocker>,
    /// Internal name of its flag property in HubSpot.
    pub flag_property: String,
    /// When it runs.
    pub schedule: ScheduleExpression,
    /// Processor architecture of the function.
    pub architecture: Architecture,
    /// Memory of the function, in MB.
    pub memory_mb: u32,
    /// Timeout of one run, in seconds.
    pub timeout_s: u32,
    /// What keeps its runs from overlapping.
    pub reserved_concurrency: ReservedConcurrency,
    /// How many days CloudWatch keeps its logs.
    pub log_retention_days: u32,
    /// References to its credentials by key in the secret (`HUBSPOT_TOKEN` and so on), in the secret's order.
    pub secrets: Vec<(String, SecretRef)>,
    /// Tripleseat's base URL, without a trailing slash, if the destination is Tripleseat.
    pub tripleseat_base_uri: Option<String>,
    /// Where the leads go.
    pub destination: SyncDestination,
    /// How an admin connects the Tripleseat account, if its function looks up leads with their consent.
    pub oauth_consent: Option<OAuthConsent>,
    /// Destination fields with their mapping expressions; the destination's defaults are not included.
    pub fields: Vec<(String, String)>,
    /// What happens to a contact that may or may not have become a lead.
    pub on_ambiguous: OnAmbiguous,
    /// What a tick means for a contact that became a lead before.
    pub on_retick: OnRetick,
    /// For how many seconds after a lead another tick is ignored.
    pub retick_window_s: u32,
    /// What happens to a contact for whose e-mail address the destination has a lead already.
    pub on_existing: OnExisting,
    /// The IANA time zone of times in its leads; UTC if it isn't set.
    pub timezone: Option<String>,
    /// Which metrics its runs write.
    pub metrics: MetricsLevel,
    /// Whether removing it is refused.
    pub protect: bool,
    /// Whether a new artifact goes here first.
    pub canary: bool,
    /// What a company's account demands of its resources.
    pub company: CompanyRules,
    /// Tags of its resources, including those of the deployment.
    pub tags: StringMap,
}

impl Venue {
    /// The configuration of its function, apart from what has its own environment variable.
    pub fn sync_config(&self, hubspot: &HubSpotSettings) -> SyncConfig {
        SyncConfig {
            portal_id: hubspot.portal_id,
            destination: self.destination.clone(),
            fields: self.fields.iter().cloned().collect(),
            on_ambiguous: self.on_ambiguous,
            on_retick: self.on_retick,
            retick_window_s: Some(self.retick_window_s).filter(|window| *window != RETICK_WINDOW_S),
            on_existing: self.on_existing,
            timezone: self.timezone.clone(),
            // Set once it is known what its function has.
            lease: false,
            metrics: self.metrics,
            // Other venues decide it.
            starting_together: None,
        }
    }

    /// How its contacts become leads.
    ///
    /// # Errors
    /// What isn't valid, which the manifest's checks have reported.
    pub fn lead_mapping(&self) -> Result<LeadMapping, String> {
        LeadMapping::from_config(&SyncConfig {
            destination: self.destination.clone(),
            fields: self.fields.iter().cloned().collect(),
            timezone: self.timezone.clone(),
            ..SyncConfig::default()
        })
    }

    /// The HubSpot properties that its leads are made from and that a portal may lack.
    pub fn mapped_properties(&self) -> Vec<String> {
        // A manifest with an invalid mapping isn't loaded, so the error can't occur here.
        let mapping = self.lead_mapping();
        mapping.map(|mapping| mapping.mapped_properties().into_iter().map(str::to_owned).collect()).unwrap_or_default()
    }
}

/// What `deployer connect` asks an admin of the Tripleseat account to consent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthConsent {
    /// The application's redirect URL, exactly as it is registered in Tripleseat.
    pub redirect_uri: String,
    /// The scopes, separated by spaces.
    pub scopes: String,
}

/// Whether and how a venue is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Deployed, and its rule fires.
    Active,
    /// Deployed, and its rule is disabled.
    Paused,
    /// Nothing is deployed.
    Blocked,
}

/// What keeps runs of a venue from overlapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservedConcurrency {
    /// One execution is reserved for it, and so it has no second.
    One,
    /// Nothing is reserved. Each run takes a lease.
    Off,
    /// What its function has; if it is new, one execution is reserved if the account has room for that.
    #[default]
    Auto,
}

impl ReservedConcurrency {
    /// As in the manifest.
    pub fn as_str(self) -> &'static str {
        self.as_word()
    }
}

/// What a blocked venue is waiting for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// What is blocking it.
    pub reason: String,
    /// Who takes the next step.
    pub owner: Option<String>,
    /// The next step.
    pub next_step: Option<String>,
    /// Since when, as `YYYY-MM-DD`.
    pub since: Option<String>,
}

impl Blocker {
    /// Age in days at which a blocker is called out.
    pub const OLD_DAYS: i64 = 30;

    /// Its age in days: `None` if `since` is not set, 0 if it is in the future.
    pub fn age_days(&self, today: Date) -> Option<i64> {
        let since: Date = self.since.as_deref()?.parse().ok()?;
        let days = since.until((Unit::Day, today)).ok()?.get_days();
        Some(i64::from(days).max(0))
    }
}

/// A valid EventBridge schedule expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleExpression {
    /// The expression, as EventBridge accepts it.
    pub expression: String,
    /// The shortest time between two firings, in seconds; `None` if it fires only once.
    pub interval_s: Option<u64>,
    pub(super) pattern: SchedulePattern,
}

/// Processor architecture, under Lambda's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm (Graviton).
    Arm64,
}

impl Architecture {
    /// Lambda's name for it.
    pub fn as_str(self) -> &'static str {
        self.as_word()
    }
}

/// A reference to a secret value. The value itself is never in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`: an environment variable.
    Env(String),
    /// `file:PATH`: a file's content without its trailing line break; relative to the manifest.
    File(PathBuf),
    /// `cmd:PROGRAM ARGS`: what a program prints, such as a password manager's command line.
    Cmd(Vec<String>),
    /// `managed`: set with `deployer secret set`, or by hand.
    Managed,
}

/// As written in the manifest; [`SecretRef::parse`] reads it back.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Cmd(words) => {
                let words: Vec<String> = words.iter().map(|word| super::secret::quote_word(word)).collect();
                write!(f, "cmd:{}", words.join(" "))
            }
            Self::Managed => f.write_str("managed"),
        }
    }
}
