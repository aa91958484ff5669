//! An AWS account and two vendors on this machine, for `--local`, `dev` and the tests.

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

/// Opens the embedded cloud in `directory` for a deployment. If the manifest pins an account, a new cloud gets that
/// account.
///
/// # Errors
/// The state file can't be read.
pub fn open(directory: &Path, deployment: &Deployment) -> Result<Cloud> {
    let mut config = CloudConfig::default();
    if let Some(account) = &deployment.account {
        config.account.clone_from(account);
    }
    Cloud::open_with(&directory.join("cloud.json"), config)
}

/// SDK clients that call an embedded cloud in this process.
pub fn clients(cloud: &Cloud, deployment: &Deployment) -> Aws {
    Aws::for_local(&deployment.region, cloud.http_client(), None)
}
