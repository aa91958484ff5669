//! The link to a function's code leads to the zip, in process and over a socket, until it expires.

use std::future::pending;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deployer_aws::{Aws, https_client};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::assertions::assert_contains;
use crate::world::{World, two_venue_manifest};

/// Deploys a function to the cloud behind these clients. Returns the hash of its zip and the link to the zip.
async fn deploy_function(aws: &Aws) -> (String, String) {
    let world = World::with_code(aws.clone(), "#!/bin/sh\n").await.without_delays();
    world.converge(&world.desired_from(&two_venue_manifest("d"))).await;
    let functions = aws.lambda.list_functions().send().await.expect("lists functions");
    let name = functions.functions().first().and_then(|function| function.function_name()).expect("a function");
    let function = aws.lambda.get_function().function_name(name).send().await.expect("the function");
    let hash = function.configuration().and_then(|configuration| configuration.code_sha256()).expect("a hash");
    let link = function.code().and_then(|code| code.location()).expect("a link");
    (hash.to_owned(), link.to_owned())
}

#[tokio::test]
async fn downloads_code_in_process_until_link_expires() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let (hash, link) = deploy_function(&Aws::for_local("us-east-1", cloud.http_client(), None)).await;
    assert!(link.starts_with("https://awslambda-us-east-1-tasks.s3."), "{link}");
    assert_eq!(STANDARD.encode(Sha256::digest(cloud.download_code(&link).await.expect("the zip"))), hash);
    let other = link.replacen("/snapshots/", "/snapshots/0/", 1);
    cloud.download_code(&other).await.expect_err("the link is invalid");
    cloud.advance_time(SignedDuration::from_mins(11));
    assert_contains(cloud.download_code(&link).await.expect_err("the link has expired").to_string(), "403");
}

#[tokio::test]
async fn downloads_code_over_a_socket() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
    // The task ends with the test's runtime.
    tokio::spawn(async move {
        cloud.serve_requests(listener, deployer_cloud::CloudAccess::AnyCredentials, pending()).await
    });
    let (hash, link) = deploy_function(&Aws::for_local("us-east-1", https_client(), Some(&uri))).await;
    assert!(link.starts_with(&uri), "{link}");
    let client = sync_lambda::http::build_client().expect("TLS is available");
    let answer = client.get(&link).send().await.expect("a response").error_for_status().expect("the zip");
    assert_eq!(STANDARD.encode(Sha256::digest(answer.bytes().await.expect("the zip"))), hash);
}
