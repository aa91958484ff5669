//! Counts, finds, reads and writes flagged contacts, a batch at a time.

use std::collections::BTreeMap;

use bounds::PageTokens;
use reqwest::Method;
use serde_json::{Value, json};
use sync_lambda::hubspot::{BATCH, BatchResponse, SearchPage, WireContact, wire};
use sync_lambda::ledger::LedgerWrite;

use super::VendorError;
use super::hubspot::{HubSpotClient, RequestSize, Retryable, undocumented_response};

/// The update of one contact.
#[derive(Debug, Clone)]
pub struct ContactWrite {
    /// The contact's id.
    pub id: String,
    /// Property names and values.
    pub properties: Vec<(String, String)>,
}

impl ContactWrite {
    /// A write of a venue's ledger.
    pub fn from_ledger(write: &LedgerWrite) -> Self {
        let properties = write.property_values().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { id: write.contact_id().to_owned(), properties: properties.collect() }
    }
}

/// Checks that the contacts after this id haven't been asked for yet: HubSpot may ignore the filter, and the same ones
/// would come forever.
///
/// # Errors
/// They have been.
pub(super) fn check_next_page(pages: &mut PageTokens, after: u64) -> Result<(), VendorError> {
    pages.advance_to(Some(after.to_string())).map(drop).map_err(|repeated| {
        let mut error = undocumented_response(&Method::POST, &wire::search_path());
        error.message = repeated.to_string();
        error
    })
}

impl HubSpotClient {
    /// How many contacts have `flag` set according to the search index, which lags by seconds.
    ///
    /// # Errors
    /// No usable response.
    pub async fn count_flagged(&self, flag: &str) -> Result<u64, VendorError> {
        Ok(self.search_value(flag, "true", 0, 1).await?.total as u64)
    }

    /// The first [`BATCH`] contacts by id, after this id, that have `flag` set according to the search index.
    ///
    /// # Errors
    /// No usable response.
    pub async fn flagged_ids_after(&self, flag: &str, after: u64) -> Result<Vec<String>, VendorError> {
        self.ids_with_value_after(flag, "true", after).await
    }

    /// The first [`BATCH`] contacts by id, after this id, whose `property` has this value according to the search index.
    /// Continuing by id avoids the 10,000-result limit of paging, and writes in between don't shift the pages.
    ///
    /// # Errors
    /// No usable response.
    pub async fn ids_with_value_after(
        &self,
        property: &str,
        value: &str,
        after: u64,
    ) -> Result<Vec<String>, VendorError> {
        let page = self.search_value(property, value, after, BATCH).await?;
        Ok(page.results.into_iter().map(|found| found.id).collect())
    }

    async fn search_value(
        &self,
        property: &str,
        value: &str,
        after: u64,
        limit: usize,
    ) -> Result<SearchPage, VendorError> {
        let filters = json!([
            { "propertyName": property, "operator": "EQ", "value": value },
            { "propertyName": "hs_object_id", "operator": "GT", "value": after.to_string() },
        ]);
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
            "properties": [property],
            "limit": limit,
            "after": "0",
        });
        self.post_parsed(&wire::search_path(), &body, RequestSize::Single).await
    }

    /// Reads at most [`BATCH`] contacts from the primary store; those that no longer exist are left out.
    ///
    /// # Errors
    /// No usable response.
    pub async fn read_contacts(&self, ids: &[String], properties: &[&str]) -> Result<Vec<WireContact>, VendorError> {
        self.read_contacts_with_history(ids, properties, &[]).await
    }

    /// Like [`HubSpotClient::read_contacts`], with the past values of some properties; then of at most
    /// [`sync_lambda::hubspot::HISTORY_BATCH`] contacts.
    ///
    /// # Errors
    /// No usable response.
    pub async fn read_contacts_with_history(
        &self,
        ids: &[String],
        properties: &[&str],
        with_history: &[&str],
    ) -> Result<Vec<WireContact>, VendorError> {
        let body = wire::batch_read_body(ids, properties, with_history);
        let answer: BatchResponse = self.post_parsed(&wire::batch_read_path(), &body, RequestSize::Single).await?;
        Ok(answer.results.into_iter().filter(|contact| !contact.archived).collect())
    }

    /// Updates at most [`BATCH`] contacts; all properties of one contact are written at once. Returns why contacts
    /// weren't written, by id.
    ///
    /// # Errors
    /// No usable response. Some of the writes may have been made.
    pub async fn write_contacts(&self, writes: &[ContactWrite]) -> Result<BTreeMap<String, String>, VendorError> {
        let inputs: Vec<Value> = writes
            .iter()
            .map(|write| {
                let properties: BTreeMap<_, _> = write.properties.iter().cloned().collect();
                json!({ "id": write.id, "properties": properties, "objectWriteTraceId": write.id })
            })
            .collect();
        let answer: BatchResponse =
            self.post_parsed(&wire::batch_update_path(), &json!({ "inputs": inputs }), RequestSize::Batch).await?;
        let unwritten =
            |write: &ContactWrite| match answer.errors.iter().find(|error| error.is_about_contact(&write.id)) {
                // HubSpot repeats values in its messages, so only the error's category is shown.
                Some(error) => Some((write.id.clone(), error.category.clone())),
                None if answer.results.iter().any(|contact| contact.id == write.id) => None,
                None => Some((write.id.clone(), "HubSpot's response doesn't mention it".to_owned())),
            };
        Ok(writes.iter().filter_map(unwritten).collect())
    }

    async fn post_parsed<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        size: RequestSize,
    ) -> Result<T, VendorError> {
        let answer = self.request_json(Method::POST, path, Some(body), Retryable::Yes, size).await?;
        serde_json::from_value(answer).map_err(|_| undocumented_response(&Method::POST, path))
    }
}
