//! `status --watch`: the screen in any size, what keys do, and what a failed read leaves.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use deployer::render::{ScreenKey, ScreenRequest, StatusLook, StatusScreen};
use jiff::{SignedDuration, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::screen::overview_of;
use super::{full_overview, sample_now};
use crate::processes::Site;

fn new_screen() -> StatusScreen {
    let look = StatusLook { width: 80, unicode: true, details: false };
    StatusScreen::new(look, true, Duration::from_secs(10))
}

fn later(seconds: i64) -> Timestamp {
    sample_now().checked_add(SignedDuration::from_secs(seconds)).expect("a time")
}

/// A terminal of this size, with the screen on it.
fn terminal_with(screen: &mut StatusScreen, (width, height): (u16, u16), now: Timestamp) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a buffer is a terminal");
    terminal.draw(|frame| screen.draw(frame, now)).expect("a buffer can be drawn on");
    terminal
}

/// What is on a screen of this size, line by line.
fn drawn(screen: &mut StatusScreen, size: (u16, u16), now: Timestamp) -> Vec<String> {
    let terminal = terminal_with(screen, size, now);
    let rows = terminal.backend().buffer().content().chunks(size.0.into());
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
}

fn press(screen: &mut StatusScreen, codes: &[KeyCode]) -> Vec<ScreenRequest> {
    let events = codes.iter().map(|code| Event::Key(KeyEvent::from(*code)));
    events.filter_map(|event| ScreenKey::from_event(&event)).map(|key| screen.handle_key(key)).collect()
}

#[test]
fn draws_one_to_forty_venues_on_narrow_and_wide_screens() {
    for count in [1, 3, 40] {
        let mut golden = String::new();
        for width in [60, 80, 120] {
            let mut screen = new_screen();
            screen.finish_read(Ok(overview_of(count, "harbour-")), sample_now());
            golden.push_str(&format!("{width} columns:\n{}\n\n", drawn(&mut screen, (width, 16), later(4)).join("\n")));
        }
        insta::assert_snapshot!(format!("watched_{count}_venues"), golden);
    }
}

#[test]
fn redraws_in_place_in_whatever_size_the_terminal_has() {
    let mut screen = new_screen();
    screen.begin_read();
    let first = drawn(&mut screen, (80, 24), sample_now());
    assert!(first[23].starts_with("Nothing was read yet, reading now; q ends it"), "{first:#?}");
    screen.finish_read(Ok(full_overview()), sample_now());
    // One terminal that changes its size: nothing of what was there before is left.
    let mut terminal = terminal_with(&mut screen, (80, 24), later(5));
    for (width, height) in [(132, 50), (40, 10), (20, 3), (1, 1), (80, 60)] {
        terminal.backend_mut().resize(width, height);
        terminal.draw(|frame| screen.draw(frame, later(5))).expect("a buffer can be drawn on");
        let fresh = terminal_with(&mut screen, (width, height), later(5));
        assert_eq!(terminal.backend().buffer(), fresh.backend().buffer(), "{width} x {height}");
    }
    let all = drawn(&mut screen, (80, 60), later(5));
    assert!(
        all[0].starts_with("sync in account 123456789012") && all[1].contains(" UTC; runs of the last"),
        "{all:#?}"
    );
    assert!(all[3].starts_with("VENUE"), "{all:#?}");
    assert!(all.iter().any(|line| line.starts_with("mill") && line.contains(" failing ")), "{all:#?}");
    assert!(all[59].starts_with("Read 5s ago, next in 5s; q ends it"), "{all:#?}");
}

#[test]
fn scrolls_below_the_titles_of_the_table() {
    let mut screen = new_screen();
    screen.finish_read(Ok(overview_of(40, "v")), sample_now());
    let first = drawn(&mut screen, (80, 16), later(5));
    assert!(first[3].starts_with("VENUE") && first[4].starts_with("v0 "), "{first:#?}");
    assert!(first[4].ends_with('█') && first[14].ends_with('║'), "where this is in the whole: {first:#?}");
    assert_eq!(press(&mut screen, &[KeyCode::PageDown, KeyCode::Down]), [ScreenRequest::Redraw; 2]);
    let scrolled = drawn(&mut screen, (80, 16), later(5));
    assert!(scrolled[3].starts_with("VENUE") && scrolled[4].starts_with("v11 "), "{scrolled:#?}");
    press(&mut screen, &[KeyCode::End]);
    let end = drawn(&mut screen, (80, 16), later(5));
    assert!(end[3].starts_with("VENUE") && end[14].starts_with("40 venues"), "{end:#?}");
    assert_eq!(press(&mut screen, &[KeyCode::PageDown, KeyCode::Up, KeyCode::Char('k'), KeyCode::Home]).len(), 4);
    assert_eq!(drawn(&mut screen, (80, 16), later(5)), first);
    // Without room for titles, they are scrolled like the rest.
    let small = drawn(&mut screen, (80, 6), later(5));
    assert!(small[3].starts_with("VENUE") && small[5].starts_with("Read 5s ago"), "{small:#?}");
    press(&mut screen, &[KeyCode::PageDown]);
    assert!(drawn(&mut screen, (80, 6), later(5))[0].starts_with("v6 "));
}

#[test]
fn after_a_failed_read_the_last_good_one_stays_with_its_age() {
    let mut screen = new_screen();
    screen.begin_read();
    screen.finish_read(Err("no network".to_owned()), later(1));
    let nothing = drawn(&mut screen, (80, 24), later(3));
    assert!(nothing[22].starts_with("The last read failed 2s ago: no network"), "{nothing:#?}");
    assert!(nothing[23].starts_with("Nothing could be read yet, next in 8s; q"), "{nothing:#?}");
    screen.finish_read(Ok(full_overview()), later(5));
    screen.begin_read();
    screen.finish_read(Err("lambda:GetFunction: \u{1b}[2Jthrottled".to_owned()), later(60));
    let kept = drawn(&mut screen, (80, 60), later(62));
    assert!(kept.iter().any(|line| line.starts_with("harbour")), "{kept:#?}");
    assert!(kept[58].starts_with("The last read failed 2s ago: lambda:GetFunction: \\u{1b}[2Jthrottled"), "{kept:#?}");
    assert!(kept[59].starts_with("STALE: read 1m ago, next in 8s; q"), "{kept:#?}");
    screen.finish_read(Ok(full_overview()), later(100));
    assert!(!drawn(&mut screen, (80, 60), later(100)).iter().any(|line| line.contains("STALE")));
}

#[test]
fn shows_colors_only_where_they_are_wanted() {
    let look = StatusLook { width: 80, unicode: true, details: false };
    for colored in [true, false] {
        let mut screen = StatusScreen::new(look, colored, Duration::from_secs(10));
        screen.finish_read(Ok(full_overview()), sample_now());
        let terminal = terminal_with(&mut screen, (80, 60), later(5));
        let cells = terminal.backend().buffer().content();
        assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset), colored);
    }
}

#[test]
fn q_escape_and_ctrl_c_end_it_and_r_reads() {
    let mut screen = new_screen();
    for code in [KeyCode::Char('q'), KeyCode::Char('Q'), KeyCode::Esc] {
        assert_eq!(press(&mut screen, &[code]), [ScreenRequest::Quit], "{code:?}");
    }
    let with_control = |letter| Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
    for letter in ['c', 'd'] {
        assert_eq!(ScreenKey::from_event(&with_control(letter)), Some(ScreenKey::Quit));
    }
    assert_eq!(press(&mut screen, &[KeyCode::Char('r')]), [ScreenRequest::Read]);
    // Keys that aren't known, what is pasted, and a key that is let go do nothing.
    assert_eq!(press(&mut screen, &[KeyCode::Char('c'), KeyCode::F(5), KeyCode::Left, KeyCode::Char('é')]), []);
    let released = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
    for event in [with_control('q'), Event::Paste("q".to_owned()), Event::Resize(80, 24), Event::Key(released)] {
        assert_eq!(ScreenKey::from_event(&event), None, "{event:?}");
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
            // The table is drawn once everything is read.
            if !ended && text.contains("VENUE") {
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
