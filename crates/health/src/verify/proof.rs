//! Proves that the venue is live: the lead exists, the flag is reset, and no other venue has the lead.

use std::time::Duration;

use serde_json::json;
use sync_config::config::LedgerProperties;
use sync_lambda::destination::LookedUp;
use sync_lambda::ledger::Attempt;

use super::event::{Evidence, Failure, FoundLead, Stage};
use super::stages::{Stop, failed, seconds};
use super::wait::Waiter;
use super::{Verify, lead};
use deployer_core::counted::counted;
use deployer_hubspot::Contact;

impl<W: Waiter> Verify<'_, W> {
    pub(super) async fn lead(
        &self,
        synced: &Contact,
        attempt: Option<&Attempt>,
        flagged: Duration,
    ) -> Result<FoundLead, Stop> {
        let told = synced.text(&self.ledger().lead_id);
        // If the destination gives no id, the ledger has the reference in its place.
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
                    let seen = format!("the account has lead {found} with the reference, but the ledger says {told}");
                    return Err(failed(Stage::Lead, seen).into());
                }
                (found.or(told), Evidence::Destination)
            }
            _ => (told, Evidence::Ledger),
        };
        let seconds_after_flag = seconds(self.waiter.elapsed().saturating_sub(flagged));
        let which = lead_id.as_deref().map_or_else(|| "a lead".to_owned(), |id| format!("lead {id}"));
        let text = match evidence {
            Evidence::Destination => format!("{which} found in the account by its reference"),
            Evidence::Ledger => {
                format!("{which}, according to the ledger: there are no credentials here to look it up")
            }
        };
        self.say(Stage::Lead, text, json!({ "lead_id": lead_id, "evidence": evidence }));
        Ok(FoundLead { lead_id, evidence, seconds_after_flag })
    }

    pub(super) fn reset(&self, synced: &Contact) -> Result<(), Stop> {
        let ledger = self.ledger();
        if synced.text(&ledger.flag) == "true" {
            return Err(failed(Stage::Reset, "the ledger says `synced`, but the flag is still set").into());
        }
        self.say(Stage::Reset, "flag reset, ledger `synced`", json!({}));
        Ok(())
    }

    /// Checks the ledgers of all other venues at once, and their accounts if those can be queried.
    pub(super) async fn others(&self, id: &str, attempt: Option<&Attempt>) -> Result<(), Stop> {
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
        let found = found.ok_or_else(|| failed(Stage::Others, "somebody deleted the test contact"))?;
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
        let mut text = format!("no other venue has it: checked {}", counted(ledgers.len() as u64, "ledger"));
        if asked > 0 {
            text.push_str(&format!(" and {}", counted(asked, "account")));
        }
        self.say(Stage::Others, text, json!({ "ledgers": ledgers.len(), "accounts": asked, "by_ledger": by_ledger }));
        Ok(())
    }

    /// Looks for the lead in the accounts of all other venues, if those can be queried.
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
}

/// What the accounts of the other venues showed.
#[derive(Default)]
struct Accounts<'a> {
    /// How many accounts certainly don't have the lead.
    asked: u64,
    /// Venues for which only the ledger could be checked.
    by_ledger: Vec<&'a str>,
    /// Venues whose accounts have the lead, with its id.
    found: Vec<(&'a str, Option<String>)>,
}

impl Accounts<'_> {
    /// The failure if another venue has the lead.
    fn with_the_lead(&self, stage: Stage, seen: &str) -> Option<Failure> {
        let (venue, lead) = self.found.first()?;
        let lead = lead.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        let before = if seen.is_empty() { String::new() } else { format!("{seen}; ") };
        let failure = failed(stage, format!("{before}the lead{lead} is in the account of {venue}"));
        Some(
            failure.hint(
                "the credentials of the two venues are mixed up; check them with `deployer secret status --compare`",
            ),
        )
    }
}
