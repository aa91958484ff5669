//! What an archive says about its contents: `manifest.json`.

use std::path::Path;

use bounds::{MAX_INPUT_FILE, read_regular_file};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::DecommissionTarget;
use super::super::archivable::ArchivableKind;
use super::files::changed_error;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;

/// The version of the manifest's format. In version 1, the journal had no checksum.
pub const ARCHIVE_VERSION: u32 = 2;
/// The earliest version that is still understood.
pub(super) const EARLIEST_VERSION: u32 = 1;

/// The file.
pub(super) const MANIFEST: &str = "manifest.json";

/// The contents of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveManifest {
    /// [`ARCHIVE_VERSION`].
    pub version: u32,
    /// The account, twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// When the archive was created.
    pub made_at: Timestamp,
    /// When the audit was taken on which the archive is based.
    pub audit_taken_at: Timestamp,
    /// One entry for each resource.
    pub entries: Vec<ArchiveEntry>,
}

/// The archived files of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveEntry {
    /// The ARN.
    pub id: String,
    /// What it is.
    pub kind: &'static dyn ArchivableKind,
    /// Its name, as people know it.
    pub name: String,
    /// The directory of its files, relative to the archive.
    pub directory: String,
    /// When it was read.
    pub archived_at: Timestamp,
    /// Its files.
    pub files: Vec<ArchivedFile>,
    /// What the archive doesn't have and a deletion loses, in words.
    pub lost: Vec<String>,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedFile {
    /// Relative to the entry's directory.
    pub path: String,
    /// The checksum in hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

impl ArchiveEntry {
    /// The resource that the entry is about.
    pub fn archived_target(&self) -> DecommissionTarget {
        DecommissionTarget { kind: self.kind, id: self.id.clone(), name: self.name.clone() }
    }
}

/// Reads the manifest of the archive in `directory`.
///
/// # Errors
/// There is none, or another version wrote it.
pub(super) fn read_manifest(directory: &Path) -> Result<ArchiveManifest> {
    let text = read_regular_file(&directory.join(MANIFEST), MAX_INPUT_FILE).map_err(|error| {
        Error::usage(ErrorCode::Archive, format!("{} is not an archive", directory.display())).caused_by(&error)
    })?;
    let manifest: ArchiveManifest =
        serde_json::from_slice(&text).map_err(|_| changed_error(directory, "manifest.json"))?;
    if !(EARLIEST_VERSION..=ARCHIVE_VERSION).contains(&manifest.version) {
        let what =
            format!("{} was made by another version of deployer (format {})", directory.display(), manifest.version);
        return Err(Error::new(ExitCode::Usage, ErrorCode::Archive, what).hint("use that version"));
    }
    Ok(manifest)
}
