//! What can call a function, send to a queue or a topic, start a state machine, or read a secret: the table on which
//! "nothing reaches it" stands.
//!
//! From AWS's own lists: the services that invoke Lambda
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html>), that send to SNS
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-event-sources.html>), the targets of EventBridge
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html>), and the service principals in policies.
//!
//! A source is **read** if all of its calls were made and none failed: [`CallerSource::is_read`] looks at what was really called, so a
//! reader that was denied, that the endpoint doesn't have, or that nobody has built leaves its source unread. What an unread
//! source could do depends on its [`Gate`]. Whatever isn't in this table has no row that could be read, and so counts as
//! unread: the judge finds its principal in a policy or in a role's trust.

use super::NodeKind;

/// What AWS requires before a source can reach a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The resource's own policy must name the service. Without such a statement, it can't.
    Policy,
    /// As [`Gate::Policy`], but the policy that every topic of SNS has from the start is enough, because the service
    /// publishes on behalf of the account.
    AccountPolicy,
    /// A role must trust the service, and its policies must allow the call.
    Role,
    /// Nothing that can be read: it acts with the rights of whoever configured it.
    Open,
}

/// How an audit knows about a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// By reading its lists.
    Read,
    /// By the policies of what it could reach.
    Policy,
    /// By the trust and the policies of roles.
    Role,
    /// By the tags that it leaves.
    Tags,
    /// Not at all.
    Blind,
}

/// Something that can reach what an audit judges.
#[derive(Debug, PartialEq, Eq)]
pub struct CallerSource {
    /// What it is, in the plural: `Config rules`.
    pub name: &'static str,
    /// The service principals of its calls, in policies and in trust policies.
    pub principals: &'static [&'static str],
    /// What it can reach.
    pub reaches: &'static [NodeKind],
    /// What AWS requires for that.
    pub gate: Gate,
    /// The calls that list it.
    pub lists: &'static [&'static str],
    /// Further calls about what the lists return.
    pub details: &'static [&'static str],
    /// The tags that it leaves on what it manages.
    pub tags: &'static [&'static str],
    /// Whether it reaches resources of other regions than its own.
    pub across_regions: bool,
}

impl CallerSource {
    /// How an audit knows about it.
    pub fn standing(&self) -> Standing {
        match (self.lists, self.tags, self.gate) {
            ([_, ..], _, _) => Standing::Read,
            (_, _, Gate::Policy | Gate::AccountPolicy) => Standing::Policy,
            (_, _, Gate::Role) => Standing::Role,
            (_, [_, ..], Gate::Open) => Standing::Tags,
            (_, [], Gate::Open) => Standing::Blind,
        }
    }

    /// Whether everything of it was read, according to the calls that were made and those that failed.
    pub fn is_read(&self, made: impl Fn(&str) -> bool, failed: impl Fn(&str) -> bool) -> bool {
        !self.lists.is_empty()
            && self.lists.iter().all(|call| made(call))
            && !self.lists.iter().chain(self.details).any(|call| failed(call))
    }
}

const FUNCTION: &[NodeKind] = &[NodeKind::Function];
const TOPIC: &[NodeKind] = &[NodeKind::Topic];
const MESSAGES: &[NodeKind] = &[NodeKind::Queue, NodeKind::Topic];
const NOTIFIED: &[NodeKind] = &[NodeKind::Function, NodeKind::Queue, NodeKind::Topic];
const ALL: &[NodeKind] = &[NodeKind::Function, NodeKind::Queue, NodeKind::Topic, NodeKind::StateMachine];
const ROWS: &[NodeKind] =
    &[NodeKind::Function, NodeKind::Queue, NodeKind::Topic, NodeKind::StateMachine, NodeKind::Secret];

const NOTHING: CallerSource = CallerSource {
    name: "",
    principals: &[],
    reaches: &[],
    gate: Gate::Open,
    lists: &[],
    details: &[],
    tags: &[],
    across_regions: false,
};

/// A source that is read.
const fn read(
    name: &'static str,
    principals: &'static [&'static str],
    reaches: &'static [NodeKind],
    gate: Gate,
    lists: &'static [&'static str],
    details: &'static [&'static str],
) -> CallerSource {
    CallerSource { name, principals, reaches, gate, lists, details, ..NOTHING }
}

/// A source that isn't read, because policies or roles tell.
const fn told(
    name: &'static str,
    principals: &'static [&'static str],
    reaches: &'static [NodeKind],
    gate: Gate,
) -> CallerSource {
    CallerSource { name, principals, reaches, gate, ..NOTHING }
}

/// See the module.
pub const SOURCES: &[CallerSource] = &[
    // What is a node itself.
    read(
        "EventBridge rules",
        &["events.amazonaws.com"],
        ALL,
        Gate::Open,
        &["events:ListEventBuses", "events:ListRules"],
        &["events:ListTargetsByRule"],
    ),
    read(
        "schedules of EventBridge Scheduler",
        &["scheduler.amazonaws.com"],
        ROWS,
        Gate::Role,
        &["scheduler:ListSchedules"],
        &["scheduler:GetSchedule"],
    ),
    read(
        "event source mappings",
        &[],
        &[NodeKind::Function, NodeKind::Queue],
        Gate::Open,
        &["lambda:ListEventSourceMappings"],
        &[],
    ),
    read(
        "destinations of functions",
        &[],
        ALL,
        Gate::Open,
        &["lambda:ListFunctions"],
        &["lambda:ListFunctionEventInvokeConfigs"],
    ),
    CallerSource {
        across_regions: true,
        ..read(
            "subscriptions of topics",
            &["sns.amazonaws.com"],
            &[NodeKind::Function, NodeKind::Queue],
            Gate::Policy,
            &["sns:ListTopics", "sns:ListSubscriptions"],
            &["sns:GetSubscriptionAttributes"],
        )
    },
    read(
        "dead-letter queues",
        &["sqs.amazonaws.com"],
        &[NodeKind::Queue],
        Gate::Open,
        &["sqs:ListQueues"],
        &["sqs:GetQueueAttributes"],
    ),
    read(
        "REST APIs",
        &["apigateway.amazonaws.com", "ops.apigateway.amazonaws.com"],
        ALL,
        Gate::Open,
        &["apigateway:GetRestApis"],
        &["apigateway:GetResources", "apigateway:GetStages"],
    ),
    read(
        "HTTP and WebSocket APIs",
        &["apigateway.amazonaws.com"],
        ALL,
        Gate::Open,
        &["apigateway:GetApis"],
        &["apigateway:GetRoutes", "apigateway:GetIntegrations", "apigateway:GetHttpStages"],
    ),
    // They only call functions.
    read(
        "authorizers of REST APIs",
        &["apigateway.amazonaws.com"],
        FUNCTION,
        Gate::Open,
        &["apigateway:GetRestApis"],
        &["apigateway:GetAuthorizers"],
    ),
    read(
        "authorizers of HTTP and WebSocket APIs",
        &["apigateway.amazonaws.com"],
        FUNCTION,
        Gate::Open,
        &["apigateway:GetApis"],
        &["apigateway:GetHttpAuthorizers"],
    ),
    read(
        "state machines",
        &["states.amazonaws.com"],
        ROWS,
        Gate::Role,
        &["states:ListStateMachines"],
        &["states:DescribeStateMachine"],
    ),
    read(
        "alarms",
        &["cloudwatch.amazonaws.com", "lambda.alarms.cloudwatch.amazonaws.com"],
        &[NodeKind::Function, NodeKind::Topic],
        Gate::AccountPolicy,
        &["cloudwatch:DescribeAlarms"],
        &[],
    ),
    read(
        "rotations of secrets",
        &["secretsmanager.amazonaws.com"],
        FUNCTION,
        Gate::Policy,
        &["secretsmanager:ListSecrets"],
        &[],
    ),
    // What is read only for what it reaches.
    read("EventBridge pipes", &["pipes.amazonaws.com"], ALL, Gate::Role, &["pipes:ListPipes"], &["pipes:DescribePipe"]),
    read("archives of event buses", &[], ALL, Gate::Open, &["events:ListArchives"], &[]),
    read(
        "S3 bucket notifications",
        &["s3.amazonaws.com"],
        NOTIFIED,
        Gate::Policy,
        &["s3:ListAllMyBuckets"],
        &["s3:GetBucketNotification"],
    ),
    read(
        "Cognito user pools",
        &["cognito-idp.amazonaws.com"],
        FUNCTION,
        Gate::Policy,
        &["cognito-idp:ListUserPools"],
        &["cognito-idp:DescribeUserPool"],
    ),
    read(
        "target groups of load balancers",
        &["elasticloadbalancing.amazonaws.com"],
        FUNCTION,
        Gate::Policy,
        &["elasticloadbalancing:DescribeTargetGroups"],
        &["elasticloadbalancing:DescribeTargetHealth"],
    ),
    read("IoT rules", &["iot.amazonaws.com"], ALL, Gate::Policy, &["iot:ListTopicRules"], &["iot:GetTopicRule"]),
    read(
        "Config rules and delivery channels",
        &["config.amazonaws.com", "config-multiaccountsetup.amazonaws.com"],
        &[NodeKind::Function, NodeKind::Topic],
        Gate::Policy,
        &["config:DescribeConfigRules", "config:DescribeDeliveryChannels"],
        &[],
    ),
    read(
        "SES receipt rules",
        &["ses.amazonaws.com"],
        &[NodeKind::Function, NodeKind::Topic],
        Gate::Policy,
        &["ses:ListReceiptRuleSets"],
        &["ses:DescribeReceiptRuleSet"],
    ),
    read(
        "subscriptions of log groups",
        &["logs.amazonaws.com"],
        FUNCTION,
        Gate::Policy,
        &["logs:DescribeLogGroups", "logs:DescribeAccountPolicies"],
        &["logs:DescribeSubscriptionFilters"],
    ),
    CallerSource {
        tags: &["aws:cloudformation:"],
        ..read(
            "CloudFormation stacks",
            &["cloudformation.amazonaws.com"],
            ROWS,
            Gate::Open,
            &["cloudformation:DescribeStacks"],
            &["cloudformation:ListStackResources", "cloudformation:GetTemplate"],
        )
    },
    read(
        "lifecycle hooks of Auto Scaling groups",
        &["autoscaling.amazonaws.com"],
        NOTIFIED,
        Gate::Open,
        &["autoscaling:DescribeAutoScalingGroups"],
        &["autoscaling:DescribeLifecycleHooks"],
    ),
    read(
        "notifications of Auto Scaling groups",
        &["autoscaling.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["autoscaling:DescribeNotificationConfigurations"],
        &[],
    ),
    read(
        "event subscriptions of RDS",
        &["rds.amazonaws.com", "events.rds.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["rds:DescribeEventSubscriptions"],
        &[],
    ),
    read(
        "event subscriptions of Redshift",
        &["redshift.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["redshift:DescribeEventSubscriptions"],
        &[],
    ),
    read(
        "notifications of ElastiCache",
        &["elasticache.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["elasticache:DescribeCacheClusters"],
        &[],
    ),
    read(
        "event subscriptions of DMS",
        &["dms.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["dms:DescribeEventSubscriptions"],
        &[],
    ),
    read(
        "notifications of Glacier vaults",
        &["glacier.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["glacier:ListVaults"],
        &["glacier:GetVaultNotifications"],
    ),
    read(
        "triggers of CodeCommit",
        &["codecommit.amazonaws.com"],
        &[NodeKind::Function, NodeKind::Topic],
        Gate::AccountPolicy,
        &["codecommit:ListRepositories"],
        &["codecommit:GetRepositoryTriggers"],
    ),
    read(
        "notifications of Backup",
        &["backup.amazonaws.com"],
        TOPIC,
        Gate::Policy,
        &["backup:ListBackupVaults"],
        &["backup:GetBackupVaultNotifications"],
    ),
    read(
        "budgets",
        &["budgets.amazonaws.com"],
        TOPIC,
        Gate::Policy,
        &["budgets:DescribeBudgets"],
        &["budgets:DescribeNotificationsForBudget", "budgets:DescribeSubscribersForNotification"],
    ),
    read("trails", &["cloudtrail.amazonaws.com"], TOPIC, Gate::Policy, &["cloudtrail:DescribeTrails"], &[]),
    read(
        "CodePipeline pipelines",
        &["codepipeline.amazonaws.com"],
        &[NodeKind::Function, NodeKind::Topic, NodeKind::StateMachine],
        Gate::Role,
        &["codepipeline:ListPipelines"],
        &["codepipeline:GetPipeline"],
    ),
    read(
        "AppSync APIs",
        &["appsync.amazonaws.com"],
        FUNCTION,
        Gate::Role,
        &["appsync:ListGraphqlApis"],
        &["appsync:ListDataSources"],
    ),
    read(
        "delivery streams of Firehose",
        &["firehose.amazonaws.com"],
        FUNCTION,
        Gate::Role,
        &["firehose:ListDeliveryStreams"],
        &["firehose:DescribeDeliveryStream"],
    ),
    // Told by the policy of what they reach.
    told("Lex bots", &["lex.amazonaws.com", "lexv2.amazonaws.com"], FUNCTION, Gate::Policy),
    told("Connect flows", &["connect.amazonaws.com"], FUNCTION, Gate::Policy),
    told("Alexa skills", &["alexa-appkit.amazon.com", "alexa-connectedhome.amazon.com"], FUNCTION, Gate::Policy),
    told("Bedrock agents", &["bedrock.amazonaws.com", "bedrock-agentcore.amazonaws.com"], FUNCTION, Gate::Policy),
    told("VPC Lattice", &["vpc-lattice.amazonaws.com"], FUNCTION, Gate::Policy),
    told("Transfer Family", &["transfer.amazonaws.com"], FUNCTION, Gate::Policy),
    told("Cognito identity pools", &["cognito-sync.amazonaws.com"], FUNCTION, Gate::Policy),
    told("WorkMail", &["workmail.amazonaws.com"], FUNCTION, Gate::Policy),
    told(
        "Pinpoint",
        &["pinpoint.amazonaws.com", "sms-voice.amazonaws.com"],
        &[NodeKind::Function, NodeKind::Topic],
        Gate::Policy,
    ),
    told("Chime", &["chime.amazonaws.com", "voiceconnector.chime.amazonaws.com"], NOTIFIED, Gate::Policy),
    told("IoT Events", &["iotevents.amazonaws.com"], ALL, Gate::Role),
    told("CodeStar notifications", &["codestar-notifications.amazonaws.com"], TOPIC, Gate::Policy),
    told("Cost Anomaly Detection", &["costalerts.amazonaws.com"], TOPIC, Gate::Policy),
    told("Inspector", &["inspector.amazonaws.com"], TOPIC, Gate::Policy),
    told("S3 Object Lambda and Batch Operations", &["batchoperations.s3.amazonaws.com"], FUNCTION, Gate::Role),
    told("Systems Manager", &["ssm.amazonaws.com", "ssm-incidents.amazonaws.com"], ALL, Gate::Role),
    told("CodeDeploy", &["codedeploy.amazonaws.com"], &[NodeKind::Function, NodeKind::Topic], Gate::Role),
    told("Elastic Beanstalk", &["elasticbeanstalk.amazonaws.com"], MESSAGES, Gate::Role),
    told(
        "IoT Greengrass and SiteWise",
        &["greengrass.amazonaws.com", "iotsitewise.amazonaws.com"],
        FUNCTION,
        Gate::Role,
    ),
    told("Redshift, Aurora and RDS", &["rds.amazonaws.com", "redshift.amazonaws.com"], FUNCTION, Gate::Role),
    told(
        "Kendra, SageMaker and Rekognition",
        &["kendra.amazonaws.com", "sagemaker.amazonaws.com", "rekognition.amazonaws.com"],
        NOTIFIED,
        Gate::Role,
    ),
    // It invokes functions at its edge locations with a replica, for which the function's role must trust it.
    told("CloudFront", &["edgelambda.amazonaws.com", "replicator.lambda.amazonaws.com"], FUNCTION, Gate::Role),
];

/// The service principals of programs that people write: they may call whatever their role allows, by any name.
pub const PROGRAMS: &[&str] = &[
    "lambda.amazonaws.com",
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "ecs.amazonaws.com",
    "pods.eks.amazonaws.com",
    "eks.amazonaws.com",
    "eks-fargate-pods.amazonaws.com",
    "batch.amazonaws.com",
    "codebuild.amazonaws.com",
    "glue.amazonaws.com",
    "elasticmapreduce.amazonaws.com",
    "emr-serverless.amazonaws.com",
    "airflow.amazonaws.com",
    "airflow-env.amazonaws.com",
    "tasks.apprunner.amazonaws.com",
    "build.apprunner.amazonaws.com",
    "lightsail.amazonaws.com",
    "kinesisanalytics.amazonaws.com",
    "rolesanywhere.amazonaws.com",
    "credentials.iot.amazonaws.com",
    "datapipeline.amazonaws.com",
    "mediaconvert.amazonaws.com",
    "amplify.amazonaws.com",
    "synthetics.amazonaws.com",
];

/// The call that reads all identities and their policies.
pub const IAM_CALL: &str = "iam:GetAccountAuthorizationDetails";

/// The call that lists functions of the account's other regions.
pub const ELSEWHERE_CALL: &str = "lambda:ListFunctions in other regions";

/// The calls that list everything in the table: a complete audit has made all of them.
pub fn list_calls() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().flat_map(|source| source.lists.iter().copied()).chain([IAM_CALL, ELSEWHERE_CALL])
}

/// The sources whose calls have such a principal.
pub fn sources_of(principal: &str) -> impl Iterator<Item = &'static CallerSource> {
    // `logs.us-east-1.amazonaws.com`, `workmail.eu-west-1.amazonaws.com`.
    let named = move |known: &str| {
        known == principal
            || known.split_once('.').is_some_and(|(service, domain)| {
                principal.strip_prefix(service).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(domain))
            })
    };
    SOURCES.iter().filter(move |source| source.principals.iter().any(|known| named(known)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_source_reaches_something_and_has_its_own_name() {
        let names: BTreeSet<&str> = SOURCES.iter().map(|source| source.name).collect();
        assert_eq!(names.len(), SOURCES.len());
        for source in SOURCES {
            assert!(!source.reaches.is_empty(), "{}", source.name);
            assert!(source.details.is_empty() || !source.lists.is_empty(), "{}", source.name);
            assert!(source.standing() != Standing::Blind, "{} has no reading and no gate", source.name);
            assert!(!source.principals.iter().any(|principal| PROGRAMS.contains(principal)), "{}", source.name);
        }
    }

    #[test]
    fn a_principal_of_a_region_is_the_services() {
        let names = |principal: &str| sources_of(principal).map(|source| source.name).collect::<Vec<_>>();
        assert_eq!(names("logs.us-east-1.amazonaws.com"), ["subscriptions of log groups"]);
        assert_eq!(names("sns.amazonaws.com"), ["subscriptions of topics"]);
        assert_eq!(names("nobody.amazonaws.com"), Vec::<&str>::new());
    }
}
