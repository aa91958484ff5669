//! `deployer plan`

use std::io::Write;

use super::artifacts::Artifacts;
use super::portal;
use super::reconcile::{Planned, make_plan, notes, plan_code, show};
use super::saved;
use super::session::Session;
use crate::cli::{Global, PlanArgs, PlanFormat};
use crate::desired::desired;
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;
use crate::render::{plan_html, plan_markdown};

pub(super) async fn run(global: &Global, args: &PlanArgs) -> Result<ExitCode> {
    let format = format(global.json, args.format)?;
    let global = Global { json: format == PlanFormat::Json, ..global.clone() };
    let session = Session::open(&global).await?;
    let portal = portal::check(&session).await?;
    let artifacts = Artifacts::prepare(&session, args.inputs.artifact.as_deref()).await?;
    let desired = desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    let targets = &args.inputs.target;
    let mut planned = make_plan(&session, &desired, targets).await?;
    planned.plan.notes.extend(notes(&session).into_iter().chain(portal));
    print(&session, format, &planned)?;
    if let Some(path) = &args.out {
        saved::write(&session, &planned, &artifacts.hashes(), targets, path)?;
    }
    let code = plan_code(&planned.plan);
    if code == ExitCode::Done && args.detailed_exitcode && !planned.plan.changes.is_empty() {
        return Ok(ExitCode::Changes);
    }
    Ok(code)
}

/// `--json`, which all commands have, is `--format json` here.
fn format(json: bool, format: Option<PlanFormat>) -> Result<PlanFormat> {
    match (json, format) {
        (true, Some(PlanFormat::Text | PlanFormat::Markdown | PlanFormat::Html)) => {
            Err(Error::usage("--json and --format say different things").hint("leave out --json"))
        }
        (true, _) => Ok(PlanFormat::Json),
        (false, format) => Ok(format.unwrap_or(PlanFormat::Text)),
    }
}

/// Prints a plan and its cost on standard output.
fn print(session: &Session, format: PlanFormat, planned: &Planned) -> Result<()> {
    let cost = planned.cost.as_ref();
    match format {
        PlanFormat::Text | PlanFormat::Json => show(session, planned),
        PlanFormat::Markdown => document(&plan_markdown(&planned.plan, cost))?,
        PlanFormat::Html => document(&plan_html(&planned.plan, cost))?,
    }
    Ok(())
}

/// A document is whole or it is nothing: half a page in a file would look like a plan.
fn document(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Error::failed("the plan can't be printed").caused_by(&error))
}
