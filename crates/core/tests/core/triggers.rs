//! What starts the runs: rules or schedules, as the manifest says, and the way from one to the other.

use deployer_core::cost::{CostAssumptions, CostItem, Money, estimate};
use deployer_core::desired::Desired;
use deployer_core::isolation::planned::{CredentialsByVenue, planned_subjects};
use deployer_core::isolation::{PairState, SimulationResults, VenueSubject, judge_pairs};
use deployer_core::manifest::parse_manifest;
use deployer_core::plan::{
    EventBridgeOperation, IamOperation, LambdaOperation, Operation, Plan, SchedulerOperation, invariants, plan,
};
use deployer_core::quota::{QuotaKind, find_quota_needs};
use deployer_core::resource::{
    DesiredStack, LiveRule, LiveSchedule, LiveScheduleGroup, LiveStack, Observed, PermissionStatement, StringMap,
    Trigger,
};
use deployer_core::snapshot::Snapshot;
use serde_json::json;

use crate::fixtures::{
    MANIFEST, converged_snapshot, desired_from, desired_in_china, expect_present, harbour_stack, rule_of, venue_tables,
    with_scheduler,
};

fn plan_checked(desired: &Desired, snapshot: &Snapshot) -> Plan {
    let plan = plan(desired, snapshot, &[]);
    assert_eq!(invariants::find_violations(&plan, desired, snapshot), Vec::<String>::new());
    plan
}

fn describe_calls(plan: &Plan) -> Vec<String> {
    let calls = |change: &deployer_core::plan::Change| {
        let calls: Vec<&str> = change.operations.iter().map(Operation::call_name).collect();
        format!("{}: {}", change.address, calls.join(", "))
    };
    plan.changes.iter().map(calls).collect()
}

fn many_venues(count: usize, scheduler: &str, more: &str) -> Desired {
    let venues: String = (0..count).map(|number| venue_tables(&format!("v{number:03}"), more)).collect();
    desired_from(&with_scheduler(
        &format!("[deployment]\nname = \"sync\"\nregion = \"eu-west-1\"\n{venues}"),
        scheduler,
    ))
}

#[test]
fn auto_takes_schedules_from_250_venues_or_with_a_time_zone() {
    let scheduled = |desired: &Desired| desired.scheduled_venues().len();
    assert_eq!([249, 250].map(|count| scheduled(&many_venues(count, "auto", ""))), [0, 250]);
    assert_eq!([249, 250].map(|count| scheduled(&many_venues(count, "rules", ""))), [0, 0]);
    assert_eq!(scheduled(&many_venues(3, "scheduler", "")), 3);
    let zone = "timezone = \"Europe/London\"\n";
    assert_eq!(["rules", "auto"].map(|scheduler| scheduled(&many_venues(3, scheduler, zone))), [0, 3]);
    let one = MANIFEST.replacen("display_name = \"Harbour\"", &format!("display_name = \"Harbour\"\n{zone}"), 1);
    let desired = desired_from(&with_scheduler(&one, "auto"));
    assert_eq!(desired.scheduled_venues().into_iter().collect::<Vec<_>>(), ["harbour"]);
    assert!(desired.schedule_group.is_some());
    assert_eq!(desired_from(MANIFEST), desired_from(&with_scheduler(MANIFEST, "rules")), "the default");
}

#[test]
fn a_schedule_counts_in_the_zone_of_its_venue_if_people_chose_the_times() {
    let with = |lines: &str| {
        let manifest =
            MANIFEST.replacen("display_name = \"Harbour\"", &format!("display_name = \"Harbour\"\n{lines}"), 1);
        let desired = desired_from(&with_scheduler(&manifest, "scheduler"));
        let stack = desired.venues[0].stack.as_ref().expect("a stack");
        let schedule = stack.trigger.as_schedule().expect("a schedule");
        format!("{} {}", schedule.expression, schedule.timezone)
    };
    let zone = "timezone = \"Europe/London\"";
    assert_eq!(with("schedule = \"cron(0 8 * * ? *)\""), "cron(0 8 * * ? *) UTC");
    assert_eq!(with(&format!("schedule = \"cron(0 8 * * ? *)\"\n{zone}")), "cron(0 8 * * ? *) Europe/London");
    let spread = with(zone);
    assert!(spread.starts_with("cron(") && spread.ends_with(" UTC"), "an interval has no zone: {spread}");
}

/// Where few venues start together, a window would only make flags wait.
#[test]
fn schedules_of_many_venues_have_a_flexible_window_and_those_of_few_have_none() {
    let windows = |venues: usize, schedule: &str| {
        let lines = format!("schedule = \"{schedule}\"\n");
        let tables: String = (0..venues).map(|number| venue_tables(&format!("v{number:03}"), &lines)).collect();
        let head = "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\nscheduler = \"scheduler\"\n\n";
        let desired = desired_from(&format!("{head}{tables}"));
        let of_stack = |stack: &DesiredStack| {
            let waits_as_many = stack.function.configuration.environment["SYNC_CONFIG"].contains("starting_together");
            stack.trigger.as_schedule().map(|schedule| (schedule.window_minutes, waits_as_many))
        };
        let mut found: Vec<_> = desired.venues.iter().filter_map(|venue| of_stack(venue.stack.as_ref()?)).collect();
        found.dedup();
        found
    };
    assert_eq!(windows(100, "rate(5 minutes)"), [(None, false)], "20 a minute");
    assert_eq!(windows(250, "rate(5 minutes)"), [(Some(1), false)], "50 a minute, and few of them meet");
    assert_eq!(windows(250, "cron(0 8 * * ? *)"), [(None, true)], "people chose the time");
    let desired = desired_from(&with_scheduler(MANIFEST, "scheduler"));
    let mut snapshot = converged_snapshot(&desired);
    expect_present(&mut harbour_stack(&mut snapshot).schedule).window_minutes = Some(1);
    let plan = plan_checked(&desired, &snapshot);
    let change = plan
        .changes
        .iter()
        .flat_map(|change| &change.attributes)
        .map(|attribute| (attribute.path.as_str(), attribute.before.as_ref(), attribute.after.as_ref()));
    let (before, after) = (json!("1 minute"), json!("OFF"));
    assert_eq!(change.collect::<Vec<_>>(), [("flexible_window", Some(&before), Some(&after))]);
}

/// A schedule needs a role everywhere, and no statement in the alias's policy.
#[test]
fn a_schedule_has_a_role_where_rules_have_none() {
    for desired in [
        desired_in_china(&with_scheduler(MANIFEST, "scheduler")),
        desired_from(&with_scheduler(
            &MANIFEST.replacen(
                "region =",
                "permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"\nregion =",
                1,
            ),
            "scheduler",
        )),
    ] {
        let stack = desired.venues[0].stack.as_ref().expect("a stack");
        assert!(stack.permission.is_none());
        assert!(stack.trigger.as_schedule().is_some_and(|schedule| schedule.target.role_arn.is_some()));
        assert!(stack.role.trust.to_string().contains("scheduler.amazonaws.com"));
        assert!(stack.role.policy.to_string().contains("StartOwnRuns"));
        let plan = plan_checked(&desired, &Snapshot::default());
        let note = plan.notes.iter().any(|note| note.contains("permissions boundary must allow lambda:InvokeFunction"));
        assert_eq!(note, stack.role.permissions_boundary.is_some(), "{:?}", plan.notes);
    }
}

#[test]
fn fixes_drift_of_a_schedule() {
    type Drift = (&'static str, fn(&mut LiveSchedule));
    let drifts: [Drift; 8] = [
        ("time", |live| live.expression = "rate(1 day)".to_owned()),
        ("zone", |live| live.timezone = "Asia/Tokyo".to_owned()),
        ("window", |live| live.window_minutes = Some(15)),
        ("disabled", |live| live.enabled = false),
        ("input", |live| live.target.input = Some("{}".to_owned())),
        ("role", |live| live.target.role_arn = Some("arn:aws:iam::123456789012:role/other".to_owned())),
        ("retries", |live| live.target.maximum_retry_attempts = Some(185)),
        ("dead letters", |live| live.target.dead_letter = Some("arn:aws:sqs:eu-west-1:123456789012:q".to_owned())),
    ];
    let desired = desired_from(&with_scheduler(MANIFEST, "scheduler"));
    for (name, drift) in drifts {
        let mut snapshot = converged_snapshot(&desired);
        assert_eq!(plan_checked(&desired, &snapshot).changes, []);
        drift(expect_present(&mut harbour_stack(&mut snapshot).schedule));
        let calls = describe_calls(&plan_checked(&desired, &snapshot));
        assert_eq!(calls, ["harbour/schedule: scheduler:UpdateSchedule"], "{name}");
    }
}

/// Carries out an operation on what was observed, as far as it is about what starts the runs.
fn execute(snapshot: &mut Snapshot, deployment: &str, operation: &Operation) {
    let venue = "harbour";
    if let Operation::Scheduler(operation) = operation {
        match operation {
            SchedulerOperation::CreateScheduleGroup { group } => {
                snapshot.schedule_group = Observed::Present(LiveScheduleGroup {
                    name: group.name.clone(),
                    arn: group.arn.clone(),
                    tags: group.tags.clone(),
                    others: StringMap::new(),
                });
                return;
            }
            SchedulerOperation::DeleteScheduleGroup { .. } => {
                snapshot.schedule_group = Observed::Absent;
                return;
            }
            _ => {}
        }
    }
    let live = snapshot.venues.get_mut(venue).expect("it is deployed");
    match operation {
        Operation::Iam(IamOperation::UpdateAssumeRolePolicy { document, .. }) => {
            expect_present(&mut live.role).trust = document.clone();
        }
        Operation::Iam(IamOperation::PutRolePolicy { policy, document, .. }) => {
            expect_present(&mut live.role).policies.insert(policy.clone(), document.clone());
        }
        Operation::EventBridge(EventBridgeOperation::PutRule { rule }) => {
            let before = live.rule.as_present().cloned();
            live.rule = Observed::Present(LiveRule {
                name: rule.name.clone(),
                description: rule.description.clone(),
                schedule: rule.schedule.clone(),
                enabled: rule.enabled,
                tags: before.as_ref().map_or_else(|| rule.tags.clone(), |rule| rule.tags.clone()),
                targets: before.map(|rule| rule.targets).unwrap_or_default(),
                unmodeled: Default::default(),
            });
        }
        Operation::EventBridge(EventBridgeOperation::PutTargets { targets, .. }) => {
            expect_present(&mut live.rule).targets.clone_from(targets);
        }
        Operation::EventBridge(EventBridgeOperation::RemoveTargets { .. }) => {
            expect_present(&mut live.rule).targets.clear();
        }
        Operation::EventBridge(EventBridgeOperation::DeleteRule { .. }) => {
            assert!(expect_present(&mut live.rule).targets.is_empty(), "AWS deletes no rule with targets");
            live.rule = Observed::Absent;
        }
        Operation::Scheduler(
            SchedulerOperation::CreateSchedule { schedule } | SchedulerOperation::UpdateSchedule { schedule },
        ) => {
            let trust = live.role.as_present().expect("a role").trust.to_string();
            assert!(trust.contains("scheduler.amazonaws.com"), "AWS validates the role");
            assert!(snapshot.schedule_group.as_present().is_some(), "it has a group");
            live.schedule = Observed::Present(LiveSchedule::of_spec(schedule, deployment));
        }
        Operation::Scheduler(SchedulerOperation::DeleteSchedule { .. }) => live.schedule = Observed::Absent,
        Operation::Lambda(LambdaOperation::AddPermission { permission }) => {
            let statements = vec![PermissionStatement::of_spec(permission)];
            live.permission = Observed::Present(deployer_core::resource::LivePermission { statements });
        }
        Operation::Lambda(LambdaOperation::RemovePermission { .. }) => live.permission = Observed::Absent,
        other => panic!("{}", other.call_name()),
    }
}

/// Whether the rule fires, and whether the schedule does. Each with the right to start the runs, or none of this counts.
fn firing(live: &LiveStack) -> (bool, bool) {
    let trust = live.role.as_present().expect("a role").trust.to_string();
    let rule = live.rule.as_present().filter(|rule| rule.enabled).is_some_and(|rule| !rule.targets.is_empty());
    let schedule = live.schedule.as_present().is_some_and(|schedule| schedule.enabled);
    let by_permission = live.permission.as_present().is_some();
    assert!(!rule || by_permission || trust.contains("events.amazonaws.com"), "a rule without a right");
    assert!(!schedule || trust.contains("scheduler.amazonaws.com"), "a schedule without a right");
    (rule, schedule)
}

/// Harbour alone, with rules and with schedules.
fn both_ways(manifest: &str) -> [Desired; 2] {
    ["rules", "scheduler"].map(|scheduler| {
        let mut desired = desired_from(&with_scheduler(manifest, scheduler));
        desired.venues.truncate(1);
        desired
    })
}

fn operations_of(plan: &Plan) -> Vec<Operation> {
    plan.changes.iter().flat_map(|change| change.operations.clone()).collect()
}

/// Wherever an apply is broken off, a venue never has both, and the next apply completes the way, whether the manifest stays
/// as it is or goes back.
#[test]
fn changes_over_without_a_moment_with_both_wherever_it_is_broken_off() {
    let boundary = "permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"\nregion =";
    for manifest in [MANIFEST.to_owned(), MANIFEST.replacen("region =", boundary, 1)] {
        let desired = both_ways(&manifest);
        for (from, to) in [(0, 1), (1, 0)] {
            let start = converged_snapshot(&desired[from]);
            let whole = plan_checked(&desired[to], &start);
            assert_eq!(whole.deleted_venues(), [""; 0], "the venue stays");
            for broken_off_after in 0..=operations_of(&whole).len() {
                for then in [to, from] {
                    let mut snapshot = start.clone();
                    let mut seen = Vec::new();
                    for (wanted, limit) in [(to, broken_off_after), (then, usize::MAX)] {
                        for operation in operations_of(&plan_checked(&desired[wanted], &snapshot)).iter().take(limit) {
                            execute(&mut snapshot, "sync", operation);
                            seen.push(operation.call_name());
                            let (rule, schedule) = firing(&snapshot.venues["harbour"]);
                            assert!(!(rule && schedule), "both fire after {seen:?}");
                        }
                    }
                    let end = firing(&snapshot.venues["harbour"]);
                    assert_eq!(
                        end,
                        (then == 0, then == 1),
                        "{from} to {to}, {broken_off_after}, then {then}: {seen:?}"
                    );
                    assert_eq!(describe_calls(&plan_checked(&desired[then], &snapshot)), [""; 0], "after {seen:?}");
                    assert_eq!(snapshot, converged_snapshot(&desired[then]), "nothing is left behind");
                }
            }
        }
    }
}

#[test]
fn the_steps_of_a_changeover_are_in_the_plan() {
    let desired = both_ways(MANIFEST);
    let [to, back] = [(0, 1), (1, 0)]
        .map(|(from, to)| describe_calls(&plan_checked(&desired[to], &converged_snapshot(&desired[from]))).join("\n"));
    insta::assert_snapshot!(to, @"
    _all/schedule-group: scheduler:CreateScheduleGroup
    harbour/role: iam:UpdateAssumeRolePolicy
    harbour/schedule: scheduler:CreateSchedule, events:PutRule, scheduler:UpdateSchedule
    harbour/target: events:RemoveTargets
    harbour/rule: events:DeleteRule, iam:UpdateAssumeRolePolicy
    ");
    insta::assert_snapshot!(back, @"
    harbour/role: iam:UpdateAssumeRolePolicy
    harbour/rule: events:PutRule
    harbour/target: scheduler:UpdateSchedule, events:PutTargets
    harbour/schedule: scheduler:DeleteSchedule, iam:UpdateAssumeRolePolicy
    _all/schedule-group: scheduler:DeleteScheduleGroup
    ");
}

#[test]
fn a_paused_venue_changes_over_without_firing() {
    let desired = both_ways(&MANIFEST.replacen(
        "display_name = \"Harbour\"",
        "display_name = \"Harbour\"\nstatus = \"paused\"",
        1,
    ));
    for (from, to) in [(0, 1), (1, 0)] {
        let mut snapshot = converged_snapshot(&desired[from]);
        for operation in operations_of(&plan_checked(&desired[to], &snapshot)) {
            execute(&mut snapshot, "sync", &operation);
            assert_eq!(firing(&snapshot.venues["harbour"]), (false, false), "{}", operation.call_name());
        }
        assert_eq!(snapshot, converged_snapshot(&desired[to]));
    }
}

/// What is unreadable may fire.
#[test]
fn starts_nothing_while_the_other_one_is_unreadable() {
    let desired = both_ways(MANIFEST);
    let unreadable = || "events:ListRules: AccessDenied: no".to_owned();
    let mut snapshot = converged_snapshot(&desired[0]);
    harbour_stack(&mut snapshot).rule = Observed::Unreadable(unreadable());
    let plan = plan_checked(&desired[1], &snapshot);
    assert_eq!(describe_calls(&plan).len(), 2, "the group and the role's trust: {:?}", describe_calls(&plan));
    assert!(plan.unreadable.iter().any(|it| it.reason.contains("whether its rule fires is unknown")));
    let mut snapshot = converged_snapshot(&desired[1]);
    snapshot.schedule_group = Observed::Unreadable(unreadable());
    harbour_stack(&mut snapshot).schedule = Observed::Unreadable(unreadable());
    let plan = plan_checked(&desired[0], &snapshot);
    let calls = describe_calls(&plan).join("\n");
    assert!(!calls.contains("PutTargets") && !calls.contains("scheduler:"), "{calls}");
}

/// A group is deleted with all that is in it.
#[test]
fn a_group_with_somebody_elses_schedule_stays() {
    let desired = both_ways(MANIFEST);
    let mut snapshot = converged_snapshot(&desired[1]);
    let others = [("theirs".to_owned(), "arn:aws:sqs:eu-west-1:1:q".to_owned())];
    expect_present(&mut snapshot.schedule_group).others = others.into();
    let plan = plan_checked(&desired[0], &snapshot);
    assert!(!describe_calls(&plan).join("\n").contains("DeleteScheduleGroup"));
    assert!(plan.findings.iter().any(|finding| finding.text.contains("theirs")), "{:?}", plan.findings);
}

#[test]
fn a_group_of_somebody_elses_is_a_conflict_and_its_contents_stay() {
    let desired = both_ways(MANIFEST);
    let mut snapshot = converged_snapshot(&desired[0]);
    let group = desired[1].schedule_group.clone().expect("a group");
    snapshot.schedule_group = Observed::Present(LiveScheduleGroup {
        name: group.name,
        arn: group.arn,
        tags: StringMap::from([("deployer:deployment".to_owned(), "other".to_owned())]),
        others: StringMap::new(),
    });
    let plan = plan_checked(&desired[1], &snapshot);
    assert_eq!(plan.conflicts.len(), 1);
    assert!(!describe_calls(&plan).join("\n").contains("Schedule"), "{:?}", describe_calls(&plan));
}

#[test]
fn a_rule_has_what_it_always_had() {
    let desired = desired_from(MANIFEST);
    let stack = desired.venues[0].stack.as_ref().expect("a stack");
    assert!(matches!(stack.trigger, Trigger::Rule(_)));
    assert!(rule_of(stack).target.target.role_arn.is_some());
    assert!(!stack.role.trust.to_string().contains("scheduler.amazonaws.com"));
}

/// By Scheduler's rules a schedule may have the role of any venue of its group. What it really invokes decides.
#[test]
fn no_schedule_starts_another_venues_function() {
    let text = with_scheduler(MANIFEST, "scheduler");
    let manifest = parse_manifest(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}")).manifest;
    let subjects = planned_subjects(&manifest, &desired_from(&text), &CredentialsByVenue::new());
    let judge = |subjects: &[VenueSubject]| {
        let report = judge_pairs(subjects, &SimulationResults::default(), Vec::new());
        let states = report.pairs.iter().map(|pair| (pair.from.clone(), pair.to.clone(), pair.state));
        (report.is_open(), states.collect::<Vec<_>>())
    };
    let (open, states) = judge(&subjects);
    assert!(!open, "{states:?}");
    assert!(states.iter().any(|(from, to, state)| from == to && *state == PairState::Own), "{states:?}");
    let mut crossed = subjects.clone();
    crossed[0].schedule.clone_from(&subjects[1].schedule);
    let (open, states) = judge(&crossed);
    assert!(open && states.contains(&("harbour".to_owned(), "mill".to_owned(), PairState::Open)), "{states:?}");
    let mut elsewhere = subjects.clone();
    let start = elsewhere[0].schedule.as_mut().expect("known").as_mut().expect("a schedule");
    start.role_arn.clone_from(&subjects[1].role_arn);
    let (_, states) = judge(&elsewhere);
    let own = states.iter().find(|(from, to, _)| (from.as_str(), to.as_str()) == ("harbour", "harbour"));
    assert!(own.is_some_and(|(.., state)| *state != PairState::Own), "{states:?}");
}

#[test]
fn schedules_cost_a_little_and_need_no_rules() {
    let desired = desired_from(&with_scheduler(MANIFEST, "scheduler"));
    let estimate = estimate(&desired, &Snapshot::default(), &[], &CostAssumptions::default());
    let costs = |item: CostItem| {
        let items = estimate.venues.iter().flat_map(|venue| &venue.items).filter(|cost| cost.item == item);
        items.map(|cost| cost.cost.after).any(|money| money != Money::ZERO)
    };
    assert!(costs(CostItem::SchedulerInvocations));
    let plan = plan_checked(&desired, &Snapshot::default());
    let needs = find_quota_needs(&plan, &Snapshot::default(), None);
    let kinds: Vec<QuotaKind> = needs.iter().map(|need| need.kind).collect();
    assert!(kinds.contains(&QuotaKind::Schedules) && kinds.contains(&QuotaKind::ScheduleGroups), "{kinds:?}");
    assert!(!kinds.contains(&QuotaKind::Rules), "{kinds:?}");
}
