//! Credentials of a session that somebody entered an MFA code for, kept until they expire, so that one code is enough for all
//! commands of that time. They are where the AWS CLI keeps its own, in its format, readable only by their owner.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Credentials that expire sooner aren't used: a command takes minutes.
const LEFT_AT_LEAST: Duration = Duration::from_secs(300);

/// The kept sessions.
#[derive(Debug, Clone, Default)]
pub(super) struct SessionCache {
    /// `None` where nothing is kept.
    directory: Option<PathBuf>,
}

impl SessionCache {
    /// The cache in the home directory; without one, nothing is kept.
    pub(super) fn of_user() -> Self {
        let home = std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).filter(|home| !home.is_empty());
        Self { directory: home.map(|home| PathBuf::from(home).join(".aws/cli/cache")) }
    }

    #[cfg(test)]
    pub(super) fn in_directory(directory: &std::path::Path) -> Self {
        Self { directory: Some(directory.to_owned()) }
    }

    /// The file of the session that these words identify: whoever asks for another role, device or base gets another.
    fn path_of(&self, session: &[&str]) -> Option<PathBuf> {
        let digest = Sha256::digest(json!(session).to_string());
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Some(self.directory.as_ref()?.join(format!("deployer-{name}.json")))
    }

    /// The kept credentials, if they are still good for a while. What can't be read isn't there.
    pub(super) fn load(&self, session: &[&str]) -> Option<Credentials> {
        let bytes = private_files::read_private_file(&self.path_of(session)?).ok()??;
        let kept: Value = serde_json::from_slice(&bytes).ok()?;
        let text = |member: &str| kept["Credentials"][member].as_str();
        let expiry: Timestamp = text("Expiration")?.parse().ok()?;
        let expiry = SystemTime::from(expiry);
        (expiry > SystemTime::now() + LEFT_AT_LEAST).then_some(())?;
        let token = text("SessionToken")?.to_owned();
        let (key, secret) = (text("AccessKeyId")?, text("SecretAccessKey")?);
        Some(Credentials::new(key, secret, Some(token), Some(expiry), "AssumeRole with MFA"))
    }

    /// Keeps credentials that expire. Where that fails, the next command asks again.
    pub(super) fn store(&self, session: &[&str], credentials: &Credentials) {
        let (Some(path), Some(expiry)) = (self.path_of(session), credentials.expiry()) else { return };
        let Ok(expiry) = Timestamp::try_from(expiry) else { return };
        let kept = json!({
            "Credentials": {
                "AccessKeyId": credentials.access_key_id(),
                "SecretAccessKey": credentials.secret_access_key(),
                "SessionToken": credentials.session_token(),
                "Expiration": expiry.to_string(),
            },
        });
        let mut directory = std::fs::DirBuilder::new();
        directory.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
        let made = path.parent().is_none_or(|parent| directory.create(parent).is_ok());
        if made {
            let _ = private_files::replace_private_file(&path, kept.to_string().as_bytes());
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]
mod tests {
    use super::*;

    fn session_until(expiry: SystemTime) -> Credentials {
        Credentials::new("ASIA", "secret", Some("token".to_owned()), Some(expiry), "test")
    }

    #[test]
    fn keeps_a_session_for_its_owner_until_it_expires() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let cache = SessionCache::in_directory(&home.path().join(".aws/cli/cache"));
        let (session, other) = (["ops", "role", "device"], ["ops", "another role", "device"]);
        assert!(cache.load(&session).is_none());
        cache.store(&session, &session_until(SystemTime::now() + Duration::from_secs(3600)));
        let kept = cache.load(&session).expect("it is kept");
        assert_eq!((kept.access_key_id(), kept.session_token()), ("ASIA", Some("token")));
        assert!(cache.load(&other).is_none());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = cache.path_of(&session).expect("a path");
            assert_eq!(path.metadata().expect("it exists").permissions().mode() & 0o777, 0o600);
        }
        cache.store(&session, &session_until(SystemTime::now() + Duration::from_secs(200)));
        assert!(cache.load(&session).is_none(), "it ends before a command might");
        std::fs::write(cache.path_of(&session).expect("a path"), "{").expect("written");
        assert!(cache.load(&session).is_none());
    }

    #[test]
    fn without_a_home_nothing_is_kept() {
        let cache = SessionCache::default();
        cache.store(&["ops"], &session_until(SystemTime::now() + Duration::from_secs(3600)));
        assert!(cache.load(&["ops"]).is_none());
    }
}
