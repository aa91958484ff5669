//! Plans and results as people read them: the signs and the closing line that Terraform's users know.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::apply::Outcome;
use crate::plan::{Action, AttributeChange, Change, Plan, Summary};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// A whole plan. The text has ANSI styles; a stream that is no terminal strips them.
pub fn plan_text(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{BOLD}{}{BOLD:#} in account {}, region {}",
        plan.deployment, plan.scope.account, plan.scope.region
    );
    let mut venue = None;
    for change in &plan.changes {
        if venue != Some(&change.address.venue) {
            venue = Some(&change.address.venue);
            let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}", change.address.venue);
        }
        write_change(&mut out, change);
    }
    for conflict in &plan.conflicts {
        let owner = conflict.owner.as_deref().unwrap_or("nobody that its tags name");
        let _ = writeln!(
            out,
            "\n{RED}error:{RED:#} {} {} exists and isn't owned by deployment {} (its owner: {owner})\n  \
             hint: nothing was changed. Rename the venue or the deployment, delete the resource yourself, or take it \
             under management with `deployer adopt {}`",
            conflict.address.kind, conflict.name, plan.deployment, conflict.address.venue
        );
    }
    for venue in &plan.protected {
        let _ = writeln!(
            out,
            "\n{RED}error:{RED:#} {venue} is protected and would be removed\n  \
             hint: declare it with `protect = false`, apply that, and remove it then"
        );
    }
    for unreadable in &plan.unreadable {
        let what = unreadable.address.as_ref().map_or_else(|| "a list".to_owned(), ToString::to_string);
        let _ = writeln!(out, "\n{YELLOW}not read:{YELLOW:#} {what} is left alone: {}", unreadable.reason);
    }
    for note in &plan.notes {
        let _ = writeln!(out, "\n{DIM}note:{DIM:#} {note}");
    }
    let _ = writeln!(out, "\n{}", summary_line(plan));
    out
}

/// The closing line of a plan.
pub fn summary_line(plan: &Plan) -> String {
    let Summary { create, update, replace, delete, unchanged } = plan.summary();
    let complete = plan.unreadable.is_empty();
    let refused = !plan.conflicts.is_empty() || !plan.protected.is_empty();
    let changes = create + update + replace + delete;
    if changes == 0 && complete && !refused {
        return format!("{GREEN}No changes.{GREEN:#} {unchanged} resources are as the manifest says.");
    }
    let mut line = format!("{BOLD}Plan:{BOLD:#} {create} to create, {update} to change, ");
    if replace > 0 {
        let _ = write!(line, "{replace} to replace, ");
    }
    let _ = write!(line, "{delete} to delete; {unchanged} stay as they are.");
    if !complete {
        line.push_str(" The plan is incomplete: something couldn't be read.");
    }
    if refused {
        line.push_str(" An apply refuses it until the errors above are resolved.");
    }
    line
}

fn write_change(out: &mut String, change: &Change) {
    let (sign, style) = sign(change.action);
    let _ = writeln!(
        out,
        "  {style}{sign}{style:#} {} {}  {DIM}# {}{DIM:#}",
        change.address.kind, change.name, change.reason
    );
    let width = change.attributes.iter().map(|attribute| attribute.path.len()).max().unwrap_or_default().min(40);
    for attribute in &change.attributes {
        write_attribute(out, attribute, width);
    }
}

fn write_attribute(out: &mut String, attribute: &AttributeChange, width: usize) {
    let show = |value: &Option<serde_json::Value>| value.as_ref().map_or_else(String::new, ToString::to_string);
    let after = if attribute.known_after_apply { "(known after apply)".to_owned() } else { show(&attribute.after) };
    let path = &attribute.path;
    let _ = match (&attribute.before, attribute.known_after_apply || attribute.after.is_some()) {
        (None, _) => writeln!(out, "      {GREEN}+{GREEN:#} {path:width$} = {after}"),
        (Some(_), true) => {
            writeln!(out, "      {YELLOW}~{YELLOW:#} {path:width$} = {} -> {after}", show(&attribute.before))
        }
        (Some(_), false) => writeln!(out, "      {RED}-{RED:#} {path:width$} = {}", show(&attribute.before)),
    };
}

fn sign(action: Action) -> (&'static str, Style) {
    match action {
        Action::Create | Action::Restore => ("+", GREEN),
        Action::Update => ("~", YELLOW),
        Action::Replace => ("-/+", YELLOW),
        Action::Delete => ("-", RED),
    }
}

/// What has been done to a resource.
pub fn action_word(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Restore => "restored",
        Action::Update => "changed",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
    }
}

/// The closing summary of an apply: what is done, what isn't, and the command that goes on.
pub fn result_text(outcome: &Outcome, command: &str) -> String {
    let mut out = String::new();
    let count = |action: Action| outcome.done.iter().filter(|(_, done)| *done == action).count();
    let done: Vec<String> = [Action::Create, Action::Restore, Action::Update, Action::Replace, Action::Delete]
        .into_iter()
        .filter(|action| count(*action) > 0)
        .map(|action| format!("{} {}", count(action), action_word(action)))
        .collect();
    let done = if done.is_empty() { "nothing done".to_owned() } else { done.join(", ") };
    if outcome.failed.is_empty() && outcome.not_started.is_empty() {
        let _ = writeln!(out, "{GREEN}Done:{GREEN:#} {done}.");
        return out;
    }
    let word = if outcome.cancelled { "Cancelled:" } else { "Not all is done:" };
    let _ = writeln!(
        out,
        "{RED}{word}{RED:#} {done}, {} failed, {} not started.",
        outcome.failed.len(),
        outcome.not_started.len()
    );
    for (address, error) in &outcome.failed {
        let _ = writeln!(out, "  failed       {address}: {error}");
        if let Some(hint) = error.hint() {
            let _ = writeln!(out, "               hint: {hint}");
        }
    }
    for address in &outcome.not_started {
        let _ = writeln!(out, "  not started  {address}");
    }
    let _ = writeln!(out, "To go on: {BOLD}{command}{BOLD:#}");
    out
}
