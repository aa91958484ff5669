//! A file that tells the next apply on this machine that the holder of a lock has died.
//!
//! The holder writes its id to the file and keeps the file locked; the system releases that lock however the process
//! ends. So whoever locks the file knows that the ids in it belong to processes that are gone. That only holds for the
//! very file that the holder locked: the file says which one it is (machine and inode), so that a copied directory proves
//! nothing, and a directory that two machines share neither. A process that still runs isn't gone either, whatever the
//! file system says about locks. If the file can't be created, everything works the same, except that a dead holder's
//! lock only ends with its lease.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::lease::{MAX_SYSTEM_FILE, machine_name};

#[derive(Debug)]
pub(super) struct LockMark {
    path: PathBuf,
    /// The file, while we have it locked.
    file: Option<File>,
    dead: Vec<MarkedHolder>,
}

/// A holder that a mark names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MarkedHolder {
    id: String,
    boot: String,
    process: u32,
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
        self.dead = read_dead_holders(&text, &file_place(&file, &self.path));
        Some(file)
    }

    /// Whether the holder with this id was a process on this machine that has died.
    pub(super) fn is_dead_holder(&self, id: &str) -> bool {
        self.dead.iter().any(|dead| dead.id == id)
    }

    /// Adds our id before we acquire the lock. The ids of dead holders stay until their lock is taken over, because we
    /// may die before that.
    pub(super) fn write_id(&mut self, id: &str) {
        let mut holders = self.dead.clone();
        holders.push(MarkedHolder::of_this_process(id));
        self.write_holders(&holders);
    }

    /// Records that we hold the lock, and forgets the dead holders.
    pub(super) fn record_holder(&mut self, id: &str) {
        self.dead.clear();
        self.write_holders(&[MarkedHolder::of_this_process(id)]);
    }

    fn write_holders(&mut self, holders: &[MarkedHolder]) {
        let Some(file) = &mut self.file else { return };
        let holders = holders
            .iter()
            .map(|MarkedHolder { id, boot, process }| json!({ "id": id, "boot": boot, "process": process }));
        let place = file_place(file, &self.path);
        let text = json!({ "place": place, "holders": holders.collect::<Vec<_>>() }).to_string();
        // An apply shouldn't fail for this: without the mark, a dead holder's lock still ends with its lease.
        let _ = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes()));
    }
}

impl MarkedHolder {
    fn of_this_process(id: &str) -> Self {
        Self { id: id.to_owned(), boot: boot_id(), process: std::process::id() }
    }

    /// Whether the process may still run, whatever the lock of the file says: some file systems keep none.
    fn may_be_alive(&self) -> bool {
        self.boot == boot_id() && self.process != std::process::id() && is_running(self.process)
    }
}

/// The holders that a mark proves dead, if it was written to this very file.
fn read_dead_holders(text: &str, place: &str) -> Vec<MarkedHolder> {
    let Ok(mark) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    if mark["place"] != place {
        return Vec::new();
    }
    let holders = mark["holders"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(|holder| {
        Some(MarkedHolder {
            id: holder["id"].as_str()?.to_owned(),
            boot: holder["boot"].as_str()?.to_owned(),
            process: u32::try_from(holder["process"].as_u64()?).ok()?,
        })
    });
    holders.filter(|holder| !holder.may_be_alive()).collect()
}

/// Which file on which machine this is. A copy is another one.
fn file_place(file: &File, path: &Path) -> String {
    let machine = bounds::read_regular_text(Path::new("/etc/machine-id"), MAX_SYSTEM_FILE)
        .map_or_else(|_| String::new(), |id| id.trim().to_owned());
    format!("{} {machine} {}", machine_name(), inode_of(file, path))
}

#[cfg(unix)]
fn inode_of(file: &File, _: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map_or_else(|_| String::new(), |found| format!("{}:{}", found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn inode_of(_: &File, path: &Path) -> String {
    path.canonicalize().map_or_else(|_| String::new(), |path| path.display().to_string())
}

/// Changes with every start of the machine. Empty where the system doesn't tell.
fn boot_id() -> String {
    bounds::read_regular_text(Path::new("/proc/sys/kernel/random/boot_id"), MAX_SYSTEM_FILE)
        .map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

/// Whether a process with this number runs. `false` where the system doesn't tell: the lock of the file decides then.
fn is_running(process: u32) -> bool {
    let Ok(stat) =
        bounds::read_regular_text(&Path::new("/proc").join(process.to_string()).join("stat"), MAX_SYSTEM_FILE)
    else {
        return false;
    };
    // The name in parentheses may contain anything. One that ended and that its parent hasn't asked about is a zombie.
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, Some('Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mark whose holder died: the file isn't locked anymore, and no process has this number.
    fn leave_mark(directory: &Path) {
        let mut mark = LockMark::open(directory, "sync");
        let died = MarkedHolder { process: u32::MAX, ..MarkedHolder::of_this_process("dead") };
        mark.write_holders(&[died]);
    }

    #[test]
    fn knows_the_dead_holder_of_the_same_file_only() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        leave_mark(directory.path());
        assert!(LockMark::open(directory.path(), "sync").is_dead_holder("dead"));

        let copy = tempfile::tempdir().expect("a temporary directory");
        fs::copy(directory.path().join("sync.lock"), copy.path().join("sync.lock")).expect("it is copied");
        assert!(!LockMark::open(copy.path(), "sync").is_dead_holder("dead"), "a copy proves nothing");
    }

    #[test]
    fn a_held_file_and_a_running_process_prove_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        leave_mark(directory.path());
        let held = LockMark::open(directory.path(), "sync");
        assert!(!LockMark::open(directory.path(), "sync").is_dead_holder("dead"), "the file is locked");
        drop(held);
        let mut mark = LockMark::open(directory.path(), "sync");
        // The parent of this process runs.
        let alive = MarkedHolder { process: std::os::unix::process::parent_id(), ..mark.dead[0].clone() };
        mark.write_holders(&[alive]);
        drop(mark);
        assert!(!LockMark::open(directory.path(), "sync").is_dead_holder("dead"), "the process runs");
    }

    #[test]
    fn a_mark_of_an_earlier_version_or_another_machine_proves_nothing() {
        let place = "here 1:2";
        let holders = json!([{ "id": "dead", "boot": "b", "process": 1 }]);
        let read = |text: String| read_dead_holders(&text, place).len();
        assert_eq!(read(json!({ "place": place, "holders": holders }).to_string()), 1, "an earlier start");
        assert_eq!(read(json!({ "place": "there 1:2", "holders": holders }).to_string()), 0);
        assert_eq!(read("dead".to_owned()), 0);
        assert_eq!(read(json!({ "place": place, "holders": [{}] }).to_string()), 0);
    }
}
