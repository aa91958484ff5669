//! `deployer doctor`

use clap::{Args, ValueEnum};
use serde_json::json;

use super::shared::session::{connect_to_cloud, find_declared_venue, load_manifest};
use crate::cli::GlobalArgs;
use crate::render::{JsonLines, checks_text, verdict_counts};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_health::doctor::{CheckArea, DoctorCheck, DoctorInputs, DoctorVerdict, run_checks};

/// Check every credential and connection, and say what to fix; changes nothing
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Only this venue, and what all venues share
    #[arg(value_name = "VENUE")]
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

pub(super) async fn run_doctor(global: &GlobalArgs, args: &DoctorArgs) -> Result<ExitCode> {
    let mut loaded = load_manifest(global)?;
    if let Some(name) = args.venue.as_deref() {
        find_declared_venue(&loaded.manifest, name)?;
    }
    let (aws, _) = connect_to_cloud(global, &mut loaded).await?;
    let venue = args.venue.as_deref().map(|name| find_declared_venue(&loaded.manifest, name)).transpose()?;
    let client = deployer_hubspot::build_vendor_client()
        .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
    let areas = args.only.iter().map(|area| (*area).into()).collect();
    let now = jiff::Timestamp::now();
    let patient =
        DoctorInputs { manifest: &loaded.manifest, venue, areas, aws: &aws, local: global.local, client, now };
    let checks = run_checks(&patient).await;
    let code = checks_exit_code(&checks);
    if global.json {
        let lines = JsonLines::default();
        checks.iter().for_each(|check| lines.print_line("check", check));
        let counts = verdict_counts(&checks).into_iter().map(|(verdict, count)| (json!(verdict), count));
        let counts: serde_json::Map<_, _> =
            counts.filter_map(|(verdict, count)| Some((verdict.as_str()?.to_owned(), json!(count)))).collect();
        lines.print_line("summary", json!({ "checks": checks.len(), "verdicts": counts, "exit_code": code as u8 }));
    } else {
        out!("{}", checks_text(&checks));
        if checks.iter().any(|check| check.area != CheckArea::Aws && check.verdict != DoctorVerdict::Skipped) {
            errln!(
                "The credentials tested are the ones that the manifest refers to. To compare them with those stored in \
                 AWS, run `deployer secret status --compare`."
            );
        }
    }
    Ok(code)
}

fn checks_exit_code(checks: &[DoctorCheck]) -> ExitCode {
    let has = |verdict: DoctorVerdict| checks.iter().any(|check| check.verdict == verdict);
    if has(DoctorVerdict::Failed) {
        ExitCode::Failed
    } else if has(DoctorVerdict::Unknown) {
        ExitCode::Incomplete
    } else {
        ExitCode::Done
    }
}
