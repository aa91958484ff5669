//! Drift of what no attribute models: each member that somebody can change behind our back is seen by name, put back
//! where that is safe, and reported where it isn't.

pub mod cases;

use aws_sdk_secretsmanager::types::ReplicaRegionType;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::plan::{FindingKind, Plan};
use deployer_core::resource::Observed;
use serde_json::json;

use crate::processes::Site;
use crate::sdk::GeneratedClients as _;
use crate::world::{World, two_venue_manifest};
use cases::{DriftCase, FUNCTION, GROUP, SECRET, drift_cases, set_member};

pub async fn converged_world() -> (EmbeddedCloud, World) {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    (cloud, world)
}

/// `venue/kind action attribute` for each attribute that changes.
fn changed_attributes(plan: &Plan) -> Vec<String> {
    let of_change = |change: &deployer_core::plan::Change| {
        let head = format!("{} {:?}", change.address, change.action);
        change.attributes.iter().map(|attribute| format!("{head} {}", attribute.path)).collect::<Vec<_>>()
    };
    plan.changes.iter().flat_map(of_change).collect()
}

/// Whether a finding of this kind goes away when what the plan changes is applied.
fn is_fixed(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Failed => true,
        FindingKind::Stranger | FindingKind::DeletionRefused | FindingKind::LeftAlone => false,
    }
}

async fn check_case(case: &DriftCase) {
    let name = case.name;
    let (cloud, world) = converged_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    (case.change)(&world.aws, &cloud).await;
    let plan = world.plan(&desired).await;
    assert_eq!(changed_attributes(&plan), case.changed, "{name}");
    assert_eq!(plan.unreadable, [], "{name}");
    assert_eq!(plan.findings.len(), case.found.len(), "{name}: {:?}", plan.findings);
    for (finding, part) in plan.findings.iter().zip(case.found) {
        assert!(finding.text.contains(part) && finding.hint.is_some(), "{name}: {finding:?}");
    }
    cloud.forget_calls();
    let (outcome, _) = world.execute_plan(&plan).await;
    assert_eq!(outcome.failed, [], "{name}");
    if plan.changes.is_empty() {
        assert_eq!(cloud.recorded_writes(), [], "{name}");
    }
    let again = world.plan(&desired).await;
    assert_eq!(changed_attributes(&again), Vec::<String>::new(), "{name}: a second apply has nothing to do");
    let left: Vec<&str> = again.findings.iter().map(|finding| finding.text.as_str()).collect();
    // What a plan changes ends its findings, except those about what an apply leaves alone.
    let stays = |kind: FindingKind| case.changed.is_empty() || kind == FindingKind::LeftAlone;
    let staying = plan.findings.iter().filter(|finding| stays(finding.kind));
    let expected: Vec<&str> = staying.map(|finding| finding.text.as_str()).collect();
    assert_eq!(left, expected, "{name}");
    assert!(plan.findings.iter().all(|finding| !is_fixed(finding.kind) || !case.changed.is_empty()), "{name}");
}

#[tokio::test]
async fn sees_each_member_that_is_changed_behind_our_back() {
    let cases = drift_cases();
    for case in &cases {
        check_case(case).await;
    }
    let put_back = cases.iter().filter(|case| !case.changed.is_empty()).count();
    println!(
        "{} drifts tried, {} seen: {put_back} put back, {} reported with what to do",
        cases.len(),
        cases.len(),
        cases.len() - put_back
    );
}

#[tokio::test]
async fn other_aliases_and_tags_are_left_alone() {
    let (_cloud, world) = converged_world().await;
    let request = world.aws.lambda.create_alias().function_name(FUNCTION).name("live-2").function_version("1");
    request.send().await.expect("created");
    let resource = "arn:aws:lambda:us-east-1:123456789012:function:sync-a";
    world.aws.lambda.tag_resource().resource(resource).tags("cost-center", "7").send().await.expect("tagged");
    let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    assert_eq!((plan.changes, plan.findings, plan.notes), (Vec::new(), Vec::new(), Vec::new()));
}

#[tokio::test]
async fn an_unknown_member_is_a_note_and_never_a_write() {
    let (cloud, world) = converged_world().await;
    set_member(&cloud, "Novelty", json!({ "Mode": "On" }));
    let plan = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
    assert_eq!((plan.changes, plan.findings), (Vec::new(), Vec::new()));
    assert!(plan.notes.iter().any(|note| note.contains("Novelty")), "{:?}", plan.notes);
}

#[tokio::test]
async fn an_environment_that_cannot_be_decrypted_is_unreadable() {
    let (cloud, world) = converged_world().await;
    let error = json!({ "ErrorCode": "KMSAccessDeniedException", "Message": "Lambda was unable to decrypt" });
    for (member, value) in [
        ("Environment", json!({ "Error": error })),
        ("ImageConfigResponse", json!({ "Error": error })),
        ("RuntimeVersionConfig", json!({ "Error": error })),
    ] {
        set_member(&cloud, member, value);
        let desired = world.desired_from(&two_venue_manifest("sync"));
        for plan in [world.plan(&desired).await, world.plan_from_lists(&desired).await] {
            assert_eq!(plan.changes, [], "{member}");
            let reasons: Vec<&str> = plan.unreadable.iter().map(|unread| unread.reason.as_str()).collect();
            assert!(reasons.iter().any(|reason| reason.contains("KMSAccessDenied")), "{member}: {reasons:?}");
        }
        let remove = |cx: &mut deployer_cloud::CloudContext<'_>| {
            let function = cx.region_state_mut().lambda.functions.get_mut(FUNCTION).expect("it exists");
            function.configuration.others.remove(member);
        };
        cloud.with_context(remove).expect("the state is readable");
    }
}

#[tokio::test]
async fn what_cannot_be_deleted_stays_and_the_rest_goes() {
    let (_cloud, world) = converged_world().await;
    let replica = ReplicaRegionType::builder().region("eu-west-1").build();
    let request = world.aws.secrets.replicate_secret_to_regions().secret_id(SECRET);
    request.add_replica_regions(replica).send().await.expect("replicated");
    let request = world.aws.sdk().logs.put_log_group_deletion_protection().log_group_identifier(GROUP);
    request.deletion_protection_enabled(true).send().await.expect("put");
    let nothing = world.desired_nothing("sync");
    let plan = world.plan(&nothing).await;
    let refused: Vec<String> = plan.findings.iter().map(|finding| finding.address.to_string()).collect();
    assert_eq!(refused, ["a/log-group", "a/secret"]);
    let reconciled = world.try_apply(&nothing).await.expect("it isn't refused");
    assert_eq!(reconciled.code as u8, 4, "something is left");
    assert_eq!(reconciled.outcome.expect("it was carried out").failed, []);
    let after = world.observe(&nothing).await;
    let left = &after.venues["a"];
    assert!(matches!(left.function, Observed::Absent) && matches!(left.role, Observed::Absent), "{left:?}");
    assert!(left.secret.as_present().is_some() && left.log_group.as_present().is_some(), "{left:?}");
}

#[test]
fn drift_that_an_apply_leaves_alone_is_an_exit_code_of_its_own() {
    let site = Site::new();
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    const PLAN: [&str; 4] = ["plan", "--artifact", "bootstrap", "--detailed-exitcode"];
    assert_eq!(site.run_deployer(&PLAN).0, 0);
    set_member(&site.cloud, "Novelty", json!("new"));
    let (code, text) = site.run_deployer(&PLAN);
    assert_eq!(code, 0, "a member that isn't known: {text}");
    set_member(&site.cloud, "KMSKeyArn", json!("arn:aws:kms:us-east-1:123456789012:key/1"));
    let (code, text) = site.run_deployer(&PLAN);
    assert_eq!(code, 10, "{text}");
    assert!(text.contains("KMSKeyArn") && !text.contains("No changes."), "{text}");
    site.take_write_calls();
    let (code, text) = site.run_apply();
    assert_eq!((code, site.take_write_calls()), (0, Vec::new()), "{text}");
}

#[test]
fn access_for_strangers_comes_first() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    let open = |cx: &mut deployer_cloud::CloudContext<'_>| {
        let function = cx.region_state_mut().lambda.functions.get_mut(FUNCTION).expect("it exists");
        function.policies.entry("$LATEST".to_owned()).or_default().push(deployer_cloud::lambda::StoredStatement {
            sid: "public".to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            principal: "*".to_owned(),
            source_arn: None,
            source_account: None,
            url_auth_type: None,
        });
        function.configuration.memory_mb = 2048;
    };
    site.cloud.with_context(open).expect("the state is readable");
    let (_, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    let stranger = text.find("access for strangers:").unwrap_or_else(|| panic!("{text}"));
    assert!(stranger < text.find("memory_mb").unwrap_or_else(|| panic!("{text}")), "{text}");
    let (code, text) = site.run_deployer(&["verify", "--isolation"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("access for strangers:") && text.contains("everybody can call"), "{text}");
    let (code, text) = site.run_deployer(&["doctor", "--only", "aws"]);
    assert_ne!(code, 0, "{text}");
    assert!(text.contains("everybody can call"), "{text}");
}
