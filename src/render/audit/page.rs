//! An audit as a self-contained page: no request, its own style, one script. Everything can be read without the script:
//! the graph is drawn here, each of its boxes links to its row, and a row has all details.

use std::borrow::Cow;
use std::collections::HashMap;

use maud::{Markup, html};

use super::super::html::render_list;
use super::super::page;
use super::graph::{self, SHARED_BY, draw_graph};
use super::row_link;
use super::words::{self, AuditEntry, VERDICTS};
use deployer_core::counted::count_with_noun;
use deployer_janitor::audit::{Audit, AuditInventory, AuditVerdict, Edge, Node, NodeKind, NodeUsage};

const STYLE: &str = concat!(include_str!("../plan.css"), include_str!("audit.css"));
const SCRIPT: &str = include_str!("audit.js");

/// Most suspects listed at the top. The table lists all of them.
const SUSPECTS_AT_HEAD: usize = 40;

/// The whole audit. All content is escaped, and the page's own policy allows nothing but its style and its script.
pub fn audit_html(audit: &Audit) -> String {
    let inventory = &audit.inventory;
    let entries = words::audit_entries(audit);
    let title = format!("Audit of account {}", inventory.account);
    let (look, calm) = words::verdict_summary(&entries);
    let unread = inventory.unread.iter().map(words::unread_text);
    let content = html! {
        header {
            h1 { (title) }
            p { "Region " code { (inventory.region) } ". " (words::reading_line(inventory)) }
            p.summary { strong { (look) } " " (calm) }
        }
        (render_verdicts(&entries))
        (render_list("Unreadable: no conclusions were drawn from these", "warning", unread))
        (render_suspects(&entries))
        (render_graph(&entries))
        (render_findings(&entries, inventory.days))
        (render_calls(inventory))
    };
    page::render_page_with_script(&title, STYLE, SCRIPT, &content)
}

/// The counts of each verdict, which are also the key to the graph's boxes.
fn render_verdicts(entries: &[AuditEntry]) -> Markup {
    html! {
        dl.figures {
            @for verdict in VERDICTS {
                div {
                    dt { (graph::verdict_key(verdict)) " " (verdict.display_name()) }
                    dd { (entries.iter().filter(|entry| entry.verdict == verdict).count()) }
                    dd.soft { (words::verdict_meaning(verdict)) }
                }
            }
        }
    }
}

fn render_suspects(entries: &[AuditEntry]) -> Markup {
    let suspects: Vec<&AuditEntry> = entries.iter().filter(|entry| entry.verdict == AuditVerdict::Suspect).collect();
    let not_shown = suspects.len().saturating_sub(SUSPECTS_AT_HEAD);
    html! {
        @if !suspects.is_empty() {
            section.list.error {
                h2 { "Look at these first" }
                ul.suspects {
                    @for entry in suspects.iter().take(SUSPECTS_AT_HEAD) {
                        li {
                            (entry.node.kind.display_name()) " " a href=(row_link(&entry.node.id)) { (entry.node.name) }
                            (render_evidence(entry))
                        }
                    }
                }
                @if not_shown > 0 {
                    p.soft {
                        "Not shown: " (count_with_noun(not_shown as u64, "suspect")) ". The table lists all of them."
                    }
                }
            }
        }
    }
}

fn render_evidence(entry: &AuditEntry) -> Markup {
    html! {
        @if !entry.evidence.is_empty() {
            ul.evidence {
                @for sentence in entry.evidence {
                    li { (sentence) }
                }
            }
        }
    }
}

fn render_graph(entries: &[AuditEntry]) -> Markup {
    let graph = draw_graph(entries);
    let lines = [
        ("calls", "calls"),
        ("calls off", "would call, but is disabled or broken"),
        ("may", "may call (permission only)"),
        ("dead", "sends failures to"),
        ("needs", "runs as, refers to or logs to"),
        ("watches", "watches"),
    ];
    html! {
        section.graph {
            h2 { "Who calls whom" }
            (render_controls(entries, graph.folded))
            p.skip { a href="#findings" { "Skip the graph" } }
            div.canvas {
                div.view { (graph.svg) }
                aside.panel aria-label="Details" tabindex="-1" hidden {}
            }
            ul.lines-key.soft {
                @for (class, text) in lines {
                    li { (graph::line_key(class)) " " (text) }
                }
            }
            @if graph.folded > 0 {
                p.soft {
                    "Not drawn at first: " (graph.folded) " active or managed, in groups where nothing needs attention. \
                     The table lists them."
                }
            }
            @if graph.shared > 0 {
                p.soft {
                    "Lines to anything that more than " (SHARED_BY) " others share (a role, a secret) are left out. Its box \
                     says how many share it (" q { "of 40" } ")."
                }
            }
        }
    }
}

/// The controls, hidden until the script shows them, since they don't work without it.
fn render_controls(entries: &[AuditEntry], folded: usize) -> Markup {
    let mut kinds: Vec<NodeKind> = entries.iter().map(|entry| entry.node.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    html! {
        div.controls hidden {
            input type="search" aria-label="Filter by text" placeholder="Name, ARN, tag, evidence";
            select aria-label="Filter by kind" {
                option value="" { "All kinds" }
                @for kind in kinds {
                    option value=(kind.display_name()) { (kind.display_name()) }
                }
            }
            span.checks {
                @for (verdict, of) in words::by_verdict(entries) {
                    @let title = verdict.display_name();
                    label.(title) {
                        input type="checkbox" name="verdict" value=(title) checked;
                        " " (title) " " (of.len())
                    }
                }
            }
            @if folded > 0 {
                label {
                    input type="checkbox" name="folded";
                    " draw the " (folded) " that need no attention"
                }
            }
            output.soft {}
            p.soft {
                "Drag to move. Click the graph, then scroll to zoom, or use +, \u{2212}, the arrow keys and 0. Click a box \
                 for its evidence."
            }
            span.zoom {
                button type="button" name="in" aria-label="Zoom in" { "+" }
                button type="button" name="out" aria-label="Zoom out" { "\u{2212}" }
                button type="button" name="fit" { "Fit" }
            }
        }
    }
}

fn render_findings(entries: &[AuditEntry], days: u32) -> Markup {
    let names = entries.iter().map(|entry| (&*entry.node.id, entry.node)).collect();
    let mut numbers = 0..;
    html! {
        section #findings {
            h2 { "Findings" }
            @if entries.is_empty() { p { "Nothing was found." } }
            @for (verdict, of) in words::by_verdict(entries) {
                @let title = verdict.display_name();
                details.verdict.(title) data-verdict=(title) open[verdict < AuditVerdict::Active] {
                    summary {
                        h3 { span.sign { (words::verdict_sign(verdict)) } " " (title) }
                        " " span.soft { (of.len()) ": " (words::verdict_meaning(verdict)) }
                    }
                    div.wide role="group" aria-label="Table" tabindex="0" {
                        table.findings {
                            thead {
                                tr {
                                    th scope="col" { "Kind" }
                                    th scope="col" { "Name" }
                                    th scope="col" { "Usage in " (count_with_noun(days.into(), "day")) }
                                    th scope="col" { "Changed" }
                                    th scope="col" { "Why" }
                                }
                            }
                            tbody {
                                @for (entry, number) in of.iter().zip(&mut numbers) {
                                    (render_row(entry, number, &names))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn render_row(entry: &AuditEntry, number: usize, names: &HashMap<&str, &Node>) -> Markup {
    let node = entry.node;
    let count = match node.usage {
        NodeUsage::Counted { count, .. } => count.to_string(),
        NodeUsage::Unread | NodeUsage::NotCounted => "-1".to_owned(),
    };
    html! {
        tr id=(node.id) data-node=(number) {
            td { (node.kind.display_name()) }
            th scope="row" { a href=(row_link(&node.id)) { (node.name) } }
            td data-value=(count) { (words::usage_text(&node.usage)) }
            td { @if let Some(at) = node.changed_at { (maud::display(at.strftime("%Y-%m-%d"))) } }
            td {
                (render_evidence(entry))
                details.more {
                    summary { "All details" }
                    dl {
                        @for (name, text) in node_details(entry) {
                            dt { (name) }
                            dd { (text) }
                        }
                    }
                    (render_edges("Incoming", &entry.incoming, names, |edge| &edge.from))
                    (render_edges("Outgoing", &entry.outgoing, names, |edge| &edge.to))
                }
            }
        }
    }
}

/// Everything about a node that isn't in its row already, by name.
fn node_details<'a>(entry: &AuditEntry<'a>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let node = entry.node;
    let mut details: Vec<(Cow<str>, Cow<str>)> = vec![("id".into(), node.id.as_str().into())];
    if !node.enabled {
        details.push(("enabled".into(), "no".into()));
    }
    let owners = [("deployment", &node.deployment), ("venue", &node.venue)];
    details.extend(owners.into_iter().filter_map(|(name, value)| Some((name.into(), value.as_deref()?.into()))));
    details.extend(node.attributes.iter().map(|(name, value)| (name.into(), value.into())));
    details.extend(node.tags.iter().map(|(name, value)| (format!("tag {name}").into(), value.into())));
    details.extend(entry.unread.iter().map(|unread| ("unreadable".into(), words::unread_text(unread).into())));
    details
}

fn render_edges<'a>(
    title: &str,
    edges: &[&'a Edge],
    names: &HashMap<&str, &Node>,
    other: impl Fn(&'a Edge) -> &'a str,
) -> Markup {
    html! {
        @if !edges.is_empty() {
            h4 { (title) }
            ul {
                @for edge in edges {
                    @let other = other(edge);
                    li {
                        a href=(row_link(other)) {
                            @match names.get(other) {
                                Some(node) => { (node.kind.display_name()) " " (node.name) },
                                None => (other),
                            }
                        }
                        ": " (words::edge_text(edge))
                    }
                }
            }
        }
    }
}

fn render_calls(inventory: &AuditInventory) -> Markup {
    html! {
        details {
            summary {
                h3 { "Calls made" }
                " " span.soft { (inventory.calls.values().sum::<u64>()) ", all read-only" }
            }
            div.wide role="group" aria-label="Table" tabindex="0" {
                table.cost {
                    thead { tr { th scope="col" { "Call" } th scope="col" { "Times" } } }
                    tbody {
                        @for (call, times) in &inventory.calls {
                            tr { th scope="row" { code { (call) } } td { (times) } }
                        }
                    }
                }
            }
        }
    }
}
