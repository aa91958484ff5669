//! `deployer audit`

use std::path::PathBuf;

use clap::Args;

use super::PlanFormat;
use deployer_janitor::audit::NodeKind;

/// `deployer audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// How many days of use to count; what was unused for that long is stale
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=455))]
    pub days: u32,
    /// Write the audit to a file for `deployer decommission`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Output format; --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<PlanFormat>,
    /// Also list what is in use and what is managed
    #[arg(long)]
    pub all: bool,
    /// Show only this kind (can be given more than once); everything is still read
    #[arg(long, value_name = "KIND", value_parser = parse_node_kind)]
    pub kind: Vec<NodeKind>,
    /// The region (default: the manifest's, or AWS_REGION if there is no manifest)
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Also read the webhooks of this HubSpot app: its ID and a reference to its access token (12345=env:NAME,
    /// =file:PATH, =cmd:PROGRAM); can be given more than once
    #[arg(long, value_name = "ID=REFERENCE")]
    pub hubspot_app: Vec<String>,
    /// With --local: fill the local cloud with a sample account to try audit and decommission on
    #[arg(long)]
    pub sample: bool,
}

fn parse_node_kind(text: &str) -> Result<NodeKind, String> {
    let written = |kind: NodeKind| kind.display_name().to_lowercase().replace(' ', "-");
    NodeKind::ALL.into_iter().find(|kind| written(*kind) == text).ok_or_else(|| {
        let all: Vec<String> = NodeKind::ALL.into_iter().map(written).collect();
        format!("must be one of {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_kinds_in_lower_case() {
        assert_eq!(parse_node_kind("rest-api"), Ok(NodeKind::RestApi));
        assert_eq!(parse_node_kind("hubspot-workflow"), Ok(NodeKind::HubspotWorkflow));
        assert!(parse_node_kind("REST API").is_err_and(|error| error.contains("rest-api")));
    }
}
