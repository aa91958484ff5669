//! Plans and results for people, with the signs and the closing line that Terraform users know.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::plan_fold::{PlanDetail, fold_plan, policy_sentences, same_venues_text};
use super::words;
use deployer_core::call_rates::SlowestCalls;
use deployer_core::error::ErrorCode;
use deployer_core::manifest::format_duration;
use deployer_core::plan::problem::plan_problems;
use deployer_core::plan::{Action, AttributeChange, Change, FindingKind, Plan, PlanFinding};
use deployer_reconcile::apply::ApplyOutcome;
use serde_json::Value;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// A whole plan. The text has ANSI styles, which are stripped on a stream that isn't a terminal.
pub fn plan_text(plan: &Plan, detail: PlanDetail) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{BOLD}{}{BOLD:#} in account {}, region {}",
        plan.deployment, plan.scope.account, plan.scope.region
    );
    for finding in plan.findings.iter().filter(|finding| finding.kind == FindingKind::Stranger) {
        write_finding(&mut out, finding);
    }
    let folded = fold_plan(plan, detail);
    if let Some(table) = &folded.table {
        let _ = write!(out, "\n{table}");
    }
    if folded.folded > 0 {
        let _ = writeln!(
            out,
            "\n{DIM}{} new venues: --verbose shows each resource with its attributes.{DIM:#}",
            folded.folded
        );
    }
    for shown in &folded.venues {
        let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}", shown.venue);
        for change in shown.changes {
            write_change(&mut out, change, detail);
        }
        if !shown.same.is_empty() {
            let _ = writeln!(out, "  {DIM}{}{DIM:#}", same_venues_text(&shown.same));
        }
    }
    for problem in plan_problems(plan) {
        let _ = writeln!(
            out,
            "\n{RED}error[{}]:{RED:#} {}\n  hint: {}",
            ErrorCode::Conflict,
            problem.message,
            problem.hint
        );
    }
    for finding in plan.findings.iter().filter(|finding| finding.kind != FindingKind::Stranger) {
        write_finding(&mut out, finding);
    }
    for unreadable in &plan.unreadable {
        let _ = writeln!(out, "\n{YELLOW}unreadable:{YELLOW:#} {}", words::unreadable_text(unreadable));
    }
    for quota in &plan.quotas {
        let _ = writeln!(out, "\n{YELLOW}quota:{YELLOW:#} {}\n  hint: {}", words::quota_text(quota), quota.hint);
    }
    for note in &plan.notes {
        let _ = writeln!(out, "\n{DIM}note:{DIM:#} {note}");
    }
    let _ = writeln!(out, "\n{}", summary_line(plan));
    out
}

/// The closing line of a plan.
pub fn summary_line(plan: &Plan) -> String {
    let (head, rest) = words::plan_summary(plan);
    let style = if head == words::NO_CHANGES { GREEN } else { BOLD };
    format!("{style}{head}{style:#} {rest}")
}

/// Access for strangers comes before everything else; the rest after the changes.
fn write_finding(out: &mut String, finding: &PlanFinding) {
    let style = if finding.kind == FindingKind::LeftAlone { YELLOW } else { RED };
    let (word, text) = (finding.kind.display_word(), words::finding_text(finding));
    let _ = writeln!(out, "\n{style}{word}:{style:#} {text}");
    if let Some(hint) = &finding.hint {
        let _ = writeln!(out, "  hint: {hint}");
    }
}

fn write_change(out: &mut String, change: &Change, detail: PlanDetail) {
    let (sign, style) = (words::action_sign(change.action), action_style(change.action));
    let _ = writeln!(
        out,
        "  {style}{sign}{style:#} {} {}  {DIM}# {}{DIM:#}",
        change.address.kind, change.name, change.reason
    );
    // Of what is new, only what it may do needs a person's eye; the rest is what the manifest says.
    let is_new = detail == PlanDetail::Folded && matches!(change.action, Action::Create | Action::Restore);
    let width = change.attributes.iter().map(|attribute| attribute.path.len()).max().unwrap_or_default().min(40);
    for attribute in &change.attributes {
        if detail == PlanDetail::Folded && write_policy(out, attribute) {
            continue;
        }
        if !is_new {
            write_attribute(out, attribute, width);
        }
    }
}

/// Writes what a policy newly allows, and no longer allows, as sentences. `false` if it isn't a policy, or not one that
/// words can tell apart.
fn write_policy(out: &mut String, attribute: &AttributeChange) -> bool {
    let of = |value: &Option<Value>| value.as_ref().map_or(Some(Vec::new()), policy_sentences);
    let (Some(before), Some(after)) = (of(&attribute.before), of(&attribute.after)) else { return false };
    let gone: Vec<_> = before.iter().filter(|sentence| !after.contains(sentence)).collect();
    let new: Vec<_> = after.iter().filter(|sentence| !before.contains(sentence)).collect();
    if gone.is_empty() && new.is_empty() {
        return false;
    }
    for sentence in gone {
        let _ = writeln!(out, "      {RED}-{RED:#} {sentence}");
    }
    for sentence in new {
        let _ = writeln!(out, "      {GREEN}+{GREEN:#} {sentence}");
    }
    true
}

fn write_attribute(out: &mut String, attribute: &AttributeChange, width: usize) {
    let path = &attribute.path;
    let _ = match words::attribute_values(attribute) {
        (None, after) => writeln!(out, "      {GREEN}+{GREEN:#} {path:width$} = {}", after.unwrap_or_default()),
        (Some(before), Some(after)) => {
            writeln!(out, "      {YELLOW}~{YELLOW:#} {path:width$} = {before} -> {after}")
        }
        (Some(before), None) => writeln!(out, "      {RED}-{RED:#} {path:width$} = {before}"),
    };
}

fn action_style(action: Action) -> Style {
    match action {
        Action::Create | Action::Restore => GREEN,
        Action::Update | Action::Replace => YELLOW,
        Action::Delete => RED,
    }
}

/// What was done to a resource, as a past participle.
pub fn action_word(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Restore => "restored",
        Action::Update => "changed",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
    }
}

/// From how many seconds on it is said how long an apply takes, or took.
const WORTH_SAYING_S: u64 = 10;

/// What a long apply says before it begins: that it paces itself, by which calls, and how long it takes. `None` for a short one.
pub fn pace_text(slowest: &SlowestCalls) -> Option<String> {
    let seconds = slowest.paced().as_secs_f64().ceil() as u64;
    let rate = slowest.rate;
    (seconds >= WORTH_SAYING_S).then(|| {
        format!(
            "This takes about {}: {} calls to {}, {} a second.",
            format_duration(seconds),
            slowest.calls,
            rate.display_name(),
            rate.taken
        )
    })
}

/// The closing summary of an apply: what was done, what wasn't, and the command that continues.
pub fn result_text(outcome: &ApplyOutcome, command: &str) -> String {
    let mut out = String::new();
    let count = |action: Action| outcome.done.iter().filter(|(_, done)| *done == action).count();
    let done: Vec<String> = [Action::Create, Action::Restore, Action::Update, Action::Replace, Action::Delete]
        .into_iter()
        .filter(|action| count(*action) > 0)
        .map(|action| format!("{} {}", count(action), action_word(action)))
        .collect();
    let done = if done.is_empty() { "no changes made".to_owned() } else { done.join(", ") };
    if outcome.failed.is_empty() && outcome.not_started.is_empty() {
        let took = match outcome.took.as_secs() {
            seconds if seconds >= WORTH_SAYING_S => format!(" in {}", format_duration(seconds)),
            _ => String::new(),
        };
        let _ = writeln!(out, "{GREEN}Done:{GREEN:#} {done}{took}.");
        return out;
    }
    let word = if outcome.cancelled { "Canceled:" } else { "Incomplete:" };
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
    // What a refusal stopped stays stopped until somebody resolves it.
    let refused = outcome.failed.iter().any(|(_, error)| !error.may_pass());
    let when = if refused { "Once the failures above are resolved, run:" } else { "To continue, run:" };
    let _ = writeln!(out, "{when} {BOLD}`{command}`{BOLD:#}");
    out
}
