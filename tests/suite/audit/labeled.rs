//! An account of which is known what is needed: triggers of every kind, and leftovers among them. Nothing that is needed
//! may be called stale or orphaned.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Target};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use deployer_artifact::zip;
use deployer_aws::Aws;
use deployer_aws::signed::{RestRequest, text_of};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::scope::Scope;
use deployer_janitor::audit::{
    AuditFinding, AuditInventory, AuditVerdict, Node, NodeKind, Options, judge_inventory, read,
};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::properties::is_dead;
use super::{ACCOUNT, node_id};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"SERVICE"},"Action":"sts:AssumeRole"}]}"#;
const LOGS_ONLY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}]}"#;

/// What a resource of the account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Needed,
    Dead,
}

struct LabeledAccount {
    cloud: EmbeddedCloud,
    aws: Aws,
    labels: BTreeMap<String, Label>,
    code: FunctionCode,
}

impl LabeledAccount {
    /// An empty account in March 2024.
    fn new() -> Self {
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        cloud.set_time("2024-03-02T10:00:00Z".parse().expect("a time"));
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        let zip = zip::build_deterministic_zip(&[("bootstrap", b"code")]).expect("a zip");
        let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
        Self { cloud, aws, labels: BTreeMap::new(), code }
    }

    fn label(&mut self, kind: NodeKind, name: &str, label: Label) -> String {
        let id = node_id(kind, name);
        self.labels.insert(id.clone(), label);
        id
    }

    async fn role(&mut self, name: &str, service: &str, policy: &str, label: Option<Label>) -> String {
        let trust = TRUST.replace("SERVICE", service);
        self.aws.iam.create_role().role_name(name).assume_role_policy_document(trust).send().await.expect("a role");
        let request = self.aws.iam.put_role_policy().role_name(name).policy_name("p").policy_document(policy);
        request.send().await.expect("a policy");
        match label {
            Some(label) => self.label(NodeKind::Role, name, label),
            None => node_id(NodeKind::Role, name),
        }
    }

    /// A function with a role and a log group of its own.
    async fn function(&mut self, name: &str, label: Label, variables: &[(&str, &str)]) -> String {
        let role = self.role(&format!("{name}-role"), "lambda.amazonaws.com", LOGS_ONLY, Some(label)).await;
        let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let request = self.aws.lambda.create_function().function_name(name).role(role).handler("bootstrap");
        let request = request.runtime(Runtime::Providedal2023).code(self.code.clone());
        let request = request.environment(Environment::builder().set_variables(Some(variables)).build());
        request.send().await.expect("a function");
        self.call("logs:CreateLogGroup", json!({ "logGroupName": format!("/aws/lambda/{name}") })).await;
        self.label(NodeKind::LogGroup, &format!("/aws/lambda/{name}"), label);
        self.label(NodeKind::Function, name, label)
    }

    async fn permit(&self, function: &str, principal: &str, source: Option<&str>) {
        let request = self.aws.lambda.add_permission().function_name(function).action("lambda:InvokeFunction");
        let request = request.statement_id(principal.replace('.', "-")).principal(principal);
        request.set_source_arn(source.map(ToOwned::to_owned)).send().await.expect("a permission");
    }

    async fn call(&self, operation: &'static str, parameters: Value) -> Value {
        self.aws.signed.call(operation, parameters).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    async fn queue(&mut self, name: &str, label: Label, attributes: Value) -> String {
        self.call("sqs:CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await;
        self.label(NodeKind::Queue, name, label)
    }

    async fn topic(&mut self, name: &str, label: Label) -> String {
        self.call("sns:CreateTopic", json!({ "Name": name })).await;
        self.label(NodeKind::Topic, name, label)
    }

    async fn rule(&mut self, name: &str, label: Label, pattern: bool, enabled: bool, target: Option<&str>) {
        let mut request = self.aws.events.put_rule().name(name);
        request = match pattern {
            true => request.event_pattern(r#"{"source":["aws.health"]}"#),
            false => request.schedule_expression("rate(1 day)"),
        };
        let state = if enabled { RuleState::Enabled } else { RuleState::Disabled };
        request.state(state).send().await.expect("a rule");
        if let Some(target) = target {
            let target = Target::builder().id("1").arn(target).build().expect("a target");
            self.aws.events.put_targets().rule(name).targets(target).send().await.expect("a target");
        }
        self.label(NodeKind::Rule, name, label);
    }

    async fn alarm(&mut self, name: &str, label: Label, metric: (&str, &str, &str), topic: Option<&str>) {
        let (namespace, dimension, value) = metric;
        let parameters = json!({
            "AlarmName": name, "Namespace": namespace, "MetricName": "Errors", "Statistic": "Sum", "Period": 60,
            "Dimensions": [{ "Name": dimension, "Value": value }], "EvaluationPeriods": 1, "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold", "OKActions": topic.into_iter().collect::<Vec<_>>(),
        });
        self.call("cloudwatch:PutMetricAlarm", parameters).await;
        self.label(NodeKind::Alarm, name, label);
    }

    /// Lets a service that has nothing here answer something.
    fn answer(&self, operation: &str, answer: Value) {
        let put = self.cloud.with_context(|cx| {
            cx.switch_region("us-east-1");
            let answers = &mut cx.region_state_mut().elsewhere.answers;
            // Several callers of one kind are one list.
            match (answers.get_mut(operation), answer) {
                (Some(Value::Object(known)), Value::Object(more)) => {
                    for (member, items) in more {
                        match (known.get_mut(&member), items) {
                            (Some(Value::Array(known)), Value::Array(items)) => known.extend(items),
                            (_, items) => drop(known.insert(member, items)),
                        }
                    }
                }
                (_, answer) => drop(answers.insert(operation.to_owned(), answer)),
            }
        });
        put.expect("the state");
    }

    fn count(&self, namespace: &str, metric: &str, dimension: (&str, &str), days_ago: i64) {
        let at = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
        let counted = self.cloud.with_context(|cx| cx.count_metric_at(at, namespace, metric, &[dimension], 1.0));
        counted.expect("the state");
    }

    async fn read(&self) -> (AuditInventory, Vec<AuditFinding>) {
        let scope = Scope::new(ACCOUNT, "us-east-1");
        let options = Options { days: 90, venues: Vec::new(), rate_limited: false, all_regions: true };
        let inventory = read(&self.aws, &scope, None, &options, &|_, _| {}).await;
        let findings = judge_inventory(&inventory);
        (inventory, findings)
    }
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}")
}

/// A trigger that only a list of its service shows: what it answers, given the ARN of what it triggers.
pub type Listed = (&'static str, NodeKind, fn(&str) -> Vec<(&'static str, Value)>);

/// One trigger of every service that is read for what it calls.
pub const LISTED: [Listed; 21] = [
    ("bucket", NodeKind::Function, |to| {
        vec![
            ("s3:GET /", json!({ "Buckets": { "Bucket": { "Name": "uploads" } } })),
            ("s3:GET /uploads", json!({ "CloudFunctionConfiguration": { "CloudFunction": to } })),
        ]
    }),
    ("pipe", NodeKind::Function, |to| {
        vec![
            ("pipes:GET /v1/pipes", json!({ "Pipes": [{ "Name": "p", "Arn": arn("pipes", "pipe/p") }] })),
            ("pipes:GET /v1/pipes/p", json!({ "Name": "p", "Target": to, "Source": arn("sqs", "pipe-source") })),
        ]
    }),
    ("pool", NodeKind::Function, |to| {
        vec![
            ("cognito-idp:ListUserPools", json!({ "UserPools": [{ "Id": "pool" }] })),
            ("cognito-idp:DescribeUserPool", json!({ "UserPool": { "LambdaConfig": { "PreSignUp": to } } })),
        ]
    }),
    ("balancer", NodeKind::Function, |to| {
        let group = json!({ "TargetGroupArn": "arn:tg", "TargetGroupName": "tg", "TargetType": "lambda" });
        vec![
            ("elasticloadbalancing:DescribeTargetGroups", json!({ "TargetGroups": [group] })),
            (
                "elasticloadbalancing:DescribeTargetHealth",
                json!({ "TargetHealthDescriptions": [{ "Target": { "Id": to } }] }),
            ),
        ]
    }),
    ("iot", NodeKind::Function, |to| {
        vec![
            ("iot:GET /rules", json!({ "rules": [{ "ruleName": "door", "ruleArn": arn("iot", "rule/door") }] })),
            ("iot:GET /rules/door", json!({ "rule": { "actions": [{ "lambda": { "functionArn": to } }] } })),
        ]
    }),
    ("config", NodeKind::Function, |to| {
        let rule = json!({ "ConfigRuleName": "tagged", "Source": { "SourceIdentifier": to } });
        vec![("config:DescribeConfigRules", json!({ "ConfigRules": [rule] }))]
    }),
    ("channel", NodeKind::Topic, |to| {
        vec![("config:DescribeDeliveryChannels", json!({ "DeliveryChannels": [{ "name": "c", "snsTopicARN": to }] }))]
    }),
    ("mail", NodeKind::Function, |to| {
        vec![
            ("ses:ListReceiptRuleSets", json!({ "RuleSets": [{ "Name": "inbound" }] })),
            (
                "ses:DescribeReceiptRuleSet",
                json!({ "Rules": [{ "Actions": [{ "LambdaAction": { "FunctionArn": to } }] }] }),
            ),
        ]
    }),
    ("scaling", NodeKind::Queue, |to| {
        vec![
            (
                "autoscaling:DescribeAutoScalingGroups",
                json!({ "AutoScalingGroups": [{ "AutoScalingGroupName": "web" }] }),
            ),
            ("autoscaling:DescribeLifecycleHooks", json!({ "LifecycleHooks": [{ "NotificationTargetARN": to }] })),
        ]
    }),
    ("scaled", NodeKind::Topic, |to| {
        let notification = json!({ "AutoScalingGroupName": "web", "TopicARN": to });
        vec![(
            "autoscaling:DescribeNotificationConfigurations",
            json!({ "NotificationConfigurations": [notification] }),
        )]
    }),
    ("database", NodeKind::Topic, |to| {
        let subscription = json!({ "CustSubscriptionId": "failover", "SnsTopicArn": to });
        vec![(
            "rds:DescribeEventSubscriptions",
            json!({ "EventSubscriptionsList": { "EventSubscription[]": [subscription] } }),
        )]
    }),
    ("warehouse", NodeKind::Topic, |to| {
        let subscription = json!({ "CustSubscriptionId": "w", "SnsTopicArn": to });
        vec![(
            "redshift:DescribeEventSubscriptions",
            json!({ "EventSubscriptionsList": { "EventSubscription[]": [subscription] } }),
        )]
    }),
    ("cache", NodeKind::Topic, |to| {
        let cluster = json!({ "CacheClusterId": "c", "NotificationConfiguration": { "TopicArn": to } });
        vec![("elasticache:DescribeCacheClusters", json!({ "CacheClusters": { "CacheCluster[]": [cluster] } }))]
    }),
    ("replication", NodeKind::Topic, |to| {
        let subscription = json!({ "CustSubscriptionId": "d", "SnsTopicArn": to });
        vec![("dms:DescribeEventSubscriptions", json!({ "EventSubscriptionsList": [subscription] }))]
    }),
    ("vault", NodeKind::Topic, |to| {
        vec![
            ("backup:GET /backup-vaults", json!({ "BackupVaultList": [{ "BackupVaultName": "v" }] })),
            ("backup:GET /backup-vaults/v/notification-configuration", json!({ "SNSTopicArn": to })),
        ]
    }),
    ("budget", NodeKind::Topic, |to| {
        vec![
            ("budgets:DescribeBudgets", json!({ "Budgets": [{ "BudgetName": "month" }] })),
            ("budgets:DescribeNotificationsForBudget", json!({ "Notifications": [{ "Threshold": 80 }] })),
            (
                "budgets:DescribeSubscribersForNotification",
                json!({ "Subscribers": [{ "SubscriptionType": "SNS", "Address": to }] }),
            ),
        ]
    }),
    ("audit-trail", NodeKind::Topic, |to| {
        vec![("cloudtrail:DescribeTrails", json!({ "trailList": [{ "Name": "all", "SnsTopicARN": to }] }))]
    }),
    ("release", NodeKind::Function, |_| {
        vec![
            ("codepipeline:ListPipelines", json!({ "pipelines": [{ "name": "site" }] })),
            (
                "codepipeline:GetPipeline",
                json!({ "pipeline": { "stages": [{ "actions": [{ "configuration": { "FunctionName": "by-release" } }] }] } }),
            ),
        ]
    }),
    ("graph", NodeKind::Function, |to| {
        vec![
            ("appsync:GET /v1/apis", json!({ "graphqlApis": [{ "apiId": "a1" }] })),
            (
                "appsync:GET /v1/apis/a1/datasources",
                json!({ "dataSources": [{ "lambdaConfig": { "lambdaFunctionArn": to } }] }),
            ),
        ]
    }),
    ("delivery", NodeKind::Function, |to| {
        vec![
            ("firehose:ListDeliveryStreams", json!({ "DeliveryStreamNames": ["d"], "HasMoreDeliveryStreams": false })),
            (
                "firehose:DescribeDeliveryStream",
                json!({ "Processors": [{ "ParameterValue": format!("{to}:$LATEST") }] }),
            ),
        ]
    }),
    ("repository", NodeKind::Topic, |to| {
        vec![
            ("codecommit:ListRepositories", json!({ "repositories": [{ "repositoryName": "r" }] })),
            ("codecommit:GetRepositoryTriggers", json!({ "triggers": [{ "destinationArn": to }] })),
        ]
    }),
];

/// What every service of the list triggers.
async fn add_listed_triggers(account: &mut LabeledAccount) {
    for (name, kind, answers) in LISTED {
        let name = format!("by-{name}");
        let id = match kind {
            NodeKind::Function => account.function(&name, Label::Needed, &[]).await,
            NodeKind::Topic => account.topic(&name, Label::Needed).await,
            _ => account.queue(&name, Label::Needed, json!({})).await,
        };
        for (operation, answer) in answers(&id) {
            account.answer(operation, answer);
        }
    }
    account.queue("pipe-source", Label::Needed, json!({})).await;
}

/// What is told by a policy or by a role.
async fn add_allowed_callers(account: &mut LabeledAccount) {
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
async fn add_signs(account: &mut LabeledAccount) {
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
        let tagged = account.cloud.with_context(|cx| {
            cx.switch_region("us-east-1");
            let functions = &mut cx.region_state_mut().lambda.functions;
            functions.get_mut(name).expect("it was made").tags.insert(key.to_owned(), value.to_owned());
        });
        tagged.expect("the state");
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
        let body = json!({ "name": "who", "authorizerType": "REQUEST", "authorizerUri": uri, "identitySource": ["x"] });
        send("apigateway:CreateAuthorizer", &["v2", "apis", &id, "authorizers"], body).await;
        send("apigateway:CreateStage", &["v2", "apis", &id, "stages"], json!({ "stageName": "$default" })).await;
        account.count("AWS/ApiGateway", "Count", ("ApiId", &id), 200);
    }
    account.labels.insert(node_id(NodeKind::HttpApi, &id), label);
}

/// What nobody needs.
async fn add_leftovers(account: &mut LabeledAccount) {
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_needed_is_called_stale() {
    let mut account = LabeledAccount::new();
    add_listed_triggers(&mut account).await;
    add_allowed_callers(&mut account).await;
    add_signs(&mut account).await;
    add_leftovers(&mut account).await;
    let (inventory, findings) = account.read().await;
    assert_eq!(inventory.unread, [], "everything is read");
    let (mut wrong, mut missed, mut found) = (Vec::new(), Vec::new(), 0);
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    let nodes: BTreeMap<&str, &Node> = inventory.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut judged = 0;
    for finding in &findings {
        let Some(label) = account.labels.get(&finding.id) else { continue };
        judged += 1;
        let name = &nodes[finding.id.as_str()].name;
        match (label, is_dead(finding.verdict)) {
            (Label::Needed, true) => wrong.push(format!("{name}: {:?} {:?}", finding.verdict, finding.evidence)),
            (Label::Dead, true) => found += 1,
            (Label::Dead, false) => missed.push(format!("{name}: {:?} {:?}", finding.verdict, finding.evidence)),
            (Label::Needed, false) => {}
        }
        if finding.verdict == AuditVerdict::Unknown {
            let reason = finding.evidence[0].replace(name.as_str(), "…");
            *unknown.entry(reason).or_default() += 1;
        }
    }
    let dead = account.labels.values().filter(|label| **label == Label::Dead).count();
    println!(
        "{} resources labeled, {judged} judged, {} nodes in all: needed called stale {}; dead found {found} of {dead}; \
         unknown {}",
        account.labels.len(),
        inventory.nodes.len(),
        wrong.len(),
        unknown.values().sum::<usize>(),
    );
    for (reason, count) in &unknown {
        println!("  {count} × {reason}");
    }
    assert!(account.labels.len() >= 150, "{}", account.labels.len());
    assert_eq!(judged, account.labels.len(), "every resource is a node");
    assert_eq!(wrong, Vec::<String>::new(), "needed and called stale or orphaned");
    assert_eq!(missed, Vec::<String>::new(), "dead and not found");
}

/// Every trigger alone, read and denied: what it triggers is never dead.
#[tokio::test(flavor = "multi_thread")]
async fn each_listed_trigger_is_read() {
    let mut account = LabeledAccount::new();
    add_listed_triggers(&mut account).await;
    let (inventory, findings) = account.read().await;
    assert_eq!(inventory.unread, [], "everything is read");
    for (name, kind, _) in LISTED {
        let id = node_id(kind, &format!("by-{name}"));
        let finding = findings.iter().find(|finding| finding.id == id).expect("it is judged");
        assert_eq!(finding.verdict, AuditVerdict::Active, "{name}: {:?}", finding.evidence);
        assert!(finding.evidence[0].contains("names it in its configuration"), "{name}: {:?}", finding.evidence);
    }
}
