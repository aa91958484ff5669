//! `deployer verify VENUE` as a process, against a running `deployer dev`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::dev_process::{DevProcess, dev_command};
use crate::processes::Site;

#[test]
fn verifies_venues_of_a_running_dev() {
    let mut dev = DevProcess::start_dev(&[]);
    dev.ignore_output();
    let (code, text) = dev.run_verify(&["venue-a", "--now", "--json"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("it is valid JSON")).collect();
    let result = lines.last().expect("a result");
    assert_eq!((&result["type"], &result["live"], &result["exit_code"]), (&"result".into(), &true.into(), &0.into()));
    assert_eq!(result["lead"]["evidence"], "destination", "venue-a has an OAuth client: {result}");
    let stages: Vec<&str> = lines.iter().filter_map(|line| line["stage"].as_str()).collect();
    assert!(stages.starts_with(&["deployed", "hubspot", "contact", "flag", "run"]), "{stages:?}");
    assert_eq!(stages.last(), Some(&"cleanup"));

    let output = dev_command(&dev.directory, &["retry", "--local", "venue-a", "--dry-run", "--json"]).output();
    let output = output.expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains(r#""type":"retry""#), "retry uses the same sandboxes: {text}");
    let (code, text) = dev.run_verify(&["venue-b", "--now"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Venue B is live") && text.contains("according to the ledger"), "{text}");

    for (venue, words) in [("venue-c", "is paused"), ("marina", "is blocked"), ("nobody", "declares no venue")] {
        let (code, text) = dev.run_verify(&[venue, "--now"]);
        assert_eq!(code, if venue == "nobody" { 2 } else { 6 }, "{text}");
        assert!(text.contains(words), "{text}");
    }
}

/// The rule of venue-b fires every ten minutes, so there is time to end the verify before.
#[cfg(unix)]
#[test]
fn an_interrupted_verify_cleans_up_and_a_killed_one_is_cleaned_up_by_the_next() {
    let mut dev = DevProcess::start_dev(&[]);
    dev.ignore_output();
    for (signal, code) in [("-INT", Some(130)), ("-KILL", None)] {
        let mut child = dev_command(&dev.directory, &["verify", "--local", "venue-b", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines =
            BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("it is text"));
        assert!(lines.by_ref().any(|line| line.contains(r#""stage":"run""#)), "it waits");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there");
        assert!(sent.success());
        let rest: Vec<String> = lines.collect();
        assert_eq!(child.wait().expect("it ends").code(), code, "{rest:?}");
        let removed = rest.iter().any(|line| line.contains(r#""stage":"cleanup""#) && line.contains("removed"));
        assert_eq!(removed, code.is_some(), "{rest:?}");
    }
    let (code, text) = dev.run_verify(&["venue-b", "--now"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(", left behind by an earlier verify"), "{text}");
}

#[test]
fn says_what_to_do_without_a_dev_or_a_token() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["verify", "a", "--local"]);
    assert!(code == 2 && text.contains("start `deployer dev`"), "{text}");
    let output = site.deployer_command(&["verify", "a"]).env_remove("TOKEN_a").output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("could not get `hubspot_token` of a"), "{text}");
    let (code, text) = site.run_deployer(&["verify", "a", "--domain", "jo@example.com"]);
    assert!(code == 2 && text.contains("write example.com"), "{text}");
    let domain = |domain: &str| {
        site.write_file(
            "venues.toml",
            &format!("{}[hubspot]\ntest_domain = \"{domain}\"\n", crate::world::two_venue_manifest("sync")),
        );
        site.run_deployer(&["validate"])
    };
    let (code, text) = domain("example");
    assert!(code == 2 && text.contains("this is not a domain"), "{text}");
    assert_eq!(domain("mail.example.org").0, 0);
}
