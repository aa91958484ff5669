//! The lists of what calls, one row each.

/// A request. `{name}` and `{id}` are the item's, `{account}` and `{region}` the account's.
pub(super) enum Ask {
    /// An operation with parameters; numbers are numbers.
    Call(&'static str, &'static [(&'static str, &'static str)]),
    /// An operation with a path and a query.
    Get(&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]),
}

impl Ask {
    /// The call's name.
    pub(super) fn call(&self) -> &'static str {
        match self {
            Self::Call(call, _) | Self::Get(call, ..) => call,
        }
    }
}

/// A list of one kind of caller.
pub(super) struct CallerList {
    /// What each item is: `S3 bucket`.
    pub(super) label: &'static str,
    /// What the list has: `S3 buckets`.
    pub(super) what: &'static str,
    pub(super) ask: Ask,
    /// Where the items are in an answer.
    pub(super) items: &'static str,
    /// The members of an item that may have its name.
    pub(super) name: &'static [&'static str],
    /// The members of an item that may have its ARN.
    pub(super) id: &'static [&'static str],
    /// The form of its ARN, where the list has none.
    pub(super) arn: &'static str,
    /// Whether it names others by their bare names.
    pub(super) names: bool,
    pub(super) details: &'static [CallerDetail],
}

/// What a list doesn't say about its items.
pub(super) struct CallerDetail {
    pub(super) ask: Ask,
    /// Asked only for items whose member has this value.
    pub(super) only: Option<(&'static str, &'static str)>,
    /// Errors that mean that the item calls nothing here.
    pub(super) ignored: &'static [&'static str],
}

const fn detail(ask: Ask) -> CallerDetail {
    CallerDetail { ask, only: None, ignored: &[] }
}

const fn list(
    label: &'static str,
    what: &'static str,
    ask: Ask,
    items: &'static str,
    name: &'static [&'static str],
    details: &'static [CallerDetail],
) -> CallerList {
    CallerList { label, what, ask, items, name, id: &["Arn", "arn", "ARN"], arn: "", names: false, details }
}

/// Requests and members as in the services' models (<https://github.com/aws/api-models-aws>).
pub(super) const LISTS: &[CallerList] = &[
    CallerList {
        arn: "arn:{partition}:s3:::{name}",
        ..list(
            "S3 bucket",
            "S3 buckets",
            Ask::Get("s3:ListAllMyBuckets", &[], &[("bucket-region", "{region}"), ("max-buckets", "1000")]),
            "Buckets.Bucket",
            &["Name"],
            // IAM's name for GetBucketNotificationConfiguration.
            &[CallerDetail {
                // A server that lists the buckets of all regions.
                ignored: &["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"],
                ..detail(Ask::Get("s3:GetBucketNotification", &["{name}"], &[("notification", "")]))
            }],
        )
    },
    list(
        "EventBridge pipe",
        "EventBridge pipes",
        Ask::Get("pipes:ListPipes", &["v1", "pipes"], &[]),
        "Pipes",
        &["Name"],
        &[detail(Ask::Get("pipes:DescribePipe", &["v1", "pipes", "{name}"], &[]))],
    ),
    list(
        "archive",
        "archives of event buses",
        Ask::Call("events:ListArchives", &[]),
        "Archives",
        &["ArchiveName"],
        &[],
    ),
    list(
        "Cognito user pool",
        "Cognito user pools",
        Ask::Call("cognito-idp:ListUserPools", &[("MaxResults", "60")]),
        "UserPools",
        &["Id"],
        &[detail(Ask::Call("cognito-idp:DescribeUserPool", &[("UserPoolId", "{name}")]))],
    ),
    CallerList {
        id: &["TargetGroupArn"],
        ..list(
            "target group",
            "target groups of load balancers",
            Ask::Call("elasticloadbalancing:DescribeTargetGroups", &[]),
            "TargetGroups",
            &["TargetGroupName"],
            &[CallerDetail {
                only: Some(("TargetType", "lambda")),
                ..detail(Ask::Call("elasticloadbalancing:DescribeTargetHealth", &[("TargetGroupArn", "{id}")]))
            }],
        )
    },
    CallerList {
        id: &["ruleArn"],
        ..list(
            "IoT rule",
            "IoT rules",
            Ask::Get("iot:ListTopicRules", &["rules"], &[]),
            "rules",
            &["ruleName"],
            &[detail(Ask::Get("iot:GetTopicRule", &["rules", "{name}"], &[]))],
        )
    },
    CallerList {
        id: &["ConfigRuleArn"],
        ..list(
            "Config rule",
            "Config rules",
            Ask::Call("config:DescribeConfigRules", &[]),
            "ConfigRules",
            &["ConfigRuleName"],
            &[],
        )
    },
    list(
        "Config delivery channel",
        "delivery channels of Config",
        Ask::Call("config:DescribeDeliveryChannels", &[]),
        "DeliveryChannels",
        &["name"],
        &[],
    ),
    list(
        "SES receipt rule set",
        "SES receipt rules",
        Ask::Call("ses:ListReceiptRuleSets", &[]),
        "RuleSets",
        &["Name"],
        &[detail(Ask::Call("ses:DescribeReceiptRuleSet", &[("RuleSetName", "{name}")]))],
    ),
    list(
        "SES identity",
        "notifications of SES identities",
        Ask::Call("ses:ListIdentities", &[]),
        "Identities",
        &[],
        &[detail(Ask::Call("ses:GetIdentityNotificationAttributes", &[("Identities.member.1", "{name}")]))],
    ),
    list(
        "SES configuration set",
        "SES configuration sets",
        Ask::Call("ses:ListConfigurationSets", &[]),
        "ConfigurationSets",
        &["Name"],
        &[detail(Ask::Call(
            "ses:DescribeConfigurationSet",
            &[("ConfigurationSetName", "{name}"), ("ConfigurationSetAttributeNames.member.1", "eventDestinations")],
        ))],
    ),
    list(
        "account policy of CloudWatch Logs",
        "account policies of CloudWatch Logs",
        Ask::Call("logs:DescribeAccountPolicies", &[("policyType", "SUBSCRIPTION_FILTER_POLICY")]),
        "accountPolicies",
        &["policyName"],
        &[],
    ),
    CallerList {
        id: &["AutoScalingGroupARN"],
        ..list(
            "Auto Scaling group",
            "Auto Scaling groups",
            Ask::Call("autoscaling:DescribeAutoScalingGroups", &[]),
            "AutoScalingGroups",
            &["AutoScalingGroupName"],
            &[detail(Ask::Call("autoscaling:DescribeLifecycleHooks", &[("AutoScalingGroupName", "{name}")]))],
        )
    },
    list(
        "notification of Auto Scaling group",
        "notifications of Auto Scaling",
        Ask::Call("autoscaling:DescribeNotificationConfigurations", &[]),
        "NotificationConfigurations",
        &["AutoScalingGroupName"],
        &[],
    ),
    CallerList {
        id: &["EventSubscriptionArn"],
        ..list(
            "RDS event subscription",
            "event subscriptions of RDS",
            Ask::Call("rds:DescribeEventSubscriptions", &[]),
            "EventSubscriptionsList.EventSubscription",
            &["CustSubscriptionId"],
            &[],
        )
    },
    list(
        "Redshift event subscription",
        "event subscriptions of Redshift",
        Ask::Call("redshift:DescribeEventSubscriptions", &[]),
        "EventSubscriptionsList.EventSubscription",
        &["CustSubscriptionId"],
        &[],
    ),
    list(
        "ElastiCache cluster",
        "notifications of ElastiCache",
        Ask::Call("elasticache:DescribeCacheClusters", &[]),
        "CacheClusters.CacheCluster",
        &["CacheClusterId"],
        &[],
    ),
    CallerList {
        id: &["ARN"],
        ..list(
            "MemoryDB cluster",
            "notifications of MemoryDB",
            Ask::Call("memorydb:DescribeClusters", &[]),
            "Clusters",
            &["Name"],
            &[],
        )
    },
    CallerList {
        id: &["ClusterArn"],
        ..list(
            "DAX cluster",
            "notifications of DAX",
            Ask::Call("dax:DescribeClusters", &[]),
            "Clusters",
            &["ClusterName"],
            &[],
        )
    },
    list(
        "directory",
        "notifications of directories",
        Ask::Call("ds:DescribeEventTopics", &[]),
        "EventTopics",
        &["DirectoryId"],
        &[],
    ),
    list(
        "DMS event subscription",
        "event subscriptions of DMS",
        Ask::Call("dms:DescribeEventSubscriptions", &[]),
        "EventSubscriptionsList",
        &["CustSubscriptionId"],
        &[],
    ),
    CallerList {
        id: &["VaultARN"],
        ..list(
            "Glacier vault",
            "Glacier vaults",
            Ask::Get("glacier:ListVaults", &["-", "vaults"], &[]),
            "VaultList",
            &["VaultName"],
            &[detail(Ask::Get(
                "glacier:GetVaultNotifications",
                &["-", "vaults", "{name}", "notification-configuration"],
                &[],
            ))],
        )
    },
    list(
        "CodeCommit repository",
        "CodeCommit repositories",
        Ask::Call("codecommit:ListRepositories", &[]),
        "repositories",
        &["repositoryName"],
        &[detail(Ask::Call("codecommit:GetRepositoryTriggers", &[("repositoryName", "{name}")]))],
    ),
    CallerList {
        id: &["BackupVaultArn"],
        ..list(
            "backup vault",
            "backup vaults",
            Ask::Get("backup:ListBackupVaults", &["backup-vaults"], &[]),
            "BackupVaultList",
            &["BackupVaultName"],
            &[detail(Ask::Get(
                "backup:GetBackupVaultNotifications",
                &["backup-vaults", "{name}", "notification-configuration"],
                &[],
            ))],
        )
    },
    CallerList {
        id: &["TrailARN"],
        ..list("trail", "trails", Ask::Call("cloudtrail:DescribeTrails", &[]), "trailList", &["Name"], &[])
    },
    CallerList {
        names: true,
        ..list(
            "pipeline",
            "CodePipeline pipelines",
            Ask::Call("codepipeline:ListPipelines", &[]),
            "pipelines",
            &["name"],
            &[detail(Ask::Call("codepipeline:GetPipeline", &[("name", "{name}")]))],
        )
    },
    list(
        "AppSync API",
        "AppSync APIs",
        Ask::Get("appsync:ListGraphqlApis", &["v1", "apis"], &[]),
        "graphqlApis",
        &["apiId"],
        &[detail(Ask::Get("appsync:ListDataSources", &["v1", "apis", "{name}", "datasources"], &[]))],
    ),
    list(
        "AppSync event API",
        "AppSync event APIs",
        Ask::Get("appsync:ListApis", &["v2", "apis"], &[]),
        "apis",
        &["apiId"],
        &[
            detail(Ask::Get("appsync:ListChannelNamespaces", &["v2", "apis", "{name}", "channelNamespaces"], &[])),
            detail(Ask::Get("appsync:ListDataSources", &["v1", "apis", "{name}", "datasources"], &[])),
        ],
    ),
    list(
        "delivery stream",
        "delivery streams of Firehose",
        Ask::Call("firehose:ListDeliveryStreams", &[("Limit", "10000")]),
        "DeliveryStreamNames",
        &[],
        &[detail(Ask::Call("firehose:DescribeDeliveryStream", &[("DeliveryStreamName", "{name}")]))],
    ),
    // The other ends of event source mappings.
    CallerList {
        arn: "arn:{partition}:kinesis:{region}:{account}:stream/{name}",
        ..list(
            "Kinesis stream",
            "Kinesis streams",
            Ask::Call("kinesis:ListStreams", &[("Limit", "10000")]),
            "StreamNames",
            &[],
            &[],
        )
    },
    CallerList {
        arn: "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
        ..list("DynamoDB table", "DynamoDB tables", Ask::Call("dynamodb:ListTables", &[]), "TableNames", &[], &[])
    },
    CallerList {
        id: &["clusterArn"],
        ..list(
            "MSK cluster",
            "MSK clusters",
            Ask::Get("kafka:ListClustersV2", &["api", "v2", "clusters"], &[]),
            "clusterInfoList",
            &["clusterName"],
            &[],
        )
    },
    CallerList {
        id: &["brokerArn", "BrokerArn"],
        ..list(
            "MQ broker",
            "MQ brokers",
            Ask::Get("mq:ListBrokers", &["v1", "brokers"], &[]),
            "BrokerSummaries",
            &["BrokerName", "brokerName"],
            &[],
        )
    },
];
