//! Injects every fault at every request of a run, with the real bootstrap as a process. After some undisturbed runs, no
//! contact is lost, none was sent twice or to another account, and each is in a final state.
//!
//! `cargo test --test suite sync::faults -- --nocapture` prints the number of cases and their results.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::portal::{SITE_ID, SyncTestPortal};
use super::process::{FunctionCode, TestFunction};
use super::proxy::ProxyFault;

/// Concurrent scenarios: they mostly wait.
const AT_ONCE: usize = 64;
/// The request timeout where no response will come.
const ANSWER_TIMEOUT_MS: &str = "3000";
/// Maximum undisturbed runs after the broken one.
const MENDING_RUNS: usize = 4;

const FAULTS: [ProxyFault; 17] = [
    ProxyFault::DropBefore,
    ProxyFault::DropAfter,
    ProxyFault::Status { status: 429, retry_after: Some("1") },
    ProxyFault::Status { status: 429, retry_after: None },
    ProxyFault::Status { status: 500, retry_after: None },
    ProxyFault::Status { status: 502, retry_after: None },
    ProxyFault::Status { status: 503, retry_after: Some("0") },
    ProxyFault::StatusAfter { status: 302 },
    ProxyFault::StatusAfter { status: 500 },
    ProxyFault::StatusAfter { status: 503 },
    ProxyFault::CutBody,
    ProxyFault::HalfBody,
    ProxyFault::Html,
    ProxyFault::HangBefore,
    ProxyFault::HangAfter,
    ProxyFault::KillBefore,
    ProxyFault::KillAfter,
];

/// The faults for a run that has to recover from an earlier one: one of each kind.
const FAULTS_OF_MENDING: [ProxyFault; 7] = [
    ProxyFault::DropBefore,
    ProxyFault::DropAfter,
    ProxyFault::Status { status: 500, retry_after: None },
    ProxyFault::HalfBody,
    ProxyFault::HangAfter,
    ProxyFault::KillBefore,
    ProxyFault::KillAfter,
];

/// The faults of a scenario, run by run.
#[derive(Debug, Clone)]
struct FaultScenario {
    oauth: bool,
    /// For each run, the request that is broken, and the fault.
    runs: Vec<(usize, ProxyFault)>,
}

/// The outcome of a scenario's contacts.
#[derive(Debug, Default, Clone, Copy)]
struct ScenarioResult {
    /// Contacts that may or may not have been received.
    ambiguous: usize,
    needs_review: usize,
}

/// A venue with its contacts and its function.
struct ScenarioVenue {
    portal: SyncTestPortal,
    function: TestFunction,
    good: Vec<u64>,
    /// Tripleseat rejects it because of its data.
    bad: u64,
    unflagged: u64,
}

impl ScenarioVenue {
    async fn new(code: &FunctionCode, oauth: bool) -> Self {
        let mut portal = SyncTestPortal::new(oauth).await;
        portal.config.destination = super::at_site(SITE_ID);
        // With labels, the run depends on the portal's properties too.
        portal.config.fields = [("event_description".to_owned(), "event_type:label".to_owned())].into();
        let good = portal.add_contacts(1..3);
        let bad = portal.add_contact(3, &[("phone", "")]);
        let unflagged = portal.add_contact(4, &[("tripleseat_sync__venue_a", "false")]);
        let function = TestFunction::new(&portal, code, Duration::ZERO, Duration::ZERO).await;
        Self { portal, function, good, bad, unflagged }
    }

    /// Runs with a fault at a request. Returns the contacts that may or may not have been received.
    async fn run_with_fault(&self, nth: usize, what: ProxyFault) -> BTreeSet<u64> {
        let line = &self.function.line;
        line.break_at(nth, what);
        let hurried = self.function.with_variable("SYNC_ANSWER_TIMEOUT_MS", ANSWER_TIMEOUT_MS);
        let function = if what.request_hangs() { &hurried } else { &self.function };
        tokio::select! {
            biased;
            () = line.wait_until_killed() => {}
            _ = function.invoke_once() => {}
        }
        let broken = line.stop_breaking().await;
        let mut ambiguous: BTreeSet<u64> =
            self.flagged_contacts().filter(|id| self.portal.ledger_values(*id).1 == "sending").collect();
        let sent = broken.filter(|broken| broken.path.contains("leads/create") && what.is_unclear());
        let text = sent.and_then(|sent| sent.body["lead"]["additional_information"].as_str().map(ToOwned::to_owned));
        ambiguous.extend(text.and_then(|text| super::portal::contact_of(&text)));
        ambiguous
    }

    fn flagged_contacts(&self) -> impl Iterator<Item = u64> {
        self.good.iter().copied().chain([self.bad])
    }

    /// Runs until there is nothing left to do.
    async fn run_until_settled(&self) -> Result<(), String> {
        for _ in 0..MENDING_RUNS {
            self.portal.advance_past_lag();
            let answer = self.function.run_successfully().await;
            if answer["searched"] == 0 {
                return Ok(());
            }
        }
        Err(format!("there is still work left after {MENDING_RUNS} runs"))
    }

    /// Checks every contact against its expected state.
    fn check_contacts(&self, oauth: bool, ambiguous: &BTreeSet<u64>) -> Result<ScenarioResult, String> {
        let leads = self.portal.contacts_of_leads();
        let mut needs_review = 0;
        for id in self.flagged_contacts() {
            let (flag, status, ..) = self.portal.ledger_values(id);
            let made = leads.iter().filter(|lead| **lead == id).count();
            let expected = match id {
                _ if !oauth && ambiguous.contains(&id) => "needs_review",
                _ if id == self.bad => "failed",
                _ => "synced",
            };
            let right = match expected {
                "synced" => made == 1,
                "failed" => made == 0,
                _ => made <= 1,
            };
            if flag || status != expected || !right {
                return Err(format!(
                    "contact {id}: expected {expected}, found flag {flag}, status {status:?}, {made} leads"
                ));
            }
            needs_review += usize::from(status == "needs_review");
        }
        if leads.contains(&self.unflagged) || !self.portal.ledger_values(self.unflagged).1.is_empty() {
            return Err("a contact without the flag was changed".to_owned());
        }
        if !self.portal.tripleseat.site_leads(SITE_ID + 1).is_empty() {
            return Err("another account has a lead".to_owned());
        }
        Ok(ScenarioResult { ambiguous: ambiguous.len(), needs_review })
    }
}

async fn run_scenario(code: &FunctionCode, story: &FaultScenario) -> Result<ScenarioResult, String> {
    let stage = ScenarioVenue::new(code, story.oauth).await;
    let mut ambiguous = BTreeSet::new();
    for (nth, what) in &story.runs {
        ambiguous.extend(stage.run_with_fault(*nth, *what).await);
        stage.portal.advance_past_lag();
    }
    stage.run_until_settled().await?;
    stage.check_contacts(story.oauth, &ambiguous)
}

/// How many requests an undisturbed run makes after these broken runs.
async fn count_requests(code: &FunctionCode, oauth: bool, before: &[(usize, ProxyFault)]) -> usize {
    let stage = ScenarioVenue::new(code, oauth).await;
    for (nth, what) in before {
        stage.run_with_fault(*nth, *what).await;
        stage.portal.advance_past_lag();
    }
    stage.function.line.break_at(usize::MAX, ProxyFault::Html);
    stage.function.run_successfully().await;
    stage.function.line.request_count()
}

/// Every fault at every request of a first run. Also one fault of each kind at every request of the next run, after a
/// run that was killed with its leads sent but not settled, and after one that was killed before it sent any.
async fn all_scenarios(code: &FunctionCode) -> Vec<FaultScenario> {
    let mut stories = Vec::new();
    for oauth in [true, false] {
        let last = count_requests(code, oauth, &[]).await;
        let before = [Vec::new(), vec![(last, ProxyFault::KillBefore)], vec![(last - 3, ProxyFault::KillBefore)]];
        for before in before {
            for nth in 1..=count_requests(code, oauth, &before).await {
                let first = before.is_empty();
                let faults = if first { FAULTS.as_slice() } else { FAULTS_OF_MENDING.as_slice() };
                stories.extend(faults.iter().map(|what| {
                    let runs = before.iter().copied().chain([(nth, *what)]).collect();
                    FaultScenario { oauth, runs }
                }));
            }
        }
    }
    stories
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_every_fault_at_every_request() {
    let begun = Instant::now();
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let code = FunctionCode::new(directory.path()).await;
    let stories = all_scenarios(&code).await;
    let code = &code;
    let told = stream::iter(&stories).map(|story| async move { (story, run_scenario(code, story).await) });
    let told: Vec<_> = told.buffer_unordered(AT_ONCE).collect().await;

    let wrong: Vec<String> =
        told.iter().filter_map(|(story, told)| Some(format!("{story:?}: {}", told.as_ref().err()?))).collect();
    let sum = |oauth: bool| {
        let of = told.iter().filter(|(story, _)| story.oauth == oauth).filter_map(|(_, told)| told.as_ref().ok());
        of.fold((0, ScenarioResult::default()), |(cases, sum), told| {
            let (ambiguous, needs_review) = (sum.ambiguous + told.ambiguous, sum.needs_review + told.needs_review);
            (cases + 1, ScenarioResult { ambiguous, needs_review })
        })
    };
    let ((with, of_with), (without, of_without)) = (sum(true), sum(false));
    println!(
        "faults: {} cases, {} contacts, {} wrong; the others lost, duplicated or misdirected none. With OAuth: {with} \
         cases, {} ambiguous contacts, {} needs_review. Without: {without} cases, {} ambiguous, {} needs_review. \
         {:.0} s",
        stories.len(),
        stories.len() * 4,
        wrong.len(),
        of_with.ambiguous,
        of_with.needs_review,
        of_without.ambiguous,
        of_without.needs_review,
        begun.elapsed().as_secs_f32(),
    );
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(of_with.needs_review, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_no_lead_over_a_connection_that_died_during_a_freeze() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let code = FunctionCode::new(directory.path()).await;
    let stage = ScenarioVenue::new(&code, false).await;
    stage.function.run_successfully().await;
    stage.portal.advance_past_lag();
    stage.function.line.lose_connections();
    let late = stage.portal.add_contact(5, &[]);
    stage.function.run_successfully().await;
    assert_eq!(stage.portal.ledger_values(late).1, "synced", "no contact needs review because of an old connection");
}
