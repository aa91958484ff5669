//! From setting the flag to the ledger's `synced`: waits for the schedule, or invokes the function.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Verify;
use super::event::{StageFailure, VerifyStage};
use super::function::{self, InvokedRun};
use super::stages::{VerifyStop, stage_failure};
use super::wait::Waiter;
use deployer_hubspot::CrmContact;

/// The pause between two reads of the contact.
const LOOK: Duration = Duration::from_secs(3);

impl<W: Waiter> Verify<'_, W> {
    async fn read_contact(&self, id: &str) -> Result<CrmContact, StageFailure> {
        let ledger = self.ledger_properties();
        let all = [&ledger.flag, &ledger.status, &ledger.lead_id, &ledger.error, &ledger.synced_at];
        let found = self.hubspot.read_contact(id, &all.map(String::as_str), &[&ledger.lead_id]).await;
        found
            .map_err(|error| stage_failure(VerifyStage::Run, error))?
            .ok_or_else(|| stage_failure(VerifyStage::Run, "somebody deleted the test contact"))
    }

    /// Waits or invokes until the ledger says `synced`.
    pub(super) async fn wait_until_synced(&self, id: &str, flagged: Duration) -> Result<CrmContact, VerifyStop> {
        let limit = self.wait_limit();
        let ledger = self.ledger_properties();
        let since = self.waiter.current_time();
        if !self.options.now {
            let text = format!("waiting for {}, up to {}", self.venue.schedule.expression, duration_words(limit));
            self.emit_event(VerifyStage::Run, text, json!({ "limit_seconds": limit.as_secs() }));
        }
        let mut taken = false;
        loop {
            self.unless_cancelled()?;
            if self.options.now {
                self.invoke_once().await?;
            }
            let contact = self.read_contact(id).await?;
            let status = contact.property_text(&ledger.status).to_owned();
            match status.as_str() {
                "synced" => return Ok(contact),
                "failed" | "needs_review" => {
                    let why = contact.property_text(&ledger.error);
                    return Err(stage_failure(VerifyStage::Run, format!("the ledger says `{status}`: {why}")).into());
                }
                "sending" if !taken => {
                    taken = true;
                    self.emit_event(VerifyStage::Run, "a run picked up the contact", json!({}));
                }
                "" if contact.property_text(&ledger.flag) != "true" => {
                    return Err(stage_failure(VerifyStage::Run, "the flag was cleared, but nothing was sent").into());
                }
                _ => {}
            }
            if self.waiter.elapsed_time().saturating_sub(flagged) >= limit {
                return Err(self
                    .timeout_failure(limit, &status, contact.property_text(&ledger.error), since)
                    .await
                    .into());
            }
            tokio::select! {
                () = self.waiter.pause_for(LOOK) => {}
                () = self.cancel.cancelled() => return Err(VerifyStop::Cancelled),
            }
        }
    }

    async fn invoke_once(&self) -> Result<(), StageFailure> {
        let ran = function::invoke_function(self.aws, &self.resource_names(), self.waiter.current_time()).await;
        match ran.map_err(|error| {
            let failure = stage_failure(VerifyStage::Run, &error);
            match error.hint() {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        })? {
            InvokedRun::Ended(counts) => {
                let count = |key: &str| counts.get(key).and_then(Value::as_u64).unwrap_or_default();
                let text = format!(
                    "invoked: found {}: {} synced, {} failed, {} need review, {} deferred",
                    count("searched"),
                    count("synced"),
                    count("failed"),
                    count("needs_review"),
                    count("retried")
                );
                self.emit_event(VerifyStage::Run, text, json!({ "counts": counts }));
                Ok(())
            }
            InvokedRun::Busy => {
                self.emit_event(VerifyStage::Run, "another run is in progress; waiting for it", json!({}));
                Ok(())
            }
            InvokedRun::Failed(why) => Err(stage_failure(VerifyStage::Run, format!("the run failed: {why}"))),
        }
    }

    async fn timeout_failure(&self, limit: Duration, status: &str, error: &str, since: Timestamp) -> StageFailure {
        let mut seen = match status {
            "" => format!("no run picked up the contact within {}", duration_words(limit)),
            status => format!("after {}, the ledger still says `{status}`", duration_words(limit)),
        };
        if !error.is_empty() {
            seen.push_str(&format!(": {error}"));
        }
        let names = self.resource_names();
        match function::last_log_lines(self.aws, &names, since).await {
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
        stage_failure(VerifyStage::Run, seen).with_hint("`--now` shows how a run responds; `--timeout` waits longer")
    }
}

/// A duration in words: `10 min 30 s`.
fn duration_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
