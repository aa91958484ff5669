//! Refusals that every contact would get: the run ends as a failure of the settings, and no contact pays for it.

use deployer_sandbox::SandboxFault;
use deployer_sandbox::tripleseat::TripleseatSwitches;
use serde_json::json;
use sync_config::config::{DestinationConfig, TripleseatDestination};

use super::portal::{ContactTally, SITE_ID, SyncTestPortal};

const CONTACTS: u64 = 40;

/// A wrong setting: its name, the venue's location and lead form, how the account is treated, and what the error must
/// name.
type WrongSetting = (&'static str, Option<u64>, Option<u64>, fn(&mut TripleseatSwitches), &'static str);

fn change_form(switches: &mut TripleseatSwitches) -> &mut deployer_sandbox::LeadFormRules {
    switches.forms.entry(Some(3)).or_default()
}

/// A key that may read no list: otherwise the lists show this before the first lead.
fn delete_form(switches: &mut TripleseatSwitches) {
    switches.key_reads_refused = true;
    change_form(switches).is_deleted = true;
}

const WRONG_SETTINGS: [WrongSetting; 8] = [
    (
        "another account's location",
        Some(70_020),
        None,
        |all| all.key_reads_refused = true,
        "`location_id` in [venues.venue-a.destination]",
    ),
    (
        "another account's form",
        None,
        Some(4),
        |all| all.key_reads_refused = true,
        "`lead_form_id` in [venues.venue-a.destination]",
    ),
    ("deleted form", None, Some(3), delete_form, "`lead_form_id`"),
    ("captcha", None, Some(3), |all| change_form(all).has_captcha = true, "captcha"),
    ("consent", None, Some(3), |all| change_form(all).requires_consent = true, "`gdpr_consent_granted`"),
    ("permission", None, Some(3), |all| all.lacks_permission = true, "what this public key may do"),
    (
        "required field",
        None,
        Some(3),
        |all| change_form(all).required_fields.push("guest_count".to_owned()),
        "`guest_count`: map it in [venues.venue-a.fields]",
    ),
    (
        "custom field",
        None,
        Some(3),
        |all| change_form(all).required_fields.push("date_flexibility".to_owned()),
        "`date flexibility`",
    ),
];

#[tokio::test]
async fn wrong_settings_burn_no_flags() {
    let story = async |(name, location_id, lead_form_id, switch, says): WrongSetting| {
        let mut portal = SyncTestPortal::new(false).await;
        portal.config.destination = DestinationConfig::Tripleseat(TripleseatDestination {
            location_id,
            lead_form_id,
            ..TripleseatDestination::default()
        });
        let ids = portal.add_contacts(100..100 + CONTACTS);
        portal.tripleseat.change_switches(SITE_ID, switch);
        let event = json!({ "dry_run": true });
        let dry = portal.run_with(&event, std::time::Duration::from_secs(60)).await.expect_err(name);
        let error = portal.run_once().await.expect_err(name);
        assert_eq!((dry.kind_name(), error.kind_name()), ("WrongSetting", "WrongSetting"), "{name}: {dry} {error}");
        assert!(error.to_string().contains(says) && dry.to_string().contains(says), "{name}: {error}");
        assert_eq!(portal.run_line()["error"]["kind"], "WrongSetting", "`status` reads it there");
        let contacts = ids.len();
        let kept = ContactTally { contacts, flags_left: contacts, ..ContactTally::default() };
        assert_eq!(portal.tally_contacts(&ids), kept, "{name}");
        assert!(portal.count_attempts() <= 2, "{name}: one is validated in the dry run, one is sent in the run");

        portal.config.destination = DestinationConfig::default();
        portal.tripleseat.change_switches(SITE_ID, |switches| *switches = TripleseatSwitches::default());
        portal.advance_past_lag();
        portal.run_once().await.expect(name);
        let all = ContactTally { contacts, leads: contacts, ..ContactTally::default() };
        assert_eq!(portal.tally_contacts(&ids), all, "{name}");
        println!("{name:26} {kept:?} | corrected: {all:?}");
    };
    futures_util::future::join_all(WRONG_SETTINGS.map(story)).await;
}

#[tokio::test]
async fn contacts_in_flight_are_unmarked_when_a_form_is_deleted() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.destination = DestinationConfig::Tripleseat(TripleseatDestination {
        location_id: None,
        lead_form_id: Some(3),
        ..TripleseatDestination::default()
    });
    let ids = portal.add_contacts(1..31);
    let tripleseat = portal.tripleseat.clone();
    portal.break_leads(move |number| {
        if number == 6 {
            tripleseat.change_switches(SITE_ID, |switches| change_form(switches).is_deleted = true);
        }
        None
    });
    let error = portal.run_once().await.expect_err("the form is gone");
    assert_eq!(error.kind_name(), "WrongSetting");
    let expected = ContactTally { contacts: 30, leads: 5, flags_left: 25, ..ContactTally::default() };
    assert_eq!(portal.tally_contacts(&ids), expected);
}

#[tokio::test]
async fn contacts_own_faults_stay_theirs() {
    let portal = SyncTestPortal::new(false).await;
    let mut ids = portal.add_contacts_with(1..6, &[("phone", "")]);
    ids.extend(portal.add_contacts(6..9));
    portal.expect_counts(8, 3, 5, 0, 0).await;
    let expected = ContactTally { contacts: 8, leads: 3, failed: 5, ..ContactTally::default() };
    assert_eq!(portal.tally_contacts(&ids), expected);
}

/// Refuses the leads whose numbers are below `until`, with words that name nothing.
fn refuse_without_reason(portal: &SyncTestPortal, until: usize) {
    portal.break_leads(move |number| {
        let body = json!({ "errors": ["Something went wrong"] });
        (number < until).then(|| SandboxFault::Status { status: 200, body, headers: Vec::new() })
    });
}

#[tokio::test]
async fn the_same_refusal_of_the_first_three_is_a_settings_fault() {
    for (contacts, until, expected) in [
        // Three, and no more, are tried.
        (10, usize::MAX, ContactTally { flags_left: 10, ..ContactTally::default() }),
        (2, usize::MAX, ContactTally { failed: 2, ..ContactTally::default() }),
        (10, 3, ContactTally { failed: 2, leads: 8, ..ContactTally::default() }),
    ] {
        let portal = SyncTestPortal::new(false).await;
        let ids = portal.add_contacts(1..contacts + 1);
        refuse_without_reason(&portal, until);
        let ran = portal.run_once().await;
        let error = ran.as_ref().err().map(|error| (error.kind_name(), error.to_string()));
        assert_eq!(error.as_ref().map(|(kind, _)| *kind), (expected.flags_left > 0).then_some("WrongSetting"));
        assert!(error.is_none_or(|(_, text)| text.contains("Something went wrong") && text.contains("check")));
        let expected = ContactTally { contacts: ids.len(), ..expected };
        assert_eq!(portal.tally_contacts(&ids), expected, "{contacts} {until}");
        if until == usize::MAX {
            assert_eq!(portal.count_attempts(), ids.len().min(3));
        }
    }
}

#[tokio::test]
async fn a_firewall_is_neither_the_key_nor_a_setting() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.fields = [("additional_information".to_owned(), "message".to_owned())].into();
    let blocked = portal.add_contact(1, &[("message", "<script>alert(1)</script>")]);
    let others = portal.add_contacts(2..5);
    portal.tripleseat.change_switches(SITE_ID, |switches| switches.firewall = vec!["<script>".to_owned()]);
    portal.expect_counts(4, 3, 1, 0, 0).await;
    assert!(portal.ledger_values(blocked).3.contains("firewall"), "{}", portal.ledger_values(blocked).3);
    assert_eq!(portal.contacts_of_leads(), others);

    let late = portal.add_contacts(5..8);
    portal.tripleseat.change_switches(SITE_ID, |switches| switches.firewall = vec![String::new()]);
    let error = portal.run_once().await.expect_err("everything is blocked");
    assert_eq!(error.kind_name(), "Refused");
    assert!(error.to_string().contains("firewall") && !error.to_string().contains("PUBLIC_KEY"), "{error}");
    assert!(late.iter().all(|id| portal.ledger_values(*id).0 && portal.ledger_values(*id).1.is_empty()), "flags stay");
}
