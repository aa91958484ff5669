//! A plan for a pull request, in GitHub's Markdown: the summary as a heading, and each venue in a folded section.

use std::fmt::Write;

use maud::html;

use super::cost::{savings_text, share_cents, small_print, total_text};
use super::escape::{code_fence, escape_markdown, one_line};
use super::words;
use deployer_core::cost::CostEstimate;
use deployer_core::plan::problem::plan_problems;
use deployer_core::plan::{Action, Change, Plan};

/// Most bytes spent on venues. GitHub accepts comments of up to 65,536 characters, and what follows the venues needs
/// room too.
const ROOM_FOR_VENUES: usize = 45_000;

/// A whole plan. Only what is written here is markup; everything else is escaped.
pub fn plan_markdown(plan: &Plan, cost: Option<&CostEstimate>) -> String {
    let mut out = String::new();
    let (head, rest) = words::plan_summary(plan);
    let _ = writeln!(out, "## {head} {rest}\n");
    let _ = writeln!(
        out,
        "Deployment {} in account {}, region {}.",
        code_span(&plan.deployment),
        code_span(&plan.scope.account),
        code_span(&plan.scope.region)
    );
    let problems = plan_problems(plan).map(|problem| format!("{} (hint: {})", problem.message, problem.hint));
    write_list(&mut out, "Access for strangers", words::finding_lines(plan, true));
    write_list(&mut out, "Errors", problems);
    write_list(&mut out, "Unreadable", plan.unreadable.iter().map(words::unreadable_text));
    write_venues(&mut out, plan);
    write_list(&mut out, "Findings", words::finding_lines(plan, false));
    write_list(&mut out, "Quotas", words::quota_lines(plan));
    write_list(&mut out, "Notes", plan.notes.iter().cloned());
    if let Some(cost) = cost {
        write_cost(&mut out, cost);
    }
    out
}

/// A name within a line. Markdown inside an inline element is still parsed, so the name is escaped as elsewhere; inside
/// backticks it couldn't be.
pub(super) fn code_span(text: &str) -> String {
    format!("<code>{}</code>", escape_markdown(text))
}

/// A list with its heading; an empty one is left out.
pub(super) fn write_list(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "\n### {title}\n");
    for item in items {
        let _ = writeln!(out, "- {}", escape_markdown(item.trim()));
    }
}

fn write_venues(out: &mut String, plan: &Plan) {
    let mut room = ROOM_FOR_VENUES;
    let mut left_out = Vec::new();
    for (venue, changes) in words::by_venue(plan) {
        let block = venue_block(venue, changes);
        match room.checked_sub(block.len()) {
            Some(rest) => {
                room = rest;
                out.push_str(&block);
            }
            None => left_out.push(format!("{venue}: {}", words::action_counts(changes))),
        }
    }
    write_list(out, "Too long to show here (see `deployer plan`)", left_out.into_iter());
}

fn venue_block(venue: &str, changes: &[Change]) -> String {
    let mut diff = String::new();
    for change in changes {
        write_change(&mut diff, change);
    }
    let fence = code_fence(&diff);
    let counts = words::action_counts(changes);
    let summary = html! { summary { code { (one_line(venue)) } ": " (counts) } }.into_string();
    format!("\n<details>\n{summary}\n\n{fence}diff\n{diff}{fence}\n\n</details>\n")
}

/// A diff marks a changed line with `!`; it has no `~`.
fn write_change(diff: &mut String, change: &Change) {
    let sign = match change.action {
        Action::Create | Action::Restore => '+',
        Action::Update | Action::Replace => '!',
        Action::Delete => '-',
    };
    let (verb, kind) = (words::action_verb(change.action), change.address.kind);
    let _ = writeln!(diff, "{sign} {verb} {kind} {}  # {}", one_line(&change.name), one_line(&change.reason));
    for attribute in &change.attributes {
        let (sign, values) = match words::attribute_values(attribute) {
            (None, after) => ('+', after.unwrap_or_default()),
            (Some(before), Some(after)) => ('!', format!("{before} -> {after}")),
            (Some(before), None) => ('-', before),
        };
        let _ = writeln!(diff, "{sign}     {} = {}", one_line(&attribute.path), one_line(&values));
    }
}

fn write_cost(out: &mut String, cost: &CostEstimate) {
    let _ = writeln!(out, "\n### Cost: {}\n", escape_markdown(&total_text(cost)));
    write_row(out, &["Venue", "Runs per month", "Now", "After", "Difference"].map(ToOwned::to_owned));
    let _ = writeln!(out, "| --- | ---: | ---: | ---: | ---: |");
    let shown = share_cents(&cost.venues.iter().map(|venue| venue.total).collect::<Vec<_>>());
    for (venue, shown) in cost.venues.iter().zip(&shown) {
        let runs = if venue.runs_before == venue.runs_after {
            venue.runs_after.to_string()
        } else {
            format!("{} to {}", venue.runs_before, venue.runs_after)
        };
        let [before, after, difference] = shown.texts().map(escape_markdown);
        write_row(out, &[code_span(&venue.venue), runs, before, after, difference]);
    }
    let _ = writeln!(out, "\n<details>\n<summary>Breakdown</summary>\n");
    write_row(out, &["Item", "Now", "After", "Difference"].map(ToOwned::to_owned));
    let _ = writeln!(out, "| --- | ---: | ---: | ---: |");
    let shown = share_cents(&cost.items.iter().map(|item| item.cost).collect::<Vec<_>>());
    for (item, shown) in cost.items.iter().zip(&shown) {
        let [before, after, difference] = shown.texts().map(escape_markdown);
        write_row(out, &[item.item.display_name().to_owned(), before, after, difference]);
    }
    let _ = writeln!(out, "\n</details>\n");
    if let Some(savings) = savings_text(cost) {
        let _ = writeln!(out, "{}\n", escape_markdown(&savings));
    }
    let _ = writeln!(out, "{}", escape_markdown(&small_print(cost)));
    write_list(out, "Not counted", cost.not_counted.iter().cloned());
}

/// A table row, from cells that are already Markdown.
pub(super) fn write_row(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}
