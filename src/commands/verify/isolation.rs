//! `deployer verify --isolation`

use std::collections::BTreeMap;

use super::VerifyArgs;
use crate::cli::GlobalArgs;
use crate::commands::shared::session::{Session, load_manifest, manifest_directory};
use crate::render::{JsonLines, isolation_text, print_isolation};
use deployer_aws::FailureKind;
use deployer_core::desired::derive_desired;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::isolation::SimulationResults;
use deployer_core::isolation::planned::CredentialsByVenue;
use deployer_core::isolation::starters::find_other_starters;
use deployer_core::isolation::{ComparedCredential, IsolationReport, VenueSubject, judge_pairs, planned};
use deployer_core::manifest::{Manifest, Status};
use deployer_core::scope::Scope;
use deployer_health::isolation::live;
use deployer_health::isolation::simulation::simulate_pairs;
use deployer_hubspot::resolve_secret;

/// Placeholder for the account if the manifest names none.
const ANY_ACCOUNT: &str = "000000000000";

pub(super) async fn run_isolation(global: &GlobalArgs, args: &VerifyArgs) -> Result<ExitCode> {
    let (report, judged) = if args.offline {
        let manifest = load_manifest(global)?.manifest;
        (judge_as_planned(&manifest).await, "as planned")
    } else {
        let session = Session::open(global).await?;
        (judge_as_deployed(&session).await, "as deployed")
    };
    let code = if report.is_open() {
        ExitCode::Failed
    } else if report.has_unknowns() {
        ExitCode::Incomplete
    } else {
        ExitCode::Done
    };
    if global.json {
        print_isolation(&JsonLines::default(), &report, judged, code);
    } else {
        out!("{}", isolation_text(&report, judged));
    }
    Ok(code)
}

async fn judge_as_planned(manifest: &Manifest) -> IsolationReport {
    let account = manifest.deployment.account.clone().unwrap_or_else(|| ANY_ACCOUNT.to_owned());
    let scope = Scope::new(account, manifest.deployment.region.as_str());
    let (credentials, mut notes) = known_credentials(manifest, true).await;
    let subjects =
        planned::planned_subjects(manifest, &derive_desired(manifest, &scope, |_| String::new()), &credentials);
    notes.extend(blocked_venues_note(manifest));
    let (strangers, unread) = other_starters(&subjects);
    IsolationReport { strangers, unread, ..judge_pairs(&subjects, &SimulationResults::default(), notes) }
}

async fn judge_as_deployed(session: &Session) -> IsolationReport {
    let manifest = session.manifest();
    let (credentials, mut notes) = known_credentials(manifest, false).await;
    let reading = live::read_live_subjects(&session.aws, &session.scope, manifest, &credentials).await;
    let live::LiveReading { subjects, mut strangers, mut unread, notes: more } = reading;
    notes.extend(more);
    let (starters, unknown) = other_starters(&subjects);
    strangers.extend(starters);
    unread.extend(unknown);
    notes.extend(blocked_venues_note(manifest));
    // IAM can't simulate a role that doesn't exist.
    let there: Vec<_> = subjects.iter().filter(|subject| subject.role.is_ok()).cloned().collect();
    let simulated = match simulate_pairs(&session.aws.iam, &there).await {
        Ok(simulated) => simulated,
        Err(error) => {
            let why = match error.kind {
                FailureKind::Denied => "the credentials lack iam:SimulatePrincipalPolicy".to_owned(),
                _ => error.to_string(),
            };
            notes.push(format!(
                "IAM's own simulation was not used: {why}. Only deployer itself judged the live policies"
            ));
            SimulationResults::default()
        }
    };
    if !simulated.is_empty() {
        let whose = if session.local {
            "the local cloud simulates with this same evaluation, so its agreement proves nothing more"
        } else {
            "IAM's own simulation of every role was compared with each decision"
        };
        notes.push(whose.to_owned());
    }
    IsolationReport { strangers, unread, ..judge_pairs(&subjects, &simulated, notes) }
}

/// What else can start the function of all venues, and why that is unknown.
fn other_starters(subjects: &[VenueSubject]) -> (Vec<String>, Vec<String>) {
    let found = subjects.iter().map(find_other_starters);
    found.fold((Vec::new(), Vec::new()), |(mut all, mut unknown), (found, why)| {
        all.extend(found);
        unknown.extend(why);
        (all, unknown)
    })
}

/// What is known about the credentials: their references and, with `resolving`, the digests of the values that resolve
/// here. Digests are compared and never shown.
async fn known_credentials(manifest: &Manifest, resolving: bool) -> (CredentialsByVenue, Vec<String>) {
    let directory = manifest_directory(&manifest.path);
    let mut all = CredentialsByVenue::new();
    let mut by_reference = 0;
    for venue in &manifest.venues {
        let mut known = BTreeMap::new();
        for (key, reference) in &venue.secrets {
            let digest = match resolving {
                true => {
                    resolve_secret(reference, &directory).await.ok().map(|value| live::digest_value(value.expose()))
                }
                false => None,
            };
            by_reference += usize::from(resolving && digest.is_none());
            known.insert(key.clone(), ComparedCredential { reference: reference.to_string(), digest });
        }
        all.insert(venue.name.clone(), known);
    }
    let note = format!("{by_reference} credentials don't resolve here and were compared only by their references");
    (all, (by_reference > 0).then_some(note).into_iter().collect())
}

fn blocked_venues_note(manifest: &Manifest) -> Option<String> {
    let blocked = manifest.venues.iter().filter(|venue| venue.status == Status::Blocked);
    let names: Vec<&str> = blocked.map(|venue| venue.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("left out because they are blocked and not deployed: {}", names.join(", ")))
}
