//! `deployer doctor`

use clap::{Args, ValueEnum};

use deployer_health::doctor::CheckArea;

/// `deployer doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Only this venue, and what all venues share
    pub venue: Option<String>,
    /// Only this area (can be given more than once)
    #[arg(long, value_enum, value_name = "AREA")]
    pub only: Vec<DoctorArea>,
}

/// An area of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorArea {
    /// Identity, account, permissions, quotas
    Aws,
    /// Tokens, portal, scopes, properties
    Hubspot,
    /// Public keys, OAuth clients, locations; http destinations too
    Tripleseat,
}

impl From<DoctorArea> for CheckArea {
    fn from(area: DoctorArea) -> Self {
        match area {
            DoctorArea::Aws => Self::Aws,
            DoctorArea::Hubspot => Self::HubSpot,
            DoctorArea::Tripleseat => Self::Tripleseat,
        }
    }
}
