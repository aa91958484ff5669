//! The log of requests, and the faults that a test injects into them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{ApiError, AuthorizedCall};

/// How many requests the log keeps.
const REMEMBERED: usize = 10_000;

/// Whether an operation can change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    Read,
    Write,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudCall {
    /// Counts from one.
    pub number: u64,
    /// The service's signing name: `iam`, `lambda`, `events`, ….
    pub service: &'static str,
    /// The operation's name in the service's API reference.
    pub operation: String,
    pub kind: CallKind,
    /// The name or ARN of the resource, as the request has it. A function has its qualifier after a colon. Empty for
    /// list operations and for `CreateFunction`.
    pub resource: String,
}

impl fmt::Display for CloudCall {
    /// In the form of an IAM action: `lambda:CreateFunction`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

/// What happens instead of the operation or of its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudFault {
    /// The response is this error.
    Error(ApiError),
    /// The response is a success with this body.
    Answer(String),
    /// The connection breaks without a response.
    Disconnect,
}

/// A fault and when it strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InjectedFault {
    /// The operation doesn't take effect.
    Before(CloudFault),
    /// The operation takes effect, but its response is lost.
    After(CloudFault),
}

/// Decides on a fault for each request before it takes effect. Each of the SDK's own retries is a request too.
pub type CloudFaultHook = Arc<dyn Fn(&CloudCall) -> Option<InjectedFault> + Send + Sync>;

#[derive(Default)]
pub(super) struct CallLog {
    list: Mutex<CallHistory>,
    hook: Mutex<Option<CloudFaultHook>>,
    /// Unless nobody wants to know.
    authorized: Mutex<Option<Vec<AuthorizedCall>>>,
}

#[derive(Default)]
struct CallHistory {
    count: u64,
    newest: VecDeque<CloudCall>,
}

impl CallLog {
    pub(super) fn set_hook(&self, hook: Option<CloudFaultHook>) {
        *self.hook.lock() = hook;
    }

    /// Whether to work out what requests need.
    pub(super) fn wants_authorizations(&self) -> bool {
        self.authorized.lock().is_some()
    }

    pub(super) fn keep_authorizations(&self) {
        self.authorized.lock().get_or_insert_default();
    }

    pub(super) fn record_authorization(&self, authorized: AuthorizedCall) {
        if let Some(all) = &mut *self.authorized.lock() {
            all.push(authorized);
        }
    }

    pub(super) fn take_authorizations(&self) -> Vec<AuthorizedCall> {
        self.authorized.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Logs a request and returns the fault to inject, if any.
    pub(super) fn record_call(
        &self,
        service: &'static str,
        operation: &str,
        resource: String,
    ) -> Option<InjectedFault> {
        let call = {
            let mut list = self.list.lock();
            list.count += 1;
            let (number, operation, kind) = (list.count, operation.to_owned(), call_kind(operation));
            let call = CloudCall { number, service, operation, kind, resource };
            if list.newest.len() == REMEMBERED {
                list.newest.pop_front();
            }
            list.newest.push_back(call.clone());
            call
        };
        let hook = self.hook.lock().clone();
        hook.and_then(|hook| hook(&call))
    }

    pub(super) fn all_calls(&self) -> Vec<CloudCall> {
        self.list.lock().newest.iter().cloned().collect()
    }

    pub(super) fn forget_calls(&self) {
        *self.list.lock() = CallHistory::default();
    }
}

impl fmt::Debug for CallLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

fn call_kind(operation: &str) -> CallKind {
    let reads = ["Get", "List", "Describe", "Filter", "Export", "Simulate", "Lookup", "GET "];
    if reads.iter().any(|read| operation.starts_with(read)) { CallKind::Read } else { CallKind::Write }
}
