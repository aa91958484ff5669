//! The programs that a build needs, and what to do where one is missing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deployer_core::error::{Error, Result};

const GET_CARGO_LAMBDA: &str = "`pip install cargo-lambda ziglang` brings cargo-lambda and zig (in a virtual environment, which has to be \
     active); other ways: https://www.cargo-lambda.info/guide/installation.html";
const GET_ZIG: &str = "`pip install ziglang` brings it, and so does `brew install zig`";
const ARTIFACT: &str = "or build it elsewhere and give it with --artifact PATH; with --local neither is needed";

/// The programs of a build, as the environment gives them.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    /// `$CARGO`, which cargo sets for what it runs, or `cargo`.
    pub(super) cargo: PathBuf,
    pub(super) rustc: PathBuf,
    path: OsString,
    /// Where `cargo install` puts programs, which cargo finds without PATH.
    installed: Option<PathBuf>,
}

impl Tools {
    pub(super) fn from_environment() -> Self {
        let variable = |name: &str, default: &str| std::env::var_os(name).map_or_else(|| default.into(), PathBuf::from);
        Self {
            cargo: variable("CARGO", "cargo"),
            rustc: variable("RUSTC", "rustc"),
            path: std::env::var_os("PATH").unwrap_or_default(),
            installed: cargo_home().map(|home| home.join("bin")),
        }
    }

    /// The same programs, looked for in these directories only.
    pub(super) fn with_path(mut self, path: impl Into<OsString>, cargo: Option<PathBuf>) -> Self {
        self.path = path.into();
        self.installed = None;
        self.cargo = cargo.unwrap_or(self.cargo);
        self
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).stdin(Stdio::null());
        // What `cargo run` says of the deployer's own package: build scripts that ask for it would run again.
        let of_package = |name: &OsString| {
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| of_package(name)) {
            command.env_remove(name);
        }
        command
    }

    /// What identifies the compiler: a new one may give other bytes from the same source.
    pub(super) fn rustc_version(&self, directory: &Path) -> Result<String> {
        self.output(&self.rustc, &["-vV"], directory)
    }

    pub(super) fn sysroot(&self, directory: &Path) -> Result<String> {
        Ok(self.output(&self.rustc, &["--print", "sysroot"], directory)?.trim().to_owned())
    }

    fn output(&self, program: &Path, arguments: &[&str], directory: &Path) -> Result<String> {
        let no_toolchain = || {
            Error::failed(format!("`{} {}` failed", program.display(), arguments.join(" ")))
                .hint("install Rust from https://rustup.rs, or give a built artifact with --artifact PATH")
        };
        let output = self
            .command(program)
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

    /// Fails with the way to get them where cargo-lambda, or the zig that it links with, is missing. Left to itself
    /// cargo-lambda would ask on the terminal, or install zig by its own choice.
    pub(super) fn require_cargo_lambda(&self) -> Result<()> {
        if !self.has("cargo-lambda") {
            return Err(Error::failed("cargo-lambda is missing, which builds sync-lambda for AWS")
                .hint(GET_CARGO_LAMBDA)
                .hint(ARTIFACT));
        }
        // Another compiler than cargo-zigbuild needs no zig.
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
            let version = self.command(&python).args(["-m", "ziglang", "version"]).stderr(Stdio::null()).output();
            version.is_ok_and(|output| output.status.success())
        };
        if named || self.has("zig") || module() {
            return Ok(());
        }
        Err(Error::failed("zig is missing, with which cargo-lambda links against the glibc of Lambda")
            .hint(GET_ZIG)
            .hint(ARTIFACT))
    }

    /// Whether there is such a program in PATH, or where cargo keeps its own.
    fn has(&self, program: &str) -> bool {
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
