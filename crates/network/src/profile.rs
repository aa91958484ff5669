//! What an AWS profile says about the network: `ca_bundle`, which the SDK doesn't read.
//!
//! The format is that of <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::given_variable;

static CHOSEN: OnceLock<String> = OnceLock::new();

/// Sets the profile of this run, which comes before `AWS_PROFILE`. Called once, when the command line was read.
pub fn choose_profile(name: &str) {
    // A second call could only come from a test; the first one counts.
    let _ = CHOSEN.set(name.to_owned());
}

/// The file of certificates that the profile names.
pub(crate) fn configured_bundle() -> Option<PathBuf> {
    let home = given_variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from);
    let config = given_variable("AWS_CONFIG_FILE").map(PathBuf::from);
    let config = config.or_else(|| Some(home.as_ref()?.join(".aws/config")))?;
    // A file that can't be read is said where the profile is chosen.
    let text = bounds::read_regular_text(&config, bounds::MAX_TEXT_FILE).ok()?;
    let name = CHOSEN.get().cloned().or_else(|| given_variable("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned());
    let path = find_setting(&text, &name, "ca_bundle")?;
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Some(home.join(rest)),
        _ => Some(Path::new(path).to_owned()),
    }
}

/// A setting of a profile. The last one counts.
fn find_setting<'text>(text: &'text str, profile: &str, key: &str) -> Option<&'text str> {
    let mut is_in_profile = false;
    let mut found = None;
    for line in text.lines() {
        if let Some(header) = line.trim_start().strip_prefix('[') {
            let name = header.split(']').next().unwrap_or_default().trim();
            let name = match name.strip_prefix("profile") {
                Some(rest) if rest.starts_with([' ', '\t']) => rest.trim().trim_matches(['"', '\'']),
                _ if name == "default" => name,
                _ => "",
            };
            is_in_profile = !name.is_empty() && name == profile;
        } else if is_in_profile && !line.starts_with([' ', '\t', '#', ';']) {
            // An indented line belongs to the setting above it.
            let Some((name, value)) = line.split_once('=') else { continue };
            let value = [" #", " ;", "\t#", "\t;"]
                .iter()
                .filter_map(|mark| value.find(mark))
                .min()
                .map_or(value, |end| &value[..end]);
            if name.trim().eq_ignore_ascii_case(key) {
                found = Some(value.trim()).filter(|value| !value.is_empty());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::find_setting;

    #[test]
    fn finds_the_setting_of_the_profile() {
        let text = "[default]\nregion = us-east-1\n\n[profile work]\nregion = eu-west-1\nca_bundle = /etc/ca.pem # ours\n\
                    s3 =\n  ca_bundle = /nested.pem\n[profile \"with space\"]\nCA_BUNDLE=~/ca.pem\n\
                    [sso-session work]\nca_bundle = /no.pem\n; ca_bundle = /comment.pem\n";
        let bundle = |profile: &str| find_setting(text, profile, "ca_bundle");
        assert_eq!(bundle("work"), Some("/etc/ca.pem"));
        assert_eq!(bundle("with space"), Some("~/ca.pem"));
        assert_eq!(bundle("default"), None);
        assert_eq!(bundle("nobody"), None);
        assert_eq!(find_setting("[default]\nca_bundle =\n", "default", "ca_bundle"), None);
    }
}
