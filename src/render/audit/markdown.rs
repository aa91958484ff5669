//! An audit for a pull request or a ticket, in GitHub's Markdown.

use std::fmt::Write;

use super::super::escape::escape_markdown;
use super::super::markdown::{code_span, write_list, write_row};
use super::words::{self, AuditEntry};
use deployer_core::counted::count_with_noun;
use deployer_janitor::audit::{Audit, AuditVerdict};

/// Most bytes spent on tables. GitHub accepts comments of up to 65,536 characters.
const ROOM_FOR_TABLES: usize = 40_000;
/// Most bytes spent on what is unreadable.
const ROOM_FOR_UNREAD: usize = 12_000;
/// Most rows shown for a verdict that needs no attention.
const CALM: usize = 20;

/// A whole audit. Only what is written here is markup; everything else is escaped.
pub fn audit_markdown(audit: &Audit) -> String {
    let inventory = &audit.inventory;
    let entries = words::audit_entries(audit);
    let (look, calm) = words::verdict_summary(&entries);
    let mut out = format!("## {}\n\n", format!("{look} {calm}").trim());
    let _ = writeln!(
        out,
        "Audit of account {}, region {}. {}",
        code_span(&inventory.account),
        code_span(&inventory.region),
        escape_markdown(&words::reading_line(inventory))
    );
    let mut room = ROOM_FOR_UNREAD;
    let mut unread: Vec<String> = inventory.unread.iter().map(words::unread_text).collect();
    let fits = unread.iter().take_while(|line| take_room(&mut room, escape_markdown(line).len())).count();
    let left = unread.len() - fits;
    if left > 0 {
        unread.truncate(fits);
        unread.push(format!("and {left} more (see `deployer audit`)"));
    }
    write_list(&mut out, "Unreadable: no conclusions were drawn from these", unread.into_iter());
    let mut room = ROOM_FOR_TABLES;
    for (verdict, of) in words::by_verdict(&entries) {
        write_table(&mut out, verdict, of, inventory.days, &mut room);
    }
    out
}

/// Takes `bytes` out of `room`, if that has enough.
fn take_room(room: &mut usize, bytes: usize) -> bool {
    room.checked_sub(bytes).map(|rest| *room = rest).is_some()
}

fn write_table(out: &mut String, verdict: AuditVerdict, entries: &[AuditEntry], days: u32, room: &mut usize) {
    let (title, meaning) = (verdict.display_name(), words::verdict_meaning(verdict));
    let calm = verdict >= AuditVerdict::Active;
    let most = if calm { CALM } else { entries.len() };
    let mut rows = String::new();
    let mut shown = 0;
    for entry in entries.iter().take(most) {
        let mut line = String::new();
        write_row(&mut line, &entry_cells(entry));
        if !take_room(room, line.len()) {
            break;
        }
        rows.push_str(&line);
        shown += 1;
    }
    let _ = writeln!(
        out,
        "\n<details{}>\n<summary><b>{title}</b>: {}, {meaning}</summary>\n",
        if calm { "" } else { " open" },
        entries.len(),
    );
    if shown > 0 {
        write_row(
            out,
            &["Kind", "Name", &format!("Usage in {}", count_with_noun(days.into(), "day")), "Why"]
                .map(ToOwned::to_owned),
        );
        let _ = write!(out, "| --- | --- | --- | --- |\n{rows}\n");
    }
    if shown < entries.len() {
        let _ = writeln!(out, "And {} more: see `deployer audit`.\n", entries.len() - shown);
    }
    out.push_str("</details>\n");
}

fn entry_cells(entry: &AuditEntry) -> [String; 4] {
    let evidence: Vec<String> = entry.evidence.iter().map(|sentence| escape_markdown(sentence)).collect();
    [
        entry.node.kind.display_name().to_owned(),
        code_span(&entry.node.name),
        escape_markdown(&words::usage_text(&entry.node.usage)),
        evidence.join("<br>"),
    ]
}
