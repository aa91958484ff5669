//! The function that came with the deployer, so that nobody needs a toolchain to deploy it.
//!
//! `.ci/dist` appends one zip for each architecture to the released binary, so that one file is a whole installation: copied,
//! linked, or installed with `cargo binstall`. An executable isn't affected by what follows it. The file ends with
//!
//! ```text
//! zips, one after the other
//! one line for each: ARCHITECTURE OFFSET LENGTH SHA256
//! the length of these lines (8 bytes, little endian)
//! DEPLOYER
//! ```

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use deployer_core::error::{Error, ErrorCode, Result};
use sha2::{Digest, Sha256};

use super::check::host_architecture;
use super::{Artifact, ArtifactOrigin, ArtifactPlatform};

/// The last bytes of a binary that functions were appended to.
const MARK: &[u8; 8] = b"DEPLOYER";
/// The longest table, in bytes. Two lines take 200.
const LONGEST_TABLE: u64 = 4096;

/// The function in `binary` for this platform. `None` if there is none.
///
/// # Errors
/// The binary can't be read, its end is damaged, or the function wouldn't run on the platform.
pub(super) fn read_shipped(binary: &Path, platform: ArtifactPlatform) -> Result<Option<Artifact>> {
    let architecture = match platform {
        ArtifactPlatform::Lambda(architecture) => architecture,
        ArtifactPlatform::Local => match host_architecture() {
            Some(architecture) => architecture,
            None => return Ok(None),
        },
    };
    let damaged = |what: &str| {
        Error::failed(ErrorCode::Artifact, format!("the functions in {} can't be read: {what}", binary.display()))
            .hint("install the deployer again, or pass --artifact PATH")
    };
    let read = |error: &std::io::Error| damaged(&error.to_string());
    let mut file = File::open(binary).map_err(|error| read(&error))?;
    let size = file.metadata().map_err(|error| read(&error))?.len();
    let Some(table_end) = size.checked_sub(16) else { return Ok(None) };
    let mut end = [0; 16];
    file.seek(SeekFrom::Start(table_end)).and_then(|_| file.read_exact(&mut end)).map_err(|error| read(&error))?;
    let (length, mark) = end.split_at(8);
    if mark != MARK {
        return Ok(None);
    }
    let length = u64::from_le_bytes(length.try_into().map_err(|_| damaged("the table has no length"))?);
    let table_start = table_end.checked_sub(length).filter(|_| length <= LONGEST_TABLE);
    let table_start = table_start.ok_or_else(|| damaged("the table is longer than it can be"))?;
    let table = read_range(&mut file, table_start, length).map_err(|error| read(&error))?;
    let table = String::from_utf8(table).map_err(|_| damaged("the table isn't text"))?;
    let lines = table.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    for line in lines {
        let [name, offset, length, sum] = line[..] else { return Err(damaged("a line of the table isn't complete")) };
        if name != architecture.as_str() {
            continue;
        }
        let (Ok(offset), Ok(length)) = (offset.parse::<u64>(), length.parse::<u64>()) else {
            return Err(damaged("a line of the table has no numbers"));
        };
        if offset.checked_add(length).is_none_or(|end| end > table_start) || length > bounds::MAX_INPUT_FILE {
            return Err(damaged("a function isn't inside of the file"));
        }
        let zip = read_range(&mut file, offset, length).map_err(|error| read(&error))?;
        let found: String = Sha256::digest(&zip).iter().map(|byte| format!("{byte:02x}")).collect();
        if found != sum {
            return Err(damaged("a function doesn't have its checksum"));
        }
        let origin = ArtifactOrigin::Shipped { path: binary.to_owned() };
        return Artifact::from_checked_zip(zip.into(), platform, origin).map(Some);
    }
    Ok(None)
}

fn read_range(file: &mut File, start: u64, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use deployer_core::manifest::Architecture;

    use super::*;

    const ARM: ArtifactPlatform = ArtifactPlatform::Lambda(Architecture::Arm64);
    const X86: ArtifactPlatform = ArtifactPlatform::Lambda(Architecture::X86_64);

    /// A binary to which `.ci/append-functions` appended a zip for Arm, whose bootstrap is a script.
    fn append_function(directory: &Path) -> PathBuf {
        let zip = crate::zip::build_deterministic_zip(&[(crate::BOOTSTRAP, b"#!/bin/sh\n")]).expect("it is small");
        std::fs::write(directory.join("function.zip"), zip).expect("the file can be written");
        let binary = directory.join("deployer");
        std::fs::write(&binary, "an executable").expect("the file can be written");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/append-functions");
        let mut append = Command::new(script);
        append.arg(&binary).arg(format!("arm64={}", directory.join("function.zip").display()));
        assert!(append.status().expect("python3 is there").success());
        binary
    }

    #[test]
    fn finds_the_function_of_the_architecture() {
        let directory = tempfile::tempdir().expect("a directory");
        let binary = append_function(directory.path());
        let artifact = read_shipped(&binary, ARM).expect("it can be read").expect("it is there");
        assert!(matches!(artifact.source, ArtifactOrigin::Shipped { .. }));
        assert_eq!(artifact.bootstrap_zip, std::fs::read(directory.path().join("function.zip")).expect("a zip"));
        // The other architecture's isn't used instead.
        assert!(read_shipped(&binary, X86).expect("nothing is wrong").is_none());
    }

    #[test]
    fn a_binary_without_functions_has_none() {
        let directory = tempfile::tempdir().expect("a directory");
        for content in ["", "short", "an executable that nothing was appended to"] {
            let binary = directory.path().join("deployer");
            std::fs::write(&binary, content).expect("the file can be written");
            assert!(read_shipped(&binary, ARM).expect("nothing is wrong").is_none(), "{content}");
        }
    }

    /// Whatever byte is damaged, the function is the one that was appended, or it is an error, or there is none.
    #[test]
    fn a_damaged_function_is_never_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let binary = append_function(directory.path());
        let whole = std::fs::read(&binary).expect("it can be read");
        let wanted = read_shipped(&binary, ARM).expect("it can be read").expect("it is there").bootstrap_zip;
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&binary, damaged).expect("the file can be written");
            if let Ok(Some(artifact)) = read_shipped(&binary, ARM) {
                assert_eq!(artifact.bootstrap_zip, wanted, "byte {at}");
            }
        }
        std::fs::write(&binary, &whole[..whole.len() - 1]).expect("the file can be written");
        assert!(read_shipped(&binary, ARM).expect("it ends as any other file").is_none());
    }
}
