//! A portal's workflows, which need the scope `automation`.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/automation/workflows/guide>

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::{HubSpotClient, VendorError, VendorFailure};

/// The path of workflows in the API before dated versions, which ends on 2027-03-30.
const UNDATED_PATH: &str = "/automation/v4/flows";

/// Where a portal's workflows are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowsPath(String);

impl WorkflowsPath {
    /// The path in the current version of the API.
    pub fn dated() -> Self {
        Self(format!("/automation/{HUBSPOT_API_VERSION}/flows"))
    }

    /// The path in the API before dated versions.
    pub fn undated() -> Self {
        Self(UNDATED_PATH.to_owned())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HubSpotClient {
    /// The first page of the workflows, at most `limit`, and where it was found: in the current version of the API, or,
    /// where that doesn't have workflows, in the one before.
    ///
    /// # Errors
    /// No usable response.
    pub async fn find_workflows(&self, limit: u32) -> Result<(WorkflowsPath, Value), VendorError> {
        let dated = WorkflowsPath::dated();
        match self.workflows_page(&dated, limit, None).await {
            Ok(page) => Ok((dated, page)),
            Err(error) if error.failure == VendorFailure::NotFound => {
                let undated = WorkflowsPath::undated();
                let page = self.workflows_page(&undated, limit, None).await?;
                Ok((undated, page))
            }
            Err(error) => Err(error),
        }
    }

    /// A page of the workflows: the first, or the one at `after`.
    ///
    /// # Errors
    /// No usable response.
    pub async fn workflows_page(
        &self,
        path: &WorkflowsPath,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Value, VendorError> {
        let after = after.map(|after| format!("&after={}", utf8_percent_encode(after, NON_ALPHANUMERIC)));
        self.get_json(&format!("{}?limit={limit}{}", path.0, after.unwrap_or_default())).await
    }

    /// One workflow with its actions.
    ///
    /// # Errors
    /// No usable response.
    pub async fn read_workflow(&self, path: &WorkflowsPath, id: &str) -> Result<Value, VendorError> {
        self.get_json(&format!("{}/{}", path.0, utf8_percent_encode(id, NON_ALPHANUMERIC))).await
    }
}
