//! The report in GitHub's Markdown, with the diagram in Mermaid, which GitHub draws.

use std::fmt::Write;

use super::super::escape::{markdown, one_line};
use super::super::flow::{Flow, Lane};
use super::super::venue_words as words;
use deployer_core::manifest::Status;
use deployer_health::status::{Overview, Standing, Urgency};

/// The most venues for which there is a diagram: Mermaid draws no more than 500 arrows, and nobody reads that many.
const MOST_DRAWN: usize = 40;

/// The whole report. Only what is written here is markup; everything else is escaped.
pub fn report_markdown(overview: &Overview) -> String {
    let mut out = String::new();
    let account = overview
        .account
        .as_deref()
        .map_or_else(|| "AWS can't be reached".to_owned(), |account| format!("account {}", markdown(account)));
    let _ = writeln!(
        out,
        "## Venues of {}\n\n{} UTC, {account}, region {}.\n\n**{}**\n",
        markdown(&overview.deployment),
        markdown(&super::date(overview.made_at)),
        markdown(&overview.region),
        markdown(&words::summary(overview)),
    );
    for (name, figure) in super::figures(overview) {
        let _ = writeln!(out, "- {}: {}", markdown(&name), markdown(&figure));
    }
    write_attention(&mut out, overview);
    if (1..=MOST_DRAWN).contains(&overview.venues.len()) {
        let _ = write!(out, "\n### How contacts become leads\n\n```mermaid\n{}```\n", mermaid(&super::flow(overview)));
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
            markdown(words::whom(attention, overview)),
            markdown(&attention.what),
            with_code(&attention.next)
        );
    }
}

fn with_code(text: &str) -> String {
    let piece = |(piece, code)| if code { format!("<code>{}</code>", markdown(piece)) } else { markdown(piece) };
    words::pieces(text).map(piece).collect()
}

fn write_venues(out: &mut String, overview: &Overview) {
    out.push_str("\n### Venues\n\n| Venue | State | When | Last sync | Contacts that need attention | Leads go to |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for status in &overview.venues {
        let blocked = status.venue.status == Status::Blocked;
        let unless_blocked = |text: String| if blocked { "–".to_owned() } else { text };
        let (kind, place) = status.destination();
        let cells = [
            status.venue.display_name.clone(),
            words::standing(status.standing).to_owned(),
            unless_blocked(words::rhythm(status)),
            unless_blocked(words::last_syncs(status, overview)),
            unless_blocked(words::contacts(&status.contacts)),
            format!("{kind}, {place}"),
        ];
        let _ = writeln!(out, "| {} |", cells.map(|cell| markdown(&cell)).join(" | "));
    }
}

fn write_blockers(out: &mut String, overview: &Overview) {
    let waiting = super::waiting(overview);
    if waiting.is_empty() {
        return;
    }
    out.push_str("\n### Blocked venues\n\n");
    for waiting in waiting {
        let called_out = waiting.called_out().map_or_else(String::new, |why| format!(" (**{why}**)"));
        let _ = writeln!(
            out,
            "- {}{called_out}: {}. Owner: {}. Next step: {}. Since: {}.",
            markdown(&waiting.status.venue.display_name),
            markdown(waiting.blocker.reason.trim_end_matches('.')),
            markdown(waiting.owner()),
            markdown(waiting.next_step().trim_end_matches('.')),
            markdown(&waiting.since()),
        );
    }
}

fn mermaid_diagram(flow: &Flow) -> String {
    let mut out = format!("flowchart LR\n  hubspot[({})]\n", label(&[&flow.source]));
    for (index, lane) in flow.lanes.iter().enumerate() {
        let Lane { standing, flag, rule, function, destination } = lane;
        let arrow = match standing {
            Standing::Running | Standing::Failing => "-->",
            _ => "-.->",
        };
        let _ = writeln!(
            out,
            "  hubspot {arrow} r{index}({}) {arrow} f{index}[{}] {arrow} d{index}[/{}/]",
            label(&[&flag.1, &rule.0]),
            label(&[&function.0, &function.1]),
            label(&[&destination.0, &destination.1]),
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
    use super::label;

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
            let label = label(&[text, "second"]);
            let inner = label.strip_prefix('"').and_then(|rest| rest.strip_suffix("<br/>second\"")).expect("its frame");
            let mut codes = inner.split('#');
            let plain = |text: &str| text.chars().all(|sign| sign.is_alphanumeric() || " ,:".contains(sign));
            assert!(plain(codes.next().expect("a beginning")), "{inner}");
            for code in codes {
                let (number, rest) = code.split_once(';').expect("a code ends");
                assert!(number.parse::<u32>().is_ok() && plain(rest), "{inner}");
            }
        }
        assert_eq!(label(&["Café 港 🏝"]), "\"Café 港 🏝\"");
    }
}
