//! `status`, `report`, `logs` and `invoke` as processes, on the embedded cloud and the sandbox portal.

use std::sync::{Arc, Mutex};

use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault, Invocation, InvocationResult, Invoker, logs};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::duplicates::account::DuplicatesSandbox;
use crate::processes::Site;

/// Venues `a` and `b`, deployed, with their contacts' portal. Venue `c` has no properties there.
fn deployed_sandbox() -> DuplicatesSandbox {
    let sandbox = DuplicatesSandbox::new();
    let token = sandbox.site.path().join("token");
    let text = std::fs::read_to_string(&token).expect("it is there");
    // Without the token an apply creates no properties.
    std::fs::remove_file(&token).expect("it is removed");
    let (code, printed) = sandbox.site.run_apply();
    assert_eq!(code, 0, "{printed}");
    sandbox.site.write_file("token", &text);
    sandbox
}

/// Writes lines to the log of a venue's function, each with its age in seconds.
fn write_log(site: &Site, venue: &str, lines: &[(i64, String)]) {
    let now = site.cloud.current_time().as_millisecond();
    let lines: Vec<(i64, String)> = lines.iter().map(|(age_s, line)| (now - age_s * 1000, line.clone())).collect();
    let group = format!("/aws/lambda/sync-{venue}");
    site.cloud.with_context(|cx| logs::append_lines(cx, &group, "stream", &lines)).expect("a state").expect("a group");
}

fn run_line(synced: u64) -> String {
    json!({
        "level": "info", "event": "run", "venue": "a", "request_id": "1", "searched": synced, "retried": 0,
        "Synced": synced, "Failed": 0, "NeedsReview": 0, "Backlog": 0, "Duration": 800,
    })
    .to_string()
}

fn contact_line() -> String {
    json!({ "level": "info", "event": "contact", "contact_id": "7", "outcome": "synced", "lead_id": "11" }).to_string()
}

/// All lines, parsed as JSON.
fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn deny_operation(site: &Site, operation: &'static str) {
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let denied = || CloudFault::Error(ApiError::new(403, "AccessDeniedException", "it may not be read"));
        (call.operation == operation).then(|| InjectedFault::Before(denied()))
    })));
}

#[test]
fn counts_runs_and_contacts_without_showing_a_contact() {
    let sandbox = deployed_sandbox();
    let site = &sandbox.site;
    for (status, email) in [("needs_review", "ana@x.example"), ("failed", "bo@x.example"), ("synced", "cy@x.example")] {
        sandbox.create_contact(&[("email", email), ("firstname", "Anabel"), ("tripleseat_sync_status__a", status)]);
    }
    let timed_out = "1 Task timed out after 240.00 seconds".to_owned();
    write_log(site, "a", &[(3600, timed_out), (60, contact_line()), (50, run_line(3)), (30, run_line(4))]);
    write_log(site, "b", &[(40, run_line(1)), (20, "1 Task timed out after 240.00 seconds".to_owned())]);

    let (code, text) = site.run_deployer(&["status", "a", "b", "--json"]);
    assert_eq!(code, 1, "b is unhealthy: {text}");
    let lines = json_lines(&text);
    let (a, b) = (&lines[1], &lines[2]);
    assert_eq!((&a["standing"], &b["standing"]), (&json!("running"), &json!("failing")));
    assert_eq!((&a["health"], &b["health"]), (&json!("healthy"), &json!("unhealthy")));
    assert_eq!((&a["drift"], &a["alarms"]), (&json!("matches"), &json!("absent")));
    assert_eq!(site.run_deployer(&["status", "a"]).0, 0);
    let (code, metrics) = site.run_deployer(&["status", "--format", "prometheus"]);
    assert_eq!(code, 1, "{metrics}");
    assert!(metrics.contains("deployer_venue_healthy{deployment=\"sync\",venue=\"b\"} 0\n"), "{metrics}");
    assert_eq!(site.run_deployer(&["status", "--format", "prometheus", "--json"]).0, 2);
    let runs = &a["runs"]["present"];
    assert_eq!((&runs["count"], &runs["failed_runs"], &runs["synced"]), (&json!(3), &json!(1), &json!(7)));
    assert_eq!(runs["last"]["synced"], 4);
    assert_eq!(a["contacts"], json!({ "counted": { "needs_review": 1, "failed": 1 } }));
    assert_eq!(b["runs"]["present"]["last"]["error"]["kind"], "Timeout");
    assert_eq!(a["function"]["present"]["version"], "1");

    let shorter = json_lines(&site.run_deployer(&["status", "a", "--since", "10m", "--json"]).1);
    assert_eq!(shorter[1]["runs"]["present"]["count"], 2);
    for args in [&["status", "a"][..], &["report"], &["report", "--format", "markdown"], &["report", "--json"]] {
        let (_, text) = site.run_deployer(args);
        for secret in ["Anabel", "x.example", "token-of", "key-of-a", "secret-of-the-client"] {
            assert!(!text.contains(secret), "{args:?} shows {secret}: {text}");
        }
        assert!(text.contains("review"), "{args:?}: {text}");
    }
}

#[test]
fn counts_more_contacts_than_fit_on_a_page() {
    let sandbox = deployed_sandbox();
    let contact = |status: &str| [("tripleseat_sync_status__a".to_owned(), status.to_owned())].into();
    let all = (0..230).map(|number| contact(if number < 25 { "needs_review" } else { "failed" }));
    sandbox.hubspot.add_contacts(all.collect()).expect("contacts");
    let (code, text) = sandbox.site.run_deployer(&["status", "a", "--json"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(json_lines(&text)[1]["contacts"], json!({ "counted": { "needs_review": 25, "failed": 205 } }));
}

#[test]
fn reports_unreadable_values_instead_of_zero() {
    let sandbox = deployed_sandbox();
    let site = &sandbox.site;
    let (code, text) = site.run_deployer(&["status", "c"]);
    assert_eq!(code, 3, "its property doesn't exist: {text}");
    assert!(text.contains("contacts  unreadable: POST /crm/objects/"), "{text}");
    for (operation, words) in [
        ("FilterLogEvents", "last run  unreadable: logs:FilterLogEvents: AccessDeniedException"),
        ("GetFunction", "function  unreadable: lambda:GetFunction: AccessDeniedException"),
        ("DescribeRule", "rule      unreadable: events:DescribeRule: AccessDeniedException"),
    ] {
        deny_operation(site, operation);
        let (code, text) = site.run_deployer(&["status", "a"]);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains(words), "{text}");
        let (code, text) = site.run_deployer(&["report"]);
        assert!(code == 3 && text.contains("AccessDeniedException"), "{text}");
        site.cloud.set_faults(None);
    }
    // A token for another portal would count other people's contacts.
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("it is there");
    site.write_file("venues.toml", &manifest.replace("portal_id = 77", "portal_id = 78"));
    let (code, text) = site.run_deployer(&["status", "a"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("opens portal 77, but the manifest is for 78"), "{text}");
    // Without a token HubSpot isn't asked. The status says so, and doesn't fail.
    site.write_file("venues.toml", &manifest.replace("token = \"file:token\"\n", ""));
    let (code, text) = site.run_deployer(&["status", "a"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("not checked: the manifest has no `token` in [hubspot]"), "{text}");
}

#[test]
fn reports_from_the_manifest_alone_without_aws() {
    let site = Site::new();
    let run = |args: &[&str]| {
        let mut command = site.deployer_command(args);
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_MAX_ATTEMPTS", "1");
        let output = command.output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, stderr) = run(&["report", "--out", "report.html"]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("unreadable: AWS can't be reached: could not determine the AWS account"), "{stderr}");
    assert!(stderr.contains("hint: check the network"), "{stderr}");
    let page = std::fs::read_to_string(site.path().join("report.html")).expect("it was written");
    assert!(page.contains("2 venues in the manifest, 1 active, 1 paused, 0 blocked. AWS can't be reached"), "{page}");
    assert!(page.contains("<bdi>Venue a</bdi>") && page.contains("</span> Unknown"), "{page}");
    let (code, stdout, _) = run(&["status", "--json"]);
    assert_eq!(code, Some(3));
    let unreadable = json_lines(&stdout).into_iter().filter(|line| line["type"] == "unreadable").count();
    assert_eq!(unreadable, 1, "{stdout}");
}

#[test]
fn refuses_to_report_on_another_account() {
    let site = Site::in_account("210987654321");
    let manifest =
        crate::world::two_venue_manifest("sync").replacen("region =", "account = \"123456789012\"\nregion =", 1);
    site.write_file("venues.toml", &manifest);
    for command in ["status", "report"] {
        let (code, text) = site.run_deployer(&[command]);
        assert_eq!(code, 6, "{text}");
    }
}

#[test]
fn writes_the_report_to_a_file_in_the_format_of_its_name() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["report"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("<!DOCTYPE html>\n") && text.contains("<svg class=\"flow\""), "{text}");
    for (name, begins) in [("r.md", "## Venues of sync"), ("r.json", "{\"type\":\"status\""), ("r", "<!DOCTYPE html>")]
    {
        let (code, text) = site.run_deployer(&["report", "--out", name]);
        assert_eq!((code, text), (0, format!("Wrote the report to {name}.\n")));
        let written = std::fs::read_to_string(site.path().join(name)).expect("it was written");
        assert!(written.starts_with(begins), "{name}: {written}");
    }
    let (code, text) = site.run_deployer(&["report", "--out", "r.md", "--format", "html", "--json"]);
    assert_eq!((code, &json_lines(&text)[0]), (0, &json!({ "type": "report", "path": "r.md", "unreadable": [] })));
    assert_eq!(site.run_deployer(&["report", "--format", "html", "--json"]).0, 2);
    let (code, text) = site.run_deployer(&["report", "--out", "no/such/r.html"]);
    assert!(code == 1 && text.contains("could not write the report to no/such/r.html"), "{text}");
    assert_eq!(site.run_deployer(&["status", "nobody"]).0, 2);
}

#[test]
fn shows_a_pause_as_pending_until_it_is_applied() {
    let site = Site::new();
    let standing = || {
        let (code, text) = site.run_deployer(&["status", "a", "--json"]);
        assert_eq!(code, i32::from(text.contains("\"health\":\"unhealthy\"")), "{text}");
        let lines = json_lines(&text);
        let told = lines.iter().filter(|line| line["type"] == "attention").map(|line| line["what"].clone()).next();
        (lines[1]["standing"].clone(), told.unwrap_or_default())
    };
    assert_eq!(standing().0, "not_deployed");
    assert_eq!(site.run_apply().0, 0);
    assert_eq!(standing(), (json!("running"), Value::Null));
    assert_eq!(site.run_deployer(&["venue", "pause", "a"]).0, 0);
    assert_eq!(standing(), (json!("pending"), json!("The manifest says paused, but its rule still fires.")));
    assert_eq!(site.run_apply().0, 0);
    assert_eq!(standing(), (json!("paused"), Value::Null));
}

/// What an apply would change is compared from lists, without an artifact, and only if it's wanted.
#[test]
fn shows_drift_without_a_build_and_says_what_it_could_not_compare() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    let drift = |more: &[&str]| {
        let (_, text) = site.run_deployer(&[&["status", "a", "--json"], more].concat());
        json_lines(&text)[1]["drift"].clone()
    };
    assert_eq!(drift(&[]), json!("matches"));
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("readable");
    site.write_file("venues.toml", &manifest.replacen("[venues.a]\n", "[venues.a]\nmemory_mb = 512\n", 1));
    // The function, and the alias that moves to its next version.
    assert_eq!(drift(&[]), json!({ "differs": 2 }));
    let (code, text) = site.run_deployer(&["status", "a", "--utc"]);
    assert_eq!(code, 0, "a difference is no failure: {text}");
    assert!(text.contains("a: 2 resources of it differ from the manifest."), "{text}");
    assert!(text.contains("`deployer plan --target a`"), "{text}");
    site.cloud.forget_calls();
    assert_eq!(drift(&["--no-drift"]), json!({ "unknown": "nobody asked for it" }));
    let listed =
        |site: &Site| site.cloud.recorded_calls().iter().filter(|call| call.operation == "ListFunctions").count();
    assert_eq!(listed(&site), 0);
    deny_operation(&site, "ListRules");
    let unknown = drift(&[]);
    assert!(unknown["unknown"].as_str().is_some_and(|why| why.contains("AccessDenied")), "{unknown}");
    assert_eq!(site.run_deployer(&["status", "a"]).0, 0, "what isn't compared isn't a failure");
}

#[test]
fn shows_a_log_with_one_line_per_event() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["logs", "a"]);
    assert!(code == 1 && text.contains("a has no log group /aws/lambda/sync-a: it isn't deployed"), "{text}");
    assert_eq!(site.run_apply().0, 0);
    let (code, text) = site.run_deployer(&["logs", "a"]);
    assert_eq!(
        (code, text.as_str()),
        (0, "No events in /aws/lambda/sync-a in the last 1h; use --since to look further back.\n")
    );
    write_log(
        &site,
        "a",
        &[(7200, run_line(9)), (60, contact_line()), (50, run_line(3)), (40, "END RequestId: 1".to_owned())],
    );
    let (code, text) = site.run_deployer(&["logs", "a"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once("Z  ")?.1)).collect();
    let run = "run found 3: 3 synced, 0 failed, 0 need review, 0 deferred (800 ms)";
    assert_eq!(lines, ["contact 7: synced, lead 11", run, "END RequestId: 1"]);
    let (_, text) = site.run_deployer(&["logs", "a", "--json", "--since", "3h"]);
    let lines = json_lines(&text);
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["message"]["Synced"], &lines[3]["message"]), (&json!(9), &json!("END RequestId: 1")));
}

#[test]
fn shows_the_contacts_of_an_outcome_or_one_contact() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    let contact = |id: &str, outcome: &str| {
        json!({ "level": "info", "event": "contact", "contact_id": id, "outcome": outcome }).to_string()
    };
    let lines = [
        (60, contact("7", "synced")),
        (50, contact("8", "failed")),
        (40, contact("9", "needs_review")),
        (35, contact("7", "failed")),
        (30, run_line(3)),
    ];
    write_log(&site, "a", &lines);
    let shown = |args: &[&str]| {
        let (code, text) = site.run_deployer(&[&["logs", "a", "--json"], args].concat());
        assert_eq!(code, 0, "{text}");
        let lines = json_lines(&text);
        let contacts = lines.iter().filter_map(|line| line["message"]["contact_id"].as_str().map(ToOwned::to_owned));
        (lines.len(), contacts.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(shown(&["--outcome", "failed"]), (2, "8 7".to_owned()));
    assert_eq!(shown(&["--outcome", "needs_review", "--outcome", "synced"]), (2, "7 9".to_owned()));
    assert_eq!(shown(&["--contact", "7"]), (2, "7 7".to_owned()));
    assert_eq!(shown(&["--contact", "7", "--outcome", "failed"]), (1, "7".to_owned()));
    let (code, text) = site.run_deployer(&["logs", "a", "--contact", "12"]);
    assert_eq!((code, text.starts_with("No such events in ")), (0, true), "{text}");
    for wrong in [&["--contact", "ana@x.example"][..], &["--contact", "0"], &["--outcome", "lost"]] {
        assert_eq!(site.run_deployer(&[&["logs", "a"], wrong].concat()).0, 2, "{wrong:?}");
    }
}

/// A fake for functions: records what it is invoked with, and returns a given answer.
#[derive(Debug)]
struct FakeInvoker {
    answer: Result<(Value, bool), ApiError>,
    events: Mutex<Vec<String>>,
}

impl Invoker for FakeInvoker {
    fn run_invocation(&self, invocation: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>> {
        let event = String::from_utf8_lossy(&invocation.payload).into_owned();
        self.events
            .lock()
            .expect("no panic")
            .push(format!("{}:{} {event}", invocation.function_name, invocation.version));
        let answer = self.answer.clone().map(|(payload, failed)| InvocationResult {
            payload: payload.to_string().into(),
            function_error: failed.then(|| "Unhandled".to_owned()),
            log: String::new(),
        });
        Box::pin(async move { answer })
    }
}

/// Runs `invoke` with functions that return `answer`. Returns the exit code, what was printed, and the events that the
/// functions got.
fn run_invoke(site: &Site, answer: Result<(Value, bool), ApiError>, args: &[&str]) -> (i32, String, Vec<String>) {
    let stand_in = Arc::new(FakeInvoker { answer, events: Mutex::default() });
    site.cloud.set_invoker(stand_in.clone());
    let (code, text) = site.run_deployer(&[&["invoke", "a"], args].concat());
    (code, text, stand_in.events.lock().expect("no panic").clone())
}

#[test]
fn invoke_shows_the_counts_of_a_run_or_its_error() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["invoke", "a"]);
    assert!(code == 1 && text.contains("could not run a: it isn't deployed"), "{text}");
    assert_eq!(site.run_apply().0, 0);
    let counts = json!({ "venue": "a", "searched": 5, "synced": 3, "failed": 1, "needs_review": 1, "retried": 0 });
    let (code, text, events) = run_invoke(&site, Ok((counts.clone(), false)), &[]);
    assert_eq!((code, events), (0, vec!["sync-a:1 {}".to_owned()]));
    assert!(text.contains("a: found 5: 3 synced, 1 failed, 1 need review, 0 deferred ("), "{text}");
    let (code, text, _) = run_invoke(&site, Ok((counts, false)), &["--json"]);
    let line = &json_lines(&text)[0];
    assert_eq!((code, &line["type"], &line["synced"], &line["error"]), (0, &json!("invoked"), &json!(3), &Value::Null));

    let would = |id: &str, action: &str| json!({ "contact_id": id, "action": action, "fields": ["first_name"] });
    let dry =
        json!({ "venue": "a", "searched": 2, "dry_run": true, "would": [would("1", "send"), would("2", "review")] });
    let (code, text, events) = run_invoke(&site, Ok((dry, false)), &["--dry-run"]);
    assert_eq!((code, events), (0, vec![r#"sync-a:1 {"dry_run":true}"#.to_owned()]));
    assert!(text.contains("a: found 2; a run would send 1, look up 0 and leave 1 for review"), "{text}");

    let mut shown = would("1", "send");
    shown["body"] = json!({ "lead": { "first_name": "Jo\u{1b}[2J\u{202e}", "email_opt_in": false } });
    let dry = json!({ "venue": "a", "searched": 2, "dry_run": true, "would": [shown, would("2", "ignore")] });
    let (code, text, events) = run_invoke(&site, Ok((dry.clone(), false)), &["--dry-run", "--show-contacts"]);
    assert_eq!((code, events), (0, vec![r#"sync-a:1 {"dry_run":true,"show_contacts":true}"#.to_owned()]));
    assert!(text.contains("ignore 1 that were ticked again"), "{text}");
    assert!(text.contains("contact 1: send\n  {\n    \"lead\": {\n      \"first_name\": \"Jo"), "{text}");
    assert!(text.contains("1 more are not shown.") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    let (code, text, _) = run_invoke(&site, Ok((dry, false)), &["--dry-run", "--show-contacts", "--json"]);
    assert_eq!((code, &json_lines(&text)[0]["would"][0]["body"]["lead"]["email_opt_in"]), (0, &json!(false)));
    assert_eq!(site.run_deployer(&["invoke", "a", "--show-contacts"]).0, 2, "only of a dry run");

    let refused = json!({ "errorType": "Credential", "errorMessage": "HubSpot refused HUBSPOT_TOKEN" });
    let (code, text, _) = run_invoke(&site, Ok((refused.clone(), true)), &[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("error[run_failed]: the run of a failed: Credential: HubSpot refused HUBSPOT_TOKEN"),
        "{text}"
    );
    let (code, text, _) = run_invoke(&site, Ok((refused, true)), &["--json", "--dry-run"]);
    assert!(code == 1 && text.contains(r#""error":{"kind":"Credential""#), "{text}");
    let timed_out = json!({ "errorType": "Sandbox.Timedout", "errorMessage": "1 Task timed out after 240.00 seconds" });
    let (code, text, _) = run_invoke(&site, Ok((timed_out, true)), &[]);
    assert!(code == 1 && text.contains("the next run continues; to give it more time, raise `timeout`"), "{text}");
}

#[test]
fn invoke_starts_a_run_once_even_if_the_call_fails() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    let busy = ApiError::new(429, "TooManyRequestsException", "Rate Exceeded.");
    let (code, text, events) = run_invoke(&site, Err(busy), &[]);
    assert_eq!((code, events.len()), (1, 1), "{text}");
    assert!(text.contains("could not run a: another run is in progress, and runs never overlap"), "{text}");
    let broken = ApiError::new(500, "ServiceException", "it broke");
    let (code, text, events) = run_invoke(&site, Err(broken), &[]);
    assert_eq!((code, events.len()), (1, 1), "{text}");
    let (code, text) = site.run_deployer(&["venue", "pause", "a"]);
    assert_eq!(code, 0, "{text}");
    let (code, text, _) = run_invoke(&site, Ok((json!({}), false)), &[]);
    assert!(code == 0 && text.contains("though its rule is paused"), "{text}");
}

#[test]
fn shows_the_alarms_of_a_deployment_that_has_some() {
    use deployer_cloud::cloudwatch::StoredAlarmState;

    let site = Site::new();
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("it is there");
    site.write_file(
        "venues.toml",
        &manifest.replace("[venues.a]", "[alarms]\nemail = [\"ops@example.com\"]\n\n[venues.a]"),
    );
    let (code, printed) = site.run_apply();
    assert_eq!(code, 0, "{printed}");
    write_log(&site, "a", &[(30, run_line(4))]);
    let alarms_of = |venue: usize| {
        let (code, text) = site.run_deployer(&["status", "--json"]);
        (code, json_lines(&text)[venue]["alarms"].clone())
    };
    assert_eq!(alarms_of(1), (0, json!({ "present": [] })));
    assert_eq!(alarms_of(2).1, "absent", "a paused venue has none");

    let raise = |name: &str| {
        let since = site.cloud.current_time();
        let state = StoredAlarmState { value: "ALARM".to_owned(), reason: "a test".to_owned(), since };
        let raised = site.cloud.with_context(|cx| {
            cx.region_state_mut().cloudwatch.alarms.get_mut(name).expect("it exists").state = Some(state);
        });
        raised.expect("the state is writable");
    };
    raise("sync/a/silent");
    raise("sync/a");
    assert_eq!(alarms_of(1), (1, json!({ "present": ["silent"] })));
    let (code, text) = site.run_deployer(&["status"]);
    assert!(code == 1 && text.contains("1 alarm raised: silent"), "{text}");

    deny_operation(&site, "DescribeAlarms");
    let (code, text) = site.run_deployer(&["status"]);
    assert!(code == 3 && text.contains("alarms couldn't be read: cloudwatch:DescribeAlarms"), "{text}");
}
