//! `deployer secret`, and what happens to secrets when venues are removed and come back.

use std::io::Write;
use std::process::Stdio;

use deployer_cloud::secretsmanager::StoredSecretVersion;
use serde_json::{Value, json};

use crate::processes::{APPLY, Site};
use crate::world::two_venue_manifest;

/// The secret's value, as the function reads it.
pub fn stored_secret(site: &Site, venue: &str) -> Value {
    let value = site.cloud.with_context(|cx| {
        let secret = &cx.region_state().secretsmanager.secrets[&format!("sync/{venue}")];
        let current = |version: &&StoredSecretVersion| version.stages.iter().any(|stage| stage == "AWSCURRENT");
        secret.versions.values().find(current).and_then(|version| version.string.clone())
    });
    let value = value.expect("the cloud's state is readable").expect("it has a value");
    serde_json::from_str(&value).expect("JSON")
}

fn applied_site() -> Site {
    let site = Site::new();
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    site.take_write_calls();
    site
}

/// `secret set` with the value on standard input.
fn set_credential(site: &Site, key: &str, value: &str) -> (i32, String) {
    let mut command = site.deployer_command(&["secret", "set", "a", key]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(value.as_bytes()).expect("taken");
    let output = child.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn apply_writes_a_value_only_when_it_creates_the_secret() {
    let site = applied_site();
    assert_eq!(
        stored_secret(&site, "a"),
        json!({ "HUBSPOT_TOKEN": "token-of-a", "TRIPLESEAT_PUBLIC_KEY": "key-of-a" })
    );
    let output = site.deployer_command(&APPLY).env("TOKEN_a", "another").output().expect("it starts");
    assert!(output.status.success());
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    assert_eq!(stored_secret(&site, "a")["HUBSPOT_TOKEN"], "token-of-a");
}

#[test]
fn sets_a_value_from_stdin_and_never_shows_it() {
    let site = applied_site();
    let (code, text) = set_credential(&site, "hubspot_token", "rotated\n");
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("rotated"), "{text}");
    assert_eq!(stored_secret(&site, "a"), json!({ "HUBSPOT_TOKEN": "rotated", "TRIPLESEAT_PUBLIC_KEY": "key-of-a" }));
    assert_eq!(stored_secret(&site, "b")["HUBSPOT_TOKEN"], "token-of-b", "only that venue's secret changes");
    site.take_write_calls();
    let (code, text) = set_credential(&site, "HUBSPOT_TOKEN", "rotated");
    assert!(code == 0 && text.contains("already"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    for (key, value, words) in [
        ("hubspot_token", "\u{feff}rotated", "byte order mark (U+FEFF)"),
        ("hubspot_token", "rotated\u{a0}\n", "ends with a no-break space (U+00A0)"),
        ("hubspot_token", "\"rotated\"", "in quotes"),
        ("hubspot_token", "\n", "empty"),
        ("hubspot_token", "a\nb", "line break"),
        ("hubspot", "x", "it has hubspot_token"),
    ] {
        let (code, text) = set_credential(&site, key, value);
        assert!(code == 2 && text.contains(words) && !text.contains("rotated"), "{text}");
    }
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert!(code == 0 && text.contains("No changes"), "{text}");
}

#[test]
fn push_writes_what_differs_from_the_references() {
    let site = applied_site();
    set_credential(&site, "hubspot_token", "rotated");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["secret", "push"]);
    assert_eq!(code, 2, "without a terminal it needs --yes: {text}");
    assert!(text.contains("a: hubspot_token differs from its reference") && !text.contains("b:"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&["secret", "push", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(site.take_write_calls(), ["secretsmanager:PutSecretValue"]);
    assert_eq!(stored_secret(&site, "a")["HUBSPOT_TOKEN"], "token-of-a");
    let (code, text) = site.run_deployer(&["secret", "push", "--yes"]);
    assert!(code == 0 && text.contains("Nothing to do"), "{text}");
    let output = site.deployer_command(&["secret", "push", "b"]).env_remove("KEY_b").output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("KEY_b isn't set"), "{text}");
}

#[test]
fn status_shows_each_secret_and_compares_on_request() {
    let site = applied_site();
    set_credential(&site, "hubspot_token", "rotated");
    let (code, text) = site.run_deployer(&["secret", "status"]);
    assert!(code == 0 && text.contains("sync/a  changed 20") && text.contains("sync/b  changed"), "{text}");
    let reads = site.cloud.recorded_calls().iter().filter(|call| call.operation == "GetSecretValue").count();
    site.cloud.forget_calls();
    let (code, text) = site.run_deployer(&["secret", "status", "a", "--compare"]);
    assert!(code == 0 && text.contains("differs from env:TOKEN_a") && text.contains("matches env:KEY_a"), "{text}");
    assert!(!text.contains("rotated") && !text.contains("key-of-a"), "{text}");
    assert_eq!(reads, 1, "only `set` read a value before");
    let (code, text) = site.run_deployer(&["secret", "status", "nobody"]);
    assert!(code == 2 && text.contains("it declares a, b"), "{text}");
}

#[test]
fn leaves_out_managed_values_until_they_are_set() {
    let site = Site::new();
    site.write_file("venues.toml", &two_venue_manifest("sync").replace("env:TOKEN_a", "managed"));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert_eq!(stored_secret(&site, "a"), json!({ "TRIPLESEAT_PUBLIC_KEY": "key-of-a" }));
    let (_, text) = site.run_deployer(&["secret", "status", "a", "--compare"]);
    assert!(text.contains("missing: set it with `deployer secret set`"), "{text}");
    assert_eq!(set_credential(&site, "hubspot_token", "by-hand").0, 0);
    let (code, text) = site.run_deployer(&["secret", "push", "--yes"]);
    assert!(code == 0 && text.contains("Nothing to do"), "{text}");
    assert_eq!(stored_secret(&site, "a")["HUBSPOT_TOKEN"], "by-hand");
}

#[test]
fn never_reads_or_writes_a_foreign_secret() {
    let site = Site::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let aws = deployer_aws::Aws::for_local("us-east-1", site.cloud.http_client(), None);
    let made = runtime.block_on(aws.secrets.create_secret().name("sync/a").secret_string("theirs").send());
    made.expect("somebody else creates it");
    site.cloud.forget_calls();
    let (code, text) = set_credential(&site, "hubspot_token", "x");
    assert!(code == 6 && text.contains("deployer adopt a"), "{text}");
    let (code, text) = site.run_deployer(&["secret", "status", "--compare"]);
    assert!(code == 0 && text.contains("exists, but isn't ours"), "{text}");
    assert!(site.cloud.recorded_calls().iter().all(|call| call.operation != "GetSecretValue"));
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
}

#[test]
fn restores_a_returning_venues_secret_within_the_recovery_window() {
    let site = applied_site();
    set_credential(&site, "hubspot_token", "rotated");
    let only_b = |text: &str| {
        let (head, rest) = text.split_once("[venues.a]").expect("the manifest declares a");
        format!("{head}[venues.b]{}", rest.split_once("[venues.b]").expect("the manifest declares b").1)
    };
    let both = two_venue_manifest("sync").replace("region =", "recovery_window_days = 7\nregion =");
    site.write_file("venues.toml", &only_b(&both));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let (_, text) = site.run_deployer(&["secret", "status"]);
    assert!(text.contains("sync/b  changed"), "{text}");
    let window = site.cloud.with_context(|cx| {
        let deletion = cx.region_state().secretsmanager.secrets["sync/a"].deletion.clone();
        deletion.map(|deletion| deletion.due.duration_since(deletion.requested).as_hours())
    });
    assert_eq!(window.expect("the cloud's state is readable"), Some(7 * 24));
    site.cloud.advance_time(jiff::SignedDuration::from_hours(6 * 24));
    site.write_file("venues.toml", &both);
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("scheduled for deletion; restored with its current value"), "{text}");
    assert_eq!(stored_secret(&site, "a")["HUBSPOT_TOKEN"], "rotated");
    assert!(!text.contains("is missing in the secret"), "it has every credential: {text}");
    site.write_file("venues.toml", &only_b(&both));
    assert_eq!(site.run_apply().0, 0);
    // In the meantime the venue got another credential.
    let with_oauth = "tripleseat_public_key = \"env:KEY_a\"\ntripleseat_client_id = \"managed\"\n\
                      tripleseat_client_secret = \"env:KEY_a\"";
    site.write_file("venues.toml", &both.replace("tripleseat_public_key = \"env:KEY_a\"", with_oauth));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    for missing in [
        "a: tripleseat_client_id is missing in the secret: `deployer secret set a tripleseat_client_id` writes it.",
        "a: tripleseat_client_secret is missing in the secret: `deployer secret push a` writes it.",
    ] {
        assert!(text.contains(missing), "{text}");
    }
    site.write_file("venues.toml", &only_b(&both));
    assert_eq!(site.run_apply().0, 0);
    site.cloud.advance_time(jiff::SignedDuration::from_hours(8 * 24));
    site.write_file("venues.toml", &both);
    assert_eq!(site.run_apply().0, 0);
    assert_eq!(stored_secret(&site, "a")["HUBSPOT_TOKEN"], "token-of-a", "after the window it is created again");
}

#[test]
fn rejects_recovery_windows_outside_seven_to_thirty_days() {
    let site = Site::new();
    for days in ["6", "31"] {
        site.write_file(
            "venues.toml",
            &two_venue_manifest("sync").replace("region =", &format!("recovery_window_days = {days}\nregion =")),
        );
        let (code, text) = site.run_deployer(&["validate"]);
        assert!(code == 2 && text.contains("recovery_window_days"), "{text}");
    }
}

#[test]
fn destroy_can_delete_secrets_permanently() {
    let site = applied_site();
    let (code, text) = site.run_deployer(&["destroy", "--yes"]);
    assert_eq!(code, 0, "{text}");
    let secrets = || {
        site.cloud
            .with_context(|cx| cx.region_state().secretsmanager.secrets.len())
            .expect("the cloud's state is readable")
    };
    assert_eq!(secrets(), 2, "both can still be restored");
    let (code, text) = site.run_deployer(&["destroy", "--yes", "--force-delete-secrets"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(secrets(), 0);
}

/// Ctrl-C at the prompt leaves a terminal that shows what is typed.
#[cfg(unix)]
#[test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off: needs python3 for a terminal")]
fn canceled_prompt_restores_the_echo() {
    let site = applied_site();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/echo.py");
    let like = site.deployer_command(&[]);
    let mut command = std::process::Command::new("python3");
    command.args([script, env!("CARGO_BIN_EXE_deployer"), "secret", "set", "a", "hubspot_token"]);
    command.current_dir(site.path()).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().expect("python3 starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, "before True\nwhile False\nafter True 130\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stored_secret(&site, "a")["HUBSPOT_TOKEN"], "token-of-a");
}
