//! The migration of contacts from a shared flag to a venue's own.

use std::sync::Arc;

use deployer_hubspot::{FlagMigration, MigrationFate, MigrationTally};
use deployer_sandbox::hubspot::{PropertyDefinition, PropertyValues};
use deployer_sandbox::{RequestInfo, SandboxFault};
use futures_util::future::join_all;
use serde_json::json;
use sync_config::config::{LedgerProperties, default_flag_property};

use super::{LAG, TOKEN, TestPortal, with_token};
use crate::processes::Site;
use crate::world::two_venue_manifest;

const OLD: &str = "tripleseat_sync";

fn venue_ledger() -> LedgerProperties {
    LedgerProperties::new("a", &default_flag_property("a"))
}

/// A portal with the old flag and the properties of venue `a`.
async fn start_portal() -> TestPortal {
    let portal = TestPortal::start().await;
    portal
        .hubspot
        .define_property(PropertyDefinition::single_checkbox(OLD, "Tripleseat Sync"))
        .expect("the definition is valid");
    portal.hubspot.define_sync_properties(&venue_ledger(), "Venue a").expect("the definitions are valid");
    portal
}

fn contact_properties(properties: &[(&str, &str)]) -> PropertyValues {
    properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Adds `count` contacts that have the old flag ticked.
fn add_flagged_contacts(portal: &TestPortal, count: usize) -> Vec<u64> {
    portal.hubspot.add_contacts(vec![contact_properties(&[(OLD, "true")]); count]).expect("contacts")
}

fn new_migration() -> FlagMigration {
    FlagMigration { from: OLD.to_owned(), to: venue_ledger(), also_synced: false, dry_run: false }
}

async fn run_pass(
    portal: &TestPortal,
    migration: &FlagMigration,
) -> (MigrationTally, Vec<(String, MigrationFate)>, bool) {
    let (mut tally, mut fates) = (MigrationTally::default(), Vec::new());
    let on_contact = |id: &str, fate: &MigrationFate| fates.push((id.to_owned(), fate.clone()));
    let done = migration.run_pass(&portal.deployer_client(), &mut tally, on_contact, |_| ()).await;
    (tally, fates, done.is_ok())
}

/// How many contacts have the old flag ticked, how many the venue's, and how many neither or both.
fn count_flags(portal: &TestPortal) -> (usize, usize, usize) {
    let flag = venue_ledger().flag;
    let mut counts = (0, 0, 0);
    for contact in portal.hubspot.all_contacts() {
        let has = |name: &str| contact.properties.get(name).is_some_and(|value| value == "true");
        match (has(OLD), has(&flag)) {
            (true, false) => counts.0 += 1,
            (false, true) => counts.1 += 1,
            _ => counts.2 += 1,
        }
    }
    counts
}

#[tokio::test]
async fn moves_contacts_over_many_pages_while_the_index_lags() {
    let portal = start_portal().await;
    add_flagged_contacts(&portal, 250);
    assert_eq!(run_pass(&portal, &FlagMigration { dry_run: true, ..new_migration() }).await.0.moved, 250);
    assert_eq!(count_flags(&portal), (250, 0, 0), "a dry run writes nothing");
    let (tally, ..) = run_pass(&portal, &new_migration()).await;
    assert_eq!((tally.moved, count_flags(&portal)), (250, (0, 250, 0)));
    // The lagging index still finds them all, but they are left alone.
    portal.take_writes();
    let (tally, fates, _) = run_pass(&portal, &new_migration()).await;
    assert_eq!((tally, fates.len()), (MigrationTally::default(), 250));
    assert!(!portal.take_writes().contains(&"POST update".to_owned()));
    portal.clock.advance(LAG);
    assert_eq!(run_pass(&portal, &new_migration()).await.1.len(), 0);
}

#[tokio::test]
async fn an_interrupted_migration_resumes_where_it_stopped() {
    // A search, a read and an update for each of three pages.
    let cases = (1..=9).flat_map(|at| [false, true].map(|took_effect| (at, took_effect)));
    let cases = cases.map(async |(at, took_effect)| {
        let portal = start_portal().await;
        add_flagged_contacts(&portal, 250);
        portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
            (request.number == at).then(|| match took_effect {
                true => SandboxFault::StatusAfter { status: 400 },
                false => SandboxFault::Status { status: 400, body: json!({}), headers: Vec::new() },
            })
        })));
        let (_, _, done) = run_pass(&portal, &new_migration()).await;
        assert!(!done, "{at}");
        let (_, _, neither_or_both) = count_flags(&portal);
        assert_eq!(neither_or_both, 0, "{at}: each contact has one flag");
        portal.hubspot.set_fault_hook(None);
        let (tally, _, done) = run_pass(&portal, &new_migration()).await;
        assert!(done && tally.failed == 0, "{at}");
        assert_eq!(count_flags(&portal), (0, 250, 0), "{at} {took_effect}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn does_not_resend_contacts_that_the_venue_already_has() {
    let portal = start_portal().await;
    let LedgerProperties { flag, status, .. } = venue_ledger();
    let states = ["synced", "needs_review", "sending", "failed"];
    let mut contacts: Vec<PropertyValues> =
        states.iter().map(|state| contact_properties(&[(OLD, "true"), (status.as_str(), state)])).collect();
    contacts.push(contact_properties(&[(OLD, "true"), (flag.as_str(), "true"), (status.as_str(), "synced")]));
    let ids = portal.hubspot.add_contacts(contacts).expect("contacts");
    let (tally, fates, _) = run_pass(&portal, &new_migration()).await;
    assert_eq!(tally, MigrationTally { moved: 1, had_both: 1, left: 3, failed: 0 });
    let left = |index: usize, state: &str| (ids[index].to_string(), MigrationFate::Left(state.to_owned()));
    for expected in [left(0, "synced"), left(1, "needs_review"), left(2, "sending")] {
        assert!(fates.contains(&expected), "{fates:?}");
    }
    let (tally, ..) = run_pass(&portal, &FlagMigration { also_synced: true, ..new_migration() }).await;
    assert_eq!((tally.moved, tally.left), (2, 1), "a contact that is being sent stays");
}

#[tokio::test]
async fn leaves_deleted_and_unticked_contacts_alone() {
    let portal = start_portal().await;
    let ids = add_flagged_contacts(&portal, 3);
    portal.hubspot.delete_contact(ids[0]).expect("it is deleted");
    portal.hubspot.set_property(ids[1], OLD, "").expect("unticked");
    let (tally, ..) = run_pass(&portal, &new_migration()).await;
    assert_eq!(tally, MigrationTally { moved: 1, ..MigrationTally::default() });
    let unticked = portal.hubspot.find_contact(ids[1]).expect("it exists");
    assert_eq!(unticked.properties.get(&venue_ledger().flag), None);
}

/// The program with a portal and a manifest with venues `a` and `b`.
struct MigrationSite {
    site: Site,
    portal: TestPortal,
    _runtime: tokio::runtime::Runtime,
}

impl MigrationSite {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
        let portal = runtime.block_on(start_portal());
        let site = Site::new();
        site.write_file("venues.toml", &with_token(&two_venue_manifest("sync"), &portal.server.uri));
        Self { site, portal, _runtime: runtime }
    }

    fn run_program(&self, args: &[&str]) -> (i32, String) {
        let mut command = self.site.deployer_command(&[&["migrate-flag"], args].concat());
        let output = command.env("ADMIN_TOKEN", TOKEN).output().expect("the program starts");
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
        assert!(!text.contains(TOKEN), "{text}");
        (output.status.code().unwrap_or(-1), text)
    }
}

#[test]
fn the_program_shows_the_migration_and_asks() {
    let program = MigrationSite::new();
    add_flagged_contacts(&program.portal, 3);
    let (code, text) = program.run_program(&["--from", OLD, "--to", "a", "--dry-run"]);
    assert!(code == 0 && text.contains("would move 3 contacts"), "{text}");
    let (code, text) = program.run_program(&["--from", OLD, "--to", "a"]);
    assert!(code == 2 && text.contains("would move 3 contacts") && text.contains("--yes is missing"), "{text}");
    assert_eq!(count_flags(&program.portal), (3, 0, 0));
    let (code, text) = program.run_program(&["--from", OLD, "--to", "a", "--yes", "--json"]);
    assert!(code == 0 && text.contains(r#""type":"migration""#) && text.contains(r#""moved":3"#), "{text}");
    assert_eq!(count_flags(&program.portal), (0, 3, 0));
    let (code, text) = program.run_program(&["--from", OLD, "--to", "a", "--yes"]);
    assert!(code == 0 && text.contains("moved 0 contacts"), "{text}");
}

#[test]
fn the_program_refuses_invalid_and_contaminating_migrations() {
    let program = MigrationSite::new();
    add_flagged_contacts(&program.portal, 1);
    let b = LedgerProperties::new("b", &default_flag_property("b"));
    program.portal.hubspot.define_sync_properties(&b, "Venue b").expect("the definitions are valid");
    for (from, to, code, words) in [
        ("tripleseat_sync__b", "a", 6, "is the flag of venue b"),
        ("tripleseat_sync__a", "a", 6, "is the flag of venue a"),
        ("tripleseat_snc", "a", 2, "did you mean tripleseat_sync?"),
        ("company", "a", 2, "is not a checkbox"),
        (OLD, "nobody", 2, "declares no venue nobody"),
    ] {
        let (found, text) = program.run_program(&["--from", from, "--to", to, "--yes"]);
        assert!(found == code && text.contains(words), "{from}: {found} {text}");
    }
    let text = std::fs::read_to_string(program.site.path().join("venues.toml")).expect("it exists");
    program.site.write_file("venues.toml", &text.replace("portal_id = 111", "portal_id = 222"));
    let (code, text) = program.run_program(&["--from", OLD, "--to", "a", "--yes"]);
    assert!(code == 6 && text.contains("is for HubSpot portal 111"), "{text}");
    assert_eq!(count_flags(&program.portal), (1, 0, 0));
}

#[test]
fn the_program_requires_the_venues_own_flag() {
    let program = MigrationSite::new();
    let (code, text) = program.run_program(&["--from", OLD, "--to", "b", "--yes"]);
    assert!(code == 2 && text.contains("tripleseat_sync__b") && text.contains("deployer apply"), "{text}");
}
