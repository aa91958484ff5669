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

/// A full disk under a pipeline's log would otherwise turn half a plan into a success.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_one_error() {
    let site = Site::new();
    for command in [
        "validate",
        "schema",
        "completions bash",
        "venue list",
        "plan --artifact bootstrap",
        "plan --artifact bootstrap --json",
        "plan --artifact bootstrap --format markdown",
        "plan --artifact bootstrap --format html",
        "status",
        "status --json",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let output = site.deployer_command(&words).stdout(Stdio::from(full)).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {text}");
        let errors: Vec<&str> = text.lines().filter(|line| line.contains("No space left")).collect();
        assert_eq!(errors.len(), 1, "{command}: {text}");
        assert!(!text.contains("panicked"), "{command}: {text}");
    }
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
