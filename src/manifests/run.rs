//! One of several runs, and what it has to do with the others.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deployer_core::counted::count_with_noun;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_core::scope::Scope;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::render::{Page, join_pages, summary_line};

tokio::task_local! {
    static CURRENT: Arc<ManifestRun>;
}

/// What a run leaves for a document of all.
#[derive(Debug)]
pub enum RunDocument {
    /// A page.
    Page(Page),
    /// Text: Markdown, or lines of JSON.
    Text(String),
}

impl RunDocument {
    /// The whole document.
    pub fn into_text(self) -> String {
        match self {
            Self::Page(page) => page.to_text(),
            Self::Text(text) => text,
        }
    }
}

/// One document of several: a page with all pages, or all texts one after the other. `what` they show is its title.
pub fn join_documents(what: &str, documents: Vec<(String, RunDocument)>) -> String {
    let title = format!("{what} of {}", count_with_noun(documents.len() as u64, "manifest"));
    let mut pages = Vec::new();
    let mut texts = Vec::new();
    for (manifest, document) in documents {
        match document {
            RunDocument::Page(page) => pages.push((manifest, page)),
            RunDocument::Text(text) => texts.push(text),
        }
    }
    match pages.is_empty() {
        true => texts.join("\n"),
        false => join_pages(&title, &pages),
    }
}

/// A question before something is changed.
#[derive(Debug)]
pub(super) struct RunQuestion {
    /// The number of the run that asks.
    pub(super) run: usize,
    /// What is asked, and the answer that confirms it.
    pub(super) question: String,
    pub(super) answer: String,
    /// What it would do, on one line.
    pub(super) summary: String,
    pub(super) reply: oneshot::Sender<Result<()>>,
}

/// One of several runs.
#[derive(Debug)]
pub struct ManifestRun {
    index: usize,
    turn: RunTurn,
    questions: mpsc::UnboundedSender<RunQuestion>,
    /// Whose account it is, once that is known.
    scope: Mutex<Option<Scope>>,
    document: Mutex<Option<RunDocument>>,
    is_applying: AtomicBool,
    stop: CancellationToken,
}

impl ManifestRun {
    pub(super) fn new(index: usize, turn: RunTurn, questions: mpsc::UnboundedSender<RunQuestion>) -> Arc<Self> {
        Arc::new(Self {
            index,
            turn,
            questions,
            scope: Mutex::default(),
            document: Mutex::default(),
            is_applying: AtomicBool::new(false),
            stop: CancellationToken::new(),
        })
    }

    /// The run that this is called in, if it is one of several.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Does `work` as this run, when it is its turn. `None` if it was stopped before it changed anything.
    pub(super) async fn do_work<W: Future>(self: &Arc<Self>, work: W) -> Option<W::Output> {
        let in_turn = async {
            self.turn.take().await;
            let done = work.await;
            self.turn.give_back();
            done
        };
        tokio::select! {
            done = CURRENT.scope(Arc::clone(self), in_turn) => Some(done),
            () = self.stop.cancelled() => {
                self.turn.give_back();
                None
            }
        }
    }

    /// Remembers whose account it is.
    pub fn note_scope(&self, scope: &Scope) {
        *self.scope.lock() = Some(scope.clone());
    }

    pub(super) fn known_scope(&self) -> Option<Scope> {
        self.scope.lock().clone()
    }

    /// Keeps a document until all runs have ended.
    pub fn keep_document(&self, document: RunDocument) {
        *self.document.lock() = Some(document);
    }

    pub(super) fn take_document(&self) -> Option<RunDocument> {
        self.document.lock().take()
    }

    /// From now on it is stopped by finishing what is in flight.
    pub fn note_applying(&self) {
        self.is_applying.store(true, Ordering::Relaxed);
    }

    /// Ends it at once, unless it is changing something. Returns whether it ends.
    pub(super) fn stop_if_idle(&self) -> bool {
        let is_idle = !self.is_applying.load(Ordering::Relaxed);
        if is_idle {
            self.stop.cancel();
        }
        is_idle
    }

    /// Asks together with all other runs whether to make the changes of a plan. Others have their turn meanwhile.
    ///
    /// # Errors
    /// The answer is no, or nobody can be asked.
    pub async fn confirm(&self, plan: &Plan, question: &str, answer: &str) -> Result<()> {
        let (reply, replied) = oneshot::channel();
        let asked = RunQuestion {
            run: self.index,
            question: question.to_owned(),
            answer: answer.to_owned(),
            summary: summary_line(plan),
            reply,
        };
        self.turn.give_back();
        let gone = || Error::new(ExitCode::Cancelled, ErrorCode::Canceled, "not confirmed; nothing was changed");
        self.questions.send(asked).map_err(|_| gone())?;
        let answered = replied.await.map_err(|_| gone())?;
        self.turn.take().await;
        answered
    }
}

/// A run's turn: those that share the quotas of an account and region come one after the other, and not too many at a time.
#[derive(Debug)]
pub(super) struct RunTurn {
    place: Arc<AsyncMutex<()>>,
    all: Arc<Semaphore>,
    held: Mutex<Option<(OwnedMutexGuard<()>, Option<OwnedSemaphorePermit>)>>,
}

impl RunTurn {
    pub(super) fn new(place: Arc<AsyncMutex<()>>, all: Arc<Semaphore>) -> Self {
        Self { place, all, held: Mutex::default() }
    }

    async fn take(&self) {
        // In this order everywhere, so that nobody holds what somebody with a permit waits for.
        let place = Arc::clone(&self.place).lock_owned().await;
        // The semaphore is never closed.
        let permit = Arc::clone(&self.all).acquire_owned().await.ok();
        *self.held.lock() = Some((place, permit));
    }

    fn give_back(&self) {
        self.held.lock().take();
    }
}
