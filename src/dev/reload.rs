//! Edits of the manifest while `dev` runs: each is applied to the embedded cloud like any other change. What is broken, or
//! can't change in a running system, leaves everything as it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::page::{ManifestEdit, ManifestEditOutcome};
use super::scheduler::RuleScheduler;
use super::{System, deploy};
use bounds::{MAX_TEXT_FILE, read_regular_file};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::Manifest;

/// How often the file is looked at. An edit counts once it was found twice, so that no half-written file is read.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What became of the last edit, and what no edit can change.
pub(super) struct EditState {
    last: Mutex<Option<ManifestEdit>>,
    declared: DeclaredOnce,
    changes: watch::Sender<u64>,
}

/// What the cloud and the portal were started with.
#[derive(Debug, PartialEq, Eq)]
struct DeclaredOnce {
    name: String,
    region: String,
    account: Option<String>,
    portal_id: Option<u64>,
}

impl DeclaredOnce {
    fn of(manifest: &Manifest) -> Self {
        let deployment = &manifest.deployment;
        Self {
            name: deployment.name.clone(),
            region: deployment.region.clone(),
            account: deployment.account.clone(),
            portal_id: manifest.hubspot.portal_id,
        }
    }
}

impl EditState {
    /// `manifest` is as it was read, not yet pointed at the sandboxes.
    pub(super) fn new(manifest: &Manifest) -> Self {
        let declared = DeclaredOnce::of(manifest);
        Self { last: Mutex::default(), declared, changes: watch::Sender::new(0) }
    }

    /// The last edit, and what became of it; `None` before the first.
    pub(super) fn last_edit(&self) -> Option<ManifestEdit> {
        self.last.lock().clone()
    }

    /// A counter that grows with every edit.
    pub(super) fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl System {
    /// Adopts an edited manifest: deploys it, fires its rules, and gives new venues their sandboxes. Returns the number
    /// of changes.
    ///
    /// # Errors
    /// It changes what a running system can't change, or could not be deployed. The previous one stays in force.
    pub async fn adopt_manifest(&self, mut manifest: Manifest) -> Result<usize> {
        if DeclaredOnce::of(&manifest) != self.edit.declared {
            return Err(Error::usage(
                ErrorCode::Dev,
                "the deployment's name, region and account and the portal's ID are fixed while dev runs",
            )
            .hint("stop `deployer dev` with Ctrl-C and start it again"));
        }
        let secrets = self.vendors.point_manifest(&mut manifest)?;
        self.runs.recorder.know_venues(&manifest);
        let deployed =
            deploy::deploy_manifest(&self.aws, &manifest, &self.artifact, &secrets, self.directory.path()).await?;
        deploy::complete_secrets(&self.aws, &secrets).await?;
        let rules = RuleScheduler::read_rules(&self.aws, &manifest, self.scheduler.interval()).await?;
        self.alarms.adopt_alarms(&manifest, deployed.alarms, self.scheduler.interval(), Timestamp::now());
        *self.manifest.lock() = manifest.into();
        self.scheduler.adopt_rules(rules);
        Ok(deployed.changes)
    }

    /// Shows on the page what became of an edit.
    pub fn show_edit(&self, outcome: ManifestEditOutcome) {
        *self.edit.last.lock() = Some(ManifestEdit { at_ms: Timestamp::now().as_millisecond(), outcome });
        self.edit.changes.send_modify(|number| *number += 1);
    }
}

/// Waits for edits of the manifest's file.
#[derive(Debug)]
pub struct ManifestWatch {
    path: PathBuf,
    /// The digest of the content that was handled last; `None` for a file that can't be read.
    handled: Option<FileDigest>,
    /// What was found at the last look.
    found: Option<FileDigest>,
}

/// The SHA-256 of a file's content.
type FileDigest = [u8; 32];

impl ManifestWatch {
    /// Watches a file from its present content on.
    pub fn new(path: &Path) -> Self {
        let handled = read_digest(path);
        Self { path: path.to_owned(), handled, found: handled }
    }

    /// Waits until the file has another content, or can no longer be read.
    pub async fn wait_for_edit(&mut self) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if self.look_for_edit() {
                return;
            }
        }
    }

    /// Looks at the file. An edit is found at the second look that finds the same new content.
    fn look_for_edit(&mut self) -> bool {
        let before = std::mem::replace(&mut self.found, read_digest(&self.path));
        let edited = self.found != self.handled && self.found == before;
        if edited {
            self.handled = self.found;
        }
        edited
    }
}

fn read_digest(path: &Path) -> Option<FileDigest> {
    read_regular_file(path, MAX_TEXT_FILE).ok().map(|bytes| Sha256::digest(bytes).into())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests {
    use super::*;

    #[test]
    fn sees_each_edit_once_and_a_file_that_is_gone() {
        let directory = tempfile::tempdir().expect("a temporary directory is created");
        let path = directory.path().join("venues.toml");
        let write = |text: &str| std::fs::write(&path, text).expect("it can be written");
        write("a");
        let mut watch = ManifestWatch::new(&path);
        let mut look = || [watch.look_for_edit(), watch.look_for_edit(), watch.look_for_edit()];
        assert_eq!(look(), [false; 3], "nothing has changed");
        write("b");
        assert_eq!(look(), [false, true, false], "it was written when it was found twice");
        write("b");
        assert_eq!(look(), [false; 3], "the same content is no edit");
        std::fs::remove_file(&path).expect("it can be removed");
        assert_eq!(look(), [false, true, false]);
    }
}
