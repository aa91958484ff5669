//! Decommissioning and restoring, for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use deployer_janitor::decommission::carry_out::{DecommissionEvent, DecommissionOutcome};
use deployer_janitor::decommission::plan::{DecommissionAction, DecommissionPlan};
use deployer_janitor::decommission::restore::{self, RestoreComparison};
use deployer_janitor::decommission::select::DecommissionRefusal;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// A plan of `decommission`, in the order of its steps.
pub fn decommission_text(plan: &DecommissionPlan) -> String {
    let mut out = String::new();
    for item in &plan.items {
        let (style, sign) = action_sign(&item.action);
        let what = item.target.kind_and_name();
        let _ = writeln!(out, "  {style}{sign}{style:#} {what}  {DIM}# {}{DIM:#}", action_words(&item.action));
        for line in &item.evidence {
            let _ = writeln!(out, "      why   {line}");
        }
        for line in &item.notes {
            let _ = writeln!(out, "      {YELLOW}note{YELLOW:#}  {line}");
        }
        if item.action.archives_first() {
            for line in &item.lost {
                let _ = writeln!(out, "      {YELLOW}lost{YELLOW:#}  {line}");
            }
        }
    }
    write_refusals(&mut out, &plan.refusals);
    let counts = [
        (
            count_actions(plan, |action| {
                matches!(action, DecommissionAction::Delete | DecommissionAction::DeleteQuiet)
            }),
            "to delete",
        ),
        (count_actions(plan, |action| matches!(action, DecommissionAction::Quarantine { .. })), "to quarantine"),
        (count_actions(plan, |action| matches!(action, DecommissionAction::Release { .. })), "to release"),
        (count_actions(plan, |action| matches!(action, DecommissionAction::GoOn)), "to resume"),
        (count_actions(plan, |action| matches!(action, DecommissionAction::Wait { .. })), "waiting"),
        (count_actions(plan, |action| matches!(action, DecommissionAction::Gone)), "already deleted"),
        (plan.refusals.len(), "refused"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    let _ = writeln!(out, "\n{BOLD}Plan:{BOLD:#} {counts}.");
    out
}

fn count_actions(plan: &DecommissionPlan, counted: impl Fn(&DecommissionAction) -> bool) -> usize {
    plan.items.iter().filter(|item| counted(&item.action)).count()
}

fn action_sign(action: &DecommissionAction) -> (Style, &'static str) {
    match action {
        DecommissionAction::Delete | DecommissionAction::DeleteQuiet => (RED, "-"),
        DecommissionAction::Quarantine { .. } | DecommissionAction::GoOn => (YELLOW, "~"),
        DecommissionAction::Release { .. } => (GREEN, "+"),
        DecommissionAction::Wait { .. } | DecommissionAction::Gone => (DIM, " "),
    }
}

fn action_words(action: &DecommissionAction) -> String {
    let day = |at: &jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    match action {
        DecommissionAction::Delete => "archive, verify, delete".to_owned(),
        DecommissionAction::Quarantine { until } => format!("archive, verify, disable until {}", day(until)),
        DecommissionAction::DeleteQuiet => "delete: not called in quarantine".to_owned(),
        DecommissionAction::Release { why } => format!("release: {why}"),
        DecommissionAction::Wait { until } => format!("in quarantine until {}", day(until)),
        DecommissionAction::GoOn => "resume an interrupted run".to_owned(),
        DecommissionAction::Gone => "already deleted".to_owned(),
    }
}

fn write_refusals(out: &mut String, refusals: &[DecommissionRefusal]) {
    for DecommissionRefusal { what, why, .. } in refusals {
        let _ = writeln!(out, "  {RED}refused{RED:#} {what}: {why}");
    }
}

/// A plan of `restore`, in the order of its steps.
pub fn restore_text(plan: &restore::RestorePlan) -> String {
    let mut out = String::new();
    for (target, action) in &plan.items {
        let (style, sign, words) = match action {
            restore::RestoreAction::Restore => (GREEN, "+", "recreate as archived"),
            restore::RestoreAction::GoOn => (YELLOW, "~", "resume an interrupted restore"),
            restore::RestoreAction::Release => (GREEN, "+", "release from quarantine"),
            restore::RestoreAction::Same => (DIM, " ", "already exists as archived"),
        };
        let what = target.kind_and_name();
        let needed =
            plan.needed_by.get(&target.id).map(|name| format!(", because {name} needs it")).unwrap_or_default();
        let _ = writeln!(out, "  {style}{sign}{style:#} {what}  {DIM}# {words}{needed}{DIM:#}");
    }
    write_refusals(&mut out, &plan.refusals);
    for left in &plan.left {
        let _ = writeln!(out, "  {YELLOW}={YELLOW:#} {}  {DIM}# {}{DIM:#}", left.what, left.why);
    }
    let there = plan.items.iter().filter(|(_, action)| *action == restore::RestoreAction::Same).count();
    let _ = writeln!(
        out,
        "\n{BOLD}Plan:{BOLD:#} {} to restore, {there} already exist, {} differ and are left, {} refused.",
        plan.items.len() - there,
        plan.left.len(),
        plan.refusals.len()
    );
    out
}

/// A step, while it happens.
pub fn event_text(event: &DecommissionEvent) -> String {
    let style = if event.step == "failed" { RED } else { GREEN };
    let mut out = format!("{style}{:>9}{style:#}  {}", event.step, event.what);
    for note in &event.notes {
        let _ = write!(out, "\n           {note}");
    }
    out
}

/// How what was restored differs from the archive, attribute by attribute. Values of environment variables aren't
/// shown.
pub fn comparison_text(comparisons: &[RestoreComparison]) -> String {
    let mut out = String::new();
    let same: usize = comparisons.iter().map(|comparison| comparison.same).sum();
    let differing: usize = comparisons.iter().map(|comparison| comparison.differences.len()).sum();
    let style = if differing == 0 { GREEN } else { YELLOW };
    let _ = writeln!(out, "{style}Compared:{style:#} {same} attributes match the archive, {differing} differ.");
    for comparison in comparisons {
        for difference in &comparison.differences {
            let shown = |value: &Option<String>| match value {
                Some(_) if difference.is_secret() => "(not shown)".to_owned(),
                Some(value) => value.clone(),
                None => "nothing".to_owned(),
            };
            let (archived, found) = (shown(&difference.archived), shown(&difference.found));
            let _ = writeln!(out, "  {}  {}: archived {archived}, now {found}", comparison.now, difference.path);
        }
    }
    out
}

/// The closing summary, and the command that continues.
pub fn outcome_text(outcome: &DecommissionOutcome, command: &str) -> String {
    let done: Vec<String> = outcome.done.iter().map(|(step, ids)| format!("{} {step}", ids.len())).collect();
    let done = if done.is_empty() { "no changes made".to_owned() } else { done.join(", ") };
    match &outcome.failed {
        None => format!("{GREEN}Done:{GREEN:#} {done}.\n"),
        Some((id, why)) => format!(
            "{RED}Incomplete:{RED:#} {done}, {} not started.\n  failed  {id}: {why}\nTo continue, run: {BOLD}{command}{BOLD:#}\n",
            outcome.not_started.len()
        ),
    }
}
