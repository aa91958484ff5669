//! Look-ups with a consent: the function renews the pair of tokens in its secret, and loses it at no point.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use deployer_aws::{Aws, Call};
use deployer_cloud::{ApiError, CloudAccess, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_sandbox::tripleseat::{RefreshRotation, SandboxTokenPair};
use deployer_sandbox::{RequestInfo, SandboxFault};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sync_config::config::{DestinationConfig, OAuthGrant, TripleseatDestination};
use sync_lambda::credentials::CredentialValue;
use sync_lambda::handler::Handler;
use sync_lambda::tokens::token_fingerprint;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::portal::{HandlerResult, KEY, SITE_ID, SyncTestPortal, TOKEN};

const SECRET: &str = "d/venue-a";

/// A venue that looks up leads with a consent, and the secret of its function.
struct ConsentVenue {
    portal: SyncTestPortal,
    cloud: EmbeddedCloud,
    aws: Aws,
    /// The pair with which the secret begins.
    first: Option<SandboxTokenPair>,
}

impl ConsentVenue {
    /// Connected, with an access token that expires in this many minutes.
    async fn new(minutes: i64) -> Self {
        let mut venue = Self::unconnected().await;
        let pair = venue.portal.tripleseat.issue_consent(SITE_ID);
        venue.write_pair(&pair, minutes).await;
        venue.first = Some(pair);
        venue.cloud.forget_calls();
        venue
    }

    async fn unconnected() -> Self {
        let mut portal = SyncTestPortal::new(true).await;
        portal.config.destination = DestinationConfig::Tripleseat(TripleseatDestination {
            site_id: Some(SITE_ID),
            oauth: OAuthGrant::AuthorizationCode,
            ..TripleseatDestination::default()
        });
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        let served = cloud.clone();
        tokio::spawn(async move {
            served.serve_requests(listener, CloudAccess::AnyCredentials, std::future::pending()).await
        });
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        let value = json!({
            "HUBSPOT_TOKEN": TOKEN,
            "TRIPLESEAT_PUBLIC_KEY": KEY,
            "TRIPLESEAT_CLIENT_ID": format!("client-of-{SITE_ID}"),
            "TRIPLESEAT_CLIENT_SECRET": format!("secret-of-{SITE_ID}"),
        });
        let created = aws.secrets.create_secret().name(SECRET).secret_string(value.to_string()).send().await;
        let arn = created.call("secretsmanager:CreateSecret").expect("created").arn().expect("an ARN").to_owned();
        portal.variables.extend([
            ("SECRET_ARN", arn),
            ("AWS_ENDPOINT_URL", uri),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "id".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]);
        Self { portal, cloud, aws, first: None }
    }

    async fn write_pair(&self, pair: &SandboxTokenPair, minutes: i64) {
        let expires_at = Timestamp::now().checked_add(SignedDuration::from_mins(minutes)).expect("in range");
        let mut value = self.stored().await;
        value["TRIPLESEAT_ACCESS_TOKEN"] = json!(pair.access);
        value["TRIPLESEAT_REFRESH_TOKEN"] = json!(pair.refresh);
        value["TRIPLESEAT_TOKEN_EXPIRES_AT"] = json!(expires_at.to_string());
        self.write_secret(&value).await;
    }

    async fn write_secret(&self, value: &Value) {
        let put = self.aws.secrets.put_secret_value().secret_id(SECRET).secret_string(value.to_string()).send().await;
        put.call("secretsmanager:PutSecretValue").expect("the secret is written");
    }

    async fn stored(&self) -> Value {
        let read = self.aws.secrets.get_secret_value().secret_id(SECRET).send().await;
        let read = read.call("secretsmanager:GetSecretValue").expect("the secret is read");
        serde_json::from_str(read.secret_string().expect("text")).expect("JSON")
    }

    fn first_pair(&self) -> &SandboxTokenPair {
        self.first.as_ref().expect("the venue was connected")
    }

    /// Asserts that the pair in the secret works, whatever happened.
    async fn assert_pair_works(&self, case: &str) {
        let stored = self.stored().await;
        let refresh = stored["TRIPLESEAT_REFRESH_TOKEN"].as_str().expect("a refresh token");
        assert!(self.portal.tripleseat.is_exchangeable(refresh), "the stored refresh token is revoked: {case}");
        assert_eq!(stored["HUBSPOT_TOKEN"], TOKEN, "everything else stays: {case}");
    }

    /// A contact whose lead is taken, but whose answer is lost: only a look-up settles it.
    fn lose_an_answer(&self) -> u64 {
        let id = self.portal.add_contact(1, &[]);
        self.portal.break_tripleseat("/v1/leads/create", 1, SandboxFault::DropAfter);
        id
    }

    /// `METHOD path` of the requests for tokens, and of those that use one.
    fn token_requests(&self) -> Vec<String> {
        let requests = self.portal.tripleseat.recorded_requests().into_iter();
        requests.map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    fn calls(&self, operation: &str) -> usize {
        self.cloud.recorded_calls().iter().filter(|call| call.operation == operation).count()
    }

    fn logged_text(&self) -> String {
        self.portal.logged.lock().expect("no panic").iter().map(ToString::to_string).collect()
    }

    fn fail_calls(&self, operation: &'static str, code: &'static str) {
        self.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
            let error = CloudFault::Error(ApiError::bad_request(code, "refused by the test"));
            (call.operation == operation).then_some(InjectedFault::Before(error))
        })));
    }
}

async fn handle(handler: &Handler, event: Value) -> HandlerResult {
    handler.handle_event(&event, "request-1", SystemTime::now() + Duration::from_secs(60)).await
}

#[tokio::test]
async fn renews_the_pair_and_stores_it_before_it_is_used() {
    let venue = ConsentVenue::new(5).await;
    let id = venue.lose_an_answer();
    venue.portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(venue.portal.ledger_values(id).1, "synced", "the lead was looked up");
    assert_eq!(venue.portal.contacts_of_leads(), [id]);
    let requests = venue.token_requests();
    // The public key reads the lists meanwhile.
    let position = |wanted: &str| requests.iter().position(|request| request == wanted);
    assert!(position("POST /oauth2/token") < position("GET /v1/leads/search.json"), "{requests:?}");
    assert_eq!(requests.iter().filter(|request| request.contains("token")).count(), 1, "one pair for all requests");
    assert_eq!(venue.calls("PutSecretValue"), 1);
    let stored = venue.stored().await;
    assert_ne!(stored["TRIPLESEAT_ACCESS_TOKEN"], json!(venue.first_pair().access));
    assert!(!venue.portal.tripleseat.is_exchangeable(&venue.first_pair().refresh), "it died at the first use");
    venue.assert_pair_works("after a renewal").await;
    let ends: Timestamp = stored["TRIPLESEAT_TOKEN_EXPIRES_AT"].as_str().expect("text").parse().expect("a time");
    let left = ends.duration_since(Timestamp::now());
    assert!((110..=120).contains(&left.as_mins()), "{left:?}");
    for secret in [&venue.first_pair().access, &venue.first_pair().refresh] {
        assert!(!venue.logged_text().contains(secret.as_str()));
    }

    // A valid token isn't renewed.
    venue.portal.add_contact(2, &[]);
    venue.portal.tripleseat.forget_requests();
    venue.portal.clear_faults();
    venue.portal.expect_counts(2, 1, 0, 0, 0).await;
    assert!(venue.token_requests().iter().all(|request| !request.contains("token")));
}

/// Ends the process at the `nth` request to AWS and Tripleseat together, before or after the request takes effect.
async fn die_at(nth: usize, taken: bool) -> bool {
    let venue = ConsentVenue::new(-5).await;
    let id = venue.portal.add_contact(1, &[]);
    let (died, seen) = (Arc::new(Notify::new()), Arc::new(Mutex::new(0)));
    // Whether the request is processed, if the process has died.
    let dies = {
        let (died, seen) = (Arc::clone(&died), Arc::clone(&seen));
        move || {
            let mut seen = seen.lock().expect("no panic");
            *seen += 1;
            (*seen >= nth).then(|| {
                died.notify_one();
                *seen == nth && taken
            })
        }
    };
    let at_cloud = dies.clone();
    venue.cloud.set_faults(Some(Arc::new(move |_: &CloudCall| {
        at_cloud().map(|taken| match taken {
            true => InjectedFault::After(CloudFault::Disconnect),
            false => InjectedFault::Before(CloudFault::Disconnect),
        })
    })));
    venue.portal.tripleseat.set_fault_hook(Some(Arc::new(move |_: &RequestInfo| {
        dies().map(|taken| if taken { SandboxFault::DropAfter } else { SandboxFault::DropBefore })
    })));
    let survived = tokio::select! {
        biased;
        () = died.notified() => false,
        ran = venue.portal.run_once() => { ran.expect("nothing was broken"); true },
    };
    venue.cloud.set_faults(None);
    venue.portal.clear_faults();
    let case = format!("died at request {nth}, {}", if taken { "processed" } else { "not processed" });
    venue.assert_pair_works(&case).await;
    for _ in 0..2 {
        venue.portal.advance_past_lag();
        venue.portal.run_once().await.unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    assert_eq!(venue.portal.contacts_of_leads(), [id], "{case}");
    assert_eq!(venue.portal.ledger_values(id).1, "synced", "{case}");
    venue.assert_pair_works(&case).await;
    assert!(!venue.logged_text().contains("invalid_grant"), "{case}");
    survived
}

#[tokio::test]
async fn no_pair_is_lost_whenever_the_process_dies() {
    // Reads the secret twice, reads the public key's lists, requests the pair, stores it, uses it for the site, and sends
    // the lead.
    let mut nth = 1;
    while !die_at(nth, false).await {
        die_at(nth, true).await;
        nth += 1;
    }
    assert!(nth > 6, "only {nth} requests were interrupted");
}

#[tokio::test]
async fn a_pair_that_cant_be_stored_isnt_used() {
    for (code, tries) in [("AccessDeniedException", 1), ("ThrottlingException", 3)] {
        let venue = ConsentVenue::new(5).await;
        let id = venue.lose_an_answer();
        let handler = venue.portal.new_handler();
        venue.fail_calls("PutSecretValue", code);
        let counts = handle(&handler, json!({})).await.expect("the run goes on with the old pair");
        assert_eq!((&counts["synced"], &counts["retried"]), (&json!(1), &json!(0)), "{code}");
        assert_eq!(venue.portal.ledger_values(id).1, "synced", "{code}");
        assert_eq!(venue.calls("PutSecretValue"), tries, "{code}");
        assert_eq!(venue.stored().await["TRIPLESEAT_ACCESS_TOKEN"], json!(venue.first_pair().access), "{code}");
        venue.assert_pair_works(code).await;
        let logged = venue.logged_text();
        assert!(logged.contains("was not renewed") && logged.contains(code.trim_end_matches("Exception")), "{logged}");

        // A new process begins again; the pair that wasn't stored was never used.
        venue.cloud.set_faults(None);
        let refreshed = venue.portal.run_with(&json!({ "refresh": true }), Duration::from_secs(60)).await;
        assert_eq!(refreshed, Ok(json!({ "venue": "venue-a", "refreshed": true })), "{code}");
        assert_ne!(venue.stored().await["TRIPLESEAT_ACCESS_TOKEN"], json!(venue.first_pair().access), "{code}");
        venue.assert_pair_works(code).await;
    }
}

#[tokio::test]
async fn what_was_answered_but_not_stored_is_stored_later_even_if_the_old_pair_died_at_once() {
    let venue = ConsentVenue::new(5).await;
    venue.portal.tripleseat.change_oauth(SITE_ID, |oauth| oauth.rotation = RefreshRotation::AtOnce);
    let handler = venue.portal.new_handler();
    venue.fail_calls("PutSecretValue", "InternalServiceError");
    handle(&handler, json!({ "refresh": true })).await.expect("the old token still holds");
    venue.cloud.set_faults(None);
    handle(&handler, json!({ "refresh": true })).await.expect("the kept pair is stored");
    let requests = venue.token_requests();
    assert_eq!(requests.iter().filter(|request| request.contains("token")).count(), 1, "{requests:?}");
    venue.assert_pair_works("stored later").await;
}

#[tokio::test]
async fn the_refresh_event_runs_no_sync_and_shows_no_token() {
    let venue = ConsentVenue::new(100).await;
    venue.portal.add_contact(1, &[]);
    let refresh = async |event: Value| venue.portal.run_with(&event, Duration::from_secs(60)).await;
    let answer = refresh(json!({ "refresh": true })).await.expect("the token holds");
    assert_eq!(answer, json!({ "venue": "venue-a", "refreshed": true }));
    assert_eq!(venue.calls("PutSecretValue"), 0, "it holds long enough");
    let other =
        json!({ "refresh": true, "refused": token_fingerprint(&CredentialValue::new("another-refresh-token")) });
    refresh(other).await.expect("somebody else has renewed the refused one");
    assert_eq!(venue.calls("PutSecretValue"), 0);
    let refused = token_fingerprint(&CredentialValue::new(&venue.first_pair().access));
    refresh(json!({ "refresh": true, "refused": refused })).await.expect("another one is requested");
    assert_eq!(venue.calls("PutSecretValue"), 1);
    venue.assert_pair_works("refused before its end").await;
    assert_eq!(venue.portal.hubspot.recorded_requests(), [], "nothing was synced");
}

#[tokio::test]
async fn two_processes_that_renew_at_once_leave_one_pair_that_works() {
    let venue = ConsentVenue::new(-5).await;
    let (one, other) = (venue.portal.new_handler(), venue.portal.new_handler());
    let (one, other) =
        tokio::join!(handle(&one, json!({ "refresh": true })), handle(&other, json!({ "refresh": true })));
    one.expect("the first has a token");
    other.expect("the second has a token");
    venue.assert_pair_works("two at once").await;
    venue.lose_an_answer();
    venue.portal.expect_counts(1, 1, 0, 0, 0).await;
    venue.assert_pair_works("after its use").await;
}

#[tokio::test]
async fn keeps_what_somebody_else_writes_at_the_same_time() {
    let venue = ConsentVenue::new(-5).await;
    // `secret set` of another key, between the function's reading and its writing.
    let (cloud, written) = (venue.cloud.clone(), Mutex::new(BTreeSet::new()));
    venue.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if call.operation == "PutSecretValue" && written.lock().expect("no panic").insert(()) {
            let changed = cloud.with_context(|cx| {
                let secrets = &mut cx.region_state_mut().secretsmanager.secrets;
                let secret = secrets.get_mut(SECRET).expect("the secret");
                let current = |label: &String| label == "AWSCURRENT";
                let (id, version) = secret
                    .versions
                    .iter()
                    .find(|(_, version)| version.stages.iter().any(current))
                    .map(|(id, version)| (id.clone(), version.clone()))
                    .expect("a current version");
                let mut object: Value = serde_json::from_str(version.string.as_deref().expect("text")).expect("JSON");
                object["TRIPLESEAT_PUBLIC_KEY"] = json!("rotated-key");
                let next = sync_lambda::secret::next_version_id(&id, 0);
                let mut changed = version;
                changed.string = Some(object.to_string());
                secret.versions.get_mut(&id).expect("it").stages = vec!["AWSPREVIOUS".to_owned()];
                secret.versions.insert(next, changed);
            });
            changed.expect("the cloud's state is readable");
        }
        None
    })));
    venue.portal.run_with(&json!({ "refresh": true }), Duration::from_secs(60)).await.expect("a token");
    let stored = venue.stored().await;
    assert_eq!(stored["TRIPLESEAT_PUBLIC_KEY"], "rotated-key");
    assert_ne!(stored["TRIPLESEAT_ACCESS_TOKEN"], json!(venue.first_pair().access));
    assert_eq!(venue.calls("PutSecretValue"), 2, "the first was refused, because the version exists");
    venue.assert_pair_works("written at the same time").await;
}

#[tokio::test]
async fn sends_until_somebody_connects_and_then_looks_up() {
    let venue = ConsentVenue::unconnected().await;
    let handler = venue.portal.new_handler();
    let id = venue.portal.add_contact(1, &[]);
    assert_eq!(handle(&handler, json!({})).await.expect("leads need no consent")["synced"], 1);
    let error = handle(&handler, json!({ "refresh": true })).await.expect_err("there is nothing to renew").to_string();
    assert!(error.contains("deployer connect VENUE"), "{error}");
    let pair = venue.portal.tripleseat.issue_consent(SITE_ID);
    venue.write_pair(&pair, 100).await;
    venue.portal.tripleseat.forget_requests();
    venue.portal.advance_past_lag();
    let other = venue.portal.add_contact(2, &[]);
    venue.portal.break_tripleseat("/v1/leads/create", 1, SandboxFault::DropAfter);
    assert_eq!(handle(&handler, json!({})).await.expect("it runs")["synced"], 1);
    assert_eq!(venue.portal.contacts_of_leads(), [id, other]);
}

#[tokio::test]
async fn a_revoked_consent_stops_no_run_and_says_to_connect_again() {
    let venue = ConsentVenue::new(-5).await;
    let before = venue.stored().await;
    venue.portal.tripleseat.revoke_consent(SITE_ID);
    let ids = [venue.lose_an_answer(), venue.portal.add_contact(2, &[])];
    let answer = venue.portal.run_once().await.expect("sending needs no consent");
    assert_eq!((&answer["synced"], &answer["needs_review"]), (&json!(1), &json!(1)), "{answer}");
    let problems = answer["problems"].to_string();
    assert!(problems.contains("invalid_grant") && problems.contains("deployer connect VENUE"), "{answer}");
    assert_eq!(venue.portal.contacts_of_leads(), ids);
    assert_eq!(venue.stored().await, before, "the old pair stays");
}
