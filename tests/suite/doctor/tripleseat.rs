//! What can be wrong at Tripleseat, and at an `http` destination.

use deployer_health::doctor::{CheckArea, DoctorCheck, DoctorVerdict};
use deployer_sandbox::tripleseat::SandboxTokenPair;
use serde_json::json;
use sync_config::config::{HttpAuth, HttpDestination};

use super::{DoctorWard, expect_check, find_check, list_troubles};

const KEY: &str = "Tripleseat public key";
const OAUTH: &str = "Tripleseat OAuth client";
const LOCATION: &str = "Tripleseat location";
const SITE: &str = "Tripleseat site";
const CREATE: &str = "/v1/leads/create.js";

async fn examine_tripleseat(ward: &DoctorWard) -> Vec<DoctorCheck> {
    ward.examine_areas(&[CheckArea::Tripleseat]).await
}

/// A manifest with only venue `a`, since two venues may not share a key.
fn keep_only_a(ward: &mut DoctorWard) {
    let others = ward.manifest.find("[venues.b]").expect("the manifest declares b");
    ward.manifest.truncate(others);
}

fn without_oauth(ward: &mut DoctorWard) {
    let client = "tripleseat_client_id = \"file:client-a\"\ntripleseat_client_secret = \"file:secret-a\"\n";
    ward.change_manifest(client, "");
}

/// Lets the public key of this site read nothing.
fn refuse_key_reads(ward: &DoctorWard, site_id: u64) {
    ward.tripleseat.change_switches(site_id, |switches| switches.key_reads_refused = true);
}

#[tokio::test]
async fn a_key_is_tried_by_reading_the_accounts_lists() {
    let ward = DoctorWard::new().await;
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", KEY, DoctorVerdict::Ok, "file:key-a: reads the lists of its account", "");
    assert!(ward.tripleseat.recorded_requests().iter().all(|request| request.path != CREATE), "nothing is sent");
}

#[tokio::test]
async fn compares_every_id_without_oauth() {
    let mut ward = DoctorWard::new().await;
    without_oauth(&mut ward);
    ward.tripleseat.change_switches(1, |switches| {
        switches.lead_sources = [(5, "Website".to_owned())].into();
        switches.referral_sources = [(6, "Friend".to_owned())].into();
    });
    ward.change_manifest("location_id = 11", "location_id = 11\nlead_source_id = 5\nreferral_source_id = 6");
    let checks = examine_tripleseat(&ward).await;
    assert_eq!(list_troubles(&checks), [""; 0]);
    expect_check(&checks, "a", LOCATION, DoctorVerdict::Ok, "11 (Location 11)", "");
    expect_check(&checks, "a", SITE, DoctorVerdict::Ok, "1 (Site 1)", "");
    expect_check(&checks, "a", "Tripleseat lead source", DoctorVerdict::Ok, "5 (Website)", "");
    expect_check(&checks, "b", LOCATION, DoctorVerdict::Ok, "the account's only one (21 (Location 21))", "");

    for (from, to, name, evidence, advice) in [
        ("location_id = 11", "location_id = 21", LOCATION, "no location 21, only 11 (Location 11)", "`location_id`"),
        ("location_id = 21\n", "", LOCATION, "several locations (11 (Location 11), 12", "Add `location_id`"),
        ("site_id = 1", "site_id = 9", SITE, "no site 9, only 1 (Site 1)", "Correct `site_id`"),
        ("site_id = 9", "site_id = 1\nlocation_id = 11\nlead_form_id = 4", "Tripleseat lead form", "", "compare"),
        ("lead_source_id = 5", "lead_source_id = 50", "Tripleseat lead source", "no lead source 50", "Correct `lead_s"),
        ("referral_source_id = 6", "referral_source_id = 60", "Tripleseat referral source", "60", "Correct `referral"),
    ] {
        ward.change_manifest(from, to);
        let checks = examine_tripleseat(&ward).await;
        let verdict = if advice == "compare" { DoctorVerdict::Unknown } else { DoctorVerdict::Failed };
        expect_check(&checks, "a", name, verdict, evidence, advice);
    }
    assert!(ward.tripleseat.recorded_requests().iter().all(|request| request.path != CREATE), "nothing is sent");
}

/// Not even at an account where a lead without any field is valid, whose key may read nothing, and that ignores
/// `validate_only`.
#[tokio::test]
async fn no_check_creates_a_lead() {
    for validate_only_ignored in [false, true] {
        let ward = DoctorWard::new().await;
        for site_id in [1, 2] {
            ward.tripleseat.change_switches(site_id, |switches| {
                switches.nothing_required = true;
                switches.validate_only_ignored = validate_only_ignored;
            });
        }
        refuse_key_reads(&ward, 1);
        // The examination asserts that no account has a lead.
        let checks = examine_tripleseat(&ward).await;
        expect_check(&checks, "a", KEY, DoctorVerdict::Ok, "an artificial lead was sent to be validated only", "");
        expect_check(&checks, "a", KEY, DoctorVerdict::Ok, "You don't have permission", "");
        let sent: Vec<_> =
            ward.tripleseat.recorded_requests().into_iter().filter(|request| request.path == CREATE).collect();
        assert_eq!(sent.len(), 1, "only where the key may read nothing");
    }
}

#[tokio::test]
async fn distinguishes_the_causes_of_a_401() {
    const WRONG_KEY: &str = "Creating leads requires the public key of this venue's Tripleseat account";
    const CLIENT_AS_KEY: &str = "This value belongs to the OAuth client";
    const OAUTH_ONLY: &str = "A public key can only create leads";
    const OAUTH_1: &str = "OAuth 1.0 ended on 2026-07-01";
    const WRONG_CLIENT: &str = "No OAuth 2.0 application has this id and secret";
    let consumer_key = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5hJ7k";
    for (file, value, name, advice) in [
        ("key-a", "mistyped-public-key", KEY, WRONG_KEY),
        ("key-a", "client-id-of-a", KEY, CLIENT_AS_KEY),
        ("client-a", "public-key-of-a", OAUTH, OAUTH_ONLY),
        ("client-a", consumer_key, OAUTH, OAUTH_1),
        ("secret-a", "mistyped-secret", OAUTH, WRONG_CLIENT),
    ] {
        let ward = DoctorWard::new().await;
        ward.write_secret(file, value);
        let checks = examine_tripleseat(&ward).await;
        expect_check(&checks, "a", name, DoctorVerdict::Failed, "401", advice);
        assert_eq!(list_troubles(&checks), [format!("a/{name} Failed")], "consequences are not reported again");
        expect_check(&checks, "b", KEY, DoctorVerdict::Ok, "reads the lists", "");
    }
    for (path, words, name, advice) in [
        ("create.js", "OAuth 2.0 is required: no access token was sent", KEY, OAUTH_ONLY),
        ("create.js", "OAuth 1.0 has ended on July 1, 2026. Use OAuth 2.0", KEY, OAUTH_1),
        ("create.js", "Not authorized for this location", KEY, "belongs to a different Tripleseat account"),
        ("oauth2/token", "invalid_consumer_key: OAuth 1.0", OAUTH, OAUTH_1),
        ("oauth2/token", "unauthorized_client", OAUTH, "client_credentials"),
        ("sites.json", "insufficient_scope", OAUTH, "leads:read"),
        ("locations.json", "The access token is invalid", OAUTH, "rejects it"),
    ] {
        let ward = DoctorWard::new().await;
        refuse_key_reads(&ward, 1);
        ward.answer_with("tripleseat", path, 401, json!({ "error": words }));
        expect_check(&examine_tripleseat(&ward).await, "a", name, DoctorVerdict::Failed, words, advice);
    }
}

#[tokio::test]
async fn recognizes_a_key_of_another_account() {
    let mut ward = DoctorWard::new().await;
    keep_only_a(&mut ward);
    ward.write_secret("key-a", "public-key-of-b");
    let checks = examine_tripleseat(&ward).await;
    assert_eq!(list_troubles(&checks), ["a/Tripleseat location Failed", "a/Tripleseat site Failed"]);
    expect_check(&checks, "a", LOCATION, DoctorVerdict::Failed, "no location 11, only 21", "set the public key");
    expect_check(&checks, "a", SITE, DoctorVerdict::Failed, "no site 1, only 2", "set the public key");

    // Where the key may read nothing, what Tripleseat says about the artificial lead tells.
    refuse_key_reads(&ward, 2);
    let checks = examine_tripleseat(&ward).await;
    assert_eq!(list_troubles(&checks), ["a/Tripleseat location Failed"]);
    let advice = "belong to different Tripleseat accounts";
    expect_check(&checks, "a", LOCATION, DoctorVerdict::Failed, "rejects location 11: Location is invalid", advice);
}

#[tokio::test]
async fn recognizes_an_oauth_client_of_another_account() {
    let mut ward = DoctorWard::new().await;
    keep_only_a(&mut ward);
    ward.write_secret("client-a", "client-id-of-b");
    ward.write_secret("secret-a", "client-secret-of-b");
    let checks = examine_tripleseat(&ward).await;
    let advice = "belong to different Tripleseat accounts";
    expect_check(&checks, "a", LOCATION, DoctorVerdict::Failed, "has the locations 21, not 11", advice);
    expect_check(&checks, "a", SITE, DoctorVerdict::Failed, "has the sites 2, not 1", advice);
}

#[tokio::test]
async fn compares_location_and_site_with_the_oauth_clients_where_the_key_reads_nothing() {
    let mut ward = DoctorWard::new().await;
    refuse_key_reads(&ward, 1);
    // A request that fails says nothing about the key.
    ward.answer_with("tripleseat", "create.js", 503, json!({}));
    ward.change_manifest("location_id = 11", "location_id = 21");
    ward.change_manifest("site_id = 1", "site_id = 2");
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", KEY, DoctorVerdict::Unknown, "503", "run this again");
    expect_check(&checks, "a", LOCATION, DoctorVerdict::Failed, "has the locations 11, 12, but not 21", "different");
    expect_check(
        &checks,
        "a",
        SITE,
        DoctorVerdict::Failed,
        "is for site 1, but the manifest is for site 2",
        "correct `site_id`",
    );
    ward.change_manifest("location_id = 21\n", "");
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", LOCATION, DoctorVerdict::Failed, "several locations (11, 12)", "add `location_id`");
    ward.tripleseat.set_fault_hook(None);
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", LOCATION, DoctorVerdict::Failed, "Location can't be blank", "add `location_id`");
}

#[tokio::test]
async fn reports_unknown_for_what_only_oauth_could_tell() {
    let mut ward = DoctorWard::new().await;
    without_oauth(&mut ward);
    refuse_key_reads(&ward, 1);
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", OAUTH, DoctorVerdict::Skipped, "left for review", "to let the sync look up leads");
    let give = "add tripleseat_client_id";
    for name in [LOCATION, SITE] {
        expect_check(&checks, "a", name, DoctorVerdict::Unknown, "a public key may not read it here", give);
    }
    expect_check(&checks, "b", LOCATION, DoctorVerdict::Ok, "the account's only one", "");
}

#[tokio::test]
async fn fails_for_an_address_that_is_not_tripleseats() {
    let mut ward = DoctorWard::new().await;
    let uri = ward.servers[0].uri.clone();
    ward.change_manifest(&format!("{uri}\"\nsite_id"), &format!("{uri}/v1\"\nsite_id"));
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", KEY, DoctorVerdict::Failed, "404", "check `base_uri`");
    expect_check(&checks, "b", KEY, DoctorVerdict::Ok, "reads the lists", "");
}

#[tokio::test]
async fn only_probes_the_address_of_an_http_destination() {
    let mut ward = DoctorWard::new().await;
    let settings = HttpDestination {
        url: String::new(),
        auth: Some(HttpAuth::Bearer),
        success_pointer: None,
        id_pointer: None,
        lookup_url: None,
        lookup_id_pointer: None,
        requests_per_second: None,
    };
    let http = ward.platform.add_account("c", &settings, "credential-of-c", &ward.servers[2].uri);
    ward.write_secret("credential-c", "credential-of-c");
    let url = http.url;
    let at = ward.manifest.find("[venues.c]").expect("the manifest declares c");
    ward.manifest.truncate(at);
    ward.manifest.push_str(&format!(
        "[venues.c]\ndisplay_name = \"C\"\n[venues.c.secrets]\nhubspot_token = \"file:token-b\"\n\
         destination_credential = \"file:credential-c\"\n[venues.c.destination]\nkind = \"http\"\nurl = \"{url}\"\n\
         auth = {{ kind = \"bearer\" }}\n[venues.c.fields]\nemail = \"email\"\n"
    ));
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "c", "destination credential", DoctorVerdict::Ok, "file:credential-c, available", "");
    expect_check(&checks, "c", "destination address", DoctorVerdict::Ok, "405, so something answers there", "");
    assert!(!find_check(&checks, "c", "destination address").evidence.contains("credential-of-c"));
    ward.change_manifest(&url, "http://127.0.0.1:1/leads");
    expect_check(
        &examine_tripleseat(&ward).await,
        "c",
        "destination address",
        DoctorVerdict::Unknown,
        "",
        "check the network",
    );
}

const CONSENT: &str = "Tripleseat OAuth consent";

/// Venue `a` looks up leads with a consent: its secret has this pair, which expires then.
async fn with_consent(pair: Option<(&SandboxTokenPair, &str)>) -> DoctorWard {
    let mut ward = DoctorWard::new().await;
    ward.change_manifest("site_id = 1", "site_id = 1\noauth = \"authorization_code\"");
    let mut secret =
        json!({ "TRIPLESEAT_CLIENT_ID": "client-id-of-a", "TRIPLESEAT_CLIENT_SECRET": "client-secret-of-a" });
    if let Some((pair, expires_at)) = pair {
        secret["TRIPLESEAT_ACCESS_TOKEN"] = json!(pair.access);
        secret["TRIPLESEAT_REFRESH_TOKEN"] = json!(pair.refresh);
        secret["TRIPLESEAT_TOKEN_EXPIRES_AT"] = json!(expires_at);
        secret["TRIPLESEAT_CONNECTED_AT"] = json!("2026-02-01T08:30:00Z");
    }
    let create = ward.aws_clients().secrets.create_secret().name("sync/a").secret_string(secret.to_string());
    create.send().await.expect("the secret is created");
    ward
}

#[tokio::test]
async fn says_until_when_a_consent_holds_and_when_to_connect_again() {
    const FAR: &str = "2099-01-01T09:00:00Z";
    let ward = with_consent(None).await;
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", CONSENT, DoctorVerdict::Failed, "nobody has consented yet", "deployer connect a");

    let sandbox = DoctorWard::new().await;
    let pair = sandbox.tripleseat.issue_consent(1);
    // Issued by another vendor: it is refused there, and no function is deployed that could renew it.
    let ward = with_consent(Some((&pair, FAR))).await;
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", CONSENT, DoctorVerdict::Unknown, "isn't deployed", "");

    let mut ward = ward;
    let pair = ward.tripleseat.issue_consent(1);
    let secret = json!({
        "TRIPLESEAT_CLIENT_ID": "client-id-of-a", "TRIPLESEAT_CLIENT_SECRET": "client-secret-of-a",
        "TRIPLESEAT_ACCESS_TOKEN": pair.access, "TRIPLESEAT_REFRESH_TOKEN": pair.refresh,
        "TRIPLESEAT_TOKEN_EXPIRES_AT": FAR, "TRIPLESEAT_CONNECTED_AT": "2026-02-01T08:30:00Z",
    });
    let put = ward.aws_clients().secrets.put_secret_value().secret_id("sync/a").secret_string(secret.to_string());
    put.send().await.expect("the secret is written");
    let checks = examine_tripleseat(&ward).await;
    let evidence = "connected 2026-02-01 08:30 UTC, for site 1; its access token is valid until 2099-01-01 09:00 UTC";
    expect_check(&checks, "a", CONSENT, DoctorVerdict::Ok, evidence, "");
    expect_check(&checks, "a", SITE, DoctorVerdict::Ok, "1 (Site 1)", "");
    assert!(!serde_json::to_string(&checks).expect("JSON").contains(&pair.access));

    ward.tripleseat.change_oauth(1, |oauth| oauth.admin = false);
    let checks = examine_tripleseat(&ward).await;
    expect_check(&checks, "a", CONSENT, DoctorVerdict::Failed, "403", "deployer connect a");
    ward.change_manifest("oauth = \"authorization_code\"", "");
    expect_check(&examine_tripleseat(&ward).await, "a", OAUTH, DoctorVerdict::Failed, "403", "leads:read");
}
