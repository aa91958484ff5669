//! What a file `.env` beside the manifest needs: nobody else reads it, and git doesn't have it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

use deployer_core::manifest::DotEnv;

/// Warns once about a file `.env` that others can read, or that says what has no effect.
pub(in crate::commands) fn warn_about_dotenv(manifest_directory: &Path) {
    static WARNED: Once = Once::new();
    // A file that can't be read is an error where a value is needed from it.
    let Ok(Some(file)) = DotEnv::read_beside(manifest_directory) else { return };
    WARNED.call_once(|| {
        let path = DotEnv::path_beside(manifest_directory);
        let shown = path.display();
        for warning in file.list_warnings() {
            errln!("warning: {warning}.");
        }
        if is_readable_by_others(&path) {
            errln!("warning: others on this machine can read {shown}.\n  hint: `chmod 600 {shown}`");
        }
        if is_tracked_by_git(manifest_directory) {
            errln!(
                "warning: git has {shown}, and with it the secrets in it.\n  hint: `git rm --cached {shown}`, then replace these \
                 secrets: they stay in the history"
            );
        }
    });
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}

/// Where there is no git, or no repository, there is nothing to warn about.
fn is_tracked_by_git(directory: &Path) -> bool {
    let mut git = Command::new("git");
    git.args(["-c", "core.fsmonitor=false", "ls-files", "--error-unmatch", "--", deployer_core::manifest::DOTENV_FILE]);
    git.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    git.status().is_ok_and(|status| status.success())
}
