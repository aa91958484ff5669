//! Stores what was read so far, so that a crash costs one page at most.
//!
//! There are two files: the progress, in the state directory (`.deployer/duplicates/VENUE.json`, no personal data), and
//! the leads, in the report's directory, readable only by their owner. The progress is written after each page and says
//! how much of the leads file is valid. Both are removed once the report is complete.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AccountLead;

/// Work in another format can't be resumed.
const FORMAT: u32 = 2;

/// The progress of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadProgress {
    format: u32,
    /// What is read, and how. Only work on the same subject can be resumed.
    subject: String,
    leads: PathBuf,
    /// The number of valid bytes in the leads file.
    bytes: u64,
    /// When reading started.
    pub begun: Timestamp,
    /// The next page to read.
    pub next_page: u64,
    /// Leads of other locations, which aren't stored.
    pub other_locations: u64,
    /// The highest number of pages in any response.
    pub most_pages: u64,
    /// Leads disappeared during reading, so others may have been missed.
    pub shrunk: bool,
    /// Whether all pages were read.
    pub complete: bool,
}

/// The work on one venue.
#[derive(Debug)]
pub struct ReadWork {
    state: PathBuf,
    file: File,
    /// The progress of reading.
    pub progress: ReadProgress,
}

/// Why the work can't start.
#[derive(Debug, thiserror::Error)]
pub enum WorkOpenError {
    /// Another process is working on it.
    #[error("another `deployer duplicates` is reading the same account into the same directory")]
    Busy,
    /// A file can't be accessed.
    #[error("could not access {path}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ReadWork {
    /// Resumes where an earlier process stopped, if it read the same `subject` into the same file. Otherwise, or if
    /// `fresh`, starts over.
    ///
    /// # Errors
    /// A file can't be created, or another process has it locked.
    pub fn open_or_resume(
        state: &Path,
        leads: &Path,
        subject: &str,
        fresh: bool,
        now: Timestamp,
    ) -> Result<Self, WorkOpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WorkOpenError::File { path, source }
        };
        if let Some(directory) = state.parent() {
            private_files::create_private_directory(directory).map_err(failed(directory))?;
        }
        let mut file = private_files::open_private_file(leads).map_err(failed(leads))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(WorkOpenError::Busy),
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(leads)(error)),
        }
        let length = file.metadata().map_err(failed(leads))?.len();
        let same = |progress: &ReadProgress| {
            progress.format == FORMAT
                && progress.subject == subject
                && progress.leads == leads
                && progress.bytes <= length
                && !fresh
        };
        let kept = match bounds::read_regular_file(state, bounds::MAX_TEXT_FILE) {
            // Another version's, or one that a crash left incomplete: the leads are read again from the start.
            Ok(text) => serde_json::from_slice::<ReadProgress>(&text).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(state)(error)),
        };
        let progress = kept.filter(same).unwrap_or_else(|| ReadProgress {
            format: FORMAT,
            subject: subject.to_owned(),
            leads: leads.to_owned(),
            bytes: 0,
            begun: now,
            next_page: 1,
            other_locations: 0,
            most_pages: 0,
            shrunk: false,
            complete: false,
        });
        // Anything after the last valid page is an incomplete page.
        file.set_len(progress.bytes).map_err(failed(leads))?;
        file.seek(SeekFrom::End(0)).map_err(failed(leads))?;
        Ok(Self { state: state.to_owned(), file, progress })
    }

    /// Stores a page, and then the progress.
    ///
    /// # Errors
    /// It can't be written.
    pub fn store_page(&mut self, leads: &[AccountLead]) -> io::Result<()> {
        let mut text = Vec::new();
        for lead in leads {
            serde_json::to_writer(&mut text, lead)?;
            text.push(b'\n');
        }
        self.file.write_all(&text)?;
        self.progress.bytes += text.len() as u64;
        self.progress.next_page += 1;
        let directory = self.state.parent().unwrap_or(Path::new("."));
        let mut next = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut next, &self.progress)?;
        next.persist(&self.state).map(drop).map_err(|error| error.error)
    }

    /// All stored leads.
    ///
    /// # Errors
    /// They can't be read.
    pub fn stored_leads(&self) -> io::Result<impl Iterator<Item = io::Result<AccountLead>>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        let parsed = |line: io::Result<String>| line.and_then(|line| Ok(serde_json::from_str(&line)?));
        Ok(BufReader::new(file).lines().map(parsed))
    }

    /// Removes both files.
    ///
    /// # Errors
    /// One can't be removed.
    pub fn remove_files(self) -> io::Result<()> {
        std::fs::remove_file(&self.progress.leads)?;
        std::fs::remove_file(&self.state)
    }
}
