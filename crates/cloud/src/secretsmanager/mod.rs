//! AWS Secrets Manager: secrets, their versions, and their deletion with a recovery window.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/>

mod deletion;
mod list;
mod secrets;
mod values;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, ApiError, Context, Handled, Json, Request, dispatch};

/// The label of the version that is returned by default.
const CURRENT: &str = "AWSCURRENT";
/// The label of the previous version.
const PREVIOUS: &str = "AWSPREVIOUS";

/// The secrets of a region, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub secrets: BTreeMap<String, Secret>,
}

/// A secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    pub changed: Timestamp,
    pub accessed: Option<Timestamp>,
    pub deletion: Option<Deletion>,
    /// By version id.
    pub versions: BTreeMap<String, Version>,
}

/// A scheduled deletion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    pub requested: Timestamp,
    /// When the secret is removed. Until then it can be restored.
    pub due: Timestamp,
}

/// One value of a secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub string: Option<String>,
    /// Base64.
    pub binary: Option<String>,
    pub stages: Vec<String>,
    pub created: Timestamp,
}

impl std::fmt::Debug for Secret {
    /// Leaves out the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).field("deletion", &self.deletion).finish_non_exhaustive()
    }
}

impl State {
    /// Finds a secret by name, ARN, or ARN without its random suffix.
    fn find(&self, id: &str) -> Option<&Secret> {
        if !id.starts_with("arn:") {
            return self.secrets.get(id);
        }
        let partial = |secret: &&Secret| secret.arn.rsplit_once('-').is_some_and(|(start, _)| start == id);
        self.secrets.values().find(|secret| secret.arn == id).or_else(|| self.secrets.values().find(partial))
    }
}

/// One request to Secrets Manager.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    body: &'a Json,
}

impl Call<'_, '_> {
    fn state(&self) -> &State {
        &self.cx.regional().secretsmanager
    }

    /// The secret named by `SecretId`, even if it is scheduled for deletion.
    fn any(&self) -> Result<&Secret, ApiError> {
        self.state().find(self.body.required("SecretId")?).ok_or_else(not_found)
    }

    /// The secret named by `SecretId`. It is an error if the secret is scheduled for deletion.
    fn usable(&self) -> Result<&Secret, ApiError> {
        let secret = self.any()?;
        if secret.deletion.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(secret)
    }

    /// The secret with this name, for changes. The caller has already found it.
    fn secret_mut(&mut self, name: &str) -> Result<&mut Secret, ApiError> {
        self.cx.regional_mut().secretsmanager.secrets.get_mut(name).ok_or_else(not_found)
    }
}

fn not_found() -> ApiError {
    ApiError::bad("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn invalid_request(message: &str) -> ApiError {
    ApiError::bad("InvalidRequestException", message)
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterException", message)
}

pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let body = &Json::parse(&request.body)?;
    deletion::purge(cx);
    let mut call = Call { cx, body };
    let call = &mut call;
    let answer = match operation {
        "CreateSecret" => secrets::create(call),
        "DescribeSecret" => secrets::describe(call),
        "GetResourcePolicy" => secrets::resource_policy(call),
        "UpdateSecret" => secrets::update(call),
        "TagResource" => secrets::tag(call),
        "UntagResource" => secrets::untag(call),
        "ListSecrets" => list::list(call),
        "GetSecretValue" => values::get(call),
        "PutSecretValue" => values::put(call),
        "DeleteSecret" => deletion::delete(call),
        "RestoreSecret" => deletion::restore(call),
        _ => Err(dispatch::not_implemented("secretsmanager", operation)),
    };
    answer.map(|body| Answer::json(&body).into())
}
