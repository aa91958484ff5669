//! What `--local` means, for every command: the embedded cloud of a running `deployer dev` of this manifest if there is
//! one, and otherwise the one kept in a file next to the manifest.
//!
//! No two processes write the same state: `dev` keeps its cloud in its own memory and is only asked through its port, and
//! the file is locked by whoever changes it.

use std::path::Path;

use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{Deployment, Manifest};

use crate::dev::RunningDev;

/// The cloud that `--local` uses.
pub enum LocalCloud {
    /// The one of a running `dev`.
    OfDev(Box<RunningDev>),
    /// The one in the state directory.
    InFile(EmbeddedCloud),
}

impl LocalCloud {
    /// Finds the local cloud of a manifest. `directory` is the state directory next to it.
    ///
    /// # Errors
    /// The file of a running `dev` or the cloud's state can't be read.
    pub fn find(directory: &Path, manifest: &Manifest) -> Result<Self> {
        match find_running_dev(directory, manifest)? {
            Some(dev) => Ok(Self::OfDev(Box::new(dev))),
            None => open_cloud(directory, &manifest.deployment).map(Self::InFile),
        }
    }

    /// SDK clients that call it.
    pub fn clients(&self, deployment: &Deployment) -> Aws {
        match self {
            Self::OfDev(dev) => dev.cloud_clients(&deployment.region),
            Self::InFile(cloud) => cloud_clients(cloud, deployment),
        }
    }
}

/// The running `dev` of a manifest. `directory` is the state directory next to it.
///
/// # Errors
/// What it wrote can't be read.
pub fn find_running_dev(directory: &Path, manifest: &Manifest) -> Result<Option<RunningDev>> {
    RunningDev::find(directory, &manifest.path).map_err(|error| {
        Error::failed(ErrorCode::DevNotRunning, "could not read the addresses of the running `deployer dev`")
            .caused_by(&error)
            .hint("end it with Ctrl-C and start it again")
    })
}

/// The error of a command that needs a running `dev`. `what` is what it does there: "verifies a venue".
pub fn no_running_dev(what: &str) -> Error {
    Error::usage(
        ErrorCode::DevNotRunning,
        format!("--local {what} in a running `deployer dev`, but none is running with this manifest"),
    )
    .hint("start `deployer dev` in another terminal, then run this again")
}

/// Opens the embedded cloud in `directory` for a deployment. If the manifest pins an account, a new cloud gets that
/// account.
///
/// # Errors
/// The state file can't be read.
pub fn open_cloud(directory: &Path, deployment: &Deployment) -> Result<EmbeddedCloud> {
    let mut config = CloudConfig::default();
    if let Some(account) = &deployment.account {
        config.account.clone_from(account);
    }
    EmbeddedCloud::open_file_with(&directory.join("cloud.json"), config)
}

/// SDK clients that call an embedded cloud in this process.
pub fn cloud_clients(cloud: &EmbeddedCloud, deployment: &Deployment) -> Aws {
    Aws::for_local(&deployment.region, cloud.http_client(), None)
}
