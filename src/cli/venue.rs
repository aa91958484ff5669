//! `deployer venue`

use clap::{Args, Subcommand, ValueEnum};

/// `deployer venue`
#[derive(Debug, Subcommand)]
pub enum VenueCommand {
    /// List the venues: status, schedule, destination; blocker, its owner, next step and age
    List,
    /// Add a venue to the manifest; on a terminal it asks for what isn't given
    Add(Box<VenueAdd>),
    /// Disable a venue's rule at the next apply; what is deployed stays
    Pause {
        /// The venue
        venue: String,
    },
    /// Enable a paused venue's rule at the next apply
    Resume {
        /// The venue
        venue: String,
    },
    /// Say that a venue waits for something; at the next apply what it has is removed. Again, it changes what is said
    Block(VenueBlock),
    /// Take a venue's blocker out
    Unblock {
        /// The venue
        venue: String,
        /// What it is from now on; asked for on a terminal
        #[arg(long, value_enum)]
        status: Option<Deployed>,
    },
}

/// Whether the rule of a venue that is deployed fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deployed {
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
    /// Any JSON interface that takes a lead as one POST
    Http,
}

/// `deployer venue add`
#[derive(Debug, Args)]
pub struct VenueAdd {
    /// Its name in the manifest, which stays as it is: letters, digits, - and _
    pub name: String,
    /// What people call it; in HubSpot staff tick "Tripleseat Sync - " and this
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    /// Where its leads go
    #[arg(long, value_enum, value_name = "KIND")]
    pub destination: Option<DestinationKind>,
    /// Tripleseat: the location, where the account has more than one
    #[arg(long, value_name = "ID")]
    pub location_id: Option<u64>,
    /// Tripleseat: the lead form whose rules apply
    #[arg(long, value_name = "ID")]
    pub lead_form_id: Option<u64>,
    /// Tripleseat: the site that the OAuth credentials must open
    #[arg(long, value_name = "ID")]
    pub site_id: Option<u64>,
    /// Tripleseat: another base address than the public one
    #[arg(long, value_name = "URI")]
    pub base_uri: Option<String>,
    /// http: where a lead is posted
    #[arg(long)]
    pub url: Option<String>,
    /// http: how the credential is sent: bearer, basic, header:NAME or query:NAME
    #[arg(long)]
    pub auth: Option<String>,
    /// Destination field = HubSpot property, "{template}" or "=constant" (can be given more than once)
    #[arg(long, value_name = "FIELD=FROM")]
    pub field: Vec<String>,
    /// When it runs, if not as the defaults say: rate(...) or cron(...), in UTC
    #[arg(long, value_name = "EXPRESSION")]
    pub schedule: Option<String>,
    /// Time limit of one run, if not as the defaults say
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Whether its rule fires
    #[arg(long, value_enum, default_value_t = Deployed::Active)]
    pub status: Deployed,
    /// Where credentials are to be had.
    #[command(flatten)]
    pub references: References,
}

/// Where a new venue's credentials are to be had: env:NAME, file:PATH, cmd:PROGRAM ARGS or managed, never a value.
#[derive(Debug, Args)]
pub struct References {
    /// Reference to the token of the private app in HubSpot (default: env:NAME_HUBSPOT_TOKEN, with its own name)
    #[arg(long, value_name = "REFERENCE")]
    pub hubspot_token: Option<String>,
    /// Reference to Tripleseat's public key (default: env:NAME_TRIPLESEAT_PUBLIC_KEY, with its own name)
    #[arg(long, value_name = "REFERENCE")]
    pub tripleseat_public_key: Option<String>,
    /// Reference to the id of Tripleseat's OAuth client
    #[arg(long, value_name = "REFERENCE", requires = "tripleseat_client_secret")]
    pub tripleseat_client_id: Option<String>,
    /// Reference to the secret of Tripleseat's OAuth client
    #[arg(long, value_name = "REFERENCE", requires = "tripleseat_client_id")]
    pub tripleseat_client_secret: Option<String>,
    /// http with --auth: reference to the credential (default: env:NAME_DESTINATION_CREDENTIAL, with its own name)
    #[arg(long, value_name = "REFERENCE")]
    pub destination_credential: Option<String>,
}

/// `deployer venue block`
#[derive(Debug, Args)]
pub struct VenueBlock {
    /// The venue
    pub venue: String,
    /// What stands in the way; asked for on a terminal
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
