//! What companies demand, on the embedded cloud: an apply that dies at any call leaves nothing behind that the next ones
//! don't mend.
//!
//! Tags are set and removed on every cloud (`stories`). The rest isn't: moto ignores `KMSKeyArn` and `TracingConfig` of an
//! update and never returns `DeadLetterConfig`, and ministack wants the queue to exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deployer_cloud::{ApiError, CloudCall, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::naming::TAG_DECLARED;

use crate::scenarios::{check_crashes, new_world};
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

/// Everything that a company can demand.
fn strict_manifest() -> String {
    declaring_manifest(
        "tags = { CostCenter = \"4711\" }\n\
         permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"\n\
         kms_key = \"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"",
        "vpc = { subnet_ids = [\"subnet-b\", \"subnet-a\"], security_group_ids = [\"sg-a\"] }\n\
         tracing = \"active\"\n\
         dead_letter = \"arn:aws:sqs:us-east-1:123456789012:failed\"",
    )
}

/// What nobody would have without a company's rules is gone.
async fn assert_plain(world: &World) {
    for keys in all_tags(world).await {
        assert!(keys.iter().all(|key| key.starts_with("deployer:") && key != TAG_DECLARED), "{keys:?}");
    }
    let mut plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    plan.changes.retain(|change| change.address.venue == "a");
    assert_eq!((plan.changes, plan.findings), (Vec::new(), Vec::new()));
}

/// Declares everything for a venue that exists, and nothing again.
#[tokio::test]
async fn everything_that_a_company_demands_survives_a_crash_at_any_call() {
    let only_a = |text: String| text[..text.find("[venues.b]").expect("the manifest has b")].to_owned();
    let plain = only_a(two_venue_manifest("sync"));
    let stories = [plain.clone(), only_a(strict_manifest()), plain];
    check_crashes(&stories, async |_: &EmbeddedCloud, world: &World| assert_plain(world).await).await;
}

#[tokio::test]
async fn everything_that_a_company_demands_is_created_at_once() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&strict_manifest());
    world.converge(&desired).await;
    cloud.forget_calls();
    let outcome = world.apply(&desired).await;
    assert_eq!((outcome.done, cloud.recorded_writes()), (Vec::new(), Vec::new()), "a second apply writes nothing");
    let function =
        world.aws.lambda.get_function_configuration().function_name("sync-a").send().await.expect("it exists");
    assert!(function.kms_key_arn().is_some_and(|key| key.starts_with("arn:aws:kms:")));
    assert_eq!(function.vpc_config().map(|vpc| vpc.subnet_ids().len()), Some(2));
    assert_eq!(function.tracing_config().and_then(|tracing| tracing.mode()).map(|mode| mode.as_str()), Some("Active"));
    assert!(function.dead_letter_config().is_some_and(|letters| letters.target_arn().is_some()));
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    assert_plain(&world).await;
}

/// IAM needs a while until Lambda sees that a role may use a network.
#[tokio::test]
async fn waits_until_the_role_may_use_the_network() {
    let (cloud, world) = new_world().await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    let words = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2";
    let refusals = AtomicU64::new(0);
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let hit = call.operation == "UpdateFunctionConfiguration" && refusals.fetch_add(1, Ordering::SeqCst) < 3;
        let error = ApiError::bad_request("InvalidParameterValueException", words);
        hit.then_some(InjectedFault::Before(CloudFault::Error(error)))
    })));
    world.converge(&world.desired_from(&strict_manifest())).await;
}

/// CloudWatch Logs uses a key itself, and says only that it may not.
#[tokio::test]
async fn a_key_that_logs_may_not_use_is_refused_with_the_statement_that_it_needs() {
    let (cloud, world) = new_world().await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    let words = "The specified KMS Key Id could not be found or is not allowed to be used with the log group.";
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let error = ApiError::bad_request("InvalidParameterException", words);
        (call.operation == "AssociateKmsKey").then_some(InjectedFault::Before(CloudFault::Error(error)))
    })));
    let outcome = world.apply(&world.desired_from(&strict_manifest())).await;
    let (_, error) = outcome.failed.first().expect("the key is refused");
    let hint = error.hint().expect("a hint");
    let statement = hint.split_once(": {").map(|(_, statement)| format!("{{{statement}")).expect("a statement");
    let statement: serde_json::Value = serde_json::from_str(&statement).expect("valid JSON");
    assert_eq!(statement["Principal"]["Service"], "logs.us-east-1.amazonaws.com");
    assert_eq!(
        statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"],
        world.scope.regional_arn("logs", "log-group:/aws/lambda/sync-*")
    );
}
