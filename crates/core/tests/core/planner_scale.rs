//! The planner with many venues: what it plans is in proportion to them. `tests/growth.rs` counts what it allocates, and
//! `benches/planner.sh` prints how long it takes.

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
