//! A dry run of a given artifact on this machine, before it is uploaded: what doesn't answer here wouldn't in Lambda.

use std::collections::BTreeMap;

use deployer_artifact::{Artifact, ArtifactOrigin, host_architecture};
use deployer_cloud::runtime::{LambdaRuntime, RuntimeConfig};
use deployer_cloud::{Invocation, Invoker};
use deployer_core::error::{Error, ErrorCode, Result};
use serde_json::Value;

/// How long it may take to start and to answer, in seconds.
const TIMEOUT_S: u32 = 10;
/// What the runtime answers for a function that didn't.
const NO_ANSWER: [&str; 2] = ["Runtime.ExitError", "Sandbox.Timedout"];

/// Runs `{"dry_run": true}` in a process of its own that gets none of our environment: no credentials, no configuration,
/// and an AWS that isn't there. That the function answers, if only that its configuration is missing, shows that it starts
/// and speaks with Lambda. One that was built for another machine isn't run, and neither is a script.
///
/// # Errors
/// It ends or waits instead of answering.
pub(in crate::commands) async fn try_artifact(artifact: &Artifact) -> Result<()> {
    let given = matches!(artifact.source, ArtifactOrigin::Given { .. });
    let runs_here =
        cfg!(target_os = "linux") && artifact.architecture.is_some_and(|built| Some(built) == host_architecture());
    if !given || !runs_here {
        return Ok(());
    }
    let directory = tempfile::tempdir().map_err(|error| {
        Error::failed(ErrorCode::FileUnwritable, "could not create a directory for a dry run").caused_by(&error)
    })?;
    let config = RuntimeConfig {
        directory: directory.path().to_owned(),
        // Nothing listens there.
        cloud_uri: "http://127.0.0.1:1".to_owned(),
        credentials: None,
    };
    let runtime = LambdaRuntime::new(config);
    let ran = runtime.run_invocation(dry_run(artifact)).await;
    runtime.stop_processes();
    let refused = |why: String| {
        let text = format!("`bootstrap` in the artifact {} doesn't answer a dry run on this machine", artifact.source);
        let mut error = Error::failed(ErrorCode::Artifact, text)
            .hint("build it again, such as with `cargo lambda build --release -p sync-lambda --bin bootstrap`");
        error.causes.push(why);
        Err(error)
    };
    let result = match ran {
        Ok(result) => result,
        Err(error) => return refused(error.to_string()),
    };
    // This machine's libraries may be older than Lambda's. The artifact's needs were compared with Lambda's already.
    if result.log.contains("' not found (required by") {
        return Ok(());
    }
    let answer: Value = serde_json::from_slice(&result.payload).unwrap_or_default();
    match NO_ANSWER.into_iter().find(|kind| answer["errorType"] == *kind) {
        Some(_) => refused(answer["errorMessage"].as_str().unwrap_or_default().to_owned()),
        None => Ok(()),
    }
}

fn dry_run(artifact: &Artifact) -> Invocation {
    const NAME: &str = "dry-run";
    Invocation {
        request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        function_name: NAME.to_owned(),
        version: "$LATEST".to_owned(),
        invoked_function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{NAME}"),
        handler: "bootstrap".to_owned(),
        memory_mb: 128,
        timeout_s: TIMEOUT_S,
        environment: BTreeMap::new(),
        log_group: format!("/aws/lambda/{NAME}"),
        log_stream: NAME.to_owned(),
        code_sha256: artifact.code_sha256.clone(),
        code: artifact.bootstrap_zip.clone(),
        reserved_concurrency: None,
        payload: br#"{"dry_run":true}"#.as_slice().into(),
        client_context: None,
    }
}
