//! A cloud and two vendors on this machine, for `--local`, for `dev` and for the tests.

pub mod cloud;
pub mod dev;
pub mod runtime;
pub mod sample;
pub mod sandbox;

use std::path::Path;

use crate::aws::Aws;
use crate::error::Result;
use crate::manifest::Deployment;
use cloud::{Cloud, CloudConfig};

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
