//! Looks names up, and refuses those that lead to where nothing may be sent.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sync_config::address::refuse_address;

type LookUp = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names with the system's resolver. The addresses that a name has at the moment of the connection are those that
/// are checked, so it can't have had others before.
pub(super) struct CheckedResolver {
    look_up: Arc<dyn Fn(String) -> LookUp + Send + Sync>,
}

impl Default for CheckedResolver {
    fn default() -> Self {
        Self {
            look_up: Arc::new(|host| Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })),
        }
    }
}

impl CheckedResolver {
    /// A resolver that knows only these addresses.
    #[cfg(test)]
    pub(super) fn with_addresses(addresses: Vec<SocketAddr>) -> Self {
        Self {
            look_up: Arc::new(move |_| {
                let addresses = addresses.clone();
                Box::pin(async move { Ok(addresses) })
            }),
        }
    }
}

/// A name that leads to where nothing may be sent.
#[derive(Debug)]
struct RefusedName {
    name: String,
    why: &'static str,
}

impl fmt::Display for RefusedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing is sent to what {} resolves to: {}", self.name, self.why)
    }
}

impl Error for RefusedName {}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = found.await?;
            // One that may be used doesn't excuse another: which of them is connected to isn't decided here.
            match addresses.iter().find_map(|address| refuse_address(address.ip())) {
                Some(why) => Err(RefusedName { name: name.as_str().to_owned(), why }.into()),
                None => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}
