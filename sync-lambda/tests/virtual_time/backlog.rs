//! One venue with so many flagged contacts that a run can't take them all.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sync_config::config::{RETICK_WINDOW_S, SyncConfig};
use sync_lambda::clock;

use crate::world::{LAG, VirtualVenue, VirtualWorld, run_story, sleep_until};

/// Runs start this often, as with the default schedule.
const INTERVAL: SignedDuration = SignedDuration::from_secs(300);

/// Contacts that are flagged: some at once, which search shows at once, and some one after another.
#[derive(Clone, Copy)]
struct BacklogPlan {
    at_once: u64,
    over_time: u64,
    over: SignedDuration,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct BacklogTally {
    runs: u64,
    synced: u64,
    most_in_a_run: u64,
    longest_run: Duration,
    worst_error_of_age: Duration,
    took: Duration,
    resident_kb: Vec<u64>,
}

/// The memory of this process, with both vendors in it, in kB.
fn resident_kb() -> u64 {
    let status = bounds::read_regular_text(Path::new("/proc/self/status"), 65_536).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or_default()
}

fn play_backlog(plan: BacklogPlan) -> BacklogTally {
    let begun = Instant::now();
    let mut tally = run_story(async {
        let world = VirtualWorld::new();
        let venue = world.add_venue("venue-a", 7_001, &SyncConfig { portal_id: Some(1), ..SyncConfig::default() });
        let imported = world.import_contacts(plan.at_once, &venue);
        // When each flag was set, in the order in which search shows them: the first ones are synced first.
        let set: Mutex<Vec<(Timestamp, u64)>> =
            Mutex::new(imported.iter().map(|id| (clock::timestamp(), *id)).collect());
        let flagging = async {
            let begin = clock::timestamp();
            for number in 0..plan.over_time {
                let share = number as f64 / plan.over_time as f64;
                sleep_until(begin + plan.over.mul_f64(share)).await;
                let id = world.flag_contact(plan.at_once + number, &venue);
                set.lock().push((clock::timestamp(), id));
            }
        };
        let all = plan.at_once + plan.over_time;
        let (tally, ()) = join(run_until_synced(&world, &venue, plan, all, &set), flagging).await;
        assert_synced_once(&world, &venue, all as usize);
        tally
    });
    tally.took = begun.elapsed();
    let BacklogTally { runs, synced, most_in_a_run, longest_run, worst_error_of_age, took, resident_kb } = &tally;
    println!(
        "{synced} contacts in {runs} runs, at most {most_in_a_run} in one; longest run {:.0} s of {:.0}; age of the oldest \
         flag wrong by {:.0} s at most; memory of the whole simulation {} MB after the first run, {} MB after the last; \
         simulated in {:.0} s",
        longest_run.as_secs_f64(),
        plan.timeout.as_secs_f64(),
        worst_error_of_age.as_secs_f64(),
        resident_kb.first().copied().unwrap_or_default() / 1024,
        resident_kb.last().copied().unwrap_or_default() / 1024,
        took.as_secs_f64(),
    );
    tally
}

async fn run_until_synced(
    world: &VirtualWorld,
    venue: &VirtualVenue,
    plan: BacklogPlan,
    all: u64,
    set: &Mutex<Vec<(Timestamp, u64)>>,
) -> BacklogTally {
    let mut tally = BacklogTally::default();
    let mut next = clock::timestamp();
    while tally.synced < all {
        sleep_until(next).await;
        next += INTERVAL;
        let begun = clock::now();
        let visible = count_set_by(set, clock::timestamp() - LAG - SignedDuration::from_secs(10));
        let ended = venue.run_once(plan.timeout).await;
        let took = clock::now() - begun;
        let report = &ended.report;
        assert_eq!(ended.error, None, "run {}", tally.runs);
        assert_eq!((report.failed, report.needs_review), (0, 0), "run {}", tally.runs);
        assert!(took < plan.timeout, "it ends before Lambda ends it");
        assert_eq!(venue.pending.count(), 0, "the process keeps nothing of the contacts that it has seen");
        tally.synced += report.synced;
        // What the run says about its backlog: the flags that it could see, and no others.
        let left = report.left + report.retried;
        let seen_at_most = set.lock().len() as u64 - tally.synced;
        assert!(
            (visible.saturating_sub(tally.synced)..=seen_at_most).contains(&left),
            "run {} says that {left} are left, of {visible} to {seen_at_most}",
            tally.runs
        );
        if let Some(wrong) = error_of_age(set, tally.synced, report.oldest_flag_age, left) {
            tally.worst_error_of_age = tally.worst_error_of_age.max(wrong);
        }
        tally.runs += 1;
        tally.most_in_a_run = tally.most_in_a_run.max(report.synced);
        tally.longest_run = tally.longest_run.max(took);
        tally.resident_kb.push(resident_kb());
    }
    let traffic = world.traffic.lock().clone();
    assert_eq!(
        (traffic.searches_refused, traffic.others_refused, traffic.leads_refused),
        (0, 0, 0),
        "no limit is reached: {traffic:?}"
    );
    tally
}

fn count_set_by(set: &Mutex<Vec<(Timestamp, u64)>>, at: Timestamp) -> u64 {
    set.lock().partition_point(|(since, _)| *since <= at) as u64
}

/// By how much the reported age differs from that of the oldest flag that is still set. Contacts are synced in the order
/// in which they were flagged, apart from those in flight.
fn error_of_age(
    set: &Mutex<Vec<(Timestamp, u64)>>,
    synced: u64,
    reported: Option<Duration>,
    left: u64,
) -> Option<Duration> {
    let oldest = set.lock().get(synced as usize).map(|(since, _)| *since);
    match (oldest.filter(|_| left > 0), reported) {
        (Some(since), Some(age)) => {
            let real = Duration::try_from(clock::timestamp().duration_since(since)).unwrap_or_default();
            Some(real.abs_diff(age))
        }
        (Some(_), None) => panic!("the age of the oldest flag is missing although {left} are left"),
        (None, _) => None,
    }
}

fn assert_synced_once(world: &VirtualWorld, venue: &VirtualVenue, all: usize) {
    let contacts = world.hubspot.all_contacts();
    assert_eq!(contacts.len(), all);
    for contact in &contacts {
        let value = |name: &str| contact.properties.get(name).map(String::as_str).unwrap_or_default();
        assert_eq!((value(&venue.ledger.flag), value(&venue.ledger.status)), ("false", "synced"), "{}", contact.id);
    }
    assert_eq!(world.tripleseat.site_leads(venue.site_id).len(), all, "one lead each");
}

#[test]
fn a_backlog_is_worked_off_run_by_run() {
    let over = SignedDuration::from_mins(10);
    let plan = BacklogPlan { at_once: 400, over_time: 60, over, timeout: Duration::from_secs(30) };
    let tally = play_backlog(plan);
    assert!(tally.runs > 2 && tally.worst_error_of_age < Duration::from_secs(60), "{tally:?}");
}

#[test]
#[ignore = "takes minutes: ten thousand contacts at once"]
fn ten_thousand_contacts_at_once() {
    let plan =
        BacklogPlan { at_once: 10_000, over_time: 0, over: SignedDuration::ZERO, timeout: Duration::from_secs(240) };
    play_backlog(plan);
}

/// Half of them at once, which is five times what one search can page through, and half over a day.
#[test]
#[ignore = "takes minutes: a hundred thousand contacts over a day"]
fn a_hundred_thousand_contacts_over_a_day() {
    let over = SignedDuration::from_hours(24);
    let plan = BacklogPlan { at_once: 50_000, over_time: 50_000, over, timeout: Duration::from_secs(240) };
    play_backlog(plan);
    assert_eq!(RETICK_WINDOW_S, 24 * 3600);
}

/// Contacts that change while pages are read are found twice, so 10,000 results can be fewer contacts. HubSpot refuses to
/// go further.
#[test]
fn a_search_ends_where_hubspot_ends_it() {
    let furthest = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&furthest);
    let report = run_story(async move {
        let world = VirtualWorld::answered_by(Arc::new(move |request| {
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let answer = match request.url().path() {
                path if path.ends_with("/search") => {
                    let after: u64 = body["after"].as_str().and_then(|after| after.parse().ok()).unwrap_or_default();
                    let mut furthest = seen.lock();
                    *furthest = after.max(*furthest);
                    // The same 50 contacts are on every page.
                    let results: Vec<Value> = (0..100)
                        .map(|place| if place < 50 { place } else { after + place })
                        .map(|id| json!({ "id": id.to_string() }))
                        .collect();
                    json!({ "total": 20_000, "results": results, "paging": { "next": { "after": (after + 100).to_string() } } })
                }
                path if path.ends_with("/details") => json!({ "portalId": 1 }),
                _ => json!({ "results": [] }),
            };
            let response = http::Response::new(answer.to_string().into_bytes());
            Box::pin(std::future::ready(response))
        }));
        let venue = world.add_venue("venue-a", 7_001, &SyncConfig { portal_id: Some(1), ..SyncConfig::default() });
        venue.run_once(Duration::from_secs(1_800)).await.report
    });
    assert_eq!(*furthest.lock(), 9_900, "the last page begins here");
    assert_eq!((report.searched, report.left), (5_050, 14_950));
}
