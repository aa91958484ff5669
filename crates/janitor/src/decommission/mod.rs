//! Archives and deletes resources that nobody needs, and restores them from the archive.
//!
//! 1. [`select`]: pure; turns an audit and the requested resources into candidates, and into refusals with a reason.
//! 2. [`check`]: reads each candidate again, and refuses it if it was changed, used or reached since the audit.
//! 3. [`archive`]: writes everything that AWS returns about it to files with their SHA-256, and reads them back before
//!    anything is deleted.
//! 4. [`carry_out`]: archives, verifies, then deletes (or disables, for a quarantine) in the [`order`] of dependencies;
//!    the [`journal`] records each step, so that the same command resumes after a crash.
//! 5. [`restore`]: the reverse, which ends with a comparison, attribute by attribute.
//!
//! `kinds` has one file for each kind of resource. Responses are kept as AWS returned them ([`wire`]), so the archive
//! also has the attributes that this program doesn't know.

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

use crate::audit::{Node, NodeKind};
use deployer_aws::retry::CallRetry;
use deployer_aws::{Aws, CallError, FailureKind};
use deployer_core::desired::Scope;

/// The tag with the day on which a quarantine ends, as `2026-12-10`.
pub const TAG_QUARANTINE: &str = "deployer:quarantine";
/// The tag with the name of the archive from which a resource in quarantine is restored.
pub const TAG_ARCHIVE: &str = "deployer:quarantine-archive";
/// The tag of an API while it is being restored. Its id is new, so an interrupted restore finds it by this tag.
pub const TAG_RESTORING: &str = "deployer:restoring";

/// A resource that is archived, deleted or restored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecommissionTarget {
    /// What it is.
    pub kind: NodeKind,
    /// Its ARN.
    pub id: String,
    /// Its name, as people know it.
    pub name: String,
}

impl DecommissionTarget {
    /// The target with the id and name of an audit's node.
    pub fn from_node(node: &Node) -> Self {
        Self { kind: node.kind, id: node.id.clone(), name: node.name.clone() }
    }

    /// The identifier that AWS calls take, mostly the end of the ARN. Rules and schedules take [`DecommissionTarget::grouped`].
    pub fn aws_identifier(&self) -> &str {
        let last = |at: char| self.id.rsplit(at).next().unwrap_or_default();
        match self.kind {
            NodeKind::Role | NodeKind::RestApi | NodeKind::HttpApi => last('/'),
            NodeKind::LogGroup => {
                let name = self.id.split_once(":log-group:").map_or(self.id.as_str(), |(_, name)| name);
                name.strip_suffix(":*").unwrap_or(name)
            }
            NodeKind::Alarm => self.id.split_once(":alarm:").map_or(self.id.as_str(), |(_, name)| name),
            NodeKind::Secret | NodeKind::Topic | NodeKind::StateMachine => &self.id,
            _ => last(':'),
        }
    }

    /// The bus and name of a rule, or the group and name of a schedule.
    pub fn group_and_name(&self) -> (&str, &str) {
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
pub struct DecommissionContext<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// The account and region.
    pub scope: &'a Scope,
    /// Whether to really wait; the embedded cloud needs no delays.
    pub delays: bool,
}

impl DecommissionContext<'_> {
    /// Retries a call as long as it may still succeed ([`CallRetry`]): a new role can't be assumed immediately, and Lambda
    /// refuses a second change of a function while the first is in progress.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn call_with_retry<T>(
        &self,
        mut call: impl AsyncFnMut() -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut retry = CallRetry::default();
        loop {
            match call().await {
                Ok(value) => return Ok(value),
                Err(mut error) => {
                    // SQS accepts the name of a deleted queue again after 60 seconds.
                    if error.code.contains("QueueDeletedRecently") {
                        error.kind = FailureKind::InProgress;
                    }
                    match retry.next_delay(&error) {
                        Some(delay) => self.wait_for(delay).await,
                        None => return Err(error),
                    }
                }
            }
        }
    }

    /// Waits, unless delays are off.
    pub async fn wait_for(&self, delay: std::time::Duration) {
        if self.delays {
            tokio::time::sleep(delay).await;
        }
    }
}

/// An error for a response that this program can't work with, as opposed to an error that AWS returned.
pub(crate) fn unexpected_error(operation: &'static str, message: impl Into<String>) -> CallError {
    CallError::unexpected(operation, message)
}

/// Turns "not found" into `None`: the setting was never made, or an emulator doesn't have the call.
pub(crate) fn none_if_missing<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind, FailureKind::NotFound | FailureKind::NotImplemented) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The word for a kind in a sentence.
pub fn kind_word(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Function => "function",
        NodeKind::Rule => "rule",
        NodeKind::Schedule => "schedule",
        NodeKind::Queue => "queue",
        NodeKind::Topic => "topic",
        NodeKind::RestApi => "REST API",
        NodeKind::HttpApi => "HTTP API",
        NodeKind::StateMachine => "state machine",
        NodeKind::Secret => "secret",
        NodeKind::Role => "role",
        NodeKind::LogGroup => "log group",
        NodeKind::Alarm => "alarm",
        NodeKind::HubspotWorkflow => "HubSpot workflow",
        NodeKind::HubspotWebhook => "HubSpot webhook",
        NodeKind::Endpoint => "endpoint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_the_call_identifier_from_the_arn() {
        for (kind, id, key) in [
            (NodeKind::Function, "arn:aws:lambda:us-east-1:123456789012:function:push", "push"),
            (NodeKind::Queue, "arn:aws:sqs:us-east-1:123456789012:contacts.fifo", "contacts.fifo"),
            (NodeKind::Role, "arn:aws:iam::123456789012:role/service/old", "old"),
            (NodeKind::RestApi, "arn:aws:apigateway:us-east-1::/restapis/abc123", "abc123"),
            (
                NodeKind::LogGroup,
                "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/push:*",
                "/aws/lambda/push",
            ),
            (NodeKind::Alarm, "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a:b", "a:b"),
        ] {
            let target = DecommissionTarget { kind, id: id.to_owned(), name: String::new() };
            assert_eq!(target.aws_identifier(), key);
        }
        let rule = |id: &str| DecommissionTarget { kind: NodeKind::Rule, id: id.to_owned(), name: String::new() };
        assert_eq!(rule("arn:aws:events:us-east-1:1:rule/nightly").group_and_name(), ("default", "nightly"));
        assert_eq!(rule("arn:aws:events:us-east-1:1:rule/orders/nightly").group_and_name(), ("orders", "nightly"));
    }
}
