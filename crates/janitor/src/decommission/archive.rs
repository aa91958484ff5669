//! The archive: a directory that only its owner may read, with a manifest and the SHA-256 of every file.
//!
//! `manifest.json` lists its contents, `SHA256SUMS` has the checksums of all files, of the manifest and of the journal
//! (`sha256sum -c` reads it), and `journal.jsonl` records what was done. `KIND/NAME/` has the files of one resource.

mod contents;
mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bounds::{MAX_INPUT_FILE, read_regular_file};
use bytes::Bytes;
use jiff::Timestamp;

use super::DecommissionTarget;
use super::journal::{DecommissionJournal, JournalStep};
use super::parts::ResourceParts;
pub use contents::{ARCHIVE_VERSION, ArchiveEntry, ArchiveManifest, ArchivedFile};
use contents::{EARLIEST_VERSION, MANIFEST, read_manifest};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::scope::Scope;
use files::{
    changed_error, has_checksum, is_unwritable, persist_file, read_if_there, sha256_hex, sum_of_file, sync_names,
    unusable_error,
};

const JOURNAL: &str = "journal.jsonl";
const SUMS: &str = "SHA256SUMS";

/// Where the journal of a restore is kept if not in the archive.
#[derive(Debug, Clone, Copy)]
pub struct JournalPlaces<'p> {
    /// Where the user wants it.
    pub chosen: Option<&'p Path>,
    /// The directory for it if the archive can't be written to.
    pub state: &'p Path,
}

/// An archive that no other process has open.
#[derive(Debug)]
pub struct Archive {
    directory: PathBuf,
    /// Its contents.
    pub manifest: ArchiveManifest,
    /// What was done with its resources.
    pub journal: DecommissionJournal,
    /// What a person must know about how it was opened, in words.
    pub notes: Vec<String>,
    /// Whether the journal is outside of the archive, so that nothing in it is written.
    journal_elsewhere: bool,
    /// The checksum of the manifest on the disk.
    manifest_sum: String,
    lock: Option<File>,
}

impl Archive {
    /// Opens the archive of `scope` in `directory`, or creates one.
    ///
    /// # Errors
    /// It can't be written, another process uses it, it belongs to another account, or it was changed.
    pub fn open_or_create(directory: &Path, scope: &Scope, audit_taken_at: Timestamp) -> Result<Self> {
        private_files::create_private_directory(directory).map_err(|error| unusable_error(directory, &error))?;
        if !directory.join(MANIFEST).exists() {
            // A crash before the first manifest leaves these files behind.
            let known =
                |name: String| [".gitignore", "lock", JOURNAL].contains(&name.as_str()) || name.starts_with(".tmp");
            let entries = std::fs::read_dir(directory).map_err(|error| unusable_error(directory, &error))?;
            if entries.flatten().any(|entry| !known(entry.file_name().to_string_lossy().into_owned())) {
                return Err(Error::usage(
                    ErrorCode::Archive,
                    format!("{} isn't empty and isn't an archive", directory.display()),
                )
                .hint("choose a directory that doesn't exist yet"));
            }
            let (account, region) = (scope.account.clone(), scope.region.clone());
            let entries = Vec::new();
            let made_at = Timestamp::now();
            let manifest =
                ArchiveManifest { version: ARCHIVE_VERSION, account, region, made_at, audit_taken_at, entries };
            let mut archive = Self::with_lock(directory, manifest)?;
            private_files::keep_out_of_git(directory).map_err(|error| unusable_error(directory, &error))?;
            archive.write_manifest().map_err(|error| unusable_error(directory, &error))?;
            return Ok(archive);
        }
        Self::open_verified(directory, scope)
    }

    /// Opens an existing archive and verifies every checksum.
    ///
    /// # Errors
    /// There is none, another process uses it, it belongs to another account, or it was changed.
    pub fn open_verified(directory: &Path, scope: &Scope) -> Result<Self> {
        let manifest = Self::read_manifest_of(directory, scope)?;
        // Without the journal of an archive with contents, what was deleted isn't known.
        if !manifest.entries.is_empty() && !directory.join(JOURNAL).exists() {
            return Err(Error::refused(ErrorCode::Archive, format!(
                "{JOURNAL} is missing from {}, so what was done with its resources is unknown; nothing was changed",
                directory.display()
            ))
            .hint("put the journal back, or bring back what is missing with `deployer restore`, which goes by the contents"));
        }
        let archive = Self::with_lock(directory, manifest)?;
        archive.verify_everything(directory)?;
        Ok(archive)
    }

    /// Opens an existing archive to restore from it, and verifies every checksum. An archive that can't be written to has
    /// its journal elsewhere, and one without a journal gets a new one: [`Archive::notes`] says so.
    ///
    /// # Errors
    /// The same as [`Archive::open_verified`], except for the missing journal; or the journal's place can't be written.
    pub fn open_for_restore(directory: &Path, scope: &Scope, places: JournalPlaces<'_>) -> Result<Self> {
        let manifest = Self::read_manifest_of(directory, scope)?;
        let own = read_if_there(directory, JOURNAL)?;
        let mut notes = Vec::new();
        if own.is_none() && !manifest.entries.is_empty() {
            notes.push(format!(
                "{JOURNAL} is missing from {}: everything in the archive that the account doesn't have is restored.",
                directory.display()
            ));
        }
        let elsewhere = match places.chosen {
            Some(path) => Some(path.to_owned()),
            None => match private_files::open_private_file(&directory.join("lock")) {
                Err(error) if is_unwritable(&error) => {
                    let sum = sum_of_file(directory, MANIFEST)?;
                    Some(places.state.join("journals").join(format!("{}.jsonl", &sum[..16])))
                }
                _ => None,
            },
        };
        let mut archive = match elsewhere {
            None => {
                let mut archive = Self::with_lock(directory, manifest)?;
                if own.is_none() && !archive.manifest.entries.is_empty() {
                    archive.journal.begin_anew().map_err(|error| unusable_error(directory, &error))?;
                }
                archive
            }
            Some(path) => {
                notes.push(format!("The journal of this restore is {}: the next one continues there.", path.display()));
                Self::with_journal_elsewhere(directory, manifest, &path, own.as_deref())?
            }
        };
        if own.is_some() || archive.journal_elsewhere {
            archive.verify_everything(directory)?;
        } else {
            archive.verify_contents(directory)?;
            archive.write_sums().map_err(|error| unusable_error(directory, &error))?;
        }
        archive.notes = notes;
        Ok(archive)
    }

    fn with_journal_elsewhere(
        directory: &Path,
        manifest: ArchiveManifest,
        path: &Path,
        own: Option<&[u8]>,
    ) -> Result<Self> {
        let journal = DecommissionJournal::open_elsewhere(path, own).map_err(|error| {
            Error::failed(ErrorCode::Archive, format!("could not use the journal {}", path.display())).caused_by(&error)
        })?;
        if let Some((id, _)) = journal.last_steps().find(|(id, _)| manifest.entries.iter().all(|entry| entry.id != *id))
        {
            return Err(Error::usage(
                ErrorCode::Archive,
                format!("{} is the journal of another archive: it has {id}", path.display()),
            )
            .hint("name a file that doesn't exist yet"));
        }
        let manifest_sum = sum_of_file(directory, MANIFEST)?;
        let notes = Vec::new();
        Ok(Self {
            directory: directory.to_owned(),
            manifest,
            journal,
            notes,
            journal_elsewhere: true,
            manifest_sum,
            lock: None,
        })
    }

    /// Reads the manifest of an archive of this account.
    fn read_manifest_of(directory: &Path, scope: &Scope) -> Result<ArchiveManifest> {
        let manifest = read_manifest(directory)?;
        if (&manifest.account, &manifest.region) != (&scope.account, &scope.region) {
            return Err(Error::refused(
                ErrorCode::WrongAccount,
                format!(
                    "{} belongs to account {}, region {}, but the credentials are for account {}, region {}",
                    directory.display(),
                    manifest.account,
                    manifest.region,
                    scope.account,
                    scope.region
                ),
            )
            .hint("nothing was changed; use credentials for the archive's account (AWS_PROFILE)"));
        }
        Ok(manifest)
    }

    /// Verifies the journal and the contents.
    fn verify_everything(&self, directory: &Path) -> Result<()> {
        self.verify_contents(directory)?;
        let sums = self.read_sums()?;
        let recorded = sums.lines().find_map(|line| line.strip_suffix(JOURNAL)).map(str::trim_end);
        let genuine = match recorded {
            // An archive of the first version, or a crash before the first checksums.
            None => self.manifest.version == EARLIEST_VERSION || self.manifest.entries.is_empty(),
            // Its absence was said.
            Some(sum) if self.journal_elsewhere => {
                read_if_there(directory, JOURNAL)?.is_none_or(|own| has_checksum(&own, sum))
            }
            Some(sum) => self.journal.has_checksum(sum),
        };
        if genuine { Ok(()) } else { Err(changed_error(directory, JOURNAL)) }
    }

    /// Verifies the manifest and every archived file.
    fn verify_contents(&self, directory: &Path) -> Result<()> {
        if self.manifest.entries.is_empty() && !directory.join(SUMS).exists() {
            // A crash while it was created.
            return Ok(());
        }
        self.verify_sums()?;
        self.manifest.entries.iter().try_for_each(|entry| self.read_parts(entry).map(drop))
    }

    /// Reads an archive's manifest without verifying the archive.
    ///
    /// # Errors
    /// There is none, or another version wrote it.
    pub fn read_manifest_only(directory: &Path) -> Result<ArchiveManifest> {
        read_manifest(directory)
    }

    fn with_lock(directory: &Path, manifest: ArchiveManifest) -> Result<Self> {
        let lock = private_files::open_private_file(&directory.join("lock"));
        let lock = lock.map_err(|error| unusable_error(directory, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(Error::refused(
                    ErrorCode::InUse,
                    format!("another process is using {}", directory.display()),
                )
                .hint("wait until it finishes"));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(unusable_error(directory, &error)),
        }
        let journal = DecommissionJournal::open_or_create(&directory.join(JOURNAL))
            .map_err(|error| unusable_error(directory, &error))?;
        let manifest_sum = match directory.join(MANIFEST).exists() {
            true => sum_of_file(directory, MANIFEST)?,
            false => String::new(),
        };
        let notes = Vec::new();
        let lock = Some(lock);
        Ok(Self {
            directory: directory.to_owned(),
            manifest,
            journal,
            notes,
            journal_elsewhere: false,
            manifest_sum,
            lock,
        })
    }

    /// Records a step on the disk, and the journal's checksum after it.
    ///
    /// # Errors
    /// It can't be written. The caller must not begin the step then.
    pub fn write_step(&mut self, id: &str, step: JournalStep) -> io::Result<()> {
        self.journal.write_step(id, step)?;
        match self.manifest.version == ARCHIVE_VERSION {
            _ if self.journal_elsewhere => Ok(()),
            true => self.write_sums(),
            false => self.write_manifest(),
        }
    }

    /// The archive's directory.
    pub fn archive_directory(&self) -> &Path {
        &self.directory
    }

    /// The entry with this id.
    pub fn find_entry(&self, id: &str) -> Option<&ArchiveEntry> {
        self.manifest.entries.iter().find(|entry| entry.id == id)
    }

    /// Writes a resource's files, then the manifest that lists them, then the checksums. Replaces an earlier entry.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn write_resource(
        &mut self,
        target: &DecommissionTarget,
        parts: &ResourceParts,
        lost: Vec<String>,
    ) -> Result<()> {
        let directory = self.free_directory(target);
        self.write_entry(target, parts, lost, directory).map_err(|error| unusable_error(&self.directory, &error))
    }

    fn write_entry(
        &mut self,
        target: &DecommissionTarget,
        parts: &ResourceParts,
        lost: Vec<String>,
        directory: String,
    ) -> io::Result<()> {
        let mut files = Vec::new();
        for (path, bytes) in parts.to_files() {
            persist_file(&self.directory, &Path::new(&directory).join(&path), &bytes)?;
            if let Some(parent) = Path::new(&path).parent().filter(|parent| *parent != Path::new("")) {
                sync_names(&self.directory, &Path::new(&directory).join(parent))?;
            }
            files.push(ArchivedFile { path, sha256: sha256_hex(&bytes), bytes: bytes.len() as u64 });
        }
        sync_names(&self.directory, Path::new(&directory))?;
        let earlier = self.find_entry(&target.id).map(|entry| self.directory.join(&entry.directory));
        self.manifest.entries.retain(|entry| entry.id != target.id);
        self.manifest.entries.push(ArchiveEntry {
            id: target.id.clone(),
            kind: target.kind,
            name: target.name.clone(),
            directory,
            archived_at: Timestamp::now(),
            files,
            lost,
        });
        self.write_manifest()?;
        match earlier {
            Some(earlier) => std::fs::remove_dir_all(earlier),
            None => Ok(()),
        }
    }

    fn write_manifest(&mut self) -> io::Result<()> {
        self.manifest.version = ARCHIVE_VERSION;
        let text = format!("{}\n", serde_json::to_string_pretty(&self.manifest)?);
        persist_file(&self.directory, Path::new(MANIFEST), text.as_bytes())?;
        self.manifest_sum = sha256_hex(text.as_bytes());
        self.write_sums()
    }

    fn write_sums(&self) -> io::Result<()> {
        let sums = format!("{}{}  {JOURNAL}\n", self.render_checksums(), self.journal.checksum());
        persist_file(&self.directory, Path::new(SUMS), sums.as_bytes())?;
        sync_names(&self.directory, Path::new(""))
    }

    fn read_sums(&self) -> Result<String> {
        match read_regular_file(&self.directory.join(SUMS), MAX_INPUT_FILE) {
            Ok(sums) => Ok(String::from_utf8_lossy(&sums).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.manifest.entries.is_empty() => {
                Ok(String::new())
            }
            Err(error) => Err(unusable_error(&self.directory, &error)),
        }
    }

    /// The checksums of everything but the journal.
    fn render_checksums(&self) -> String {
        let mut sums: BTreeMap<String, String> = BTreeMap::new();
        for entry in &self.manifest.entries {
            for file in &entry.files {
                sums.insert(format!("{}/{}", entry.directory, file.path), file.sha256.clone());
            }
        }
        sums.insert(MANIFEST.to_owned(), self.manifest_sum.clone());
        sums.into_iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect()
    }

    fn verify_sums(&self) -> Result<()> {
        let sums = self.read_sums()?;
        let others = sums.lines().filter(|line| !line.ends_with(&format!("  {JOURNAL}")));
        let sums: String = others.map(|line| format!("{line}\n")).collect();
        let wanted = self.render_checksums();
        if sums == wanted {
            return Ok(());
        }
        // A crash between the two files can explain a difference: the resource of the last entry was never deleted, and
        // all other entries are unchanged.
        let begun = self.manifest.entries.last();
        let begun =
            begun.filter(|entry| matches!(self.journal.last_step(&entry.id), None | Some(JournalStep::Archived)));
        let Some(begun) = begun else { return Err(changed_error(&self.directory, "manifest.json or SHA256SUMS")) };
        let names = self.manifest.entries.iter().filter(|entry| entry.id != begun.id).map(|entry| &entry.directory);
        let names: Vec<String> = names.map(|name| format!("  {name}/")).collect();
        let others = |sums: &str| -> BTreeSet<String> {
            let lines = sums.lines().filter(|line| names.iter().any(|name| line.contains(name.as_str())));
            lines.map(ToOwned::to_owned).collect()
        };
        if others(&sums) == others(&wanted) {
            return Ok(());
        }
        Err(changed_error(&self.directory, "manifest.json or SHA256SUMS"))
    }

    /// Reads an entry's files back and compares them with their checksums.
    ///
    /// # Errors
    /// A file is missing, was changed or can't be read.
    pub fn read_parts(&self, entry: &ArchiveEntry) -> Result<ResourceParts> {
        let mut files = BTreeMap::new();
        for file in &entry.files {
            let shown = format!("{}/{}", entry.directory, file.path);
            // A manifest that was tampered with must not lead outside of the archive.
            if Path::new(&shown).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
                return Err(changed_error(&self.directory, &shown));
            }
            let bytes = read_regular_file(&self.directory.join(&shown), MAX_INPUT_FILE)
                .map_err(|error| unusable_error(&self.directory, &error))?;
            if sha256_hex(&bytes) != file.sha256 || bytes.len() as u64 != file.bytes {
                return Err(changed_error(&self.directory, &shown));
            }
            files.insert(file.path.clone(), Bytes::from(bytes));
        }
        ResourceParts::from_files(files).map_err(|_| changed_error(&self.directory, &entry.directory))
    }

    /// `function/push`, or `function/push-2` if that is taken.
    fn free_directory(&self, target: &DecommissionTarget) -> String {
        let kind = serde_json::to_value(target.kind).ok();
        let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("resource").to_owned();
        let safe = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        let name: String = target.name.chars().map(|c| if safe(c) { c } else { '_' }).collect();
        let name = format!("{kind}/{}", name.trim_start_matches('.'));
        // The resource's own earlier files stay until the manifest lists the new ones.
        let taken = |name: &str| self.manifest.entries.iter().any(|entry| entry.directory == name);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name)
    }
}

impl Drop for Archive {
    /// As for the journal: closing the file isn't enough.
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            let _ = lock.unlock();
        }
    }
}
