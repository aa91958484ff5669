//! What one of several runs in this process prints. It is kept until its turn comes, so that nothing comes between two of
//! its lines: see [`crate::manifests`].

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{RunFlags, TextStream, write_now};

tokio::task_local! {
    static OUTPUT: Arc<RunOutput>;
}

/// The output of one run of several.
#[derive(Debug)]
pub struct RunOutput {
    /// What tells it from the others: its manifest.
    label: String,
    /// The flags that its proposed commands get.
    pub(super) flags: RunFlags,
    kept: Mutex<Vec<(TextStream, String)>>,
}

impl RunOutput {
    /// Nothing so far.
    pub fn new(label: String, flags: RunFlags) -> Arc<Self> {
        Arc::new(Self { label, flags, kept: Mutex::default() })
    }

    /// Keeps what `work` prints. Lines of JSON are printed at once: each says whose it is.
    pub async fn keep_output<W: Future>(self: &Arc<Self>, work: W) -> W::Output {
        OUTPUT.scope(Arc::clone(self), work).await
    }

    /// Keeps what `work` prints.
    pub fn keep_printed<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        OUTPUT.sync_scope(Arc::clone(self), work)
    }

    /// The output of the run that this is called in, if it is one of several.
    pub(super) fn current() -> Option<Arc<Self>> {
        OUTPUT.try_with(Arc::clone).ok()
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// A command for this run's manifest alone.
    pub fn complete_command(&self, command: &str) -> String {
        self.flags.complete_command(command)
    }

    pub(super) fn keep_text(&self, stream: TextStream, text: String) {
        self.kept.lock().push((stream, text));
    }

    /// Prints what was kept, below `heading`, each text to its stream. Prints nothing if there is nothing.
    pub fn print_kept(&self, heading: &RunHeading) {
        let kept = std::mem::take(&mut *self.kept.lock());
        if kept.is_empty() {
            return;
        }
        if let Some(stream) = heading.stream {
            write_now(stream, &heading.text);
        }
        kept.iter().for_each(|(stream, text)| write_now(*stream, text));
    }
}

/// What comes before the output of a run.
#[derive(Debug, Clone)]
pub struct RunHeading {
    /// Its lines.
    pub text: String,
    /// Where it is printed; not at all for lines of JSON.
    pub stream: Option<TextStream>,
}
