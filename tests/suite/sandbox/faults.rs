//! Faults injected into a vendor's requests. Tested on HubSpot only: Tripleseat is behind the same front.

use std::sync::{Arc, Mutex};

use deployer_sandbox::{RequestInfo, SandboxFault};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

impl SandboxPortal {
    /// Injects a fault into every request from now on.
    fn inject_fault(&self, fault: SandboxFault) {
        self.hubspot.set_fault_hook(Some(Arc::new(move |_| Some(fault.clone()))));
    }

    /// Renames the contact 1001. Returns the status and the text of the response, or `None` if there was none.
    async fn rename_contact(&self, name: &str) -> Option<(u16, String)> {
        let body = json!({ "properties": { "firstname": name } });
        let request = self.http.build_request("PATCH", &format!("{CONTACTS}/1001")).bearer_auth(TOKEN).json(&body);
        let response = request.send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    fn contact_name(&self) -> String {
        self.property_value(1_001, "firstname").expect("a name")
    }
}

#[tokio::test]
async fn faults_replace_a_request_or_its_response() {
    let portal = SandboxPortal::start().await;
    portal.add_contact("Ana");
    let refusal = json!({ "status": "error" });
    let headers = vec![("retry-after".to_owned(), "3".to_owned())];
    portal.inject_fault(SandboxFault::Status { status: 503, body: refusal.clone(), headers });
    let response =
        portal.http.build_request("PATCH", &format!("{CONTACTS}/1001")).bearer_auth(TOKEN).body("{}").send().await;
    let response = response.expect("the call succeeds");
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"3".parse().expect("a value")));
    assert_eq!(portal.rename_contact("Bo").await, Some((503, refusal.to_string())));
    assert_eq!(portal.contact_name(), "Ana", "not processed");

    portal.inject_fault(SandboxFault::DropBefore);
    assert_eq!(portal.rename_contact("Cy").await, None, "no response");
    assert_eq!(portal.contact_name(), "Ana", "not processed");

    portal.inject_fault(SandboxFault::DropAfter);
    assert_eq!(portal.rename_contact("Di").await, None, "no response");
    assert_eq!(portal.contact_name(), "Di", "processed, though the client got no response");

    portal.inject_fault(SandboxFault::StatusAfter { status: 502 });
    assert_eq!(portal.rename_contact("Ed").await.map(|(status, _)| status), Some(502));
    assert_eq!(portal.contact_name(), "Ed", "processed, though the response is an error");

    portal.inject_fault(SandboxFault::Garbage { status: 200, body: "<p>Just a moment</p>".to_owned() });
    assert_eq!(portal.rename_contact("Flo").await, Some((200, "<p>Just a moment</p>".to_owned())));
    assert_eq!(portal.contact_name(), "Flo", "processed");

    portal.hubspot.set_fault_hook(None);
    assert_eq!(portal.rename_contact("Gus").await.map(|(status, _)| status), Some(200));
    let statuses: Vec<_> = portal.hubspot.recorded_requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(503), Some(503), None, None, Some(502), Some(200), Some(200)]);
}

#[tokio::test]
async fn closes_dropped_connections_without_sending_a_byte() {
    let portal = SandboxPortal::start().await;
    for fault in [SandboxFault::DropBefore, SandboxFault::DropAfter] {
        portal.inject_fault(fault);
        let address = portal.http.uri.strip_prefix("http://").expect("the listener has an address");
        let mut connection = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {CONTACTS} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.expect("it is sent");
        let mut answer = Vec::new();
        // A reset is as good as a closed connection.
        let _ = connection.read_to_end(&mut answer).await;
        assert_eq!(answer.len(), 0, "{answer:?}");
    }
}

#[tokio::test]
async fn a_hook_sees_the_request_and_may_change_the_portal() {
    let portal = SandboxPortal::start().await;
    portal.add_contact("Ana");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (hubspot, list) = (portal.hubspot.clone(), Arc::clone(&seen));
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        list.lock().expect("no panic").push(request.clone());
        hubspot.set_property(1_001, "lastname", "Silva").expect("staff write meanwhile");
        (request.number == 2).then_some(SandboxFault::DropBefore)
    })));
    let path = format!("{CONTACTS}/1001?properties=lastname");
    let (_, read) = portal.call_api("GET", &path, Value::Null).await;
    assert_eq!(read["properties"]["lastname"], "Silva");
    assert_eq!(portal.rename_contact("Bo").await, None);
    assert_eq!(portal.rename_contact("Bo").await.map(|(status, _)| status), Some(200));
    let form = portal.http.build_request("POST", "/oauth/v1/token").form(&[("grant_type", "refresh_token")]);
    assert_eq!(portal.http.send_request(form).await.0, 404);
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen[0].query, "properties=lastname");
    let second = RequestInfo {
        vendor: "hubspot",
        method: "PATCH".to_owned(),
        path: format!("{CONTACTS}/1001"),
        query: String::new(),
        body: json!({ "properties": { "firstname": "Bo" } }),
        number: 2,
    };
    assert_eq!(seen[1], second);
    assert_eq!(seen[3].body, json!({ "grant_type": "refresh_token" }));

    portal.hubspot.forget_requests();
    assert_eq!(portal.hubspot.recorded_requests(), []);
}

#[tokio::test]
async fn dropping_a_server_stops_it() {
    let hubspot = SandboxPortal::start().await.hubspot;
    let server = SandboxServer::start(hubspot.api_router()).await.expect("a server");
    let http = SandboxClient::new(&server);
    assert_eq!(http.call_api(TOKEN, "GET", CONTACTS, Value::Null).await.0, 200);
    let address = server.uri.strip_prefix("http://").expect("the listener has an address").to_owned();
    drop(server);
    // The port is released as soon as the server's task has noticed.
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
