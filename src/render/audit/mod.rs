//! Renders an audit for a terminal, as a page with its graph, and as Markdown for a ticket.

mod graph;
mod layout;
mod markdown;
mod page;
mod text;
mod words;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use markdown::audit_markdown;
pub use page::audit_html;
pub use text::{AuditView, audit_summary, audit_text};

use super::escape::one_line;

/// Keeps the characters of ARNs readable in a link's fragment, so that the link shows where it leads.
const FRAGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b':').remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// The link to a node's row, whose `id` is that of the node. A browser decodes the link before it looks for the row.
fn row_link(id: &str) -> String {
    format!("#{}", utf8_percent_encode(&one_line(id), FRAGMENT))
}
