//! Moves contacts from a flag that says no venue to a venue's own, a batch at a time.
//!
//! Both properties of a contact are written in one update, so whenever it is broken off each contact carries one flag or
//! the other. What is left to do is what still carries the old one: the next pass goes on there, without a state of its
//! own. The search only gives candidates, since its index lags; what they carry is read from the primary store.

use std::collections::BTreeSet;

use sync_config::config::LedgerProperties;
use sync_lambda::hubspot::BATCH;

use super::{ContactWrite, HubSpot, VendorError};

/// What is moved, and where.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The old flag.
    pub from: String,
    /// The venue's properties.
    pub to: LedgerProperties,
    /// Whether contacts are moved that are, or may be, leads of the venue already: they become new leads.
    pub also_synced: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What becomes of a contact that the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The venue's flag is set and the old one taken away.
    Moved,
    /// It had the venue's flag already; the old one is taken away.
    HadBoth,
    /// It stays as it is: the venue's ledger says this of it.
    Left(String),
    /// It doesn't carry the old flag any more.
    Settled,
    /// It wasn't written, for this reason.
    Failed(String),
}

/// How many contacts had which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Moved.
    pub moved: u64,
    /// Had the venue's flag already, and lost the old one.
    pub had_both: u64,
    /// Left as they are, with the old flag.
    pub left: u64,
    /// Not written.
    pub failed: u64,
}

impl Tally {
    fn count(&mut self, fate: &Fate) {
        match fate {
            Fate::Moved => self.moved += 1,
            Fate::HadBoth => self.had_both += 1,
            Fate::Left(_) => self.left += 1,
            Fate::Failed(_) => self.failed += 1,
            Fate::Settled => {}
        }
    }
}

impl Migration {
    /// Goes through all contacts that carry the old flag, once, and tells the fate of each. `tally` is counted on after
    /// every batch, and stays right where the pass is broken off.
    ///
    /// # Errors
    /// HubSpot gave no usable answer. Batches before that are done.
    pub async fn pass(
        &self,
        hubspot: &HubSpot,
        tally: &mut Tally,
        mut on_contact: impl FnMut(&str, &Fate),
        mut on_batch: impl FnMut(&Tally),
    ) -> Result<(), VendorError> {
        let mut after = 0;
        loop {
            let ids = hubspot.carriers_after(&self.from, after).await?;
            let Some(last) = ids.iter().filter_map(|id| id.parse().ok()).max() else { return Ok(()) };
            for (id, fate) in self.batch(hubspot, &ids).await? {
                tally.count(&fate);
                on_contact(&id, &fate);
            }
            on_batch(tally);
            if ids.len() < BATCH {
                return Ok(());
            }
            after = last;
        }
    }

    async fn batch(&self, hubspot: &HubSpot, ids: &[String]) -> Result<Vec<(String, Fate)>, VendorError> {
        let properties = [self.from.as_str(), &self.to.flag, &self.to.status];
        let (mut fates, mut writes, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for contact in hubspot.contacts(ids, &properties).await? {
            // Contacts that were merged into one are found under the ids of both.
            if !seen.insert(contact.id.clone()) {
                continue;
            }
            let id = contact.id.clone();
            let properties = contact.into_properties();
            let value = |name: &str| properties.get(name).map(String::as_str);
            let fate = self.fate(value(&self.from), value(&self.to.flag), value(&self.to.status));
            writes.extend(self.write(&id, &fate));
            fates.push((id, fate));
        }
        if self.dry_run || writes.is_empty() {
            return Ok(fates);
        }
        let unwritten = hubspot.write_contacts(&writes).await?;
        for (id, fate) in &mut fates {
            if let Some(why) = unwritten.get(id) {
                *fate = Fate::Failed(why.clone());
            }
        }
        Ok(fates)
    }

    fn fate(&self, from: Option<&str>, flag: Option<&str>, status: Option<&str>) -> Fate {
        match (from, flag, status) {
            (Some("true"), Some("true"), _) => Fate::HadBoth,
            // A run is at work on it.
            (Some("true"), _, Some(status @ "sending")) => Fate::Left(status.to_owned()),
            (Some("true"), _, Some(status @ ("synced" | "needs_review"))) if !self.also_synced => {
                Fate::Left(status.to_owned())
            }
            (Some("true"), ..) => Fate::Moved,
            _ => Fate::Settled,
        }
    }

    fn write(&self, id: &str, fate: &Fate) -> Option<ContactWrite> {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let taken = set(&self.from, "false");
        let properties = match fate {
            Fate::Moved => vec![set(&self.to.flag, "true"), taken],
            Fate::HadBoth => vec![taken],
            Fate::Left(_) | Fate::Settled | Fate::Failed(_) => return None,
        };
        Some(ContactWrite { id: id.to_owned(), properties })
    }
}
