//! Whether what is deployed differs from the manifest: a plan from lists, without a build. The code counts as the right
//! one, because only a build could tell.

use std::collections::BTreeMap;

use super::super::shared::reconcile::reconciler;
use super::super::shared::session::Session;
use deployer_core::desired::derive_desired;
use deployer_core::manifest::Venue;
use deployer_core::plan::plan;
use deployer_core::snapshot::Snapshot;
use deployer_health::status::DriftFindings;
use deployer_reconcile::ReadDepth;
use deployer_reconcile::apply::ApplyOptions;
use deployer_reconcile::portal::PortalAccess;

/// Compares the venues with the manifest. Changes nothing, and needs no artifact.
pub(super) async fn compare_with_manifest(session: &Session) -> DriftFindings {
    let portal = PortalAccess::not_needed();
    let reconciler = reconciler(session, &portal, ApplyOptions::default());
    let unknown_code = derive_desired(session.manifest(), &session.scope, |_| String::new());
    let snapshot = match reconciler.observe_desired(&unknown_code, ReadDepth::Lists).await {
        Ok(snapshot) => snapshot,
        Err(error) => return DriftFindings::Unknown(error.to_string()),
    };
    let desired = derive_desired(session.manifest(), &session.scope, |venue| live_code(&snapshot, venue));
    let plan = plan(&desired, &snapshot, &[]);
    // What is unknown may differ, so a count would be too low.
    if let Some(unreadable) = plan.unreadable.first() {
        return DriftFindings::Unknown(unreadable.reason.clone());
    }
    let mut changes: BTreeMap<String, u64> = BTreeMap::new();
    for change in &plan.changes {
        *changes.entry(change.address.venue.clone()).or_default() += 1;
    }
    DriftFindings::Compared(changes)
}

/// The hash of the code that the venue's function has.
fn live_code(snapshot: &Snapshot, venue: &Venue) -> String {
    let function = snapshot.venues.get(&venue.name).and_then(|stack| stack.function.as_present());
    function.map(|function| function.configuration.code_sha256.clone()).unwrap_or_default()
}
