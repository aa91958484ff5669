//! Assumes a role whose profile names an MFA device. The SDK ignores `mfa_serial`, and AWS then refuses the role.

use aws_config::SdkConfig;
use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use futures_util::future::BoxFuture;

use super::session_cache::SessionCache;
use super::{IdentityError, MfaPrompt};

/// Credentials of a role of a profile, through all profiles that it is assumed by.
pub(super) struct MfaRoleProvider {
    profile: String,
    sections: ProfileSet,
    ask: Option<MfaPrompt>,
    cache: SessionCache,
    config: SdkConfig,
    provider_config: ProviderConfig,
}

impl std::fmt::Debug for MfaRoleProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MfaRoleProvider").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl ProvideCredentials for MfaRoleProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials_of(&self.profile, 0))
    }
}

impl MfaRoleProvider {
    pub(super) fn new(
        profile: &str,
        sections: &ProfileSet,
        ask: Option<MfaPrompt>,
        cache: SessionCache,
        config: &SdkConfig,
        provider_config: ProviderConfig,
    ) -> Self {
        let (profile, sections, config) = (profile.to_owned(), sections.clone(), config.clone());
        Self { profile, sections, ask, cache, config, provider_config }
    }

    fn credentials_of<'a>(
        &'a self,
        name: &'a str,
        depth: usize,
    ) -> BoxFuture<'a, Result<Credentials, CredentialsError>> {
        Box::pin(async move {
            let profile = self.sections.get_profile(name).filter(|_| depth < 10);
            let Some(profile) = profile else {
                let message = format!("the AWS profile {name}, a `source_profile`, doesn't exist or is its own source");
                let remedy = "correct `source_profile` in ~/.aws/config";
                return Err(CredentialsError::provider_error(IdentityError::new(message, remedy)));
            };
            // As the SDK does: the keys of a source come before its role, so that a profile can be its own source.
            if let Some(keys) = own_keys(profile).filter(|_| depth > 0) {
                return Ok(keys);
            }
            match (profile.get("role_arn"), profile.get("source_profile")) {
                (Some(role), Some(source)) => {
                    let base = self.credentials_of(source, depth + 1).await?;
                    self.assume_role(profile, role, base).await
                }
                _ => {
                    let builder = ProfileFileCredentialsProvider::builder().configure(&self.provider_config);
                    builder.profile_name(name).build().provide_credentials().await
                }
            }
        })
    }

    async fn assume_role(
        &self,
        profile: &Profile,
        role: &str,
        base: Credentials,
    ) -> Result<Credentials, CredentialsError> {
        let kept_as = [
            profile.name(),
            role,
            profile.get("mfa_serial").unwrap_or_default(),
            profile.get("external_id").unwrap_or_default(),
            profile.get("role_session_name").unwrap_or_default(),
            profile.get("duration_seconds").unwrap_or_default(),
            base.access_key_id(),
        ]
        .map(ToOwned::to_owned);
        let kept_as = kept_as.each_ref().map(String::as_str);
        let device = profile.get("mfa_serial");
        if let Some(kept) = device.and_then(|_| self.cache.load(&kept_as)) {
            return Ok(kept);
        }
        let mut config = self.config.to_builder();
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(base)));
        config.set_identity_cache(None);
        let sts = aws_sdk_sts::Client::new(&config.build());
        let session = profile.get("role_session_name").unwrap_or("deployer");
        let mut request = sts.assume_role().role_arn(role).role_session_name(session);
        request = request.set_external_id(profile.get("external_id").map(ToOwned::to_owned));
        request = request.set_duration_seconds(profile.get("duration_seconds").and_then(|text| text.parse().ok()));
        if let Some(device) = device {
            let code = self.ask_code(profile.name(), device).await.map_err(CredentialsError::provider_error)?;
            request = request.serial_number(device).token_code(code);
        }
        let answer = request.send().await.map_err(CredentialsError::provider_error)?;
        let found = answer.credentials().ok_or_else(|| CredentialsError::unhandled("STS returned no credentials"))?;
        let credentials = Credentials::new(
            found.access_key_id(),
            found.secret_access_key(),
            Some(found.session_token().to_owned()),
            (*found.expiration()).try_into().ok(),
            "AssumeRole with MFA",
        );
        if device.is_some() {
            self.cache.store(&kept_as, &credentials);
        }
        Ok(credentials)
    }

    async fn ask_code(&self, profile: &str, device: &str) -> Result<String, IdentityError> {
        let export = format!("eval \"$(aws configure export-credentials --profile {profile} --format env)\"");
        let Some(ask) = self.ask.clone() else {
            return Err(IdentityError::new(
                format!(
                    "the AWS profile {profile} needs a code of the MFA device {device}, and there is no terminal to ask on"
                ),
                format!("run this on a terminal, or get credentials first: `{export}`"),
            ));
        };
        let device = device.to_owned();
        let asked = tokio::task::spawn_blocking(move || ask(&device)).await;
        match asked.map(|answer| answer.map(|code| code.trim().to_owned())) {
            Ok(Ok(code)) if !code.is_empty() => Ok(code),
            _ => Err(IdentityError::new(
                format!("no code was entered for the MFA device of the AWS profile {profile}"),
                "run the same command again, and enter the code that the device shows",
            )),
        }
    }
}

/// The keys in a profile.
fn own_keys(profile: &Profile) -> Option<Credentials> {
    let key = profile.get("aws_access_key_id")?;
    let secret = profile.get("aws_secret_access_key")?;
    let session = profile.get("aws_session_token").map(ToOwned::to_owned);
    Some(Credentials::new(key, secret, session, None, "profile"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region};
    use aws_runtime::env_config::file::EnvConfigFiles;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_types::body::SdkBody;
    use aws_types::os_shim_internal::{Env, Fs};

    use super::*;
    use crate::identity::profile::{CredentialSource, describe_profile};

    const CONFIG: &str = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n\
                          [profile ops]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = base\n\
                          mfa_serial = arn:aws:iam::123456789012:mfa/ana\nexternal_id = ours\n";
    const ASSUMED: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
                           <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                           <Expiration>2040-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
                           </AssumeRoleResponse>";

    /// An STS that lets every role be assumed, and keeps the requests.
    #[derive(Debug, Clone, Default)]
    struct Sts {
        bodies: Arc<Mutex<Vec<String>>>,
    }

    impl HttpConnector for Sts {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let body = request.body().bytes().unwrap_or_default();
            self.bodies.lock().expect("no panic").push(String::from_utf8_lossy(body).into_owned());
            let response = http::Response::builder().status(200).body(SdkBody::from(ASSUMED)).expect("a response");
            HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).expect("a response")))
        }
    }

    async fn assume_role(ask: Option<MfaPrompt>) -> (Result<Credentials, CredentialsError>, Vec<String>) {
        assume_kept_role(ask, SessionCache::default()).await
    }

    async fn assume_kept_role(
        ask: Option<MfaPrompt>,
        cache: SessionCache,
    ) -> (Result<Credentials, CredentialsError>, Vec<String>) {
        let env = Env::from_slice(&[("HOME", "/home/ana")]);
        let fs = Fs::from_slice(&[("/home/ana/.aws/config", CONFIG)]);
        let sections = aws_config::profile::load(&fs, &env, &EnvConfigFiles::default(), Some("ops".into())).await;
        let sections = sections.expect("the profiles are valid");
        let chosen = describe_profile(sections.clone(), "ops");
        assert_eq!((chosen.source, chosen.base.as_str()), (CredentialSource::MfaRole, "base"));

        let sts = Sts::default();
        let connector = sts.clone();
        let http = http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| {
            SharedHttpConnector::new(connector.clone())
        });
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .http_client(http)
            .build();
        let provider = MfaRoleProvider::new("ops", &sections, ask, cache, &config, ProviderConfig::empty());
        let assumed = provider.provide_credentials().await;
        let bodies = sts.bodies.lock().expect("no panic").clone();
        (assumed, bodies)
    }

    #[tokio::test]
    async fn asks_for_the_code_and_sends_it_with_the_device() {
        let ask = |device: &str| {
            assert_eq!(device, "arn:aws:iam::123456789012:mfa/ana");
            Ok(" 123456\n".to_owned())
        };
        let (assumed, bodies) = assume_role(Some(Arc::new(ask))).await;
        assert_eq!(assumed.expect("the role is assumed").access_key_id(), "ASIAROLE");
        let [body] = bodies.as_slice() else { panic!("{bodies:?}") };
        let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        for (name, value) in [
            ("RoleArn", "arn:aws:iam::123456789012:role/ops"),
            ("SerialNumber", "arn:aws:iam::123456789012:mfa/ana"),
            ("TokenCode", "123456"),
            ("ExternalId", "ours"),
        ] {
            assert!(pairs.contains(&(name.to_owned(), value.to_owned())), "{name}: {pairs:?}");
        }
    }

    #[tokio::test]
    async fn one_code_is_enough_for_a_session() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let cache = SessionCache::in_directory(home.path());
        let (assumed, bodies) =
            assume_kept_role(Some(Arc::new(|_: &str| Ok("123456".to_owned()))), cache.clone()).await;
        assert!(assumed.is_ok() && bodies.len() == 1, "{bodies:?}");
        // The next command has nobody to ask, and needs nobody.
        let (kept, bodies) = assume_kept_role(None, cache).await;
        assert_eq!(kept.expect("the session is kept").access_key_id(), "ASIAROLE");
        assert_eq!(bodies, Vec::<String>::new());
    }

    #[tokio::test]
    async fn says_what_to_do_where_nobody_can_be_asked() {
        let (refused, bodies) = assume_role(None).await;
        let refused = refused.expect_err("there is nobody to ask");
        let refused = crate::identity::find_source::<IdentityError>(&refused).expect("our error").clone();
        assert!(refused.message.contains("the AWS profile ops needs a code of the MFA device"), "{refused}");
        assert!(refused.remedy.contains("aws configure export-credentials --profile ops"), "{}", refused.remedy);
        assert_eq!(bodies, Vec::<String>::new());
    }
}
