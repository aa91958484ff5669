//! What no attribute models: each member of each answer's table, one at a time.

use deployer_core::plan::{FindingKind, Operation, Plan, invariants, plan};
use deployer_core::resource::members::{Allowed, AnswerKind, MemberRemedy, UnmodeledMember};
use deployer_core::resource::{FunctionState, LiveStack, ResourceKind};
use deployer_core::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::fixtures::{MANIFEST, converged_snapshot, desired_from, expect_present, harbour_stack, with_scheduler};

/// Where the members of an answer are kept in a live stack.
fn members_mut(live: &mut LiveStack, answer: AnswerKind) -> &mut Vec<UnmodeledMember> {
    match answer {
        AnswerKind::Function => &mut expect_present(&mut live.function).unmodeled.members,
        AnswerKind::Configuration => &mut expect_present(&mut live.function).configuration.unmodeled,
        AnswerKind::Alias => &mut expect_present(&mut live.alias).unmodeled.members,
        AnswerKind::Role => &mut expect_present(&mut live.role).unmodeled.members,
        AnswerKind::Secret => &mut expect_present(&mut live.secret).unmodeled.members,
        AnswerKind::LogGroup => &mut expect_present(&mut live.log_group).unmodeled.members,
        AnswerKind::Rule => &mut expect_present(&mut live.rule).unmodeled.members,
        AnswerKind::Target => &mut expect_present(&mut live.rule).targets[0].unmodeled,
        AnswerKind::Schedule => &mut expect_present(&mut live.schedule).unmodeled.members,
        AnswerKind::Alarm => unreachable!("no row of an alarm limits its values: they are compared as a whole"),
    }
}

/// A value that no row allows, below the member's path. An entry gets a name.
fn other_value(allowed: Allowed) -> Option<Value> {
    match allowed {
        Allowed::Any => None,
        Allowed::Blank | Allowed::OneOf(_) => Some(json!("by-hand")),
        Allowed::NoEntries => Some(json!({ "by-hand": { "Sid": "by-hand" } })),
    }
}

/// Wraps a value in the objects that its path names.
fn at_path(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inside, member| json!({ member: inside }))
}

fn plan_with(change: impl FnOnce(&mut LiveStack)) -> Plan {
    plan_from(MANIFEST, change)
}

/// The same for a change of what `answer` is about: a venue has a rule or a schedule.
fn plan_answer(answer: AnswerKind, change: impl FnOnce(&mut LiveStack)) -> Plan {
    match answer {
        AnswerKind::Schedule => plan_from(&with_scheduler(MANIFEST, "scheduler"), change),
        _ => plan_with(change),
    }
}

fn plan_from(manifest: &str, change: impl FnOnce(&mut LiveStack)) -> Plan {
    let desired = desired_from(manifest);
    let mut snapshot: Snapshot = converged_snapshot(&desired);
    change(harbour_stack(&mut snapshot));
    let plan = plan(&desired, &snapshot, &[]);
    assert_eq!(invariants::find_violations(&plan, &desired, &snapshot), Vec::<String>::new());
    plan
}

fn attribute_paths(plan: &Plan) -> Vec<&str> {
    plan.changes.iter().flat_map(|change| &change.attributes).map(|attribute| attribute.path.as_str()).collect()
}

fn call_names(plan: &Plan) -> String {
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    operations.map(Operation::call_name).collect::<Vec<_>>().join(", ")
}

#[test]
fn sees_every_member_of_every_table() {
    let (mut tried, mut put_back, mut left_alone) = (0, 0, 0);
    for answer in AnswerKind::ALL {
        for row in answer.rows() {
            let Some(value) = other_value(row.allowed) else { continue };
            let found = answer.find_unmodeled("sync-harbour", &at_path(row.path, value));
            assert_eq!(found.len(), 1, "{answer:?} {}", row.path);
            tried += 1;
            let plan = plan_answer(answer, |live| *members_mut(live, answer) = found.clone());
            let path = found[0].path.as_str();
            match row.remedy {
                MemberRemedy::PutBack | MemberRemedy::Reset(_) => {
                    assert!(attribute_paths(&plan).contains(&path), "{answer:?} {path}: {plan:?}");
                    assert!(plan.changes.iter().all(|change| !change.operations.is_empty()), "{answer:?} {path}");
                    put_back += 1;
                }
                MemberRemedy::Report(_) => {
                    // A boundary stays too, and the rule no longer depends on what it allows.
                    let of_rule = |kind| matches!(kind, ResourceKind::Permission | ResourceKind::Target);
                    let others = plan.changes.iter().filter(|change| !of_rule(change.address.kind)).count();
                    assert_eq!(others, 0, "{answer:?} {path}: {plan:?}");
                    assert_eq!(plan.changes.is_empty(), path != "PermissionsBoundary", "{answer:?} {path}");
                    let left = |finding: &&deployer_core::plan::PlanFinding| finding.kind == FindingKind::LeftAlone;
                    let finding = plan.findings.iter().find(left).unwrap_or_else(|| panic!("{answer:?} {path}"));
                    assert!(finding.text.contains(path) && finding.hint.is_some(), "{finding:?}");
                    left_alone += 1;
                }
            }
        }
    }
    println!("{tried} members tried: {put_back} are put back, {left_alone} are reported and left alone");
    assert_eq!(tried, put_back + left_alone);
}

#[test]
fn a_member_that_it_does_not_know_is_only_noted() {
    // Alarms are in no stack; `suite::alarms` has them.
    for answer in AnswerKind::ALL.into_iter().filter(|answer| *answer != AnswerKind::Alarm) {
        let plan = plan_answer(answer, |live| {
            *members_mut(live, answer) = answer.find_unmodeled("sync-harbour", &json!({ "Novelty": 1 }));
        });
        assert_eq!((plan.changes.len(), plan.findings.len()), (0, 0), "{answer:?}");
        assert!(plan.notes.iter().any(|note| note.contains("Novelty")), "{answer:?}: {:?}", plan.notes);
    }
}

#[test]
fn plans_the_call_that_puts_a_member_back() {
    let public = json!({ "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction" });
    let cases: [(AnswerKind, Value); 12] = [
        (AnswerKind::Target, json!({ "Input": "{\"dry_run\":true}" })),
        (AnswerKind::Rule, json!({ "EventPattern": "{}" })),
        (AnswerKind::Alias, json!({ "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.5 } } })),
        (
            AnswerKind::Alias,
            json!({ "EventInvokeConfig": { "DestinationConfig": { "OnFailure": { "Destination": "x" } } } }),
        ),
        (AnswerKind::Alias, json!({ "Policy": { "public": public } })),
        (AnswerKind::Alias, json!({ "VersionPolicy": { "public": public } })),
        (AnswerKind::Function, json!({ "Policy": { "public": public } })),
        (
            AnswerKind::Function,
            json!({ "FunctionUrls": { "live": { "AuthType": "NONE", "FunctionUrl": "https://x/" } } }),
        ),
        (AnswerKind::Configuration, json!({ "VpcConfig": { "SubnetIds": ["s"] }, "Layers": [{ "Arn": "x" }] })),
        (AnswerKind::Secret, json!({ "ResourcePolicy": { "public": public } })),
        (AnswerKind::Secret, json!({ "GuardedResourcePolicy": { "public": public } })),
        (AnswerKind::LogGroup, json!({ "SubscriptionFilters": { "x": { "destinationArn": "arn:aws:logs:r:1:d" } } })),
    ];
    let lines = cases.map(|(answer, members)| {
        let plan = plan_with(|live| {
            *members_mut(live, answer) = answer.find_unmodeled("sync-harbour", &members);
        });
        let findings = plan.findings.iter().map(|finding| format!("\n  {:?}: {}", finding.kind, finding.text));
        format!("{members}: {}{}", call_names(&plan), findings.collect::<String>())
    });
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_version_is_published_again_if_it_has_what_the_function_lacks() {
    let layers = AnswerKind::Configuration.find_unmodeled("sync-harbour", &json!({ "Layers": [{ "Arn": "x" }] }));
    let plan = plan_with(|live| expect_present(&mut live.alias).configuration.unmodeled = layers);
    assert_eq!(call_names(&plan), "lambda:PublishVersion, lambda:UpdateAlias, lambda:DeleteFunction");
}

#[test]
fn what_is_left_alone_is_no_reason_to_publish_a_version() {
    let key = AnswerKind::Configuration.find_unmodeled("sync-harbour", &json!({ "KMSKeyArn": "arn:aws:kms:x" }));
    let plan = plan_with(|live| expect_present(&mut live.function).configuration.unmodeled = key);
    assert_eq!((plan.changes.len(), plan.findings.len()), (0, 1));
}

#[test]
fn a_failed_update_is_made_again_before_a_version_is_published() {
    let plan = plan_with(|live| {
        expect_present(&mut live.function).state = FunctionState {
            last_update: "Failed".to_owned(),
            last_update_reason: "the subnet is gone".to_owned(),
            ..FunctionState::default()
        };
    });
    let calls = call_names(&plan);
    assert!(calls.starts_with("lambda:UpdateFunctionConfiguration, lambda:PublishVersion"), "{calls}");
    assert_eq!(plan.findings[0].kind, FindingKind::Failed);
    assert!(plan.findings[0].text.contains("the subnet is gone"), "{:?}", plan.findings);
}

#[test]
fn a_role_that_was_created_again_is_set_on_its_function() {
    let plan = plan_with(|live| expect_present(&mut live.function).role_recreated = true);
    assert!(call_names(&plan).starts_with("lambda:UpdateFunctionConfiguration"), "{}", call_names(&plan));
    let plan = plan_with(|live| live.role = deployer_core::resource::Observed::Absent);
    let calls = call_names(&plan);
    assert!(calls.starts_with("iam:CreateRole, iam:PutRolePolicy, lambda:UpdateFunctionConfiguration"), "{calls}");
}

#[test]
fn what_aws_refuses_to_delete_does_not_stand_in_front_of_the_rest() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    let refusing = [
        (AnswerKind::Role, json!({ "InstanceProfileList": ["machines"] })),
        (AnswerKind::Secret, json!({ "ReplicationStatus": [{ "Region": "eu-west-2" }] })),
        (AnswerKind::LogGroup, json!({ "deletionProtectionEnabled": true })),
    ];
    for (answer, members) in &refusing {
        *members_mut(harbour_stack(&mut snapshot), *answer) = answer.find_unmodeled("harbour", members);
    }
    let nothing = deployer_core::desired::Desired { venues: Vec::new(), ..desired };
    let plan = plan(&nothing, &snapshot, &["harbour".to_owned()]);
    let deleted: Vec<String> = plan.changes.iter().map(|change| change.address.to_string()).collect();
    assert_eq!(deleted, ["harbour/target", "harbour/rule", "harbour/alias", "harbour/function"]);
    let refused = plan.findings.iter().map(|finding| format!("{:?} {}", finding.kind, finding.address));
    assert_eq!(
        refused.collect::<Vec<_>>(),
        ["DeletionRefused harbour/log-group", "DeletionRefused harbour/secret", "DeletionRefused harbour/role",]
    );
    assert!(plan.findings.iter().all(|finding| finding.hint.as_ref().is_some_and(|hint| hint.contains("aws "))));
}
