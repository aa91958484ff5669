//! `deployer restore`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::decommission::{open_archive, report_outcome, report_step};
use super::shared::reconcile::confirm_on_terminal;
use crate::cli::GlobalArgs;
use crate::render::{FORMAT_VERSION, JsonLines, comparison_text, restore_text};
use crate::terminal::quote_for_shell;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_janitor::decommission::DecommissionContext;
use deployer_janitor::decommission::carry_out::DecommissionEvent;
use deployer_janitor::decommission::restore::{RestorePlan, carry_out_restore};

/// Restore what was decommissioned
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The archive written by `deployer decommission`
    pub archive: PathBuf,
    /// ARNs or names of what to restore (default: everything deleted or in quarantine)
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Where the journal of this restore is kept, if not in the archive; automatic for an archive that can't be written to
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub(super) async fn run_restore(global: &GlobalArgs, args: &RestoreArgs) -> Result<ExitCode> {
    let (aws, scope, mut archive) = open_archive(global, &args.archive, args.journal.as_deref()).await?;
    let cx = DecommissionContext { aws: &aws, scope: &scope, delays: true };
    let plan = RestorePlan::new(&cx, &archive, &args.ids).await?;
    let json = global.json.then(JsonLines::default);
    match &json {
        Some(lines) => {
            lines.print_line(
                "restore",
                json!({ "format_version": FORMAT_VERSION, "account": scope.account, "region": scope.region }),
            );
            for note in &archive.notes {
                lines.print_line("note", json!({ "what": note }));
            }
            for (target, action) in &plan.items {
                lines.print_line(
                    "item",
                    json!({ "id": target.id, "kind": target.kind, "name": target.name, "action": action }),
                );
            }
            for refusal in &plan.refusals {
                lines.print_line("refused", refusal);
            }
            for left in &plan.left {
                lines.print_line("left", left);
            }
        }
        None => {
            outln!("Account {}, region {}; archive {}\n", scope.account, scope.region, args.archive.display());
            archive.notes.iter().for_each(|note| outln!("{note}\n"));
            out!("{}", restore_text(&plan));
        }
    }
    let planned = if plan.is_partial() { ExitCode::Partial } else { ExitCode::Done };
    if args.dry_run || !plan.has_changes() {
        if let Some(lines) = &json {
            lines.print_line("result", json!({ "exit_code": planned as u8 }));
        }
        return Ok(planned);
    }
    let question = format!(
        "Do you want to restore this in account {}? Whatever is enabled becomes active immediately: rules fire, \
         mappings poll.",
        scope.account
    );
    let command = repeat_command(args);
    confirm_on_terminal(
        global.json,
        args.yes,
        &question,
        &scope.account,
        &format!("review the plan with `{command} --dry-run`"),
    )?;
    let on_event = |event: &DecommissionEvent| report_step(json.as_ref(), event);
    let (outcome, comparisons) = carry_out_restore(&cx, &plan, &mut archive, &on_event).await;
    match &json {
        // Values of environment variables must not end up in logs.
        Some(lines) => {
            for comparison in &comparisons {
                let differing = comparison.differences.iter().map(|difference| {
                    let secret = difference.is_secret();
                    let shown = |value: &Option<String>| value.clone().filter(|_| !secret);
                    json!({ "path": difference.path, "archived": shown(&difference.archived), "now": shown(&difference.found) })
                });
                let differing: Vec<_> = differing.collect();
                let (id, now, same) = (&comparison.id, &comparison.now, comparison.same);
                lines.print_line("compared", json!({ "id": id, "now": now, "same": same, "differences": differing }));
            }
        }
        None => out!("\n{}", comparison_text(&comparisons)),
    }
    let differs = comparisons.iter().any(|comparison| !comparison.differences.is_empty());
    let code =
        if differs || plan.is_partial() || outcome.failed.is_some() { ExitCode::Partial } else { ExitCode::Done };
    report_outcome(json.as_ref(), &outcome, &command, code);
    Ok(code)
}

/// The command that repeats or resumes this run.
fn repeat_command(args: &RestoreArgs) -> String {
    let words = args.ids.iter().map(|id| quote_for_shell(id));
    let words = std::iter::once(quote_for_shell(&args.archive.to_string_lossy())).chain(words);
    let journal =
        args.journal.as_deref().map(|path| format!(" --journal {}", quote_for_shell(&path.to_string_lossy())));
    format!("deployer restore {}{}", words.collect::<Vec<_>>().join(" "), journal.unwrap_or_default())
}
