//! Measures calls and seconds of plans and applies, behind a proxy that counts calls and adds network delay.
//!
//! `cargo test --test suite -- --ignored --nocapture bench` prints them: on moto for 3, 30 and 100 venues, with AWS's limits off;
//! and on the embedded cloud for 3, 30, 100 and 1,000 venues (or those that `BENCH_VENUES` names), with a proxy that
//! throttles as AWS documents it and a portal that throttles as HubSpot does, beside the time that the quotas and the round
//! trips that wait for each other allow. With `BENCH_DEPLOYER=target/release/deployer`, the latter runs the program as it is shipped, and
//! fails if that takes much longer than allowed, or too much memory. `BENCH_SETTING='reserved_concurrency = "off"'` declares
//! something on each venue. `benches/growth.py` draws it.
//! `scenarios` and `refresh` assert the number of calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use deployer_aws::observe::{DeclaredShared, observe_lists};
use deployer_aws::{Aws, https_client};
use deployer_cloud::quotas::Quota;
use deployer_cloud::{CloudAccess, CloudConfig, EmbeddedCloud};
use deployer_core::call_rates::{READS_OF_A_FUNCTION, SlowestCalls, find_rate, find_slowest, find_slowest_of_plan};
use deployer_core::plan::plan;
use deployer_hubspot::HubSpotClient;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer};
use jiff::SignedDuration;
use parking_lot::Mutex;
use sync_lambda::credentials::CredentialValue;

use crate::fixtures::with_token;
use crate::servers;
use crate::shipped::ShippedDeployer;
use crate::world::{World, venue_tables};

/// Round-trip time to a nearby region.
const DELAY: Duration = Duration::from_millis(40);

/// Tokens of each rate, and when they were last added: as many as the rate allows in a second are kept.
#[derive(Default)]
struct TokenBuckets(BTreeMap<&'static str, (f64, Instant)>);

impl TokenBuckets {
    /// Whether a call may be made now.
    fn take_token(&mut self, call: &str, now: Instant) -> bool {
        let Some(rate) = find_rate(call).filter(|rate| !rate.source.is_empty()) else { return true };
        let most = f64::from(rate.per_second);
        let (tokens, since) = self.0.entry(rate.calls).or_insert((most, now));
        *tokens = (*tokens + now.duration_since(*since).as_secs_f64() * most).min(most);
        *since = now;
        let free = *tokens >= 1.0;
        *tokens -= if free { 1.0 } else { 0.0 };
        free
    }
}

/// The call that a request makes, as IAM writes it: the service from the signature, the operation from the protocol's own place.
fn call_of(parts: &Parts, body: &[u8]) -> String {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scope = header("authorization").split("Credential=").nth(1).unwrap_or_default();
    let service = scope.split('/').nth(3).unwrap_or_default();
    let service = if service == "monitoring" { "cloudwatch" } else { service };
    let form = String::from_utf8_lossy(body);
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
    let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
    let operation = match (header("x-amz-target").rsplit_once('.'), service, path.as_slice()) {
        (Some((_, operation)), _, _) => operation,
        (None, "lambda", [_, "functions", _]) if parts.method == "GET" => "GetFunction",
        (None, "lambda", [_, "functions", _, "policy"]) if parts.method == "GET" => "GetPolicy",
        (None, "lambda", _) => "other",
        (None, _, _) => action,
    };
    format!("{service}:{operation}")
}

/// How each protocol says that there were too many calls.
fn throttled_answer(call: &str) -> Response {
    const CODE: &str = "x-amzn-errortype";
    match call.split(':').next().unwrap_or_default() {
        "lambda" => {
            (StatusCode::TOO_MANY_REQUESTS, [(CODE, "TooManyRequestsException")], r#"{"message":"Rate exceeded"}"#)
                .into_response()
        }
        "iam" | "sns" => {
            let text =
                "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
            (StatusCode::BAD_REQUEST, text).into_response()
        }
        _ => {
            let text = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
            (StatusCode::BAD_REQUEST, [(CODE, "ThrottlingException")], text).into_response()
        }
    }
}

struct CountingProxy {
    client: reqwest::Client,
    /// The limits, if they are on.
    buckets: Mutex<Option<TokenBuckets>>,
    throttled: AtomicU64,
    target: String,
    calls: AtomicU64,
    /// Time in which the server was working, in microseconds.
    working_us: AtomicU64,
    /// Forwards so many calls at a time: one to moto, which handles them so. Otherwise its time would be counted several
    /// times.
    turns: tokio::sync::Semaphore,
}

async fn forward_request(State(proxy): State<Arc<CountingProxy>>, request: Request) -> Response {
    proxy.calls.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(DELAY).await;
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let call = call_of(&parts, &body);
    if proxy.buckets.lock().as_mut().is_some_and(|buckets| !buckets.take_token(&call, Instant::now())) {
        proxy.throttled.fetch_add(1, Ordering::Relaxed);
        return throttled_answer(&call);
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let turn = proxy.turns.acquire().await.expect("nobody closes it");
    let begun = Instant::now();
    let answer = proxy.client.request(parts.method, format!("{}{path}", proxy.target));
    let answer = answer.headers(parts.headers).body(body).send().await.expect("the server answers");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a complete answer");
    proxy.working_us.fetch_add(u64::try_from(begun.elapsed().as_micros()).unwrap_or_default(), Ordering::Relaxed);
    drop(turn);
    headers.remove("transfer-encoding");
    (status, headers, body).into_response()
}

impl CountingProxy {
    async fn start(target: &str, calls_at_once: usize) -> (Arc<Self>, String) {
        let client = sync_lambda::http::build_client().expect("a client");
        let proxy = Arc::new(Self {
            client,
            buckets: Mutex::new(None),
            throttled: 0.into(),
            target: target.to_owned(),
            calls: 0.into(),
            working_us: 0.into(),
            turns: tokio::sync::Semaphore::new(calls_at_once),
        });
        let router = axum::Router::new().fallback(forward_request).with_state(proxy.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (proxy, uri)
    }

    /// Prints how many calls and seconds `work` takes, beside the seconds that the quotas and the round trips allow, as a row of a
    /// table. Also returns how many times as long it takes.
    async fn compare_with_bound<T>(
        &self,
        (venues, what): (u32, &str),
        (slowest, waits): (SlowestCalls, &[&str]),
        portal: &SandboxHubSpot,
        work: impl Future<Output = T>,
    ) -> (T, f64) {
        portal.forget_requests();
        let counted = || (self.calls.load(Ordering::Relaxed), self.throttled.load(Ordering::Relaxed));
        let (begun, before) = (Instant::now(), counted());
        let result = work.await;
        let (seconds, after) = (begun.elapsed().as_secs_f64(), counted());
        let hubspot = portal.recorded_requests();
        let throttled = hubspot.iter().filter(|request| request.status == Some(429)).count() as u64;
        let round_trips = u32::try_from(waits.len()).expect("they are few");
        let bound = (slowest.bound() + DELAY * round_trips).as_secs_f64();
        println!(
            "| {venues} | {what} | {} | {} | {seconds:.2} | {bound:.2} | {:.2} | {} | {} |",
            after.0 - before.0,
            hubspot.len(),
            seconds / bound,
            slowest.rate.display_name(),
            after.1 - before.1 + throttled,
        );
        (result, seconds / bound)
    }

    /// Prints how many calls and seconds `work` takes, and the server's own seconds.
    async fn measure_work<T>(&self, venues: usize, what: &str, work: impl Future<Output = T>) -> T {
        let (calls, working) = (self.calls.load(Ordering::Relaxed), self.working_us.load(Ordering::Relaxed));
        let begun = Instant::now();
        let result = work.await;
        let seconds = begun.elapsed().as_secs_f64();
        let calls = self.calls.load(Ordering::Relaxed) - calls;
        let working = Duration::from_micros(self.working_us.load(Ordering::Relaxed) - working).as_secs_f64();
        // The cast is precise enough for a rate.
        let a_venue = calls as f64 / venues as f64;
        println!(
            "{venues:>4} venues  {what:<22} {calls:>5} calls ({a_venue:>5.2} a venue)  {seconds:>6.2} s, moto's own {working:>6.2} s"
        );
        result
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark that takes a minute"]
async fn measure_calls_and_seconds() {
    let moto = servers::start_moto().await;
    let (proxy, uri) = CountingProxy::start(moto.uri, 1).await;
    for (index, venues) in [3, 30, 100].into_iter().enumerate() {
        let region = ["us-east-1", "us-east-2", "us-west-2"][index];
        let world = world_behind(&uri, region).await;
        // Deployments of one account must not share flags.
        let tables: String = (0..venues).map(|number| venue_tables(&format!("v{venues}_{number}"), "")).collect();
        let deployment = format!("bench{venues}");
        let text = format!("[deployment]\nname = \"{deployment}\"\nregion = \"{region}\"\n\n{tables}");
        let desired = world.desired_from(&text);
        let outcome = proxy.measure_work(venues, "first apply", world.apply(&desired)).await;
        assert_eq!(outcome.failed, []);
        let full = proxy
            .measure_work(venues, "no change, full", async {
                get_caller_identity(&world.aws).await;
                world.plan(&desired).await
            })
            .await;
        assert_eq!(full.changes, []);
        let fast = async {
            get_caller_identity(&world.aws).await;
            let snapshot = {
                let (place, shared) = (desired.role_place(), DeclaredShared::of_desired(&desired));
                observe_lists(&world.aws, &world.scope, &place, &desired.deployed_venues(), &shared).await
            };
            plan(&desired, &snapshot, &[])
        };
        assert_eq!(proxy.measure_work(venues, "no change, fast", fast).await.changes, []);
    }
}

/// With the limits on, and calls spaced as for AWS and HubSpot: what a user gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark that takes 20 minutes, most of them for 1,000 venues"]
async fn bench_within_quotas() {
    let named = std::env::var("BENCH_VENUES").unwrap_or_else(|_| "3,30,100,1000".to_owned());
    let setting = std::env::var("BENCH_SETTING").map(|setting| format!("{setting}\n")).unwrap_or_default();
    let measured = std::env::var("BENCH_DEPLOYER")
        .unwrap_or_else(|_| if cfg!(debug_assertions) { "unoptimized build" } else { "optimized build" }.to_owned());
    let mut missed = Vec::new();
    println!("\n{measured}, {DELAY:?} to the server and back");
    println!("| venues | what | calls to AWS | to HubSpot | seconds | at least | times that | set by | throttled |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for venues in named.split(',') {
        let venues: u32 = venues.trim().parse().expect("BENCH_VENUES has whole numbers, separated by commas");
        let (proxy, uri) = CountingProxy::start(&start_roomy_cloud().await, 10_000).await;
        let portal = start_roomy_portal().await;
        let client = HubSpotClient::new(
            sync_lambda::http::build_client().expect("a client"),
            &portal.1.uri,
            CredentialValue::new(TOKEN),
        );
        let world = world_behind(&uri, REGION).await.within_quotas().with_hubspot(client);
        let names: Vec<String> = (0..venues).map(|number| format!("v{number:05}")).collect();
        let tables: String = names.iter().map(|name| venue_tables(name, &setting)).collect();
        let mut text = format!("[deployment]\nname = \"quota\"\nregion = \"{REGION}\"\n\n{tables}");
        if venues <= VENUES_OF_A_PORTAL {
            text = with_token(&text, &portal.1.uri);
        }
        let desired = world.desired_from(&text);
        let slowest = find_slowest_of_plan(&world.plan(&desired).await).expect("a plan has calls to AWS");
        let reads = find_slowest(READS_OF_A_FUNCTION.map(|(call, number)| (call, number * venues)));
        let reads = (reads.expect("they have rates"), WAITS_OF_A_PLAN.as_slice());
        let slowest = (slowest, WAITS_OF_AN_APPLY.as_slice());
        *proxy.buckets.lock() = Some(TokenBuckets::default());
        let (first, full) = ((venues, "first apply"), (venues, "no change, full"));
        if let Some(shipped) = ShippedDeployer::from_environment(&text, &names, &uri, TOKEN) {
            let apply = shipped.run(&["apply", "--yes", "--no-canary"]);
            let (of_apply, times) = proxy.compare_with_bound(first, slowest, &portal.0, apply).await;
            let plan = shipped.run(&["plan", "--refresh", "full", "--detailed-exitcode"]);
            let (of_plan, of_reads) = proxy.compare_with_bound(full, reads, &portal.0, plan).await;
            println!("\n{venues} venues: {of_apply} MB at most for the apply, {of_plan} MB for the full plan\n");
            missed.extend([times, of_reads].into_iter().filter(|times| *times > MOST_TIMES).map(|times| {
                format!(
                    "{venues} venues take {times:.2} times as long as quotas and round trips allow, not {MOST_TIMES}"
                )
            }));
            if of_plan >= MOST_MEMORY {
                missed.push(format!("a full plan of {venues} venues takes {of_plan} MB, not {MOST_MEMORY}"));
            }
            continue;
        }
        let outcome = proxy.compare_with_bound(first, slowest, &portal.0, world.apply(&desired)).await.0;
        assert_eq!(outcome.failed, []);
        let full = proxy.compare_with_bound(full, reads, &portal.0, world.plan(&desired)).await.0;
        assert_eq!(full.changes, []);
    }
    assert_eq!(missed, [""; 0], "what the program as it is shipped may take");
}

/// What waits for each other in a first apply, each a round trip: before the first call to Lambda, whose quota sets the pace, and after
/// the last one. All other calls are made meanwhile.
const WAITS_OF_AN_APPLY: [&str; 12] = [
    "sts:GetCallerIdentity",
    "the lists",
    "lambda:GetAccountSettings",
    "quotas: iam:GetAccountSummary, events:ListRules",
    "logs:CreateLogGroup, which is the lock",
    "the lists again, and whether somebody else has a lock",
    "iam:CreateRole",
    "iam:PutRolePolicy",
    "lambda:CreateAlias, the last one",
    "events:PutTargets",
    "logs:ListTagsForResource, whose the lock is",
    "logs:DeleteLogGroup",
];
/// As [`WAITS_OF_AN_APPLY`], of a full plan.
const WAITS_OF_A_PLAN: [&str; 3] = ["sts:GetCallerIdentity", "the lists", "the last read"];
/// How much longer than the quotas and the round trips allow an apply and a plan may take.
const MOST_TIMES: f64 = 1.15;
/// Memory of a full plan of 1,000 venues, in MB.
const MOST_MEMORY: u64 = 60;
const REGION: &str = "us-east-1";
/// HubSpot has room for 1,000 properties of one's own, and a venue has five. More venues are measured without a portal.
const VENUES_OF_A_PORTAL: u32 = 200;
const TOKEN: &str = "admin-token";

/// The embedded cloud behind a socket, with room for any number of venues.
async fn start_roomy_cloud() -> String {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    for quota in Quota::ALL {
        let raised = cloud.with_context(|cx| {
            cx.switch_region(REGION);
            cx.set_quota(quota, Some(1_000_000));
        });
        raised.unwrap_or_else(|error| panic!("{error}"));
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
    let serve =
        async move { cloud.serve_requests(listener, CloudAccess::AnyCredentials, std::future::pending()).await };
    tokio::spawn(serve);
    uri
}

/// A portal that throttles as HubSpot does, with room for any number of properties, and its server.
async fn start_roomy_portal() -> (SandboxHubSpot, SandboxServer) {
    let (clock, search_lag) = (SandboxClock::system(), SignedDuration::ZERO);
    let portal = SandboxHubSpot::new(SandboxHubSpotConfig { portal_id: 111, clock, search_lag, limits: true });
    portal.add_token(TOKEN, &HUBSPOT_SCOPES);
    portal.change_behavior(|behavior| behavior.custom_properties = Some(1_000_000));
    let server = SandboxServer::start(portal.api_router()).await.expect("a port is free");
    (portal, server)
}

/// A world in a region of the server behind the proxy.
async fn world_behind(uri: &str, region: &'static str) -> World {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("local", "local", None)))
        .http_client(https_client())
        .endpoint_url(uri)
        .build();
    World::new(Aws::new(&config)).await.in_region(region)
}

/// The call that every command starts with.
async fn get_caller_identity(aws: &Aws) {
    aws.sts.get_caller_identity().send().await.expect("the call succeeds");
}
