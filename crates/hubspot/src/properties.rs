//! The definitions of contact properties and their groups.
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
    /// All contact properties but archived ones.
    ///
    /// # Errors
    /// No usable answer.
    pub async fn properties(&self) -> Result<Vec<Property>, VendorError> {
        let path = list();
        let answer = self.get(&path).await?;
        let results = answer.get("results").map(Vec::<Property>::deserialize);
        results.and_then(Result::ok).ok_or_else(|| undocumented(&Method::GET, &path))
    }

    /// A contact property, if there is one of this name that isn't archived.
    ///
    /// # Errors
    /// No usable answer.
    pub async fn property(&self, name: &str) -> Result<Option<Property>, VendorError> {
        let path = one(name);
        match found(self.get(&path).await)? {
            Some(answer) => Property::deserialize(answer).map(Some).map_err(|_| undocumented(&Method::GET, &path)),
            None => Ok(None),
        }
    }

    /// Whether there is a group of this name.
    ///
    /// # Errors
    /// No usable answer.
    pub async fn has_property_group(&self, name: &str) -> Result<bool, VendorError> {
        Ok(found(self.get(&format!("{}/groups/{name}", list())).await)?.is_some())
    }

    /// Makes a group, or finds it made.
    ///
    /// # Errors
    /// No usable answer.
    pub async fn create_property_group(&self, name: &str, label: &str) -> Result<(), VendorError> {
        let body = json!({ "name": name, "label": label, "displayOrder": -1 });
        match self.call(Method::POST, &format!("{}/groups", list()), Some(&body), Again::Yes).await {
            Err(VendorError { failure: VendorFailure::Conflict, .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes a property. What HubSpot does where an archived one has the name is not documented.
    ///
    /// # Errors
    /// No usable answer; [`VendorFailure::Conflict`] where it is there.
    pub async fn create_property(&self, property: &Property) -> Result<(), VendorError> {
        // Made twice it isn't: the second is a conflict.
        self.call(Method::POST, &list(), Some(&json!(property)), Again::Yes).await.map(drop)
    }

    /// Makes a property of this name be so.
    ///
    /// # Errors
    /// No usable answer.
    pub async fn update_property(&self, property: &Property) -> Result<(), VendorError> {
        let mut body = json!(property);
        if let Value::Object(members) = &mut body {
            members.remove("name");
        }
        self.call(Method::PATCH, &one(&property.name), Some(&body), Again::Yes).await.map(drop)
    }

    /// Archives a property. HubSpot keeps it and its values for 90 days, in which it can be restored.
    ///
    /// # Errors
    /// No usable answer.
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

/// Turns "it isn't there" into `None`.
fn found(answer: Result<Value, VendorError>) -> Result<Option<Value>, VendorError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(VendorError { failure: VendorFailure::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
