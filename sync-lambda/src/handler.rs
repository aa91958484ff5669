//! Handles an invocation: loads the credentials, runs once, returns the counts. Credentials, and outcomes that HubSpot
//! couldn't be told, are kept between invocations, but connections are not: Lambda freezes the process between runs, and a connection that died in the
//! meantime would only show when a lead is sent on it and no response comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::credentials::SyncCredentials;
use crate::engine::{self, PendingSettlements, PropertyCache, RunOptions, RunResult};
use crate::error::{RunError, Side};
use crate::http::VendorClient;
use crate::lease::{LeaseAnswer, LeaseStreams, RunClock, RunFence, RunLease, remove_past_leases};
use crate::report::{LogSink, LoggedRun, ProblemKind};
use crate::schedule::ScheduleGate;
use crate::secret::SecretStore;
use crate::settings::SyncSettings;
use crate::tokens::{ConsentTokens, TokenKeeper, TokenMemory, not_connected};

pub use crate::secret::EnvironmentReader;

/// How long a request for new tokens may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);

/// The state of a process between invocations.
pub struct Handler {
    settings: SyncSettings,
    variables: Arc<EnvironmentReader>,
    log: Arc<LogSink>,
    credentials: Mutex<Option<SyncCredentials>>,
    /// What HubSpot couldn't be told in earlier runs.
    pending: PendingSettlements,
    /// The credentials with which the destination's settings were compared. The settings themselves never change in a
    /// process.
    verified: Mutex<Option<SyncCredentials>>,
    properties: PropertyCache,
    /// The tokens of a consent. They change during a run, unlike the other credentials.
    tokens: Arc<Mutex<TokenMemory>>,
    clock: Arc<RunClock>,
    schedule: ScheduleGate,
    /// Whether this process has removed what runs that died left of their leases.
    leases_tidied: AtomicBool,
}

/// How the lease of a run was asked for.
enum RunPermit {
    /// The run needs none.
    NotNeeded,
    Leased(RunLease, LeaseStreams),
    /// There is another run.
    Busy(Timestamp),
}

impl Handler {
    /// Reads the settings. Makes no network requests yet: an idle function should cost nothing.
    ///
    /// # Errors
    /// The environment isn't what the deployer writes.
    pub fn new(variables: Box<EnvironmentReader>, log: Box<LogSink>) -> Result<Self, RunError> {
        let settings = SyncSettings::from_environment(&variables)?;
        Ok(Self {
            settings,
            variables: Arc::from(variables),
            log: Arc::from(log),
            credentials: Mutex::new(None),
            pending: PendingSettlements::default(),
            verified: Mutex::new(None),
            properties: PropertyCache::default(),
            tokens: Arc::default(),
            clock: Arc::new(SystemTime::now),
            schedule: ScheduleGate::default(),
            leases_tidied: AtomicBool::default(),
        })
    }

    /// Tells the time with another clock, for tests of what happens when it passes.
    #[must_use]
    pub fn with_clock(self, clock: Arc<RunClock>) -> Self {
        Self { clock, ..self }
    }

    /// Runs the venue's sync once, until `deadline` at the latest. `event` is either EventBridge's, which starts no run if it is
    /// late or comes again (see [`ScheduleGate`]), or `{"dry_run": true}`, with `"show_contacts": true` to have the leads in the response. With `{"refresh": true}`,
    /// nothing is synced: the access token of a consent is renewed if it is about to expire, or if it is the one whose
    /// fingerprint is in `refused`. With `{"ping": true}`, nothing at all is done: the response says whether runs have leases.
    ///
    /// Where runs have leases and another run has it, nothing is done either, and the response says so.
    ///
    /// # Errors
    /// Why the run ended before its work was done. Everything it did until then is settled.
    pub async fn handle_event(&self, event: &Value, request_id: &str, deadline: SystemTime) -> Result<Value, RunError> {
        if event.get("refresh").and_then(Value::as_bool).unwrap_or(false) {
            return self.refresh_token(event.get("refused").and_then(Value::as_str)).await;
        }
        let asked = |name: &str| event.get(name).and_then(Value::as_bool).unwrap_or(false);
        if asked("ping") {
            return Ok(json!({ "venue": self.settings.venue, "lease": self.settings.config.lease }));
        }
        let now = Timestamp::try_from((self.clock)()).unwrap_or_else(|_| Timestamp::now());
        if let Some(why) = self.schedule.refuse_event(event, now).await {
            return Ok(self.skip_run(request_id, &why));
        }
        let begun = Instant::now();
        let time = deadline.duration_since((self.clock)()).unwrap_or(Duration::ZERO);
        let options = RunOptions {
            deadline: (begun + time).into(),
            longest_run: time,
            dry_run: asked("dry_run"),
            show_contacts: asked("show_contacts"),
            settings_verified: false,
        };
        let ended = match self.take_lease(options.dry_run, deadline).await {
            Ok(RunPermit::NotNeeded) => self.run_behind(&RunFence::default(), options).await,
            Ok(RunPermit::Leased(lease, store)) => {
                let ended = self.run_behind(lease.fence(), options).await;
                self.end_lease(lease, &store).await;
                ended
            }
            Ok(RunPermit::Busy(until)) => {
                let why =
                    format!("another run is in progress, or was broken off; its lease ends at {until} at the latest");
                return Ok(self.skip_run(request_id, &why));
            }
            Err(error) => self.failed_run(error),
        };
        let run = LoggedRun {
            request_id,
            took: begun.elapsed(),
            ended: Timestamp::now(),
            deployment: self.settings.function.deployment.as_deref(),
            metrics: self.settings.config.metrics,
        };
        (self.log)(&ended.report.log_line(&run, ended.error.as_ref()));
        match ended.error {
            None => Ok(ended.report.to_json()),
            Some(error) => Err(error),
        }
    }

    /// Asks for the lease, if this run needs one: a dry run writes nothing.
    async fn take_lease(&self, dry_run: bool, deadline: SystemTime) -> Result<RunPermit, RunError> {
        if dry_run || !self.settings.config.lease {
            return Ok(RunPermit::NotNeeded);
        }
        let store = LeaseStreams::from_environment(crate::http::build_client()?, &self.variables)?;
        Ok(match RunLease::take_lease(&store, &self.clock, deadline).await? {
            LeaseAnswer::Taken(lease) => RunPermit::Leased(lease, store),
            LeaseAnswer::Busy { until } => RunPermit::Busy(until),
        })
    }

    /// Gives the lease back. What fails delays the next run at most, so it is no failure of this one.
    async fn end_lease(&self, lease: RunLease, store: &LeaseStreams) {
        let mut ended = lease.give_back(store).await;
        // A run that dies takes its process with it, so it is enough to look once in each process.
        if ended.is_ok() && !self.leases_tidied.swap(true, Ordering::Relaxed) {
            ended = remove_past_leases(store, (self.clock)()).await;
        }
        if let Err(error) = ended {
            (self.log)(&json!({
                "level": "warn", "event": "lease", "venue": self.settings.venue,
                "message": format!("the run's lease couldn't be given back and ends by itself: {error}"),
            }));
        }
    }

    /// Logs a run that doesn't take place, and returns the response.
    fn skip_run(&self, request_id: &str, why: &str) -> Value {
        (self.log)(&json!({
            "level": "info", "event": "skipped", "venue": self.settings.venue, "request_id": request_id,
            "message": format!("run skipped: {why}"),
        }));
        json!({ "venue": self.settings.venue, "skipped": why })
    }

    async fn run_behind(&self, fence: &RunFence, options: RunOptions) -> RunResult {
        let (client, credentials) = match self.prepare_run().await {
            Ok(prepared) => prepared,
            Err(error) => return self.failed_run(error),
        };
        let vendors = VendorClient::behind_fence(client.clone(), fence.clone());
        let ended = self.run_with((&client, &vendors), credentials, options).await;
        let refused = [ProblemKind::LookupRefused, ProblemKind::AccountUnchecked];
        if refused.into_iter().any(|kind| ended.report.has_problem(kind)) {
            // Somebody may replace the credentials in the secret: the next run reads it again.
            *self.credentials.lock().await = None;
        }
        ended
    }

    fn failed_run(&self, error: RunError) -> RunResult {
        RunResult { report: self.empty_report(), error: Some(error), settings_verified: false }
    }

    /// Prepares what a run needs: a client and the credentials.
    async fn prepare_run(&self) -> Result<(reqwest::Client, SyncCredentials), RunError> {
        let client = crate::http::build_client()?;
        let credentials = self.load_credentials(&client).await?;
        let credentials = self.with_token_keeper(&client, credentials);
        Ok((client, credentials))
    }

    /// Runs the sync. If a credential is rejected, it may have been replaced since it was read: then the run restarts
    /// with the new one.
    async fn run_with(
        &self,
        (client, vendors): (&reqwest::Client, &VendorClient),
        credentials: SyncCredentials,
        options: RunOptions,
    ) -> RunResult {
        let ended = self.run_once(vendors, &credentials, options).await;
        if !matches!(ended.error, Some(RunError::Credential { .. })) {
            return ended;
        }
        *self.credentials.lock().await = None;
        match self.load_credentials(client).await.map(|fresh| self.with_token_keeper(client, fresh)) {
            Ok(fresh) if fresh != credentials => {
                (self.log)(&json!({
                    "level": "info", "event": "credentials", "venue": self.settings.venue,
                    "message": "the secret has changed since it was last read; restarting the run",
                }));
                self.run_once(vendors, &fresh, options).await
            }
            _ => ended,
        }
    }

    async fn run_once(&self, client: &VendorClient, credentials: &SyncCredentials, options: RunOptions) -> RunResult {
        let settings_verified = self.verified.lock().await.as_ref() == Some(credentials);
        let options = RunOptions { settings_verified, ..options };
        let ended =
            engine::run_sync(client, &self.settings, credentials, options, &self.pending, &self.properties, &*self.log)
                .await;
        *self.verified.lock().await = ended.settings_verified.then(|| credentials.clone());
        ended
    }

    /// The credentials, read once per process.
    async fn load_credentials(&self, client: &reqwest::Client) -> Result<SyncCredentials, RunError> {
        let mut kept = self.credentials.lock().await;
        if let Some(credentials) = &*kept {
            return Ok(credentials.clone());
        }
        let Some(store) = self.secret_store(client) else {
            return Ok(kept.insert(SyncCredentials::from_environment(&*self.variables)?).clone());
        };
        let credentials = SyncCredentials::from_secret(&store.read_secret().await?.text)?;
        // As long as nobody has connected the venue, the secret is read in each run, so that a consent takes effect.
        if self.settings.config.destination.rotates_tokens() && credentials.tripleseat_tokens.is_none() {
            return Ok(credentials);
        }
        Ok(kept.insert(credentials).clone())
    }

    fn secret_store(&self, client: &reqwest::Client) -> Option<SecretStore> {
        let arn = self.settings.secret_arn.as_ref()?;
        Some(SecretStore::new(client.clone(), arn, Arc::clone(&self.variables)))
    }

    /// The credentials with what renews their tokens.
    fn with_token_keeper(&self, client: &reqwest::Client, credentials: SyncCredentials) -> SyncCredentials {
        let keep = |tokens: ConsentTokens| match self.secret_store(client) {
            None => tokens,
            Some(store) => {
                let (identity, memory) = (tokens.identity().clone(), Arc::clone(&self.tokens));
                let told = (self.settings.venue.as_str(), Arc::clone(&self.log));
                let base_uri = &self.settings.tripleseat_base_uri;
                let keeper = TokenKeeper::new(client.clone().into(), base_uri, identity, store, memory, told);
                tokens.with_source(Arc::new(keeper))
            }
        };
        SyncCredentials { tripleseat_tokens: credentials.tripleseat_tokens.map(keep), ..credentials }
    }

    /// Makes sure that the secret has an access token that is valid for a while. The tokens aren't part of the response.
    async fn refresh_token(&self, refused: Option<&str>) -> Result<Value, RunError> {
        if !self.settings.config.destination.rotates_tokens() {
            return Err(RunError::Settings(
                "this venue has no tokens to renew: the deployed destination has no `oauth = \"authorization_code\"`; \
                 `deployer apply` deploys what the manifest says"
                    .to_owned(),
            ));
        }
        let (_, credentials) = self.prepare_run().await?;
        let Some(tokens) = credentials.tripleseat_tokens else { return Err(not_connected()) };
        match tokens.renew_access_token(refused, TOKEN_TIMEOUT).await? {
            Ok(_) => {}
            Err(message) => return Err(RunError::Unavailable { side: Side::Destination, message }),
        }
        Ok(json!({ "venue": self.settings.venue, "refreshed": true }))
    }

    fn empty_report(&self) -> crate::report::RunReport {
        crate::report::RunReport { venue: self.settings.venue.clone(), ..Default::default() }
    }
}
