//! Definitions of contact properties and property groups.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::hubspot::{HubSpotClient, RequestSize, Retryable, undocumented_response};
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
            .request_json(
                Method::POST,
                &format!("{}/groups", properties_path()),
                Some(&body),
                Retryable::Yes,
                RequestSize::Single,
            )
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
        self.request_json(Method::POST, &properties_path(), Some(&json!(property)), Retryable::Yes, RequestSize::Single)
            .await
            .map(drop)
    }

    /// Creates several properties with one request, at most [`PROPERTIES_A_REQUEST`](deployer_core::property::PROPERTIES_A_REQUEST).
    /// Returns what became of each, by name.
    ///
    /// A property that isn't in the answer has to be created by itself to learn why it wasn't: HubSpot answers a batch of which a
    /// part fails with 207 and errors that needn't name a property, or refuses the whole batch for the sake of one. A
    /// property that exists with this mark counts as created: an attempt whose answer was lost made it.
    pub async fn create_properties(
        &self,
        properties: &[&ContactProperty],
    ) -> BTreeMap<String, Result<(), VendorError>> {
        let path = format!("{}/batch/create", properties_path());
        let body = json!({ "inputs": properties });
        // Safe to retry: a property that exists isn't created again.
        let mut made: BTreeSet<String> =
            match self.request_json(Method::POST, &path, Some(&body), Retryable::Yes, RequestSize::Batch).await {
                Ok(answer) => {
                    let results = answer.get("results").and_then(Value::as_array).into_iter().flatten();
                    results.filter_map(|result| Some(result.get("name")?.as_str()?.to_owned())).collect()
                }
                // For the sake of one of them, or by something that doesn't know batches.
                Err(VendorError {
                    failure: VendorFailure::Conflict | VendorFailure::NotFound | VendorFailure::Refused(_),
                    ..
                }) => BTreeSet::new(),
                Err(error) => {
                    return properties.iter().map(|property| (property.name.clone(), Err(error.clone()))).collect();
                }
            };
        if properties.iter().any(|property| !made.contains(&property.name)) {
            let live = self.list_properties().await.unwrap_or_default();
            let live: BTreeMap<&str, &ContactProperty> =
                live.iter().map(|property| (property.name.as_str(), property)).collect();
            let ours = properties
                .iter()
                .filter(|wanted| live.get(wanted.name.as_str()).is_some_and(|property| property.has_mark_of(wanted)));
            made.extend(ours.map(|property| property.name.clone()));
        }
        made.into_iter().map(|name| (name, Ok(()))).collect()
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
        self.request_json(
            Method::PATCH,
            &property_path(&property.name),
            Some(&body),
            Retryable::Yes,
            RequestSize::Single,
        )
        .await
        .map(drop)
    }

    /// Archives a property. HubSpot keeps it and its values for 90 days, during which it can be restored.
    ///
    /// # Errors
    /// No usable response.
    pub async fn archive_property(&self, name: &str) -> Result<(), VendorError> {
        self.request_json(Method::DELETE, &property_path(name), None, Retryable::Yes, RequestSize::Single)
            .await
            .map(drop)
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
