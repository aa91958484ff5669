//! The graph, as it is drawn in the page.

use std::collections::HashMap;

use deployer::render::audit_html;
use deployer_janitor::audit::{Audit, AuditVerdict, EdgeKind, NodeKind};
use proptest::collection::vec;

use super::accounts::{AuditBuilder, generated_audit, sample_arn, story_audit};

/// A box: its class, its left edge and its upper edge.
struct PlacedBox {
    class: String,
    x: i32,
    y: i32,
}

impl PlacedBox {
    fn is_folded(&self) -> bool {
        self.class.ends_with(" folded")
    }
}

/// A line between two boxes, with their ids and the points where it begins and ends.
struct DrawnLine {
    class: String,
    from: String,
    to: String,
    begin: (i32, i32),
    end: (i32, i32),
}

/// The drawing, parsed from the page.
struct ParsedDrawing {
    boxes: HashMap<String, PlacedBox>,
    lines: Vec<DrawnLine>,
    /// Width and height of a box.
    size: (i32, i32),
    /// Width and height of what isn't folded.
    shown: (i32, i32),
}

/// An attribute of the element that `text` begins with.
fn attribute_value<'a>(text: &'a str, name: &str) -> &'a str {
    let element = &text[..text.find('>').expect("the element ends")];
    let (_, rest) = element.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name} in {element}"));
    rest.split('"').next().expect("the value ends")
}

fn parse_numbers(text: &str) -> Vec<i32> {
    text.split(|c: char| !c.is_ascii_digit() && c != '-').filter_map(|number| number.parse().ok()).collect()
}

/// The points where a path begins and ends. It may use only `M`, `C` and `H`.
fn path_ends(path: &str) -> ((i32, i32), (i32, i32)) {
    let commands: Vec<usize> = path.match_indices(['M', 'C', 'H']).map(|(at, _)| at).chain([path.len()]).collect();
    let points = commands.windows(2).scan((0, 0), |at, command| {
        let command = &path[command[0]..command[1]];
        *at = match *parse_numbers(command) {
            [.., x, y] if !command.starts_with('H') => (x, y),
            // A horizontal line keeps its height.
            [x] if command.starts_with('H') => (x, at.1),
            _ => panic!("{command} in {path}"),
        };
        Some(*at)
    });
    let points: Vec<(i32, i32)> = points.collect();
    (points[0], *points.last().expect("it goes somewhere"))
}

impl ParsedDrawing {
    fn from_audit(audit: &Audit) -> Self {
        let page = audit_html(audit);
        let view = &page[page.find("<div class=\"view\">").expect("there is a graph")..];
        let svg = &view[view.find("<svg").expect("it is drawn")..view.find("</svg>").expect("it ends")];
        let mut ids = HashMap::new();
        let mut boxes = HashMap::new();
        for element in svg.split("<a ").skip(1) {
            let at = parse_numbers(attribute_value(element, "transform"));
            let href = attribute_value(element, "href").strip_prefix('#').expect("it is a link within the page");
            let id = percent_encoding::percent_decode_str(href).decode_utf8().expect("it is UTF-8").into_owned();
            ids.insert(attribute_value(element, "data-node"), id.clone());
            let class = attribute_value(element, "class").to_owned();
            assert!(boxes.insert(id, PlacedBox { class, x: at[0], y: at[1] }).is_none(), "each box must be drawn once");
        }
        let lines = svg.split("<path ").filter(|element| element.contains("data-from")).map(|element| {
            let (begin, end) = path_ends(attribute_value(element, " d"));
            let end_of = |name| ids[attribute_value(element, name)].clone();
            DrawnLine {
                class: attribute_value(element, "class").to_owned(),
                from: end_of("data-from"),
                to: end_of("data-to"),
                begin,
                end,
            }
        });
        let lines = lines.collect();
        let rect = page.find("<rect x=\"0\" y=\"0\"").expect("there is a box in the key");
        let size = |name| attribute_value(&page[rect..], name).parse().expect("it is a number");
        let shown = parse_numbers(attribute_value(svg, "viewBox"));
        let size = (size("width"), size("height"));
        Self { boxes, lines, size, shown: (shown[2], shown[3]) }
    }

    /// Checks what must hold for any drawing.
    fn check_layout(&self) {
        let (width, height) = self.size;
        let mut placed: Vec<&PlacedBox> = self.boxes.values().collect();
        placed.sort_by_key(|at| at.x);
        for (index, one) in placed.iter().enumerate() {
            assert!(one.x >= 0 && one.y >= 0);
            if one.is_folded() {
                assert!(one.y >= self.shown.1, "folded boxes must be below the visible part");
            } else {
                assert!(
                    one.x + width <= self.shown.0 && one.y + height <= self.shown.1,
                    "shown boxes must be in the visible part"
                );
            }
            for other in placed[index + 1..].iter().take_while(|other| other.x < one.x + width) {
                assert!((one.y - other.y).abs() >= height, "{} and {} overlap", one.y, other.y);
            }
        }
        for line in &self.lines {
            let (from, to) = (&self.boxes[&line.from], &self.boxes[&line.to]);
            let forward = line.begin.0 == from.x + width && line.end.0 == to.x;
            let backward = line.begin.0 == from.x && line.end.0 == to.x + width;
            assert!(forward || backward, "a line must start and end at the sides of its boxes");
            assert_eq!(
                (line.begin.1, line.end.1),
                (from.y + height / 2, to.y + height / 2),
                "a line must start and end at the middle of a side"
            );
            assert_eq!(from.is_folded(), to.is_folded(), "connected boxes must be folded together");
        }
    }

    fn find_line(&self, from: &str, to: &str) -> Option<&DrawnLine> {
        self.lines.iter().find(|line| line.from == from && line.to == to)
    }
}

fn function_arn(index: usize) -> String {
    sample_arn("lambda", &format!("function:f{index}"))
}

/// Functions with task edges between them.
fn tasked_audit(count: usize, edges: &[(usize, usize)], verdict: AuditVerdict) -> Audit {
    let mut account = AuditBuilder::new();
    for index in 0..count {
        account.add_node(function_arn(index), NodeKind::Function, &format!("f{index}"), verdict, &[]);
    }
    for &(from, to) in edges {
        account.add_edge(&function_arn(from), &function_arn(to), EdgeKind::Task);
    }
    account.0
}

proptest::proptest! {
    #[test]
    fn draws_any_graph_without_overlaps(count in 1_usize..40, edges in vec((0_usize..44, 0_usize..44), 0..90)) {
        let edges: Vec<_> = edges.into_iter().filter(|(from, to)| *from.min(to) < count).collect();
        let audit = tasked_audit(count, &edges, AuditVerdict::Stale);
        let drawing = ParsedDrawing::from_audit(&audit);
        drawing.check_layout();
        for (from, to) in edges {
            let drawn = drawing.find_line(&function_arn(from), &function_arn(to)).is_some();
            proptest::prop_assert_eq!(drawn, from != to, "f{} to f{}", from, to);
        }
    }

    #[test]
    fn draws_the_same_page_for_any_order_of_the_audit(count in 1_usize..20, edges in vec((0_usize..22, 0_usize..22), 0..40), turn in 0_usize..20) {
        let audit = tasked_audit(count, &edges, AuditVerdict::Active);
        let mut other = audit.clone();
        let inventory = &mut other.inventory;
        let (nodes, edges) = (turn % inventory.nodes.len(), turn.min(inventory.edges.len()));
        inventory.nodes.rotate_left(nodes);
        inventory.nodes.reverse();
        inventory.edges.rotate_left(edges);
        other.findings.reverse();
        proptest::prop_assert_eq!(audit_html(&audit), audit_html(&other));
    }
}

#[test]
fn draws_triggers_to_the_left_of_what_they_call() {
    let audit = story_audit();
    let drawing = ParsedDrawing::from_audit(&audit);
    drawing.check_layout();
    for line in &drawing.lines {
        assert!(drawing.boxes[&line.from].x < drawing.boxes[&line.to].x, "{} to {}", line.from, line.to);
    }
    for edge in &audit.inventory.edges {
        assert!(drawing.find_line(&edge.from, &edge.to).is_some(), "{} to {}", edge.from, edge.to);
    }
}

#[test]
fn draws_a_line_in_the_style_of_its_most_important_edge() {
    let drawing = ParsedDrawing::from_audit(&story_audit());
    let class = |from: &str, to: &str| &*drawing.find_line(from, to).expect("it is drawn").class;
    let (rule, live) =
        (sample_arn("events", "rule/venue-sync-venue-a"), sample_arn("lambda", "function:venue-sync-venue-a"));
    assert_eq!(class(&rule, &live), "calls", "it has a permission too, which matters less");
    let (api, test) =
        ("arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5", sample_arn("lambda", "function:tripleseat-push-test"));
    assert_eq!(class(api, &test), "may");
    let (leads, pushes) = (sample_arn("sqs", "leads.fifo"), sample_arn("sqs", "pushes.fifo"));
    assert_eq!(class(&leads, &pushes), "dead");
    assert_eq!(
        class(&pushes, &sample_arn("lambda", "function:tripleseat-push")),
        "calls off",
        "its mapping is disabled"
    );
    assert_eq!(class(&sample_arn("cloudwatch", "alarm:venue-a-errors"), &live), "watches");
    assert_eq!(
        drawing.boxes[&sample_arn("lambda", "function:venue-b-leads")].class,
        "node missing",
        "only an edge refers to it"
    );
}

#[test]
fn folds_what_needs_no_attention_in_a_large_account() {
    let audit = generated_audit(4_500);
    let drawing = ParsedDrawing::from_audit(&audit);
    drawing.check_layout();
    let folded = drawing.boxes.values().filter(|placed| placed.is_folded()).count();
    assert!(folded > 2_000, "{folded}");
    for finding in audit.findings.iter().filter(|finding| finding.verdict < AuditVerdict::Active) {
        assert!(!drawing.boxes[&finding.id].is_folded(), "{} needs attention", finding.id);
    }
    let page = audit_html(&audit);
    assert!(page.contains(&format!("draw the {folded} that need no attention")), "{page}");
    assert_eq!(
        ParsedDrawing::from_audit(&generated_audit(300)).boxes.values().filter(|placed| placed.is_folded()).count(),
        0
    );
}

#[test]
fn leaves_out_lines_to_widely_shared_things_but_counts_them() {
    let count = |functions: usize| {
        let mut account = AuditBuilder::new();
        let role = "arn:aws:iam::123456789012:role/shared".to_owned();
        let role = account.add_node(role, NodeKind::Role, "shared", AuditVerdict::Active, &[]);
        for index in 0..functions {
            let function = account.add_node(function_arn(index), NodeKind::Function, "f", AuditVerdict::Active, &[]);
            account.add_edge(&function, &role, EdgeKind::Role);
        }
        (ParsedDrawing::from_audit(&account.0).lines.len(), audit_html(&account.0).contains("role \u{b7} of 13<"))
    };
    assert_eq!(count(12), (12, false));
    assert_eq!(count(13), (0, true));
}

#[test]
fn draws_long_chains_wide_layers_and_rings() {
    let chain: Vec<_> = (1..3_000).map(|index| (index - 1, index)).collect();
    let star: Vec<_> = (1..500).map(|index| (0, index)).collect();
    let ring: Vec<_> = (0..200).map(|index| (index, (index + 1) % 200)).collect();
    // Each function of a chain also has an edge to the last one: more bends than the limit allows.
    let fan: Vec<_> = (0..300).map(|index| (index, 300)).chain((1..300).map(|index| (index - 1, index))).collect();
    for (count, edges) in [(3_000, chain), (500, star), (200, ring), (301, fan)] {
        let drawing = ParsedDrawing::from_audit(&tasked_audit(count, &edges, AuditVerdict::Stale));
        drawing.check_layout();
        assert_eq!(drawing.lines.len(), edges.len());
    }
}
