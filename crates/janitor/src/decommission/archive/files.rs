//! An archive's files: written completely or not at all, compared by their checksums, and the errors about them.

use std::fs::File;
use std::io;
use std::path::Path;

use bounds::{MAX_INPUT_FILE, read_regular_file};
use sha2::{Digest, Sha256};

use super::super::parts::hex_string;
use deployer_core::error::{Error, ErrorCode, Result};

/// Writes a file to the disk, completely or not at all, readable only by its owner.
pub(super) fn persist_file(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = directory.join(path);
    let parent = path.parent().unwrap_or(directory);
    private_files::create_private_directory(parent)?;
    private_files::replace_private_file(&path, bytes)
}

/// Syncs the directories below the archive to the disk, so that a power failure can't lose the new files' names.
pub(super) fn sync_names(archive: &Path, below: &Path) -> io::Result<()> {
    #[cfg(unix)]
    for level in below.ancestors() {
        File::open(archive.join(level))?.sync_all()?;
    }
    Ok(())
}

/// Whether a file can't be written where it is: its medium or its directory is read-only.
pub(super) fn is_unwritable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// Whether `sum` is the checksum of a journal, with or without its last line.
pub(super) fn has_checksum(journal: &[u8], sum: &str) -> bool {
    let text = &journal[..journal.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)];
    let before = text.split_last().map_or(&[][..], |(_, rest)| rest);
    let before = &before[..before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)];
    sha256_hex(text) == sum || sha256_hex(before) == sum
}

pub(super) fn sum_of_file(directory: &Path, name: &str) -> Result<String> {
    let bytes = read_regular_file(&directory.join(name), MAX_INPUT_FILE);
    bytes.map(|bytes| sha256_hex(&bytes)).map_err(|error| unusable_error(directory, &error))
}

pub(super) fn read_if_there(directory: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    match read_regular_file(&directory.join(name), MAX_INPUT_FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable_error(directory, &error)),
    }
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex_string(&Sha256::digest(bytes))
}

pub(super) fn unusable_error(directory: &Path, error: &io::Error) -> Error {
    Error::failed(ErrorCode::Archive, format!("could not use the archive {}", directory.display())).caused_by(error)
}

pub(super) fn changed_error(directory: &Path, what: &str) -> Error {
    Error::refused(
        ErrorCode::ArchiveChanged,
        format!("{what} in {} differs from what was archived; nothing was changed", directory.display()),
    )
    .hint("restore the archive from a backup: its files must be exactly as they were written")
}
