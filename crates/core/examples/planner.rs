//! Prints how long the pure planner takes with many venues, and how that grows: `benches/planner.sh`. Nothing but this
//! crate is built for it.

use std::time::Instant;

use deployer_core::plan::plan;
use deployer_core::snapshot::Snapshot;

#[path = "../tests/core/fixtures.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod fixtures;

use fixtures::{desired_from, everything_applied, venue_tables};

/// How often each is measured: the best counts, since other programs run too.
const ROUNDS: usize = 5;

fn best_of<T>(work: impl Fn() -> T) -> f64 {
    let measure = || {
        let begun = Instant::now();
        let result = work();
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        drop(result);
        milliseconds
    };
    (0..ROUNDS).map(|_| measure()).min_by(f64::total_cmp).unwrap_or_default()
}

fn main() {
    println!("| venues | manifest to resources | plan, nothing exists | plan, nothing changes |");
    println!("| --- | --- | --- | --- |");
    let mut rows = Vec::new();
    for venues in [1_000, 10_000] {
        let tables: String = (0..venues).map(|number| venue_tables(&format!("v{number:05}"), "")).collect();
        let text = format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}");
        let desired = desired_from(&text);
        let (nothing, converged) = (Snapshot::default(), everything_applied(&desired));
        assert!(plan(&desired, &converged, &[]).changes.is_empty(), "nothing changes");
        let row = [
            best_of(|| desired_from(&text)),
            best_of(|| plan(&desired, &nothing, &[])),
            best_of(|| plan(&desired, &converged, &[])),
        ];
        println!("| {venues} | {:.1} ms | {:.1} ms | {:.1} ms |", row[0], row[1], row[2]);
        rows.push(row);
    }
    if let [few, many] = rows.as_slice() {
        let times = |at: usize| many[at] / few[at];
        println!("| 10 times as many | {:.1} times | {:.1} times | {:.1} times |", times(0), times(1), times(2));
    }
}
