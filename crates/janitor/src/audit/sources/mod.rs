//! What can call a function, send to a queue or a topic, start a state machine, or read a secret: the table on which
//! "nothing reaches it" stands.
//!
//! From AWS's own lists: the services that invoke Lambda
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html>), that send to SNS
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-event-sources.html>), the targets of EventBridge
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html>) and of its custom buses
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-custom-bus-permissions.html>), and the service principals in
//! policies. Compared with these lists in November 2026.
//!
//! A source is **read** if all of its calls were made and none failed: [`CallerSource::is_read`] looks at what was really called, so a
//! reader that was denied, that the endpoint doesn't have, or that nobody has built leaves its source unread. What an unread
//! source could do depends on its [`Gate`]. Whatever isn't in this table has no row that could be read, and so counts as
//! unread: the judge finds its principal in a policy or in a role's trust.

mod table;

use super::NodeKind;
use deployer_core::arn::Arn;
pub use table::SOURCES;

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

/// The forms of source ARNs in policies, by service and the beginning of the resource, that the lists of the table show.
/// A statement for another source, such as an authorizer of IoT, says that something may call that nothing here lists.
const LISTED_SOURCES: &[(&str, &str)] = &[
    ("apigateway", "/"),
    ("autoscaling", "autoScalingGroup"),
    ("backup", "backup-vault:"),
    ("cloudtrail", "trail/"),
    ("cloudwatch", "alarm:"),
    ("codecommit", ""),
    ("cognito-idp", "userpool/"),
    ("config", "config-rule/"),
    ("dms", "es:"),
    ("elasticloadbalancing", "targetgroup/"),
    ("events", "rule/"),
    ("execute-api", ""),
    ("firehose", "deliverystream/"),
    ("glacier", "vaults/"),
    ("iot", "rule/"),
    ("lambda", "event-source-mapping:"),
    ("logs", "log-group:"),
    ("pipes", "pipe/"),
    ("rds", "es:"),
    ("redshift", "eventsubscription:"),
    ("s3", ""),
    ("scheduler", "schedule"),
    ("secretsmanager", "secret:"),
    ("ses", "receipt-rule-set/"),
    ("sns", ""),
    ("sqs", ""),
    ("states", "stateMachine:"),
];

/// Whether a source that a policy names would be in a list of the table.
pub fn is_listed_source(source: &Arn<'_>) -> bool {
    LISTED_SOURCES.iter().any(|(service, start)| *service == source.service && source.resource.starts_with(start))
}

/// The sources of which statements with such a principal may be. A service that reaches some resources with a role needs
/// no statement there.
pub fn statement_sources_of(principal: &str) -> impl Iterator<Item = &'static CallerSource> {
    let by_policy = sources_of(principal).any(|source| source.gate != Gate::Role);
    sources_of(principal).filter(move |source| !by_policy || source.gate != Gate::Role)
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

    /// The services that invoke functions by AWS's own list
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html>), with their rows here.
    const INVOKE_FUNCTIONS: [(&str, &str); 27] = [
        ("Amazon Managed Streaming for Apache Kafka", "event source mappings"),
        ("Self-managed Apache Kafka", "event source mappings"),
        ("Amazon API Gateway", "REST APIs"),
        ("AWS CloudFormation", "CloudFormation stacks"),
        ("Amazon CloudWatch", "alarms"),
        ("Amazon CloudWatch Logs", "subscriptions of log groups"),
        ("AWS CodeCommit", "triggers of CodeCommit"),
        ("AWS CodePipeline", "CodePipeline pipelines"),
        ("Amazon Cognito", "Cognito user pools"),
        ("AWS Config", "Config rules and delivery channels"),
        ("Amazon Connect", "Connect flows"),
        ("Amazon DocumentDB", "event source mappings"),
        ("Amazon DynamoDB", "event source mappings"),
        ("Elastic Load Balancing", "target groups of load balancers"),
        ("Amazon EventBridge", "EventBridge rules"),
        ("AWS IoT", "IoT rules"),
        ("Amazon Kinesis", "event source mappings"),
        ("Amazon Data Firehose", "delivery streams of Firehose"),
        ("Amazon Lex", "Lex bots"),
        ("Amazon MQ", "event source mappings"),
        ("Amazon SES", "SES receipt rules"),
        ("Amazon SNS", "subscriptions of topics"),
        ("Amazon SQS", "event source mappings"),
        ("Amazon S3", "S3 bucket notifications"),
        ("AWS Secrets Manager", "rotations of secrets"),
        ("AWS Step Functions", "state machines"),
        ("Amazon VPC Lattice", "VPC Lattice"),
    ];

    #[test]
    fn every_service_of_awss_list_has_a_row() {
        for (service, row) in INVOKE_FUNCTIONS {
            let found = SOURCES.iter().find(|source| source.name == row);
            assert!(found.is_some_and(|source| source.reaches.contains(&NodeKind::Function)), "{service}: {row}");
        }
    }

    #[test]
    fn a_principal_of_a_region_is_the_services() {
        let names = |principal: &str| sources_of(principal).map(|source| source.name).collect::<Vec<_>>();
        assert_eq!(names("logs.us-east-1.amazonaws.com"), ["subscriptions of log groups"]);
        assert_eq!(names("sns.amazonaws.com"), ["subscriptions of topics"]);
        assert_eq!(names("nobody.amazonaws.com"), Vec::<&str>::new());
    }

    #[test]
    fn a_statement_is_of_what_needs_one() {
        let names = |principal: &str| statement_sources_of(principal).map(|source| source.name).collect::<Vec<_>>();
        assert_eq!(names("events.amazonaws.com"), ["EventBridge rules"]);
        assert_eq!(names("scheduler.amazonaws.com"), ["schedules of EventBridge Scheduler"]);
        let listed = |text: &str| is_listed_source(&Arn::parse_arn(text).expect("an ARN"));
        assert!(listed("arn:aws:events:us-east-1:1:rule/x") && listed("arn:aws:s3:::uploads"));
        assert!(!listed("arn:aws:iot:us-east-1:1:authorizer/x") && !listed("arn:aws:ses:us-east-1:1:identity/x.co"));
    }
}
