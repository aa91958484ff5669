use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that answers every connection with `head` and then with `part`, `times` over. Returns its address and how
/// many connections it had.
async fn serve_stream(head: String, part: Vec<u8>, times: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(head.as_bytes()).await;
            for _ in 0..times {
                if socket.write_all(&part).await.is_err() {
                    break;
                }
            }
        }
    });
    (address, connections)
}

async fn get_from(address: SocketAddr) -> Result<VendorResponse, NoResponse> {
    let client = build_client_with(rustls::RootCertStore::empty(), Some(Vec::new())).expect("TLS");
    send_request(client.get(format!("http://{address}/")), PATIENCE).await
}

#[tokio::test]
async fn a_response_is_read_up_to_the_limit() {
    let part = vec![b'x'; 64 * 1024];
    let whole = MAX_RESPONSE / part.len();
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned();
    let (address, _) = serve_stream(head.clone(), part.clone(), whole).await;
    assert_eq!(get_from(address).await.expect("it fits").body.len(), MAX_RESPONSE);
    let (address, _) = serve_stream(head, part, usize::MAX).await;
    let error = get_from(address).await.expect_err("it never ends");
    assert_eq!((error.message.as_str(), error.not_sent), ("the response is longer than 8 MB", false));
}

#[tokio::test]
async fn a_length_is_believed_before_anything_is_read() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 300_000_000);
    let (address, _) = serve_stream(head, Vec::new(), 0).await;
    assert_eq!(get_from(address).await.expect_err("too long").message, "the response is longer than 8 MB");
}

#[tokio::test]
async fn a_response_has_a_limited_number_of_values() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned();
    let (address, _) = serve_stream(head, b"[],".to_vec(), MAX_VALUES).await;
    let error = get_from(address).await.expect_err("too many");
    assert_eq!(error.message, "the response has more than 150000 values");
}

#[tokio::test]
async fn what_is_compressed_stays_as_it_came() {
    // The beginning of a gzip stream; whatever it would become, it isn't unpacked.
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n".to_owned();
    let (address, _) = serve_stream(head, vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3], 1).await;
    assert!(get_from(address).await.expect("a response").body.starts_with('\u{1f}'));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, asked) = serve_stream("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(), Vec::new(), 0).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for to in [format!("http://{other}/"), format!("//{other}/"), "/elsewhere".to_owned()] {
            let head = format!("HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let (address, first) = serve_stream(head, Vec::new(), 0).await;
            let answer = get_from(address).await.expect("a response");
            assert!((300..400).contains(&answer.status));
            assert_eq!(first.load(Ordering::SeqCst), 1, "{status} {to}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a credential would be sent along");
}

#[tokio::test]
async fn nothing_is_sent_to_link_local_and_metadata_addresses() {
    let client = build_client_with(rustls::RootCertStore::empty(), Some(Vec::new())).expect("TLS");
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xA9.254.0251.254",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "metadata.google.internal",
    ] {
        let error = send_request(client.get(format!("http://{host}/")), PATIENCE).await.expect_err(host);
        assert!(error.not_sent && error.message.starts_with("this is"), "{host}: {}", error.message);
    }
}

#[tokio::test]
async fn a_name_that_leads_there_is_refused_at_the_connection() {
    let fine = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    for refused in ["169.254.169.254:0", "[fe80::1]:0", "[fd00:ec2::254]:0", "[::ffff:169.254.170.2]:0"] {
        let addresses = vec![fine, refused.parse().expect("an address")];
        let resolver = CheckedResolver::with_addresses(addresses);
        let client = build_resolving_client(rustls::RootCertStore::empty(), Some(Vec::new()), resolver).expect("TLS");
        let error = send_request(client.get("http://platform.example.com:1/"), PATIENCE).await.expect_err(refused);
        assert!(error.not_sent, "{}", error.message);
        assert!(error.message.contains("what platform.example.com resolves to"), "{}", error.message);
    }
}
