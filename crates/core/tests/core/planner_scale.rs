//! The planner with many venues: what it plans is in proportion to them, and how long it takes is printed by
//! `benches/planner.sh`.

use std::time::Instant;

use deployer_core::call_rates::{READS_OF_A_FUNCTION, find_slowest, find_slowest_of_plan};
use deployer_core::plan::plan;
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{desired_from, everything_applied, venue_tables};

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
    }
}

/// Prints seconds for each number of venues, and how they grow, in one run.
#[test]
#[ignore = "a measurement: see benches/planner.sh"]
fn measure_planner() {
    let mut before: Option<(usize, f64)> = None;
    for venues in [1_000, 10_000] {
        let text = manifest_of(venues);
        let begun = Instant::now();
        let desired = desired_from(&text);
        println!("{venues:>6} venues  manifest to desired   {:>8.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        let converged = everything_applied(&desired);
        for (what, snapshot) in [("nothing exists", &Snapshot::default()), ("everything applied", &converged)] {
            // The best of three, as other programs run too.
            let times = (0..3).map(|_| {
                let begun = Instant::now();
                let changes = plan(&desired, snapshot, &[]).changes.len();
                (begun.elapsed().as_secs_f64() * 1e3, changes)
            });
            let (best, changes) = times.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or_default();
            println!("{venues:>6} venues  plan, {what:<18} {best:>5.1} ms, {changes} changes");
            if what == "everything applied" {
                if let Some((few, time)) = before {
                    println!("{:>6} times the venues: {:.1} times the time", venues / few, best / time);
                }
                before = Some((venues, best));
            }
        }
    }
}
