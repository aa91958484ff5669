//! The go-live test, on a deployed venue whose function really runs, and as a command against a running `dev`.

mod command;
mod leftovers;
mod live;
mod refused;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use deployer_aws::Aws;
use deployer_cloud::runtime::{Runtime, RuntimeConfig};
use deployer_cloud::{Cloud, CloudConfig};
use deployer_core::error::Result;
use deployer_core::manifest::{self, Manifest};
use deployer_health::verify::journal::Journal;
use deployer_health::verify::lead::{Known, destination};
use deployer_health::verify::{Event, Options, Other, Outcome, Stage, Verify, Waiter};
use deployer_sandbox::Clock;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sync_config::config::LedgerProperties;
use sync_lambda::credentials::Secret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::sync::portal::{KEY, PORTAL_ID, Portal, SITE_ID, TOKEN};
use crate::sync::process::bootstrap;
use crate::world::World;

/// Two venues, deployed against the sandboxes. Nothing invokes `venue-b`.
struct VerifyFixture {
    portal: Portal,
    cloud: Cloud,
    world: World,
    manifest: Manifest,
    directory: tempfile::TempDir,
    options: Options,
    /// Whether there are OAuth credentials to look up leads with.
    oauth: bool,
    cancel: CancellationToken,
    events: Mutex<Vec<Event>>,
    _code: tempfile::TempDir,
}

fn manifest_text(portal: &Portal) -> String {
    let venue = |name: &str, site: u64| {
        format!(
            "[venues.{name}]\ndisplay_name = \"{name}\"\nmemory_mb = 256\n[venues.{name}.secrets]\n\
             hubspot_token = \"managed\"\ntripleseat_public_key = \"managed\"\n\
             tripleseat_client_id = \"managed\"\ntripleseat_client_secret = \"managed\"\n\
             [venues.{name}.destination]\nkind = \"tripleseat\"\nbase_uri = \"{}\"\nsite_id = {site}\n\
             [venues.{name}.fields]\nadditional_information = \"message\"\n",
            portal.tripleseat_server.uri
        )
    };
    format!(
        "[deployment]\nname = \"d\"\nregion = \"us-east-1\"\n[hubspot]\nportal_id = {PORTAL_ID}\nbase_uri = \"{}\"\n{}{}",
        portal.hubspot_server.uri,
        venue("venue-a", SITE_ID),
        venue("venue-b", SITE_ID + 1)
    )
}

/// The venue's secret with this public key.
fn secret_value(key: &str, site: u64) -> String {
    json!({
        "HUBSPOT_TOKEN": TOKEN, "TRIPLESEAT_PUBLIC_KEY": key,
        "TRIPLESEAT_CLIENT_ID": format!("client-of-{site}"),
        "TRIPLESEAT_CLIENT_SECRET": format!("secret-of-{site}"),
    })
    .to_string()
}

impl VerifyFixture {
    async fn new() -> Self {
        let portal = Portal::new(true).await;
        let ledger = LedgerProperties::new("venue-b", "tripleseat_sync__venue_b");
        portal.hubspot.define_sync_properties(&ledger, "Venue B").expect("valid properties");
        let cloud = Cloud::in_memory(CloudConfig::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let cloud_uri = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = cloud.clone();
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        let code = tempfile::tempdir().expect("a directory");
        let config = RuntimeConfig { directory: code.path().to_owned(), cloud_uri };
        cloud.set_invoker(Arc::new(Runtime::new(config)));
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        let world = World::with(aws, bootstrap().await, &secret(KEY, SITE_ID)).await;
        let text = text(&portal);
        world.converge(&world.desired(&text)).await;
        let manifest = manifest::parse(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}")).manifest;
        Self {
            portal,
            cloud,
            world,
            manifest,
            directory: tempfile::tempdir().expect("a directory"),
            options: Options { now: true, domain: "example.com".to_owned(), ..Options::default() },
            oauth: true,
            cancel: CancellationToken::new(),
            events: Mutex::default(),
            _code: code,
        }
    }

    fn open_journal(&self) -> Journal {
        Journal::open(self.directory.path(), "venue-a").expect("a journal")
    }

    /// Verifies `venue-a`. At every pause, `at_pause` gets the number of the pause.
    async fn run_verify(&self, at_pause: impl Fn(usize) -> BoxFuture<'static, ()> + Send + Sync) -> Result<Outcome> {
        let client = sync_lambda::http::client().expect("TLS");
        let hubspot =
            deployer_hubspot::HubSpot::new(client.clone(), &self.manifest.hubspot.base_uri, Secret::new(TOKEN));
        let known = |site: u64| match self.oauth {
            true => Known::from([
                ("TRIPLESEAT_CLIENT_ID".to_owned(), Secret::new(&format!("client-of-{site}"))),
                ("TRIPLESEAT_CLIENT_SECRET".to_owned(), Secret::new(&format!("secret-of-{site}"))),
            ]),
            false => Known::new(),
        };
        let (venue, other) = (&self.manifest.venues[0], &self.manifest.venues[1]);
        let on_event = |event: &Event| self.events.lock().expect("no panic").push(event.clone());
        let waiter = FastTime { time: Mutex::default(), pauses: Mutex::default(), clock: &self.portal.clock, at_pause };
        let verify = Verify {
            aws: &self.world.aws,
            manifest: &self.manifest,
            venue,
            others: vec![Other {
                venue: other,
                destination: destination(&client, &self.manifest, other, &known(SITE_ID + 1)),
            }],
            hubspot: &hubspot,
            destination: destination(&client, &self.manifest, venue, &known(SITE_ID)),
            options: self.options.clone(),
            journal: self.journal(),
            waiter,
            on_event: &on_event,
            cancel: self.cancel.clone(),
        };
        verify.run().await
    }

    /// [`VerifyFixture::verify`], which must not be refused.
    async fn expect_outcome(&self, at_pause: impl Fn(usize) -> BoxFuture<'static, ()> + Send + Sync) -> Outcome {
        self.verify(at_pause).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Invokes the function the way its rule does.
    fn fire_rule(&self) -> BoxFuture<'static, ()> {
        let lambda = self.world.aws.lambda.clone();
        Box::pin(async move {
            let request = lambda.invoke().function_name("d-venue-a").qualifier("live").payload(Blob::new("{}"));
            request.send().await.expect("it is invoked");
        })
    }

    fn seen_stages(&self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = self.events.lock().expect("no panic").iter().map(|event| event.stage).collect();
        stages.dedup();
        stages
    }

    fn event_texts(&self) -> String {
        let events = self.events.lock().expect("no panic");
        events.iter().map(|event| format!("{}\n", event.text)).collect()
    }

    /// The ids of all contacts.
    fn contact_ids(&self) -> Vec<u64> {
        self.portal.hubspot.contacts().iter().map(|contact| contact.id).collect()
    }

    async fn set_key(&self, venue: &str, key: &str) {
        let put = self.world.aws.secrets.put_secret_value().secret_id(format!("d/{venue}"));
        put.secret_string(secret(key, SITE_ID)).send().await.expect("it is written");
    }
}

fn do_nothing(_: usize) -> BoxFuture<'static, ()> {
    Box::pin(async {})
}

/// Time that passes immediately, for the sandboxes too.
struct FastTime<'a, F> {
    time: Mutex<Duration>,
    pauses: Mutex<usize>,
    clock: &'a Clock,
    at_pause: F,
}

impl<F: Fn(usize) -> BoxFuture<'static, ()> + Send + Sync> Waiter for FastTime<'_, F> {
    fn elapsed(&self) -> Duration {
        *self.time.lock().expect("no panic")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pause(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        *self.time.lock().expect("no panic") += duration;
        self.clock.advance(SignedDuration::try_from(duration).expect("short"));
        let mut pauses = self.pauses.lock().expect("no panic");
        *pauses += 1;
        (self.at_pause)(*pauses)
    }
}
