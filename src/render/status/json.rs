//! The status as JSON lines.

use serde_json::{Value, json};

use super::super::json::{FORMAT_VERSION, JsonLines, typed_object};
use deployer_health::status::Overview;

impl JsonLines {
    /// Prints the status: a head, a line for each venue, one for what is sent for all of them, what needs attention, and what is unreadable.
    pub fn print_status(&self, overview: &Overview) {
        for (kind, value) in json_records(overview) {
            self.print_line(kind, value);
        }
    }

    /// The lines that [`JsonLines::print_status`] prints, as text.
    pub fn status_lines(overview: &Overview) -> String {
        json_records(overview).into_iter().map(|(kind, value)| format!("{}\n", typed_object(kind, value))).collect()
    }
}

fn json_records(overview: &Overview) -> Vec<(&'static str, Value)> {
    let head = json!({
        "format_version": FORMAT_VERSION,
        "deployment": overview.deployment,
        "account": overview.account,
        "region": overview.region,
        "made_at": overview.made_at,
        "since": overview.since,
    });
    let venues = overview.venues.iter().map(|status| ("venue_status", json!(status.json_line(overview.made_at))));
    let shared = overview.shared.iter().map(|shared| ("shared_status", json!(shared)));
    let attention = overview.attention.iter().map(|attention| ("attention", json!(attention)));
    let unreadable = overview.unreadable_reasons().into_iter();
    let unreadable = unreadable.map(|reason| ("unreadable", json!({ "address": null, "reason": reason })));
    std::iter::once(("status", head)).chain(venues).chain(shared).chain(attention).chain(unreadable).collect()
}
