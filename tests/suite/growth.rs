//! How much work a venue makes, for few venues and for many: it must be the same. Counted, not timed.

use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud, StoreStatistics};

use crate::world::{World, venue_tables};

/// Few and many venues. Pages of lists have up to 100 entries, so both numbers fill some.
const FEW: usize = 30;
const MANY: usize = 120;

/// What an apply and the plan after it take.
#[derive(Debug)]
struct MeasuredWork {
    apply: StoreStatistics,
    apply_calls: usize,
    /// Entries that handlers looked at one after the other for the plan.
    plan_visits: u64,
    plan_calls: usize,
    file_bytes: u64,
}

async fn measure_work(venues: usize) -> MeasuredWork {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("cloud.json");
    let cloud = EmbeddedCloud::open_file_with(&path, CloudConfig::default()).expect("the cloud opens");
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    let tables: String = (0..venues).map(|number| venue_tables(&format!("v{number:04}"), "")).collect();
    let desired = world.desired_from(&format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}"));
    cloud.forget_calls();
    assert_eq!(world.apply(&desired).await.failed, []);
    let (apply, apply_calls) = (cloud.store_statistics(), cloud.recorded_calls().len());
    cloud.forget_calls();
    assert_eq!(world.plan(&desired).await.changes, []);
    let after = cloud.store_statistics();
    assert_eq!(after.records, apply.records, "a plan writes nothing");
    MeasuredWork {
        apply,
        apply_calls,
        plan_visits: after.visited_entries - apply.visited_entries,
        plan_calls: cloud.recorded_calls().len(),
        file_bytes: path.metadata().expect("the file is there").len(),
    }
}

/// Whether many venues take at most a tenth more for each of them than few do.
fn assert_linear(what: &str, few: u64, many: u64) {
    let (of_few, of_many) = (few as f64 / FEW as f64, many as f64 / MANY as f64);
    assert!(of_many <= of_few * 1.1, "{what}: {of_few:.1} a venue for {FEW} venues, {of_many:.1} for {MANY}");
}

#[tokio::test]
async fn a_venue_takes_as_much_work_among_many_as_among_few() {
    let (few, many) = (measure_work(FEW).await, measure_work(MANY).await);
    println!("{few:?}\n{many:?}");
    assert_linear("records of an apply", few.apply.records, many.apply.records);
    assert_linear("bytes of an apply", few.apply.record_bytes, many.apply.record_bytes);
    assert_linear("entries looked at for an apply", few.apply.visited_entries, many.apply.visited_entries);
    assert_linear("entries looked at for a plan", few.plan_visits, many.plan_visits);
    assert_linear("calls of an apply", few.apply_calls as u64, many.apply_calls as u64);
    assert_linear("calls of a plan", few.plan_calls as u64, many.plan_calls as u64);
    assert_linear("bytes of the file", few.file_bytes, many.file_bytes);
    assert!(many.apply.largest_record_bytes < few.apply.largest_record_bytes + 100, "{few:?} {many:?}");
    // Each byte of a record is copied at most about twice.
    assert!(many.apply.replacement_bytes <= 2 * many.apply.record_bytes + 1_000_000, "{many:?}");
}
