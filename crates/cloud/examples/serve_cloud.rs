//! Serves a local cloud at a free port of this machine, which it prints, until its input ends: to measure programs apart from it.
//!
//! `cargo run -p deployer-cloud --example serve_cloud -- .deployer/cloud.json`

use std::io::Read;

use deployer_cloud::{CloudAccess, EmbeddedCloud};

fn main() {
    let Some(path) = std::env::args().nth(1) else { panic!("give the state's file") };
    let cloud = EmbeddedCloud::open_file(path.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        println!("{}", listener.local_addr().expect("the listener has an address").port());
        let ended = tokio::task::spawn_blocking(|| drop(std::io::stdin().read_to_end(&mut Vec::new())));
        let shutdown = async move { drop(ended.await) };
        cloud.serve_requests(listener, CloudAccess::AnyCredentials, shutdown).await.expect("it serves");
    });
}
