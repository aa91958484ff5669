//! What a verify has made and not yet removed, in a file beside the manifest: the next one finds it, however this one
//! ends. The file is locked for as long as a verify of the venue is under way.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A test contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its address, written down before it is made.
    pub email: String,
    /// Its id, once it is known.
    pub contact_id: Option<String>,
}

/// The file of one venue.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it.
    #[error("another verify of this venue is under way on this machine")]
    Busy,
    /// It can't be used.
    #[error("{path} can't be used", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Journal {
    /// Opens a venue's file in `directory`, which is made if it isn't there.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(directory: &Path, venue: &str) -> Result<Self, JournalError> {
        let path = directory.join(format!("{venue}.json"));
        let failed = |source| JournalError::File { path: path.clone(), source };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Busy),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// What an earlier verify has left. Half an entry, of a process that died while it wrote, is none: nothing was made
    /// by then.
    ///
    /// # Errors
    /// It can't be read.
    pub fn left(&mut self) -> io::Result<Option<Entry>> {
        let mut text = String::new();
        self.file.rewind()?;
        self.file.read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text).ok())
    }

    /// Writes an entry down, in place of the one before.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let text = serde_json::to_string(entry)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)?;
        self.file.sync_data()
    }

    /// Nothing is left any more.
    ///
    /// # Errors
    /// It can't be written.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }
}
