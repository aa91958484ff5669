//! `deployer move`: to another region, interrupted at any call, with nothing lost and never both running.

mod accounts;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use deployer_cloud::secretsmanager::StoredSecret;
use deployer_cloud::{ApiError, CallKind, CloudCall, CloudFault, CloudFaultHook, EmbeddedCloud, InjectedFault};

use crate::fixtures::with_scheduler;
use crate::permissions::record::NeededPermission;
use crate::processes::Site;
use crate::world::two_venue_manifest;

const MOVE: [&str; 6] = ["move", "--to-region", "eu-west-1", "--yes", "--artifact", "bootstrap"];

/// What a region has: functions, enabled rules and schedules, secrets with their values, and log groups.
#[derive(Debug, PartialEq, Eq)]
struct RegionContent {
    functions: Vec<String>,
    enabled: Vec<String>,
    secrets: Vec<(String, String)>,
    log_groups: Vec<String>,
}

/// The label of a secret's current version.
const CURRENT: &str = "AWSCURRENT";

fn current_value(secret: &StoredSecret) -> String {
    let current = secret.versions.values().find(|version| version.stages.iter().any(|stage| stage == CURRENT));
    current.and_then(|version| version.string.clone()).unwrap_or_default()
}

fn content_of(cloud: &EmbeddedCloud, region: &str) -> RegionContent {
    let content = cloud.with_context(|cx| {
        cx.switch_region(region);
        let state = cx.region_state();
        let rules = state.events.rules.values().filter(|rule| rule.enabled).map(|rule| rule.name.clone());
        let schedules = state.scheduler.schedules.values().filter(|schedule| schedule.given["State"] == "ENABLED");
        let secrets = state.secretsmanager.secrets.values().filter(|secret| secret.deletion.is_none());
        RegionContent {
            functions: state.lambda.functions.keys().cloned().collect(),
            enabled: rules.chain(schedules.map(|schedule| schedule.name.clone())).collect(),
            secrets: secrets.map(|secret| (secret.name.clone(), current_value(secret))).collect(),
            log_groups: state.logs.groups.keys().cloned().collect(),
        }
    });
    content.expect("the cloud's state is readable")
}

/// A site with `sync` in us-east-1, where a credential was changed by hand and a venue is protected.
fn applied_site() -> Site {
    applied_site_of(&two_venue_manifest("sync"))
}

/// The same with this manifest.
fn applied_site_of(manifest: &str) -> Site {
    let site = Site::new();
    let protected = manifest.replacen("\"Venue a\"\n", "\"Venue a\" # on the hill\nprotect = true\n", 1);
    site.write_file("venues.toml", &protected);
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let changed = site.cloud.with_context(|cx| {
        let secret = cx.region_state_mut().secretsmanager.secrets.get_mut("sync/a").expect("it exists");
        for version in
            secret.versions.values_mut().filter(|version| version.stages.iter().any(|stage| stage == CURRENT))
        {
            version.string = Some(r#"{"HUBSPOT_TOKEN":"set by hand","TRIPLESEAT_PUBLIC_KEY":"key-of-a"}"#.to_owned());
        }
    });
    changed.expect("the cloud's state is writable");
    site
}

/// The two venues' manifest, with schedules.
fn scheduled_manifest() -> String {
    with_scheduler(&two_venue_manifest("sync"), "scheduler")
}

fn assert_moved(site: &Site, case: &str) {
    let nothing =
        RegionContent { functions: Vec::new(), enabled: Vec::new(), secrets: Vec::new(), log_groups: Vec::new() };
    assert_eq!(content_of(&site.cloud, "us-east-1"), nothing, "{case}");
    let there = content_of(&site.cloud, "eu-west-1");
    assert_eq!(there.functions, ["sync-a", "sync-b"], "{case}");
    assert_eq!(there.enabled, ["sync-a-schedule"], "{case}: b is paused, as it was");
    assert!(there.secrets[0].1.contains("set by hand"), "{case}: the credentials are those that were in use");
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("the manifest exists");
    assert!(manifest.contains("region = \"eu-west-1\"") && manifest.contains("# on the hill"), "{case}: {manifest}");
    let roles =
        site.cloud.with_context(|cx| cx.state.iam.roles.values().map(|role| role.path.clone()).collect::<Vec<_>>());
    let roles = roles.expect("the cloud's state is readable");
    assert_eq!(roles, ["/deployer/sync/eu-west-1/", "/deployer/sync/eu-west-1/"], "{case}");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap", "--detailed-exitcode"]);
    assert_eq!(code, 0, "{case}: {text}");
    assert!(!site.path().join(".deployer/move.json").exists(), "{case}");
}

/// What a move needs to be allowed: to another region and back, where the secrets are still there, and to another account.
pub fn record_moves() -> Vec<NeededPermission> {
    let site = applied_site();
    for region in ["eu-west-1", "us-east-1"] {
        let (code, text) = site.run_deployer(&["move", "--to-region", region, "--yes", "--artifact", "bootstrap"]);
        assert_eq!(code, 0, "{text}");
        let changed = site.cloud.with_context(|cx| {
            cx.switch_region(region);
            let secret = cx.region_state_mut().secretsmanager.secrets.get_mut("sync/a").expect("it exists");
            secret.versions.values_mut().for_each(|version| {
                version.string = Some(r#"{"HUBSPOT_TOKEN":"newer","TRIPLESEAT_PUBLIC_KEY":"key-of-a"}"#.to_owned());
            });
        });
        changed.expect("the cloud's state is writable");
    }
    let mut needs = site.take_permissions();
    for accounts in [accounts::TwoAccounts::new(), accounts::TwoAccounts::scheduled()] {
        let (code, text) = accounts.run(&accounts::MOVE);
        assert_eq!(code, 0, "{text}");
        needs.extend(accounts.site.take_permissions());
    }
    let scheduled = applied_site_of(&scheduled_manifest());
    let (code, text) =
        scheduled.run_deployer(&["move", "--to-region", "eu-west-1", "--yes", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "{text}");
    needs.extend(scheduled.take_permissions());
    needs
}

#[test]
fn moves_a_deployment_with_its_credentials() {
    let site = applied_site();
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["move", "--to-region", "eu-west-1", "--dry-run", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "{text}");
    for word in
        ["Pause in us-east-1", "Create in eu-west-1", "sync-a-schedule", "this deployment was moved to eu-west-1"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&["move", "--to-region", "eu-west-1", "--artifact", "bootstrap"]);
    assert!(code == 2 && text.contains("--yes"), "it asks first: {text}");
    let (code, text) = site.run_deployer(&MOVE);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("set by hand"), "{text}");
    assert_moved(&site, "uninterrupted");
    let (code, text) = site.run_deployer(&MOVE);
    assert!(code == 0 && text.contains("nothing to move"), "{text}");
    // And back, where the secrets wait for their deletion with their former values.
    let back = ["move", "--to-region", "us-east-1", "--yes", "--artifact", "bootstrap"];
    let (code, text) = site.run_deployer(&back);
    assert_eq!(code, 0, "{text}");
    assert_eq!(content_of(&site.cloud, "eu-west-1").functions, Vec::<String>::new());
    assert_eq!(content_of(&site.cloud, "us-east-1").enabled, ["sync-a-schedule"]);
}

/// Lets the process die at its write call number `at`, in whichever account; it takes effect or not.
fn die_at(clouds: &[&EmbeddedCloud], at: u64, took_effect: bool) {
    let counted = AtomicU64::new(0);
    let denied = || CloudFault::Error(ApiError::new(403, "AccessDeniedException", "the process has ended"));
    let hook: CloudFaultHook = Arc::new(move |call: &CloudCall| {
        // STS calls are reads that are recorded as writes.
        if call.kind == CallKind::Read || call.service == "sts" {
            return (counted.load(SeqCst) >= at).then(|| InjectedFault::Before(denied()));
        }
        match counted.fetch_add(1, SeqCst) + 1 {
            number if number < at => None,
            number if number == at && took_effect => Some(InjectedFault::After(denied())),
            _ => Some(InjectedFault::Before(denied())),
        }
    });
    for cloud in clouds {
        cloud.set_faults(Some(Arc::clone(&hook)));
    }
}

/// Both places never have the same rule enabled.
fn assert_not_both(site: &Site, case: &str) {
    let (there, here) = (content_of(&site.cloud, "us-east-1").enabled, content_of(&site.cloud, "eu-west-1").enabled);
    assert!(there.is_empty() || here.is_empty(), "{case}: {there:?} {here:?}");
}

/// Tries each write call of a move, several at a time.
fn for_each_write(writes: u64, attempt: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, SeqCst);
                    if at > writes {
                        return;
                    }
                    attempt(at);
                }
            });
        }
    });
}

#[test]
fn a_move_that_dies_at_any_call_goes_on_when_it_is_run_again() {
    let site = applied_site();
    site.take_write_calls();
    let (code, text) = site.run_deployer(&MOVE);
    assert_eq!(code, 0, "{text}");
    let writes = site.take_write_calls().len() as u64;
    assert!(writes > 40, "there are only {writes} write calls");
    for_each_write(writes, |at| {
        let site = applied_site();
        let case = format!("write call {at} of {writes}");
        die_at(&[&site.cloud], at, at.is_multiple_of(2));
        let (code, text) = site.run_deployer(&MOVE);
        site.cloud.set_faults(None);
        assert_not_both(&site, &case);
        assert!(code != 0 || at + 2 > writes, "{case}: {text}");
        let (code, text) = site.run_deployer(&MOVE);
        assert_eq!(code, 0, "{case}: {text}");
        assert_moved(&site, &case);
    });
}
