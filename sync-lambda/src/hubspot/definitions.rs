//! Definitions of contact properties, as far as a run needs them.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{CallPatience, SyncHubSpotClient, wire};
use crate::error::RunError;

/// A contact property.
#[derive(Debug, Clone, Deserialize)]
pub struct WireProperty {
    /// The internal name.
    pub name: String,
    /// Whether it was deleted; HubSpot keeps it for a while.
    #[serde(default)]
    pub archived: bool,
    /// The allowed values, for types that have options.
    #[serde(default)]
    pub options: Vec<WireOption>,
}

/// An allowed value.
#[derive(Debug, Clone, Deserialize)]
pub struct WireOption {
    /// What people see.
    pub label: String,
    /// What is stored.
    pub value: String,
}

#[derive(Debug, Deserialize)]
struct PropertyList {
    results: Vec<WireProperty>,
}

impl SyncHubSpotClient {
    /// The portal's contact properties, without archived and sensitive ones; `None` if the token may not read them. To
    /// be called only after the token was accepted elsewhere.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn list_properties(&self) -> Result<Option<Vec<WireProperty>>, RunError> {
        match self.request_json::<PropertyList>(CallPatience::Work, Method::GET, &wire::properties_path(), None).await {
            Ok(list) => Ok(Some(list.results.into_iter().filter(|property| !property.archived).collect())),
            // A venue's token needs no scope for properties.
            Err(RunError::Credential { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A property by its name, also one that the list leaves out because it is sensitive; `None` if it doesn't exist, or
    /// this token can't read it.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn find_property(&self, name: &str) -> Result<Option<WireProperty>, RunError> {
        let path = format!("{}/{name}", wire::properties_path());
        for query in ["", "?dataSensitivity=sensitive", "?dataSensitivity=highly_sensitive"] {
            let answer =
                self.request_json::<Value>(CallPatience::Work, Method::GET, &format!("{path}{query}"), None).await;
            match answer.map(WireProperty::deserialize) {
                Ok(Ok(property)) => return Ok(Some(property).filter(|property| !property.archived)),
                // A portal or a token without sensitive data refuses to be asked for it.
                Ok(Err(_)) | Err(RunError::Refused { .. } | RunError::Credential { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
