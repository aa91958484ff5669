//! What the labeled account has besides triggers that are listed.

use deployer_aws::signed::{RestRequest, text_of};
use deployer_janitor::audit::NodeKind;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{ACCOUNT, node_id};
use super::account::{Label, LabeledAccount, arn};

/// What a policy or a role shows.
pub async fn add_allowed_callers(account: &mut LabeledAccount) {
    for (name, principal) in [
        ("bot", "lexv2.amazonaws.com"),
        ("skill", "alexa-appkit.amazon.com"),
        ("agent", "bedrock.amazonaws.com"),
        ("phone", "connect.amazonaws.com"),
        ("partner", "999999999999"),
        ("tomorrow", "someday.amazonaws.com"),
    ] {
        account.function(&format!("for-{name}"), Label::Needed, &[]).await;
        account.permit(&format!("for-{name}"), principal, None).await;
    }
    let policy = |principal: Value| {
        let statement =
            json!({ "Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*" });
        json!({ "Policy": json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string() })
    };
    account
        .queue("for-another-account", Label::Needed, policy(json!({ "AWS": "arn:aws:iam::999999999999:root" })))
        .await;
    account.queue("for-anybody", Label::Needed, policy(json!("*"))).await;
    // Programs with roles that name what they use.
    let names = |kind: &str, action: &str, resource: &str| {
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": arn(kind, resource) });
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    };
    let queue = account.queue("of-a-server", Label::Needed, json!({})).await;
    assert!(queue.ends_with("of-a-server"));
    account.role("server", "ec2.amazonaws.com", &names("sqs", "sqs:*", "of-a-server"), None).await;
    account.function("of-a-task", Label::Needed, &[]).await;
    account
        .role("task", "ecs-tasks.amazonaws.com", &names("lambda", "lambda:InvokeFunction", "function:of-a-*"), None)
        .await;
    account.topic("of-systems-manager", Label::Needed).await;
    account.role("automation", "ssm.amazonaws.com", &names("sns", "sns:Publish", "of-systems-manager"), None).await;
    let used = Timestamp::now() - SignedDuration::from_hours(24 * 20);
    let changed = account.cloud.with_context(|cx| {
        for role in ["server", "task", "automation"] {
            if let Some(role) = cx.state.iam.roles.get_mut(role) {
                role.last_used = Some((used, "us-east-1".to_owned()));
            }
        }
    });
    changed.expect("the state");
}

/// What is used, or shows by itself that it is needed.
pub async fn add_signs(account: &mut LabeledAccount) {
    for number in 0..6 {
        let name = format!("used-{number}");
        account.function(&name, Label::Needed, &[]).await;
        account.count("AWS/Lambda", "Invocations", ("FunctionName", &name), 3);
    }
    let function = account.function("on-event", Label::Needed, &[]).await;
    account.rule("on-health-event", Label::Needed, true, true, Some(&function)).await;
    let function = account.function("yearly", Label::Needed, &[]).await;
    account.rule("every-year", Label::Needed, false, true, Some(&function)).await;
    // Polled, though nothing came.
    account.queue("polled", Label::Needed, json!({})).await;
    account.count("AWS/SQS", "NumberOfEmptyReceives", ("QueueName", "polled"), 1);
    // Read from a stream.
    account.function("of-a-stream", Label::Needed, &[]).await;
    let mapping = account.aws.lambda.create_event_source_mapping().function_name("of-a-stream");
    let queue = account.queue("fed", Label::Needed, json!({})).await;
    mapping.event_source_arn(&queue).send().await.expect("a mapping");
    account.count("AWS/SQS", "NumberOfMessagesSent", ("QueueName", "fed"), 80);
    // Managed by other tools.
    for (name, key, value) in [
        ("stacked", "aws:cloudformation:stack-name", "site"),
        ("terraformed", "terraform", "true"),
        ("deployed-by-sam", "lambda:createdBy", "SAM"),
        ("of-the-framework", "managed-by", "serverless"),
    ] {
        account.function(name, Label::Needed, &[]).await;
        account.tag(name, key, value).await;
    }
    // Parts of a stack without tags.
    let stack = arn("cloudformation", "stack/shop/1");
    account.function("part-of-a-stack", Label::Needed, &[]).await;
    account.queue("queue-of-a-stack", Label::Needed, json!({})).await;
    let stacks = json!({ "Stacks": [{ "StackId": stack, "StackName": "shop", "StackStatus": "UPDATE_COMPLETE" }] });
    account.answer("cloudformation:DescribeStacks", stacks);
    let part = |kind: &str, id: &str| json!({ "ResourceType": kind, "PhysicalResourceId": id });
    let queue = format!("https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/queue-of-a-stack");
    let parts = [part("AWS::Lambda::Function", "part-of-a-stack"), part("AWS::SQS::Queue", &queue)];
    account.answer("cloudformation:ListStackResources", json!({ "StackResourceSummaries": parts }));
    // Alarms, and whom they wake.
    let on_call = account.topic("on-call", Label::Needed).await;
    account.alarm("used-errors", Label::Needed, ("AWS/Lambda", "FunctionName", "used-0"), Some(&on_call)).await;
    let pager = account.topic("pager", Label::Needed).await;
    account.alarm("disk-full", Label::Needed, ("CWAgent", "InstanceId", "i-1"), Some(&pager)).await;
    // Secrets.
    account.aws.secrets.create_secret().name("rotating").secret_string("x").send().await.expect("a secret");
    account.function("rotator", Label::Needed, &[]).await;
    account.permit("rotator", "secretsmanager.amazonaws.com", None).await;
    // An API that is called, with an authorizer.
    account.function("front", Label::Needed, &[]).await;
    account.function("authorizer", Label::Needed, &[]).await;
    add_http_api(account, "shop", Some(("front", "authorizer")), Label::Needed).await;
}

/// An HTTP API with or without a stage; `None` is one that leads nowhere.
async fn add_http_api(account: &mut LabeledAccount, name: &str, targets: Option<(&str, &str)>, label: Label) {
    let send = async |operation, path: &[&str], body: Value| {
        let request = RestRequest::new(operation, Method::POST, path).with_body(&body);
        account.aws.signed.send(request).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    };
    let api = send("apigateway:CreateApi", &["v2", "apis"], json!({ "name": name, "protocolType": "HTTP" })).await;
    let id = text_of(&api, "apiId").expect("an id").to_owned();
    let mut authorizers = Vec::new();
    if let Some((front, authorizer)) = targets {
        let uri = node_id(NodeKind::Function, front);
        let body = json!({ "integrationType": "AWS_PROXY", "integrationUri": uri, "payloadFormatVersion": "2.0" });
        let made = send("apigateway:CreateIntegration", &["v2", "apis", &id, "integrations"], body).await;
        let target = format!("integrations/{}", text_of(&made, "integrationId").expect("an id"));
        let body = json!({ "routeKey": "POST /order", "target": target });
        send("apigateway:CreateRoute", &["v2", "apis", &id, "routes"], body).await;
        let uri = format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations",
            node_id(NodeKind::Function, authorizer)
        );
        let body = json!({ "name": "who", "authorizerType": "REQUEST", "authorizerUri": uri, "identitySource": ["x"], "authorizerPayloadFormatVersion": "2.0" });
        send("apigateway:CreateAuthorizer", &["v2", "apis", &id, "authorizers"], body.clone()).await;
        send("apigateway:CreateStage", &["v2", "apis", &id, "stages"], json!({ "stageName": "$default" })).await;
        account.count("AWS/ApiGateway", "Count", ("ApiId", &id), 200);
        authorizers.push(body);
    }
    // moto stores authorizers, and fails when it lists them.
    account.canned.add("GET", &format!("/v2/apis/{id}/authorizers"), json!({ "items": authorizers }));
    account.labels.insert(node_id(NodeKind::HttpApi, &id), label);
}

/// What nobody needs.
pub async fn add_leftovers(account: &mut LabeledAccount) {
    for number in 0..6 {
        let queue = account.queue(&format!("old-queue-{number}"), Label::Dead, json!({})).await;
        let name = format!("old-push-{number}");
        let function = account.function(&name, Label::Dead, &[("QUEUE", &queue)]).await;
        account.rule(&format!("old-rule-{number}"), Label::Dead, false, false, Some(&function)).await;
        account.permit(&name, "events.amazonaws.com", Some(&arn("events", &format!("rule/old-rule-{number}")))).await;
        account.alarm(&format!("old-errors-{number}"), Label::Dead, ("AWS/Lambda", "FunctionName", &name), None).await;
    }
    for number in 0..4 {
        let name = format!("old-hook-{number}");
        account.function(&name, Label::Dead, &[]).await;
        account.permit(&name, "apigateway.amazonaws.com", Some(&arn("execute-api", "gone123/*/POST/x"))).await;
        account.topic(&format!("old-topic-{number}"), Label::Dead).await;
    }
    account.rule("old-empty-rule", Label::Dead, true, true, None).await;
    account.alarm("old-gone", Label::Dead, ("AWS/SQS", "QueueName", "gone"), None).await;
    add_http_api(account, "old-api", None, Label::Dead).await;
    account.aws.secrets.create_secret().name("old/key").secret_string("x").send().await.expect("a secret");
}
