//! The one shared artifact: `sync-lambda`, built once and zipped so that the same source gives the same bytes.
//!
//! [`Builder`] builds it, or finds the zip of an earlier build of the same sources; [`Artifact::from_path`] takes one's
//! own. Either way it is checked before it is used: what Lambda would refuse, or what would not start there, is found
//! here.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use deployer_core::error::{Error, Result};
use deployer_core::manifest::Architecture;

mod build;
mod cache;
mod check;
pub mod elf;
mod tools;
mod workspace;
pub mod zip;

pub use build::{Builder, Event};
pub use check::{MAX_UNZIPPED_BYTES, MAX_ZIPPED_BYTES, PROVIDED_AL2023_GLIBC};

/// The name of the executable that Lambda's custom runtimes start.
pub const BOOTSTRAP: &str = "bootstrap";

/// Where an artifact is to run: what is built for it, and what it is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Lambda's `provided.al2023`, on this architecture.
    Lambda(Architecture),
    /// This machine, for the embedded cloud.
    Local,
}

/// Where an artifact came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built now, with this command.
    Built {
        /// The command, as a person would type it.
        command: String,
    },
    /// Built earlier from the same sources.
    Cached {
        /// The kept zip.
        path: PathBuf,
    },
    /// Given with `--artifact`.
    Given {
        /// What was given.
        path: PathBuf,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Built { command } => write!(f, "built with `{command}`"),
            Self::Cached { .. } => f.write_str("built earlier from the same sources"),
            Self::Given { path } => write!(f, "{}", path.display()),
        }
    }
}

/// A zip that Lambda can run, checked.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The zip with `bootstrap` at its top.
    pub bootstrap_zip: Bytes,
    /// Base64 of the SHA-256 of the zip: what Lambda gives as `CodeSha256`.
    pub code_sha256: String,
    /// What the bootstrap was built for; nothing for a script, which runs on each.
    pub architecture: Option<Architecture>,
    /// Size of the zip in bytes.
    pub size: u64,
    /// Where it came from.
    pub source: Origin,
}

impl Artifact {
    /// Takes `path` as it is: a zip with a `bootstrap` at its top, byte for byte, or a bootstrap alone, which is zipped.
    ///
    /// Fails when it can't be read, or when it wouldn't run on `platform`.
    pub fn from_path(path: &Path, platform: Platform) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| {
            Error::failed(format!("the artifact {} can't be read", path.display()))
                .caused_by(&error)
                .hint("--artifact takes a zip with a `bootstrap` in it, or a bootstrap alone")
        })?;
        let zipped = if zip::is_zip(&bytes) { bytes } else { zip::deterministic(&[(BOOTSTRAP, &bytes)])? };
        Self::checked(zipped.into(), platform, Origin::Given { path: path.to_owned() })
    }

    fn checked(bootstrap_zip: Bytes, platform: Platform, source: Origin) -> Result<Self> {
        let architecture =
            check::check(&bootstrap_zip, platform).map_err(|flaw| flaw.hint(format!("the artifact is {source}")))?;
        let code_sha256 = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&bootstrap_zip));
        let size = bootstrap_zip.len() as u64;
        Ok(Self { bootstrap_zip, code_sha256, architecture, size, source })
    }

    /// Writes the zip's files below `directory`, as Lambda does, and gives the path of `bootstrap`.
    pub fn unpack(&self, directory: &Path) -> Result<PathBuf> {
        zip::unpack(&self.bootstrap_zip, directory)?;
        Ok(directory.join(BOOTSTRAP))
    }
}
