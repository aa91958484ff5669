//! What a plan notes about the venues' Tripleseat accounts: the program, a cloud and a sandbox.

use deployer_sandbox::{
    SandboxClock, SandboxServer, SandboxTripleseat, SandboxTripleseatConfig, TripleseatAccount, TripleseatLocation,
};

use crate::processes::{APPLY, Site};

const PLAN: [&str; 3] = ["plan", "--artifact", "bootstrap"];

/// A Tripleseat where the key of venue `a`, which the program has in its environment, opens an account with location 11.
struct Accounts {
    tripleseat: SandboxTripleseat,
    server: SandboxServer,
    _runtime: tokio::runtime::Runtime,
}

impl Accounts {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
        let clock = SandboxClock::stopped_at("2026-03-01T12:00:00Z".parse().expect("a valid time"));
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock, limits: false });
        tripleseat.add_account(TripleseatAccount {
            site_id: 1,
            name: "The Old Mill".to_owned(),
            public_key: "key-of-a".to_owned(),
            oauth: None,
            locations: vec![TripleseatLocation { id: 11, name: "Garden".to_owned() }],
            lead_form_ids: vec![3],
            phone_required: true,
        });
        let server = runtime.block_on(SandboxServer::start(tripleseat.api_router())).expect("a server");
        Self { tripleseat, server, _runtime: runtime }
    }

    /// A site whose venue `a` has this public key and these settings of its destination.
    fn site_with(&self, public_key: &str, settings: &str) -> Site {
        let site = Site::new();
        let text = format!(
            "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n[venues.a]\ndisplay_name = \"A\"\n\
             [venues.a.secrets]\nhubspot_token = \"env:TOKEN_a\"\ntripleseat_public_key = \"{public_key}\"\n\
             [venues.a.destination]\nkind = \"tripleseat\"\nbase_uri = \"{}\"\n{settings}\n",
            self.server.uri
        );
        site.write_file("venues.toml", &text);
        site
    }
}

#[test]
fn a_setting_that_the_account_does_not_know_is_noted_and_refuses_nothing() {
    let accounts = Accounts::start();
    let site = accounts.site_with("env:KEY_a", "location_id = 99\nlead_form_id = 3\nsite_id = 1");
    let (code, text) = site.run_deployer(&PLAN);
    assert_eq!(code, 0, "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("a: the public key's account has no location 99, only 11 (Garden)"), "{text}");
    assert!(words.contains("venues.toml:") && words.contains("Correct `location_id`"), "{text}");
    assert!(!text.contains("key-of-a"), "{text}");
    let (code, text) = site.run_deployer(&APPLY);
    assert!(code == 0 && text.contains("no location 99"), "{text}");

    let site = accounts.site_with("env:KEY_a", "location_id = 11\nlead_form_id = 3\nsite_id = 1");
    let (code, text) = site.run_deployer(&PLAN);
    assert!(code == 0 && !text.contains("public key"), "{text}");

    let requests = accounts.tripleseat.recorded_requests();
    assert!(!requests.is_empty() && requests.iter().all(|request| request.method == "GET"), "{requests:?}");
}

#[test]
fn a_key_that_no_account_has_is_noted() {
    let accounts = Accounts::start();
    let site = accounts.site_with("env:KEY_b", "");
    let (code, text) = site.run_deployer(&PLAN);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("env:KEY_b") && text.contains("TRIPLESEAT_PUBLIC_KEY"), "{text}");
    assert!(!text.contains("key-of-b"), "{text}");
}

#[test]
fn nothing_is_asked_with_a_key_that_takes_an_effect_to_get() {
    let accounts = Accounts::start();
    for reference in ["cmd:touch asked", "managed", "env:NOT_SET", "file:missing"] {
        let site = accounts.site_with(reference, "location_id = 99");
        let (code, text) = site.run_deployer(&PLAN);
        assert!(code == 0 && !text.contains("location 99"), "{reference}: {text}");
        assert!(!site.path().join("asked").exists(), "{reference}");
    }
    assert_eq!(accounts.tripleseat.recorded_requests().len(), 0);
}
