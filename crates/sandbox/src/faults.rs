//! Faults that tests inject into a vendor's requests.

use std::sync::Arc;
use std::time::Duration;

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
    /// JSON as sent; a form as an object of strings; otherwise `null`.
    pub body: Value,
    /// The number of this request, counted for each vendor from one.
    pub number: u64,
}

/// What happens instead of a request, or instead of its response.
#[derive(Debug, Clone, PartialEq)]
pub enum SandboxFault {
    /// The request isn't processed; this is the response.
    Status { status: u16, body: Value, headers: Vec<(String, String)> },
    /// The request isn't processed; the connection is closed without a response.
    DropBefore,
    /// The request is processed; the connection is closed without a response.
    DropAfter,
    /// The request is processed; the response is a bare error, as from a proxy in front of the vendor.
    StatusAfter { status: u16 },
    /// The request is processed after this time.
    Delayed { by: Duration },
    /// The request is processed; the response makes no sense.
    Garbage { status: u16, body: String },
}

/// Called for every request before it is processed. It may change the sandbox: no lock is held during the call.
pub type SandboxFaultHook = Arc<dyn Fn(&RequestInfo) -> Option<SandboxFault> + Send + Sync>;
