//! Moves contacts from a shared flag to a venue's own, a batch at a time.
//!
//! Both properties of a contact are written in one update, so an interruption at any point leaves each contact with one
//! flag or the other. Whatever still has the old flag remains to be moved, so the next pass resumes there without any
//! stored state. The search index lags, so search only finds candidates; their flags are read from the primary store.

use std::collections::BTreeSet;

use bounds::PageTokens;
use sync_config::config::LedgerProperties;
use sync_lambda::hubspot::BATCH;

use super::flagged::check_next_page;
use super::{ContactWrite, HubSpotClient, VendorError};

/// What to move, and where.
#[derive(Debug, Clone)]
pub struct FlagMigration {
    /// The old flag.
    pub from: String,
    /// The venue's properties.
    pub to: LedgerProperties,
    /// Also move contacts that are, or may be, leads of the venue already: they become new leads.
    pub also_synced: bool,
    /// Write nothing.
    pub dry_run: bool,
}

/// What happens to a contact that the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationFate {
    /// The venue's flag is set and the old one cleared.
    Moved,
    /// It already had the venue's flag; the old one is cleared.
    HadBoth,
    /// Left as it is because of this status in the venue's ledger.
    Left(String),
    /// It no longer has the old flag.
    Settled,
    /// Not written, for this reason.
    Failed(String),
}

/// How many contacts had which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct MigrationTally {
    /// Moved.
    pub moved: u64,
    /// Already had the venue's flag; the old one was cleared.
    pub had_both: u64,
    /// Left as they were, with the old flag.
    pub left: u64,
    /// Not written.
    pub failed: u64,
}

impl MigrationTally {
    fn count_fate(&mut self, fate: &MigrationFate) {
        match fate {
            MigrationFate::Moved => self.moved += 1,
            MigrationFate::HadBoth => self.had_both += 1,
            MigrationFate::Left(_) => self.left += 1,
            MigrationFate::Failed(_) => self.failed += 1,
            MigrationFate::Settled => {}
        }
    }
}

impl FlagMigration {
    /// Goes once through all contacts that have the old flag, and reports the fate of each. `tally` is updated after
    /// every batch, so it stays correct if the pass is interrupted.
    ///
    /// # Errors
    /// HubSpot returned no usable response. Earlier batches are done.
    pub async fn run_pass(
        &self,
        hubspot: &HubSpotClient,
        tally: &mut MigrationTally,
        mut on_contact: impl FnMut(&str, &MigrationFate),
        mut on_batch: impl FnMut(&MigrationTally),
    ) -> Result<(), VendorError> {
        let mut after = 0;
        let mut pages = PageTokens::default();
        loop {
            let ids = hubspot.flagged_ids_after(&self.from, after).await?;
            let Some(last) = ids.iter().filter_map(|id| id.parse().ok()).max() else { return Ok(()) };
            for (id, fate) in self.migrate_batch(hubspot, &ids).await? {
                tally.count_fate(&fate);
                on_contact(&id, &fate);
            }
            on_batch(tally);
            if ids.len() < BATCH {
                return Ok(());
            }
            check_next_page(&mut pages, last)?;
            after = last;
        }
    }

    async fn migrate_batch(
        &self,
        hubspot: &HubSpotClient,
        ids: &[String],
    ) -> Result<Vec<(String, MigrationFate)>, VendorError> {
        let properties = [self.from.as_str(), &self.to.flag, &self.to.status];
        let (mut fates, mut writes, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for contact in hubspot.read_contacts(ids, &properties).await? {
            // A merged contact is found under both ids.
            if !seen.insert(contact.id.clone()) {
                continue;
            }
            let id = contact.id.clone();
            let properties = contact.into_properties();
            let value = |name: &str| properties.get(name).map(String::as_str);
            let fate = self.decide_fate(value(&self.from), value(&self.to.flag), value(&self.to.status));
            writes.extend(self.contact_write(&id, &fate));
            fates.push((id, fate));
        }
        if self.dry_run || writes.is_empty() {
            return Ok(fates);
        }
        let unwritten = hubspot.write_contacts(&writes).await?;
        for (id, fate) in &mut fates {
            if let Some(why) = unwritten.get(id) {
                *fate = MigrationFate::Failed(why.clone());
            }
        }
        Ok(fates)
    }

    fn decide_fate(&self, from: Option<&str>, flag: Option<&str>, status: Option<&str>) -> MigrationFate {
        match (from, flag, status) {
            (Some("true"), Some("true"), _) => MigrationFate::HadBoth,
            // A run is working on it.
            (Some("true"), _, Some(status @ "sending")) => MigrationFate::Left(status.to_owned()),
            (Some("true"), _, Some(status @ ("synced" | "needs_review"))) if !self.also_synced => {
                MigrationFate::Left(status.to_owned())
            }
            (Some("true"), ..) => MigrationFate::Moved,
            _ => MigrationFate::Settled,
        }
    }

    fn contact_write(&self, id: &str, fate: &MigrationFate) -> Option<ContactWrite> {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let taken = set(&self.from, "false");
        let properties = match fate {
            MigrationFate::Moved => vec![set(&self.to.flag, "true"), taken],
            MigrationFate::HadBoth => vec![taken],
            MigrationFate::Left(_) | MigrationFate::Settled | MigrationFate::Failed(_) => return None,
        };
        Some(ContactWrite { id: id.to_owned(), properties })
    }
}
