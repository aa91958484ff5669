//! Tripleseat: creating leads with the public key, and reading them with OAuth.

use deployer_sandbox::{
    SandboxTripleseat, SandboxTripleseatConfig, TripleseatAccount, TripleseatLocation, TripleseatSwitches,
};
use serde_json::{Value, json};

use super::*;

pub(super) const CREATE_JS: &str = "/v1/leads/create.js?public_key=key-of-1";
pub(super) const CREATE_JSON: &str = "/v1/leads/create.json?public_key=key-of-1";

/// Two customers: one with two locations that requires phone numbers, and one with a single location that doesn't.
pub(super) struct TripleseatVendor {
    clock: SandboxClock,
    pub(super) tripleseat: SandboxTripleseat,
    pub(super) http: SandboxClient,
    _server: SandboxServer,
}

impl TripleseatVendor {
    pub(super) async fn start() -> Self {
        Self::with_limits(false).await
    }

    async fn with_limits(limits: bool) -> Self {
        let clock = SandboxClock::stopped_at(start_time());
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock: clock.clone(), limits });
        let location = |id: u64| TripleseatLocation { id, name: format!("Location {id}") };
        for (site_id, locations) in [(1, vec![location(11), location(12)]), (2, vec![location(21)])] {
            tripleseat.add_account(TripleseatAccount {
                site_id,
                name: format!("Site {site_id}"),
                public_key: format!("key-of-{site_id}"),
                oauth: Some((format!("client-{site_id}"), format!("secret-{site_id}"))),
                locations,
                lead_form_ids: vec![site_id * 100],
                phone_required: site_id == 1,
            });
        }
        let server = SandboxServer::start(tripleseat.api_router()).await.expect("a server");
        Self { clock, http: SandboxClient::new(&server), tripleseat, _server: server }
    }

    pub(super) async fn create_lead(&self, path: &str, body: Value) -> (u16, Value) {
        self.http.send_request(self.http.build_request("POST", path).json(&body)).await
    }

    /// An access token of a site.
    pub(super) async fn access_token(&self, site_id: u64) -> String {
        let (status, body) = self.request_token(&format!("client-{site_id}"), &format!("secret-{site_id}")).await;
        assert_eq!((status, &body["token_type"], &body["expires_in"]), (200, &json!("Bearer"), &json!(7_200)));
        body["access_token"].as_str().expect("a token").to_owned()
    }

    async fn request_token(&self, client_id: &str, client_secret: &str) -> (u16, Value) {
        let form = [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", client_secret)];
        self.http.send_request(self.http.build_request("POST", "/oauth2/token").form(&form)).await
    }

    /// Exchanges a grant of site 1.
    async fn exchange_grant(&self, grant: &[(&str, &str)]) -> (u16, Value) {
        let form = [grant, &[("client_id", "client-1"), ("client_secret", "secret-1")]].concat();
        self.http.send_request(self.http.build_request("POST", "/oauth2/token").form(&form)).await
    }

    /// The status of a read with this token.
    async fn read_sites(&self, token: &str) -> u16 {
        self.get_json(token, "/v1/sites.json").await.0
    }

    async fn get_json(&self, token: &str, path: &str) -> (u16, Value) {
        self.http.call_api(token, "GET", path, Value::Null).await
    }
}

/// A lead that site 1 accepts, with some fields changed; `null` removes a field.
pub(super) fn lead_body(changes: Value) -> Value {
    let mut lead = json!({
        "first_name": "Ana",
        "last_name": "Silva",
        "email_address": "ana@example.com",
        "phone_number": "555-0100",
        "location_id": 11,
    });
    for (name, value) in changes.as_object().expect("it is a JSON object") {
        lead[name] = value.clone();
    }
    lead.as_object_mut().expect("it is a JSON object").retain(|_, value| !value.is_null());
    json!({ "lead": lead })
}

#[tokio::test]
async fn creates_leads_with_the_public_key_even_duplicates() {
    let vendor = TripleseatVendor::start().await;
    let (status, first) =
        vendor.create_lead(CREATE_JS, lead_body(json!({ "guest_count": 30, "favorite_color": "red" }))).await;
    assert_eq!(status, 200);
    assert!(first["success_message"].is_string(), "{first}");
    let (status, second) = vendor.create_lead(CREATE_JSON, lead_body(json!({}))).await;
    assert_eq!((status, &second["lead"]["first_name"]), (201, &json!("Ana")));
    let leads = vendor.tripleseat.site_leads(1);
    assert_eq!((json!(leads[0].id), json!(leads[1].id)), (first["lead_id"].clone(), second["lead"]["id"].clone()));
    assert_eq!((leads[0].location_id, &leads[0].fields["guest_count"]), (Some(11), &json!(30)));
    assert!(!leads[0].fields.contains_key("favorite_color"), "unknown fields are ignored");
    assert_eq!(leads[0].created_at, start_time());
}

#[tokio::test]
async fn accepts_a_lead_as_a_form_with_everything_in_the_body() {
    let vendor = TripleseatVendor::start().await;
    let form = [
        ("public_key", "key-of-2"),
        ("lead_form_id", "200"),
        ("lead[first_name]", "Ana"),
        ("lead[last_name]", "Silva"),
        ("lead[email_address]", "ana@example.com"),
        ("lead[event_date]", "6/1/2026"),
    ];
    let (status, body) =
        vendor.http.send_request(vendor.http.build_request("POST", "/v1/leads/create").form(&form)).await;
    assert_eq!((status, &body["lead"]["lead_form_id"]), (201, &json!(200)), "{body}");
    assert_eq!(vendor.tripleseat.site_leads(2)[0].location_id, Some(21), "the account's only location");
    assert_eq!(vendor.tripleseat.site_leads(1), []);
}

#[tokio::test]
async fn create_js_refuses_with_200_and_create_json_with_400() {
    let vendor = TripleseatVendor::start().await;
    let without_phone = lead_body(json!({ "phone_number": null }));
    let (status, body) = vendor.create_lead(CREATE_JS, without_phone.clone()).await;
    assert_eq!((status, body), (200, json!({ "errors": { "phone_number": ["can't be blank"] } })));
    let simple = format!("{CREATE_JS}&simple_error_messages=true");
    let (status, body) = vendor.create_lead(&simple, without_phone.clone()).await;
    assert_eq!((status, body), (200, json!({ "errors": ["Phone number can't be blank"] })));
    let simple = format!("{CREATE_JSON}&simple_error_messages=true");
    let (status, body) = vendor.create_lead(&simple, without_phone.clone()).await;
    assert_eq!((status, body), (400, json!({ "errors": ["Phone number can't be blank"] })));
    assert_eq!(vendor.tripleseat.site_leads(1), []);

    let elsewhere = "/v1/leads/create.js?public_key=key-of-2";
    let (_, body) =
        vendor.create_lead(elsewhere, lead_body(json!({ "phone_number": null, "location_id": null }))).await;
    assert!(body["lead_id"].is_u64(), "the account's lead form decides: {body}");
}

#[tokio::test]
async fn rejects_invalid_leads_each_with_its_message() {
    let vendor = TripleseatVendor::start().await;
    for (field, value, wanted) in [
        ("first_name", json!(null), "First name can't be blank"),
        ("last_name", json!("  "), "Last name can't be blank"),
        ("email_address", json!(""), "Email address can't be blank"),
        ("email_address", json!("ana@example"), "Email address is invalid"),
        ("event_date", json!("next week"), "Event date is not a valid date"),
        ("guest_count", json!("a dozen"), "Guest count is not a number"),
        ("contact_preference", json!("Letter"), "Contact preference is not included in the list"),
        ("location_id", json!(null), "Location can't be blank"),
        ("location_id", json!(21), "Location is invalid"),
    ] {
        let path = format!("{CREATE_JS}&simple_error_messages=true");
        let (status, body) = vendor.create_lead(&path, lead_body(json!({ field: value }))).await;
        assert_eq!((status, body), (200, json!({ "errors": [wanted] })), "{field}");
    }
    let mut with_form = lead_body(json!({}));
    with_form["lead_form_id"] = json!(200);
    let (_, body) = vendor.create_lead(CREATE_JS, with_form).await;
    assert_eq!(body, json!({ "errors": { "lead_form": ["is invalid"] } }), "a lead form of another account");
    let (status, _) = vendor.create_lead(CREATE_JS, json!({ "first_name": "Ana" })).await;
    assert_eq!(status, 400, "the body has no lead");
    let broken = vendor.http.build_request("POST", CREATE_JS).header("content-type", "application/json").body("{");
    assert_eq!(vendor.http.send_request(broken).await.0, 400);
    assert_eq!(vendor.tripleseat.site_leads(1), []);
}

#[tokio::test]
async fn rejects_a_wrong_key_and_oauth_instead_of_a_key() {
    let vendor = TripleseatVendor::start().await;
    for path in ["/v1/leads/create.js?public_key=wrong", "/v1/leads/create.js", "/v1/leads/create.json?public_key="] {
        assert_eq!(
            vendor.create_lead(path, lead_body(json!({}))).await,
            (401, json!({ "errors": ["Invalid public key"] }))
        );
    }
    let token = vendor.access_token(1).await;
    let (status, body) = vendor.http.call_api(&token, "POST", "/v1/leads/create.js", lead_body(json!({}))).await;
    assert_eq!(status, 401);
    assert!(body["errors"][0].as_str().expect("it is text").contains("not with OAuth"), "{body}");
}

#[tokio::test]
async fn create_js_returns_a_script_with_a_callback_if_requested() {
    let vendor = TripleseatVendor::start().await;
    let request = vendor.http.build_request("POST", &format!("{CREATE_JS}&callback=done")).json(&lead_body(json!({})));
    let response = request.send().await.expect("the call succeeds");
    assert_eq!(response.headers()["content-type"], "text/javascript; charset=utf-8");
    let text = response.text().await.expect("it is text");
    assert!(text.starts_with("done({") && text.ends_with("})"), "{text}");
}

#[tokio::test]
async fn limits_each_site_to_ten_requests_a_second() {
    let vendor = TripleseatVendor::with_limits(true).await;
    for _ in 0..10 {
        assert_eq!(vendor.create_lead(CREATE_JS, lead_body(json!({}))).await.0, 200);
    }
    assert_eq!(vendor.create_lead(CREATE_JS, lead_body(json!({}))).await.0, 429);
    let token = vendor.access_token(1).await;
    assert_eq!(vendor.get_json(&token, "/v1/leads.json").await.0, 429, "reads count, too");
    let other = lead_body(json!({ "location_id": null }));
    assert_eq!(vendor.create_lead("/v1/leads/create.js?public_key=key-of-2", other).await.0, 200);
    vendor.clock.advance(seconds(1));
    assert_eq!(vendor.create_lead(CREATE_JS, lead_body(json!({}))).await.0, 200);
    assert_eq!(vendor.tripleseat.site_leads(1).len(), 11);
}

#[tokio::test]
async fn a_token_is_for_one_client_and_lasts_two_hours() {
    let vendor = TripleseatVendor::start().await;
    assert_eq!(vendor.request_token("client-1", "secret-2").await.1["error"], "invalid_client");
    assert_eq!(vendor.request_token("client-1", "secret-2").await.0, 401);
    let other_grant = vendor.http.build_request("POST", "/oauth/token").json(&json!({ "grant_type": "password" }));
    assert_eq!(vendor.http.send_request(other_grant).await.1["error"], "unsupported_grant_type");
    let body = json!({ "grant_type": "client_credentials" });
    let with_header =
        vendor.http.build_request("POST", "/oauth/token").basic_auth("client-1", Some("secret-1")).json(&body);
    assert_eq!(vendor.http.send_request(with_header).await.0, 200);

    let token = vendor.access_token(1).await;
    vendor.clock.advance(seconds(7_199));
    assert_eq!(vendor.get_json(&token, "/v1/sites.json").await.0, 200);
    vendor.clock.advance(seconds(1));
    let expired = vendor.get_json(&token, "/v1/sites.json").await;
    assert_eq!(expired, (401, json!({ "error": "The access token expired" })));
    assert_eq!(vendor.get_json(&vendor.access_token(1).await, "/v1/sites.json").await.0, 200);
}

#[tokio::test]
async fn rejects_reads_without_a_valid_token() {
    let vendor = TripleseatVendor::start().await;
    for path in ["/v1/leads.json", "/v1/leads/search.json", "/v1/leads/1.json"] {
        let with_key = vendor.http.build_request("GET", &format!("{path}?public_key=key-of-1"));
        let (status, body) = vendor.http.send_request(with_key).await;
        assert_eq!(
            (status, body),
            (401, json!({ "error": "OAuth 2.0 is required: a public key can only create leads" }))
        );
    }
    for path in ["/v1/leads.json", "/v1/sites.json", "/v1/locations.json", "/v1/lead_forms.json"] {
        let old = vendor.http.build_request("GET", path).header("authorization", "OAuth oauth_consumer_key=\"x\"");
        let (status, body) = vendor.http.send_request(old).await;
        assert_eq!((status, body), (401, json!({ "error": "OAuth 1.0 has ended on July 1, 2026. Use OAuth 2.0" })));
        assert_eq!(vendor.get_json("wrong", path).await, (401, json!({ "error": "The access token is invalid" })));
    }
}

#[tokio::test]
async fn a_public_key_reads_three_lists_whole_and_wrapped() {
    let vendor = TripleseatVendor::start().await;
    let read = async |list: &str, key: &str| {
        let path = format!("/v1/{list}.json?public_key={key}");
        vendor.http.send_request(vendor.http.build_request("GET", &path)).await
    };
    let location = |id: u64| json!({ "location": { "id": id, "name": format!("Location {id}"), "site_id": 1 } });
    assert_eq!(read("locations", "key-of-1").await, (200, json!([location(11), location(12)])));
    assert_eq!(
        read("lead_forms", "key-of-1").await,
        (200, json!([{ "lead_form": { "id": 100, "name": "Lead form 100" } }]))
    );
    let (status, sites) = read("sites", "key-of-2").await;
    assert_eq!((status, &sites[0]["site"]["id"], sites[0]["site"].get("lead_sources")), (200, &json!(2), None));
    assert_eq!(read("sites", "wrong").await, (401, json!({ "errors": ["Invalid public key"] })));

    let change = |change: fn(&mut TripleseatSwitches)| vendor.tripleseat.change_switches(2, change);
    change(|switches| switches.lead_sources = [(5, "Website".to_owned())].into());
    let (_, sites) = read("sites", "key-of-2").await;
    assert_eq!(sites[0]["site"]["lead_sources"], json!([{ "id": 5, "name": "Website" }]));
    let create = "/v1/leads/create.js?public_key=key-of-2&simple_error_messages=true";
    let other = lead_body(json!({ "location_id": null, "lead_source_id": 6 }));
    assert_eq!(vendor.create_lead(create, other).await.1, json!({ "errors": ["Lead source is invalid"] }));

    change(|switches| switches.key_reads_refused = true);
    assert_eq!(read("sites", "key-of-2").await, (401, json!({ "errors": ["You don't have permission"] })));
}

#[tokio::test]
async fn validates_a_lead_without_saving_it() {
    let vendor = TripleseatVendor::start().await;
    let path = format!("{CREATE_JS}&validate_only=true&simple_error_messages=true");
    let (status, body) = vendor.create_lead(&path, lead_body(json!({}))).await;
    assert_eq!((status, body.get("lead_id"), body["success_message"].is_string()), (200, None, true));
    let (_, body) = vendor.create_lead(&path, lead_body(json!({ "phone_number": null }))).await;
    assert_eq!(body, json!({ "errors": ["Phone number can't be blank"] }));
    assert_eq!(vendor.tripleseat.site_leads(1), []);
    vendor.tripleseat.change_switches(1, |switches| {
        switches.nothing_required = true;
        switches.validate_only_ignored = true;
    });
    let (_, body) = vendor.create_lead(&path, json!({ "lead": { "location_id": 11 } })).await;
    assert!(body["lead_id"].is_u64(), "an account that requires nothing and ignores it: {body}");
}

#[tokio::test]
async fn one_account_never_sees_another() {
    let vendor = TripleseatVendor::start().await;
    let (_, made) = vendor.create_lead(CREATE_JS, lead_body(json!({}))).await;
    let path = format!("/v1/leads/{}.json", made["lead_id"]);
    let (own, other) = (vendor.access_token(1).await, vendor.access_token(2).await);
    let (status, read) = vendor.get_json(&own, &path).await;
    assert_eq!((status, &read["email_address"], &read["site_id"]), (200, &json!("ana@example.com"), &json!(1)));
    assert_eq!(vendor.get_json(&other, &path).await.0, 404);
    assert_eq!(vendor.get_json(&other, "/v1/leads.json").await.1["results"], json!([]));
    assert_eq!(vendor.get_json(&other, "/v1/leads/search.json?query=ana").await.1["results"], json!([]));
    assert_eq!(vendor.get_json(&other, "/v1/sites.json").await.1["results"][0]["id"], 2);
    let (_, locations) = vendor.get_json(&own, "/v1/locations.json").await;
    let ids: Vec<_> = locations["results"].as_array().expect("results").iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [11, 12]);
}

#[tokio::test]
async fn returns_fifty_leads_a_page() {
    let vendor = TripleseatVendor::start().await;
    for number in 0..51 {
        vendor.create_lead(CREATE_JS, lead_body(json!({ "first_name": format!("Guest {number}") }))).await;
    }
    let token = vendor.access_token(1).await;
    let (_, first) = vendor.get_json(&token, "/v1/leads.json").await;
    let (_, second) = vendor.get_json(&token, "/v1/leads.json?page=2").await;
    let count = |body: &Value| body["results"].as_array().expect("results").len();
    assert_eq!((count(&first), count(&second), &first["total_pages"]), (50, 1, &json!(2)));
    assert_eq!(
        (&first["results"][0]["first_name"], &second["results"][0]["first_name"]),
        (&json!("Guest 0"), &json!("Guest 50"))
    );
    assert_eq!(count(&vendor.get_json(&token, "/v1/leads.json?page=3").await.1), 0);
    assert_eq!(vendor.get_json(&token, "/v1/leads.json?page=0").await.0, 400);
    let (_, found) = vendor.get_json(&token, "/v1/leads/search.json?query=guest&page=2").await;
    assert_eq!((count(&found), &found["total_pages"]), (1, &json!(2)));
}

#[tokio::test]
async fn finds_leads_by_text_and_time() {
    let vendor = TripleseatVendor::start().await;
    vendor.create_lead(CREATE_JS, lead_body(json!({ "additional_information": "Terrace.\nRef: 1001-ABC" }))).await;
    vendor.clock.advance(seconds(60));
    vendor.create_lead(CREATE_JS, lead_body(json!({ "first_name": "Bo", "email_address": "bo@example.org" }))).await;
    let token = vendor.access_token(1).await;
    for (query, wanted) in [
        ("query=1001-abc", vec!["Ana"]),
        ("query=ana%20silva", vec!["Ana"]),
        ("query=EXAMPLE.ORG", vec!["Bo"]),
        ("query=555-0100", vec![]),
        ("query=", vec!["Ana", "Bo"]),
        ("updated_after=2026-03-01T12:00:00Z", vec!["Bo"]),
        ("updated_after=2026-03-01", vec!["Ana", "Bo"]),
        ("updated_after=3/1/2026&query=silva", vec!["Ana", "Bo"]),
        ("updated_after=2026-03-01T12:00:30Z&query=1001-ABC", vec![]),
    ] {
        let (status, body) = vendor.get_json(&token, &format!("/v1/leads/search.json?{query}")).await;
        let names: Vec<_> =
            body["results"].as_array().expect("results").iter().map(|lead| lead["first_name"].clone()).collect();
        assert_eq!((status, names), (200, wanted.into_iter().map(Value::from).collect()), "{query}");
    }
    assert_eq!(vendor.get_json(&token, "/v1/leads/search.json?updated_after=soon").await.0, 400);
}

#[tokio::test]
async fn notifies_watchers_of_new_leads() {
    let vendor = TripleseatVendor::start().await;
    let mut changes = vendor.tripleseat.watch_changes();
    changes.mark_unchanged();
    vendor.create_lead(CREATE_JS, lead_body(json!({ "first_name": null }))).await;
    assert!(!changes.has_changed().expect("the vendor still exists"), "a refusal changes nothing");
    vendor.create_lead(CREATE_JS, lead_body(json!({}))).await;
    assert!(changes.has_changed().expect("the vendor still exists"));
}

#[tokio::test]
async fn a_refresh_token_dies_when_the_new_access_token_is_first_used() {
    let sandbox = TripleseatVendor::start().await;
    let first = sandbox.tripleseat.issue_consent(1);
    let refresh =
        async |token: &str| sandbox.exchange_grant(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await;
    let (status, second) = refresh(&first.refresh).await;
    assert_eq!((status, &second["expires_in"]), (200, &json!(7200)));
    let (status, third) = refresh(&first.refresh).await;
    assert_eq!(status, 200, "the new one wasn't used yet");
    assert_eq!(sandbox.read_sites(third["access_token"].as_str().expect("a token")).await, 200);
    let (status, error) = refresh(&first.refresh).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
    assert_eq!(sandbox.read_sites(&first.access).await, 200, "an access token is valid until its end");
    sandbox.clock.advance(jiff::SignedDuration::from_secs(7200));
    assert_eq!(sandbox.read_sites(&first.access).await, 401);
    let (status, fourth) = refresh(third["refresh_token"].as_str().expect("a token")).await;
    assert_eq!(status, 200);
    sandbox.tripleseat.revoke_consent(1);
    assert_eq!(sandbox.read_sites(fourth["access_token"].as_str().expect("a token")).await, 401);
    let (status, _) = refresh(fourth["refresh_token"].as_str().expect("a token")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn client_credentials_can_be_refused_or_of_no_use() {
    use deployer_sandbox::tripleseat::ClientCredentialsAnswer::{Granted, Unauthorized, Unsupported, WithoutOwner};
    let sandbox = TripleseatVendor::start().await;
    for (answer, status, error, read) in [
        (Granted, 200, None, Some(200)),
        (Unsupported, 400, Some("unsupported_grant_type"), None),
        (Unauthorized, 401, Some("unauthorized_client"), None),
        (WithoutOwner, 200, None, Some(401)),
    ] {
        sandbox.tripleseat.change_oauth(1, |oauth| oauth.client_credentials = answer);
        let (found, body) = sandbox.exchange_grant(&[("grant_type", "client_credentials")]).await;
        assert_eq!((found, body["error"].as_str()), (status, error), "{answer:?}");
        if let Some(token) = body["access_token"].as_str() {
            assert_eq!(Some(sandbox.read_sites(token).await), read, "{answer:?}");
        }
    }
}
