//! The vendors of a deployment, on this machine: one sandbox HubSpot portal, a Tripleseat account for each venue that
//! syncs there, and a platform for the others. The manifest is pointed at them; nothing else in it changes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use sync_config::config::{
    DestinationConfig, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID,
    KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_PUBLIC_KEY, KEY_TRIPLESEAT_REFRESH_TOKEN, LedgerProperties,
    TripleseatDestination,
};
use sync_lambda::credentials::CredentialValue;
use sync_lambda::destination::IssuedToken;
use sync_lambda::tokens::TokenPair;

use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{Manifest, SecretValue, Venue};
use deployer_core::naming::VenueNames;
use deployer_sandbox::platform::{PlatformRecord, SandboxPlatform};
use deployer_sandbox::tripleseat::SandboxTokenPair;
use deployer_sandbox::vendors::{HUBSPOT_SCOPES, TRIPLESEAT_TOKEN_SECONDS};
use deployer_sandbox::{
    FaultSwitches, SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer, SandboxTripleseat,
    SandboxTripleseatConfig, TripleseatAccount, TripleseatLead, TripleseatLocation,
};

/// The sandbox portal's id, if the manifest doesn't set one.
const PORTAL_ID: u64 = 1_234_567;
/// The site id of the first venue's Tripleseat account; the others count up from it.
const FIRST_SITE_ID: u64 = 7001;
/// How long a write takes to show up in searches, as a rule.
const SEARCH_LAG: SignedDuration = SignedDuration::from_millis(500);

/// The sandboxes and their servers.
pub struct DevSandboxes {
    pub hubspot: SandboxHubSpot,
    pub tripleseat: SandboxTripleseat,
    pub platform: SandboxPlatform,
    pub faults: FaultSwitches,
    pub portal_id: u64,
    pub hubspot_server: SandboxServer,
    pub tripleseat_server: SandboxServer,
    platform_server: SandboxServer,
    /// The Tripleseat site of each venue that has one.
    sites: Mutex<BTreeMap<String, u64>>,
    /// The generated credentials of each venue, by the secret's key.
    credentials: Mutex<BTreeMap<String, Map<String, Value>>>,
}

impl DevSandboxes {
    /// Starts sandboxes, with nothing in them yet.
    ///
    /// # Errors
    /// No port of 127.0.0.1 is available.
    pub async fn start(portal_id: Option<u64>, clock: SandboxClock) -> Result<Self> {
        let portal_id = portal_id.unwrap_or(PORTAL_ID);
        let hubspot = SandboxHubSpot::new(SandboxHubSpotConfig {
            portal_id,
            clock: clock.clone(),
            search_lag: SEARCH_LAG,
            limits: true,
        });
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock: clock.clone(), limits: true });
        let platform = SandboxPlatform::new(clock);
        let failed =
            |error: std::io::Error| Error::failed(ErrorCode::Dev, "could not start a sandbox").caused_by(&error);
        Ok(Self {
            hubspot_server: SandboxServer::start(hubspot.api_router()).await.map_err(failed)?,
            tripleseat_server: SandboxServer::start(tripleseat.api_router()).await.map_err(failed)?,
            platform_server: SandboxServer::start(platform.api_router()).await.map_err(failed)?,
            faults: FaultSwitches::install(hubspot.clone(), &tripleseat, SEARCH_LAG),
            hubspot,
            tripleseat,
            platform,
            portal_id,
            sites: Mutex::default(),
            credentials: Mutex::default(),
        })
    }

    /// Points a manifest at the sandboxes, and gives each venue that is new an account and credentials. Credentials are
    /// generated; the user's own are never read here. Returns the JSON object of each venue's secret, by the secret's
    /// name.
    ///
    /// # Errors
    /// The sandbox portal refuses a venue's properties.
    pub fn point_manifest(&self, manifest: &mut Manifest) -> Result<BTreeMap<String, SecretValue>> {
        manifest.hubspot.portal_id = Some(self.portal_id);
        manifest.hubspot.base_uri.clone_from(&self.hubspot_server.uri);
        // What chats would get is on the page: nothing is sent anywhere else, and no digest.
        if let Some(alarms) = &mut manifest.alarms {
            alarms.webhooks.clear();
            alarms.digest = None;
        }
        let mut secrets = BTreeMap::new();
        for venue in &mut manifest.venues {
            let credentials = self.point_venue(venue)?;
            let secret = SecretValue::new(Value::Object(credentials).to_string()).map_err(|reason| {
                Error::failed(ErrorCode::Dev, format!("{}: could not create its sandbox secret: {reason}", venue.name))
            })?;
            secrets.insert(VenueNames::new(&manifest.deployment.name, &venue.name).secret, secret);
        }
        Ok(secrets)
    }

    fn point_venue(&self, venue: &mut Venue) -> Result<Map<String, Value>> {
        let properties = LedgerProperties::new(&venue.name, &venue.flag_property);
        self.hubspot.define_sync_properties(&properties, &venue.display_name).map_err(|refusal| {
            Error::failed(ErrorCode::Dev, format!("{}: the sandbox portal refused its properties", venue.name))
                .caused_by(&refusal)
        })?;
        let known = self.credentials.lock().get(&venue.name).cloned().unwrap_or_default();
        let mut credentials = known.clone();
        for (key, value) in generate_credentials(venue)? {
            credentials.entry(key).or_insert(value);
        }
        if let Some(token) = credentials.get(KEY_HUBSPOT_TOKEN).and_then(Value::as_str) {
            self.hubspot.add_token(token, &HUBSPOT_SCOPES);
        }
        match &mut venue.destination {
            DestinationConfig::Tripleseat(place) => {
                let site_id = self.choose_site(&venue.name, place.site_id);
                place.site_id = Some(site_id);
                self.tripleseat.add_account(tripleseat_account(site_id, &venue.display_name, place, &credentials));
                // As after `deployer connect`.
                if let Some(consent) =
                    venue.oauth_consent.as_ref().filter(|_| !known.contains_key(KEY_TRIPLESEAT_REFRESH_TOKEN))
                {
                    self.tripleseat
                        .change_oauth(site_id, |oauth| oauth.redirect_uris = vec![consent.redirect_uri.clone()]);
                    let SandboxTokenPair { access, refresh } = self.tripleseat.issue_consent(site_id);
                    let (access, refresh) = (CredentialValue::new(&access), CredentialValue::new(&refresh));
                    let life = Duration::from_secs(TRIPLESEAT_TOKEN_SECONDS.unsigned_abs());
                    let issued = IssuedToken { access, refresh: None, life };
                    TokenPair::from_issued(issued, &refresh).write_to(&mut credentials);
                }
                venue.tripleseat_base_uri = Some(self.tripleseat_server.uri.clone());
            }
            DestinationConfig::Http(http) => {
                let credential =
                    credentials.get(KEY_DESTINATION_CREDENTIAL).and_then(Value::as_str).unwrap_or_default();
                *http = self.platform.add_account(&venue.name, http, credential, &self.platform_server.uri);
                self.sites.lock().remove(&venue.name);
            }
        }
        self.credentials.lock().insert(venue.name.clone(), credentials.clone());
        Ok(credentials)
    }

    /// The site of a venue: the one that the manifest names, the one that it has, or else the next one.
    fn choose_site(&self, venue: &str, named: Option<u64>) -> u64 {
        let mut sites = self.sites.lock();
        let next = sites.values().max().map_or(FIRST_SITE_ID, |last| last + 1).max(FIRST_SITE_ID);
        let site = named.or_else(|| sites.get(venue).copied()).unwrap_or(next);
        sites.insert(venue.to_owned(), site);
        site
    }

    /// A venue's credentials, by the secret's key. They are valid for the sandboxes only.
    pub fn venue_credentials(&self, venue: &str) -> Map<String, Value> {
        self.credentials.lock().get(venue).cloned().unwrap_or_default()
    }

    /// The leads of a venue, whichever destination it has.
    pub fn venue_leads(&self, venue: &str) -> Vec<VendorLead> {
        let site = self.sites.lock().get(venue).copied();
        match site {
            Some(site_id) => self.tripleseat.site_leads(site_id).into_iter().map(VendorLead::from_tripleseat).collect(),
            None => self.platform.venue_records(venue).into_iter().map(VendorLead::from_platform).collect(),
        }
    }
}

/// A Tripleseat lead or a platform's record.
#[derive(Debug, Clone)]
pub struct VendorLead {
    pub id: String,
    pub name: String,
    pub email: String,
    pub phone: String,
    pub created_ms: i64,
    pub contact_id: Option<String>,
}

impl VendorLead {
    fn from_tripleseat(lead: TripleseatLead) -> Self {
        let text = |field: &str| lead.fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let reference = text("additional_information");
        Self {
            id: lead.id.to_string(),
            name: format!("{} {}", text("first_name"), text("last_name")).trim().to_owned(),
            email: text("email_address"),
            phone: text("phone_number"),
            created_ms: lead.created_at.as_millisecond(),
            contact_id: referenced_contact(&reference),
        }
    }

    /// A platform's records can have any member names, so the members are found by words in their names.
    fn from_platform(record: PlatformRecord) -> Self {
        let members = record.body.as_object().cloned().unwrap_or_default();
        let like = |word: &str| {
            let found = members.iter().find(|(name, _)| name.to_lowercase().contains(word));
            found.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
        };
        Self {
            id: record.id.to_string(),
            name: like("name"),
            email: like("mail"),
            phone: like("phone"),
            created_ms: record.created_ms,
            contact_id: record.key.as_deref().and_then(referenced_contact),
        }
    }
}

/// The contact id in a lead's reference.
fn referenced_contact(text: &str) -> Option<String> {
    let reference = text.rsplit_once("HS-")?.1.trim_end_matches(']');
    let attempt = sync_lambda::ledger::Attempt::parse_reference(&format!("HS-{reference}"))?;
    Some(attempt.contact_id().to_owned())
}

/// Generated credentials: those that the venue's references name, and those that its destination requires. Nobody can
/// guess them, so only who reads `dev.json` can use the sandboxes.
fn generate_credentials(venue: &Venue) -> Result<Map<String, Value>> {
    let mut keys: Vec<&str> = vec![KEY_HUBSPOT_TOKEN];
    match &venue.destination {
        DestinationConfig::Tripleseat { .. } => keys.push(KEY_TRIPLESEAT_PUBLIC_KEY),
        DestinationConfig::Http(http) => keys.extend(http.auth.as_ref().map(|_| KEY_DESTINATION_CREDENTIAL)),
    }
    keys.extend(venue.secrets.iter().map(|(key, _)| key.as_str()).filter(|key| {
        [KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_DESTINATION_CREDENTIAL].contains(key)
    }));
    let generated = keys.into_iter().map(|key| {
        let random = loopback::random_word()
            .map_err(|error| Error::failed(ErrorCode::System, "the system has no random numbers").caused_by(&error))?;
        let word = key.to_lowercase().replace('_', "-");
        Ok((key.to_owned(), Value::from(format!("sandbox-{}-{word}-{random}", venue.name))))
    });
    generated.collect()
}

fn tripleseat_account(
    site_id: u64,
    name: &str,
    place: &TripleseatDestination,
    credentials: &Map<String, Value>,
) -> TripleseatAccount {
    let text = |key: &str| credentials.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    // If a venue names its location, its account has a second one, so that a lead without a location is refused.
    let main = TripleseatLocation { id: place.location_id.unwrap_or(site_id * 10), name: name.to_owned() };
    let other = place.location_id.map(|id| TripleseatLocation { id: id + 1, name: format!("{name}, second location") });
    TripleseatAccount {
        site_id,
        name: name.to_owned(),
        public_key: text(KEY_TRIPLESEAT_PUBLIC_KEY).unwrap_or_default(),
        oauth: text(KEY_TRIPLESEAT_CLIENT_ID).zip(text(KEY_TRIPLESEAT_CLIENT_SECRET)),
        locations: std::iter::once(main).chain(other).collect(),
        lead_form_ids: place.lead_form_id.into_iter().collect(),
        phone_required: true,
    }
}
