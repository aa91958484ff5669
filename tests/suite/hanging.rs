//! Servers that accept a connection and never answer: every command ends, and says which call it waited for.

use std::net::TcpListener;

use clap::CommandFactory;

use crate::processes::Site;

/// A port whose connections are accepted and never answered, until it is dropped.
pub struct SilentServer {
    listener: TcpListener,
}

impl SilentServer {
    pub fn new() -> Self {
        // The system completes connections that nobody accepts, up to its backlog.
        Self { listener: TcpListener::bind(("127.0.0.1", 0)).expect("a port is free") }
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("the listener has an address"))
    }
}

fn run_deployer(site: &Site, args: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = site.deployer_command(args);
    command.envs(variables.iter().copied()).env("DEPLOYER_CALL_TIMEOUT", "0.2").env("DEPLOYER_NOTICE_AFTER", "0.05");
    let output = command.output().expect("it starts");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn every_command_ends_without_an_answer_and_names_the_call() {
    let (site, silent) = (Site::new(), SilentServer::new());
    let address = silent.address();
    for args in [
        &["plan", "--artifact", "bootstrap"][..],
        &["apply", "--yes", "--artifact", "bootstrap"],
        &["destroy", "--yes"],
        &["status"],
        &["doctor", "--only", "aws"],
        &["audit"],
        &["unlock", "--yes"],
        &["logs", "a"],
    ] {
        let (code, text) = run_deployer(&site, args, &[("AWS_ENDPOINT_URL", &address)]);
        let expected = if ["doctor", "status"].contains(&args[0]) { 3 } else { 1 };
        assert_eq!(code, expected, "{args:?}: {text}");
        assert!(text.contains("sts:GetCallerIdentity: no answer came in time"), "{args:?}: {text}");
        assert!(text.contains("check the network"), "{args:?}: {text}");
        assert!(text.contains("Waiting for sts:GetCallerIdentity"), "{args:?}: {text}");
    }
}

/// Nothing says for which commands it is told what they wait for: it is told for all of them.
#[test]
fn every_command_that_calls_aws_says_what_it_waits_for() {
    let (site, silent) = (Site::new(), SilentServer::new());
    let address = silent.address();
    let waiting = [
        &["adopt", "a", "--yes", "--artifact", "bootstrap"][..],
        &["report"],
        &["rollback", "a", "--yes"],
        &["invoke", "a"],
        &["secret", "status", "a"],
        &["verify", "a", "--now"],
        &["retry", "a", "--failed"],
    ];
    let of_the_other_test = ["plan", "apply", "destroy", "status", "doctor", "audit", "unlock", "logs"];
    // They need what others have written before: an archive, an application for a consent, or leads at the destination.
    let need_more = ["move", "connect", "duplicates", "decommission", "restore"];
    for command in deployer::cli::Cli::command().get_subcommands() {
        let name = command.get_name();
        let policy = deployer_core::permissions::PolicyCommand::ALL.iter().any(|known| known.name() == name);
        let known = waiting.iter().any(|args| args[0] == name) || of_the_other_test.contains(&name);
        assert!(known || need_more.contains(&name) || !policy, "{name} is in neither list");
    }
    for args in waiting {
        let (_, text) = run_deployer(&site, args, &[("AWS_ENDPOINT_URL", &address)]);
        assert!(text.contains("Waiting for sts:GetCallerIdentity"), "{args:?}: {text}");
    }
}

#[test]
fn a_plan_names_the_one_service_that_never_answers() {
    let (site, silent) = (Site::new(), SilentServer::new());
    let variables = [("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", silent.address())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (code, text) = run_deployer(&site, &["plan", "--artifact", "bootstrap"], &variables);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("logs:DescribeLogGroups: no answer came in time"), "{text}");
}
