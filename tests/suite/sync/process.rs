//! Runs the real bootstrap the way Lambda does, with proxies in front of a portal's vendors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deployer_artifact::{Artifact, ArtifactBuilder, ArtifactPlatform};
use deployer_cloud::runtime::{LambdaRuntime, RuntimeConfig};
use deployer_cloud::{Invocation, InvocationResult, Invoker};
use serde_json::Value;

use super::portal::SyncTestPortal;
use super::proxy::{ProxyLine, VendorProxy};

/// Builds the bootstrap once for all tests; the zip is kept until the sources change. `SYNC_BENCH_BOOTSTRAP` names
/// another one to measure.
pub async fn build_bootstrap() -> Artifact {
    if let Some(path) = std::env::var_os("SYNC_BENCH_BOOTSTRAP") {
        return Artifact::from_path(Path::new(&path), ArtifactPlatform::Local).expect("a bootstrap");
    }
    let build = || {
        ArtifactBuilder::new(ArtifactPlatform::Local, Path::new(env!("CARGO_MANIFEST_DIR"))).build_artifact(&mut |_| ())
    };
    tokio::task::spawn_blocking(build).await.expect("no panic").expect("sync-lambda builds")
}

/// A function's code, the directory where its processes unpack it, and the HTTP client of their proxies.
#[derive(Clone)]
pub struct FunctionCode {
    client: reqwest::Client,
    artifact: Arc<Artifact>,
    directory: PathBuf,
}

impl FunctionCode {
    pub async fn new(directory: &Path) -> Self {
        let client = sync_lambda::http::build_client().expect("the TLS client is built");
        Self { client, artifact: Arc::new(build_bootstrap().await), directory: directory.to_owned() }
    }
}

/// A venue's function.
pub struct TestFunction {
    pub line: Arc<ProxyLine>,
    code: FunctionCode,
    runtime: LambdaRuntime,
    environment: BTreeMap<String, String>,
    timeout_s: u32,
}

impl TestFunction {
    /// The function of a portal's venue, with vendors that respond after these delays.
    pub async fn new(portal: &SyncTestPortal, code: &FunctionCode, hubspot: Duration, tripleseat: Duration) -> Self {
        let line = ProxyLine::new(code.client.clone());
        let hubspot = VendorProxy::start_proxy(&line, &portal.hubspot_server.uri, hubspot).await;
        let tripleseat = VendorProxy::start_proxy(&line, &portal.tripleseat_server.uri, tripleseat).await;
        let mut environment = portal.function_environment();
        environment.insert("HUBSPOT_BASE_URI", hubspot.uri);
        environment.insert("TRIPLESEAT_BASE_URI", tripleseat.uri);
        // Nothing connects to the cloud, because the credentials are in the environment.
        let config = RuntimeConfig {
            directory: code.directory.clone(),
            cloud_uri: "http://127.0.0.1:1".to_owned(),
            credentials: None,
        };
        Self {
            line,
            code: code.clone(),
            runtime: LambdaRuntime::new(config),
            environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            timeout_s: 60,
        }
    }

    /// Sets the timeout of a run.
    pub fn with_timeout(mut self, seconds: u32) -> Self {
        self.timeout_s = seconds;
        self
    }

    /// The same function with another environment variable, in its own process.
    pub fn with_variable(&self, name: &str, value: &str) -> Self {
        let mut environment = self.environment.clone();
        environment.insert(name.to_owned(), value.to_owned());
        let (line, code, runtime) = (Arc::clone(&self.line), self.code.clone(), self.runtime.clone());
        Self { line, code, runtime, environment, timeout_s: self.timeout_s }
    }

    /// Runs, in the process of the previous run if it is still alive. Dropping the future kills the process.
    pub async fn invoke_once(&self) -> InvocationResult {
        let invocation = Invocation {
            request_id: "request-1".to_owned(),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            function_name: "d-venue-a-sync".to_owned(),
            version: "1".to_owned(),
            invoked_function_arn: "arn:aws:lambda:us-east-1:123456789012:function:d-venue-a-sync:live".to_owned(),
            handler: "bootstrap".to_owned(),
            memory_mb: 128,
            timeout_s: self.timeout_s,
            environment: self.environment.clone(),
            log_group: "/aws/lambda/d-venue-a-sync".to_owned(),
            log_stream: "stream".to_owned(),
            code_sha256: self.code.artifact.code_sha256.clone(),
            code: self.code.artifact.bootstrap_zip.clone(),
            reserved_concurrency: Some(1),
            payload: "{}".into(),
            client_context: None,
        };
        self.runtime.run_invocation(invocation).await.expect("the runtime accepts it")
    }

    /// The peak resident memory of the last run's process in kB: `VmHWM`.
    pub fn peak_memory_kb(&self) -> Option<u64> {
        let uri = format!("HUBSPOT_BASE_URI={}", self.environment["HUBSPOT_BASE_URI"]);
        let processes = std::fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let has_it = |path: &PathBuf| {
            let environment = std::fs::read(path.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == uri.as_bytes())
        };
        let status = std::fs::read_to_string(processes.into_iter().find(has_it)?.join("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Runs successfully and returns the response.
    pub async fn run_successfully(&self) -> Value {
        let invoked = self.invoke_once().await;
        assert_eq!(invoked.function_error, None, "{}", invoked.log);
        serde_json::from_slice(&invoked.payload).expect("it is valid JSON")
    }
}
