//! Stores the state, in memory or in a file that several processes share.
//!
//! Each request is handled under a lock on `<file>.lock`. The lock file holds a number that changes with each write,
//! which shows a process whether another one has written since. The number is raised before the state is replaced: if a
//! process dies in between, the others read the file once more, but never keep an old state.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use super::blobs::BlobStore;
use super::state::{CloudState, FORMAT};

/// Records whether its content was borrowed mutably.
#[derive(Debug)]
pub struct ChangeTracked<T> {
    content: T,
    touched: bool,
}

impl<T> ChangeTracked<T> {
    pub(super) fn new(content: T) -> Self {
        Self { content, touched: false }
    }
}

impl<T> Deref for ChangeTracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl<T> DerefMut for ChangeTracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.touched = true;
        &mut self.content
    }
}

#[derive(Debug)]
pub(super) struct StateStore {
    state: ChangeTracked<CloudState>,
    blobs: BlobStore,
    file: Option<StateFile>,
}

#[derive(Debug)]
struct StateFile {
    path: PathBuf,
    /// The lock file's number and the file's text at the last read or write; `None` before the first.
    seen: Option<(u64, Vec<u8>)>,
    account: String,
}

impl StateStore {
    pub(super) fn in_memory(state: CloudState) -> Self {
        Self { state: ChangeTracked::new(state), blobs: BlobStore::default(), file: None }
    }

    pub(super) fn in_file(path: &Path, account: &str) -> Self {
        Self {
            state: ChangeTracked::new(CloudState::new(account, 0)),
            blobs: BlobStore::in_directory(with_suffix(path, ".blobs")),
            file: Some(StateFile { path: path.to_owned(), seen: None, account: account.to_owned() }),
        }
    }

    /// Runs `work` on the newest state and stores its changes.
    pub(super) fn run_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut ChangeTracked<CloudState>, &BlobStore) -> T,
    ) -> io::Result<T> {
        let Some(file) = &mut self.file else { return Ok(work(&mut self.state, &self.blobs)) };
        if let Some(directory) = file.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            private_files::create_state_directory(directory)?;
        }
        let lock_path = with_suffix(&file.path, ".lock");
        let mut lock = private_files::open_private_file(&lock_path)?;
        // The lock is released when the file is closed, even if the process dies.
        lock.lock()?;
        let number = read_number(&mut lock).map_err(|error| error_at_path(&lock_path, &error))?;
        file.refresh_state(&mut self.state, number)?;
        let result = work(&mut self.state, &self.blobs);
        if std::mem::take(&mut self.state.touched)
            && let Err(error) = file.write_state(&self.state, &mut lock, number)
        {
            // The change was not stored, so discard it: the next request reads the file again.
            file.seen = None;
            return Err(error);
        }
        Ok(result)
    }
}

impl StateFile {
    /// Reads the file again if another process has written or removed it.
    fn refresh_state(&mut self, state: &mut ChangeTracked<CloudState>, number: u64) -> io::Result<()> {
        if self.seen.as_ref().is_some_and(|(seen, _)| *seen == number) && self.path.exists() {
            return Ok(());
        }
        let text = private_files::read_private_file(&self.path).map_err(|error| error_at_path(&self.path, &error))?;
        let text = text.unwrap_or_default();
        let content = if text.is_empty() {
            CloudState::new(&self.account, fastrand::u64(..))
        } else {
            let content: CloudState = serde_json::from_slice(&text)
                .map_err(|error| error_at_path(&self.path, &format!("not the state of a local cloud: {error}")))?;
            if content.format != FORMAT {
                return Err(error_at_path(
                    &self.path,
                    &format!("the state has format {}, but this version reads format {FORMAT}", content.format),
                ));
            }
            content
        };
        *state = ChangeTracked::new(content);
        self.seen = Some((number, text));
        Ok(())
    }

    fn write_state(&mut self, state: &CloudState, lock: &mut File, number: u64) -> io::Result<()> {
        let text = serde_json::to_vec(state).map_err(io::Error::other)?;
        if self.seen.as_ref().is_some_and(|(_, seen)| *seen == text) {
            return Ok(());
        }
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        // A temporary file is readable only by its owner, which the state must stay: it holds secrets.
        let mut next = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
        next.write_all(&text)?;
        let number = number.wrapping_add(1);
        lock.rewind()?;
        write!(lock, "{number:020}")?;
        lock.flush()?;
        next.persist(&self.path).map_err(|error| error_at_path(&self.path, &error.error))?;
        self.seen = Some((number, text));
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
