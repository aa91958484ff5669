//! What a manifest makes this machine do: shown to the person at the terminal before the first time, and withheld from a
//! plan that nobody watches.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use super::session::state_directory;
use crate::cli::{GlobalArgs, TrustArgs};
use deployer_core::manifest::{LoadedManifest, UnwatchedTrust, restrict_manifest, trusted_things};

/// The file with what was shown already.
const FILE: &str = "shown.json";

/// Restricts the manifest of a plan that nobody watches.
pub(in crate::commands) fn restrict_unwatched_plan(args: TrustArgs) {
    if !std::io::stderr().is_terminal() {
        restrict_manifest(UnwatchedTrust { commands: args.allow_cmd, hosts: args.allow_base_uri });
    }
}

/// Shows what a manifest runs, and where it sends credentials, if that is new on this machine.
pub(in crate::commands) fn show_new_trust(global: &GlobalArgs, loaded: &LoadedManifest) {
    if global.json || !std::io::stderr().is_terminal() {
        return;
    }
    let things = trusted_things(&loaded.manifest);
    let directory = state_directory(&loaded.manifest.path);
    let path = directory.join(FILE);
    // A file that can't be read or written means that things are shown again.
    let known = private_files::read_private_file(&path).ok().flatten();
    let mut known: BTreeSet<String> = known.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let new: Vec<&String> = things.iter().filter(|thing| !known.contains(*thing)).collect();
    if new.is_empty() {
        return;
    }
    errln!("New in {}, on this machine:", loaded.manifest.path.display());
    for thing in &new {
        let what = if thing.starts_with("cmd:") { "runs" } else { "credentials are sent to" };
        errln!("  {what} {thing}");
    }
    known.extend(new.into_iter().cloned());
    let text = serde_json::json!(known).to_string();
    let _ = private_files::create_state_directory(&directory)
        .and_then(|()| private_files::replace_private_file(&path, text.as_bytes()));
}
