//! The services of which the embedded cloud has no resources of its own. They answer what a test or the sample has put
//! here, and otherwise that there is nothing. Only what reads is answered.
//!
//! CloudTrail's event history is here too: the management events that made or changed what has no date of its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::query::{QueryForm, escape_xml};
use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, dispatch};

/// The signing names of these services.
const SERVICES: [&str; 30] = [
    "appsync",
    "autoscaling",
    "backup",
    "budgets",
    "cloudformation",
    "cloudtrail",
    "codecommit",
    "codepipeline",
    "cognito-idp",
    "config",
    "dax",
    "dms",
    "ds",
    "dynamodb",
    "ec2",
    "elasticache",
    "elasticloadbalancing",
    "firehose",
    "glacier",
    "iot",
    "kafka",
    "kinesis",
    "kms",
    "memorydb",
    "mq",
    "pipes",
    "rds",
    "redshift",
    "s3",
    "ses",
];

/// Operations of the embedded cloud's own services that only answer what was put here.
const OF_OTHERS: [(&str, &str); 2] = [("events", "ListArchives"), ("logs", "DescribeAccountPolicies")];

/// The operations that CloudTrail records here.
const RECORDED: [&str; 4] = ["PutRule", "EnableRule", "DisableRule", "CreateTopic"];

stored_parts! {
    /// What these services answer.
    pub struct ElsewhereState {
        /// Answers by operation: `config:DescribeConfigRules`, or `iot:GET /rules` for a service with paths. In XML, a
        /// member whose name ends with `[]` is written once for each of its elements.
        pub answers: StoredTable<Value>,
        /// CloudTrail's event history, by number.
        pub trail: StoredTable<TrailEvent>,
    }
}

impl ElsewhereState {
    fn push_event(&mut self, event: TrailEvent) {
        let last = self.trail.last_key_value().and_then(|(number, _)| number.parse::<u64>().ok());
        self.trail.insert(format!("{:020}", last.map_or(0, |last| last + 1)), event);
    }
}

/// A management event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailEvent {
    pub at: Timestamp,
    pub name: String,
    /// The name of the resource that it was about.
    pub resource: String,
}

/// The signing name, if it is one of these services.
pub(super) fn find_service(signing_name: &str) -> Option<&'static str> {
    SERVICES.into_iter().find(|name| *name == signing_name)
}

/// Whether an operation of another service is answered here.
pub(super) fn is_answered_here(service: &str, operation: &str) -> bool {
    OF_OTHERS.contains(&(service, operation))
}

/// Records a call that changed something, as CloudTrail does.
pub(super) fn record_event(cx: &mut CloudContext<'_>, operation: &str, resource: &str) {
    if RECORDED.contains(&operation) {
        let event = TrailEvent { at: cx.now, name: operation.to_owned(), resource: resource.to_owned() };
        cx.region_state_mut().elsewhere.push_event(event);
    }
}

/// `config:DescribeConfigRules`, `iot:GET /rules`.
pub(super) fn operation_name(request: &CloudRequest) -> String {
    let target = request.header_value("x-amz-target").and_then(|target| target.rsplit_once('.'));
    if let Some((_, operation)) = target {
        return operation.to_owned();
    }
    let form = QueryForm::parse_form(&request.body);
    match form.member_text("Action") {
        Some(action) => action.to_owned(),
        None => format!("{} /{}", request.method, request.path_segments().join("/")),
    }
}

pub(super) fn handle_request(
    cx: &CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let reads = ["List", "Describe", "Get", "Lookup", "GET "];
    if !reads.iter().any(|verb| operation.starts_with(verb)) {
        return Err(dispatch::not_implemented(&request.service, operation));
    }
    let stored = cx.region_state().elsewhere.answers.get(&format!("{}:{operation}", request.service)).cloned();
    let answer = match (request.service.as_str(), operation, stored) {
        (_, _, Some(answer)) => answer,
        ("cloudtrail", "LookupEvents", None) => look_up_events(cx, &JsonBody::parse_body(&request.body)?),
        ("ec2", "DescribeRegions", None) => json!({ "regionInfo": { "item": { "regionName": cx.request_region() } } }),
        ("kms", "DescribeKey" | "GetKeyPolicy", None) => {
            describe_key(cx, operation, &JsonBody::parse_body(&request.body)?)?
        }
        // A resource without the configuration that is asked for.
        ("backup" | "glacier", _, None) if operation.ends_with("notification-configuration") => {
            return Err(ApiError::new(404, "ResourceNotFoundException", "there is no notification configuration"));
        }
        _ => json!({}),
    };
    let is_query = QueryForm::parse_form(&request.body).member_text("Action").is_some();
    Ok(match request.service.as_str() {
        "s3" => CloudAnswer::from_xml(format!("<Answer>{}</Answer>", write_xml(&answer))),
        "ec2" => CloudAnswer::from_xml(format!("<{operation}Response>{}</{operation}Response>", write_xml(&answer))),
        _ if is_query => CloudAnswer::from_xml(format!(
            "<{operation}Response><{operation}Result>{}</{operation}Result></{operation}Response>",
            write_xml(&answer)
        )),
        _ if request.header_value("x-amz-target").is_some() => CloudAnswer::from_json(&answer),
        _ => CloudAnswer::from_rest_json(200, &answer),
    }
    .into())
}

/// A key with the policy that KMS gives a key by itself: the account's own policies decide who uses it.
fn describe_key(cx: &CloudContext<'_>, operation: &str, body: &JsonBody) -> Result<Value, ApiError> {
    let id = body.required_text("KeyId")?;
    if operation == "DescribeKey" {
        let arn = if id.starts_with("arn:") { id.to_owned() } else { cx.build_arn("kms", &format!("key/{id}")) };
        return Ok(json!({ "KeyMetadata": { "Arn": arn } }));
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Enable IAM policies", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": format!("arn:aws:iam::{}:root", cx.state.account) },
    }] });
    Ok(json!({ "Policy": policy.to_string(), "PolicyName": "default" }))
}

fn look_up_events(cx: &CloudContext<'_>, body: &JsonBody) -> Value {
    let attributes = body.member_value("LookupAttributes").and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = attributes.iter().find(|attribute| attribute["AttributeKey"] == "EventName");
    let wanted = wanted.and_then(|attribute| attribute["AttributeValue"].as_str());
    let from = body.member_value("StartTime").and_then(Value::as_i64).unwrap_or(i64::MIN);
    let events = cx.region_state().elsewhere.trail.values().filter(|event| event.at.as_second() >= from);
    let events = events.filter(|event| wanted.is_none_or(|name| name == event.name)).map(|event| {
        let recorded = json!({ "eventName": event.name, "requestParameters": { "name": event.resource } });
        json!({
            "EventName": event.name,
            "EventTime": event.at.as_second(),
            "CloudTrailEvent": recorded.to_string(),
        })
    });
    json!({ "Events": events.collect::<Vec<_>>() })
}

fn write_xml(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape_xml(text),
        Value::Array(items) => items.iter().map(|item| format!("<member>{}</member>", write_xml(item))).collect(),
        Value::Object(members) => {
            let element = |(name, value): (&String, &Value)| match (name.strip_suffix("[]"), value.as_array()) {
                (Some(name), Some(items)) => {
                    items.iter().map(|item| format!("<{name}>{}</{name}>", write_xml(item))).collect()
                }
                _ => format!("<{name}>{}</{name}>", write_xml(value)),
            };
            members.iter().map(element).collect()
        }
        other => other.to_string(),
    }
}
