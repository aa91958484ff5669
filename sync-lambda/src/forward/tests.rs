//! Messages in the forms of both chats, and their delivery to a server that answers as it is told.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::message::ChatMood;
use super::*;

fn config(chats: &[ChatKind]) -> ForwardConfig {
    let venues = BTreeMap::from([("venue-a".to_owned(), "Venue *A* <script> & co".to_owned())]);
    ForwardConfig { deployment: "sync".to_owned(), chats: chats.to_vec(), venues, digest: None }
}

/// An event as SNS sends it, with a message of CloudWatch's.
fn alarm_event(name: &str, state: &str, children: &[&str]) -> Value {
    let arn = |name: &str| format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}");
    let children: Vec<Value> =
        children.iter().map(|name| json!({ "Arn": arn(name), "State": { "Value": "ALARM" } })).collect();
    let message = json!({
        "AlarmName": name, "AlarmDescription": "HubSpot ends the runs.", "AlarmArn": arn(name), "NewStateValue": state,
        "OldStateValue": "OK", "StateChangeTime": "2026-11-30T09:12:55.640+0000", "TriggeringChildren": children,
        "NewStateReason": "a rule",
    });
    sns_event("ALARM", &message.to_string())
}

fn sns_event(subject: &str, message: &str) -> Value {
    json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Subject": subject, "Message": message } }] })
}

fn read_one(event: &Value) -> ChatMessage {
    read_messages(event, &config(&[])).expect("an event of SNS").remove(0)
}

#[test]
fn an_alarm_says_venue_cause_state_and_command() {
    let message = read_one(&alarm_event("sync/venue-a", "ALARM", &["sync/venue-a/failing", "sync/venue-a/silent"]));
    assert_eq!(message.title, "Venue *A* <script> & co needs attention");
    assert_eq!(message.facts[0], ("Cause".to_owned(), "runs fail, no run succeeds".to_owned()));
    assert_eq!(message.facts[1], ("State".to_owned(), "ALARM (was OK)".to_owned()));
    assert_eq!(message.facts[3], ("Since".to_owned(), "2026-11-30 09:12 UTC".to_owned()));
    let commands = ["deployer status venue-a", "deployer logs venue-a --outcome failed", "deployer doctor venue-a"];
    assert_eq!(message.commands, commands);
    let cleared = read_one(&alarm_event("sync/venue-a", "OK", &[]));
    assert_eq!((cleared.title.as_str(), cleared.mood), ("Venue *A* <script> & co is fine again", ChatMood::Cleared));
    assert_eq!(cleared.commands, [""; 0]);
    let all = read_one(&alarm_event("sync/_all/hubspot", "ALARM", &[]));
    assert_eq!((all.title.as_str(), all.text.as_str()), ("HubSpot fails at many venues", "HubSpot ends the runs."));
    let unknown = read_one(&alarm_event("somebody's", "ALARM", &[]));
    assert_eq!(unknown.title, "somebody's needs attention");
    assert_eq!(read_messages(&json!({ "source": "aws.events" }), &config(&[])), None);
}

#[test]
fn slack_gets_escaped_mrkdwn() {
    let message = read_one(&alarm_event("sync/venue-a", "ALARM", &["sync/venue-a/needs_review"]));
    let payload = payload::chat_payload(ChatKind::Slack, &message);
    assert_eq!(
        payload,
        json!({
            "text": ":red_circle: Venue \u{200b}*A\u{200b}* &lt;script&gt; &amp; co needs attention",
            "unfurl_links": false,
            "blocks": [
                { "type": "section", "text": { "type": "mrkdwn", "verbatim": true,
                    "text": ":red_circle: *Venue \u{200b}*A\u{200b}* &lt;script&gt; &amp; co needs attention*" } },
                { "type": "section", "text": { "type": "mrkdwn", "verbatim": true,
                    "text": "*Cause:* contacts came to need review\n*State:* ALARM (was OK)\n*Deployment:* sync\n\
                             *Since:* 2026-11-30 09:12 UTC" } },
                { "type": "section", "text": { "type": "mrkdwn", "verbatim": true,
                    "text": "```deployer status venue-a\ndeployer retry venue-a```" } },
            ],
        })
    );
    let digest = read_one(&sns_event("sync: 3 synced", "sync\n\nSynced\n  <Bar> `x`   3\n"));
    let payload = payload::chat_payload(ChatKind::Slack, &digest);
    assert_eq!(payload["blocks"][1]["text"]["text"], "```sync\n\nSynced\n  &lt;Bar&gt; 'x'   3```");
}

#[test]
fn teams_gets_an_adaptive_card() {
    let message = read_one(&alarm_event("sync/venue-a", "ALARM", &["sync/venue-a/lookups"]));
    let payload = payload::chat_payload(ChatKind::Teams, &message);
    let attachment = &payload["attachments"][0];
    assert_eq!(
        (&payload["type"], &attachment["contentType"]),
        (&json!("message"), &json!("application/vnd.microsoft.card.adaptive"))
    );
    let card = &attachment["content"];
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    let body = card["body"].as_array().expect("a list");
    assert_eq!(body[0]["text"], "Venue \\*A\\* \\<script\\> & co needs attention");
    assert_eq!((&body[0]["color"], &body[0]["wrap"]), (&json!("Attention"), &json!(true)));
    assert_eq!(body[1]["facts"][0], json!({ "title": "Cause", "value": "leads can't be looked up" }));
    assert_eq!(body[2]["inlines"][0]["text"], "deployer status venue-a", "commands aren't read as Markdown");
    let digest = read_one(&sns_event("sync: 3 synced", "sync\n\nSynced\n"));
    let payload = payload::chat_payload(ChatKind::Teams, &digest);
    let body = payload["attachments"][0]["content"]["body"].as_array().expect("a list").clone();
    let lines: Vec<&str> = body[1..].iter().map(|line| line["inlines"][0]["text"].as_str().expect("text")).collect();
    assert_eq!(lines, ["sync", " ", "Synced"]);
}

#[test]
fn long_messages_are_cut_at_a_line() {
    let message = read_one(&sns_event("", &"a line of text\n".repeat(1000)));
    assert!(message.text.len() < 3000 && message.text.ends_with("a line of text\n…"), "{}", message.text.len());
    assert_eq!(message.title, "sync");
}

/// A webhook: answers each request with the next of these, and the last one from then on. What it was sent is kept.
struct Webhook {
    url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    async fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let url =
            format!("http://127.0.0.1:{}/services/T0/B0/secretpath", listener.local_addr().expect("bound").port());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        tokio::spawn(async move {
            let mut next =
                answers.iter().copied().cycle().take(answers.len()).chain(answers.last().copied().into_iter().cycle());
            while let (Ok((mut stream, _)), Some(answer)) = (listener.accept().await, next.next()) {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                let body = loop {
                    let read = stream.read(&mut buffer).await.expect("it is sent");
                    request.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .to_lowercase()
                        .split("content-length: ")
                        .nth(1)
                        .and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                    if body.len() >= length.unwrap_or(0_usize) {
                        break body.to_owned();
                    }
                };
                kept.lock().push(serde_json::from_str(&body).expect("JSON"));
                let answer = format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
                stream.write_all(answer.as_bytes()).await.expect("it is read");
            }
        });
        Self { url, bodies }
    }
}

async fn deliver(chats: &[ChatKind], secret: Value) -> (Result<Value, RunError>, Vec<Value>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let forwarder = Forwarder {
        config: config(chats),
        secret_arn: None,
        variables: Arc::new(|_| None),
        log: Arc::new(move |line| sink.lock().push(line.clone())),
        first_pause: Duration::from_millis(2),
    };
    let messages = [read_one(&alarm_event("sync/venue-a", "ALARM", &[]))];
    let client = crate::http::build_client().expect("TLS is available");
    let deadline = SystemTime::now() + Duration::from_secs(60);
    let Value::Object(secret) = secret else { panic!("an object") };
    let outcome = forwarder.deliver_all(&client, &secret, &messages, deadline).await;
    let lines = lines.lock().clone();
    (outcome, lines)
}

#[tokio::test]
async fn a_message_is_sent_again_until_it_is_taken() {
    let webhook = Webhook::start(&["429 Too Many Requests\r\nretry-after: 0", "503 Unavailable", "200 OK"]).await;
    let (outcome, lines) = deliver(&[ChatKind::Slack], json!({ "SLACK_WEBHOOK": webhook.url })).await;
    assert_eq!(outcome, Ok(json!({ "sent": 1 })));
    assert_eq!(webhook.bodies.lock().len(), 3);
    assert_eq!((&lines[0]["level"], &lines[0]["sent"]), (&json!("info"), &json!(1)));
}

#[tokio::test]
async fn what_is_not_taken_fails_the_invocation_and_names_no_webhook() {
    let (down, gone, long) = tokio::join!(
        Webhook::start(&["500 Down"]),
        Webhook::start(&["404 Not Found"]),
        Webhook::start(&["429 Too Many Requests\r\nretry-after: 3600"]),
    );
    for (webhook, requests, words) in [(down, 4, "status 500"), (gone, 1, "status 404"), (long, 1, "status 429")] {
        let taken = Webhook::start(&["202 Accepted"]).await;
        let secret = json!({ "SLACK_WEBHOOK": webhook.url, "TEAMS_WEBHOOK": taken.url });
        let (outcome, lines) = deliver(&[ChatKind::Slack, ChatKind::Teams], secret).await;
        let error = outcome.expect_err("it wasn't delivered").to_string();
        assert!(error.contains(words) && error.contains("Slack"), "{error}");
        assert_eq!(webhook.bodies.lock().len(), requests, "{words}");
        assert_eq!(taken.bodies.lock().len(), 1, "the other chat gets it all the same");
        for text in [error, lines[0].to_string()] {
            assert!(!secrets::redact_secrets(&text).contains("secretpath"), "{text}");
            assert!(!text.contains("secretpath"), "{text}");
        }
    }
    let (outcome, _) = deliver(&[ChatKind::Teams], json!({ "TEAMS_WEBHOOK": "https://evil.example/hidden" })).await;
    let error = outcome.expect_err("nothing is sent there").to_string();
    assert!(error.contains("deployer secret set _all teams_webhook") && !error.contains("hidden"), "{error}");
    let (outcome, _) = deliver(&[ChatKind::Slack], json!({})).await;
    assert!(outcome.expect_err("it isn't set").to_string().contains("its webhook isn't set"));
}

#[test]
fn the_environment_decides_what_the_function_does() {
    let read = |pairs: &'static [(&'static str, &'static str)]| {
        let variables: Arc<EnvironmentReader> =
            Arc::new(|name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()));
        let log: Arc<LogSink> = Arc::new(|_| ());
        Forwarder::from_environment(&variables, &log).map(|forwarder| forwarder.map(|it| it.config.chats))
    };
    assert_eq!(read(&[("VENUE", "a")]), None);
    let good = read(&[("FORWARD_CONFIG", r#"{"deployment":"sync","chats":["teams"]}"#), ("SECRET_ARN", "arn")]);
    assert_eq!(good, Some(Ok(vec![ChatKind::Teams])));
    let digest = read(&[("FORWARD_CONFIG", r#"{"deployment":"sync","chats":[]}"#)]);
    assert_eq!(digest, Some(Ok(Vec::new())), "without a chat it needs no secret");
    let unset = read(&[("FORWARD_CONFIG", r#"{"deployment":"sync","chats":["slack"]}"#)]).expect("it forwards");
    assert!(unset.expect_err("no secret").to_string().contains("SECRET_ARN isn't set"));
    let bad = read(&[("FORWARD_CONFIG", "{}"), ("SECRET_ARN", "arn")]).expect("it forwards").expect_err("not valid");
    assert!(bad.to_string().contains("FORWARD_CONFIG"), "{bad}");
}
