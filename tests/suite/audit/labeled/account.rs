//! An account whose resources are labeled, on any cloud.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Target};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use deployer_artifact::zip;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::scope::Scope;
use deployer_janitor::audit::{AuditFinding, AuditInventory, NodeKind, Options, judge_inventory, read};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{ACCOUNT, node_id};
use super::answers::{CannedAnswers, answer_here};
use crate::clouds::TestCloud;
use crate::servers;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"SERVICE"},"Action":"sts:AssumeRole"}]}"#;
const LOGS_ONLY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}]}"#;

/// What a resource of the account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    Needed,
    Dead,
}

/// How long before it was read an account on a server counts as made: servers have no clock that can be set.
const EARLIER: SignedDuration = SignedDuration::from_hours(24 * 500);

pub struct LabeledAccount {
    /// Where the account is.
    pub place: TestCloud,
    /// The account itself, or on a server, what AWS answers beside it: callers of other services, and counts of use.
    pub cloud: EmbeddedCloud,
    pub aws: Aws,
    pub canned: CannedAnswers,
    pub labels: BTreeMap<String, Label>,
    code: FunctionCode,
}

impl LabeledAccount {
    /// An empty account, in March 2024 where the cloud has a clock.
    pub async fn open_in(place: TestCloud) -> Self {
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let canned = CannedAnswers::default();
        let aws = match place {
            TestCloud::Moto | TestCloud::Ministack => {
                // ministack forgets whom an alarm notifies when it is over.
                let (server, without): (_, &[&str]) = match place {
                    TestCloud::Moto => (servers::start_moto().await, &[]),
                    _ => (servers::start_ministack().await, &["monitoring"]),
                };
                let answered = |client| answer_here(client, cloud.http_client(), &canned, without);
                server.open_through(ACCOUNT, answered).aws
            }
            _ => {
                cloud.set_time("2024-03-02T10:00:00Z".parse().expect("a time"));
                Aws::for_local("us-east-1", cloud.http_client(), None)
            }
        };
        let zip = zip::build_deterministic_zip(&[("bootstrap", b"code")]).expect("a zip");
        let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
        Self { place, cloud, aws, canned, labels: BTreeMap::new(), code }
    }

    pub fn label(&mut self, kind: NodeKind, name: &str, label: Label) -> String {
        let id = node_id(kind, name);
        self.labels.insert(id.clone(), label);
        id
    }

    pub async fn role(&mut self, name: &str, service: &str, policy: &str, label: Option<Label>) -> String {
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
    pub async fn function(&mut self, name: &str, label: Label, variables: &[(&str, &str)]) -> String {
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

    pub async fn permit(&self, function: &str, principal: &str, source: Option<&str>) {
        let request = self.aws.lambda.add_permission().function_name(function).action("lambda:InvokeFunction");
        let request = request.statement_id(principal.replace('.', "-")).principal(principal);
        request.set_source_arn(source.map(ToOwned::to_owned)).send().await.expect("a permission");
    }

    pub async fn call(&self, operation: &'static str, parameters: Value) -> Value {
        self.aws.signed.call(operation, parameters).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    pub async fn queue(&mut self, name: &str, label: Label, attributes: Value) -> String {
        self.call("sqs:CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await;
        self.label(NodeKind::Queue, name, label)
    }

    pub async fn topic(&mut self, name: &str, label: Label) -> String {
        self.call("sns:CreateTopic", json!({ "Name": name })).await;
        self.label(NodeKind::Topic, name, label)
    }

    pub async fn rule(&mut self, name: &str, label: Label, pattern: bool, enabled: bool, target: Option<&str>) {
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

    pub async fn alarm(&mut self, name: &str, label: Label, metric: (&str, &str, &str), topic: Option<&str>) {
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
    pub fn answer(&self, operation: &str, answer: Value) {
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

    pub fn count(&self, namespace: &str, metric: &str, dimension: (&str, &str), days_ago: i64) {
        let at = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
        let counted = self.cloud.with_context(|cx| cx.count_metric_at(at, namespace, metric, &[dimension], 1.0));
        counted.expect("the state");
    }

    /// Tags a function as another tool does. A server may refuse tags that only AWS sets: then the function is no longer
    /// part of the account that is compared.
    pub async fn tag(&mut self, function: &str, key: &str, value: &str) {
        let id = node_id(NodeKind::Function, function);
        if self.place == TestCloud::InProcess {
            let tagged = self.cloud.with_context(|cx| {
                cx.switch_region("us-east-1");
                let functions = &mut cx.region_state_mut().lambda.functions;
                functions.get_mut(function).expect("it was made").tags.insert(key.to_owned(), value.to_owned());
            });
            return tagged.expect("the state");
        }
        let tagged = self.aws.lambda.tag_resource().resource(&id).tags(key, value).send().await;
        if tagged.is_err() {
            println!("the server refuses the tag {key}");
            self.labels.remove(&id);
            self.labels.remove(&node_id(NodeKind::Role, &format!("{function}-role")));
            self.labels.remove(&node_id(NodeKind::LogGroup, &format!("/aws/lambda/{function}")));
        }
    }

    /// Reads and judges the account.
    pub async fn read(&self) -> (AuditInventory, Vec<AuditFinding>) {
        let scope = Scope::new(ACCOUNT, "us-east-1");
        let options = Options { days: 90, venues: Vec::new(), rate_limited: false, all_regions: true };
        let mut inventory = read(&self.aws, &scope, None, &options, &|_| {}).await;
        if self.place != TestCloud::InProcess {
            let made = inventory.nodes.iter_mut().filter_map(|node| node.changed_at.as_mut());
            made.chain(inventory.grants.iter_mut().filter_map(|grant| grant.created_at.as_mut()))
                .for_each(|at| *at -= EARLIER);
        }
        let findings = judge_inventory(&inventory);
        (inventory, findings)
    }
}

pub fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}")
}
