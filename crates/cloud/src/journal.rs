//! The file of a state: a journal of what requests changed.
//!
//! The file has lines. The first one is the header; each other one is a record of what one request changed, or a part of
//! the state as it was when the file was made. A line is a checksum, a length, and a JSON document of that many bytes. The
//! checksum is the first 16 hexadecimal digits of the document's SHA-256:
//!
//! ```text
//! 8c1f… 82 {"format":2,"account":"123456789012","seed":…,"base_bytes":…}
//! 07ab… 104 {"drawn":3,"synced":1742,"rows":[["us-east-1","logs","groups","/aws/lambda/a",{…}]]}
//! ```
//!
//! A row is region (empty for what belongs to none), part, table, key and entry. Without an entry, the key was removed;
//! without a key, the whole table was emptied.
//!
//! A request's record is written and synced before the request is answered. Each record says how much of the file was
//! synced when it was written. If the process or the machine dies, the records that were not synced yet may be incomplete
//! or missing: from the first of them on, the file is cut off, as none of their requests was answered. A damaged line that
//! was synced is none of ours, so the file is refused. When the records outgrow what the file began with, it is replaced
//! by one that has only the state: written beside it, synced, renamed, and the directory synced.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::state::CloudState;
use super::table::TableChange;

/// The version of the format. It changes when older programs can no longer read the file.
const FORMAT: u32 = 2;
/// The hexadecimal digits of a checksum.
const SUM_DIGITS: usize = 16;
/// A record of the state as a whole ends after this many bytes.
const PART_BYTES: usize = 64 * 1024;

/// The first line.
#[derive(Serialize, Deserialize)]
struct JournalHeader {
    format: u32,
    account: String,
    seed: u64,
    /// The length of the lines after this one that were there when the file was made. They are complete in any case.
    base_bytes: u64,
}

#[derive(Deserialize)]
struct JournalRecord {
    drawn: u64,
    /// How much of the file was synced when this was written.
    synced: u64,
    rows: Vec<Vec<Value>>,
}

/// A journal that was read up to its end.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// How much of the file is read or written.
    length: u64,
    /// The length of what the file began with.
    base: u64,
    /// How many random numbers were drawn according to it.
    drawn: u64,
    syncs: Arc<SyncGroup>,
}

impl Journal {
    /// Reads a journal into an empty state. A last record that is incomplete is removed from the file.
    ///
    /// # Errors
    /// The file can't be read, or isn't a journal that this version can use.
    pub(super) fn read_file(file: File) -> io::Result<(Self, CloudState)> {
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(invalid_data(
                "it is empty, so what was in it is lost: the disk was full, or the machine stopped",
            ));
        }
        let header: Result<JournalHeader, _> = check_line(&line).and_then(parse_json);
        let header = header.map_err(|why| invalid_data(format!("not the state of a local cloud: {why}")))?;
        if header.format != FORMAT {
            let format = header.format;
            return Err(invalid_data(format!("the state has format {format}, but this version reads format {FORMAT}")));
        }
        drop(reader);
        let base = line.len() as u64 + header.base_bytes;
        let mut state = CloudState::new(&header.account, header.seed);
        let length = line.len() as u64;
        let syncs = Arc::new(SyncGroup::new(file.try_clone()?, length));
        let mut journal = Self { file, length, base, drawn: 0, syncs };
        journal.read_rest(&mut state)?;
        if journal.length < base {
            return Err(damaged_at(journal.length, "the file ends too early"));
        }
        // Whoever wrote the last records may have died before they were on the disk.
        journal.syncs.sync_up_to(journal.length)?;
        Ok((journal, state))
    }

    /// Writes the whole state into a new file at `path`, and whatever was there is replaced.
    ///
    /// # Errors
    /// The file can't be written. What was there before is unchanged.
    pub(super) fn replace_file(path: &Path, state: &mut CloudState) -> io::Result<Self> {
        let records = encode_state(state)?;
        let (account, seed) = (state.account.clone(), state.seed);
        let header = JournalHeader { format: FORMAT, account, seed, base_bytes: records.len() as u64 };
        let mut text = seal_line(&serde_json::to_vec(&header)?);
        text.extend(records);
        private_files::replace_private_file(path, &text)?;
        let file = private_files::open_private_file(path)?;
        let length = text.len() as u64;
        let syncs = Arc::new(SyncGroup::new(file.try_clone()?, length));
        Ok(Self { file, length, base: length, drawn: state.drawn, syncs })
    }

    /// Reads what others have written since. What is damaged and was never synced is removed from the file.
    ///
    /// # Errors
    /// The file can't be read, or it is damaged.
    pub(super) fn read_rest(&mut self, state: &mut CloudState) -> io::Result<()> {
        let mut reader = BufReader::new(&self.file);
        reader.seek(SeekFrom::Start(self.length))?;
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let record: Result<JournalRecord, String> = check_line(&line).and_then(parse_json);
            match record {
                Ok(record) => self.drawn = load_record(state, record).map_err(|why| damaged_at(self.length, &why))?,
                Err(why) => {
                    if self.length < self.base || !may_be_incomplete(&line) || was_synced(self.length, &mut reader)? {
                        return Err(damaged_at(self.length, &why));
                    }
                    self.file.set_len(self.length)?;
                    break;
                }
            }
            self.length += line.len() as u64;
        }
        state.drawn = self.drawn;
        forget_changes(state);
        Ok(())
    }

    /// Writes what changed in the state, if anything did, after the end of what was read. It is on the disk only after
    /// [`PendingSync::complete`].
    ///
    /// # Errors
    /// The file can't be written. Then this journal and the state can no longer be used: read the file again.
    pub(super) fn append_changes(&mut self, state: &mut CloudState) -> io::Result<Option<AppendedRecord>> {
        let Some(line) = encode_changes(state, self.drawn, self.syncs.synced_bytes())? else { return Ok(None) };
        // Another process may have moved the end, which this one has read up to.
        (&self.file).seek(SeekFrom::Start(self.length))?;
        (&self.file).write_all(&line)?;
        forget_changes(state);
        self.drawn = state.drawn;
        self.length += line.len() as u64;
        self.syncs.written.store(self.length, Ordering::Release);
        let sync = PendingSync { group: Arc::clone(&self.syncs), end: self.length };
        Ok(Some(AppendedRecord { bytes: line.len() as u64, sync }))
    }

    /// How much of the file is known.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes the records take that were added since the file was made, and how many it was made with.
    pub(super) fn grown_bytes(&self) -> (u64, u64) {
        (self.length - self.base, self.base)
    }
}

/// A record that was written.
pub(super) struct AppendedRecord {
    pub(super) bytes: u64,
    pub(super) sync: PendingSync,
}

/// Who waits for the records of one file to be on the disk. Those that were written meanwhile are synced together.
#[derive(Debug)]
struct SyncGroup {
    file: File,
    /// The end of the last record that was written.
    written: AtomicU64,
    /// How much of the file is on the disk.
    synced: Mutex<u64>,
    /// The same, for those that don't wait.
    known: AtomicU64,
}

impl SyncGroup {
    fn new(file: File, synced: u64) -> Self {
        Self { file, written: AtomicU64::new(synced), synced: Mutex::new(synced), known: AtomicU64::new(synced) }
    }

    fn synced_bytes(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    fn sync_up_to(&self, end: u64) -> io::Result<()> {
        let mut synced = self.synced.lock();
        if *synced < end {
            let written = self.written.load(Ordering::Acquire).max(end);
            self.file.sync_data()?;
            *synced = written;
            self.known.store(written, Ordering::Release);
        }
        Ok(())
    }
}

/// A record that may not be on the disk yet.
#[must_use]
pub(super) struct PendingSync {
    group: Arc<SyncGroup>,
    /// Its end.
    end: u64,
}

impl PendingSync {
    /// Waits until the record is on the disk.
    ///
    /// # Errors
    /// It can't be written there.
    pub(super) fn complete(self) -> io::Result<()> {
        self.group.sync_up_to(self.end)
    }
}

/// Whether a record in the rest of the file says that what is at `offset` was synced.
fn was_synced(offset: u64, rest: &mut impl BufRead) -> io::Result<bool> {
    let mut line = Vec::new();
    while rest.read_until(b'\n', &mut line)? > 0 {
        if check_line(&line).and_then(parse_json).is_ok_and(|record: JournalRecord| record.synced > offset) {
            return Ok(true);
        }
        line.clear();
    }
    Ok(false)
}

/// A document with its checksum, as a line.
fn seal_line(json: &[u8]) -> Vec<u8> {
    let mut line = format!("{} {} ", checksum(json), json.len()).into_bytes();
    line.extend_from_slice(json);
    line.push(b'\n');
    line
}

fn checksum(json: &[u8]) -> String {
    Sha256::digest(json).iter().take(SUM_DIGITS / 2).fold(String::with_capacity(SUM_DIGITS), |mut sum, byte| {
        let _ = write!(sum, "{byte:02x}");
        sum
    })
}

/// The document of a line.
fn check_line(line: &[u8]) -> Result<&[u8], String> {
    let (sum, length, rest) = split_line(line).ok_or("a line has no checksum and length")?;
    let json = rest.strip_suffix(b"\n").filter(|json| json.len() == length).ok_or("a line has another length")?;
    if sum == checksum(json).as_bytes() { Ok(json) } else { Err("a line has another checksum".to_owned()) }
}

/// The checksum and the length that a line begins with, and its rest.
fn split_line(line: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (sum, length, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let length = std::str::from_utf8(length).ok()?.parse().ok()?;
    (sum.len() == SUM_DIGITS).then_some((sum, length, rest))
}

/// Whether the last line of a file can be one that was written only in part. One that goes on after its own end is two,
/// whose line break was damaged.
fn may_be_incomplete(line: &[u8]) -> bool {
    split_line(line).is_none_or(|(_, length, rest)| rest.len() <= length.saturating_add(1))
}

fn parse_json<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// The records of everything in the state.
fn encode_state(state: &mut CloudState) -> io::Result<Vec<u8>> {
    let drawn = state.drawn;
    let (mut lines, mut record, mut failure) = (Vec::new(), RecordWriter::new(drawn, 0), None);
    state.visit_tables(&mut |region, part, name, table| {
        let written = table.write_entries(&mut |change| {
            record.add_row((region, part, name), &change)?;
            if record.json.len() > PART_BYTES {
                lines.extend(std::mem::replace(&mut record, RecordWriter::new(drawn, 0)).into_line());
            }
            Ok(())
        });
        failure = failure.take().or(written.err());
    });
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    lines.extend(record.into_line());
    forget_changes(state);
    Ok(lines)
}

/// The record of what changed; `None` if nothing did.
fn encode_changes(state: &mut CloudState, drawn: u64, synced: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut record, mut failure) = (RecordWriter::new(state.drawn, synced), None);
    state.visit_tables(&mut |region, part, name, table| {
        let written = table.write_changes(&mut |change| record.add_row((region, part, name), &change));
        failure = failure.take().or(written.err());
    });
    match failure {
        Some(failure) => Err(failure.into()),
        None if record.is_empty && state.drawn == drawn => Ok(None),
        None => Ok(Some(record.into_line())),
    }
}

struct RecordWriter {
    json: Vec<u8>,
    is_empty: bool,
}

impl RecordWriter {
    fn new(drawn: u64, synced: u64) -> Self {
        Self { json: format!("{{\"drawn\":{drawn},\"synced\":{synced},\"rows\":[").into_bytes(), is_empty: true }
    }

    fn add_row(
        &mut self,
        (region, part, name): (&str, &str, &str),
        change: &TableChange<'_>,
    ) -> serde_json::Result<()> {
        if !self.is_empty {
            self.json.push(b',');
        }
        self.is_empty = false;
        self.json.push(b'[');
        for text in [region, part] {
            serde_json::to_writer(&mut self.json, text)?;
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, name)?;
        if let TableChange::Set(key, _) | TableChange::Removed(key) = change {
            self.json.push(b',');
            serde_json::to_writer(&mut self.json, key)?;
        }
        if let TableChange::Set(_, entry) = change {
            self.json.push(b',');
            entry.write_json(&mut self.json)?;
        }
        self.json.push(b']');
        Ok(())
    }

    fn into_line(mut self) -> Vec<u8> {
        self.json.extend_from_slice(b"]}");
        seal_line(&self.json)
    }
}

/// Takes over a record, and returns how many random numbers were drawn then.
fn load_record(state: &mut CloudState, record: JournalRecord) -> Result<u64, String> {
    for row in record.rows {
        load_row(state, row)?;
    }
    Ok(record.drawn)
}

/// Takes over a row of a record, or one that was made of an earlier format.
pub(super) fn load_row(state: &mut CloudState, row: Vec<Value>) -> Result<(), String> {
    let mut fields = row.into_iter();
    let mut name = || match fields.next() {
        Some(Value::String(name)) => Some(name),
        _ => None,
    };
    let (Some(region), Some(part), Some(table)) = (name(), name(), name()) else {
        return Err("a row of the record has no table".to_owned());
    };
    let (key, entry) = (fields.next(), fields.next());
    let loaded = state.with_table((&region, &part, &table), |table| match key {
        None => {
            table.load_nothing();
            Ok(())
        }
        Some(Value::String(key)) => table.load_entry(key, entry).map_err(|error| error.to_string()),
        Some(_) => Err("a row of the record has no key".to_owned()),
    });
    let unknown = || Err(format!("this version knows no table {part}.{table}: a later version has written it"));
    loaded.unwrap_or_else(unknown)
}

pub(super) fn forget_changes(state: &mut CloudState) {
    state.visit_tables(&mut |_, _, _, table| table.forget_changes());
}

fn damaged_at(offset: u64, why: &str) -> io::Error {
    invalid_data(format!(
        "it is damaged from byte {offset} on ({why}): another program has changed it, or the disk failed"
    ))
}

fn invalid_data(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}
