//! What a handler works with: the state, the time and the request's region.

use std::sync::Arc;

use jiff::Timestamp;

use super::blobs::BlobStore;
use super::state::{CloudState, RegionState};
use super::{CloudConfig, Invoker};
use deployer_core::arn::Arn;

/// The locked state during one request.
pub struct CloudContext<'a> {
    /// An entry that is borrowed mutably is written to the file. Handlers that only read must borrow immutably.
    pub state: &'a mut CloudState,
    /// Large contents, stored beside the state.
    pub blobs: &'a BlobStore,
    pub config: &'a CloudConfig,
    pub now: Timestamp,
    pub invoker: Option<Arc<dyn Invoker>>,
    region: String,
}

impl<'a> CloudContext<'a> {
    pub(super) fn new(
        state: &'a mut CloudState,
        blobs: &'a BlobStore,
        config: &'a CloudConfig,
        now: Timestamp,
        invoker: Option<Arc<dyn Invoker>>,
        region: String,
    ) -> Self {
        Self { state, blobs, config, now, invoker, region }
    }

    /// The request's region.
    pub fn request_region(&self) -> &str {
        &self.region
    }

    /// Switches to another region.
    pub fn switch_region(&mut self, region: &str) {
        region.clone_into(&mut self.region);
    }

    pub fn account_id(&self) -> &str {
        &self.state.account
    }

    /// What is in the request's region.
    pub fn region_state(&self) -> &RegionState {
        self.state.region_state(&self.region)
    }

    /// What is in the request's region, for changes.
    pub fn region_state_mut(&mut self) -> &mut RegionState {
        self.state.region_state_mut(&self.region)
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn build_arn(&self, service: &str, resource: &str) -> String {
        Arn { partition: "aws", service, region: &self.region, account: self.account_id(), resource }.to_string()
    }

    /// `arn:aws:iam::<account>:<resource>`.
    pub fn build_iam_arn(&self, resource: &str) -> String {
        Arn { partition: "aws", service: "iam", region: "", account: self.account_id(), resource }.to_string()
    }

    /// Seconds since 1970 with milliseconds, the time format of AWS's JSON protocols.
    pub fn epoch_s(&self) -> f64 {
        epoch_s(self.now)
    }

    /// Milliseconds since 1970.
    pub fn epoch_ms(&self) -> i64 {
        self.now.as_millisecond()
    }

    /// `length` random characters from `alphabet` (ASCII).
    pub fn random_text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length)
            .map(|_| {
                let number = self.state.next_random();
                usize::try_from(number % letters.len() as u64).ok().and_then(|at| letters.get(at)).copied()
            })
            .map(|letter| letter.unwrap_or('x'))
            .collect()
    }

    /// A random UUID (version 4).
    pub fn random_uuid(&mut self) -> String {
        format_uuid(self.state.next_random(), self.state.next_random())
    }
}

pub(super) fn epoch_s(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

pub(super) fn format_uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
