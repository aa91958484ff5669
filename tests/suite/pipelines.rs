//! The pipelines that `init --ci` writes: checked by the hosts' schemas and actionlint, and their commands run as they
//! stand, on moto, with the deployer from the release archive. Only the hosts' own programs are replaced.
#![cfg_attr(servers_off, allow(dead_code))]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::assertions::assert_contains;
use crate::installed::release_archive;
use crate::processes::exit_and_output;
use crate::servers::{check_pipeline, start_moto};

/// A repository with a manifest and a pipeline, and programs that record how they were called.
struct Repository {
    room: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    pipeline: Value,
}

impl Repository {
    async fn new(host: &str, file: &str) -> Self {
        let archive = release_archive().await;
        let sum = Sha256::digest(std::fs::read(archive).expect("the archive can be read"));
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let room = tempfile::tempdir().expect("a directory");
        let manifest = format!(
            "[deployment]\nname   = \"pipeline-{host}\"\nregion = \"us-east-1\"\n\n[venues.loft-{host}]\ndisplay_name = \"Loft\"\n\
             [venues.loft-{host}.secrets]\nhubspot_token         = \"env:LOFT_TOKEN\"\ntripleseat_public_key = \"env:LOFT_KEY\"\n\
             [venues.loft-{host}.destination]\nkind = \"tripleseat\"\n"
        );
        std::fs::write(room.path().join("venues.toml"), manifest).expect("the manifest can be written");
        let init =
            Command::new(env!("CARGO_BIN_EXE_deployer")).args(["init", "--ci", host]).current_dir(room.path()).output();
        let (code, printed) = exit_and_output(&init.expect("deployer starts"));
        assert_eq!(code, 0, "{printed}");
        let pipeline = check_pipeline(host, &room.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let moto = start_moto().await;
        let temporary = room.path().join("tmp");
        std::fs::create_dir(&temporary).expect("the directory can be made");
        let variables = [
            ("AWS_ENDPOINT_URL", moto.uri.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("DEPLOYER_URL", format!("file://{}", archive.display())),
            ("DEPLOYER_SHA256", sum),
            ("HOME", room.path().display().to_string()),
            ("RUNNER_TEMP", temporary.display().to_string()),
            ("GITHUB_PATH", room.path().join("github_path").display().to_string()),
        ];
        let repository = Self {
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
            room,
            pipeline,
        };
        repository.write_program("gh", "case \"$*\" in *'issue list'*) exit 0;; esac");
        // Only what goes to the host is recorded; the archive is a file.
        repository.write_program("curl", "case \"$*\" in *file://*) exec /usr/bin/curl \"$@\";; esac");
        repository
    }

    fn programs(&self) -> PathBuf {
        self.room.path().join("programs")
    }

    fn write_program(&self, name: &str, script: &str) {
        let path = self.programs().join(name);
        std::fs::create_dir_all(self.programs()).expect("the directory can be made");
        let calls = self.room.path().join("calls").display().to_string();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\necho \"{name} $*\" >> {calls}\n"))
            .expect("it can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it can be made executable");
    }

    /// What was asked of the host since the last time.
    fn take_calls(&self) -> String {
        let path = self.room.path().join("calls");
        let calls = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        calls
    }

    fn edit_manifest(&self, from: &str, to: &str) {
        let path = self.room.path().join("venues.toml");
        let text = std::fs::read_to_string(&path).expect("the manifest can be read");
        std::fs::write(path, text.replace(from, to)).expect("the manifest can be written");
    }

    /// Runs a script as the host does, and returns the exit code and what was printed.
    fn run_script(&self, script: &str, environment: &BTreeMap<String, String>) -> (i32, String) {
        let installed = std::fs::read_to_string(self.room.path().join("github_path")).unwrap_or_default();
        let path = format!("{}:{}:/usr/bin:/bin", self.programs().display(), installed.trim().replace('\n', ":"));
        let mut bash = Command::new("bash");
        bash.args(["-e", "-o", "pipefail", "-c", script]).current_dir(self.room.path());
        bash.env_clear().env("PATH", path).envs(&self.variables).envs(environment);
        exit_and_output(&bash.output().expect("bash is there"))
    }

    /// Runs the commands of a GitHub job, without the actions of others.
    fn run_github_job(&self, name: &str) -> (i32, String) {
        let _ = std::fs::remove_file(self.room.path().join("github_path"));
        let of_workflow = github_environment(&self.pipeline["env"]);
        let mut printed = String::new();
        for step in self.pipeline["jobs"][name]["steps"].as_array().expect("a job has steps") {
            let Some(script) = step["run"].as_str() else { continue };
            let mut environment = of_workflow.clone();
            environment.extend(github_environment(&step["env"]));
            // An action would have set these.
            environment.extend([
                ("AWS_ACCESS_KEY_ID".to_owned(), "pipeline".to_owned()),
                ("AWS_SECRET_ACCESS_KEY".to_owned(), "pipeline".to_owned()),
            ]);
            environment.retain(|_, value| !value.is_empty());
            let (code, output) = self.run_script(script, &environment);
            printed.push_str(&output);
            if code != 0 {
                return (code, printed);
            }
        }
        (0, printed)
    }

    /// Runs the commands of a GitLab job.
    fn run_gitlab_job(&self, name: &str) -> (i32, String) {
        let job = &self.pipeline[name];
        let parent = job["extends"].as_str().expect("a job extends another");
        let mut lines = Vec::new();
        for line in self.pipeline[parent]["before_script"].as_array().expect("it installs the deployer") {
            match line {
                Value::String(line) => lines.push(line.clone()),
                reference => {
                    let (job, key) = (reference[0].as_str().expect("a job"), reference[1].as_str().expect("a key"));
                    lines.extend(script_lines(&self.pipeline[job][key]));
                }
            }
        }
        lines.extend(script_lines(&job["script"]));
        let mut environment = BTreeMap::from([
            ("DEPLOYER_PLAN_ROLE".to_owned(), "arn:aws:iam::123456789012:role/plan".to_owned()),
            ("DEPLOYER_APPLY_ROLE".to_owned(), "arn:aws:iam::123456789012:role/apply".to_owned()),
            ("DEPLOYER_GITLAB_TOKEN".to_owned(), "glpat".to_owned()),
            ("AWS_IDENTITY_TOKEN".to_owned(), "header.payload.signature".to_owned()),
            ("CI_API_V4_URL".to_owned(), "https://gitlab.example.com/api/v4".to_owned()),
            ("CI_PROJECT_ID".to_owned(), "11".to_owned()),
            ("CI_MERGE_REQUEST_IID".to_owned(), "7".to_owned()),
            ("CI_PIPELINE_ID".to_owned(), "3".to_owned()),
            ("LOFT_TOKEN".to_owned(), "t".to_owned()),
            ("LOFT_KEY".to_owned(), "k".to_owned()),
        ]);
        for variables in [&self.pipeline["variables"], &job["variables"]] {
            for (name, value) in variables.as_object().into_iter().flatten() {
                let value = value.as_str().expect("a variable is a text");
                // A reference to one of the project's variables, also inside a text.
                let known: Vec<_> =
                    environment.iter().map(|(name, value)| (format!("${name}"), value.clone())).collect();
                let value = known.iter().fold(value.to_owned(), |text, (name, value)| text.replace(name, value));
                environment.insert(name.clone(), value);
            }
        }
        // A container has a /tmp of its own.
        let script = lines.join("\n").replace("/tmp/", &format!("{}/", self.variables["RUNNER_TEMP"]));
        self.run_script(&script, &environment)
    }
}

fn script_lines(value: &Value) -> Vec<String> {
    let lines = value.as_array().expect("a script is a list");
    lines.iter().map(|line| line.as_str().expect("of texts").to_owned()).collect()
}

/// The values of GitHub's expressions: secrets have their names in small letters.
fn github_environment(declared: &Value) -> BTreeMap<String, String> {
    let declared = declared.as_object().into_iter().flatten();
    let value_of = |text: &str| match text.strip_prefix("${{ ").and_then(|text| text.strip_suffix(" }}")) {
        None => Some(text.to_owned()),
        Some("github.token") => Some("token".to_owned()),
        Some("github.event.pull_request.number") => Some("7".to_owned()),
        Some(expression) if expression.starts_with("vars.") => None,
        Some("secrets.HUBSPOT_ADMIN_TOKEN") => Some(String::new()),
        Some(expression) => Some(expression.strip_prefix("secrets.").expect("nothing else is used").to_lowercase()),
    };
    declared
        .filter_map(|(name, value)| Some((name.clone(), value_of(value.as_str().expect("a variable is a text"))?)))
        .collect()
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn github_plans_applies_and_reports_drift() {
    let repository = Repository::new("github", ".github/workflows/deployer.yml").await;
    assert_eq!(repository.pipeline["jobs"]["apply"]["steps"][3]["env"]["LOFT_KEY"], "${{ secrets.LOFT_KEY }}");
    let (code, printed) = repository.run_github_job("validate");
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = repository.run_github_job("plan");
    assert_eq!(code, 0, "{printed}");
    assert_contains(repository.take_calls(), "gh pr comment 7 --body-file plan.md --edit-last --create-if-none");
    let plan = std::fs::read_to_string(repository.room.path().join("plan.md")).expect("a plan was written");
    assert_contains(&plan, "loft");
    let (code, printed) = repository.run_github_job("apply");
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "Done");
    let (code, printed) = repository.run_github_job("drift");
    assert_eq!((code, repository.take_calls()), (0, String::new()), "{printed}");
    repository.edit_manifest("display_name = \"Loft\"", "display_name = \"Loft\"\nmemory_mb    = 256");
    let (code, printed) = repository.run_github_job("drift");
    assert_eq!(code, 0, "{printed}");
    assert_contains(
        repository.take_calls(),
        "gh issue create --title AWS differs from the manifest --body-file drift.md",
    );
    // A mistake is neither drift nor success.
    repository.edit_manifest("memory_mb    = 256", "memory_mb = \"much\"");
    let (code, printed) = repository.run_github_job("drift");
    assert_eq!(code, 2, "{printed}");
    let (code, printed) = repository.run_github_job("validate");
    assert_eq!(code, 2, "{printed}");
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn gitlab_plans_applies_and_reports_drift() {
    let repository = Repository::new("gitlab", ".gitlab-ci.yml").await;
    let (code, printed) = repository.run_gitlab_job("validate");
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = repository.run_gitlab_job("plan");
    assert_eq!(code, 0, "{printed}");
    assert_contains(repository.take_calls(), "https://gitlab.example.com/api/v4/projects/11/merge_requests/7/notes");
    let (code, printed) = repository.run_gitlab_job("apply");
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = repository.run_gitlab_job("drift");
    assert_eq!((code, repository.take_calls()), (0, String::new()), "{printed}");
    repository.edit_manifest("display_name = \"Loft\"", "display_name = \"Loft\"\nmemory_mb    = 256");
    let (code, printed) = repository.run_gitlab_job("drift");
    assert_eq!(code, 0, "{printed}");
    assert_contains(repository.take_calls(), "https://gitlab.example.com/api/v4/projects/11/issues");
}

#[test]
fn an_existing_pipeline_is_overwritten_only_with_force() {
    let room = tempfile::tempdir().expect("a directory");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("venues.toml"), room.path().join("venues.toml"))
        .expect("a copy");
    std::fs::write(room.path().join(".gitlab-ci.yml"), "mine").expect("it can be written");
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        // So that no sentence that a test looks for is wrapped.
        command.env("COLUMNS", "1000");
        command.args(["init", "--ci", "gitlab"]).args(more).current_dir(room.path());
        exit_and_output(&command.output().expect("deployer starts"))
    };
    let pipeline = || std::fs::read_to_string(room.path().join(".gitlab-ci.yml")).expect("it is there");
    let (code, printed) = run(&[]);
    assert_eq!((code, pipeline().as_str()), (2, "mine"), "{printed}");
    let (code, printed) = run(&["--force"]);
    assert_eq!(code, 0, "{printed}");
    assert_contains(pipeline(), "deployer plan --format markdown");
}
