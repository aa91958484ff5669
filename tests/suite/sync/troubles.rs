//! HubSpot's troubles as a table: how many contacts became leads, twice, not at all, or need a person.
//!
//! `cargo test --test suite sync::troubles -- --nocapture` prints the table. Every number in it is asserted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use deployer_core::naming::mark_description;
use deployer_sandbox::hubspot::{PortalOutage, PropertyDefinition};
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{RequestInfo, SandboxFault};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sync_config::config::{DestinationConfig, HttpDestination, LedgerProperties, default_flag_property};
use sync_lambda::handler::Handler;
use sync_lambda::ledger::{Attempt, AttemptOwner};

use super::UPDATE;
use super::portal::{SyncTestPortal, TOKEN};

const FLAG: &str = "tripleseat_sync__venue_a";
const STATUS: &str = "tripleseat_sync_status__venue_a";
const LEAD_ID: &str = "tripleseat_lead_id__venue_a";

/// What became of the contacts of a scenario.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct TroubleRow {
    contacts: usize,
    leads: usize,
    twice: usize,
    /// Neither a lead, nor flagged, nor told to staff.
    lost: usize,
    failed: usize,
    needs_review: usize,
    flags_left: usize,
    /// Contacts that need review although they were never sent.
    reviewed_unsent: usize,
}

impl TroubleRow {
    fn measure(portal: &SyncTestPortal, ids: &[u64]) -> Self {
        let sent = portal.contacts_of_records("venue-a");
        let mut row = Self { contacts: ids.len(), ..Self::default() };
        for id in ids {
            let leads = sent.iter().filter(|lead| *lead == id).count();
            let (flag, status, ..) = portal.ledger_values(*id);
            row.leads += usize::from(leads > 0);
            row.twice += usize::from(leads > 1);
            row.failed += usize::from(status == "failed");
            row.needs_review += usize::from(status == "needs_review");
            row.reviewed_unsent += usize::from(status == "needs_review" && leads == 0);
            row.flags_left += usize::from(flag);
            row.lost += usize::from(leads == 0 && !flag && !["failed", "needs_review"].contains(&status.as_str()));
        }
        row
    }

    fn print(&self, scenario: &str) {
        println!(
            "| {scenario} | {} | {} | {} | {} | {} | {} | {} |",
            self.contacts, self.leads, self.twice, self.lost, self.failed, self.needs_review, self.flags_left
        );
    }
}

/// All contacts are leads, once.
fn all_synced(contacts: usize) -> TroubleRow {
    TroubleRow { contacts, leads: contacts, ..TroubleRow::default() }
}

fn writes_status(request: &RequestInfo, status: &str) -> bool {
    let inputs = request.body["inputs"].as_array().into_iter().flatten();
    request.path.contains(UPDATE) && inputs.into_iter().any(|input| input["properties"][STATUS] == status)
}

#[tokio::test]
async fn hubspot_fails_for_eight_seconds_at_settling() {
    let portal = SyncTestPortal::with_fast_clock(true).await;
    let ids = portal.add_contacts(1..31);
    let (begun, hubspot, clock) = (AtomicBool::new(false), portal.hubspot.clone(), portal.clock.clone());
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        if writes_status(request, "synced") && !begun.swap(true, Ordering::Relaxed) {
            let until = clock.now() + SignedDuration::from_secs(8);
            hubspot.change_behavior(|behavior| {
                behavior.outage = Some(PortalOutage { status: 503, until, retry_after: None, path: UPDATE });
            });
        }
        None
    })));
    let answer = portal.run_once().await.expect("the run outlasts it");
    let row = TroubleRow::measure(&portal, &ids);
    row.print("503 for 8 s at settling");
    assert_eq!((answer["synced"].clone(), row), (json!(30), all_synced(30)));
}

#[tokio::test]
async fn the_rate_is_too_high_for_ten_seconds_at_settling() {
    let portal = SyncTestPortal::with_fast_clock(true).await;
    let ids = portal.add_contacts(1..11);
    let until = Mutex::new(None);
    let clock = portal.clock.clone();
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        let settles = writes_status(request, "synced");
        let mut until = until.lock().expect("no panic");
        let ends = *until.get_or_insert_with(|| clock.now() + SignedDuration::from_secs(10));
        let body = json!({ "status": "error", "message": "limit", "policyName": "TEN_SECONDLY_ROLLING" });
        (settles && clock.now() < ends).then_some(SandboxFault::Status { status: 429, body, headers: Vec::new() })
    })));
    portal.run_once().await.expect("the run outlasts the window");
    let row = TroubleRow::measure(&portal, &ids);
    row.print("429 for 10 s at settling");
    assert_eq!(row, all_synced(10));
}

/// A run of 160 contacts, in two batches, that reaches the daily limit after this many requests, and the runs after midnight, in the same
/// process or in a new one.
async fn reach_daily_limit(requests: u64, same_process: bool) -> TroubleRow {
    let portal = SyncTestPortal::with_fast_clock(false).await;
    let ids = portal.add_contacts(1..161);
    let handler = portal.new_handler();
    portal.hubspot.change_behavior(|behavior| behavior.daily_requests_left = Some(requests));
    let ended = portal.run_in(&handler).await;
    if let Err(error) = ended {
        assert!(error.to_string().contains("daily limit"), "{error}");
    }
    let during = TroubleRow::measure(&portal, &ids);
    assert_eq!((during.twice, during.lost, during.needs_review), (0, 0, 0), "after {requests} requests: {during:?}");
    // Runs until midnight change nothing.
    portal.run_in(&handler).await.expect_err("still no more requests");
    portal.hubspot.change_behavior(|behavior| behavior.daily_requests_left = None);
    portal.advance_past_lag();
    let later = if same_process { handler } else { portal.new_handler() };
    for _ in 0..2 {
        portal.run_in(&later).await.expect("the limit is over");
        portal.advance_past_lag();
    }
    TroubleRow::measure(&portal, &ids)
}

#[tokio::test]
async fn the_daily_limit_is_reached_at_any_request_of_a_run() {
    let same = futures_util::future::join_all((0..9).map(|requests| reach_daily_limit(requests, true))).await;
    for (requests, row) in same.iter().enumerate() {
        assert_eq!(*row, all_synced(160), "after {requests} requests");
    }
    let died = futures_util::future::join_all((0..9).map(|requests| reach_daily_limit(requests, false))).await;
    for (requests, row) in died.iter().enumerate() {
        assert_eq!((row.leads, row.twice, row.lost, row.flags_left), (160, 0, 0, 0), "after {requests} requests");
        assert_eq!(row.reviewed_unsent, 0, "only what was sent needs review: after {requests} requests");
    }
    same[6].print("daily limit mid-run");
    let worst = died.iter().max_by_key(|row| row.needs_review).expect("rows");
    worst.print("daily limit mid-run, and the process dies before midnight");
}

#[tokio::test]
async fn thirty_venues_fire_in_the_same_second() {
    const VENUES: u64 = 30;
    let portal = SyncTestPortal::with_fast_clock(true).await;
    let mut handlers = Vec::new();
    let mut ids: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for number in 1..=VENUES {
        let venue = format!("venue-{number}");
        let flag = default_flag_property(&venue);
        portal.hubspot.define_sync_properties(&LedgerProperties::new(&venue, &flag), &venue).expect("valid properties");
        let token = format!("{TOKEN}-{number}");
        portal.hubspot.add_token(&token, &HUBSPOT_SCOPES);
        let numbers = 1000 + number * 10..1000 + number * 10 + 3;
        ids.insert(venue.clone(), portal.add_contacts_with(numbers, &[(&flag, "true"), (FLAG, "")]));
        handlers.push(venue_handler(&portal, &venue, &flag, &token));
    }
    let ended = futures_util::future::join_all(handlers.iter().map(|handler| portal.run_in(handler))).await;
    let failed: Vec<String> = ended.iter().filter_map(|ended| Some(ended.as_ref().err()?.to_string())).collect();
    assert_eq!(failed, Vec::<String>::new(), "all runs finish");
    let refused = portal.hubspot.recorded_requests().into_iter().filter(|request| request.status == Some(429)).count();
    let mut row = TroubleRow::default();
    for (venue, ids) in &ids {
        let sent = portal.contacts_of_records(venue);
        assert_eq!(sent, *ids, "{venue}");
        row.contacts += ids.len();
        row.leads += sent.len();
    }
    row.print(&format!(
        "{VENUES} venues at once ({refused} of {} requests refused)",
        portal.hubspot.recorded_requests().len()
    ));
    assert_eq!(row, all_synced(90));
}

/// The function of another venue of the portal, with its own flag, token and destination.
fn venue_handler(portal: &SyncTestPortal, venue: &str, flag: &str, token: &str) -> Handler {
    let DestinationConfig::Http(http) = &portal.config.destination else { panic!("a platform") };
    let http = HttpDestination { url: String::new(), ..http.clone() };
    let http = portal.platform.add_account(venue, &http, "sesame", &portal.platform_server.uri);
    let config =
        sync_config::config::SyncConfig { destination: DestinationConfig::Http(http), ..portal.config.clone() };
    let mut variables = portal.function_environment();
    variables.insert("VENUE", venue.to_owned());
    variables.insert("HUBSPOT_FLAG_PROPERTY", flag.to_owned());
    variables.insert("HUBSPOT_TOKEN", token.to_owned());
    variables.insert("SYNC_CONFIG", serde_json::to_string(&config).expect("it is valid JSON"));
    let logged = Arc::clone(&portal.logged);
    let log = move |line: &Value| logged.lock().expect("no panic").push(line.clone());
    Handler::new(Box::new(move |name| variables.get(name).cloned()), Box::new(log)).expect("valid settings")
}

#[tokio::test]
async fn one_contact_that_hubspot_rejects_holds_up_no_other() {
    // HubSpot rejects every write to the contact: it keeps its flag, and the log says why.
    let portal = SyncTestPortal::with_fast_clock(false).await;
    let ids = portal.add_contacts(1..46);
    let poison = ids[13];
    portal.hubspot.change_behavior(|behavior| {
        behavior.rejects_whole_batches = true;
        behavior.rejected_contacts.insert(poison);
    });
    portal.expect_counts(45, 44, 0, 0, 1).await;
    let row = TroubleRow::measure(&portal, &ids);
    row.print("poison contact, every write rejected");
    assert_eq!(row, TroubleRow { leads: 44, flags_left: 1, ..all_synced(45) });
    let lines = portal.logged.lock().expect("no panic").clone();
    let line = lines.iter().find(|line| line["outcome"] == "not_marked").expect("the contact is named");
    assert_eq!(line["contact_id"], poison.to_string());
    assert!(line["reason"].as_str().is_some_and(|why| why.contains("REQUIRED_PROPERTY_MISSING")), "{line}");

    // Only its mark is rejected: it becomes `failed`, with HubSpot's words.
    let portal = SyncTestPortal::with_fast_clock(false).await;
    let ids = portal.add_contacts(1..46);
    let poison = ids[30];
    let poison_id = poison.to_string();
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        let inputs = request.body["inputs"].as_array().into_iter().flatten();
        let marks_it = |input: &Value| {
            input["id"].as_str() == Some(poison_id.as_str()) && input["properties"][STATUS] == "sending"
        };
        let body =
            json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "The contact is locked by a rule" });
        let rejects = request.path.contains(UPDATE) && inputs.into_iter().any(marks_it);
        rejects.then_some(SandboxFault::Status { status: 400, body, headers: Vec::new() })
    })));
    portal.expect_counts(45, 44, 1, 0, 0).await;
    let row = TroubleRow::measure(&portal, &ids);
    row.print("poison contact, its mark rejected");
    assert_eq!(row, TroubleRow { leads: 44, failed: 1, ..all_synced(45) });
    let (_, status, _, error) = portal.ledger_values(poison);
    assert!(status == "failed" && error.contains("The contact is locked by a rule"), "{error}");
}

#[tokio::test]
async fn two_deployments_have_one_flag() {
    // The token may read properties: the second deployment's run ends before it writes or sends anything.
    let mut portal = SyncTestPortal::with_fast_clock(false).await;
    let mark = mark_description("prod", "venue-a");
    let flag = PropertyDefinition { description: mark, ..PropertyDefinition::single_checkbox(FLAG, "Flag") };
    portal.hubspot.define_property(flag).expect("valid");
    let ids = portal.add_contacts(1..21);
    let of_deployment = |portal: &mut SyncTestPortal, name: &str| {
        portal.variables.insert("AWS_LAMBDA_FUNCTION_NAME", format!("{name}-venue-a"));
        portal.new_handler()
    };
    let (prod, test) = (of_deployment(&mut portal, "prod"), of_deployment(&mut portal, "test"));
    let (first, second) = tokio::join!(portal.run_in(&prod), portal.run_in(&test));
    assert_eq!(first.expect("the owner's run succeeds")["synced"], 20);
    let error = second.expect_err("another deployment owns the flag").to_string();
    assert!(error.contains("deployment prod") && error.contains("flag_property"), "{error}");
    let row = TroubleRow::measure(&portal, &ids);
    row.print("two deployments, one flag");
    assert_eq!(row, all_synced(20));

    // It may not: what the other's run is sending is left alone.
    portal.hubspot.add_token(TOKEN, &["crm.objects.contacts.read", "crm.objects.contacts.write"]);
    let owner = AttemptOwner::from_identity("prod-venue-a ");
    let now = jiff::Timestamp::now();
    let sending: Vec<(u64, Attempt)> = [now, now - SignedDuration::from_mins(30)]
        .into_iter()
        .zip(portal.add_contacts(50..52))
        .map(|(began, id)| (id, Attempt::for_owner(&id.to_string(), owner, began)))
        .collect();
    for (id, attempt) in &sending {
        portal.hubspot.set_property(*id, STATUS, "sending").expect("valid");
        portal.hubspot.set_property(*id, LEAD_ID, &attempt.reference_text()).expect("valid");
    }
    portal.advance_past_lag();
    let answer = portal.run_in(&test).await.expect("the run succeeds");
    assert_eq!((&answer["synced"], &answer["needs_review"]), (&json!(0), &json!(1)));
    let (young, old) = (portal.ledger_values(sending[0].0), portal.ledger_values(sending[1].0));
    assert_eq!((young.1.as_str(), young.2), ("sending", sending[0].1.reference_text()), "left alone");
    assert_eq!(old.1, "needs_review", "the run that began it is over");
    assert_eq!(portal.contacts_of_records("venue-a"), ids, "nothing was sent");
}
