//! `deployer doctor`, tested as a process.

use serde_json::Value;

use super::SECRETS;
use crate::duplicates::account::DuplicatesSandbox;

/// Returns the exit code and everything printed.
fn run_in_sandbox(sandbox: &DuplicatesSandbox, args: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = sandbox.site.deployer_command(args);
    command.envs(variables.iter().copied()).env("TOKEN_a", "token-of-the-portal");
    let output = command.output().expect("it starts");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(!SECRETS.iter().any(|(_, value)| text.contains(value)) && !text.contains("token-of-the-portal"), "{text}");
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn examines_one_venue_and_exits_with_1_if_a_check_fails() {
    let sandbox = DuplicatesSandbox::new();
    let (code, text) = run_in_sandbox(&sandbox, &["doctor", "a"], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("  ✓ identity") && text.contains("\na\n  ✓ HubSpot token"), "{text}");
    assert!(text.contains("  ✓ Tripleseat location") && !text.contains("\nb\n"), "{text}");

    sandbox.site.write_file("secret", "another-secret");
    let (code, text) = run_in_sandbox(&sandbox, &["doctor", "a"], &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("  ✗ Tripleseat OAuth client") && text.contains("      what to do: "), "{text}");
    assert!(text.contains(", 1 failed, ") && !text.contains("another-secret"), "{text}");

    let (code, text) = run_in_sandbox(&sandbox, &["doctor", "x"], &[]);
    assert!(code == 2 && text.contains("declares no venue x"), "{text}");
}

#[test]
fn examines_hubspot_even_if_aws_is_unreachable() {
    let sandbox = DuplicatesSandbox::new();
    let unreachable = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_MAX_ATTEMPTS", "1")];
    let (code, text) = run_in_sandbox(&sandbox, &["doctor", "a"], &unreachable);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("  ? identity") && text.contains("check the network and AWS_ENDPOINT_URL"), "{text}");
    assert!(text.contains("  - quotas") && text.contains("  ✓ HubSpot scope crm.objects.contacts.write"), "{text}");
    assert!(text.contains("  ✓ Tripleseat public key"), "{text}");
}

#[test]
fn json_has_a_line_per_check_and_a_summary() {
    let sandbox = DuplicatesSandbox::new();
    let (code, text) =
        run_in_sandbox(&sandbox, &["doctor", "a", "--json", "--only", "hubspot", "--only", "tripleseat"], &[]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("it is valid JSON")).collect();
    let (summary, checks) = lines.split_last().expect("lines");
    assert!(checks.iter().all(|line| line["type"] == "check" && line["area"] != "aws"), "{text}");
    let token = checks.iter().find(|line| line["name"] == "HubSpot token" && line["venue"] == "a").expect("a check");
    assert_eq!((&token["verdict"], &token["area"]), (&Value::from("ok"), &Value::from("hubspot")));
    assert_eq!((&summary["type"], &summary["exit_code"]), (&Value::from("summary"), &Value::from(code)));
    assert_eq!((&summary["checks"], &summary["verdicts"]["failed"]), (&Value::from(checks.len()), &Value::from(0)));
}

#[cfg(unix)]
#[test]
fn asks_a_password_manager_once_and_only_for_what_is_checked() {
    let sandbox = DuplicatesSandbox::new();
    let manifest = std::fs::read_to_string(sandbox.site.path().join("venues.toml")).expect("the manifest");
    let manifest = manifest.replace("\"file:token\"", "\"cmd:sh asked.sh\"");
    let manifest = manifest.replace("\"env:TOKEN_a\"", "\"cmd:sh asked.sh\"");
    sandbox.site.write_file("venues.toml", &manifest);
    sandbox.site.write_file("asked.sh", "echo x >> asked\necho token-of-the-portal\n");
    let asked = || std::fs::read_to_string(sandbox.site.path().join("asked")).map_or(0, |text| text.lines().count());
    let (code, text) = run_in_sandbox(&sandbox, &["doctor", "a", "--only", "tripleseat"], &[]);
    // Loading the manifest doesn't run the program either.
    assert_eq!((code, asked()), (0, 0), "{text}");
    let (code, text) = run_in_sandbox(&sandbox, &["doctor", "a", "--only", "hubspot"], &[]);
    assert_eq!((code, asked()), (0, 1), "{text}");
}

#[test]
fn local_asks_no_remote_vendor() {
    let sandbox = DuplicatesSandbox::new();
    let manifest = std::fs::read_to_string(sandbox.site.path().join("venues.toml")).expect("the manifest");
    let elsewhere: Vec<&str> = manifest.lines().filter(|line| !line.starts_with("base_uri")).collect();
    let elsewhere = elsewhere.join("\n").replace("kind = \"tripleseat\"", "kind = \"tripleseat\"\n");
    sandbox.site.write_file("venues.toml", &elsewhere);
    let (code, text) = run_in_sandbox(&sandbox, &["doctor", "a", "--local"], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("--local works without a network, and https://api.hubapi.com needs one"), "{text}");
    assert!(text.contains("https://api.tripleseat.com needs one"), "{text}");
    assert_eq!((sandbox.hubspot.recorded_requests(), sandbox.tripleseat.recorded_requests()), (Vec::new(), Vec::new()));
}
