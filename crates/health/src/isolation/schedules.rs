//! Schedules in the deployment's group that are no venue's.

use futures_util::{StreamExt, stream};

use deployer_aws::SignedClient;
use deployer_aws::observe::read_schedule;
use deployer_core::isolation::VenueSubject;
use deployer_core::isolation::schedules::find_schedule_strangers;
use deployer_core::resource::LiveSchedule;
use deployer_core::snapshot::Snapshot;

/// How many schedules are read concurrently.
const SCHEDULES_AT_ONCE: usize = 8;

/// What schedules that are no venue's do with what belongs to a venue, and why that is unknown. Those of venues that aren't
/// among `subjects` are no venue's either: the manifest doesn't declare them, and the next apply deletes them.
pub(super) async fn read_schedule_strangers(
    aws: &SignedClient,
    snapshot: &Snapshot,
    subjects: &[VenueSubject],
) -> (Vec<String>, Vec<String>) {
    let (mut strangers, mut unread) = (Vec::new(), Vec::new());
    let Some(group) = snapshot.schedule_group.as_present() else { return (strangers, unread) };
    let mut judge = |schedule: &LiveSchedule| strangers.extend(find_schedule_strangers(schedule, group, subjects));
    let declared = |venue: &String| subjects.iter().any(|subject| subject.venue == *venue);
    let undeclared = snapshot.venues.iter().filter(|(venue, _)| !declared(venue));
    undeclared.filter_map(|(_, live)| live.schedule.as_present()).for_each(&mut judge);
    // The list has no roles.
    let others: Vec<_> = stream::iter(group.others.keys())
        .map(async |name| (name, read_schedule(aws, &group.name, name).await))
        .buffered(SCHEDULES_AT_ONCE)
        .collect()
        .await;
    for (name, read) in others {
        match read {
            Ok(schedule) => schedule.iter().for_each(&mut judge),
            Err(error) => {
                unread.push(format!("could not read the schedule {name} in the group {}: {error}", group.name));
            }
        }
    }
    (strangers, unread)
}
