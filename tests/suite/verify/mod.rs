//! The go-live test, on a deployed venue whose function really runs, and as a command against a running `dev`.

mod command;
mod leftovers;
mod live;
mod refused;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_lambda::primitives::Blob;
use deployer_aws::Aws;
use deployer_cloud::runtime::{LambdaRuntime, RuntimeConfig};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::error::Result;
use deployer_core::manifest::{self, Manifest};
use deployer_health::verify::journal::{JournalError, VerifyJournal};
use deployer_health::verify::lead::{KnownCredentials, lookup_destination};
use deployer_health::verify::{OtherVenue, Verify, VerifyEvent, VerifyOptions, VerifyOutcome, VerifyStage, Waiter};
use deployer_sandbox::SandboxClock;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sync_config::config::LedgerProperties;
use sync_lambda::credentials::CredentialValue;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::sync::portal::{KEY, PORTAL_ID, SITE_ID, SyncTestPortal, TOKEN};
use crate::sync::process::build_bootstrap;
use crate::world::World;

/// Two venues, deployed against the sandboxes. Nothing invokes `venue-b`.
struct VerifyFixture {
    portal: SyncTestPortal,
    cloud: EmbeddedCloud,
    world: World,
    manifest: Manifest,
    directory: tempfile::TempDir,
    options: VerifyOptions,
    /// Whether there are OAuth credentials to look up leads with.
    oauth: bool,
    cancel: CancellationToken,
    events: Mutex<Vec<VerifyEvent>>,
    _code: tempfile::TempDir,
}

fn manifest_text(portal: &SyncTestPortal) -> String {
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
        let portal = SyncTestPortal::new(true).await;
        let ledger = LedgerProperties::new("venue-b", "tripleseat_sync__venue_b");
        portal.hubspot.define_sync_properties(&ledger, "Venue B").expect("valid properties");
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let cloud_uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        let serving = cloud.clone();
        tokio::spawn(async move {
            serving.serve_requests(listener, deployer_cloud::CloudAccess::AnyCredentials, std::future::pending()).await
        });
        let code = tempfile::tempdir().expect("a temporary directory is created");
        let config = RuntimeConfig { directory: code.path().to_owned(), cloud_uri, credentials: None };
        cloud.set_invoker(Arc::new(LambdaRuntime::new(config)));
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        let world = World::with_artifact(aws, build_bootstrap().await, &secret_value(KEY, SITE_ID)).await;
        let text = manifest_text(&portal);
        world.converge(&world.desired_from(&text)).await;
        let manifest =
            manifest::parse_manifest(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}")).manifest;
        Self {
            portal,
            cloud,
            world,
            manifest,
            directory: tempfile::tempdir().expect("a temporary directory is created"),
            options: VerifyOptions { now: true, domain: "example.com".to_owned(), ..VerifyOptions::default() },
            oauth: true,
            cancel: CancellationToken::new(),
            events: Mutex::default(),
            _code: code,
        }
    }

    fn open_journal(&self) -> VerifyJournal {
        open_journal_in(self.directory.path(), "venue-a")
    }

    /// Verifies `venue-a`. At every pause, `at_pause` gets the number of the pause.
    async fn run_verify(
        &self,
        at_pause: impl Fn(usize) -> BoxFuture<'static, ()> + Send + Sync,
    ) -> Result<VerifyOutcome> {
        let client = sync_lambda::http::build_client().expect("the TLS client is built");
        let hubspot = deployer_hubspot::HubSpotClient::new(
            client.clone(),
            &self.manifest.hubspot.base_uri,
            CredentialValue::new(TOKEN),
        );
        let known = |site: u64| match self.oauth {
            true => KnownCredentials::from([
                ("TRIPLESEAT_CLIENT_ID".to_owned(), CredentialValue::new(&format!("client-of-{site}"))),
                ("TRIPLESEAT_CLIENT_SECRET".to_owned(), CredentialValue::new(&format!("secret-of-{site}"))),
            ]),
            false => KnownCredentials::new(),
        };
        let (venue, other) = (&self.manifest.venues[0], &self.manifest.venues[1]);
        let on_event = |event: &VerifyEvent| self.events.lock().expect("no panic").push(event.clone());
        let waiter = FastTime { time: Mutex::default(), pauses: Mutex::default(), clock: &self.portal.clock, at_pause };
        let verify = Verify {
            aws: &self.world.aws,
            manifest: &self.manifest,
            venue,
            others: vec![OtherVenue {
                venue: other,
                destination: lookup_destination(
                    &client,
                    Some(&self.world.aws),
                    &self.manifest,
                    other,
                    &known(SITE_ID + 1),
                )
                .await,
            }],
            hubspot: &hubspot,
            destination: lookup_destination(&client, Some(&self.world.aws), &self.manifest, venue, &known(SITE_ID))
                .await,
            options: self.options.clone(),
            journal: self.open_journal(),
            waiter,
            on_event: &on_event,
            cancel: self.cancel.clone(),
        };
        verify.run_verify().await
    }

    /// [`VerifyFixture::verify`], which must not be refused.
    async fn expect_outcome(&self, at_pause: impl Fn(usize) -> BoxFuture<'static, ()> + Send + Sync) -> VerifyOutcome {
        self.run_verify(at_pause).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Invokes the function the way its rule does.
    fn fire_rule(&self) -> BoxFuture<'static, ()> {
        let lambda = self.world.aws.lambda.clone();
        Box::pin(async move {
            let request = lambda.invoke().function_name("d-venue-a").qualifier("live").payload(Blob::new("{}"));
            request.send().await.expect("it is invoked");
        })
    }

    fn seen_stages(&self) -> Vec<VerifyStage> {
        let mut stages: Vec<VerifyStage> =
            self.events.lock().expect("no panic").iter().map(|event| event.stage).collect();
        stages.dedup();
        stages
    }

    fn event_texts(&self) -> String {
        let events = self.events.lock().expect("no panic");
        events.iter().map(|event| format!("{}\n", event.text)).collect()
    }

    /// The ids of all contacts.
    fn contact_ids(&self) -> Vec<u64> {
        self.portal.hubspot.all_contacts().iter().map(|contact| contact.id).collect()
    }

    async fn set_key(&self, venue: &str, key: &str) {
        let put = self.world.aws.secrets.put_secret_value().secret_id(format!("d/{venue}"));
        put.secret_string(secret_value(key, SITE_ID)).send().await.expect("it is written");
    }
}

/// Opens a journal that nobody should have locked anymore. While another test starts a process, that process has copies
/// of all open files, and so the lock, until it executes its program.
fn open_journal_in(directory: &Path, venue: &str) -> VerifyJournal {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match VerifyJournal::open_file(directory, venue) {
            Err(JournalError::Busy) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            opened => return opened.unwrap_or_else(|error| panic!("the journal of {venue}: {error}")),
        }
    }
}

fn do_nothing(_: usize) -> BoxFuture<'static, ()> {
    Box::pin(async {})
}

/// Time that passes immediately, for the sandboxes too.
struct FastTime<'a, F> {
    time: Mutex<Duration>,
    pauses: Mutex<usize>,
    clock: &'a SandboxClock,
    at_pause: F,
}

impl<F: Fn(usize) -> BoxFuture<'static, ()> + Send + Sync> Waiter for FastTime<'_, F> {
    fn elapsed_time(&self) -> Duration {
        *self.time.lock().expect("no panic")
    }

    fn current_time(&self) -> Timestamp {
        self.clock.now()
    }

    fn pause_for(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        *self.time.lock().expect("no panic") += duration;
        self.clock.advance(SignedDuration::try_from(duration).expect("short"));
        let mut pauses = self.pauses.lock().expect("no panic");
        *pauses += 1;
        (self.at_pause)(*pauses)
    }
}
