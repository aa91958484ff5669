//! `--local` beside a running `deployer dev`: every command acts on what one looks at, and never on another cloud.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use clap::CommandFactory;
use serde_json::{Value, json};

use crate::processes::{Site, exit_and_output};

/// What `--local` means for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It uses the cloud of the running `dev`, or else the one in the file.
    DevOrFile,
    /// It uses the vendors or functions of the running `dev`, which it needs.
    Dev,
    /// It uses no cloud.
    Neither,
}

/// Every command, with arguments for the repository's own manifest.
const COMMANDS: [(&str, Place); 34] = [
    ("adopt venue-a --yes --artifact bootstrap", Place::DevOrFile),
    ("apply --yes --artifact bootstrap --target venue-b", Place::DevOrFile),
    ("audit", Place::DevOrFile),
    ("completions bash", Place::Neither),
    ("connect venue-a", Place::DevOrFile),
    ("decommission nothing.json", Place::DevOrFile),
    ("destroy --target venue-c --yes", Place::DevOrFile),
    ("dev", Place::Neither),
    ("doctor venue-a", Place::DevOrFile),
    ("duplicates venue-a --out duplicates", Place::Dev),
    ("explain", Place::Neither),
    ("fmt --check", Place::Neither),
    ("iam-policy", Place::Neither),
    ("init", Place::Neither),
    ("invoke venue-a", Place::Dev),
    ("logs venue-a", Place::DevOrFile),
    ("man", Place::Neither),
    ("migrate-flag --from x --to venue-a --yes", Place::Dev),
    ("move --to-region eu-west-1 --dry-run --artifact bootstrap", Place::DevOrFile),
    ("package --artifact bootstrap --out written.zip", Place::Neither),
    ("plan --artifact bootstrap", Place::DevOrFile),
    ("report --format markdown", Place::DevOrFile),
    ("restore nothing", Place::DevOrFile),
    ("retry venue-a --dry-run", Place::Dev),
    ("rollback venue-a --yes", Place::DevOrFile),
    ("schema", Place::Neither),
    ("secret status", Place::DevOrFile),
    ("status venue-a", Place::DevOrFile),
    ("unlock --yes", Place::DevOrFile),
    ("validate", Place::Neither),
    ("venue list", Place::Neither),
    ("verify venue-a --now", Place::Dev),
    ("verify --isolation", Place::DevOrFile),
    ("venue show venue-a", Place::Neither),
];

/// A running `dev` with the repository's manifest. It is killed when this is dropped.
pub struct DevProcess {
    directory: tempfile::TempDir,
    child: Child,
    /// The line that it begins with, and that of its first run.
    pub first_lines: [String; 2],
}

impl DevProcess {
    pub fn start_dev() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory is created");
        std::fs::write(directory.path().join("venues.toml"), include_str!("../../../venues.toml")).expect("written");
        std::fs::write(directory.path().join("bootstrap"), "#!/bin/sh\nexit 1\n").expect("written");
        // The rules fire once in a while only, so that what a command does can be told from a scheduled run.
        let mut child = local_command(directory.path(), &["dev", "--json", "--port", "0", "--every", "1h"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
        let started = lines.by_ref().find(|line| line.contains(r#""type":"started""#)).expect("dev starts");
        // The first runs of both active venues are over.
        let runs: Vec<String> = lines.by_ref().filter(|line| line.contains(r#""type":"run""#)).take(2).collect();
        assert_eq!(runs.len(), 2);
        std::thread::spawn(move || lines.for_each(drop));
        Self { directory, child, first_lines: [started, runs[0].clone()] }
    }

    fn run_local(&self, line: &str) -> (i32, String) {
        exit_and_output(&self.local_output(line))
    }

    /// Runs a command with `--local`.
    pub fn local_output(&self, line: &str) -> Output {
        let words: Vec<&str> = line.split(' ').chain(["--local"]).collect();
        local_command(self.directory.path(), &words).output().expect("it starts")
    }

    fn state_file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(".deployer").join(name)
    }
}

impl Drop for DevProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn local_command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    command.current_dir(directory).args(args).stdin(Stdio::null());
    for name in ["DEPLOYER_MANIFEST", "AWS_ENDPOINT_URL", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn every_command_has_its_place() {
    let commands = deployer::cli::Cli::command();
    for command in commands.get_subcommands().map(clap::Command::get_name) {
        let known = COMMANDS.iter().any(|(line, _)| line.split(' ').next() == Some(command));
        assert!(known, "say in COMMANDS what --local means for {command}");
    }
}

#[test]
fn every_command_acts_on_the_running_dev_and_on_no_other_cloud() {
    let mut dev = DevProcess::start_dev();
    // What can be seen of the dev's own state: runs, drift, the isolation of what runs.
    let (code, text) = dev.run_local("status venue-a --json");
    assert_eq!(code, 0, "{text}");
    let line: Value = serde_json::from_str(text.lines().nth(1).expect("a venue")).expect("JSON");
    assert_eq!(
        (&line["name"], &line["health"], &line["drift"]),
        (&json!("venue-a"), &json!("healthy"), &json!("matches"))
    );
    assert_eq!(line["runs"]["present"]["last"]["synced"], 19, "{line}");
    assert!(line["contacts"]["counted"].is_object(), "the sandbox portal is asked: {line}");
    let (code, text) = dev.run_local("invoke venue-a --json");
    assert!(code == 0 && text.contains(r#""type":"invoked""#), "{text}");
    let (code, text) = dev.run_local("logs venue-a --outcome synced --json");
    assert!(code == 0 && text.lines().count() == 19, "{text}");
    let (code, text) = dev.run_local("doctor venue-a --only hubspot --only tripleseat");
    assert!(code == 0, "the sandboxes' own credentials are tested: {text}");
    for (line, _) in COMMANDS {
        let (code, text) = dev.run_local(line);
        assert!(!text.contains("panicked"), "{line}: {text}");
        assert!(!text.contains("none is running with this manifest"), "{line}: {text}");
        for name in ["cloud.json", "cloud.json.lock"] {
            assert!(!dev.state_file(name).exists(), "{line} used another cloud than the dev's ({code}): {text}");
        }
    }

    // A killed dev leaves its files behind, and nobody believes them.
    dev.child.kill().expect("it runs");
    dev.child.wait().expect("it ends");
    assert!(dev.state_file("dev.json").exists());
    for (line, place) in COMMANDS {
        if place == Place::Dev {
            let (code, text) = dev.run_local(line);
            assert!(code == 2 && text.contains("start `deployer dev` in another terminal"), "{line}: {text}");
        }
    }
    assert!(!dev.state_file("cloud.json").exists());
    let (code, text) = dev.run_local("status venue-a");
    assert!(code == 1 && text.contains("not in AWS"), "the cloud in the file is empty: {text}");
}

#[test]
fn commands_that_need_a_dev_say_how_to_start_it() {
    let site = Site::new();
    for (line, place) in COMMANDS {
        if place == Place::Dev {
            let line = line.replace("venue-", "");
            let words: Vec<&str> = line.split(' ').chain(["--local"]).collect();
            let (code, text) = site.run_deployer(&words);
            assert_eq!(code, 2, "{line}: {text}");
            assert!(text.contains("start `deployer dev` in another terminal, then run this again"), "{line}: {text}");
        }
    }
}

/// Two manifests in one directory share `.deployer`, and two `dev` of one manifest share its files.
#[cfg(unix)]
#[test]
fn belongs_to_one_manifest_and_one_dev() {
    let dev = DevProcess::start_dev();
    let directory = dev.directory.path();
    std::fs::copy(directory.join("venues.toml"), directory.join("other.toml")).expect("copied");
    let (code, text) = dev.run_local("verify venue-a --now --manifest other.toml");
    assert!(code == 2 && text.contains("none is running with this manifest"), "{text}");

    let before = std::fs::read(dev.state_file("dev.json")).expect("readable");
    let mut second = local_command(directory, &["dev", "--json", "--port", "0", "--every", "1h"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(second.stderr.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    assert!(lines.any(|line| line.contains("another `deployer dev` is running there")));
    let _ = second.kill();
    let _ = second.wait();
    assert_eq!(std::fs::read(dev.state_file("dev.json")).expect("readable"), before);
}
