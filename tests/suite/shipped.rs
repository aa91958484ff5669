//! The deployer as it is shipped, for benchmarks: the program that `BENCH_DEPLOYER` names, as a process.

use std::path::PathBuf;
use std::process::Stdio;

/// Every service that has calls in an apply or a plan, as variables name it. With one variable for all, calls aren't
/// spaced, since the endpoint isn't AWS's.
const SERVICES: [&str; 11] = [
    "CLOUDWATCH",
    "CLOUDWATCH_LOGS",
    "EVENTBRIDGE",
    "IAM",
    "LAMBDA",
    "RESOURCE_GROUPS_TAGGING_API",
    "SCHEDULER",
    "SECRETS_MANAGER",
    "SERVICE_QUOTAS",
    "SNS",
    "STS",
];

/// A program, and a directory with a manifest.
pub struct ShippedDeployer {
    program: PathBuf,
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl ShippedDeployer {
    /// The program of the environment, if it names one.
    pub fn from_environment(manifest: &str, venues: &[String], aws: &str, hubspot_token: &str) -> Option<Self> {
        let program = PathBuf::from(std::env::var_os("BENCH_DEPLOYER")?);
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("venues.toml"), manifest).expect("the manifest is written");
        std::fs::write(directory.path().join("bootstrap"), "#!/bin/sh\nexit 1\n").expect("the function is written");
        let mut variables: Vec<(String, String)> =
            SERVICES.map(|service| (format!("AWS_ENDPOINT_URL_{service}"), aws.to_owned())).into();
        let credentials =
            [("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local"), ("ADMIN_TOKEN", hubspot_token)];
        variables.extend(credentials.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for venue in venues {
            variables.extend(["TOKEN", "KEY"].map(|name| (format!("{name}_{venue}"), format!("made-up-{venue}"))));
        }
        Some(Self { program, directory, variables })
    }

    /// Runs a command, which must succeed. Returns its largest memory in MB, sampled while it runs.
    pub async fn run(&self, words: &[&str]) -> u64 {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(words).args(["--artifact", "bootstrap"]).current_dir(self.directory.path()).env_clear();
        command.envs(self.variables.iter().cloned()).env("HOME", self.directory.path());
        let printed = std::fs::File::create(self.directory.path().join("printed")).expect("a file");
        command.stdout(printed.try_clone().expect("a file")).stderr(printed).stdin(Stdio::null());
        let mut child = command.spawn().expect("BENCH_DEPLOYER names a program");
        let status = format!("/proc/{}/status", child.id().expect("it runs"));
        let mut most_kb = 0_u64;
        let ended = loop {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kb = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
            most_kb = most_kb.max(kb.unwrap_or_default());
            tokio::select! {
                ended = child.wait() => break ended.expect("it ends"),
                () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
            }
        };
        let printed = std::fs::read_to_string(self.directory.path().join("printed")).unwrap_or_default();
        assert!(ended.success(), "{words:?} ended with {ended}: {printed}");
        // What Linux calls kB has 1,024 bytes.
        (most_kb * 1024).div_ceil(1_000_000)
    }
}
