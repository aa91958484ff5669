//! How the cloud has a function run: it knows what is to run, an [`Invoker`] knows how.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::ApiError;

/// One invocation: the version that was addressed, and the event.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub request_id: String,
    pub region: String,
    pub account: String,
    pub function_name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// With the qualifier that the caller gave.
    pub invoked_function_arn: String,
    pub handler: String,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub environment: BTreeMap<String, String>,
    pub log_group: String,
    /// Base64 of the SHA-256 of the zip.
    pub code_sha256: String,
    pub code: Bytes,
    pub reserved_concurrency: Option<u32>,
    /// The event, JSON.
    pub payload: Bytes,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoked {
    /// The function's answer, or the error as Lambda puts it: `{"errorMessage", "errorType"}`.
    pub payload: Bytes,
    /// `Unhandled` where the function failed, timed out or crashed.
    pub function_error: Option<String>,
    /// What it wrote, with Lambda's own lines; Lambda returns the last 4 KB of it.
    pub log: String,
}

/// Runs functions.
pub trait Invoker: Send + Sync + fmt::Debug {
    /// Runs one invocation to its end.
    ///
    /// # Errors
    /// Lambda's own refusals, such as `TooManyRequestsException`; a failure of the function is no error.
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Result<Invoked, ApiError>>;
}
