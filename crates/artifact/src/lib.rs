//! The shared artifact: `sync-lambda`, built once and zipped so that the same source always produces the same bytes.
//!
//! [`ArtifactBuilder`] builds it, or finds the cached zip of the same sources. Where there is no source, it uses the zip
//! that was installed with the deployer. [`Artifact::from_path`] uses a file that the user provides. Each is checked before
//! use, so that an artifact that Lambda would reject or fail to start is found here.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::Architecture;

mod build;
mod cache;
mod check;
pub mod elf;
mod shipped;
mod tools;
mod workspace;
pub mod zip;

pub use build::{ArtifactBuilder, BuildEvent};
pub use check::{MAX_UNZIPPED_BYTES, MAX_ZIPPED_BYTES, PROVIDED_AL2023_GLIBC, host_architecture};
pub use shipped::shipped_name;

/// The name of the executable that Lambda's custom runtimes start.
pub const BOOTSTRAP: &str = "bootstrap";

/// Where an artifact will run. It is built for this platform and checked against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactPlatform {
    /// Lambda's `provided.al2023`, on this architecture.
    Lambda(Architecture),
    /// This machine, for the embedded cloud.
    Local,
}

/// Where an artifact came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactOrigin {
    /// Built now, with this command.
    Built {
        /// The command, as typed in a shell.
        command: String,
    },
    /// Built earlier from the same sources.
    Cached {
        /// The cached zip.
        path: PathBuf,
    },
    /// Installed together with the deployer.
    Shipped {
        /// The zip.
        path: PathBuf,
    },
    /// Passed with `--artifact`.
    Given {
        /// The path that was passed.
        path: PathBuf,
    },
}

impl fmt::Display for ArtifactOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Built { command } => write!(f, "built with `{command}`"),
            Self::Cached { .. } => f.write_str("built earlier from the same sources"),
            Self::Shipped { path } => write!(f, "{}, which came with the deployer", path.display()),
            Self::Given { path } => write!(f, "{}", path.display()),
        }
    }
}

/// A zip that was checked and that Lambda can run.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The zip, with `bootstrap` at its top level.
    pub bootstrap_zip: Bytes,
    /// Base64 of the zip's SHA-256, which Lambda returns as `CodeSha256`.
    pub code_sha256: String,
    /// What the bootstrap was built for; `None` for a script, which runs on any architecture.
    pub architecture: Option<Architecture>,
    /// Size of the zip in bytes.
    pub size: u64,
    /// Where it came from.
    pub source: ArtifactOrigin,
}

impl Artifact {
    /// Reads an artifact from `path`: a zip with a `bootstrap` at its top level, which is used byte for byte, or an
    /// unzipped bootstrap, which is zipped.
    ///
    /// Fails if the file can't be read or wouldn't run on `platform`.
    pub fn from_path(path: &Path, platform: ArtifactPlatform) -> Result<Self> {
        let bytes = bounds::read_regular_file(path, bounds::MAX_INPUT_FILE).map_err(|error| {
            Error::failed(ErrorCode::Artifact, format!("could not read the artifact {}", path.display()))
                .caused_by(&error)
                .hint("--artifact takes a zip that contains `bootstrap`, or an unzipped bootstrap")
        })?;
        let zipped = if zip::is_zip(&bytes) { bytes } else { zip::build_deterministic_zip(&[(BOOTSTRAP, &bytes)])? };
        Self::from_checked_zip(zipped.into(), platform, ArtifactOrigin::Given { path: path.to_owned() })
    }

    fn from_checked_zip(bootstrap_zip: Bytes, platform: ArtifactPlatform, source: ArtifactOrigin) -> Result<Self> {
        let architecture = check::check_zip(&bootstrap_zip, platform)
            .map_err(|flaw| flaw.hint(format!("the artifact is {source}")))?;
        let code_sha256 = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&bootstrap_zip));
        let size = bootstrap_zip.len() as u64;
        Ok(Self { bootstrap_zip, code_sha256, architecture, size, source })
    }

    /// Unpacks the zip into `directory`, as Lambda does, and returns the path of `bootstrap`.
    pub fn unpack_into(&self, directory: &Path) -> Result<PathBuf> {
        zip::unpack_zip(&self.bootstrap_zip, directory)?;
        Ok(directory.join(BOOTSTRAP))
    }
}
