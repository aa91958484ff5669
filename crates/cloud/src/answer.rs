//! Responses to requests, in each of the protocols.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::query::escape;

/// A successful response.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl Answer {
    /// JSON 1.1, the protocol of Secrets Manager, EventBridge and CloudWatch Logs.
    pub fn json(body: &serde_json::Value) -> Self {
        Self {
            status: 200,
            content_type: "application/x-amz-json-1.1",
            headers: Vec::new(),
            body: Bytes::from(body.to_string()),
        }
    }

    /// JSON over REST, the protocol of Lambda.
    pub fn rest(status: u16, body: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body: Bytes::from(body.to_string()) }
    }

    /// A response without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body: Bytes::new() }
    }

    /// XML, the format of IAM and STS.
    pub fn xml(body: String) -> Self {
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
    pub fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// A value that violates the service's model.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::bad("ValidationException", message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// A future that a handler returns, to run once the state is no longer locked.
pub type Later = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// What a handler returns.
pub enum Handled {
    /// The response itself.
    Now(Answer),
    /// A future that produces the response. It runs without the lock on the state, since an invocation may take
    /// minutes.
    Later(Later),
}

impl From<Answer> for Handled {
    fn from(answer: Answer) -> Self {
        Self::Now(answer)
    }
}

/// The wire protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Json,
    /// JSON of a service that used the Query protocol before: errors also carry their earlier code.
    JsonAfterQuery,
    Rest,
    /// Form in, XML out, with the service's XML namespace.
    Query(&'static str),
}

/// Builds the HTTP response, with the request id where AWS puts it.
pub(super) fn respond(protocol: Protocol, result: Result<Answer, ApiError>, request_id: &str) -> Response<Bytes> {
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

fn error_answer(protocol: Protocol, error: &ApiError, request_id: &str) -> Answer {
    let kind = if error.status < 500 { "User" } else { "Service" };
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    let mut answer = match protocol {
        Protocol::Json => Answer::json(&json!({ "__type": error.code, "message": error.message })),
        Protocol::JsonAfterQuery => Answer {
            headers: vec![("x-amzn-query-error", format!("{};{fault}", super::sqs::query_code(&error.code)))],
            ..Answer::json(&json!({ "__type": error.code, "message": error.message }))
        },
        Protocol::Rest => Answer {
            headers: vec![("x-amzn-errortype", error.code.clone())],
            ..Answer::rest(error.status, &json!({ "Type": kind, "Message": error.message }))
        },
        Protocol::Query(namespace) => Answer::xml(format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>{request_id}</RequestId></ErrorResponse>",
            escape(&error.code),
            escape(&error.message),
        )),
    };
    answer.status = error.status;
    answer
}
