//! Writes to contacts, in batches. A batch that HubSpot rejects as a whole because of one contact is halved until that
//! contact is found, so that it doesn't hold up the others.

use std::collections::{HashMap, HashSet};

use reqwest::Method;

use super::SyncHubSpotClient;
use super::failure::{HubSpotErrorBody, HubSpotFailure};
use super::request::{CallFailure, CallPatience};
use super::wire::{BATCH, BatchResponse, WireContact, batch_update_body, batch_update_path};
use crate::error::{RunError, Side};
use crate::ledger::LedgerWrite;
use crate::redaction::redact_text;

/// Contacts that are rejected one after another, with none accepted, until their rejection counts as one of the request.
const REJECTED_ALIKE: usize = 3;
/// Error codes that are about a property, whichever contact it is written to.
const FAULTS_OF_A_PROPERTY: [&str; 4] =
    ["PROPERTY_DOESNT_EXIST", "INVALID_OPTION", "READ_ONLY_VALUE", "PROPERTY_NOT_FOUND"];

/// The result of one contact's write.
pub type WriteResult = Result<(), WriteFailure>;

/// Why a contact wasn't written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteFailure {
    /// The contact was deleted.
    Gone,
    /// HubSpot rejects this contact's write.
    Rejected {
        /// HubSpot's message, which may repeat the contact's values.
        message: String,
        /// The reason without any values, for logs.
        reason: String,
    },
    /// It was certainly not written: the error of the whole call came before.
    NotWritten,
    /// No usable response came: it may have been written.
    Unanswered,
}

/// The result of a batch of writes.
#[derive(Debug, Default)]
pub struct BatchWrite {
    /// The result of every write, by contact id.
    pub results: HashMap<String, WriteResult>,
    /// Why writing ended early. Neither would any other write be made now.
    pub error: Option<RunError>,
}

impl BatchWrite {
    /// Why contacts are rejected, if it looks like none would be accepted.
    fn common_rejection(&self) -> Option<String> {
        let rejected = |result: &WriteResult| match result {
            Err(WriteFailure::Rejected { reason, .. }) => Some(reason.clone()),
            _ => None,
        };
        let reasons: Vec<String> = self.results.values().filter_map(rejected).collect();
        let accepted = self.results.values().any(Result::is_ok);
        reasons.first().filter(|_| reasons.len() >= REJECTED_ALIKE && !accepted).cloned()
    }
}

impl SyncHubSpotClient {
    /// Writes to the ledger, for as long as `patience` says.
    pub async fn write_contacts(&self, writes: &[LedgerWrite], patience: CallPatience) -> BatchWrite {
        let mut batch = BatchWrite::default();
        // The next batch is last.
        let mut waiting: Vec<&[LedgerWrite]> = writes.chunks(BATCH).rev().collect();
        while let Some(writes) = waiting.pop() {
            match self.write_batch(writes, patience).await {
                Ok(written) => {
                    let rejected = |body: &HubSpotErrorBody| self.rejects_everybody(writes, body, patience);
                    if let Some(body) = written.errors.iter().find(|body| rejected(body)) {
                        batch.error.get_or_insert_with(|| Self::rejected_request(body.reason_text()));
                    }
                    let results = self.results_by_contact(writes, written, patience).await;
                    batch.results.extend(results);
                }
                Err(CallFailure::Rejected { failure, body, message }) => match writes {
                    _ if self.rejects_everybody(writes, &body, patience) => {
                        batch.error = Some(Self::rejected_request(format!("{message} ({})", body.reason_text())));
                    }
                    [write] => {
                        let gone = failure == HubSpotFailure::NotFound && body.category == "OBJECT_NOT_FOUND";
                        let result = if gone { WriteFailure::Gone } else { self.rejected_contact(&body, &message) };
                        batch.results.insert(write.contact_id().to_owned(), Err(result));
                    }
                    writes => {
                        let (first, second) = writes.split_at(writes.len() / 2);
                        waiting.extend([second, first]);
                    }
                },
                Err(CallFailure::Unavailable(error)) => {
                    batch.results.extend(fail_all(writes, &WriteFailure::Unanswered));
                    batch.error = Some(error);
                }
                Err(CallFailure::Stopped(error)) => batch.error = Some(error),
            }
            if let Some(reason) = batch.common_rejection() {
                batch.error.get_or_insert_with(|| Self::rejected_request(reason));
            }
            if batch.error.is_some() {
                break;
            }
        }
        for write in writes {
            batch.results.entry(write.contact_id().to_owned()).or_insert(Err(WriteFailure::NotWritten));
        }
        batch
    }

    async fn write_batch(&self, writes: &[LedgerWrite], patience: CallPatience) -> Result<BatchResponse, CallFailure> {
        self.call(patience, &Method::POST, &batch_update_path(), Some(&batch_update_body(writes))).await
    }

    /// Whether a rejection is one that every contact would get. A mark has the same form for all contacts, so a rejection
    /// of one of its values is about the property. An outcome's values differ, and only some errors are about a property.
    fn rejects_everybody(&self, writes: &[LedgerWrite], body: &HubSpotErrorBody, patience: CallPatience) -> bool {
        let ours: HashSet<&str> =
            writes.iter().flat_map(|write| write.property_values().map(|(name, _)| name)).collect();
        body.rejected_values().iter().any(|(name, code)| {
            let of_property = FAULTS_OF_A_PROPERTY.contains(&code.as_str()) || patience == CallPatience::Work;
            ours.contains(name.as_str()) && of_property
        })
    }

    fn rejected_request(message: String) -> RunError {
        RunError::Refused { side: Side::HubSpot, request: format!("POST {}", batch_update_path()), message }
    }

    fn rejected_contact(&self, body: &HubSpotErrorBody, message: &str) -> WriteFailure {
        WriteFailure::Rejected { message: redact_text(message), reason: body.reason_text() }
    }

    /// Assigns the parts of a response to the contacts that were written.
    async fn results_by_contact(
        &self,
        writes: &[LedgerWrite],
        response: BatchResponse,
        patience: CallPatience,
    ) -> HashMap<String, WriteResult> {
        let BatchResponse { results, errors } = response;
        let mut by_contact = HashMap::new();
        let mut unmentioned = Vec::new();
        for write in writes {
            let id = write.contact_id();
            let is_its_own = |contact: &WireContact| contact.id == id || contact.trace_id.as_deref() == Some(id);
            match errors.iter().find(|error| error.is_about_contact(id)) {
                Some(error) if error.category == "OBJECT_NOT_FOUND" => {
                    by_contact.insert(id.to_owned(), Err(WriteFailure::Gone));
                }
                Some(error) => {
                    by_contact.insert(id.to_owned(), Err(self.rejected_contact(error, &error.message)));
                }
                None if results.iter().any(is_its_own) => {
                    by_contact.insert(id.to_owned(), Ok(()));
                }
                None => unmentioned.push(write),
            }
        }
        by_contact.extend(self.find_unmentioned(unmentioned, patience).await);
        by_contact
    }

    /// The results of writes that a response doesn't mention. A contact that was merged into another is answered under
    /// the surviving id, so what counts is what can be read now.
    async fn find_unmentioned(
        &self,
        writes: Vec<&LedgerWrite>,
        patience: CallPatience,
    ) -> HashMap<String, WriteResult> {
        if writes.is_empty() {
            return HashMap::new();
        }
        let ids: Vec<String> = writes.iter().map(|write| write.contact_id().to_owned()).collect();
        let names: HashSet<&str> =
            writes.iter().flat_map(|write| write.property_values().map(|(name, _)| name)).collect();
        let read = self.read_patiently(patience, &ids, &Vec::from_iter(names)).await;
        let result = |write: &LedgerWrite| match &read {
            Err(_) => Err(WriteFailure::Unanswered),
            Ok(contacts) => {
                let has_values =
                    |contact: &WireContact| write.property_values().all(|(name, value)| contact.has_value(name, value));
                match contacts.iter().find(|contact| contact.id == write.contact_id()) {
                    Some(own) if !has_values(own) => Err(WriteFailure::Unanswered),
                    Some(_) => Ok(()),
                    // It no longer exists under its own id: it was merged, and the survivor has the values, or it is gone.
                    None if contacts.iter().any(has_values) => Ok(()),
                    None => Err(WriteFailure::Gone),
                }
            }
        };
        writes.into_iter().map(|write| (write.contact_id().to_owned(), result(write))).collect()
    }
}

fn fail_all<'w>(
    writes: &'w [LedgerWrite],
    failure: &'w WriteFailure,
) -> impl Iterator<Item = (String, WriteResult)> + 'w {
    writes.iter().map(|write| (write.contact_id().to_owned(), Err(failure.clone())))
}
