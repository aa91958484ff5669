//! Measures calls and seconds of plans and applies on moto, behind a proxy that counts calls and adds network delay.
//!
//! `cargo test --test suite -- --ignored --nocapture bench` prints them for 3, 30 and 100 venues: with AWS's limits off, and with a
//! proxy that throttles as AWS documents it, beside the time that the quotas allow. Times aren't asserted; `scenarios` and
//! `refresh` assert the number of calls.

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
use deployer_core::call_rates::{READS_OF_A_FUNCTION, find_rate, find_slowest, find_slowest_of_plan};
use deployer_core::plan::plan;
use parking_lot::Mutex;

use crate::servers;
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
    target: &'static str,
    calls: AtomicU64,
    /// Time in which the server was working, in microseconds.
    working_us: AtomicU64,
    /// Forwards one call at a time, as moto handles them. Otherwise its time would be counted several times.
    turn: tokio::sync::Mutex<()>,
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
    let turn = proxy.turn.lock().await;
    let begun = Instant::now();
    let answer = proxy.client.request(parts.method, format!("{}{path}", proxy.target));
    let answer = answer.headers(parts.headers).body(body).send().await.expect("moto answers");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a complete answer");
    proxy.working_us.fetch_add(u64::try_from(begun.elapsed().as_micros()).unwrap_or_default(), Ordering::Relaxed);
    drop(turn);
    headers.remove("transfer-encoding");
    (status, headers, body).into_response()
}

impl CountingProxy {
    async fn start(target: &'static str) -> (Arc<Self>, String) {
        let client = sync_lambda::http::build_client().expect("a client");
        let proxy = Arc::new(Self {
            client,
            buckets: Mutex::new(None),
            throttled: 0.into(),
            target,
            calls: 0.into(),
            working_us: 0.into(),
            turn: tokio::sync::Mutex::new(()),
        });
        let router = axum::Router::new().fallback(forward_request).with_state(proxy.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (proxy, uri)
    }

    /// Prints how long `work` takes, beside the time that the quotas allow.
    async fn compare_with_bound<T>(
        &self,
        venues: u32,
        what: &str,
        bound: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        let (begun, throttled) = (Instant::now(), self.throttled.load(Ordering::Relaxed));
        let result = work.await;
        let (seconds, bound) = (begun.elapsed().as_secs_f64(), bound.as_secs_f64());
        println!(
            "{venues:>4} venues  {what:<22} {seconds:>6.2} s, the quotas allow {bound:>6.2} s: {:.2} times that; {} calls throttled",
            seconds / bound,
            self.throttled.load(Ordering::Relaxed) - throttled
        );
        result
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
    let (proxy, uri) = CountingProxy::start(moto.uri).await;
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

/// The same with the limits on, and calls spaced as for AWS: what a user gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark that takes two minutes"]
async fn bench_within_quotas() {
    println!("{} build", if cfg!(debug_assertions) { "unoptimized" } else { "optimized" });
    let moto = servers::start_moto().await;
    let (proxy, uri) = CountingProxy::start(moto.uri).await;
    for (venues, region) in [(3, "eu-west-1"), (30, "eu-west-2"), (100, "eu-central-1")] {
        let world = world_behind(&uri, region).await.within_quotas();
        let tables: String = (0..venues).map(|number| venue_tables(&format!("q{venues}_{number}"), "")).collect();
        let desired =
            world.desired_from(&format!("[deployment]\nname = \"quota{venues}\"\nregion = \"{region}\"\n\n{tables}"));
        let slowest = find_slowest_of_plan(&world.plan(&desired).await).expect("a plan has calls to AWS");
        *proxy.buckets.lock() = Some(TokenBuckets::default());
        let outcome = proxy.compare_with_bound(venues, "first apply", slowest.bound(), world.apply(&desired)).await;
        assert_eq!(outcome.failed, []);
        let reads = find_slowest(READS_OF_A_FUNCTION.map(|(call, number)| (call, number * venues)));
        let bound = reads.expect("they have rates").bound();
        let full = proxy.compare_with_bound(venues, "no change, full", bound, world.plan(&desired)).await;
        assert_eq!(full.changes, []);
        *proxy.buckets.lock() = None;
    }
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
