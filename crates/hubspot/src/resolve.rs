//! From a reference in the manifest to the credential, without holding up anything else.

use std::path::Path;

use sync_lambda::credentials::Secret;

use deployer_core::manifest::{ResolveError, SecretRef};

/// Why a reference gives no credential here.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// The manifest says `managed`: the value is in AWS only.
    #[error("it is `managed`, and so not to be had here")]
    Managed,
    /// It leads nowhere.
    #[error(transparent)]
    Failed(#[from] ResolveError),
    /// The program that gives it broke off.
    #[error("it can't be had: {0}")]
    Interrupted(String),
}

/// The credential that a reference gives. `directory` is the manifest's: files are relative to it.
///
/// # Errors
/// [`Unresolved`]. It holds the reference and never the value.
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
