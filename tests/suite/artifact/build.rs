//! Builds: caching by sources, the same bytes in any directory, and what to do if a tool is missing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use deployer_artifact::{Artifact, Builder, Event, Origin, Platform};
use deployer_core::manifest::Architecture;
use tempfile::TempDir;

/// A workspace whose cargo is a script that records each run.
struct FakeWorkspace {
    directory: TempDir,
}

impl FakeWorkspace {
    fn new(cargo: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fake = Self { directory };
        fake.write("Cargo.toml", "[workspace]\nmembers = [\"sync-lambda\"]\n");
        fake.write("sync-lambda/Cargo.toml", "[package]\nname = \"sync-lambda\"\n");
        fake.write("sync-lambda/src/main.rs", "fn main() {}\n");
        fake.write("deeper/venues.toml", "");
        fake.program("cargo", cargo);
        // The compiler's version is part of the digest, and the real rustc doesn't work with an empty PATH.
        fake.program(
            "rustc",
            "case $1 in --print) echo /sysroot;; *) echo 'rustc 1.0.0'; echo 'commit-hash: 0123';; esac",
        );
        fake
    }

    /// A cargo that produces a script as its executable, in the directories of both profiles.
    fn with_working_cargo() -> Self {
        let fake = Self::new("");
        let (target, runs) = (fake.path("target"), fake.path("runs"));
        let (target, runs) = (target.display(), runs.display());
        fake.program(
            "cargo",
            &format!(
                "echo \"$*\" >> {runs}\nmkdir -p {target}/debug {target}/release\n\
                 for profile in debug release; do printf '#!/bin/sh\\n' > {target}/$profile/bootstrap; done\n\
                 echo '   Compiling sync-lambda' >&2"
            ),
        );
        fake
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write_file(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn write_program(&self, name: &str, script: &str) {
        let name = format!("bin/{name}");
        self.write(&name, &format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n"));
        std::fs::set_permissions(self.path(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn artifact_builder(&self, platform: Platform) -> Builder {
        Builder::new(platform, &self.path("deeper"))
            .target_dir(self.path("target"))
            .programs(self.path("bin"), Some(self.path("bin/cargo")))
    }

    fn build_locally(&self) -> (Artifact, Vec<String>) {
        let mut events = Vec::new();
        let artifact = self.builder(Platform::Local).build(&mut |event| events.push(format!("{event:?}"))).unwrap();
        (artifact, events)
    }

    fn cargo_runs(&self) -> usize {
        std::fs::read_to_string(self.path("runs")).unwrap_or_default().lines().count()
    }
}

#[test]
fn unchanged_sources_are_not_built_again() {
    let fake = FakeWorkspace::building();
    let (first, events) = fake.build();
    assert!(events[0].starts_with("Building") && events[0].contains("-p sync-lambda"), "{events:?}");
    assert!(events[1].contains("Compiling sync-lambda"), "{events:?}");
    assert!(events[2].starts_with("Built"), "{events:?}");
    assert!(matches!(first.source, Origin::Built { .. }));

    let (second, events) = fake.build();
    assert!(events.len() == 1 && events[0].starts_with("Cached"), "{events:?}");
    assert!(matches!(second.source, Origin::Cached { .. }));
    assert_eq!(first.code_sha256, second.code_sha256);
    assert_eq!(fake.runs(), 1);
}

#[test]
fn every_source_is_in_the_digest_and_earlier_builds_are_reused() {
    let fake = FakeWorkspace::building();
    fake.build();
    for (number, name) in
        ["sync-lambda/src/main.rs", "sync-lambda/src/new.rs", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"]
            .iter()
            .enumerate()
    {
        let before = std::fs::read_to_string(fake.path(name)).ok();
        fake.write(name, "# changed\n");
        fake.build();
        assert_eq!(fake.runs(), number + 2, "{name}");
        match before {
            Some(before) => fake.write(name, &before),
            None => std::fs::remove_file(fake.path(name)).unwrap(),
        }
        fake.build();
        assert_eq!(fake.runs(), number + 2, "{name}");
    }
    fake.program("rustc", "echo 'rustc 2.0.0'");
    fake.build();
    assert_eq!(fake.runs(), 7);
}

#[test]
fn broken_cached_zip_is_built_again() {
    let fake = FakeWorkspace::building();
    fake.build();
    for entry in std::fs::read_dir(fake.path("target/deployer")).unwrap() {
        std::fs::write(entry.unwrap().path(), "broken").unwrap();
    }
    fake.build();
    assert_eq!(fake.runs(), 2);
}

#[test]
fn error_includes_cargos_output() {
    let fake = FakeWorkspace::new("echo 'error[E0425]: cannot find value' >&2\nexit 101");
    let mut lines = Vec::new();
    let error = fake.builder(Platform::Local).build(&mut |event| {
        if let Event::Line(line) = event {
            lines.push(line.to_owned());
        }
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("cargo build -p sync-lambda") && error.contains("error[E0425]"), "{error}");
    assert!(error.contains("exit status: 101"), "{error}");
    assert_eq!(lines, ["error[E0425]: cannot find value"]);
}

fn error_without_tools(fake: &FakeWorkspace) -> String {
    let platform = Platform::Lambda(Architecture::Arm64);
    let error = fake.builder(platform).build(&mut |event| panic!("{event:?}")).unwrap_err();
    error.to_string()
}

#[test]
fn missing_cargo_lambda_error_says_how_to_install_it() {
    insta::assert_snapshot!(without_tools(&FakeWorkspace::building()));
}

#[test]
fn missing_zig_error_says_how_to_install_it() {
    let fake = FakeWorkspace::building();
    fake.program("cargo-lambda", "");
    insta::assert_snapshot!(without_tools(&fake));
}

#[test]
fn cargo_lambda_gets_the_architecture_and_path_remappings() {
    let fake = FakeWorkspace::building();
    fake.program("cargo-lambda", "");
    fake.program("zig", "");
    let target = fake.path("target");
    let target = target.display();
    fake.program(
        "cargo",
        &format!(
            "echo \"$*\" > {target}/../arguments\necho \"$RUSTFLAGS\" > {target}/../flags\n\
             mkdir -p {target}/lambda-arm64/bootstrap\nprintf '#!/bin/sh\\n' > {target}/lambda-arm64/bootstrap/bootstrap"
        ),
    );
    fake.write("target/empty", "");
    fake.builder(Platform::Lambda(Architecture::Arm64)).build(&mut |_| ()).unwrap();
    let arguments = std::fs::read_to_string(fake.path("arguments")).unwrap();
    assert!(arguments.starts_with("lambda build --release --arm64 -p sync-lambda --bin bootstrap"), "{arguments}");
    let flags = std::fs::read_to_string(fake.path("flags")).unwrap();
    let workspace = fake.directory.path().display();
    assert!(flags.contains(&format!("--remap-path-prefix={workspace}=/source ")), "{flags}");
    assert!(flags.contains("=/cargo ") && flags.contains("/sysroot/lib/rustlib/src/rust=/rustc/0123"), "{flags}");
}

/// Copies the parts of this workspace that cargo needs.
fn copy_workspace(to: &Path) {
    fn copy_recursively(from: &Path, to: &Path) {
        if from.is_dir() {
            std::fs::create_dir_all(to).unwrap();
            for entry in std::fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                copy_recursively(&entry.path(), &to.join(entry.file_name()));
            }
        } else if from.is_file() {
            std::fs::copy(from, to).unwrap();
        }
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(to).unwrap();
    for part in [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "crates",
        "src",
        "sync-lambda",
        "tests",
        "benches",
        "venues.toml",
    ] {
        copy_recursively(&own.join(part), &to.join(part));
    }
}

/// Really builds `sync-lambda`, in two directories. It shares the target directory and thus the dependencies with this
/// test, so that only our own crate is compiled, twice.
#[test]
fn builds_in_two_directories_produce_the_same_bytes() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let build = |name: &str| {
        let workspace = directory.path().join(name);
        copy_workspace(&workspace);
        let mut compiled = Vec::new();
        let artifact = Builder::new(Platform::Local, &workspace)
            .target_dir(target)
            .rebuild()
            .build(&mut |event| {
                if let Event::Line(line) = event
                    && line.contains("Compiling")
                {
                    compiled.push(line.trim().to_owned());
                }
            })
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(compiled.iter().any(|line| line.contains("sync-lambda") && line.contains(name)), "{compiled:?}");
        artifact
    };
    let first = build("one");
    let second = build("another/directory/with/a/longer/path");
    assert_eq!(first.code_sha256, second.code_sha256);
    assert!(first.bootstrap_zip == second.bootstrap_zip);
}
