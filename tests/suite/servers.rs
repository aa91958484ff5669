//! Servers that others wrote, for the tests: moto and ministack, each one process for all tests.
//!
//! They are installed once into a virtual environment below `target/`, from `tests/servers/requirements.txt`. Every test
//! has an account of its own on them, so that no state goes from one to another. `tests/servers/run.py` ends them with
//! the test process, however that ends.

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
use deployer_aws::{Aws, https_client};

use crate::clouds::Opened;
use crate::wire::{Writes, noting};

/// The variable that leaves tests of these servers out when it is `off`.
const SWITCH: &str = "DEPLOYER_TEST_SERVERS";
/// The machine may be busy with other tests; usually a server answers in two seconds.
const LONGEST_START: Duration = Duration::from_secs(90);
/// A port that was free may be taken by the time the server binds it.
const STARTS: u32 = 3;

/// A server that runs.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    program: Program,
    /// `http://127.0.0.1:<port>`.
    pub uri: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Moto,
    Ministack,
}

/// <https://docs.getmoto.org/en/latest/docs/server_mode.html>. `None` where such tests are left out.
pub async fn moto() -> Option<Server> {
    server(Program::Moto).await
}

/// <https://pypi.org/project/ministack/>, which runs functions as processes. `None` where such tests are left out.
pub async fn ministack() -> Option<Server> {
    server(Program::Ministack).await
}

impl Server {
    /// An empty account, which no other test has.
    pub fn open(self) -> Opened {
        let account = account();
        let writes = Writes::default();
        // Where each takes the account from: a header, or a key id of twelve digits.
        let (key, header) = match self.program {
            Program::Moto => ("local", Some(("x-moto-account-id", account.clone()))),
            Program::Ministack => (account.as_str(), None),
        };
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(key, "local", None)))
            .http_client(noting(https_client(), &writes, header))
            .endpoint_url(self.uri)
            .build();
        Opened { aws: Aws::new(&config), writes }
    }
}

/// An account that no other test of this process has.
fn account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(100_000_000_001);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

async fn server(program: Program) -> Option<Server> {
    if left_out() {
        // Not through `eprintln!`, which the test harness would hide.
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(std::io::stderr(), "{test}: left out, since {SWITCH}=off");
        return None;
    }
    let uri = tokio::task::spawn_blocking(move || program.uri()).await.expect("the start doesn't panic");
    match uri {
        Ok(uri) => Some(Server { program, uri }),
        Err(error) => panic!(
            "{} could not be started: {error}\n`{SWITCH}=off cargo test --workspace` leaves the tests that need it out.",
            program.name()
        ),
    }
}

/// Never in continuous integration, where a test that is left out would be missed by nobody.
fn left_out() -> bool {
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    !ci && std::env::var(SWITCH).is_ok_and(|value| value == "off")
}

/// The process is kept so that its standard input stays open: see `tests/servers/run.py`.
struct Running {
    uri: String,
    _process: Child,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Moto => "moto",
            Self::Ministack => "ministack",
        }
    }

    /// The address of the one process, which the first test that asks starts.
    fn uri(self) -> Result<&'static str, &'static str> {
        static MOTO: OnceLock<Result<Running, String>> = OnceLock::new();
        static MINISTACK: OnceLock<Result<Running, String>> = OnceLock::new();
        let running = match self {
            Self::Moto => &MOTO,
            Self::Ministack => &MINISTACK,
        };
        let running = running.get_or_init(|| {
            let python = installed()?;
            let mut tries = 1;
            loop {
                match self.start(&python) {
                    Err(_) if tries < STARTS => tries += 1,
                    result => return result,
                }
            }
        });
        running.as_ref().map(|running| running.uri.as_str()).map_err(String::as_str)
    }

    /// # Errors
    /// It ended at once, or doesn't answer in time; with the end of what it wrote.
    fn start(self, python: &Path) -> Result<Running, String> {
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let directory = home().join(format!("{}-{}-{port}", self.name(), std::process::id()));
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let log = directory.join("log");
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new(python);
        command.arg(source("run.py")).arg(&directory);
        match self {
            Self::Moto => command.args(["moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]),
            // It would bind every address.
            Self::Ministack => {
                let command = command.arg("ministack").env("LOG_LEVEL", "WARNING");
                command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1")
            }
        };
        // Nothing of the developer's own: credentials and endpoints least of all.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        // Which ministack gives its functions, as where AWS is.
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
        command.env("TMPDIR", &directory).process_group(0);
        command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", python.display()))?;
        let deadline = Instant::now() + LONGEST_START;
        let ended = loop {
            if answers(port, self.health()) {
                return Ok(Running { uri: format!("http://127.0.0.1:{port}"), _process: process });
            }
            match process.try_wait() {
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
                Ok(None) => break format!("it doesn't answer after {} s", LONGEST_START.as_secs()),
                Ok(Some(status)) => break format!("it ended with {status}"),
                Err(error) => break error.to_string(),
            }
        };
        let log = fs::read_to_string(&log).unwrap_or_default();
        drop(process.stdin.take());
        // It ends by itself now; what it answers to that doesn't matter.
        let _ = process.wait();
        let _ = fs::remove_dir_all(&directory);
        Err(format!("{ended}\n{}", last_lines(&log)))
    }

    fn health(self) -> &'static str {
        match self {
            Self::Moto => "/moto-api/data.json",
            Self::Ministack => "/_ministack/health",
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether `GET path` is answered with status 200.
fn answers(port: u16, path: &str) -> bool {
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

/// The python of the virtual environment, which is made unless it is there with these very requirements.
fn installed() -> Result<PathBuf, String> {
    let home = home();
    let at = |error: std::io::Error| format!("{}: {error}", home.display());
    fs::create_dir_all(&home).map_err(at)?;
    // Another test process may be at it. Released when the file is closed, even by the end of the process.
    let lock = File::create(home.join("venv.lock")).map_err(at)?;
    lock.lock().map_err(at)?;
    let venv = home.join("venv");
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.txt");
    let requirements = fs::read_to_string(source("requirements.txt")).map_err(|error| error.to_string())?;
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    if venv.exists() {
        fs::remove_dir_all(&venv).map_err(at)?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).map_err(|error| {
        format!("python3 with its venv module is needed: install python3 (3.11 or newer) and python3-venv.\n{error}")
    })?;
    let install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"];
    run(Command::new(&python).args(install).arg(source("requirements.txt")))?;
    fs::write(&stamp, requirements).map_err(at)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let said = [output.stdout, output.stderr].concat();
    let said = last_lines(&String::from_utf8_lossy(&said));
    Err(format!("{program} {} ended with {}\n{said}", arguments.join(" "), output.status))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name)
}

/// Where the virtual environment and the servers' temporary files are: `test-servers` in cargo's target directory.
fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-servers")
}
