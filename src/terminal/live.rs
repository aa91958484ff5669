//! What is on the terminal besides lines: a bar that is redrawn in place, beside which everything else is written, and a
//! notice of what is waited for. It knows when something was last shown, since everything that is shown passes here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle, WeakProgressBar};
use parking_lot::Mutex;

use super::prepare_text;

/// When something was last shown, or somebody last answered.
static LAST_SHOWN: Mutex<Option<Instant>> = Mutex::new(None);
/// The bar of a command, for as long as it is on the terminal.
static BAR: Mutex<Option<WeakProgressBar>> = Mutex::new(None);
/// The notice of what is waited for.
static NOTICE: Mutex<Option<ProgressBar>> = Mutex::new(None);
/// How many [`QuietTerminal`]s there are.
static HOLDERS: AtomicUsize = AtomicUsize::new(0);

/// While there is one, no notice is shown: somebody is asked, the terminal is a screen, or nothing is waited for.
#[derive(Debug)]
pub struct QuietTerminal(());

impl QuietTerminal {
    /// Removes the notice, and keeps others away until this is dropped.
    pub fn hold() -> Self {
        HOLDERS.fetch_add(1, Ordering::SeqCst);
        clear_notice();
        Self(())
    }
}

impl Drop for QuietTerminal {
    fn drop(&mut self) {
        note_shown();
        HOLDERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A spinner that is on the terminal until it is finished or dropped; everything that is printed appears above it.
pub fn show_bar(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    clear_notice();
    bar.enable_steady_tick(Duration::from_millis(120));
    *BAR.lock() = Some(bar.downgrade());
}

/// Whether a command's own bar is on the terminal.
pub fn has_bar() -> bool {
    shown_bar().is_some()
}

fn shown_bar() -> Option<ProgressBar> {
    BAR.lock().as_ref().and_then(WeakProgressBar::upgrade).filter(|bar| !bar.is_finished())
}

/// How long nothing was shown; `None` while nothing should be.
pub fn silence() -> Option<Duration> {
    if HOLDERS.load(Ordering::SeqCst) > 0 {
        return None;
    }
    Some(LAST_SHOWN.lock().get_or_insert_with(Instant::now).elapsed())
}

fn note_shown() {
    *LAST_SHOWN.lock() = Some(Instant::now());
}

/// Shows what is waited for on a line that is redrawn, until something else is shown.
pub fn show_notice(text: &str) {
    let mut notice = NOTICE.lock();
    if HOLDERS.load(Ordering::SeqCst) > 0 {
        return;
    }
    let bar = notice.get_or_insert_with(|| {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner:.green} {wide_msg}") {
            bar.set_style(style);
        }
        bar
    });
    bar.set_message(prepare_text(text));
    bar.tick();
}

/// Prints a line about what is waited for, which doesn't count as something that was shown.
pub fn print_notice(text: &str) {
    match shown_bar() {
        Some(bar) => bar.println(prepare_text(text)),
        None => super::write_error_text(&(prepare_text(text) + "\n")),
    }
}

fn clear_notice() {
    if let Some(bar) = NOTICE.lock().take() {
        bar.finish_and_clear();
    }
}

/// Writes something to the terminal, beside whatever is redrawn there.
pub(super) fn write_beside_bar<T>(write: impl FnOnce() -> T) -> T {
    note_shown();
    clear_notice();
    match shown_bar() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read sources")]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn nothing_is_said_while_somebody_is_asked() {
        let asking = QuietTerminal::hold();
        assert_eq!(silence(), None);
        let another = QuietTerminal::hold();
        drop(asking);
        assert_eq!(silence(), None);
        drop(another);
        // Other tests ask too.
        while silence().is_none() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn whoever_reads_from_a_person_keeps_the_terminal_quiet() {
        fn check_sources(directory: &Path) {
            for entry in std::fs::read_dir(directory).expect("the sources are there") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    check_sources(&path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let reads = [concat!("stdin()", ".lock()"), concat!("prompt_", "password")];
                let asks = reads.iter().any(|read| text.contains(read));
                assert!(!asks || text.contains("QuietTerminal::hold()"), "{}", path.display());
            }
        }
        check_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    }
}
