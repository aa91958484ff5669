//! The contact operations that a go-live test needs: create, read, update, delete.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide>

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};
use sync_config::hubspot_api::HUBSPOT_API_VERSION;
use sync_config::mapping::ContactProperties;

use super::hubspot::{RequestSize, Retryable};
use super::{HubSpotClient, VendorError, VendorFailure};

/// Results requested per search page.
const PAGE: usize = 100;

/// A contact as the primary store has it, with the requested properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrmContact {
    /// The id.
    pub id: String,
    /// The properties that have a value.
    pub properties: ContactProperties,
    /// The past values of each requested property, newest first.
    pub history: BTreeMap<String, Vec<String>>,
}

impl CrmContact {
    /// A property's value; empty if it is unset.
    pub fn property_text(&self, property: &str) -> &str {
        self.properties.get(property).map(String::as_str).unwrap_or_default()
    }
}

impl HubSpotClient {
    /// Creates a contact and returns its id. Not retried if the contact may already have been created.
    ///
    /// # Errors
    /// No usable response.
    pub async fn create_contact(&self, properties: &ContactProperties) -> Result<String, VendorError> {
        let body = json!({ "properties": properties, "associations": [] });
        let made =
            self.request_json(Method::POST, &contacts_path(), Some(&body), Retryable::No, RequestSize::Single).await?;
        contact_id(&made).ok_or_else(|| undocumented_response("POST", &contacts_path()))
    }

    /// The id of the contact with this email address.
    ///
    /// # Errors
    /// No usable response.
    pub async fn find_id_by_email(&self, email: &str) -> Result<Option<String>, VendorError> {
        let path = format!("{}/{}?idProperty=email", contacts_path(), utf8_percent_encode(email, NON_ALPHANUMERIC));
        match self.get_json(&path).await {
            Ok(found) => Ok(contact_id(&found)),
            Err(error) if error.failure == VendorFailure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a contact from the primary store; `None` if it no longer exists.
    ///
    /// # Errors
    /// No usable response.
    pub async fn read_contact(
        &self,
        id: &str,
        properties: &[&str],
        with_history: &[&str],
    ) -> Result<Option<CrmContact>, VendorError> {
        let path = format!("{}/batch/read", contacts_path());
        let body = json!({ "inputs": [{ "id": id }], "properties": properties, "propertiesWithHistory": with_history });
        let answer = self.request_json(Method::POST, &path, Some(&body), Retryable::Yes, RequestSize::Single).await?;
        let found = answer.get("results").and_then(Value::as_array).and_then(|results| results.first());
        Ok(found.and_then(parse_contact))
    }

    /// Updates properties of a contact.
    ///
    /// # Errors
    /// No usable response.
    pub async fn update_contact(&self, id: &str, properties: &ContactProperties) -> Result<(), VendorError> {
        let body = json!({ "properties": properties });
        self.request_json(
            Method::PATCH,
            &format!("{}/{id}", contacts_path()),
            Some(&body),
            Retryable::Yes,
            RequestSize::Single,
        )
        .await
        .map(drop)
    }

    /// Moves a contact to the recycling bin, where it can be restored for 90 days. Succeeds if it is already gone.
    ///
    /// # Errors
    /// No usable response.
    pub async fn delete_contact(&self, id: &str) -> Result<(), VendorError> {
        match self
            .request_json(
                Method::DELETE,
                &format!("{}/{id}", contacts_path()),
                None,
                Retryable::Yes,
                RequestSize::Single,
            )
            .await
        {
            Err(error) if error.failure == VendorFailure::NotFound => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// The contacts that have all of these values according to the search index; at most one page of them.
    ///
    /// # Errors
    /// No usable response.
    pub async fn search_contacts(
        &self,
        all_of: &[(&str, &str)],
        properties: &[&str],
    ) -> Result<Vec<CrmContact>, VendorError> {
        let filters: Vec<Value> = all_of
            .iter()
            .map(|(property, value)| json!({ "propertyName": property, "operator": "EQ", "value": value }))
            .collect();
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": "createdate", "direction": "ASCENDING" }],
            "properties": properties,
            "limit": PAGE,
            "after": "0",
        });
        let path = format!("{}/search", contacts_path());
        let answer = self.request_json(Method::POST, &path, Some(&body), Retryable::Yes, RequestSize::Single).await?;
        let found =
            answer.get("results").and_then(Value::as_array).ok_or_else(|| undocumented_response("POST", &path))?;
        Ok(found.iter().filter_map(parse_contact).collect())
    }
}

fn contacts_path() -> String {
    format!("/crm/objects/{HUBSPOT_API_VERSION}/contacts")
}

fn contact_id(contact: &Value) -> Option<String> {
    contact.get("id").and_then(Value::as_str).map(ToOwned::to_owned)
}

fn parse_contact(contact: &Value) -> Option<CrmContact> {
    if contact.get("archived").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let members = |name: &str| contact.get(name).and_then(Value::as_object).into_iter().flatten();
    let past = |values: &Value| {
        let values = values.as_array().into_iter().flatten();
        values.filter_map(|past| text(past.get("value")?)).collect()
    };
    Some(CrmContact {
        id: contact_id(contact)?,
        properties: members("properties").filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
        history: members("propertiesWithHistory").map(|(name, values)| (name.clone(), past(values))).collect(),
    })
}

fn undocumented_response(method: &str, path: &str) -> VendorError {
    VendorError {
        request: format!("{method} {path}"),
        failure: VendorFailure::Unavailable(200),
        message: "the response doesn't have the documented format".to_owned(),
        correlation_id: String::new(),
    }
}
