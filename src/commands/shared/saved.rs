//! Saved plans: the files that `plan --out` writes and `apply PLANFILE` reads.

use std::path::Path;

use serde_json::json;

use super::session::Session;
use crate::cli::PlanInputs;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{PlanOrigin, SavedPlan, UnusablePlan};
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
    let saved = SavedPlan::new(planned.plan.clone(), &origin, &asked.target, asked.archive_properties);
    std::fs::write(path, saved.to_text())
        .map_err(|error| Error::failed(format!("could not save the plan to {}", path.display())).caused_by(&error))?;
    match &session.json {
        Some(lines) => lines.print_line("saved", json!({ "path": path.display().to_string() })),
        // On stderr, since stdout has the plan, which may be a document.
        None => errln!("\nSaved. To apply exactly this plan: deployer apply {}", path.display()),
    }
    Ok(())
}

/// Reads a saved plan.
pub(in crate::commands) fn read_saved_plan(path: &Path) -> Result<SavedPlan> {
    let shown = path.display();
    let text = bounds::read_regular_text(path, bounds::MAX_INPUT_FILE)
        .map_err(|error| Error::usage(format!("could not read the saved plan {shown}")).caused_by(&error))?;
    SavedPlan::from_text(&text).map_err(|unusable| match unusable {
        UnusablePlan::NoPlan(reason) => Error::usage(format!("{shown} is not a saved plan: {reason}")).hint(MAKE_ONE),
        UnusablePlan::OtherVersion(version) => {
            let what = format!("{shown} was saved by another version of deployer (format {version})");
            Error::new(ExitCode::Stale, what).hint(MAKE_ONE)
        }
        UnusablePlan::Edited => {
            let what = format!("{shown} was edited after it was saved; nothing was changed");
            Error::new(ExitCode::Stale, what).hint(MAKE_ONE)
        }
    })
}

const MAKE_ONE: &str = "make a new plan with `deployer plan --out FILE`";
