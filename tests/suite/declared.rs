//! What companies demand, on the embedded cloud: an apply that dies at any call leaves nothing behind that the next ones
//! don't mend.

use deployer_cloud::EmbeddedCloud;
use deployer_core::naming::TAG_DECLARED;

use crate::scenarios::check_crashes;
use crate::world::{World, two_venue_manifest};

/// The manifest with more lines in `[deployment]`, and with `[defaults]`.
pub fn declaring_manifest(deployment: &str, defaults: &str) -> String {
    let region = "region = \"us-east-1\"";
    let more = if defaults.is_empty() { String::new() } else { format!("\n[defaults]\n{defaults}\n") };
    two_venue_manifest("sync").replace(region, &format!("{region}\n{deployment}\n{more}"))
}

/// The tags of all that venue `a` has.
async fn all_tags(world: &World) -> Vec<Vec<String>> {
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let snapshot = world.observe(&desired).await;
    snapshot.venues["a"].resource_tags().map(|tags| tags.keys().cloned().collect()).collect()
}

#[tokio::test]
async fn tags_survive_a_crash_at_any_call() {
    let plain = two_venue_manifest("sync");
    let tagged = declaring_manifest("tags = { CostCenter = \"4711\", \"Data Class\" = \"internal\" }", "");
    let fewer = declaring_manifest("tags = { \"Data Class\" = \"public\" }", "");
    check_crashes(&[tagged, fewer, plain], async |_: &EmbeddedCloud, world: &World| {
        for keys in all_tags(world).await {
            assert!(keys.iter().all(|key| key.starts_with("deployer:") && key != TAG_DECLARED), "{keys:?}");
        }
    })
    .await;
}
