//! Who the credentials are for, and what AWS says when it doesn't accept them.

use aws_config::Region;
use aws_smithy_types::retry::RetryConfig;

use crate::{Aws, Call, CallError, FailureKind};

const CALL: &str = "sts:GetCallerIdentity";
/// Attempts of the first call: few, so that a missing network is reported quickly and not after a minute.
const FIRST_TRIES: u32 = 3;

/// The identity behind the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// Account id, 12 digits.
    pub account: String,
    /// The caller's ARN, whose partition is the account's.
    pub arn: String,
}

/// Asks AWS whose credentials these are. It is the first call of every command, so whatever is wrong with them shows here.
///
/// # Errors
/// The call failed, with what mends it.
pub async fn read_caller(aws: &Aws) -> Result<CallerIdentity, CallError> {
    let error = match ask_for_caller(aws, None).await {
        Ok(caller) => return Ok(caller),
        Err(error) => error,
    };
    if error.kind != FailureKind::Unauthenticated || error.remedy.is_some() {
        return Err(error);
    }
    let region = aws.sts.config().region().map(ToString::to_string).unwrap_or_default();
    if matches!(error.code.as_str(), "OptInRequired" | "RegionDisabledException") {
        let message = format!("the region {region} isn't enabled in this account");
        return Err(CallError { message, remedy: Some(enable_region(&region)), ..error });
    }
    // Credentials that AWS knows in the partition's first region, but not in this one: the account hasn't opted in to it.
    if matches!(error.code.as_str(), "InvalidClientTokenId" | "UnrecognizedClientException")
        && let Some(first) = first_region(&region).filter(|first| *first != region)
        && let Ok(known) = ask_for_caller(aws, Some(first)).await
    {
        return Err(CallError {
            message: format!("the region {region} isn't enabled in the account {}", known.account),
            remedy: Some(enable_region(&region)),
            ..error
        });
    }
    Err(CallError { remedy: aws.identity_remedy.as_deref().map(ToOwned::to_owned), ..error })
}

fn enable_region(region: &str) -> String {
    format!("`aws account enable-region --region-name {region}`, or correct `region` in the manifest's [deployment]")
}

async fn ask_for_caller(aws: &Aws, region: Option<&'static str>) -> Result<CallerIdentity, CallError> {
    let retries = aws.sts.config().retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let tries = retries.max_attempts().min(FIRST_TRIES);
    let mut config = aws_sdk_sts::config::Builder::new().retry_config(retries.with_max_attempts(tries));
    if let Some(region) = region {
        config.set_region(Some(Region::from_static(region)));
    }
    let answer = aws.sts.get_caller_identity().customize().config_override(config).send().await.call(CALL)?;
    match (answer.account(), answer.arn()) {
        (Some(account), Some(arn)) => Ok(CallerIdentity { account: account.to_owned(), arn: arn.to_owned() }),
        _ => Err(CallError::unexpected(CALL, "the answer has no account")),
    }
}

/// A region of the same partition that every account has.
fn first_region(region: &str) -> Option<&'static str> {
    match region.split('-').next()? {
        "cn" => Some("cn-north-1"),
        "us" if region.starts_with("us-gov-") => Some("us-gov-west-1"),
        "us" if region.starts_with("us-iso") => None,
        "eu" if region.starts_with("eu-isoe-") => None,
        "eusc" => None,
        _ => Some("us-east-1"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_config::{BehaviorVersion, SdkConfig};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// An answer of STS: status, `Date` and body.
    type StsAnswer = (u16, Option<&'static str>, &'static str);

    /// STS in several regions, by host.
    #[derive(Clone)]
    struct Sts(Arc<dyn Fn(&str) -> StsAnswer + Send + Sync>);

    impl std::fmt::Debug for Sts {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Sts")
        }
    }

    impl HttpConnector for Sts {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let (status, date, body) = (self.0)(request.uri());
            let mut response = http::Response::builder().status(status);
            if let Some(date) = date {
                response = response.header("date", date);
            }
            let response = response.body(SdkBody::from(body)).expect("a response");
            HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).expect("a response")))
        }
    }

    async fn read_caller_in(
        region: &'static str,
        answer: impl Fn(&str) -> StsAnswer + Send + Sync + 'static,
    ) -> Result<CallerIdentity, CallError> {
        let sts = Sts(Arc::new(answer));
        let http = http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| {
            SharedHttpConnector::new(sts.clone())
        });
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(region))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("key", "secret", None)))
            .retry_config(RetryConfig::standard().with_initial_backoff(std::time::Duration::from_millis(1)))
            .http_client(http)
            .build();
        let aws = Aws { identity_remedy: Some("sign in".into()), ..Aws::new(&config) };
        read_caller(&aws).await
    }

    const KNOWN: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn>\
                         <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    const UNKNOWN: &str = "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token included \
                           in the request is invalid.</Message></Error></ErrorResponse>";
    const SKEWED: &str = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message>\
                          </Error></ErrorResponse>";

    #[tokio::test]
    async fn a_region_that_is_not_enabled_is_told_from_wrong_keys() {
        let only_at_home = |uri: &str| match uri.contains("us-east-1") {
            true => (200, None, KNOWN),
            false => (403, None, UNKNOWN),
        };
        let error = read_caller_in("me-south-1", only_at_home).await.expect_err("the region isn't enabled");
        assert_eq!(error.message, "the region me-south-1 isn't enabled in the account 123456789012");
        let hint = error.hint().expect("a hint");
        assert!(hint.starts_with("`aws account enable-region --region-name me-south-1`"), "{hint}");

        let error = read_caller_in("me-south-1", |_| (403, None, UNKNOWN)).await.expect_err("the keys are wrong");
        assert_eq!((error.code.as_str(), error.hint().as_deref()), ("InvalidClientTokenId", Some("sign in")));
        let caller = read_caller_in("me-south-1", |_| (200, None, KNOWN)).await.expect("all is well");
        assert_eq!(caller.account, "123456789012");
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_is_told_from_wrong_keys() {
        let answer = |_: &str| (403, Some("Sat, 01 Jan 2000 00:00:00 GMT"), SKEWED);
        let error = read_caller_in("us-east-1", answer).await.expect_err("the clocks differ");
        assert!(error.message.contains("this machine's clock is"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("timedatectl set-ntp true")), "{error:?}");
    }
}
