//! `deployer audit`

use std::path::PathBuf;

use clap::Args;

use super::PlanFormat;
use deployer_janitor::audit::Kind;

/// `deployer audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// How many days back use is counted; so long something has to be unused to be stale
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=455))]
    pub days: u32,
    /// Write the audit into a file, which `deployer decommission` takes
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How it is printed; --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<PlanFormat>,
    /// Show what is in use and what is managed too, one by one
    #[arg(long)]
    pub all: bool,
    /// Show only this kind (can be given more than once); everything is read all the same
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Vec<Kind>,
    /// The region, where it isn't the manifest's or, without a manifest, AWS_REGION
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Read the webhooks of this HubSpot app, too: its id and a reference to an access token of it
    /// (12345=env:NAME, =file:PATH, =cmd:PROGRAM); can be given more than once
    #[arg(long, value_name = "ID=REFERENCE")]
    pub hubspot_app: Vec<String>,
    /// With --local: put an account as it is found before deployer comes into the cloud on this machine, to try the audit
    /// and what follows on
    #[arg(long)]
    pub sample: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    let written = |kind: Kind| kind.words().to_lowercase().replace(' ', "-");
    Kind::ALL.into_iter().find(|kind| written(*kind) == text).ok_or_else(|| {
        let all: Vec<String> = Kind::ALL.into_iter().map(written).collect();
        format!("it is one of {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_in_lower_case() {
        assert_eq!(kind("rest-api"), Ok(Kind::RestApi));
        assert_eq!(kind("hubspot-workflow"), Ok(Kind::HubspotWorkflow));
        assert!(kind("REST API").is_err_and(|error| error.contains("rest-api")));
    }
}
