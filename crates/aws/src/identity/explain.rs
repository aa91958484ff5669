//! Why the SDK got no credentials, told by its error types and by the kind of the profile.

use std::error::Error as StdError;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::IdentityError;
use super::profile::{ChosenProfile, CredentialSource};

/// The first error of type `E` on the way from `error` to its root.
pub(crate) fn find_source<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The last error on the way.
fn root_of(error: &(dyn StdError + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

/// What a service answered when it was asked for credentials: code and message.
fn answer_of<E: ProvideErrorMetadata + StdError + 'static>(error: &CredentialsError) -> Option<(String, String)> {
    let failed = find_source::<SdkError<E, HttpResponse>>(error)?.as_service_error()?;
    Some((failed.code().unwrap_or_default().to_owned(), failed.message().unwrap_or_default().to_owned()))
}

/// Says why the chosen profile gave no credentials.
pub(super) fn explain_failure(chosen: &ChosenProfile, error: &CredentialsError) -> IdentityError {
    if let Some(explained) = find_source::<IdentityError>(error) {
        return explained.clone();
    }
    let (what, base) = (chosen.describe(), &chosen.base);
    let remedy = chosen.remedy();
    if let CredentialSource::WebIdentity(path) = &chosen.source
        && let Err(why) = std::fs::metadata(path)
    {
        let origin = if chosen.name.is_some() { "web_identity_token_file" } else { "AWS_WEB_IDENTITY_TOKEN_FILE" };
        return IdentityError::new(
            format!("could not read the web identity token file {} ({origin}): {why}", path.display()),
            "check that the token is mounted where the variable or the profile says",
        );
    }
    if let Some(imds) = find_source::<ImdsError>(error) {
        return IdentityError::new(
            format!("the instance's metadata service (IMDS) gave no credentials: {}", root_of(imds)),
            "`aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled` turns it on; or choose \
             a profile with `--profile NAME`",
        );
    }
    if find_source::<ConnectorError>(error).is_some() || matches!(error, CredentialsError::ProviderTimedOut(_)) {
        return IdentityError {
            is_network: true,
            ..IdentityError::new(
                format!("could not reach the service that gives the credentials of {what}: {}", root_of(error)),
                "check the network, and the proxy if there is one (HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE)",
            )
        };
    }
    if let Some((code, message)) = answer_of::<AssumeRoleError>(error) {
        return IdentityError::new(
            format!("{what} may not assume its role: {code}: {message}"),
            format!("let the credentials of the profile {base} do `sts:AssumeRole`, and the role trust them"),
        );
    }
    if let Some((code, message)) = answer_of::<AssumeRoleWithWebIdentityError>(error) {
        return IdentityError::new(format!("AWS rejected the web identity token: {code}: {message}"), remedy);
    }
    match &chosen.source {
        CredentialSource::Sso => match find_source::<SdkError<GetRoleCredentialsError, HttpResponse>>(error) {
            Some(failed)
                if !failed.as_service_error().is_some_and(GetRoleCredentialsError::is_unauthorized_exception) =>
            {
                let answer = answer_of::<GetRoleCredentialsError>(error);
                let (code, message) = answer.unwrap_or_else(|| (String::new(), root_of(error)));
                IdentityError::new(
                    format!("IAM Identity Center refuses the role of the profile {base}: {code}: {message}"),
                    format!(
                        "check `sso_account_id` and `sso_role_name` of the profile {base}, and that the role is assigned \
                         to you"
                    ),
                )
            }
            _ => IdentityError::new(
                format!("the sign-in (SSO) of the AWS profile {base} has expired, or there was none"),
                remedy,
            ),
        },
        CredentialSource::Login => IdentityError::new(
            format!("the sign-in (`aws login`) of the AWS profile {base} has expired, or there was none"),
            remedy,
        ),
        CredentialSource::Process => IdentityError::new(
            format!("the `credential_process` of the AWS profile {base} failed: {}", root_of(error)),
            remedy,
        ),
        CredentialSource::Nothing if chosen.name.is_some() => {
            IdentityError::new(format!("{what} has no credentials"), format!("`aws configure sso --profile {base}`"))
        }
        CredentialSource::Nothing if matches!(error, CredentialsError::CredentialsNotLoaded(_)) => {
            let off = std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
            let of_machine = match off {
                true => "the instance metadata service (IMDS) is disabled by AWS_EC2_METADATA_DISABLED",
                false => "no container or instance role answers",
            };
            let message = format!(
                "no AWS credentials were found: AWS_ACCESS_KEY_ID isn't set, there is no profile default with any, and {of_machine}"
            );
            IdentityError::new(message, remedy)
        }
        _ => IdentityError::new(format!("{what} gave no credentials: {}", root_of(error)), remedy),
    }
}
