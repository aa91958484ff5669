//! What every command that talks to AWS starts with: the manifest, the clients, and the account.

use std::path::{Path, PathBuf};

use aws_smithy_types::retry::RetryConfig;

use crate::cli::{GlobalArgs, PlanFormat};
use crate::local;
use crate::render::JsonLines;
use deployer_aws::{Aws, Call, FailureKind};
use deployer_core::counted::count_with_noun;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{self, LoadedManifest, Manifest, ManifestErrors, Venue};
use deployer_core::scope::Scope;
use deployer_reconcile::portal::PortalAccess;

/// Attempts of the first call: few, so that a missing network is reported quickly and not after a minute.
const FIRST_TRIES: u32 = 3;

/// A valid manifest, and clients for the right account.
pub(in crate::commands) struct Session {
    pub(in crate::commands) loaded: LoadedManifest,
    pub(in crate::commands) aws: Aws,
    pub(in crate::commands) scope: Scope,
    pub(in crate::commands) local: bool,
    pub(in crate::commands) json: Option<JsonLines>,
}

impl Session {
    /// Reads the manifest, connects, and refuses an account that isn't the manifest's.
    pub(in crate::commands) async fn open(global: &GlobalArgs) -> Result<Self> {
        let loaded = load_manifest(global)?;
        let deployment = &loaded.manifest.deployment;
        let aws = connect_to_cloud(global, &loaded).await?;
        let account = read_account(&aws).await?;
        if let Some(guard) = deployment.account.as_ref().filter(|guard| **guard != account) {
            return Err(Error::refused(format!(
                "the credentials are for account {account}, but {} is for account {guard}",
                loaded.manifest.path.display()
            ))
            .hint("nothing was read or changed; use other credentials (AWS_PROFILE), or correct `account`"));
        }
        let scope = Scope { account, region: deployment.region.clone() };
        let json = global.json.then(JsonLines::default);
        Ok(Self { loaded, aws, scope, local: global.local, json })
    }

    /// HubSpot, with the manifest's token.
    pub(in crate::commands) async fn open_portal(&self) -> Result<PortalAccess> {
        PortalAccess::open(self.manifest(), &manifest_directory(&self.manifest().path), self.local).await
    }

    /// HubSpot, if contact properties are archived.
    pub(in crate::commands) async fn open_portal_to_archive(&self, archive: bool) -> Result<PortalAccess> {
        let directory = manifest_directory(&self.manifest().path);
        PortalAccess::open_to_archive(self.manifest(), &directory, self.local, archive).await
    }

    /// Whether AWS is on this machine, as with `--local`, so that no remote vendor is asked either.
    pub(in crate::commands) fn works_without_network(&self) -> bool {
        self.local || std::env::var("AWS_ENDPOINT_URL").is_ok_and(|uri| uri.starts_with("http:"))
    }

    pub(in crate::commands) fn manifest(&self) -> &Manifest {
        &self.loaded.manifest
    }
}

/// Clients for `region` and their account, without a manifest; the local cloud always belongs to a manifest.
pub(in crate::commands) async fn connect_to_region(global: &GlobalArgs, region: &str) -> Result<(Aws, Scope)> {
    if global.local {
        let Session { aws, scope, .. } = Session::open(global).await?;
        return Ok((aws, scope));
    }
    let aws = Aws::from_environment(region).await;
    let account = read_account(&aws).await?;
    Ok((aws, Scope { account, region: region.to_owned() }))
}

/// Clients for AWS or the local cloud. Makes no call.
pub(in crate::commands) async fn connect_to_cloud(global: &GlobalArgs, loaded: &LoadedManifest) -> Result<Aws> {
    let deployment = &loaded.manifest.deployment;
    if global.local {
        let cloud = local::open_cloud(&state_directory(&loaded.manifest.path), deployment)?;
        return Ok(local::cloud_clients(&cloud, deployment));
    }
    Ok(Aws::from_environment(&deployment.region).await)
}

/// Reads the manifest. Its mistakes are shown as reports, or as lines with `--json`.
pub(in crate::commands) fn load_manifest(global: &GlobalArgs) -> Result<LoadedManifest> {
    manifest::load_manifest(&global.manifest).map_err(|errors| manifest_error(global, errors))
}

/// The output format. `--json` means `--format json`.
pub(in crate::commands) fn output_format(json: bool, format: Option<PlanFormat>) -> Result<PlanFormat> {
    match (json, format) {
        (true, Some(PlanFormat::Text | PlanFormat::Markdown | PlanFormat::Html)) => {
            Err(Error::usage("--json and --format contradict each other").hint("leave out --json"))
        }
        (true, _) => Ok(PlanFormat::Json),
        (false, format) => Ok(format.unwrap_or(PlanFormat::Text)),
    }
}

/// The error for a manifest with mistakes.
pub(in crate::commands) fn manifest_error(global: &GlobalArgs, errors: ManifestErrors) -> Error {
    if global.json {
        let lines = JsonLines::default();
        let findings = errors.list_findings();
        for finding in &findings {
            lines.print_line("manifest_error", finding);
        }
        let count = count_with_noun(findings.len() as u64, "mistake");
        return Error::new(ExitCode::Usage, format!("{}: {count}", global.manifest.display()));
    }
    errors.into()
}

/// The venue of this name.
pub(in crate::commands) fn find_declared_venue<'m>(manifest: &'m Manifest, name: &str) -> Result<&'m Venue> {
    manifest.venues.iter().find(|venue| venue.name == name).ok_or_else(|| {
        let names: Vec<&str> = manifest.venues.iter().map(|venue| venue.name.as_str()).collect();
        let declared = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Error::usage(format!("the manifest declares no venue {name}")).hint(format!("it declares {declared}"))
    })
}

/// Where the local cloud is kept: next to the manifest.
pub(in crate::commands) fn state_directory(manifest: &Path) -> PathBuf {
    manifest_directory(manifest).join(".deployer")
}

/// The directory that contains the manifest.
pub(in crate::commands) fn manifest_directory(manifest: &Path) -> PathBuf {
    match manifest.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The account that the credentials are for.
pub(in crate::commands) async fn read_account(aws: &Aws) -> Result<String> {
    let retries = aws.sts.config().retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let tries = retries.max_attempts().min(FIRST_TRIES);
    let retries = aws_sdk_sts::config::Builder::new().retry_config(retries.with_max_attempts(tries));
    let request = aws.sts.get_caller_identity().customize().config_override(retries);
    let answer = request.send().await.call("sts:GetCallerIdentity").map_err(|error| {
        let mut failed = Error::failed("could not determine the AWS account").caused_by(&error);
        if let Some(hint) = error.hint() {
            failed = failed.hint(hint);
        }
        if error.kind == FailureKind::NoAnswer {
            failed = failed.hint("`--local` uses the local cloud and needs no network");
        }
        failed
    })?;
    answer.account().map(ToOwned::to_owned).ok_or_else(|| Error::failed("sts:GetCallerIdentity returned no account"))
}
