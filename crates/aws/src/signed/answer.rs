//! Answers and errors in each of the protocols, as JSON.

use std::collections::BTreeMap;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Map, Value};

use super::service::WireProtocol;

/// An error that a service answered.
#[derive(Debug)]
pub(super) struct ServiceFailure(ErrorMetadata);

impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ServiceFailure {}

impl ProvideErrorMetadata for ServiceFailure {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl ServiceFailure {
    /// Reads the error in a response. A body that isn't in the protocol's format, such as a proxy's page, leaves code and
    /// message empty.
    pub(super) fn read_response(protocol: WireProtocol, response: &HttpResponse) -> Self {
        let body = response.body().bytes().unwrap_or_default();
        let header = |name: &str| response.headers().get(name);
        let (code, message) = match protocol {
            WireProtocol::Query { .. } => query_error(body),
            WireProtocol::RestXml => rest_xml_error(body),
            WireProtocol::Json { .. } | WireProtocol::Rest { .. } => {
                let (code, message) = json_error(body);
                // `QueueDoesNotExist` was `AWS.SimpleQueueService.NonExistentQueue;Sender`.
                let earlier = header("x-amzn-query-error").and_then(|text| text.split(';').next());
                let code =
                    earlier.or_else(|| header("x-amzn-errortype").map(plain_code)).map(ToOwned::to_owned).or(code);
                (code, message)
            }
        };
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = code.filter(|code| !code.is_empty()) {
            meta = meta.code(code);
        }
        if let Some(message) = message {
            meta = meta.message(message);
        }
        Self(meta.build())
    }
}

/// The code without what may be around it: `aws.protocoltests#FooError:http://internal.amazon.com/…`.
fn plain_code(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

fn json_error(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return (None, None) };
    let first = |names: &[&str]| names.iter().find_map(|name| body[*name].as_str());
    let code = first(&["__type", "code"]).map(plain_code).map(ToOwned::to_owned);
    (code, first(&["message", "Message", "errorMessage"]).map(ToOwned::to_owned))
}

fn query_error(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(body) = read_xml(body) else { return (None, None) };
    // `<ErrorResponse><Error>…`, or in some servers `<Response><Errors><Error>…`.
    let error = if body["Errors"].is_object() { &body["Errors"]["Error"] } else { &body["Error"] };
    let text = |name: &str| error[name].as_str().map(ToOwned::to_owned);
    (text("Code"), text("Message"))
}

/// S3 writes `<Error>` alone.
fn rest_xml_error(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(error) = read_xml(body) else { return (None, None) };
    let text = |name: &str| error[name].as_str().map(ToOwned::to_owned);
    (text("Code"), text("Message"))
}

/// Reads a successful answer's body. An empty one is an empty object.
///
/// # Errors
/// Why the body isn't in the protocol's format.
pub(super) fn read_answer(protocol: WireProtocol, name: &str, body: &[u8]) -> Result<Value, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    match protocol {
        WireProtocol::Query { .. } => {
            let mut answer = read_xml(body).map_err(|error| format!("the answer is not XML: {error}"))?;
            // An operation without an output has no result element.
            if let Some(result) = answer.get_mut(format!("{name}Result")).map(Value::take).filter(Value::is_object) {
                return Ok(result);
            }
            // EC2 has no result element: the members are those of the root.
            let mut members = answer.as_object().cloned().unwrap_or_default();
            members
                .retain(|name, value| name != "ResponseMetadata" && (value.is_object() || !name.ends_with("Result")));
            Ok(Value::Object(members))
        }
        WireProtocol::RestXml => read_xml(body).map_err(|error| format!("the answer is not XML: {error}")),
        WireProtocol::Json { .. } | WireProtocol::Rest { .. } => {
            serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))
        }
    }
}

/// The document's root element as JSON: a list of `<member>` becomes an array, `<entry>` with `<key>` and `<value>` an
/// object, elements that come several times an array, and everything without elements a text. An empty list or map can't be told from an empty text, and is one.
fn read_xml(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let document = roxmltree::Document::parse(text).map_err(|error| error.to_string())?;
    Ok(value_of(document.root_element()))
}

fn value_of(element: roxmltree::Node<'_, '_>) -> Value {
    let children: Vec<_> = element.children().filter(roxmltree::Node::is_element).collect();
    let all_are = |name: &str| children.iter().all(|child| child.tag_name().name() == name);
    match children.as_slice() {
        [] => {
            let texts = element.children().filter(roxmltree::Node::is_text);
            Value::String(texts.filter_map(|text| text.text()).collect())
        }
        members if all_are("member") => members.iter().map(|member| value_of(*member)).collect(),
        entries if all_are("entry") => Value::Object(entries.iter().filter_map(|entry| entry_of(*entry)).collect()),
        members => {
            let mut by_name: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
            for member in members {
                by_name.entry(member.tag_name().name()).or_default().push(value_of(*member));
            }
            let several = |mut values: Vec<Value>| match values.len() {
                1 => values.remove(0),
                _ => Value::Array(values),
            };
            Value::Object(by_name.into_iter().map(|(name, values)| (name.to_owned(), several(values))).collect())
        }
    }
}

fn entry_of(entry: roxmltree::Node<'_, '_>) -> Option<(String, Value)> {
    let child = |name: &str| entry.children().find(|child| child.tag_name().name() == name);
    Some((value_of(child("key")?).as_str()?.to_owned(), value_of(child("value")?)))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use serde_json::json;

    use super::*;

    const JSON: WireProtocol = WireProtocol::Json { version: "1.1", target: "T", was_query: false };
    const QUERY: WireProtocol = WireProtocol::Query { api_version: "1", maps: &[] };

    fn read_failure(protocol: WireProtocol, headers: &[(&str, &str)], body: &str) -> (String, String) {
        let mut response = http::Response::builder().status(400);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(SdkBody::from(body)).expect("a response");
        let failure = ServiceFailure::read_response(protocol, &HttpResponse::try_from(response).expect("a response"));
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        (text(failure.code()), text(failure.message()))
    }

    #[test]
    fn reads_errors_of_every_protocol() {
        let both = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        let body = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#;
        assert_eq!(read_failure(JSON, &[], body), both("QueueDoesNotExist", "gone"));
        let earlier = [("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")];
        assert_eq!(read_failure(JSON, &earlier, body), both("AWS.SimpleQueueService.NonExistentQueue", "gone"));
        let rest = WireProtocol::Rest { root: "" };
        let header = [("x-amzn-errortype", "NotFoundException:http://internal.amazon.com/coral/")];
        assert_eq!(read_failure(rest, &header, r#"{"Message":"no API"}"#), both("NotFoundException", "no API"));
        let body = "<ErrorResponse xmlns=\"u\"><Error><Type>Sender</Type><Code>NotFound</Code><Message>a &lt; b</Message>\
                    </Error><RequestId>r</RequestId></ErrorResponse>";
        assert_eq!(read_failure(QUERY, &[], body), both("NotFound", "a < b"));
        for protocol in [JSON, QUERY] {
            assert_eq!(read_failure(protocol, &[], "<html>502 & more"), both("", ""));
        }
    }

    #[test]
    fn reads_xml_as_json_members() {
        let xml = "<?xml version=\"1.0\"?><GetResponse xmlns=\"u\"><GetResult>
                     <Name>a&amp;b</Name><Empty/>
                     <List><member>1</member><member>2</member></List>
                     <Map><entry><key>k</key><value>v</value></entry></Map>
                     <Nested><member><Inner> x </Inner></member></Nested>
                   </GetResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetResponse>";
        let expected = json!({
            "Name": "a&b", "Empty": "", "List": ["1", "2"], "Map": { "k": "v" }, "Nested": [{ "Inner": " x " }],
        });
        assert_eq!(read_answer(QUERY, "Get", xml.as_bytes()), Ok(expected));
        let empty = "<DeleteResponse><ResponseMetadata/></DeleteResponse>";
        assert_eq!(read_answer(QUERY, "Delete", empty.as_bytes()), Ok(json!({})));
    }

    #[test]
    fn rejects_an_answer_in_another_format() {
        assert_eq!(read_answer(JSON, "Get", b" "), Ok(json!({})));
        assert!(read_answer(JSON, "Get", b"<html>").is_err_and(|why| why.contains("not JSON")));
        assert!(read_answer(QUERY, "Get", b"{}").is_err_and(|why| why.contains("not XML")));
    }
}
