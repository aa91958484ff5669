//! Sorts more than fits into memory: sorted runs on disk, merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Records per run, which is what is in memory at a time: about 10 MB of leads.
pub const RUN: usize = 10_000;
/// How many runs are merged at once. More are merged in several steps, to stay below the limit on open files.
const MERGED: usize = 64;

/// Sorts records that come in any order.
pub struct DiskSorter<T> {
    directory: PathBuf,
    run_length: usize,
    records: Vec<(String, T)>,
    runs: Vec<File>,
}

impl<T: Serialize + DeserializeOwned> DiskSorter<T> {
    /// A sorter that writes runs to unnamed files in `directory`. They disappear when closed, even if the process
    /// crashes.
    pub fn new(directory: &Path) -> Self {
        Self::with_run_length(directory, RUN)
    }

    /// A sorter with runs of this length.
    pub fn with_run_length(directory: &Path, run_length: usize) -> Self {
        Self { directory: directory.to_owned(), run_length: run_length.max(1), records: Vec::new(), runs: Vec::new() }
    }

    /// Adds a record. Records with the same key come out in no particular order.
    ///
    /// # Errors
    /// A run can't be written.
    pub fn push(&mut self, key: String, record: T) -> io::Result<()> {
        self.records.push((key, record));
        if self.records.len() < self.run_length {
            return Ok(());
        }
        self.spill_run()
    }

    fn spill_run(&mut self) -> io::Result<()> {
        self.records.sort_by(|(one, _), (other, _)| one.cmp(other));
        let records = std::mem::take(&mut self.records);
        self.runs.push(write_run(&self.directory, records.into_iter().map(Ok))?);
        if self.runs.len() >= MERGED {
            let runs = std::mem::take(&mut self.runs);
            let merged = MergedRuns::<T>::new(runs, Vec::new())?;
            self.runs.push(write_run(&self.directory, merged)?);
        }
        Ok(())
    }

    /// Returns all records with their keys, ordered by key.
    ///
    /// # Errors
    /// A run can't be read.
    pub fn into_sorted(mut self) -> io::Result<MergedRuns<T>> {
        self.records.sort_by(|(one, _), (other, _)| one.cmp(other));
        MergedRuns::new(self.runs, self.records)
    }
}

fn write_run<T: Serialize>(
    directory: &Path,
    records: impl Iterator<Item = io::Result<(String, T)>>,
) -> io::Result<File> {
    let mut file = BufWriter::new(tempfile::tempfile_in(directory)?);
    for record in records {
        serde_json::to_writer(&mut file, &record?)?;
        file.write_all(b"\n")?;
    }
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// The merged runs.
pub struct MergedRuns<T> {
    sources: Vec<MergeSource<T>>,
    /// The next key of each source, and the source.
    heads: BinaryHeap<Reverse<(String, usize)>>,
    /// The record for the head of each source.
    waiting: Vec<Option<T>>,
}

enum MergeSource<T> {
    Run(BufReader<File>),
    Memory(std::vec::IntoIter<(String, T)>),
}

impl<T: DeserializeOwned> MergeSource<T> {
    fn next_record(&mut self) -> io::Result<Option<(String, T)>> {
        match self {
            Self::Memory(records) => Ok(records.next()),
            Self::Run(run) => {
                let mut line = String::new();
                if run.read_line(&mut line)? == 0 {
                    return Ok(None);
                }
                Ok(Some(serde_json::from_str(&line)?))
            }
        }
    }
}

impl<T: DeserializeOwned> MergedRuns<T> {
    fn new(runs: Vec<File>, rest: Vec<(String, T)>) -> io::Result<Self> {
        let sources = runs.into_iter().map(|run| MergeSource::Run(BufReader::new(run)));
        let sources: Vec<_> = sources.chain([MergeSource::Memory(rest.into_iter())]).collect();
        let mut merge = Self { heads: BinaryHeap::new(), waiting: Vec::new(), sources };
        for index in 0..merge.sources.len() {
            merge.waiting.push(None);
            merge.advance_source(index)?;
        }
        Ok(merge)
    }

    fn advance_source(&mut self, index: usize) -> io::Result<()> {
        if let Some((key, record)) = self.sources[index].next_record()? {
            self.heads.push(Reverse((key, index)));
            self.waiting[index] = Some(record);
        }
        Ok(())
    }
}

impl<T: DeserializeOwned> Iterator for MergedRuns<T> {
    type Item = io::Result<(String, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((key, index)) = self.heads.pop()?;
        let record = self.waiting[index].take()?;
        Some(self.advance_source(index).map(|()| (key, record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_with_any_number_of_runs() {
        let directory = tempfile::tempdir().expect("a directory");
        for (count, run) in [(0, 3), (1, 3), (3, 3), (1000, 3), (10, 100)] {
            let mut sorter = DiskSorter::with_run_length(directory.path(), run);
            for number in 0..count {
                // 7919 and 1009 are coprime, so every number comes once.
                sorter.push(format!("{:04}", number * 7919 % 1009), number).expect("kept");
            }
            let sorted: Vec<(String, i64)> =
                sorter.into_sorted().expect("runs").map(|record| record.expect("read")).collect();
            assert_eq!(sorted.len(), count as usize);
            assert!(sorted.is_sorted_by(|(one, _), (other, _)| one < other));
            assert!(sorted.iter().all(|(key, number)| *key == format!("{:04}", number * 7919 % 1009)));
        }
        assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0, "nothing is left");
    }
}
