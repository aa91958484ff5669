//! The clouds that shared tests run against.

use std::future::pending;

use deployer_aws::{Aws, IdentityOptions, https_client};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use tokio::net::TcpListener;

use crate::servers;
use crate::wire::{RecordedWrites, record_writes};

/// A kind of cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestCloud {
    /// The embedded cloud, in this process.
    InProcess,
    /// The embedded cloud, over a socket.
    OverHttp,
    Moto,
    Ministack,
    /// A real account, with credentials from the environment.
    Account,
}

/// An empty account, except for [`TestCloud::Account`].
pub struct OpenedCloud {
    pub aws: Aws,
    pub writes: RecordedWrites,
}

impl TestCloud {
    /// Opens the cloud.
    pub async fn open_account(self) -> OpenedCloud {
        let writes = RecordedWrites::default();
        let aws = match self {
            Self::InProcess => {
                let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
                Aws::for_local("us-east-1", record_writes(cloud.http_client(), &writes, None), None)
            }
            Self::OverHttp => {
                let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
                let uri = format!("http://{}", listener.local_addr().expect("the listener has an address"));
                // The task ends with the test's runtime.
                tokio::spawn(async move {
                    cloud.serve_requests(listener, deployer_cloud::CloudAccess::AnyCredentials, pending()).await
                });
                Aws::for_local("us-east-1", record_writes(https_client(), &writes, None), Some(&uri))
            }
            Self::Moto => return servers::start_moto().await.open_account(),
            Self::Ministack => return servers::start_ministack().await.open_account(),
            Self::Account => Aws::from_environment("us-east-1", &IdentityOptions::default()).await,
        };
        OpenedCloud { aws, writes }
    }
}
