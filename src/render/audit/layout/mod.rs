//! Lays out a graph: triggers on the left, what they lead to on the right. Pure, and independent of the order of the
//! input.
//!
//! 1. The graph is split into connected components; [`layers`] draws each of them separately.
//! 2. Components are placed on shelves, those that need attention first and tall ones before short ones, stacked where
//!    a shelf is high enough. A node without edges has the size of one box, so such nodes form a grid.

mod layers;

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Width of a box, in the units of the view box, which are pixels before any zoom.
pub(super) const BOX_WIDTH: i32 = 220;
/// Height of a box.
pub(super) const BOX_HEIGHT: i32 = 46;
/// Space around a drawing, and between two components.
const MARGIN: i32 = 32;
/// With more nodes than this, components that need no attention are folded: they are shown only on request.
const FOLD_ABOVE: usize = 400;
/// The approximate ratio of a drawing's width to its height.
const ASPECT: f64 = 1.7;

/// What the position of a node depends on.
pub(super) struct GraphVertex<'a> {
    /// Orders nodes that are otherwise equal.
    pub(super) id: &'a str,
    /// How urgently it needs attention, 0 first. [`CALM`] and above need none.
    pub(super) rank: u8,
}

/// The lowest rank that needs no attention.
pub(super) const CALM: u8 = 2;

/// A position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GraphPoint {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// A width and a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GraphExtent {
    pub(super) width: i32,
    pub(super) height: i32,
}

/// The layout of a graph.
pub(super) struct GraphLayout {
    /// The upper left corner of each node's box, in the nodes' order.
    pub(super) boxes: Vec<GraphPoint>,
    /// The points that each edge passes through, in the edges' order; its ends touch its nodes' boxes. Empty for an
    /// edge from a node to itself.
    pub(super) routes: Vec<Vec<GraphPoint>>,
    /// Whether each node is folded at first, in the nodes' order.
    pub(super) folded: Vec<bool>,
    /// The extent of everything that isn't folded. Folded components are below it.
    pub(super) shown: GraphExtent,
}

/// Lays out a graph. `edges` are pairs of indices into `vertices`, from and to, each pair at most once.
pub(super) fn lay_out_graph(vertices: &[GraphVertex], edges: &[(usize, usize)]) -> GraphLayout {
    let mut components = draw_components(vertices, edges);
    components.sort_by_key(|component| {
        (component.rank, Reverse(component.drawing.extent.height), vertices[component.nodes[0]].id)
    });
    let fold = vertices.len() > FOLD_ABOVE;
    let (folded, shown): (Vec<_>, Vec<_>) =
        components.into_iter().partition(|component| fold && component.rank >= CALM);
    let mut out = GraphLayout {
        boxes: vec![GraphPoint { x: 0, y: 0 }; vertices.len()],
        routes: vec![Vec::new(); edges.len()],
        folded: vec![false; vertices.len()],
        shown: GraphExtent { width: 2 * MARGIN, height: MARGIN },
    };
    out.shown = out.place_on_shelves(&shown, out.shown);
    for component in &folded {
        for &node in &component.nodes {
            out.folded[node] = true;
        }
    }
    out.place_on_shelves(&folded, out.shown);
    out
}

/// Connected nodes, and their drawing.
struct GraphComponent {
    rank: u8,
    nodes: Vec<usize>,
    edges: Vec<usize>,
    drawing: layers::ComponentDrawing,
}

impl GraphLayout {
    /// Places components on shelves below what is already drawn, and returns the extent of all of it.
    fn place_on_shelves(&mut self, components: &[GraphComponent], above: GraphExtent) -> GraphExtent {
        let area = |extent: GraphExtent| f64::from(extent.width + MARGIN) * f64::from(extent.height + MARGIN);
        let all: f64 = components.iter().map(|component| area(component.drawing.extent)).sum();
        let widest = components.iter().map(|component| component.drawing.extent.width).max().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "a width in pixels")]
        let room = widest.max((all * ASPECT).sqrt() as i32);
        let mut extent = above;
        // The shelf's upper edge and height, and on it the column that is being filled: its left edge, width and next place.
        let (mut top, mut shelf) = (above.height, 0);
        let (mut x, mut column, mut y) = (MARGIN, 0, top);
        let mut rank = None;
        for component in components {
            let GraphExtent { width, height } = component.drawing.extent;
            let other = rank.replace(component.rank) != Some(component.rank);
            if other || width > column || y + height > top + shelf {
                (x, y) = (if column > 0 { x + column + MARGIN } else { x }, top);
                if column > 0 && (other || x + width > MARGIN + room) {
                    top += shelf + MARGIN;
                    (x, y, shelf) = (MARGIN, top, 0);
                }
                column = width;
            }
            self.place_component(component, GraphPoint { x, y });
            y += height + MARGIN;
            shelf = shelf.max(height);
            extent = GraphExtent { width: extent.width.max(x + column + MARGIN), height: top + shelf + MARGIN };
        }
        extent
    }

    fn place_component(&mut self, component: &GraphComponent, at: GraphPoint) {
        let moved = |point: &GraphPoint| GraphPoint { x: point.x + at.x, y: point.y + at.y };
        for (&node, corner) in component.nodes.iter().zip(&component.drawing.corners) {
            self.boxes[node] = moved(corner);
        }
        for (&edge, route) in component.edges.iter().zip(&component.drawing.routes) {
            self.routes[edge] = route.iter().map(moved).collect();
        }
    }
}

/// The components, each drawn, with their nodes and edges ordered by id.
fn draw_components(vertices: &[GraphVertex], edges: &[(usize, usize)]) -> Vec<GraphComponent> {
    let mut root: Vec<usize> = (0..vertices.len()).collect();
    for &(from, to) in edges {
        let (from, to) = (find_root(&mut root, from), find_root(&mut root, to));
        root[from] = to;
    }
    let mut by_id: Vec<usize> = (0..vertices.len()).collect();
    by_id.sort_by_key(|&node| vertices[node].id);
    let mut place = vec![0; vertices.len()];
    let mut parts: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for node in by_id {
        let (nodes, _) = parts.entry(find_root(&mut root, node)).or_default();
        place[node] = nodes.len();
        nodes.push(node);
    }
    for (edge, &(from, to)) in edges.iter().enumerate() {
        if from != to {
            parts.entry(find_root(&mut root, from)).or_default().1.push(edge);
        }
    }
    let drawn = parts.into_values().map(|(nodes, mut part)| {
        part.sort_by_key(|&edge| (place[edges[edge].0], place[edges[edge].1]));
        let local: Vec<_> = part.iter().map(|&edge| (place[edges[edge].0], place[edges[edge].1])).collect();
        let rank = nodes.iter().map(|&node| vertices[node].rank).min().unwrap_or_default();
        GraphComponent { rank, drawing: layers::draw_component(nodes.len(), &local), nodes, edges: part }
    });
    drawn.collect()
}

/// The representative of a node's component (union-find); shortens the path to it.
fn find_root(root: &mut [usize], mut node: usize) -> usize {
    while root[node] != node {
        root[node] = root[root[node]];
        node = root[node];
    }
    node
}
