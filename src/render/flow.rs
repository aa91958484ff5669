//! A diagram of how contacts become leads: a lane for each venue, from its checkbox in HubSpot through its rule and its
//! function to its destination. Colors come from the page's style; each state also has its own shape and word.

use maud::{Markup, html};

use super::escape::one_line;
use super::text_width::fit_text;
use deployer_health::status::VenueStanding;

// Widths and heights, in the units of the view box.
const WIDTH: f64 = 1000.0;
const HEAD: f64 = 40.0;
const LANE: f64 = 68.0;
const GAP: f64 = 14.0;
const EDGE: f64 = 14.0;
/// Left edge and width of each column.
const COLUMNS: [(f64, f64); 4] = [(EDGE, 222.0), (290.0, 208.0), (538.0, 212.0), (790.0, 196.0)];
/// Space between a box's edge and its content.
const PADDING: f64 = 12.0;
/// Size of a sign.
const SIGN: f64 = 16.0;
/// Space that a sign takes beside a text.
const BESIDE_SIGN: f64 = SIGN + 10.0;
/// Font size of a box's first line, and its distance from the box's top.
const FIRST: (f64, f64) = (14.0, 30.0);
/// Font size of a box's second line, and its distance from the box's top.
const SECOND: (f64, f64) = (12.0, 49.0);
/// The font size by which bold text of the first line is measured, since bold is wider.
const BOLD: f64 = FIRST.0 * 1.12;

/// The content of the diagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowDiagram {
    /// `HubSpot, portal 1234567`
    pub source: String,
    /// The venues.
    pub lanes: Vec<FlowLane>,
}

/// One venue: the texts of its four boxes, in two lines each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLane {
    /// Its standing, which decides its color and its sign.
    pub standing: VenueStanding,
    /// The checkbox in HubSpot.
    pub flag: (String, String),
    /// When it runs.
    pub rule: (String, String),
    /// Its standing in words, and its last sync.
    pub function: (String, String),
    /// Where its leads go.
    pub destination: (String, String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct FlowBox {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The height of the diagram, and the four boxes of each lane.
#[derive(Debug, Clone, PartialEq)]
struct FlowLayout {
    height: f64,
    lanes: Vec<[FlowBox; 4]>,
}

fn lay_out_flow(lanes: usize) -> FlowLayout {
    let top = |lane: usize| HEAD + EDGE + lane as f64 * (LANE + GAP);
    let lane = |lane: usize| COLUMNS.map(|(x, width)| FlowBox { x, y: top(lane), width, height: LANE });
    FlowLayout { height: top(lanes) - if lanes == 0 { 0.0 } else { GAP } + EDGE, lanes: (0..lanes).map(lane).collect() }
}

/// The diagram as an element for a page.
pub fn flow_svg(flow: &FlowDiagram) -> Markup {
    let FlowLayout { height, lanes } = lay_out_flow(flow.lanes.len());
    let heads = [flow.source.as_str(), "When", "Sync (on AWS)", "Leads go to"];
    html! {
        svg.flow viewBox=(format_args!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="flow-title flow-text" {
            title #flow-title { "How contacts become leads" }
            desc #flow-text { (describe_flow(flow)) }
            rect.source x="1" y=(HEAD) width=(COLUMNS[0].1 + 2.0 * EDGE - 2.0) height=(height - HEAD - 1.0) rx="10" {}
            @for (head, (x, width)) in heads.into_iter().zip(COLUMNS) {
                (draw_text("head", (x, HEAD - 14.0), head, (13.0, width)))
            }
            @for (lane, areas) in flow.lanes.iter().zip(&lanes) {
                (draw_lane(lane, areas))
            }
        }
    }
}

/// The description for screen readers.
fn describe_flow(flow: &FlowDiagram) -> String {
    let lanes = flow.lanes.iter().map(|lane| {
        format!(
            "{}: {}; {}; {}; leads go to {}, {}",
            lane.flag.1, lane.function.0, lane.rule.0, lane.function.1, lane.destination.0, lane.destination.1
        )
    });
    let lanes: Vec<String> = lanes.collect();
    format!("From {}. {}.", flow.source, lanes.join(". "))
}

fn standing_class(standing: VenueStanding) -> &'static str {
    match standing {
        VenueStanding::Running => "running",
        VenueStanding::Failing => "failing",
        VenueStanding::Paused => "paused",
        VenueStanding::Blocked => "blocked",
        VenueStanding::NotDeployed => "missing",
        VenueStanding::Pending => "pending",
        VenueStanding::Unknown => "unknown",
    }
}

/// What a box of a lane is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlowStage {
    Flag,
    Rule,
    Function,
    Destination,
}

impl FlowStage {
    fn css_class(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Rule => "rule",
            Self::Function => "function",
            Self::Destination => "destination",
        }
    }
}

fn draw_lane(lane: &FlowLane, areas: &[FlowBox; 4]) -> Markup {
    let boxes = [
        (FlowStage::Flag, &lane.flag),
        (FlowStage::Rule, &lane.rule),
        (FlowStage::Function, &lane.function),
        (FlowStage::Destination, &lane.destination),
    ];
    html! {
        g.(standing_class(lane.standing)) {
            @for (area, (stage, lines)) in areas.iter().zip(boxes) {
                (draw_box(*area, stage, lines, lane.standing))
            }
            @for pair in areas.windows(2) {
                (draw_arrow(pair[0], pair[1]))
            }
        }
    }
}

fn draw_box(area: FlowBox, stage: FlowStage, lines: &(String, String), standing: VenueStanding) -> Markup {
    let FlowBox { x, y, width, height } = area;
    let sign = (x + PADDING, y + FIRST.1 - 13.0);
    let room = width - 2.0 * PADDING;
    let beside_sign = x + PADDING + BESIDE_SIGN;
    // People look for a lane by the venue's name, so that stands out.
    let (first, second, second_x, second_size) = match stage {
        FlowStage::Flag => ("line soft", "line name", beside_sign, BOLD),
        FlowStage::Rule | FlowStage::Function | FlowStage::Destination => {
            ("line name", "line soft", x + PADDING, SECOND.0)
        }
    };
    html! {
        rect.box.(stage.css_class()) x=(x) y=(y) width=(width) height=(height) rx="8" {}
        @match stage {
            FlowStage::Flag => (draw_checkbox(sign)),
            FlowStage::Rule => (draw_clock(sign)),
            FlowStage::Function => (draw_badge(standing, sign)),
            FlowStage::Destination => (draw_pin(sign)),
        }
        (draw_text(first, (beside_sign, y + FIRST.1), &lines.0, (BOLD, room - BESIDE_SIGN)))
        (draw_text(second, (second_x, y + SECOND.1), &lines.1, (second_size, x + width - PADDING - second_x)))
    }
}

/// One line of text. Text that had to be cut is complete in its title.
fn draw_text(class: &str, (x, y): (f64, f64), text: &str, (size, room): (f64, f64)) -> Markup {
    // What is measured has to be what the page shows.
    let text = one_line(text);
    let fitted = fit_text(&text, size, room);
    html! {
        text.(class) x=(x) y=(y) {
            (fitted)
            @if fitted != text { title { (text) } }
        }
    }
}

fn draw_arrow(from: FlowBox, to: FlowBox) -> Markup {
    let (y, start, end) = (from.y + from.height / 2.0, from.x + from.width, to.x);
    html! {
        path.arrow d=(format_args!("M{} {y}H{}", start + 4.0, end - 12.0)) {}
        path.tip d=(format_args!("M{} {}l9 5l-9 5z", end - 13.0, y - 5.0)) {}
    }
}

fn draw_checkbox((x, y): (f64, f64)) -> Markup {
    html! {
        rect.line-art x=(x) y=(y) width=(SIGN) height=(SIGN) rx="3" {}
        path.line-art d=(format_args!("M{} {}l3.5 3.5l6-7", x + 3.5, y + 8.5)) {}
    }
}

fn draw_clock((x, y): (f64, f64)) -> Markup {
    html! {
        circle.line-art cx=(x + 8.0) cy=(y + 8.0) r="8" {}
        path.line-art d=(format_args!("M{} {}v4.5l3 2", x + 8.0, y + 3.5)) {}
    }
}

fn draw_pin((x, y): (f64, f64)) -> Markup {
    html! {
        path.line-art d=(format_args!("M{} {}c-4-5-6-7-6-10a6 6 0 0 1 12 0c0 3-2 5-6 10z", x + 8.0, y + 16.5)) {}
        circle.line-art cx=(x + 8.0) cy=(y + 6.5) r="2" {}
    }
}

/// The state as a shape. No two states share one, so that color isn't needed to tell them apart.
fn draw_badge(standing: VenueStanding, (x, y): (f64, f64)) -> Markup {
    let (cx, cy) = (x + 8.0, y + 8.0);
    let ring = html! { circle.ring cx=(cx) cy=(cy) r="7" {} };
    html! {
        @match standing {
            VenueStanding::Running => {
                circle.badge cx=(cx) cy=(cy) r="8" {}
                path.mark d=(format_args!("M{} {}l3 3l5.5-6", cx - 4.0, cy + 0.5)) {}
            }
            VenueStanding::Failing => {
                path.badge d=(format_args!("M{cx} {}l9 16h-18z", cy - 8.5)) {}
                path.mark d=(format_args!("M{cx} {}v5m0 2.4v.2", cy - 2.5)) {}
            }
            VenueStanding::Paused => {
                (ring)
                path.state-line d=(format_args!("M{} {}v6m5 0v-6", cx - 2.5, cy - 3.0)) {}
            }
            VenueStanding::Blocked => {
                path.badge d=(format_args!("M{} {}h7l4.5 4.5v7l-4.5 4.5h-7l-4.5-4.5v-7z", cx - 3.5, cy - 8.0)) {}
                path.mark d=(format_args!("M{} {cy}h8", cx - 4.0)) {}
            }
            VenueStanding::NotDeployed => circle.ring.dashed cx=(cx) cy=(cy) r="7" {},
            VenueStanding::Pending => {
                (ring)
                path.state-line d=(format_args!("M{} {cy}h7m-3-3l3 3l-3 3", cx - 3.5)) {}
            }
            VenueStanding::Unknown => {
                (ring)
                path.state-line d=(format_args!("M{} {}a2.5 2.5 0 1 1 3.6 2.2q-1.1.6-1.1 1.6m0 2v.2", cx - 2.5, cy - 1.5)) {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page;
    use crate::render::text_width::text_width;

    fn are_apart(one: FlowBox, other: FlowBox) -> bool {
        one.x + one.width <= other.x
            || other.x + other.width <= one.x
            || one.y + one.height <= other.y
            || other.y + other.height <= one.y
    }

    #[test]
    fn keeps_boxes_apart_and_inside_the_diagram() {
        for lanes in [0, 1, 3, 40] {
            let FlowLayout { height, lanes } = lay_out_flow(lanes);
            let boxes: Vec<FlowBox> = lanes.iter().flatten().copied().collect();
            for (index, one) in boxes.iter().enumerate() {
                assert!(one.x >= 0.0 && one.x + one.width <= WIDTH && one.y >= HEAD && one.y + one.height < height);
                assert!(boxes[index + 1..].iter().all(|other| are_apart(*one, *other)), "{one:?}");
            }
        }
        let room_for_arrows = COLUMNS.windows(2).map(|pair| pair[1].0 - pair[0].0 - pair[0].1);
        assert!(room_for_arrows.into_iter().all(|room| room >= 30.0));
    }

    fn sample_lane(text: &str, standing: VenueStanding) -> FlowLane {
        let lines = || (text.to_owned(), text.to_owned());
        FlowLane { standing, flag: lines(), rule: lines(), function: lines(), destination: lines() }
    }

    const ALL: [VenueStanding; 7] = [
        VenueStanding::Running,
        VenueStanding::Failing,
        VenueStanding::Paused,
        VenueStanding::Blocked,
        VenueStanding::NotDeployed,
        VenueStanding::Pending,
        VenueStanding::Unknown,
    ];

    #[test]
    fn fits_every_text_into_its_box() {
        let long = "The Harbour House at the Old Custom Pier, Northern Wing 🏝️ بيت الميناء";
        let svg =
            flow_svg(&FlowDiagram { source: long.to_owned(), lanes: vec![sample_lane(long, VenueStanding::Running)] })
                .into_string();
        let texts = svg.split("<text").skip(1).map(|rest| rest.split("</text>").next().expect("its content"));
        let mut count = 0;
        for line in texts {
            let number = |name: &str| line.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse::<f64>().ok();
            let (x, shown) = (number("x").expect("x"), line.split('>').nth(1).expect("text"));
            let shown = shown.split('<').next().expect("text");
            let size = if line.contains("line name") { BOLD } else { SECOND.0 };
            let column = COLUMNS.iter().rfind(|(left, _)| *left <= x).expect("a column");
            assert!(x + text_width(shown, size) <= column.0 + column.1, "{line}");
            count += 1;
        }
        assert_eq!(count, 4 + 8);
        assert!(svg.matches("<title>The Harbour House").count() >= 9, "a cut text is complete in its title");
    }

    #[test]
    fn draws_every_state_with_its_own_shape() {
        let mut shapes: Vec<String> =
            ALL.iter().map(|standing| draw_badge(*standing, (0.0, 0.0)).into_string()).collect();
        shapes.sort();
        shapes.dedup();
        assert_eq!(shapes.len(), ALL.len());
    }

    #[test]
    fn escapes_hostile_text_in_the_diagram() {
        let tags = |svg: &str| svg.matches('<').count() - svg.matches("<title>").count() * 2;
        let draw = |text: &str| {
            let flow = FlowDiagram { source: text.to_owned(), lanes: vec![sample_lane(text, VenueStanding::Paused)] };
            page::render_page("", "", &flow_svg(&flow))
        };
        let expected = tags(&draw("plain"));
        for text in ["</text><script>x</script>", "\" onload=\"x", "]]>", "<!--", "\u{202e}txet", "a\nb"] {
            let svg = draw(text);
            assert_eq!(tags(&svg), expected, "{text:?} adds no element");
            assert!(!svg.contains("\" onload=") && !svg.contains('\u{202e}'), "{text:?}");
        }
    }
}
