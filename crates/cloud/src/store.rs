//! Stores the state, in memory or in a file that several processes share.
//!
//! Each request is handled under a lock on `<file>.lock`, and what it changed is added to the [`Journal`]. What others
//! have added is read before. The lock file holds a number that changes before the journal is replaced by another file: if
//! a process dies in between, the others read the journal once more, but never keep an old one.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::blobs::BlobStore;
use super::former;
use super::journal::{Journal, PendingSync, forget_changes};
use super::state::CloudState;

/// A journal isn't replaced before it has grown by this many bytes.
const LEAST_GROWTH: u64 = 1024 * 1024;

/// What was written since a cloud was opened, and what its handlers looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStatistics {
    /// Records that were added to the journal.
    pub records: u64,
    /// The bytes of all of them.
    pub record_bytes: u64,
    /// The bytes of the largest.
    pub largest_record_bytes: u64,
    /// The bytes of the files that replaced the journal.
    pub replacement_bytes: u64,
    /// Entries of the state that handlers looked at one after the other, rather than found by a key.
    pub visited_entries: u64,
}

#[derive(Debug)]
pub(super) struct StateStore {
    state: CloudState,
    blobs: BlobStore,
    file: Option<StateFile>,
}

#[derive(Debug)]
struct StateFile {
    path: PathBuf,
    /// The lock file's number and the journal, as they were last seen.
    open: Option<(u64, Journal)>,
    account: String,
    statistics: StoreStatistics,
}

impl StateStore {
    pub(super) fn in_memory(state: CloudState) -> Self {
        Self { state, blobs: BlobStore::default(), file: None }
    }

    pub(super) fn in_file(path: &Path, account: &str) -> Self {
        Self {
            state: CloudState::new(account, 0),
            blobs: BlobStore::in_directory(with_suffix(path, ".blobs")),
            file: Some(StateFile {
                path: path.to_owned(),
                open: None,
                account: account.to_owned(),
                statistics: StoreStatistics::default(),
            }),
        }
    }

    /// Where the state is, unless it is only in memory.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    pub(super) fn statistics(&mut self) -> StoreStatistics {
        let written = self.file.as_ref().map(|file| file.statistics).unwrap_or_default();
        StoreStatistics { visited_entries: self.state.visited_entries(), ..written }
    }

    /// Runs `work` on the newest state and stores its changes. They are on the disk when what is returned besides is
    /// complete.
    pub(super) fn run_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut CloudState, &BlobStore) -> T,
    ) -> io::Result<(T, Option<PendingSync>)> {
        let Some(file) = &mut self.file else {
            let result = work(&mut self.state, &self.blobs);
            forget_changes(&mut self.state);
            return Ok((result, None));
        };
        if let Some(directory) = file.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            private_files::create_state_directory(directory)?;
        }
        let lock_path = with_suffix(&file.path, ".lock");
        let mut lock = private_files::open_private_file(&lock_path)?;
        // The lock is released when the file is closed, even if the process dies.
        lock.lock()?;
        let number = read_number(&mut lock).map_err(|error| error_at_path(&lock_path, &error))?;
        let refreshed = file.refresh_state(&mut self.state, &mut lock, number);
        refreshed.map_err(|error| error_at_path(&file.path, &error))?;
        let result = work(&mut self.state, &self.blobs);
        match file.write_changes(&mut self.state, &mut lock) {
            Ok(sync) => Ok((result, sync)),
            Err(error) => {
                // The change was not stored, so discard it: the next request reads the file again.
                file.open = None;
                Err(error_at_path(&file.path, &error))
            }
        }
    }
}

impl StateFile {
    /// Reads what another process has written, and everything if it has replaced or removed the file.
    fn refresh_state(&mut self, state: &mut CloudState, lock: &mut File, number: u64) -> io::Result<()> {
        let length = match self.path.symlink_metadata() {
            Ok(found) => Some(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match (self.open.take(), length) {
            (_, None) => {
                *state = CloudState::new(&self.account, fastrand::u64(..));
                Ok(())
            }
            (Some((seen, mut journal)), Some(length)) if seen == number && journal.length() <= length => {
                if journal.length() < length {
                    journal.read_rest(state)?;
                }
                self.open = Some((seen, journal));
                Ok(())
            }
            (_, Some(_)) => self.read_file(state, lock, number),
        }
    }

    fn read_file(&mut self, state: &mut CloudState, lock: &mut File, number: u64) -> io::Result<()> {
        let mut file = private_files::open_private_file(&self.path)?;
        let mut first = [0];
        // Earlier versions wrote a JSON document.
        if file.read(&mut first)? == 1 && first == *b"{" {
            let text = private_files::read_private_file(&self.path)?.unwrap_or_default();
            *state = former::read_document(&text)
                .map_err(|why| io::Error::other(format!("not the state of a local cloud: {why}")))?;
            return self.replace_journal(state, lock);
        }
        file.rewind()?;
        let (journal, read) = Journal::read_file(file)?;
        *state = read;
        self.open = Some((number, journal));
        Ok(())
    }

    fn write_changes(&mut self, state: &mut CloudState, lock: &mut File) -> io::Result<Option<PendingSync>> {
        let Some((_, journal)) = &mut self.open else {
            if state.drawn > 0 || state.has_entries() {
                self.replace_journal(state, lock)?;
            }
            return Ok(None);
        };
        let Some(appended) = journal.append_changes(state)? else { return Ok(None) };
        let (grown, base) = journal.grown_bytes();
        let statistics = &mut self.statistics;
        statistics.records += 1;
        statistics.record_bytes += appended.bytes;
        statistics.largest_record_bytes = statistics.largest_record_bytes.max(appended.bytes);
        if grown > base.max(LEAST_GROWTH) {
            // The record is stored in any case, so its request succeeds. The next one tries this again.
            let _ = self.replace_journal(state, lock);
        }
        Ok(Some(appended.sync))
    }

    /// Replaces the journal by one that has only the state.
    fn replace_journal(&mut self, state: &mut CloudState, lock: &mut File) -> io::Result<()> {
        let number = fastrand::u64(..);
        lock.rewind()?;
        write!(lock, "{number:020}")?;
        lock.flush()?;
        let journal = Journal::replace_file(&self.path, state)?;
        self.statistics.replacement_bytes += journal.length();
        self.open = Some((number, journal));
        Ok(())
    }
}

fn read_number(lock: &mut File) -> io::Result<u64> {
    let mut text = String::new();
    lock.read_to_string(&mut text)?;
    // Empty until the first write.
    match text.trim() {
        "" => Ok(0),
        text => text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it doesn't hold a number")),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn error_at_path(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
