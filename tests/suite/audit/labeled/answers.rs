//! What AWS answers and a server doesn't: an HTTP client between the audit and a server.
//!
//! A server that doesn't have a service answers with an error, which an audit can't tell from a denied read. This client
//! answers in its place as AWS would: that there is nothing, or what the labeled account has there. Everything else
//! reaches the server.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// The signing names of services that the servers have.
const OF_SERVER: [&str; 13] = [
    "apigateway",
    "events",
    "iam",
    "lambda",
    "logs",
    "monitoring",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "states",
    "sts",
    "tagging",
];
/// Operations of these that are answered here. The servers have no counts of use.
const ANSWERED: [&str; 3] = ["ListArchives", "DescribeAccountPolicies", "GetMetricData"];

/// Answers by method and path.
#[derive(Debug, Clone, Default)]
pub struct CannedAnswers {
    list: Arc<Mutex<Vec<(String, Value)>>>,
}

impl CannedAnswers {
    pub fn add(&self, method: &str, path: &str, answer: Value) {
        self.list.lock().expect("no panic").push((format!("{method} {path}"), answer));
    }

    fn find(&self, request: &HttpRequest) -> Option<Value> {
        let path = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
        let path = path.find('/').map_or("", |at| &path[at..]);
        let path = path.split('?').next().unwrap_or_default();
        let asked = format!("{} {path}", request.method());
        // No function of the account has a URL, and moto has no list of them.
        if request.method() == "GET" && path.starts_with("/2021-10-31/functions/") && path.ends_with("/urls") {
            return Some(json!({ "FunctionUrlConfigs": [] }));
        }
        let canned = self.list.lock().expect("no panic");
        canned.iter().find(|(known, _)| *known == asked).map(|(_, answer)| answer.clone())
    }
}

/// A client that sends to `server` what it has, and to `here` everything else.
/// `without` are services that the server has, but not as AWS does.
pub fn answer_here(
    server: SharedHttpClient,
    here: SharedHttpClient,
    canned: &CannedAnswers,
    without: &'static [&'static str],
) -> SharedHttpClient {
    let canned = canned.clone();
    http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
        let [server, here] = [&server, &here].map(|client| client.http_connector(settings, components));
        SharedHttpConnector::new(AnsweringConnector { server, here, canned: canned.clone(), without })
    })
}

#[derive(Debug)]
struct AnsweringConnector {
    server: SharedHttpConnector,
    here: SharedHttpConnector,
    canned: CannedAnswers,
    without: &'static [&'static str],
}

impl HttpConnector for AnsweringConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(answer) = self.canned.find(&request) {
            let mut response =
                HttpResponse::new(200_u16.try_into().expect("a status"), SdkBody::from(answer.to_string()));
            response.headers_mut().insert("content-type", "application/json");
            return HttpConnectorFuture::ready(Ok(response));
        }
        match is_answered_here(&request, self.without) {
            true => self.here.call(request),
            false => self.server.call(request),
        }
    }
}

fn is_answered_here(request: &HttpRequest, without: &[&str]) -> bool {
    let service = request.headers().get("authorization").and_then(|signed| signed.split('/').nth(3));
    let in_target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let body = request.body().bytes().unwrap_or_default();
    let in_form =
        form_urlencoded::parse(body).find(|(name, _)| name == "Action").map(|(_, action)| action.into_owned());
    let operation = in_target.map(ToOwned::to_owned).or(in_form);
    service.is_some_and(|service| !OF_SERVER.contains(&service) || without.contains(&service))
        || operation.is_some_and(|operation| ANSWERED.contains(&operation.as_str()))
}
