//! The report of duplicate leads as a self-contained page: no script, no request, its own styles.

use maud::{Markup, html};

use super::html::render_list;
use super::page;
use deployer_core::counted::count_with_noun;
use deployer_janitor::duplicates::cost::{RemovalCost, RemovalTerms};
use deployer_janitor::duplicates::files::{GroupExcerpt, ReportExcerpt, ReportSubject};
use deployer_janitor::duplicates::person::SharedContact;
use deployer_janitor::duplicates::{DuplicateFinding, DuplicateRow, DuplicateSummary};

const STYLE: &str = concat!(include_str!("plan.css"), include_str!("duplicates.css"));

/// With more groups than this, all are folded at first.
const OPEN_AT_FIRST: usize = 6;

/// The whole report. All content is escaped, and the page's own policy allows nothing but its style.
pub fn duplicates_html(
    about: &ReportSubject,
    summary: &DuplicateSummary,
    terms: &RemovalTerms,
    mend: &RemovalCost,
    excerpt: &ReportExcerpt,
) -> String {
    let title = format!("Duplicate leads of {}", about.display_name);
    let content = html! {
        header {
            h1 { (title) }
            p {
                "Venue " code { (about.venue) }
                @if let Some(id) = about.location_id { ", location " code { (id) } }
                ", read " (about.begun) " to " (about.ended) ", window " (about.window)
            }
            p.summary {
                strong { (summary.remove) " of " (count_with_noun(summary.leads, "lead")) } " can be removed."
            }
        }
        (render_figures(summary))
        (render_list("Before you remove anything", "warning", report_warnings(about, summary).into_iter()))
        (render_ways(about, terms, mend))
        (render_another_venue(summary, &excerpt.another_venue))
        (render_groups(
            "Duplicates",
            "Groups with leads of one person: the same name and the same email address or phone number. One lead of each group \
             is kept, and each of the others says why it can be removed or not.",
            summary.groups,
            &excerpt.duplicates,
        ))
        (render_groups(
            "Possible duplicates",
            "Groups of leads that share an email address or a phone number, and nothing that shows one person: a shared \
             mailbox, a family's phone, a placeholder. None of these count as leads to remove.",
            summary.possible_groups,
            &excerpt.possible,
        ))
        (render_definitions(about))
    };
    page::render_page(&title, STYLE, &content)
}

fn render_figures(summary: &DuplicateSummary) -> Markup {
    let figures = [
        ("Leads read", summary.leads),
        ("Made by deployer", summary.made_here),
        ("Repeats", summary.repeats),
        ("Handled by staff", summary.handled),
        ("Another venue's", summary.another_venue),
        ("Possible repeats", summary.possible_repeats),
        ("Not comparable", summary.not_compared),
    ];
    html! {
        dl.figures {
            @for (name, count) in figures {
                div { dt { (name) } dd { (count) } }
            }
        }
    }
}

/// What to know before removing leads.
fn report_warnings(about: &ReportSubject, summary: &DuplicateSummary) -> Vec<String> {
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
            "{} may be another inquiry of the same person: another event date or company, or made after the other lead was \
             converted. Listed, but not counted as leads to remove.",
            count_with_noun(summary.other_event_date, "repeat")
        ));
    }
    if summary.status_unknown > 0 {
        items.push(format!(
            "Tripleseat didn't say what became of {}, so none of them is marked.",
            count_with_noun(summary.status_unknown, "lead")
        ));
    }
    if about.country.is_none() {
        items.push(
            "The venue's country is unknown, so phone numbers without a country code show no person. Pass --country."
                .to_owned(),
        );
    }
    if about.other_locations > 0 {
        let leads = count_with_noun(about.other_locations, "lead");
        items.push(format!("Not included: {leads} of other locations in this account."));
    }
    items
}

fn render_ways(about: &ReportSubject, terms: &RemovalTerms, mend: &RemovalCost) -> Markup {
    let fee = mend.by_vendor.map_or_else(|| "unknown".to_owned(), |fee| fee.to_string());
    html! {
        section {
            h2 { "Two ways to clean up" }
            div.wide role="group" aria-label="Table" tabindex="0" {
                table.ways {
                    thead { tr { th scope="col" { "Way" } th scope="col" { "Work" } th scope="col" { "Cost" } } }
                    tbody {
                        tr {
                            th scope="row" { "Tripleseat deletes them all at once, from the list in the CSV file" }
                            td { "none" }
                            td { (fee) }
                        }
                        tr {
                            th scope="row" {
                                "By hand, at " (maud::display(&about.minutes_per_lead)) " minutes per lead and "
                                (maud::display(terms.hourly_rate)) " an hour"
                            }
                            td { (mend.time_by_hand()) }
                            td { (maud::display(mend.by_hand)) }
                        }
                    }
                }
            }
            p {
                (mend.describe_cheaper_way())
                @if terms.fee.is_none() {
                    " Ask Tripleseat support for the fee and pass it with " code { "--fee" } "."
                }
            }
            p.soft {
                "For " (count_with_noun(mend.leads, "lead")) " marked " code { "remove" } " in the CSV file. Nothing was \
                 changed in Tripleseat."
            }
        }
    }
}

fn render_another_venue(summary: &DuplicateSummary, rows: &[DuplicateRow]) -> Markup {
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "Another venue's leads" }
                p.soft {
                    "deployer made these, and according to HubSpot's ledger they or their contacts belong to another venue."
                }
                (render_leads(rows))
                (render_remainder(summary.another_venue, rows.len(), "lead"))
            }
        }
    }
}

fn render_groups(title: &str, text: &str, count: u64, groups: &[GroupExcerpt]) -> Markup {
    html! {
        section {
            h2 { (title) }
            p.soft { (text) }
            @if groups.is_empty() { p { "None found." } }
            @for group in groups {
                @if let Some(oldest) = group.rows.first() {
                    details open[groups.len() <= OPEN_AT_FIRST] {
                        summary {
                            h3 { (shared_value(oldest)) } " " span.soft { (count_with_noun(group.size, "lead")) }
                        }
                        (render_leads(&group.rows))
                        (render_remainder(group.size, group.rows.len(), "lead"))
                    }
                }
            }
            (render_remainder(count, groups.len(), "group"))
        }
    }
}

/// What the leads of a group have in common.
fn shared_value(oldest: &DuplicateRow) -> &str {
    match oldest.contact {
        Some(SharedContact::Phone) => &oldest.lead.phone,
        Some(SharedContact::Email) | None => &oldest.lead.email,
    }
}

fn render_remainder(all: u64, shown: usize, what: &str) -> Markup {
    let left = all.saturating_sub(shown as u64);
    html! {
        @if left > 0 && shown > 0 {
            p.soft { "Not shown: " (count_with_noun(left, what)) ". See the CSV and JSON files." }
        }
    }
}

fn render_leads(rows: &[DuplicateRow]) -> Markup {
    html! {
        div.wide role="group" aria-label="Table" tabindex="0" {
            table.leads {
                thead {
                    tr {
                        @for head in ["To do", "Lead", "Created", "Name", "Email", "Phone", "Event", "Status", "Why", "Origin"] {
                            th scope="col" { (head) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        (render_lead(row))
                    }
                }
            }
        }
    }
}

fn render_lead(row: &DuplicateRow) -> Markup {
    let (class, sign) = match (row.finding, row.keep, row.remove) {
        (_, _, true) => ("remove", "- remove"),
        (DuplicateFinding::Duplicate, true, _) => ("keep", "= keep"),
        _ => ("look", "? look"),
    };
    let lead = &row.lead;
    html! {
        tr.(class) {
            td { span.sign { (sign) } }
            th scope="row" { code { (lead.id) } }
            td { @if let Some(at) = lead.created_at { (maud::display(at.strftime("%Y-%m-%d %H:%M"))) } }
            @for cell in [&lead.name, &lead.email, &lead.phone, &lead.event_date] {
                td { (cell) }
            }
            td { (lead.status.describe_status()) }
            td { (row.reason) }
            td { (lead.origin.describe_origin()) }
        }
    }
}

fn render_definitions(about: &ReportSubject) -> Markup {
    html! {
        section {
            h2 { "Definitions" }
            ul {
                li {
                    "Duplicates have the same full name, ignoring case and punctuation, and the same email address or phone \
                     number, within " (about.window) " of the oldest lead in their group. Nothing may contradict: another phone \
                     number or address, or another lead with another name at the same contact."
                }
                li {
                    "The lead to keep is the one that became an event or a booking, or else the oldest. A lead that staff \
                     converted, booked, turned down or deleted is never marked, and neither is one with a shared mailbox or a \
                     placeholder."
                }
                li {
                    "Phone numbers are compared by the rules of libphonenumber"
                    @if let Some(country) = &about.country { "; without a country code, in " (country) }
                    ". Extensions distinguish numbers, and Gmail's addresses are compared without dots and tags."
                }
                li {
                    "A lead was made by deployer if it ends with its reference to a HubSpot contact. The reference names no \
                     venue; the venues' ledgers in HubSpot do, for the newest lead of each contact."
                }
                li {
                    "A lead without a reference (from a form, staff or an older integration) can't be assigned to a venue."
                }
            }
            p.soft { "Times are UTC. This page contains personal data. Delete it when you are done." }
        }
    }
}
