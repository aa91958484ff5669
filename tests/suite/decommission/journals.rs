//! The journal of an archive: in its checksums, missing, outside of it, and of an earlier version.

use deployer_janitor::decommission::archive::{Archive, JournalPlaces};
use deployer_janitor::decommission::journal::JournalStep;
use deployer_janitor::decommission::restore::{RestoreAction, RestorePlan, carry_out_restore};

use super::LegacyCloud;

/// An account whose leftovers are deleted and archived, and the archive's directory.
async fn deleted_account() -> (LegacyCloud, std::path::PathBuf) {
    let legacy = LegacyCloud::new().await;
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    assert_eq!(legacy.carry_out_plan(&plan, &mut archive).await.failed, None);
    let directory = archive.archive_directory().to_owned();
    (legacy, directory)
}

#[tokio::test]
async fn the_journal_is_in_the_checksums() {
    let (legacy, directory) = deleted_account().await;
    let journal = directory.join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let write = |lines: &[&str]| std::fs::write(&journal, lines.join("\n") + "\n").expect("written");
    let open = || Archive::open_verified(&directory, &legacy.scope).map(drop);
    for (what, edited) in [
        ("a step is removed", [&lines[..3], &lines[4..]].concat()),
        ("the last steps are removed", lines[..lines.len() - 2].to_vec()),
        ("two steps are added", [&lines[..], &lines[..2]].concat()),
        ("nothing is left", vec![lines[0]]),
    ] {
        write(&edited);
        let error = open().expect_err(what);
        assert!(error.to_string().contains("journal.jsonl"), "{what}: {error}");
    }
    // A crash after a step, before its checksum.
    write(&[&lines[..], &lines[..1]].concat());
    open().expect("the last line is newer than the checksums");
    write(&lines);
    open().expect("it is as it was");
    std::fs::remove_file(&journal).expect("removed");
    assert!(open().expect_err("it is missing").to_string().contains("is missing from"));
}

#[tokio::test]
async fn an_archive_without_a_journal_restores_by_its_content() {
    let (legacy, directory) = deleted_account().await;
    std::fs::remove_file(directory.join("journal.jsonl")).expect("removed");
    // One resource is there again, and isn't the archived one.
    legacy
        .aws
        .events
        .put_rule()
        .name("legacy-nightly")
        .schedule_expression("rate(9 days)")
        .send()
        .await
        .expect("a rule");
    let state = legacy.directory.path().join("state");
    let open = || Archive::open_for_restore(&directory, &legacy.scope, JournalPlaces { chosen: None, state: &state });
    let mut archive = open().unwrap_or_else(|error| panic!("{error}"));
    assert!(archive.notes[0].contains("journal.jsonl is missing"), "{:?}", archive.notes);
    let cx = legacy.decommission_context();
    let plan = RestorePlan::new(&cx, &archive, &[]).await.expect("a plan");
    assert_eq!((plan.items.len(), plan.left.len()), (legacy.nodes.len() - 1, 1), "{:?}", plan.left);
    assert!(plan.items.iter().all(|(_, action)| *action == RestoreAction::Restore), "{plan:?}");
    let (outcome, comparisons) = carry_out_restore(&cx, &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons.len()), (None, legacy.nodes.len() - 1));
    assert!(comparisons.iter().all(|comparison| comparison.differences.is_empty()), "{comparisons:?}");
    drop(archive);
    // From here on, it has a journal, which says that it was begun anew.
    let archive = open().unwrap_or_else(|error| panic!("{error}"));
    assert!(archive.journal.is_begun_anew() && archive.notes.is_empty(), "{:?}", archive.notes);
    let plan = RestorePlan::new(&cx, &archive, &[]).await.expect("a plan");
    assert!(plan.items.iter().all(|(_, action)| *action == RestoreAction::Same), "{plan:?}");
}

#[tokio::test]
async fn a_journal_elsewhere_leaves_the_archive_as_it_is_and_resumes() {
    let (legacy, directory) = deleted_account().await;
    let sums = || std::fs::read(directory.join("SHA256SUMS")).expect("it is there");
    let before = sums();
    let kept = legacy.directory.path().join("elsewhere/kept.jsonl");
    let places = JournalPlaces { chosen: Some(&kept), state: legacy.directory.path() };
    let open =
        || Archive::open_for_restore(&directory, &legacy.scope, places).unwrap_or_else(|error| panic!("{error}"));
    let cx = legacy.decommission_context();
    let mut archive = open();
    let second = Archive::open_for_restore(&directory, &legacy.scope, places);
    assert!(second.is_err(), "another process uses it");
    let plan = RestorePlan::new(&cx, &archive, &["legacy-nightly".to_owned()]).await.expect("a plan");
    let (outcome, _) = carry_out_restore(&cx, &plan, &mut archive, &|_| {}).await;
    assert_eq!(outcome.failed, None);
    drop(archive);
    let mut archive = open();
    let rule = legacy.node_id(deployer_janitor::audit::NodeKind::Rule);
    assert!(matches!(archive.journal.last_step(&rule), Some(JournalStep::Restored { .. })));
    let plan = RestorePlan::new(&cx, &archive, &[]).await.expect("a plan");
    let same = plan.items.iter().filter(|(_, action)| *action == RestoreAction::Same).count();
    assert_eq!((plan.items.len(), same), (legacy.nodes.len(), 1));
    let (outcome, _) = carry_out_restore(&cx, &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, sums() == before), (None, true));
    // The journal of one archive isn't that of another.
    drop(archive);
    let (other, other_directory) = deleted_account().await;
    std::fs::write(&kept, r#"{"at":"2026-11-29T00:00:00Z","id":"arn:x","step":"deleted"}"#.to_owned() + "\n")
        .expect("written");
    let error = Archive::open_for_restore(&other_directory, &other.scope, places).expect_err("it is refused");
    assert!(error.to_string().contains("is the journal of another archive"), "{error}");
}

#[tokio::test]
async fn an_archive_of_the_first_version_goes_on() {
    let (legacy, directory) = deleted_account().await;
    let manifest = std::fs::read_to_string(directory.join("manifest.json")).expect("text");
    let first = manifest.replacen("\"version\": 2", "\"version\": 1", 1);
    assert_ne!(first, manifest);
    std::fs::write(directory.join("manifest.json"), &first).expect("written");
    let sum = |text: &str| {
        use sha2::Digest;
        sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let sums = std::fs::read_to_string(directory.join("SHA256SUMS")).expect("text");
    let sums = sums.replace(&sum(&manifest), &sum(&first));
    let sums: String =
        sums.lines().filter(|line| !line.ends_with("journal.jsonl")).map(|line| format!("{line}\n")).collect();
    std::fs::write(directory.join("SHA256SUMS"), sums).expect("written");
    let mut archive = Archive::open_verified(&directory, &legacy.scope).unwrap_or_else(|error| panic!("{error}"));
    let cx = legacy.decommission_context();
    let plan = RestorePlan::new(&cx, &archive, &[]).await.expect("a plan");
    let (outcome, comparisons) = carry_out_restore(&cx, &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons.len()), (None, legacy.nodes.len()));
    drop(archive);
    let archive = Archive::open_verified(&directory, &legacy.scope).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(archive.manifest.version, 2);
}
