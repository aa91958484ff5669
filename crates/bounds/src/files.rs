//! Files that somebody names: on the command line, in the manifest, in an archive.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// The longest text that a person writes or reads: a manifest, a secret, a certificate bundle. In bytes.
pub const MAX_TEXT_FILE: u64 = 4 * 1024 * 1024;
/// The longest file that a program wrote: a saved plan, an audit, an archive's part, contacts. In bytes. Lambda allows
/// 250 MB of code, which an archive has as one file.
pub const MAX_INPUT_FILE: u64 = 300 * 1024 * 1024;

/// Reads a file that is at most `limit` bytes long. Anything but a regular file is refused before anything is read: a
/// pipe would be waited for, and a device never ends. Symbolic links are followed.
///
/// # Errors
/// There is no such file, it is something else than a file, it is too long, or it can't be read. The text says which.
pub fn read_regular_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    // Without waiting for the other end of a pipe.
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    // A socket can't be opened at all, and says so in the system's words.
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
        Err(error) => {
            return Err(match path.metadata() {
                Ok(found) if !found.is_file() => not_a_file(&found),
                _ => error,
            });
        }
    };
    read_at_most(file, limit)
}

/// Reads an open file that is at most `limit` bytes long.
///
/// # Errors
/// It is something else than a file, it is too long, or it can't be read.
pub fn read_at_most(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(not_a_file(&found));
    }
    if found.len() > limit {
        return Err(too_long(limit));
    }
    // A file of the kernel's has no length, and one that is written to grows.
    let mut content = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit { Err(too_long(limit)) } else { Ok(content) }
}

/// The same for a text.
///
/// # Errors
/// Those of [`read_regular_file`], or it isn't UTF-8.
pub fn read_regular_text(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read_regular_file(path, limit)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it isn't UTF-8 text"))
}

fn not_a_file(found: &std::fs::Metadata) -> io::Error {
    let (kind, what) = if found.is_dir() {
        (io::ErrorKind::IsADirectory, "it is a directory, not a file")
    } else {
        (io::ErrorKind::InvalidInput, "it is a pipe, a device or a socket, not a file")
    };
    io::Error::new(kind, what)
}

fn too_long(limit: u64) -> io::Error {
    let shown = match limit / (1024 * 1024) {
        0 => format!("{limit} bytes"),
        megabytes => format!("{megabytes} MB"),
    };
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {shown}, the most that is read"))
}

#[cfg(all(test, unix))]
#[allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_file_at_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        let socket = directory.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        for path in [pipe.as_path(), &socket, Path::new("/dev/zero"), Path::new("/dev/tty"), Path::new("/dev/stdin")] {
            // Where there is no terminal, the device can't be opened.
            let error = read_regular_file(path, 10).expect_err("no file").to_string();
            assert!(error.contains("not a file") || path.starts_with("/dev"), "{}: {error}", path.display());
        }
        let error = read_regular_file(Path::new("/dev/zero"), 10).expect_err("no file").to_string();
        assert_eq!(error, "it is a pipe, a device or a socket, not a file");
        let error = read_regular_file(directory.path(), 10).expect_err("no file");
        assert_eq!(error.to_string(), "it is a directory, not a file");
    }

    #[test]
    fn reads_up_to_the_limit() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("text");
        std::fs::write(&path, "12345").expect("written");
        assert_eq!(read_regular_text(&path, 5).expect("it fits"), "12345");
        let error = read_regular_text(&path, 4).expect_err("too long");
        assert_eq!(
            (error.kind(), error.to_string().contains("longer than 4 bytes")),
            (io::ErrorKind::FileTooLarge, true)
        );
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert_eq!(read_regular_text(&link, 5).expect("it fits"), "12345");
        std::fs::write(&path, [0xff]).expect("written");
        assert!(read_regular_text(&path, 5).expect_err("no text").to_string().contains("UTF-8"));
        let missing = read_regular_file(&directory.path().join("missing"), 5).expect_err("there is none");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_sparse_file_of_any_size_is_refused_without_reading_it() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("large");
        File::create(&path).and_then(|file| file.set_len(1 << 40)).expect("sparse");
        let error = read_regular_file(&path, MAX_TEXT_FILE).expect_err("too long").to_string();
        assert_eq!(error, "it is longer than 4 MB, the most that is read");
    }
}
