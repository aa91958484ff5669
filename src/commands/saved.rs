//! Saved plans: the files of `plan --out` and `apply PLANFILE`.

use std::path::Path;

use serde_json::json;

use super::reconcile::Planned;
use super::session::Session;
use crate::cli::PlanInputs;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{Origin, SavedPlan, Unusable};

/// Writes a plan to a file.
pub(super) fn write(
    session: &Session,
    planned: &Planned,
    artifacts: &[String],
    asked: &PlanInputs,
    path: &Path,
) -> Result<()> {
    let origin = Origin { snapshot: &planned.snapshot, manifest: session.loaded.text(), artifacts };
    let saved = SavedPlan::new(planned.plan.clone(), &origin, &asked.target, asked.archive_properties);
    std::fs::write(path, saved.to_text())
        .map_err(|error| Error::failed(format!("the plan can't be saved in {}", path.display())).caused_by(&error))?;
    match &session.json {
        Some(lines) => lines.line("saved", json!({ "path": path.display().to_string() })),
        // Beside the plan, which may be a document.
        None => anstream::eprintln!("\nSaved. To carry out exactly this: deployer apply {}", path.display()),
    }
    Ok(())
}

/// Reads a saved plan.
pub(super) fn read(path: &Path) -> Result<SavedPlan> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("the saved plan {shown} can't be read")).caused_by(&error))?;
    SavedPlan::from_text(&text).map_err(|unusable| match unusable {
        Unusable::NoPlan(reason) => Error::usage(format!("{shown} is no saved plan: {reason}")).hint(MAKE_ONE),
        Unusable::OtherVersion(version) => {
            let what = format!("{shown} was saved by another version of deployer (format {version})");
            Error::new(ExitCode::Stale, what).hint(MAKE_ONE)
        }
        Unusable::Edited => {
            let what = format!("{shown} was changed after it was saved; nothing was done");
            Error::new(ExitCode::Stale, what).hint(MAKE_ONE)
        }
    })
}

const MAKE_ONE: &str = "make one with `deployer plan --out FILE`";

/// The refusal of a plan since which something has moved.
pub(super) fn stale(moved: Vec<String>) -> Error {
    let mut error = Error::new(ExitCode::Stale, "the saved plan is stale; nothing was changed");
    error.causes = moved;
    error.hint("make a new one with `deployer plan --out FILE`, and look at it")
}
