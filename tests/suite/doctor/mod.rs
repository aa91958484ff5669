//! The doctor on a cloud and two vendors where everything is right, and on ones that each lack something.

mod aws;
mod commands;
mod hubspot;
mod tripleseat;

use std::sync::{Arc, Mutex};

use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::manifest;
use deployer_health::doctor::{CheckArea, DoctorCheck, DoctorInputs, DoctorVerdict, run_checks};
use deployer_sandbox::platform::SandboxPlatform;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{
    RequestInfo, SandboxClock, SandboxFault, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer, SandboxTripleseat,
    SandboxTripleseatConfig, TripleseatAccount, TripleseatLocation,
};
use jiff::SignedDuration;
use serde_json::Value;
use sync_config::config::{LedgerProperties, default_flag_property};

/// Values that must never be shown.
const SECRETS: [(&str, &str); 7] = [
    ("admin", "token-of-the-deployer"),
    ("token-a", "token-of-a"),
    ("token-b", "token-of-b"),
    ("key-a", "public-key-of-a"),
    ("key-b", "public-key-of-b"),
    ("client-a", "client-id-of-a"),
    ("secret-a", "client-secret-of-a"),
];

/// What the doctor examines: a manifest next to files with its credentials, a cloud, and vendors.
struct DoctorWard {
    directory: tempfile::TempDir,
    manifest: String,
    cloud: EmbeddedCloud,
    hubspot: SandboxHubSpot,
    tripleseat: SandboxTripleseat,
    platform: SandboxPlatform,
    servers: [SandboxServer; 3],
}

impl DoctorWard {
    /// Everything is right. Venue `a` has OAuth and one of two locations, `b` has neither, `c` is blocked.
    async fn new() -> Self {
        let clock = SandboxClock::stopped_at("2026-03-01T12:00:00Z".parse().expect("it is a valid time"));
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock: clock.clone(), limits: false });
        for (venue, site_id, locations) in [("a", 1, vec![11, 12]), ("b", 2, vec![21])] {
            tripleseat.add_account(TripleseatAccount {
                site_id,
                name: format!("Site {site_id}"),
                public_key: format!("public-key-of-{venue}"),
                oauth: Some((format!("client-id-of-{venue}"), format!("client-secret-of-{venue}"))),
                locations: locations
                    .into_iter()
                    .map(|id| TripleseatLocation { id, name: format!("Location {id}") })
                    .collect(),
                lead_form_ids: Vec::new(),
                phone_required: true,
            });
        }
        let config = SandboxHubSpotConfig {
            portal_id: 77,
            clock: clock.clone(),
            search_lag: SignedDuration::ZERO,
            limits: false,
        };
        let hubspot = SandboxHubSpot::new(config);
        hubspot.add_token("token-of-the-deployer", &[&HUBSPOT_SCOPES[..], &["automation"]].concat());
        for venue in ["a", "b"] {
            hubspot
                .add_token(&format!("token-of-{venue}"), &["crm.objects.contacts.read", "crm.objects.contacts.write"]);
            let ledger = LedgerProperties::new(venue, &default_flag_property(venue));
            hubspot.define_sync_properties(&ledger, venue).expect("valid properties");
        }
        let platform = SandboxPlatform::new(clock);
        let mut servers = Vec::new();
        for router in [tripleseat.api_router(), hubspot.api_router(), platform.api_router()] {
            servers.push(SandboxServer::start(router).await.expect("a server"));
        }
        let servers: [SandboxServer; 3] = servers.try_into().expect("three");
        let directory = tempfile::tempdir().expect("a temporary directory is created");
        let manifest = manifest_text(&servers[0].uri, &servers[1].uri);
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let ward = Self { directory, manifest, cloud, hubspot, tripleseat, platform, servers };
        SECRETS.iter().for_each(|(file, value)| ward.write_secret(file, value));
        ward
    }

    fn write_secret(&self, file: &str, value: &str) {
        std::fs::write(self.directory.path().join(file), value).expect("it is written");
    }

    fn change_manifest(&mut self, from: &str, to: &str) {
        assert!(self.manifest.contains(from), "{from}");
        self.manifest = self.manifest.replace(from, to);
    }

    fn aws_clients(&self) -> Aws {
        Aws::for_local("us-east-1", self.cloud.http_client(), None)
    }

    /// Answers requests to a path with a status and a body.
    fn answer_with(&self, vendor: &str, path: &'static str, status: u16, body: Value) {
        let hook = move |request: &RequestInfo| {
            let fault = SandboxFault::Status { status, body: body.clone(), headers: Vec::new() };
            request.path.contains(path).then_some(fault)
        };
        match vendor {
            "hubspot" => self.hubspot.set_fault_hook(Some(Arc::new(hook))),
            _ => self.tripleseat.set_fault_hook(Some(Arc::new(hook))),
        }
    }

    async fn examine_all(&self) -> Vec<DoctorCheck> {
        self.examine_areas(&[]).await
    }

    /// Examines these areas, and asserts that nothing is written anywhere and no secret is shown.
    async fn examine_areas(&self, areas: &[CheckArea]) -> Vec<DoctorCheck> {
        let loaded = manifest::parse_manifest(&self.manifest, self.directory.path().join("venues.toml"));
        let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
        let aws = self.aws_clients();
        let client = sync_lambda::http::build_client().expect("the TLS client is built");
        let (contacts, properties) = (self.hubspot.all_contacts(), self.hubspot.watch_changes());
        self.cloud.forget_calls();
        let patient = DoctorInputs {
            manifest: &loaded.manifest,
            venue: None,
            areas: areas.to_vec(),
            aws: &aws,
            local: false,
            client,
            now: "2026-12-01T12:00:00Z".parse().expect("it is a valid time"),
        };
        let checks = run_checks(&patient).await;

        let writes: Vec<String> = self.cloud.recorded_writes().iter().map(ToString::to_string).collect();
        // A function that isn't deployed may be asked for a token, which writes nothing here.
        let harmless = ["GetCallerIdentity", "lambda:Invoke"];
        assert!(writes.iter().all(|call| harmless.iter().any(|name| call.contains(name))), "{writes:?}");
        assert_eq!(self.hubspot.all_contacts(), contacts);
        assert!(!properties.has_changed().expect("the portal is there"), "nothing has changed in HubSpot");
        for request in self.hubspot.recorded_requests() {
            // An empty batch shows whether writing is allowed, and writes nothing.
            let harmless = ["/access-token-info", "/contacts/batch/update", "/contacts/batch/create"];
            let posts = harmless.iter().any(|path| request.path.ends_with(path));
            assert!(request.method == "GET" || posts, "{request:?}");
        }
        for request in self.tripleseat.recorded_requests() {
            let reads = request.method == "GET" || request.path.ends_with("/token");
            assert!(reads || request.path.ends_with("/v1/leads/create.js"), "{request:?}");
        }
        assert_eq!((self.tripleseat.site_leads(1), self.tripleseat.site_leads(2)), (Vec::new(), Vec::new()));
        assert_eq!(self.platform.venue_records("c"), []);
        let shown = serde_json::to_string(&checks).expect("it is valid JSON");
        for (file, value) in SECRETS {
            let given = std::fs::read_to_string(self.directory.path().join(file)).expect("the file");
            assert!(!shown.contains(value) && !shown.contains(&given), "{file}: {shown}");
        }
        checks
    }
}

/// The check of this name for this venue (empty: for what all venues share).
#[track_caller]
fn find_check<'c>(checks: &'c [DoctorCheck], venue: &str, name: &str) -> &'c DoctorCheck {
    let found = checks.iter().find(|check| check.venue.as_deref().unwrap_or_default() == venue && check.name == name);
    found.unwrap_or_else(|| panic!("no check {name} of {venue:?}: {checks:#?}"))
}

/// The checks that found a problem, as `venue/name verdict`.
fn list_troubles(checks: &[DoctorCheck]) -> Vec<String> {
    let in_order = |check: &&DoctorCheck| !matches!(check.verdict, DoctorVerdict::Ok | DoctorVerdict::Skipped);
    let told = |check: &DoctorCheck| {
        let venue = check.venue.as_deref().unwrap_or("all");
        format!("{venue}/{} {:?}", check.name, check.verdict)
    };
    checks.iter().filter(in_order).map(told).collect()
}

/// Asserts a check's verdict, and parts of its evidence and advice.
#[track_caller]
fn expect_check(checks: &[DoctorCheck], venue: &str, name: &str, verdict: DoctorVerdict, evidence: &str, advice: &str) {
    let check = find_check(checks, venue, name);
    assert_eq!(check.verdict, verdict, "{check:?}");
    assert!(check.evidence.contains(evidence), "{evidence}: {check:?}");
    assert!(check.advice.as_deref().unwrap_or_default().contains(advice), "{advice}: {check:?}");
}

fn manifest_text(tripleseat: &str, hubspot: &str) -> String {
    format!(
        "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\naccount = \"123456789012\"\n\n\
         [hubspot]\nportal_id = 77\ntoken = \"file:admin\"\nbase_uri = \"{hubspot}\"\n\n\
         [venues.a]\ndisplay_name = \"A\"\n[venues.a.secrets]\nhubspot_token = \"file:token-a\"\n\
         tripleseat_public_key = \"file:key-a\"\ntripleseat_client_id = \"file:client-a\"\n\
         tripleseat_client_secret = \"file:secret-a\"\n\
         [venues.a.destination]\nkind = \"tripleseat\"\nbase_uri = \"{tripleseat}\"\nsite_id = 1\nlocation_id = 11\n\n\
         [venues.b]\ndisplay_name = \"B\"\n[venues.b.secrets]\nhubspot_token = \"file:token-b\"\n\
         tripleseat_public_key = \"file:key-b\"\n\
         [venues.b.destination]\nkind = \"tripleseat\"\nbase_uri = \"{tripleseat}\"\n\n\
         [venues.c]\ndisplay_name = \"C\"\nstatus = \"blocked\"\n[venues.c.blocker]\nreason = \"No interface yet\"\n\
         [venues.c.destination]\nkind = \"tripleseat\"\nbase_uri = \"{tripleseat}\"\n"
    )
}

#[tokio::test]
async fn finds_nothing_if_everything_is_right() {
    let ward = DoctorWard::new().await;
    let checks = ward.examine_all().await;
    assert_eq!(list_troubles(&checks), [""; 0]);
    let text = anstream::adapter::strip_str(&deployer::render::checks_text(&checks)).to_string();
    insta::assert_snapshot!("in_order", text);
}

#[tokio::test]
async fn examines_only_the_given_areas() {
    let ward = DoctorWard::new().await;
    for (area, others) in [
        (CheckArea::Aws, ["HubSpot", "Tripleseat"]),
        (CheckArea::HubSpot, ["quota", "Tripleseat"]),
        (CheckArea::Tripleseat, ["quota", "HubSpot"]),
    ] {
        let seen = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&seen);
        ward.cloud.set_faults(Some(Arc::new(move |_| {
            *counted.lock().expect("no panic") += 1;
            None
        })));
        let checks = ward.examine_areas(&[area]).await;
        assert!(checks.iter().any(|check| check.area == area), "{area:?}");
        assert!(!checks.iter().any(|check| others.iter().any(|other| check.name.starts_with(other))), "{checks:?}");
        assert_eq!(
            *seen.lock().expect("no panic") > 0,
            area == CheckArea::Aws,
            "{area:?}: AWS is asked only for itself"
        );
    }
}
