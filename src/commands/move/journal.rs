//! Where a move began, for the time in which the manifest no longer says it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::commands::shared::session::{Session, state_directory};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::LoadedManifest;
use deployer_core::scope::Scope;

/// The file of a move.
pub(super) struct MoveJournal {
    path: PathBuf,
    record: Option<MoveRecord>,
}

/// What it contains. An older deployer wrote no accounts: it moved within one.
#[derive(Serialize, Deserialize)]
struct MoveRecord {
    deployment: String,
    from: String,
    to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_account: Option<String>,
}

impl MoveJournal {
    /// Reads the file of the manifest's deployment.
    ///
    /// # Errors
    /// There is one that can't be read.
    pub(super) fn of_manifest(loaded: &LoadedManifest) -> Result<Self> {
        let mut journal = Self { path: state_directory(&loaded.manifest.path).join("move.json"), record: None };
        let text = private_files::read_private_file(&journal.path).map_err(|error| journal.error("read", &error))?;
        let record: Option<MoveRecord> = text.and_then(|text| serde_json::from_slice(&text).ok());
        journal.record = record.filter(|record| record.deployment == loaded.manifest.deployment.name);
        Ok(journal)
    }

    /// Forgets what was read of another move.
    pub(super) fn keep_if_to(&mut self, to: &Scope) {
        let is = |record: &MoveRecord| {
            record.to == to.region && record.to_account.as_ref().is_none_or(|account| *account == to.account)
        };
        self.record = self.record.take().filter(is);
    }

    /// Whether a move got as far as editing the manifest.
    pub(super) fn exists(&self) -> bool {
        self.record.is_some()
    }

    /// The region that it began in.
    pub(super) fn origin_region(&self) -> Option<&str> {
        self.record.as_ref().map(|record| record.from.as_str())
    }

    /// The account that it began in.
    pub(super) fn origin_account(&self) -> Option<&str> {
        self.record.as_ref().and_then(|record| record.from_account.as_deref())
    }

    pub(super) fn write(&self, from: &Scope, to: &Session) -> Result<()> {
        let record = MoveRecord {
            deployment: to.manifest().deployment.name.clone(),
            from: from.region.clone(),
            to: to.scope.region.clone(),
            from_account: Some(from.account.clone()),
            to_account: Some(to.scope.account.clone()),
        };
        let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        let directory = self.path.parent().unwrap_or(Path::new("."));
        private_files::create_state_directory(directory)
            .and_then(|()| private_files::replace_private_file(&self.path, &text))
            .map_err(|error| self.error("write", &error))
    }

    pub(super) fn remove(&self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.error("remove", &error)),
            _ => Ok(()),
        }
    }

    fn error(&self, verb: &str, error: &std::io::Error) -> Error {
        Error::failed(ErrorCode::FileUnwritable, format!("could not {verb} {}", self.path.display())).caused_by(error)
    }
}
