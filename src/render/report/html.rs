//! The report as one page that needs nothing else: no script, no request, its own styles and its own picture.

use std::fmt::Write;

use super::super::escape::html;
use super::super::flow::flow_svg;
use super::super::page;
use super::super::venue_words as words;
use deployer_health::status::{Attention, Overview, Standing, Urgency};

const STYLE: &str = concat!(include_str!("../plan.css"), include_str!("report.css"));

/// The whole report. Everything that stands in it is escaped, and the page's own policy allows nothing but its style.
pub fn report_html(overview: &Overview) -> String {
    let deployment = html(&overview.deployment);
    let mut out = page::head(&format!("Venues of {deployment}"), STYLE);
    let account = overview
        .account
        .as_deref()
        .map_or_else(|| "AWS can't be reached".to_owned(), |account| format!("account <code>{}</code>", html(account)));
    let _ = write!(
        out,
        "<header>\n<h1>Venues of {deployment}</h1>\n<p class=\"soft\">{} UTC, {account}, region <code>{}</code></p>\n\
         <p class=\"summary\"><strong>{}</strong></p>\n</header>\n",
        super::date(overview.made_at),
        html(&overview.region),
        html(&words::summary(overview)),
    );
    out.push_str("<dl class=\"figures\">\n");
    for (name, figure) in super::figures(overview) {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", html(&name), html(&figure));
    }
    out.push_str("</dl>\n");
    write_attention(&mut out, overview);
    if !overview.venues.is_empty() {
        let _ = writeln!(
            out,
            "<section>\n<h2>How contacts become leads</h2>\n<div class=\"picture wide\">\n{}</div>\n</section>",
            flow_svg(&super::flow(overview))
        );
        write_venues(&mut out, overview);
    }
    write_blockers(&mut out, overview);
    write_details(&mut out, overview);
    out.push_str(
        "<footer class=\"soft\"><p>Times are UTC. Made by deployer from its manifest and from what AWS and HubSpot said \
         at that time. A contact to review is one of which it isn't known whether it became a lead. No contact's data is on \
         this page.</p></footer>\n</main>\n</body>\n</html>\n",
    );
    out
}

fn write_attention(out: &mut String, overview: &Overview) {
    if overview.attention.is_empty() {
        out.push_str("<p class=\"fine\"><span class=\"sign\">✓</span> Nothing needs attention.</p>\n");
        return;
    }
    out.push_str("<section>\n<h2>What needs attention</h2>\n<ul class=\"attention\">\n");
    for attention in &overview.attention {
        let Attention { urgency, what, next, .. } = attention;
        let (class, word) = match urgency {
            Urgency::Now => ("now", "! now"),
            Urgency::Soon => ("soon", "~ soon"),
            Urgency::Ask => ("ask", "? ask"),
        };
        let _ = writeln!(
            out,
            "<li class=\"{class}\"><span class=\"sign\">{word}</span><div><p><strong>{}</strong>: {}</p>\
             <p class=\"soft\">{}</p></div></li>",
            name(words::whom(attention, overview)),
            html(what),
            with_code(next),
        );
    }
    out.push_str("</ul>\n</section>\n");
}

/// What people call something, in whichever direction they write it.
fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", html(text))
}

fn with_code(text: &str) -> String {
    let piece = |(piece, code)| if code { format!("<code>{}</code>", html(piece)) } else { html(piece) };
    words::pieces(text).map(piece).collect()
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Running => "good",
        Standing::Failing => "bad",
        Standing::Pending | Standing::Unknown | Standing::Blocked => "look",
        Standing::Paused | Standing::NotDeployed => "idle",
    }
}

fn sign(standing: Standing) -> &'static str {
    match standing {
        Standing::Running => "✓",
        Standing::Failing => "!",
        Standing::Paused => "‖",
        Standing::Blocked => "–",
        Standing::NotDeployed => "○",
        Standing::Pending => "→",
        Standing::Unknown => "?",
    }
}

fn write_venues(out: &mut String, overview: &Overview) {
    out.push_str("<section>\n<h2>Venues</h2>\n<div class=\"wide card\"><table class=\"venues\">\n<thead><tr>");
    for head in ["Venue", "State", "When", "Last sync", "Contacts that need a person", "Leads go to"] {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for status in &overview.venues {
        let blocked = status.venue.status == deployer_core::manifest::Status::Blocked;
        let unless_blocked = |text: String| if blocked { "–".to_owned() } else { text };
        let (kind, place) = status.destination();
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"state {}\"><span class=\"sign\">{}</span> {}</td>",
            name(&status.venue.display_name),
            class(status.standing),
            sign(status.standing),
            words::standing(status.standing),
        );
        for cell in [
            unless_blocked(words::rhythm(status)),
            unless_blocked(words::last_syncs(status, overview)),
            unless_blocked(words::contacts(&status.contacts)),
            format!("{kind}, {place}"),
        ] {
            let _ = write!(out, "<td>{}</td>", html(&cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn write_blockers(out: &mut String, overview: &Overview) {
    let waiting = super::waiting(overview);
    if waiting.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>What is waited for</h2>\n");
    for waiting in waiting {
        let (class, called_out) = match waiting.called_out() {
            Some(why) => ("warning", format!(" <span class=\"sign callout\">! {why}</span>")),
            None => ("note", String::new()),
        };
        let _ = writeln!(
            out,
            "<article class=\"list {class}\">\n<h3>{}</h3>{called_out}\n<p>{}</p>\n<dl class=\"facts\">\
             <div><dt>Owner</dt><dd>{}</dd></div><div><dt>Next step</dt><dd>{}</dd></div>\
             <div><dt>Since</dt><dd>{}</dd></div></dl>\n</article>",
            name(&waiting.status.venue.display_name),
            html(&waiting.blocker.reason),
            html(waiting.owner()),
            html(waiting.next_step()),
            html(&waiting.since()),
        );
    }
    out.push_str("</section>\n");
}

fn write_details(out: &mut String, overview: &Overview) {
    let there = overview.venues.iter().filter(|status| status.standing != Standing::Blocked);
    let mut there = there.peekable();
    if there.peek().is_none() {
        return;
    }
    out.push_str("<section>\n<details>\n<summary><h3>For those who run it</h3></summary>\n");
    for status in there {
        let _ = writeln!(out, "<article>\n<h4>{}</h4>\n<dl class=\"facts\">", name(&status.venue.display_name));
        for (name, value) in super::details(status, overview) {
            let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", html(&value));
        }
        out.push_str("</dl>\n</article>\n");
    }
    out.push_str("</details>\n</section>\n");
}
