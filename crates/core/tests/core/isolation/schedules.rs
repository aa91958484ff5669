//! What a schedule may start: universal targets, versions of a function, and what is no venue's in the deployment's group.

use deployer_core::isolation::planned::{CredentialsByVenue, planned_subjects};
use deployer_core::isolation::schedules::{find_schedule_strangers, scheduled_start};
use deployer_core::isolation::{PairState, SimulationResults, VenueSubject, judge_pairs, live_deliveries};
use deployer_core::manifest::parse_manifest;
use deployer_core::resource::members::UnmodeledPart;
use deployer_core::resource::{LiveSchedule, LiveScheduleGroup, LiveStack, Observed, ScheduleTarget};
use serde_json::{Value, json};

use crate::fixtures::{MANIFEST, desired_from, with_scheduler};

const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";

/// `harbour` and `mill`, with schedules, and their group.
fn scheduled_venues() -> (Vec<VenueSubject>, LiveScheduleGroup) {
    let text = with_scheduler(MANIFEST, "scheduler");
    let manifest = parse_manifest(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}")).manifest;
    let desired = desired_from(&text);
    let group = desired.schedule_group.clone().expect("a group");
    let subjects = planned_subjects(&manifest, &desired, &CredentialsByVenue::new());
    assert_eq!(subjects.iter().map(|subject| subject.venue.as_str()).collect::<Vec<_>>(), ["harbour", "mill"]);
    let group = LiveScheduleGroup { name: group.name, arn: group.arn, tags: group.tags, others: [].into() };
    (subjects, group)
}

fn target(arn: &str, role: &str, input: &Value) -> ScheduleTarget {
    ScheduleTarget {
        arn: arn.to_owned(),
        role_arn: Some(role.to_owned()),
        input: Some(input.to_string()),
        ..ScheduleTarget::default()
    }
}

fn live_schedule(name: &str, target: ScheduleTarget) -> LiveSchedule {
    LiveSchedule {
        name: name.to_owned(),
        description: String::new(),
        expression: "rate(1 hour)".to_owned(),
        timezone: "UTC".to_owned(),
        window_minutes: None,
        enabled: true,
        target,
        owner: None,
        unmodeled: UnmodeledPart::default(),
    }
}

#[test]
fn a_schedule_reaches_another_venue_by_any_target_that_starts_it_or_has_its_role() {
    let (subjects, group) = scheduled_venues();
    let (alias, role) = (format!("{}:live", subjects[1].function_arn), subjects[1].role_arn.clone());
    let function = alias.trim_end_matches(":live").rsplit(':').next().expect("a name").to_owned();
    let invoke = format!("{UNIVERSAL}lambda:invoke");
    let account = &subjects[1].account;
    let own_role = subjects[0].role_arn.clone();
    let cases = [
        (target(&alias, &role, &json!({})), true),
        (target(&invoke, &role, &json!({ "FunctionName": alias })), true),
        (target(&invoke, &role, &json!({ "FunctionName": function, "Qualifier": "live" })), true),
        (target(&invoke, &role, &json!({ "FunctionName": format!("{account}:function:{function}:live") })), true),
        (target(&format!("{UNIVERSAL}secretsmanager:putSecretValue"), &role, &json!({ "SecretId": "x" })), true),
        // Its role may invoke the alias of its own venue and nothing else.
        (target(&format!("{}:3", subjects[1].function_arn), &role, &json!({})), false),
        (target(&invoke, &own_role, &json!({ "FunctionName": alias })), false),
        (target(&format!("{UNIVERSAL}sqs:sendMessage"), &own_role, &json!({})), false),
    ];
    for (target, reaches) in cases {
        let mut changed = subjects.clone();
        changed[0].schedule = Ok(Some(scheduled_start(group.arn.clone(), &target)));
        let report = judge_pairs(&changed, &SimulationResults::default(), Vec::new());
        let pair = report.pairs.iter().find(|pair| (pair.from.as_str(), pair.to.as_str()) == ("harbour", "mill"));
        let expected = if reaches { PairState::Open } else { PairState::Isolated };
        assert_eq!(pair.expect("the pair").state, expected, "{target:?}");
    }
}

#[test]
fn what_is_no_venues_in_the_group_is_named_if_it_starts_a_function_or_has_a_role() {
    let (subjects, group) = scheduled_venues();
    let (function, role) = (subjects[0].function_arn.as_str(), subjects[0].role_arn.as_str());
    let theirs = "arn:aws:iam::123456789012:role/theirs";
    let queue = "arn:aws:sqs:eu-west-1:123456789012:theirs";
    let named = function.rsplit(':').next().expect("a name");
    let starts = Some("starts its function".to_owned());
    for (target, expected) in [
        (target(&format!("{function}:live"), role, &json!({})), starts.clone()),
        (target(function, theirs, &json!({})), starts.clone()),
        (target(&format!("{UNIVERSAL}lambda:invoke"), theirs, &json!({ "FunctionName": named })), starts),
        (target(queue, role, &json!({})), Some(format!("has its role, and calls {queue}"))),
        (target(queue, theirs, &json!({})), None),
        (target(&format!("{function}-2"), theirs, &json!({})), None),
        (target(&format!("{UNIVERSAL}lambda:invoke"), theirs, &json!({ "FunctionName": "other" })), None),
    ] {
        let schedule = live_schedule("theirs", target);
        let expected = expected.map(|does| {
            format!("harbour: the schedule theirs in the group {}, which is no venue's, {does}", group.name)
        });
        assert_eq!(find_schedule_strangers(&schedule, &group, &subjects), Vec::from_iter(expected));
    }
}

/// The queue of a schedule gets the events that weren't delivered, as that of a rule does.
#[test]
fn what_a_schedule_could_not_deliver_is_sent_to_its_queue() {
    let queue = "arn:aws:sqs:eu-west-1:123456789012:dead";
    let schedule = live_schedule(
        "sync-harbour-schedule",
        ScheduleTarget { dead_letter: Some(queue.to_owned()), ..ScheduleTarget::default() },
    );
    let live = LiveStack { schedule: Observed::Present(schedule), ..LiveStack::default() };
    let found = live_deliveries("harbour", &live);
    let found: Vec<_> = found.iter().map(|it| (it.setting.as_str(), it.destination.as_str())).collect();
    assert_eq!(found, [("the dead-letter setting of harbour's schedule", queue)]);
}
