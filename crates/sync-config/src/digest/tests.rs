use super::*;

fn venue(name: &str, display_name: &str) -> DigestVenue {
    let waiting = Some(DigestWaiting::default());
    let runs = Some(DigestRuns::default());
    DigestVenue {
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        runs,
        waiting,
        ..DigestVenue::default()
    }
}

fn full_digest() -> Digest {
    Digest {
        deployment: "venue-sync".to_owned(),
        period: "24 hours".to_owned(),
        until: "2026-11-30 09:00 America/New_York".to_owned(),
        waiting_is_now: true,
        venues: vec![
            DigestVenue {
                runs: Some(DigestRuns { synced: 34, failed_runs: 0 }),
                waiting: Some(DigestWaiting { needs_review: 2, failed: 1 }),
                ..venue("venue-a", "Venue A")
            },
            DigestVenue {
                runs: Some(DigestRuns { synced: 0, failed_runs: 3 }),
                waiting: Some(DigestWaiting { needs_review: 1, failed: 0 }),
                ..venue("loft", "The Loft at the Very Long Pier")
            },
            DigestVenue {
                runs: None,
                unknown: "its log can't be read".to_owned(),
                waiting: None,
                ..venue("b", "Venue B")
            },
            venue("c", "Venue C"),
            DigestVenue { paused: true, ..venue("d", "Venue D") },
        ],
        blocked: vec![DigestBlocker {
            display_name: "Marina".to_owned(),
            reason: "The platform has no way to create leads from outside yet, and its vendor is working on one"
                .to_owned(),
            owner: Some("Ana".to_owned()),
            next_step: Some("Ask the vendor for a date".to_owned()),
            since: Some("2026-10-01".to_owned()),
        }],
        more_blocked: 0,
        more_venues: 0,
        alarms: Some(vec![DigestAlarm {
            display_name: "The Loft at the Very Long Pier".to_owned(),
            venue: Some("loft".to_owned()),
            causes: vec!["failing".to_owned(), "silent".to_owned()],
        }]),
    }
}

const FULL: &str = "\
venue-sync, the 24 hours until 2026-11-30 09:00 America/New_York

Alarms
  The Loft at the Very Long Pier: failing, silent
    deployer status loft

Waiting for a person
  Venue A: 2 contacts need review, 1 contact refused for its data
    deployer logs venue-a --outcome needs_review --outcome failed
  The Loft at the Very Long Pier: 1 contact needs review
    deployer logs loft --outcome needs_review --outcome failed
  unknown at Venue B

Synced
  Venue A                             34
  The Loft at the Very Long Pier       0, 3 runs failed
  Venue B                         unknown: its log can't be read
  nothing to sync at Venue C
  paused: Venue D

Blocked
  Marina, since 2026-10-01: The platform has no way to create leads from
    outside yet, and its vendor is working on one
    Owner: Ana
    Next: Ask the vendor for a date

`deployer status` shows all of this, as it is at that moment.
";

#[test]
fn a_digest_says_everything_in_eighty_columns() {
    let DigestMessage { subject, body } = full_digest().render();
    assert_eq!(subject, "venue-sync: 34 synced, 4 waiting for a person, 1 alarm in 24 hours");
    assert_eq!(body, FULL);
}

#[test]
fn a_quiet_day_is_short() {
    let digest =
        Digest { venues: vec![venue("c", "Venue C")], alarms: Some(Vec::new()), blocked: Vec::new(), ..full_digest() };
    let DigestMessage { subject, body } = digest.render();
    assert_eq!(subject, "venue-sync: 0 synced in 24 hours");
    assert!(body.contains("\nAlarms\n  none is raised\n\nWaiting for a person\n  nothing\n"), "{body}");
    let unread = Digest { alarms: None, ..digest }.render().body;
    assert!(unread.contains("\nAlarms\n  unknown"), "{unread}");
}

#[test]
fn a_thousand_venues_fit_and_no_line_is_too_long() {
    let all = |busy: bool| {
        let each = |at: u64| DigestVenue {
            runs: Some(DigestRuns { synced: u64::from(busy) * at, failed_runs: 0 }),
            waiting: Some(DigestWaiting { needs_review: u64::from(busy), failed: 0 }),
            ..venue(&format!("venue-{at}"), &format!("Venue with the number {at}"))
        };
        Digest { venues: (1..=3000).map(each).collect(), ..full_digest() }.render()
    };
    let idle = all(false).body;
    assert!(idle.contains("and 2980 more"), "{idle}");
    let busy = all(true);
    assert!(busy.body.len() <= MAX_BODY + 100 && busy.body.ends_with("shows all of it.\n"));
    for line in idle.lines().chain(busy.body.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_was_not_read_is_counted() {
    let body = Digest { more_venues: 3, more_blocked: 2, ..full_digest() }.render().body;
    assert!(body.contains("  and 3 venues not read here\n    deployer report --send\n"), "{body}");
    assert!(body.contains("  and 2 more: `deployer report` has all\n"), "{body}");
}

#[test]
fn alarms_are_told_by_what_they_mean() {
    let told = |venue: &str, causes: &[&str]| {
        let DigestAlarm { display_name, venue, causes } =
            DigestAlarm::from_causes(venue, (venue == "a").then_some("Venue A"), causes.iter().copied());
        (display_name, venue, causes.join(", "))
    };
    let of_a = |causes: &str| ("Venue A".to_owned(), Some("a".to_owned()), causes.to_owned());
    assert_eq!(told("a", &["failing", "new"]), of_a("runs fail, new"));
    assert_eq!(told("a", &[]), of_a(""));
    assert_eq!(told("b", &[]).0, "b", "an unknown venue is named as in its alarm");
    let all = ("All venues".to_owned(), None, "a digest couldn't be sent".to_owned());
    assert_eq!(told("_all", &["digest"]), all);
}

/// A function's configuration is what an older or a newer deployer wrote.
#[test]
fn unset_members_are_left_out() {
    let config = DigestConfig { topic: "t".to_owned(), hours: [24; 7], ..DigestConfig::default() };
    let json = serde_json::to_string(&config).expect("JSON");
    assert_eq!(json, r#"{"topic":"t","hours":[24,24,24,24,24,24,24]}"#);
    let read: DigestConfig =
        serde_json::from_str(r#"{"topic":"t","hours":[24,24,24,24,24,24,24],"new":1}"#).expect("read");
    assert_eq!(read, config);
    assert_eq!(
        [(1440, "24 hours"), (10080, "7 days"), (90, "90 minutes")].map(|(m, w)| period_words(m) == w),
        [true; 3]
    );
}

#[test]
fn subjects_are_what_sns_takes() {
    let digest = Digest { period: "7 days – \n".repeat(20), ..full_digest() };
    let subject = digest.render().subject;
    assert!(subject.len() <= MAX_SUBJECT && subject.bytes().all(|byte| (32..127).contains(&byte)), "{subject}");
}
