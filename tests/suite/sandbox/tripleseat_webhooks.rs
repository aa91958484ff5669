//! Tripleseat's webhooks: what happens to a lead, signed, and repeated until it is received.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use deployer_sandbox::{LeadEvent, SandboxServer, TripleseatWebhook, WEBHOOK_TRIES};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::tripleseat::{CREATE_JS, TripleseatVendor, lead_body};

/// What a receiver got: signature and body.
type Received = Arc<Mutex<Vec<(String, Bytes)>>>;

/// A receiver that answers with these statuses first, and then with 200.
async fn start_receiver(answers: &[u16]) -> (SandboxServer, Received, Arc<Notify>) {
    let (received, arrived) = (Received::default(), Arc::new(Notify::new()));
    let answers = Arc::new(Mutex::new(answers.iter().copied().collect::<VecDeque<u16>>()));
    let (kept, notify) = (Arc::clone(&received), Arc::clone(&arrived));
    let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| async move {
        let signature = headers.get("x-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        kept.lock().push((signature.to_owned(), body));
        notify.notify_one();
        StatusCode::from_u16(answers.lock().pop_front().unwrap_or(200)).expect("a status")
    });
    (SandboxServer::start(router).await.expect("a server"), received, arrived)
}

fn webhook_to(server: &SandboxServer) -> TripleseatWebhook {
    let client = sync_lambda::http::build_client().expect("TLS is available");
    TripleseatWebhook { url: format!("{}/leads", server.uri), signing_key: "webhook-key".to_owned(), client }
}

#[tokio::test]
async fn reports_what_happens_to_a_lead_signed() {
    let vendor = TripleseatVendor::start().await;
    let (server, received, arrived) = start_receiver(&[]).await;
    let webhook = webhook_to(&server);
    vendor.tripleseat.set_webhook(1, Some(webhook.clone()));
    vendor.create_lead(CREATE_JS, lead_body(json!({}))).await;
    arrived.notified().await;
    let lead = vendor.tripleseat.site_leads(1).pop().expect("it was created").id;
    for event in [LeadEvent::Converted, LeadEvent::ConvertedToBooking, LeadEvent::TurnedDown] {
        assert_eq!(vendor.tripleseat.report_lead_event(lead, event).await, Some(1));
    }
    let received = received.lock();
    let mut events = Vec::new();
    for (signature, body) in received.iter() {
        assert_eq!(*signature, webhook.sign_body(body), "the receiver can check who sent it");
        let body: Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!((&body["lead"]["id"], &body["site_id"]), (&json!(lead), &json!(1)));
        events.push(body["webhook_trigger_type"].as_str().expect("text").to_owned());
    }
    assert_eq!(events, ["CREATE_LEAD", "CONVERT_LEAD", "CONVERT_LEAD_TO_BOOKING", "LEAD_TURNED_DOWN"]);
    let mut other = webhook.clone();
    other.signing_key = "another-key".to_owned();
    assert_ne!(received[0].0, other.sign_body(&received[0].1));
}

#[tokio::test]
async fn repeats_a_webhook_until_it_is_received() {
    let vendor = TripleseatVendor::start().await;
    vendor.create_lead(CREATE_JS, lead_body(json!({}))).await;
    let lead = vendor.tripleseat.site_leads(1).pop().expect("it was created").id;
    assert_eq!(vendor.tripleseat.report_lead_event(lead, LeadEvent::TurnedDown).await, None, "there is no webhook");
    for (answers, tries) in [(&[500, 202][..], 3), (&[500; 9], WEBHOOK_TRIES)] {
        let (server, received, _) = start_receiver(answers).await;
        vendor.tripleseat.set_webhook(1, Some(webhook_to(&server)));
        assert_eq!(vendor.tripleseat.report_lead_event(lead, LeadEvent::TurnedDown).await, Some(tries));
        assert_eq!(received.lock().len(), tries);
    }
}
