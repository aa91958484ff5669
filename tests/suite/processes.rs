//! Commands as processes, against the embedded cloud on a socket: behavior that only a real process shows.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use deployer_cloud::{ApiError, AuthorizedCall, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::permissions::PolicyCommand;

use crate::permissions::record::{NeededPermission, PermissionRecord, usual_place};
use crate::world::two_venue_manifest;

/// A cloud on a socket, and a directory with a manifest.
pub struct Site {
    pub cloud: EmbeddedCloud,
    pub directory: tempfile::TempDir,
    address: String,
    permissions: PermissionRecord,
    /// Further accounts behind the same address.
    accounts: Mutex<Vec<EmbeddedCloud>>,
    _runtime: tokio::runtime::Runtime,
}

/// A command that needs more than its policy allows fails the test that ran it.
impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.permissions.check_calls(self.take_authorizations());
        }
    }
}

impl Site {
    /// A manifest with the venues `a` and `b`.
    pub fn new() -> Self {
        Self::in_account("123456789012")
    }

    pub fn in_account(account: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(8).enable_all().build();
        let runtime = runtime.expect("the runtime starts");
        let cloud = EmbeddedCloud::in_memory(CloudConfig { account: account.to_owned(), ..CloudConfig::default() });
        cloud.keep_authorizations();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        let served = cloud.clone();
        runtime.spawn(async move {
            served.serve_requests(listener, deployer_cloud::CloudAccess::AnyCredentials, std::future::pending()).await
        });
        let site = Self {
            cloud,
            directory: tempfile::tempdir().expect("a temporary directory is created"),
            address,
            permissions: PermissionRecord::default(),
            accounts: Mutex::default(),
            _runtime: runtime,
        };
        site.write_file("venues.toml", &two_venue_manifest("sync"));
        site.write_file("bootstrap", "#!/bin/sh\nexit 1\n");
        site
    }

    /// Another account, which a profile of this name is for, in the file `credentials`. A deployment may move there.
    pub fn add_account(&self, profile: &str, account: &str) -> EmbeddedCloud {
        let cloud = EmbeddedCloud::in_memory(CloudConfig { account: account.to_owned(), ..CloudConfig::default() });
        cloud.keep_authorizations();
        let key = self.permissions.add_run(vec![(usual_place(), PolicyCommand::MoveTo)]);
        self.cloud.add_account(&key, cloud.clone());
        let secret = "aws_secret_access_key = secret";
        self.write_file("credentials", &format!("[{profile}]\naws_access_key_id = {key}\n{secret}\n"));
        self.accounts.lock().expect("no panic").push(cloud.clone());
        cloud
    }

    /// What the requests since the last time needed, in all accounts.
    fn take_authorizations(&self) -> Vec<AuthorizedCall> {
        let accounts = self.accounts.lock().expect("no panic");
        let clouds = std::iter::once(&self.cloud).chain(accounts.iter());
        clouds.flat_map(EmbeddedCloud::take_authorizations).collect()
    }

    /// The address of the cloud.
    pub fn cloud_address(&self) -> &str {
        &self.address
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn write_file(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("it is written");
    }

    /// `deployer` in that directory and on that cloud, isolated from the environment.
    pub fn deployer_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        command.current_dir(self.path()).args(args).env_clear();
        // So that no sentence that a test looks for is wrapped.
        command.env("COLUMNS", "1000");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("AWS_ENDPOINT_URL", &self.address);
        command.env("AWS_ACCESS_KEY_ID", self.permissions.access_key(self.path(), args));
        command.env("AWS_SECRET_ACCESS_KEY", "secret").env("AWS_EC2_METADATA_DISABLED", "true");
        for venue in ["a", "b", "c"] {
            command.env(format!("TOKEN_{venue}"), format!("token-of-{venue}"));
            command.env(format!("KEY_{venue}"), format!("key-of-{venue}"));
        }
        command
    }

    /// What the commands that ran needed to be allowed. Whoever takes it checks it.
    pub fn take_permissions(&self) -> Vec<NeededPermission> {
        self.permissions.sort_calls(self.take_authorizations())
    }

    /// Runs a command to its end, and returns its exit code and everything it printed.
    pub fn run_deployer(&self, args: &[&str]) -> (i32, String) {
        let output = self.deployer_command(args).output().expect("it starts");
        crate::schemas::check_printed_lines(args, &String::from_utf8_lossy(&output.stdout));
        exit_and_output(&output)
    }

    /// The write calls since the last time this was called.
    pub fn take_write_calls(&self) -> Vec<String> {
        let writes = self.cloud.recorded_writes().into_iter().filter(|call| call.service != "sts");
        let writes = writes.map(|call| call.to_string()).collect();
        self.cloud.forget_calls();
        writes
    }

    pub fn run_apply(&self) -> (i32, String) {
        self.run_deployer(&APPLY)
    }

    fn spawn_deployer(&self, args: &[&str]) -> Child {
        self.deployer_command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// Blocks every call of `operation`: announces it on the receiver, then waits for the sender.
    pub fn hold_calls(&self, operation: &'static str) -> (Receiver<()>, Sender<()>) {
        hold_calls_of(&self.cloud, operation)
    }

    fn lock_names(&self) -> Vec<String> {
        let groups = self.cloud.with_context(|cx| cx.region_state().logs.groups.keys().cloned().collect::<Vec<_>>());
        groups.expect("the cloud's state is readable").into_iter().filter(|name| name.contains("/lock/")).collect()
    }
}

/// Holds this operation's calls of a cloud until the sender is dropped, and tells when one has arrived.
pub fn hold_calls_of(cloud: &EmbeddedCloud, operation: &'static str) -> (Receiver<()>, Sender<()>) {
    let (arrived, arrivals) = channel();
    let (let_go, permission) = channel::<()>();
    let permission = Mutex::new(permission);
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if call.operation == operation && arrived.send(()).is_ok() {
            // Dropping the sender releases all calls.
            let wait = || permission.lock().expect("no panic").recv();
            let _ = tokio::task::block_in_place(wait);
        }
        None
    })));
    (arrivals, let_go)
}

pub const APPLY: [&str; 4] = ["apply", "--yes", "--artifact", "bootstrap"];
const APPLY_OR_NOT: [&str; 6] = ["apply", "--yes", "--artifact", "bootstrap", "--lock-timeout", "0s"];

pub fn exit_and_output(output: &Output) -> (i32, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    (output.status.code().unwrap_or(-1), text)
}

fn wait_for_end(mut child: Child) -> (i32, String) {
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("it is text");
    child.stderr.take().expect("a pipe").read_to_string(&mut text).expect("it is text");
    (child.wait().expect("it ends").code().unwrap_or(-1), text)
}

/// Reads until a line says this.
pub fn wait_for_line(from: &mut impl std::io::BufRead, wanted: &str) {
    let mut line = String::new();
    while !line.contains(wanted) {
        line.clear();
        assert_ne!(from.read_line(&mut line).expect("it is text"), 0, "it says: {wanted}");
    }
}

#[cfg(unix)]
pub fn send_interrupt(child: &Child) {
    send_signal(child, "INT");
}

#[cfg(unix)]
fn send_signal(child: &Child, signal: &str) {
    let sent =
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

#[test]
fn second_apply_makes_no_write_call() {
    let site = Site::new();
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert_eq!(site.lock_names(), Vec::<String>::new(), "the lock is released");
    site.take_write_calls();
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new(), "{text}");
    assert!(text.contains("No changes"), "{text}");
}

#[test]
fn refuses_a_concurrent_apply_but_not_a_plan() {
    let site = Site::new();
    let (arrivals, let_go) = site.hold_calls("CreateFunction");
    let first = site.spawn_deployer(&APPLY);
    arrivals.recv().expect("the first apply is running");
    let (code, text) = site.run_deployer(&APPLY_OR_NOT);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("is locked: deployer apply by ") && text.contains("deployer unlock"), "{text}");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "a plan takes no lock: {text}");
    drop(let_go);
    let (code, text) = wait_for_end(first);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn concurrent_apply_waits_and_then_has_nothing_to_do() {
    let site = Site::new();
    let (arrivals, let_go) = site.hold_calls("CreateFunction");
    let first = site.spawn_deployer(&APPLY);
    arrivals.recv().expect("the first apply is running");
    let mut second = site.spawn_deployer(&["apply", "--yes", "--artifact", "bootstrap", "--json"]);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(second.stdout.take().expect("a pipe")));
    let waits = |line: &String| line.contains(r#""type":"waiting""#) && line.contains("deployer apply by ");
    assert!(lines.by_ref().map(|line| line.expect("it is text")).any(|line| waits(&line)), "it says whom it waits for");
    drop(let_go);
    let (code, text) = wait_for_end(first);
    assert_eq!(code, 0, "{text}");
    let rest: Vec<String> = lines.map(|line| line.expect("it is text")).collect();
    assert_eq!(second.wait().expect("it ends").code(), Some(0), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains(r#""type":"summary""#) && line.contains(r#""create":0"#)), "{rest:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_calls_in_flight_releases_the_lock_and_lists_what_is_left() {
    stops_and_lists_what_is_left("INT");
}

#[cfg(unix)]
#[test]
fn a_closed_terminal_stops_an_apply_as_ctrl_c_does() {
    stops_and_lists_what_is_left("HUP");
}

#[cfg(unix)]
fn stops_and_lists_what_is_left(signal: &str) {
    let site = Site::new();
    let (arrivals, let_go) = site.hold_calls("CreateFunction");
    let child = site.spawn_deployer(&APPLY);
    arrivals.recv().expect("the apply is running");
    send_signal(&child, signal);
    // The call may continue only once the process has seen the signal, which it announces.
    let mut child = child;
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    wait_for_line(&mut stderr, "Finishing the calls in flight");
    drop(let_go);
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("it is text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{text}");
    assert!(text.contains("Canceled") && text.contains("not started  a/alias"), "{text}");
    assert!(text.contains("To continue, run: `deployer apply --artifact bootstrap`"), "{text}");
    assert_eq!(site.lock_names(), Vec::<String>::new(), "the lock is released");
    let created = site.cloud.recorded_calls().iter().filter(|call| call.operation == "CreateAlias").count();
    assert_eq!(created, 0, "nothing new was started");
    site.cloud.set_faults(None);
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
}

#[cfg(unix)]
#[test]
fn second_ctrl_c_stops_immediately_and_the_next_apply_can_continue() {
    let site = Site::new();
    let (arrivals, let_go) = site.hold_calls("CreateFunction");
    let mut child = site.spawn_deployer(&APPLY);
    arrivals.recv().expect("the apply is running");
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    send_interrupt(&child);
    wait_for_line(&mut stderr, "Finishing the calls in flight");
    send_interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    site.cloud.set_faults(None);
    drop(let_go);
    assert_eq!(site.lock_names().len(), 1, "nobody released it");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "a plan ignores an abandoned lock: {text}");
    let (code, text) = site.run_deployer(&APPLY_OR_NOT);
    assert_eq!(code, 0, "its holder died on this machine: {text}");
    assert_eq!(site.lock_names(), Vec::<String>::new());
}

#[test]
fn unlock_shows_the_holder_asks_and_removes_the_lock() {
    let site = Site::new();
    let (arrivals, let_go) = site.hold_calls("CreateFunction");
    let mut child = site.spawn_deployer(&APPLY);
    arrivals.recv().expect("the apply is running");
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    site.cloud.set_faults(None);
    drop(let_go);
    let (code, text) = site.run_deployer(&["unlock"]);
    assert_eq!(code, 2, "without a terminal it needs --yes: {text}");
    assert!(text.contains("is locked: deployer apply by "), "{text}");
    assert_eq!(site.lock_names().len(), 1, "the lock still exists");
    let (code, text) = site.run_deployer(&["unlock", "--yes"]);
    assert_eq!((code, site.lock_names()), (0, Vec::new()), "{text}");
    let (code, text) = site.run_deployer(&["unlock"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("isn't locked"), "{text}");
}

#[test]
fn failed_venue_does_not_stop_the_others_and_the_next_apply_completes_it() {
    let site = Site::new();
    let refused = std::sync::atomic::AtomicBool::new(false);
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let first = call.operation == "CreateFunction" && !refused.swap(true, std::sync::atomic::Ordering::SeqCst);
        let denied = || ApiError::new(403, "AccessDeniedException", "not authorized to perform lambda:CreateFunction");
        first.then(|| InjectedFault::Before(CloudFault::Error(denied())))
    })));
    let (code, text) = site.run_apply();
    assert_eq!(code, 4, "{text}");
    let line = text.lines().find(|line| line.starts_with("Incomplete:")).expect("a summary");
    assert!(line.contains("10 created, 1 failed, 3 not started"), "{text}");
    assert!(text.contains("let the credentials in use do `lambda:CreateFunction`"), "{text}");
    assert!(
        text.contains("Once the failures above are resolved, run: `deployer apply --artifact bootstrap`"),
        "{text}"
    );
    assert_eq!(site.lock_names(), Vec::<String>::new(), "the lock is released");
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run_apply();
    assert!(code == 0 && text.contains("No changes"), "{text}");
}

#[test]
fn refuses_a_manifest_without_venues_despite_max_delete() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    site.write_file("venues.toml", "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["apply", "--yes", "--artifact", "bootstrap", "--max-delete", "9"]);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("deployer destroy"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&["destroy", "--yes"]);
    assert_eq!(code, 0, "{text}");
}
