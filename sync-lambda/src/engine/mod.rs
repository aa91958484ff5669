//! One run of one venue: search, confirm, mark, send, settle.
//!
//! 1. HubSpot's search collects the contacts that have the flag, or that a run that died left `sending`. The index
//!    lags, so only the ids are used from it. Meanwhile, the first run of a process compares the destination's settings
//!    with what its credential may read.
//! 2. [`take`]: a few contacts at a time are read from the primary store and marked `sending` with the key of this
//!    attempt.
//! 3. [`send`]: each lead is sent to the destination, within its rate limit and through a [`gate`]. [`refusals`] keeps a
//!    wrong setting from being booked on contacts.
//! 4. [`settle`]: the outcome of each contact is written, and its flag reset.
//!
//! The steps run concurrently, on different contacts. A run that dies at any point leaves each contact either untouched
//! or `sending`, and the next run looks the latter up. An outcome that HubSpot couldn't be told is kept in the process
//! ([`pending`]), and the next run begins by writing it.

mod batches;
mod gate;
mod link;
mod pending;
mod properties;
mod refusals;
mod retick;
mod send;
mod settle;
mod take;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bounds::PageTokens;
use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock;
use crate::credentials::SyncCredentials;
use crate::destination::{AccountCheck, LeadDestination, LeadRefusal, RefusalFault, judge_refusal};
use crate::error::{RunError, Side};
use crate::http::VendorClient;
use crate::hubspot::{HISTORY_BATCH, MAX_RESULTS, SyncHubSpotClient, wire};
use crate::lease::RunFence;
use crate::ledger::{Attempt, ContactOutcome, Ledger};
use crate::redaction::ContactWords;
use crate::report::{LogSink, ProblemKind, RunReport};
use crate::settings::SyncSettings;
use batches::BatchSizes;
use gate::SendGate;
use refusals::RefusalWatch;
use sync_config::hubspot_api::parse_mark;
use sync_config::mapping::{LeadFields, LeadMapping, PropertyLabels};

pub use properties::PropertyCache;

pub use pending::PendingSettlements;

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
    /// An earlier run has compared the destination's settings with these credentials.
    pub settings_verified: bool,
    /// In a dry run, return what would be sent. It is personal data, so it must be asked for.
    pub show_contacts: bool,
}

/// The result of a run: its counts, and why it ended early, if it did.
#[derive(Debug)]
pub struct RunResult {
    /// The counts.
    pub report: RunReport,
    /// The error that ended it.
    pub error: Option<RunError>,
    /// Whether the destination's settings were compared, now or earlier, and nothing is left to look at again.
    pub settings_verified: bool,
}

/// Runs a venue's sync once, with whatever the client's fence lets through.
pub async fn run_sync(
    client: &VendorClient,
    settings: &SyncSettings,
    credentials: &SyncCredentials,
    options: RunOptions,
    pending: &PendingSettlements,
    properties: &PropertyCache,
    log: &LogSink,
) -> RunResult {
    let time = options.deadline.saturating_duration_since(clock::now());
    let closing = CLOSING.min(time / 4);
    let calls_end = options.deadline - closing / 6;
    let report = Mutex::new(RunReport { venue: settings.venue.clone(), ..RunReport::default() });
    let destination = match LeadDestination::new(client.clone(), settings, credentials, calls_end) {
        Ok(destination) => destination,
        Err(error) => {
            return RunResult { report: report.into_inner(), error: Some(error), settings_verified: false };
        }
    };
    let mapping = match LeadMapping::from_config(&settings.config) {
        Ok(mapping) => mapping,
        Err(why) => {
            let error = Some(RunError::Settings(why));
            return RunResult { report: report.into_inner(), error, settings_verified: false };
        }
    };
    let contacts = ContactWords::default();
    // Every line of the run passes here, whoever writes it.
    let log = |line: &Value| log(&contacts.redact_line(line));
    let run = SyncRun {
        settings,
        contacts: &contacts,
        log: &log,
        pending,
        dry_run: options.dry_run,
        longest_run: options.longest_run,
        show_contacts: options.show_contacts,
        closes: options.deadline - closing,
        fence: client.fence(),
        ledger: Ledger::new(settings.ledger.clone()),
        mapping,
        properties,
        labels: OnceLock::new(),
        hubspot: SyncHubSpotClient::new(client.clone(), &settings.hubspot_base_uri, credentials.clone(), calls_end)
            .with_timeout(settings.answer_timeout)
            .with_closing_time(options.deadline - closing)
            .for_venue(&settings.venue, settings.config.starting_together)
            .with_wait_divisor(settings.function.wait_divisor),
        batches: BatchSizes::for_rate(destination.leads_per_second()),
        destination,
        settings_verified: AtomicBool::new(options.settings_verified),
        begun: Mutex::default(),
        done: Mutex::default(),
        report,
        stop: Mutex::default(),
        gate: SendGate::default(),
        look_ups_refused: AtomicBool::default(),
        refusals: Mutex::default(),
    };
    if let Err(error) = run.run_steps().await {
        run.stop_run(error);
    }
    let RunStop { error, noted, .. } = run.stop.into_inner();
    let redact = |text: &str| contacts.redact_text(text);
    let error = error.or(noted).map(|error| error.redact_words(redact));
    let mut report = run.report.into_inner();
    report.problems.iter_mut().for_each(|problem| problem.message = redact(&problem.message));
    RunResult { report, error, settings_verified: run.settings_verified.into_inner() }
}

/// One run and everything it uses.
struct SyncRun<'a> {
    settings: &'a SyncSettings,
    /// What must not be logged of the contacts that were read.
    contacts: &'a ContactWords,
    log: &'a (dyn Fn(&Value) + Send + Sync + 'a),
    /// Outcomes that couldn't be written.
    pending: &'a PendingSettlements,
    dry_run: bool,
    longest_run: Duration,
    show_contacts: bool,
    /// Nothing new starts after this.
    closes: Instant,
    /// Nothing is sent anymore once it has closed, which the client sees to.
    fence: &'a RunFence,
    ledger: Ledger,
    mapping: LeadMapping,
    /// The labels that the mapping needs.
    labels: OnceLock<Arc<PropertyLabels>>,
    /// What the process knows of the portal's properties.
    properties: &'a PropertyCache,
    hubspot: SyncHubSpotClient,
    destination: LeadDestination,
    batches: BatchSizes,
    settings_verified: AtomicBool,
    /// The contacts that this run has taken.
    begun: Mutex<HashSet<String>>,
    /// The contacts whose flag is known to be no longer set.
    done: Mutex<HashSet<String>>,
    report: Mutex<RunReport>,
    stop: Mutex<RunStop>,
    gate: SendGate,
    /// Set once a lookup was refused.
    look_ups_refused: AtomicBool,
    refusals: Mutex<RefusalWatch>,
}

/// Why nothing new may start.
#[derive(Debug, Default)]
struct RunStop {
    error: Option<RunError>,
    /// An error that stopped nothing, but that people must see.
    noted: Option<RunError>,
    /// The error isn't HubSpot's alone, so contacts that are marked aren't sent either.
    sending_stopped: bool,
    /// No more leads are sent, and that isn't an error.
    is_quiet: bool,
    failures_in_a_row: u32,
}

/// A contact that this run has taken.
#[derive(Debug)]
struct TakenContact {
    contact_id: String,
    lead: LeadFields,
    how: SendMode,
}

#[derive(Debug)]
enum SendMode {
    /// Nothing is sent: this is the outcome.
    Decided(ContactOutcome),
    /// Marked with this attempt; ready to be sent.
    Marked(Attempt),
    /// Left `sending` by a run that died; needs a lookup first.
    Left { attempt: Option<Attempt>, flagged: bool },
}

/// A contact whose lead was sent, or that needed none.
#[derive(Debug)]
struct SentContact {
    contact_id: String,
    attempt: Option<Attempt>,
    outcome: SentOutcome,
    begun: Instant,
}

#[derive(Debug)]
enum SentOutcome {
    Known(ContactOutcome),
    /// Refused with words that name nothing of the contact.
    Doubtful(LeadRefusal),
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
        if !self.dry_run && self.pending.count() > 0 {
            self.verify_accounts().await?;
            self.pending.begin_run();
            self.settle_pending().await;
            if !self.may_take() {
                return Ok(());
            }
        }
        let (ids, destination) = tokio::join!(self.collect_ids(), self.compare_destination());
        let ids = ids?;
        if self.dry_run {
            destination?;
            self.verify_settings().await?;
            self.try_settings().await?;
            for ids in ids.chunks(self.batches.take) {
                self.preview_contacts(ids).await?;
            }
            return Ok(());
        }
        let ready = match destination {
            Ok(()) if !ids.is_empty() => self.verify_settings().await,
            destination => destination,
        };
        match ready {
            Ok(()) => self.process_contacts(&ids).await,
            Err(error) => {
                self.update_report(|report| report.left += ids.len() as u64);
                self.stop_run(error);
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
            stream::iter(ids.chunks(self.batches.take))
                .then(|ids| self.take_contacts(ids))
                .flat_map(stream::iter)
                .map(|taken| self.send_contact(taken))
                .buffer_unordered(self.batches.in_flight)
                .flat_map(|sent| stream::iter(self.release_contacts(sent)))
                .chain(stream::once(async { stream::iter(self.release_rest()) }).flatten())
                .for_each(|settled| {
                    // The other side reads until this one is dropped, so nothing is lost.
                    let _ = outcomes.send(settled);
                    std::future::ready(())
                })
                .await;
        };
        let settling = stream::poll_fn(move |context| queue.poll_recv(context))
            .chunks(self.batches.settle)
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
                Duration::try_from(clock::timestamp().duration_since(oldest)).unwrap_or_default()
            };
            self.update_report(|report| report.oldest_flag_age = since.map(age));
        }
    }

    /// The ids of all contacts that may need syncing, as many as there is time for. They are collected before anything
    /// is written, because writes change the following pages.
    async fn collect_ids(&self) -> Result<Vec<String>, RunError> {
        let names = self.ledger.property_names();
        let wanted = [(names.flag.as_str(), "true"), (names.status.as_str(), "sending")];
        let time = self.closes.saturating_duration_since(clock::now()).as_secs_f64();
        // No point in collecting more than can be sent. (A float as large as a contact count is exact.)
        let enough = ((time * self.destination.leads_per_second()) as usize).clamp(1, MAX_RESULTS);
        let mut ids = Vec::new();
        let mut known = HashSet::new();
        let mut pages = PageTokens::default();
        let mut total;
        // HubSpot refuses to page further than its most results, also if some contacts were found twice.
        let mut read = 0;
        loop {
            let page = self.hubspot.search_page(&wanted, pages.token().as_deref()).await?;
            total = page.total;
            let more = pages.advance_to(page.next_page()).map_err(|repeated| RunError::Unavailable {
                side: Side::HubSpot,
                message: format!("POST {}: {repeated}", wire::search_path()),
            })?;
            // Contacts that change while pages are read move between pages: some appear twice, and some are missed
            // until the next run.
            ids.extend(page.results.into_iter().map(|found| found.id).filter(|id| known.insert(id.clone())));
            read += wire::PAGE;
            if !more || ids.len() >= enough || read >= MAX_RESULTS {
                break;
            }
        }
        self.update_report(|report| {
            report.searched = ids.len() as u64;
            report.left = total.saturating_sub(ids.len()) as u64;
        });
        Ok(ids)
    }

    /// Compares the destination's settings, unless an earlier run of this process has. A dry run always does.
    async fn compare_destination(&self) -> Result<(), RunError> {
        if self.dry_run || !self.settings_verified.load(Ordering::Relaxed) {
            let verified = self.destination.verify_settings().await?;
            self.settings_verified.store(verified, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Checks, before the first write, everything that every contact depends on.
    async fn verify_settings(&self) -> Result<(), RunError> {
        self.verify_accounts().await?;
        self.check_properties().await
    }

    /// Checks, before the first write, that the credentials belong to the manifest's portal and site, and that no other
    /// deployment owns the flag.
    async fn verify_accounts(&self) -> Result<(), RunError> {
        let (portal, owner) = tokio::join!(self.verify_portal(), self.verify_flag_owner());
        portal?;
        owner?;
        if let AccountCheck::Unknown(why) = self.destination.verify_account().await? {
            self.update_report(|report| report.add_problem(ProblemKind::AccountUnchecked, why));
        }
        Ok(())
    }

    /// Finds settings that get every lead refused, without creating one. The artificial lead has no values of a contact,
    /// so only what it is refused for besides those counts.
    async fn try_settings(&self) -> Result<(), RunError> {
        let Some(refusal) = self.destination.check_lead_rules().await? else { return Ok(()) };
        let lead = LeadFields::new();
        match judge_refusal(&refusal, &lead, &self.mapping) {
            RefusalFault::Setting(fault) => Err(self.wrong_setting(&refusal, &lead, &fault)),
            RefusalFault::Contact | RefusalFault::Unnamed => Ok(()),
        }
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
        let may = !stop.sending_stopped && !stop.is_quiet && stop.failures_in_a_row < OUTAGE;
        may && clock::now() < self.closes && !self.fence.has_closed()
    }

    /// Whether contacts may be taken.
    fn may_take(&self) -> bool {
        self.is_open() && self.stop.lock().error.is_none()
    }

    /// Stops new work from starting, without an error.
    fn stop_sending(&self) {
        self.stop.lock().is_quiet = true;
    }

    /// Stops new work from starting. Only the first error is kept and reported.
    fn stop_run(&self, error: RunError) {
        let mut stop = self.stop.lock();
        stop.sending_stopped |= !error.is_from_hubspot();
        // HubSpot's error doesn't stop sending, so one that does is the one to report.
        let replaces = |kept: &RunError| kept.is_from_hubspot() && !error.is_from_hubspot();
        if stop.error.as_ref().is_none_or(replaces) {
            stop.error = Some(error);
        }
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
