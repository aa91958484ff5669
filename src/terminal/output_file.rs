//! The files that a user names for a command's output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file that somebody named: a plan, a report, the manifest. A regular file stays as it was until the new one is
/// complete, and keeps its permissions. Everything else is written through and never replaced: a device (`/dev/full`), a
/// pipe, a symbolic link.
///
/// # Errors
/// It can't be written completely. A reader that closed its pipe is no error.
pub fn write_output_file(path: &Path, content: &[u8]) -> io::Result<()> {
    // Opened anew, a redirected stdout would have another position, and what is printed would overwrite the file.
    let written = match path.to_str() {
        Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => write_to(&mut io::stdout().lock(), content),
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => write_to(&mut io::stderr().lock(), content),
        _ => write_file(path, content),
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write_to(out: &mut impl Write, content: &[u8]) -> io::Result<()> {
    out.write_all(content)?;
    out.flush()
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => match replace_file(path, content, Some(found.permissions())) {
            // Whoever may write the file needn't be allowed to create others beside it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => write_through(path, content, true),
            written => written,
        },
        // A link's own type says nothing; what it points to may not exist yet.
        Ok(found) => {
            let is_file = found.is_symlink() && path.metadata().map_or(true, |target| target.is_file());
            write_through(path, content, is_file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace_file(path, content, None),
        Err(error) => Err(error),
    }
}

fn write_through(path: &Path, content: &[u8], is_file: bool) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(is_file).create(is_file).open(path)?;
    write_to(&mut file, content)?;
    // A full disk may only be noticed now. A device or a pipe has nothing to synchronize.
    if is_file { file.sync_all() } else { Ok(()) }
}

fn replace_file(path: &Path, content: &[u8], permissions: Option<std::fs::Permissions>) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut next = new_file_in(directory)?;
    next.write_all(content)?;
    if let Some(permissions) = permissions {
        next.as_file().set_permissions(permissions)?;
    }
    next.as_file().sync_all()?;
    next.persist(path).map(|_: File| ()).map_err(|error| error.error)
}

/// A file that others may read, as far as the umask lets them: temporary files are their owner's alone.
fn new_file_in(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".deployer-");
    #[cfg(unix)]
    let mode: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(mode);
    builder.tempfile_in(directory)
}

#[cfg(all(test, unix))]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn replaces_a_regular_file_and_keeps_its_permissions() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("plan.json");
        write_output_file(&path, b"first").expect("created");
        let (mode, inode) = (path.metadata().expect("it exists").mode(), path.metadata().expect("it exists").ino());
        assert_ne!(mode & 0o444, 0o400, "others may read it, if the umask lets them");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("changed");
        write_output_file(&path, b"second").expect("replaced");
        let found = path.metadata().expect("it exists");
        assert_eq!((found.mode() & 0o777, std::fs::read(&path).expect("readable")), (0o640, b"second".to_vec()));
        assert_ne!(found.ino(), inode, "a reader of the first has all of it");
        assert_eq!(directory.path().read_dir().expect("readable").count(), 1);
    }

    #[test]
    fn writes_through_what_is_no_regular_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let in_directory = |name: &str| directory.path().join(name);
        for (link, target) in [("link", "target"), ("dangling", "nothing-yet")] {
            symlink(target, in_directory(link)).expect("linked");
        }
        std::fs::write(in_directory("target"), "an earlier and longer text").expect("written");
        for (link, target) in [("link", "target"), ("dangling", "nothing-yet")] {
            write_output_file(&in_directory(link), b"text").expect("written");
            assert!(in_directory(link).symlink_metadata().expect("it exists").is_symlink(), "{link}");
            assert_eq!(std::fs::read(in_directory(target)).expect("readable"), b"text", "{link}");
        }
        let pipe = in_directory("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe)
        });
        write_output_file(&pipe, b"text").expect("written");
        assert_eq!(reader.join().expect("it ends").expect("readable"), b"text");
        assert!(!pipe.symlink_metadata().expect("it exists").is_file());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_an_error_and_stays() {
        symlink_to_full_device_fails(Path::new("/dev/full"));
        let directory = tempfile::tempdir().expect("a temporary directory");
        let link = directory.path().join("full");
        symlink("/dev/full", &link).expect("linked");
        symlink_to_full_device_fails(&link);
        assert!(link.symlink_metadata().expect("it exists").is_symlink());
    }

    #[cfg(target_os = "linux")]
    fn symlink_to_full_device_fails(path: &Path) {
        let error = write_output_file(path, b"text").expect_err("it is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        assert!(!path.metadata().expect("it exists").is_file());
    }
}
