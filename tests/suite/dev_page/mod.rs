//! The page of `deployer dev` and its server, over a socket. Requests are written by hand, since the point is what a
//! browser's or an attacker's request looks like.

mod served;

use deployer::dev::page::{ContactCell, PageBackend, SyncStatus, bind_port};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use served::{PATIENCE, start_page_server};

#[tokio::test]
async fn serves_the_page_and_all_files_it_loads() {
    let served = start_page_server().await;
    let page = served.get_path("/").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html; charset=utf-8"), "{}", page.head);
    let mut texts = vec![("/".to_owned(), page.body)];
    let mut at = 0;
    while at < texts.len() {
        for reference in referenced_paths(&texts[at].1) {
            assert!(reference.starts_with('/') && !reference.starts_with("//"), "{} is not on this server", reference);
            if texts.iter().all(|(path, _)| *path != reference) {
                let file = served.get_path(&reference).await;
                assert_eq!(file.status, 200, "{reference}");
                texts.push((reference, file.body));
            }
        }
        at += 1;
    }
    let mut paths: Vec<&str> = texts.iter().map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "/",
            "/activity.js",
            "/alarms.js",
            "/contacts.js",
            "/details.js",
            "/dom.js",
            "/faults.js",
            "/icon.svg",
            "/page.css",
            "/page.js"
        ]
    );
    for (path, text) in &texts {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for word in ["http://", "https://", "@import", "url(", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval("]
        {
            assert!(!text.contains(word), "{path} contains {word}");
        }
    }
    let page = &texts[0].1;
    for inline in ["<style", " style=", " onclick=", " onload=", "<script>"] {
        assert!(!page.contains(inline), "the policy forbids {inline}");
    }
}

/// The targets of `href`, `src` and `import … from`, except anchors within the page.
fn referenced_paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["href=\"", "src=\"", " from \""] {
        for rest in text.split(start).skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            // Modules import each other by relative paths: `./dom.js` is `/dom.js`.
            found.push(name.strip_prefix('.').unwrap_or(name).to_owned());
        }
    }
    found.retain(|name| !name.starts_with('#'));
    found
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let served = start_page_server().await;
    let refused = served.send_request("GET /", &["Host: evil.example"], "").await;
    assert_eq!(refused.status, 403);
    for answer in
        [served.get_path("/").await, served.get_path("/api/view").await, served.get_path("/nothing").await, refused]
    {
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.head.contains(header), "{} lacks {header}", answer.head);
        }
        assert!(!answer.head.contains("access-control-"), "no other origin may read: {}", answer.head);
    }
}

#[tokio::test]
async fn accepts_only_local_host_names_with_the_right_port() {
    let served = start_page_server().await;
    for host in ["127.0.0.1:PORT", "localhost:PORT", "LocalHost:PORT", "[::1]:PORT"] {
        assert_eq!(served.send_request("GET /", &[&format!("Host: {host}")], "").await.status, 200, "{host}");
    }
    for host in [
        "evil.example:PORT",
        "127.0.0.1",
        "localhost",
        "localhost:1",
        "127.0.0.1:PORT.evil.example",
        "x@localhost:PORT",
        "",
    ] {
        for path in ["/", "/page.js", "/api/view", "/api/events"] {
            let answer = served.send_request(&format!("GET {path}"), &[&format!("Host: {host}")], "").await;
            assert_eq!(answer.status, 403, "{host} {path}");
            assert!(answer.body.contains(&format!("http://127.0.0.1:{}", served.port)), "{}", answer.body);
            assert!(!answer.body.contains("Ada"), "{}", answer.body);
        }
    }
    let two = ["Host: localhost:PORT", "Host: evil.example"];
    assert_ne!(served.send_request("GET /", &two, "").await.status, 200);
    let whole = served.send_request("GET http://evil.example/", &["Host: localhost:PORT"], "").await;
    assert_eq!(whole.status, 403, "the request line takes precedence over the header");
}

#[tokio::test]
async fn only_the_page_itself_may_post() {
    let served = start_page_server().await;
    let json = "Content-Type: application/json";
    let ours = "Host: localhost:PORT";
    let allowed: [&[&str]; 4] = [
        &[ours, json],
        &[ours, "Content-Type: application/json; charset=utf-8"],
        &[ours, json, "Origin: http://localhost:PORT", "Sec-Fetch-Site: same-origin"],
        &[ours, json, "Sec-Fetch-Site: none"],
    ];
    for headers in allowed {
        let answer = served.send_request("POST /api/venues/venue-a/run", headers, "{}").await;
        assert_eq!(answer.status, 202, "{headers:?}: {}", answer.body);
    }
    let refused: [(&[&str], u16); 9] = [
        (&[ours], 415),
        (&[ours, "Content-Type: text/plain"], 415),
        (&[ours, "Content-Type: application/x-www-form-urlencoded"], 415),
        (&[ours, "Content-Type: application/jsonp"], 415),
        (&[ours, json, "Origin: https://evil.example"], 403),
        (&[ours, json, "Origin: null"], 403),
        (&[ours, json, "Origin: http://127.0.0.1:PORT"], 403),
        (&[ours, json, "Sec-Fetch-Site: cross-site"], 403),
        // Another port of localhost is the same site.
        (&[ours, json, "Sec-Fetch-Site: same-site"], 403),
    ];
    for (headers, status) in refused {
        let answer = served.send_request("POST /api/venues/venue-a/run", headers, "{}").await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert!(answer.json_body()["error"].is_string(), "{}", answer.body);
    }
    assert_eq!(
        served.portal.runs.lock().expect("no test panics while holding the lock").len(),
        4,
        "a refused request does nothing"
    );
    let read = served.send_request("GET /api/view", &[ours, "Sec-Fetch-Site: same-site"], "").await;
    assert_eq!(read.status, 403, "another page may not read either");
    let link = served.send_request("GET /", &[ours, "Sec-Fetch-Site: cross-site"], "").await;
    assert_eq!(link.status, 200, "any page may link to this one");
}

#[tokio::test]
async fn view_json_has_the_names_that_the_page_reads() {
    let served = start_page_server().await;
    served.portal.change_view(|view| {
        let cell = view.contacts[0].venues.get_mut("venue-a").expect("the contact exists");
        *cell = ContactCell {
            status: Some(SyncStatus::NeedsReview),
            error: Some("no answer".to_owned()),
            ..ContactCell::default()
        };
    });
    let answer = served.get_path("/api/view").await;
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    let view = answer.json_body();
    assert_eq!(view["deployment"], "sync");
    assert_eq!(view["portal_id"], 1_234_567);
    assert_eq!(view["fired_every"], Value::Null);
    assert_eq!(
        view["contacts"][0]["venues"]["venue-a"],
        json!({"flagged": false, "status": "needs_review", "lead_id": null, "error": "no answer", "synced_at": null})
    );
}

#[tokio::test]
async fn flags_runs_and_contacts_reach_the_backend() {
    let served = start_page_server().await;
    let flag = served.post_json("/api/contacts/101/flag", &json!({"venue": "venue-a", "value": true})).await;
    assert_eq!(flag.status, 200, "{}", flag.body);
    assert!(served.portal.current_view().contacts[0].venues["venue-a"].flagged);
    served.post_json("/api/contacts/101/flag", &json!({"venue": "venue-a", "value": false})).await;
    assert!(!served.portal.current_view().contacts[0].venues["venue-a"].flagged);

    assert_eq!(served.post_json("/api/venues/venue%20b/run", &json!({})).await.status, 202);
    assert_eq!(*served.portal.runs.lock().expect("no test panics while holding the lock"), ["venue b"]);

    assert_eq!(served.get_path("/api/contacts/101").await.json_body()["name"], "Ada Lovelace");
    assert_eq!(served.post_json("/api/faults/down", &json!({"on": true})).await.status, 200);
    assert_eq!(served.portal.current_view().fired_every.as_deref(), Some("down true"));

    let new = json!({"firstname": "Joan", "lastname": "Clarke", "email": "joan@example.com", "venues": ["venue-a"]});
    let added = served.post_json("/api/contacts", &new).await;
    assert_eq!((added.status, added.json_body()), (201, json!({"id": "102"})));
    assert_eq!(served.portal.current_view().contacts[1].name, "Joan Clarke");
}

#[tokio::test]
async fn refusals_state_the_reason() {
    let served = start_page_server().await;
    let backend = [
        ("/api/contacts/9/flag", json!({"venue": "venue-a", "value": true}), "contact 9 has no flag for venue-a"),
        ("/api/venues/marina/run", json!({}), "marina is blocked: nothing is deployed for it"),
        ("/api/faults/moon", json!({"on": true}), "there is no fault moon"),
    ];
    for (path, body, error) in backend {
        let answer = served.post_json(path, &body).await;
        assert_eq!((answer.status, answer.json_body()), (422, json!({"error": error})), "{path}");
    }
    let answer = served.post_json("/api/contacts", &json!({"firstname": "Joan"})).await;
    let refusal = json!({"error": "a contact needs an email", "category": "", "fields": {}});
    assert_eq!((answer.status, answer.json_body()), (422, refusal));
    assert_eq!(served.get_path("/api/contacts/999").await.status, 404);
    for (path, body) in [
        ("/api/faults/down", json!({})),
        ("/api/contacts/101/flag", json!({"venue": "venue-a"})),
        ("/api/contacts/101/flag", json!({"venue": "venue-a", "value": "yes"})),
        ("/api/contacts", json!({"name": "Joan"})),
        ("/api/contacts", json!("Joan")),
    ] {
        let answer = served.post_json(path, &body).await;
        assert_eq!(answer.status, 400, "{path} {body}");
        let error = answer.json_body()["error"].as_str().map(ToOwned::to_owned).expect("an error");
        assert!(error.starts_with("could not parse the body: "), "{error}");
    }
    let large = served.post_json("/api/contacts", &json!({"message": "x".repeat(1_100_000)})).await;
    assert_eq!(large.status, 413);
    let nowhere = served.get_path("/api/nothing").await;
    assert_eq!((nowhere.status, nowhere.json_body()["error"].is_string()), (404, true));
    let method = served.get_path("/api/contacts").await;
    assert_eq!((method.status, method.json_body()["error"].is_string()), (405, true));
    assert_eq!(served.portal.current_view().contacts.len(), 1);
}

#[tokio::test]
async fn sends_the_view_at_once_and_after_each_change() {
    let served = start_page_server().await;
    let mut events = served.open_events().await;
    let first = events.next_view().await.expect("a view comes at once");
    assert!(events.text.to_ascii_lowercase().contains("content-type: text/event-stream"), "{}", events.text);
    assert_eq!(first, served.get_path("/api/view").await.json_body());
    served.portal.set_flag("101", "venue-a", true).expect("the contact exists");
    let second = events.next_view().await.expect("a view comes after a change");
    assert_eq!(second["contacts"][0]["venues"]["venue-a"]["flagged"], true);
}

#[tokio::test]
async fn combines_simultaneous_changes_and_sends_the_last() {
    let served = start_page_server().await;
    let mut events = served.open_events().await;
    events.next_view().await.expect("a view comes at once");
    for number in 1..=500 {
        served.portal.change_view(|view| view.portal_id = number);
    }
    let mut received = 1;
    while events.next_view().await.expect("the last change comes")["portal_id"] != 500 {
        received += 1;
    }
    assert!(received < 10, "{received} events for simultaneous changes");
}

#[tokio::test]
async fn shutdown_ends_open_streams_and_the_server() {
    let served = start_page_server().await;
    let mut events = served.open_events().await;
    events.next_view().await.expect("a view comes at once");
    served.shutdown.cancel();
    assert_eq!(events.next_view().await, None, "the stream ends");
    let ended = tokio::time::timeout(PATIENCE, served.server).await.expect("the server ends");
    ended.expect("it doesn't panic").expect("it returns no error");
    TcpStream::connect(("127.0.0.1", served.port)).await.expect_err("nobody listens after shutdown");
}

#[tokio::test]
async fn an_incomplete_request_does_not_delay_shutdown() {
    let served = start_page_server().await;
    let mut stuck = TcpStream::connect(("127.0.0.1", served.port)).await.expect("the server listens");
    stuck.write_all(b"POST /api/contacts HTTP/1.1\r\nHost: loc").await.expect("it is read");
    // Once another request is answered, the server is waiting for the rest of this one.
    served.get_path("/api/view").await;
    served.shutdown.cancel();
    let ended = tokio::time::timeout(PATIENCE, served.server).await.expect("the server ends");
    ended.expect("it doesn't panic").expect("it returns no error");
}

#[tokio::test]
async fn binds_a_following_port_if_one_is_taken() {
    let first = bind_port(0).await.expect("a port is free");
    let taken = first.local_addr().expect("it is bound").port();
    let second = bind_port(taken).await.expect("another is free");
    let third = bind_port(taken).await.expect("a third is free");
    let ports = [&second, &third].map(|listener| listener.local_addr().expect("it is bound"));
    assert!(ports.iter().all(|address| address.ip().is_loopback()), "{ports:?}");
    let [second, third] = ports.map(|address| address.port());
    assert!(taken < second && second < third && third <= taken + 10, "{second} and {third} after {taken}");
}
