//! What a call to AWS can answer, told apart once for all services, in words for the person who reads it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use deployer_core::call_error::{CallError, FailureKind};

/// Reads an SDK error. `operation` is what was called, as IAM writes it.
pub fn call_error<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = meta.and_then(|meta| meta.code()).unwrap_or_default().to_owned();
    let mut message = meta.and_then(|meta| meta.message()).unwrap_or_default().to_owned();
    let request_id =
        error.raw_response().and_then(|response| response.headers().get("x-amzn-requestid")).map(ToOwned::to_owned);
    let kind = match error {
        SdkError::ServiceError(_) => kind_of(&code, &message, status.unwrap_or_default()),
        _ => {
            message = outermost_and_root(error);
            if message.contains("credentials") || message.contains("Credentials") {
                FailureKind::Unauthenticated
            } else if status.is_some() {
                FailureKind::Server
            } else {
                FailureKind::NoAnswer
            }
        }
    };
    if message.is_empty() {
        message = status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP status {status}"));
    }
    CallError { operation, kind, code, message, request_id }
}

/// Gives the answer, or the failure as a [`CallError`].
pub trait Call<T> {
    /// `operation` is what was called, as IAM writes it.
    ///
    /// # Errors
    /// The call's failure.
    fn call(self, operation: &'static str) -> Result<T, CallError>;
}

impl<T, E> Call<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn call(self, operation: &'static str) -> Result<T, CallError> {
        self.map_err(|error| call_error(operation, &error))
    }
}

/// Turns "it isn't there" into `None`.
pub trait Found<T> {
    /// # Errors
    /// Every other failure.
    fn found(self) -> Result<Option<T>, CallError>;
}

impl<T> Found<T> for Result<T, CallError> {
    fn found(self) -> Result<Option<T>, CallError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind == FailureKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Error codes as the services' API references list them under "Errors" and "Common Errors".
fn kind_of(code: &str, message: &str, status: u16) -> FailureKind {
    match code {
        "ResourceNotFoundException"
        | "NoSuchEntity"
        | "NoSuchEntityException"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDoesNotExist"
        | "ResourceNotFound"
        | "NotFound"
        | "NotFoundException"
        | "StateMachineDoesNotExist" => FailureKind::NotFound,
        // Lambda gives one code for three things.
        "ResourceConflictException" if message.contains("already exist") => FailureKind::AlreadyExists,
        "ResourceConflictException" if message.contains("FunctionUrlConfig exists") => FailureKind::AlreadyExists,
        "ResourceConflictException"
        | "OperationAbortedException"
        | "ConcurrentModificationException"
        | "ConcurrentModification" => FailureKind::InProgress,
        "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "ResourceAlreadyExistsException"
        | "ResourceExistsException"
        | "QueueAlreadyExists"
        | "QueueNameExists"
        | "StateMachineAlreadyExists" => FailureKind::AlreadyExists,
        "InvalidParameterValueException" if message.contains("cannot be assumed") => FailureKind::RoleNotReady,
        // Secrets Manager has several wordings.
        "InvalidRequestException"
            if ["scheduled for deletion", "marked for deletion", "marked deleted"]
                .iter()
                .any(|words| message.contains(words)) =>
        {
            FailureKind::PendingDeletion
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AuthorizationError" => {
            FailureKind::Denied
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature" => FailureKind::Unauthenticated,
        "LimitExceeded"
        | "LimitExceededException"
        | "CodeStorageExceededException"
        | "PolicyLengthExceededException" => FailureKind::LimitExceeded,
        "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ThrottledException"
        | "RequestThrottled" => FailureKind::Throttled,
        "NotImplemented" | "NotImplementedException" | "UnknownOperationException" | "InvalidAction" => {
            FailureKind::NotImplemented
        }
        _ if status == 429 => FailureKind::Throttled,
        // AWS gives a code with it; a server that doesn't know the path has none.
        "" if status == 404 => FailureKind::NotImplemented,
        _ if status == 501 => FailureKind::NotImplemented,
        _ if status >= 500 => FailureKind::Server,
        _ => FailureKind::Invalid,
    }
}

/// What went wrong on the way, without the SDK's layers between: the last source says what a person can act on.
fn outermost_and_root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let (outer, root) = (error.to_string(), root.to_string());
    let all = DisplayErrorContext(error).to_string();
    if all.contains("no providers in chain provided credentials") || all.contains("CredentialsNotLoaded") {
        return "no AWS credentials were found".to_owned();
    }
    if outer == root { outer } else { format!("{outer}: {root}") }
}
