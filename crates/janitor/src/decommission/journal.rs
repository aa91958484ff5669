//! A record of what was done: one line for each step, on the disk before the next step begins.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::parts::hex_string;

/// The state of a resource. Its last line in the journal counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum JournalStep {
    /// It is in the archive, and the archive was read back.
    Archived,
    /// It is being disabled.
    Disabling {
        /// When its quarantine ends and it may be deleted.
        until: Timestamp,
    },
    /// It is disabled.
    Quarantined {
        /// When it was disabled.
        since: Timestamp,
        /// When its quarantine ends and it may be deleted.
        until: Timestamp,
        /// Its fingerprint in the disabled state ([`super::parts::ResourceParts::compute_fingerprint`]).
        fingerprint: String,
    },
    /// Its quarantine is ending because it was called or somebody restores it; its original state is being put back.
    Releasing,
    /// It has its original state again.
    Released,
    /// It is being deleted.
    Deleting,
    /// It is deleted, or was gone already.
    Deleted,
    /// It is being restored.
    Restoring,
    /// It exists again.
    Restored {
        /// Its current id. AWS assigns a new one to an API.
        now: String,
        /// Other ids that changed, each as (old, new).
        renamed: Vec<(String, String)>,
    },
    /// The journal was missing, and was begun anew: what was done before isn't known. The line is about no resource.
    BegunAnew,
    /// A step failed. This doesn't change the state: the previous step still counts.
    Failed {
        /// Why.
        why: String,
    },
}

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct JournalLine {
    at: Timestamp,
    id: String,
    #[serde(flatten)]
    step: JournalStep,
}

/// The journal of an archive.
#[derive(Debug)]
pub struct DecommissionJournal {
    file: File,
    last: BTreeMap<String, JournalStep>,
    begun_anew: bool,
    hash: Sha256,
    /// The checksum without the last line.
    before_last: String,
}

impl DecommissionJournal {
    /// Reads the existing lines, and appends after them. A last line that a crash cut off is dropped.
    ///
    /// # Errors
    /// The file can't be read or written, or has a line that this version doesn't understand.
    pub fn open_or_create(path: &Path) -> io::Result<Self> {
        let mut file = private_files::open_private_log(path)?;
        let mut lines = JournalLines::default();
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 && line.ends_with('\n') {
            lines.add_line(&line)?;
            line.clear();
        }
        file.set_len(lines.bytes)?;
        file.flush()?;
        let JournalLines { last, begun_anew, hash, before_last, .. } = lines;
        Ok(Self { file, last, begun_anew, hash, before_last })
    }

    /// Opens a journal that is kept outside of the archive. A new one begins as a copy of `original`, the archive's own;
    /// without that, it is begun anew.
    ///
    /// # Errors
    /// The same as [`DecommissionJournal::open_or_create`]; or another process uses it.
    pub fn open_elsewhere(path: &Path, original: Option<&[u8]>) -> io::Result<Self> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            private_files::create_private_directory(parent)?;
        }
        let new = path.symlink_metadata().is_err();
        if let (true, Some(original)) = (new, original) {
            private_files::replace_private_file(path, original)?;
        }
        let mut journal = Self::open_or_create(path)?;
        journal.file.try_lock().map_err(io::Error::from)?;
        if new && original.is_none() {
            journal.begin_anew()?;
        }
        Ok(journal)
    }

    /// Records that what was done before isn't known.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn begin_anew(&mut self) -> io::Result<()> {
        self.write_step("", JournalStep::BegunAnew)
    }

    /// Whether an earlier journal is missing, so that a resource without a step may have been deleted.
    pub fn is_begun_anew(&self) -> bool {
        self.begun_anew
    }

    /// The checksum of the whole journal.
    pub(super) fn checksum(&self) -> String {
        hex_string(&self.hash.clone().finalize())
    }

    /// Whether `sum` is the checksum of the journal, or of the journal without its last line: a crash may come between
    /// the two.
    pub(super) fn has_checksum(&self, sum: &str) -> bool {
        sum == self.checksum() || sum == self.before_last
    }

    /// Writes a step to the disk.
    ///
    /// # Errors
    /// It can't be written. The caller must not begin the step then.
    pub(super) fn write_step(&mut self, id: &str, step: JournalStep) -> io::Result<()> {
        let line = JournalLine { at: Timestamp::now(), id: id.to_owned(), step: step.clone() };
        let line = format!("{}\n", serde_json::to_string(&line)?);
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.before_last = self.checksum();
        self.hash.update(line.as_bytes());
        match step {
            JournalStep::Failed { .. } => {}
            JournalStep::BegunAnew => self.begun_anew = true,
            step => drop(self.last.insert(id.to_owned(), step)),
        }
        Ok(())
    }

    /// The last step of a resource.
    pub fn last_step(&self, id: &str) -> Option<&JournalStep> {
        self.last.get(id)
    }

    /// The last step of every resource in the journal, by id.
    pub fn last_steps(&self) -> impl Iterator<Item = (&str, &JournalStep)> {
        self.last.iter().map(|(id, step)| (id.as_str(), step))
    }
}

impl Drop for DecommissionJournal {
    /// Closing the file isn't enough: a process that is being started may have inherited it for a moment.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// The lines that were read so far.
#[derive(Debug, Default)]
struct JournalLines {
    last: BTreeMap<String, JournalStep>,
    begun_anew: bool,
    hash: Sha256,
    before_last: String,
    bytes: u64,
}

impl JournalLines {
    fn add_line(&mut self, line: &str) -> io::Result<()> {
        let JournalLine { id, step, .. } = serde_json::from_str(line).map_err(io::Error::other)?;
        match step {
            JournalStep::Failed { .. } => {}
            JournalStep::BegunAnew => self.begun_anew = true,
            step => drop(self.last.insert(id, step)),
        }
        self.before_last = hex_string(&self.hash.clone().finalize());
        self.hash.update(line.as_bytes());
        self.bytes += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests {
    use super::*;

    #[test]
    fn drops_a_cut_off_last_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("journal.jsonl");
        let mut journal = DecommissionJournal::open_or_create(&path).expect("a journal");
        journal.write_step("a", JournalStep::Archived).expect("written");
        journal.write_step("a", JournalStep::Deleting).expect("written");
        journal.write_step("a", JournalStep::Failed { why: "no".to_owned() }).expect("written");
        let length = std::fs::metadata(&path).expect("a file").len();
        journal.write_step("b", JournalStep::Archived).expect("written");
        for cut in length + 1..std::fs::metadata(&path).expect("a file").len() {
            let text = std::fs::read(&path).expect("text");
            let torn = directory.path().join("torn.jsonl");
            std::fs::write(&torn, &text[..usize::try_from(cut).expect("small")]).expect("written");
            let mut journal = DecommissionJournal::open_or_create(&torn).expect("a journal");
            assert_eq!((journal.last_step("a"), journal.last_step("b")), (Some(&JournalStep::Deleting), None));
            journal.write_step("b", JournalStep::Deleted).expect("written");
            assert_eq!(
                DecommissionJournal::open_or_create(&torn).expect("a journal").last_step("b"),
                Some(&JournalStep::Deleted)
            );
        }
        assert_eq!(
            DecommissionJournal::open_or_create(&path).expect("a journal").last_step("b"),
            Some(&JournalStep::Archived)
        );
    }
}
