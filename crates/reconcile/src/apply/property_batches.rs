//! Creates contact properties many at a time. In the plan each is a change of its own venue, and stays one: the first that is
//! to be created takes the next ones of the plan along, and theirs succeed without a request.

use std::collections::BTreeMap;

use deployer_core::plan::{Change, HubSpotOperation, Operation, Plan};
use deployer_core::property::{ContactProperty, PROPERTIES_A_REQUEST};
use deployer_hubspot::{HubSpotClient, VendorError};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::tries_new_code;

/// The properties that a plan creates, divided among requests.
pub(super) struct PropertyBatches<'p> {
    batches: Vec<PropertyBatch<'p>>,
    /// The batch of each property, by name.
    places: BTreeMap<&'p str, usize>,
}

#[derive(Default)]
struct PropertyBatch<'p> {
    properties: Vec<&'p ContactProperty>,
    /// What became of each, until it is asked for.
    answers: OnceCell<Mutex<BTreeMap<String, Result<(), VendorError>>>>,
}

impl<'p> PropertyBatches<'p> {
    /// The properties of the venue that tries new code are a batch of their own, since nothing of another venue may exist before it
    /// succeeded.
    pub(super) fn from_plan(plan: &'p Plan) -> Self {
        let canary = plan.canary.as_deref();
        let tries = plan.changes.iter().any(|change| canary == Some(&change.address.venue) && tries_new_code(change));
        let is_canary = |change: &Change| tries && canary == Some(&change.address.venue);
        let (canary, others): (Vec<&Change>, Vec<&Change>) = plan.changes.iter().partition(|change| is_canary(change));
        let created = [canary, others].map(|changes| {
            let operations = changes.into_iter().flat_map(|change| &change.operations);
            let created = operations.filter_map(|operation| match operation {
                Operation::HubSpot(HubSpotOperation::CreateProperty { property }) => Some(property),
                _ => None,
            });
            created.collect::<Vec<&ContactProperty>>()
        });
        let batches = created.iter().flat_map(|properties| properties.chunks(PROPERTIES_A_REQUEST));
        let batches: Vec<PropertyBatch<'p>> =
            batches.map(|properties| PropertyBatch { properties: properties.to_vec(), ..Default::default() }).collect();
        let numbered = batches.iter().enumerate();
        let places =
            numbered.flat_map(|(at, batch)| batch.properties.iter().map(move |property| (&*property.name, at)));
        Self { places: places.collect(), batches }
    }

    /// Creates a property of the plan, with the others of its batch unless they were created before.
    ///
    /// # Errors
    /// No usable response; [`deployer_hubspot::VendorFailure::Conflict`] if the property already exists.
    pub(super) async fn create_property(
        &self,
        hubspot: &HubSpotClient,
        property: &ContactProperty,
    ) -> Result<(), VendorError> {
        let batch = self.places.get(property.name.as_str()).and_then(|at| self.batches.get(*at));
        let several = batch.filter(|batch| batch.properties.len() > 1);
        let Some(batch) = several else { return hubspot.create_property(property).await };
        let create = || async { Mutex::new(hubspot.create_properties(&batch.properties).await) };
        let answered = batch.answers.get_or_init(create).await.lock().remove(&property.name);
        match answered {
            Some(answer) => answer,
            // The batch didn't settle it, or it failed and this is a retry.
            None => hubspot.create_property(property).await,
        }
    }
}
