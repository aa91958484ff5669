//! What a venue's function may do, and what may start it: the trust policy and the only inline policy of its role.

use serde_json::{Value, json};
use sync_config::config::LEASE_STREAMS;

use crate::manifest::Venue;
use crate::naming::{ALIAS, PERMISSION_SID, VenueNames, schedule_group_name};
use crate::resource::declared::VpcSettings;
use crate::resource::{DesiredStack, PermissionSpec, Trigger};
use crate::scope::Scope;

/// The service principal that fires rules.
pub const EVENTS: &str = "events.amazonaws.com";
/// The service principal that fires schedules.
pub const SCHEDULER: &str = "scheduler.amazonaws.com";

/// Partitions in which EventBridge may invoke a function with an execution role, the target's `RoleArn`, instead of a
/// statement in the function's policy. "For Lambda, Amazon SNS, and Amazon SQS resources, EventBridge can use either"
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html>). The guide of the Chinese regions
/// says that Lambda targets use no role (<https://docs.amazonaws.cn/en_us/eventbridge/latest/userguide/eb-events-iam-roles.html>),
/// and nothing is documented about the others.
const RULES_HAVE_ROLES: [&str; 1] = ["aws"];

/// Whether a rule invokes its target with a role here, and not by a statement in the function's policy.
pub(crate) fn rules_have_roles(scope: &Scope) -> bool {
    RULES_HAVE_ROLES.contains(&scope.aws_partition())
}

/// Replaces the role with which a stack's rule invokes the alias by a statement in the alias's policy: in a partition where
/// a rule has no role, or because a permissions boundary may not allow the role to invoke anything. What such a role
/// may do besides stays as it is, so that a boundary can come and go. A schedule always has a role: it has no other way.
pub(crate) fn use_permission(stack: &mut DesiredStack, scope: &Scope) {
    let Trigger::Rule(trigger) = &mut stack.trigger else { return };
    trigger.target.target.role_arn = None;
    stack.permission = Some(PermissionSpec {
        function: stack.alias.function.clone(),
        qualifier: stack.alias.name.clone(),
        statement_id: PERMISSION_SID.to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        principal: EVENTS.to_owned(),
        source_arn: trigger.rule.arn.clone(),
        source_account: scope.account.clone(),
    });
}

/// What starts a venue's runs with the venue's role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunStarter {
    /// The service's principal: [`EVENTS`] or [`SCHEDULER`].
    pub(crate) service: &'static str,
    /// What the service sends as `aws:SourceArn` when it takes on the role.
    source_arn: String,
}

impl RunStarter {
    /// A venue's rule.
    pub(crate) fn of_rule(scope: &Scope, rule: &str) -> Self {
        Self { service: EVENTS, source_arn: scope.regional_arn("events", &format!("rule/{rule}")) }
    }

    /// The schedules in the deployment's group. Scheduler sends the ARN of the group and not that of the schedule
    /// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html>).
    pub(crate) fn of_schedules(scope: &Scope, deployment: &str) -> Self {
        Self { service: SCHEDULER, source_arn: schedule_group_arn(scope, deployment) }
    }
}

/// The ARN of the group that a deployment's schedules are in.
pub fn schedule_group_arn(scope: &Scope, deployment: &str) -> String {
    scope.regional_arn("scheduler", &format!("schedule-group/{}", schedule_group_name(deployment)))
}

/// Only Lambda, and only on behalf of this account. Lambda sends the account of the function whenever it takes on a role:
/// AWS's own templates of execution roles have the same condition. That it sends the function's ARN too is documented
/// nowhere, so there is no condition on it. And each of `starters`, on behalf of this one source: EventBridge's console gives
/// the roles of targets the same conditions.
pub(crate) fn trust_policy(scope: &Scope, starters: &[RunStarter]) -> Value {
    let trust = |service: &str, source_arn: Option<&str>| {
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": scope.account } },
        });
        if let Some(arn) = source_arn {
            statement["Condition"]["StringEquals"]["aws:SourceArn"] = json!(arn);
        }
        statement
    };
    let starters = starters.iter().map(|starter| trust(starter.service, Some(&starter.source_arn)));
    let statements: Vec<Value> = [trust("lambda.amazonaws.com", None)].into_iter().chain(starters).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Lets what takes on the role to start runs invoke the venue's own alias. The function has the same role, and must not
/// start itself: Lambda sends the function's ARN with whatever its code does
/// (<https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html>).
fn start_statement(function: &str) -> Value {
    json!({
        "Sid": "StartOwnRuns",
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": format!("{function}:{ALIAS}"),
        "Condition": { "Null": { "lambda:SourceFunctionArn": "true" } },
    })
}

/// What a venue's function may do: read its own secret and write to its own log group, nothing else. Where it rotates
/// tokens, it may also write its own secret. What else the manifest declares needs one statement each. If something
/// `starts_runs` with this role, that may invoke the alias.
///
/// A secret's ARN ends in a hyphen and six random characters. `??????` matches exactly those, so the pattern matches no
/// other secret: a longer name's ARN is longer than the pattern.
pub(crate) fn role_policy(scope: &Scope, names: &VenueNames, venue: &Venue, starts_runs: bool) -> Value {
    let rotates_tokens = venue.destination.rotates_tokens();
    let secret = scope.regional_arn("secretsmanager", &format!("secret:{}-??????", names.secret));
    let function = scope.regional_arn("lambda", &format!("function:{}", names.function));
    let mut statements = Vec::new();
    // Without credentials there is no secret.
    if !venue.secrets.is_empty() {
        statements.push(json!({
            "Sid": "ReadOwnSecret",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secret,
        }));
    }
    statements.push(json!({
        "Sid": "WriteOwnLogs",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": scope.regional_arn("logs", &format!("log-group:{}:*", names.log_group)),
    }));
    if starts_runs {
        statements.push(start_statement(&function));
    }
    if rotates_tokens {
        statements.push(json!({
            "Sid": "RotateOwnTokens",
            "Effect": "Allow",
            "Action": "secretsmanager:PutSecretValue",
            "Resource": secret,
        }));
    }
    let company = &venue.company;
    if let Some(key) = &company.kms_key {
        statements
            .extend((!venue.secrets.is_empty()).then(|| secret_key_statement(scope, key, &secret, rotates_tokens)));
        statements.push(environment_key_statement(key, &function));
    }
    if let Some(vpc) = &company.vpc {
        statements.extend(network_statements(scope, vpc, &function));
    }
    if company.active_tracing {
        // Neither action can be limited to a resource.
        statements.push(json!({
            "Sid": "SendTraces",
            "Effect": "Allow",
            "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            "Resource": "*",
        }));
    }
    if let Some(arn) = &company.dead_letter {
        let action = if arn.contains(":sns:") { "sns:Publish" } else { "sqs:SendMessage" };
        statements.push(json!({ "Sid": "SendDeadLetters", "Effect": "Allow", "Action": action, "Resource": arn }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// What a function needs in addition to [`role_policy`] if each run takes a lease: log streams with the names of leases, in
/// its own log group. It may create them anyway. A list can't be limited to names.
pub(crate) fn lease_statements(scope: &Scope, log_group: &str) -> [Value; 2] {
    let in_group = |streams: &str| scope.regional_arn("logs", &format!("log-group:{log_group}:{streams}"));
    [
        json!({
            "Sid": "GiveBackLease",
            "Effect": "Allow",
            "Action": "logs:DeleteLogStream",
            "Resource": in_group(&format!("log-stream:{LEASE_STREAMS}*")),
        }),
        json!({
            "Sid": "FindPastLeases",
            "Effect": "Allow",
            "Action": "logs:DescribeLogStreams",
            "Resource": in_group("*"),
        }),
    ]
}

/// All venues may share a key, so the encryption context says of which secret and which function something may be
/// decrypted: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html>. A new version of a secret is
/// encrypted with a new data key.
fn secret_key_statement(scope: &Scope, key: &str, secret: &str, rotates_tokens: bool) -> Value {
    let actions = if rotates_tokens { json!(["kms:Decrypt", "kms:GenerateDataKey"]) } else { json!("kms:Decrypt") };
    json!({
        "Sid": "DecryptOwnSecret",
        "Effect": "Allow",
        "Action": actions,
        "Resource": key,
        "Condition": { "StringLike": {
            "kms:ViaService": format!("secretsmanager.{}.*", scope.region),
            "kms:EncryptionContext:SecretARN": secret,
        } },
    })
}

/// As [`secret_key_statement`], for the function's variables.
fn environment_key_statement(key: &str, function: &str) -> Value {
    json!({
        "Sid": "DecryptOwnEnvironment",
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": key,
        "Condition": { "StringEquals": { "kms:EncryptionContext:aws:lambda:FunctionArn": function } },
    })
}

/// Lambda itself makes these calls with the function's role; the function's code may not
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>). Lists can't be limited to a resource. A subnet
/// may be shared by another account.
fn network_statements(scope: &Scope, vpc: &VpcSettings, function: &str) -> [Value; 3] {
    let interfaces = scope.regional_arn("ec2", "network-interface/*");
    let (partition, region) = (scope.aws_partition(), &scope.region);
    let any_account = |kind: &str, id: &String| format!("arn:{partition}:ec2:{region}:*:{kind}/{id}");
    let mut used: Vec<String> = vec![interfaces.clone()];
    used.extend(vpc.subnet_ids.iter().map(|id| any_account("subnet", id)));
    used.extend(vpc.security_group_ids.iter().map(|id| any_account("security-group", id)));
    [
        json!({
            "Sid": "UseNetwork",
            "Effect": "Allow",
            "Action": [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": used,
        }),
        json!({
            "Sid": "ListNetworks",
            "Effect": "Allow",
            "Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
            "Resource": "*",
        }),
        json!({
            "Sid": "KeepNetworkFromCode",
            "Effect": "Deny",
            "Action": "ec2:*",
            "Resource": "*",
            "Condition": { "ArnEquals": { "lambda:SourceFunctionArn": function } },
        }),
    ]
}
