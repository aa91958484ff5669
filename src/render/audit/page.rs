//! An audit as a self-contained page: no request, its own style, one script. Everything can be read without the script:
//! the graph is drawn here, each of its boxes links to its row, and a row has all details.

use std::collections::HashMap;
use std::fmt::Write;

use super::super::escape::escape_html;
use super::super::html::write_list;
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
    let account = escape_html(&inventory.account);
    let mut out = page::page_head_with_script(&format!("Audit of account {account}"), STYLE, SCRIPT);
    let (look, calm) = words::verdict_summary(&entries);
    let _ = writeln!(
        out,
        "<header>\n<h1>Audit of account {account}</h1>\n<p>Region <code>{}</code>. {}</p>\n\
         <p class=\"summary\"><strong>{}</strong> {}</p>\n</header>",
        escape_html(&inventory.region),
        escape_html(&words::reading_line(inventory)),
        escape_html(&look),
        escape_html(&calm),
    );
    write_verdicts(&mut out, &entries);
    if !inventory.unread.is_empty() {
        let unread = inventory.unread.iter().map(words::unread_text);
        write_list(&mut out, "Unreadable: no conclusions were drawn from these", "warning", unread);
    }
    write_suspects(&mut out, &entries);
    write_graph(&mut out, &entries);
    write_findings(&mut out, &entries, inventory.days);
    write_calls(&mut out, inventory);
    let _ = write!(out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

/// The counts of each verdict, which are also the key to the graph's boxes.
fn write_verdicts(out: &mut String, entries: &[AuditEntry]) {
    out.push_str("<dl class=\"figures\">\n");
    for verdict in VERDICTS {
        let count = entries.iter().filter(|entry| entry.verdict == verdict).count();
        let _ = writeln!(
            out,
            "<div><dt>{} {}</dt><dd>{count}</dd><dd class=\"soft\">{}</dd></div>",
            graph::verdict_key(verdict),
            verdict.display_name(),
            escape_html(words::verdict_meaning(verdict)),
        );
    }
    out.push_str("</dl>\n");
}

fn write_suspects(out: &mut String, entries: &[AuditEntry]) {
    let suspects: Vec<&AuditEntry> = entries.iter().filter(|entry| entry.verdict == AuditVerdict::Suspect).collect();
    if suspects.is_empty() {
        return;
    }
    out.push_str("<section class=\"list error\">\n<h2>Look at these first</h2>\n<ul class=\"suspects\">\n");
    for entry in suspects.iter().take(SUSPECTS_AT_HEAD) {
        let _ = write!(
            out,
            "<li>{} <a href=\"{}\">{}</a>",
            entry.node.kind.display_name(),
            row_link(&entry.node.id),
            escape_html(&entry.node.name)
        );
        write_evidence(out, entry);
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
    if suspects.len() > SUSPECTS_AT_HEAD {
        let more = count_with_noun((suspects.len() - SUSPECTS_AT_HEAD) as u64, "suspect");
        let _ = writeln!(out, "<p class=\"soft\">Not shown: {more}. The table lists all of them.</p>");
    }
    out.push_str("</section>\n");
}

fn write_evidence(out: &mut String, entry: &AuditEntry) {
    if entry.evidence.is_empty() {
        return;
    }
    out.push_str("<ul class=\"evidence\">");
    for sentence in entry.evidence {
        let _ = write!(out, "<li>{}</li>", escape_html(sentence));
    }
    out.push_str("</ul>");
}

fn write_graph(out: &mut String, entries: &[AuditEntry]) {
    let graph = draw_graph(entries);
    out.push_str("<section class=\"graph\">\n<h2>Who calls whom</h2>\n");
    write_controls(out, entries, graph.folded);
    let _ = write!(
        out,
        "<p class=\"skip\"><a href=\"#findings\">Skip the graph</a></p>\n<div class=\"canvas\">\n<div class=\"view\">\n{}</div>\n\
         <aside class=\"panel\" aria-label=\"Details\" tabindex=\"-1\" hidden></aside>\n</div>\n\
         <ul class=\"lines-key soft\">\n",
        graph.svg
    );
    for (class, text) in [
        ("calls", "calls"),
        ("calls off", "would call, but is disabled or broken"),
        ("may", "may call (permission only)"),
        ("dead", "sends failures to"),
        ("needs", "runs as, refers to or logs to"),
        ("watches", "watches"),
    ] {
        let _ = writeln!(out, "<li>{} {text}</li>", graph::line_key(class));
    }
    out.push_str("</ul>\n");
    if graph.folded > 0 {
        let _ = writeln!(
            out,
            "<p class=\"soft\">Not drawn at first: {} active or managed, in groups where nothing needs attention. The \
             table lists them.</p>",
            graph.folded
        );
    }
    if graph.shared > 0 {
        let _ = writeln!(
            out,
            "<p class=\"soft\">Lines to anything that more than {SHARED_BY} others share (a role, a secret) are left out. \
             Its box says how many share it (<q>of 40</q>).</p>"
        );
    }
    out.push_str("</section>\n");
}

/// The controls, hidden until the script shows them, since they don't work without it.
fn write_controls(out: &mut String, entries: &[AuditEntry], folded: usize) {
    out.push_str(
        "<div class=\"controls\" hidden>\n<input type=\"search\" aria-label=\"Filter by text\" \
         placeholder=\"Name, ARN, tag, evidence\">\n<select aria-label=\"Filter by kind\"><option value=\"\">All kinds</option>",
    );
    let mut kinds: Vec<NodeKind> = entries.iter().map(|entry| entry.node.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let kind = kind.display_name();
        let _ = write!(out, "<option value=\"{kind}\">{kind}</option>");
    }
    out.push_str("</select>\n<span class=\"checks\">");
    for (verdict, of) in words::by_verdict(entries) {
        let title = verdict.display_name();
        let _ = write!(
            out,
            "<label class=\"{title}\"><input type=\"checkbox\" name=\"verdict\" value=\"{title}\" checked> {title} {}</label>",
            of.len()
        );
    }
    out.push_str("</span>\n");
    if folded > 0 {
        let _ = writeln!(
            out,
            "<label><input type=\"checkbox\" name=\"folded\"> draw the {folded} that need no attention</label>"
        );
    }
    out.push_str(
        "<output class=\"soft\"></output>\n<p class=\"soft\">Drag to move. Click the graph, then scroll to zoom, or use +, \
         \u{2212}, the arrow keys and 0. Click a box for its evidence.</p>\n\
         <span class=\"zoom\"><button type=\"button\" name=\"in\" aria-label=\"Zoom in\">+</button>\
         <button type=\"button\" name=\"out\" aria-label=\"Zoom out\">\u{2212}</button>\
         <button type=\"button\" name=\"fit\">Fit</button></span>\n</div>\n",
    );
}

fn write_findings(out: &mut String, entries: &[AuditEntry], days: u32) {
    out.push_str("<section id=\"findings\">\n<h2>Findings</h2>\n");
    if entries.is_empty() {
        out.push_str("<p>Nothing was found.</p>\n");
    }
    let names = entries.iter().map(|entry| (&*entry.node.id, entry.node)).collect();
    let mut number = 0;
    for (verdict, of) in words::by_verdict(entries) {
        let title = verdict.display_name();
        let open = if verdict < AuditVerdict::Active { " open" } else { "" };
        let _ = writeln!(
            out,
            "<details class=\"verdict {title}\" data-verdict=\"{title}\"{open}>\n<summary><h3><span class=\"sign\">{}</span> \
             {title}</h3> <span class=\"soft\">{}: {}</span></summary>\n<div class=\"wide\"><table class=\"findings\">\n\
             <thead><tr><th scope=\"col\">Kind</th><th scope=\"col\">Name</th><th scope=\"col\">Usage in {}</th>\
             <th scope=\"col\">Changed</th><th scope=\"col\">Why</th></tr></thead>\n<tbody>",
            words::verdict_sign(verdict),
            of.len(),
            escape_html(words::verdict_meaning(verdict)),
            count_with_noun(days.into(), "day"),
        );
        for entry in of {
            write_row(out, entry, number, &names);
            number += 1;
        }
        out.push_str("</tbody>\n</table></div>\n</details>\n");
    }
    out.push_str("</section>\n");
}

fn write_row(out: &mut String, entry: &AuditEntry, number: usize, names: &HashMap<&str, &Node>) {
    let node = entry.node;
    let count = match node.usage {
        NodeUsage::Counted { count, .. } => count.to_string(),
        NodeUsage::Unread | NodeUsage::NotCounted => "-1".to_owned(),
    };
    let changed = node.changed_at.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    let _ = write!(
        out,
        "<tr id=\"{}\" data-node=\"{number}\"><td>{}</td><th scope=\"row\"><a href=\"{}\">{}</a></th>\
         <td data-value=\"{count}\">{}</td><td>{changed}</td><td>",
        escape_html(&node.id),
        node.kind.display_name(),
        row_link(&node.id),
        escape_html(&node.name),
        escape_html(&words::usage_text(&node.usage)),
    );
    write_evidence(out, entry);
    out.push_str("<details class=\"more\"><summary>All details</summary><dl>");
    let mut say = |name: &str, text: &str| {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escape_html(name), escape_html(text));
    };
    say("id", &node.id);
    if !node.enabled {
        say("enabled", "no");
    }
    let owners = [("deployment", &node.deployment), ("venue", &node.venue)];
    for (name, value) in owners.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        say(name, value);
    }
    node.attributes.iter().for_each(|(name, value)| say(name, value));
    node.tags.iter().for_each(|(name, value)| say(&format!("tag {name}"), value));
    entry.unread.iter().for_each(|unread| say("unreadable", &words::unread_text(unread)));
    out.push_str("</dl>");
    write_edges(out, "Incoming", &entry.incoming, names, |edge| &edge.from);
    write_edges(out, "Outgoing", &entry.outgoing, names, |edge| &edge.to);
    out.push_str("</details></td></tr>\n");
}

fn write_edges<'a>(
    out: &mut String,
    title: &str,
    edges: &[&'a Edge],
    names: &HashMap<&str, &Node>,
    other: impl Fn(&'a Edge) -> &'a str,
) {
    if edges.is_empty() {
        return;
    }
    let _ = write!(out, "<h4>{title}</h4><ul>");
    for edge in edges {
        let other = other(edge);
        let name = names
            .get(other)
            .map_or_else(|| other.to_owned(), |node| format!("{} {}", node.kind.display_name(), node.name));
        let _ = write!(
            out,
            "<li><a href=\"{}\">{}</a>: {}</li>",
            row_link(other),
            escape_html(&name),
            escape_html(&words::edge_text(edge))
        );
    }
    out.push_str("</ul>");
}

fn write_calls(out: &mut String, inventory: &AuditInventory) {
    let _ = writeln!(
        out,
        "<details>\n<summary><h3>Calls made</h3> <span class=\"soft\">{}, all read-only</span></summary>\n\
         <div class=\"wide\"><table class=\"cost\">\n<thead><tr><th scope=\"col\">Call</th><th scope=\"col\">Times</th></tr></thead>\n<tbody>",
        inventory.calls.values().sum::<u64>()
    );
    for (call, times) in &inventory.calls {
        let _ = writeln!(out, "<tr><th scope=\"row\"><code>{}</code></th><td>{times}</td></tr>", escape_html(call));
    }
    out.push_str("</tbody>\n</table></div>\n</details>\n");
}
