//! `deployer plan`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::artifacts::Artifacts;
use super::shared::reconcile::{plan_notes, reconciler, show_plan};
use super::shared::saved;
use super::shared::secret_values::note_missing_values;
use super::shared::session::{Session, output_format};
use super::shared::trust::restrict_unwatched_plan;
use crate::cli::{GlobalArgs, PlanFormat, PlanInputs, TrustArgs};
use crate::manifests::{ManifestRun, RunDocument, own_venues};
use crate::render::{plan_markdown, plan_page};
use deployer_core::desired::derive_desired;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_reconcile::apply::ApplyOptions;
use deployer_reconcile::guards::plan_exit_code;
use deployer_reconcile::{PlanNotes, PlannedChanges, ReadDepth, ReconcileGoal};

/// Up to this many venues, everything is read unless `--refresh` says otherwise; each venue takes eleven reads.
const FULL_UP_TO: usize = 50;

pub(super) async fn run_plan(global: &GlobalArgs, args: &PlanArgs) -> Result<ExitCode> {
    let format = output_format(global.json, args.format)?;
    restrict_unwatched_plan(args.trust);
    let global = GlobalArgs { json: format == PlanFormat::Json, ..global.clone() };
    let session = Session::open(&global).await?;
    let portal = session.open_portal().await?;
    portal.check_archiving(args.inputs.archive_properties)?;
    let artifacts = Artifacts::prepare_artifacts(&session, args.inputs.artifact.as_deref()).await?;
    let mut desired =
        derive_desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    desired.archive_properties = args.inputs.archive_properties;
    desired.code_bytes = artifacts.code_bytes();
    let targets = own_venues(session.manifest(), &args.inputs.target);
    let goal = ReconcileGoal::Converge {
        desired: &desired,
        targets: &targets,
        depth: match choose_refresh(args, desired.deployed_venues().len())? {
            PlanRefresh::Full => ReadDepth::Full,
            PlanRefresh::Fast => ReadDepth::Lists,
        },
        max_delete: None,
        notes: PlanNotes::find(plan_notes(&session, &portal)),
    };
    let mut planned = reconciler(&session, &portal, ApplyOptions::default()).plan(&goal).await?;
    let missing = note_missing_values(&session, &planned.plan);
    planned.plan.notes.extend(missing);
    print_plan(&session, format, &planned)?;
    if let Some(path) = &args.out {
        saved::write_saved_plan(&session, &planned, &artifacts.artifact_hashes(), &args.inputs, path)?;
    }
    let code = plan_exit_code(&planned.plan);
    let plan = &planned.plan;
    let differs = !plan.changes.is_empty() || !plan.findings.is_empty();
    if code == ExitCode::Done && args.detailed_exitcode && differs {
        return Ok(ExitCode::Changes);
    }
    Ok(code)
}

/// Prints a plan and its cost to stdout.
fn print_plan(session: &Session, format: PlanFormat, planned: &PlannedChanges) -> Result<()> {
    let cost = planned.cost.as_ref();
    match format {
        PlanFormat::Text | PlanFormat::Json => show_plan(session, planned),
        PlanFormat::Markdown => crate::terminal::print_document(&plan_markdown(&planned.plan, cost))?,
        PlanFormat::Html => match ManifestRun::current() {
            Some(run) => run.keep_document(RunDocument::Page(plan_page(&planned.plan, cost))),
            None => crate::terminal::print_document(&plan_page(&planned.plan, cost).to_text())?,
        },
    }
    Ok(())
}

/// How much to read. A saved plan is applied as it is, so it needs a full read.
fn choose_refresh(args: &PlanArgs, venues: usize) -> Result<PlanRefresh> {
    match (args.refresh, &args.out) {
        (Some(PlanRefresh::Fast), Some(_)) => {
            Err(Error::usage(ErrorCode::CommandLine, "a plan made with --refresh fast can't be saved")
                .hint("leave out --refresh fast or --out"))
        }
        (None, None) if venues > FULL_UP_TO => Ok(PlanRefresh::Fast),
        (asked, _) => Ok(asked.unwrap_or(PlanRefresh::Full)),
    }
}

/// Show what an apply would change, attribute by attribute
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The inputs of the plan.
    #[command(flatten)]
    pub inputs: PlanInputs,
    /// What a plan that nobody watches may do.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Save the plan to a file for `deployer apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 10 if there are changes, or drift that an apply leaves alone
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// How much of what exists to read (default: full up to 50 venues, fast above)
    #[arg(long, value_enum)]
    pub refresh: Option<PlanRefresh>,
    /// Output format; --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<PlanFormat>,
}

/// How much of what exists a plan reads. An apply always reads everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanRefresh {
    /// Lists only; the plan says what it didn't check
    Fast,
    /// Everything
    Full,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;

    #[test]
    fn reads_only_lists_for_many_venues_unless_flags_say_otherwise() {
        let refresh = |flags: &[&str], venues| {
            let cli = Cli::parse_from(["deployer", "plan"].iter().chain(flags));
            let Command::Plan(args) = cli.command else { return None };
            choose_refresh(&args, venues).ok()
        };
        assert_eq!(refresh(&[], 50), Some(PlanRefresh::Full));
        assert_eq!(refresh(&[], 51), Some(PlanRefresh::Fast));
        assert_eq!(refresh(&["--refresh", "full"], 1000), Some(PlanRefresh::Full));
        assert_eq!(refresh(&["--refresh", "fast"], 1), Some(PlanRefresh::Fast));
        assert_eq!(refresh(&["--out", "plan.json"], 1000), Some(PlanRefresh::Full));
        assert_eq!(refresh(&["--out", "plan.json", "--refresh", "fast"], 1), None);
    }
}
