//! The file `.env` beside a manifest.

use std::process::Command;

use crate::processes::{APPLY, Site, exit_and_output};
use crate::secret_commands::stored_secret;

#[cfg(unix)]
#[test]
fn supplies_what_the_environment_does_not_have() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    site.write_file(
        ".env",
        "# of this machine\nexport TOKEN_a=\"from-dotenv-a\"\nTOKEN_b=from-dotenv-b\nAWS_PROFILE=other\n",
    );
    let apply = || exit_and_output(&site.deployer_command(&APPLY).env_remove("TOKEN_a").output().expect("it starts"));
    let (code, text) = apply();
    assert_eq!(code, 0, "{text}");
    assert_eq!(stored_secret(&site, "a")["HUBSPOT_TOKEN"], "from-dotenv-a");
    assert_eq!(stored_secret(&site, "b")["HUBSPOT_TOKEN"], "token-of-b", "the environment wins");
    assert!(!text.contains("from-dotenv"), "{text}");
    // AWS settings are never taken from there, and that is said.
    assert!(text.contains("warning: AWS_PROFILE in .env: only `env:` references"), "{text}");
    let path = site.path().join(".env");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("ours");
    let (_, text) = site.run_deployer(&["validate"]);
    assert!(text.contains("others on this machine can read ./.env") && text.contains("`chmod 600 ./.env`"), "{text}");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("ours");
    let (_, text) = site.run_deployer(&["validate"]);
    assert!(!text.contains("others on this machine"), "{text}");
    // Where there is no git, there is no repository to commit it to.
    let git = |words: &[&str]| Command::new("git").args(words).current_dir(site.path()).output();
    if git(&["init", "--quiet"]).is_ok_and(|output| output.status.success()) {
        let (_, text) = site.run_deployer(&["validate"]);
        assert!(!text.contains("git has"), "it isn't tracked yet: {text}");
        git(&["add", "--force", ".env"]).expect("git is there");
        let (_, text) = site.run_deployer(&["validate"]);
        assert!(text.contains("warning: git has ./.env") && text.contains("git rm --cached ./.env"), "{text}");
    }
}

#[test]
fn a_line_that_is_wrong_is_said_without_its_value() {
    let site = Site::new();
    site.write_file(".env", "TOKEN_a=\"never-closed\n");
    let (_, text) = site.run_deployer(&["validate"]);
    assert!(
        text.contains("warning: .env, line 1: its quote is not closed") && !text.contains("never-closed"),
        "{text}"
    );
}
