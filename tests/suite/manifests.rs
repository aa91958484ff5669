//! Several manifests in one run: two deployments in two accounts and regions, behind one address.

use std::io::{BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use deployer_cloud::{ApiError, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use serde_json::Value;

use crate::processes::{Site, exit_and_output, hold_calls_of, send_interrupt, wait_for_line};
use crate::world::venue_tables;

const US: &str = "123456789012";
const EU: &str = "210987654321";
const BOTH: [&str; 6] = ["--manifest", "venues/*.toml", "--profile", "123456789012=us", "--profile", "210987654321=eu"];

/// `sync-us` with the venue `a`, and `sync-eu` with the venue `b`.
struct TwoDeployments {
    site: Site,
    eu: EmbeddedCloud,
}

fn manifest_of(name: &str, region: &str, account: &str, venue: &str) -> String {
    let head = format!("[deployment]\nname = \"{name}\"\nregion = \"{region}\"\naccount = \"{account}\"\n\n");
    head + &venue_tables(venue, "")
}

impl TwoDeployments {
    fn new() -> Self {
        let site = Site::new();
        let eu = EmbeddedCloud::in_memory(CloudConfig { account: EU.to_owned(), ..CloudConfig::default() });
        site.cloud.add_account("key-of-eu", eu.clone());
        let keys = ["us", "eu"]
            .map(|name| format!("[{name}]\naws_access_key_id = key-of-{name}\naws_secret_access_key = secret\n"));
        site.write_file("credentials", &keys.concat());
        std::fs::create_dir(site.path().join("venues")).expect("created");
        site.write_file("venues/us.toml", &manifest_of("sync-us", "us-east-1", US, "a"));
        site.write_file("venues/eu.toml", &manifest_of("sync-eu", "eu-west-1", EU, "b"));
        Self { site, eu }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.site.deployer_command(args);
        command.env("AWS_SHARED_CREDENTIALS_FILE", "credentials").env("AWS_CONFIG_FILE", "nothing");
        command
    }

    fn run_with(&self, args: &[&str], manifests: &[&str]) -> Output {
        let words = [args, manifests].concat();
        let output = self.command(&words).output().expect("it starts");
        crate::schemas::check_printed_lines(&words, &String::from_utf8_lossy(&output.stdout));
        output
    }

    /// For both manifests, each with its account's profile.
    fn run(&self, args: &[&str]) -> (i32, String) {
        exit_and_output(&self.run_with(args, &BOTH))
    }

    fn run_json(&self, args: &[&str]) -> (i32, Vec<Value>) {
        let output = self.run_with(&[args, &["--json"]].concat(), &BOTH);
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (output.status.code().unwrap_or(-1), lines)
    }

    fn functions(&self) -> [Vec<String>; 2] {
        [(&self.site.cloud, "us-east-1"), (&self.eu, "eu-west-1")].map(|(cloud, region)| {
            let names = cloud.with_context(|cx| {
                cx.switch_region(region);
                cx.region_state().lambda.functions.keys().cloned().collect()
            });
            names.expect("the cloud's state is readable")
        })
    }

    fn writes(&self) -> usize {
        let of_eu = self.eu.recorded_writes().into_iter().filter(|call| call.service != "sts").count();
        self.eu.forget_calls();
        self.site.take_write_calls().len() + of_eu
    }
}

const APPLY: [&str; 4] = ["apply", "--yes", "--artifact", "bootstrap"];

fn assert_in_order(text: &str, words: &[&str]) {
    let mut rest = text;
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("{word} isn't there, or not in this order:\n{text}"));
        rest = &rest[at + word.len()..];
    }
}

#[test]
fn both_are_planned_applied_and_shown_by_one_command() {
    let both = TwoDeployments::new();
    let (code, text) = both.run(&["plan", "--artifact", "bootstrap", "--detailed-exitcode"]);
    assert_eq!(code, 10, "{text}");
    assert_in_order(
        &text,
        &[
            "== venues/eu.toml ==",
            "sync-eu in account 210987654321, region eu-west-1",
            "== venues/us.toml ==",
            "sync-us in account 123456789012, region us-east-1",
            "== 2 manifests: 2 changes ==",
            "changes  venues/eu.toml  sync-eu in account 210987654321, eu-west-1\n",
            "changes  venues/us.toml  sync-us in account 123456789012, us-east-1\n",
        ],
    );
    let (code, lines) = both.run_json(&APPLY);
    let (last, others) = lines.split_last().expect("lines");
    assert_eq!((code, &last["type"], &last["exit_code"]), (0, &"manifests".into(), &0.into()), "{lines:?}");
    let named = |line: &&Value| ["venues/eu.toml", "venues/us.toml"].iter().any(|name| line["manifest"] == *name);
    assert!(others.iter().all(|line| named(&line)), "{others:?}");
    let results = others.iter().filter(|line| line["type"] == "result").count();
    assert_eq!((results, both.functions()), (2, [vec!["sync-us-a".to_owned()], vec!["sync-eu-b".to_owned()]]));

    assert_eq!(both.run(&["plan", "--artifact", "bootstrap", "--detailed-exitcode"]).0, 0);
    both.writes();
    for args in [
        &["validate"][..],
        &["fmt"],
        &["status", "--no-drift"],
        &["iam-policy", "--for", "plan"],
        &["venue", "list"],
        &["secret", "status"],
        &["verify", "--isolation", "--offline"],
        &["destroy", "--dry-run"],
    ] {
        let (code, lines) = both.run_json(args);
        assert_eq!(code, 0, "{args:?}: {lines:?}");
        let of = |name: &str| lines.iter().filter(|line| line["manifest"] == name).count();
        assert!(of("venues/eu.toml") > 0 && of("venues/us.toml") > 0, "{args:?}: {lines:?}");
        assert_eq!(lines.last().expect("a line")["type"], "manifests", "{args:?}");
    }
    let (_, text) = both.run(&["status", "a", "--no-drift"]);
    assert!(text.contains("== 1 manifest: 1 done ==") && !text.contains("eu.toml"), "a is only there: {text}");
    // One page of both, and nothing else on stdout.
    for args in [&["plan", "--artifact", "bootstrap", "--format", "html"][..], &["report"]] {
        let output = both.run_with(args, &BOTH);
        let page = String::from_utf8_lossy(&output.stdout);
        assert_eq!(page.matches("<html").count(), 1, "{args:?}: {page}");
        assert!(page.starts_with("<!DOCTYPE") && page.trim_end().ends_with("</html>"), "{args:?}: {page}");
        assert_in_order(
            &page,
            &["href=\"#manifest-2\"", "id=\"manifest-1\"", "sync-eu", "id=\"manifest-2\"", "sync-us"],
        );
    }
    assert_eq!(both.writes(), 0);
    let (code, text) = both.run(&["destroy", "--yes"]);
    assert_eq!((code, both.functions()), (0, [Vec::new(), Vec::new()]), "{text}");
}

#[test]
fn one_that_fails_does_not_stop_the_other_and_the_summary_says_how_to_go_on() {
    let both = TwoDeployments::new();
    both.eu.set_faults(Some(Arc::new(|call: &CloudCall| {
        let denied = || ApiError::new(403, "AccessDeniedException", "not authorized to perform lambda:CreateFunction");
        (call.operation == "CreateFunction").then(|| InjectedFault::Before(CloudFault::Error(denied())))
    })));
    let (code, text) = both.run(&APPLY);
    assert_eq!((code, both.functions()), (4, [vec!["sync-us-a".to_owned()], Vec::new()]), "{text}");
    let next = "deployer apply --yes --artifact bootstrap --profile 123456789012=us --profile 210987654321=eu --manifest \
                venues/eu.toml";
    let left = format!("left, run: `{next}`");
    assert_in_order(
        &text,
        &["== 2 manifests: 1 in part, 1 done ==", "in part  venues/eu.toml", &left, "venues/us.toml"],
    );
    both.eu.set_faults(None);
    let words: Vec<&str> = next.split(' ').skip(1).collect();
    let (code, text) = exit_and_output(&both.command(&words).output().expect("it starts"));
    assert_eq!((code, both.functions()[1].len()), (0, 1), "{text}");

    // Each manifest's account is compared with its own credentials.
    let swapped = ["-f", "venues/*.toml", "--profile", "123456789012=eu", "--profile", "210987654321=eu"];
    both.writes();
    let (code, text) = exit_and_output(&both.run_with(&APPLY, &swapped));
    assert_eq!((code, both.writes()), (6, 0), "{text}");
    assert!(text.contains("the credentials are for account 210987654321, but venues/us.toml is for"), "{text}");
    assert_in_order(&text, &["1 done, 1 refused", "refused  venues/us.toml"]);
}

#[test]
fn a_run_that_is_killed_is_completed_by_the_same_command() {
    let both = TwoDeployments::new();
    let (arrivals, let_go) = both.site.hold_calls("CreateFunction");
    let words = [&APPLY[..], &BOTH].concat();
    let mut child = both.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    arrivals.recv().expect("one of the applies is running");
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    both.site.cloud.set_faults(None);
    drop(let_go);
    let (code, text) = both.run(&APPLY);
    assert_eq!((code, both.functions().map(|names| names.len())), (0, [1, 1]), "{text}");
    assert_eq!(both.run(&["plan", "--artifact", "bootstrap", "--detailed-exitcode"]).0, 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_all_of_them_after_the_calls_in_flight() {
    let both = TwoDeployments::new();
    let (us, let_us_go) = both.site.hold_calls("CreateFunction");
    let (eu, let_eu_go) = hold_calls_of(&both.eu, "CreateFunction");
    let words = [&APPLY[..], &BOTH].concat();
    let mut child = both.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    us.recv().expect("one apply is running");
    eu.recv().expect("the other one too");
    send_interrupt(&child);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    wait_for_line(&mut stderr, "Finishing the calls in flight");
    drop((let_us_go, let_eu_go));
    let (code, text) = exit_and_output(&child.wait_with_output().expect("it ends"));
    assert_eq!((code, both.functions().map(|names| names.len())), (130, [1, 1]), "{text}");
    assert_in_order(&text, &["not started  b/alias", "not started  a/alias", "== 2 manifests: 2 canceled =="]);
    for cloud in [&both.site.cloud, &both.eu] {
        assert!(cloud.recorded_calls().iter().all(|call| call.operation != "CreateAlias"), "nothing new was started");
        cloud.set_faults(None);
    }
    let (code, text) = both.run(&[&APPLY[..], &["--lock-timeout", "0s"]].concat());
    assert_eq!(code, 0, "the locks are released: {text}");
    assert_eq!(both.run(&["plan", "--artifact", "bootstrap", "--detailed-exitcode"]).0, 0);
}

#[test]
fn one_question_is_asked_for_all() {
    let both = TwoDeployments::new();
    let apply = ["apply", "--artifact", "bootstrap"];
    let (code, text) = both.run(&apply);
    assert_eq!((code, both.writes()), (2, 0), "{text}");
    assert!(text.contains("confirmation needed, but stdin is not a terminal"), "{text}");
    for (typed, code, functions) in [("no\n", 130, [0, 0]), ("yes\n", 0, [1, 1])] {
        let (ended, text) = on_terminal(&both, &[&apply[..], &BOTH].concat(), typed);
        assert_eq!((ended, both.functions().map(|names| names.len())), (code, functions), "{text}");
        assert_eq!(text.matches("Type `yes` to confirm").count(), 1, "{text}");
        assert_in_order(
            &text,
            &[
                "== venues/us.toml ==",
                "venues/eu.toml: sync-eu in account 210987654321, eu-west-1",
                "venues/us.toml: sync-us in account 123456789012, us-east-1",
                "Do you want to make these changes?",
                "Type `yes`",
                "== 2 manifests",
            ],
        );
    }
    // What can't be undone is confirmed by naming both.
    let (code, text) = on_terminal(&both, &[&["destroy"][..], &BOTH].concat(), "sync-eu sync-us\n");
    assert_eq!((code, both.functions()), (0, [Vec::new(), Vec::new()]), "{text}");
}

/// Runs a command on a terminal, where somebody types this.
fn on_terminal(both: &TwoDeployments, args: &[&str], typed: &str) -> (i32, String) {
    const SPAWN: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let deployer = both.command(args);
    let mut python = Command::new("python3");
    python.args(["-c", SPAWN]).arg(deployer.get_program()).args(deployer.get_args()).current_dir(both.site.path());
    python.env_clear().env("NO_COLOR", "1");
    python.envs(deployer.get_envs().filter_map(|(name, value)| Some((name, value?))));
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().expect("python3 is there");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(typed.as_bytes()).expect("it listens");
    let output = child.wait_with_output().expect("it ends");
    drop(stdin);
    let (code, text) = exit_and_output(&output);
    (code, text.replace("\r\n", "\n"))
}

#[test]
fn all_mistakes_of_all_files_are_shown_and_nothing_runs() {
    let both = TwoDeployments::new();
    both.site.write_file("venues/ap.toml", "[deployment]\nname = \"sync-ap\"\nregio = \"ap-east-1\"\n");
    both.site.write_file("venues/it.toml", "[deployment\n");
    for args in [&APPLY[..], &["validate"]] {
        let (code, text) = both.run(args);
        assert_eq!((code, both.writes()), (2, 0), "{text}");
        assert_in_order(
            &text,
            &["== venues/ap.toml ==", "== venues/it.toml ==", "2 rejected, 2 not run", "not run   venues/eu.toml"],
        );
        assert!(text.contains("venues/ap.toml:3:1") && text.contains("venues/it.toml:1:"), "{text}");
    }
    let (code, lines) = both.run_json(&["validate"]);
    let mistakes = lines.iter().filter(|line| line["type"] == "manifest_error").count();
    assert!(code == 2 && mistakes >= 2, "{lines:?}");
    let (code, text) = both.run(&["fmt"]);
    assert!(code == 2 && text.contains("venues/it.toml can't be tidied"), "{text}");
    std::fs::remove_file(both.site.path().join("venues/ap.toml")).expect("removed");
    std::fs::remove_file(both.site.path().join("venues/it.toml")).expect("removed");

    // What they share is found without a network, with its place in both.
    let flag = |name: &str, region: &str, account: &str, venue: &str| {
        manifest_of(name, region, account, venue).replace("display_name", "flag_property = \"go\"\ndisplay_name")
    };
    both.site.write_file("venues/us.toml", &flag("sync-us", "us-east-1", US, "a"));
    both.site.write_file("venues/eu.toml", &flag("sync-eu", "eu-west-1", EU, "b"));
    for args in [&APPLY[..], &["validate"]] {
        let (code, text) = both.run(args);
        assert_eq!((code, both.writes()), (2, 0), "{text}");
        for word in ["error[shared_flag]", "--> venues/us.toml:7:17", "--> venues/eu.toml:7:17"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    let (_, lines) = both.run_json(&["validate"]);
    assert_eq!(lines[0]["also"]["file"], "venues/eu.toml", "{lines:?}");
    let (code, text) = both.run(&["status", "--no-drift"]);
    assert_eq!(code, 1, "what only reads may, and says that nothing is deployed: {text}");

    let (code, text) = exit_and_output(&both.run_with(&["validate"], &["-f", "venues/*.json"]));
    assert!(code == 2 && text.contains("no file matches venues/*.json"), "{text}");
    let twice = ["-f", "venues/eu.toml", "-f", "./venues/eu.toml"];
    let (code, text) = exit_and_output(&both.run_with(&["validate"], &twice));
    assert!(code == 0 && text == "venues/eu.toml is valid: 1 active, 0 paused, 0 blocked.\n", "{text}");
}

#[test]
fn a_command_for_one_manifest_takes_the_one_that_declares_the_venue() {
    let both = TwoDeployments::new();
    let (code, text) = both.run(&["venue", "pause", "b"]);
    assert!(code == 0 && text.contains("Using venues/eu.toml."), "{text}");
    let text = std::fs::read_to_string(both.site.path().join("venues/eu.toml")).expect("readable");
    assert!(text.contains("paused"), "{text}");
    let (code, text) = both.run(&["plan", "--artifact", "bootstrap", "--target", "a"]);
    assert!(code == 0 && text.contains("== 1 manifest: 1 done ==") && !text.contains("eu.toml"), "{text}");
    for (args, words) in [
        (
            &["unlock"][..],
            &["this takes one manifest, because a lock is of one deployment", "deployer unlock --profile"][..],
        ),
        (&["plan", "--out", "x"], &["because a saved plan is of one, and --manifest names 2"]),
        (&["logs", "nobody"], &["none of the manifests declares nobody: venues/eu.toml, venues/us.toml"]),
        (&["plan", "--target", "nobody"], &["none of the manifests declares nobody"]),
        (&["init"], &["this takes one manifest, because it writes one file"]),
    ] {
        let (code, text) = both.run(args);
        assert_eq!(code, 2, "{args:?}: {text}");
        words.iter().for_each(|word| assert!(text.contains(word), "{args:?} {word}: {text}"));
    }
    let (code, text) = exit_and_output(&both.run_with(&["plan"], &["-f", "venues/*.toml", "--profile", "1=x"]));
    assert_ne!(code, 0, "{text}");
}
