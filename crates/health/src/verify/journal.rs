//! Records what a verify created and hasn't removed yet, in a file next to the manifest, so that the next verify finds
//! it however this one ends. The file is locked while a verify of the venue is running.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A test contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestContactEntry {
    /// Its address, recorded before the contact is created.
    pub email: String,
    /// Its id, once known.
    pub contact_id: Option<String>,
}

/// The journal file of one venue.
#[derive(Debug)]
pub struct VerifyJournal {
    file: File,
    path: PathBuf,
}

/// Why the journal couldn't be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has locked it.
    #[error("another verify of this venue is already running on this machine")]
    Busy,
    /// The file is unusable.
    #[error("could not open or lock {path}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl VerifyJournal {
    /// Opens a venue's file in `directory`, which is created if necessary.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open_file(directory: &Path, venue: &str) -> Result<Self, JournalError> {
        let path = directory.join(format!("{venue}.json"));
        let failed = |source| JournalError::File { path: path.clone(), source };
        private_files::create_private_directory(directory).map_err(failed)?;
        let file = private_files::open_private_file(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Busy),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// What an earlier verify left behind. A partial entry, from a process that died while writing, counts as none,
    /// because nothing had been created by then.
    ///
    /// # Errors
    /// The file can't be read, or its entry makes no sense.
    pub fn read_leftover(&mut self) -> io::Result<Option<TestContactEntry>> {
        let mut text = String::new();
        self.file.rewind()?;
        self.file.read_to_string(&mut text)?;
        match serde_json::from_str(&text) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.is_eof() => Ok(None),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} is not an entry of verify; delete it once no test contact is left in HubSpot",
                    self.path.display()
                ),
            )),
        }
    }

    /// Records an entry, which replaces the one before.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write_entry(&mut self, entry: &TestContactEntry) -> io::Result<()> {
        let text = serde_json::to_string(entry)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)?;
        self.file.sync_data()
    }

    /// Removes the entry.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn clear_entry(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }
}
