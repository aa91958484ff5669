//! Definitions of contact properties and property groups.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sync_lambda::hubspot::VERSION;

use super::hubspot::{Again, HubSpot, undocumented};
use super::{VendorError, VendorFailure};
use deployer_core::property::Property;

impl HubSpot {
    /// All contact properties except archived ones.
    ///
    /// # Errors
    /// No usable response.
    pub async fn properties(&self) -> Result<Vec<Property>, VendorError> {
        let path = list();
        let answer = self.get(&path).await?;
        let results = answer.get("results").map(Vec::<Property>::deserialize);
        results.and_then(Result::ok).ok_or_else(|| undocumented(&Method::GET, &path))
    }

    /// The contact property with this name, if there is one that isn't archived.
    ///
    /// # Errors
    /// No usable response.
    pub async fn property(&self, name: &str) -> Result<Option<Property>, VendorError> {
        let path = one(name);
        match found(self.get(&path).await)? {
            Some(answer) => Property::deserialize(answer).map(Some).map_err(|_| undocumented(&Method::GET, &path)),
            None => Ok(None),
        }
    }

    /// Whether a group with this name exists.
    ///
    /// # Errors
    /// No usable response.
    pub async fn has_property_group(&self, name: &str) -> Result<bool, VendorError> {
        Ok(found(self.get(&format!("{}/groups/{name}", list())).await)?.is_some())
    }

    /// Creates a group. Succeeds if it already exists.
    ///
    /// # Errors
    /// No usable response.
    pub async fn create_property_group(&self, name: &str, label: &str) -> Result<(), VendorError> {
        let body = json!({ "name": name, "label": label, "displayOrder": -1 });
        match self.call(Method::POST, &format!("{}/groups", list()), Some(&body), Again::Yes).await {
            Err(VendorError { failure: VendorFailure::Conflict, .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Creates a property. HubSpot doesn't document what happens if an archived property has the same name.
    ///
    /// # Errors
    /// No usable response; [`VendorFailure::Conflict`] if the property already exists.
    pub async fn create_property(&self, property: &Property) -> Result<(), VendorError> {
        // Safe to retry: a second create is a conflict, not a duplicate.
        self.call(Method::POST, &list(), Some(&json!(property)), Again::Yes).await.map(drop)
    }

    /// Updates the property with this name to this definition.
    ///
    /// # Errors
    /// No usable response.
    pub async fn update_property(&self, property: &Property) -> Result<(), VendorError> {
        let mut body = json!(property);
        if let Value::Object(members) = &mut body {
            members.remove("name");
        }
        self.call(Method::PATCH, &one(&property.name), Some(&body), Again::Yes).await.map(drop)
    }

    /// Archives a property. HubSpot keeps it and its values for 90 days, during which it can be restored.
    ///
    /// # Errors
    /// No usable response.
    pub async fn archive_property(&self, name: &str) -> Result<(), VendorError> {
        self.call(Method::DELETE, &one(name), None, Again::Yes).await.map(drop)
    }
}

fn list() -> String {
    format!("/crm/properties/{VERSION}/contacts")
}

fn one(name: &str) -> String {
    format!("{}/{name}", list())
}

/// Turns a 404 into `None`.
fn found(answer: Result<Value, VendorError>) -> Result<Option<Value>, VendorError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(VendorError { failure: VendorFailure::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
