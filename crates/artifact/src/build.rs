//! Builds `sync-lambda`, unless the zip of the same sources is still there.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::tools::{Tools, cargo_home};
use super::workspace::Workspace;
use super::{Artifact, BOOTSTRAP, Origin, Platform, cache, zip};
use deployer_core::error::{Error, Result};
use deployer_core::manifest::Architecture;

/// Lines of cargo's output that a failure shows.
const SHOWN_LINES: usize = 60;

/// What happens during a build, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'e> {
    /// A build begins.
    Building {
        /// The command, as a person would type it.
        command: &'e str,
    },
    /// A line of cargo's own progress.
    Line(&'e str),
    /// A build ended well.
    Built {
        /// Size of the zip in bytes.
        size: u64,
    },
    /// The sources haven't changed since this zip was built; cargo is not run.
    Cached {
        /// The kept zip.
        path: &'e Path,
    },
}

/// A build of `sync-lambda` for one platform.
#[derive(Debug, Clone)]
pub struct Builder {
    platform: Platform,
    search: Vec<PathBuf>,
    target_dir: Option<PathBuf>,
    release: bool,
    rebuild: bool,
    tools: Tools,
}

impl Builder {
    /// For AWS with cargo-lambda, optimised; for this machine with cargo alone, in the profile that the deployer itself
    /// was built in, so that what it was built from is not built again.
    ///
    /// The source is looked for in the manifest's directory, the current one, and all above them.
    pub fn new(platform: Platform, manifest_dir: &Path) -> Self {
        let mut search = vec![std::path::absolute(manifest_dir).unwrap_or_else(|_| manifest_dir.to_owned())];
        search.extend(std::env::current_dir());
        let release = matches!(platform, Platform::Lambda(_)) || !cfg!(debug_assertions);
        Self { platform, search, target_dir: None, release, rebuild: false, tools: Tools::from_environment() }
    }

    /// Builds below `directory` in place of `CARGO_TARGET_DIR` or the workspace's `target`.
    #[must_use]
    pub fn target_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.target_dir = Some(directory.into());
        self
    }

    /// Builds even where the zip of an earlier build of the same sources is kept.
    #[must_use]
    pub fn rebuild(mut self) -> Self {
        self.rebuild = true;
        self
    }

    /// Looks for programs in `path`, written as `PATH` is, and takes this cargo in place of `$CARGO`.
    #[must_use]
    pub fn programs(mut self, path: impl Into<std::ffi::OsString>, cargo: Option<PathBuf>) -> Self {
        self.tools = self.tools.with_path(path, cargo);
        self
    }

    /// Builds, or finds what was built. Blocks for as long as cargo runs, and tells `on_event` how it goes.
    ///
    /// Fails when the source isn't found, a program is missing, cargo fails (its words are in the error), or the result
    /// wouldn't run on the platform.
    pub fn build(&self, on_event: &mut dyn FnMut(Event<'_>)) -> Result<Artifact> {
        let workspace = Workspace::find(&self.search)?;
        let target = self.target_dir.clone().unwrap_or_else(|| workspace.target_dir());
        let rustc = self.tools.rustc_version(&workspace.root)?;
        let rustflags = std::env::var("RUSTFLAGS").unwrap_or_default();
        let kind = format!("{:?} release={} deployer={}", self.platform, self.release, workspace.has_deployer);
        let digest = cache::digest(&workspace.root, &[&kind, &rustc, &rustflags])?;
        let kept = cache::path(&target, &digest);
        if let Some(artifact) = self.kept(&kept) {
            on_event(Event::Cached { path: &kept });
            return Ok(artifact);
        }

        let (command, output) = match self.platform {
            Platform::Lambda(architecture) => self.cargo_lambda(&workspace, &target, architecture, &rustc)?,
            Platform::Local => self.cargo(&workspace, &target),
        };
        let shown = shown(&command);
        on_event(Event::Building { command: &shown });
        run(command, &shown, on_event)?;
        let bootstrap = std::fs::read(&output).map_err(|error| {
            Error::failed(format!("`{shown}` left no {}", output.display()))
                .caused_by(&error)
                .hint("a target directory that is set in cargo's configuration file is not seen: set CARGO_TARGET_DIR")
        })?;
        let zipped = zip::deterministic(&[(BOOTSTRAP, &bootstrap)])?;
        let artifact = Artifact::checked(zipped.into(), self.platform, Origin::Built { command: shown })?;
        cache::keep(&target, &digest, &artifact.bootstrap_zip)?;
        on_event(Event::Built { size: artifact.size });
        Ok(artifact)
    }

    /// A kept zip that can't be used any more is as good as none.
    fn kept(&self, path: &Path) -> Option<Artifact> {
        if self.rebuild {
            return None;
        }
        let zipped = std::fs::read(path).ok()?;
        Artifact::checked(zipped.into(), self.platform, Origin::Cached { path: path.to_owned() }).ok()
    }

    /// The command, and where it leaves the executable.
    fn cargo(&self, workspace: &Workspace, target: &Path) -> (Command, PathBuf) {
        let mut command = self.tools.command(&self.tools.cargo);
        command.current_dir(&workspace.root).arg("build").args(["-p", "sync-lambda"]);
        if workspace.has_deployer {
            // Both at once, so that cargo unifies features as it did for the deployer, and builds no dependency again.
            command.args(["-p", "deployer"]);
        }
        command.args(["--bin", BOOTSTRAP]).arg("--target-dir").arg(target);
        let profile = if self.release { "release" } else { "dev" };
        if self.release {
            command.arg("--release");
        }
        // Debug information has the directory of the build in it, and makes up most of the size.
        command.args(["--config", &format!("profile.{profile}.package.sync-lambda.debug=false")]);
        let directory = if self.release { "release" } else { "debug" };
        (command, target.join(directory).join(BOOTSTRAP))
    }

    /// cargo-lambda puts each executable in a directory of its name: `<lambda-dir>/bootstrap/bootstrap`.
    fn cargo_lambda(
        &self,
        workspace: &Workspace,
        target: &Path,
        architecture: Architecture,
        rustc: &str,
    ) -> Result<(Command, PathBuf)> {
        self.tools.require_cargo_lambda()?;
        let (flag, directory) = match architecture {
            Architecture::X86_64 => ("--x86-64", "lambda-x86_64"),
            Architecture::Arm64 => ("--arm64", "lambda-arm64"),
        };
        let lambda_dir = target.join(directory);
        let mut command = self.tools.command(&self.tools.cargo);
        command
            .current_dir(&workspace.root)
            .args(["lambda", "build", "--release", flag, "-p", "sync-lambda", "--bin", BOOTSTRAP, "--locked"])
            .arg("--lambda-dir")
            .arg(&lambda_dir)
            // cargo-lambda hands its own `--target-dir` on to `cargo metadata`, which has no such argument.
            .env("CARGO_TARGET_DIR", target)
            .env("RUSTFLAGS", self.remapped(workspace, target, rustc)?);
        Ok((command, lambda_dir.join(BOOTSTRAP).join(BOOTSTRAP)))
    }

    /// Compiler flags that give every path that could end up in the executable a name that is the same everywhere.
    fn remapped(&self, workspace: &Workspace, target: &Path, rustc: &str) -> Result<String> {
        let commit = rustc.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        let library = Path::new(&self.tools.sysroot(&workspace.root)?).join("lib/rustlib/src/rust");
        // rustc takes the last one that fits: the directories come before what is in them.
        let mut paths = vec![(workspace.root.clone(), "/source".to_owned()), (target.to_owned(), "/target".to_owned())];
        paths.extend(cargo_home().map(|home| (home, "/cargo".to_owned())));
        paths.push((library, format!("/rustc/{commit}")));
        let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        for (from, to) in paths {
            let from = from.display().to_string();
            // RUSTFLAGS is split at spaces, without a way to quote one.
            if !from.contains(char::is_whitespace) {
                flags.push_str(&format!(" --remap-path-prefix={from}={to}"));
            }
        }
        Ok(flags.trim().to_owned())
    }
}

/// The command as a person would type it in the workspace.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn run(mut command: Command, shown: &str, on_event: &mut dyn FnMut(Event<'_>)) -> Result<()> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|error| {
        Error::failed(format!("`{shown}` can't be started"))
            .caused_by(&error)
            .hint("install Rust from https://rustup.rs, or give a built artifact with --artifact PATH")
    })?;
    let mut last = VecDeque::new();
    if let Some(stderr) = child.stderr.take() {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            on_event(Event::Line(&text));
            if last.len() == SHOWN_LINES {
                last.pop_front();
            }
            last.push_back(text);
            line.clear();
        }
    }
    let status =
        child.wait().map_err(|error| Error::failed(format!("`{shown}` can't be waited for")).caused_by(&error))?;
    if status.success() {
        return Ok(());
    }
    let output = Vec::from(last).join("\n    ");
    let mut error = Error::failed(format!("`{shown}` failed ({status})"));
    error.causes.push(format!("cargo says:\n    {output}"));
    if output.contains("can't find crate for `core`") || output.contains("may not be installed") {
        error = error.hint("the standard library of that architecture is missing: `rustup target add` brings it");
    }
    Err(error)
}
