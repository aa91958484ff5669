//! The report of duplicate leads as one page that needs nothing else: no script, no request, its own styles.

use std::fmt::Write;

use super::escape::html;
use super::page;
use deployer_core::counted::counted;
use deployer_janitor::duplicates::cost::{Mend, Terms};
use deployer_janitor::duplicates::files::{About, Excerpt, GroupExcerpt};
use deployer_janitor::duplicates::{Finding, Row, Summary};

const STYLE: &str = concat!(include_str!("plan.css"), include_str!("duplicates.css"));

/// The whole report. Everything that stands in it is escaped, and the page's own policy allows nothing but its style.
pub fn duplicates_html(about: &About, summary: &Summary, terms: &Terms, mend: &Mend, excerpt: &Excerpt) -> String {
    let title = html(&about.display_name);
    let mut out = page::head(&format!("Duplicate leads of {title}"), STYLE);
    let _ = write!(
        out,
        "<header>\n<h1>Duplicate leads of {title}</h1>\n<p>Venue <code>{}</code>{}, read {} to {}, window {}</p>\n\
         <p class=\"summary\"><strong>{} of {}</strong> can be removed.</p>\n</header>\n",
        html(&about.venue),
        about.location_id.map(|id| format!(", location <code>{id}</code>")).unwrap_or_default(),
        html(&about.begun),
        html(&about.ended),
        html(&about.window),
        summary.remove,
        counted(summary.leads, "lead"),
    );
    figures(&mut out, summary);
    warnings(&mut out, about, summary);
    ways(&mut out, about, terms, mend);
    another_venue(&mut out, summary, &excerpt.another_venue);
    let words = [
        ("Duplicates", "Groups of leads with the same e-mail address. The oldest is the one to keep."),
        (
            "Possible duplicates",
            "Groups of leads with the same phone number, and different addresses or none. People of one company share a \
             number: look at each. None of these is counted among the leads to remove.",
        ),
    ];
    let counts = [(summary.groups, &excerpt.duplicates), (summary.possible_groups, &excerpt.possible)];
    for ((title, text), (count, shown)) in words.into_iter().zip(counts) {
        groups(&mut out, title, text, count, shown);
    }
    definition(&mut out, about);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn figures(out: &mut String, summary: &Summary) {
    out.push_str("<dl class=\"figures\">\n");
    for (name, count) in [
        ("Leads read", summary.leads),
        ("Made by deployer", summary.made_here),
        ("Repeats", summary.repeats),
        ("Another venue's", summary.another_venue),
        ("Possible repeats", summary.possible_repeats),
        ("Not comparable", summary.not_compared),
    ] {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{count}</dd></div>");
    }
    out.push_str("</dl>\n");
}

fn warnings(out: &mut String, about: &About, summary: &Summary) {
    let mut items = Vec::new();
    if about.shrunk {
        items.push(
            "Leads were deleted while they were read, so that others may have been missed: read again.".to_owned(),
        );
    }
    if !about.ledger {
        items.push("HubSpot wasn't asked: whether a lead is another venue's can't be told.".to_owned());
    } else if summary.origin_unknown > 0 {
        items.push(format!(
            "Of {} made by deployer it can't be told whose: no ledger has the contact, or HubSpot has no such contact any \
             more.",
            counted(summary.origin_unknown, "lead")
        ));
    }
    if summary.other_event_date > 0 {
        items.push(format!(
            "{} with another event date than the oldest: perhaps another inquiry. Listed, and not counted among the \
             leads to remove.",
            counted(summary.other_event_date, "repeat")
        ));
    }
    if about.other_locations > 0 {
        let leads = counted(about.other_locations, "lead");
        items.push(format!("Not looked at: {leads} of other locations of the account."));
    }
    if items.is_empty() {
        return;
    }
    out.push_str("<section class=\"list warning\">\n<h2>Before anything is removed</h2>\n<ul>\n");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", html(&item));
    }
    out.push_str("</ul>\n</section>\n");
}

fn ways(out: &mut String, about: &About, terms: &Terms, mend: &Mend) {
    let fee = mend.by_vendor.map_or_else(|| "not known".to_owned(), |fee| fee.to_string());
    let _ = writeln!(
        out,
        "<section>\n<h2>Two ways to mend it</h2>\n<div class=\"wide\"><table class=\"ways\">\n<thead><tr>\
         <th scope=\"col\">Way</th><th scope=\"col\">Work</th><th scope=\"col\">Cost</th></tr></thead>\n<tbody>\n\
         <tr><th scope=\"row\">Tripleseat deletes them at once, from the list in the CSV file</th><td>none</td><td>{}</td></tr>\n\
         <tr><th scope=\"row\">By hand, {} minutes a lead, {} an hour</th><td>{}</td><td>{}</td></tr>\n</tbody>\n\
         </table></div>\n<p>{}{}</p>\n<p class=\"soft\">For {} that the CSV file marks with <code>remove</code>. \
         Nothing was changed in Tripleseat.</p>\n</section>",
        html(&fee),
        html(&about.minutes_per_lead),
        html(&terms.hourly_rate.to_string()),
        html(&mend.time_by_hand()),
        html(&mend.by_hand.to_string()),
        html(&mend.verdict()),
        if terms.fee.is_none() {
            " Ask Tripleseat's support for the fee, and pass it with <code>--fee</code>."
        } else {
            ""
        },
        counted(mend.leads, "lead"),
    );
}

fn another_venue(out: &mut String, summary: &Summary, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    out.push_str(
        "<section>\n<h2>Another venue's leads</h2>\n<p class=\"soft\">They were made by deployer, and HubSpot's ledger \
         says that they, or their contacts, are another venue's.</p>\n",
    );
    table(out, rows);
    more(out, summary.another_venue, rows.len(), "lead");
    out.push_str("</section>\n");
}

fn groups(out: &mut String, title: &str, text: &str, count: u64, groups: &[GroupExcerpt]) {
    let _ = writeln!(out, "<section>\n<h2>{title}</h2>\n<p class=\"soft\">{text}</p>");
    if groups.is_empty() {
        out.push_str("<p>There are none.</p>\n");
    }
    for group in groups {
        let Some(oldest) = group.rows.first() else { continue };
        let what = match oldest.finding {
            Finding::PossibleDuplicate => &oldest.lead.phone,
            Finding::Duplicate | Finding::AnotherVenue => &oldest.lead.email,
        };
        let (open, what) = (if groups.len() <= 6 { " open" } else { "" }, html(what));
        let _ = writeln!(
            out,
            "<details{open}>\n<summary><h3>{what}</h3> <span class=\"soft\">{}</span></summary>",
            counted(group.size, "lead")
        );
        table(out, &group.rows);
        more(out, group.size, group.rows.len(), "lead");
        out.push_str("</details>\n");
    }
    more(out, count, groups.len(), "group");
    out.push_str("</section>\n");
}

fn more(out: &mut String, all: u64, shown: usize, what: &str) {
    let left = all.saturating_sub(shown as u64);
    if left > 0 && shown > 0 {
        let _ = writeln!(out, "<p class=\"soft\">And {} more, in the CSV and JSON files.</p>", counted(left, what));
    }
}

fn table(out: &mut String, rows: &[Row]) {
    out.push_str("<div class=\"wide\"><table class=\"leads\">\n<thead><tr>");
    for head in ["To do", "Lead", "Created", "Name", "E-mail", "Phone", "Event", "Whose it is"] {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let (class, sign) = match (row.finding, row.position, row.remove) {
            (_, _, true) => ("remove", "- remove"),
            (Finding::Duplicate, 0, _) => ("keep", "= keep"),
            _ => ("look", "? look"),
        };
        let lead = &row.lead;
        let created = lead.created_at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let _ = write!(
            out,
            "<tr class=\"{class}\"><td><span class=\"sign\">{sign}</span></td><th scope=\"row\"><code>{}</code></th>",
            lead.id
        );
        for cell in [&created, &lead.name, &lead.email, &lead.phone, &lead.event_date, &lead.origin.words()] {
            let _ = write!(out, "<td>{}</td>", html(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn definition(out: &mut String, about: &About) {
    let _ = writeln!(
        out,
        "<section>\n<h2>What counts as what</h2>\n<ul>\n\
         <li>Duplicates have the same e-mail address, without regard to case, and were created within {window} of the \
         oldest of their group.</li>\n\
         <li>Possible duplicates have the same phone number, by its digits, within the same time.</li>\n\
         <li>A lead was made by deployer if it ends with its reference to a HubSpot contact. The reference names no \
         venue; the venues' ledgers in HubSpot do, for the newest lead of each contact.</li>\n\
         <li>Of a lead without a reference (a form, staff, an older integration) it can't be told whose it is.</li>\n\
         </ul>\n<p class=\"soft\">Times are UTC. This page has personal data: delete it when the work is done.</p>\n</section>",
        window = html(&about.window),
    );
}
