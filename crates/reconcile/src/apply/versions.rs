//! Published versions: a new one is tested before the alias points to it, and old ones are deleted.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;

use super::lambda::published_version;
use super::{ApplyEvent, Executor, OperationAnswers};
use deployer_aws::observe::read_versions;
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::naming::ALIAS;
use deployer_core::resource::ResourceAddress;
use deployer_core::run_origin::RunOrigin;

const INVOKE: &str = "lambda:InvokeFunction";
/// How often a function is asked whether a run is still in progress.
const POLL: Duration = Duration::from_secs(5);
/// For how long the alias may still lead to the version before.
const ALIAS_MOVES: u32 = 6;

impl Executor<'_> {
    /// Invokes the new version with `{"dry_run": true}`, which checks everything and writes nothing.
    pub(super) async fn invoke_dry_run(
        &self,
        address: &ResourceAddress,
        function: &str,
        answers: &OperationAnswers,
    ) -> Result<(), CallError> {
        let version = published_version(INVOKE, answers)?;
        if !self.canary {
            return Ok(());
        }
        let request = self.aws.lambda.invoke().function_name(function).qualifier(&version);
        let request = request.client_context(RunOrigin::Apply.client_context());
        let answer = match request.payload(Blob::new(r#"{"dry_run":true}"#)).send().await.call(INVOKE) {
            Ok(answer) => answer,
            // An emulator that stores functions but doesn't run them.
            Err(error) if error.kind == FailureKind::NotImplemented => {
                let text = format!("skipped the dry run of version {version}: this cloud doesn't run functions");
                (self.on_event)(ApplyEvent::Note { address: address.clone(), text });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if answer.function_error().is_none() {
            let text = format!("the dry run of version {version} succeeded");
            (self.on_event)(ApplyEvent::Note { address: address.clone(), text });
            return Ok(());
        }
        let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
        // What isn't JSON is no answer of Lambda's, and is handled as anything else that isn't an object.
        let failure: Value = serde_json::from_slice(payload).unwrap_or(Value::Null);
        if !failure.is_object() {
            // Lambda reports a failed function as an object, so this is an emulator that couldn't start it.
            let reason: String = String::from_utf8_lossy(payload).chars().take(200).collect();
            let text = format!("skipped the dry run of version {version}: this cloud couldn't run it: {reason}");
            (self.on_event)(ApplyEvent::Note { address: address.clone(), text });
            return Ok(());
        }
        let message = failure["errorMessage"].as_str().unwrap_or("the function gave no error message");
        let message = format!(
            "the dry run of version {version} failed: {message}. The alias {ALIAS} stays on the previous version, and no \
             other venue gets the new code"
        );
        let code = failure["errorType"].as_str().unwrap_or_default().to_owned();
        Err(CallError { code, ..CallError::unexpected(INVOKE, message) })
    }

    /// Waits until no run of a version without leases is in progress. One execution is reserved for the function, so Lambda
    /// accepts an invocation only while there is no other, and runs that begin later take leases.
    pub(super) async fn await_earlier_runs(
        &self,
        address: &ResourceAddress,
        function: &str,
        longest_run_s: u32,
    ) -> Result<(), CallError> {
        let note = |text: String| (self.on_event)(ApplyEvent::Note { address: address.clone(), text });
        let tries = u64::from(longest_run_s) / POLL.as_secs() + 2;
        let (mut waits, mut moves) = (0, 0);
        loop {
            self.fence.check(INVOKE)?;
            let request = self.aws.lambda.invoke().function_name(function).qualifier(ALIAS);
            let answer = match request.payload(Blob::new(r#"{"ping":true}"#)).send().await.call(INVOKE) {
                Ok(answer) => answer,
                // An emulator that stores functions but doesn't run them: then there are no runs.
                Err(error) if error.kind == FailureKind::NotImplemented => return Ok(()),
                Err(error) if error.kind == FailureKind::Throttled && waits < tries => {
                    if waits == 0 {
                        note("waits for the run in progress to end".to_owned());
                    }
                    waits += 1;
                    self.sleep_for(POLL).await;
                    continue;
                }
                Err(error) if error.kind == FailureKind::Throttled => {
                    let message =
                        format!("a run was still in progress after {longest_run_s} s, so the reservation stays");
                    return Err(CallError::unexpected(INVOKE, message));
                }
                Err(error) => return Err(error),
            };
            let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
            let payload: Value = serde_json::from_slice(payload).unwrap_or(Value::Null);
            if payload["lease"] == true {
                return Ok(());
            }
            moves += 1;
            if moves > ALIAS_MOVES {
                let said = payload["errorMessage"].as_str().map(|said| format!(": {said}")).unwrap_or_default();
                let message = format!("the version that runs takes no leases, so the reservation stays{said}");
                return Err(CallError::unexpected(INVOKE, message));
            }
            self.sleep_for(POLL).await;
        }
    }

    /// Deletes all except the newest `keep` versions, but never the one that the alias points to.
    pub(super) async fn delete_old_versions(&self, function: &str, keep: u32) -> Result<(), CallError> {
        const DELETE: &str = "lambda:DeleteFunction";
        let lambda = &self.aws.lambda;
        let versions: Vec<u64> = read_versions(self.aws, function).await?.into_keys().rev().collect();
        let Some(old) = versions.get(usize::try_from(keep).unwrap_or(usize::MAX)..).filter(|old| !old.is_empty())
        else {
            return Ok(());
        };
        let alias = lambda.get_alias().function_name(function).name(ALIAS).send().await.call("lambda:GetAlias")?;
        let live = alias
            .function_version()
            .ok_or_else(|| CallError::unexpected("lambda:GetAlias", "the answer has no version"))?;
        for version in old.iter().map(u64::to_string).filter(|version| version != live) {
            self.limiter.wait_for_slot(DELETE).await;
            match lambda.delete_function().function_name(function).qualifier(&version).send().await.call(DELETE) {
                // Already gone, or an alias that isn't ours points to it.
                Err(error) if matches!(error.kind, FailureKind::NotFound | FailureKind::InProgress) => {}
                answer => drop(answer?),
            }
        }
        Ok(())
    }
}
