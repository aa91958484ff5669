//! AWS Lambda.

use serde::{Deserialize, Serialize};

use super::{ApiError, Context, Handled, Request};

/// Functions of one region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {}

/// The operation that a request's method and path name.
pub(super) fn operation(_request: &Request) -> Option<&'static str> {
    None
}

/// Handles one request.
pub(super) fn handle(_cx: &mut Context<'_>, operation: &str, _request: &Request) -> Result<Handled, ApiError> {
    Err(super::dispatch::not_implemented("lambda", operation))
}
