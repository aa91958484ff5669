//! Routes each request to its service and injects the faults that a test asks for.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri};

use super::answer::{HandlerOutcome, RequestProtocol, build_response};
use super::query::QueryForm;
use super::{
    ApiError, AuthorizedCall, CloudContext, CloudFault, CloudRequest, EmbeddedCloud, InjectedFault, JsonBody,
    apigateway, authorization, cloudwatch, context, elsewhere, events, iam, lambda, logs, quotas, scheduler,
    secretsmanager, sns, sqs, state, states, sts, tagging,
};

/// The connection broke, so there is no response.
#[derive(Debug)]
pub(super) struct Disconnected;

/// The services of the embedded cloud, by their signing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CloudService {
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
    ServiceQuotas,
    /// Any of those that only answer that there is nothing.
    Elsewhere(&'static str),
}

impl CloudService {
    fn from_request(request: &CloudRequest) -> Option<Self> {
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
            "servicequotas" => Some(Self::ServiceQuotas),
            name => elsewhere::find_service(name).map(Self::Elsewhere),
        }
    }

    fn signing_name(self) -> &'static str {
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
            Self::ServiceQuotas => "servicequotas",
            Self::Elsewhere(name) => name,
        }
    }

    fn wire_protocol(self) -> RequestProtocol {
        match self {
            Self::Sts => RequestProtocol::Query(sts::NAMESPACE),
            Self::Iam => RequestProtocol::Query(iam::NAMESPACE),
            Self::CloudWatch => RequestProtocol::Query(cloudwatch::NAMESPACE),
            Self::Sns => RequestProtocol::Query(sns::NAMESPACE),
            Self::Lambda | Self::ApiGateway | Self::Scheduler | Self::Elsewhere(_) => RequestProtocol::Rest,
            Self::Sqs => RequestProtocol::JsonAfterQuery,
            Self::SecretsManager
            | Self::EventBridge
            | Self::Logs
            | Self::StepFunctions
            | Self::Tagging
            | Self::ServiceQuotas => RequestProtocol::Json,
        }
    }

    /// The operation's name, from wherever the protocol puts it.
    fn operation_name(self, request: &CloudRequest) -> Result<String, ApiError> {
        let operation = match self.wire_protocol() {
            RequestProtocol::Json | RequestProtocol::JsonAfterQuery => {
                let target = request.header_value("x-amz-target").and_then(|target| target.rsplit_once('.'));
                target.map(|(_, operation)| operation.to_owned())
            }
            RequestProtocol::Query(_) => {
                QueryForm::parse_form(&request.body).member_text("Action").map(ToOwned::to_owned)
            }
            RequestProtocol::Rest => match self {
                Self::ApiGateway => apigateway::operation_name(request),
                Self::Scheduler => scheduler::operation_name(request).map(ToOwned::to_owned),
                Self::Elsewhere(_) => Some(elsewhere::operation_name(request)),
                _ => lambda::operation_name(request).map(ToOwned::to_owned),
            },
        };
        operation.ok_or_else(|| not_implemented(self.signing_name(), &format!("{} {}", request.method, request.path)))
    }

    /// The resource that the request names, for [`super::Call::resource`].
    fn resource_name(self, request: &CloudRequest) -> String {
        match self.wire_protocol() {
            RequestProtocol::Rest => match self {
                Self::ApiGateway => apigateway::resource_name(request),
                Self::Scheduler => scheduler::resource_name(request),
                Self::Elsewhere(_) => request.service.clone(),
                _ => lambda::resource_name(request),
            },
            RequestProtocol::Query(_) => {
                let form = QueryForm::parse_form(&request.body);
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
                members.into_iter().find_map(|member| form.member_text(member)).unwrap_or_default().to_owned()
            }
            RequestProtocol::Json | RequestProtocol::JsonAfterQuery => {
                let Ok(body) = JsonBody::parse_body(&request.body) else { return String::new() };
                let members =
                    ["Rule", "Name", "SecretId", "ResourceARN", "resourceArn", "logGroupName", "QueueUrl", "QueueName"];
                members.into_iter().find_map(|member| body.member_text(member)).unwrap_or_default().to_owned()
            }
        }
    }

    fn handle_operation(
        self,
        cx: &mut CloudContext<'_>,
        operation: &str,
        request: &CloudRequest,
    ) -> Result<HandlerOutcome, ApiError> {
        if elsewhere::is_answered_here(self.signing_name(), operation) {
            return elsewhere::handle_request(cx, operation, request);
        }
        match self {
            Self::Sts => sts::handle_request(cx, operation, &QueryForm::parse_form(&request.body), request),
            Self::Iam => iam::handle_request(cx, operation, &QueryForm::parse_form(&request.body), request),
            Self::Lambda => lambda::handle_request(cx, operation, request),
            Self::Logs => logs::handle_request(cx, operation, request),
            Self::EventBridge => events::handle_request(cx, operation, request),
            Self::SecretsManager => secretsmanager::handle_request(cx, operation, request),
            Self::Sqs => sqs::handle_request(cx, operation, request),
            Self::CloudWatch => {
                cloudwatch::handle_request(cx, operation, &QueryForm::parse_form(&request.body), request)
            }
            Self::ApiGateway => apigateway::handle_request(cx, operation, request),
            Self::Sns => sns::handle_request(cx, operation, &QueryForm::parse_form(&request.body), request),
            Self::Scheduler => scheduler::handle_request(cx, operation, request),
            Self::StepFunctions => states::handle_request(cx, operation, request),
            Self::Tagging => tagging::handle_request(cx, operation, request),
            Self::ServiceQuotas => quotas::handle_request(cx, operation, request),
            Self::Elsewhere(_) => elsewhere::handle_request(cx, operation, request),
        }
    }
}

/// The error for an operation that the embedded cloud doesn't have. It names the operation.
pub(super) fn not_implemented(service: &str, operation: &str) -> ApiError {
    ApiError::new(501, "NotImplemented", format!("the local cloud does not support {service}:{operation}"))
}

impl EmbeddedCloud {
    /// Responds to one request as AWS would.
    pub(super) async fn respond_to_request(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Bytes>, Disconnected> {
        let request = CloudRequest::new(method, uri, headers, body, request_id());
        self.account_of(&request).respond_as_account(request).await
    }

    async fn respond_as_account(&self, request: CloudRequest) -> Result<Response<Bytes>, Disconnected> {
        if lambda::is_download(&request) {
            return Ok(build_response(RequestProtocol::Rest, lambda::download_code(self, &request), &request.id));
        }
        let Some(service) = CloudService::from_request(&request) else {
            self.record_authorization(&request.service, &elsewhere::operation_name(&request), &request);
            return Ok(build_response(RequestProtocol::Rest, Err(unknown_service(&request)), &request.id));
        };
        let protocol = service.wire_protocol();
        let operation = match service.operation_name(&request) {
            Ok(operation) => operation,
            Err(error) => return Ok(build_response(protocol, Err(error), &request.id)),
        };
        let name = service.signing_name();
        self.record_authorization(name, &operation, &request);
        let injected = self.inner.calls.record_call(name, &operation, service.resource_name(&request));
        if let Some(InjectedFault::Before(fault)) = injected {
            return respond_with_fault(fault, protocol, &request.id);
        }
        // CloudTrail records after the call took effect.
        let handle = |cx: &mut CloudContext<'_>| {
            let handled = service.handle_operation(cx, &operation, &request)?;
            elsewhere::record_event(cx, &operation, &service.resource_name(&request));
            Ok(handled)
        };
        let handled = match self.held_back(&operation) {
            Some(state) => self.with_state(&request.region, state, handle),
            None => self.with_stored_region(&request.region, handle).await,
        };
        let result = match handled {
            Ok(Ok(HandlerOutcome::Now(answer))) => Ok(answer),
            Ok(Ok(HandlerOutcome::Later(later))) => later.await,
            Ok(Err(error)) => Err(error),
            Err(error) => Err(ApiError::new(
                500,
                "InternalFailure",
                format!("could not use the state of the local cloud: {error}"),
            )),
        };
        match injected {
            Some(InjectedFault::After(fault)) => respond_with_fault(fault, protocol, &request.id),
            _ => Ok(build_response(protocol, result, &request.id)),
        }
    }
}

impl EmbeddedCloud {
    /// Keeps what a request needs, before it takes effect, if somebody wants to know.
    fn record_authorization(&self, service: &str, operation: &str, request: &CloudRequest) {
        if !self.inner.calls.wants_authorizations() {
            return;
        }
        let needs = |cx: &mut CloudContext<'_>| authorization::requested_actions(cx, service, operation, request);
        // A state that can't be read fails the request itself.
        let needs = self.with_region(&request.region, needs).unwrap_or_default();
        let access_key = request.access_key.clone();
        self.inner.calls.record_authorization(AuthorizedCall { access_key, needs });
    }
}

fn respond_with_fault(
    fault: CloudFault,
    protocol: RequestProtocol,
    request_id: &str,
) -> Result<Response<Bytes>, Disconnected> {
    match fault {
        CloudFault::Error(error) => Ok(build_response(protocol, Err(error), request_id)),
        CloudFault::Answer(body) => Ok(Response::new(Bytes::from(body))),
        CloudFault::Disconnect => Err(Disconnected),
    }
}

fn unknown_service(request: &CloudRequest) -> ApiError {
    if request.service.is_empty() {
        ApiError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    } else {
        not_implemented(&request.service, &format!("{} {}", request.method, request.path))
    }
}

/// Nothing depends on request ids, so, unlike random values in the state, they may differ between processes.
fn request_id() -> String {
    static SEED: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(2, Ordering::Relaxed);
    context::format_uuid(state::mix_bits(SEED.wrapping_add(count)), state::mix_bits(SEED.wrapping_add(count + 1)))
}
