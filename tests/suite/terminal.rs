//! What every command prints: no secret, no control sequence, commands that can be pasted, and an error where it can't be
//! written.

use std::fs::File;
use std::process::{Output, Stdio};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};

use crate::processes::Site;

fn printed_text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Commands that print something on an applied site, in every format that they have.
const PRINTING: [&str; 47] = [
    "iam-policy",
    "iam-policy --json",
    "--help",
    "--version",
    "plan --help",
    "adopt a --yes --artifact bootstrap",
    "apply --yes --artifact bootstrap",
    "apply --yes --artifact bootstrap --json",
    "audit",
    "audit --json",
    "audit --format markdown",
    "audit --format html",
    "completions bash",
    "doctor",
    "doctor --json",
    "destroy --dry-run",
    "explain",
    "explain locked",
    "explain --json",
    "fmt",
    "package --artifact bootstrap --out written.zip",
    "package --artifact bootstrap --out written.zip --json",
    "man",
    "plan --artifact bootstrap",
    "plan --artifact bootstrap --json",
    "plan --artifact bootstrap --format markdown",
    "plan --artifact bootstrap --format html",
    "report",
    "report --json",
    "report --format markdown",
    "report --format html",
    "report --out written.html",
    "report --out written.html --json",
    "schema",
    "secret push --yes",
    "secret status",
    "secret status --json",
    "status",
    "status --json",
    "validate",
    "validate --json",
    "venue list",
    "venue list --json",
    "venue show a",
    "venue show a --json",
    "verify --isolation --offline",
    "verify --isolation --offline --json",
];
/// Commands that have a file to write, which is full.
const WRITING: [&str; 9] = [
    "audit --out /dev/full",
    "audit --out /dev/full --json",
    "init --force --manifest /dev/full",
    "package --artifact bootstrap --out /dev/full",
    "plan --artifact bootstrap --out /dev/full",
    "plan --artifact bootstrap --out /dev/full --json",
    "report --out /dev/full",
    "report --out /dev/full --format markdown",
    "report --out /dev/full --json",
];
/// Commands that a site without vendors and leftovers refuses, before they print anything.
const REFUSED: [&str; 14] = [
    "connect a",
    "decommission nothing.json",
    "destroy",
    "dev --artifact nothing",
    "duplicates a --out duplicates",
    "invoke a",
    "migrate-flag --from x --to a",
    "move --to-region nowhere",
    "restore nothing",
    "retry a",
    "rollback a --yes",
    "unlock --yes",
    "venue pause nobody",
    "verify a",
];

/// Commands that have nothing to print on stdout.
const SILENT: [&str; 1] = ["logs a"];

/// A full disk under a pipeline's log would otherwise turn half a plan into a success.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_one_error() {
    let site = Site::new();
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("readable");
    site.write_file("venues.toml", &format!("{manifest}\n[hubspot]\nbase_uri = \"http://127.0.0.1:9\"\n"));
    assert_eq!(site.run_apply().0, 0);
    let commands = <deployer::cli::Cli as clap::CommandFactory>::command();
    for command in commands.get_subcommands().map(clap::Command::get_name) {
        let all = PRINTING.iter().chain(&WRITING).chain(&REFUSED).chain(&SILENT);
        assert!(all.into_iter().any(|line| line.split(' ').next() == Some(command)), "{command} isn't tried");
    }
    for command in PRINTING.iter().chain(&WRITING).chain(&REFUSED).chain(&SILENT) {
        let words: Vec<&str> = command.split(' ').collect();
        let mut run = site.deployer_command(&words);
        if !WRITING.contains(command) {
            run.stdout(Stdio::from(File::options().write(true).open("/dev/full").expect("Linux has it")));
        }
        let output = run.output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!text.contains("panicked"), "{command}: {text}");
        if REFUSED.contains(command) {
            assert!(output.status.code().is_some_and(|code| code != 0), "{command}: {text}");
            continue;
        }
        if SILENT.contains(command) {
            assert_eq!(output.status.code(), Some(0), "{command}: {text}");
            continue;
        }
        assert_eq!(output.status.code(), Some(1), "{command}: {text}");
        let errors: Vec<&str> = text.lines().filter(|line| line.contains("No space left")).collect();
        assert_eq!(errors.len(), 1, "{command}: {text}");
    }
    assert!(!std::fs::metadata("/dev/full").expect("it exists").is_file());
}

/// `deployer plan --out` into what isn't a file to replace.
#[cfg(unix)]
#[test]
fn a_destination_that_is_no_regular_file_is_written_through() {
    let site = Site::new();
    std::fs::create_dir(site.path().join("shared")).expect("created");
    std::os::unix::fs::symlink("shared/plan.json", site.path().join("plan.json")).expect("linked");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap", "--out", "plan.json"]);
    assert_eq!(code, 0, "{text}");
    assert!(site.path().join("plan.json").symlink_metadata().expect("it exists").is_symlink());
    let (code, text) = site.run_deployer(&["apply", "shared/plan.json", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "{text}");
    // A redirected stdout gets what is printed and what is written, in this order.
    let printed = File::create(site.path().join("printed")).expect("created");
    let words = ["report", "--format", "markdown", "--out", "/dev/stdout"];
    let output = site.deployer_command(&words).stdout(Stdio::from(printed)).output().expect("it starts");
    assert!(output.status.code().is_some_and(|code| code <= 1), "{}", printed_text(&output));
    let printed = std::fs::read_to_string(site.path().join("printed")).expect("readable");
    assert!(printed.starts_with('#') && printed.ends_with("Wrote the report to /dev/stdout.\n"), "{printed}");
}

/// `deployer plan | head -1` is no failure.
#[test]
fn closed_pipe_is_quiet() {
    let site = Site::new();
    for command in ["schema", "venue list", "plan --artifact bootstrap", "plan --artifact bootstrap --json"] {
        let words: Vec<&str> = command.split(' ').collect();
        let mut command = site.deployer_command(&words);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command.stdout(Stdio::from(writer)).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {text}");
        assert!(!text.contains("error") && !text.contains("panicked"), "{words:?}: {text}");
    }
}

/// An endpoint that repeats in its error what it was sent.
#[test]
fn an_echoed_request_shows_no_secret() {
    let site = Site::new();
    let secret = "token-of-a";
    let basic = STANDARD.encode(format!("user:{secret}"));
    let echo = format!(r#"not valid: {{"SecretString":"{{\"HUBSPOT_TOKEN\":\"{secret}\"}}"}} Basic {basic} t%6Fken"#);
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        (call.operation == "CreateSecret")
            .then(|| InjectedFault::Before(CloudFault::Error(ApiError::new(400, "ValidationException", echo.clone()))))
    })));
    for more in [&[][..], &["--json"]] {
        let words = [&["apply", "--yes", "--artifact", "bootstrap"], more].concat();
        let output = site.deployer_command(&words).output().expect("it starts");
        let text = printed_text(&output);
        assert!(text.contains("not valid") && text.contains("(secret)"), "{text}");
        for form in [secret, &basic, &basic[4..]] {
            assert!(!text.contains(form), "{form}: {text}");
        }
    }
}

/// A server's error can't move the cursor, hide text, or turn the direction of writing.
#[test]
fn foreign_texts_have_no_control_sequences() {
    let site = Site::new();
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}gpj\u{1b}[8mhidden\rover";
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        (call.operation == "ListFunctions").then(|| {
            InjectedFault::Before(CloudFault::Error(ApiError::new(400, "InvalidParameterValueException", hostile)))
        })
    })));
    for words in [&["plan", "--artifact", "bootstrap"][..], &["plan", "--artifact", "bootstrap", "--json"]] {
        let text = printed_text(&site.deployer_command(words).output().expect("it starts"));
        assert!(text.contains("owned"), "{words:?}: {text}");
        for control in ["\u{1b}[2J", "\u{1b}]", "\u{7}", "\u{9b}", "\u{202e}", "\u{1b}[8m", "\r"] {
            assert!(!text.contains(control), "{words:?} {control:?}: {text:?}");
        }
    }
}

#[test]
fn proposed_commands_have_the_flags_of_the_run() {
    let site = Site::new();
    std::fs::create_dir(site.path().join("group")).expect("created");
    std::fs::copy(site.path().join("venues.toml"), site.path().join("group/my venues.toml")).expect("copied");
    let words = ["--manifest", "group/my venues.toml", "--local", "logs", "a"];
    let text = printed_text(&site.deployer_command(&words).output().expect("it starts"));
    assert!(text.contains("`deployer apply --target a --manifest 'group/my venues.toml' --local`"), "{text}");
    let (_, text) = site.run_deployer(&["--local", "logs", "a"]);
    assert!(text.contains("`deployer apply --target a --local`"), "{text}");
}

/// Whoever edits the manifest chooses the program and the host, so a pipeline that plans their pull request must use
/// neither.
#[test]
fn unwatched_plan_runs_no_program_and_sends_no_credential_to_a_foreign_host() {
    let site = Site::new();
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("readable");
    let hubspot = |more: &str| format!("{manifest}\n[hubspot]\ntoken = \"cmd:touch was-run\"\n{more}");
    let marker = site.path().join("was-run");
    site.write_file("venues.toml", &hubspot("base_uri = \"http://127.0.0.1:1\"\n"));
    let plan = ["plan", "--artifact", "bootstrap"];
    let (_, text) = site.run_deployer(&plan);
    assert!(!marker.exists(), "{text}");
    assert!(text.contains("`touch` isn't run without a terminal") && text.contains("--allow-cmd"), "{text}");
    let output = site.deployer_command(&plan).env("DEPLOYER_ALLOW_CMD", "1").output().expect("it starts");
    assert!(marker.exists(), "{}", printed_text(&output));

    std::fs::remove_file(&marker).expect("it exists");
    site.write_file("venues.toml", &hubspot("base_uri = \"https://collector.invalid\"\n"));
    let (_, text) = site.run_deployer(&["plan", "--artifact", "bootstrap", "--allow-cmd"]);
    assert!(text.contains("no credential is sent to https://collector.invalid"), "{text}");
    assert!(!marker.exists(), "the credential isn't even read: {text}");
}
