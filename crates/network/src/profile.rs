//! What an AWS profile says about the network: `ca_bundle`, which the SDK doesn't read.
//!
//! The format is that of <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::OnceLock;

use crate::given_variable;

static CHOSEN: OnceLock<String> = OnceLock::new();

/// Sets the profile of this run, which comes before `AWS_PROFILE`. Called once, when the command line was read.
pub fn choose_profile(name: &str) {
    // A second call could only come from a test; the first one counts.
    let _ = CHOSEN.set(name.to_owned());
}

thread_local! {
    /// The profile of the work that this thread does at the moment, if it isn't that of the whole run.
    static OF_WORK: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does `work` with a profile of its own: several of them may be done side by side. Tasks that it spawns have the profile
/// of the run.
pub async fn with_profile<W: Future>(name: Option<&str>, work: W) -> W::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        let _before = RestoredProfile(OF_WORK.replace(name.map(ToOwned::to_owned)));
        work.as_mut().poll(context)
    })
    .await
}

/// Puts back the profile that was there before, even if the work panics.
struct RestoredProfile(Option<String>);

impl Drop for RestoredProfile {
    fn drop(&mut self) {
        OF_WORK.set(self.0.take());
    }
}

fn chosen_profile() -> Option<String> {
    OF_WORK.with_borrow(Clone::clone).or_else(|| CHOSEN.get().cloned())
}

/// The file of certificates that the profile names.
pub(crate) fn configured_bundle() -> Option<PathBuf> {
    let home = given_variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from);
    let config = given_variable("AWS_CONFIG_FILE").map(PathBuf::from);
    let config = config.or_else(|| Some(home.as_ref()?.join(".aws/config")))?;
    // A file that can't be read is said where the profile is chosen.
    let text = bounds::read_regular_text(&config, bounds::MAX_TEXT_FILE).ok()?;
    let name = chosen_profile().or_else(|| given_variable("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned());
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
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn work_side_by_side_has_its_own_profile() {
        let seen = |name: Option<&'static str>| {
            with_profile(name, async move {
                let mut profiles = vec![chosen_profile()];
                let mut is_first = true;
                poll_fn(|_| if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }).await;
                profiles.push(chosen_profile());
                profiles
            })
        };
        let (mut one, mut other) = (Box::pin(seen(Some("one"))), Box::pin(seen(Some("other"))));
        let mut context = Context::from_waker(Waker::noop());
        assert!(one.as_mut().poll(&mut context).is_pending() && other.as_mut().poll(&mut context).is_pending());
        assert_eq!(chosen_profile(), None);
        let both = |name: &str| Poll::Ready(vec![Some(name.to_owned()); 2]);
        assert_eq!(one.as_mut().poll(&mut context), both("one"));
        assert_eq!(other.as_mut().poll(&mut context), both("other"));
    }

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
