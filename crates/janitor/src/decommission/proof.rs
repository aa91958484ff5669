//! Proves before a deletion that the archive is enough to restore from: the archived files are parsed again, the calls that
//! create each resource are rebuilt from them alone, and each must have what AWS requires of it.

use jiff::Timestamp;
use serde_json::Value;

use super::DecommissionTarget;
use super::parts::ResourceParts;

/// A call of a restore, as it is rebuilt from an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuiltCall {
    /// The call: `lambda:CreateFunction`.
    pub operation: &'static str,
    /// Its parameters.
    pub body: Value,
}

impl RebuiltCall {
    /// A call with its parameters.
    pub fn new(operation: &'static str, body: Value) -> Self {
        Self { operation, body }
    }
}

/// What speaks against restoring a resource from its archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreProof {
    /// Why it couldn't be restored, or not completely. In words.
    pub gaps: Vec<String>,
    /// Why it can't be restored forever. In words.
    pub warnings: Vec<String>,
}

/// What AWS requires of each call of a restore.
pub const REQUIRED: [(&str, &[&str]); 24] = [
    ("apigateway:CreateApi", &["name", "protocolType"]),
    ("apigateway:CreateAuthorizer", &["name", "authorizerType"]),
    ("apigateway:CreateIntegration", &["integrationType"]),
    ("apigateway:CreateRestApi", &["name"]),
    ("apigateway:CreateRoute", &["routeKey"]),
    ("apigateway:CreateStage", &["stageName"]),
    ("cloudwatch:PutMetricAlarm", &["AlarmName", "EvaluationPeriods", "ComparisonOperator"]),
    ("events:PutRule", &["Name", "EventBusName"]),
    ("events:PutTargets", &["Rule", "Targets"]),
    ("iam:AttachRolePolicy", &["PolicyArn"]),
    ("iam:CreateRole", &["RoleName", "AssumeRolePolicyDocument"]),
    ("iam:PutRolePolicy", &["PolicyName", "PolicyDocument"]),
    ("lambda:AddPermission", &["StatementId", "Action", "Principal"]),
    ("lambda:CreateAlias", &["Name", "FunctionVersion"]),
    ("lambda:CreateEventSourceMapping", &["FunctionName"]),
    ("lambda:CreateFunction", &["FunctionName", "Role", "Code"]),
    ("lambda:CreateFunctionUrlConfig", &["AuthType"]),
    ("logs:CreateLogGroup", &["logGroupName"]),
    ("logs:PutMetricFilter", &["filterName", "metricTransformations"]),
    ("logs:PutSubscriptionFilter", &["filterName", "destinationArn"]),
    ("scheduler:CreateSchedule", &["ScheduleExpression", "Target", "FlexibleTimeWindow"]),
    ("sns:CreateTopic", &["Name"]),
    ("sns:Subscribe", &["TopicArn", "Protocol"]),
    ("sqs:CreateQueue", &["QueueName"]),
];

/// Proves that `parts` is enough to create `target` again at `now`.
pub fn prove_restore(target: &DecommissionTarget, parts: &ResourceParts, now: Timestamp) -> RestoreProof {
    let mut proof = RestoreProof::default();
    match target.kind.rebuild_calls(target, parts) {
        Ok(calls) => proof.gaps.extend(calls.iter().flat_map(find_missing_parameters)),
        Err(why) => proof.gaps.push(why),
    }
    target.kind.add_restore_doubts(parts, now, &mut proof);
    proof
}

fn find_missing_parameters(call: &RebuiltCall) -> Vec<String> {
    let required = REQUIRED.iter().find(|(operation, _)| *operation == call.operation);
    let required = required.map(|(_, required)| *required).unwrap_or_default();
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    let missing = required.iter().filter(|name| empty(&call.body[**name]));
    missing.map(|name| format!("the archive has no {name} for {}", call.operation)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::NodeKind;

    fn target(kind: NodeKind, id: &str) -> DecommissionTarget {
        DecommissionTarget::new(kind, id.to_owned(), "x".to_owned()).expect("it can be archived")
    }

    fn prove(kind: NodeKind, id: &str, documents: &[(&str, Value)]) -> RestoreProof {
        let mut parts = ResourceParts::default();
        documents.iter().for_each(|(name, value)| parts.put_document(name, value.clone()));
        prove_restore(&target(kind, id), &parts, "2026-11-29T00:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn a_schedule_needs_its_target() {
        let id = "arn:aws:scheduler:us-east-1:1:schedule/default/s";
        let whole = json!({ "ScheduleExpression": "rate(1 hour)", "Target": { "Arn": "arn:x", "RoleArn": "arn:r" },
            "FlexibleTimeWindow": { "Mode": "OFF" } });
        assert_eq!(prove(NodeKind::Schedule, id, &[("schedule.json", whole)]), RestoreProof::default());
        let half = json!({ "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": { "Mode": "OFF" } });
        let proof = prove(NodeKind::Schedule, id, &[("schedule.json", half)]);
        assert_eq!(proof.gaps, ["the archive has no Target for scheduler:CreateSchedule"]);
    }

    #[test]
    fn an_http_api_needs_the_integrations_of_its_routes() {
        let id = "arn:aws:apigateway:us-east-1::/apis/abc";
        let api = ("api.json", json!({ "name": "a", "protocolType": "HTTP" }));
        let routes = ("routes.json", json!([{ "routeKey": "POST /x", "target": "integrations/i1" }]));
        let integrations = ("integrations.json", json!([{ "integrationId": "i1", "integrationType": "AWS_PROXY" }]));
        let whole = prove(NodeKind::HttpApi, id, &[api.clone(), routes.clone(), integrations]);
        assert_eq!(whole, RestoreProof::default());
        let proof = prove(NodeKind::HttpApi, id, &[api, routes]);
        assert_eq!(proof.gaps, ["the archive has no integration i1, which route POST /x leads to"]);
    }

    #[test]
    fn a_rest_api_needs_the_integrations_in_its_exports() {
        let id = "arn:aws:apigateway:us-east-1::/restapis/abc";
        let prove_export = |export: Value| {
            let mut parts = ResourceParts::default();
            parts.put_document("api.json", json!({ "name": "a" }));
            parts.put_document("stages.json", json!([{ "stageName": "prod" }]));
            let methods = json!({ "POST": { "methodIntegration": { "type": "AWS_PROXY" } }, "OPTIONS": {} });
            parts.put_document("resources.json", json!({ "/": null, "/x": methods }));
            parts.put_bytes("openapi/prod.json", export.to_string().into());
            prove_restore(&target(NodeKind::RestApi, id), &parts, Timestamp::UNIX_EPOCH)
        };
        let export = |operation: Value| json!({ "openapi": "3.0.1", "paths": { "/x": { "post": operation } } });
        let whole = prove_export(export(json!({ "x-amazon-apigateway-integration": { "type": "aws_proxy" } })));
        assert_eq!(whole, RestoreProof::default());
        let proof = prove_export(export(json!({ "responses": {} })));
        assert_eq!(proof.gaps, ["the export of stage prod has no integration for POST /x"]);
        let proof = prove_export(json!({ "openapi": "3.0.1", "paths": {} }));
        assert_eq!(proof.gaps, ["POST /x is in no stage's export: deploy it, or remove it"]);
        let proof = prove_export(json!("not a document"));
        assert!(proof.gaps[0].starts_with("the export of stage prod isn't OpenAPI"), "{proof:?}");
    }

    #[test]
    fn a_function_needs_its_code_and_a_runtime_that_lambda_takes() {
        use base64::Engine as _;
        use sha2::{Digest, Sha256};
        let id = "arn:aws:lambda:us-east-1:1:function:push";
        let sum = Sha256::digest(b"zip");
        let encoded = base64::engine::general_purpose::STANDARD.encode(sum);
        let file = format!("code/{}.zip", super::super::parts::hex_string(&sum));
        let prove_function = |runtime: &str, code: Option<&'static [u8]>| {
            let configuration = json!({ "Version": "$LATEST", "Role": "arn:r", "Runtime": runtime,
                "Handler": "index.handler", "CodeSha256": encoded });
            let mut parts = ResourceParts::default();
            parts.put_document("function.json", json!({ "Configuration": configuration, "Code": {} }));
            if let Some(code) = code {
                parts.put_bytes(&file, code.into());
            }
            prove_restore(&target(NodeKind::Function, id), &parts, "2026-11-29T00:00:00Z".parse().expect("a time"))
        };
        assert_eq!(prove_function("provided.al2023", Some(b"zip")), RestoreProof::default());
        let without = prove_function("provided.al2023", None);
        assert_eq!(without.gaps, ["the archive lacks the code of version $LATEST"]);
        let other = prove_function("provided.al2023", Some(b"other"));
        assert_eq!(other.gaps, ["the archived code of version $LATEST is not what Lambda has"]);
        let ending = prove_function("python3.9", Some(b"zip"));
        assert!(ending.gaps.is_empty() && ending.warnings[0].contains("until 2027-02-01"), "{ending:?}");
        let gone = prove_function("nodejs12.x", Some(b"zip"));
        assert!(gone.gaps[0].contains("nodejs12.x since 2023-03-31"), "{gone:?}");
    }

    #[test]
    fn a_role_needs_its_trust_policy() {
        let id = "arn:aws:iam::1:role/old";
        let proof = prove(NodeKind::Role, id, &[("role.json", json!({ "Path": "/" }))]);
        assert_eq!(proof.gaps, ["the archive has no AssumeRolePolicyDocument for iam:CreateRole"]);
    }
}
