//! Plans, costs and isolation reports as text. What they contain is tested in `deployer-core`.

use deployer::render::{PlanDetail, cost_line, isolation_text, plan_text};
use deployer_core::cost::{CostAssumptions, estimate};
use deployer_core::isolation::planned::CredentialsByVenue;
use deployer_core::isolation::{IsolationReport, parse_policies};
use deployer_core::naming::mark_description;
use deployer_core::plan::{Plan, plan};
use deployer_core::resource::Observed;
use deployer_core::snapshot::Snapshot;
use serde_json::json;
use sync_config::config::{DestinationConfig, TripleseatDestination};

use crate::fixtures::{
    FLAG, MANIFEST, STATUS, applied_stack, converged_snapshot, credentials_with_values, desired_from, desired_state,
    everything_applied, expect_present, harbour_stack, judge_planned, property_mut,
};

fn rendered_text(plan: &Plan) -> String {
    anstream::adapter::strip_str(&plan_text(plan, PlanDetail::Folded)).to_string()
}

fn rendered_isolation(report: &IsolationReport) -> String {
    anstream::adapter::strip_str(&isolation_text(report, "as planned")).to_string()
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
fn hides_the_values_of_undeclared_variables() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    let environment = &mut expect_present(&mut harbour_stack(&mut snapshot).function).configuration.environment;
    environment.insert("API_KEY".to_owned(), "topsecret".to_owned());
    let text = rendered_text(&plan(&desired, &snapshot, &[]));
    assert!(text.contains("API_KEY") && !text.contains("topsecret"), "{text}");
}

#[test]
fn renders_conflicts_with_their_owners() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    let tags = &mut expect_present(&mut harbour_stack(&mut snapshot).function).tags;
    tags.insert("deployer:deployment".to_owned(), "other".to_owned());
    insta::assert_snapshot!(rendered_text(&plan(&desired, &snapshot, &[])));
}

#[test]
fn renders_conflicting_properties_with_a_remedy() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&desired);
    property_mut(&mut snapshot, FLAG).description = mark_description("other", "harbour");
    property_mut(&mut snapshot, STATUS).kind = "string".to_owned();
    property_mut(&mut snapshot, STATUS).field_type = "text".to_owned();
    let text = rendered_text(&plan(&desired, &snapshot, &[]));
    assert!(
        text.contains(&format!("flag-property {FLAG} in HubSpot belongs to deployment other, venue harbour")),
        "{text}"
    );
    let words = format!("status-property {STATUS} is string/text in HubSpot, but the sync needs enumeration/select");
    assert!(text.contains(&words) && text.contains("Archive it in HubSpot"), "{text}");
}

#[test]
fn cost_line_of_a_plan() {
    let only_harbour = desired_from(&MANIFEST[..MANIFEST.find("[venues.mill]").expect("the manifest has mill")]);
    let estimate =
        estimate(&desired_from(MANIFEST), &converged_snapshot(&only_harbour), &[], &CostAssumptions::default());
    insta::assert_snapshot!(cost_line(&estimate), @"Cost: $0.47 a month now, $0.87 after (+$0.40); assumes runs of 1 s, prices of eu-west-1 as of 2026-08-11; free tier not counted.");
}

#[test]
fn cost_line_limits_the_assumption_to_unmeasured_venues() {
    let measured =
        CostAssumptions { measured_run_ms: [("harbour".to_owned(), 250)].into(), ..CostAssumptions::default() };
    let line = cost_line(&estimate(&desired_from(MANIFEST), &Snapshot::default(), &[], &measured));
    assert!(line.contains("runs of 1 s where none were measured"), "{line}");
}

#[test]
fn cost_line_lists_what_is_not_counted() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = converged_snapshot(&desired);
    harbour_stack(&mut snapshot).rule = Observed::Unreadable("events:ListRules: AccessDenied: no".to_owned());
    snapshot.unreadable.push("events:ListRules: AccessDenied: no".to_owned());
    let estimate = estimate(&desired, &snapshot, &[], &CostAssumptions::default());
    insta::assert_snapshot!(cost_line(&estimate), @"Cost: $0.40 a month now, $0.40 after (no change); assumes runs of 1 s, prices of eu-west-1 as of 2026-08-11; free tier not counted. Not counted: resources in an unreadable list: events:ListRules: AccessDenied: no; harbour: unreadable rule.");
}

#[test]
fn cost_line_names_the_region_whose_prices_it_uses() {
    let mut desired = desired_from(MANIFEST);
    desired.scope.region = "ap-south-1".to_owned();
    let estimate = estimate(&desired, &Snapshot::default(), &[], &CostAssumptions::default());
    insta::assert_snapshot!(cost_line(&estimate), @"Cost: $0.00 a month now, $0.87 after (+$0.87); assumes runs of 1 s, prices of us-east-1 (those of ap-south-1 are unknown) as of 2026-08-11; free tier not counted.");
}

#[test]
fn renders_isolated_venues() {
    let report = judge_planned(&["a", "b", "c"], &CredentialsByVenue::new(), |_| ());
    insta::assert_snapshot!(rendered_isolation(&report));
}

#[test]
fn names_the_statement_of_a_widened_role() {
    let wide =
        json!({ "Statement": { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*" } });
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        subjects[0].role.as_mut().expect("it was read").extend(parse_policies("more", &wide).expect("a policy"));
    });
    let text = rendered_isolation(&report);
    assert!(text.contains("a can reach the secret of b") && text.contains("more, statement 1"), "{text}");
}

#[test]
fn says_which_shared_credentials_are_allowed_and_why() {
    const KEY: &str = "TRIPLESEAT_PUBLIC_KEY";
    let report = judge_planned(&["a", "b"], &credentials_with_values(&[("a", KEY, 1), ("b", KEY, 1)]), |subjects| {
        for (location, subject) in (1..).zip(subjects) {
            let place = TripleseatDestination {
                location_id: Some(location),
                site_id: Some(7),
                ..TripleseatDestination::default()
            };
            subject.holdings.as_mut().expect("it was read").destination = DestinationConfig::Tripleseat(place);
        }
    });
    let text = rendered_isolation(&report);
    assert_eq!(text.matches("each venue has its own location").count(), 2, "the key and the site: {text}");
    let tokens = credentials_with_values(&[("a", "HUBSPOT_TOKEN", 1), ("b", "HUBSPOT_TOKEN", 1)]);
    let text = rendered_isolation(&judge_planned(&["a", "b"], &tokens, |_| ()));
    assert!(text.contains("the same hubspot_token (by value): allowed"), "{text}");
}

#[test]
fn names_a_function_that_uses_another_venues_secret_once() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        let [a, b] = [0, 1].map(|at: usize| subjects[at].secret_arn.clone().expect("planned"));
        subjects[0].holdings.as_mut().expect("it was read").secret_arn = b;
        subjects[1].holdings.as_mut().expect("it was read").secret_arn = a;
    });
    let text = rendered_isolation(&report);
    for words in ["the function of a uses the secret of b", "the function of b uses the secret of a"] {
        assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
    }
}

#[test]
fn with_many_venues_shows_only_open_pairs() {
    let names: Vec<String> = (0..50).map(|number| format!("venue_{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let report = judge_planned(&names, &CredentialsByVenue::new(), |_| ());
    assert_eq!(report.distinct_pairs().count(), 2450);
    let text = rendered_isolation(&report);
    assert!(text.lines().count() < 10 && text.contains("in none of 2450 pairs"), "{text}");
    // What all venues share, and what one may do to all, is reported once.
    let all: Vec<_> = names.iter().map(|name| (*name, "HUBSPOT_TOKEN", 1)).collect();
    let report = judge_planned(&names, &credentials_with_values(&all), |subjects| {
        let wide = json!({ "Statement": { "Effect": "Allow", "Action": "lambda:*", "Resource": "*" } });
        subjects[7].role.as_mut().expect("it was read").extend(parse_policies("more", &wide).expect("a policy"));
    });
    let text = rendered_isolation(&report);
    assert!(text.contains("venue_9 and 40 more: the same hubspot_token (by value): allowed"), "{text}");
    assert!(text.contains("venue_7 can reach the function of venue_0, venue_1"), "{text}");
    assert!(text.contains("49 of 2450 pairs are open") && text.lines().count() < 12, "{text}");
    let report = judge_planned(&names, &CredentialsByVenue::new(), |subjects| {
        subjects[3].holdings.as_mut().expect("it was read").flag_property = "tripleseat_sync__venue_4".to_owned();
    });
    let text = rendered_isolation(&report);
    assert!(
        text.contains("venue_3 and venue_4: the same flag property") && text.contains("2 of 2450 pairs are open"),
        "{text}"
    );
}
