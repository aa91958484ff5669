//! Every command once, for real: each of its lines is as its schema says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{SCHEMAS, check_line};
use crate::local::DevProcess;
use crate::processes::Site;

/// The kinds of lines that were seen, by command.
#[derive(Default)]
struct SeenLines(BTreeMap<String, BTreeSet<String>>);

impl SeenLines {
    fn check_lines(&mut self, command_line: &str, stdout: &str) {
        let command = command_line.split(' ').next().unwrap_or_default();
        for line in stdout.lines() {
            check_line(command, line).unwrap_or_else(|why| panic!("{command_line}: {why}\n{line}"));
            let value: Value = serde_json::from_str(line).expect("it was checked");
            let kind = value["type"].as_str().expect("it was checked").to_owned();
            self.0.entry(command.to_owned()).or_default().insert(kind);
        }
    }

    fn run_on_site(&mut self, site: &Site, lines: &[&str]) {
        for line in lines {
            let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
            let output = site.deployer_command(&words).output().expect("it starts");
            self.check_lines(line, &String::from_utf8_lossy(&output.stdout));
        }
    }

    fn run_in_dev(&mut self, dev: &DevProcess, lines: &[&str]) {
        for line in lines {
            let output = dev.local_output(&format!("{line} --json"));
            self.check_lines(line, &String::from_utf8_lossy(&output.stdout));
        }
    }
}

/// On a site without vendors.
const ON_SITE: [&str; 30] = [
    "explain locked",
    "validate",
    "fmt --check",
    "plan --artifact bootstrap",
    "plan --artifact bootstrap --out saved.plan",
    "apply --yes --artifact bootstrap",
    "secret status --compare",
    "secret push --yes",
    "status",
    "report",
    "report --out report.html",
    "doctor",
    "iam-policy",
    "package --artifact bootstrap --out written.zip",
    "venue list",
    "venue show a",
    "venue pause a",
    "venue resume a",
    "verify --isolation",
    "verify --isolation --offline",
    "audit",
    "move --to-region eu-west-1 --dry-run --artifact bootstrap",
    "rollback a --yes",
    "adopt a --yes --artifact bootstrap",
    "unlock --yes",
    "audit --sample --local --out audit.json",
    "decommission audit.json --stale --archive old --yes --local",
    "restore old hubspot-webhook-handler --yes --local",
    "venue rename a c",
    "destroy --yes",
];

/// In a running `dev`, whose vendors are sandboxes.
const IN_DEV: [&str; 8] = [
    "invoke venue-a",
    "invoke venue-a --dry-run --show-contacts",
    "status",
    "logs venue-a",
    "retry venue-a --dry-run",
    "verify venue-a --now",
    "duplicates venue-a --out duplicates",
    "migrate-flag --from hs_lead_status --to venue-b --dry-run",
];

#[test]
fn real_output_of_every_command_satisfies_its_schema() {
    let mut seen = SeenLines::default();
    seen.run_on_site(&Site::new(), &ON_SITE);
    let dev = DevProcess::start_dev();
    seen.check_lines("dev", &dev.first_lines.join("\n"));
    seen.run_in_dev(&dev, &IN_DEV);
    for name in SCHEMAS.names() {
        let command = name.trim_end_matches(".v1.json");
        // A consent needs a browser: the tests of `connect` check its lines. A flag is moved in the tests of its command.
        if !["lines", "connect", "migrate-flag", "rollback"].contains(&command) {
            assert!(seen.0.contains_key(command), "{command} printed nothing: {:?}", seen.0);
        }
    }
    let kinds = |command: &str| seen.0[command].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(kinds("dev"), ["run", "started"]);
    assert_eq!(kinds("invoke"), ["invoked"]);
    assert!(kinds("apply").contains(&"done") && kinds("status").contains(&"venue_status"), "{:?}", seen.0);
}
