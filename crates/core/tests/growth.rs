//! What the planner allocates grows with the venues and no faster. Counted, so it is the same on every machine; in a
//! program of its own, because the counter counts for all of it.

use std::alloc::System;

use deployer_core::cost::{CostAssumptions, estimate};
use deployer_core::desired::Desired;
use deployer_core::plan::invariants::find_violations;
use deployer_core::plan::plan;
use deployer_core::resource::DesiredStack;
use deployer_core::rival::OtherFunction;
use deployer_core::snapshot::Snapshot;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "core/fixtures.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod fixtures;

use fixtures::{desired_from, everything_applied, venue_tables};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations and their bytes.
fn count_allocations<T>(work: impl FnOnce() -> T) -> [usize; 2] {
    let region = Region::new(COUNTED);
    let result = work();
    let counted = region.change();
    drop(result);
    [counted.allocations + counted.reallocations, counted.bytes_allocated]
}

/// Another deployment's functions, each with the environment of one of these venues.
fn functions_of_others(desired: &Desired) -> Vec<OtherFunction> {
    let stacks = desired.venues.iter().filter_map(|venue| venue.stack.as_ref());
    let other = |stack: &DesiredStack| OtherFunction {
        name: stack.function.name.clone(),
        region: "eu-west-1".to_owned(),
        deployment: Some("other".to_owned()),
        environment: stack.function.configuration.environment.clone(),
        fires: Some(true),
    };
    stacks.map(other).collect()
}

#[test]
fn ten_times_the_venues_take_ten_times_the_allocations() {
    const FEW: usize = 60;
    let measured = [FEW, 10 * FEW].map(|venues| {
        let tables: String = (0..venues).map(|number| venue_tables(&format!("v{number:05}"), "")).collect();
        let text = format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}");
        let desired = desired_from(&text);
        let converged = everything_applied(&desired);
        let renamed = desired_from(&text.replace("[venues.v", "[venues.w"));
        let others = functions_of_others(&desired);
        let watched = Snapshot { others, ..converged.clone() };
        let created = plan(&desired, &Snapshot::default(), &[]);
        [
            ("manifest to resources", count_allocations(|| desired_from(&text))),
            ("plan, nothing exists", count_allocations(|| plan(&desired, &Snapshot::default(), &[]))),
            ("plan, nothing changes", count_allocations(|| plan(&desired, &converged, &[]))),
            ("plan, every venue is renamed", count_allocations(|| plan(&renamed, &converged, &[]))),
            ("plan, each venue has a rival", count_allocations(|| plan(&desired, &watched, &[]))),
            ("invariants", count_allocations(|| find_violations(&created, &desired, &Snapshot::default()))),
            ("cost", count_allocations(|| estimate(&desired, &converged, &[], &CostAssumptions::default()))),
        ]
    });
    let [few, many] = measured;
    for ((what, few), (_, many)) in few.into_iter().zip(many) {
        println!("{what}: {few:?} for {FEW} venues, {many:?} for {}", 10 * FEW);
        for (few, many) in few.into_iter().zip(many) {
            // Lists that double their room as they grow take up to twice as much.
            assert!(many < 13 * few, "{what}: {few} for {FEW} venues, {many} for ten times as many");
        }
    }
}
