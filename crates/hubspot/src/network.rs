//! The HTTP client for vendors, in whatever network the deployer runs.

use deployer_network::{NetworkError, NetworkSettings};
use reqwest::{NoProxy, Proxy};

/// A client for HubSpot, Tripleseat and platforms, with the proxies and root certificates of the environment. The function
/// has a client of its own with built-in roots ([`sync_lambda::http::build_client`]).
///
/// # Errors
/// A setting of the environment that can't be used.
pub fn build_vendor_client() -> Result<reqwest::Client, NetworkError> {
    let settings = NetworkSettings::from_environment()?;
    let rules = &settings.proxies;
    let direct = NoProxy::from_string(&rules.direct);
    let mut proxies = Vec::new();
    for (variable, address, build) in [
        ("HTTPS_PROXY", &rules.https, (|address| Proxy::https(address)) as fn(&str) -> reqwest::Result<Proxy>),
        ("HTTP_PROXY", &rules.http, |address| Proxy::http(address)),
        ("ALL_PROXY", &rules.all, |address| Proxy::all(address)),
    ] {
        let Some(address) = address else { continue };
        let proxy = build(address).map_err(|_| NetworkError::Proxy { variable })?;
        proxies.push(proxy.no_proxy(direct.clone()));
    }
    sync_lambda::http::build_client_with(settings.root_certificates(), Some(proxies))
        .map_err(|_| NetworkError::Proxy { variable: "HTTPS_PROXY" })
}
