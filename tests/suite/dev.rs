//! `deployer dev` as a process: the real bootstrap, the real reconciler, the sandboxes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::dev_process::DevProcess;

/// `deployer` in the repository, with its own manifest and without environment variables that could change what it
/// does.
fn deployer_command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    // So that no sentence that a test looks for is wrapped.
    command.env("COLUMNS", "1000");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args);
    for name in ["DEPLOYER_MANIFEST", "AWS_ENDPOINT_URL", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    command
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn once_syncs_every_flagged_contact_or_explains_why_not() {
    let output = deployer_command(&["dev", "--once", "--json"]).output().expect("deployer starts");
    let lines = json_lines(&output);
    assert_eq!(output.status.code(), Some(0), "{lines:?} {}", String::from_utf8_lossy(&output.stderr));
    let venue = |name: &str| lines.iter().find(|line| line["venue"] == name).expect("the venue's line");
    let counts = |name: &str| ["flagged", "synced", "failed", "waiting", "leads"].map(|key| venue(name)[key].as_u64());
    assert_eq!(counts("venue-a"), [22, 19, 3, 0, 19].map(Some));
    assert_eq!(counts("venue-b"), [16, 15, 1, 0, 15].map(Some));
    assert_eq!(counts("venue-c"), [3, 0, 0, 3, 0].map(Some), "a paused venue's contacts wait");
    assert_eq!(counts("marina"), [2, 0, 0, 2, 0].map(Some), "a blocked venue's contacts wait");
    let result = lines.last().expect("a result");
    assert_eq!(
        (&result["type"], &result["resources"], &result["contacts"]),
        (&"result".into(), &21.into(), &66.into())
    );
}

#[test]
fn reports_a_crashing_function_as_failed() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let bootstrap = directory.path().join("bootstrap");
    std::fs::write(&bootstrap, "#!/bin/sh\nexit 1\n").expect("it is written");
    let bootstrap = bootstrap.display().to_string();
    let output = deployer_command(&["dev", "--once", "--artifact", &bootstrap]).output().expect("deployer starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("venue-a: the run failed: Runtime.ExitError"), "{text}");
    assert!(text.contains("no reason given"), "{text}");
}

#[test]
fn rejects_invalid_contacts_as_a_usage_error() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "Record ID,Email\n1,a@example.com\n1,b@example.com").expect("it is written");
    let path = file.path().display().to_string();
    let output = deployer_command(&["dev", "--once", "--contacts", &path, "--artifact", "/bin/true"])
        .output()
        .expect("deployer starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(&path) && text.contains('3'), "{text}");
}

/// Ctrl-C stops everything: the page, the runs, the functions' processes.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_everything() {
    let mut child = deployer_command(&["dev", "--json", "--port", "0", "--every", "1s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("deployer starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = |kind: &str| loop {
        let line = output.next().expect("there is more output").expect("it is text");
        let line: Value = serde_json::from_str(&line).expect("it is valid JSON");
        if line["type"] == kind {
            return line;
        }
    };
    let page = next("started")["page"].as_str().expect("the listener has an address").to_owned();
    assert!(page.starts_with("http://127.0.0.1:"), "{page}");
    let run = next("run");
    assert_eq!(run["outcome"], "ok", "{run}");
    let children = child_pids(child.id());
    assert!(!children.is_empty(), "function processes are kept for the next event");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is installed");
    assert!(killed.success());
    let status = child.wait().expect("deployer exits");
    assert_eq!(status.code(), Some(0));
    for pid in children {
        // It was killed, but the system may take a while to remove it.
        let gone = (0..200).any(|_| {
            let gone = !is_running(pid);
            if !gone {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            gone
        });
        assert!(gone, "process {pid} is still running");
    }
}

/// Whoever can upload a function to `dev` can run code as its user.
#[cfg(unix)]
#[tokio::test]
async fn serves_only_who_knows_its_credentials() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let manifest = directory.path().join("venues.toml");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/venues.toml"), &manifest).expect("it is copied");
    let manifest = manifest.display().to_string();
    let mut child = deployer_command(&["--manifest", &manifest, "dev", "--json", "--port", "0"])
        .args(["--artifact", "/bin/true"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("deployer starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let started: Value = serde_json::from_str(&output.next().expect("a line").expect("text")).expect("valid JSON");
    let client = sync_lambda::http::build_client().expect("TLS is available");
    for server in ["aws", "hubspot", "tripleseat"] {
        let uri = started[server].as_str().expect("an address");
        for (header, value) in [("host", "attacker.example"), ("origin", "https://attacker.example")] {
            let answer = client.get(uri).header(header, value).send().await.expect("a response");
            assert_eq!(answer.status(), 403, "{server}, {header}: {value}");
        }
    }
    let uri = started["aws"].as_str().expect("an address");
    let list = async |aws: deployer_aws::Aws| aws.lambda.list_functions().send().await;
    let guessed = deployer_aws::Aws::for_local("us-east-1", deployer_aws::https_client(), Some(uri));
    let refused = list(guessed).await.expect_err("anybody could upload code");
    assert!(format!("{refused:?}").contains("UnrecognizedClientException"), "{refused:?}");
    let hubspot = started["hubspot"].as_str().expect("an address");
    let guessed = sync_lambda::credentials::CredentialValue::new("sandbox-venue-a-hubspot-token");
    let guessed = deployer_hubspot::HubSpotClient::new(client.clone(), hubspot, guessed).portal_id().await;
    assert_eq!(guessed.expect_err("unknown").failure, deployer_hubspot::VendorFailure::Unauthenticated);

    let state = directory.path().join(".deployer");
    let mode = |path: &std::path::Path| path.metadata().expect("it exists").permissions().mode() & 0o777;
    let running = state.join("dev.json");
    assert_eq!((mode(&state), mode(&running)), (0o700, 0o600));
    assert!(state.join(".gitignore").exists());
    let running: Value = serde_json::from_slice(&std::fs::read(running).expect("readable")).expect("valid JSON");
    let [id, secret] = ["aws_access_key_id", "aws_secret_access_key"].map(|key| running[key].as_str().expect("text"));
    let known = deployer_aws::Aws::for_local_server("us-east-1", uri, id, secret);
    assert!(!list(known).await.expect("this run's credentials work").functions().is_empty());
    child.kill().expect("it is running");
    child.wait().expect("it ends");
}

/// The schedule, the page's button, and commands: every run is printed and shown with who started it.
#[tokio::test]
async fn shows_runs_of_any_origin() {
    let mut dev = DevProcess::start_dev(&[]);
    dev.next_line("run", |run| run["venue"] == "venue-b" && run["origin"] == "schedule");
    let run = dev.run_venue("venue-b").await;
    assert_eq!((&run["outcome"], &run["dry_run"]), (&json!("ok"), &json!(false)), "{run}");
    let running = std::fs::read(dev.directory.path().join(".deployer/dev.json")).expect("it is there");
    let running: Value = serde_json::from_slice(&running).expect("valid JSON");
    let text = |key: &str| running[key].as_str().expect("text").to_owned();
    let variables = [
        ("AWS_ENDPOINT_URL", text("aws")),
        ("AWS_ACCESS_KEY_ID", text("aws_access_key_id")),
        ("AWS_SECRET_ACCESS_KEY", text("aws_secret_access_key")),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    for (args, dry_run) in [(vec!["invoke", "venue-b"], false), (vec!["invoke", "venue-b", "--dry-run"], true)] {
        let (code, printed) = dev.run_deployer(&args, &variables);
        assert_eq!(code, 0, "{printed}");
        let run = dev.next_line("run", |run| run["origin"] == "invoke");
        assert_eq!((&run["venue"], &run["dry_run"]), (&json!("venue-b"), &json!(dry_run)), "{run}");
    }
    let (code, printed) = dev.run_verify(&["venue-b", "--now"]);
    assert_eq!(code, 0, "{printed}");
    dev.next_line("run", |run| run["origin"] == "verify");
    let view = dev.get_json("/api/view").await;
    let runs = view["runs"].as_array().expect("a list");
    for origin in ["schedule", "page", "invoke", "verify"] {
        assert!(runs.iter().any(|run| run["venue"] == "venue-b" && run["origin"] == origin), "{origin}");
    }
}

/// A venue that is added gets its sandboxes and its rule; a mistake leaves what runs, and is said.
#[tokio::test]
async fn adopts_edits_of_the_manifest() {
    let mut dev = DevProcess::start_dev(&[]);
    let venue = "[venues.loft]\ndisplay_name = \"Loft\"\n[venues.loft.secrets]\nhubspot_token = \"env:LOFT\"\n\
                 tripleseat_public_key = \"env:LOFT_KEY\"\n[venues.loft.destination]\nkind = \"tripleseat\"\n\n";
    let before = "# The minimum for a venue";
    let edit = dev.edit_manifest(before, &format!("{venue}{before}"));
    assert_eq!((&edit["outcome"], &edit["changes"]), (&json!("applied"), &json!(7)), "{edit}");
    let contact = dev.add_contact("loft@example.com", &["loft"]).await;
    dev.sync_venue("loft").await;
    let details = dev.get_json(&format!("/api/contacts/{contact}")).await;
    let at_loft = details["venues"].as_array().expect("a list").iter().find(|at| at["venue"] == "loft");
    let at_loft = at_loft.expect("the new venue");
    assert_eq!((&at_loft["cell"]["status"], at_loft["leads"].as_array().map(Vec::len)), (&json!("synced"), Some(1)));
    let runs = dev.get_json("/api/view").await["runs"].as_array().expect("a list").clone();
    assert!(runs.iter().any(|run| run["venue"] == "loft" && run["origin"] == "schedule"), "its rule fires");
    assert_eq!(at_loft["runs"].as_array().map(Vec::len), Some(1), "the run that wrote to it: {at_loft}");
    let (_, written) = dev.run_deployer(&["verify", "--local", "loft", "--now"], &[]);
    assert!(written.contains("Loft is live"), "other commands find its sandboxes: {written}");

    let edit = dev.edit_manifest("display_name = \"Loft\"", "display_name = 7");
    assert_eq!(edit["outcome"], "rejected", "{edit}");
    assert!(edit["mistakes"].as_str().is_some_and(|text| text.contains("display_name")), "{edit}");
    let view = dev.get_json("/api/view").await;
    assert_eq!(view["edit"]["outcome"], "rejected", "the page says so: {}", view["edit"]);
    assert_eq!(view["venues"].as_array().map(Vec::len), Some(5), "what ran before runs");
    let edit = dev.edit_manifest("name   = \"venue-sync\"", "name = \"other\"");
    assert_eq!(edit["outcome"], "rejected", "both mistakes are in the file: {edit}");
    let edit = dev.edit_manifest("display_name = 7", "display_name = \"Loft\"");
    assert!(edit["mistakes"].as_str().is_some_and(|text| text.contains("fixed while dev runs")), "{edit}");
    let edit = dev.edit_manifest("name = \"other\"", "name   = \"venue-sync\"");
    assert_eq!((&edit["outcome"], &edit["changes"]), (&json!("applied"), &json!(0)), "{edit}");
    let edit = dev.edit_manifest(venue, "");
    assert_eq!(edit["outcome"], "applied", "{edit}");
    let view = dev.get_json("/api/view").await;
    assert_eq!(view["venues"].as_array().map(Vec::len), Some(4), "the venue is gone");
}

/// The form for a contact is refused what HubSpot refuses, with its words where they belong.
#[tokio::test]
async fn refuses_contacts_as_hubspot_does() {
    let dev = DevProcess::start_dev(&["--artifact", "/bin/true"]);
    let refusals = [
        (json!({ "email": "grace" }), "email", "Email address grace is invalid"),
        (json!({ "phone": "555-0142" }), "email", "at least one of an email, a first name and a last name"),
        (json!({ "lastname": "x".repeat(70_000) }), "lastname", "at most 65536 characters"),
        (json!({ "lastname": "H", "properties": { "event_date": "soon" } }), "event_date", "not a valid date"),
        (json!({ "lastname": "H", "properties": { "event_type": "moon" } }), "event_type", "allowed options"),
        (json!({ "lastname": "H", "properties": { "nothing": "1" } }), "nothing", "does not exist"),
    ];
    for (contact, field, words) in refusals {
        let (status, answer) = dev.post_json("/api/contacts", &contact).await;
        assert_eq!((status, &answer["category"]), (422, &json!("VALIDATION_ERROR")), "{answer}");
        assert!(answer["fields"][field].as_str().is_some_and(|text| text.contains(words)), "{words}: {answer}");
    }
    dev.add_contact("grace@example.com", &[]).await;
    let (status, answer) = dev.post_json("/api/contacts", &json!({ "email": "Grace@Example.com" })).await;
    assert_eq!((status, &answer["category"]), (422, &json!("CONFLICT")), "{answer}");
    assert!(answer["error"].as_str().is_some_and(|text| text.contains("Contact already exists")), "{answer}");
}

#[cfg(unix)]
fn child_pids(parent: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().expect("ps is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = |line: &str| line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>();
    let pairs = text.lines().map(numbers);
    pairs.filter(|pair| pair.get(1) == Some(&parent)).filter_map(|pair| pair.first().copied()).collect()
}

/// Whether a process is running: one that has exited may still be in the table.
#[cfg(unix)]
fn is_running(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps is installed");
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}
