//! A sample account as it looks before `deployer` is used in it, to try an audit on.
//!
//! It has four functions that nothing has called for months, the two FIFO queues and the API Gateway between them, and
//! a function that is in use, an alarm with its topic, a queue of a CloudFormation stack, and a queue for which it is unknown
//! whether anybody needs it. In HubSpot, a workflow calls an endpoint that no longer exists, through which one venue's
//! contacts ended up in another venue's Tripleseat account. All names are invented.
//!
//! [`legacy_account`] creates it with ordinary calls, on any server; [`age`] gives the embedded cloud the past that
//! goes with it, which no call could; [`workflows`] is HubSpot's part. [`InstalledSample`] puts it all together, for `deployer
//! audit --local --sample`.

mod functions;
mod history;
mod needed;
mod put;

use http::Method;
use serde_json::{Value, json};

use deployer_aws::signed::{RestRequest, list_of, text_of};
use deployer_aws::{Aws, Call, CallError, FailureKind};
use deployer_core::arn::Arn;

pub use history::age_account;
pub use needed::{ON_CALL, SHARED, STACKED};
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
    fn resource_arn(&self, service: &str, resource: &str) -> String {
        Arn { partition: "aws", service, region: &self.region, account: &self.account, resource }.to_string()
    }

    fn role_arn(&self, path: &str) -> String {
        let resource = &format!("role/{path}");
        Arn { partition: "aws", service: "iam", region: "", account: &self.account, resource }.to_string()
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
    needed::create_needed(aws, &legacy).await?;
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
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true", "RedrivePolicy": redrive });
    create_queue_with(aws, name, attributes).await
}

/// Creates a queue and returns its URL.
async fn create_queue_with(aws: &Aws, name: &str, attributes: Value) -> Result<String, CallError> {
    let parameters = json!({ "QueueName": name, "Attributes": attributes });
    let answer = match accept_existing(aws.signed.call("sqs:CreateQueue", parameters).await)? {
        Some(answer) => answer,
        None => aws.signed.call("sqs:GetQueueUrl", json!({ "QueueName": name })).await?,
    };
    let url = text_of(&answer, "QueueUrl").map(ToOwned::to_owned);
    url.ok_or_else(|| CallError::unexpected("sqs:CreateQueue", "the answer has no queue URL"))
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
    let apis = &["restapis"];
    let mut pages = aws.signed.send_pages(RestRequest::new("apigateway:GetRestApis", Method::GET, apis));
    while let Some(page) = pages.next_page().await {
        let page = page?;
        let found = list_of(&page, "item").iter().find(|api| text_of(api, "name") == Some(API));
        if let Some(id) = found.and_then(|api| text_of(api, "id")) {
            return Ok(id.to_owned());
        }
    }
    let body = json!({ "name": API, "description": "HubSpot workflows call this" });
    let id = created_id(aws, "apigateway:CreateRestApi", apis, &body).await?;
    let request = RestRequest::new("apigateway:GetResources", Method::GET, &["restapis", &id, "resources"]);
    let resources = aws.signed.send(request).await?;
    let root = list_of(&resources, "item").first().and_then(|root| text_of(root, "id"));
    let root = root.ok_or_else(|| CallError::unexpected("apigateway:GetResources", "the API has no root"))?;
    let path = ["restapis", id.as_str(), "resources", root];
    let resource = created_id(aws, "apigateway:CreateResource", &path, &json!({ "pathPart": PATH })).await?;
    let path = ["restapis", id.as_str(), "resources", resource.as_str(), "methods", "POST"];
    let request = RestRequest::new("apigateway:PutMethod", Method::PUT, &path);
    aws.signed.send(request.with_body(&json!({ "authorizationType": "NONE" }))).await?;
    let function = legacy.resource_arn("lambda", &format!("function:{HANDLER}"));
    // The integrated service is where other ARNs have the account.
    let uri = Arn {
        partition: "aws",
        service: "apigateway",
        region: &legacy.region,
        account: "lambda",
        resource: &format!("path/2015-03-31/functions/{function}/invocations"),
    }
    .to_string();
    let path = [&path[..], &["integration"]].concat();
    let request = RestRequest::new("apigateway:PutIntegration", Method::PUT, &path);
    let body = json!({ "type": "AWS_PROXY", "httpMethod": "POST", "uri": uri });
    aws.signed.send(request.with_body(&body)).await?;
    let request = RestRequest::new("apigateway:CreateDeployment", Method::POST, &["restapis", &id, "deployments"]);
    aws.signed.send(request.with_body(&json!({ "stageName": STAGE }))).await?;
    Ok(id)
}

/// Creates something, and gives its id.
async fn created_id(aws: &Aws, operation: &'static str, path: &[&str], body: &Value) -> Result<String, CallError> {
    let answer = aws.signed.send(RestRequest::new(operation, Method::POST, path).with_body(body)).await?;
    let id = text_of(&answer, "id").map(ToOwned::to_owned);
    id.ok_or_else(|| CallError::unexpected(operation, "the answer has no id"))
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
