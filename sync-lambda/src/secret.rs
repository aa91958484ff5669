//! Reads the venue's secret from AWS Secrets Manager with one signed request. There is no SDK, because it would account
//! for most of the bootstrap's size and startup time.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use backon::Retryable;
use serde_json::{Value, json};

use crate::error::{RunError, Side};
use crate::http::send_request;
use crate::retry::retry_pauses;
use sync_config::arn::Arn;

const TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: usize = 3;
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// Reads the secret's string. `variable` reads the environment, where Lambda puts the role's credentials.
///
/// # Errors
/// The role may not read the secret, it doesn't exist, or Secrets Manager doesn't respond.
pub async fn read_secret(
    client: &reqwest::Client,
    arn: &str,
    variable: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<String, RunError> {
    (|| attempt_read(client, arn, variable))
        .retry(retry_pauses(FIRST_PAUSE, TRIES))
        .when(|error| matches!(error, RunError::Unavailable { .. }))
        .await
}

/// Reads the secret's string with one request. Only [`RunError::Unavailable`] is worth a retry.
async fn attempt_read(
    client: &reqwest::Client,
    arn: &str,
    variable: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<String, RunError> {
    let unavailable = |message| RunError::Unavailable { side: Side::SecretsManager, message };
    let answer = send_request(signed_request(client, arn, variable)?, TIMEOUT).await;
    let answer = answer.map_err(|error| unavailable(error.message))?;
    let body: Option<Value> = serde_json::from_str(&answer.body).ok();
    if answer.status == 200 {
        let Some(body) = body else {
            return Err(unavailable("200, the response isn't JSON".to_owned()));
        };
        return body.get("SecretString").and_then(Value::as_str).map(ToOwned::to_owned).ok_or_else(|| {
            RunError::Settings("the venue's secret has no text; `deployer secret push VENUE` writes it".to_owned())
        });
    }
    // An error from a proxy in between has no code.
    let code = body.as_ref().and_then(|body| body.get("__type")?.as_str()).unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or(code);
    if answer.status >= 500 || answer.status == 429 || code.contains("Throttling") {
        return Err(unavailable(format!("{} {code}", answer.status)));
    }
    Err(secret_rejection(code, arn))
}

fn secret_rejection(code: &str, arn: &str) -> RunError {
    let advice = match code {
        "AccessDeniedException" => {
            "The function's role may not read the secret; `deployer plan` shows what differs from the manifest"
        }
        "ResourceNotFoundException" => "The secret doesn't exist or has no value; `deployer apply` creates it",
        "InvalidRequestException" => "The secret is scheduled for deletion; `deployer apply` restores it",
        _ => "Run `deployer doctor` to check the secret",
    };
    RunError::Credential {
        side: Side::SecretsManager,
        credential: "the function's role",
        message: format!("{code} for {arn}"),
        advice: advice.to_owned(),
    }
}

fn signed_request(
    client: &reqwest::Client,
    arn: &str,
    variable: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<reqwest::RequestBuilder, RunError> {
    let missing =
        |name: &str| RunError::Settings(format!("the environment variable {name} isn't set; normally Lambda sets it"));
    let required = |name: &str| variable(name).ok_or_else(|| missing(name));
    // A secret can be given by its name too, which then is in the function's own region.
    let (partition, region) = match Arn::parse_arn(arn) {
        Ok(arn) if !arn.region.is_empty() => (arn.partition, arn.region.to_owned()),
        _ => ("aws", required("AWS_REGION")?),
    };
    let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = variable("AWS_ENDPOINT_URL_SECRETS_MANAGER")
        .or_else(|| variable("AWS_ENDPOINT_URL"))
        .unwrap_or_else(|| format!("https://secretsmanager.{region}.{domain}"));
    let uri = format!("{}/", endpoint.trim_end_matches('/'));
    let body = json!({ "SecretId": arn }).to_string();
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "secretsmanager.GetSecretValue")];
    let identity = AwsCredentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "lambda",
    )
    .into();
    let failed = |error: &dyn std::fmt::Display| RunError::Settings(format!("could not sign the request: {error}"));
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
    let mut request = request.body(body).map_err(|error| failed(&error))?;
    instructions.apply_to_request_http1x(&mut request);
    let (parts, body) = request.into_parts();
    Ok(client.post(uri).headers(parts.headers).body(body))
}
