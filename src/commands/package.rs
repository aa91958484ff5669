//! `deployer package`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::shared::artifacts::prepare_artifact;
use super::shared::trial::try_artifact;
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use crate::terminal::write_output_file;
use deployer_artifact::{ArtifactPlatform, shipped_name};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Architecture;

/// Write the function's zip to a file, for `--artifact` on another machine; needs no manifest and no AWS
#[derive(Debug, Args)]
pub struct PackageArgs {
    /// Processor of the function
    #[arg(long, value_enum, value_name = "ARCH", default_value_t = PackageArchitecture::X86_64)]
    pub architecture: PackageArchitecture,
    /// Where to write it (default: sync-lambda-ARCH.zip in the current directory)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Check and package this zip or bootstrap instead
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
}

/// Lambda's processor architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PackageArchitecture {
    /// 64-bit x86
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit Arm (Graviton)
    Arm64,
}

impl PackageArchitecture {
    fn as_architecture(self) -> Architecture {
        match self {
            Self::X86_64 => Architecture::X86_64,
            Self::Arm64 => Architecture::Arm64,
        }
    }
}

pub(super) async fn run_package(global: &GlobalArgs, args: &PackageArgs) -> Result<ExitCode> {
    let architecture = args.architecture.as_architecture();
    let platform = ArtifactPlatform::Lambda(architecture);
    let artifact = prepare_artifact(platform, &global.manifest, args.artifact.as_deref(), global.json).await?;
    try_artifact(&artifact).await?;
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(shipped_name(architecture)));
    write_output_file(&path, &artifact.bootstrap_zip).map_err(|error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not write {}", path.display())).caused_by(&error)
    })?;
    if global.json {
        let line = json!({
            "file": path,
            "architecture": architecture.as_str(),
            "size": artifact.size,
            "code_sha256": artifact.code_sha256,
        });
        JsonLines::default().print_line("packaged", line);
        return Ok(ExitCode::Done);
    }
    outln!(
        "Wrote {} for {}: {} kB, CodeSha256 {}.",
        path.display(),
        architecture.as_str(),
        artifact.size / 1000,
        artifact.code_sha256
    );
    outln!("It is {}. To deploy it:\n  deployer apply --artifact {}", artifact.source, path.display());
    Ok(ExitCode::Done)
}
