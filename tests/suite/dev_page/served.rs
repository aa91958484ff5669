//! A page server with a test backend, and a client that sends requests written by hand.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deployer::dev::page::{
    ContactCell, ContactDetails, ContactRefusal, ContactView, NewContact, PageBackend, PageView, bind_port, serve_page,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A limit for what would otherwise hang. Nothing here takes that long.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A backend with one contact. It refuses unknown contacts and venues.
pub(super) struct TestBackend {
    pub(super) view: Mutex<PageView>,
    pub(super) changes: watch::Sender<u64>,
    pub(super) runs: Mutex<Vec<String>>,
}

impl TestBackend {
    pub(super) fn change_view(&self, change: impl FnOnce(&mut PageView)) {
        change(&mut self.view.lock().expect("no test panics while holding the lock"));
        self.changes.send_modify(|number| *number += 1);
    }
}

fn contact_view(id: &str, name: &str) -> ContactView {
    ContactView {
        id: id.to_owned(),
        name: name.to_owned(),
        email: String::new(),
        phone: String::new(),
        company: String::new(),
        venues: [("venue-a".to_owned(), ContactCell::default())].into(),
    }
}

impl PageBackend for TestBackend {
    fn current_view(&self) -> PageView {
        self.view.lock().expect("no test panics while holding the lock").clone()
    }

    fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn set_flag(&self, contact: &str, venue: &str, value: bool) -> Result<(), String> {
        let mut found = false;
        self.change_view(|view| {
            let contact = view.contacts.iter_mut().find(|known| known.id == contact);
            if let Some(cell) = contact.and_then(|contact| contact.venues.get_mut(venue)) {
                cell.flagged = value;
                found = true;
            }
        });
        if found { Ok(()) } else { Err(format!("contact {contact} has no flag for {venue}")) }
    }

    fn run_now(&self, venue: &str) -> Result<(), String> {
        if venue == "marina" {
            return Err("marina is blocked: nothing is deployed for it".to_owned());
        }
        self.runs.lock().expect("no test panics while holding the lock").push(venue.to_owned());
        Ok(())
    }

    fn add_contact(&self, new: NewContact) -> Result<String, ContactRefusal> {
        if new.email.is_empty() {
            let error = "a contact needs an email".to_owned();
            return Err(ContactRefusal { error, ..ContactRefusal::default() });
        }
        self.change_view(|view| {
            view.contacts.push(contact_view("102", &format!("{} {}", new.firstname, new.lastname)))
        });
        Ok("102".to_owned())
    }

    fn find_details(&self, contact: &str) -> Option<ContactDetails> {
        let view = self.current_view();
        let contact = view.contacts.iter().find(|known| known.id == contact)?;
        let (id, name) = (contact.id.clone(), contact.name.clone());
        Some(ContactDetails { id, name, properties: Vec::new(), venues: Vec::new() })
    }

    fn switch_fault(&self, key: &str, on: bool) -> Result<(), String> {
        if key != "down" {
            return Err(format!("there is no fault {key}"));
        }
        self.change_view(|view| view.fired_every = Some(format!("{key} {on}")));
        Ok(())
    }
}

pub(super) struct PageServer {
    pub(super) portal: Arc<TestBackend>,
    pub(super) port: u16,
    pub(super) shutdown: CancellationToken,
    pub(super) server: JoinHandle<io::Result<()>>,
}

pub(super) async fn start_page_server() -> PageServer {
    let view = PageView {
        deployment: "sync".to_owned(),
        portal_id: 1_234_567,
        contacts: vec![contact_view("101", "Ada Lovelace")],
        ..PageView::default()
    };
    let portal = TestBackend { view: Mutex::new(view), changes: watch::channel(0).0, runs: Mutex::default() };
    let portal = Arc::new(portal);
    let listener = bind_port(0).await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve_page(listener, Arc::clone(&portal) as Arc<dyn PageBackend>, shutdown.clone()));
    PageServer { portal, port, shutdown, server }
}

pub(super) struct PageResponse {
    pub(super) status: u16,
    /// The status line and the headers, in lowercase.
    pub(super) head: String,
    pub(super) body: String,
}

impl PageResponse {
    pub(super) fn json_body(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

impl PageServer {
    /// Sends a request line, headers (a line each) and a body. `PORT` stands for the server's port.
    pub(super) async fn send_request(&self, line: &str, headers: &[&str], body: &str) -> PageResponse {
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for header in headers {
            request += &format!("{header}\r\n");
        }
        let request = request.replace("PORT", &self.port.to_string()) + "\r\n" + body;
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the server listens");
        stream.write_all(request.as_bytes()).await.expect("it is read");
        let mut text = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await;
        read.expect("the server answers").expect("the answer is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("headers end");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        PageResponse { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(super) async fn get_path(&self, path: &str) -> PageResponse {
        self.send_request(&format!("GET {path}"), &["Host: 127.0.0.1:PORT"], "").await
    }

    pub(super) async fn post_json(&self, path: &str, body: &Value) -> PageResponse {
        let headers = ["Host: localhost:PORT", "Content-Type: application/json", "Origin: http://localhost:PORT"];
        self.send_request(&format!("POST {path}"), &headers, &body.to_string()).await
    }

    pub(super) async fn open_events(&self) -> EventReader {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the server listens");
        let request = format!("GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port);
        stream.write_all(request.as_bytes()).await.expect("it is read");
        EventReader { stream, text: String::new(), at: 0 }
    }
}

/// A stream of events, as a browser reads it.
pub(super) struct EventReader {
    pub(super) stream: TcpStream,
    pub(super) text: String,
    pub(super) at: usize,
}

impl EventReader {
    /// The next view; `None` once the server has ended the stream.
    pub(super) async fn next_view(&mut self) -> Option<Value> {
        loop {
            let rest = &self.text[self.at..];
            if let Some((before, data)) = rest.split_once("event: view\ndata: ")
                && let Some((data, _)) = data.split_once("\n\n")
            {
                let view = serde_json::from_str(data).expect("one line of JSON");
                self.at += before.len() + "event: view\ndata: ".len() + data.len();
                return Some(view);
            }
            let mut buffer = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            match read.expect("an event or the end comes").expect("the connection isn't reset") {
                0 => return None,
                n => self.text += std::str::from_utf8(&buffer[..n]).expect("events are text"),
            }
        }
    }
}
