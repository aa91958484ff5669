//! What a manifest may make this process do. Whoever edits a manifest chooses which programs its `cmd:` references run,
//! and which hosts credentials are sent to. In a pipeline that plans a stranger's pull request, that stranger would run
//! programs and collect tokens. So a plan that nobody watches does neither, unless the pipeline itself allows it.

use std::sync::atomic::{AtomicBool, Ordering};

use url::Url;

use super::format::is_loopback;
use super::{Manifest, SecretRef};

/// Set once per process, where the command is known; a library that forgot to pass it on would run the program.
static COMMANDS_FORBIDDEN: AtomicBool = AtomicBool::new(false);
static HOSTS_FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// What the manifest of an unwatched plan may do nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnwatchedTrust {
    /// Its `cmd:` references are run.
    pub commands: bool,
    /// Credentials are sent to hosts that are neither the vendor's nor this machine.
    pub hosts: bool,
}

/// From now on, references and hosts of the manifest are used only as far as `trust` says.
pub fn restrict_manifest(trust: UnwatchedTrust) {
    COMMANDS_FORBIDDEN.store(!trust.commands, Ordering::Relaxed);
    HOSTS_FORBIDDEN.store(!trust.hosts, Ordering::Relaxed);
}

pub(super) fn may_run_commands() -> bool {
    !COMMANDS_FORBIDDEN.load(Ordering::Relaxed)
}

/// Checks that a credential may be sent to `base_uri`, where the vendor's own is `vendor_uri`.
///
/// # Errors
/// Why not, in words.
pub fn check_credential_host(base_uri: &str, vendor_uri: &str) -> Result<(), String> {
    if !HOSTS_FORBIDDEN.load(Ordering::Relaxed) || !is_foreign_host(base_uri, vendor_uri) {
        return Ok(());
    }
    Err(format!(
        "no credential is sent to {base_uri} without a terminal, since whoever edits the manifest could collect it; \
         --allow-base-uri allows it"
    ))
}

/// Whether a base URL is neither the vendor's nor on this machine.
fn is_foreign_host(base_uri: &str, vendor_uri: &str) -> bool {
    let host = |uri: &str| Url::parse(uri).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
    match (host(base_uri), host(vendor_uri)) {
        (Some(host), Some(vendor)) => host != vendor && !is_loopback(&host),
        _ => true,
    }
}

/// The programs that a manifest's references run, and the foreign hosts that its credentials are sent to, each as it is
/// shown to a person.
pub fn trusted_things(manifest: &Manifest) -> Vec<String> {
    let webhooks = manifest.alarms.iter().flat_map(|alarms| alarms.webhooks.iter().map(|(_, found)| found));
    let own = manifest.hubspot.token.iter().chain(webhooks);
    let references = own.chain(manifest.venues.iter().flat_map(|venue| venue.secrets.iter().map(|(_, found)| found)));
    let commands = references.filter(|reference| matches!(reference, SecretRef::Cmd(_))).map(ToString::to_string);
    let hubspot = [(manifest.hubspot.base_uri.as_str(), sync_config::config::HUBSPOT_BASE_URI)];
    let tripleseat = manifest.venues.iter().filter_map(|venue| venue.tripleseat_base_uri.as_deref());
    let hosts = hubspot
        .into_iter()
        .chain(tripleseat.map(|uri| (uri, sync_config::config::TRIPLESEAT_BASE_URI)))
        .filter(|(uri, vendor)| is_foreign_host(uri, vendor))
        .map(|(uri, _)| uri.to_owned());
    let mut things: Vec<String> = commands.chain(hosts).collect();
    things.sort();
    things.dedup();
    things
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_hosts_are_neither_the_vendors_nor_this_machine() {
        let vendor = "https://api.hubapi.com";
        for (uri, foreign) in [
            (vendor, false),
            ("https://api.hubapi.com/", false),
            ("http://127.0.0.1:4000", false),
            ("http://localhost:4000", false),
            ("https://api.hubapi.com.example.com", true),
            ("https://collector.example.com", true),
            ("not a url", true),
        ] {
            assert_eq!(is_foreign_host(uri, vendor), foreign, "{uri}");
        }
    }
}
