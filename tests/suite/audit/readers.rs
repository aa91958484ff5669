//! What the readers find in an account, on moto, which has all of these services.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_apigateway::types::IntegrationType as RestIntegrationType;
use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, Statistic};
use aws_sdk_eventbridge::types::{RuleState, Target as RuleTarget};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, FunctionUrlAuthType, Runtime};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target as ScheduleTarget};
use aws_sdk_sqs::types::QueueAttributeName;
use axum::Router;
use axum::routing::get;
use deployer_artifact::{Artifact, ArtifactPlatform};
use deployer_aws::Aws;
use deployer_cloud::{ApiError, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::scope::Scope;
use deployer_hubspot::HubSpotClient;
use deployer_janitor::audit::{
    AuditFinding, AuditInventory, AuditVerdict, EdgeKind, HubSpotSource, Node, NodeKind, NodeUsage, Options,
    VenueMarks, judge_inventory, read, sources,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;
use sync_lambda::credentials::CredentialValue;

use crate::assertions::assert_contains;
use crate::clouds::TestCloud;
use crate::sdk::GeneratedClients as _;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// An account with a few resources of every kind.
struct ReaderAccount {
    aws: Aws,
    scope: Scope,
    zip: Vec<u8>,
    /// The calls that this server doesn't know, each with the text of its failure.
    gaps: &'static [(&'static str, &'static str)],
}

/// What moto 5 fails at, instead of saying that it doesn't know it.
const GAPS_OF_MOTO: &[(&str, &str)] = &[
    // It has function URLs, but no list of them.
    ("lambda:ListFunctionUrlConfigs", ""),
    ("apigateway:GetHttpAuthorizers", "HTTP status 500"),
    ("autoscaling:DescribeNotificationConfigurations", "HTTP status 500"),
    ("cloudtrail:LookupEvents", "HTTP status 500"),
    ("codecommit:ListRepositories", "HTTP status 500"),
    ("dms:DescribeEventSubscriptions", "HTTP status 500"),
    ("ds:DescribeEventTopics", "HTTP status 500"),
    ("logs:DescribeAccountPolicies", "HTTP status 500"),
    ("redshift:DescribeEventSubscriptions", "HTTP status 500"),
];

impl ReaderAccount {
    async fn in_moto() -> Self {
        let made = Self::on_cloud(TestCloud::Moto.open_account().await.aws).await;
        Self { gaps: GAPS_OF_MOTO, ..made }
    }

    async fn on_cloud(aws: Aws) -> Self {
        let identity = aws.sts.get_caller_identity().send().await.expect("the account");
        let scope = Scope::new(identity.account().expect("an account"), "us-east-1");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bootstrap");
        std::fs::write(&path, "#!/bin/sh\n").expect("written");
        let zip = Artifact::from_path(&path, ArtifactPlatform::Local).expect("an artifact").bootstrap_zip.to_vec();
        Self { aws, scope, zip, gaps: &[] }
    }

    async fn create_role(&self, name: &str) -> String {
        let request = self.aws.iam.create_role().role_name(name).assume_role_policy_document(TRUST);
        request.send().await.expect("a role").role().expect("a role").arn().to_owned()
    }

    async fn create_function(&self, name: &str, role: &str, variables: &[(&str, &str)]) -> String {
        let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let request = self.aws.lambda.create_function().function_name(name).role(role).handler("bootstrap");
        let request = request
            .runtime(Runtime::Providedal2023)
            .code(FunctionCode::builder().zip_file(Blob::new(self.zip.clone())).build());
        let request = request.environment(Environment::builder().set_variables(Some(variables)).build());
        let made = request.send().await.expect("a function");
        made.function_arn().expect("an ARN").to_owned()
    }

    async fn create_queue(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> (String, String) {
        let mut request = self.aws.sdk().sqs.create_queue().queue_name(name);
        for (key, value) in attributes {
            request = request.attributes(key.clone(), *value);
        }
        let url = request.send().await.expect("a queue").queue_url().expect("a URL").to_owned();
        (url, self.scope.regional_arn("sqs", name))
    }

    async fn read_account(&self, hubspot: Option<&HubSpotSource>, venues: Vec<VenueMarks>) -> AuditReading {
        let options = Options { days: 90, venues, rate_limited: false, all_regions: true };
        let mut inventory = read(&self.aws, &self.scope, hubspot, &options, &|_| {}).await;
        let is_gap = |call: &str, why: &str| self.gaps.iter().any(|(known, text)| *known == call && why.contains(text));
        inventory.unread.retain(|unread| !is_gap(&unread.call, &unread.why));
        let findings = judge_inventory(&inventory);
        AuditReading { inventory, findings }
    }
}

struct AuditReading {
    inventory: AuditInventory,
    findings: Vec<AuditFinding>,
}

impl AuditReading {
    fn find_node(&self, kind: NodeKind, name: &str) -> &Node {
        let mut found = self.inventory.nodes.iter().filter(|node| node.kind == kind && node.name == name);
        found.next().unwrap_or_else(|| panic!("{kind:?} {name} was not read: {:#?}", self.inventory.unread))
    }

    fn verdict_of(&self, kind: NodeKind, name: &str) -> (AuditVerdict, String) {
        let id = &self.find_node(kind, name).id;
        let finding = self.findings.iter().find(|finding| finding.id == *id).expect("it is judged");
        (finding.verdict, finding.evidence.join("; "))
    }

    /// The note of such an edge, if there is one.
    fn edge_note(&self, from: &str, kind: EdgeKind, to: &str) -> Option<Option<String>> {
        let mut edges = self.inventory.edges.iter();
        let found = edges.find(|edge| edge.from == from && edge.kind == kind && edge.to == to);
        found.map(|edge| edge.note.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn finds_triggers_and_what_they_reach() {
    let made = ReaderAccount::in_moto().await;
    let role = made.create_role("push-role").await;
    let (dead_url, dead) = made.create_queue("dead", &[]).await;
    let redrive = json!({ "deadLetterTargetArn": dead, "maxReceiveCount": 3 }).to_string();
    let (jobs_url, jobs) = made.create_queue("jobs", &[(QueueAttributeName::RedrivePolicy, redrive.as_str())]).await;
    made.aws.sdk().sqs.send_message().queue_url(&dead_url).message_body("{}").send().await.expect("sent");
    let front =
        made.create_function("front", &role, &[("QUEUE", jobs_url.as_str()), ("PASSWORD", "hunter2hunter2")]).await;
    let worker = made.create_function("worker", &role, &[("TOPIC", "news")]).await;

    let mapping = made.aws.lambda.create_event_source_mapping().function_name("worker").event_source_arn(&jobs);
    mapping.enabled(false).send().await.expect("a mapping");
    let policy =
        made.aws.lambda.add_permission().function_name("worker").statement_id("api").action("lambda:InvokeFunction");
    let policy = policy.principal("apigateway.amazonaws.com");
    let policy = policy.source_arn(made.scope.regional_arn("execute-api", "gone123/*/POST/x"));
    policy.send().await.expect("a permission");

    let rule =
        made.aws.events.put_rule().name("every").schedule_expression("rate(5 minutes)").state(RuleState::Disabled);
    let rule = rule.send().await.expect("a rule").rule_arn().expect("an ARN").to_owned();
    let target = RuleTarget::builder().id("1").arn(&front).build().expect("a target");
    made.aws.events.put_targets().rule("every").targets(target).send().await.expect("targets");
    let target = ScheduleTarget::builder().arn(&worker).role_arn(&role).build().expect("a target");
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("a window");
    let schedule = made.aws.sdk().scheduler.create_schedule().name("nightly").schedule_expression("rate(1 day)");
    let schedule = schedule.target(target).flexible_time_window(window).send().await.expect("a schedule");

    let topic = made.aws.sdk().sns.create_topic().name("news").send().await.expect("a topic");
    let topic = topic.topic_arn().expect("an ARN").to_owned();
    let subscription = made.aws.sdk().sns.subscribe().topic_arn(&topic).protocol("lambda").endpoint(&front);
    let subscribed = subscription.send().await.expect("a subscription");
    let attribute = made.aws.sdk().sns.set_subscription_attributes().attribute_name("RedrivePolicy");
    let attribute = attribute.attribute_value(json!({ "deadLetterTargetArn": dead }).to_string());
    let front_arn = subscribed.subscription_arn().expect("an ARN");
    attribute.subscription_arn(front_arn).send().await.expect("a redrive policy");
    let private = made.aws.sdk().sns.subscribe().topic_arn(&topic).protocol("email").endpoint("somebody@example.com");
    private.send().await.expect("a subscription");

    let definition = json!({ "StartAt": "A", "States": { "A": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": { "FunctionName": format!("{worker}:$LATEST") },
    } } });
    let machine =
        made.aws.sdk().sfn.create_state_machine().name("steps").definition(definition.to_string()).role_arn(&role);
    let machine = machine.send().await.expect("a state machine").state_machine_arn().to_owned();
    let alarm = made.aws.sdk().cloudwatch.put_metric_alarm().alarm_name("gone").namespace("AWS/SQS").metric_name("Age");
    let alarm = alarm.dimensions(Dimension::builder().name("QueueName").value("old.fifo").build());
    let alarm = alarm.comparison_operator(ComparisonOperator::GreaterThanThreshold).evaluation_periods(1);
    alarm.threshold(1.0).period(60).statistic(Statistic::Sum).send().await.expect("an alarm");
    made.aws.sdk().logs.create_log_group().log_group_name("/aws/lambda/front").send().await.expect("a log group");
    made.aws.sdk().logs.create_log_group().log_group_name("/app/other").send().await.expect("a log group");
    let secret = made.aws.secrets.create_secret().name("push/key").secret_string("hunter2hunter2").send().await;
    secret.expect("a secret");

    let found = made.read_account(None, Vec::new()).await;
    assert_eq!(found.inventory.unread, [], "everything is read");
    assert_eq!(found.edge_note(&front, EdgeKind::Environment, &jobs), Some(Some("QUEUE".to_owned())), "by its URL");
    assert_eq!(found.edge_note(&worker, EdgeKind::Environment, &topic), Some(Some("TOPIC".to_owned())), "by its name");
    assert!(found.edge_note(&front, EdgeKind::Role, &role).is_some());
    assert!(found.edge_note(&jobs, EdgeKind::DeadLetter, &dead).is_some());
    let mapping = found.edge_note(&jobs, EdgeKind::Mapping, &worker).flatten().expect("a note");
    assert!(mapping.starts_with("disabled"), "{mapping}");
    assert!(found.edge_note("execute-api:gone123", EdgeKind::Permission, &worker).is_some());
    assert!(found.edge_note(&rule, EdgeKind::Target, &front).is_some());
    assert!(!found.find_node(NodeKind::Rule, "every").enabled);
    assert!(found.edge_note(schedule.schedule_arn(), EdgeKind::Target, &worker).is_some());
    assert!(found.edge_note(schedule.schedule_arn(), EdgeKind::Role, &role).is_some());
    assert!(found.edge_note(&topic, EdgeKind::Subscription, &front).is_some());
    assert!(found.edge_note(&topic, EdgeKind::DeadLetter, &dead).is_some());
    assert!(found.edge_note(&machine, EdgeKind::Task, &worker).is_some());
    let group = &found.find_node(NodeKind::LogGroup, "/aws/lambda/front").id;
    assert!(found.edge_note(&front, EdgeKind::Log, group).is_some());
    assert!(
        found.inventory.nodes.iter().all(|node| node.name != "/app/other"),
        "it is unknown which function writes to it"
    );
    assert_eq!(found.find_node(NodeKind::Queue, "dead").attributes["messages"], "1");
    assert_eq!(found.find_node(NodeKind::Function, "front").attributes["environment"], "PASSWORD, QUEUE");
    assert!(matches!(found.find_node(NodeKind::Function, "front").usage, NodeUsage::Counted { count: 0, .. }));
    assert!(matches!(found.find_node(NodeKind::Secret, "push/key").usage, NodeUsage::Counted { .. }));
    let text = serde_json::to_string(&found.inventory).expect("JSON");
    assert!(!text.contains("hunter2") && !text.contains("somebody"), "it contains no value and no person");
    assert_eq!(serde_json::from_str::<AuditInventory>(&text).expect("read back"), found.inventory);

    let watched = "it watches queue old.fifo, which doesn't exist".to_owned();
    assert_eq!(found.verdict_of(NodeKind::Alarm, "gone"), (AuditVerdict::Orphaned, watched));
    // Everything was created a minute ago.
    assert_eq!(found.verdict_of(NodeKind::Function, "front").0, AuditVerdict::Active);
    let (verdict, evidence) = found.verdict_of(NodeKind::Rule, "every");
    assert_eq!(verdict, AuditVerdict::Unknown, "moto has no event history, so the rule may be new");
    assert_contains(evidence, "it is disabled; it leads to function front");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn follows_webhooks_through_apis() {
    let made = ReaderAccount::in_moto().await;
    let role = made.create_role("api-role").await;
    let push = made.create_function("push", &role, &[("FLAG", "tripleseat_sync__venue_a")]).await;
    let (rest, http) = (create_rest_api(&made, &push).await, create_http_api(&made, &push).await);
    let execute = |id: &str, path: &str| format!("https://{id}.execute-api.us-east-1.amazonaws.com/{path}");
    let flows: BTreeMap<&str, (&str, String)> = [
        ("1", ("Leads Venue A", execute(&rest, "prod/hubspot"))),
        ("2", ("Leads Venue B", execute(&http, "hubspot?key=hunter2"))),
        ("3", ("Old", execute("zzz999", "prod/x"))),
        ("4", ("Old stage", execute(&rest, "dev/hubspot"))),
        ("5", ("Old route", execute(&http, "nothing"))),
        ("6", ("Elsewhere", "https://hooks.example.com/x".to_owned())),
    ]
    .into();
    let uri = serve_hubspot(&flows, &execute(&rest, "prod/hubspot")).await;
    let hubspot = HubSpotSource { workflows: Some(Ok(hubspot_client(&uri))), apps: vec![(42, hubspot_client(&uri))] };
    let venue = |name: &str, display: &str| VenueMarks {
        name: name.to_owned(),
        display_name: display.to_owned(),
        flag_property: format!("tripleseat_sync__{}", name.replace('-', "_")),
        location_id: None,
        url: None,
    };
    let found = made.read_account(Some(&hubspot), vec![venue("venue-a", "Venue A"), venue("venue-b", "Venue B")]).await;
    assert_eq!(found.inventory.unread, []);
    assert_eq!(found.find_node(NodeKind::Function, "push").attributes["venues"], "venue-a");
    let verdict = |name: &str| found.verdict_of(NodeKind::HubspotWorkflow, name);
    assert_eq!(verdict("Leads Venue A"), (AuditVerdict::Active, "it is enabled and leads to function push".to_owned()));
    let astray = "it is about venue-b but leads through HTTP API http to function push, which serves venue-a";
    assert_eq!(verdict("Leads Venue B"), (AuditVerdict::Suspect, astray.to_owned()));
    assert_contains(verdict("Old").1, "has no such API");
    assert_contains(verdict("Old stage").1, "which has no such stage");
    assert_contains(verdict("Old route").1, "has no route for POST /nothing");
    assert_contains(verdict("Elsewhere").1, "not an API, function URL or custom domain");
    for name in ["Old", "Old stage", "Old route", "Elsewhere"] {
        assert_eq!(verdict(name).0, AuditVerdict::Suspect, "{name}");
    }
    let webhook = |venue: &str| {
        found.verdict_of(NodeKind::HubspotWebhook, &format!("contact.propertyChange tripleseat_sync__{venue}")).0
    };
    assert_eq!((webhook("venue_a"), webhook("venue_b")), (AuditVerdict::Active, AuditVerdict::Suspect));
    let text = serde_json::to_string(&found.inventory).expect("JSON");
    assert!(!text.contains("hunter2"), "a query may be a credential");
    assert_eq!(found.inventory.calls["hubspot:workflow"], 7, "six with a webhook and one without");
    assert!(found.inventory.nodes.iter().all(|node| node.name != "Mail only"));
}

/// A REST API with the stage `prod`, whose `POST /hubspot` calls the function.
async fn create_rest_api(made: &ReaderAccount, function: &str) -> String {
    let apis = &made.aws.sdk().apigateway;
    let id = apis.create_rest_api().name("rest").send().await.expect("an API").id().expect("an id").to_owned();
    let root =
        apis.get_resources().rest_api_id(&id).send().await.expect("resources").items()[0].id().map(str::to_owned);
    let resource = apis.create_resource().rest_api_id(&id).set_parent_id(root).path_part("hubspot");
    let resource = resource.send().await.expect("a resource").id().expect("an id").to_owned();
    let method = apis.put_method().rest_api_id(&id).resource_id(&resource).http_method("POST");
    method.authorization_type("NONE").send().await.expect("a method");
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations");
    let integration = apis.put_integration().rest_api_id(&id).resource_id(&resource).http_method("POST");
    let integration = integration.r#type(RestIntegrationType::AwsProxy).integration_http_method("POST").uri(uri);
    integration.send().await.expect("an integration");
    apis.create_deployment().rest_api_id(&id).stage_name("prod").send().await.expect("a stage");
    id
}

/// An HTTP API with the stage `$default`, whose `POST /hubspot` calls the function.
async fn create_http_api(made: &ReaderAccount, function: &str) -> String {
    let apis = &made.aws.sdk().apigatewayv2;
    let api = apis.create_api().name("http").protocol_type(ProtocolType::Http).send().await.expect("an API");
    let id = api.api_id().expect("an id").to_owned();
    let integration = apis.create_integration().api_id(&id).integration_type(IntegrationType::AwsProxy);
    let integration = integration.integration_uri(function).payload_format_version("2.0").send().await;
    let integration = integration.expect("an integration").integration_id().expect("an id").to_owned();
    let route = apis.create_route().api_id(&id).route_key("POST /hubspot");
    route.target(format!("integrations/{integration}")).send().await.expect("a route");
    apis.create_stage().api_id(&id).stage_name("$default").send().await.expect("a stage");
    id
}

fn hubspot_client(uri: &str) -> HubSpotClient {
    HubSpotClient::new(sync_lambda::http::build_client().expect("a client"), uri, CredentialValue::new("token"))
}

/// Serves HubSpot's workflows, in two pages, and the webhooks of app 42, as HubSpot documents them. Returns the
/// server's address.
async fn serve_hubspot(flows: &BTreeMap<&str, (&str, String)>, webhook: &str) -> String {
    let mut router = Router::new();
    let ids: Vec<_> = flows.keys().map(|id| json!({ "id": id })).collect();
    let list = move |query: axum::extract::RawQuery| async move {
        let second = query.0.unwrap_or_default().contains("after=two");
        axum::Json(match second {
            true => json!({ "results": [{ "id": "9" }] }),
            false => json!({ "results": ids, "paging": { "next": { "after": "two" } } }),
        })
    };
    router = router.route("/automation/v4/flows", get(list));
    let mail =
        json!({ "id": "9", "name": "Mail only", "isEnabled": true, "actions": [{ "type": "SINGLE_CONNECTION" }] });
    router = router.route("/automation/v4/flows/9", get(move || async move { axum::Json(mail) }));
    for (id, (name, url)) in flows {
        let flow = json!({ "id": id, "name": name, "isEnabled": true, "updatedAt": "2024-05-01T10:00:00.000Z",
            "actions": [{ "type": "WEBHOOK", "actionId": "1", "method": "POST", "webhookUrl": url }] });
        router = router.route(&format!("/automation/v4/flows/{id}"), get(move || async move { axum::Json(flow) }));
    }
    let settings = json!({ "targetUrl": webhook, "throttling": { "maxConcurrentRequests": 10 } });
    let subscription = |id: u64, property: &str| json!({ "id": id, "eventType": "contact.propertyChange", "propertyName": property, "active": true });
    let subscriptions = [subscription(1, "tripleseat_sync__venue_a"), subscription(2, "tripleseat_sync__venue_b")];
    let subscriptions = json!({ "results": subscriptions });
    let app = |what: &str| format!("/webhooks/{HUBSPOT_API_VERSION}/42/{what}");
    router = router.route(&app("settings"), get(move || async move { axum::Json(settings) }));
    router = router.route(&app("subscriptions"), get(move || async move { axum::Json(subscriptions) }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let uri = format!("http://{}", listener.local_addr().expect("an address"));
    // The server ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await });
    uri
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_function_urls_and_counts() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let made = ReaderAccount::on_cloud(Aws::for_local("us-east-1", cloud.http_client(), None)).await;
    let role = made.create_role("push-role").await;
    let push = made.create_function("push", &role, &[]).await;
    let url = made.aws.lambda.create_function_url_config().function_name("push");
    let url = url.auth_type(FunctionUrlAuthType::None).send().await.expect("a URL").function_url().to_owned();
    count_invocations(&cloud, "push", &[(1, 3.0), (40, 4.0), (200, 100.0)]);
    let flows =
        [("1", ("Post", url.clone())), ("2", ("Gone", "https://x.lambda-url.us-east-1.on.aws/".to_owned()))].into();
    let uri = serve_hubspot(&flows, &url).await;
    let hubspot = HubSpotSource { workflows: Some(Ok(hubspot_client(&uri))), apps: Vec::new() };
    let found = made.read_account(Some(&hubspot), Vec::new()).await;
    let url = url.trim_end_matches('/');
    assert_eq!(found.edge_note(url, EdgeKind::FunctionUrl, &push), Some(Some("open to everyone".to_owned())));
    let posted = found.edge_note("hubspot:workflow:1", EdgeKind::Webhook, &push);
    assert_eq!(posted, Some(Some("POST /".to_owned())));
    assert_eq!(found.verdict_of(NodeKind::HubspotWorkflow, "Post").0, AuditVerdict::Active);
    let (verdict, evidence) = found.verdict_of(NodeKind::HubspotWorkflow, "Gone");
    assert_eq!(verdict, AuditVerdict::Suspect);
    assert!(evidence.contains("has no such function URL"), "{evidence}");
    let day =
        |ago: i64| Some((Timestamp::now() - SignedDuration::from_hours(24 * ago)).strftime("%Y-%m-%d").to_string());
    let used = NodeUsage::Counted { what: "invocations".to_owned(), count: 7, last: day(1), before: day(200) };
    assert_eq!(
        found.find_node(NodeKind::Function, "push").usage,
        used,
        "the count of 90 days, the last day of use, and the last before them"
    );
}

/// Counts invocations of a function, each a number of days ago.
fn count_invocations(cloud: &EmbeddedCloud, function: &str, values: &[(i64, f64)]) {
    for (days, value) in values {
        let at = Timestamp::now() - SignedDuration::from_hours(24 * days);
        let dimensions = [("FunctionName", function)];
        let counted = cloud.with_context(|cx| cx.count_metric_at(at, "AWS/Lambda", "Invocations", &dimensions, *value));
        counted.expect("the state is readable");
    }
}

/// A denied call is named, and makes nothing stale or orphaned that isn't so if everything is readable.
#[tokio::test(flavor = "multi_thread")]
async fn names_each_denied_call_and_draws_no_conclusion_from_it() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    cloud.set_time("2024-03-02T10:00:00Z".parse().expect("a time"));
    let made = ReaderAccount::on_cloud(Aws::for_local("us-east-1", cloud.http_client(), None)).await;
    let role = made.create_role("old-role").await;
    let old = made.create_function("old", &role, &[("SECRET", "old/key")]).await;
    made.create_role("lost-role").await;
    made.aws.secrets.create_secret().name("old/key").secret_string("x").send().await.expect("a secret");
    let (_, dead) = made.create_queue("old-dead", &[]).await;
    let redrive = json!({ "deadLetterTargetArn": dead, "maxReceiveCount": 3 }).to_string();
    let (_, queue) = made.create_queue("old-queue", &[(QueueAttributeName::RedrivePolicy, redrive.as_str())]).await;
    let mapping = made.aws.lambda.create_event_source_mapping().function_name("old").event_source_arn(&queue);
    mapping.enabled(false).send().await.expect("a mapping");
    let rule = made.aws.events.put_rule().name("old-rule").schedule_expression("rate(5 minutes)");
    rule.state(RuleState::Disabled).send().await.expect("a rule");
    let target = RuleTarget::builder().id("1").arn(&old).build().expect("a target");
    made.aws.events.put_targets().rule("old-rule").targets(target).send().await.expect("targets");
    for group in ["/aws/lambda/old", "/aws/lambda/lost"] {
        made.aws.sdk().logs.create_log_group().log_group_name(group).send().await.expect("a log group");
    }
    create_rest_api(&made, &old).await;
    create_http_api(&made, &old).await;
    // Where nothing was ever counted, no count shows that nobody calls an API.
    made.create_queue("used", &[]).await;
    let at = Timestamp::now() - SignedDuration::from_hours(48);
    let sent = |cx: &mut deployer_cloud::CloudContext<'_>| {
        cx.count_metric_at(at, "AWS/SQS", "NumberOfMessagesSent", &[("QueueName", "used")], 1.0);
    };
    cloud.with_context(sent).expect("the state is readable");

    let all = made.read_account(None, Vec::new()).await;
    // Services that the embedded cloud doesn't have.
    let absent: Vec<&str> = all.inventory.unread.iter().map(|unread| unread.call.as_str()).collect();
    let calls: Vec<&String> = all.inventory.calls.keys().filter(|call| !absent.contains(&call.as_str())).collect();
    let judged = |mut inventory: AuditInventory| {
        inventory.unread.retain(|unread| !absent.contains(&unread.call.as_str()));
        judge_inventory(&inventory)
    };
    let before: BTreeMap<String, AuditVerdict> =
        judged(all.inventory.clone()).into_iter().map(|finding| (finding.id, finding.verdict)).collect();
    let dead = |verdict: AuditVerdict| matches!(verdict, AuditVerdict::Stale | AuditVerdict::Orphaned);
    let left = before.values().filter(|verdict| !dead(**verdict)).count();
    assert_eq!(left, 1, "only the queue in use: {before:#?}");
    assert!(before.len() >= 11 && calls.len() >= 20, "{before:#?} {calls:#?}");
    for call in calls {
        let (service, operation) = call.split_once(':').unwrap_or_default();
        // It is named as the regions' list, which is denied in its own turn.
        if call == sources::ELSEWHERE_CALL {
            continue;
        }
        let (service, operation) = (service.to_owned(), operation.replace("Http", ""));
        cloud.set_faults(Some(Arc::new(move |made: &CloudCall| {
            let denied = ApiError::new(403, "AccessDeniedException", "not allowed");
            // Services with paths that have nothing here have no names for their operations.
            let by_path = made.operation.starts_with("GET ") && made.service == service;
            // URLs are asked for one by one where there is no list.
            let single = operation == "ListFunctionUrlConfigs" && made.operation == "GetFunctionUrlConfig";
            (by_path || single || made.operation == operation)
                .then_some(InjectedFault::Before(CloudFault::Error(denied)))
        })));
        let found = made.read_account(None, Vec::new()).await;
        cloud.set_faults(None);
        let unread = &found.inventory.unread;
        assert!(unread.iter().any(|unread| unread.call == *call), "{call} is not named: {unread:#?}");
        for finding in judged(found.inventory.clone()) {
            let known = before.get(&finding.id) == Some(&finding.verdict);
            assert!(known || !dead(finding.verdict), "without {call}: {finding:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_a_large_account_completely_with_few_calls() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig { page_size: Some(7), ..CloudConfig::default() });
    let made = ReaderAccount::on_cloud(Aws::for_local("us-east-1", cloud.http_client(), None)).await;
    let role = made.create_role("role").await;
    for number in 0..40 {
        made.create_function(&format!("function-{number}"), &role, &[]).await;
        made.create_queue(&format!("queue-{number}"), &[]).await;
        made.aws
            .sdk()
            .logs
            .create_log_group()
            .log_group_name(format!("/aws/lambda/function-{number}"))
            .send()
            .await
            .expect("made");
    }
    let found = made.read_account(None, Vec::new()).await;
    let of = |kind| found.inventory.nodes.iter().filter(|node| node.kind == kind).count();
    assert_eq!((of(NodeKind::Function), of(NodeKind::Queue), of(NodeKind::LogGroup)), (40, 40, 40));
    let calls = |call: &str| found.inventory.calls[call];
    assert_eq!(calls("lambda:ListFunctions"), 6, "pages of seven");
    assert_eq!((calls("lambda:GetPolicy"), calls("lambda:GetFunction")), (40, 40));
    assert_eq!(
        calls("cloudwatch:GetMetricData"),
        23,
        "one metric of each function and three of each queue, in one batch"
    );
    assert_eq!(calls("lambda:ListEventSourceMappings"), 1);
    let made_calls = cloud.recorded_calls().len() as u64;
    assert!(found.inventory.calls.values().sum::<u64>() <= made_calls);
}
