//! Handles an invocation: loads the credentials, runs once, returns the counts. Credentials are kept between
//! invocations, but connections are not: Lambda freezes the process between runs, and a connection that died in the
//! meantime would only show when a lead is sent on it and no response comes.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::credentials::SyncCredentials;
use crate::engine::{self, PropertyCache, RunOptions, RunResult};
use crate::error::RunError;
use crate::report::LogSink;
use crate::secret;
use crate::settings::SyncSettings;

/// Reads environment variables.
pub type EnvironmentReader = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The state of a process between invocations.
pub struct Handler {
    settings: SyncSettings,
    variables: Box<EnvironmentReader>,
    log: Box<LogSink>,
    credentials: Mutex<Option<SyncCredentials>>,
    /// The credentials with which the destination's settings were compared. The settings themselves never change in a
    /// process.
    verified: Mutex<Option<SyncCredentials>>,
    properties: PropertyCache,
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
            variables,
            log,
            credentials: Mutex::new(None),
            verified: Mutex::new(None),
            properties: PropertyCache::default(),
        })
    }

    /// Runs the venue's sync once, until `deadline` at the latest. `event` is either EventBridge's, which is ignored,
    /// or `{"dry_run": true}`, with `"show_contacts": true` to have the leads in the response.
    ///
    /// # Errors
    /// Why the run ended before its work was done. Everything it did until then is settled.
    pub async fn handle_event(&self, event: &Value, request_id: &str, deadline: SystemTime) -> Result<Value, RunError> {
        let begun = Instant::now();
        let time = deadline.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let asked = |name: &str| event.get(name).and_then(Value::as_bool).unwrap_or(false);
        let options = RunOptions {
            deadline: (begun + time).into(),
            dry_run: asked("dry_run"),
            show_contacts: asked("show_contacts"),
            settings_verified: false,
        };
        let ended = match self.prepare_run().await {
            Ok((client, credentials)) => self.run_with(&client, credentials, options).await,
            Err(error) => RunResult { report: self.empty_report(), error: Some(error), settings_verified: false },
        };
        let line = ended.report.log_line(request_id, begun.elapsed(), Timestamp::now(), ended.error.as_ref());
        (self.log)(&line);
        match ended.error {
            None => Ok(ended.report.to_json()),
            Some(error) => Err(error),
        }
    }

    /// Prepares what a run needs: a client and the credentials.
    async fn prepare_run(&self) -> Result<(reqwest::Client, SyncCredentials), RunError> {
        let client = crate::http::build_client()?;
        let credentials = self.load_credentials(&client).await?;
        Ok((client, credentials))
    }

    /// Runs the sync. If a credential is rejected, it may have been replaced since it was read: then the run restarts
    /// with the new one.
    async fn run_with(&self, client: &reqwest::Client, credentials: SyncCredentials, options: RunOptions) -> RunResult {
        let ended = self.run_once(client, &credentials, options).await;
        if !matches!(ended.error, Some(RunError::Credential { .. })) {
            return ended;
        }
        *self.credentials.lock().await = None;
        match self.load_credentials(client).await {
            Ok(fresh) if fresh != credentials => {
                (self.log)(&json!({
                    "level": "info", "event": "credentials", "venue": self.settings.venue,
                    "message": "the secret has changed since it was last read; restarting the run",
                }));
                self.run_once(client, &fresh, options).await
            }
            _ => ended,
        }
    }

    async fn run_once(
        &self,
        client: &reqwest::Client,
        credentials: &SyncCredentials,
        options: RunOptions,
    ) -> RunResult {
        let settings_verified = self.verified.lock().await.as_ref() == Some(credentials);
        let options = RunOptions { settings_verified, ..options };
        let ended = engine::run_sync(client, &self.settings, credentials, options, &self.properties, &self.log).await;
        *self.verified.lock().await = ended.settings_verified.then(|| credentials.clone());
        ended
    }

    /// The credentials, read once per process.
    async fn load_credentials(&self, client: &reqwest::Client) -> Result<SyncCredentials, RunError> {
        let mut kept = self.credentials.lock().await;
        if let Some(credentials) = &*kept {
            return Ok(credentials.clone());
        }
        let credentials = match &self.settings.secret_arn {
            Some(arn) => SyncCredentials::from_secret(&secret::read_secret(client, arn, &*self.variables).await?)?,
            None => SyncCredentials::from_environment(&*self.variables)?,
        };
        Ok(kept.insert(credentials).clone())
    }

    fn empty_report(&self) -> crate::report::RunReport {
        crate::report::RunReport { venue: self.settings.venue.clone(), ..Default::default() }
    }
}
