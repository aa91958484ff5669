//! A diagram of how contacts become leads: a lane for each venue, from its checkbox in HubSpot through its rule and its
//! function to its destination. Colors come from the page's style; each state also has its own shape and word.

use std::fmt::Write;

use super::escape::{escape_html, one_line};
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
pub fn flow_svg(flow: &FlowDiagram) -> String {
    let layout = lay_out_flow(flow.lanes.len());
    let mut out = format!(
        "<svg class=\"flow\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"flow-title flow-text\">\n\
         <title id=\"flow-title\">How contacts become leads</title>\n<desc id=\"flow-text\">{}</desc>\n\
         <rect class=\"source\" x=\"1\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"10\"/>\n",
        escape_html(&describe_flow(flow)),
        HEAD,
        COLUMNS[0].1 + 2.0 * EDGE - 2.0,
        layout.height - HEAD - 1.0,
        height = layout.height,
    );
    let heads = [flow.source.as_str(), "When", "Sync (on AWS)", "Leads go to"];
    for (head, (x, width)) in heads.into_iter().zip(COLUMNS) {
        write_text(&mut out, "head", (x, HEAD - 14.0), head, (13.0, width));
    }
    for (lane, areas) in flow.lanes.iter().zip(&layout.lanes) {
        write_lane(&mut out, lane, areas);
    }
    out.push_str("</svg>\n");
    out
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

fn write_lane(out: &mut String, lane: &FlowLane, areas: &[FlowBox; 4]) {
    let _ = writeln!(out, "<g class=\"{}\">", standing_class(lane.standing));
    let texts = [&lane.flag, &lane.rule, &lane.function, &lane.destination];
    let kinds = ["flag", "rule", "function", "destination"];
    for (index, (area, lines)) in areas.iter().zip(texts).enumerate() {
        let FlowBox { x, y, width, height } = area;
        let kind = kinds[index];
        let _ = writeln!(
            out,
            "<rect class=\"box {kind}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>"
        );
        let sign = (x + PADDING, y + FIRST.1 - 13.0);
        match kind {
            "flag" => write_checkbox(out, sign),
            "rule" => write_clock(out, sign),
            "function" => write_badge(out, lane.standing, sign),
            _ => write_pin(out, sign),
        }
        let room = width - 2.0 * PADDING;
        // People look for a lane by the venue's name, so that stands out.
        let (first, second) = if kind == "flag" { ("line soft", "line name") } else { ("line name", "line soft") };
        let at = x + PADDING + BESIDE_SIGN;
        write_text(out, first, (at, y + FIRST.1), &lines.0, (BOLD, room - BESIDE_SIGN));
        let at = if kind == "flag" { at } else { x + PADDING };
        write_text(
            out,
            second,
            (at, y + SECOND.1),
            &lines.1,
            (if kind == "flag" { BOLD } else { SECOND.0 }, x + width - PADDING - at),
        );
    }
    for pair in areas.windows(2) {
        write_arrow(out, pair[0], pair[1]);
    }
    out.push_str("</g>\n");
}

/// One line of text. Text that had to be cut is complete in its title.
fn write_text(out: &mut String, class: &str, (x, y): (f64, f64), text: &str, (size, room): (f64, f64)) {
    let text = one_line(text);
    let fitted = fit_text(&text, size, room);
    let title = if fitted == text { String::new() } else { format!("<title>{}</title>", escape_html(&text)) };
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}{title}</text>", escape_html(&fitted));
}

fn write_arrow(out: &mut String, from: FlowBox, to: FlowBox) {
    let (y, start, end) = (from.y + from.height / 2.0, from.x + from.width, to.x);
    let _ = writeln!(
        out,
        "<path class=\"arrow\" d=\"M{} {y}H{}\"/><path class=\"tip\" d=\"M{} {}l9 5l-9 5z\"/>",
        start + 4.0,
        end - 12.0,
        end - 13.0,
        y - 5.0,
    );
}

fn write_checkbox(out: &mut String, (x, y): (f64, f64)) {
    let _ = writeln!(
        out,
        "<rect class=\"line-art\" x=\"{x}\" y=\"{y}\" width=\"{SIGN}\" height=\"{SIGN}\" rx=\"3\"/>\
         <path class=\"line-art\" d=\"M{} {}l3.5 3.5l6-7\"/>",
        x + 3.5,
        y + 8.5
    );
}

fn write_clock(out: &mut String, (x, y): (f64, f64)) {
    let _ = writeln!(
        out,
        "<circle class=\"line-art\" cx=\"{}\" cy=\"{}\" r=\"8\"/><path class=\"line-art\" d=\"M{} {}v4.5l3 2\"/>",
        x + 8.0,
        y + 8.0,
        x + 8.0,
        y + 3.5
    );
}

fn write_pin(out: &mut String, (x, y): (f64, f64)) {
    let _ = writeln!(
        out,
        "<path class=\"line-art\" d=\"M{} {}c-4-5-6-7-6-10a6 6 0 0 1 12 0c0 3-2 5-6 10z\"/>\
         <circle class=\"line-art\" cx=\"{}\" cy=\"{}\" r=\"2\"/>",
        x + 8.0,
        y + 16.5,
        x + 8.0,
        y + 6.5
    );
}

/// The state as a shape. No two states share one, so that color isn't needed to tell them apart.
fn write_badge(out: &mut String, standing: VenueStanding, (x, y): (f64, f64)) {
    let (cx, cy) = (x + 8.0, y + 8.0);
    let disc = format!("<circle class=\"badge\" cx=\"{cx}\" cy=\"{cy}\" r=\"8\"/>");
    let ring = |extra: &str| format!("<circle class=\"ring{extra}\" cx=\"{cx}\" cy=\"{cy}\" r=\"7\"/>");
    let mark = |path: String| format!("<path class=\"mark\" d=\"{path}\"/>");
    let line = |path: String| format!("<path class=\"state-line\" d=\"{path}\"/>");
    let shape = match standing {
        VenueStanding::Running => format!("{disc}{}", mark(format!("M{} {}l3 3l5.5-6", cx - 4.0, cy + 0.5))),
        VenueStanding::Failing => format!(
            "<path class=\"badge\" d=\"M{cx} {}l9 16h-18z\"/>{}",
            cy - 8.5,
            mark(format!("M{cx} {}v5m0 2.4v.2", cy - 2.5))
        ),
        VenueStanding::Paused => {
            format!("{}{}", ring(""), line(format!("M{} {}v6m5 0v-6", cx - 2.5, cy - 3.0)))
        }
        VenueStanding::Blocked => format!(
            "<path class=\"badge\" d=\"M{} {}h7l4.5 4.5v7l-4.5 4.5h-7l-4.5-4.5v-7z\"/>{}",
            cx - 3.5,
            cy - 8.0,
            mark(format!("M{} {cy}h8", cx - 4.0))
        ),
        VenueStanding::NotDeployed => ring(" dashed"),
        VenueStanding::Pending => format!("{}{}", ring(""), line(format!("M{} {cy}h7m-3-3l3 3l-3 3", cx - 3.5))),
        VenueStanding::Unknown => format!(
            "{}{}",
            ring(""),
            line(format!("M{} {}a2.5 2.5 0 1 1 3.6 2.2q-1.1.6-1.1 1.6m0 2v.2", cx - 2.5, cy - 1.5))
        ),
    };
    let _ = writeln!(out, "{shape}");
}

#[cfg(test)]
mod tests {
    use super::*;
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
            flow_svg(&FlowDiagram { source: long.to_owned(), lanes: vec![sample_lane(long, VenueStanding::Running)] });
        let texts = svg.lines().filter(|line| line.starts_with("<text"));
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
        let mut shapes: Vec<String> = ALL
            .iter()
            .map(|standing| {
                let mut out = String::new();
                write_badge(&mut out, *standing, (0.0, 0.0));
                out
            })
            .collect();
        shapes.sort();
        shapes.dedup();
        assert_eq!(shapes.len(), ALL.len());
    }

    #[test]
    fn escapes_hostile_text_in_the_diagram() {
        let tags = |svg: &str| svg.matches('<').count() - svg.matches("<title>").count() * 2;
        let expected = tags(&flow_svg(&FlowDiagram {
            source: "s".to_owned(),
            lanes: vec![sample_lane("plain", VenueStanding::Paused)],
        }));
        for text in ["</text><script>x</script>", "\" onload=\"x", "]]>", "<!--", "\u{202e}txet", "a\nb"] {
            let svg = flow_svg(&FlowDiagram {
                source: text.to_owned(),
                lanes: vec![sample_lane(text, VenueStanding::Paused)],
            });
            assert_eq!(tags(&svg), expected, "{text:?} adds no element");
            assert!(!svg.contains("\" onload=") && !svg.contains('\u{202e}'), "{text:?}");
        }
    }
}
