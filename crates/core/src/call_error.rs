//! A call that failed, to AWS or to HubSpot, told apart once, in words for the person who reads it.

use std::fmt;

use sync_config::config::HUBSPOT_TOKEN_PLACE;

use crate::denial::Denial;

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
    /// What mends it, where more is known than the kind tells.
    pub remedy: Option<String>,
}

/// Kinds of failure that are handled differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The resource isn't there.
    NotFound,
    /// A resource of that name is there already.
    AlreadyExists,
    /// The credentials may not do this; [`CallError::denial`] says why.
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
    /// A failure that isn't AWS's own: a response that makes no sense, for instance.
    pub fn unexpected(operation: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { operation, kind: FailureKind::Invalid, code: String::new(), message, request_id: None, remedy: None }
    }

    /// Whether the same call can succeed later without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self.kind {
            FailureKind::InProgress
            | FailureKind::RoleNotReady
            | FailureKind::Throttled
            | FailureKind::Server
            | FailureKind::NoAnswer => true,
            FailureKind::NotFound
            | FailureKind::AlreadyExists
            | FailureKind::Denied
            | FailureKind::Unauthenticated
            | FailureKind::PendingDeletion
            | FailureKind::LimitExceeded
            | FailureKind::NotImplemented
            | FailureKind::Invalid => false,
        }
    }

    /// Why AWS denied the call, if it did.
    pub fn denial(&self) -> Option<Denial> {
        let is_denied = self.kind == FailureKind::Denied && !self.operation.starts_with("hubspot:");
        is_denied.then(|| Denial::from_answer(&self.code, &self.message))
    }

    /// What to do about it, where there is something general to say.
    pub fn hint(&self) -> Option<String> {
        if self.remedy.is_some() {
            return self.remedy.clone();
        }
        if self.operation.starts_with("hubspot:") {
            return hubspot_hint(self.kind);
        }
        match self.kind {
            FailureKind::Denied => self.denial().map(|denial| denial.hint(self.operation)),
            FailureKind::Unauthenticated => Some(
                "sign in (`aws sso login`), choose a profile (`--profile NAME` or AWS_PROFILE), or set AWS_ACCESS_KEY_ID \
                 and AWS_SECRET_ACCESS_KEY; `--local` uses the cloud on this machine"
                    .to_owned(),
            ),
            FailureKind::NoAnswer => {
                Some(
                    "check the network and AWS_ENDPOINT_URL (and with a proxy HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE), and \
                     run the same command again"
                        .to_owned(),
                )
            }
            FailureKind::LimitExceeded => Some(format!(
                "{}ask for a higher quota (Service Quotas in the AWS console), and run the same command again",
                quota(self.operation).map_or_else(String::new, |quota| format!("{quota}: delete what is unused, or "))
            )),
            FailureKind::Invalid if self.message.contains("UnreservedConcurrentExecution") => Some(
                "each venue with `reserved_concurrency = 1` reserves one execution, and Lambda keeps 100 unreserved: ask for a \
                 higher quota (Service Quotas in the AWS console, \"Concurrent executions\"), or set it to \"off\", and run \
                 the same command again"
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
        // A server may repeat what it was sent, and this text goes into plans and files too.
        f.write_str(&secrets::redact_secrets(&self.message))?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

/// What to do when one of a plan's HubSpot requests fails this way.
fn hubspot_hint(kind: FailureKind) -> Option<String> {
    let hint = match kind {
        FailureKind::Unauthenticated => {
            return Some(format!(
                "the token in `[hubspot] token` was revoked, replaced or mistyped: copy the current one from \
                 {HUBSPOT_TOKEN_PLACE}"
            ));
        }
        FailureKind::Denied => {
            "add the missing scope to the service key behind `[hubspot] token`: crm.schemas.contacts.read and .write for \
             properties, crm.objects.contacts.read and .write to count and move flags"
        }
        FailureKind::LimitExceeded | FailureKind::Server => {
            "run the same command again later: it resumes where this one stopped"
        }
        FailureKind::NoAnswer => "check the network and `[hubspot] base_uri`, then run the same command again",
        _ => return None,
    };
    Some(hint.to_owned())
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
