//! The faults that a test, or a person at `deployer dev`, puts at a vendor's requests.

use std::sync::Arc;

use serde_json::Value;

/// A request, as a fault hook sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestInfo {
    /// `hubspot` or `tripleseat`.
    pub vendor: &'static str,
    pub method: String,
    pub path: String,
    /// As sent, without the question mark.
    pub query: String,
    /// JSON as it was sent; a form as an object of strings; otherwise `null`.
    pub body: Value,
    /// Counts the vendor's requests from one.
    pub number: u64,
}

/// What happens in the place of a request, or of its answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The request isn't taken; this is answered.
    Status { status: u16, body: Value, headers: Vec<(String, String)> },
    /// The request isn't taken; the connection is closed without an answer.
    DropBefore,
    /// The request is taken; the connection is closed without an answer.
    DropAfter,
    /// The request is taken; a bare error is answered, as a proxy before the vendor does.
    StatusAfter { status: u16 },
    /// The request is taken; something that makes no sense is answered.
    Garbage { status: u16, body: String },
}

/// Decides at every request, before it is taken. It may change the sandbox: no lock is held meanwhile.
pub type FaultHook = Arc<dyn Fn(&RequestInfo) -> Option<Fault> + Send + Sync>;
