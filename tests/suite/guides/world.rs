//! What a page's reader has: an AWS account, a HubSpot portal, Tripleseat accounts, and the installed deployer.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use deployer_cloud::runtime::{LambdaRuntime, RuntimeConfig};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_sandbox::vendors::{AUTOMATION, HUBSPOT_SCOPES};
use deployer_sandbox::{
    SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer, SandboxTripleseat, SandboxTripleseatConfig,
    TripleseatAccount, TripleseatLocation,
};
use jiff::SignedDuration;
use tokio::net::TcpListener;

use super::page::{GuideCommand, GuidePage, GuideStep, is_as_written};
use crate::installed::release_archive;
use crate::processes::exit_and_output;

/// Commands that ask before they change something. A page shows them without `--yes`, since its reader is asked.
const ASKING: [&str; 9] =
    ["apply", "destroy", "restore", "decommission", "move", "retry", "rollback", "adopt", "migrate-flag"];

pub struct GuideWorld {
    room: tempfile::TempDir,
    pub cloud: EmbeddedCloud,
    pub hubspot: SandboxHubSpot,
    address: String,
    servers: [SandboxServer; 2],
}

impl GuideWorld {
    pub async fn new() -> Self {
        let room = tempfile::tempdir().expect("a directory");
        let clock = SandboxClock::system();
        let hubspot = SandboxHubSpot::new(SandboxHubSpotConfig {
            portal_id: 1_234_567,
            clock: clock.clone(),
            search_lag: SignedDuration::ZERO,
            limits: false,
        });
        hubspot.add_token("admin", &[&HUBSPOT_SCOPES[..], &[AUTOMATION]].concat());
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock, limits: false });
        for (number, venue) in [(1, "mill"), (2, "loft"), (3, "pier")] {
            for token in ["", "-new"] {
                let scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read"];
                hubspot.add_token(&format!("token-{venue}{token}"), &scopes);
            }
            let account = |site_id, public_key: String| TripleseatAccount {
                site_id,
                name: format!("Account of {venue}"),
                public_key,
                oauth: Some((format!("client-{venue}"), format!("secret-{venue}"))),
                locations: vec![TripleseatLocation { id: 1000 * number, name: "Main".to_owned() }],
                lead_form_ids: Vec::new(),
                phone_required: false,
            };
            tripleseat.add_account(account(number, format!("key-{venue}")));
            tripleseat.add_account(account(number + 100, format!("key-{venue}-new")));
        }
        let start = async |router| SandboxServer::start(router).await.expect("a port is free");
        let servers = [start(hubspot.api_router()).await, start(tripleseat.api_router()).await];
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("the listener has an address"));
        let config =
            RuntimeConfig { directory: room.path().join("code"), cloud_uri: address.clone(), credentials: None };
        cloud.set_invoker(Arc::new(LambdaRuntime::new(config)));
        let served = cloud.clone();
        tokio::spawn(async move {
            served.serve_requests(listener, deployer_cloud::CloudAccess::AnyCredentials, std::future::pending()).await
        });
        let world = Self { room, cloud, hubspot, address, servers };
        world.install_deployer().await;
        world
    }

    /// Installs the release archive, as the README says.
    async fn install_deployer(&self) {
        let mut install = Command::new("sh");
        install.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh")).arg("--prefix");
        install.arg(self.room.path().join("prefix")).arg(release_archive().await);
        let (code, printed) = exit_and_output(&install.output().expect("sh is there"));
        assert_eq!(code, 0, "{printed}");
        std::fs::create_dir(self.work()).expect("the directory can be made");
        // A page that is about the repository's own files finds them here.
        let docs = self.work().join("docs");
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs"), docs).expect("the link can be made");
    }

    fn work(&self) -> PathBuf {
        self.room.path().join("work")
    }

    /// Points every manifest at the sandboxes: a page's reader has the vendors themselves.
    fn point_at_sandboxes(&self) {
        let directories = [self.work(), self.work().join("venues")];
        for entry in directories.iter().flat_map(std::fs::read_dir).flatten() {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            for (start, server) in [("[hubspot]", &self.servers[0]), ("kind", &self.servers[1])] {
                let line = format!("base_uri = \"{}\"", server.uri);
                let mut at = 0;
                while at < lines.len() {
                    let is_start =
                        lines[at].starts_with(start) && (start != "kind" || lines[at].contains("tripleseat"));
                    at += 1;
                    if is_start && lines.get(at) != Some(&line) {
                        lines.insert(at, line.clone());
                    }
                }
            }
            let pointed = lines.join("\n") + "\n";
            if pointed != text {
                std::fs::write(path, pointed).expect("it can be written");
            }
        }
    }

    /// Runs a command as the page has it, with the variables that earlier ones exported.
    async fn run_command(&self, command: &GuideCommand) -> (i32, Vec<String>) {
        self.point_at_sandboxes();
        let state = self.room.path().join("exported");
        let mut text = command.text.clone();
        let name = text.strip_prefix("deployer ").and_then(|rest| rest.split_whitespace().next());
        let asks = name.is_some_and(|name| ASKING.contains(&name));
        if asks && !["--yes", "--dry-run", "--help"].iter().any(|flag| text.contains(flag)) {
            text.push_str(" --yes");
        }
        let script = format!(
            "touch {state}; source {state}\n{text}\nresult=$?\nexport -p | grep -v ' PATH=' > {state}\nexit $result",
            state = state.display()
        );
        let mut bash = Command::new("bash");
        bash.args(["-o", "pipefail", "-c", &script]).current_dir(self.work()).env_clear();
        bash.env("PATH", format!("{}:/usr/bin:/bin", self.room.path().join("prefix/bin").display()));
        bash.env("HOME", self.room.path())
            .env("AWS_ENDPOINT_URL", &self.address)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        bash.env("AWS_ACCESS_KEY_ID", "reader").env("AWS_SECRET_ACCESS_KEY", "secret");
        bash.stdin(Stdio::null());
        let output =
            tokio::task::spawn_blocking(move || bash.output()).await.expect("no panic").expect("bash is there");
        let (code, printed) = exit_and_output(&output);
        (code, printed.lines().map(|line| line.trim_end().to_owned()).collect())
    }

    /// Does what a page says, step by step. `event` does what happens outside.
    ///
    /// With `GUIDES_UPDATE=1`, the page gets what its commands print now.
    pub async fn follow_page(&self, name: &str, event: impl AsyncFn(&Self, &str)) {
        let page = GuidePage::read(name);
        let mut different = Vec::new();
        for step in &page.steps {
            match step {
                GuideStep::Event(name) => event(self, name).await,
                GuideStep::WriteFile { name, append, text } => {
                    let path = self.work().join(name);
                    let before =
                        if *append { std::fs::read_to_string(&path).expect("it is there") } else { String::new() };
                    std::fs::write(path, before + text).expect("it can be written");
                }
                GuideStep::Command(command) => {
                    let (code, printed) = self.run_command(command).await;
                    if code != command.exit_code || !is_as_written(&command.output, &printed) {
                        different.push((command, code, printed));
                    }
                    if code != command.exit_code {
                        break;
                    }
                }
            }
        }
        if std::env::var_os("GUIDES_UPDATE").is_some() {
            page.update(&different.iter().map(|(command, _, printed)| (*command, printed)).collect::<Vec<_>>());
            different.retain(|(command, code, _)| *code != command.exit_code);
        }
        let different: Vec<String> = different
            .iter()
            .map(|(command, code, printed)| {
                let (line, text, printed) = (command.line, &command.text, printed.join("\n"));
                format!("docs/{name}:{line}: $ {text}\n{printed}\n(exit code {code}, expected {})", command.exit_code)
            })
            .collect();
        assert!(
            different.is_empty(),
            "commands do something else than the page says (GUIDES_UPDATE=1 writes what they print):\n{}",
            different.join("\n\n")
        );
    }
}
