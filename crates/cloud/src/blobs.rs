//! Large contents such as function zips. They are named by their SHA-256 and stored beside the state, which keeps the
//! state small.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use parking_lot::Mutex;

/// Contents by hash.
#[derive(Debug, Default)]
pub struct BlobStore {
    directory: Option<PathBuf>,
    memory: Mutex<HashMap<String, Bytes>>,
}

impl BlobStore {
    pub(super) fn in_directory(directory: PathBuf) -> Self {
        Self { directory: Some(directory), memory: Mutex::default() }
    }

    /// Stores `content`, whose SHA-256 is `digest`, and returns its name: the digest in hexadecimal.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn store_blob(&self, content: &Bytes, digest: &[u8]) -> io::Result<String> {
        let mut name = String::with_capacity(64);
        for byte in digest {
            let _ = write!(name, "{byte:02x}");
        }
        if let Some(directory) = &self.directory {
            let path = directory.join(&name);
            if !path.exists() {
                private_files::create_private_directory(directory)?;
                let mut file = tempfile::NamedTempFile::new_in(directory)?;
                io::Write::write_all(&mut file, content)?;
                // The state names it only when it is on the disk.
                file.as_file().sync_all()?;
                file.persist(path)?;
            }
        } else {
            self.memory.lock().insert(name.clone(), content.clone());
        }
        Ok(name)
    }

    /// Returns the content with that name.
    ///
    /// # Errors
    /// There is no such content, or its file can't be read.
    pub fn read_blob(&self, name: &str) -> io::Result<Bytes> {
        if let Some(content) = self.memory.lock().get(name) {
            return Ok(content.clone());
        }
        let Some(directory) = &self.directory else { return Err(io::ErrorKind::NotFound.into()) };
        let content = Bytes::from(bounds::read_regular_file(&directory.join(name), bounds::MAX_INPUT_FILE)?);
        self.memory.lock().insert(name.to_owned(), content.clone());
        Ok(content)
    }
}
