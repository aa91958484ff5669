//! The client of a run: whatever it sends passes the run's fence.

use std::fmt::Display;

use reqwest::{IntoUrl, Method, RequestBuilder};
use serde::Serialize;

use crate::lease::RunFence;

/// An HTTP client with the fence of a run. Everything that a run reads from and writes to vendors is given this client and
/// no other, so no request can go around the fence. The deployer's own requests belong to no run, and their fence is open.
#[derive(Debug, Clone)]
pub struct VendorClient {
    client: reqwest::Client,
    fence: RunFence,
}

impl VendorClient {
    /// A client that sends nothing once the fence has closed.
    pub fn behind_fence(client: reqwest::Client, fence: RunFence) -> Self {
        Self { client, fence }
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
        VendorRequest { request: self.client.request(method, url), fence: self.fence.clone() }
    }
}

impl From<reqwest::Client> for VendorClient {
    fn from(client: reqwest::Client) -> Self {
        Self { client, fence: RunFence::default() }
    }
}

/// A request that is sent only while its fence is open ([`super::send_request`]).
#[derive(Debug)]
pub struct VendorRequest {
    request: RequestBuilder,
    fence: RunFence,
}

impl From<RequestBuilder> for VendorRequest {
    fn from(request: RequestBuilder) -> Self {
        Self { request, fence: RunFence::default() }
    }
}

impl VendorRequest {
    pub(super) fn into_parts(self) -> (RequestBuilder, RunFence) {
        (self.request, self.fence)
    }

    fn change(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self { request: change(self.request), fence: self.fence }
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
