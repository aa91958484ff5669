//! Which quotas a plan adds to, what of that doesn't fit, and the table of both.

use std::collections::BTreeSet;

use deployer_core::desired::Desired;
use deployer_core::plan::{Plan, plan};
use deployer_core::quota::{
    ExceededQuota, GIGABYTE, LimitSource, QuotaKind, QuotaNeed, QuotaReading, QuotaUsage, find_quota_needs, judge_quota,
};
use deployer_core::resource::Observed;
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{
    MANIFEST, converged_snapshot, desired_from, desired_state, everything_applied, expect_present, harbour_stack,
};

const ZIP: u64 = 4_000_000;

fn needs_of(desired: &Desired, snapshot: &Snapshot) -> Vec<(QuotaKind, u64)> {
    let plan = plan(desired, snapshot, &[]);
    find_quota_needs(&plan, snapshot, Some(ZIP)).into_iter().map(|need| (need.kind, need.needed)).collect()
}

fn need(kind: QuotaKind, needed: u64) -> QuotaNeed {
    QuotaNeed { kind, needed, known: 0, resource: None }
}

fn judge(need: &QuotaNeed, used: u64, limit: u64, source: LimitSource) -> Option<ExceededQuota> {
    let scope = desired_from(MANIFEST).scope;
    judge_quota(need, QuotaReading { used, limit, source }, &scope)
}

/// `count` active venues.
fn many_venues(count: usize) -> Desired {
    let (head, rest) = MANIFEST.split_once("[venues.harbour]").expect("it has the venue");
    let (table, _) = rest.split_once("[venues.mill]").expect("it has the venue");
    let table = format!("[venues.harbour]{table}");
    let venue = |number| {
        let table = table.replace("harbour", &format!("v{number}")).replace("Harbour", &format!("V{number}"));
        table.replace("HARBOUR", &format!("V{number}"))
    };
    let tables = (0..count).map(venue);
    desired_from(&format!("{head}{}", tables.collect::<String>()))
}

#[test]
fn each_quota_has_a_source_a_usage_and_a_code_of_its_own() {
    let rows = QuotaKind::ALL.map(QuotaKind::row);
    let kinds: BTreeSet<QuotaKind> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds.len(), rows.len(), "none is listed twice");
    let codes: Vec<&str> = rows.iter().filter_map(|row| row.code.map(|(_, code)| code)).collect();
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len(), "each code is one quota's");
    for (kind, row) in QuotaKind::ALL.iter().zip(rows) {
        assert_eq!(*kind, row.kind);
        assert!(row.source.starts_with("https://") && !row.what.is_empty(), "{row:?}");
        assert!(row.lowest <= row.default, "{row:?}");
        assert!(row.adjustable || row.remedy.is_some(), "there is always something to do: {row:?}");
        assert!(row.code.is_none_or(|(_, code)| code.starts_with("L-") && code.len() == 10), "{row:?}");
        // What an account's own answer has needs no other.
        assert!(row.usage != QuotaUsage::PortalLimits || row.code.is_none(), "{row:?}");
    }
}

#[test]
fn a_first_apply_adds_to_every_quota_of_what_it_creates() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&Desired { venues: Vec::new(), ..desired.clone() });
    snapshot.executions = None;
    let needs = needs_of(&desired, &snapshot);
    let of = |kind: QuotaKind| needs.iter().find(|(found, _)| *found == kind).map(|(_, needed)| *needed);
    for kind in
        [QuotaKind::Roles, QuotaKind::Rules, QuotaKind::ReservedExecutions, QuotaKind::LogGroups, QuotaKind::Secrets]
    {
        assert_eq!(of(kind), Some(2), "{kind:?}");
    }
    assert_eq!(of(QuotaKind::ContactProperties), Some(10));
    assert_eq!(of(QuotaKind::CodeStorage), Some(4 * ZIP), "two functions with a version each");
    for kind in [QuotaKind::RolePolicySize, QuotaKind::TrustPolicySize, QuotaKind::EnvironmentSize] {
        let size = of(kind).unwrap_or_default();
        assert!(size > 100 && size < kind.row().default, "{kind:?}: {size}");
    }
    assert_eq!(of(QuotaKind::Alarms).or(of(QuotaKind::Topics)), None, "without [alarms]");
}

#[test]
fn a_plan_without_changes_adds_to_none() {
    let desired = desired_state();
    assert_eq!(needs_of(&desired, &everything_applied(&desired)), []);
}

#[test]
fn an_update_adds_only_what_it_makes() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    expect_present(&mut harbour_stack(&mut snapshot).function).configuration.code_sha256 = "b2xk".to_owned();
    let (_, kinds): (Vec<_>, Vec<_>) =
        needs_of(&desired, &snapshot).into_iter().partition(|need| need.0 != QuotaKind::CodeStorage);
    assert_eq!(kinds, [(QuotaKind::CodeStorage, ZIP)], "one more version");

    let mut snapshot = converged_snapshot(&desired);
    harbour_stack(&mut snapshot).rule = Observed::Absent;
    assert_eq!(needs_of(&desired, &snapshot), [(QuotaKind::Rules, 1)]);
    expect_present(&mut harbour_stack(&mut snapshot).function).reserved_concurrency = Some(5);
    assert_eq!(needs_of(&desired, &snapshot), [(QuotaKind::Rules, 1)], "fewer executions are reserved");
}

#[test]
fn deletions_make_no_room_because_they_come_last() {
    let before = desired_from(MANIFEST);
    let snapshot = converged_snapshot(&before);
    let after = desired_from(&MANIFEST.replace("harbour", "lake"));
    let needs = needs_of(&after, &snapshot);
    assert!(needs.contains(&(QuotaKind::Roles, 1)) && needs.contains(&(QuotaKind::Rules, 1)), "{needs:?}");
}

#[test]
fn the_301st_venue_does_not_fit_onto_the_default_bus() {
    let count = |venues| {
        let desired = many_venues(venues);
        let snapshot = Snapshot::default();
        let plan: Plan = plan(&desired, &snapshot, &[]);
        let needs = find_quota_needs(&plan, &snapshot, Some(ZIP)).into_iter();
        needs.filter(|need| need.kind == QuotaKind::Rules).find_map(|need| judge(&need, 0, 300, LimitSource::Account))
    };
    assert_eq!(count(300), None);
    let exceeded = count(301).expect("one rule too many");
    assert_eq!(exceeded.text, "rules on the default event bus: 0 of 300 are used, and 301 more are needed");
    assert!(exceeded.refuses_apply());
    let command = "aws service-quotas request-service-quota-increase --service-code events --quota-code L-244521F2 \
                   --desired-value 400 --region eu-west-1";
    assert!(exceeded.hint.contains(command), "{}", exceeded.hint);
}

#[test]
fn every_quota_says_what_to_do_and_only_a_certain_limit_refuses() {
    for kind in QuotaKind::ALL {
        let row = kind.row();
        assert_eq!(judge(&need(kind, 1), row.default - 1, row.default, LimitSource::Account), None, "{kind:?} fits");
        let exceeded = judge(&need(kind, 2), row.default - 1, row.default, LimitSource::Account).expect("too much");
        assert!(exceeded.text.starts_with(row.what) && exceeded.hint.len() > 20, "{exceeded:?}");
        assert_eq!(exceeded.hint.contains("--quota-code"), row.code.is_some(), "{exceeded:?}");
        assert!(exceeded.refuses_apply());
        let assumed = judge(&need(kind, 2), row.default - 1, row.default, LimitSource::Assumed).expect("too much");
        assert!(!assumed.refuses_apply() && assumed.text.contains("is the default"), "{assumed:?}");
    }
}

#[test]
fn asks_for_values_in_the_units_of_service_quotas() {
    let code = judge(&need(QuotaKind::CodeStorage, GIGABYTE), 75 * GIGABYTE, 75 * GIGABYTE, LimitSource::Account);
    assert!(code.expect("too much").hint.contains("--desired-value 76 "));
    let executions = judge(&need(QuotaKind::ReservedExecutions, 1), 900, 900, LimitSource::Account).expect("too much");
    assert!(executions.hint.contains("--desired-value 1100 "), "{}", executions.hint);
    assert!(executions.hint.contains("`reserved_concurrency = \"off\"`"), "{}", executions.hint);
    let roles = judge(&need(QuotaKind::Roles, 1), 1000, 1000, LimitSource::Account).expect("too much");
    assert!(roles.hint.contains("--region us-east-1"), "IAM's quotas are there: {}", roles.hint);
}

#[test]
fn the_size_of_each_resource_needs_no_reading() {
    let large = QuotaNeed { resource: Some("sync-a".to_owned()), ..need(QuotaKind::EnvironmentSize, 5000) };
    let reading = large.fixed_reading().expect("it is never another");
    let scope = desired_from(MANIFEST).scope;
    let exceeded = judge_quota(&large, reading, &scope).expect("too much");
    assert_eq!(exceeded.text, "bytes of a function's environment: sync-a needs 5000, and 4096 are allowed");
    assert_eq!(exceeded.limit_source, LimitSource::Documented);
    assert_eq!(need(QuotaKind::TrustPolicySize, 1).fixed_reading(), None, "AWS raises it");
    assert!(need(QuotaKind::Rules, 1).always_fits(99) && !need(QuotaKind::Rules, 2).always_fits(99));
}
