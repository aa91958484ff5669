//! Draws one component in layers, after Sugiyama: cycles are broken, the longest path to a node decides its layer,
//! barycenters order each layer, and each node moves as close to its neighbors' height as the rest of its layer allows.

use super::{BOX_HEIGHT, BOX_WIDTH, GraphExtent, GraphPoint};

/// Space between two layers, for the lines.
const LAYER_GAP: i32 = 64;
/// Space between two columns of one layer.
const COLUMN_GAP: i32 = 20;
/// Space between two boxes, one above the other.
const ROW_GAP: i32 = 14;
/// With more rows than this a layer gets a second column, under which lines pass. A component of many nodes gets more
/// rows.
const ROWS: usize = 120;
/// Sweeps over the layers, alternately forward and backward. The last goes backward, so that callers are centered on
/// what they call.
const SWEEPS: usize = 8;
/// Most bends per node. Lines beyond that limit go straight.
const BENDS: usize = 4;

/// A component's drawing, relative to its own upper left corner.
pub(super) struct ComponentDrawing {
    /// The upper left corners of the boxes.
    pub(super) corners: Vec<GraphPoint>,
    /// The points that each edge passes through.
    pub(super) routes: Vec<Vec<GraphPoint>>,
    pub(super) extent: GraphExtent,
}

/// Draws nodes `0..count` and their edges. No edge may lead from a node to itself.
pub(super) fn draw_component(count: usize, edges: &[(usize, usize)]) -> ComponentDrawing {
    let backward = backward_edges(count, edges);
    let forward: Vec<(usize, usize)> =
        edges.iter().zip(&backward).map(|(&(from, to), &back)| if back { (to, from) } else { (from, to) }).collect();
    let mut grid = LayerGrid::new(assign_layers(count, &forward), &forward);
    grid.order_layers();
    let (columns, heights) = grid.place_items();
    let middle = |item: usize| GraphPoint { x: columns[item], y: heights[item] };
    let corners = (0..count).map(|node| GraphPoint { x: columns[node], y: heights[node] - BOX_HEIGHT / 2 }).collect();
    let routes = grid.chains.iter().zip(&backward).map(|(chain, &back)| {
        let mut route = Vec::with_capacity(chain.len() * 2);
        for (index, &item) in chain.iter().enumerate() {
            let GraphPoint { x, y } = middle(item);
            if index > 0 {
                route.push(GraphPoint { x, y });
            }
            if index + 1 < chain.len() {
                route.push(GraphPoint { x: x + BOX_WIDTH, y });
            }
        }
        if back {
            route.reverse();
        }
        route
    });
    let extent = GraphExtent {
        width: columns.iter().max().copied().unwrap_or_default() + BOX_WIDTH,
        height: heights.iter().max().copied().unwrap_or_default() + BOX_HEIGHT / 2,
    };
    ComponentDrawing { corners, routes: routes.collect(), extent }
}

/// Which edges lead back along the path of a depth-first walk. Without them there is no cycle.
fn backward_edges(count: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Never,
        OnTheWay,
        Done,
    }
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut entered = vec![false; count];
    for (edge, &(from, to)) in edges.iter().enumerate() {
        out[from].push(edge);
        entered[to] = true;
    }
    let mut seen = vec![Seen::Never; count];
    let mut backward = vec![false; edges.len()];
    // Walks start at nodes without incoming edges: a walk that started inside a cycle would take the edge that really
    // enters it for one that leads back.
    let (entries, others): (Vec<usize>, Vec<usize>) = (0..count).partition(|&node| !entered[node]);
    for start in entries.into_iter().chain(others) {
        if seen[start] != Seen::Never {
            continue;
        }
        seen[start] = Seen::OnTheWay;
        let mut way = vec![(start, 0)];
        while let Some((node, next)) = way.last_mut() {
            let Some(&edge) = out[*node].get(*next) else {
                seen[*node] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let to = edges[edge].1;
            match seen[to] {
                Seen::Never => {
                    seen[to] = Seen::OnTheWay;
                    way.push((to, 0));
                }
                Seen::OnTheWay => backward[edge] = true,
                Seen::Done => {}
            }
        }
    }
    backward
}

/// The layer of each node: the length of the longest path to it. A node without incoming edges is placed right before
/// the first node that it leads to. `edges` must have no cycle.
fn assign_layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut open = vec![0; count];
    for &(from, to) in edges {
        out[from].push(to);
        open[to] += 1;
    }
    let mut layer = vec![0; count];
    let entries: Vec<usize> = (0..count).filter(|&node| open[node] == 0).collect();
    let mut ready = entries.clone();
    while let Some(node) = ready.pop() {
        for &to in &out[node] {
            layer[to] = layer[to].max(layer[node] + 1);
            open[to] -= 1;
            if open[to] == 0 {
                ready.push(to);
            }
        }
    }
    for node in entries {
        if let Some(first) = out[node].iter().map(|&to| layer[to]).min() {
            layer[node] = first - 1;
        }
    }
    layer
}

/// Nodes and the bends of lines, arranged in layers.
struct LayerGrid {
    /// How many items are nodes; they come before the bends.
    nodes: usize,
    /// The items of each layer, from top to bottom.
    layers: Vec<Vec<usize>>,
    /// Each item's neighbors in the layer before.
    before: Vec<Vec<usize>>,
    /// Each item's neighbors in the layer after.
    after: Vec<Vec<usize>>,
    /// Each edge, in the forward direction: a node, bends, a node.
    chains: Vec<Vec<usize>>,
}

impl LayerGrid {
    fn new(mut layer: Vec<usize>, edges: &[(usize, usize)]) -> Self {
        let nodes = layer.len();
        let mut chains = Vec::with_capacity(edges.len());
        for &(from, to) in edges {
            let bends = layer[to] - layer[from] - 1;
            let begin = layer.len();
            if begin + bends <= nodes * (BENDS + 1) {
                layer.extend(layer[from] + 1..layer[to]);
            }
            chains.push([from].into_iter().chain(begin..layer.len()).chain([to]).collect::<Vec<_>>());
        }
        let mut layers = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
        for (item, &layer) in layer.iter().enumerate() {
            layers[layer].push(item);
        }
        let (mut before, mut after) = (vec![Vec::new(); layer.len()], vec![Vec::new(); layer.len()]);
        for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
            if layer[pair[1]] == layer[pair[0]] + 1 {
                after[pair[0]].push(pair[1]);
                before[pair[1]].push(pair[0]);
            }
        }
        Self { nodes, layers, before, after, chains }
    }

    /// Orders each layer by the mean position of its items' neighbors.
    fn order_layers(&mut self) {
        let mut place = vec![0.0; self.before.len()];
        let number = |place: &mut Vec<f64>, layer: &[usize]| {
            for (index, &item) in layer.iter().enumerate() {
                place[item] = as_f64(index);
            }
        };
        for layer in &self.layers {
            number(&mut place, layer);
        }
        for sweep in 0..SWEEPS {
            let hang = if sweep % 2 == 0 { &self.before } else { &self.after };
            for step in 0..self.layers.len() {
                let layer = if sweep % 2 == 0 { step } else { self.layers.len() - 1 - step };
                let layer = &mut self.layers[layer];
                let mut keyed: Vec<(f64, usize)> = layer
                    .iter()
                    .map(|&item| (mean_position(&hang[item], &place).unwrap_or(place[item]), item))
                    .collect();
                keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
                *layer = keyed.into_iter().map(|(_, item)| item).collect();
                number(&mut place, layer);
            }
        }
    }

    /// The left edge of each item, and the height of its middle.
    fn place_items(&self) -> (Vec<i32>, Vec<i32>) {
        let items = self.before.len();
        let rows = ROWS.max((1..).find(|rows| rows * rows >= items).unwrap_or(ROWS));
        let mut columns = vec![0; items];
        let mut heights = vec![0.0; items];
        let mut x = 0;
        for layer in &self.layers {
            for (index, column) in layer.chunks(rows).enumerate() {
                x += if index > 0 { BOX_WIDTH + COLUMN_GAP } else { 0 };
                for (&item, height) in column.iter().zip(self.stack_heights(column)) {
                    columns[item] = x;
                    heights[item] = height;
                }
            }
            x += BOX_WIDTH + LAYER_GAP;
        }
        for sweep in 0..SWEEPS {
            for step in 0..self.layers.len() {
                let layer = &self.layers[if sweep % 2 == 0 { step } else { self.layers.len() - 1 - step }];
                if layer.len() <= rows {
                    self.settle_layer(layer, &mut heights, sweep % 2 == 0);
                }
            }
        }
        let top = heights.iter().copied().fold(f64::INFINITY, f64::min);
        #[expect(clippy::cast_possible_truncation, reason = "a height in pixels")]
        let heights = heights.into_iter().map(|height| (height - top).round() as i32 + BOX_HEIGHT / 2).collect();
        (columns, heights)
    }

    /// The heights of the middles of items that are stacked without extra space.
    fn stack_heights(&self, items: &[usize]) -> Vec<f64> {
        let half = |item: usize| if item < self.nodes { f64::from(BOX_HEIGHT) / 2.0 } else { 0.0 };
        let mut heights = Vec::with_capacity(items.len());
        let (mut height, mut above) = (0.0, None);
        for &item in items {
            if let Some(above) = above {
                height += half(above) + half(item) + f64::from(ROW_GAP);
            }
            heights.push(height);
            above = Some(item);
        }
        heights
    }

    /// Moves a layer's items toward their preferred heights, as far as their order and spacing allow. The result has
    /// the least squared error; it is found by pooling items that would overlap.
    fn settle_layer(&self, layer: &[usize], heights: &mut [f64], forwards: bool) {
        let stacked = self.stack_heights(layer);
        let wish = |item: usize| {
            let (before, after) =
                (mean_position(&self.before[item], heights), mean_position(&self.after[item], heights));
            let wish = if forwards { before.or(after) } else { after.or(before) };
            wish.unwrap_or(heights[item])
        };
        // For each pool: the sum of its items' preferred heights, less the room taken by those above, and their number.
        let mut pools: Vec<(f64, usize)> = Vec::with_capacity(layer.len());
        for (&item, room) in layer.iter().zip(&stacked) {
            let mut pool = (wish(item) - room, 1);
            while let Some(&(sum, number)) = pools.last() {
                if sum / as_f64(number) <= pool.0 / as_f64(pool.1) {
                    break;
                }
                pool = (pool.0 + sum, pool.1 + number);
                pools.pop();
            }
            pools.push(pool);
        }
        let mut settled = pools.iter().flat_map(|&(sum, number)| std::iter::repeat_n(sum / as_f64(number), number));
        for (&item, room) in layer.iter().zip(&stacked) {
            heights[item] = settled.next().unwrap_or_default() + room;
        }
    }
}

fn mean_position(items: &[usize], of: &[f64]) -> Option<f64> {
    let sum: f64 = items.iter().map(|&item| of[item]).sum();
    (!items.is_empty()).then(|| sum / as_f64(items.len()))
}

fn as_f64(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
