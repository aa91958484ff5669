//! Archiving, deleting and restoring resources that nobody needs.

mod commands;
mod crash;
mod journals;
mod kill_loop;
mod kinds;
mod quarantine;
mod refusals;
mod reread;
mod restore;
mod select;

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, FunctionUrlAuthType, Runtime};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target as ScheduleTarget};
use aws_sdk_sqs::types::QueueAttributeName;
use deployer_artifact::zip;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::scope::Scope;
use deployer_janitor::audit::{
    AUDIT_VERSION, Audit, AuditFinding, AuditInventory, AuditVerdict, Edge, EdgeKind, Node, NodeKind, NodeUsage,
    Options, judge_inventory, read,
};
use deployer_janitor::decommission::archive::Archive;
use deployer_janitor::decommission::carry_out::{DecommissionOutcome, carry_out};
use deployer_janitor::decommission::check::{DecommissionTerms, check_candidates};
use deployer_janitor::decommission::parts::ResourceParts;
use deployer_janitor::decommission::plan::{DecommissionPlan, PendingResources};
use deployer_janitor::decommission::reread::{AccountRecheck, READING_COUNTS_FOR};
use deployer_janitor::decommission::select::DecommissionRequest;
use deployer_janitor::decommission::{DecommissionContext, DecommissionTarget};
use jiff::{SignedDuration, Timestamp};

use crate::audit::{AuditedAccount, midnight_of};
use crate::sdk::{GeneratedClients as _, SdkClients};

pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const OPENAPI: &str = r#"{"openapi":"3.0.1","info":{"title":"legacy-webhook","version":"1.0"},"paths":{"/contacts":{"post":{
    "responses":{"200":{"description":"200"}},"x-amazon-apigateway-integration":{"type":"aws_proxy","httpMethod":"POST",
    "uri":"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:legacy-push/invocations",
    "passthroughBehavior":"when_no_match","timeoutInMillis":29000}}}}}"#;

/// An embedded cloud with the leftovers of an earlier integration.
pub struct LegacyCloud {
    pub cloud: EmbeddedCloud,
    pub aws: Aws,
    pub scope: Scope,
    pub directory: tempfile::TempDir,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    pub rest_api: String,
    pub queue_url: String,
}

impl LegacyCloud {
    pub async fn new() -> Self {
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        Self::in_cloud(cloud, aws).await
    }

    pub async fn in_cloud(cloud: EmbeddedCloud, aws: Aws) -> Self {
        let scope = Scope::new("123456789012", "us-east-1");
        let directory = tempfile::tempdir().expect("a directory");
        let mut legacy = Self {
            cloud,
            aws,
            scope,
            directory,
            nodes: Vec::new(),
            edges: Vec::new(),
            rest_api: String::new(),
            queue_url: String::new(),
        };
        // Everything is older than the counts that CloudWatch keeps, and something else is in use: so silence means
        // something.
        legacy.cloud.set_time("2024-03-02T10:00:00Z".parse().expect("a time"));
        legacy.create_resources().await;
        legacy.cloud.set_time(Timestamp::now());
        let used = Timestamp::now() - SignedDuration::from_hours(72);
        let queue = [("QueueName", "orders-in-use")];
        let counted = legacy.cloud.with_context(|cx| {
            cx.switch_region("us-east-1");
            cx.count_metric_at(used, "AWS/SQS", "NumberOfMessagesSent", &queue, 1.0);
        });
        counted.expect("the state");
        legacy.cloud.forget_calls();
        legacy
    }

    async fn create_resources(&mut self) {
        let Aws { iam, lambda, events, secrets, .. } = self.aws.clone();
        let SdkClients { sqs, apigateway, apigatewayv2, logs, cloudwatch, sns, scheduler, .. } = self.aws.sdk();
        let account = self.scope.account.clone();
        let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:{account}:{rest}");
        let role_arn = format!("arn:aws:iam::{account}:role/legacy/legacy-push");
        let tag = aws_sdk_iam::types::Tag::builder().key("team").value("old").build().expect("a tag");
        let role = iam.create_role().role_name("legacy-push").path("/legacy/").assume_role_policy_document(TRUST);
        role.description("for the old push").tags(tag).send().await.expect("a role");
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
        let policy = iam.put_role_policy().role_name("legacy-push").policy_name("queues").policy_document(document);
        policy.send().await.expect("a policy");

        sqs.create_queue()
            .queue_name("dead.fifo")
            .attributes(QueueAttributeName::FifoQueue, "true")
            .send()
            .await
            .expect("a queue");
        let redrive = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, arn("sqs", "dead.fifo"));
        let queue = sqs.create_queue().queue_name("contacts.fifo").attributes(QueueAttributeName::FifoQueue, "true");
        let queue = queue.attributes(QueueAttributeName::VisibilityTimeout, "120");
        let queue = queue.attributes(QueueAttributeName::RedrivePolicy, redrive).tags("team", "old");
        self.queue_url = queue.send().await.expect("a queue").queue_url.expect("its URL");

        let function = |script: &str| {
            Blob::new(zip::build_deterministic_zip(&[("bootstrap", script.as_bytes())]).expect("zipped").to_vec())
        };
        let request = lambda.create_function().function_name("legacy-push").runtime(Runtime::from("provided.al2023"));
        let request = request.handler("bootstrap").role(&role_arn).memory_size(192).timeout(77).description("old push");
        let request = request.environment(Environment::builder().variables("API_KEY", "s3cret-value").build());
        let request = request.code(FunctionCode::builder().zip_file(function("#!/bin/sh\nexit 1\n")).build());
        request.tags("team", "old").publish(true).send().await.expect("a function");
        let alias = lambda.create_alias().function_name("legacy-push").name("live").function_version("1");
        alias.description("what is called").send().await.expect("an alias");
        let newer =
            lambda.update_function_code().function_name("legacy-push").zip_file(function("#!/bin/sh\nexit 2\n"));
        newer.send().await.expect("new code");
        lambda
            .put_function_concurrency()
            .function_name("legacy-push")
            .reserved_concurrent_executions(5)
            .send()
            .await
            .expect("reserved");
        let invoke = lambda.put_function_event_invoke_config().function_name("legacy-push").qualifier("live");
        invoke.maximum_retry_attempts(1).maximum_event_age_in_seconds(300).send().await.expect("settings");
        let url = lambda.create_function_url_config().function_name("legacy-push").auth_type(FunctionUrlAuthType::None);
        url.send().await.expect("a URL");
        let mapping = lambda.create_event_source_mapping().function_name("legacy-push").batch_size(7);
        mapping.event_source_arn(arn("sqs", "contacts.fifo")).send().await.expect("a mapping");

        let rest = apigateway.import_rest_api().body(Blob::new(OPENAPI)).send().await.expect("an API");
        self.rest_api = rest.id.expect("its id");
        let deployment = apigateway.create_deployment().rest_api_id(&self.rest_api).send().await.expect("a deployment");
        let stage =
            apigateway.create_stage().rest_api_id(&self.rest_api).stage_name("prod").set_deployment_id(deployment.id);
        stage.variables("mode", "old").send().await.expect("a stage");
        let http = apigatewayv2.create_api().name("legacy-http").protocol_type("HTTP".into()).tags("team", "old");
        let http = http.send().await.expect("an API").api_id.expect("its id");
        let integration = apigatewayv2.create_integration().api_id(&http).integration_type("AWS_PROXY".into());
        let integration =
            integration.integration_uri(arn("lambda", "function:legacy-push")).payload_format_version("2.0");
        let integration = integration.send().await.expect("an integration").integration_id.expect("its id");
        let route = apigatewayv2
            .create_route()
            .api_id(&http)
            .route_key("POST /hook")
            .target(format!("integrations/{integration}"));
        route.send().await.expect("a route");
        apigatewayv2
            .create_stage()
            .api_id(&http)
            .stage_name("$default")
            .auto_deploy(true)
            .send()
            .await
            .expect("a stage");

        let permission =
            lambda.add_permission().function_name("legacy-push").statement_id("api").action("lambda:InvokeFunction");
        let permission = permission.principal("apigateway.amazonaws.com");
        let source = arn("execute-api", &format!("{}/*/POST/contacts", self.rest_api));
        permission.source_arn(source).send().await.expect("a permission");

        events
            .put_rule()
            .name("legacy-nightly")
            .schedule_expression("rate(1 day)")
            .state("DISABLED".into())
            .send()
            .await
            .expect("a rule");
        let target =
            aws_sdk_eventbridge::types::Target::builder().id("push").arn(arn("lambda", "function:legacy-push:live"));
        let target = target.input(r#"{"all":true}"#).build().expect("a target");
        events.put_targets().rule("legacy-nightly").targets(target).send().await.expect("a target");

        logs.create_log_group().log_group_name("/aws/lambda/legacy-push").send().await.expect("a log group");
        logs.put_retention_policy()
            .log_group_name("/aws/lambda/legacy-push")
            .retention_in_days(30)
            .send()
            .await
            .expect("a retention");
        let alarm = cloudwatch
            .put_metric_alarm()
            .alarm_name("legacy-push-errors")
            .namespace("AWS/Lambda")
            .metric_name("Errors");
        let alarm = alarm.statistic("Sum".into()).period(300).evaluation_periods(2).threshold(1.5);
        let alarm = alarm.comparison_operator("GreaterThanThreshold".into());
        let dimension =
            aws_sdk_cloudwatch::types::Dimension::builder().name("FunctionName").value("legacy-push").build();
        alarm.dimensions(dimension).send().await.expect("an alarm");
        let secret =
            secrets.create_secret().name("legacy/push").secret_string("s3cret-value").send().await.expect("a secret");

        let function_arn = arn("lambda", "function:legacy-push");
        sqs.create_queue().queue_name("orders-in-use").send().await.expect("a queue");
        sns.create_topic().name("legacy-events").attributes("DisplayName", "Old").send().await.expect("a topic");
        let topic_arn = arn("sns", "legacy-events");
        let subscription = sns.subscribe().topic_arn(&topic_arn).protocol("lambda").endpoint(&function_arn);
        subscription.send().await.expect("a subscription");
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("a window");
        let target = ScheduleTarget::builder().arn(&function_arn).role_arn(&role_arn).input("{}").build();
        let schedule = scheduler.create_schedule().name("legacy-hourly").schedule_expression("rate(1 hour)");
        let schedule = schedule.flexible_time_window(window).target(target.expect("a target"));
        schedule.state(ScheduleState::Disabled).send().await.expect("a schedule");
        let schedule_arn = arn("scheduler", "schedule/default/legacy-hourly");
        let rest_arn = format!("arn:aws:apigateway:us-east-1::/restapis/{}", self.rest_api);
        let http_arn = format!("arn:aws:apigateway:us-east-1::/apis/{http}");
        for (kind, id, name) in [
            (NodeKind::Role, role_arn.as_str(), "legacy-push"),
            (NodeKind::Queue, &arn("sqs", "dead.fifo"), "dead.fifo"),
            (NodeKind::Queue, &arn("sqs", "contacts.fifo"), "contacts.fifo"),
            (NodeKind::Function, &function_arn, "legacy-push"),
            (NodeKind::RestApi, &rest_arn, "legacy-webhook"),
            (NodeKind::HttpApi, &http_arn, "legacy-http"),
            (NodeKind::Rule, &arn("events", "rule/legacy-nightly"), "legacy-nightly"),
            (NodeKind::LogGroup, &arn("logs", "log-group:/aws/lambda/legacy-push"), "/aws/lambda/legacy-push"),
            (NodeKind::Alarm, &arn("cloudwatch", "alarm:legacy-push-errors"), "legacy-push-errors"),
            (NodeKind::Secret, secret.arn().expect("an ARN"), "legacy/push"),
            (NodeKind::Topic, &topic_arn, "legacy-events"),
            (NodeKind::Schedule, &schedule_arn, "legacy-hourly"),
        ] {
            self.nodes.push(stale_node(kind, id, name));
        }
        for (from, to, kind) in [
            (arn("events", "rule/legacy-nightly"), format!("{function_arn}:live"), EdgeKind::Target),
            (arn("sqs", "contacts.fifo"), function_arn.clone(), EdgeKind::Mapping),
            (arn("sqs", "contacts.fifo"), arn("sqs", "dead.fifo"), EdgeKind::DeadLetter),
            (rest_arn.clone(), function_arn.clone(), EdgeKind::Integration),
            (http_arn, function_arn.clone(), EdgeKind::Integration),
            (rest_arn, function_arn.clone(), EdgeKind::Permission),
            (topic_arn, function_arn.clone(), EdgeKind::Subscription),
            (schedule_arn, function_arn.clone(), EdgeKind::Target),
            (function_arn.clone(), role_arn.clone(), EdgeKind::Role),
            (function_arn.clone(), arn("logs", "log-group:/aws/lambda/legacy-push"), EdgeKind::Log),
            (arn("cloudwatch", "alarm:legacy-push-errors"), function_arn.clone(), EdgeKind::Watch),
        ] {
            self.edges.push(Edge { from, to, kind, enabled: true, note: None });
        }
    }

    /// An audit taken now, in which everything is stale.
    pub fn stale_audit(&self) -> Audit {
        audit_of(&self.scope, &self.nodes, &self.edges)
    }

    /// An audit as the command makes one.
    pub async fn read_audit(&self) -> Audit {
        let options = Options { days: 90, venues: Vec::new(), all_regions: true, rate_limited: false };
        let inventory = read(&self.aws, &self.scope, None, &options, &|_| {}).await;
        Audit { version: AUDIT_VERSION, findings: judge_inventory(&inventory), inventory }
    }

    pub fn decommission_context(&self) -> DecommissionContext<'_> {
        DecommissionContext { aws: &self.aws, scope: &self.scope, delays: false }
    }

    pub fn node_id(&self, kind: NodeKind) -> String {
        self.nodes.iter().find(|node| node.kind == kind).expect("the node exists").id.clone()
    }

    pub fn open_archive(&self) -> Archive {
        let path = self.directory.path().join("archive");
        Archive::open_or_create(&path, &self.scope, Timestamp::now()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A plan that covers everything.
    pub async fn plan_everything(&self, audit: &Audit, until: Option<Timestamp>) -> DecommissionPlan {
        self.plan_with_pending(audit, until, PendingResources::default()).await
    }

    /// Plans as the command does when it is run again.
    pub async fn plan_again(&self, audit: &Audit, until: Option<Timestamp>, archive: &Archive) -> DecommissionPlan {
        // What a run does after this is newer than the audit, however fast the machine is.
        self.cloud.advance_time(jiff::SignedDuration::from_secs(2));
        let pending = PendingResources::judge_archive(&self.decommission_context(), archive, Timestamp::now()).await;
        self.plan_with_pending(audit, until, pending).await
    }

    async fn plan_with_pending(
        &self,
        audit: &Audit,
        until: Option<Timestamp>,
        pending: PendingResources,
    ) -> DecommissionPlan {
        let cx = self.decommission_context();
        let request = DecommissionRequest { ids: Vec::new(), stale: true };
        let terms = DecommissionTerms { with_logs: true, accept_loss: false };
        let (checked, refusals) = check_candidates(&cx, audit, &request, terms, &pending).await;
        let mut plan = DecommissionPlan::from_checked(checked, refusals, until);
        plan.add_pending(&cx, pending).await;
        plan
    }

    pub async fn carry_out_plan(&self, plan: &DecommissionPlan, archive: &mut Archive) -> DecommissionOutcome {
        let dead = dead_inventory(&self.scope, &self.nodes, &self.edges);
        let recheck = AccountRecheck { stand_in: Some(&dead), ..recheck(None) };
        let outcome = carry_out(&self.decommission_context(), plan, archive, &recheck, &|_| {}).await;
        outcome.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Everything that still exists, by id.
    pub async fn read_all(&self) -> BTreeMap<String, ResourceParts> {
        let mut found = BTreeMap::new();
        for node in &self.nodes {
            let target = DecommissionTarget::from_node(node).expect("it can be archived");
            let parts = target
                .kind
                .read_parts(&self.decommission_context(), &target)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", node.id));
            found.extend(parts.map(|parts| (node.id.clone(), parts)));
        }
        found
    }
}

/// How the account is read again before a plan is carried out.
pub fn recheck(audit: Option<&Audit>) -> AccountRecheck<'_> {
    AccountRecheck { audit, rate_limited: false, counts_for: READING_COUNTS_FOR, stand_in: None }
}

/// What a reading finds of an account in which everything was read and nothing is needed. Reading all of it takes most of
/// the time of a test that isn't about that.
pub fn dead_inventory(scope: &Scope, nodes: &[Node], edges: &[Edge]) -> AuditInventory {
    let dead = |node: &Node| {
        let mut node = Node { changed_at: Some(midnight_of("2024-03-02")), enabled: false, ..node.clone() };
        node.attributes.insert("default_endpoint".to_owned(), "disabled".to_owned());
        node
    };
    let watches = edges.iter().filter(|edge| edge.kind == EdgeKind::Watch).cloned();
    let inventory = AuditInventory {
        account: scope.account.clone(),
        nodes: nodes.iter().map(dead).collect(),
        edges: watches.collect(),
        ..AuditedAccount::new().0
    };
    for finding in judge_inventory(&inventory) {
        assert!(matches!(finding.verdict, AuditVerdict::Stale | AuditVerdict::Orphaned), "{finding:?}");
    }
    inventory
}

pub fn stale_node(kind: NodeKind, id: &str, name: &str) -> Node {
    Node {
        id: id.to_owned(),
        kind,
        name: name.to_owned(),
        deployment: None,
        venue: None,
        enabled: true,
        changed_at: None,
        usage: NodeUsage::NotCounted,
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

/// An audit taken one second in the future, so that nothing that was just created counts as changed since.
pub fn audit_of(scope: &Scope, nodes: &[Node], edges: &[Edge]) -> Audit {
    let findings = nodes.iter().map(|node| AuditFinding {
        id: node.id.clone(),
        verdict: AuditVerdict::Stale,
        evidence: vec!["0 uses in 90 days".to_owned()],
    });
    Audit {
        version: AUDIT_VERSION,
        findings: findings.collect(),
        inventory: AuditInventory {
            account: scope.account.clone(),
            region: scope.region.clone(),
            taken_at: Timestamp::now() + SignedDuration::from_secs(1),
            days: 90,
            nodes: nodes.to_vec(),
            edges: edges.to_vec(),
            grants: Vec::new(),
            unread: Vec::new(),
            calls: BTreeMap::new(),
        },
    }
}
