//! The function's settings, read from the environment and checked once at startup.

use std::time::Duration;

use crate::error::RunError;
use crate::ledger::AttemptOwner;
use sync_config::address::refuse_host;
use sync_config::config::{
    ENV_ANSWER_TIMEOUT_MS, ENV_FLAG_PROPERTY, ENV_FUNCTION_NAME, ENV_HUBSPOT_BASE_URI, ENV_SECRET_ARN, ENV_SYNC_CONFIG,
    ENV_TRIPLESEAT_BASE_URI, ENV_VENUE, ENV_WAIT_DIVISOR, HUBSPOT_BASE_URI, LedgerProperties, SyncConfig,
    TRIPLESEAT_BASE_URI,
};

/// The settings of one venue's runs.
#[derive(Debug, Clone)]
pub struct SyncSettings {
    /// The venue's name.
    pub venue: String,
    /// Its five HubSpot properties.
    pub ledger: LedgerProperties,
    /// HubSpot's base URL, without a trailing slash.
    pub hubspot_base_uri: String,
    /// Tripleseat's base URL, without a trailing slash.
    pub tripleseat_base_uri: String,
    /// The secret with the credentials; if it is `None`, they are in the environment.
    pub secret_arn: Option<String>,
    /// Overrides the timeout of each request; only tests set it.
    pub answer_timeout: Option<Duration>,
    /// Which function this is.
    pub function: FunctionIdentity,
    /// The settings in `SYNC_CONFIG`.
    pub config: SyncConfig,
}

/// Which of possibly several functions with the same flag this one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionIdentity {
    /// The deployment that the function belongs to, if that is known.
    pub deployment: Option<String>,
    /// The owner of this function's attempts.
    pub owner: AttemptOwner,
    /// All waits are divided by it; only tests set it.
    pub wait_divisor: u32,
}

impl Default for FunctionIdentity {
    fn default() -> Self {
        Self { deployment: None, owner: AttemptOwner::default(), wait_divisor: 1 }
    }
}

impl FunctionIdentity {
    /// The identity of the function with this name and secret, which runs for `venue`. A function's name is that of its
    /// deployment and its venue; a secret's ARN names the account and region as well.
    fn new(venue: &str, function: Option<&str>, secret_arn: Option<&str>, wait_divisor: u32) -> Self {
        let suffix = format!("-{}", venue.replace('_', "-"));
        let deployment = function.and_then(|name| name.strip_suffix(&suffix)).filter(|name| !name.is_empty());
        let identity = [function, secret_arn].map(Option::unwrap_or_default).join(" ");
        Self {
            deployment: deployment.map(ToOwned::to_owned),
            owner: AttemptOwner::from_identity(&identity),
            wait_divisor,
        }
    }
}

impl SyncSettings {
    /// Reads the environment through `variable`.
    ///
    /// # Errors
    /// A variable is missing or invalid, or a URL isn't `https` and isn't on this machine either.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, RunError> {
        let given = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let required = |name: &str| {
            given(name).ok_or_else(|| RunError::Settings(format!("the environment variable {name} isn't set")))
        };
        let venue = required(ENV_VENUE)?;
        let flag = required(ENV_FLAG_PROPERTY)?;
        let config: SyncConfig = match given(ENV_SYNC_CONFIG) {
            Some(json) => serde_json::from_str(&json).map_err(|error| {
                RunError::Settings(format!("the environment variable {ENV_SYNC_CONFIG} is invalid: {error}"))
            })?,
            None => SyncConfig::default(),
        };
        let milliseconds = given(ENV_ANSWER_TIMEOUT_MS).map(|text| text.parse()).transpose().map_err(|error| {
            RunError::Settings(format!("the environment variable {ENV_ANSWER_TIMEOUT_MS} is invalid: {error}"))
        })?;
        let divisor = given(ENV_WAIT_DIVISOR).map(|text| text.parse::<std::num::NonZeroU32>()).transpose();
        let divisor = divisor.map_err(|error| {
            RunError::Settings(format!("the environment variable {ENV_WAIT_DIVISOR} is invalid: {error}"))
        })?;
        let (function, secret_arn) = (given(ENV_FUNCTION_NAME), given(ENV_SECRET_ARN));
        let wait_divisor = divisor.map_or(1, std::num::NonZeroU32::get);
        Ok(Self {
            function: FunctionIdentity::new(&venue, function.as_deref(), secret_arn.as_deref(), wait_divisor),
            ledger: LedgerProperties::new(&venue, &flag),
            venue,
            hubspot_base_uri: base_uri(ENV_HUBSPOT_BASE_URI, given(ENV_HUBSPOT_BASE_URI), HUBSPOT_BASE_URI)?,
            tripleseat_base_uri: base_uri(
                ENV_TRIPLESEAT_BASE_URI,
                given(ENV_TRIPLESEAT_BASE_URI),
                TRIPLESEAT_BASE_URI,
            )?,
            secret_arn,
            answer_timeout: milliseconds.map(Duration::from_millis),
            config,
        })
    }
}

fn base_uri(name: &str, given: Option<String>, default: &str) -> Result<String, RunError> {
    let Some(given) = given else { return Ok(default.to_owned()) };
    let given = given.trim_end_matches('/');
    check_url(given).map_err(|why| RunError::Settings(format!("the environment variable {name} is invalid: {why}")))?;
    Ok(given.to_owned())
}

/// Checks that a URL is safe for credentials and personal data: they go over TLS, or don't leave this machine.
///
/// # Errors
/// Why the URL may not be used.
pub fn check_url(uri: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(uri).map_err(|error| format!("this isn't a valid URL: {error}"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL must not contain a user name or password".to_owned());
    }
    if let Some(why) = refuse_host(host) {
        return Err(format!("`{uri}` can't be used: {why}"));
    }
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(format!("`{uri}` isn't encrypted; plain http is only allowed on this machine")),
        _ => Err(format!("`{uri}` must start with https://")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_from(pairs: &[(&str, &str)]) -> Result<SyncSettings, RunError> {
        SyncSettings::from_environment(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn two_variables_suffice() {
        let settings = settings_from(&[("VENUE", "venue-a"), ("HUBSPOT_FLAG_PROPERTY", "sync_a")]).expect("valid");
        assert_eq!(settings.hubspot_base_uri, "https://api.hubapi.com");
        assert_eq!(settings.tripleseat_base_uri, "https://api.tripleseat.com");
        assert_eq!(settings.ledger.flag, "sync_a");
        assert_eq!(settings.ledger.status, "tripleseat_sync_status__venue_a");
    }

    #[test]
    fn function_names_and_secrets_tell_functions_apart() {
        let of = |function: &str, secret: &str| {
            let pairs = [
                ("VENUE", "the_mill"),
                ("HUBSPOT_FLAG_PROPERTY", "f"),
                ("AWS_LAMBDA_FUNCTION_NAME", function),
                ("SECRET_ARN", secret),
            ];
            settings_from(&pairs).expect("valid").function
        };
        let ours = of("prod-the-mill", "arn:a");
        assert_eq!(ours.deployment.as_deref(), Some("prod"));
        assert_eq!(of("somebody's", "arn:a").deployment, None);
        assert_eq!(of("", "").deployment, None);
        assert_ne!(ours.owner, of("test-the-mill", "arn:a").owner);
        assert_ne!(ours.owner, of("prod-the-mill", "arn:b").owner, "another account's deployment of the same name");
        assert_eq!(ours, of("prod-the-mill", "arn:a"));
    }

    #[test]
    fn errors_name_the_variable() {
        let base = [("VENUE", "a"), ("HUBSPOT_FLAG_PROPERTY", "f")];
        for (name, value) in [
            ("HUBSPOT_BASE_URI", "http://example.com"),
            ("TRIPLESEAT_BASE_URI", "ftp://127.0.0.1"),
            ("SYNC_CONFIG", "{\"colour\":1}"),
            ("SYNC_ANSWER_TIMEOUT_MS", "soon"),
            ("SYNC_WAIT_DIVISOR", "0"),
        ] {
            let mut pairs = base.to_vec();
            pairs.push((name, value));
            let error = settings_from(&pairs).expect_err(value).to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(settings_from(&base[..1]).expect_err("no flag").to_string().contains("HUBSPOT_FLAG_PROPERTY"));
    }

    #[test]
    fn allows_plain_http_only_on_this_machine() {
        for uri in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8080", "https://example.com"] {
            assert_eq!(check_url(uri), Ok(()), "{uri}");
        }
        for uri in [
            "https://user:password@example.com",
            "https://token@example.com",
            "https://169.254.169.254/latest",
            "https://2852039166/",
            "https://0xa9fea9fe/",
            "https://0251.0376.0251.0376/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[fe80::1]",
            "https://[fd00:ec2::254]",
            "https://metadata.google.internal./",
            "http://169.254.170.2/v2/credentials",
        ] {
            let error = check_url(uri).expect_err(uri);
            assert!(!error.contains("password@") && !error.contains("token@"), "{error}");
        }
        for uri in ["http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1"] {
            assert!(check_url(uri).is_err(), "{uri}");
        }
    }
}
