//! Third-party servers for the tests: moto and ministack. Each runs as one process for all tests.
//!
//! They are installed once into a virtual environment below `target/`, from `tests/servers/requirements.txt`. Each test
//! has its own account on a server, so tests share no state. `tests/servers/run.py` ends a server together with the
//! test process, however that ends.
//!
//! With `DEPLOYER_TEST_SERVERS=off`, `build.rs` sets `servers_off`, and each test that needs a server is ignored: it has
//! `#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use deployer_aws::{Aws, https_client};

use crate::clouds::OpenedCloud;
use crate::wire::{RecordedWrites, record_writes};

/// The time limit on a server's start. It usually takes two seconds, but the machine may be busy with other tests.
const LONGEST_START: Duration = Duration::from_secs(90);
/// How often to try to start a server, since a free port may be taken by the time the server binds it.
const STARTS: u32 = 3;

/// A running server.
#[derive(Debug, Clone, Copy)]
pub struct TestServer {
    program: ServerProgram,
    /// `http://127.0.0.1:<port>`.
    pub uri: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerProgram {
    Moto,
    Ministack,
}

/// <https://docs.getmoto.org/en/latest/docs/server_mode.html>.
pub async fn start_moto() -> TestServer {
    start_server(ServerProgram::Moto).await
}

/// <https://pypi.org/project/ministack/>, which runs functions as processes.
pub async fn start_ministack() -> TestServer {
    start_server(ServerProgram::Ministack).await
}

impl TestServer {
    /// Opens an empty account that no other test uses.
    pub fn open_account(self) -> OpenedCloud {
        self.open_through(&new_account(), |client| client)
    }

    /// Opens an account through a client on top of the usual one.
    pub fn open_through(self, account: &str, wrap: impl FnOnce(SharedHttpClient) -> SharedHttpClient) -> OpenedCloud {
        let writes = RecordedWrites::default();
        // moto reads the account from a header, ministack from a key id of twelve digits.
        let (key, header) = match self.program {
            ServerProgram::Moto => ("local", Some(("x-moto-account-id", account.to_owned()))),
            ServerProgram::Ministack => (account, None),
        };
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(key, "local", None)))
            .http_client(wrap(record_writes(https_client(), &writes, header)))
            .endpoint_url(self.uri)
            .build();
        OpenedCloud { aws: Aws::new(&config), writes }
    }
}

/// An account that no other test in this process uses.
pub fn new_account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(100_000_000_001);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

async fn start_server(program: ServerProgram) -> TestServer {
    let uri = tokio::task::spawn_blocking(move || program.server_uri()).await.expect("starting a server doesn't panic");
    match uri {
        Ok(uri) => TestServer { program, uri },
        Err(error) => panic!(
            "could not start {}: {error}\nTo skip the tests that need it, run `DEPLOYER_TEST_SERVERS=off cargo test \
             --workspace`.",
            program.program_name()
        ),
    }
}

/// A server's process. It is kept so that its stdin stays open, since closing it ends the server: see
/// `tests/servers/run.py`.
struct ServerProcess {
    uri: String,
    _process: Child,
}

impl ServerProgram {
    fn program_name(self) -> &'static str {
        match self {
            Self::Moto => "moto",
            Self::Ministack => "ministack",
        }
    }

    /// The address of the server's only process. The first test that needs it starts it.
    fn server_uri(self) -> Result<&'static str, &'static str> {
        static MOTO: OnceLock<Result<ServerProcess, String>> = OnceLock::new();
        static MINISTACK: OnceLock<Result<ServerProcess, String>> = OnceLock::new();
        let running = match self {
            Self::Moto => &MOTO,
            Self::Ministack => &MINISTACK,
        };
        let running = running.get_or_init(|| {
            let python = install_servers()?;
            let mut tries = 1;
            loop {
                match self.start_process(&python) {
                    Err(_) if tries < STARTS => tries += 1,
                    result => return result,
                }
            }
        });
        running.as_ref().map(|running| running.uri.as_str()).map_err(String::as_str)
    }

    /// # Errors
    /// The server exited or didn't respond in time. The error has the last lines of its log.
    fn start_process(self, python: &Path) -> Result<ServerProcess, String> {
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let directory = home_directory().join(format!("{}-{}-{port}", self.program_name(), std::process::id()));
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let log = directory.join("log");
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new(python);
        command.arg(source_path("run.py")).arg(&directory);
        match self {
            Self::Moto => command.args(["moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]),
            // By default, it binds every address.
            Self::Ministack => {
                let command = command.arg("ministack").env("LOG_LEVEL", "WARNING");
                command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1")
            }
        };
        // A server must never see the developer's own AWS credentials and endpoints.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        // ministack passes this to its functions as the address of AWS.
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
        command.env("TMPDIR", &directory).process_group(0);
        command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", python.display()))?;
        let deadline = Instant::now() + LONGEST_START;
        let ended = loop {
            if responds_ok(port, self.health_path()) {
                return Ok(ServerProcess { uri: format!("http://127.0.0.1:{port}"), _process: process });
            }
            match process.try_wait() {
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
                Ok(None) => break format!("it did not respond within {} s", LONGEST_START.as_secs()),
                Ok(Some(status)) => break format!("it exited with {status}"),
                Err(error) => break error.to_string(),
            }
        };
        let log = fs::read_to_string(&log).unwrap_or_default();
        drop(process.stdin.take());
        // It ends because its stdin is closed. The exit status doesn't matter.
        let _ = process.wait();
        let _ = fs::remove_dir_all(&directory);
        Err(format!("{ended}\n{}", last_lines(&log)))
    }

    fn health_path(self) -> &'static str {
        match self {
            Self::Moto => "/moto-api/data.json",
            Self::Ministack => "/_ministack/health",
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether `GET path` returns status 200.
fn responds_ok(port: u16, path: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        std::io::Result::Ok(start)
    };
    ask().is_ok_and(|start| start.ends_with(b" 200"))
}

/// The python of the virtual environment, which is created unless it exists with exactly these requirements.
fn install_servers() -> Result<PathBuf, String> {
    let home = home_directory();
    let at = |error: std::io::Error| format!("{}: {error}", home.display());
    fs::create_dir_all(&home).map_err(at)?;
    // Another test process may be installing too. The lock is released when the file is closed, even if the process
    // dies.
    let lock = File::create(home.join("venv.lock")).map_err(at)?;
    lock.lock().map_err(at)?;
    let venv = home.join("venv");
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.txt");
    let requirements = fs::read_to_string(source_path("requirements.txt")).map_err(|error| error.to_string())?;
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    if venv.exists() {
        fs::remove_dir_all(&venv).map_err(at)?;
    }
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&venv)).map_err(|error| {
        format!("could not create a virtual environment: {error}\nInstall python3 (3.11 or newer) and python3-venv.")
    })?;
    let install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"];
    run_command(Command::new(&python).args(install).arg(source_path("requirements.txt")))?;
    fs::write(&stamp, requirements).map_err(at)?;
    Ok(python)
}

/// Checks a pipeline of `github` or `gitlab`, and returns it.
///
/// # Errors
/// What the host would reject.
pub fn check_pipeline(host: &str, file: &Path) -> Result<serde_json::Value, String> {
    let python = install_servers()?;
    let mut check = Command::new(python);
    check.arg(source_path("check_pipeline.py")).arg(host).arg(file).arg(home_directory()).stdin(Stdio::null());
    let output = check.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_str(&said).map_err(|error| format!("{error}: {said}"))
}

/// What the tests of pages need: axe-core, a Chromium and the variables that it needs.
///
/// # Errors
/// There is none, and none could be downloaded.
pub fn browser_tools() -> Result<serde_json::Value, String> {
    let python = install_servers()?;
    let mut tools = Command::new(python);
    let output = tools.arg(source_path("browser_tools.py")).arg(home_directory()).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

fn run_command(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let said = [output.stdout, output.stderr].concat();
    let said = last_lines(&String::from_utf8_lossy(&said));
    Err(format!("{program} {} failed with {}\n{said}", arguments.join(" "), output.status))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn source_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name)
}

/// The directory of the virtual environment and of the servers' temporary files: `test-servers` in cargo's target
/// directory.
fn home_directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-servers")
}
