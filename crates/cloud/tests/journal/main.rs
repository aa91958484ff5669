//! The file of a cloud's state: what is in it after any change, any crash and any damage, and how much is written.
#![allow(clippy::disallowed_methods, reason = "tests read and write files as they are")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deployer_cloud::events::StoredRule;
use deployer_cloud::iam::IamState;
use deployer_cloud::{CloudConfig, CloudContext, EmbeddedCloud, RegionState, StoredTable};

struct JournalWard {
    directory: tempfile::TempDir,
}

impl JournalWard {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("cloud.json")
    }

    fn open(&self) -> EmbeddedCloud {
        EmbeddedCloud::open_file(&self.path()).expect("the cloud opens")
    }

    fn read_file(&self) -> Vec<u8> {
        std::fs::read(self.path()).expect("the file is there")
    }

    /// Opens a file with this content, which is refused, and returns why.
    fn refusal_of(&self, content: &[u8]) -> String {
        std::fs::write(self.path(), content).expect("it is written");
        let error = EmbeddedCloud::open_file(&self.path()).expect_err("it is refused");
        assert_eq!(self.read_file(), content, "a refused file stays as it is");
        format!("{error:?}")
    }
}

fn rule(name: &str, description: &str) -> StoredRule {
    StoredRule {
        name: name.to_owned(),
        arn: format!("arn:aws:events:us-east-1:123456789012:rule/{name}"),
        description: Some(description.to_owned()),
        schedule: Some("rate(1 day)".to_owned()),
        pattern: None,
        role_arn: None,
        enabled: true,
        tags: BTreeMap::new(),
        targets: BTreeMap::new(),
        others: serde_json::Map::new(),
    }
}

fn put_rule(cloud: &EmbeddedCloud, name: &str) {
    cloud
        .with_context(|cx| cx.region_state_mut().events.rules.insert(name.to_owned(), rule(name, "x")))
        .expect("stored");
}

fn rule_names(cloud: &EmbeddedCloud) -> Vec<String> {
    cloud.with_context(|cx| cx.region_state().events.rules.keys().cloned().collect()).expect("readable")
}

/// Everything in a cloud, so that two can be compared.
fn whole_state(cloud: &EmbeddedCloud) -> (IamState, Vec<RegionState>, String) {
    let read = |cx: &mut CloudContext<'_>| {
        let iam = cx.state.iam.clone();
        let regions = ["us-east-1", "eu-west-1"].map(|region| {
            cx.switch_region(region);
            cx.region_state().clone()
        });
        (iam, regions.to_vec(), cx.account_id().to_owned())
    };
    cloud.with_context(read).expect("readable")
}

/// One change of a random kind, through each of the ways in which a table can be changed.
fn change_something(cx: &mut CloudContext<'_>, random: &mut fastrand::Rng) {
    if random.bool() {
        cx.switch_region("eu-west-1");
    }
    let name = format!("r{}", random.u8(..8));
    let rules = &mut cx.region_state_mut().events.rules;
    match random.u8(..12) {
        0..4 => drop(rules.insert(name.clone(), rule(&name, &random.u32(..).to_string()))),
        4 => drop(rules.get_mut(&name).map(|rule| rule.enabled = !rule.enabled)),
        5 => drop(rules.remove(&name)),
        6 => rules.retain(|kept, _| *kept != name),
        7 => rules.values_mut().for_each(|rule| rule.enabled = random.bool()),
        8 => drop(rules.entry_or_insert_with(name.clone(), || rule(&name, "made"))),
        9 => *rules = [(name.clone(), rule(&name, "assigned"))].into_iter().collect(),
        10 => {
            let before = cx.region_state().clone();
            *cx.region_state_mut() = RegionState::default();
            if random.bool() {
                *cx.region_state_mut() = before;
            }
        }
        _ => rules.clear(),
    }
    if random.u8(..4) == 0 {
        cx.state.iam.policies.insert(format!("arn:{}", random.u8(..4)), "{}".to_owned());
        cx.random_uuid();
    }
}

/// No way to change the state is forgotten, whoever makes the change, and whoever reads it.
#[test]
fn every_change_is_in_the_file() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let ward = JournalWard::new();
        // Both stay open and see each other's changes, as two processes do.
        let clouds = [ward.open(), ward.open()];
        for step in 0..40 {
            let cloud = &clouds[usize::from(random.bool())];
            cloud.with_context(|cx| change_something(cx, &mut random)).expect("stored");
            let expected = whole_state(cloud);
            for other in [&clouds[0], &clouds[1], &ward.open()] {
                assert_eq!(whole_state(other), expected, "seed {seed}, step {step}");
            }
        }
    }
}

#[test]
fn a_request_that_changes_nothing_writes_nothing() {
    let ward = JournalWard::new();
    let cloud = ward.open();
    put_rule(&cloud, "one");
    let before = ward.read_file();
    rule_names(&cloud);
    cloud.with_context(|cx| cx.region_state_mut().events.rules.remove("another").is_some()).expect("readable");
    assert_eq!(ward.read_file(), before);
}

/// The process or the machine died while it wrote: whatever part of the last record is there, the state is that of
/// before, and goes on.
#[test]
fn an_incomplete_last_record_is_dropped() {
    let ward = JournalWard::new();
    let cloud = ward.open();
    put_rule(&cloud, "one");
    put_rule(&cloud, "two");
    let complete = ward.read_file().len();
    put_rule(&cloud, "three");
    let whole = ward.read_file();
    for length in complete..whole.len() {
        // Bytes that never reached the disk may be missing, or be zeros.
        for zeros in [0, whole.len() - length] {
            let mut torn = whole[..length].to_vec();
            torn.resize(length + zeros, 0);
            std::fs::write(ward.path(), &torn).expect("it is written");
            let next = ward.open();
            assert_eq!(rule_names(&next), ["one", "two"], "{length} of {} bytes", whole.len());
            put_rule(&next, "four");
            assert_eq!(rule_names(&ward.open()), ["four", "one", "two"], "{length} of {} bytes", whole.len());
        }
    }
}

/// The same for a process that goes on: what another one has left incomplete is no part of the state.
#[test]
fn what_another_process_left_incomplete_is_dropped_by_an_open_cloud() {
    let ward = JournalWard::new();
    let cloud = ward.open();
    put_rule(&cloud, "one");
    let mut torn = ward.read_file();
    torn.extend(b"0123456789abcdef {\"drawn\":");
    std::fs::write(ward.path(), &torn).expect("it is written");
    put_rule(&cloud, "two");
    assert_eq!(rule_names(&cloud), ["one", "two"]);
    assert_eq!(rule_names(&ward.open()), ["one", "two"]);
}

/// Requests that run at the same time are synced together. If the machine stops before, any part of their records may
/// have reached the disk.
#[test]
fn records_that_were_never_synced_are_dropped_together() {
    let ward = JournalWard::new();
    let cloud = ward.open();
    put_rule(&cloud, "one");
    put_rule(&cloud, "two");
    let synced = ward.read_file();
    put_rule(&cloud, "three");
    let record = ward.read_file()[synced.len()..].to_vec();
    // The second one is a copy of the first, so it doesn't say that the first was synced.
    let mut both = [&synced[..], &record, &record].concat();
    both[synced.len() + 30] ^= 1;
    std::fs::write(ward.path(), &both).expect("it is written");
    assert_eq!(rule_names(&ward.open()), ["one", "two"], "neither was synced when the second one was written");
    put_rule(&ward.open(), "four");
    assert_eq!(rule_names(&ward.open()), ["four", "one", "two"]);
}

#[test]
fn damage_anywhere_else_is_refused() {
    let ward = JournalWard::new();
    let cloud = ward.open();
    for name in ["one", "two", "three"] {
        put_rule(&cloud, name);
    }
    let whole = ward.read_file();
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
    // Every byte of the file would take long. The last one ends the line before the last.
    for at in (0..last_line).step_by(7).chain([last_line - 1]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let why = ward.refusal_of(&damaged);
        assert!(why.contains("cloud.json") && why.contains("mv '"), "byte {at}: {why}");
    }
    let first_lines: Vec<usize> =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let why = ward.refusal_of(&whole[..first_lines[0]]);
    assert!(why.contains("the file ends too early"), "{why}");
}

#[test]
fn an_empty_or_foreign_file_is_refused() {
    let ward = JournalWard::new();
    put_rule(&ward.open(), "one");
    let why = ward.refusal_of(b"");
    assert!(why.contains("it is empty, so what was in it is lost"), "{why}");
    let why = ward.refusal_of(b"# Notes\n");
    assert!(why.contains("not the state of a local cloud"), "{why}");
    let why = ward.refusal_of(b"{\"format\":7}");
    assert!(why.contains("the state has format 7"), "{why}");
}

/// A file of an earlier version, with everything that is stored in another way now.
#[test]
fn reads_the_state_of_an_earlier_version() {
    let ward = JournalWard::new();
    std::fs::write(ward.path(), include_bytes!("former.json")).expect("it is written");
    let cloud = ward.open();
    let seen = |cloud: &EmbeddedCloud| {
        let read = |cx: &mut CloudContext<'_>| {
            let iam = &cx.state.iam;
            assert!(iam.roles.contains_key("sync-v0000-role") && iam.names.contains_key("sync-v0000-role"));
            assert!(iam.denied.contains_key("lambda:CreateFunction"));
            let region = cx.region_state();
            let function = &region.lambda.functions["sync-v0000"];
            assert_eq!(function.aliases["live"].version, "1");
            assert_eq!(function.versions.len(), 1);
            assert_eq!(region.events.rules["sync-v0000-schedule"].targets.len(), 1);
            let messages: Vec<&str> = region.logs.events.values().map(|event| event.message.as_str()).collect();
            assert_eq!(messages, ["first", "second"]);
            assert_eq!(region.logs.groups["/aws/lambda/sync-v0000"].ingested, 5);
            assert_eq!(region.cloudwatch.metrics.values().map(|metric| metric.minutes.len()).sum::<usize>(), 1);
            assert_eq!(region.elsewhere.trail.len(), 1);
            assert!(region.elsewhere.answers.contains_key("config:DescribeConfigRules"));
            assert!(region.secretsmanager.secrets["sync/v0001"].deletion.is_some());
            assert_eq!(region.secretsmanager.deletions.values().collect::<Vec<_>>(), ["sync/v0001"]);
        };
        cloud.with_context(read).expect("readable");
    };
    seen(&cloud);
    put_rule(&cloud, "new");
    seen(&ward.open());
    assert!(rule_names(&ward.open()).contains(&"new".to_owned()));
}

#[test]
fn the_journal_does_not_outgrow_the_state() {
    let ward = JournalWard::new();
    let cloud = ward.open();
    let text = "x".repeat(4000);
    for number in 0..1000 {
        let name = format!("r{}", number % 10);
        cloud
            .with_context(|cx| cx.region_state_mut().events.rules.insert(name.clone(), rule(&name, &text)))
            .expect("stored");
    }
    let statistics = cloud.store_statistics();
    assert!(statistics.record_bytes > 4_000_000, "{statistics:?}");
    // As large as the state, and the least growth.
    assert!(ward.read_file().len() < 1024 * 1024 + 100_000, "{} bytes", ward.read_file().len());
    assert!(statistics.replacement_bytes < 300_000, "{statistics:?}");
    assert_eq!(rule_names(&ward.open()).len(), 10);
}

/// What a request writes is in proportion to what it changes, whatever else is in the account.
#[test]
fn a_request_writes_as_much_in_a_large_account_as_in_a_small_one() {
    let largest = [10, 1000].map(|rules| {
        let ward = JournalWard::new();
        let cloud = ward.open();
        let fill = |cx: &mut CloudContext<'_>| {
            let names = (0..rules).map(|number| format!("r{number:04}"));
            cx.region_state_mut().events.rules.extend(names.map(|name| (name.clone(), rule(&name, "x"))));
        };
        cloud.with_context(fill).expect("stored");
        let small = EmbeddedCloud::open_file(&ward.path()).expect("the cloud opens");
        put_rule(&small, "r0005");
        small.store_statistics().largest_record_bytes
    });
    // But for the digits of how much of the file was synced.
    assert!(largest[0].abs_diff(largest[1]) < 8, "{largest:?}");
}

/// A table that no store knows is written completely: it may have replaced another one.
#[test]
fn an_assigned_table_replaces_the_stored_one() {
    let ward = JournalWard::new();
    let cloud = ward.open();
    put_rule(&cloud, "one");
    cloud.with_context(|cx| cx.region_state_mut().events.rules = StoredTable::default()).expect("stored");
    assert_eq!(rule_names(&ward.open()), Vec::<String>::new());
}

const VICTIM: &str = "JOURNAL_VICTIM";

/// Not a test of its own: what the next one kills.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let cloud = EmbeddedCloud::open_file_with(Path::new(&path), CloudConfig::default()).expect("the cloud opens");
    let text = "x".repeat(20_000);
    for number in rule_names(&cloud).len().. {
        let name = format!("r{number:06}");
        cloud
            .with_context(|cx| cx.region_state_mut().events.rules.insert(name.clone(), rule(&name, &text)))
            .expect("stored");
        println!("\nstored {number}");
    }
}

/// A process that is killed at any time has stored everything that it had confirmed, and at most one change more.
#[test]
fn a_killed_process_has_stored_what_it_confirmed() {
    let ward = JournalWard::new();
    let mut confirmed = None;
    for round in 1..=12 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "victim", "--nocapture"])
            .env(VICTIM, ward.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let numbers = lines.by_ref().filter_map(|line| line.strip_prefix("stored ")?.parse::<usize>().ok());
        // Enough for the journal to be replaced now and then.
        confirmed = numbers.take(round * 3).last().or(confirmed);
        child.kill().expect("it is killed");
        let rest = lines.filter_map(|line| line.strip_prefix("stored ")?.parse::<usize>().ok()).last();
        confirmed = rest.or(confirmed);
        child.wait().expect("it has ended");
        let stored = rule_names(&ward.open()).len();
        let expected = confirmed.map_or(0, |last| last + 1);
        assert!(stored == expected || stored == expected + 1, "round {round}: {stored} stored, {expected} confirmed");
    }
}
