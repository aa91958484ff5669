//! The table of error codes: what `error[code]: …` shows, `--json` has as `code`, and `deployer explain` explains.

use std::fmt;

use serde::{Serialize, Serializer};

/// The handbook of errors: a section for each code. `deployer explain` prints its sections.
pub const HANDBOOK: &str = include_str!("../../../../docs/errors.md");

macro_rules! error_codes {
    ($($(#[$doc:meta])+ $variant:ident = $text:literal,)+) => {
        /// What kind of error it is. Its text is stable across versions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])+ $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of this table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is written in messages, in JSON, and as the anchor of its section.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

error_codes! {
    // The command line, and files on this machine.
    /// A mistake in the command line.
    CommandLine = "command_line",
    /// Something has to be asked, and there is no terminal.
    NoTerminal = "no_terminal",
    /// Somebody said no, or nothing.
    Canceled = "canceled",
    /// A file couldn't be read.
    FileUnreadable = "file_unreadable",
    /// A file couldn't be written.
    FileUnwritable = "file_unwritable",
    /// A file is there already.
    FileExists = "file_exists",
    /// Standard output couldn't be written.
    Output = "output",
    /// This machine denied something that every program needs.
    System = "system",
    /// Another process works in the same directory.
    InUse = "in_use",
    /// Somebody else changed the same thing at the same time.
    ChangedMeanwhile = "changed_meanwhile",
    /// A mistake of ours.
    Internal = "internal",

    // The manifest as a whole.
    /// The manifest has mistakes, which were listed before.
    Manifest = "manifest",
    /// The manifest doesn't exist.
    NotFound = "not_found",
    /// The manifest couldn't be read.
    Unreadable = "unreadable",
    /// The manifest isn't UTF-8.
    NotUtf8 = "not_utf8",
    /// The manifest is empty.
    Empty = "empty",
    /// The manifest isn't TOML.
    Syntax = "syntax",
    /// There are more mistakes than are listed.
    More = "more",
    /// This command can't edit what the manifest says in an unusual way.
    NotEditable = "not_editable",

    // Keys and values of the manifest.
    /// A key is set twice.
    DuplicateKey = "duplicate_key",
    /// A key that doesn't exist here.
    UnknownKey = "unknown_key",
    /// A required key is missing.
    MissingKey = "missing_key",
    /// A value of the wrong type.
    Type = "type",
    /// A value that isn't allowed.
    Value = "value",
    /// A name that isn't one.
    Name = "name",
    /// A name that becomes too long in AWS.
    NameTooLong = "name_too_long",
    /// A kind of destination that doesn't exist.
    Kind = "kind",
    /// An address that isn't one, or isn't safe.
    Address = "address",
    /// A duration that isn't one.
    Duration = "duration",
    /// A schedule that EventBridge would refuse.
    Schedule = "schedule",
    /// A schedule whose last firing is over.
    ScheduleEnded = "schedule_ended",
    /// Addresses for a topic that isn't the deployment's own.
    AlarmsEmail = "alarms_email",
    /// A topic that alarms of this region can't publish to.
    AlarmsTopicRegion = "alarms_topic_region",
    /// A digest that nothing could start.
    AlarmsDigest = "alarms_digest",
    /// Alarms on metrics that aren't written.
    AlarmsNeedMetrics = "alarms_need_metrics",
    /// A time zone that doesn't exist, or is missing.
    Timezone = "timezone",
    /// A timeout that doesn't fit into the interval.
    Timeout = "timeout",
    /// Tags that AWS refuses.
    Tag = "tag",
    /// Something of another region.
    Region = "region",
    /// A region that this version doesn't know.
    UnknownRegion = "unknown_region",
    /// A reference to a secret that isn't one.
    SecretReference = "secret_reference",
    /// A credential that a venue needs isn't declared.
    MissingSecret = "missing_secret",
    /// A credential that nothing uses.
    UselessSecret = "useless_secret",
    /// A mapping that isn't one.
    Mapping = "mapping",
    /// A field that leads don't have.
    UnknownField = "unknown_field",
    /// Linking to leads needs OAuth.
    OnExisting = "on_existing",
    /// The settings of a venue are too long for Lambda.
    EnvironmentTooLong = "environment_too_long",

    // Venues in the manifest.
    /// The manifest has no venues.
    NoVenue = "no_venue",
    /// A venue is declared twice.
    DuplicateVenue = "duplicate_venue",
    /// A blocked venue doesn't say why.
    Blocker = "blocker",
    /// Nobody owns a blocker.
    BlockerWithoutOwner = "blocker_without_owner",
    /// A blocker of a venue that isn't blocked.
    BlockerUnused = "blocker_unused",
    /// More than one canary, or one that can't be.
    Canary = "canary",
    /// Two venues would have the same names in AWS.
    SharedName = "shared_name",
    /// Two venues look the same to staff.
    SharedDisplayName = "shared_display_name",
    /// Two venues have the same flag.
    SharedFlag = "shared_flag",
    /// Two venues send to the same place.
    SharedDestination = "shared_destination",
    /// Two venues have the same token.
    SharedHubspotToken = "shared_hubspot_token",
    /// Two venues are locations of one account.
    SharedTripleseatAccount = "shared_tripleseat_account",

    // Venues on the command line.
    /// No venue has this name.
    UnknownVenue = "unknown_venue",
    /// A venue has this name already.
    VenueExists = "venue_exists",
    /// The venue's status or protection doesn't allow this.
    VenueStatus = "venue_status",
    /// The venue's leads don't go to Tripleseat, or its look-ups need no consent.
    NoTripleseat = "no_tripleseat",
    /// The venue isn't deployed.
    NotDeployed = "not_deployed",
    /// The manifest declares no alarms.
    NoAlarms = "no_alarms",

    // AWS.
    /// Whose credentials these are is unknown.
    AwsAccount = "aws_account",
    /// The credentials are for another account or region.
    WrongAccount = "wrong_account",
    /// A call to AWS failed.
    AwsCall = "aws_call",
    /// Something in AWS couldn't be read, so nothing was changed.
    Incomplete = "incomplete",
    /// Another apply is running.
    Locked = "locked",
    /// The account's quotas are used up.
    Quota = "quota",

    // Plans.
    /// The saved plan no longer fits.
    StalePlan = "stale_plan",
    /// The file isn't a saved plan.
    NotAPlan = "not_a_plan",
    /// An apply never deletes every venue.
    NoVenuesLeft = "no_venues_left",
    /// The plan deletes more than `--max-delete` allows.
    TooManyDeletions = "too_many_deletions",
    /// Somebody else owns the resource.
    NotOurs = "not_ours",
    /// Another resource or deployment is in the way of the plan.
    Conflict = "conflict",
    /// A mapping reads a property that HubSpot doesn't have.
    UnknownProperty = "unknown_property",
    /// There is no version to roll back to, or nothing to unpin.
    Rollback = "rollback",
    /// The deployment can't be moved like this.
    Move = "move",

    // Vendors.
    /// The proxy's or certificates' settings can't be used.
    Network = "network",
    /// There is no token for HubSpot.
    HubspotToken = "hubspot_token",
    /// HubSpot refused a request, or didn't answer.
    HubspotCall = "hubspot_call",
    /// The token is for another portal.
    WrongPortal = "wrong_portal",
    /// A flag that contacts can't be moved from or to.
    Flag = "flag",
    /// Tripleseat refused a request, or didn't answer.
    TripleseatCall = "tripleseat_call",
    /// The OAuth application is for another account of Tripleseat.
    WrongSite = "wrong_site",
    /// Reading leads needs OAuth.
    OauthNeeded = "oauth_needed",
    /// Nobody consented.
    Consent = "consent",

    // Secrets.
    /// A reference has no value here.
    SecretValue = "secret_value",
    /// The secret in AWS is missing, deleted or unusable.
    SecretState = "secret_state",
    /// The venue has no credential of this name.
    UnknownCredential = "unknown_credential",

    // The function.
    /// The artifact can't run in Lambda.
    Artifact = "artifact",
    /// A tool for the build is missing.
    BuildTools = "build_tools",
    /// The build failed.
    Build = "build",
    /// A run of the function failed.
    RunFailed = "run_failed",
    /// The go-live test couldn't start or clean up.
    Verify = "verify",

    // Clearing up.
    /// The file isn't an audit, or too old.
    AuditFile = "audit_file",
    /// The account isn't as it was audited.
    AuditChanged = "audit_changed",
    /// The resource can't be decommissioned.
    NotRemovable = "not_removable",
    /// The directory isn't an archive, or can't be used.
    Archive = "archive",
    /// The archive's files were changed.
    ArchiveChanged = "archive_changed",
    /// The archive doesn't have this resource.
    NotArchived = "not_archived",
    /// What was archived isn't enough to restore from.
    ArchiveLoss = "archive_loss",

    // This machine.
    /// The local cloud's state can't be used.
    LocalCloud = "local_cloud",
    /// `deployer dev` isn't running, or not as it's needed.
    DevNotRunning = "dev_not_running",
    /// `deployer dev` couldn't start.
    Dev = "dev",
    /// The file of contacts isn't one.
    ContactsFile = "contacts_file",
}

impl ErrorCode {
    /// The code that somebody wrote, with `-` or `_`, in brackets or not, in any case.
    pub fn parse_code(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches("error").trim_matches(['[', ']']);
        let text = text.to_ascii_lowercase().replace('-', "_");
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// The code's section of the handbook, without its heading. A test holds that every code has one.
    pub fn handbook_section(self) -> Option<&'static str> {
        handbook_sections().find(|(code, _)| *code == self.as_str()).map(|(_, text)| text)
    }
}

/// The sections of the handbook: what the heading names, and the text below it.
pub fn handbook_sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    HANDBOOK.split("\n### ").skip(1).map(|section| {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        // The next group's heading ends the section too.
        (heading.trim(), text.split("\n## ").next().unwrap_or_default().trim())
    })
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
