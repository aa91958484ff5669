//! The resource of a request, as AWS names it when it denies such a request, and its tags.

use super::{AuthorizedRequest, RequestedResource, Tags};
use crate::{lambda, scheduler};

/// Actions without resource-level permissions.
const WITHOUT_RESOURCE: [&str; 64] = [
    "appsync:ListApis",
    "appsync:ListChannelNamespaces",
    "appsync:ListDataSources",
    "appsync:ListGraphqlApis",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeNotificationConfigurations",
    "backup:ListBackupVaults",
    "cloudtrail:DescribeTrails",
    "cloudtrail:LookupEvents",
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "codecommit:ListRepositories",
    "codepipeline:ListPipelines",
    "cognito-idp:ListUserPools",
    "config:DescribeConfigRules",
    "config:DescribeDeliveryChannels",
    "dax:DescribeClusters",
    "dms:DescribeEventSubscriptions",
    "ds:DescribeEventTopics",
    "dynamodb:ListTables",
    "ec2:DescribeRegions",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "events:ListArchives",
    "events:ListEventBuses",
    "events:ListRuleNamesByTarget",
    "events:ListRules",
    "firehose:ListDeliveryStreams",
    "glacier:ListVaults",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "iam:ListRoles",
    "iot:ListTopicRules",
    "memorydb:DescribeClusters",
    "ses:DescribeConfigurationSet",
    "ses:GetIdentityNotificationAttributes",
    "ses:ListConfigurationSets",
    "ses:ListIdentities",
    "kafka:ListClustersV2",
    "kinesis:ListStreams",
    "lambda:CreateEventSourceMapping",
    "lambda:GetAccountSettings",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "logs:DescribeAccountPolicies",
    "mq:ListBrokers",
    "pipes:ListPipes",
    "redshift:DescribeEventSubscriptions",
    "s3:ListAllMyBuckets",
    "scheduler:ListScheduleGroups",
    "scheduler:ListSchedules",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "ses:DescribeReceiptRuleSet",
    "ses:ListReceiptRuleSets",
    "tag:GetResources",
    "logs:DescribeLogGroups",
    "secretsmanager:ListSecrets",
    "sns:ListSubscriptions",
    "sns:ListTopics",
    "sns:Unsubscribe",
    "sqs:ListQueues",
    "states:ListStateMachines",
];

impl AuthorizedRequest<'_, '_> {
    pub(super) fn find_resource(&self, action: &str) -> RequestedResource {
        if WITHOUT_RESOURCE.contains(&action) {
            return RequestedResource { arn: "*".to_owned(), tags: Tags::new() };
        }
        let text = |name: &str| self.body.member_text(name).unwrap_or_default();
        match self.service {
            "iam" => self.iam_resource(),
            "lambda" => self.lambda_resource(),
            "secretsmanager" => self.secret_resource(),
            "logs" => self.log_group_resource(),
            "events" => self.rule_resource(),
            "sqs" => self.queue_resource(),
            "sns" => self.topic_resource(),
            "monitoring" => self.alarm_resource(),
            // Without an account; a path as it is, but for the version of the interface.
            "apigateway" => {
                let path = self.request.path.strip_prefix("/v2").unwrap_or(&self.request.path);
                RequestedResource {
                    arn: format!("arn:aws:apigateway:{}::{path}", self.cx.request_region()),
                    tags: Tags::new(),
                }
            }
            "scheduler" => self.schedule_resource(),
            "states" => RequestedResource { arn: text("stateMachineArn").to_owned(), tags: Tags::new() },
            // A request for an increase is the only call here that names a resource.
            "servicequotas" => {
                self.untagged("servicequotas", &format!("{}/{}", text("ServiceCode"), text("QuotaCode")))
            }
            "s3" => RequestedResource {
                arn: format!("arn:aws:s3:::{}", self.request.path.trim_matches('/')),
                tags: Tags::new(),
            },
            "budgets" => {
                let account = self.cx.account_id();
                RequestedResource {
                    arn: format!("arn:aws:budgets::{account}:budget/{}", text("BudgetName")),
                    tags: Tags::new(),
                }
            }
            // Which one makes no difference to a policy for everything of the service.
            service => self.untagged(service, "something"),
        }
    }

    fn untagged(&self, service: &str, resource: &str) -> RequestedResource {
        RequestedResource { arn: self.cx.build_arn(service, resource), tags: Tags::new() }
    }

    fn iam_resource(&self) -> RequestedResource {
        let member = |name: &str| self.form.member_text(name);
        if let Some(name) = member("RoleName") {
            return match self.cx.state.iam.roles.get(name) {
                // A new role's path is the request's, if it has that name.
                Some(role) if self.operation != "CreateRole" => {
                    RequestedResource { arn: role.arn.clone(), tags: role.tags.clone() }
                }
                _ => {
                    let path = member("Path").unwrap_or("/");
                    RequestedResource { arn: self.cx.build_iam_arn(&format!("role{path}{name}")), tags: Tags::new() }
                }
            };
        }
        let arn = member("PolicySourceArn").or(member("PolicyArn")).unwrap_or_default();
        RequestedResource { arn: arn.to_owned(), tags: Tags::new() }
    }

    pub(super) fn role_by_arn(&self, arn: &str) -> RequestedResource {
        let found = self.cx.state.iam.find_role_by_arn(arn);
        let tags = found.map(|role| role.tags.clone()).unwrap_or_default();
        RequestedResource { arn: arn.to_owned(), tags }
    }

    fn lambda_resource(&self) -> RequestedResource {
        let functions = &self.cx.region_state().lambda.functions;
        let path = self.request.path_segments();
        let mapping = path.get(1).is_some_and(|part| part == "event-source-mappings");
        if mapping {
            let id = path.get(2).cloned().unwrap_or_default();
            return self.untagged("lambda", &format!("event-source-mapping:{id}"));
        }
        let name = match self.operation {
            "CreateFunction" => self.body.member_text("FunctionName").unwrap_or_default().to_owned(),
            _ => lambda::resource_name(self.request),
        };
        let tags = functions.get(name.split(':').next().unwrap_or_default()).map(|function| function.tags.clone());
        RequestedResource {
            arn: self.cx.build_arn("lambda", &format!("function:{name}")),
            tags: tags.unwrap_or_default(),
        }
    }

    fn secret_resource(&self) -> RequestedResource {
        let id = self.body.member_text("SecretId").or(self.body.member_text("Name")).unwrap_or_default();
        match self
            .cx
            .region_state()
            .secretsmanager
            .find_secret(id)
            .filter(|secret| [&secret.name, &secret.arn].contains(&&id.to_owned()))
        {
            Some(secret) => RequestedResource { arn: secret.arn.clone(), tags: secret.tags.clone() },
            None if id.starts_with("arn:") => RequestedResource { arn: id.to_owned(), tags: Tags::new() },
            None => self.untagged("secretsmanager", &format!("secret:{id}")),
        }
    }

    /// Most calls name a log group with a log stream that is empty.
    fn log_group_resource(&self) -> RequestedResource {
        let member = |name: &str| self.body.member_text(name);
        let given =
            member("logGroupName").or(member("logGroupIdentifier")).or(member("resourceArn")).unwrap_or_default();
        let name = given.split_once(":log-group:").map_or(given, |(_, name)| name);
        let tags = self.cx.region_state().logs.groups.get(name).map(|group| group.tags.clone()).unwrap_or_default();
        let end = match (member("resourceArn"), member("logStreamName")) {
            (Some(_), _) => String::new(),
            (None, stream) => format!(":log-stream:{}", stream.unwrap_or_default()),
        };
        RequestedResource { arn: self.cx.build_arn("logs", &format!("log-group:{name}{end}")), tags }
    }

    fn rule_resource(&self) -> RequestedResource {
        let member = |name: &str| self.body.member_text(name);
        let given = member("Rule").or(member("Name")).or(member("ResourceARN")).unwrap_or_default();
        let name = given.split_once(":rule/").map_or(given, |(_, name)| name);
        let bus = member("EventBusName").filter(|bus| *bus != "default").map(|bus| format!("{bus}/"));
        let tags = self.cx.region_state().events.rules.get(name).map(|rule| rule.tags.clone()).unwrap_or_default();
        RequestedResource { arn: self.cx.build_arn("events", &format!("rule/{}{name}", bus.unwrap_or_default())), tags }
    }

    /// A group has tags, a schedule has none.
    fn schedule_resource(&self) -> RequestedResource {
        let group = self.body.member_text("GroupName").or_else(|| self.request.query_value("groupName"));
        let name = scheduler::resource_name(self.request);
        let path = self.request.path_segments();
        match path.first().map(String::as_str) {
            Some("schedule-groups") => RequestedResource {
                arn: scheduler::group_arn(self.cx, &name),
                tags: scheduler::tags_of_group(self.cx, &name),
            },
            Some("tags") => RequestedResource { tags: scheduler::tags_of_group(self.cx, &name), arn: name },
            _ => self.untagged("scheduler", &format!("schedule/{}/{name}", group.unwrap_or("default"))),
        }
    }

    fn queue_resource(&self) -> RequestedResource {
        let given = self.body.member_text("QueueUrl").or(self.body.member_text("QueueName")).unwrap_or_default();
        let name = given.rsplit('/').next().unwrap_or(given);
        let tags = self.cx.region_state().sqs.queues.get(name).map(|queue| queue.tags.clone()).unwrap_or_default();
        RequestedResource { arn: self.cx.build_arn("sqs", name), tags }
    }

    fn topic_resource(&self) -> RequestedResource {
        let member = |name: &str| self.form.member_text(name);
        let arn = match (member("TopicArn").or(member("ResourceArn")), member("SubscriptionArn"), member("Name")) {
            (Some(topic), _, _) => topic.to_owned(),
            // A subscription's ARN is its topic's and an id.
            (None, Some(subscription), _) => {
                subscription.rsplit_once(':').map_or(subscription, |(topic, _)| topic).to_owned()
            }
            (None, None, name) => self.cx.build_arn("sns", name.unwrap_or_default()),
        };
        let tags = self.cx.region_state().sns.topics.get(&arn).map(|topic| topic.tags.clone()).unwrap_or_default();
        RequestedResource { arn, tags }
    }

    fn alarm_resource(&self) -> RequestedResource {
        let member = |name: &str| self.form.member_text(name);
        let given = member("AlarmName").or(member("AlarmNames.member.1")).or(member("ResourceARN")).unwrap_or("*");
        let name = given.split_once(":alarm:").map_or(given, |(_, name)| name);
        let alarms = &self.cx.region_state().cloudwatch.alarms;
        let tags = alarms.get(name).map(|alarm| alarm.tags.clone()).unwrap_or_default();
        RequestedResource { arn: self.cx.build_arn("cloudwatch", &format!("alarm:{name}")), tags }
    }
}
