//! The words and JSON lines of `deployer retry`. Names of contacts are shown only if they were read.

use std::collections::BTreeMap;

use deployer_core::counted::count_with_noun;
use deployer_core::manifest::{Status, Venue};
use deployer_hubspot::{RetryAction, RetryCandidate, RetryTally};
use serde_json::{Value, json};
use sync_lambda::error::RunError;

use super::JsonLines;

/// How many contact IDs of a group are shown; `--json` shows all of them.
const SHOWN: usize = 20;

/// Where the results of one command go.
pub struct RetryOutput<'a> {
    /// The venue.
    pub venue: &'a Venue,
    /// The portal.
    pub portal: u64,
    /// Print JSON lines.
    pub json: bool,
    /// Nothing will be changed.
    pub dry_run: bool,
}

impl RetryOutput<'_> {
    /// Prints what is going to happen to each contact, and why it can't be decided for some.
    pub fn print_decisions(&self, decided: &[(RetryCandidate, RetryAction)], refused: Option<&RunError>) {
        if self.json {
            let lines = JsonLines::default();
            decided.iter().for_each(|(candidate, action)| lines.print_line("contact", contact_line(candidate, action)));
            return;
        }
        out!("{}", decisions_text(decided));
        if let Some(error) = refused {
            outln!("Leads could not be looked up: {error}");
            outln!("  hint: run `deployer doctor {} --only tripleseat`", self.venue.name);
        }
    }

    /// Prints the counts. `broken_off` says that the rest wasn't tried.
    pub fn print_tally(&self, decided: &[(RetryCandidate, RetryAction)], tally: &RetryTally, broken_off: bool) {
        let count = |wanted: fn(&RetryAction) -> bool| decided.iter().filter(|(_, action)| wanted(action)).count();
        let to_tick = count(|action| matches!(action, RetryAction::Tick));
        let to_settle = count(|action| matches!(action, RetryAction::Settle { .. }));
        let left = count(|action| matches!(action, RetryAction::Leave { .. }));
        if self.json {
            let line = json!({
                "venue": self.venue.name, "portal_id": self.portal, "dry_run": self.dry_run, "broken_off": broken_off,
                "to_tick": to_tick, "to_settle": to_settle, "left": left,
                "ticked": tally.ticked, "settled": tally.settled, "changed": tally.changed, "failed": tally.failed,
            });
            return JsonLines::default().print_line("retry", line);
        }
        let name = &self.venue.name;
        if to_tick + to_settle == 0 {
            let waiting = if left == 0 { "no contact failed or needs review" } else { "no contact can be retried" };
            return outln!("{name}: {waiting}.");
        }
        if self.dry_run {
            let (tick, settle) = (count_with_noun(to_tick as u64, "contact"), to_settle);
            return outln!("{name}: would tick {tick} again and mark {settle} as synced; nothing was changed.");
        }
        let ticked = count_with_noun(tally.ticked, "contact");
        outln!("{name}: ticked {ticked} again, marked {} as synced.", tally.settled);
        if tally.changed > 0 {
            outln!("{} changed in the meantime and left alone.", count_with_noun(tally.changed, "contact"));
        }
        if tally.ticked > 0 {
            match self.venue.status {
                Status::Paused => outln!(
                    "{name} is paused: they wait until it is resumed (`deployer venue resume {name}`, then `deployer \
                     apply`)."
                ),
                Status::Active | Status::Blocked => {
                    outln!("The next run sends them: `deployer invoke {name}` runs it now.");
                }
            }
        }
    }

    /// Prints the contacts that HubSpot refused to change.
    pub fn print_unwritten(&self, unwritten: &BTreeMap<String, String>) {
        for (id, why) in unwritten {
            match self.json {
                true => JsonLines::default().print_line("unwritten", json!({ "id": id, "why": why })),
                false => outln!("  contact {id} could not be written: {why}"),
            }
        }
    }
}

fn contact_line(candidate: &RetryCandidate, action: &RetryAction) -> Value {
    let mut line = json!({
        "id": candidate.id,
        "status": candidate.task.status_name(),
        "reason": candidate.shareable_reason(),
    });
    if let Some(name) = &candidate.name {
        line["name"] = json!(name);
    }
    let action = serde_json::to_value(action).expect("an action has nothing but texts");
    for (key, value) in action.as_object().into_iter().flatten() {
        line[key] = value.clone();
    }
    line
}

const TO_TICK: &str = "To be ticked again";
const TO_SETTLE: &str = "Leads already, to be marked as synced";
const LEFT_ALONE: &str = "Left alone";

fn section_title(action: &RetryAction) -> &'static str {
    match action {
        RetryAction::Tick => TO_TICK,
        RetryAction::Settle { .. } => TO_SETTLE,
        RetryAction::Leave { .. } => LEFT_ALONE,
    }
}

/// The contacts by what happens to them and why they wait, the largest groups first.
fn decisions_text(decided: &[(RetryCandidate, RetryAction)]) -> String {
    let mut text = String::new();
    for title in [TO_TICK, TO_SETTLE, LEFT_ALONE] {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut total = 0;
        for (candidate, action) in decided.iter().filter(|(_, action)| section_title(action) == title) {
            total += 1;
            let mut head = format!("{}: {}", candidate.task.status_name(), candidate.shareable_reason());
            if let RetryAction::Leave { why } = action {
                head.push_str(&format!("\n    {why}"));
            }
            groups.entry(head).or_default().push(contact_words(candidate, action));
        }
        if total == 0 {
            continue;
        }
        text.push_str(&format!("{title}: {}\n", count_with_noun(total, "contact")));
        let mut groups: Vec<(String, Vec<String>)> = groups.into_iter().collect();
        groups.sort_by_key(|(_, contacts)| std::cmp::Reverse(contacts.len()));
        for (head, contacts) in groups {
            text.push_str(&format!("  {} {head}\n", contacts.len()));
            let named = decided.iter().any(|(candidate, _)| candidate.name.is_some());
            let shown = &contacts[..contacts.len().min(SHOWN)];
            match named {
                true => shown.iter().for_each(|contact| text.push_str(&format!("    {contact}\n"))),
                false => text.push_str(&format!("    {}\n", shown.join(", "))),
            }
            if contacts.len() > SHOWN {
                text.push_str(&format!("    and {} more (--json shows all)\n", contacts.len() - SHOWN));
            }
        }
    }
    text
}

fn contact_words(candidate: &RetryCandidate, action: &RetryAction) -> String {
    let mut words = candidate.id.clone();
    if let Some(name) = candidate.name.as_ref().filter(|name| !name.is_empty()) {
        words.push_str(&format!("  {name}"));
    }
    if let RetryAction::Settle { lead_id: Some(lead_id) } = action {
        words.push_str(&format!(" (lead {lead_id})"));
    }
    words
}

#[cfg(test)]
mod tests {
    use sync_lambda::ledger::StaffTask;

    use super::*;

    fn decided(id: u64, reason: &str, action: RetryAction, name: Option<&str>) -> (RetryCandidate, RetryAction) {
        let task = if action == RetryAction::Tick { StaffTask::Correct } else { StaffTask::Review(None) };
        let name = name.map(ToOwned::to_owned);
        (RetryCandidate { id: id.to_string(), task, reason: reason.to_owned(), name }, action)
    }

    #[test]
    fn groups_contacts_by_what_happens_and_why() {
        let blank = "Phone number can't be blank";
        let mut all = vec![
            decided(1, "Email address is invalid", RetryAction::Tick, None),
            decided(2, blank, RetryAction::Tick, None),
            decided(3, blank, RetryAction::Tick, None),
            decided(4, "No response.", RetryAction::Settle { lead_id: Some("5004".to_owned()) }, None),
            decided(5, "No response.", RetryAction::Leave { why: "it can't be looked up".to_owned() }, None),
        ];
        assert_eq!(
            decisions_text(&all),
            "To be ticked again: 3 contacts\n  2 failed: Phone number can't be blank\n    2, 3\n  1 failed: Email address \
             is invalid\n    1\nLeads already, to be marked as synced: 1 contact\n  1 needs_review: No response.\n    4 \
             (lead 5004)\nLeft alone: 1 contact\n  1 needs_review: No response.\n    it can't be looked up\n    5\n"
        );
        all = vec![decided(1, blank, RetryAction::Tick, Some("Ana <ana@example.com>"))];
        assert!(decisions_text(&all).contains("    1  Ana <ana@example.com>\n"));
        all = (0..30).map(|id| decided(id, blank, RetryAction::Tick, None)).collect();
        assert!(decisions_text(&all).contains("and 10 more (--json shows all)"));
    }
}
