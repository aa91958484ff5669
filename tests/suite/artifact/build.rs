//! Builds: caching by sources, the same bytes in any directory, and what to do if a tool is missing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use deployer_artifact::{Artifact, ArtifactBuilder, ArtifactOrigin, ArtifactPlatform, BuildEvent};
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
        fake.write_file("Cargo.toml", "[workspace]\nmembers = [\"sync-lambda\"]\n");
        fake.write_file("sync-lambda/Cargo.toml", "[package]\nname = \"sync-lambda\"\n");
        fake.write_file("sync-lambda/src/main.rs", "fn main() {}\n");
        fake.write_file("deeper/venues.toml", "");
        fake.write_program("cargo", cargo);
        // The compiler's version is part of the digest, and the real rustc doesn't work with an empty PATH.
        fake.write_program(
            "rustc",
            "case $1 in --print) echo /sysroot;; *) echo 'rustc 1.0.0'; echo 'commit-hash: 0123';; esac",
        );
        fake
    }

    /// A cargo that produces a script as its executable, in the directories of both profiles.
    fn with_working_cargo() -> Self {
        let fake = Self::new("");
        let (target, runs) = (fake.path_of("target"), fake.path_of("runs"));
        let (target, runs) = (target.display(), runs.display());
        fake.write_program(
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
        let path = self.path_of(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn write_program(&self, name: &str, script: &str) {
        let name = format!("bin/{name}");
        self.write_file(&name, &format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n"));
        std::fs::set_permissions(self.path_of(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn artifact_builder(&self, platform: ArtifactPlatform) -> ArtifactBuilder {
        ArtifactBuilder::new(platform, &self.path_of("deeper"))
            .with_target_dir(self.path_of("target"))
            .with_programs(self.path_of("bin"), Some(self.path_of("bin/cargo")))
    }

    fn build_locally(&self) -> (Artifact, Vec<String>) {
        let mut events = Vec::new();
        let artifact = self
            .artifact_builder(ArtifactPlatform::Local)
            .build_artifact(&mut |event| events.push(format!("{event:?}")))
            .unwrap();
        (artifact, events)
    }

    fn cargo_runs(&self) -> usize {
        std::fs::read_to_string(self.path_of("runs")).unwrap_or_default().lines().count()
    }
}

#[test]
fn unchanged_sources_are_not_built_again() {
    let fake = FakeWorkspace::with_working_cargo();
    let (first, events) = fake.build_locally();
    assert!(events[0].starts_with("Building") && events[0].contains("-p sync-lambda"), "{events:?}");
    assert!(events[1].contains("Compiling sync-lambda"), "{events:?}");
    assert!(events[2].starts_with("Built"), "{events:?}");
    assert!(matches!(first.source, ArtifactOrigin::Built { .. }));

    let (second, events) = fake.build_locally();
    assert!(events.len() == 1 && events[0].starts_with("Cached"), "{events:?}");
    assert!(matches!(second.source, ArtifactOrigin::Cached { .. }));
    assert_eq!(first.code_sha256, second.code_sha256);
    assert_eq!(fake.cargo_runs(), 1);
}

#[test]
fn every_source_is_in_the_digest_and_earlier_builds_are_reused() {
    let fake = FakeWorkspace::with_working_cargo();
    fake.build_locally();
    for (number, name) in
        ["sync-lambda/src/main.rs", "sync-lambda/src/new.rs", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"]
            .iter()
            .enumerate()
    {
        let before = std::fs::read_to_string(fake.path_of(name)).ok();
        fake.write_file(name, "# changed\n");
        fake.build_locally();
        assert_eq!(fake.cargo_runs(), number + 2, "{name}");
        match before {
            Some(before) => fake.write_file(name, &before),
            None => std::fs::remove_file(fake.path_of(name)).unwrap(),
        }
        fake.build_locally();
        assert_eq!(fake.cargo_runs(), number + 2, "{name}");
    }
    fake.write_program("rustc", "echo 'rustc 2.0.0'");
    fake.build_locally();
    assert_eq!(fake.cargo_runs(), 7);
}

#[test]
fn broken_cached_zip_is_built_again() {
    let fake = FakeWorkspace::with_working_cargo();
    fake.build_locally();
    for entry in std::fs::read_dir(fake.path_of("target/deployer")).unwrap() {
        std::fs::write(entry.unwrap().path(), "broken").unwrap();
    }
    fake.build_locally();
    assert_eq!(fake.cargo_runs(), 2);
}

#[test]
fn error_includes_cargos_output() {
    let fake = FakeWorkspace::new("echo 'error[E0425]: cannot find value' >&2\nexit 101");
    let mut lines = Vec::new();
    let error = fake.artifact_builder(ArtifactPlatform::Local).build_artifact(&mut |event| {
        if let BuildEvent::Line(line) = event {
            lines.push(line.to_owned());
        }
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("cargo build -p sync-lambda") && error.contains("error[E0425]"), "{error}");
    assert!(error.contains("exit status: 101"), "{error}");
    assert_eq!(lines, ["error[E0425]: cannot find value"]);
}

fn error_without_tools(fake: &FakeWorkspace) -> String {
    let platform = ArtifactPlatform::Lambda(Architecture::Arm64);
    let error = fake.artifact_builder(platform).build_artifact(&mut |event| panic!("{event:?}")).unwrap_err();
    error.to_string()
}

#[test]
fn missing_cargo_lambda_error_says_how_to_install_it() {
    insta::assert_snapshot!(error_without_tools(&FakeWorkspace::with_working_cargo()));
}

#[test]
fn missing_zig_error_says_how_to_install_it() {
    let fake = FakeWorkspace::with_working_cargo();
    fake.write_program("cargo-lambda", "");
    insta::assert_snapshot!(error_without_tools(&fake));
}

#[test]
fn cargo_lambda_gets_the_architecture_and_path_remappings() {
    let fake = FakeWorkspace::with_working_cargo();
    fake.write_program("cargo-lambda", "");
    fake.write_program("zig", "");
    let target = fake.path_of("target");
    let target = target.display();
    fake.write_program(
        "cargo",
        &format!(
            "echo \"$*\" > {target}/../arguments\necho \"$RUSTFLAGS\" > {target}/../flags\n\
             mkdir -p {target}/lambda-arm64/bootstrap\nprintf '#!/bin/sh\\n' > {target}/lambda-arm64/bootstrap/bootstrap"
        ),
    );
    fake.write_file("target/empty", "");
    fake.artifact_builder(ArtifactPlatform::Lambda(Architecture::Arm64)).build_artifact(&mut |_| ()).unwrap();
    let arguments = std::fs::read_to_string(fake.path_of("arguments")).unwrap();
    assert!(arguments.starts_with("lambda build --release --arm64 -p sync-lambda --bin bootstrap"), "{arguments}");
    let flags = std::fs::read_to_string(fake.path_of("flags")).unwrap();
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

/// Really builds `sync-lambda`, in two directories. Both builds share a target directory of their own: in that of the tests,
/// they would replace the libraries that the rest of this test run is linked with.
#[test]
fn builds_in_two_directories_produce_the_same_bytes() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("two-directories");
    let directory = tempfile::tempdir().unwrap();
    let build = |name: &str| {
        let workspace = directory.path().join(name);
        copy_workspace(&workspace);
        let mut compiled = Vec::new();
        let artifact = ArtifactBuilder::new(ArtifactPlatform::Local, &workspace)
            .with_target_dir(&target)
            .force_rebuild()
            .build_artifact(&mut |event| {
                if let BuildEvent::Line(line) = event
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
