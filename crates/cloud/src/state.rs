//! Everything in the account, as it is stored.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{
    apigateway, cloudwatch, elsewhere, events, iam, lambda, logs, scheduler, secretsmanager, sns, sqs, states,
};

/// The version of the stored format. It changes when older programs can no longer read the state.
pub(super) const FORMAT: u32 = 1;

/// The account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudState {
    pub(super) format: u32,
    pub account: String,
    seed: u64,
    drawn: u64,
    #[serde(default)]
    pub iam: iam::IamState,
    #[serde(default)]
    pub regions: BTreeMap<String, RegionState>,
}

/// What is in one region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionState {
    pub logs: logs::LogsState,
    pub events: events::EventBridgeState,
    pub secretsmanager: secretsmanager::SecretsManagerState,
    pub lambda: lambda::LambdaState,
    pub sqs: sqs::SqsState,
    pub cloudwatch: cloudwatch::CloudWatchState,
    pub apigateway: apigateway::ApiGatewayState,
    pub sns: sns::SnsState,
    pub scheduler: scheduler::SchedulerState,
    pub states: states::StepFunctionsState,
    #[serde(skip_serializing_if = "elsewhere::ElsewhereState::is_empty")]
    pub elsewhere: elsewhere::ElsewhereState,
}

static EMPTY: LazyLock<RegionState> = LazyLock::new(RegionState::default);

impl CloudState {
    pub(super) fn new(account: &str, seed: u64) -> Self {
        Self {
            format: FORMAT,
            account: account.to_owned(),
            seed,
            drawn: 0,
            iam: iam::IamState::default(),
            regions: BTreeMap::new(),
        }
    }

    /// Whether a role with this ARN exists that Lambda can assume.
    pub(super) fn has_role(&self, arn: &str) -> bool {
        self.iam.lambda_can_assume(arn, &self.account)
    }

    pub(super) fn region_state(&self, region: &str) -> &RegionState {
        self.regions.get(region).unwrap_or(&EMPTY)
    }

    pub(super) fn region_state_mut(&mut self, region: &str) -> &mut RegionState {
        self.regions.entry(region.to_owned()).or_default()
    }

    /// The next number of the sequence that starts at the seed (splitmix64).
    pub(super) fn next_random(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        mix_bits(self.seed.wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

pub(super) fn mix_bits(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
