//! What lets a rule invoke its function: the venue's role, and a permission in earlier versions.

use deployer_cloud::EmbeddedCloud;
use serde_json::Value;

use crate::scenarios::{die_after_write, new_world};
use crate::world::{World, describe_actions, two_venue_manifest};

const RULE: &str = "sync-a-schedule";

/// Why the rule can't invoke its targets, as AWS would decide it.
fn refusals(cloud: &EmbeddedCloud) -> Vec<String> {
    cloud.with_context(|cx| cx.refused_targets(RULE)).expect("the state is readable")
}

/// Leaves venue a as an earlier version made it: with a permission, and without a role of the rule.
async fn go_back(cloud: &EmbeddedCloud, world: &World) {
    let request = world.aws.lambda.add_permission().function_name("sync-a").qualifier("live");
    let request = request.statement_id("deployer-schedule").action("lambda:InvokeFunction");
    let request = request.principal("events.amazonaws.com").source_account("123456789012");
    let request = request.source_arn(world.scope.regional_arn("events", &format!("rule/{RULE}")));
    request.send().await.expect("added");
    let without = |text: &str, unwanted: &str| {
        let mut document: Value = serde_json::from_str(text).expect("valid JSON");
        let statements = document["Statement"].as_array_mut().expect("a list");
        statements.retain(|statement| !statement.to_string().contains(unwanted));
        document.to_string()
    };
    cloud
        .with_context(|cx| {
            let target = cx.region_state_mut().events.rules.get_mut(RULE).expect("a rule").targets.get_mut("sync");
            target.expect("a target").as_object_mut().expect("an object").remove("RoleArn");
            let role = cx.state.iam.roles.get_mut("sync-a-role").expect("a role");
            role.trust = without(&role.trust, "events.amazonaws.com");
            for policy in role.inline.values_mut() {
                *policy = without(policy, "StartOwnRuns");
            }
        })
        .expect("the state is writable");
}

#[tokio::test]
async fn a_rule_may_invoke_its_own_function_and_depends_on_the_role() {
    let (cloud, world) = new_world().await;
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    assert_eq!(refusals(&cloud), [""; 0]);
    // The trust names this rule alone.
    cloud
        .with_context(|cx| {
            let role = cx.state.iam.roles.get_mut("sync-a-role").expect("a role");
            role.trust = role.trust.replace(RULE, "sync-b-schedule");
        })
        .expect("the state is writable");
    assert!(refusals(&cloud)[0].contains("can't assume the role"), "{:?}", refusals(&cloud));
}

/// Broken off after every call that writes, the rule can invoke the function, and the next apply completes it.
#[tokio::test]
async fn changing_over_never_leaves_a_rule_without_a_right() {
    for broken_off_after in 0..9 {
        let (cloud, world) = new_world().await;
        let desired = world.desired_from(&two_venue_manifest("sync"));
        world.converge(&desired).await;
        go_back(&cloud, &world).await;
        assert_eq!(refusals(&cloud), [""; 0]);
        let changes = ["a/role Update", "a/target Update", "a/permission Delete"];
        assert_eq!(describe_actions(&world.plan(&desired).await), changes);
        die_after_write(&cloud, broken_off_after);
        drop(world.try_apply(&desired).await);
        cloud.set_faults(None);
        assert_eq!(refusals(&cloud), [""; 0], "after {broken_off_after} calls");
        world.converge(&desired).await;
        assert_eq!(refusals(&cloud), [""; 0], "after {broken_off_after} calls and another apply");
    }
}
