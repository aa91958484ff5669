//! The report of duplicate leads as a self-contained page: no script, no request, its own styles.

use std::fmt::Write;

use super::escape::escape_html;
use super::page;
use deployer_core::counted::count_with_noun;
use deployer_janitor::duplicates::cost::{RemovalCost, RemovalTerms};
use deployer_janitor::duplicates::files::{GroupExcerpt, ReportExcerpt, ReportSubject};
use deployer_janitor::duplicates::{DuplicateFinding, DuplicateRow, DuplicateSummary};

const STYLE: &str = concat!(include_str!("plan.css"), include_str!("duplicates.css"));

/// The whole report. All content is escaped, and the page's own policy allows nothing but its style.
pub fn duplicates_html(
    about: &ReportSubject,
    summary: &DuplicateSummary,
    terms: &RemovalTerms,
    mend: &RemovalCost,
    excerpt: &ReportExcerpt,
) -> String {
    let title = escape_html(&about.display_name);
    let mut out = page::page_head(&format!("Duplicate leads of {title}"), STYLE);
    let _ = write!(
        out,
        "<header>\n<h1>Duplicate leads of {title}</h1>\n<p>Venue <code>{}</code>{}, read {} to {}, window {}</p>\n\
         <p class=\"summary\"><strong>{} of {}</strong> can be removed.</p>\n</header>\n",
        escape_html(&about.venue),
        about.location_id.map(|id| format!(", location <code>{id}</code>")).unwrap_or_default(),
        escape_html(&about.begun),
        escape_html(&about.ended),
        escape_html(&about.window),
        summary.remove,
        count_with_noun(summary.leads, "lead"),
    );
    write_figures(&mut out, summary);
    write_warnings(&mut out, about, summary);
    write_ways(&mut out, about, terms, mend);
    write_another_venue(&mut out, summary, &excerpt.another_venue);
    let words = [
        ("Duplicates", "Groups of leads with the same email address. Keep the oldest of each."),
        (
            "Possible duplicates",
            "Groups of leads with the same phone number but different email addresses, or none. People at one company may \
             share a number, so review each lead. None of these count as leads to remove.",
        ),
    ];
    let counts = [(summary.groups, &excerpt.duplicates), (summary.possible_groups, &excerpt.possible)];
    for ((title, text), (count, shown)) in words.into_iter().zip(counts) {
        write_groups(&mut out, title, text, count, shown);
    }
    write_definitions(&mut out, about);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn write_figures(out: &mut String, summary: &DuplicateSummary) {
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

fn write_warnings(out: &mut String, about: &ReportSubject, summary: &DuplicateSummary) {
    let mut items = Vec::new();
    if about.shrunk {
        items.push(
            "Leads were deleted while this report was read, so others may have been missed. Run it again.".to_owned(),
        );
    }
    if !about.ledger {
        items.push("HubSpot wasn't asked, so leads of another venue can't be identified.".to_owned());
    } else if summary.origin_unknown > 0 {
        items.push(format!(
            "{} made by deployer can't be assigned to a venue: no ledger has the contact, or it no longer exists in HubSpot.",
            count_with_noun(summary.origin_unknown, "lead")
        ));
    }
    if summary.other_event_date > 0 {
        items.push(format!(
            "{} with a different event date than the oldest lead, possibly another inquiry. Listed, but not counted as \
             leads to remove.",
            count_with_noun(summary.other_event_date, "repeat")
        ));
    }
    if about.other_locations > 0 {
        let leads = count_with_noun(about.other_locations, "lead");
        items.push(format!("Not included: {leads} of other locations in this account."));
    }
    if items.is_empty() {
        return;
    }
    out.push_str("<section class=\"list warning\">\n<h2>Before you remove anything</h2>\n<ul>\n");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", escape_html(&item));
    }
    out.push_str("</ul>\n</section>\n");
}

fn write_ways(out: &mut String, about: &ReportSubject, terms: &RemovalTerms, mend: &RemovalCost) {
    let fee = mend.by_vendor.map_or_else(|| "unknown".to_owned(), |fee| fee.to_string());
    let _ = writeln!(
        out,
        "<section>\n<h2>Two ways to clean up</h2>\n<div class=\"wide\"><table class=\"ways\">\n<thead><tr>\
         <th scope=\"col\">Way</th><th scope=\"col\">Work</th><th scope=\"col\">Cost</th></tr></thead>\n<tbody>\n\
         <tr><th scope=\"row\">Tripleseat deletes them all at once, from the list in the CSV file</th><td>none</td><td>{}</td></tr>\n\
         <tr><th scope=\"row\">By hand, at {} minutes per lead and {} an hour</th><td>{}</td><td>{}</td></tr>\n</tbody>\n\
         </table></div>\n<p>{}{}</p>\n<p class=\"soft\">For {} marked <code>remove</code> in the CSV file. \
         Nothing was changed in Tripleseat.</p>\n</section>",
        escape_html(&fee),
        escape_html(&about.minutes_per_lead),
        escape_html(&terms.hourly_rate.to_string()),
        escape_html(&mend.time_by_hand()),
        escape_html(&mend.by_hand.to_string()),
        escape_html(&mend.describe_cheaper_way()),
        if terms.fee.is_none() {
            " Ask Tripleseat support for the fee and pass it with <code>--fee</code>."
        } else {
            ""
        },
        count_with_noun(mend.leads, "lead"),
    );
}

fn write_another_venue(out: &mut String, summary: &DuplicateSummary, rows: &[DuplicateRow]) {
    if rows.is_empty() {
        return;
    }
    out.push_str(
        "<section>\n<h2>Another venue's leads</h2>\n<p class=\"soft\">deployer made these, and according to HubSpot's \
         ledger they or their contacts belong to another venue.</p>\n",
    );
    write_leads(out, rows);
    write_remainder(out, summary.another_venue, rows.len(), "lead");
    out.push_str("</section>\n");
}

fn write_groups(out: &mut String, title: &str, text: &str, count: u64, groups: &[GroupExcerpt]) {
    let _ = writeln!(out, "<section>\n<h2>{title}</h2>\n<p class=\"soft\">{text}</p>");
    if groups.is_empty() {
        out.push_str("<p>None found.</p>\n");
    }
    for group in groups {
        let Some(oldest) = group.rows.first() else { continue };
        let what = match oldest.finding {
            DuplicateFinding::PossibleDuplicate => &oldest.lead.phone,
            DuplicateFinding::Duplicate | DuplicateFinding::AnotherVenue => &oldest.lead.email,
        };
        let (open, what) = (if groups.len() <= 6 { " open" } else { "" }, escape_html(what));
        let _ = writeln!(
            out,
            "<details{open}>\n<summary><h3>{what}</h3> <span class=\"soft\">{}</span></summary>",
            count_with_noun(group.size, "lead")
        );
        write_leads(out, &group.rows);
        write_remainder(out, group.size, group.rows.len(), "lead");
        out.push_str("</details>\n");
    }
    write_remainder(out, count, groups.len(), "group");
    out.push_str("</section>\n");
}

fn write_remainder(out: &mut String, all: u64, shown: usize, what: &str) {
    let left = all.saturating_sub(shown as u64);
    if left > 0 && shown > 0 {
        let _ = writeln!(
            out,
            "<p class=\"soft\">Not shown: {}. See the CSV and JSON files.</p>",
            count_with_noun(left, what)
        );
    }
}

fn write_leads(out: &mut String, rows: &[DuplicateRow]) {
    out.push_str("<div class=\"wide\"><table class=\"leads\">\n<thead><tr>");
    for head in ["To do", "Lead", "Created", "Name", "Email", "Phone", "Event", "Origin"] {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let (class, sign) = match (row.finding, row.position, row.remove) {
            (_, _, true) => ("remove", "- remove"),
            (DuplicateFinding::Duplicate, 0, _) => ("keep", "= keep"),
            _ => ("look", "? look"),
        };
        let lead = &row.lead;
        let created = lead.created_at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let _ = write!(
            out,
            "<tr class=\"{class}\"><td><span class=\"sign\">{sign}</span></td><th scope=\"row\"><code>{}</code></th>",
            lead.id
        );
        for cell in [&created, &lead.name, &lead.email, &lead.phone, &lead.event_date, &lead.origin.describe_origin()] {
            let _ = write!(out, "<td>{}</td>", escape_html(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn write_definitions(out: &mut String, about: &ReportSubject) {
    let _ = writeln!(
        out,
        "<section>\n<h2>Definitions</h2>\n<ul>\n\
         <li>Duplicates have the same email address, ignoring case, and were created within {window} of the oldest lead in \
         their group.</li>\n\
         <li>Possible duplicates have the same digits in their phone number, within the same period.</li>\n\
         <li>A lead was made by deployer if it ends with its reference to a HubSpot contact. The reference names no \
         venue; the venues' ledgers in HubSpot do, for the newest lead of each contact.</li>\n\
         <li>A lead without a reference (from a form, staff or an older integration) can't be assigned to a venue.</li>\n\
         </ul>\n<p class=\"soft\">Times are UTC. This page contains personal data. Delete it when you are done.</p>\n</section>",
        window = escape_html(&about.window),
    );
}
