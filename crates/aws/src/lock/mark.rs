//! A file that tells the next apply on this machine that the holder of a lock has died.
//!
//! The holder writes its id to the file and keeps the file locked; the system releases that lock however the process
//! ends. So whoever locks the file knows that the ids in it belong to processes that are gone. If the file can't be
//! created, everything works the same, except that a dead holder's lock only ends with its lease.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct LockMark {
    path: PathBuf,
    /// The file, while we have it locked.
    file: Option<File>,
    dead: Vec<String>,
}

impl LockMark {
    pub(super) fn open(directory: &Path, deployment: &str) -> Self {
        let mut mark = Self { path: directory.join(format!("{deployment}.lock")), file: None, dead: Vec::new() };
        mark.try_lock();
        mark
    }

    /// Locks the file, if nobody else has it locked.
    pub(super) fn try_lock(&mut self) {
        if self.file.is_none() {
            self.file = self.lock_file();
        }
    }

    fn lock_file(&mut self) -> Option<File> {
        fs::create_dir_all(self.path.parent()?).ok()?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path).ok()?;
        file.try_lock().ok()?;
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        self.dead = text.lines().map(ToOwned::to_owned).collect();
        Some(file)
    }

    /// Whether the holder with this id was a process on this machine that has died.
    pub(super) fn is_dead_holder(&self, id: &str) -> bool {
        self.dead.iter().any(|dead| dead == id)
    }

    /// Adds our id before we acquire the lock. The ids of dead holders stay until their lock is taken over, because we
    /// may die before that.
    pub(super) fn write_id(&mut self, id: &str) {
        let ids: Vec<&str> = self.dead.iter().map(String::as_str).chain([id]).collect();
        self.replace_text(&ids.join("\n"));
    }

    /// Records that we hold the lock, and forgets the dead holders.
    pub(super) fn record_holder(&mut self, id: &str) {
        self.dead.clear();
        self.replace_text(id);
    }

    fn replace_text(&mut self, text: &str) {
        if let Some(file) = &mut self.file {
            // An apply shouldn't fail for this: without the mark, a dead holder's lock still ends with its lease.
            let _ = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes()));
        }
    }
}
