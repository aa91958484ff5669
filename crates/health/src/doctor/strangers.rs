//! Whether anybody outside of the account can use what is deployed, and whether every function works.

use tokio::time::timeout;

use super::aws::not_checked;
use super::{CheckArea, DoctorCheck, DoctorFinding, Examination, TIMEOUT};
use deployer_aws::observe::{DeclaredShared, observe};
use deployer_core::isolation::strangers::find_strangers;
use deployer_core::manifest::Status;

pub(super) async fn check_strangers(examination: &Examination<'_>) -> Vec<DoctorCheck> {
    let check = |finding: DoctorFinding| finding.into_check(CheckArea::Aws, None, "access for strangers");
    let Ok(identity) = examination.caller_identity().await else { return vec![check(not_checked())] };
    let venues = examination.examined_venues().into_iter().filter(|venue| venue.status != Status::Blocked);
    let names: Vec<String> = venues.map(|venue| venue.name.clone()).collect();
    let place = examination.patient.manifest.deployment.role_place();
    let shared = DeclaredShared::default();
    let reading = observe(examination.patient.aws, &identity.scope, &place, &names, &shared);
    let Ok(snapshot) = timeout(TIMEOUT, reading).await else {
        let why = format!("what is deployed could not be read within {} s", TIMEOUT.as_secs());
        return vec![check(DoctorFinding::unknown(why))];
    };
    let (mut found, mut unread, mut advice) = (Vec::new(), snapshot.unreadable.clone(), None);
    let mut deployed = 0;
    for (venue, live) in snapshot.venues.iter().filter(|(venue, _)| names.contains(venue)) {
        deployed += usize::from(live.any_exists());
        for stranger in find_strangers(live, &identity.scope.account) {
            found.push(format!("{venue}: {}", stranger.text));
            advice.get_or_insert(stranger.hint);
        }
        unread.extend(live.unmodeled_answers().into_iter().flat_map(|(_, _, unread)| unread).cloned());
        unread.extend(live.unreadable_reasons().into_iter().map(ToOwned::to_owned));
    }
    let finding = match (found.is_empty(), unread.first()) {
        (false, _) => DoctorFinding { advice, ..DoctorFinding::failed(found.join("; ")) },
        (true, Some(why)) => DoctorFinding::unknown(why.clone()),
        (true, None) if deployed == 0 => DoctorFinding::skipped("nothing is deployed yet"),
        (true, None) => {
            DoctorFinding::ok(format!("nobody outside of account {} can use what is deployed", identity.scope.account))
        }
    };
    vec![check(finding)]
}
