//! Every way in which credentials can be missing or wrong, as processes: what is printed, and that every command says it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};

use crate::processes::Site;

/// The profiles of a machine.
const CONFIG: &str = "[default]\nregion = us-east-1\n\
    [profile keys]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n\
    [profile sso]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Deploy\n\
    [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.awsapps.com/start\n\
    [profile console]\nlogin_session = arn:aws:iam::123456789012:user/ana\n\
    [profile device]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = keys\n\
    mfa_serial = arn:aws:iam::123456789012:mfa/ana\n\
    [profile pod]\nrole_arn = arn:aws:iam::123456789012:role/pod\nweb_identity_token_file = /nowhere/token\n\
    [profile vault]\ncredential_process = sh -c \"exit 3\"\n\
    [profile empty]\nregion = us-east-1\n\
    [profile role-of-sso]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = sso\n";

/// The cached sign-in of the session `corp`: the file's name is the SHA-1 of the session's.
const CORP_CACHE: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

struct Machine {
    site: Site,
    home: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(home.path().join(".aws/sso/cache")).expect("it is created");
        std::fs::write(home.path().join(".aws/config"), CONFIG).expect("it is written");
        Self { site: Site::new(), home }
    }

    /// `deployer` without any credentials in its environment.
    fn deployer_command(&self, args: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = self.site.deployer_command(args);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("HOME", self.home.path()).envs(variables.iter().copied());
        command
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
        let output = self.deployer_command(args, variables).output().expect("it starts");
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
        (output.status.code().unwrap_or(-1), text)
    }
}

/// A row of the table: who it is, and with which variables and flags.
struct Row {
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    flags: &'static [&'static str],
}

const fn row(
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    flags: &'static [&'static str],
) -> Row {
    Row { name, variables, flags }
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];

const TABLE: &[Row] = &[
    row("nothing at all", &[("AWS_CONFIG_FILE", "/dev/null")], &[]),
    row("a default profile without credentials", &[], &[]),
    row("a profile that doesn't exist", &[("AWS_PROFILE", "nope")], &[]),
    row("a flag for a profile that doesn't exist, beside keys", &KEYS, &["--profile", "nope"]),
    row("a profile without credentials", &[], &["--profile", "empty"]),
    row("never signed in with SSO", &[("AWS_PROFILE", "sso")], &[]),
    row("a role assumed from an SSO profile", &[], &["--profile", "role-of-sso"]),
    row("`aws login`, never or expired", &[("AWS_PROFILE", "console")], &[]),
    row("an MFA device without a terminal", &[("AWS_PROFILE", "device")], &[]),
    row("a profile's token file that isn't there", &[("AWS_PROFILE", "pod")], &[]),
    row(
        "a variable's token file that isn't there",
        &[
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod"),
        ],
        &[],
    ),
    row("a credential process that fails", &[("AWS_PROFILE", "vault")], &[]),
];

/// What is said about the identity, without what depends on the machine.
fn said(text: &str, home: &Path) -> String {
    let lines = text.lines().filter(|line| !line.contains("permissions") && !line.contains("quotas"));
    lines.collect::<Vec<_>>().join("\n").replace(&home.display().to_string(), "HOME")
}

#[test]
fn each_identity_has_its_own_words_in_every_command() {
    let machine = Machine::new();
    let mut table = String::new();
    for Row { name, variables, flags } in TABLE {
        let args = |command: &[&'static str]| [command, flags].concat();
        let (code, text) = machine.run(&args(&["plan", "--artifact", "bootstrap"]), variables);
        assert_eq!(code, 1, "{name}: {text}");
        let cause = text.lines().find_map(|line| line.strip_prefix("  caused by: sts:GetCallerIdentity: "));
        let cause = cause.unwrap_or_else(|| panic!("{name}: {text}")).to_owned();
        let hint = text.lines().find_map(|line| line.strip_prefix("  hint: ")).unwrap_or_default().to_owned();
        for command in [
            &["doctor", "--only", "aws"][..],
            &["apply", "--yes", "--artifact", "bootstrap"],
            &["audit"],
            &["logs", "a"],
            &["unlock"],
        ] {
            let (code, text) = machine.run(&args(command), variables);
            assert!(code == 1 && text.contains(&cause), "{name}, {command:?}: {text}");
            assert!(text.contains(&hint), "{name}, {command:?}: {text}");
        }
        table.push_str(&format!("{name}\n{}\n", said(&text, machine.home.path())));
    }
    insta::assert_snapshot!("identities", table);
}

#[test]
fn an_expired_sso_sign_in_is_renewed_by_the_command_that_is_named() {
    let machine = Machine::new();
    let cached = r#"{"accessToken":"old","expiresAt":"2020-01-01T00:00:00Z","region":"us-east-1",
        "startUrl":"https://corp.awsapps.com/start"}"#;
    std::fs::write(machine.home.path().join(CORP_CACHE), cached).expect("it is written");
    let (code, text) = machine.run(&["plan", "--artifact", "bootstrap"], &[("AWS_PROFILE", "sso")]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("`aws sso login --profile sso`"), "{text}");
}

#[test]
fn the_flag_comes_before_keys_in_the_environment_and_those_before_the_variable() {
    let machine = Machine::new();
    let plan = ["plan", "--artifact", "bootstrap"];
    let key_of = |args: &[&str], variables: &[(&str, &str)]| {
        machine.site.cloud.forget_calls();
        let (code, text) = machine.run(args, variables);
        assert_eq!(code, 0, "{text}");
    };
    key_of(&[&plan[..], &["--profile", "keys"]].concat(), &[]);
    key_of(&[&plan[..], &["--profile", "keys"]].concat(), &KEYS);
    key_of(&plan, &[("AWS_PROFILE", "keys")]);
    // Keys in the environment win over AWS_PROFILE, as in every AWS tool.
    key_of(&plan, &[KEYS[0], KEYS[1], ("AWS_PROFILE", "nope")]);
}

#[test]
fn what_aws_rejects_is_mended_where_the_credentials_come_from() {
    let machine = Machine::new();
    machine.site.cloud.set_faults(Some(Arc::new(|call: &CloudCall| {
        let expired = CloudFault::Error(ApiError::new(403, "ExpiredToken", "The security token is expired"));
        (call.operation == "GetCallerIdentity").then_some(InjectedFault::Before(expired))
    })));
    let plan = ["plan", "--artifact", "bootstrap"];
    let (code, text) = machine.run(&plan, &KEYS);
    assert!(code == 1 && text.contains("AWS_SESSION_TOKEN are wrong or have expired"), "{text}");
    let (code, text) = machine.run(&plan, &[("AWS_PROFILE", "keys")]);
    assert!(code == 1 && text.contains("`aws configure --profile keys`"), "{text}");
}

#[test]
fn an_instance_whose_metadata_service_refuses_is_told_from_no_instance() {
    let machine = Machine::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let variables = [
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", address.as_str()),
    ];
    let (code, text) = machine.run(&["plan", "--artifact", "bootstrap"], &variables);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the instance's metadata service (IMDS) gave no credentials"), "{text}");
    assert!(text.contains("aws ec2 modify-instance-metadata-options"), "{text}");
}

#[test]
fn an_undeclared_venue_is_said_before_aws_is_asked() {
    let machine = Machine::new();
    for args in [
        &["invoke", "nope"][..],
        &["logs", "nope"],
        &["adopt", "nope"],
        &["secret", "set", "nope", "hubspot_token"],
        &["secret", "push", "nope"],
        &["secret", "status", "nope"],
        &["status", "nope"],
        &["doctor", "nope"],
    ] {
        let (code, text) = machine.run(args, &[("AWS_PROFILE", "nope")]);
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains("declares no venue nope") && !text.contains("AWS profile"), "{args:?}: {text}");
    }
}
