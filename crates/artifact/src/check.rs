//! Whether an artifact would be taken by Lambda, and start there.

use super::elf::{self, Glibc};
use super::{BOOTSTRAP, Platform, zip};
use deployer_core::error::{Error, Result};
use deployer_core::manifest::Architecture;

/// Largest zip that `CreateFunction` and `UpdateFunctionCode` take in the request itself: 50 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_ZIPPED_BYTES: u64 = 50 * 1024 * 1024;
/// Largest content of a zip: 250 MB.
pub const MAX_UNZIPPED_BYTES: u64 = 250 * 1024 * 1024;
/// The glibc of Amazon Linux 2023, on which `provided.al2023` stands.
pub const PROVIDED_AL2023_GLIBC: Glibc = Glibc { major: 2, minor: 34 };

const EXECUTABLE_BITS: u32 = 0o111;

/// The architecture that the bootstrap was built for; nothing for a script.
pub(super) fn check(bytes: &[u8], platform: Platform) -> Result<Option<Architecture>> {
    let entries = zip::entries(bytes)?;
    let unzipped: u64 = entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    if unzipped > MAX_UNZIPPED_BYTES {
        return Err(Error::failed(format!(
            "the artifact has {} unzipped, and Lambda takes 250 MB",
            megabytes(unzipped)
        )));
    }
    if platform != Platform::Local && bytes.len() as u64 > MAX_ZIPPED_BYTES {
        let size = megabytes(bytes.len() as u64);
        return Err(Error::failed(format!("the artifact's zip has {size}, and Lambda takes 50 MB"))
            .hint("build with --release and strip = true"));
    }
    let Some(bootstrap) = entries.iter().find(|entry| entry.name == BOOTSTRAP && !entry.directory) else {
        let elsewhere = entries.iter().find(|entry| entry.name.ends_with("/bootstrap"));
        let error = Error::failed("the artifact has no `bootstrap` at its top, which is what Lambda starts");
        return Err(match elsewhere {
            Some(entry) => error.hint(format!("it has `{}`: zip it without its folder", entry.name)),
            None => error.hint("name the executable `bootstrap`, and zip it without a folder"),
        });
    };
    if bootstrap.mode.is_none_or(|mode| mode & EXECUTABLE_BITS != EXECUTABLE_BITS) {
        return Err(Error::failed("`bootstrap` in the artifact is not executable for everyone").hint(
            "run `chmod 755 bootstrap` and zip it again; or give the bootstrap alone, and it is zipped as it has to be",
        ));
    }
    executable(&zip::content(bytes, BOOTSTRAP, MAX_UNZIPPED_BYTES)?, platform)
}

fn executable(bootstrap: &[u8], platform: Platform) -> Result<Option<Architecture>> {
    if bootstrap.starts_with(b"#!") {
        return Ok(None);
    }
    if !elf::is_elf(bootstrap) {
        return Err(Error::failed("`bootstrap` is neither a Linux executable (ELF) nor a script (#!)")
            .hint("a build on macOS or Windows needs a Linux target: `cargo lambda build` has one"));
    }
    let needs = elf::needs(bootstrap)
        .map_err(|reason| Error::failed(format!("`bootstrap` can't be read as an executable: {reason}")))?;
    let wanted = match platform {
        Platform::Lambda(architecture) => Some(architecture),
        Platform::Local => host(),
    };
    if wanted.is_some() && needs.architecture != wanted {
        let built = needs.architecture.map_or("a processor that Lambda doesn't have", Architecture::as_str);
        let wanted = wanted.map_or("", Architecture::as_str);
        return Err(Error::failed(format!("`bootstrap` is built for {built}, and has to run on {wanted}"))
            .hint("build it for that, or change `architecture` in the manifest"));
    }
    if platform != Platform::Local {
        lambda_can_load(&needs)?;
    }
    Ok(needs.architecture)
}

fn lambda_can_load(needs: &elf::Needs) -> Result<()> {
    if let Some(interpreter) = needs.interpreter.as_deref().filter(|path| path.contains("musl")) {
        return Err(Error::failed(format!("`bootstrap` is loaded by {interpreter}, which Lambda doesn't have"))
            .hint("link musl statically (-C target-feature=+crt-static), or build for glibc"));
    }
    match needs.glibc {
        Some(glibc) if glibc > PROVIDED_AL2023_GLIBC => Err(Error::failed(format!(
            "`bootstrap` needs glibc {glibc}, and Lambda's provided.al2023 has {PROVIDED_AL2023_GLIBC}: it would not start"
        ))
        .hint("build with `cargo lambda build`, which links against an older glibc, or for x86_64-unknown-linux-musl")),
        _ => Ok(()),
    }
}

/// The architecture of this machine, where it is one of Lambda's.
pub(super) fn host() -> Option<Architecture> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "aarch64" => Some(Architecture::Arm64),
        _ => None,
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1024 * 1024))
}
