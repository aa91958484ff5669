//! A plan as a self-contained page: no script, no request, its own styles.

use std::fmt::Write;

use super::cost::{small_print, total_text};
use super::escape::escape_html;
use super::{page, words};
use deployer_core::cost::{CostChange, CostEstimate, ItemCost, VenueCost};
use deployer_core::plan::problem::plan_problems;
use deployer_core::plan::{Action, AttributeChange, Change, Plan};

const STYLE: &str = include_str!("plan.css");

/// With more venues than this, all are folded at first.
const OPEN_AT_FIRST: usize = 6;

/// A whole plan. All content is escaped, and the page's own policy allows nothing but its style.
pub fn plan_html(plan: &Plan, cost: Option<&CostEstimate>) -> String {
    let (head, rest) = words::plan_summary(plan);
    let deployment = escape_html(&plan.deployment);
    let mut out = page::page_head(&format!("Plan of {deployment}"), STYLE);
    let _ = write!(
        out,
        "<header>\n<h1>{deployment}</h1>\n<p>Account <code>{}</code>, region <code>{}</code></p>\n\
         <p class=\"summary\"><strong>{}</strong> {}</p>\n",
        escape_html(&plan.scope.account),
        escape_html(&plan.scope.region),
        escape_html(head),
        escape_html(&rest),
    );
    if let Some(cost) = cost {
        let _ = writeln!(out, "<p><a href=\"#cost\">Cost</a>: {}</p>", escape_html(&total_text(cost)));
    }
    out.push_str("</header>\n");
    let problems = plan_problems(plan).map(|problem| format!("{} (hint: {})", problem.message, problem.hint));
    write_list(&mut out, "Errors", "error", problems);
    write_list(&mut out, "Unreadable", "warning", plan.unreadable.iter().map(words::unreadable_text));
    write_venues(&mut out, plan);
    write_list(&mut out, "Notes", "note", plan.notes.iter().cloned());
    if let Some(cost) = cost {
        write_cost(&mut out, cost);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// A list in a box of its own; an empty one is left out.
pub(super) fn write_list(out: &mut String, title: &str, class: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "<section class=\"list {class}\">\n<h2>{title}</h2>\n<ul>");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", escape_html(&item));
    }
    out.push_str("</ul>\n</section>\n");
}

fn write_venues(out: &mut String, plan: &Plan) {
    let venues = words::by_venue(plan).count();
    if venues == 0 {
        return;
    }
    let open = if venues <= OPEN_AT_FIRST { " open" } else { "" };
    out.push_str("<section>\n<h2>Changes</h2>\n");
    for (venue, changes) in words::by_venue(plan) {
        let (venue, counts) = (escape_html(venue), words::action_counts(changes));
        let _ =
            writeln!(out, "<details{open}>\n<summary><h3>{venue}</h3> <span class=\"soft\">{counts}</span></summary>");
        for change in changes {
            write_change(out, change);
        }
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
}

fn action_class(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Restore => "add",
        Action::Update | Action::Replace => "change",
        Action::Delete => "remove",
    }
}

fn write_change(out: &mut String, change: &Change) {
    let _ = writeln!(
        out,
        "<article class=\"{}\">\n<h4><span class=\"sign\">{} {}</span> {} <code>{}</code></h4>\n\
         <p class=\"soft\">{}</p>",
        action_class(change.action),
        words::action_sign(change.action),
        words::action_verb(change.action),
        change.address.kind,
        escape_html(&change.name),
        escape_html(&change.reason),
    );
    let has_before = change.attributes.iter().any(|attribute| attribute.before.is_some());
    if !change.attributes.is_empty() {
        let before = if has_before { "<th scope=\"col\">Now</th>" } else { "" };
        let _ = writeln!(
            out,
            "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Attribute</th>{before}\
             <th scope=\"col\">After</th></tr></thead>\n<tbody>"
        );
        for attribute in &change.attributes {
            write_attribute(out, attribute, has_before);
        }
        out.push_str("</tbody>\n</table></div>\n");
    }
    out.push_str("</article>\n");
}

/// Where nothing existed, every attribute is new, so none carries a sign.
fn write_attribute(out: &mut String, attribute: &AttributeChange, has_before: bool) {
    let (before, after) = words::attribute_values(attribute);
    let (class, sign) = match (&before, &after) {
        _ if !has_before => ("new", ""),
        (None, _) => ("add", "<span class=\"sign\">+ add</span> "),
        (Some(_), Some(_)) => ("change", "<span class=\"sign\">~ change</span> "),
        (Some(_), None) => ("remove", "<span class=\"sign\">- remove</span> "),
    };
    let cell = |value: Option<String>| match value {
        Some(value) => format!("<td><code>{}</code></td>", escape_html(&value)),
        None => "<td class=\"soft\">not set</td>".to_owned(),
    };
    let before = if has_before { cell(before) } else { String::new() };
    let _ = writeln!(
        out,
        "<tr class=\"{class}\"><th scope=\"row\">{sign}<code>{}</code></th>{before}{}</tr>",
        escape_html(&attribute.path),
        cell(after)
    );
}

fn write_cost(out: &mut String, cost: &CostEstimate) {
    let _ = writeln!(
        out,
        "<section id=\"cost\">\n<h2>Cost: {}</h2>\n<div class=\"wide\"><table class=\"cost\">\n<thead><tr><th scope=\"col\">Venue</th>\
         <th scope=\"col\">Runs per month</th>{HEADS}</tr></thead>\n<tbody>",
        escape_html(&total_text(cost))
    );
    for VenueCost { venue, total, runs_before, runs_after, .. } in &cost.venues {
        let runs =
            if runs_before == runs_after { runs_after.to_string() } else { format!("{runs_before} to {runs_after}") };
        let venue = escape_html(venue);
        let _ = writeln!(out, "<tr><th scope=\"row\">{venue}</th><td>{runs}</td>{}</tr>", cost_cells(total));
    }
    let _ = writeln!(
        out,
        "</tbody>\n</table></div>\n<details>\n<summary><h3>Breakdown</h3></summary>\n<div class=\"wide\">\
         <table class=\"cost\">\n<thead><tr><th scope=\"col\">Item</th>{HEADS}</tr></thead>\n<tbody>"
    );
    for ItemCost { item, cost } in &cost.items {
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th>{}</tr>", item.display_name(), cost_cells(cost));
    }
    let small_print = escape_html(&small_print(cost));
    let _ = writeln!(out, "</tbody>\n</table></div>\n</details>\n<p class=\"soft\">{small_print}</p>\n</section>");
    write_list(out, "Not counted in the cost", "warning", cost.not_counted.iter().cloned());
}

const HEADS: &str = "<th scope=\"col\">Now</th><th scope=\"col\">After</th><th scope=\"col\">Difference</th>";

fn cost_cells(sides: &CostChange) -> String {
    let texts = [sides.before.to_string(), sides.after.to_string(), sides.difference().format_signed()];
    texts.iter().map(|text| format!("<td>{}</td>", escape_html(text))).collect()
}
