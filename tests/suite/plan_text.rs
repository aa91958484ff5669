//! What of a plan is shown: what a person decides by, at any number of venues.

use deployer::render::{PlanDetail, plan_text};
use deployer_core::plan::{Plan, plan};
use deployer_core::snapshot::Snapshot;
use deployer_core::wrap::wrap_text;

use crate::fixtures::{MANIFEST, converged_snapshot, desired_from};

/// A manifest with this many venues.
fn manifest_of(venues: usize) -> String {
    let (head, _) = MANIFEST.split_once("[venues.harbour]").expect("the manifest has harbour");
    let tables = (0..venues).map(|number| {
        format!(
            "[venues.venue-{number}]\ndisplay_name = \"Venue {number}\"\n[venues.venue-{number}.secrets]\n\
             hubspot_token = \"env:TOKEN_{number}\"\ntripleseat_public_key = \"env:KEY_{number}\"\n\
             [venues.venue-{number}.destination]\nkind = \"tripleseat\"\n"
        )
    });
    format!("{head}{}", tables.collect::<String>())
}

/// As in a log: without styles, at 80 columns.
fn shown(plan: &Plan, detail: PlanDetail) -> String {
    wrap_text(&anstream::adapter::strip_str(&plan_text(plan, detail)).to_string(), 80)
}

#[test]
fn a_first_plan_is_a_table() {
    let plan = plan(&desired_from(&manifest_of(3)), &Snapshot::default(), &[]);
    insta::assert_snapshot!(shown(&plan, PlanDetail::Folded));
    let full = shown(&plan, PlanDetail::Full);
    assert!(full.contains("venue-2        7") && full.contains("\"Sid\":\"ReadOwnSecret\""), "{full}");
}

#[test]
fn one_new_venue_is_shown_with_what_it_may_do() {
    let snapshot = converged_snapshot(&desired_from(&manifest_of(2)));
    let plan = plan(&desired_from(&manifest_of(3)), &snapshot, &[]);
    insta::assert_snapshot!(shown(&plan, PlanDetail::Folded));
}

#[test]
fn a_hundred_venues_fit_a_screen() {
    let text = shown(&plan(&desired_from(&manifest_of(100)), &Snapshot::default(), &[]), PlanDetail::Folded);
    assert!(text.contains("  90 more venues, each        7\n") && text.lines().count() < 30, "{text}");
    // The same change of all is shown once.
    let changed = manifest_of(100).replace("[venues.venue-0]", "[defaults]\nmemory_mb = 256\n[venues.venue-0]");
    let snapshot = converged_snapshot(&desired_from(&manifest_of(100)));
    let text = shown(&plan(&desired_from(&changed), &snapshot, &[]), PlanDetail::Folded);
    assert_eq!(text.matches("memory_mb = 128 -> 256").count(), 1, "{text}");
    assert!(text.contains("and 91 more venues.") && text.lines().count() < 40, "{text}");
    // One that changes otherwise is shown too.
    let other = changed.replace("display_name = \"Venue 7\"", "display_name = \"Venue 7\"\nmemory_mb = 512");
    let text = shown(&plan(&desired_from(&other), &snapshot, &[]), PlanDetail::Folded);
    assert_eq!(text.matches("memory_mb = 128 -> 512").count(), 1, "{text}");
    let full = shown(&plan(&desired_from(&other), &snapshot, &[]), PlanDetail::Full);
    assert_eq!(full.matches("memory_mb = 128 -> 256").count(), 99, "every venue is there with --verbose");
}
