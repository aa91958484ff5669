//! Measures calls and seconds of plans and applies on moto, behind a proxy that counts calls and adds network delay.
//!
//! `cargo test --test suite -- --ignored --nocapture bench` prints them for 3, 30 and 100 venues. Times aren't
//! asserted; `scenarios` and `refresh` assert the number of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use deployer_aws::observe::observe_lists;
use deployer_aws::{Aws, https_client};
use deployer_core::plan::plan;

use crate::servers;
use crate::world::{World, venue_tables};

/// Round-trip time to a nearby region.
const DELAY: Duration = Duration::from_millis(40);

struct CountingProxy {
    client: reqwest::Client,
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
        let proxy =
            Arc::new(Self { client, target, calls: 0.into(), working_us: 0.into(), turn: tokio::sync::Mutex::new(()) });
        let router = axum::Router::new().fallback(forward_request).with_state(proxy.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (proxy, uri)
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
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("local", "local", None)))
            .http_client(https_client())
            .endpoint_url(&uri)
            .build();
        let world = World::new(Aws::new(&config)).await.in_region(region);
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
            let snapshot =
                observe_lists(&world.aws, &world.scope, &desired.role_place(), &desired.deployed_venues(), false).await;
            plan(&desired, &snapshot, &[])
        };
        assert_eq!(proxy.measure_work(venues, "no change, fast", fast).await.changes, []);
    }
}

/// The call that every command starts with.
async fn get_caller_identity(aws: &Aws) {
    aws.sts.get_caller_identity().send().await.expect("the call succeeds");
}
