//! `deployer move`
//!
//! Each step looks at what exists, so that the same command goes on wherever an earlier one ended: pause there, wait for the
//! runs that are under way, create here (paused), edit the manifest, resume here, delete there. At no time do both places run.

mod journal;
mod place;
mod secrets;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use self::journal::MoveJournal;
use self::place::{MovePlaces, find_places};
use super::shared::artifacts::Artifacts;
use super::shared::reconcile::{TerminalFrontend, apply_options, confirm_on_terminal, reconciler, show_plan};
use super::shared::session::{Session, load_manifest};
use super::shared::trust::show_new_trust;
use super::venue::write::EditableManifest;
use crate::cli::{ConfirmArgs, ExecutionArgs, GlobalArgs};
use deployer_core::desired::{Desired, derive_desired};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Deployment, Status, format_duration, set_account, set_region};
use deployer_core::plan::Plan;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::portal::PortalAccess;
use deployer_reconcile::{PlanNotes, PlannedChanges, ReadDepth, ReconcileGoal, guards};

/// How long EventBridge and Lambda may hold an event back after its rule was disabled, in seconds.
const EVENT_AGE_S: u32 = 60;

/// Move the deployment to another region or account: pause there, create here, resume here, delete there
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The region to move to (default with --to-profile: the manifest's)
    #[arg(long, value_name = "REGION", required_unless_present = "to_profile")]
    pub to_region: Option<String>,
    /// The AWS profile of the account to move to; --profile and the environment are those of the former one
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    pub to_profile: Option<String>,
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

impl MoveArgs {
    /// The command that goes on with this move.
    fn command(&self) -> String {
        let flag = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!(" --{name} {value}"))
        };
        format!("deployer move{}{}", flag("to-region", &self.to_region), flag("to-profile", &self.to_profile))
    }
}

pub(super) async fn run_move(global: &GlobalArgs, args: &MoveArgs) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    show_new_trust(global, &loaded);
    let mut journal = MoveJournal::of_manifest(&loaded)?;
    let Some(places) = find_places(global, args, &loaded, &mut journal).await? else {
        journal.remove()?;
        let to = args.to_region.as_deref().unwrap_or(&loaded.manifest.deployment.region);
        outln!("The deployment is in {to}; there is nothing to move.");
        return Ok(ExitCode::Done);
    };
    let MovePlaces { from, to, is_manifest_edited } = places;
    MoveTask { global, args, is_manifest_edited, from, to, command: args.command(), journal }.run_steps().await
}

struct MoveTask<'a> {
    global: &'a GlobalArgs,
    args: &'a MoveArgs,
    /// Whether the manifest says already that the deployment is here.
    is_manifest_edited: bool,
    from: Session,
    to: Session,
    command: String,
    journal: MoveJournal,
}

impl MoveTask<'_> {
    async fn run_steps(&self) -> Result<ExitCode> {
        let (from, to) = (self.name_of(&self.from), self.name_of(&self.to));
        self.check_arns()?;
        let artifacts = Artifacts::prepare_artifacts(&self.to, self.args.artifact.as_deref()).await?;
        let portal = self.to.open_portal().await?;
        let paused_there = self.desired_at(&self.from, None, true);
        let paused_here = self.desired_at(&self.to, Some(&artifacts), true);
        let running_here = self.desired_at(&self.to, Some(&artifacts), false);
        let nothing_there =
            Desired { venues: Vec::new(), canary: None, alarms: None, schedule_group: None, ..paused_there.clone() };
        let pause = ReconcileGoal::Pause { paused: &paused_there };
        let create = converge(&paused_here);
        let resume = converge(&running_here);
        let delete = ReconcileGoal::Destroy {
            nothing: &nothing_there,
            targets: &[],
            moved_to: Some(&to),
            notes: PlanNotes::none(),
        };
        let untouched = PortalAccess::not_needed();

        let there = reconciler(&self.from, &untouched, ApplyOptions::default()).plan(&pause).await?;
        let left = there.snapshot.venues.values().any(|live| live.any_exists());
        if !left && !self.is_manifest_edited {
            return Err(self.nothing_to_move(&from));
        }
        let mut here = reconciler(&self.to, &portal, ApplyOptions::default()).plan(&create).await?;
        // Once it ran here, what is here is newer.
        let is_created = self.is_manifest_edited && (self.journal.exists() || runs_anywhere(&here));
        if !is_created && self.moves_account() {
            self.check_references().await?;
        }
        // Before anything is paused there.
        let refusal = match self.args.dry_run || is_created {
            true => None,
            false => guards::take_quota_refusal(&mut here.plan),
        };
        self.show_step(&format!("Pause in {from}"), &there);
        if !is_created {
            let credentials = match self.moves_account() {
                true => "with the credentials that the manifest refers to".to_owned(),
                false => format!("with the credentials from {from}"),
            };
            self.show_step(&format!("Create in {to}, paused, {credentials}"), &here);
        }
        let pruned = reconciler(&self.from, &untouched, ApplyOptions::default()).plan(&delete).await?;
        self.show_step(&format!("Then edit the manifest, resume in {to}, and delete in {from}"), &pruned);
        self.note_consents();
        if self.args.dry_run {
            return Ok(ExitCode::Done);
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let question = format!(
            "Do you want to move deployment {} from {from} to {to}? Logs in {from} are deleted; flags wait meanwhile.",
            paused_there.deployment
        );
        let review = format!("review the steps with `{} --dry-run`", self.command);
        let asking = &self.args.execution.asking;
        confirm_on_terminal(self.from.json.is_some(), asking.yes, &question, "yes", &review)?;

        let code = self.reconcile(&self.from, &untouched, &pause, async |_| Ok(ApplyInputs::default())).await?;
        if code != ExitCode::Done {
            return self.stop(code);
        }
        let inputs = async |plan: &Plan| {
            let secrets = self.find_new_secrets(plan).await?;
            Ok(ApplyInputs { artifacts: artifacts.zips_by_hash(), secrets, hubspot: portal.hubspot_client() })
        };
        if !is_created || !there.plan.changes.is_empty() {
            self.wait_for_runs(&there).await;
        }
        if !is_created {
            let code = self.reconcile(&self.to, &portal, &create, &inputs).await?;
            if code != ExitCode::Done {
                return self.stop(code);
            }
            self.update_secrets().await?;
            self.journal.write(&self.from.scope, &self.to)?;
        }
        self.edit_manifest()?;
        self.check_paused(&pause, &untouched, &from).await?;
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
            Some(lines) => {
                let place =
                    |session: &Session| json!({ "account": session.scope.account, "region": session.scope.region });
                let scopes = (place(&self.from), place(&self.to));
                lines.print_line(
                    "moved",
                    json!({ "from": from, "to": to, "from_place": scopes.0, "to_place": scopes.1 }),
                );
            }
            None => outln!("\nMoved from {from} to {to}."),
        }
        Ok(ExitCode::Done)
    }

    /// Whether it is moved to another account.
    fn moves_account(&self) -> bool {
        self.from.scope.account != self.to.scope.account
    }

    /// One of the two places in words: by what differs.
    fn name_of(&self, session: &Session) -> String {
        let scope = &session.scope;
        match (self.moves_account(), self.from.scope.region != self.to.scope.region) {
            (false, _) => scope.region.clone(),
            (true, false) => format!("account {}", scope.account),
            (true, true) => format!("account {} ({})", scope.account, scope.region),
        }
    }

    fn nothing_to_move(&self, from: &str) -> Error {
        let deployment = &self.from.manifest().deployment.name;
        let scope = &self.to.scope;
        let keys = match self.moves_account() {
            true => format!("`account = \"{}\"` and `region = \"{}\"`", scope.account, scope.region),
            false => format!("`region = \"{}\"`", scope.region),
        };
        Error::usage(ErrorCode::Move, format!("deployment {deployment} has nothing in {from}")).hint(format!(
            "to deploy it in {}, set {keys} in the manifest and run `deployer apply`",
            self.name_of(&self.to)
        ))
    }

    /// What the manifest asks for in a session's place. The other place is part of the move.
    fn desired_at(&self, session: &Session, artifacts: Option<&Artifacts>, paused: bool) -> Desired {
        let mut manifest = session.manifest().clone();
        for venue in manifest.venues.iter_mut().filter(|venue| paused && venue.status == Status::Active) {
            venue.status = Status::Paused;
        }
        let hash = |venue: &_| artifacts.map_or_else(String::new, |artifacts| artifacts.code_sha256(session, venue));
        let mut desired = derive_desired(&manifest, &session.scope, hash);
        desired.code_bytes = artifacts.and_then(Artifacts::code_bytes);
        // Before anything runs here, the other place is looked at like any other deployment.
        if paused {
            let places = [&self.from.scope, &self.to.scope];
            let beside = places.map(|scope| format!("{}@{}", manifest.deployment.name, scope.region));
            desired.may_share_with.extend(beside);
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

    /// Refuses to enable a rule here while one is enabled there. What is in another account can only be asked there.
    async fn check_paused(&self, pause: &ReconcileGoal<'_>, portal: &PortalAccess, from: &str) -> Result<()> {
        let there = reconciler(&self.from, portal, ApplyOptions::default()).plan(pause).await?;
        if there.plan.changes.is_empty() {
            return Ok(());
        }
        let who =
            format!("somebody enabled rules in {from} again, so nothing was enabled in {}", self.name_of(&self.to));
        Err(Error::refused(ErrorCode::Move, who).hint(format!("run `{}` again", self.command)))
    }

    fn edit_manifest(&self) -> Result<()> {
        let region = self.to.scope.region.as_str();
        // So that nobody applies it to the former account by mistake.
        let account = self.moves_account().then_some(self.to.scope.account.as_str());
        let edited = EditableManifest::open(self.global)?.edit_manifest(
            |text| {
                let text = set_region(text, region)?;
                account.map_or_else(|| Ok(text.clone()), |account| set_account(&text, account))
            },
            |before, after| {
                let account = account.map(ToOwned::to_owned).or_else(|| before.deployment.account.clone());
                let moved = Deployment { region: region.to_owned(), account, ..before.deployment.clone() };
                moved == after.deployment && before.hubspot == after.hubspot && before.venues == after.venues
            },
        )?;
        if edited && self.to.json.is_none() {
            let manifest = self.global.manifest.display();
            match account {
                Some(account) => outln!("\nThe account is {account} and the region is {region} in {manifest}."),
                None => outln!("\nThe region is {region} in {manifest}."),
            }
        }
        Ok(())
    }
}

fn converge(desired: &Desired) -> ReconcileGoal<'_> {
    ReconcileGoal::Converge {
        desired,
        targets: &[],
        depth: ReadDepth::Full,
        max_delete: None,
        notes: PlanNotes::none(),
    }
}

/// Whether a rule or a schedule is enabled.
fn runs_anywhere(planned: &PlannedChanges) -> bool {
    planned.snapshot.venues.values().any(|live| {
        live.rule.as_present().is_some_and(|rule| rule.enabled)
            || live.schedule.as_present().is_some_and(|schedule| schedule.enabled)
    })
}
