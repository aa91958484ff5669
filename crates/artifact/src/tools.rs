//! The programs that a build needs, and what to do if one is missing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deployer_core::error::{Error, ErrorCode, Result};

const GET_CARGO_LAMBDA: &str = "run `pip install cargo-lambda ziglang` in an active virtual environment; for other ways to install it, see \
     https://www.cargo-lambda.info/guide/installation.html";
const GET_ZIG: &str = "run `pip install ziglang` or `brew install zig`";
const ARTIFACT: &str = "or build the artifact elsewhere and pass it with --artifact PATH; --local needs neither tool";

/// The programs that a build uses, from the environment.
#[derive(Debug, Clone)]
pub(super) struct BuildTools {
    /// `$CARGO`, which cargo sets for the programs it runs, or else `cargo`.
    pub(super) cargo: PathBuf,
    pub(super) rustc: PathBuf,
    path: OsString,
    /// Where `cargo install` puts programs. Cargo finds them there without PATH.
    installed: Option<PathBuf>,
}

impl BuildTools {
    pub(super) fn from_environment() -> Self {
        let variable = |name: &str, default: &str| std::env::var_os(name).map_or_else(|| default.into(), PathBuf::from);
        Self {
            cargo: variable("CARGO", "cargo"),
            rustc: variable("RUSTC", "rustc"),
            path: std::env::var_os("PATH").unwrap_or_default(),
            installed: cargo_home().map(|home| home.join("bin")),
        }
    }

    /// The same programs, searched for only in these directories.
    pub(super) fn with_path(mut self, path: impl Into<OsString>, cargo: Option<PathBuf>) -> Self {
        self.path = path.into();
        self.installed = None;
        self.cargo = cargo.unwrap_or(self.cargo);
        self
    }

    pub(super) fn command_for(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).stdin(Stdio::null());
        // `cargo run` sets these for the deployer's own package. Build scripts that depend on them would run again.
        let of_package = |name: &OsString| {
            name.to_str().is_some_and(|name| {
                name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
            })
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| of_package(name)) {
            command.env_remove(name);
        }
        command
    }

    /// The compiler's version: a different compiler may produce different bytes from the same source.
    pub(super) fn rustc_version(&self, directory: &Path) -> Result<String> {
        self.run_rustc(&self.rustc, &["-vV"], directory)
    }

    pub(super) fn rustc_sysroot(&self, directory: &Path) -> Result<String> {
        Ok(self.run_rustc(&self.rustc, &["--print", "sysroot"], directory)?.trim().to_owned())
    }

    fn run_rustc(&self, program: &Path, arguments: &[&str], directory: &Path) -> Result<String> {
        let no_toolchain = || {
            Error::failed(ErrorCode::BuildTools, format!("`{} {}` failed", program.display(), arguments.join(" ")))
                .hint("install Rust from https://rustup.rs, or pass a built artifact with --artifact PATH")
        };
        let output = self
            .command_for(program)
            .args(arguments)
            .current_dir(directory)
            .output()
            .map_err(|error| no_toolchain().caused_by(&error))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(no_toolchain())
        }
    }

    /// Fails, with installation instructions, if cargo-lambda or the zig that it links with is missing. Otherwise
    /// cargo-lambda would prompt on the terminal, or install zig without asking.
    pub(super) fn require_cargo_lambda(&self) -> Result<()> {
        if !self.has_program("cargo-lambda") {
            return Err(Error::failed(
                ErrorCode::BuildTools,
                "cargo-lambda is not installed; it is needed to build sync-lambda for AWS",
            )
            .hint(GET_CARGO_LAMBDA)
            .hint(ARTIFACT));
        }
        // Only cargo-zigbuild needs zig.
        let compiler = std::env::var("CARGO_LAMBDA_COMPILER").unwrap_or_default();
        if compiler.is_empty() || compiler == "cargo_zigbuild" || compiler == "cargo-zigbuild" {
            self.require_zig()?;
        }
        Ok(())
    }

    fn require_zig(&self) -> Result<()> {
        let named = std::env::var_os("CARGO_ZIGBUILD_ZIG_PATH").is_some();
        let module = || {
            let python = std::env::var_os("CARGO_ZIGBUILD_PYTHON_PATH").map_or_else(|| "python3".into(), PathBuf::from);
            let version = self.command_for(&python).args(["-m", "ziglang", "version"]).stderr(Stdio::null()).output();
            version.is_ok_and(|output| output.status.success())
        };
        if named || self.has_program("zig") || module() {
            return Ok(());
        }
        Err(Error::failed(
            ErrorCode::BuildTools,
            "zig is not installed; cargo-lambda needs it to link against Lambda's glibc",
        )
        .hint(GET_ZIG)
        .hint(ARTIFACT))
    }

    /// Whether the program is in PATH, or among the programs installed by cargo.
    fn has_program(&self, program: &str) -> bool {
        std::env::split_paths(&self.path).chain(self.installed.clone()).any(|dir| {
            let file = dir.join(program).with_extension(std::env::consts::EXE_EXTENSION);
            file.is_file()
        })
    }
}

/// Where cargo keeps downloaded sources and installed programs.
pub(super) fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}
