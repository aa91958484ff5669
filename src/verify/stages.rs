//! The stages themselves.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use sync_lambda::config::LedgerProperties;
use sync_lambda::destination::LookedUp;
use sync_lambda::ledger::Attempt;

use super::event::{Event, Evidence, Failure, FoundLead, Outcome, Stage};
use super::function::{self, NotReady, Ran};
use super::journal::Entry;
use super::wait::Waiter;
use super::{Verify, contact, lead};
use crate::crm::{Contact, VendorError, VendorFailure};
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;
use crate::naming::Names;

/// Between two looks at the contact.
const LOOK: Duration = Duration::from_secs(3);
/// A contact that a verify may still be at work with isn't a leftover.
const LEFT_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Why the stages weren't gone through to their end.
enum Stop {
    /// Before anything was made.
    Refused(Error),
    Failed(Failure),
    Cancelled,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn failed(stage: Stage, seen: impl ToString) -> Failure {
    Failure { stage, seen: seen.to_string(), hints: Vec::new() }
}

impl Failure {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

pub(super) async fn run<W: Waiter>(verify: &mut Verify<'_, W>) -> Result<Outcome> {
    let mut outcome = Outcome { lead: None, failure: None, cancelled: false, remains: Vec::new(), seconds: 0.0 };
    let mut made = None;
    match verify.stages(&mut made, &mut outcome).await {
        Ok(()) => {}
        Err(Stop::Refused(error)) => return Err(error),
        Err(Stop::Failed(failure)) => {
            verify.say(failure.stage, format!("failed: {}", failure.seen), json!({ "failed": true }));
            outcome.failure = Some(failure);
        }
        Err(Stop::Cancelled) => outcome.cancelled = true,
    }
    if let Some(entry) = made {
        verify.clean_up(&entry, &mut outcome).await;
    }
    outcome.seconds = verify.waiter.elapsed().as_secs_f64();
    Ok(outcome)
}

impl<W: Waiter> Verify<'_, W> {
    fn say(&self, stage: Stage, text: impl Into<String>, details: Value) {
        let seconds = self.waiter.elapsed().as_secs_f64();
        (self.on_event)(&Event { stage, seconds, text: text.into(), details });
    }

    fn names(&self) -> Names {
        Names::new(&self.manifest.deployment.name, &self.venue.name)
    }

    fn ledger(&self) -> LedgerProperties {
        LedgerProperties::new(&self.venue.name, &self.venue.flag_property)
    }

    fn unless_cancelled(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// All but the cleaning up. `made` is what has to be cleaned up then.
    async fn stages(&mut self, made: &mut Option<Entry>, outcome: &mut Outcome) -> Result<(), Stop> {
        self.deployed().await?;
        self.open().await?;
        self.leftovers().await?;
        self.unless_cancelled()?;
        let id = self.make_contact(made).await?;
        self.unless_cancelled()?;
        self.set_flag(&id).await?;
        let flagged = self.waiter.elapsed();
        let synced = self.until_synced(&id, flagged).await?;
        let attempt = synced
            .history
            .get(&self.ledger().lead_id)
            .and_then(|past| past.iter().find_map(|value| Attempt::parse(value)));
        outcome.lead = Some(self.lead(&synced, attempt.as_ref(), flagged).await?);
        self.reset(&synced)?;
        self.others(&id, attempt.as_ref()).await?;
        Ok(())
    }

    async fn deployed(&self) -> Result<(), Stop> {
        let names = self.names();
        let venue = &self.venue.name;
        let apply = "`deployer apply` makes it so; nothing was made in HubSpot";
        match function::ready(self.aws, &names).await {
            Ok(Ok(())) => {}
            Ok(Err(NotReady::Missing(what))) => {
                return Err(Stop::Refused(Error::refused(format!("{venue} isn't deployed: {what}")).hint(apply)));
            }
            Ok(Err(NotReady::Disabled)) => {
                let what = format!("{venue} doesn't run: its rule {} is disabled", names.rule);
                return Err(Stop::Refused(Error::refused(what).hint(apply)));
            }
            Err(error) => {
                let refused = Error::new(ExitCode::Failed, format!("it can't be told whether {venue} is deployed"));
                let refused = refused.caused_by(&error);
                return Err(Stop::Refused(match error.hint() {
                    Some(hint) => refused.hint(hint),
                    None => refused,
                }));
            }
        }
        let text = format!("deployed: {} fires {}", names.rule, self.venue.schedule.expression);
        self.say(Stage::Deployed, text, json!({}));
        Ok(())
    }

    /// The portal is looked at before anything is written there.
    async fn open(&self) -> Result<(), Stop> {
        let portal = self.hubspot.portal_id().await.map_err(|error| {
            Stop::Refused(Error::failed("HubSpot doesn't say whose portal the token opens").caused_by(&error))
        })?;
        if let Some(guard) = self.manifest.hubspot.portal_id.filter(|guard| *guard != portal) {
            let what = format!("the token opens HubSpot portal {portal}, and the manifest is for portal {guard}");
            return Err(Stop::Refused(
                Error::refused(what).hint("nothing was made; give a token of that portal, or correct `portal_id`"),
            ));
        }
        self.say(Stage::HubSpot, format!("HubSpot opened: portal {portal}"), json!({ "portal_id": portal }));
        Ok(())
    }

    async fn leftovers(&mut self) -> Result<(), Stop> {
        let unread = |error: std::io::Error| {
            Stop::Refused(Error::failed("what an earlier verify has left can't be told").caused_by(&error))
        };
        let unasked = |error: VendorError| {
            Stop::Refused(Error::failed("what an earlier verify has left can't be removed").caused_by(&error))
        };
        let mut left = Vec::new();
        if let Some(entry) = self.journal.left().map_err(unread)? {
            let id = match entry.contact_id {
                Some(id) => Some(id),
                None => self.hubspot.contact_by_email(&entry.email).await.map_err(unasked)?,
            };
            left.extend(id);
        }
        let marks = [("firstname", contact::FIRST_NAME), ("lastname", &contact::last_name(self.venue))];
        let found = self.hubspot.search_contacts(&marks, &["email", "createdate"]).await.map_err(unasked)?;
        let before = self.waiter.now().saturating_sub(LEFT_AFTER).unwrap_or_default();
        let old =
            |contact: &Contact| contact.text("createdate").parse().is_ok_and(|made: jiff::Timestamp| made < before);
        let ours = |contact: &Contact| contact::is_test_email(&self.venue.name, contact.text("email")) && old(contact);
        left.extend(found.into_iter().filter(ours).map(|contact| contact.id));
        left.sort_unstable();
        left.dedup();
        for id in left {
            self.hubspot.delete_contact(&id).await.map_err(unasked)?;
            let text = format!("test contact {id}, which an earlier verify has left, is removed");
            self.say(Stage::Leftovers, text, json!({ "contact_id": id }));
        }
        self.journal.clear().map_err(unread)
    }

    async fn make_contact(&mut self, made: &mut Option<Entry>) -> Result<String, Stop> {
        let email = contact::email(&self.venue.name, &self.options.domain);
        let mut entry = Entry { email, contact_id: None };
        let unwritten = |error: std::io::Error| {
            Stop::Refused(Error::failed("the test contact can't be written down, so none is made").caused_by(&error))
        };
        self.journal.write(&entry).map_err(unwritten)?;
        *made = Some(entry.clone());
        let created = self.hubspot.create_contact(&contact::properties(self.venue, &entry.email)).await;
        let id = created.map_err(|error| not_made(&error))?;
        entry.contact_id = Some(id.clone());
        *made = Some(entry.clone());
        self.journal.write(&entry).map_err(|error| failed(Stage::Contact, error))?;
        self.say(Stage::Contact, format!("test contact {id} made, without a flag"), json!({ "contact_id": id }));
        Ok(id)
    }

    async fn set_flag(&self, id: &str) -> Result<(), Stop> {
        let flag = self.ledger().flag;
        let properties = [(flag.clone(), "true".to_owned())].into();
        self.hubspot.update_contact(id, &properties).await.map_err(|error| {
            failed(Stage::Flag, &error).hint(format!("HubSpot needs the property {flag}: see README, \"HubSpot\""))
        })?;
        self.say(Stage::Flag, format!("{flag} set"), json!({ "property": flag }));
        Ok(())
    }

    async fn look(&self, id: &str) -> Result<Contact, Failure> {
        let ledger = self.ledger();
        let all = [&ledger.flag, &ledger.status, &ledger.lead_id, &ledger.error, &ledger.synced_at];
        let found = self.hubspot.contact(id, &all.map(String::as_str), &[&ledger.lead_id]).await;
        found
            .map_err(|error| failed(Stage::Run, error))?
            .ok_or_else(|| failed(Stage::Run, "somebody has deleted the test contact"))
    }

    /// Waits, or invokes, until the ledger says `synced`.
    async fn until_synced(&self, id: &str, flagged: Duration) -> Result<Contact, Stop> {
        let limit = self.limit();
        let ledger = self.ledger();
        let since = self.waiter.now();
        if !self.options.now {
            let text = format!("waiting for {}, {} at most", self.venue.schedule.expression, words(limit));
            self.say(Stage::Run, text, json!({ "limit_seconds": limit.as_secs() }));
        }
        let mut taken = false;
        loop {
            self.unless_cancelled()?;
            if self.options.now {
                self.invoke().await?;
            }
            let contact = self.look(id).await?;
            let status = contact.text(&ledger.status).to_owned();
            match status.as_str() {
                "synced" => return Ok(contact),
                "failed" | "needs_review" => {
                    let why = contact.text(&ledger.error);
                    return Err(failed(Stage::Run, format!("the ledger says `{status}`: {why}")).into());
                }
                "sending" if !taken => {
                    taken = true;
                    self.say(Stage::Run, "a run has taken the contact", json!({}));
                }
                "" if contact.text(&ledger.flag) != "true" => {
                    return Err(failed(Stage::Run, "the flag was taken away, and nothing was sent").into());
                }
                _ => {}
            }
            if self.waiter.elapsed().saturating_sub(flagged) >= limit {
                return Err(self.timed_out(limit, &status, contact.text(&ledger.error), since).await.into());
            }
            tokio::select! {
                () = self.waiter.pause(LOOK) => {}
                () = self.cancel.cancelled() => return Err(Stop::Cancelled),
            }
        }
    }

    async fn invoke(&self) -> Result<(), Failure> {
        let ran = function::invoke(self.aws, &self.names(), self.waiter.now()).await;
        match ran.map_err(|error| {
            let failure = failed(Stage::Run, &error);
            match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })? {
            Ran::Ended(counts) => {
                let count = |key: &str| counts.get(key).and_then(Value::as_u64).unwrap_or_default();
                let text = format!(
                    "invoked: {} found, {} synced, {} failed, {} to review, {} for the next run",
                    count("searched"),
                    count("synced"),
                    count("failed"),
                    count("needs_review"),
                    count("retried")
                );
                self.say(Stage::Run, text, json!({ "counts": counts }));
                Ok(())
            }
            Ran::Busy => {
                self.say(Stage::Run, "another run is under way; it is waited for", json!({}));
                Ok(())
            }
            Ran::Failed(why) => Err(failed(Stage::Run, format!("the run failed: {why}"))),
        }
    }

    async fn timed_out(&self, limit: Duration, status: &str, error: &str, since: jiff::Timestamp) -> Failure {
        let mut seen = match status {
            "" => format!("after {} no run has taken the contact", words(limit)),
            status => format!("after {} the ledger still says `{status}`", words(limit)),
        };
        if !error.is_empty() {
            seen.push_str(&format!(": {error}"));
        }
        let names = self.names();
        match function::last_lines(self.aws, &names, since).await {
            Ok(lines) if lines.is_empty() => {
                let text = format!("; {} has no line since the flag was set: the function didn't run", names.log_group);
                seen.push_str(&text);
            }
            Ok(lines) => seen.push_str(&format!("; the last of {}:\n    {}", names.log_group, lines.join("\n    "))),
            Err(error) => seen.push_str(&format!("; its log can't be read: {error}")),
        }
        failed(Stage::Run, seen).hint("`--now` shows what a run answers; `--timeout` waits longer")
    }

    async fn lead(&self, synced: &Contact, attempt: Option<&Attempt>, flagged: Duration) -> Result<FoundLead, Stop> {
        let told = synced.text(&self.ledger().lead_id);
        // Where a destination gives no id, the reference stands there.
        let told = (!told.is_empty() && Attempt::parse(told).is_none()).then(|| told.to_owned());
        let (lead_id, evidence) = match (&self.destination, attempt) {
            (Some(destination), Some(attempt)) => {
                let found = lead::find(destination, attempt, &self.waiter).await;
                let found = match found {
                    Ok(found) => found,
                    Err(seen) => {
                        let ledger = told.as_deref().unwrap_or("without an id");
                        let seen = format!("the ledger says `synced`, lead {ledger}, but {seen}");
                        let elsewhere = self.accounts(Some(attempt)).await.with_the_lead(Stage::Lead, &seen);
                        return Err(elsewhere.unwrap_or_else(|| failed(Stage::Lead, seen)).into());
                    }
                };
                if let (Some(found), Some(told)) = (&found, &told)
                    && found != told
                {
                    let seen = format!("the account has lead {found} with the reference, and the ledger says {told}");
                    return Err(failed(Stage::Lead, seen).into());
                }
                (found.or(told), Evidence::Destination)
            }
            _ => (told, Evidence::Ledger),
        };
        let seconds_after_flag = self.waiter.elapsed().saturating_sub(flagged).as_secs_f64();
        let which = lead_id.as_deref().map_or_else(|| "a lead".to_owned(), |id| format!("lead {id}"));
        let text = match evidence {
            Evidence::Destination => format!("{which} found in the account, by its reference"),
            Evidence::Ledger => {
                format!("{which}, by the ledger: there are no credentials here to look it up with")
            }
        };
        self.say(Stage::Lead, text, json!({ "lead_id": lead_id, "evidence": evidence }));
        Ok(FoundLead { lead_id, evidence, seconds_after_flag })
    }

    fn reset(&self, synced: &Contact) -> Result<(), Stop> {
        let ledger = self.ledger();
        if synced.text(&ledger.flag) == "true" {
            return Err(failed(Stage::Reset, "the ledger says `synced`, and the flag is still set").into());
        }
        self.say(Stage::Reset, "flag reset, ledger `synced`", json!({}));
        Ok(())
    }

    /// By the ledgers of all others at once, and by their accounts where those can be asked.
    async fn others(&self, id: &str, attempt: Option<&Attempt>) -> Result<(), Stop> {
        let ledgers: Vec<(&str, LedgerProperties)> = self
            .others
            .iter()
            .map(|other| {
                (other.venue.name.as_str(), LedgerProperties::new(&other.venue.name, &other.venue.flag_property))
            })
            .collect();
        let names = |ledger: &LedgerProperties| {
            [&ledger.flag, &ledger.status, &ledger.lead_id, &ledger.synced_at].map(String::clone)
        };
        let all: Vec<String> = ledgers.iter().flat_map(|(_, ledger)| names(ledger)).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let found = self.hubspot.contact(id, &all, &[]).await.map_err(|error| failed(Stage::Others, error))?;
        let found = found.ok_or_else(|| failed(Stage::Others, "somebody has deleted the test contact"))?;
        for (venue, ledger) in &ledgers {
            let set = names(ledger).into_iter().find(|name| !matches!(found.text(name), "" | "false"));
            if let Some(name) = set {
                let seen = format!("{venue} has it too: {name} is `{}`", found.text(&name));
                return Err(failed(Stage::Others, seen)
                    .hint("`deployer verify --isolation` shows what they share")
                    .into());
            }
        }
        let accounts = self.accounts(attempt).await;
        if let Some(failure) = accounts.with_the_lead(Stage::Others, "") {
            return Err(failure.into());
        }
        let Accounts { asked, by_ledger, .. } = accounts;
        let mut text = format!("no other venue has it: {} ledgers", ledgers.len());
        if asked > 0 {
            text.push_str(&format!(" and {asked} accounts"));
        }
        text.push_str(" were looked at");
        self.say(Stage::Others, text, json!({ "ledgers": ledgers.len(), "accounts": asked, "by_ledger": by_ledger }));
        Ok(())
    }

    /// Asks the accounts of all other venues for the lead, where they can be asked.
    async fn accounts(&self, attempt: Option<&Attempt>) -> Accounts<'_> {
        let looks = self.others.iter().map(async |other| {
            let found = match (&other.destination, attempt) {
                (Some(destination), Some(attempt)) => destination.look_up(attempt).await.ok(),
                _ => None,
            };
            (other.venue.name.as_str(), found)
        });
        let mut accounts = Accounts::default();
        for (venue, found) in futures_util::future::join_all(looks).await {
            match found {
                Some(LookedUp::Found(lead)) => accounts.found.push((venue, lead)),
                Some(LookedUp::NotThere) => accounts.asked += 1,
                Some(LookedUp::Unknown(_)) | None => accounts.by_ledger.push(venue),
            }
        }
        accounts
    }

    /// Also after a failure. What can't be removed is told, and left to the next verify.
    async fn clean_up(&mut self, entry: &Entry, outcome: &mut Outcome) {
        if let Some(lead) = &outcome.lead {
            let id = lead.lead_id.as_deref().unwrap_or("without an id");
            outcome.remains.push(format!(
                "lead {id} of \"{} {}\" stays at the destination, where no documented call deletes it: delete it there",
                contact::FIRST_NAME,
                contact::last_name(self.venue)
            ));
        }
        if self.options.keep {
            let id = entry.contact_id.as_deref().unwrap_or("without an id");
            outcome.remains.push(format!("test contact {id} is kept in HubSpot; the next verify removes it"));
            return;
        }
        match self.remove(entry).await {
            Ok(Some(id)) => self.say(Stage::Cleanup, format!("test contact {id} removed"), json!({ "contact_id": id })),
            Ok(None) => self.say(Stage::Cleanup, "there is no test contact to remove", json!({})),
            Err(why) => {
                outcome
                    .remains
                    .push(format!("the test contact is still in HubSpot ({why}); the next verify removes it"));
                if outcome.failure.is_none() && !outcome.cancelled {
                    outcome.failure = Some(failed(Stage::Cleanup, why));
                }
            }
        }
    }

    async fn remove(&mut self, entry: &Entry) -> Result<Option<String>, String> {
        let id = match &entry.contact_id {
            Some(id) => Some(id.clone()),
            None => self.hubspot.contact_by_email(&entry.email).await.map_err(|error| error.to_string())?,
        };
        if let Some(id) = &id {
            self.hubspot.delete_contact(id).await.map_err(|error| error.to_string())?;
        }
        self.journal.clear().map_err(|error| error.to_string())?;
        Ok(id)
    }
}

/// What the accounts of the other venues have shown.
#[derive(Default)]
struct Accounts<'a> {
    /// Accounts that certainly don't have the lead.
    asked: usize,
    /// Venues of which only the ledger could tell.
    by_ledger: Vec<&'a str>,
    /// Venues whose accounts have the lead, with its id.
    found: Vec<(&'a str, Option<String>)>,
}

impl Accounts<'_> {
    /// The failure where another venue has the lead.
    fn with_the_lead(&self, stage: Stage, seen: &str) -> Option<Failure> {
        let (venue, lead) = self.found.first()?;
        let lead = lead.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        let before = if seen.is_empty() { String::new() } else { format!("{seen}; ") };
        let failure = failed(stage, format!("{before}the lead{lead} is in the account of {venue}"));
        Some(failure.hint("the credentials of the two are mixed up: `deployer secret status --compare`"))
    }
}

fn not_made(error: &VendorError) -> Failure {
    let failure = failed(Stage::Contact, error);
    match error.failure {
        VendorFailure::Denied => failure.hint("the token needs the scope crm.objects.contacts.write"),
        VendorFailure::Refused(_) if error.message.to_lowercase().contains("email") => {
            failure.hint("HubSpot takes no address of this domain: give one of yours with --domain, or `test_domain`")
        }
        _ => failure,
    }
}

/// A time in words: `10 min 30 s`.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
