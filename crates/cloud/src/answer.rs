//! Responses to requests, in each of the protocols.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::query::escape_xml;

/// A successful response.
#[derive(Debug, Clone)]
pub struct CloudAnswer {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl CloudAnswer {
    /// JSON 1.1, the protocol of Secrets Manager, EventBridge and CloudWatch Logs.
    pub fn from_json(body: &serde_json::Value) -> Self {
        Self {
            status: 200,
            content_type: "application/x-amz-json-1.1",
            headers: Vec::new(),
            body: Bytes::from(body.to_string()),
        }
    }

    /// JSON over REST, the protocol of Lambda.
    pub fn from_rest_json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body: Bytes::from(body.to_string()) }
    }

    /// A response without a body.
    pub fn without_body(status: u16) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body: Bytes::new() }
    }

    /// XML, the format of IAM and STS.
    pub fn from_xml(body: String) -> Self {
        Self { status: 200, content_type: "text/xml", headers: Vec::new(), body: Bytes::from(body) }
    }
}

/// An error as AWS returns it, with the code and HTTP status from the service's API reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl ApiError {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// An error with status 400, the most common one.
    pub fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// A value that violates the service's model.
    pub fn validation_error(message: impl Into<String>) -> Self {
        Self::bad_request("ValidationException", message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// A future that a handler returns, to run once the state is no longer locked.
pub type LaterAnswer = Pin<Box<dyn Future<Output = Result<CloudAnswer, ApiError>> + Send>>;

/// What a handler returns.
pub enum HandlerOutcome {
    /// The response itself.
    Now(CloudAnswer),
    /// A future that produces the response. It runs without the lock on the state, since an invocation may take
    /// minutes.
    Later(LaterAnswer),
}

impl From<CloudAnswer> for HandlerOutcome {
    fn from(answer: CloudAnswer) -> Self {
        Self::Now(answer)
    }
}

/// The wire protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestProtocol {
    Json,
    /// JSON of a service that used the Query protocol before: errors also carry their earlier code.
    JsonAfterQuery,
    Rest,
    /// Form in, XML out, with the service's XML namespace.
    Query(&'static str),
}

/// Builds the HTTP response, with the request id where AWS puts it.
pub(super) fn build_response(
    protocol: RequestProtocol,
    result: Result<CloudAnswer, ApiError>,
    request_id: &str,
) -> Response<Bytes> {
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => error_answer(protocol, &error, request_id),
    };
    let mut response = Response::new(answer.body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    let with_id = answer.headers.into_iter().chain([("x-amzn-requestid", request_id.to_owned())]);
    for (name, value) in with_id {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn error_answer(protocol: RequestProtocol, error: &ApiError, request_id: &str) -> CloudAnswer {
    let kind = if error.status < 500 { "User" } else { "Service" };
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    let mut answer = match protocol {
        RequestProtocol::Json => CloudAnswer::from_json(&json!({ "__type": error.code, "message": error.message })),
        RequestProtocol::JsonAfterQuery => CloudAnswer {
            headers: vec![("x-amzn-query-error", format!("{};{fault}", super::sqs::query_code(&error.code)))],
            ..CloudAnswer::from_json(&json!({ "__type": error.code, "message": error.message }))
        },
        RequestProtocol::Rest => CloudAnswer {
            headers: vec![("x-amzn-errortype", error.code.clone())],
            ..CloudAnswer::from_rest_json(error.status, &json!({ "Type": kind, "Message": error.message }))
        },
        RequestProtocol::Query(namespace) => CloudAnswer::from_xml(format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>{request_id}</RequestId></ErrorResponse>",
            escape_xml(&error.code),
            escape_xml(&error.message),
        )),
    };
    answer.status = error.status;
    answer
}
