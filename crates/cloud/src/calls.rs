//! The list of requests, and the faults that a test puts at them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::ApiError;

/// Requests that are remembered.
const REMEMBERED: usize = 10_000;

/// Whether an operation may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    Read,
    Write,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Counts from one.
    pub number: u64,
    /// The service's signing name: `iam`, `lambda`, `events`, ….
    pub service: &'static str,
    /// The operation's name in the service's API reference.
    pub operation: String,
    pub kind: CallKind,
    /// The name or the ARN of what is called upon, as the request has it; a function's with its qualifier after a
    /// colon. Empty for a list and for `CreateFunction`.
    pub resource: String,
}

impl fmt::Display for Call {
    /// As IAM writes an action: `lambda:CreateFunction`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

/// What is put in the place of the operation, or of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This error is answered.
    Error(ApiError),
    /// The connection breaks: no answer comes.
    Disconnect,
}

/// A fault, and when it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injected {
    /// The operation doesn't take effect.
    Before(Fault),
    /// The operation took effect, and its answer is lost.
    After(Fault),
}

/// Decides at every request, before it takes effect. The SDK's own retries are requests of their own.
pub type FaultHook = Arc<dyn Fn(&Call) -> Option<Injected> + Send + Sync>;

#[derive(Default)]
pub(super) struct Calls {
    list: Mutex<List>,
    hook: Mutex<Option<FaultHook>>,
}

#[derive(Default)]
struct List {
    count: u64,
    newest: VecDeque<Call>,
}

impl Calls {
    pub(super) fn set_hook(&self, hook: Option<FaultHook>) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = hook;
    }

    /// Remembers a request, and gives the fault that is to be put there.
    pub(super) fn record(&self, service: &'static str, operation: &str, resource: String) -> Option<Injected> {
        let call = {
            let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            list.count += 1;
            let (number, operation, kind) = (list.count, operation.to_owned(), kind(operation));
            let call = Call { number, service, operation, kind, resource };
            if list.newest.len() == REMEMBERED {
                list.newest.pop_front();
            }
            list.newest.push_back(call.clone());
            call
        };
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        hook.and_then(|hook| hook(&call))
    }

    pub(super) fn all(&self) -> Vec<Call> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).newest.iter().cloned().collect()
    }

    pub(super) fn forget(&self) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = List::default();
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

fn kind(operation: &str) -> CallKind {
    let reads = ["Get", "List", "Describe", "Filter", "Export", "Simulate"];
    if reads.iter().any(|read| operation.starts_with(read)) { CallKind::Read } else { CallKind::Write }
}
