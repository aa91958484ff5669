//! The profile that was chosen, and where its credentials come from.

use std::path::PathBuf;

use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::{IdentityError, IdentityOptions};

/// The profile to use, if any, and what is known about it.
#[derive(Debug, Clone)]
pub(super) struct ChosenProfile {
    /// The profile's name, if one was chosen or `default` exists.
    pub(super) name: Option<String>,
    /// The profile that has the credentials: the last one of a chain of roles.
    pub(super) base: String,
    pub(super) source: CredentialSource,
    /// All profiles, if they were read.
    pub(super) sections: Option<ProfileSet>,
}

/// Where credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CredentialSource {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Environment,
    /// Keys in the profile.
    Keys,
    /// IAM Identity Center.
    Sso,
    /// `aws login`.
    Login,
    /// A token file, named by the profile or by `AWS_WEB_IDENTITY_TOKEN_FILE`.
    WebIdentity(PathBuf),
    /// `credential_process`.
    Process,
    /// A role with an MFA device.
    MfaRole,
    /// `credential_source`.
    Machine,
    /// Nothing that is configured: a container's or an instance's role, if there is one.
    Nothing,
}

impl ChosenProfile {
    fn without_profile(source: CredentialSource) -> Self {
        Self { name: None, base: String::new(), source, sections: None }
    }

    /// What gives the credentials, for a sentence.
    pub(super) fn describe(&self) -> String {
        match (&self.name, &self.source) {
            (_, CredentialSource::Environment) => "AWS_ACCESS_KEY_ID".to_owned(),
            (Some(name), _) => format!("the AWS profile {name}"),
            (None, CredentialSource::WebIdentity(_)) => "AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(),
            (None, _) => "this machine".to_owned(),
        }
    }

    /// What to do when AWS rejects the credentials.
    pub(super) fn remedy(&self) -> String {
        let base = &self.base;
        match &self.source {
            CredentialSource::Environment => {
                "the credentials in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are wrong or have \
                 expired: set current ones, or unset them and choose a profile with `--profile NAME`"
                    .to_owned()
            }
            CredentialSource::Sso => format!("`aws sso login --profile {base}`"),
            CredentialSource::Login => format!("`aws login --profile {base}`"),
            CredentialSource::Keys => {
                format!("`aws configure --profile {base}` sets current keys in the profile {base}")
            }
            CredentialSource::WebIdentity(path) => format!("get a current token into {}", path.display()),
            CredentialSource::Process => {
                format!("run the `credential_process` of the profile {base} by itself, and see what it says")
            }
            CredentialSource::MfaRole => {
                "enter the device's current code; each code is taken once. A session is kept until it expires: \
                 delete ~/.aws/cli/cache/deployer-*.json to start another"
                    .to_owned()
            }
            CredentialSource::Machine | CredentialSource::Nothing => {
                "sign in (`aws sso login`), choose a profile with `--profile NAME` or AWS_PROFILE, or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `--local` uses the cloud on this machine"
                    .to_owned()
            }
        }
    }
}

/// Chooses as the AWS CLI does: `--profile`, then keys in the environment, then `AWS_PROFILE`, then `default`.
///
/// # Errors
/// The profile that was asked for isn't there, or the files of the profiles can't be read.
pub(super) async fn choose_profile(options: &IdentityOptions) -> Result<ChosenProfile, IdentityError> {
    if options.profile.is_none()
        && variable("AWS_ACCESS_KEY_ID").is_some()
        && variable("AWS_SECRET_ACCESS_KEY").is_some()
    {
        return Ok(ChosenProfile::without_profile(CredentialSource::Environment));
    }
    let asked = options.profile.clone().or_else(|| variable("AWS_PROFILE"));
    let files = EnvConfigFiles::default();
    let name = asked.clone().unwrap_or_else(|| "default".to_owned());
    let sections = aws_config::profile::load(&Fs::real(), &Env::real(), &files, Some(name.clone().into())).await;
    let sections = sections.map_err(|error| {
        let mut root: &dyn std::error::Error = &error;
        while let Some(source) = root.source() {
            root = source;
        }
        IdentityError::new(
            format!("could not read the AWS profiles: {root}"),
            "correct ~/.aws/config and ~/.aws/credentials, or the files that AWS_CONFIG_FILE and \
             AWS_SHARED_CREDENTIALS_FILE name",
        )
    })?;
    match (sections.get_profile(&name).is_some(), asked) {
        (true, asked) => {
            let chosen = describe_profile(sections, &name);
            // Nobody chose `default`: without credentials, it is as if it weren't there.
            let is_nothing = asked.is_none() && chosen.source == CredentialSource::Nothing;
            Ok(if is_nothing { ChosenProfile::without_profile(source_of_machine()) } else { chosen })
        }
        (false, Some(name)) => Err(missing_profile(&sections, &name, options.profile.is_some())),
        (false, None) => Ok(ChosenProfile::without_profile(source_of_machine())),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn source_of_machine() -> CredentialSource {
    match variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
        Some(path) => CredentialSource::WebIdentity(path.into()),
        None => CredentialSource::Nothing,
    }
}

fn missing_profile(sections: &ProfileSet, name: &str, by_flag: bool) -> IdentityError {
    let mut known: Vec<&str> = sections.profiles().collect();
    known.sort_unstable();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let origin = if by_flag { "--profile" } else { "AWS_PROFILE" };
    IdentityError::new(
        format!("there is no AWS profile {name} ({origin}); the profiles are: {known}"),
        format!("choose one of these, or create it: `aws configure sso --profile {name}`"),
    )
}

/// Follows a chain of roles to the profile that has the credentials.
pub(super) fn describe_profile(sections: ProfileSet, name: &str) -> ChosenProfile {
    let mut base = name.to_owned();
    let mut seen = Vec::new();
    let mut has_device = false;
    while let Some(profile) = sections.get_profile(&base) {
        has_device |= profile.get("mfa_serial").is_some() && profile.get("role_arn").is_some();
        let next = profile.get("source_profile").filter(|_| profile.get("role_arn").is_some());
        // A profile may be its own source, with its own keys.
        match next.filter(|next| *next != base && !seen.contains(&base)) {
            Some(next) => seen.push(std::mem::replace(&mut base, next.to_owned())),
            None => break,
        }
    }
    let source = match sections.get_profile(&base) {
        _ if has_device => CredentialSource::MfaRole,
        Some(profile) => base_source(profile),
        None => CredentialSource::Nothing,
    };
    ChosenProfile { name: Some(name.to_owned()), base, source, sections: Some(sections) }
}

fn base_source(profile: &Profile) -> CredentialSource {
    let has = |key: &str| profile.get(key).is_some();
    match profile.get("web_identity_token_file") {
        Some(path) if has("role_arn") => CredentialSource::WebIdentity(path.into()),
        _ if has("credential_source") => CredentialSource::Machine,
        _ if has("sso_session") || has("sso_start_url") => CredentialSource::Sso,
        _ if has("login_session") => CredentialSource::Login,
        _ if has("credential_process") => CredentialSource::Process,
        _ if has("aws_access_key_id") => CredentialSource::Keys,
        _ => CredentialSource::Nothing,
    }
}
