//! Asks for a consent, and exchanges the code that comes back for the first pair of tokens.
//!
//! <https://support.tripleseat.com/hc/en-us/articles/40652011678231-OAuth-2-0-Implementation>

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use sync_config::config::DestinationConfig;
use sync_lambda::credentials::{CredentialValue, OAuthClient, SyncCredentials};
use sync_lambda::destination::unauthorized::PresentedCredential;
use sync_lambda::destination::{LeadDestination, LookupResult, TokenAnswer, oauth_rejection, request_token};
use sync_lambda::error::{RunError, Side};
use sync_lambda::ledger::Attempt;
use sync_lambda::settings::SyncSettings;
use sync_lambda::tokens::{ConsentTokens, TokenPair};
use tokio::time::Instant;

use deployer_core::manifest::{OAuthConsent, Venue};
use deployer_hubspot::destination_settings;

/// Timeout of one request to Tripleseat.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Tripleseat's host for the API, and the one for people who sign in.
const HOSTS: (&str, &str) = ("api.", "login.");

/// A request for consent.
#[derive(Debug, Clone)]
pub struct ConsentRequest {
    /// Where whoever consents signs in.
    pub url: Url,
    redirect_uri: Url,
    /// As it is registered, which must be the same to the letter.
    registered: String,
    state: String,
}

/// Why an address isn't the answer to a request for consent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectProblem {
    /// It isn't the redirect URL at all.
    #[error("this is not the address that Tripleseat redirects to")]
    OtherAddress,
    /// It belongs to another request, or nobody asked for it.
    #[error("the redirect has another `state` than this request, so it answers another one")]
    WrongState,
    /// Whoever opened the page refused, or Tripleseat did.
    #[error("Tripleseat gave no consent: {0}")]
    Refused(String),
    /// There is neither a code nor an error.
    #[error("the redirect has no `code`")]
    NoCode,
}

impl ConsentRequest {
    /// A request for what the manifest says, with a `state` that nobody can guess.
    ///
    /// # Errors
    /// An address isn't a URL, or this system has no random numbers.
    pub fn new(base_uri: &str, client_id: &str, consent: &OAuthConsent) -> Result<Self, String> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| format!("could not get random numbers: {error}"))?;
        let state: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let parse = |text: &str| Url::parse(text).map_err(|error| format!("`{text}` isn't a URL: {error}"));
        let redirect_uri = parse(&consent.redirect_uri)?;
        let mut url = parse(base_uri)?;
        let login = url.host_str().and_then(|host| host.strip_prefix(HOSTS.0)).map(|rest| format!("{}{rest}", HOSTS.1));
        if let Some(login) = login {
            url.set_host(Some(&login)).map_err(|error| format!("`{login}` isn't a host: {error}"))?;
        }
        url.set_path("/oauth2/authorize");
        url.query_pairs_mut()
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &consent.redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("scope", &consent.scopes)
            .append_pair("state", &state);
        Ok(Self { url, redirect_uri, registered: consent.redirect_uri.clone(), state })
    }

    /// The redirect URL, as it is registered.
    pub fn redirect_uri(&self) -> &str {
        &self.registered
    }

    /// Where to wait for the redirect; `None` if it doesn't lead to this machine without TLS.
    pub fn loopback_address(&self) -> Option<SocketAddr> {
        let host = self.redirect_uri.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let address = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host.parse::<IpAddr>().ok().filter(IpAddr::is_loopback)?,
        };
        let port = self.redirect_uri.port_or_known_default()?;
        (self.redirect_uri.scheme() == "http").then(|| SocketAddr::new(address, port))
    }

    /// The code in a redirect: a whole URL, as a browser shows it, or only its path and query.
    ///
    /// # Errors
    /// It isn't the answer to this request, or it says that there is no consent. Its values aren't shown.
    pub fn read_redirect(&self, target: &str) -> Result<CredentialValue, RedirectProblem> {
        let url = self.redirect_uri.join(target.trim()).map_err(|_| RedirectProblem::OtherAddress)?;
        let same = |url: &Url| {
            (url.scheme().to_owned(), url.host_str().map(ToOwned::to_owned), url.port(), url.path().to_owned())
        };
        if same(&url) != same(&self.redirect_uri) {
            return Err(RedirectProblem::OtherAddress);
        }
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if value("code").is_none() && value("error").is_none() {
            return Err(RedirectProblem::NoCode);
        }
        // First of all, since everything else could have been made up by another page.
        if value("state").as_deref() != Some(self.state.as_str()) {
            return Err(RedirectProblem::WrongState);
        }
        if let Some(error) = value("error") {
            let words = value("error_description").map_or(error.clone(), |words| format!("{error}: {words}"));
            let plain = words.chars().filter(|char| !char.is_control()).take(200).collect();
            return Err(RedirectProblem::Refused(plain));
        }
        let code = value("code").map(|code| CredentialValue::new(&code)).filter(|code| !code.expose().is_empty());
        code.ok_or(RedirectProblem::NoCode)
    }

    /// Exchanges a code for the first pair of tokens.
    ///
    /// # Errors
    /// The code or the application is refused, or there is no usable response.
    pub async fn exchange_code(
        &self,
        client: &reqwest::Client,
        base_uri: &str,
        identity: &OAuthClient,
        code: &CredentialValue,
    ) -> Result<TokenPair, RunError> {
        let grant =
            [("grant_type", "authorization_code"), ("code", code.expose()), ("redirect_uri", self.registered.as_str())];
        match request_token(&client.clone().into(), base_uri, identity, &grant, TIMEOUT).await {
            TokenAnswer::Issued(issued) => match issued.refresh.clone() {
                Some(refresh) => Ok(TokenPair::from_issued(issued, &refresh)),
                None => Err(RunError::Refused {
                    side: Side::Destination,
                    request: "POST /oauth2/token".to_owned(),
                    message: "the response has no refresh token, so the access could not be renewed".to_owned(),
                }),
            },
            TokenAnswer::Refused { answer, path } => {
                let shown = PresentedCredential::ConsentCode(identity);
                Err(oauth_rejection(shown, identity, None, &answer, &format!("POST {path}")))
            }
            TokenAnswer::Failed(message) => Err(RunError::Unavailable { side: Side::Destination, message }),
        }
    }
}

/// Checks that a pair can do what it is for: read leads, and those of the manifest's site. Returns its sites, if it may
/// read them.
///
/// # Errors
/// Tripleseat refuses the access token, it belongs to another site, or there is no usable response.
pub async fn check_tokens(
    client: &reqwest::Client,
    venue: &Venue,
    identity: &OAuthClient,
    pair: &TokenPair,
) -> Result<Vec<u64>, RunError> {
    // These are never used: HubSpot isn't called, and no lead is created.
    let unused = CredentialValue::new("");
    let credentials = SyncCredentials {
        hubspot_token: unused.clone(),
        tripleseat_public_key: Some(unused),
        tripleseat_oauth: Some(identity.clone()),
        tripleseat_tokens: Some(ConsentTokens::new(identity.clone(), pair.clone())),
        destination_credential: None,
    };
    let settings = SyncSettings { answer_timeout: Some(TIMEOUT), ..destination_settings(venue) };
    let destination = LeadDestination::new(client.clone(), &settings, &credentials, Instant::now() + 4 * TIMEOUT)?;
    // What every look-up asks, about an attempt that nobody made.
    let attempt = Attempt::new("0", Timestamp::now());
    match destination.look_up_attempt(&attempt).await {
        LookupResult::Found(_) | LookupResult::NotThere => {}
        LookupResult::Unknown(message) => return Err(RunError::Unavailable { side: Side::Destination, message }),
        LookupResult::Refused(error) => return Err(error),
    }
    let LeadDestination::Tripleseat(tripleseat) = &destination else { return Ok(Vec::new()) };
    let sites = match tripleseat.oauth_access().await {
        Ok(access) => access.map(|access| access.site_ids).unwrap_or_default(),
        // Another scope than that for leads.
        Err(RunError::Credential { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let DestinationConfig::Tripleseat(place) = &venue.destination else { return Ok(sites) };
    match place.site_id {
        Some(site_id) if !sites.contains(&site_id) => Err(RunError::WrongAccount(format!(
            "the consent is for site {}, but the manifest says site {site_id}",
            sites.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        ))),
        _ => Ok(sites),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(redirect_uri: &str) -> ConsentRequest {
        let consent =
            OAuthConsent { redirect_uri: redirect_uri.to_owned(), scopes: "leads:read events:read".to_owned() };
        ConsentRequest::new("https://api.tripleseat.com", "uid&1", &consent).expect("valid")
    }

    #[test]
    fn asks_at_the_login_host_with_an_unguessable_state() {
        let asked = request("http://127.0.0.1:8971/callback");
        let state = asked.state.clone();
        assert_eq!(
            asked.url.as_str(),
            format!(
                "https://login.tripleseat.com/oauth2/authorize?client_id=uid%261&redirect_uri=http%3A%2F%2F127.0.0.1%3A8971%2F\
                 callback&response_type=code&scope=leads%3Aread+events%3Aread&state={state}"
            )
        );
        assert!(state.len() == 32 && state != request("http://127.0.0.1:8971/callback").state);
        let local = OAuthConsent { redirect_uri: "http://127.0.0.1:1/".to_owned(), scopes: String::new() };
        let local = ConsentRequest::new("http://127.0.0.1:9", "x", &local).expect("valid");
        assert!(local.url.as_str().starts_with("http://127.0.0.1:9/oauth2/authorize?"), "{}", local.url);
    }

    #[test]
    fn waits_only_on_this_machine() {
        for (uri, address) in [
            ("http://127.0.0.1:8971/callback", Some("127.0.0.1:8971")),
            ("http://localhost:80/callback", Some("127.0.0.1:80")),
            ("http://[::1]:8971/", Some("[::1]:8971")),
            ("https://127.0.0.1:8971/callback", None),
            ("https://example.com/callback", None),
        ] {
            assert_eq!(request(uri).loopback_address(), address.map(|text| text.parse().expect("an address")), "{uri}");
        }
    }

    #[test]
    fn reads_the_code_only_from_the_answer_to_this_request() {
        let asked = request("https://example.com/callback");
        let state = asked.state.clone();
        let code = |target: String| asked.read_redirect(&target).map(|code| code.expose().to_owned());
        assert_eq!(code(format!(" https://example.com/callback?code=abc&state={state}\n")), Ok("abc".to_owned()));
        assert_eq!(code(format!("/callback?state={state}&code=a%2Bc")), Ok("a+c".to_owned()));
        for (target, problem) in [
            (format!("https://example.com/other?code=abc&state={state}"), RedirectProblem::OtherAddress),
            (format!("https://example.org/callback?code=abc&state={state}"), RedirectProblem::OtherAddress),
            ("https://example.com/callback?code=abc&state=another".to_owned(), RedirectProblem::WrongState),
            ("https://example.com/callback?code=abc".to_owned(), RedirectProblem::WrongState),
            ("https://example.com/callback?error=access_denied".to_owned(), RedirectProblem::WrongState),
            (format!("https://example.com/callback?state={state}"), RedirectProblem::NoCode),
            (format!("https://example.com/callback?code=&state={state}"), RedirectProblem::NoCode),
            ("https://example.com/callback".to_owned(), RedirectProblem::NoCode),
            (
                format!("https://example.com/callback?error=access_denied&error_description=No%0A&state={state}"),
                RedirectProblem::Refused("access_denied: No".to_owned()),
            ),
        ] {
            assert_eq!(code(target.clone()), Err(problem), "{target}");
        }
    }
}
