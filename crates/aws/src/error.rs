//! What a call to AWS can answer, told apart once for all services, in words for the person who reads it.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};

use crate::identity::{IdentityError, find_source};
use deployer_core::call_error::{CallError, FailureKind};

/// The SDK's words name its own layers.
const NO_ANSWER_IN_TIME: &str = "no answer came in time";

/// The most that a signature's time may differ from AWS's
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>), with some room for the way.
const MOST_SKEW: SignedDuration = SignedDuration::from_secs(290);

/// Reads an SDK error. `operation` is what was called, as IAM writes it.
pub fn call_error<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = meta.and_then(|meta| meta.code()).unwrap_or_default().to_owned();
    let mut message = meta.and_then(|meta| meta.message()).unwrap_or_default().to_owned();
    let mut remedy = None;
    let request_id =
        error.raw_response().and_then(|response| response.headers().get("x-amzn-requestid")).map(ToOwned::to_owned);
    let kind = match error {
        SdkError::ServiceError(_) => kind_of(&code, &message, status.unwrap_or_default()),
        SdkError::TimeoutError(_) => {
            message = NO_ANSWER_IN_TIME.to_owned();
            FailureKind::NoAnswer
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            message = "could not connect in time".to_owned();
            FailureKind::NoAnswer
        }
        error => {
            if let Some(identity) = find_source::<IdentityError>(error) {
                (message, remedy) = (identity.message.clone(), Some(identity.remedy.clone()));
                if identity.is_network { FailureKind::NoAnswer } else { FailureKind::Unauthenticated }
            } else {
                message = outermost_and_root(error);
                if find_source::<CredentialsError>(error).is_some() {
                    FailureKind::Unauthenticated
                } else if status.is_some() {
                    FailureKind::Server
                } else {
                    FailureKind::NoAnswer
                }
            }
        }
    };
    if kind == FailureKind::Unauthenticated
        && let Some(skew) = error.raw_response().and_then(clock_skew).filter(|skew| skew.abs() > MOST_SKEW)
    {
        let (minutes, word) = (skew.abs().as_mins(), if skew.is_negative() { "behind" } else { "ahead of" });
        message = format!("this machine's clock is {minutes} minutes {word} AWS's, so AWS rejects what it signs");
        remedy = Some("set the clock (`sudo timedatectl set-ntp true`), and run the same command again".to_owned());
    }
    if message.is_empty() {
        message = status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP status {status}"));
    }
    CallError { operation, kind, code, message, request_id, remedy }
}

/// How far this machine's clock is ahead of the one of the server that answered.
fn clock_skew(response: &HttpResponse) -> Option<SignedDuration> {
    let date = DateTime::from_str(response.headers().get("date")?, Format::HttpDate).ok()?;
    Some(Timestamp::now().duration_since(Timestamp::from_second(date.secs()).ok()?))
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
        // A role or its policy that was just written isn't known everywhere yet: Lambda looks whether the role may use the
        // network and the queue of the function.
        "InvalidParameterValueException"
            if message.contains("cannot be assumed") || message.contains("does not have permissions to call") =>
        {
            FailureKind::RoleNotReady
        }
        // EventBridge looks the same for a target's role.
        "ValidationException"
            if message.contains("cannot be assumed by principal")
                || message.contains("must allow AWS EventBridge Scheduler to assume the role") =>
        {
            FailureKind::RoleNotReady
        }
        // Scheduler has one code for a name that is taken, and for a group that is being deleted.
        "ConflictException" if message.contains("already exists") => FailureKind::AlreadyExists,
        // Secrets Manager has several wordings.
        "InvalidRequestException"
            if ["scheduled for deletion", "marked for deletion", "marked deleted"]
                .iter()
                .any(|words| message.contains(words)) =>
        {
            FailureKind::PendingDeletion
        }
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "KMSAccessDeniedException"
        | "TagPolicyException"
        | "TagPolicyViolation" => FailureKind::Denied,
        // Services without a code of their own for what an organization's tag policy or a KMS key refuses.
        _ if message.contains("tag policy does not allow") || message.contains("not allowed to be used with") => {
            FailureKind::Denied
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed"
        | "RequestExpired"
        | "OptInRequired"
        | "RegionDisabledException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature" => FailureKind::Unauthenticated,
        "LimitExceeded"
        | "LimitExceededException"
        | "CodeStorageExceededException"
        | "PolicyLengthExceededException"
        | "ServiceQuotaExceededException" => FailureKind::LimitExceeded,
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
    if outer == root { outer } else { format!("{outer}: {root}") }
}

#[cfg(test)]
mod tests {
    use deployer_core::denial::DenialCause;

    use super::*;

    #[test]
    fn policies_of_organizations_and_keys_are_denials() {
        for (code, message, cause) in [
            (
                "AccessDeniedException",
                "not authorized with an explicit deny in a service control policy",
                DenialCause::ServiceControlPolicy,
            ),
            ("KMSAccessDeniedException", "KMS access was denied", DenialCause::EncryptionKey),
            ("TagPolicyException", "", DenialCause::TagPolicy),
            (
                "InvalidParameterException",
                "The tag policy does not allow the specified value for the following tag key: 'a'.",
                DenialCause::TagPolicy,
            ),
            (
                "InvalidParameterException",
                "The specified KMS key does not exist or is not allowed to be used with Arn 'a'",
                DenialCause::EncryptionKey,
            ),
        ] {
            let kind = kind_of(code, message, 400);
            let error =
                CallError { kind, code: code.to_owned(), ..CallError::unexpected("logs:CreateLogGroup", message) };
            assert_eq!(error.denial().map(|denial| denial.cause), Some(cause), "{code} {message}");
            assert!(!error.may_pass(), "{code}");
        }
        let other =
            CallError { kind: kind_of("ValidationException", "no", 400), ..CallError::unexpected("iam:GetRole", "no") };
        assert_eq!(other.denial(), None);
    }
}
