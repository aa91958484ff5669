//! Resolves a secret reference from the manifest to its value, without blocking the async runtime.

use std::path::Path;

use sync_lambda::credentials::CredentialValue;

use deployer_core::manifest::{ResolveError, SecretRef};

/// Why a reference could not be resolved here.
#[derive(Debug, thiserror::Error)]
pub enum UnresolvedSecret {
    /// The manifest says `managed`: the value is only in AWS.
    #[error("it is `managed`, so its value is only in AWS")]
    Managed,
    /// The reference has no value.
    #[error(transparent)]
    Failed(#[from] ResolveError),
    /// The task that resolves it was interrupted.
    #[error("it could not be resolved: {0}")]
    Interrupted(String),
}

/// Resolves a reference to its credential. `directory` is the manifest's: file paths are relative to it.
///
/// # Errors
/// [`UnresolvedSecret`], which contains the reference and never the value.
pub async fn resolve_secret(reference: &SecretRef, directory: &Path) -> Result<CredentialValue, UnresolvedSecret> {
    let (reference, directory) = (reference.clone(), directory.to_owned());
    // A reference can run a password manager's program.
    let resolved = tokio::task::spawn_blocking(move || reference.resolve_value(&directory)).await;
    match resolved.map_err(|error| UnresolvedSecret::Interrupted(error.to_string()))? {
        Ok(Some(value)) => Ok(CredentialValue::new(value.expose_value())),
        Ok(None) => Err(UnresolvedSecret::Managed),
        Err(error) => Err(error.into()),
    }
}
