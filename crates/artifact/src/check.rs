//! Checks that Lambda would accept an artifact and could start it.

use std::collections::BTreeSet;

use super::elf::{self, GlibcVersion};
use super::zip::ZipEntry;
use super::{ArtifactPlatform, BOOTSTRAP, zip};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::Architecture;

/// The largest zip that `CreateFunction` and `UpdateFunctionCode` accept in the request itself: 50 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_ZIPPED_BYTES: u64 = 50 * 1024 * 1024;
/// The largest unzipped content: 250 MB.
pub const MAX_UNZIPPED_BYTES: u64 = 250 * 1024 * 1024;
/// The glibc of Amazon Linux 2023, which `provided.al2023` is based on.
pub const PROVIDED_AL2023_GLIBC: GlibcVersion = GlibcVersion { major: 2, minor: 34 };

const EXECUTABLE_BITS: u32 = 0o111;

/// Returns the architecture that the bootstrap was built for; `None` for a script.
pub(super) fn check_zip(bytes: &[u8], platform: ArtifactPlatform) -> Result<Option<Architecture>> {
    let entries = zip::list_entries(bytes)?;
    check_names(&entries)?;
    let unzipped: u64 = entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    if unzipped > MAX_UNZIPPED_BYTES {
        return Err(Error::failed(
            ErrorCode::Artifact,
            format!("the artifact is {} unzipped, but Lambda's limit is 250 MB", format_megabytes(unzipped)),
        ));
    }
    zip::check_consistency(bytes)?;
    if zip::measure_content(bytes, MAX_UNZIPPED_BYTES)? > MAX_UNZIPPED_BYTES {
        return Err(Error::failed(
            ErrorCode::Artifact,
            "the artifact is more than 250 MB unzipped, which is Lambda's limit, and says less",
        )
        .hint("zip the files again"));
    }
    if platform != ArtifactPlatform::Local && bytes.len() as u64 > MAX_ZIPPED_BYTES {
        let size = format_megabytes(bytes.len() as u64);
        return Err(Error::failed(
            ErrorCode::Artifact,
            format!("the artifact's zip is {size}, but Lambda's limit is 50 MB"),
        )
        .hint("build with --release and strip = true"));
    }
    let Some(bootstrap) = entries.iter().find(|entry| entry.name == BOOTSTRAP && !entry.directory) else {
        let elsewhere = entries.iter().find(|entry| entry.name.ends_with("/bootstrap"));
        let error = Error::failed(
            ErrorCode::Artifact,
            "the artifact has no `bootstrap` at its top level, which is what Lambda starts",
        );
        return Err(match elsewhere {
            Some(entry) => error.hint(format!("it has `{}`: zip the file without its directory", entry.name)),
            None => error.hint("name the executable `bootstrap`, and zip it without a directory"),
        });
    };
    if bootstrap.mode.is_none_or(|mode| mode & EXECUTABLE_BITS != EXECUTABLE_BITS) {
        return Err(Error::failed(ErrorCode::Artifact, "`bootstrap` in the artifact is not executable by all users").hint(
            "run `chmod 755 bootstrap` and zip it again, or pass the unzipped bootstrap and let the deployer zip it",
        ));
    }
    check_executable(&zip::read_entry(bytes, BOOTSTRAP, MAX_UNZIPPED_BYTES)?, platform)
}

/// Every entry is a file or a directory below the place where the zip is unpacked, with a name of its own.
fn check_names(entries: &[ZipEntry]) -> Result<()> {
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry.name.strip_suffix('/').unwrap_or(&entry.name);
        let refused = |what: &str| {
            Error::failed(ErrorCode::Artifact, format!("the artifact has an entry `{}`, {what}", entry.name))
                .hint("zip the function's files again, with names relative to the directory of `bootstrap`")
        };
        let has_drive = name.as_bytes().get(1) == Some(&b':');
        if name.starts_with('/') || has_drive || name.contains('\\') {
            return Err(refused("which is no path relative to where it is unpacked"));
        }
        if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(refused("whose path has an empty part, `.` or `..`"));
        }
        if name.chars().any(char::is_control) {
            return Err(refused("whose name has control characters"));
        }
        if entry.link {
            return Err(refused("which is a symbolic link"));
        }
        if !names.insert(name) {
            return Err(refused("which it has twice"));
        }
    }
    Ok(())
}

fn check_executable(bootstrap: &[u8], platform: ArtifactPlatform) -> Result<Option<Architecture>> {
    if bootstrap.starts_with(b"#!") {
        return Ok(None);
    }
    if !elf::is_elf(bootstrap) {
        return Err(Error::failed(
            ErrorCode::Artifact,
            "`bootstrap` is neither a Linux executable (ELF) nor a script (#!)",
        )
        .hint("on macOS or Windows, build for Linux, such as with `cargo lambda build`"));
    }
    let needs = elf::read_requirements(bootstrap).map_err(|reason| {
        Error::failed(ErrorCode::Artifact, format!("`bootstrap` is not a readable executable: {reason}"))
    })?;
    let wanted = match platform {
        ArtifactPlatform::Lambda(architecture) => Some(architecture),
        ArtifactPlatform::Local => host_architecture(),
    };
    if wanted.is_some() && needs.architecture != wanted {
        let built = needs.architecture.map_or("a processor that Lambda doesn't support", Architecture::as_str);
        let wanted = wanted.map_or("", Architecture::as_str);
        return Err(Error::failed(
            ErrorCode::Artifact,
            format!("`bootstrap` is built for {built} but must run on {wanted}"),
        )
        .hint(format!("build it for {wanted}, or change `architecture` in the manifest")));
    }
    if platform != ArtifactPlatform::Local {
        check_lambda_loader(&needs)?;
    }
    Ok(needs.architecture)
}

fn check_lambda_loader(needs: &elf::ElfRequirements) -> Result<()> {
    if let Some(interpreter) = needs.interpreter.as_deref().filter(|path| path.contains("musl")) {
        return Err(Error::failed(
            ErrorCode::Artifact,
            format!("`bootstrap` needs the loader {interpreter}, which Lambda doesn't have"),
        )
        .hint("link musl statically (-C target-feature=+crt-static), or build for glibc"));
    }
    match needs.glibc {
        Some(glibc) if glibc > PROVIDED_AL2023_GLIBC => Err(Error::failed(ErrorCode::Artifact, format!(
            "`bootstrap` needs glibc {glibc}, but Lambda's provided.al2023 has {PROVIDED_AL2023_GLIBC}, so it would not start"
        ))
        .hint("build with `cargo lambda build`, which links against an older glibc, or for x86_64-unknown-linux-musl")),
        _ => Ok(()),
    }
}

/// The architecture of this machine, if Lambda supports it.
pub fn host_architecture() -> Option<Architecture> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "aarch64" => Some(Architecture::Arm64),
        _ => None,
    }
}

fn format_megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1024 * 1024))
}
