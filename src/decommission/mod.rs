//! What nobody needs is archived, deleted, and can be brought back.
//!
//! 1. [`select`]: pure; an audit and what was named become candidates, and refusals in words.
//! 2. [`check`]: what each is now, read afresh: changed, used or reached since the audit, it is refused.
//! 3. [`archive`]: everything that AWS says of it, in files with their SHA-256, read back before anything is deleted.
//! 4. [`carry_out`]: archives, verifies, then deletes (or disables, a quarantine) in the [`order`] of dependencies; the
//!    [`journal`] has each step, so that the same command goes on after a crash.
//! 5. [`restore`]: the reverse, which ends with a comparison, attribute by attribute.
//!
//! `kinds` has one file for each kind of resource. Answers are kept as AWS gave them ([`wire`]), so that an attribute that
//! this program doesn't know is in the archive too.

pub mod archive;
pub mod callers;
pub mod carry_out;
pub mod check;
pub mod journal;
pub mod kinds;
pub mod order;
pub mod parts;
pub mod plan;
pub mod restore;
pub mod select;
pub mod usage;
mod wire;

use crate::apply::retry::Retry;
use crate::audit::{Kind, Node};
use crate::aws::{Aws, CallError, FailureKind};
use crate::desired::Scope;

/// The tag with the day on which a quarantine ends, as `2026-12-10`.
pub const TAG_QUARANTINE: &str = "deployer:quarantine";
/// The tag with the archive from which a resource in quarantine is brought back.
pub const TAG_ARCHIVE: &str = "deployer:quarantine-archive";
/// The tag of an API while it is being made, by which an interrupted restore finds it again: its id is new.
pub const TAG_RESTORING: &str = "deployer:restoring";

/// A resource that is archived, deleted or restored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Its ARN.
    pub id: String,
    /// What people call it.
    pub name: String,
}

impl Target {
    /// The node's, under the same id and name.
    pub fn of(node: &Node) -> Self {
        Self { kind: node.kind, id: node.id.clone(), name: node.name.clone() }
    }

    /// What AWS's calls name it by: the end of the ARN. Rules and schedules are named by [`Target::grouped`].
    pub fn key(&self) -> &str {
        let last = |at: char| self.id.rsplit(at).next().unwrap_or_default();
        match self.kind {
            Kind::Role | Kind::RestApi | Kind::HttpApi => last('/'),
            Kind::LogGroup => {
                let name = self.id.split_once(":log-group:").map_or(self.id.as_str(), |(_, name)| name);
                name.strip_suffix(":*").unwrap_or(name)
            }
            Kind::Alarm => self.id.split_once(":alarm:").map_or(self.id.as_str(), |(_, name)| name),
            Kind::Secret | Kind::Topic | Kind::StateMachine => &self.id,
            _ => last(':'),
        }
    }

    /// A rule's bus and name, or a schedule's group and name.
    pub fn grouped(&self) -> (&str, &str) {
        let path = self.id.rsplit(':').next().unwrap_or_default();
        match path.split('/').collect::<Vec<_>>()[..] {
            [_, group, name] => (group, name),
            [_, name] => ("default", name),
            _ => ("default", path),
        }
    }
}

/// What every call needs.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// Account and region.
    pub scope: &'a Scope,
    /// Whether waiting takes time: not for the embedded cloud.
    pub delays: bool,
}

impl Cx<'_> {
    /// Makes a call again while that is worth it ([`Retry`]): a new role can't be assumed at once, and changes of one
    /// function exclude each other.
    ///
    /// # Errors
    /// The last answer.
    pub async fn retried<T>(&self, mut call: impl AsyncFnMut() -> Result<T, CallError>) -> Result<T, CallError> {
        let mut retry = Retry::default();
        loop {
            match call().await {
                Ok(value) => return Ok(value),
                Err(mut error) => {
                    // SQS takes a name again 60 seconds after its queue was deleted.
                    if error.code.contains("QueueDeletedRecently") {
                        error.kind = FailureKind::InProgress;
                    }
                    match retry.after(&error) {
                        Some(delay) => self.sleep(delay).await,
                        None => return Err(error),
                    }
                }
            }
        }
    }

    /// Waits, where waiting takes time.
    pub async fn sleep(&self, delay: std::time::Duration) {
        if self.delays {
            tokio::time::sleep(delay).await;
        }
    }
}

/// A failure that isn't AWS's own answer.
pub(crate) fn unexpected(operation: &'static str, message: impl Into<String>) -> CallError {
    CallError::unexpected(operation, message)
}

/// What the service doesn't have isn't there: an emulator's gap as well as a setting that was never made.
pub(crate) fn optional<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind, FailureKind::NotFound | FailureKind::NotImplemented) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The word for a kind, in sentences.
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Function => "function",
        Kind::Rule => "rule",
        Kind::Schedule => "schedule",
        Kind::Queue => "queue",
        Kind::Topic => "topic",
        Kind::RestApi => "REST API",
        Kind::HttpApi => "HTTP API",
        Kind::StateMachine => "state machine",
        Kind::Secret => "secret",
        Kind::Role => "role",
        Kind::LogGroup => "log group",
        Kind::Alarm => "alarm",
        Kind::HubspotWorkflow => "HubSpot workflow",
        Kind::HubspotWebhook => "HubSpot webhook",
        Kind::Endpoint => "endpoint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_what_calls_name_a_resource_by() {
        for (kind, id, key) in [
            (Kind::Function, "arn:aws:lambda:us-east-1:123456789012:function:push", "push"),
            (Kind::Queue, "arn:aws:sqs:us-east-1:123456789012:contacts.fifo", "contacts.fifo"),
            (Kind::Role, "arn:aws:iam::123456789012:role/service/old", "old"),
            (Kind::RestApi, "arn:aws:apigateway:us-east-1::/restapis/abc123", "abc123"),
            (Kind::LogGroup, "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/push:*", "/aws/lambda/push"),
            (Kind::Alarm, "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a:b", "a:b"),
        ] {
            let target = Target { kind, id: id.to_owned(), name: String::new() };
            assert_eq!(target.key(), key);
        }
        let rule = |id: &str| Target { kind: Kind::Rule, id: id.to_owned(), name: String::new() };
        assert_eq!(rule("arn:aws:events:us-east-1:1:rule/nightly").grouped(), ("default", "nightly"));
        assert_eq!(rule("arn:aws:events:us-east-1:1:rule/orders/nightly").grouped(), ("orders", "nightly"));
    }
}
