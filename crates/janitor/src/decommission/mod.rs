//! Archives and deletes resources that nobody needs, and restores them from the archive.
//!
//! 1. [`select`]: pure; turns an audit and the requested resources into candidates, and into refusals with a reason.
//! 2. [`check`]: reads each candidate again, and refuses it if it was changed, used or reached since the audit.
//!    [`evidence`] judges the audit's inventory again; [`reread`] reads the whole account again right before the first
//!    change.
//! 3. [`archive`]: writes everything that AWS returns about it to files with their SHA-256, and reads them back before
//!    anything is deleted.
//! 4. [`carry_out`]: archives, verifies, then deletes (or disables, for a quarantine) in the [`order`] of dependencies;
//!    the [`journal`] records each step, so that the same command resumes after a crash.
//! 5. [`restore`]: the reverse, which ends with a comparison, attribute by attribute.
//!
//! [`archivable::ArchivableKind`] is what all of these do with a kind of resource, and [`kinds`] implements it, one file
//! for each kind. Responses are kept as AWS returned them ([`wire`]), so the archive also has the attributes that this
//! program doesn't know.

pub mod archivable;
pub mod archive;
pub mod callers;
pub mod carry_out;
pub mod check;
pub mod evidence;
pub mod journal;
pub mod kinds;
pub mod order;
pub mod parts;
pub mod plan;
pub mod proof;
pub mod reread;
pub mod restore;
pub mod runtimes;
pub mod select;
pub mod usage;
mod wire;

use serde_json::Value;

use crate::audit::{Node, NodeKind};
use deployer_aws::retry::CallRetry;
use deployer_aws::signed::RestRequest;
use deployer_aws::{Aws, CallError, FailureKind};
use deployer_core::arn::Arn;
use deployer_core::scope::Scope;

use archivable::ArchivableKind;
use kinds::find_archivable;

/// The tag with the day on which a quarantine ends, as `2026-12-10`.
pub const TAG_QUARANTINE: &str = "deployer:quarantine";
/// The tag with the name of the archive from which a resource in quarantine is restored.
pub const TAG_ARCHIVE: &str = "deployer:quarantine-archive";
/// The tag of an API while it is being restored. Its id is new, so an interrupted restore finds it by this tag.
pub const TAG_RESTORING: &str = "deployer:restoring";

/// A resource that is archived, deleted or restored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecommissionTarget {
    /// What it is, and so what can be done with it.
    pub kind: &'static dyn ArchivableKind,
    /// Its ARN.
    pub id: String,
    /// Its name, as people know it.
    pub name: String,
}

impl DecommissionTarget {
    /// A resource of one of the audit's kinds.
    ///
    /// # Errors
    /// Why resources of this kind can't be archived, in words.
    pub fn new(kind: NodeKind, id: String, name: String) -> Result<Self, &'static str> {
        Ok(Self { kind: find_archivable(kind)?, id, name })
    }

    /// The target with the kind, id and name of an audit's node.
    ///
    /// # Errors
    /// Why resources of this kind can't be archived, in words.
    pub fn from_node(node: &Node) -> Result<Self, &'static str> {
        Self::new(node.kind, node.id.clone(), node.name.clone())
    }

    /// Its kind and name: `function push`.
    pub fn kind_and_name(&self) -> String {
        format!("{} {}", self.kind.display_name(), self.name)
    }

    /// The identifier that AWS calls take ([`ArchivableKind::aws_identifier`]). Rules and schedules take
    /// [`DecommissionTarget::group_and_name`].
    pub fn aws_identifier(&self) -> &str {
        self.kind.aws_identifier(&self.id)
    }

    /// The bus and name of a rule, or the group and name of a schedule.
    pub fn group_and_name(&self) -> (&str, &str) {
        let path = Arn::parse_arn(&self.id).map_or(self.id.as_str(), |arn| arn.resource);
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
    /// Sends a request, again as long as it may still succeed.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn send_with_retry(&self, request: RestRequest) -> Result<Value, CallError> {
        self.call_with_retry(async || self.aws.signed.send(request.clone()).await).await
    }

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
            let target = DecommissionTarget::new(kind, id.to_owned(), String::new()).expect("it can be archived");
            assert_eq!(target.aws_identifier(), key);
        }
        let rule = |id: &str| {
            let rule = DecommissionTarget::new(NodeKind::Rule, id.to_owned(), String::new());
            let rule = rule.expect("it can be archived");
            let (bus, name) = rule.group_and_name();
            (bus.to_owned(), name.to_owned())
        };
        let default = ("default".to_owned(), "nightly".to_owned());
        assert_eq!(rule("arn:aws:events:us-east-1:1:rule/nightly"), default);
        let orders = ("orders".to_owned(), "nightly".to_owned());
        assert_eq!(rule("arn:aws:events:us-east-1:1:rule/orders/nightly"), orders);
    }
}
