//! Against a server that answers from a list.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::Method;
use serde_json::json;

use super::super::FailureKind;
use super::*;

/// Answers each request with the next of its answers, and notes the request.
#[derive(Debug, Clone, Default)]
struct Answers {
    answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.requests.lock().expect("no panic").push(request);
        let mut answers = self.answers.lock().expect("no panic");
        if answers.is_empty() {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("the connection broke".into())));
        }
        let (status, body) = answers.remove(0);
        let response = http::Response::builder().status(status).header("x-amzn-requestid", "r-1");
        let response = response.body(SdkBody::from(body)).expect("a response");
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).expect("a response")))
    }
}

fn connect_client(answers: &[(u16, &'static str)]) -> (SignedClient, Answers) {
    let server = Answers { answers: Arc::new(Mutex::new(answers.to_vec())), ..Answers::default() };
    let connector = server.clone();
    let http = http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| {
        SharedHttpConnector::new(connector.clone())
    });
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("key", "secret", None)))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .http_client(http)
        .build();
    (SignedClient::new(&config, &RetryPartition::new("test"), CallTimeouts::default()), server)
}

#[tokio::test]
async fn signs_requests_for_their_service() {
    let (client, server) = connect_client(&[(200, "{}"), (200, "")]);
    client.call("tag:GetResources", json!({})).await.expect("an answer");
    let request = RestRequest::new("apigateway:GetApi", Method::GET, &["v2", "apis", "a"]);
    assert_eq!(client.send(request).await, Ok(json!({})));
    let requests = server.requests.lock().expect("no panic");
    let uris: Vec<&str> = requests.iter().map(HttpRequest::uri).collect();
    assert_eq!(
        uris,
        ["https://tagging.eu-west-1.amazonaws.com/", "https://apigateway.eu-west-1.amazonaws.com/v2/apis/a"]
    );
    for (request, scope) in
        requests.iter().zip(["/eu-west-1/tagging/aws4_request", "/eu-west-1/apigateway/aws4_request"])
    {
        let authorization = request.headers().get("authorization").unwrap_or_default();
        assert!(authorization.contains(scope), "{authorization}");
    }
}

#[tokio::test]
async fn retries_throttling_and_server_errors() {
    let throttled = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    let (client, server) = connect_client(&[(400, throttled), (503, "down"), (200, r#"{"a":1}"#)]);
    assert_eq!(client.call("logs:DescribeLogGroups", json!({})).await, Ok(json!({ "a": 1 })));
    assert_eq!(server.requests.lock().expect("no panic").len(), 3);
}

#[tokio::test]
async fn classifies_failures() {
    let denied = r#"{"__type":"AccessDeniedException","Message":"no"}"#;
    let (client, server) = connect_client(&[(400, denied), (200, "<html>")]);
    let error = client.call("logs:DescribeLogGroups", json!({})).await.expect_err("it is denied");
    assert_eq!(
        (error.kind, error.code.as_str(), error.message.as_str()),
        (FailureKind::Denied, "AccessDeniedException", "no")
    );
    assert_eq!(error.request_id.as_deref(), Some("r-1"));
    let error = client.call("logs:DescribeLogGroups", json!({})).await.expect_err("it is not JSON");
    assert_eq!(error.kind, FailureKind::Invalid);
    assert_eq!(server.requests.lock().expect("no panic").len(), 2, "neither is retried");
    let error = client.call("logs:DescribeLogGroups", json!({})).await.expect_err("no answer comes");
    assert_eq!(error.kind, FailureKind::NoAnswer);
    assert_eq!(server.requests.lock().expect("no panic").len(), 5, "it is retried twice");
    let error = client.call("s3:ListBuckets", json!({})).await.expect_err("there is no such service");
    assert_eq!(error.operation, "s3:ListBuckets");
}

#[tokio::test]
async fn lists_page_after_page() {
    let first = r#"{"QueueUrls":["a"],"NextToken":"2"}"#;
    let (client, server) = connect_client(&[(200, first), (200, r#"{"QueueUrls":["b"],"NextToken":""}"#)]);
    let urls = client.list_pages("sqs:ListQueues", json!({ "MaxResults": 1 })).collect_items("QueueUrls").await;
    assert_eq!(urls, Ok(vec![json!("a"), json!("b")]));
    let requests = server.requests.lock().expect("no panic");
    let bodies: Vec<_> = requests.iter().map(|request| request.body().bytes().unwrap_or_default()).collect();
    assert_eq!(bodies, [&br#"{"MaxResults":1}"#[..], br#"{"MaxResults":1,"NextToken":"2"}"#]);
}

#[tokio::test]
async fn refuses_a_page_token_that_repeats() {
    let page = (200, r#"{"item":[],"position":"x"}"#);
    let (client, server) = connect_client(&[page, page, page]);
    let request = RestRequest::new("apigateway:GetRestApis", Method::GET, &["restapis"]).with_query("limit", 500);
    let error = client.send_pages(request).collect_items("item").await.expect_err("it never ends");
    assert!(error.message.contains("second time"), "{error}");
    let requests = server.requests.lock().expect("no panic");
    let ends: Vec<&str> = requests.iter().filter_map(|request| request.uri().rsplit('/').next()).collect();
    assert_eq!(ends, ["restapis?limit=500", "restapis?limit=500&position=x"]);
}
