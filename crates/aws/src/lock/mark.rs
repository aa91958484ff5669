//! A file by which the next apply on this machine knows that the holder of a lock has died.
//!
//! The holder keeps the file locked (the system frees it however the process ends) and its id in it. Whoever gets the
//! file's lock therefore knows that the ids in it are of processes that are gone. Where there can be no such file,
//! everything works the same, and a dead holder's lock ends with its lease.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    /// Locked by us.
    file: Option<File>,
    dead: Vec<String>,
}

impl Mark {
    pub(super) fn open(directory: &Path, deployment: &str) -> Self {
        let mut mark = Self { path: directory.join(format!("{deployment}.lock")), file: None, dead: Vec::new() };
        mark.try_again();
        mark
    }

    /// Takes the file's lock, if nobody has it.
    pub(super) fn try_again(&mut self) {
        if self.file.is_none() {
            self.file = self.lock();
        }
    }

    fn lock(&mut self) -> Option<File> {
        fs::create_dir_all(self.path.parent()?).ok()?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path).ok()?;
        file.try_lock().ok()?;
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        self.dead = text.lines().map(ToOwned::to_owned).collect();
        Some(file)
    }

    /// Whether the holder with this id was a process on this machine that is gone.
    pub(super) fn is_of_the_dead(&self, id: &str) -> bool {
        self.dead.iter().any(|dead| dead == id)
    }

    /// Notes an id before its lock is taken. Those of the dead stay until theirs is taken over: we may die before that.
    pub(super) fn write(&mut self, id: &str) {
        let ids: Vec<&str> = self.dead.iter().map(String::as_str).chain([id]).collect();
        self.replace(&ids.join("\n"));
    }

    /// The lock is taken: what was left behind is gone.
    pub(super) fn taken(&mut self, id: &str) {
        self.dead.clear();
        self.replace(id);
    }

    fn replace(&mut self, text: &str) {
        if let Some(file) = &mut self.file {
            // Without the mark a dead holder's lock ends with its lease: nothing that an apply should fail for.
            let _ = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes()));
        }
    }
}
