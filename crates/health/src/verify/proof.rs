//! Proves that the venue is live: the lead exists, the flag is reset, and no other venue has the lead.

use std::time::Duration;

use serde_json::json;
use sync_config::config::LedgerProperties;
use sync_lambda::destination::LookupResult;
use sync_lambda::ledger::Attempt;

use super::event::{FoundLead, LeadEvidence, StageFailure, VerifyStage};
use super::stages::{VerifyStop, as_seconds, stage_failure};
use super::wait::Waiter;
use super::{Verify, lead};
use deployer_core::counted::count_with_noun;
use deployer_hubspot::CrmContact;

impl<W: Waiter> Verify<'_, W> {
    pub(super) async fn check_lead(
        &self,
        synced: &CrmContact,
        attempt: Option<&Attempt>,
        flagged: Duration,
    ) -> Result<FoundLead, VerifyStop> {
        let told = synced.property_text(&self.ledger_properties().lead_id);
        // If the destination gives no id, the ledger has the reference in its place.
        let told = (!told.is_empty() && Attempt::parse_reference(told).is_none()).then(|| told.to_owned());
        let (lead_id, evidence) = match (&self.destination, attempt) {
            (Some(destination), Some(attempt)) => {
                let found = lead::find_lead(destination, attempt, &self.waiter).await;
                let found = match found {
                    Ok(found) => found,
                    Err(seen) => {
                        let ledger = told.as_deref().unwrap_or("without an id");
                        let seen = format!("the ledger says `synced`, lead {ledger}, but {seen}");
                        let elsewhere =
                            self.search_accounts(Some(attempt)).await.lead_failure(VerifyStage::Lead, &seen);
                        return Err(elsewhere.unwrap_or_else(|| stage_failure(VerifyStage::Lead, seen)).into());
                    }
                };
                if let (Some(found), Some(told)) = (&found, &told)
                    && found != told
                {
                    let seen = format!("the account has lead {found} with the reference, but the ledger says {told}");
                    return Err(stage_failure(VerifyStage::Lead, seen).into());
                }
                (found.or(told), LeadEvidence::Destination)
            }
            _ => (told, LeadEvidence::Ledger),
        };
        let seconds_after_flag = as_seconds(self.waiter.elapsed_time().saturating_sub(flagged));
        let which = lead_id.as_deref().map_or_else(|| "a lead".to_owned(), |id| format!("lead {id}"));
        let text = match evidence {
            LeadEvidence::Destination => format!("{which} found in the account by its reference"),
            LeadEvidence::Ledger => {
                format!("{which}, according to the ledger: there are no credentials here to look it up")
            }
        };
        self.emit_event(VerifyStage::Lead, text, json!({ "lead_id": lead_id, "evidence": evidence }));
        Ok(FoundLead { lead_id, evidence, seconds_after_flag })
    }

    pub(super) fn check_reset(&self, synced: &CrmContact) -> Result<(), VerifyStop> {
        let ledger = self.ledger_properties();
        if synced.property_text(&ledger.flag) == "true" {
            return Err(stage_failure(VerifyStage::Reset, "the ledger says `synced`, but the flag is still set").into());
        }
        self.emit_event(VerifyStage::Reset, "flag reset, ledger `synced`", json!({}));
        Ok(())
    }

    /// Checks the ledgers of all other venues at once, and their accounts if those can be queried.
    pub(super) async fn check_others(&self, id: &str, attempt: Option<&Attempt>) -> Result<(), VerifyStop> {
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
        let found = self
            .hubspot
            .read_contact(id, &all, &[])
            .await
            .map_err(|error| stage_failure(VerifyStage::Others, error))?;
        let found = found.ok_or_else(|| stage_failure(VerifyStage::Others, "somebody deleted the test contact"))?;
        for (venue, ledger) in &ledgers {
            let set = names(ledger).into_iter().find(|name| !matches!(found.property_text(name), "" | "false"));
            if let Some(name) = set {
                let seen = format!("{venue} has it too: {name} is `{}`", found.property_text(&name));
                return Err(stage_failure(VerifyStage::Others, seen)
                    .with_hint("`deployer verify --isolation` shows what they share")
                    .into());
            }
        }
        let accounts = self.search_accounts(attempt).await;
        if let Some(failure) = accounts.lead_failure(VerifyStage::Others, "") {
            return Err(failure.into());
        }
        let OtherAccounts { asked, by_ledger, .. } = accounts;
        let mut text = format!("no other venue has it: checked {}", count_with_noun(ledgers.len() as u64, "ledger"));
        if asked > 0 {
            text.push_str(&format!(" and {}", count_with_noun(asked, "account")));
        }
        self.emit_event(
            VerifyStage::Others,
            text,
            json!({ "ledgers": ledgers.len(), "accounts": asked, "by_ledger": by_ledger }),
        );
        Ok(())
    }

    /// Looks for the lead in the accounts of all other venues, if those can be queried.
    async fn search_accounts(&self, attempt: Option<&Attempt>) -> OtherAccounts<'_> {
        let looks = self.others.iter().map(async |other| {
            let found = match (&other.destination, attempt) {
                (Some(destination), Some(attempt)) => Some(destination.look_up_attempt(attempt).await),
                _ => None,
            };
            (other.venue.name.as_str(), found)
        });
        let mut accounts = OtherAccounts::default();
        for (venue, found) in futures_util::future::join_all(looks).await {
            match found {
                Some(LookupResult::Found(lead)) => accounts.found.push((venue, lead)),
                Some(LookupResult::NotThere) => accounts.asked += 1,
                Some(LookupResult::Unknown(_) | LookupResult::Refused(_)) | None => accounts.by_ledger.push(venue),
            }
        }
        accounts
    }
}

/// What the accounts of the other venues showed.
#[derive(Default)]
struct OtherAccounts<'a> {
    /// How many accounts certainly don't have the lead.
    asked: u64,
    /// Venues for which only the ledger could be checked.
    by_ledger: Vec<&'a str>,
    /// Venues whose accounts have the lead, with its id.
    found: Vec<(&'a str, Option<String>)>,
}

impl OtherAccounts<'_> {
    /// The failure if another venue has the lead.
    fn lead_failure(&self, stage: VerifyStage, seen: &str) -> Option<StageFailure> {
        let (venue, lead) = self.found.first()?;
        let lead = lead.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        let before = if seen.is_empty() { String::new() } else { format!("{seen}; ") };
        let failure = stage_failure(stage, format!("{before}the lead{lead} is in the account of {venue}"));
        Some(failure.with_hint(
            "the credentials of the two venues are mixed up; check them with `deployer secret status --compare`",
        ))
    }
}
