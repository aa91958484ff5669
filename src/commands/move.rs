//! `deployer move`
//!
//! Each step looks at what exists, so that the same command goes on wherever an earlier one ended: pause there, wait for the
//! runs that are under way, create here (paused) with the credentials from there, edit the manifest, resume here, delete
//! there. At no time do both places run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::secret::stored::{SecretState, change_secret, read_secret, read_secret_state, secret_error, secret_name};
use super::shared::artifacts::Artifacts;
use super::shared::reconcile::{TerminalFrontend, apply_options, confirm_on_terminal, reconciler, show_plan};
use super::shared::secret_values::resolve_new_secrets;
use super::shared::session::{Session, load_manifest, state_directory};
use super::shared::trust::show_new_trust;
use super::venue::write::EditableManifest;
use crate::cli::{ConfirmArgs, ExecutionArgs, GlobalArgs};
use deployer_aws::observe::list_roles_below;
use deployer_core::desired::{Desired, derive_desired};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Deployment, LoadedManifest, SecretValue, Status, format_duration, set_region};
use deployer_core::plan::{Operation, Plan, SecretsManagerOperation};
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::portal::PortalAccess;
use deployer_reconcile::{PlannedChanges, ReadDepth, ReconcileGoal};

/// How long EventBridge and Lambda may hold an event back after its rule was disabled, in seconds.
const EVENT_AGE_S: u32 = 60;

/// Move the deployment to another region: pause there, create here, resume here, delete there
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The region to move to
    #[arg(long, value_name = "REGION")]
    pub to_region: String,
    /// The region to move from (default: the manifest's, or where an interrupted move began)
    #[arg(long, value_name = "REGION")]
    pub from_region: Option<String>,
    /// Use this zip (with `bootstrap` at its root) or bootstrap instead of building one
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
    /// Show the plans of the steps and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// How to apply it.
    #[command(flatten)]
    pub execution: ExecutionArgs,
}

pub(super) async fn run_move(global: &GlobalArgs, args: &MoveArgs) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    show_new_trust(global, &loaded);
    let journal = MoveJournal::of_manifest(&loaded);
    let Some(from) = find_origin(global, args, &loaded, &journal).await? else {
        journal.remove()?;
        outln!("The deployment is in {}; there is nothing to move.", args.to_region);
        return Ok(ExitCode::Done);
    };
    let task = MoveTask {
        global,
        args,
        is_manifest_edited: loaded.manifest.deployment.region == args.to_region,
        from: connect_in_region(global, &loaded, &from).await?,
        to: connect_in_region(global, &loaded, &args.to_region).await?,
        command: format!("deployer move --to-region {}", args.to_region),
        journal,
    };
    if task.from.scope.account != task.to.scope.account {
        return Err(Error::refused(
            ErrorCode::WrongAccount,
            "the two regions were answered by two accounts; nothing was changed",
        ));
    }
    task.run_steps().await
}

/// The region to move from; `None` if nothing is left anywhere else.
async fn find_origin(
    global: &GlobalArgs,
    args: &MoveArgs,
    loaded: &LoadedManifest,
    journal: &MoveJournal,
) -> Result<Option<String>> {
    let deployment = &loaded.manifest.deployment;
    if args.from_region.as_ref() == Some(&args.to_region) {
        return Err(Error::usage(ErrorCode::CommandLine, "--from-region and --to-region are the same"));
    }
    let edited = deployment.region == args.to_region;
    if let Some(from) = args.from_region.clone().or_else(|| (!edited).then(|| deployment.region.clone())) {
        return Ok(Some(from));
    }
    if let Some(from) = journal.read_origin(deployment, &args.to_region)? {
        return Ok(Some(from));
    }
    // Without the file of an interrupted move, the paths of roles say where else the deployment is.
    let here = connect_in_region(global, loaded, &args.to_region).await?;
    let prefix = deployment.role_place().deployment_path();
    let roles = list_roles_below(&here.aws.iam, &prefix).await;
    let roles = roles.map_err(|error| {
        Error::failed(ErrorCode::AwsCall, "could not find out where else the deployment is").caused_by(&error)
    })?;
    let mut regions = roles.iter().filter_map(|role| role.path().strip_prefix(&prefix)?.strip_suffix('/'));
    Ok(regions.find(|region| *region != args.to_region).map(ToOwned::to_owned))
}

/// A session for the manifest as if it had this region.
async fn connect_in_region(global: &GlobalArgs, loaded: &LoadedManifest, region: &str) -> Result<Session> {
    let mut loaded = loaded.clone();
    region.clone_into(&mut loaded.manifest.deployment.region);
    Session::connect(global, loaded).await
}

struct MoveTask<'a> {
    global: &'a GlobalArgs,
    args: &'a MoveArgs,
    /// Whether an earlier run of this command came as far as editing the manifest: then everything exists here.
    is_manifest_edited: bool,
    from: Session,
    to: Session,
    command: String,
    journal: MoveJournal,
}

impl MoveTask<'_> {
    async fn run_steps(&self) -> Result<ExitCode> {
        let (from, to) = (self.from.scope.region.as_str(), self.to.scope.region.as_str());
        let artifacts = Artifacts::prepare_artifacts(&self.to, self.args.artifact.as_deref()).await?;
        let portal = self.to.open_portal().await?;
        let paused_there = self.desired_at(&self.from, to, None, true);
        let paused_here = self.desired_at(&self.to, from, Some(&artifacts), true);
        let running_here = self.desired_at(&self.to, from, Some(&artifacts), false);
        let nothing_there = Desired { venues: Vec::new(), canary: None, alarms: None, ..paused_there.clone() };
        let pause = ReconcileGoal::Pause { paused: &paused_there };
        let create = converge(&paused_here);
        let resume = converge(&running_here);
        let delete =
            ReconcileGoal::Destroy { nothing: &nothing_there, targets: &[], moved_to: Some(to), notes: Vec::new() };
        let untouched = PortalAccess::not_needed();

        let there = reconciler(&self.from, &untouched, ApplyOptions::default()).plan(&pause).await?;
        let left = there.snapshot.venues.values().any(|live| live.any_exists());
        if !left && !self.is_manifest_edited {
            return Err(Error::usage(
                ErrorCode::Move,
                format!("deployment {} has nothing in {from}", paused_there.deployment),
            )
            .hint(format!("to deploy it in {to}, set `region = \"{to}\"` in the manifest and run `deployer apply`")));
        }
        self.show_step(&format!("Pause in {from}"), &there);
        if !self.is_manifest_edited {
            let here = reconciler(&self.to, &portal, ApplyOptions::default()).plan(&create).await?;
            self.show_step(&format!("Create in {to}, paused, with the credentials from {from}"), &here);
        }
        let pruned = reconciler(&self.from, &untouched, ApplyOptions::default()).plan(&delete).await?;
        self.show_step(&format!("Then edit the manifest, resume in {to}, and delete in {from}"), &pruned);
        if self.args.dry_run {
            return Ok(ExitCode::Done);
        }
        let question = format!(
            "Do you want to move deployment {} from {from} to {to}? Logs in {from} are deleted; flags wait meanwhile.",
            paused_there.deployment
        );
        let review = format!("review the steps with `deployer move --to-region {to} --dry-run`");
        let asking = &self.args.execution.asking;
        confirm_on_terminal(self.from.json.is_some(), asking.yes, &question, "yes", &review)?;

        let code = self.reconcile(&self.from, &untouched, &pause, async |_| Ok(ApplyInputs::default())).await?;
        if code != ExitCode::Done {
            return self.stop(code);
        }
        let inputs = async |plan: &Plan| {
            let secrets = self.copy_new_secrets(plan).await?;
            Ok(ApplyInputs { artifacts: artifacts.zips_by_hash(), secrets, hubspot: portal.hubspot_client() })
        };
        if !self.is_manifest_edited {
            self.wait_for_runs(&there).await;
            let code = self.reconcile(&self.to, &portal, &create, &inputs).await?;
            if code != ExitCode::Done {
                return self.stop(code);
            }
            self.copy_changed_secrets().await?;
            self.journal.write(&self.from.manifest().deployment, to)?;
            self.edit_manifest()?;
        }
        let code = self.reconcile(&self.to, &portal, &resume, &inputs).await?;
        if code != ExitCode::Done {
            return self.stop(code);
        }
        let code = self.reconcile(&self.from, &untouched, &delete, async |_| Ok(ApplyInputs::default())).await?;
        if code != ExitCode::Done {
            return self.stop(code);
        }
        self.journal.remove()?;
        match &self.to.json {
            Some(lines) => lines.print_line("moved", json!({ "from": from, "to": to })),
            None => outln!("\nMoved from {from} to {to}."),
        }
        Ok(ExitCode::Done)
    }

    /// What the manifest asks for in a session's region. The other region is part of the move.
    fn desired_at(&self, session: &Session, other: &str, artifacts: Option<&Artifacts>, paused: bool) -> Desired {
        let mut manifest = session.manifest().clone();
        for venue in manifest.venues.iter_mut().filter(|venue| paused && venue.status == Status::Active) {
            venue.status = Status::Paused;
        }
        let name = &manifest.deployment.name;
        let beside = format!("{name}@{other}");
        let hash = |venue: &_| artifacts.map_or_else(String::new, |artifacts| artifacts.code_sha256(session, venue));
        let mut desired = derive_desired(&manifest, &session.scope, hash);
        // Before anything runs here, the other region is looked at like any other deployment.
        if paused {
            desired.may_share_with.push(beside);
        }
        desired
    }

    fn show_step(&self, title: &str, planned: &PlannedChanges) {
        match &self.to.json {
            Some(lines) => lines.print_line("step", json!({ "text": title })),
            None => outln!("\n{title}:\n"),
        }
        show_plan(&self.to, planned);
    }

    async fn reconcile(
        &self,
        session: &Session,
        portal: &PortalAccess,
        goal: &ReconcileGoal<'_>,
        inputs: impl AsyncFn(&Plan) -> Result<ApplyInputs> + Sync,
    ) -> Result<ExitCode> {
        let asking = ConfirmArgs { yes: true, ..self.args.execution.asking.clone() };
        let frontend = TerminalFrontend::new(session, &asking, &self.command, ("", ""), inputs);
        let options = apply_options(&self.args.execution);
        Ok(reconciler(session, portal, options).reconcile(goal, &frontend.lock_options(), &frontend).await?.code)
    }

    fn stop(&self, code: ExitCode) -> Result<ExitCode> {
        if self.to.json.is_none() {
            errln!("The move isn't complete. To go on, run `{}` again.", self.command);
        }
        Ok(code)
    }

    /// A run that had started before its rule was disabled may go on until its timeout.
    async fn wait_for_runs(&self, there: &PlannedChanges) {
        let declared = self.from.manifest().venues.iter().map(|venue| venue.timeout_s);
        let deployed = there.snapshot.venues.values().filter_map(|live| live.function.as_present());
        let longest = declared.chain(deployed.map(|function| function.configuration.timeout_s)).max();
        // Nothing fires rules on this machine.
        let Some(longest) = longest.filter(|_| !self.from.works_without_network()) else { return };
        let wait = longest + EVENT_AGE_S;
        if self.to.json.is_none() {
            errln!("Waiting {} for the runs that have started.", format_duration(wait.into()));
        }
        tokio::time::sleep(Duration::from_secs(wait.into())).await;
    }

    /// The values of the secrets that a plan creates: as they are where the deployment was, since only that has what was set
    /// by hand and the newest tokens. The manifest's references are used where there is no secret.
    async fn copy_new_secrets(&self, plan: &Plan) -> Result<BTreeMap<String, SecretValue>> {
        let mut copied = BTreeMap::new();
        let mut rest = plan.clone();
        for change in &mut rest.changes {
            let mut operations = Vec::new();
            for operation in std::mem::take(&mut change.operations) {
                if let Operation::SecretsManager(SecretsManagerOperation::CreateSecret { secret }) = &operation
                    && let Some(value) = self.read_value_there(&secret.name).await?
                {
                    copied.insert(secret.name.clone(), value);
                } else {
                    operations.push(operation);
                }
            }
            change.operations = operations;
        }
        copied.extend(resolve_new_secrets(&self.to, &rest).await?);
        Ok(copied)
    }

    async fn read_value_there(&self, secret: &str) -> Result<Option<SecretValue>> {
        match read_secret_state(&self.from, secret).await.map_err(|error| secret_error(secret, &error))? {
            SecretState::Ours(_) => {}
            SecretState::Absent | SecretState::PendingDeletion(_) | SecretState::Foreign => return Ok(None),
        }
        let object = read_secret(&self.from, secret).await?;
        let value = SecretValue::new(serde_json::Value::Object(object).to_string()).map_err(|reason| {
            Error::failed(ErrorCode::AwsCall, format!("could not copy the secret {secret}: {reason}"))
        })?;
        Ok(Some(value))
    }

    /// Secrets that existed here already, such as those restored from an earlier move, get the values from there.
    async fn copy_changed_secrets(&self) -> Result<()> {
        for venue in self.to.manifest().venues.iter().filter(|venue| venue.status != Status::Blocked) {
            let secret = secret_name(&self.to, venue);
            let state = read_secret_state(&self.from, &secret).await.map_err(|error| secret_error(&secret, &error))?;
            if !matches!(state, SecretState::Ours(_)) {
                continue;
            }
            let wanted = read_secret(&self.from, &secret).await?;
            change_secret(&self.to, &secret, |object| (*object != wanted).then(|| object.clone_from(&wanted))).await?;
        }
        Ok(())
    }

    fn edit_manifest(&self) -> Result<()> {
        let to = self.args.to_region.as_str();
        let edited = EditableManifest::open(self.global)?.edit_manifest(
            |text| set_region(text, to),
            |before, after| {
                let moved = Deployment { region: to.to_owned(), ..before.deployment.clone() };
                moved == after.deployment && before.hubspot == after.hubspot && before.venues == after.venues
            },
        )?;
        if edited && self.to.json.is_none() {
            outln!("\nThe region is {to} in {}.", self.global.manifest.display());
        }
        Ok(())
    }
}

fn converge(desired: &Desired) -> ReconcileGoal<'_> {
    ReconcileGoal::Converge { desired, targets: &[], depth: ReadDepth::Full, max_delete: None, notes: Vec::new() }
}

/// Where a move began, for the time in which the manifest no longer says it.
struct MoveJournal {
    path: PathBuf,
}

/// What the file of a move contains.
#[derive(Serialize, Deserialize)]
struct MoveRecord {
    deployment: String,
    from: String,
    to: String,
}

impl MoveJournal {
    fn of_manifest(loaded: &LoadedManifest) -> Self {
        Self { path: state_directory(&loaded.manifest.path).join("move.json") }
    }

    fn write(&self, deployment: &Deployment, to: &str) -> Result<()> {
        let record =
            MoveRecord { deployment: deployment.name.clone(), from: deployment.region.clone(), to: to.to_owned() };
        let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        let directory = self.path.parent().unwrap_or(Path::new("."));
        private_files::create_state_directory(directory)
            .and_then(|()| private_files::replace_private_file(&self.path, &text))
            .map_err(|error| self.error("write", &error))
    }

    /// The region that a move of this deployment to `to` began in.
    fn read_origin(&self, deployment: &Deployment, to: &str) -> Result<Option<String>> {
        let text = private_files::read_private_file(&self.path).map_err(|error| self.error("read", &error))?;
        let record: Option<MoveRecord> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let record = record.filter(|record| record.deployment == deployment.name && record.to == to);
        Ok(record.map(|record| record.from))
    }

    fn remove(&self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.error("remove", &error)),
            _ => Ok(()),
        }
    }

    fn error(&self, verb: &str, error: &std::io::Error) -> Error {
        Error::failed(ErrorCode::FileUnwritable, format!("could not {verb} {}", self.path.display())).caused_by(error)
    }
}
