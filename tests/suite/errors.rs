//! How errors look: one form for people, one for programs, and no line that is too long.

use std::process::Output;

use deployer_core::error::ErrorCode;
use serde_json::{Value, json};

use crate::processes::Site;

fn error_line(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Command lines that end with an error, and its code.
const FAILING: [(&str, &str); 12] = [
    ("plan --nothing", "command_line"),
    ("plan --json --format html", "command_line"),
    ("plan --manifest missing.toml", "not_found"),
    ("plan --manifest empty.toml", "empty"),
    ("plan --manifest two.toml", "manifest"),
    ("plan --manifest one.toml", "unknown_key"),
    ("plan --artifact missing", "artifact"),
    ("invoke nobody", "unknown_venue"),
    ("venue unblock a", "venue_status"),
    ("apply --artifact bootstrap", "no_terminal"),
    ("restore nothing", "archive"),
    ("explain nothing", "command_line"),
];

#[test]
fn every_error_has_its_code_in_text_and_in_json() {
    let site = Site::new();
    site.write_file("empty.toml", "");
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("readable");
    site.write_file("one.toml", &format!("{manifest}\n[defaults]\nmemmory_mb = 128\n"));
    site.write_file("two.toml", &format!("{manifest}\n[defaults]\nmemmory_mb = 128\ntimeout = 5\n"));
    for (line, code) in FAILING {
        let words: Vec<&str> = line.split(' ').collect();
        let output = site.deployer_command(&words).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if !line.contains("two.toml") {
            assert!(text.contains(&format!("error[{code}]: ")), "{line}: {text}");
        }
        assert!(!text.lines().any(|line| line.trim_start().starts_with("error: ")), "{line}: {text}");
        assert_eq!(text.matches("error[").count(), if line.contains("two.toml") { 2 } else { 1 }, "{line}: {text}");
        // A command line that can't be read doesn't say that it wants JSON.
        if line.contains("--nothing") {
            continue;
        }
        let words: Vec<&str> = words.into_iter().filter(|word| *word != "--json").chain(["--json"]).collect();
        let output = site.deployer_command(&words).output().expect("it starts");
        let error = error_line(&output);
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{line}: {error}");
        assert_eq!(error["exit_code"].as_i64(), output.status.code().map(i64::from), "{line}: {error}");
        assert!(ErrorCode::parse_code(code).is_some());
    }
}

#[test]
fn a_missing_manifest_is_an_error_like_all_others() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["plan", "--manifest", "missing.toml"]);
    assert_eq!(code, 2, "{text}");
    assert_eq!(
        text,
        "error[not_found]: missing.toml does not exist\n  hint: run `deployer init` to create it, or pass \
         `--manifest PATH` to use another file\n"
    );
}

#[test]
fn explains_a_code_and_lists_all() {
    let site = Site::new();
    let output = site.deployer_command(&["explain", "error[locked]"]).env("COLUMNS", "60").output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("error[locked]\n\nAnother apply") && text.ends_with("docs/errors.md#locked\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 60) && text.contains("`deployer unlock`"), "{text}");
    let (code, text) = site.run_deployer(&["explain"]);
    assert!(code == 0 && text.contains("stale_plan") && text.contains("wrong_portal"), "{text}");
    let (code, text) = site.run_deployer(&["explain", "stale"]);
    assert!(code == 2 && text.contains("did you mean stale_plan?"), "{text}");
}

/// The kinds of lines that stay whole, since they must work when they are pasted, or are one word.
fn is_unbreakable(line: &str) -> bool {
    let line = line.trim_start();
    let words: Vec<&str> = line.split_whitespace().collect();
    line.starts_with("deployer ") || line.contains('`') || words.len() <= 2
}

#[test]
fn no_line_is_wider_than_80_columns() {
    let site = Site::new();
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("readable");
    site.write_file("wrong.toml", &format!("{manifest}\n[defaults]\nmemmory_mb = 128\ntimeout = 5\n"));
    let shown = |words: &[&str]| {
        let mut command = site.deployer_command(words);
        command.env_remove("COLUMNS");
        let output = command.output().expect("it starts");
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
    };
    let mut lines = vec![
        "plan --artifact bootstrap",
        "plan --artifact bootstrap --verbose",
        "status",
        "venue list",
        "venue show a",
    ];
    lines.extend([
        "apply --yes --artifact bootstrap",
        "plan --artifact bootstrap",
        "doctor",
        "status",
        "audit",
        "logs a",
    ]);
    lines.extend([
        "verify --isolation --offline",
        "destroy --dry-run",
        "validate --manifest wrong.toml",
        "secret status",
    ]);
    lines.extend([
        "plan --help",
        "apply --help",
        "--help",
        "explain",
        "explain aws_call",
        "rollback a --yes",
        "verify a",
    ]);
    lines.extend(["decommission nothing.json --archive old", "invoke a", "destroy --yes", "status"]);
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let text = shown(&words);
        for printed in text.lines().filter(|printed| !is_unbreakable(printed)) {
            assert!(printed.chars().count() <= 80, "{line}: {} columns: {printed}", printed.chars().count());
        }
        assert!(!text.contains(['╭', '─', '│', '·', '\r']), "{line}: {text}");
    }
}

#[test]
fn destroy_shows_what_it_would_do() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["destroy", "--dry-run"]);
    assert!(code == 0 && text.contains("Plan: 0 to create, 0 to change, 14 to delete"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&["destroy"]);
    assert!(code == 2 && text.contains("review the plan with `deployer destroy --dry-run`, then pass --yes"), "{text}");
}

#[test]
fn a_sample_needs_no_manifest() {
    let site = Site::new();
    std::fs::remove_file(site.path().join("venues.toml")).expect("it is there");
    let (code, text) = site.run_deployer(&["audit", "--local", "--sample", "--out", "audit.json"]);
    assert!(code == 0 && text.contains("hubspot-webhook-handler"), "{text}");
    let words = ["decommission", "audit.json", "--stale", "--archive", "old", "--local", "--dry-run"];
    let (code, text) = site.run_deployer(&words);
    assert!(code == 0 && text.contains("to delete"), "{text}");
    assert!(!site.path().join("venues.toml").exists());
}
