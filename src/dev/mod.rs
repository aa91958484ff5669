//! `deployer dev`: the whole system on this machine, without an account anywhere.
//!
//! [`System::start`] starts local replacements for AWS, HubSpot and Tripleseat: the embedded cloud, which the real
//! reconciler deploys to; the sandboxes, filled with contacts; and the Lambda runtime, which runs the real `bootstrap`.
//! `scheduler` fires the rules, `alarms` evaluates the manifest's, `recorder` records every run, [`page`] shows them, `reload` adopts edits of the
//! manifest, and [`summary`] reports what happened at the end.

mod alarms;
mod backend;
mod deploy;
mod details;
pub mod page;
mod recorder;
mod reload;
mod running;
mod runs;
mod scheduler;
pub mod summary;
mod vendors;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use loopback::LocalCredentials;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use alarms::AlarmBoard;
use deployer_artifact::Artifact;
use deployer_aws::Aws;
use deployer_cloud::runtime::{LambdaRuntime, RuntimeConfig};
use deployer_cloud::{CloudAccess, CloudConfig, EmbeddedCloud};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::Manifest;
use deployer_core::run_origin::RunOrigin;
use deployer_sandbox::hubspot::HubSpotRefusal;
use deployer_sandbox::{SandboxClock, contacts_csv};
use recorder::{RecordingInvoker, RunRecorder};
use reload::EditState;
use runs::VenueRuns;
use scheduler::RuleScheduler;
use vendors::DevSandboxes;

pub use backend::SystemBackend;
pub use page::{AlarmMessageView, RunView};
pub use reload::ManifestWatch;
pub use running::{RunningDev, RunningFile};

/// The contacts that `dev` starts with unless a file is given.
const SAMPLE: &str = include_str!("../../samples/contacts.csv");

/// The settings of a system.
pub struct SystemConfig {
    /// The manifest, which will be pointed at the sandboxes.
    pub manifest: Manifest,
    /// The function's code.
    pub artifact: Artifact,
    /// A CSV file with contacts exported from HubSpot; the sample if unset.
    pub contacts: Option<PathBuf>,
    /// How often every rule fires, instead of on its schedule.
    pub every: Option<Duration>,
}

/// A running system.
pub struct System {
    /// What is deployed, pointed at the sandboxes.
    manifest: Mutex<Arc<Manifest>>,
    edit: EditState,
    artifact: Artifact,
    aws: Aws,
    vendors: DevSandboxes,
    scheduler: RuleScheduler,
    runs: VenueRuns,
    alarms: Arc<AlarmBoard>,
    cloud: EmbeddedCloud,
    runtime: LambdaRuntime,
    /// How many resources are on the embedded cloud.
    pub resources: usize,
    /// How many contacts are in the sandbox portal.
    pub contacts: usize,
    /// The embedded cloud's address.
    pub cloud_uri: String,
    /// What the embedded cloud's server accepts.
    credentials: LocalCredentials,
    /// When startup began.
    pub begun: Instant,
    begun_at: Timestamp,
    /// Stops the embedded cloud's server.
    shutdown: CancellationToken,
    /// Where functions are unpacked; removed with the system.
    directory: tempfile::TempDir,
}

impl System {
    /// Starts everything except the schedules.
    ///
    /// # Errors
    /// The contacts are unreadable, no port is available, or the deployment fails.
    pub async fn start(config: SystemConfig) -> Result<Arc<Self>> {
        let (begun, begun_at) = (Instant::now(), Timestamp::now());
        let SystemConfig { mut manifest, artifact, contacts, every } = config;
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| Error::failed(ErrorCode::Dev, what).caused_by(&error)
        };
        let labels: Vec<(String, String)> = manifest.venues.iter().map(flag_label).collect();
        let contacts = match contacts {
            Some(path) => contacts_csv::read_contacts(&path, &labels)?,
            None => contacts_csv::parse_contacts(SAMPLE.as_bytes(), "samples/contacts.csv", &labels)?,
        };
        let edit = EditState::new(&manifest);
        let vendors = DevSandboxes::start(manifest.hubspot.portal_id, SandboxClock::system()).await?;
        let secrets = vendors.point_manifest(&mut manifest)?;
        let refused = |refusal| {
            Error::usage(ErrorCode::ContactsFile, "the sandbox portal refused the contacts").caused_by(&refusal)
        };
        let contacts =
            vendors.hubspot.import_file(&contacts).map_err(|refusal: HubSpotRefusal| refused(refusal))?.len();

        let mut cloud_config = CloudConfig::default();
        if let Some(account) = &manifest.deployment.account {
            cloud_config.account.clone_from(account);
        }
        let cloud = EmbeddedCloud::in_memory(cloud_config);
        let shutdown = CancellationToken::new();
        let no_random = |error| Error::failed(ErrorCode::System, "the system has no random numbers").caused_by(&error);
        let credentials = LocalCredentials::generate().map_err(no_random)?;
        let access = CloudAccess::Only(credentials.clone());
        let served = serve_cloud(&cloud, access, shutdown.clone()).await;
        let cloud_uri = served.map_err(failed("could not start the embedded cloud"))?;
        let directory = tempfile::tempdir().map_err(failed("could not create a directory for the function's code"))?;
        let runtime = LambdaRuntime::new(RuntimeConfig {
            directory: directory.path().to_owned(),
            cloud_uri: cloud_uri.clone(),
            credentials: Some(credentials.clone()),
        });
        let recorder = RunRecorder::new();
        recorder.know_venues(&manifest);
        cloud.set_invoker(Arc::new(RecordingInvoker { runtime: runtime.clone(), recorder: recorder.clone() }));
        let aws = Aws::for_local(&manifest.deployment.region, cloud.http_client(), None);
        let deployed = deploy::deploy_manifest(&aws, &manifest, &artifact, &secrets, directory.path()).await?;
        let scheduler = RuleScheduler::read_rules(&aws, &manifest, every).await?;
        let alarms = Arc::new(AlarmBoard::new(&manifest, deployed.alarms, every, Timestamp::now()));
        let metrics = Arc::clone(&alarms);
        recorder.listen_to_runs(move |run| metrics.record_run(run, Timestamp::now()));
        let runs = VenueRuns::new(aws.clone(), &manifest.deployment.name, recorder);
        Ok(Arc::new(Self {
            manifest: Mutex::new(Arc::new(manifest)),
            edit,
            artifact,
            aws,
            vendors,
            scheduler,
            runs,
            alarms,
            cloud,
            runtime,
            resources: deployed.changes,
            contacts,
            cloud_uri,
            credentials,
            begun,
            begun_at,
            shutdown,
            directory,
        }))
    }

    /// What is deployed.
    fn current_manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest.lock())
    }

    /// Calls `listener` with each run that ends from now on, whoever started it.
    pub fn listen_to_runs(&self, listener: impl Fn(&RunView) + Send + Sync + 'static) {
        self.runs.recorder.listen_to_runs(listener);
    }

    /// Calls `listener` with each message of an alarm from now on.
    pub fn listen_to_alarms(&self, listener: impl Fn(&AlarmMessageView) + Send + Sync + 'static) {
        self.alarms.listen_to_messages(listener);
    }

    /// Fires the rules until `shutdown`, then waits for the runs in progress.
    pub async fn fire_rules(self: &Arc<Self>, shutdown: &CancellationToken) {
        let under_way = Mutex::new(JoinSet::new());
        self.scheduler
            .fire_due_rules(shutdown, |venue| {
                let Some(permit) = self.runs.permit_run(venue) else { return };
                let system = Arc::clone(self);
                let mut under_way = under_way.lock();
                while under_way.try_join_next().is_some() {}
                let input = self.scheduler.schedule_input(venue);
                let run = async move { system.runs.run_venue(permit, RunOrigin::Schedule, input.as_deref()).await };
                under_way.spawn(run);
            })
            .await;
        let under_way = under_way.into_inner();
        under_way.join_all().await;
    }

    /// Runs every venue whose rule is enabled once, all at the same time.
    pub async fn run_once(&self) -> Vec<RunView> {
        let venues = self.scheduler.enabled_venues();
        let permits = venues.iter().filter_map(|venue| Some((self.runs.permit_run(venue)?, venue)));
        let runs = permits.map(async |(permit, venue)| {
            let input = self.scheduler.schedule_input(venue);
            self.runs.run_venue(permit, RunOrigin::Schedule, input.as_deref()).await
        });
        futures_util::future::join_all(runs).await
    }

    /// Milliseconds from the start to the first lead at any venue.
    pub fn first_lead_ms(&self) -> Option<u64> {
        let manifest = self.current_manifest();
        let leads = manifest.venues.iter().flat_map(|venue| self.vendors.venue_leads(&venue.name));
        let first = leads.map(|lead| lead.created_ms).min()?;
        u64::try_from(first - self.begun_at.as_millisecond()).ok()
    }

    /// The addresses of the sandbox HubSpot and the sandbox Tripleseat.
    pub fn vendor_uris(&self) -> (&str, &str) {
        (&self.vendors.hubspot_server.uri, &self.vendors.tripleseat_server.uri)
    }

    /// Stops the functions and the servers.
    pub fn stop(&self) {
        self.runtime.stop_processes();
        self.shutdown.cancel();
    }
}

/// The label of a venue's flag in an export, and its property.
fn flag_label(venue: &deployer_core::manifest::Venue) -> (String, String) {
    (deployer_core::property::flag_label(&venue.display_name), venue.flag_property.clone())
}

async fn serve_cloud(
    cloud: &EmbeddedCloud,
    access: CloudAccess,
    shutdown: CancellationToken,
) -> std::io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let uri = format!("http://{}", listener.local_addr()?);
    let cloud = cloud.clone();
    tokio::spawn(async move { cloud.serve_requests(listener, access, shutdown.cancelled_owned()).await });
    Ok(uri)
}
