//! Zips that are identical, byte for byte, whenever and wherever they are created.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use ::zip::write::SimpleFileOptions;
use ::zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use deployer_core::error::{Error, ErrorCode, Result};

/// Deflate level. It is fixed because a different level produces different bytes.
const COMPRESSION_LEVEL: i64 = 6;
/// Everyone may read and execute each entry, since Lambda runs the function as its own user.
const PERMISSIONS: u32 = 0o755;

/// A zip of these names and contents, sorted by name, all from 1980-01-01 and executable.
pub fn build_deterministic_zip(entries: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    write_entries(entries, CompressionMethod::Deflated)
        .map_err(|error| Error::failed(ErrorCode::Artifact, "could not create the zip").caused_by(&error))
}

fn write_entries(entries: &[(&str, &[u8])], method: CompressionMethod) -> ::zip::result::ZipResult<Vec<u8>> {
    let mut entries = entries.to_vec();
    entries.sort_unstable_by_key(|(name, _)| *name);
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .compression_level(Some(COMPRESSION_LEVEL))
        .last_modified_time(DateTime::default())
        .unix_permissions(PERMISSIONS);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(name, options)?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Whether the bytes start with a zip's magic number.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// One entry of a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipEntry {
    /// Path in the zip.
    pub name: String,
    /// Size without compression, in bytes.
    pub size: u64,
    /// Permission bits, if the zip has them.
    pub mode: Option<u32>,
    /// Whether it is a directory.
    pub directory: bool,
    /// Whether it is a symbolic link.
    pub link: bool,
}

/// The entries of a zip.
pub fn list_entries(bytes: &[u8]) -> Result<Vec<ZipEntry>> {
    let mut archive = open_archive(bytes)?;
    (0..archive.len())
        .map(|index| {
            let file = archive.by_index_raw(index).map_err(|error| unreadable_zip(&error))?;
            let mode = file.unix_mode();
            let name = file.name().map_err(|error| unreadable_zip(&error))?.into_owned();
            Ok(ZipEntry { name, size: file.size(), mode, directory: file.is_dir(), link: file.is_symlink() })
        })
        .collect()
}

/// The content of one entry. Fails if it has more than `limit` bytes.
pub fn read_entry(bytes: &[u8], name: &str, limit: u64) -> Result<Vec<u8>> {
    let mut archive = open_archive(bytes)?;
    let file = archive.by_name(name).map_err(|error| unreadable_zip(&error))?;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(|error| unreadable_zip(&error))?;
    if content.len() as u64 > limit {
        return Err(Error::failed(ErrorCode::Artifact, format!("`{name}` in the zip has more than {limit} bytes")));
    }
    Ok(content)
}

/// Checks that every reader of the zip sees the same: each name once, and the same facts in both places where a zip has
/// them.
pub fn check_consistency(bytes: &[u8]) -> Result<()> {
    open_archive(bytes)?.validate_header_consistency().map_err(|error| {
        Error::failed(
            ErrorCode::Artifact,
            "the artifact's zip contradicts itself, so another program could unpack something else",
        )
        .caused_by(&error)
        .hint("zip the files again")
    })
}

/// The size of the content when it is really unpacked, in bytes: what the zip says about it may be wrong. Stops behind
/// `limit`.
pub fn measure_content(bytes: &[u8], limit: u64) -> Result<u64> {
    let mut archive = open_archive(bytes)?;
    let mut total = 0;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| unreadable_zip(&error))?;
        let rest = (limit + 1).saturating_sub(total);
        total += std::io::copy(&mut file.take(rest), &mut std::io::sink()).map_err(|error| unreadable_zip(&error))?;
        if total > limit {
            break;
        }
    }
    Ok(total)
}

/// Unpacks the files into `directory` with their permissions, and never outside it.
pub fn unpack_zip(bytes: &[u8], directory: &Path) -> Result<()> {
    open_archive(bytes)?.extract(directory).map_err(|error| {
        Error::failed(ErrorCode::Artifact, format!("could not unpack the artifact to {}", directory.display()))
            .caused_by(&error)
    })
}

fn open_archive(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable_zip(&error))
}

fn unreadable_zip(error: &dyn std::error::Error) -> Error {
    Error::failed(ErrorCode::Artifact, "the artifact is not a readable zip").caused_by(error)
}
