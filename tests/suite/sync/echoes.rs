//! Vendors that repeat what they were sent, in every status: nothing of a contact and no credential is in the log, or in
//! what a run returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deployer_sandbox::{RequestInfo, SandboxClock, SandboxFault};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::portal::{KEY, SyncTestPortal, TOKEN};

const STATUSES: [u16; 12] = [200, 207, 400, 401, 403, 404, 409, 422, 423, 429, 500, 503];
/// What is answered with the echo: the requests of a run that come after a contact was read, and the lead.
const REQUESTS: [&str; 4] = ["contacts/batch/update", "contacts/batch/read", "contacts/search", "leads/create"];
/// How often the echo comes; then the vendors work again, so that no run waits for long.
const ECHOES: usize = 2;

/// What a contact of these tests entered.
fn contact_values(number: usize) -> Vec<(&'static str, String)> {
    let first = ["Zoraida", "José-María", "D'Artagnan", "Łukasz", "太郎山", "Willa"][number % 6];
    let last = ["Quennell", "Vandersteen Zobrist", "O'Houlihan", "Šimunović", "Ξenakis", "Granta"][number % 6];
    vec![
        ("firstname", first.to_owned()),
        ("lastname", last.to_owned()),
        ("email", format!("guest.{number}+vip@mail-{number}.example.com")),
        ("phone", format!("+1 (555) 86{number}-4{number}97")),
        ("company", format!("Wexford & Quill {number}{number}7 GmbH")),
        ("message", format!("Our anniversary on Thursday, call my neighbor Bartholomew {number}")),
    ]
}

/// The ways in which a vendor repeats values.
fn echo_bodies(values: &[String]) -> Vec<Value> {
    let said = values.join(", ");
    let upper = said.to_uppercase();
    let by_field: serde_json::Map<String, Value> = ["email_address", "phone_number", "first_name"]
        .into_iter()
        .zip(values)
        .map(|(field, value)| (field.to_owned(), json!([format!("{value} is invalid")])))
        .collect();
    let inner = json!([{ "isValid": false, "message": format!("{said} was not valid"), "error": "INVALID_EMAIL",
                         "name": "email" }]);
    vec![
        json!({ "status": "error", "category": "VALIDATION_ERROR", "correlationId": said, "policyName": upper,
                "message": format!("Property values were not valid: {inner} for {TOKEN} and {KEY}") }),
        json!({ "status": "error", "message": upper, "errors": [{ "message": said, "category": said,
                "context": { "ids": [said], "requiredGranularScopes": [said] } }] }),
        json!({ "errors": by_field }),
        json!({ "errors": [format!("{said} with the key {KEY}")], "error": upper, "error_description": said }),
        json!(format!("<html><body>You sent {said} with Bearer {TOKEN}</body></html>")),
    ]
}

/// Whether `value` is in `text` as a word, in any case.
fn has_as_word(text: &str, value: &str) -> bool {
    let (text, value) = (text.to_lowercase(), value.to_lowercase());
    text.match_indices(&value).any(|(at, found)| {
        let around = [text[..at].chars().next_back(), text[at + found.len()..].chars().next()];
        around.into_iter().flatten().all(|c| !c.is_alphanumeric())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_repeats_what_a_vendor_repeats() {
    let (mut runs, mut lines) = (0, 0);
    for (round, request) in REQUESTS.into_iter().enumerate() {
        for status in STATUSES {
            let values: Vec<Vec<(&str, String)>> = (0..6).map(contact_values).collect();
            let all: Vec<String> = values.iter().flatten().map(|(_, value)| value.clone()).collect();
            for (form, body) in echo_bodies(&all).into_iter().enumerate() {
                let mut portal =
                    SyncTestPortal::with_clock(false, SandboxClock::stopped_at(Timestamp::now()), false).await;
                portal.variables.insert("SYNC_WAIT_DIVISOR", "1000".to_owned());
                let fields = [("company", "company"), ("event_description", "message")];
                portal.config.fields = fields.map(|(field, of)| (field.to_owned(), of.to_owned())).into();
                for (number, values) in values.iter().enumerate() {
                    let own: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    portal.add_contact(number as u64, &own);
                }
                let seen = Arc::new(AtomicUsize::new(0));
                let hook = move |info: &RequestInfo| {
                    if !info.path.contains(request) {
                        return None;
                    }
                    // Some contacts are read first, so that there is something to repeat.
                    let nth = seen.fetch_add(1, Ordering::SeqCst);
                    let first = usize::from(request == "contacts/batch/read");
                    ((first..first + ECHOES).contains(&nth)).then(|| match &body {
                        Value::String(page) => SandboxFault::Garbage { status, body: page.clone() },
                        body => SandboxFault::Status { status, body: body.clone(), headers: Vec::new() },
                    })
                };
                let hook = Arc::new(hook);
                portal.hubspot.set_fault_hook(Some(hook.clone()));
                portal.tripleseat.set_fault_hook(Some(hook));
                let answer = match portal.run_once().await {
                    Ok(answer) => answer.to_string(),
                    Err(error) => error.to_string(),
                };
                runs += 1;
                let logged = portal.logged.lock().expect("no panic").clone();
                // A search comes before any contact is read: what it repeats can't be known, and isn't a contact of the run.
                let searched = request == "contacts/search";
                for text in logged.iter().map(ToString::to_string).chain([answer]) {
                    lines += 1;
                    let place = format!("{request} {status} form {form}: {text}");
                    assert!(!text.contains(TOKEN) && !text.contains(KEY), "{place}");
                    for value in all.iter().filter(|_| !searched) {
                        assert!(!has_as_word(&text, value), "{value}: {place}");
                        for word in value.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= 6)
                        {
                            assert!(!has_as_word(&text, word), "{word} of {value}: {place}");
                        }
                    }
                }
            }
        }
        assert!(runs >= (round + 1) * STATUSES.len());
    }
    println!("{runs} runs, {lines} lines, no hit");
}
