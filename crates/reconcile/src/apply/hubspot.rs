//! HubSpot calls.

use super::Executor;
use deployer_aws::CallError;
use deployer_core::plan::{HubSpotOperation, ServiceOperation};
use deployer_core::property::ContactProperty;
use deployer_hubspot::HubSpotClient;

impl Executor<'_> {
    pub(super) async fn call_hubspot(&self, operation: &HubSpotOperation) -> Result<(), CallError> {
        let (hubspot, call) = (self.hubspot_client(operation.call_name())?, operation.call_name());
        let done = match operation {
            HubSpotOperation::CreatePropertyGroup { group, label } => {
                // Several concurrent properties may each come first.
                self.property_group.get_or_try_init(|| hubspot.create_property_group(group, label)).await.map(drop)
            }
            HubSpotOperation::CreateProperty { property } => {
                self.property_batches.create_property(hubspot, property).await
            }
            HubSpotOperation::UpdateProperty { property } => hubspot.update_property(property).await,
            HubSpotOperation::ArchiveProperty { property } => hubspot.archive_property(property).await,
        };
        done.map_err(|error| error.into_call_error(call))
    }

    /// Whether something that exists, although the plan found none, counts as created.
    pub(super) async fn takes_over_in_hubspot(&self, operation: &HubSpotOperation) -> Result<bool, CallError> {
        match operation {
            HubSpotOperation::CreateProperty { property } => self.owns_property(property).await,
            HubSpotOperation::CreatePropertyGroup { .. }
            | HubSpotOperation::UpdateProperty { .. }
            | HubSpotOperation::ArchiveProperty { .. } => Ok(false),
        }
    }

    /// Whether a property is ours, by the mark in its description. The next plan finds what else differs.
    async fn owns_property(&self, property: &ContactProperty) -> Result<bool, CallError> {
        const CALL: &str = "hubspot:GetProperty";
        let live = self
            .hubspot_client(CALL)?
            .read_property(&property.name)
            .await
            .map_err(|error| error.into_call_error(CALL))?;
        match live {
            Some(live) => Ok(live.has_mark_of(property)),
            None => Err(CallError::unexpected(
                CALL,
                format!(
                    "HubSpot says that {} exists but doesn't list it. Restore the archived property of that name \
                     (Settings, Properties, Archived properties) and run the same command again",
                    property.name
                ),
            )),
        }
    }

    fn hubspot_client(&self, call: &'static str) -> Result<&HubSpotClient, CallError> {
        self.inputs.hubspot.as_deref().ok_or_else(|| CallError::unexpected(call, "there is no HubSpot token"))
    }
}
