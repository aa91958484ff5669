//! Reads and writes the venue's secret in AWS Secrets Manager, with one signed request each. There is no SDK, because it
//! would account for most of the bootstrap's size and startup time.
//!
//! - <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
//! - <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use backon::Retryable;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::error::{RunError, Side};
use crate::http::send_request;
use crate::retry::retry_pauses;
use sync_config::arn::Arn;

const TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: usize = 3;
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// How often a change is made again to what somebody else wrote in the meantime.
const CHANGES: u32 = 5;
/// The pause before a secret that somebody else just wrote is read again.
const CHANGE_PAUSE: Duration = Duration::from_millis(200);

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
    client: reqwest::Client,
    arn: String,
    variables: Arc<EnvironmentReader>,
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
        Self { client, arn: arn.to_owned(), variables }
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
        (|| self.attempt_call(operation, body))
            .retry(retry_pauses(FIRST_PAUSE, TRIES))
            .when(|failed| matches!(failed, FailedCall::Other(RunError::Unavailable { .. })))
            .await
    }

    /// One request. Only [`RunError::Unavailable`] is worth a retry.
    async fn attempt_call(&self, operation: &'static str, body: &str) -> Result<Value, FailedCall> {
        let unavailable = |message| FailedCall::Other(RunError::Unavailable { side: Side::SecretsManager, message });
        let request = self.signed_request(operation, body).map_err(FailedCall::Other)?;
        let answer = send_request(request, TIMEOUT).await;
        let answer = answer.map_err(|error| unavailable(error.message))?;
        let body: Option<Value> = serde_json::from_str(&answer.body).ok();
        if answer.status == 200 {
            return body.ok_or_else(|| unavailable("200, the response isn't JSON".to_owned()));
        }
        // An error from a proxy in between has no code.
        let code = body.as_ref().and_then(|body| body.get("__type")?.as_str()).unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or(code);
        if answer.status >= 500 || answer.status == 429 || code.contains("Throttling") {
            return Err(unavailable(format!("{} {code}", answer.status)));
        }
        Err(match code {
            "ResourceExistsException" => FailedCall::VersionExists,
            code => FailedCall::Other(self.rejection(operation, code)),
        })
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

    fn signed_request(&self, operation: &str, body: &str) -> Result<reqwest::RequestBuilder, RunError> {
        let variable = |name: &str| (self.variables)(name);
        let missing = |name: &str| {
            RunError::Settings(format!("the environment variable {name} isn't set; normally Lambda sets it"))
        };
        let required = |name: &str| variable(name).ok_or_else(|| missing(name));
        // A secret can be given by its name too, which then is in the function's own region.
        let (partition, region) = match Arn::parse_arn(&self.arn) {
            Ok(arn) if !arn.region.is_empty() => (arn.partition, arn.region.to_owned()),
            _ => ("aws", required("AWS_REGION")?),
        };
        let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = variable("AWS_ENDPOINT_URL_SECRETS_MANAGER")
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| format!("https://secretsmanager.{region}.{domain}"));
        let uri = format!("{}/", endpoint.trim_end_matches('/'));
        let target = format!("secretsmanager.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let identity = AwsCredentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN"),
            None,
            "lambda",
        )
        .into();
        let failed = |error: &dyn fmt::Display| RunError::Settings(format!("could not sign the request: {error}"));
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name("secretsmanager")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let signable = SignableRequest::new("POST", &uri, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
        let mut request = http::Request::post(&uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(body.to_owned()).map_err(|error| failed(&error))?;
        instructions.apply_to_request_http1x(&mut request);
        let (parts, body) = request.into_parts();
        Ok(self.client.post(uri).headers(parts.headers).body(body))
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
