//! The pure planner: what it plans from the two sides, and what must hold for every plan.

use std::path::Path;

use deployer::render::plan_text;
use deployer_core::desired::{Desired, derive_desired};
use deployer_core::manifest;
use deployer_core::plan::{Action, Operation, Plan, invariants, plan};
use deployer_core::resource::{
    DesiredStack, LiveAlias, LiveFunction, LiveLogGroup, LivePermission, LiveRole, LiveRule, LiveSecret, LiveStack,
    Observed, ResourceKind, SECRET_ARN_PLACEHOLDER,
};
use deployer_core::scope::Scope;
use deployer_core::snapshot::Snapshot;
use proptest::prelude::*;

/// Two venues, `harbour` active and `mill` paused.
pub const MANIFEST: &str = r#"
[deployment]
name = "sync"
region = "eu-west-1"

[venues.harbour]
display_name = "Harbour"
[venues.harbour.secrets]
hubspot_token = "env:HARBOUR_HUBSPOT_TOKEN"
tripleseat_public_key = "env:HARBOUR_KEY"
[venues.harbour.destination]
kind = "tripleseat"

[venues.mill]
display_name = "Mill"
status = "paused"
[venues.mill.secrets]
hubspot_token = "env:MILL_HUBSPOT_TOKEN"
tripleseat_public_key = "env:MILL_KEY"
[venues.mill.destination]
kind = "tripleseat"
"#;

pub fn desired_from(manifest: &str) -> Desired {
    let loaded =
        manifest::parse_manifest(manifest, Path::new("venues.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let scope = Scope { account: "123456789012".to_owned(), region: "eu-west-1".to_owned() };
    derive_desired(&loaded.manifest, &scope, |_| "c29tZSBjb2Rl".to_owned())
}

/// What AWS has after `stack` is applied.
pub fn applied_stack(stack: &DesiredStack) -> LiveStack {
    let arn = format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{}-AbCdEf", stack.secret.name);
    let mut configuration = stack.function.configuration.clone();
    for value in configuration.environment.values_mut().filter(|value| *value == SECRET_ARN_PLACEHOLDER) {
        value.clone_from(&arn);
    }
    LiveStack {
        role: Observed::Present(LiveRole {
            name: stack.role.name.clone(),
            path: stack.role.path.clone(),
            trust: stack.role.trust.clone(),
            policies: [("sync".to_owned(), stack.role.policy.clone())].into(),
            attached: Vec::new(),
            tags: stack.role.tags.clone(),
        }),
        secret: Observed::Present(LiveSecret {
            name: stack.secret.name.clone(),
            arn,
            description: stack.secret.description.clone(),
            tags: stack.secret.tags.clone(),
        }),
        log_group: Observed::Present(LiveLogGroup {
            name: stack.log_group.name.clone(),
            arn: format!("arn:aws:logs:eu-west-1:123456789012:log-group:{}", stack.log_group.name),
            retention_days: Some(stack.log_group.retention_days),
            tags: stack.log_group.tags.clone(),
        }),
        function: Observed::Present(LiveFunction {
            name: stack.function.name.clone(),
            configuration: configuration.clone(),
            reserved_concurrency: Some(stack.function.reserved_concurrency),
            tags: stack.function.tags.clone(),
        }),
        alias: Observed::Present(LiveAlias {
            version: "3".to_owned(),
            configuration,
            maximum_retry_attempts: Some(stack.alias.maximum_retry_attempts),
            maximum_event_age_s: Some(stack.alias.maximum_event_age_s),
        }),
        rule: Observed::Present(LiveRule {
            name: stack.rule.name.clone(),
            description: stack.rule.description.clone(),
            schedule: stack.rule.schedule.clone(),
            enabled: stack.rule.enabled,
            tags: stack.rule.tags.clone(),
            targets: vec![stack.target.target.clone()],
        }),
        permission: Observed::Present(LivePermission {
            action: stack.permission.action.clone(),
            principal: stack.permission.principal.clone(),
            source_arn: Some(stack.permission.source_arn.clone()),
        }),
    }
}

/// What AWS has after all of `desired` is applied.
pub fn converged_snapshot(desired: &Desired) -> Snapshot {
    let venues =
        desired.venues.iter().filter_map(|venue| Some((venue.venue.clone(), applied_stack(venue.stack.as_ref()?))));
    Snapshot { venues: venues.collect(), ..Snapshot::default() }
}

fn plan_checked(desired: &Desired, snapshot: &Snapshot) -> Plan {
    let plan = plan(desired, snapshot, &[]);
    assert_eq!(invariants::find_violations(&plan, desired, snapshot), Vec::<String>::new());
    plan
}

fn rendered_text(plan: &Plan) -> String {
    anstream::adapter::strip_str(&plan_text(plan)).to_string()
}

/// `venue/kind: call, call` for each change.
fn describe_calls(plan: &Plan) -> Vec<String> {
    let line = |change: &deployer_core::plan::Change| {
        let calls: Vec<&str> = change.operations.iter().map(Operation::call_name).collect();
        format!("{}: {}", change.address, calls.join(", "))
    };
    plan.changes.iter().map(line).collect()
}

/// The live stack of `harbour`, for a test to change.
pub fn harbour_stack(snapshot: &mut Snapshot) -> &mut LiveStack {
    snapshot.venues.get_mut("harbour").expect("harbour is declared")
}

pub fn expect_present<T>(observed: &mut Observed<T>) -> &mut T {
    match observed {
        Observed::Present(live) => live,
        _ => panic!("expected an existing resource"),
    }
}

#[test]
fn plans_no_changes_after_an_apply() {
    let desired = desired_from(MANIFEST);
    let plan = plan_checked(&desired, &converged_snapshot(&desired));
    assert_eq!((plan.changes.len(), plan.unchanged), (0, 16));
}

#[test]
fn creates_missing_resources_in_dependency_order() {
    let desired = desired_from(MANIFEST);
    let plan = plan_checked(&desired, &Snapshot::default());
    assert_eq!(plan.summarize_changes().create, 16);
    insta::assert_snapshot!(describe_calls(&plan)[..8].join("\n"), @"
    harbour/role: iam:CreateRole, iam:PutRolePolicy
    harbour/secret: secretsmanager:CreateSecret
    harbour/log-group: logs:CreateLogGroup, logs:PutRetentionPolicy
    harbour/function: lambda:CreateFunction, lambda:PutFunctionConcurrency
    harbour/alias: lambda:CreateAlias, lambda:PutFunctionEventInvokeConfig
    harbour/rule: events:PutRule
    harbour/permission: lambda:AddPermission
    harbour/target: events:PutTargets
    ");
}

#[test]
fn renders_a_plan_as_text() {
    let desired = desired_from(&MANIFEST.replace(r#"status = "paused""#, "memory_mb = 256"));
    let mut snapshot = converged_snapshot(&desired_from(MANIFEST));
    snapshot
        .venues
        .insert("closed".to_owned(), applied_stack(desired_from(MANIFEST).venues[0].stack.as_ref().expect("deployed")));
    let plan = plan(&desired, &snapshot, &[]);
    insta::assert_snapshot!(rendered_text(&plan));
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
fn fixes_drift_with_the_matching_call() {
    type Drift = (&'static str, fn(&mut LiveStack));
    let drifts: [Drift; 14] = [
        ("variable added", |live| {
            expect_present(&mut live.function)
                .configuration
                .environment
                .insert("API_KEY".to_owned(), "topsecret".to_owned());
        }),
        ("code", |live| expect_present(&mut live.function).configuration.code_sha256 = "other".to_owned()),
        ("concurrency", |live| expect_present(&mut live.function).reserved_concurrency = None),
        ("alias moved", |live| expect_present(&mut live.alias).configuration.memory_mb = 1024),
        ("retries", |live| expect_present(&mut live.alias).maximum_retry_attempts = None),
        ("rule disabled", |live| expect_present(&mut live.rule).enabled = false),
        ("target doubled", |live| {
            let mut second = expect_present(&mut live.rule).targets[0].clone();
            second.id = "second".to_owned();
            expect_present(&mut live.rule).targets.push(second);
        }),
        ("target gone", |live| expect_present(&mut live.rule).targets.clear()),
        ("permission gone", |live| live.permission = Observed::Absent),
        ("permission widened", |live| expect_present(&mut live.permission).source_arn = None),
        ("policy added", |live| {
            expect_present(&mut live.role).policies.insert("extra".to_owned(), serde_json::json!({}));
        }),
        ("trust", |live| expect_present(&mut live.role).trust = serde_json::json!({ "Statement": [] })),
        ("retention removed", |live| expect_present(&mut live.log_group).retention_days = None),
        ("venue tag removed", |live| drop(expect_present(&mut live.secret).tags.remove("deployer:venue"))),
    ];
    let desired = desired_from(MANIFEST);
    let found = drifts.map(|(name, drift)| {
        let mut snapshot = converged_snapshot(&desired);
        drift(harbour_stack(&mut snapshot));
        let plan = plan_checked(&desired, &snapshot);
        assert!(!rendered_text(&plan).contains("topsecret"), "the value of an undeclared variable is hidden");
        format!("{name}: {}", describe_calls(&plan).join("; "))
    });
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn ignores_equivalent_policies() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    let role = expect_present(&mut harbour_stack(&mut snapshot).role);
    let mut policy = role.policies["sync"].clone();
    policy["Statement"][0]["Action"] = serde_json::json!(["secretsmanager:GetSecretValue"]);
    policy["Statement"][1]["Action"] = serde_json::json!(["logs:PutLogEvents", "logs:CreateLogStream"]);
    role.policies.insert("sync".to_owned(), policy);
    role.trust["Statement"] = role.trust["Statement"][0].clone();
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
    insta::assert_snapshot!(rendered_text(&plan));
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
    assert_eq!(
        unread,
        [
            ResourceKind::Role,
            ResourceKind::Function,
            ResourceKind::Alias,
            ResourceKind::Permission,
            ResourceKind::Target
        ]
    );
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
    assert_eq!(plan.summarize_changes().delete, 8);
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

proptest! {
    /// Whatever exists, is missing, isn't ours or is unreadable: the plan keeps the invariants, and never touches what
    /// isn't ours.
    #[test]
    fn every_plan_keeps_the_invariants(states in proptest::collection::vec(0_u8..4, 12), declared in any::<bool>()) {
        let both = desired_from(MANIFEST);
        let mut snapshot = converged_snapshot(&both);
        let mut foreign = Vec::new();
        for (index, live) in snapshot.venues.values_mut().enumerate() {
            let mut state = states[index * 6..].iter().copied();
            change_state(&mut live.role, state.next(), |role| { role.path = "/elsewhere/".to_owned(); foreign.push(role.name.clone()); });
            change_state(&mut live.secret, state.next(), |secret| { secret.tags.clear(); foreign.push(secret.name.clone()); });
            change_state(&mut live.log_group, state.next(), |group| { group.tags.clear(); foreign.push(group.name.clone()); });
            change_state(&mut live.function, state.next(), |function| { function.tags.clear(); foreign.push(function.name.clone()); });
            change_state(&mut live.rule, state.next(), |rule| { rule.tags.clear(); foreign.push(rule.name.clone()); });
            if live.function.as_present().is_none() {
                live.alias = live.function.map(|_| unreachable!("the function doesn't exist"));
                live.permission = live.function.map(|_| unreachable!("the function doesn't exist"));
            }
        }
        let desired = if declared { both } else { desired_from(&MANIFEST[..MANIFEST.find("[venues.mill]").expect("it exists")]) };
        let plan = plan(&desired, &snapshot, &[]);
        prop_assert_eq!(invariants::find_violations(&plan, &desired, &snapshot), Vec::<String>::new());
        for operation in plan.changes.iter().flat_map(|change| &change.operations) {
            let touched = operation.resource_name();
            prop_assert!(!foreign.iter().any(|name| touched == name || touched.ends_with(&format!(":{name}"))), "{touched}");
        }
    }
}

fn change_state<T>(observed: &mut Observed<T>, state: Option<u8>, make_foreign: impl FnOnce(&mut T)) {
    match state {
        Some(1) => *observed = Observed::Absent,
        Some(2) => *observed = Observed::Unreadable("denied".to_owned()),
        Some(3) => make_foreign(expect_present(observed)),
        _ => {}
    }
}

#[test]
fn a_plan_with_a_credential_breaks_the_invariants() {
    let desired = desired_from(MANIFEST);
    let mut literal = desired.clone();
    let stack = literal.venues[0].stack.as_mut().expect("deployed");
    stack.secret.references.insert("HUBSPOT_TOKEN".to_owned(), "pat-na1-literal".to_owned());
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
