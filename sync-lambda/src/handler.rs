//! Handles an invocation: loads the credentials, runs once, returns the counts. Credentials are kept between
//! invocations, but connections are not: Lambda freezes the process between runs, and a connection that died in the
//! meantime would only show when a lead is sent on it and no response comes.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::credentials::Credentials;
use crate::engine::{self, Ended, Options};
use crate::error::RunError;
use crate::report::Log;
use crate::secret;
use crate::settings::Settings;

/// Reads environment variables.
pub type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The state of a process between invocations.
pub struct Handler {
    settings: Settings,
    variables: Box<Variables>,
    log: Box<Log>,
    credentials: Mutex<Option<Credentials>>,
}

impl Handler {
    /// Reads the settings. Makes no network requests yet: an idle function should cost nothing.
    ///
    /// # Errors
    /// The environment isn't what the deployer writes.
    pub fn new(variables: Box<Variables>, log: Box<Log>) -> Result<Self, RunError> {
        let settings = Settings::from_environment(&variables)?;
        Ok(Self { settings, variables, log, credentials: Mutex::new(None) })
    }

    /// Runs the venue's sync once, until `deadline` at the latest. `event` is either EventBridge's, which is ignored,
    /// or `{"dry_run": true}`.
    ///
    /// # Errors
    /// Why the run ended before its work was done. Everything it did until then is settled.
    pub async fn run(&self, event: &Value, request_id: &str, deadline: SystemTime) -> Result<Value, RunError> {
        let begun = Instant::now();
        let time = deadline.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let dry_run = event.get("dry_run").and_then(Value::as_bool).unwrap_or(false);
        let options = Options { deadline: (begun + time).into(), dry_run };
        let ended = match self.begin().await {
            Ok((client, credentials)) => self.run_with(&client, credentials, options).await,
            Err(error) => Ended { report: self.empty(), error: Some(error) },
        };
        let line = ended.report.line(request_id, begun.elapsed(), Timestamp::now(), ended.error.as_ref());
        (self.log)(&line);
        match ended.error {
            None => Ok(ended.report.to_json()),
            Some(error) => Err(error),
        }
    }

    /// Prepares what a run needs: a client and the credentials.
    async fn begin(&self) -> Result<(reqwest::Client, Credentials), RunError> {
        let client = crate::http::client()?;
        let credentials = self.credentials(&client).await?;
        Ok((client, credentials))
    }

    /// Runs the sync. If a credential is rejected, it may have been replaced since it was read: then the run restarts
    /// with the new one.
    async fn run_with(&self, client: &reqwest::Client, credentials: Credentials, options: Options) -> Ended {
        let ended = engine::run(client, &self.settings, &credentials, options, &self.log).await;
        if !matches!(ended.error, Some(RunError::Credential { .. })) {
            return ended;
        }
        *self.credentials.lock().await = None;
        match self.credentials(client).await {
            Ok(fresh) if fresh != credentials => {
                (self.log)(&json!({
                    "level": "info", "event": "credentials", "venue": self.settings.venue,
                    "message": "the secret has changed since it was last read; restarting the run",
                }));
                engine::run(client, &self.settings, &fresh, options, &self.log).await
            }
            _ => ended,
        }
    }

    /// The credentials, read once per process.
    async fn credentials(&self, client: &reqwest::Client) -> Result<Credentials, RunError> {
        let mut kept = self.credentials.lock().await;
        if let Some(credentials) = &*kept {
            return Ok(credentials.clone());
        }
        let credentials = match &self.settings.secret_arn {
            Some(arn) => Credentials::from_secret(&secret::read(client, arn, &*self.variables).await?)?,
            None => Credentials::from_environment(&*self.variables)?,
        };
        Ok(kept.insert(credentials).clone())
    }

    fn empty(&self) -> crate::report::Report {
        crate::report::Report { venue: self.settings.venue.clone(), ..Default::default() }
    }
}
