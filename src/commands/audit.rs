//! `deployer audit`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::shared::session::{
    empty_manifest, identity_options, load_manifest, manifest_directory, output_format, read_scope, state_directory,
};
use crate::cli::{GlobalArgs, PlanFormat};
use crate::local::{self, LocalCloud};
use crate::render::{AuditView, JsonLines, audit_html, audit_markdown, audit_summary, audit_text, start_spinner};
use crate::sample::InstalledSample;
use crate::terminal::write_output_file;
use deployer_aws::Aws;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Manifest, SecretRef};
use deployer_core::scope::Scope;
use deployer_hubspot::{HubSpotClient, resolve_secret};
use deployer_janitor::audit::{
    AUDIT_VERSION, Audit, AuditProgress, HubSpotSource, NodeKind, Options, VenueMarks, judge_inventory, read,
};
use deployer_reconcile::portal::check_portal;

/// Without a terminal, progress is printed every so many calls.
const TOLD_EVERY: u64 = 1000;

/// Which regions' functions an audit lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuditRegions {
    /// All regions that are enabled in the account
    All,
    /// Only the audited one; roles are then never concluded to be unused
    One,
}

/// Find what nobody in the account needs anymore, and what points where it shouldn't
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
    /// Which regions' functions are listed, as roles belong to all regions; everything else is read in one region
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = AuditRegions::All)]
    pub regions: AuditRegions,
    /// Also read the webhooks of this HubSpot app: its ID and a reference to its access token (12345=env:NAME,
    /// =file:PATH, =cmd:PROGRAM); can be given more than once
    #[arg(long, value_name = "ID=REFERENCE")]
    pub hubspot_app: Vec<String>,
    /// With --local: fill the local cloud with a sample account to try audit and decommission on
    #[arg(long)]
    pub sample: bool,
}

pub(super) async fn run_audit(global: &GlobalArgs, args: &AuditArgs) -> Result<ExitCode> {
    let format = output_format(global.json, args.format)?;
    let json = format == PlanFormat::Json;
    // An account can be audited before there is a manifest.
    let global = GlobalArgs { json, ..global.clone() };
    let loaded = match global.manifest.exists() {
        true => Some(load_manifest(&global)?),
        // The local cloud needs none: with the sample, it is an account before `deployer`.
        false if global.local => Some(empty_manifest(&global, args.region.as_deref())?),
        false => None,
    };
    let manifest = loaded.as_ref().map(|loaded| &loaded.manifest);
    let (aws, scope) = connect_to_account(&global, args, manifest).await?;
    let sample = if args.sample { Some(create_sample_account(&global, &aws, manifest).await?) } else { None };
    let hubspot = match &sample {
        Some(sample) => Some(sample.hubspot_source()?),
        None => open_hubspot_source(manifest, args, global.local).await?,
    };
    if hubspot.is_none() && !json && !global.local {
        errln!("HubSpot is skipped: the manifest has no `token` in [hubspot], and --hubspot-app is not given.");
    }
    let options = Options {
        days: args.days,
        venues: manifest.map(VenueMarks::from_manifest).unwrap_or_default(),
        rate_limited: !global.local,
        all_regions: args.regions == AuditRegions::All,
    };
    let begun = Instant::now();
    let progress = start_spinner(!json);
    let on_progress = |now: AuditProgress| match &progress {
        Some(progress) => progress.set_message(describe_progress(&now)),
        None if !json && now.calls.is_multiple_of(TOLD_EVERY) => errln!("{}.", describe_progress(&now)),
        None => {}
    };
    let inventory = read(&aws, &scope, hubspot.as_ref(), &options, &on_progress).await;
    if let Some(progress) = progress {
        progress.finish_and_clear();
    }
    let findings = judge_inventory(&inventory);
    let audit = Audit { version: AUDIT_VERSION, inventory, findings };
    if let Some(path) = &args.out {
        save_audit(&audit, path)?;
    }
    print_audit(&audit, args, format, begun.elapsed())?;
    if let (Some(path), false) = (&args.out, json) {
        errln!("\nSaved to {}, for `deployer decommission`.", path.display());
    }
    Ok(if audit.inventory.unread.is_empty() { ExitCode::Done } else { ExitCode::Incomplete })
}

/// `812 calls, 402 found, about 3 min left`.
fn describe_progress(progress: &AuditProgress) -> String {
    let so_far = format!("{} calls, {} found", progress.calls, progress.found);
    match progress.left.map(|left| left.as_secs()) {
        None | Some(0..5) => so_far,
        Some(seconds @ 5..90) => format!("{so_far}, about {seconds} s left"),
        Some(seconds) => format!("{so_far}, about {} min left", seconds.div_ceil(60)),
    }
}

async fn connect_to_account(
    global: &GlobalArgs,
    args: &AuditArgs,
    manifest: Option<&Manifest>,
) -> Result<(Aws, Scope)> {
    let region = match (&args.region, manifest) {
        (Some(region), _) => region.clone(),
        (None, Some(manifest)) => manifest.deployment.region.clone(),
        (None, None) => std::env::var("AWS_REGION").map_err(|_| {
            let what = format!("the region is unknown, because there is no {}", global.manifest.display());
            Error::usage(ErrorCode::CommandLine, what).hint("pass --region or --manifest")
        })?,
    };
    let aws = match manifest {
        // The sample account is never put into what a running `dev` has.
        Some(manifest) if global.local && args.sample => {
            let cloud = local::open_cloud(&state_directory(&manifest.path), &manifest.deployment)?;
            local::cloud_clients(&cloud, &manifest.deployment)
        }
        Some(manifest) if global.local => {
            LocalCloud::find(&state_directory(&manifest.path), manifest)?.clients(&manifest.deployment)
        }
        _ => Aws::from_environment(&region, &identity_options(global)).await,
    };
    let scope = read_scope(&aws, &region).await?;
    // An audit changes nothing, so another account than the manifest's is only a warning.
    if let Some(guard) = manifest.and_then(|manifest| manifest.deployment.account.as_ref())
        && *guard != scope.account
    {
        errln!("Warning: this is account {}, but the manifest is for account {guard}.", scope.account);
    }
    Ok((aws, scope))
}

/// Fills the local cloud with a sample account.
async fn create_sample_account(global: &GlobalArgs, aws: &Aws, manifest: Option<&Manifest>) -> Result<InstalledSample> {
    let Some(manifest) = manifest.filter(|_| global.local) else {
        return Err(Error::usage(ErrorCode::CommandLine, "--sample only works on the local cloud").hint("pass --local"));
    };
    let cloud = local::open_cloud(&state_directory(&manifest.path), &manifest.deployment)?;
    InstalledSample::install_in_cloud(&cloud, aws, manifest.hubspot.portal_id).await
}

/// The HubSpot sources that can be read with the tokens available here.
async fn open_hubspot_source(
    manifest: Option<&Manifest>,
    args: &AuditArgs,
    local: bool,
) -> Result<Option<HubSpotSource>> {
    let base_uri =
        manifest.map_or(sync_config::config::HUBSPOT_BASE_URI, |manifest| manifest.hubspot.base_uri.as_str());
    let directory = manifest_directory(manifest.map_or(Path::new("."), |manifest| &manifest.path));
    let token = manifest.and_then(|manifest| manifest.hubspot.token.as_ref());
    // `--local` must work without a network.
    let token = token.filter(|_| !(local && base_uri.starts_with("https:")));
    if token.is_none() && args.hubspot_app.is_empty() {
        return Ok(None);
    }
    let client = deployer_hubspot::build_vendor_client()
        .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
    let open = async |what: &str, reference: &SecretRef| -> std::result::Result<HubSpotClient, String> {
        let token =
            resolve_secret(reference, &directory).await.map_err(|error| format!("could not get {what}: {error}"))?;
        Ok(HubSpotClient::new(client.clone(), base_uri, token))
    };
    let workflows = match token {
        Some(reference) => Some(open("`token` of [hubspot]", reference).await),
        None => None,
    };
    // If the portal can't be read, neither can its workflows, and the audit reports that.
    if let (Some(Ok(client)), Some(manifest)) = (&workflows, manifest.filter(|known| known.hubspot.portal_id.is_some()))
        && let Ok(opened) = client.portal_id().await
    {
        check_portal(manifest, opened)?;
    }
    let mut apps = Vec::new();
    for app in &args.hubspot_app {
        let wrong = || {
            Error::usage(
                ErrorCode::CommandLine,
                format!("invalid --hubspot-app {}: write ID=env:NAME", app.split('=').next().unwrap_or(app)),
            )
        };
        let (id, reference) = app.split_once('=').ok_or_else(wrong)?;
        let id: u64 = id.parse().map_err(|_| wrong())?;
        let reference = SecretRef::parse_reference(reference).map_err(|_| wrong())?;
        apps.push((
            id,
            open(&format!("the token of HubSpot app {id}"), &reference)
                .await
                .map_err(|message| Error::usage(ErrorCode::SecretValue, message))?,
        ));
    }
    Ok(Some(HubSpotSource { workflows, apps }))
}

fn save_audit(audit: &Audit, path: &Path) -> Result<()> {
    let failed = |error: &dyn std::error::Error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not save the audit to {}", path.display()))
            .caused_by(error)
    };
    let text = serde_json::to_string_pretty(audit).map_err(|error| failed(&error))?;
    let text = secrets::redact_secrets(&text).into_owned() + "\n";
    write_output_file(path, text.as_bytes()).map_err(|error| failed(&error))
}

fn print_audit(audit: &Audit, args: &AuditArgs, format: PlanFormat, took: Duration) -> Result<()> {
    let seconds = took.as_secs();
    match format {
        PlanFormat::Json => print_json_lines(audit, args, seconds),
        PlanFormat::Markdown => return crate::terminal::print_document(&audit_markdown(audit)),
        PlanFormat::Html => return crate::terminal::print_document(&audit_html(audit)),
        PlanFormat::Text => {
            let view = AuditView { all: args.all, kinds: args.kind.clone() };
            out!("{}", audit_text(audit, &view));
            outln!("\n{}", audit_summary(audit, seconds));
        }
    }
    Ok(())
}

/// Prints one line for the account, one for each finding with its node, each edge and each failed read, and a summary.
fn print_json_lines(audit: &Audit, args: &AuditArgs, seconds: u64) {
    let lines = JsonLines::default();
    let inventory = &audit.inventory;
    lines.print_line(
        "audit",
        json!({
            "format_version": audit.version,
            "account": inventory.account,
            "region": inventory.region,
            "taken_at": inventory.taken_at,
            "days": inventory.days,
        }),
    );
    let shown = |kind| args.kind.is_empty() || args.kind.contains(&kind);
    for (node, finding) in inventory.nodes.iter().zip(&audit.findings).filter(|(node, _)| shown(node.kind)) {
        lines.print_line("finding", json!({ "verdict": finding.verdict, "evidence": finding.evidence, "node": node }));
    }
    for edge in &inventory.edges {
        lines.print_line("edge", edge);
    }
    for unread in &inventory.unread {
        lines.print_line("unread", unread);
    }
    let mut counts = serde_json::Map::new();
    for finding in &audit.findings {
        let count = counts.entry(finding.verdict.display_name()).or_insert_with(|| 0.into());
        *count = (count.as_u64().unwrap_or_default() + 1).into();
    }
    lines.print_line("summary", json!({ "verdicts": counts, "calls": inventory.calls, "seconds": seconds }));
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
    fn progress_says_how_long_it_still_takes() {
        let described = |seconds: Option<u64>| {
            describe_progress(&AuditProgress { calls: 812, found: 402, left: seconds.map(Duration::from_secs) })
        };
        assert_eq!(described(None), "812 calls, 402 found");
        assert_eq!(described(Some(2)), "812 calls, 402 found");
        assert_eq!(described(Some(40)), "812 calls, 402 found, about 40 s left");
        assert_eq!(described(Some(150)), "812 calls, 402 found, about 3 min left");
    }

    #[test]
    fn parses_kinds_in_lower_case() {
        assert_eq!(parse_node_kind("rest-api"), Ok(NodeKind::RestApi));
        assert_eq!(parse_node_kind("hubspot-workflow"), Ok(NodeKind::HubspotWorkflow));
        assert!(parse_node_kind("REST API").is_err_and(|error| error.contains("rest-api")));
    }
}
