//! Where everything of a graph is drawn: triggers at the left, what they lead to at the right. Pure, and the same for the
//! same graph in whatever order it comes.
//!
//! 1. The graph falls into connected components; each is drawn by [`layers`] for itself.
//! 2. Components are set on shelves, those with something to look at first and the higher before the lower, one below the
//!    other where a shelf is high enough. What stands alone has the size of one box, and so becomes a grid.

mod layers;

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Width of a box, in the units of the view box: pixels at first.
pub(super) const BOX_WIDTH: i32 = 220;
/// Height of a box.
pub(super) const BOX_HEIGHT: i32 = 46;
/// Space around a drawing, and between two components.
const MARGIN: i32 = 32;
/// Nodes above which components without anything to look at are set apart, to be shown when they are asked for.
const FOLD_ABOVE: usize = 400;
/// How much wider than high a drawing is, about.
const ASPECT: f64 = 1.7;

/// A node, as far as its place depends on it.
pub(super) struct Vertex<'a> {
    /// What orders it among its like.
    pub(super) id: &'a str,
    /// How soon it wants to be looked at, 0 first. [`CALM`] and above isn't anything to look at.
    pub(super) rank: u8,
}

/// The rank from which on there is nothing to look at.
pub(super) const CALM: u8 = 2;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// Width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) width: i32,
    pub(super) height: i32,
}

/// A graph's drawing.
pub(super) struct Layout {
    /// The upper left corner of each node's box, in the nodes' order.
    pub(super) boxes: Vec<Point>,
    /// Through which points each edge goes, in the edges' order; its ends are at its nodes' boxes. Empty for an edge from a
    /// node to itself.
    pub(super) routes: Vec<Vec<Point>>,
    /// Whether each node is set apart at first, in the nodes' order.
    pub(super) folded: Vec<bool>,
    /// What isn't set apart. The rest is below.
    pub(super) shown: Extent,
}

/// Lays out a graph. `edges` are indices of `vertices`, from and to, each pair at most once.
pub(super) fn layout(vertices: &[Vertex], edges: &[(usize, usize)]) -> Layout {
    let mut components = components(vertices, edges);
    components.sort_by_key(|component| {
        (component.rank, Reverse(component.drawing.extent.height), vertices[component.nodes[0]].id)
    });
    let fold = vertices.len() > FOLD_ABOVE;
    let (folded, shown): (Vec<_>, Vec<_>) =
        components.into_iter().partition(|component| fold && component.rank >= CALM);
    let mut out = Layout {
        boxes: vec![Point { x: 0, y: 0 }; vertices.len()],
        routes: vec![Vec::new(); edges.len()],
        folded: vec![false; vertices.len()],
        shown: Extent { width: 2 * MARGIN, height: MARGIN },
    };
    out.shown = out.shelve(&shown, out.shown);
    for component in &folded {
        for &node in &component.nodes {
            out.folded[node] = true;
        }
    }
    out.shelve(&folded, out.shown);
    out
}

/// Nodes that hang together, and their drawing.
struct Component {
    rank: u8,
    nodes: Vec<usize>,
    edges: Vec<usize>,
    drawing: layers::Drawing,
}

impl Layout {
    /// Sets components on shelves, below what is drawn already, and says how much room it all takes.
    fn shelve(&mut self, components: &[Component], above: Extent) -> Extent {
        let area = |extent: Extent| f64::from(extent.width + MARGIN) * f64::from(extent.height + MARGIN);
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
            let Extent { width, height } = component.drawing.extent;
            let other = rank.replace(component.rank) != Some(component.rank);
            if other || width > column || y + height > top + shelf {
                (x, y) = (if column > 0 { x + column + MARGIN } else { x }, top);
                if column > 0 && (other || x + width > MARGIN + room) {
                    top += shelf + MARGIN;
                    (x, y, shelf) = (MARGIN, top, 0);
                }
                column = width;
            }
            self.put(component, Point { x, y });
            y += height + MARGIN;
            shelf = shelf.max(height);
            extent = Extent { width: extent.width.max(x + column + MARGIN), height: top + shelf + MARGIN };
        }
        extent
    }

    fn put(&mut self, component: &Component, at: Point) {
        let moved = |point: &Point| Point { x: point.x + at.x, y: point.y + at.y };
        for (&node, corner) in component.nodes.iter().zip(&component.drawing.corners) {
            self.boxes[node] = moved(corner);
        }
        for (&edge, route) in component.edges.iter().zip(&component.drawing.routes) {
            self.routes[edge] = route.iter().map(moved).collect();
        }
    }
}

/// The components, each drawn; their nodes and edges in the order of ids.
fn components(vertices: &[Vertex], edges: &[(usize, usize)]) -> Vec<Component> {
    let mut root: Vec<usize> = (0..vertices.len()).collect();
    for &(from, to) in edges {
        let (from, to) = (find(&mut root, from), find(&mut root, to));
        root[from] = to;
    }
    let mut by_id: Vec<usize> = (0..vertices.len()).collect();
    by_id.sort_by_key(|&node| vertices[node].id);
    let mut place = vec![0; vertices.len()];
    let mut parts: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for node in by_id {
        let (nodes, _) = parts.entry(find(&mut root, node)).or_default();
        place[node] = nodes.len();
        nodes.push(node);
    }
    for (edge, &(from, to)) in edges.iter().enumerate() {
        if from != to {
            parts.entry(find(&mut root, from)).or_default().1.push(edge);
        }
    }
    let drawn = parts.into_values().map(|(nodes, mut part)| {
        part.sort_by_key(|&edge| (place[edges[edge].0], place[edges[edge].1]));
        let local: Vec<_> = part.iter().map(|&edge| (place[edges[edge].0], place[edges[edge].1])).collect();
        let rank = nodes.iter().map(|&node| vertices[node].rank).min().unwrap_or_default();
        Component { rank, drawing: layers::draw(nodes.len(), &local), nodes, edges: part }
    });
    drawn.collect()
}

/// The representative of a node's component, with the way to it shortened.
fn find(root: &mut [usize], mut node: usize) -> usize {
    while root[node] != node {
        root[node] = root[root[node]];
        node = root[node];
    }
    node
}
