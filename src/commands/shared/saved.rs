//! Saved plans: the files that `plan --out` writes and `apply PLANFILE` reads.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::session::Session;
use crate::cli::PlanInputs;
use crate::terminal::{quote_for_shell, write_output_file};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{PlanOrigin, PlanPlace, SavedPlan, UnusablePlan};
use deployer_reconcile::PlannedChanges;

/// Writes a plan to a file.
pub(in crate::commands) fn write_saved_plan(
    session: &Session,
    planned: &PlannedChanges,
    artifacts: &[String],
    asked: &PlanInputs,
    path: &Path,
) -> Result<()> {
    let origin = PlanOrigin { snapshot: &planned.snapshot, manifest: session.loaded.redacted_text(), artifacts };
    let artifact = asked.artifact.as_ref().map(|path| path.display().to_string());
    let place = PlanPlace { local: session.local, artifact };
    let saved = SavedPlan::new(planned.plan.clone(), &origin, place, &asked.target, asked.archive_properties);
    write_output_file(path, saved.to_text().as_bytes()).map_err(|error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not save the plan to {}", path.display()))
            .caused_by(&error)
    })?;
    match &session.json {
        Some(lines) => lines.print_line("saved", json!({ "path": path.display().to_string() })),
        // On stderr, since stdout has the plan, which may be a document.
        None => {
            let path = quote_for_shell(&path.display().to_string());
            errln!("\nSaved. To apply exactly this plan: `deployer apply {path}`");
        }
    }
    Ok(())
}

/// Reads a saved plan.
pub(in crate::commands) fn read_saved_plan(path: &Path) -> Result<SavedPlan> {
    let shown = path.display();
    let text = bounds::read_regular_text(path, bounds::MAX_INPUT_FILE).map_err(|error| {
        Error::usage(ErrorCode::NotAPlan, format!("could not read the saved plan {shown}")).caused_by(&error)
    })?;
    SavedPlan::from_text(&text).map_err(|unusable| match unusable {
        UnusablePlan::NoPlan(reason) => {
            Error::usage(ErrorCode::NotAPlan, format!("{shown} is not a saved plan: {reason}")).hint(MAKE_ONE)
        }
        UnusablePlan::OtherVersion(version) => {
            let what = format!("{shown} was saved by another version of deployer (format {version})");
            Error::new(ExitCode::Stale, ErrorCode::StalePlan, what).hint(MAKE_ONE)
        }
        UnusablePlan::Edited => {
            let what = format!("{shown} was edited after it was saved; nothing was changed");
            Error::new(ExitCode::Stale, ErrorCode::StalePlan, what).hint(MAKE_ONE)
        }
    })
}

/// Refuses a plan for the other kind of cloud, before anything is read. The account and the region are compared later.
pub(in crate::commands) fn check_cloud(saved: &SavedPlan, path: &Path, local: bool) -> Result<()> {
    if saved.place.local == local {
        return Ok(());
    }
    let words = |local: bool| if local { "the local cloud" } else { "AWS" };
    let (then, now) = (words(saved.place.local), words(local));
    let hint = if local { "leave out --local" } else { "pass --local" };
    let what =
        format!("{} was made for {then}, and this run is for {now}; nothing was read or changed", path.display());
    Err(Error::refused(ErrorCode::StalePlan, what).hint(format!("{hint}, or {MAKE_ONE}")))
}

/// The artifact of a saved plan: the one that is passed now, or else the one that the plan was made with.
///
/// # Errors
/// The plan's own isn't there.
pub(in crate::commands) fn choose_artifact(saved: Option<&SavedPlan>, given: Option<&Path>) -> Result<Option<PathBuf>> {
    let of_plan = saved.and_then(|saved| saved.place.artifact.as_ref()).map(PathBuf::from);
    match (given, of_plan) {
        (Some(given), _) => Ok(Some(given.to_owned())),
        (None, Some(path)) if !path.exists() => {
            let what = format!("the plan was made with the artifact {}, which isn't there", path.display());
            Err(Error::new(ExitCode::Stale, ErrorCode::StalePlan, what).hint("pass the same file with --artifact PATH"))
        }
        (None, of_plan) => Ok(of_plan),
    }
}

const MAKE_ONE: &str = "make a new plan with `deployer plan --out FILE`";
