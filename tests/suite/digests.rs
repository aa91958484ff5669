//! The digest that a rule sends: made, changed, broken off, removed; what it says; and what `status`, `verify --isolation` and
//! `audit` say of the function that sends it.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use deployer::render::status_digest;
use deployer_aws::{Aws, Call};
use deployer_cloud::cloudwatch::StoredAlarmState;
use deployer_cloud::sns::StoredMessage;
use deployer_cloud::{CloudContext, EmbeddedCloud, logs};
use deployer_core::desired::Desired;
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, decide_request};
use deployer_core::manifest::parse_manifest;
use deployer_core::plan::Action;
use deployer_health::alarms::read_alarm_states;
use deployer_health::status::{DriftFindings, StatusPeriod, StatusPortal, StatusZone, read_overview};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::chats::{ALL_PARTS, forwarder_parts};
use crate::processes::Site;
use crate::scenarios::{check_crashes, die_after_write, new_world};
use crate::sync::deployed::start_cloud;
use crate::sync::process::build_bootstrap;
use crate::world::{World, describe_actions, two_venue_manifest, venue_tables};

const ALARMS: &str = "[alarms]\nemail = [\"ops@example.com\"]\ncauses = [\"silent\"]\n";
const DIGEST: &str = "digest = \"daily\"\n";
const CHAT: &str = "slack_webhook = \"managed\"\n";

/// `a` is active, `b` is paused, and `c` is blocked.
fn manifest_with(lines: &str) -> String {
    let blocked = venue_tables("c", "status = \"blocked\"\n");
    let blocker = "[venues.c.blocker]\nreason = \"Its platform takes no leads from outside\"\nowner = \"Ana\"\n\
                   next_step = \"Ask the vendor for a date\"\nsince = \"2026-10-01\"\n";
    let text = two_venue_manifest("sync").replace("[venues.a]", &format!("{ALARMS}{lines}\n[venues.a]"));
    format!("{text}\n{blocked}{blocker}")
}

fn read<T>(cloud: &EmbeddedCloud, read: impl FnOnce(&mut CloudContext<'_>) -> T) -> T {
    cloud.with_context(read).expect("the state is readable")
}

/// Whether the rule fires, and when.
fn rule_of(cloud: &EmbeddedCloud) -> Option<(bool, String)> {
    read(cloud, |cx| {
        let rule = cx.region_state().events.rules.get("sync--all-schedule")?;
        Some((rule.enabled, rule.schedule.clone().unwrap_or_default()))
    })
}

/// Whether there is a secret that isn't to be deleted.
fn has_secret(cloud: &EmbeddedCloud) -> bool {
    read(cloud, |cx| {
        let secret = cx.region_state().secretsmanager.secrets.get("sync/_all");
        secret.is_some_and(|secret| secret.deletion.is_none())
    })
}

fn shared_alarms(cloud: &EmbeddedCloud) -> Vec<String> {
    read(cloud, |cx| cx.region_state().cloudwatch.alarms.keys().filter(|name| name.contains("_all")).cloned().collect())
}

#[tokio::test]
async fn a_digest_adds_a_rule_that_fires_and_goes_without_it() {
    let (cloud, world) = new_world().await;
    let with = world.desired_from(&manifest_with(DIGEST));
    world.converge(&with).await;
    assert_eq!(forwarder_parts(&cloud), ["role", "log group", "function", "rule"], "nobody subscribes");
    assert!(!has_secret(&cloud), "there is no webhook");
    assert_eq!(rule_of(&cloud), Some((true, "cron(0 7 * * ? *)".to_owned())));
    assert_eq!(shared_alarms(&cloud), ["sync/_all/digest", "sync/_all/hubspot"]);
    assert_eq!(describe_actions(&world.plan_from_lists(&with).await), [""; 0], "nor do lists show a change");
    let refused = read(&cloud, |cx| cx.refused_targets("sync--all-schedule"));
    assert_eq!(refused, [""; 0], "the rule may start it");
    // A pause of a venue changes nothing of it.
    let paused =
        manifest_with(DIGEST).replace("display_name = \"Venue a\"", "display_name = \"Venue a\"\nstatus = \"paused\"");
    let plan = world.plan(&world.desired_from(&paused)).await;
    let changes = describe_actions(&plan);
    assert!(!changes.iter().any(|change| change.starts_with("_all/function")), "{changes:?}");
    // A chat is forwarded to by the same function.
    let both = world.desired_from(&manifest_with(&format!("{DIGEST}{CHAT}")));
    world.converge(&both).await;
    assert_eq!(forwarder_parts(&cloud), ALL_PARTS);
    assert!(has_secret(&cloud));
    assert_eq!(shared_alarms(&cloud), ["sync/_all/chat", "sync/_all/hubspot"]);
    let chat = world.desired_from(&manifest_with(CHAT));
    world.converge(&chat).await;
    assert_eq!(rule_of(&cloud).map(|(fires, _)| fires), Some(false), "a chat needs no rule that fires");
    world.converge(&with).await;
    assert_eq!(forwarder_parts(&cloud), ["role", "log group", "function", "rule"]);
    assert!(!has_secret(&cloud), "it goes with the chat");
    let without = world.desired_from(&manifest_with(""));
    let plan = world.plan(&without).await;
    let deleted = plan.changes.iter().filter(|change| change.action == Action::Delete);
    assert!(deleted.clone().count() > 4 && deleted.clone().all(|change| change.address.venue == "_all"), "{plan:?}");
    let reasons: Vec<&str> = deleted.map(|change| change.reason.as_str()).collect();
    assert!(reasons.contains(&"the manifest names neither a chat nor a digest"), "{reasons:?}");
    world.converge(&without).await;
    assert_eq!((forwarder_parts(&cloud), rule_of(&cloud)), (Vec::new(), None));
}

/// A digest is added to a chat, or taken from it, or a chat to or from a digest, broken off after some of the calls that write; the next apply completes it.
async fn break_off_changes(choose: impl Fn(u64) -> Vec<u64>) {
    let [chat, both, digest] =
        [CHAT.to_owned(), format!("{CHAT}{DIGEST}"), DIGEST.to_owned()].map(|lines| manifest_with(&lines));
    for [from, to] in [[&chat, &both], [&both, &chat], [&digest, &both], [&both, &digest]] {
        let begin = async || {
            let (cloud, world) = new_world().await;
            world.converge(&world.desired_from(from)).await;
            cloud.forget_calls();
            (cloud, world)
        };
        let (cloud, world) = begin().await;
        world.apply(&world.desired_from(to)).await;
        let writes = cloud.recorded_writes().len() as u64;
        assert!((5..20).contains(&writes), "{writes}");
        for last in choose(writes) {
            let (cloud, world) = begin().await;
            die_after_write(&cloud, last);
            drop(world.try_apply(&world.desired_from(to)).await);
            cloud.set_faults(None);
            world.converge(&world.desired_from(to)).await;
            assert_eq!(rule_of(&cloud).map(|(fires, _)| fires), Some(to.contains("digest")), "after write {last}");
            assert_eq!(has_secret(&cloud), to.contains("webhook"), "after write {last}");
        }
    }
}

#[tokio::test]
async fn the_next_apply_completes_a_digest_after_a_crash() {
    break_off_changes(|writes| vec![writes / 2]).await;
}

#[tokio::test]
#[ignore = "breaks off at each call"]
async fn the_next_apply_completes_a_digest_after_a_crash_at_any_call() {
    break_off_changes(|writes| (0..=writes).collect()).await;
}

/// Creates and removes everything of it, broken off at every write call.
#[tokio::test]
#[ignore = "breaks off at each of some hundred calls"]
async fn the_next_apply_completes_everything_of_a_digest_after_a_crash_at_any_call() {
    check_crashes(&[manifest_with(DIGEST), manifest_with("")], async |cloud, _| {
        assert_eq!(forwarder_parts(cloud), [""; 0]);
    })
    .await;
}

const FIRED: &str = "2026-11-30T07:00:00Z";

fn write_log(cloud: &EmbeddedCloud, venue: &str, at: Timestamp, line: &Value) {
    let group = format!("/aws/lambda/sync-{venue}");
    let lines = [(at.as_millisecond(), line.as_str().map_or_else(|| line.to_string(), ToOwned::to_owned))];
    read(cloud, |cx| logs::append_lines(cx, &group, "stream", &lines)).expect("the group exists");
}

fn run_line(synced: u64, failed: u64, needs_review: u64) -> Value {
    json!({
        "level": "info", "event": "run", "venue": "a", "searched": 9, "Synced": synced, "Failed": failed,
        "NeedsReview": needs_review, "Backlog": 0, "Duration": 800,
    })
}

fn messages(cloud: &EmbeddedCloud) -> Vec<StoredMessage> {
    read(cloud, |cx| cx.region_state().sns.messages.values().cloned().collect())
}

async fn invoke_as_rule(aws: &Aws, time: &str) -> Value {
    let event = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "time": time, "id": "1" });
    let payload = Blob::new(event.to_string());
    let request = aws.lambda.invoke().function_name("sync--all").qualifier("live").payload(payload);
    let output = request.send().await.call("lambda:Invoke").expect("the function runs");
    let answer: Value = serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("JSON");
    assert_eq!(output.function_error(), None, "{answer}");
    answer
}

/// The paragraphs of a digest, by their titles. What waits has two titles: HubSpot counts what waits now, and the logs have
/// what came to wait.
fn paragraphs(text: &str) -> BTreeMap<&str, &str> {
    text.split("\n\n").map(|part| part.split_once('\n').unwrap_or(("", part))).collect()
}

/// What the function's requests need, its role allows.
fn check_requests(cloud: &EmbeddedCloud, desired: &Desired) {
    let stack = desired.venues.iter().find(|venue| venue.venue == "_all").and_then(|venue| venue.stack.as_ref());
    let role = &stack.expect("it is declared").role;
    let policies = [Policy::parse_document("its role", &role.policy.to_value()).expect("valid")];
    let needed: Vec<_> = cloud.take_authorizations().into_iter().flat_map(|call| call.needs).collect();
    let actions: std::collections::BTreeSet<&str> = needed.iter().map(|need| need.action.as_str()).collect();
    for action in ["logs:FilterLogEvents", "cloudwatch:DescribeAlarms", "sns:Publish"] {
        assert!(actions.contains(action), "{actions:?}");
    }
    for need in needed.iter().filter(|need| need.action != "lambda:InvokeFunction") {
        let principal = RequestPrincipal::Role("arn:aws:iam::123456789012:role/sync--all-role");
        let request =
            PolicyRequest { principal, action: &need.action, resource: &need.resource, context: &need.context };
        assert!(decide_request(&policies, &[], &request).is_allowed(), "{need:?}");
    }
}

/// The real function, started as its rule does: one message, whose text is what `report --send --dry-run` prints for the same
/// time, as far as both can know it.
#[tokio::test]
async fn the_rule_sends_one_message_that_says_what_a_report_says() {
    let (cloud, _directory, _) = start_cloud().await;
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    let world = World::with_artifact(aws, build_bootstrap().await, "{}").await.without_delays();
    let text = manifest_with(DIGEST);
    let desired = world.desired_from(&text);
    world.converge(&desired).await;
    let fired: Timestamp = FIRED.parse().expect("a time");
    cloud.set_time(fired.checked_add(SignedDuration::from_secs(5)).expect("a time"));
    let hours_ago = |hours: i64| fired.checked_sub(SignedDuration::from_hours(hours)).expect("a time");
    write_log(&cloud, "a", hours_ago(30), &run_line(50, 0, 0));
    write_log(&cloud, "a", hours_ago(20), &run_line(3, 1, 0));
    write_log(&cloud, "a", hours_ago(10), &run_line(4, 0, 2));
    write_log(&cloud, "a", hours_ago(9), &json!("2026-11-29T22:00:00.000Z 1b Task timed out after 240.00 seconds"));
    write_log(&cloud, "a", hours_ago(8), &json!({ "event": "contact", "contact_id": "7", "outcome": "synced" }));
    read(&cloud, |cx| {
        for name in ["sync/a", "sync/a/silent"] {
            let (value, reason, since) = ("ALARM".to_owned(), "no datapoints".to_owned(), hours_ago(1));
            let alarm = cx.region_state_mut().cloudwatch.alarms.get_mut(name).expect("the alarm exists");
            alarm.state = Some(StoredAlarmState { value, reason, since });
        }
    });
    cloud.keep_authorizations();
    cloud.take_authorizations();
    let answer = invoke_as_rule(&world.aws, FIRED).await;
    check_requests(&cloud, &desired);
    let sent = messages(&cloud);
    assert_eq!(sent.len(), 1, "{answer}");
    assert_eq!((answer["message_id"].as_str(), &answer["unreadable"]), (Some(sent[0].id.as_str()), &json!(0)));
    assert_eq!(sent[0].subject.as_deref(), Some("sync: 7 synced, 3 waiting for a person, 1 alarm in 24 hours"));
    insta::assert_snapshot!("digest", sent[0].message);

    let manifest = parse_manifest(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}")).manifest;
    let chosen: Vec<_> = manifest.venues.iter().collect();
    let portal = StatusPortal::NotAsked("this test has none".to_owned());
    let period = StatusPeriod { since: hours_ago(24), now: fired, zone: StatusZone::OfVenue };
    let drift = async { DriftFindings::Unknown("nobody asked".to_owned()) };
    let overview = read_overview(&manifest, &chosen, Ok((&world.aws, &world.scope)), &portal, period, drift).await;
    let alarms = read_alarm_states(&world.aws.signed, "sync").await.expect("the list is readable");
    let reported = status_digest(&overview, Some(&alarms)).render().body;
    let (mut ours, mut reported) = (paragraphs(&sent[0].message), paragraphs(&reported));
    let waits = ours.remove("Came to wait for a person").expect("from the logs");
    assert!(waits.contains("2 contacts need review, 1 contact refused for its data"), "{waits}");
    assert!(reported.remove("Waiting for a person").is_some(), "from HubSpot");
    assert_eq!(ours, reported);
}

#[test]
fn status_shows_what_was_sent_and_fails_when_it_was_not() {
    let site = Site::new();
    site.write_file("venues.toml", &manifest_with(&format!("{DIGEST}{CHAT}")));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let shared = |args: &[&str]| -> (i32, Value) {
        let (code, text) = site.run_deployer(&[&["status", "--no-drift", "--json"], args].concat());
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.rfind(|line| line["type"] == "shared_status");
        (code, found.unwrap_or_else(|| panic!("{text}")))
    };
    let (code, line) = shared(&[]);
    assert_eq!((code, &line["health"], &line["chats"]), (0, &json!("healthy"), &json!(["Slack"])));
    assert_eq!((&line["digest"], line["next_digest"].is_string()), (&json!("cron(0 7 * * ? *)"), true));
    let now = site.cloud.current_time();
    let minutes_ago = |minutes: i64| now.checked_sub(SignedDuration::from_mins(minutes)).expect("a time");
    let digest = |sent: bool, why: &str| match sent {
        true => json!({ "event": "digest", "sent": true, "message_id": "1" }),
        false => json!({ "event": "digest", "sent": false, "error": { "kind": "Credential", "message": why } }),
    };
    write_log(&site.cloud, "-all", minutes_ago(50), &digest(true, ""));
    write_log(
        &site.cloud,
        "-all",
        minutes_ago(49),
        &json!({ "event": "forward", "messages": 1, "sent": 1, "failed": [] }),
    );
    let (code, text) = site.run_deployer(&["status", "--no-drift"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("_all: digest sent ") && text.contains("Slack: last message delivered"), "{text}");
    let (_, text) = site.run_deployer(&["status", "a"]);
    assert!(!text.contains("digest sent"), "only where all venues are shown: {text}");

    write_log(&site.cloud, "-all", minutes_ago(40), &digest(false, "AuthorizationError for the topic"));
    let (code, line) = shared(&[]);
    assert_eq!((code, &line["health"]), (1, &json!("unhealthy")));
    let (code, text) = site.run_deployer(&["status", "--no-drift"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Its last digest wasn't sent: AuthorizationError for the topic."), "{text}");
    assert!(text.contains("deployer report --send"), "{text}");
    let (code, metrics) = site.run_deployer(&["status", "--no-drift", "--format", "prometheus"]);
    assert_eq!(code, 1);
    for sample in ["deployer_shared_healthy", "deployer_digest_last_failed", "deployer_chat_last_failed"] {
        let value = if sample.contains("digest") { 1 } else { 0 };
        assert!(metrics.contains(&format!("{sample}{{deployment=\"sync\"}} {value}\n")), "{sample}: {metrics}");
    }
    assert!(metrics.contains("deployer_digest_last_success_timestamp_seconds{deployment=\"sync\"} "), "{metrics}");

    // Sent after all; but a chat doesn't take it.
    write_log(&site.cloud, "-all", minutes_ago(30), &digest(true, ""));
    let refused = json!({ "event": "forward", "messages": 1, "sent": 0, "failed": ["Slack: status 404"] });
    write_log(&site.cloud, "-all", minutes_ago(29), &refused);
    let (code, text) = site.run_deployer(&["status", "--no-drift"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Its last message wasn't delivered: Slack: status 404."), "{text}");
    write_log(
        &site.cloud,
        "-all",
        minutes_ago(20),
        &json!({ "event": "forward", "messages": 1, "sent": 1, "failed": [] }),
    );
    write_log(&site.cloud, "-all", minutes_ago(10), &json!("1b Task timed out after 900.00 seconds"));
    let (code, text) = site.run_deployer(&["status", "--no-drift"]);
    assert!(
        code == 1 && text.contains("Lambda ended its last invocation: Task timed out after 900.00 seconds."),
        "{text}"
    );
    write_log(&site.cloud, "-all", minutes_ago(5), &digest(true, ""));
    assert_eq!(shared(&[]).0, 0, "all is well again");
    read(&site.cloud, |cx| {
        cx.region_state_mut().events.rules.get_mut("sync--all-schedule").expect("it exists").enabled = false;
    });
    let (code, text) = site.run_deployer(&["status", "--no-drift"]);
    assert!(code == 1 && text.contains("The rule that starts its digest is disabled."), "{text}");
}

#[test]
fn isolation_covers_the_function_of_all_venues() {
    let site = Site::new();
    site.write_file("venues.toml", &manifest_with(&format!("{DIGEST}{CHAT}")));
    let (code, text) = site.run_deployer(&["verify", "--isolation", "--offline"]);
    assert!(code == 0 && text.contains("_all"), "{text}");
    assert_eq!(site.run_apply().0, 0);
    let (code, text) = site.run_deployer(&["verify", "--isolation"]);
    assert!(code == 0 && text.contains("_all"), "{code} {text}");
    // Any topic of the account may start it now.
    read(&site.cloud, |cx| {
        let function = cx.region_state_mut().lambda.functions.get_mut("sync--all").expect("it exists");
        for statement in function.policies.values_mut().flatten() {
            statement.source_arn = None;
        }
    });
    let (code, text) = site.run_deployer(&["verify", "--isolation"]);
    assert!(code == 1 && text.contains("another topic of the account can start its function"), "{code} {text}");
}

#[test]
fn an_audit_takes_nothing_of_it_for_unused() {
    let site = Site::new();
    site.write_file("venues.toml", &manifest_with(&format!("{DIGEST}{CHAT}")));
    assert_eq!(site.run_apply().0, 0);
    let (code, text) = site.run_deployer(&["audit", "--json"]);
    assert!([0, 3].contains(&code), "{code} {text}");
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ours = lines.iter().filter(|line| line["type"] == "finding").filter(|line| {
        let name = line["node"]["name"].as_str().unwrap_or_default();
        ["sync--all", "sync/_all", "sync-alarms"].iter().any(|part| name.contains(part))
    });
    let verdicts: Vec<(String, String)> = ours
        .map(|line| (format!("{} {}", line["node"]["kind"], line["node"]["name"]), line["verdict"].to_string()))
        .collect();
    println!("{verdicts:#?}");
    for kind in ["function", "rule", "topic"] {
        assert!(verdicts.iter().any(|(name, _)| name.contains(kind)), "{kind}: {verdicts:?}");
    }
    for (name, verdict) in &verdicts {
        assert!(
            !["\"stale\"", "\"orphaned\"", "\"suspect\"", "\"unknown\""].contains(&verdict.as_str()),
            "{name}: {verdict}"
        );
    }
}
