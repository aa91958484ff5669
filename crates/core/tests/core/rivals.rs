//! Other deployments that do the same, renamed venues, and roles below other paths, as plans see them.

use deployer_core::desired::Desired;
use deployer_core::naming::{mark_description, mark_place};
use deployer_core::plan::plan;
use deployer_core::plan::problem::plan_problems;
use deployer_core::resource::Observed;
use deployer_core::rival::{OtherFunction, SharedPart};
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{
    MANIFEST, converged_snapshot, desired_from, desired_state, everything_applied, expect_present, harbour_stack,
    property_mut,
};

/// The function of `harbour` as another deployment has it.
fn other_function(desired: &Desired, region: &str) -> OtherFunction {
    let stack = desired.venues[0].stack.as_ref().expect("it is deployed");
    OtherFunction {
        name: "bookings-harbour".to_owned(),
        region: region.to_owned(),
        deployment: Some("bookings".to_owned()),
        environment: stack.function.configuration.environment.clone(),
        fires: Some(true),
    }
}

fn rivals_of(desired: &Desired, other: OtherFunction) -> Vec<(String, SharedPart)> {
    let snapshot = Snapshot { others: vec![other], ..converged_snapshot(desired) };
    plan(desired, &snapshot, &[]).rivals.into_iter().map(|rival| (rival.venue, rival.shared)).collect()
}

#[test]
fn compares_flag_ledger_and_destination() {
    let desired = desired_from(MANIFEST);
    let flag = SharedPart::Flag("tripleseat_sync__harbour".to_owned());
    let other = other_function(&desired, "eu-west-1");
    assert_eq!(rivals_of(&desired, other.clone()), [("harbour".to_owned(), flag)]);
    let with = |variable: &str, value: &str| {
        let mut other = other.clone();
        other.environment.insert(variable.to_owned(), value.to_owned());
        other
    };
    let ledger = with("HUBSPOT_FLAG_PROPERTY", "another");
    assert_eq!(rivals_of(&desired, ledger.clone()), [("harbour".to_owned(), SharedPart::Ledger)]);
    let mut elsewhere = ledger;
    elsewhere.environment.insert("VENUE".to_owned(), "quay".to_owned());
    assert_eq!(rivals_of(&desired, elsewhere), [], "an account alone is only known from its key");
    assert_eq!(rivals_of(&desired, with("HUBSPOT_BASE_URI", "https://other.example.com")), [], "another portal");
    for fires in [Some(false), None] {
        let found = rivals_of(&desired, OtherFunction { fires, ..other.clone() });
        assert_eq!(found.len(), usize::from(fires.is_none()), "a rule that couldn't be read counts as firing");
    }
}

#[test]
fn the_manifest_can_say_that_both_are_meant() {
    let mut desired = desired_from(MANIFEST);
    for (accepted, refused) in [("bookings", 0), ("bookings@eu-west-1", 0), ("bookings@us-east-1", 1), ("sync", 1)] {
        desired.may_share_with = vec![accepted.to_owned()];
        assert_eq!(rivals_of(&desired, other_function(&desired, "eu-west-1")).len(), refused, "{accepted}");
    }
}

#[test]
fn a_copy_in_another_account_is_seen_in_hubspot() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&desired);
    assert_eq!(plan(&desired, &snapshot, &[]).rivals, [], "the mark is ours");
    let mut mark = |description: String| {
        property_mut(&mut snapshot, "tripleseat_sync_status__harbour").description = description;
        let plan = plan(&desired, &snapshot, &[]);
        plan_problems(&plan).map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert_eq!(mark(mark_description("sync", "harbour")), Vec::<String>::new(), "an earlier version didn't say where");
    assert_eq!(mark(mark_place("sync", "harbour", "123456789012", "us-east-1")), Vec::<String>::new());
    assert_eq!(
        mark(mark_place("sync", "harbour", "999999999999", "us-east-1")),
        [
            "deployment sync in account 999999999999, us-east-1 already does the work of harbour: it records in the same contact \
          properties"
        ]
    );
}

#[test]
fn a_renamed_venue_is_recognized_and_what_stays_behind_is_said() {
    let before = desired_from(MANIFEST);
    let at_location =
        |manifest: &str| manifest.replace("kind = \"tripleseat\"\n\n", "kind = \"tripleseat\"\nlocation_id = 7\n\n");
    let renamed = MANIFEST.replace("venues.harbour", "venues.pier");
    let notes = |before: &Desired, after: &Desired| plan(after, &converged_snapshot(before), &[]).notes.join("\n");
    let none = notes(&before, &desired_from(&renamed));
    assert!(!none.contains("renamed"), "the account alone isn't known: {none}");
    let found = notes(&desired_from(&at_location(MANIFEST)), &desired_from(&at_location(&renamed)));
    for word in [
        "pier has the same destination as harbour",
        "ledger stays behind",
        "`deployer migrate-flag --from tripleseat_sync__harbour --to pier`",
    ] {
        assert!(found.contains(word), "{word}: {found}");
    }
    let keeping = |manifest: &str, venue: &str| {
        let flag = "[venues.NAME]\nflag_property = \"tripleseat_sync__harbour\"".replace("NAME", venue);
        desired_from(&manifest.replace(&format!("[venues.{venue}]"), &flag))
    };
    let found = notes(&before, &keeping(&renamed, "pier"));
    assert!(found.contains("same flag") && !found.contains("migrate-flag"), "{found}");
}

#[test]
fn a_former_role_stays_while_a_pinned_version_runs_with_it() {
    let desired = desired_from(&MANIFEST.replace("region =", "role_path = \"/app/\"\nregion ="));
    let mut snapshot = converged_snapshot(&desired);
    let live = harbour_stack(&mut snapshot);
    let mut former = expect_present(&mut live.role).clone();
    former.path = "/deployer/sync/eu-west-1/".to_owned();
    former.name = "sync-harbour-0123abcd".to_owned();
    let arn = format!("arn:aws:iam::123456789012:role{}{}", former.path, former.name);
    live.other_roles.former = vec![former];
    let deletions = |snapshot: &Snapshot| plan(&desired, snapshot, &[]).changes.len();
    assert_eq!(deletions(&snapshot), 1);
    let live = harbour_stack(&mut snapshot);
    expect_present(&mut live.alias).configuration.role_arn = arn;
    expect_present(&mut live.function).tags.insert("deployer:pinned".to_owned(), "3".to_owned());
    assert_eq!(deletions(&snapshot), 0);
    // Nothing is known of what runs, so nothing is deleted.
    let live = harbour_stack(&mut snapshot);
    live.function = Observed::Unreadable("lambda:GetFunction: AccessDenied".to_owned());
    assert_eq!(deletions(&snapshot), 0);
}
