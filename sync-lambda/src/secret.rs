//! Reads and writes the venue's secret in AWS Secrets Manager, with one signed request each.
//!
//! - <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
//! - <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::error::{RunError, Side};
use crate::retry::retry_pauses;
use crate::signed::{AwsCaller, AwsService, FailedAwsCall};
use sync_config::arn::Arn;

const TRIES: usize = 3;
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// How often a change is made again to what somebody else wrote in the meantime.
const CHANGES: u32 = 5;
/// The pause before a secret that somebody else just wrote is read again.
const CHANGE_PAUSE: Duration = Duration::from_millis(200);

const SECRETS_MANAGER: AwsService = AwsService {
    name: "secretsmanager",
    target: "secretsmanager",
    endpoint_variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    may_be_empty: false,
};

/// Reads environment variables.
pub type EnvironmentReader = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A secret's content, and its version.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// The id of the version that was current.
    pub version: String,
    /// Its text.
    pub text: String,
}

impl fmt::Debug for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretVersion").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A secret's text as a JSON object.
///
/// # Errors
/// It is something else. The value isn't shown.
pub fn parse_secret_object(text: &str) -> Result<Map<String, Value>, RunError> {
    serde_json::from_str(text).map_err(|_| {
        RunError::Settings(
            "the venue's secret isn't a JSON object; write {} into it in the AWS console, then run `deployer secret \
             push VENUE`"
                .to_owned(),
        )
    })
}

/// The id of the version that follows `version`.
///
/// All writers use it as their `ClientRequestToken`, which becomes the new version's id. A version can't be changed, so
/// of two writers that read the same version, the second is refused with `ResourceExistsException` instead of undoing
/// what the first wrote. `skipped` is 0, unless `version` is current again after its successor was: then that id is taken.
pub fn next_version_id(version: &str, skipped: u32) -> String {
    let digest = Sha256::digest(format!("deployer/next-version/{version}/{skipped}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts the ids to skip while a secret is changed: none if somebody else wrote it, and otherwise, from the second time
/// on, one more each time. The first time can be a read that lags behind.
#[derive(Debug, Default)]
pub struct SkippedVersions {
    version: String,
    refusals: u32,
}

impl SkippedVersions {
    /// The id to write after `version`.
    pub fn next_id(&mut self, version: &str) -> String {
        if self.version != version {
            *self = Self { version: version.to_owned(), refusals: 0 };
        }
        self.refusals += 1;
        next_version_id(version, self.refusals.saturating_sub(2))
    }
}

/// A venue's secret.
#[derive(Clone)]
pub struct SecretStore {
    caller: AwsCaller,
    arn: String,
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretStore").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// How a call failed.
enum FailedCall {
    /// The id of the new version is taken.
    VersionExists,
    Other(RunError),
}

impl SecretStore {
    /// The secret with this ARN. `variables` reads the environment, where Lambda puts the role's credentials.
    pub fn new(client: reqwest::Client, arn: &str, variables: Arc<EnvironmentReader>) -> Self {
        Self { caller: AwsCaller::new(client, variables), arn: arn.to_owned() }
    }

    /// Reads the current version.
    ///
    /// # Errors
    /// The role may not read the secret, it doesn't exist, or Secrets Manager doesn't respond.
    pub async fn read_secret(&self) -> Result<SecretVersion, RunError> {
        let body = json!({ "SecretId": self.arn }).to_string();
        let answer = self.call("GetSecretValue", &body).await.map_err(|failed| match failed {
            FailedCall::VersionExists => self.rejection("GetSecretValue", "ResourceExistsException"),
            FailedCall::Other(error) => error,
        })?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let none =
            || RunError::Settings("the venue's secret has no text; `deployer secret push VENUE` writes it".to_owned());
        Ok(SecretVersion {
            version: text("VersionId").unwrap_or_default(),
            text: text("SecretString").ok_or_else(none)?,
        })
    }

    /// Changes the secret's object, beginning with what was read. If somebody else writes the secret in between, `change`
    /// gets their content and decides again; `None` means that nothing is to be written.
    ///
    /// # Errors
    /// The role may not write the secret, it isn't an object, or Secrets Manager doesn't respond. Whether something was
    /// written is unknown only in the last case.
    pub async fn change_secret<T>(
        &self,
        read: SecretVersion,
        mut change: impl FnMut(&mut Map<String, Value>) -> Option<T>,
    ) -> Result<Option<T>, RunError> {
        let mut read = read;
        let mut skipped = SkippedVersions::default();
        for left in (0..CHANGES).rev() {
            let mut object = parse_secret_object(&read.text)?;
            let Some(changed) = change(&mut object) else { return Ok(None) };
            let body = json!({
                "SecretId": self.arn,
                "SecretString": Value::Object(object).to_string(),
                "ClientRequestToken": skipped.next_id(&read.version),
            });
            // Written twice with the same token and text, the second request does nothing.
            match self.call("PutSecretValue", &body.to_string()).await {
                Ok(_) => return Ok(Some(changed)),
                Err(FailedCall::Other(error)) => return Err(error),
                Err(FailedCall::VersionExists) if left > 0 => {
                    tokio::time::sleep(CHANGE_PAUSE).await;
                    read = self.read_secret().await?;
                }
                Err(FailedCall::VersionExists) => {}
            }
        }
        Err(RunError::Unavailable {
            side: Side::SecretsManager,
            message: "the secret was changed by somebody else each time it was to be written".to_owned(),
        })
    }

    async fn call(&self, operation: &'static str, body: &str) -> Result<Value, FailedCall> {
        let (partition, region) = self.find_place().map_err(FailedCall::Other)?;
        let unavailable = |message| FailedCall::Other(RunError::Unavailable { side: Side::SecretsManager, message });
        (|| self.caller.attempt_call(&SECRETS_MANAGER, (partition, &region), operation, body))
            .retry(retry_pauses(FIRST_PAUSE, TRIES))
            .when(FailedAwsCall::is_temporary)
            .await
            .map_err(|failed| match failed {
                FailedAwsCall::Unanswered(message) | FailedAwsCall::Throttled(message) => unavailable(message),
                FailedAwsCall::Refused(code) if code == "ResourceExistsException" => FailedCall::VersionExists,
                FailedAwsCall::Refused(code) => FailedCall::Other(self.rejection(operation, &code)),
                FailedAwsCall::NotSigned(error) => FailedCall::Other(error),
            })
    }

    /// The partition and the region. A secret can be given by its name too, which then is in the function's own region.
    fn find_place(&self) -> Result<(&str, String), RunError> {
        match Arn::parse_arn(&self.arn) {
            Ok(arn) if !arn.region.is_empty() => Ok((arn.partition, arn.region.to_owned())),
            _ => Ok(("aws", self.caller.required_variable("AWS_REGION")?)),
        }
    }

    fn rejection(&self, operation: &str, code: &str) -> RunError {
        let advice = match (operation, code) {
            ("PutSecretValue", "AccessDeniedException") => {
                "The function's role may not write the secret; `deployer plan` shows what differs from the manifest, and \
                 `deployer apply` grants it"
            }
            (_, "AccessDeniedException") => {
                "The function's role may not read the secret; `deployer plan` shows what differs from the manifest"
            }
            (_, "ResourceNotFoundException") => "The secret doesn't exist or has no value; `deployer apply` creates it",
            (_, "InvalidRequestException") => "The secret is scheduled for deletion; `deployer apply` restores it",
            _ => "Run `deployer doctor` to check the secret",
        };
        RunError::Credential {
            side: Side::SecretsManager,
            credential: "the function's role",
            message: format!("{code} for {}", self.arn),
            advice: advice.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_versions_follow_from_the_version_before() {
        let id = next_version_id("v1", 0);
        assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!(id, next_version_id("v1", 0), "two writers that read the same version use the same id");
        assert_ne!(id, next_version_id("v2", 0));
        assert_ne!(id, next_version_id("v1", 1));
    }

    #[test]
    fn skips_ids_only_if_the_version_stays_current() {
        let mut skipped = SkippedVersions::default();
        let ids = ["v1", "v2", "v2", "v2", "v1"].map(|version| skipped.next_id(version));
        assert_eq!(
            ids,
            [("v1", 0), ("v2", 0), ("v2", 0), ("v2", 1), ("v1", 0)].map(|(version, n)| next_version_id(version, n))
        );
    }
}
