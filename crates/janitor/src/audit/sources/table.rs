//! The table itself.

use super::{CallerSource, Gate};
use crate::audit::NodeKind;

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
    // An address or a configuration set reports bounces to a topic.
    read(
        "notifications of SES",
        &["ses.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["ses:ListIdentities", "ses:ListConfigurationSets"],
        &["ses:GetIdentityNotificationAttributes", "ses:DescribeConfigurationSet"],
    ),
    read(
        "notifications of MemoryDB",
        &["memorydb.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["memorydb:DescribeClusters"],
        &[],
    ),
    read("notifications of DAX", &["dax.amazonaws.com"], TOPIC, Gate::AccountPolicy, &["dax:DescribeClusters"], &[]),
    read(
        "notifications of directories",
        &["ds.amazonaws.com"],
        TOPIC,
        Gate::AccountPolicy,
        &["ds:DescribeEventTopics"],
        &[],
    ),
    read(
        "AppSync event APIs",
        &["appsync.amazonaws.com"],
        FUNCTION,
        Gate::Role,
        &["appsync:ListApis"],
        &["appsync:ListChannelNamespaces", "appsync:ListDataSources"],
    ),
    // Told by roles. Their buses and rules have an API of their own, and share the principal of EventBridge's rules.
    told("subscribers of custom event buses", &["events.amazonaws.com"], ROWS, Gate::Role),
    told("SES Mail Manager", &["ses.amazonaws.com"], &[NodeKind::Function, NodeKind::Topic], Gate::Role),
    told(
        "CloudFormation hooks and resource types",
        &["hooks.cloudformation.amazonaws.com", "resources.cloudformation.amazonaws.com"],
        ALL,
        Gate::Role,
    ),
    told(
        "Textract, Transcribe, Comprehend and Elastic Transcoder",
        &[
            "textract.amazonaws.com",
            "transcribe.amazonaws.com",
            "comprehend.amazonaws.com",
            "elastictranscoder.amazonaws.com",
        ],
        NOTIFIED,
        Gate::Role,
    ),
    told("Amazon Q", &["qbusiness.amazonaws.com", "q.amazonaws.com", "wisdom.amazonaws.com"], FUNCTION, Gate::Role),
    told("EC2 Image Builder", &["imagebuilder.amazonaws.com"], MESSAGES, Gate::Role),
    // Told by the policy of what they reach.
    told(
        "IoT authorizers, provisioning and Device Defender",
        &["iot.amazonaws.com"],
        &[NodeKind::Function, NodeKind::Topic],
        Gate::Policy,
    ),
    told("GameLift", &["gamelift.amazonaws.com"], TOPIC, Gate::Policy),
    told("DevOps Guru", &["devops-guru.amazonaws.com"], TOPIC, Gate::Policy),
    told("Snow Family", &["importexport.amazonaws.com"], TOPIC, Gate::Policy),
    told("Service Catalog", &["servicecatalog.amazonaws.com"], TOPIC, Gate::Policy),
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
