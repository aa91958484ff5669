//! Functions of the embedded cloud, run as processes that talk to the Lambda runtime API.

use std::sync::Arc;

use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use deployer_aws::{Aws, Call, FailureKind};
use deployer_cloud::runtime::{LambdaRuntime, RuntimeConfig};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::naming::VenueNames;
use serde_json::Value;

use crate::sdk::GeneratedClients as _;
use crate::world::{World, two_venue_manifest};

/// A bootstrap in bash, with its own HTTP client. It responds to each event with its process id, the event and the
/// names of its environment variables, and logs a line.
const ECHO: &str = r#"#!/bin/bash
api() { exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"; }
path=/2018-06-01/runtime/invocation
while true; do
  api
  printf 'GET %s/next HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$path" >&3
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case "${line,,}" in lambda-runtime-aws-request-id:*) id=${line#*: } ;; esac
  done
  event=$(cat <&3)
  echo "a line for $id"
  body="{\"pid\":$$,\"event\":$event,\"names\":\"$(compgen -e | tr '\n' ' ')\",\"venue\":\"$VENUE\"}"
  api
  printf 'POST %s/%s/response HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s' \
    "$path" "$id" "${#body}" "$body" >&3
  cat <&3 >/dev/null
done
"#;

struct RunningDeployment {
    cloud: EmbeddedCloud,
    aws: Aws,
    runtime: LambdaRuntime,
    directory: tempfile::TempDir,
}

/// Deploys `d` with the venues `a` and `b` and this code.
async fn deploy_script(script: &str) -> RunningDeployment {
    deploy_script_with_timeout(script, "1s").await
}

async fn deploy_script_with_timeout(script: &str, timeout: &str) -> RunningDeployment {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let config = RuntimeConfig {
        directory: directory.path().to_owned(),
        cloud_uri: "http://127.0.0.1:1".to_owned(),
        credentials: None,
    };
    let runtime = LambdaRuntime::new(config);
    cloud.set_invoker(Arc::new(runtime.clone()));
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    let world = World::with_code(aws.clone(), script).await;
    let text = two_venue_manifest("d").replace("display_name", &format!("timeout = \"{timeout}\"\ndisplay_name"));
    world.converge(&world.desired_from(&text)).await;
    RunningDeployment { cloud, aws, runtime, directory }
}

impl RunningDeployment {
    async fn invoke_venue(&self, venue: &str) -> InvokeOutput {
        let request = self.aws.lambda.invoke().function_name(VenueNames::new("d", venue).function).qualifier("live");
        let request = request.log_type(LogType::Tail).payload(Blob::new(r#"{"number":7}"#));
        request.send().await.call("lambda:Invoke").expect("a response")
    }
}

fn response_payload(output: &InvokeOutput) -> Value {
    serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("it is valid JSON")
}

#[tokio::test]
async fn function_gets_event_and_its_own_environment() {
    let running = deploy_script(ECHO).await;
    let first = running.invoke_venue("a").await;
    assert_eq!((first.function_error(), first.executed_version()), (None, Some("1")));
    let answer = response_payload(&first);
    assert_eq!((&answer["event"]["number"], &answer["venue"]), (&Value::from(7), &Value::from("a")));
    let names: Vec<&str> = answer["names"].as_str().expect("names").split_whitespace().collect();
    for name in ["SECRET_ARN", "SYNC_CONFIG", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "_HANDLER", "AWS_ENDPOINT_URL"]
    {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for name in ["HOME", "CARGO", "CARGO_MANIFEST_DIR", "USER"] {
        assert!(!names.contains(&name), "{name} must not reach the function: {names:?}");
    }
    let second = response_payload(&running.invoke_venue("a").await);
    assert_eq!(second["pid"], answer["pid"], "the process is reused");
    let other = response_payload(&running.invoke_venue("b").await);
    assert_ne!(other["pid"], answer["pid"], "another function has its own process");
    running.runtime.stop_processes();
    let after = response_payload(&running.invoke_venue("a").await);
    assert_ne!(after["pid"], answer["pid"], "a stopped runtime keeps no processes");
}

#[tokio::test]
async fn function_output_goes_to_its_log_group() {
    let running = deploy_script(ECHO).await;
    running.invoke_venue("a").await;
    let events =
        running.aws.sdk().logs.filter_log_events().log_group_name(VenueNames::new("d", "a").log_group).send().await;
    let events = events.call("logs:FilterLogEvents").expect("the group exists");
    let lines: Vec<&str> = events.events().iter().filter_map(|event| event.message()).collect();
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(kinds, ["START", "a", "END", "REPORT"], "{lines:?}");
}

#[tokio::test]
async fn reports_exited_and_hung_processes_as_lambda_does() {
    for (script, kind, words) in [
        ("#!/bin/sh\necho bye >&2\nexit 3\n", "Runtime.ExitError", "exit status: 3"),
        ("#!/bin/sh\nexec sleep 600\n", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ] {
        let running = deploy_script(script).await;
        let output = running.invoke_venue("a").await;
        assert_eq!(output.function_error(), Some("Unhandled"));
        let answer = response_payload(&output);
        assert_eq!(answer["errorType"], kind);
        assert!(answer["errorMessage"].as_str().is_some_and(|text| text.contains(words)), "{answer}");
    }
}

#[tokio::test]
async fn refuses_overlapping_runs_of_one_venue() {
    // The function signals that it is running by creating a file beside its code.
    let running = deploy_script_with_timeout("#!/bin/sh\ntouch ../running\nexec sleep 600\n", "60s").await;
    let ask = || async {
        let function = VenueNames::new("d", "a").function;
        running.aws.lambda.invoke().function_name(function).send().await.call("lambda:Invoke").map(|_| ())
    };
    let started = running.directory.path().join("running");
    let second = async {
        while !started.exists() {
            tokio::task::yield_now().await;
        }
        ask().await
    };
    tokio::select! {
        _ = ask() => panic!("the first run ended before the second started"),
        refused = second => {
            let refused = refused.expect_err("another run is in progress");
            assert!(refused.to_string().contains("TooManyRequests"), "{refused}");
        }
    }
}

#[tokio::test]
async fn counts_runs_and_throttled_invocations() {
    let running = deploy_script("#!/bin/sh\nexit 3\n").await;
    running.invoke_venue("a").await;
    let function = VenueNames::new("d", "a").function;
    let request = running.aws.lambda.put_function_concurrency().function_name(&function);
    request
        .reserved_concurrent_executions(0)
        .send()
        .await
        .call("lambda:PutFunctionConcurrency")
        .expect("sets the concurrency");
    let refused = running.aws.lambda.invoke().function_name(&function).send().await.call("lambda:Invoke");
    assert_eq!(refused.expect_err("the invocation is throttled").kind, FailureKind::Throttled);
    let counted = |metric: &str, dimensions: usize| {
        let sum = running.cloud.with_context(|cx| {
            let metrics = cx.region_state().cloudwatch.metrics.values();
            let of = metrics.filter(|of| of.name == metric && of.dimensions.len() == dimensions);
            of.flat_map(|metric| metric.minutes.values()).map(|values| values.sum).sum::<f64>()
        });
        sum.expect("the state")
    };
    assert_eq!((counted("Invocations", 1), counted("Errors", 1)), (1.0, 1.0));
    assert_eq!(counted("Invocations", 2), 1.0, "the invocation of the alias is counted");
    assert!(counted("Throttles", 1) > 0.0, "every throttled attempt is counted");
    let role = running.aws.iam.get_role().role_name(VenueNames::new("d", "a").role).send().await.call("iam:GetRole");
    let used = role.expect("the role").role.and_then(|role| role.role_last_used);
    assert_eq!(used.and_then(|used| used.region).as_deref(), Some("us-east-1"));
}
