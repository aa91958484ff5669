//! A sample account as it looks before `deployer` is used in it, to try an audit on.
//!
//! It has four functions that nothing has called for months, the two FIFO queues and the API Gateway between them, and
//! a function that is in use. In HubSpot, a workflow calls an endpoint that no longer exists, through which one venue's
//! contacts ended up in another venue's Tripleseat account. All names are invented.
//!
//! [`legacy_account`] creates it with ordinary calls, on any server; [`age`] gives the embedded cloud the past that
//! goes with it, which no call could; [`workflows`] is HubSpot's part. [`InstalledSample`] puts it all together, for `deployer
//! audit --local --sample`.

mod functions;
mod history;
mod put;

use aws_sdk_apigateway::types::IntegrationType;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use deployer_aws::{Aws, Call, CallError, FailureKind};

pub use history::age_account;
pub use put::InstalledSample;

/// Puts what HubSpot sends into the queue.
pub const HANDLER: &str = "hubspot-webhook-handler";
/// Takes contacts out of the queue.
pub const WORKER: &str = "contact-queue-worker";
/// Pushed contacts every five minutes, before it was replaced.
pub const OLD_PUSH: &str = "venue-sync-old-push";
/// Was called once, by hand.
pub const BACKFILL: &str = "tripleseat-lead-backfill";
/// Is called every morning.
pub const LIVE: &str = "newsletter-export";
/// The functions that nobody needs.
pub const STALE: [&str; 4] = [HANDLER, WORKER, OLD_PUSH, BACKFILL];

/// The contacts to push, and those that couldn't be pushed.
pub const QUEUES: [&str; 2] = ["contacts.fifo", "contacts-dead-letters.fifo"];
/// The API that HubSpot called.
pub const API: &str = "hubspot-webhooks";
/// The path of the API, below its stage.
const PATH: &str = "hubspot";
const STAGE: &str = "prod";

/// The rule that called the old function, and the one that calls the live one.
pub const RULES: [(&str, &str, &str, bool); 2] = [
    ("venue-sync-old-schedule", OLD_PUSH, "rate(5 minutes)", false),
    ("newsletter-export-every-morning", LIVE, "cron(0 6 * * ? *)", true),
];

/// The API that the workflow calls, which was deleted long ago.
const DEAD_API: &str = "k3x9w2ab7q";

/// The parts of the created account whose names differ from account to account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyAccount {
    pub account: String,
    pub region: String,
    pub rest_api_id: String,
}

impl LegacyAccount {
    fn resource_arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }

    fn api_endpoint(&self, api: &str) -> String {
        format!("https://{api}.execute-api.{}.amazonaws.com/{STAGE}/{PATH}", self.region)
    }
}

/// Creates what is missing of the sample; existing resources stay as they are.
///
/// # Errors
/// A call failed. What was created by then stays, and the next attempt continues from there.
pub async fn create_legacy_account(aws: &Aws) -> Result<LegacyAccount, CallError> {
    let identity = aws.sts.get_caller_identity().send().await.call("sts:GetCallerIdentity")?;
    let region = aws.sts.config().region().map(ToString::to_string).unwrap_or_default();
    let mut legacy =
        LegacyAccount { account: identity.account.unwrap_or_default(), region, rest_api_id: String::new() };
    let urls = create_queues(aws, &legacy).await?;
    functions::create_functions(aws, &legacy, &urls[0]).await?;
    create_event_source_mapping(aws, &legacy).await?;
    for (rule, function, schedule, enabled) in RULES {
        functions::create_rule(aws, &legacy, rule, function, schedule, enabled).await?;
    }
    legacy.rest_api_id = create_api(aws, &legacy).await?;
    functions::allow_invocation(aws, HANDLER, "apigateway.amazonaws.com", &api_arn(&legacy)).await?;
    Ok(legacy)
}

fn api_arn(legacy: &LegacyAccount) -> String {
    legacy.resource_arn("execute-api", &format!("{}/*/POST/{PATH}", legacy.rest_api_id))
}

/// Counts "already exists" as created.
fn accept_existing<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == FailureKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates the queues and returns their URLs.
async fn create_queues(aws: &Aws, legacy: &LegacyAccount) -> Result<[String; 2], CallError> {
    let [contacts, dead] = QUEUES;
    let dead_url = create_queue(aws, dead, None).await?;
    let policy = json!({ "deadLetterTargetArn": legacy.resource_arn("sqs", dead), "maxReceiveCount": 5 });
    let url = create_queue(aws, contacts, Some(policy.to_string())).await?;
    Ok([url, dead_url])
}

async fn create_queue(aws: &Aws, name: &str, redrive: Option<String>) -> Result<String, CallError> {
    let mut request = aws.sqs.create_queue().queue_name(name);
    request = request.attributes(QueueAttributeName::FifoQueue, "true");
    request = request.attributes(QueueAttributeName::ContentBasedDeduplication, "true");
    if let Some(policy) = redrive {
        request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
    }
    let url = match accept_existing(request.send().await.call("sqs:CreateQueue"))? {
        Some(answer) => answer.queue_url,
        None => aws.sqs.get_queue_url().queue_name(name).send().await.call("sqs:GetQueueUrl")?.queue_url,
    };
    Ok(url.unwrap_or_default())
}

/// Creates the worker's event source mapping, which somebody disabled and left behind.
async fn create_event_source_mapping(aws: &Aws, legacy: &LegacyAccount) -> Result<(), CallError> {
    let queue = legacy.resource_arn("sqs", QUEUES[0]);
    let listed = aws.lambda.list_event_source_mappings().function_name(WORKER).event_source_arn(&queue).send().await;
    if !listed.call("lambda:ListEventSourceMappings")?.event_source_mappings().is_empty() {
        return Ok(());
    }
    let request = aws.lambda.create_event_source_mapping().function_name(WORKER).event_source_arn(queue);
    let answer = request.batch_size(10).enabled(false).send().await.call("lambda:CreateEventSourceMapping");
    accept_existing(answer).map(drop)
}

/// Creates the API and returns its id.
async fn create_api(aws: &Aws, legacy: &LegacyAccount) -> Result<String, CallError> {
    let mut pages = aws.apigateway.get_rest_apis().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.call("apigateway:GetRestApis")?;
        let found = page.items().iter().find(|api| api.name() == Some(API));
        if let Some(id) = found.and_then(|api| api.id()) {
            return Ok(id.to_owned());
        }
    }
    let request = aws.apigateway.create_rest_api().name(API).description("HubSpot workflows call this");
    let id = request.send().await.call("apigateway:CreateRestApi")?.id.unwrap_or_default();
    let resources = aws.apigateway.get_resources().rest_api_id(&id).send().await.call("apigateway:GetResources")?;
    let root = resources.items().first().and_then(|root| root.id()).unwrap_or_default();
    let request = aws.apigateway.create_resource().rest_api_id(&id).parent_id(root).path_part(PATH);
    let resource = request.send().await.call("apigateway:CreateResource")?.id.unwrap_or_default();
    let request = aws.apigateway.put_method().rest_api_id(&id).resource_id(&resource).http_method("POST");
    request.authorization_type("NONE").send().await.call("apigateway:PutMethod")?;
    let uri = format!(
        "arn:aws:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations",
        legacy.region,
        legacy.resource_arn("lambda", &format!("function:{HANDLER}"))
    );
    let request = aws.apigateway.put_integration().rest_api_id(&id).resource_id(&resource).http_method("POST");
    let request = request.r#type(IntegrationType::AwsProxy).integration_http_method("POST").uri(uri);
    request.send().await.call("apigateway:PutIntegration")?;
    let request = aws.apigateway.create_deployment().rest_api_id(&id).stage_name(STAGE);
    request.send().await.call("apigateway:CreateDeployment")?;
    Ok(id)
}

/// HubSpot's workflows: an enabled one that calls a deleted API with another venue's name, and an older, disabled one
/// that called the existing API. For [`super::sandbox::HubSpot::add_workflow`].
pub fn hubspot_workflows(legacy: &LegacyAccount) -> [Value; 2] {
    let workflow = |id: u32, name: &str, enabled: bool, changed: &str, url: String| {
        json!({
            "id": id.to_string(),
            "name": name,
            "isEnabled": enabled,
            "createdAt": "2024-09-03T15:20:00.000Z",
            "updatedAt": changed,
            "nextAvailableActionId": "2",
            "actions": [{
                "type": "WEBHOOK",
                "actionId": "1",
                "method": "POST",
                "webhookUrl": url,
                "queryParams": [],
            }],
        })
    };
    [
        workflow(
            585_051_946,
            "Lakeside Pavilion: enquiries to Tripleseat",
            true,
            "2025-01-14T09:41:00.000Z",
            format!("{}?venue=harbour-house", legacy.api_endpoint(DEAD_API)),
        ),
        workflow(
            585_051_112,
            "Harbour House: enquiries to Tripleseat (old)",
            false,
            "2025-02-20T17:05:00.000Z",
            format!("{}?venue=harbour-house", legacy.api_endpoint(&legacy.rest_api_id)),
        ),
    ]
}
