//! The pure planner: what it plans from the two sides.

use deployer_core::desired::Desired;
use deployer_core::naming::PERMISSION_SIDS;
use deployer_core::plan::{
    Action, EventBridgeOperation, IamOperation, LambdaOperation, Operation, Plan, invariants, plan,
};
use deployer_core::resource::members::AnswerKind;
use deployer_core::resource::{LivePermission, LiveStack, Observed, PermissionStatement, ResourceKind};
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{
    MANIFEST, applied_stack, converged_snapshot, desired_from, desired_in_china, earlier_stack, expect_present,
    harbour_stack, venue_tables,
};

fn plan_checked(desired: &Desired, snapshot: &Snapshot) -> Plan {
    let plan = plan(desired, snapshot, &[]);
    assert_eq!(invariants::find_violations(&plan, desired, snapshot), Vec::<String>::new());
    plan
}

/// `venue/kind: call, call` for each change.
fn describe_calls(plan: &Plan) -> Vec<String> {
    let line = |change: &deployer_core::plan::Change| {
        let calls: Vec<&str> = change.operations.iter().map(Operation::call_name).collect();
        format!("{}: {}", change.address, calls.join(", "))
    };
    plan.changes.iter().map(line).collect()
}

#[test]
fn plans_no_changes_after_an_apply() {
    let desired = desired_from(MANIFEST);
    let plan = plan_checked(&desired, &converged_snapshot(&desired));
    assert_eq!((plan.changes.len(), plan.unchanged), (0, 14));
}

#[test]
fn creates_missing_resources_in_dependency_order() {
    let desired = desired_from(MANIFEST);
    let plan = plan_checked(&desired, &Snapshot::default());
    assert_eq!(plan.summarize_changes().create, 14);
    insta::assert_snapshot!(describe_calls(&plan)[..7].join("\n"), @"
    harbour/role: iam:CreateRole, iam:PutRolePolicy
    harbour/secret: secretsmanager:CreateSecret
    harbour/log-group: logs:CreateLogGroup, logs:PutRetentionPolicy
    harbour/function: lambda:CreateFunction, lambda:PutFunctionConcurrency
    harbour/alias: lambda:CreateAlias
    harbour/rule: events:PutRule
    harbour/target: events:PutTargets
    ");
}

#[test]
fn each_edit_changes_only_its_attributes() {
    let applied = converged_snapshot(&desired_from(MANIFEST));
    let edits = [
        ("display_name = \"Harbour\"", "display_name = \"Harbour\"\nmemory_mb = 512"),
        ("display_name = \"Harbour\"", "display_name = \"Harbour\"\ntimeout = \"2m\""),
        ("display_name = \"Harbour\"", "display_name = \"Harbour\"\nlog_retention_days = 90"),
        ("display_name = \"Harbour\"", "display_name = \"Harbour\"\nschedule = \"rate(10 minutes)\""),
        ("display_name = \"Harbour\"", "display_name = \"Harbour\"\nstatus = \"paused\""),
        ("display_name = \"Harbour\"", "display_name = \"Harbour at the Pier\""),
        ("display_name = \"Harbour\"", "display_name = \"Harbour\"\non_ambiguous = \"resend\""),
        ("display_name = \"Harbour\"", "display_name = \"Harbour\"\narchitecture = \"arm64\""),
    ];
    let changed = edits.map(|(from, to)| {
        let plan = plan_checked(&desired_from(&MANIFEST.replacen(from, to, 1)), &applied);
        let attributes: Vec<String> = plan
            .changes
            .iter()
            .flat_map(|change| {
                change.attributes.iter().map(|attribute| format!("{}.{}", change.address, attribute.path))
            })
            .collect();
        format!("{}: {}", to.lines().last().unwrap_or_default(), attributes.join(" "))
    });
    insta::assert_snapshot!(changed.join("\n"));
}

#[test]
fn rules_of_an_earlier_version_are_spread_once_and_the_plan_says_why() {
    let desired = desired_from(MANIFEST);
    let mut applied = converged_snapshot(&desired);
    for stack in applied.venues.values_mut() {
        expect_present(&mut stack.rule).schedule = "rate(5 minutes)".to_owned();
    }
    let plan = plan_checked(&desired, &applied);
    assert_eq!(describe_calls(&plan), ["harbour/rule: events:PutRule", "mill/rule: events:PutRule"]);
    let change = &plan.changes[0];
    assert_eq!(change.reason, "fires as often as before, in a minute of its own");
    assert_eq!(
        plan.notes,
        [
            "2 rules will fire as often as before, but each in a minute of its own (rate(5 minutes) becomes cron(0/5 * * * ? *)), \
          so that venues don't all search HubSpot at the same moment"
        ]
    );
    // Somebody else's change is drift.
    expect_present(&mut harbour_stack(&mut applied).rule).schedule = "rate(10 minutes)".to_owned();
    assert_eq!(plan_checked(&desired, &applied).changes[0].reason, "differs from the manifest");
}

#[test]
fn says_once_when_a_portal_cannot_hold_the_runs() {
    let notes = |venues: usize, more: &str| {
        let tables: String = (0..venues).map(|number| venue_tables(&format!("v{number:05}"), more)).collect();
        let desired = desired_from(&format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}"));
        let notes = plan(&desired, &Snapshot::default(), &[]).notes.into_iter();
        notes.filter(|note| note.contains("HubSpot allows a portal")).collect::<Vec<_>>()
    };
    assert_eq!(notes(690, ""), Vec::<String>::new());
    assert_eq!(
        notes(1_000, ""),
        [
            "1,000 venues start 288,000 runs a day (200 a minute), each with at least one search. HubSpot allows a portal 250,000 \
          requests a day (Starter), 650,000 (Professional) or 1,000,000 (Enterprise) and 300 searches a minute, for everything \
          that uses it; with schedule = \"rate(10 minutes)\", they would be 144,000 a day"
        ]
    );
    assert_eq!(notes(1_000, "schedule = \"rate(10 minutes)\"\n"), Vec::<String>::new(), "the advice holds");
}

#[test]
fn fixes_drift_with_the_matching_call() {
    type Drift = (&'static str, fn(&mut LiveStack));
    let drifts: [Drift; 15] = [
        ("variable added", |live| {
            expect_present(&mut live.function)
                .configuration
                .environment
                .insert("API_KEY".to_owned(), "topsecret".to_owned());
        }),
        ("code", |live| expect_present(&mut live.function).configuration.code_sha256 = "other".to_owned()),
        ("concurrency", |live| expect_present(&mut live.function).reserved_concurrency = None),
        ("alias moved", |live| expect_present(&mut live.alias).configuration.memory_mb = 1024),
        ("rule disabled", |live| expect_present(&mut live.rule).enabled = false),
        ("target doubled", |live| {
            let mut second = expect_present(&mut live.rule).targets[0].clone();
            second.id = "second".to_owned();
            expect_present(&mut live.rule).targets.push(second);
        }),
        ("target gone", |live| expect_present(&mut live.rule).targets.clear()),
        ("target without its role", |live| expect_present(&mut live.rule).targets[0].role_arn = None),
        ("target with another role", |live| {
            expect_present(&mut live.rule).targets[0].role_arn =
                Some("arn:aws:iam::123456789012:role/other".to_owned());
        }),
        ("permission of an earlier version", |live| {
            let other = PermissionStatement {
                statement_id: PERMISSION_SIDS[0].to_owned(),
                action: "lambda:InvokeFunction".to_owned(),
                principal: "events.amazonaws.com".to_owned(),
                source_arn: None,
                source_account: None,
            };
            live.permission = Observed::Present(LivePermission { statements: vec![other] });
        }),
        ("role without the right to start runs", |live| {
            let policy = expect_present(&mut live.role).policies.get_mut("sync").expect("a policy");
            let mut document = policy.to_value();
            document["Statement"]
                .as_array_mut()
                .expect("a list")
                .retain(|statement| statement["Sid"] != "StartOwnRuns");
            *policy = document.into();
        }),
        ("policy added", |live| {
            expect_present(&mut live.role).policies.insert("extra".to_owned(), serde_json::json!({}).into());
        }),
        ("trust", |live| expect_present(&mut live.role).trust = serde_json::json!({ "Statement": [] }).into()),
        ("retention removed", |live| expect_present(&mut live.log_group).retention_days = None),
        ("venue tag removed", |live| drop(expect_present(&mut live.secret).tags.remove("deployer:venue"))),
    ];
    let desired = desired_from(MANIFEST);
    let found = drifts.map(|(name, drift)| {
        let mut snapshot = converged_snapshot(&desired);
        drift(harbour_stack(&mut snapshot));
        let plan = plan_checked(&desired, &snapshot);
        format!("{name}: {}", describe_calls(&plan).join("; "))
    });
    insta::assert_snapshot!(found.join("\n"));
}

/// The function leaves out what Lambda repeats. Only dead letters depend on Lambda's own settings.
#[test]
fn any_asynchronous_settings_are_fine_without_dead_letters() {
    let queue = "[defaults]\ndead_letter = \"arn:aws:sqs:eu-west-1:123456789012:failed\"\n\n[venues.harbour]";
    let with_queue = MANIFEST.replacen("[venues.harbour]", queue, 1);
    for (attempts, age_s) in [(None, None), (Some(0), Some(60)), (Some(2), Some(21_600)), (Some(1), None)] {
        let changes = [MANIFEST, with_queue.as_str()].map(|manifest| {
            let desired = desired_from(manifest);
            let mut snapshot = converged_snapshot(&desired);
            let alias = expect_present(&mut harbour_stack(&mut snapshot).alias);
            (alias.maximum_retry_attempts, alias.maximum_event_age_s) = (attempts, age_s);
            describe_calls(&plan_checked(&desired, &snapshot))
        });
        let put = vec!["harbour/alias: lambda:PutFunctionEventInvokeConfig".to_owned()];
        let expected = if attempts == Some(0) { Vec::new() } else { put };
        assert_eq!(changes, [Vec::new(), expected], "{attempts:?} {age_s:?}");
    }
}

#[test]
fn fixes_drift_of_what_lets_a_rule_invoke_where_it_has_no_role() {
    type Drift = (&'static str, fn(&mut LiveStack));
    let drifts: [Drift; 3] = [
        ("permission gone", |live| live.permission = Observed::Absent),
        ("permission widened", |live| expect_present(&mut live.permission).statements[0].source_arn = None),
        ("target with a role", |live| {
            expect_present(&mut live.rule).targets[0].role_arn =
                Some("arn:aws-cn:iam::123456789012:role/other".to_owned());
        }),
    ];
    let desired = desired_in_china(MANIFEST);
    assert_eq!(plan_checked(&desired, &Snapshot::default()).summarize_changes().create, 16);
    let found = drifts.map(|(name, drift)| {
        let mut snapshot = converged_snapshot(&desired);
        assert_eq!(plan_checked(&desired, &snapshot).changes, []);
        drift(harbour_stack(&mut snapshot));
        format!("{name}: {}", describe_calls(&plan_checked(&desired, &snapshot)).join("; "))
    });
    insta::assert_snapshot!(found.join("\n"), @"
    permission gone: harbour/permission: lambda:AddPermission
    permission widened: harbour/permission: lambda:AddPermission, lambda:RemovePermission
    target with a role: harbour/target: events:PutTargets
    ");
}

/// The rule may invoke the alias before, between and after the calls that give it a role in place of its permission.
/// Wherever an apply is broken off, the next one completes it.
#[test]
fn changes_from_a_permission_to_a_role_without_a_gap() {
    let desired = desired_from(MANIFEST);
    let stack = desired.venues[0].stack.as_ref().expect("a stack");
    let execute = |live: &mut LiveStack, operation: &Operation| match operation {
        Operation::Iam(IamOperation::UpdateAssumeRolePolicy { document, .. }) => {
            expect_present(&mut live.role).trust = document.clone();
        }
        Operation::Iam(IamOperation::PutRolePolicy { policy, document, .. }) => {
            expect_present(&mut live.role).policies.insert(policy.clone(), document.clone());
        }
        Operation::EventBridge(EventBridgeOperation::PutTargets { targets, .. }) => {
            expect_present(&mut live.rule).targets.clone_from(targets);
        }
        Operation::Lambda(LambdaOperation::RemovePermission { .. }) => live.permission = Observed::Absent,
        other => panic!("{}", other.call_name()),
    };
    let may_invoke = |live: &LiveStack| {
        let (role, rule) = (live.role.as_present().expect("a role"), live.rule.as_present().expect("a rule"));
        match &rule.targets[0].role_arn {
            Some(_) => role.trust == stack.role.trust && role.policies["sync"] == stack.role.policy,
            None => live.permission.as_present().is_some(),
        }
    };
    let plan_from = |live: &LiveStack| {
        let mut snapshot = converged_snapshot(&desired);
        *harbour_stack(&mut snapshot) = live.clone();
        plan_checked(&desired, &snapshot)
    };
    let operations_from = |live: &LiveStack| -> Vec<Operation> {
        plan_from(live).changes.into_iter().flat_map(|change| change.operations).collect()
    };
    let whole = plan_from(&earlier_stack(stack));
    insta::assert_snapshot!(describe_calls(&whole).join("\n"), @"
    harbour/role: iam:UpdateAssumeRolePolicy, iam:PutRolePolicy
    harbour/target: events:PutTargets
    harbour/permission: lambda:RemovePermission
    ");
    assert_eq!(whole.deleted_venues(), [""; 0], "the venue stays");
    for broken_off_after in 0..=operations_from(&earlier_stack(stack)).len() {
        let mut live = earlier_stack(stack);
        for limit in [broken_off_after, usize::MAX] {
            for operation in operations_from(&live).iter().take(limit) {
                execute(&mut live, operation);
                assert!(may_invoke(&live), "after {} of the first {broken_off_after}", operation.call_name());
            }
        }
        assert_eq!(live, applied_stack(stack));
    }
}

/// A boundary that nobody declared may keep the role from invoking the alias, as long as it is there.
#[test]
fn a_rule_whose_role_is_limited_has_a_permission() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    let boundary = serde_json::json!({ "PermissionsBoundary": "arn:aws:iam::123456789012:policy/theirs" });
    expect_present(&mut harbour_stack(&mut snapshot).role).unmodeled.members =
        AnswerKind::Role.find_unmodeled("sync-harbour-role", &boundary);
    let plan = plan_checked(&desired, &snapshot);
    insta::assert_snapshot!(describe_calls(&plan).join("\n"), @"
    harbour/permission: lambda:AddPermission
    harbour/target: events:PutTargets
    ");
}

/// A role that isn't readable, or isn't ours, may not let the rule invoke anything.
#[test]
fn keeps_the_permission_until_the_role_is_known() {
    let desired = desired_from(MANIFEST);
    let stack = desired.venues[0].stack.as_ref().expect("a stack");
    let unreadable =
        |live: &mut LiveStack| live.role = Observed::Unreadable("iam:GetRole: AccessDenied: no".to_owned());
    let foreign = |live: &mut LiveStack| expect_present(&mut live.role).path = "/elsewhere/".to_owned();
    for change in [unreadable as fn(&mut LiveStack), foreign] {
        let mut snapshot = converged_snapshot(&desired);
        *harbour_stack(&mut snapshot) = earlier_stack(stack);
        change(harbour_stack(&mut snapshot));
        assert_eq!(plan_checked(&desired, &snapshot).changes, []);
    }
}

/// The rule may invoke the alias before, between and after the calls that replace its permission. Wherever an apply is
/// broken off, the next one completes it.
#[test]
fn replaces_a_permission_without_a_gap() {
    let desired = desired_in_china(MANIFEST);
    let wanted = |sid: &str| {
        let stack = desired.venues.iter().find(|venue| venue.venue == "harbour").and_then(|venue| venue.stack.as_ref());
        let permission = stack.and_then(|stack| stack.permission.as_ref());
        let statement = PermissionStatement::of_spec(permission.expect("a permission"));
        PermissionStatement { statement_id: sid.to_owned(), ..statement }
    };
    // As an earlier version wrote it.
    let earlier = |sid: &str| PermissionStatement { source_account: None, ..wanted(sid) };
    let [first, second] = PERMISSION_SIDS;
    for start in [
        vec![earlier(first)],
        vec![earlier(second)],
        vec![earlier(first), wanted(second)],
        vec![wanted(first), earlier(second)],
        vec![earlier(first), earlier(second)],
        vec![wanted(first), wanted(second)],
        vec![wanted(second)],
    ] {
        let operations_from = |statements: &[PermissionStatement]| {
            let mut snapshot = converged_snapshot(&desired);
            expect_present(&mut harbour_stack(&mut snapshot).permission).statements = statements.to_vec();
            let plan = plan_checked(&desired, &snapshot);
            plan.changes.into_iter().flat_map(|change| change.operations).collect::<Vec<_>>()
        };
        for broken_off_after in 0..=3 {
            let mut statements = start.clone();
            let mut execute = |operations: Vec<Operation>| {
                for operation in operations {
                    match operation {
                        Operation::Lambda(LambdaOperation::AddPermission { permission }) => {
                            let added = PermissionStatement::of_spec(&permission);
                            assert!(statements.iter().all(|other| other.statement_id != added.statement_id));
                            statements.push(added);
                        }
                        Operation::Lambda(LambdaOperation::RemovePermission { statement_id, .. }) => {
                            statements.retain(|statement| statement.statement_id != statement_id);
                        }
                        other => panic!("{}", other.call_name()),
                    }
                    assert!(!statements.is_empty(), "the rule can't invoke the alias");
                    statements.sort_by(|one, other| one.statement_id.cmp(&other.statement_id));
                }
                statements.clone()
            };
            let left = execute(operations_from(&start).into_iter().take(broken_off_after).collect());
            let after = execute(operations_from(&left));
            assert!(after == [wanted(first)] || after == [wanted(second)], "{start:?} becomes {after:?}");
            assert_eq!(operations_from(&after), []);
        }
    }
}

#[test]
fn ignores_equivalent_policies() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    let role = expect_present(&mut harbour_stack(&mut snapshot).role);
    let mut policy = role.policies["sync"].to_value();
    policy["Statement"][0]["Action"] = serde_json::json!(["secretsmanager:GetSecretValue"]);
    policy["Statement"][1]["Action"] = serde_json::json!(["logs:PutLogEvents", "logs:CreateLogStream"]);
    role.policies.insert("sync".to_owned(), policy.into());
    let mut trust = role.trust.to_value();
    for statement in trust["Statement"].as_array_mut().expect("a list") {
        statement["Action"] = serde_json::json!(["sts:AssumeRole"]);
    }
    role.trust = trust.into();
    assert!(plan_checked(&desired, &snapshot).changes.is_empty());
}

#[test]
fn reports_resources_of_other_owners_as_conflicts() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    expect_present(&mut harbour_stack(&mut snapshot).function)
        .tags
        .insert("deployer:deployment".to_owned(), "other".to_owned());
    let plan = plan_checked(&desired, &snapshot);
    assert!(plan.changes.is_empty());
    assert_eq!(plan.conflicts.len(), 1);
}

#[test]
fn leaves_unreadable_resources_and_their_dependents_alone() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    *harbour_stack(&mut snapshot) =
        LiveStack { role: Observed::Unreadable("iam:GetRole: AccessDenied: no".to_owned()), ..LiveStack::default() };
    let plan = plan_checked(&desired, &snapshot);
    let kinds: Vec<ResourceKind> = plan.changes.iter().map(|change| change.address.kind).collect();
    assert_eq!(kinds, [ResourceKind::Secret, ResourceKind::LogGroup, ResourceKind::Rule]);
    let unread: Vec<ResourceKind> =
        plan.unreadable.iter().filter_map(|unread| Some(unread.address.as_ref()?.kind)).collect();
    assert_eq!(unread, [ResourceKind::Role, ResourceKind::Function, ResourceKind::Alias, ResourceKind::Target]);
}

#[test]
fn gives_the_blocker_as_the_reason_for_each_deletion() {
    let blocked = MANIFEST.replacen(
        "display_name = \"Harbour\"",
        "display_name = \"Harbour\"\nstatus = \"blocked\"\nblocker = { reason = \"The license ended\", owner = \"ops\", \
         next_step = \"renew\", since = 2026-01-01 }",
        1,
    );
    let plan = plan_checked(&desired_from(&blocked), &converged_snapshot(&desired_from(MANIFEST)));
    assert_eq!(plan.summarize_changes().delete, 7);
    assert!(plan.changes.iter().all(|change| change.reason == "harbour is blocked: The license ended"));
}

#[test]
fn protects_a_venue_whose_protection_is_removed_in_the_same_edit() {
    let protected = MANIFEST.replacen("display_name = \"Mill\"", "display_name = \"Mill\"\nprotect = true", 1);
    let only_harbour = &MANIFEST[..MANIFEST.find("[venues.mill]").expect("the manifest has mill")];
    let plan = plan_checked(&desired_from(only_harbour), &converged_snapshot(&desired_from(&protected)));
    assert_eq!(plan.protected, ["mill"]);
}

#[test]
fn restores_a_secret_that_is_scheduled_for_deletion() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    let live = harbour_stack(&mut snapshot);
    live.secret = Observed::PendingDeletion(expect_present(&mut live.secret).clone());
    let plan = plan_checked(&desired, &snapshot);
    assert_eq!(plan.changes.len(), 1);
    assert_eq!(plan.changes[0].action, Action::Restore);
    assert_eq!(describe_calls(&plan), ["harbour/secret: secretsmanager:RestoreSecret"]);
}

#[test]
fn a_plan_with_a_credential_breaks_the_invariants() {
    let desired = desired_from(MANIFEST);
    let mut literal = desired.clone();
    let stack = literal.venues[0].stack.as_mut().expect("deployed");
    let secret = stack.secret.as_mut().expect("it has credentials");
    secret.references.insert("HUBSPOT_TOKEN".to_owned(), "pat-na1-literal".to_owned());
    stack.function.configuration.environment.insert("HUBSPOT_TOKEN".to_owned(), "env:ANYTHING".to_owned());
    let snapshot = Snapshot::default();
    let plan = plan(&literal, &snapshot, &[]);
    let violations = invariants::find_violations(&plan, &literal, &snapshot);
    let expected = [
        "harbour/secret: secretsmanager:CreateSecret would contain a credential",
        "harbour/function: lambda:CreateFunction would contain a credential",
    ];
    assert_eq!(violations, expected);
    assert_eq!(invariants::find_call_violations(&plan), expected);
}
