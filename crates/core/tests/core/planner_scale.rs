//! The planner with many venues: what it plans is in proportion to them. `tests/growth.rs` counts what it allocates, and
//! `benches/planner.sh` prints how long it takes.

use std::path::Path;
use std::time::Duration;

use deployer_core::call_rates::{READS_OF_A_FUNCTION, find_slowest, find_slowest_of_plan, find_spacing};
use deployer_core::plan::plan;
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{desired_from, venue_tables};

fn manifest_of(venues: usize) -> String {
    let tables: String = (0..venues).map(|number| venue_tables(&format!("v{number:05}"), "")).collect();
    format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}")
}

#[test]
fn plans_as_many_calls_for_each_of_many_venues_as_for_one() {
    let operations = |venues: usize| {
        let planned = plan(&desired_from(&manifest_of(venues)), &Snapshot::default(), &[]);
        planned.changes.iter().map(|change| change.operations.len()).sum::<usize>()
    };
    // What concerns no single venue is planned once.
    let of_venue = operations(2) - operations(1);
    assert!(of_venue > 0);
    assert_eq!(operations(201), operations(1) + 200 * of_venue);
}

/// What AWS's quotas allow, and how near an apply comes to it as its calls are spaced. The README has the table.
#[test]
fn quotas_set_a_bound_and_an_apply_comes_within_a_twentieth_of_it() {
    for venues in [3, 30, 100, 1_000_u32] {
        let planned = plan(&desired_from(&manifest_of(venues as usize)), &Snapshot::default(), &[]);
        let slowest = find_slowest_of_plan(&planned).expect("a plan has calls to AWS");
        assert_eq!((slowest.rate.calls, slowest.calls), ("lambda", 3 * venues), "{venues} venues");
        let (bound, paced) = (slowest.bound().as_secs_f64(), slowest.paced().as_secs_f64());
        let reads = READS_OF_A_FUNCTION.map(|(call, number)| (call, number * venues));
        let reads = find_slowest(reads).expect("they have rates");
        println!(
            "{venues:>5} venues  first apply: {:>4} calls to {}, {bound:>6.1} s at least, spaced {:.2} times that; \
             full plan: {:>6.1} s at least, spaced {:.2} times that",
            slowest.calls,
            slowest.rate.display_name(),
            paced / bound,
            reads.bound().as_secs_f64(),
            reads.paced().as_secs_f64() / reads.bound().as_secs_f64(),
        );
        assert!(paced / bound < 1.05, "{paced} of {bound}");
        // The venues begin one after the other, so that all of it together takes as long as Lambda does.
        let venue =
            |name: &str| planned.changes.iter().filter(|change| change.address.venue == name).collect::<Vec<_>>();
        let spacing = find_spacing(&venue(&planned.changes[0].address.venue));
        assert_eq!((spacing, spacing * venues), (slowest.rate.interval() * 3, slowest.paced()));
    }
    assert_eq!(find_spacing(&[]), Duration::ZERO);
}

/// A step that looks through all venues for each venue takes a hundred times as long for ten times as many, and allocates
/// nothing by which `tests/growth.rs` would notice it. `PlanIndex` finds everything by name.
#[test]
fn no_step_of_a_plan_searches_a_list_for_each_venue() {
    const SEARCHES: [&str; 7] = [
        "venues.iter().any(",
        "venues.iter().find(",
        "venues.iter().position(",
        "list_alarms().iter().f",
        "groups.iter().find(",
        "changes.iter().any(",
        "conflicts.iter().any(",
    ];
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = ["plan", "cost"].map(|folder| std::fs::read_dir(sources.join(folder)).expect("a folder"));
    let files = folders.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.is_file()).chain([sources.join("rival.rs")]);
    // An adoption is of one venue.
    for path in files.filter(|path| !path.ends_with("adopt.rs")) {
        let text = bounds::read_regular_text(&path, 1 << 20).expect("a source");
        // As it is without line breaks.
        let text: String = text.split_whitespace().collect();
        let found: Vec<&str> = SEARCHES.into_iter().filter(|search| text.contains(search)).collect();
        assert_eq!(found, Vec::<&str>::new(), "{}: use PlanIndex, or a set", path.display());
    }
}
