//! One run of one venue: search, confirm, mark, send, settle.
//!
//! 1. HubSpot's search collects the contacts that have the flag, or that a run that died left `sending`. The index
//!    lags, so only the ids are used from it.
//! 2. [`take`]: a few contacts at a time are read from the primary store and marked `sending` with the key of this
//!    attempt.
//! 3. [`send`]: each lead is sent to the destination, within its rate limit.
//! 4. [`settle`]: the outcome of each contact is written, and its flag reset.
//!
//! The steps run concurrently, on different contacts. A run that dies at any point leaves each contact either untouched
//! or `sending`, and the next run looks the latter up. An outcome that HubSpot couldn't be told is kept in the process
//! ([`pending`]), and the next run begins by writing it.

mod pending;
mod send;
mod settle;
mod take;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::credentials::SyncCredentials;
use crate::destination::LeadDestination;
use crate::error::RunError;
use crate::hubspot::{HISTORY_BATCH, MAX_RESULTS, SyncHubSpotClient};
use crate::ledger::{Attempt, ContactOutcome, Ledger};
use crate::report::{LogSink, RunReport};
use crate::settings::SyncSettings;
use sync_config::hubspot_api::parse_mark;
use sync_config::mapping::LeadMapping;

pub use pending::PendingSettlements;

/// Contacts that are read and marked together. This limits how many a run that dies leaves `sending`.
const TAKE: usize = 20;
/// Contacts that are being sent or waiting for the rate limit.
const IN_FLIGHT: usize = 16;
/// Contacts that are settled together: at most one second's worth.
const SETTLE: usize = 10;
/// Consecutive failures after which the destination is considered down.
const OUTAGE: u32 = 5;
/// The last part of a run's time. Nothing new starts in it, so that started work can finish.
const CLOSING: Duration = Duration::from_secs(30);

/// The options of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// When Lambda kills the process.
    pub deadline: Instant,
    /// The longest that a run takes: the function's timeout.
    pub longest_run: Duration,
    /// Write and send nothing.
    pub dry_run: bool,
}

/// The result of a run: its counts, and why it ended early, if it did.
#[derive(Debug)]
pub struct RunResult {
    /// The counts.
    pub report: RunReport,
    /// The error that ended it.
    pub error: Option<RunError>,
}

/// Runs a venue's sync once.
pub async fn run_sync(
    client: &reqwest::Client,
    settings: &SyncSettings,
    credentials: &SyncCredentials,
    options: RunOptions,
    pending: &PendingSettlements,
    log: &LogSink,
) -> RunResult {
    let time = options.deadline.saturating_duration_since(Instant::now());
    let closing = CLOSING.min(time / 4);
    let calls_end = options.deadline - closing / 6;
    let report = Mutex::new(RunReport { venue: settings.venue.clone(), ..RunReport::default() });
    let destination = match LeadDestination::new(client.clone(), settings, credentials, calls_end) {
        Ok(destination) => destination,
        Err(error) => return RunResult { report: report.into_inner(), error: Some(error) },
    };
    let run = SyncRun {
        settings,
        credentials,
        log,
        pending,
        dry_run: options.dry_run,
        longest_run: options.longest_run,
        closes: options.deadline - closing,
        ledger: Ledger::new(settings.ledger.clone()),
        mapping: LeadMapping::new(&settings.config.destination, &settings.config.fields),
        hubspot: SyncHubSpotClient::new(client.clone(), &settings.hubspot_base_uri, credentials.clone(), calls_end)
            .with_timeout(settings.answer_timeout)
            .with_closing_time(options.deadline - closing)
            .for_venue(&settings.venue)
            .with_wait_divisor(settings.function.wait_divisor),
        destination,
        begun: Mutex::default(),
        done: Mutex::default(),
        report,
        stop: Mutex::default(),
    };
    if let Err(error) = run.run_steps().await {
        run.stop_run(error);
    }
    let RunStop { error, noted, .. } = run.stop.into_inner();
    let error = error.or(noted);
    RunResult { report: run.report.into_inner(), error }
}

/// One run and everything it uses.
struct SyncRun<'a> {
    settings: &'a SyncSettings,
    credentials: &'a SyncCredentials,
    log: &'a LogSink,
    /// Outcomes that couldn't be written.
    pending: &'a PendingSettlements,
    dry_run: bool,
    longest_run: Duration,
    /// Nothing new starts after this.
    closes: Instant,
    ledger: Ledger,
    mapping: LeadMapping,
    hubspot: SyncHubSpotClient,
    destination: LeadDestination,
    /// The contacts that this run has taken.
    begun: Mutex<HashSet<String>>,
    /// The contacts whose flag is known to be no longer set.
    done: Mutex<HashSet<String>>,
    report: Mutex<RunReport>,
    stop: Mutex<RunStop>,
}

/// Why nothing new may start.
#[derive(Debug, Default)]
struct RunStop {
    error: Option<RunError>,
    /// An error that stopped nothing, but that people must see.
    noted: Option<RunError>,
    /// The error isn't HubSpot's alone, so contacts that are marked aren't sent either.
    sending_stopped: bool,
    failures_in_a_row: u32,
}

/// A contact that this run has taken.
#[derive(Debug)]
struct TakenContact {
    contact_id: String,
    lead: std::collections::BTreeMap<String, String>,
    how: SendMode,
}

#[derive(Debug)]
enum SendMode {
    /// Marked with this attempt; ready to be sent.
    Marked(Attempt),
    /// Left `sending` by a run that died; needs a lookup first.
    Left { attempt: Option<Attempt>, flagged: bool },
}

/// A contact with a known outcome.
#[derive(Debug)]
struct SettledContact {
    contact_id: String,
    attempt: Option<Attempt>,
    outcome: ContactOutcome,
    begun: Instant,
    /// When the outcome was known.
    at: Timestamp,
    /// This run has counted the contact as one for the next run.
    counted: bool,
}

impl SyncRun<'_> {
    async fn run_steps(&self) -> Result<(), RunError> {
        let mut verified = false;
        if !self.dry_run && self.pending.count() > 0 {
            self.verify_accounts().await?;
            verified = true;
            self.pending.begin_run();
            self.settle_pending().await;
            if !self.may_take() {
                return Ok(());
            }
        }
        let ids = self.collect_ids().await?;
        if self.dry_run {
            self.verify_accounts().await?;
            self.destination.try_credential().await?;
            for ids in ids.chunks(TAKE) {
                self.preview_contacts(ids).await?;
            }
            return Ok(());
        }
        if !ids.is_empty() {
            match if verified { Ok(()) } else { self.verify_accounts().await } {
                Ok(()) => self.process_contacts(&ids).await,
                Err(error) => {
                    self.update_report(|report| report.left += ids.len() as u64);
                    self.stop_run(error);
                }
            }
        }
        if self.may_settle_pending() {
            self.settle_pending().await;
        }
        self.measure_oldest_flag(&ids).await;
        Ok(())
    }

    /// Takes, sends and settles. Settling may wait for HubSpot for minutes, so it must not keep the responses to leads
    /// from being read: between the two is a queue, and both are driven at the same time.
    async fn process_contacts(&self, ids: &[String]) {
        let (outcomes, mut queue) = mpsc::unbounded_channel();
        let sending = async move {
            stream::iter(ids.chunks(TAKE))
                .then(|ids| self.take_contacts(ids))
                .flat_map(stream::iter)
                .map(|taken| self.send_contact(taken))
                .buffer_unordered(IN_FLIGHT)
                .for_each(|settled| {
                    // The other side reads until this one is dropped, so nothing is lost.
                    let _ = outcomes.send(settled);
                    std::future::ready(())
                })
                .await;
        };
        let settling = stream::poll_fn(move |context| queue.poll_recv(context))
            .chunks(SETTLE)
            .map(|settled| self.settle_contacts(settled))
            .buffer_unordered(2)
            .for_each(|()| std::future::ready(()));
        tokio::join!(sending, settling);
    }

    /// Finds the age of the oldest flag that is still set. The contact's modification date can't show it, because the
    /// run's own writes change it. So this reads the flag's history, for the least recently changed contacts.
    async fn measure_oldest_flag(&self, ids: &[String]) {
        let left: Vec<String> = {
            let done = self.done.lock();
            ids.iter().filter(|id| !done.contains(*id)).take(HISTORY_BATCH).cloned().collect()
        };
        let unreachable = |stop: &RunStop| stop.error.as_ref().is_some_and(RunError::is_from_hubspot);
        if left.is_empty() {
            self.update_report(|report| report.oldest_flag_age = (report.left == 0).then_some(Duration::ZERO));
        } else if !unreachable(&self.stop.lock()) {
            // This is only a metric: failing to read it is not a failure of the run.
            let since = self.hubspot.value_set_times(&left, &self.ledger.property_names().flag, "true").await.ok();
            let age = |since: Vec<Timestamp>| {
                let oldest = since.into_iter().min().unwrap_or(Timestamp::MAX);
                Duration::try_from(Timestamp::now().duration_since(oldest)).unwrap_or_default()
            };
            self.update_report(|report| report.oldest_flag_age = since.map(age));
        }
    }

    /// The ids of all contacts that may need syncing, as many as there is time for. They are collected before anything
    /// is written, because writes change the following pages.
    async fn collect_ids(&self) -> Result<Vec<String>, RunError> {
        let names = self.ledger.property_names();
        let wanted = [(names.flag.as_str(), "true"), (names.status.as_str(), "sending")];
        let time = self.closes.saturating_duration_since(Instant::now()).as_secs_f64();
        // No point in collecting more than can be sent. (A float as large as a contact count is exact.)
        let enough = ((time * self.destination.leads_per_second()) as usize).clamp(1, MAX_RESULTS);
        let mut ids = Vec::new();
        let mut known = HashSet::new();
        let mut after = None;
        let mut total;
        loop {
            let page = self.hubspot.search_page(&wanted, after.as_deref()).await?;
            total = page.total;
            after = page.next_page();
            // Contacts that change while pages are read move between pages: some appear twice, and some are missed
            // until the next run.
            ids.extend(page.results.into_iter().map(|found| found.id).filter(|id| known.insert(id.clone())));
            if after.is_none() || ids.len() >= enough {
                break;
            }
        }
        self.update_report(|report| {
            report.searched = ids.len() as u64;
            report.left = total.saturating_sub(ids.len()) as u64;
        });
        Ok(ids)
    }

    /// Checks, before the first write, that the credentials belong to the manifest's portal and site, and that no other
    /// deployment owns the flag.
    async fn verify_accounts(&self) -> Result<(), RunError> {
        let (portal, owner) = tokio::join!(self.verify_portal(), self.verify_flag_owner());
        portal?;
        owner?;
        self.destination.verify_account().await
    }

    async fn verify_portal(&self) -> Result<(), RunError> {
        let Some(expected) = self.settings.config.portal_id else { return Ok(()) };
        let portal = self.hubspot.portal_id().await?;
        if portal != expected {
            return Err(RunError::WrongAccount(format!(
                "the HubSpot token belongs to portal {portal}, but the manifest says portal {expected}; nothing \
                 was written or sent"
            )));
        }
        Ok(())
    }

    /// Checks the mark in the flag's description. Two deployments that take the same contacts would send each twice.
    async fn verify_flag_owner(&self) -> Result<(), RunError> {
        let Some(deployment) = &self.settings.function.deployment else { return Ok(()) };
        let flag = &self.ledger.property_names().flag;
        let Some(description) = self.hubspot.property_description(flag).await? else { return Ok(()) };
        match parse_mark(&description) {
            Some((owner, venue)) if owner != deployment => Err(RunError::WrongAccount(format!(
                "the HubSpot property {flag} belongs to venue {venue} of deployment {owner}, and this function to \
                 deployment {deployment}; nothing was written or sent. Pause this venue, or give it a `flag_property` of \
                 its own and apply"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether a contact that is marked may be sent or looked up. An error of HubSpot's doesn't keep it from being sent:
    /// it couldn't be unmarked either, and a contact that stays marked without having been sent would need review.
    fn is_open(&self) -> bool {
        let stop = self.stop.lock();
        !stop.sending_stopped && stop.failures_in_a_row < OUTAGE && Instant::now() < self.closes
    }

    /// Whether contacts may be taken.
    fn may_take(&self) -> bool {
        self.is_open() && self.stop.lock().error.is_none()
    }

    /// Stops new work from starting. Only the first error is kept and reported.
    fn stop_run(&self, error: RunError) {
        let mut stop = self.stop.lock();
        stop.sending_stopped |= !error.is_from_hubspot();
        stop.error.get_or_insert(error);
    }

    /// Reports an error that stops nothing, unless there is another one. Only the first is kept.
    fn note_error(&self, error: RunError) {
        self.stop.lock().noted.get_or_insert(error);
    }

    fn update_failure_count(&self, count: impl FnOnce(u32) -> u32) {
        let mut stop = self.stop.lock();
        stop.failures_in_a_row = count(stop.failures_in_a_row);
    }

    fn update_report(&self, change: impl FnOnce(&mut RunReport)) {
        change(&mut self.report.lock());
    }
}
