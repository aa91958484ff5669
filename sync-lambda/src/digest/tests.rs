//! Digests composed from what a stand-in for AWS answers.

use std::sync::Arc;

use deployer_core::naming::VenueNames;
use parking_lot::Mutex;
use sync_config::digest::DigestBlocker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::runs::RunLine;
use super::*;

/// What was asked: the operation, and the body.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Answers each call with a status and a body, by its operation and its body.
async fn start_aws(answer: impl Fn(&str, &str) -> (u16, String) + Send + 'static) -> (String, Asked) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let uri = format!("http://127.0.0.1:{}", listener.local_addr().expect("bound").port());
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut text = String::new();
            let mut buffer = [0; 8192];
            let (head, body) = loop {
                let read = stream.read(&mut buffer).await.expect("it is sent");
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.to_lowercase();
                let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
                if body.len() >= length.unwrap_or(0_usize) {
                    break (head.to_lowercase(), body.to_owned());
                }
            };
            let form: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let action = form.iter().find(|(name, _)| name == "Action").map(|(_, value)| value.clone());
            let operation = action.unwrap_or_else(|| head.contains("filterlogevents").to_string());
            let (status, answer) = answer(&operation, &body);
            kept.lock().push((operation, body));
            let answer = format!(
                "HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            );
            stream.write_all(answer.as_bytes()).await.expect("it is read");
        }
    });
    (uri, asked)
}

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:sync-alarms";

fn config(venues: &[&str]) -> ForwardConfig {
    let display = |name: &&str| ((*name).to_owned(), format!("Venue {}", name.to_uppercase()));
    ForwardConfig {
        deployment: "sync".to_owned(),
        chats: Vec::new(),
        venues: venues.iter().map(display).collect(),
        digest: Some(DigestConfig {
            topic: TOPIC.to_owned(),
            hours: [72, 24, 24, 24, 24, 0, 0],
            blocked: vec![DigestBlocker {
                display_name: "Marina".to_owned(),
                reason: "its platform takes no leads".to_owned(),
                owner: Some("Ana".to_owned()),
                ..DigestBlocker::default()
            }],
            ..DigestConfig::default()
        }),
    }
}

/// Sends a digest at this time. Returns the outcome, and what was logged.
async fn send_at(uri: &str, config: &ForwardConfig, time: &str) -> (Result<Value, RunError>, Value) {
    let uri = uri.to_owned();
    let variables = move |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(uri.clone()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        _ => None,
    };
    let lines = Mutex::new(Value::Null);
    let caller = AwsCaller::new(crate::http::build_client().expect("TLS is available"), Arc::new(variables));
    let kept = Arc::new(lines);
    let sink = Arc::clone(&kept);
    let log: Box<LogSink> = Box::new(move |line: &Value| sink.lock().clone_from(line));
    let digest = config.digest.as_ref().expect("there is one");
    let event = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "time": time });
    assert!(is_of_schedule(&event));
    let deadline = SystemTime::now() + Duration::from_secs(900);
    let outcome = DigestSender { caller, config, digest, log: &*log }.send_digest(&event, deadline).await;
    let line = kept.lock().clone();
    (outcome, line)
}

fn alarms_xml(alarms: &[(&str, &str)], token: &str) -> (u16, String) {
    let member = |(name, state): &(&str, &str)| {
        format!("<member><StateValue>{state}</StateValue><AlarmName>{name}</AlarmName></member>")
    };
    let members: String = alarms.iter().map(member).collect();
    let token = if token.is_empty() { String::new() } else { format!("<NextToken>{token}</NextToken>") };
    (200, format!("<R><MetricAlarms>{members}</MetricAlarms>{token}</R>"))
}

fn event(id: &str, message: &Value) -> Value {
    let text = message.as_str().map_or_else(|| message.to_string(), ToOwned::to_owned);
    json!({ "eventId": id, "message": text })
}

const PUBLISHED: &str = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";

/// What most of the tests answer: `a` has runs on two pages, `b` none, `c` no log, and `d` one that may not be read.
fn answer_call(operation: &str, body: &str) -> (u16, String) {
    match operation {
        "DescribeAlarms" if body.contains("CompositeAlarm") && !body.contains("NextToken") => {
            alarms_xml(&[("sync/a", "ALARM"), ("sync/b", "OK")], "next")
        }
        "DescribeAlarms" if body.contains("CompositeAlarm") => {
            alarms_xml(&[("sync/d", "OK"), ("sync/extra", "OK")], "")
        }
        "DescribeAlarms" => alarms_xml(&[("sync/a/silent", "ALARM"), ("sync/_all/hubspot", "ALARM")], ""),
        "Publish" => (200, PUBLISHED.to_owned()),
        _ if body.contains("sync-c") => (400, json!({ "__type": "ResourceNotFoundException" }).to_string()),
        _ if body.contains("sync-d") => (400, json!({ "__type": "x#AccessDeniedException" }).to_string()),
        _ if body.contains("sync-a") && body.contains("Task timed out") => {
            (200, json!({ "events": [event("3", &json!("2026 r Task timed out after 60.00 seconds\n"))] }).to_string())
        }
        _ if body.contains("sync-a") && body.contains("nextToken") => {
            let run =
                json!({ "event": "run", "Synced": 4, "NeedsReview": 1, "Failed": 2, "error": { "kind": "Limit" } });
            (200, json!({ "events": [event("1", &json!("START")), event("2", &run)] }).to_string())
        }
        _ if body.contains("sync-a") => {
            let run = json!({ "event": "run", "Synced": 3, "NeedsReview": 0, "Failed": 0 });
            let dry = json!({ "event": "run", "Synced": 9, "dry_run": true });
            let events = [event("1", &run), event("1", &run), event("0", &dry)];
            (200, json!({ "events": events, "nextToken": "next" }).to_string())
        }
        _ => (200, json!({ "events": [] }).to_string()),
    }
}

fn published(asked: &Asked) -> BTreeMap<String, String> {
    let asked = asked.lock();
    let found: Vec<&(String, String)> = asked.iter().filter(|(operation, _)| operation == "Publish").collect();
    assert_eq!(found.len(), 1, "one message");
    form_urlencoded::parse(found[0].1.as_bytes()).into_owned().collect()
}

const MONDAY: &str = "\
sync, the 3 days until 2026-11-30 06:30 UTC

Alarms
  All venues: HubSpot ends the runs of at least half of them
  Venue A: no run succeeds
    deployer status a

Came to wait for a person
  Venue A: 1 contact needs review, 2 contacts refused for their data
    deployer logs a --outcome needs_review --outcome failed
  unknown at Venue C, Venue D

Synced
  Venue A       7, 2 runs failed
  Venue C  unknown: nothing is deployed
  Venue D  unknown: its log can't be read: AccessDeniedException
  nothing to sync at Venue B

Blocked
  Marina: its platform takes no leads
    Owner: Ana

`deployer status` shows all of this, as it is at that moment.
";

#[tokio::test]
async fn a_digest_says_what_logs_and_alarms_say() {
    let (uri, asked) = start_aws(answer_call).await;
    let (outcome, line) = send_at(&uri, &config(&["a", "b", "c", "d"]), "2026-11-30T06:30:00Z").await;
    let outcome = outcome.expect("it is sent");
    assert_eq!((&outcome["message_id"], &outcome["unreadable"]), (&json!("m-1"), &json!(2)));
    let message = published(&asked);
    assert_eq!(message["Message"], MONDAY);
    assert_eq!(message["Subject"], "sync: 7 synced, 3 waiting for a person, 2 alarms in 3 days");
    assert_eq!((message["TopicArn"].as_str(), message["Version"].as_str()), (TOPIC, "2010-03-31"));
    assert_eq!((&line["event"], &line["sent"], &line["message_id"]), (&json!("digest"), &json!(true), &json!("m-1")));
    let logs = asked.lock();
    let read = logs.iter().find(|(_, body)| body.contains("sync-b")).expect("its log is read");
    let body: Value = serde_json::from_str(&read.1).expect("JSON");
    assert_eq!(body["logGroupName"], "/aws/lambda/sync-b");
    let hours = (body["endTime"].as_i64().expect("a time") - body["startTime"].as_i64().expect("a time")) / 3_600_000;
    assert_eq!(hours, 72, "over the weekend");
}

#[tokio::test]
async fn venues_without_room_are_found_by_their_alarms_and_paused_ones_have_none() {
    let (uri, asked) = start_aws(answer_call).await;
    let mut config = config(&["b", "p"]);
    let digest = config.digest.as_mut().expect("there is one");
    digest.unnamed = 4;
    digest.timezone = Some("America/New_York".to_owned());
    let (outcome, _) = send_at(&uri, &config, "2026-12-05T06:30:00Z").await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let text = &published(&asked)["Message"];
    assert!(
        text.contains("the 24 hours until 2026-12-05 01:30 America/New_York"),
        "nothing is due on Saturdays: {text}"
    );
    assert!(text.contains("\n  a             7, 2 runs failed\n") || text.contains("\n  a "), "{text}");
    assert!(text.contains("nothing to sync at Venue B, extra\n  paused: Venue P\n"), "{text}");
    // a, d and extra were found.
    assert!(text.contains("  and 1 venue not read here\n"), "{text}");
}

#[tokio::test]
async fn what_is_not_published_fails_and_is_logged() {
    let refuse = |operation: &str, body: &str| match operation {
        "DescribeAlarms" => (403, "<E><Error><Code>AccessDenied</Code></Error></E>".to_owned()),
        "Publish" => (403, "<E><Error><Code>AuthorizationError</Code></Error></E>".to_owned()),
        _ => answer_call(operation, body),
    };
    let (uri, asked) = start_aws(refuse).await;
    let (outcome, line) = send_at(&uri, &config(&["a"]), "2026-11-30T06:30:00Z").await;
    let error = outcome.expect_err("it isn't sent").to_string();
    assert!(error.contains("AuthorizationError for arn:aws:sns") && error.contains("`deployer plan`"), "{error}");
    assert_eq!((&line["sent"], &line["error"]["kind"]), (&json!(false), &json!("Credential")));
    // What couldn't be read is unknown, and no reason not to send the rest.
    assert!(published(&asked)["Message"].contains("Alarms\n  unknown: they couldn't be read\n"));
}

#[test]
fn lines_of_runs_are_told_from_others() {
    let read = RunLine::from_message;
    assert!(matches!(read("RequestId: 1 Error: Runtime exited\n"), Some(RunLine::BrokenOff { kind: "Crash", .. })));
    assert!(matches!(read("{\"event\":\"run\"}\n"), Some(RunLine::Ended(_))));
    for other in ["START", "{\"event\":\"run\",\"dry_run\":true}", "{\"event\":\"contact\"}", "{", ""] {
        assert_eq!(read(other), None, "{other}");
    }
}

#[test]
fn logs_are_where_the_deployer_puts_them() {
    assert_eq!(log_group_name("sync", "venue-a"), VenueNames::new("sync", "venue-a").log_group);
}
