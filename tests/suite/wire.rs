//! An HTTP client between the SDK and a cloud that records the requests that can change something.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The requests that can change something, oldest first.
#[derive(Debug, Clone, Default)]
pub struct RecordedWrites {
    list: Arc<Mutex<Vec<String>>>,
}

impl RecordedWrites {
    /// Takes the requests since the last call, each as its operation's name or, for Lambda, its method and path.
    pub fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut *self.list.lock().expect("no thread panicked"))
    }
}

/// A client on top of `inner` that records requests in `writes` and adds `header` to each.
pub fn record_writes(
    inner: SharedHttpClient,
    writes: &RecordedWrites,
    header: Option<(&'static str, String)>,
) -> SharedHttpClient {
    let writes = writes.clone();
    http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
        let inner = inner.http_connector(settings, components);
        SharedHttpConnector::new(RecordingConnector { inner, writes: writes.clone(), header: header.clone() })
    })
}

#[derive(Debug)]
struct RecordingConnector {
    inner: SharedHttpConnector,
    writes: RecordedWrites,
    header: Option<(&'static str, String)>,
}

impl HttpConnector for RecordingConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if let Some(write) = write_operation(&request) {
            self.writes.list.lock().expect("no thread panicked").push(write);
        }
        if let Some((name, value)) = &self.header {
            request.headers_mut().insert(*name, value.clone());
        }
        self.inner.call(request)
    }
}

/// The request's operation, if it can change something.
fn write_operation(request: &HttpRequest) -> Option<String> {
    let operation = match request.headers().get("x-amz-target") {
        Some(target) => target.rsplit('.').next().map(ToOwned::to_owned),
        None => request.body().bytes().and_then(|body| {
            let mut members = form_urlencoded::parse(body);
            members.find(|(name, _)| name == "Action").map(|(_, action)| action.into_owned())
        }),
    };
    match operation {
        Some(operation) => {
            let reads = ["Get", "List", "Describe"].iter().any(|verb| operation.starts_with(verb));
            (!reads).then_some(operation)
        }
        None => (request.method() != "GET").then(|| format!("{} {}", request.method(), request.uri())),
    }
}
