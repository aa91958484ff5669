//! Resolves a secret reference from the manifest to its value, without blocking the async runtime.

use std::path::Path;

use sync_lambda::credentials::Secret;

use deployer_core::manifest::{ResolveError, SecretRef};

/// Why a reference could not be resolved here.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
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
/// [`Unresolved`], which contains the reference and never the value.
pub async fn resolve(reference: &SecretRef, directory: &Path) -> Result<Secret, Unresolved> {
    let (reference, directory) = (reference.clone(), directory.to_owned());
    // A reference can run a password manager's program.
    let resolved = tokio::task::spawn_blocking(move || reference.resolve(&directory)).await;
    match resolved.map_err(|error| Unresolved::Interrupted(error.to_string()))? {
        Ok(Some(value)) => Ok(Secret::new(value.expose())),
        Ok(None) => Err(Unresolved::Managed),
        Err(error) => Err(error.into()),
    }
}
