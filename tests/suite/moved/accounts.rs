//! `deployer move --to-profile`: to another account, interrupted at any call, and never both running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use deployer_cloud::{CallKind, CloudCall, EmbeddedCloud};

use super::{RegionContent, applied_site, applied_site_of, content_of, die_at, for_each_write, scheduled_manifest};
use crate::processes::{Site, exit_and_output};

const NEW: &str = "210987654321";
const REGION: &str = "us-east-1";
pub const MOVE: [&str; 6] = ["move", "--to-profile", "new", "--yes", "--artifact", "bootstrap"];

/// A site with `sync` in one account, and another account that the profile `new` is for.
pub struct TwoAccounts {
    pub site: Site,
    other: EmbeddedCloud,
}

impl TwoAccounts {
    pub fn new() -> Self {
        Self::of_site(applied_site())
    }

    /// The same with schedules of EventBridge Scheduler.
    pub fn scheduled() -> Self {
        Self::of_site(applied_site_of(&scheduled_manifest()))
    }

    fn of_site(site: Site) -> Self {
        let other = site.add_account("new", NEW);
        Self { site, other }
    }

    pub fn run(&self, args: &[&str]) -> (i32, String) {
        let output = self.site.deployer_command(args).env("AWS_SHARED_CREDENTIALS_FILE", "credentials").output();
        exit_and_output(&output.expect("it starts"))
    }

    fn take_writes(&self) -> usize {
        let writes = self.other.recorded_writes().into_iter().filter(|call| call.service != "sts").count();
        self.other.forget_calls();
        self.site.take_write_calls().len() + writes
    }

    /// Whether both accounts ran at once, at any write since.
    fn watch_both(&self) -> Arc<AtomicBool> {
        let both = Arc::new(AtomicBool::new(false));
        for cloud in [&self.site.cloud, &self.other] {
            let (both, there, here) = (Arc::clone(&both), self.site.cloud.clone(), self.other.clone());
            cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
                if call.kind == CallKind::Write {
                    let running = [&there, &here].map(|cloud| !content_of(cloud, REGION).enabled.is_empty());
                    both.fetch_or(running == [true, true], SeqCst);
                }
                None
            })));
        }
        both
    }

    fn stop_watching(&self) {
        for cloud in [&self.site.cloud, &self.other] {
            cloud.set_faults(None);
        }
    }

    /// Both accounts never have the same rule or schedule enabled.
    fn assert_not_both(&self, case: &str) {
        let [there, here] = [&self.site.cloud, &self.other].map(|cloud| content_of(cloud, REGION).enabled);
        assert!(there.is_empty() || here.is_empty(), "{case}: {there:?} {here:?}");
    }

    fn assert_moved(&self, case: &str) {
        let nothing =
            RegionContent { functions: Vec::new(), enabled: Vec::new(), secrets: Vec::new(), log_groups: Vec::new() };
        assert_eq!(content_of(&self.site.cloud, REGION), nothing, "{case}");
        let here = content_of(&self.other, REGION);
        assert_eq!(here.functions, ["sync-a", "sync-b"], "{case}");
        assert_eq!(here.enabled, ["sync-a-schedule"], "{case}: b is paused, as it was");
        assert!(here.secrets[0].1.contains("token-of-a"), "{case}: the credentials come from their references");
        let manifest = std::fs::read_to_string(self.site.path().join("venues.toml")).expect("the manifest exists");
        assert!(manifest.contains(&format!("account = \"{NEW}\"")) && manifest.contains("# on the hill"), "{manifest}");
        assert!(!self.site.path().join(".deployer/move.json").exists(), "{case}");
        let (code, text) = self.run(&["plan", "--artifact", "bootstrap", "--detailed-exitcode", "--profile", "new"]);
        assert_eq!(code, 0, "{case}: {text}");
    }
}

#[test]
fn moves_to_another_account_without_the_values() {
    let accounts = TwoAccounts::new();
    accounts.take_writes();
    let (code, text) = accounts.run(&["move", "--to-profile", "new", "--dry-run", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "{text}");
    for word in [
        "Pause in account 123456789012",
        "Create in account 210987654321, paused, with the credentials that the manifest refers to",
        "this deployment was moved to account 210987654321",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(accounts.take_writes(), 0);
    let both = accounts.watch_both();
    let (code, text) = accounts.run(&MOVE);
    assert_eq!(code, 0, "{text}");
    assert!(!both.load(SeqCst), "both ran at once");
    assert!(!text.contains("set by hand") && !text.contains("token-of-a"), "{text}");
    accounts.stop_watching();
    accounts.assert_moved("uninterrupted");
    let (code, text) = accounts.run(&MOVE);
    assert!(code == 0 && text.contains("nothing to move"), "{text}");
    // With the former account's credentials, nothing happens there by mistake.
    let (code, text) = accounts.run(&["apply", "--yes", "--artifact", "bootstrap"]);
    assert!(code == 6 && text.contains("is for account 210987654321"), "{text}");
}

#[test]
fn a_move_to_another_account_that_cannot_end_never_begins() {
    let accounts = TwoAccounts::new();
    let manifest = std::fs::read_to_string(accounts.site.path().join("venues.toml")).expect("the manifest exists");
    accounts.take_writes();
    let refused = |manifest: &str, code: i32, words: &[&str]| {
        accounts.site.write_file("venues.toml", manifest);
        let (found, text) = accounts.run(&MOVE);
        assert_eq!((found, accounts.take_writes()), (code, 0), "{text}");
        for word in words.iter().chain(&["nothing was changed"]) {
            assert!(text.contains(word), "{word}: {text}");
        }
    };
    let managed = manifest.replace("env:TOKEN_a", "managed").replace("env:KEY_b", "env:NOT_SET");
    refused(
        &managed,
        2,
        &["a: hubspot_token is `managed`: only the secret in the former account has it", "b: tripleseat_public_key: "],
    );
    let boundary = "permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"";
    let bounded = manifest.replacen("region =", &format!("{boundary}\nregion ="), 1);
    let set = "set `region = \"us-east-1\"`, `account = \"210987654321\"` and these keys in the manifest";
    refused(&bounded, 6, &["`permissions_boundary` of a: arn:aws:iam::123456789012:policy/boundary", set]);
    accounts.site.write_file("credentials", "[new]\naws_access_key_id = id\naws_secret_access_key = secret\n");
    refused(&manifest, 2, &["profile new is for account 123456789012, and so are the credentials in use"]);
}

#[test]
fn a_move_goes_on_from_a_manifest_that_was_edited() {
    let accounts = TwoAccounts::new();
    let manifest = std::fs::read_to_string(accounts.site.path().join("venues.toml")).expect("the manifest exists");
    let account = format!("account = \"{NEW}\"\nregion =");
    accounts.site.write_file("venues.toml", &manifest.replacen("region =", &account, 1));
    let (code, text) = accounts.run(&[&MOVE[..], &["--from-region", REGION]].concat());
    assert_eq!(code, 0, "{text}");
    accounts.assert_moved("edited");
}

#[test]
fn a_move_to_another_account_that_dies_at_any_call_goes_on_when_it_is_run_again() {
    let accounts = TwoAccounts::new();
    accounts.take_writes();
    let (code, text) = accounts.run(&MOVE);
    assert_eq!(code, 0, "{text}");
    let writes = accounts.take_writes() as u64;
    assert!(writes > 40, "there are only {writes} write calls");
    for_each_write(writes, |at| {
        let accounts = TwoAccounts::new();
        let case = format!("write call {at} of {writes}");
        let clouds = [&accounts.site.cloud, &accounts.other];
        die_at(&clouds, at, at.is_multiple_of(2));
        let (code, text) = accounts.run(&MOVE);
        clouds.iter().for_each(|cloud| cloud.set_faults(None));
        accounts.assert_not_both(&case);
        assert!(code != 0 || at + 2 > writes, "{case}: {text}");
        let (code, text) = accounts.run(&MOVE);
        assert_eq!(code, 0, "{case}: {text}");
        accounts.assert_moved(&case);
    });
}

/// A schedule there is disabled, and only then does one here fire: no rule is made on the way.
#[test]
fn moves_schedules_to_another_account_and_never_fires_both() {
    let accounts = TwoAccounts::scheduled();
    accounts.take_writes();
    let both = accounts.watch_both();
    let (code, text) = accounts.run(&MOVE);
    assert_eq!(code, 0, "{text}");
    assert!(!both.load(SeqCst), "both ran at once");
    accounts.stop_watching();
    let calls_of = |cloud: &EmbeddedCloud, operation: &str| {
        cloud.recorded_writes().iter().filter(|call| call.operation == operation).count()
    };
    let (there, here) = (&accounts.site.cloud, &accounts.other);
    let changes = [there, here].map(|cloud| calls_of(cloud, "UpdateSchedule"));
    assert_eq!(changes, [1, 1], "venue a is paused there and resumed here; b is paused in both");
    assert_eq!([there, here].map(|cloud| calls_of(cloud, "PutRule")), [0, 0]);
    assert_eq!([there, here].map(|cloud| calls_of(cloud, "DeleteScheduleGroup")), [1, 0]);
    accounts.assert_moved("with schedules");
}

/// Breaks a move off at some of its writes, of which there are so many, and runs it again.
fn break_off_scheduled_moves(choose: impl Fn(u64) -> Vec<u64>) {
    let accounts = TwoAccounts::scheduled();
    accounts.take_writes();
    let (code, text) = accounts.run(&MOVE);
    assert_eq!(code, 0, "{text}");
    let writes = accounts.take_writes() as u64;
    assert!(writes > 40, "there are only {writes} write calls");
    let chosen = choose(writes);
    for_each_write(chosen.len() as u64, |index| {
        let at = chosen[usize::try_from(index - 1).expect("few")];
        let accounts = TwoAccounts::scheduled();
        let case = format!("write call {at} of {writes}");
        let clouds = [&accounts.site.cloud, &accounts.other];
        die_at(&clouds, at, at.is_multiple_of(2));
        let (code, text) = accounts.run(&MOVE);
        accounts.stop_watching();
        accounts.assert_not_both(&case);
        assert!(code != 0 || at + 2 > writes, "{case}: {text}");
        let both = accounts.watch_both();
        let (code, text) = accounts.run(&MOVE);
        assert_eq!(code, 0, "{case}: {text}");
        assert!(!both.load(SeqCst), "{case}: both ran at once");
        accounts.stop_watching();
        accounts.assert_moved(&case);
    });
}

#[test]
fn a_broken_off_move_of_schedules_goes_on_and_never_fires_both() {
    break_off_scheduled_moves(|writes| vec![4, writes / 2, writes - 20]);
}

#[test]
#[ignore = "takes minutes"]
fn a_move_of_schedules_broken_off_at_any_call_goes_on_and_never_fires_both() {
    break_off_scheduled_moves(|writes| (1..=writes).collect());
}
