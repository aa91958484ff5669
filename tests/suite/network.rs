//! A company's network: nothing is reached but through a proxy, which inspects TLS with a private certificate authority.

use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::duplicates::account::DuplicatesSandbox;

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/certificates/ca.pem");

/// A proxy that answers in place of every host: with the certificate of the private authority, and from the sandboxes.
struct InspectingProxy {
    address: String,
    tunnels: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

impl InspectingProxy {
    /// `upstream` says which server answers for a host.
    fn new(upstream: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("the runtime starts");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (tunnels, acceptor, upstream) = (Arc::<Mutex<Vec<String>>>::default(), tls_acceptor(), Arc::new(upstream));
        let kept = tunnels.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tunnels, acceptor, upstream) = (tunnels.clone(), acceptor.clone(), upstream.clone());
                tokio::spawn(async move {
                    let _ = open_tunnel(stream, &tunnels, &acceptor, &*upstream).await;
                });
            }
        });
        Self { address, tunnels: kept, _runtime: runtime }
    }

    /// The hosts that tunnels were opened to, each once.
    fn hosts(&self) -> Vec<String> {
        let mut hosts = self.tunnels.lock().expect("no panic").clone();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

fn tls_acceptor() -> TlsAcceptor {
    let pem = |name: &str| {
        let path = format!("{}/tests/suite/certificates/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).expect("the file is there")
    };
    let chain = CertificateDer::pem_slice_iter(&pem("server.pem")).collect::<Result<Vec<_>, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(&pem("server.key")).expect("PEM");
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key is the certificate's");
    TlsAcceptor::from(Arc::new(config))
}

async fn open_tunnel(
    mut client: TcpStream,
    tunnels: &Mutex<Vec<String>>,
    acceptor: &TlsAcceptor,
    upstream: &(dyn Fn(&str) -> String + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let Some(host) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(':').next()) else {
        tunnels.lock().expect("no panic").push(format!("not a tunnel: {head}"));
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n").await;
    };
    tunnels.lock().expect("no panic").push(host.to_owned());
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let (mut from_client, mut to_client) = tokio::io::split(acceptor.accept(client).await?);
    let server = TcpStream::connect(upstream(host).trim_start_matches("http://")).await?;
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    // The servers of the tests answer to this machine's name only.
    let (asked, local) = (format!("host: {host}\r\n"), "host: 127.0.0.1\r\n");
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = from_client.read(&mut chunk).await?;
        if length == 0 {
            answers.abort();
            return Ok(());
        }
        let sent = String::from_utf8_lossy(&chunk[..length]).replace(&asked, local);
        to_server.write_all(sent.as_bytes()).await?;
    }
}

fn run_doctor(sandbox: &DuplicatesSandbox, variables: &[(&str, &str)]) -> String {
    let mut command = sandbox.site.deployer_command(&["doctor", "a"]);
    command.env("TOKEN_a", "token-of-the-portal").env_remove("AWS_ENDPOINT_URL").env("AWS_MAX_ATTEMPTS", "1");
    let output = command.envs(variables.iter().copied()).output().expect("it starts");
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// The sandbox's servers, with a manifest that says where the vendors really are.
fn sandbox_behind_proxy() -> (DuplicatesSandbox, InspectingProxy) {
    let sandbox = DuplicatesSandbox::new();
    let manifest = std::fs::read_to_string(sandbox.site.path().join("venues.toml")).expect("the manifest");
    let elsewhere: Vec<&str> = manifest.lines().filter(|line| !line.starts_with("base_uri")).collect();
    sandbox.site.write_file("venues.toml", &elsewhere.join("\n"));
    let [tripleseat, hubspot] = sandbox.server_addresses();
    let aws = sandbox.site.cloud_address().to_owned();
    let proxy = InspectingProxy::new(move |host| match host {
        "api.hubapi.com" => hubspot.clone(),
        "api.tripleseat.com" => tripleseat.clone(),
        _ => aws.clone(),
    });
    (sandbox, proxy)
}

#[test]
fn every_client_goes_through_the_proxy_and_trusts_the_companys_authority() {
    for bundle in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let (sandbox, proxy) = sandbox_behind_proxy();
        let text = run_doctor(&sandbox, &[("HTTPS_PROXY", &proxy.address), (bundle, CA)]);
        assert!(text.contains("  ✓ identity") && text.contains("✓ HubSpot token"), "{bundle}: {text}");
        let hosts = proxy.hosts();
        for host in ["sts.us-east-1.amazonaws.com", "iam.amazonaws.com", "api.hubapi.com", "api.tripleseat.com"] {
            assert!(hosts.iter().any(|there| there == host), "{bundle}: {host} is not in {hosts:?}: {text}");
        }
        assert!(hosts.iter().all(|host| !host.starts_with("not a tunnel")), "{hosts:?}");
    }
}

/// The profile's own bundle, chosen as the profile is: by its flag, its variable, or as the default.
#[test]
fn the_bundle_of_the_profile_is_trusted() {
    let (sandbox, proxy) = sandbox_behind_proxy();
    let config = sandbox.site.path().join("aws-config");
    sandbox
        .site
        .write_file("aws-config", &format!("[profile work]\nca_bundle = {CA}\n[default]\nregion = eu-west-1\n"));
    let config = config.to_str().expect("a path");
    let of_company = [("HTTPS_PROXY", proxy.address.as_str()), ("AWS_CONFIG_FILE", config), ("AWS_PROFILE", "work")];
    let text = run_doctor(&sandbox, &of_company);
    assert!(text.contains("  ✓ identity") && text.contains("✓ HubSpot token"), "{text}");
    let text = run_doctor(&sandbox, &of_company[..2]);
    assert!(text.contains("  ? identity"), "the default profile has none: {text}");
    sandbox.site.write_file("aws-config", "[profile work]\nca_bundle = /nowhere/ca.pem\n");
    let text = run_doctor(&sandbox, &of_company);
    assert!(text.contains("could not read the certificates in /nowhere/ca.pem (ca_bundle in ~/.aws/config)"), "{text}");
}

/// Settings for endpoints reach the generated clients and the signed ones alike, from the environment and the profile.
#[test]
fn every_client_uses_the_endpoints_for_fips_and_both_protocols() {
    let fips = [
        "sts-fips.us-east-1.amazonaws.com",
        "iam-fips.amazonaws.com",
        "lambda-fips.us-east-1.amazonaws.com",
        "secretsmanager-fips.us-east-1.amazonaws.com",
        "events-fips.us-east-1.amazonaws.com",
        "logs-fips.us-east-1.amazonaws.com",
        "tagging-fips.us-east-1.amazonaws.com",
    ];
    let dual_stack = ["sts.us-east-1.api.aws"];
    let by_profile = |setting: &'static str| [("AWS_PROFILE", setting), ("AWS_CONFIG_FILE", "aws-config")];
    for (settings, expected) in [
        (&[("AWS_USE_FIPS_ENDPOINT", "true")][..], &fips[..]),
        (&by_profile("fips")[..], &fips),
        // The proxy has no certificate for these hosts, so the first call is the last one.
        (&[("AWS_USE_DUALSTACK_ENDPOINT", "true")], &dual_stack),
        (&by_profile("dual"), &dual_stack),
    ] {
        let (sandbox, proxy) = sandbox_behind_proxy();
        let profiles = "[profile fips]\nuse_fips_endpoint = true\n[profile dual]\nuse_dualstack_endpoint = true\n";
        sandbox.site.write_file("aws-config", profiles);
        let mut command = sandbox.site.deployer_command(&["plan", "--artifact", "bootstrap"]);
        command.env_remove("AWS_ENDPOINT_URL").env("AWS_MAX_ATTEMPTS", "1").env("AWS_CA_BUNDLE", CA);
        let output = command.env("HTTPS_PROXY", &proxy.address).envs(settings.iter().copied()).output();
        let text = String::from_utf8_lossy(&output.expect("it starts").stderr).into_owned();
        let hosts = proxy.hosts();
        for host in expected {
            assert!(hosts.iter().any(|there| there == host), "{settings:?}: {host} is not in {hosts:?}: {text}");
        }
        let usual = |host: &&String| host.ends_with(".amazonaws.com") && !host.contains("-fips");
        assert_eq!(hosts.iter().find(usual), None, "{settings:?}");
    }
}

#[test]
fn without_the_authority_no_client_accepts_the_proxys_certificate() {
    let (sandbox, proxy) = sandbox_behind_proxy();
    let text = run_doctor(&sandbox, &[("HTTPS_PROXY", &proxy.address)]);
    assert!(text.contains("  ? identity") && text.contains("AWS_CA_BUNDLE"), "{text}");
    assert!(text.contains("? HubSpot token"), "{text}");
}

#[test]
fn this_machine_and_no_proxy_are_reached_directly() {
    let sandbox = DuplicatesSandbox::new();
    let proxy = InspectingProxy::new(|_| String::new());
    let aws = sandbox.site.cloud_address().to_owned();
    let proxied = [("HTTPS_PROXY", proxy.address.as_str()), ("HTTP_PROXY", &proxy.address), ("AWS_ENDPOINT_URL", &aws)];
    let text = run_doctor(&sandbox, &proxied);
    assert!(text.contains("  ✓ identity") && text.contains("✓ HubSpot token"), "{text}");
    assert_eq!(proxy.hosts(), Vec::<String>::new());

    // Nothing listens there: it fails without the proxy's help.
    let aws = "http://nowhere.invalid:1";
    let direct = [("HTTP_PROXY", proxy.address.as_str()), ("AWS_ENDPOINT_URL", aws), ("NO_PROXY", ".invalid")];
    let text = run_doctor(&sandbox, &direct);
    assert!(text.contains("  ? identity"), "{text}");
    assert_eq!(proxy.hosts(), Vec::<String>::new());
}

#[test]
fn a_bundle_that_cannot_be_read_is_named() {
    let sandbox = DuplicatesSandbox::new();
    let text = run_doctor(&sandbox, &[("AWS_CA_BUNDLE", "/nowhere/ca.pem")]);
    assert!(text.contains("could not read the certificates in /nowhere/ca.pem (AWS_CA_BUNDLE)"), "{text}");
}
