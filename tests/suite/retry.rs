//! `deployer retry`: contacts that a run left to staff, as a process against the sandboxes.

use std::process::Command;

use deployer_sandbox::{SandboxClock, SandboxFault};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::sync::portal::{KEY, PORTAL_ID, SITE_ID, SyncTestPortal, TOKEN};

const CREATE: &str = "/v1/leads/create";

/// A portal with a venue whose runs can't look up leads, and a manifest for it.
struct RetrySite {
    portal: SyncTestPortal,
    directory: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl RetrySite {
    fn new() -> Self {
        Self::with_clock(Timestamp::now())
    }

    /// The vendors' clock starts at this time.
    fn with_clock(start: Timestamp) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
        let portal = runtime.block_on(SyncTestPortal::with_clock(false, SandboxClock::stopped_at(start), false));
        let site = Self { portal, directory: tempfile::tempdir().expect("a temporary directory"), runtime };
        site.write_manifest(true, "");
        site
    }

    fn write_manifest(&self, oauth: bool, more: &str) {
        let client = "tripleseat_client_id = \"env:CLIENT\"\ntripleseat_client_secret = \"env:SECRET\"\n";
        let text = format!(
            "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n[hubspot]\nbase_uri = \"{}\"\n\
             token = \"env:ADMIN_TOKEN\"\nportal_id = {PORTAL_ID}\n\n[venues.venue-a]\ndisplay_name = \"Venue A\"\n{more}\
             [venues.venue-a.secrets]\nhubspot_token = \"env:TOKEN\"\ntripleseat_public_key = \"env:KEY\"\n{}\
             [venues.venue-a.destination]\nkind = \"tripleseat\"\nbase_uri = \"{}\"\n",
            self.portal.hubspot_server.uri,
            if oauth { client } else { "" },
            self.portal.tripleseat_server.uri,
        );
        std::fs::write(self.directory.path().join("venues.toml"), text).expect("it is written");
    }

    /// Three contacts: refused for its phone number, a lead whose answer was lost, and a lead that was never received.
    fn leave_three(&self) -> [u64; 3] {
        let failed = self.portal.add_contact(1, &[("phone", "")]);
        self.run_sync();
        let [lead, lost] = [(2, SandboxFault::DropAfter), (3, SandboxFault::DropBefore)].map(|(number, fault)| {
            let id = self.portal.add_contact(number, &[]);
            self.portal.break_tripleseat(CREATE, 1, fault);
            self.run_sync();
            self.portal.clear_faults();
            id
        });
        let states = [failed, lead, lost].map(|id| self.portal.ledger_values(id).1);
        assert_eq!(states, ["failed", "needs_review", "needs_review"]);
        self.portal.advance_past_lag();
        [failed, lead, lost]
    }

    fn run_sync(&self) {
        self.portal.advance_past_lag();
        self.runtime.block_on(self.portal.run_once()).expect("the run succeeds");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        command.current_dir(self.directory.path()).env_clear().arg("retry").args(args);
        // So that no sentence that a test looks for is wrapped.
        command.env("COLUMNS", "1000");
        command.env("ADMIN_TOKEN", TOKEN).env("TOKEN", TOKEN).env("KEY", KEY);
        command.env("CLIENT", format!("client-of-{SITE_ID}")).env("SECRET", format!("secret-of-{SITE_ID}"));
        command
    }

    fn run_retry(&self, args: &[&str]) -> (i32, String) {
        exit_and_text(&mut self.command(args))
    }

    fn flags(&self, ids: &[u64]) -> Vec<bool> {
        ids.iter().map(|id| self.portal.ledger_values(*id).0).collect()
    }

    fn hubspot_writes(&self) -> usize {
        self.portal.hubspot.recorded_requests().iter().filter(|request| request.path.contains("update")).count()
    }
}

fn exit_and_text(command: &mut Command) -> (i32, String) {
    let output = command.output().expect("the program starts");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(!text.contains(TOKEN) && !text.contains("secret-of-"), "{text}");
    (output.status.code().unwrap_or(-1), text)
}

/// The JSON lines of this type.
fn lines_of(text: &str, kind: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["type"] == kind).collect()
}

#[test]
fn a_reviewed_contact_that_is_a_lead_is_settled_and_the_others_are_ticked() {
    let site = RetrySite::new();
    let ids @ [failed, lead, lost] = site.leave_three();
    let before = site.hubspot_writes();
    let (code, text) = site.run_retry(&["venue-a", "--dry-run"]);
    assert_eq!(code, 0, "{text}");
    for words in [
        "To be ticked again: 2 contacts",
        "1 failed: Phone number can't be blank",
        "Leads already, to be marked as synced: 1 contact",
        "would tick 2 contacts again and mark 1 as synced",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (code, text) = site.run_retry(&["venue-a"]);
    assert!(code == 2 && text.contains("--yes is missing"), "{text}");
    assert_eq!((site.flags(&ids), site.hubspot_writes()), (vec![false; 3], before), "nothing was changed");

    let (code, text) = site.run_retry(&["venue-a", "--yes"]);
    assert!(code == 0 && text.contains("ticked 2 contacts again, marked 1 as synced"), "{text}");
    assert_eq!(site.flags(&ids), [true, false, true]);
    let (_, status, lead_id, error) = site.portal.ledger_values(lead);
    assert_eq!((status.as_str(), error.as_str()), ("synced", ""));
    assert_eq!(lead_id, site.portal.venue_leads()[0].id.to_string());

    site.portal.hubspot.set_property(failed, "phone", "555-0199").expect("correcting works");
    site.run_sync();
    assert_eq!(site.portal.contacts_of_leads(), [failed, lead, lost], "each exactly once");
    let (code, text) = site.run_retry(&["venue-a", "--yes"]);
    assert!(code == 0 && text.contains("no contact failed or needs review"), "{text}");
}

#[test]
fn without_a_lookup_a_reviewed_contact_is_sent_again_only_if_that_is_asked_for() {
    let site = RetrySite::new();
    let ids = site.leave_three();
    site.write_manifest(false, "");
    let (code, text) = site.run_retry(&["venue-a", "--yes"]);
    assert!(code == 0 && text.contains("it can't be looked up") && text.contains("Left alone: 2"), "{text}");
    assert_eq!(site.flags(&ids), [true, false, false]);
    let (code, text) = site.run_retry(&["venue-a", "--needs-review", "--yes"]);
    assert!(code == 0 && text.contains("ticked 2 contacts again"), "{text}");
    assert_eq!(site.flags(&ids), [true; 3]);
}

#[test]
fn a_refused_lookup_leaves_what_may_be_a_lead_alone() {
    let site = RetrySite::new();
    let ids = site.leave_three();
    let (code, text) = exit_and_text(site.command(&["venue-a", "--needs-review", "--yes"]).env("SECRET", "mistyped"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the lookup was refused"), "{text}");
    assert!(text.contains("deployer doctor venue-a --only tripleseat"), "{text}");
    assert_eq!(site.flags(&ids), [false; 3]);
}

#[test]
fn chooses_by_status_and_age_and_names_contacts_only_if_asked() {
    let site = RetrySite::new();
    let [failed, lead, lost] = site.leave_three();
    let listed = |args: &[&str]| {
        let (code, text) = site.run_retry(&[&["venue-a", "--dry-run", "--json"], args].concat());
        assert_eq!(code, 0, "{text}");
        let contacts = lines_of(&text, "contact");
        let ids: Vec<u64> = contacts.iter().filter_map(|line| line["id"].as_str()?.parse().ok()).collect();
        (ids, contacts, text)
    };
    assert_eq!(listed(&["--failed"]).0, [failed]);
    assert_eq!(listed(&["--needs-review"]).0, [lead, lost]);
    assert_eq!(listed(&["--failed", "--needs-review"]).0, [failed, lead, lost]);
    let (_, contacts, text) = listed(&[]);
    assert_eq!((&contacts[0]["status"], &contacts[0]["action"]), (&"failed".into(), &"tick".into()));
    assert_eq!((&contacts[1]["action"], contacts[1]["lead_id"].is_string()), (&"settle".into(), true));
    assert!(!text.contains("Firstname") && !text.contains("example.com"), "{text}");
    let tally = lines_of(&text, "retry").remove(0);
    assert_eq!((&tally["to_tick"], &tally["to_settle"], &tally["dry_run"]), (&2.into(), &1.into(), &true.into()));
    let (_, contacts, _) = listed(&["--show-contacts"]);
    assert_eq!(contacts[0]["name"], "Firstname1 Lastname1 <guest1@example.com>");
}

#[test]
fn chooses_contacts_by_how_long_they_have_waited() {
    let site = RetrySite::with_clock(Timestamp::now() - SignedDuration::from_hours(48));
    site.portal.add_contact(1, &[("phone", "")]);
    site.run_sync();
    site.portal.advance_past_lag();
    for (since, words) in [("1d", "no contact failed or needs review"), ("3d", "would tick 1 contact again")] {
        let (code, text) = site.run_retry(&["venue-a", "--dry-run", "--since", since]);
        assert!(code == 0 && text.contains(words), "{since}: {text}");
    }
}

#[test]
fn what_changed_in_the_meantime_is_left_alone() {
    let site = RetrySite::new();
    let [failed, ..] = site.leave_three();
    let before = site.hubspot_writes();
    // Staff tick the contact between the decision and the write.
    site.portal.when_hubspot_gets("batch/read", 2, move |hubspot| {
        hubspot.set_property(failed, "tripleseat_sync__venue_a", "true").expect("ticking works");
    });
    let (code, text) = site.run_retry(&["venue-a", "--failed", "--yes"]);
    assert!(code == 0 && text.contains("1 contact changed in the meantime"), "{text}");
    assert_eq!(site.hubspot_writes(), before);
}

#[test]
fn says_what_to_do_without_a_token_a_dev_or_a_deployed_venue() {
    let site = RetrySite::new();
    let (code, text) = exit_and_text(site.command(&["venue-a"]).env_remove("ADMIN_TOKEN"));
    assert!(code == 2 && text.contains("which is needed to read and tick contacts") && text.contains("hint"), "{text}");
    let (code, text) = site.run_retry(&["venue-a", "--local"]);
    assert!(code == 2 && text.contains("start `deployer dev`"), "{text}");
    let (code, text) = site.run_retry(&["venue-b"]);
    assert!(code == 2 && text.contains("declares no venue venue-b"), "{text}");
    site.write_manifest(true, "status = \"blocked\"\nblocker = { reason = \"No key yet\" }\n");
    let (code, text) = site.run_retry(&["venue-a"]);
    assert!(code == 2 && text.contains("deployer venue unblock venue-a"), "{text}");
    site.write_manifest(true, "");
    let text = std::fs::read_to_string(site.directory.path().join("venues.toml")).expect("it exists");
    let other = text.replace(&format!("portal_id = {PORTAL_ID}"), "portal_id = 1");
    std::fs::write(site.directory.path().join("venues.toml"), other).expect("it is written");
    let (code, text) = site.run_retry(&["venue-a", "--yes"]);
    assert!(code == 6 && text.contains("is for HubSpot portal 4242"), "{text}");
}
