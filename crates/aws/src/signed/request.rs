//! Operations and their parameters as HTTP requests.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::service::{ServiceEntry, WireProtocol};

/// What stays as it is in a path segment and in a query
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request of the REST JSON protocol.
#[derive(Debug, Clone)]
pub struct RestRequest {
    pub(super) operation: &'static str,
    method: Method,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    body: Bytes,
}

impl RestRequest {
    /// A request to the path of `segments`, which are percent-encoded here. `operation` is its name as IAM or, where IAM
    /// has none, the service's API reference writes it.
    pub fn new(operation: &'static str, method: Method, segments: &[&str]) -> Self {
        let segments = segments.iter().map(|segment| (*segment).to_owned()).collect();
        Self { operation, method, segments, query: Vec::new(), body: Bytes::new() }
    }

    /// Adds a query parameter. A name may come several times.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets the body to a JSON document.
    #[must_use]
    pub fn with_body(self, body: &Value) -> Self {
        self.with_bytes(Bytes::from(body.to_string()))
    }

    /// Sets the body to bytes that are JSON already.
    #[must_use]
    pub fn with_bytes(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// The service that the request is for.
    pub(super) fn find_service(&self) -> Option<&'static ServiceEntry> {
        ServiceEntry::of_path(self.operation, self.segments.first().map_or("", String::as_str))
    }

    /// Encodes the request.
    pub(super) fn prepare_http(&self) -> PreparedRequest {
        let mut uri: String = self.segments.iter().map(|segment| format!("/{}", percent_encode(segment))).collect();
        for (at, (name, value)) in self.query.iter().enumerate() {
            let separator = if at == 0 { '?' } else { '&' };
            uri.push_str(&format!("{separator}{}={}", percent_encode(name), percent_encode(value)));
        }
        if !uri.starts_with('/') {
            uri.insert(0, '/');
        }
        // API Gateway answers in another format (HAL) unless it is asked for this one.
        let headers = vec![("accept", "application/json".to_owned()), ("content-type", "application/json".to_owned())];
        PreparedRequest { method: self.method.clone(), uri, headers, body: self.body.clone() }
    }
}

fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A request that only lacks the endpoint and the signature.
#[derive(Debug, Clone)]
pub(super) struct PreparedRequest {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl PreparedRequest {
    /// An operation with parameters. Those that are null are left out.
    pub(super) fn of_parameters(service: &ServiceEntry, name: &str, parameters: &Value) -> Self {
        let (headers, body) = match service.protocol {
            WireProtocol::Query { api_version, maps } => {
                let mut form = vec![("Action".to_owned(), name.to_owned()), ("Version".into(), api_version.into())];
                flatten_members(&mut form, "", parameters, maps);
                let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
                (vec![("content-type", "application/x-www-form-urlencoded".to_owned())], body)
            }
            WireProtocol::Json { version, target, was_query } => {
                let mut headers = vec![
                    ("content-type", format!("application/x-amz-json-{version}")),
                    ("x-amz-target", format!("{target}.{name}")),
                ];
                if was_query {
                    headers.push(("x-amzn-query-mode", "true".to_owned()));
                }
                (headers, without_nulls(parameters).to_string())
            }
            // An operation with a path is a `RestRequest`, and never found by its parameters.
            WireProtocol::Rest { .. } | WireProtocol::RestXml => (Vec::new(), String::new()),
        };
        Self { method: Method::POST, uri: "/".to_owned(), headers, body: Bytes::from(body) }
    }

    /// The HTTP request, to which the SDK adds the endpoint and the signature.
    ///
    /// # Errors
    /// A header's value can't be one, or the path can't.
    pub(super) fn into_http(self) -> Result<HttpRequest, BoxError> {
        let mut request = http::Request::builder().method(self.method).uri(self.uri);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request = request.header(http::header::USER_AGENT, USER_AGENT);
        if !self.body.is_empty() {
            request = request.header(http::header::CONTENT_LENGTH, self.body.len());
        }
        Ok(HttpRequest::try_from(request.body(SdkBody::from(self.body))?)?)
    }
}

const USER_AGENT: &str = concat!("deployer/", env!("CARGO_PKG_VERSION"));

/// Members of objects that are null aren't sent, as a client's types would leave them out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(values) => values.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Writes a structure's members as form parameters: `Names.member.1`, `Attributes.entry.1.key`, `Stat.Metric.Name`.
fn flatten_members(form: &mut Vec<(String, String)>, prefix: &str, value: &Value, maps: &[&str]) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(entries) if maps.contains(&name.as_str()) => {
                for (at, (key, value)) in (1..).zip(entries) {
                    form.push((format!("{path}.entry.{at}.key"), key.clone()));
                    flatten_value(form, &format!("{path}.entry.{at}.value"), value, maps);
                }
            }
            value => flatten_value(form, &path, value, maps),
        }
    }
}

fn flatten_value(form: &mut Vec<(String, String)>, path: &str, value: &Value, maps: &[&str]) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => form.push((path.to_owned(), flag.to_string())),
        Value::Number(number) => form.push((path.to_owned(), number.to_string())),
        Value::String(text) => form.push((path.to_owned(), text.clone())),
        Value::Array(values) => {
            for (at, value) in (1..).zip(values) {
                flatten_value(form, &format!("{path}.member.{at}"), value, maps);
            }
        }
        Value::Object(_) => flatten_members(form, path, value, maps),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prepare_call(operation: &str, parameters: &Value) -> PreparedRequest {
        let (service, name) = ServiceEntry::of_operation(operation).expect("a service");
        PreparedRequest::of_parameters(service, name, parameters)
    }

    #[test]
    fn writes_json_with_the_operation_in_a_header() {
        let request = prepare_call("sqs:ListQueues", &json!({ "MaxResults": 1000, "NextToken": null }));
        assert_eq!(request.body, r#"{"MaxResults":1000}"#);
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "AmazonSQS.ListQueues"),
            ("x-amzn-query-mode", "true"),
        ];
        assert_eq!(request.headers, headers.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn flattens_lists_maps_and_structures_into_a_form() {
        let form = |operation: &str, parameters: Value| {
            let request = prepare_call(operation, &parameters);
            let pairs = form_urlencoded::parse(&request.body).into_owned();
            pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        let topic =
            json!({ "Name": "news", "Attributes": { "FifoTopic": "true" }, "Tags": [{ "Key": "a", "Value": "b" }] });
        let expected = [
            "Action=CreateTopic",
            "Version=2010-03-31",
            "Name=news",
            "Attributes.entry.1.key=FifoTopic",
            "Attributes.entry.1.value=true",
            "Tags.member.1.Key=a",
            "Tags.member.1.Value=b",
        ];
        assert_eq!(form("sns:CreateTopic", topic), expected);
        let alarm = json!({ "AlarmName": "a b&c", "Threshold": 0.5, "Unit": null, "OKActions": [], "Metrics": [
            { "Id": "m", "MetricStat": { "Metric": { "Namespace": "AWS/SQS" }, "Period": 60 }, "ReturnData": true },
        ] });
        let expected = [
            "Action=PutMetricAlarm",
            "Version=2010-08-01",
            "AlarmName=a b&c",
            "Threshold=0.5",
            "Metrics.member.1.Id=m",
            "Metrics.member.1.MetricStat.Metric.Namespace=AWS/SQS",
            "Metrics.member.1.MetricStat.Period=60",
            "Metrics.member.1.ReturnData=true",
        ];
        assert_eq!(form("cloudwatch:PutMetricAlarm", alarm), expected);
    }

    #[test]
    fn percent_encodes_segments_and_query_values() {
        let arn = "arn:aws:apigateway:us-east-1::/restapis/a b";
        let request = RestRequest::new("apigateway:UntagResource", Method::DELETE, &["tags", arn]);
        let request = request.with_query("tagKeys", "a/b").with_query("tagKeys", "c").prepare_http();
        let uri = "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fa%20b?tagKeys=a%2Fb&tagKeys=c";
        assert_eq!(request.uri, uri);
    }
}
