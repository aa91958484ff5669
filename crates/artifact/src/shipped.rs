//! The function that was installed together with the deployer, so that nobody needs a toolchain to deploy it.
//!
//! A release archive has one zip for each architecture. They are beside the binary, or where `install.sh` puts them.

use std::path::{Path, PathBuf};

use deployer_core::error::Result;
use deployer_core::manifest::Architecture;

use super::check::host_architecture;
use super::{Artifact, ArtifactOrigin, ArtifactPlatform};

/// Where the zips may be, from the directory of the binary: in an unpacked archive, and below a prefix such as
/// `~/.local`.
const DIRECTORIES: [&str; 2] = ["functions", "../share/deployer/functions"];

/// The name of an architecture's zip.
pub fn shipped_name(architecture: Architecture) -> String {
    format!("sync-lambda-{}.zip", architecture.as_str())
}

/// The function that was installed with `binary` for this platform. `None` if there is none.
///
/// # Errors
/// It is there, but can't be read or wouldn't run on the platform.
pub(super) fn read_shipped(binary: &Path, platform: ArtifactPlatform) -> Result<Option<Artifact>> {
    let Some(path) = shipped_path(binary, platform) else { return Ok(None) };
    let artifact = Artifact::from_path(&path, platform)?;
    Ok(Some(Artifact { source: ArtifactOrigin::Shipped { path }, ..artifact }))
}

fn shipped_path(binary: &Path, platform: ArtifactPlatform) -> Option<PathBuf> {
    let architecture = match platform {
        ArtifactPlatform::Lambda(architecture) => architecture,
        ArtifactPlatform::Local => host_architecture()?,
    };
    // A link, such as /usr/local/bin/deployer, leads to the directory that has the zips.
    let real = std::fs::canonicalize(binary).unwrap_or_else(|_| binary.to_owned());
    let directories = [real.parent()?, binary.parent()?];
    let name = shipped_name(architecture);
    let mut files = directories.iter().flat_map(|directory| DIRECTORIES.map(|below| directory.join(below).join(&name)));
    files.find(|file| file.is_file())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]
mod tests {
    use super::*;

    /// A zip whose bootstrap is a script, which runs on any architecture.
    fn write_zip(path: &Path) {
        let zip = crate::zip::build_deterministic_zip(&[(crate::BOOTSTRAP, b"#!/bin/sh\n")]).expect("it is small");
        std::fs::create_dir_all(path.parent().expect("it has a directory")).expect("the directory can be made");
        std::fs::write(path, zip).expect("the file can be written");
    }

    #[test]
    fn finds_the_zip_beside_the_binary_and_below_its_prefix() {
        for below in ["functions", "../share/deployer/functions"] {
            let directory = tempfile::tempdir().expect("a directory");
            let binary = directory.path().join("bin/deployer");
            std::fs::create_dir_all(directory.path().join("bin")).expect("the directory can be made");
            let platform = ArtifactPlatform::Lambda(Architecture::Arm64);
            assert!(read_shipped(&binary, platform).expect("nothing is wrong").is_none());
            write_zip(&directory.path().join("bin").join(below).join("sync-lambda-arm64.zip"));
            let artifact = read_shipped(&binary, platform).expect("it can be read").expect("it is there");
            assert!(matches!(artifact.source, ArtifactOrigin::Shipped { .. }));
            // The other architecture's isn't used in its place.
            let other = ArtifactPlatform::Lambda(Architecture::X86_64);
            assert!(read_shipped(&binary, other).expect("nothing is wrong").is_none());
        }
    }

    #[test]
    fn follows_a_link_to_the_binary() {
        let directory = tempfile::tempdir().expect("a directory");
        let unpacked = directory.path().join("deployer-1.0/deployer");
        write_zip(&directory.path().join("deployer-1.0/functions/sync-lambda-x86_64.zip"));
        std::fs::write(&unpacked, "").expect("the file can be written");
        let link = directory.path().join("deployer");
        std::os::unix::fs::symlink(&unpacked, &link).expect("links work");
        let found = read_shipped(&link, ArtifactPlatform::Lambda(Architecture::X86_64)).expect("it can be read");
        assert!(found.is_some());
    }

    #[test]
    fn a_broken_zip_is_an_error_and_not_absent() {
        let directory = tempfile::tempdir().expect("a directory");
        let zip = directory.path().join("functions/sync-lambda-x86_64.zip");
        std::fs::create_dir_all(directory.path().join("functions")).expect("the directory can be made");
        std::fs::write(&zip, "PK\u{3}\u{4} broken").expect("the file can be written");
        let binary = directory.path().join("deployer");
        assert!(read_shipped(&binary, ArtifactPlatform::Lambda(Architecture::X86_64)).is_err());
    }
}
