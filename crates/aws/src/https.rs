//! The HTTP client for everything of AWS that is reached over the network, with rustls and ring.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use deployer_network::{NetworkSettings, is_always_direct};

/// The client for these settings.
pub(crate) fn build_https_client(settings: &NetworkSettings) -> SharedHttpClient {
    let mut trust = if settings.has_system_roots() { TrustStore::default() } else { TrustStore::empty() };
    if let Some(pem) = &settings.bundle_pem {
        trust.add_pem_certificate(pem.as_slice());
    }
    let context = TlsContext::builder().with_trust_store(trust).build().unwrap_or_default();
    let direct = build_client(context.clone(), ProxyConfig::disabled());
    if !settings.proxies.has_any() {
        return direct;
    }
    SharedHttpClient::new(RoutedClient { direct, proxied: build_client(context, ProxyConfig::from_env()) })
}

fn build_client(context: TlsContext, proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.clone())
            .proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.build()
    })
}

/// Goes through the proxy, except to this machine.
#[derive(Debug)]
struct RoutedClient {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

#[derive(Debug)]
struct RoutedConnector {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpClient for RoutedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(RoutedConnector {
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
        })
    }
}

impl HttpConnector for RoutedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: Option<http::Uri> = request.uri().parse().ok();
        match uri.as_ref().and_then(http::Uri::host).is_some_and(is_always_direct) {
            true => self.direct.call(request),
            false => self.proxied.call(request),
        }
    }
}
