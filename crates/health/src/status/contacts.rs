//! Counts a venue's contacts that need attention, by HubSpot's own count. Of a contact only the status is read.

use std::path::Path;

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use sync_config::config::LedgerProperties;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use deployer_core::manifest::{Manifest, Venue};
use deployer_hubspot::hubspot::{RequestSize, Retryable};
use deployer_hubspot::{HubSpotClient, VendorError, resolve_secret};

/// Results on one page of a search (<https://developers.hubspot.com/docs/api/crm/search>).
const PAGE: u64 = 200;

/// What is known about a venue's contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactCounts {
    /// HubSpot's count, which may be some seconds old.
    Counted {
        /// Contacts that may or may not have become leads.
        needs_review: u64,
        /// Contacts that were refused because of their data. Staff tick them again once it is corrected.
        failed: u64,
    },
    /// HubSpot wasn't asked, for this reason.
    NotAsked(String),
    /// HubSpot was asked, but returned no count.
    Unreadable(String),
}

/// The portal, or why it can't be asked.
#[derive(Debug)]
pub enum StatusPortal {
    /// The portal can be asked.
    Open(Box<HubSpotClient>),
    /// The portal isn't asked, for this reason.
    NotAsked(String),
    /// The portal couldn't be opened, for this reason.
    Unreadable(String),
}

impl StatusPortal {
    /// Opens the portal with `[hubspot] token` and checks that it is the one in the manifest. `directory` is the
    /// manifest's.
    pub async fn open_portal(manifest: &Manifest, directory: &Path, local: bool) -> Self {
        let hubspot = &manifest.hubspot;
        let Some(reference) = &hubspot.token else {
            return Self::NotAsked("the manifest has no `token` in [hubspot]".to_owned());
        };
        if local && hubspot.base_uri.starts_with("https:") {
            return Self::NotAsked("--local makes no network calls".to_owned());
        }
        let token = match resolve_secret(reference, directory).await {
            Ok(token) => token,
            Err(error) => return Self::NotAsked(format!("`token` of [hubspot]: {error}")),
        };
        let client = match deployer_hubspot::build_vendor_client() {
            Ok(client) => client,
            Err(error) => return Self::Unreadable(error.to_string()),
        };
        let portal = HubSpotClient::new(client, &hubspot.base_uri, token);
        match hubspot.portal_id {
            None => Self::Open(Box::new(portal)),
            Some(expected) => match portal.portal_id().await {
                Ok(opened) if opened == expected => Self::Open(Box::new(portal)),
                Ok(opened) => {
                    Self::Unreadable(format!("{reference} opens portal {opened}, but the manifest is for {expected}"))
                }
                Err(error) => Self::Unreadable(error.to_string()),
            },
        }
    }

    /// Counts a venue's contacts.
    pub(super) async fn count_contacts(&self, venue: &Venue) -> ContactCounts {
        match self {
            Self::Open(hubspot) => {
                let property = LedgerProperties::new(&venue.name, &venue.flag_property).status;
                count_by_status(hubspot, &property)
                    .await
                    .unwrap_or_else(|error| ContactCounts::Unreadable(error.to_string()))
            }
            Self::NotAsked(reason) => ContactCounts::NotAsked(reason.clone()),
            Self::Unreadable(reason) => ContactCounts::Unreadable(reason.clone()),
        }
    }
}

/// One search gives both counts, unless there are more contacts than fit on its page.
async fn count_by_status(hubspot: &HubSpotClient, property: &str) -> Result<ContactCounts, VendorError> {
    let (total, page) = search_contacts(hubspot, property, &["needs_review", "failed"], PAGE).await?;
    let needs_review = if total > PAGE {
        search_contacts(hubspot, property, &["needs_review"], 1).await?.0
    } else {
        page.iter().filter(|contact| contact["properties"][property] == "needs_review").count() as u64
    };
    Ok(ContactCounts::Counted { needs_review, failed: total.saturating_sub(needs_review) })
}

async fn search_contacts(
    hubspot: &HubSpotClient,
    property: &str,
    values: &[&str],
    limit: u64,
) -> Result<(u64, Vec<Value>), VendorError> {
    let path = format!("/crm/objects/{HUBSPOT_API_VERSION}/contacts/search");
    let body = json!({
        "filterGroups": [{ "filters": [{ "propertyName": property, "operator": "IN", "values": values }] }],
        "sorts": [],
        "properties": [property],
        "limit": limit,
        "after": "0",
    });
    let mut answer =
        hubspot.request_json(Method::POST, &path, Some(&body), Retryable::Yes, RequestSize::Single).await?;
    let total = answer["total"].as_u64().ok_or_else(|| VendorError {
        request: format!("POST {path}"),
        failure: deployer_hubspot::VendorFailure::Unavailable(200),
        message: "the response has no total".to_owned(),
        correlation_id: String::new(),
    })?;
    let page = answer["results"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok((total, page))
}
