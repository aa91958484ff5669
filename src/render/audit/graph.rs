//! The graph of an audit as SVG. It can be read without a script: each box links to its row in the table.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use maud::{Markup, html};

use super::super::escape::one_line;
use super::layout::{BOX_HEIGHT, BOX_WIDTH, CALM, GraphExtent, GraphLayout, GraphPoint, GraphVertex, lay_out_graph};
use super::row_link;
use super::words::{self, AuditEntry};
use deployer_janitor::audit::{AuditVerdict, Edge, EdgeKind};

/// If more lines than this lead to one thing without calling it (a role, a secret, a dead-letter queue), they are left
/// out: they would tie everything into one knot that has nothing else in common.
pub(super) const SHARED_BY: usize = 12;

/// Columns of text that fit into a box.
const NAME_COLUMNS: usize = 22;

/// The drawing, and what it leaves out.
pub(super) struct GraphDrawing {
    /// The element.
    pub(super) svg: Markup,
    /// How many boxes are shown only on request.
    pub(super) folded: usize,
    /// To how many things lines were left out.
    pub(super) shared: usize,
}

/// Draws everything that was found, and the missing things that edges refer to. Nodes are numbered like their entries.
pub(super) fn draw_graph(entries: &[AuditEntry]) -> GraphDrawing {
    let mut numbers: HashMap<&str, usize> =
        entries.iter().enumerate().map(|(number, entry)| (&*entry.node.id, number)).collect();
    let mut missing = Vec::new();
    let edges = entries.iter().flat_map(|entry| entry.outgoing.iter().chain(&entry.incoming).copied());
    let mut lines: BTreeMap<(usize, usize), Vec<&Edge>> = BTreeMap::new();
    for edge in edges {
        let ends = [&*edge.from, &*edge.to].map(|id| {
            *numbers.entry(id).or_insert_with(|| {
                missing.push(id);
                entries.len() + missing.len() - 1
            })
        });
        let line = lines.entry((ends[0], ends[1])).or_default();
        if !line.contains(&edge) {
            line.push(edge);
        }
    }
    let mut sharing: HashMap<usize, usize> = HashMap::new();
    for ((_, to), edges) in &lines {
        if !edges.iter().any(|edge| edge.kind.is_call()) {
            *sharing.entry(*to).or_default() += 1;
        }
    }
    sharing.retain(|_, by| *by > SHARED_BY);
    lines.retain(|(from, to), edges| {
        from != to && (!sharing.contains_key(to) || edges.iter().any(|edge| edge.kind.is_call()))
    });

    let found = entries.iter().map(|entry| GraphVertex { id: &entry.node.id, rank: verdict_rank(entry.verdict) });
    let vertices: Vec<GraphVertex> = found.chain(missing.iter().map(|id| GraphVertex { id, rank: CALM })).collect();
    let ends: Vec<(usize, usize)> = lines.keys().copied().collect();
    let drawing = lay_out_graph(&vertices, &ends);
    let GraphExtent { width, height } = drawing.shown;
    let svg = html! {
        svg viewBox=(format_args!("0 0 {width} {height}")) width=(width) height=(height) role="group"
            aria-label="Who calls whom, from left to right" {
            defs { (arrow_marker("head")) (arrow_marker("head-dead")) }
            g.lines {
                @for ((ends, edges), route) in lines.iter().zip(&drawing.routes) {
                    (draw_line(*ends, edges, route, drawing.folded[ends.0]))
                }
            }
            @for (number, entry) in entries.iter().enumerate() {
                (draw_node(entry, number, &drawing, sharing.get(&number).copied()))
            }
            @for (number, id) in (entries.len()..).zip(&missing) {
                (draw_missing(id, number, &drawing))
            }
        }
    };
    let folded = drawing.folded.iter().filter(|folded| **folded).count();
    GraphDrawing { svg, folded, shared: sharing.len() }
}

fn verdict_rank(verdict: AuditVerdict) -> u8 {
    match verdict {
        AuditVerdict::Suspect => 0,
        AuditVerdict::Orphaned | AuditVerdict::Stale | AuditVerdict::Unknown => 1,
        AuditVerdict::Active | AuditVerdict::Managed => CALM,
    }
}

/// The marker for an arrow's head.
fn arrow_marker(id: &str) -> Markup {
    html! {
        marker id=(id) viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"
            markerUnits="userSpaceOnUse" orient="auto" { path d="M0 0L8 4L0 8Z" {} }
    }
}

/// One line for all edges between two nodes, in the style of the most important one.
fn draw_line(ends: (usize, usize), edges: &[&Edge], route: &[GraphPoint], folded: bool) -> Markup {
    let weightiest = edges.iter().min_by_key(|edge| (edge_weight(edge.kind), !edge.enabled));
    let title = edges.iter().map(|edge| words::edge_text(edge)).collect::<Vec<_>>().join("; ");
    html! {
        @if let Some(weightiest) = weightiest {
            path.(line_class(weightiest.kind)).off[!weightiest.enabled].folded[folded]
                data-from=(ends.0) data-to=(ends.1) d=(curve_path(route)) { title { (title) } }
        }
    }
}

fn line_class(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Permission => "may",
        EdgeKind::DeadLetter => "dead",
        EdgeKind::Environment | EdgeKind::Role | EdgeKind::Log => "needs",
        EdgeKind::Watch => "watches",
        _ => "calls",
    }
}

fn edge_weight(kind: EdgeKind) -> u8 {
    match kind {
        kind if kind.is_call() => 0,
        EdgeKind::DeadLetter => 1,
        EdgeKind::Permission => 3,
        _ => 2,
    }
}

/// A line through points that starts and ends horizontally, and is straight where it passes a layer.
fn curve_path(route: &[GraphPoint]) -> String {
    let mut path = String::new();
    if let Some(GraphPoint { x, y }) = route.first() {
        let _ = write!(path, "M{x} {y}");
    }
    for pair in route.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if from.y == to.y {
            let _ = write!(path, "H{}", to.x);
        } else {
            let middle = i32::midpoint(from.x, to.x);
            let _ = write!(path, "C{middle} {} {middle} {} {} {}", from.y, to.y, to.x, to.y);
        }
    }
    path
}

fn draw_node(entry: &AuditEntry, number: usize, drawing: &GraphLayout, sharing: Option<usize>) -> Markup {
    let GraphPoint { x, y } = drawing.boxes[number];
    let (kind, verdict) = (entry.node.kind.display_name(), entry.verdict.display_name());
    let label = format!("{kind} {}: {verdict}", entry.node.name);
    html! {
        a.node.(verdict).folded[drawing.folded[number]] href=(row_link(&entry.node.id)) data-node=(number)
            transform=(format_args!("translate({x} {y})")) {
            // Its name, too.
            title { (label) }
            (verdict_shape(entry.verdict))
            text.sign x="19" y="28" { (words::verdict_sign(entry.verdict)) }
            text x="36" y="20" { (shorten_name(&entry.node.name)) }
            text.kind x="36" y="36" {
                (kind)
                @if !entry.node.enabled { " \u{b7} disabled" }
                @if let Some(by) = sharing { " \u{b7} of " (by) }
            }
        }
    }
}

/// Something that an edge refers to but that wasn't found, or whom a policy names. It has no row, so links to it lead to
/// its box.
fn draw_missing(id: &str, number: usize, drawing: &GraphLayout) -> Markup {
    let GraphPoint { x, y } = drawing.boxes[number];
    let (name, what, sign) = match id.strip_prefix("principal:") {
        Some("*") => ("anybody a policy lets in", "principal", "?"),
        Some(principal) => (principal, "principal", "?"),
        None => (id, "not found", "\u{d7}"),
    };
    let short = match what {
        "not found" if name.starts_with("arn:") => name.rsplit([':', '/']).next().unwrap_or(name),
        _ => name,
    };
    let label = format!("{name}: {what}");
    html! {
        a.node.missing.folded[drawing.folded[number]] id=(id) href=(row_link(id)) data-node=(number)
            transform=(format_args!("translate({x} {y})")) {
            // Its name, too.
            title { (label) }
            (rectangle_outline(0, 3))
            text.sign x="19" y="28" { (sign) }
            text x="36" y="20" { (shorten_name(short)) }
            text.kind x="36" y="36" { (what) }
        }
    }
}

/// The outline of a verdict. Each has its own, so that color isn't needed to tell them apart.
fn verdict_shape(verdict: AuditVerdict) -> Markup {
    match verdict {
        AuditVerdict::Suspect => polygon_outline(14, BOX_HEIGHT / 2),
        AuditVerdict::Unknown => polygon_outline(9, 9),
        AuditVerdict::Stale => rectangle_outline(0, BOX_HEIGHT / 2),
        AuditVerdict::Orphaned | AuditVerdict::Active => rectangle_outline(0, 4),
        AuditVerdict::Managed => html! { (rectangle_outline(0, 4)) (rectangle_outline(4, 2)) },
    }
}

fn rectangle_outline(inset: i32, radius: i32) -> Markup {
    html! {
        rect x=(inset) y=(inset) width=(BOX_WIDTH - 2 * inset) height=(BOX_HEIGHT - 2 * inset) rx=(radius) {}
    }
}

/// A box with its corners cut, `across` along its width and `down` along its height. With half the height it is a
/// hexagon.
fn polygon_outline(across: i32, down: i32) -> Markup {
    let (right, bottom) = (BOX_WIDTH - across, BOX_HEIGHT - down);
    let path =
        format!("M{across} 0H{right}L{BOX_WIDTH} {down}V{bottom}L{right} {BOX_HEIGHT}H{across}L0 {bottom}V{down}Z");
    html! { path d=(path) {} }
}

/// A name shortened to the columns of a box. The middle is cut, because related names differ at their ends.
fn shorten_name(name: &str) -> String {
    let columns = |character: char| if u32::from(character) < 0x1100 { 1 } else { 2 };
    let name = one_line(name);
    if name.chars().map(columns).sum::<usize>() <= NAME_COLUMNS {
        return name;
    }
    let within = |characters: &mut dyn Iterator<Item = char>, mut room: usize| -> Vec<char> {
        let fits = |character: &char| match room.checked_sub(columns(*character)) {
            Some(rest) => {
                room = rest;
                true
            }
            None => false,
        };
        characters.take_while(fits).collect()
    };
    let begin = within(&mut name.chars(), NAME_COLUMNS / 2);
    let end = within(&mut name.chars().rev(), NAME_COLUMNS / 2);
    begin.into_iter().chain(['\u{2026}']).chain(end.into_iter().rev()).collect()
}

/// A small version of a verdict's box, for the key.
pub(super) fn verdict_key(verdict: AuditVerdict) -> Markup {
    html! {
        svg.key viewBox=(format_args!("-3 -3 {} {}", BOX_WIDTH + 6, BOX_HEIGHT + 6)) width="72" height="17"
            aria-hidden="true" {
            g.node.(verdict.display_name()) {
                (verdict_shape(verdict))
                text.sign x=(BOX_WIDTH / 2) y="36" { (words::verdict_sign(verdict)) }
            }
        }
    }
}

/// A short line of a class, for the key.
pub(super) fn line_key(class: &str) -> Markup {
    html! {
        svg.key.lines viewBox="0 0 44 12" width="44" height="12" aria-hidden="true" { path.(class) d="M1 6H43" {} }
    }
}
