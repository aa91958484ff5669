//! From setting the flag to the ledger's `synced`: waits for the schedule, or invokes the function.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Verify;
use super::event::{Failure, Stage};
use super::function::{self, Ran};
use super::stages::{Stop, failed};
use super::wait::Waiter;
use deployer_hubspot::Contact;

/// The pause between two reads of the contact.
const LOOK: Duration = Duration::from_secs(3);

impl<W: Waiter> Verify<'_, W> {
    async fn look(&self, id: &str) -> Result<Contact, Failure> {
        let ledger = self.ledger();
        let all = [&ledger.flag, &ledger.status, &ledger.lead_id, &ledger.error, &ledger.synced_at];
        let found = self.hubspot.contact(id, &all.map(String::as_str), &[&ledger.lead_id]).await;
        found
            .map_err(|error| failed(Stage::Run, error))?
            .ok_or_else(|| failed(Stage::Run, "somebody deleted the test contact"))
    }

    /// Waits or invokes until the ledger says `synced`.
    pub(super) async fn until_synced(&self, id: &str, flagged: Duration) -> Result<Contact, Stop> {
        let limit = self.limit();
        let ledger = self.ledger();
        let since = self.waiter.now();
        if !self.options.now {
            let text = format!("waiting for {}, up to {}", self.venue.schedule.expression, words(limit));
            self.say(Stage::Run, text, json!({ "limit_seconds": limit.as_secs() }));
        }
        let mut taken = false;
        loop {
            self.unless_cancelled()?;
            if self.options.now {
                self.invoke().await?;
            }
            let contact = self.look(id).await?;
            let status = contact.text(&ledger.status).to_owned();
            match status.as_str() {
                "synced" => return Ok(contact),
                "failed" | "needs_review" => {
                    let why = contact.text(&ledger.error);
                    return Err(failed(Stage::Run, format!("the ledger says `{status}`: {why}")).into());
                }
                "sending" if !taken => {
                    taken = true;
                    self.say(Stage::Run, "a run picked up the contact", json!({}));
                }
                "" if contact.text(&ledger.flag) != "true" => {
                    return Err(failed(Stage::Run, "the flag was cleared, but nothing was sent").into());
                }
                _ => {}
            }
            if self.waiter.elapsed().saturating_sub(flagged) >= limit {
                return Err(self.timed_out(limit, &status, contact.text(&ledger.error), since).await.into());
            }
            tokio::select! {
                () = self.waiter.pause(LOOK) => {}
                () = self.cancel.cancelled() => return Err(Stop::Cancelled),
            }
        }
    }

    async fn invoke(&self) -> Result<(), Failure> {
        let ran = function::invoke(self.aws, &self.names(), self.waiter.now()).await;
        match ran.map_err(|error| {
            let failure = failed(Stage::Run, &error);
            match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })? {
            Ran::Ended(counts) => {
                let count = |key: &str| counts.get(key).and_then(Value::as_u64).unwrap_or_default();
                let text = format!(
                    "invoked: found {}: {} synced, {} failed, {} need review, {} deferred",
                    count("searched"),
                    count("synced"),
                    count("failed"),
                    count("needs_review"),
                    count("retried")
                );
                self.say(Stage::Run, text, json!({ "counts": counts }));
                Ok(())
            }
            Ran::Busy => {
                self.say(Stage::Run, "another run is in progress; waiting for it", json!({}));
                Ok(())
            }
            Ran::Failed(why) => Err(failed(Stage::Run, format!("the run failed: {why}"))),
        }
    }

    async fn timed_out(&self, limit: Duration, status: &str, error: &str, since: Timestamp) -> Failure {
        let mut seen = match status {
            "" => format!("no run picked up the contact within {}", words(limit)),
            status => format!("after {}, the ledger still says `{status}`", words(limit)),
        };
        if !error.is_empty() {
            seen.push_str(&format!(": {error}"));
        }
        let names = self.names();
        match function::last_lines(self.aws, &names, since).await {
            Ok(lines) if lines.is_empty() => {
                let text =
                    format!("; {} has no lines since the flag was set: the function didn't run", names.log_group);
                seen.push_str(&text);
            }
            Ok(lines) => {
                seen.push_str(&format!("; the last lines of {}:\n    {}", names.log_group, lines.join("\n    ")))
            }
            Err(error) => seen.push_str(&format!("; its log is unreadable: {error}")),
        }
        failed(Stage::Run, seen).hint("`--now` shows how a run responds; `--timeout` waits longer")
    }
}

/// A duration in words: `10 min 30 s`.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
