//! `deployer restore`

use serde_json::json;

use super::decommission::{close, open, tell};
use super::reconcile::confirmed;
use crate::cli::{Global, RestoreArgs};
use crate::render::{FORMAT_VERSION, JsonLines, comparison_text, restore_text};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_janitor::decommission::Cx;
use deployer_janitor::decommission::carry_out::Event;
use deployer_janitor::decommission::restore::{Plan, carry_out};

pub(super) async fn run_restore(global: &Global, args: &RestoreArgs) -> Result<ExitCode> {
    let (aws, scope, mut archive) = open(global, &args.archive).await?;
    let cx = Cx { aws: &aws, scope: &scope, delays: true };
    let plan = Plan::new(&cx, &archive, &args.ids).await?;
    let json = global.json.then(JsonLines::default);
    match &json {
        Some(lines) => {
            lines.line(
                "restore",
                json!({ "format_version": FORMAT_VERSION, "account": scope.account, "region": scope.region }),
            );
            for (target, action) in &plan.items {
                lines.line(
                    "item",
                    json!({ "id": target.id, "kind": target.kind, "name": target.name, "action": action }),
                );
            }
            for refusal in &plan.refusals {
                lines.line("refused", refusal);
            }
        }
        None => {
            anstream::println!(
                "Account {}, region {}; archive {}\n",
                scope.account,
                scope.region,
                args.archive.display()
            );
            anstream::print!("{}", restore_text(&plan));
        }
    }
    if !plan.refusals.is_empty() {
        let mut error = Error::refused("some resources can't be restored; nothing was changed");
        error.causes = plan.refusals.iter().map(|refusal| format!("{}: {}", refusal.what, refusal.why)).collect();
        return Err(error.hint("name the resources to restore, without the refused ones"));
    }
    if args.dry_run || !plan.has_changes() {
        if let Some(lines) = &json {
            lines.line("result", json!({ "exit_code": ExitCode::Done as u8 }));
        }
        return Ok(ExitCode::Done);
    }
    let question = format!(
        "Do you want to restore this in account {}? Whatever is enabled becomes active immediately: rules fire, \
         mappings poll.",
        scope.account
    );
    confirmed(global.json, args.yes, &question, &scope.account)?;
    let on_event = |event: &Event| tell(json.as_ref(), event);
    let (outcome, comparisons) = carry_out(&cx, &plan, &mut archive, &on_event).await;
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
                lines.line("compared", json!({ "id": id, "now": now, "same": same, "differences": differing }));
            }
        }
        None => anstream::print!("\n{}", comparison_text(&comparisons)),
    }
    Ok(close(json.as_ref(), &outcome, "the same command"))
}
