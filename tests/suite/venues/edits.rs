//! Edits of a manifest's text: they change what they are about and not a byte more.

use deployer_core::manifest::{self, BlockerEntry, NewVenue, SecretRef, Status};
use deployer_core::manifest::{add_venue, remove_blocker, set_blocker, set_region, set_status};
use sync_config::config::{DestinationConfig, HttpAuth, HttpDestination, TripleseatDestination};

const OWN: &str = include_str!("../../../venues.toml");

/// All the ways in which TOML lets a venue be written.
const FORMS: [(&str, &str); 5] = [
    (
        "headers",
        "[venues.a] # the first\ndisplay_name = \"A\"   # as staff say\nstatus = 'active' # or not\n\n# Its lead.\n[venues.a.destination]\nkind = \"tripleseat\"\n[venues.a.secrets]\nhubspot_token = \"env:A\"\ntripleseat_public_key = \"env:B\"",
    ),
    (
        "no_status",
        "[venues.a]\n  display_name = \"\"\"A\"\"\"\n  # protect = true\n  # What follows is where its leads go.\n  [venues.a.destination]\n  kind = \"tripleseat\"\n[venues.a.secrets]\nhubspot_token = \"env:A\"\ntripleseat_public_key = \"env:B\"\n\n\n# The end.\n",
    ),
    (
        "inline",
        "[venues]\na = { display_name = \"A\", destination = { kind = \"tripleseat\" }, secrets = { hubspot_token = \"env:A\", tripleseat_public_key = \"env:B\" } } # all in one\n",
    ),
    (
        "dotted",
        "[venues]\na.display_name = \"A\" # as staff say\na.destination.kind = \"tripleseat\"\na.secrets.hubspot_token = \"env:A\"\na.secrets.tripleseat_public_key = \"env:B\"\n",
    ),
    (
        "dotted_in_a_table",
        "[venues.a]\nsecrets.hubspot_token = \"env:A\"\ndisplay_name = \"A\"\nsecrets.tripleseat_public_key = \"env:B\"\ndestination = { kind = \"tripleseat\" }\n# not a header: [venues.b]\n\n[defaults]\nmemory_mb = 256\n",
    ),
];

const HEAD: &str = "# Ours.\n[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n";

fn manifest_in_form(form: &str) -> String {
    format!("{HEAD}{form}")
}

/// A diff of `before` and `after` with one line of context.
fn line_diff(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for (i, j) in (0..old.len()).rev().flat_map(|i| (0..new.len()).rev().map(move |j| (i, j))) {
        common[i][j] = if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    let near = |at: usize| lines[at.saturating_sub(1)..(at + 2).min(lines.len())].iter().any(|(sign, _)| *sign != ' ');
    let shown = lines.iter().enumerate().filter(|(at, _)| near(*at));
    shown.map(|(_, (sign, line))| format!("{sign}{line}\n")).collect()
}

fn blocker_entries() -> Vec<BlockerEntry> {
    vec![
        BlockerEntry::Reason("No \"API\" yet".to_owned()),
        BlockerEntry::Owner("ops@example.com".to_owned()),
        BlockerEntry::NextStep("Ask".to_owned()),
        BlockerEntry::Since(jiff::civil::date(2026, 3, 1)),
    ]
}

fn block_venue(text: &str, venue: &str) -> String {
    set_blocker(&set_status(text, venue, Status::Blocked).expect("it is edited"), venue, &blocker_entries())
        .expect("it is edited")
}

fn unblock_venue(text: &str, venue: &str) -> String {
    remove_blocker(&set_status(text, venue, Status::Active).expect("it is edited"), venue).expect("it is edited")
}

fn venue_of(text: &str, name: &str) -> manifest::Venue {
    let loaded = manifest::parse_manifest(text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    loaded.manifest.venues.into_iter().find(|venue| venue.name == name).expect("the venue")
}

fn loft_venue() -> NewVenue {
    NewVenue {
        name: "loft".to_owned(),
        display_name: "The \"Loft\"".to_owned(),
        status: Status::Active,
        schedule: None,
        timeout: None,
        secrets: vec![
            ("hubspot_token", SecretRef::Env("LOFT_TOKEN".to_owned())),
            ("tripleseat_public_key", SecretRef::parse_reference("cmd:pass show \"the loft\"").expect("a reference")),
        ],
        tripleseat_base_uri: None,
        destination: DestinationConfig::Tripleseat(TripleseatDestination {
            location_id: Some(7),
            ..TripleseatDestination::default()
        }),
        fields: Vec::new(),
    }
}

#[test]
fn status_changes_in_place_in_every_form() {
    for (name, form) in FORMS {
        let before = manifest_in_form(form);
        let after = set_status(&before, "a", Status::Paused).expect("it is edited");
        assert_eq!(venue_of(&after, "a").status, Status::Paused, "{name}");
        insta::assert_snapshot!(format!("status_{name}"), line_diff(&before, &after));
        assert_eq!(
            set_status(&after, "a", Status::Paused).expect("it is edited"),
            after,
            "{name}: a second edit changes nothing"
        );
    }
}

#[test]
fn blocker_is_added_and_removed_in_every_form() {
    for (name, form) in FORMS {
        let before = manifest_in_form(form);
        let after = block_venue(&before, "a");
        let venue = venue_of(&after, "a");
        let blocker = venue.blocker.expect("a blocker");
        assert_eq!((venue.status, blocker.reason.as_str()), (Status::Blocked, "No \"API\" yet"), "{name}");
        assert_eq!((blocker.owner.as_deref(), blocker.since.as_deref()), (Some("ops@example.com"), Some("2026-03-01")));
        insta::assert_snapshot!(format!("blocker_{name}"), line_diff(&before, &after));
        let back = unblock_venue(&after, "a");
        let expected =
            set_status(&set_status(&before, "a", Status::Paused).expect("it is edited"), "a", Status::Active);
        assert_eq!(back, expected.expect("it is edited"), "{name}: nothing of the blocker is left");
    }
}

#[test]
fn repository_venues_can_be_blocked_and_unblocked() {
    for venue in ["venue-b", "venue-c"] {
        let after = block_venue(OWN, venue);
        let back = unblock_venue(&after, venue);
        assert_eq!(venue_of(&back, venue).status, Status::Active);
        assert_eq!(
            remove_blocker(&after, venue).expect("it is edited").lines().count(),
            lines_when_blocked(OWN, venue),
            "{venue}"
        );
    }
    insta::assert_snapshot!("own_blocked", line_diff(OWN, &block_venue(OWN, "venue-c")));
    insta::assert_snapshot!("own_unblocked", line_diff(OWN, &remove_blocker(OWN, "marina").expect("it is edited")));
}

/// The number of lines once the venue's status is written.
fn lines_when_blocked(text: &str, venue: &str) -> usize {
    set_status(text, venue, Status::Blocked).expect("it is edited").lines().count()
}

#[test]
fn blocker_entries_change_one_by_one() {
    let changed = set_blocker(
        OWN,
        "marina",
        &[BlockerEntry::Owner("new@example.com".to_owned()), BlockerEntry::Since(jiff::civil::date(2026, 1, 2))],
    );
    insta::assert_snapshot!("blocker_changed", line_diff(OWN, &changed.expect("it is edited")));
    let short = "[venues.a]\ndisplay_name = \"A\"\nblocker = { reason = \"x\" } # why\n";
    let changed = set_blocker(short, "a", &[BlockerEntry::Owner("ops".to_owned())]).expect("it is edited");
    assert_eq!(changed, short.replace("\"x\" }", "\"x\", owner = \"ops\" }"));
}

#[test]
fn new_venue_goes_after_the_others_and_before_the_next_table() {
    let after = add_venue(OWN, &loft_venue()).expect("it is edited");
    insta::assert_snapshot!("added_at_the_end", line_diff(OWN, &after));
    assert_eq!(venue_of(&after, "loft").display_name, "The \"Loft\"");
    let before =
        "[venues.a]\ndisplay_name = \"A\"\n\n# About the deployment.\n# Two lines.\n[deployment]\nname = \"x\"\n";
    let after = add_venue(before, &loft_venue()).expect("it is edited");
    insta::assert_snapshot!("added_in_between", after);
    for (name, form) in FORMS {
        let before = manifest_in_form(form);
        let after = add_venue(&before, &loft_venue()).expect("it is edited");
        assert_eq!(venue_of(&after, "a"), venue_of(&before, "a"), "{name}");
        assert_eq!(venue_of(&after, "loft").secrets.len(), 2, "{name}");
    }
}

#[test]
fn http_venue_is_written_with_all_its_keys() {
    let new = NewVenue {
        status: Status::Paused,
        schedule: Some("rate(1 minute)".to_owned()),
        timeout: Some("50s".to_owned()),
        secrets: vec![("hubspot_token", SecretRef::Managed), ("destination_credential", SecretRef::Managed)],
        destination: DestinationConfig::Http(HttpDestination {
            url: "https://p.example.com/leads".to_owned(),
            auth: Some(HttpAuth::Header { name: "X-Key".to_owned() }),
            success_pointer: Some("/ok".to_owned()),
            id_pointer: None,
            lookup_url: None,
            lookup_id_pointer: None,
            requests_per_second: Some(5),
        }),
        fields: vec![("/lead/name".to_owned(), "{firstname}".to_owned()), ("kind".to_owned(), "=web".to_owned())],
        ..loft_venue()
    };
    let text = add_venue(HEAD, &new).expect("it is edited");
    insta::assert_snapshot!("added_http", text);
    assert_eq!(venue_of(&text, "loft").destination, new.destination);
}

#[test]
fn keeps_crlf_byte_order_mark_and_missing_final_newline() {
    let crlf = |text: &str| text.replace('\n', "\r\n");
    for (name, form) in FORMS.into_iter().chain([("own", OWN)]) {
        let (before, venue) = if name == "own" { (OWN.to_owned(), "venue-b") } else { (manifest_in_form(form), "a") };
        let edits: [&dyn Fn(&str) -> String; 4] = [
            &|text| add_venue(text, &loft_venue()).expect("it is edited"),
            &|text| set_status(text, venue, Status::Paused).expect("it is edited"),
            &|text| block_venue(text, venue),
            &|text| unblock_venue(&block_venue(text, venue), venue),
        ];
        for (number, edit) in edits.iter().enumerate() {
            assert_eq!(edit(&crlf(&before)), crlf(&edit(&before)), "{name}, edit {number}, CRLF");
            let marked = format!("\u{feff}{before}");
            assert_eq!(
                edit(&marked),
                format!("\u{feff}{}", edit(&before)),
                "{name}, edit {number}, with a byte order mark"
            );
            let unended = before.trim_end();
            let after = edit(unended);
            assert!(
                manifest::parse_manifest(&after, "venues.toml").is_ok(),
                "{name}, edit {number}, no final newline:\n{after}"
            );
        }
    }
}

#[test]
fn refuses_invalid_toml_and_unknown_venues() {
    assert_eq!(set_status("[", "a", Status::Paused).expect_err("refused").to_string(), "it is not valid TOML");
    assert_eq!(remove_blocker(HEAD, "a").expect_err("refused").to_string(), "it has no venue a");
}

#[test]
fn changes_the_region_and_nothing_else() {
    for before in [
        "# ours\n[deployment]\nname   = \"sync\" # the name\nregion = \"us-east-1\"  # where\n\n[venues.a]\n",
        "deployment = { name = \"sync\", region = \"us-east-1\" }\n",
        "deployment.name = \"sync\"\r\ndeployment.region = \"us-east-1\"\r\n",
    ] {
        let after = set_region(before, "eu-west-1").expect("it is edited");
        assert_eq!(after, before.replace("us-east-1", "eu-west-1"));
    }
    assert!(set_region("[venues.a]\n", "eu-west-1").is_err());
}
