//! The function's environment, read and checked once at its start.

use std::time::Duration;

use crate::error::RunError;
use sync_config::config::{
    ENV_ANSWER_TIMEOUT_MS, ENV_FLAG_PROPERTY, ENV_HUBSPOT_BASE_URI, ENV_SECRET_ARN, ENV_SYNC_CONFIG,
    ENV_TRIPLESEAT_BASE_URI, ENV_VENUE, HUBSPOT_BASE_URI, LedgerProperties, SyncConfig, TRIPLESEAT_BASE_URI,
};

/// What one venue's runs go by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The venue's name.
    pub venue: String,
    /// Its five properties.
    pub ledger: LedgerProperties,
    /// HubSpot's address, without a slash at its end.
    pub hubspot_base_uri: String,
    /// Tripleseat's address, without a slash at its end.
    pub tripleseat_base_uri: String,
    /// The secret with the credentials; without it they are in the environment.
    pub secret_arn: Option<String>,
    /// What every answer has in place of the usual time; a test sets it.
    pub answer_timeout: Option<Duration>,
    /// The rest.
    pub config: SyncConfig,
}

impl Settings {
    /// Reads the environment through `variable`.
    ///
    /// # Errors
    /// A variable is missing or can't be read, or an address isn't `https` and isn't on this machine either.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, RunError> {
        let given = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let required =
            |name: &str| given(name).ok_or_else(|| RunError::Settings(format!("the variable {name} isn't set")));
        let venue = required(ENV_VENUE)?;
        let flag = required(ENV_FLAG_PROPERTY)?;
        let config: SyncConfig = match given(ENV_SYNC_CONFIG) {
            Some(json) => serde_json::from_str(&json).map_err(|error| {
                RunError::Settings(format!("the variable {ENV_SYNC_CONFIG} can't be read: {error}"))
            })?,
            None => SyncConfig::default(),
        };
        let milliseconds = given(ENV_ANSWER_TIMEOUT_MS).map(|text| text.parse()).transpose().map_err(|error| {
            RunError::Settings(format!("the variable {ENV_ANSWER_TIMEOUT_MS} can't be read: {error}"))
        })?;
        Ok(Self {
            ledger: LedgerProperties::new(&venue, &flag),
            venue,
            hubspot_base_uri: address(ENV_HUBSPOT_BASE_URI, given(ENV_HUBSPOT_BASE_URI), HUBSPOT_BASE_URI)?,
            tripleseat_base_uri: address(ENV_TRIPLESEAT_BASE_URI, given(ENV_TRIPLESEAT_BASE_URI), TRIPLESEAT_BASE_URI)?,
            secret_arn: given(ENV_SECRET_ARN),
            answer_timeout: milliseconds.map(Duration::from_millis),
            config,
        })
    }
}

fn address(name: &str, given: Option<String>, default: &str) -> Result<String, RunError> {
    let Some(given) = given else { return Ok(default.to_owned()) };
    let given = given.trim_end_matches('/');
    check_address(given).map_err(|why| RunError::Settings(format!("the variable {name}: {why}")))?;
    Ok(given.to_owned())
}

/// Credentials and personal data go over TLS, or not beyond this machine.
///
/// # Errors
/// Why the address may not be used.
pub fn check_address(uri: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(uri).map_err(|error| format!("`{uri}` is no address: {error}"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(format!("`{uri}` isn't encrypted; plain http is for this machine only")),
        _ => Err(format!("`{uri}` must begin with https://")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, RunError> {
        Settings::from_environment(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn two_variables_are_enough() {
        let settings = read(&[("VENUE", "venue-a"), ("HUBSPOT_FLAG_PROPERTY", "sync_a")]).expect("valid");
        assert_eq!(settings.hubspot_base_uri, "https://api.hubapi.com");
        assert_eq!(settings.tripleseat_base_uri, "https://api.tripleseat.com");
        assert_eq!(settings.ledger.flag, "sync_a");
        assert_eq!(settings.ledger.status, "tripleseat_sync_status__venue_a");
    }

    #[test]
    fn mistakes_name_the_variable() {
        let base = [("VENUE", "a"), ("HUBSPOT_FLAG_PROPERTY", "f")];
        for (name, value) in [
            ("HUBSPOT_BASE_URI", "http://example.com"),
            ("TRIPLESEAT_BASE_URI", "ftp://127.0.0.1"),
            ("SYNC_CONFIG", "{\"colour\":1}"),
            ("SYNC_ANSWER_TIMEOUT_MS", "soon"),
        ] {
            let mut pairs = base.to_vec();
            pairs.push((name, value));
            let error = read(&pairs).expect_err(value).to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(read(&base[..1]).expect_err("no flag").to_string().contains("HUBSPOT_FLAG_PROPERTY"));
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for uri in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8080", "https://example.com"] {
            assert_eq!(check_address(uri), Ok(()), "{uri}");
        }
        for uri in ["http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1"] {
            assert!(check_address(uri).is_err(), "{uri}");
        }
    }
}
