//! One process of a function, from start to end. It handles one event at a time.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::RuntimeConfig;
use super::api::{PendingEvent, ProcessReply, RuntimeApi};
use crate::{Invocation, InvocationResult};
use deployer_artifact as artifact;

/// How long to wait for the last lines after the response. Lines still in a pipe arrive almost at once.
const LAST_LINES: Duration = Duration::from_millis(10);

/// How often a program that is busy is tried again, and after which pause.
const BUSY_ATTEMPTS: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// A process and the API that it talks to.
#[derive(Debug)]
pub(super) struct FunctionProcess {
    child: Child,
    api: RuntimeApi,
    lines: Arc<Mutex<Vec<String>>>,
    started: Option<Instant>,
}

/// Starts a program that was just written. If another thread forked while the file was open for writing, its child inherited
/// the open file and keeps it until it execs. Until then, executing the file fails with `ETXTBSY`.
async fn spawn_written_program(command: &mut Command) -> io::Result<Child> {
    for _ in 0..BUSY_ATTEMPTS {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => tokio::time::sleep(BUSY_PAUSE).await,
            ended => return ended,
        }
    }
    command.spawn()
}

/// Invocations with the same key can share a process.
pub(super) fn process_key(invocation: &Invocation) -> String {
    let mut hasher = DefaultHasher::new();
    (&invocation.environment, invocation.memory_mb, &invocation.handler).hash(&mut hasher);
    format!("{}:{}:{}:{:x}", invocation.function_name, invocation.version, invocation.code_sha256, hasher.finish())
}

impl FunctionProcess {
    pub(super) async fn start_process(config: &RuntimeConfig, invocation: &Invocation) -> io::Result<Self> {
        let directory = unpack_code(config, invocation).await?;
        let api = RuntimeApi::start_server().await?;
        let mut command = Command::new(directory.join(artifact::BOOTSTRAP));
        command
            .current_dir(&directory)
            .env_clear()
            .envs(&invocation.environment)
            .envs(lambda_environment(config, invocation, &directory, &api.address))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = spawn_written_program(&mut command).await?;
        let lines = Arc::default();
        if let Some(stdout) = child.stdout.take() {
            collect_lines(stdout, &lines);
        }
        if let Some(stderr) = child.stderr.take() {
            collect_lines(stderr, &lines);
        }
        Ok(Self { child, api, lines, started: Some(Instant::now()) })
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs one invocation. Also returns whether the process can handle another.
    pub(super) async fn run_invocation(&mut self, invocation: &Invocation) -> (InvocationResult, bool) {
        let begun = Instant::now();
        let timeout = Duration::from_secs(u64::from(invocation.timeout_s));
        let (reply, answer) = oneshot::channel();
        let pending = PendingEvent {
            request_id: invocation.request_id.clone(),
            invoked_function_arn: invocation.invoked_function_arn.clone(),
            deadline_ms: Timestamp::now().as_millisecond() + i64::from(invocation.timeout_s) * 1000,
            payload: invocation.payload.clone(),
            reply,
        };
        let sent = self.api.events.send(pending).await;
        let ended = if sent.is_err() {
            InvocationEnd::Exited("the runtime API has ended".to_owned())
        } else {
            tokio::select! {
                biased;
                answer = answer => match answer {
                    Ok(reply) => InvocationEnd::Replied(reply),
                    Err(_) => InvocationEnd::Exited("it asked for another event before it responded".to_owned()),
                },
                status = self.child.wait() => InvocationEnd::Exited(match status {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                }),
                () = tokio::time::sleep(timeout) => InvocationEnd::TimedOut,
            }
        };
        let usable = matches!(ended, InvocationEnd::Replied(_));
        if !usable {
            let _ = self.child.kill().await;
        }
        tokio::time::sleep(LAST_LINES).await;
        let (payload, error) = self.invocation_outcome(invocation, ended).await;
        let log = self.invocation_log(invocation, begun);
        (InvocationResult { payload, function_error: error, log }, usable)
    }

    async fn invocation_outcome(&self, invocation: &Invocation, ended: InvocationEnd) -> (Bytes, Option<String>) {
        let unhandled = Some("Unhandled".to_owned());
        match ended {
            InvocationEnd::Replied(ProcessReply::Response(payload)) => (payload, None),
            InvocationEnd::Replied(ProcessReply::Error(payload)) => (payload, unhandled),
            InvocationEnd::TimedOut => {
                let message =
                    format!("{} Task timed out after {}.00 seconds", invocation.request_id, invocation.timeout_s);
                self.add_line(&message);
                (json!({ "errorType": "Sandbox.Timedout", "errorMessage": message }).to_string().into(), unhandled)
            }
            InvocationEnd::Exited(status) => {
                if let Some(error) = self.api.init_error.lock().await.take() {
                    return (error, unhandled);
                }
                let message = format!("RequestId: {} Error: Runtime exited: {status}", invocation.request_id);
                self.add_line(&message);
                (json!({ "errorType": "Runtime.ExitError", "errorMessage": message }).to_string().into(), unhandled)
            }
        }
    }

    fn add_line(&self, line: &str) {
        self.lines.lock().push(line.to_owned());
    }

    /// The lines since the last invocation, between Lambda's own lines.
    fn invocation_log(&mut self, invocation: &Invocation, begun: Instant) -> String {
        let lines = std::mem::take(&mut *self.lines.lock());
        let id = &invocation.request_id;
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        let mut log = format!("START RequestId: {id} Version: {}\n", invocation.version);
        for line in lines {
            log.push_str(&line);
            log.push('\n');
        }
        let init = match self.started.take() {
            Some(started) => format!("\tInit Duration: {:.2} ms", begun.duration_since(started).as_secs_f64() * 1000.0),
            None => String::new(),
        };
        log.push_str(&format!(
            "END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {took:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {} MB{init}\n",
            took.ceil(),
            invocation.memory_mb
        ));
        log
    }
}

/// How an invocation ended.
enum InvocationEnd {
    Replied(ProcessReply),
    Exited(String),
    TimedOut,
}

/// Unpacks the zip once. The directory appears only when it is complete.
async fn unpack_code(config: &RuntimeConfig, invocation: &Invocation) -> io::Result<PathBuf> {
    let name: String =
        invocation.code_sha256.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let (parent, code) = (config.directory.clone(), invocation.code.clone());
    let unpack = move || {
        let directory = parent.join(name);
        if directory.join(artifact::BOOTSTRAP).exists() {
            return Ok(directory);
        }
        std::fs::create_dir_all(&parent)?;
        let fresh = tempfile::tempdir_in(&parent)?;
        artifact::zip::unpack_zip(&code, fresh.path()).map_err(|error| io::Error::other(error.to_string()))?;
        match std::fs::rename(fresh.path(), &directory) {
            Ok(()) => drop(fresh.keep()),
            // Another process unpacked it first.
            Err(_) if directory.join(artifact::BOOTSTRAP).exists() => {}
            Err(error) => return Err(error),
        }
        Ok(directory)
    };
    tokio::task::spawn_blocking(unpack).await.map_err(io::Error::other)?
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn lambda_environment(
    config: &RuntimeConfig,
    invocation: &Invocation,
    directory: &std::path::Path,
    api: &str,
) -> Vec<(&'static str, String)> {
    let (key_id, secret_key) = match &config.credentials {
        Some(credentials) => (credentials.access_key_id.clone(), credentials.secret_access_key.clone()),
        None => ("local".to_owned(), "local".to_owned()),
    };
    vec![
        ("AWS_LAMBDA_RUNTIME_API", api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", invocation.function_name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", invocation.version.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", invocation.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", invocation.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", invocation.log_stream.clone()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("_HANDLER", invocation.handler.clone()),
        ("LAMBDA_TASK_ROOT", directory.display().to_string()),
        ("AWS_REGION", invocation.region.clone()),
        ("AWS_DEFAULT_REGION", invocation.region.clone()),
        ("AWS_ACCESS_KEY_ID", key_id),
        ("AWS_SECRET_ACCESS_KEY", secret_key),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_ENDPOINT_URL", config.cloud_uri.clone()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
    ]
}

fn collect_lines(pipe: impl AsyncRead + Unpin + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    tokio::spawn(async move {
        let mut pipe = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = pipe.next_line().await {
            lines.lock().push(line);
        }
    });
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_program_that_somebody_still_has_open_is_waited_for() {
        let room = tempfile::tempdir().expect("a directory");
        let program = room.path().join("program");
        std::fs::copy("/bin/true", &program).expect("copied");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("executable");
        let open = std::fs::OpenOptions::new().append(true).open(&program).expect("open");
        assert_eq!(Command::new(&program).spawn().expect_err("busy").kind(), io::ErrorKind::ExecutableFileBusy);
        let mut command = Command::new(&program);
        // The first attempt is made before the file is closed.
        let (child, ()) = tokio::join!(spawn_written_program(&mut command), async { drop(open) });
        assert!(child.expect("it starts").wait().await.expect("it ends").success());
    }
}
