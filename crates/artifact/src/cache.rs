//! A cache of built zips, keyed by a digest of everything that goes into a build.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use deployer_core::error::{Error, ErrorCode, Result};

/// Change this whenever a build would produce different bytes from the same sources.
const FORMAT: &str = "deployer artifact 1";
/// How many older zips are kept besides the newest.
const KEPT: usize = 8;

/// A hex digest of the sources below `root` and of the build `settings`.
pub(super) fn digest_sources(root: &Path, settings: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(FORMAT.as_bytes());
    settings.iter().for_each(|setting| part(setting.as_bytes()));
    let mut files = Vec::new();
    collect_files(&root.join("sync-lambda"), &mut files)?;
    // What the function is built from besides its own crate.
    for name in ["sync-config", "pacing", "secrets", "bounds"] {
        let shared = root.join("crates").join(name);
        if shared.is_dir() {
            collect_files(&shared, &mut files)?;
        }
    }
    for name in
        ["Cargo.toml", "Cargo.lock", "rust-toolchain", "rust-toolchain.toml", ".cargo/config.toml", ".cargo/config"]
    {
        files.push(root.join(name));
    }
    files.sort();
    for file in files.iter().filter(|file| file.is_file()) {
        let name = file.strip_prefix(root).unwrap_or(file);
        part(name.to_string_lossy().as_bytes());
        part(&bounds::read_regular_file(file, bounds::MAX_INPUT_FILE).map_err(|error| unreadable_error(file, &error))?);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable_error(directory, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| unreadable_error(directory, &error))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() {
            if !hidden && path.file_name() != Some("target".as_ref()) {
                collect_files(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn unreadable_error(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(ErrorCode::FileUnreadable, format!("could not read {}", path.display())).caused_by(error)
}

/// Where the zip with this digest is stored.
pub(super) fn zip_path(target: &Path, digest: &str) -> PathBuf {
    cache_directory(target).join(format!("{digest}.zip"))
}

fn cache_directory(target: &Path) -> PathBuf {
    target.join("deployer")
}

/// Stores a zip atomically and deletes the oldest ones.
pub(super) fn store_zip(target: &Path, digest: &str, zip: &[u8]) -> Result<()> {
    let directory = cache_directory(target);
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&directory)?;
        let mut file = tempfile::NamedTempFile::new_in(&directory)?;
        std::io::Write::write_all(&mut file, zip)?;
        file.persist(zip_path(target, digest))?;
        Ok(())
    };
    write().map_err(|error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not store the built zip in {}", directory.display()))
            .caused_by(&error)
    })?;
    let mut zips: Vec<_> = std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.path().extension() == Some("zip".as_ref()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    zips.sort();
    for (_, old) in zips.iter().rev().skip(KEPT + 1) {
        // A leftover zip only takes up disk space.
        let _ = std::fs::remove_file(old);
    }
    Ok(())
}
