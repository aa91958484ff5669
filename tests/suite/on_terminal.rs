//! Commands on a terminal of their own, which `script` makes.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use crate::hanging::SilentServer;
use crate::processes::Site;

/// What a shell's line shows on a terminal, in which `deployer` is the program; `None` where there is no `script`.
fn show_on_terminal(site: &Site, args: &[&str], line: &str, variables: &[(&str, &str)]) -> Option<String> {
    if !std::path::Path::new("/usr/bin/script").exists() {
        return None;
    }
    let like = site.deployer_command(args);
    let line = line.replace("deployer ", &format!("{} ", env!("CARGO_BIN_EXE_deployer")));
    let mut command = Command::new("/usr/bin/script");
    command.args(["-q", "-e", "-c", &format!("stty cols 100 rows 24; {line}"), "/dev/null"]).current_dir(site.path());
    command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
        .env("SHELL", "/bin/sh")
        .envs(variables.iter().copied());
    let output = command.stdin(Stdio::null()).output().expect("script starts");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_report_needs_a_file_or_a_pipe() {
    let site = Site::new();
    let shown = |line: &str| show_on_terminal(&site, &["report"], line, &[]);
    let Some(refused) = shown("deployer report; echo CODE=$?") else { return };
    assert!(refused.contains("a page on a terminal can't be read") && refused.contains("CODE=2"), "{refused}");
    assert!(refused.contains("`deployer report --out report.html`"), "{refused}");
    assert!(!refused.contains("<html"), "{refused}");
    let piped = shown("deployer report | grep -c '</html>'").expect("script is there");
    assert_eq!(piped.trim(), "1", "{piped}");
    let read = shown("deployer report --format markdown").expect("script is there");
    assert!(read.contains("# ") && !read.contains("can't be read"), "{read}");
}

#[test]
fn what_is_waited_for_is_redrawn_in_place_until_something_else_is_shown() {
    let (site, silent) = (Site::new(), SilentServer::new());
    let address = silent.address();
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", address.as_str()),
        ("DEPLOYER_CALL_TIMEOUT", "0.2"),
        ("DEPLOYER_NOTICE_AFTER", "0.05"),
    ];
    let args = ["plan", "--artifact", "bootstrap"];
    let shown =
        |variables: &[(&str, &str)]| show_on_terminal(&site, &args, "deployer plan --artifact bootstrap", variables);
    let Some(lively) = shown(&variables) else { return };
    let waiting = "Waiting for sts:GetCallerIdentity (";
    assert!(lively.contains(waiting), "{lively:?}");
    // The line is erased, so that the error begins at the left.
    let error = lively.find("error[").expect("it ends with an error");
    assert!(lively[..error].rfind("\u{1b}[2K") > lively.rfind(waiting), "{lively:?}");
    variables.push(("TERM", "dumb"));
    let dumb = shown(&variables).expect("script is there");
    assert!(dumb.lines().any(|line| line.starts_with(waiting)), "{dumb:?}");
    assert!(!dumb.contains('\u{1b}'), "{dumb:?}");
}
