//! `deployer venue`

use clap::{Args, Subcommand, ValueEnum};

/// `deployer venue`
#[derive(Debug, Subcommand)]
pub enum VenueCommand {
    /// List the venues with status, schedule and destination, and their blockers with owner, next step and age
    List,
    /// Add a venue to the manifest; on a terminal, asks for what isn't given
    Add(Box<VenueAddArgs>),
    /// Disable a venue's rule at the next apply; everything stays deployed
    Pause {
        /// The venue
        venue: String,
    },
    /// Enable a paused venue's rule at the next apply
    Resume {
        /// The venue
        venue: String,
    },
    /// Mark a venue as blocked; the next apply removes its resources. Run it again to change the blocker
    Block(VenueBlockArgs),
    /// Remove a venue's blocker
    Unblock {
        /// The venue
        venue: String,
        /// Its new status; asked for on a terminal
        #[arg(long, value_enum)]
        status: Option<DeployedStatus>,
    },
}

/// Whether the rule of a deployed venue fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeployedStatus {
    /// Its rule fires
    Active,
    /// Its rule is disabled
    Paused,
}

/// Where leads go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DestinationKind {
    /// A Tripleseat account
    Tripleseat,
    /// Any JSON API that takes a lead as one POST
    Http,
}

/// `deployer venue add`
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

/// Where a new venue's credentials come from: env:NAME, file:PATH, cmd:PROGRAM ARGS or managed, never the value itself.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// Reference to the token of HubSpot's private app (default: env:VENUE_HUBSPOT_TOKEN, with the venue's name)
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

/// `deployer venue block`
#[derive(Debug, Args)]
pub struct VenueBlockArgs {
    /// The venue
    pub venue: String,
    /// What blocks it; asked for on a terminal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who takes the next step
    #[arg(long, value_name = "WHO")]
    pub owner: Option<String>,
    /// The next step
    #[arg(long, value_name = "TEXT")]
    pub next_step: Option<String>,
    /// Since when (default: today)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub since: Option<jiff::civil::Date>,
}
