//! Planted credentials, echoed in every encoding by every call, through commands × formats: none is printed, and none is in
//! a file but the ones that are for them.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};

use crate::processes::Site;

/// What is planted: the values behind the manifest's references.
const CANARIES: [&str; 4] = ["token-of-a", "key-of-a", "token-of-b", "key-of-b"];

/// The calls that fail and echo. `*` is every call.
const FAILURES: [&str; 10] = [
    "",
    "*",
    "CreateSecret",
    "UpdateSecret",
    "PutSecretValue",
    "CreateFunction",
    "ListFunctions",
    "GetCallerIdentity",
    "ListSecrets",
    "GetAccountAuthorizationDetails",
];

const COMMANDS: [&str; 14] = [
    "validate",
    "plan --artifact bootstrap",
    "plan --artifact bootstrap --json",
    "plan --artifact bootstrap --format markdown",
    "plan --artifact bootstrap --format html",
    "plan --artifact bootstrap --out saved.json",
    "apply --yes --artifact bootstrap",
    "apply --yes --artifact bootstrap --json",
    "status",
    "status --json",
    "secret list",
    "secret push a --yes",
    "audit --out audit.json",
    "destroy --yes",
];

/// The forms in which a server can repeat a value.
fn forms_of(value: &str) -> [String; 5] {
    let percent: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    [
        value.to_owned(),
        STANDARD.encode(value),
        STANDARD.encode(format!("user:{value}")),
        value.replace('-', "%2D"),
        percent,
    ]
}

fn files_below(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        match entry.path() {
            path if path.is_dir() => files_below(&path, found),
            path => found.push(path),
        }
    }
}

#[test]
fn no_planted_credential_is_printed_or_written() {
    let (mut runs, mut hits) = (0, Vec::new());
    for failure in FAILURES {
        let site = Site::new();
        let echo: Vec<String> = CANARIES.iter().flat_map(|canary| forms_of(canary)).take(18).collect();
        let echo = format!("not valid: {}", echo.join(" "));
        site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
            (failure == "*" || call.operation == failure).then(|| {
                InjectedFault::Before(CloudFault::Error(ApiError::new(400, "ValidationException", echo.clone())))
            })
        })));
        for command in COMMANDS {
            let words: Vec<&str> = command.split(' ').collect();
            let (_, text) = site.run_deployer(&words);
            runs += 1;
            let mut texts = vec![(format!("{command} with {failure}"), text)];
            let mut files = Vec::new();
            files_below(site.path(), &mut files);
            texts.extend(files.into_iter().map(|path| {
                let content = std::fs::read(&path).expect("readable");
                (path.display().to_string(), String::from_utf8_lossy(&content).into_owned())
            }));
            for (place, text) in texts {
                // What was percent-encoded byte by byte is no form that any client writes.
                for form in CANARIES.iter().flat_map(|canary| forms_of(canary).into_iter().take(4)) {
                    if text.contains(&form) {
                        hits.push(format!("{form} in {place}:\n{text}"));
                    }
                }
            }
        }
    }
    println!("{runs} runs, {} hits", hits.len());
    assert!(hits.is_empty(), "{}", hits.join("\n"));
}
