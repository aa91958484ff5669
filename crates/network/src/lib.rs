//! What a company's network asks of a client: a proxy, and root certificates of its own. Read from the environment once,
//! in one place, so that the clients of AWS, HubSpot and Tripleseat honor the same settings.
//!
//! - Root certificates are the system's (with `SSL_CERT_FILE` and `SSL_CERT_DIR`), and those in `AWS_CA_BUNDLE`, or else in
//!   `ca_bundle` of the AWS profile. Without any on the system, Mozilla's are built in.
//! - Proxies are `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, except for hosts in `NO_PROXY`. Never for this machine, nor
//!   for the addresses where an instance finds its metadata.

mod profile;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use profile::configured_bundle;
pub use profile::{choose_profile, with_profile};

/// Why the settings can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// A file of certificates that can't be read, or isn't one.
    #[error("could not read the certificates in {} ({variable}): {reason}", path.display())]
    Certificates { variable: &'static str, path: PathBuf, reason: String },
    /// A variable that isn't the address of a proxy. Its value may contain a password.
    #[error("{variable} is not the address of a proxy, such as http://proxy.example.com:3128")]
    Proxy { variable: &'static str },
}

/// The proxies, as their variables name them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    pub https: Option<String>,
    pub http: Option<String>,
    pub all: Option<String>,
    /// Hosts that are reached directly, as `NO_PROXY` lists them, and this machine.
    pub direct: String,
}

/// The settings of the environment.
#[derive(Debug, Clone, Default)]
pub struct NetworkSettings {
    pub proxies: ProxySettings,
    /// The certificates of `AWS_CA_BUNDLE` or `ca_bundle`, as they are in the file.
    pub bundle_pem: Option<Vec<u8>>,
    bundle: Vec<CertificateDer<'static>>,
    system: Vec<CertificateDer<'static>>,
}

/// Reached without a proxy, whatever `NO_PROXY` says: this machine, and the metadata of an instance or a container.
const ALWAYS_DIRECT: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fd00:ec2::/32";

impl NetworkSettings {
    /// Reads the environment and the files that it names.
    ///
    /// # Errors
    /// A file that is named can't be read, or has no certificates.
    pub fn from_environment() -> Result<Self, NetworkError> {
        let variable = |names: [&str; 2]| names.into_iter().find_map(given_variable);
        let direct = variable(["NO_PROXY", "no_proxy"]).map_or_else(String::new, |hosts| format!("{hosts},"));
        let proxies = ProxySettings {
            https: variable(["HTTPS_PROXY", "https_proxy"]),
            http: variable(["HTTP_PROXY", "http_proxy"]),
            all: variable(["ALL_PROXY", "all_proxy"]),
            direct: format!("{direct}{ALWAYS_DIRECT}"),
        };
        let (mut bundle_pem, mut bundle) = (None, Vec::new());
        let given = given_variable("AWS_CA_BUNDLE").map(|path| ("AWS_CA_BUNDLE", PathBuf::from(path)));
        if let Some((variable, path)) =
            given.or_else(|| configured_bundle().map(|path| ("ca_bundle in ~/.aws/config", path)))
        {
            let (pem, certificates) = read_certificates(variable, &path)?;
            (bundle_pem, bundle) = (Some(pem), certificates);
        }
        // The system's store would be used in its place without a word.
        if let Some(path) = given_variable("SSL_CERT_FILE") {
            read_certificates("SSL_CERT_FILE", Path::new(&path))?;
        }
        Ok(Self { proxies, bundle_pem, bundle, system: rustls_native_certs::load_native_certs().certs })
    }

    /// Whether the system has root certificates.
    pub fn has_system_roots(&self) -> bool {
        !self.system.is_empty()
    }

    /// All root certificates.
    pub fn root_certificates(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        if self.system.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        // A system's store may have certificates that nothing can parse anymore.
        roots.add_parsable_certificates(self.system.iter().chain(&self.bundle).cloned());
        roots
    }
}

impl ProxySettings {
    /// Whether any proxy is set.
    pub fn has_any(&self) -> bool {
        self.https.is_some() || self.http.is_some() || self.all.is_some()
    }
}

/// Whether a host is this machine, or where an instance or a container finds its metadata: never behind a proxy.
pub fn is_always_direct(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.segments()[..2] == [0xfd00, 0x0ec2],
        Err(_) => host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost"),
    }
}

/// A variable's value, unless it is empty.
fn given_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn read_certificates(
    variable: &'static str,
    path: &Path,
) -> Result<(Vec<u8>, Vec<CertificateDer<'static>>), NetworkError> {
    let failed = |reason: String| NetworkError::Certificates { variable, path: path.to_owned(), reason };
    let pem = bounds::read_regular_file(path, bounds::MAX_TEXT_FILE).map_err(|error| failed(error.to_string()))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = read.map_err(|error| failed(error.to_string()))?;
    let parsable = RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
    match (certificates.len(), parsable) {
        (0, _) => Err(failed("it has no certificate (PEM)".to_owned())),
        (_, (_, 0)) => Ok((pem, certificates)),
        (_, (_, bad)) => Err(failed(format!("{bad} of its certificates can't be used as a root"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_its_metadata_are_never_behind_a_proxy() {
        for host in
            ["localhost", "app.localhost", "127.0.0.1", "127.1.2.3", "[::1]", "169.254.169.254", "[fd00:ec2::254]"]
        {
            assert!(is_always_direct(host), "{host}");
        }
        for host in ["sts.us-east-1.amazonaws.com", "10.0.0.1", "[fd00::1]", "localhost.example.com"] {
            assert!(!is_always_direct(host), "{host}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let error = read_certificates("AWS_CA_BUNDLE", Path::new("Cargo.toml")).expect_err("it has none");
        assert_eq!(
            error.to_string(),
            "could not read the certificates in Cargo.toml (AWS_CA_BUNDLE): it has no certificate (PEM)"
        );
        let error = read_certificates("SSL_CERT_FILE", Path::new("/nowhere.pem")).expect_err("it isn't there");
        assert!(error.to_string().contains("/nowhere.pem (SSL_CERT_FILE): No such file"), "{error}");
    }
}
