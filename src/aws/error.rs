//! What a call to AWS can answer, told apart once for all services, in words for the person who reads it.

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A call that failed, without the SDK's types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// What was called, as IAM writes it: `lambda:CreateFunction`.
    pub operation: &'static str,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// AWS's error code, or empty where no answer came.
    pub code: String,
    /// AWS's words, or what went wrong on the way.
    pub message: String,
    /// Support asks for it.
    pub request_id: Option<String>,
}

/// Kinds of failure that are handled differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The resource isn't there.
    NotFound,
    /// A resource of that name is there already.
    AlreadyExists,
    /// The credentials may not do this.
    Denied,
    /// The credentials are missing, expired or wrong.
    Unauthenticated,
    /// Another change of the same resource is under way.
    InProgress,
    /// The role is too new for Lambda to assume it.
    RoleNotReady,
    /// The secret, or one of that name, is scheduled for deletion.
    PendingDeletion,
    /// A quota is used up; trying again doesn't help.
    LimitExceeded,
    /// The service asks for fewer calls.
    Throttled,
    /// The service failed, or its answer made no sense.
    Server,
    /// No answer came: whether the call took effect isn't known.
    NoAnswer,
    /// The service doesn't know this operation: an emulator's gap.
    NotImplemented,
    /// The request was refused for what it says.
    Invalid,
}

impl CallError {
    /// Reads an SDK error. `operation` is what was called, as IAM writes it.
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
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
            SdkError::ServiceError(_) => kind_of(operation, &code, &message, status.unwrap_or_default()),
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
        Self { operation, kind, code, message, request_id }
    }

    /// A failure that isn't AWS's own words: an answer that makes no sense, for instance.
    pub fn unexpected(operation: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { operation, kind: FailureKind::Invalid, code: String::new(), message, request_id: None }
    }

    /// What to do about it, where there is something general to say.
    pub fn hint(&self) -> Option<String> {
        if self.operation.starts_with("hubspot:") {
            return crate::crm::hint(self.kind).map(ToOwned::to_owned);
        }
        match self.kind {
            FailureKind::Denied => Some(format!(
                "let the credentials in use do `{}` (an administrator of the account adds it to their policy)",
                self.operation
            )),
            FailureKind::Unauthenticated => Some(
                "sign in (`aws sso login`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or use \
                 `--local` for the cloud on this machine"
                    .to_owned(),
            ),
            FailureKind::NoAnswer => {
                Some("check the network and AWS_ENDPOINT_URL, and run the same command again".to_owned())
            }
            FailureKind::LimitExceeded => Some(format!(
                "{}ask for a higher quota (Service Quotas in the AWS console), and run the same command again",
                quota(self.operation).map_or_else(String::new, |quota| format!("{quota}: delete what is unused, or "))
            )),
            FailureKind::Invalid if self.message.contains("UnreservedConcurrentExecution") => Some(
                "each venue reserves one execution, and Lambda keeps 100 unreserved: ask for a higher quota (Service \
                 Quotas in the AWS console, \"Concurrent executions\"), and run the same command again"
                    .to_owned(),
            ),
            FailureKind::InProgress | FailureKind::Throttled | FailureKind::Server | FailureKind::RoleNotReady => {
                Some("run the same command again: it goes on where this one stopped".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        if !self.code.is_empty() {
            write!(f, "{}: ", self.code)?;
        }
        f.write_str(&self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

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
        self.map_err(|error| CallError::new(operation, &error))
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
fn kind_of(operation: &str, code: &str, message: &str, status: u16) -> FailureKind {
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
        "ResourceConflictException" if operation == "lambda:AddPermission" => FailureKind::AlreadyExists,
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

/// The quota that a call can use up, with AWS's default
/// (<https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html>).
fn quota(operation: &str) -> Option<&'static str> {
    match operation {
        "events:PutRule" => Some("an event bus takes 300 rules unless the account's quota is another"),
        "iam:CreateRole" => Some("an account takes 1000 roles unless its quota is another"),
        "secretsmanager:CreateSecret" => Some("a region takes 500,000 secrets"),
        "lambda:CreateFunction" | "lambda:UpdateFunctionCode" | "lambda:PublishVersion" => {
            Some("a region keeps 75 GB of function code, of all versions, unless the account's quota is another")
        }
        _ => None,
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
