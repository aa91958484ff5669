//! The sample's functions, with their role, log groups and rules.

use std::time::Duration;

use aws_sdk_eventbridge::types::{RuleState, Target};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use backon::{ConstantBuilder, Retryable};
use serde_json::json;

use super::{BACKFILL, HANDLER, LIVE, LegacyAccount, OLD_PUSH, WORKER, accept_existing};
use deployer_artifact::zip;
use deployer_aws::{Aws, Call, CallError, FailureKind};

/// The role that all of them share, as is common in accounts that were set up by hand.
pub(super) const ROLE: &str = "lambda-basic-execution";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
/// What AWS's managed policy of that name allows. Not every server has that policy.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#;
const CODE: &str = "export const handler = async (event) => {\n  console.log(JSON.stringify(event));\n};\n";
/// A new role can only be assumed after some seconds.
const ROLE_TRIES: usize = 20;
const ROLE_PAUSE: Duration = Duration::from_secs(1);

struct SampleFunction {
    name: &'static str,
    description: &'static str,
    /// A variable of its environment.
    variable: Option<(&'static str, String)>,
}

fn sample_functions(queue_url: &str) -> [SampleFunction; 5] {
    let tripleseat = "https://api.tripleseat.com".to_owned();
    [
        (HANDLER, "Takes contacts from HubSpot workflows", Some(("QUEUE_URL", queue_url.to_owned()))),
        (WORKER, "Creates leads from the queue", Some(("TRIPLESEAT_BASE_URL", tripleseat))),
        (OLD_PUSH, "", Some(("VENUE", "harbour-house".to_owned()))),
        (BACKFILL, "One-off, see ticket", None),
        (LIVE, "Subscribers to the newsletter, every morning", None),
    ]
    .map(|(name, description, variable)| SampleFunction { name, description, variable })
}

pub(super) async fn create_functions(aws: &Aws, legacy: &LegacyAccount, queue_url: &str) -> Result<(), CallError> {
    let request = aws.iam.create_role().role_name(ROLE).path("/service-role/").assume_role_policy_document(TRUST);
    accept_existing(request.send().await.call("iam:CreateRole"))?;
    let request = aws.iam.put_role_policy().role_name(ROLE).policy_name(ROLE).policy_document(POLICY);
    request.send().await.call("iam:PutRolePolicy")?;
    for sample in sample_functions(queue_url) {
        let group = format!("/aws/lambda/{}", sample.name);
        accept_existing(aws.signed.call("logs:CreateLogGroup", json!({ "logGroupName": group })).await)?;
        // Without jitter: this waits for a moment, and competes with nobody.
        (|| create_function(aws, legacy, &sample))
            .retry(ConstantBuilder::new().with_delay(ROLE_PAUSE).with_max_times(ROLE_TRIES - 1))
            .when(|error| error.kind == FailureKind::RoleNotReady)
            .await?;
    }
    Ok(())
}

async fn create_function(aws: &Aws, legacy: &LegacyAccount, sample: &SampleFunction) -> Result<(), CallError> {
    let zip = zip::build_deterministic_zip(&[("index.mjs", CODE.as_bytes())]).map_err(|error| {
        CallError::unexpected("lambda:CreateFunction", format!("could not zip the sample's code: {error}"))
    })?;
    let variables = sample.variable.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let request = aws.lambda.create_function().function_name(sample.name).description(sample.description);
    let request = request
        .runtime(Runtime::from("nodejs24.x"))
        .handler("index.handler")
        .role(legacy.role_arn(&format!("service-role/{ROLE}")))
        .memory_size(256)
        .timeout(30)
        .environment(Environment::builder().set_variables(Some(variables.collect())).build())
        .code(FunctionCode::builder().zip_file(Blob::new(zip)).build());
    accept_existing(request.send().await.call("lambda:CreateFunction")).map(drop)
}

/// Creates a rule that calls a function, and the permission it needs.
pub(super) async fn create_rule(
    aws: &Aws,
    legacy: &LegacyAccount,
    rule: &str,
    function: &str,
    schedule: &str,
    enabled: bool,
) -> Result<(), CallError> {
    let state = if enabled { RuleState::Enabled } else { RuleState::Disabled };
    let request = aws.events.put_rule().name(rule).schedule_expression(schedule).state(state);
    request.send().await.call("events:PutRule")?;
    let arn = legacy.resource_arn("lambda", &format!("function:{function}"));
    let target = Target::builder().id("1").arn(arn).build();
    let target = target.map_err(|error| CallError::unexpected("events:PutTargets", error.to_string()))?;
    aws.events.put_targets().rule(rule).targets(target).send().await.call("events:PutTargets")?;
    allow_invocation(aws, function, "events.amazonaws.com", &legacy.resource_arn("events", &format!("rule/{rule}")))
        .await
}

/// Allows a service's resource to call a function.
pub(super) async fn allow_invocation(
    aws: &Aws,
    function: &str,
    principal: &str,
    source: &str,
) -> Result<(), CallError> {
    let statement = principal.split('.').next().unwrap_or_default();
    // Not every server refuses a statement that already exists.
    let policy = aws.lambda.get_policy().function_name(function).send().await.call("lambda:GetPolicy");
    if policy.is_ok_and(|policy| policy.policy().is_some_and(|text| text.contains(source))) {
        return Ok(());
    }
    let request = aws.lambda.add_permission().function_name(function).statement_id(statement);
    let request = request.action("lambda:InvokeFunction").principal(principal).source_arn(source);
    accept_existing(request.send().await.call("lambda:AddPermission")).map(drop)
}
