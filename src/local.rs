//! A cloud and two vendors on this machine, for `--local`, for `dev` and for the tests.

use std::path::Path;

use deployer_aws::Aws;
use deployer_cloud::{Cloud, CloudConfig};
use deployer_core::error::Result;
use deployer_core::manifest::Deployment;

/// The embedded cloud that is kept in `directory`, for a deployment. An account that the manifest guards is the cloud's.
///
/// # Errors
/// The state there can't be read.
pub fn open(directory: &Path, deployment: &Deployment) -> Result<Cloud> {
    let mut config = CloudConfig::default();
    if let Some(account) = &deployment.account {
        config.account.clone_from(account);
    }
    Cloud::open_with(&directory.join("cloud.json"), config)
}

/// Clients of an embedded cloud, in this process.
pub fn clients(cloud: &Cloud, deployment: &Deployment) -> Aws {
    Aws::for_local(&deployment.region, cloud.http_client(), None)
}
