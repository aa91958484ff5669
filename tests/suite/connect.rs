//! `deployer connect` as a process, with a fake browser that follows the consent page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use deployer_aws::Aws;
use deployer_core::naming::{ROLE_POLICY, VenueNames};
use deployer_sandbox::tripleseat::ConsentAnswer;
use deployer_sandbox::{
    SandboxClock, SandboxServer, SandboxTripleseat, SandboxTripleseatConfig, TripleseatAccount, TripleseatLocation,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::processes::Site;
use crate::secret_commands::stored_secret;

const SITE_ID: u64 = 7;

/// A deployed venue `a` that looks up leads with a consent, and its Tripleseat account.
pub struct ConsentSite {
    pub site: Site,
    tripleseat: SandboxTripleseat,
    uri: String,
    port: u16,
    _server: SandboxServer,
    runtime: tokio::runtime::Runtime,
}

impl ConsentSite {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("the runtime starts");
        let clock = SandboxClock::stopped_at(Timestamp::now());
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock, limits: false });
        tripleseat.add_account(TripleseatAccount {
            site_id: SITE_ID,
            name: "Site 7".to_owned(),
            public_key: "key-of-a".to_owned(),
            oauth: Some(("uid-of-a".to_owned(), "application-secret-of-a".to_owned())),
            locations: vec![TripleseatLocation { id: 70, name: "Main".to_owned() }],
            lead_form_ids: Vec::new(),
            phone_required: false,
        });
        let server = runtime.block_on(SandboxServer::start(tripleseat.api_router())).expect("a server");
        let (site, uri, port) = (Site::new(), server.uri.clone(), free_port());
        let sandbox = Self { site, tripleseat, uri, port, _server: server, runtime };
        let redirect_uri = sandbox.redirect_uri();
        sandbox.tripleseat.change_oauth(SITE_ID, |oauth| {
            oauth.redirect_uris = vec![redirect_uri, "https://example.com/callback".to_owned()];
            oauth.consent = ConsentAnswer::Allow;
        });
        sandbox.site.write_file("uid", "uid-of-a");
        sandbox.site.write_file("application", "application-secret-of-a");
        sandbox.write_manifest("oauth = \"authorization_code\"", SITE_ID);
        let (code, text) = sandbox.site.run_apply();
        assert_eq!(code, 0, "{text}");
        sandbox.site.take_write_calls();
        sandbox
    }

    fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }

    fn write_manifest(&self, oauth: &str, site_id: u64) {
        let text = format!(
            "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n[venues.a]\ndisplay_name = \"Venue a\"\n\
             [venues.a.secrets]\nhubspot_token = \"env:TOKEN_a\"\ntripleseat_public_key = \"env:KEY_a\"\n\
             tripleseat_client_id = \"file:uid\"\ntripleseat_client_secret = \"file:application\"\n\
             [venues.a.destination]\nkind = \"tripleseat\"\nbase_uri = \"{}\"\nsite_id = {site_id}\n{oauth}\n\
             redirect_uri = \"{}\"\n",
            self.uri,
            self.redirect_uri()
        );
        self.site.write_file("venues.toml", &text);
    }

    /// Starts the command, and waits until it shows the consent page's address.
    fn start_connect(&self, more: &[&str]) -> Connecting {
        let mut command = self.site.deployer_command(&[&["connect", "a", "--json"], more].concat());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("deployer starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it is text");
        crate::schemas::check_printed_lines(&["connect", "a", "--json"], &line);
        let url = serde_json::from_str::<Value>(&line).ok().and_then(|line| Some(line["url"].as_str()?.to_owned()));
        Connecting { child, output, url: url.unwrap_or_default() }
    }

    /// A `GET` by the browser: the status, the address that it leads to, and the page.
    fn browse(&self, url: &str) -> (u16, String, String) {
        self.runtime.block_on(async {
            let client = sync_lambda::http::build_client().expect("the TLS client is built");
            let answer = client.get(url).send().await.expect("something answers");
            let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
            let (status, location) = (answer.status().as_u16(), location.unwrap_or_default().to_owned());
            (status, location, answer.text().await.expect("it is text"))
        })
    }

    /// Consents, as far as the redirect, which the browser doesn't follow yet.
    fn redirect_of(&self, connecting: &Connecting) -> String {
        let (status, location, page) = self.browse(&connecting.url);
        assert_eq!(status, 302, "{page}");
        location
    }

    pub fn connect(&self) -> (i32, String) {
        let connecting = self.start_connect(&[]);
        let redirect = self.redirect_of(&connecting);
        let (status, _, page) = self.browse(&redirect);
        assert!(status == 200 && page.contains("close this page"), "{page}");
        connecting.wait_for_end()
    }

    fn stored(&self) -> Value {
        stored_secret(&self.site, "a")
    }

    /// Asserts that a connect failed with these words, and that the pair in the secret is still the same.
    fn assert_refused(&self, (code, text): (i32, String), before: &Value, words: &[&str]) {
        assert_ne!(code, 0, "{text}");
        for words in words {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(self.stored(), *before, "{text}");
        let refresh = before["TRIPLESEAT_REFRESH_TOKEN"].as_str().expect("a pair");
        assert!(self.tripleseat.is_exchangeable(refresh), "the old pair goes on working: {text}");
    }
}

/// A running `deployer connect`.
struct Connecting {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    /// Empty if it ended before.
    url: String,
}

impl Connecting {
    fn paste(mut self, address: &str) -> (i32, String) {
        let mut input = self.child.stdin.take().expect("a pipe");
        writeln!(input, "{address}").expect("it is taken");
        self.wait_for_end()
    }

    fn wait_for_end(mut self) -> (i32, String) {
        let mut text = String::new();
        self.output.read_to_string(&mut text).expect("it is text");
        self.child.stderr.take().expect("a pipe").read_to_string(&mut text).expect("it is text");
        (self.child.wait().expect("it ends").code().unwrap_or(-1), text)
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("an address").port()
}

#[test]
fn stores_the_pair_of_a_consent_and_nothing_overwrites_it() {
    let sandbox = ConsentSite::new();
    let before = sandbox.stored();
    let (code, text) = sandbox.connect();
    assert_eq!(code, 0, "{text}");
    assert_eq!(sandbox.site.take_write_calls(), ["secretsmanager:PutSecretValue"]);
    let line = text.lines().next().expect("a line");
    crate::schemas::check_printed_lines(&["connect", "a", "--json"], line);
    let connected: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((&connected["type"], &connected["site_ids"]), (&json!("connected"), &json!([SITE_ID])));
    let stored = sandbox.stored();
    for key in ["TRIPLESEAT_ACCESS_TOKEN", "TRIPLESEAT_REFRESH_TOKEN", "TRIPLESEAT_TOKEN_EXPIRES_AT"] {
        assert!(before.get(key).is_none() && stored[key].is_string(), "{key}");
        assert!(key.ends_with("AT") || !text.contains(stored[key].as_str().expect("text")), "{text}");
    }
    for key in ["HUBSPOT_TOKEN", "TRIPLESEAT_PUBLIC_KEY", "TRIPLESEAT_CLIENT_ID", "TRIPLESEAT_CLIENT_SECRET"] {
        assert_eq!(stored[key], before[key], "{key}");
    }
    assert!(sandbox.tripleseat.is_exchangeable(stored["TRIPLESEAT_REFRESH_TOKEN"].as_str().expect("text")));

    let push = sandbox.site.deployer_command(&["secret", "push", "--yes"]).env("TOKEN_a", "rotated").output();
    assert!(push.expect("it starts").status.success());
    let (code, text) = sandbox.site.run_apply();
    assert_eq!(code, 0, "{text}");
    let mut expected = stored;
    expected["HUBSPOT_TOKEN"] = json!("rotated");
    assert_eq!(sandbox.stored(), expected, "the pair stays");
    let (code, text) = sandbox.site.run_deployer(&["secret", "set", "a", "tripleseat_access_token"]);
    assert!(code == 2 && text.contains("has no credential"), "{text}");

    // Once more, and the new pair takes the old one's place.
    let (code, text) = sandbox.connect();
    assert_eq!(code, 0, "{text}");
    assert_ne!(sandbox.stored()["TRIPLESEAT_REFRESH_TOKEN"], expected["TRIPLESEAT_REFRESH_TOKEN"]);
}

#[test]
fn the_role_may_write_its_secret_only_where_tokens_are_kept() {
    let sandbox = ConsentSite::new();
    let allows = || {
        let aws = Aws::for_local("us-east-1", sandbox.site.cloud.http_client(), None);
        let role = VenueNames::new("sync", "a").role;
        let request = aws.iam.get_role_policy().role_name(role).policy_name(ROLE_POLICY).send();
        let policy = sandbox.runtime.block_on(request).expect("the role has a policy");
        policy.policy_document().contains("PutSecretValue")
    };
    assert!(allows());
    sandbox.write_manifest("", SITE_ID);
    let (_, text) = sandbox.site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert!(text.contains("RotateOwnTokens") && text.contains("secretsmanager:PutSecretValue"), "{text}");
    let (code, text) = sandbox.site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert!(!allows());
}

#[test]
fn a_redirect_that_answers_something_else_changes_nothing() {
    let sandbox = ConsentSite::new();
    assert_eq!(sandbox.connect().0, 0);
    let before = sandbox.stored();
    let refuse = |change: &dyn Fn(&str) -> String, words: &[&str]| {
        let connecting = sandbox.start_connect(&[]);
        let redirect = change(&sandbox.redirect_of(&connecting));
        let (status, _, page) = sandbox.browse(&redirect);
        assert!(status == 400 && page.contains("the terminal says why"), "{page}");
        sandbox.assert_refused(connecting.wait_for_end(), &before, words);
    };
    let mark = |redirect: &str| redirect.split_once("state=").expect("a state").0.to_owned();
    refuse(&|redirect| format!("{}state=0", mark(redirect)), &["another `state`", "deployer connect a"]);
    refuse(&|redirect| redirect.replace("code=", "cod="), &["no `code`"]);
    sandbox.tripleseat.change_oauth(SITE_ID, |oauth| oauth.consent = ConsentAnswer::Deny);
    refuse(&ToOwned::to_owned, &["access_denied", "an admin of the Tripleseat account must consent"]);
}

#[test]
fn waits_through_everything_that_isnt_the_redirect() {
    let sandbox = ConsentSite::new();
    let connecting = sandbox.start_connect(&[]);
    let icon = format!("http://127.0.0.1:{}/favicon.ico", sandbox.port);
    assert_eq!(sandbox.browse(&icon).0, 404);
    let redirect = sandbox.redirect_of(&connecting);
    assert_eq!(sandbox.browse(&redirect).0, 200);
    let (code, text) = connecting.wait_for_end();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_token_that_is_of_no_use_isnt_stored() {
    let sandbox = ConsentSite::new();
    assert_eq!(sandbox.connect().0, 0);
    let before = sandbox.stored();
    sandbox.tripleseat.change_oauth(SITE_ID, |oauth| oauth.admin = false);
    sandbox.assert_refused(sandbox.connect(), &before, &["403", "may no longer be an admin", "nothing was changed"]);
    sandbox.tripleseat.change_oauth(SITE_ID, |oauth| oauth.admin = true);
    sandbox.write_manifest("oauth = \"authorization_code\"", SITE_ID + 1);
    sandbox.assert_refused(sandbox.connect(), &before, &["for site 7", "site 8", "nothing was changed"]);
}

#[test]
fn takes_a_pasted_address() {
    let sandbox = ConsentSite::new();
    let https = ["--paste", "--redirect-uri", "https://example.com/callback"];
    let connecting = sandbox.start_connect(&https);
    let redirect = sandbox.redirect_of(&connecting);
    assert!(redirect.starts_with("https://example.com/callback?code="), "{redirect}");
    let (code, text) = connecting.paste(&redirect);
    assert_eq!(code, 0, "{text}");
    let before = sandbox.stored();

    let connecting = sandbox.start_connect(&https);
    let address = sandbox.redirect_of(&connecting).replace("code=", "cod=");
    sandbox.assert_refused(connecting.paste(&address), &before, &["no `code`", "paste the whole address"]);
    let connecting = sandbox.start_connect(&https);
    sandbox.assert_refused(connecting.paste(""), &before, &["no address was pasted"]);
    let connecting = sandbox.start_connect(&https);
    sandbox.assert_refused(connecting.paste("https://example.org/"), &before, &["not the address"]);

    // A code works once.
    let connecting = sandbox.start_connect(&https);
    let redirect = sandbox.redirect_of(&connecting);
    let code = redirect.split_once("code=").and_then(|(_, rest)| rest.split_once('&')).expect("a code").0.to_owned();
    let answer = sandbox.runtime.block_on(async {
        let client = sync_lambda::http::build_client().expect("the TLS client is built");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "https://example.com/callback"),
            ("client_id", "uid-of-a"),
            ("client_secret", "application-secret-of-a"),
        ];
        client.post(format!("{}/oauth2/token", sandbox.uri)).form(&form).send().await.expect("it answers").status()
    });
    assert_eq!(answer, 200);
    sandbox.assert_refused(connecting.paste(&redirect), &before, &["invalid_grant", "works once"]);
}

#[test]
fn of_two_connects_the_first_to_finish_stays_connected() {
    let sandbox = ConsentSite::new();
    let slow = sandbox.start_connect(&["--paste"]);
    let redirect = sandbox.redirect_of(&slow);
    assert_eq!(sandbox.connect().0, 0);
    let before = sandbox.stored();
    sandbox.assert_refused(slow.paste(&redirect), &before, &["another `deployer connect`", "deployer doctor a"]);

    // Both would wait on the same port.
    let waiting = sandbox.start_connect(&[]);
    let second = sandbox.start_connect(&[]);
    assert_eq!(second.url, "", "nobody is asked for a consent that can't be received");
    sandbox.assert_refused(second.wait_for_end(), &before, &["could not wait for the redirect", "--paste"]);
    let redirect = sandbox.redirect_of(&waiting);
    assert_eq!(sandbox.browse(&redirect).0, 200);
    assert_eq!(waiting.wait_for_end().0, 0);
}

#[test]
fn gives_up_when_nobody_consents() {
    let sandbox = ConsentSite::new();
    assert_eq!(sandbox.connect().0, 0);
    let before = sandbox.stored();
    let waiting = sandbox.start_connect(&["--timeout", "1s"]);
    sandbox.assert_refused(waiting.wait_for_end(), &before, &["nobody consented within 1s", "--paste"]);
}

#[test]
fn says_what_is_missing_before_anybody_is_asked() {
    let sandbox = ConsentSite::new();
    sandbox.write_manifest("", SITE_ID);
    let (code, text) = sandbox.site.run_deployer(&["connect", "a"]);
    assert!(code == 2 && text.contains("oauth = \"authorization_code\""), "{text}");
    let text = std::fs::read_to_string(sandbox.site.path().join("venues.toml")).expect("the manifest");
    let without: String =
        text.lines().filter(|line| !line.contains("client")).map(|line| format!("{line}\n")).collect();
    let without = without.replace("redirect_uri", "oauth = \"authorization_code\"\nredirect_uri");
    sandbox.site.write_file("venues.toml", &without);
    let (code, text) = sandbox.site.run_deployer(&["validate"]);
    assert!(code == 2 && text.contains("names none") && text.contains("tripleseat_client_id"), "{text}");
}

#[test]
fn connects_in_the_local_cloud_too() {
    let sandbox = ConsentSite::new();
    let local = |args: &[&str]| sandbox.site.run_deployer(&[args, &["--local"]].concat());
    let (code, text) = local(&["apply", "--yes", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "{text}");
    let connecting = sandbox.start_connect(&["--local"]);
    let redirect = sandbox.redirect_of(&connecting);
    assert_eq!(sandbox.browse(&redirect).0, 200);
    let (code, text) = connecting.wait_for_end();
    assert_eq!(code, 0, "{text}");
    let (code, text) = local(&["doctor", "a", "--only", "tripleseat"]);
    assert!(code == 0 && text.contains("its access token is valid until"), "{text}");
}
