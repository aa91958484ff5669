//! The whole answer of a call of a generated client, as it came: its types drop what they don't know.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;

use crate::{CallError, FailureKind};
use deployer_core::resource::members::find_embedded_error;

/// Keeps the body of an answer. One is good for one call.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptAnswer(Arc<Mutex<Bytes>>);

impl Intercept for KeptAnswer {
    fn name(&self) -> &'static str {
        "KeptAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.0.lock() = Bytes::copy_from_slice(body);
        Ok(())
    }
}

impl KeptAnswer {
    /// The answer as JSON.
    ///
    /// # Errors
    /// It isn't JSON, or reports a failure although the call succeeded.
    pub(super) fn read_json(&self, operation: &'static str) -> Result<Value, CallError> {
        let answer = self.read_list(operation)?;
        check_success(operation, &answer)?;
        Ok(answer)
    }

    /// The same for a list, whose entries are checked one by one: a failure of one says nothing about the others.
    ///
    /// # Errors
    /// It isn't JSON.
    pub(super) fn read_list(&self, operation: &'static str) -> Result<Value, CallError> {
        let body = self.0.lock().clone();
        serde_json::from_slice(&body)
            .map_err(|error| CallError::unexpected(operation, format!("the response isn't JSON: {error}")))
    }
}

/// Refuses an answer that is a success, but reports inside that a part of it is missing. What is missing would look
/// empty, and an apply would overwrite it.
pub(super) fn check_success(operation: &'static str, answer: &Value) -> Result<(), CallError> {
    let Some((member, text)) = find_embedded_error(answer) else { return Ok(()) };
    let denied = text.contains("AccessDenied");
    Err(CallError {
        // GetFunction omits the tags if the credentials may not list them.
        operation: if member == "TagsError" { "lambda:ListTags" } else { operation },
        kind: if denied { FailureKind::Denied } else { FailureKind::Invalid },
        ..CallError::unexpected(operation, format!("the response reports {member}: {text}"))
    })
}

/// What a read of a part of a resource says.
pub(super) enum PartRead {
    /// The part, or `None` where there is none.
    Read(Option<Value>),
    /// Why it is unreadable.
    Unread(String),
}

impl PartRead {
    /// A server that doesn't know the operation has nothing that it could return.
    pub(super) fn of_call(read: Result<Option<Value>, CallError>) -> Self {
        match read {
            Ok(value) => Self::Read(value),
            Err(error) if matches!(error.kind, FailureKind::NotFound | FailureKind::NotImplemented) => Self::Read(None),
            Err(error) => Self::Unread(error.to_string()),
        }
    }

    /// Puts the part into `answer`, or its failure into `unread`.
    pub(super) fn add_to(self, answer: &mut Value, member: &str, unread: &mut Vec<String>) {
        match self {
            Self::Read(Some(value)) => answer[member] = value,
            Self::Read(None) => {}
            Self::Unread(reason) => unread.push(reason),
        }
    }
}
