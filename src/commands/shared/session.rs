//! What every command that talks to AWS starts with: the manifest, the clients, and the account.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dotenv::warn_about_dotenv;
use super::trust::show_new_trust;
use crate::cli::{GlobalArgs, PlanFormat};
use crate::dev::RunningDev;
use crate::local::{self, LocalCloud};
use crate::manifests::{ManifestRun, own_venues};
use crate::render::{JsonLines, PlanDetail};
use crate::terminal::QuietTerminal;
use deployer_aws::identity::MfaPrompt;
use deployer_aws::{Aws, FailureKind, IdentityOptions, read_caller};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{self, LoadedManifest, Manifest, ManifestErrors, Venue};
use deployer_core::naming::SHARED_VENUE;
use deployer_core::scope::Scope;
use deployer_reconcile::portal::PortalAccess;
use jiff::Timestamp;

/// A valid manifest, and clients for the right account.
pub(in crate::commands) struct Session {
    pub(in crate::commands) loaded: LoadedManifest,
    pub(in crate::commands) aws: Aws,
    pub(in crate::commands) scope: Scope,
    pub(in crate::commands) local: bool,
    /// The running `dev` that it works in, with `--local`.
    pub(in crate::commands) dev: Option<RunningDev>,
    pub(in crate::commands) json: Option<JsonLines>,
    pub(in crate::commands) detail: PlanDetail,
}

impl Session {
    /// Reads the manifest, connects, and refuses an account that isn't the manifest's.
    pub(in crate::commands) async fn open(global: &GlobalArgs) -> Result<Self> {
        Self::open_for_venues::<&str>(global, &[]).await
    }

    /// Like [`Session::open`], for these venues: one that isn't declared is said before AWS is asked.
    pub(in crate::commands) async fn open_for_venues<S: AsRef<str>>(global: &GlobalArgs, venues: &[S]) -> Result<Self> {
        let loaded = load_manifest(global)?;
        let named: Vec<String> = venues.iter().map(|venue| venue.as_ref().to_owned()).collect();
        for venue in own_venues(&loaded.manifest, &named) {
            check_declared(&loaded.manifest, &venue)?;
        }
        show_new_trust(global, &loaded);
        Self::connect(global, loaded).await
    }

    /// Connects to the manifest's region, and refuses an account that isn't the manifest's.
    pub(in crate::commands) async fn connect(global: &GlobalArgs, mut loaded: LoadedManifest) -> Result<Self> {
        let (aws, dev) = connect_to_cloud(global, &mut loaded).await?;
        let deployment = &loaded.manifest.deployment;
        let scope = read_scope(&aws, &deployment.region).await?;
        if let Some(run) = ManifestRun::current() {
            run.note_scope(&scope);
        }
        if let Some(guard) = deployment.account.as_ref().filter(|guard| **guard != scope.account) {
            return Err(Error::refused(
                ErrorCode::WrongAccount,
                format!(
                    "the credentials are for account {}, but {} is for account {guard}",
                    scope.account,
                    loaded.manifest.path.display()
                ),
            )
            .hint(
                "nothing was read or changed; use other credentials (--profile or AWS_PROFILE), or correct `account`",
            ));
        }
        let json = global.json.then(JsonLines::default);
        let detail = if global.verbose { PlanDetail::Full } else { PlanDetail::Folded };
        Ok(Self { loaded, aws, scope, local: global.local, dev, json, detail })
    }

    /// HubSpot, with the manifest's token. The sandbox of a running `dev` has the properties of its venues from the start.
    pub(in crate::commands) async fn open_portal(&self) -> Result<PortalAccess> {
        if self.dev.is_some() {
            return Ok(PortalAccess::not_needed());
        }
        PortalAccess::open(self.manifest(), &manifest_directory(&self.manifest().path), self.local).await
    }

    /// HubSpot, if contact properties are archived.
    pub(in crate::commands) async fn open_portal_to_archive(&self, archive: bool) -> Result<PortalAccess> {
        if self.dev.is_some() {
            return Ok(PortalAccess::not_needed());
        }
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

/// Clients for `region` and their account, whether there is a manifest or not.
pub(in crate::commands) async fn connect_to_region(global: &GlobalArgs, region: &str) -> Result<(Aws, Scope)> {
    if global.local && !global.manifest.exists() {
        let session = Session::connect(global, empty_manifest(global, Some(region))?).await?;
        return Ok((session.aws, session.scope));
    }
    if global.local {
        let Session { aws, scope, .. } = Session::open(global).await?;
        return Ok((aws, scope));
    }
    let aws = Aws::from_environment(region, &identity_options(global)).await;
    let scope = read_scope(&aws, region).await?;
    Ok((aws, scope))
}

/// Clients for AWS or the local cloud. Calls AWS only to get credentials. With a running `dev`, the manifest is pointed at
/// its sandboxes.
pub(in crate::commands) async fn connect_to_cloud(
    global: &GlobalArgs,
    loaded: &mut LoadedManifest,
) -> Result<(Aws, Option<RunningDev>)> {
    if !global.local {
        let region = &loaded.manifest.deployment.region;
        return Ok((Aws::from_environment(region, &identity_options(global)).await, None));
    }
    let cloud = LocalCloud::find(&state_directory(&loaded.manifest.path), &loaded.manifest)?;
    let aws = cloud.clients(&loaded.manifest.deployment);
    match cloud {
        LocalCloud::OfDev(dev) => {
            dev.point_manifest(&mut loaded.manifest);
            Ok((aws, Some(*dev)))
        }
        LocalCloud::InFile(_) => Ok((aws, None)),
    }
}

/// The manifest for a command that asks only vendors. With `--local`, they are those of a running `dev`. `what` is what
/// the command does there.
///
/// # Errors
/// With `--local`, no `dev` is running with this manifest.
pub(in crate::commands) fn load_vendor_manifest(
    global: &GlobalArgs,
    what: &str,
) -> Result<(LoadedManifest, Option<RunningDev>)> {
    let mut loaded = load_manifest(global)?;
    if !global.local {
        return Ok((loaded, None));
    }
    let dev = local::find_running_dev(&state_directory(&loaded.manifest.path), &loaded.manifest)?;
    let dev = dev.ok_or_else(|| local::no_running_dev(what))?;
    dev.point_manifest(&mut loaded.manifest);
    Ok((loaded, Some(dev)))
}

/// Reads the manifest. Its mistakes are shown as reports, or as lines with `--json`.
pub(in crate::commands) fn load_manifest(global: &GlobalArgs) -> Result<LoadedManifest> {
    warn_about_dotenv(&manifest_directory(&global.manifest));
    let loaded = manifest::load_manifest(&global.manifest).map_err(|errors| manifest_error(global, errors))?;
    loaded.check_schedules(Timestamp::now()).map_err(|errors| manifest_error(global, errors))?;
    Ok(loaded)
}

/// A manifest of nothing, for the local cloud of a directory that has no manifest yet.
///
/// # Errors
/// The region isn't one.
pub(in crate::commands) fn empty_manifest(global: &GlobalArgs, region: Option<&str>) -> Result<LoadedManifest> {
    let text = format!("[deployment]\nname = \"sample\"\nregion = \"{}\"\n", region.unwrap_or("us-east-1"));
    manifest::parse_manifest(&text, &global.manifest).map_err(|errors| manifest_error(global, errors))
}

/// The output format. `--json` means `--format json`.
pub(in crate::commands) fn output_format(json: bool, format: Option<PlanFormat>) -> Result<PlanFormat> {
    match (json, format) {
        (true, Some(PlanFormat::Text | PlanFormat::Markdown | PlanFormat::Html)) => {
            Err(Error::usage(ErrorCode::CommandLine, "--json and --format contradict each other")
                .hint("leave out --json"))
        }
        (true, _) => Ok(PlanFormat::Json),
        (false, format) => Ok(format.unwrap_or(PlanFormat::Text)),
    }
}

/// The error for a manifest with mistakes, which are lines with `--json`.
pub(in crate::commands) fn manifest_error(global: &GlobalArgs, errors: ManifestErrors) -> Error {
    if global.json {
        let lines = JsonLines::default();
        errors.list_findings().iter().for_each(|finding| lines.print_line("manifest_error", finding));
    }
    errors.into()
}

/// The venue of this name.
pub(in crate::commands) fn find_declared_venue<'m>(manifest: &'m Manifest, name: &str) -> Result<&'m Venue> {
    manifest.venues.iter().find(|venue| venue.name == name).ok_or_else(|| {
        let names: Vec<&str> = manifest.venues.iter().map(|venue| venue.name.as_str()).collect();
        let declared = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Error::usage(ErrorCode::UnknownVenue, format!("the manifest declares no venue {name}"))
            .hint(format!("it declares {declared}"))
    })
}

/// Checks that a venue is declared, or, for `_all`, that there is something with a secret and a log that belongs to all of them.
pub(in crate::commands) fn check_declared(manifest: &Manifest, name: &str) -> Result<()> {
    match manifest.secret_references(name) {
        Some(_) => Ok(()),
        None if name == SHARED_VENUE => {
            Err(Error::usage(ErrorCode::UnknownVenue, "[alarms] names no chat and no digest, so nothing belongs to all venues")
                .hint("declare one: `slack_webhook = \"managed\"`, `teams_webhook = \"managed\"` or `digest = \"daily\"` under [alarms]"))
        }
        None => find_declared_venue(manifest, name).map(drop),
    }
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

/// The account that the credentials are for, in a region.
pub(in crate::commands) async fn read_scope(aws: &Aws, region: &str) -> Result<Scope> {
    let caller = read_caller(aws).await.map_err(|error| {
        let mut failed = Error::failed(ErrorCode::AwsAccount, "could not determine the AWS account").caused_by(&error);
        if let Some(hint) = error.hint() {
            failed = failed.hint(hint);
        }
        if error.kind == FailureKind::NoAnswer {
            failed = failed.hint("`--local` uses the local cloud and needs no network");
        }
        failed
    })?;
    Ok(Scope::of_caller(&caller.arn, caller.account, region))
}

/// Which credentials the command uses. Codes of MFA devices are asked for on the terminal, if there is one.
pub(in crate::commands) fn identity_options(global: &GlobalArgs) -> IdentityOptions {
    let somebody = !global.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let ask = |device: &str| {
        let _quiet = QuietTerminal::hold();
        err!("Code of the MFA device {device}: ");
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    };
    IdentityOptions { profile: global.profile.clone(), ask_mfa_code: somebody.then(|| Arc::new(ask) as MfaPrompt) }
}
