//! Quarantine: a disabled resource is deleted if nothing used it, and released if something called it.

use deployer_janitor::audit::NodeKind;
use deployer_janitor::decommission::TAG_QUARANTINE;
use deployer_janitor::decommission::journal::JournalStep;
use deployer_janitor::decommission::plan::{DecommissionAction, DecommissionPlan, PendingResources};
use deployer_janitor::decommission::restore;
use jiff::{SignedDuration, Timestamp};

use super::LegacyCloud;

use crate::sdk::GeneratedClients as _;

const DAYS: SignedDuration = SignedDuration::from_hours(24 * 14);

async fn quarantine_everything() -> (LegacyCloud, deployer_janitor::decommission::archive::Archive, Timestamp) {
    let legacy = LegacyCloud::new().await;
    let until = Timestamp::now() + DAYS;
    let plan = legacy.plan_everything(&legacy.stale_audit(), Some(until)).await;
    assert_eq!(plan.refusals, []);
    let mut archive = legacy.open_archive();
    let outcome = legacy.carry_out_plan(&plan, &mut archive).await;
    assert_eq!(outcome.failed, None);
    (legacy, archive, until)
}

async fn plan_pending(
    legacy: &LegacyCloud,
    archive: &deployer_janitor::decommission::archive::Archive,
    now: Timestamp,
) -> DecommissionPlan {
    let mut plan = DecommissionPlan::default();
    let cx = legacy.decommission_context();
    plan.add_pending(&cx, PendingResources::judge_archive(&cx, archive, now).await).await;
    plan
}

#[tokio::test]
async fn quarantine_disables_and_tags_resources() {
    let (legacy, archive, until) = quarantine_everything().await;
    let lambda = &legacy.aws.lambda;
    let function = lambda.get_function().function_name("legacy-push").send().await.expect("it exists");
    assert_eq!(function.concurrency().and_then(|reserved| reserved.reserved_concurrent_executions()), Some(0));
    let day = until.strftime("%Y-%m-%d").to_string();
    assert_eq!(function.tags().and_then(|tags| tags.get(TAG_QUARANTINE)), Some(&day));
    let mappings = lambda.list_event_source_mappings().function_name("legacy-push").send().await.expect("a list");
    assert_eq!(mappings.event_source_mappings()[0].state(), Some("Disabled"));
    let stage = legacy
        .aws
        .sdk()
        .apigateway
        .get_stage()
        .rest_api_id(&legacy.rest_api)
        .stage_name("prod")
        .send()
        .await
        .expect("a stage");
    let settings = stage.method_settings().and_then(|settings| settings.get("*/*")).expect("settings");
    assert_eq!((settings.throttling_rate_limit(), settings.throttling_burst_limit()), (0.0, 0));
    let tags = legacy.aws.sdk().sqs.list_queue_tags().queue_url(&legacy.queue_url).send().await.expect("tags");
    assert_eq!(tags.tags().and_then(|tags| tags.get(TAG_QUARANTINE)), Some(&day));
    let waiting = plan_pending(&legacy, &archive, Timestamp::now()).await;
    assert!(waiting.items.iter().all(|item| item.action == DecommissionAction::Wait { until }), "{waiting:?}");
    assert_eq!(waiting.items.len(), legacy.nodes.len());
}

#[tokio::test]
async fn deletes_unused_resources_when_the_quarantine_ends() {
    let (legacy, mut archive, until) = quarantine_everything().await;
    let plan = plan_pending(&legacy, &archive, until + SignedDuration::from_secs(1)).await;
    assert_eq!(plan.refusals, []);
    assert!(plan.items.iter().all(|item| item.action == DecommissionAction::DeleteQuiet), "{plan:?}");
    let outcome = legacy.carry_out_plan(&plan, &mut archive).await;
    assert_eq!(outcome.failed, None);
    assert!(legacy.read_all().await.is_empty());
    // A restore brings back the state from before the quarantine.
    let plan = restore::RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
    let (outcome, comparisons) =
        restore::carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons.len()), (None, legacy.nodes.len()));
    assert!(comparisons.iter().all(|comparison| comparison.differences.is_empty()), "{comparisons:?}");
}

#[tokio::test]
async fn releases_called_resources_and_keeps_what_they_need() {
    let (legacy, mut archive, until) = quarantine_everything().await;
    let call = legacy.aws.lambda.invoke().function_name("legacy-push").send().await;
    assert!(call.is_err(), "it is disabled");
    let plan = plan_pending(&legacy, &archive, until + SignedDuration::from_secs(1)).await;
    let function =
        plan.items.iter().find(|item| item.target.kind.node_kind() == NodeKind::Function).expect("the function");
    let DecommissionAction::Release { why } = &function.action else { panic!("{:?}", function.action) };
    assert!(why.starts_with("it was called "), "{why}");
    for kind in [NodeKind::Role, NodeKind::LogGroup] {
        let refusal = plan.refusals.iter().find(|refusal| refusal.id == legacy.node_id(kind)).expect("it is refused");
        assert!(refusal.why.contains("it stays in quarantine"), "{}", refusal.why);
    }
    let outcome = legacy.carry_out_plan(&plan, &mut archive).await;
    assert_eq!(outcome.failed, None);
    let function = legacy.aws.lambda.get_function().function_name("legacy-push").send().await.expect("it exists");
    assert_eq!(function.concurrency().and_then(|reserved| reserved.reserved_concurrent_executions()), Some(5));
    assert_eq!(function.tags().and_then(|tags| tags.get(TAG_QUARANTINE)), None);
    let mappings =
        legacy.aws.lambda.list_event_source_mappings().function_name("legacy-push").send().await.expect("a list");
    assert_eq!(mappings.event_source_mappings()[0].state(), Some("Enabled"));
    assert_eq!(archive.journal.last_step(&legacy.node_id(NodeKind::Function)), Some(&JournalStep::Released));
}

#[tokio::test]
async fn restore_releases_quarantined_resources() {
    let (legacy, mut archive, _) = quarantine_everything().await;
    let before = archive.manifest.entries.len();
    let plan = restore::RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
    assert!(plan.items.iter().all(|(_, action)| *action == restore::RestoreAction::Release), "{plan:?}");
    let (outcome, comparisons) =
        restore::carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons.len()), (None, before));
    for comparison in comparisons {
        assert_eq!(comparison.differences, [], "{}", comparison.id);
        assert_eq!(comparison.now, comparison.id, "nothing was recreated");
    }
}

#[tokio::test]
async fn keeps_what_was_changed_in_quarantine() {
    let (legacy, archive, until) = quarantine_everything().await;
    legacy.aws.events.enable_rule().name("legacy-nightly").send().await.expect("it is enabled");
    let plan = plan_pending(&legacy, &archive, until + SignedDuration::from_secs(1)).await;
    let rule =
        plan.refusals.iter().find(|refusal| refusal.id == legacy.node_id(NodeKind::Rule)).expect("it is refused");
    assert!(rule.why.starts_with("somebody changed it in quarantine"), "{}", rule.why);
    // What it calls stays, too.
    assert!(plan.refusals.iter().any(|refusal| refusal.id == legacy.node_id(NodeKind::Function)), "{plan:?}");
}
