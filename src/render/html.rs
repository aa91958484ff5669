//! A plan as a self-contained page: no script, no request, its own styles.

use maud::{Markup, html};

use super::cost::{ShownCost, savings_text, share_cents, small_print, total_text};
use super::page::Page;
use super::words;
use deployer_core::cost::{CostEstimate, ItemCost, VenueCost};
use deployer_core::plan::problem::plan_problems;
use deployer_core::plan::{Action, AttributeChange, Change, Plan};

const STYLE: &str = include_str!("plan.css");

/// With more venues than this, all are folded at first.
const OPEN_AT_FIRST: usize = 6;

/// A whole plan. All content is escaped, and the page's own policy allows nothing but its style.
pub fn plan_html(plan: &Plan, cost: Option<&CostEstimate>) -> String {
    plan_page(plan, cost).to_text()
}

/// The same, before it is written.
pub fn plan_page(plan: &Plan, cost: Option<&CostEstimate>) -> Page {
    // Several plans may be on one page.
    let place = format!("cost-{}-{}-{}", plan.deployment, plan.scope.account, plan.scope.region);
    let (head, rest) = words::plan_summary(plan);
    let problems = plan_problems(plan).map(|problem| format!("{} (hint: {})", problem.message, problem.hint));
    let content = html! {
        header {
            h1 { (plan.deployment) }
            p { "Account " code { (plan.scope.account) } ", region " code { (plan.scope.region) } }
            p.summary { strong { (head) } " " (rest) }
            @if let Some(cost) = cost {
                p { a href=(format!("#{place}")) { "Cost" } ": " (total_text(cost)) }
            }
        }
        (render_list("Access for strangers", "error", words::finding_lines(plan, true)))
        (render_list("Errors", "error", problems))
        (render_list("Unreadable", "warning", plan.unreadable.iter().map(words::unreadable_text)))
        (render_venues(plan))
        (render_list("Findings", "warning", words::finding_lines(plan, false)))
        (render_list("Quotas", "warning", words::quota_lines(plan)))
        (render_list("Notes", "note", plan.notes.iter().cloned()))
        @if let Some(cost) = cost {
            (render_cost(cost, &place))
        }
    };
    Page { title: format!("Plan of {}", plan.deployment), style: STYLE, content }
}

/// A list in a box of its own; an empty one is left out.
pub(super) fn render_list(title: &str, class: &str, items: impl Iterator<Item = String>) -> Markup {
    let mut items = items.peekable();
    html! {
        @if items.peek().is_some() {
            section.list.(class) {
                h2 { (title) }
                ul {
                    @for item in items {
                        li { (item) }
                    }
                }
            }
        }
    }
}

fn render_venues(plan: &Plan) -> Markup {
    let venues = words::by_venue(plan).count();
    html! {
        @if venues > 0 {
            section {
                h2 { "Changes" }
                @for (venue, changes) in words::by_venue(plan) {
                    details open[venues <= OPEN_AT_FIRST] {
                        summary { h3 { (venue) } " " span.soft { (words::action_counts(changes)) } }
                        @for change in changes {
                            (render_change(change))
                        }
                    }
                }
            }
        }
    }
}

fn action_class(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Restore => "add",
        Action::Update | Action::Replace => "change",
        Action::Delete => "remove",
    }
}

fn render_change(change: &Change) -> Markup {
    let has_before = change.attributes.iter().any(|attribute| attribute.before.is_some());
    html! {
        article.(action_class(change.action)) {
            h4 {
                span.sign { (words::action_sign(change.action)) " " (words::action_verb(change.action)) }
                " " (maud::display(change.address.kind)) " " code { (change.name) }
            }
            p.soft { (change.reason) }
            @if !change.attributes.is_empty() {
                div.wide role="group" aria-label="Table" tabindex="0" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Attribute" }
                                @if has_before { th scope="col" { "Now" } }
                                th scope="col" { "After" }
                            }
                        }
                        tbody {
                            @for attribute in &change.attributes {
                                (render_attribute(attribute, has_before))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where nothing existed, every attribute is new, so none carries a sign.
fn render_attribute(attribute: &AttributeChange, has_before: bool) -> Markup {
    let (before, after) = words::attribute_values(attribute);
    let (class, sign) = match (&before, &after) {
        _ if !has_before => ("new", None),
        (None, _) => ("add", Some("+ add")),
        (Some(_), Some(_)) => ("change", Some("~ change")),
        (Some(_), None) => ("remove", Some("- remove")),
    };
    html! {
        tr.(class) {
            th scope="row" {
                @if let Some(sign) = sign { span.sign { (sign) } " " }
                code { (attribute.path) }
            }
            @if has_before { (render_value(before.as_deref())) }
            (render_value(after.as_deref()))
        }
    }
}

fn render_value(value: Option<&str>) -> Markup {
    html! {
        @match value {
            Some(value) => td { code { (value) } },
            None => td.soft { "not set" },
        }
    }
}

fn render_cost(cost: &CostEstimate, place: &str) -> Markup {
    let by_venue = share_cents(&cost.venues.iter().map(|venue| venue.total).collect::<Vec<_>>());
    let by_item = share_cents(&cost.items.iter().map(|item| item.cost).collect::<Vec<_>>());
    html! {
        section id=(place) {
            h2 { "Cost: " (total_text(cost)) }
            div.wide role="group" aria-label="Table" tabindex="0" {
                table.cost {
                    thead {
                        tr {
                            th scope="col" { "Venue" }
                            th scope="col" { "Runs per month" }
                            (render_cost_heads())
                        }
                    }
                    tbody {
                        @for (VenueCost { venue, runs_before, runs_after, .. }, shown) in cost.venues.iter().zip(&by_venue) {
                            tr {
                                th scope="row" { (venue) }
                                td {
                                    @if runs_before != runs_after { (runs_before) " to " }
                                    (runs_after)
                                }
                                (render_cost_cells(shown))
                            }
                        }
                    }
                }
            }
            details {
                summary { h3 { "Breakdown" } }
                div.wide role="group" aria-label="Table" tabindex="0" {
                    table.cost {
                        thead { tr { th scope="col" { "Item" } (render_cost_heads()) } }
                        tbody {
                            @for (ItemCost { item, .. }, shown) in cost.items.iter().zip(&by_item) {
                                tr { th scope="row" { (item.display_name()) } (render_cost_cells(shown)) }
                            }
                        }
                    }
                }
            }
            @if let Some(savings) = savings_text(cost) {
                p { (savings) }
            }
            p.soft { (small_print(cost)) }
        }
        (render_list("Not counted in the cost", "warning", cost.not_counted.iter().cloned()))
    }
}

fn render_cost_heads() -> Markup {
    html! {
        @for head in ["Now", "After", "Difference"] {
            th scope="col" { (head) }
        }
    }
}

fn render_cost_cells(shown: &ShownCost) -> Markup {
    html! {
        @for text in shown.texts() {
            td { (text) }
        }
    }
}
