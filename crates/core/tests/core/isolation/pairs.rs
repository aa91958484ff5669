//! Every pair of venues, as planned and with changes that break the isolation.

use deployer_core::isolation::planned::CredentialsByVenue;
use deployer_core::isolation::{IsolationReport, PairState, Reach, RequestVerdict, parse_policies};
use serde_json::json;
use sync_config::config::{DestinationConfig, TripleseatDestination};

use crate::fixtures::{credentials_with_values, judge_planned};

fn state_of(report: &IsolationReport, from: &str, to: &str) -> PairState {
    report.pairs.iter().find(|pair| pair.from == from && pair.to == to).expect("the pair").state
}

/// What is allowed, and for which pair.
fn allowed_requests(report: &IsolationReport) -> Vec<(String, String, Reach)> {
    let mut open: Vec<_> = report
        .distinct_pairs()
        .flat_map(|pair| pair.checks.iter().map(move |check| (pair, check)))
        .filter(|(_, check)| check.verdict == RequestVerdict::Allowed)
        .map(|(pair, check)| (pair.from.clone(), pair.to.clone(), check.reach))
        .collect();
    open.dedup();
    open
}

fn request_between(from: &str, to: &str, reach: Reach) -> (String, String, Reach) {
    (from.to_owned(), to.to_owned(), reach)
}

#[test]
fn planned_venues_are_isolated_and_can_do_their_work() {
    let report = judge_planned(&["a", "b", "c"], &CredentialsByVenue::new(), |_| ());
    for one in &report.pairs {
        let expected = if one.from == one.to { PairState::Own } else { PairState::Isolated };
        assert_eq!(one.state, expected, "{one:?}");
        assert!(one.checks.iter().all(|check| !check.reason.is_empty()));
    }
    assert!(!report.is_open() && !report.has_unknowns());
}

#[test]
fn finds_a_widened_role() {
    let wide =
        json!({ "Statement": { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*" } });
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        subjects[0].role.as_mut().expect("read").extend(parse_policies("more", &wide).expect("a policy"));
    });
    assert_eq!(allowed_requests(&report), [request_between("a", "b", Reach::Secret)]);
    assert_eq!((state_of(&report, "a", "b"), state_of(&report, "b", "a")), (PairState::Open, PairState::Isolated));
}

#[test]
fn role_without_permissions_proves_nothing() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| subjects[0].role = Ok(Vec::new()));
    assert_eq!(state_of(&report, "a", "a"), PairState::OwnDenied);
    assert!(report.is_open());
}

#[test]
fn finds_a_function_that_another_rule_may_invoke() {
    for (condition, found) in [
        (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/sync-*" } }), true),
        (json!({ "StringEquals": { "AWS:SourceAccount": "123456789012" } }), true),
        (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/sync-b-*" } }), false),
        (json!({ "StringEquals": { "AWS:SourceAccount": "999999999999" } }), false),
    ] {
        let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
            let function = subjects[1].function_arn.clone();
            let statement = json!({ "Statement": [{
                "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
                "Action": "lambda:InvokeFunction", "Resource": format!("{function}:live"), "Condition": condition,
            }] });
            let more = parse_policies("more", &statement).expect("a policy");
            subjects[1].function_policy.as_mut().expect("read").extend(more);
        });
        let expected = if found { vec![request_between("a", "b", Reach::Rule)] } else { Vec::new() };
        assert_eq!(allowed_requests(&report), expected, "{condition}");
    }
}

#[test]
fn finds_a_role_that_another_may_assume() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        let statement =
            json!({ "Effect": "Allow", "Principal": { "AWS": subjects[0].role_arn }, "Action": "sts:AssumeRole" });
        subjects[1].trust = parse_policies("trust", &json!({ "Statement": statement }));
        subjects[0].secret_policy = parse_policies(
            "policy",
            &json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" } }),
        );
    });
    assert_eq!(
        allowed_requests(&report),
        [request_between("a", "b", Reach::Role), request_between("b", "a", Reach::Secret)]
    );
}

#[test]
fn unreadable_policy_is_neither_isolated_nor_open() {
    let report = judge_planned(&["a", "b", "c"], &CredentialsByVenue::new(), |subjects| {
        subjects[1].function_policy = Err("could not read it".to_owned());
    });
    assert_eq!(state_of(&report, "a", "b"), PairState::Untold);
    assert_eq!((state_of(&report, "b", "a"), state_of(&report, "a", "c")), (PairState::Isolated, PairState::Isolated));
    assert!(report.has_unknowns() && !report.is_open());
}

#[test]
fn finds_shared_credentials_by_value() {
    const KEY: &str = "TRIPLESEAT_PUBLIC_KEY";
    let report = judge_planned(
        &["a", "b", "c"],
        &credentials_with_values(&[("a", KEY, 1), ("b", KEY, 1), ("c", KEY, 2)]),
        |_| (),
    );
    let states = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "b")].map(|(from, to)| state_of(&report, from, to));
    assert_eq!(states, [PairState::Open, PairState::Open, PairState::Isolated, PairState::Isolated]);

    // Two venues in one account are distinguished by their locations.
    let at = |location_id| {
        let place = TripleseatDestination { location_id, site_id: Some(7), ..TripleseatDestination::default() };
        DestinationConfig::Tripleseat(place)
    };
    let houses = |second| {
        judge_planned(&["a", "b"], &credentials_with_values(&[("a", KEY, 1), ("b", KEY, 1)]), move |subjects| {
            subjects[0].holdings.as_mut().expect("read").destination = at(Some(1));
            subjects[1].holdings.as_mut().expect("read").destination = at(second);
        })
    };
    assert_eq!(state_of(&houses(Some(2)), "a", "b"), PairState::Isolated);
    assert_eq!(state_of(&houses(Some(1)), "a", "b"), PairState::Open);
    assert_eq!(state_of(&houses(None), "a", "b"), PairState::Open);

    // One app for several venues is allowed but reported.
    let report = judge_planned(
        &["a", "b"],
        &credentials_with_values(&[("a", "HUBSPOT_TOKEN", 1), ("b", "HUBSPOT_TOKEN", 1)]),
        |_| (),
    );
    assert_eq!(state_of(&report, "a", "b"), PairState::Isolated);
}

#[test]
fn finds_shared_flags_secrets_and_destinations() {
    let shared = |change: fn(&mut deployer_core::isolation::VenueHoldings)| {
        let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
            for subject in subjects {
                change(subject.holdings.as_mut().expect("read"));
            }
        });
        let pair = report.pairs.into_iter().find(|pair| pair.from == "a" && pair.to == "b").expect("the pair");
        (pair.state, pair.shared.into_iter().map(|shared| shared.what).collect::<Vec<_>>())
    };
    assert_eq!(
        shared(|holdings| holdings.flag_property = "one".to_owned()),
        (PairState::Open, vec!["flag_property".to_owned()])
    );
    assert_eq!(
        shared(|holdings| holdings.secret_arn = Some("arn".to_owned())),
        (PairState::Open, vec!["secret".to_owned()])
    );
    let one = |holdings: &mut deployer_core::isolation::VenueHoldings| {
        let place = TripleseatDestination { location_id: Some(1), ..TripleseatDestination::default() };
        holdings.destination = DestinationConfig::Tripleseat(place);
    };
    assert_eq!(shared(one), (PairState::Open, vec!["destination".to_owned()]));
}

#[test]
fn finds_a_function_that_uses_another_venues_secret() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        let (a, b) = (subjects[0].secret_arn.clone().ok(), subjects[1].secret_arn.clone().ok());
        subjects[0].holdings.as_mut().expect("read").secret_arn = b;
        subjects[1].holdings.as_mut().expect("read").secret_arn = a;
    });
    assert!(report.distinct_pairs().all(|pair| pair.state == PairState::Open));
}
