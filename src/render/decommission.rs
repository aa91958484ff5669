//! Decommissioning and restoring, for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use deployer_janitor::decommission::carry_out::{Event, Outcome};
use deployer_janitor::decommission::kind_word;
use deployer_janitor::decommission::plan::{Action, Plan};
use deployer_janitor::decommission::restore::{self, Comparison};
use deployer_janitor::decommission::select::Refusal;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// A plan of `decommission`, in the order of its steps.
pub fn decommission_text(plan: &Plan) -> String {
    let mut out = String::new();
    for item in &plan.items {
        let (style, sign) = sign(&item.action);
        let what = format!("{} {}", kind_word(item.target.kind), item.target.name);
        let _ = writeln!(out, "  {style}{sign}{style:#} {what}  {DIM}# {}{DIM:#}", action_words(&item.action));
        for line in &item.evidence {
            let _ = writeln!(out, "      why   {line}");
        }
        for line in &item.notes {
            let _ = writeln!(out, "      {YELLOW}note{YELLOW:#}  {line}");
        }
        if item.action.archives() {
            for line in &item.lost {
                let _ = writeln!(out, "      {YELLOW}lost{YELLOW:#}  {line}");
            }
        }
    }
    refusals(&mut out, &plan.refusals);
    let counts = [
        (count(plan, |action| matches!(action, Action::Delete | Action::DeleteQuiet)), "to delete"),
        (count(plan, |action| matches!(action, Action::Quarantine { .. })), "to quarantine"),
        (count(plan, |action| matches!(action, Action::Release { .. })), "to release"),
        (count(plan, |action| matches!(action, Action::GoOn)), "to resume"),
        (count(plan, |action| matches!(action, Action::Wait { .. })), "waiting"),
        (count(plan, |action| matches!(action, Action::Gone)), "already gone"),
        (plan.refusals.len(), "refused"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    let _ = writeln!(out, "\n{BOLD}Plan:{BOLD:#} {counts}.");
    out
}

fn count_actions(plan: &Plan, counted: impl Fn(&Action) -> bool) -> usize {
    plan.items.iter().filter(|item| counted(&item.action)).count()
}

fn action_sign(action: &Action) -> (Style, &'static str) {
    match action {
        Action::Delete | Action::DeleteQuiet => (RED, "-"),
        Action::Quarantine { .. } | Action::GoOn => (YELLOW, "~"),
        Action::Release { .. } => (GREEN, "+"),
        Action::Wait { .. } | Action::Gone => (DIM, " "),
    }
}

fn action_words(action: &Action) -> String {
    let day = |at: &jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    match action {
        Action::Delete => "archive, verify, delete".to_owned(),
        Action::Quarantine { until } => format!("archive, verify, disable until {}", day(until)),
        Action::DeleteQuiet => "delete: not called in quarantine".to_owned(),
        Action::Release { why } => format!("release: {why}"),
        Action::Wait { until } => format!("in quarantine until {}", day(until)),
        Action::GoOn => "resume an interrupted run".to_owned(),
        Action::Gone => "already gone".to_owned(),
    }
}

fn write_refusals(out: &mut String, refusals: &[Refusal]) {
    for Refusal { what, why, .. } in refusals {
        let _ = writeln!(out, "  {RED}refused{RED:#} {what}: {why}");
    }
}

/// A plan of `restore`, in the order of its steps.
pub fn restore_text(plan: &restore::Plan) -> String {
    let mut out = String::new();
    for (target, action) in &plan.items {
        let (style, sign, words) = match action {
            restore::Action::Restore => (GREEN, "+", "recreate as archived"),
            restore::Action::GoOn => (YELLOW, "~", "resume an interrupted restore"),
            restore::Action::Release => (GREEN, "+", "release from quarantine"),
            restore::Action::Same => (DIM, " ", "already exists as archived"),
        };
        let what = format!("{} {}", kind_word(target.kind), target.name);
        let needed =
            plan.needed_by.get(&target.id).map(|name| format!(", because {name} needs it")).unwrap_or_default();
        let _ = writeln!(out, "  {style}{sign}{style:#} {what}  {DIM}# {words}{needed}{DIM:#}");
    }
    refusals(&mut out, &plan.refusals);
    let there = plan.items.iter().filter(|(_, action)| *action == restore::Action::Same).count();
    let _ = writeln!(
        out,
        "\n{BOLD}Plan:{BOLD:#} {} to restore, {there} already exist, {} refused.",
        plan.items.len() - there,
        plan.refusals.len()
    );
    out
}

/// A step, while it happens.
pub fn event_text(event: &Event) -> String {
    let style = if event.step == "failed" { RED } else { GREEN };
    let mut out = format!("{style}{:>9}{style:#}  {}", event.step, event.what);
    for note in &event.notes {
        let _ = write!(out, "\n           {note}");
    }
    out
}

/// How what was restored differs from the archive, attribute by attribute. Values of environment variables aren't
/// shown.
pub fn comparison_text(comparisons: &[Comparison]) -> String {
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
pub fn outcome_text(outcome: &Outcome, command: &str) -> String {
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
