//! The report in GitHub's Markdown, with the diagram in Mermaid, which GitHub draws.

use std::fmt::Write;

use super::super::escape::{escape_markdown, one_line};
use super::super::flow::{FlowDiagram, FlowLane};
use super::super::venue_words as words;
use deployer_core::manifest::Status;
use deployer_health::status::{Overview, Urgency, VenueStanding};

/// The most venues for which there is a diagram: Mermaid draws no more than 500 arrows, and nobody reads that many.
const MOST_DRAWN: usize = 40;

/// The whole report. Only what is written here is markup; everything else is escaped.
pub fn report_markdown(overview: &Overview) -> String {
    let mut out = String::new();
    let account = overview
        .account
        .as_deref()
        .map_or_else(|| "AWS can't be reached".to_owned(), |account| format!("account {}", escape_markdown(account)));
    let _ = writeln!(
        out,
        "## Venues of {}\n\n{} UTC, {account}, region {}.\n\n**{}**\n",
        escape_markdown(&overview.deployment),
        escape_markdown(&super::date_text(overview.made_at)),
        escape_markdown(&overview.region),
        escape_markdown(&words::overview_summary(overview)),
    );
    for (name, figure) in super::key_figures(overview) {
        let _ = writeln!(out, "- {}: {}", escape_markdown(&name), escape_markdown(&figure));
    }
    write_attention(&mut out, overview);
    if (1..=MOST_DRAWN).contains(&overview.venues.len()) {
        let _ = write!(
            out,
            "\n### How contacts become leads\n\n```mermaid\n{}```\n",
            mermaid_diagram(&super::report_flow(overview))
        );
    }
    write_venues(&mut out, overview);
    write_blockers(&mut out, overview);
    out.push_str(
        "\nTimes are UTC. A contact to review may or may not have become a lead. This report contains no contact data.\n",
    );
    out
}

fn write_attention(out: &mut String, overview: &Overview) {
    if overview.attention.is_empty() {
        out.push_str("\nNothing needs attention.\n");
        return;
    }
    out.push_str("\n### What needs attention\n\n");
    for attention in &overview.attention {
        let word = match attention.urgency {
            Urgency::Now => "now",
            Urgency::Soon => "soon",
            Urgency::Ask => "ask",
        };
        let _ = writeln!(
            out,
            "- **{word}**, {}: {} {}",
            escape_markdown(words::venue_label(attention, overview)),
            escape_markdown(&attention.what),
            with_code(&attention.next)
        );
    }
}

fn with_code(text: &str) -> String {
    let piece =
        |(piece, code)| if code { format!("<code>{}</code>", escape_markdown(piece)) } else { escape_markdown(piece) };
    words::code_pieces(text).map(piece).collect()
}

fn write_venues(out: &mut String, overview: &Overview) {
    out.push_str("\n### Venues\n\n| Venue | State | When | Last sync | Contacts that need attention | Leads go to |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for status in &overview.venues {
        let blocked = status.venue.status == Status::Blocked;
        let unless_blocked = |text: String| if blocked { "–".to_owned() } else { text };
        let (kind, place) = status.destination_words();
        let cells = [
            status.venue.display_name.clone(),
            words::standing_word(status.standing).to_owned(),
            unless_blocked(words::venue_schedule(status)),
            unless_blocked(words::sync_summary(status, overview)),
            unless_blocked(words::contacts_text(&status.contacts)),
            format!("{kind}, {place}"),
        ];
        let _ = writeln!(out, "| {} |", cells.map(|cell| escape_markdown(&cell)).join(" | "));
    }
}

fn write_blockers(out: &mut String, overview: &Overview) {
    let waiting = super::blocked_venues(overview);
    if waiting.is_empty() {
        return;
    }
    out.push_str("\n### Blocked venues\n\n");
    for waiting in waiting {
        let called_out = waiting.callout_reason().map_or_else(String::new, |why| format!(" (**{why}**)"));
        let _ = writeln!(
            out,
            "- {}{called_out}: {}. Owner: {}. Next step: {}. Since: {}.",
            escape_markdown(&waiting.status.venue.display_name),
            escape_markdown(waiting.blocker.reason.trim_end_matches('.')),
            escape_markdown(waiting.owner_text()),
            escape_markdown(waiting.next_step().trim_end_matches('.')),
            escape_markdown(&waiting.since_text()),
        );
    }
}

fn mermaid_diagram(flow: &FlowDiagram) -> String {
    let mut out = format!("flowchart LR\n  hubspot[({})]\n", mermaid_label(&[&flow.source]));
    for (index, lane) in flow.lanes.iter().enumerate() {
        let FlowLane { standing, flag, rule, function, destination } = lane;
        let arrow = match standing {
            VenueStanding::Running | VenueStanding::Failing => "-->",
            _ => "-.->",
        };
        let _ = writeln!(
            out,
            "  hubspot {arrow} r{index}({}) {arrow} f{index}[{}] {arrow} d{index}[/{}/]",
            mermaid_label(&[&flag.1, &rule.0]),
            mermaid_label(&[&function.0, &function.1]),
            mermaid_label(&[&destination.0, &destination.1]),
        );
    }
    out
}

/// A quoted Mermaid text. Every ASCII character that might have a meaning is written as an entity code, so that it ends
/// neither the text nor the diagram and begins no list (<https://mermaid.js.org/syntax/flowchart.html>, "Entity codes").
fn mermaid_label(lines: &[&str]) -> String {
    let line = |text: &&str| {
        let mut out = String::new();
        for character in one_line(text).chars() {
            let plain = character.is_alphanumeric() || matches!(character, ' ' | ',' | ':') || !character.is_ascii();
            let _ = if plain { write!(out, "{character}") } else { write!(out, "#{};", u32::from(character)) };
        }
        out
    };
    format!("\"{}\"", lines.iter().map(line).collect::<Vec<_>>().join("<br/>"))
}

#[cfg(test)]
mod tests {
    use super::mermaid_label;

    #[test]
    fn escapes_hostile_text_in_mermaid() {
        for text in [
            "\"]; click x",
            "`**b**`",
            "```",
            "end\nx",
            "#quot;",
            "<script>x</script>",
            "A & B; %%{init}%%",
            "1. Floor",
            "- x",
        ] {
            let label = mermaid_label(&[text, "second"]);
            let inner = label.strip_prefix('"').and_then(|rest| rest.strip_suffix("<br/>second\"")).expect("its frame");
            let mut codes = inner.split('#');
            let plain = |text: &str| text.chars().all(|sign| sign.is_alphanumeric() || " ,:".contains(sign));
            assert!(plain(codes.next().expect("a beginning")), "{inner}");
            for code in codes {
                let (number, rest) = code.split_once(';').expect("a code ends");
                assert!(number.parse::<u32>().is_ok() && plain(rest), "{inner}");
            }
        }
        assert_eq!(mermaid_label(&["Café 港 🏝"]), "\"Café 港 🏝\"");
    }
}
