//! Triggers that only a list of their service shows.

use deployer_janitor::audit::NodeKind;
use serde_json::{Value, json};

use super::account::{Label, LabeledAccount, arn};

/// A trigger that only a list of its service shows: what it answers, given the ARN of what it triggers.
pub type Listed = (&'static str, NodeKind, fn(&str) -> Vec<(&'static str, Value)>);

/// One trigger of every service that is read for what it calls.
pub const LISTED: [Listed; 27] = [
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
    ("bounce", NodeKind::Topic, |to| {
        vec![
            ("ses:ListIdentities", json!({ "Identities": ["mill.co"] })),
            ("ses:GetIdentityNotificationAttributes", json!({ "NotificationAttributes": { "BounceTopic": to } })),
        ]
    }),
    ("campaign", NodeKind::Topic, |to| {
        let destination = json!({ "SNSDestination": { "TopicARN": to } });
        vec![
            ("ses:ListConfigurationSets", json!({ "ConfigurationSets": [{ "Name": "news" }] })),
            ("ses:DescribeConfigurationSet", json!({ "EventDestinations": [destination] })),
        ]
    }),
    ("memory", NodeKind::Topic, |to| {
        vec![("memorydb:DescribeClusters", json!({ "Clusters": [{ "Name": "m", "SnsTopicArn": to }] }))]
    }),
    ("accelerator", NodeKind::Topic, |to| {
        let cluster = json!({ "ClusterName": "d", "NotificationConfiguration": { "TopicArn": to } });
        vec![("dax:DescribeClusters", json!({ "Clusters": [cluster] }))]
    }),
    ("directory", NodeKind::Topic, |to| {
        let topic = json!({ "DirectoryId": "d-1", "TopicArn": to });
        vec![("ds:DescribeEventTopics", json!({ "EventTopics": [topic] }))]
    }),
    ("channels", NodeKind::Function, |to| {
        let handler = json!({ "name": "chat", "handlerConfigs": { "onPublish": { "integration": to } } });
        vec![
            ("appsync:GET /v2/apis", json!({ "apis": [{ "apiId": "e1", "name": "events" }] })),
            ("appsync:GET /v2/apis/e1/channelNamespaces", json!({ "channelNamespaces": [handler] })),
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
pub async fn add_listed_triggers(account: &mut LabeledAccount) {
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
