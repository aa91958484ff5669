//! What keeps runs from overlapping: who gets a reservation and who a lease, and in which order one replaces the other.

use deployer_core::concurrency::{ExecutionLimits, has_lease};
use deployer_core::desired::Desired;
use deployer_core::isolation::RequestContext;
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, decide_request};
use deployer_core::plan::{LambdaOperation, Operation, Plan, invariants, needs_execution_limits, plan, plan_rollback};
use deployer_core::resource::{FunctionConfiguration, LiveStack, Observed};
use deployer_core::scope::Scope;
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{MANIFEST, converged_snapshot, desired_from, expect_present, harbour_stack};

/// The manifest with this for all venues.
fn manifest_with(value: &str) -> String {
    MANIFEST.replacen("[venues.", &format!("[defaults]\nreserved_concurrency = {value}\n\n[venues."), 1)
}

fn plan_checked(desired: &Desired, snapshot: &Snapshot) -> Plan {
    let plan = plan(desired, snapshot, &[]);
    assert_eq!(invariants::find_violations(&plan, desired, snapshot), Vec::<String>::new());
    plan
}

/// The calls of `harbour`'s changes.
fn describe_calls(plan: &Plan) -> Vec<String> {
    let of_harbour = plan.changes.iter().filter(|change| change.address.venue == "harbour");
    let line = |change: &deployer_core::plan::Change| {
        let calls: Vec<&str> = change.operations.iter().map(Operation::call_name).collect();
        format!("{}: {}", change.address.kind, calls.join(", "))
    };
    of_harbour.map(line).collect()
}

/// The functions that a plan creates: those with a reservation, and those with a lease.
fn created_functions(plan: &Plan) -> (Vec<&str>, Vec<&str>) {
    let (mut reserved, mut leased) = (Vec::new(), Vec::new());
    for change in &plan.changes {
        for operation in &change.operations {
            if let Operation::Lambda(LambdaOperation::CreateFunction { function }) = operation {
                let venue = change.address.venue.as_str();
                match has_lease(&function.configuration.environment) {
                    true => leased.push(venue),
                    false => reserved.push(venue),
                }
            }
        }
    }
    (reserved, leased)
}

fn with_limits(snapshot: Snapshot, limit: u64, unreserved: u64) -> Snapshot {
    Snapshot { executions: Some(ExecutionLimits { limit, unreserved }), ..snapshot }
}

const GIVEN_UP: &str = "alias: lambda:PublishVersion, lambda:UpdateAlias, lambda:DeleteFunction, lambda:InvokeFunction, \
                        lambda:DeleteFunctionConcurrency";

#[test]
fn venues_get_reservations_as_long_as_there_is_room() {
    let desired = desired_from(MANIFEST);
    assert!(needs_execution_limits(&desired, &Snapshot::default()));
    for (limit, unreserved, expected, notes) in [
        (1000, 1000, (vec!["harbour", "mill"], vec![]), 0),
        (1000, 102, (vec!["harbour", "mill"], vec![]), 0),
        (1000, 101, (vec!["harbour"], vec!["mill"]), 1),
        (1000, 100, (vec![], vec!["harbour", "mill"]), 1),
        (10, 10, (vec![], vec!["harbour", "mill"]), 1),
    ] {
        let plan = plan_checked(&desired, &with_limits(Snapshot::default(), limit, unreserved));
        assert_eq!(created_functions(&plan), expected, "{limit}, {unreserved}");
        let said = plan.notes.iter().filter(|note| note.contains("lease keeps runs from overlapping instead")).count();
        assert_eq!(said, notes, "{:?}", plan.notes);
    }
    // Where it isn't known, Lambda decides.
    assert_eq!(created_functions(&plan_checked(&desired, &Snapshot::default())), (vec!["harbour", "mill"], vec![]));
    // Those that must have one come first.
    let second = MANIFEST.replacen("display_name = \"Mill\"", "display_name = \"Mill\"\nreserved_concurrency = 1", 1);
    let plan = plan_checked(&desired_from(&second), &with_limits(Snapshot::default(), 1000, 101));
    assert_eq!(created_functions(&plan), (vec!["mill"], vec!["harbour"]));
}

#[test]
fn what_exists_is_kept_whatever_room_there_is() {
    let auto = desired_from(MANIFEST);
    for (applied, notes) in [("1", 0), ("\"off\"", 1)] {
        let snapshot = converged_snapshot(&desired_from(&manifest_with(applied)));
        assert!(!needs_execution_limits(&auto, &snapshot));
        for (limit, unreserved) in [(10, 10), (1000, 1000), (1000, 100)] {
            let plan = plan_checked(&auto, &with_limits(snapshot.clone(), limit, unreserved));
            assert_eq!((plan.changes.as_slice(), plan.notes.len()), (&[] as &[_], notes), "{applied}");
        }
        // The same from lists, which don't show reservations.
        let mut listed = snapshot.clone();
        for live in listed.venues.values_mut() {
            expect_present(&mut live.function).reserved_concurrency = None;
        }
        listed.listed = listed.venues.keys().cloned().collect();
        assert_eq!(plan_checked(&auto, &listed).changes, [], "{applied}");
    }
    // A reservation that somebody deleted is put back if there is room, and replaced by a lease otherwise.
    let mut snapshot = converged_snapshot(&auto);
    expect_present(&mut harbour_stack(&mut snapshot).function).reserved_concurrency = None;
    assert!(needs_execution_limits(&auto, &snapshot));
    let back = plan_checked(&auto, &with_limits(snapshot.clone(), 1000, 1000));
    assert_eq!(describe_calls(&back), ["function: lambda:PutFunctionConcurrency"]);
    let leased = plan_checked(&auto, &with_limits(snapshot, 10, 10));
    assert_eq!(
        describe_calls(&leased),
        [
            "role: iam:PutRolePolicy",
            "function: lambda:UpdateFunctionConfiguration",
            "alias: lambda:PublishVersion, lambda:UpdateAlias, lambda:DeleteFunction",
        ]
    );
}

#[test]
fn one_protection_is_there_before_the_other_goes() {
    let (reserved, leased) = (desired_from(&manifest_with("1")), desired_from(&manifest_with("\"off\"")));
    let off = plan_checked(&leased, &converged_snapshot(&reserved));
    assert_eq!(
        describe_calls(&off),
        ["role: iam:PutRolePolicy", "function: lambda:UpdateFunctionConfiguration", GIVEN_UP]
    );
    let back = plan_checked(&reserved, &converged_snapshot(&leased));
    assert_eq!(
        describe_calls(&back),
        [
            "role: iam:PutRolePolicy",
            "function: lambda:UpdateFunctionConfiguration, lambda:PutFunctionConcurrency",
            "alias: lambda:PublishVersion, lambda:UpdateAlias, lambda:DeleteFunction",
        ]
    );
    // The function is as declared, and its versions aren't yet.
    let mut snapshot = converged_snapshot(&leased);
    let live = harbour_stack(&mut snapshot);
    expect_present(&mut live.function).reserved_concurrency = Some(1);
    assert_eq!(
        describe_calls(&plan_checked(&leased, &snapshot)),
        ["alias: lambda:InvokeFunction, lambda:DeleteFunctionConcurrency"]
    );
    // Several executions at a time would let a run go unnoticed.
    expect_present(&mut harbour_stack(&mut snapshot).function).reserved_concurrency = Some(5);
    assert_eq!(
        describe_calls(&plan_checked(&leased, &snapshot)),
        ["function: lambda:PutFunctionConcurrency", "alias: lambda:InvokeFunction, lambda:DeleteFunctionConcurrency",]
    );
    // After a rollback to a version without leases, the reservation stays.
    let live = harbour_stack(&mut snapshot);
    expect_present(&mut live.function).reserved_concurrency = Some(1);
    expect_present(&mut live.function).tags.insert("deployer:pinned".to_owned(), "3".to_owned());
    let earlier = converged_snapshot(&reserved);
    let without: &LiveStack = &earlier.venues["harbour"];
    let Observed::Present(alias) = &without.alias else { panic!("it exists") };
    expect_present(&mut live.alias).configuration = alias.configuration.clone();
    assert_eq!(describe_calls(&plan_checked(&leased, &snapshot)), [""; 0]);
}

/// A change whose calls are in another order is refused.
#[test]
fn the_invariants_hold_the_order() {
    let (reserved, leased) = (desired_from(&manifest_with("1")), desired_from(&manifest_with("\"off\"")));
    let snapshot = converged_snapshot(&reserved);
    let mut plan = plan_checked(&leased, &snapshot);
    for change in &mut plan.changes {
        change.operations.reverse();
    }
    let found = invariants::find_violations(&plan, &leased, &snapshot);
    assert_eq!(found.iter().filter(|text| text.contains("would give up a reservation")).count(), 2, "{found:?}");
    let mut plan = plan_checked(&leased, &Snapshot::default());
    for operation in plan.changes.iter_mut().flat_map(|change| &mut change.operations) {
        if let Operation::Lambda(LambdaOperation::CreateFunction { function }) = operation {
            function.configuration.environment.remove("SYNC_CONFIG");
        }
    }
    let found = invariants::find_violations(&plan, &leased, &Snapshot::default());
    assert_eq!(found.iter().filter(|text| text.contains("runs could overlap")).count(), 2, "{found:?}");
}

#[test]
fn a_rollback_to_a_version_without_protection_is_refused() {
    let (reserved, leased) = (desired_from(&manifest_with("1")), desired_from(&manifest_with("\"off\"")));
    let (before, mut after) = (converged_snapshot(&reserved), converged_snapshot(&leased));
    let configuration = |snapshot: &Snapshot| -> FunctionConfiguration {
        snapshot.venues["harbour"].function.as_present().expect("it exists").configuration.clone()
    };
    let versions = [(2, configuration(&before)), (3, configuration(&after))].into();
    let scope = Scope::new("123456789012", "eu-west-1");
    let roll_back =
        |snapshot: &Snapshot| plan_rollback("sync", &scope, "harbour", &snapshot.venues["harbour"], &versions, Some(2));
    let refused = roll_back(&after).expect_err("runs of version 2 could overlap");
    assert!(refused.contains("reserved_concurrency = 1"), "{refused}");
    expect_present(&mut harbour_stack(&mut after).function).reserved_concurrency = Some(1);
    roll_back(&after).expect("the reservation keeps them apart");
}

#[test]
fn a_function_may_delete_its_leases_and_nothing_else_of_its_logs() {
    let leased = desired_from(&manifest_with("\"off\""));
    let plain = desired_from(MANIFEST);
    let policy = |desired: &Desired| {
        let document = &desired.venues[0].stack.as_ref().expect("it is deployed").role.policy;
        [Policy::parse_document("the role's policy", &document.to_value()).expect("a policy")]
    };
    let may = |desired: &Desired, action: &str, resource: &str| {
        let resource = format!("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/{resource}");
        let principal = RequestPrincipal::Role("arn:aws:iam::123456789012:role/sync-harbour-role");
        let context = RequestContext::new();
        let request = PolicyRequest { principal, action, resource: &resource, context: &context };
        decide_request(&policy(desired), &[], &request).is_allowed()
    };
    let (delete, lease) = ("logs:DeleteLogStream", "sync-harbour:log-stream:lease/20260101T000000Z");
    assert!(may(&leased, delete, lease) && may(&leased, "logs:CreateLogStream", lease));
    assert!(may(&leased, "logs:DescribeLogStreams", "sync-harbour:log-stream:"));
    assert!(!may(&leased, delete, "sync-harbour:log-stream:2026/01/01/[3]abc"));
    assert!(!may(&leased, delete, "sync-mill:log-stream:lease/20260101T000000Z"));
    assert!(!may(&leased, "logs:DescribeLogStreams", "sync-mill:log-stream:"));
    assert!(!may(&plain, delete, lease) && !may(&plain, "logs:DescribeLogStreams", "sync-harbour:log-stream:"));
}
