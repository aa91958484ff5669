//! Measures the sync: leads per second at Tripleseat's limit, compared with a naive loop, and memory.
//!
//! `benches/sync_throughput.sh` runs this and prints the results; it takes about six minutes. Only counts are asserted,
//! because times depend on the machine.

use std::time::{Duration, Instant};

use deployer_sandbox::{RecordedRequest, SandboxClock};
use reqwest::Client;
use serde_json::{Value, json};
use sync_config::config::{DestinationConfig, HttpDestination};
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::platform_destination;
use super::portal::{KEY, SyncTestPortal, TOKEN};
use super::process::{FunctionCode, TestFunction};
use super::proxy::{ProxyLine, VendorProxy};

const HUBSPOT_LATENCY: Duration = Duration::from_millis(60);
const TRIPLESEAT_LATENCY: Duration = Duration::from_millis(120);
/// Leads per second that Tripleseat accepts.
const LIMIT: f64 = 10.0;
const FLAG: &str = "tripleseat_sync__venue_a";

/// A portal on the system clock with this many contacts.
async fn portal_with_contacts(contacts: u64, limits: bool) -> SyncTestPortal {
    let portal = SyncTestPortal::with_clock(false, SandboxClock::system(), limits).await;
    portal.add_contacts(1..contacts + 1);
    portal
}

/// Leads per second between the first and the last, and the numbers of 429 responses from HubSpot and from Tripleseat.
fn measure_rate(portal: &SyncTestPortal) -> (f64, [usize; 2]) {
    let of_leads = |request: &&RecordedRequest| request.path.contains("leads/create") && request.status == Some(200);
    let (hubspot, tripleseat) = (portal.hubspot.recorded_requests(), portal.tripleseat.recorded_requests());
    let leads: Vec<&RecordedRequest> = tripleseat.iter().filter(of_leads).collect();
    let (first, last) = (leads.first().expect("a lead").at, leads.last().expect("a lead").at);
    let rate = (leads.len() - 1) as f64 / last.duration_since(first).as_secs_f64();
    let refused = [&hubspot, &tripleseat].map(|all| all.iter().filter(|request| request.status == Some(429)).count());
    (rate, refused)
}

/// The obvious naive loop: search, then send each contact and reset its flag. Returns contacts per second.
async fn run_naive_loop(portal: &SyncTestPortal) -> f64 {
    let client = sync_lambda::http::build_client().expect("the TLS client is built");
    let line = ProxyLine::new(client.clone());
    let hubspot = VendorProxy::start_proxy(&line, &portal.hubspot_server.uri, HUBSPOT_LATENCY).await.uri;
    let tripleseat = VendorProxy::start_proxy(&line, &portal.tripleseat_server.uri, TRIPLESEAT_LATENCY).await.uri;
    let begun = Instant::now();
    let search = json!({
        "filterGroups": [{ "filters": [{ "propertyName": FLAG, "operator": "EQ", "value": "true" }] }],
        "sorts": [], "limit": 100, "after": "", "properties": ["firstname", "lastname", "email", "phone"],
    });
    let found =
        post_json(&client, &format!("{hubspot}/crm/objects/{HUBSPOT_API_VERSION}/contacts/search"), &search).await;
    let contacts = found["results"].as_array().expect("contacts");
    for contact in contacts {
        let of = |name: &str| contact["properties"][name].clone();
        let lead = json!({ "lead": {
            "first_name": of("firstname"), "last_name": of("lastname"), "email_address": of("email"),
            "phone_number": of("phone"),
        } });
        post_json(&client, &format!("{tripleseat}/v1/leads/create.js?public_key={KEY}"), &lead).await;
        let id = contact["id"].as_str().expect("an id");
        let update =
            client.patch(format!("{hubspot}/crm/objects/{HUBSPOT_API_VERSION}/contacts/{id}")).bearer_auth(TOKEN);
        let reset = update.json(&json!({ "properties": { FLAG: "false" } })).send().await;
        assert_eq!(reset.expect("a response").status(), 200);
    }
    contacts.len() as f64 / begun.elapsed().as_secs_f64()
}

async fn post_json(client: &Client, uri: &str, body: &Value) -> Value {
    let answer = client.post(uri).bearer_auth(TOKEN).json(body).send().await.expect("a response");
    answer.json().await.expect("it is valid JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark that takes minutes: benches/sync_throughput.sh"]
async fn measures_throughput() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let code = FunctionCode::new(directory.path()).await;

    for limits in [false, true] {
        let slow = portal_with_contacts(100, limits).await;
        let naive = run_naive_loop(&slow).await;
        let fast = portal_with_contacts(100, limits).await;
        let function = TestFunction::new(&fast, &code, HUBSPOT_LATENCY, TRIPLESEAT_LATENCY).await;
        let begun = Instant::now();
        assert_eq!(function.run_successfully().await["synced"], 100);
        let ours = 100.0 / begun.elapsed().as_secs_f64();
        let on = if limits { "on" } else { "off" };
        println!(
            "100 contacts, limits {on}: {ours:.2} contacts/s, naive loop {naive:.2} ({:.1} times); VmHWM {:.1} MB",
            ours / naive,
            peak_megabytes(&function)
        );
    }

    let thousand = portal_with_contacts(1000, true).await;
    let function = TestFunction::new(&thousand, &code, HUBSPOT_LATENCY, TRIPLESEAT_LATENCY).await.with_timeout(240);
    let begun = Instant::now();
    assert_eq!(function.run_successfully().await["synced"], 1000);
    let (rate, refused) = measure_rate(&thousand);
    println!(
        "1000 contacts at {} ms HubSpot, {} ms Tripleseat: {rate:.2} leads/s, {:.1} % of {LIMIT}; {} responses \
         of 429 (HubSpot {}, Tripleseat {}); the run took {:.1} s; VmHWM {:.1} MB",
        HUBSPOT_LATENCY.as_millis(),
        TRIPLESEAT_LATENCY.as_millis(),
        100.0 * rate / LIMIT,
        refused[0] + refused[1],
        refused[0],
        refused[1],
        begun.elapsed().as_secs_f64(),
        peak_megabytes(&function)
    );

    println!("{}", measure_backlog(&code).await);
}

/// A run that collects 10,000 contacts with 2 kB of text each, and syncs as many as time allows. They go to a platform
/// with a very high rate limit: at Tripleseat's limit, a run would have to last 17 minutes to collect that many.
async fn measure_backlog(code: &FunctionCode) -> String {
    let mut portal = SyncTestPortal::with_clock(false, SandboxClock::system(), false).await;
    let text = "A dinner for our team. ".repeat(90);
    portal.add_contacts_with(1..10_001, &[("message", &text)]);
    let http = HttpDestination { requests_per_second: Some(2000), ..platform_destination() };
    let http = portal.platform.add_account("venue-a", &http, "sesame", &portal.platform_server.uri);
    portal.config.destination = DestinationConfig::Http(http);
    portal.config.fields = [("email", "email"), ("text", "message")].map(|(to, of)| (to.into(), of.into())).into();
    portal.variables.insert("DESTINATION_CREDENTIAL", "sesame".to_owned());
    let function = TestFunction::new(&portal, code, Duration::ZERO, Duration::ZERO).await.with_timeout(120);
    let answer = function.run_successfully().await;
    format!(
        "10000 contacts of 2 kB in the backlog: {} collected, {} synced in a run of 2 minutes; VmHWM {:.1} MB",
        answer["searched"],
        answer["synced"],
        peak_megabytes(&function)
    )
}

fn peak_megabytes(function: &TestFunction) -> f64 {
    function.peak_memory_kb().expect("only Linux provides it") as f64 / 1024.0
}
