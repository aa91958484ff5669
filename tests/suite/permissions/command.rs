//! `deployer iam-policy` as a process, and the hints that propose it.

use std::sync::Arc;

use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};
use deployer_core::permissions::MAX_POLICY_CHARACTERS;
use serde_json::Value;

use crate::processes::{Site, exit_and_output};

fn stdout_of(site: &Site, args: &[&str]) -> String {
    let output = site.deployer_command(args).output().expect("it starts");
    let (code, text) = exit_and_output(&output);
    assert_eq!(code, 0, "{text}");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn prints_policies_that_can_be_pasted() {
    let site = Site::new();
    let policy: Value = serde_json::from_str(&stdout_of(&site, &["iam-policy", "--for", "apply"])).expect("JSON");
    assert_eq!(policy["Version"], "2012-10-17");
    let text = policy.to_string();
    assert!(text.contains("arn:aws:lambda:us-east-1:*:function:sync-*"), "{text}");
    let account = std::fs::read_to_string(site.path().join("venues.toml")).expect("a manifest");
    site.write_file("venues.toml", &account.replacen("\nregion", "\naccount = \"123456789012\"\nregion", 1));
    let text = stdout_of(&site, &["iam-policy"]);
    assert!(text.contains("arn:aws:lambda:us-east-1:123456789012:function:sync-*") && !text.contains(":*:"), "{text}");

    let lines = stdout_of(&site, &["iam-policy", "--for", "all", "--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() > 1, "{lines:?}");
    for (at, line) in (1..).zip(&lines) {
        assert_eq!(
            (&line["type"], &line["part"], &line["parts"]),
            (&"iam_policy".into(), &at.into(), &lines.len().into())
        );
        assert!(line["policy"].to_string().len() <= MAX_POLICY_CHARACTERS, "{line}");
        let part = stdout_of(&site, &["iam-policy", "--for", "all", "--part", &at.to_string()]);
        assert_eq!(serde_json::from_str::<Value>(&part).expect("one document"), line["policy"]);
    }
    let (code, text) = site.run_deployer(&["iam-policy", "--part", "9"]);
    assert!(code == 2 && text.contains("the policy has "), "{text}");
    let (code, text) = site.run_deployer(&["iam-policy", "--for", "validate"]);
    assert!(code == 2 && text.contains("must be all, or a command that calls AWS: plan, apply"), "{text}");
    assert_eq!(site.cloud.recorded_calls(), [], "it needs no network");
}

/// Lets AWS deny the creation of functions in these words.
fn deny_functions(site: &Site, code: &'static str, message: &'static str) {
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let denied = || CloudFault::Error(ApiError::new(403, code, message));
        (call.operation == "CreateFunction").then(|| InjectedFault::Before(denied()))
    })));
}

#[test]
fn a_denied_call_says_who_can_change_that() {
    let site = Site::new();
    std::fs::rename(site.path().join("venues.toml"), site.path().join("other.toml")).expect("renamed");
    let apply = ["apply", "-f", "other.toml", "--yes", "--artifact", "bootstrap"];
    const USER: &str = "User: arn:aws:iam::123456789012:user/ana is not authorized to perform: lambda:CreateFunction on resource: \
                        arn:aws:lambda:us-east-1:123456789012:function:sync-a ";
    for (code, message, parts) in [
        (
            "AccessDeniedException",
            "because no identity-based policy allows the lambda:CreateFunction action",
            &["`deployer iam-policy --manifest other.toml --for apply`", "function:sync-a"][..],
        ),
        (
            "AccessDeniedException",
            "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1",
            &[
                "the organization's service control policy (arn:aws:organizations::1:policy/",
                "denies `lambda:CreateFunction`",
            ],
        ),
        ("AccessDeniedException", "because no permissions boundary allows the action", &["whoever set the boundary"]),
        ("AccessDeniedException", "because no session policy allows the action", &["start one without it"]),
    ] {
        let message: &'static str = format!("{USER}{message}").leak();
        deny_functions(&site, code, message);
        let (exit, text) = site.run_deployer(&apply);
        assert_ne!(exit, 0, "{text}");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    deny_functions(
        &site,
        "TagPolicyException",
        "The tag policy does not allow the specified value for the tag key: 'a'.",
    );
    assert!(site.run_deployer(&apply).1.contains("the organization's tag policy"));
}

#[test]
fn a_move_has_a_policy_for_each_place() {
    let site = Site::new();
    let documents = |args: &[&str]| -> Vec<Value> {
        let lines = stdout_of(&site, &[&["iam-policy", "--for", "move", "--json"], args].concat());
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let to_region = documents(&["--to-region", "eu-west-1"]);
    let of_region = |region: &str| {
        let of = to_region.iter().filter(|line| line["region"] == region);
        of.map(|line| line["policy"].to_string()).collect::<String>()
    };
    let (there, here) = (of_region("us-east-1"), of_region("eu-west-1"));
    assert!(there.contains("lambda:DeleteFunction") && !there.contains("lambda:CreateFunction"), "{there}");
    assert!(there.contains("secretsmanager:GetSecretValue") && !there.contains("eu-west-1"), "{there}");
    assert!(here.contains("lambda:CreateFunction") && here.contains("secretsmanager:PutSecretValue"), "{here}");
    assert!(here.contains("arn:aws:lambda:eu-west-1:*:function:sync-*") && !here.contains("us-east-1"), "{here}");

    let to_account = documents(&["--to-account", "210987654321"]);
    let of_account = |account: &str| {
        let of = to_account.iter().filter(|line| line["account"] == account);
        of.map(|line| line["policy"].to_string()).collect::<String>()
    };
    let (there, here) = (of_account("*"), of_account("210987654321"));
    assert!(!there.contains("secretsmanager:GetSecretValue"), "values don't leave the account: {there}");
    assert!(here.contains("arn:aws:lambda:us-east-1:210987654321:function:sync-*"), "{here}");
    for (args, words) in [
        (&["--for", "plan", "--to-region", "eu-west-1"][..], "write `--for move`"),
        (&["--for", "move", "--to-region", "us-east-1"], "the deployment is there already"),
        (&["--for", "move", "--to-account", "2109"], "an account ID has twelve digits"),
    ] {
        let (code, text) = site.run_deployer(&[&["iam-policy"], args].concat());
        assert!(code == 2 && text.contains(words), "{text}");
    }
    let (code, text) = site.run_deployer(&["iam-policy", "--for", "move", "--to-account", "210987654321"]);
    assert!(code == 0 && text.contains("for a role of the former account, in us-east-1"), "{text}");
    assert!(text.contains("for a role of account 210987654321, in us-east-1") && text.contains("Part 1."), "{text}");
}
