//! An AWS account and two vendors on this machine, for `--local`, `dev` and the tests.

use std::path::Path;

use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::error::Result;
use deployer_core::manifest::Deployment;

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
