//! Vendors whose answers are larger than the function's memory: it reads a few megabytes of them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::portal::SyncTestPortal;
use super::process::{FunctionCode, TestFunction};

/// What a function may use at most, in kB: three quarters of the smallest one that the manifest allows.
const MOST_KB: u64 = 96 * 1024;
const LARGE: usize = 300 * 1024 * 1024;

/// What a vendor answers to every request.
struct LargeAnswer {
    what: &'static str,
    headers: &'static str,
    start: String,
    part: Vec<u8>,
    times: usize,
    end: &'static str,
}

impl LargeAnswer {
    fn new(what: &'static str, headers: &'static str, part: impl Into<Vec<u8>>) -> Self {
        let part = part.into().repeat(64 * 1024);
        Self { what, headers, start: String::new(), times: LARGE / part.len(), part, end: "" }
    }

    /// Serves it for as long as the test runs, and returns the address.
    async fn serve(self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("an address");
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{}\r\n{}", self.headers, self.start);
        let (part, times, end) = (std::sync::Arc::new(self.part), self.times, self.end);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (head, part) = (head.clone(), part.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 64 * 1024];
                    let _ = socket.read(&mut request).await;
                    let _ = socket.write_all(head.as_bytes()).await;
                    for _ in 0..times {
                        if socket.write_all(&part).await.is_err() {
                            return;
                        }
                    }
                    let _ = socket.write_all(end.as_bytes()).await;
                });
            }
        });
        format!("http://{address}")
    }
}

fn large_answers() -> [LargeAnswer; 5] {
    let mut densest = LargeAnswer::new("just below both limits", "content-type: application/json\r\n", "x");
    densest.start = format!("[{}\"", "[0],".repeat(74_000));
    (densest.times, densest.end) = (115, "\"]");
    [
        LargeAnswer::new("300 MB of text", "", "x"),
        LargeAnswer::new("300 MB of JSON", "content-type: application/json\r\n", "[],"),
        LargeAnswer::new("300 MB that claim to be gzip", "content-encoding: gzip\r\n", [0_u8]),
        LargeAnswer::new("300 MB that claim to be 10", "transfer-encoding: identity\r\n", "0,"),
        densest,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_function_survives_answers_that_are_larger_than_its_memory() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let code = FunctionCode::new(directory.path()).await;
    let portal = SyncTestPortal::new(false).await;
    portal.add_contacts(1..20);
    for variable in ["HUBSPOT_BASE_URI", "TRIPLESEAT_BASE_URI"] {
        for answer in large_answers() {
            let what = answer.what;
            let uri = answer.serve().await;
            // A process is found by the address of its HubSpot, so each has its own.
            let usual = TestFunction::new(&portal, &code, Duration::ZERO, Duration::ZERO).await.with_timeout(20);
            let function = usual.with_variable("SYNC_WAIT_DIVISOR", "50").with_variable(variable, &uri);
            let invoked = function.invoke_once().await;
            assert!(!invoked.log.contains("exited") && !invoked.log.contains("signal"), "{}", invoked.log);
            if let Some(peak) = function.peak_memory_kb() {
                println!("{variable}: {what}: VmHWM {:.1} MB", peak as f64 / 1024.0);
                assert!(peak < MOST_KB, "{variable}: {what}: {peak} kB");
            }
        }
    }
}
