//! The real bootstrap, deployed by the reconciler and invoked through Lambda, syncing between the two sandboxes over
//! HTTP: on the embedded cloud's runtime, and on ministack's.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use deployer_aws::{Aws, Call};
use deployer_cloud::runtime::{LambdaRuntime, RuntimeConfig};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::naming::{ALIAS, VenueNames};
use deployer_health::consent::read_consent;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use serde_json::{Value, json};
use sync_lambda::credentials::CredentialValue;
use tokio::net::TcpListener;

use super::portal::{KEY, PORTAL_ID, SITE_ID, SyncTestPortal, TOKEN};
use super::process::build_bootstrap;
use crate::servers;
use crate::world::World;

pub(super) fn portal_manifest(portal: &SyncTestPortal) -> String {
    format!(
        "[deployment]\nname = \"d\"\nregion = \"us-east-1\"\n[hubspot]\nportal_id = {PORTAL_ID}\nbase_uri = \"{}\"\n\
         [venues.venue-a]\ndisplay_name = \"Venue A\"\nmemory_mb = 256\n[venues.venue-a.secrets]\n\
         hubspot_token = \"env:A\"\ntripleseat_public_key = \"env:B\"\n\
         tripleseat_client_id = \"env:C\"\ntripleseat_client_secret = \"env:D\"\n\
         [venues.venue-a.destination]\nkind = \"tripleseat\"\nbase_uri = \"{}\"\nsite_id = {SITE_ID}\n\
         [venues.venue-a.fields]\nadditional_information = \"message\"\n",
        portal.hubspot_server.uri, portal.tripleseat_server.uri
    )
}

/// Deploys the function and syncs contacts by invoking it.
async fn deploy_and_sync(aws: Aws) -> (SyncTestPortal, World) {
    let portal = SyncTestPortal::new(true).await;
    let flagged = portal.add_contacts(1..6);
    portal.add_contact(6, &[("phone", "")]);
    let world = World::with_artifact(aws, build_bootstrap().await, &secret_value(TOKEN)).await;
    world.converge(&world.desired_from(&portal_manifest(&portal))).await;

    let first = invoke_function(&world.aws).await;
    let counts = json!({
        "venue": "venue-a", "searched": 6, "synced": 5, "failed": 1, "needs_review": 0, "retried": 0,
    });
    assert_eq!(first, counts);
    assert_eq!(portal.contacts_of_leads(), flagged);
    for id in flagged {
        assert_eq!(portal.ledger_values(id).1, "synced");
    }
    portal.advance_past_lag();
    assert_eq!(invoke_function(&world.aws).await["searched"], 0, "the second run has nothing to do");
    assert_eq!(portal.venue_leads().len(), 5);
    (portal, world)
}

/// The value of the venue's secret, with this HubSpot token.
pub(super) fn secret_value(token: &str) -> String {
    json!({
        "HUBSPOT_TOKEN": token,
        "TRIPLESEAT_PUBLIC_KEY": KEY,
        "TRIPLESEAT_CLIENT_ID": format!("client-of-{SITE_ID}"),
        "TRIPLESEAT_CLIENT_SECRET": format!("secret-of-{SITE_ID}"),
    })
    .to_string()
}

pub(super) async fn invoke_function(aws: &Aws) -> Value {
    let function = VenueNames::new("d", "venue-a").function;
    let request = aws.lambda.invoke().function_name(function).qualifier(ALIAS).payload(Blob::new("{}"));
    let output = request.send().await.call("lambda:Invoke").expect("the function runs");
    let payload: Value =
        serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("it is valid JSON");
    assert_eq!(output.function_error(), None, "{payload}");
    payload
}

/// An embedded cloud that runs functions in this directory, and its address.
pub async fn start_cloud() -> (EmbeddedCloud, tempfile::TempDir, String) {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let cloud_uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
    let serving = cloud.clone();
    tokio::spawn(async move {
        serving.serve_requests(listener, deployer_cloud::CloudAccess::AnyCredentials, std::future::pending()).await
    });
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let config =
        RuntimeConfig { directory: directory.path().to_owned(), cloud_uri: cloud_uri.clone(), credentials: None };
    cloud.set_invoker(Arc::new(LambdaRuntime::new(config)));
    (cloud, directory, cloud_uri)
}

/// The deployer's own commands get a token from the function, which stores what it renews.
#[tokio::test]
async fn renews_the_tokens_of_a_consent_on_the_embedded_cloud() {
    let (cloud, _directory, _) = start_cloud().await;
    let portal = SyncTestPortal::new(true).await;
    let first = portal.tripleseat.issue_consent(SITE_ID);
    let mut secret: Value = serde_json::from_str(&secret_value(TOKEN)).expect("JSON");
    secret["TRIPLESEAT_ACCESS_TOKEN"] = json!(first.access);
    secret["TRIPLESEAT_REFRESH_TOKEN"] = json!(first.refresh);
    secret["TRIPLESEAT_TOKEN_EXPIRES_AT"] = json!("2026-01-01T00:00:00Z");
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    let world = World::with_artifact(aws, build_bootstrap().await, &secret.to_string()).await;
    let manifest = portal_manifest(&portal).replace("site_id", "oauth = \"authorization_code\"\nsite_id");
    world.converge(&world.desired_from(&manifest)).await;

    let names = VenueNames::new("d", "venue-a");
    let consent = async || read_consent(&world.aws, &names).await.expect("readable").expect("connected");
    let ask = async |refused: Option<&CredentialValue>| {
        let tokens = consent().await.with_function(&world.aws, &names).tokens;
        tokens.access_token(refused, Duration::from_secs(20)).await
    };
    let token = ask(None).await.expect("a consent").expect("a token");
    assert_ne!(token.expose(), first.access);
    assert_eq!(consent().await.tokens.pair().expect("a pair").access, token, "it is in the secret");
    assert_eq!(ask(None).await.expect("a consent").expect("a token"), token, "it holds");
    let again = ask(Some(&token)).await.expect("a consent").expect("a token");
    assert_eq!(again, token, "one that was issued a moment ago isn't renewed: its age can't be why it is refused");
    let puts = cloud.recorded_calls().iter().filter(|call| call.operation == "PutSecretValue").count();
    assert_eq!(puts, 1, "by the function alone");
}

#[tokio::test]
async fn syncs_on_the_embedded_cloud() {
    let (cloud, _directory, _) = start_cloud().await;
    let (portal, world) = deploy_and_sync(Aws::for_local("us-east-1", cloud.http_client(), None)).await;

    let reads = || cloud.recorded_calls().iter().filter(|call| call.operation == "GetSecretValue").count();
    assert_eq!(reads(), 1, "one process ran twice and read the secret once");
    portal.hubspot.revoke_token(TOKEN);
    portal.hubspot.add_token("pat-na1-rotated-token", &HUBSPOT_SCOPES);
    let put = world.aws.secrets.put_secret_value().secret_id(VenueNames::new("d", "venue-a").secret);
    let put = put.secret_string(secret_value("pat-na1-rotated-token")).send().await;
    put.call("secretsmanager:PutSecretValue").expect("the secret is rotated");
    portal.add_contact(7, &[]);
    for (synced, expected) in [(1, 2), (0, 2)] {
        assert_eq!(invoke_function(&world.aws).await["synced"], synced);
        assert_eq!(reads(), expected, "after a 401 the secret is read once more");
        portal.advance_past_lag();
    }
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn syncs_on_ministack() {
    deploy_and_sync(servers::start_ministack().await.open_account().aws).await;
}
