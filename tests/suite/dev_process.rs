//! A running `deployer dev`, for tests of what it does and of the commands that use it.

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A directory with a manifest, and `dev` running with it.
pub struct DevProcess {
    pub directory: tempfile::TempDir,
    child: Child,
    /// `None` once nobody reads its output any more.
    lines: Option<Lines<BufReader<ChildStdout>>>,
    started: Value,
    client: reqwest::Client,
}

impl DevProcess {
    /// Starts `dev --json --port 0` with the repository's example of a manifest.
    pub fn start_dev(more: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory is created");
        std::fs::write(directory.path().join("venues.toml"), include_str!("../../venues.toml")).expect("it is written");
        let mut child = dev_command(&directory, &[&["dev", "--json", "--port", "0"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let client = sync_lambda::http::build_client().expect("TLS is available");
        let mut dev = Self { directory, child, lines: Some(lines), started: Value::Null, client };
        dev.started = dev.next_line("started", |_| true);
        dev
    }

    /// The next line of this type that is as wanted; the lines before it are skipped.
    pub fn next_line(&mut self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let lines = self.lines.as_mut().expect("the output is still read");
        let mut lines = lines.map(|line| line.expect("it is text"));
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("dev ended before a line of type {kind}"));
            let line: Value = serde_json::from_str(&line).expect("it is valid JSON");
            if line["type"] == kind && wanted(&line) {
                return line;
            }
        }
    }

    /// Reads the rest of the output, so that the pipe never fills up.
    pub fn ignore_output(&mut self) {
        if let Some(lines) = self.lines.take() {
            std::thread::spawn(move || lines.for_each(drop));
        }
    }

    /// The address of `page`, `aws`, `hubspot` or `tripleseat`.
    pub fn address(&self, server: &str) -> &str {
        self.started[server].as_str().expect("an address")
    }

    pub fn manifest_path(&self) -> PathBuf {
        self.directory.path().join("venues.toml")
    }

    /// Replaces a text of the manifest, and returns what `dev` says about the edit.
    pub fn edit_manifest(&mut self, from: &str, to: &str) -> Value {
        let text = std::fs::read_to_string(self.manifest_path()).expect("it can be read");
        assert!(text.contains(from), "{from}");
        std::fs::write(self.manifest_path(), text.replacen(from, to, 1)).expect("it can be written");
        self.next_line("edit", |_| true)
    }

    /// Another command in the same directory; its exit code and output.
    pub fn run_deployer(&self, args: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
        let output = dev_command(&self.directory, args).envs(environment.iter().copied()).output().expect("it starts");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    pub fn run_verify(&self, args: &[&str]) -> (i32, String) {
        self.run_deployer(&[&["verify", "--local"], args].concat(), &[])
    }

    /// What the page's server answers to `GET`.
    pub async fn get_json(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.address("page"))).send().await.expect("an answer");
        answer.json().await.expect("it is JSON")
    }

    /// What the page's server answers to `POST`: its status and body.
    pub async fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.address("page"))).json(body);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("it is JSON"))
    }

    /// Adds a contact that has everything a lead needs, flagged for these venues. Returns its id.
    pub async fn add_contact(&self, email: &str, venues: &[&str]) -> String {
        let contact = json!({
            "firstname": "Grace", "lastname": "Hopper", "email": email, "phone": "555-0142", "venues": venues,
        });
        let (status, answer) = self.post_json("/api/contacts", &contact).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// Runs a venue by the page's button, and returns the run.
    pub async fn run_venue(&mut self, venue: &str) -> Value {
        let path = format!("/api/venues/{venue}/run");
        loop {
            let (status, answer) = self.post_json(&path, &json!({})).await;
            if status == 202 {
                return self.next_line("run", |run| run["venue"] == venue && run["origin"] == "page");
            }
            assert!(answer["error"].as_str().is_some_and(|why| why.contains("is running already")), "{answer}");
        }
    }

    /// Runs a venue until a run finds something: searches lag a little.
    pub async fn sync_venue(&mut self, venue: &str) -> Value {
        for _ in 0..1000 {
            let run = self.run_venue(venue).await;
            if run["searched"] != 0 || run["outcome"] != "ok" {
                return run;
            }
        }
        panic!("no run of {venue} found anything")
    }
}

impl Drop for DevProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `deployer` in a directory, without environment variables that could change what it does.
pub fn dev_command(directory: &tempfile::TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    // So that no sentence that a test looks for is wrapped.
    command.env("COLUMNS", "1000");
    command.current_dir(directory.path()).args(args);
    for name in ["DEPLOYER_MANIFEST", "AWS_ENDPOINT_URL", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    command
}
