//! An invocation: credentials, one run, the answer. Kept from one invocation to the next are the connections and the
//! credentials.

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

/// What a process keeps.
pub struct Handler {
    settings: Settings,
    client: reqwest::Client,
    variables: Box<Variables>,
    log: Box<Log>,
    credentials: Mutex<Option<Credentials>>,
}

impl Handler {
    /// Reads the settings. Nothing goes over the network yet: a function that waits costs nothing.
    ///
    /// # Errors
    /// The environment isn't what the deployer writes.
    pub fn new(variables: Box<Variables>, log: Box<Log>) -> Result<Self, RunError> {
        let settings = Settings::from_environment(&variables)?;
        Ok(Self { settings, client: crate::http::client()?, variables, log, credentials: Mutex::new(None) })
    }

    /// Runs the venue's sync once, until `deadline` at the latest. `event` is EventBridge's, and means nothing, or
    /// `{"dry_run": true}`.
    ///
    /// # Errors
    /// Why the run ended before its work was done. What it did until then is settled.
    pub async fn run(&self, event: &Value, request_id: &str, deadline: SystemTime) -> Result<Value, RunError> {
        let begun = Instant::now();
        let time = deadline.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let dry_run = event.get("dry_run").and_then(Value::as_bool).unwrap_or(false);
        let options = Options { deadline: (begun + time).into(), dry_run };
        let ended = match self.credentials().await {
            Ok(credentials) => self.run_with(credentials, options).await,
            Err(error) => Ended { report: self.empty(), error: Some(error) },
        };
        let line = ended.report.line(request_id, begun.elapsed(), Timestamp::now(), ended.error.as_ref());
        (self.log)(&line);
        match ended.error {
            None => Ok(ended.report.to_json()),
            Some(error) => Err(error),
        }
    }

    /// A credential that was refused may have been replaced since it was read: then the run begins again with the new.
    async fn run_with(&self, credentials: Credentials, options: Options) -> Ended {
        let ended = engine::run(&self.client, &self.settings, &credentials, options, &self.log).await;
        if !matches!(ended.error, Some(RunError::Credential { .. })) {
            return ended;
        }
        *self.credentials.lock().await = None;
        match self.credentials().await {
            Ok(fresh) if fresh != credentials => {
                (self.log)(&json!({
                    "level": "info", "event": "credentials", "venue": self.settings.venue,
                    "message": "the secret has changed since it was read; the run begins again",
                }));
                engine::run(&self.client, &self.settings, &fresh, options, &self.log).await
            }
            _ => ended,
        }
    }

    /// Read once a process.
    async fn credentials(&self) -> Result<Credentials, RunError> {
        let mut kept = self.credentials.lock().await;
        if let Some(credentials) = &*kept {
            return Ok(credentials.clone());
        }
        let credentials = match &self.settings.secret_arn {
            Some(arn) => Credentials::from_secret(&secret::read(&self.client, arn, &*self.variables).await?)?,
            None => Credentials::from_environment(&*self.variables)?,
        };
        Ok(kept.insert(credentials).clone())
    }

    fn empty(&self) -> crate::report::Report {
        crate::report::Report { venue: self.settings.venue.clone(), ..Default::default() }
    }
}
