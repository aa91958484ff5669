//! Definitions of contact properties and property groups.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::hubspot::{HubSpotClient, Retryable, undocumented_response};
use super::{VendorError, VendorFailure};
use deployer_core::property::ContactProperty;

/// HubSpot's id of the type of contacts (<https://developers.hubspot.com/docs/guides/crm/understanding-the-crm#object-type-ids>).
const CONTACT_TYPE_ID: &str = "0-1";

/// The custom properties of contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertyLimits {
    /// How many there are.
    pub used: u64,
    /// How many there may be.
    pub limit: u64,
}

impl HubSpotClient {
    /// All contact properties except archived ones.
    ///
    /// # Errors
    /// No usable response.
    pub async fn list_properties(&self) -> Result<Vec<ContactProperty>, VendorError> {
        let path = properties_path();
        let answer = self.get_json(&path).await?;
        let results = answer.get("results").map(Vec::<ContactProperty>::deserialize);
        results.and_then(Result::ok).ok_or_else(|| undocumented_response(&Method::GET, &path))
    }

    /// How many custom properties contacts have, and may have.
    ///
    /// <https://developers.hubspot.com/docs/api-reference/latest/crm/limits-tracking/get-custom-properties>
    ///
    /// # Errors
    /// No usable response.
    pub async fn read_property_limits(&self) -> Result<PropertyLimits, VendorError> {
        let path = format!("/crm/limits/{HUBSPOT_API_VERSION}/custom-properties");
        let answer = self.get_json(&path).await?;
        let objects = answer["byObjectType"].as_array().into_iter().flatten();
        let contacts = objects.filter(|object| object["objectTypeId"] == CONTACT_TYPE_ID).find_map(|object| {
            Some(PropertyLimits { used: object["usage"].as_u64()?, limit: object["limit"].as_u64()? })
        });
        contacts.ok_or_else(|| undocumented_response(&Method::GET, &path))
    }

    /// The contact property with this name, if there is one that isn't archived.
    ///
    /// # Errors
    /// No usable response.
    pub async fn read_property(&self, name: &str) -> Result<Option<ContactProperty>, VendorError> {
        let path = property_path(name);
        match none_if_missing(self.get_json(&path).await)? {
            Some(answer) => {
                ContactProperty::deserialize(answer).map(Some).map_err(|_| undocumented_response(&Method::GET, &path))
            }
            None => Ok(None),
        }
    }

    /// Whether a group with this name exists.
    ///
    /// # Errors
    /// No usable response.
    pub async fn has_property_group(&self, name: &str) -> Result<bool, VendorError> {
        Ok(none_if_missing(self.get_json(&format!("{}/groups/{name}", properties_path())).await)?.is_some())
    }

    /// Creates a group. Succeeds if it already exists.
    ///
    /// # Errors
    /// No usable response.
    pub async fn create_property_group(&self, name: &str, label: &str) -> Result<(), VendorError> {
        let body = json!({ "name": name, "label": label, "displayOrder": -1 });
        match self
            .request_json(Method::POST, &format!("{}/groups", properties_path()), Some(&body), Retryable::Yes)
            .await
        {
            Err(VendorError { failure: VendorFailure::Conflict, .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Creates a property. HubSpot doesn't document what happens if an archived property has the same name.
    ///
    /// # Errors
    /// No usable response; [`VendorFailure::Conflict`] if the property already exists.
    pub async fn create_property(&self, property: &ContactProperty) -> Result<(), VendorError> {
        // Safe to retry: a second create is a conflict, not a duplicate.
        self.request_json(Method::POST, &properties_path(), Some(&json!(property)), Retryable::Yes).await.map(drop)
    }

    /// Updates the property with this name to this definition.
    ///
    /// # Errors
    /// No usable response.
    pub async fn update_property(&self, property: &ContactProperty) -> Result<(), VendorError> {
        let mut body = json!(property);
        if let Value::Object(members) = &mut body {
            members.remove("name");
        }
        self.request_json(Method::PATCH, &property_path(&property.name), Some(&body), Retryable::Yes).await.map(drop)
    }

    /// Archives a property. HubSpot keeps it and its values for 90 days, during which it can be restored.
    ///
    /// # Errors
    /// No usable response.
    pub async fn archive_property(&self, name: &str) -> Result<(), VendorError> {
        self.request_json(Method::DELETE, &property_path(name), None, Retryable::Yes).await.map(drop)
    }
}

fn properties_path() -> String {
    format!("/crm/properties/{HUBSPOT_API_VERSION}/contacts")
}

fn property_path(name: &str) -> String {
    format!("{}/{name}", properties_path())
}

/// Turns a 404 into `None`.
fn none_if_missing(answer: Result<Value, VendorError>) -> Result<Option<Value>, VendorError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(VendorError { failure: VendorFailure::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
