//! Builds `sync-lambda`, unless a zip of the same sources is cached.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::shipped::read_shipped;
use super::tools::{BuildTools, cargo_home};
use super::workspace::SourceWorkspace;
use super::{Artifact, ArtifactOrigin, ArtifactPlatform, BOOTSTRAP, cache, zip};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::Architecture;

/// How many lines of cargo's output an error shows.
const SHOWN_LINES: usize = 60;

/// A build event, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildEvent<'e> {
    /// A build starts.
    Building {
        /// The command, as typed in a shell.
        command: &'e str,
    },
    /// A line of cargo's own progress.
    Line(&'e str),
    /// A build succeeded.
    Built {
        /// Size of the zip in bytes.
        size: u64,
    },
    /// The sources haven't changed since this zip was built, so cargo doesn't run.
    Cached {
        /// The cached zip.
        path: &'e Path,
    },
}

/// A build of `sync-lambda` for one platform.
#[derive(Debug, Clone)]
pub struct ArtifactBuilder {
    platform: ArtifactPlatform,
    search: Vec<PathBuf>,
    target_dir: Option<PathBuf>,
    release: bool,
    rebuild: bool,
    tools: BuildTools,
}

impl ArtifactBuilder {
    /// For AWS, builds with cargo-lambda, optimized. For this machine, builds with plain cargo in the deployer's own
    /// profile, so that shared dependencies are not built again.
    ///
    /// The source is searched for in the manifest's directory, the current directory, and their ancestors. Without a
    /// source, the function that was installed with the deployer is used.
    pub fn new(platform: ArtifactPlatform, manifest_dir: &Path) -> Self {
        let mut search = vec![std::path::absolute(manifest_dir).unwrap_or_else(|_| manifest_dir.to_owned())];
        search.extend(std::env::current_dir());
        let release = matches!(platform, ArtifactPlatform::Lambda(_)) || !cfg!(debug_assertions);
        Self { platform, search, target_dir: None, release, rebuild: false, tools: BuildTools::from_environment() }
    }

    /// Builds in `directory` instead of `CARGO_TARGET_DIR` or the workspace's `target`.
    #[must_use]
    pub fn with_target_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.target_dir = Some(directory.into());
        self
    }

    /// Builds even if a zip of the same sources is cached.
    #[must_use]
    pub fn force_rebuild(mut self) -> Self {
        self.rebuild = true;
        self
    }

    /// Searches for programs in `path`, which has the format of `PATH`, and uses this cargo instead of `$CARGO`.
    #[must_use]
    pub fn with_programs(mut self, path: impl Into<std::ffi::OsString>, cargo: Option<PathBuf>) -> Self {
        self.tools = self.tools.with_path(path, cargo);
        self
    }

    /// Builds, or returns a cached build or the function that was installed. Blocks while cargo runs, and reports
    /// progress to `on_event`.
    ///
    /// Fails if there is neither a source nor an installed function, a program is missing, cargo fails (the error has
    /// its output), or the result wouldn't run on the platform.
    pub fn build_artifact(&self, on_event: &mut dyn FnMut(BuildEvent<'_>)) -> Result<Artifact> {
        if let Some(workspace) = SourceWorkspace::find_from(&self.search) {
            return self.build_in(workspace, on_event);
        }
        if let Ok(binary) = std::env::current_exe()
            && let Some(artifact) = read_shipped(&binary, self.platform)?
        {
            return Ok(artifact);
        }
        let workspace = SourceWorkspace::built_in().ok_or_else(|| {
            let looked: Vec<String> = self.search.iter().map(|start| start.display().to_string()).collect();
            let looked = looked.join(" or ");
            Error::failed(ErrorCode::BuildTools, format!(
                "no function came with this deployer, and the source of sync-lambda is not in {looked} or a directory above"
            ))
            .hint("install the deployer from its release archive, run this in its source tree, or pass --artifact PATH")
        })?;
        self.build_in(workspace, on_event)
    }

    fn build_in(&self, workspace: SourceWorkspace, on_event: &mut dyn FnMut(BuildEvent<'_>)) -> Result<Artifact> {
        let target = self.target_dir.clone().unwrap_or_else(|| workspace.target_dir());
        let rustc = self.tools.rustc_version(&workspace.root)?;
        let rustflags = std::env::var("RUSTFLAGS").unwrap_or_default();
        let kind = format!("{:?} release={} deployer={}", self.platform, self.release, workspace.has_deployer);
        let digest = cache::digest_sources(&workspace.root, &[&kind, &rustc, &rustflags])?;
        let kept = cache::zip_path(&target, &digest);
        if let Some(artifact) = self.cached_artifact(&kept) {
            on_event(BuildEvent::Cached { path: &kept });
            return Ok(artifact);
        }

        let (command, output) = match self.platform {
            ArtifactPlatform::Lambda(architecture) => {
                self.cargo_lambda_command(&workspace, &target, architecture, &rustc)?
            }
            ArtifactPlatform::Local => self.cargo_command(&workspace, &target),
        };
        let shown = command_line(&command);
        on_event(BuildEvent::Building { command: &shown });
        run_cargo(command, &shown, on_event)?;
        let bootstrap = bounds::read_regular_file(&output, bounds::MAX_INPUT_FILE).map_err(|error| {
            Error::failed(ErrorCode::Build, format!("`{shown}` did not produce {}", output.display()))
                .caused_by(&error)
                .hint(
                    "if cargo's configuration file sets a target directory, set CARGO_TARGET_DIR to the same directory",
                )
        })?;
        let zipped = zip::build_deterministic_zip(&[(BOOTSTRAP, &bootstrap)])?;
        let artifact =
            Artifact::from_checked_zip(zipped.into(), self.platform, ArtifactOrigin::Built { command: shown })?;
        cache::store_zip(&target, &digest, &artifact.bootstrap_zip)?;
        on_event(BuildEvent::Built { size: artifact.size });
        Ok(artifact)
    }

    /// The cached artifact, if there is one and it is still usable.
    fn cached_artifact(&self, path: &Path) -> Option<Artifact> {
        if self.rebuild {
            return None;
        }
        let zipped = bounds::read_regular_file(path, bounds::MAX_INPUT_FILE).ok()?;
        Artifact::from_checked_zip(zipped.into(), self.platform, ArtifactOrigin::Cached { path: path.to_owned() }).ok()
    }

    /// The command, and the path of the executable that it builds.
    fn cargo_command(&self, workspace: &SourceWorkspace, target: &Path) -> (Command, PathBuf) {
        let mut command = self.tools.command_for(&self.tools.cargo);
        command.current_dir(&workspace.root).arg("build").args(["-p", "sync-lambda"]);
        if workspace.has_deployer {
            // Building both makes cargo unify features as it did for the deployer, so no dependency is built again.
            command.args(["-p", "deployer"]);
        }
        command.args(["--bin", BOOTSTRAP]).arg("--target-dir").arg(target);
        let profile = if self.release { "release" } else { "dev" };
        if self.release {
            command.arg("--release");
        }
        // Debug info contains the build directory and makes up most of the size.
        command.args(["--config", &format!("profile.{profile}.package.sync-lambda.debug=false")]);
        let directory = if self.release { "release" } else { "debug" };
        (command, target.join(directory).join(BOOTSTRAP))
    }

    /// cargo-lambda puts each executable in a directory with its name: `<lambda-dir>/bootstrap/bootstrap`.
    fn cargo_lambda_command(
        &self,
        workspace: &SourceWorkspace,
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
        let mut command = self.tools.command_for(&self.tools.cargo);
        command
            .current_dir(&workspace.root)
            .args(["lambda", "build", "--release", flag, "-p", "sync-lambda", "--bin", BOOTSTRAP, "--locked"])
            .arg("--lambda-dir")
            .arg(&lambda_dir)
            // cargo-lambda passes its own `--target-dir` to `cargo metadata`, which doesn't have that option.
            .env("CARGO_TARGET_DIR", target)
            .env("RUSTFLAGS", self.remap_flags(workspace, target, rustc)?);
        Ok((command, lambda_dir.join(BOOTSTRAP).join(BOOTSTRAP)))
    }

    /// Compiler flags that remap every path that could end up in the executable to one that is the same everywhere.
    fn remap_flags(&self, workspace: &SourceWorkspace, target: &Path, rustc: &str) -> Result<String> {
        let commit = rustc.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        let library = Path::new(&self.tools.rustc_sysroot(&workspace.root)?).join("lib/rustlib/src/rust");
        // The last matching remapping wins, so a directory comes before the directories inside it.
        let mut paths = vec![(workspace.root.clone(), "/source".to_owned()), (target.to_owned(), "/target".to_owned())];
        paths.extend(cargo_home().map(|home| (home, "/cargo".to_owned())));
        paths.push((library, format!("/rustc/{commit}")));
        let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        for (from, to) in paths {
            let from = from.display().to_string();
            // RUSTFLAGS is split at spaces, which can't be quoted.
            if !from.contains(char::is_whitespace) {
                flags.push_str(&format!(" --remap-path-prefix={from}={to}"));
            }
        }
        Ok(flags.trim().to_owned())
    }
}

/// The command, as typed in a shell in the workspace.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn run_cargo(mut command: Command, shown: &str, on_event: &mut dyn FnMut(BuildEvent<'_>)) -> Result<()> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|error| {
        Error::failed(ErrorCode::BuildTools, format!("could not start `{shown}`"))
            .caused_by(&error)
            .hint("install Rust from https://rustup.rs, or pass a built artifact with --artifact PATH")
    })?;
    let mut last = VecDeque::new();
    if let Some(stderr) = child.stderr.take() {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            on_event(BuildEvent::Line(&text));
            if last.len() == SHOWN_LINES {
                last.pop_front();
            }
            last.push_back(text);
            line.clear();
        }
    }
    let status = child
        .wait()
        .map_err(|error| Error::failed(ErrorCode::Build, format!("could not wait for `{shown}`")).caused_by(&error))?;
    if status.success() {
        return Ok(());
    }
    let output = Vec::from(last).join("\n    ");
    let mut error = Error::failed(ErrorCode::Build, format!("`{shown}` failed ({status})"));
    error.causes.push(format!("cargo's output:\n    {output}"));
    if output.contains("can't find crate for `core`") || output.contains("may not be installed") {
        error =
            error.hint("the standard library for that architecture is missing: install it with `rustup target add`");
    }
    Err(error)
}
