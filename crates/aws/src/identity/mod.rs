//! Whose credentials AWS is called with, and what is wrong when there are none.
//!
//! The SDK finds credentials as every AWS tool does. What it says when it finds none speaks of its own layers, and a
//! profile that doesn't exist lets it go on to the keys of the instance. So the choice of the profile is made here, the
//! credentials are loaded once before the first call, and each failure becomes an [`IdentityError`] with the command that
//! mends it. What a failure is, is decided by the SDK's error types and by the kind of the profile, never by words in a
//! message.
//!
//! - [`profile`] is what a profile is: where its credentials come from;
//! - [`explain`] turns the SDK's errors into ours;
//! - [`mfa`] assumes a role whose profile has an MFA device, which the SDK doesn't, and [`session_cache`] keeps what that gives;
//! - [`caller`] asks AWS who that is.

mod caller;
mod explain;
mod mfa;
mod profile;
mod session_cache;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use deployer_network::NetworkSettings;

pub use caller::{CallerIdentity, read_caller};
pub(crate) use explain::find_source;
use profile::{ChosenProfile, CredentialSource};
use session_cache::SessionCache;

/// How long loading the credentials may take: a `credential_process` may ask somebody for a password, and so do we for a
/// code.
const LONGEST_LOAD: Duration = Duration::from_secs(300);
/// Without anybody to ask.
const LONGEST_LOAD_ALONE: Duration = Duration::from_secs(60);
/// Credentials are loaded again this long before they expire.
const EARLY: Duration = Duration::from_secs(60);

/// Asks for the current code of the MFA device with this serial number or ARN.
pub type MfaPrompt = Arc<dyn Fn(&str) -> std::io::Result<String> + Send + Sync>;

/// Which credentials to use.
#[derive(Clone, Default)]
pub struct IdentityOptions {
    /// The profile of `--profile`. It comes before everything in the environment.
    pub profile: Option<String>,
    /// `None` if there is nobody to ask.
    pub ask_mfa_code: Option<MfaPrompt>,
}

/// Why there are no credentials, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityError {
    /// What is wrong.
    pub message: String,
    /// What mends it.
    pub remedy: String,
    /// Whether the network is the reason, so that the credentials themselves may be fine.
    pub is_network: bool,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for IdentityError {}

impl IdentityError {
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into(), is_network: false }
    }
}

/// Credentials that were loaded, or why they weren't.
#[derive(Debug, Clone)]
pub(crate) struct LoadedIdentity {
    /// The credentials' provider, for the clients.
    pub(crate) provider: IdentityProvider,
    /// What to do when AWS rejects these credentials.
    pub(crate) remedy: String,
}

/// Provides the credentials that were loaded at the start, and later ones when these expire.
#[derive(Debug, Clone)]
pub(crate) struct IdentityProvider {
    first: Result<Credentials, IdentityError>,
    loader: Option<Arc<IdentityLoader>>,
}

#[derive(Debug)]
struct IdentityLoader {
    chosen: ChosenProfile,
    provider: Box<dyn ProvideCredentials>,
}

impl IdentityLoader {
    async fn load(&self) -> Result<Credentials, IdentityError> {
        self.provider.provide_credentials().await.map_err(|error| explain::explain_failure(&self.chosen, &error))
    }
}

impl ProvideCredentials for IdentityProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let is_good =
            |credentials: &Credentials| credentials.expiry().is_none_or(|expiry| expiry > SystemTime::now() + EARLY);
        match (&self.first, &self.loader) {
            (Err(error), _) => future::ProvideCredentials::ready(Err(CredentialsError::provider_error(error.clone()))),
            (Ok(credentials), None) => future::ProvideCredentials::ready(Ok(credentials.clone())),
            (Ok(credentials), Some(_)) if is_good(credentials) => {
                future::ProvideCredentials::ready(Ok(credentials.clone()))
            }
            (Ok(_), Some(loader)) => {
                future::ProvideCredentials::new(async { loader.load().await.map_err(CredentialsError::provider_error) })
            }
        }
    }
}

/// Finds and loads the credentials. `config` has the region, the HTTP client and the settings of the environment.
pub(crate) async fn load_identity(options: &IdentityOptions, config: &SdkConfig) -> LoadedIdentity {
    let network = NetworkSettings::from_environment().map_err(|error| {
        IdentityError::new(error.to_string(), "correct the variable, or unset it where no company's proxy is needed")
    });
    let chosen = match network {
        Ok(_) => profile::choose_profile(options).await,
        Err(error) => Err(error),
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(error) => {
            let remedy = error.remedy.clone();
            return LoadedIdentity { provider: IdentityProvider { first: Err(error), loader: None }, remedy };
        }
    };
    let remedy = chosen.remedy();
    let provider = build_provider(&chosen, options, config).await;
    let loader = IdentityLoader { chosen, provider };
    let asks = options.ask_mfa_code.is_some() || loader.chosen.source == CredentialSource::Process;
    let longest = if asks { LONGEST_LOAD } else { LONGEST_LOAD_ALONE };
    let first = match tokio::time::timeout(longest, loader.load()).await {
        Ok(loaded) => loaded,
        Err(_) => Err(IdentityError {
            is_network: true,
            ..IdentityError::new(
                format!("{} gave no credentials within {} s", loader.chosen.describe(), longest.as_secs()),
                "check the network, and the proxy if there is one (HTTPS_PROXY)",
            )
        }),
    };
    LoadedIdentity { provider: IdentityProvider { first, loader: Some(Arc::new(loader)) }, remedy }
}

async fn build_provider(
    chosen: &ChosenProfile,
    options: &IdentityOptions,
    config: &SdkConfig,
) -> Box<dyn ProvideCredentials> {
    let provider_config = provider_config(config);
    if let (CredentialSource::MfaRole, Some(sections)) = (&chosen.source, &chosen.sections) {
        let name = chosen.name.clone().unwrap_or_default();
        return Box::new(mfa::MfaRoleProvider::new(
            &name,
            sections,
            options.ask_mfa_code.clone(),
            SessionCache::of_user(),
            config,
            provider_config,
        ));
    }
    match &chosen.name {
        // Only this profile: nothing else may be meant.
        Some(name) if options.profile.is_some() => {
            Box::new(ProfileFileCredentialsProvider::builder().configure(&provider_config).profile_name(name).build())
        }
        name => {
            let mut chain = DefaultCredentialsChain::builder().configure(provider_config);
            chain.set_region(config.region().cloned());
            if let Some(name) = name {
                chain = chain.profile_name(name);
            }
            Box::new(chain.build().await)
        }
    }
}

/// The settings of the clients that the SDK uses to get credentials: the same network and endpoints as ours.
fn provider_config(config: &SdkConfig) -> ProviderConfig {
    let mut provider = ProviderConfig::without_region()
        .with_region(config.region().cloned().or_else(|| Some(Region::from_static("us-east-1"))))
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    if let Some(http) = config.http_client() {
        provider = provider.with_http_client(http);
    }
    provider
}
