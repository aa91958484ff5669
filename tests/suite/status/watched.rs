//! `status --watch`: the screen in any size, what keys do, and what a failed read leaves.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use deployer::render::{ScreenKey, ScreenRequest, StatusLine, StatusLook, StatusScreen};
use jiff::{SignedDuration, Timestamp};

use super::{full_overview, sample_now};
use crate::processes::Site;

fn new_screen() -> StatusScreen {
    let look = StatusLook { width: 80, unicode: true, details: false };
    StatusScreen::new(look, Duration::from_secs(10))
}

fn later(seconds: i64) -> Timestamp {
    sample_now().checked_add(SignedDuration::from_secs(seconds)).expect("a time")
}

/// What is on a screen of this size.
fn drawn(screen: &mut StatusScreen, size: (usize, usize), now: Timestamp) -> Vec<String> {
    screen.screen_lines(size, now).iter().map(StatusLine::plain_text).collect()
}

fn press(screen: &mut StatusScreen, keys: &[u8]) -> Vec<ScreenRequest> {
    ScreenKey::parse_keys(keys).into_iter().map(|key| screen.handle_key(key)).collect()
}

#[test]
fn redraws_in_place_in_whatever_size_the_terminal_has() {
    let mut screen = new_screen();
    screen.begin_read();
    let first = drawn(&mut screen, (80, 24), sample_now());
    assert!(first[23].starts_with("Reading; every 10s.  q ends it"), "{first:#?}");
    screen.finish_read(Ok(full_overview()), sample_now());
    // Whatever it is resized to, every line is drawn anew and fits.
    for (width, height) in [(80, 24), (132, 50), (40, 10), (20, 3), (1, 1), (0, 0), (80, 60)] {
        let lines = drawn(&mut screen, (width, height), later(5));
        assert_eq!(lines.len(), height);
        assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:#?}");
    }
    let all = drawn(&mut screen, (80, 60), later(5));
    assert!(all[0].starts_with("sync in account 123456789012") && all[3].starts_with("VENUE"), "{all:#?}");
    assert!(all.iter().any(|line| line.starts_with("mill") && line.contains(" failing ")), "{all:#?}");
    assert!(all[59].starts_with("Read 5s ago; every 10s."), "{all:#?}");
    // The bar stays below, and the rest can be reached.
    let small = drawn(&mut screen, (80, 10), later(5));
    assert!(small[9].starts_with("Read 5s ago"), "{small:#?}");
    assert_eq!(press(&mut screen, &b"\x1b[6~".repeat(20)), [ScreenRequest::Redraw; 20]);
    let end = drawn(&mut screen, (80, 10), later(5));
    assert!(end[8].contains("unreadable") && end[9].starts_with("Read 5s ago"), "{end:#?}");
    assert_eq!(press(&mut screen, b"\x1b[B\x1b[A k\x1b[H"), [ScreenRequest::Redraw; 5]);
    assert_eq!(drawn(&mut screen, (80, 10), later(5)), small);
}

#[test]
fn after_a_failed_read_the_last_good_one_stays_with_its_age() {
    let mut screen = new_screen();
    screen.begin_read();
    screen.finish_read(Err("no network".to_owned()), later(1));
    let nothing = drawn(&mut screen, (80, 24), later(3));
    assert!(nothing[22].starts_with("The last read failed 2s ago: no network"), "{nothing:#?}");
    assert!(nothing[23].starts_with("Nothing could be read yet; every 10s."), "{nothing:#?}");
    screen.finish_read(Ok(full_overview()), later(5));
    screen.begin_read();
    screen.finish_read(Err("lambda:GetFunction: \u{1b}[2Jthrottled".to_owned()), later(60));
    let kept = drawn(&mut screen, (80, 60), later(90));
    assert!(kept.iter().any(|line| line.starts_with("harbour")), "{kept:#?}");
    assert!(kept[58].starts_with("The last read failed 30s ago: lambda:GetFunction: \\u{1b}[2Jthrottled"), "{kept:#?}");
    assert!(kept[59].starts_with("Read 1m ago; every 10s."), "{kept:#?}");
    screen.finish_read(Ok(full_overview()), later(100));
    assert!(!drawn(&mut screen, (80, 60), later(100)).iter().any(|line| line.contains("failed 30s ago")));
}

#[test]
fn q_escape_and_ctrl_c_end_it_and_r_reads() {
    let mut screen = new_screen();
    for keys in [&b"q"[..], b"Q", b"\x1b", b"\x03", b"\x04", b"xyq"] {
        assert_eq!(press(&mut screen, keys), [ScreenRequest::Quit], "{keys:?}");
    }
    assert_eq!(press(&mut screen, b"r"), [ScreenRequest::Read]);
    // Keys that aren't known, and what a paste contains, do nothing; a longer sequence isn't the Escape key.
    for keys in [&b""[..], b"c", b"\x1b[15~", b"\x1b[1;5C", b"\xc3\xa9", b"\x1b[200~q\x1b[201~"] {
        assert_eq!(press(&mut screen, keys), [], "{keys:?}");
    }
}

#[test]
fn refuses_what_is_no_terminal_and_names_the_way_for_programs() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["status", "--watch"]);
    assert!(code == 2 && text.contains("is not a terminal") && text.contains("`deployer status --json`"), "{text}");
    for more in [&["--json"][..], &["--format", "prometheus"]] {
        let (code, text) = site.run_deployer(&[&["status", "--watch"], more].concat());
        assert_eq!(code, 2, "{text}");
    }
    assert_eq!(site.run_deployer(&["status", "--interval", "5s"]).0, 2, "without --watch there is no interval");
}

/// On a terminal of its own, which `script` makes.
#[cfg(target_os = "linux")]
#[test]
fn gives_the_terminal_back_after_a_key_and_after_a_signal() {
    const ENTERED: &str = "\u{1b}[?1049h";
    const LEFT: &str = "\u{1b}[?1049l";
    if !std::path::Path::new("/usr/bin/script").exists() {
        return;
    }
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    for by_key in [true, false] {
        let like = site.deployer_command(&["status", "--watch"]);
        let program = env!("CARGO_BIN_EXE_deployer");
        // The shell tells what it was given back: `stty` says `-echo` where echo is off.
        let line = format!(
            "stty cols 80 rows 24; {program} status --watch; echo CODE=$?; stty -a | tr ' ;' '\\n\\n' | grep -x -e echo -e -echo"
        );
        let mut command = Command::new("/usr/bin/script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(site.path()).env_clear();
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8").env("SHELL", "/bin/sh");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script starts");
        let mut output = child.stdout.take().expect("a pipe");
        let mut input = child.stdin.take().expect("a pipe");
        let mut text = String::new();
        let mut buffer = [0_u8; 4096];
        let mut ended = false;
        loop {
            let read = std::io::Read::read(&mut output, &mut buffer).unwrap_or_default();
            if read == 0 {
                break;
            }
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            // The bar is drawn once everything is read.
            if !ended && text.contains("ago; every") {
                ended = true;
                if by_key {
                    input.write_all(b"q").and_then(|()| input.flush()).expect("a key");
                } else {
                    let processes = Command::new("pgrep").args(["-f", &format!("^{program} status --watch$")]).output();
                    let processes = processes.expect("pgrep is there");
                    for pid in String::from_utf8_lossy(&processes.stdout).split_whitespace() {
                        let own = std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
                        if own.as_deref() == site.path().canonicalize().ok().as_deref() {
                            Command::new("kill").args(["-TERM", pid]).status().expect("kill is there");
                        }
                    }
                }
            }
        }
        child.wait().expect("it ends");
        assert!(text.contains(ENTERED) && text.contains(LEFT), "{text:?}");
        assert!(text.find(ENTERED) < text.rfind(LEFT), "{text:?}");
        let after = text.rsplit(LEFT).next().unwrap_or_default();
        assert!(after.contains(if by_key { "CODE=0" } else { "CODE=130" }), "{after:?}");
        assert!(after.contains("\necho\r") || after.ends_with("\necho\r\n"), "echo is on again: {after:?}");
    }
}
