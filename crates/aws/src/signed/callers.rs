//! The services that can call, send to or start what an audit judges. Only their lists are read.

use super::service::{ServiceEntry, WireProtocol};

/// As in `service::SERVICES`, from AWS's own models.
pub(super) const CALLERS: &[ServiceEntry] = &[
    speak_json("events", "events", "EventBridge", "1.1", "AWSEvents", "NextToken"),
    speak_json("config", "config", "Config Service", "1.1", "StarlingDoveService", "NextToken"),
    speak_json("cloudtrail", "cloudtrail", "CloudTrail", "1.1", "CloudTrail_20131101", "NextToken"),
    speak_json(
        "cognito-idp",
        "cognito-idp",
        "Cognito Identity Provider",
        "1.1",
        "AWSCognitoIdentityProviderService",
        "NextToken",
    ),
    ServiceEntry {
        global: Some(("budgets.amazonaws.com", "us-east-1")),
        ..speak_json("budgets", "budgets", "Budgets", "1.1", "AWSBudgetServiceGateway", "NextToken")
    },
    speak_json("firehose", "firehose", "Firehose", "1.1", "Firehose_20150804", ""),
    speak_json("codepipeline", "codepipeline", "CodePipeline", "1.1", "CodePipeline_20150709", "nextToken"),
    speak_json("codecommit", "codecommit", "CodeCommit", "1.1", "CodeCommit_20150413", "nextToken"),
    speak_json("memorydb", "memory-db", "MemoryDB", "1.1", "AmazonMemoryDB", "NextToken"),
    speak_json("dax", "dax", "DAX", "1.1", "AmazonDAXV3", "NextToken"),
    speak_json("ds", "ds", "Directory Service", "1.1", "DirectoryService_20150416", ""),
    speak_json("kinesis", "kinesis", "Kinesis", "1.1", "Kinesis_20131202", "NextToken"),
    ServiceEntry {
        answer_token: "LastEvaluatedTableName",
        ..speak_json("dynamodb", "dynamodb", "DynamoDB", "1.0", "DynamoDB_20120810", "ExclusiveStartTableName")
    },
    ServiceEntry {
        page_token: "Marker",
        ..speak_json("dms", "dms", "Database Migration Service", "1.1", "AmazonDMSv20160101", "")
    },
    speak_query("ses", "email", "SES", "2010-12-01", "NextToken"),
    ServiceEntry {
        answer_token: "NextMarker",
        ..speak_query(
            "elasticloadbalancing",
            "elasticloadbalancing",
            "Elastic Load Balancing v2",
            "2015-12-01",
            "Marker",
        )
    },
    speak_query("cloudformation", "cloudformation", "CloudFormation", "2010-05-15", "NextToken"),
    speak_query("autoscaling", "autoscaling", "Auto Scaling", "2011-01-01", "NextToken"),
    speak_query("rds", "rds", "RDS", "2014-10-31", "Marker"),
    speak_query("redshift", "redshift", "Redshift", "2012-12-01", "Marker"),
    speak_query("elasticache", "elasticache", "ElastiCache", "2015-02-02", "Marker"),
    speak_query("ec2", "ec2", "EC2", "2016-11-15", "NextToken"),
    ServiceEntry { answer_token: "NextMarker", ..speak_rest("lambda", "lambda", "Lambda", "Marker") },
    speak_rest("pipes", "pipes", "Pipes", "NextToken"),
    speak_rest("iot", "iot", "IoT", "nextToken"),
    speak_rest("appsync", "appsync", "AppSync", "nextToken"),
    speak_rest("backup", "backup", "Backup", "nextToken"),
    ServiceEntry { answer_token: "NextToken", ..speak_rest("kafka", "kafka", "Kafka", "nextToken") },
    ServiceEntry { answer_token: "NextToken", ..speak_rest("mq", "mq", "mq", "nextToken") },
    ServiceEntry { answer_token: "Marker", ..speak_rest("glacier", "glacier", "Glacier", "marker") },
    ServiceEntry {
        answer_token: "ContinuationToken",
        protocol: WireProtocol::RestXml,
        ..speak_rest("s3", "s3", "S3", "continuation-token")
    },
];

const fn speak_json(
    prefix: &'static str,
    host: &'static str,
    id: &'static str,
    version: &'static str,
    target: &'static str,
    page_token: &'static str,
) -> ServiceEntry {
    let protocol = WireProtocol::Json { version, target, was_query: false };
    ServiceEntry { prefix, signing_name: prefix, host, id, page_token, answer_token: "", global: None, protocol }
}

const fn speak_query(
    prefix: &'static str,
    host: &'static str,
    id: &'static str,
    api_version: &'static str,
    page_token: &'static str,
) -> ServiceEntry {
    let protocol = WireProtocol::Query { api_version, maps: &[] };
    ServiceEntry { prefix, signing_name: prefix, host, id, page_token, answer_token: "", global: None, protocol }
}

const fn speak_rest(
    prefix: &'static str,
    host: &'static str,
    id: &'static str,
    page_token: &'static str,
) -> ServiceEntry {
    let protocol = WireProtocol::Rest { root: "" };
    ServiceEntry { prefix, signing_name: prefix, host, id, page_token, answer_token: "", global: None, protocol }
}
