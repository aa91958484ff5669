//! Edits the manifest's file: checks the result as a whole, and writes all of it or nothing.

use std::path::{Path, PathBuf};

use crate::cli::GlobalArgs;
use crate::commands::shared::session::{find_declared_venue, load_manifest, manifest_error};
use crate::terminal::write_output_file;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{self, LoadedManifest, Manifest, Uneditable, Venue};

/// A valid manifest that can be edited.
pub(in crate::commands) struct EditableManifest<'g> {
    global: &'g GlobalArgs,
    pub(super) loaded: LoadedManifest,
    /// The real file, in case the manifest's path is a symbolic link.
    path: PathBuf,
    text: String,
}

impl<'g> EditableManifest<'g> {
    /// Reads the manifest. One with mistakes isn't edited, since nobody knows what the edit would mean.
    pub(in crate::commands) fn open(global: &'g GlobalArgs) -> Result<Self> {
        let loaded = load_manifest(global)?;
        let unreadable = |error: std::io::Error| {
            Error::failed(ErrorCode::FileUnreadable, format!("could not read {}", global.manifest.display()))
                .caused_by(&error)
        };
        let path = std::fs::canonicalize(&global.manifest).map_err(unreadable)?;
        let text = bounds::read_regular_text(&path, bounds::MAX_TEXT_FILE).map_err(unreadable)?;
        Ok(Self { global, loaded, path, text })
    }

    /// The venue of this name.
    pub(super) fn find_venue(&self, name: &str) -> Result<&Venue> {
        find_declared_venue(&self.loaded.manifest, name)
    }

    /// Applies an edit, runs all checks of the manifest on the result, and writes it. `means` says whether the venue is
    /// as requested; everything else must be unchanged. Returns false if nothing changes.
    ///
    /// # Errors
    /// The result has mistakes or can't be written; the file is then unchanged.
    pub(super) fn edit_venue(
        self,
        venue: &str,
        edit: impl FnOnce(&str) -> std::result::Result<String, Uneditable>,
        means: impl FnOnce(&Venue) -> bool,
    ) -> Result<bool> {
        self.edit_manifest(edit, |before, after| {
            let is = after.venues.iter().find(|found| found.name == venue);
            is.is_some_and(means) && differs_only_in(&[venue], before, after)
        })
    }

    /// Applies an edit, runs all checks of the manifest on the result, and writes it. `means` says whether the second
    /// manifest is the first one, changed as requested. Returns false if nothing changes.
    ///
    /// # Errors
    /// The result has mistakes or can't be written; the file is then unchanged.
    pub(in crate::commands) fn edit_manifest(
        self,
        edit: impl FnOnce(&str) -> std::result::Result<String, Uneditable>,
        means: impl FnOnce(&Manifest, &Manifest) -> bool,
    ) -> Result<bool> {
        let shown = self.global.manifest.display();
        let by_hand = |why: &str| {
            Error::failed(
                ErrorCode::NotEditable,
                format!("{shown} is written in a way that this command can't edit: {why}"),
            )
            .hint("the file was not changed; edit it by hand, then check it with `deployer validate`")
        };
        let text = edit(&self.text).map_err(|error| by_hand(&error.to_string()))?;
        if text == self.text {
            return Ok(false);
        }
        let refused = |errors| {
            manifest_error(self.global, errors)
                .hint(format!("the mistakes are in the edited text; {shown} was not changed"))
        };
        let after = manifest::check_manifest(&text, &self.global.manifest).map_err(refused)?;
        after.check_schedules(jiff::Timestamp::now()).map_err(refused)?;
        if !means(&self.loaded.manifest, &after.manifest) {
            return Err(by_hand("the edit would change more than requested"));
        }
        replace_manifest(&self.path, &self.global.manifest, &self.text, &text)?;
        Ok(true)
    }
}

/// Replaces the text of a manifest at its real path. `shown` is the path as it was given.
///
/// # Errors
/// It can't be written, or somebody else changed it since `before` was read; it is unchanged then.
pub(in crate::commands) fn replace_manifest(path: &Path, shown: &Path, before: &str, after: &str) -> Result<()> {
    let failed = |error: &dyn std::error::Error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not write {}; it was not changed", shown.display()))
            .caused_by(error)
    };
    let now = bounds::read_regular_text(path, bounds::MAX_TEXT_FILE).map_err(|error| failed(&error))?;
    if now != before {
        let what = format!("somebody changed {} in the meantime; their version was kept", path.display());
        return Err(Error::failed(ErrorCode::ChangedMeanwhile, what).hint("run the same command again"));
    }
    write_output_file(path, after.as_bytes()).map_err(|error| failed(&error))
}

/// Whether two manifests differ only in these venues.
pub(super) fn differs_only_in(venues: &[&str], before: &Manifest, after: &Manifest) -> bool {
    let others = |manifest: &Manifest| -> Vec<Venue> {
        manifest.venues.iter().filter(|other| !venues.contains(&other.name.as_str())).cloned().collect()
    };
    before.deployment == after.deployment && before.hubspot == after.hubspot && others(before) == others(after)
}
