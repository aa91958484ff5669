//! Files and directories with credentials, contacts or the state of a cloud. Only their owner may read them, whatever
//! the umask is, and they are never reached through a symbolic link: a directory that somebody else made (a cloned
//! repository, a shared directory) could otherwise make the program overwrite any file of its user.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Keeps everything in a directory out of git.
const GITIGNORE: &str = "# Written by deployer. What is here has credentials or personal data.\n*\n";

/// Creates a directory that only its owner can use, with the ones above it. One that exists keeps its mode.
///
/// # Errors
/// It can't be created, or its path is a symbolic link or a file.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(found) => return Err(unexpected_file(path, found.is_symlink())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates a directory of the program itself: only its owner can use it, even if an earlier version made it readable,
/// and git ignores it.
///
/// # Errors
/// The same as [`create_private_directory`].
pub fn create_state_directory(path: &Path) -> io::Result<()> {
    create_private_directory(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if path.symlink_metadata()?.permissions().mode() & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    keep_out_of_git(path)
}

/// Makes git ignore everything in a directory, unless it has rules of its own.
///
/// # Errors
/// The file can't be written.
pub fn keep_out_of_git(directory: &Path) -> io::Result<()> {
    let ignore = directory.join(".gitignore");
    match ignore.symlink_metadata() {
        Ok(_) => Ok(()),
        Err(_) => replace_private_file(&ignore, GITIGNORE.as_bytes()),
    }
}

/// Opens a file to read and write, and creates it if it doesn't exist. Nothing in it is changed.
///
/// # Errors
/// It can't be opened, or it is a symbolic link or no regular file.
pub fn open_private_file(path: &Path) -> io::Result<File> {
    open_checked(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

/// Opens a file to read, and to append to. It is created if it doesn't exist.
///
/// # Errors
/// The same as [`open_private_file`].
pub fn open_private_log(path: &Path) -> io::Result<File> {
    open_checked(OpenOptions::new().read(true).append(true).create(true), path)
}

/// Reads a file; `None` if there is none.
///
/// # Errors
/// It can't be read, or it is a symbolic link or no regular file.
pub fn read_private_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match open_checked(OpenOptions::new().read(true), path) {
        Ok(file) => bounds::read_at_most(file, bounds::MAX_INPUT_FILE).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file completely or not at all, even if the machine stops meanwhile. Whatever was at its path is replaced; a
/// symbolic link isn't followed.
///
/// # Errors
/// It can't be written.
pub fn replace_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // `NamedTempFile` creates it with mode 0600.
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name is in the directory.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

fn open_checked(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Without waiting for the other end of a pipe, which is refused below.
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    let file = options.open(path).map_err(|error| match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => unexpected_file(path, true),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(unexpected_file(path, false)) }
}

fn unexpected_file(path: &Path, is_link: bool) -> io::Error {
    let what = if is_link { "a symbolic link, which is not followed" } else { "not what belongs there" };
    io::Error::new(io::ErrorKind::InvalidInput, format!("{} is {what}: remove it", path.display()))
}

#[cfg(all(test, unix))]
#[allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        path.symlink_metadata().expect("it exists").permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_can_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let state = directory.path().join("a/state");
        create_state_directory(&state).expect("created");
        open_private_file(&state.join("opened")).expect("opened");
        open_private_log(&state.join("log")).expect("opened");
        replace_private_file(&state.join("replaced"), b"text").expect("written");
        assert_eq!(mode_of(&state), 0o700);
        for name in ["opened", "log", "replaced", ".gitignore"] {
            assert_eq!(mode_of(&state.join(name)), 0o600, "{name}");
        }
        let ignored = read_private_file(&state.join(".gitignore")).expect("readable").expect("there");
        assert!(String::from_utf8_lossy(&ignored).lines().any(|line| line == "*"));
    }

    #[test]
    fn a_readable_state_directory_becomes_private() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let state = directory.path().join("state");
        std::fs::create_dir(&state).expect("created");
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).expect("set");
        create_state_directory(&state).expect("used");
        assert_eq!(mode_of(&state), 0o700);
    }

    #[test]
    fn follows_no_links() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let target = directory.path().join("target");
        std::fs::write(&target, "untouched").expect("written");
        let link = directory.path().join("link");
        symlink(&target, &link).expect("linked");
        for error in [
            open_private_file(&link).expect_err("a link"),
            open_private_log(&link).expect_err("a link"),
            read_private_file(&link).expect_err("a link"),
            create_private_directory(&link).expect_err("a link"),
        ] {
            assert!(error.to_string().contains("symbolic link"), "{error}");
        }
        replace_private_file(&link, b"new").expect("written");
        assert_eq!(std::fs::read_to_string(&target).expect("readable"), "untouched");
        assert!(!link.symlink_metadata().expect("it exists").is_symlink());
    }

    #[test]
    fn opens_only_regular_files() {
        assert!(open_private_file(Path::new("/dev/null")).is_err());
        assert!(read_private_file(Path::new("/dev/zero")).is_err());
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert!(open_private_file(directory.path()).is_err());
        assert_eq!(read_private_file(&directory.path().join("missing")).expect("no error"), None);
    }
}
