//! The function of all venues: what it is for a chat, for a digest, and for both; what it may do, reaches and costs.

use deployer_core::cost::{CostAssumptions, CostItem, estimate};
use deployer_core::desired::Desired;
use deployer_core::isolation::planned::{CredentialsByVenue, planned_subjects};
use deployer_core::isolation::starters::find_other_starters;
use deployer_core::isolation::{
    IsolationReport, PairState, SimulationResults, VenueSubject, judge_pairs, parse_policies,
};
use deployer_core::manifest;
use deployer_core::plan::{Operation, SecretsManagerOperation, invariants, plan};
use deployer_core::resource::alarm::AlarmGroupSpec;
use deployer_core::resource::{DesiredStack, LiveStack, Observed, ResourceKind};
use deployer_core::snapshot::Snapshot;
use serde_json::{Value, json};
use sync_config::chat::{ENV_FORWARD_CONFIG, ForwardConfig};

use crate::fixtures::{MANIFEST, converged_snapshot, desired_from, desired_in_china, expect_present};

const DIGEST: &str = "digest = \"daily\"";
const CHAT: &str = "slack_webhook = \"env:SLACK\"";

/// The manifest with these lines in `[alarms]`, and `pier` blocked.
fn manifest_with(alarms: &str) -> String {
    let pier = MANIFEST[MANIFEST.find("[venues.mill]").expect("it has mill")..]
        .replace("mill", "pier")
        .replace("MILL", "PIER")
        .replace("\"Mill\"", "\"Pier\"")
        .replace("\"paused\"", "\"blocked\"");
    let blocker = "[venues.pier.blocker]\nreason = \"Its platform takes no leads\"\nowner = \"Ana\"\n";
    let text = MANIFEST.replacen("[venues.harbour]", &format!("[alarms]\n{alarms}\n\n[venues.harbour]"), 1);
    format!("{text}\n{pier}\n{blocker}")
}

fn shared_stack(desired: &Desired) -> Option<&DesiredStack> {
    let found = desired.venues.iter().find(|venue| venue.venue == "_all")?;
    found.stack.as_ref()
}

fn shared_alarms(desired: &Desired) -> &AlarmGroupSpec {
    let alarms = desired.alarms.as_ref().expect("the manifest declares alarms");
    alarms.groups.iter().find(|group| group.venue == "_all").expect("it is always there")
}

fn config_of(stack: &DesiredStack) -> &str {
    &stack.function.configuration.environment[ENV_FORWARD_CONFIG]
}

fn statement_ids(stack: &DesiredStack) -> Vec<String> {
    let policy = stack.role.policy.to_value();
    policy["Statement"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|statement| statement["Sid"].as_str().expect("a text").to_owned())
        .collect()
}

#[test]
fn a_digest_alone_is_a_rule_that_starts_a_function() {
    let desired = desired_from(&manifest_with(DIGEST));
    let stack = shared_stack(&desired).expect("there is one");
    assert_eq!((stack.trigger.expression(), stack.trigger.is_enabled()), ("cron(0 7 * * ? *)", true));
    assert_eq!(stack.permission, None, "the rule has the role");
    assert_eq!(stack.function.configuration.timeout_s, 900);
    assert_eq!(stack.secret, None, "there is no webhook");
    assert_eq!(stack.function.configuration.environment.keys().collect::<Vec<_>>(), [ENV_FORWARD_CONFIG]);
    let own = ["WriteOwnLogs", "StartOwnRuns", "ReadRuns", "ReadAlarms", "SendDigest"];
    assert_eq!(statement_ids(stack), own);
    let statement = |id: &str| {
        let policy = stack.role.policy.to_value();
        let statements = policy["Statement"].as_array().expect("a list");
        statements.iter().find(|statement| statement["Sid"] == id).expect("it is there").clone()
    };
    assert_eq!(
        statement("ReadRuns"),
        json!({
            "Sid": "ReadRuns", "Effect": "Allow", "Action": "logs:FilterLogEvents",
            "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/sync-*",
            "Condition": { "StringEquals": { "aws:ResourceTag/deployer:deployment": "sync" } },
        })
    );
    assert_eq!(statement("SendDigest")["Resource"], "arn:aws:sns:eu-west-1:123456789012:sync-alarms");
    assert_eq!(
        config_of(stack),
        r#"{"deployment":"sync","chats":[],"venues":{"harbour":"Harbour","mill":"Mill"},"digest":{"topic":"arn:aws:sns:eu-west-1:123456789012:sync-alarms","hours":[24,24,24,24,24,24,24],"blocked":[{"display_name":"Pier","reason":"Its platform takes no leads","owner":"Ana"}]}}"#
    );
    let alarms = shared_alarms(&desired);
    let names: Vec<&str> = alarms.alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    assert_eq!((names, &alarms.subscriber), (vec!["sync/_all/hubspot", "sync/_all/digest"], &None));
}

/// What is deployed for a chat stays as it is.
#[test]
fn a_chat_alone_is_what_it_was_before_digests() {
    let desired = desired_from(&manifest_with(CHAT));
    let stack = shared_stack(&desired).expect("there is one");
    assert_eq!((stack.trigger.expression(), stack.trigger.is_enabled()), ("cron(9 5 * * ? *)", false));
    assert_eq!(stack.function.configuration.timeout_s, 60);
    assert_eq!(statement_ids(stack), ["ReadOwnSecret", "WriteOwnLogs", "StartOwnRuns"]);
    assert_eq!(
        config_of(stack),
        r#"{"deployment":"sync","chats":["slack"],"venues":{"harbour":"Harbour","mill":"Mill","pier":"Pier"}}"#
    );
    assert_eq!(shared_stack(&desired_from(&manifest_with("email = [\"ops@example.com\"]"))), None);
}

#[test]
fn a_digest_beside_a_chat_is_the_same_function() {
    let desired = desired_from(&manifest_with(&format!("{CHAT}\ndigest = \"cron(30 6 ? * MON-FRI *)\"")));
    let stack = shared_stack(&desired).expect("there is one");
    assert_eq!((stack.trigger.expression(), stack.trigger.is_enabled()), ("cron(30 6 ? * MON-FRI *)", true));
    assert_eq!(stack.permission.as_ref().expect("the topic's").principal, "sns.amazonaws.com");
    assert!(stack.trigger.as_rule().is_some_and(|trigger| trigger.target.target.role_arn.is_some()));
    let config: ForwardConfig = serde_json::from_str(config_of(stack)).expect("readable");
    assert_eq!(config.digest.expect("a digest").hours, [72, 24, 24, 24, 24, 0, 0]);
    let alarms = shared_alarms(&desired);
    let last = alarms.alarms.last().expect("two");
    assert_eq!(last.name, "sync/_all/chat", "one function has one alarm");
    assert!(last.settings["AlarmDescription"].to_string().contains("or its digest couldn't be sent"));
}

/// The function's policy has one statement, which the topic needs.
#[test]
fn a_digest_beside_a_chat_needs_a_rule_with_a_role() {
    let codes = |text: &str| -> Vec<&'static str> {
        let errors = manifest::parse_manifest(text, "venues.toml").map(drop).expect_err("a mistake");
        errors.list_findings().iter().map(|finding| finding.code).collect()
    };
    let both = manifest_with(&format!("{CHAT}\n{DIGEST}"));
    let limited = |text: &str| {
        let boundary = "permissions_boundary = \"arn:aws:iam::123456789012:policy/limits\"\nregion = ";
        text.replacen("region = ", boundary, 1)
    };
    assert_eq!(codes(&limited(&both)), ["alarms_digest"]);
    assert_eq!(codes(&both.replace("eu-west-1", "cn-north-1")), ["alarms_digest"]);
    assert_eq!(codes(&manifest_with("digest = \"monthly\"")), ["value"]);
    for text in [limited(&manifest_with(DIGEST)), manifest_with(DIGEST)] {
        let desired = if text.contains("boundary") { desired_from(&text) } else { desired_in_china(&text) };
        let stack = shared_stack(&desired).expect("there is one");
        assert_eq!(stack.permission.as_ref().expect("the rule's").principal, "events.amazonaws.com");
    }
}

/// Lambda allows 4 KB for all variables, with their names.
#[test]
fn what_does_not_fit_into_the_environment_is_counted() {
    let venue = |number: usize, status: &str| {
        let blocker = match status {
            "blocked" => format!(
                "[venues.venue-{number}.blocker]\nreason = \"{}\"\nowner = \"Somebody of the vendor's\"\n",
                "a long story ".repeat(10)
            ),
            _ => String::new(),
        };
        format!(
            "[venues.venue-{number}]\ndisplay_name = \"The venue with the number {number}\"\nstatus = \"{status}\"\n\
             [venues.venue-{number}.secrets]\nhubspot_token = \"env:T{number}\"\ntripleseat_public_key = \"env:K{number}\"\n\
             [venues.venue-{number}.destination]\nkind = \"tripleseat\"\nlocation_id = {}\n{blocker}",
            number + 1
        )
    };
    let venues: String =
        (0..200).map(|number| venue(number, if number % 5 == 4 { "blocked" } else { "active" })).collect();
    let text = format!("[deployment]\nname = \"sync\"\nregion = \"eu-west-1\"\n[alarms]\n{DIGEST}\n{venues}");
    let desired = desired_from(&text);
    let stack = shared_stack(&desired).expect("there is one");
    let environment = &stack.function.configuration.environment;
    // The secret's ARN takes the place of what stands for it.
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sync/_all-aB3dE5".len();
    let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len().max(secret)).sum();
    assert!(bytes <= 4096, "{bytes} bytes");
    let config: ForwardConfig = serde_json::from_str(config_of(stack)).expect("readable");
    let digest = config.digest.expect("a digest");
    assert_eq!(config.venues.len() as u64 + digest.unnamed, 160);
    assert_eq!(digest.blocked.len() as u64 + digest.more_blocked, 40);
    assert!(config.venues.len() > 30 && digest.blocked.len() > 3, "{} {}", config.venues.len(), digest.blocked.len());
}

/// In billionths of a dollar, in eu-west-1, once a day:
///
/// - 730 h / 24 h = 30.417 runs; x $0.20 / 1,000,000 = 6,083.4
/// - 30.417 x 1 s x 128/1,024 GB = 3.802125 GB-s; x $0.0000166667 = 63,368.9
/// - beside a chat, one secret: 400,000,000; 30.417 reads x $0.05 / 10,000 = 152,085
/// - 30.417 x 2,000 bytes / 2^30 = 0.000056656 GB; x $0.57 = 32,294.0
/// - 0.000056656 GB x 720 h / 730 h x $0.03 = 1,676.4
/// - two alarms, of which one is HubSpot's: 200,000,000
/// - no metrics, and a rule on the default bus is free
#[test]
fn a_digest_costs_an_alarm_and_next_to_nothing() {
    let cost = |alarms: &str| {
        let desired = desired_from(&manifest_with(alarms));
        let estimate = estimate(&desired, &Snapshot::default(), &[], &CostAssumptions::default());
        estimate.venues.iter().find(|venue| venue.venue == "_all").expect("it is counted").clone()
    };
    let expected = [
        (CostItem::LambdaRequests, 6_083),
        (CostItem::LambdaDurationX86, 63_369),
        (CostItem::Secrets, 400_000_000),
        (CostItem::SecretReads, 152_085),
        (CostItem::LogIngestion, 32_294),
        (CostItem::LogStorage, 1_676),
        (CostItem::Alarms, 200_000_000),
    ];
    for (lines, has_secret) in [(DIGEST.to_owned(), false), (format!("{CHAT}\n{DIGEST}"), true)] {
        let digest = cost(&lines);
        assert_eq!((digest.runs_before, digest.runs_after), (0, 30));
        for item in &digest.items {
            let of_secret = matches!(item.item, CostItem::Secrets | CostItem::SecretReads);
            let expected = expected.iter().filter(|_| has_secret || !of_secret);
            let wanted = expected.clone().find(|(wanted, _)| *wanted == item.item).map_or(0, |(_, nanos)| *nanos);
            assert_eq!(item.cost.after.as_nanos(), wanted, "{lines}: {:?}", item.item);
        }
    }
    let chat = cost(CHAT);
    assert_eq!((chat.runs_after, chat.total.after.as_nanos()), (0, 600_000_000), "messages aren't counted");
    assert_eq!(cost("email = [\"ops@example.com\"]").total.after.as_nanos(), 100_000_000, "HubSpot's alarm");
}

/// What a chat left behind goes when only the digest stays: after the function was told to do without it, and not for good.
#[test]
fn the_secret_goes_with_the_last_chat_and_comes_back_with_one() {
    let both = desired_from(&manifest_with(&format!("{CHAT}\n{DIGEST}")));
    let digest = desired_from(&manifest_with(DIGEST));
    let planned = |desired: &Desired, snapshot: &Snapshot| {
        let plan = plan(desired, snapshot, &[]);
        assert_eq!(invariants::find_violations(&plan, desired, snapshot), [""; 0]);
        let shared = plan.changes.iter().filter(|change| change.address.venue == "_all");
        let secrets = shared.clone().filter(|change| change.address.kind == ResourceKind::Secret);
        let kinds: Vec<ResourceKind> = shared.map(|change| change.address.kind).collect();
        (secrets.flat_map(|change| change.operations.clone()).collect::<Vec<Operation>>(), kinds)
    };
    let converged = converged_snapshot(&both);
    let (calls, kinds) = planned(&digest, &converged);
    let name = "sync/_all".to_owned();
    let delete = SecretsManagerOperation::DeleteSecret { secret: name.clone(), recovery_window_days: Some(30) };
    assert_eq!(calls, [delete.into()]);
    let place = |kind| kinds.iter().position(|found| *found == kind).expect("it changes");
    let (function, alias, secret) =
        (place(ResourceKind::Function), place(ResourceKind::Alias), place(ResourceKind::Secret));
    assert!(function < secret && alias < secret, "{kinds:?}");

    let with = |change: &dyn Fn(&mut LiveStack)| {
        let mut snapshot = converged.clone();
        change(snapshot.venues.get_mut("_all").expect("it is there"));
        snapshot
    };
    let pending = with(&|live| {
        if let Observed::Present(secret) = std::mem::replace(&mut live.secret, Observed::Absent) {
            live.secret = Observed::PendingDeletion(secret);
        }
    });
    assert_eq!(planned(&digest, &pending).0, [], "it is going already");
    let (calls, _) = planned(&both, &pending);
    assert_eq!(calls.first(), Some(&SecretsManagerOperation::RestoreSecret { secret: name }.into()));
    let foreign = with(&|live| expect_present(&mut live.secret).tags.clear());
    assert_eq!(planned(&digest, &foreign).0, [], "it isn't ours");
    let unreadable = with(&|live| live.secret = Observed::Unreadable("denied".to_owned()));
    assert_eq!(planned(&digest, &unreadable).0, []);
    let unknown = with(&|live| live.function = Observed::Unreadable("denied".to_owned()));
    assert_eq!(planned(&digest, &unknown).0, [], "the function may still name it");
    let (calls, kinds) = planned(&digest, &converged_snapshot(&digest));
    assert!(calls.is_empty() && !kinds.contains(&ResourceKind::Function), "{kinds:?}");
}

fn judged(alarms: &str, change: impl Fn(&mut Vec<VenueSubject>)) -> (IsolationReport, Vec<String>) {
    let text = manifest_with(alarms);
    let loaded = manifest::parse_manifest(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let mut subjects = planned_subjects(&loaded.manifest, &desired_from(&text), &CredentialsByVenue::new());
    change(&mut subjects);
    let starters = subjects.iter().flat_map(|subject| find_other_starters(subject).0).collect();
    (judge_pairs(&subjects, &SimulationResults::default(), Vec::new()), starters)
}

fn state_of(report: &IsolationReport, from: &str, to: &str) -> PairState {
    report.pairs.iter().find(|pair| pair.from == from && pair.to == to).expect("the pair").state
}

fn change_shared(subjects: &mut [VenueSubject], change: impl FnOnce(&mut VenueSubject)) {
    change(subjects.iter_mut().find(|subject| subject.venue == "_all").expect("it is there"));
}

#[test]
fn it_reaches_no_secret_and_no_function_of_a_venue() {
    for alarms in [DIGEST.to_owned(), CHAT.to_owned(), format!("{CHAT}\n{DIGEST}")] {
        let (report, starters) = judged(&alarms, |_| ());
        assert_eq!(report.venues, ["_all", "harbour", "mill"]);
        assert!(!report.is_open() && !report.has_unknowns(), "{alarms}: {:?}", report.pairs);
        assert_eq!(starters, [""; 0], "{alarms}");
        let reads = report.pairs.iter().find(|pair| pair.from == "_all" && pair.to == "mill").expect("the pair");
        let asked = reads.checks.iter().any(|check| check.action == "logs:FilterLogEvents");
        assert_eq!(asked, !alarms.contains("digest"), "a chat needs no log of a venue");
        assert!(reads.checks.iter().any(|check| check.action == "secretsmanager:GetSecretValue"));
        assert!(reads.checks.iter().any(|check| check.action == "lambda:InvokeFunction"));
    }
}

#[test]
fn what_widens_it_is_found() {
    let widened = |action: &str, resource: &str| {
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        let (report, _) = judged(DIGEST, |subjects| {
            change_shared(subjects, |subject| {
                let more = parse_policies("wide", &document).expect("valid");
                subject.role.as_mut().expect("planned").extend(more);
            });
        });
        state_of(&report, "_all", "harbour")
    };
    assert_eq!(widened("secretsmanager:GetSecretValue", "*"), PairState::Open);
    assert_eq!(widened("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:sync-*"), PairState::Open);
    assert_eq!(widened("logs:PutLogEvents", "*"), PairState::Open);
    assert_eq!(widened("logs:FilterLogEvents", "*"), PairState::Isolated, "a digest reads logs");
    // A chat's function that reads a venue's log.
    let statement = json!({ "Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": "*" });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let (report, _) = judged(CHAT, |subjects| {
        let more = parse_policies("wide", &document).expect("valid");
        change_shared(subjects, |subject| subject.role.as_mut().expect("planned").extend(more));
    });
    assert_eq!(state_of(&report, "_all", "harbour"), PairState::Open);
}

#[test]
fn only_its_topic_and_its_rule_start_it() {
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:sync--all:live";
    let starters = |service: &str, condition: Value| {
        let mut statement = json!({
            "Sid": "more", "Effect": "Allow", "Principal": { "Service": service }, "Action": "lambda:InvokeFunction",
            "Resource": function,
        });
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        judged(CHAT, |subjects| {
            let more = parse_policies("the policy", &document).expect("valid");
            change_shared(subjects, |subject| subject.function_policy.as_mut().expect("planned").extend(more));
        })
        .1
    };
    let any_topic = json!({ "StringEquals": { "AWS:SourceAccount": "123456789012" } });
    assert_eq!(starters("sns.amazonaws.com", any_topic.clone()).len(), 2, "a topic, and what names none");
    assert_eq!(
        starters("events.amazonaws.com", any_topic)[0].split(" can").next(),
        Some("_all: another rule of the account")
    );
    let own_rule =
        json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/sync--all-schedule" } });
    assert_eq!(starters("events.amazonaws.com", own_rule), [""; 0]);
    assert!(!starters("events.amazonaws.com", Value::Null).is_empty());
    let (_, starters) = judged(DIGEST, |subjects| {
        change_shared(subjects, |subject| {
            let trust = json!({ "Version": "2012-10-17", "Statement": [{
                "Sid": "any", "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sts:AssumeRole",
            }] });
            subject.trust = parse_policies("the trust policy", &trust);
        });
    });
    assert!(starters[0].contains("can take on its role"), "{starters:?}");
}

/// Everything of it is in the plan, before anything exists.
#[test]
fn a_plan_shows_all_of_it() {
    let plan = plan(&desired_from(&manifest_with(DIGEST)), &Snapshot::default(), &[]);
    let of_all = plan.changes.iter().filter(|change| change.address.venue == "_all");
    let kinds: Vec<ResourceKind> = of_all.map(|change| change.address.kind).collect();
    for kind in
        [ResourceKind::Role, ResourceKind::Function, ResourceKind::Rule, ResourceKind::Target, ResourceKind::Alarms]
    {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}
