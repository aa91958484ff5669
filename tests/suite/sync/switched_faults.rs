//! The faults that can be switched on in `deployer dev`: what each does to contacts while it is on, and that nothing is
//! lost and nothing sent twice once it is off.

use deployer_sandbox::{FaultSwitches, SandboxClock, VendorFault};
use jiff::SignedDuration;
use serde_json::json;

use super::portal::{ContactTally, FAST, HandlerResult, LAG, SyncTestPortal};

/// A portal with switches, whose function hardly waits between tries.
struct SwitchedPortal {
    portal: SyncTestPortal,
    switches: FaultSwitches,
}

impl SwitchedPortal {
    async fn new(oauth: bool) -> Self {
        Self::with_portal(SyncTestPortal::new(oauth).await)
    }

    fn with_portal(mut portal: SyncTestPortal) -> Self {
        portal.variables.insert("SYNC_WAIT_DIVISOR", "100".to_owned());
        let switches = FaultSwitches::install(portal.hubspot.clone(), &portal.tripleseat, LAG);
        Self { portal, switches }
    }

    fn switch(&self, fault: VendorFault, on: bool) {
        self.switches.switch_fault(fault, on, self.portal.clock.now());
    }

    /// A run with the fault, what it made of the contacts, and what is there after two more without it.
    async fn run_through(&self, fault: VendorFault, ids: &[u64]) -> (HandlerResult, ContactTally, ContactTally) {
        self.switch(fault, true);
        let ran = self.portal.run_once().await;
        let during = self.portal.tally_contacts(ids);
        assert!(self.switches.find_switched(fault).is_some_and(|switched| switched.requests > 0), "{fault:?}");
        self.switch(fault, false);
        for _ in 0..2 {
            self.portal.advance_past_lag();
            self.portal.run_once().await.expect("the vendors work again");
        }
        (ran, during, self.portal.tally_contacts(ids))
    }
}

/// This many contacts, all of them leads, once.
fn all_leads(contacts: usize) -> ContactTally {
    ContactTally { contacts, leads: contacts, ..ContactTally::default() }
}

#[tokio::test]
async fn tripleseat_down_costs_one_contact_or_none() {
    let without = SwitchedPortal::new(false).await;
    let ids = without.portal.add_contacts(1..21);
    let (_, during, after) = without.run_through(VendorFault::TripleseatDown, &ids).await;
    let one = ContactTally { contacts: 20, needs_review: 1, flags_left: 19, ..ContactTally::default() };
    assert_eq!((during, after), (one, ContactTally { leads: 19, needs_review: 1, ..all_leads(20) }));

    let with = SwitchedPortal::new(true).await;
    let ids = with.portal.add_contacts(1..21);
    let (_, during, after) = with.run_through(VendorFault::TripleseatDown, &ids).await;
    assert_eq!((during.leads, during.needs_review, during.lost), (0, 0, 0), "{during:?}");
    assert_eq!(after, all_leads(20), "what may have been sent was looked up");
}

#[tokio::test]
async fn a_lost_answer_needs_review_or_is_looked_up() {
    let without = SwitchedPortal::new(false).await;
    let ids = without.portal.add_contacts(1..21);
    let (_, during, after) = without.run_through(VendorFault::AnswerLost, &ids).await;
    let two = ContactTally { contacts: 20, leads: 2, needs_review: 2, flags_left: 18, ..ContactTally::default() };
    assert_eq!((during, after), (two, ContactTally { needs_review: 2, ..all_leads(20) }));

    let with = SwitchedPortal::new(true).await;
    let ids = with.portal.add_contacts(1..21);
    let (_, during, after) = with.run_through(VendorFault::AnswerLost, &ids).await;
    assert_eq!((during.needs_review, during.twice, during.lost), (0, 0, 0), "{during:?}");
    assert_eq!(after, all_leads(20));
}

#[tokio::test]
async fn tripleseat_refusing_costs_at_most_two_contacts() {
    let two = SwitchedPortal::new(false).await;
    let ids = two.portal.add_contacts(1..3);
    let (ran, during, after) = two.run_through(VendorFault::TripleseatRefusing, &ids).await;
    let failed = ContactTally { contacts: 2, failed: 2, ..ContactTally::default() };
    assert_eq!((ran.expect("it ends")["failed"].clone(), during, after), (json!(2), failed, failed));
    let (.., error) = two.portal.ledger_values(ids[0]);
    assert!(error.contains("This account takes no leads at the moment"), "{error}");

    let ten = SwitchedPortal::new(false).await;
    let ids = ten.portal.add_contacts(1..11);
    let (ran, during, after) = ten.run_through(VendorFault::TripleseatRefusing, &ids).await;
    assert_eq!(ran.expect_err("a setting must be wrong").kind_name(), "WrongSetting");
    let waiting = ContactTally { contacts: 10, flags_left: 10, ..ContactTally::default() };
    assert_eq!((during, after), (waiting, all_leads(10)));
}

#[tokio::test]
async fn hubspots_limit_makes_contacts_wait() {
    let portal = SwitchedPortal::new(false).await;
    let ids = portal.portal.add_contacts(1..11);
    let (ran, during, after) = portal.run_through(VendorFault::HubSpotLimit, &ids).await;
    let error = ran.expect_err("no request is answered").to_string();
    assert!(error.contains("daily limit"), "{error}");
    let waiting = ContactTally { contacts: 10, flags_left: 10, ..ContactTally::default() };
    assert_eq!((during, after), (waiting, all_leads(10)));
}

#[tokio::test]
async fn a_slow_tripleseat_loses_nothing() {
    let fast = SyncTestPortal::with_clock(false, SandboxClock::fast(FAST), false).await;
    let slow = SwitchedPortal::with_portal(fast);
    let ids = slow.portal.add_contacts(1..4);
    slow.switch(VendorFault::TripleseatSlow, true);
    slow.portal.expect_counts(3, 3, 0, 0, 0).await;
    assert_eq!(slow.portal.tally_contacts(&ids), all_leads(3));
}

#[tokio::test]
async fn a_lagging_search_finds_a_flag_later_and_once() {
    let lagging = SwitchedPortal::new(false).await;
    let portal = &lagging.portal;
    let known = portal.add_contact(1, &[]);
    lagging.switch(VendorFault::SearchLag, true);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), [known], "what was found before is still found");
    let late = portal.hubspot.create_contact(
        &[
            ("firstname", "Lee"),
            ("email", "late@example.com"),
            ("lastname", "Late"),
            ("phone", "555-0199"),
            ("tripleseat_sync__venue_a", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
    );
    let late = late.expect("a valid contact");
    portal.advance_past_lag();
    let answer = portal.run_once().await.expect("it finds nothing to send");
    assert_eq!((&answer["synced"], portal.contacts_of_leads().contains(&late)), (&json!(0), false), "{answer}");
    portal.clock.advance(SignedDuration::from_secs(60));
    for _ in 0..2 {
        portal.run_once().await.expect("the run succeeds");
        portal.clock.advance(SignedDuration::from_secs(61));
    }
    assert_eq!(portal.contacts_of_leads(), [known, late]);
}
