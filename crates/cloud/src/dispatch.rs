//! Routes each request to its service and injects the faults that a test asks for.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri};

use super::answer::{Handled, Protocol, respond};
use super::query::Form;
use super::{
    ApiError, Cloud, Context, Fault, Injected, Json, Request, apigateway, cloudwatch, context, events, iam, lambda,
    logs, scheduler, secretsmanager, sns, sqs, state, states, sts, tagging,
};

/// The connection broke, so there is no response.
#[derive(Debug)]
pub(super) struct Disconnected;

/// The services of the embedded cloud, by their signing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Sts,
    Iam,
    Lambda,
    SecretsManager,
    EventBridge,
    Logs,
    Sqs,
    CloudWatch,
    Sns,
    ApiGateway,
    Scheduler,
    StepFunctions,
    Tagging,
}

impl Service {
    fn of(request: &Request) -> Option<Self> {
        match request.service.as_str() {
            "sts" => Some(Self::Sts),
            "iam" => Some(Self::Iam),
            "lambda" => Some(Self::Lambda),
            "logs" => Some(Self::Logs),
            "secretsmanager" => Some(Self::SecretsManager),
            "events" => Some(Self::EventBridge),
            "sqs" => Some(Self::Sqs),
            "monitoring" => Some(Self::CloudWatch),
            "apigateway" => Some(Self::ApiGateway),
            "sns" => Some(Self::Sns),
            "scheduler" => Some(Self::Scheduler),
            "states" => Some(Self::StepFunctions),
            "tagging" => Some(Self::Tagging),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::EventBridge => "events",
            Self::SecretsManager => "secretsmanager",
            Self::Sqs => "sqs",
            Self::CloudWatch => "monitoring",
            Self::ApiGateway => "apigateway",
            Self::Sns => "sns",
            Self::Scheduler => "scheduler",
            Self::StepFunctions => "states",
            Self::Tagging => "tagging",
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Sts => Protocol::Query(sts::NAMESPACE),
            Self::Iam => Protocol::Query(iam::NAMESPACE),
            Self::CloudWatch => Protocol::Query(cloudwatch::NAMESPACE),
            Self::Sns => Protocol::Query(sns::NAMESPACE),
            Self::Lambda | Self::ApiGateway | Self::Scheduler => Protocol::Rest,
            Self::Sqs => Protocol::JsonAfterQuery,
            Self::SecretsManager | Self::EventBridge | Self::Logs | Self::StepFunctions | Self::Tagging => {
                Protocol::Json
            }
        }
    }

    /// The operation's name, from wherever the protocol puts it.
    fn operation(self, request: &Request) -> Result<String, ApiError> {
        let operation = match self.protocol() {
            Protocol::Json | Protocol::JsonAfterQuery => {
                let target = request.header("x-amz-target").and_then(|target| target.rsplit_once('.'));
                target.map(|(_, operation)| operation.to_owned())
            }
            Protocol::Query(_) => Form::parse(&request.body).text("Action").map(ToOwned::to_owned),
            Protocol::Rest => match self {
                Self::ApiGateway => apigateway::operation(request),
                Self::Scheduler => scheduler::operation(request).map(ToOwned::to_owned),
                _ => lambda::operation(request).map(ToOwned::to_owned),
            },
        };
        operation.ok_or_else(|| not_implemented(self.name(), &format!("{} {}", request.method, request.path)))
    }

    /// The resource that the request names, for [`super::Call::resource`].
    fn resource(self, request: &Request) -> String {
        match self.protocol() {
            Protocol::Rest => match self {
                Self::ApiGateway => apigateway::resource(request),
                Self::Scheduler => scheduler::resource(request),
                _ => lambda::resource(request),
            },
            Protocol::Query(_) => {
                let form = Form::parse(&request.body);
                let members = [
                    "RoleName",
                    "AlarmName",
                    "AlarmNames.member.1",
                    "ResourceARN",
                    "TopicArn",
                    "SubscriptionArn",
                    "ResourceArn",
                    "Name",
                ];
                members.into_iter().find_map(|member| form.text(member)).unwrap_or_default().to_owned()
            }
            Protocol::Json | Protocol::JsonAfterQuery => {
                let Ok(body) = Json::parse(&request.body) else { return String::new() };
                let members =
                    ["Rule", "Name", "SecretId", "ResourceARN", "resourceArn", "logGroupName", "QueueUrl", "QueueName"];
                members.into_iter().find_map(|member| body.text(member)).unwrap_or_default().to_owned()
            }
        }
    }

    fn handle(self, cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
        match self {
            Self::Sts => sts::handle(cx, operation, &Form::parse(&request.body), request),
            Self::Iam => iam::handle(cx, operation, &Form::parse(&request.body), request),
            Self::Lambda => lambda::handle(cx, operation, request),
            Self::Logs => logs::handle(cx, operation, request),
            Self::EventBridge => events::handle(cx, operation, request),
            Self::SecretsManager => secretsmanager::handle(cx, operation, request),
            Self::Sqs => sqs::handle(cx, operation, request),
            Self::CloudWatch => cloudwatch::handle(cx, operation, &Form::parse(&request.body), request),
            Self::ApiGateway => apigateway::handle(cx, operation, request),
            Self::Sns => sns::handle(cx, operation, &Form::parse(&request.body), request),
            Self::Scheduler => scheduler::handle(cx, operation, request),
            Self::StepFunctions => states::handle(cx, operation, request),
            Self::Tagging => tagging::handle(cx, operation, request),
        }
    }
}

/// The error for an operation that the embedded cloud doesn't have. It names the operation.
pub(super) fn not_implemented(service: &str, operation: &str) -> ApiError {
    ApiError::new(501, "NotImplemented", format!("the local cloud does not support {service}:{operation}"))
}

impl Cloud {
    /// Responds to one request as AWS would.
    pub(super) async fn respond(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Bytes>, Disconnected> {
        let request = Request::new(method, uri, headers, body, request_id());
        if lambda::is_download(&request) {
            return Ok(respond(Protocol::Rest, lambda::download(self, &request), &request.id));
        }
        let Some(service) = Service::of(&request) else {
            return Ok(respond(Protocol::Rest, Err(unknown_service(&request)), &request.id));
        };
        let protocol = service.protocol();
        let operation = match service.operation(&request) {
            Ok(operation) => operation,
            Err(error) => return Ok(respond(protocol, Err(error), &request.id)),
        };
        let injected = self.inner.calls.record(service.name(), &operation, service.resource(&request));
        if let Some(Injected::Before(fault)) = injected {
            return faulty(fault, protocol, &request.id);
        }
        let handle = |cx: &mut Context<'_>| service.handle(cx, &operation, &request);
        let handled = match self.held_back(&operation) {
            Some(state) => self.with_state(&request.region, state, handle),
            None => self.with_region(&request.region, handle),
        };
        let result = match handled {
            Ok(Ok(Handled::Now(answer))) => Ok(answer),
            Ok(Ok(Handled::Later(later))) => later.await,
            Ok(Err(error)) => Err(error),
            Err(error) => Err(ApiError::new(
                500,
                "InternalFailure",
                format!("could not use the state of the local cloud: {error}"),
            )),
        };
        match injected {
            Some(Injected::After(fault)) => faulty(fault, protocol, &request.id),
            _ => Ok(respond(protocol, result, &request.id)),
        }
    }
}

fn faulty(fault: Fault, protocol: Protocol, request_id: &str) -> Result<Response<Bytes>, Disconnected> {
    match fault {
        Fault::Error(error) => Ok(respond(protocol, Err(error), request_id)),
        Fault::Disconnect => Err(Disconnected),
    }
}

fn unknown_service(request: &Request) -> ApiError {
    if request.service.is_empty() {
        ApiError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    } else {
        not_implemented(&request.service, &format!("{} {}", request.method, request.path))
    }
}

/// Nothing depends on request ids, so, unlike random values in the state, they may differ between processes.
fn request_id() -> String {
    static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(2, Ordering::Relaxed);
    context::uuid(state::mix(SEED.wrapping_add(count)), state::mix(SEED.wrapping_add(count + 1)))
}
