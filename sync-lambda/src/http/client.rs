//! The client of a run: whatever it sends passes the run's fence.

use std::fmt;
use std::fmt::Display;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::{IntoUrl, Method, RequestBuilder};
use serde::Serialize;

use crate::lease::RunFence;

/// Answers requests in this process, without a network.
pub type LocalExchange = dyn Fn(reqwest::Request) -> BoxFuture<'static, http::Response<Vec<u8>>> + Send + Sync;

/// An HTTP client with the fence of a run. Everything that a run reads from and writes to vendors is given this client and
/// no other, so no request can go around the fence. The deployer's own requests belong to no run, and their fence is open.
#[derive(Clone)]
pub struct VendorClient {
    client: reqwest::Client,
    fence: RunFence,
    exchange: Option<Arc<LocalExchange>>,
}

impl VendorClient {
    /// A client that sends nothing once the fence has closed.
    pub fn behind_fence(client: reqwest::Client, fence: RunFence) -> Self {
        Self { client, fence, exchange: None }
    }

    /// A client whose requests are answered by `exchange`, for tests in virtual time, in which no network can be waited for.
    #[must_use]
    pub fn with_exchange(self, exchange: Arc<LocalExchange>) -> Self {
        Self { exchange: Some(exchange), ..self }
    }

    /// The fence.
    pub fn fence(&self) -> &RunFence {
        &self.fence
    }

    /// A `GET`.
    pub fn get(&self, url: impl IntoUrl) -> VendorRequest {
        self.request(Method::GET, url)
    }

    /// A `POST`.
    pub fn post(&self, url: impl IntoUrl) -> VendorRequest {
        self.request(Method::POST, url)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> VendorRequest {
        let (fence, exchange) = (self.fence.clone(), self.exchange.clone());
        VendorRequest { request: self.client.request(method, url), fence, exchange }
    }
}

impl From<reqwest::Client> for VendorClient {
    fn from(client: reqwest::Client) -> Self {
        Self::behind_fence(client, RunFence::default())
    }
}

impl fmt::Debug for VendorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorClient").field("fence", &self.fence).finish_non_exhaustive()
    }
}

/// A request that is sent only while its fence is open ([`super::send_request`]).
pub struct VendorRequest {
    request: RequestBuilder,
    fence: RunFence,
    exchange: Option<Arc<LocalExchange>>,
}

impl fmt::Debug for VendorRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorRequest").field("fence", &self.fence).finish_non_exhaustive()
    }
}

impl From<RequestBuilder> for VendorRequest {
    fn from(request: RequestBuilder) -> Self {
        Self { request, fence: RunFence::default(), exchange: None }
    }
}

impl VendorRequest {
    pub(super) fn into_parts(self) -> (RequestBuilder, RunFence, Option<Arc<LocalExchange>>) {
        (self.request, self.fence, self.exchange)
    }

    fn change(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self { request: change(self.request), ..self }
    }

    /// Adds `Authorization: Bearer TOKEN`.
    #[must_use]
    pub fn bearer_auth(self, token: impl Display) -> Self {
        self.change(|request| request.bearer_auth(token))
    }

    /// Adds `Authorization: Basic …`.
    #[must_use]
    pub fn basic_auth(self, user: &str, password: Option<&str>) -> Self {
        self.change(|request| request.basic_auth(user, password))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: impl AsRef<str>) -> Self {
        self.change(|request| request.header(name, value.as_ref()))
    }

    /// Adds parameters of the query.
    #[must_use]
    pub fn query<T: Serialize + ?Sized>(self, parameters: &T) -> Self {
        self.change(|request| request.query(parameters))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        self.change(|request| request.json(body))
    }

    /// Sets the body of a form.
    #[must_use]
    pub fn form<T: Serialize + ?Sized>(self, fields: &T) -> Self {
        self.change(|request| request.form(fields))
    }
}
