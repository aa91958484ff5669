//! Pages, limits and crashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deployer_janitor::duplicates::work::{ReadWork, WorkOpenError};
use deployer_sandbox::{RequestInfo, SandboxFault};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::account::DuplicatesSandbox;

/// An account with this many leads, of which every second has the address of the first.
fn account_with_leads(leads: usize) -> DuplicatesSandbox {
    let sandbox = DuplicatesSandbox::new();
    for number in 0..leads {
        let email = if number.is_multiple_of(2) {
            "ana@silva.family".to_owned()
        } else {
            format!("guest{number}@silva.family")
        };
        sandbox.create_lead(json!({ "email_address": email }));
    }
    sandbox.tripleseat.forget_requests();
    sandbox
}

fn status_fault(status: u16, headers: &[(&str, &str)]) -> Option<SandboxFault> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Some(SandboxFault::Status { status, body: Value::Null, headers })
}

fn printed_repeats(printed: &str) -> Value {
    let line = printed.lines().find(|line| line.contains("\"duplicates\"")).expect("a line");
    serde_json::from_str::<Value>(line).expect("it is valid JSON")["summary"]["repeats"].clone()
}

#[test]
fn interrupted_run_resumes_at_the_page_where_it_stopped() {
    let sandbox = account_with_leads(120);
    let at_page_2 = |request: &RequestInfo| if request.query == "page=2" { status_fault(418, &[]) } else { None };
    sandbox.tripleseat.set_fault_hook(Some(Arc::new(at_page_2)));
    let (code, printed) = sandbox.run_duplicates(&[]);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("rejected GET /v1/leads.json: 418"), "{printed}");
    assert!(printed.contains("run the same command to resume"), "{printed}");
    assert!(!sandbox.site.path().join("out/duplicates.csv").exists());
    let state = std::fs::read_to_string(sandbox.site.path().join(".deployer/duplicates/a.json")).expect("the state");
    assert!(!state.contains('@'), "no personal data: {state}");
    // A crash in the middle of a page leaves an incomplete line.
    let partial = sandbox.site.path().join("out/.leads-a.partial");
    let mut text = std::fs::read_to_string(&partial).expect("what was read");
    text.push_str("{\"id\":1,\"cre");
    std::fs::write(&partial, text).expect("it is written");

    let pages = sandbox.record_pages();
    let (code, printed) = sandbox.run_duplicates(&["--json"]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(*pages.lock().expect("no panic"), ["page=2", "page=3"]);
    assert_eq!(printed_repeats(&printed), 59);
    assert!(!partial.exists());
}

#[test]
fn fresh_or_different_runs_start_over() {
    for more in [&["--fresh"][..], &["--no-ledger"]] {
        let sandbox = account_with_leads(60);
        let at_page_2 = |request: &RequestInfo| if request.query == "page=2" { status_fault(418, &[]) } else { None };
        sandbox.tripleseat.set_fault_hook(Some(Arc::new(at_page_2)));
        assert_eq!(sandbox.run_duplicates(&[]).0, 1);
        let pages = sandbox.record_pages();
        let (code, printed) = sandbox.run_duplicates(&[&["--json"], more].concat());
        assert_eq!(code, 0, "{printed}");
        assert_eq!(*pages.lock().expect("no panic"), ["page=1", "page=2"]);
        assert_eq!(printed_repeats(&printed), 29);
    }
}

#[test]
fn retries_after_rate_limits_and_expired_tokens() {
    let sandbox = account_with_leads(60);
    let count = Arc::new(AtomicUsize::new(0));
    sandbox.tripleseat.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        if request.query != "page=2" {
            return None;
        }
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => status_fault(429, &[("retry-after", "0")]),
            1 => status_fault(401, &[]),
            2 => status_fault(503, &[("retry-after", "0")]),
            _ => None,
        }
    })));
    let (code, printed) = sandbox.run_duplicates(&["--json"]);
    assert_eq!((code, printed_repeats(&printed)), (0, json!(29)), "{printed}");
    let tokens = sandbox.tripleseat.recorded_requests().iter().filter(|request| request.path.contains("token")).count();
    assert_eq!(tokens, 2, "one, and another after the 401");
}

#[test]
fn second_process_cannot_use_the_same_files() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let (state, leads) = (directory.path().join("state/a.json"), directory.path().join("leads"));
    let open = || ReadWork::open_or_resume(&state, &leads, "a", false, Timestamp::UNIX_EPOCH);
    let first = open().expect("opened");
    assert!(matches!(open(), Err(WorkOpenError::Busy)));
    drop(first);
    assert!(open().is_ok());
}
