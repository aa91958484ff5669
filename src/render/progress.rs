//! Progress on standard error: a bar on a terminal, plain lines elsewhere.

use indicatif::ProgressBar;

use super::text::action_word;
use crate::terminal::{self, TextStream};
use deployer_reconcile::apply::ApplyEvent;

/// A line with a spinner, for work of unknown length. `None` where nobody would see it.
pub fn start_spinner(wanted: bool) -> Option<ProgressBar> {
    if !wanted || !terminal::is_lively() {
        return None;
    }
    let bar = ProgressBar::new_spinner();
    terminal::show_bar(&bar, "{spinner:.green} {elapsed} {wide_msg}");
    Some(bar)
}

/// Shows the events of an apply.
pub struct ApplyProgress {
    bar: Option<ProgressBar>,
}

impl ApplyProgress {
    /// Starts the progress of an apply to this many resources.
    pub fn new(resources: usize) -> Self {
        if !terminal::is_lively() {
            return Self { bar: None };
        }
        let bar = ProgressBar::new(resources as u64);
        terminal::show_bar(&bar, "{spinner:.green} {pos}/{len} {bar:24} {elapsed} {wide_msg}");
        Self { bar: Some(bar) }
    }

    /// Shows one event.
    pub fn show_event(&self, event: &ApplyEvent) {
        match event {
            ApplyEvent::Started { address, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(terminal::prepare_text(&address.to_string()));
                }
            }
            ApplyEvent::Retrying { address, call, reason } => {
                self.print_line(&format!("  {address}: retrying {call}: {reason}"))
            }
            ApplyEvent::Note { address, text } => self.print_line(&format!("  {address}: {text}")),
            ApplyEvent::Done { address, action, .. } => {
                self.print_line(&format!("  {address}: {}", action_word(*action)));
                if let Some(bar) = &self.bar {
                    bar.inc(1);
                }
            }
            ApplyEvent::Failed { address, error, .. } => self.print_line(&format!("  {address}: failed: {error}")),
        }
    }

    /// Removes the bar.
    pub fn clear_bar(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn print_line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(terminal::prepare_lines(TextStream::Err, line)),
            None => terminal::print_progress(line),
        }
    }
}
